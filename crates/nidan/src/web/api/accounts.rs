//! `/accounts`: made, found, changed and erased by a site.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use nidan_core::email::EmailAddress;
use nidan_core::language::Language;
use nidan_core::password::{self, PasswordProblem};
use nidan_core::secret::Secret;
use nidan_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::{Accounts, May, Read};
use super::refusal::{conflict, not_found, value_refused};
use super::{input, output};
use crate::app::App;
use crate::flow::FlowError;
use crate::flow::accounts::{self, Account, Change, Create, Created, Who};
use crate::password_hash::{NotImportable, StoredHash};
use crate::web::error::Refused;
use crate::web::form::{Fields, FromFields, Query};
use crate::web::json::{FromObject, Json, Object};
use crate::web::problem::Problem;

pub(super) fn calls() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(create, search)).routes(routes!(show, change, erase))
}

/// An account.
#[derive(Serialize, ToSchema)]
#[schema(as = Account)]
struct AccountDocument {
    /// Its id.
    #[schema(example = "acc_7zc5h8sj4t9q6xw2v1m0k3dn5e")]
    id: String,
    /// The site's own name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    /// Its e-mail address.
    email: String,
    /// The language in which its owner is spoken to.
    #[schema(example = "ja")]
    language: &'static str,
    /// The groups that the site put it into.
    groups: Vec<String>,
    /// When it was made.
    #[schema(format = "date-time")]
    created_at: String,
    /// Since when two methods are confirmed; not there: they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    two_step_since: Option<String>,
}

impl AccountDocument {
    fn of(account: &Account) -> Self {
        Self {
            id: account.id.to_string(),
            external_id: account.external_id.clone(),
            email: account.email.as_str().to_owned(),
            language: account.language.tag(),
            groups: account.groups.clone(),
            created_at: output::time(account.created_at),
            two_step_since: account.two_step_since.map(output::time),
        }
    }
}

/// An account to be made.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    /// Its e-mail address.
    #[schema(value_type = String, format = "email", example = "taro@example.jp")]
    email: Secret<String>,
    /// Whether the site has confirmed the address.
    #[schema(default = false)]
    email_verified: Option<bool>,
    /// The password as its owner typed it: judged, and hashed here.
    #[schema(value_type = Option<String>, format = "password")]
    password: Option<Secret<String>>,
    /// In its place a hash made elsewhere: a PHC string of argon2, scrypt or pbkdf2, or bcrypt.
    #[schema(value_type = Option<String>)]
    password_hash: Option<Secret<String>>,
    /// The site's own name for it.
    #[schema(min_length = 1, max_length = 255)]
    external_id: Option<String>,
    /// `ja` or `en`; the site's default otherwise.
    #[schema(value_type = Option<String>, example = "ja")]
    language: Option<Language>,
    /// Groups, by names of 1 to 64 characters.
    #[schema(max_items = 32)]
    groups: Option<Vec<String>>,
    /// When its owner was last seen by the site that the account comes from.
    #[schema(value_type = Option<String>, format = "date-time")]
    last_seen_at: Option<Timestamp>,
}

impl FromObject for NewAccount {
    fn from_object(object: &mut Object) -> Result<Self, Problem> {
        let new = Self {
            email: object.text("email")?,
            email_verified: object.optional_bool("email_verified")?,
            password: object.optional_text("password")?,
            password_hash: object.optional_text("password_hash")?,
            external_id: input::bounded(object, "external_id", 1..=255)?,
            language: input::language(object)?,
            groups: input::groups(object)?,
            last_seen_at: input::time(object, "last_seen_at")?,
        };
        match new.password.is_some() && new.password_hash.is_some() {
            true => Err(object.problem("password", "cannot stand beside password_hash")),
            false => Ok(new),
        }
    }
}

/// Makes an account.
///
/// Needs the scope `accounts`. An address or external id that another account has: 409 with `reason`. A password or hash
/// that is not taken: 422 with `field` and `reason`.
#[utoipa::path(
    post, path = "/accounts", tag = "accounts", security(("site_key" = ["accounts"])), request_body = NewAccount,
    responses((
        status = 201, description = "It is there", body = AccountDocument,
        headers(("Location" = String, description = "Its address"))
    ))
)]
async fn create(
    State(app): State<Arc<App>>,
    may: May<Accounts>,
    Json(new): Json<NewAccount>,
) -> Result<impl IntoResponse, Refused> {
    let email = email(new.email.expose())?;
    let now = app.clock.now();
    if new.last_seen_at.is_some_and(|at| at > now) {
        return Err(value_refused("last_seen_at", "in_the_future", "Nobody was seen in the future.").into());
    }
    let imported = new.password_hash.is_some();
    let password = match (new.password, new.password_hash) {
        (Some(typed), _) => Some(hashed(&app, &typed, &email).await?),
        (None, Some(hash)) => Some(StoredHash::parse(hash.expose()).map_err(not_importable)?.text().clone()),
        (None, None) => None,
    };
    let language = new.language.unwrap_or(app.site.language);
    let account = accounts::NewAccount {
        email,
        email_verified: new.email_verified.unwrap_or(false),
        external_id: new.external_id,
        password,
        language,
        groups: new.groups.unwrap_or_default(),
        last_seen_at: new.last_seen_at.or((!imported).then_some(now)),
    };
    let create = Create { account, origin: may.origin(language) };
    match accounts::create(&app, create).await? {
        Created::Account(account) => {
            let location = format!("/api/v1/accounts/{}", account.id);
            Ok((StatusCode::CREATED, [(LOCATION, location)], axum::Json(AccountDocument::of(&account))))
        }
        Created::EmailInUse => Err(conflict("email_in_use", "Another account has this e-mail address.").into()),
        Created::ExternalIdInUse => Err(conflict("external_id_in_use", "Another account has this external_id.").into()),
    }
}

fn email(typed: &str) -> Result<EmailAddress, Problem> {
    EmailAddress::parse(typed).map_err(|_| value_refused("email", "not_an_address", "This is no e-mail address."))
}

async fn hashed(app: &Arc<App>, typed: &Secret<String>, email: &EmailAddress) -> Result<Secret<String>, Refused> {
    let about = [email.as_str(), app.site.name.as_str()];
    let password = password::normalise(typed.expose())
        .and_then(|password| password::judge(&password, &about, &app.policy).map(|()| password))
        .map_err(password_refused)?;
    let phc = app.passwords.hash(password, app.random.bytes()).await;
    phc.map_err(|busy| FlowError::from(busy).into())
}

fn password_refused(problem: PasswordProblem) -> Problem {
    let (reason, detail) = match problem {
        PasswordProblem::TooShort => ("too_short", "The password is too short."),
        PasswordProblem::TooLong => ("too_long", "The password is too long."),
        PasswordProblem::Common => ("common", "The password is one that many people have."),
        PasswordProblem::Guessable => ("guessable", "The password is easy to guess."),
    };
    value_refused("password", reason, detail)
}

fn not_importable(why: NotImportable) -> Problem {
    let (reason, detail) = match why {
        NotImportable::UnknownForm => ("unknown_form", "The hash is none of argon2, scrypt, pbkdf2 (PHC) or bcrypt."),
        NotImportable::TooCostly => ("too_costly", "The hash takes more time or memory than is allowed."),
    };
    value_refused("password_hash", reason, detail)
}

/// By what an account is looked for: one of the two.
struct Search {
    email: Option<String>,
    external_id: Option<String>,
}

impl FromFields for Search {
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem> {
        let text = |value: Secret<String>| value.expose().clone();
        Ok(Self { email: fields.optional("email").map(text), external_id: fields.optional("external_id").map(text) })
    }
}

/// Finds the account of an e-mail address or an external id.
///
/// Needs the scope `read`. One of the two is given. Answers the account itself, for either names one at most; else 404.
#[utoipa::path(
    get, path = "/accounts", tag = "accounts", security(("site_key" = ["read"])),
    params(
        ("email" = Option<String>, Query, description = "An e-mail address"),
        ("external_id" = Option<String>, Query, description = "The site's own name"),
    ),
    responses((status = 200, description = "The account", body = AccountDocument))
)]
async fn search(
    State(app): State<Arc<App>>,
    _may: May<Read>,
    Query(search): Query<Search>,
) -> Result<axum::Json<AccountDocument>, Refused> {
    let who = match (search.email, search.external_id) {
        (Some(typed), None) => Who::email(&app, &email(&typed)?),
        (None, Some(external_id)) => Who::external_id(&app, &external_id),
        _ => return Err(Problem::malformed("One of email and external_id must be given.").into()),
    };
    let account = accounts::find(&app, who).await.map_err(FlowError::from)?.ok_or_else(not_found)?;
    Ok(axum::Json(AccountDocument::of(&account)))
}

/// Shows an account.
///
/// Needs the scope `read`.
#[utoipa::path(
    get, path = "/accounts/{id}", tag = "accounts", security(("site_key" = ["read"])),
    params(("id" = String, Path, description = "`acc_…`")),
    responses((status = 200, description = "The account", body = AccountDocument))
)]
async fn show(
    State(app): State<Arc<App>>,
    _may: May<Read>,
    Path(id): Path<String>,
) -> Result<axum::Json<AccountDocument>, Refused> {
    Ok(axum::Json(AccountDocument::of(&input::account(&app, &id).await?)))
}

/// What is to be changed; what is left out stays.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
struct AccountChange {
    /// `ja` or `en`.
    #[schema(value_type = Option<String>, example = "en")]
    language: Option<Language>,
    /// All groups it is to be in.
    #[schema(max_items = 32)]
    groups: Option<Vec<String>>,
    /// When the password was changed at the site that keeps it. From then on nobody who knew the one before knows it, and
    /// unknown devices get messages again.
    #[schema(value_type = Option<String>, format = "date-time")]
    password_changed_at: Option<Timestamp>,
}

impl FromObject for AccountChange {
    fn from_object(object: &mut Object) -> Result<Self, Problem> {
        Ok(Self {
            language: input::language(object)?,
            groups: input::groups(object)?,
            password_changed_at: input::time(object, "password_changed_at")?,
        })
    }
}

/// Changes an account.
///
/// Needs the scope `accounts`.
#[utoipa::path(
    patch, path = "/accounts/{id}", tag = "accounts", security(("site_key" = ["accounts"])),
    params(("id" = String, Path, description = "`acc_…`")), request_body = AccountChange,
    responses((status = 200, description = "The account as it is now", body = AccountDocument))
)]
async fn change(
    State(app): State<Arc<App>>,
    may: May<Accounts>,
    Path(id): Path<String>,
    Json(change): Json<AccountChange>,
) -> Result<axum::Json<AccountDocument>, Refused> {
    let account = input::account(&app, &id).await?;
    let change = Change {
        account: account.id,
        language: change.language,
        groups: change.groups,
        password_changed_at: change.password_changed_at,
        origin: may.origin(account.language),
    };
    let changed = accounts::change(&app, change).await?.ok_or_else(not_found)?;
    Ok(axum::Json(AccountDocument::of(&changed)))
}

/// Erases an account with everything that is kept of it.
///
/// Needs the scope `accounts`.
#[utoipa::path(
    delete, path = "/accounts/{id}", tag = "accounts", security(("site_key" = ["accounts"])),
    params(("id" = String, Path, description = "`acc_…`")),
    responses((status = 204, description = "It is gone"))
)]
async fn erase(
    State(app): State<Arc<App>>,
    _may: May<Accounts>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refused> {
    let account = input::account(&app, &id).await?;
    match accounts::erase(&app, account.id).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(not_found().into()),
    }
}
