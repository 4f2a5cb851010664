//! Nothing is said to a server that is not the right one, and nothing without the encryption that was asked for.

use nidan::config::ways::{Smtp, SmtpTls};
use nidan::send::route::Outcome;
use nidan::send::smtp::check;
use nidan_core::ledger::Reason;
use nidan_core::secret::Secret;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy};
use tokio::net::{TcpListener, TcpStream};

use super::{MailServer, mail, open, send};

#[tokio::test]
async fn mails_arrive_plainly_and_by_both_kinds_of_tls() {
    let mut server = MailServer::start().await;
    for (port, tls) in [
        ("plain", SmtpTls::Off),
        ("starttls", SmtpTls::Required),
        ("smtps", SmtpTls::Implicit),
        ("login_only", SmtpTls::Required),
    ] {
        let settings = server.route(port, tls);
        let found = check(&settings).await.expect("it works");
        assert_eq!(found, format!("localhost:{} takes mail from 例社 <no-reply@example.jp>", settings.port));
        let outcome = send(&open(&settings), &mail("taro@example.jp")).await;
        let Outcome::Accepted { carrier_id: Some(id) } = outcome else { panic!("{port}: {outcome:?}") };
        assert_eq!(id, "T0002", "check was the first connection");
        let arrived = server.next().await;
        assert_eq!(arrived["secure"], tls != SmtpTls::Off, "{port}");
        assert_eq!(arrived["user"].as_str(), (tls != SmtpTls::Off).then_some("nidan"), "{port}");
    }
}

/// The route is refused for `reason`, `check` says `words`, and nothing was sent.
async fn refused(server: &mut MailServer, settings: &Smtp, (reason, words): (Reason, &str)) {
    assert_eq!(open(settings).ready().await.err(), Some(reason), "{words}");
    let said = check(settings).await.expect_err("refused");
    assert!(said.contains(words), "{said}");
    assert!(!said.contains(super::PASSWORD), "{said}");
    let line = open(&server.route("plain", SmtpTls::Off));
    send(&line, &mail("after@example.jp")).await;
    assert_eq!(server.next().await["to"][0], "after@example.jp");
}

#[tokio::test]
async fn a_wrong_password_is_told() {
    let mut server = MailServer::start().await;
    for (port, tls) in
        [("starttls", SmtpTls::Required), ("smtps", SmtpTls::Implicit), ("login_only", SmtpTls::Required)]
    {
        let mut settings = server.route(port, tls);
        settings.login = Some(("nidan".to_owned(), Secret::new("wrong".to_owned())));
        let expected = (Reason::LoginRefused, "refuses the user or the password (it answers 535)");
        refused(&mut server, &settings, expected).await;
    }
}

#[tokio::test]
async fn a_server_that_wants_a_login_gets_no_mail_without_one() {
    let server = MailServer::start().await;
    let mut settings = server.route("starttls", SmtpTls::Required);
    settings.login = None;
    let outcome = send(&open(&settings), &mail("taro@example.jp")).await;
    assert_eq!(outcome, Outcome::NotTaken(Reason::LoginRefused));
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_refused() {
    let mut server = MailServer::start().await;
    for (port, tls) in [("starttls", SmtpTls::Required), ("smtps", SmtpTls::Implicit)] {
        let mut settings = server.route(port, tls);
        settings.ca_file = Some(server.certificate("other"));
        refused(&mut server, &settings, (Reason::RouteDown, "is not to be trusted (invalid peer certificate")).await;
        settings.ca_file = None; // the system's
        refused(&mut server, &settings, (Reason::RouteDown, "is not to be trusted (invalid peer certificate")).await;
        settings.ca_file = Some(server.certificate("ca"));
        settings.host = "127.0.0.1".to_owned(); // it is for localhost
        refused(&mut server, &settings, (Reason::RouteDown, "is not to be trusted (invalid peer certificate")).await;
    }
}

#[tokio::test]
async fn without_starttls_nothing_is_said() {
    let mut server = MailServer::start().await;
    for port in ["plain", "no_starttls"] {
        let settings = server.route(port, SmtpTls::Required);
        refused(&mut server, &settings, (Reason::RouteDown, "does not offer STARTTLS")).await;
    }
    let mut settings = server.route("plain", SmtpTls::Off);
    settings.login = Some(("nidan".to_owned(), Secret::new(super::PASSWORD.to_owned())));
    refused(&mut server, &settings, (Reason::LoginRefused, "takes no password on this connection")).await;
}

/// Somebody on the way adds an answer behind the one that begins the handshake. Believed, it would stand for the server's
/// first encrypted answer, and every later answer for the command after its own.
#[tokio::test]
async fn what_was_said_before_the_handshake_is_not_believed_after_it() {
    let mut server = MailServer::start().await;
    for (added, goes) in [("", true), ("250-localhost\r\n250 AUTH LOGIN\r\n", false)] {
        let mut settings = server.route("starttls", SmtpTls::Required);
        settings.port = on_the_way(settings.port, added).await;
        let permit = open(&settings).ready().await;
        assert_eq!(permit.err(), (!goes).then_some(Reason::RouteDown), "{added}");
    }
    send(&open(&server.route("plain", SmtpTls::Off)), &mail("after@example.jp")).await;
    assert_eq!(server.next().await["to"][0], "after@example.jp");
}

/// Listens in front of a server and adds `added` to its answer to STARTTLS.
async fn on_the_way(port: u16, added: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.expect("somebody comes");
        let server = TcpStream::connect(("127.0.0.1", port)).await.expect("the server");
        let (mut from_client, mut to_client) = client.into_split();
        let (from_server, mut to_server) = server.into_split();
        tokio::spawn(async move { copy(&mut from_client, &mut to_server).await });
        let mut from_server = BufReader::new(from_server);
        let mut line = String::new();
        let mut greeted = false;
        while !(greeted && line.starts_with("220")) {
            greeted |= line.starts_with("220");
            line.clear();
            from_server.read_line(&mut line).await.expect("plain text");
            if greeted && line.starts_with("220") {
                line += added;
            }
            to_client.write_all(line.as_bytes()).await.expect("the client listens");
        }
        copy(&mut from_server, &mut to_client).await
    });
    address.port()
}
