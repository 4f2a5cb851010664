//! Notices as their owners find them again: by the keyed hash of a reference, which names a message of an account.

use nidan_core::id::{AccountId, DeviceId, MessageId, SessionId};
use nidan_core::message::MessageKind;
use nidan_core::notice::{Reference, Said};
use nidan_core::time::Timestamp;

use super::account::Account;
use super::message::{self, Cause};
use super::{StoreError, Tx, sql};
use crate::app::App;
use crate::keys::Lookup;

sql! {
    KEEP = "INSERT INTO notice_reference (key_hash, account_id, message_id, expires_ms) VALUES ($1, $2, $3, $4)
            ON CONFLICT (key_hash) DO NOTHING";
    FIND = "SELECT account_id, message_id FROM notice_reference WHERE key_hash = $1 AND expires_ms > $2";
    LET_IN = "UPDATE message SET session_id = $3, device_id = $4 WHERE account_id = $1 AND message_id = $2";
    LOAD = "SELECT kind, facts, created_ms, said, said_ms, session_id, device_id FROM message
             WHERE account_id = $1 AND message_id = $2";
    SAY = "UPDATE message SET said = $3, said_ms = $4
            WHERE account_id = $1 AND message_id = $2 AND COALESCE(said, 0) < $3";
    DROP_EXPIRED = "DELETE FROM notice_reference WHERE key_hash IN
                      (SELECT key_hash FROM notice_reference WHERE expires_ms < $1 LIMIT 1000)";
}

/// Which message of whose.
pub type Named = (AccountId, MessageId);

/// What a reference is found by.
#[derive(Clone, Copy)]
pub struct ReferenceKey([u8; 32]);

impl ReferenceKey {
    /// Of a reference.
    pub fn of(app: &App, reference: &Reference) -> Self {
        Self(app.keys.lookup(Lookup::NoticeReference, reference.as_bytes()))
    }
}

/// Keeps what a reference names, until `expires_at`. Kept already, it stays.
pub async fn keep(
    tx: &mut Tx<'_>,
    key: ReferenceKey,
    (account, message): Named,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(&KEEP, &[key.0.into(), account.into(), message.into(), expires_at.into()]).await.map(drop)
}

/// What a reference names, if it is good now.
pub async fn find(tx: &mut Tx<'_>, key: ReferenceKey, now: Timestamp) -> Result<Option<Named>, StoreError> {
    let row = tx.optional(&FIND, &[key.0.into(), now.into()]).await?;
    row.map(|row| Ok((row.id(0)?, row.id(1)?))).transpose()
}

/// What a sign-in that a notice tells of has let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LetIn {
    /// The session.
    pub session: SessionId,
    /// The device that it runs on.
    pub device: Option<DeviceId>,
}

/// Notes what the sign-in has let in that a notice tells of.
pub async fn let_in(tx: &mut Tx<'_>, (account, message): Named, let_in: LetIn) -> Result<(), StoreError> {
    let values = [account.into(), message.into(), let_in.session.into(), let_in.device.into()];
    tx.execute(&LET_IN, &values).await.map(drop)
}

/// A notice as it is kept.
pub struct Notice {
    /// What it tells of.
    pub kind: MessageKind,
    /// What caused it.
    pub cause: Cause,
    /// When it was written.
    pub at: Timestamp,
    /// What its owner said of it, and when.
    pub said: Option<(Said, Timestamp)>,
    /// What was let in by what it tells of.
    pub let_in: Option<LetIn>,
}

/// The notice, if there is one.
pub async fn load(tx: &mut Tx<'_>, account: &Account, id: MessageId) -> Result<Option<Notice>, StoreError> {
    let Some(row) = tx.optional(&LOAD, &[account.id.into(), id.into()]).await? else { return Ok(None) };
    let corrupt = |column| StoreError::corrupt(column, "not of this version");
    let said = match (row.opt_int(3)?, row.opt_time(4)?) {
        (Some(said), Some(at)) => Some((Said::from_stored(said).ok_or_else(|| corrupt("message.said"))?, at)),
        (_, _) => None,
    };
    Ok(Some(Notice {
        kind: MessageKind::from_stored(row.int(0)?).ok_or_else(|| corrupt("message.kind"))?,
        cause: message::cause(account, id, row.blob(1)?)?,
        at: row.time(2)?,
        said,
        let_in: row.opt_id(5)?.map(|session| Ok(LetIn { session, device: row.opt_id(6)? })).transpose()?,
    }))
}

/// The one gate of an answer ([`Said::may_follow`]): `true` for the one who gave it.
pub async fn say(tx: &mut Tx<'_>, (account, message): Named, said: Said, now: Timestamp) -> Result<bool, StoreError> {
    let values = [account.into(), message.into(), said.stored().into(), now.into()];
    Ok(tx.execute(&SAY, &values).await? == 1)
}

/// Forgets up to a thousand references that expired before `before`; gives how many.
pub async fn forget(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64, StoreError> {
    tx.execute(&DROP_EXPIRED, &[before.into()]).await
}
