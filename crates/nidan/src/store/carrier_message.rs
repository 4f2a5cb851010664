//! What carriers call the messages that they took, and receipts that came before their message was known.

use nidan_core::carrier_id;
use nidan_core::id::{AccountId, MessageId};
use nidan_core::ledger::Receipt;
use nidan_core::time::{Span, Timestamp};

use super::{Row, StoreError, Tx, Value, sql};
use crate::app::App;
use crate::keys::Lookup;

sql! {
    KNOW = "INSERT INTO carrier_message (key_hash, account_id, message_id, receipt, created_ms, route, number)
            VALUES ($1, $2, $3, NULL, $4, $5, $6)
            ON CONFLICT (key_hash) DO UPDATE SET account_id = $2, message_id = $3, route = $5, number = $6
            RETURNING receipt, created_ms";
    FIND = "SELECT account_id, message_id FROM carrier_message WHERE key_hash = $1";
    WAIT = "INSERT INTO carrier_message (key_hash, account_id, message_id, receipt, created_ms, route, number)
            VALUES ($1, NULL, NULL, $2, $3, $4, $5)
            ON CONFLICT (key_hash) DO UPDATE SET created_ms = $3 RETURNING account_id, message_id, receipt";
    KEEP = "UPDATE carrier_message SET receipt = $2, told = $3 WHERE key_hash = $1";
    TOLD = "UPDATE carrier_message SET told = 1 WHERE key_hash = $1 AND told = 0 AND number IS NOT NULL";
    WAITING = "SELECT receipt FROM carrier_message WHERE key_hash = $1 AND created_ms >= $2";
    SURPLUS = "SELECT CAST(COALESCE(SUM(told - messages), 0) AS BIGINT) AS surplus FROM
                 (SELECT SUM(CASE WHEN account_id IS NULL THEN 0 ELSE 1 END) AS messages, SUM(told) AS told
                    FROM (SELECT number, account_id, told FROM carrier_message
                           WHERE route = $1 AND created_ms > $2 AND number IS NOT NULL
                           ORDER BY created_ms DESC LIMIT $3) newest
                   GROUP BY number) by_number
                WHERE messages > 0 AND told > messages";
    AT_NUMBER = "SELECT CAST(COALESCE(SUM(CASE WHEN account_id IS NULL THEN 0 ELSE 1 END), 0) AS BIGINT) AS messages,
                        CAST(COALESCE(SUM(told), 0) AS BIGINT) AS told
                   FROM carrier_message WHERE number = $1 AND created_ms > $2";
    DROP_OLD = "DELETE FROM carrier_message WHERE key_hash IN
                  (SELECT key_hash FROM carrier_message WHERE created_ms < $1 LIMIT 1000)";
}

/// By how much the clocks of two nodes may differ.
const CLOCKS_APART: Span = Span::seconds(10);

/// What a message is found by, and counted with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CarrierKey {
    hash: [u8; 32],
    /// The route, and a keyed hash of the number's end: in one of the keys of a message or receipt that names its number.
    counted: Option<(String, [u8; 32])>,
}

impl CarrierKey {
    /// The key of a message that `route` took as `id`; with the number where receipts name it.
    pub fn of(app: &App, route: &str, id: &str, number: Option<&str>) -> Self {
        let hash = Self::spelt(app, route, &carrier_id::folded(id), number);
        Self { hash, counted: Self::counted(app, route, number) }
    }

    /// The keys that a receipt's message may have, in the order to look.
    pub fn candidates(app: &App, route: &str, id: &str, number: Option<&str>) -> Vec<Self> {
        let spellings = carrier_id::spellings(id);
        let counted = std::iter::once(Self::counted(app, route, number)).chain(std::iter::repeat(None));
        let hash = |spelling: &String| Self::spelt(app, route, spelling, number);
        spellings.iter().zip(counted).map(|(spelling, counted)| Self { hash: hash(spelling), counted }).collect()
    }

    fn spelt(app: &App, route: &str, id: &str, number: Option<&str>) -> [u8; 32] {
        let number = number.map(carrier_id::number_end).unwrap_or_default();
        app.keys.lookup(Lookup::CarrierMessage, format!("{route}\n{id}\n{number}").as_bytes())
    }

    fn counted(app: &App, route: &str, number: Option<&str>) -> Option<(String, [u8; 32])> {
        let number = carrier_id::number_end(number?);
        let hash = app.keys.lookup(Lookup::CarrierNumber, format!("{route}\n{number}").as_bytes());
        Some((route.to_owned(), hash))
    }

    /// The columns `route` and `number`.
    fn columns(&self) -> [Value; 2] {
        let (route, number) = self.counted.clone().unzip();
        [route.into(), number.into()]
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
    key: &CarrierKey,
    (account, message): Known,
    wired_at: Timestamp,
    now: Timestamp,
) -> Result<Option<Receipt>, StoreError> {
    let [route, number] = key.columns();
    let values = [key.hash.into(), account.into(), message.into(), now.into(), route, number];
    let row = tx.one(&KNOW, &values).await?;
    let came_since = row.time(1)? >= wired_at.minus(CLOCKS_APART);
    Ok(row.opt_int(0)?.and_then(Receipt::from_stored).filter(|_| came_since))
}

/// The message of the first key that has one.
pub async fn find(tx: &mut Tx<'_>, keys: &[CarrierKey]) -> Result<Option<Known>, StoreError> {
    for key in keys {
        let row = tx.optional(&FIND, &[key.hash.into()]).await?;
        if let Some(found) = row.as_ref().map(known).transpose()?.flatten() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Keeps a receipt for a message that may yet become known; gives the message if it has become known meanwhile.
pub async fn wait(
    tx: &mut Tx<'_>,
    key: &CarrierKey,
    receipt: Receipt,
    now: Timestamp,
) -> Result<Option<Known>, StoreError> {
    let [route, number] = key.columns();
    let row = tx.one(&WAIT, &[key.hash.into(), receipt.stored().into(), now.into(), route, number]).await?;
    let found = known(&row)?;
    let kept = row.opt_int(2)?.and_then(Receipt::from_stored).map_or(receipt, |kept| kept.or_later(receipt));
    let told = kept != Receipt::EnRoute;
    tx.execute(&KEEP, &[key.hash.into(), kept.stored().into(), told.into()]).await?;
    Ok(found)
}

/// A receipt told of the end of a message that is known under one of the keys.
pub async fn told(tx: &mut Tx<'_>, keys: &[CarrierKey]) -> Result<(), StoreError> {
    for key in keys {
        tx.execute(&TOLD, &[key.hash.into()]).await?;
    }
    Ok(())
}

/// By how many the carrier of `route` told of more ends, each under an id of its own, than messages went there; summed over
/// the numbers that had any since `since`, from the newest `limit` rows. What names no number is not counted, nor are
/// receipts for numbers that we sent nothing to: another program may share the account at the carrier.
pub async fn surplus(tx: &mut Tx<'_>, route: &str, since: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let surplus = tx.one(&SURPLUS, &[route.into(), since.into(), limit.into()]).await?.int(0)?;
    Ok(u64::try_from(surplus).unwrap_or(0))
}

/// By how many the carrier of `route` told of more ends, each under an id of its own, than messages went to `number` since
/// `since`.
pub async fn surplus_at(
    tx: &mut Tx<'_>,
    app: &App,
    (route, number): (&str, &str),
    since: Timestamp,
) -> Result<u64, StoreError> {
    let Some((_, number)) = CarrierKey::counted(app, route, Some(number)) else { return Ok(0) };
    let row = tx.one(&AT_NUMBER, &[number.into(), since.into()]).await?;
    let surplus = row.int(1)?.saturating_sub(row.int(0)?);
    Ok(u64::try_from(surplus).unwrap_or(0))
}

/// The receipt that waits under one of the keys, if it came since `since`.
pub async fn waiting(tx: &mut Tx<'_>, keys: &[CarrierKey], since: Timestamp) -> Result<Option<Receipt>, StoreError> {
    for key in keys {
        let row = tx.optional(&WAITING, &[key.hash.into(), since.into()]).await?;
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
