//! What carriers call the messages that they took, and receipts that came before their message was known.

use nidan_core::carrier_id;
use nidan_core::id::{AccountId, MessageId};
use nidan_core::ledger::Receipt;
use nidan_core::time::{Span, Timestamp};

use super::{Row, StoreError, Tx, sql};
use crate::app::App;
use crate::keys::Lookup;

sql! {
    KNOW = "INSERT INTO carrier_message (key_hash, account_id, message_id, receipt, created_ms) VALUES ($1, $2, $3, NULL, $4)
            ON CONFLICT (key_hash) DO UPDATE SET account_id = $2, message_id = $3 RETURNING receipt, created_ms";
    FIND = "SELECT account_id, message_id FROM carrier_message WHERE key_hash = $1";
    WAIT = "INSERT INTO carrier_message (key_hash, account_id, message_id, receipt, created_ms) VALUES ($1, NULL, NULL, $2, $3)
            ON CONFLICT (key_hash) DO UPDATE SET created_ms = $3 RETURNING account_id, message_id, receipt";
    KEEP = "UPDATE carrier_message SET receipt = $2 WHERE key_hash = $1";
    WAITING = "SELECT receipt FROM carrier_message WHERE key_hash = $1 AND created_ms >= $2";
    DROP_OLD = "DELETE FROM carrier_message WHERE key_hash IN
                  (SELECT key_hash FROM carrier_message WHERE created_ms < $1 LIMIT 1000)";
}

/// By how much the clocks of two nodes may differ.
const CLOCKS_APART: Span = Span::seconds(10);

/// What a message is found by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CarrierKey([u8; 32]);

impl CarrierKey {
    /// The key of a message that `route` took as `id`; with the number where receipts name it.
    pub fn of(app: &App, route: &str, id: &str, number: Option<&str>) -> Self {
        Self::spelt(app, route, &carrier_id::folded(id), number)
    }

    /// The keys that a receipt's message may have, in the order to look.
    pub fn candidates(app: &App, route: &str, id: &str, number: Option<&str>) -> Vec<Self> {
        carrier_id::spellings(id).iter().map(|spelling| Self::spelt(app, route, spelling, number)).collect()
    }

    fn spelt(app: &App, route: &str, id: &str, number: Option<&str>) -> Self {
        let number = number.map(carrier_id::number_end).unwrap_or_default();
        Self(app.keys.lookup(Lookup::CarrierMessage, format!("{route}\n{id}\n{number}").as_bytes()))
    }
}

/// A message that a carrier has a name for.
pub type Known = (AccountId, MessageId);

fn known(row: &Row) -> Result<Option<Known>, StoreError> {
    Ok(row.opt_id(0)?.zip(row.opt_id(1)?))
}

/// Keeps what the carrier calls a message, and gives the receipt that waits for it. A receipt from before it was given to
/// the carrier, at `wired_at`, was for another: carriers use their ids again.
pub async fn know(
    tx: &mut Tx<'_>,
    key: CarrierKey,
    (account, message): Known,
    wired_at: Timestamp,
    now: Timestamp,
) -> Result<Option<Receipt>, StoreError> {
    let row = tx.one(&KNOW, &[key.0.into(), account.into(), message.into(), now.into()]).await?;
    let came_since = row.time(1)? >= wired_at.minus(CLOCKS_APART);
    Ok(row.opt_int(0)?.and_then(Receipt::from_stored).filter(|_| came_since))
}

/// The message of the first key that has one.
pub async fn find(tx: &mut Tx<'_>, keys: &[CarrierKey]) -> Result<Option<Known>, StoreError> {
    for key in keys {
        let row = tx.optional(&FIND, &[key.0.into()]).await?;
        if let Some(found) = row.as_ref().map(known).transpose()?.flatten() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Keeps a receipt for a message that may yet become known; gives the message if it has become known meanwhile.
pub async fn wait(
    tx: &mut Tx<'_>,
    key: CarrierKey,
    receipt: Receipt,
    now: Timestamp,
) -> Result<Option<Known>, StoreError> {
    let row = tx.one(&WAIT, &[key.0.into(), receipt.stored().into(), now.into()]).await?;
    let found = known(&row)?;
    let kept = row.opt_int(2)?.and_then(Receipt::from_stored).map_or(receipt, |kept| kept.or_later(receipt));
    tx.execute(&KEEP, &[key.0.into(), kept.stored().into()]).await?;
    Ok(found)
}

/// The receipt that waits under one of the keys, if it came since `since`.
pub async fn waiting(tx: &mut Tx<'_>, keys: &[CarrierKey], since: Timestamp) -> Result<Option<Receipt>, StoreError> {
    for key in keys {
        let row = tx.optional(&WAITING, &[key.0.into(), since.into()]).await?;
        if let Some(receipt) = row.map(|row| row.opt_int(0)).transpose()?.flatten().and_then(Receipt::from_stored) {
            return Ok(Some(receipt));
        }
    }
    Ok(None)
}

/// Forgets up to a thousand that were kept before `before`; gives how many.
pub async fn forget(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64, StoreError> {
    tx.execute(&DROP_OLD, &[before.into()]).await
}
