//! The demo: what to do first, and the phone that every message reaches. Only where there is a demo phone, and only for who
//! sits at this machine; everybody else finds nothing here.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::IntoResponse;

use crate::send::demo_phone::{self, is_direct_loopback};
use crate::web::client::Peer;
use crate::web::error::Refused;
use crate::web::moment;
use crate::web::problem::{NOT_FOUND, Problem};
use crate::web::state::Web;
use crate::web::view::{DemoChannel, DemoMessage, DemoPhone, DemoStart};
use crate::web::visit::{Answer, Visit};

/// Who may look at the demo phone.
pub struct AtThisMachine {
    visit: Visit,
    phone: demo_phone::DemoPhone,
}

impl FromRequestParts<Web> for AtThisMachine {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Refused> {
        let peer = parts.extensions.get::<Peer>().copied();
        let direct = peer.is_some_and(|peer| is_direct_loopback(&parts.uri, &parts.headers, peer));
        let phone = web.demo_phone.clone().filter(|_| direct).ok_or_else(|| Problem::new(&NOT_FOUND))?;
        Ok(Self { visit: Visit::from_request_parts(parts, web).await?, phone })
    }
}

/// `/demo`.
pub async fn start(AtThisMachine { visit, .. }: AtThisMachine) -> Answer {
    visit.show(StatusCode::OK, &DemoStart { frame: visit.frame("/demo") })
}

/// `/demo/phone`.
pub async fn phone(AtThisMachine { visit, phone }: AtThisMachine) -> Answer {
    let (app, language) = (&visit.web.app, visit.origin.language);
    let shown = |delivery: demo_phone::Delivery| DemoMessage {
        channel: match delivery.channel {
            demo_phone::DemoChannel::Sms => DemoChannel::Sms,
            demo_phone::DemoChannel::Email => DemoChannel::Email,
        },
        text: delivery.whole_text(),
        to: delivery.to,
        at: moment::day_and_clock(app, language, delivery.at),
        language: delivery.language.to_owned(),
    };
    let messages = phone.list(visit.to.as_deref()).into_iter().map(shown).collect();
    visit.show(StatusCode::OK, &DemoPhone { frame: visit.frame("/demo/phone"), messages })
}

/// `/demo/phone.json`.
pub async fn phone_json(AtThisMachine { visit, phone }: AtThisMachine) -> Answer {
    Ok(Json(phone.document(visit.to.as_deref())).into_response())
}
