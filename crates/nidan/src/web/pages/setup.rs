//! `/setup`: two methods, one step after the other.

use axum::http::StatusCode;
use nidan_core::methods::Kind;
use nidan_core::phone::PhoneNumber;
use nidan_core::secret::Secret;

use super::sign_in::RAN_OUT;
use super::{CodeForm, code_notice, code_problem, method_kind, resend_notice, waiting};
use crate::flow::add_method::Added;
use crate::flow::check_code::Checked;
use crate::flow::look::{Looked, Standing};
use crate::flow::session::Alive;
use crate::flow::setup::{self, Pairing, Setup};
use crate::web::error::Failure;
use crate::web::form::{Fields, Form, FromFields, NoFields};
use crate::web::problem::Problem;
use crate::web::session::SettingUp;
use crate::web::view::{
    CodePage, CodeProblem, PhoneProblem, SetupApp, SetupAppStart, SetupDone, SetupPhone, SetupPhoneCode, qr,
};
use crate::web::visit::{Answer, Visit};

/// Where numbers typed without a country code are.
const HOME_REGION: &str = "JP";
const PAGE: &str = "/setup";

/// A phone number as typed.
pub struct Phone(Secret<String>);

impl FromFields for Phone {
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self(fields.required("phone")?))
    }
}

/// The step that is due.
pub async fn page(SettingUp(visit, alive): SettingUp) -> Answer {
    show(&visit, &alive, StatusCode::OK, None).await
}

/// Leads from the address of a form to the page that has it.
pub async fn back(SettingUp(visit, _): SettingUp) -> Answer {
    visit.go(PAGE)
}

async fn show(visit: &Visit, alive: &Alive, status: StatusCode, problem: Option<CodeProblem>) -> Answer {
    let frame = visit.frame(PAGE);
    // What is over is begun anew, except on the page that says that it is over.
    let shown = |standing| standing == Standing::Open || problem.is_some();
    match setup::look(&visit.web.app, alive).await? {
        None => visit.go(RAN_OUT),
        Some(Setup::ConfirmPhone(looked)) if shown(looked.standing) => phone_code(visit, &looked, status, problem),
        Some(Setup::AddPhone | Setup::ConfirmPhone(_)) => phone_form(visit, StatusCode::OK, ("", None)),
        Some(Setup::ConfirmApp(pairing)) if shown(pairing.standing) => app_code(visit, &pairing, status, problem),
        Some(Setup::AddApp | Setup::ConfirmApp(_)) => visit.show(StatusCode::OK, &SetupAppStart { frame }),
        Some(Setup::Done(ways)) => {
            let methods = ways.into_iter().map(|way| (method_kind(way.kind), way.destination)).collect();
            visit.show(StatusCode::OK, &SetupDone { frame, methods })
        }
    }
}

fn phone_form(visit: &Visit, status: StatusCode, (phone, problem): (&str, Option<PhoneProblem>)) -> Answer {
    visit.show(status, &SetupPhone { frame: visit.frame(PAGE), phone, problem })
}

fn phone_code(visit: &Visit, looked: &Looked, status: StatusCode, problem: Option<CodeProblem>) -> Answer {
    let Some(waiting) = waiting(&visit.web.app, CodePage::SetupPhone, looked) else {
        return phone_form(visit, StatusCode::OK, ("", None));
    };
    let (frame, notice) = (visit.frame(PAGE), code_notice(visit));
    visit.show(status, &SetupPhoneCode { frame, waiting, problem, notice })
}

fn app_code(visit: &Visit, pairing: &Pairing, status: StatusCode, problem: Option<CodeProblem>) -> Answer {
    let qr_svg = qr::svg(pairing.uri.expose()).map_err(Failure::internal)?;
    let page = SetupApp {
        frame: visit.frame(PAGE),
        qr_svg: &qr_svg,
        key: pairing.key.expose(),
        otpauth_uri: pairing.uri.expose(),
        problem,
    };
    visit.show(status, &page)
}

/// A phone number is given.
pub async fn add_phone(SettingUp(visit, alive): SettingUp, Form(Phone(typed)): Form<Phone>) -> Answer {
    let typed = typed.expose().trim();
    let number = match PhoneNumber::parse(typed, HOME_REGION).and_then(PhoneNumber::must_take_sms) {
        Ok(number) => number,
        Err(problem) => {
            let problem = if typed.is_empty() { PhoneProblem::Missing } else { problem.into() };
            return phone_form(&visit, StatusCode::UNPROCESSABLE_ENTITY, (typed, Some(problem)));
        }
    };
    let added = setup::add_phone(&visit.web.app, &alive, number, visit.origin.clone()).await?;
    if let Added::Shut(_) = added {
        let problem = Some(PhoneProblem::TooMany);
        return phone_form(&visit, StatusCode::TOO_MANY_REQUESTS, (typed, problem));
    }
    after_adding(&visit, &added)
}

fn after_adding(visit: &Visit, added: &Added) -> Answer {
    match added {
        // The page shows what is due, also where nothing was to be added.
        Added::Pending { .. } | Added::Shut(_) | Added::CannotAdd(_) | Added::SameNumber | Added::StepUpRequired => {
            visit.go(PAGE)
        }
        Added::NotFound => visit.go(RAN_OUT),
    }
}

/// The code for the phone is typed.
pub async fn confirm_phone(setting_up: SettingUp, Form(form): Form<CodeForm>) -> Answer {
    confirm(setting_up, Kind::Sms, form).await
}

/// The app's code is typed.
pub async fn confirm_app(setting_up: SettingUp, Form(form): Form<CodeForm>) -> Answer {
    confirm(setting_up, Kind::Totp, form).await
}

async fn confirm(SettingUp(visit, alive): SettingUp, kind: Kind, form: CodeForm) -> Answer {
    match setup::confirm(&visit.web.app, &alive, (kind, form.code), visit.origin.clone()).await? {
        Checked::MethodConfirmed { session: Some(granted), .. } | Checked::SignedIn(granted) => {
            visit.goes_on(&granted, PAGE)
        }
        Checked::MethodConfirmed { session: None, .. } | Checked::NotFound | Checked::Later { .. } => visit.go(PAGE),
        Checked::Refused(verdict) => {
            show(&visit, &alive, StatusCode::UNPROCESSABLE_ENTITY, code_problem(verdict)).await
        }
    }
}

/// The code for the phone is asked for again.
pub async fn resend(SettingUp(visit, alive): SettingUp, _: Form<NoFields>) -> Answer {
    match resend_notice(setup::resend(&visit.web.app, &alive, visit.origin.clone()).await?) {
        Some(notice) => visit.go(&format!("{PAGE}?notice={notice}")),
        None => visit.go(PAGE),
    }
}

/// Another phone number is to be given.
pub async fn change_phone(SettingUp(visit, alive): SettingUp, _: Form<NoFields>) -> Answer {
    setup::drop_phone(&visit.web.app, &alive, visit.origin.clone()).await?;
    visit.go(PAGE)
}

/// The app is begun with, or begun with again.
pub async fn start_app(SettingUp(visit, alive): SettingUp, _: Form<NoFields>) -> Answer {
    let added = setup::add_app(&visit.web.app, &alive, visit.origin.clone()).await?;
    after_adding(&visit, &added)
}
