//! "This was not me": a sign-in is ended by its owner.

use std::sync::Arc;

use nidan_core::audit::Event;
use nidan_core::ceremony::{Holder, Stage};
use nidan_core::id::{self, Scoped};

use super::{FlowError, Job, Origin, record};
use crate::app::App;
use crate::store::{StoreError, Tx, account, ceremony};

/// A sign-in to be ended.
pub struct Deny {
    /// Which one.
    pub ceremony: Scoped<id::Ceremony>,
    /// Who asks.
    pub presented: Holder,
    /// Where from, and in which language.
    pub origin: Origin,
}

/// Ends it, if it is still open; `false` if there is none for the one who asks.
pub async fn deny(app: &Arc<App>, deny: Deny) -> Result<bool, FlowError> {
    Ok(app.db.transact(Job::new(app, deny), |tx, job| Box::pin(job.run(tx))).await?)
}

impl Job<Deny> {
    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let (app, input) = (&*self.app, &self.input);
        let Some(account) = account::load(tx, app, input.ceremony.account).await? else { return Ok(false) };
        let open = ceremony::load(tx, &account, input.ceremony.id).await?;
        let Some(open) = open.filter(|open| open.ceremony.holder.admits(&input.presented)) else { return Ok(false) };
        if open.ceremony.stage == Stage::Open {
            ceremony::end(tx, account.id, open.id, self.now).await?;
            record(tx, app, &account, (Event::SignInDenied, &input.origin, None), self.now).await?;
        }
        Ok(true)
    }
}
