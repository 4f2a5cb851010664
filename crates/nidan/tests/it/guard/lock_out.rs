//! Twenty-four hours of somebody who wants the owner out.

use nidan_core::time::Span;
use serde_json::Value;

use super::Scene;
use crate::app::{TestServer, on_both_databases, wrong};
use crate::owner::PHONE;

on_both_databases! {
    guarded
    t49_a_day_of_wrong_passwords_keeps_no_owner_out
    t49_a_day_with_the_right_password_keeps_no_owner_out
}

const HOURS: usize = 24;

impl Scene<'_> {
    /// A wrong password from one of many networks: by the account's id, as the owner's site gives it.
    async fn wrong_password(&self, network: usize) -> u16 {
        let mut body = self.owner.password();
        body["password"] = Value::from("not the password");
        body["client"]["ip"] = Value::from(format!("198.51.{network}.7"));
        self.site.post_json("/api/v1/sign-ins", &body).await.status
    }
}

async fn t49_a_day_of_wrong_passwords_keeps_no_owner_out(server: &TestServer) {
    let mut scene = Scene::new(server).await;
    scene.arrived();
    let (mut looked_at, mut refused) = (0, 0);
    for hour in 0..HOURS {
        for network in 0..12 {
            match scene.wrong_password(hour * 8 + network % 8).await {
                401 => looked_at += 1,
                429 => refused += 1,
                other => panic!("{other}"),
            }
        }
        server.clock.advance(Span::minutes(30));
        scene.owner_signs_in().await;
        server.clock.advance(Span::minutes(30));
    }
    assert!(looked_at <= 30, "{looked_at} of {} were looked at in a day", looked_at + refused);
}

async fn t49_a_day_with_the_right_password_keeps_no_owner_out(server: &TestServer) {
    let mut scene = Scene::new(server).await;
    scene.arrived();
    let mut codes = 0;
    for _ in 0..HOURS {
        for _ in 0..4 {
            let begun = scene.thief().await;
            if begun.text("/status") == "code_required" {
                let code = server.phone.sms_code(PHONE).await;
                codes += 1;
                for _ in 0..6 {
                    scene.type_code(&begun, &wrong(&code)).await.expect(422);
                }
            }
            server.settled().await;
            scene.arrived();
            server.clock.advance(Span::minutes(12));
        }
        scene.codes_die().await;
        server.settled().await;
        scene.arrived();
        scene.owner_signs_in().await;
        server.clock.advance(Span::minutes(1));
    }
    assert!((1..=3).contains(&codes), "{codes} codes to the stranger in a day");
    server.settled().await;
    scene.arrived();
}
