//! From an account without anything to a sign-in with two steps.

use serde_json::json;

use crate::app::{TestServer, on_both_databases};
use crate::owner::{Owner, PHONE};

on_both_databases! {
    an_owner_is_set_up_and_signed_in
}

async fn an_owner_is_set_up_and_signed_in(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::with_two_methods(server, &site).await;
    let begun = owner.sign_in(&site).await.expect(201);
    let at = format!("/api/v1/sign-ins/{}", begun.text("/id"));
    assert_eq!(begun.header("location"), Some(at.as_str()));
    let code = server.phone.sms_code(PHONE).await;
    let done = site.post_json(&format!("{at}/code"), &json!({"code": code})).await.expect(200);
    let token = json!({"session_token": done.text("/session_token")});
    let checked = site.post_json("/api/v1/sessions/check", &token).await.expect(200);
    insta::assert_snapshot!(checked.shown(), @r#"
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
