//! `/notice`: an owner answers a notice by the reference that it carries. From any browser, without signing in.
//!
//! The reference is typed once and then kept in a cookie, not in an address: addresses end up in histories and logs.

use axum::extract::Path;
use axum::http::StatusCode;
use nidan_core::id::MessageId;
use nidan_core::notice::{Reference, Said, ends};
use nidan_core::secret::Secret;
use nidan_core::time::Span;

use super::messages::program;
use crate::flow::answer_notice::{self, Ask, Found, Shown};
use crate::web::cookies::CookieName;
use crate::web::form::{Fields, Form, FromFields};
use crate::web::moment;
use crate::web::problem::Problem;
use crate::web::shut::too_many;
use crate::web::view::{NoticeEvent, NoticeForm, NoticeProblem};
use crate::web::visit::{Answer, Visit};

const HERE: &str = "/notice";
const AGAIN: &str = "/notice?notice=again";
/// How long the browser keeps what was typed.
const KEPT: Span = Span::minutes(60);

/// The reference that was typed.
pub struct Typed(Secret<String>);

impl FromFields for Typed {
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self(fields.required("reference")?))
    }
}

/// One of the two buttons.
pub struct Pressed(Said);

impl FromFields for Pressed {
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        match fields.required("answer")?.expose().as_str() {
            "me" => Ok(Self(Said::Me)),
            "not_me" => Ok(Self(Said::NotMe)),
            _ => Err(Problem::malformed("The field answer has a value that it cannot have.")),
        }
    }
}

/// Asks for the reference.
pub async fn page(visit: Visit) -> Answer {
    let problem = (visit.notice.as_deref() == Some("again")).then_some(NoticeProblem::Again);
    visit.show(StatusCode::OK, &NoticeForm { frame: visit.frame(HERE), problem })
}

/// The reference is typed.
pub async fn look_up(mut visit: Visit, Form(Typed(typed)): Form<Typed>) -> Answer {
    let reference = Reference::read(typed.expose()).map(|reference| reference.reveal());
    match answer_notice::find(&visit.web.app, &Ask { typed, origin: visit.origin.clone() }).await? {
        Found::Notice(shown) => {
            visit.set_secret(CookieName::Notice, reference.as_ref(), KEPT);
            visit.go(&address(shown.id))
        }
        Found::Unknown => {
            let page = NoticeForm { frame: visit.frame(HERE), problem: Some(NoticeProblem::Unknown) };
            visit.show(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Found::Later(shut) => Err(too_many(&visit.web.app, &shut).into()),
    }
}

fn address(id: MessageId) -> String {
    format!("{HERE}/{id}")
}

/// What the browser keeps of the notice at this address; none: the reference is to be typed first.
fn asked(visit: &Visit, id: &str) -> Option<(MessageId, Ask)> {
    let typed = visit.cookies.get(CookieName::Notice)?.clone();
    Some((id.parse().ok()?, Ask { typed, origin: visit.origin.clone() }))
}

/// What happened, and the two buttons.
pub async fn event(visit: Visit, Path(id): Path<String>) -> Answer {
    let Some((id, ask)) = asked(&visit, &id) else { return visit.go(HERE) };
    match answer_notice::find(&visit.web.app, &ask).await? {
        Found::Notice(shown) if shown.id == id => show(&visit, &shown),
        Found::Notice(_) | Found::Unknown => visit.go(AGAIN),
        Found::Later(shut) => Err(too_many(&visit.web.app, &shut).into()),
    }
}

fn show(visit: &Visit, shown: &Shown) -> Answer {
    let Some(ends) = ends(shown.kind) else { return visit.go(HERE) };
    let frame = visit.frame(HERE);
    let when = |at| moment::day_and_clock(&visit.web.app, visit.origin.language, at);
    let (here, at, program) = (address(shown.id), when(shown.at), program(&frame.t, shown.program.as_deref()));
    let page = NoticeEvent {
        frame: visit.frame(&here),
        kind: shown.kind,
        ends,
        at: &at,
        program: &program,
        network_seen: shown.network_seen,
        said: shown.said.map(|(said, at)| (said, when(at))),
        keeps_password: shown.keeps_password,
    };
    visit.show(StatusCode::OK, &page)
}

/// A button is pressed.
pub async fn answer(visit: Visit, Path(id): Path<String>, Form(Pressed(said)): Form<Pressed>) -> Answer {
    let Some((id, ask)) = asked(&visit, &id) else { return visit.go(AGAIN) };
    match answer_notice::answer(&visit.web.app, answer_notice::Answer { ask, notice: id, said }).await? {
        Found::Notice(()) => visit.go(&address(id)),
        Found::Unknown => visit.go(AGAIN),
        Found::Later(shut) => Err(too_many(&visit.web.app, &shut).into()),
    }
}
