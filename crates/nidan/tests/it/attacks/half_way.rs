//! Half-way in: what the password alone, a session for setting up or a method that was never confirmed opens.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::story::{Door, PASSWORD, Said, World, seed_in, sign_in_body};
use crate::app::{TestServer, on_both_databases, with_short_ids};
use crate::client::{Answer, Client};

on_both_databases! {
    t19_what_is_held_before_the_second_step_opens_no_address
    t19_a_session_for_setting_up_opens_the_setting_up_only
    t20_no_method_is_added_while_a_code_is_owed
    t20_a_pending_method_authenticates_nobody
    t20_the_one_confirmed_method_is_asked_first
    t22_a_client_decides_nothing
}

/// The addresses of the pages, as the route table has them.
pub fn pages() -> BTreeSet<&'static str> {
    let table = include_str!("../../../src/web/routes.rs");
    let quoted = table.split('"').filter(|text| text.starts_with('/') && text.len() < 60 && !text.ends_with('/'));
    let pages: BTreeSet<&str> = quoted.filter(|text| !text.contains([' ', '{', '*', '?'])).collect();
    assert!(pages.len() > 20 && pages.contains("/security") && pages.contains("/sign-in/code"), "{pages:?}");
    pages
}

/// The calls of the API, as it describes them: method and address, with ids that exist in it.
pub async fn calls(world: &World<'_>, ids: &[(&str, &str)]) -> Vec<(String, String)> {
    let document = world.site.get("/api/v1/openapi.json").await.expect(200).json();
    let paths = document["paths"].as_object().expect("paths");
    let mut calls = Vec::new();
    for (path, methods) in paths {
        let path = ids.iter().fold(path.clone(), |path, (name, id)| path.replace(name, id));
        let path = if path.starts_with("/api/v1") { path } else { format!("/api/v1{path}") };
        for method in ["get", "post", "patch", "delete"] {
            if methods.get(method).is_some() && !path.ends_with("openapi.json") {
                calls.push((method.to_uppercase(), path.clone()));
            }
        }
    }
    assert!(calls.len() > 15, "{calls:?}");
    calls
}

/// What an answer shows to somebody who compares: no random token, no cookie that is new for everybody.
fn shown(answer: &Answer) -> (u16, Option<String>, String) {
    let body = match answer.body.split_once("name=\"csrf\" value=\"") {
        Some(_) => without_tokens(&answer.body),
        None => with_short_ids(&answer.body),
    };
    (answer.status, answer.header("location").map(str::to_owned), body)
}

/// A page without the tokens of its forms.
pub fn without_tokens(body: &str) -> String {
    const START: &str = "name=\"csrf\" value=\"";
    let mut parts = body.split(START);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + START + part.split_once('"').map_or("", |(_, rest)| rest))
}

const PROGRAMS: [&str; 4] = ["/health/", "/assets/", "/demo", "/api/"];

async fn t19_what_is_held_before_the_second_step_opens_no_address(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let (known, _) = world.signed_in(Door::Browser, &owner).await;
    let device = known.browser.cookie("__Host-nidan_device").expect("a device");
    let open = world.p(Door::Browser, &owner).await;
    let at_site = world.p(Door::Site, &owner).await;
    let flow = open.browser.cookie("__Host-nidan_flow").expect("a flow");
    let csrf = open.browser.cookie("__Host-nidan_browser").expect("a browser");
    let stranger = world.browser();
    let held = [flow.as_str(), &device, &csrf, &at_site.id, &owner.account, &owner.sms];
    for path in pages() {
        if PROGRAMS.iter().any(|start| path.starts_with(start)) {
            continue;
        }
        let nobody = shown(&stranger.get(path).await);
        for token in held {
            let thief = world.browser();
            thief.set_cookie("__Host-nidan_session", token);
            assert_eq!(shown(&thief.get(path).await), nobody, "{path} with {token} as the session's cookie");
            let bearer = format!("Bearer {token}");
            let answer = stranger.ask("GET", path, &[("authorization", &bearer)], b"").await;
            assert_eq!(shown(&answer), nobody, "{path} with {token} as bearer");
            let answer = stranger.get(&format!("{path}?session_token={token}")).await;
            assert!(answer.status == 400 || shown(&answer) == nobody, "{path} with {token} in the query");
        }
    }
    let ids = [("{id}", owner.account.as_str()), ("{authenticator_id}", &owner.sms)];
    for (method, path) in calls(&world, &ids).await {
        let nobody = stranger.ask(&method, &path, &[("content-type", "application/json")], b"{}").await.expect(401);
        for token in held {
            let bearer = format!("Bearer {token}");
            let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
            let answer = stranger.ask(&method, &path, &headers, b"{}").await;
            assert_eq!((answer.status, &answer.body), (401, &nobody.body), "{method} {path} with {token}");
        }
    }
    for token in held {
        assert_eq!(world.w(token).await, None, "{token} is no session");
    }
    assert!(open.v(&open.sms_code).await.is_in(), "and the sign-in goes on where it may");
}

/// A browser with a session that opens the setting-up, of an account without methods.
pub async fn setting_up(world: &World<'_>, email: &str) -> Client {
    let browser = world.browser();
    browser.get("/sign-in").await.expect(200);
    let entered = browser.post_form("/sign-in", &[("email", email), ("password", PASSWORD)]).await;
    assert_eq!((entered.status, entered.header("location")), (303, Some("/setup")), "{}", entered.body);
    browser.get("/setup").await.expect(200);
    browser
}

async fn t19_a_session_for_setting_up_opens_the_setting_up_only(server: &TestServer) {
    let world = World::new(server).await;
    let (account, email) = world.newcomer("half").await;
    let browser = setting_up(&world, &email).await;
    let session = browser.cookie("__Host-nidan_session").expect("a session");
    assert_eq!(world.w(&session).await, Some(false));
    let begun = world.site.post_json("/api/v1/sign-ins", &sign_in_body(&email)).await.expect(201);
    assert_eq!(begun.text("/status"), "setup_required");
    assert_eq!(world.w(&begun.text("/session_token")).await, Some(false));

    for path in pages().into_iter().filter(|path| path.starts_with("/security")) {
        let asked = browser.get(path).await;
        assert!(asked.status == 303 || asked.status == 405, "{path}: {}", asked.status);
        let sent = browser.post_form(path, &[]).await;
        assert!(matches!(sent.status, 303 | 400 | 405), "{path}: {}", sent.status);
        assert!(sent.header("location").is_none_or(|to| to == "/setup"), "{path}");
    }
    assert_eq!(world.w(&session).await, Some(false), "nothing was ended by it");
    assert_eq!(browser.get("/").await.header("location"), Some("/setup"));
    let other = browser.get(&format!("/setup?account={account}")).await;
    assert!(other.body == browser.get("/setup").await.body, "an account in an address is nobody's");
}

async fn t20_no_method_is_added_while_a_code_is_owed(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let open = world.p(Door::Browser, &owner).await;
    let phone = world.new_number();
    for (path, fields) in [
        ("/setup/phone", vec![("phone", phone.as_str())]),
        ("/setup/phone/code", vec![("code", open.sms_code.as_str())]),
        ("/setup/phone/resend", vec![]),
        ("/setup/phone/change", vec![]),
        ("/setup/app/start", vec![]),
        ("/setup/app", vec![("code", open.sms_code.as_str())]),
        ("/security/sign-out-everywhere", vec![]),
    ] {
        let sent = open.browser.post_form(path, &fields).await;
        assert_eq!((sent.status, sent.header("location")), (303, Some("/sign-in")), "{path}");
    }
    server.settled().await;
    let listed = world.site.get(&format!("/api/v1/accounts/{}/authenticators", owner.account)).await.expect(200);
    assert_eq!(listed.json()["authenticators"].as_array().map(Vec::len), Some(2));
    // Nor by the site, once two-step verification is on.
    let path = format!("/api/v1/accounts/{}/authenticators", owner.account);
    for method in [
        json!({"type": "sms", "role": "backup", "phone": phone}),
        json!({"type": "sms", "role": "primary", "phone": phone}),
        json!({"type": "totp", "role": "backup"}),
    ] {
        world.site.post_json(&path, &method).await.expect(403);
    }
    world.site.delete(&format!("{path}/{}", owner.app)).await.expect(403);
    assert!(open.v(&open.sms_code).await.is_in());
}

async fn t20_a_pending_method_authenticates_nobody(server: &TestServer) {
    let world = World::new(server).await;
    let (account, email) = world.newcomer("pending").await;
    let phone = world.new_number();
    let sms = world.add(&account, json!({"type": "sms", "role": "primary", "phone": phone})).await.text("/id");
    let code = server.phone.sms_code(&phone).await;
    let begun = world.site.post_json("/api/v1/sign-ins", &sign_in_body(&email)).await.expect(201);
    assert_eq!(begun.text("/status"), "setup_required", "a pending method is not asked");
    world.confirm(&account, &sms, &code).await.expect(200);

    // The app is added and never confirmed.
    let added = world.add(&account, json!({"type": "totp", "role": "backup"})).await;
    let (app, seed) = (added.text("/id"), seed_in(&added.text("/otpauth_uri")));
    let begun = world.site.post_json("/api/v1/sign-ins", &sign_in_body(&email)).await.expect(201);
    let sign_in = begun.text("/id");
    server.phone.sms_code(&phone).await;
    assert!(!begun.body.contains(&app), "it is not offered");
    let path = format!("/api/v1/sign-ins/{sign_in}");
    let turned = world.site.post_json(&format!("{path}/resend"), &json!({"authenticator_id": app})).await;
    assert!((400..500).contains(&turned.status), "{}", turned.status);
    let step = nidan_core::totp::step_at(world.now());
    let shown = nidan_core::totp::code_at(&seed, step).expose().clone();
    let said = world.site.post_json(&format!("{path}/code"), &json!({"code": shown})).await.expect(422);
    assert_eq!(said.text("/verdict"), "wrong");
}

async fn t20_the_one_confirmed_method_is_asked_first(server: &TestServer) {
    let world = World::new(server).await;
    let (account, email) = world.newcomer("one").await;
    // A thief has the password and a session for setting up, from before the owner confirmed her phone.
    let thief = setting_up(&world, &email).await;
    let before = thief.cookie("__Host-nidan_session").expect("a session");
    let phone = world.new_number();
    let sms = world.add(&account, json!({"type": "sms", "role": "primary", "phone": phone})).await.text("/id");
    world.confirm(&account, &sms, &server.phone.sms_code(&phone).await).await.expect(200);
    assert_eq!(world.w(&before).await, None, "what was let in before is out");
    let sent = thief.post_form("/setup/app/start", &[]).await;
    assert_eq!((sent.status, sent.header("location")), (303, Some("/sign-in")));

    let browser = world.browser();
    browser.get("/sign-in").await;
    let begun = browser.post_form("/sign-in", &[("email", &email), ("password", PASSWORD)]).await;
    assert_eq!((begun.status, begun.header("location")), (303, Some("/sign-in/code")), "the phone is asked first");
    let code = server.phone.sms_code(&phone).await;
    assert_eq!(browser.get("/setup").await.header("location"), Some("/sign-in"));
    browser.get("/sign-in/code").await.expect(200);
    let entered = browser.post_form("/sign-in/code", &[("code", &code), ("trust_device", "yes")]).await;
    assert_eq!((entered.status, entered.header("location")), (303, Some("/setup")));
    let session = entered.new_cookie("__Host-nidan_session").expect("a session");
    assert_eq!(world.w(&session).await, Some(false), "one method is not two");
    assert_eq!(entered.new_cookie("__Host-nidan_device"), None, "and nothing is trusted by it");
}

async fn t22_a_client_decides_nothing(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let claims: [(&str, Value); 10] = [
        ("mfa_required", json!(false)),
        ("verified", json!(true)),
        ("aal", json!(2)),
        ("acr", json!("mfa")),
        ("two_step", json!(true)),
        ("trusted", json!(true)),
        ("device", json!({"trusted": true})),
        ("status", json!("signed_in")),
        ("tries_left", json!(99)),
        ("purpose", json!("sign_in")),
    ];
    let sign_in = world.p(Door::Site, &owner).await;
    let code_path = format!("/api/v1/sign-ins/{}/code", sign_in.id);
    for (name, value) in &claims {
        let mut begin = sign_in_body(&owner.email);
        begin[name] = value.clone();
        world.site.post_json("/api/v1/sign-ins", &begin).await.expect(400);
        let mut begin = sign_in_body(&owner.email);
        begin["client"][name] = value.clone();
        world.site.post_json("/api/v1/sign-ins", &begin).await.expect(400);
        let mut check = json!({"code": sign_in.sms_code});
        check[name] = value.clone();
        world.site.post_json(&code_path, &check).await.expect(400);
    }
    // A key without the right to say so vouches for nobody.
    let scopes = nidan_core::api_key::Scopes::default();
    let plain = server.site_that_may(scopes).await;
    let mut vouched = sign_in_body(&owner.email);
    vouched.as_object_mut().expect("an object").remove("password");
    vouched["password_verified"] = json!(true);
    plain.post_json("/api/v1/sign-ins", &vouched).await.expect(403);
    assert!(sign_in.v(&sign_in.sms_code).await.is_in());

    let browser = world.browser();
    for (name, value) in &claims {
        browser.get("/sign-in").await;
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let fields = [("email", owner.email.as_str()), ("password", PASSWORD), (name, value.as_str())];
        let begun = browser.post_form("/sign-in", &fields).await;
        assert_eq!((begun.status, begun.new_cookie("__Host-nidan_flow")), (400, None), "{name}");
    }
    let open = world.p(Door::Browser, &owner).await;
    for (name, _) in &claims {
        let sent = open.browser.post_form("/sign-in/code", &[("code", &open.sms_code), (name, "1")]).await;
        assert_eq!((sent.status, sent.new_cookie("__Host-nidan_session")), (400, None), "{name}");
    }
    let odd = open.browser.post_form("/sign-in/code", &[("code", &open.sms_code), ("trust_device", "maybe")]).await;
    assert_eq!(odd.new_cookie("__Host-nidan_session"), None);
    assert!(matches!(open.v(&open.sms_code).await, Said::In(_)), "none of them cost anything");
}
