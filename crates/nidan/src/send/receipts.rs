//! Receipts: what carriers tell of messages they took, matched with the ledger.
//!
//! The carrier's id and the ledger are in two groups of rows, and no transaction reaches over both. So each side writes its
//! own part first and then looks for the other's: whichever of acceptance and receipt comes second finds the first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nidan_core::id::MessageId;
use nidan_core::ledger::{Receipt, State};
use nidan_core::secret::Secret;
use nidan_core::time::{Span, Timestamp};

use super::lines::Route;
use super::route::CarrierReceipt;
use crate::app::App;
use crate::flow::fallback;
use crate::store::StoreError;
use crate::store::carrier_message::{self, CarrierKey, Known};
use crate::store::message::{self, Leased};

/// How long a late answer is still waited for.
const LATE_MAX: Span = Span::minutes(60);

/// Takes receipts of all routes. Cheap to clone.
#[derive(Clone)]
pub struct Receipts {
    app: Arc<App>,
    /// What carriers were given and have not answered.
    unanswered: Arc<Mutex<HashMap<MessageId, Given>>>,
}

/// A message that a carrier was given.
#[derive(Clone)]
pub(super) struct Given {
    leased: Leased,
    route: Arc<Route>,
    /// None of an e-mail.
    number: Option<Secret<String>>,
    at: Timestamp,
}

impl Given {
    /// `leased` is on its way by `route`.
    pub(super) fn new(leased: Leased, route: Arc<Route>, number: Option<Secret<String>>, at: Timestamp) -> Self {
        Self { leased, route, number, at }
    }

    fn known(&self) -> Known {
        (self.leased.account, self.leased.id)
    }

    /// What a receipt of it may be found by.
    fn keys(&self, app: &App, carrier_id: &str) -> Vec<CarrierKey> {
        let number = self.number.as_ref().map(|number| number.expose().as_str());
        let key = |number| CarrierKey::of(app, &self.route.name, carrier_id, number);
        let without = (number.is_some() && self.route.may_leave_out_number()).then(|| key(None));
        std::iter::once(key(number)).chain(without).collect()
    }
}

impl Receipts {
    /// For every route of a server.
    pub fn new(app: Arc<App>) -> Self {
        Self { app, unanswered: Arc::default() }
    }

    /// Takes a receipt, durably. One that no message is known for is kept: its message may be accepted in a moment. One for
    /// another number is another's, and changes nothing.
    ///
    /// # Errors
    /// It is not kept: the carrier is to send it again.
    pub async fn record(&self, route: &str, receipt: CarrierReceipt) -> Result<(), StoreError> {
        self.app.metrics.receipt(route, receipt.receipt.name());
        let keys = CarrierKey::candidates(&self.app, route, &receipt.carrier_id, receipt.number.as_deref());
        let input = keys.clone();
        let mut found = self.app.db.read(input, |tx, keys| Box::pin(carrier_message::find(tx, keys))).await?;
        if found.is_none() {
            let now = self.app.clock.now();
            for key in keys {
                let waiting = self.app.db.transact((key, receipt.receipt, now), |tx, (key, receipt, now)| {
                    Box::pin(carrier_message::wait(tx, *key, *receipt, *now))
                });
                found = found.or(waiting.await?);
            }
        }
        match found {
            Some(known) => self.receive(known, receipt.receipt).await,
            None => Ok(()),
        }
    }

    /// Takes the answer to a message whose outcome was ambiguous because none had come in time.
    ///
    /// # Errors
    /// It is not kept; the message stays ambiguous until a receipt says more.
    pub async fn late(&self, message: MessageId, carrier_id: &str) -> Result<(), StoreError> {
        match self.answered(message) {
            Some(given) => self.accepted(&given, Some(carrier_id)).await,
            None => Ok(()),
        }
    }

    /// Remembers, before the first byte, what an answer will be for.
    pub(super) fn give(&self, given: Given) {
        let forgotten = self.app.clock.now().minus(LATE_MAX);
        let mut unanswered = self.unanswered();
        unanswered.retain(|_, given| given.at >= forgotten);
        unanswered.insert(given.leased.id, given);
    }

    /// An answer came: no other is waited for.
    pub(super) fn answered(&self, message: MessageId) -> Option<Given> {
        self.unanswered().remove(&message)
    }

    fn unanswered(&self) -> MutexGuard<'_, HashMap<MessageId, Given>> {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down that the carrier took a message, and what a receipt that was quicker says of it.
    pub(super) async fn accepted(&self, given: &Given, carrier_id: Option<&str>) -> Result<(), StoreError> {
        let now = self.app.clock.now();
        let mut early = None;
        let keys = match carrier_id {
            Some(id) if given.route.expects_receipts() => given.keys(&self.app, id),
            _ => Vec::new(),
        };
        for key in keys {
            let input = (key, given.known(), given.at, now);
            let waiting = self.app.db.transact(input, |tx, (key, known, at, now)| {
                Box::pin(carrier_message::know(tx, *key, *known, *at, *now))
            });
            early = match (early, waiting.await?) {
                (Some(one), Some(other)) => Some(Receipt::or_later(one, other)),
                (one, other) => one.or(other),
            };
        }
        let input = (given.known(), carrier_id.map(str::to_owned), now);
        let moved = self.app.db.transact(input, |tx, (known, carrier_id, now)| {
            Box::pin(message::accept(tx, *known, carrier_id.as_deref(), *now))
        });
        self.tell(given.known(), moved.await?).await;
        match early {
            Some(receipt) => self.receive(given.known(), receipt).await,
            None => Ok(()),
        }
    }

    async fn receive(&self, known: Known, receipt: Receipt) -> Result<(), StoreError> {
        let now = self.app.clock.now();
        let moved = self.app.db.transact((known, receipt, now), |tx, (known, receipt, now)| {
            Box::pin(message::receive(tx, *known, *receipt, *now))
        });
        self.tell(known, moved.await?).await;
        Ok(())
    }

    async fn tell(&self, (account, message): Known, moved: Option<State>) {
        if let Some(state) = moved {
            self.app.metrics.message(state.name());
            self.app.moved.notify(account);
            if state.failed() {
                fallback::after_failure(&self.app, account, message).await;
            }
        }
    }
}
