//! Signing up: an account that waits until its e-mail address is confirmed by a typed code.
//!
//! Nobody learns from it whether an address has an account: the work, the page and the time are the same, and the e-mail
//! that the address gets tells its owner which of the two it is.

use std::sync::Arc;

use nidan_core::audit::Event;
use nidan_core::ceremony::Purpose;
use nidan_core::email::EmailAddress;
use nidan_core::id::AccountId;
use nidan_core::ladder::Step;
use nidan_core::lane::Lane;
use nidan_core::message::MessageKind;
use nidan_core::password::{self, PasswordProblem};
use nidan_core::secret::Secret;
use nidan_core::sign_in::FirstProof;

use super::accounts::{Who, find};
use super::budget::Admitted;
use super::lane::{self, Asked, Destination, Shut};
use super::open::{self, Allowed, CodeMessage, NewCeremony};
use super::{FlowError, Job, Origin, record};
use crate::app::App;
use crate::store::account::{self, LoginKey, NewAccount};
use crate::store::message::{Cause, CauseKind, Leased};
use crate::store::{StoreError, Tx};

/// What a person gives to sign up.
pub struct SignUp {
    /// The e-mail address as typed.
    pub email: String,
    /// The password as typed.
    pub password: Secret<String>,
    /// Where from, and in which language.
    pub origin: Origin,
}

/// What became of it.
pub enum SignUpAnswer {
    /// A code is on its way to the address.
    CodeSent {
        /// Holds the ceremony.
        token: Secret<String>,
    },
    /// Something is to be typed again.
    Refused {
        /// Whether the e-mail address is none.
        not_an_address: bool,
        /// What is wrong with the password.
        password: Option<PasswordProblem>,
    },
    /// No e-mail is sent to this address for now, whoever's it is.
    Later(Shut),
}

/// Begins a sign-up.
pub async fn begin(app: &Arc<App>, sign_up: SignUp) -> Result<SignUpAnswer, FlowError> {
    let email = EmailAddress::parse(&sign_up.email);
    let about = [sign_up.email.as_str(), app.site.name.as_str()];
    let password = password::normalise(sign_up.password.expose())
        .and_then(|password| password::judge(&password, &about, &app.policy).map(|()| password));
    let (email, password) = match (email, password) {
        (Ok(email), Ok(password)) => (email, password),
        (email, password) => {
            return Ok(SignUpAnswer::Refused { not_an_address: email.is_err(), password: password.err() });
        }
    };
    let id = app.new_account_id();
    // Before anything tells whose the address is, and alike for all.
    let to = Destination::Address(email.clone());
    let created_at = app.clock.now();
    let asked = Asked { lane: Lane::R, account: id, created_at, to, first: true, released: false };
    let admitted = match lane::admit(app, &asked, &sign_up.origin.client).await? {
        Ok(admitted) => admitted,
        Err(shut) => {
            app.metrics.suppressed(shut.reason.name());
            return Ok(SignUpAnswer::Later(shut));
        }
    };
    let phc = app.passwords.hash(password, app.random.bytes()).await?;
    let in_use = is_in_use(app, &email).await?;
    let job = Job::new(app, Begin { id, email, phc, in_use, admitted, origin: sign_up.origin });
    let (token, message) = app.db.transact(job, |tx, job| Box::pin(job.run(tx))).await?;
    app.dispatch([message]);
    Ok(SignUpAnswer::CodeSent { token })
}

/// Whether an active account has the address.
async fn is_in_use(app: &Arc<App>, email: &EmailAddress) -> Result<bool, StoreError> {
    Ok(find(app, Who::Key(LoginKey::email(app, email))).await?.is_some())
}

struct Begin {
    id: AccountId,
    email: EmailAddress,
    phc: Secret<String>,
    in_use: bool,
    admitted: Admitted,
    origin: Origin,
}

impl Job<Begin> {
    async fn run(&self, tx: &mut Tx<'_>) -> Result<(Secret<String>, Leased), StoreError> {
        let (app, now) = (&*self.app, self.now);
        let Begin { id, email, phc, in_use, admitted, origin } = &self.input;
        let new = NewAccount {
            email: email.clone(),
            email_verified: false,
            external_id: None,
            password: Some(phc.clone()),
            language: origin.language,
            groups: Vec::new(),
            last_seen_at: None,
        };
        let account = account::insert(tx, app, (*id, false), &new, now).await?;
        let (id, holder, token) = open::new_holder(app, &account, true, now);
        let ceremony = NewCeremony {
            id,
            purpose: Purpose::ConfirmEmail,
            holder,
            first_proof: FirstProof::Password,
            authenticator: None,
            device: None,
            origin,
        };
        let open = open::ceremony(tx, app, &account, ceremony, now).await?;
        let message = CodeMessage {
            kind: if *in_use { MessageKind::AddressInUse } else { MessageKind::ConfirmEmailCode },
            destination: Secret::new(email.as_str().to_owned()),
            language: origin.language,
            cause: Cause { kind: CauseKind::SignUp, client: origin.client.clone(), password_right: false },
        };
        let message = (message, Allowed { admitted, step: Step::Six });
        let message = open::challenge(tx, app, (&account, &open), message, now).await?;
        record(tx, app, &account, (Event::AccountCreated, origin, None), now).await?;
        token.zip(message).ok_or_else(|| StoreError::corrupt("challenge", "a new ceremony has a challenge already"))
    }
}
