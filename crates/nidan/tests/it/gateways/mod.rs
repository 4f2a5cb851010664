//! HTTP gateways: each shipped driver against a gateway that looks at every field, gateways that misbehave, and what is told
//! back to us.

mod callbacks;
mod requests;
pub mod stub;
mod tls;
mod trouble;

use std::collections::BTreeMap;

use nidan::app::{Clock, ManualClock};
use nidan::config::ways::Http;
use nidan::send::http::HttpLine;
use nidan::send::route::{Dispatch, Outcome};
use nidan_core::id::MessageId;
use nidan_core::language::Language;
use nidan_core::message::Channel;
use nidan_core::secret::Secret;
use nidan_core::time::Span;
use url::Url;

use self::stub::Stub;
use crate::app::START;

/// A text with everything that a careless encoder trips over.
const TEXT: &str = "【例社】確認コード 482916\n\"引用\"と'\\ & # % + = ; {text} 𠮷\r\n@example.jp #482916";
const NUMBER: &str = "+819012345678";
/// The message's id as gateways are told it.
const ID: [u8; 16] = [7; 16];

/// The settings of a route to `url` by a shipped driver or a driver file.
fn settings(driver: &str, url: &str) -> Http {
    Http {
        driver: driver.to_owned(),
        url: Some(url.parse().expect("a URL")),
        account: Some("AC/1?".to_owned()),
        secret: Some(Secret::new("s3cret".to_owned())),
        callback_secret: Some(Secret::new("call back/1".to_owned())),
        sender: "00051234567".to_owned(),
        values: Vec::new(),
        ca_file: None,
        rate_per_second: 1_000,
        window: 4,
        answer_within: Span::seconds(5),
    }
}

fn site() -> Url {
    "https://id.example.jp/".parse().expect("a URL")
}

/// A line with a clock that stands.
fn line(settings: &Http) -> (HttpLine, ManualClock) {
    let (clock, hand) = Clock::manual(START);
    let line = HttpLine::open("carrier a", settings, &site(), clock);
    (line.unwrap_or_else(|problem| panic!("{problem}")), hand)
}

/// A message that is worth something for ten minutes.
fn dispatch() -> Dispatch {
    Dispatch {
        id: MessageId::from_bytes(ID),
        channel: Channel::Sms,
        destination: Secret::new(NUMBER.to_owned()),
        language: Language::Ja,
        subject: None,
        text: Secret::new(TEXT.to_owned()),
        html: None,
        expires_at: START.plus(Span::minutes(10)),
    }
}

/// Sends one message.
async fn send(line: &HttpLine) -> Outcome {
    let permit = line.ready().await.unwrap_or_else(|reason| panic!("{reason:?}"));
    line.send(permit, &dispatch()).await
}

/// Sends one message by these settings to that gateway.
async fn send_to(stub: &Stub, driver: &str, change: impl FnOnce(&mut Http)) -> Outcome {
    let mut settings = settings(driver, &stub.url());
    change(&mut settings);
    send(&line(&settings).0).await
}

fn accepted(id: &str) -> Outcome {
    Outcome::Accepted { carrier_id: Some(id.to_owned()) }
}

/// The fields of a form, of which none is there twice.
fn form(body: &[u8]) -> BTreeMap<String, String> {
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
    let fields: BTreeMap<String, String> = pairs.iter().cloned().collect();
    assert_eq!(fields.len(), pairs.len(), "a field twice");
    fields
}
