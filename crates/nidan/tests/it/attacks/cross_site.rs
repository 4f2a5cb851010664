//! Other sites' pages in a victim's browser: their forms change nothing, and none of ours can be framed.

use super::half_way::pages;
use super::same_answers::rows;
use super::story::{Door, PASSWORD, World};
use crate::app::{TestServer, on_both_databases};
use crate::client::{Answer, Client};

on_both_databases! {
    t27_no_other_sites_form_changes_anything
    t27_a_form_needs_the_token_of_its_own_browser
}

const FORM: &str = "application/x-www-form-urlencoded";

/// The addresses that take forms: whatever is sent there by our own page is not called a method that they lack.
async fn forms(browser: &Client) -> Vec<&'static str> {
    let mut forms = Vec::new();
    for path in pages() {
        let own = format!("http://{}", browser.host());
        let headers = [("content-type", FORM), ("origin", own.as_str()), ("sec-fetch-site", "same-origin")];
        let answer = browser.ask("POST", path, &headers, b"csrf=wrong").await;
        if !matches!(answer.status, 404 | 405) {
            forms.push(path);
        }
    }
    assert!(forms.len() >= 16, "{forms:?}");
    forms
}

/// What other sites can make a browser send: name, headers.
fn ways_across(own: &str) -> Vec<(&'static str, Vec<(&'static str, String)>)> {
    let other = "https://evil.example".to_owned();
    let form = ("content-type", FORM.to_owned());
    vec![
        ("a form", vec![form.clone(), ("origin", other.clone()), ("sec-fetch-site", "cross-site".to_owned())]),
        ("a form of an old browser", vec![form.clone(), ("origin", other.clone())]),
        (
            "a form of a sibling domain",
            vec![form.clone(), ("origin", own.to_owned()), ("sec-fetch-site", "same-site".to_owned())],
        ),
        (
            "a form in a sandbox",
            vec![form.clone(), ("origin", "null".to_owned()), ("sec-fetch-site", "cross-site".to_owned())],
        ),
        ("a form in an old sandbox", vec![form.clone(), ("origin", "null".to_owned())]),
        ("a form without a source", vec![form.clone()]),
        ("a form with a referer", vec![form.clone(), ("referer", format!("{own}/sign-in"))]),
        ("two origins", vec![form.clone(), ("origin", own.to_owned()), ("origin", other.clone())]),
        ("another scheme", vec![form, ("origin", own.replace("http:", "https:"))]),
        ("plain text", vec![("content-type", "text/plain".to_owned()), ("origin", other.clone())]),
        ("no type", vec![("origin", other), ("sec-fetch-site", "cross-site".to_owned())]),
    ]
}

async fn send(browser: &Client, path: &str, headers: &[(&str, String)], body: &str) -> Answer {
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    browser.ask("POST", path, &headers, body.as_bytes()).await
}

async fn t27_no_other_sites_form_changes_anything(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("victim").await;
    let signed_in = world.p(Door::Browser, &owner).await;
    let session = signed_in.v_trusting(&signed_in.sms_code, true).await.0.session();
    signed_in.browser.get("/security").await.expect(200);
    let open = world.p(Door::Browser, &owner).await;
    let own = format!("http://{}", open.browser.host());
    let before = rows(server).await;
    for (browser, in_session) in [(&signed_in.browser, true), (&open.browser, false)] {
        let csrf = browser.csrf().expect("a form's token");
        // Even with the token, and with everything that any of the forms holds.
        let fields = [
            format!("csrf={csrf}"),
            format!("csrf={csrf}&code={}", open.sms_code),
            format!("csrf={csrf}&email={}&password={}", owner.email.replace('@', "%40"), PASSWORD.replace(' ', "+")),
            format!("csrf={csrf}&authenticator_id={}", owner.app),
        ];
        for path in forms(browser).await {
            for (way, headers) in ways_across(&own) {
                for body in &fields {
                    let answer = send(browser, path, &headers, body).await;
                    let refused = answer.status == 403 || (answer.status == 415 && !way.contains("form"));
                    // Who is not signed in has nothing to lose there and is sent to sign in.
                    let outside = !in_session && answer.header("location") == Some("/sign-in");
                    assert!(refused || outside, "{way} at {path}: {} {:?}", answer.status, answer.header("location"));
                }
            }
            // A link with all of it shows a page at most: what it changes would be seen below.
            browser.get(&format!("{path}?csrf={csrf}&code={}", open.sms_code)).await;
        }
    }
    assert_eq!(rows(server).await, before);
    assert_eq!(world.w(&session).await, Some(true));
    assert!(open.v(&open.sms_code).await.is_in(), "the sign-in is as it was");
}

async fn t27_a_form_needs_the_token_of_its_own_browser(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("victim").await;
    let (signed_in, session) = world.signed_in(Door::Browser, &owner).await;
    signed_in.browser.get("/security").await.expect(200);
    let thief = world.browser();
    thief.get("/sign-in").await.expect(200);
    let his = thief.csrf().expect("a token");
    for token in [his.as_str(), "", "x", &"A".repeat(43)] {
        let sent = signed_in.browser.post_form("/security/sign-out-everywhere", &[("csrf", token)]).await;
        assert_eq!(sent.status, 403, "{token}");
    }
    let own = format!("http://{}", thief.host());
    let headers = [("content-type", FORM.to_owned()), ("origin", own)];
    let without = send(&signed_in.browser, "/security/sign-out-everywhere", &headers, "").await;
    assert!((400..500).contains(&without.status), "{}", without.status);
    assert_eq!(world.w(&session).await, Some(true));
    signed_in.browser.post_form("/security/sign-out-everywhere", &[]).await.expect(303);
    assert_eq!(world.w(&session).await, None, "with its own token it works");
}
