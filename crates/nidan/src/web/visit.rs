//! Somebody with a browser asks for a page: what every page's handler needs of that, and what it answers with.

use askama::Template;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::{CONTENT_TYPE, LOCATION, SET_COOKIE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use nidan_core::language::Language;
use nidan_core::secret::Secret;
use nidan_core::time::Span;

use super::client::{ClientAddress, Peer, program_name};
use super::cookies::{self, CookieName, Cookies};
use super::csrf;
use super::error::{Failure, Refused};
use super::form::Fields;
use super::lang;
use super::state::Web;
use super::view::Frame;
use crate::flow::Origin;
use crate::flow::session::{self, Alive};

/// How long a browser keeps what no right hangs on: its own random bytes, the language.
const KEPT: Span = Span::days(365);

/// A page, or why there is none.
pub type Answer = Result<Response, Refused>;

/// A browser's request.
pub struct Visit {
    /// What the server has.
    pub web: Web,
    /// What the browser sent of ours.
    pub cookies: Cookies,
    /// Where it comes from and the language it is answered in.
    pub origin: Origin,
    /// The session, if there is one that is alive.
    pub session: Option<Alive>,
    /// What a page before this one wants said on it.
    pub notice: Option<String>,
    /// Whose messages the demo phone is to show.
    pub to: Option<String>,
    /// Where a list is to go on.
    pub before: Option<String>,
    /// Whether somebody is signed in, to whatever level.
    pub signed_in: bool,
    csrf: String,
    fresh: Vec<HeaderValue>,
}

impl FromRequestParts<Web> for Visit {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Refused> {
        let cookies = Cookies::read(&parts.headers)?;
        let mut fields = Fields::parse(parts.uri.query().unwrap_or_default().as_bytes())?;
        let mut field = |name| fields.optional(name).map(|value| value.expose().clone());
        let chosen = field("lang").and_then(|tag| Language::from_tag(&tag));
        // What else is there stands for nothing: mail programs and campaigns hang their own marks onto addresses.
        let (notice, to, before) = (field("notice"), field("to"), field("before"));
        let session = match cookies.get(CookieName::Session) {
            Some(token) => session::check(&web.app, token.expose()).await?,
            None => None,
        };
        let account = session.as_ref().map(|alive| alive.language);
        let language =
            chosen.unwrap_or_else(|| lang::choose(Some(&cookies), account, &parts.headers, web.app.site.language));
        let (browser, is_new) = match csrf::browser(&cookies) {
            Some(browser) => (browser, false),
            None => (web.app.random.bytes(), true),
        };
        let mut visit = Self {
            csrf: web.guard.token(&browser),
            origin: origin(parts, web, language)?,
            web: web.clone(),
            cookies,
            signed_in: session.is_some(),
            session,
            notice,
            to,
            before,
            fresh: Vec::new(),
        };
        if is_new {
            visit.set(CookieName::Browser, &csrf::browser_cookie(&browser), KEPT);
        }
        if let Some(language) = chosen {
            visit.set(CookieName::Language, language.tag(), KEPT);
        }
        Ok(visit)
    }
}

/// Where a request comes from.
fn origin(parts: &Parts, web: &Web, language: Language) -> Result<Origin, Refused> {
    let peer = parts.extensions.get::<Peer>().copied();
    let peer = peer.ok_or_else(|| Failure::internal("a request without the address it came from"))?;
    let address = ClientAddress::of(peer, &parts.headers, &web.trusted_proxies).ip().to_string();
    let program = parts.headers.get(USER_AGENT).and_then(|text| program_name(text.to_str().ok()?));
    Ok(Origin::new(Some(address), program, language))
}

impl Visit {
    /// What is around the page whose address for GET is `here`.
    pub fn frame<'a>(&'a self, here: &'a str) -> Frame<'a> {
        Frame {
            t: self.web.app.texts.of(self.origin.language),
            brand: &self.web.app.site.name,
            here,
            csrf: &self.csrf,
            signed_in: self.signed_in,
            demo_phone: self.web.demo_phone.is_some(),
        }
    }

    /// Shows a page.
    pub fn show(&self, status: StatusCode, page: &impl Template) -> Answer {
        let mut response = render(status, page)?;
        self.add_cookies(&mut response);
        Ok(response)
    }

    /// Sends the browser to another address, to be asked for by GET.
    pub fn go(&self, to: &str) -> Answer {
        let to = HeaderValue::try_from(to).map_err(Failure::internal)?;
        let mut response = (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response();
        self.add_cookies(&mut response);
        Ok(response)
    }

    fn add_cookies(&self, response: &mut Response) {
        for cookie in &self.fresh {
            response.headers_mut().append(SET_COOKIE, cookie.clone());
        }
    }

    /// Gives the browser a cookie with the answer.
    pub fn set(&mut self, name: CookieName, value: &str, life: Span) {
        // Only values that we made ourselves come here, and a test of theirs sees that they can be read back.
        self.fresh.extend(cookies::set(name, value, life));
    }

    /// Gives the browser a secret in a cookie, if there is one to give.
    pub fn set_secret(&mut self, name: CookieName, value: Option<&Secret<String>>, life: Span) {
        if let Some(value) = value {
            self.set(name, value.expose(), life);
        }
    }

    /// Takes a cookie from the browser with the answer.
    pub fn clear(&mut self, name: CookieName) {
        self.fresh.push(cookies::clear(name));
    }
}

/// A page as an answer.
pub fn render(status: StatusCode, page: &impl Template) -> Result<Response, Failure> {
    let text = page.render().map_err(Failure::internal)?;
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    Ok((status, [(CONTENT_TYPE, kind)], Body::from(text)).into_response())
}
