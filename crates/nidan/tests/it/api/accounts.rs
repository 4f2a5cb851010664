//! Accounts: made, found, changed, erased.

use serde_json::{Value, json};

use crate::app::{TestServer, on_both_databases};
use crate::client::Client;
use crate::owner::{EMAIL, Owner, PASSWORD};

on_both_databases! {
    an_account_is_found_changed_and_erased
    an_address_and_an_external_id_belong_to_one_account
    values_are_judged
    imported_hashes_are_of_what_was_typed
}

async fn an_account_is_found_changed_and_erased(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::of(&site, json!({"email": EMAIL, "external_id": "user 17+1"})).await;
    for query in ["email=TARO%40example.jp", "external_id=user+17%2B1"] {
        let found = site.get(&format!("/api/v1/accounts?{query}")).await.expect(200);
        assert_eq!(found.text("/id"), owner.id, "{query}");
    }
    for (query, status) in [
        ("email=hanako%40example.jp", 404),
        ("external_id=user+18", 404),
        ("email=taro", 422),
        ("", 400),
        ("email=taro%40example.jp&external_id=user+17%2B1", 400),
        ("email=taro%40example.jp&email=taro%40example.jp", 400),
        ("mail=taro%40example.jp", 400),
    ] {
        site.get(&format!("/api/v1/accounts?{query}")).await.expect(status);
    }
    let changed =
        site.send_json("PATCH", &owner.at, &json!({"language": "en", "groups": ["a", "売り手"]})).await.expect(200);
    assert_eq!((&changed.json()["language"], &changed.json()["groups"]), (&json!("en"), &json!(["a", "売り手"])));
    assert_eq!(site.get(&owner.at).await.json(), changed.json());
    for change in
        [json!({"email": "new@example.jp"}), json!({"password_changed_at": "yesterday"}), json!({"asleep": true})]
    {
        site.send_json("PATCH", &owner.at, &change).await.expect(400);
    }
    site.delete(&owner.at).await.expect(204);
    site.get(&owner.at).await.expect(404);
    site.delete(&owner.at).await.expect(404);
    let again = Owner::of(&site, json!({"email": EMAIL, "external_id": "user 17+1"})).await;
    assert_ne!(again.id, owner.id);
}

async fn an_address_and_an_external_id_belong_to_one_account(server: &TestServer) {
    let site = server.site().await;
    Owner::of(&site, json!({"email": EMAIL, "external_id": "17"})).await;
    let same_email = json!({"email": "Taro@EXAMPLE.jp", "external_id": "18"});
    let refused = site.post_json("/api/v1/accounts", &same_email).await.expect(409);
    assert_eq!(refused.text("/reason"), "email_in_use");
    let same_id = json!({"email": "hanako@example.jp", "external_id": "17"});
    let refused = site.post_json("/api/v1/accounts", &same_id).await.expect(409);
    assert_eq!(refused.text("/reason"), "external_id_in_use");
    // What was refused has claimed nothing.
    Owner::of(&site, json!({"email": "hanako@example.jp", "external_id": "18"})).await;
}

async fn values_are_judged(server: &TestServer) {
    let site = server.site().await;
    let bcrypt = |cost: &str| format!("$2b${cost}$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW");
    for (more, field, reason) in [
        (json!({"password": "short"}), "password", "too_short"),
        (json!({"password": "長".repeat(400)}), "password", "too_long"),
        (json!({"password": "password1"}), "password", "common"),
        (json!({"password": "taro@example.jp"}), "password", "guessable"),
        (json!({"password_hash": "5f4dcc3b5aa765d61d8327deb882cf99"}), "password_hash", "unknown_form"),
        (json!({"password_hash": bcrypt("20")}), "password_hash", "too_costly"),
        (json!({"last_seen_at": "2026-11-22T00:00:01Z"}), "last_seen_at", "in_the_future"),
        (json!({"email": "taro＠example"}), "email", "not_an_address"),
    ] {
        let refused = site.post_json("/api/v1/accounts", &with(&more)).await.expect(422);
        assert_eq!((refused.text("/field"), refused.text("/reason")), (field.to_owned(), reason.to_owned()));
    }
    for more in [
        json!({"password": PASSWORD, "password_hash": bcrypt("05")}),
        json!({"external_id": ""}),
        json!({"external_id": "x".repeat(256)}),
        json!({"groups": vec!["g"; 33]}),
        json!({"groups": [""]}),
        json!({"groups": ["x".repeat(65)]}),
        json!({"language": "fr"}),
        json!({"last_seen_at": "yesterday"}),
        json!({"last_seen_at": 1_795_305_600}),
        json!({"campaigns": []}),
    ] {
        site.post_json("/api/v1/accounts", &with(&more)).await.expect(400);
    }
    let most = json!({"external_id": "名".repeat(255), "groups": vec!["群".repeat(64); 32], "last_seen_at": "2026-11-22T09:00:00+09:00"});
    site.post_json("/api/v1/accounts", &with(&most)).await.expect(201);
}

fn with(more: &Value) -> Value {
    let mut account = json!({"email": EMAIL});
    let members = more.as_object().expect("an object").clone();
    account.as_object_mut().expect("an object").extend(members);
    account
}

/// The hash of half-width katakana that the other system did not normalise.
async fn imported_hashes_are_of_what_was_typed(server: &TestServer) {
    let site = server.site().await;
    let typed = "ﾊﾟｽﾜｰﾄﾞ1234";
    let hash = bcrypt::hash(typed, 4).expect("a hash");
    Owner::of(&site, json!({"email": EMAIL, "email_verified": true, "password_hash": hash})).await;
    assert_eq!(status(&site, "ﾊﾟｽﾜｰﾄﾞ1235").await, 401);
    assert_eq!(status(&site, "パスワード1234").await, 401, "the other system took it for another password");
    assert_eq!(status(&site, typed).await, 201);
    // From now on it is our own hash, of the normal form.
    assert_eq!(status(&site, "パスワード1234").await, 201);
    assert_eq!(status(&site, typed).await, 201);
}

async fn status(site: &Client, password: &str) -> u16 {
    let client = json!({"ip": "203.0.113.9", "user_agent": ""});
    let sign_in = json!({"account": {"email": EMAIL}, "password": password, "client": client});
    site.post_json("/api/v1/sign-ins", &sign_in).await.status
}
