//! What a flow may rely on, whichever database it runs on. `idempotency` serves as a plain table of keys and numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use nidan::store::{Db, StoreError, Tx, Value, sql};

sql! {
    PUT = "INSERT INTO idempotency (key_hash, request_hash, reply, created_ms) VALUES ($1, $1, $2, $3)";
    PUT_UNLESS_THERE = "INSERT INTO idempotency (key_hash, request_hash, reply, created_ms) VALUES ($1, $1, NULL, $2) \
        ON CONFLICT (key_hash) DO NOTHING";
    CHARGE = "UPDATE idempotency SET created_ms = created_ms + 1 WHERE key_hash = $1 AND created_ms < $2 RETURNING created_ms";
    ALL = "SELECT key_hash, reply, created_ms FROM idempotency ORDER BY created_ms, key_hash";
    PUT_TEXT = "INSERT INTO api_key (api_key_id, name, key_hash, scopes, created_ms, revoked_ms) VALUES ($1, $2, $1, '', 0, $3)";
    GET_TEXT = "SELECT name, revoked_ms FROM api_key WHERE api_key_id = $1";
    NO_SUCH_TABLE = "SELECT nothing FROM nowhere";
}

crate::store::on_every_database! {
    an_error_undoes_its_own_job_alone
    a_panic_undoes_its_own_job_alone
    a_swallowed_failure_is_not_committed
    a_failed_statement_ends_the_transaction
    a_hang_up_undoes_nothing
    a_cap_of_five_lets_exactly_five_through
    reading_cannot_write
    values_come_back_as_they_were
    row_counts_are_told
    errors_tell_no_values
    parameters_of_another_type_or_number_are_refused
    it_answers_a_ping
}

async fn put(tx: &mut Tx<'_>, n: i64) -> Result<(), StoreError> {
    tx.execute(&PUT, &[n.to_be_bytes().into(), Value::Null, n.into()]).await.map(drop)
}

async fn numbers(db: &Db) -> Vec<i64> {
    let rows = db.read((), |tx, ()| Box::pin(tx.rows(&ALL, &[]))).await.expect("rows");
    rows.iter().map(|row| row.int(2).expect("a number")).collect()
}

async fn an_error_undoes_its_own_job_alone(db: Db) {
    let jobs = (0..60).map(|n| {
        db.transact(n, |tx, n| {
            Box::pin(async move {
                put(tx, *n).await?;
                if n % 3 == 0 { Err(StoreError::corrupt("a test", "as it should be")) } else { Ok(*n) }
            })
        })
    });
    for (n, outcome) in (0..).zip(join_all(jobs).await) {
        let expected = if n % 3 == 0 { Err(StoreError::corrupt("a test", "as it should be")) } else { Ok(n) };
        assert_eq!(outcome, expected);
    }
    assert_eq!(numbers(&db).await, (0..60).filter(|n| n % 3 != 0).collect::<Vec<_>>());
}

async fn a_panic_undoes_its_own_job_alone(db: Db) {
    let jobs = (0..60).map(|n| {
        db.transact(n, |tx, n| {
            Box::pin(async move {
                put(tx, *n).await?;
                assert!(n % 2 == 0, "this panic is part of the test");
                Ok(())
            })
        })
    });
    for (n, outcome) in (0..).zip(join_all(jobs).await) {
        match outcome {
            Ok(()) => assert_eq!(n % 2, 0),
            Err(error) => assert!(n % 2 == 1 && matches!(error, StoreError::Refused { .. }), "{n}: {error}"),
        }
    }
    assert_eq!(numbers(&db).await, (0..60).filter(|n| n % 2 == 0).collect::<Vec<_>>());
}

async fn a_swallowed_failure_is_not_committed(db: Db) {
    let outcome = db.transact((), |tx, ()| {
        Box::pin(async move {
            put(tx, 1).await?;
            let again = put(tx, 1).await;
            assert!(matches!(again, Err(StoreError::Conflict { .. })), "{again:?}");
            Ok(())
        })
    });
    let outcome = outcome.await;
    assert!(matches!(outcome, Err(StoreError::Conflict { .. })), "{outcome:?}");
    assert_eq!(numbers(&db).await, Vec::<i64>::new());
}

async fn a_failed_statement_ends_the_transaction(db: Db) {
    let outcome = db.transact((), |tx, ()| {
        Box::pin(async move {
            let first = tx.rows(&NO_SUCH_TABLE, &[]).await.map(drop);
            let second = put(tx, 1).await;
            assert!(matches!(first, Err(StoreError::Refused { .. })), "{first:?}");
            assert_eq!(first, second);
            Ok(())
        })
    });
    assert!(outcome.await.is_err());
    assert_eq!(numbers(&db).await, Vec::<i64>::new());
}

async fn a_hang_up_undoes_nothing(db: Db) {
    for n in 0..20 {
        let flow = db.transact(n, |tx, n| {
            Box::pin(async move {
                for part in 0..3 {
                    put(tx, 10 * n + part).await?;
                }
                Ok(())
            })
        });
        // hangs up at another point each time
        let _ = tokio::time::timeout(Duration::from_micros(300 * n as u64), flow).await;
    }
    let expected: Vec<i64> = (0..20).flat_map(|n| [10 * n, 10 * n + 1, 10 * n + 2]).collect();
    for _ in 0..500 {
        if numbers(&db).await == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not all arrived: {:?}", numbers(&db).await);
}

async fn a_cap_of_five_lets_exactly_five_through(db: Db) {
    for round in 0..10_i64 {
        db.transact(round, |tx, round| {
            Box::pin(
                async move { tx.execute(&PUT, &[round.to_be_bytes().into(), Value::Null, 0.into()]).await.map(drop) },
            )
        })
        .await
        .expect("a counter");
        let evaluated = Arc::new(AtomicU32::new(0));
        let guesses = (0..64).map(|_| {
            let input = (round, Arc::clone(&evaluated));
            tokio::spawn({
                let db = db.clone();
                async move {
                    db.transact(input, |tx, (round, evaluated)| {
                        Box::pin(async move {
                            let charged = tx.optional(&CHARGE, &[round.to_be_bytes().into(), 5.into()]).await?;
                            if charged.is_some() {
                                evaluated.fetch_add(1, Ordering::Relaxed);
                            }
                            charged.map(|row| row.int(0)).transpose()
                        })
                    })
                    .await
                }
            })
        });
        let outcomes = join_all(guesses).await;
        let mut charged: Vec<i64> =
            outcomes.into_iter().filter_map(|o| o.expect("no panic").expect("no error")).collect();
        charged.sort_unstable();
        assert_eq!(charged, [1, 2, 3, 4, 5]);
        assert_eq!(evaluated.load(Ordering::Relaxed), 5);
    }
}

async fn reading_cannot_write(db: Db) {
    let outcome = db.read((), |tx, ()| Box::pin(put(tx, 1))).await;
    assert!(matches!(outcome, Err(StoreError::Refused { .. })), "{outcome:?}");
    assert_eq!(numbers(&db).await, Vec::<i64>::new());
    db.transact((), |tx, ()| Box::pin(put(tx, 2))).await.expect("writing goes on");
    assert_eq!(numbers(&db).await, [2]);
}

async fn values_come_back_as_they_were(db: Db) {
    for (n, number) in [i64::MIN, -1, 0, i64::MAX].into_iter().enumerate() {
        for (m, text) in ["", "診断 🔑 'quoted' -- $1"].into_iter().enumerate() {
            let key = vec![0, n as u8, m as u8, 255];
            let given = (key, text, number);
            let row = db.transact(given, |tx, (key, text, number)| {
                Box::pin(async move {
                    let key = || Value::from(key.as_slice());
                    tx.execute(&PUT_TEXT, &[key(), (*text).into(), (*number).into()]).await?;
                    tx.one(&GET_TEXT, &[key()]).await
                })
            });
            let row = row.await.expect("a row");
            assert_eq!((row.text(0), row.int(1), row.opt_int(1)), (Ok(text), Ok(number), Ok(Some(number))));
            assert!(row.int(0).is_err() && row.blob(0).is_err() && row.text(1).is_err() && row.int(2).is_err());
        }
    }
    let blobs: [Option<&[u8]>; 3] = [None, Some(&[]), Some(&[0, 255])];
    for (n, blob) in (0..).zip(blobs) {
        db.transact((n, blob), |tx, (n, blob)| {
            Box::pin(async move {
                tx.execute(&PUT, &[i64::to_be_bytes(*n).into(), (*blob).into(), (*n).into()]).await.map(drop)
            })
        })
        .await
        .expect("put");
    }
    let rows = db.read((), |tx, ()| Box::pin(tx.rows(&ALL, &[]))).await.expect("rows");
    let back: Vec<_> = rows.iter().map(|row| row.opt_blob(1).expect("bytes or null")).collect();
    assert_eq!(back, blobs);
    assert!(rows[0].blob(1).is_err(), "null is not bytes");
    assert_eq!(rows[2].array::<2>(1), Ok([0, 255]));
    assert!(rows[2].array::<3>(1).is_err());
}

async fn row_counts_are_told(db: Db) {
    let counts = db.transact((), |tx, ()| {
        Box::pin(async move {
            let key: Value = [7; 32].into();
            let first = tx.execute(&PUT_UNLESS_THERE, &[key.clone(), 1.into()]).await?;
            let second = tx.execute(&PUT_UNLESS_THERE, &[key.clone(), 2.into()]).await?;
            let none = tx.optional(&CHARGE, &[key.clone(), 0.into()]).await?.is_none();
            let missing = tx.one(&CHARGE, &[key, 0.into()]).await.map(drop);
            Ok((first, second, none, missing))
        })
    });
    let (first, second, none, missing) = counts.await.expect("counts");
    assert_eq!((first, second, none), (1, 0, true));
    assert!(matches!(missing, Err(StoreError::Corrupt { .. })), "{missing:?}");
}

async fn errors_tell_no_values(db: Db) {
    let taken = db.transact((), |tx, ()| {
        Box::pin(async move {
            for _ in 0..2 {
                tx.execute(&PUT_TEXT, &[b"taro@example.jp".into(), "taro@example.jp".into(), Value::Null]).await?;
            }
            Ok(())
        })
    });
    let wrong = db.transact((), |tx, ()| {
        Box::pin(
            async move { tx.execute(&PUT_TEXT, &[Value::Null, "taro@example.jp".into(), Value::Null]).await.map(drop) },
        )
    });
    for error in [taken.await.expect_err("taken"), wrong.await.expect_err("not null")] {
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("PUT_TEXT") && !shown.contains("taro") && !shown.contains("7461726f"), "{shown}");
    }
}

async fn parameters_of_another_type_or_number_are_refused(db: Db) {
    let key = || Value::from([1]);
    for params in [vec![key(), Value::Null, "one".into()], vec![key(), 1.into(), 1.into()], vec![key()], vec![]] {
        let outcome = db.transact(params, |tx, params| Box::pin(async move { tx.execute(&PUT, params).await })).await;
        assert!(matches!(outcome, Err(StoreError::Refused { .. })), "{outcome:?}");
    }
    assert!(numbers(&db).await.is_empty());
}

async fn it_answers_a_ping(db: Db) {
    assert_eq!(db.ping().await, Ok(()));
}
