//! Notices: messages that tell an owner what happened to the account. They carry no code and no link; what can be answered carries a
//! reference, which is typed on the site ([`super::answer_notice`]).

use nidan_core::id::MessageId;
use nidan_core::message::MessageKind;
use nidan_core::notice::{Reference, ends};
use nidan_core::secret::Secret;
use nidan_core::time::{Span, Timestamp};

use super::Origin;
use crate::app::App;
use crate::store::account::Account;
use crate::store::client::Client;
use crate::store::message::{self, Cause, CauseKind, Leased, NewMessage, SLOTS};
use crate::store::notice::{self, LetIn, ReferenceKey};
use crate::store::{StoreError, Tx};

/// A notice that could not be sent for so long is no news any more.
const NOTICE_LIFE: Span = Span::days(1);

/// What a notice is about.
pub(super) struct About {
    /// What it says.
    pub kind: MessageKind,
    /// Where it goes.
    pub to: Secret<String>,
    /// How many of what it tells of.
    pub count: i64,
}

/// Claims a notice to the address that the account has.
pub(super) async fn claim(
    tx: &mut Tx<'_>,
    app: &App,
    account: &Account,
    (kind, origin): (MessageKind, &Origin),
    now: Timestamp,
) -> Result<Leased, StoreError> {
    let about = About { kind, to: Secret::new(account.email.as_str().to_owned()), count: 0 };
    claim_about(tx, app, account, (about, &origin.client), now).await
}

/// Claims a notice.
pub(super) async fn claim_about(
    tx: &mut Tx<'_>,
    app: &App,
    account: &Account,
    (about, client): (About, &Client),
    now: Timestamp,
) -> Result<Leased, StoreError> {
    let new = NewMessage {
        id: app.new_id(now),
        challenge: None,
        n: 1,
        kind: about.kind,
        language: account.language,
        destination: about.to,
        tag: None,
        cause: Cause { kind: CauseKind::Notice, client: client.clone(), password_right: true },
        serial: about.count,
        slot: app.random.bytes::<1>()[0] % SLOTS,
        lease_until: now.plus(app.policy.message_lease),
        expires_at: now.plus(NOTICE_LIFE),
    };
    message::claim(tx, account, &new, now).await
}

/// Claims the notice that somebody signed in after attempts that failed, with what that let in.
pub(super) async fn claim_success(
    tx: &mut Tx<'_>,
    app: &App,
    account: &Account,
    (let_in, origin): (LetIn, &Origin),
    now: Timestamp,
) -> Result<Leased, StoreError> {
    let leased = claim(tx, app, account, (MessageKind::SuccessAfterFailures, origin), now).await?;
    notice::let_in(tx, (account.id, leased.id), let_in).await?;
    Ok(leased)
}

fn reference_of(app: &App, message: MessageId, kind: MessageKind) -> Result<Option<Reference>, StoreError> {
    if ends(kind).is_none() {
        return Ok(None);
    }
    let key = app.keys.code_key_bytes(app.keys.newest());
    let key = key.ok_or_else(|| StoreError::corrupt("message.message_id", "the key file has no newest key"))?;
    Ok(Some(Reference::derive(&key, message)))
}

/// What the owner types to answer a message; none: there is nothing to answer.
///
/// # Errors
/// The key file lacks its newest key.
pub(crate) fn reference(
    app: &App,
    message: MessageId,
    kind: MessageKind,
) -> Result<Option<Secret<String>>, StoreError> {
    Ok(reference_of(app, message, kind)?.map(|reference| reference.reveal()))
}

/// Has the reference of a message be found from now on: before the message goes, in a transaction of its own, as often as it is
/// tried. Under a key that became the newest between two tries it has two references, and both are good.
///
/// # Errors
/// The database's; then the message does not go.
pub(crate) async fn keep_reference(app: &App, message: Leased, kind: MessageKind) -> Result<(), StoreError> {
    let Some(reference) = reference_of(app, message.id, kind)? else { return Ok(()) };
    let expires_at = app.clock.now().plus(app.policy.reference_life);
    let input = (ReferenceKey::of(app, &reference), (message.account, message.id), expires_at);
    let kept =
        app.db.transact(input, |tx, (key, named, expires_at)| Box::pin(notice::keep(tx, *key, *named, *expires_at)));
    kept.await
}
