//! Notices: messages that tell an owner what happened to the account. They carry no code and no link.

use nidan_core::message::MessageKind;
use nidan_core::secret::Secret;
use nidan_core::time::{Span, Timestamp};

use super::Origin;
use crate::app::App;
use crate::store::account::Account;
use crate::store::client::Client;
use crate::store::message::{self, Cause, CauseKind, Leased, NewMessage, SLOTS};
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
