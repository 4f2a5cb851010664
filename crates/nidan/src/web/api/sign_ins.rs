//! `/sign-ins`: password, code, session.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use nidan_core::api_key::Scope;
use nidan_core::budget::Suppressed;
use nidan_core::ceremony::{Holder, Purpose};
use nidan_core::email::EmailAddress;
use nidan_core::id::{self, AuthenticatorId, Scoped};
use nidan_core::language::Language;
use nidan_core::secret::Secret;
use nidan_core::time::Timestamp;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::authenticators::{code_refused, not_available};
use super::caller::{May, SignIn};
use super::input::{self, GivenClient, MaybeJson, NoMembers};
use super::refusal::{conflict, not_found, value_refused};
use super::sign_in_document::{Challenge, Challenged, Proven, SignInDocument, other_ways};
use crate::app::App;
use crate::flow::accounts::{Who, find};
use crate::flow::check_code::{self, CheckCode, Checked};
use crate::flow::deny::{self, Denier, Deny};
use crate::flow::look::{Looked, look};
use crate::flow::resend_code::{self, ResendCode, Resent};
use crate::flow::sign_in::{self, Proof, SignInAnswer, Started};
use crate::flow::{By, FlowError, Origin};
use crate::web::error::Refused;
use crate::web::json::{FromObject, Json, Object};
use crate::web::problem::{INVALID_CREDENTIALS, Problem, TOO_MANY};
use crate::web::shut;

pub(super) fn calls() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(begin))
        .routes(routes!(show))
        .routes(routes!(check))
        .routes(routes!(resend))
        .routes(routes!(deny_it))
}

/// Whose sign-in: one of the three.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct NamedAccount {
    /// `acc_…`
    id: Option<String>,
    /// The site's own name.
    external_id: Option<String>,
    /// The e-mail address.
    email: Option<String>,
}

impl FromObject for NamedAccount {
    fn from_object(object: &mut Object) -> Result<Self, Problem> {
        let mut text = |name| object.optional_text(name).map(|text| text.map(|text| text.expose().clone()));
        let named = Self { id: text("id")?, external_id: text("external_id")?, email: text("email")? };
        match [&named.id, &named.external_id, &named.email].into_iter().flatten().count() {
            1 => Ok(named),
            _ => Err(Problem::malformed("account must have one of id, external_id and email.")),
        }
    }
}

impl NamedAccount {
    /// None: what was given can name nobody.
    fn who(&self, app: &App) -> Option<Who> {
        if let Some(id) = &self.id {
            return id.parse().ok().map(Who::Id);
        }
        if let Some(external_id) = &self.external_id {
            return Some(Who::external_id(app, external_id));
        }
        let email = EmailAddress::parse(self.email.as_deref()?).ok()?;
        Some(Who::email(app, &email))
    }
}

/// The client, with the device it is.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct ClientWithDevice {
    /// The owner's network address, as the site sees it.
    #[schema(value_type = String, example = "203.0.113.9")]
    ip: IpAddr,
    /// The `User-Agent` that the owner's program sent.
    #[schema(max_length = 2048)]
    user_agent: String,
    /// The device token that the last sign-in on this device gave.
    #[schema(value_type = Option<String>, example = "ndd_…")]
    device_token: Option<Secret<String>>,
}

impl FromObject for ClientWithDevice {
    fn from_object(object: &mut Object) -> Result<Self, Problem> {
        let GivenClient { ip, user_agent } = GivenClient::from_object(object)?;
        Ok(Self { ip, user_agent, device_token: object.optional_text("device_token")? })
    }
}

/// The beginning of a sign-in.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSignIn {
    /// Whose.
    account: NamedAccount,
    /// The password as typed.
    #[schema(value_type = Option<String>, format = "password")]
    password: Option<Secret<String>>,
    /// In its place `true`: the site has checked it. Needs the scope `assert_password` as well.
    password_verified: Option<bool>,
    /// Where the owner's own request came from.
    client: ClientWithDevice,
    /// `ja` or `en`, of the messages; the account's language otherwise.
    #[schema(value_type = Option<String>, example = "ja")]
    language: Option<Language>,
}

impl FromObject for NewSignIn {
    fn from_object(object: &mut Object) -> Result<Self, Problem> {
        let new = Self {
            account: object.object("account")?,
            password: object.optional_text("password")?,
            password_verified: object.optional_bool("password_verified")?,
            client: object.object("client")?,
            language: input::language(object)?,
        };
        match (&new.password, new.password_verified) {
            (Some(_), None) | (None, Some(true)) => Ok(new),
            _ => Err(Problem::malformed("One of password and password_verified: true must be given.")),
        }
    }
}

/// Begins a sign-in.
///
/// Needs the scope `sign_in`. A wrong password and an unknown account are the same 401. With `status` `code_required` a
/// code is on its way, or the owner's app makes it. On a trusted device the answer is `signed_in` at once; it has no `id`
/// then, nor has `setup_required`, for nothing more is to be done.
#[utoipa::path(
    post, path = "/sign-ins", tag = "sign-ins", security(("site_key" = ["sign_in"])), request_body = NewSignIn,
    responses((status = 201, description = "It is begun", body = SignInDocument))
)]
async fn begin(
    State(app): State<Arc<App>>,
    may: May<SignIn>,
    Json(new): Json<NewSignIn>,
) -> Result<(StatusCode, HeaderMap, axum::Json<SignInDocument>), Refused> {
    let who = new.account.who(&app);
    let proof = match new.password {
        Some(password) => Proof::Password(password),
        None => {
            may.also(Scope::AssertPassword)?;
            Proof::SiteVouches
        }
    };
    let language = match (new.language, who) {
        (Some(language), _) => language,
        (None, Some(who)) => {
            find(&app, who).await.map_err(FlowError::from)?.map_or(app.site.language, |account| account.language)
        }
        (None, None) => app.site.language,
    };
    let ClientWithDevice { ip, user_agent, device_token } = new.client;
    let client = GivenClient { ip, user_agent }.client();
    let origin = Origin { client, language, api_key: Some(may.site.key) };
    let sign_in = sign_in::SignIn { who, proof, by: By::Site, device_token, origin };
    match sign_in::begin(&app, sign_in).await? {
        SignInAnswer::InvalidCredentials => Err(Problem::new(&INVALID_CREDENTIALS).into()),
        SignInAnswer::Later(shut) => Err(shut::too_many(&app, &shut).into()),
        SignInAnswer::Granted(granted) => {
            Ok((StatusCode::CREATED, HeaderMap::new(), axum::Json(SignInDocument::granted(&granted))))
        }
        SignInAnswer::CodeRequired(started) | SignInAnswer::EmailToConfirm(started) => begun(&app, started).await,
    }
}

async fn begun(
    app: &Arc<App>,
    started: Started,
) -> Result<(StatusCode, HeaderMap, axum::Json<SignInDocument>), Refused> {
    let looked = looked_at(app, started.ceremony).await?;
    let mut document = SignInDocument::of(&looked);
    document.device_token = started.device_token.map(|token| token.expose().clone());
    let location = HeaderValue::try_from(format!("/api/v1/sign-ins/{}", started.ceremony));
    let mut headers = HeaderMap::new();
    headers.extend(location.ok().map(|location| (LOCATION, location)));
    Ok((StatusCode::CREATED, headers, axum::Json(document)))
}

/// The sign-in that an address names, if it is a site's.
async fn named(app: &Arc<App>, text: &str) -> Result<Looked, Refused> {
    looked_at(app, input::id(text)?).await
}

async fn looked_at(app: &Arc<App>, ceremony: Scoped<id::Ceremony>) -> Result<Looked, Refused> {
    let looked = look(app, ceremony, Holder::Site).await?;
    // The confirming of a method has an address of its own.
    let looked = looked.filter(|looked| looked.purpose != Purpose::ConfirmAuthenticator);
    Ok(looked.ok_or_else(not_found)?)
}

/// A sign-in goes on where it was begun.
fn origin(looked: &Looked, may: &May<SignIn>) -> Origin {
    Origin { client: looked.client.clone(), language: looked.language, api_key: Some(may.site.key) }
}

/// Shows a sign-in as it stands.
///
/// Needs the scope `sign_in`.
#[utoipa::path(
    get, path = "/sign-ins/{id}", tag = "sign-ins", security(("site_key" = ["sign_in"])),
    params(("id" = String, Path, description = "`sgn_…`")),
    responses((status = 200, description = "The sign-in, with the state of its message", body = SignInDocument))
)]
async fn show(
    State(app): State<Arc<App>>,
    _may: May<SignIn>,
    Path(id): Path<String>,
) -> Result<axum::Json<SignInDocument>, Refused> {
    Ok(axum::Json(SignInDocument::with_state(&named(&app, &id).await?)))
}

/// A code, and what is wished with it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct SignInCode {
    /// As typed: full-width digits, spaces and dashes are fine.
    #[schema(value_type = String, example = "482916")]
    code: Secret<String>,
    /// The app's following code, where the verdict `stronger_proof_needed` came for a code of an app.
    #[schema(value_type = Option<String>, example = "115034")]
    next_code: Option<Secret<String>>,
    /// Whether codes are to be skipped on this device from now on.
    #[schema(default = false)]
    trust_device: Option<bool>,
}

impl FromObject for SignInCode {
    fn from_object(object: &mut Object) -> Result<Self, Problem> {
        Ok(Self {
            code: object.text("code")?,
            next_code: object.optional_text("next_code")?,
            trust_device: object.optional_bool("trust_device")?,
        })
    }
}

/// Checks a code.
///
/// Needs the scope `sign_in`. A code that does not do: 422 with `verdict`, and `tries_left` where it was wrong. The answer
/// is `setup_required` as long as two methods are not confirmed.
#[utoipa::path(
    post, path = "/sign-ins/{id}/code", tag = "sign-ins", security(("site_key" = ["sign_in"])),
    params(("id" = String, Path, description = "`sgn_…`")), request_body = SignInCode,
    responses((status = 200, description = "Signed in", body = Proven))
)]
async fn check(
    State(app): State<Arc<App>>,
    may: May<SignIn>,
    Path(id): Path<String>,
    Json(given): Json<SignInCode>,
) -> Result<axum::Json<Proven>, Refused> {
    let looked = named(&app, &id).await?;
    let check = CheckCode {
        ceremony: looked.ceremony,
        presented: Holder::Site,
        typed: given.code,
        next: given.next_code,
        trust_device: given.trust_device.unwrap_or(false),
        session: None,
        origin: origin(&looked, &may),
    };
    match check_code::check(&app, check).await? {
        Checked::SignedIn(granted) => Ok(axum::Json(Proven::of(&granted))),
        Checked::Refused(verdict) => Err(code_refused(verdict).into()),
        Checked::Later { until } => Err(too_many(&app, Suppressed::GuessWait.name(), until, &looked)),
        Checked::NotFound | Checked::MethodConfirmed { .. } => Err(not_found().into()),
    }
}

/// Which way: at most one is needed.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct Wish {
    /// One of `other_ways`; the same again otherwise.
    authenticator_id: Option<String>,
    /// `sms` or `totp`: the first way of that kind.
    channel: Option<String>,
}

impl FromObject for Wish {
    fn from_object(object: &mut Object) -> Result<Self, Problem> {
        let mut text = |name| object.optional_text(name).map(|text| text.map(|text| text.expose().clone()));
        Ok(Self { authenticator_id: text("authenticator_id")?, channel: text("channel")? })
    }
}

impl Wish {
    /// The method that is wished for; none: the same again.
    fn way(&self, looked: &Looked) -> Result<Option<AuthenticatorId>, Problem> {
        let ways = || looked.method.iter().chain(&looked.other_ways);
        let no_way = |field: &str| value_refused(field, "no_such_way", "The account has no such confirmed method.");
        if let Some(channel) = self.channel.as_deref() {
            match channel {
                "sms" | "totp" => {}
                "voice" => return Err(not_available("channel")),
                _ => return Err(Problem::malformed("channel must be sms or totp.")),
            }
        }
        let is_wished = |kind: &str| self.channel.as_deref().is_none_or(|channel| channel == kind);
        if let Some(id) = &self.authenticator_id {
            let way = ways().find(|way| way.id.to_string() == *id).ok_or_else(|| no_way("authenticator_id"))?;
            return if is_wished(way.kind.name()) { Ok(Some(way.id)) } else { Err(no_way("channel")) };
        }
        match &self.channel {
            None => Ok(None),
            Some(_) => {
                ways().find(|way| is_wished(way.kind.name())).map(|way| Some(way.id)).ok_or_else(|| no_way("channel"))
            }
        }
    }
}

/// Sends the code once more, or turns to another way.
///
/// Needs the scope `sign_in`. For a `totp` way nothing is sent: the app's code is expected. 429 with `reason` `too_early`,
/// `on_its_way` (the newest message has no answer yet), `held_by_carrier` (more would only arrive as a flood) or `no_more`,
/// `Retry-After` and `other_ways`; or with the reason why nothing is sent for now and `still_possible`. 409 when the sign-in or its code is over.
#[utoipa::path(
    post, path = "/sign-ins/{id}/resend", tag = "sign-ins", security(("site_key" = ["sign_in"])),
    params(("id" = String, Path, description = "`sgn_…`")), request_body(content = Option<Wish>),
    responses((status = 202, description = "What is awaited now", body = Challenged))
)]
async fn resend(
    State(app): State<Arc<App>>,
    may: May<SignIn>,
    Path(id): Path<String>,
    MaybeJson(wish): MaybeJson<Wish>,
) -> Result<(StatusCode, axum::Json<Challenged>), Refused> {
    let looked = named(&app, &id).await?;
    let way = wish.way(&looked)?;
    let again = ResendCode { ceremony: looked.ceremony, presented: Holder::Site, way, origin: origin(&looked, &may) };
    match resend_code::resend(&app, again).await? {
        Resent::Done => {
            let now_awaited = looked_at(&app, looked.ceremony).await?;
            Ok((StatusCode::ACCEPTED, axum::Json(Challenged { challenge: Challenge::of(&now_awaited) })))
        }
        Resent::TooEarly { at } => Err(too_many(&app, "too_early", at, &looked)),
        Resent::OnItsWay { at } => Err(too_many(&app, "on_its_way", at, &looked)),
        Resent::Held { until } => Err(too_many(&app, "held_by_carrier", until, &looked)),
        Resent::NoMore => Err(too_many(&app, "no_more", looked.expires_at, &looked)),
        Resent::Shut(shut) => {
            let ways = other_ways(&looked).into_iter().map(|way| serde_json::json!(way)).collect::<Vec<_>>();
            Err(shut::too_many(&app, &shut).member("other_ways", ways).into())
        }
        Resent::Expired => Err(conflict("over", "This sign-in, or its code, is over.").into()),
        Resent::NoSuchWay => {
            Err(value_refused("authenticator_id", "no_such_way", "The account has no such confirmed method.").into())
        }
        Resent::NotFound => Err(not_found().into()),
    }
}

fn too_many(app: &App, reason: &str, until: Timestamp, looked: &Looked) -> Refused {
    let wait = until.since(app.clock.now()).as_seconds_up();
    let ways = other_ways(looked).into_iter().map(|way| serde_json::json!(way)).collect::<Vec<_>>();
    let problem = Problem::new(&TOO_MANY).member("reason", reason).member("other_ways", ways);
    problem.retry_after_s(u32::try_from(wait).unwrap_or(u32::MAX)).into()
}

/// "This was not me": ends the sign-in.
///
/// Needs the scope `sign_in`. One that is over stays as it is.
#[utoipa::path(
    post, path = "/sign-ins/{id}/deny", tag = "sign-ins", security(("site_key" = ["sign_in"])),
    params(("id" = String, Path, description = "`sgn_…`")),
    responses((status = 200, description = "The sign-in as it stands", body = SignInDocument))
)]
async fn deny_it(
    State(app): State<Arc<App>>,
    may: May<SignIn>,
    Path(id): Path<String>,
    MaybeJson(NoMembers): MaybeJson<NoMembers>,
) -> Result<axum::Json<SignInDocument>, Refused> {
    let looked = named(&app, &id).await?;
    let deny =
        Deny { ceremony: looked.ceremony, presented: Denier::Holder(Holder::Site), origin: origin(&looked, &may) };
    match deny::deny(&app, deny).await? {
        true => Ok(axum::Json(SignInDocument::with_state(&looked_at(&app, looked.ceremony).await?))),
        false => Err(not_found().into()),
    }
}
