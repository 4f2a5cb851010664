//! What arrives: the fields, the two parts, and nothing that somebody else put in.

use nidan::app::Random;
use nidan::config::ways::SmtpTls;
use nidan::send::route::Outcome;
use nidan::send::smtp::SmtpLine;
use nidan_core::language::Language;
use nidan_core::ledger::Reason;
use nidan_core::message::{Channel, MessageKind};
use nidan_core::secret::Secret;
use serde_json::Value;

use super::{MailServer, accepted, mail, mail_of, open, send};

/// Sends `dispatch`, which is taken, and gives what arrived.
async fn arrived(server: &mut MailServer, line: &SmtpLine, dispatch: &nidan::send::route::Dispatch) -> Value {
    let outcome = send(line, dispatch).await;
    assert!(accepted(&outcome), "{outcome:?}");
    server.next().await
}

#[tokio::test]
async fn every_kind_arrives_whole_in_every_language() {
    let mut server = MailServer::start().await;
    let line = open(&server.route("smtps", SmtpTls::Implicit));
    let random = Random::seeded(1);
    for kind in MessageKind::ALL.into_iter().filter(|kind| kind.channel() == Channel::Email) {
        for language in Language::ALL {
            let dispatch = mail_of("taro@example.jp", (kind, language), &random);
            let mail = arrived(&mut server, &line, &dispatch).await;
            assert_eq!(mail["subject"].as_str(), dispatch.subject.as_deref());
            let lines = |text: &str| text.trim_end().replace("\r\n", "\n");
            assert_eq!(mail["text"].as_str().map(lines), Some(lines(dispatch.text.expose())));
            let html = dispatch.html.as_ref().map(|html| lines(html.expose()));
            assert_eq!(mail["html"].as_str().map(lines), html);
            assert!(mail["html"].as_str().is_some_and(|html| html.contains(&format!("lang=\"{}\"", language.tag()))));
            assert_eq!(mail["from"], "no-reply@example.jp");
            assert_eq!(mail["shown_from"], "\"例社\" <no-reply@example.jp>");
            let field = |name: &str| mail["fields"][name].as_str().map(str::to_owned);
            for (name, expected) in [
                ("to", Some("To: taro@example.jp".to_owned())),
                ("date", Some("Date: Sun, 22 Nov 2026 00:00:00 +0000".to_owned())),
                ("message-id", Some(format!("Message-ID: <{}@example.jp>", dispatch.id))),
                ("content-language", Some(format!("Content-Language: {}", language.tag()))),
                ("auto-submitted", Some("Auto-Submitted: auto-generated".to_owned())),
                ("x-auto-response-suppress", Some("X-Auto-Response-Suppress: All".to_owned())),
                ("list-unsubscribe", None),
                ("bcc", None),
            ] {
                assert_eq!(field(name), expected, "{kind:?} {}", language.tag());
            }
            let raw = mail["raw"].as_str().expect("bytes");
            assert!(raw.is_ascii() && raw.lines().all(|line| line.len() <= 998), "RFC 5322 §2.1.1");
        }
    }
}

#[tokio::test]
async fn a_mail_written_twice_has_one_name() {
    let mut server = MailServer::start().await;
    let line = open(&server.route("plain", SmtpTls::Off));
    let dispatch = mail("taro@example.jp");
    let first = arrived(&mut server, &line, &dispatch).await;
    assert_eq!(first["raw"], arrived(&mut server, &line, &dispatch).await["raw"]);
    let other = arrived(&mut server, &line, &mail("taro@example.jp")).await;
    assert_ne!(first["fields"]["message-id"], other["fields"]["message-id"]);
}

#[tokio::test]
async fn no_field_can_be_added_from_outside() {
    let mut server = MailServer::start().await;
    let mut settings = server.route("plain", SmtpTls::Off);
    let line = open(&settings);
    for subject in
        ["a\r\nBcc: b@example.jp", "例\nBcc: b@example.jp", "a\r\n\r\nbody", "a\u{2028}\0\u{85}Bcc: b@example.jp"]
    {
        let mut dispatch = mail("taro@example.jp");
        dispatch.subject = Some(subject.to_owned());
        let mail = arrived(&mut server, &line, &dispatch).await;
        assert_eq!(mail["fields"]["bcc"], Value::Null, "{subject:?}");
        assert_eq!(mail["to"].as_array().map(Vec::len), Some(1), "{subject:?}");
        assert!(mail["text"].as_str().is_some_and(|text| text.contains("482916")), "{subject:?}");
        // A dot on a line of its own ends no text.
        dispatch.text = Secret::new("a\r\n.\r\nMAIL FROM:<b@example.jp>\r\n..b\r\n".to_owned());
        let mail = arrived(&mut server, &line, &dispatch).await;
        assert_eq!(mail["text"].as_str().map(str::trim_end), Some("a\n.\nMAIL FROM:<b@example.jp>\n..b"));
    }
    for to in [
        "taro@example.jp>\r\nRCPT TO:<b@example.jp",
        "taro@example.jp\r\nBcc: b@example.jp",
        "a\"b\r\n@example.jp",
        "taro@example.jp, b@example.jp",
        "<taro@example.jp>",
        "",
    ] {
        let refused = send(&line, &mail(to)).await;
        assert_eq!(refused, Outcome::Rejected(Reason::DestinationRefused), "{to:?}");
    }
    for from in ["例社\r\nBcc: b@example.jp <no-reply@example.jp>", "no-reply@example.jp\r\nBcc: b@example.jp", "例社"]
    {
        settings.from = from.to_owned();
        let opened = SmtpLine::open("mail", &settings, "example.jp", nidan::app::Clock::system());
        assert!(opened.is_err_and(|said| said.contains("(from)")), "{from:?}");
    }
}

/// What stands before the `@` is no dot-atom, as with the addresses that Japanese mobile carriers gave out.
#[tokio::test]
async fn old_mobile_addresses_get_their_mail() {
    let mut server = MailServer::start().await;
    let line = open(&server.route("plain", SmtpTls::Off));
    for to in ["da..me.@docomo.ne.jp", ".a@example.jp", "!#$%&'*+-/=?^_`{|}~@example.jp", "taro@xn--fsq992h.jp"] {
        let mail = arrived(&mut server, &line, &mail(to)).await;
        let plain = |to: &str| to.replace('"', "").replace("例社", "xn--fsq992h");
        assert_eq!(mail["to"][0].as_str().map(plain).as_deref(), Some(to));
        assert!(mail["fields"]["to"].as_str().is_some_and(|field| plain(field) == format!("To: {to}")), "{mail}");
    }
}
