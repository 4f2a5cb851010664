//! `nidan doctor`.

use std::io;
use std::path::Path;
use std::process::Command;

use clap::Args;
use futures_util::future::join_all;
use nidan_core::phone::PLAN;
use nidan_core::time::{Span, Timestamp};
use serde_json::json;

use super::config::SettingsFile;
use super::{Env, Failure, answer};
use crate::app::Clock;
use crate::config::ways::Way;
use crate::config::{Route, Settings};
use crate::keys::{KeyFileError, KeyRing};
use crate::send;
use crate::store::{Db, account, migrate};

/// Further apart, and codes of apps and receipts of carriers begin to be judged wrongly.
const CLOCKS_APART_MAX: Span = Span::seconds(5);
/// The least room for the database, in MiB: its log alone may grow to 64 after a burst.
const FREE_MIB_MIN: u64 = 256;
/// Within a year Japan has opened a new range of mobile numbers before.
const PLAN_AGE_MAX: Span = Span::days(365);

/// Checks what a deployment depends on: settings, database, clock, keys, routes, numbering plan.
///
/// Prints a line for each. Nothing is sent and nothing is changed; a running server is not disturbed. The exit code is 1 if
/// anything fails.
#[derive(Args)]
pub struct Arguments {
    /// Where the settings are.
    #[command(flatten)]
    pub file: SettingsFile,
    /// Prints one JSON object in place of lines.
    #[arg(long)]
    pub json: bool,
}

/// How it stands with one thing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and will surprise.
    Warning,
    /// It does not work.
    Failed,
    /// There was nothing to tell by.
    NotChecked,
}

impl Verdict {
    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::NotChecked => "not_checked",
        }
    }

    /// At the head of a line.
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "FAILED",
            Self::NotChecked => "not checked",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it is.
    pub thing: String,
    /// How it stands with it.
    pub verdict: Verdict,
    /// What was found and, unless it is well, what to do.
    pub told: String,
}

impl Finding {
    fn new(thing: impl Into<String>, verdict: Verdict, told: impl Into<String>) -> Self {
        Self { thing: thing.into(), verdict, told: told.into() }
    }

    fn of(thing: impl Into<String>, outcome: Result<String, String>) -> Self {
        match outcome {
            Ok(told) => Self::new(thing, Verdict::Ok, told),
            Err(told) => Self::new(thing, Verdict::Failed, told),
        }
    }

    fn line(&self) -> String {
        format!("{:<11}  {}: {}", self.verdict.word(), self.thing, self.told)
    }
}

pub(super) async fn run(arguments: &Arguments, env: &Env) -> Result<(), Failure> {
    let findings = look(&arguments.file, env, &Clock::system()).await;
    let failed = findings.iter().filter(|finding| finding.verdict == Verdict::Failed).count();
    match arguments.json {
        true => answer(&document(&findings, failed == 0).to_string())?,
        false => findings.iter().try_for_each(|finding| answer(&finding.line()))?,
    }
    match failed {
        0 => Ok(()),
        1 => Err(Failure("1 thing fails".into())),
        count => Err(Failure(format!("{count} things fail"))),
    }
}

fn document(findings: &[Finding], ok: bool) -> serde_json::Value {
    let checks = findings
        .iter()
        .map(|Finding { thing, verdict, told }| json!({ "name": thing, "state": verdict.name(), "message": told }));
    json!({ "ok": ok, "checks": checks.collect::<Vec<_>>() })
}

/// Looks at everything that the settings name. With mistakes in them, at nothing else but the numbering plan.
pub async fn look(file: &SettingsFile, env: &Env, clock: &Clock) -> Vec<Finding> {
    let now = clock.now();
    let settings = match file.read(env) {
        Ok(settings) => settings,
        Err(Failure(told)) => {
            let mistakes = told.lines().map(|mistake| Finding::new("settings", Verdict::Failed, mistake));
            return mistakes.chain([plan(now)]).collect();
        }
    };
    let mut findings = vec![Finding::new("settings", Verdict::Ok, "they have no mistakes")];
    findings.extend(settings.warnings().into_iter().map(|told| Finding::new("settings", Verdict::Warning, told)));
    if let Some(path) = settings.database.file() {
        findings.extend(disk(path));
    }
    let db = open(&settings).await;
    let (db, opened) = match db {
        Ok((db, told)) => (Some(db), Ok(told)),
        Err(told) => (None, Err(told)),
    };
    findings.push(Finding::of("database", opened));
    findings.push(clocks(db.as_ref(), clock).await);
    findings.push(keys(&settings, db).await);
    findings.extend(join_all(settings.routes.iter().map(route)).await);
    findings.push(plan(now));
    findings
}

/// A file that is not there is not made, for that is `nidan migrate`'s work.
async fn open(settings: &Settings) -> Result<(Db, String), String> {
    let url = &settings.database;
    if url.file().is_some_and(|path| !path.exists()) {
        return Err(format!("{url} is not there yet: run `nidan migrate`"));
    }
    let opened = async {
        let db = Db::open(url).await?;
        migrate::check(&db).await?;
        Ok::<_, Failure>(db)
    };
    match opened.await {
        Ok(db) => Ok((db, format!("{url} answers and is at schema version {}", migrate::NEWEST))),
        Err(Failure(told)) => Err(told),
    }
}

async fn clocks(db: Option<&Db>, clock: &Clock) -> Finding {
    let none =
        "there is no other clock to compare this machine's with: see that it follows a time server (timedatectl)";
    let Some(db) = db else { return Finding::new("clock", Verdict::NotChecked, none) };
    let before = clock.now();
    match db.clock().await {
        Ok(Some(theirs)) => Finding::of("clock", compare(theirs, before, clock.now())),
        Ok(None) => Finding::new("clock", Verdict::NotChecked, none),
        Err(error) => {
            Finding::new("clock", Verdict::NotChecked, format!("the database does not tell its time: {error}"))
        }
    }
}

/// `theirs` was read somewhere between `before` and `after`.
fn compare(theirs: Timestamp, before: Timestamp, after: Timestamp) -> Result<String, String> {
    let ahead = before.since(theirs).as_ms().max(0) - theirs.since(after).as_ms().max(0);
    let (apart, way) = (ahead.unsigned_abs(), if ahead > 0 { "ahead of" } else { "behind" });
    match apart {
        0 => Ok("this machine's and the database's agree".into()),
        _ if apart <= CLOCKS_APART_MAX.as_ms().unsigned_abs() => {
            Ok(format!("this machine's is {apart} ms {way} the database's"))
        }
        _ => Err(format!(
            "this machine's is {} s {way} the database's: let both follow a time server, or codes of apps are refused",
            apart / 1000
        )),
    }
}

async fn keys(settings: &Settings, db: Option<Db>) -> Finding {
    let file = settings.keys_file.display();
    let ring = match KeyRing::load(&settings.keys_file) {
        Ok(ring) => ring,
        Err(KeyFileError::Missing(_)) => return no_key_file(&settings.keys_file, db).await,
        Err(error) => return Finding::new("keys", Verdict::Failed, error.to_string()),
    };
    let newest = ring.newest();
    let Some(db) = db else {
        let told = format!(
            "{file} is readable by its owner alone and has key {newest}; whether it is this database's is not known"
        );
        return Finding::new("keys", Verdict::NotChecked, told);
    };
    let outcome = match db.read(ring, |tx, ring| Box::pin(account::opens_with(tx, ring))).await {
        Ok(Some(Ok(()))) => {
            Ok(format!("{file} is readable by its owner alone and opens this database; its newest key is {newest}"))
        }
        Ok(None) => Ok(format!("{file} is readable by its owner alone; the database holds no account yet")),
        Ok(Some(Err(error))) => Err(format!("{file} does not open this database: {error}")),
        Err(error) => Err(format!("{file} could not be tried on the database: {error}")),
    };
    Finding::of("keys", outcome)
}

/// A server makes the first key file itself, unless there are accounts, which need theirs.
async fn no_key_file(file: &Path, db: Option<Db>) -> Finding {
    let file = file.display();
    let Some(db) = db else {
        let told = format!("{file} is not there; whether the database needs one is not known");
        return Finding::new("keys", Verdict::NotChecked, told);
    };
    let outcome = match db.read((), |tx, ()| Box::pin(account::any(tx))).await {
        Ok(false) => Ok(format!("{file} is made at the first start")),
        Ok(true) => Err(format!(
            "{file} is missing and the database holds accounts, which no other key opens: put it back from its copy"
        )),
        Err(error) => Err(error.to_string()),
    };
    Finding::of("keys", outcome)
}

async fn route(route: &Route) -> Finding {
    let outcome = match &route.way {
        Way::Demo => Ok("the demo phone, on this machine".into()),
        Way::Smpp(smpp) => send::smpp::check(smpp).await,
        Way::Http(http) => send::http::check(http).await,
        Way::Smtp(smtp) => send::smtp::check(smtp).await,
    };
    Finding::of(format!("route {}", route.name), outcome)
}

fn plan(now: Timestamp) -> Finding {
    let age = now.since(PLAN.published);
    let told = format!("of libphonenumber {}, {} days old", PLAN.version, age.as_days());
    let outcome = match age > PLAN_AGE_MAX {
        true => Err(format!("{told}: numbers given out since are refused; install a newer Nidan")),
        false => Ok(told),
    };
    Finding::of("numbering plan", outcome)
}

/// Whether the directory of an SQLite file can be written, and how much room it has.
fn disk(file: &Path) -> [Finding; 2] {
    let directory = file.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let shown = directory.display();
    let written = match probe(directory) {
        Ok(()) => Ok(format!("{shown} can be written")),
        Err(error) => {
            Err(format!("{shown} cannot be written ({error}): let this user own it, or run as the server's user"))
        }
    };
    let room = match free_mib(directory) {
        None => Finding::new(
            "disk",
            Verdict::NotChecked,
            format!("how much room {shown} has is not known: `df` does not say"),
        ),
        Some(mib) if mib < FREE_MIB_MIN => {
            let told = format!("{shown} has {mib} MiB left, and {FREE_MIB_MIN} are the least: make room");
            Finding::new("disk", Verdict::Failed, told)
        }
        Some(mib) => Finding::new("disk", Verdict::Ok, format!("{shown} has {mib} MiB left")),
    };
    [Finding::of("disk", written), room]
}

/// Makes a file and removes it: permission bits alone do not tell of read-only file systems.
fn probe(directory: &Path) -> io::Result<()> {
    let path = directory.join(format!(".nidan-doctor-{}", std::process::id()));
    std::fs::OpenOptions::new().write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)
}

/// By the program `df` (POSIX): the standard library does not ask the system for it.
fn free_mib(directory: &Path) -> Option<u64> {
    let said = Command::new("df").args(["-P", "-k"]).arg(directory).output().ok()?;
    let free_kib: u64 = String::from_utf8(said.stdout).ok()?.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(free_kib / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_compared_within_the_time_that_asking_took() {
        let at = Timestamp::from_ms;
        for (theirs, before, after, expected) in [
            (10_000, 9_990, 10_010, Ok("this machine's and the database's agree")),
            (10_000, 10_040, 10_050, Ok("this machine's is 40 ms ahead of the database's")),
            (10_000, 9_000, 9_500, Ok("this machine's is 500 ms behind the database's")),
            (10_000, 15_000, 15_000, Ok("this machine's is 5000 ms ahead")),
            (10_000, 16_000, 16_100, Err("this machine's is 6 s ahead of the database's: let both")),
            (100_000, 9_000, 10_000, Err("this machine's is 90 s behind the database's: let both")),
        ] {
            let told = compare(at(theirs), at(before), at(after));
            let begins = match (&told, expected) {
                (Ok(told), Ok(expected)) | (Err(told), Err(expected)) => told.starts_with(expected),
                _ => false,
            };
            assert!(begins, "{told:?}");
        }
    }

    #[test]
    fn the_numbering_plan_grows_old() {
        let fresh = plan(PLAN.published.plus(Span::days(28)));
        assert_eq!((fresh.verdict, fresh.told.ends_with("28 days old")), (Verdict::Ok, true), "{}", fresh.told);
        let old = plan(PLAN.published.plus(Span::days(366)));
        assert!(old.verdict == Verdict::Failed && old.told.contains("install a newer Nidan"), "{}", old.told);
    }
}
