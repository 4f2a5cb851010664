//! Input of the wrong type, size or encoding: refused in plain words, at the cost of no try, and never a fault of ours.

use serde_json::json;

use super::story::{Door, PASSWORD, World};
use crate::app::{TestServer, on_both_databases};
use crate::client::{Answer, Client};

on_both_databases! {
    t23_an_odd_code_costs_no_try
    t23_no_body_of_any_call_is_a_fault_of_ours
    t23_no_form_is_a_fault_of_ours
    t23_mail_goes_to_one_stored_address
    t23_odd_addresses_are_not_found
}

/// JSON that no call takes.
fn odd_bodies() -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> = [
        "",
        " ",
        "null",
        "true",
        "0",
        "\"\"",
        "[]",
        "{",
        "}",
        "{}x",
        "[{}]",
        "{\"\":1}",
        "{'code':1}",
        "NaN",
        "{\"code\":NaN}",
        "\u{FEFF}{}",
        "{\"code\":\"1\",}",
        "{\"a\":1e999}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\udc00\\ud800\"}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    bodies.push(b"{\"a\":\"\xff\xfe\"}".to_vec());
    bodies.push(b"{\"a\":\"\x00\"}".to_vec());
    bodies.push("[".repeat(10_000).into_bytes());
    bodies.push(format!("{}1{}", "{\"a\":".repeat(2_500), "}".repeat(2_500)).into_bytes());
    bodies.push(format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20)).into_bytes());
    bodies
}

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[track_caller]
fn refused(answer: &Answer, what: &str) {
    assert!((400..500).contains(&answer.status), "{} for {what}: {}", answer.status, answer.body);
}

/// The first letters of a body, for a message.
fn start(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned()
}

async fn t23_an_odd_code_costs_no_try(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let sign_in = world.p(Door::Site, &owner).await;
    let code = &sign_in.sms_code;
    let path = format!("/api/v1/sign-ins/{}/code", sign_in.id);
    let number = code.trim_start_matches('0');
    let mut bodies: Vec<Vec<u8>> = [
        "\"\"",
        "null",
        "0",
        "true",
        "false",
        "{}",
        "[]",
        "\" \"",
        "\"\\u0000\"",
        "\"\\ud83d\"",
        "\"......\"",
        "-1",
        "1e5",
        "{\"$ne\":null}",
        "\"' OR 1=1 --\"",
        "\"%00\"",
        "\"12345\"",
        "\"1234567\"",
    ]
    .map(|value| format!("{{\"code\":{value}}}").into_bytes())
    .to_vec();
    bodies.push(format!("{{\"code\":{number}}}").into_bytes());
    bodies.push(format!("{{\"code\":[\"{code}\"]}}").into_bytes());
    bodies.push(json!({"code": vec![code; 1000]}).to_string().into_bytes());
    bodies.push(json!({"code": {"code": code}}).to_string().into_bytes());
    bodies.push(format!("{{\"code\":\"000000\",\"code\":\"{code}\"}}").into_bytes());
    bodies.push(format!("{{\"code\":\"{code}\",\"code\":\"{code}\"}}").into_bytes());
    bodies.push(format!("{{\"code\":\"{}\"}}", "1".repeat(1_000_000)).into_bytes());
    bodies.push(format!("{{\"code\":\"{code}{}\"}}", "\\u200b".repeat(2000)).into_bytes());
    bodies.push([b"{\"code\":\"".as_slice(), code.as_bytes(), b"\xff\"}"].concat());
    bodies.push(format!("{{\"Code\":\"{code}\"}}").into_bytes());
    bodies.push(format!("{{\"code\":\"{code}\",\"trust_device\":\"yes\"}}").into_bytes());
    bodies.push(format!("{{\"code\":\"{code}\",\"trust_device\":null}}").into_bytes());
    for body in bodies.iter().chain(&odd_bodies()) {
        let answer = world.site.ask("POST", &path, &[JSON], body).await;
        refused(&answer, &start(body));
        assert!(!answer.body.contains("tries_left") && !answer.body.contains(code), "{}", answer.body);
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        let body = json!({"code": code}).to_string();
        world.site.ask("POST", &path, &[("content-type", kind)], body.as_bytes()).await.expect(415);
    }
    let wrong = world.site.post_json(&path, &json!({"code": crate::app::wrong(code)})).await.expect(422);
    assert_eq!(wrong.json()["tries_left"], 4, "the first that was compared");
    assert!(sign_in.v(code).await.is_in());
}

async fn t23_no_body_of_any_call_is_a_fault_of_ours(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let document = world.site.get("/api/v1/openapi.json").await.expect(200).json();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let path = path.replace("{id}", &owner.account).replace("{authenticator_id}", &owner.sms);
        let path = if path.starts_with("/api/v1") { path } else { format!("/api/v1{path}") };
        for method in ["POST", "PATCH"] {
            if methods.get(method.to_lowercase()).is_none() {
                continue;
            }
            for body in odd_bodies() {
                let answer = world.site.ask(method, &path, &[JSON], &body).await;
                refused(&answer, &format!("{method} {path} {}", start(&body)));
                assert!(answer.header("content-type").is_some_and(|kind| kind == "application/problem+json"));
            }
        }
    }
    assert!(world.site.get(&format!("/api/v1/accounts/{}", owner.account)).await.status == 200);
}

async fn posted(browser: &Client, path: &str, body: &[u8]) -> Answer {
    let origin = format!("http://{}", browser.host());
    let headers = [FORM, ("origin", origin.as_str()), ("sec-fetch-site", "same-origin")];
    browser.ask("POST", path, &headers, body).await
}

async fn t23_no_form_is_a_fault_of_ours(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let open = world.p(Door::Browser, &owner).await;
    let csrf = open.browser.csrf().expect("a form's token");
    let long = "x".repeat(1 << 20);
    for path in ["/sign-up", "/sign-in", "/sign-in/code", "/sign-in/other-ways", "/sign-up/code"] {
        for body in [
            "".to_owned(),
            "&&&&".to_owned(),
            "=".to_owned(),
            format!("csrf={csrf}"),
            format!("csrf={csrf}&csrf={csrf}&code=000000"),
            format!("csrf={csrf}&code=%ff%fe&email=%ff&password=%ff"),
            format!("csrf={csrf}&code=%0"),
            format!("csrf={csrf}&code[]={}", open.sms_code),
            format!("csrf={csrf}&code={}&code=000000", open.sms_code),
            format!("csrf={csrf}&email=a%40example.jp&email=b%40example.jp&password=x"),
            format!("csrf={csrf}&email=a%40example.jp&password={long}"),
            format!("csrf={csrf}&code={long}"),
            format!("csrf={csrf}&authenticator_id=%00"),
            format!("csrf={csrf}&code=%00{}", open.sms_code),
        ] {
            let answer = posted(&open.browser, path, body.as_bytes()).await;
            refused(&answer, &format!("{path} {}", start(body.as_bytes())));
            assert_eq!(answer.new_cookie("__Host-nidan_session"), None);
        }
        for kind in ["application/json", "text/plain", "multipart/form-data; boundary=x"] {
            let origin = format!("http://{}", open.browser.host());
            let headers = [("content-type", kind), ("origin", origin.as_str())];
            refused(&open.browser.ask("POST", path, &headers, b"{}").await, path);
        }
    }
    let wrong = open.browser.post_form("/sign-in/code", &[("code", &crate::app::wrong(&open.sms_code))]).await;
    assert!(wrong.body.contains("You have 4 more tries"), "{}", wrong.body);
    assert!(open.v(&open.sms_code).await.is_in());
}

/// What is no single address gets nobody a message: the server's end checks that none went out unseen.
async fn t23_mail_goes_to_one_stored_address(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("victim").await;
    let (victim, evil) = (owner.email.as_str(), "evil@example.com");
    let odd = [
        json!([victim, evil]),
        json!({"0": victim, "1": evil}),
        json!(format!("{victim},{evil}")),
        json!(format!("{victim};{evil}")),
        json!(format!("{victim} {evil}")),
        json!(format!("{victim}\r\nBcc: {evil}")),
        json!(format!("{victim}\u{0}{evil}")),
        json!(format!("\"{victim}\"@example.com")),
        json!(format!("<{victim}>")),
        json!(null),
        json!(7),
    ];
    for email in &odd {
        let mut begin = super::story::sign_in_body(victim);
        begin["account"]["email"] = email.clone();
        refused(&world.site.post_json("/api/v1/sign-ins", &begin).await, &email.to_string());
        let new = json!({"email": email, "password": PASSWORD});
        refused(&world.site.post_json("/api/v1/accounts", &new).await, &email.to_string());
        let Some(text) = email.as_str() else { continue };
        let browser = world.browser();
        for path in ["/sign-up", "/sign-in"] {
            browser.get(path).await.expect(200);
            let fields = [("email", text), ("password", "a quite different set of words")];
            refused(&browser.post_form(path, &fields).await, text);
        }
    }
    let two = format!("/api/v1/accounts?email={victim}&email={evil}");
    refused(&world.site.get(&two).await, &two);
    server.settled().await;
}

async fn t23_odd_addresses_are_not_found(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let browser = world.browser();
    let long = "a".repeat(5000);
    for path in [
        "/api/v1/accounts/%00",
        "/api/v1/accounts/acc_%ff",
        "/api/v1/accounts/..%2f..",
        "/api/v1/sign-ins/%F0%9F%98%80",
        "/api/v1/accounts/acc_0",
        "/api/v1//accounts",
        "/api/v2/accounts",
        "/sign-in/",
        "/%2e%2e/etc/passwd",
        "/security%00",
    ] {
        refused(&world.site.get(path).await, path);
    }
    refused(&world.site.get(&format!("/api/v1/accounts/{long}")).await, "a long id");
    refused(&world.site.get(&format!("/api/v1/accounts/{}", owner.sms)).await, "an id of another kind");
    for query in ["?lang=%ff", "?lang=ja&lang=en", "?x=1", "?%", "?lang=%0d%0aSet-Cookie:x=y"] {
        let answer = browser.get(&format!("/sign-in{query}")).await;
        assert!(answer.status < 500 && answer.header("x").is_none(), "{query}: {}", answer.status);
    }
    for cookie in ["__Host-nidan_flow", "__Host-nidan_session", "__Host-nidan_device", "__Host-nidan_browser"] {
        for value in ["x", "ndf_", "nds_%00", &long[..200], "\"", "ndf_AAAA"] {
            let line = format!("{cookie}={value}");
            for path in ["/", "/sign-in", "/sign-in/code", "/setup", "/security"] {
                let answer = world.server.browser().ask("GET", path, &[("cookie", &line)], b"").await;
                assert!(answer.status < 500, "{path} with {line}: {}", answer.status);
            }
        }
        let twice = format!("{cookie}=x; {cookie}=y");
        let answer = world.server.browser().ask("GET", "/sign-in", &[("cookie", &twice)], b"").await;
        assert_eq!(answer.status, 400, "{cookie} twice");
    }
}
