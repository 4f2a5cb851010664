//! A code is checked: the one way in for every code there is, whatever it is for.
//!
//! In one transaction the code is judged, the try that it cost is written down, and the verdict is carried out; the account
//! is held meanwhile. No answer leaves before the commit, so that nobody learns anything by a try that is not counted.

use std::sync::Arc;

use nidan_core::audit::Event;
use nidan_core::budget::Suppressed;
use nidan_core::ceremony::{self as ceremony_rules, Attempt, Awaited, Challenge, Holder, Purpose, Verdict};
use nidan_core::code::{Binding, Code};
use nidan_core::email::EmailAddress;
use nidan_core::id::{self, Scoped, SessionId};
use nidan_core::ladder::Barred;
use nidan_core::lane::Lane;
use nidan_core::message::MessageKind;
use nidan_core::methods::{Kind, Method, two_step_ready};
use nidan_core::secret::Secret;
use nidan_core::sign_in::{Grant, SecondProof};
use nidan_core::time::Timestamp;

use super::budget::{self, Admitted};
use super::grant::{Granted, complete_on_device, grant};
use super::guesses::{self, ChargedTo};
use super::{FlowError, Job, Origin, accounts, notice, record};
use crate::app::App;
use crate::store::account::{self, Account, LoginKey};
use crate::store::authenticator::{self, Authenticator, Means};
use crate::store::ceremony::{self, Open};
use crate::store::message::Leased;
use crate::store::notice::LetIn;
use crate::store::{StoreError, Tx, request, session};

/// A code to be checked.
pub struct CheckCode {
    /// What it is for.
    pub ceremony: Scoped<id::Ceremony>,
    /// Who presents it.
    pub presented: Holder,
    /// What was typed.
    pub typed: Secret<String>,
    /// The app's following code, where it was typed as well.
    pub next: Option<Secret<String>>,
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
    /// Nothing is compared for now: too many codes were wrong on devices that nobody knows.
    Later {
        /// When one is again.
        until: Timestamp,
    },
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
        Checked::Later { .. } => app.metrics.suppressed(Suppressed::GuessWait.name()),
        Checked::Refused(verdict) => app.metrics.code(verdict.name()),
        Checked::SignedIn(_) | Checked::MethodConfirmed { .. } => app.metrics.code(Verdict::Accepted.name()),
    }
    Ok(checked)
}

async fn carry_out(app: &Arc<App>, check: CheckCode) -> Result<Checked, FlowError> {
    let (ceremony, origin) = (check.ceremony, check.origin.clone());
    let job = Arc::new(Job::new(app, check));
    if let Some(refused) = app.db.read(job.clone(), |tx, job| Box::pin(job.refusal(tx))).await? {
        return Ok(refused);
    }
    let Ran { outcome, messages, guess, completed } = app.db.transact(job, |tx, job| Box::pin(job.run(tx))).await?;
    app.dispatch(messages);
    if let Some(charged_to) = guess {
        guesses::wrong(app, (ceremony, charged_to), app.clock.now());
    }
    complete(app, completed).await;
    match outcome {
        Outcome::Checked(checked) => Ok(checked),
        Outcome::EmailProven(email) => {
            let key = LoginKey::email(app, &email);
            if !accounts::claim(app, key, ceremony.account).await? {
                return Ok(Checked::Refused(Verdict::Expired));
            }
            let job = Job::new(app, EmailProven { ceremony, origin });
            let (checked, completed) = app.db.transact(job, |tx, job| Box::pin(job.run(tx))).await?;
            complete(app, completed).await;
            Ok(checked)
        }
    }
}

/// What is proven stays proven where this fails: then too much is counted.
async fn complete(app: &App, completed: Admitted) {
    if let Err(error) = budget::complete(app, completed).await {
        tracing::error!(%error, "budgets of a code that was right could not be completed");
    }
}

/// What the typed code is compared with, as it was loaded.
enum Secrets {
    /// A code that was sent: derived anew.
    Sent(Challenge, Code),
    /// An app.
    App(Box<Authenticator>),
    Nothing,
}

impl Secrets {
    fn awaited(&self) -> Awaited<'_> {
        match self {
            Self::Sent(challenge, code) => Awaited::Sent(challenge, code),
            Self::App(method) => match &method.means {
                Means::App { seed, learnt } if method.method.confirmed => Awaited::App(seed, *learnt),
                Means::App { seed, .. } => Awaited::NewApp(seed),
                Means::Phone { .. } => Awaited::Nothing,
            },
            Self::Nothing => Awaited::Nothing,
        }
    }
}

/// What the transaction came to.
struct Ran {
    outcome: Outcome,
    messages: Vec<Leased>,
    /// What a wrong guess was charged to.
    guess: Option<ChargedTo>,
    /// What was taken for the messages of a code that was right.
    completed: Admitted,
}

impl Ran {
    fn new(checked: Checked) -> Self {
        Self::of(Outcome::Checked(checked))
    }

    fn of(outcome: Outcome) -> Self {
        Self { outcome, messages: Vec::new(), guess: None, completed: Admitted::default() }
    }
}

fn refused(verdict: Verdict) -> Ran {
    Ran::new(Checked::Refused(verdict))
}

impl Job<CheckCode> {
    async fn load(&self, tx: &mut Tx<'_>) -> Result<Option<(Account, Open)>, StoreError> {
        let Some(account) = account::load(tx, &self.app, self.input.ceremony.account).await? else { return Ok(None) };
        let open = ceremony::load(tx, &account, self.input.ceremony.id).await?;
        Ok(open.map(|open| (account, open)))
    }

    fn attempt(&self, account: &Account) -> Attempt<'_> {
        let next = self.input.next.as_ref().map(|next| next.expose().as_str());
        let typed = self.input.typed.expose().as_str();
        Attempt { presented: &self.input.presented, typed, next, epoch: account.sec_epoch, now: self.now }
    }

    fn check(&self, account: &Account, open: &Open, awaited: &Awaited<'_>) -> Option<ceremony_rules::Checked> {
        ceremony_rules::check(open.ceremony, awaited, &self.attempt(account), &self.app.policy)
    }

    /// Charges a guess of a sign-in before it is compared, or says why nothing is; and what its owner is told of that.
    async fn charge(
        &self,
        tx: &mut Tx<'_>,
        (account, open): (&mut Account, &mut Open),
        secrets: &Secrets,
    ) -> Result<(Result<Option<ChargedTo>, Checked>, Option<Leased>), StoreError> {
        let (app, now, origin) = (&*self.app, self.now, &self.input.origin);
        let offered = ceremony_rules::offered(open.ceremony, &secrets.awaited(), &self.attempt(account), &app.policy);
        let offered = offered.filter(|_| open.ceremony.purpose == Purpose::SignIn);
        let Some(offered) = offered else { return Ok((Ok(None), None)) };
        if let Some(until) = self.too_early(tx, account, open).await? {
            return Ok((Err(Checked::Later { until }), None));
        }
        let charge = guesses::charge(tx, app, (account, open), offered, now).await?;
        let mut told = None;
        if charge.ended.is_some() {
            record(tx, app, account, (Event::DeviceGuessed, origin, None), now).await?;
            told = Some(notice::claim(tx, app, account, (MessageKind::DeviceGuessed, origin), now).await?);
        }
        let charged = match charge.verdict {
            Ok(charged_to) => Ok(Some(charged_to)),
            Err(Barred::Wait { until }) => Err(Checked::Later { until }),
            Err(Barred::Stronger(_)) => Err(Checked::Refused(Verdict::StrongerProofNeeded)),
        };
        Ok((charged, told))
    }

    /// Until when a sign-in has to wait that was opened too soon after wrong guesses, before it takes the first code of an
    /// app. One that is sent was not sent then.
    async fn too_early(
        &self,
        tx: &mut Tx<'_>,
        account: &Account,
        open: &Open,
    ) -> Result<Option<Timestamp>, StoreError> {
        let begins = open.lane == Lane::U && open.charged == 0 && open.released_at.is_none();
        let refused = if begins { request::newest_refused(tx, account, open.id).await? } else { None };
        if refused.is_none_or(|refused| refused.reason != Suppressed::GuessWait) {
            return Ok(None);
        }
        Ok(match guesses::open(&self.app, account, (false, false), self.now) {
            Err(Barred::Wait { until }) => Some(until),
            Ok(_) | Err(Barred::Stronger(_)) => None,
        })
    }

    /// What is refused whatever the code is, for good: asked of a reader first, so that a flood of it holds nobody up.
    async fn refusal(&self, tx: &mut Tx<'_>) -> Result<Option<Checked>, StoreError> {
        let Some((account, open)) = self.load(tx).await? else { return Ok(Some(Checked::NotFound)) };
        let Some(checked) = self.check(&account, &open, &Awaited::Nothing) else { return Ok(Some(Checked::NotFound)) };
        let over = open.ceremony.charge(account.sec_epoch, self.now, &self.app.policy).is_err();
        let refused = over || checked.verdict == Verdict::NotACode;
        Ok(refused.then_some(Checked::Refused(checked.verdict)))
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Ran, StoreError> {
        let Some((mut account, mut open)) = self.load(tx).await? else { return Ok(Ran::new(Checked::NotFound)) };
        let secrets = self.secrets(tx, &account, &open).await?;
        let (charged, told) = self.charge(tx, (&mut account, &mut open), &secrets).await?;
        let mut ran = match charged {
            Ok(charged_to) => self.compare(tx, (account, open), &secrets, charged_to).await?,
            Err(checked) => Ran::new(checked),
        };
        ran.messages.extend(told);
        Ok(ran)
    }

    /// Compares a code that was charged for.
    async fn compare(
        &self,
        tx: &mut Tx<'_>,
        (account, open): (Account, Open),
        secrets: &Secrets,
        charged_to: Option<ChargedTo>,
    ) -> Result<Ran, StoreError> {
        let (app, now, input) = (&*self.app, self.now, &self.input);
        let checked = self.check(&account, &open, &secrets.awaited());
        let Some(checked) = checked else { return Ok(Ran::new(Checked::NotFound)) };
        if checked.ceremony.tries == open.ceremony.tries {
            return Ok(refused(checked.verdict)); // nothing was evaluated
        }
        if !ceremony::charge(tx, &open, now, &app.policy).await? {
            return Err(StoreError::corrupt("ceremony.tries", "its gate and its rule differ"));
        }
        if let (Some(learnt), Some(method)) = (checked.learnt, open.authenticator)
            && !authenticator::learn(tx, account.id, method, learnt).await?
        {
            return Ok(refused(Verdict::AlreadyUsed));
        }
        if checked.verdict == Verdict::Accepted {
            return self.accepted(tx, account, open).await;
        }
        let about = open.authenticator.map(|id| id.to_string());
        record(tx, app, &account, (Event::CodeWrong, &input.origin, about.as_deref()), now).await?;
        Ok(Ran { guess: charged_to, ..refused(checked.verdict) })
    }

    /// What the awaited code is compared with.
    async fn secrets(&self, tx: &mut Tx<'_>, account: &Account, open: &Open) -> Result<Secrets, StoreError> {
        if let Some(id) = open.authenticator {
            let method = authenticator::find(tx, account, id).await?;
            // A pending method's code confirms it and does nothing else.
            let confirms = open.ceremony.purpose == Purpose::ConfirmAuthenticator;
            match method.filter(|method| method.method.confirmed != confirms) {
                Some(method) if method.method.kind == Kind::Totp => return Ok(Secrets::App(Box::new(method))),
                Some(_) => {}
                None => return Ok(Secrets::Nothing),
            }
        }
        let sent = ceremony::challenge(tx, account.id, open.challenge()).await?;
        let Some(sent) = sent else { return Ok(Secrets::Nothing) };
        let binding = Binding {
            challenge: sent.id,
            purpose: open.ceremony.purpose,
            authenticator: open.authenticator,
            digits: sent.challenge.digits,
        };
        Ok(Secrets::Sent(sent.challenge, self.app.code(sent.key_version, &binding)?))
    }

    async fn accepted(&self, tx: &mut Tx<'_>, mut account: Account, mut open: Open) -> Result<Ran, StoreError> {
        match (open.ceremony.purpose, open.authenticator) {
            // Finished when the account becomes active, so that a crash before that leaves a code that can be typed again.
            (Purpose::ConfirmEmail, _) => Ok(Ran::of(Outcome::EmailProven(account.email))),
            _ if !ceremony::finish(tx, &open, self.now).await? => Ok(refused(Verdict::AlreadyUsed)),
            (Purpose::SignIn, Some(method)) => self.signed_in(tx, &mut account, &mut open, method).await,
            (Purpose::ConfirmAuthenticator, Some(method)) => self.confirmed(tx, account, &open, method).await,
            (Purpose::SignIn | Purpose::ConfirmAuthenticator, None) => {
                Err(StoreError::corrupt("ceremony.authenticator_id", "none where a method's code was accepted"))
            }
        }
    }

    async fn signed_in(
        &self,
        tx: &mut Tx<'_>,
        account: &mut Account,
        open: &mut Open,
        method: id::AuthenticatorId,
    ) -> Result<Ran, StoreError> {
        let (app, now, origin) = (&*self.app, self.now, &self.input.origin);
        let told = self.failed_before(tx, account, open).await?;
        guesses::forgive(tx, account, open, now).await?;
        let completed = completed(tx, open, now).await?;
        let methods = authenticator::methods(&authenticator::list(tx, account).await?);
        let granted = Grant::new(open.first_proof, Some(second_proof(&methods, method)?), &methods);
        let (mut device, mut device_token) = (open.device, None);
        if granted.is_two_step() {
            let trusted = self.input.trust_device;
            let (id, token) = complete_on_device(tx, app, account, (open.device, trusted, origin), now).await?;
            (device, device_token) = (Some(id), Some(token));
        }
        let session = grant(tx, app, account, (granted, device, origin), now).await?;
        let mut messages = Vec::new();
        if told {
            let let_in = LetIn { session: session.session, device };
            messages.push(notice::claim_success(tx, app, account, (let_in, origin), now).await?);
        }
        let outcome = Outcome::Checked(Checked::SignedIn(Granted { device_token, ..session }));
        Ok(Ran { outcome, messages, guess: None, completed })
    }

    /// Whether others' attempts with the right password failed since the owner signed in last: then he is told of this success.
    async fn failed_before(&self, tx: &mut Tx<'_>, account: &Account, open: &Open) -> Result<bool, StoreError> {
        let since = account.last_seen_at.unwrap_or(account.created_at);
        ceremony::others_failed(tx, open, since, self.now).await
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
        let (mut messages, completed) = (Vec::new(), completed(tx, open, now).await?);
        if two_step && account::set_two_step(tx, account.id, now).await? {
            record(tx, app, &account, (Event::TwoStepOn, origin, None), now).await?;
            messages.push(notice::claim(tx, app, &account, (MessageKind::TwoStepOn, origin), now).await?);
        }
        let mut going_on = None;
        // A session that was ended meanwhile stays ended.
        if let Some(old) = self.input.session
            && session::remove(tx, account.id, old).await?
        {
            let granted = Grant::new(open.first_proof, Some(proof), &methods);
            going_on = Some(grant(tx, app, &account, (granted, None, origin), now).await?);
        }
        let outcome = Outcome::Checked(Checked::MethodConfirmed { session: going_on, two_step });
        Ok(Ran { outcome, messages, guess: None, completed })
    }
}

/// The ceremony was completed: gives what was taken for its messages.
async fn completed(tx: &mut Tx<'_>, open: &Open, now: Timestamp) -> Result<Admitted, StoreError> {
    request::completed(tx, open.account, open.id, now).await?;
    ceremony::take_budgets(tx, open).await
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
    /// Makes the account active and lets its owner in to set up, unless something changed while the address was claimed.
    async fn run(&self, tx: &mut Tx<'_>) -> Result<(Checked, Admitted), StoreError> {
        let (app, now, origin) = (&*self.app, self.now, &self.input.origin);
        let Some(account) = account::load(tx, app, self.input.ceremony.account).await? else {
            return Ok((Checked::Refused(Verdict::Expired), Admitted::default()));
        };
        let open = ceremony::load(tx, &account, self.input.ceremony.id).await?;
        let Some(open) = open.filter(|open| open.ceremony.sec_epoch == account.sec_epoch) else {
            return Ok((Checked::Refused(Verdict::Expired), Admitted::default()));
        };
        if !ceremony::finish(tx, &open, now).await? {
            return Ok((Checked::Refused(Verdict::AlreadyUsed), Admitted::default()));
        }
        account::activate(tx, account.id, now).await?;
        record(tx, app, &account, (Event::EmailConfirmed, origin, None), now).await?;
        let methods = authenticator::methods(&authenticator::list(tx, &account).await?);
        let granted = Grant::new(open.first_proof, None, &methods);
        let completed = completed(tx, &open, now).await?;
        Ok((Checked::SignedIn(grant(tx, app, &account, (granted, None, origin), now).await?), completed))
    }
}
