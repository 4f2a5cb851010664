//! The alarm about faults of our own, and of sites' programs: every few seconds each node looks at what the ledger holds of
//! each route, and at the requests that it got through each API key. What is at fault is stopped in the database, so that
//! all nodes, and those that start later, keep to it until an operator has it go on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nidan_core::alarm::{Kind, Requests, RouteCounts, Stop, judge_route};
use nidan_core::id::ApiKeyId;
use nidan_core::policy::Policy;
use nidan_core::time::Timestamp;

use super::lines::Route;
use crate::app::App;
use crate::store::stop::{self, Stopped};
use crate::store::{StoreError, Tx, carrier_message, message};

/// What this node knows of the alarm.
#[derive(Default)]
pub struct Alarm(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// What is stopped, as of the latest look.
    stopped: BTreeSet<(Kind, String)>,
    /// The requests that came here, by API key.
    requests: BTreeMap<ApiKeyId, Requests>,
}

impl Alarm {
    /// Whether a route may be given messages, as of the latest look.
    pub fn route_goes(&self, route: &str) -> bool {
        !self.known().stopped.iter().any(|(kind, name)| *kind == Kind::Route && name == route)
    }

    /// A request came through `key`; `request` is a keyed hash of all that is in it.
    pub fn came(&self, key: ApiKeyId, request: [u8; 32], (now, policy): (Timestamp, &Policy)) {
        self.known().requests.entry(key).or_insert_with(|| Requests::new(now)).came(request, now, policy);
    }

    /// That request was granted.
    pub fn granted(&self, key: ApiKeyId, request: &[u8; 32]) {
        if let Some(requests) = self.known().requests.get_mut(&key) {
            requests.granted(request);
        }
    }

    /// The keys that are to be stopped. What came through them is forgotten: they begin anew when they go on.
    fn repeating(&self, now: Timestamp, policy: &Policy) -> Vec<(ApiKeyId, Stop)> {
        let mut found = Vec::new();
        self.known().requests.retain(|key, requests| {
            let stop = requests.judge(now, policy);
            found.extend(stop.map(|stop| (*key, stop)));
            stop.is_none()
        });
        found
    }

    /// Takes in what is stopped now; gives what no longer is.
    fn look(&self, stopped: &[Stopped]) -> Vec<(Kind, String)> {
        let now: BTreeSet<_> = stopped.iter().map(|stopped| (stopped.kind, stopped.name.clone())).collect();
        let mut known = self.known();
        let before = std::mem::replace(&mut known.stopped, now);
        before.into_iter().filter(|one| !known.stopped.contains(one)).collect()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at what is stopped, by whichever node. If that cannot be read, what was known before stays.
pub(super) async fn look_at_stops(app: &App) {
    if let Err(error) = try_to_look_at_stops(app).await {
        tracing::error!(%error, "what is stopped could not be looked at");
    }
}

async fn try_to_look_at_stops(app: &App) -> Result<(), StoreError> {
    let stopped = app.db.read((), |tx, ()| Box::pin(stop::open(tx))).await?;
    for (kind, name) in app.alarm.look(&stopped) {
        app.metrics.stopped(kind.name(), &name, false);
        tracing::warn!(name, "{} goes on: an operator had it", kind.name());
    }
    for Stopped { kind, name, .. } in &stopped {
        app.metrics.stopped(kind.name(), name, true);
    }
    Ok(())
}

/// Looks for faults, and stops what has them. The worker does it every few seconds.
pub async fn look(app: &App, routes: &[Arc<Route>]) {
    if let Err(error) = try_to_look(app, routes).await {
        tracing::error!(%error, "faults of our own could not be looked for");
    }
}

async fn try_to_look(app: &App, routes: &[Arc<Route>]) -> Result<(), StoreError> {
    let now = app.clock.now();
    for (key, found) in app.alarm.repeating(now, &app.policy) {
        stop_it(app, Stopped { kind: Kind::ApiKey, name: key.to_string(), stop: found, at: now }).await?;
    }
    for route in routes.iter().filter(|route| app.alarm.route_goes(&route.name)) {
        let since = now.minus(app.policy.alarm_window);
        let input = (route.name.clone(), since, i64::from(app.policy.route_samples_max));
        let counts = app.db.read(input, |tx, (route, since, limit)| Box::pin(counts(tx, route, *since, *limit)));
        if let Some(found) = judge_route(&counts.await?, &app.policy) {
            stop_it(app, Stopped { kind: Kind::Route, name: route.name.clone(), stop: found, at: now }).await?;
        }
    }
    try_to_look_at_stops(app).await
}

/// Of what came after an operator had the route go on: what was before is known.
async fn counts(tx: &mut Tx<'_>, route: &str, since: Timestamp, limit: i64) -> Result<RouteCounts, StoreError> {
    let resumed_at = stop::resumed_at(tx, Kind::Route, route).await?;
    let since = resumed_at.map_or(since, |resumed_at| resumed_at.max(since));
    let counts = message::counts(tx, route, since, limit).await?;
    Ok(RouteCounts { surplus: carrier_message::surplus(tx, route, since, limit).await?, ..counts })
}

/// Told once, by the node that was first.
async fn stop_it(app: &App, stopped: Stopped) -> Result<(), StoreError> {
    let news = app.db.transact(stopped.clone(), |tx, stopped| Box::pin(stop::stop(tx, stopped))).await?;
    if news {
        let Stopped { kind, name, stop: Stop { why, counted, of }, .. } = stopped;
        let command = match kind {
            Kind::Route => format!("nidan route resume {name}"),
            Kind::ApiKey => format!("nidan api-key resume {name}"),
        };
        let (kind, why) = (kind.name(), why.in_words());
        tracing::error!(
            kind,
            name,
            counted,
            of,
            "stopped by itself because {why}; find the fault, then run `{command}`"
        );
    }
    Ok(())
}
