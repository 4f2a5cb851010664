//! What gateways tell us, at the server's own address: kept before it is answered, refused when it is not the gateway's.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use nidan::app::Clock;
use nidan::config::Settings;
use nidan::send::http::HttpLine;
use nidan::store::Engine as Database;
use nidan::web::callbacks::Callbacks;
use nidan::web::server::{Limits, serve};
use nidan::web::service;
use nidan_core::language::Language;
use nidan_core::ledger::Receipt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::stub::{Reply, Stub};
use super::{accepted, send, settings};
use crate::app::{START, TestServer};
use crate::client::{Answer, Client};

/// What was kept: route, id, number, receipt.
type Kept = (String, String, Option<String>, Receipt);

/// A server with a route to each gateway, which keeps what they tell as long as its database is there.
struct Told {
    server: TestServer,
    address: SocketAddr,
    kept: Arc<Mutex<Vec<Kept>>>,
    away: Arc<Mutex<bool>>,
    lines: BTreeMap<String, Arc<HttpLine>>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<bool>,
}

impl Told {
    async fn start(gateway: &str) -> Self {
        let server = TestServer::start(Database::Sqlite).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let own = Settings::demo(address, std::path::Path::new(""), Language::Ja);
        let mut lines = BTreeMap::new();
        for driver in ["twilio", "vonage", "infobip", "karaden", "aws"] {
            let mut settings = settings(driver, gateway);
            settings.callback_secret = settings.callback_secret.filter(|_| driver != "twilio");
            settings.values = match driver {
                "karaden" => vec![("service_id".into(), "12".into())],
                "aws" => vec![("region".into(), "ap-northeast-1".into())],
                _ => Vec::new(),
            };
            let line = HttpLine::open(driver, &settings, &own.site.url, Clock::manual(START).0);
            lines.insert(driver.to_owned(), Arc::new(line.unwrap_or_else(|problem| panic!("{problem}"))));
        }
        let (kept, away): (Arc<Mutex<Vec<Kept>>>, Arc<Mutex<bool>>) = Default::default();
        let (keeping, missing) = (kept.clone(), away.clone());
        let keep = Arc::new(move |route: String, told: nidan::send::route::CarrierReceipt| {
            let there = !*missing.lock().unwrap_or_else(PoisonError::into_inner);
            if there {
                let row = (route, told.carrier_id, told.number, told.receipt);
                keeping.lock().unwrap_or_else(PoisonError::into_inner).push(row);
            }
            Box::pin(async move { there }) as futures_util::future::BoxFuture<'static, bool>
        });
        let service = service(server.app.clone(), &own, None, Callbacks::new(lines.clone(), keep));
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(serve(service, listener, Limits::default(), async {
            let _ = stopped.await;
        }));
        Self { server, address, kept, away, lines, stop, serving }
    }

    async fn tell(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        Client::browser(self.address).ask("POST", path, headers, body.as_bytes()).await
    }

    fn kept(&self) -> Vec<Kept> {
        std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Twilio's signature over this server's public address and the form.
    async fn twilio(&self, body: &str) -> Answer {
        let signature = twilio_signature(&format!("http://{}/callbacks/twilio", self.address), body);
        let form = "application/x-www-form-urlencoded";
        self.tell("/callbacks/twilio", &[("content-type", form), ("x-twilio-signature", &signature)], body).await
    }

    async fn finish(self) {
        drop(self.stop);
        assert!(self.serving.await.expect("no panic"));
        self.server.finish().await;
    }
}

fn twilio_signature(url: &str, body: &str) -> String {
    let mut fields: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    fields.sort();
    let text = fields.iter().fold(url.to_owned(), |text, (name, value)| format!("{text}{name}{value}"));
    STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"s3cret"), text.as_bytes()))
}

/// What Vonage sends along with `body`.
fn vonage_token(body: &str, secret: &str) -> String {
    let hash = digest::digest(&digest::SHA256, body.as_bytes());
    let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"iat":1795305600,"jti":"x","payload_hash":"{hash}"}}"#));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), format!("{head}.{claims}").as_bytes());
    format!("Bearer {head}.{claims}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn kept(route: &str, id: &str, number: Option<&str>, receipt: Receipt) -> Kept {
    (route.to_owned(), id.to_owned(), number.map(str::to_owned), receipt)
}

const DELIVERED: &str = "MessageSid=SM42&MessageStatus=delivered&To=%2B819012345678&AccountSid=AC1&Extra=%E4%BE%8B+%26";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_gateway_tells_in_its_own_words() {
    let told = Told::start("http://localhost:1").await;
    told.twilio(DELIVERED).await.expect(200);
    told.twilio("MessageSid=SM43&MessageStatus=failed&ErrorCode=30001").await.expect(200);
    let vonage =
        r#"{"message_uuid":"u-1","to":"819012345678","from":"1","status":"rejected","error":{"title":"1050"}}"#;
    let token = vonage_token(vonage, "call back/1");
    told.tell("/callbacks/vonage", &[("authorization", &token)], vonage).await.expect(200);
    let infobip = r#"{"results":[
        {"messageId":"i-1","to":"819012345678","status":{"groupId":3,"groupName":"DELIVERED"}},
        {"messageId":"i-2","to":"819012345679","status":{"groupId":4,"groupName":"EXPIRED"}},
        {"messageId":"i-3","to":"819012345679","status":{"groupId":9,"groupName":"A_NEW_WORD"}}]}"#;
    told.tell("/callbacks/infobip/call%20back%2F1", &[], infobip).await.expect(200);
    let karaden = r#"{"id":"k-1","object":"message","result":"done","status":"done","sent_result":"received"}"#;
    told.tell("/callbacks/karaden/call%20back%2F1", &[], karaden).await.expect(200);
    let number = Some("819012345678");
    let nameless: Vec<&String> =
        told.lines.iter().filter(|(_, line)| !line.names_number()).map(|(name, _)| name).collect();
    assert_eq!(nameless, ["aws", "karaden"]);
    assert_eq!(
        told.kept(),
        [
            kept("twilio", "SM42", Some("+819012345678"), Receipt::Delivered),
            kept("twilio", "SM43", None, Receipt::Rejected),
            kept("vonage", "u-1", number, Receipt::Rejected),
            kept("infobip", "i-1", number, Receipt::Delivered),
            kept("infobip", "i-2", Some("819012345679"), Receipt::Expired),
            kept("karaden", "k-1", None, Receipt::Delivered),
        ]
    );
    told.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_and_broken_callbacks_keep_nothing() {
    let told = Told::start("http://localhost:1").await;
    let form = ("content-type", "application/x-www-form-urlencoded");
    let elsewhere = twilio_signature("http://elsewhere.example/callbacks/twilio", DELIVERED);
    let other = twilio_signature(&format!("http://{}/callbacks/twilio", told.address), "MessageSid=SM41");
    for signature in ["", "AAAA", "%%%", &elsewhere, &other] {
        let answer = told.tell("/callbacks/twilio", &[form, ("x-twilio-signature", signature)], DELIVERED).await;
        assert_eq!(answer.expect(403).text("/type"), "/problems/not-the-gateway");
    }
    told.tell("/callbacks/twilio", &[form], DELIVERED).await.expect(403);
    let event = r#"{"message_uuid":"u-1","status":"delivered"}"#;
    let replayed = vonage_token(r#"{"message_uuid":"u-1","status":"submitted"}"#, "call back/1");
    let guessed = vonage_token(event, "guessed");
    for token in [replayed.as_str(), &guessed, "Bearer x", ""] {
        told.tell("/callbacks/vonage", &[("authorization", token)], event).await.expect(403);
    }
    for path in ["/callbacks/infobip", "/callbacks/infobip/guess", "/callbacks/karaden/call%20back"] {
        told.tell(path, &[], r#"{"results":[]}"#).await.expect(403);
    }
    // Nothing is told here: no such route, one without callbacks, a secret where none belongs, another method.
    for path in ["/callbacks/nobody", "/callbacks/aws", "/callbacks/twilio/call%20back%2F1", "/callbacks/a/b/c"] {
        told.tell(path, &[], "{}").await.expect(404);
    }
    Client::browser(told.address).get("/callbacks/twilio").await.expect(405);
    // It is the gateway's, but nothing that can be read; what has another meaning is no mistake.
    let secret = "/callbacks/infobip/call%20back%2F1";
    for body in ["", "x", "[]", "{}", r#"{"results":7}"#] {
        told.tell(secret, &[], body).await.expect(400);
    }
    told.tell(secret, &[], r#"{"results":[{}, 7, {"messageId":[],"status":{"groupName":"DELIVERED"}}]}"#)
        .await
        .expect(200);
    told.tell(secret, &[], &" ".repeat(200 * 1024)).await.expect(413);
    assert_eq!(told.kept(), []);
    told.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_kept_is_told_again() {
    let told = Told::start("http://localhost:1").await;
    *told.away.lock().expect("no panic") = true;
    let answer = told.twilio(DELIVERED).await.expect(503);
    assert!(answer.header("retry-after").is_some());
    assert_eq!(told.kept(), []);
    *told.away.lock().expect("no panic") = false;
    // Twice is not our mistake, and not refused: the ledger knows what it has.
    told.twilio(DELIVERED).await.expect(200);
    told.twilio(DELIVERED).await.expect(200);
    let once = kept("twilio", "SM42", Some("+819012345678"), Receipt::Delivered);
    assert_eq!(told.kept(), [once.clone(), once]);
    told.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callback_may_come_before_the_answer() {
    let stub = Stub::start(vec![Reply::Late(201, serde_json::json!({"sid": "SM42"}))]).await;
    let told = Told::start(&stub.url()).await;
    let (outcome, ()) = tokio::join!(send(&told.lines["twilio"]), async {
        stub.arrived().await;
        told.twilio(DELIVERED).await.expect(200);
        assert_eq!(told.kept().len(), 1);
        stub.answer_now();
    });
    assert_eq!(outcome, accepted("SM42"));
    told.finish().await;
}
