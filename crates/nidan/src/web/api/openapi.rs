//! The description of the API, served at `/api/v1/openapi.json`.

use std::sync::Arc;

use axum::Extension;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Object, OpenApi, Ref, RefOr, Required, Type};
use utoipa::{Modify, OpenApi as _, ToResponse, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The document as it is served.
#[derive(Clone)]
pub(super) struct Document(Arc<str>);

impl Document {
    /// The finished document of what the calls say of themselves.
    pub(super) fn of(mut described: OpenApi) -> Self {
        for item in described.paths.paths.values_mut() {
            let operations = [&mut item.get, &mut item.post, &mut item.patch, &mut item.delete];
            operations.into_iter().flatten().for_each(refuses);
            item.post.iter_mut().for_each(takes_idempotency_key);
        }
        let text = described.to_pretty_json().expect("a description of strings and numbers is JSON");
        Self(text.into())
    }
}

/// Every call may be refused, and every refusal is a problem document.
fn refuses(operation: &mut Operation) {
    let problem = || RefOr::Ref(Ref::from_response_name("Problem"));
    operation.responses.responses.insert("default".to_owned(), problem());
}

fn takes_idempotency_key(operation: &mut Operation) {
    let text = Object::builder().schema_type(Type::String).min_length(Some(1)).max_length(Some(255)).build();
    let parameter: Parameter = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Printable ASCII. A repetition within 24 hours gets the reply of the first request. With another request \
             it is refused (422); while the first is under way too (409, come back after Retry-After).",
        ))
        .schema(Some(text))
        .build();
    operation.parameters.get_or_insert_default().push(parameter.into());
}

/// What is said of the API as a whole.
pub(super) fn head() -> OpenApi {
    Head::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Nidan",
        description = "Two-step verification for sites. Times are RFC 3339 in UTC. Errors are problem documents \
            (RFC 9457) with a stable `type`; 429 and 503 carry `Retry-After`. Unknown members are refused. What has no \
            value is left out of an answer."
    ),
    servers((url = "/api/v1")),
    components(responses(Problem)),
    modifiers(&SiteKey)
)]
struct Head;

/// The API key.
struct SiteKey;

impl Modify for SiteKey {
    fn modify(&self, api: &mut OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("nsk_…")
            .description(Some("A site's API key, made by `nidan api-key create`. Each call names the scope it needs."));
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("site_key", SecurityScheme::Http(scheme.build()));
    }
}

/// A problem document (RFC 9457).
#[derive(Serialize, ToSchema, ToResponse)]
#[response(
    description = "Refused, or failed: a problem document (RFC 9457)",
    content_type = "application/problem+json"
)]
pub(super) struct Problem {
    /// Its stable name, such as `/problems/code-refused`.
    r#type: String,
    /// What it is, in one sentence.
    title: String,
    /// The HTTP status.
    status: u16,
    /// More about this occurrence.
    detail: Option<String>,
    /// The member of the request that was not accepted.
    field: Option<String>,
    /// A stable word that says why.
    reason: Option<String>,
    /// Of a code that was not accepted: `wrong`, `expired`, `used_up`, `already_used` or `not_a_code`.
    verdict: Option<String>,
    /// Of a wrong code: how many more will be looked at.
    tries_left: Option<u8>,
    /// The scope that the API key lacks.
    scope: Option<String>,
    /// Under which a fault of the server is found in its log.
    reference: Option<String>,
}

/// This description.
#[utoipa::path(
    get, path = "/openapi.json", tag = "description", security(()),
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json"))
)]
async fn show(Extension(Document(text)): Extension<Document>) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, kind)], text.to_string()).into_response()
}

/// What is answered without an API key.
pub(super) fn calls() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(show))
}
