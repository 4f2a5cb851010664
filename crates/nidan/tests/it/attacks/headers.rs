//! What every answer carries, whoever made it.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::half_way::{calls, pages};
use super::story::{Door, PASSWORD, World};
use crate::app::{TestServer, on_both_databases};
use crate::client::{Answer, Client};

on_both_databases! {
    t51_every_answer_has_the_security_headers
    t51_every_cookie_is_locked_to_its_host
}

#[track_caller]
fn check(answer: &Answer, what: &str) {
    for (name, value) in [
        ("strict-transport-security", "max-age=63072000; includeSubDomains"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name} of {what}");
    }
    let policy = answer.header("content-security-policy").unwrap_or_else(|| panic!("no policy: {what}"));
    for directive in
        ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"]
    {
        assert!(policy.split("; ").any(|known| known == directive), "{directive} of {what}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{what}: {policy}");
    let kept = answer.header("cache-control").expect("a rule for caches");
    let fixed = what.contains("/assets/") && answer.status == 200;
    assert!(if fixed { kept.contains("immutable") } else { kept == "no-store" }, "{what}: {kept}");
    assert!(answer.header("server").is_none() && answer.header("x-powered-by").is_none(), "{what}");
    assert!(answer.header("access-control-allow-origin").is_none(), "{what}");
    for (name, line) in &answer.headers {
        if name == "set-cookie" {
            check_cookie(line);
        }
    }
    check_page(answer, policy, what);
}

#[track_caller]
fn check_cookie(line: &str) {
    assert!(line.starts_with("__Host-nidan_"), "{line}");
    let attributes: BTreeSet<&str> = line.split("; ").skip(1).collect();
    for wanted in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(attributes.contains(wanted), "{wanted}: {line}");
    }
    assert!(attributes.iter().all(|attribute| !attribute.starts_with("Domain")), "{line}");
}

/// Nothing in a page that the policy would have to forbid: no script or style of its own but the one stylesheet.
#[track_caller]
fn check_page(answer: &Answer, policy: &str, what: &str) {
    if !answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
        return;
    }
    let body = &answer.body;
    for script in body.split("<script").skip(1) {
        assert!(script.split('>').next().is_some_and(|tag| tag.contains("src=\"/")), "{what}");
    }
    for forbidden in ["javascript:", " onclick", " onload", " onsubmit", " onerror", " style=\"", "http-equiv"] {
        assert!(!body.contains(forbidden), "{forbidden} in {what}");
    }
    for style in body.split("<style>").skip(1) {
        let text = style.split("</style>").next().unwrap_or_default();
        let hash = STANDARD.encode(digest(&SHA256, text.as_bytes()));
        assert!(policy.contains(&format!("'sha256-{hash}'")), "the stylesheet of {what}");
    }
}

async fn t51_every_answer_has_the_security_headers(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let (signed_in, _) = world.signed_in(Door::Browser, &owner).await;
    let open = world.p(Door::Browser, &owner).await;
    let stranger = world.browser();
    let mut statuses = BTreeSet::new();
    let ids = [("{id}", owner.account.as_str()), ("{authenticator_id}", &owner.sms)];
    let calls: BTreeSet<String> = calls(&world, &ids).await.into_iter().map(|(_, path)| path).collect();
    let others =
        ["/nowhere", "/api/v1/nowhere", "/api/v2", "/sign-in?x=1", "/sign-in?lang=en", "/api/v1/openapi.json", "/%ff"];
    let paths = pages().into_iter().chain(others).chain(calls.iter().map(String::as_str));
    for path in paths {
        for client in [&stranger, &open.browser, &signed_in.browser, &world.site] {
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "OPTIONS", "TRACE"] {
                let answer = client.ask(method, path, &[], b"").await;
                assert!(answer.status < 500, "{method} {path}: {}", answer.status);
                check(&answer, &format!("{method} {path}: {}", answer.status));
                statuses.insert(answer.status);
            }
        }
    }
    for wanted in [200, 303, 400, 401, 403, 404, 405] {
        assert!(statuses.contains(&wanted), "{wanted} was not among them: {statuses:?}");
    }
}

async fn t51_every_cookie_is_locked_to_its_host(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let browser: Client = server.browser();
    let mut set = BTreeSet::new();
    let mut note = |answer: Answer| {
        check(&answer, "the main job");
        let lines = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
        set.extend(lines.filter_map(|(_, line)| line.split('=').next().map(str::to_owned)));
        answer
    };
    note(browser.get("/sign-in?lang=en").await);
    note(browser.post_form("/sign-in", &[("email", &owner.email), ("password", PASSWORD)]).await.expect(303));
    let code = server.phone.sms_code(&owner.phone).await;
    note(browser.get("/sign-in/code").await.expect(200));
    note(browser.post_form("/sign-in/code", &[("code", &code), ("trust_device", "yes")]).await.expect(303));
    note(browser.get("/security").await.expect(200));
    note(browser.post_form("/security/sign-out-everywhere", &[]).await.expect(303));
    let wanted = ["browser", "device", "flow", "lang", "session"].map(|name| format!("__Host-nidan_{name}"));
    assert_eq!(set, BTreeSet::from(wanted));
}
