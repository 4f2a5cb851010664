//! `/sign-in`: its first page.

use axum::http::StatusCode;
use nidan_core::email::EmailAddress;

use super::Outside;
use super::sign_up::Credentials;
use crate::flow::By;
use crate::flow::accounts::Who;
use crate::flow::sign_in::{self, Proof, SignInAnswer};
use crate::web::cookies::CookieName;
use crate::web::form::Form;
use crate::web::shut::too_many;
use crate::web::view::{SignIn, SignInNotice, SignInProblem};
use crate::web::visit::{Answer, Visit};

/// Where to go from a page whose sign-in is over.
pub const RAN_OUT: &str = "/sign-in?notice=ran-out";
/// Where to go after signing out.
pub const SIGNED_OUT: &str = "/sign-in?notice=signed-out";
/// Where to go after signing out everywhere.
pub const SIGNED_OUT_EVERYWHERE: &str = "/sign-in?notice=signed-out-everywhere";

/// The form.
pub async fn page(Outside(visit): Outside) -> Answer {
    let notice = match visit.notice.as_deref() {
        Some("ran-out") => Some(SignInNotice::RanOut),
        Some("signed-out") => Some(SignInNotice::SignedOut),
        Some("signed-out-everywhere") => Some(SignInNotice::SignedOutEverywhere),
        _ => None,
    };
    visit.show(StatusCode::OK, &SignIn { frame: visit.frame("/sign-in"), email: "", problem: None, notice })
}

/// Begins a sign-in.
pub async fn begin(visit: Visit, Form(form): Form<Credentials>) -> Answer {
    let email = form.email.expose().trim().to_owned();
    let again = |problem| {
        let page = SignIn { frame: visit.frame("/sign-in"), email: &email, problem: Some(problem), notice: None };
        visit.show(StatusCode::UNPROCESSABLE_ENTITY, &page)
    };
    if email.is_empty() || form.password.expose().is_empty() {
        return again(SignInProblem::Missing);
    }
    let app = &visit.web.app;
    let sign_in = sign_in::SignIn {
        who: EmailAddress::parse(&email).ok().map(|email| Who::email(app, &email)),
        proof: Proof::Password(form.password),
        by: By::Browser,
        device_token: visit.cookies.get(CookieName::Device).cloned(),
        origin: visit.origin.clone(),
    };
    match sign_in::begin(app, sign_in).await? {
        SignInAnswer::InvalidCredentials => again(SignInProblem::Wrong),
        SignInAnswer::CodeRequired(started) => {
            visit.owe(started.token.as_ref(), started.device_token.as_ref(), "/sign-in/code")
        }
        SignInAnswer::EmailToConfirm(started) => {
            visit.owe(started.token.as_ref(), started.device_token.as_ref(), "/sign-up/code")
        }
        SignInAnswer::Later(shut) => Err(too_many(app, &shut).into()),
        SignInAnswer::Granted(granted) => visit.enter(&granted),
    }
}
