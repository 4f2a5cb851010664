//! Binding, losing, finding again.

use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use nidan::config::ways::Bind;
use nidan::send::smpp::check;
use nidan_core::ledger::Reason;
use nidan_core::secret::Secret;
use nidan_core::time::Span;
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::{Carrier, TEXT, accepted, message, open, send};
use crate::smsc::{Smsc, certificate};
use crate::store::Directory;

#[tokio::test]
async fn a_wrong_password_is_told_at_once_and_not_tried_again() {
    let smsc = Smsc::start();
    let mut settings = smsc.settings();
    settings.password = Secret::new("wrong".into());
    let line = open(&settings, Default::default());
    assert_eq!(line.ready().await.err(), Some(Reason::LoginRefused));
    assert_eq!(line.ready().await.err(), Some(Reason::LoginRefused));
    assert_eq!(smsc.told("bind_refused").len(), 1);
    let told = check(&settings).await.expect_err("refused");
    assert!(told.contains("refuses system_id and password") && !told.contains("wrong"), "{told}");
    line.close().await;
}

#[tokio::test]
async fn a_carrier_that_is_away_is_told_after_a_while() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("bound").port();
    let smsc = Smsc::start();
    let mut settings = smsc.settings();
    settings.port = nobody;
    let line = open(&settings, Default::default());
    assert_eq!(line.ready().await.err(), Some(Reason::RouteDown));
    // From then on nobody waits.
    assert_eq!(line.ready().await.err(), Some(Reason::RouteDown));
    let told = check(&settings).await.expect_err("nobody");
    assert!(told.contains("cannot be reached") && told.contains("check host, port"), "{told}");
    line.close().await;
}

#[tokio::test]
async fn a_restarted_carrier_is_found_again() {
    let carrier = Carrier::start().await;
    accepted(carrier.send("+819000000001").await);
    carrier.receives(1).await;
    let port = carrier.smsc.port().to_string();
    let Carrier { smsc, line, heard } = carrier;
    drop(smsc);
    let carrier = Carrier { smsc: Smsc::start_with(&["--port", &port]), line, heard };
    carrier.smsc.tells("bound", 1).await;
    accepted(carrier.send("+819000000001").await);
    carrier.smsc.tells("receipt_answer", 1).await;
    assert_eq!(carrier.smsc.told("phone").len(), 1);
    assert_eq!(carrier.receipts().len(), 2);
    carrier.finish().await;
}

#[tokio::test]
async fn all_connections_are_used_and_receipts_come_by_the_receiver() {
    let carrier = Carrier::start_with(&[], |settings| {
        (settings.bind, settings.connections, settings.window) = (Bind::TransmitterAndReceiver, 2, 2);
    })
    .await;
    let bound = carrier.smsc.tells("bound", 3).await;
    let mut roles: Vec<_> = bound.iter().filter_map(|bound| bound["role"].as_str()).collect();
    roles.sort();
    assert_eq!(roles, ["receiver", "transmitter", "transmitter"]);
    assert!(bound.iter().all(|bound| bound["version"] == 0x34), "{bound:?}");
    let numbers: Vec<String> = (10..30).map(|n| format!("+8190000000{n}01")).collect();
    for outcome in join_all(numbers.iter().map(|number| carrier.send(number))).await {
        accepted(outcome);
    }
    carrier.receives(20).await;
    let used: std::collections::BTreeSet<i64> =
        carrier.smsc.told("phone").iter().filter_map(|got| got["session"].as_i64()).collect();
    assert_eq!(used.len(), 2);
    carrier.finish().await;
}

#[tokio::test]
async fn the_window_is_a_limit() {
    let carrier = Carrier::start_with(&[], |settings| settings.window = 2).await;
    let first = carrier.line.ready().await.expect("a place");
    let second = carrier.line.ready().await.expect("a place");
    let waiting = carrier.line.ready();
    tokio::pin!(waiting);
    assert!(timeout(Duration::ZERO, &mut waiting).await.is_err());
    drop(second);
    let third = waiting.await.expect("a place");
    accepted(carrier.line.send(third, &message("+819000000001", TEXT)).await);
    accepted(carrier.line.send(first, &message("+819000000001", TEXT)).await);
    carrier.finish().await;
}

#[tokio::test]
async fn a_quiet_connection_is_asked_whether_it_lives() {
    let carrier = Carrier::start_with(&[], |settings| settings.enquire_after = Span::ms(50)).await;
    carrier.smsc.tells("enquired", 3).await;
    accepted(carrier.send("+819000000001").await);
    assert_eq!(carrier.smsc.told("bound").len(), 1);
    carrier.finish().await;
}

#[tokio::test]
async fn closing_waits_for_answers_and_takes_no_more() {
    let carrier = Carrier::start_with(&["--late-ms", "400"], |_| {}).await;
    let under_way = message("+819000000020", TEXT);
    let permit = carrier.line.ready().await.expect("a place");
    let closing = async {
        carrier.smsc.tells("phone", 1).await;
        carrier.line.close().await;
    };
    let (outcome, ()) = tokio::join!(carrier.line.send(permit, &under_way), closing);
    accepted(outcome);
    carrier.smsc.tells("unbound", 1).await;
    assert_eq!(carrier.smsc.told("bound").len(), 1);
}

#[tokio::test]
async fn a_certificate_is_checked() {
    let directory = Directory::new();
    let (key, certificate) = certificate(&directory.path());
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let arguments = ["--key", &text(&key), "--cert", &text(&certificate)];
    let carrier = Carrier::start_with(&arguments, |settings| {
        (settings.tls, settings.ca_file) = (true, Some(certificate.clone()));
    })
    .await;
    accepted(carrier.send("+819000000001").await);
    carrier.receives(1).await;

    let mut settings = carrier.smsc.settings();
    (settings.tls, settings.ca_file) = (true, Some(certificate.clone()));
    let told = check(&settings).await.expect("bound");
    assert_eq!(told, format!("bound to localhost:{} as nidan, which calls itself npm-smsc", carrier.smsc.port()));
    settings.ca_file = None;
    let told = check(&settings).await.expect_err("nobody knows it");
    assert!(told.contains("certificate"), "{told}");
    settings.ca_file = Some(key);
    let told = check(&settings).await.expect_err("no certificate");
    assert!(told.contains("holds no readable certificate"), "{told}");
    (settings.host, settings.ca_file) = ("127.0.0.1".into(), Some(certificate));
    let told = check(&settings).await.expect_err("another name");
    assert!(told.contains("certificate"), "{told}");
    (settings.tls, settings.ca_file) = (false, None);
    let told = check(&settings).await.expect_err("TLS is spoken there");
    assert!(told.contains("does it speak SMPP there"), "{told}");
    carrier.finish().await;
}

#[tokio::test]
async fn a_sender_that_is_none_is_refused_at_once() {
    let smsc = Smsc::start();
    let mut settings = smsc.settings();
    settings.sender = "例社".into();
    assert!(check(&settings).await.is_err_and(|told| told.starts_with("sender has a character")));
    settings.sender = "241624".into();
    let line = open(&settings, Default::default());
    accepted(send(&line, &message("+819000000001", TEXT)).await);
    let got = smsc.phone("819000000001");
    assert_eq!((&got[0]["from"], &got[0]["from_ton"], &got[0]["from_npi"]), (&"241624".into(), &3.into(), &0.into()));
    line.close().await;
}
