//! Looks whether a site's program repeats its requests.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;

use super::once::{IDEMPOTENCY_KEY, asked};
use crate::app::App;
use crate::flow::api_keys::Site;
use crate::keys::Lookup;
use crate::web::body;
use crate::web::error::Refused;
use crate::web::problem::{Problem, UNAUTHORIZED};

/// Notes every POST of a site by a fingerprint of all that is in it, the client included. One with an `Idempotency-Key` may
/// be repeated at will: it is carried out once.
pub(super) async fn watch(State(app): State<Arc<App>>, request: Request, next: Next) -> Result<Response, Refused> {
    if request.method() != Method::POST || request.headers().contains_key(IDEMPOTENCY_KEY) {
        return Ok(next.run(request).await);
    }
    let site = request.extensions().get::<Site>().cloned().ok_or_else(|| Problem::new(&UNAUTHORIZED))?;
    let (parts, body) = request.into_parts();
    let body = body::read(body).await?;
    let print = app.keys.lookup(Lookup::Repeat, asked(&parts, &body).expose());
    app.alarm.came(site.key, print, (app.clock.now(), &app.policy));
    let response = next.run(Request::from_parts(parts, Body::from(body.expose().clone()))).await;
    if response.status().is_success() {
        app.alarm.granted(site.key, &print);
    }
    Ok(response)
}
