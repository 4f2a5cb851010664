//! A code's SMS certainly did not arrive: where the site has chosen so, it is sent once more by itself, over a route that has
//! not failed it. It counts as if its owner had pressed, so that failures cannot make a flood.

use std::sync::Arc;

use nidan_core::ceremony::{Purpose, Resend};
use nidan_core::id::{AccountId, MessageId};
use nidan_core::lane::Lane;
use nidan_core::message::{Channel, MessageKind};
use nidan_core::phone::PhoneNumber;
use nidan_core::route::order;

use super::budget::{self, Admitted};
use super::lane::{self, Asked, AtGate, Destination, Refusal, Shut};
use super::look::judged;
use super::open::{self, CodeMessage};
use super::{FlowError, Job};
use crate::app::App;
use crate::store::account::{self, Account};
use crate::store::ceremony::{self, Open, Sent};
use crate::store::client::Client;
use crate::store::message::{self, Cause, CauseKind, Leased, Newest};
use crate::store::{StoreError, Tx, authenticator};

struct Failed {
    account: AccountId,
    message: MessageId,
    /// What was taken for the next message.
    admitted: Admitted,
}

/// Called once a message's failure is committed. Whatever speaks against another message (it is switched off, the sign-in is
/// over, the message is not the newest, all were sent, no other route carries it, a budget is used up) is no error: its owner is
/// offered what there is. Nor is he worse off where the database fails meanwhile, which is logged.
pub async fn after_failure(app: &Arc<App>, account: AccountId, message: MessageId) {
    if app.policy.fallback_automatic == 0 {
        return;
    }
    if let Err(error) = send_again(app, account, message).await {
        tracing::error!(%error, %message, "a message that failed was not sent over another route");
    }
}

async fn send_again(app: &Arc<App>, account: AccountId, message: MessageId) -> Result<(), FlowError> {
    let job = Job::new(app, Failed { account, message, admitted: Admitted::default() });
    let asked = app.db.read(job, |tx, job| Box::pin(async move { Ok(job.next(tx).await?.map(|next| next.asked)) }));
    let Some((asked, client)) = asked.await? else { return Ok(()) };
    let admitted = match lane::admit(app, &asked, &client).await? {
        Ok(admitted) => admitted,
        Err(shut) => {
            let refused = Job::new(app, (asked, client, shut));
            return Ok(app.db.transact(refused, |tx, job| Box::pin(job.run(tx))).await?);
        }
    };
    let job = Arc::new(Job::new(app, Failed { account, message, admitted }));
    match app.db.transact(job.clone(), |tx, job| Box::pin(job.run(tx))).await? {
        Some(claimed) => {
            app.moved.notify(account);
            app.dispatch([claimed]);
            Ok(())
        }
        None => budget::give_back(app, job.input.admitted.clone()).await,
    }
}

impl Job<(Asked, Client, Shut)> {
    /// Writes down that nothing is sent.
    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let (asked, client, shut) = &self.input;
        let Some(account) = account::load(tx, &self.app, asked.account).await? else { return Ok(()) };
        let password_right = asked.lane != Lane::S;
        let refusal = Refusal {
            kind: if password_right { MessageKind::SignInCode } else { MessageKind::SetupCode },
            to: &asked.to,
            cause: Cause { kind: CauseKind::Fallback, client: client.clone(), password_right },
            shut: *shut,
        };
        lane::suppress(tx, &self.app, &account, refusal, self.now).await
    }
}

/// The message that is to be sent.
struct Next {
    account: Account,
    open: Open,
    sent: Sent,
    newest: Newest,
    n: u8,
    asked: (Asked, Client),
}

impl Job<Failed> {
    async fn next(&self, tx: &mut Tx<'_>) -> Result<Option<Next>, StoreError> {
        let Failed { account, message, .. } = &self.input;
        let Some(account) = account::load(tx, &self.app, *account).await? else { return Ok(None) };
        let Some(challenge) = message::challenge_of(tx, account.id, *message).await? else { return Ok(None) };
        let Some(ceremony) = ceremony::of_challenge(tx, account.id, challenge).await? else { return Ok(None) };
        let open = ceremony::load(tx, &account, ceremony).await?;
        let is_open = |open: &Open| {
            open.challenge() == challenge && open.ceremony.charge(account.sec_epoch, self.now, &self.app.policy).is_ok()
        };
        let Some(open) = open.filter(is_open) else { return Ok(None) };
        let newest = message::newest(tx, account.id, challenge).await?;
        // What no route was given, every route would refuse again: none carries it, or all are spent for the day.
        let failed = |newest: &Newest| newest.id == *message && newest.state.failed() && newest.route.is_some();
        let newest = newest.filter(|newest| failed(newest) && newest.channel == Channel::Sms);
        let (Some(newest), Some(sent)) = (newest, ceremony::challenge(tx, account.id, challenge).await?) else {
            return Ok(None);
        };
        let Resend::Send { n } = sent.challenge.resend(&judged(&self.app, &newest), self.now, &self.app.policy) else {
            return Ok(None);
        };
        let method = match open.authenticator {
            Some(id) => authenticator::find(tx, &account, id).await?,
            None => None,
        };
        let Some(phone) = method.as_ref().and_then(|method| method.phone()) else { return Ok(None) };
        if !self.has_another(phone, &message::failed_routes(tx, account.id, *message).await?) {
            return Ok(None);
        }
        let (lane, released) = (open.lane, open.released_at.is_some());
        let at = AtGate { lane, released, message: true, first: false };
        if lane::gate(tx, &self.app, &account, at, self.now).await?.is_err() {
            return Ok(None);
        }
        let to = Destination::Phone(phone.clone());
        let asked = Asked { lane, account: account.id, created_at: account.created_at, to, first: false, released };
        let asked = (asked, open.client.clone());
        Ok(Some(Next { account, open, sent, newest, n, asked }))
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Leased>, StoreError> {
        let Some(Next { account, open, sent, newest, n, asked }) = self.next(tx).await? else { return Ok(None) };
        let password_right = open.ceremony.purpose == Purpose::SignIn;
        let message = CodeMessage {
            kind: newest.kind,
            destination: asked.0.to.text(),
            language: newest.language,
            cause: Cause { kind: CauseKind::Fallback, client: open.client, password_right },
        };
        let message = (message, &self.input.admitted);
        open::again(tx, &self.app, (&account, sent, n), message, self.now).await.map(Some)
    }

    /// Whether a route that has not failed carries SMS to this number.
    fn has_another(&self, phone: &PhoneNumber, failed: &[String]) -> bool {
        let app = &self.app;
        let others = app.routes.iter().filter(|(name, _)| !failed.contains(name));
        let others = others.map(|(name, carries)| (carries, app.routes_health.of(name)));
        !order(others, Channel::Sms, Some(phone)).is_empty()
    }
}
