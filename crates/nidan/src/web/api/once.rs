//! `Idempotency-Key`: a repeated POST gets the reply that it got.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt;
use nidan_core::secret::Secret;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::flow::api_keys::Site;
use crate::flow::once::{self, Begun};
use crate::web::body;
use crate::web::error::Failure;
use crate::web::error::Refused;
use crate::web::problem::{KEY_IN_USE, KEY_REUSED, Problem, UNAUTHORIZED};

pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Longest key, in characters.
const KEY_MAX: usize = 255;
/// Headers that belong to a reply.
const KEPT_HEADERS: [HeaderName; 4] = [CONTENT_TYPE, LOCATION, RETRY_AFTER, ALLOW];

/// Carries a POST with an `Idempotency-Key` out once.
pub(super) async fn once(State(app): State<Arc<App>>, request: Request, next: Next) -> Result<Response, Refused> {
    if request.method() != Method::POST {
        return Ok(next.run(request).await);
    }
    let Some(key) = key_of(request.headers())? else { return Ok(next.run(request).await) };
    let site = request.extensions().get::<Site>().cloned().ok_or_else(|| Problem::new(&UNAUTHORIZED))?;
    let (parts, body) = request.into_parts();
    let body = body::read(body).await?;
    let known_by = once::Request::new(&app, site.key, &key, &asked(&parts, &body));
    match once::begin(&app, &known_by).await? {
        Begun::First => {}
        Begun::Replied(reply) => return replay(&reply),
        Begun::UnderWay => return Err(Problem::new(&KEY_IN_USE).retry_after_s(1).into()),
        Begun::AnotherRequest => return Err(Problem::new(&KEY_REUSED).into()),
    }
    let response = next.run(Request::from_parts(parts, Body::from(body.expose().clone()))).await;
    keep(&app, &known_by, response).await
}

fn key_of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let printable = value.as_bytes().iter().all(|byte| (0x20..0x7f).contains(byte));
    let key = value.to_str().ok().filter(|_| printable && (1..=KEY_MAX).contains(&value.len()));
    match (key, values.next()) {
        (Some(key), None) => Ok(Some(key.to_owned())),
        _ => Err(Problem::malformed("Idempotency-Key must be one text of 1 to 255 printable ASCII characters.")),
    }
}

/// What makes it this request and no other.
pub(super) fn asked(parts: &Parts, body: &Secret<Vec<u8>>) -> Secret<Vec<u8>> {
    let line = format!("{} {}\n", parts.method, parts.uri);
    Secret::new([line.as_bytes(), body.expose()].concat())
}

/// A reply as it is kept.
#[derive(Serialize, Deserialize)]
struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// Keeps the reply, unless it says that the same request may get another one later.
async fn keep(app: &Arc<App>, request: &once::Request, response: Response) -> Result<Response, Refused> {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(Failure::internal)?.to_bytes();
    let may_pass = parts.status.is_server_error() || parts.status == StatusCode::TOO_MANY_REQUESTS;
    let kept = match (may_pass, std::str::from_utf8(&body)) {
        (false, Ok(text)) => {
            let texts = KEPT_HEADERS.iter().filter_map(|name| {
                let value = parts.headers.get(name)?.to_str().ok()?;
                Some((name.as_str().to_owned(), value.to_owned()))
            });
            let reply = Reply { status: parts.status.as_u16(), headers: texts.collect(), body: text.to_owned() };
            let reply = Secret::new(serde_json::to_vec(&reply).map_err(Failure::internal)?);
            once::finish(app, request, &reply).await
        }
        _ => once::abandon(app, request).await,
    };
    if let Err(error) = kept {
        // What was asked is done: its reply is the truth, though a repetition will not find it.
        tracing::error!(%error, "the reply to a request with an Idempotency-Key could not be kept");
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn replay(reply: &Secret<Vec<u8>>) -> Result<Response, Refused> {
    let read = || -> Option<Response> {
        let reply: Reply = serde_json::from_slice(reply.expose()).ok()?;
        let mut response = Response::new(Body::from(reply.body));
        *response.status_mut() = StatusCode::from_u16(reply.status).ok()?;
        for (name, value) in reply.headers {
            let name = KEPT_HEADERS.into_iter().find(|known| known.as_str() == name)?;
            response.headers_mut().insert(name, HeaderValue::from_str(&value).ok()?);
        }
        Some(response)
    };
    read().ok_or_else(|| Refused::Failure(Failure::internal("a kept reply is not readable")))
}
