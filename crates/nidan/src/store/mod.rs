//! The only SQL of the server: statements as constants, values, rows, errors, and the seam to both databases.
//!
//! # How a module of statements looks
//!
//! ```ignore
//! use super::{Row, StoreError, Tx, sql};
//!
//! sql! {
//!     FIND = "SELECT state, email FROM account WHERE account_id = $1";
//!     TOUCH = "UPDATE account SET last_seen_ms = $2 WHERE account_id = $1";
//! }
//!
//! /// When the account was last here; `false` if there is none.
//! pub async fn touch(tx: &mut Tx<'_>, account: AccountId, now: Timestamp) -> Result<bool, StoreError> {
//!     Ok(tx.execute(&TOUCH, &[account.into(), now.into()]).await? == 1)
//! }
//! ```
//!
//! and one line in [`statements`], so that a test prepares every text on both databases. Rules:
//! * one text for both: `$1..$N`, each number used, `bigint`, `text` and `bytea` only (`CAST($2 AS BIGINT)` where
//!   PostgreSQL would guess a smaller type, as in `SELECT $2 + 1` or `count` sums);
//! * upserts and `RETURNING` are common ground; sequences, `SKIP LOCKED`, `now()`, triggers and JSON operators are not;
//! * expect a taken key by `ON CONFLICT … DO NOTHING` and the row count: an error inside a transaction ends it on both
//!   databases, and a body that swallows one is still rolled back;
//! * nothing but [`Tx`] is awaited in a body (see [`Db::transact`]).

pub mod account;
pub mod api_key;
pub mod audit;
pub mod authenticator;
pub mod carrier_message;
pub mod ceremony;
pub mod client;
mod db;
pub mod device;
pub mod idempotency;
pub mod ledger;
pub mod message;
pub mod migrate;
pub mod notice;
mod postgres;
pub mod rate_counter;
pub mod request;
pub mod route_day;
pub mod session;
pub mod setup_number;
mod sqlite;
pub mod stop;

pub use crate::sql;
pub use db::{Body, DatabaseUrl, Db, NotADatabaseUrl, Tx};

use std::borrow::Cow;
use std::fmt;

use nidan_core::id::{Id, Kind};
use nidan_core::time::Timestamp;

/// Every statement the server runs, module by module. A new module adds its `STATEMENTS` here.
pub fn statements() -> impl Iterator<Item = &'static Sql> {
    [
        account::STATEMENTS,
        api_key::STATEMENTS,
        audit::STATEMENTS,
        authenticator::STATEMENTS,
        carrier_message::STATEMENTS,
        ceremony::STATEMENTS,
        db::STATEMENTS,
        device::STATEMENTS,
        idempotency::STATEMENTS,
        ledger::STATEMENTS,
        message::STATEMENTS,
        migrate::STATEMENTS,
        notice::STATEMENTS,
        rate_counter::STATEMENTS,
        request::STATEMENTS,
        route_day::STATEMENTS,
        session::STATEMENTS,
        setup_number::STATEMENTS,
        stop::STATEMENTS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// A database, where the two differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Engine {
    /// SQLite.
    Sqlite,
    /// PostgreSQL and what speaks its protocol.
    Postgres,
}

/// One statement: its name, and its text for each database. Made by [`sql!`].
#[derive(Clone, Copy, Debug)]
pub struct Sql {
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

impl Sql {
    /// What [`sql!`] expands to.
    #[doc(hidden)]
    pub const fn new(name: &'static str, sqlite: &'static str, postgres: &'static str) -> Self {
        Self { name, sqlite, postgres }
    }

    /// Module path and name, as errors show it.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The text as this database reads it.
    pub const fn text(&self, engine: Engine) -> &'static str {
        match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        }
    }
}

/// `$N` to `?N`, when the program is compiled: in SQLite `$2` is a *named* parameter, numbered by first appearance.
#[doc(hidden)]
pub const fn question_marks<const N: usize>(text: &str) -> [u8; N] {
    let from = text.as_bytes();
    let mut to = [0; N];
    let mut at = 0;
    while at < N {
        assert!(from[at] != b'?', "write parameters as $1, $2, ...");
        to[at] = from[at];
        if from[at] == b'$' {
            assert!(at + 1 < N && matches!(from[at + 1], b'1'..=b'9'), "$ stands for nothing but a parameter");
            to[at] = b'?';
        }
        at += 1;
    }
    to
}

/// Declares the statements of a module and `STATEMENTS`, the list of them for [`store::statements`](statements).
///
/// `NAME = "one text for both";` is the rule; `NAME = sqlite "…", postgres "…";` the exception, which a test counts.
#[macro_export]
macro_rules! sql {
    (@one $text:literal) => { $crate::sql!(@both $text, $text) };
    (@one sqlite $sqlite:literal, postgres $postgres:literal) => { $crate::sql!(@both $sqlite, $postgres) };
    (@both $sqlite:expr, $postgres:expr) => {{
        const BYTES: [u8; $sqlite.len()] = $crate::store::question_marks($sqlite);
        const TEXT: &str = match std::str::from_utf8(&BYTES) {
            Ok(text) => text,
            Err(_) => panic!("only ASCII bytes were replaced by ASCII bytes"),
        };
        (TEXT, $postgres)
    }};
    ($($(#[$doc:meta])* $name:ident = $($text:literal)? $(sqlite $sqlite:literal, postgres $postgres:literal)?;)+) => {
        $(
            $(#[$doc])*
            static $name: $crate::store::Sql = {
                const TEXTS: (&str, &str) =
                    $crate::sql!(@one $($text)? $(sqlite $sqlite, postgres $postgres)?);
                $crate::store::Sql::new(concat!(module_path!(), "::", stringify!($name)), TEXTS.0, TEXTS.1)
            };
        )+
        /// Every statement of this module.
        pub(super) static STATEMENTS: &[&$crate::store::Sql] = &[$(&$name),+];
    };
}

/// A parameter, or a cell of a row.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// SQL's null.
    Null,
    /// A 64-bit integer: numbers, states, milliseconds.
    Int(i64),
    /// Text.
    Text(String),
    /// Bytes: ids, hashes, sealed values.
    Blob(Vec<u8>),
}

/// Shows the type alone: a value may be an address or a hash, and tokio-postgres asks for `Debug`.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Int(_) => "Int",
            Self::Text(_) => "Text",
            Self::Blob(_) => "Blob",
        })
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(i64::from(value))
    }
}
impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::Int(value.ms())
    }
}
impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}
impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}
impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Blob(value.to_vec())
    }
}
impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Blob(value)
    }
}
impl<const N: usize> From<[u8; N]> for Value {
    fn from(value: [u8; N]) -> Self {
        Self::Blob(value.to_vec())
    }
}
impl<const N: usize> From<&[u8; N]> for Value {
    fn from(value: &[u8; N]) -> Self {
        Self::Blob(value.to_vec())
    }
}
impl<K: Kind> From<Id<K>> for Value {
    fn from(value: Id<K>) -> Self {
        Self::from(value.as_bytes())
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A row of an answer. Columns are counted from 0; a cell of another type than asked for is [`StoreError::Corrupt`].
pub struct Row {
    statement: &'static str,
    cells: Cells,
}

enum Cells {
    Sqlite(Box<[Value]>),
    Postgres(tokio_postgres::Row),
}

/// What a cell can be read as, without a copy.
trait Cell<'r>: tokio_postgres::types::FromSql<'r> + Sized {
    const TYPE: &'static str;
    fn of(value: &'r Value) -> Option<Self>;
}
impl<'r> Cell<'r> for i64 {
    const TYPE: &'static str = "an integer";
    fn of(value: &'r Value) -> Option<Self> {
        if let Value::Int(value) = value { Some(*value) } else { None }
    }
}
impl<'r> Cell<'r> for &'r str {
    const TYPE: &'static str = "text";
    fn of(value: &'r Value) -> Option<Self> {
        if let Value::Text(value) = value { Some(value) } else { None }
    }
}
impl<'r> Cell<'r> for &'r [u8] {
    const TYPE: &'static str = "bytes";
    fn of(value: &'r Value) -> Option<Self> {
        if let Value::Blob(value) = value { Some(value) } else { None }
    }
}

impl Row {
    fn opt<'r, T: Cell<'r>>(&'r self, column: usize) -> Result<Option<T>, StoreError> {
        let read = match &self.cells {
            Cells::Sqlite(cells) => match cells.get(column) {
                Some(Value::Null) => Some(None),
                Some(value) => T::of(value).map(Some),
                None => None,
            },
            Cells::Postgres(row) => row.try_get(column).ok(),
        };
        read.ok_or_else(|| self.corrupt(column, T::TYPE))
    }

    fn cell<'r, T: Cell<'r>>(&'r self, column: usize) -> Result<T, StoreError> {
        self.opt(column)?.ok_or_else(|| self.corrupt(column, T::TYPE))
    }

    fn corrupt(&self, column: usize, wanted: &str) -> StoreError {
        StoreError::corrupt(self.statement, format!("column {column} is not {wanted}"))
    }

    /// An integer.
    pub fn int(&self, column: usize) -> Result<i64, StoreError> {
        self.cell(column)
    }

    /// An integer or null.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        self.opt(column)
    }

    /// Text.
    pub fn text(&self, column: usize) -> Result<&str, StoreError> {
        self.cell(column)
    }

    /// Text or null.
    pub fn opt_text(&self, column: usize) -> Result<Option<&str>, StoreError> {
        self.opt(column)
    }

    /// Bytes.
    pub fn blob(&self, column: usize) -> Result<&[u8], StoreError> {
        self.cell(column)
    }

    /// Bytes or null.
    pub fn opt_blob(&self, column: usize) -> Result<Option<&[u8]>, StoreError> {
        self.opt(column)
    }

    /// Exactly `N` bytes: a hash.
    pub fn array<const N: usize>(&self, column: usize) -> Result<[u8; N], StoreError> {
        self.blob(column)?.try_into().map_err(|_| self.corrupt(column, &format!("{N} bytes")))
    }

    /// Exactly `N` bytes or null.
    pub fn opt_array<const N: usize>(&self, column: usize) -> Result<Option<[u8; N]>, StoreError> {
        let bytes = self.opt_blob(column)?;
        bytes.map(|bytes| bytes.try_into().map_err(|_| self.corrupt(column, &format!("{N} bytes")))).transpose()
    }

    /// An id.
    pub fn id<K: Kind>(&self, column: usize) -> Result<Id<K>, StoreError> {
        self.array(column).map(Id::from_bytes)
    }

    /// An id or null.
    pub fn opt_id<K: Kind>(&self, column: usize) -> Result<Option<Id<K>>, StoreError> {
        Ok(self.opt_array(column)?.map(Id::from_bytes))
    }

    /// A point in time.
    pub fn time(&self, column: usize) -> Result<Timestamp, StoreError> {
        self.int(column).map(Timestamp::from_ms)
    }

    /// A point in time or null.
    pub fn opt_time(&self, column: usize) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.opt_int(column)?.map(Timestamp::from_ms))
    }

    /// An integer that is 0 or 1.
    pub fn flag(&self, column: usize) -> Result<bool, StoreError> {
        match self.int(column)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.corrupt(column, "0 or 1")),
        }
    }
}

/// The database failed. `doing` names the statement or step; nothing in here ever is a value of a row or parameter, so
/// that it can be logged. Logged once, by who answers the request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Not reachable, full, overloaded, timed out, shutting down: later it may work.
    #[error("the database is unavailable ({doing}): {reason}")]
    Unavailable {
        /// The statement or step.
        doing: &'static str,
        /// Why, in words or by SQLSTATE.
        reason: Cow<'static, str>,
    },
    /// A key is taken already and the statement did not provide for it.
    #[error("a key is taken already ({doing}): {reason}")]
    Conflict {
        /// The statement or step.
        doing: &'static str,
        /// The constraint.
        reason: Cow<'static, str>,
    },
    /// What is stored is not what this program stores.
    #[error("the database holds what it should not ({doing}): {reason}")]
    Corrupt {
        /// The statement or step.
        doing: &'static str,
        /// What is wrong with it.
        reason: Cow<'static, str>,
    },
    /// A mistake in this program or its set-up: a statement the database refuses, a body that waited or panicked.
    #[error("the database refused ({doing}): {reason}")]
    Refused {
        /// The statement or step.
        doing: &'static str,
        /// Why, in words or by SQLSTATE.
        reason: Cow<'static, str>,
    },
}

impl StoreError {
    /// Whether it may work again without anybody's doing.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// For a module that finds a stored value it cannot understand: say which column, never the value.
    pub fn corrupt(doing: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Corrupt { doing, reason: reason.into() }
    }

    fn unavailable(doing: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Unavailable { doing, reason: reason.into() }
    }

    fn refused(doing: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused { doing, reason: reason.into() }
    }

    fn conflict(doing: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Conflict { doing, reason: reason.into() }
    }
}
