//! Other people's codes, methods, sign-ins and cookies; and things in the wrong order. What somebody may not have is not
//! there for him.

use nidan_core::token::TokenKind;
use serde_json::json;

use super::story::{DOORS, Door, Said, World};
use crate::app::{TestServer, on_both_databases};
use crate::client::Client;

on_both_databases! {
    t18_anothers_code_opens_nothing_and_costs_a_try
    t18_a_site_finds_nothing_of_one_account_under_another
    t35_planted_cookies_are_replaced_and_stay_worthless
    t35_the_next_person_at_the_browser_gets_nothing_of_the_last
    a_code_page_without_a_password_tells_nothing
    what_is_finished_ended_or_invented_answers_alike
}

async fn t18_anothers_code_opens_nothing_and_costs_a_try(server: &TestServer) {
    let world = World::new(server).await;
    for door in DOORS {
        let victim = world.owner(&format!("victim{door:?}")).await;
        let thief = world.owner(&format!("thief{door:?}")).await;
        let begin = world.next_step();
        let own = world.p(door, &thief).await;
        let stolen = world.p(door, &victim).await;
        assert_eq!(stolen.v(&own.sms_code).await, Said::Wrong, "{door:?}: his SMS");
        stolen.turn_to(&victim.app).await;
        assert_eq!(stolen.v(&thief.app_code(begin)).await, Said::Wrong, "{door:?}: his app");
        assert_eq!(stolen.v(&own.sms_code).await, Said::Wrong, "{door:?}: his SMS for her app");
        stolen.turn_to(&victim.sms).await;
        for code in ["000000", "999999"] {
            assert!(!stolen.v(code).await.is_in(), "{door:?}");
        }
        assert_eq!(stolen.v(&stolen.sms_code).await, Said::UsedUp, "{door:?}: five were hers to lose");
        assert!(own.v(&own.sms_code).await.is_in(), "{door:?}: and he lost none of his");
    }
}

async fn t18_a_site_finds_nothing_of_one_account_under_another(server: &TestServer) {
    let world = World::new(server).await;
    let victim = world.owner("victim").await;
    let (account, _) = world.newcomer("thief").await;
    let phone = world.new_number();
    let pending = world.add(&account, json!({"type": "sms", "role": "primary", "phone": phone})).await.text("/id");
    let code = server.phone.sms_code(&phone).await;
    // Her method under his name, his pending method under hers.
    let never = world.confirm(&account, "aut_01h2xcejqtf2nbrexx3vqjhp41", &code).await.expect(404);
    for (account, method) in [(&account, &victim.sms), (&account, &victim.app), (&victim.account, &pending)] {
        let refused = world.confirm(account, method, &code).await;
        assert_eq!((refused.status, &refused.body), (404, &never.body));
        let path = format!("/api/v1/accounts/{account}/authenticators/{method}");
        let refused = world.site.delete(&path).await;
        assert_eq!((refused.status, &refused.body), (404, &never.body));
    }
    let (sign_in, _) = world.signed_in(Door::Site, &victim).await;
    let turned = world.p(Door::Site, &victim).await;
    for method in [&pending, "aut_01h2xcejqtf2nbrexx3vqjhp41"] {
        let path = format!("/api/v1/sign-ins/{}/resend", turned.id);
        let refused = world.site.post_json(&path, &json!({"authenticator_id": method})).await;
        assert!((400..500).contains(&refused.status), "{}", refused.status);
    }
    assert_eq!(sign_in.v(&sign_in.sms_code).await, Said::AlreadyUsed);
    world.confirm(&account, &pending, &code).await.expect(200);
}

/// Cookies of a stranger, as whoever sits between may have planted them.
fn plant(browser: &Client, from: &Client) {
    for name in ["session", "flow", "device", "browser"] {
        let name = format!("__Host-nidan_{name}");
        if let Some(value) = from.cookie(&name) {
            browser.set_cookie(&name, &value);
        }
    }
}

async fn t35_planted_cookies_are_replaced_and_stay_worthless(server: &TestServer) {
    let world = World::new(server).await;
    let (victim, thief) = (world.owner("victim").await, world.owner("thief").await);
    let (thiefs, thiefs_session) = world.signed_in(Door::Browser, &thief).await;
    let open = world.p_from_anywhere(&thief, thiefs.copied_browser().await).await;
    let planted_flow = open.browser.cookie("__Host-nidan_flow").expect("a flow");
    let browser = world.browser();
    plant(&browser, &open.browser);
    browser.set_cookie("__Host-nidan_session", &thiefs_session);

    let hers = world.p_from_anywhere(&victim, browser).await;
    let flow = hers.browser.cookie("__Host-nidan_flow").expect("a flow");
    assert_ne!(flow, planted_flow);
    let (said, device) = hers.v_trusting(&hers.sms_code, true).await;
    let session = said.session();
    assert_ne!(session, thiefs_session);
    assert_ne!(device, thiefs.browser.cookie("__Host-nidan_device"));
    let page = hers.browser.get("/security").await.expect(200);
    assert!(page.body.contains(&victim.email) && !page.body.contains(&thief.email));

    // What the thief planted leads to nothing of hers.
    let shown = thiefs.browser.get("/security").await.expect(200);
    assert!(shown.body.contains(&thief.email) && !shown.body.contains(&victim.email));
    assert!(!open.v(&hers.sms_code).await.is_in());
    assert_eq!(hers.browser.cookie("__Host-nidan_flow"), None, "her flow is over");
}

async fn t35_the_next_person_at_the_browser_gets_nothing_of_the_last(server: &TestServer) {
    let world = World::new(server).await;
    let (first, second) = (world.owner("first").await, world.owner("second").await);
    let used = world.p(Door::Browser, &first).await;
    used.v_trusting(&used.sms_code, true).await.0.session();
    let browser = used.copied_browser().await;
    // The session cookie is lost; the device's is still there.
    browser.set_cookie("__Host-nidan_session", "");
    let next = world.p_with(Door::Browser, &second, browser).await;
    let (said, device) = next.v_trusting(&next.sms_code, false).await;
    assert!(matches!(said, Said::In(_)), "{said:?}");
    let page = next.browser.get("/security").await.expect(200);
    assert!(page.body.contains(&second.email) && !page.body.contains(&first.email));
    assert_ne!(device, used.browser.cookie("__Host-nidan_device"), "a device of her own");
    // And the first one's trust did not carry over: the password alone opens nothing of the second's.
    let again = world.p_with(Door::Browser, &second, next.copied_browser_without_session().await).await;
    assert!(!again.v("000000").await.is_in());
}

async fn a_code_page_without_a_password_tells_nothing(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let open = world.p(Door::Browser, &owner).await;
    let flow = open.browser.cookie("__Host-nidan_flow").expect("a flow");
    let mut answers = Vec::new();
    // Nothing; invented; the owner's with one letter changed.
    for planted in [None, Some(invented(&flow, 88)), Some(invented(&flow, 30))] {
        let stranger = world.browser();
        stranger.get("/sign-in").await;
        let mut told = Vec::new();
        for (path, fields) in [
            ("/sign-in/code", vec![("code", open.sms_code.as_str())]),
            ("/sign-in/resend", vec![]),
            ("/sign-in/other-ways", vec![("authenticator_id", owner.app.as_str())]),
        ] {
            if let Some(flow) = &planted {
                stranger.set_cookie("__Host-nidan_flow", flow);
            }
            let answer = stranger.post_form(path, &fields).await;
            assert_eq!(answer.new_cookie("__Host-nidan_session"), None);
            let place = answer.header("location").map(|to| to.split('?').next().unwrap_or_default().to_owned());
            told.push((answer.status, place, answer.body));
        }
        answers.push(told);
    }
    assert!(answers.iter().all(|told| *told == answers[0]), "{answers:?}");
    assert!(open.v(&open.sms_code).await.is_in(), "and the owner's sign-in is as it was");
}

/// `token` with its letter at `place` changed.
fn invented(token: &str, place: usize) -> String {
    let letter = if &token[place..=place] == "A" { "B" } else { "A" };
    format!("{}{letter}{}", &token[..place], &token[place + 1..])
}

async fn what_is_finished_ended_or_invented_answers_alike(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let browsers = world.p(Door::Browser, &owner).await;
    // A sign-in that a browser holds is not there for a site, as if it had never been begun.
    let flow = browsers.browser.cookie("__Host-nidan_flow").expect("a flow");
    let held = nidan_core::token::Token::<nidan_core::id::Ceremony>::parse(TokenKind::Ceremony, &flow).expect("one");
    let real = nidan_core::id::Scoped::<nidan_core::id::Ceremony> { account: held.account, id: held.id }.to_string();
    let other = world.p(Door::Site, &owner).await.id;
    let invented = invented(&other, other.len() - 3);
    for call in ["code", "resend"] {
        let body = if call == "code" { json!({"code": browsers.sms_code}) } else { json!({}) };
        let hidden = world.site.post_json(&format!("/api/v1/sign-ins/{real}/{call}"), &body).await;
        let never = world.site.post_json(&format!("/api/v1/sign-ins/{invented}/{call}"), &body).await;
        assert_eq!((hidden.status, &hidden.body), (404, &never.body), "{call}");
        assert_eq!(never.status, 404);
    }
    let hidden = world.site.get(&format!("/api/v1/sign-ins/{real}")).await;
    let never = world.site.get(&format!("/api/v1/sign-ins/{invented}")).await;
    assert_eq!((hidden.status, &hidden.body), (404, &never.body));

    // A finished one compares nothing: right and wrong codes are answered alike.
    let (done, _) = world.signed_in(Door::Site, &owner).await;
    assert_eq!(done.v(&done.sms_code).await, done.v("123123").await);
    let path = format!("/api/v1/sign-ins/{}/resend", done.id);
    let again = world.site.post_json(&path, &json!({})).await;
    assert!((400..500).contains(&again.status) && !again.body.contains(&owner.email), "{}", again.body);
    let over = browsers.copied().await;
    assert!(browsers.v(&browsers.sms_code).await.is_in());
    let (right, wrong) = (over.v(&browsers.sms_code).await, over.v("123123").await);
    assert_eq!(right, wrong);
    assert!(!right.is_in());
}
