//! Guesses at the shipped program, with the numbers of guesses that ship: killed with kill -9 after each answer, and asked at several
//! servers that share one PostgreSQL, between restarts. How many sign-ins and messages there may be is not what stops the thief.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use nidan::app::{Clock, Random};
use nidan::bench::seed::Owner;
use nidan::store::Engine;
use nidan_core::time::Span;
use nidan_core::totp::{Seed, code_at, step_at};
use serde_json::{Value, json};

use super::installation::{Installation, wait_for, without_database};
use super::{TRIES, code_in, on_both_databases, text};
use crate::owner::seed_of;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// The demo phone; and so many equal requests at once are this test's fault and not the site's.
const SETTINGS: &str = "alarm_repeats_min = 10000\n[demo_phone]\nenabled = true\n";
/// What is raced.
const CROWD: usize = 64;

/// A sign-in with the right password, from an address of its own.
async fn begin(site: &Installation, email: &str, n: usize) -> Value {
    let client = json!({"ip": format!("198.18.{}.{}", n / 250, n % 250), "user_agent": "a browser"});
    let body = json!({"account": {"email": email}, "client": client, "password_verified": true});
    site.post("/api/v1/sign-ins", &body).await.expect("an answer").json()
}

/// Where its codes are typed.
fn path(begun: &Value) -> String {
    format!("/api/v1/sign-ins/{}/code", text(begun, "/id"))
}

/// The code that was sent for it, of six digits or eight.
async fn code(site: &Installation, begun: &Value) -> String {
    let message = text(begun, "/challenge/message_id");
    let sent = wait_for("a message", async || site.phone().await.expect("an answer").remove(&message)).await.1;
    let mut runs = sent.split(|letter: char| !letter.is_ascii_digit()).filter(|run| matches!(run.len(), 6 | 8));
    runs.next().unwrap_or_else(|| panic!("no code in: {sent}")).to_owned()
}

/// The `n`th code that is not `code`.
fn other(code: &str, n: usize) -> String {
    let number: usize = code.parse().expect("digits");
    format!("{:06}", (number + 1 + n) % 1_000_000)
}

/// What is said to a code that does not open.
async fn says(site: &Installation, path: &str, code: &str) -> Value {
    let answer = site.post(path, &json!({"code": code})).await.expect("an answer");
    assert_eq!(answer.status, 422, "{}", answer.json());
    answer.json()
}

/// Two sign-ins with five wrong codes each, each code at the next of `nodes`; `after_each` follows every answer.
async fn guess_ten_times(nodes: &[&Installation], owner: &Owner, after_each: impl Fn()) {
    for round in 0..2 {
        nodes.iter().for_each(|node| node.start());
        let begun = begin(nodes[round % nodes.len()], &owner.email, round).await;
        let (path, code) = (path(&begun), code(nodes[round % nodes.len()], &begun).await);
        assert_eq!(code.len(), 6);
        for n in 0..usize::from(TRIES) {
            let told = says(nodes[(round + n) % nodes.len()], &path, &other(&code, n)).await;
            assert_eq!((&told["verdict"], &told["tries_left"]), (&json!("wrong"), &json!(usize::from(TRIES) - 1 - n)));
            after_each();
        }
        for node in nodes {
            assert_eq!(says(node, &path, &code).await["verdict"], "used_up", "right, and too late");
        }
        for node in nodes {
            node.kill();
            node.wait(2 * HOUR);
        }
    }
}

/// Six digits are used up: what is sent has eight, and one code of the app is too little.
async fn six_digits_are_used_up(nodes: &[&Installation], owner: &Owner) {
    for (n, node) in nodes.iter().enumerate() {
        node.wait(2 * DAY);
        node.start();
        let begun = begin(node, &owner.email, n).await;
        assert_eq!(code(node, &begun).await.len(), 8);
        let resend = format!("/api/v1/sign-ins/{}/resend", text(&begun, "/id"));
        let turned = node.post(&resend, &json!({"channel": "totp"})).await.expect("an answer");
        assert_eq!(turned.status, 202, "{}", turned.json());
        assert_eq!(says(node, &path(&begun), "000000").await["verdict"], "stronger_proof_needed");
    }
    nodes.iter().for_each(|node| node.kill());
}

async fn t04_a_kill_gives_no_guess_back(engine: Engine) {
    let site = Installation::new(engine, 1).await;
    guess_ten_times(&[&site], &site.owners[0], || {
        site.kill();
        site.start();
    })
    .await;
    six_digits_are_used_up(&[&site], &site.owners[0]).await;
}

on_both_databases! { t04_a_kill_gives_no_guess_back }

#[tokio::test]
async fn t06_guesses_at_three_servers_are_one_sum() {
    let one = Installation::with(Engine::Postgres, 1, SETTINGS).await;
    let (two, three) = (one.twin(SETTINGS), one.twin(SETTINGS));
    guess_ten_times(&[&one, &two, &three], &one.owners[0], || {}).await;
    six_digits_are_used_up(&[&one, &two, &three], &one.owners[0]).await;
}

/// Guesses are kept where accounts are: there is no limiter that could be missing.
#[test]
fn t06_no_server_starts_without_its_database() {
    let said = without_database();
    assert!(!said.status.success() && said.stdout.is_empty(), "{said:?}");
    assert!(String::from_utf8_lossy(&said.stderr).contains("database"), "{said:?}");
}

/// Two servers on one PostgreSQL.
async fn two_servers(accounts: usize) -> [Installation; 2] {
    let one = Installation::with(Engine::Postgres, accounts, SETTINGS).await;
    let other = one.twin(SETTINGS);
    one.start();
    other.start();
    [one, other]
}

/// Posts each at the next of the two servers, all at once; how often each answer came: its status, or its verdict.
async fn at_once(servers: &[Installation; 2], posts: &[(String, Value)]) -> BTreeMap<String, usize> {
    let connections = join_all((0..posts.len()).map(|n| servers[n % 2].connection())).await;
    let answers = connections.into_iter().zip(posts).map(async |(mut connection, (path, body))| {
        let answer = connection.post(path, &body.to_string()).await.expect("an answer");
        answer.json()["verdict"].as_str().map_or(answer.status.to_string(), str::to_owned)
    });
    let mut counts = BTreeMap::new();
    for answer in join_all(answers).await {
        *counts.entry(answer).or_insert(0) += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t03_two_hundred_guesses_at_two_servers_are_five() {
    const GUESSES: usize = 200;
    const ROUNDS: usize = 20;
    let servers = two_servers(ROUNDS).await;
    let (random, mut found) = (Random::seeded(3), 0);
    for (round, owner) in servers[0].owners.iter().enumerate() {
        let begun = begin(&servers[round % 2], &owner.email, round).await;
        let right = code(&servers[round % 2], &begun).await;
        let mut codes: Vec<String> = (0..GUESSES).map(|n| other(&right, n)).collect();
        codes[usize::from(random.bytes::<1>()[0]) % GUESSES].clone_from(&right);
        let posts: Vec<_> = codes.iter().map(|code| (path(&begun), json!({"code": code}))).collect();
        let said = at_once(&servers, &posts).await;
        let [opened, wrong] = ["200", "wrong"].map(|said_so| said.get(said_so).copied().unwrap_or_default());
        assert!(opened <= 1 && wrong <= 5 && (opened == 1 || wrong == 5), "{said:?}");
        found += opened;
    }
    // Five of 200 find it once in two times 20 rounds; more than four times, once in 6,000 runs.
    assert!(found <= 4, "found in {found} of {ROUNDS} rounds");
    servers.iter().for_each(Installation::kill);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t14_one_sent_code_at_two_servers_opens_once() {
    const ROUNDS: usize = 10;
    let servers = two_servers(ROUNDS).await;
    for (round, owner) in servers[0].owners.iter().enumerate() {
        let begun = begin(&servers[round % 2], &owner.email, round).await;
        let right = json!({"code": code(&servers[round % 2], &begun).await});
        let said = at_once(&servers, &vec![(path(&begun), right); CROWD]).await;
        assert_eq!(said, BTreeMap::from([("200".to_owned(), 1), ("already_used".to_owned(), CROWD - 1)]));
    }
    servers.iter().for_each(Installation::kill);
}

/// Somebody who sets up both methods now: e-mail address, the app as a method, and its seed.
async fn somebody_with_an_app(site: &Installation, n: usize) -> (String, String, Seed) {
    let post = async |path: &str, body: &Value| {
        let answer = site.post(path, body).await.expect("an answer");
        assert!(matches!(answer.status, 200 | 201), "{}", answer.json());
        answer.json()
    };
    let (email, phone) = (format!("somebody{n}@example.jp"), format!("+819012340{n:03}"));
    let account = post("/api/v1/accounts", &json!({"email": email, "email_verified": true})).await;
    let at = format!("/api/v1/accounts/{}/authenticators", text(&account, "/id"));
    let sms = post(&at, &json!({"type": "sms", "role": "primary", "phone": phone})).await;
    let to = |sent: BTreeMap<_, (String, String)>| sent.into_values().find(|(to, _)| *to == phone);
    let (_, sent) = wait_for("a message", async || to(site.phone().await.expect("an answer"))).await;
    post(&format!("{at}/{}/confirm", text(&sms, "/id")), &json!({"code": code_in(&sent)})).await;
    let app = post(&at, &json!({"type": "totp", "role": "backup"})).await;
    let (id, seed) = (text(&app, "/id"), seed_of(&text(&app, "/otpauth_uri")));
    let shown = code_at(&seed, step_at(Clock::system().now())).expose().clone();
    post(&format!("{at}/{id}/confirm"), &json!({"code": shown})).await;
    (email, id, seed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t14_one_code_of_an_app_at_two_servers_opens_one_of_many_sign_ins() {
    const ROUNDS: usize = 5;
    const LATER: i64 = 60;
    let servers = two_servers(0).await;
    let mut people = Vec::new();
    for n in 0..ROUNDS {
        people.push(somebody_with_an_app(&servers[0], n).await);
    }
    // The code that confirmed the app is spent.
    for server in &servers {
        server.kill();
        server.wait(LATER);
        server.start();
    }
    for (email, app, seed) in &people {
        let mut paths = Vec::new();
        for n in 0..CROWD {
            let begun = begin(&servers[n % 2], email, n).await;
            let resend = format!("/api/v1/sign-ins/{}/resend", text(&begun, "/id"));
            let turned = servers[n % 2].post(&resend, &json!({"authenticator_id": app})).await.expect("an answer");
            assert_eq!(turned.status, 202, "{}", turned.json());
            paths.push(path(&begun));
        }
        let code = code_at(seed, step_at(Clock::system().now().plus(Span::seconds(LATER)))).expose().clone();
        let posts: Vec<_> = paths.into_iter().map(|path| (path, json!({"code": code}))).collect();
        let said = at_once(&servers, &posts).await;
        assert_eq!(said.get("200"), Some(&1), "{said:?}");
    }
    servers.iter().for_each(Installation::kill);
}
