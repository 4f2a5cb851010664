//! "That was not me", said by an owner on a device that completed the second step: whoever is signing in on unknown devices
//! has the password, and gets nowhere with it from here on.

use std::sync::Arc;

use nidan_core::audit::Event;
use nidan_core::id::{AccountId, DeviceId};

use super::{FlowError, Job, Origin, password_known, record};
use crate::app::App;
use crate::store::account::{self, Account};
use crate::store::message::Leased;
use crate::store::{StoreError, Tx, ceremony, device};

/// Sign-ins that are not the owner's.
pub struct Disown {
    /// Whose account.
    pub account: AccountId,
    /// The device of the session in which the owner says so; none: of the session in which two-step verification was set up.
    pub device: Option<DeviceId>,
    /// Where the owner says so, and in which language.
    pub origin: Origin,
}

/// Ends the sign-ins on unknown devices that are under way, and closes their lane until the password is changed; the owner is
/// written to, unless that was done. `false`: the device is not known any more, and its word counts for nothing.
pub async fn disown(app: &Arc<App>, disown: Disown) -> Result<bool, FlowError> {
    let messages = app.db.transact(Job::new(app, disown), |tx, job| Box::pin(job.run(tx))).await?;
    let heard = messages.is_some();
    app.dispatch(messages.unwrap_or_default());
    Ok(heard)
}

impl Job<Disown> {
    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Vec<Leased>>, StoreError> {
        let (app, input, now) = (&*self.app, &self.input, self.now);
        let Some(mut account) = account::load(tx, app, input.account).await? else { return Ok(None) };
        if !self.is_known(tx, &account).await? {
            return Ok(None);
        }
        ceremony::end_unknown(tx, account.id, now).await?;
        record(tx, app, &account, (Event::SignInDenied, &input.origin, None), now).await?;
        password_known::close(tx, app, (&mut account, &input.origin.client), false, now).await.map(Some)
    }

    async fn is_known(&self, tx: &mut Tx<'_>, account: &Account) -> Result<bool, StoreError> {
        let Some(device) = self.input.device else { return Ok(true) };
        let known = device::find(tx, account, device).await?;
        Ok(known.is_some_and(|known| {
            known.device.sec_epoch == account.sec_epoch && known.device.is_alive(self.now, &self.app.policy)
        }))
    }
}
