//! The REST API for sites: each call reads its request, runs a flow, and says what came of it. The calls describe
//! themselves, so that `/openapi.json` cannot drift from them.

mod accounts;
mod authenticators;
mod caller;
mod devices;
mod input;
mod messages;
mod once;
mod openapi;
mod output;
mod refusal;
mod repeats;
mod sessions;
mod sign_in_document;
mod sign_ins;

use std::sync::Arc;

use axum::middleware::from_fn_with_state;
use axum::{Extension, Router};
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

/// The API, to be nested at `/api/v1`.
pub fn router(app: Arc<App>) -> Router {
    let (calls, described) = OpenApiRouter::with_openapi(openapi::head())
        .merge(accounts::calls())
        .merge(authenticators::calls())
        .merge(sign_ins::calls())
        .merge(sessions::calls())
        .merge(devices::calls())
        .merge(messages::calls())
        .split_for_parts();
    let calls = calls
        .route_layer(from_fn_with_state(app.clone(), once::once))
        .route_layer(from_fn_with_state(app.clone(), repeats::watch))
        .route_layer(from_fn_with_state(app.clone(), caller::authenticate))
        .with_state(app);
    let (open, open_described) = openapi::calls().split_for_parts();
    let document = openapi::Document::of(described.merge_from(open_described));
    calls.merge(open.layer(Extension(document)))
}
