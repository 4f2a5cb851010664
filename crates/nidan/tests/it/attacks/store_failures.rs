//! The database fails under a sign-in: nobody gets further by it, and the owner goes on once it is back.

use nidan::store::{Engine, Sql, sql};
use nidan_core::time::Span;
use serde_json::json;

use super::story::{Door, Owner, PASSWORD, Said, World, sign_in_body};
use crate::app::{TestServer, on_both_databases, wrong};
use crate::postgres;

on_both_databases! {
    t45_no_step_is_skipped_while_a_table_fails
    t45_who_has_no_account_to_sign_in_to_gets_in_by_no_way
}

sql! {
    NO_ACCOUNT = "ALTER TABLE account RENAME TO away";
    ACCOUNT = "ALTER TABLE away RENAME TO account";
    NO_LOGIN_KEY = "ALTER TABLE login_key RENAME TO away";
    LOGIN_KEY = "ALTER TABLE away RENAME TO login_key";
    NO_AUTHENTICATOR = "ALTER TABLE authenticator RENAME TO away";
    AUTHENTICATOR = "ALTER TABLE away RENAME TO authenticator";
    NO_CEREMONY = "ALTER TABLE ceremony RENAME TO away";
    CEREMONY = "ALTER TABLE away RENAME TO ceremony";
    NO_CHALLENGE = "ALTER TABLE challenge RENAME TO away";
    CHALLENGE = "ALTER TABLE away RENAME TO challenge";
    NO_DEVICE = "ALTER TABLE device RENAME TO away";
    DEVICE = "ALTER TABLE away RENAME TO device";
    NO_SESSION = "ALTER TABLE session RENAME TO away";
    SESSION = "ALTER TABLE away RENAME TO session";
    NO_AUDIT = "ALTER TABLE audit RENAME TO away";
    AUDIT = "ALTER TABLE away RENAME TO audit";
    NO_RATE_COUNTER = "ALTER TABLE rate_counter RENAME TO away";
    RATE_COUNTER = "ALTER TABLE away RENAME TO rate_counter";
    NO_MESSAGE = "ALTER TABLE message RENAME TO away";
    MESSAGE = "ALTER TABLE away RENAME TO message";
    NO_REQUEST = "ALTER TABLE request RENAME TO away";
    REQUEST = "ALTER TABLE away RENAME TO request";
    DATABASE = sqlite "SELECT 'one file'", postgres "SELECT CAST(current_database() AS TEXT)";
}

/// A table that can be taken away: its name, by which statement it goes and by which it comes back.
type Table = (&'static str, &'static Sql, &'static Sql);

static TABLES: [Table; 11] = [
    ("account", &NO_ACCOUNT, &ACCOUNT),
    ("login_key", &NO_LOGIN_KEY, &LOGIN_KEY),
    ("authenticator", &NO_AUTHENTICATOR, &AUTHENTICATOR),
    ("ceremony", &NO_CEREMONY, &CEREMONY),
    ("challenge", &NO_CHALLENGE, &CHALLENGE),
    ("device", &NO_DEVICE, &DEVICE),
    ("session", &NO_SESSION, &SESSION),
    ("audit", &NO_AUDIT, &AUDIT),
    ("rate_counter", &NO_RATE_COUNTER, &RATE_COUNTER),
    ("message", &NO_MESSAGE, &MESSAGE),
    ("request", &NO_REQUEST, &REQUEST),
];

async fn run(server: &TestServer, statement: &'static Sql) {
    let changed = server.app.db.transact(statement, |tx, statement| Box::pin(tx.execute(statement, &[])));
    changed.await.expect("no failure");
}

/// Everything that somebody may hold, and what the owner is to do with it in the end.
struct Held<'w> {
    by_site: super::story::SignIn<'w>,
    in_browser: super::story::SignIn<'w>,
    session: String,
    device: String,
}

async fn held<'w>(world: &'w World<'_>, owner: &Owner) -> Held<'w> {
    let (device, session) = {
        let sign_in = world.p(Door::Site, owner).await;
        let (said, device) = sign_in.v_trusting(&sign_in.sms_code, true).await;
        (device.expect("a device"), said.session())
    };
    let (by_site, in_browser) = (world.p(Door::Site, owner).await, world.p(Door::Browser, owner).await);
    world.server.settled().await;
    Held { by_site, in_browser, session, device }
}

/// What a thief does without the second step, at every door. Nothing of it may ever let him in.
async fn attacks(world: &World<'_>, owner: &Owner, held: &Held<'_>, away: &str) {
    let begun = world.ask_site(owner, None).await;
    assert!(!begun.body.contains("nds_") && (begun.status >= 500 || begun.status == 201), "{away}: {}", begun.body);
    let mut forged = sign_in_body(&owner.email);
    forged["client"]["device_token"] = json!(held.device.replace(&held.device[held.device.len() - 6..], "AAAAAA"));
    let answer = world.site.post_json("/api/v1/sign-ins", &forged).await;
    assert!(!answer.body.contains("nds_"), "a forged device without {away}: {}", answer.body);
    let browser = world.browser();
    browser.get("/sign-in").await;
    let answer = browser.post_form("/sign-in", &[("email", &owner.email), ("password", PASSWORD)]).await;
    assert_eq!(answer.new_cookie("__Host-nidan_session"), None, "the password alone without {away}");
    for sign_in in [&held.by_site, &held.in_browser] {
        let said = failing(sign_in, &wrong(&sign_in.sms_code)).await;
        assert!(!said, "a wrong code without {away}, {:?}", sign_in.door);
    }
}

/// Whether a code let in, whatever else came of it.
async fn failing(sign_in: &super::story::SignIn<'_>, code: &str) -> bool {
    match sign_in.door {
        Door::Site => sign_in.post_code(code).await.body.contains("nds_"),
        Door::Browser => {
            let answer = sign_in.browser.post_form("/sign-in/code", &[("code", code)]).await;
            answer.new_cookie("__Host-nidan_session").is_some()
        }
    }
}

async fn t45_no_step_is_skipped_while_a_table_fails(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let mut unnoticed = Vec::new();
    for (table, away, back) in &TABLES {
        let held = held(&world, &owner).await;
        assert_eq!(world.w(&held.session).await, Some(true));
        run(server, away).await;
        attacks(&world, &owner, &held, table).await;
        let check = world.site.post_json("/api/v1/sessions/check", &json!({"session_token": held.session})).await;
        let none = world.site.post_json("/api/v1/sessions/check", &json!({"session_token": held.device})).await;
        assert!(none.status >= 400, "{table}: {}", none.body);
        let mut let_in = Vec::new();
        for sign_in in [&held.by_site, &held.in_browser] {
            let_in.push(failing(sign_in, &sign_in.sms_code).await);
        }
        run(server, back).await;
        if check.status == 200 {
            unnoticed.push(format!("check without {table}"));
        }
        for (sign_in, let_in) in [&held.by_site, &held.in_browser].into_iter().zip(let_in) {
            if let_in {
                unnoticed.push(format!("{:?} without {table}", sign_in.door));
                continue;
            }
            // What failed has used nothing up, and the owner goes on where he was.
            let said = sign_in.v(&sign_in.sms_code).await;
            assert!(matches!(said, Said::In(_)), "{:?} after {table}: {said:?}", sign_in.door);
        }
        server.settled().await;
        server.phone.take(&owner.phone);
        server.phone.take(&owner.email);
        world.clock().advance(Span::minutes(30));
    }
    // Whoever has both proofs may get in without what is only counted, shown or looked up by others.
    insta::allow_duplicates! { insta::assert_snapshot!(unnoticed.join("\n"), @r"
        check without login_key
        Site without login_key
        Browser without login_key
        check without authenticator
        check without ceremony
        check without challenge
        check without device
        check without audit
        check without rate_counter
        Site without rate_counter
        Browser without rate_counter
        check without message
        Browser without message
        check without request
        ") };
}

async fn t45_who_has_no_account_to_sign_in_to_gets_in_by_no_way(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let held = held(&world, &owner).await;
    world.site.delete(&format!("/api/v1/accounts/{}", owner.account)).await.expect(204);
    assert_eq!(world.w(&held.session).await, None);
    for sign_in in [&held.by_site, &held.in_browser] {
        let said = sign_in.v(&sign_in.sms_code).await;
        assert!(matches!(said, Said::Away(_) | Said::Expired), "{said:?}");
    }
    world.ask_site(&owner, Some(&held.device)).await.expect(401);
    // One that waits for its address to be confirmed is none yet: not with the right password, and not for a site that vouches.
    let browser = world.browser();
    browser.get("/sign-up").await.expect(200);
    let fields = [("email", "pending@example.jp"), ("password", PASSWORD)];
    browser.post_form("/sign-up", &fields).await.expect(303);
    server.phone.last_email("pending@example.jp").await;
    let mut begin = sign_in_body("pending@example.jp");
    world.site.post_json("/api/v1/sign-ins", &begin).await.expect(401);
    begin.as_object_mut().expect("an object").remove("password");
    begin["password_verified"] = json!(true);
    let vouched = world.site.post_json("/api/v1/sign-ins", &begin).await;
    assert!((400..500).contains(&vouched.status) && !vouched.body.contains("nds_"), "{}", vouched.body);
    let stranger = world.browser();
    stranger.get("/sign-in").await.expect(200);
    let answer = stranger.post_form("/sign-in", &fields).await.expect(422);
    assert_eq!(answer.new_cookie("__Host-nidan_session"), None);
}

/// The database goes away whole, as a network does; not on SQLite, which is in the process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t45_without_its_database_the_server_says_503_and_lets_nobody_in() {
    let server = TestServer::start(Engine::Postgres).await;
    let world = World::new(&server).await;
    let owner = world.owner("owner").await;
    let held = held(&world, &owner).await;
    let name =
        server.app.db.read((), |tx, ()| Box::pin(async move { Ok(tx.one(&DATABASE, &[]).await?.text(0)?.to_owned()) }));
    let name = name.await.expect("a name");
    postgres::let_in(&name, false).await;
    let body = sign_in_body(&owner.email);
    let check = json!({"session_token": held.session});
    for (path, body) in [
        ("/api/v1/sign-ins".to_owned(), body),
        (format!("/api/v1/sign-ins/{}/code", held.by_site.id), json!({"code": held.by_site.sms_code})),
        (format!("/api/v1/sign-ins/{}/resend", held.by_site.id), json!({})),
        ("/api/v1/sessions/check".to_owned(), check),
        (format!("/api/v1/accounts/{}/authenticators", owner.account), json!({"type": "totp", "role": "backup"})),
    ] {
        let answer = world.site.post_json(&path, &body).await;
        assert_eq!(answer.status, 503, "{path}: {}", answer.body);
        assert!(!answer.body.contains("nds_") && answer.header("retry-after").is_some(), "{path}: {answer:?}");
    }
    for (path, fields) in [
        ("/sign-in/code", vec![("code", held.in_browser.sms_code.as_str())]),
        ("/sign-in", vec![("email", owner.email.as_str()), ("password", PASSWORD)]),
        ("/sign-up", vec![("email", "new@example.jp"), ("password", PASSWORD)]),
    ] {
        let answer = held.in_browser.browser.post_form(path, &fields).await;
        assert_eq!((answer.status, answer.new_cookie("__Host-nidan_session")), (503, None), "{path}");
    }
    assert_eq!(held.in_browser.browser.get("/health/ready").await.status, 503);
    postgres::let_in(&name, true).await;
    assert!(matches!(held.in_browser.v(&held.in_browser.sms_code).await, Said::In(_)), "it goes on where it was");
    assert!(matches!(held.by_site.v(&held.by_site.sms_code).await, Said::In(_)));
    server.finish().await;
}
