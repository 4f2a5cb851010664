//! Another message for the same code, or another way to get one.

use std::sync::Arc;

use nidan_core::ceremony::{Holder, Purpose, Resend, Stage};
use nidan_core::id::{self, AuthenticatorId, Scoped};
use nidan_core::message::MessageKind;
use nidan_core::secret::Secret;
use nidan_core::time::Timestamp;

use super::open::{self, CodeMessage};
use super::{FlowError, Job, Origin};
use crate::app::App;
use crate::store::account::{self, Account};
use crate::store::authenticator;
use crate::store::ceremony::{self, Open, Sent};
use crate::store::message::{self, Cause, CauseKind, Leased};
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
    let (resent, message) = app.db.transact(Job::new(app, resend), |tx, job| Box::pin(job.run(tx))).await?;
    app.dispatch(message);
    Ok(resent)
}

type Ran = (Resent, Option<Leased>);

impl Job<ResendCode> {
    async fn run(&self, tx: &mut Tx<'_>) -> Result<Ran, StoreError> {
        let Some(account) = account::load(tx, &self.app, self.input.ceremony.account).await? else {
            return Ok((Resent::NotFound, None));
        };
        let open = ceremony::load(tx, &account, self.input.ceremony.id).await?;
        let Some(open) = open.filter(|open| open.ceremony.holder.admits(&self.input.presented)) else {
            return Ok((Resent::NotFound, None));
        };
        let usable = open.ceremony.charge(account.sec_epoch, self.now, &self.app.policy).is_ok();
        if open.ceremony.stage != Stage::Open || !usable {
            return Ok((Resent::Expired, None));
        }
        match self.input.way.filter(|way| Some(*way) != open.authenticator) {
            Some(way) => self.other_way(tx, &account, open, way).await,
            None => self.again(tx, &account, &open).await,
        }
    }

    /// The same code once more.
    async fn again(&self, tx: &mut Tx<'_>, account: &Account, open: &Open) -> Result<Ran, StoreError> {
        let Some(sent) = ceremony::challenge(tx, account.id, open.challenge()).await? else {
            return Ok((Resent::Done, None)); // the app's code is awaited: nothing is sent
        };
        let n = match sent.challenge.resend(self.now, &self.app.policy) {
            Resend::Send { n } => n,
            Resend::TooEarly { at } => return Ok((Resent::TooEarly { at }, None)),
            Resend::NoMore => return Ok((Resent::NoMore, None)),
            Resend::Expired => return Ok((Resent::Expired, None)),
        };
        let Some(last) = message::newest(tx, account.id, sent.id).await? else { return Ok((Resent::Expired, None)) };
        let Some(message) = self.message(tx, account, (open, last.kind)).await? else {
            return Ok((Resent::NoSuchWay, None));
        };
        if !ceremony::send_again(tx, account.id, sent.id, n, self.now).await? {
            return Err(StoreError::corrupt("challenge.sent", "its gate and its rule differ"));
        }
        let challenge = nidan_core::ceremony::Challenge { sent: n, last_sent_at: self.now, ..sent.challenge };
        let sent = Sent { challenge, ..sent };
        let message = open::code_message(tx, &self.app, (account, &sent), message, self.now).await?;
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
