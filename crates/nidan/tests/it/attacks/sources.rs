//! A thief comes from ever new addresses, and writes them in ever new ways. The server stands behind a proxy that says who asks;
//! its numbers are those that ship. What stops the thief is that passwords count for the account, and that a source is an
//! IPv4 address or a /64, in binary.

use serde_json::json;

use super::story::{PASSWORD, World};
use crate::app::{TestServer, on_both_databases};
use crate::client::Client;

on_both_databases! {
    by start_behind_a_proxy:
    t07_a_wealth_of_addresses_is_no_wealth_of_passwords
    t07_one_line_is_one_source_however_it_is_written
    t07_one_network_is_one_for_setups
    t08_what_a_client_writes_left_of_the_proxy_counts_for_nothing
}

/// Wrong passwords an hour for one account.
const PASSWORDS: usize = 10;
/// Accounts an hour that one source may give wrong passwords for.
const NAMES: usize = 20;

/// A browser of which the proxy says this.
fn at(server: &TestServer, forwarded_for: &str) -> Client {
    server.browser().with_header("x-forwarded-for", forwarded_for)
}

/// A password is typed; the status of the answer.
pub async fn typed(browser: &Client, email: &str, password: &str) -> u16 {
    browser.get("/sign-in").await.expect(200);
    browser.post_form("/sign-in", &[("email", email), ("password", password)]).await.status
}

async fn t07_a_wealth_of_addresses_is_no_wealth_of_passwords(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let v4 = (0..200).map(|n| format!("198.{}.{}.9", 18 + n % 2, n));
    let one_line = (0..200).map(|n| format!("2001:db8:0:1:{n:x}:{:x}::{n:X}", n * 251));
    let mapped = (0..50).map(|n| format!("::FFFF:198.51.100.{n}"));
    let mut looked_at = 0;
    for address in v4.chain(one_line).chain(mapped) {
        let status = typed(&at(server, &address), &owner.email, "not the password").await;
        assert!(matches!(status, 422 | 429), "{status} for {address}");
        looked_at += usize::from(status == 422);
    }
    assert_eq!(looked_at, PASSWORDS);
    assert_eq!(typed(&at(server, "192.0.2.77"), &owner.email, PASSWORD).await, 429, "right, and not looked at");
}

async fn t07_one_line_is_one_source_however_it_is_written(server: &TestServer) {
    let v4 = [
        "198.51.100.7",
        "::ffff:198.51.100.7",
        "::FFFF:C633:6407",
        "0:0:0:0:0:ffff:c633:6407",
        "64:ff9b::c633:6407",
        "198.51.100.7:4711",
        "[::ffff:198.51.100.7]:4711",
    ];
    let v6 = [
        "2001:db8:0:1::7",
        "2001:0DB8:0000:0001::7",
        "2001:db8:0:1:ffff:ffff:ffff:ffff",
        "[2001:db8:0:1:aAaA::1]:443",
        "2001:db8::1:0:0:0:1",
    ];
    for (source, spellings, neighbour) in [("v4", &v4[..], "198.51.100.8"), ("v6", &v6[..], "2001:db8:0:2::7")] {
        for n in 0..NAMES {
            let browser = at(server, spellings[n % spellings.len()]);
            let status = typed(&browser, &format!("{source}-{n}@example.jp"), "not the password").await;
            assert_eq!(status, 422, "name {n} from {source}");
        }
        for spelling in spellings {
            let status = typed(&at(server, spelling), &format!("{source}-more@example.jp"), "not the password").await;
            assert_eq!(status, 429, "one name more from {spelling}");
        }
        let status = typed(&at(server, neighbour), &format!("{source}-more@example.jp"), "not the password").await;
        assert_eq!(status, 422, "the neighbour at {neighbour} is somebody else");
    }
}

async fn t07_one_network_is_one_for_setups(server: &TestServer) {
    const SETUPS: usize = 10;
    let world = World::new(server).await;
    let add = async |n: usize, ip: String| {
        let (account, _) = world.newcomer(&format!("n{n}")).await;
        let phone = format!("+8190{:04}0000", 1000 + n); // each in a block of its own
        let client = json!({"ip": ip, "user_agent": "x"});
        let method = json!({"type": "sms", "role": "primary", "phone": phone, "client": client});
        let added = world.site.post_json(&format!("/api/v1/accounts/{account}/authenticators"), &method).await;
        server.settled().await;
        server.phone.take(&phone);
        added
    };
    let v4 = |n: usize| format!("198.51.100.{n}");
    let v6 = |n: usize| format!("2001:db8:1:{n:x}::{n:X}");
    let mut n = 0;
    for (network, neighbour) in [(&v4 as &dyn Fn(usize) -> String, "198.51.101.1"), (&v6, "2001:db8:2::1")] {
        for _ in 0..SETUPS {
            n += 1;
            add(n, network(n)).await.expect(201);
        }
        n += 1;
        let refused = add(n, network(n)).await.expect(429);
        assert_eq!(refused.text("/reason"), "setup_network_full");
        n += 1;
        add(n, neighbour.to_owned()).await.expect(201);
    }
}

async fn t08_what_a_client_writes_left_of_the_proxy_counts_for_nothing(server: &TestServer) {
    for n in 0..=NAMES {
        let claimed = format!("192.0.2.{n}, 10.0.0.{n}, 198.51.100.7");
        let browser = at(server, &format!("203.0.113.{n}"))
            .with_header("x-forwarded-for", &claimed)
            .with_header("forwarded", &format!("for=192.0.2.{n}"))
            .with_header("x-real-ip", &format!("192.0.2.{n}"))
            .with_header("true-client-ip", &format!("192.0.2.{n}"))
            .with_header("cf-connecting-ip", &format!("192.0.2.{n}"));
        let status = typed(&browser, &format!("n{n}@example.jp"), "not the password").await;
        assert_eq!(status, if n < NAMES { 422 } else { 429 }, "name {n}");
    }
}
