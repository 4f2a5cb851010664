//! From an account without anything to a sign-in with two steps, each answer as a whole.

use serde_json::json;

use crate::app::{TestServer, assert_shown, code_in, on_both_databases};
use crate::client::{Answer, Client};
use crate::owner::{App, EMAIL, Owner, PHONE};

on_both_databases! {
    an_account_is_made
    methods_are_added
    methods_are_listed
    a_sign_in_is_begun
    a_sign_in_is_finished
    devices_and_sessions_are_listed
}

async fn an_account_is_made(server: &TestServer) {
    let site = server.site().await;
    let new = json!({
        "email": " Taro@Example.jp ", "email_verified": true, "password": "correct horse battery",
        "external_id": "user-17", "groups": ["sellers"], "language": "en",
    });
    let made = site.post_json("/api/v1/accounts", &new).await;
    assert_shown!(made.shown(), @r#"
    201
    {
      "created_at": "2026-11-22T00:00:00Z",
      "email": "taro@example.jp",
      "external_id": "user-17",
      "groups": [
        "sellers"
      ],
      "id": "acc_1",
      "language": "en"
    }
    "#);
    let path = made.header("location").expect("its address");
    assert_eq!(path, format!("/api/v1/accounts/{}", made.text("/id")));
    assert_eq!(site.get(path).await.body, made.body);
}

async fn methods_are_added(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::new(&site).await;
    let methods = format!("{}/authenticators", owner.at);
    let phone = json!({"type": "sms", "role": "primary", "phone": "０９０−１２３４−５６７８"});
    let added = site.post_json(&methods, &phone).await;
    assert_shown!(added.shown(), @r#"
    201
    {
      "id": "aut_1",
      "message_id": "msg_1",
      "status": "unconfirmed"
    }
    "#);
    let code = server.phone.sms_code(PHONE).await;
    assert_shown!(owner.confirm(&site, &added.text("/id"), &code).await.shown(), @r#"
    200
    {
      "id": "aut_1",
      "status": "confirmed"
    }
    "#);

    let added = site.post_json(&methods, &json!({"type": "totp", "role": "backup"})).await.expect(201);
    assert!(added.text("/otpauth_uri").starts_with("otpauth://totp/"), "{}", added.body);
    assert!(added.text("/qr_svg").starts_with("<svg "), "{}", added.body);
    let app = App::connect(&added);
    owner.confirm(&site, &app.id, &app.code(server.app.clock.now())).await.expect(200);
    server.phone.last_email(EMAIL).await;
    assert_shown!(site.get(&owner.at).await.shown(), @r#"
    200
    {
      "created_at": "2026-11-22T00:00:00Z",
      "email": "taro@example.jp",
      "groups": [],
      "id": "acc_1",
      "language": "ja",
      "two_step_since": "2026-11-22T00:00:00Z"
    }
    "#);
}

async fn methods_are_listed(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::new(&site).await;
    owner.add_phone(server, &site).await;
    let methods = format!("{}/authenticators", owner.at);
    let app = json!({"type": "totp", "role": "backup", "label": "Authenticator", "lives_on": "iPhone"});
    let app = App::connect(&site.post_json(&methods, &app).await.expect(201));
    assert_shown!(site.get(&methods).await.shown(), @r#"
    200
    {
      "authenticators": [
        {
          "confirmed_at": "2026-11-22T00:00:00Z",
          "created_at": "2026-11-22T00:00:00Z",
          "destination": "•••• 5678",
          "id": "aut_1",
          "lives_on": "iPhone",
          "role": "primary",
          "status": "confirmed",
          "type": "sms"
        },
        {
          "created_at": "2026-11-22T00:00:00Z",
          "id": "aut_2",
          "label": "Authenticator",
          "lives_on": "iPhone",
          "role": "backup",
          "status": "unconfirmed",
          "type": "totp"
        }
      ],
      "shared_fate": [
        {
          "lose": "iPhone",
          "still_works": []
        }
      ]
    }
    "#);
    owner.confirm(&site, &app.id, &app.code(server.app.clock.now())).await.expect(200);
    server.phone.last_email(EMAIL).await;
    let listed = site.get(&methods).await.expect(200);
    assert_eq!(listed.json()["shared_fate"], json!([{"lose": "iPhone", "still_works": []}]), "both are on one phone");
}

async fn a_sign_in_is_begun(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::with_two_methods(server, &site).await;
    let begun = owner.sign_in(&site).await;
    let tag = begun.text("/challenge/tag");
    assert_shown!(begun.shown().replace(&tag, "KX"), @r#"
    201
    {
      "challenge": {
        "authenticator_id": "aut_1",
        "channel": "sms",
        "destination": "•••• 5678",
        "digits": 6,
        "expires_at": "2026-11-22T00:10:00Z",
        "message_id": "msg_1",
        "resend_at": "2026-11-22T00:00:30Z",
        "serial": 2,
        "tag": "KX"
      },
      "id": "sgn_1",
      "other_ways": [
        {
          "authenticator_id": "aut_2",
          "channel": "totp"
        }
      ],
      "status": "code_required"
    }
    "#);
    let at = format!("/api/v1/sign-ins/{}", begun.text("/id"));
    assert_eq!(begun.header("location"), Some(at.as_str()));
    let sms = server.phone.last_sms(PHONE).await;
    assert!(sms.text.contains(&tag), "{}", sms.text);
    server.settled().await;
    let mut expected = begun.json();
    expected["challenge"]["state"] = json!("delivered");
    assert_eq!(site.get(&at).await.expect(200).json(), expected);
}

/// Signs in on a device that is trusted from then on: the address of the sign-in, and what its code gave.
async fn finish(server: &TestServer, site: &Client, owner: &Owner) -> (String, Answer) {
    let begun = owner.sign_in(site).await.expect(201);
    let at = format!("/api/v1/sign-ins/{}", begun.text("/id"));
    let code = code_in(&server.phone.last_sms(PHONE).await);
    let done = site.post_json(&format!("{at}/code"), &json!({"code": code, "trust_device": true})).await;
    (at, done)
}

async fn a_sign_in_is_finished(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::with_two_methods(server, &site).await;
    let (at, done) = finish(server, &site, &owner).await;
    assert_shown!(done.shown(), @r#"
    200
    {
      "device_token": "ndd_1",
      "session_token": "nds_1",
      "status": "signed_in"
    }
    "#);
    assert_shown!(site.get(&at).await.shown(), @r#"
    200
    {
      "id": "sgn_1",
      "status": "signed_in"
    }
    "#);
    let token = json!({"session_token": done.text("/session_token")});
    let checked = site.post_json("/api/v1/sessions/check", &token).await;
    assert_eq!(checked.text("/account_id"), owner.id);
    assert_shown!(checked.shown(), @r#"
    200
    {
      "account_id": "acc_1",
      "amr": [
        "pwd",
        "sms",
        "mfa"
      ],
      "auth_time": "2026-11-22T00:00:00Z",
      "expires_at": "2026-12-06T00:00:00Z",
      "two_step": true
    }
    "#);
}

async fn devices_and_sessions_are_listed(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::with_two_methods(server, &site).await;
    finish(server, &site, &owner).await.1.expect(200);
    assert_shown!(site.get(&format!("{}/devices", owner.at)).await.shown(), @r#"
    200
    {
      "devices": [
        {
          "client": "Firefox (Linux)",
          "created_at": "2026-11-22T00:00:00Z",
          "expires_at": "2026-12-22T00:00:00Z",
          "id": "dev_1",
          "last_used_at": "2026-11-22T00:00:00Z",
          "network": "203.0.113.9",
          "trusted": true
        }
      ]
    }
    "#);
    assert_shown!(site.get(&format!("{}/sessions", owner.at)).await.shown(), @r#"
    200
    {
      "sessions": [
        {
          "amr": [
            "pwd",
            "sms",
            "mfa"
          ],
          "auth_time": "2026-11-22T00:00:00Z",
          "client": "Firefox (Linux)",
          "device_id": "dev_1",
          "expires_at": "2026-12-06T00:00:00Z",
          "id": "ses_1",
          "last_used_at": "2026-11-22T00:00:00Z",
          "network": "203.0.113.9",
          "two_step": true
        }
      ]
    }
    "#);
}
