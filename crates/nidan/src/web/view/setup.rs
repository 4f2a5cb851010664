//! Pages of `/setup`: one step each, in the order phone number, authenticator app, done.

use askama::Template;

use super::{CodeNotice, CodePage, CodeProblem, Frame, MethodKind, Resend, Waiting};

/// Why a phone number was not taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PhoneProblem {
    /// Nothing was typed.
    Missing,
    /// It is no phone number.
    NotANumber,
    /// Two different numbers could be meant.
    Ambiguous,
    /// Not a Japanese number.
    Foreign,
    /// An IP-phone number (050): it takes no SMS.
    IpPhone,
    /// A fixed line or another number that takes no SMS.
    NoSms,
    /// Too many codes went to this number; nothing was sent.
    TooMany,
}

impl PhoneProblem {
    fn key(self) -> &'static str {
        match self {
            Self::Missing => "phone-missing",
            Self::NotANumber => "phone-not-a-number",
            Self::Ambiguous => "phone-ambiguous",
            Self::Foreign => "phone-foreign",
            Self::IpPhone => "phone-ip",
            Self::NoSms => "phone-no-sms",
            Self::TooMany => "phone-too-many",
        }
    }
}

impl From<nidan_core::phone::PhoneProblem> for PhoneProblem {
    fn from(problem: nidan_core::phone::PhoneProblem) -> Self {
        use nidan_core::phone::{NumberKind, PhoneProblem as Rule};
        match problem {
            Rule::NotANumber => Self::NotANumber,
            Rule::Ambiguous => Self::Ambiguous,
            Rule::ForeignCountry => Self::Foreign,
            Rule::NoSms(NumberKind::IpPhone) => Self::IpPhone,
            Rule::NoSms(_) => Self::NoSms,
        }
    }
}

/// The phone number is to be typed.
#[derive(Template)]
#[template(path = "setup_phone.html")]
pub struct SetupPhone<'a> {
    /// Around the page.
    pub frame: Frame<'a>,
    /// The number as it was typed; empty at first.
    pub phone: &'a str,
    /// What is wrong with it.
    pub problem: Option<PhoneProblem>,
}

/// The phone number is to be confirmed.
#[derive(Template)]
#[template(path = "setup_phone_code.html")]
pub struct SetupPhoneCode<'a> {
    /// Around the page.
    pub frame: Frame<'a>,
    /// The message.
    pub waiting: Waiting,
    /// Why the last code was not accepted.
    pub problem: Option<CodeProblem>,
    /// What became of "send again".
    pub notice: Option<CodeNotice>,
}

/// The authenticator app is to be set up. The one page that shows its secret, to its owner, before it counts.
#[derive(Template)]
#[template(path = "setup_app.html")]
pub struct SetupApp<'a> {
    /// Around the page.
    pub frame: Frame<'a>,
    /// The QR code, from [`super::qr::svg`]. Goes into the page as it is.
    pub qr_svg: &'a str,
    /// The key to type, base32 in groups of 4 separated by spaces.
    pub key: &'a str,
    /// The same for an app on the device that shows the page.
    pub otpauth_uri: &'a str,
    /// Why the last code was not accepted.
    pub problem: Option<CodeProblem>,
}

/// The authenticator app is next, and nothing for it is there yet, or its time is over.
#[derive(Template)]
#[template(path = "setup_app_start.html")]
pub struct SetupAppStart<'a> {
    /// Around the page.
    pub frame: Frame<'a>,
}

/// Two methods are confirmed.
#[derive(Template)]
#[template(path = "setup_done.html")]
pub struct SetupDone<'a> {
    /// Around the page.
    pub frame: Frame<'a>,
    /// What was set up, and for SMS the masked number.
    pub methods: Vec<(MethodKind, String)>,
}
