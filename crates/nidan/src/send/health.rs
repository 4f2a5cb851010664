//! How well the routes do, as this node sees it: judged anew every few seconds from what the ledger holds, so that all nodes
//! come to the same.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use nidan_core::route::{Health, health};
use nidan_core::time::Timestamp;

use super::lines::Route;
use crate::app::App;
use crate::store::{StoreError, message};

/// The latest verdict on each route.
#[derive(Default)]
pub struct RoutesHealth(Mutex<HashMap<String, Verdict>>);

struct Verdict {
    health: Health,
    /// When it was last found sick.
    sick_at: Option<Timestamp>,
}

impl RoutesHealth {
    /// How well a route does; a route that nobody has judged does well.
    pub fn of(&self, route: &str) -> Health {
        let verdicts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        verdicts.get(route).map_or(Health::Good, |verdict| verdict.health)
    }

    fn sick_at(&self, route: &str) -> Option<Timestamp> {
        let verdicts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        verdicts.get(route).and_then(|verdict| verdict.sick_at)
    }

    /// Keeps a verdict; gives the one before.
    fn judged(&self, route: &str, health: Health, now: Timestamp) -> Health {
        let sick_at = if health == Health::Sick { Some(now) } else { self.sick_at(route) };
        let mut verdicts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        verdicts.insert(route.to_owned(), Verdict { health, sick_at }).map_or(Health::Good, |before| before.health)
    }
}

/// Judges a route by its newest messages, and tells operators if that is news.
///
/// # Errors
/// The messages could not be read; the verdict before stays.
pub(super) async fn judge(app: &App, route: &Route) -> Result<(), StoreError> {
    let (now, policy) = (app.clock.now(), &app.policy);
    let input = (route.name.clone(), now.minus(policy.route_window), i64::from(policy.route_samples_max));
    let samples = app.db.read(input, |tx, (route, since, limit)| Box::pin(message::samples(tx, route, *since, *limit)));
    let samples = samples.await?;
    let sick_at = app.routes_health.sick_at(&route.name);
    let was_sick = sick_at.is_some_and(|at| now.since(at) <= policy.route_relapse_span);
    let verdict = health(&samples, route.expects_receipts(), was_sick, (now, policy));
    let before = app.routes_health.judged(&route.name, verdict, now);
    app.metrics.route_health(&route.name, verdict);
    let (route, messages) = (&route.name, samples.len());
    if verdict > before {
        tracing::warn!(route, messages, "route: {} (was {})", verdict.name(), before.name());
    } else if verdict < before {
        tracing::info!(route, messages, "route: {} (was {})", verdict.name(), before.name());
    }
    Ok(())
}
