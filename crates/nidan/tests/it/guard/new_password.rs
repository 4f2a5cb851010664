//! An owner chooses another password.

use nidan_core::time::Span;
use serde_json::{Value, json};

use super::Scene;
use super::notices::{answer, reference_in, signed_in};
use crate::app::{TestServer, on_both_databases};
use crate::client::{Answer, Client};
use crate::owner::{EMAIL, Owner, PASSWORD, PHONE};

on_both_databases! {
    guarded
    another_password_ends_all_that_was_before
    what_is_no_good_is_said_and_changes_nothing
    wrong_current_passwords_run_out
    who_did_not_change_it_signs_everybody_out
    a_site_that_keeps_the_password_changes_it
    nobody_changes_it_without_two_steps
}

const NEW: &str = "umi to yama no 12 mikan";

async fn change(browser: &Client, current: &str, new: &str) -> Answer {
    browser.get("/security/password").await.expect(200);
    browser.post_form("/security/password", &[("current_password", current), ("new_password", new)]).await
}

#[track_caller]
fn leads_to(answer: &Answer) -> &str {
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.header("location").expect("an address")
}

async fn sign_in_with(scene: &Scene<'_>, password: &str) -> Answer {
    let mut body = scene.owner.password();
    body["password"] = Value::from(password);
    scene.site.post_json("/api/v1/sign-ins", &body).await
}

async fn another_password_ends_all_that_was_before(server: &TestServer) {
    let scene = Scene::new(server).await;
    let owner = signed_in(server).await;
    let copy = server.browser();
    copy.set_cookie("__Host-nidan_session", &owner.cookie("__Host-nidan_session").expect("a session"));
    copy.get("/security").await.expect(200);
    server.settled().await;
    scene.arrived();
    // Somebody is at it, and the lane is closed.
    let begun = scene.thief().await;
    let code = server.phone.sms_code(PHONE).await;
    let late = scene.thief().await;
    let late_code = server.phone.sms_code(PHONE).await;
    scene.site.post_json(&format!("/api/v1/sign-ins/{}/deny", begun.text("/id")), &json!({})).await.expect(200);
    server.settled().await;
    scene.arrived();
    assert_eq!(scene.thief().await.text("/reason"), "password_known");
    let changed = change(&owner, PASSWORD, NEW).await;
    assert_eq!(leads_to(&changed), "/security?notice=password-changed");
    let page = owner.get("/security?notice=password-changed").await.expect(200).body;
    assert!(page.contains("パスワードを変更しました") && page.contains("href=\"/security/password\""), "{page}");
    assert_eq!(page.matches("/security/devices/revoke").count(), 1, "this device stays trusted: {page}");
    let letter = server.phone.last_email(EMAIL).await.whole_text();
    assert!(letter.contains("パスワードが変更されました"), "{letter}");
    // What was before is over.
    assert_eq!(leads_to(&copy.get("/security").await), "/sign-in");
    for (begun, code) in [(&begun, &code), (&late, &late_code)] {
        assert_eq!(scene.type_code(begun, code).await.expect(422).text("/verdict"), "expired");
    }
    sign_in_with(&scene, PASSWORD).await.expect(401);
    let mut body = scene.owner.password();
    body["password"] = Value::from(NEW);
    body["client"]["device_token"] = Value::from(scene.device.as_str());
    server.clock.advance(Span::minutes(60));
    let on_the_other_device = scene.site.post_json("/api/v1/sign-ins", &body).await.expect(201);
    assert_eq!(on_the_other_device.text("/status"), "code_required", "and the lane is open");
    scene.complete(&on_the_other_device).await;
    // This browser goes on, and its device with it.
    owner.get("/sign-out").await.expect(200);
    owner.post_form("/sign-out", &[]).await.expect(303);
    owner.get("/sign-in").await.expect(200);
    let again = owner.post_form("/sign-in", &[("email", EMAIL), ("password", NEW)]).await;
    assert_eq!(leads_to(&again), "/security", "no code on the device that is trusted");
    server.settled().await;
    scene.arrived();
}

async fn what_is_no_good_is_said_and_changes_nothing(server: &TestServer) {
    let scene = Scene::new(server).await;
    let owner = signed_in(server).await;
    for (current, new, said) in [
        ("not the password", NEW, "今のパスワードが違います"),
        ("", NEW, "今のパスワードが違います"),
        (PASSWORD, "", "パスワードを入力してください"),
        (PASSWORD, "short", "パスワードが短すぎます"),
        (PASSWORD, "password1234", "パスワード"),
        (PASSWORD, EMAIL, "推測されやすい"),
        (PASSWORD, PASSWORD, "今と同じパスワードです"),
    ] {
        let page = change(&owner, current, new).await.expect(422).body;
        assert!(page.contains(said) && page.contains("role=\"alert\""), "{new}: {page}");
        for typed in [current, new].into_iter().filter(|typed| typed.len() > 5) {
            assert!(!page.contains(&format!("value=\"{typed}\"")), "{page}");
        }
    }
    owner.get("/security").await.expect(200);
    sign_in_with(&scene, PASSWORD).await.expect(201);
    server.settled().await;
    let (_, _, letters) = scene.arrived();
    assert!(!letters.iter().any(|letter| letter.contains("変更されました")), "{letters:?}");
}

async fn wrong_current_passwords_run_out(server: &TestServer) {
    let scene = Scene::new(server).await;
    let owner = signed_in(server).await;
    for _ in 0..10 {
        change(&owner, "not the password", NEW).await.expect(422);
    }
    change(&owner, PASSWORD, NEW).await.expect(429);
    // Those of this device are spent, and nobody else's.
    assert_eq!(sign_in_with(&scene, PASSWORD).await.expect(201).text("/status"), "code_required");
    server.settled().await;
    scene.arrived();
    server.clock.advance(Span::minutes(80));
    assert_eq!(leads_to(&change(&owner, PASSWORD, NEW).await), "/security?notice=password-changed");
    server.settled().await;
    scene.arrived();
}

async fn who_did_not_change_it_signs_everybody_out(server: &TestServer) {
    let scene = Scene::new(server).await;
    let thief = signed_in(server).await;
    server.settled().await;
    scene.arrived();
    change(&thief, PASSWORD, NEW).await.expect(303);
    let letter = server.phone.last_email(EMAIL).await.whole_text();
    server.clock.advance(Span::minutes(1));
    let page = answer(&server.browser(), &reference_in(&letter), "not_me").await.body;
    assert!(page.contains("すべての端末からログアウトし"), "{page}");
    assert_eq!(leads_to(&thief.get("/security").await), "/sign-in");
    assert_eq!(sign_in_with(&scene, NEW).await.expect(201).text("/reason"), "password_known");
    server.settled().await;
    scene.arrived();
}

/// The page says where the password is changed, and changes nothing.
async fn a_site_that_keeps_the_password_changes_it(server: &TestServer) {
    let site = server.site().await;
    let mut owner = Owner::of(&site, json!({"email": EMAIL, "email_verified": true})).await;
    owner.add_phone(server, &site).await;
    owner.add_app(server, &site).await;
    let vouched = json!({"account": {"id": owner.id}, "password_verified": true, "client": {"ip": "203.0.113.9", "user_agent": "x"}});
    let begun = site.post_json("/api/v1/sign-ins", &vouched).await.expect(201);
    let code = json!({"code": server.phone.sms_code(PHONE).await});
    let entered = site.post_json(&format!("/api/v1/sign-ins/{}/code", begun.text("/id")), &code).await.expect(200);
    let browser = server.browser();
    browser.set_cookie("__Host-nidan_session", &entered.text("/session_token"));
    let page = browser.get("/security/password").await.expect(200).body;
    assert!(page.contains("いつもの方法で例社を開き") && !page.contains("type=\"password\""), "{page}");
    browser.get("/sign-out").await.expect(200);
    let typed = [("current_password", PASSWORD), ("new_password", NEW)];
    browser.post_form("/security/password", &typed).await.expect(409);
    server.settled().await;
    server.phone.take(EMAIL);
}

async fn nobody_changes_it_without_two_steps(server: &TestServer) {
    let scene = Scene::new(server).await;
    server.settled().await;
    scene.arrived();
    let browser = server.browser();
    assert_eq!(leads_to(&browser.get("/security/password").await), "/sign-in");
    browser.get("/sign-in").await.expect(200);
    let typed = [("current_password", PASSWORD), ("new_password", NEW)];
    assert_eq!(leads_to(&browser.post_form("/security/password", &typed).await), "/sign-in");
    // The right password alone is half of it.
    browser.post_form("/sign-in", &[("email", EMAIL), ("password", PASSWORD)]).await.expect(303);
    browser.get("/sign-in/code").await.expect(200);
    assert_eq!(leads_to(&browser.post_form("/security/password", &typed).await), "/sign-in");
    sign_in_with(&scene, PASSWORD).await.expect(201);
    server.settled().await;
    scene.arrived();
}
