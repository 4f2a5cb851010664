//! Counters of what was taken from budgets. How one counts is the rule's matter ([`nidan_core::bucket`]); here its row is
//! held while the rule decides, so that parallel requests get as much as one after another would.
//!
//! Each step is a transaction of its own on a single row: what counts for an account, a number and a country lies in places
//! that no transaction spans.

use nidan_core::bucket::{Counter, Rule, Take};
use nidan_core::time::Timestamp;

use super::{Row, StoreError, Tx, sql};

sql! {
    /// Makes the row if there is none, and holds it to the transaction's end either way.
    HOLD = "INSERT INTO rate_counter (key_hash, place, taken, completed, taken_before, completed_before, blocked_ms, expires_ms)
            VALUES ($1, 0, 0, 0, 0, 0, 0, $2)
            ON CONFLICT (key_hash) DO UPDATE SET expires_ms = rate_counter.expires_ms
            RETURNING place, taken, completed, taken_before, completed_before, blocked_ms, expires_ms";
    SAVE = "UPDATE rate_counter SET place = $2, taken = $3, completed = $4, taken_before = $5, completed_before = $6,
                                    blocked_ms = $7, expires_ms = $8
             WHERE key_hash = $1";
    LOOK = "SELECT place, taken, completed, taken_before, completed_before, blocked_ms, expires_ms
              FROM rate_counter WHERE key_hash = $1";
    /// The condition is repeated outside: a row that was taken from meanwhile must stay, and PostgreSQL looks at it again
    /// only there.
    DROP_OLD = "DELETE FROM rate_counter WHERE expires_ms < $1 AND key_hash IN
                  (SELECT key_hash FROM rate_counter WHERE expires_ms < $1 LIMIT 1000)";
}

/// The row of a counter: a keyed hash of what is counted, and for whom.
pub type RowKey = [u8; 32];

/// A step of one counter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// Its row.
    pub row: RowKey,
    /// How it counts.
    pub rule: Rule,
    /// How much.
    pub n: i64,
}

fn read(row: &Row) -> Result<(Counter, Timestamp), StoreError> {
    let counter = Counter {
        place: row.int(0)?,
        taken: row.int(1)?,
        completed: row.int(2)?,
        taken_before: row.int(3)?,
        completed_before: row.int(4)?,
        blocked_ms: row.int(5)?,
    };
    Ok((counter, row.time(6)?))
}

async fn hold(tx: &mut Tx<'_>, row: RowKey, now: Timestamp) -> Result<(Counter, Timestamp), StoreError> {
    read(&tx.one(&HOLD, &[row.into(), now.into()]).await?)
}

async fn save(tx: &mut Tx<'_>, row: RowKey, counter: &Counter, expires_at: Timestamp) -> Result<(), StoreError> {
    let values = [
        row.into(),
        counter.place.into(),
        counter.taken.into(),
        counter.completed.into(),
        counter.taken_before.into(),
        counter.completed_before.into(),
        counter.blocked_ms.into(),
        expires_at.into(),
    ];
    tx.execute(&SAVE, &values).await.map(drop)
}

/// Takes `step.n`, all or nothing. The row lives at least until `keep_until`.
pub async fn take(tx: &mut Tx<'_>, step: &Step, keep_until: Timestamp, now: Timestamp) -> Result<Take, StoreError> {
    let (counter, expires_at) = hold(tx, step.row, now).await?;
    let take = step.rule.take(&counter, step.n, now);
    if let Take::Taken(taken) = &take {
        let expires_at = step.rule.expires_at(taken, now).max(expires_at).max(keep_until);
        save(tx, step.row, taken, expires_at).await?;
    }
    Ok(take)
}

/// Gives back what was taken at `taken_at`: what it was for did not happen.
pub async fn give_back(tx: &mut Tx<'_>, step: &Step, taken_at: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    let (counter, expires_at) = hold(tx, step.row, now).await?;
    let given_back = step.rule.give_back(&counter, step.n, taken_at, now);
    undone(tx, step, (given_back, expires_at), now).await
}

/// Notes that what was taken at `taken_at` was completed.
pub async fn complete(tx: &mut Tx<'_>, step: &Step, taken_at: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    let (counter, expires_at) = hold(tx, step.row, now).await?;
    let completed = step.rule.complete(&counter, step.n, taken_at, now);
    undone(tx, step, (completed, expires_at), now).await
}

async fn undone(
    tx: &mut Tx<'_>,
    step: &Step,
    (counter, expires_at): (Option<Counter>, Timestamp),
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(counter) = counter else { return Ok(()) };
    save(tx, step.row, &counter, step.rule.expires_at(&counter, now).max(expires_at)).await
}

/// Blocks a counter until `until`, unless it is for longer; gives until when it is blocked.
pub async fn block(tx: &mut Tx<'_>, row: RowKey, until: Timestamp, now: Timestamp) -> Result<Timestamp, StoreError> {
    let (counter, expires_at) = hold(tx, row, now).await?;
    let blocked_ms = counter.blocked_ms.max(until.ms());
    save(tx, row, &Counter { blocked_ms, ..counter }, expires_at.max(until)).await?;
    Ok(Timestamp::from_ms(blocked_ms))
}

/// A counter as it was left; none if nothing was ever taken, or it has expired and was swept.
pub async fn look(tx: &mut Tx<'_>, row: RowKey) -> Result<Option<Counter>, StoreError> {
    let row = tx.optional(&LOOK, &[row.into()]).await?;
    row.map(|row| read(&row).map(|(counter, _)| counter)).transpose()
}

/// Forgets up to a thousand counters that expired before `before`; gives how many.
pub async fn forget(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64, StoreError> {
    tx.execute(&DROP_OLD, &[before.into()]).await
}
