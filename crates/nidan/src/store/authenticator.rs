//! The methods of an account.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use nidan_core::id::{AccountId, AuthenticatorId};
use nidan_core::methods::{Kind, Method, Role};
use nidan_core::phone::PhoneNumber;
use nidan_core::time::Timestamp;
use nidan_core::totp::{Learnt, Seed};
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::{Row, StoreError, Tx, sql};

sql! {
    LIST = "SELECT authenticator_id, kind, role, secret, phone_key, about, last_step, drift, created_ms, confirmed_ms
              FROM authenticator WHERE account_id = $1 ORDER BY role, created_ms, authenticator_id";
    FIND = "SELECT authenticator_id, kind, role, secret, phone_key, about, last_step, drift, created_ms, confirmed_ms
              FROM authenticator WHERE account_id = $1 AND authenticator_id = $2";
    INSERT = "INSERT INTO authenticator (account_id, authenticator_id, kind, role, secret, phone_key, about, last_step, drift,
                                         created_ms, confirmed_ms)
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, NULL)";
    CONFIRM = "UPDATE authenticator SET confirmed_ms = $3
                WHERE account_id = $1 AND authenticator_id = $2 AND confirmed_ms IS NULL";
    LEARN = "UPDATE authenticator SET last_step = $3, drift = $4
              WHERE account_id = $1 AND authenticator_id = $2 AND last_step < $3";
    REMOVE = "DELETE FROM authenticator WHERE account_id = $1 AND authenticator_id = $2";
}

/// What the owner knows a method by.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct About {
    /// The owner's name for it.
    pub label: Option<String>,
    /// What it lives on ("iPhone", "mother"): equal names mean one thing.
    pub lives_on: Option<String>,
}

/// What a method works by.
pub enum Means {
    /// A phone number that takes SMS.
    Phone {
        /// The number.
        number: PhoneNumber,
        /// Its keyed hash.
        key: [u8; 32],
    },
    /// An authenticator app.
    App {
        /// The shared secret.
        seed: Seed,
        /// What its codes so far have taught of it.
        learnt: Learnt,
    },
}

/// A method of an account, opened.
pub struct Authenticator {
    /// What the rules need of it.
    pub method: Method,
    /// What it works by.
    pub means: Means,
    /// What the owner knows it by.
    pub about: About,
    /// When it was added.
    pub created_at: Timestamp,
    /// When its owner showed that it works.
    pub confirmed_at: Option<Timestamp>,
}

impl Authenticator {
    /// Its phone number, if it is a phone.
    pub fn phone(&self) -> Option<&PhoneNumber> {
        match &self.means {
            Means::Phone { number, .. } => Some(number),
            Means::App { .. } => None,
        }
    }

    /// Whether it is the phone number of this keyed hash.
    pub fn has_phone_key(&self, wanted: &[u8; 32]) -> bool {
        matches!(&self.means, Means::Phone { key, .. } if verify_slices_are_equal(key, wanted).is_ok())
    }

    fn read(account: &Account, row: &Row) -> Result<Self, StoreError> {
        let id: AuthenticatorId = row.id(0)?;
        let kind =
            Kind::from_stored(row.int(1)?).ok_or_else(|| StoreError::corrupt("authenticator.kind", "unknown"))?;
        let role =
            Role::from_stored(row.int(2)?).ok_or_else(|| StoreError::corrupt("authenticator.role", "unknown"))?;
        let secret = account.sealing().open(SECRET, id.as_bytes(), row.blob(3)?)?;
        let about = account.sealing().open(ABOUT, id.as_bytes(), row.blob(5)?)?;
        let confirmed_at = row.opt_time(9)?;
        let means = match kind {
            Kind::Sms => Means::Phone { number: phone(secret.expose())?, key: row.array(4)? },
            Kind::Totp => {
                let bytes = secret.expose().as_slice().try_into();
                let seed = Seed::from_bytes(bytes.map_err(|_| StoreError::corrupt(SECRET, "no seed"))?);
                Means::App { seed, learnt: Learnt { last_step: row.int(6)?, drift: row.int(7)? } }
            }
        };
        Ok(Self {
            method: Method { id, kind, role, confirmed: confirmed_at.is_some() },
            means,
            about: serde_json::from_slice(about.expose()).map_err(|_| StoreError::corrupt(ABOUT, "not readable"))?,
            created_at: row.time(8)?,
            confirmed_at,
        })
    }
}

const SECRET: &str = "authenticator.secret";
const ABOUT: &str = "authenticator.about";

fn phone(e164: &[u8]) -> Result<PhoneNumber, StoreError> {
    std::str::from_utf8(e164)
        .ok()
        .and_then(|e164| PhoneNumber::from_e164(e164).ok())
        .ok_or_else(|| StoreError::corrupt(SECRET, "no phone number"))
}

/// All methods of an account, pending ones included, in the order of role and age.
pub async fn list(tx: &mut Tx<'_>, account: &Account) -> Result<Vec<Authenticator>, StoreError> {
    tx.rows(&LIST, &[account.id.into()]).await?.iter().map(|row| Authenticator::read(account, row)).collect()
}

/// One method of an account.
pub async fn find(
    tx: &mut Tx<'_>,
    account: &Account,
    id: AuthenticatorId,
) -> Result<Option<Authenticator>, StoreError> {
    let row = tx.optional(&FIND, &[account.id.into(), id.into()]).await?;
    row.map(|row| Authenticator::read(account, &row)).transpose()
}

/// The rules' view of some methods.
pub fn methods(authenticators: &[Authenticator]) -> Vec<Method> {
    authenticators.iter().map(|authenticator| authenticator.method).collect()
}

/// Adds a pending method.
pub async fn insert(tx: &mut Tx<'_>, account: &Account, new: &Authenticator) -> Result<(), StoreError> {
    let row = new.method.id.as_bytes();
    let (secret, phone_key, learnt) = match &new.means {
        Means::Phone { number, key } => (number.e164().as_bytes(), Some(*key), Learnt::default()),
        Means::App { seed, learnt } => (seed.as_bytes().as_slice(), None, *learnt),
    };
    let about = serde_json::to_vec(&new.about).unwrap_or_default();
    let values = [
        account.id.into(),
        new.method.id.into(),
        new.method.kind.stored().into(),
        new.method.role.stored().into(),
        account.sealing().seal(SECRET, row, secret).into(),
        phone_key.into(),
        account.sealing().seal(ABOUT, row, &about).into(),
        learnt.last_step.into(),
        learnt.drift.into(),
        new.created_at.into(),
    ];
    tx.execute(&INSERT, &values).await.map(drop)
}

/// The one gate of a confirmation: `true` for the one who made the pending method a confirmed one.
pub async fn confirm(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: AuthenticatorId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    Ok(tx.execute(&CONFIRM, &[account.into(), id.into(), now.into()]).await? == 1)
}

/// The one gate of an app's code: `true` for the first use of this time step or a later one (RFC 6238 §5.2).
pub async fn learn(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: AuthenticatorId,
    learnt: Learnt,
) -> Result<bool, StoreError> {
    Ok(tx.execute(&LEARN, &[account.into(), id.into(), learnt.last_step.into(), learnt.drift.into()]).await? == 1)
}

/// Removes a method; `false` if there is none.
pub async fn remove(tx: &mut Tx<'_>, account: AccountId, id: AuthenticatorId) -> Result<bool, StoreError> {
    Ok(tx.execute(&REMOVE, &[account.into(), id.into()]).await? == 1)
}
