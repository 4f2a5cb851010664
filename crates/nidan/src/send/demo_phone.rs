//! The demo phone: stands in for carriers and mail servers and shows what they would have delivered.
//!
//! The one place where texts with codes stay in memory, which is its purpose; so it exists only in a demo and answers
//! only who sits at this machine ([`is_direct_loopback`]). Nothing of it is ever written to disk or log.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::header::{FORWARDED, HOST, VIA};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri};
use nidan_core::time::Timestamp;
use serde_json::{Value, json};

use crate::web::client::Peer;

/// Deliveries kept; older ones are forgotten.
const DELIVERIES_MAX: usize = 1000;

/// How a message went out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DemoChannel {
    /// A short message.
    Sms,
    /// An e-mail.
    Email,
}

/// One message that the demo phone got. No `Debug`: the text holds the code.
#[derive(Clone)]
pub struct Delivery {
    /// The message's id, `msg_…`.
    pub id: String,
    /// E.164 number or e-mail address.
    pub to: String,
    /// SMS or e-mail.
    pub channel: DemoChannel,
    /// The subject of an e-mail.
    pub subject: Option<String>,
    /// The text, of an e-mail the body.
    pub text: String,
    /// `ja` or `en`.
    pub language: &'static str,
    /// When it was delivered.
    pub at: Timestamp,
}

impl Delivery {
    /// All that a person would read: of an e-mail the subject, an empty line, and the body.
    pub fn whole_text(&self) -> String {
        match &self.subject {
            Some(subject) => format!("{subject}\n\n{}", self.text),
            None => self.text.clone(),
        }
    }

    /// As `/demo/phone.json` shows it.
    pub fn document(&self) -> Value {
        json!({
            "id": self.id,
            "to": self.to,
            "channel": match self.channel { DemoChannel::Sms => "sms", DemoChannel::Email => "email" },
            "text": self.whole_text(),
            "language": self.language,
            "audio": null,
            "at": jiff::Timestamp::from_millisecond(self.at.ms()).unwrap_or_default().to_string(),
            "status": "delivered",
        })
    }
}

/// The phone and mailbox of everybody, shared by the worker that delivers and the page that shows.
#[derive(Clone, Default)]
pub struct DemoPhone(Arc<Mutex<VecDeque<Delivery>>>);

impl DemoPhone {
    /// Takes a message. The same message again, as after a crash in the midst of sending, is kept once.
    pub fn deliver(&self, delivery: Delivery) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.iter().any(|known| known.id == delivery.id) {
            return;
        }
        kept.truncate(DELIVERIES_MAX - 1);
        kept.push_front(delivery);
    }

    /// What was delivered, newest first; with `to`, only what went there. In a query string `+` means a space, so a
    /// number is found with or without its plus.
    pub fn list(&self, to: Option<&str>) -> Vec<Delivery> {
        let plain = |text: &str| text.trim().trim_start_matches('+').to_ascii_lowercase();
        let wanted = to.map(plain);
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let goes = |delivery: &&Delivery| wanted.as_ref().is_none_or(|wanted| plain(&delivery.to) == *wanted);
        kept.iter().filter(goes).cloned().collect()
    }

    /// The whole of `/demo/phone.json`.
    pub fn document(&self, to: Option<&str>) -> Value {
        self.list(to).iter().map(Delivery::document).collect()
    }
}

/// Whether the request was made on this machine, to this machine, by no way of others: loopback peer, loopback name as
/// `Host` (else a web page could reach us by DNS rebinding), and no header that a proxy or tunnel leaves.
pub fn is_direct_loopback(uri: &Uri, headers: &HeaderMap, peer: Peer) -> bool {
    const PROXY_HEADERS: [&str; 6] =
        ["x-real-ip", "true-client-ip", "cf-connecting-ip", "cdn-loop", "fastly-client-ip", "x-client-ip"];
    let forwarded = headers.keys().any(|name| {
        *name == FORWARDED
            || *name == VIA
            || name.as_str().starts_with("x-forwarded")
            || name.as_str().starts_with("x-original-")
            || PROXY_HEADERS.contains(&name.as_str())
    });
    let mut hosts = headers.get_all(HOST).iter().map(|host| host.to_str().ok().and_then(|host| host.parse().ok()));
    let named = match (uri.authority().cloned(), hosts.next(), hosts.next()) {
        (Some(authority), None, None) => Some(authority),
        (authority, Some(Some(host)), None) if authority.as_ref().is_none_or(|named| *named == host) => Some(host),
        _ => None,
    };
    peer.0.ip().to_canonical().is_loopback()
        && !forwarded
        && named.is_some_and(|name: Authority| is_loopback_name(&name))
}

fn is_loopback_name(authority: &Authority) -> bool {
    if authority.as_str().contains('@') {
        return false;
    }
    let host = authority.host();
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn delivery(number: usize, to: &str, subject: Option<&str>) -> Delivery {
        Delivery {
            id: format!("msg_{number}"),
            to: to.to_owned(),
            channel: if subject.is_some() { DemoChannel::Email } else { DemoChannel::Sms },
            subject: subject.map(str::to_owned),
            text: "482916".to_owned(),
            language: "ja",
            at: Timestamp::from_ms(1_795_000_000_123),
        }
    }

    #[test]
    fn documents_have_the_shape_of_the_contract() {
        let phone = DemoPhone::default();
        phone.deliver(delivery(1, "+819012345678", None));
        phone.deliver(delivery(2, "taro@example.jp", Some("件名")));
        assert_eq!(
            phone.document(None),
            json!([
                {"id": "msg_2", "to": "taro@example.jp", "channel": "email", "text": "件名\n\n482916", "language": "ja",
                 "audio": null, "at": "2026-11-18T11:06:40.123Z", "status": "delivered"},
                {"id": "msg_1", "to": "+819012345678", "channel": "sms", "text": "482916", "language": "ja",
                 "audio": null, "at": "2026-11-18T11:06:40.123Z", "status": "delivered"},
            ])
        );
    }

    #[test]
    fn it_finds_by_destination_and_forgets_the_oldest() {
        let phone = DemoPhone::default();
        for number in 0..DELIVERIES_MAX + 5 {
            phone.deliver(delivery(number, if number % 2 == 0 { "+819012345678" } else { "a@b.jp" }, None));
        }
        assert_eq!(phone.list(None).len(), DELIVERIES_MAX);
        assert_eq!(phone.list(None)[0].id, format!("msg_{}", DELIVERIES_MAX + 4));
        for to in ["+819012345678", " 819012345678", "819012345678"] {
            assert_eq!(phone.list(Some(to)).len(), DELIVERIES_MAX / 2, "{to}");
        }
        assert!(phone.list(Some("+8190")).is_empty());
        phone.deliver(delivery(DELIVERIES_MAX + 4, "again@b.jp", None));
        assert!(phone.list(Some("again@b.jp")).is_empty(), "the same message is kept once");
    }

    fn direct(uri: &str, peer: &str, headers: &[(&'static str, &'static str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        is_direct_loopback(&uri.parse().expect("a uri"), &map, Peer(peer.parse().expect("an address")))
    }

    #[test]
    fn who_sits_here_is_let_in() {
        for host in ["localhost:8080", "LOCALHOST", "127.0.0.1:8080", "127.1.2.3", "[::1]:8080"] {
            assert!(direct("/demo/phone", "127.0.0.1:5", &[("host", host)]), "{host}");
        }
        assert!(direct("http://127.0.0.1:8080/demo/phone", "[::1]:5", &[]), "HTTP/2 names the host in the address");
    }

    #[test]
    fn nobody_else_is() {
        let local = ("host", "127.0.0.1:8080");
        for headers in [
            &[][..],
            &[("host", "demo.example.jp")],
            &[("host", "localhost.evil.example")],
            &[("host", "localhost@evil.example")],
            &[("host", "evil.example@localhost")],
            &[("host", "192.168.0.2")],
            &[("host", "0.0.0.0:8080")],
            &[("host", "")],
            &[local, ("host", "evil.example")],
            &[local, ("x-forwarded-for", "127.0.0.1")],
            &[local, ("x-forwarded-host", "")],
            &[local, ("forwarded", "for=127.0.0.1")],
            &[local, ("via", "1.1 proxy")],
            &[local, ("x-real-ip", "127.0.0.1")],
        ] {
            assert!(!direct("/demo/phone", "127.0.0.1:5", headers), "{headers:?}");
        }
        assert!(!direct("/demo/phone", "203.0.113.9:5", &[local]));
        assert!(!direct("http://evil.example/demo/phone", "127.0.0.1:5", &[local]));
    }
}
