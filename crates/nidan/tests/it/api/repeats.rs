//! A site's program that repeats its requests is stopped, and told; owners who click twice stop nobody.

use nidan::send::alarm;
use nidan::store::stop;
use nidan_core::alarm::Kind;
use serde_json::{Value, json};

use crate::app::{TestServer, on_both_databases};
use crate::client::Client;

on_both_databases! {
    a_program_that_repeats_its_requests_is_stopped
    owners_who_click_twice_stop_nobody
}

/// Signs in somebody who has no second step yet, so that nothing is sent.
fn sign_in(n: u32) -> Value {
    json!({
        "account": {"email": format!("owner{n}@example.jp")},
        "password_verified": true,
        "client": {"ip": "203.0.113.9", "user_agent": "Firefox"},
    })
}

async fn accounts(site: &Client, count: u32) {
    for n in 0..count {
        let new = json!({"email": format!("owner{n}@example.jp"), "email_verified": true});
        site.post_json("/api/v1/accounts", &new).await.expect(201);
    }
}

async fn a_program_that_repeats_its_requests_is_stopped(server: &TestServer) {
    let (maker, site) = (server.site().await, server.site().await);
    accounts(&maker, 5).await;
    for again in 0..7 {
        alarm::look(&server.app, &[]).await;
        for n in 0..5 {
            // One with an Idempotency-Key is carried out once, and may be repeated at will.
            site.post_once("/api/v1/sign-ins", &format!("key {n}"), &sign_in(n)).await.expect(201);
            let answer = site.post_json("/api/v1/sign-ins", &sign_in(n)).await;
            assert_eq!(answer.status, 201, "{again} {n}");
        }
    }
    alarm::look(&server.app, &[]).await;
    let refused = site.post_json("/api/v1/sign-ins", &sign_in(0)).await.expect(429);
    assert_eq!(refused.header("retry-after"), Some("60"));
    let problem = refused.json();
    assert_eq!((&problem["type"], &problem["reason"]), (&json!("/problems/api-key-stopped"), &json!("repeats")));
    let stopped = server.app.db.read((), |tx, ()| Box::pin(stop::open(tx))).await.expect("no failure");
    let [stopped] = &stopped[..] else { panic!("one is stopped: {stopped:?}") };
    assert_eq!((stopped.kind, stopped.stop.counted, stopped.stop.of), (Kind::ApiKey, 30, 35));
    let remedy = format!("`nidan api-key resume {}`", stopped.name);
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(&remedy)), "{problem}");
    let metric = format!("nidan_stopped{{kind=\"api_key\",name=\"{}\"}} 1", stopped.name);
    assert!(server.app.metrics.text().contains(&metric));
    maker.post_json("/api/v1/sign-ins", &sign_in(0)).await.expect(201);

    let input = (stopped.name.clone(), server.app.clock.now());
    let resumed =
        server.app.db.transact(input, |tx, (name, now)| Box::pin(stop::resume(tx, Kind::ApiKey, name, *now))).await;
    assert_eq!(resumed, Ok(true));
    site.post_json("/api/v1/sign-ins", &sign_in(0)).await.expect(201);
    alarm::look(&server.app, &[]).await;
    site.post_json("/api/v1/sign-ins", &sign_in(0)).await.expect(201);
}

async fn owners_who_click_twice_stop_nobody(server: &TestServer) {
    let site = server.site().await;
    accounts(&site, 40).await;
    for n in 0..40 {
        for _ in 0..2 {
            site.post_json("/api/v1/sign-ins", &sign_in(n)).await.expect(201);
        }
    }
    // One whose key is stuck.
    for _ in 0..20 {
        site.post_json("/api/v1/sign-ins", &sign_in(0)).await.expect(201);
    }
    alarm::look(&server.app, &[]).await;
    site.post_json("/api/v1/sign-ins", &sign_in(0)).await.expect(201);
}
