//! Audit events of accounts: appended with the fact, sealed, never with a secret.

use nidan_core::audit::Event;
use nidan_core::id::{AccountId, EventId};
use nidan_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::account::{Account, Sealing};
use super::client::Client;
use super::{Row, StoreError, Tx, sql};
use crate::app::App;

sql! {
    APPEND = "INSERT INTO audit (account_id, event_id, kind, facts, created_ms) VALUES ($1, $2, $3, $4, $5)";
    RECENT = "SELECT event_id, kind, facts, created_ms FROM audit
               WHERE account_id = $1 ORDER BY created_ms DESC, event_id DESC LIMIT $2";
    SUCCESSES = "SELECT event_id, kind, facts, created_ms FROM audit
                  WHERE account_id = $1 AND created_ms > $2 AND kind IN ($3, $4, $5)
                  ORDER BY created_ms DESC, event_id DESC LIMIT $6";
    FORGET_NOBODYS = "DELETE FROM audit WHERE account_id = $1 AND event_id IN
                        (SELECT event_id FROM audit WHERE account_id = $1 AND created_ms < $2 LIMIT 1000)";
}

/// What is kept with an event.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Facts {
    /// Where it came from.
    pub client: Client,
    /// What it was about, masked: a method, a device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
}

/// An event as it is kept.
pub struct Recorded {
    /// What happened.
    pub event: Event,
    /// With what.
    pub facts: Facts,
    /// When.
    pub at: Timestamp,
}

const FACTS: &str = "audit.facts";

/// Has no account, and stands where one would be wherever a name that nobody has is to cost as much as any other.
pub const NOBODY: AccountId = AccountId::from_bytes([0; 16]);

/// Appends an event.
pub async fn append(
    tx: &mut Tx<'_>,
    account: &Account,
    id: EventId,
    (event, facts): (Event, &Facts),
    now: Timestamp,
) -> Result<(), StoreError> {
    write(tx, (account.id, account.sealing()), id, (event, facts), now).await
}

/// Appends an event of [`NOBODY`], so that what leaves a trace with an account leaves one without. Nobody can read what it
/// says, and [`forget_nobodys`] takes it away.
pub async fn append_for_nobody(
    tx: &mut Tx<'_>,
    app: &App,
    id: EventId,
    (event, facts): (Event, &Facts),
    now: Timestamp,
) -> Result<(), StoreError> {
    write(tx, (NOBODY, &Sealing::kept_nowhere(app, NOBODY)), id, (event, facts), now).await
}

async fn write(
    tx: &mut Tx<'_>,
    (account, sealing): (AccountId, &Sealing),
    id: EventId,
    (event, facts): (Event, &Facts),
    now: Timestamp,
) -> Result<(), StoreError> {
    let sealed = sealing.seal(FACTS, id.as_bytes(), &serde_json::to_vec(facts).unwrap_or_default());
    tx.execute(&APPEND, &[account.into(), id.into(), event.name().into(), sealed.into(), now.into()]).await.map(drop)
}

/// Forgets up to a thousand events of [`NOBODY`] from before `before`; gives how many.
pub async fn forget_nobodys(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64, StoreError> {
    tx.execute(&FORGET_NOBODYS, &[NOBODY.into(), before.into()]).await
}

/// The newest events of an account, newest first.
pub async fn recent(tx: &mut Tx<'_>, account: &Account, limit: u8) -> Result<Vec<Recorded>, StoreError> {
    let rows = tx.rows(&RECENT, &[account.id.into(), i64::from(limit).into()]).await?;
    rows.iter().map(|row| read(account, row)).collect()
}

/// When somebody got in, or proved a method, since `since`: at most `limit`, newest first.
pub async fn successes(
    tx: &mut Tx<'_>,
    account: &Account,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<Recorded>, StoreError> {
    let kinds = [Event::SignedIn, Event::SetupEntered, Event::MethodConfirmed].map(|event| event.name().into());
    let [signed_in, entered, confirmed] = kinds;
    let values = [account.id.into(), since.into(), signed_in, entered, confirmed, limit.into()];
    tx.rows(&SUCCESSES, &values).await?.iter().map(|row| read(account, row)).collect()
}

fn read(account: &Account, row: &Row) -> Result<Recorded, StoreError> {
    let id: EventId = row.id(0)?;
    let event = Event::from_name(row.text(1)?).ok_or_else(|| StoreError::corrupt("audit.kind", "unknown"))?;
    let facts = account.sealing().open(FACTS, id.as_bytes(), row.blob(2)?)?;
    let facts = serde_json::from_slice(facts.expose()).map_err(|_| StoreError::corrupt(FACTS, "not readable"))?;
    Ok(Recorded { event, facts, at: row.time(3)? })
}
