//! What an answer looks like that is not the one asked for: RFC 9457 problem documents.
//!
//! Every refusal is a [`Problem`], whoever makes it. Programs get it as `application/problem+json`; for people the edge
//! ([`super::edge::Edge`]) dresses the same value as a page, since it travels in the response's extensions. `type` is a stable
//! relative address (`/problems/busy`): the last part is the name that programs may rely on.

use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// A kind of problem: what is the same in all its occurrences.
#[derive(PartialEq, Eq, Debug)]
pub struct Kind {
    /// Its stable name, the last part of `type`.
    pub name: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
    /// One short English sentence.
    pub title: &'static str,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $constant:ident $name:literal $status:ident $title:literal;)*) => {
        $($(#[$doc])* pub const $constant: Kind = Kind { name: $name, status: StatusCode::$status, title: $title };)*
        /// Every kind, for documents and tests.
        pub const ALL: &[&Kind] = &[$(&$constant),*];
    };
}

kinds! {
    /// The request cannot be understood: syntax, types, sizes of fields, unknown or repeated fields.
    MALFORMED "malformed-request" BAD_REQUEST "The request could not be understood.";
    /// The body's type is not the one that this address takes.
    UNSUPPORTED_TYPE "unsupported-media-type" UNSUPPORTED_MEDIA_TYPE "The body has a type that is not accepted here.";
    /// The body is longer than the limit.
    TOO_LARGE "too-large" PAYLOAD_TOO_LARGE "The request is too large.";
    /// The body did not arrive in time.
    TOO_SLOW "too-slow" REQUEST_TIMEOUT "The request took too long to arrive.";
    /// No such address, or nothing there that the caller may know of.
    NOT_FOUND "not-found" NOT_FOUND "There is nothing at this address.";
    /// The address exists, the method does not.
    METHOD_NOT_ALLOWED "method-not-allowed" METHOD_NOT_ALLOWED "This address does not take this method.";
    /// A form that was not sent from our own page: another site's, or a page that outlived its cookie.
    CROSS_SITE "cross-site" FORBIDDEN "The form was not sent from a current page of this site.";
    /// A callback that is not the gateway's whose route it names.
    NOT_THE_GATEWAY "not-the-gateway" FORBIDDEN "The callback is not the gateway's.";
    /// No API key, or one that is unknown or revoked.
    UNAUTHORIZED "unauthorized" UNAUTHORIZED "A valid API key is needed.";
    /// The API key lacks the scope.
    SCOPE_MISSING "scope-missing" FORBIDDEN "The API key may not do this.";
    /// Unknown account and wrong password alike.
    INVALID_CREDENTIALS "invalid-credentials" UNAUTHORIZED "The account or the password is not right.";
    /// The code did not do; the member `verdict` says why.
    CODE_REFUSED "code-refused" UNPROCESSABLE_ENTITY "The code was not accepted.";
    /// A well-formed value that the rules refuse: password, number, e-mail address; the member `field` names it.
    NOT_ACCEPTABLE_VALUE "value-refused" UNPROCESSABLE_ENTITY "A value was not accepted.";
    /// Out of order, finished before, or not possible in this state.
    CONFLICT "conflict" CONFLICT "This cannot be done in the present state.";
    /// Something more is needed first, such as a fresh step-up.
    STEP_UP_REQUIRED "step-up-required" FORBIDDEN "A fresh proof of the account's owner is needed.";
    /// The same Idempotency-Key came with another request.
    KEY_REUSED "idempotency-key-reused" UNPROCESSABLE_ENTITY "This Idempotency-Key was used for another request.";
    /// The first request with this Idempotency-Key is still under way.
    KEY_IN_USE "idempotency-key-in-use" CONFLICT "The first request with this Idempotency-Key is still under way.";
    /// A cap on messages or attempts; the member `reason` names it.
    TOO_MANY "too-many-requests" TOO_MANY_REQUESTS "Too many for now.";
    /// More work waits than can be done in good time.
    BUSY "busy" SERVICE_UNAVAILABLE "The server is busy; try again shortly.";
    /// Something the server depends on does not answer.
    UNAVAILABLE "unavailable" SERVICE_UNAVAILABLE "The service cannot answer just now.";
    /// A fault of ours, in the log under the member `reference`.
    INTERNAL "internal" INTERNAL_SERVER_ERROR "Something went wrong on our side.";
}

/// One occurrence of a problem.
#[derive(Clone, PartialEq, Debug)]
pub struct Problem {
    kind: &'static Kind,
    detail: Option<String>,
    members: Map<String, Value>,
    retry_after_s: Option<u32>,
    allow: Option<HeaderValue>,
}

impl Problem {
    /// A problem of that kind without particulars.
    pub fn new(kind: &'static Kind) -> Self {
        Self { kind, detail: None, members: Map::new(), retry_after_s: None, allow: None }
    }

    /// A [`MALFORMED`] problem which names the place. `detail` must hold nothing that the client sent as a value.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(&MALFORMED).detail(detail)
    }

    /// Adds a sentence on this occurrence, in English, with no value that may be secret.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds an extension member (RFC 9457 §3.2).
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Says when to try again, in whole seconds; also kinds of status 429 and 503 without it say `1`.
    #[must_use]
    pub fn retry_after_s(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds.max(1));
        self
    }

    /// Keeps the `Allow` header that belongs to a 405.
    #[must_use]
    pub(super) fn allow(mut self, methods: Option<HeaderValue>) -> Self {
        self.allow = methods;
        self
    }

    /// Its kind.
    pub fn kind(&self) -> &'static Kind {
        self.kind
    }

    /// An extension member.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// The seconds to wait, if it makes sense to try again.
    pub fn wait_s(&self) -> Option<u32> {
        let may_pass = matches!(self.kind.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        self.retry_after_s.or(may_pass.then_some(1))
    }

    /// The document.
    pub fn document(&self) -> Value {
        let mut document = json!({
            "type": format!("/problems/{}", self.kind.name),
            "title": self.kind.title,
            "status": self.kind.status.as_u16(),
        });
        if let Some(detail) = &self.detail {
            document["detail"] = json!(detail);
        }
        for (name, value) in &self.members {
            document[name] = value.clone();
        }
        document
    }

    /// Sets status and the headers which belong to the problem whatever the body looks like.
    pub fn mark(&self, response: &mut Response) {
        *response.status_mut() = self.kind.status;
        let headers = response.headers_mut();
        if let Some(seconds) = self.wait_s() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if *self.kind == UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(methods) = &self.allow {
            headers.insert(ALLOW, methods.clone());
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.document().to_string().into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        self.mark(&mut response);
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_stable_looking_and_unique() {
        let names: BTreeSet<_> = ALL.iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), ALL.len());
        for kind in ALL {
            assert!(kind.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", kind.name);
            assert!(kind.status.is_client_error() || kind.status.is_server_error(), "{}", kind.name);
        }
    }

    #[test]
    fn a_document_has_the_members_of_the_rfc_and_its_own() {
        let problem = Problem::new(&CODE_REFUSED).member("verdict", "wrong").member("tries_left", 4);
        assert_eq!(
            problem.document(),
            json!({"type": "/problems/code-refused", "title": CODE_REFUSED.title, "status": 422, "verdict": "wrong", "tries_left": 4})
        );
        let response = problem.into_response();
        assert_eq!(response.status(), 422);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert!(!response.headers().contains_key(RETRY_AFTER));
    }

    #[test]
    fn what_may_pass_says_when() {
        assert_eq!(Problem::new(&BUSY).into_response().headers()[RETRY_AFTER], "1");
        assert_eq!(Problem::new(&TOO_MANY).retry_after_s(30).into_response().headers()[RETRY_AFTER], "30");
        assert_eq!(Problem::new(&TOO_MANY).retry_after_s(0).into_response().headers()[RETRY_AFTER], "1");
        assert_eq!(Problem::new(&UNAUTHORIZED).into_response().headers()[WWW_AUTHENTICATE], "Bearer");
    }
}
