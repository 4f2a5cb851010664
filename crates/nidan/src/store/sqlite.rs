//! SQLite: one thread that writes, a few that read, each with a connection of its own.
//!
//! The writer takes whatever waits, without a timer, and commits it as one (group commit): alone, a transaction waits for
//! one `fsync`; at a login peak hundreds share one.

use std::fs::{File, OpenOptions, TryLockError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc as std_mpsc};
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, ffi, params_from_iter};
use tokio::sync::{mpsc, oneshot};

use super::db::{self, Body, Failure, Tx};
use super::{Cells, Row, Sql, StoreError, Value};
use crate::metrics::ByStatement;

/// Transactions that may wait for the writer; then callers wait to be let in.
const QUEUE: usize = 4096;
/// Transactions in one commit at most: bounds how long the first of them waits for the last.
const GROUP: usize = 512;
/// How long to wait for another process (a command in a shell) to let go of the file.
const BUSY_MS: u64 = 5_000;
/// Prepared statements kept per connection: more than the server has.
const STATEMENTS: usize = 256;
/// Connections for reading at most; fewer on fewer cores. Each is a thread.
const READERS: usize = 4;

/// FULL: a commit is on the disk before it is answered; used codes and guess counts must not come back after a crash.
/// The log shrinks to 64 MiB after a burst.
const SETTINGS: &str = "PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF; PRAGMA journal_size_limit = 67108864;";

const OPENING: &str = "opening SQLite";
const COMMITTING: &str = "committing";
const CLOSED: &str = "the database is being closed";

type Queue = mpsc::Sender<Box<dyn Job>>;

pub(super) struct Sqlite {
    /// `None` only while closing.
    writer: Option<Queue>,
    /// `None` for a database in memory: it has one connection, and the writer reads.
    readers: Option<std_mpsc::Sender<Box<dyn Job>>>,
    threads: Vec<JoinHandle<()>>,
    statements: ByStatement,
    /// Let go last, when no thread has the file open any more.
    _lock: Option<File>,
}

impl Sqlite {
    pub(super) fn memory(statements: ByStatement) -> Result<Self, StoreError> {
        let connection = Connection::open_in_memory().map_err(|error| failure(OPENING, &error).error)?;
        Self::start(set_up(connection)?, None, (None, statements))
    }

    pub(super) fn file(path: &Path, exclusive: bool, statements: ByStatement) -> Result<Self, StoreError> {
        let lock = if exclusive { Some(locked(path)?) } else { None };
        create_private(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|error| failure(OPENING, &error).error)?;
        let connection = set_up(connection)?;
        let journal = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
        if journal.map_err(|error| failure(OPENING, &error).error)? != "wal" {
            return Err(StoreError::refused(
                OPENING,
                "this file system cannot do write-ahead logging: use a local disk",
            ));
        }
        Self::start(connection, Some(path), (lock, statements))
    }

    fn start(
        connection: Connection,
        path: Option<&Path>,
        (lock, statements): (Option<File>, ByStatement),
    ) -> Result<Self, StoreError> {
        let (writer, queue) = mpsc::channel(QUEUE);
        let mut sqlite = Self { writer: Some(writer), readers: None, threads: Vec::new(), statements, _lock: lock };
        sqlite.threads.push(spawned("sqlite-writer", move || write(connection, queue))?);
        if let Some(path) = path {
            let (readers, queue) = std_mpsc::channel();
            let queue = Arc::new(Mutex::new(queue));
            for _ in 0..thread::available_parallelism().map_or(1, usize::from).min(READERS) {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let connection =
                    Connection::open_with_flags(path, flags).map_err(|error| failure(OPENING, &error).error)?;
                let connection = set_up(connection)?;
                let queue = Arc::clone(&queue);
                sqlite.threads.push(spawned("sqlite-reader", move || read(connection, &queue))?);
            }
            sqlite.readers = Some(readers);
        }
        Ok(sqlite)
    }

    pub(super) async fn transact<I, T>(&self, input: I, body: Body<I, T>) -> Result<T, StoreError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        let (job, answer) = Work::queued(input, body, (false, self.statements.clone()));
        self.write(job, answer).await
    }

    pub(super) async fn read<I, T>(&self, input: I, body: Body<I, T>) -> Result<T, StoreError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        let (job, answer) = Work::queued(input, body, (self.readers.is_none(), self.statements.clone()));
        match &self.readers {
            Some(readers) => {
                readers.send(job).map_err(|_| StoreError::unavailable("reading", CLOSED))?;
                answer.await.unwrap_or_else(|_| Err(StoreError::unavailable("reading", CLOSED)))
            }
            None => self.write(job, answer).await,
        }
    }

    async fn write<T>(
        &self,
        job: Box<dyn Job>,
        answer: oneshot::Receiver<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let closed = || StoreError::unavailable("waiting for the writer", CLOSED);
        let writer = self.writer.as_ref().ok_or_else(closed)?;
        writer.send(job).await.map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }
}

impl Drop for Sqlite {
    /// Waits until what was accepted is committed and the files are closed.
    fn drop(&mut self) {
        self.writer = None;
        self.readers = None;
        for thread in self.threads.drain(..) {
            // The last clone may be dropped with the input of a job, on the very thread: it ends by itself.
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

fn set_up(connection: Connection) -> Result<Connection, StoreError> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let outcome =
        connection.busy_timeout(Duration::from_millis(BUSY_MS)).and_then(|()| connection.execute_batch(SETTINGS));
    outcome.map_err(|error| failure(OPENING, &error).error)?;
    Ok(connection)
}

/// An empty file that its owner alone can read; SQLite gives its companions (-wal, -shm) the same mode.
fn create_private(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::OpenOptionsExt;
    // Only ever a new file: to close a second handle of an open one would drop SQLite's own locks (POSIX).
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::unavailable(OPENING, format!("{}: {error}", path.display()))),
    }
}

fn locked(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let cannot = |error| StoreError::unavailable(OPENING, format!("{}: {error}", name.display()));
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&name).map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let taken = format!("another nidan uses {}: stop it first", path.display());
            Err(StoreError::unavailable(OPENING, taken))
        }
        Err(TryLockError::Error(error)) => Err(cannot(error)),
    }
}

fn spawned(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    let thread = thread::Builder::new().name(name.into()).spawn(work);
    thread.map_err(|error| StoreError::unavailable(OPENING, format!("no thread: {error}")))
}

/// A transaction that waits for a thread: its input, body and way back, with their types forgotten.
trait Job: Send {
    /// Runs the body; whether its changes are to be kept.
    fn run(&mut self, connection: &mut Connection) -> bool;
    /// Tells the caller: what the body returned, or why nothing of it was kept.
    fn answer(self: Box<Self>, lost: Option<&StoreError>);
}

struct Work<I, T> {
    input: I,
    body: Body<I, T>,
    /// It runs on a connection that can write, and must not.
    guarded: bool,
    statements: ByStatement,
    outcome: Result<T, StoreError>,
    caller: oneshot::Sender<Result<T, StoreError>>,
}

type Answer<T> = oneshot::Receiver<Result<T, StoreError>>;

impl<I: Send + Sync + 'static, T: Send + 'static> Work<I, T> {
    fn queued(input: I, body: Body<I, T>, (guarded, statements): (bool, ByStatement)) -> (Box<dyn Job>, Answer<T>) {
        let (caller, answer) = oneshot::channel();
        let outcome = Err(StoreError::refused("a transaction", "its body panicked; it was rolled back"));
        (Box::new(Self { input, body, guarded, statements, outcome, caller }), answer)
    }
}

impl<I: Send + Sync, T: Send> Job for Work<I, T> {
    fn run(&mut self, connection: &mut Connection) -> bool {
        // The writer of a database in memory reads too; there, too, what only reads must not write.
        if self.guarded
            && let Err(error) = connection.execute_batch("PRAGMA query_only = 1")
        {
            self.outcome = Err(failure("reading", &error).error);
            return false;
        }
        let (input, body, statements) = (&self.input, self.body, &self.statements);
        let outcome = catch_unwind(AssertUnwindSafe(|| polled_once((connection, statements), input, body)));
        if let Ok(outcome) = outcome {
            self.outcome = outcome;
        }
        if self.guarded
            && let Err(error) = connection.execute_batch("PRAGMA query_only = 0")
        {
            self.outcome = Err(failure("reading", &error).error);
        }
        self.outcome.is_ok()
    }

    fn answer(self: Box<Self>, lost: Option<&StoreError>) {
        let outcome = lost.map_or(self.outcome, |error| Err(error.clone()));
        // Whoever hung up does not want it: what was done stays done.
        let _ = self.caller.send(outcome);
    }
}

fn polled_once<I, T>(
    (connection, statements): (&mut Connection, &ByStatement),
    input: &I,
    body: Body<I, T>,
) -> Result<T, StoreError> {
    let mut tx = Tx::new(db::Connection::Sqlite(connection), statements);
    let outcome = match body(&mut tx, input).as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => {
            Err(StoreError::refused("a transaction", "its body waited for something else than the database"))
        }
    };
    match tx.end() {
        Some(failure) => Err(failure.error),
        None => outcome,
    }
}

fn read(mut connection: Connection, queue: &Mutex<std_mpsc::Receiver<Box<dyn Job>>>) {
    loop {
        // One thread waits for the next job, holding the lock; the others wait for the lock.
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut job) = next else { return };
        job.run(&mut connection);
        answer(job, None);
    }
}

fn write(mut connection: Connection, mut queue: mpsc::Receiver<Box<dyn Job>>) {
    let mut group = Vec::with_capacity(GROUP);
    while let Some(first) = queue.blocking_recv() {
        let lost = commit(&mut connection, first, &mut queue, &mut group).err();
        for job in group.drain(..) {
            answer(job, lost.as_ref());
        }
    }
}

/// Answers, and survives a value whose `drop` panics: the thread serves everybody.
fn answer(job: Box<dyn Job>, lost: Option<&StoreError>) {
    let _ = catch_unwind(AssertUnwindSafe(|| job.answer(lost)));
}

/// Runs `first` and whatever waits as one transaction. An error means that nothing of the group was kept.
///
/// The first needs no savepoint: if it fails, all there is to undo is the transaction.
fn commit(
    connection: &mut Connection,
    first: Box<dyn Job>,
    queue: &mut mpsc::Receiver<Box<dyn Job>>,
    group: &mut Vec<Box<dyn Job>>,
) -> Result<(), StoreError> {
    group.push(first);
    step(connection, "BEGIN IMMEDIATE")?;
    if !group[0].run(connection) {
        return roll_back(connection);
    }
    whole(connection)?;
    while group.len() < GROUP
        && let Ok(mut job) = queue.try_recv()
    {
        let kept = in_savepoint(connection, &mut *job);
        group.push(job);
        if let Err(error) = kept {
            roll_back(connection)?;
            return Err(error);
        }
    }
    step(connection, "COMMIT").inspect_err(|_| {
        // What keeps it from rolling back shows at the next BEGIN.
        let _ = roll_back(connection);
    })
}

fn in_savepoint(connection: &mut Connection, job: &mut dyn Job) -> Result<(), StoreError> {
    step(connection, "SAVEPOINT job")?;
    let keep = job.run(connection);
    whole(connection)?;
    if !keep {
        step(connection, "ROLLBACK TO job")?;
    }
    step(connection, "RELEASE job")
}

/// A full disk or an I/O error makes SQLite roll the whole transaction back by itself, the others' parts included.
fn whole(connection: &Connection) -> Result<(), StoreError> {
    if connection.is_autocommit() {
        return Err(StoreError::unavailable(COMMITTING, "SQLite gave the transaction up: is the disk full?"));
    }
    Ok(())
}

fn roll_back(connection: &Connection) -> Result<(), StoreError> {
    if connection.is_autocommit() { Ok(()) } else { step(connection, "ROLLBACK") }
}

fn step(connection: &Connection, text: &'static str) -> Result<(), StoreError> {
    let outcome = connection.prepare_cached(text).and_then(|mut statement| statement.execute([]));
    outcome.map(drop).map_err(|error| failure(text, &error).error)
}

pub(super) fn rows(connection: &Connection, sql: &Sql, params: &[Value]) -> Result<Vec<Row>, Failure> {
    let run = || {
        let mut statement = connection.prepare_cached(sql.sqlite)?;
        let columns = statement.column_count();
        let mut answer = statement.query(params_from_iter(params))?;
        let mut rows = Vec::new();
        while let Some(row) = answer.next()? {
            let cells = (0..columns).map(|column| row.get_ref(column).and_then(owned)).collect::<Result<_, _>>()?;
            rows.push(Row { statement: sql.name(), cells: Cells::Sqlite(cells) });
        }
        Ok(rows)
    };
    run().map_err(|error| failure(sql.name(), &error))
}

pub(super) fn execute(connection: &Connection, sql: &Sql, params: &[Value]) -> Result<u64, Failure> {
    let outcome = connection.prepare_cached(sql.sqlite).and_then(|mut st| st.execute(params_from_iter(params)));
    outcome.map(|changed| changed as u64).map_err(|error| failure(sql.name(), &error))
}

fn owned(cell: ValueRef<'_>) -> rusqlite::Result<Value> {
    Ok(match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Text(_) => Value::Text(cell.as_str()?.to_owned()),
        ValueRef::Blob(value) => Value::Blob(value.to_vec()),
        ValueRef::Real(_) => return Err(rusqlite::Error::InvalidQuery), // no column and no statement of ours is one
    })
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Blob(value) => ValueRef::Blob(value),
        }))
    }
}

/// What went wrong. SQLite's messages name tables and columns, never values.
pub(super) fn failure(doing: &'static str, error: &rusqlite::Error) -> Failure {
    let reason = error.to_string();
    let Some(code) = error.sqlite_error() else {
        return Failure::last(StoreError::refused(doing, reason));
    };
    Failure::last(match code.code {
        ErrorCode::ConstraintViolation => match code.extended_code {
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => StoreError::conflict(doing, reason),
            _ => StoreError::refused(doing, reason),
        },
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreError::corrupt(doing, reason),
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::OutOfMemory
        | ErrorCode::SystemIoFailure
        | ErrorCode::DiskFull
        | ErrorCode::CannotOpen
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::PermissionDenied => StoreError::unavailable(doing, reason),
        _ => StoreError::refused(doing, reason),
    })
}
