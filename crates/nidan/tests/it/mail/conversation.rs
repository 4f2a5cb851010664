//! What becomes of a mail, whatever the server says, and when it says nothing.

use std::collections::BTreeSet;

use nidan::config::ways::SmtpTls;
use nidan::send::route::Outcome;
use nidan_core::ledger::Reason;
use nidan_core::time::Span;
use tokio::net::TcpListener;

use super::{MailServer, accepted, mail, open, send};

#[tokio::test]
async fn the_outcome_is_what_the_server_said() {
    let mut server = MailServer::start().await;
    let line = open(&server.route("starttls", SmtpTls::Required));
    for (to, outcome) in [
        ("unknown@example.jp", Outcome::Rejected(Reason::DestinationRefused)),
        ("busy@example.jp", Outcome::NotTaken(Reason::Throttled)),
        ("full@example.jp", Outcome::NotTaken(Reason::QueueFull)),
        ("grey@example.jp", Outcome::NotTaken(Reason::Throttled)),
        ("spam@example.jp", Outcome::Rejected(Reason::MessageRefused)),
        ("later@example.jp", Outcome::NotTaken(Reason::Throttled)),
        ("no address", Outcome::Rejected(Reason::DestinationRefused)),
    ] {
        assert_eq!(send(&line, &mail(to)).await, outcome, "{to}");
    }
    // Who greylists takes it the second time, and of all the others nothing reached a mailbox.
    assert!(accepted(&send(&line, &mail("grey@example.jp")).await));
    assert_eq!(server.next().await["to"][0], "grey@example.jp");
    line.close().await;
}

#[tokio::test]
async fn a_sender_that_is_refused_is_a_mistake_of_the_message() {
    let mut server = MailServer::start().await;
    let mut settings = server.route("plain", SmtpTls::Off);
    settings.from = "stranger@example.jp".to_owned();
    let refused = send(&open(&settings), &mail("taro@example.jp")).await;
    assert_eq!(refused, Outcome::Rejected(Reason::MessageRefused));
    settings.from = "no-reply@example.jp".to_owned();
    assert!(accepted(&send(&open(&settings), &mail("jiro@example.jp")).await));
    assert_eq!(server.next().await["to"][0], "jiro@example.jp");
}

/// The mailbox got both, and nobody can tell from here.
#[tokio::test]
async fn silence_after_the_text_is_a_doubt_and_nothing_is_sent_twice() {
    let mut server = MailServer::start().await;
    let mut settings = server.route("starttls", SmtpTls::Required);
    let dropped = send(&open(&settings), &mail("dropped@example.jp")).await;
    assert_eq!(dropped, Outcome::Ambiguous(Reason::LinkLost));
    settings.answer_within = Span::seconds(1);
    let line = open(&settings);
    assert_eq!(send(&line, &mail("silent@example.jp")).await, Outcome::Ambiguous(Reason::NoAnswer));
    assert!(accepted(&send(&line, &mail("taro@example.jp")).await), "a new connection");
    for to in ["dropped@example.jp", "silent@example.jp", "taro@example.jp"] {
        assert_eq!(server.next().await["to"][0], to);
    }
}

#[tokio::test]
async fn a_connection_is_used_again_until_the_server_has_enough_of_it() {
    let mut server = MailServer::start().await;
    let line = open(&server.route("starttls", SmtpTls::Required));
    let mut connections = Vec::new();
    // The server says 421 to the next mail after one for "tired", and hangs up after one for "closing".
    for to in ["a", "b", "tired", "c", "closing", "d", "e"] {
        assert!(accepted(&send(&line, &mail(&format!("{to}@example.jp"))).await), "{to}");
        let arrived = server.next().await;
        assert_eq!(arrived["to"][0], format!("{to}@example.jp"));
        connections.push(arrived["connection"].as_u64().expect("counted"));
    }
    assert_eq!(connections, [1, 1, 1, 2, 2, 3, 3]);
}

#[tokio::test]
async fn a_connection_that_nobody_uses_is_ended() {
    let mut server = MailServer::start().await;
    let line = open(&server.route("smtps", SmtpTls::Implicit));
    for (to, number) in [("a@example.jp", 1), ("b@example.jp", 2)] {
        assert!(accepted(&send(&line, &mail(to)).await));
        assert_eq!(server.next().await["connection"], number);
        assert_eq!(server.closed().await, number);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_shares_the_connections_and_closing_waits_for_it() {
    let mut server = MailServer::start().await;
    let mut settings = server.route("smtps", SmtpTls::Implicit);
    settings.connections = 3;
    let line = std::sync::Arc::new(open(&settings));
    let (mut to, mut under_way) = (BTreeSet::new(), tokio::task::JoinSet::new());
    for number in 0..40 {
        let address = format!("crowd{number}@example.jp");
        to.insert(address.clone());
        let line = line.clone();
        under_way.spawn(async move { send(&line, &mail(&address)).await });
    }
    for outcome in under_way.join_all().await {
        assert!(accepted(&outcome), "{outcome:?}");
    }
    let mut connections = BTreeSet::new();
    for _ in 0..40 {
        let arrived = server.next().await;
        assert!(to.remove(arrived["to"][0].as_str().expect("an address")), "{arrived} twice");
        connections.insert(arrived["connection"].as_u64());
    }
    assert!(connections.len() <= 3, "{connections:?}");
    let permit = line.ready().await.expect("a connection");
    let mut closing = Box::pin(line.close());
    let at_once = tokio::time::timeout(std::time::Duration::from_millis(50), &mut closing).await;
    assert!(at_once.is_err(), "closed while a mail was under way");
    drop(permit);
    closing.await;
    assert_eq!(line.ready().await.err(), Some(Reason::RouteDown), "closed");
}

#[tokio::test]
async fn a_server_that_does_not_serve_is_a_route_that_waits() {
    let server = MailServer::start().await;
    let mut settings = server.route("closed", SmtpTls::Off);
    assert_eq!(open(&settings).ready().await.err(), Some(Reason::Throttled), "it greets with a refusal");
    let said = nidan::send::smtp::check(&settings).await.expect_err("refused");
    assert!(said.contains("does not serve us (it answers 421)"), "{said}");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    settings.host = "127.0.0.1".to_owned();
    settings.port = listener.local_addr().expect("bound").port();
    settings.answer_within = Span::ms(200);
    assert_eq!(open(&settings).ready().await.err(), Some(Reason::RouteDown), "it never greets");
    let said = nidan::send::smtp::check(&settings).await.expect_err("silent");
    assert!(said.contains("does not answer"), "{said}");
    drop(listener);
    assert_eq!(open(&settings).ready().await.err(), Some(Reason::RouteDown), "nobody listens");
    let said = nidan::send::smtp::check(&settings).await.expect_err("nobody there");
    assert!(said.contains("cannot be reached (Connection refused"), "{said}");
}
