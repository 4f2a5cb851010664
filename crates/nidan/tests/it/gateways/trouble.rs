//! Gateways that misbehave: what is certain is said, what nobody knows is ambiguous, and nothing is sent twice.

use std::time::Duration;

use nidan::config::ways::Http;
use nidan::send::route::Outcome;
use nidan_core::ledger::Reason;
use nidan_core::time::Span;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::stub::{Reply, Stub};
use super::{accepted, dispatch, line, send, send_to, settings};
use crate::store::Directory;

fn soon(settings: &mut Http) {
    settings.answer_within = Span::ms(300);
}

fn told_to_wait(seconds: &str) -> Reply {
    Reply::Other(429, ("retry-after", seconds.to_owned()), json!({"code": 20429}).to_string())
}

#[tokio::test]
async fn what_may_have_been_taken_is_ambiguous_and_not_repeated() {
    let html = || Reply::Other(200, ("content-type", "text/html".into()), "<p>Welcome to the hotel".into());
    for (reply, reason) in [
        (Reply::Silence, Reason::NoAnswer),
        (Reply::HangUp, Reason::LinkLost),
        (Reply::Json(500, json!({"code": 20500})), Reason::CarrierFault),
        (Reply::Slow(201), Reason::CarrierFault),
        (Reply::Endless(201), Reason::CarrierFault),
        (html(), Reason::CarrierFault),
        (Reply::Other(302, ("location", "/elsewhere".into()), String::new()), Reason::CarrierFault),
    ] {
        let stub = Stub::start(vec![reply]).await;
        assert_eq!(send_to(&stub, "twilio", soon).await, Outcome::Ambiguous(reason));
        stub.asked_once();
    }
}

#[tokio::test]
async fn what_was_certainly_refused_stays_so_even_with_a_broken_body() {
    for reply in [Reply::Slow(400), Reply::Endless(400), Reply::Json(400, json!({"code": 21603}))] {
        let stub = Stub::start(vec![reply]).await;
        assert_eq!(send_to(&stub, "twilio", soon).await, Outcome::Rejected(Reason::MessageRefused));
    }
}

#[tokio::test]
async fn without_a_connection_nothing_was_taken() {
    let port = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("bound").port();
    let (nobody, _hand) = line(&settings("twilio", &format!("http://127.0.0.1:{port}")));
    assert_eq!(send(&nobody).await, Outcome::NotTaken(Reason::RouteDown));
    // A TLS handshake that never ends, and one that is answered with something else.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let mute = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("a connection");
        let mut read = Vec::new();
        let _ = socket.read_to_end(&mut read).await;
    });
    let mut settings = settings("twilio", &format!("https://localhost:{port}"));
    settings.answer_within = Span::ms(300);
    assert_eq!(send(&line(&settings).0).await, Outcome::NotTaken(Reason::RouteDown));
    mute.await.expect("the client has gone");
}

/// The gateway reads nothing of a body that does not fit into the sockets: then it may have been begun, and is ambiguous.
#[tokio::test]
async fn a_request_that_was_begun_is_ambiguous() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut settings = settings("twilio", &format!("http://{}", listener.local_addr().expect("bound")));
    settings.answer_within = Span::ms(300);
    let (line, _hand) = line(&settings);
    let taking = tokio::spawn(async move { listener.accept().await.expect("a connection") });
    assert_eq!(send(&line).await, Outcome::Ambiguous(Reason::NoAnswer));
    drop(taking.await.expect("taken"));
}

const IDEMPOTENT: &str = r#"
about = "a gateway that knows what it was asked before"
number = "e164"
declares = { idempotency = true, expiry = true, receipts = false, several_receipts = false }
request.path = "/send"
request.form = { to = "{to}", text = "{text}", key = "{id}", life = "{expires_in_seconds}" }
auth.kind = "bearer"
answer.id = "/id"
"#;

#[tokio::test]
async fn the_same_request_is_repeated_twice_where_its_key_is_known() {
    let directory = Directory::new();
    let path = directory.path().join("driver.toml");
    std::fs::write(&path, IDEMPOTENT).expect("a file");
    let driver = path.to_str().expect("a path");
    let stub = Stub::start(vec![Reply::HangUp, Reply::Silence, Reply::Json(200, json!({"id": 7}))]).await;
    assert_eq!(send_to(&stub, driver, soon).await, accepted("7"));
    let asked = stub.asked();
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|again| again.body == asked[0].body && again.line == asked[0].line));
    let broken = Stub::start(vec![Reply::Json(500, json!({}))]).await;
    assert_eq!(send_to(&broken, driver, soon).await, Outcome::Ambiguous(Reason::CarrierFault));
    assert_eq!(broken.asked().len(), 3);
}

#[tokio::test]
async fn told_to_be_slower_the_same_message_goes_later() {
    let stub = Stub::start(vec![told_to_wait("1"), Reply::Json(201, json!({"sid": "SM1"}))]).await;
    let began = Instant::now();
    assert_eq!(send_to(&stub, "twilio", |_| {}).await, accepted("SM1"));
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(stub.asked().len(), 2);
}

#[tokio::test]
async fn a_longer_silence_is_kept_by_the_whole_line() {
    let stub = Stub::start(vec![told_to_wait("3600")]).await;
    let (line, _hand) = line(&settings("twilio", &stub.url()));
    assert_eq!(send(&line).await, Outcome::NotTaken(Reason::Throttled));
    assert_eq!(line.ready().await.map(|_| ()), Err(Reason::Throttled));
    stub.asked_once();
}

#[tokio::test]
async fn nothing_waits_beyond_its_worth() {
    let stub = Stub::start(vec![told_to_wait("2")]).await;
    let (line, hand) = line(&settings("twilio", &stub.url()));
    hand.advance(Span::ms(10 * 60_000 - 1_500));
    assert_eq!(send(&line).await, Outcome::NotTaken(Reason::Throttled));
    stub.asked_once();
}

#[tokio::test]
async fn no_more_are_under_way_than_the_window_holds_and_closing_waits_for_them() {
    let stub = Stub::start(vec![Reply::Silence]).await;
    let mut settings = settings("twilio", &stub.url());
    (settings.window, settings.answer_within) = (1, Span::seconds(1));
    let (line, _hand) = line(&settings);
    let first = line.ready().await.unwrap_or_else(|reason| panic!("{reason:?}"));
    let message = dispatch();
    let (outcome, second, closed) = tokio::join!(
        line.send(first, &message),
        async {
            stub.arrived().await;
            tokio::time::timeout(Duration::from_millis(50), line.ready()).await.map(|_| ())
        },
        async {
            stub.arrived().await;
            let began = Instant::now();
            line.close().await;
            began.elapsed()
        },
    );
    assert_eq!(outcome, Outcome::Ambiguous(Reason::NoAnswer));
    assert!(second.is_err(), "a second one was let through");
    assert!(closed > Duration::from_millis(500), "{closed:?}");
    assert_eq!(line.ready().await.map(|_| ()), Err(Reason::RouteDown));
}

#[tokio::test]
async fn messages_are_evenly_spaced() {
    let stub = Stub::start(vec![Reply::Json(201, json!({"sid": "SM1"}))]).await;
    let mut settings = settings("twilio", &stub.url());
    settings.rate_per_second = 10;
    let (line, _hand) = line(&settings);
    let began = Instant::now();
    for _ in 0..4 {
        assert_eq!(send(&line).await, accepted("SM1"));
    }
    assert!(began.elapsed() >= Duration::from_millis(300), "{:?}", began.elapsed());
}
