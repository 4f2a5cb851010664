//! What was stopped by itself, until an operator has it go on; kept afterwards, so that it can be told when it was.

use nidan_core::alarm::{Kind, Stop, Why};
use nidan_core::time::Timestamp;

use super::{Row, StoreError, Tx, sql};

sql! {
    STOP = "INSERT INTO stop (kind, name, why, counted, should_be, stopped_ms, resumed_ms) VALUES ($1, $2, $3, $4, $5, $6, NULL)
            ON CONFLICT DO NOTHING";
    OPEN = "SELECT kind, name, why, counted, should_be, stopped_ms FROM stop WHERE resumed_ms IS NULL ORDER BY kind, name";
    FIND = "SELECT kind, name, why, counted, should_be, stopped_ms FROM stop
             WHERE kind = $1 AND name = $2 AND resumed_ms IS NULL";
    RESUME = "UPDATE stop SET resumed_ms = $3 WHERE kind = $1 AND name = $2 AND resumed_ms IS NULL";
    RESUMED = "SELECT MAX(resumed_ms) AS resumed_ms FROM stop WHERE kind = $1 AND name = $2";
}

/// Something that is stopped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stopped {
    /// What it is.
    pub kind: Kind,
    /// The route's name, or the API key's id.
    pub name: String,
    /// Why, with the numbers.
    pub stop: Stop,
    /// Since when.
    pub at: Timestamp,
}

fn read(row: &Row) -> Result<Stopped, StoreError> {
    let count = |place| u64::try_from(row.int(place)?).map_err(|_| StoreError::corrupt("stop.counted", "no count"));
    let kind = Kind::from_name(row.text(0)?).ok_or_else(|| StoreError::corrupt("stop.kind", "not of this version"))?;
    let why = Why::from_name(row.text(2)?).ok_or_else(|| StoreError::corrupt("stop.why", "not of this version"))?;
    let stop = Stop { why, counted: count(3)?, of: count(4)? };
    Ok(Stopped { kind, name: row.text(1)?.to_owned(), stop, at: row.time(5)? })
}

/// Stops it; `false` if it is stopped already.
pub async fn stop(tx: &mut Tx<'_>, stopped: &Stopped) -> Result<bool, StoreError> {
    let Stopped { kind, name, stop, at } = stopped;
    let count = |count| i64::try_from(count).unwrap_or(i64::MAX);
    let values = [
        kind.name().into(),
        name.as_str().into(),
        stop.why.name().into(),
        count(stop.counted).into(),
        count(stop.of).into(),
        (*at).into(),
    ];
    Ok(tx.execute(&STOP, &values).await? == 1)
}

/// Everything that is stopped.
pub async fn open(tx: &mut Tx<'_>) -> Result<Vec<Stopped>, StoreError> {
    tx.rows(&OPEN, &[]).await?.iter().map(read).collect()
}

/// Whether this is stopped, and why.
pub async fn find(tx: &mut Tx<'_>, kind: Kind, name: &str) -> Result<Option<Stopped>, StoreError> {
    tx.optional(&FIND, &[kind.name().into(), name.into()]).await?.map(|row| read(&row)).transpose()
}

/// Has it go on; `false` if it was not stopped.
pub async fn resume(tx: &mut Tx<'_>, kind: Kind, name: &str, now: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.execute(&RESUME, &[kind.name().into(), name.into(), now.into()]).await? == 1)
}

/// When an operator had it go on the last time.
pub async fn resumed_at(tx: &mut Tx<'_>, kind: Kind, name: &str) -> Result<Option<Timestamp>, StoreError> {
    tx.one(&RESUMED, &[kind.name().into(), name.into()]).await?.opt_time(0)
}
