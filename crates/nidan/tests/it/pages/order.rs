//! What is asked for out of order is refused, and tells nothing.

use nidan_core::time::Span;

use super::person::{EMAIL, PASSWORD, PHONE, Person, confirm_phone, confirmed_email, leads_to};
use crate::app::{TestServer, on_both_databases, wrong};

on_both_databases! {
    nothing_opens_without_what_comes_before
    a_session_of_setup_opens_setup_alone
    setup_resumes_where_it_was_left
    an_address_in_use_looks_the_same
    five_wrong_codes_end_the_setup_of_a_phone
    an_app_that_was_left_too_long_is_begun_anew
}

async fn nothing_opens_without_what_comes_before(server: &TestServer) {
    let browser = server.browser();
    for (path, to) in [
        ("/", "/sign-in"),
        ("/setup", "/sign-in"),
        ("/security", "/sign-in"),
        ("/sign-out", "/sign-in"),
        ("/sign-in/code", "/sign-in"),
        ("/sign-in/other-ways", "/sign-in"),
        ("/sign-up/code", "/sign-up"),
        ("/setup/phone", "/sign-in"),
    ] {
        assert_eq!(leads_to(&browser.get(path).await), to, "{path}");
    }
    browser.get("/sign-in").await;
    for (path, fields, to) in [
        ("/sign-in/code", &[("code", "123456")][..], "/sign-in"),
        ("/sign-in/resend", &[], "/sign-in"),
        ("/sign-up/code", &[("code", "123456")], "/sign-up"),
        ("/setup/phone", &[("phone", "090-1234-5678")], "/sign-in"),
        ("/setup/app", &[("code", "123456")], "/sign-in"),
        ("/security/sign-out-everywhere", &[], "/sign-in"),
    ] {
        assert_eq!(leads_to(&browser.post_form(path, fields).await), to, "{path}");
    }
    let sign_in = async |email, password| {
        browser.post_form("/sign-in", &[("email", email), ("password", password)]).await.expect(422).body
    };
    let unknown = sign_in("nobody@example.jp", PASSWORD).await;
    let person = Person::signed_out(server).await;
    let known = sign_in(EMAIL, "not the password").await;
    assert_eq!(unknown.replace("nobody@example.jp", EMAIL), known, "nobody is told which accounts there are");
    drop(person);
}

async fn a_session_of_setup_opens_setup_alone(server: &TestServer) {
    let browser = confirmed_email(server).await;
    for path in ["/", "/security"] {
        assert_eq!(leads_to(&browser.get(path).await), "/setup", "{path}");
    }
    browser.get("/setup").await.expect(200);
    for path in ["/security/sign-out-everywhere", "/security/devices/revoke", "/security/sessions/revoke"] {
        assert_eq!(leads_to(&browser.post_form(path, &[]).await), "/setup", "{path}");
    }
    browser.get("/sign-out").await.expect(200);
    assert_eq!(leads_to(&browser.post_form("/sign-out", &[]).await), "/sign-in?notice=signed-out");
}

async fn setup_resumes_where_it_was_left(server: &TestServer) {
    let browser = confirmed_email(server).await;
    browser.get("/setup").await.expect(200);
    confirm_phone(server, &browser).await;
    let later = server.browser();
    later.get("/sign-in").await.expect(200);
    let answer = later.post_form("/sign-in", &[("email", EMAIL), ("password", PASSWORD)]).await;
    assert_eq!(leads_to(&answer), "/sign-in/code", "the one confirmed method is asked first");
    let code = server.phone.sms_code(PHONE).await;
    later.get("/sign-in/code").await.expect(200);
    assert_eq!(leads_to(&later.post_form("/sign-in/code", &[("code", &code)]).await), "/setup");
    assert!(later.cookie("__Host-nidan_device").is_none(), "one method makes no device known");
    let page = later.get("/setup").await.expect(200).body;
    assert!(page.contains("action=\"/setup/app/start\""), "what another session began is begun anew: {page}");
    assert_eq!(leads_to(&later.post_form("/setup/app/start", &[]).await), "/setup");
    assert!(later.get("/setup").await.expect(200).body.contains("otpauth://"));
}

async fn an_address_in_use_looks_the_same(server: &TestServer) {
    let person = Person::signed_out(server).await;
    let other = server.browser();
    other.get("/sign-up").await.expect(200);
    let answer = other.post_form("/sign-up", &[("email", EMAIL), ("password", "another-mikan-of-34")]).await;
    assert_eq!(leads_to(&answer), "/sign-up/code");
    let notice = server.phone.last_email(EMAIL).await.whole_text();
    assert!(!notice.chars().filter(char::is_ascii_digit).count() > 5, "no code: {notice}");
    let page = other.get("/sign-up/code").await.expect(200).body;
    assert!(page.contains(EMAIL) && page.contains("name=\"code\""));
    other.post_form("/sign-up/code", &[("code", "123456")]).await.expect(422);
    drop(person);
}

async fn five_wrong_codes_end_the_setup_of_a_phone(server: &TestServer) {
    let browser = confirmed_email(server).await;
    browser.get("/setup").await.expect(200);
    let give = async || leads_to(&browser.post_form("/setup/phone", &[("phone", "090-1234-5678")]).await);
    assert_eq!(give().await, "/setup");
    let code = server.phone.sms_code(PHONE).await;
    for _ in 0..5 {
        browser.post_form("/setup/phone/code", &[("code", &wrong(&code))]).await.expect(422);
    }
    let refused = browser.post_form("/setup/phone/code", &[("code", &code)]).await.expect(422).body;
    assert!(!refused.contains("action=\"/setup/phone/code\""), "no field any more: {refused}");
    assert!(browser.get("/setup").await.expect(200).body.contains("action=\"/setup/phone\""));
    confirm_phone(server, &browser).await;
}

async fn an_app_that_was_left_too_long_is_begun_anew(server: &TestServer) {
    let browser = confirmed_email(server).await;
    browser.get("/setup").await.expect(200);
    confirm_phone(server, &browser).await;
    assert!(browser.get("/setup").await.expect(200).body.contains("otpauth://"));
    server.clock.advance(server.app.policy.setup_life);
    server.clock.advance(Span::seconds(1));
    let page = browser.get("/setup").await.expect(200).body;
    assert!(page.contains("action=\"/setup/app/start\"") && !page.contains("otpauth://"), "{page}");
    browser.post_form("/setup/app/start", &[]).await;
    assert!(browser.get("/setup").await.expect(200).body.contains("otpauth://"));
}
