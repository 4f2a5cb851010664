//! Sign-ins: what is owed, what is refused, what is skipped.

use futures_util::future::join_all;
use nidan_core::api_key::{Scope, Scopes};
use nidan_core::time::Span;
use serde_json::{Value, json};

use crate::app::{TestServer, on_both_databases, wrong};
use crate::client::{Answer, Client};
use crate::owner::{EMAIL, Owner, PASSWORD, PHONE};

on_both_databases! {
    wrong_passwords_and_unknown_accounts_look_alike
    a_site_that_may_says_that_the_password_was_right
    an_unconfirmed_address_is_confirmed_first
    another_message_is_spaced_and_has_an_end
    another_way_is_the_app
    wrong_codes_end
    of_parallel_codes_five_are_evaluated_and_one_signs_in
    a_trusted_device_needs_no_code_and_its_token_rotates
    sessions_and_devices_are_ended
    a_site_signs_an_owner_out_everywhere
    a_denied_sign_in_is_over
}

async fn answer(site: &Client, begun: &Answer, code: &str) -> Answer {
    let path = format!("/api/v1/sign-ins/{}/code", begun.text("/id"));
    site.post_json(&path, &json!({"code": code})).await
}

async fn resend(site: &Client, begun: &Answer, wish: &Value) -> Answer {
    site.post_json(&format!("/api/v1/sign-ins/{}/resend", begun.text("/id")), wish).await
}

async fn wrong_passwords_and_unknown_accounts_look_alike(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::new(&site).await;
    let mut wrong_password = owner.password();
    wrong_password["password"] = json!("correct horse batterie");
    let refused = site.post_json("/api/v1/sign-ins", &wrong_password).await.expect(401);
    assert_eq!(refused.text("/type"), "/problems/invalid-credentials");
    for account in [
        json!({"id": owner.id.replace("acc_", "acc_0").get(..30)}),
        json!({"id": "taro"}),
        json!({"email": "hanako@example.jp"}),
        json!({"email": "no address"}),
        json!({"external_id": "17"}),
    ] {
        let mut unknown = owner.password();
        unknown["account"] = account;
        let answer = site.post_json("/api/v1/sign-ins", &unknown).await.expect(401);
        assert_eq!((answer.body, answer.headers.len()), (refused.body.clone(), refused.headers.len()));
    }
    let mut long = owner.password();
    long["password"] = json!("x".repeat(5_000));
    site.post_json("/api/v1/sign-ins", &long).await.expect(401);
}

async fn a_site_that_may_says_that_the_password_was_right(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::of(&site, json!({"email": EMAIL})).await;
    let mut vouched = owner.password();
    vouched.as_object_mut().expect("an object").remove("password");
    vouched["password_verified"] = json!(true);
    let may_not = server.site_that_may(Scopes::default()).await;
    let refused = may_not.post_json("/api/v1/sign-ins", &vouched).await.expect(403);
    assert_eq!(
        (refused.text("/type"), refused.text("/scope")),
        ("/problems/scope-missing".into(), "assert_password".into())
    );
    let may = server.site_that_may([Scope::SignIn, Scope::AssertPassword].into_iter().collect()).await;
    let let_in = may.post_json("/api/v1/sign-ins", &vouched).await.expect(201);
    assert_eq!(let_in.text("/status"), "setup_required");
    let token = json!({"session_token": let_in.text("/session_token")});
    let checked = site.post_json("/api/v1/sessions/check", &token).await.expect(200).json();
    assert_eq!((&checked["two_step"], &checked["amr"]), (&json!(false), &json!(["site_password"])));
    vouched["password_verified"] = json!(false);
    may.post_json("/api/v1/sign-ins", &vouched).await.expect(400);
    vouched["password_verified"] = json!(true);
    vouched["password"] = json!(PASSWORD);
    may.post_json("/api/v1/sign-ins", &vouched).await.expect(400);
}

async fn an_unconfirmed_address_is_confirmed_first(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::of(&site, json!({"email": EMAIL, "password": PASSWORD})).await;
    let begun = owner.sign_in(&site).await.expect(201);
    assert_eq!((begun.text("/status"), begun.text("/challenge/channel")), ("code_required".into(), "email".into()));
    assert_eq!(begun.text("/challenge/destination"), "t•••@example.jp");
    let code = server.phone.email_code(EMAIL).await;
    let let_in = answer(&site, &begun, &code).await.expect(200);
    assert_eq!(let_in.text("/status"), "setup_required");
    assert_eq!(owner.sign_in(&site).await.expect(201).text("/status"), "setup_required");
}

async fn another_message_is_spaced_and_has_an_end(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::with_two_methods(server, &site).await;
    let mut english = owner.password();
    english["language"] = json!("en");
    let begun = site.post_json("/api/v1/sign-ins", &english).await.expect(201);
    let first = server.phone.last_sms(PHONE).await;
    server.settled().await;
    let refused = resend(&site, &begun, &json!({})).await.expect(429);
    assert_eq!((refused.text("/reason"), refused.header("retry-after")), ("too_early".into(), Some("30")));
    assert_eq!(refused.text("/other_ways/0/channel"), "totp");
    server.clock.advance(Span::seconds(30));
    let again = resend(&site, &begun, &json!({})).await.expect(202);
    assert_eq!(again.text("/challenge/tag"), begun.text("/challenge/tag"));
    assert_ne!(again.text("/challenge/message_id"), begun.text("/challenge/message_id"));
    let second = server.phone.last_sms(PHONE).await;
    server.settled().await;
    assert_eq!((second.language, crate::app::code_in(&second)), (first.language, crate::app::code_in(&first)));
    assert_eq!(first.language, "en");
    assert_eq!(resend(&site, &begun, &json!({})).await.expect(429).header("retry-after"), Some("60"));
    server.clock.advance(Span::seconds(60));
    let path = format!("/api/v1/sign-ins/{}/resend", begun.text("/id"));
    let last = site.ask("POST", &path, &[], b"").await.expect(202);
    assert_eq!(last.json()["challenge"].get("resend_at"), None);
    server.phone.last_sms(PHONE).await;
    server.clock.advance(Span::minutes(5));
    assert_eq!(resend(&site, &begun, &json!({})).await.expect(429).text("/reason"), "no_more");
    server.clock.advance(Span::minutes(4));
    assert_eq!(answer(&site, &begun, &crate::app::code_in(&first)).await.expect(422).text("/verdict"), "expired");
    assert_eq!(site.get(&format!("/api/v1/sign-ins/{}", begun.text("/id"))).await.text("/status"), "refused");
}

async fn another_way_is_the_app(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::with_two_methods(server, &site).await;
    let app = owner.app.as_ref().expect("an app");
    let begun = owner.sign_in(&site).await.expect(201);
    let sms = server.phone.sms_code(PHONE).await;
    assert_eq!(resend(&site, &begun, &json!({"channel": "voice"})).await.expect(422).text("/reason"), "not_available");
    assert_eq!(
        resend(&site, &begun, &json!({"authenticator_id": "aut_x"})).await.expect(422).text("/reason"),
        "no_such_way"
    );
    let both = json!({"authenticator_id": app.id, "channel": "sms"});
    assert_eq!(resend(&site, &begun, &both).await.expect(422).text("/field"), "channel");
    resend(&site, &begun, &json!({"channel": "fax"})).await.expect(400);
    let turned = resend(&site, &begun, &json!({"channel": "totp"})).await.expect(202);
    assert_eq!(turned.text("/challenge/authenticator_id"), app.id);
    assert_eq!(turned.json()["challenge"].get("message_id"), None);
    server.clock.advance(Span::seconds(30));
    let code = app.code(server.app.clock.now());
    answer(&site, &begun, &sms).await.expect(422);
    let back = resend(&site, &begun, &json!({"channel": "sms"})).await.expect(202);
    assert_eq!(
        back.text("/challenge/message_id"),
        begun.text("/challenge/message_id"),
        "the same code, not sent again"
    );
    resend(&site, &begun, &json!({"authenticator_id": app.id})).await.expect(202);
    let done = answer(&site, &begun, &code).await.expect(200);
    let token = json!({"session_token": done.text("/session_token")});
    let checked = site.post_json("/api/v1/sessions/check", &token).await.expect(200);
    assert_eq!(checked.json()["amr"], json!(["pwd", "otp", "mfa"]));
    let again = owner.sign_in(&site).await.expect(201);
    server.phone.last_sms(PHONE).await;
    resend(&site, &again, &json!({"channel": "totp"})).await.expect(202);
    assert_eq!(answer(&site, &again, &code).await.expect(422).text("/verdict"), "already_used");
}

async fn wrong_codes_end(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::with_two_methods(server, &site).await;
    let begun = owner.sign_in(&site).await.expect(201);
    let code = server.phone.sms_code(PHONE).await;
    for left in [4, 3, 2, 1, 0] {
        let refused = answer(&site, &begun, &wrong(&code)).await.expect(422).json();
        assert_eq!((&refused["verdict"], &refused["tries_left"]), (&json!("wrong"), &json!(left)));
        assert_eq!(answer(&site, &begun, "12 34").await.expect(422).text("/verdict"), "not_a_code");
    }
    assert_eq!(answer(&site, &begun, &code).await.expect(422).text("/verdict"), "used_up");
    assert_eq!(resend(&site, &begun, &json!({})).await.expect(409).text("/reason"), "over");
    let next = owner.sign_in(&site).await.expect(201);
    let code = server.phone.sms_code(PHONE).await;
    answer(&site, &next, &code).await.expect(200);
    assert_eq!(answer(&site, &next, &code).await.expect(422).text("/verdict"), "already_used");
}

async fn of_parallel_codes_five_are_evaluated_and_one_signs_in(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::with_two_methods(server, &site).await;
    let begun = owner.sign_in(&site).await.expect(201);
    let code = server.phone.sms_code(PHONE).await;
    let wrong = wrong(&code);
    let answers = join_all((0..64).map(|_| answer(&site, &begun, &wrong))).await;
    let evaluated = answers.iter().filter(|answer| answer.text("/verdict") == "wrong").count();
    assert_eq!(evaluated, 5);
    let begun = owner.sign_in(&site).await.expect(201);
    let code = server.phone.sms_code(PHONE).await;
    let answers = join_all((0..64).map(|_| answer(&site, &begun, &code))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    let sessions = site.get(&format!("{}/sessions", owner.at)).await.json();
    assert_eq!(sessions["sessions"].as_array().map(Vec::len), Some(1));
}

async fn a_trusted_device_needs_no_code_and_its_token_rotates(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::with_two_methods(server, &site).await;
    let with_token = |token: &str| {
        let mut sign_in = owner.password();
        sign_in["client"]["device_token"] = json!(token);
        sign_in
    };
    let begun = owner.sign_in(&site).await.expect(201);
    let path = format!("/api/v1/sign-ins/{}/code", begun.text("/id"));
    let code = server.phone.sms_code(PHONE).await;
    let done = site.post_json(&path, &json!({"code": code, "trust_device": true})).await.expect(200);
    let first = done.text("/device_token");
    let skipped = site.post_json("/api/v1/sign-ins", &with_token(&first)).await.expect(201);
    assert_eq!(skipped.text("/status"), "signed_in");
    let second = skipped.text("/device_token");
    assert_ne!(first, second);
    let lost = site.post_json("/api/v1/sign-ins", &with_token(&first)).await.expect(201);
    assert_eq!(lost.text("/device_token"), second, "an answer that was lost is given again");
    let third = site.post_json("/api/v1/sign-ins", &with_token(&second)).await.expect(201).text("/device_token");
    let reused = site.post_json("/api/v1/sign-ins", &with_token(&first)).await.expect(201);
    assert_eq!(reused.text("/status"), "code_required");
    server.phone.last_sms(PHONE).await;
    server.phone.last_email(EMAIL).await;
    let ended = site.post_json("/api/v1/sign-ins", &with_token(&third)).await.expect(201);
    assert_eq!(ended.text("/status"), "code_required", "the device is ended with all its tokens");
    server.phone.last_sms(PHONE).await;
}

async fn sessions_and_devices_are_ended(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::with_two_methods(server, &site).await;
    let begun = owner.sign_in(&site).await.expect(201);
    let done = answer(&site, &begun, &server.phone.sms_code(PHONE).await).await.expect(200);
    let token = json!({"session_token": done.text("/session_token")});
    let stranger = Owner::of(&site, json!({"email": "hanako@example.jp"})).await;
    for (list, id) in [("sessions", "/sessions/0/id"), ("devices", "/devices/0/id")] {
        let id = site.get(&format!("{}/{list}", owner.at)).await.expect(200).text(id);
        site.delete(&format!("{}/{list}/{id}", stranger.at)).await.expect(404);
        site.delete(&format!("{}/{list}/{id}", owner.at)).await.expect(204);
        site.delete(&format!("{}/{list}/{id}", owner.at)).await.expect(404);
        assert_eq!(site.get(&format!("{}/{list}", owner.at)).await.json()[list], json!([]));
    }
    let gone = site.post_json("/api/v1/sessions/check", &token).await.expect(404);
    let never = site.post_json("/api/v1/sessions/check", &json!({"session_token": "nds_"})).await.expect(404);
    assert_eq!(gone.body, never.body);
}

async fn a_site_signs_an_owner_out_everywhere(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::with_two_methods(server, &site).await;
    let begun = owner.sign_in(&site).await.expect(201);
    answer(&site, &begun, &server.phone.sms_code(PHONE).await).await.expect(200);
    let under_way = owner.sign_in(&site).await.expect(201);
    let code = server.phone.sms_code(PHONE).await;
    site.delete(&format!("{}/sessions", owner.at)).await.expect(204);
    for list in ["sessions", "devices"] {
        assert_eq!(site.get(&format!("{}/{list}", owner.at)).await.json()[list], json!([]));
    }
    assert_eq!(answer(&site, &under_way, &code).await.expect(422).text("/verdict"), "expired");
    site.delete("/api/v1/accounts/acc_00000000000000000000000000/sessions").await.expect(404);
}

async fn a_denied_sign_in_is_over(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::with_two_methods(server, &site).await;
    let begun = owner.sign_in(&site).await.expect(201);
    let code = server.phone.sms_code(PHONE).await;
    let path = format!("/api/v1/sign-ins/{}/deny", begun.text("/id"));
    for _ in 0..2 {
        assert_eq!(site.ask("POST", &path, &[], b"").await.expect(200).text("/status"), "refused");
    }
    assert_eq!(answer(&site, &begun, &code).await.expect(422).text("/verdict"), "expired");
    // The password was right: the owner is told, once.
    server.phone.last_sms(PHONE).await;
    server.phone.last_email(EMAIL).await;
}
