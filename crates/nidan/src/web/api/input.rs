//! What requests have in common.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequest;
use axum::http::Request;
use axum::http::header::CONTENT_TYPE;
use nidan_core::id::AccountId;
use nidan_core::language::Language;
use nidan_core::secret::Secret;
use nidan_core::time::Timestamp;
use utoipa::ToSchema;

use super::refusal::not_found;
use crate::app::App;
use crate::flow::accounts::{Account, Who, find};
use crate::flow::{Client, FlowError};
use crate::web::body;
use crate::web::client::{ClientAddress, program_name};
use crate::web::error::Refused;
use crate::web::json::{FromObject, Json, Object};
use crate::web::problem::Problem;

/// An id in the address; whatever is none names nothing.
pub(super) fn id<T: FromStr>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| not_found())
}

/// The account that an address names.
pub(super) async fn account(app: &Arc<App>, text: &str) -> Result<Account, Refused> {
    let id: AccountId = id(text)?;
    Ok(find(app, Who::Id(id)).await.map_err(FlowError::from)?.ok_or_else(not_found)?)
}

/// Where the owner's own request to the site came from.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Client)]
pub(super) struct GivenClient {
    /// The owner's network address, as the site sees it.
    #[schema(value_type = String, example = "203.0.113.9")]
    pub(super) ip: IpAddr,
    /// The `User-Agent` that the owner's program sent.
    #[schema(max_length = 2048)]
    pub(super) user_agent: String,
}

impl FromObject for GivenClient {
    fn from_object(object: &mut Object) -> Result<Self, Problem> {
        let ip = object.text("ip")?.expose().parse();
        let ip = ip.map_err(|_| object.problem("ip", "must be an IPv4 or IPv6 address"))?;
        let user_agent = bounded(object, "user_agent", 0..=2048)?;
        Ok(Self { ip, user_agent: user_agent.ok_or_else(|| object.problem("user_agent", "is missing"))? })
    }
}

impl GivenClient {
    /// As it is kept: the program in a few words.
    pub(super) fn client(&self) -> Client {
        let address = ClientAddress::named(self.ip).ip().to_string();
        Client { address: Some(address), program: program_name(&self.user_agent) }
    }
}

/// A text with so many characters, none of them a control character.
pub(super) fn bounded(
    object: &mut Object,
    name: &str,
    characters: std::ops::RangeInclusive<usize>,
) -> Result<Option<String>, Problem> {
    let Some(text) = object.optional_text(name)? else { return Ok(None) };
    if !characters.contains(&text.expose().chars().count()) {
        let (min, max) = (characters.start(), characters.end());
        return Err(object.problem(name, &format!("must have {min} to {max} characters")));
    }
    if text.expose().chars().any(char::is_control) {
        return Err(object.problem(name, "must have no control characters"));
    }
    Ok(Some(text.expose().clone()))
}

/// `ja` or `en`, if there.
pub(super) fn language(object: &mut Object) -> Result<Option<Language>, Problem> {
    let Some(tag) = object.optional_text("language")? else { return Ok(None) };
    Language::from_tag(tag.expose()).map(Some).ok_or_else(|| object.problem("language", "must be ja or en"))
}

/// Names of groups, if there.
pub(super) fn groups(object: &mut Object) -> Result<Option<Vec<String>>, Problem> {
    const GROUPS_MAX: usize = 32;
    const NAME_MAX: usize = 64;
    let Some(groups) = object.optional_texts("groups")? else { return Ok(None) };
    let fits = |name: &Secret<String>| {
        let name = name.expose();
        (1..=NAME_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control)
    };
    if groups.len() > GROUPS_MAX || !groups.iter().all(fits) {
        return Err(object.problem("groups", "must be at most 32 names of 1 to 64 characters"));
    }
    Ok(Some(groups.iter().map(|name| name.expose().clone()).collect()))
}

/// A point in time in RFC 3339, if there.
pub(super) fn time(object: &mut Object, name: &str) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = object.optional_text(name)? else { return Ok(None) };
    let read: jiff::Timestamp =
        text.expose().parse().map_err(|_| object.problem(name, "must be a time as in RFC 3339"))?;
    Ok(Some(Timestamp::from_ms(read.as_millisecond())))
}

/// A request without members.
pub(super) struct NoMembers;

impl FromObject for NoMembers {
    fn from_object(_: &mut Object) -> Result<Self, Problem> {
        Ok(Self)
    }
}

/// A JSON body of which nothing must be there, so that it may be left out.
pub(super) struct MaybeJson<T>(pub T);

impl<T: FromObject, S: Send + Sync> FromRequest<S> for MaybeJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Problem> {
        if request.headers().contains_key(CONTENT_TYPE) {
            return Json::from_request(request, state).await.map(|Json(value)| Self(value));
        }
        let body = body::read(request.into_body()).await?;
        match body.expose().is_empty() {
            true => Object::parse(b"{}")?.read().map(Self),
            false => Err(Problem::new(&crate::web::problem::UNSUPPORTED_TYPE).detail("application/json is expected.")),
        }
    }
}
