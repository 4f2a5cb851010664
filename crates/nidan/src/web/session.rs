//! Who may see a page: anybody, whoever sets two-step verification up, whoever is signed in with two steps. Which of them
//! is said by what a handler takes: [`Visit`], [`SettingUp`] or [`SignedIn`].

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use nidan_core::ceremony::Holder;
use nidan_core::id::{self, Scoped};
use nidan_core::secret::Secret;
use nidan_core::token::{Token, TokenKind};

use super::cookies::CookieName;
use super::error::Refused;
use super::state::Web;
use super::visit::{Answer, Visit};
use crate::flow::grant::Granted;
use crate::flow::session::Alive;

/// A visit with a session of either level; others are sent to sign in.
pub struct SettingUp(pub Visit, pub Alive);

/// A visit with a session of two steps; others are sent to sign in or to finish setting up.
pub struct SignedIn(pub Visit, pub Alive);

impl FromRequestParts<Web> for SettingUp {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Refused> {
        let mut visit = Visit::from_request_parts(parts, web).await?;
        match visit.session.take() {
            Some(alive) => {
                visit.signed_in = true;
                Ok(Self(visit, alive))
            }
            None => Err(Refused::Elsewhere(Box::new(visit.go("/sign-in")?))),
        }
    }
}

impl FromRequestParts<Web> for SignedIn {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Refused> {
        let SettingUp(visit, alive) = SettingUp::from_request_parts(parts, web).await?;
        match alive.session.two_step {
            true => Ok(Self(visit, alive)),
            false => Err(Refused::Elsewhere(Box::new(visit.go("/setup")?))),
        }
    }
}

/// A browser's hold on a ceremony that is under way.
#[derive(Clone, Copy)]
pub struct Held {
    /// Which one.
    pub ceremony: Scoped<id::Ceremony>,
    /// What the browser presents.
    pub presented: Holder,
}

impl Visit {
    /// The ceremony that the browser says is under way.
    pub fn held(&self) -> Option<Held> {
        let token = Token::<id::Ceremony>::parse(TokenKind::Ceremony, self.cookies.get(CookieName::Flow)?.expose())?;
        let ceremony = Scoped { account: token.account, id: token.id };
        Some(Held { ceremony, presented: Holder::Browser(token.hash()) })
    }

    /// A code is owed: the browser holds what was begun and goes to the page `to`.
    pub fn owe(mut self, token: Option<&Secret<String>>, device: Option<&Secret<String>>, to: &str) -> Answer {
        let policy = &self.web.app.policy;
        let (flow_life, device_life) = (policy.setup_life.max(policy.sign_in_life), policy.device_life);
        self.set_secret(CookieName::Flow, token, flow_life);
        self.set_secret(CookieName::Device, device, device_life);
        self.go(to)
    }

    /// A session has begun: the browser gets its token, and goes where it leads.
    pub fn enter(self, granted: &Granted) -> Answer {
        self.goes_on(granted, if granted.two_step { "/security" } else { "/setup" })
    }

    /// A session has begun, or goes on under a new token: the browser gets it and goes to the page `to`.
    pub fn goes_on(mut self, granted: &Granted, to: &str) -> Answer {
        let policy = &self.web.app.policy;
        let (session_life, device_life) = (policy.session_life, policy.device_life);
        self.set_secret(CookieName::Session, Some(&granted.session_token), session_life);
        self.set_secret(CookieName::Device, granted.device_token.as_ref(), device_life);
        self.clear(CookieName::Flow);
        self.go(to)
    }
}
