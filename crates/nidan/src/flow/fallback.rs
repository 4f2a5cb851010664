//! A code's SMS certainly did not arrive: where the site has chosen so, it is sent once more by itself, over a route that has
//! not failed it. It counts as if its owner had pressed, so that failures cannot make a flood.

use std::sync::Arc;

use nidan_core::ceremony::{Purpose, Resend};
use nidan_core::id::{AccountId, MessageId};
use nidan_core::message::Channel;
use nidan_core::phone::PhoneNumber;
use nidan_core::secret::Secret;

use super::look::judged;
use super::open::{self, CodeMessage};
use super::{FlowError, Job};
use crate::app::App;
use crate::store::message::{self, Cause, CauseKind, Leased};
use crate::store::{StoreError, Tx, account, authenticator, ceremony};

/// Whether a route that is not among these carries SMS to this number.
pub type AnotherRoute = Box<dyn Fn(&PhoneNumber, &[String]) -> bool + Send + Sync>;

struct Failed {
    account: AccountId,
    message: MessageId,
    another: AnotherRoute,
}

/// Called once a message's failure is committed. Whatever speaks against another message (it is switched off, the sign-in is
/// over, the message is not the newest, all were sent, no other route carries it) is no error: its owner is offered what
/// there is.
pub async fn after_failure(
    app: &Arc<App>,
    (account, message): (AccountId, MessageId),
    another: AnotherRoute,
) -> Result<(), FlowError> {
    if app.policy.fallback_automatic == 0 {
        return Ok(());
    }
    let job = Job::new(app, Failed { account, message, another });
    let claimed = app.db.transact(job, |tx, job| Box::pin(job.run(tx))).await?;
    if claimed.is_some() {
        app.moved.notify(account);
    }
    app.dispatch(claimed);
    Ok(())
}

impl Job<Failed> {
    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Leased>, StoreError> {
        let Failed { account, message, another } = &self.input;
        let Some(account) = account::load(tx, &self.app, *account).await? else { return Ok(None) };
        let Some(challenge) = message::challenge_of(tx, account.id, *message).await? else { return Ok(None) };
        let Some(ceremony) = ceremony::of_challenge(tx, account.id, challenge).await? else { return Ok(None) };
        let open = ceremony::load(tx, &account, ceremony).await?;
        let is_open = |open: &ceremony::Open| {
            open.challenge() == challenge && open.ceremony.charge(account.sec_epoch, self.now, &self.app.policy).is_ok()
        };
        let Some(open) = open.filter(is_open) else { return Ok(None) };
        let newest = message::newest(tx, account.id, challenge).await?;
        let failed = |newest: &message::Newest| newest.id == *message && newest.state.failed();
        let newest = newest.filter(|newest| failed(newest) && newest.channel == Channel::Sms);
        let (Some(newest), Some(sent)) = (newest, ceremony::challenge(tx, account.id, challenge).await?) else {
            return Ok(None);
        };
        let Resend::Send { n } = sent.challenge.resend(&judged(&newest), self.now, &self.app.policy) else {
            return Ok(None);
        };
        let method = match open.authenticator {
            Some(id) => authenticator::find(tx, &account, id).await?,
            None => None,
        };
        let Some(phone) = method.as_ref().and_then(|method| method.phone()) else { return Ok(None) };
        if !another(phone, &message::failed_routes(tx, account.id, challenge).await?) {
            return Ok(None);
        }
        let password_right = open.ceremony.purpose == Purpose::SignIn;
        let message = CodeMessage {
            kind: newest.kind,
            destination: Secret::new(phone.e164().to_owned()),
            language: newest.language,
            cause: Cause { kind: CauseKind::Fallback, client: open.client, password_right },
        };
        open::again(tx, &self.app, (&account, sent, n), message, self.now).await.map(Some)
    }
}
