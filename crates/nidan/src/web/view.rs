//! What each page shows: plain data, decided by the handlers, and the templates that lay it out.
//!
//! A page is a struct with a [`Frame`] and what is particular to it. Times arrive formatted for their reader; codes,
//! passwords and full numbers never arrive, except where a page says so. Every page works without JavaScript.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::texts::T;

mod demo;
mod getting_in;
mod messages;
mod notice;
mod password;
pub mod qr;
mod rest;
mod security;
mod setup;
mod waiting;

pub use demo::{DemoChannel, DemoMessage, DemoPhone, DemoStart};
pub use getting_in::{
    EmailProblem, NotSent, OtherWay, OtherWays, PasswordProblem, Release, ReleaseNotice, SignIn, SignInCode,
    SignInNotice, SignInProblem, SignOut, SignUp, SignUpCode, Way,
};
pub use messages::{Action, Card, HOURS, MessageRow, Messages, Picture, Strip, Tone};
pub use notice::{NoticeEvent, NoticeForm, NoticeProblem};
pub use password::{ChangeProblem, Password};
pub use rest::{ErrorKind, ErrorPage};
pub use security::{Activity, ActivityRow, DeviceRow, MethodRole, MethodRow, Security, SecurityNotice, SessionRow};
pub use setup::{PhoneProblem, SetupApp, SetupAppStart, SetupDone, SetupPhone, SetupPhoneCode};
pub use waiting::{CodePage, Resend, Waiting, WaitingOver, WaitingParts};

/// The one style sheet, set into each page.
pub const STYLE: &str = include_str!("../../assets/nidan.css");

/// The one script. Served at [`SCRIPT_PATH`]; every page works without it.
pub const SCRIPT: &str = include_str!("../../assets/nidan.js");

/// The address that serves [`SCRIPT`]. Pages add a query that changes with the script, so it may be cached for ever.
pub const SCRIPT_PATH: &str = "/assets/nidan.js";

/// The picture beside a page's title in the browser. Served at [`ICON_PATH`] as `image/svg+xml`.
pub const ICON: &str = include_str!("../../assets/icon.svg");

/// The address that serves [`ICON`].
pub const ICON_PATH: &str = "/assets/icon.svg";

/// SHA-256 of [`STYLE`], by which the Content-Security-Policy allows it.
pub fn style_sha256() -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, STYLE.as_bytes()).as_ref());
    hash
}

/// [`SCRIPT_PATH`] with a query that changes with the script.
fn script_address() -> &'static str {
    static ADDRESS: LazyLock<String> = LazyLock::new(|| {
        let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, SCRIPT.as_bytes()));
        format!("{SCRIPT_PATH}?{}", hash.get(..12).unwrap_or_default())
    });
    &ADDRESS
}

/// What all pages have around their content.
#[derive(Clone)]
pub struct Frame<'a> {
    /// The texts in the reader's language.
    pub t: T<'a>,
    /// The site's name.
    pub brand: &'a str,
    /// The address of this page for GET, without query: where the link to the other language leads.
    pub here: &'a str,
    /// The token that forms carry.
    pub csrf: &'a str,
    /// Whether somebody is signed in: the sign-out link is shown.
    pub signed_in: bool,
    /// Whether the demo phone is on: a line says where messages arrive.
    pub demo_phone: bool,
}

impl Frame<'_> {
    /// The language to switch to: its tag and its own name.
    fn other_language(&self) -> (&'static str, &'static str) {
        match self.t.language {
            nidan_core::language::Language::Ja => ("en", "English"),
            nidan_core::language::Language::En => ("ja", "日本語"),
        }
    }
}

/// The latest message that carried the code a page asks for.
#[derive(Clone)]
pub struct Sent {
    /// Where it went, as the reader may see it: `•••• 5678`, `t•••@example.jp`, or an address just typed.
    pub destination: String,
    /// When, for the reader: `09:41`.
    pub at: String,
    /// The letters that the message carries too.
    pub tag: String,
    /// Which message of the account that day.
    pub serial: u32,
}

/// What was done about the code just now.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum CodeNotice {
    /// It was sent again.
    SentAgain,
    /// Sending again was asked for too early, or once too often; nothing was sent. [`Resend`] says why, and when it can be.
    NotSentAgain,
}

/// Why a code was not accepted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum CodeProblem {
    /// What was typed is no code. Cost no try.
    NotACode,
    /// Not this code.
    Wrong {
        /// Tries that are left, at least 1.
        tries_left: u8,
    },
    /// The code was right once, and its time is over.
    Expired,
    /// No tries are left. The page offers a new start and no form.
    UsedUp,
    /// The app's code was accepted before; the next one is awaited.
    AlreadyUsed,
    /// After many wrong codes this one is too short.
    TooShort,
}

impl CodeProblem {
    fn ends_it(self) -> bool {
        matches!(self, Self::UsedUp | Self::Expired)
    }
}

/// How codes reach their owner.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum MethodKind {
    /// By SMS.
    Sms,
    /// From an authenticator app.
    App,
}

impl MethodKind {
    fn key(self) -> &'static str {
        match self {
            Self::Sms => "method-sms",
            Self::App => "method-app",
        }
    }
}

#[cfg(test)]
mod tests;
