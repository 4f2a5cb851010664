//! A method is added: pending, until its owner has typed a code of it.

use std::sync::Arc;

use nidan_core::audit::Event;
use nidan_core::ceremony::{Holder, Purpose};
use nidan_core::id::{AccountId, AuthenticatorId, CeremonyId, MessageId};
use nidan_core::ladder::Step;
use nidan_core::message::MessageKind;
use nidan_core::methods::{CannotAdd, Kind, Method, Role, is_replaced, may_add, two_step_ready};
use nidan_core::phone::PhoneNumber;
use nidan_core::secret::Secret;
use nidan_core::sign_in::FirstProof;
use nidan_core::totp::{Learnt, Seed, otpauth_uri};

use super::budget::{self, Admitted};
use super::lane::{self, Asked, Destination, Refusal, Shut, Wish};
use super::open::{self, Allowed, CodeMessage, NewCeremony};
use super::{FlowError, Job, Origin, accounts, record};
use crate::app::App;
use crate::keys::Lookup;
use crate::store::account::{self, Account};
pub use crate::store::authenticator::About;
use crate::store::authenticator::{self, Authenticator, Means};
use crate::store::message::{Cause, CauseKind, Leased};
use crate::store::{StoreError, Tx, ceremony};

/// What is added.
pub enum NewMeans {
    /// A phone number for SMS.
    Phone(PhoneNumber),
    /// An authenticator app: its seed is made here, never by a client.
    App,
}

/// A method to be added.
pub struct AddMethod {
    /// To which account.
    pub account: AccountId,
    /// Primary or backup.
    pub role: Role,
    /// What it works by.
    pub means: NewMeans,
    /// What the owner knows it by.
    pub about: About,
    /// Who will confirm it: the session's token, or a site.
    pub holder: Holder,
    /// What the adding one has proven.
    pub first_proof: FirstProof,
    /// Where from, and in which language.
    pub origin: Origin,
}

/// What became of it.
pub enum Added {
    /// Pending.
    Pending {
        /// Which one.
        id: AuthenticatorId,
        /// The seed, for the app to be connected.
        seed: Option<Seed>,
        /// The message that brings its code.
        message: Option<MessageId>,
    },
    /// A rule forbids it.
    CannotAdd(CannotAdd),
    /// The account has this number already.
    SameNumber,
    /// No message is sent to this number for now.
    Shut(Shut),
    /// Two-step verification is on: methods change only after a step-up.
    StepUpRequired,
    /// There is no such account.
    NotFound,
}

/// The ceremony that confirms a method goes by the method's own id: a pending method has one life.
pub fn confirming(authenticator: AuthenticatorId) -> CeremonyId {
    CeremonyId::from_bytes(*authenticator.as_bytes())
}

/// What an app is connected by: the address that a QR code carries.
pub fn app_uri(app: &App, account: &Account, seed: &Seed) -> Secret<String> {
    otpauth_uri(&app.site.name, account.email.as_str(), seed)
}

/// Adds a method.
pub async fn add(app: &Arc<App>, add: AddMethod) -> Result<Added, FlowError> {
    let admission = admission(app, &add).await?;
    let job = Arc::new(Job::new(app, Adding { add, admission }));
    let (added, message) = app.db.transact(job.clone(), |tx, job| Box::pin(job.run(tx))).await?;
    if let (None, Some(Ok(admitted))) = (message, &job.input.admission) {
        budget::give_back(app, admitted.clone()).await?;
    }
    app.dispatch(message);
    Ok(added)
}

/// What is taken for the message that brings a phone's code, or why nothing is; none: there is none.
async fn admission(app: &Arc<App>, add: &AddMethod) -> Result<Option<Result<Admitted, Shut>>, FlowError> {
    let NewMeans::Phone(number) = &add.means else { return Ok(None) };
    let Some(account) = accounts::load(app, add.account).await? else { return Ok(None) };
    let lane = open::lane(&account, Purpose::ConfirmAuthenticator, false);
    let (to, created_at) = (Destination::Phone(number.clone()), account.created_at);
    let asked = Asked { lane, account: account.id, created_at, to, first: true, released: false };
    Ok(Some(lane::admit(app, &asked, &add.origin.client).await?))
}

struct Adding {
    add: AddMethod,
    admission: Option<Result<Admitted, Shut>>,
}

type Ran = (Added, Option<Leased>);

impl Job<Adding> {
    async fn run(&self, tx: &mut Tx<'_>) -> Result<Ran, StoreError> {
        let (app, input) = (&*self.app, &self.input.add);
        let account = account::load(tx, app, input.account).await?;
        let Some(account) = account.filter(|account| account.active) else { return Ok((Added::NotFound, None)) };
        let existing = authenticator::list(tx, &account).await?;
        let methods = authenticator::methods(&existing);
        let (kind, phone_key) = match &input.means {
            NewMeans::Phone(number) => (Kind::Sms, Some(app.keys.lookup(Lookup::Phone, number.e164().as_bytes()))),
            NewMeans::App => (Kind::Totp, None),
        };
        if two_step_ready(&methods) {
            return Ok((Added::StepUpRequired, None));
        }
        if let Err(rule) = may_add(&methods, kind, input.role) {
            return Ok((Added::CannotAdd(rule), None));
        }
        let stays = |known: &&Authenticator| !is_replaced(&known.method, kind, input.role);
        if phone_key.is_some_and(|key| existing.iter().filter(stays).any(|known| known.has_phone_key(&key))) {
            return Ok((Added::SameNumber, None));
        }
        if let (NewMeans::Phone(number), Some(Err(shut))) = (&input.means, &self.input.admission) {
            let refusal = Refusal {
                kind: MessageKind::SetupCode,
                to: &Destination::Phone(number.clone()),
                cause: self.cause(),
                shut: *shut,
            };
            lane::refuse(tx, app, &account, (&self.wish(None), refusal), self.now).await?;
            return Ok((Added::Shut(*shut), None));
        }
        for replaced in methods.iter().filter(|method| is_replaced(method, kind, input.role)) {
            authenticator::remove(tx, account.id, replaced.id).await?;
            ceremony::end(tx, account.id, confirming(replaced.id), self.now).await?;
        }
        self.pending(tx, &account, (kind, phone_key)).await
    }

    async fn pending(
        &self,
        tx: &mut Tx<'_>,
        account: &Account,
        (kind, phone_key): (Kind, Option<[u8; 32]>),
    ) -> Result<Ran, StoreError> {
        let (app, input, now) = (&*self.app, &self.input.add, self.now);
        let id: AuthenticatorId = app.new_id(now);
        let seed = Seed::new(app.random.bytes());
        let means = match (&input.means, phone_key) {
            (NewMeans::Phone(number), Some(key)) => Means::Phone { number: number.clone(), key },
            _ => Means::App { seed: seed.clone(), learnt: Learnt::default() },
        };
        let new = Authenticator {
            method: Method { id, kind, role: input.role, confirmed: false },
            means,
            about: input.about.clone(),
            created_at: now,
            confirmed_at: None,
        };
        authenticator::insert(tx, account, &new).await?;
        let new = NewCeremony {
            id: confirming(id),
            purpose: Purpose::ConfirmAuthenticator,
            holder: input.holder,
            first_proof: input.first_proof,
            authenticator: Some(id),
            device: None,
            origin: &input.origin,
        };
        let open = open::ceremony(tx, app, account, new, now).await?;
        record(tx, app, account, (Event::MethodAdded, &input.origin, Some(kind.name())), now).await?;
        let NewMeans::Phone(number) = &input.means else {
            return Ok((Added::Pending { id, seed: Some(seed), message: None }, None));
        };
        let Some(Ok(admitted)) = &self.input.admission else {
            return Err(StoreError::corrupt("account", "made while a method of it was added"));
        };
        lane::note(tx, app, account, (&self.wish(Some(open.id)), None), now).await?;
        let message = CodeMessage {
            kind: MessageKind::SetupCode,
            destination: Secret::new(number.e164().to_owned()),
            language: input.origin.language,
            cause: self.cause(),
        };
        let message = (message, Allowed { admitted, step: Step::Six });
        let message = open::challenge(tx, app, (account, &open), message, now).await?;
        Ok((Added::Pending { id, seed: None, message: message.map(|leased| leased.id) }, message))
    }

    fn cause(&self) -> Cause {
        Cause { kind: CauseKind::Setup, client: self.input.add.origin.client.clone(), password_right: true }
    }

    fn wish(&self, ceremony: Option<CeremonyId>) -> Wish<'_> {
        Wish { ceremony, press: false, password_right: true, device: None, origin: &self.input.add.origin }
    }
}
