//! The page for everything that cannot be shown.

use askama::Template;

use super::Frame;

/// What happened, as far as it helps the reader.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Nothing at this address, or nothing that may be shown.
    NotFound,
    /// The form did not come from this site's page, or the page was too old.
    StaleForm,
    /// The request makes no sense: malformed, too large, wrong method.
    BadRequest,
    /// What was under way has ended, or was never begun here.
    Ended,
    /// Too much to do.
    Busy {
        /// Seconds after which trying again makes sense.
        seconds: u32,
    },
    /// Too many attempts: by whom is not told.
    TooMany {
        /// Minutes after which trying again makes sense.
        minutes: u32,
    },
    /// Our fault.
    Broken,
}

impl ErrorKind {
    fn title(self) -> &'static str {
        match self {
            Self::NotFound => "error-not-found-title",
            Self::StaleForm => "error-stale-form-title",
            Self::BadRequest => "error-bad-request-title",
            Self::Ended => "error-ended-title",
            Self::Busy { .. } => "error-busy-title",
            Self::TooMany { .. } => "error-too-many-title",
            Self::Broken => "error-broken-title",
        }
    }

    /// Key of the text below the title; [`ErrorKind::Busy`] and [`ErrorKind::TooMany`] have one with a variable.
    fn text(self) -> &'static str {
        match self {
            Self::NotFound => "error-not-found-text",
            Self::StaleForm => "error-stale-form-text",
            Self::BadRequest => "error-bad-request-text",
            Self::Ended => "error-ended-text",
            Self::Busy { .. } => "error-busy-text",
            Self::TooMany { .. } => "error-too-many-text",
            Self::Broken => "error-broken-text",
        }
    }
}

/// Any address that cannot show what it should.
#[derive(Template)]
#[template(path = "error.html")]
pub struct ErrorPage<'a> {
    /// Around the page.
    pub frame: Frame<'a>,
    /// What happened.
    pub kind: ErrorKind,
    /// By which the operator finds it in the log.
    pub reference: Option<&'a str>,
}
