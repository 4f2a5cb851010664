//! Methods: added, confirmed, removed.

use nidan_core::time::Span;
use serde_json::{Value, json};

use crate::app::{TestServer, on_both_databases, wrong};
use crate::owner::{App, EMAIL, Owner, PHONE};

on_both_databases! {
    what_cannot_be_added_is_refused
    a_method_is_confirmed_by_its_own_code_once
    methods_change_freely_until_two_are_confirmed
    nobody_confirms_or_removes_anothers_method
}

async fn what_cannot_be_added_is_refused(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::new(&site).await;
    let methods = format!("{}/authenticators", owner.at);
    for (new, field, reason) in [
        (json!({"type": "voice", "role": "primary", "phone": "090-1234-5678"}), "type", "not_available"),
        (json!({"type": "recovery_codes", "role": "backup"}), "type", "not_available"),
        (json!({"type": "sms", "role": "primary", "phone": "0901234"}), "phone", "not_a_number"),
        (json!({"type": "sms", "role": "primary", "phone": "03-1234-5678"}), "phone", "no_sms"),
        (json!({"type": "sms", "role": "primary", "phone": "050-3123-4567"}), "phone", "no_sms"),
        (json!({"type": "sms", "role": "primary", "phone": "+1 202 456 1111"}), "phone", "foreign_country"),
        (json!({"type": "totp", "role": "primary"}), "role", "primary_is_a_phone"),
    ] {
        let refused = site.post_json(&methods, &new).await.expect(422);
        assert_eq!((refused.text("/field"), refused.text("/reason")), (field.to_owned(), reason.to_owned()), "{new}");
    }
    for new in [
        json!({"type": "carrier_pigeon", "role": "primary"}),
        json!({"type": "sms", "role": "primary"}),
        json!({"type": "sms", "role": "first", "phone": "090-1234-5678"}),
        json!({"type": "totp", "role": "backup", "phone": "090-1234-5678"}),
        json!({"type": "totp", "role": "backup", "label": ""}),
        json!({"type": "totp", "role": "backup", "label": "x".repeat(65)}),
        json!({"type": "totp", "role": "backup", "lives_on": "a\nb"}),
        json!({"type": "totp", "role": "backup", "client": {"ip": "203.0.113.9:80", "user_agent": ""}}),
        json!({"type": "totp", "role": "backup", "family": {"language": "ja", "label": "母"}}),
        json!({"type": "totp", "role": "backup", "seed": "JBSWY3DPEHPK3PXP"}),
    ] {
        site.post_json(&methods, &new).await.expect(400);
    }
    owner.add_phone(server, &site).await;
    let primary = json!({"type": "sms", "role": "primary", "phone": "090-1111-2222"});
    assert_eq!(site.post_json(&methods, &primary).await.expect(409).text("/reason"), "primary_exists");
    let same = json!({"type": "sms", "role": "backup", "phone": "+81 90 1234 5678"});
    assert_eq!(site.post_json(&methods, &same).await.expect(409).text("/reason"), "same_number");
}

async fn a_method_is_confirmed_by_its_own_code_once(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::new(&site).await;
    let phone = json!({"type": "sms", "role": "primary", "phone": "090-1234-5678"});
    let method = site.post_json(&format!("{}/authenticators", owner.at), &phone).await.expect(201).text("/id");
    let code = server.phone.sms_code(PHONE).await;
    let verdict = async |code: &str| {
        let answer = owner.confirm(&site, &method, code).await.expect(422).json();
        (answer["verdict"].clone(), answer.get("tries_left").cloned().unwrap_or_default())
    };
    assert_eq!(verdict("12345").await, (json!("not_a_code"), Value::Null));
    assert_eq!(verdict("１２３４５").await, (json!("not_a_code"), Value::Null));
    for left in [4, 3, 2, 1] {
        assert_eq!(verdict(&wrong(&code)).await, (json!("wrong"), json!(left)));
    }
    owner.confirm(&site, &method, &format!("{} {}", &code[..3], &code[3..])).await.expect(200);
    owner.confirm(&site, &method, &code).await.expect(422);

    let app = json!({"type": "totp", "role": "backup"});
    let app = App::connect(&site.post_json(&format!("{}/authenticators", owner.at), &app).await.expect(201));
    let code = app.code(server.app.clock.now());
    for left in [4, 3, 2, 1, 0] {
        let refused = owner.confirm(&site, &app.id, &wrong(&code)).await.expect(422);
        assert_eq!(refused.json()["tries_left"], json!(left));
    }
    assert_eq!(owner.confirm(&site, &app.id, &code).await.expect(422).text("/verdict"), "used_up");
    let two_step = site.get(&owner.at).await.json();
    assert_eq!(two_step.get("two_step_since"), None);
}

async fn methods_change_freely_until_two_are_confirmed(server: &TestServer) {
    let site = server.site().await;
    let mut owner = Owner::new(&site).await;
    let methods = format!("{}/authenticators", owner.at);
    let phone = owner.add_phone(server, &site).await;
    let pending = site.post_json(&methods, &json!({"type": "totp", "role": "backup"})).await.expect(201).text("/id");
    site.delete(&format!("{methods}/{pending}")).await.expect(204);
    site.delete(&format!("{methods}/{pending}")).await.expect(404);
    let begun = owner.sign_in(&site).await.expect(201);
    let code = server.phone.sms_code(PHONE).await;
    let at = format!("/api/v1/sign-ins/{}/code", begun.text("/id"));
    let setup = site.post_json(&at, &json!({"code": code})).await.expect(200);
    assert_eq!(setup.text("/status"), "setup_required");
    let token = json!({"session_token": setup.text("/session_token")});
    let checked = site.post_json("/api/v1/sessions/check", &token).await.expect(200).json();
    assert_eq!((&checked["two_step"], &checked["amr"]), (&json!(false), &json!(["pwd", "sms"])));

    site.delete(&format!("{methods}/{phone}")).await.expect(204);
    site.post_json("/api/v1/sessions/check", &token).await.expect(404);
    owner.add_phone(server, &site).await;
    owner.add_app(server, &site).await;
    server.phone.last_email(EMAIL).await;
    let listed = site.get(&methods).await.json();
    for method in listed["authenticators"].as_array().expect("a list") {
        let refused = site.delete(&format!("{methods}/{}", method["id"].as_str().expect("an id"))).await.expect(403);
        assert_eq!(refused.text("/type"), "/problems/step-up-required");
    }
    let another = site.post_json(&methods, &json!({"type": "totp", "role": "backup"})).await.expect(403);
    assert_eq!(another.text("/type"), "/problems/step-up-required");
    assert_eq!(site.get(&methods).await.json(), listed);
}

async fn nobody_confirms_or_removes_anothers_method(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::new(&site).await;
    let stranger = Owner::of(&site, json!({"email": "hanako@example.jp"})).await;
    let app = json!({"type": "totp", "role": "backup"});
    let app = App::connect(&site.post_json(&format!("{}/authenticators", owner.at), &app).await.expect(201));
    let code = app.code(server.app.clock.now());
    let unknown = stranger.confirm(&site, &app.id.replace("aut_0", "aut_1"), &code).await.expect(404);
    let not_his = stranger.confirm(&site, &app.id, &code).await.expect(404);
    assert_eq!(not_his.body, unknown.body, "nothing tells that it exists");
    site.delete(&format!("{}/authenticators/{}", stranger.at, app.id)).await.expect(404);
    server.clock.advance(Span::minutes(61));
    let late = owner.confirm(&site, &app.id, &app.code(server.app.clock.now())).await.expect(422);
    assert_eq!(late.text("/verdict"), "expired");
}
