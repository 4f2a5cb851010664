//! Getting in: codes, other ways, trusted devices.

use nidan_core::time::Span;

use super::person::{EMAIL, PHONE, Person, leads_to};
use crate::app::{TestServer, on_both_databases, wrong};

on_both_databases! {
    the_main_job
    a_resend_repeats_the_code_and_is_spaced
    a_code_that_came_too_late_is_told_so
    an_old_device_token_ends_the_device
    the_app_is_another_way
    a_button_pressed_twice_leads_on
    signing_out_everywhere_ends_everything
}

const DEVICE: &str = "__Host-nidan_device";
const SESSION: &str = "__Host-nidan_session";

async fn the_main_job(server: &TestServer) {
    let person = Person::signed_out(server).await;
    assert_eq!(person.type_password().await, "/sign-in/code");
    let code = server.phone.sms_code(PHONE).await;
    let refused = person.type_code(&wrong(&code), true).await.expect(422);
    assert!(refused.body.contains("あと4回"), "{}", refused.body);
    assert_eq!(leads_to(&person.type_code(&code, true).await), "/security");
    let page = person.browser.get("/security").await.expect(200).body;
    assert_eq!(page.matches("/security/devices/revoke").count(), 1);
    person.sign_out().await;
    assert_eq!(person.type_password().await, "/security", "the password alone");
    assert_eq!(leads_to(&person.browser.get("/sign-in").await), "/");
    assert_eq!(leads_to(&person.browser.get("/").await), "/security");
}

async fn a_resend_repeats_the_code_and_is_spaced(server: &TestServer) {
    let person = Person::signed_out(server).await;
    person.type_password().await;
    let code = server.phone.sms_code(PHONE).await;
    let resend = async || leads_to(&person.browser.post_form("/sign-in/resend", &[]).await);
    for wait in [30, 60] {
        server.settled().await;
        server.clock.advance(Span::seconds(wait - 1));
        assert_eq!(resend().await, "/sign-in/code?notice=not-sent");
        server.clock.advance(Span::seconds(1));
        assert_eq!(resend().await, "/sign-in/code?notice=sent-again");
        assert_eq!(server.phone.sms_code(PHONE).await, code);
    }
    server.settled().await;
    server.clock.advance(Span::seconds(120));
    assert_eq!(resend().await, "/sign-in/code?notice=not-sent", "three messages are all");
    let page = person.browser.get("/sign-in/code?notice=not-sent").await.expect(200).body;
    assert!(page.contains("送れる回数の上限"), "the page says so: {page}");
    assert!(!page.contains("action=\"/sign-in/resend\"") && page.contains("href=\"/sign-in/other-ways\""), "{page}");
    assert_eq!(leads_to(&person.type_code(&code, false).await), "/security");
}

async fn a_code_that_came_too_late_is_told_so(server: &TestServer) {
    let person = Person::signed_out(server).await;
    person.type_password().await;
    let code = server.phone.sms_code(PHONE).await;
    server.clock.advance(server.app.policy.code_life);
    let refused = person.type_code(&code, false).await.expect(422);
    assert!(refused.body.contains("有効期限が切れました"), "{}", refused.body);
    assert!(!refused.body.contains("name=\"code\""), "no field for a code that nothing can be typed for");
    assert!(refused.body.contains("href=\"/sign-in\""), "a way to begin again");
    assert_eq!(leads_to(&person.browser.get("/sign-in/code").await), "/sign-in?notice=ran-out");
    assert!(person.browser.cookie("__Host-nidan_flow").is_none());
    assert!(person.browser.cookie(SESSION).is_none());
}

async fn an_old_device_token_ends_the_device(server: &TestServer) {
    let person = Person::signed_out(server).await;
    person.type_password().await;
    let code = server.phone.sms_code(PHONE).await;
    person.type_code(&code, true).await;
    let stolen = person.browser.cookie(DEVICE).expect("a device");
    for _ in 0..2 {
        person.sign_out().await;
        assert_eq!(person.type_password().await, "/security");
    }
    assert_ne!(person.browser.cookie(DEVICE).expect("a device"), stolen);
    let thief = person.with(server.browser());
    thief.browser.set_cookie(DEVICE, &stolen);
    assert_eq!(thief.type_password().await, "/sign-in/code", "an old value opens nothing");
    server.phone.last_sms(PHONE).await;
    server.phone.last_email(EMAIL).await;
    assert_eq!(
        leads_to(&person.browser.get("/security").await),
        "/sign-in",
        "what was begun with the device has ended"
    );
    assert_eq!(person.type_password().await, "/sign-in/code", "and the device is gone");
    server.phone.last_sms(PHONE).await;
}

async fn the_app_is_another_way(server: &TestServer) {
    let person = Person::signed_out(server).await;
    person.type_password().await;
    let code = server.phone.sms_code(PHONE).await;
    let page = person.browser.get("/sign-in/other-ways").await.expect(200).body;
    let ids: Vec<&str> = page.split("value=\"aut_").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let [sms, app] = ids.as_slice() else { panic!("two ways: {page}") };
    let choose = async |id: &str| {
        let id = format!("aut_{id}");
        leads_to(&person.browser.post_form("/sign-in/other-ways", &[("authenticator_id", &id)]).await)
    };
    assert_eq!(choose(app).await, "/sign-in/code");
    person.type_code(&code, false).await.expect(422);
    assert_eq!(choose(sms).await, "/sign-in/code", "back, and nothing is sent again");
    assert_eq!(choose(app).await, "/sign-in/code");
    assert_eq!(leads_to(&person.type_code(&person.app_code(server), false).await), "/security");
}

async fn a_button_pressed_twice_leads_on(server: &TestServer) {
    let person = Person::signed_out(server).await;
    person.type_password().await;
    let flow = person.browser.cookie("__Host-nidan_flow").expect("under way");
    let code = server.phone.sms_code(PHONE).await;
    assert_eq!(leads_to(&person.type_code(&code, false).await), "/security");
    let session = person.browser.cookie(SESSION);
    person.browser.set_cookie("__Host-nidan_flow", &flow);
    assert_eq!(leads_to(&person.type_code(&code, false).await), "/");
    assert_eq!(person.browser.cookie(SESSION), session, "and signs nobody in a second time");
}

async fn signing_out_everywhere_ends_everything(server: &TestServer) {
    let person = Person::signed_out(server).await;
    person.type_password().await;
    let code = server.phone.sms_code(PHONE).await;
    person.type_code(&code, true).await;
    let (session, device) = (person.browser.cookie(SESSION), person.browser.cookie(DEVICE));
    let answer = person.browser.post_form("/security/sign-out-everywhere", &[]).await;
    assert_eq!(leads_to(&answer), "/sign-in?notice=signed-out-everywhere");
    person.browser.set_cookie(SESSION, &session.expect("was signed in"));
    person.browser.set_cookie(DEVICE, &device.expect("was trusted"));
    assert_eq!(leads_to(&person.browser.get("/security").await), "/sign-in");
    assert_eq!(person.type_password().await, "/sign-in/code");
    server.phone.last_sms(PHONE).await;
}
