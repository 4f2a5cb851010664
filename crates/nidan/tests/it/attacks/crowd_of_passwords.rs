//! More sign-ins than the machine can hash, bodies of a megabyte, and sockets that say nothing: the shipped program stays small,
//! turns what is too much away at once, and serves the owner on his device.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use nidan::app::Clock;
use nidan_core::totp::{code_at, step_at};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::story::{seed_in, sign_in_body};
use super::traces::Running;
use crate::app::wait_for;
use crate::client::Client;
use crate::postgres::TestDatabase;
use crate::store::Directory;

/// Strangers for each core: a fifth of them bring a megabyte, the others are more than there are places for hashing.
const CROWD_PER_CORE: usize = 100;
/// Sockets on which nothing is ever said.
const SILENT: usize = 500;
const EMAIL: &str = "owner@example.jp";
const PHONE: &str = "+819012345678";
const PASSWORD: &str = "correct horse battery staple";
/// What the server may hold beside its hashes, in MiB: itself, 500 connections, and 16 KiB of each body.
const BESIDE_MIB: usize = 150;
/// Memory of one hash, in MiB.
const HASH_MIB: usize = 19;

/// An owner with a device on which the second step was completed; gives its token.
async fn known_device(running: &Running, site: &Client) -> String {
    let account = json!({"email": EMAIL, "email_verified": true, "password": PASSWORD});
    let account = site.post_json("/api/v1/accounts", &account).await.expect(201).text("/id");
    let methods = format!("/api/v1/accounts/{account}/authenticators");
    let method = json!({"type": "sms", "role": "primary", "phone": PHONE});
    let method = site.post_json(&methods, &method).await.expect(201).text("/id");
    let code = code(running, 1).await;
    site.post_json(&format!("{methods}/{method}/confirm"), &json!({"code": code})).await.expect(200);
    let added = site.post_json(&methods, &json!({"type": "totp", "role": "backup"})).await.expect(201);
    let shown = code_at(&seed_in(&added.text("/otpauth_uri")), step_at(Clock::system().now()));
    let confirm = format!("{methods}/{}/confirm", added.text("/id"));
    site.post_json(&confirm, &json!({"code": shown.expose()})).await.expect(200);
    let mut begin = sign_in_body(EMAIL);
    begin["password"] = json!(PASSWORD);
    let begun = site.post_json("/api/v1/sign-ins", &begin).await.expect(201).text("/id");
    let code = self::code(running, 2).await;
    let body = json!({"code": code, "trust_device": true});
    site.post_json(&format!("/api/v1/sign-ins/{begun}/code"), &body).await.expect(200).text("/device_token")
}

async fn code(running: &Running, messages: usize) -> String {
    let reader = Client::browser(running.address);
    let text = wait_for("an SMS", async || {
        let shown = reader.get("/demo/phone.json?to=%2B819012345678").await.expect(200).json();
        let all = shown.as_array().expect("a list");
        (all.len() == messages).then(|| all[0]["text"].as_str().unwrap_or_default().to_owned())
    });
    text.await.split(|c: char| !c.is_ascii_digit()).find(|run| run.len() == 6).expect("a code").to_owned()
}

/// The status of an answer; none: the connection ended without one, as those do that the server has waited for too long.
async fn status(running: &Running, begin: &Value) -> Option<u16> {
    let (address, key, body) = (running.address, running.key(), begin.to_string());
    let head = format!(
        "POST /api/v1/sign-ins HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await.ok()?;
    let mut answer = Vec::new();
    while stream.read_buf(&mut answer).await.is_ok_and(|read| read > 0) {}
    String::from_utf8_lossy(&answer).strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

/// One of the crowd, with a name and a network of its own each time, until the owner is through; every fifth brings a
/// megabyte, once.
async fn stranger(running: &Running, number: usize, (over, full): (&AtomicBool, &AtomicBool)) -> Vec<Option<u16>> {
    let mut told = Vec::new();
    while !over.load(Ordering::SeqCst) {
        let round = told.len();
        let mut begin = sign_in_body(&format!("nobody{number}.{round}@example.jp"));
        let large = number.is_multiple_of(5);
        begin["password"] = json!("x".repeat(if large { 1 << 20 } else { 1_024 }));
        begin["client"]["ip"] = json!(format!("10.{}.{}.{}", round % 250, number / 250, number % 250 + 1));
        let status = status(running, &begin).await;
        full.fetch_or(status == Some(503), Ordering::SeqCst);
        told.push(status);
        if large {
            break;
        }
    }
    told
}

fn peak_mib(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    line.split_whitespace().next().and_then(|kib| kib.parse::<usize>().ok()).expect("KiB") / 1_024
}

#[expect(clippy::print_stdout, reason = "the figures of docs/measurements.md")]
async fn withstands(url: &str, directory: &Directory) {
    let running = Arc::new(Running::logging("info", directory, url, "[demo_phone]\nenabled = true\n"));
    let site = running.site();
    let mut device = known_device(&running, &site).await;
    let mut silent = Vec::new();
    for _ in 0..SILENT {
        silent.push(TcpStream::connect(running.address).await.expect("a place"));
    }
    let (over, full) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let crowd: Vec<_> = (0..cores * CROWD_PER_CORE)
        .map(|number| {
            let (running, over, full) = (running.clone(), over.clone(), full.clone());
            tokio::spawn(async move { stranger(&running, number, (&over, &full)).await })
        })
        .collect();
    let is_full = async {
        while !full.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(120), is_full).await.expect("the queue is full");
    let mut longest = Duration::ZERO;
    for _ in 0..5 {
        let mut begin = sign_in_body(EMAIL);
        begin["password"] = json!(PASSWORD);
        begin["client"]["device_token"] = Value::from(device.as_str());
        let started = Instant::now();
        let entered = site.post_json("/api/v1/sign-ins", &begin).await;
        longest = longest.max(started.elapsed());
        assert!(entered.status < 300 && entered.text("/status") == "signed_in", "{}: {}", entered.status, entered.body);
        device = entered.text("/device_token");
    }
    over.store(true, Ordering::SeqCst);
    let told: Vec<Option<u16>> = join_all(crowd).await.into_iter().flat_map(|ended| ended.expect("no panic")).collect();
    let count = |status| told.iter().filter(|told| **told == status).count();
    let (looked_at, too_large, busy, cut) = (count(Some(401)), count(Some(413)), count(Some(503)), count(None));
    let peak = peak_mib(running.process());
    println!(
        "{looked_at} looked at, {too_large} too large, {busy} busy, {cut} cut off; owner {longest:?} at most; peak {peak} MiB"
    );
    assert_eq!(looked_at + too_large + busy + cut, told.len(), "{told:?}");
    assert!(looked_at > 0 && too_large > 0 && busy > 0, "{looked_at} {too_large} {busy}");
    assert!(peak <= BESIDE_MIB + cores * HASH_MIB, "{peak} MiB");
    drop(silent);
    drop(Arc::into_inner(running).expect("the crowd is gone").stop());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t48_a_crowd_of_passwords_keeps_no_owner_out_on_sqlite() {
    let directory = Directory::new();
    let url = format!("sqlite:{}", directory.file().display());
    withstands(&url, &directory).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t48_a_crowd_of_passwords_keeps_no_owner_out_on_postgres() {
    let (directory, database) = (Directory::new(), TestDatabase::migrated().await);
    withstands(&database.url_text(), &directory).await;
}
