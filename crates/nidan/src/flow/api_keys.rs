//! Who a presented API key belongs to, and what it may do.

use std::sync::Arc;

use nidan_core::api_key::{ApiKey, Scopes};
use nidan_core::id::ApiKeyId;

use super::FlowError;
use crate::app::App;
use crate::store::api_key;

/// A key that lives.
#[derive(Clone)]
pub struct Site {
    /// Which key.
    pub key: ApiKeyId,
    /// The operator's name for it.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
}

/// The site of a presented key; `None` for anything that is no living key. Read anew each time, so that a revocation
/// counts at once.
pub async fn authenticate(app: &Arc<App>, presented: &str) -> Result<Option<Site>, FlowError> {
    let Some(presented) = ApiKey::parse(presented) else { return Ok(None) };
    let kept = app.db.read(presented.id, |tx, id| Box::pin(api_key::find(tx, *id))).await?;
    let living = kept.filter(|kept| kept.hash.same(&presented.hash()) && kept.revoked_at.is_none());
    Ok(living.map(|kept| Site { key: kept.id, name: kept.name, scopes: kept.scopes }))
}
