//! A whole server for a test that reads like a person or a site: its clock is in the test's hand, its randomness comes from
//! a seed, its messages arrive on a phone that the test holds.
//!
//! A message that was sent and that the test never looked at fails the test.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nidan::app::{App, Clock, ManualClock, Random};
pub use nidan::bench::wide;
use nidan::config::Settings;
use nidan::keys::KeyRing;
use nidan::send::demo_phone::{Delivery, DemoChannel, DemoPhone};
use nidan::send::lines::Routes;
use nidan::send::worker::{self, Worker};
use nidan::store::{Db, Engine, api_key, message, sql};
use nidan::web::callbacks::Callbacks;
use nidan::web::server::{Limits, serve};
use nidan::web::service;
use nidan_core::api_key::{ApiKey, Scopes};
use nidan_core::id::{ApiKeyId, MessageId};
use nidan_core::language::Language;
use nidan_core::policy::Policy;
use nidan_core::time::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::client::Client;
use crate::store::{Directory, Store};

/// The stored form of a password that nobody has: for owners who never type theirs.
pub const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// When every test begins: 2026-11-22 09:00 in Japan.
pub const START: Timestamp = Timestamp::from_ms(1_795_305_600_000);
/// How long a test waits for a message, in real time.
const PATIENCE: Duration = Duration::from_secs(10);

sql! {
    UNSETTLED = "SELECT COUNT(*) FROM message WHERE message_id = $1 AND state <= 1";
}

/// A running server.
pub struct TestServer {
    /// What the server shares: for what a user cannot do.
    pub app: Arc<App>,
    /// The hand of the server's clock. Nothing else moves it.
    pub clock: ManualClock,
    /// Everybody's phone and mailbox.
    pub phone: Phone,
    address: SocketAddr,
    running: Option<Running>,
    store: Store,
    _keys: Directory,
}

struct Running {
    stop: oneshot::Sender<()>,
    server: JoinHandle<bool>,
    worker: Worker,
}

impl TestServer {
    /// A server on a database of its own, with the settings of a demo, and budgets that no test of something else uses up.
    pub async fn start(engine: Engine) -> Self {
        Self::start_with(engine, |settings| wide(&mut settings.policy)).await
    }

    /// Likewise, guarded as it ships.
    pub async fn start_guarded(engine: Engine) -> Self {
        Self::start_with(engine, |_| {}).await
    }

    /// Likewise, where guesses at codes from unknown devices are limited as it ships, for the year, and nothing else is: neither by
    /// day nor by waits, messages or passwords. So it is the ladder that stops a thief, and not what stands before it.
    pub async fn start_laddered(engine: Engine) -> Self {
        let ladder = |policy: &mut Policy| {
            wide(policy);
            let shipped = Policy::default();
            policy.ladder_six_max = shipped.ladder_six_max;
            policy.ladder_year_max = shipped.ladder_year_max;
        };
        Self::start_with(engine, |settings| ladder(&mut settings.policy)).await
    }

    /// Likewise, guarded as it ships, behind a proxy of its own that says who asks.
    pub async fn start_behind_a_proxy(engine: Engine) -> Self {
        let proxies = vec!["127.0.0.0/8".parse().expect("a network")];
        Self::start_with(engine, |settings| settings.listen.trusted_proxies = proxies).await
    }

    /// Likewise, with settings changed by the test.
    pub async fn start_with(engine: Engine, change: impl FnOnce(&mut Settings)) -> Self {
        // What the server complains of is shown with the test that failed.
        let _ = tracing_subscriber::fmt().with_test_writer().with_max_level(tracing::Level::WARN).try_init();
        let store = match engine {
            Engine::Sqlite => Store::in_memory().await,
            Engine::Postgres => Store::on_postgres().await,
        };
        let keys = Directory::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let mut settings = Settings::demo(address, &keys.path(), Language::Ja);
        change(&mut settings);
        let (clock, hand) = Clock::manual(START);
        let random = Random::seeded(1);
        let ring = KeyRing::create(&settings.keys_file, &random, START).expect("a key file");
        let (app, messages) = App::new(&settings, (store.db.clone(), ring), (clock, random)).expect("texts");
        let demo = DemoPhone::default();
        let worker = worker::start(app.clone(), messages, Routes::open(&settings, &app, Some(&demo)).expect("routes"));
        let service = service(app.clone(), &settings, Some(demo.clone()), Callbacks::default());
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(service, listener, Limits::default(), async {
            let _ = stopped.await;
        }));
        let running = Some(Running { stop, server, worker });
        let phone = Phone { demo, db: store.db.clone(), looked_at: Mutex::default() };
        Self { app, clock: hand, phone, address, running, store, _keys: keys }
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A browser that nobody used before.
    pub fn browser(&self) -> Client {
        Client::browser(self.address)
    }

    /// A site whose API key may do everything.
    pub async fn site(&self) -> Client {
        self.site_that_may(Scopes::all()).await
    }

    /// A site whose API key has these scopes.
    pub async fn site_that_may(&self, scopes: Scopes) -> Client {
        let key = ApiKey::new(ApiKeyId::from_bytes(self.app.random.bytes()), self.app.random.bytes());
        let row = api_key::ApiKey {
            id: key.id,
            name: "shop".to_owned(),
            scopes,
            created_at: self.app.clock.now(),
            revoked_at: None,
            hash: key.hash(),
        };
        let inserted = self.app.db.transact(row, |tx, row| Box::pin(api_key::insert(tx, row)));
        inserted.await.expect("a key is kept");
        Client::site(self.address, key.reveal().expose())
    }

    /// Revokes every site's key.
    pub async fn revoke_keys(&self) {
        let now = self.app.clock.now();
        let revoked = self.app.db.transact(now, |tx, now| Box::pin(api_key::revoke_named(tx, "shop", *now)));
        revoked.await.expect("revoked");
    }

    /// Ready when the worker has nothing left to send.
    pub async fn settled(&self) {
        let ends = Timestamp::from_ms(i64::MAX);
        for slot in 0..message::SLOTS {
            wait_for("the worker to send everything", async || {
                let due =
                    self.store.db.read((slot, ends), |tx, (slot, ends)| Box::pin(message::abandoned(tx, *slot, *ends)));
                due.await.expect("the ledger").is_empty().then_some(())
            })
            .await;
        }
    }

    /// Stops the server and checks that every message was looked at.
    pub async fn finish(mut self) {
        self.settled().await;
        let running = self.running.take().expect("finished once");
        drop(running.stop);
        assert!(running.server.await.expect("no panic"), "the server did not finish what was under way");
        running.worker.stop().await;
        let missed = self.phone.not_looked_at();
        assert!(missed.is_empty(), "sent, and the test never looked: {missed:?}");
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        assert!(self.running.is_none() || std::thread::panicking(), "a test ends with finish()");
    }
}

/// Asks until there is an answer.
pub async fn wait_for<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// Everybody's phone and mailbox. Looking at a message is counted.
pub struct Phone {
    demo: DemoPhone,
    db: Db,
    looked_at: Mutex<BTreeSet<String>>,
}

impl Phone {
    /// Waits for the next SMS to a number in E.164. More than one that was not looked at is a mistake.
    pub async fn last_sms(&self, to: &str) -> Delivery {
        self.last(to, DemoChannel::Sms).await
    }

    /// Waits for the next e-mail to an address, likewise.
    pub async fn last_email(&self, to: &str) -> Delivery {
        self.last(to, DemoChannel::Email).await
    }

    /// All that went to a number or an address and was not looked at, the subject of an e-mail first.
    pub fn take(&self, to: &str) -> Vec<String> {
        let channels = [DemoChannel::Sms, DemoChannel::Email];
        let unseen: Vec<_> = channels.into_iter().flat_map(|channel| self.unseen(to, channel)).collect();
        self.looked_at().extend(unseen.iter().map(|delivery| delivery.id.clone()));
        unseen.iter().map(Delivery::whole_text).collect()
    }

    /// The code in the next SMS.
    pub async fn sms_code(&self, to: &str) -> String {
        code_in(&self.last_sms(to).await)
    }

    /// The code in the next e-mail.
    pub async fn email_code(&self, to: &str) -> String {
        code_in(&self.last_email(to).await)
    }

    async fn last(&self, to: &str, channel: DemoChannel) -> Delivery {
        let what = format!("a message to {to}");
        let delivery = wait_for(&what, async || {
            let mut unseen = self.unseen(to, channel);
            assert!(unseen.len() < 2, "{} messages to {to} where one was expected", unseen.len());
            unseen.pop()
        });
        let delivery = delivery.await;
        self.looked_at().insert(delivery.id.clone());
        self.is_settled(&delivery).await;
        delivery
    }

    /// Waits until the ledger says what the phone shows: pages tell of it, and the next message waits for it.
    async fn is_settled(&self, delivery: &Delivery) {
        let id: MessageId = delivery.id.parse().expect("a message's id");
        wait_for("the ledger to know of a message", async || {
            let unsettled =
                self.db.read(id, |tx, id| Box::pin(async move { tx.one(&UNSETTLED, &[(*id).into()]).await?.int(0) }));
            (unsettled.await.expect("the ledger") == 0).then_some(())
        })
        .await;
    }

    fn unseen(&self, to: &str, channel: DemoChannel) -> Vec<Delivery> {
        let looked_at = self.looked_at();
        let list = self.demo.list(Some(to)).into_iter();
        list.filter(|delivery| delivery.channel == channel && !looked_at.contains(&delivery.id)).collect()
    }

    fn not_looked_at(&self) -> Vec<String> {
        let looked_at = self.looked_at();
        let missed = self.demo.list(None).into_iter().filter(|delivery| !looked_at.contains(&delivery.id));
        missed.map(|delivery| format!("to {}: {}", delivery.to, delivery.whole_text())).collect()
    }

    fn looked_at(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.looked_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one run of six digits in a message.
pub fn code_in(delivery: &Delivery) -> String {
    let text = delivery.whole_text();
    let runs: BTreeSet<&str> =
        text.split(|letter: char| !letter.is_ascii_digit()).filter(|run| run.len() == 6).collect();
    assert_eq!(runs.len(), 1, "one code in: {text}");
    runs.first().copied().unwrap_or_default().to_owned()
}

/// A code that is not `code`.
pub fn wrong(code: &str) -> String {
    let number: u32 = code.parse().expect("digits");
    format!("{:06}", (number + 1) % 1_000_000)
}

/// `text` with ids and tokens replaced by their kind and a number in the order in which they first appear, so that a whole
/// answer can be compared.
pub fn with_short_ids(text: &str) -> String {
    const PREFIXES: [&str; 10] = ["acc_", "aut_", "sgn_", "msg_", "dev_", "ses_", "nds_", "ndd_", "ndf_", "nsk_"];
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut short = String::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let prefix = PREFIXES.into_iter().find(|prefix| rest.starts_with(prefix));
        let length = prefix.map_or(0, |prefix| {
            prefix.len()
                + rest[prefix.len()..].bytes().take_while(|b| b.is_ascii_alphanumeric() || b"-_".contains(b)).count()
        });
        match prefix {
            Some(prefix) if length >= 30 => {
                let number = *numbers.entry(rest[..length].to_owned()).or_insert_with(|| {
                    let count = counts.entry(prefix).or_default();
                    *count += 1;
                    *count
                });
                short += &format!("{prefix}{number}");
                rest = &rest[length..];
            }
            _ => {
                short.push(letter);
                rest = &rest[letter.len_utf8()..];
            }
        }
    }
    short
}

/// Makes each `async fn name(server: &TestServer)` a test on SQLite and on PostgreSQL; after `guarded`, with the budgets that
/// ship; after `by`, on a server that was started by that function of `TestServer`.
macro_rules! on_both_databases {
    (guarded $($name:ident)+) => { crate::app::on_both_databases!(by start_guarded: $($name)+); };
    (by $start:ident: $($name:ident)+) => {
        crate::app::on_both_databases!(@on on_sqlite Sqlite $start: $($name)+);
        crate::app::on_both_databases!(@on on_postgres Postgres $start: $($name)+);
    };
    ($($name:ident)+) => { crate::app::on_both_databases!(by start: $($name)+); };
    (@on $place:ident $engine:ident $start:ident: $($name:ident)+) => {
        mod $place {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let server = crate::app::TestServer::$start(nidan::store::Engine::$engine).await;
                    super::$name(&server).await;
                    server.finish().await;
                }
            )+
        }
    };
}
pub(crate) use on_both_databases;

/// Compares with an inline snapshot, which is the same on both databases.
macro_rules! assert_shown {
    ($shown:expr, @$snapshot:literal) => {{
        let shown = $shown;
        insta::allow_duplicates! { insta::assert_snapshot!(shown, @$snapshot) }
    }};
}
pub(crate) use assert_shown;
