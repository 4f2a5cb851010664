//! Whether anything that is typed climbs out of its place on the way to a gateway.

use std::collections::BTreeMap;

use nidan::config::Route;
use nidan::config::ways::{Http, Way};
use nidan::store::Engine;
use nidan_core::message::Channel;
use nidan_core::secret::Secret;
use nidan_core::time::Span;
use serde_json::json;

use super::half_way::setting_up;
use super::story::World;
use crate::app::{TestServer, wide};
use crate::client::Answer;
use crate::gateways::stub::{Asked, Reply, Stub};

const NUMBER: &str = "090-1234-5678";
const E164: &str = "+819012345678";

/// What the number's parser takes for something between digits, and drops.
const DROPPED: [&str; 4] = ["/", "../", "..//", "\r\n"];
/// What it does not.
const ODD: [&str; 14] = [
    "#",
    "?",
    "&",
    "&To=",
    "%2f",
    "%2F..%2F",
    "\"",
    "\\",
    "\u{0}",
    "%0d%0aTo:",
    "\r\nTo: 1",
    ";ext=1",
    "../sms",
    "{secret}",
];

/// Messages leave by a gateway at `url`; e-mails stay where they were.
fn by_gateway(url: &str) -> Route {
    let gateway = Http {
        driver: "twilio".to_owned(),
        url: Some(url.parse().expect("a URL")),
        account: Some("AC1".to_owned()),
        secret: Some(Secret::new("s3cret".to_owned())),
        callback_secret: None,
        sender: "+815012345678".to_owned(),
        values: Vec::new(),
        ca_file: None,
        rate_per_second: 1_000,
        window: 4,
        answer_within: Span::seconds(5),
    };
    Route {
        name: "gateway".to_owned(),
        channel: Channel::Sms,
        countries: None,
        number_kinds: None,
        cost: None,
        way: Way::Http(gateway),
    }
}

#[track_caller]
fn refused(answer: &Answer, what: &str) {
    assert!((400..500).contains(&answer.status), "{} for {what:?}: {}", answer.status, answer.body);
}

/// `text` with `odd` before, in and behind it.
fn spiked(text: &str, odd: &str) -> [String; 3] {
    [format!("{odd}{text}"), format!("{}{odd}{}", &text[..3], &text[3..]), format!("{text}{odd}")]
}

/// What went to the gateway for the one number: each value in its own field, encoded.
fn encoded(asked: &Asked) {
    assert_eq!(asked.line, "POST /2010-04-01/Accounts/AC1/Messages.json");
    let body = String::from_utf8(asked.body.clone()).expect("a form");
    assert!(body.contains("To=%2B819012345678&") || body.ends_with("To=%2B819012345678"), "encoded: {body}");
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(&asked.body).into_owned().collect();
    let by_name: BTreeMap<&str, &str> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!((by_name["To"], by_name["From"], fields.len()), (E164, "+815012345678", by_name.len()), "{fields:?}");
}

async fn t41_what_is_typed_stays_in_its_place(engine: Engine) {
    let stub = Stub::start(vec![Reply::Json(201, json!({"sid": "SM1"}))]).await;
    let server = TestServer::start_with(engine, |settings| {
        wide(&mut settings.policy);
        settings.routes.retain(|route| route.channel != Channel::Sms);
        settings.routes.push(by_gateway(&stub.url()));
    })
    .await;
    let world = World::new(&server).await;
    let (account, _) = world.newcomer("owner").await;
    let (_, email) = world.newcomer("person").await;
    let methods = format!("/api/v1/accounts/{account}/authenticators");
    let browser = setting_up(&world, &email).await;
    let add = async |phone: &str| {
        let method =
            json!({"type": "sms", "role": "primary", "phone": phone, "lives_on": "../#?&\"", "label": "%2f&To=1"});
        world.site.post_json(&methods, &method).await
    };
    for number in ODD.iter().flat_map(|odd| spiked(NUMBER, odd)) {
        refused(&add(&number).await, &number);
        refused(&browser.post_form("/setup/phone", &[("phone", &number)]).await, &number);
    }
    for (path, odd) in ODD.iter().flat_map(|odd| spiked(&account, odd).map(|id| (id, odd))) {
        let id: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
        let method = json!({"type": "sms", "role": "primary", "phone": NUMBER});
        refused(&world.site.post_json(&format!("/api/v1/accounts/{id}/authenticators"), &method).await, odd);
    }
    server.settled().await;
    assert_eq!(stub.asked().len(), 0, "the gateway was asked nothing");

    let mut pending = String::new();
    for number in DROPPED.iter().flat_map(|odd| spiked(NUMBER, odd)) {
        pending = add(&number).await.expect(201).text("/id");
        server.settled().await;
    }
    let asked = stub.asked();
    assert_eq!(asked.len(), 3 * DROPPED.len());
    asked.iter().for_each(encoded);

    let by_site = last_code(&stub);
    browser.post_form("/setup/phone", &[("phone", NUMBER)]).await.expect(303);
    server.settled().await;
    let in_browser = last_code(&stub);
    for odd in ODD.iter().chain(&["/", "../"]) {
        for typed in spiked(&by_site, odd) {
            refused(&world.confirm(&account, &pending, &typed).await, &typed);
        }
        for typed in spiked(&in_browser, odd) {
            refused(&browser.post_form("/setup/phone/code", &[("code", &typed)]).await, &typed);
        }
    }
    server.settled().await;
    assert_eq!(stub.asked().len(), asked.len() + 1, "nor is it asked anything for a code");
    world.confirm(&account, &pending, &by_site).await.expect(200);
    browser.post_form("/setup/phone/code", &[("code", &in_browser)]).await.expect(303);
    server.finish().await;
}

/// The code in what the gateway was asked last.
fn last_code(stub: &Stub) -> String {
    let asked = stub.asked();
    let body = &asked.last().expect("one").body;
    let text = url::form_urlencoded::parse(body).find(|(name, _)| name == "Body").expect("a text").1;
    text.split(|c: char| !c.is_ascii_digit()).find(|run| run.len() == 6).expect("a code").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t41_what_is_typed_stays_in_its_place_on_sqlite() {
    t41_what_is_typed_stays_in_its_place(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t41_what_is_typed_stays_in_its_place_on_postgres() {
    t41_what_is_typed_stays_in_its_place(Engine::Postgres).await;
}
