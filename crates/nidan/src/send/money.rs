//! What messages cost: paid before they go, exactly over all nodes, so that no day costs more than its cap. What is kept of it
//! for those who sign in: [`nidan_core::budget::money_cap`].

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use nidan_core::budget::money_cap;
use nidan_core::message::MessageKind;
use nidan_core::route::Cost;

use super::lines::Route;
use crate::app::App;
use crate::store::{StoreError, route_day};

/// Pays for messages.
#[derive(Clone)]
pub(super) struct Money {
    app: Arc<App>,
    /// The shares of a route's daily cap that operators were told of: day, route, percent.
    told: Arc<Mutex<BTreeSet<(i64, String, i64)>>>,
}

impl Money {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self { app, told: Arc::default() }
    }

    /// Pays for a message of `route`; `false` if the day's cap does not allow it, or what is left is kept for others.
    pub(super) async fn pay(&self, route: &Route, kind: MessageKind, day: i64) -> Result<bool, StoreError> {
        let Some(cost) = route.cost else { return Ok(true) };
        let price = (cost.per_message, money_cap(kind, cost.day_max, &self.app.policy));
        let input = (route.name.clone(), day, price);
        let spent =
            self.app.db.transact(input, |tx, (route, day, price)| Box::pin(route_day::charge(tx, route, *day, *price)));
        let Some(spent) = spent.await? else { return Ok(false) };
        self.app.metrics.route_spent(&route.name, spent);
        self.tell(route, &cost, (spent, day));
        Ok(true)
    }

    /// Tells operators, once a day for each share.
    fn tell(&self, route: &Route, cost: &Cost, (spent, day): (i64, i64)) {
        let Some(percent) = cost.passed(spent) else { return };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|(told_on, _, _)| *told_on >= day);
        if told.insert((day, route.name.clone(), percent)) {
            let (route, cap) = (&route.name, cost.day_max);
            tracing::warn!(route, spent, cap, "route: {percent} % of what it may cost today is spent");
        }
    }

    /// Takes a payment back. Where that fails the cap is reached too soon, which is no reason to lose the message.
    pub(super) async fn refund(&self, route: &Route, day: i64) {
        let Some(cost) = route.cost else { return };
        let input = (route.name.clone(), day, cost);
        let refunded =
            self.app.db.transact(input, |tx, (route, day, cost)| Box::pin(route_day::refund(tx, route, *day, cost)));
        if let Err(error) = refunded.await {
            tracing::error!(%error, route = route.name, "a message that was not taken stays paid for");
        }
    }
}
