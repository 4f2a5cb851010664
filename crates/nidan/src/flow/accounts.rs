//! Accounts: found, made by a site, looked at, changed, erased.

use std::sync::Arc;

use nidan_core::audit::Event;
use nidan_core::email::EmailAddress;
use nidan_core::id::AccountId;
use nidan_core::language::Language;
use nidan_core::time::{Span, Timestamp};

use super::session::{self, Listed};
use super::{FlowError, Job, Origin, record};
use crate::app::App;
use crate::store::account::{self, LoginKey};
pub use crate::store::account::{Account, NewAccount};
use crate::store::audit::{self, Recorded};
use crate::store::authenticator;
pub use crate::store::authenticator::Authenticator;
use crate::store::device;
pub use crate::store::device::Known;
use crate::store::{StoreError, Tx};

/// What an account is called by.
#[derive(Clone, Copy, Debug)]
pub enum Who {
    /// Its id.
    Id(AccountId),
    /// An e-mail address or the site's own name.
    Key(LoginKey),
}

impl Who {
    /// The account with this e-mail address.
    pub fn email(app: &App, email: &EmailAddress) -> Self {
        Self::Key(LoginKey::email(app, email))
    }

    /// The account that the site has this name of its own for.
    pub fn external_id(app: &App, external_id: &str) -> Self {
        Self::Key(LoginKey::external_id(app, external_id))
    }

    /// What it is counted by where there is no such account.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Id(id) => id.as_bytes(),
            Self::Key(key) => key.as_bytes(),
        }
    }
}

/// The active account of this name. An unknown name takes as many statements as a known, and as much time to open.
pub async fn find(app: &Arc<App>, who: Who) -> Result<Option<Account>, StoreError> {
    let found = app.db.read(Job::new(app, who), |tx, job| {
        Box::pin(async move {
            let id = match job.input {
                Who::Id(id) => id,
                Who::Key(key) => account::claimed_by(tx, key).await?.map_or(audit::NOBODY, |claim| claim.account),
            };
            account::load(tx, &job.app, id).await
        })
    });
    let found = found.await?;
    if found.is_none() {
        account::open_nobody(app);
    }
    Ok(found.filter(|account| account.active))
}

/// The account of this id, active or not.
pub(super) async fn load(app: &Arc<App>, id: AccountId) -> Result<Option<Account>, StoreError> {
    app.db.read(Job::new(app, id), |tx, job| Box::pin(account::load(tx, &job.app, job.input))).await
}

/// An account that a site makes.
pub struct Create {
    /// What it starts with.
    pub account: NewAccount,
    /// Who asked.
    pub origin: Origin,
}

/// What became of it.
pub enum Created {
    /// It is there.
    Account(Box<Account>),
    /// Another account has this e-mail address.
    EmailInUse,
    /// Another account has this external id.
    ExternalIdInUse,
}

/// Makes an account for which a site vouches. Address and external id are claimed first, each in its own transaction; a
/// claim whose account was not made is given back.
pub async fn create(app: &Arc<App>, create: Create) -> Result<Created, FlowError> {
    let id = app.new_account_id();
    let email_key = LoginKey::email(app, &create.account.email);
    if !claim(app, email_key, id).await? {
        return Ok(Created::EmailInUse);
    }
    let external_id = create.account.external_id.as_deref();
    let external_key = external_id.map(|external_id| LoginKey::external_id(app, external_id));
    if let Some(key) = external_key
        && !claim(app, key, id).await?
    {
        release(app, email_key, id).await?;
        return Ok(Created::ExternalIdInUse);
    }
    let job = Job::new(app, (id, create));
    let account = app.db.transact(job, |tx, job| {
        Box::pin(async move {
            let (id, Create { account, origin }) = &job.input;
            let account = account::insert(tx, &job.app, (*id, true), account, job.now).await?;
            record(tx, &job.app, &account, (Event::AccountCreated, origin, None), job.now).await?;
            Ok(account)
        })
    });
    Ok(Created::Account(Box::new(account.await?)))
}

/// How long a claim is left alone whose account is not active: far longer than it takes to make one.
const CLAIM_LIFE: Span = Span::minutes(10);
/// When an account that goes on after a crash claims its key anew, well before another may.
const CLAIM_RENEWED_AFTER: Span = Span::minutes(5);

/// Claims a login key in its own transaction, so that a crash before its account is active leaves a claim which another
/// may take over later. `false`: it is somebody else's.
pub(super) async fn claim(app: &Arc<App>, key: LoginKey, account: AccountId) -> Result<bool, StoreError> {
    let holder = app.db.transact(Job::new(app, (key, account)), |tx, job| {
        Box::pin(async move {
            match account::claim(tx, job.input.0, job.input.1, job.now).await? {
                true => Ok(None),
                false => account::claimed_by(tx, job.input.0).await,
            }
        })
    });
    let Some(claim) = holder.await? else { return Ok(true) };
    let age = app.clock.now().since(claim.claimed_at);
    if claim.account == account && age < CLAIM_RENEWED_AFTER {
        return Ok(true);
    }
    if claim.account != account && (age < CLAIM_LIFE || is_active(app, claim.account).await?) {
        return Ok(false);
    }
    let job = Job::new(app, (key, account, claim));
    let taken = app
        .db
        .transact(job, |tx, job| Box::pin(account::take_over(tx, job.input.0, job.input.1, &job.input.2, job.now)));
    taken.await
}

async fn is_active(app: &Arc<App>, id: AccountId) -> Result<bool, StoreError> {
    Ok(load(app, id).await?.is_some_and(|account| account.active))
}

async fn release(app: &Arc<App>, key: LoginKey, account: AccountId) -> Result<(), StoreError> {
    let job = Job::new(app, (key, account));
    app.db.transact(job, |tx, job| Box::pin(account::release(tx, job.input.0, job.input.1))).await
}

/// What a site may change of an account.
pub struct Change {
    /// Which account.
    pub account: AccountId,
    /// Its language.
    pub language: Option<Language>,
    /// The groups it is in.
    pub groups: Option<Vec<String>>,
    /// When its password was changed at the site that keeps it: whoever knew the one before knows nothing any more.
    pub password_changed_at: Option<Timestamp>,
    /// Who asked.
    pub origin: Origin,
}

/// Changes an account; `None` if there is none.
pub async fn change(app: &Arc<App>, change: Change) -> Result<Option<Account>, FlowError> {
    let changed = app.db.transact(Job::new(app, change), |tx, job| {
        Box::pin(async move {
            let account = account::load(tx, &job.app, job.input.account).await?;
            let Some(mut account) = account.filter(|account| account.active) else { return Ok(None) };
            account.language = job.input.language.unwrap_or(account.language);
            if let Some(groups) = &job.input.groups {
                account.groups.clone_from(groups);
            }
            account::save(tx, &account).await?;
            let changed_at = job.input.password_changed_at.map(|at| at.min(job.now));
            if let Some(at) = changed_at.filter(|at| account.password_changed_at.is_none_or(|known| known < *at)) {
                account::password_changed(tx, account.id, at).await?;
                account.password_changed_at = Some(at);
            }
            record(tx, &job.app, &account, (Event::AccountChanged, &job.input.origin, None), job.now).await?;
            Ok(Some(account))
        })
    });
    Ok(changed.await?)
}

/// Erases an account with all that is kept of it, and gives its names back; `false` if there is none.
pub async fn erase(app: &Arc<App>, id: AccountId) -> Result<bool, FlowError> {
    let erased = app.db.transact(Job::new(app, id), |tx, job| {
        Box::pin(async move {
            let account = account::load(tx, &job.app, job.input).await?;
            if account.is_some() {
                account::erase(tx, job.input).await?;
            }
            Ok(account)
        })
    });
    let Some(account) = erased.await? else { return Ok(false) };
    let external_key = account.external_id.as_deref().map(|external_id| LoginKey::external_id(app, external_id));
    for key in [Some(LoginKey::email(app, &account.email)), external_key].into_iter().flatten() {
        release(app, key, id).await?;
    }
    Ok(true)
}

/// All that an owner sees of the account.
pub struct Overview {
    /// The account.
    pub account: Account,
    /// Its methods, pending ones included.
    pub authenticators: Vec<Authenticator>,
    /// Its devices that are alive.
    pub devices: Vec<Known>,
    /// Its sessions that are alive.
    pub sessions: Vec<Listed>,
    /// What happened lately.
    pub recent: Vec<Recorded>,
}

/// How many events the security page shows.
const RECENT: u8 = 10;

/// Looks at an account; `None` if there is none.
pub async fn overview(app: &Arc<App>, id: AccountId) -> Result<Option<Overview>, FlowError> {
    Ok(app.db.read(Job::new(app, id), |tx, job| Box::pin(job.overview(tx))).await?)
}

impl Job<AccountId> {
    async fn overview(&self, tx: &mut Tx<'_>) -> Result<Option<Overview>, StoreError> {
        let (app, now) = (&*self.app, self.now);
        let Some(account) = account::load(tx, app, self.input).await? else { return Ok(None) };
        let authenticators = authenticator::list(tx, &account).await?;
        let mut devices = device::list(tx, &account).await?;
        devices.retain(|known| known.device.sec_epoch == account.sec_epoch && known.device.is_alive(now, &app.policy));
        let sessions = session::list(tx, app, &account, now).await?;
        let recent = audit::recent(tx, &account, RECENT).await?;
        Ok(Some(Overview { account, authenticators, devices, sessions, recent }))
    }
}

/// Counts what kinds of password hashes accounts have, so that addresses without an account cost the same in the same
/// proportion. Over an index alone: about a second for ten million accounts.
pub async fn count_hash_classes(app: &App) {
    match app.db.read((), |tx, ()| Box::pin(account::hash_classes(tx))).await {
        Ok(counts) => {
            if let Err(error) = app.hash_classes.counted(counts) {
                tracing::error!(%error, "a kind of password hash is not of this version");
            }
        }
        Err(error) => tracing::error!(%error, "kinds of password hashes could not be counted"),
    }
}
