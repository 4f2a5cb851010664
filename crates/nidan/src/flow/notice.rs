//! Notices: e-mails that tell an owner what happened to the account. They carry no code and no link.

use nidan_core::message::MessageKind;
use nidan_core::secret::Secret;
use nidan_core::time::{Span, Timestamp};

use super::Origin;
use crate::app::App;
use crate::store::account::Account;
use crate::store::message::{self, Cause, CauseKind, Leased, NewMessage, SLOTS};
use crate::store::{StoreError, Tx};

/// A notice that could not be sent for so long is no news any more.
const NOTICE_LIFE: Span = Span::days(1);

/// Claims a notice to the address that the account has.
pub(super) async fn claim(
    tx: &mut Tx<'_>,
    app: &App,
    account: &Account,
    (kind, origin): (MessageKind, &Origin),
    now: Timestamp,
) -> Result<Leased, StoreError> {
    let new = NewMessage {
        id: app.new_id(now),
        challenge: None,
        n: 1,
        kind,
        language: account.language,
        destination: Secret::new(account.email.as_str().to_owned()),
        cause: Cause { kind: CauseKind::Notice, client: origin.client.clone(), password_right: true },
        serial: 0,
        slot: app.random.bytes::<1>()[0] % SLOTS,
        lease_until: now.plus(app.policy.message_lease),
        expires_at: now.plus(NOTICE_LIFE),
    };
    message::claim(tx, account, &new, now).await
}
