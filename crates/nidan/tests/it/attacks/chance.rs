//! What is drawn by lot cannot be guessed: long enough, never twice, and leaning to no side.

use std::collections::{BTreeMap, BTreeSet};

use nidan::app::Random;
use nidan_core::id::{self, AccountId, SessionId};
use nidan_core::tag::{TAGS, Tag};
use nidan_core::token::{Token, TokenKind};
use serde_json::json;

use super::story::{Door, World, seed_in};
use crate::app::{TestServer, on_both_databases};

on_both_databases! {
    t43_every_app_gets_a_seed_of_160_bits_of_its_own
    t43_every_sign_in_gets_codes_and_tokens_of_its_own
}

async fn t43_every_app_gets_a_seed_of_160_bits_of_its_own(server: &TestServer) {
    const APPS: usize = 100;
    let world = World::new(server).await;
    let (account, _) = world.newcomer("apps").await;
    let mut seeds = BTreeSet::new();
    for _ in 0..APPS {
        let added = world.add(&account, json!({"type": "totp", "role": "backup"})).await;
        let uri = added.text("/otpauth_uri");
        assert!(uri.ends_with("&algorithm=SHA1&digits=6&period=30"), "{uri}");
        seeds.insert(*seed_in(&uri).as_bytes()); // 20 bytes, or it would not be read
    }
    assert_eq!(seeds.len(), APPS);
    // A client cannot bring its own.
    let path = format!("/api/v1/accounts/{account}/authenticators");
    for name in ["secret", "seed", "otpauth_uri"] {
        let mut method = json!({"type": "totp", "role": "backup"});
        method[name] = json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        world.site.post_json(&path, &method).await.expect(400);
    }
}

async fn t43_every_sign_in_gets_codes_and_tokens_of_its_own(server: &TestServer) {
    const SIGN_INS: usize = 40;
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let (mut codes, mut tokens) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..SIGN_INS {
        let sign_in = world.p(Door::Site, &owner).await;
        let (said, device) = sign_in.v_trusting(&sign_in.sms_code, false).await;
        tokens.extend([said.session(), device.expect("a device token")]);
        codes.insert(sign_in.sms_code);
    }
    assert_eq!(tokens.len(), 2 * SIGN_INS);
    assert!(codes.len() >= SIGN_INS - 1, "{codes:?}");
    for token in &tokens {
        assert!(token.len() == 90 && (token.starts_with("nds_") || token.starts_with("ndd_")), "{token}");
    }
}

#[test]
fn t43_the_machines_randomness_leans_to_no_side() {
    const DRAWN: usize = 10_000;
    let random = Random::system();
    let drawn: BTreeSet<[u8; 20]> = (0..DRAWN).map(|_| random.bytes()).collect();
    assert_eq!(drawn.len(), DRAWN);
    for place in 0..160 {
        let set = drawn.iter().filter(|bytes| bytes[place / 8] >> (place % 8) & 1 == 1).count();
        // 5,000 of 10,000 with a deviation of 50: beyond six of them once in 500 million.
        assert!((4_700..=5_300).contains(&set), "bit {place}: {set}");
    }
    let starts: BTreeSet<&[u8]> = drawn.iter().map(|bytes| &bytes[..8]).collect();
    assert_eq!(starts.len(), DRAWN, "64 bits of 10^4 do not meet");
}

#[test]
fn t43_tokens_are_256_bits_each_of_their_own() {
    const DRAWN: usize = 10_000;
    let random = Random::system();
    let (account, row) = (AccountId::from_bytes([1; 16]), SessionId::from_bytes([2; 16]));
    let token =
        || Token::<id::Session>::new(TokenKind::Session, account, row, random.bytes()).reveal().expose().clone();
    let drawn: BTreeSet<String> = (0..DRAWN).map(|_| token()).collect();
    assert_eq!(drawn.len(), DRAWN);
    // Behind prefix and names there are 43 letters of 6 bits, the first of which is partly theirs.
    let secrets: BTreeSet<&str> = drawn.iter().map(|token| &token[token.len() - 43..][..11]).collect();
    assert_eq!(secrets.len(), DRAWN);
}

#[test]
fn t43_tags_come_up_alike() {
    let random = Random::system();
    let draws = 100 * TAGS;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..draws {
        *counts.entry(Tag::new(random.bytes()).to_string()).or_default() += 1;
    }
    assert_eq!(counts.len(), TAGS);
    let most = counts.values().max().copied().unwrap_or_default();
    // 100 each with a deviation of 10, and a little more for those that 65,536 does not divide into evenly.
    assert!(most < 180, "{most} of {draws}");
}
