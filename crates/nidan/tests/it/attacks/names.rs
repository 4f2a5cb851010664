//! A thief calls the account, himself and the sign-in by other names. The numbers are those that ship.

use nidan_core::time::Span;
use serde_json::{Value, json};

use super::sources::typed;
use super::story::{Door, PASSWORD, World, sign_in_body};
use crate::app::{TestServer, on_both_databases, with_short_ids};

on_both_databases! {
    guarded
    t08_headers_of_strangers_change_nothing
    t09_all_spellings_of_a_name_share_one_bucket
    t09_all_spellings_of_a_name_are_asked_for_the_second_step
    t09_forms_that_nobody_has_are_nobody
    t11_what_sends_codes_tells_nothing_of_passwords
}

/// What proxies and networks of servers write, and thieves.
const HEADERS: [&str; 7] = [
    "x-forwarded-for",
    "forwarded",
    "x-real-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-client-ip",
    "x-original-forwarded-for",
];

async fn t08_headers_of_strangers_change_nothing(server: &TestServer) {
    const NAMES: usize = 20;
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    server.clock.advance(Span::minutes(1));
    let mut last = None;
    for (n, header) in HEADERS.into_iter().enumerate() {
        let value = if header == "forwarded" { format!("for=192.0.2.{n}") } else { format!("192.0.2.{n}") };
        let browser = world.browser().with_header(header, &value).with_header(header, "127.0.0.1");
        // Led to where the second step is asked for, whatever is said.
        last = Some(world.p_unseen(Door::Browser, &owner, browser).await);
    }
    server.settled().await;
    let told = world.site.get(&format!("/api/v1/accounts/{}/messages", owner.account)).await.expect(200).json();
    let messages = told["messages"].as_array().expect("a list");
    let asked: Vec<&Value> = messages.iter().filter(|message| message["cause"]["kind"] == "sign_in").collect();
    assert_eq!(asked.len(), HEADERS.len(), "{told}");
    assert!(asked.iter().all(|message| message["cause"]["network"] == "127.0.0.1"), "{told}");
    // And what the owner reads of it.
    let last = last.expect("a sign-in");
    last.turn_to(&owner.app).await;
    assert!(last.v(&owner.app_code(world.next_step())).await.is_in());
    let page = last.browser.get("/security").await.expect(200).body;
    assert!(page.contains("127.0.0.") && !page.contains("192.0.2."), "{page}");
    // One source, so its names run out.
    for n in 0..=NAMES {
        let header = HEADERS[n % HEADERS.len()];
        let browser = server.browser().with_header(header, &format!("192.0.2.{n}"));
        let status = typed(&browser, &format!("n{n}@example.jp"), "not the password").await;
        assert_eq!(status, if n < NAMES { 422 } else { 429 }, "name {n}");
    }
    server.settled().await;
    server.phone.take(&owner.phone);
    server.phone.take(&owner.email);
}

/// What the address `owner@example.jp` can be written as.
const SPELLINGS: [&str; 12] = [
    "owner@example.jp",
    "OWNER@EXAMPLE.JP",
    "Owner@Example.jp",
    " owner@example.jp",
    "owner@example.jp  ",
    "\u{3000}owner@example.jp",
    "\towner@example.jp\n",
    "owner@ｅｘａｍｐｌｅ．ｊｐ",
    "owner@ＥＸＡＭＰＬＥ.jp",
    "owner@example。jp",
    "owner@example｡jp",
    "oWNER@exAMPLE．JP",
];

/// What looks like it and is the address of somebody else, or of nobody.
const OTHERS: [&str; 9] = [
    "ｏｗｎｅｒ@example.jp",
    "owner＠example.jp",
    "owner@example.jp.",
    "own\u{200B}er@example.jp",
    "\"owner\"@example.jp",
    "o\u{308}wner@example.jp",
    "own er@example.jp",
    "owner+x@example.jp",
    "o.wner@example.jp",
];

/// A wrong password at the site's door; the status of the answer.
async fn at_site(world: &World<'_>, account: Value) -> u16 {
    let mut body = sign_in_body("");
    body["account"] = account;
    body["password"] = json!("not the password");
    world.site.post_json("/api/v1/sign-ins", &body).await.status
}

async fn t09_all_spellings_of_a_name_share_one_bucket(server: &TestServer) {
    const PASSWORDS: usize = 10;
    let world = World::new(server).await;
    let account = json!({"email": "owner@example.jp", "password": PASSWORD, "external_id": "u-7"});
    let account = world.site.post_json("/api/v1/accounts", &account).await.expect(201).text("/id");
    for (n, spelling) in SPELLINGS.into_iter().enumerate() {
        let (status, wrong) = match n % 2 {
            0 => (at_site(&world, json!({"email": spelling})).await, 401),
            _ => (typed(&server.browser(), spelling, "not the password").await, 422),
        };
        assert_eq!(status, if n < PASSWORDS { wrong } else { 429 }, "{spelling:?}");
    }
    for spelling in SPELLINGS {
        assert_eq!(at_site(&world, json!({"email": spelling})).await, 429, "{spelling:?}");
        assert_eq!(typed(&server.browser(), spelling, "not the password").await, 429, "{spelling:?}");
    }
    assert_eq!(at_site(&world, json!({"id": account})).await, 429);
    assert_eq!(at_site(&world, json!({"external_id": "u-7"})).await, 429);
}

async fn t09_all_spellings_of_a_name_are_asked_for_the_second_step(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    for spelling in SPELLINGS {
        let browser = world.browser();
        browser.get("/sign-in").await.expect(200);
        let typed = [("email", spelling), ("password", PASSWORD)];
        let led = browser.post_form("/sign-in", &typed).await;
        assert_eq!((led.status, led.header("location")), (303, Some("/sign-in/code")), "{spelling:?}");
        assert_eq!(led.new_cookie("__Host-nidan_session"), None, "{spelling:?}");
    }
    server.settled().await;
    assert!(!server.phone.take(&owner.phone).is_empty(), "the one number");
}

async fn t09_forms_that_nobody_has_are_nobody(server: &TestServer) {
    let world = World::new(server).await;
    world.owner("owner").await;
    let ask = async |email: &str| world.site.post_json("/api/v1/sign-ins", &sign_in_body(email)).await;
    let nobody = ask("nobody@example.jp").await.expect(401);
    for other in OTHERS {
        // Wrong names count as wrong passwords do, and those that no account can have count as one.
        server.clock.advance(Span::minutes(40));
        let answer = ask(other).await;
        assert_eq!((answer.status, &answer.body), (401, &nobody.body), "{other:?}, with the right password");
        assert_eq!(typed(&server.browser(), other, PASSWORD).await, 422, "{other:?}");
    }
}

async fn t11_what_sends_codes_tells_nothing_of_passwords(server: &TestServer) {
    const ASKED: usize = 100;
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let (begun, _) = world.signed_in(Door::Site, &owner).await;
    let passwords = [PASSWORD, "not the password"];
    // The browser's door, without a sign-in: the same whatever is sent along.
    for path in ["/sign-in/resend", "/sign-in/release/send"] {
        let mut told = Vec::new();
        for password in passwords {
            for n in 0..ASKED / 2 {
                let browser = world.browser();
                browser.get("/sign-in").await.expect(200);
                let fields = [("email", owner.email.as_str()), ("password", password)];
                let answer = browser.post_form(path, if n % 2 == 0 { &fields } else { &[] }).await;
                told.push((n % 2, answer.status, answer.header("location").map(str::to_owned)));
            }
        }
        told.sort();
        told.dedup();
        assert_eq!(told.len(), 2, "{path}: one answer with fields, one without: {told:?}");
        assert!(told.iter().all(|(_, status, _)| *status != 200), "{told:?}");
    }
    // The site's door: a sign-in of this account that never was, and of an account that never was.
    let mut told = Vec::new();
    for n in 0..ASKED {
        let mut id = begun.id.clone();
        let place = if n % 2 == 0 { id.len() - 9 } else { 12 };
        let letter = if id.as_bytes()[place] == b'A' { "B" } else { "A" };
        id.replace_range(place..=place, letter);
        let path = format!("/api/v1/sign-ins/{id}/resend");
        let body = if n < ASKED / 2 { json!({}) } else { json!({"password": passwords[n % 2]}) };
        let answer = world.site.post_json(&path, &body).await;
        told.push((n < ASKED / 2, answer.status, with_short_ids(&answer.body)));
    }
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|(_, status, _)| matches!(status, 400 | 404)), "{told:?}");
    // A sign-in is what it needs.
    let under_way = world.p_unseen(Door::Site, &owner, world.browser()).await;
    server.phone.sms_code(&owner.phone).await;
    server.clock.advance(Span::seconds(31));
    world.site.post_json(&format!("/api/v1/sign-ins/{}/resend", under_way.id), &json!({})).await.expect(202);
    server.phone.sms_code(&owner.phone).await;
}
