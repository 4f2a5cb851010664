//! `/sign-up`.

use axum::http::StatusCode;
use nidan_core::secret::Secret;

use super::Outside;
use crate::flow::sign_up::{self, SignUpAnswer};
use crate::web::form::{Fields, Form, FromFields};
use crate::web::problem::Problem;
use crate::web::shut::too_many;
use crate::web::view::{EmailProblem, PasswordProblem, SignUp};
use crate::web::visit::{Answer, Visit};

/// What is typed to sign up, and to sign in.
pub struct Credentials {
    /// The e-mail address.
    pub email: Secret<String>,
    /// The password.
    pub password: Secret<String>,
}

impl FromFields for Credentials {
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self { email: fields.required("email")?, password: fields.required("password")? })
    }
}

/// The form.
pub async fn page(Outside(visit): Outside) -> Answer {
    show(&visit, StatusCode::OK, "", (None, None))
}

fn show(
    visit: &Visit,
    status: StatusCode,
    email: &str,
    (email_problem, password_problem): (Option<EmailProblem>, Option<PasswordProblem>),
) -> Answer {
    let page = SignUp {
        frame: visit.frame("/sign-up"),
        email,
        email_problem,
        password_problem,
        password_length_min: visit.web.app.policy.password_bytes_min,
    };
    visit.show(status, &page)
}

/// Begins a sign-up.
pub async fn begin(visit: Visit, Form(form): Form<Credentials>) -> Answer {
    let email = form.email.expose().trim().to_owned();
    let (no_email, no_password) = (email.is_empty(), form.password.expose().is_empty());
    let sign_up = sign_up::SignUp { email: email.clone(), password: form.password, origin: visit.origin.clone() };
    match sign_up::begin(&visit.web.app, sign_up).await? {
        SignUpAnswer::CodeSent { token } => visit.owe(Some(&token), None, "/sign-up/code"),
        SignUpAnswer::Later(shut) => Err(too_many(&visit.web.app, &shut).into()),
        SignUpAnswer::Refused { not_an_address, password } => {
            let email_problem = match (no_email, not_an_address) {
                (true, _) => Some(EmailProblem::Missing),
                (false, true) => Some(EmailProblem::NotAnAddress),
                (false, false) => None,
            };
            let password_problem =
                if no_password { Some(PasswordProblem::Missing) } else { password.map(PasswordProblem::from) };
            show(&visit, StatusCode::UNPROCESSABLE_ENTITY, &email, (email_problem, password_problem))
        }
    }
}
