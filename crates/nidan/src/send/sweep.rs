//! Forgets what has expired.

use nidan_core::time::{Span, Timestamp};

use super::pumping;
use crate::app::App;
use crate::store::{
    Body, StoreError, account, audit, carrier_message, ceremony, idempotency, message, notice, rate_counter, request,
    route_day, session, setup_number,
};

/// How long sign-ins are kept beyond their end: those of a week tell whether somebody else has the password.
const SIGN_INS_KEPT: Span = Span::days(8);
/// How long messages and requests are kept.
const MESSAGES_KEPT: Span = Span::days(90);
/// How long what a route cost on a day is kept.
const COSTS_KEPT: Span = Span::days(92);
/// Batches of one kind in a sweep, at most: more than a machine can make anew until the next.
const BATCHES: usize = 100;

/// Forgets what has expired, in batches, so that nobody waits long behind one.
pub async fn everything(app: &App) {
    if let Err(error) = try_to_sweep(app).await {
        tracing::error!(%error, "what has expired could not be swept");
    }
}

async fn try_to_sweep(app: &App) -> Result<(), StoreError> {
    let now = app.clock.now();
    forget(app, now.minus(SIGN_INS_KEPT), |tx, before| Box::pin(ceremony::forget(tx, *before))).await?;
    forget(app, now.minus(MESSAGES_KEPT), |tx, before| Box::pin(message::forget(tx, *before))).await?;
    forget(app, now.minus(MESSAGES_KEPT), |tx, before| Box::pin(request::forget(tx, *before))).await?;
    // Clocks of several nodes may differ a little.
    forget(app, now.minus(Span::minutes(1)), |tx, before| Box::pin(rate_counter::forget(tx, *before))).await?;
    forget(app, now, |tx, before| Box::pin(notice::forget(tx, *before))).await?;
    forget(app, now.minus(pumping::LOOKED_AT), |tx, before| Box::pin(setup_number::forget(tx, *before))).await?;
    // A day's grace: who comes late is told that it is over, not that it never was.
    let over = now.minus(Span::days(1));
    forget(app, over, |tx, before| Box::pin(session::forget(tx, *before))).await?;
    forget(app, over, |tx, before| Box::pin(audit::forget_nobodys(tx, *before))).await?;
    // By then the latest receipt has come: no message is worth anything for so long.
    forget(app, over, |tx, before| Box::pin(carrier_message::forget(tx, *before))).await?;
    let over = app.day(now.minus(COSTS_KEPT));
    app.db.transact(over, |tx, day| Box::pin(route_day::forget(tx, *day))).await?;
    let over = now.minus(app.policy.idempotency_life);
    forget(app, over, |tx, before| Box::pin(idempotency::forget(tx, *before))).await?;
    let over = now.minus(app.policy.unconfirmed_account_life);
    for _ in 0..BATCHES {
        let pending = app.db.read(over, |tx, before| Box::pin(account::pending_before(tx, *before))).await?;
        if pending.is_empty() {
            break;
        }
        for account in pending {
            app.db.transact(account, |tx, account| Box::pin(account::erase_pending(tx, *account))).await?;
        }
    }
    Ok(())
}

/// Repeats `batch` until nothing is left.
async fn forget(app: &App, before: Timestamp, batch: Body<Timestamp, u64>) -> Result<(), StoreError> {
    for _ in 0..BATCHES {
        if app.db.transact(before, batch).await? == 0 {
            break;
        }
    }
    Ok(())
}
