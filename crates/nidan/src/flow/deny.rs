//! "This was not me": a sign-in is ended by its owner.

use std::sync::Arc;

use nidan_core::audit::Event;
use nidan_core::ceremony::{Holder, Purpose, Stage};
use nidan_core::id::{self, Scoped};
use nidan_core::lane::Lane;

use super::{FlowError, Job, Origin, password_known, record};
use crate::app::App;
use crate::store::message::Leased;
use crate::store::{StoreError, Tx, account, ceremony};

/// A sign-in to be ended.
pub struct Deny {
    /// Which one.
    pub ceremony: Scoped<id::Ceremony>,
    /// Who says so.
    pub presented: Denier,
    /// Where from, and in which language.
    pub origin: Origin,
}

/// Who says that a sign-in is not the owner's.
#[derive(Clone, Copy)]
pub enum Denier {
    /// Whoever holds it.
    Holder(Holder),
    /// The account's owner, signed in with two steps.
    Owner,
}

/// Ends it, if it is still open; `false` if there is none for the one who asks. One from an unknown device had the
/// right password: from here on unknown devices get no messages until it is changed.
pub async fn deny(app: &Arc<App>, deny: Deny) -> Result<bool, FlowError> {
    let (ended, messages) = app.db.transact(Job::new(app, deny), |tx, job| Box::pin(job.run(tx))).await?;
    app.dispatch(messages);
    Ok(ended)
}

impl Job<Deny> {
    async fn run(&self, tx: &mut Tx<'_>) -> Result<(bool, Vec<Leased>), StoreError> {
        let (app, input) = (&*self.app, &self.input);
        let none = || Ok((false, Vec::new()));
        let Some(mut account) = account::load(tx, app, input.ceremony.account).await? else { return none() };
        let Some(open) = ceremony::load(tx, &account, input.ceremony.id).await? else { return none() };
        let may = match input.presented {
            Denier::Holder(presented) => open.ceremony.holder.admits(&presented),
            Denier::Owner => open.ceremony.purpose == Purpose::SignIn,
        };
        if !may {
            return none();
        }
        if open.ceremony.stage == Stage::Open {
            ceremony::end(tx, account.id, open.id, self.now).await?;
            record(tx, app, &account, (Event::SignInDenied, &input.origin, None), self.now).await?;
        }
        // Whoever holds the sign-in in a browser may be the stranger himself: his word closes nothing.
        let by_owner = matches!(input.presented, Denier::Owner | Denier::Holder(Holder::Site));
        if !by_owner || open.lane != Lane::U || open.ceremony.purpose != Purpose::SignIn {
            return Ok((true, Vec::new()));
        }
        let told = password_known::close(tx, app, (&mut account, &input.origin.client), false, self.now).await?;
        Ok((true, told))
    }
}
