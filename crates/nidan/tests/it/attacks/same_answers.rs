//! Whether somebody has an account is told to nobody: answers for known and unknown addresses are the same, letter by
//! letter, and leave the same behind.

use nidan::store::sql;
use nidan_core::time::Span;
use serde_json::{Value, json};

use super::half_way::without_tokens;
use super::story::{World, sign_in_body};
use crate::app::{TestServer, on_both_databases};
use crate::client::{Answer, Client};

sql! {
    COUNTS = "SELECT (SELECT COUNT(*) FROM account), (SELECT COUNT(*) FROM login_key), (SELECT COUNT(*) FROM authenticator), \
        (SELECT COUNT(*) FROM ceremony), (SELECT COUNT(*) FROM challenge), (SELECT COUNT(*) FROM device), \
        (SELECT COUNT(*) FROM session), (SELECT COUNT(*) FROM message), (SELECT COUNT(*) FROM audit)";
}

on_both_databases! {
    a_wrong_password_and_an_unknown_address_are_one_answer
    a_sign_up_with_a_known_address_is_like_any_other
    a_known_address_is_not_lost_to_a_sign_up
}

/// How many rows each table has once everything is sent.
pub async fn rows(server: &TestServer) -> Vec<i64> {
    server.settled().await;
    let counted = server.app.db.read((), |tx, ()| Box::pin(tx.one(&COUNTS, &[])));
    let counted = counted.await.expect("counts");
    (0..9).map(|column| counted.int(column).expect("a number")).collect()
}

/// Status, headers, body.
pub type Seen = (u16, Vec<(String, String)>, String);

/// An answer as somebody sees it who compares: all of it, but for what is random and for the address that he typed.
pub fn seen(answer: &Answer, email: &str) -> Seen {
    let mut headers = answer.headers.clone();
    for (name, value) in &mut headers {
        if name == "set-cookie"
            && let Some((cookie, attributes)) = value.clone().split_once(';')
        {
            let name = cookie.split('=').next().unwrap_or_default();
            *value = format!("{name}=({} letters);{attributes}", cookie.len());
        }
    }
    headers.retain(|(name, _)| name != "date");
    let body = without_tag(&without_tokens(&answer.body));
    let body = if email.is_empty() { body } else { body.replace(email, "(address)") };
    (answer.status, headers, body)
}

/// A page without the two random letters that tie it to its message.
fn without_tag(body: &str) -> String {
    let Some((before, rest)) = body.split_once("<p class=\"tag\">") else { return body.to_owned() };
    let (tag, after) = rest.split_once("</b>").expect("a tag");
    format!("{before}{}{after}", &tag[..tag.len() - 2])
}

async fn a_wrong_password_and_an_unknown_address_are_one_answer(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("known1").await;
    let plain = json!({"email": "known2@example.jp", "email_verified": true});
    world.site.post_json("/api/v1/accounts", &plain).await.expect(201); // its site keeps the password
    let (mut told, mut costs) = (Vec::new(), Vec::new());
    let hashes = || server.app.metrics.hashes().get();
    for email in [owner.email.as_str(), "known2@example.jp", "nobody@example.jp"] {
        let before = hashes();
        let mut begin = sign_in_body(email);
        begin["password"] = json!("not the password");
        let at_site = world.site.post_json("/api/v1/sign-ins", &begin).await;
        begin["password"] = json!("short");
        let short = world.site.post_json("/api/v1/sign-ins", &begin).await;
        let browser = world.browser();
        browser.get("/sign-in").await.expect(200);
        let typed = [("email", email), ("password", "not the password")];
        let in_browser = browser.post_form("/sign-in", &typed).await;
        let owed = browser.get("/sign-in/code").await;
        told.push([at_site, short, in_browser, owed].map(|answer| seen(&answer, email)));
        costs.push(hashes() - before);
    }
    assert_eq!(costs, [3, 3, 3], "passwords hashed");
    assert_eq!((told[0][0].0, told[0][2].0), (401, 422));
    assert_eq!(told[0], told[2], "wrong password, unknown address");
    assert_eq!(told[1], told[2], "no password, unknown address");
    let by_id = json!({"account": {"id": owner.account}, "password": "not the password", "client": client()});
    let by_name = json!({"account": {"external_id": "u-1"}, "password": "not the password", "client": client()});
    let known = world.site.post_json("/api/v1/sign-ins", &by_id).await;
    let unknown = world.site.post_json("/api/v1/sign-ins", &by_name).await;
    assert_eq!(seen(&known, ""), seen(&unknown, ""));
    assert_eq!(seen(&known, ""), told[2][0]);
}

fn client() -> Value {
    sign_in_body("").get("client").cloned().unwrap_or_default()
}

/// Somebody signs up with `email` and looks at everything that is shown.
async fn signs_up(world: &World<'_>, email: &str) -> (Vec<Seen>, Vec<i64>) {
    let server = world.server;
    let (before, hashed_before) = (rows(server).await, server.app.metrics.hashes().get());
    let browser: Client = world.browser();
    browser.get("/sign-up").await.expect(200);
    let fields = [("email", email), ("password", "a quite different set of words")];
    let mut told = vec![browser.post_form("/sign-up", &fields).await.expect(303)];
    server.phone.last_email(email).await;
    told.push(browser.get("/sign-up/code").await.expect(200));
    told.push(browser.post_form("/sign-up/code", &[("code", "12 34")]).await);
    told.push(browser.post_form("/sign-up/resend", &[]).await);
    for code in ["000001", "000002", "000003", "000004", "000005", "000006"] {
        told.push(browser.post_form("/sign-up/code", &[("code", code)]).await);
    }
    told.push(browser.get("/sign-up/code").await);
    world.clock().advance(Span::minutes(61));
    told.push(browser.post_form("/sign-up/code", &[("code", "000007")]).await);
    let after = rows(server).await;
    assert_eq!(server.app.metrics.hashes().get() - hashed_before, 1, "passwords hashed");
    let added = before.iter().zip(after).map(|(before, after)| after - before).collect();
    (told.iter().map(|answer| seen(answer, email)).collect(), added)
}

async fn a_sign_up_with_a_known_address_is_like_any_other(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("known1").await;
    let tomorrow = world.now().plus(Span::days(1)); // at the same time of day, since the pages show it
    let (known, left) = signs_up(&world, &owner.email).await;
    world.clock().set(tomorrow);
    let (unknown, left_by_unknown) = signs_up(&world, "nobody@example.jp").await;
    assert_eq!(known, unknown);
    assert_eq!(left, left_by_unknown, "rows in every table");
}

async fn a_known_address_is_not_lost_to_a_sign_up(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("known1").await;
    let thief = world.browser();
    thief.get("/sign-up").await.expect(200);
    let fields = [("email", owner.email.as_str()), ("password", "a quite different set of words")];
    thief.post_form("/sign-up", &fields).await.expect(303);
    let told = server.phone.last_email(&owner.email).await;
    let digits = told.whole_text().split(|c: char| !c.is_ascii_digit()).any(|run| run.len() >= 6);
    assert!(!digits && told.whole_text().contains("already have an account"), "{}", told.whole_text());
    let mut begin = sign_in_body(&owner.email);
    begin["password"] = json!("a quite different set of words");
    world.site.post_json("/api/v1/sign-ins", &begin).await.expect(401);
    world.signed_in(super::story::Door::Browser, &owner).await;
}
