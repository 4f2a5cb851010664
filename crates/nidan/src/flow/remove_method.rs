//! A method is removed, as long as two-step verification is not on: after that it takes a fresh proof of the owner.

use std::sync::Arc;

use nidan_core::audit::Event;
use nidan_core::id::{AccountId, AuthenticatorId};
use nidan_core::methods::two_step_ready;

use super::{FlowError, Job, Origin, record};
use crate::app::App;
use crate::store::account;
use crate::store::authenticator;
use crate::store::{StoreError, Tx};

/// A method to be removed.
pub struct RemoveMethod {
    /// Whose.
    pub account: AccountId,
    /// Which one.
    pub authenticator: AuthenticatorId,
    /// Where from, and in which language.
    pub origin: Origin,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// It is gone.
    Done,
    /// Two-step verification is on: methods change only after a step-up.
    StepUpRequired,
    /// There is no such method.
    NotFound,
}

/// Removes a method. With a confirmed one everything ends that was signed in by it.
pub async fn remove(app: &Arc<App>, remove: RemoveMethod) -> Result<Removed, FlowError> {
    Ok(app.db.transact(Job::new(app, remove), |tx, job| Box::pin(job.run(tx))).await?)
}

impl Job<RemoveMethod> {
    async fn run(&self, tx: &mut Tx<'_>) -> Result<Removed, StoreError> {
        let (app, input) = (&*self.app, &self.input);
        let Some(account) = account::load(tx, app, input.account).await? else { return Ok(Removed::NotFound) };
        let existing = authenticator::list(tx, &account).await?;
        let Some(method) = existing.iter().find(|known| known.method.id == input.authenticator) else {
            return Ok(Removed::NotFound);
        };
        // One that waits for its first code protects nothing yet.
        if method.method.confirmed && two_step_ready(&authenticator::methods(&existing)) {
            return Ok(Removed::StepUpRequired);
        }
        if !authenticator::remove(tx, account.id, method.method.id).await? {
            return Ok(Removed::NotFound);
        }
        if method.method.confirmed {
            account::bump_epoch(tx, account.id).await?;
        }
        let about = Some(method.method.kind.name());
        record(tx, app, &account, (Event::MethodRemoved, &input.origin, about), self.now).await?;
        Ok(Removed::Done)
    }
}
