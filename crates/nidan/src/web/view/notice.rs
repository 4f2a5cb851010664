//! `/notice`: an owner answers a notice, signed in or not.

use askama::Template;
use nidan_core::message::MessageKind;
use nidan_core::notice::{Ends, Said};

use super::Frame;

/// What the page that asks for the reference has to say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum NoticeProblem {
    /// What was typed names no notice that is to be answered still.
    Unknown,
    /// The reference is to be typed again.
    Again,
}

/// `/notice`.
#[derive(Template)]
#[template(path = "notice.html")]
pub struct NoticeForm<'a> {
    /// Around the page.
    pub frame: Frame<'a>,
    /// What happened before.
    pub problem: Option<NoticeProblem>,
}

/// `/notice/{id}`. Whoever sees it has typed a reference and may be a stranger: no address, number or method is on it.
#[derive(Template)]
#[template(path = "notice_event.html")]
pub struct NoticeEvent<'a> {
    /// Around the page.
    pub frame: Frame<'a>,
    /// What the notice tells of.
    pub kind: MessageKind,
    /// What the answer "not me" ends.
    pub ends: Ends,
    /// When it was, for the reader.
    pub at: &'a str,
    /// The program that it was done with, for the reader.
    pub program: &'a str,
    /// Whether that was in a network from which the owner had signed in before.
    pub network_seen: bool,
    /// What was answered, and when, for the reader.
    pub said: Option<(Said, String)>,
    /// Whether the password is changed here, and not at the site.
    pub keeps_password: bool,
}

impl NoticeEvent<'_> {
    fn what(&self) -> &'static str {
        match self.kind {
            MessageKind::SecondStepMissed => "notice-second-step-missed",
            MessageKind::SuccessAfterFailures => "notice-success-after-failures",
            MessageKind::DeviceReuse => "notice-device-reuse",
            MessageKind::DeviceGuessed => "notice-device-guessed",
            MessageKind::TwoStepOn => "notice-two-step-on",
            MessageKind::PasswordChanged => "notice-password-change",
            MessageKind::PasswordKnownAlert
            | MessageKind::PasswordKnownLetter
            | MessageKind::PasswordKnownSummary
            | MessageKind::SignInCode
            | MessageKind::SetupCode
            | MessageKind::ConfirmEmailCode
            | MessageKind::AddressInUse
            | MessageKind::ReleaseSecret => "notice-password-known",
        }
    }

    /// What "not me" will do.
    fn not_me_hint(&self) -> &'static str {
        match self.ends {
            Ends::UnderWay => "notice-not-me-hint",
            Ends::LetIn => "notice-not-me-hint-let-in",
            Ends::Everything => "notice-not-me-hint-everything",
        }
    }

    /// What "not me" did.
    fn not_me_done(&self) -> &'static str {
        match self.ends {
            Ends::UnderWay => "notice-not-me-done",
            Ends::LetIn => "notice-not-me-done-let-in",
            Ends::Everything => "notice-not-me-done-everything",
        }
    }

    fn said_me(&self) -> bool {
        matches!(self.said, Some((Said::Me, _)))
    }

    fn said_not_me(&self) -> bool {
        matches!(self.said, Some((Said::NotMe, _)))
    }

    fn said_at(&self) -> &str {
        self.said.as_ref().map_or("", |(_, at)| at)
    }
}
