//! Leases of messages that wait are renewed together: a commit each would take up the database just when a carrier is away and
//! everything waits.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::app::App;
use crate::store::message::{self, Leased};

/// Renewals in one transaction, at most.
const AT_ONCE: usize = 500;

/// Renews leases for everybody who waits. Cheap to clone.
#[derive(Clone)]
pub(super) struct Renewals(Arc<Shared>);

struct Shared {
    app: Arc<App>,
    wished: Mutex<Vec<Wish>>,
    /// Held by whoever renews. Who waits for it wishes meanwhile, and finds his wish fulfilled or fulfils it with all others.
    turn: tokio::sync::Mutex<()>,
}

struct Wish {
    leased: Leased,
    renewed: oneshot::Sender<bool>,
}

impl Renewals {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self(Arc::new(Shared { app, wished: Mutex::default(), turn: tokio::sync::Mutex::default() }))
    }

    /// Whether the message is still ours, as far as can be told: a database that is away for a moment takes nothing from us.
    pub(super) async fn renew(&self, leased: Leased) -> bool {
        let (renewed, told) = oneshot::channel();
        self.wished().push(Wish { leased, renewed });
        let turn = self.0.turn.lock().await;
        self.fulfil().await;
        drop(turn);
        told.await.unwrap_or(true)
    }

    async fn fulfil(&self) {
        let wishes = {
            let mut wished = self.wished();
            let first = wished.len().min(AT_ONCE);
            let later = wished.split_off(first);
            mem::replace(&mut *wished, later)
        };
        if wishes.is_empty() {
            return;
        }
        let app = &self.0.app;
        let until = app.clock.now().plus(app.policy.message_lease);
        let leased: Vec<Leased> = wishes.iter().map(|wish| wish.leased).collect();
        let renewed = app.db.transact((leased, until), |tx, (leased, until)| {
            Box::pin(async move {
                let mut renewed = Vec::with_capacity(leased.len());
                for leased in leased {
                    renewed.push(message::renew(tx, *leased, *until).await?);
                }
                Ok(renewed)
            })
        });
        for (wish, renewed) in wishes.into_iter().zip(renewed.await.unwrap_or_default()) {
            let _ = wish.renewed.send(renewed); // who does not wait any more need not know
        }
    }

    fn wished(&self) -> std::sync::MutexGuard<'_, Vec<Wish>> {
        self.0.wished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
