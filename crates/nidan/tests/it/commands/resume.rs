//! `nidan route resume` and `nidan api-key resume`.

use nidan::store::stop::{self, Stopped};
use nidan::store::{Db, migrate};
use nidan_core::alarm::{Kind, Stop, Why};
use nidan_core::time::Timestamp;

use super::{Deployment, err, out};

const AT: Timestamp = Timestamp::from_ms(1_795_305_600_000);

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stopped_goes_on_once_and_that_it_was_stopped_stays_written_down() {
    let mut deployment = Deployment::new();
    deployment.add(&format!("[database]\nurl = \"{}\"\n", deployment.directory.url()));
    let db = Db::open(&deployment.directory.url()).await.expect("a database");
    migrate::migrate(&db).await.expect("migrated");
    let made = deployment.nidan(&["api-key", "create", "shop"]).await;
    assert!(made.status.success(), "{}", err(&made));
    let listed = out(&deployment.nidan(&["api-key", "list"]).await);
    let key = listed.split(' ').next().expect("an id").to_owned();
    let stops = [
        (Kind::Route, "carrier".to_owned(), Stop { why: Why::MoreReceipts, counted: 20, of: 10 }),
        (Kind::ApiKey, key.clone(), Stop { why: Why::Repeats, counted: 30, of: 40 }),
    ];
    for (kind, name, stop) in stops {
        let stopped = Stopped { kind, name, stop, at: AT };
        let news = db.transact(stopped, |tx, stopped| Box::pin(stop::stop(tx, stopped))).await;
        assert_eq!(news, Ok(true));
    }
    assert!(out(&deployment.nidan(&["api-key", "list"]).await).contains("  stopped  "));
    let route = deployment.nidan(&["route", "resume", "carrier"]).await;
    assert_eq!(
        out(&route),
        "carrier goes on; it was stopped since 2026-11-22T00:00:00Z because it delivered more messages than it was given (20 of 10)\n"
    );
    let resumed = deployment.nidan(&["api-key", "resume", &key]).await;
    assert!(out(&resumed).contains("because identical requests are repeated within two seconds (30 of 40)"));
    assert!(out(&deployment.nidan(&["api-key", "list"]).await).contains("  living   "));
    let again = deployment.nidan(&["route", "resume", "carrier"]).await;
    assert_eq!((again.status.code(), err(&again).as_str()), (Some(1), "carrier is not stopped\n"));
    let resumed_at = db.read((), |tx, ()| Box::pin(stop::resumed_at(tx, Kind::Route, "carrier"))).await;
    assert!(resumed_at.expect("no failure").is_some_and(|at| at > AT));
}
