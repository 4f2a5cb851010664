//! What a page that asks for a code says of the message that brings it: the parts that change while the page is open.

use askama::Template;
use nidan_core::news::{News, Told};

use super::{Frame, MethodKind, OtherWay, Sent};

/// Which page asks for the code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CodePage {
    /// `/sign-up/code`: the code came by e-mail.
    SignUp,
    /// `/sign-in/code`.
    SignIn,
    /// `/setup`, where the phone number is confirmed.
    SetupPhone,
}

impl CodePage {
    /// The address of the page.
    pub const fn here(self) -> &'static str {
        match self {
            Self::SignUp => "/sign-up/code",
            Self::SignIn => "/sign-in/code",
            Self::SetupPhone => "/setup",
        }
    }

    /// Where the changes of the page come from.
    pub const fn events(self) -> &'static str {
        match self {
            Self::SignUp => "/sign-up/code/events",
            Self::SignIn => "/sign-in/code/events",
            Self::SetupPhone => "/setup/phone/code/events",
        }
    }

    pub(super) const fn resend_action(self) -> &'static str {
        match self {
            Self::SignUp => "/sign-up/resend",
            Self::SignIn => "/sign-in/resend",
            Self::SetupPhone => "/setup/phone/resend",
        }
    }

    /// Where one begins anew.
    pub(super) const fn start(self) -> &'static str {
        match self {
            Self::SignUp => "/sign-up",
            Self::SignIn => "/sign-in",
            Self::SetupPhone => "/setup",
        }
    }
}

/// Whether the code can be sent again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resend {
    /// At once.
    Now,
    /// Later.
    In {
        /// Seconds left, at least 1.
        seconds: u32,
        /// The time of day then: `09:41:30`.
        at: String,
    },
    /// Not before the message that is being sent has an answer.
    OnItsWay,
    /// Not while the carrier holds what was sent.
    Held {
        /// The time of day until which the code is good: `09:51`.
        until: String,
    },
    /// Not in this attempt: all messages of it were sent.
    NoMore,
}

/// What is said while a message is waited for.
#[derive(Clone)]
pub struct Waiting {
    /// Which page says it.
    pub page: CodePage,
    /// The newest message.
    pub sent: Sent,
    /// What is known of it, and whether another way is due.
    pub told: Told,
    /// Whether its carrier is slow today.
    pub slow: bool,
    /// Whether it can be sent again.
    pub resend: Resend,
    /// Other ways to sign in.
    pub ways: Vec<OtherWay>,
}

impl Waiting {
    pub(super) fn by_mail(&self) -> bool {
        self.page == CodePage::SignUp
    }

    /// Whether the message carries the letters that the page shows.
    pub(super) fn has_tag(&self) -> bool {
        self.page != CodePage::SetupPhone
    }

    pub(super) fn failed(&self) -> bool {
        self.told.news == News::Failed
    }

    pub(super) fn news_key(&self) -> &'static str {
        match (self.by_mail(), self.told.news) {
            (false, News::HandedOver | News::Silence) if self.slow => "news-slow",
            (false, News::Sending) => "news-sms-sending",
            (false, News::HandedOver) => "news-sms-handed-over",
            (false, News::Delivered) => "news-sms-delivered",
            (false, News::Failed) => "news-sms-failed",
            (true, News::Sending) => "news-mail-sending",
            (true, News::HandedOver) => "news-mail-handed-over",
            (true, News::Delivered) => "news-mail-delivered",
            (true, News::Failed) => "news-mail-failed",
            (_, News::Unknown) => "news-unknown",
            (_, News::Silence) => "news-silence",
        }
    }

    /// How the news looks: good, bad, or neither.
    pub(super) fn news_class(&self) -> &'static str {
        match self.told.news {
            News::Delivered => "news arrived",
            News::Failed => "news failed",
            _ if self.told.other_way_due => "news late",
            _ => "news",
        }
    }
}

/// The changing parts of a page, sent after it.
#[derive(Template)]
#[template(path = "waiting.html")]
pub struct WaitingParts<'a> {
    /// Around the page.
    pub frame: Frame<'a>,
    /// What is said now.
    pub waiting: &'a Waiting,
}

/// Said in place of the news once there is nothing to wait for any more.
#[derive(Template)]
#[template(path = "waiting_over.html")]
pub struct WaitingOver<'a> {
    /// Around the page.
    pub frame: Frame<'a>,
    /// Which page says it.
    pub page: CodePage,
    /// Whether a right code was given, in another window.
    pub done: bool,
}
