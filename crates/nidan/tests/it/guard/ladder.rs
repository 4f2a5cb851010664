//! What each wrong code costs: waits, longer codes, and the end of codes.

use nidan_core::time::Span;
use serde_json::{Value, json};

use super::Scene;
use super::budgets::{Crowd, HERE, later, newest, refused, suppressed, with_policy};
use crate::app::{TestServer, on_both_databases, wrong};
use crate::client::Answer;
use crate::owner::PHONE;

on_both_databases! {
    guarded
    after_a_wrong_code_the_next_sign_in_waits_longer_each_time
    after_ten_wrong_codes_the_next_has_eight_digits
    a_known_device_has_ten_wrong_codes_a_day_of_its_own
}

/// Types so many wrong codes of six digits.
async fn type_wrong(scene: &Scene<'_>, begun: &Answer, count: usize) {
    let code = wrong(&scene.server.phone.sms_code(PHONE).await);
    for _ in 0..count {
        assert_eq!(scene.type_code(begun, &code).await.expect(422).text("/verdict"), "wrong");
    }
}

async fn after_a_wrong_code_the_next_sign_in_waits_longer_each_time(server: &TestServer) {
    let scene = Scene::new(server).await;
    for wait in [30, 60] {
        type_wrong(&scene, &scene.thief().await, 1).await;
        later(server, Span::ms(wait * 1000 - 1)).await;
        assert_eq!(refused(&scene.thief().await).as_deref(), Some("guess_wait"), "{wait} s");
        assert_eq!(newest(&scene.site, &scene.owner.at).await, suppressed("guess_wait", "sign_in"));
        later(server, Span::ms(1)).await;
    }
    assert_eq!(refused(&scene.thief().await), None);
    server.settled().await;
    scene.arrived();
}

async fn after_ten_wrong_codes_the_next_has_eight_digits(server: &TestServer) {
    let scene = Scene::new(server).await;
    for _ in 0..2 {
        type_wrong(&scene, &scene.thief().await, 5).await;
        later(server, Span::days(3)).await;
        scene.arrived();
    }
    let begun = scene.thief().await;
    assert_eq!(begun.json()["challenge"]["digits"], 8);
    let sms = scene.server.phone.last_sms(PHONE).await.text;
    let code = sms.split(|letter: char| !letter.is_ascii_digit()).find(|digits| digits.len() == 8);
    let code = code.unwrap_or_else(|| panic!("eight digits in: {sms}"));
    scene.type_code(&begun, &code[..6]).await.expect(422);
    scene.type_code(&begun, code).await.expect(200);
    server.settled().await;
    scene.arrived();
}

async fn a_known_device_has_ten_wrong_codes_a_day_of_its_own(server: &TestServer) {
    let scene = Scene::new(server).await;
    for _ in 0..2 {
        let begun = scene.owner.sign_in_from(&scene.site, &scene.device).await;
        type_wrong(&scene, &begun, 5).await;
    }
    let begun = scene.owner.sign_in_from(&scene.site, &scene.device).await;
    let code = scene.server.phone.sms_code(PHONE).await;
    let later = scene.type_code(&begun, &code).await.expect(429);
    assert!(later.header("retry-after").is_some_and(|wait| wait.parse() == Ok(24 * 60 * 60)), "{later:?}");
    // Not one of them is the account's.
    let begun = scene.thief().await;
    assert_eq!((refused(&begun), &begun.json()["challenge"]["digits"]), (None, &Value::from(6)));
    scene.complete(&begun).await;
    server.settled().await;
    scene.arrived();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_years_guesses_no_code_will_do() {
    let year = |policy: &mut nidan_core::policy::Policy| policy.ladder_year_max = 5;
    with_policy(year, async |server| {
        let scene = Scene::new(server).await;
        let app = scene.owner.app.as_ref().expect("an app");
        type_wrong(&scene, &scene.thief().await, 5).await;
        later(server, Span::days(100)).await;
        let begun = scene.thief().await;
        assert_eq!(refused(&begun).as_deref(), Some("stronger_proof_needed"));
        let resend = format!("/api/v1/sign-ins/{}/resend", begun.text("/id"));
        scene.site.post_json(&resend, &json!({"authenticator_id": app.id})).await;
        let now = server.app.clock.now();
        let pair = json!({"code": app.code(now.minus(Span::seconds(30))), "next_code": app.code(now)});
        let path = format!("/api/v1/sign-ins/{}/code", begun.text("/id"));
        assert_eq!(scene.site.post_json(&path, &pair).await.expect(422).text("/verdict"), "stronger_proof_needed");
        later(server, Span::days(266)).await;
        let begun = scene.thief().await;
        scene.complete(&begun).await; // a year later
        server.settled().await;
        scene.arrived();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn far_more_wrong_codes_than_usual_make_everybodys_longer() {
    let few = |policy: &mut nidan_core::policy::Policy| policy.breaker_failures_min = 4;
    with_policy(few, async |server| {
        let scene = Scene::new(server).await;
        type_wrong(&scene, &scene.thief().await, 5).await;
        let crowd = Crowd::new(server, 1).await;
        let begun = crowd.ask(0, HERE).await.json();
        assert_eq!(begun["challenge"]["digits"], 8, "{begun}");
        let begun = scene.owner.sign_in_from(&scene.site, &scene.device).await;
        assert_eq!(begun.json()["challenge"]["digits"], 6, "not of a known device");
        later(server, Span::minutes(61)).await;
        assert_eq!(crowd.ask(0, HERE).await.json()["challenge"]["digits"], 6, "an hour later");
        crowd.sent().await;
        scene.arrived();
    })
    .await;
}
