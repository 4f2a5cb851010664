//! A carrier for a test: the short message centre of `tests/peers/smsc.mjs` in a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nidan::config::ways::{Bind, Smpp};
use nidan_core::secret::Secret;
use nidan_core::time::Span;
use nidan_wire::smpp::Coding;
use serde_json::Value;

use crate::app::wait_for;

/// The password that it takes.
pub const PASSWORD: &str = "secret";

/// A running short message centre, until dropped.
pub struct Smsc {
    port: u16,
    process: Child,
    /// And how often it was asked to catch up.
    asks: Mutex<(ChildStdin, usize)>,
    told: Arc<Told>,
}

/// What it told, and that it told more.
#[derive(Default)]
struct Told {
    events: Mutex<Vec<Value>>,
    more: Condvar,
}

impl Smsc {
    /// On a port of its own.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Likewise, with further arguments, which are at the top of the script.
    pub fn start_with(arguments: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/smsc.mjs");
        let mut command = Command::new("node");
        command.arg(script).args(["--password", PASSWORD]).args(arguments);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node is installed");
        let mut says = BufReader::new(process.stdout.take().expect("piped"));
        let mut ready = String::new();
        says.read_line(&mut ready).expect("a line");
        assert!(
            !ready.is_empty(),
            "the SMSC does not start: npm ci --prefix crates/nidan/tests/peers, or run ./check it"
        );
        let ready: Value = serde_json::from_str(&ready).expect("JSON");
        let port = ready["port"].as_u64().and_then(|port| port.try_into().ok()).expect("a port");
        let asks = Mutex::new((process.stdin.take().expect("piped"), 0));
        let told = Arc::<Told>::default();
        listen(says, told.clone());
        Self { port, process, asks, told }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How a route reaches it, in as little time as can be.
    pub fn settings(&self) -> Smpp {
        Smpp {
            host: "localhost".into(),
            port: self.port,
            tls: false,
            ca_file: None,
            system_id: "nidan".into(),
            password: Secret::new(PASSWORD.into()),
            system_type: String::new(),
            bind: Bind::Transceiver,
            connections: 1,
            window: 10,
            rate_per_second: 1000,
            sender: "Example".into(),
            sender_ton: None,
            sender_npi: None,
            alphabet: Coding::Gsm7,
            enquire_after: Span::seconds(30),
            answer_within: Span::seconds(1),
            receipts: true,
        }
    }

    /// What it told of this event, all that has happened included.
    pub fn told(&self, event: &str) -> Vec<Value> {
        self.catch_up();
        let told = self.told.events.lock().unwrap_or_else(PoisonError::into_inner);
        told.iter().filter(|one| one["event"] == event).cloned().collect()
    }

    /// Waits until what it has to tell is told. Who is stopped has told everything.
    fn catch_up(&self) {
        let mut asks = self.asks.lock().unwrap_or_else(PoisonError::into_inner);
        asks.1 += 1;
        if asks.0.write_all(b"\n").is_err() {
            return;
        }
        let told = self.told.events.lock().unwrap_or_else(PoisonError::into_inner);
        let behind = |told: &mut Vec<Value>| told.iter().filter(|one| one["event"] == "caught_up").count() < asks.1;
        drop(self.told.more.wait_timeout_while(told, Duration::from_secs(10), behind));
    }

    /// Waits until it told of this event so often.
    pub async fn tells(&self, event: &str, times: usize) -> Vec<Value> {
        let what = format!("the SMSC to tell of {event}");
        wait_for(&what, async || Some(self.told(event)).filter(|told| told.len() >= times)).await
    }

    /// The messages that its phones got for this number, which stands without a plus.
    pub fn phone(&self, number: &str) -> Vec<Value> {
        self.told("phone").into_iter().filter(|message| message["to"] == number).collect()
    }

    /// Stops it; what it told stays.
    pub fn stop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Smsc {
    fn drop(&mut self) {
        self.stop();
    }
}

fn listen(says: BufReader<ChildStdout>, told: Arc<Told>) {
    thread::spawn(move || {
        for line in says.lines().map_while(Result::ok) {
            let event = serde_json::from_str(&line).expect("JSON");
            told.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
            told.more.notify_all();
        }
    });
}

/// A certificate for `localhost` that signs itself, and its key, in `directory`.
pub fn certificate(directory: &Path) -> (PathBuf, PathBuf) {
    let (key, certificate) = (directory.join("smsc.key"), directory.join("smsc.pem"));
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    command.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
    command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    command.arg("-keyout").arg(&key).arg("-out").arg(&certificate);
    let made = command.output().expect("openssl is installed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (key, certificate)
}
