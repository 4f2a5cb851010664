//! Whether the server is alive, whether it can work, and what it has done: for machines that watch it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use crate::app::App;
use crate::flow::FlowError;
use crate::web::error::Refused;

/// `/health/live`: the process answers.
pub async fn live() -> Json<Value> {
    Json(json!({"status": "live"}))
}

/// `/health/ready`: the database answers too.
pub async fn ready(State(app): State<Arc<App>>) -> Result<Json<Value>, Refused> {
    app.db.ping().await.map_err(FlowError::Store)?;
    Ok(Json(json!({"status": "ready"})))
}

/// `/metrics`, in the OpenMetrics text format.
pub async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], app.metrics.text())
}
