//! `/sessions/check`, and `/accounts/{id}/sessions`: who is signed in.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use nidan_core::secret::Secret;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::{Accounts, May, Read};
use super::refusal::not_found;
use super::{input, output};
use crate::app::App;
use crate::flow::accounts::overview;
use crate::flow::session::{self, End, Ending, Listed, end};
use crate::web::error::Refused;
use crate::web::json::{FromObject, Json, Object};
use crate::web::problem::Problem;

pub(super) fn calls() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(check)).routes(routes!(list, revoke_all)).routes(routes!(revoke))
}

/// A token to be looked at.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct GivenToken {
    /// The session token that a sign-in gave.
    #[schema(value_type = String, example = "nds_…")]
    session_token: Secret<String>,
}

impl FromObject for GivenToken {
    fn from_object(object: &mut Object) -> Result<Self, Problem> {
        Ok(Self { session_token: object.text("session_token")? })
    }
}

/// A session that is alive.
#[derive(Serialize, ToSchema)]
struct CheckedSession {
    /// Whose it is.
    account_id: String,
    /// How its owner was authenticated (RFC 8176, and names of our own).
    #[schema(example = json!(["pwd", "sms", "mfa"]))]
    amr: Vec<String>,
    /// When its owner was authenticated.
    #[schema(format = "date-time")]
    auth_time: String,
    /// Whether two steps were taken. If not, two-step verification is not set up: it is no full sign-in.
    two_step: bool,
    /// When it ends unless it is used.
    #[schema(format = "date-time")]
    expires_at: String,
}

/// Tells whose session a token is.
///
/// Needs the scope `read`. 404 for any token that opens none, or none any more.
#[utoipa::path(
    post, path = "/sessions/check", tag = "sessions", security(("site_key" = ["read"])), request_body = GivenToken,
    responses((status = 200, description = "It is alive", body = CheckedSession))
)]
async fn check(
    State(app): State<Arc<App>>,
    _may: May<Read>,
    Json(given): Json<GivenToken>,
) -> Result<axum::Json<CheckedSession>, Refused> {
    let alive = session::check(&app, given.session_token.expose()).await?.ok_or_else(not_found)?;
    let session = &alive.session;
    let idle_until = session.last_used_at.plus(app.policy.session_idle);
    Ok(axum::Json(CheckedSession {
        account_id: alive.account.to_string(),
        amr: amr(&session.amr),
        auth_time: output::time(session.auth_at),
        two_step: session.two_step,
        expires_at: output::time(session.expires_at.min(idle_until)),
    }))
}

fn amr(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// A session.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
struct SessionDocument {
    /// Its id.
    #[schema(example = "ses_01h2xcejqtf2nbrexx3vqjhp41")]
    id: String,
    /// The device it runs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<String>,
    /// Whether two steps were taken.
    two_step: bool,
    /// How its owner was authenticated.
    amr: Vec<String>,
    /// The program, in a few words.
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    /// The network it was signed in from.
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    /// When its owner was authenticated.
    #[schema(format = "date-time")]
    auth_time: String,
    /// When it was last used, give or take ten minutes.
    #[schema(format = "date-time")]
    last_used_at: String,
    /// When it ends unless it is used.
    #[schema(format = "date-time")]
    expires_at: String,
}

impl SessionDocument {
    fn of(listed: &Listed) -> Self {
        let session = &listed.session;
        Self {
            id: session.id.to_string(),
            device_id: session.device.map(|id| id.to_string()),
            two_step: session.two_step,
            amr: amr(&session.amr),
            client: listed.client.program.clone(),
            network: output::network(&listed.client),
            auth_time: output::time(session.auth_at),
            last_used_at: output::time(session.last_used_at),
            expires_at: output::time(listed.ends_at),
        }
    }
}

/// An account's sessions.
#[derive(Serialize, ToSchema)]
#[schema(as = Sessions)]
struct SessionList {
    /// Those that are alive, the one used last first.
    sessions: Vec<SessionDocument>,
}

/// Lists an account's sessions.
///
/// Needs the scope `read`.
#[utoipa::path(
    get, path = "/accounts/{id}/sessions", tag = "sessions", security(("site_key" = ["read"])),
    params(("id" = String, Path, description = "`acc_…`")),
    responses((status = 200, description = "The sessions", body = SessionList))
)]
async fn list(
    State(app): State<Arc<App>>,
    _may: May<Read>,
    Path(id): Path<String>,
) -> Result<axum::Json<SessionList>, Refused> {
    let account = input::account(&app, &id).await?;
    let sessions = overview(&app, account.id).await?.ok_or_else(not_found)?.sessions;
    Ok(axum::Json(SessionList { sessions: sessions.iter().map(SessionDocument::of).collect() }))
}

/// Ends a session.
///
/// Needs the scope `accounts`.
#[utoipa::path(
    delete, path = "/accounts/{id}/sessions/{session_id}", tag = "sessions", security(("site_key" = ["accounts"])),
    params(("id" = String, Path, description = "`acc_…`"), ("session_id" = String, Path, description = "`ses_…`")),
    responses((status = 204, description = "It is ended"))
)]
async fn revoke(
    State(app): State<Arc<App>>,
    may: May<Accounts>,
    Path((id, session)): Path<(String, String)>,
) -> Result<StatusCode, Refused> {
    let account = input::account(&app, &id).await?;
    let what = Ending::Session(input::id(&session)?);
    match end(&app, End { account: account.id, what, origin: may.origin(account.language) }).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(not_found().into()),
    }
}

/// Signs out everywhere.
///
/// Ends all sessions and devices of the account, and the sign-ins that are under way. Needs the scope `accounts`.
#[utoipa::path(
    delete, path = "/accounts/{id}/sessions", tag = "sessions", security(("site_key" = ["accounts"])),
    params(("id" = String, Path, description = "`acc_…`")),
    responses((status = 204, description = "All are ended"))
)]
async fn revoke_all(
    State(app): State<Arc<App>>,
    may: May<Accounts>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refused> {
    let account = input::account(&app, &id).await?;
    let everything = End { account: account.id, what: Ending::Everything, origin: may.origin(account.language) };
    match end(&app, everything).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(not_found().into()),
    }
}
