//! `/security/password`: another password, for whoever is signed in with two steps and knows the current one.

use axum::http::StatusCode;
use nidan_core::secret::Secret;

use super::security::PASSWORD_CHANGED;
use super::sign_in::RAN_OUT;
use crate::flow::change_password::{self, ChangePassword, Changed, is_kept_here};
use crate::web::form::{Fields, Form, FromFields};
use crate::web::problem::Problem;
use crate::web::session::SignedIn;
use crate::web::shut::too_many;
use crate::web::view::{ChangeProblem, Password, PasswordProblem};
use crate::web::visit::{Answer, Visit};

/// The two passwords.
pub struct Typed {
    current: Secret<String>,
    new: Secret<String>,
}

impl FromFields for Typed {
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self { current: fields.required("current_password")?, new: fields.required("new_password")? })
    }
}

/// The form, where the password is kept here.
pub async fn page(SignedIn(visit, alive): SignedIn) -> Answer {
    let kept_here = is_kept_here(&visit.web.app, alive.account).await?;
    show(&visit, StatusCode::OK, (kept_here, None))
}

fn show(visit: &Visit, status: StatusCode, (kept_here, problem): (bool, Option<ChangeProblem>)) -> Answer {
    let password_length_min = visit.web.app.policy.password_bytes_min;
    visit.show(status, &Password { frame: visit.frame("/security/password"), kept_here, problem, password_length_min })
}

/// Changes it.
pub async fn change(SignedIn(visit, alive): SignedIn, Form(typed): Form<Typed>) -> Answer {
    let again = |problem| show(&visit, StatusCode::UNPROCESSABLE_ENTITY, (true, Some(problem)));
    if typed.current.expose().is_empty() {
        return again(ChangeProblem::Current);
    }
    if typed.new.expose().is_empty() {
        return again(ChangeProblem::New(PasswordProblem::Missing));
    }
    let change = ChangePassword {
        account: alive.account,
        session: alive.session.id,
        device: alive.session.device,
        current: typed.current,
        new: typed.new,
        origin: visit.origin.clone(),
    };
    match change_password::change(&visit.web.app, change).await? {
        Changed::Done(granted) => visit.goes_on(&granted, PASSWORD_CHANGED),
        Changed::WrongCurrent => again(ChangeProblem::Current),
        Changed::Refused(problem) => again(ChangeProblem::New(problem.into())),
        Changed::Same => again(ChangeProblem::Same),
        Changed::KeptElsewhere => show(&visit, StatusCode::CONFLICT, (false, None)),
        Changed::Later(shut) => Err(too_many(&visit.web.app, &shut).into()),
        Changed::Gone => visit.go(RAN_OUT),
    }
}
