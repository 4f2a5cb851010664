//! `/accounts/{id}/messages`: what was sent, what was not, and what it is about.

use std::sync::Arc;

use axum::extract::{Path, State};
use nidan_core::flood::{GotIn, Verdict};
use nidan_core::ledger;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::{May, Read};
use super::refusal::not_found;
use super::{input, output};
use crate::app::App;
use crate::flow::messages::{CauseKind, Done, Item, Ledger, look};
use crate::web::error::Refused;

/// Messages and refusals that an answer has at most.
const LISTED_MAX: usize = 200;

pub(super) fn calls() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list))
}

/// What caused a message.
#[derive(Serialize, ToSchema)]
#[schema(as = MessageCause)]
struct CauseDocument {
    /// On what occasion: `sign_up`, `sign_in`, `resend`, `fallback` (nobody asked: the message before it did not arrive),
    /// `setup`, `notice` or `release` (a key from the mailbox).
    #[schema(value_type = String, example = "sign_in")]
    kind: CauseKind,
    /// The program that asked, in a few words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Safari (iPhone)")]
    client: Option<String>,
    /// The network that it asked from.
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    /// Whether the right password came first.
    password_right: bool,
}

/// A message, or one that was refused.
#[derive(Serialize, ToSchema)]
#[schema(as = Message)]
struct MessageDocument {
    /// Its id; `evt_…` for what was refused before there was a message.
    #[schema(example = "msg_01h2xcejqtf2nbrexx3vqjhp41")]
    id: String,
    /// When it was asked for.
    #[schema(format = "date-time")]
    at: String,
    /// How it goes: `sms` or `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'static str>,
    /// Where it goes, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "•••• 5678")]
    destination: Option<String>,
    /// The two letters that it carries; none: it carries no code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "KX")]
    tag: Option<String>,
    /// Which of the account's messages of that day.
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<i64>,
    /// What caused it.
    cause: CauseDocument,
    /// What became of it: `queued`, `leased`, `accepted`, `rejected`, `ambiguous`, `delivered`, `undelivered`, `expired`,
    /// `unknown` or `suppressed`.
    state: &'static str,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "password_known")]
    reason: Option<&'static str>,
}

impl MessageDocument {
    fn of(item: &Item) -> Self {
        let cause = CauseDocument {
            kind: item.cause,
            client: item.client.program.clone(),
            network: output::network(&item.client),
            password_right: item.password_right,
        };
        let at = output::time(item.at);
        match &item.done {
            Done::Message(made) => Self {
                id: made.id.to_string(),
                at,
                channel: Some(made.channel.name()),
                destination: Some(made.destination.clone()),
                tag: made.tag.clone(),
                serial: made.serial,
                cause,
                state: made.state.name(),
                reason: made.reason.map(|reason| reason.name()),
            },
            Done::Refused { id, reason } => Self {
                id: id.to_string(),
                at,
                channel: None,
                destination: None,
                tag: None,
                serial: None,
                cause,
                state: ledger::State::Suppressed.name(),
                reason: Some(reason.name()),
            },
        }
    }
}

/// An account's messages, and what they are about.
#[derive(Serialize, ToSchema)]
#[schema(as = Messages)]
struct MessageList {
    /// Of the last 24 hours: `none`, `own_bug`, `password_known`, `impatient_owner`, `own_machine`, `not_arriving` or
    /// `cannot_tell`.
    #[schema(example = "none")]
    verdict: &'static str,
    /// In the last 90 days: `nobody`, `only_known` (every sign-in was on a device or from a network used before) or
    /// `new_device` (the owner has to say whether that was them).
    #[schema(example = "only_known")]
    did_anybody_get_in: &'static str,
    /// Of the last 90 days, newest first: the newest 200.
    messages: Vec<MessageDocument>,
}

impl MessageList {
    fn of(ledger: &Ledger) -> Self {
        Self {
            verdict: Verdict::name(ledger.verdict),
            did_anybody_get_in: match ledger.got_in {
                GotIn::Nobody => "nobody",
                GotIn::OnlyKnown { .. } => "only_known",
                GotIn::NewDevice { .. } => "new_device",
            },
            messages: ledger.lines.items.iter().take(LISTED_MAX).map(MessageDocument::of).collect(),
        }
    }
}

/// Lists an account's messages.
///
/// With what was refused, and a verdict on what the messages are about. Needs the scope `read`.
#[utoipa::path(
    get, path = "/accounts/{id}/messages", tag = "accounts", security(("site_key" = ["read"])),
    params(("id" = String, Path, description = "`acc_…`")),
    responses((status = 200, description = "The messages", body = MessageList))
)]
async fn list(
    State(app): State<Arc<App>>,
    _may: May<Read>,
    Path(id): Path<String>,
) -> Result<axum::Json<MessageList>, Refused> {
    let account = input::account(&app, &id).await?;
    let ledger = look(&app, account.id).await?.ok_or_else(not_found)?;
    Ok(axum::Json(MessageList::of(&ledger)))
}
