//! `/sign-in/release`: where an unknown device gets no message, a secret from the mailbox frees one.

use axum::http::StatusCode;
use nidan_core::secret::Secret;

use super::code::{Door, look_at, nothing_begun, over};
use crate::flow::release::{self, Freed, Wrote};
use crate::flow::resend_code::Resent;
use crate::web::form::{Fields, Form, FromFields, NoFields};
use crate::web::problem::Problem;
use crate::web::session::Held;
use crate::web::shut::too_many;
use crate::web::view::{Release, ReleaseNotice};
use crate::web::visit::{Answer, Visit};

const HERE: &str = "/sign-in/release";

/// The secret that was typed.
pub struct Typed(Secret<String>);

impl FromFields for Typed {
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        Ok(Self(fields.required("secret")?))
    }
}

/// The page.
pub async fn page(visit: Visit) -> Answer {
    let notice = (visit.notice.as_deref() == Some("sent")).then_some(ReleaseNotice::Sent);
    show(visit, (StatusCode::OK, notice)).await
}

async fn show(visit: Visit, (status, notice): (StatusCode, Option<ReleaseNotice>)) -> Answer {
    let Some(held) = visit.held() else { return nothing_begun(&visit, Door::SignIn) };
    let looked = look_at(&visit, held).await?;
    // Where nothing is to be freed there is nothing to do here.
    let Some(looked) = looked.filter(|looked| looked.may_release) else { return visit.go("/sign-in/code") };
    visit.show(status, &Release { frame: visit.frame(HERE), email: &looked.email, notice })
}

fn wish(visit: &Visit, Held { ceremony, presented }: Held) -> release::Release {
    release::Release { ceremony, presented, origin: visit.origin.clone() }
}

/// The e-mail is asked for.
pub async fn send(visit: Visit, _: Form<NoFields>) -> Answer {
    let Some(held) = visit.held() else { return nothing_begun(&visit, Door::SignIn) };
    match release::write(&visit.web.app, wish(&visit, held)).await? {
        Wrote::Sent => visit.go("/sign-in/release?notice=sent"),
        Wrote::Shut(shut) => Err(too_many(&visit.web.app, &shut).into()),
        Wrote::NotFound => over(visit, Door::SignIn),
    }
}

/// The secret is typed.
pub async fn free(visit: Visit, Form(Typed(secret)): Form<Typed>) -> Answer {
    let Some(held) = visit.held() else { return nothing_begun(&visit, Door::SignIn) };
    match release::free(&visit.web.app, wish(&visit, held), secret).await? {
        Freed::Freed(Resent::Shut(_)) | Freed::Shut(_) => {
            show(visit, (StatusCode::TOO_MANY_REQUESTS, Some(ReleaseNotice::TooMany))).await
        }
        Freed::Freed(_) => visit.go("/sign-in/code"),
        Freed::Wrong => show(visit, (StatusCode::UNPROCESSABLE_ENTITY, Some(ReleaseNotice::Wrong))).await,
        Freed::NotFound => over(visit, Door::SignIn),
    }
}
