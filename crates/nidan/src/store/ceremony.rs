//! Ceremonies and their challenges. The statements here are the gates that make the rules of
//! [`nidan_core::ceremony`] hold for any number of parallel requests.

use nidan_core::ceremony::{Ceremony, Challenge, Holder, Purpose, Stage};
use nidan_core::code::{Digits, challenge_id};
use nidan_core::id::{AccountId, AuthenticatorId, CeremonyId, ChallengeId, DeviceId};
use nidan_core::lane::Lane;
use nidan_core::ledger::State;
use nidan_core::password_known::{Arrived, SignIn};
use nidan_core::policy::Policy;
use nidan_core::sign_in::FirstProof;
use nidan_core::time::Timestamp;
use nidan_core::token::TokenHash;

use super::account::Account;
use super::client::{self, Client};
use super::{Row, StoreError, Tx, Value, sql};
use crate::app::App;
use crate::flow::budget::Admitted;

sql! {
    LOAD = "SELECT purpose, holder, first_proof, authenticator_id, device_id, stage, tries, sec_epoch, client, opened_ms,
                   expires_ms, lane, charged, released_ms
              FROM ceremony WHERE account_id = $1 AND ceremony_id = $2";
    INSERT = "INSERT INTO ceremony (account_id, ceremony_id, purpose, holder, first_proof, authenticator_id, device_id, stage,
                                    tries, sec_epoch, client, opened_ms, expires_ms, ended_ms, lane)
              VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, $8, $9, $10, $11, NULL, $12)";
    CHARGE = "UPDATE ceremony SET tries = tries + 1
               WHERE account_id = $1 AND ceremony_id = $2 AND stage = 0 AND tries < $3 AND expires_ms > $4
                 AND sec_epoch = (SELECT sec_epoch FROM account WHERE account_id = $1)";
    SET_CHARGED = "UPDATE ceremony SET charged = $3 WHERE account_id = $1 AND ceremony_id = $2";
    FORGET_DEVICE = "UPDATE ceremony SET device_id = NULL, lane = 2, charged = 0 WHERE account_id = $1 AND ceremony_id = $2";
    RELEASE = "UPDATE ceremony SET released_ms = $3
                WHERE account_id = $1 AND ceremony_id = $2 AND stage = 0 AND released_ms IS NULL";
    FINISH = "UPDATE ceremony SET stage = 1, ended_ms = $3 WHERE account_id = $1 AND ceremony_id = $2 AND stage = 0";
    END = "UPDATE ceremony SET stage = 2, ended_ms = $3 WHERE account_id = $1 AND ceremony_id = $2 AND stage = 0";
    /// Lane 2 is U.
    END_UNKNOWN = "UPDATE ceremony SET stage = 2, ended_ms = $2 WHERE account_id = $1 AND lane = 2 AND stage = 0";
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
    BUDGETS = "SELECT budgets FROM challenge WHERE account_id = $1 AND challenge_id = $2";
    KEEP_BUDGETS = "UPDATE challenge SET budgets = $3 WHERE account_id = $1 AND challenge_id = $2";
    BUDGETS_OF = "SELECT budgets FROM challenge WHERE account_id = $1 AND ceremony_id = $2 AND budgets IS NOT NULL";
    CLEAR_BUDGETS = "UPDATE challenge SET budgets = NULL
                      WHERE account_id = $1 AND ceremony_id = $2 AND budgets IS NOT NULL";
    /// Lane 2 is U, kind 1 a code to sign in with, state 9 a message that was suppressed.
    PASSWORD_ONLY = "SELECT c.ceremony_id, c.opened_ms, c.stage, c.tries, h.expires_ms, m.state, m.route
                       FROM ceremony c
                       JOIN challenge h ON h.account_id = c.account_id AND h.ceremony_id = c.ceremony_id
                       JOIN message m ON m.account_id = h.account_id AND m.challenge_id = h.challenge_id
                      WHERE c.account_id = $1 AND c.lane = 2 AND c.opened_ms > $2 AND m.kind = 1 AND m.state <> 9
                      ORDER BY c.opened_ms, c.ceremony_id";
    /// Lane 2 is U, purpose 1 a sign-in.
    LEFT = "SELECT c.account_id, c.ceremony_id, h.expires_ms FROM challenge h
              JOIN ceremony c ON c.account_id = h.account_id AND c.ceremony_id = h.ceremony_id
             WHERE h.expires_ms > $1 AND h.expires_ms <= $2 AND h.authenticator_id IS NOT NULL
               AND c.lane = 2 AND c.purpose = 1 AND c.stage = 0
             ORDER BY h.expires_ms LIMIT 500";
    FAILED = "SELECT CAST(1 AS BIGINT) AS found FROM ceremony WHERE account_id = $1 AND lane = 2 AND opened_ms > $2 AND opened_ms <= $4
                 AND charged > 0 AND stage <> 1 AND ceremony_id <> $3 LIMIT 1";
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
    /// By what was proven, whose budgets its messages are charged to.
    pub lane: Lane,
    /// Guesses charged by it so far, that its success gives back.
    pub charged: u8,
    /// When a secret from the mailbox freed it.
    pub released_at: Option<Timestamp>,
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
    let charged = row.int(12)?.try_into().map_err(|_| corrupt("ceremony.charged")())?;
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
        lane: Lane::from_stored(row.int(11)?).ok_or_else(corrupt("ceremony.lane"))?,
        charged,
        released_at: row.opt_time(13)?,
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
        open.lane.stored().into(),
    ];
    tx.execute(&INSERT, &values).await.map(drop)
}

/// The one gate of a guess ([`Ceremony::charge`]): takes a try; `false` if none was to be had.
pub async fn charge(tx: &mut Tx<'_>, open: &Open, now: Timestamp, policy: &Policy) -> Result<bool, StoreError> {
    let values = [open.account.into(), open.id.into(), i64::from(policy.code_tries_max).into(), now.into()];
    Ok(tx.execute(&CHARGE, &values).await? == 1)
}

/// Notes how many guesses a success of `open` gives back.
pub async fn save_charged(tx: &mut Tx<'_>, open: &Open) -> Result<(), StoreError> {
    let values = [open.account.into(), open.id.into(), i64::from(open.charged).into()];
    tx.execute(&SET_CHARGED, &values).await.map(drop)
}

/// The device that it came from is none any more: from here on it is as if from an unknown one, and what the device was
/// charged is not the account's.
pub async fn forget_device(tx: &mut Tx<'_>, open: &mut Open) -> Result<(), StoreError> {
    (open.device, open.lane, open.charged) = (None, Lane::U, 0);
    tx.execute(&FORGET_DEVICE, &[open.account.into(), open.id.into()]).await.map(drop)
}

/// The one gate of a release: `true` for the one whose secret freed it.
pub async fn release(tx: &mut Tx<'_>, open: &Open, now: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.execute(&RELEASE, &[open.account.into(), open.id.into(), now.into()]).await? == 1)
}

/// The one gate of success: `true` for the one who finished it.
pub async fn finish(tx: &mut Tx<'_>, open: &Open, now: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.execute(&FINISH, &[open.account.into(), open.id.into(), now.into()]).await? == 1)
}

/// Gives it up.
pub async fn end(tx: &mut Tx<'_>, account: AccountId, id: CeremonyId, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(&END, &[account.into(), id.into(), now.into()]).await.map(drop)
}

/// Ends every sign-in on an unknown device that is under way.
pub async fn end_unknown(tx: &mut Tx<'_>, account: AccountId, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(&END_UNKNOWN, &[account.into(), now.into()]).await.map(drop)
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

/// Keeps what was taken for one more message of a challenge, to be completed with it.
pub async fn keep_budgets(
    tx: &mut Tx<'_>,
    account: AccountId,
    challenge: ChallengeId,
    admitted: &Admitted,
) -> Result<(), StoreError> {
    let Some(row) = tx.optional(&BUDGETS, &[account.into(), challenge.into()]).await? else {
        return Err(StoreError::corrupt("challenge.budgets", "no challenge to keep them with"));
    };
    let stored = [row.opt_blob(0)?.unwrap_or_default(), &admitted.to_stored()].concat();
    let stored = (!stored.is_empty()).then_some(stored);
    tx.execute(&KEEP_BUDGETS, &[account.into(), challenge.into(), stored.into()]).await.map(drop)
}

/// What was taken for the messages of a ceremony, whichever method they were for. They are forgotten here, so that whoever
/// finishes the ceremony completes them once; crashing before that leaves too much counted, never too little.
pub async fn take_budgets(tx: &mut Tx<'_>, open: &Open) -> Result<Admitted, StoreError> {
    let rows = tx.rows(&BUDGETS_OF, &[open.account.into(), open.id.into()]).await?;
    if rows.is_empty() {
        return Ok(Admitted::default());
    }
    tx.execute(&CLEAR_BUDGETS, &[open.account.into(), open.id.into()]).await?;
    let stored = rows.iter().map(|row| row.blob(0)).collect::<Result<Vec<_>, _>>()?.concat();
    Admitted::from_stored(&stored).ok_or_else(|| StoreError::corrupt("challenge.budgets", "not readable"))
}

/// The sign-ins with the password alone on unknown devices since `since`, for which a code was sent: what tells whether
/// somebody else has the password. `route_tells`: whether the carrier of a route tells of arrivals.
pub async fn password_only(
    tx: &mut Tx<'_>,
    app: &App,
    (account, route_tells): (AccountId, impl Fn(&str) -> bool),
    since: Timestamp,
) -> Result<Vec<SignIn>, StoreError> {
    let (now, tries_max) = (app.clock.now(), i64::from(app.policy.code_tries_max));
    let mut sign_ins: Vec<(CeremonyId, SignIn)> = Vec::new();
    for row in tx.rows(&PASSWORD_ONLY, &[account.into(), since.into()]).await? {
        let (id, stage) = (row.id(0)?, Stage::from_stored(row.int(2)?));
        let stage = stage.ok_or_else(|| StoreError::corrupt("ceremony.stage", "not of this version"))?;
        let state = State::from_stored(row.int(5)?);
        let state = state.ok_or_else(|| StoreError::corrupt("message.state", "not of this version"))?;
        // A message that no route was given yet has not arrived by any.
        let arrived = Arrived::of(state, row.opt_text(6)?.is_none_or(&route_tells));
        let alive = stage == Stage::Open && row.int(3)? < tries_max && now < row.time(4)?;
        match sign_ins.last_mut() {
            Some((same, sign_in)) if *same == id => {
                sign_in.alive |= alive;
                sign_in.arrived = Arrived::any([sign_in.arrived, arrived]);
            }
            _ => {
                let (opened_at, completed) = (row.time(1)?, stage == Stage::Finished);
                sign_ins.push((id, SignIn { opened_at, completed, alive, arrived }));
            }
        }
    }
    Ok(sign_ins.into_iter().map(|(_, sign_in)| sign_in).collect())
}

/// A sign-in from an unknown device whose code died, and nobody typed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Left {
    /// Whose.
    pub account: AccountId,
    /// Which one.
    pub ceremony: CeremonyId,
    /// When its code died.
    pub died_at: Timestamp,
}

/// So many are read at once.
pub const LEFT_MAX: usize = 500;

/// Those whose code died after `after` and not later than `now`, the first [`LEFT_MAX`].
pub async fn left(tx: &mut Tx<'_>, after: Timestamp, now: Timestamp) -> Result<Vec<Left>, StoreError> {
    let rows = tx.rows(&LEFT, &[after.into(), now.into()]).await?;
    rows.iter().map(|row| Ok(Left { account: row.id(0)?, ceremony: row.id(1)?, died_at: row.time(2)? })).collect()
}

/// Whether unknown devices typed wrong codes in other sign-ins than `open` since `since`, none of which succeeded.
pub async fn others_failed(tx: &mut Tx<'_>, open: &Open, since: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
    let values = [open.account.into(), since.into(), open.id.into(), now.into()];
    Ok(tx.optional(&FAILED, &values).await?.is_some())
}

/// Forgets up to a thousand challenges and as many ceremonies that expired before `before`; gives how many.
pub async fn forget(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64, StoreError> {
    let challenges = tx.execute(&DROP_CHALLENGES, &[before.into()]).await?;
    Ok(challenges + tx.execute(&DROP_CEREMONIES, &[before.into()]).await?)
}
