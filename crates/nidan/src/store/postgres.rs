//! PostgreSQL, and what speaks its protocol: a pool of connections.
//!
//! Statements are prepared once per connection, so a pooler between Nidan and the server must keep sessions (no
//! "transaction mode"). Grouping commits is the server's own work here.
//!
//! `BEGIN` travels together with the first statement of a transaction, which saves a round trip. Should `BEGIN` fail and
//! the statement be run all the same, it would stand alone and be committed at once: therefore sessions are read-only by
//! default, `BEGIN` asks for READ WRITE, and such a statement is refused. [`super::Db::read`] rests on the same default.

use std::error::Error as _;
use std::fmt::Write as _;
use std::future::Future as _;
use std::path::Path;
use std::pin::pin;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use deadpool_postgres::{Client, Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime};
use futures_util::TryStreamExt;
use futures_util::future::join;
use tokio_postgres::config::{Config, Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, WrongType, to_sql_checked};
use tokio_postgres::{NoTls, RowStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::db::{Body, Connection, Failure, NotADatabaseUrl, Tx};
use super::{Cells, Row, Sql, StoreError, Value};
use crate::metrics::ByStatement;
use crate::tls;

/// How often a transaction is tried that deadlocks or cannot be serialized, the first time included. At READ COMMITTED
/// both are rare, and one of the two who collide always gets through.
const ATTEMPTS: u32 = 6;
/// The pause before the second attempt, in milliseconds; doubled for each further one, and up to as much again added.
const BACKOFF_MS: u64 = 4;
/// Connections: a commit waits for the disk, so more than cores; a server takes 100 in all by default.
const CONNECTIONS: usize = 24;
/// To wait for a free connection, to open one, or to try one that was idle.
const CONNECT_MS: u64 = 5_000;
/// The longest a statement may run, waiting for locks included: beyond it the visitor has given up.
const STATEMENT_MS: u64 = 5_000;
/// How long a transaction may stand open between statements. Ours are never idle: only a lost network leaves one behind.
const IDLE_IN_TRANSACTION_MS: u64 = 10_000;

/// A URL taken apart: what tokio-postgres reads, and how to know the server.
#[derive(Debug)]
pub(super) struct Target {
    config: Config,
    verify: bool,
    root_cert: Option<String>,
}

impl Target {
    /// Reads the URL. `sslmode` may be `disable` or `verify-full` (`require` is taken as `verify-full`: encryption to
    /// whoever answers protects nothing). Without it: `disable` for Unix sockets and loopback addresses, else
    /// `verify-full`. `sslrootcert` names a PEM file that replaces the system's certificate authorities.
    pub(super) fn parse(url: &str) -> Result<Self, NotADatabaseUrl> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut root_cert) = (None, None);
        let mut rest = String::from(base);
        let mut separator = '?';
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value.to_owned()),
                Some(("sslrootcert", value)) => root_cert = Some(decoded(value)),
                _ => {
                    rest.push(separator);
                    rest.push_str(pair);
                    separator = '&';
                }
            }
        }
        let mut config = Config::from_str(&rest).map_err(|error| NotADatabaseUrl(described(&error)))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(NotADatabaseUrl("the database URL names no host".into()));
        }
        let verify = match mode.as_deref() {
            Some("verify-full" | "require") => true,
            Some("disable") => false,
            None => !config.get_hosts().iter().all(is_here),
            Some(_) => {
                return Err(NotADatabaseUrl(
                    "sslmode must be verify-full (encrypted, and the server proves its name) or disable".into(),
                ));
            }
        };
        config.ssl_mode(if verify { SslMode::Require } else { SslMode::Disable });
        Ok(Self { config, verify, root_cert })
    }

    fn manager(&self) -> Result<Manager, StoreError> {
        let mut config = self.config.clone();
        let mut all = config.get_options().map(|own| format!("{own} ")).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = write!(
            all,
            "-c default_transaction_read_only=on -c statement_timeout={STATEMENT_MS} \
             -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_MS}"
        );
        config.options(all).connect_timeout(Duration::from_millis(CONNECT_MS));
        config.tcp_user_timeout(Duration::from_millis(2 * STATEMENT_MS));
        if config.get_application_name().is_none() {
            config.application_name("nidan");
        }
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        if self.verify {
            let tls = tls::client(self.root_cert.as_deref().map(Path::new), "sslrootcert");
            let tls = tls.map_err(|problem| StoreError::refused("preparing TLS to PostgreSQL", problem))?;
            Ok(Manager::from_config(config, MakeRustlsConnect::new(tls), recycling))
        } else {
            Ok(Manager::from_config(config, NoTls, recycling))
        }
    }
}

/// Whether nobody can listen in between.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
    }
}

fn decoded(value: &str) -> String {
    url::form_urlencoded::parse(format!("v={}", value.replace('+', "%2B")).as_bytes())
        .map(|(_, value)| value.into_owned())
        .collect()
}

/// The URL as it may be shown: no password, no query.
pub(super) fn without_password(url: &str) -> String {
    let base = url.split('?').next().unwrap_or_default();
    match base.split_once("://") {
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((user, place)) => format!("{scheme}://{}@{place}", user.split(':').next().unwrap_or_default()),
            None => format!("{scheme}://{rest}"),
        },
        None => String::from("postgres://"),
    }
}

pub(super) struct Postgres {
    pool: Pool,
    statements: ByStatement,
}

impl Postgres {
    /// Connects once, so that a wrong URL shows at start and a server that may lose commits is refused: guess counts and
    /// used codes must survive a crash.
    pub(super) async fn open(url: &str, statements: ByStatement) -> Result<Self, StoreError> {
        let target = Target::parse(url).map_err(|error| StoreError::refused(OPENING, error.to_string()))?;
        let pool = pool(target.manager()?)?;
        let client = taken(&pool).await?;
        let shown = client.query_one("SHOW synchronous_commit", &[]).await;
        if shown.and_then(|row| row.try_get::<_, String>(0)).map_err(|error| failure(OPENING, &error).error)? == "off" {
            return Err(StoreError::refused(OPENING, "synchronous_commit is off: a crash would give used codes back"));
        }
        drop(client);
        Ok(Self { pool, statements })
    }

    pub(super) async fn transact<I, T>(&self, input: I, body: Body<I, T>) -> Result<T, StoreError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        let (pool, statements) = (self.pool.clone(), self.statements.clone());
        // A task of its own, so that a hang-up of the caller cannot stop it half way.
        let task = tokio::spawn(async move { attempts((&pool, &statements), &input, body).await });
        task.await.unwrap_or_else(|ended| {
            Err(if ended.is_panic() {
                StoreError::refused("a transaction", "its body panicked; it was rolled back")
            } else {
                StoreError::unavailable("a transaction", "the server is shutting down")
            })
        })
    }

    pub(super) async fn read<I, T>(&self, input: I, body: Body<I, T>) -> Result<T, StoreError> {
        let mut session = Session { client: taken(&self.pool).await?, stage: Stage::Reading };
        let mut tx = Tx::new(Connection::Postgres(&mut session), &self.statements);
        let outcome = body(&mut tx, &input).await;
        match tx.end() {
            Some(failure) => Err(failure.error),
            None => outcome,
        }
    }
}

const OPENING: &str = "opening PostgreSQL";
const COMMITTING: &str = "committing";

fn pool(manager: Manager) -> Result<Pool, StoreError> {
    let wait = Some(Duration::from_millis(CONNECT_MS));
    let builder = Pool::builder(manager).max_size(CONNECTIONS).runtime(Runtime::Tokio1);
    let pool = builder.wait_timeout(wait).create_timeout(wait).recycle_timeout(wait).build();
    pool.map_err(|error| StoreError::refused(OPENING, error.to_string()))
}

async fn taken(pool: &Pool) -> Result<Client, StoreError> {
    pool.get().await.map_err(|error| match error {
        PoolError::Backend(error) => failure("connecting to PostgreSQL", &error).error,
        PoolError::Timeout(_) => {
            StoreError::unavailable("connecting to PostgreSQL", "no connection became free in time")
        }
        other => StoreError::unavailable("connecting to PostgreSQL", other.to_string()),
    })
}

async fn attempts<I, T>(on: (&Pool, &ByStatement), input: &I, body: Body<I, T>) -> Result<T, StoreError> {
    let mut attempt = 1;
    loop {
        match once(on, input, body).await {
            Err(failure) if failure.again && attempt < ATTEMPTS => {
                tokio::time::sleep(pause(attempt)).await;
                attempt += 1;
            }
            outcome => return outcome.map_err(|failure| failure.error),
        }
    }
}

/// Grows with the attempt and differs between those who collided. No secret and no fairness hangs on it, so that a
/// counter, scrambled, does for the jitter what else would need the server's randomness here.
fn pause(attempt: u32) -> Duration {
    static COLLISIONS: AtomicU64 = AtomicU64::new(0);
    let scrambled = COLLISIONS
        .fetch_add(1, Ordering::Relaxed)
        .wrapping_add(u64::from(std::process::id()))
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let base = BACKOFF_MS << (attempt - 1);
    Duration::from_millis(base + (scrambled >> 32) % (base + 1))
}

async fn once<I, T>((pool, statements): (&Pool, &ByStatement), input: &I, body: Body<I, T>) -> Result<T, Failure> {
    let client = taken(pool).await.map_err(Failure::last)?;
    let mut session = Session { client, stage: Stage::Waiting };
    let mut tx = Tx::new(Connection::Postgres(&mut session), statements);
    let outcome = body(&mut tx, input).await;
    match tx.end().map_or_else(|| outcome.map_err(Failure::last), Err) {
        Ok(answer) => session.end(COMMITTING, "COMMIT").await.map(|()| answer),
        Err(failure) => {
            // If this fails the connection is gone, and its transaction with it.
            let _ = session.end("rolling back", "ROLLBACK").await;
            Err(failure)
        }
    }
}

/// A connection at work for one body.
pub(super) struct Session {
    client: Client,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// No transaction: each statement by itself, and none can write.
    Reading,
    /// `BEGIN` goes with the first statement.
    Waiting,
    /// The transaction is open.
    Open,
}

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE";

impl Session {
    pub(super) async fn rows(&mut self, sql: &Sql, params: &[Value]) -> Result<Vec<Row>, Failure> {
        let stream = self.run(sql, params).await?;
        let rows = stream.map_ok(|row| Row { statement: sql.name(), cells: Cells::Postgres(row) });
        rows.try_collect().await.map_err(|error| failure(sql.name(), &error))
    }

    pub(super) async fn execute(&mut self, sql: &Sql, params: &[Value]) -> Result<u64, Failure> {
        let mut stream = pin!(self.run(sql, params).await?);
        while stream.try_next().await.map_err(|error| failure(sql.name(), &error))?.is_some() {}
        Ok(stream.rows_affected().unwrap_or_default())
    }

    pub(super) async fn script(&mut self, doing: &'static str, text: &str) -> Result<(), Failure> {
        if self.stage == Stage::Waiting {
            self.client.batch_execute(BEGIN).await.map_err(|error| not_begun(BEGIN, &error))?;
            self.stage = Stage::Open;
        }
        self.client.batch_execute(text).await.map_err(|error| failure(doing, &error))
    }

    async fn run(&mut self, sql: &Sql, params: &[Value]) -> Result<RowStream, Failure> {
        let prepared = self.client.prepare_cached(sql.postgres).await;
        let waiting = self.stage == Stage::Waiting;
        let statement = prepared
            .map_err(|error| if waiting { not_begun(sql.name(), &error) } else { failure(sql.name(), &error) })?;
        if statement.params().len() != params.len() {
            return Err(Failure::last(StoreError::refused(sql.name(), "the number of parameters is wrong")));
        }
        if !waiting {
            return self.client.query_raw(&statement, params).await.map_err(|error| failure(sql.name(), &error));
        }
        // From here on it may be open, also if this future is dropped. `join` sends what it is given in this order.
        self.stage = Stage::Open;
        let (begun, stream) = join(self.client.batch_execute(BEGIN), self.client.query_raw(&statement, params)).await;
        begun.map_err(|error| not_begun(BEGIN, &error))?;
        stream.map_err(|error| failure(sql.name(), &error))
    }

    /// Whether its statements run in a transaction.
    pub(super) fn may_write(&self) -> bool {
        self.stage != Stage::Reading
    }

    /// Ends the transaction, if one was begun.
    async fn end(&mut self, doing: &'static str, text: &str) -> Result<(), Failure> {
        if self.stage == Stage::Open {
            self.client.batch_execute(text).await.map_err(|error| failure(doing, &error))?;
            self.stage = Stage::Waiting;
        }
        Ok(())
    }
}

impl Drop for Session {
    /// A body that panicked, or a server that shuts down: whoever gets the connection next must not find it inside a
    /// transaction. Polled once, a request is sent; nobody needs the reply.
    fn drop(&mut self) {
        if self.stage == Stage::Open {
            let rollback = pin!(self.client.batch_execute("ROLLBACK"));
            let _ = rollback.poll(&mut Context::from_waker(Waker::noop()));
        }
    }
}

/// A connection that went away while it was idle has done nothing yet: another one may.
fn not_begun(doing: &'static str, error: &tokio_postgres::Error) -> Failure {
    Failure { again: error.is_closed(), ..failure(doing, error) }
}

/// What went wrong, without the server's message: it may quote values. SQLSTATE and the constraint's name do not.
pub(super) fn failure(doing: &'static str, error: &tokio_postgres::Error) -> Failure {
    let Some(reply) = error.as_db_error() else {
        let mistyped = error.source().is_some_and(|cause| cause.is::<WrongType>());
        let kind = if mistyped { StoreError::refused } else { StoreError::unavailable };
        return Failure::last(kind(doing, described(error)));
    };
    let code = reply.code();
    let constraint = reply.constraint().unwrap_or("?");
    if *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED {
        let error = StoreError::unavailable(
            doing,
            format!("it kept colliding with other transactions (SQLSTATE {})", code.code()),
        );
        return Failure { error, again: true };
    }
    Failure::last(match code.code() {
        "23505" => StoreError::conflict(doing, format!("constraint {constraint}")),
        "57014" => StoreError::unavailable(
            doing,
            format!("cancelled after {STATEMENT_MS} ms or by an administrator (SQLSTATE 57014)"),
        ),
        "28P01" | "28000" => {
            StoreError::refused(doing, "the server does not accept the user or password (SQLSTATE 28)")
        }
        "3D000" => StoreError::refused(doing, "there is no such database: create it first (SQLSTATE 3D000)"),
        // connection, resources, locks, operator, system
        code if ["08", "53", "55", "57", "58"].iter().any(|class| code.starts_with(class)) => {
            StoreError::unavailable(doing, format!("SQLSTATE {code}"))
        }
        code if code.starts_with("XX") => StoreError::corrupt(doing, format!("SQLSTATE {code}")),
        code => StoreError::refused(doing, format!("SQLSTATE {code}")),
    })
}

impl Failure {
    /// One that trying again does not mend.
    pub(super) fn last(error: StoreError) -> Self {
        Self { error, again: false }
    }
}

/// An error of the driver or the network with its cause: types and addresses, no values.
fn described(error: &tokio_postgres::Error) -> String {
    match error.source() {
        Some(cause) if !error.to_string().contains(&cause.to_string()) => format!("{error}: {cause}"),
        _ => error.to_string(),
    }
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) if *ty == Type::INT8 => value.to_sql(ty, out),
            Self::Text(value) if *ty == Type::TEXT => value.to_sql(ty, out),
            Self::Blob(value) if *ty == Type::BYTEA => value.to_sql(ty, out),
            _ => Err(Box::new(WrongType::new::<Self>(ty.clone()))),
        }
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA].contains(ty)
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encryption_is_the_default_wherever_somebody_could_listen() {
        let cases = [
            ("postgres://nidan@db.example/nidan", true),
            ("postgres://nidan@db.example/nidan?sslmode=require&connect_timeout=3", true),
            ("postgres://nidan@db.example/nidan?connect_timeout=3&sslmode=verify-full", true),
            ("postgres://nidan@db.example/nidan?sslmode=disable", false),
            ("postgres://nidan@localhost,db.example/nidan", true),
            ("postgres://nidan@localhost/nidan", false),
            ("postgres://nidan@127.0.0.1:5433/nidan", false),
            ("postgres:///nidan?host=/run/postgresql", false),
            ("postgres://nidan@localhost/nidan?sslmode=verify-full", true),
        ];
        for (url, verify) in cases {
            let target = Target::parse(url).expect(url);
            assert_eq!(target.verify, verify, "{url}");
            assert_eq!(target.config.get_ssl_mode() == SslMode::Require, verify, "{url}");
            assert_eq!(target.config.get_dbname(), Some("nidan"), "{url}");
        }
        for mode in ["prefer", "allow", "verify-ca", "verify_full", ""] {
            let refused = Target::parse(&format!("postgres://nidan@db.example/nidan?sslmode={mode}"));
            assert!(refused.is_err_and(|error| error.to_string().contains("verify-full")), "{mode}");
        }
    }

    #[test]
    fn the_certificate_file_is_unescaped() {
        let target = Target::parse("postgres://h/n?sslrootcert=/etc/a%20b+c.pem").expect("a URL");
        assert_eq!(target.root_cert.as_deref(), Some("/etc/a b+c.pem"));
    }

    #[test]
    fn pauses_grow_and_stay_short() {
        for attempt in 1..ATTEMPTS {
            let (least, most) = (BACKOFF_MS << (attempt - 1), BACKOFF_MS << attempt);
            for _ in 0..100 {
                assert!((u128::from(least)..=u128::from(most)).contains(&pause(attempt).as_millis()));
            }
        }
    }
}
