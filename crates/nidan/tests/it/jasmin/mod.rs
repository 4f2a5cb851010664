//! Through a real gateway to a short message centre: Jasmin takes messages, keeps them in queues of its own, and hands them
//! on. Run by `./check gateways`, which installs it.

mod messages;
#[expect(clippy::print_stdout, reason = "the figures are what these tests are run for")]
mod outage;
#[expect(clippy::print_stdout, reason = "the figures are what these tests are run for")]
mod throttling;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nidan::app::Clock;
use nidan::config::ways::{Smpp, Way};
use nidan::config::{Route, Settings};
use nidan::store::{Engine, sql};
use nidan_core::id::AccountId;
use nidan_core::ledger::State;
use nidan_core::message::Channel;
use nidan_core::time::Span;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::Duration;

use crate::app::{TestServer, wait_for};
use crate::client::Client;
use crate::owner::Owner;
use crate::smsc::Smsc;
use crate::store::Directory;

sql! {
    STATES = "SELECT state FROM message WHERE account_id = $1 AND channel = 1 ORDER BY message_id";
}

/// A running Jasmin with its Redis and its RabbitMQ, until dropped.
struct Jasmin {
    port: u16,
    directory: Directory,
}

impl Jasmin {
    /// In front of `smsc`; it takes so many messages a second from us, or any number.
    fn start(smsc: &Smsc, per_second: Option<u32>) -> Self {
        let directory = Directory::new();
        let mut started = Self { port: 0, directory };
        let upstream = smsc.port().to_string();
        let per_second = per_second.map(|number| number.to_string());
        let said = started.script("start", [Some(upstream), per_second].into_iter().flatten());
        started.port = said.trim().parse().unwrap_or_else(|_| panic!("a port in: {said}"));
        started
    }

    fn script(&self, what: &str, arguments: impl Iterator<Item = String>) -> String {
        #[expect(clippy::disallowed_methods, reason = "a test has no settings file")]
        let python = std::env::var("NIDAN_TEST_JASMIN").expect("NIDAN_TEST_JASMIN is set by ./check gateways");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/jasmin.py");
        let mut command = Command::new(python);
        command.arg(script).arg(what).arg(self.directory.path()).args(arguments);
        let ran = command.output().expect("Python is installed");
        assert!(ran.status.success(), "jasmin.py {what}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8_lossy(&ran.stdout).into_owned()
    }

    /// How a route reaches it.
    fn settings(&self, smsc: &Smsc) -> Smpp {
        Smpp { port: self.port, answer_within: Span::seconds(10), ..smsc.settings() }
    }

    /// How often it noted this in its logs.
    fn noted(&self, what: &str) -> usize {
        let logs = fs::read_dir(self.directory.path().join("jasmin/log")).expect("its logs");
        let paths: Vec<PathBuf> = logs.map(|entry| entry.expect("a log").path()).collect();
        paths.iter().map(|path| fs::read_to_string(path).expect("text").matches(what).count()).sum()
    }
}

impl Drop for Jasmin {
    fn drop(&mut self) {
        self.script("stop", std::iter::empty());
    }
}

/// A server in real time, as gateway and short message centre are, whose SMS go to the gateway.
struct Service {
    server: TestServer,
    site: Client,
    clock: JoinHandle<()>,
}

impl Service {
    async fn start(jasmin: &Jasmin, smsc: &Smsc, change: impl FnOnce(&mut Settings)) -> Self {
        let way = Way::Smpp(jasmin.settings(smsc));
        let route = Route {
            name: "jasmin".into(),
            channel: Channel::Sms,
            countries: None,
            number_kinds: None,
            cost: None,
            way,
        };
        let server = TestServer::start_with(Engine::Sqlite, |settings| {
            settings.routes.retain(|route| route.channel != Channel::Sms);
            settings.routes.push(route);
            change(settings);
        })
        .await;
        let hand = server.clock.clone();
        hand.set(Clock::system().now());
        let clock = tokio::spawn(async move {
            loop {
                hand.set(Clock::system().now());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let site = server.site().await;
        Self { server, site, clock }
    }

    /// An owner who adds the phone of this number, written as at home; the method's id.
    async fn with_phone(&self, number: &str, language: &str) -> (Owner, String) {
        let account = json!({"email": email(number), "email_verified": true, "language": language});
        let owner = Owner::of(&self.site, account).await;
        let phone = json!({"type": "sms", "role": "primary", "phone": number});
        let added = self.site.post_json(&format!("{}/authenticators", owner.at), &phone).await.expect(201);
        (owner, added.text("/id"))
    }

    /// An owner for whom two-step verification is on.
    async fn owner(&self, number: &str, smsc: &Smsc) -> Owner {
        let (mut owner, method) = self.with_phone(number, "ja").await;
        let message = arrives(smsc, number).await;
        owner.confirm(&self.site, &method, &code(&message)).await.expect(200);
        owner.add_app(&self.server, &self.site).await;
        self.server.phone.last_email(&email(number)).await;
        owner
    }

    /// Begins a sign-in.
    async fn sign_in(&self, owner: &Owner) -> Value {
        let mut asked = owner.password();
        let members = asked.as_object_mut().expect("an object");
        members.remove("password");
        members.insert("password_verified".into(), true.into());
        self.site.post_json("/api/v1/sign-ins", &asked).await.expect(201).json()
    }

    /// What the ledger says of the owner's SMS, the oldest first.
    async fn states(&self, owner: &Owner) -> Vec<State> {
        let account: AccountId = owner.id.parse().expect("an id");
        let rows = self.server.app.db.read(account, |tx, account| {
            Box::pin(async move {
                let rows = tx.rows(&STATES, &[(*account).into()]).await?;
                rows.iter().map(|row| Ok(State::from_stored(row.int(0)?).expect("a state"))).collect()
            })
        });
        rows.await.expect("no failure")
    }

    /// Waits until the owner's newest SMS is in this state.
    async fn comes_to(&self, owner: &Owner, state: State) {
        let what = format!("an SMS to be {}", state.name());
        wait_for(&what, async || (self.states(owner).await.last() == Some(&state)).then_some(())).await;
    }

    async fn finish(self) {
        self.server.finish().await;
        self.clock.abort();
    }
}

fn email(number: &str) -> String {
    format!("owner{number}@example.jp")
}

/// As the carrier writes a number that is written as at home.
fn international(number: &str) -> String {
    format!("81{}", &number[1..])
}

/// Waits until one message for this number is on the phone.
async fn arrives(smsc: &Smsc, number: &str) -> Value {
    let number = international(number);
    let what = format!("a message to {number}");
    let messages = wait_for(&what, async || Some(smsc.phone(&number)).filter(|messages| !messages.is_empty())).await;
    assert_eq!(messages.len(), 1);
    messages[0].clone()
}

/// The code in a message.
fn code(message: &Value) -> String {
    let text = message["text"].as_str().expect("a text");
    let code = text.split(|letter: char| !letter.is_ascii_digit()).find(|digits| digits.len() == 6);
    code.unwrap_or_else(|| panic!("a code in: {text}")).to_owned()
}
