//! Devices on which a second step was completed.

use nidan_core::device::Device;
use nidan_core::id::{self, AccountId, DeviceId};
use nidan_core::ladder::DeviceGuesses;
use nidan_core::secret::Secret;
use nidan_core::time::Timestamp;
use nidan_core::token::{Token, TokenHash, TokenKind};

use super::account::Account;
use super::client::{self, Client};
use super::{Row, StoreError, Tx, sql};

sql! {
    FIND = "SELECT device_id, token_hash, successor_hash, successor, trusted, sec_epoch, client, created_ms, last_used_ms,
                   guess_life, guess_day, guess_since_ms
              FROM device WHERE account_id = $1 AND device_id = $2";
    LIST = "SELECT device_id, token_hash, successor_hash, successor, trusted, sec_epoch, client, created_ms, last_used_ms,
                   guess_life, guess_day, guess_since_ms
              FROM device WHERE account_id = $1 ORDER BY last_used_ms DESC, device_id";
    INSERT = "INSERT INTO device (account_id, device_id, token_hash, successor_hash, successor, trusted, sec_epoch, client,
                                  created_ms, last_used_ms)
              VALUES ($1, $2, $3, NULL, NULL, $4, $5, $6, $7, $7)";
    ADVANCE = "UPDATE device SET token_hash = $3, successor_hash = NULL, successor = NULL
                WHERE account_id = $1 AND device_id = $2 AND successor_hash = $3";
    HAND_OUT = "UPDATE device SET successor_hash = $3, successor = $4, last_used_ms = $5
                 WHERE account_id = $1 AND device_id = $2 AND successor_hash IS NULL";
    USED = "UPDATE device SET last_used_ms = $3, client = $4 WHERE account_id = $1 AND device_id = $2";
    SET_GUESSES = "UPDATE device SET guess_life = $3, guess_day = $4, guess_since_ms = $5
                    WHERE account_id = $1 AND device_id = $2";
    TRUST = "UPDATE device SET trusted = $3, created_ms = $4, last_used_ms = $4
              WHERE account_id = $1 AND device_id = $2";
    REMOVE = "DELETE FROM device WHERE account_id = $1 AND device_id = $2";
    REMOVE_ALL = "DELETE FROM device WHERE account_id = $1";
    REMOVE_OVER = "DELETE FROM device WHERE account_id = $1 AND device_id NOT IN
                     (SELECT device_id FROM device WHERE account_id = $1 ORDER BY last_used_ms DESC, device_id LIMIT $2)";
}

const CLIENT: &str = "device.client";
const SUCCESSOR: &str = "device.successor";

/// A device as it is kept, opened.
pub struct Known {
    /// Which one.
    pub id: DeviceId,
    /// What the rules need of it.
    pub device: Device,
    /// Where it was last seen.
    pub client: Client,
    /// Wrong codes on it.
    pub guesses: DeviceGuesses,
    successor: Option<Vec<u8>>,
}

impl Known {
    /// Its successor has become its token.
    pub fn forget_successor(&mut self) {
        self.successor = None;
    }
}

fn read(account: &Account, row: &Row) -> Result<Known, StoreError> {
    let id: DeviceId = row.id(0)?;
    let device = Device {
        token: TokenHash::from_bytes(row.array(1)?),
        successor: row.opt_array(2)?.map(TokenHash::from_bytes),
        trusted: row.flag(4)?,
        sec_epoch: row.int(5)?,
        created_at: row.time(7)?,
        last_used_at: row.time(8)?,
    };
    let client = client::open(account, CLIENT, id.as_bytes(), row.blob(6)?)?;
    let count = |column| {
        u8::try_from(row.int(column)?).map_err(|_| StoreError::corrupt("device.guess_life", "no count of guesses"))
    };
    let guesses = DeviceGuesses { life: count(9)?, day: count(10)?, since_ms: row.int(11)? };
    Ok(Known { id, device, client, guesses, successor: row.opt_blob(3)?.map(<[u8]>::to_vec) })
}

/// The device, if there is one.
pub async fn find(tx: &mut Tx<'_>, account: &Account, id: DeviceId) -> Result<Option<Known>, StoreError> {
    let row = tx.optional(&FIND, &[account.id.into(), id.into()]).await?;
    row.map(|row| read(account, &row)).transpose()
}

/// All devices of an account, the one used last first.
pub async fn list(tx: &mut Tx<'_>, account: &Account) -> Result<Vec<Known>, StoreError> {
    tx.rows(&LIST, &[account.id.into()]).await?.iter().map(|row| read(account, row)).collect()
}

/// Adds a device and lets go of those unused longest, so that at most `devices_max` stay.
pub async fn insert(
    tx: &mut Tx<'_>,
    account: &Account,
    (id, device): (DeviceId, &Device),
    client: &Client,
    devices_max: u8,
) -> Result<(), StoreError> {
    let values = [
        account.id.into(),
        id.into(),
        device.token.as_bytes().into(),
        device.trusted.into(),
        device.sec_epoch.into(),
        client::seal(account, CLIENT, id.as_bytes(), client).into(),
        device.created_at.into(),
    ];
    tx.execute(&INSERT, &values).await?;
    tx.execute(&REMOVE_OVER, &[account.id.into(), i64::from(devices_max).into()]).await.map(drop)
}

/// Its successor was presented: from now on it is the token, and the old value is dead.
pub async fn advance(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: DeviceId,
    successor: &TokenHash,
) -> Result<(), StoreError> {
    tx.execute(&ADVANCE, &[account.into(), id.into(), successor.as_bytes().into()]).await.map(drop)
}

/// The device's successor token: the one handed out already if it was not presented yet, else one out of `random`.
pub async fn successor(
    tx: &mut Tx<'_>,
    account: &Account,
    known: &Known,
    random: [u8; 32],
    now: Timestamp,
) -> Result<Secret<String>, StoreError> {
    let row = known.id.as_bytes();
    if let Some(sealed) = &known.successor {
        return account.sealing().open_text(SUCCESSOR, row, sealed);
    }
    let token: Token<id::Device> = Token::new(TokenKind::Device, account.id, known.id, random);
    let text = token.reveal();
    let sealed = account.sealing().seal(SUCCESSOR, row, text.expose().as_bytes());
    let values = [account.id.into(), known.id.into(), token.hash().as_bytes().into(), sealed.into(), now.into()];
    match tx.execute(&HAND_OUT, &values).await? {
        1 => Ok(text),
        _ => Err(StoreError::corrupt("device.successor_hash", "it was read as none")),
    }
}

/// It is in use now, from here.
pub async fn used(
    tx: &mut Tx<'_>,
    account: &Account,
    id: DeviceId,
    client: &Client,
    now: Timestamp,
) -> Result<(), StoreError> {
    let client = client::seal(account, CLIENT, id.as_bytes(), client);
    tx.execute(&USED, &[account.id.into(), id.into(), now.into(), client.into()]).await.map(drop)
}

/// Stores the wrong codes on it. They stay when its life begins anew: whoever has a copy of its token gets no more by that.
pub async fn save_guesses(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: DeviceId,
    guesses: DeviceGuesses,
) -> Result<(), StoreError> {
    let DeviceGuesses { life, day, since_ms } = guesses;
    let values = [account.into(), id.into(), i64::from(life).into(), i64::from(day).into(), since_ms.into()];
    tx.execute(&SET_GUESSES, &values).await.map(drop)
}

/// A second step was completed on it again: its life begins anew, trusted or not as its owner chose.
pub async fn trust(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: DeviceId,
    trusted: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(&TRUST, &[account.into(), id.into(), trusted.into(), now.into()]).await.map(drop)
}

/// Ends a device; `false` if there is none.
pub async fn remove(tx: &mut Tx<'_>, account: AccountId, id: DeviceId) -> Result<bool, StoreError> {
    Ok(tx.execute(&REMOVE, &[account.into(), id.into()]).await? == 1)
}

/// Ends all devices of an account.
pub async fn remove_all(tx: &mut Tx<'_>, account: AccountId) -> Result<(), StoreError> {
    tx.execute(&REMOVE_ALL, &[account.into()]).await.map(drop)
}
