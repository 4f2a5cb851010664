//! The schema: numbered scripts, each applied once, with a checksum of what was applied.
//!
//! The scripts are written once for both databases with tokens (see `migrations/0001_first.sql`). A script that was
//! released is never changed: the next number changes the schema.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};

use super::{Db, Engine, StoreError, Tx};

super::sql! {
    /// Whether the table below exists: the two catalogues have nothing in common.
    KNOWN = sqlite "SELECT COUNT(*) AS n FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'",
        postgres "SELECT COUNT(*) AS n FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'schema_version'";
    /// Row 0 stands for no script. To write it is to hold its lock until the transaction ends, which a second migrator
    /// waits for (advisory locks are not had by all who speak PostgreSQL's protocol).
    LOCK = "INSERT INTO schema_version (version, checksum) VALUES (0, '') \
            ON CONFLICT (version) DO UPDATE SET checksum = ''";
    /// What was applied.
    APPLIED = "SELECT version, checksum FROM schema_version WHERE version > 0 ORDER BY version";
    /// Notes a script.
    NOTE = "INSERT INTO schema_version (version, checksum) VALUES ($1, $2)";
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_version (
  version {INT} NOT NULL PRIMARY KEY,
  checksum {TEXT} NOT NULL             -- SHA-256 of the script, in hex
) {OPTIONS};";

/// The scripts, the first being number 1.
const SCRIPTS: &[&str] = &[
    include_str!("../../migrations/0001_first.sql"),
    include_str!("../../migrations/0002_sending.sql"),
    include_str!("../../migrations/0003_guesses.sql"),
    include_str!("../../migrations/0004_stops.sql"),
    include_str!("../../migrations/0005_notices.sql"),
];

/// How often the version table is tried to be made: PostgreSQL lets the second of two who make it at once fail.
const ATTEMPTS: u32 = 5;

/// The number of the newest script: the version this program needs.
pub const NEWEST: i64 = SCRIPTS.len() as i64;

/// The schema is not the one this program was written for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaMismatch {
    /// Scripts are missing.
    #[error(
        "the database's schema is at version {found}, this program needs version {needed}: stop the server and run `nidan migrate`"
    )]
    Older {
        /// In the database; 0 for an empty one.
        found: i64,
        /// In this program.
        needed: i64,
    },
    /// A newer program was here.
    #[error(
        "the database's schema is at version {found}, this program knows up to {needed}: run the newer nidan that migrated it, or restore the backup made before"
    )]
    Newer {
        /// In the database.
        found: i64,
        /// In this program.
        needed: i64,
    },
    /// A script was applied that is not the one in this program.
    #[error(
        "version {version} of the database's schema was made by another script than this program's: run the nidan that made it, or restore a backup; `nidan migrate` cannot repair this"
    )]
    Altered {
        /// The number of the script.
        version: i64,
    },
    /// It could not be found out or done.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Brings the schema up to date; how many scripts were applied. All of them in one transaction: it is done whole or not
/// at all. Two who migrate at once do it one after the other, and the second finds nothing to do.
///
/// # Errors
/// [`SchemaMismatch::Newer`] and [`SchemaMismatch::Altered`], having changed nothing; or [`SchemaMismatch::Store`].
pub async fn migrate(db: &Db) -> Result<i64, SchemaMismatch> {
    let mut attempt = 1;
    while let Err(error) = db.transact((), |tx, ()| Box::pin(create_table(tx))).await {
        if attempt == ATTEMPTS || matches!(error, StoreError::Unavailable { .. }) {
            return Err(error.into());
        }
        attempt += 1;
    }
    db.transact((), |tx, ()| Box::pin(apply(tx))).await?
}

/// Whether the schema is the one this program needs. For `nidan serve`, before it listens.
///
/// # Errors
/// Says what to run.
pub async fn check(db: &Db) -> Result<(), SchemaMismatch> {
    let found = db.read((), |tx, ()| Box::pin(found(tx))).await??;
    if found < NEWEST { Err(SchemaMismatch::Older { found, needed: NEWEST }) } else { Ok(()) }
}

async fn create_table(tx: &mut Tx<'_>) -> Result<(), StoreError> {
    let text = expanded(TABLE, tx.engine());
    tx.script("creating schema_version", &text).await
}

/// A mismatch is a verdict here, and not an error of the transaction.
async fn apply(tx: &mut Tx<'_>) -> Result<Result<i64, SchemaMismatch>, StoreError> {
    tx.execute(&LOCK, &[]).await?;
    let found = match found(tx).await? {
        Ok(found) => found,
        Err(mismatch) => return Ok(Err(mismatch)),
    };
    if tx.engine() == Engine::Postgres {
        // A script over a large table may take longer than a visitor would wait.
        tx.script("lifting the time limit", "SET LOCAL statement_timeout = 0").await?;
    }
    for (script, version) in SCRIPTS.iter().zip(1..).filter(|(_, version)| *version > found) {
        let text = expanded(script, tx.engine());
        tx.script("applying a migration", &text).await?;
        tx.execute(&NOTE, &[i64::into(version), checksum(script).into()]).await?;
    }
    Ok(Ok(NEWEST - found))
}

/// The version of the schema, if it is one this program knows.
async fn found(tx: &mut Tx<'_>) -> Result<Result<i64, SchemaMismatch>, StoreError> {
    if tx.one(&KNOWN, &[]).await?.int(0)? == 0 {
        return Ok(Ok(0));
    }
    let mut found = 0;
    for row in tx.rows(&APPLIED, &[]).await? {
        let version = row.int(0)?;
        found += 1;
        match usize::try_from(version - 1).ok().and_then(|place| SCRIPTS.get(place)) {
            None => return Ok(Err(SchemaMismatch::Newer { found: version, needed: NEWEST })),
            Some(script) if version != found || row.text(1)? != checksum(script) => {
                return Ok(Err(SchemaMismatch::Altered { version }));
            }
            Some(_) => {}
        }
    }
    Ok(Ok(found))
}

fn checksum(script: &str) -> String {
    digest(&SHA256, script.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The whole schema as this database gets it.
pub fn schema(engine: Engine) -> String {
    std::iter::once(TABLE).chain(SCRIPTS.iter().copied()).map(|script| expanded(script, engine)).collect()
}

/// A script with its tokens replaced.
fn expanded(script: &str, engine: Engine) -> String {
    let (int, blob, options) = match engine {
        Engine::Sqlite => ("INTEGER", "BLOB", "STRICT, WITHOUT ROWID"),
        Engine::Postgres => ("BIGINT", "BYTEA", ""),
    };
    let script: Cow<'_, str> = script.replace("{INT}", int).replace("{TEXT}", "TEXT").replace("{BLOB}", blob).into();
    let script = script.replace("{OPTIONS}", options);
    // {KEY(account_id, event_id)}: the account leads on PostgreSQL (shard key), the event on SQLite (page locality)
    let mut parts = script.split("{KEY(");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(")}").and_then(|(key, rest)| Some((key.split_once(", ")?, rest))) {
            Some(((account, event), rest)) => {
                let (first, second) = if engine == Engine::Sqlite { (event, account) } else { (account, event) };
                text.push_str(&format!("PRIMARY KEY ({first}, {second}){rest}"));
            }
            None => text.push_str(part),
        }
    }
    text
}
