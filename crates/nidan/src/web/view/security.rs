//! `/security`: what the owner of an account has, and what happened to it.

use askama::Template;

use super::{Frame, MethodKind};

/// Which of the two methods.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum MethodRole {
    /// Asked first.
    Primary,
    /// For when the primary one cannot be used.
    Backup,
}

impl MethodRole {
    fn key(self) -> &'static str {
        match self {
            Self::Primary => "role-primary",
            Self::Backup => "role-backup",
        }
    }
}

/// One confirmed method.
pub struct MethodRow {
    /// What it is.
    pub kind: MethodKind,
    /// Primary or backup.
    pub role: MethodRole,
    /// For SMS the masked number, else empty.
    pub destination: String,
    /// The day it was confirmed, for the reader.
    pub since: String,
}

/// One trusted device.
pub struct DeviceRow {
    /// Sent back in the form.
    pub device_id: String,
    /// Browser and system as the owner knows them; empty if unknown.
    pub name: String,
    /// Whether it is the device that shows the page.
    pub this: bool,
    /// When it was used last, for the reader.
    pub last_used: String,
    /// The day its trust ends at the latest, for the reader.
    pub until: String,
}

/// One session.
pub struct SessionRow {
    /// Sent back in the form.
    pub session_id: String,
    /// Browser and system as the owner knows them; empty if unknown.
    pub name: String,
    /// Whether it is the session that shows the page.
    pub this: bool,
    /// When it was signed in, for the reader.
    pub signed_in: String,
    /// When it was used last, for the reader.
    pub last_used: String,
}

/// What happened to an account.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// The account was opened.
    SignedUp,
    /// The e-mail address was confirmed.
    EmailConfirmed,
    /// A method was confirmed.
    MethodAdded(MethodKind),
    /// Two methods are confirmed.
    TwoStepOn,
    /// Signed in with a code.
    SignedIn(MethodKind),
    /// Signed in on a trusted device, with the password alone.
    SignedInTrusted,
    /// Right password, wrong code.
    WrongCode,
    /// Right password; the owner said that it was somebody else.
    SignInDenied,
    /// A device was trusted.
    DeviceTrusted,
    /// A trusted device was removed by the owner.
    DeviceRemoved,
    /// A trusted device was removed because an old token of it was used again.
    DeviceReused,
    /// A known device was ended because of too many wrong codes on it.
    DeviceGuessed,
    /// The password was changed.
    PasswordChanged,
    /// A session was ended by the owner from elsewhere.
    SessionEnded,
    /// Signed out.
    SignedOut,
    /// Signed out everywhere.
    SignedOutEverywhere,
}

impl Activity {
    fn key(self) -> &'static str {
        match self {
            Self::SignedUp => "activity-signed-up",
            Self::EmailConfirmed => "activity-email-confirmed",
            Self::MethodAdded(MethodKind::Sms) => "activity-sms-added",
            Self::MethodAdded(MethodKind::App) => "activity-app-added",
            Self::TwoStepOn => "activity-two-step-on",
            Self::SignedIn(MethodKind::Sms) => "activity-signed-in-sms",
            Self::SignedIn(MethodKind::App) => "activity-signed-in-app",
            Self::SignedInTrusted => "activity-signed-in-trusted",
            Self::WrongCode => "activity-wrong-code",
            Self::SignInDenied => "activity-sign-in-denied",
            Self::DeviceTrusted => "activity-device-trusted",
            Self::DeviceRemoved => "activity-device-removed",
            Self::DeviceReused => "activity-device-reused",
            Self::DeviceGuessed => "activity-device-guessed",
            Self::PasswordChanged => "activity-password-changed",
            Self::SessionEnded => "activity-session-ended",
            Self::SignedOut => "activity-signed-out",
            Self::SignedOutEverywhere => "activity-signed-out-everywhere",
        }
    }

    /// Worth a second look by the owner.
    fn alarming(self) -> bool {
        matches!(self, Self::WrongCode | Self::SignInDenied | Self::DeviceReused | Self::DeviceGuessed)
    }
}

/// One thing that happened.
pub struct ActivityRow {
    /// What.
    pub what: Activity,
    /// When, for the reader.
    pub at: String,
    /// Browser, system and network address, as far as known.
    pub client: String,
}

/// What was done just now.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SecurityNotice {
    /// A trusted device was removed.
    DeviceRemoved,
    /// A session was ended.
    SessionEnded,
    /// The password was changed, and everything older signed out.
    PasswordChanged,
}

impl SecurityNotice {
    fn key(self) -> &'static str {
        match self {
            Self::DeviceRemoved => "notice-device-removed",
            Self::SessionEnded => "notice-session-ended",
            Self::PasswordChanged => "notice-password-changed",
        }
    }
}

/// `/security`.
#[derive(Template)]
#[template(path = "security.html")]
pub struct Security<'a> {
    /// Around the page.
    pub frame: Frame<'a>,
    /// The account's e-mail address, to its owner.
    pub email: &'a str,
    /// The day two-step verification was turned on, for the reader.
    pub two_step_since: &'a str,
    /// Confirmed methods, primary first.
    pub methods: Vec<MethodRow>,
    /// Trusted devices, this one first.
    pub devices: Vec<DeviceRow>,
    /// Sessions, this one first.
    pub sessions: Vec<SessionRow>,
    /// What happened, newest first.
    pub activity: Vec<ActivityRow>,
    /// The day the password was changed last, for the reader; empty: never.
    pub password_changed: String,
    /// What is to be said of the messages lately, and whether that is calm.
    pub messages: (String, bool),
    /// What was done just now.
    pub notice: Option<SecurityNotice>,
}
