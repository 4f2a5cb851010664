//! A message of the ledger becomes one that a route can carry.

use std::sync::Arc;

use nidan_core::ceremony::Purpose;
use nidan_core::code::Binding;
use nidan_core::message::MessageKind;

use super::lines::Route;
use super::route::Dispatch;
use super::text::{Filling, write};
use crate::app::App;
use crate::flow::{notice, release};
use crate::store::message::{self, Leased, Letter};
use crate::store::{StoreError, Tx, account, ceremony};

/// A message to be read, and to be written for a route.
pub(super) struct Job {
    /// The server.
    pub app: Arc<App>,
    /// Which message.
    pub leased: Leased,
    /// None: nothing is sent yet.
    pub route: Option<Arc<Route>>,
}

impl Job {
    /// Reads what decides by which route it goes.
    pub(super) async fn letter(&self, tx: &mut Tx<'_>) -> Result<Option<Letter>, StoreError> {
        match account::load(tx, &self.app, self.leased.account).await? {
            Some(account) => message::letter(tx, &account, self.leased).await,
            None => Ok(None),
        }
    }

    /// Marks the message as on the wire and writes its text; `None` if it is not ours to send any more.
    pub(super) async fn ready(&self, tx: &mut Tx<'_>) -> Result<Option<Dispatch>, StoreError> {
        let (app, leased) = (&*self.app, self.leased);
        let Some(route) = &self.route else { return Ok(None) };
        let Some(account) = account::load(tx, app, leased.account).await? else { return Ok(None) };
        let wired = message::wire(tx, &account, leased, &route.name, app.clock.now()).await?;
        let Some(outgoing) = wired else { return Ok(None) };
        // Also where no code is written: that an address has an account is not to show in what its letter costs.
        let sent = match outgoing.challenge {
            Some(id) => ceremony::challenge(tx, account.id, id).await?,
            None => None,
        };
        if sent.is_none() && outgoing.kind.carries_code() {
            return Err(StoreError::corrupt("message.challenge_id", "no challenge for a message with a code"));
        }
        let (mut code, mut tag, mut release) = (None, String::new(), None);
        if let Some(sent) = sent.as_ref().filter(|_| outgoing.kind == MessageKind::ReleaseSecret) {
            release = Some(release::secret(app, sent.key_version, sent.id)?);
        } else if let Some(sent) = sent.filter(|_| outgoing.kind.carries_code()) {
            let binding = Binding {
                challenge: sent.id,
                purpose: purpose(outgoing.kind),
                authenticator: sent.authenticator,
                digits: sent.challenge.digits,
            };
            code = Some(app.code(sent.key_version, &binding)?);
            tag = sent.tag;
        }
        let code = release.as_ref().map(|secret| secret.expose().as_str()).or(code.as_ref().map(|code| code.expose()));
        let code = code.unwrap_or_default();
        let reference = notice::reference(app, leased.id, outgoing.kind)?;
        let reference = reference.as_ref().map_or("", |reference| reference.expose());
        let filling = Filling { code, tag: &tag, serial: outgoing.serial, reference, sms_units: route.sms_units };
        let written = write((&app.texts, &app.site), (outgoing.kind, outgoing.language), &filling);
        let written = written.map_err(|_| StoreError::corrupt("message.kind", "its text does not fit one segment"))?;
        Ok(Some(Dispatch {
            id: leased.id,
            channel: outgoing.channel,
            destination: outgoing.destination,
            language: outgoing.language,
            subject: written.subject,
            text: written.text,
            html: written.html,
            expires_at: outgoing.expires_at,
        }))
    }
}

/// What the code of a message is for.
const fn purpose(kind: MessageKind) -> Purpose {
    match kind {
        MessageKind::SignInCode => Purpose::SignIn,
        MessageKind::SetupCode => Purpose::ConfirmAuthenticator,
        MessageKind::ConfirmEmailCode
        | MessageKind::AddressInUse
        | MessageKind::DeviceReuse
        | MessageKind::TwoStepOn
        | MessageKind::PasswordKnownAlert
        | MessageKind::PasswordKnownLetter
        | MessageKind::PasswordKnownSummary
        | MessageKind::SecondStepMissed
        | MessageKind::SuccessAfterFailures
        | MessageKind::ReleaseSecret
        | MessageKind::DeviceGuessed
        | MessageKind::PasswordChanged => Purpose::ConfirmEmail,
    }
}
