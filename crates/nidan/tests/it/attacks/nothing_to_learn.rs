//! Whether somebody has an account is told by nothing: not by answers, not by the work behind them, not by their time.

use std::collections::BTreeMap;

use nidan::flow::accounts::count_hash_classes;
use nidan::store::account::LoginKey;
use nidan::store::sql;
use nidan_core::email::EmailAddress;
use nidan_core::time::Timestamp;
use serde_json::json;

use super::same_answers::{Seen, rows, seen};
use super::story::{Door, PASSWORD, World, sign_in_body};
use crate::app::{TestServer, on_both_databases, wait_for};

on_both_databases! {
    t44_a_wrong_password_is_the_same_work_for_every_name
    t44_a_sign_up_is_the_same_work_for_every_address
    t44_a_number_of_somebody_elses_is_a_number_like_any
    t44_the_waiting_page_gives_no_carriers_reason
}

sql! {
    BECOMES = "UPDATE message SET state = $1, reason = $2, lease_ms = $3
                WHERE message_id = (SELECT message_id FROM message WHERE challenge_id IS NOT NULL
                                     ORDER BY message_id DESC LIMIT 1)";
}

/// How often each statement was run.
type Work = BTreeMap<String, u64>;

fn statements(server: &TestServer) -> Work {
    let text = server.app.metrics.text();
    let lines = text.lines().filter_map(|line| line.strip_prefix("nidan_statements_total{statement=\""));
    let counts = lines.filter_map(|line| line.split_once("\"} "));
    let work: Work = counts.map(|(name, count)| (name.to_owned(), count.parse().expect("a count"))).collect();
    assert!(work.len() > 5, "{text}");
    work
}

/// The work of `act`, which is done `TIMES` over: what came on top of it once or twice is the housekeeping's, whose clock
/// stands for none of them.
async fn work(server: &TestServer, act: impl AsyncFn(usize)) -> Work {
    const TIMES: usize = 4;
    let mut least: Option<Work> = None;
    for time in 0..TIMES {
        let before = statements(server);
        act(time).await;
        let mut done = statements(server);
        done.retain(|name, count| {
            *count -= before.get(name).copied().unwrap_or_default();
            *count > 0
        });
        least = Some(match least {
            None => done,
            Some(least) => least
                .into_iter()
                .filter_map(|(name, count)| Some((done.get(&name)?.min(&count).to_owned(), name)))
                .map(|(count, name)| (name, count))
                .collect(),
        });
    }
    least.unwrap_or_default()
}

/// Waits until one row more is in each of the tables that `added` counts.
async fn left(server: &TestServer, before: &[i64], added: i64) {
    wait_for("what is written beside the answer", async || {
        let now: i64 = rows(server).await.iter().sum();
        (now >= before.iter().sum::<i64>() + added).then_some(())
    })
    .await;
}

/// By Openwall: bcrypt at the lowest cost that sites have.
const BCRYPT: &str = "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui";

fn email(name: &str) -> String {
    format!("{name}@example.jp")
}

/// Answers, rows, statements and hashes of a wrong password for this name at both doors.
async fn wrong_password(server: &TestServer, world: &World<'_>, name: &str) -> (Vec<Seen>, Vec<i64>, Work, u64) {
    let (address, hashed) = (email(name), server.app.metrics.hashes());
    let (before, hashes) = (rows(server).await, hashed.get());
    let told = tokio::sync::Mutex::new(Vec::new());
    let work = work(server, async |_| {
        let rows_before = rows(server).await;
        let mut begin = sign_in_body(&address);
        begin["password"] = json!("not the password");
        let at_site = world.site.post_json("/api/v1/sign-ins", &begin).await;
        left(server, &rows_before, 1).await;
        let browser = world.browser();
        browser.get("/sign-in").await.expect(200);
        let in_browser = browser.post_form("/sign-in", &[("email", &address), ("password", "not the password")]).await;
        left(server, &rows_before, 2).await;
        told.lock().await.extend([at_site, in_browser].map(|answer| seen(&answer, &address)));
    })
    .await;
    let added = rows(server).await.iter().zip(before).map(|(after, before)| after - before).collect();
    (told.into_inner(), added, without_looking(work), hashed.get() - hashes)
}

/// Without what the test itself asks to see whether the rows are there.
fn without_looking(mut work: Work) -> Work {
    work.retain(|name, _| name.starts_with("nidan::") && !name.ends_with("::ABANDONED"));
    work
}

async fn t44_a_wrong_password_is_the_same_work_for_every_name(server: &TestServer) {
    let world = World::new(server).await;
    world.owner("twosome").await;
    for (name, account) in [
        ("without", json!({"email": email("without"), "email_verified": true, "password": PASSWORD})),
        ("at-site", json!({"email": email("at-site"), "email_verified": true})),
        ("import1", json!({"email": email("import1"), "email_verified": true, "password_hash": BCRYPT})),
        ("import2", json!({"email": email("import2"), "email_verified": true, "password_hash": BCRYPT})),
    ] {
        world.site.post_json("/api/v1/accounts", &account).await;
        let found = world.site.get(&format!("/api/v1/accounts?email={}", email(name).replace('@', "%40"))).await;
        found.expect(200);
    }
    let pending = world.browser();
    pending.get("/sign-up").await.expect(200);
    let fields = [("email", "pending@example.jp"), ("password", "a quite different set of words")];
    pending.post_form("/sign-up", &fields).await.expect(303);
    server.phone.last_email("pending@example.jp").await;
    count_hash_classes(&server.app).await;

    let unknown = wrong_password(server, &world, "nowhere").await;
    assert_eq!((unknown.0[0].0, unknown.0[1].0), (401, 422));
    assert_eq!(unknown.1.iter().sum::<i64>(), 8, "each of eight left one row: {:?}", unknown.1);
    assert!(unknown.2.contains_key("nidan::store::audit::APPEND"), "{:?}", unknown.2);
    for name in ["twosome", "without", "at-site", "import1", "pending", "neither"] {
        let known = wrong_password(server, &world, name).await;
        assert_eq!(known.0, unknown.0, "answers for {name}");
        assert_eq!(known.1, unknown.1, "rows for {name}");
        assert_eq!(known.2, unknown.2, "statements for {name}");
        assert_eq!(known.3, unknown.3, "hashes for {name}");
    }

    // Names of nobody's are hashed as some accounts' are: both kinds that there are, and no other.
    let kind = |name: &str| {
        let address = EmailAddress::parse(&email(name)).expect("an address");
        let key = LoginKey::email(&server.app, &address);
        server.app.hash_classes.of_unknown(&server.app.keys, key.as_bytes()).class()
    };
    let kinds: std::collections::BTreeSet<String> = (0..100).map(|n| kind(&format!("nobody{n}"))).collect();
    assert_eq!(kinds.len(), 2, "{kinds:?}");
}

async fn t44_a_sign_up_is_the_same_work_for_every_address(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("twosome").await;
    let sign_up = async |address: String| {
        let browser = world.browser();
        browser.get("/sign-up").await.expect(200);
        let fields = [("email", address.as_str()), ("password", "a quite different set of words")];
        browser.post_form("/sign-up", &fields).await.expect(303);
        server.phone.last_email(&address).await;
        browser.get("/sign-up/code").await.expect(200);
        browser.post_form("/sign-up/code", &[("code", "000000")]).await.expect(422);
        server.settled().await;
    };
    let known = work(server, async |_| sign_up(owner.email.clone()).await).await;
    let unknown = work(server, async |time| sign_up(email(&format!("nobody{time}"))).await).await;
    let known_again = work(server, async |_| sign_up(owner.email.clone()).await).await;
    assert_eq!(without_looking(known.clone()), without_looking(unknown));
    assert_eq!(without_looking(known), without_looking(known_again));
}

async fn t44_a_number_of_somebody_elses_is_a_number_like_any(server: &TestServer) {
    let world = World::new(server).await;
    let other = world.owner("other").await;
    let fresh = world.new_number();
    let mut told = Vec::new();
    for (name, number) in [("first", other.phone.clone()), ("second", fresh)] {
        let (account, _) = world.newcomer(name).await;
        let path = format!("/api/v1/accounts/{account}/authenticators");
        let method = json!({"type": "sms", "role": "primary", "phone": number});
        let wrong_code = std::sync::Mutex::new(Vec::new());
        let work = work(server, async |_| {
            let added = world.site.post_json(&path, &method).await;
            server.phone.last_sms(&number).await;
            let confirm = format!("{path}/{}/confirm", added.text("/id"));
            let odd = world.site.post_json(&confirm, &json!({"code": "12"})).await;
            server.settled().await;
            wrong_code.lock().expect("nobody panicked").extend([added.shown(), odd.shown()]);
        })
        .await;
        told.push((wrong_code.into_inner().expect("nobody panicked"), without_looking(work)));
    }
    assert!(told[0].0[0].starts_with("201"), "{:?}", told[0]);
    assert_eq!(told[0], told[1]);
}

/// To a stranger with the password. Whose carrier it is, and what it says of a number, is the owner's business.
async fn t44_the_waiting_page_gives_no_carriers_reason(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let thief = world.p(Door::Browser, &owner).await;
    let mut shown = Vec::new();
    let failures = [
        (nidan_core::ledger::State::Rejected, "destination_refused"),
        (nidan_core::ledger::State::Rejected, "message_refused"),
        (nidan_core::ledger::State::Undelivered, "receipt"),
        (nidan_core::ledger::State::Rejected, "no_route"),
    ];
    server.settled().await;
    for (state, reason) in failures {
        let far = Timestamp::from_ms(i64::MAX / 2);
        let set = server.app.db.transact((state, reason, far), |tx, (state, reason, far)| {
            Box::pin(
                async move { tx.execute(&BECOMES, &[state.stored().into(), (*reason).into(), (*far).into()]).await },
            )
        });
        assert_eq!(set.await.expect("no failure"), 1);
        let page = thief.browser.get("/sign-in/code").await.expect(200);
        assert!(!page.body.contains(reason), "{}", page.body);
        shown.push(seen(&page, ""));
    }
    assert!(shown[0].2.contains("could not be delivered") || shown[0].2.contains("SMS"), "{}", shown[0].2);
    for other in &shown[1..] {
        assert_eq!(other, &shown[0]);
    }
}
