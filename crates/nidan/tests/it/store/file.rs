//! What holds for a database in an SQLite file alone.

use std::os::unix::fs::PermissionsExt;

use futures_util::future::join_all;
use nidan::store::{Db, StoreError, Value, migrate, sql};

use super::Directory;

sql! {
    PUT = "INSERT INTO idempotency (key_hash, request_hash, reply, created_ms) VALUES ($1, $1, $2, $3)";
    PUT_OR_ROLL_BACK = "INSERT OR ROLLBACK INTO idempotency (key_hash, request_hash, reply, created_ms) VALUES ($1, $1, NULL, 0)";
    COUNT = "SELECT COUNT(*) AS n FROM idempotency";
    LIMITED = "PRAGMA max_page_count = 60";
    UNLIMITED = "PRAGMA max_page_count = 1000000";
}

async fn put(db: &Db, n: i64) -> Result<(), StoreError> {
    db.transact(n, |tx, n| {
        Box::pin(async move { tx.execute(&PUT, &[n.to_be_bytes().into(), Value::Null, (*n).into()]).await.map(drop) })
    })
    .await
}

async fn count(db: &Db) -> i64 {
    db.read((), |tx, ()| Box::pin(async move { tx.one(&COUNT, &[]).await?.int(0) })).await.expect("a count")
}

async fn opened(directory: &Directory) -> Db {
    let db = Db::open(&directory.url()).await.expect("a database");
    migrate::migrate(&db).await.expect("migrated");
    db
}

/// Commits in the write-ahead log: frames that carry the size of the database (SQLite file format, section 4.1).
fn commits(directory: &Directory) -> usize {
    let log = std::fs::read(directory.file().with_extension("db-wal")).expect("a write-ahead log");
    let page = u32::from_be_bytes(log[8..12].try_into().expect("four bytes")) as usize;
    let salt = &log[16..24];
    let frames = log[32..].chunks_exact(24 + page);
    frames.filter(|frame| &frame[8..16] == salt && frame[4..8] != [0; 4]).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_committed_together() {
    let directory = Directory::new();
    let db = opened(&directory).await;
    let before = commits(&directory);
    let outcomes = join_all((0..200).map(|n| put(&db, n))).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let commits = commits(&directory) - before;
    assert!((1..=100).contains(&commits), "200 transactions in {commits} commits");
    assert_eq!(count(&db).await, 200);
}

/// The writer stands still until the reader has its answer.
#[tokio::test]
async fn reading_does_not_wait_for_the_writer() {
    let directory = Directory::new();
    let db = opened(&directory).await;
    let (go_on, wait) = std::sync::mpsc::channel();
    let writing = db.transact(std::sync::Mutex::new(wait), |tx, wait| {
        Box::pin(async move {
            tx.execute(&PUT, &[[1].into(), Value::Null, 1.into()]).await?;
            let waited = wait.lock().expect("no panic").recv_timeout(std::time::Duration::from_secs(20));
            Ok(waited.is_ok())
        })
    });
    let reading = async {
        assert_eq!(count(&db).await, 0, "nor does it see what is not committed");
        go_on.send(()).expect("the writer waits");
    };
    assert_eq!(tokio::join!(writing, reading).0, Ok(true));
    assert_eq!(count(&db).await, 1);
}

#[tokio::test]
async fn a_body_that_waits_is_refused_and_rolled_back() {
    let directory = Directory::new();
    let db = opened(&directory).await;
    let outcome = db.transact((), |tx, ()| {
        Box::pin(async move {
            tx.execute(&PUT, &[[1].into(), Value::Null, 1.into()]).await?;
            tokio::task::yield_now().await;
            Ok(())
        })
    });
    let outcome = outcome.await;
    assert!(matches!(outcome, Err(StoreError::Refused { .. })), "{outcome:?}");
    assert_eq!(count(&db).await, 0);
}

#[tokio::test]
async fn one_server_has_the_file_and_commands_may_join() {
    let directory = Directory::new();
    let url = directory.url();
    let server = Db::open_exclusive(&url).await.expect("the first");
    migrate::migrate(&server).await.expect("migrated");
    let second = Db::open_exclusive(&url).await.map(drop);
    assert!(second.as_ref().is_err_and(|error| error.to_string().contains("stop it first")), "{second:?}");
    let command = Db::open(&url).await.expect("a command");
    let puts = (0..50).map(|n| put(if n % 2 == 0 { &server } else { &command }, n));
    assert!(join_all(puts).await.iter().all(Result::is_ok));
    drop(server);
    let next = Db::open_exclusive(&url).await.expect("the next, once the first is gone");
    assert_eq!(count(&next).await, 50);
}

#[tokio::test]
async fn what_was_answered_is_there_after_reopening_and_private() {
    let directory = Directory::new();
    let db = opened(&directory).await;
    put(&db, 1).await.expect("put");
    for name in ["db", "db-wal", "db-shm"] {
        let mode = std::fs::metadata(directory.file().with_extension(name)).expect(name).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    drop(db);
    assert_eq!(count(&Db::open(&directory.url()).await.expect("again")).await, 1);
}

#[tokio::test]
async fn a_database_may_be_dropped_by_its_own_job() {
    let directory = Directory::new();
    let db = opened(&directory).await;
    let inner = db.clone();
    let outcome = tokio::spawn(async move { inner.clone().transact(inner, |_, _| Box::pin(async { Ok(()) })).await });
    drop(db);
    assert_eq!(outcome.await.expect("no panic"), Ok(()));
}

#[tokio::test]
async fn a_full_disk_fails_the_whole_group_and_no_later_one() {
    let directory = Directory::new();
    let db = opened(&directory).await;
    let big = |db: Db, n: i64| async move {
        db.transact((n, vec![7_u8; 100_000]), |tx, (n, blob)| {
            Box::pin(async move {
                tx.execute(&PUT, &[n.to_be_bytes().into(), blob.as_slice().into(), (*n).into()]).await.map(drop)
            })
        })
        .await
    };
    // For the writer's own connection, the only one it concerns.
    db.transact((), |tx, ()| Box::pin(tx.rows(&LIMITED, &[]))).await.expect("a limit");
    let outcomes = join_all((0..20).map(|n| big(db.clone(), n))).await;
    let kept = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!(
        kept < 20
            && outcomes.iter().flat_map(|o| o.as_ref().err()).all(|e| matches!(e, StoreError::Unavailable { .. }))
    );
    assert_eq!(count(&db).await, kept as i64, "{outcomes:?}");
    db.transact((), |tx, ()| Box::pin(tx.rows(&UNLIMITED, &[]))).await.expect("no limit");
    big(db.clone(), 99).await.expect("it goes on");
    assert_eq!(count(&db).await, kept as i64 + 1);
}

/// A failure after which SQLite has rolled back more than the job that met it, as a failing disk can make it do.
#[tokio::test]
async fn a_transaction_that_sqlite_gave_up_is_answered_as_lost() {
    let directory = Directory::new();
    let db = opened(&directory).await;
    put(&db, 0).await.expect("put");
    let hold_the_writer = db.transact((), |_, ()| {
        std::thread::sleep(std::time::Duration::from_millis(200));
        Box::pin(async { Ok(()) })
    });
    let give_up = db.transact((), |tx, ()| {
        Box::pin(async move { tx.execute(&PUT_OR_ROLL_BACK, &[0_i64.to_be_bytes().into()]).await.map(drop) })
    });
    let (_, before, gave_up, after) = tokio::join!(hold_the_writer, put(&db, 1), give_up, put(&db, 2));
    let lost = |outcome: &Result<(), StoreError>| {
        outcome.as_ref().is_err_and(|e| e.to_string().contains("gave the transaction up"))
    };
    assert!(lost(&before) && lost(&gave_up), "{before:?} {gave_up:?}");
    assert_eq!(after, Ok(()), "the next group is none of its business");
    assert_eq!(count(&db).await, 2);
}
