//! Who a presented API key belongs to, and what it may do.

use std::sync::Arc;

use nidan_core::alarm::{Kind, Why};
use nidan_core::api_key::{ApiKey, Scopes};
use nidan_core::id::ApiKeyId;

use super::FlowError;
use crate::app::App;
use crate::store::{api_key, stop};

/// A key that lives.
#[derive(Clone)]
pub struct Site {
    /// Which key.
    pub key: ApiKeyId,
    /// The operator's name for it.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// Why it is refused for now: it was stopped by itself.
    pub stopped: Option<Why>,
}

/// The site of a presented key; `None` for anything that is no living key. Read anew each time, so that a revocation,
/// or a stop, counts at once.
pub async fn authenticate(app: &Arc<App>, presented: &str) -> Result<Option<Site>, FlowError> {
    let Some(presented) = ApiKey::parse(presented) else { return Ok(None) };
    let read = app.db.read(presented.id, |tx, id| {
        Box::pin(
            async move { Ok((api_key::find(tx, *id).await?, stop::find(tx, Kind::ApiKey, &id.to_string()).await?)) },
        )
    });
    let (kept, stopped) = read.await?;
    let living = kept.filter(|kept| kept.hash.same(&presented.hash()) && kept.revoked_at.is_none());
    let stopped = stopped.map(|stopped| stopped.stop.why);
    Ok(living.map(|kept| Site { key: kept.id, name: kept.name, scopes: kept.scopes, stopped }))
}
