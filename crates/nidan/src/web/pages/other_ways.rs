//! `/sign-in/other-ways`: the code by another method.

use axum::http::StatusCode;
use nidan_core::id::AuthenticatorId;

use super::code::{Door, look_at, nothing_begun, over};
use super::other_way;
use crate::flow::look::Standing;
use crate::flow::resend_code::{self, ResendCode, Resent};
use crate::web::form::{Fields, Form, FromFields};
use crate::web::problem::Problem;
use crate::web::session::Held;
use crate::web::view::OtherWays;
use crate::web::visit::{Answer, Visit};

/// The way that was chosen.
pub struct Chosen(AuthenticatorId);

impl FromFields for Chosen {
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        let text = fields.required("authenticator_id")?;
        let id = text.expose().parse();
        Ok(Self(id.map_err(|_| Problem::malformed("The field authenticator_id is no id of a method."))?))
    }
}

/// The choice.
pub async fn page(visit: Visit) -> Answer {
    let Some(held) = visit.held() else { return nothing_begun(&visit, Door::SignIn) };
    let looked = look_at(&visit, held).await?;
    let Some(looked) = looked.filter(|looked| looked.standing == Standing::Open) else {
        return visit.go("/sign-in/code");
    };
    let current = looked.method.iter().map(|way| other_way(way, true));
    let ways = current.chain(looked.other_ways.iter().map(|way| other_way(way, false))).collect();
    visit.show(StatusCode::OK, &OtherWays { frame: visit.frame("/sign-in/other-ways"), ways })
}

/// Turns to the chosen way.
pub async fn choose(visit: Visit, Form(Chosen(way)): Form<Chosen>) -> Answer {
    let Some(held) = visit.held() else { return nothing_begun(&visit, Door::SignIn) };
    let looked = look_at(&visit, held).await?;
    if looked.and_then(|looked| looked.method).is_some_and(|method| method.id == way) {
        return visit.go("/sign-in/code"); // its code is awaited already, and stays as it is
    }
    let Held { ceremony, presented } = held;
    let wish = ResendCode { ceremony, presented, way: Some(way), origin: visit.origin.clone() };
    match resend_code::resend(&visit.web.app, wish).await? {
        Resent::Done
        | Resent::Shut(_)
        | Resent::TooEarly { .. }
        | Resent::OnItsWay { .. }
        | Resent::Held { .. }
        | Resent::NoMore => visit.go("/sign-in/code"),
        Resent::NoSuchWay => visit.go("/sign-in/other-ways"),
        Resent::Expired | Resent::NotFound => over(visit, Door::SignIn),
    }
}
