//! The ledger as owners and sites read it: every message with what became of it.

use nidan_core::id::{CeremonyId, ChallengeId, MessageId};
use nidan_core::ledger::State;
use nidan_core::message::{Channel, MessageKind};
use nidan_core::secret::Secret;
use nidan_core::time::Timestamp;

use super::account::Account;
use super::message::{Cause, DESTINATION, facts, kind_and_channel, state};
use super::{Row, StoreError, Tx, sql};

sql! {
    /// A challenge is kept for some days only, its messages for longer. Those of 0.1.0 have their letters only there.
    LIST = "SELECT m.message_id, m.n, m.kind, m.channel, m.destination, m.facts, m.serial, m.state, m.reason, m.route,
                   m.wired_ms, m.created_ms, m.challenge_id, h.ceremony_id, h.tag, m.receipt_ms
              FROM message m
              LEFT JOIN challenge h ON h.account_id = m.account_id AND h.challenge_id = m.challenge_id
             WHERE m.account_id = $1 AND m.created_ms > $2 AND m.created_ms < $3
             ORDER BY m.created_ms DESC, m.message_id DESC LIMIT $4";
    /// State 9: suppressed.
    SENT = "SELECT m.message_id, m.n, m.kind, m.channel, m.destination, m.facts, m.serial, m.state, m.reason, m.route,
                   m.wired_ms, m.created_ms, m.challenge_id, h.ceremony_id, h.tag, m.receipt_ms
              FROM message m
              LEFT JOIN challenge h ON h.account_id = m.account_id AND h.challenge_id = m.challenge_id
             WHERE m.account_id = $1 AND m.created_ms > $2 AND m.state <> 9
             ORDER BY m.created_ms DESC, m.message_id DESC LIMIT $3";
}

/// A message as its owner sees it in the ledger.
pub struct Listed {
    /// Which one.
    pub id: MessageId,
    /// The challenge whose code it carries.
    pub challenge: Option<ChallengeId>,
    /// What that code belongs to, while that is kept.
    pub ceremony: Option<CeremonyId>,
    /// The two letters that it carries; none: it carries no code.
    pub tag: Option<String>,
    /// Which message of the challenge.
    pub n: u8,
    /// What it says.
    pub kind: MessageKind,
    /// How it went.
    pub channel: Channel,
    /// Where it went.
    pub destination: Secret<String>,
    /// What caused it.
    pub cause: Cause,
    /// Which of the account's messages of the day; 0 for one without a code.
    pub serial: i64,
    /// What became of it.
    pub state: State,
    /// Why; of a suppressed one the name of a [`nidan_core::budget::Suppressed`], else of a [`nidan_core::ledger::Reason`].
    pub reason: Option<String>,
    /// The route that it was given to.
    pub route: Option<String>,
    /// When it was given to it.
    pub wired_at: Option<Timestamp>,
    /// When the first receipt came that told of an end.
    pub received_at: Option<Timestamp>,
    /// When it was claimed.
    pub at: Timestamp,
}

/// The newest messages of an account after `since` and before `before`, at most `limit`, newest first.
pub async fn list(
    tx: &mut Tx<'_>,
    account: &Account,
    (since, before): (Timestamp, Timestamp),
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let rows = tx.rows(&LIST, &[account.id.into(), since.into(), before.into(), limit.into()]).await?;
    rows.iter().map(|row| listed(account, row)).collect()
}

/// Likewise, those that were handed to a route, or will be: budgets bound how many there are, however many were refused.
pub async fn sent(tx: &mut Tx<'_>, account: &Account, since: Timestamp, limit: i64) -> Result<Vec<Listed>, StoreError> {
    let rows = tx.rows(&SENT, &[account.id.into(), since.into(), limit.into()]).await?;
    rows.iter().map(|row| listed(account, row)).collect()
}

fn listed(account: &Account, row: &Row) -> Result<Listed, StoreError> {
    let id: MessageId = row.id(0)?;
    let (kind, channel) = kind_and_channel(row, 2, 3)?;
    let facts = facts(account, id, row.blob(5)?)?;
    Ok(Listed {
        id,
        challenge: row.opt_id(12)?,
        ceremony: row.opt_id(13)?,
        tag: facts.tag.or(row.opt_text(14)?.map(str::to_owned)),
        n: u8::try_from(row.int(1)?).map_err(|_| StoreError::corrupt("message.n", "no count"))?,
        kind,
        channel,
        destination: account.sealing().open_text(DESTINATION, id.as_bytes(), row.blob(4)?)?,
        cause: facts.cause,
        serial: row.int(6)?,
        state: state(row, 7)?,
        reason: row.opt_text(8)?.map(str::to_owned),
        route: row.opt_text(9)?.map(str::to_owned),
        wired_at: row.opt_time(10)?,
        received_at: row.opt_time(15)?,
        at: row.time(11)?,
    })
}
