//! The seam: one way to read and write for both databases. What differs between them is here and in the two drivers.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use nidan_core::secret::Secret;
use nidan_core::time::Timestamp;

use super::postgres::{self, Postgres, Session};
use super::sqlite::{self, Sqlite};
use super::{Engine, Row, Sql, StoreError, Value};
use crate::metrics::ByStatement;

super::sql! {
    /// Answers one row wherever there is a database. `CAST`, since a bare 1 is 32 bits wide in PostgreSQL.
    PING = "SELECT CAST(1 AS BIGINT) AS alive";
    /// Asked for comparison alone: rules take their time from the application's clock.
    CLOCK = sqlite "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now_ms",
        postgres "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) AS now_ms";
}

/// Where the data is: `sqlite:PATH`, `sqlite::memory:` or `postgres://user:password@host/name?sslmode=…`.
///
/// Shown with `{}` it names the place without the password.
#[derive(Clone)]
pub struct DatabaseUrl(pub(super) Place);

#[derive(Clone)]
pub(super) enum Place {
    Memory,
    File(PathBuf),
    Postgres(Secret<String>),
}

impl DatabaseUrl {
    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match &self.0 {
            Place::File(path) => Some(path),
            Place::Memory | Place::Postgres(_) => None,
        }
    }
}

/// The text names no database Nidan can use. Says what it may be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotADatabaseUrl(pub(super) String);

impl FromStr for DatabaseUrl {
    type Err = NotADatabaseUrl;

    fn from_str(text: &str) -> Result<Self, NotADatabaseUrl> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            return match path {
                "" => Err(NotADatabaseUrl(
                    "a path must follow sqlite:, for example sqlite:/var/lib/nidan/nidan.db".into(),
                )),
                ":memory:" => Ok(Self(Place::Memory)),
                path => Ok(Self(Place::File(path.into()))),
            };
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            postgres::Target::parse(text)?;
            return Ok(Self(Place::Postgres(Secret::new(text.to_owned()))));
        }
        Err(NotADatabaseUrl("a database is sqlite:PATH, sqlite::memory: or postgres://USER:PASSWORD@HOST/NAME".into()))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Memory => f.write_str("sqlite::memory:"),
            Place::File(path) => write!(f, "sqlite:{}", path.display()),
            Place::Postgres(url) => f.write_str(&postgres::without_password(url.expose())),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is done inside one transaction: a plain function of the transaction and its input, so that it can be run again.
///
/// It is a `fn` and not a closure on purpose. PostgreSQL may pick a transaction as the victim of a deadlock, and then the
/// whole body runs once more with the same input: it must not have moved anything out of it, nor have done anything that
/// a rollback does not undo. Write `|tx, input| Box::pin(charge(tx, input))`; a closure without captures is a `fn`.
///
/// On SQLite it runs on the writer's thread and is polled exactly once: it may await nothing but [`Tx`], whose futures are
/// ready at once there. A body that waits for anything else is rolled back as [`StoreError::Refused`], on every run, so
/// that no test can miss it.
pub type Body<I, T> = for<'a, 'c> fn(&'a mut Tx<'c>, &'a I) -> BoxFuture<'a, Result<T, StoreError>>;

/// The database. Cheap to clone; closed when the last clone is dropped, after what was accepted is answered.
#[derive(Clone)]
pub struct Db {
    driver: Arc<Driver>,
    statements: ByStatement,
}

enum Driver {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Db {
    /// Opens the database, creating an SQLite file that is not there (readable by its owner alone). The schema is not
    /// looked at: see [`super::migrate`]. For commands beside a running server (`nidan api-key`).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be reached, [`StoreError::Refused`] if it is not set up to be durable.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, StoreError> {
        Self::open_as(url, false).await
    }

    /// As [`Db::open`], and keeps every other server off an SQLite file while this `Db` lives, by an exclusive `flock` on
    /// `PATH.lock`, which the kernel lets go when the process ends in whatever way. Only `open_exclusive` looks at the
    /// lock. For `nidan serve`, and for `nidan migrate`, under which no server may run. Several servers may share a
    /// PostgreSQL database; there it is the same as `open`.
    ///
    /// # Errors
    /// As [`Db::open`]; [`StoreError::Unavailable`] if another server has the file.
    pub async fn open_exclusive(url: &DatabaseUrl) -> Result<Self, StoreError> {
        Self::open_as(url, true).await
    }

    async fn open_as(url: &DatabaseUrl, exclusive: bool) -> Result<Self, StoreError> {
        let statements = ByStatement::default();
        let counted = statements.clone();
        let driver = match &url.0 {
            Place::Memory => Driver::Sqlite(Sqlite::memory(counted)?),
            Place::File(path) => Driver::Sqlite(Sqlite::file(path, exclusive, counted)?),
            Place::Postgres(url) => Driver::Postgres(Postgres::open(url.expose(), counted).await?),
        };
        Ok(Self { driver: Arc::new(driver), statements })
    }

    /// Runs `body` in a transaction that may write, and answers after the commit is durable.
    ///
    /// PostgreSQL: READ COMMITTED whatever the role's default, run again after a deadlock or serialization failure (six
    /// attempts at most). SQLite: with whatever else waits as one commit, in a savepoint of its own: an
    /// `Err` or a panic undoes this body alone. Either way a statement that failed undoes the body, even if the body went
    /// on and returned `Ok`. Once started it runs to its end although the caller is dropped.
    ///
    /// # Errors
    /// The body's own, or those of [`StoreError`]. After [`StoreError::Unavailable`] while committing it is not known
    /// whether the transaction took place.
    pub async fn transact<I, T>(&self, input: I, body: Body<I, T>) -> Result<T, StoreError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        match &*self.driver {
            Driver::Sqlite(sqlite) => sqlite.transact(input, body).await,
            Driver::Postgres(postgres) => postgres.transact(input, body).await,
        }
    }

    /// Runs `body`, which can only read, on connections of their own. Each statement sees what was committed when it
    /// began (READ COMMITTED); what must hold across two statements belongs into [`Db::transact`] or one statement.
    ///
    /// # Errors
    /// The body's own, or those of [`StoreError`]; [`StoreError::Refused`] for a statement that writes.
    pub async fn read<I, T>(&self, input: I, body: Body<I, T>) -> Result<T, StoreError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        match &*self.driver {
            Driver::Sqlite(sqlite) => sqlite.read(input, body).await,
            Driver::Postgres(postgres) => postgres.read(input, body).await,
        }
    }

    /// What the database's clock shows; none where it is this machine's own.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clock(&self) -> Result<Option<Timestamp>, StoreError> {
        let now = match &*self.driver {
            Driver::Sqlite(_) => return Ok(None),
            Driver::Postgres(_) => self.read((), |tx, ()| Box::pin(async move { tx.one(&CLOCK, &[]).await?.time(0) })),
        };
        now.await.map(Some)
    }

    /// How often each statement was run since this was opened: of two requests that are to look alike, the work can be
    /// compared.
    pub fn statements(&self) -> ByStatement {
        self.statements.clone()
    }

    /// Whether a transaction can be opened and committed now (readiness).
    ///
    /// # Errors
    /// Whatever keeps it from doing so.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.transact((), |tx, ()| Box::pin(async move { tx.one(&PING, &[]).await.map(drop) })).await
    }
}

/// A transaction that is under way. Statements run one after the other, in the order they are awaited.
pub struct Tx<'c> {
    connection: Connection<'c>,
    statements: &'c ByStatement,
    failure: Option<Failure>,
}

pub(super) enum Connection<'c> {
    Sqlite(&'c mut rusqlite::Connection),
    Postgres(&'c mut Session),
}

/// Why a statement failed, and whether the whole transaction may be tried again at once.
#[derive(Clone)]
pub(super) struct Failure {
    pub(super) error: StoreError,
    pub(super) again: bool,
}

impl<'c> Tx<'c> {
    pub(super) fn new(connection: Connection<'c>, statements: &'c ByStatement) -> Self {
        Self { connection, statements, failure: None }
    }

    /// The failure of a statement, if there was one: then nothing may be committed.
    pub(super) fn end(self) -> Option<Failure> {
        self.failure
    }

    /// Whether it was opened by [`Db::transact`].
    pub(super) fn may_write(&self) -> bool {
        match &self.connection {
            // Its statements take no locks of their own, so that it makes no difference there.
            Connection::Sqlite(_) => true,
            Connection::Postgres(session) => session.may_write(),
        }
    }

    /// Which database this is, for the few places where they truly differ.
    pub(super) fn engine(&self) -> Engine {
        match self.connection {
            Connection::Sqlite(_) => Engine::Sqlite,
            Connection::Postgres(_) => Engine::Postgres,
        }
    }

    /// All rows of the answer.
    ///
    /// # Errors
    /// [`StoreError`]; the transaction is then over: every further statement gives the same error.
    pub async fn rows(&mut self, sql: &Sql, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.usable()?;
        self.count(sql);
        let outcome = match &mut self.connection {
            Connection::Sqlite(connection) => sqlite::rows(connection, sql, params),
            Connection::Postgres(session) => session.rows(sql, params).await,
        };
        outcome.map_err(|failure| self.fail(failure))
    }

    /// The one row of an answer that always has one.
    ///
    /// # Errors
    /// As [`Tx::rows`]; [`StoreError::Corrupt`] for none or several.
    pub async fn one(&mut self, sql: &Sql, params: &[Value]) -> Result<Row, StoreError> {
        let row = self.optional(sql, params).await?;
        row.ok_or_else(|| StoreError::corrupt(sql.name(), "no row where there must be one"))
    }

    /// The row, if there is one.
    ///
    /// # Errors
    /// As [`Tx::rows`]; [`StoreError::Corrupt`] for several.
    pub async fn optional(&mut self, sql: &Sql, params: &[Value]) -> Result<Option<Row>, StoreError> {
        let mut rows = self.rows(sql, params).await?;
        let row = rows.pop();
        if rows.is_empty() { Ok(row) } else { Err(StoreError::corrupt(sql.name(), "several rows where one may be")) }
    }

    /// How many rows a statement without `RETURNING` changed.
    ///
    /// # Errors
    /// As [`Tx::rows`].
    pub async fn execute(&mut self, sql: &Sql, params: &[Value]) -> Result<u64, StoreError> {
        self.usable()?;
        self.count(sql);
        let outcome = match &mut self.connection {
            Connection::Sqlite(connection) => sqlite::execute(connection, sql, params),
            Connection::Postgres(session) => session.execute(sql, params).await,
        };
        outcome.map_err(|failure| self.fail(failure))
    }

    /// Several statements without parameters: a migration.
    pub(super) async fn script(&mut self, doing: &'static str, text: &str) -> Result<(), StoreError> {
        self.usable()?;
        let outcome = match &mut self.connection {
            Connection::Sqlite(connection) => {
                connection.execute_batch(text).map_err(|error| sqlite::failure(doing, &error))
            }
            Connection::Postgres(session) => session.script(doing, text).await,
        };
        outcome.map_err(|failure| self.fail(failure))
    }

    fn count(&self, sql: &Sql) {
        self.statements.get_or_create(&[("statement", sql.name())]).inc();
    }

    fn usable(&self) -> Result<(), StoreError> {
        self.failure.as_ref().map_or(Ok(()), |failure| Err(failure.error.clone()))
    }

    fn fail(&mut self, failure: Failure) -> StoreError {
        let error = failure.error.clone();
        self.failure = Some(failure);
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_the_password() {
        for (url, shown) in [
            ("sqlite::memory:", "sqlite::memory:"),
            ("sqlite:data/nidan.db", "sqlite:data/nidan.db"),
            (
                "postgres://nidan:p%40ss:w@rd@db.example:5432/nidan?sslmode=disable&password=hidden",
                "postgres://nidan@db.example:5432/nidan",
            ),
            ("postgresql:///nidan?host=/run/postgresql", "postgresql:///nidan"),
        ] {
            let parsed: DatabaseUrl = url.parse().expect(url);
            assert_eq!((parsed.to_string(), format!("{parsed:?}")), (shown.to_owned(), shown.to_owned()));
        }
    }

    #[test]
    fn what_is_no_database_is_refused_without_repeating_it() {
        for url in [
            "",
            "nidan.db",
            "sqlite:",
            "mysql://u:geheim@h/n",
            "postgres://",
            "postgres://u:geheim@h:port/n",
            "postgres://u:geheim@h/n?what=ever",
        ] {
            let error = url.parse::<DatabaseUrl>().expect_err(url).to_string();
            assert!(!error.is_empty() && !error.contains("geheim"), "{error}");
        }
    }
}
