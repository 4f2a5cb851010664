//! Several nodes on one database.

use std::sync::Arc;

use nidan::flow::budget::complete;
use nidan::store::rate_counter::{self, Step};
use nidan::store::{Db, StoreError};
use nidan_core::bucket::{Rule, Take};
use nidan_core::time::{Span, Timestamp};
use tokio::sync::{Notify, oneshot};

use super::{HOUR, Node, START, admitted, budget, refused_until, rolling, rules};
use crate::app::wait_for;
use crate::postgres::TestDatabase;

/// Each with connections of its own.
async fn two_nodes(database: &TestDatabase) -> (Node, Node) {
    let [one, other] = [Db::open(&database.url()).await, Db::open(&database.url()).await];
    let one = Node::new(one.expect("a database"));
    let other = one.another(other.expect("a database"));
    (one, other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_get_exactly_the_cap() {
    let database = TestDatabase::migrated().await;
    let (one, other) = two_nodes(&database).await;
    for round in 0..5 {
        for rule in rules(5) {
            let budget = [budget(&format!("{round} {rule:?}"), rule)];
            let (here, there) = tokio::join!(one.at_once(&budget, 32), other.at_once(&budget, 32));
            assert_eq!(here + there, 5, "{rule:?}");
        }
        let country = [budget(&format!("{round}"), Rule::Window { cap: 100, window: HOUR })];
        let mut given = 0;
        for _ in 0..8 {
            let (here, there) = tokio::join!(one.at_once(&country, 32), other.at_once(&country, 32));
            given += here + there;
        }
        assert_eq!(given, 100);
    }
}

crate::store::on_every_database!(a_refusal_is_remembered_for_a_moment_only);

/// Ten seconds later at the latest a node sees what was completed on another; where it was completed it is seen at once.
async fn a_refusal_is_remembered_for_a_moment_only(db: Db) {
    let one = Node::new(db.clone());
    let other = one.another(db);
    let number = [budget("number", rolling(1))];
    let taken = admitted(other.admit(&number).await);
    let until = refused_until(&one.admit(&number).await);
    assert_eq!(refused_until(&other.admit(&number).await), until);
    complete(&other.app, taken).await.expect("completed");
    one.clock.advance(Span::ms(9_999));
    assert_eq!(refused_until(&one.admit(&number).await), until, "as it was told");
    one.clock.advance(Span::ms(1));
    one.admitted(&number).await;
    other.clock.set(one.app.clock.now());
    assert_eq!(other.at_once(&number, 4).await, 0);
}

/// What a sweeper may overlook: a counter that has expired and is being taken from.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_counter_is_not_swept_while_it_is_taken_from() {
    let database = TestDatabase::migrated().await;
    let db = Db::open(&database.url()).await.expect("a database");
    let step = Step { row: [7; 32], rule: rolling(3), n: 1 };
    let now = START.plus(Span::days(2));
    take(&db, step, START).await.expect("taken");
    let (held, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (took, taken) = oneshot::channel();
    let input = (step, now, held.clone(), go_on.clone());
    let taking = db.clone();
    let taker = tokio::spawn(async move {
        let done = taking.transact(input, |tx, (step, now, held, go_on)| {
            Box::pin(async move {
                let take = rate_counter::take(tx, step, *now, *now).await?;
                held.notify_one();
                go_on.notified().await;
                Ok(take)
            })
        });
        took.send(done.await).expect("the test waits");
    });
    held.notified().await;
    let sweeping = db.clone();
    let sweeper = tokio::spawn(async move {
        sweeping.transact(now, |tx, now| Box::pin(rate_counter::forget(tx, *now))).await.expect("swept")
    });
    let watcher = database.connect().await;
    wait_for("the sweeper to wait for the row", async || {
        let waits = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        (!watcher.query(waits, &[]).await.expect("an answer").is_empty()).then_some(())
    })
    .await;
    go_on.notify_one();
    assert!(matches!(taken.await.expect("an outcome"), Ok(Take::Taken(_))));
    taker.await.expect("no panic");
    assert_eq!(sweeper.await.expect("no panic"), 0, "it is alive again");
    for _ in 0..2 {
        assert!(matches!(take(&db, step, now).await, Ok(Take::Taken(_))));
    }
    assert!(matches!(take(&db, step, now).await, Ok(Take::Refused { .. })), "the first was not forgotten");
}

async fn take(db: &Db, step: Step, now: Timestamp) -> Result<Take, StoreError> {
    db.transact((step, now), |tx, (step, now)| Box::pin(rate_counter::take(tx, step, *now, *now))).await
}
