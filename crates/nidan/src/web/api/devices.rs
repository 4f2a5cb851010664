//! `/accounts/{id}/devices`: where an owner completed a second step.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::{Accounts, May, Read};
use super::refusal::not_found;
use super::{input, output};
use crate::app::App;
use crate::flow::accounts::{Known, overview};
use crate::flow::session::{End, Ending, end};
use crate::web::error::Refused;

pub(super) fn calls() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(revoke))
}

/// A device.
#[derive(Serialize, ToSchema)]
#[schema(as = Device)]
struct DeviceDocument {
    /// Its id.
    #[schema(example = "dev_7zc5h8sj4t9q6xw2v1m0k3dn5e")]
    id: String,
    /// Whether codes are skipped on it.
    trusted: bool,
    /// The program, in a few words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Safari (iPhone)")]
    client: Option<String>,
    /// The network it was last seen in.
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    /// When its life began.
    #[schema(format = "date-time")]
    created_at: String,
    /// When it was last seen.
    #[schema(format = "date-time")]
    last_used_at: String,
    /// When it ends unless it is used.
    #[schema(format = "date-time")]
    expires_at: String,
}

/// An account's devices.
#[derive(Serialize, ToSchema)]
#[schema(as = Devices)]
struct DeviceList {
    /// Those that are alive, the one used last first.
    devices: Vec<DeviceDocument>,
}

/// Lists an account's devices.
///
/// Needs the scope `read`.
#[utoipa::path(
    get, path = "/accounts/{id}/devices", tag = "devices", security(("site_key" = ["read"])),
    params(("id" = String, Path, description = "`acc_…`")),
    responses((status = 200, description = "The devices", body = DeviceList))
)]
async fn list(
    State(app): State<Arc<App>>,
    _may: May<Read>,
    Path(id): Path<String>,
) -> Result<axum::Json<DeviceList>, Refused> {
    let account = input::account(&app, &id).await?;
    let known = overview(&app, account.id).await?.ok_or_else(not_found)?.devices;
    let document = |known: &Known| DeviceDocument {
        id: known.id.to_string(),
        trusted: known.device.trusted,
        client: known.client.program.clone(),
        network: output::network(&known.client),
        created_at: output::time(known.device.created_at),
        last_used_at: output::time(known.device.last_used_at),
        expires_at: output::time(known.device.expires_at(&app.policy)),
    };
    Ok(axum::Json(DeviceList { devices: known.iter().map(document).collect() }))
}

/// Ends a device: its next sign-in asks for a code.
///
/// Needs the scope `accounts`.
#[utoipa::path(
    delete, path = "/accounts/{id}/devices/{device_id}", tag = "devices", security(("site_key" = ["accounts"])),
    params(("id" = String, Path, description = "`acc_…`"), ("device_id" = String, Path, description = "`dev_…`")),
    responses((status = 204, description = "It is ended"))
)]
async fn revoke(
    State(app): State<Arc<App>>,
    may: May<Accounts>,
    Path((id, device)): Path<(String, String)>,
) -> Result<StatusCode, Refused> {
    let account = input::account(&app, &id).await?;
    let what = Ending::Device(input::id(&device)?);
    match end(&app, End { account: account.id, what, origin: may.origin(account.language) }).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(not_found().into()),
    }
}
