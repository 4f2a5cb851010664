//! `/accounts/{id}/authenticators`: an owner's methods.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use nidan_core::ceremony::{Holder, Verdict};
use nidan_core::fate::{Held, shared_fate};
use nidan_core::id::{AuthenticatorId, Scoped};
use nidan_core::methods::{CannotAdd, Kind, Role};
use nidan_core::phone::{PhoneNumber, PhoneProblem};
use nidan_core::secret::Secret;
use nidan_core::sign_in::FirstProof;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::{Accounts, May, Read};
use super::input::{GivenClient, MaybeJson, NoMembers};
use super::refusal::{conflict, not_found, value_refused};
use super::{input, output};
use crate::app::App;
use crate::flow::Origin;
use crate::flow::accounts::{Authenticator, overview};
use crate::flow::add_method::{self, About, AddMethod, Added, NewMeans, app_uri, confirming};
use crate::flow::check_code::{self, CheckCode, Checked};
use crate::flow::remove_method::{self, RemoveMethod, Removed};
use crate::web::error::Failure;
use crate::web::error::Refused;
use crate::web::json::{FromObject, Json, Object};
use crate::web::problem::{CODE_REFUSED, Problem, STEP_UP_REQUIRED};
use crate::web::shut::too_many;
use crate::web::view::qr;

pub(super) fn calls() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(add, list)).routes(routes!(remove)).routes(routes!(confirm))
}

/// A method to be added.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAuthenticator {
    /// `sms` or `totp`.
    #[schema(value_type = String, example = "sms")]
    r#type: Kind,
    /// `primary` (asked first; a phone) or `backup`.
    #[schema(value_type = String, example = "primary")]
    role: Role,
    /// For `sms`: the number as people write it, national or international.
    #[schema(value_type = Option<String>, example = "090-1234-5678")]
    phone: Option<Secret<String>>,
    /// The owner's name for it.
    #[schema(min_length = 1, max_length = 64)]
    label: Option<String>,
    /// The thing it lives on, as its owner calls it: equal names mean one thing.
    #[schema(min_length = 1, max_length = 64, example = "iPhone")]
    lives_on: Option<String>,
    /// Where the owner's own request came from.
    client: Option<GivenClient>,
}

impl FromObject for NewAuthenticator {
    fn from_object(object: &mut Object) -> Result<Self, Problem> {
        let kind = kind(object)?;
        let role = Role::from_name(object.text("role")?.expose())
            .ok_or_else(|| object.problem("role", "must be primary or backup"))?;
        Ok(Self {
            r#type: kind,
            role,
            phone: object.optional_text("phone")?,
            label: input::bounded(object, "label", 1..=64)?,
            lives_on: input::bounded(object, "lives_on", 1..=64)?,
            client: object.optional_object("client")?,
        })
    }
}

impl NewAuthenticator {
    fn means(&self) -> Result<NewMeans, Problem> {
        match (self.r#type, &self.phone) {
            (Kind::Sms, Some(typed)) => {
                let number = PhoneNumber::parse(typed.expose(), "JP").and_then(PhoneNumber::must_take_sms);
                number.map(NewMeans::Phone).map_err(phone_refused)
            }
            (Kind::Sms, None) => Err(Problem::malformed("phone is missing.")),
            (Kind::Totp, None) => Ok(NewMeans::App),
            (Kind::Totp, Some(_)) => Err(Problem::malformed("phone does not belong to totp.")),
        }
    }
}

fn kind(object: &mut Object) -> Result<Kind, Problem> {
    let name = object.text("type")?;
    match (Kind::from_name(name.expose()), name.expose().as_str()) {
        (Some(kind), _) => Ok(kind),
        (None, "voice" | "recovery_codes") => Err(not_available("type")),
        (None, _) => Err(object.problem("type", "must be sms or totp")),
    }
}

/// A method or channel that later versions have.
pub(super) fn not_available(field: &str) -> Problem {
    value_refused(field, "not_available", "This is not available in this version.")
}

/// A method that awaits its first code.
#[derive(Serialize, ToSchema)]
struct AddedAuthenticator {
    /// Its id.
    #[schema(example = "aut_01h2xcejqtf2nbrexx3vqjhp41")]
    id: String,
    /// Always `unconfirmed`: no sign-in asks for it.
    status: &'static str,
    /// For `totp`, this once: what the owner's app reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    otpauth_uri: Option<String>,
    /// The same as a QR code, an SVG image.
    #[serde(skip_serializing_if = "Option::is_none")]
    qr_svg: Option<String>,
    /// For `sms`: the message that brings the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
}

/// Adds a method, which its owner then confirms by a code.
///
/// Needs the scope `accounts`. An unconfirmed one of the same type and role is replaced. Once two methods are confirmed,
/// this is refused with `/problems/step-up-required`.
#[utoipa::path(
    post, path = "/accounts/{id}/authenticators", tag = "authenticators", security(("site_key" = ["accounts"])),
    params(("id" = String, Path, description = "`acc_…`")), request_body = NewAuthenticator,
    responses((status = 201, description = "It awaits its code", body = AddedAuthenticator))
)]
async fn add(
    State(app): State<Arc<App>>,
    may: May<Accounts>,
    Path(id): Path<String>,
    Json(new): Json<NewAuthenticator>,
) -> Result<impl IntoResponse, Refused> {
    let account = input::account(&app, &id).await?;
    let means = new.means()?;
    let origin = match &new.client {
        Some(client) => Origin { client: client.client(), ..may.origin(account.language) },
        None => may.origin(account.language),
    };
    let add = AddMethod {
        account: account.id,
        role: new.role,
        means,
        about: About { label: new.label, lives_on: new.lives_on },
        holder: Holder::Site,
        first_proof: FirstProof::SitePassword,
        origin,
    };
    match add_method::add(&app, add).await? {
        Added::Pending { id, seed, message } => {
            let otpauth_uri = seed.map(|seed| app_uri(&app, &account, &seed).expose().clone());
            let qr_svg = otpauth_uri.as_deref().map(qr::svg).transpose().map_err(Failure::internal)?;
            let message_id = message.map(|id| id.to_string());
            let status = "unconfirmed";
            let added = AddedAuthenticator { id: id.to_string(), status, otpauth_uri, qr_svg, message_id };
            Ok((StatusCode::CREATED, axum::Json(added)))
        }
        Added::CannotAdd(rule) => Err(cannot_add(rule).into()),
        Added::SameNumber => Err(conflict("same_number", "The account has this number already.").into()),
        Added::Shut(shut) => Err(too_many(&app, &shut).into()),
        Added::StepUpRequired => Err(Problem::new(&STEP_UP_REQUIRED).into()),
        Added::NotFound => Err(not_found().into()),
    }
}

fn phone_refused(problem: PhoneProblem) -> Problem {
    let (reason, detail) = match problem {
        PhoneProblem::NotANumber => ("not_a_number", "This is no phone number."),
        PhoneProblem::Ambiguous => ("ambiguous", "The number can be read in two ways."),
        PhoneProblem::ForeignCountry => ("foreign_country", "Only numbers in Japan are taken."),
        PhoneProblem::NoSms(_) => ("no_sms", "The number takes no SMS."),
    };
    value_refused("phone", reason, detail)
}

fn cannot_add(rule: CannotAdd) -> Problem {
    match rule {
        CannotAdd::PrimaryIsAPhone => value_refused("role", "primary_is_a_phone", "A primary method is a phone."),
        CannotAdd::PrimaryExists => conflict("primary_exists", "The account has a primary method."),
        CannotAdd::TooMany => conflict("too_many", "The account has as many methods as it may have."),
    }
}

/// A code that the owner typed.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct GivenCode {
    /// As typed: full-width digits, spaces and dashes are fine.
    #[schema(value_type = String, example = "482916")]
    code: Secret<String>,
}

impl FromObject for GivenCode {
    fn from_object(object: &mut Object) -> Result<Self, Problem> {
        Ok(Self { code: object.text("code")? })
    }
}

/// A method that its owner has confirmed.
#[derive(Serialize, ToSchema)]
struct ConfirmedAuthenticator {
    /// Its id.
    id: String,
    /// Always `confirmed`.
    status: &'static str,
}

/// Confirms a method by a code of it.
///
/// Needs the scope `accounts`. A code that does not do: 422 with `verdict`. Ends the account's sessions and devices.
#[utoipa::path(
    post, path = "/accounts/{id}/authenticators/{authenticator_id}/confirm", tag = "authenticators",
    security(("site_key" = ["accounts"])),
    params(
        ("id" = String, Path, description = "`acc_…`"),
        ("authenticator_id" = String, Path, description = "`aut_…`"),
    ),
    request_body = GivenCode,
    responses((status = 200, description = "It is confirmed", body = ConfirmedAuthenticator))
)]
async fn confirm(
    State(app): State<Arc<App>>,
    may: May<Accounts>,
    Path((id, authenticator)): Path<(String, String)>,
    Json(given): Json<GivenCode>,
) -> Result<axum::Json<ConfirmedAuthenticator>, Refused> {
    let account = input::account(&app, &id).await?;
    let authenticator: AuthenticatorId = input::id(&authenticator)?;
    let check = CheckCode {
        ceremony: Scoped { account: account.id, id: confirming(authenticator) },
        presented: Holder::Site,
        typed: given.code,
        next: None,
        trust_device: false,
        session: None,
        origin: may.origin(account.language),
    };
    match check_code::check(&app, check).await? {
        Checked::MethodConfirmed { .. } => {
            Ok(axum::Json(ConfirmedAuthenticator { id: authenticator.to_string(), status: "confirmed" }))
        }
        Checked::Refused(verdict) => Err(code_refused(verdict).into()),
        Checked::NotFound | Checked::Later { .. } | Checked::SignedIn(_) => Err(not_found().into()),
    }
}

/// Why a code was not accepted.
pub(super) fn code_refused(verdict: Verdict) -> Problem {
    let problem = Problem::new(&CODE_REFUSED);
    match verdict {
        Verdict::Wrong { tries_left } => problem.member("verdict", "wrong").member("tries_left", tries_left),
        Verdict::Expired => problem.member("verdict", "expired"),
        Verdict::UsedUp => problem.member("verdict", "used_up"),
        Verdict::Accepted | Verdict::AlreadyUsed => problem.member("verdict", "already_used"),
        Verdict::NotACode | Verdict::StrongerProofNeeded => problem.member("verdict", verdict.name()),
    }
}

/// A method.
#[derive(Serialize, ToSchema)]
#[schema(as = Authenticator)]
struct AuthenticatorDocument {
    /// Its id.
    id: String,
    /// `sms` or `totp`.
    r#type: &'static str,
    /// `primary` or `backup`.
    role: &'static str,
    /// `unconfirmed` or `confirmed`.
    status: &'static str,
    /// The last digits of its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "•••• 5678")]
    destination: Option<String>,
    /// The owner's name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    /// The thing it lives on.
    #[serde(skip_serializing_if = "Option::is_none")]
    lives_on: Option<String>,
    /// When it was added.
    #[schema(format = "date-time")]
    created_at: String,
    /// When its owner confirmed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    confirmed_at: Option<String>,
}

impl AuthenticatorDocument {
    fn of(known: &Authenticator) -> Self {
        Self {
            id: known.method.id.to_string(),
            r#type: known.method.kind.name(),
            role: known.method.role.name(),
            status: if known.method.confirmed { "confirmed" } else { "unconfirmed" },
            destination: known.phone().map(PhoneNumber::national_masked),
            label: known.about.label.clone(),
            lives_on: known.about.lives_on.clone(),
            created_at: output::time(known.created_at),
            confirmed_at: known.confirmed_at.map(output::time),
        }
    }
}

/// What is left when a thing is lost.
#[derive(Serialize, ToSchema)]
struct LossDocument {
    /// The thing: what confirmed methods live on, else the method's own label or type.
    lose: String,
    /// The ids of the confirmed methods that are still there.
    still_works: Vec<String>,
}

/// An account's methods.
#[derive(Serialize, ToSchema)]
#[schema(as = Authenticators)]
struct AuthenticatorList {
    /// All of them, unconfirmed ones as well.
    authenticators: Vec<AuthenticatorDocument>,
    /// Of each thing that may be lost, what it leaves.
    shared_fate: Vec<LossDocument>,
}

/// Lists an account's methods, masked.
///
/// Needs the scope `read`.
#[utoipa::path(
    get, path = "/accounts/{id}/authenticators", tag = "authenticators", security(("site_key" = ["read"])),
    params(("id" = String, Path, description = "`acc_…`")),
    responses((status = 200, description = "The methods", body = AuthenticatorList))
)]
async fn list(
    State(app): State<Arc<App>>,
    _may: May<Read>,
    Path(id): Path<String>,
) -> Result<axum::Json<AuthenticatorList>, Refused> {
    let account = input::account(&app, &id).await?;
    let known = overview(&app, account.id).await?.ok_or_else(not_found)?.authenticators;
    let held: Vec<Held<'_>> = known.iter().filter(|known| known.method.confirmed).map(held).collect();
    let losses = shared_fate(&held).into_iter().map(|loss| LossDocument {
        lose: loss.lose.to_owned(),
        still_works: loss.still_works.iter().map(ToString::to_string).collect(),
    });
    let authenticators = known.iter().map(AuthenticatorDocument::of).collect();
    Ok(axum::Json(AuthenticatorList { authenticators, shared_fate: losses.collect() }))
}

fn held(known: &Authenticator) -> Held<'_> {
    Held {
        id: known.method.id,
        lives_on: known.about.lives_on.as_deref(),
        otherwise: known.about.label.as_deref().unwrap_or(known.method.kind.name()),
    }
}

/// Removes a method.
///
/// Needs the scope `accounts`. Once two methods are confirmed, a confirmed one is not removed:
/// `/problems/step-up-required`.
#[utoipa::path(
    delete, path = "/accounts/{id}/authenticators/{authenticator_id}", tag = "authenticators",
    security(("site_key" = ["accounts"])),
    params(
        ("id" = String, Path, description = "`acc_…`"),
        ("authenticator_id" = String, Path, description = "`aut_…`"),
    ),
    responses((status = 204, description = "It is gone"))
)]
async fn remove(
    State(app): State<Arc<App>>,
    may: May<Accounts>,
    Path((id, authenticator)): Path<(String, String)>,
    MaybeJson(NoMembers): MaybeJson<NoMembers>,
) -> Result<StatusCode, Refused> {
    let account = input::account(&app, &id).await?;
    let authenticator = input::id(&authenticator)?;
    let remove = RemoveMethod { account: account.id, authenticator, origin: may.origin(account.language) };
    match remove_method::remove(&app, remove).await? {
        Removed::Done => Ok(StatusCode::NO_CONTENT),
        Removed::StepUpRequired => Err(Problem::new(&STEP_UP_REQUIRED).into()),
        Removed::NotFound => Err(not_found().into()),
    }
}
