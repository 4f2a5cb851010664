//! Requests with an `Idempotency-Key`, and the replies they got.

use nidan_core::time::Timestamp;

use super::{StoreError, Tx, sql};

sql! {
    BEGIN = "INSERT INTO idempotency (key_hash, request_hash, reply, created_ms) VALUES ($1, $2, NULL, $3)
             ON CONFLICT (key_hash) DO NOTHING";
    FIND = "SELECT request_hash, reply, created_ms FROM idempotency WHERE key_hash = $1";
    FINISH = "UPDATE idempotency SET reply = $2 WHERE key_hash = $1 AND reply IS NULL";
    ABANDON = "DELETE FROM idempotency WHERE key_hash = $1 AND reply IS NULL";
    RESUME = "UPDATE idempotency SET created_ms = $3 WHERE key_hash = $1 AND reply IS NULL AND created_ms = $2";
    REMOVE = "DELETE FROM idempotency WHERE key_hash = $1";
    DROP_OLD = "DELETE FROM idempotency WHERE key_hash IN
                  (SELECT key_hash FROM idempotency WHERE created_ms < $1 LIMIT 1000)";
}

/// A request that was seen before.
pub struct Seen {
    /// The hash of its method, address and body.
    pub request: [u8; 32],
    /// Its sealed reply; none: it is under way, or was cut off by a crash.
    pub reply: Option<Vec<u8>>,
    /// When it was begun.
    pub begun_at: Timestamp,
}

/// The one gate: `true` for the one who is to carry the request out.
pub async fn begin(tx: &mut Tx<'_>, key: [u8; 32], request: [u8; 32], now: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.execute(&BEGIN, &[key.into(), request.into(), now.into()]).await? == 1)
}

/// What is known of a key.
pub async fn find(tx: &mut Tx<'_>, key: [u8; 32]) -> Result<Option<Seen>, StoreError> {
    let row = tx.optional(&FIND, &[key.into()]).await?;
    row.map(|row| {
        Ok(Seen { request: row.array(0)?, reply: row.opt_blob(1)?.map(<[u8]>::to_vec), begun_at: row.time(2)? })
    })
    .transpose()
}

/// Takes a request over that was cut off; `false` if somebody else was quicker.
pub async fn resume(tx: &mut Tx<'_>, key: [u8; 32], begun_at: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.execute(&RESUME, &[key.into(), begun_at.into(), now.into()]).await? == 1)
}

/// Keeps the reply.
pub async fn finish(tx: &mut Tx<'_>, key: [u8; 32], reply: &[u8]) -> Result<(), StoreError> {
    tx.execute(&FINISH, &[key.into(), reply.into()]).await.map(drop)
}

/// The request did nothing and may be tried again.
pub async fn abandon(tx: &mut Tx<'_>, key: [u8; 32]) -> Result<(), StoreError> {
    tx.execute(&ABANDON, &[key.into()]).await.map(drop)
}

/// Forgets one, whatever became of it.
pub async fn remove(tx: &mut Tx<'_>, key: [u8; 32]) -> Result<(), StoreError> {
    tx.execute(&REMOVE, &[key.into()]).await.map(drop)
}

/// Forgets up to a thousand that were begun before `before`; gives how many.
pub async fn forget(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64, StoreError> {
    tx.execute(&DROP_OLD, &[before.into()]).await
}
