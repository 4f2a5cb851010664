//! `Idempotency-Key`.

use nidan::flow::once::{Begun, Request, abandon, begin, finish};
use nidan_core::id::ApiKeyId;
use nidan_core::secret::Secret;
use nidan_core::time::Span;
use serde_json::json;

use crate::app::{TestServer, on_both_databases};
use crate::owner::{EMAIL, Owner, PHONE};

on_both_databases! {
    a_repeated_request_gets_the_first_reply
    the_same_key_with_another_request_is_refused
    parallel_repetitions_are_carried_out_once
    what_may_pass_is_not_kept
    keys_are_forgotten_after_a_day
    a_run_that_was_cut_off_is_taken_over_by_one
}

async fn a_repeated_request_gets_the_first_reply(server: &TestServer) {
    let site = server.site().await;
    let new = json!({"email": EMAIL});
    let made = site.post_once("/api/v1/accounts", "k-1", &new).await.expect(201);
    let again = site.post_once("/api/v1/accounts", "k-1", &new).await.expect(201);
    assert_eq!((&again.body, again.header("location")), (&made.body, made.header("location")));
    assert_eq!(again.header("content-type"), made.header("content-type"));
    let other_key = site.post_once("/api/v1/accounts", "k-2", &new).await.expect(409);
    let other_again = site.post_once("/api/v1/accounts", "k-2", &new).await.expect(409);
    assert_eq!(other_again.body, other_key.body, "a refusal is a reply as well");
    assert_eq!(other_again.header("content-type"), Some("application/problem+json"));
    let other_site = server.site().await;
    other_site.post_once("/api/v1/accounts", "k-1", &new).await.expect(409);
}

async fn the_same_key_with_another_request_is_refused(server: &TestServer) {
    let site = server.site().await;
    site.post_once("/api/v1/accounts", "k", &json!({"email": EMAIL})).await.expect(201);
    for (path, body) in [
        ("/api/v1/accounts", json!({"email": "hanako@example.jp"})),
        ("/api/v1/sessions/check", json!({"email": EMAIL})),
    ] {
        let refused = site.post_once(path, "k", &body).await.expect(422);
        assert_eq!(refused.text("/type"), "/problems/idempotency-key-reused");
    }
    for key in ["", &"k".repeat(256), "鍵", "a\tb"] {
        site.post_once("/api/v1/accounts", key, &json!({"email": EMAIL})).await.expect(400);
    }
    site.post_once("/api/v1/accounts", &"k".repeat(255), &json!({"email": "ichiro@example.jp"})).await.expect(201);
}

async fn parallel_repetitions_are_carried_out_once(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::with_two_methods(server, &site).await;
    let begin = owner.password();
    let asked = (0..8).map(|_| site.post_once("/api/v1/sign-ins", "k", &begin));
    let answers = futures_util::future::join_all(asked).await;
    server.phone.last_sms(PHONE).await;
    let begun: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert!(!begun.is_empty() && begun.iter().all(|answer| answer.body == begun[0].body));
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!((answer.status, answer.header("retry-after")), (409, Some("1")), "{}", answer.body);
        assert_eq!(answer.text("/type"), "/problems/idempotency-key-in-use");
    }
    let again = site.post_once("/api/v1/sign-ins", "k", &begin).await.expect(201);
    assert_eq!(again.body, begun[0].body, "a code is sent once, whatever the network does");
}

async fn what_may_pass_is_not_kept(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::with_two_methods(server, &site).await;
    let begun = owner.sign_in(&site).await.expect(201);
    server.phone.last_sms(PHONE).await;
    server.settled().await;
    let resend = format!("/api/v1/sign-ins/{}/resend", begun.text("/id"));
    site.post_once(&resend, "k", &json!({})).await.expect(429);
    server.clock.advance(Span::seconds(30));
    site.post_once(&resend, "k", &json!({})).await.expect(202);
    server.phone.last_sms(PHONE).await;
    site.post_once(&resend, "k", &json!({})).await.expect(202);
}

async fn keys_are_forgotten_after_a_day(server: &TestServer) {
    let site = server.site().await;
    site.post_once("/api/v1/accounts", "k", &json!({"email": EMAIL})).await.expect(201);
    server.clock.advance(Span::days(1));
    site.post_once("/api/v1/accounts", "k", &json!({"email": "hanako@example.jp"})).await.expect(201);
}

/// As after a crash: begun, and never finished.
async fn a_run_that_was_cut_off_is_taken_over_by_one(server: &TestServer) {
    let app = &server.app;
    let request = |asked: &str| Request::new(app, ApiKeyId::from_bytes([1; 16]), "k", &Secret::new(asked.into()));
    let stands = async |asked: &str| match begin(app, &request(asked)).await.expect("the database") {
        Begun::First => "first".to_owned(),
        Begun::UnderWay => "under way".to_owned(),
        Begun::AnotherRequest => "another".to_owned(),
        Begun::Replied(reply) => String::from_utf8(reply.expose().clone()).expect("text"),
    };
    assert_eq!(stands("a").await, "first");
    server.clock.advance(Span::ms(59_999));
    assert_eq!((stands("a").await.as_str(), stands("b").await.as_str()), ("under way", "another"));
    server.clock.advance(Span::ms(1));
    assert_eq!((stands("a").await.as_str(), stands("a").await.as_str()), ("first", "under way"));
    abandon(app, &request("a")).await.expect("the database");
    assert_eq!(stands("a").await, "first");
    finish(app, &request("a"), &Secret::new(b"the reply".to_vec())).await.expect("the database");
    server.clock.advance(Span::minutes(5));
    assert_eq!((stands("a").await.as_str(), stands("b").await.as_str()), ("the reply", "another"));
}
