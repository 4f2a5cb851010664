//! A sign-in begins: the password, the device it comes from, and what is owed after that.

use std::sync::Arc;

use nidan_core::audit::Event;
use nidan_core::budget::{Suppressed, of_password};
use nidan_core::ceremony::Purpose;
use nidan_core::device::Standing;
use nidan_core::id::{self, DeviceId, Scoped};
use nidan_core::ladder::Step;
use nidan_core::message::MessageKind;
use nidan_core::methods::Method;
use nidan_core::password;
use nidan_core::phone::PhoneNumber;
use nidan_core::secret::Secret;
use nidan_core::sign_in::{FirstProof, Grant, Next, after_first_proof};
use nidan_core::token::{Token, TokenKind};

use super::accounts::{Who, find};
use super::budget::{self, Admission, Admitted};
use super::grant::{Granted, grant};
pub use super::lane::Shut;
use super::lane::{self, Asked, AtGate, Destination, Refusal, Wish};
use super::open::{self, Allowed, CodeMessage, NewCeremony};
use super::{By, FlowError, Job, Origin, notice, password_known, record, record_for_nobody};
use crate::app::App;
use crate::password_hash::{Comer, StoredHash};
use crate::store::account::{self, Account};
use crate::store::audit;
use crate::store::authenticator::{self, Authenticator};
use crate::store::ceremony::Open;
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
    /// Nothing is looked at, or sent, for now.
    Later(Shut),
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
    let first = match &sign_in.proof {
        Proof::SiteVouches => FirstProof::SitePassword,
        Proof::Password(typed) => {
            let (counted, comer) = match count_password(app, &sign_in, found.as_ref()).await? {
                Ok(counted) => counted,
                Err(shut) => return Ok(SignInAnswer::Later(shut)),
            };
            match is_password(app, (typed, comer), (sign_in.who, found.as_ref()), &sign_in.origin).await {
                Ok(true) => budget::complete(app, counted).await?,
                Ok(false) => return Ok(SignInAnswer::InvalidCredentials),
                Err(error) => {
                    // It was not looked at.
                    budget::give_back(app, counted).await?;
                    return Err(error);
                }
            }
            FirstProof::Password
        }
    };
    let Some(account) = found else { return Ok(SignInAnswer::InvalidCredentials) };
    let SignIn { by, device_token, origin, .. } = sign_in;
    let mut begin = Begin { account, first, by, device_token, origin, admission: None };
    begin.admission = admission(app, &begin).await?;
    let job = Arc::new(Job::new(app, begin));
    let (answer, messages, used) = app.db.transact(job.clone(), |tx, job| Box::pin(job.run(tx))).await?;
    app.dispatch(messages);
    if let (false, Some(Ok(admitted))) = (used, &job.input.admission) {
        budget::give_back(app, admitted.clone()).await?;
    }
    Ok(answer)
}

/// Counts a password before it is looked at: for the name that was given, whether there is such an account or not, or for
/// the known device that it comes from, so that strangers cannot use up what the owner needs.
async fn count_password(
    app: &Arc<App>,
    sign_in: &SignIn,
    found: Option<&Account>,
) -> Result<Result<(Admitted, Comer), Shut>, FlowError> {
    let device = match (found, &sign_in.device_token) {
        (Some(account), Some(token)) => known_device(app, account.id, token).await?,
        _ => None,
    };
    let name = match (found, &sign_in.who) {
        (Some(account), _) => account.id.as_bytes().to_vec(),
        (None, Some(who)) => who.bytes().to_vec(),
        (None, None) => Vec::new(),
    };
    let network = lane::network(&sign_in.origin.client);
    let comer = if device.is_some() { Comer::KnownDevice } else { Comer::Stranger };
    let budgets = of_password(&name, network, device.map(|(id, _)| id), &app.policy);
    Ok(match budget::admit(app, budgets).await? {
        Admission::Admitted(admitted) => Ok((admitted, comer)),
        Admission::Refused { reason, until } => {
            app.metrics.suppressed(reason.name());
            Err(Shut { reason, until })
        }
    })
}

/// The device that a token stands for, if its owner completed a second step on it, and whether codes are skipped there.
async fn known_device(
    app: &Arc<App>,
    account: id::AccountId,
    token: &Secret<String>,
) -> Result<Option<(DeviceId, bool)>, FlowError> {
    let token = Token::<id::Device>::parse(TokenKind::Device, token.expose());
    let Some(token) = token.filter(|token| token.account == account) else { return Ok(None) };
    let known = app.db.read(Job::new(app, token), |tx, job| {
        Box::pin(async move {
            let (app, token) = (&*job.app, &job.input);
            let Some(account) = account::load(tx, app, token.account).await? else { return Ok(None) };
            let Some(known) = device::find(tx, &account, token.id).await? else { return Ok(None) };
            Ok(match known.device.present(&token.hash(), account.sec_epoch, job.now, &app.policy) {
                Standing::Known { trusted, .. } => Some((known.id, trusted)),
                Standing::Reused | Standing::Expired => None,
            })
        })
    });
    Ok(known.await?)
}

/// What is taken for the message that this sign-in will need; none: it needs none, or the gate is shut for it.
async fn admission(app: &Arc<App>, begin: &Begin) -> Result<Option<Result<Admitted, Shut>>, FlowError> {
    let device = match &begin.device_token {
        Some(token) => known_device(app, begin.account.id, token).await?,
        None => None,
    };
    let (account, first) = (begin.account.id, begin.first);
    let asked = app.db.read(Job::new(app, (account, first, device)), |tx, job| {
        Box::pin(async move {
            let (app, (account, first, device)) = (&*job.app, job.input);
            let Some(account) = account::load(tx, app, account).await? else { return Ok(None) };
            let authenticators = authenticator::list(tx, &account).await?;
            let methods = authenticator::methods(&authenticators);
            let trusted = device.filter(|(_, trusted)| *trusted).map(|(id, _)| id);
            let (purpose, to) = match after_first_proof(first, &methods, account.email_verified_at.is_some(), trusted) {
                Next::Granted(_) => return Ok(None),
                Next::ConfirmEmail => (Purpose::ConfirmEmail, Destination::Address(account.email.clone())),
                Next::CodeRequired(method) => match phone_of(&authenticators, method) {
                    Some(phone) => (Purpose::SignIn, Destination::Phone(phone.clone())),
                    None => return Ok(None),
                },
            };
            let lane = open::lane(&account, purpose, device.is_some());
            let at = AtGate { lane, released: false, message: true, first: true };
            if lane::gate(tx, app, &account, at, job.now).await?.is_err() {
                return Ok(None);
            }
            let (account, created_at) = (account.id, account.created_at);
            Ok(Some(Asked { lane, account, created_at, to, first: true, released: false }))
        })
    });
    Ok(match asked.await? {
        Some(asked) => Some(lane::admit(app, &asked, &begin.origin.client).await?),
        None => None,
    })
}

fn phone_of(authenticators: &[Authenticator], method: Method) -> Option<&PhoneNumber> {
    authenticators.iter().find(|known| known.method.id == method.id).and_then(Authenticator::phone)
}

/// Whether `typed` is the account's password, and stores a fresh hash where the stored one is not what this server would
/// make today. Without an account, or without a password, the same work is done as for an account that might have the name.
pub(super) async fn is_password(
    app: &Arc<App>,
    (as_typed, comer): (&Secret<String>, Comer),
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
    let mut verified = app.passwords.verify(comer, typed.clone(), hash.clone()).await?;
    if !hash.is_current() && !verified.ok && !typed.same(as_typed) {
        // The other system hashed what was typed, not its normal form.
        verified = app.passwords.verify(comer, as_typed.clone(), hash).await?;
    }
    verified.ok &= has_password;
    if !verified.ok {
        record_wrong_password(app, account.map_or(audit::NOBODY, |account| account.id), origin.clone());
    } else if let (true, Some(account)) = (verified.rehash_wanted, account) {
        // When there is no time for it, the next sign-in does it: this one was right.
        if let Ok(phc) = app.passwords.hash(typed, app.random.bytes()).await {
            rehash(app, account.id, phc).await?;
        }
    }
    Ok(verified.ok)
}

/// Written down beside the answer, not before it, since it need not be waited for; and without an account as well, for
/// nobody: else what the database has to do would tell that there is one.
fn record_wrong_password(app: &Arc<App>, account: id::AccountId, origin: Origin) {
    let app = app.clone();
    tokio::spawn(async move {
        let job = Job::new(&app, (account, origin));
        let recorded = app.db.transact(job, |tx, job| {
            Box::pin(async move {
                let (account, origin) = &job.input;
                match account::load(tx, &job.app, *account).await? {
                    Some(account) => {
                        record(tx, &job.app, &account, (Event::PasswordWrong, origin, None), job.now).await
                    }
                    None => record_for_nobody(tx, &job.app, (Event::PasswordWrong, origin), job.now).await,
                }
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
    /// What was taken for its message, or why nothing was.
    admission: Option<Result<Admitted, Shut>>,
}

/// The device that a presented token stands for.
#[derive(Default)]
struct Presented {
    device: Option<DeviceId>,
    trusted: bool,
    successor: Option<Secret<String>>,
    notice: Option<Leased>,
}

/// Also, whether what was taken for its message was used.
type Begun = (SignInAnswer, Vec<Leased>, bool);

impl Job<Begin> {
    async fn run(&self, tx: &mut Tx<'_>) -> Result<Begun, StoreError> {
        let mut account = match account::load(tx, &self.app, self.input.account.id).await? {
            Some(account) if account.active && account.sec_epoch == self.input.account.sec_epoch => account,
            _ => return Ok((SignInAnswer::InvalidCredentials, Vec::new(), false)),
        };
        let authenticators = authenticator::list(tx, &account).await?;
        let methods = authenticator::methods(&authenticators);
        let presented = self.present(tx, &account).await?;
        let trusted = presented.device.filter(|_| presented.trusted);
        match after_first_proof(self.input.first, &methods, account.email_verified_at.is_some(), trusted) {
            Next::Granted(granted) => self.granted(tx, &account, granted, presented).await,
            Next::CodeRequired(method) => {
                self.code_required(tx, &mut account, &authenticators, (method, presented)).await
            }
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
        Ok((SignInAnswer::Granted(granted), messages, false))
    }

    async fn code_required(
        &self,
        tx: &mut Tx<'_>,
        account: &mut Account,
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
        let (asked, used) = self.ask(tx, account, (&open, phone_of(authenticators, method))).await?;
        let messages = presented.notice.into_iter().chain(asked).collect();
        record(tx, &self.app, account, (Event::SignInStarted, origin, None), self.now).await?;
        let ceremony = Scoped { account: account.id, id };
        let started = Started { ceremony, token, device_token: presented.successor };
        Ok((SignInAnswer::CodeRequired(started), messages, used))
    }

    /// Sends the code to `phone` (none: an app makes it), or writes down why not; also, whether what was taken was used.
    async fn ask(
        &self,
        tx: &mut Tx<'_>,
        account: &mut Account,
        (open, phone): (&Open, Option<&PhoneNumber>),
    ) -> Result<(Vec<Leased>, bool), StoreError> {
        let (app, now, origin) = (&*self.app, self.now, &self.input.origin);
        let at = AtGate { lane: open.lane, released: false, message: phone.is_some(), first: true };
        let gate = lane::gate(tx, app, account, at, now).await?;
        let wish = Wish { ceremony: Some(open.id), press: false, password_right: true, device: open.device, origin };
        let Some(phone) = phone else {
            lane::note(tx, app, account, (&wish, gate.err()), now).await?;
            return Ok((Vec::new(), false));
        };
        let to = Destination::Phone(phone.clone());
        let shut = match (gate, &self.input.admission) {
            (Ok(step), Some(Ok(admitted))) => {
                lane::note(tx, app, account, (&wish, None), now).await?;
                let message = CodeMessage {
                    kind: MessageKind::SignInCode,
                    destination: to.text(),
                    language: origin.language,
                    cause: self.cause(),
                };
                let message = (message, Allowed { admitted, step });
                let message = open::challenge(tx, app, (account, open), message, now).await?;
                return Ok((message.into_iter().collect(), true));
            }
            (Err(shut), _) => shut,
            (Ok(_), Some(Err(shut))) => *shut,
            // It was not to have one when it was looked at: somebody else's sign-in came between.
            (Ok(_), None) => Shut { reason: Suppressed::SignInsUnderWay, until: now },
        };
        let refusal = Refusal { kind: MessageKind::SignInCode, to: &to, cause: self.cause(), shut };
        lane::refuse(tx, app, account, (&wish, refusal), now).await?;
        let told = match shut.reason {
            Suppressed::PasswordKnown => password_known::close(tx, app, (account, &origin.client), true, now).await?,
            _ => Vec::new(),
        };
        Ok((told, false))
    }

    async fn email_to_confirm(
        &self,
        tx: &mut Tx<'_>,
        account: &Account,
        presented: Presented,
    ) -> Result<Begun, StoreError> {
        let (app, now, origin) = (&*self.app, self.now, &self.input.origin);
        let to = Destination::Address(account.email.clone());
        let wish = Wish { ceremony: None, press: false, password_right: true, device: None, origin };
        let admitted = match &self.input.admission {
            Some(Ok(admitted)) => admitted,
            refused => {
                let shut = match refused {
                    Some(Err(shut)) => *shut,
                    _ => Shut { reason: Suppressed::MailAccountFull, until: now },
                };
                let cause = self.cause();
                let refusal = Refusal { kind: MessageKind::ConfirmEmailCode, to: &to, cause, shut };
                lane::refuse(tx, app, account, (&wish, refusal), now).await?;
                return Ok((SignInAnswer::Later(shut), presented.notice.into_iter().collect(), false));
            }
        };
        let (id, holder, token) = open::new_holder(app, account, matches!(self.input.by, By::Browser), now);
        let ceremony = NewCeremony {
            id,
            purpose: Purpose::ConfirmEmail,
            holder,
            first_proof: self.input.first,
            authenticator: None,
            device: None,
            origin,
        };
        let open = open::ceremony(tx, app, account, ceremony, now).await?;
        lane::note(tx, app, account, (&Wish { ceremony: Some(id), ..wish }, None), now).await?;
        let message = CodeMessage {
            kind: MessageKind::ConfirmEmailCode,
            destination: to.text(),
            language: origin.language,
            cause: self.cause(),
        };
        let message = (message, Allowed { admitted, step: Step::Six });
        let message = open::challenge(tx, app, (account, &open), message, now).await?;
        let messages = presented.notice.into_iter().chain(message).collect();
        let ceremony = Scoped { account: account.id, id };
        let started = Started { ceremony, token, device_token: presented.successor };
        Ok((SignInAnswer::EmailToConfirm(started), messages, true))
    }

    fn cause(&self) -> Cause {
        Cause { kind: CauseKind::SignIn, client: self.input.origin.client.clone(), password_right: true }
    }
}
