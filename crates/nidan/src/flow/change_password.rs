//! An owner who is signed in with two steps chooses another password. Everything older than that ends: other sessions, devices, what is
//! under way, and that somebody knows the password.

use std::sync::Arc;

use nidan_core::audit::Event;
use nidan_core::budget::of_password;
use nidan_core::id::{AccountId, DeviceId, SessionId};
use nidan_core::message::MessageKind;
use nidan_core::password::{self, PasswordProblem};
use nidan_core::secret::Secret;

use super::budget::{self, Admission, Admitted};
use super::grant::{Granted, complete_on_device, go_on};
use super::lane::{self, Shut};
use super::sign_in::is_password;
use super::{FlowError, Job, Origin, accounts, notice, record};
use crate::app::App;
use crate::password_hash::Comer;
use crate::store::account::{self, Account};
use crate::store::message::Leased;
use crate::store::{StoreError, Tx, device, session};

/// A password to be changed.
pub struct ChangePassword {
    /// Whose.
    pub account: AccountId,
    /// The session of two steps in which it is done: it goes on under a new token.
    pub session: SessionId,
    /// The device that it runs on.
    pub device: Option<DeviceId>,
    /// The password as it is, as typed.
    pub current: Secret<String>,
    /// The password as it is to be, as typed.
    pub new: Secret<String>,
    /// Where from, and in which language.
    pub origin: Origin,
}

/// What became of it.
pub enum Changed {
    /// It is another. The session goes on as this.
    Done(Granted),
    /// The current password is another.
    WrongCurrent,
    /// The new one is not taken.
    Refused(PasswordProblem),
    /// The new one is the current one.
    Same,
    /// The site keeps the password: it is changed there.
    KeptElsewhere,
    /// Too many wrong passwords.
    Later(Shut),
    /// The session ended meanwhile.
    Gone,
}

/// Whether the account's password is kept here, and not by the site.
///
/// # Errors
/// The database's.
pub async fn is_kept_here(app: &Arc<App>, account: AccountId) -> Result<bool, FlowError> {
    let account = accounts::load(app, account).await?;
    Ok(account.map(|account| account.password()).transpose()?.flatten().is_some())
}

/// Changes it. The current one is asked for, and counted as at a sign-in, so that an open session is not enough.
///
/// # Errors
/// The database's, or more passwords at once than the machine can hash.
pub async fn change(app: &Arc<App>, change: ChangePassword) -> Result<Changed, FlowError> {
    let Some(account) = accounts::load(app, change.account).await? else { return Ok(Changed::Gone) };
    if account.password()?.is_none() {
        return Ok(Changed::KeptElsewhere);
    }
    let new = match chosen(app, &account, &change.new) {
        Ok(new) => new,
        Err(problem) => return Ok(Changed::Refused(problem)),
    };
    let counted = match count(app, &change).await? {
        Ok(counted) => counted,
        Err(shut) => return Ok(Changed::Later(shut)),
    };
    match is_password(app, (&change.current, Comer::KnownDevice), (None, Some(&account)), &change.origin).await {
        Ok(true) => budget::complete(app, counted).await?,
        Ok(false) => return Ok(Changed::WrongCurrent),
        Err(error) => {
            // It was not looked at.
            budget::give_back(app, counted).await?;
            return Err(error);
        }
    }
    if password::normalise(change.current.expose()).is_ok_and(|current| current.same(&new)) {
        return Ok(Changed::Same);
    }
    let phc = app.passwords.hash(new, app.random.bytes()).await?;
    let job = Job::new(app, (change, phc, account.sec_epoch));
    let Some((granted, message)) = app.db.transact(job, |tx, job| Box::pin(job.run(tx))).await? else {
        return Ok(Changed::Gone);
    };
    app.dispatch([message]);
    Ok(Changed::Done(granted))
}

fn chosen(app: &App, account: &Account, typed: &Secret<String>) -> Result<Secret<String>, PasswordProblem> {
    let new = password::normalise(typed.expose())?;
    password::judge(&new, &[account.email.as_str(), app.site.name.as_str()], &app.policy)?;
    Ok(new)
}

/// Counts the current password before it is looked at: for the device, so that nobody else can use it up.
async fn count(app: &App, change: &ChangePassword) -> Result<Result<Admitted, Shut>, FlowError> {
    let network = lane::network(&change.origin.client);
    let budgets = of_password(change.account.as_bytes(), network, change.device, &app.policy);
    Ok(match budget::admit(app, budgets).await? {
        Admission::Admitted(admitted) => Ok(admitted),
        Admission::Refused { reason, until } => {
            app.metrics.suppressed(reason.name());
            Err(Shut { reason, until })
        }
    })
}

impl Job<(ChangePassword, Secret<String>, i64)> {
    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<(Granted, Leased)>, StoreError> {
        let (app, now, (change, phc, epoch)) = (&*self.app, self.now, &self.input);
        let Some(mut account) = account::load(tx, app, change.account).await? else { return Ok(None) };
        let found = session::find(tx, account.id, change.session).await?;
        let alive = found.filter(|found| found.is_alive(now, app.policy.session_idle) && account.sec_epoch == *epoch);
        let Some(old) = alive else { return Ok(None) };
        account::change_password(tx, &account, phc, now).await?;
        account.sec_epoch = account::bump_epoch(tx, account.id).await?;
        session::remove_all(tx, account.id).await?;
        let (device, device_token) = self.device_goes_on(tx, &account).await?;
        let granted = go_on(tx, app, &account, (&old.session, device, &change.origin), now).await?;
        record(tx, app, &account, (Event::PasswordChanged, &change.origin, None), now).await?;
        let told = notice::claim(tx, app, &account, (MessageKind::PasswordChanged, &change.origin), now).await?;
        Ok(Some((Granted { device_token, ..granted }, told)))
    }

    /// All devices end; the one that the owner sits at begins anew, trusted as it was.
    async fn device_goes_on(
        &self,
        tx: &mut Tx<'_>,
        account: &Account,
    ) -> Result<(Option<DeviceId>, Option<Secret<String>>), StoreError> {
        let (app, now, (change, _, epoch)) = (&*self.app, self.now, &self.input);
        let known = match change.device {
            Some(id) => device::find(tx, account, id).await?,
            None => None,
        };
        device::remove_all(tx, account.id).await?;
        let known = known.map(|known| known.device);
        let Some(known) = known.filter(|device| device.sec_epoch == *epoch && device.is_alive(now, &app.policy)) else {
            return Ok((None, None));
        };
        let device = (None, known.trusted, &change.origin);
        let (id, token) = complete_on_device(tx, app, account, device, now).await?;
        Ok((Some(id), Some(token)))
    }
}
