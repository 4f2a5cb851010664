//! `/openapi.json`, held against what is answered.

use std::collections::BTreeSet;

use nidan_core::api_key::{Scope, Scopes};
use serde_json::{Value, json};

use crate::app::{TestServer, assert_shown, on_both_databases};
use crate::client::Client;

on_both_databases! {
    every_call_is_described_and_answered
    every_call_needs_the_scope_that_it_says
    only_living_keys_are_let_in
}

/// Method, path with examples in place of parameters, and scope.
fn calls(document: &Value) -> Vec<(String, String, Option<String>)> {
    let mut calls = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let kind = if path.starts_with("/sign-ins") { "sgn" } else { "acc" };
            let filled = path
                .replace("{id}", &format!("{kind}_{}", "0".repeat(if kind == "sgn" { 52 } else { 26 })))
                .replace("{authenticator_id}", &format!("aut_{}", "0".repeat(26)))
                .replace("{device_id}", &format!("dev_{}", "0".repeat(26)))
                .replace("{session_id}", &format!("ses_{}", "0".repeat(26)));
            assert!(!filled.contains('{'), "{path}");
            let scope = operation["security"][0]["site_key"][0].as_str().map(str::to_owned);
            calls.push((method.to_uppercase(), format!("/api/v1{filled}"), scope));
        }
    }
    calls
}

async fn every_call_is_described_and_answered(server: &TestServer) {
    let browser = server.browser();
    let document = browser.get("/api/v1/openapi.json").await.expect(200).json();
    assert_eq!(document["openapi"].as_str().map(|version| &version[..3]), Some("3.1"));
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            described.insert(format!("{} {path}", method.to_uppercase()));
            assert!(operation["summary"].is_string(), "{method} {path}");
            assert!(operation["responses"]["default"].is_object(), "{method} {path}");
            let keyed =
                operation["parameters"].as_array().into_iter().flatten().any(|p| p["name"] == "Idempotency-Key");
            assert_eq!(keyed, method == "post", "{method} {path}");
        }
    }
    let described: Vec<String> = described.into_iter().collect();
    assert_shown!(described.join("\n"), @"
    DELETE /accounts/{id}
    DELETE /accounts/{id}/authenticators/{authenticator_id}
    DELETE /accounts/{id}/devices/{device_id}
    DELETE /accounts/{id}/sessions
    DELETE /accounts/{id}/sessions/{session_id}
    GET /accounts
    GET /accounts/{id}
    GET /accounts/{id}/authenticators
    GET /accounts/{id}/devices
    GET /accounts/{id}/messages
    GET /accounts/{id}/sessions
    GET /openapi.json
    GET /sign-ins/{id}
    PATCH /accounts/{id}
    POST /accounts
    POST /accounts/{id}/authenticators
    POST /accounts/{id}/authenticators/{authenticator_id}/confirm
    POST /sessions/check
    POST /sign-ins
    POST /sign-ins/{id}/code
    POST /sign-ins/{id}/deny
    POST /sign-ins/{id}/resend
    ");
    let site = server.site().await;
    for (method, path, _) in calls(&document) {
        let answer = site.send_json(&method, &path, &json!({})).await;
        assert_ne!(answer.status, 405, "{method} {path}");
        assert!(answer.status < 500, "{method} {path}: {}", answer.body);
    }
}

async fn every_call_needs_the_scope_that_it_says(server: &TestServer) {
    let document = server.browser().get("/api/v1/openapi.json").await.expect(200).json();
    let names = ["accounts", "sign_in", "read", "assert_password", "support"];
    let mut sites: Vec<(&str, Client)> = Vec::new();
    for name in names {
        let scope = Scope::from_name(name).expect("a scope");
        sites.push((name, server.site_that_may([scope].into_iter().collect()).await));
    }
    for (method, path, needs) in calls(&document) {
        for (name, site) in &sites {
            let answer = site.send_json(&method, &path, &json!({"nonsense": 1})).await;
            let refused = answer.status == 403;
            assert_eq!(refused, needs.as_deref().is_some_and(|needs| needs != *name), "{method} {path} with {name}");
            if refused {
                assert_eq!(Some(answer.text("/scope")), needs);
            }
        }
    }
}

async fn only_living_keys_are_let_in(server: &TestServer) {
    let path = format!("/api/v1/accounts/acc_{}", "0".repeat(26));
    let site = server.site_that_may(Scopes::all()).await;
    site.get(&path).await.expect(404);
    let stranger = server.browser();
    let refused = stranger.get(&path).await.expect(401);
    assert_eq!(
        (refused.text("/type"), refused.header("www-authenticate")),
        ("/problems/unauthorized".into(), Some("Bearer"))
    );
    let forged = format!("Bearer nsk_{}", "A".repeat(64));
    for header in ["Bearer nsk_", "Basic bnNrXw==", "nsk_", "Bearer", forged.as_str()] {
        let answer = stranger.ask("GET", &path, &[("authorization", header)], b"").await.expect(401);
        assert_eq!(answer.body, refused.body);
    }
    let no_such = stranger.ask("POST", "/api/v1/sign-ins", &[], b"not even JSON").await.expect(401);
    assert_eq!(no_such.body, refused.body);
    server.revoke_keys().await;
    site.get(&path).await.expect(401);
}
