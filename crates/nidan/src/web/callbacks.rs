//! `POST /callbacks/{route}`: where HTTP gateways tell what became of messages. Who tells is known by the route's driver,
//! not by cookie, origin or API key; what is told is kept before it is answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::post;
use futures_util::future::BoxFuture;
use nidan_core::secret::Secret;
use url::Url;

use super::body;
use super::problem::{NOT_FOUND, NOT_THE_GATEWAY, Problem, UNAVAILABLE};
use crate::send::http::{Callback, CallbackRefused, HttpLine};
use crate::send::route::CarrierReceipt;

/// Longest callback that is read, in bytes: a hundred receipts of a gateway that tells many at once.
const CALLBACK_BYTES_MAX: usize = 128 * 1024;
/// Seconds after which a gateway is asked to tell again what could not be kept.
const AGAIN_SECONDS: u32 = 10;

/// Keeps what the route of that name was told; false if it cannot just now.
pub type Keep = Arc<dyn Fn(String, CarrierReceipt) -> BoxFuture<'static, bool> + Send + Sync>;

/// The routes that are told something, and who keeps it. None by default.
#[derive(Clone)]
pub struct Callbacks {
    lines: BTreeMap<String, Arc<HttpLine>>,
    keep: Keep,
}

impl Callbacks {
    /// The lines by the names of their routes.
    pub fn new(lines: BTreeMap<String, Arc<HttpLine>>, keep: Keep) -> Self {
        Self { lines, keep }
    }
}

impl Default for Callbacks {
    fn default() -> Self {
        Self::new(BTreeMap::new(), Arc::new(|_, _| Box::pin(async { false })))
    }
}

/// The addresses. `site` is the public address of this server, which signatures are over.
pub(super) fn router(callbacks: Callbacks, site: &Url) -> Router {
    let site = site.as_str().trim_end_matches('/').to_owned();
    Router::new()
        .route("/callbacks/{route}", post(told))
        .route("/callbacks/{route}/{secret}", post(told))
        .with_state(Arc::new(Told { callbacks, site }))
}

struct Told {
    callbacks: Callbacks,
    site: String,
}

async fn told(
    State(told): State<Arc<Told>>,
    Path(mut path): Path<BTreeMap<String, String>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let (route, secret) = (path.remove("route").unwrap_or_default(), path.remove("secret").map(Secret::new));
    let line = told.callbacks.lines.get(&route).ok_or_else(|| Problem::new(&NOT_FOUND))?;
    let body = body::read_at_most(CALLBACK_BYTES_MAX, body).await?;
    let url = format!("{}{}", told.site, uri.path_and_query().map_or("/", |asked| asked.as_str()));
    let callback = Callback { path_secret: secret.as_ref(), url: &url, headers: &headers, body: body.expose() };
    let receipts = line.callback(&callback).map_err(|refused| refusal(&route, refused))?;
    for receipt in receipts {
        if !(told.callbacks.keep)(route.clone(), receipt).await {
            return Err(Problem::new(&UNAVAILABLE).retry_after_s(AGAIN_SECONDS));
        }
    }
    Ok(StatusCode::OK)
}

fn refusal(route: &str, refused: CallbackRefused) -> Problem {
    tracing::warn!(route, ?refused, "a callback was refused");
    match refused {
        CallbackRefused::NotHere => Problem::new(&NOT_FOUND),
        CallbackRefused::Forged => Problem::new(&NOT_THE_GATEWAY),
        CallbackRefused::Unreadable => Problem::malformed("The body is not as the gateway's documentation says."),
    }
}
