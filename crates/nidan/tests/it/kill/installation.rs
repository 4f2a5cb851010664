//! An installation whose server is the shipped program, in a process of its own that can be killed, on a clock that the test
//! moves from outside.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nidan::app::{App, Clock, Random};
use nidan::bench::client::{Answer, Connection};
use nidan::bench::seed::{self, Owner};
use nidan::config::Settings;
use nidan::keys::KeyRing;
use nidan::store::{DatabaseUrl, Db, Engine, Row, Sql, migrate, sql};
use nidan_core::id::MessageId;
use nidan_core::ledger::State;
use nidan_core::secret::Secret;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::postgres::TestDatabase;
use crate::store::Directory;

sql! {
    MESSAGES = "SELECT message_id, slot, state, wired_ms FROM message";
    SENT = "SELECT challenge_id, sent FROM challenge";
    SPENT = "SELECT COALESCE(CAST(SUM(spent) AS BIGINT), 0) FROM route_day";
}

/// What a killed server was committing is committed a moment later, or is not.
const OTHERS: &str = "SELECT count(*) FROM pg_stat_activity
      WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
/// Requests under way at once: on a slow machine more would wait for a connection to the database until they are turned away.
const IN_FLIGHT: usize = 64;
/// The password of all accounts.
pub const PASSWORD: &str = "正しい馬の電池の留め金";
/// How long a test waits for a condition, in real time.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// What the ledger says of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    pub slot: i64,
    pub state: State,
    pub wired: bool,
}

impl Entry {
    /// Whether nobody has said yet what became of it.
    pub fn is_due(&self) -> bool {
        matches!(self.state, State::Queued | State::Leased)
    }
}

/// What the demo phone shows: message id to (number, text).
pub type Phone = BTreeMap<String, (String, String)>;

/// Message id to what the ledger says of it.
pub type Ledger = BTreeMap<String, Entry>;

/// The settings, the database and the key file; the server comes and goes.
pub struct Installation {
    pub owners: Vec<Owner>,
    address: SocketAddr,
    url: DatabaseUrl,
    key: Secret<String>,
    seconds_ahead: Cell<i64>,
    in_flight: Semaphore,
    server: RefCell<Option<Server>>,
    directory: Directory,
    postgres: Option<TestDatabase>,
}

/// A server's process. Killed when dropped, so that a test that fails leaves none behind.
struct Server(Child);

impl Server {
    fn kill(&mut self) {
        self.0.kill().expect("kill -9");
        self.0.wait().expect("its end");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Installation {
    /// With so many accounts that have two confirmed methods, and an API key that may vouch for passwords.
    pub async fn new(engine: Engine, accounts: usize) -> Self {
        Self::with(engine, accounts, "[demo_phone]\nenabled = true\n").await
    }

    /// Likewise, with these settings in place of those for the demo phone.
    pub async fn with(engine: Engine, accounts: usize, more: &str) -> Self {
        let directory = Directory::new();
        let postgres = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(TestDatabase::migrated().await),
        };
        let url = postgres.as_ref().map_or("sqlite:nidan.db".to_owned(), TestDatabase::url_text);
        let address = free_address();
        let settings = settings(&directory, address, &url, more);
        let owners = seeded(&settings, accounts).await;
        let mut made = Self {
            owners,
            address,
            url: settings.database,
            key: Secret::new(String::new()),
            seconds_ahead: Cell::default(),
            in_flight: Semaphore::new(IN_FLIGHT),
            server: RefCell::default(),
            directory,
            postgres,
        };
        made.key = made.new_api_key();
        made
    }

    /// Another server on the same database, which is PostgreSQL.
    pub fn twin(&self, more: &str) -> Self {
        let postgres = self.postgres.as_ref().expect("a database that two servers can share");
        let (directory, address) = (Directory::new(), free_address());
        fs::copy(self.directory.path().join("nidan.key"), directory.path().join("nidan.key")).expect("a copy");
        let settings = settings(&directory, address, &postgres.url_text(), more);
        Self {
            owners: Vec::new(),
            address,
            url: settings.database,
            key: self.key.clone(),
            seconds_ahead: Cell::default(),
            in_flight: Semaphore::new(IN_FLIGHT),
            server: RefCell::default(),
            directory,
            postgres: None,
        }
    }

    fn new_api_key(&self) -> Secret<String> {
        let scopes = "accounts,sign_in,read,assert_password";
        let made = self.program(&["api-key", "create", "kill", "--scopes", scopes]).output().expect("the program");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Secret::new(String::from_utf8(made.stdout).expect("text").trim().to_owned())
    }

    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nidan"));
        command.args(arguments).arg("--config").arg(self.directory.path().join("nidan.toml"));
        command
    }

    /// Starts the server and waits until it answers.
    pub fn start(&self) {
        let clock = self.directory.path().join("clock");
        fs::write(&clock, format!("+{}", self.seconds_ahead.get())).expect("the time");
        let log = File::options().create(true).append(true).open(self.log()).expect("a log");
        let mut command = self.program(&["serve"]);
        command.env("LD_PRELOAD", faketime()).env("FAKETIME_TIMESTAMP_FILE", clock);
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let started = command.env("NIDAN_LOG", "info").stdout(Stdio::piped()).stderr(log).spawn();
        let mut server = Server(started.expect("the program"));
        let mut line = String::new();
        let says = server.0.stdout.take().expect("piped");
        BufReader::new(says).read_line(&mut line).expect("a line");
        let log = || fs::read_to_string(self.log()).unwrap_or_default();
        assert!(line.starts_with("ready "), "the server does not start: {line}{}", log());
        *self.server.borrow_mut() = Some(server);
    }

    /// kill -9, while whatever is under way is under way.
    pub fn kill(&self) {
        self.server.borrow_mut().take().expect("a running server").kill();
        let log = fs::read_to_string(self.log()).expect("a log");
        assert!(!log.contains("panicked"), "{log}");
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// Lets so much time pass until the next start.
    pub fn wait(&self, seconds: i64) {
        self.seconds_ahead.set(self.seconds_ahead.get() + seconds);
    }

    /// A connection to the server.
    pub async fn connection(&self) -> Connection {
        Connection::open(self.address, &self.key).await.expect("a server")
    }

    /// Asks the server, on a connection of its own.
    pub async fn get(&self, path: &str) -> io::Result<Answer> {
        Connection::open(self.address, &self.key).await?.get(path).await
    }

    /// Posts JSON, likewise.
    pub async fn post(&self, path: &str, body: &Value) -> io::Result<Answer> {
        let _turn = self.in_flight.acquire().await.expect("never closed");
        Connection::open(self.address, &self.key).await?.post(path, &body.to_string()).await
    }

    /// All that the demo phone shows.
    pub async fn phone(&self) -> io::Result<Phone> {
        let json = self.get("/demo/phone.json").await?.json();
        let text = |delivery: &Value, name: &str| delivery[name].as_str().expect("text").to_owned();
        let deliveries = json.as_array().expect("deliveries").iter();
        let phone: Phone = deliveries.clone().map(|d| (text(d, "id"), (text(d, "to"), text(d, "text")))).collect();
        assert_eq!(phone.len(), deliveries.len(), "a message was delivered twice");
        Ok(phone)
    }

    /// The ledger as a server leaves it that was killed. An SQLite file is looked at in a copy, so that it is the next
    /// server that puts the original in order.
    pub async fn ledger_left(&self) -> Ledger {
        if let Some(postgres) = &self.postgres {
            let client = postgres.connect().await;
            wait_for("the dead server's connections to end", async || {
                let others = client.query_one(OTHERS, &[]).await.expect("a count");
                (others.get::<_, i64>(0) == 0).then_some(())
            })
            .await;
            return self.ledger().await;
        }
        let file = self.directory.file();
        let copy = Directory::new();
        for ending in ["db", "db-wal"] {
            fs::copy(file.with_extension(ending), copy.file().with_extension(ending)).expect("a copy");
        }
        ledger(&copy.url()).await
    }

    /// The ledger, past the server.
    pub async fn ledger(&self) -> Ledger {
        ledger(&self.url).await
    }

    /// How many messages each challenge has had, and what the routes have cost.
    pub async fn counters(&self) -> (BTreeMap<Vec<u8>, i64>, i64) {
        let db = Db::open(&self.url).await.expect("the database");
        let counted = db.read((), |tx, ()| {
            Box::pin(async move { Ok((tx.rows(&SENT, &[]).await?, tx.one(&SPENT, &[]).await?.int(0)?)) })
        });
        let (sent, spent) = counted.await.expect("rows");
        let count = |row: &Row| (row.blob(0).expect("an id").to_vec(), row.int(1).expect("a number"));
        (sent.iter().map(count).collect(), spent)
    }

    /// Runs statements on the database, past the server.
    pub async fn alter(&self, statements: Vec<&'static Sql>) {
        let db = Db::open(&self.url).await.expect("the database");
        let done = db.transact(statements, |tx, statements| {
            Box::pin(async move {
                for statement in statements {
                    tx.execute(statement, &[]).await?;
                }
                Ok(())
            })
        });
        done.await.expect("altered");
    }
}

/// What the server says, and how it ends, whose database does not answer.
pub fn without_database() -> Output {
    let directory = Directory::new();
    settings(&directory, free_address(), "postgres://nobody@127.0.0.1:1/nidan", "");
    let mut command = Command::new(env!("CARGO_BIN_EXE_nidan"));
    command.arg("serve").arg("--config").arg(directory.path().join("nidan.toml")).output().expect("the program")
}

/// Everybody is behind one address, and gives up when the server is killed. Nobody is written to about wrong codes.
const UNHURRIED: &str = "lane_password_burst = 20\nsource_hour_max = 100000\npassword_network_max = 100000\n\
                         password_known_day_max = 50\npassword_known_week_max = 100\nbreaker_failures_min = 1000000\n\
                         wrong_code_told_after_seconds = 86400\n";

/// Writes the settings file of a server; `more` goes on in the section `[policy]`.
fn settings(directory: &Directory, address: SocketAddr, url: &str, more: &str) -> Settings {
    let toml = format!(
        "[site]\nname = \"例社\"\ndomain = \"localhost\"\nurl = \"http://{address}\"\nlanguage = \"ja\"\n\
         time_zone = \"Asia/Tokyo\"\n[listen]\npublic = \"{address}\"\n[database]\nurl = \"{url}\"\n\
         [keys]\nfile = \"nidan.key\"\n[policy]\n{UNHURRIED}{more}"
    );
    fs::write(directory.path().join("nidan.toml"), &toml).expect("settings");
    Settings::read(&toml, &BTreeMap::new(), &directory.path()).expect("good settings")
}

async fn ledger(url: &DatabaseUrl) -> Ledger {
    let db = Db::open(url).await.expect("the database");
    let rows = db.read((), |tx, ()| Box::pin(async move { tx.rows(&MESSAGES, &[]).await })).await.expect("rows");
    let entry = |row: &Row| {
        let id: MessageId = row.id(0).expect("an id");
        let state = State::from_stored(row.int(2).expect("a number")).expect("a state");
        let wired = row.opt_int(3).expect("a time").is_some();
        (id.to_string(), Entry { slot: row.int(1).expect("a number"), state, wired })
    };
    rows.iter().map(entry).collect()
}

/// Asks again and again until there is an answer.
pub async fn wait_for<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

async fn seeded(settings: &Settings, accounts: usize) -> Vec<Owner> {
    let db = Db::open_exclusive(&settings.database).await.expect("the database");
    migrate::migrate(&db).await.expect("migrated");
    let (clock, random) = (Clock::system(), Random::system());
    let keys = KeyRing::create(&settings.keys_file, &random, clock.now()).expect("a key file");
    let (app, _messages) = App::new(settings, (db, keys), (clock, random)).expect("texts");
    let password = nidan_core::password::normalise(PASSWORD).expect("a password");
    let hash = app.passwords.hash(password, app.random.bytes()).await.expect("idle");
    seed::owners(&app, accounts, &hash).await.expect("accounts")
}

/// An address that stays free while the server is down: below the ports that the kernel gives away.
fn free_address() -> SocketAddr {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(16);
    let port = || 10_000 + (first.wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed)) % 10_000) as u16;
    let mut addresses = std::iter::repeat_with(|| SocketAddr::from(([127, 0, 0, 1], port())));
    addresses.find(|address| TcpListener::bind(address).is_ok()).expect("a free port")
}

fn faketime() -> PathBuf {
    let libraries = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let mut found = libraries.map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"));
    found.find(|path| path.exists()).expect("libfaketime is not installed: apt-get install faketime, or run ./check it")
}
