//! Trusted devices: the token of another, forged, stolen, worn out; and what a sign-out everywhere ends.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nidan_core::time::Span;

use super::story::{Door, Owner, Said, World};
use crate::app::{TestServer, on_both_databases};
use crate::client::Answer;

on_both_databases! {
    t33_a_sign_out_everywhere_ends_what_is_under_way
    t34_a_device_that_was_not_to_be_trusted_is_asked_for_codes
    t34_anothers_device_opens_nothing
    t34_a_forged_token_opens_nothing
    t34_an_old_token_gives_the_thief_away
    t34_trust_ends_by_the_servers_clock
    t34_trust_ends_with_a_revocation
    t34_trust_ends_with_a_sign_out_everywhere
}

/// What follows the password when `token` comes along.
async fn asked(world: &World<'_>, owner: &Owner, token: &str) -> Answer {
    let begun = world.ask_site(owner, Some(token)).await.expect(201);
    if begun.text("/status") == "code_required" {
        assert!(begun.json().get("session_token").is_none_or(serde_json::Value::is_null), "{}", begun.body);
        world.server.phone.sms_code(&owner.phone).await;
    }
    begun
}

async fn opens(world: &World<'_>, owner: &Owner, token: &str) -> bool {
    let begun = asked(world, owner, token).await;
    match begun.text("/status").as_str() {
        "signed_in" => world.w(&begun.text("/session_token")).await == Some(true),
        "code_required" => false,
        other => panic!("{other}"),
    }
}

/// The token of a device that the owner trusts.
async fn trusted(world: &World<'_>, owner: &Owner) -> String {
    let sign_in = world.p(Door::Site, owner).await;
    let (said, token) = sign_in.v_trusting(&sign_in.sms_code, true).await;
    assert!(matches!(said, Said::In(_)), "{said:?}");
    token.expect("a device token")
}

async fn t33_a_sign_out_everywhere_ends_what_is_under_way(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let (owners, session) = world.signed_in(Door::Browser, &owner).await;
    let (at_site, in_browser) = (world.p(Door::Site, &owner).await, world.p(Door::Browser, &owner).await);
    let (_, elsewhere) = world.signed_in(Door::Site, &owner).await;
    owners.browser.get("/security").await.expect(200);
    owners.browser.post_form("/security/sign-out-everywhere", &[]).await.expect(303);
    assert_eq!(at_site.v(&at_site.sms_code).await, Said::Expired);
    assert!(!in_browser.v(&in_browser.sms_code).await.is_in());
    assert_eq!((world.w(&session).await, world.w(&elsewhere).await), (None, None));
    let path = format!("/api/v1/sign-ins/{}/resend", at_site.id);
    let again = world.site.post_json(&path, &serde_json::json!({})).await;
    assert!((400..500).contains(&again.status), "{}", again.status);
    world.signed_in(Door::Browser, &owner).await; // and the owner begins anew
}

async fn t34_a_device_that_was_not_to_be_trusted_is_asked_for_codes(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let sign_in = world.p(Door::Site, &owner).await;
    let (_, token) = sign_in.v_trusting(&sign_in.sms_code, false).await;
    assert!(!opens(&world, &owner, &token.expect("a device token")).await);
    let browser = world.p(Door::Browser, &owner).await;
    assert!(browser.v(&browser.sms_code).await.is_in());
    let next = world.p_with(Door::Browser, &owner, browser.copied_browser_without_session().await).await;
    assert_eq!(next.v("000000").await, Said::Wrong);
}

async fn t34_anothers_device_opens_nothing(server: &TestServer) {
    let world = World::new(server).await;
    let (victim, thief) = (world.owner("victim").await, world.owner("thief").await);
    let (hers, his) = (trusted(&world, &victim).await, trusted(&world, &thief).await);
    assert!(!opens(&world, &victim, &his).await);
    assert!(opens(&world, &victim, &hers).await && opens(&world, &thief, &his).await, "each opens its own");
    // His secret under her names.
    let bytes = |token: &str| URL_SAFE_NO_PAD.decode(&token[4..]).expect("base64");
    let spliced = [&bytes(&hers)[..32], &bytes(&his)[32..]].concat();
    let spliced = format!("ndd_{}", URL_SAFE_NO_PAD.encode(spliced));
    assert!(!opens(&world, &victim, &spliced).await);
    server.phone.last_email(&victim.email).await; // somebody tried: she is told
}

async fn t34_a_forged_token_opens_nothing(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let token = trusted(&world, &owner).await;
    let flipped = |place: usize| {
        let letter = if &token[place..=place] == "A" { "B" } else { "A" };
        format!("{}{letter}{}", &token[..place], &token[place + 1..])
    };
    // In the names: they name nothing.
    for place in [4, 10, 24, 26, 30, 45] {
        assert!(!opens(&world, &owner, &flipped(place)).await, "{place}");
    }
    for token in
        [&token[..89], &format!("{token}A"), &token.replacen("ndd_", "nds_", 1), &token.to_lowercase(), "", "ndd_"]
    {
        let begun = world.ask_site(&owner, Some(token)).await;
        match begun.status {
            400 => {}
            201 => {
                assert_eq!(begun.text("/status"), "code_required", "{token}");
                server.phone.sms_code(&owner.phone).await;
            }
            other => panic!("{other} for {token}"),
        }
    }
    assert!(opens(&world, &owner, &token).await, "the real one is as good as before");
    // In the secret: nobody but a thief of an older token has the names right, so the device is done for.
    assert!(!opens(&world, &owner, &flipped(60)).await);
    server.phone.last_email(&owner.email).await;
    assert!(!opens(&world, &owner, &token).await);
}

async fn t34_an_old_token_gives_the_thief_away(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let first = trusted(&world, &owner).await;
    let begun = asked(&world, &owner, &first).await;
    let second = begun.text("/device_token");
    assert_ne!(first, second, "every answer brings the successor");
    assert!(opens(&world, &owner, &first).await, "the answer may have been lost: the old one lives yet");
    let third = asked(&world, &owner, &second).await.text("/device_token");
    assert_ne!(second, third);
    // A thief copied the first one. Its successor was used, so there are two who hold it.
    assert!(!opens(&world, &owner, &first).await);
    let notice = server.phone.last_email(&owner.email).await;
    assert!(notice.whole_text().contains("trusted devices"), "{}", notice.whole_text());
    for token in [&first, &second, &third] {
        assert!(!opens(&world, &owner, token).await, "the whole family is out");
    }
}

async fn t34_trust_ends_by_the_servers_clock(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let idle = trusted(&world, &owner).await;
    let mut used = trusted(&world, &owner).await;
    let begin = world.now();
    world.clock().set(begin.plus(Span::days(29)));
    used = asked(&world, &owner, &used).await.text("/device_token");
    world.clock().set(begin.plus(Span::days(30)));
    assert!(!opens(&world, &owner, &idle).await, "unused for 30 days");
    for day in [58, 87] {
        world.clock().set(begin.plus(Span::days(day)));
        let begun = asked(&world, &owner, &used).await;
        assert_eq!(begun.text("/status"), "signed_in", "day {day}");
        used = begun.text("/device_token");
    }
    world.clock().set(begin.plus(Span::days(90)));
    // A browser's cookie is edited at will; what it says of its end is not asked.
    let browser = world.browser();
    browser.set_cookie("__Host-nidan_device", &used);
    let sign_in = world.p_with(Door::Browser, &owner, browser).await;
    assert_eq!(sign_in.v("000000").await, Said::Wrong);
    assert!(!opens(&world, &owner, &used).await, "90 days are all there are");
}

async fn t34_trust_ends_with_a_revocation(server: &TestServer) {
    let world = World::new(server).await;
    let (owner, other) = (world.owner("owner").await, world.owner("other").await);
    let token = trusted(&world, &owner).await;
    let path = format!("/api/v1/accounts/{}/devices", owner.account);
    let listed = world.site.get(&path).await.expect(200);
    let device = listed.text("/devices/0/id");
    world.site.delete(&format!("/api/v1/accounts/{}/devices/{device}", other.account)).await.expect(404);
    let (stranger, _) = world.signed_in(Door::Browser, &other).await;
    stranger.browser.get("/security").await.expect(200);
    stranger.browser.post_form("/security/devices/revoke", &[("device_id", &device)]).await;
    assert!(opens(&world, &owner, &token).await, "nobody else can revoke it");
    world.site.delete(&format!("{path}/{device}")).await.expect(204);
    assert!(!opens(&world, &owner, &token).await);
}

async fn t34_trust_ends_with_a_sign_out_everywhere(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let token = trusted(&world, &owner).await;
    let (owners, session) = world.signed_in(Door::Browser, &owner).await;
    owners.browser.get("/security").await.expect(200);
    let out = owners.browser.post_form("/security/sign-out-everywhere", &[]).await.expect(303);
    assert_eq!(world.w(&session).await, None);
    assert!(out.headers.iter().any(|(_, value)| value.starts_with("__Host-nidan_device=;")), "{out:?}");
    assert!(!opens(&world, &owner, &token).await);
}
