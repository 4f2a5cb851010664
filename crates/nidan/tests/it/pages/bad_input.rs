//! Anything malformed gets 4xx with a page, costs nothing, and is never a fault of ours.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use super::person::{PHONE, Person, leads_to};
use crate::app::{TestServer, on_both_databases};

on_both_databases! {
    malformed_forms_are_refused
    forms_from_elsewhere_are_refused
    addresses_and_methods_that_do_not_exist
    the_demo_phone_is_for_who_sits_here
    the_language_is_chosen_and_kept
    the_accounts_language_goes_before_the_browsers
    the_server_says_how_it_is
}

const FORMS: [&str; 16] = [
    "/sign-up",
    "/sign-up/code",
    "/sign-up/resend",
    "/sign-in",
    "/sign-in/code",
    "/sign-in/resend",
    "/sign-in/other-ways",
    "/setup/phone",
    "/setup/phone/code",
    "/setup/phone/resend",
    "/setup/phone/change",
    "/setup/app/start",
    "/setup/app",
    "/security/devices/revoke",
    "/security/sessions/revoke",
    "/security/sign-out-everywhere",
];

async fn malformed_forms_are_refused(server: &TestServer) {
    let person = Person::signed_out(server).await;
    person.type_password().await;
    let code = server.phone.sms_code(PHONE).await;
    let page = person.browser.get("/sign-in/code").await.expect(200);
    let (_, token) = page.body.split_once("name=\"csrf\" value=\"").expect("a token");
    let token = token.split('"').next().unwrap_or_default();
    let origin = format!("http://{}", server.address());
    let form = |kind: &'static str| [("content-type", kind), ("origin", origin.as_str())];
    let urlencoded = "application/x-www-form-urlencoded";
    let long = format!("csrf={token}&code={}", "1".repeat(1_000_000));
    let password = format!("csrf={token}&email=a@b.jp&password={}", "x".repeat(1 << 20));
    for path in FORMS {
        for body in [
            format!("csrf={token}&unknown=1"),
            format!("csrf={token}&code=1&code=2"),
            format!("csrf={token}&code=%ff%fe"),
            format!("csrf={token}&code=%4"),
            "%".to_owned(),
            String::new(),
            long.clone(),
            password.clone(),
        ] {
            let answer = person.browser.ask("POST", path, &form(urlencoded), body.as_bytes()).await;
            let shown = &body[..body.len().min(80)];
            assert!((300..500).contains(&answer.status), "{path} {shown}: {} {}", answer.status, answer.body);
            assert!(answer.status == 303 || answer.body.contains("<h1>"), "{path} {shown}: a page");
        }
        let answer = person.browser.ask("POST", path, &form("application/json"), b"{}").await;
        assert_eq!(answer.status, unless_led_away(path, 415), "{path}");
    }
    for typed in ["", "12345", "1234567", "１２３４５", "abcdef", "٣٤٥٦٧٨", "\u{1f600}", &"9".repeat(4000)] {
        let refused = person.type_code(typed, true).await.expect(422).body;
        assert!(refused.contains("6桁の数字を入力してください"), "{typed}");
    }
    let spaced: String = code.chars().flat_map(|digit| [digit, '\u{3000}']).collect();
    assert_eq!(leads_to(&person.type_code(&spaced, true).await), "/security", "and none of it cost a try");
    for field in ["", "dev_", "dev_1", "acc_00000000000000000000000000"] {
        person.browser.post_form("/security/devices/revoke", &[("device_id", field)]).await.expect(400);
    }
    let somebodys = "dev_01h2xcejqtf2nbrexx3vqjhp41";
    let answer = person.browser.post_form("/security/devices/revoke", &[("device_id", somebodys)]).await;
    assert!(leads_to(&answer).starts_with("/security"), "which tells nothing of other devices");
}

async fn forms_from_elsewhere_are_refused(server: &TestServer) {
    let browser = server.browser();
    browser.get("/sign-in").await.expect(200);
    for path in FORMS {
        let form = [("content-type", "application/x-www-form-urlencoded"), ("origin", "https://evil.example")];
        browser.ask("POST", path, &form, b"email=a").await.expect(unless_led_away(path, 403));
        browser.post_form(path, &[("csrf", "stolen")]).await.expect(unless_led_away(path, 403));
    }
    let other = server.browser();
    other.get("/sign-in").await;
    let without_cookie = server.browser();
    without_cookie.post_form("/sign-in", &[("email", "a"), ("password", "b"), ("csrf", "x")]).await.expect(403);
    let twice = [("cookie", "__Host-nidan_flow=a; __Host-nidan_flow=b")];
    server.browser().ask("GET", "/sign-in", &twice, b"").await.expect(400);
}

/// Forms that need a session lead to the sign-in before they are looked at.
fn unless_led_away(path: &str, status: u16) -> u16 {
    if path.starts_with("/setup") || path.starts_with("/security") { 303 } else { status }
}

async fn addresses_and_methods_that_do_not_exist(server: &TestServer) {
    let browser = server.browser();
    for path in ["/nowhere", "//evil.example/", "/sign-in/", "/setup/email", "/console", "/.env", "/%ff"] {
        let page = browser.get(path).await.expect(404);
        assert!(page.body.contains("<h1>") && !page.body.contains("evil"), "{path}: {}", page.body);
    }
    browser.get("/sign-in?utm_source=line").await.expect(200);
    browser.get("/sign-in?lang=ja&lang=en").await.expect(400);
    let answer = browser.get("/sign-in/resend").await.expect(405);
    assert_eq!(answer.header("allow"), Some("POST"));
    let head = browser.ask("HEAD", "/sign-in", &[], b"").await.expect(200);
    assert!(head.body.is_empty() && head.header("content-security-policy").is_some());
    for (path, kind) in [("/assets/nidan.js", "text/javascript; charset=utf-8"), ("/assets/icon.svg", "image/svg+xml")]
    {
        assert_eq!(browser.get(path).await.expect(200).header("content-type"), Some(kind));
    }
}

async fn the_demo_phone_is_for_who_sits_here(server: &TestServer) {
    let browser = server.browser();
    for path in ["/demo", "/demo/phone", "/demo/phone.json"] {
        browser.get(path).await.expect(200);
        for header in [("x-forwarded-for", "127.0.0.1"), ("forwarded", "for=127.0.0.1"), ("via", "1.1 proxy")] {
            browser.ask("GET", path, &[header], b"").await.expect(404);
        }
    }
    assert_eq!(browser.get("/demo/phone.json?to=nobody").await.body, "[]");
}

async fn the_language_is_chosen_and_kept(server: &TestServer) {
    let browser = server.browser();
    assert!(browser.get("/sign-in").await.body.contains("<html lang=\"ja\">"));
    let asked = browser.ask("GET", "/sign-in", &[("accept-language", "en-GB")], b"").await;
    assert!(asked.body.contains("<html lang=\"en\">"));
    assert!(browser.get("/sign-in?lang=en").await.body.contains("<html lang=\"en\">"));
    assert!(browser.get("/sign-up").await.body.contains("<html lang=\"en\">"), "kept");
    assert!(browser.get("/nowhere").await.body.contains("<html lang=\"en\">"), "on error pages too");
}

async fn the_accounts_language_goes_before_the_browsers(server: &TestServer) {
    let person = Person::signed_up(server).await;
    let english = [("accept-language", "en-GB")];
    let page = async |path| person.browser.ask("GET", path, &english, b"").await.expect(200).body;
    assert!(page("/security").await.contains("<html lang=\"ja\">"), "as at the sign-up");
    let (account, session) = (server.site().await, person.browser.cookie("__Host-nidan_session").expect("signed in"));
    let found = account.post_json("/api/v1/sessions/check", &json!({"session_token": session})).await.expect(200);
    let account_path = format!("/api/v1/accounts/{}", found.text("/account_id"));
    account.send_json("PATCH", &account_path, &json!({"language": "en"})).await.expect(200);
    assert!(person.browser.get("/security").await.body.contains("<html lang=\"en\">"), "as the account says now");
    assert!(page("/security?lang=ja").await.contains("<html lang=\"ja\">"), "as this browser's reader says");
    assert!(page("/security").await.contains("<html lang=\"ja\">"), "kept");
}

async fn the_server_says_how_it_is(server: &TestServer) {
    let browser = server.browser();
    assert_eq!(browser.get("/health/live").await.expect(200).json()["status"], "live");
    assert_eq!(browser.get("/health/ready").await.expect(200).json()["status"], "ready");
    browser.get("/metrics").await.expect(404);
    let ask = Request::get("/metrics").body(Body::empty()).expect("a request");
    let answer = nidan::web::watching(server.app.clone()).answer(ask).await;
    assert_eq!(answer.status(), 200);
    let told = server.app.metrics.text();
    assert!(told.contains("nidan_requests_total{status=\"404\"} 1"), "{told}");
}
