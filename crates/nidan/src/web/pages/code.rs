//! The pages that ask for a code before there is a session: `/sign-up/code` and `/sign-in/code`.

use axum::http::StatusCode;
use nidan_core::budget::{StillPossible, Suppressed};
use nidan_core::ceremony::{Purpose, Verdict};
use nidan_core::methods::Kind;

use super::sign_in::RAN_OUT;
use super::{CodeForm, code_notice, code_problem, other_way, resend_notice, waiting};
use crate::flow::check_code::{self, CheckCode, Checked};
use crate::flow::lane::Shut;
use crate::flow::look::{self, Looked, Standing};
use crate::flow::resend_code::{self, ResendCode};
use crate::web::cookies::CookieName;
use crate::web::error::Refused;
use crate::web::form::{Form, NoFields};
use crate::web::moment;
use crate::web::session::Held;
use crate::web::shut::too_many;
use crate::web::view::{CodeNotice, CodePage, CodeProblem, ErrorKind, ErrorPage, NotSent, SignInCode, SignUpCode, Way};
use crate::web::visit::{Answer, Visit};

/// What the code leads into.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// An account, by its e-mail address's code.
    SignUp,
    /// A session.
    SignIn,
}

impl Door {
    /// The page that asks for the code.
    const fn page(self) -> &'static str {
        self.waits_on().here()
    }

    /// The same page, as it waits for the message.
    pub const fn waits_on(self) -> CodePage {
        match self {
            Self::SignUp => CodePage::SignUp,
            Self::SignIn => CodePage::SignIn,
        }
    }

    /// Where the code of `looked` is asked for.
    pub fn of(looked: &Looked) -> Self {
        match looked.purpose {
            Purpose::ConfirmEmail => Self::SignUp,
            Purpose::SignIn | Purpose::ConfirmAuthenticator => Self::SignIn,
        }
    }
}

/// What the page says beside its form.
#[derive(Default)]
struct Said {
    problem: Option<CodeProblem>,
    notice: Option<CodeNotice>,
    trust_unticked: bool,
}

/// Shows the form.
pub async fn page(visit: Visit, door: Door) -> Answer {
    let Some(held) = visit.held() else { return nothing_begun(&visit, door) };
    let Some(looked) = look_at(&visit, held).await? else { return over(visit, door) };
    if Door::of(&looked) != door {
        return visit.go(Door::of(&looked).page());
    }
    let notice = code_notice(&visit);
    match looked.standing {
        Standing::Open => show(visit, &looked, StatusCode::OK, Said { notice, ..Said::default() }),
        Standing::UsedUp => {
            let problem = Some(CodeProblem::UsedUp);
            show(visit, &looked, StatusCode::OK, Said { problem, ..Said::default() })
        }
        Standing::Finished => visit.go("/"),
        Standing::Expired => over(visit, door),
    }
}

/// Checks what was typed.
pub async fn check(visit: Visit, Form(form): Form<CodeForm>, door: Door) -> Answer {
    let Some(held) = visit.held() else { return nothing_begun(&visit, door) };
    let check = CheckCode {
        ceremony: held.ceremony,
        presented: held.presented,
        typed: form.code,
        next: form.next_code,
        trust_device: form.trust_device,
        session: None,
        origin: visit.origin.clone(),
    };
    match check_code::check(&visit.web.app, check).await? {
        Checked::SignedIn(granted) => visit.enter(&granted),
        Checked::NotFound => over(visit, door),
        Checked::Later { until } => {
            let shut = Shut { reason: Suppressed::GuessWait, until };
            Err(too_many(&visit.web.app, &shut).into())
        }
        Checked::MethodConfirmed { .. } => visit.go("/setup"),
        Checked::Refused(verdict) => {
            let Some(looked) = look_at(&visit, held).await? else { return over(visit, door) };
            match (verdict, looked.standing) {
                // The button was pressed twice: the first press has done it.
                (Verdict::AlreadyUsed, Standing::Finished) => visit.go("/"),
                (Verdict::Expired, _) if door == Door::SignUp => over(visit, door),
                _ => {
                    let problem = code_problem(verdict);
                    let said = Said { problem, trust_unticked: !form.trust_device, ..Said::default() };
                    show(visit, &looked, StatusCode::UNPROCESSABLE_ENTITY, said)
                }
            }
        }
    }
}

/// Asks for another message.
pub async fn resend(visit: Visit, _: Form<NoFields>, door: Door) -> Answer {
    let Some(Held { ceremony, presented }) = visit.held() else { return nothing_begun(&visit, door) };
    let wish = ResendCode { ceremony, presented, way: None, origin: visit.origin.clone() };
    match resend_notice(resend_code::resend(&visit.web.app, wish).await?) {
        Some(notice) => visit.go(&format!("{}?notice={notice}", door.page())),
        None => over(visit, door),
    }
}

/// What the browser holds, as it stands now.
pub async fn look_at(visit: &Visit, held: Held) -> Result<Option<Looked>, Refused> {
    Ok(look::look(&visit.web.app, held.ceremony, held.presented).await?)
}

/// Where to go without anything under way.
pub fn nothing_begun(visit: &Visit, door: Door) -> Answer {
    visit.go(match door {
        Door::SignUp => "/sign-up",
        Door::SignIn => "/sign-in",
    })
}

/// What was under way is no more.
pub fn over(mut visit: Visit, door: Door) -> Answer {
    visit.clear(CookieName::Flow);
    match door {
        Door::SignIn => visit.go(RAN_OUT),
        Door::SignUp => {
            let page = ErrorPage { frame: visit.frame("/sign-up"), kind: ErrorKind::Ended, reference: None };
            visit.show(StatusCode::GONE, &page)
        }
    }
}

fn show(visit: Visit, looked: &Looked, status: StatusCode, said: Said) -> Answer {
    let app = &visit.web.app;
    let Said { problem, notice, trust_unticked } = said;
    let door = Door::of(looked);
    let frame = visit.frame(door.page());
    let waiting = waiting(app, door.waits_on(), looked);
    match (door, waiting) {
        (Door::SignUp, Some(waiting)) => visit.show(status, &SignUpCode { frame, waiting, problem, notice }),
        (Door::SignIn, waiting) => {
            let way = match (looked.method.as_ref().map(|method| method.kind), waiting) {
                (Some(Kind::Totp), _) => Way::App { other_ways: !looked.other_ways.is_empty(), pair: looked.pair },
                (Some(Kind::Sms), Some(waiting)) => Way::Sent(waiting),
                (Some(Kind::Sms), None) => Way::NotSent(not_sent(&visit, looked)),
                (None, _) => return over(visit, door),
            };
            let trust_days = u32::try_from(app.policy.device_life.as_days()).unwrap_or(u32::MAX);
            let digits = u32::try_from(looked.digits.count()).unwrap_or(u32::MAX);
            let page = SignInCode { frame, way, digits, problem, notice, trust_ticked: !trust_unticked, trust_days };
            visit.show(status, &page)
        }
        (Door::SignUp, None) => over(visit, door),
    }
}

/// What is said in place of a message that was not sent.
fn not_sent(visit: &Visit, looked: &Looked) -> NotSent {
    let (app, language) = (&visit.web.app, visit.origin.language);
    let reason = looked.refused.map(|refused| refused.reason);
    let possible = reason.map_or(&[][..], Suppressed::still_possible);
    let is = |what| possible.contains(&what);
    NotSent {
        closed: reason == Some(Suppressed::PasswordKnown),
        at: looked.refused.map(|refused| moment::clock(app, refused.at)).unwrap_or_default(),
        ways: looked
            .other_ways
            .iter()
            .filter(|_| is(StillPossible::WithoutMessage))
            .map(|way| other_way(way, false))
            .collect(),
        known_device: is(StillPossible::KnownDevice),
        release: looked.may_release,
        wait: is(StillPossible::Wait),
        again: looked.refused.and_then(|refused| moment::from(app, language, refused.until?)),
        finish: is(StillPossible::Finish),
    }
}
