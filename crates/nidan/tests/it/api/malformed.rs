//! Whatever is sent gets a 4xx with a problem, and costs no try.

use serde_json::json;

use crate::app::{TestServer, on_both_databases};
use crate::client::Answer;
use crate::owner::{Owner, PHONE};

on_both_databases! {
    nothing_malformed_costs_a_try_or_breaks_anything
    ids_of_other_kinds_name_nothing
}

#[track_caller]
fn is_a_problem(answer: &Answer, statuses: std::ops::Range<u16>) {
    assert!(statuses.contains(&answer.status), "{} {}", answer.status, answer.body);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert!(answer.text("/type").starts_with("/problems/"));
}

async fn nothing_malformed_costs_a_try_or_breaks_anything(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::with_two_methods(server, &site).await;
    let begun = owner.sign_in(&site).await.expect(201);
    let code = server.phone.sms_code(PHONE).await;
    let path = format!("/api/v1/sign-ins/{}/code", begun.text("/id"));
    let long = format!("{{\"code\":\"{}\"}}", "1".repeat(1_000_000));
    let bodies: Vec<Vec<u8>> = [
        format!("{{\"code\":{code}}}"),
        format!("{{\"code\":[\"{code}\"]}}"),
        format!("{{\"code\":\"{code}\",\"code\":\"{code}\"}}"),
        format!("{{\"code\":\"{code}\",\"next_code\":\"{code}\"}}"),
        format!("{{\"code\":\"{code}\",\"trust_device\":\"yes\"}}"),
        "{\"recovery_code\":\"ABCD-EFGH\"}".to_owned(),
        format!("[\"{code}\"]"),
        "{\"code\":null}".to_owned(),
        "{".to_owned(),
        String::new(),
        long,
        "{\"code\":\"٤٨٢٩١٦\"}".to_owned(),
        "{\"code\":\"-48291\"}".to_owned(),
    ]
    .into_iter()
    .map(String::into_bytes)
    .chain([b"{\"code\":\"\xff\"}".to_vec()])
    .collect();
    for body in &bodies {
        let answer = site.ask("POST", &path, &[("content-type", "application/json")], body).await;
        is_a_problem(&answer, 400..423);
    }
    let plain = site.ask("POST", &path, &[("content-type", "text/plain")], b"{}").await;
    assert_eq!(plain.status, 415);
    let method = site.ask("PUT", &path, &[], b"").await.expect(405);
    is_a_problem(&method, 405..406);
    site.post_json(&path, &json!({"code": crate::app::wrong(&code)})).await.expect(422);
    let wrong = site.post_json(&path, &json!({"code": crate::app::wrong(&code)})).await.expect(422);
    assert_eq!(wrong.json()["tries_left"], json!(3), "only what was a code has cost a try");
    site.post_json(&path, &json!({"code": code})).await.expect(200);
}

async fn ids_of_other_kinds_name_nothing(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::new(&site).await;
    let app = json!({"type": "totp", "role": "backup"});
    let method = site.post_json(&format!("{}/authenticators", owner.at), &app).await.expect(201).text("/id");
    let unknown = site.get(&format!("/api/v1/accounts/acc_{}", "0".repeat(26))).await.expect(404);
    let confirming = format!("sgn_{}{}", &owner.id[4..], &method[4..]);
    for path in [
        "/api/v1/accounts/%00".to_owned(),
        format!("/api/v1/accounts/{method}"),
        format!("/api/v1/accounts/{}", owner.id.to_uppercase()),
        format!("{}x", owner.at),
        format!("{}/nothing", owner.at),
        "/api/v1/sign-ins/sgn_".to_owned(),
        format!("/api/v1/sign-ins/{confirming}"),
    ] {
        let answer = site.get(&path).await.expect(404);
        assert_eq!(answer.body, unknown.body, "{path}");
    }
    is_a_problem(&site.get("/api/v1/accounts/%ff").await, 400..405);
}
