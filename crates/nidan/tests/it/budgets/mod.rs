//! What is counted over requests, nodes and restarts: budgets, guesses, wrong codes, and what was asked for.

mod breaker;
mod counters;
mod guesses;
mod nodes;
mod permits;
mod requests;

use std::sync::Arc;

use futures_util::future::join_all;
use nidan::app::{App, Clock, ManualClock, Random};
use nidan::bench::seed::{self, Owner};
use nidan::config::Settings;
use nidan::flow::budget::{Admission, Admitted, admit};
use nidan::keys::KeyRing;
use nidan::store::{Db, ceremony};
use nidan_core::bucket::Rule;
use nidan_core::budget::{Budget, Gate, Kind, Suppressed};
use nidan_core::id::{self, Scoped};
use nidan_core::language::Language;
use nidan_core::secret::Secret;
use nidan_core::time::{Span, Timestamp};

use crate::store::Directory;

/// A full hour of UTC, so that nothing moves into another window by itself.
const START: Timestamp = Timestamp::from_ms(1_795_305_600_000);
const HOUR: Span = Span::minutes(60);

/// One node of an installation, without pages and worker.
struct Node {
    app: Arc<App>,
    clock: ManualClock,
    keys: Arc<Directory>,
    seed: u64,
}

impl Node {
    fn new(db: Db) -> Self {
        Self::on(db, (Arc::new(Directory::new()), 1), START)
    }

    /// Another node of the same installation, or the same after a restart: it remembers nothing.
    fn another(&self, db: Db) -> Self {
        Self::on(db, (self.keys.clone(), self.seed + 1), self.app.clock.now())
    }

    fn on(db: Db, (keys, seed): (Arc<Directory>, u64), now: Timestamp) -> Self {
        let settings = Settings::demo("127.0.0.1:8080".parse().expect("an address"), &keys.path(), Language::Ja);
        let (ring, _) = KeyRing::load_or_create(&settings.keys_file, &Random::seeded(1), now).expect("a key file");
        let (clock, hand) = Clock::manual(now);
        let (app, _messages) = App::new(&settings, (db, ring), (clock, Random::seeded(seed))).expect("texts");
        Self { app, clock: hand, keys, seed }
    }

    async fn admit(&self, budgets: &[Budget]) -> Admission {
        admit(&self.app, budgets.to_vec()).await.expect("no failure")
    }

    /// What was taken, which must have been possible.
    async fn admitted(&self, budgets: &[Budget]) -> Admitted {
        admitted(self.admit(budgets).await)
    }

    /// How many of `count` at once are admitted.
    async fn at_once(&self, budgets: &[Budget], count: usize) -> usize {
        let tasks = (0..count).map(|_| {
            let (app, budgets) = (self.app.clone(), budgets.to_vec());
            tokio::spawn(async move { admit(&app, budgets).await.expect("no failure") })
        });
        let all = join_all(tasks).await.into_iter().map(|ended| ended.expect("no panic"));
        all.filter(|admission| matches!(admission, Admission::Admitted(_))).count()
    }

    async fn owners(&self, count: usize) -> Vec<Owner> {
        let hash = Secret::new(crate::app::PASSWORD_HASH.to_owned());
        seed::owners(&self.app, count, &hash).await.expect("owners")
    }

    /// A sign-in of `owner` from an unknown device.
    async fn sign_in(&self, owner: &Owner) -> Scoped<id::Ceremony> {
        seed::challenges(&self.app, std::slice::from_ref(owner)).await.expect("a sign-in").remove(0)
    }

    /// Finishes a sign-in; what was taken for it, to whoever was the one to finish it.
    async fn finish(&self, sign_in: Scoped<id::Ceremony>) -> Option<Admitted> {
        let input = (self.app.clone(), sign_in);
        let finished = self.app.db.transact(input, |tx, (app, sign_in)| {
            Box::pin(async move {
                let account = nidan::store::account::load(tx, app, sign_in.account).await?.expect("an account");
                let open = ceremony::load(tx, &account, sign_in.id).await?.expect("a sign-in");
                if !ceremony::finish(tx, &open, app.clock.now()).await? {
                    return Ok(None);
                }
                ceremony::take_budgets(tx, &open).await.map(Some)
            })
        });
        finished.await.expect("no failure")
    }
}

fn admitted(admission: Admission) -> Admitted {
    match admission {
        Admission::Admitted(admitted) => admitted,
        Admission::Refused { reason, until } => panic!("refused: {reason:?} until {until:?}"),
    }
}

fn refused_until(admission: &Admission) -> Timestamp {
    match admission {
        Admission::Refused { until, .. } => *until,
        Admission::Admitted(_) => panic!("admitted"),
    }
}

/// A budget of its own for each `key`.
fn budget(key: &str, rule: Rule) -> Budget {
    Budget {
        kind: Kind::NumberHour,
        key: Secret::new(key.as_bytes().to_vec()),
        rule,
        n: 1,
        gate: Gate::Refuse(Suppressed::NumberFull),
        stays: false,
    }
}

const fn rolling(cap: u8) -> Rule {
    Rule::Rolling { cap, window: HOUR }
}

/// One of each rule that gives so many at once. Windows are in permits.rs.
const fn rules(cap: u8) -> [Rule; 3] {
    let share = Rule::Share { cap: cap as i64, window: HOUR, percent: 50, quarantine: Span::ms(0) };
    [rolling(cap), Rule::Refilled { burst: cap, every: HOUR }, share]
}
