//! A sign-in begins: the password, the device it comes from, and what is owed after that.

use std::sync::Arc;

use nidan_core::audit::Event;
use nidan_core::ceremony::Purpose;
use nidan_core::device::Standing;
use nidan_core::id::{self, DeviceId, Scoped};
use nidan_core::message::MessageKind;
use nidan_core::methods::Method;
use nidan_core::password;
use nidan_core::secret::Secret;
use nidan_core::sign_in::{FirstProof, Grant, Next, after_first_proof};
use nidan_core::token::{Token, TokenKind};

use super::accounts::{Who, find};
use super::grant::{Granted, grant};
use super::open::{self, CodeMessage, NewCeremony};
use super::{By, FlowError, Job, Origin, notice, record};
use crate::app::App;
use crate::password_hash::StoredHash;
use crate::store::account::{self, Account};
use crate::store::authenticator::{self, Authenticator};
use crate::store::device;
use crate::store::message::{Cause, CauseKind, Leased};
use crate::store::{StoreError, Tx, session};

/// What proves the first step.
pub enum Proof {
    /// The password as typed.
    Password(Secret<String>),
    /// A site whose key may say so has checked the password.
    SiteVouches,
}

/// The beginning of a sign-in.
pub struct SignIn {
    /// Whose; none: what was given names nobody.
    pub who: Option<Who>,
    /// The first proof.
    pub proof: Proof,
    /// Who goes on with it.
    pub by: By,
    /// The device token that came along.
    pub device_token: Option<Secret<String>>,
    /// Where from, and in which language.
    pub origin: Origin,
}

/// What follows.
pub enum SignInAnswer {
    /// Wrong password or no such account: nobody is told which.
    InvalidCredentials,
    /// A code is owed.
    CodeRequired(Started),
    /// The e-mail address is to be confirmed first, by the code that was sent to it.
    EmailToConfirm(Started),
    /// Signed in, or let in to set up.
    Granted(Granted),
}

/// A ceremony that was begun.
pub struct Started {
    /// Its name for a site.
    pub ceremony: Scoped<id::Ceremony>,
    /// Holds it, for a browser.
    pub token: Option<Secret<String>>,
    /// The successor of the device token that came along.
    pub device_token: Option<Secret<String>>,
}

/// Begins a sign-in. An unknown account costs the same work and gets the same answer as a wrong password.
pub async fn begin(app: &Arc<App>, sign_in: SignIn) -> Result<SignInAnswer, FlowError> {
    let found = match sign_in.who {
        Some(who) => find(app, who).await?,
        None => None,
    };
    let first = match sign_in.proof {
        Proof::SiteVouches => FirstProof::SitePassword,
        Proof::Password(typed) if is_password(app, &typed, (sign_in.who, found.as_ref()), &sign_in.origin).await? => {
            FirstProof::Password
        }
        Proof::Password(_) => return Ok(SignInAnswer::InvalidCredentials),
    };
    let Some(account) = found else { return Ok(SignInAnswer::InvalidCredentials) };
    let input = Begin { account, first, by: sign_in.by, device_token: sign_in.device_token, origin: sign_in.origin };
    let (answer, messages) = app.db.transact(Job::new(app, input), |tx, job| Box::pin(job.run(tx))).await?;
    app.dispatch(messages);
    Ok(answer)
}

/// Whether `typed` is the account's password, and stores a fresh hash where the stored one is not what this server would
/// make today. Without an account, or without a password, the same work is done as for an account that might have the name.
async fn is_password(
    app: &Arc<App>,
    as_typed: &Secret<String>,
    (who, account): (Option<Who>, Option<&Account>),
    origin: &Origin,
) -> Result<bool, FlowError> {
    let Ok(typed) = password::normalise(as_typed.expose()) else { return Ok(false) };
    let stored = account.map(Account::password).transpose()?.flatten();
    let stored = stored.map(|text| StoredHash::parse(text.expose())).transpose();
    let stored = stored.map_err(|_| StoreError::corrupt("account.password", "no hash of this version"))?;
    let has_password = stored.is_some();
    let name = who.as_ref().map_or(&[][..], Who::bytes);
    let hash = stored.unwrap_or_else(|| app.hash_classes.of_unknown(&app.keys, name));
    let mut verified = app.passwords.verify(typed.clone(), hash.clone()).await?;
    if !hash.is_current() && !verified.ok && !typed.same(as_typed) {
        // The other system hashed what was typed, not its normal form.
        verified = app.passwords.verify(as_typed.clone(), hash).await?;
    }
    verified.ok &= has_password;
    let Some(account) = account else { return Ok(false) };
    if !verified.ok {
        record_wrong_password(app, account.id, origin.clone());
    } else if verified.rehash_wanted {
        // When there is no time for it, the next sign-in does it: this one was right.
        if let Ok(phc) = app.passwords.hash(typed, app.random.bytes()).await {
            rehash(app, account.id, phc).await?;
        }
    }
    Ok(verified.ok)
}

/// Written down beside the answer, not before it: else its time would tell that the account exists.
fn record_wrong_password(app: &Arc<App>, account: id::AccountId, origin: Origin) {
    let app = app.clone();
    tokio::spawn(async move {
        let job = Job::new(&app, (account, origin));
        let recorded = app.db.transact(job, |tx, job| {
            Box::pin(async move {
                let (account, origin) = &job.input;
                let Some(account) = account::load(tx, &job.app, *account).await? else { return Ok(()) };
                record(tx, &job.app, &account, (Event::PasswordWrong, origin, None), job.now).await
            })
        });
        if let Err(error) = recorded.await {
            tracing::error!(%error, "a wrong password could not be written down");
        }
    });
}

async fn rehash(app: &Arc<App>, account: id::AccountId, phc: Secret<String>) -> Result<(), StoreError> {
    let job = Job::new(app, (account, phc));
    let stored = app.db.transact(job, |tx, job| {
        Box::pin(async move {
            let (account, phc) = &job.input;
            let Some(account) = account::load(tx, &job.app, *account).await? else { return Ok(()) };
            account::rehash(tx, &account, phc).await
        })
    });
    stored.await
}

struct Begin {
    account: Account,
    first: FirstProof,
    by: By,
    device_token: Option<Secret<String>>,
    origin: Origin,
}

/// The device that a presented token stands for.
#[derive(Default)]
struct Presented {
    device: Option<DeviceId>,
    trusted: bool,
    successor: Option<Secret<String>>,
    notice: Option<Leased>,
}

type Begun = (SignInAnswer, Vec<Leased>);

impl Job<Begin> {
    async fn run(&self, tx: &mut Tx<'_>) -> Result<Begun, StoreError> {
        let account = match account::load(tx, &self.app, self.input.account.id).await? {
            Some(account) if account.active && account.sec_epoch == self.input.account.sec_epoch => account,
            _ => return Ok((SignInAnswer::InvalidCredentials, Vec::new())),
        };
        let authenticators = authenticator::list(tx, &account).await?;
        let methods = authenticator::methods(&authenticators);
        let presented = self.present(tx, &account).await?;
        let trusted = presented.device.filter(|_| presented.trusted);
        match after_first_proof(self.input.first, &methods, account.email_verified_at.is_some(), trusted) {
            Next::Granted(granted) => self.granted(tx, &account, granted, presented).await,
            Next::CodeRequired(method) => self.code_required(tx, &account, &authenticators, (method, presented)).await,
            Next::ConfirmEmail => self.email_to_confirm(tx, &account, presented).await,
        }
    }

    /// Judges the device token that came along, and hands its successor out.
    async fn present(&self, tx: &mut Tx<'_>, account: &Account) -> Result<Presented, StoreError> {
        let (app, now, origin) = (&*self.app, self.now, &self.input.origin);
        let text = self.input.device_token.as_ref().map_or("", |token| token.expose());
        let token = Token::<id::Device>::parse(TokenKind::Device, text).filter(|token| token.account == account.id);
        let Some(token) = token else { return Ok(Presented::default()) };
        let Some(mut known) = device::find(tx, account, token.id).await? else { return Ok(Presented::default()) };
        let hash = token.hash();
        match known.device.present(&hash, account.sec_epoch, now, &app.policy) {
            Standing::Known { trusted, advanced } => {
                if advanced {
                    device::advance(tx, account.id, known.id, &hash).await?;
                    known.forget_successor();
                }
                device::used(tx, account, known.id, &origin.client, now).await?;
                let successor = device::successor(tx, account, &known, app.random.bytes(), now).await?;
                Ok(Presented { device: Some(known.id), trusted, successor: Some(successor), notice: None })
            }
            Standing::Reused => {
                // Nobody knows which of the two who hold it is the owner: what either began with it ends.
                session::remove_of_device(tx, account.id, known.id).await?;
                device::remove(tx, account.id, known.id).await?;
                record(tx, app, account, (Event::DeviceTokenReused, origin, known.client.program.as_deref()), now)
                    .await?;
                let notice = notice::claim(tx, app, account, (MessageKind::DeviceReuse, origin), now).await?;
                Ok(Presented { notice: Some(notice), ..Presented::default() })
            }
            Standing::Expired => Ok(Presented::default()),
        }
    }

    async fn granted(
        &self,
        tx: &mut Tx<'_>,
        account: &Account,
        granted: Grant,
        presented: Presented,
    ) -> Result<Begun, StoreError> {
        let messages = presented.notice.into_iter().collect();
        let begun = grant(tx, &self.app, account, (granted, presented.device, &self.input.origin), self.now).await?;
        let granted = Granted { device_token: presented.successor, ..begun };
        Ok((SignInAnswer::Granted(granted), messages))
    }

    async fn code_required(
        &self,
        tx: &mut Tx<'_>,
        account: &Account,
        authenticators: &[Authenticator],
        (method, presented): (Method, Presented),
    ) -> Result<Begun, StoreError> {
        let origin = &self.input.origin;
        let (id, holder, token) = open::new_holder(&self.app, account, matches!(self.input.by, By::Browser), self.now);
        let ceremony = NewCeremony {
            id,
            purpose: Purpose::SignIn,
            holder,
            first_proof: self.input.first,
            authenticator: Some(method.id),
            device: presented.device,
            origin,
        };
        let open = open::ceremony(tx, &self.app, account, ceremony, self.now).await?;
        let mut messages: Vec<Leased> = presented.notice.into_iter().collect();
        let phone = authenticators.iter().find(|known| known.method.id == method.id).and_then(Authenticator::phone);
        if let Some(phone) = phone {
            let message = CodeMessage {
                kind: MessageKind::SignInCode,
                destination: Secret::new(phone.e164().to_owned()),
                language: origin.language,
                cause: self.cause(),
            };
            messages.extend(open::challenge(tx, &self.app, (account, &open), message, self.now).await?);
        }
        record(tx, &self.app, account, (Event::SignInStarted, origin, None), self.now).await?;
        let ceremony = Scoped { account: account.id, id };
        Ok((SignInAnswer::CodeRequired(Started { ceremony, token, device_token: presented.successor }), messages))
    }

    async fn email_to_confirm(
        &self,
        tx: &mut Tx<'_>,
        account: &Account,
        presented: Presented,
    ) -> Result<Begun, StoreError> {
        let origin = &self.input.origin;
        let (id, holder, token) = open::new_holder(&self.app, account, matches!(self.input.by, By::Browser), self.now);
        let ceremony = NewCeremony {
            id,
            purpose: Purpose::ConfirmEmail,
            holder,
            first_proof: self.input.first,
            authenticator: None,
            device: None,
            origin,
        };
        let open = open::ceremony(tx, &self.app, account, ceremony, self.now).await?;
        let message = CodeMessage {
            kind: MessageKind::ConfirmEmailCode,
            destination: Secret::new(account.email.as_str().to_owned()),
            language: origin.language,
            cause: self.cause(),
        };
        let message = open::challenge(tx, &self.app, (account, &open), message, self.now).await?;
        let messages = presented.notice.into_iter().chain(message).collect();
        let ceremony = Scoped { account: account.id, id };
        Ok((SignInAnswer::EmailToConfirm(Started { ceremony, token, device_token: presented.successor }), messages))
    }

    fn cause(&self) -> Cause {
        Cause { kind: CauseKind::SignIn, client: self.input.origin.client.clone(), password_right: true }
    }
}
