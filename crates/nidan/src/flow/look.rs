//! What a ceremony looks like at the moment: what a page shows of it, and what `GET /sign-ins/{id}` answers.

use std::sync::Arc;

use nidan_core::budget::StillPossible;
use nidan_core::ceremony::{Holder, Newest, Purpose, Resend, Stage};
use nidan_core::code::Digits;
use nidan_core::id::{self, AuthenticatorId, MessageId, Scoped};
use nidan_core::ladder::Step;
use nidan_core::lane::Lane;
use nidan_core::language::Language;
use nidan_core::ledger::{Reason, State};
use nidan_core::methods::{Kind, two_step_ready};
use nidan_core::news::Told;
use nidan_core::route::Health;
use nidan_core::secret::Secret;
use nidan_core::time::Timestamp;

use super::{FlowError, Job, guesses};
use crate::app::App;
use crate::store::account::{self, Account};
use crate::store::authenticator::{self, Authenticator};
use crate::store::ceremony::{self, Open, Sent};
use crate::store::client::Client;
pub use crate::store::request::TurnedDown;
use crate::store::{StoreError, Tx, message, request};

/// A ceremony as its holder may see it.
pub struct Looked {
    /// Its name for a site.
    pub ceremony: Scoped<id::Ceremony>,
    /// What a right code will do.
    pub purpose: Purpose,
    /// Where it stands.
    pub standing: Standing,
    /// The method whose code is awaited; none: the e-mail address.
    pub method: Option<Way>,
    /// The e-mail address, masked.
    pub email: String,
    /// The whole address: for the one who has just typed it.
    pub typed_email: Secret<String>,
    /// The message that brings the code; none: the owner's app makes it.
    pub message: Option<Shown>,
    /// Why no message was sent, where one would bring the code.
    pub refused: Option<TurnedDown>,
    /// Whether a secret from the account's mailbox can free a message.
    pub may_release: bool,
    /// How long the code is.
    pub digits: Digits,
    /// Whether two codes of an app in a row are asked for: one is too little after many wrong ones.
    pub pair: bool,
    /// How many more codes will be evaluated.
    pub tries_left: u8,
    /// When the code dies.
    pub expires_at: Timestamp,
    /// The account's other confirmed methods.
    pub other_ways: Vec<Way>,
    /// Whether two methods are confirmed.
    pub two_step: bool,
    /// Where it was begun.
    pub client: Client,
    /// The language of its newest message, else the account's.
    pub language: Language,
}

/// Where it stands, as whoever holds it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A code is awaited.
    Open,
    /// A right code was given.
    Finished,
    /// Over: too late, or ended by a change of the account.
    Expired,
    /// Too many wrong codes.
    UsedUp,
}

/// One way to get a code.
#[derive(Clone)]
pub struct Way {
    /// The method.
    pub id: AuthenticatorId,
    /// Its kind.
    pub kind: Kind,
    /// Where its codes go, masked; empty for an app.
    pub destination: String,
    /// The owner's name for it.
    pub label: Option<String>,
}

/// The messages of a challenge, as its page shows them.
pub struct Shown {
    /// The newest one.
    pub id: MessageId,
    /// The two letters that tell its messages from others.
    pub tag: String,
    /// Which of the account's messages of the day the newest is.
    pub serial: i64,
    /// What became of the newest.
    pub state: State,
    /// Why. For sites, not for pages: it says something of the owner's phone, also to whoever has only the password.
    pub reason: Option<Reason>,
    /// What its owner is told of it.
    pub told: Told,
    /// Whether its carrier is slow today.
    pub carrier_slow: bool,
    /// What a wish for another message would be answered.
    pub resend: Resend,
    /// When another may be asked for, if nothing else is in its way; none: no more are sent this way.
    pub resend_at: Option<Timestamp>,
    /// When the newest was sent.
    pub sent_at: Timestamp,
    /// The language of the newest.
    pub language: Language,
}

impl Way {
    /// How `method` is shown.
    pub fn of(method: &Authenticator) -> Self {
        Self {
            id: method.method.id,
            kind: method.method.kind,
            destination: method.phone().map(|phone| phone.national_masked()).unwrap_or_default(),
            label: method.about.label.clone(),
        }
    }
}

/// The newest message as the rules of sending again see it.
pub(super) fn judged(app: &App, newest: &message::Newest) -> Newest {
    let route = newest.route.as_deref();
    let stalled = route.is_some_and(|route| app.routes_health.of(route) == Health::Stalled);
    Newest { state: newest.state, channel: newest.channel, stalled }
}

struct Look {
    ceremony: Scoped<id::Ceremony>,
    presented: Holder,
}

/// Looks at a ceremony; `None` if there is no such for the one who asks.
pub async fn look(
    app: &Arc<App>,
    ceremony: Scoped<id::Ceremony>,
    presented: Holder,
) -> Result<Option<Looked>, FlowError> {
    let job = Job::new(app, Look { ceremony, presented });
    Ok(app.db.read(job, |tx, job| Box::pin(job.run(tx))).await?)
}

impl Job<Look> {
    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Looked>, StoreError> {
        let Some(account) = account::load(tx, &self.app, self.input.ceremony.account).await? else { return Ok(None) };
        let open = ceremony::load(tx, &account, self.input.ceremony.id).await?;
        let Some(open) = open.filter(|open| open.ceremony.holder.admits(&self.input.presented)) else {
            return Ok(None);
        };
        let authenticators = authenticator::list(tx, &account).await?;
        let (awaited, others): (Vec<&Authenticator>, Vec<&Authenticator>) =
            authenticators.iter().partition(|method| Some(method.method.id) == open.authenticator);
        let two_step = two_step_ready(&authenticator::methods(&authenticators));
        let (message, expires_at) = self.message(tx, &open).await?;
        let sent = ceremony::challenge(tx, open.account, open.challenge()).await?;
        let of_app = awaited.first().is_some_and(|method| method.phone().is_none());
        let refused = match (&message, of_app, open.ceremony.purpose) {
            (None, false, Purpose::SignIn) => request::newest_refused(tx, &account, open.id).await?,
            _ => None,
        };
        let signs_in = open.ceremony.purpose == Purpose::SignIn && open.lane == Lane::U;
        Ok(Some(Looked {
            ceremony: self.input.ceremony,
            purpose: open.ceremony.purpose,
            standing: self.standing(&account, &open, expires_at),
            method: awaited.first().copied().map(Way::of),
            email: account.email.masked(),
            typed_email: Secret::new(account.email.as_str().to_owned()),
            two_step,
            language: message.as_ref().map_or(account.language, |shown| shown.language),
            client: open.client,
            message,
            may_release: refused
                .is_some_and(|refused| refused.reason.still_possible().contains(&StillPossible::MailSecret))
                && signs_in
                && account.email_verified_at.is_some(),
            refused,
            digits: sent.map_or(Digits::Six, |sent| sent.challenge.digits),
            pair: of_app && signs_in && guesses::step(&self.app, &account, self.now) == Step::EightOrPair,
            tries_left: open.ceremony.tries_left(&self.app.policy),
            expires_at,
            other_ways: others.into_iter().filter(|method| method.method.confirmed).map(Way::of).collect(),
        }))
    }

    fn standing(&self, account: &Account, open: &Open, expires_at: Timestamp) -> Standing {
        use nidan_core::ceremony::Verdict;
        match open.ceremony.charge(account.sec_epoch, self.now, &self.app.policy) {
            _ if open.ceremony.stage == Stage::Finished => Standing::Finished,
            Ok(_) if self.now < expires_at => Standing::Open,
            Err(Verdict::UsedUp) => Standing::UsedUp,
            Ok(_) | Err(_) => Standing::Expired,
        }
    }

    /// The messages of the awaited code, and when the code, or else the ceremony, ends.
    async fn message(&self, tx: &mut Tx<'_>, open: &Open) -> Result<(Option<Shown>, Timestamp), StoreError> {
        let id = open.challenge();
        let Some(sent) = ceremony::challenge(tx, open.account, id).await? else {
            return Ok((None, open.ceremony.expires_at));
        };
        let expires_at = sent.challenge.expires_at;
        let newest = message::newest(tx, open.account, id).await?;
        Ok((newest.map(|newest| self.shown(sent, newest)), expires_at))
    }

    fn shown(&self, sent: Sent, newest: message::Newest) -> Shown {
        let (challenge, policy) = (sent.challenge, &self.app.policy);
        let asked = judged(&self.app, &newest);
        let waited = self.now.since(challenge.last_sent_at);
        Shown {
            id: newest.id,
            tag: sent.tag,
            serial: newest.serial,
            state: newest.state,
            reason: newest.reason,
            told: Told::of(newest.state, newest.channel, waited, policy),
            carrier_slow: newest.route.as_deref().is_some_and(|route| self.app.routes_health.of(route) != Health::Good),
            resend: challenge.resend(&asked, self.now, policy),
            resend_at: challenge.resend_at(&asked, policy),
            sent_at: challenge.last_sent_at,
            language: newest.language,
        }
    }
}
