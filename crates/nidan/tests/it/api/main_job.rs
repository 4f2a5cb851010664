//! From an account without anything to a sign-in with two steps, each answer as a whole.

use serde_json::json;

use crate::app::{TestServer, assert_shown, on_both_databases};
use crate::owner::{App, EMAIL, Owner, PHONE};

on_both_databases! {
    methods_are_set_up
    an_owner_signs_in
}

async fn methods_are_set_up(server: &TestServer) {
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
    let owner = Owner { at: made.header("location").expect("its address").to_owned(), id: made.text("/id"), app: None };
    let methods = format!("{}/authenticators", owner.at);

    let phone = json!({"type": "sms", "role": "primary", "phone": "０９０−１２３４−５６７８", "lives_on": "iPhone"});
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
    let confirmed = owner.confirm(&site, &added.text("/id"), &code).await;
    assert_shown!(confirmed.shown(), @r#"
    200
    {
      "id": "aut_1",
      "status": "confirmed"
    }
    "#);

    let app = json!({"type": "totp", "role": "backup", "label": "Authenticator", "lives_on": "iPhone"});
    let added = site.post_json(&methods, &app).await.expect(201);
    assert!(added.text("/otpauth_uri").starts_with("otpauth://totp/"), "{}", added.body);
    assert!(added.text("/qr_svg").starts_with("<svg "));
    let app = App::connect(&added);
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
    assert_shown!(format!("{:#}", listed.json()["shared_fate"]), @r#"
    [
      {
        "lose": "iPhone",
        "still_works": []
      }
    ]
    "#);
    let account = site.get(&owner.at).await;
    assert_shown!(account.shown(), @r#"
    200
    {
      "created_at": "2026-11-22T00:00:00Z",
      "email": "taro@example.jp",
      "external_id": "user-17",
      "groups": [
        "sellers"
      ],
      "id": "acc_1",
      "language": "en",
      "two_step_since": "2026-11-22T00:00:00Z"
    }
    "#);
}

async fn an_owner_signs_in(server: &TestServer) {
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
    let looked = site.get(&at).await.expect(200);
    assert_eq!(looked.text("/challenge/state"), "delivered");

    let code = crate::app::code_in(&sms);
    let done = site.post_json(&format!("{at}/code"), &json!({"code": code, "trust_device": true})).await;
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
