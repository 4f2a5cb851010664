//! The pages, one file for each area. A handler asks a flow and shows what it says.

pub mod assets;
pub mod code;
pub mod demo;
pub mod health;
pub mod messages;
pub mod notice;
pub mod other_ways;
pub mod password;
pub mod release;
pub mod security;
pub mod setup;
pub mod sign_in;
pub mod sign_out;
pub mod sign_up;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use nidan_core::ceremony::{self, Verdict};
use nidan_core::methods::Kind;
use nidan_core::secret::Secret;

use super::error::Refused;
use super::form::{Fields, FromFields};
use super::moment;
use super::problem::Problem;
use super::state::Web;
use super::view::{CodeNotice, CodePage, CodeProblem, MethodKind, OtherWay, Resend, Sent, Waiting};
use super::visit::{Answer, Visit};
use crate::app::App;
use crate::flow::look::{Looked, Way};
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
    /// The app's following code, where it is asked for.
    pub next_code: Option<Secret<String>>,
    /// Whether the device is to be trusted.
    pub trust_device: bool,
}

impl FromFields for CodeForm {
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        let next_code = fields.optional("next_code");
        Ok(Self { code: fields.required("code")?, next_code, trust_device: fields.ticked("trust_device")? })
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
        Verdict::StrongerProofNeeded => Some(CodeProblem::TooShort),
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
        Resent::TooEarly { .. } | Resent::OnItsWay { .. } | Resent::Held { .. } => Some(NOT_SENT),
        Resent::NoMore | Resent::NoSuchWay | Resent::Shut(_) => Some(NOT_SENT),
        Resent::Expired | Resent::NotFound => None,
    }
}

/// How `page` shows the message that brings its code; none if its code is not one that is sent.
pub fn waiting(app: &App, page: CodePage, looked: &Looked) -> Option<Waiting> {
    let shown = looked.message.as_ref()?;
    let destination = match (page, &looked.method) {
        (CodePage::SignUp, _) => looked.typed_email.expose().clone(),
        (_, Some(method)) => method.destination.clone(),
        (_, None) => return None,
    };
    let sent = Sent {
        destination,
        at: moment::clock(app, shown.sent_at),
        tag: shown.tag.clone(),
        serial: u32::try_from(shown.serial).unwrap_or(u32::MAX),
    };
    let ways = match page {
        CodePage::SignIn => looked.other_ways.iter().map(|way| other_way(way, false)).collect(),
        CodePage::SignUp | CodePage::SetupPhone => Vec::new(),
    };
    let resend = resend_button(app, shown.resend);
    Some(Waiting { page, sent, told: shown.told, slow: shown.carrier_slow, resend, ways })
}

fn resend_button(app: &App, resend: ceremony::Resend) -> Resend {
    match resend {
        ceremony::Resend::Send { .. } => Resend::Now,
        ceremony::Resend::TooEarly { at } => {
            let seconds = at.since(app.clock.now()).as_seconds_up();
            Resend::In {
                seconds: u32::try_from(seconds).unwrap_or(u32::MAX).max(1),
                at: moment::clock_with_seconds(app, at),
            }
        }
        ceremony::Resend::OnItsWay { .. } => Resend::OnItsWay,
        ceremony::Resend::Held { until } => Resend::Held { until: moment::clock(app, until) },
        ceremony::Resend::NoMore | ceremony::Resend::Expired => Resend::NoMore,
    }
}

/// How a way to get a code is shown; `current`: it is the one that is asked for now.
fn other_way(way: &Way, current: bool) -> OtherWay {
    OtherWay {
        authenticator_id: way.id.to_string(),
        kind: method_kind(way.kind),
        destination: way.destination.clone(),
        current,
    }
}

fn method_kind(kind: Kind) -> MethodKind {
    match kind {
        Kind::Sms => MethodKind::Sms,
        Kind::Totp => MethodKind::App,
    }
}
