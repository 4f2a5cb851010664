//! The ledger: every message with its cause, claimed before any carrier is called.

use nidan_core::alarm::RouteCounts;
use nidan_core::budget::Suppressed;
use nidan_core::id::{AccountId, ChallengeId, MessageId};
use nidan_core::language::Language;
use nidan_core::ledger::{Abandoned, Reason, Receipt, State};
use nidan_core::message::{Channel, MessageKind};
use nidan_core::route::Sample;
use nidan_core::secret::Secret;
use nidan_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::account::{self, Account};
use super::client::Client;
use super::{Row, StoreError, Tx, sql};

sql! {
    INSERT = "INSERT INTO message (account_id, message_id, challenge_id, n, kind, channel, language, destination, facts, serial,
                                   slot, state, reason, route, epoch, lease_ms, wired_ms, settled_ms, created_ms, expires_ms)
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, NULL, NULL, 1, $12, NULL, NULL, $13, $14)";
    /// State 9: suppressed. Nobody leases it.
    SUPPRESS = "INSERT INTO message (account_id, message_id, challenge_id, n, kind, channel, language, destination, facts, serial,
                                     slot, state, reason, route, epoch, lease_ms, wired_ms, settled_ms, created_ms, expires_ms)
                VALUES ($1, $2, NULL, 0, $3, $4, $5, $6, $7, 0, 0, 9, $8, NULL, 1, $9, NULL, $9, $9, $9)";
    WIRE = "UPDATE message SET wired_ms = $4, route = $5, wires = wires + 1
             WHERE account_id = $1 AND message_id = $2 AND epoch = $3 AND state = 1 AND wired_ms IS NULL
         RETURNING challenge_id, n, kind, channel, language, destination, serial, expires_ms";
    LETTER = "SELECT kind, channel, destination, expires_ms FROM message WHERE account_id = $1 AND message_id = $2 AND epoch = $3
                 AND state = 1 AND wired_ms IS NULL";
    RENEW = "UPDATE message SET lease_ms = $4 WHERE account_id = $1 AND message_id = $2 AND epoch = $3 AND state = 1";
    UNWIRE = "UPDATE message SET wired_ms = NULL, passed_by = route, route = NULL, wires = wires - 1
               WHERE account_id = $1 AND message_id = $2 AND epoch = $3 AND state = 1 AND wired_ms IS NOT NULL";
    PUT_BACK = "UPDATE message SET state = 0, lease_ms = $4, reason = $5
                 WHERE account_id = $1 AND message_id = $2 AND epoch = $3 AND state = 1 AND wired_ms IS NULL";
    NAME = "UPDATE message SET carrier_id = COALESCE(carrier_id, $3) WHERE account_id = $1 AND message_id = $2
         RETURNING state";
    RECEIVE = "UPDATE message SET receipt_ms = COALESCE(receipt_ms, $3) WHERE account_id = $1 AND message_id = $2
            RETURNING state";
    MOVE = "UPDATE message SET state = $4, reason = $5, settled_ms = $6
             WHERE account_id = $1 AND message_id = $2 AND state = $3";
    SAMPLES = "SELECT wired_ms, state, receipt_ms FROM message WHERE route = $1 AND created_ms > $2
                ORDER BY created_ms DESC LIMIT $3";
    COUNTS = "SELECT COUNT(*) AS messages, CAST(COALESCE(SUM(wires), 0) AS BIGINT) AS handed,
                     CAST(COALESCE(SUM(CASE WHEN wires > 1 THEN 1 ELSE 0 END), 0) AS BIGINT) AS twice,
                     CAST(COALESCE(SUM(CASE WHEN m.challenge_id IS NULL OR challenge.sent >= n THEN 1 ELSE 0 END), 0) AS BIGINT)
                       AS wanted
                FROM (SELECT account_id, challenge_id, n, wires FROM message WHERE route = $1 AND created_ms > $2
                       ORDER BY created_ms DESC LIMIT $3) m
           LEFT JOIN challenge ON challenge.account_id = m.account_id AND challenge.challenge_id = m.challenge_id";
    PASSED = "SELECT created_ms FROM message WHERE passed_by = $1 AND created_ms > $2 ORDER BY created_ms DESC LIMIT $3";
    SETTLE = "UPDATE message SET state = $4, reason = $5, settled_ms = $6
               WHERE account_id = $1 AND message_id = $2 AND epoch = $3 AND state = 1";
    ABANDONED = "SELECT account_id, message_id, epoch, channel, wired_ms, expires_ms, reason
                   FROM message WHERE slot = $1 AND lease_ms <= $2 AND state <= 1 ORDER BY lease_ms LIMIT 64";
    TAKE_OVER = "UPDATE message SET epoch = epoch + 1, lease_ms = $4, state = 1
                  WHERE account_id = $1 AND message_id = $2 AND epoch = $3 AND state <= 1";
    DROP_OLD = "DELETE FROM message WHERE (account_id, message_id) IN
                  (SELECT account_id, message_id FROM message WHERE created_ms < $1 LIMIT 1000)";
    NEWEST = "SELECT message_id, state, serial, kind, channel, language, reason, route FROM message
               WHERE account_id = $1 AND challenge_id = $2 ORDER BY n DESC LIMIT 1";
    CHALLENGE_OF = "SELECT challenge_id FROM message WHERE account_id = $1 AND message_id = $2";
    ROUTES = "SELECT route, state FROM message WHERE account_id = $1 AND route IS NOT NULL AND challenge_id =
                (SELECT challenge_id FROM message WHERE account_id = $1 AND message_id = $2)";
}

/// Recovery scans go slot by slot, so that several nodes do not scan the same rows.
pub const SLOTS: u8 = 16;

/// Why a message was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// A sign-up.
    SignUp,
    /// A right password.
    SignIn,
    /// Somebody asked for another message, or another way.
    Resend,
    /// The message before it certainly did not arrive; nobody asked.
    Fallback,
    /// A method is being set up.
    Setup,
    /// A sign-in that gets no message asked the mailbox.
    Release,
    /// Something about the account its owner should know.
    Notice,
}

/// What caused a message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cause {
    /// Why it was sent.
    pub kind: CauseKind,
    /// Who asked for it.
    pub client: Client,
    /// Whether the right password came first.
    pub password_right: bool,
}

/// What is sealed of a message beside its destination.
#[derive(Serialize, Deserialize)]
pub(super) struct Facts {
    #[serde(flatten)]
    pub cause: Cause,
    /// The two letters that it carries: its owner compares them for as long as it is listed.
    #[serde(default)]
    pub tag: Option<String>,
}

/// Names a message to the worker that is to send it, under the lease that it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leased {
    /// Whose it is.
    pub account: AccountId,
    /// Which one.
    pub id: MessageId,
    /// Fences a worker whose lease was taken over.
    pub epoch: i64,
    /// How it goes.
    pub channel: Channel,
}

/// A message to be claimed.
pub struct NewMessage {
    /// Its id.
    pub id: MessageId,
    /// The challenge whose code it carries; none: a notice.
    pub challenge: Option<ChallengeId>,
    /// Which message of the challenge.
    pub n: u8,
    /// What it says.
    pub kind: MessageKind,
    /// The language it says it in.
    pub language: Language,
    /// The phone number or e-mail address.
    pub destination: Secret<String>,
    /// What caused it.
    pub cause: Cause,
    /// The two letters that it carries; none: it carries no code.
    pub tag: Option<String>,
    /// Which of the account's messages of the day that carry a code; 0 for one that carries none.
    pub serial: i64,
    /// Where recovery finds it, below [`SLOTS`].
    pub slot: u8,
    /// When the lease of the node that makes it runs out.
    pub lease_until: Timestamp,
    /// When it loses its worth.
    pub expires_at: Timestamp,
}

pub(super) const DESTINATION: &str = "message.destination";
const FACTS: &str = "message.facts";

/// Claims a message, leased to this node from the start: no polling on the fast path. A second claim
/// of the same message of the same challenge is a [`StoreError::Conflict`].
pub async fn claim(tx: &mut Tx<'_>, account: &Account, new: &NewMessage, now: Timestamp) -> Result<Leased, StoreError> {
    let row = new.id.as_bytes();
    let facts = Facts { cause: new.cause.clone(), tag: new.tag.clone() };
    let facts = serde_json::to_vec(&facts).unwrap_or_default();
    let values = [
        account.id.into(),
        new.id.into(),
        new.challenge.into(),
        i64::from(new.n).into(),
        new.kind.stored().into(),
        new.kind.channel().stored().into(),
        new.language.tag().into(),
        account.sealing().seal(DESTINATION, row, new.destination.expose().as_bytes()).into(),
        account.sealing().seal(FACTS, row, &facts).into(),
        new.serial.into(),
        i64::from(new.slot).into(),
        new.lease_until.into(),
        now.into(),
        new.expires_at.into(),
    ];
    tx.execute(&INSERT, &values).await?;
    Ok(Leased { account: account.id, id: new.id, epoch: 1, channel: new.kind.channel() })
}

/// Opens what caused the message `id`.
pub(super) fn cause(account: &Account, id: MessageId, sealed: &[u8]) -> Result<Cause, StoreError> {
    Ok(facts(account, id, sealed)?.cause)
}

pub(super) fn facts(account: &Account, id: MessageId, sealed: &[u8]) -> Result<Facts, StoreError> {
    let facts = account.sealing().open(FACTS, id.as_bytes(), sealed)?;
    serde_json::from_slice(facts.expose()).map_err(|_| StoreError::corrupt(FACTS, "not readable"))
}

/// A message that is not sent.
pub struct Refused {
    /// What it would have said.
    pub kind: MessageKind,
    /// Where it would have gone.
    pub destination: Secret<String>,
    /// Who asked for it.
    pub cause: Cause,
    /// Why it is not sent.
    pub reason: Suppressed,
}

/// Writes down that a message was not sent, and why: its owner sees it.
pub async fn suppress(
    tx: &mut Tx<'_>,
    account: &Account,
    (id, refused): (MessageId, &Refused),
    now: Timestamp,
) -> Result<(), StoreError> {
    let row = id.as_bytes();
    let facts = Facts { cause: refused.cause.clone(), tag: None };
    let facts = serde_json::to_vec(&facts).unwrap_or_default();
    let values = [
        account.id.into(),
        id.into(),
        refused.kind.stored().into(),
        refused.kind.channel().stored().into(),
        account.language.tag().into(),
        account.sealing().seal(DESTINATION, row, refused.destination.expose().as_bytes()).into(),
        account.sealing().seal(FACTS, row, &facts).into(),
        refused.reason.name().into(),
        now.into(),
    ];
    tx.execute(&SUPPRESS, &values).await.map(drop)
}

/// A message on its way to a carrier.
pub struct Outgoing {
    /// The challenge whose code it carries.
    pub challenge: Option<ChallengeId>,
    /// Which message of the challenge.
    pub n: i64,
    /// What it says.
    pub kind: MessageKind,
    /// How it goes.
    pub channel: Channel,
    /// The language it says it in.
    pub language: Language,
    /// Where it goes.
    pub destination: Secret<String>,
    /// Which of the account's messages of the day.
    pub serial: i64,
    /// When it loses its worth.
    pub expires_at: Timestamp,
}

pub(super) fn kind_and_channel(row: &Row, kind: usize, place: usize) -> Result<(MessageKind, Channel), StoreError> {
    let kind = MessageKind::from_stored(row.int(kind)?);
    Ok((kind.ok_or_else(|| StoreError::corrupt("message.kind", "not of this version"))?, channel(row, place)?))
}

fn channel(row: &Row, place: usize) -> Result<Channel, StoreError> {
    let channel = Channel::from_stored(row.int(place)?);
    channel.ok_or_else(|| StoreError::corrupt("message.channel", "not of this version"))
}

pub(super) fn state(row: &Row, place: usize) -> Result<State, StoreError> {
    State::from_stored(row.int(place)?).ok_or_else(|| StoreError::corrupt("message.state", "unknown"))
}

/// What decides by which route a message goes.
pub struct Letter {
    /// What it says.
    pub kind: MessageKind,
    /// How it goes.
    pub channel: Channel,
    /// Where it goes.
    pub destination: Secret<String>,
    /// When it loses its worth.
    pub expires_at: Timestamp,
    /// The routes that failed to deliver its code before.
    pub failed_routes: Vec<String>,
}

/// Reads a message's address; `None` if it is not ours to send any more.
pub async fn letter(tx: &mut Tx<'_>, account: &Account, leased: Leased) -> Result<Option<Letter>, StoreError> {
    let row = tx.optional(&LETTER, &[leased.account.into(), leased.id.into(), leased.epoch.into()]).await?;
    let Some(row) = row else { return Ok(None) };
    let (kind, channel) = kind_and_channel(&row, 0, 1)?;
    let destination = account.sealing().open_text(DESTINATION, leased.id.as_bytes(), row.blob(2)?)?;
    let failed_routes = failed_routes(tx, leased.account, leased.id).await?;
    Ok(Some(Letter { kind, channel, destination, expires_at: row.time(3)?, failed_routes }))
}

/// Keeps a message for its worker until `lease_until`; `false` if another has it.
pub async fn renew(tx: &mut Tx<'_>, leased: Leased, lease_until: Timestamp) -> Result<bool, StoreError> {
    let values = [leased.account.into(), leased.id.into(), leased.epoch.into(), lease_until.into()];
    Ok(tx.execute(&RENEW, &values).await? == 1)
}

/// The route certainly did not take it: another may be wired. `false` if another worker has decided meanwhile.
pub async fn unwire(tx: &mut Tx<'_>, leased: Leased) -> Result<bool, StoreError> {
    let values = [leased.account.into(), leased.id.into(), leased.epoch.into()];
    Ok(tx.execute(&UNWIRE, &values).await? == 1)
}

/// Has a message that was not wired wait until `retry_at`; `false` if another worker has it.
pub async fn put_back(
    tx: &mut Tx<'_>,
    leased: Leased,
    retry_at: Timestamp,
    reason: Option<Reason>,
) -> Result<bool, StoreError> {
    let reason = reason.map(Reason::name);
    let values = [leased.account.into(), leased.id.into(), leased.epoch.into(), retry_at.into(), reason.into()];
    Ok(tx.execute(&PUT_BACK, &values).await? == 1)
}

/// A message that moved from one state to another.
pub type Moved = Option<State>;

/// The carrier took it, and calls it `carrier_id`: the state it is in by that, if that is news. The row is locked by the
/// first statement, so that a receipt at the same moment waits.
pub async fn accept(
    tx: &mut Tx<'_>,
    (account, id): (AccountId, MessageId),
    carrier_id: Option<&str>,
    now: Timestamp,
) -> Result<Moved, StoreError> {
    let row = tx.optional(&NAME, &[account.into(), id.into(), carrier_id.into()]).await?;
    let Some(row) = row else { return Ok(None) };
    let from = state(&row, 0)?;
    move_to(tx, (account, id), (from, from.after_acceptance()), (None, now)).await
}

/// A receipt came for it: the state it is in by that, if that is news.
pub async fn receive(
    tx: &mut Tx<'_>,
    (account, id): (AccountId, MessageId),
    receipt: Receipt,
    now: Timestamp,
) -> Result<Moved, StoreError> {
    if receipt == Receipt::EnRoute {
        return Ok(None);
    }
    let Some(row) = tx.optional(&RECEIVE, &[account.into(), id.into(), now.into()]).await? else { return Ok(None) };
    let from = state(&row, 0)?;
    let reason = (receipt != Receipt::Delivered).then_some(Reason::Receipt);
    move_to(tx, (account, id), (from, from.after_receipt(receipt)), (reason, now)).await
}

async fn move_to(
    tx: &mut Tx<'_>,
    (account, id): (AccountId, MessageId),
    (from, to): (State, Option<State>),
    (reason, now): (Option<Reason>, Timestamp),
) -> Result<Moved, StoreError> {
    let Some(to) = to else { return Ok(None) };
    let reason = reason.map(Reason::name);
    let values = [account.into(), id.into(), from.stored().into(), to.stored().into(), reason.into(), now.into()];
    Ok((tx.execute(&MOVE, &values).await? == 1).then_some(to))
}

/// The newest messages that `route` was given since `since`, at most `limit` that it has and as many that it did not take.
pub async fn samples(tx: &mut Tx<'_>, route: &str, since: Timestamp, limit: i64) -> Result<Vec<Sample>, StoreError> {
    let values = [route.into(), since.into(), limit.into()];
    let mut samples = Vec::new();
    for row in tx.rows(&SAMPLES, &values).await? {
        let Some(wired_at) = row.opt_time(0)? else { continue };
        let receipt_after = row.opt_time(2)?.map(|received_at| received_at.since(wired_at));
        samples.push(Sample { wired_at, state: state(&row, 1)?, receipt_after });
    }
    for row in tx.rows(&PASSED, &values).await? {
        samples.push(Sample { wired_at: row.time(0)?, state: State::Queued, receipt_after: None });
    }
    Ok(samples)
}

/// What `route` was given since `since`, of its newest `limit` messages.
pub async fn counts(tx: &mut Tx<'_>, route: &str, since: Timestamp, limit: i64) -> Result<RouteCounts, StoreError> {
    let row = tx.one(&COUNTS, &[route.into(), since.into(), limit.into()]).await?;
    let count = |place| u64::try_from(row.int(place)?).map_err(|_| StoreError::corrupt("message.wires", "no count"));
    Ok(RouteCounts { messages: count(0)?, handed: count(1)?, twice: count(2)?, wanted: count(3)?, surplus: 0 })
}

/// Marks, durably and before the first byte goes out, that `route` is written to. `None`: the lease was lost, or somebody
/// has begun already; then it must not be sent.
pub async fn wire(
    tx: &mut Tx<'_>,
    account: &Account,
    leased: Leased,
    route: &str,
    now: Timestamp,
) -> Result<Option<Outgoing>, StoreError> {
    let values = [leased.account.into(), leased.id.into(), leased.epoch.into(), now.into(), route.into()];
    let Some(row) = tx.optional(&WIRE, &values).await? else { return Ok(None) };
    let (kind, channel) = kind_and_channel(&row, 2, 3)?;
    Ok(Some(Outgoing {
        challenge: row.opt_id(0)?,
        n: row.int(1)?,
        kind,
        channel,
        language: account::language(row.text(4)?)?,
        destination: account.sealing().open_text(DESTINATION, leased.id.as_bytes(), row.blob(5)?)?,
        serial: row.int(6)?,
        expires_at: row.time(7)?,
    }))
}

/// Writes down what became of it; `false` if another worker has taken it over.
pub async fn settle(
    tx: &mut Tx<'_>,
    leased: Leased,
    state: State,
    reason: Option<Reason>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let values = [
        leased.account.into(),
        leased.id.into(),
        leased.epoch.into(),
        state.stored().into(),
        reason.map(Reason::name).into(),
        now.into(),
    ];
    Ok(tx.execute(&SETTLE, &values).await? == 1)
}

/// A message that another worker left.
pub struct Left {
    /// It, under the lease that ran out.
    pub leased: Leased,
    /// What is known of it.
    pub abandoned: Abandoned,
    /// Why it waited, if it was put back.
    pub reason: Option<Reason>,
}

/// Some messages of `slot` whose lease has run out, or that are to be tried again.
pub async fn abandoned(tx: &mut Tx<'_>, slot: u8, now: Timestamp) -> Result<Vec<Left>, StoreError> {
    let rows = tx.rows(&ABANDONED, &[i64::from(slot).into(), now.into()]).await?;
    rows.iter()
        .map(|row| {
            let channel = channel(row, 3)?;
            let leased = Leased { account: row.id(0)?, id: row.id(1)?, epoch: row.int(2)?, channel };
            let abandoned = Abandoned { wired: row.opt_time(4)?.is_some(), expires_at: row.time(5)? };
            Ok(Left { leased, abandoned, reason: row.opt_text(6)?.and_then(Reason::from_name) })
        })
        .collect()
}

/// Takes a message over by compare-and-set on its epoch; `None` if somebody else was quicker.
pub async fn take_over(tx: &mut Tx<'_>, leased: Leased, lease_until: Timestamp) -> Result<Option<Leased>, StoreError> {
    let values = [leased.account.into(), leased.id.into(), leased.epoch.into(), lease_until.into()];
    let taken = tx.execute(&TAKE_OVER, &values).await? == 1;
    Ok(taken.then_some(Leased { epoch: leased.epoch + 1, ..leased }))
}

/// The newest message of a challenge.
pub struct Newest {
    /// Its id.
    pub id: MessageId,
    /// What became of it so far.
    pub state: State,
    /// Which of the account's messages of the day.
    pub serial: i64,
    /// What it says.
    pub kind: MessageKind,
    /// How it goes.
    pub channel: Channel,
    /// The language it says it in.
    pub language: Language,
    /// Why it is in its state.
    pub reason: Option<Reason>,
    /// The route that it was given to; none yet while it waits.
    pub route: Option<String>,
}

/// The newest message of a challenge.
pub async fn newest(tx: &mut Tx<'_>, account: AccountId, challenge: ChallengeId) -> Result<Option<Newest>, StoreError> {
    let row = tx.optional(&NEWEST, &[account.into(), challenge.into()]).await?;
    row.map(|row| {
        let (kind, channel) = kind_and_channel(&row, 3, 4)?;
        Ok(Newest {
            id: row.id(0)?,
            state: state(&row, 1)?,
            serial: row.int(2)?,
            kind,
            channel,
            language: account::language(row.text(5)?)?,
            reason: row.opt_text(6)?.and_then(Reason::from_name),
            route: row.opt_text(7)?.map(str::to_owned),
        })
    })
    .transpose()
}

/// Forgets up to a thousand messages from before `before`; gives how many.
pub async fn forget(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64, StoreError> {
    tx.execute(&DROP_OLD, &[before.into()]).await
}

/// The challenge whose code a message carries; none: it is a notice, or there is none such.
pub async fn challenge_of(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: MessageId,
) -> Result<Option<ChallengeId>, StoreError> {
    let row = tx.optional(&CHALLENGE_OF, &[account.into(), id.into()]).await?;
    Ok(row.map(|row| row.opt_id(0)).transpose()?.flatten())
}

/// The routes that certainly did not bring this message, or another with the same code, to where it was to go.
pub async fn failed_routes(tx: &mut Tx<'_>, account: AccountId, id: MessageId) -> Result<Vec<String>, StoreError> {
    let mut failed = Vec::new();
    for row in tx.rows(&ROUTES, &[account.into(), id.into()]).await? {
        if State::from_stored(row.int(1)?).is_some_and(State::failed) {
            failed.push(row.text(0)?.to_owned());
        }
    }
    Ok(failed)
}
