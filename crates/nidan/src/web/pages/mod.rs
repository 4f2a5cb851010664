//! The pages, one file for each area. A handler asks a flow and shows what it says.

pub mod assets;
pub mod code;
pub mod demo;
pub mod health;
pub mod other_ways;
pub mod security;
pub mod setup;
pub mod sign_in;
pub mod sign_out;
pub mod sign_up;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use nidan_core::ceremony::Verdict;
use nidan_core::methods::Kind;
use nidan_core::secret::Secret;

use super::error::Refused;
use super::form::{Fields, FromFields};
use super::moment;
use super::problem::Problem;
use super::state::Web;
use super::view::{CodeNotice, CodeProblem, MethodKind, Resend, Sent};
use super::visit::{Answer, Visit};
use crate::app::App;
use crate::flow::look::Shown;
use crate::flow::resend_code::Resent;

/// `/`: leads to where the reader can go on.
pub async fn home(visit: Visit) -> Answer {
    let to = match &visit.session {
        Some(alive) if alive.session.two_step => "/security",
        Some(_) => "/setup",
        None => "/sign-in",
    };
    visit.go(to)
}

/// A visit to a page that is for whoever is not signed in; others are led to the first page.
pub struct Outside(pub Visit);

impl FromRequestParts<Web> for Outside {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Refused> {
        let visit = Visit::from_request_parts(parts, web).await?;
        match visit.session {
            Some(_) => Err(Refused::Elsewhere(Box::new(visit.go("/")?))),
            None => Ok(Self(visit)),
        }
    }
}

/// The form that a code is typed into.
pub struct CodeForm {
    /// What was typed.
    pub code: Secret<String>,
    /// Whether the device is to be trusted.
    pub trust_device: bool,
}

impl FromFields for CodeForm {
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self { code: fields.required("code")?, trust_device: fields.ticked("trust_device")? })
    }
}

/// What a page says of a code that was refused.
fn code_problem(verdict: Verdict) -> Option<CodeProblem> {
    match verdict {
        Verdict::Accepted => None,
        Verdict::Wrong { tries_left: 0 } | Verdict::UsedUp => Some(CodeProblem::UsedUp),
        Verdict::Wrong { tries_left } => Some(CodeProblem::Wrong { tries_left }),
        Verdict::Expired => Some(CodeProblem::Expired),
        Verdict::AlreadyUsed => Some(CodeProblem::AlreadyUsed),
        Verdict::NotACode => Some(CodeProblem::NotACode),
    }
}

const SENT_AGAIN: &str = "sent-again";
const NOT_SENT: &str = "not-sent";

/// What the page before wants said about "send again".
fn code_notice(visit: &Visit) -> Option<CodeNotice> {
    match visit.notice.as_deref() {
        Some(SENT_AGAIN) => Some(CodeNotice::SentAgain),
        Some(NOT_SENT) => Some(CodeNotice::NotSentAgain),
        _ => None,
    }
}

/// Which notice follows a wish for another message; none: what it was asked for is over.
fn resend_notice(resent: Resent) -> Option<&'static str> {
    match resent {
        Resent::Done => Some(SENT_AGAIN),
        Resent::TooEarly { .. } | Resent::NoMore | Resent::NoSuchWay => Some(NOT_SENT),
        Resent::Expired | Resent::NotFound => None,
    }
}

/// How a page shows the message that brings its code.
fn sent(app: &App, destination: &str, shown: &Shown) -> (Sent, Resend) {
    let sent = Sent {
        destination: destination.to_owned(),
        at: moment::clock(app, shown.sent_at),
        tag: shown.tag.clone(),
        serial: u32::try_from(shown.serial).unwrap_or(u32::MAX),
    };
    let resend = match shown.resend_at.map(|at| at.since(app.clock.now()).as_seconds_up()) {
        None => Resend::NoMore,
        Some(0) => Resend::Now,
        Some(seconds) => Resend::In { seconds: u32::try_from(seconds).unwrap_or(u32::MAX) },
    };
    (sent, resend)
}

fn method_kind(kind: Kind) -> MethodKind {
    match kind {
        Kind::Sms => MethodKind::Sms,
        Kind::Totp => MethodKind::App,
    }
}
