//! Sites' API keys.

use nidan_core::api_key::{Scope, Scopes};
use nidan_core::id::ApiKeyId;
use nidan_core::time::Timestamp;
use nidan_core::token::TokenHash;

use super::{Row, StoreError, Tx, sql};

sql! {
    INSERT = "INSERT INTO api_key (api_key_id, name, key_hash, scopes, created_ms, revoked_ms)
              VALUES ($1, $2, $3, $4, $5, NULL)";
    FIND = "SELECT api_key_id, name, scopes, created_ms, revoked_ms, key_hash FROM api_key WHERE api_key_id = $1";
    LIST = "SELECT api_key_id, name, scopes, created_ms, revoked_ms, key_hash FROM api_key ORDER BY created_ms, api_key_id";
    REVOKE = "UPDATE api_key SET revoked_ms = $2 WHERE api_key_id = $1 AND revoked_ms IS NULL";
    REVOKE_NAMED = "UPDATE api_key SET revoked_ms = $2 WHERE name = $1 AND revoked_ms IS NULL";
}

/// A key as it is kept.
pub struct ApiKey {
    /// Its id, which is part of the key.
    pub id: ApiKeyId,
    /// The operator's name for it.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The hash of the key.
    pub hash: TokenHash,
}

fn read(row: &Row) -> Result<ApiKey, StoreError> {
    let scopes = row.text(2)?.split(' ').map(Scope::from_name).collect::<Option<Scopes>>();
    Ok(ApiKey {
        id: row.id(0)?,
        name: row.text(1)?.to_owned(),
        scopes: scopes.ok_or_else(|| StoreError::corrupt("api_key.scopes", "a scope of another version"))?,
        created_at: row.time(3)?,
        revoked_at: row.opt_time(4)?,
        hash: TokenHash::from_bytes(row.array(5)?),
    })
}

/// Adds a key.
pub async fn insert(tx: &mut Tx<'_>, key: &ApiKey) -> Result<(), StoreError> {
    let values = [
        key.id.into(),
        key.name.as_str().into(),
        key.hash.as_bytes().into(),
        key.scopes.to_string().into(),
        key.created_at.into(),
    ];
    tx.execute(&INSERT, &values).await.map(drop)
}

/// The key of this id, revoked or not.
pub async fn find(tx: &mut Tx<'_>, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
    tx.optional(&FIND, &[id.into()]).await?.map(|row| read(&row)).transpose()
}

/// All keys, oldest first.
pub async fn list(tx: &mut Tx<'_>) -> Result<Vec<ApiKey>, StoreError> {
    tx.rows(&LIST, &[]).await?.iter().map(read).collect()
}

/// Revokes a key; `false` if there is none that lives.
pub async fn revoke(tx: &mut Tx<'_>, id: ApiKeyId, now: Timestamp) -> Result<bool, StoreError> {
    Ok(tx.execute(&REVOKE, &[id.into(), now.into()]).await? == 1)
}

/// Revokes all keys of this name.
pub async fn revoke_named(tx: &mut Tx<'_>, name: &str, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(&REVOKE_NAMED, &[name.into(), now.into()]).await.map(drop)
}
