//! The numbers that messages of setups went to, or were not sent to: whether somebody pumps messages is told over all accounts.
//! Kept for a day, as keyed hashes: they show which are the same, and no more.

use nidan_core::id::{AccountId, MessageId};
use nidan_core::phone::PhoneNumber;
use nidan_core::time::Timestamp;

use super::{Row, StoreError, Tx, sql};
use crate::app::App;
use crate::keys::Lookup;

sql! {
    APPEND = "INSERT INTO setup_number (account_id, message_id, number_key, block_key, refused, created_ms)
              VALUES ($1, $2, $3, $4, $5, $6)";
    /// What was sent after $2 may still be confirmed, and is not looked at.
    COUNT = "SELECT COUNT(DISTINCT s.number_key) AS numbers, COUNT(DISTINCT a.phone_key) AS confirmed,
                    CAST(COALESCE(SUM(s.refused), 0) AS BIGINT) AS refused
               FROM setup_number s
          LEFT JOIN authenticator a ON a.account_id = s.account_id AND a.phone_key = s.number_key AND a.confirmed_ms IS NOT NULL
              WHERE s.created_ms > $1 AND (s.refused = 1 OR s.created_ms <= $2)";
    COUNT_OF_BLOCK = "SELECT COUNT(DISTINCT s.number_key) AS numbers, COUNT(DISTINCT a.phone_key) AS confirmed,
                             CAST(COALESCE(SUM(s.refused), 0) AS BIGINT) AS refused
                        FROM setup_number s
                   LEFT JOIN authenticator a
                          ON a.account_id = s.account_id AND a.phone_key = s.number_key AND a.confirmed_ms IS NOT NULL
                       WHERE s.created_ms > $1 AND (s.refused = 1 OR s.created_ms <= $2) AND s.block_key = $3";
    HANDED = "SELECT m.route, CAST(SUM(m.wires) AS BIGINT) AS handed
                FROM setup_number s JOIN message m ON m.account_id = s.account_id AND m.message_id = s.message_id
               WHERE s.created_ms > $1 AND s.refused = 0 AND m.wires > 0 GROUP BY m.route";
    HANDED_OF_BLOCK = "SELECT m.route, CAST(SUM(m.wires) AS BIGINT) AS handed
                         FROM setup_number s JOIN message m ON m.account_id = s.account_id AND m.message_id = s.message_id
                        WHERE s.created_ms > $1 AND s.refused = 0 AND s.block_key = $2 AND m.wires > 0 GROUP BY m.route";
    DROP_OLD = "DELETE FROM setup_number WHERE (account_id, message_id) IN
                  (SELECT account_id, message_id FROM setup_number WHERE created_ms < $1 LIMIT 1000)";
}

/// A block of numbers in place of its digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct BlockKey([u8; 32]);

impl BlockKey {
    /// Of the block that a number lies in.
    pub fn of(app: &App, number: &PhoneNumber) -> Self {
        Self(app.keys.lookup(Lookup::NumberBlock, number.block().as_bytes()))
    }
}

/// Writes down that the message of a setup goes to `number`, or was `refused`.
pub async fn append(
    tx: &mut Tx<'_>,
    app: &App,
    (account, message): (AccountId, MessageId),
    (number, refused): (&PhoneNumber, bool),
    now: Timestamp,
) -> Result<(), StoreError> {
    let values = [
        account.into(),
        message.into(),
        app.keys.lookup(Lookup::Phone, number.e164().as_bytes()).into(),
        BlockKey::of(app, number).0.into(),
        refused.into(),
        now.into(),
    ];
    tx.execute(&APPEND, &values).await.map(drop)
}

/// Setups over all accounts, at all numbers or those of a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counted {
    /// Different numbers asked for. Those to which a message went so lately that it may still be on its way are not counted.
    pub numbers: u32,
    /// Of these, confirmed by an account that asked for them.
    pub confirmed: u32,
    /// Messages that were not sent.
    pub refused: u32,
    /// How often each route was given one.
    pub handed: Vec<(String, i64)>,
}

/// What was asked for since `since`, of what was sent only that from before `settled`; at `block`, if one is named.
pub async fn count(
    tx: &mut Tx<'_>,
    (since, settled): (Timestamp, Timestamp),
    block: Option<BlockKey>,
) -> Result<Counted, StoreError> {
    let (counts, handed) = match block {
        None => {
            let counts = tx.one(&COUNT, &[since.into(), settled.into()]).await?;
            (counts, tx.rows(&HANDED, &[since.into()]).await?)
        }
        Some(BlockKey(block)) => {
            let counts = tx.one(&COUNT_OF_BLOCK, &[since.into(), settled.into(), block.into()]).await?;
            (counts, tx.rows(&HANDED_OF_BLOCK, &[since.into(), block.into()]).await?)
        }
    };
    let count = |place| Ok::<_, StoreError>(u32::try_from(counts.int(place)?).unwrap_or(u32::MAX));
    let of_route = |row: &Row| Ok((row.opt_text(0)?.unwrap_or_default().to_owned(), row.int(1)?));
    Ok(Counted {
        numbers: count(0)?,
        confirmed: count(1)?,
        refused: count(2)?,
        handed: handed.iter().map(of_route).collect::<Result<_, StoreError>>()?,
    })
}

/// Forgets up to a thousand from before `before`; gives how many.
pub async fn forget(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64, StoreError> {
    tx.execute(&DROP_OLD, &[before.into()]).await
}
