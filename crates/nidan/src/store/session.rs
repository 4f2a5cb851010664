//! Sessions.

use nidan_core::id::{AccountId, DeviceId, SessionId};
use nidan_core::language::Language;
use nidan_core::time::{Span, Timestamp};
use nidan_core::token::TokenHash;

use super::account::{self, Account};
use super::client::{self, Client};
use super::{Row, StoreError, Tx, sql};

sql! {
    FIND = "SELECT s.session_id, s.token_hash, s.device_id, s.level, s.amr, s.sec_epoch, s.client, s.auth_ms, s.last_used_ms,
                   s.expires_ms, a.sec_epoch, a.language
              FROM session s JOIN account a ON a.account_id = s.account_id
             WHERE s.account_id = $1 AND s.session_id = $2";
    LIST = "SELECT s.session_id, s.token_hash, s.device_id, s.level, s.amr, s.sec_epoch, s.client, s.auth_ms, s.last_used_ms,
                   s.expires_ms, a.sec_epoch, a.language
              FROM session s JOIN account a ON a.account_id = s.account_id
             WHERE s.account_id = $1 ORDER BY s.last_used_ms DESC, s.session_id";
    INSERT = "INSERT INTO session (account_id, session_id, token_hash, device_id, level, amr, sec_epoch, client, auth_ms,
                                   last_used_ms, expires_ms)
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)";
    TOUCH = "UPDATE session SET last_used_ms = $3 WHERE account_id = $1 AND session_id = $2 AND last_used_ms < $3";
    REMOVE = "DELETE FROM session WHERE account_id = $1 AND session_id = $2";
    REMOVE_OF_DEVICE = "DELETE FROM session WHERE account_id = $1 AND device_id = $2";
    REMOVE_ALL = "DELETE FROM session WHERE account_id = $1";
    DROP_EXPIRED = "DELETE FROM session WHERE (account_id, session_id) IN
                      (SELECT account_id, session_id FROM session WHERE expires_ms < $1 LIMIT 1000)";
}

const CLIENT: &str = "session.client";

/// A session as it is kept.
pub struct Session {
    /// Which one.
    pub id: SessionId,
    /// The hash of its token.
    pub token: TokenHash,
    /// The device it runs on, if that is one that is kept.
    pub device: Option<DeviceId>,
    /// Whether two steps were taken; else it opens the setting-up only.
    pub two_step: bool,
    /// How its owner was authenticated, separated by spaces.
    pub amr: String,
    /// The account's security epoch that it was made under.
    pub sec_epoch: i64,
    /// When its owner was authenticated.
    pub auth_at: Timestamp,
    /// When it was used last.
    pub last_used_at: Timestamp,
    /// When it ends in any case.
    pub expires_at: Timestamp,
}

/// What a look-up found, with what the account says at the same moment.
pub struct Found {
    /// The session.
    pub session: Session,
    /// The account's security epoch now.
    pub epoch: i64,
    /// The account's language.
    pub language: Language,
    client: Vec<u8>,
}

impl Found {
    /// Whether it still is one: of the epoch that the account has, not past its end, not idle too long.
    pub fn is_alive(&self, now: Timestamp, idle: Span) -> bool {
        let session = &self.session;
        session.sec_epoch == self.epoch && now < session.expires_at && now < session.last_used_at.plus(idle)
    }

    /// Where it was signed in from.
    pub fn client(&self, account: &Account) -> Result<Client, StoreError> {
        client::open(account, CLIENT, self.session.id.as_bytes(), &self.client)
    }
}

fn read(row: &Row) -> Result<Found, StoreError> {
    let session = Session {
        id: row.id(0)?,
        token: TokenHash::from_bytes(row.array(1)?),
        device: row.opt_id(2)?,
        two_step: row.flag(3)?,
        amr: row.text(4)?.to_owned(),
        sec_epoch: row.int(5)?,
        auth_at: row.time(7)?,
        last_used_at: row.time(8)?,
        expires_at: row.time(9)?,
    };
    let language = account::language(row.text(11)?)?;
    Ok(Found { session, epoch: row.int(10)?, language, client: row.blob(6)?.to_vec() })
}

/// The session, if there is one; whether it is alive is for the caller to ask.
pub async fn find(tx: &mut Tx<'_>, account: AccountId, id: SessionId) -> Result<Option<Found>, StoreError> {
    tx.optional(&FIND, &[account.into(), id.into()]).await?.map(|row| read(&row)).transpose()
}

/// All sessions of an account, the one used last first.
pub async fn list(tx: &mut Tx<'_>, account: AccountId) -> Result<Vec<Found>, StoreError> {
    tx.rows(&LIST, &[account.into()]).await?.iter().map(read).collect()
}

/// Adds a session.
pub async fn insert(tx: &mut Tx<'_>, account: &Account, session: &Session, client: &Client) -> Result<(), StoreError> {
    let values = [
        account.id.into(),
        session.id.into(),
        session.token.as_bytes().into(),
        session.device.into(),
        session.two_step.into(),
        session.amr.as_str().into(),
        session.sec_epoch.into(),
        client::seal(account, CLIENT, session.id.as_bytes(), client).into(),
        session.auth_at.into(),
        session.expires_at.into(),
    ];
    tx.execute(&INSERT, &values).await.map(drop)
}

/// It is in use now.
pub async fn touch(tx: &mut Tx<'_>, account: AccountId, id: SessionId, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(&TOUCH, &[account.into(), id.into(), now.into()]).await.map(drop)
}

/// Ends a session; `false` if there is none.
pub async fn remove(tx: &mut Tx<'_>, account: AccountId, id: SessionId) -> Result<bool, StoreError> {
    Ok(tx.execute(&REMOVE, &[account.into(), id.into()]).await? == 1)
}

/// Ends the sessions that run on a device.
pub async fn remove_of_device(tx: &mut Tx<'_>, account: AccountId, device: DeviceId) -> Result<(), StoreError> {
    tx.execute(&REMOVE_OF_DEVICE, &[account.into(), device.into()]).await.map(drop)
}

/// Ends all sessions of an account.
pub async fn remove_all(tx: &mut Tx<'_>, account: AccountId) -> Result<(), StoreError> {
    tx.execute(&REMOVE_ALL, &[account.into()]).await.map(drop)
}

/// Forgets up to a thousand that expired before `before`; gives how many.
pub async fn forget(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64, StoreError> {
    tx.execute(&DROP_EXPIRED, &[before.into()]).await
}
