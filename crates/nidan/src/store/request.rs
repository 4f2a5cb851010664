//! What was asked for, granted or not: opened sign-ins, presses of "send again", and what a rule refused. What the card
//! about a flood is made of, kept as long as messages.

use std::collections::BTreeSet;

use nidan_core::budget::Suppressed;
use nidan_core::ceremony::{Purpose, Stage};
use nidan_core::client_network::ClientNetwork;
use nidan_core::id::{AccountId, ApiKeyId, CeremonyId, DeviceId, EventId};
use nidan_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::client::Client;
use super::{Row, StoreError, Tx, sql};
use crate::app::App;
use crate::keys::Lookup;

sql! {
    APPEND = "INSERT INTO request (account_id, request_id, ceremony_id, press, network, facts, refused, completed_ms, created_ms)
              VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, $8)";
    /// A ceremony is kept for some days only, requests for longer.
    LIST = "SELECT r.request_id, r.ceremony_id, r.press, r.network, r.facts, r.refused, r.completed_ms, r.created_ms,
                   c.stage, c.tries, c.expires_ms, c.purpose,
                   (SELECT MAX(h.expires_ms) FROM challenge h
                     WHERE h.account_id = r.account_id AND h.ceremony_id = r.ceremony_id) AS code_expires_ms
              FROM request r
              LEFT JOIN ceremony c ON c.account_id = r.account_id AND c.ceremony_id = r.ceremony_id
             WHERE r.account_id = $1 AND r.created_ms > $2 ORDER BY r.created_ms, r.request_id";
    REFUSALS = "SELECT request_id, press, facts, refused, created_ms FROM request
                 WHERE account_id = $1 AND created_ms > $2 AND created_ms < $3 AND refused IS NOT NULL
                 ORDER BY created_ms DESC, request_id DESC LIMIT $4";
    KNOWN_DEVICES = "SELECT request_id, facts, completed_ms FROM request
                      WHERE account_id = $1 AND created_ms > $2 AND completed_ms IS NOT NULL";
    NEWEST_REFUSED = "SELECT request_id, facts, refused, created_ms FROM request WHERE account_id = $1 AND ceremony_id = $2
                       ORDER BY created_ms DESC, request_id DESC LIMIT 1";
    PRESSES = "SELECT COUNT(*) AS presses, MAX(created_ms) AS newest FROM request WHERE account_id = $1 AND ceremony_id = $2 AND press = 1";
    COMPLETED = "UPDATE request SET completed_ms = $3 WHERE account_id = $1 AND ceremony_id = $2 AND completed_ms IS NULL";
    DROP_OLD = "DELETE FROM request WHERE (account_id, request_id) IN
                  (SELECT account_id, request_id FROM request WHERE created_ms < $1 LIMIT 1000)";
}

const FACTS: &str = "request.facts";

/// Something that was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The sign-in that it opened or belongs to; none: it was refused before there was one.
    pub ceremony: Option<CeremonyId>,
    /// Whether another message was asked for; otherwise a sign-in.
    pub press: bool,
    /// Why nothing was sent, if nothing was.
    pub refused: Option<Suppressed>,
    /// When asking again may be of use, where the rule that refused knows it.
    pub until: Option<Timestamp>,
    /// Who asked.
    pub by: Asker,
}

/// Who asked.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Asker {
    /// Network address and program.
    pub client: Client,
    /// Whether the right password came along.
    pub password_right: bool,
    /// The device whose token came along.
    pub device: Option<DeviceId>,
    /// Whether that device had completed the second step before, and still stood.
    pub device_known: bool,
    /// The site's key through which it was asked.
    pub api_key: Option<ApiKeyId>,
}

/// Who asked, and until when that is refused, as it is sealed.
#[derive(Serialize, Deserialize)]
struct Facts {
    client: Client,
    password_right: bool,
    device: Option<[u8; 16]>,
    device_known: bool,
    api_key: Option<[u8; 16]>,
    #[serde(default)]
    until_ms: Option<i64>,
}

impl From<&Request> for Facts {
    fn from(request: &Request) -> Self {
        let asker = &request.by;
        Self {
            client: asker.client.clone(),
            password_right: asker.password_right,
            device: asker.device.map(|id| *id.as_bytes()),
            device_known: asker.device_known,
            api_key: asker.api_key.map(|id| *id.as_bytes()),
            until_ms: request.until.map(Timestamp::ms),
        }
    }
}

impl From<Facts> for Asker {
    fn from(facts: Facts) -> Self {
        Self {
            client: facts.client,
            password_right: facts.password_right,
            device: facts.device.map(DeviceId::from_bytes),
            device_known: facts.device_known,
            api_key: facts.api_key.map(ApiKeyId::from_bytes),
        }
    }
}

/// A network in place of its addresses: the same for the same network of the same installation, and no way back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NetworkKey([u8; 32]);

impl NetworkKey {
    /// Of the network that a client's address lies in; none if the address is not known.
    pub fn of(app: &App, client: &Client) -> Option<Self> {
        let address = client.address.as_ref()?.parse().ok()?;
        Some(Self(app.keys.lookup(Lookup::Network, ClientNetwork::of(address).source().as_bytes())))
    }
}

/// A request as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// Its id.
    pub id: EventId,
    /// What was asked for.
    pub request: Request,
    /// The client's network, if it was known.
    pub network: Option<NetworkKey>,
    /// When its sign-in was completed.
    pub completed_at: Option<Timestamp>,
    /// When it was asked.
    pub at: Timestamp,
    /// Codes evaluated in its sign-in, while that is kept.
    pub tries: u8,
    /// Until when a code of its sign-in counts; none: no longer, or there never was one.
    pub open_until: Option<Timestamp>,
    /// Whether it was asked for to sign in, not to set something up.
    pub signs_in: bool,
}

/// Writes down that something was asked for.
pub async fn append(
    tx: &mut Tx<'_>,
    app: &App,
    account: &Account,
    request: &Request,
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = app.new_event_id(now);
    let facts = serde_json::to_vec(&Facts::from(request)).unwrap_or_default();
    let values = [
        account.id.into(),
        id.into(),
        request.ceremony.into(),
        request.press.into(),
        NetworkKey::of(app, &request.by.client).map(|key| key.0).into(),
        account.sealing().seal(FACTS, id.as_bytes(), &facts).into(),
        request.refused.map(Suppressed::name).into(),
        now.into(),
    ];
    tx.execute(&APPEND, &values).await.map(drop)
}

fn facts(account: &Account, id: EventId, sealed: &[u8]) -> Result<Facts, StoreError> {
    let facts = account.sealing().open(FACTS, id.as_bytes(), sealed)?;
    serde_json::from_slice(facts.expose()).map_err(|_| StoreError::corrupt(FACTS, "not readable"))
}

fn read(account: &Account, row: &Row) -> Result<Kept, StoreError> {
    let id = row.id(0)?;
    let refused = row.opt_text(5)?.map(suppressed);
    let facts = facts(account, id, row.blob(4)?)?;
    let request = Request {
        ceremony: row.opt_id(1)?,
        press: row.flag(2)?,
        refused: refused.transpose()?,
        until: facts.until_ms.map(Timestamp::from_ms),
        by: facts.into(),
    };
    let signs_in = match row.opt_int(11)? {
        Some(purpose) => Purpose::from_stored(purpose) == Some(Purpose::SignIn),
        None => !request.refused.is_some_and(Suppressed::is_of_setup),
    };
    let is_open = row.opt_int(8)?.and_then(Stage::from_stored) == Some(Stage::Open);
    // A sign-in by the app has no code that is sent.
    let code_until = row.opt_time(12)?.or(row.opt_time(10)?);
    Ok(Kept {
        id,
        request,
        network: row.opt_array(3)?.map(NetworkKey),
        completed_at: row.opt_time(6)?,
        at: row.time(7)?,
        tries: u8::try_from(row.opt_int(9)?.unwrap_or(0)).unwrap_or(u8::MAX),
        open_until: code_until.filter(|_| is_open),
        signs_in,
    })
}

/// What was asked for since `since`, in order of time.
pub async fn list(tx: &mut Tx<'_>, account: &Account, since: Timestamp) -> Result<Vec<Kept>, StoreError> {
    tx.rows(&LIST, &[account.id.into(), since.into()]).await?.iter().map(|row| read(account, row)).collect()
}

fn suppressed(name: &str) -> Result<Suppressed, StoreError> {
    Suppressed::from_name(name).ok_or_else(|| StoreError::corrupt("request.refused", "not of this version"))
}

/// Something that was refused, as its owner sees it in the ledger.
pub struct Refusal {
    /// Its id.
    pub id: EventId,
    /// Whether another message was asked for; otherwise a sign-in.
    pub press: bool,
    /// Who asked.
    pub by: Asker,
    /// Why it was refused.
    pub reason: Suppressed,
    /// When it was asked.
    pub at: Timestamp,
}

/// What was refused after `since` and before `before`, at most `limit`, newest first.
pub async fn refusals(
    tx: &mut Tx<'_>,
    account: &Account,
    (since, before): (Timestamp, Timestamp),
    limit: i64,
) -> Result<Vec<Refusal>, StoreError> {
    let rows = tx.rows(&REFUSALS, &[account.id.into(), since.into(), before.into(), limit.into()]).await?;
    let refusal = |row: &Row| {
        let id = row.id(0)?;
        let by = facts(account, id, row.blob(2)?)?.into();
        Ok(Refusal { id, press: row.flag(1)?, by, reason: suppressed(row.text(3)?)?, at: row.time(4)? })
    };
    rows.iter().map(refusal).collect()
}

/// What was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TurnedDown {
    /// Why.
    pub reason: Suppressed,
    /// When.
    pub at: Timestamp,
    /// When asking again may be of use, where the rule knows it.
    pub until: Option<Timestamp>,
}

/// What was asked last of a sign-in, if it was refused.
pub async fn newest_refused(
    tx: &mut Tx<'_>,
    account: &Account,
    ceremony: CeremonyId,
) -> Result<Option<TurnedDown>, StoreError> {
    let Some(row) = tx.optional(&NEWEST_REFUSED, &[account.id.into(), ceremony.into()]).await? else { return Ok(None) };
    let Some(reason) = row.opt_text(2)?.map(suppressed).transpose()? else { return Ok(None) };
    let until = facts(account, row.id(0)?, row.blob(1)?)?.until_ms.map(Timestamp::from_ms);
    Ok(Some(TurnedDown { reason, at: row.time(3)?, until }))
}

/// How often another message was asked for in a sign-in, granted or not, and when last.
pub async fn presses(
    tx: &mut Tx<'_>,
    account: AccountId,
    ceremony: CeremonyId,
) -> Result<(i64, Option<Timestamp>), StoreError> {
    let row = tx.one(&PRESSES, &[account.into(), ceremony.into()]).await?;
    Ok((row.int(0)?, row.opt_time(1)?))
}

/// When sign-ins that were begun since `since` were completed on devices that had completed the second step before.
pub async fn on_known_devices(
    tx: &mut Tx<'_>,
    account: &Account,
    since: Timestamp,
) -> Result<BTreeSet<Timestamp>, StoreError> {
    let mut completed = BTreeSet::new();
    for row in tx.rows(&KNOWN_DEVICES, &[account.id.into(), since.into()]).await? {
        if facts(account, row.id(0)?, row.blob(1)?)?.device_known {
            completed.insert(row.time(2)?);
        }
    }
    Ok(completed)
}

/// The sign-in was completed.
pub async fn completed(
    tx: &mut Tx<'_>,
    account: AccountId,
    ceremony: CeremonyId,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(&COMPLETED, &[account.into(), ceremony.into(), now.into()]).await.map(drop)
}

/// Forgets up to a thousand requests from before `before`; gives how many.
pub async fn forget(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64, StoreError> {
    tx.execute(&DROP_OLD, &[before.into()]).await
}
