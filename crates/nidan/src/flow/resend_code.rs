//! Another message for the same code, or another way to get one.

use std::sync::Arc;

use nidan_core::ceremony::{Holder, Purpose, Resend};
use nidan_core::id::{self, AuthenticatorId, Scoped};
use nidan_core::message::MessageKind;
use nidan_core::secret::Secret;
use nidan_core::time::Timestamp;

use super::look::judged;
use super::open::{self, CodeMessage};
use super::{FlowError, Job, Origin};
use crate::app::App;
use crate::store::account::{self, Account};
use crate::store::authenticator;
use crate::store::ceremony::{self, Open, Sent};
use crate::store::message::{self, Cause, CauseKind, Leased, Newest};
use crate::store::{StoreError, Tx};

/// The wish for another message.
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
    /// There is no such ceremony for the one who asks.
    NotFound,
}

/// Sends the code once more, or turns to another method.
pub async fn resend(app: &Arc<App>, resend: ResendCode) -> Result<Resent, FlowError> {
    let job = Arc::new(Job::new(app, resend));
    // What is refused stays refused: asked of a reader first, so that a flood of presses holds nobody up.
    let refused = app.db.read(job.clone(), |tx, job| Box::pin(async move { Ok(job.wish(tx).await?.err()) }));
    if let Some(refused) = refused.await? {
        return Ok(refused);
    }
    let (resent, message) = app.db.transact(job, |tx, job| Box::pin(job.run(tx))).await?;
    app.dispatch(message);
    Ok(resent)
}

type Ran = (Resent, Option<Leased>);

/// What may be done.
enum Wish {
    /// The message `n` of this challenge may be sent, as the newest was.
    Again(Sent, Newest, u8),
    /// Another method may be turned to.
    OtherWay(AuthenticatorId),
}

impl Job<ResendCode> {
    /// Whether, and what, may be done; else what is answered.
    async fn wish(&self, tx: &mut Tx<'_>) -> Result<Result<(Account, Open, Wish), Resent>, StoreError> {
        let Some(account) = account::load(tx, &self.app, self.input.ceremony.account).await? else {
            return Ok(Err(Resent::NotFound));
        };
        let open = ceremony::load(tx, &account, self.input.ceremony.id).await?;
        let Some(open) = open.filter(|open| open.ceremony.holder.admits(&self.input.presented)) else {
            return Ok(Err(Resent::NotFound));
        };
        if open.ceremony.charge(account.sec_epoch, self.now, &self.app.policy).is_err() {
            return Ok(Err(Resent::Expired));
        }
        if let Some(way) = self.input.way.filter(|way| Some(*way) != open.authenticator) {
            return Ok(Ok((account, open, Wish::OtherWay(way))));
        }
        let Some(sent) = ceremony::challenge(tx, account.id, open.challenge()).await? else {
            return Ok(Err(Resent::Done)); // the app's code is awaited: nothing is sent
        };
        let Some(newest) = message::newest(tx, account.id, sent.id).await? else { return Ok(Err(Resent::Expired)) };
        Ok(match sent.challenge.resend(&judged(&self.app, &newest), self.now, &self.app.policy) {
            Resend::Send { n } => Ok((account, open, Wish::Again(sent, newest, n))),
            Resend::OnItsWay { at } => Err(Resent::OnItsWay { at }),
            Resend::Held { until } => Err(Resent::Held { until }),
            Resend::TooEarly { at } => Err(Resent::TooEarly { at }),
            Resend::NoMore => Err(Resent::NoMore),
            Resend::Expired => Err(Resent::Expired),
        })
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Ran, StoreError> {
        match self.wish(tx).await? {
            Ok((account, open, Wish::Again(sent, newest, n))) => {
                self.again(tx, &account, &open, (sent, newest, n)).await
            }
            Ok((account, open, Wish::OtherWay(way))) => self.other_way(tx, &account, open, way).await,
            Err(refused) => Ok((refused, None)),
        }
    }

    /// The same code once more.
    async fn again(
        &self,
        tx: &mut Tx<'_>,
        account: &Account,
        open: &Open,
        (sent, newest, n): (Sent, Newest, u8),
    ) -> Result<Ran, StoreError> {
        let Some(message) = self.message(tx, account, (open, newest.kind)).await? else {
            return Ok((Resent::NoSuchWay, None));
        };
        let message = open::again(tx, &self.app, (account, sent, n), message, self.now).await?;
        Ok((Resent::Done, Some(message)))
    }

    /// Another method. One that was tried before in this sign-in still has its code: it is not sent again unasked.
    async fn other_way(
        &self,
        tx: &mut Tx<'_>,
        account: &Account,
        open: Open,
        way: AuthenticatorId,
    ) -> Result<Ran, StoreError> {
        let method = authenticator::find(tx, account, way).await?;
        let Some(method) = method.filter(|method| method.method.confirmed && open.ceremony.purpose == Purpose::SignIn)
        else {
            return Ok((Resent::NoSuchWay, None));
        };
        if !ceremony::turn_to(tx, &open, way).await? {
            return Ok((Resent::Expired, None));
        }
        let open = Open { authenticator: Some(way), ..open };
        if method.method.kind.channel().is_none() {
            return Ok((Resent::Done, None));
        }
        let Some(message) = self.message(tx, account, (&open, MessageKind::SignInCode)).await? else {
            return Ok((Resent::NoSuchWay, None));
        };
        let message = open::challenge(tx, &self.app, (account, &open), message, self.now).await?;
        Ok((Resent::Done, message))
    }

    /// The message that brings the awaited code to its method; `None` if the method is gone.
    async fn message(
        &self,
        tx: &mut Tx<'_>,
        account: &Account,
        (open, kind): (&Open, MessageKind),
    ) -> Result<Option<CodeMessage>, StoreError> {
        let destination = match open.authenticator {
            None => account.email.as_str().to_owned(),
            Some(id) => {
                let method = authenticator::find(tx, account, id).await?;
                let Some(phone) = method.as_ref().and_then(|method| method.phone()) else { return Ok(None) };
                phone.e164().to_owned()
            }
        };
        let password_right = open.ceremony.purpose == Purpose::SignIn;
        Ok(Some(CodeMessage {
            kind,
            destination: Secret::new(destination),
            language: self.input.origin.language,
            cause: Cause { kind: CauseKind::Resend, client: self.input.origin.client.clone(), password_right },
        }))
    }
}
