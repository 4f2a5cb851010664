//! Which site calls, and whether it may.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use nidan_core::alarm::Why;
use nidan_core::api_key::Scope;
use nidan_core::language::Language;

use crate::app::App;
use crate::flow::api_keys::{self, Site};
use crate::flow::{Client, Origin};
use crate::web::error::Refused;
use crate::web::problem::{API_KEY_STOPPED, Problem, SCOPE_MISSING, UNAUTHORIZED};

/// Lets nobody through whose API key does not live. Nothing is said about what is behind.
pub(super) async fn authenticate(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refused> {
    let Some(presented) = bearer(request.headers()) else { return Err(Problem::new(&UNAUTHORIZED).into()) };
    let Some(site) = api_keys::authenticate(&app, presented).await? else {
        return Err(Problem::new(&UNAUTHORIZED).into());
    };
    if let Some(why) = site.stopped {
        return Err(stopped(&site, why).into());
    }
    request.extensions_mut().insert(site);
    Ok(next.run(request).await)
}

/// What a site is told whose key was stopped by itself. Sooner than in a minute nobody will have mended it.
fn stopped(site: &Site, why: Why) -> Problem {
    let detail = format!(
        "This API key was stopped by itself because {}. Mend the program that uses it, then have the operator run \
         `nidan api-key resume {}`.",
        why.in_words(),
        site.key
    );
    Problem::new(&API_KEY_STOPPED).detail(detail).member("reason", why.name()).retry_after_s(60)
}

/// The one bearer token (RFC 6750 §2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_matches(' '))
}

/// A scope as a type, so that a call's signature says which one it needs.
pub(super) trait Needs {
    const SCOPE: Scope;
}

macro_rules! scopes {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        pub(super) enum $name {}
        impl Needs for $name { const SCOPE: Scope = Scope::$name; }
    )*};
}

scopes! {
    /// Changes accounts.
    Accounts
    /// Signs people in.
    SignIn
    /// Reads.
    Read
}

/// A site whose key has the scope that the call needs.
pub(super) struct May<N> {
    /// The site.
    pub site: Site,
    needs: PhantomData<N>,
}

impl<N> May<N> {
    /// Refuses a site whose key lacks a further scope.
    pub(super) fn also(&self, scope: Scope) -> Result<(), Problem> {
        if self.site.scopes.allow(scope) { Ok(()) } else { Err(missing(scope)) }
    }

    /// The site itself as the one who did it.
    pub(super) fn origin(&self, language: Language) -> Origin {
        Origin {
            client: Client { address: None, program: Some(self.site.name.clone()) },
            language,
            api_key: Some(self.site.key),
        }
    }
}

fn missing(scope: Scope) -> Problem {
    Problem::new(&SCOPE_MISSING).member("scope", scope.name())
}

impl<S: Sync, N: Needs> FromRequestParts<S> for May<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let site = parts.extensions.get::<Site>().cloned().ok_or_else(|| Problem::new(&UNAUTHORIZED))?;
        let may = Self { site, needs: PhantomData };
        may.also(N::SCOPE)?;
        Ok(may)
    }
}
