//! Another message for the same code, or another way to get one.

use std::sync::Arc;

use nidan_core::budget::Suppressed;
use nidan_core::ceremony::{Holder, Purpose, Resend};
use nidan_core::id::{self, AuthenticatorId, Scoped};
use nidan_core::ladder::Step;
use nidan_core::message::MessageKind;
use nidan_core::time::{Span, Timestamp};

use super::budget::{self, Admitted};
use super::lane::{self, Asked, AtGate, Destination, Refusal, Shut};
use super::look::judged;
use super::open::{self, Allowed, CodeMessage};
use super::{FlowError, Job, Origin, password_known};
use crate::app::App;
use crate::store::account::{self, Account};
use crate::store::authenticator;
use crate::store::ceremony::{self, Open, Sent};
use crate::store::message::{self, Cause, CauseKind, Leased, Newest};
use crate::store::{StoreError, Tx, request};

/// The wish for another message.
#[derive(Clone)]
pub struct ResendCode {
    /// Whose code.
    pub ceremony: Scoped<id::Ceremony>,
    /// Who asks.
    pub presented: Holder,
    /// Another method; none: the same again.
    pub way: Option<AuthenticatorId>,
    /// Where from, and in which language.
    pub origin: Origin,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resent {
    /// A message is on its way, or the app's code is awaited.
    Done,
    /// Too early: nothing was sent.
    TooEarly {
        /// When it may be asked for.
        at: Timestamp,
    },
    /// The newest message is being sent: none follows it before it has an answer.
    OnItsWay {
        /// When it may be asked for, if there is an answer by then.
        at: Timestamp,
    },
    /// The carrier holds the newest message: more would only arrive as a flood.
    Held {
        /// How long its code is worth something.
        until: Timestamp,
    },
    /// No more messages this way.
    NoMore,
    /// The sign-in or its code is over.
    Expired,
    /// The account has no such confirmed method.
    NoSuchWay,
    /// Nothing is sent: guesses, budgets, or who else may have the password speak against it.
    Shut(Shut),
    /// There is no such ceremony for the one who asks.
    NotFound,
}

impl Resent {
    /// Whether a message came before and is to be waited for.
    const fn is_patience(self) -> bool {
        matches!(self, Self::TooEarly { .. } | Self::OnItsWay { .. } | Self::Held { .. } | Self::NoMore)
    }
}

/// Sends the code once more, or turns to another method.
pub async fn resend(app: &Arc<App>, resend: ResendCode) -> Result<Resent, FlowError> {
    // What is refused stays refused: asked of a reader first, so that a flood of presses holds nobody up.
    let job = Job::new(app, Press { resend: resend.clone(), admission: None });
    let asked = match app.db.read(job, |tx, job| Box::pin(job.look(tx))).await? {
        Looked::Refused(refused) => {
            if refused.is_patience() {
                note_press(app, resend).await?;
            }
            return Ok(refused);
        }
        Looked::Allowed(asked) => asked,
    };
    let admission = match &asked {
        Some(asked) => Some(lane::admit(app, asked, &resend.origin.client).await?),
        None => None,
    };
    let job = Arc::new(Job::new(app, Press { resend, admission }));
    let (resent, messages, used) = app.db.transact(job.clone(), |tx, job| Box::pin(job.run(tx))).await?;
    app.dispatch(messages);
    if let (false, Some(Ok(admitted))) = (used, &job.input.admission) {
        budget::give_back(app, admitted.clone()).await?;
    }
    Ok(resent)
}

/// Presses of one sign-in that are written down: more say no more.
const PRESSES_NOTED_MAX: i64 = 10;
/// Two presses less than this apart are one: somebody clicks twice.
const CLICKS_TWICE: Span = Span::seconds(2);

/// A press that sends nothing tells the owner's card who is impatient.
async fn note_press(app: &Arc<App>, resend: ResendCode) -> Result<(), FlowError> {
    let (account, ceremony) = (resend.ceremony.account, resend.ceremony.id);
    let noted =
        app.db.read((account, ceremony), |tx, (account, ceremony)| Box::pin(request::presses(tx, *account, *ceremony)));
    let (noted, newest) = noted.await?;
    let job = Job::new(app, Press { resend, admission: None });
    let is_one = newest.is_some_and(|newest| job.now.since(newest) < CLICKS_TWICE);
    if noted < PRESSES_NOTED_MAX && !is_one {
        app.db.transact(job, |tx, job| Box::pin(job.note_press(tx))).await?;
    }
    Ok(())
}

struct Press {
    resend: ResendCode,
    /// What was taken for the message, or why nothing was; none: it needs none.
    admission: Option<Result<Admitted, Shut>>,
}

/// What a reader says of a wish.
enum Looked {
    Refused(Resent),
    /// It may be carried out; with the message that it takes.
    Allowed(Option<Asked>),
}

/// Also, whether what was taken for the message was used.
type Ran = (Resent, Vec<Leased>, bool);

/// What may be done.
enum Do {
    /// The message `n` of this challenge may be sent, as the newest was.
    Again(Sent, Newest, u8),
    /// Another method may be turned to, or the same that got no message so far.
    Turn(AuthenticatorId),
}

impl Job<Press> {
    /// Whether, and what, may be done; else what is answered.
    async fn wish(&self, tx: &mut Tx<'_>) -> Result<Result<(Account, Open, Do), Resent>, StoreError> {
        let (app, resend) = (&*self.app, &self.input.resend);
        let Some(account) = account::load(tx, app, resend.ceremony.account).await? else {
            return Ok(Err(Resent::NotFound));
        };
        let open = ceremony::load(tx, &account, resend.ceremony.id).await?;
        let Some(open) = open.filter(|open| open.ceremony.holder.admits(&resend.presented)) else {
            return Ok(Err(Resent::NotFound));
        };
        if open.ceremony.charge(account.sec_epoch, self.now, &app.policy).is_err() {
            return Ok(Err(Resent::Expired));
        }
        if let Some(way) = resend.way.filter(|way| Some(*way) != open.authenticator) {
            return Ok(Ok((account, open, Do::Turn(way))));
        }
        let Some(sent) = ceremony::challenge(tx, account.id, open.challenge()).await? else {
            // Nothing was sent, because an app makes the code, or because it was refused.
            return Ok(match open.authenticator {
                Some(way) if open.ceremony.purpose == Purpose::SignIn => Ok((account, open, Do::Turn(way))),
                _ => Err(Resent::Done),
            });
        };
        let Some(newest) = message::newest(tx, account.id, sent.id).await? else { return Ok(Err(Resent::Expired)) };
        Ok(match sent.challenge.resend(&judged(app, &newest), self.now, &app.policy) {
            // The mailbox frees one message.
            Resend::Send { .. } if open.released_at.is_some() => Err(Resent::NoMore),
            Resend::Send { n } => Ok((account, open, Do::Again(sent, newest, n))),
            Resend::OnItsWay { at } => Err(Resent::OnItsWay { at }),
            Resend::Held { until } => Err(Resent::Held { until }),
            Resend::TooEarly { at } => Err(Resent::TooEarly { at }),
            Resend::NoMore => Err(Resent::NoMore),
            Resend::Expired => Err(Resent::Expired),
        })
    }

    /// What speaks against a wish, as far as reading tells, and the message that it takes.
    async fn look(&self, tx: &mut Tx<'_>) -> Result<Looked, StoreError> {
        let (account, open, wanted) = match self.wish(tx).await? {
            Ok(wish) => wish,
            Err(refused) => return Ok(Looked::Refused(refused)),
        };
        let (open, first) = match wanted {
            Do::Again(..) => (open, false),
            Do::Turn(way) => (Open { authenticator: Some(way), ..open }, true),
        };
        if first && ceremony::challenge(tx, account.id, open.challenge()).await?.is_some() {
            return Ok(Looked::Allowed(None));
        }
        let Some(to) = destination(tx, &account, &open).await? else { return Ok(Looked::Allowed(None)) };
        let (lane, released) = (open.lane, open.released_at.is_some());
        let at = AtGate { lane, released, message: true, first };
        if lane::gate(tx, &self.app, &account, at, self.now).await?.is_err() {
            return Ok(Looked::Allowed(None));
        }
        let (account, created_at) = (account.id, account.created_at);
        Ok(Looked::Allowed(Some(Asked { lane, account, created_at, to, first, released })))
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Ran, StoreError> {
        match self.wish(tx).await? {
            Ok((account, open, Do::Again(sent, newest, n))) => self.again(tx, account, &open, (sent, newest, n)).await,
            Ok((account, open, Do::Turn(way))) => self.turn(tx, account, open, way).await,
            Err(refused) => Ok((refused, Vec::new(), false)),
        }
    }

    async fn note_press(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let ceremony = self.input.resend.ceremony;
        let Some(account) = account::load(tx, &self.app, ceremony.account).await? else { return Ok(()) };
        let Some(open) = ceremony::load(tx, &account, ceremony.id).await? else { return Ok(()) };
        lane::note(tx, &self.app, &account, (&self.noted(&open), None), self.now).await
    }

    /// The same code once more.
    async fn again(
        &self,
        tx: &mut Tx<'_>,
        mut account: Account,
        open: &Open,
        (sent, newest, n): (Sent, Newest, u8),
    ) -> Result<Ran, StoreError> {
        let Some(to) = destination(tx, &account, open).await? else {
            return Ok((Resent::NoSuchWay, Vec::new(), false));
        };
        let (app, now) = (&*self.app, self.now);
        let admitted = match self.allowed(tx, &account, open, false).await? {
            Ok((_, admitted)) => admitted,
            Err(shut) => return self.refused(tx, (&mut account, open), (newest.kind, &to, shut)).await,
        };
        lane::note(tx, app, &account, (&self.noted(open), None), now).await?;
        let message = self.message(open, newest.kind, &to);
        let message = open::again(tx, app, (&account, sent, n), (message, admitted), now).await?;
        Ok((Resent::Done, vec![message], true))
    }

    /// Another method. One that was tried before in this sign-in still has its code: it is not sent again unasked.
    async fn turn(
        &self,
        tx: &mut Tx<'_>,
        mut account: Account,
        open: Open,
        way: AuthenticatorId,
    ) -> Result<Ran, StoreError> {
        let (app, now) = (&*self.app, self.now);
        let nothing = |resent| Ok((resent, Vec::new(), false));
        let method = authenticator::find(tx, &account, way).await?;
        let Some(method) = method.filter(|method| method.method.confirmed && open.ceremony.purpose == Purpose::SignIn)
        else {
            return nothing(Resent::NoSuchWay);
        };
        if !ceremony::turn_to(tx, &open, way).await? {
            return nothing(Resent::Expired);
        }
        let open = Open { authenticator: Some(way), ..open };
        if method.method.kind.channel().is_none() {
            let at = AtGate { lane: open.lane, released: open.released_at.is_some(), message: false, first: true };
            let shut = lane::gate(tx, app, &account, at, now).await?.err();
            lane::note(tx, app, &account, (&self.noted(&open), shut), now).await?;
            return nothing(Resent::Done);
        }
        if ceremony::challenge(tx, account.id, open.challenge()).await?.is_some() {
            return nothing(Resent::Done);
        }
        let Some(to) = destination(tx, &account, &open).await? else { return nothing(Resent::NoSuchWay) };
        let (step, admitted) = match self.allowed(tx, &account, &open, true).await? {
            Ok(allowed) => allowed,
            Err(shut) => {
                return self.refused(tx, (&mut account, &open), (MessageKind::SignInCode, &to, shut)).await;
            }
        };
        lane::note(tx, app, &account, (&self.noted(&open), None), now).await?;
        let message = (self.message(&open, MessageKind::SignInCode, &to), Allowed { admitted, step });
        let message = open::challenge(tx, app, (&account, &open), message, now).await?;
        Ok((Resent::Done, message.into_iter().collect(), true))
    }

    /// Whether the message may go, holding the account.
    async fn allowed(
        &self,
        tx: &mut Tx<'_>,
        account: &Account,
        open: &Open,
        first: bool,
    ) -> Result<Result<(Step, &Admitted), Shut>, StoreError> {
        let at = AtGate { lane: open.lane, released: open.released_at.is_some(), message: true, first };
        Ok(match (lane::gate(tx, &self.app, account, at, self.now).await?, &self.input.admission) {
            (Ok(step), Some(Ok(admitted))) => Ok((step, admitted)),
            (Err(shut), _) => Err(shut),
            (Ok(_), Some(Err(shut))) => Err(*shut),
            // It was not to have one when it was looked at: something else came between.
            (Ok(_), None) => Err(Shut { reason: Suppressed::SignInsUnderWay, until: self.now }),
        })
    }

    async fn refused(
        &self,
        tx: &mut Tx<'_>,
        (account, open): (&mut Account, &Open),
        (kind, to, shut): (MessageKind, &Destination, Shut),
    ) -> Result<Ran, StoreError> {
        let (app, now) = (&*self.app, self.now);
        let refusal = Refusal { kind, to, cause: self.cause(open), shut };
        lane::refuse(tx, app, account, (&self.noted(open), refusal), now).await?;
        let told = match shut.reason {
            Suppressed::PasswordKnown => {
                let client = &self.input.resend.origin.client;
                password_known::close(tx, app, (account, client), true, now).await?
            }
            _ => Vec::new(),
        };
        Ok((Resent::Shut(shut), told, false))
    }

    fn noted(&self, open: &Open) -> lane::Wish<'_> {
        lane::Wish {
            ceremony: Some(open.id),
            press: true,
            password_right: open.ceremony.purpose == Purpose::SignIn,
            device: open.device,
            origin: &self.input.resend.origin,
        }
    }

    fn cause(&self, open: &Open) -> Cause {
        let password_right = open.ceremony.purpose == Purpose::SignIn;
        Cause { kind: CauseKind::Resend, client: self.input.resend.origin.client.clone(), password_right }
    }

    fn message(&self, open: &Open, kind: MessageKind, to: &Destination) -> CodeMessage {
        let language = self.input.resend.origin.language;
        CodeMessage { kind, destination: to.text(), language, cause: self.cause(open) }
    }
}

/// Where the awaited code goes; none: nowhere, an app makes it, or the method is gone.
async fn destination(tx: &mut Tx<'_>, account: &Account, open: &Open) -> Result<Option<Destination>, StoreError> {
    let Some(id) = open.authenticator else { return Ok(Some(Destination::Address(account.email.clone()))) };
    let method = authenticator::find(tx, account, id).await?;
    Ok(method.as_ref().and_then(|method| method.phone()).cloned().map(Destination::Phone))
}
