//! A code is checked: the one way in for every code there is, whatever it is for.
//!
//! In one transaction: a try is taken, the code compared, the verdict carried out. No answer leaves before its commit, and
//! a crash before it costs a try at most and never gives one back.

use std::sync::Arc;

use nidan_core::audit::Event;
use nidan_core::ceremony::{Holder, Purpose, Verdict};
use nidan_core::code::{Binding, Digits, Typed};
use nidan_core::email::EmailAddress;
use nidan_core::id::{self, Scoped, SessionId};
use nidan_core::message::MessageKind;
use nidan_core::methods::{Kind, Method, two_step_ready};
use nidan_core::secret::Secret;
use nidan_core::sign_in::{Grant, SecondProof};
use nidan_core::totp::{self, Learnt, TotpVerdict};

use super::grant::{Granted, complete_on_device, grant};
use super::{FlowError, Job, Origin, accounts, notice, record};
use crate::app::App;
use crate::store::account::{self, Account, LoginKey};
use crate::store::authenticator::{self, Authenticator, Means};
use crate::store::ceremony::{self, Open};
use crate::store::message::Leased;
use crate::store::{StoreError, Tx, session};

/// A code to be checked.
pub struct CheckCode {
    /// What it is for.
    pub ceremony: Scoped<id::Ceremony>,
    /// Who presents it.
    pub presented: Holder,
    /// What was typed.
    pub typed: Secret<String>,
    /// Whether codes are to be skipped on this device from now on.
    pub trust_device: bool,
    /// The session in which a method is set up: it goes on under a new token.
    pub session: Option<SessionId>,
    /// Where from, and in which language.
    pub origin: Origin,
}

/// What became of it.
pub enum Checked {
    /// There is no such ceremony for the one who asks.
    NotFound,
    /// The code was not accepted.
    Refused(Verdict),
    /// Signed in, or let in to set up.
    SignedIn(Granted),
    /// The method is confirmed.
    MethodConfirmed {
        /// The session goes on as this, if one was named.
        session: Option<Granted>,
        /// Whether two-step verification is on now.
        two_step: bool,
    },
}

/// What the transaction says.
enum Outcome {
    Checked(Checked),
    /// The address is its owner's; unless another account has it by now, the account is to be made active.
    EmailProven(EmailAddress),
}

/// Checks a code.
pub async fn check(app: &Arc<App>, check: CheckCode) -> Result<Checked, FlowError> {
    let checked = carry_out(app, check).await?;
    match &checked {
        Checked::NotFound => {}
        Checked::Refused(verdict) => app.metrics.code(verdict.name()),
        Checked::SignedIn(_) | Checked::MethodConfirmed { .. } => app.metrics.code(Verdict::Accepted.name()),
    }
    Ok(checked)
}

async fn carry_out(app: &Arc<App>, check: CheckCode) -> Result<Checked, FlowError> {
    let (ceremony, origin) = (check.ceremony, check.origin.clone());
    let (outcome, messages) = app.db.transact(Job::new(app, check), |tx, job| Box::pin(job.run(tx))).await?;
    app.dispatch(messages);
    match outcome {
        Outcome::Checked(checked) => Ok(checked),
        Outcome::EmailProven(email) => {
            let key = LoginKey::email(app, &email);
            if !accounts::claim(app, key, ceremony.account).await? {
                return Ok(Checked::Refused(Verdict::Expired));
            }
            let job = Job::new(app, EmailProven { ceremony, origin });
            let granted = app.db.transact(job, |tx, job| Box::pin(job.run(tx))).await?;
            accounts::settle(app, key, ceremony.account).await?;
            Ok(Checked::SignedIn(granted))
        }
    }
}

/// What a code is compared with.
enum Secrets {
    /// A code that was sent: derived anew.
    Sent(nidan_core::code::Code),
    /// A code of an app.
    App(Box<Authenticator>),
}

type Ran = (Outcome, Vec<Leased>);

const NOT_FOUND: Outcome = Outcome::Checked(Checked::NotFound);

fn refused(verdict: Verdict) -> Ran {
    (Outcome::Checked(Checked::Refused(verdict)), Vec::new())
}

impl Job<CheckCode> {
    async fn run(&self, tx: &mut Tx<'_>) -> Result<Ran, StoreError> {
        let (app, now) = (&*self.app, self.now);
        let Some(account) = account::load(tx, app, self.input.ceremony.account).await? else {
            return Ok((NOT_FOUND, Vec::new()));
        };
        let open = ceremony::load(tx, &account, self.input.ceremony.id).await?;
        let Some(open) = open.filter(|open| open.ceremony.holder.admits(&self.input.presented)) else {
            return Ok((NOT_FOUND, Vec::new()));
        };
        let Some(typed) = Typed::fold(self.input.typed.expose(), Digits::Six) else {
            return Ok(refused(Verdict::NotACode));
        };
        let Some(secrets) = self.secrets(tx, &account, &open).await? else { return Ok(refused(Verdict::Expired)) };
        let Some(tries) = ceremony::charge(tx, &open, now, &app.policy).await? else {
            return self.why_not(tx, &open).await.map(refused);
        };
        let charged = nidan_core::ceremony::Ceremony { tries, ..open.ceremony };
        match self.compare(tx, &account, &secrets, &typed).await? {
            Verdict::Accepted if ceremony::finish(tx, &open, now).await? => self.accepted(tx, account, open).await,
            Verdict::Accepted => Ok(refused(Verdict::AlreadyUsed)),
            verdict => {
                let about = open.authenticator.map(|id| id.to_string());
                record(tx, app, &account, (Event::CodeWrong, &self.input.origin, about.as_deref()), now).await?;
                let tries_left = charged.tries_left(&app.policy);
                Ok(refused(if verdict == Verdict::AlreadyUsed { verdict } else { Verdict::Wrong { tries_left } }))
            }
        }
    }

    /// What the awaited code is; `None` if it is dead, or its method gone.
    async fn secrets(&self, tx: &mut Tx<'_>, account: &Account, open: &Open) -> Result<Option<Secrets>, StoreError> {
        if let Some(id) = open.authenticator {
            let method = authenticator::find(tx, account, id).await?;
            // A pending method's code confirms it and does nothing else.
            let confirms = open.ceremony.purpose == Purpose::ConfirmAuthenticator;
            match method.filter(|method| method.method.confirmed != confirms) {
                Some(method) if method.method.kind == Kind::Totp => return Ok(Some(Secrets::App(Box::new(method)))),
                Some(_) => {}
                None => return Ok(None),
            }
        }
        let sent = ceremony::challenge(tx, account.id, open.challenge()).await?;
        let Some(sent) = sent.filter(|sent| sent.challenge.is_alive(self.now)) else { return Ok(None) };
        let binding = Binding {
            challenge: sent.id,
            purpose: open.ceremony.purpose,
            authenticator: open.authenticator,
            digits: sent.challenge.digits,
        };
        Ok(Some(Secrets::Sent(self.app.code(sent.key_version, &binding)?)))
    }

    /// No try was to be had: the rule that says why.
    async fn why_not(&self, tx: &mut Tx<'_>, open: &Open) -> Result<Verdict, StoreError> {
        let (Some(account), app) = (account::load(tx, &self.app, open.account).await?, &self.app) else {
            return Ok(Verdict::Expired);
        };
        let Some(open) = ceremony::load(tx, &account, open.id).await? else { return Ok(Verdict::Expired) };
        // A try that came free in between belongs to nobody: there is none.
        Ok(open.ceremony.charge(account.sec_epoch, self.now, &app.policy).err().unwrap_or(Verdict::UsedUp))
    }

    async fn compare(
        &self,
        tx: &mut Tx<'_>,
        account: &Account,
        secrets: &Secrets,
        typed: &Typed,
    ) -> Result<Verdict, StoreError> {
        const WRONG: Verdict = Verdict::Wrong { tries_left: 0 };
        let method = match secrets {
            Secrets::Sent(code) => return Ok(if code.matches(typed) { Verdict::Accepted } else { WRONG }),
            Secrets::App(method) => method,
        };
        let Means::App { seed, learnt } = &method.means else { return Ok(WRONG) };
        let verdict = match method.method.confirmed {
            true => totp::verify(seed, typed.expose(), self.now, *learnt, &self.app.policy),
            false => totp::enrol(seed, typed.expose(), self.now),
        };
        match verdict {
            TotpVerdict::Accepted { step, drift } => {
                let learnt = Learnt { last_step: step, drift };
                let first = authenticator::learn(tx, account.id, method.method.id, learnt).await?;
                Ok(if first { Verdict::Accepted } else { Verdict::AlreadyUsed })
            }
            TotpVerdict::AlreadyUsed => Ok(Verdict::AlreadyUsed),
            TotpVerdict::Wrong => Ok(WRONG),
        }
    }

    async fn accepted(&self, tx: &mut Tx<'_>, account: Account, open: Open) -> Result<Ran, StoreError> {
        match (open.ceremony.purpose, open.authenticator) {
            (Purpose::ConfirmEmail, _) => Ok((Outcome::EmailProven(account.email), Vec::new())),
            (Purpose::SignIn, Some(method)) => self.signed_in(tx, &account, &open, method).await,
            (Purpose::ConfirmAuthenticator, Some(method)) => self.confirmed(tx, account, &open, method).await,
            (Purpose::SignIn | Purpose::ConfirmAuthenticator, None) => {
                Err(StoreError::corrupt("ceremony.authenticator_id", "none where a method's code was accepted"))
            }
        }
    }

    async fn signed_in(
        &self,
        tx: &mut Tx<'_>,
        account: &Account,
        open: &Open,
        method: id::AuthenticatorId,
    ) -> Result<Ran, StoreError> {
        let (app, now, origin) = (&*self.app, self.now, &self.input.origin);
        let methods = authenticator::methods(&authenticator::list(tx, account).await?);
        let granted = Grant::new(open.first_proof, Some(second_proof(&methods, method)?), &methods);
        let (mut device, mut device_token) = (open.device, None);
        if granted.is_two_step() {
            let trusted = self.input.trust_device;
            let (id, token) = complete_on_device(tx, app, account, (open.device, trusted, origin), now).await?;
            (device, device_token) = (Some(id), Some(token));
        }
        let session = grant(tx, app, account, (granted, device, origin), now).await?;
        Ok((Outcome::Checked(Checked::SignedIn(Granted { device_token, ..session })), Vec::new()))
    }

    /// The method is its owner's from now on. Everything older than this is signed out, except the session in which it was
    /// done, which goes on under a new token.
    async fn confirmed(
        &self,
        tx: &mut Tx<'_>,
        mut account: Account,
        open: &Open,
        method: id::AuthenticatorId,
    ) -> Result<Ran, StoreError> {
        let (app, now, origin) = (&*self.app, self.now, &self.input.origin);
        if !authenticator::confirm(tx, account.id, method, now).await? {
            return Ok(refused(Verdict::AlreadyUsed));
        }
        account.sec_epoch = account::bump_epoch(tx, account.id).await?;
        let methods = authenticator::methods(&authenticator::list(tx, &account).await?);
        let proof = second_proof(&methods, method)?;
        record(tx, app, &account, (Event::MethodConfirmed, origin, Some(proof.amr())), now).await?;
        let two_step = two_step_ready(&methods);
        let mut messages = Vec::new();
        if two_step && account::set_two_step(tx, account.id, true, now).await? {
            record(tx, app, &account, (Event::TwoStepOn, origin, None), now).await?;
            messages.push(notice::claim(tx, app, &account, (MessageKind::TwoStepOn, origin), now).await?);
        }
        let mut going_on = None;
        if let Some(old) = self.input.session {
            session::remove(tx, account.id, old).await?;
            let granted = Grant::new(open.first_proof, Some(proof), &methods);
            going_on = Some(grant(tx, app, &account, (granted, None, origin), now).await?);
        }
        Ok((Outcome::Checked(Checked::MethodConfirmed { session: going_on, two_step }), messages))
    }
}

fn second_proof(methods: &[Method], id: id::AuthenticatorId) -> Result<SecondProof, StoreError> {
    let method = methods.iter().find(|method| method.id == id);
    let method = method.ok_or_else(|| StoreError::corrupt("authenticator", "gone while its code was accepted"))?;
    Ok(SecondProof::Code(method.id, method.kind))
}

struct EmailProven {
    ceremony: Scoped<id::Ceremony>,
    origin: Origin,
}

impl Job<EmailProven> {
    /// Makes the account active and lets its owner in to set up.
    async fn run(&self, tx: &mut Tx<'_>) -> Result<Granted, StoreError> {
        let (app, now, origin) = (&*self.app, self.now, &self.input.origin);
        let gone = || StoreError::corrupt("account", "gone while its address was confirmed");
        let account = account::load(tx, app, self.input.ceremony.account).await?.ok_or_else(gone)?;
        let open = ceremony::load(tx, &account, self.input.ceremony.id).await?.ok_or_else(gone)?;
        account::activate(tx, account.id, now).await?;
        record(tx, app, &account, (Event::EmailConfirmed, origin, None), now).await?;
        let methods = authenticator::methods(&authenticator::list(tx, &account).await?);
        grant(tx, app, &account, (Grant::new(open.first_proof, None, &methods), None, origin), now).await
    }
}
