//! Where somebody comes from: which addresses count, and which of them are one source.

use nidan::store::Engine;
use nidan_core::time::Span;
use serde_json::json;

use crate::app::{TestServer, on_both_databases};
use crate::client::Client;
use crate::owner::{EMAIL, Owner};

on_both_databases! {
    guarded
    a_source_tries_twenty_names_an_hour
    a_name_takes_thirty_wrong_passwords_a_day
}

/// A wrong password for a name, through a site; why it is not looked at, if it is not.
async fn at_the_site(site: &Client, name: &str, ip: &str) -> Option<String> {
    let client = json!({"ip": ip, "user_agent": ""});
    let body = json!({"account": {"email": name}, "password": "not the password", "client": client});
    let answer = site.post_json("/api/v1/sign-ins", &body).await;
    match answer.status {
        401 => None,
        _ => Some(answer.expect(429).text("/reason")),
    }
}

fn nobody(n: usize) -> String {
    format!("nobody{n}@example.jp")
}

async fn a_source_tries_twenty_names_an_hour(server: &TestServer) {
    let site = server.site().await;
    // An IPv4 address however it is written; of IPv6 the first 64 bits.
    for (round, (all, one_more, another)) in [
        (["192.0.2.1", "::ffff:192.0.2.1"], "::ffff:c000:201", "192.0.2.2"),
        (["2001:db8::1", "2001:db8:0:0:ffff::9"], "2001:db8::77", "2001:db8:0:1::1"),
    ]
    .into_iter()
    .enumerate()
    {
        for n in 0..20 {
            assert_eq!(at_the_site(&site, &nobody(100 * round + n), all[n % 2]).await, None);
        }
        let name = nobody(100 * round + 20);
        assert_eq!(at_the_site(&site, &name, one_more).await.as_deref(), Some("passwords_source_full"));
        assert_eq!(at_the_site(&site, &name, another).await, None);
    }
}

async fn a_name_takes_thirty_wrong_passwords_a_day(server: &TestServer) {
    let site = server.site().await;
    Owner::new(&site).await;
    let from = |n: usize| format!("198.51.100.{n}");
    for hour in 0..3 {
        for n in 0..10 {
            assert_eq!(at_the_site(&site, EMAIL, &from(10 * hour + n)).await, None);
        }
        assert_eq!(at_the_site(&site, EMAIL, &from(100)).await.as_deref(), Some("passwords_full"));
        server.clock.advance(Span::minutes(71));
    }
    assert_eq!(at_the_site(&site, EMAIL, &from(101)).await.as_deref(), Some("passwords_full"), "of this day");
    server.clock.advance(Span::days(2));
    assert_eq!(at_the_site(&site, EMAIL, &from(102)).await, None);
}

/// A wrong password for a name, in a browser whose request says that it was forwarded for `forwarded`.
async fn in_a_browser(server: &TestServer, name: &str, forwarded: &str) -> u16 {
    let browser = server.browser();
    browser.get("/sign-in").await.expect(200);
    let csrf = browser.csrf().expect("a form");
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs([("email", name), ("password", "not the password"), ("csrf", &csrf)]);
    let origin = format!("http://{}", server.address());
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", &origin),
        ("sec-fetch-site", "same-origin"),
        ("x-forwarded-for", forwarded),
    ];
    browser.ask("POST", "/sign-in", &headers, form.finish().as_bytes()).await.status
}

/// Only a proxy that the operator named is believed, and what a client wrote before it is not.
async fn by_the_word_of_a_named_proxy_only(engine: Engine) {
    for (proxies, of_last) in [(&[][..], 429), (&["127.0.0.1/32"], 422)] {
        let server = TestServer::start_with(engine, |settings| {
            settings.listen.trusted_proxies = proxies.iter().map(|net| net.parse().expect("a network")).collect();
        })
        .await;
        for n in 0..20 {
            // Its own word on the left, the proxy's on the right.
            let forwarded = format!("203.0.113.{n}, 192.0.2.1");
            assert_eq!(in_a_browser(&server, &nobody(n), &forwarded).await, 422);
        }
        assert_eq!(in_a_browser(&server, &nobody(20), "203.0.113.99, 192.0.2.1").await, 429);
        assert_eq!(in_a_browser(&server, &nobody(21), "192.0.2.1, 192.0.2.2").await, of_last, "{proxies:?}");
        server.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_counts_by_the_word_of_a_named_proxy_only() {
    by_the_word_of_a_named_proxy_only(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres_too_an_address_counts_by_the_word_of_a_named_proxy_only() {
    by_the_word_of_a_named_proxy_only(Engine::Postgres).await;
}
