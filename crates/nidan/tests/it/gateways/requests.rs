//! Every field of every shipped driver, as its gateway's documentation names it, with texts that break careless encoders.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::json;

use super::stub::{Reply, Stub};
use super::{ID, NUMBER, TEXT, accepted, dispatch, form, line, send, send_to, settings};
use crate::store::Directory;
use nidan::send::http::check;
use nidan::send::route::Outcome;
use nidan_core::id::MessageId;
use nidan_core::ledger::Reason;
use nidan_core::secret::Secret;

/// `base64("AC/1?:s3cret")`.
const BASIC: &str = "Basic QUMvMT86czNjcmV0";

fn id() -> String {
    MessageId::from_bytes(ID).to_string()
}

fn fields<const N: usize>(fields: [(&str, &str); N]) -> BTreeMap<String, String> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[tokio::test]
async fn twilio() {
    let stub = Stub::start(vec![Reply::Json(201, json!({"sid": "SM42", "status": "queued"}))]).await;
    let plain = send_to(&stub, "twilio", |_| {}).await;
    let service = |settings: &mut nidan::config::ways::Http| {
        settings.values = vec![("messaging_service".into(), "MG7".into())];
    };
    assert_eq!((plain, send_to(&stub, "twilio", service).await), (accepted("SM42"), accepted("SM42")));
    let asked = stub.asked();
    assert_eq!(asked[0].line, "POST /2010-04-01/Accounts/AC%2F1%3F/Messages.json");
    assert_eq!(asked[0].header("authorization"), BASIC);
    assert_eq!(asked[0].header("content-type"), "application/x-www-form-urlencoded");
    let mut expected = fields([
        ("To", NUMBER),
        ("From", "00051234567"),
        ("Body", TEXT),
        ("ValidityPeriod", "600"),
        ("StatusCallback", "https://id.example.jp/callbacks/carrier%20a"),
    ]);
    assert_eq!(form(&asked[0].body), expected);
    expected.insert("MessagingServiceSid".into(), "MG7".into());
    assert_eq!(form(&asked[1].body), expected);
}

#[tokio::test]
async fn aws() {
    let stub = Stub::start(vec![Reply::Json(200, json!({"MessageId": "m-1"}))]).await;
    let change = |settings: &mut nidan::config::ways::Http| {
        settings.account = Some("AKIDEXAMPLE".into());
        settings.values = vec![("region".into(), "ap-northeast-1".into())];
    };
    assert_eq!(send_to(&stub, "aws", change).await, accepted("m-1"));
    let asked = stub.asked_once();
    assert_eq!(asked.line, "POST /");
    assert_eq!(asked.header("x-amz-target"), "PinpointSMSVoiceV2.SendTextMessage");
    assert_eq!(asked.header("content-type"), "application/x-amz-json-1.0");
    assert_eq!(asked.header("x-amz-date"), "20261122T000000Z");
    let head = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/ap-northeast-1/sms-voice/aws4_request, \
        SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=";
    let signature = asked.header("authorization").strip_prefix(head).expect("the signature");
    assert_eq!(signature.len(), 64);
    assert_eq!(
        asked.json(),
        json!({
            "DestinationPhoneNumber": NUMBER,
            "OriginationIdentity": "00051234567",
            "MessageBody": TEXT,
            "MessageType": "TRANSACTIONAL",
            "TimeToLive": 600,
        })
    );
}

#[tokio::test]
async fn vonage() {
    let stub = Stub::start(vec![Reply::Json(202, json!({"message_uuid": "aaaa-bbbb"}))]).await;
    assert_eq!(send_to(&stub, "vonage", |_| {}).await, accepted("aaaa-bbbb"));
    let asked = stub.asked_once();
    assert_eq!((asked.line.as_str(), asked.header("authorization")), ("POST /v1/messages", BASIC));
    assert_eq!(asked.header("content-type"), "application/json");
    assert_eq!(
        asked.json(),
        json!({
            "message_type": "text",
            "channel": "sms",
            "to": "819012345678",
            "from": "00051234567",
            "text": TEXT,
            "ttl": 600,
            "client_ref": id(),
            "webhook_url": "https://id.example.jp/callbacks/carrier%20a",
            "webhook_version": "v1",
        })
    );
}

#[tokio::test]
async fn infobip() {
    let answer = json!({"messages": [{
        "messageId": id(), "destination": "819012345678",
        "status": {"groupId": 1, "groupName": "PENDING", "id": 26, "name": "PENDING_ACCEPTED"},
    }]});
    let stub = Stub::start(vec![Reply::Json(200, answer)]).await;
    assert_eq!(send_to(&stub, "infobip", |_| {}).await, accepted(&id()));
    let asked = stub.asked_once();
    assert_eq!((asked.line.as_str(), asked.header("authorization")), ("POST /sms/3/messages", "App s3cret"));
    assert_eq!((asked.header("content-type"), asked.header("accept")), ("application/json", "application/json"));
    assert_eq!(
        asked.json(),
        json!({"messages": [{
            "sender": "00051234567",
            "destinations": [{"to": "819012345678", "messageId": id()}],
            "content": {"text": TEXT},
            "options": {"validityPeriod": {"amount": 600, "timeUnit": "SECONDS"}},
            "webhooks": {
                "delivery": {"url": "https://id.example.jp/callbacks/carrier%20a/call%20back%2F1"},
                "contentType": "application/json",
            },
        }]})
    );
}

#[tokio::test]
async fn karaden() {
    let stub = Stub::start(vec![Reply::Json(200, json!({"id": "82bdf9de", "object": "message"}))]).await;
    let service = |settings: &mut nidan::config::ways::Http| {
        settings.values = vec![("service_id".into(), "12".into())];
    };
    assert_eq!(send_to(&stub, "karaden", service).await, accepted("82bdf9de"));
    let asked = stub.asked_once();
    assert_eq!((asked.line.as_str(), asked.header("authorization")), ("POST /AC%2F1%3F/messages", "Bearer s3cret"));
    assert_eq!(asked.header("karaden-version"), "2024-03-01");
    let expected = fields([
        ("service_id", "12"),
        ("to", "09012345678"),
        ("body", TEXT),
        ("limited_at", "2026-11-22T00:10:00Z"),
        ("is_shorten", "false"),
    ]);
    assert_eq!(form(&asked.body), expected);
}

#[tokio::test]
async fn a_national_gateway_is_asked_for_its_own_country_only() {
    let stub = Stub::start(vec![Reply::Json(200, json!({"id": "1"}))]).await;
    let mut settings = settings("karaden", &stub.url());
    settings.values = vec![("service_id".into(), "12".into())];
    let (line, _hand) = line(&settings);
    let mut abroad = dispatch();
    abroad.destination = Secret::new("+12025550100".into());
    let permit = line.ready().await.unwrap_or_else(|reason| panic!("{reason:?}"));
    assert_eq!(line.send(permit, &abroad).await, Outcome::NotTaken(Reason::NoRoute));
    assert!(stub.asked().is_empty());
}

#[tokio::test]
async fn the_validity_is_what_is_left() {
    let stub = Stub::start(vec![Reply::Json(201, json!({"sid": "SM1"}))]).await;
    let (line, hand) = line(&settings("twilio", &stub.url()));
    hand.advance(nidan_core::time::Span::ms(599_500));
    assert_eq!(send(&line).await, accepted("SM1"));
    assert_eq!(form(&stub.asked_once().body)["ValidityPeriod"], "1");
}

/// A driver file with all that the shipped ones do not use.
const OF_OUR_OWN: &str = r#"
about = "a gateway of our own"
number = "digits"
[declares]
idempotency = true
expiry = false
receipts = false
several_receipts = false
[asks.tag]
what = "a tag"
[hints]
language = { ja = "JPN" }
alphabet = { ucs2 = "unicode" }
[request]
method = "PUT"
path = "/{tag}/send"
query = { "a b" = "{tag}" }
headers = { Idempotency-Key = "{id}" }
[request.json]
coded = true
user = { name = "{account}", password = "{secret}" }
list = ["{text}", "x{to}", 7]
hint = "{language} {alphabet}"
[auth]
kind = "none"
[answer]
"#;

fn driver_file(directory: &Directory, text: &str) -> PathBuf {
    let path = directory.path().join("driver.toml");
    std::fs::write(&path, text).expect("a file");
    path
}

#[tokio::test]
async fn a_driver_file() {
    let directory = Directory::new();
    let path = driver_file(&directory, OF_OUR_OWN);
    let stub = Stub::start(vec![Reply::Other(202, ("content-type", "text/plain".into()), "OK".into())]).await;
    let tag =
        |settings: &mut nidan::config::ways::Http| settings.values = vec![("tag".into(), "a/../b?#&%\"例".into())];
    let outcome = send_to(&stub, path.to_str().expect("a path"), tag).await;
    assert_eq!(outcome, Outcome::Accepted { carrier_id: None });
    let asked = stub.asked_once();
    let tag = "a%2F..%2Fb%3F%23%26%25%22%E4%BE%8B";
    assert_eq!(asked.line, format!("PUT /{tag}/send?a%20b={tag}"));
    assert_eq!(asked.header("idempotency-key"), id());
    assert_eq!(asked.header("authorization"), "");
    let user = json!({"name": "AC/1?", "password": "s3cret"});
    let list = json!([TEXT, "x819012345678", 7]);
    assert_eq!(asked.json(), json!({"coded": true, "user": user, "list": list, "hint": "JPN unicode"}));
}

#[tokio::test]
async fn settings_that_do_not_go_with_the_driver_are_all_told() {
    let wrong = async |change: fn(&mut nidan::config::ways::Http)| {
        let mut settings = settings("aws", "https://localhost:1");
        settings.values = vec![("region".into(), "ap-northeast-1".into())];
        change(&mut settings);
        check(&settings).await.expect_err("a mistake")
    };
    let told = wrong(|settings| (settings.account, settings.secret, settings.values) = (None, None, Vec::new())).await;
    for part in ["account = ", "secret_file = ", "region = "] {
        assert!(told.contains(part), "{told}");
    }
    assert!(wrong(|settings| settings.values.push(("regoin".into(), "x".into()))).await.contains("regoin"));
    assert!(wrong(|settings| settings.url = "http://gateway.example".parse().ok()).await.contains("https"));
    assert!(wrong(|settings| settings.url = "https://a:b@gateway.example".parse().ok()).await.contains("account"));
    let elsewhere = |settings: &mut nidan::config::ways::Http| {
        (settings.url, settings.values) = (None, vec![("region".into(), "evil.example/".into())]);
    };
    assert!(wrong(elsewhere).await.contains("address"));
    assert!(wrong(|settings| settings.account = Some("a\nb".into())).await.contains("account"));
    assert!(
        wrong(|settings| (settings.driver, settings.values) = ("infobip".into(), Vec::new()))
            .await
            .contains("localhost")
    );
    let nowhere = |settings: &mut nidan::config::ways::Http| {
        (settings.driver, settings.url, settings.values) = ("infobip".into(), None, Vec::new());
    };
    assert!(wrong(nowhere).await.contains("url is missing"));
    let unsigned = |settings: &mut nidan::config::ways::Http| {
        (settings.driver, settings.callback_secret, settings.values) = ("vonage".into(), None, Vec::new());
    };
    assert!(wrong(unsigned).await.contains("callback_secret_file"));
}

#[tokio::test]
async fn the_doctor_asks_and_sends_nothing() {
    let stub = Stub::start(vec![Reply::Json(404, json!({}))]).await;
    let found = check(&settings("twilio", &stub.url())).await;
    assert_eq!(found, Ok("localhost answers (404)".to_owned()));
    let asked = stub.asked_once();
    assert_eq!((asked.line.as_str(), asked.header("authorization"), asked.body.len()), ("HEAD /", "", 0));
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("bound").port();
    let refused = check(&settings("twilio", &format!("http://127.0.0.1:{port}"))).await.expect_err("nobody is there");
    assert!(refused.contains("cannot be reached") && refused.contains("refused"), "{refused}");
    let unknown = check(&settings("twilio", "https://nobody.invalid")).await.expect_err("no such name");
    assert!(unknown.contains("dns"), "{unknown}");
    let silent = Stub::start(vec![Reply::Silence]).await;
    let mut settings = settings("twilio", &silent.url());
    settings.answer_within = nidan_core::time::Span::ms(200);
    assert!(check(&settings).await.expect_err("silence").contains("nothing came in time"));
}
