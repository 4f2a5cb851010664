//! "That was not me", said by an owner on a device that completed the second step: whoever is signing in on unknown devices
//! has the password, and gets nowhere with it from here on.

use std::sync::Arc;

use nidan_core::audit::Event;
use nidan_core::id::AccountId;

use super::{FlowError, Job, Origin, record};
use crate::app::App;
use crate::store::{StoreError, Tx, account, ceremony};

/// Sign-ins that are not the owner's.
pub struct Disown {
    /// Whose account.
    pub account: AccountId,
    /// Where the owner says so, and in which language.
    pub origin: Origin,
}

/// Ends the sign-ins on unknown devices that are under way, and closes their lane until the password is changed.
pub async fn disown(app: &Arc<App>, disown: Disown) -> Result<(), FlowError> {
    Ok(app.db.transact(Job::new(app, disown), |tx, job| Box::pin(job.run(tx))).await?)
}

impl Job<Disown> {
    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let (app, input) = (&*self.app, &self.input);
        let Some(mut account) = account::load(tx, app, input.account).await? else { return Ok(()) };
        account.closure = account.closure.close(account.password_changed_at, self.now);
        account::save_closure(tx, &account).await?;
        ceremony::end_unknown(tx, account.id, self.now).await?;
        record(tx, app, &account, (Event::SignInDenied, &input.origin, None), self.now).await
    }
}
