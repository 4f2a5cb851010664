//! A wrong code came from a device that nobody knows: the owner is told within a minute, unless the sign-in was completed by
//! then, and not more than once an hour. Not every attempt brings a code to the phone, which would tell of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nidan_core::ceremony::Stage;
use nidan_core::id::{self, Scoped};
use nidan_core::time::Timestamp;

use super::{FlowError, Job, password_known};
use crate::app::App;
use crate::store::ceremony::{self, Left};
use crate::store::{StoreError, Tx, account};

/// Sign-ins that are remembered at once. More is a flood over many accounts, which is the breaker's to stop.
const UNTOLD_MAX: usize = 10_000;

/// Sign-ins with a wrong code of which their owners are to be told, the earliest first. Those of a node that dies are
/// forgotten: the next wrong code is told of all the same.
#[derive(Default)]
pub struct Untold(Mutex<VecDeque<(Timestamp, Scoped<id::Ceremony>)>>);

impl Untold {
    /// A code of `sign_in` was wrong.
    pub fn note(&self, sign_in: Scoped<id::Ceremony>, now: Timestamp) {
        let mut noted = self.noted();
        if noted.len() < UNTOLD_MAX && noted.back().is_none_or(|(_, last)| *last != sign_in) {
            noted.push_back((now, sign_in));
        }
    }

    /// The first that was noted before `before`; it is noted no longer.
    fn next(&self, before: Timestamp) -> Option<Scoped<id::Ceremony>> {
        let mut noted = self.noted();
        if noted.front().is_some_and(|(at, _)| *at <= before) { noted.pop_front().map(|(_, next)| next) } else { None }
    }

    fn noted(&self) -> MutexGuard<'_, VecDeque<(Timestamp, Scoped<id::Ceremony>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the owners of those wrong codes that are old enough. To be called every few seconds.
///
/// # Errors
/// Those of the flows and the store; the owner in question is told of the next.
pub async fn tell(app: &Arc<App>) -> Result<(), FlowError> {
    let now = app.clock.now();
    while let Some(sign_in) = app.untold.next(now.minus(app.policy.wrong_code_told_after)) {
        let job = Job::new(app, sign_in);
        if app.db.read(job, |tx, job| Box::pin(job.is_news(tx))).await? {
            let left = Left { account: sign_in.account, ceremony: sign_in.id, died_at: now };
            password_known::tell_missed(app, left).await?;
        }
    }
    Ok(())
}

impl Job<Scoped<id::Ceremony>> {
    /// Whether the sign-in was not completed, and its owner not told more already.
    async fn is_news(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let Some(account) = account::load(tx, &self.app, self.input.account).await? else { return Ok(false) };
        let open = ceremony::load(tx, &account, self.input.id).await?;
        let told = account.closure.is_closed(account.password_changed_at);
        Ok(!told && open.is_some_and(|open| open.ceremony.stage != Stage::Finished))
    }
}
