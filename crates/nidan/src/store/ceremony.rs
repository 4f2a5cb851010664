//! Ceremonies and their challenges. The statements here are the gates that make the rules of
//! [`nidan_core::ceremony`] hold for any number of parallel requests.

use nidan_core::ceremony::{Ceremony, Challenge, Holder, Purpose, Stage};
use nidan_core::code::{Digits, challenge_id};
use nidan_core::id::{AccountId, AuthenticatorId, CeremonyId, ChallengeId, DeviceId};
use nidan_core::policy::Policy;
use nidan_core::sign_in::FirstProof;
use nidan_core::time::Timestamp;
use nidan_core::token::TokenHash;

use super::account::Account;
use super::client::{self, Client};
use super::{Row, StoreError, Tx, Value, sql};

sql! {
    LOAD = "SELECT purpose, holder, first_proof, authenticator_id, device_id, stage, tries, sec_epoch, client, opened_ms,
                   expires_ms
              FROM ceremony WHERE account_id = $1 AND ceremony_id = $2";
    INSERT = "INSERT INTO ceremony (account_id, ceremony_id, purpose, holder, first_proof, authenticator_id, device_id, stage,
                                    tries, sec_epoch, client, opened_ms, expires_ms, ended_ms)
              VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, $8, $9, $10, $11, NULL)";
    CHARGE = "UPDATE ceremony SET tries = tries + 1
               WHERE account_id = $1 AND ceremony_id = $2 AND stage = 0 AND tries < $3 AND expires_ms > $4
                 AND sec_epoch = (SELECT sec_epoch FROM account WHERE account_id = $1)";
    FINISH = "UPDATE ceremony SET stage = 1, ended_ms = $3 WHERE account_id = $1 AND ceremony_id = $2 AND stage = 0";
    END = "UPDATE ceremony SET stage = 2, ended_ms = $3 WHERE account_id = $1 AND ceremony_id = $2 AND stage = 0";
    TURN_TO = "UPDATE ceremony SET authenticator_id = $3 WHERE account_id = $1 AND ceremony_id = $2 AND stage = 0";
    CHALLENGE = "SELECT key_version, digits, tag, sent, last_sent_ms, expires_ms, authenticator_id
                   FROM challenge WHERE account_id = $1 AND challenge_id = $2";
    OPEN = "INSERT INTO challenge (account_id, challenge_id, ceremony_id, authenticator_id, key_version, digits, tag, sent,
                                   last_sent_ms, created_ms, expires_ms)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)
            ON CONFLICT DO NOTHING";
    OF_CHALLENGE = "SELECT ceremony_id FROM challenge WHERE account_id = $1 AND challenge_id = $2";
    SEND_AGAIN = "UPDATE challenge SET sent = $3, last_sent_ms = $4
                   WHERE account_id = $1 AND challenge_id = $2 AND sent + 1 = $3";
    DROP_CEREMONIES = "DELETE FROM ceremony WHERE (account_id, ceremony_id) IN
                         (SELECT account_id, ceremony_id FROM ceremony WHERE expires_ms < $1 LIMIT 1000)";
    DROP_CHALLENGES = "DELETE FROM challenge WHERE (account_id, challenge_id) IN
                         (SELECT account_id, challenge_id FROM challenge WHERE expires_ms < $1 LIMIT 1000)";
}

/// A ceremony with what the flows keep beside its rules.
pub struct Open {
    /// Whose it is.
    pub account: AccountId,
    /// Which one.
    pub id: CeremonyId,
    /// What the rules need of it.
    pub ceremony: Ceremony,
    /// What was proven before.
    pub first_proof: FirstProof,
    /// The method whose code is awaited; none: the e-mail address.
    pub authenticator: Option<AuthenticatorId>,
    /// The known device that it came from.
    pub device: Option<DeviceId>,
    /// Where it came from.
    pub client: Client,
    /// When it was opened.
    pub opened_at: Timestamp,
}

const CLIENT: &str = "ceremony.client";

impl Open {
    /// The challenge whose code is awaited, if its code is one that is sent.
    pub fn challenge(&self) -> ChallengeId {
        challenge_id(self.id, self.authenticator)
    }
}

fn read(account: &Account, id: CeremonyId, row: &Row) -> Result<Open, StoreError> {
    let corrupt = |column| move || StoreError::corrupt(column, "not of this version");
    let tries = row.int(6)?.try_into().map_err(|_| corrupt("ceremony.tries")())?;
    let ceremony = Ceremony {
        purpose: Purpose::from_stored(row.int(0)?).ok_or_else(corrupt("ceremony.purpose"))?,
        holder: row.opt_array(1)?.map_or(Holder::Site, |hash| Holder::Browser(TokenHash::from_bytes(hash))),
        stage: Stage::from_stored(row.int(5)?).ok_or_else(corrupt("ceremony.stage"))?,
        tries,
        sec_epoch: row.int(7)?,
        expires_at: row.time(10)?,
    };
    Ok(Open {
        account: account.id,
        id,
        ceremony,
        first_proof: FirstProof::from_stored(row.int(2)?).ok_or_else(corrupt("ceremony.first_proof"))?,
        authenticator: row.opt_id(3)?,
        device: row.opt_id(4)?,
        client: client::open(account, CLIENT, id.as_bytes(), row.blob(8)?)?,
        opened_at: row.time(9)?,
    })
}

/// The ceremony, if there is one.
pub async fn load(tx: &mut Tx<'_>, account: &Account, id: CeremonyId) -> Result<Option<Open>, StoreError> {
    let row = tx.optional(&LOAD, &[account.id.into(), id.into()]).await?;
    row.map(|row| read(account, id, &row)).transpose()
}

/// Adds a ceremony.
pub async fn insert(tx: &mut Tx<'_>, account: &Account, open: &Open) -> Result<(), StoreError> {
    let holder = match &open.ceremony.holder {
        Holder::Browser(hash) => Value::from(hash.as_bytes()),
        Holder::Site => Value::Null,
    };
    let values = [
        open.account.into(),
        open.id.into(),
        open.ceremony.purpose.stored().into(),
        holder,
        open.first_proof.stored().into(),
        open.authenticator.into(),
        open.device.into(),
        open.ceremony.sec_epoch.into(),
        client::seal(account, CLIENT, open.id.as_bytes(), &open.client).into(),
        open.opened_at.into(),
        open.ceremony.expires_at.into(),
    ];
    tx.execute(&INSERT, &values).await.map(drop)
}

/// The one gate of a guess ([`Ceremony::charge`]): takes a try; `false` if none was to be had.
pub async fn charge(tx: &mut Tx<'_>, open: &Open, now: Timestamp, policy: &Policy) -> Result<bool, StoreError> {
    let values = [open.account.into(), open.id.into(), i64::from(policy.code_tries_max).into(), now.into()];
    Ok(tx.execute(&CHARGE, &values).await? == 1)
}

/// The one gate of success: `true` for the one who finished it.
pub async fn finish(tx: &mut Tx<'_>, open: &Open, now: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.execute(&FINISH, &[open.account.into(), open.id.into(), now.into()]).await? == 1)
}

/// Gives it up.
pub async fn end(tx: &mut Tx<'_>, account: AccountId, id: CeremonyId, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(&END, &[account.into(), id.into(), now.into()]).await.map(drop)
}

/// Awaits the code of another method from now on.
pub async fn turn_to(tx: &mut Tx<'_>, open: &Open, method: AuthenticatorId) -> Result<bool, StoreError> {
    Ok(tx.execute(&TURN_TO, &[open.account.into(), open.id.into(), method.into()]).await? == 1)
}

/// A challenge with what the flows keep beside its rules.
pub struct Sent {
    /// Which one.
    pub id: ChallengeId,
    /// The method that its code goes to; none: the e-mail address.
    pub authenticator: Option<AuthenticatorId>,
    /// What the rules need of it.
    pub challenge: Challenge,
    /// Which key its code is derived under.
    pub key_version: i64,
    /// The two letters that tell its messages from others.
    pub tag: String,
}

/// The challenge, if there is one.
pub async fn challenge(tx: &mut Tx<'_>, account: AccountId, id: ChallengeId) -> Result<Option<Sent>, StoreError> {
    let Some(row) = tx.optional(&CHALLENGE, &[account.into(), id.into()]).await? else { return Ok(None) };
    let corrupt = |column| StoreError::corrupt(column, "not of this version");
    let challenge = Challenge {
        digits: Digits::from_count(row.int(1)?).ok_or_else(|| corrupt("challenge.digits"))?,
        sent: row.int(3)?.try_into().map_err(|_| corrupt("challenge.sent"))?,
        last_sent_at: row.time(4)?,
        expires_at: row.time(5)?,
    };
    Ok(Some(Sent {
        id,
        authenticator: row.opt_id(6)?,
        challenge,
        key_version: row.int(0)?,
        tag: row.text(2)?.to_owned(),
    }))
}

/// The ceremony that a challenge belongs to, if there is such a challenge.
pub async fn of_challenge(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: ChallengeId,
) -> Result<Option<CeremonyId>, StoreError> {
    tx.optional(&OF_CHALLENGE, &[account.into(), id.into()]).await?.map(|row| row.id(0)).transpose()
}

/// Adds the challenge of the method that `open` awaits; `false` if it is there already.
pub async fn open_challenge(tx: &mut Tx<'_>, open: &Open, sent: &Sent) -> Result<bool, StoreError> {
    let values = [
        open.account.into(),
        sent.id.into(),
        open.id.into(),
        sent.authenticator.into(),
        sent.key_version.into(),
        (sent.challenge.digits.count() as i64).into(),
        sent.tag.as_str().into(),
        i64::from(sent.challenge.sent).into(),
        sent.challenge.last_sent_at.into(),
        sent.challenge.expires_at.into(),
    ];
    Ok(tx.execute(&OPEN, &values).await? == 1)
}

/// The one gate of a resend: `true` for the one who may claim the `n`-th message.
pub async fn send_again(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: ChallengeId,
    n: u8,
    now: Timestamp,
) -> Result<bool, StoreError> {
    Ok(tx.execute(&SEND_AGAIN, &[account.into(), id.into(), i64::from(n).into(), now.into()]).await? == 1)
}

/// Forgets up to a thousand challenges and as many ceremonies that expired before `before`; gives how many.
pub async fn forget(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64, StoreError> {
    let challenges = tx.execute(&DROP_CHALLENGES, &[before.into()]).await?;
    Ok(challenges + tx.execute(&DROP_CEREMONIES, &[before.into()]).await?)
}
