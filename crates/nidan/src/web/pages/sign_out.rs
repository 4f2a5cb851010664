//! `/sign-out`: ends this session. The device stays known, so that it need not be proven again.

use axum::http::StatusCode;

use super::sign_in::SIGNED_OUT;
use crate::flow::session::{End, Ending, end};
use crate::web::cookies::CookieName;
use crate::web::form::{Form, NoFields};
use crate::web::session::SettingUp;
use crate::web::view::SignOut;
use crate::web::visit::Answer;

/// Asks before it is done.
pub async fn page(SettingUp(visit, _): SettingUp) -> Answer {
    visit.show(StatusCode::OK, &SignOut { frame: visit.frame("/sign-out") })
}

/// Does it.
pub async fn leave(SettingUp(mut visit, alive): SettingUp, _: Form<NoFields>) -> Answer {
    let what = Ending::ThisSession(alive.session.id);
    end(&visit.web.app, End { account: alive.account, what, origin: visit.origin.clone() }).await?;
    visit.clear(CookieName::Session);
    visit.clear(CookieName::Flow);
    visit.go(SIGNED_OUT)
}
