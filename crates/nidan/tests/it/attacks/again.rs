//! A code that was used is used again: later, spelled otherwise, for something else.

use nidan_core::time::Span;
use serde_json::json;

use super::story::{DOORS, Door, Said, World, after};
use crate::app::{TestServer, on_both_databases};

on_both_databases! {
    t12_an_apps_code_opens_once
    t12_an_older_code_opens_nothing_after_a_newer_one
    t12_a_sent_code_opens_once
    t13_a_used_code_in_another_spelling_is_still_used
    t15_the_code_that_confirmed_a_method_signs_nobody_in
    t16_a_code_for_one_purpose_does_nothing_for_another
}

async fn t12_an_apps_code_opens_once(server: &TestServer) {
    let world = World::new(server).await;
    for door in DOORS {
        let owner = world.owner(&format!("{door:?}")).await;
        let begin = world.next_step();
        let code = owner.app_code(begin);
        let said = world.p_app(door, &owner).await.v(&code).await;
        assert!(matches!(said, Said::In(_)), "{said:?}");
        for seconds in [0, 1, 29, 31, 59] {
            world.clock().set(after(begin, seconds));
            for thiefs in DOORS {
                let thief = world.p_app(thiefs, &owner).await;
                let said = thief.v(&code).await;
                assert_eq!(said, Said::AlreadyUsed, "{door:?}, then {thiefs:?} at +{seconds} s");
            }
        }
    }
}

async fn t12_an_older_code_opens_nothing_after_a_newer_one(server: &TestServer) {
    let world = World::new(server).await;
    for door in DOORS {
        let owner = world.owner(&format!("{door:?}")).await;
        let begin = world.next_step();
        let (older, newer) = (owner.app_code(begin), owner.app_code(after(begin, 30)));
        world.clock().set(after(begin, 31));
        let (earlier, later) = (world.p_app(door, &owner).await, world.p_app(door, &owner).await);
        let said = later.v(&newer).await;
        assert!(matches!(said, Said::In(_)), "{said:?}");
        assert_eq!(earlier.v(&older).await, Said::AlreadyUsed, "in a sign-in begun before");
        let thief = world.p_app(door, &owner).await;
        assert_eq!(thief.v(&older).await, Said::AlreadyUsed);
        assert_eq!(thief.v(&newer).await, Said::AlreadyUsed);
        world.clock().set(begin); // a clock that is set back makes nothing new again
        let thief = world.p_app(door, &owner).await;
        assert_eq!(thief.v(&older).await, Said::AlreadyUsed);
        assert!(!thief.v(&newer).await.is_in());
    }
}

async fn t12_a_sent_code_opens_once(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("sent").await;
    let (used, _) = world.signed_in(Door::Site, &owner).await;
    assert_eq!(used.v(&used.sms_code).await, Said::AlreadyUsed);
    assert_eq!(used.v("000000").await, Said::AlreadyUsed, "a finished sign-in compares nothing");
    let thief = world.p(Door::Site, &owner).await;
    assert_eq!(thief.v(&used.sms_code).await, Said::Wrong, "another sign-in has another code");

    let owners = world.p(Door::Browser, &owner).await;
    let copy = owners.copied_browser().await;
    assert!(owners.v(&owners.sms_code).await.is_in());
    let again = copy.post_form("/sign-in/code", &[("code", &owners.sms_code)]).await;
    assert_eq!(again.new_cookie("__Host-nidan_session"), None, "{}", again.status);
}

/// What else `code` can be written as. The first four are the same digits to a reader, the rest is no code at all.
fn spellings(code: &str) -> (Vec<String>, Vec<String>) {
    let digits = |zero: u32| -> String {
        code.bytes().filter_map(|digit| char::from_u32(zero + u32::from(digit - b'0'))).collect()
    };
    let split = |between: &str| format!("{}{between}{}", &code[..3], &code[3..]);
    let same = vec![split(" "), digits(u32::from('０')), format!("{code}\n"), split("\u{3000}-")];
    let other = vec![
        digits(0x660),
        digits(0x1D7CE),
        split("\u{200B}"),
        format!("{code}\u{FEFF}"),
        format!("+{code}"),
        format!("0{code}"),
        format!("{code}0"),
        format!("{code}.0"),
        format!("0x{code}"),
        split("\u{0}"),
    ];
    (same, other)
}

async fn t13_a_used_code_in_another_spelling_is_still_used(server: &TestServer) {
    let world = World::new(server).await;
    for door in DOORS {
        let owner = world.owner(&format!("{door:?}")).await;
        let code = owner.app_code(world.next_step());
        assert!(world.p_app(door, &owner).await.v(&code).await.is_in());
        let (same, other) = spellings(&code);
        for spelled in same {
            let thief = world.p_app(door, &owner).await;
            assert_eq!(thief.v(&spelled).await, Said::AlreadyUsed, "{door:?} {spelled:?}");
        }
        let thief = world.p_app(door, &owner).await;
        for spelled in other {
            let said = thief.v(&spelled).await;
            assert!(matches!(said, Said::NotACode | Said::Away(400)), "{door:?} {spelled:?}: {said:?}");
        }
        assert_eq!(thief.v(&code).await, Said::AlreadyUsed, "none of them cost a try or ended the sign-in");
    }
}

async fn t15_the_code_that_confirmed_a_method_signs_nobody_in(server: &TestServer) {
    let world = World::new(server).await;
    for door in DOORS {
        let owner = world.owner(&format!("{door:?}")).await;
        world.clock().advance(Span::seconds(-1)); // within the window of the code that confirmed the app
        let thief = world.p_app(door, &owner).await;
        assert_eq!(thief.v(&owner.first_app_code).await, Said::AlreadyUsed, "{door:?}");
    }
}

async fn t16_a_code_for_one_purpose_does_nothing_for_another(server: &TestServer) {
    let world = World::new(server).await;
    let site = &world.site;
    let (account, email) = world.newcomer("purposes").await;
    let phone = world.new_number();
    let sms = world.add(&account, json!({"type": "sms", "role": "primary", "phone": phone})).await.text("/id");
    let setup_code = server.phone.sms_code(&phone).await;
    world.confirm(&account, &sms, &setup_code).await.expect(200);

    // The code of the setting-up, at a sign-in; the sign-in's, at the confirming of another method.
    let begun = site.post_json("/api/v1/sign-ins", &super::story::sign_in_body(&email)).await.expect(201);
    let sign_in_code = server.phone.sms_code(&phone).await;
    let path = format!("/api/v1/sign-ins/{}/code", begun.text("/id"));
    let said = site.post_json(&path, &json!({"code": setup_code})).await.expect(422);
    assert_eq!(said.text("/verdict"), "wrong");
    let backup = world.new_number();
    let second = world.add(&account, json!({"type": "sms", "role": "backup", "phone": backup})).await.text("/id");
    let backup_code = server.phone.sms_code(&backup).await;
    let said = world.confirm(&account, &second, &sign_in_code).await.expect(422);
    assert_eq!(said.text("/verdict"), "wrong");
    let said = site.post_json(&path, &json!({"code": backup_code})).await.expect(422);
    assert_eq!(said.text("/verdict"), "wrong");

    // Each still does what it is for.
    assert_eq!(
        site.post_json(&path, &json!({"code": sign_in_code})).await.expect(200).text("/status"),
        "setup_required"
    );
    world.confirm(&account, &second, &backup_code).await.expect(200);
    server.phone.last_email(&email).await;

    // A code for an e-mail address, at a sign-in of the same browser.
    let owner = world.owner("post").await;
    let browser = world.browser();
    browser.get("/sign-up").await;
    let fields = [("email", "new@example.jp"), ("password", "a quite different set of words")];
    browser.post_form("/sign-up", &fields).await.expect(303);
    let email_code = server.phone.email_code("new@example.jp").await;
    let thief = world.p_with(Door::Browser, &owner, browser).await;
    assert_eq!(thief.v(&email_code).await, Said::Wrong);
}
