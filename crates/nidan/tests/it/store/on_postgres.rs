//! What holds on PostgreSQL alone: isolation, retries, lost connections, TLS.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use futures_util::future::join_all;
use nidan::store::{DatabaseUrl, Db, StoreError, Tx, Value, sql};
use tokio::sync::Barrier;

use crate::postgres::TestDatabase;

sql! {
    PUT = "INSERT INTO idempotency (key_hash, request_hash, reply, created_ms) VALUES ($1, $1, $2, 0)";
    ADD = "UPDATE idempotency SET created_ms = created_ms + 1 WHERE key_hash = $1 RETURNING created_ms";
    GET = "SELECT created_ms FROM idempotency WHERE key_hash = $1";
    SETTING = "SELECT current_setting($1) AS setting";
    COLLIDE = "SELECT collide($1) AS run";
    SLEEP = "SELECT CAST(COUNT(pg_sleep(60)) AS BIGINT) AS n";
}

async fn opened(database: &TestDatabase) -> Db {
    Db::open(&database.url()).await.expect("a database")
}

async fn add(tx: &mut Tx<'_>, key: u8) -> Result<i64, StoreError> {
    tx.one(&ADD, &[[key].into()]).await?.int(0)
}

struct Crossing {
    first: u8,
    second: u8,
    ran: AtomicBool,
    runs: Arc<AtomicU32>,
    meet: Arc<Barrier>,
}

/// Two transactions take two rows in opposite order, and each waits until the other has its first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_is_run_again() {
    let database = TestDatabase::migrated().await;
    let db = opened(&database).await;
    for key in [1, 2] {
        db.transact([key], |tx, key| Box::pin(async move { tx.execute(&PUT, &[key.into(), Value::Null]).await }))
            .await
            .expect("a row");
    }
    let (runs, meet) = (Arc::new(AtomicU32::new(0)), Arc::new(Barrier::new(2)));
    let both = [(1, 2), (2, 1)].map(|(first, second)| {
        let crossing = Crossing { first, second, ran: false.into(), runs: Arc::clone(&runs), meet: Arc::clone(&meet) };
        db.transact(crossing, |tx, crossing| {
            Box::pin(async move {
                crossing.runs.fetch_add(1, Ordering::Relaxed);
                add(tx, crossing.first).await?;
                if !crossing.ran.swap(true, Ordering::Relaxed) {
                    crossing.meet.wait().await;
                }
                add(tx, crossing.second).await.map(drop)
            })
        })
    });
    assert_eq!(join_all(both).await, [Ok(()), Ok(())]);
    assert_eq!(runs.load(Ordering::Relaxed), 3, "two, and the victim once more");
    for key in [1, 2] {
        let value = db.read([key], |tx, key| Box::pin(async move { tx.one(&GET, &[key.into()]).await?.int(0) })).await;
        assert_eq!(value, Ok(2));
    }
}

/// A function that fails as a serializable database does, as often as told. A sequence counts, since it is not rolled back.
#[tokio::test]
async fn a_serialization_failure_is_run_again_but_not_for_ever() {
    let database = TestDatabase::migrated().await;
    let db = opened(&database).await;
    let admin = database.connect().await;
    admin
        .batch_execute(
            "CREATE SEQUENCE tries; CREATE FUNCTION collide(times bigint) RETURNS bigint LANGUAGE plpgsql AS $$
             DECLARE run bigint := nextval('tries');
             BEGIN IF run <= times THEN RAISE EXCEPTION 'secret value' USING ERRCODE = '40001'; END IF; RETURN run; END $$",
        )
        .await
        .expect("a function");
    let collide = |times: i64| {
        db.transact(times, |tx, times| Box::pin(async move { tx.one(&COLLIDE, &[(*times).into()]).await?.int(0) }))
    };
    assert_eq!(collide(3).await, Ok(4), "three failures, then success");
    let error = collide(1_000).await.expect_err("it gives up");
    assert!(matches!(error, StoreError::Unavailable { .. }) && !error.to_string().contains("secret"), "{error}");
    let runs: i64 = admin.query_one("SELECT last_value FROM tries", &[]).await.expect("a row").get(0);
    assert_eq!(runs - 4, 6, "six attempts");
}

#[tokio::test]
async fn isolation_and_access_are_pinned_whatever_the_default() {
    let database = TestDatabase::migrated().await;
    database.set_default("default_transaction_isolation = 'serializable'").await;
    database.set_default("default_transaction_read_only = on").await;
    let db = opened(&database).await;
    for (setting, expected) in [("transaction_isolation", "read committed"), ("transaction_read_only", "off")] {
        let shown = db.transact(setting, |tx, setting| {
            Box::pin(async move { Ok(tx.one(&SETTING, &[(*setting).into()]).await?.text(0)?.to_owned()) })
        });
        assert_eq!(shown.await.as_deref(), Ok(expected), "{setting}");
    }
}

#[tokio::test]
async fn a_server_that_may_forget_commits_is_refused() {
    let database = TestDatabase::migrated().await;
    database.set_default("synchronous_commit = off").await;
    let opened = Db::open(&database.url()).await.map(drop);
    assert!(opened.as_ref().is_err_and(|error| error.to_string().contains("synchronous_commit")), "{opened:?}");
}

#[tokio::test]
async fn connections_that_went_away_are_replaced() {
    let database = TestDatabase::migrated().await;
    let db = opened(&database).await;
    for _ in 0..3 {
        join_all((0..10).map(|_| db.ping())).await;
        let others = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
        database.connect().await.execute(others, &[]).await.expect("terminated");
        assert_eq!(join_all((0..10).map(|_| db.ping())).await, vec![Ok(()); 10]);
    }
}

#[tokio::test]
async fn panics_do_not_use_the_connections_up() {
    let database = TestDatabase::migrated().await;
    let db = opened(&database).await;
    let panics = (0..50).map(|_| {
        db.transact((), |tx, ()| {
            Box::pin(async move {
                tx.execute(&PUT, &[[1].into(), Value::Null]).await?;
                panic!("this panic is part of the test")
            })
        })
    });
    let outcomes: Vec<Result<(), StoreError>> = join_all(panics).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(StoreError::Refused { .. }))), "{outcomes:?}");
    assert_eq!(db.ping().await, Ok(()));
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_stopped() {
    let database = TestDatabase::migrated().await;
    let db = opened(&database).await;
    let outcome = db.read((), |tx, ()| Box::pin(tx.rows(&SLEEP, &[]))).await.map(|rows| rows.len());
    assert!(outcome.as_ref().is_err_and(|error| error.to_string().contains("57014")), "{outcome:?}");
}

#[tokio::test]
async fn verify_full_takes_the_right_server_and_no_other() {
    let database = TestDatabase::migrated().await;
    let admin = database.connect().await;
    let data: String = admin.query_one("SHOW data_directory", &[]).await.expect("a row").get(0);
    let plain = database.url_text();
    let by_name = plain.replace("127.0.0.1", "localhost");
    let url =
        |base: &str, rest: &str| format!("{base}?sslmode=verify-full{rest}").parse::<DatabaseUrl>().expect("a URL");
    let certificate = format!("&sslrootcert={data}/server.crt");
    let db = Db::open(&url(&by_name, &certificate)).await.expect("the right name and certificate");
    assert_eq!(db.ping().await, Ok(()));
    let encrypted = "SELECT COUNT(*) FROM pg_stat_ssl NATURAL JOIN pg_stat_activity \
                     WHERE ssl AND datname = current_database() AND application_name = 'nidan'";
    let count: i64 = admin.query_one(encrypted, &[]).await.expect("a row").get(0);
    assert!(count >= 1);
    for wrong in [url(&plain, &certificate), url(&by_name, "")] {
        let outcome = Db::open(&wrong).await.map(drop);
        assert!(matches!(outcome, Err(StoreError::Unavailable { .. })), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_used_is_told_apart() {
    let database = TestDatabase::empty().await;
    let (base, name) = database.url_text().rsplit_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a name");
    let (_, host) = base.rsplit_once('@').expect("a user");
    let open = async |url: String| match Db::open(&url.parse::<DatabaseUrl>().expect("a URL")).await {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    };
    let password = open(format!("postgres://postgres:not-the-password@{host}/{name}")).await;
    assert!(
        password.to_string().contains("user or password") && !password.to_string().contains("not-the"),
        "{password}"
    );
    let missing = open(format!("{base}/no_such_database")).await;
    assert!(missing.to_string().contains("create it first"), "{missing}");
    let nobody = open("postgres://postgres@127.0.0.1:1/x".into()).await;
    assert!(matches!(nobody, StoreError::Unavailable { .. }) && nobody.to_string().contains("refused"), "{nobody}");
}
