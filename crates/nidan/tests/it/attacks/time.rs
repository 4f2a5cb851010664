//! Whether the time of an answer tells that somebody has an account: the shipped program in a process of its own, asked about
//! accounts and about nobody in an order drawn by lot.
//!
//! Since the order is drawn, whatever else keeps the machine busy falls on both alike: on a busy machine the verdict gets
//! blunter, never false. How sharp it is, the third class shows, which is told apart for sure. `NIDAN_TEST_PAIRS=2300` takes as
//! many pairs as show half a millisecond for sure.

use std::fs;
use std::time::Duration;

use nidan::app::Random;
use serde_json::json;
use tokio::time::Instant;

use super::story::sign_in_body;
use super::traces::Running;
use crate::app::PASSWORD_HASH;
use crate::client::Client;
use crate::postgres::TestDatabase;
use crate::store::Directory;

/// Tries with one name, below what may be tried in an hour.
const TRIES: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    /// An account, and a password that is not its own.
    Account,
    /// An address without an account.
    Nobody,
    /// An account, and a password that is too long to be hashed.
    TooLong,
}

/// What one answer took, in milliseconds.
struct Taken {
    class: Class,
    wall: f64,
    cpu: f64,
}

/// How often a value of `one` is above one of `other`: 0.5 if nothing can be learnt from it.
fn auc(one: &[f64], other: &[f64]) -> f64 {
    let above = |a: &f64| {
        other.iter().map(|b| f64::midpoint(f64::from(u8::from(a > b)), f64::from(u8::from(a >= b)))).sum::<f64>()
    };
    one.iter().map(above).sum::<f64>() / (one.len() * other.len()) as f64
}

/// CPU time of all threads of the process, in milliseconds; the kernel counts nanoseconds here.
fn cpu_ms(process: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("a process");
    let spent = threads.filter_map(|thread| {
        let stat = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<f64>().ok()
    });
    spent.sum::<f64>() / 1e6
}

/// The same once nothing is under way.
async fn at_rest(process: u32) -> f64 {
    let mut before = cpu_ms(process);
    loop {
        tokio::time::sleep(Duration::from_millis(3)).await;
        let now = cpu_ms(process);
        if now - before < 0.05 {
            return now;
        }
        before = now;
    }
}

async fn asked(running: &Running, site: &Client, (class, number): (Class, usize)) -> Taken {
    let name = match class {
        Class::Account | Class::TooLong => format!("known{number:04}@example.jp"),
        Class::Nobody => format!("other{number:04}@example.jp"),
    };
    let mut begin = sign_in_body(&name);
    begin["password"] = match class {
        Class::Account | Class::Nobody => json!("not the password"),
        Class::TooLong => json!("x".repeat(10_000)),
    };
    begin["client"]["ip"] = json!(format!("10.{}.{}.{}", class as u8, number / 250, number % 250 + 1));
    let (cpu, started) = (at_rest(running.process()).await, Instant::now());
    let answer = site.post_json("/api/v1/sign-ins", &begin).await;
    let wall = started.elapsed().as_secs_f64() * 1_000.0;
    answer.expect(401);
    Taken { class, wall, cpu: at_rest(running.process()).await - cpu }
}

/// Every class as often as there are pairs, the third a tenth as often, shuffled.
fn order(pairs: usize) -> Vec<(Class, usize)> {
    let each = |class, count: usize| (0..count).map(move |at| (class, at / TRIES));
    let mut order: Vec<(Class, usize)> = each(Class::Account, pairs).chain(each(Class::Nobody, pairs)).collect();
    order.extend(each(Class::TooLong, pairs.div_ceil(10)).map(|(class, number)| (class, 5_000 + number)));
    let random = Random::system();
    for last in (1..order.len()).rev() {
        order.swap(last, (u64::from_be_bytes(random.bytes()) % (last as u64 + 1)) as usize);
    }
    order
}

#[expect(clippy::disallowed_methods, reason = "a test has no settings file")]
fn pairs() -> usize {
    std::env::var("NIDAN_TEST_PAIRS").ok().and_then(|text| text.parse().ok()).unwrap_or(80)
}

#[expect(clippy::print_stdout, reason = "the figures of docs/measurements.md")]
async fn tells_nothing(url: &str, directory: &Directory) {
    let running = Running::logging("info", directory, url, "[demo_phone]\nenabled = true\n");
    let (site, pairs) = (running.site(), pairs());
    for number in (0..pairs.div_ceil(TRIES)).chain(5_000..5_000 + pairs.div_ceil(10 * TRIES)) {
        let account = json!({"email": format!("known{number:04}@example.jp"), "email_verified": true, "password_hash": PASSWORD_HASH});
        site.post_json("/api/v1/accounts", &account).await.expect(201);
    }
    let mut taken = Vec::new();
    for next in order(pairs) {
        taken.push(asked(&running, &site, next).await);
    }
    let of = |class, what: fn(&Taken) -> f64| -> Vec<f64> {
        taken.iter().filter(|taken| taken.class == class).map(what).collect()
    };
    // By chance alone it deviates by this much (Mann and Whitney): beyond 4.5 of them once in 150,000 runs.
    let deviation = ((2 * pairs + 1) as f64 / (12 * pairs * pairs) as f64).sqrt();
    for (what, by) in [("time", (|taken| taken.wall) as fn(&Taken) -> f64), ("CPU time", |taken| taken.cpu)] {
        let (account, nobody) = (of(Class::Account, by), of(Class::Nobody, by));
        let (learnt, sharp) = (auc(&account, &nobody), auc(&account, &of(Class::TooLong, by)));
        println!("{what}: AUC {learnt:.3} of {pairs} pairs, by chance 0.5 ± {deviation:.3}; without a hash {sharp:.3}");
        let median = |mut all: Vec<f64>| {
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        println!("{what}: median {:.3} ms with an account, {:.3} ms without", median(account), median(nobody));
        assert!((learnt - 0.5).abs() < 4.5 * deviation, "{what} tells accounts from nobody: {learnt}");
        assert!(sharp > 0.9, "{what} would not even show a missing hash: {sharp}");
    }
    drop(running.stop());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t44_the_time_tells_nothing_on_sqlite() {
    let directory = Directory::new();
    let url = format!("sqlite:{}", directory.file().display());
    tells_nothing(&url, &directory).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t44_the_time_tells_nothing_on_postgres() {
    let (directory, database) = (Directory::new(), TestDatabase::migrated().await);
    tells_nothing(&database.url_text(), &directory).await;
}
