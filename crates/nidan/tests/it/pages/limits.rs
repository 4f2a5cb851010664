//! What a person reads when something has run out: places for hashing, a session's time, a page's form token.

use futures_util::FutureExt;
use nidan::password_hash::{Busy, Comer, StoredHash};
use nidan_core::secret::Secret;
use nidan_core::time::Span;
use serde_json::json;

use super::person::{EMAIL, PASSWORD, PHONE, Person, leads_to};
use crate::app::{TestServer, on_both_databases};

on_both_databases! {
    t48_passwords_beyond_the_queue_are_told_when_to_come_back
    a_session_ends_unused_and_in_any_case
    a_form_that_is_too_old_is_told_what_to_do
}

async fn t48_passwords_beyond_the_queue_are_told_when_to_come_back(server: &TestServer) {
    let (site, browser) = (server.site().await, server.browser());
    // Every place is taken by somebody who does not go on: the queue stays full, and no core works.
    let hasher = &server.app.passwords;
    let fill = || {
        let mut taken = Vec::new();
        loop {
            let mut asking =
                Box::pin(hasher.verify(Comer::Stranger, Secret::new("x".to_owned()), StoredHash::of_nobody()));
            match asking.as_mut().now_or_never() {
                None => taken.push(asking),
                Some(refused) => break (taken, refused),
            }
        }
    };
    let (mut waiting, refused) = fill();
    assert!(matches!(refused, Err(Busy { .. })), "{refused:?}");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for hashing in waiting.drain(..cores) {
        hashing.await.expect("had its turn");
    }
    waiting.extend(fill().0);

    let form = [("email", EMAIL), ("password", PASSWORD)];
    for path in ["/sign-in", "/sign-up"] {
        browser.get(path).await.expect(200);
        let refused = browser.post_form(path, &form).await.expect(503);
        assert_eq!(refused.header("retry-after"), Some("2"), "{path}");
        assert!(refused.body.contains("ただいま混み合っています"), "{path}: {}", refused.body);
    }
    let account = json!({"email": EMAIL, "password": PASSWORD});
    let client = json!({"ip": "192.0.2.1", "user_agent": "x"});
    let sign_in = json!({"account": {"email": EMAIL}, "password": PASSWORD, "client": client});
    for (path, body) in [("/api/v1/accounts", account), ("/api/v1/sign-ins", sign_in)] {
        let refused = site.post_json(path, &body).await.expect(503);
        let shown = (refused.text("/type"), refused.header("retry-after"));
        assert_eq!(shown, ("/problems/busy".to_owned(), Some("2")), "{path}");
    }

    drop(waiting);
    let answer = browser.post_form("/sign-up", &form).await;
    assert_eq!(leads_to(&answer), "/sign-up/code", "what was refused has left nothing behind");
    server.phone.last_email(EMAIL).await;
}

async fn a_session_ends_unused_and_in_any_case(server: &TestServer) {
    let second = Span::seconds(1);
    let (idle, life) = (server.app.policy.session_idle, server.app.policy.session_life);
    let almost = Span::seconds(idle.as_seconds_up() - 1);
    let person = Person::signed_out(server).await;
    let sign_in = async || {
        person.type_password().await;
        let code = server.phone.sms_code(PHONE).await;
        assert_eq!(leads_to(&person.type_code(&code, false).await), "/security");
    };
    sign_in().await;
    server.clock.advance(almost);
    person.browser.get("/security").await.expect(200);
    server.clock.advance(idle);
    assert_eq!(leads_to(&person.browser.get("/security").await), "/sign-in", "not used for too long");

    sign_in().await;
    let times = life.as_seconds_up() / almost.as_seconds_up();
    for _ in 0..times {
        server.clock.advance(almost);
        person.browser.get("/security").await.expect(200);
    }
    server.clock.advance(Span::seconds(life.as_seconds_up() - times * almost.as_seconds_up() - 1));
    person.browser.get("/security").await.expect(200);
    server.clock.advance(second);
    assert_eq!(leads_to(&person.browser.get("/security").await), "/sign-in", "however much it was used");
}

async fn a_form_that_is_too_old_is_told_what_to_do(server: &TestServer) {
    let browser = server.browser();
    browser.get("/sign-in").await.expect(200);
    let form = [("email", EMAIL), ("password", PASSWORD), ("csrf", "of-another-day")];
    let page = browser.post_form("/sign-in", &form).await.expect(403);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.body.contains("前のページを再読み込みしてから、やり直してください"), "{}", page.body);
    assert!(page.body.contains("href=\"/\"") && !page.body.contains(PASSWORD), "{}", page.body);
}
