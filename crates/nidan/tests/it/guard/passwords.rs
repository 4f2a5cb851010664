//! Passwords are counted before they are looked at.

use serde_json::{Value, json};

use super::Scene;
use crate::app::{TestServer, on_both_databases};
use crate::client::Answer;
use crate::owner::EMAIL;

on_both_databases! {
    guarded
    t44_wrong_passwords_run_out_alike_for_every_name
    t49_wrong_passwords_lock_no_known_device_out
}

async fn guess(scene: &Scene<'_>, email: &str, device: Option<&str>) -> Answer {
    let mut body = scene.owner.password();
    body["account"] = json!({"email": email});
    body["password"] = Value::from("not the password");
    body["client"]["ip"] = Value::from("198.51.100.7");
    if let Some(device) = device {
        body["client"]["device_token"] = Value::from(device);
    }
    scene.site.post_json("/api/v1/sign-ins", &body).await
}

async fn t44_wrong_passwords_run_out_alike_for_every_name(server: &TestServer) {
    let scene = Scene::new(server).await;
    scene.arrived();
    let mut told = Vec::new();
    for email in [EMAIL, "nobody@example.jp"] {
        for _ in 0..10 {
            guess(&scene, email, None).await.expect(401);
        }
        let refused = guess(&scene, email, None).await.expect(429);
        assert_eq!(refused.text("/reason"), "passwords_full");
        let wait: i64 = refused.header("retry-after").expect("when").parse().expect("seconds");
        assert!((3600..=2 * 3600).contains(&wait), "{wait}");
        told.push((refused.body.clone(), wait));
    }
    assert_eq!(told[0], told[1]);
}

async fn t49_wrong_passwords_lock_no_known_device_out(server: &TestServer) {
    let mut scene = Scene::new(server).await;
    scene.arrived();
    for _ in 0..15 {
        guess(&scene, EMAIL, None).await;
    }
    guess(&scene, EMAIL, None).await.expect(429);
    scene.owner_signs_in().await;
}
