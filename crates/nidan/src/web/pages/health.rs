//! Whether the server is alive, and whether it can work: for what watches over it.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::flow::FlowError;
use crate::web::error::Refused;
use crate::web::state::Web;

/// `/health/live`: the process answers.
pub async fn live() -> Json<Value> {
    Json(json!({"status": "live"}))
}

/// `/health/ready`: the database answers too.
pub async fn ready(State(web): State<Web>) -> Result<Json<Value>, Refused> {
    web.app.db.ping().await.map_err(FlowError::Store)?;
    Ok(Json(json!({"status": "ready"})))
}
