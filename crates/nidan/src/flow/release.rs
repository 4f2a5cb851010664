//! The release: a secret from the account's verified mailbox, typed into the sign-in that asked for it, frees one message there.
//! It proves nothing, and opens nothing: the code is asked for all the same.

use std::sync::Arc;

use nidan_core::budget::of_release;
use nidan_core::ceremony::{Challenge, Holder, Purpose};
use nidan_core::code::Digits;
use nidan_core::id::{self, ChallengeId, Scoped};
use nidan_core::lane::Lane;
use nidan_core::message::MessageKind;
use nidan_core::release;
use nidan_core::secret::Secret;

use super::budget::{self, Admission, Admitted};
use super::lane::{self, Asked, Destination, Refusal, Shut};
use super::open::{self, CodeMessage};
use super::resend_code::{self, Resent};
use super::{FlowError, Job, Origin};
use crate::app::App;
use crate::store::account::{self, Account};
use crate::store::ceremony::{self, Open, Sent};
use crate::store::message::{Cause, CauseKind, Leased};
use crate::store::{StoreError, Tx};

/// A sign-in that is to be released.
#[derive(Clone)]
pub struct Release {
    /// Which one.
    pub ceremony: Scoped<id::Ceremony>,
    /// Who asks.
    pub presented: Holder,
    /// Where from, and in which language.
    pub origin: Origin,
}

/// What became of the wish for a secret.
pub enum Wrote {
    /// It is on its way to the mailbox.
    Sent,
    /// No more e-mails for now.
    Shut(Shut),
    /// There is no such sign-in for the one who asks, it is over, or no mailbox of its account is verified.
    NotFound,
}

/// What became of a secret that was typed.
pub enum Freed {
    /// It was right; what became of the message that it frees.
    Freed(Resent),
    /// It was not.
    Wrong,
    /// Too many were wrong in this sign-in: it was not looked at.
    Shut(Shut),
    /// There is no such sign-in for the one who asks, or it is over.
    NotFound,
}

/// The letter's challenge: the one whose code would go to the e-mail address.
fn of_letter(open: Open) -> Open {
    Open { authenticator: None, ..open }
}

/// The sign-in, if a release may be asked for.
async fn find(tx: &mut Tx<'_>, app: &App, release: &Release) -> Result<Option<(Account, Open)>, StoreError> {
    let Some(account) = account::load(tx, app, release.ceremony.account).await? else { return Ok(None) };
    let open = ceremony::load(tx, &account, release.ceremony.id).await?;
    let now = app.clock.now();
    let open = open.filter(|open| {
        open.ceremony.holder.admits(&release.presented)
            && open.ceremony.purpose == Purpose::SignIn
            && open.lane == Lane::U
            && open.ceremony.charge(account.sec_epoch, now, &app.policy).is_ok()
    });
    Ok(open.filter(|_| account.email_verified_at.is_some()).map(|open| (account, open)))
}

/// Writes a secret to the account's mailbox.
pub async fn write(app: &Arc<App>, release: Release) -> Result<Wrote, FlowError> {
    let job = Job::new(app, release.clone());
    let asked = app.db.read(job, |tx, job| {
        Box::pin(async move {
            let Some((account, _)) = find(tx, &job.app, &job.input).await? else { return Ok(None) };
            let (to, created_at) = (Destination::Address(account.email), account.created_at);
            Ok(Some(Asked { lane: Lane::R, account: account.id, created_at, to, first: true, released: false }))
        })
    });
    let Some(asked) = asked.await? else { return Ok(Wrote::NotFound) };
    let admitted = match lane::admit(app, &asked, &release.origin.client).await? {
        Ok(admitted) => admitted,
        Err(shut) => {
            let job = Job::new(app, (release, shut));
            app.db.transact(job, |tx, job| Box::pin(job.refused(tx))).await?;
            return Ok(Wrote::Shut(shut));
        }
    };
    let job = Arc::new(Job::new(app, (release, admitted)));
    match app.db.transact(job.clone(), |tx, job| Box::pin(job.run(tx))).await? {
        Some(claimed) => {
            app.dispatch([claimed]);
            Ok(Wrote::Sent)
        }
        None => {
            budget::give_back(app, job.input.1.clone()).await?;
            Ok(Wrote::NotFound)
        }
    }
}

fn cause(release: &Release) -> Cause {
    Cause { kind: CauseKind::Release, client: release.origin.client.clone(), password_right: true }
}

impl Job<(Release, Shut)> {
    async fn refused(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let (release, shut) = &self.input;
        let Some((account, _)) = find(tx, &self.app, release).await? else { return Ok(()) };
        let to = Destination::Address(account.email.clone());
        let refusal = Refusal { kind: MessageKind::ReleaseSecret, to: &to, cause: cause(release), shut: *shut };
        lane::suppress(tx, &self.app, &account, refusal, self.now).await
    }
}

impl Job<(Release, Admitted)> {
    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Leased>, StoreError> {
        let (app, now, (release, _)) = (&*self.app, self.now, &self.input);
        let Some((account, open)) = find(tx, app, release).await? else { return Ok(None) };
        let expires_at = open.ceremony.expires_at;
        let open = of_letter(open);
        let message = CodeMessage {
            kind: MessageKind::ReleaseSecret,
            destination: Secret::new(account.email.as_str().to_owned()),
            language: release.origin.language,
            cause: cause(release),
        };
        if let Some(sent) = ceremony::challenge(tx, account.id, open.challenge()).await? {
            let n = sent.challenge.sent.saturating_add(1);
            let message = (message, &Admitted::default());
            return open::again(tx, app, (&account, sent, n), message, now).await.map(Some);
        }
        let sent = open::sent(app, &open, Digits::Eight, now);
        let sent = Sent { challenge: Challenge { expires_at, ..sent.challenge }, ..sent };
        if !ceremony::open_challenge(tx, &open, &sent).await? {
            return Ok(None);
        }
        open::code_message(tx, app, (&account, &sent), message, now).await.map(Some)
    }
}

/// The secret of a letter.
///
/// # Errors
/// The key file lacks the key that it was derived under.
pub fn secret(app: &App, key_version: i64, challenge: ChallengeId) -> Result<Secret<String>, StoreError> {
    let key = app.keys.code_key_bytes(key_version);
    let key = key.ok_or_else(|| StoreError::corrupt("challenge.key_version", "the key file has no such key"))?;
    Ok(release::derive(&key, challenge))
}

/// A secret was typed: if it is right, the message is sent that was not. It is counted before it is looked at.
pub async fn free(app: &Arc<App>, release: Release, typed: Secret<String>) -> Result<Freed, FlowError> {
    let found = app.db.read(Job::new(app, release.clone()), |tx, job| {
        Box::pin(async move { Ok(find(tx, &job.app, &job.input).await?.is_some()) })
    });
    if !found.await? {
        return Ok(Freed::NotFound);
    }
    if let Admission::Refused { reason, until } =
        budget::admit(app, vec![of_release(release.ceremony.id, &app.policy)]).await?
    {
        app.metrics.suppressed(reason.name());
        return Ok(Freed::Shut(Shut { reason, until }));
    }
    let job = Job::new(app, (release.clone(), typed));
    let right = app.db.transact(job, |tx, job| {
        Box::pin(async move {
            let (app, (release, typed)) = (&*job.app, &job.input);
            let Some((account, open)) = find(tx, app, release).await? else { return Ok(None) };
            let letter = of_letter(open);
            let Some(sent) = ceremony::challenge(tx, account.id, letter.challenge()).await? else {
                return Ok(Some(false));
            };
            let secret = secret(app, sent.key_version, sent.id)?;
            if !sent.challenge.is_alive(job.now) || !release::matches(&secret, typed.expose()) {
                return Ok(Some(false));
            }
            ceremony::release(tx, &letter, job.now).await?;
            Ok(Some(true))
        })
    });
    let Release { ceremony, presented, origin } = release;
    Ok(match right.await? {
        None => Freed::NotFound,
        Some(false) => Freed::Wrong,
        Some(true) => {
            let again = resend_code::ResendCode { ceremony, presented, way: None, origin };
            Freed::Freed(resend_code::resend(app, again).await?)
        }
    })
}
