//! Pages of sign-up, sign-in and sign-out.

use askama::Template;

use super::{CodeNotice, CodePage, CodeProblem, Frame, MethodKind, Resend, Waiting};

/// Why an e-mail address was not taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum EmailProblem {
    /// Nothing was typed.
    Missing,
    /// It is no e-mail address.
    NotAnAddress,
}

impl EmailProblem {
    fn key(self) -> &'static str {
        match self {
            Self::Missing => "email-missing",
            Self::NotAnAddress => "email-not-an-address",
        }
    }
}

/// Why a new password was not taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PasswordProblem {
    /// Nothing was typed.
    Missing,
    /// Shorter than the policy allows.
    TooShort,
    /// Longer than the policy allows.
    TooLong,
    /// On the list of passwords that many people use.
    Common,
    /// Guessed too soon, or made of the e-mail address or the site's name.
    TooEasy,
}

impl PasswordProblem {
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Missing => "password-missing",
            Self::TooShort => "password-too-short",
            Self::TooLong => "password-too-long",
            Self::Common => "password-common",
            Self::TooEasy => "password-too-easy",
        }
    }
}

impl From<nidan_core::password::PasswordProblem> for PasswordProblem {
    fn from(problem: nidan_core::password::PasswordProblem) -> Self {
        use nidan_core::password::PasswordProblem as Rule;
        match problem {
            Rule::TooShort => Self::TooShort,
            Rule::TooLong => Self::TooLong,
            Rule::Common => Self::Common,
            Rule::Guessable => Self::TooEasy,
        }
    }
}

/// `/sign-up`.
#[derive(Template)]
#[template(path = "sign_up.html")]
pub struct SignUp<'a> {
    /// Around the page.
    pub frame: Frame<'a>,
    /// The address as it was typed; empty at first.
    pub email: &'a str,
    /// What is wrong with the address.
    pub email_problem: Option<EmailProblem>,
    /// What is wrong with the password.
    pub password_problem: Option<PasswordProblem>,
    /// Least length of a password, in characters of one byte.
    pub password_length_min: usize,
}

/// `/sign-up/code`: the code sent to the e-mail address.
#[derive(Template)]
#[template(path = "sign_up_code.html")]
pub struct SignUpCode<'a> {
    /// Around the page.
    pub frame: Frame<'a>,
    /// The message. Its destination is the whole address, so that a typing mistake is seen.
    pub waiting: Waiting,
    /// Why the last code was not accepted.
    pub problem: Option<CodeProblem>,
    /// What became of "send again".
    pub notice: Option<CodeNotice>,
}

/// Why a sign-in did not get past its first page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SignInProblem {
    /// Address or password is wrong, or unknown: the same words for all of it.
    Wrong,
    /// A field was left empty.
    Missing,
}

impl SignInProblem {
    fn key(self) -> &'static str {
        match self {
            Self::Wrong => "sign-in-wrong",
            Self::Missing => "sign-in-missing",
        }
    }
}

/// Why somebody came (back) to the sign-in page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SignInNotice {
    /// Signed out on this device.
    SignedOut,
    /// Signed out everywhere.
    SignedOutEverywhere,
    /// The session or the sign-in under way ran out.
    RanOut,
}

impl SignInNotice {
    fn key(self) -> &'static str {
        match self {
            Self::SignedOut => "notice-signed-out",
            Self::SignedOutEverywhere => "notice-signed-out-everywhere",
            Self::RanOut => "notice-ran-out",
        }
    }
}

/// `/sign-in`.
#[derive(Template)]
#[template(path = "sign_in.html")]
pub struct SignIn<'a> {
    /// Around the page.
    pub frame: Frame<'a>,
    /// The address as it was typed; empty at first.
    pub email: &'a str,
    /// What went wrong.
    pub problem: Option<SignInProblem>,
    /// What happened before.
    pub notice: Option<SignInNotice>,
}

/// What a sign-in asks for in its second step.
pub enum Way {
    /// The code that came by SMS.
    Sent(Waiting),
    /// The code that the authenticator app shows.
    App {
        /// Whether there is another way to prove it.
        other_ways: bool,
        /// Whether two codes in a row are asked for.
        pair: bool,
    },
    /// No code: the message that would have brought it was not sent.
    NotSent(NotSent),
}

/// What is still possible where nothing was sent.
pub struct NotSent {
    /// Whether nothing is sent to unknown devices at all; else it is a matter of time.
    pub closed: bool,
    /// When it was not sent: the time of day.
    pub at: String,
    /// Ways without a message.
    pub ways: Vec<OtherWay>,
    /// Whether a device that is known signs in as ever.
    pub known_device: bool,
    /// Whether a secret from the mailbox frees a message.
    pub release: bool,
    /// Whether waiting helps.
    pub wait: bool,
    /// From when on, where the rule knows it.
    pub again: Option<String>,
    /// Whether a sign-in that is under way can be finished.
    pub finish: bool,
}

/// What became of the release.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ReleaseNotice {
    /// The e-mail is on its way.
    Sent,
    /// What was typed is not in it.
    Wrong,
    /// No more messages for now.
    TooMany,
}

/// `/sign-in/release`: a secret from the mailbox frees a message.
#[derive(Template)]
#[template(path = "release.html")]
pub struct Release<'a> {
    /// Around the page.
    pub frame: Frame<'a>,
    /// The address, masked.
    pub email: &'a str,
    /// What happened before.
    pub notice: Option<ReleaseNotice>,
}

/// `/sign-in/code`.
#[derive(Template)]
#[template(path = "sign_in_code.html")]
pub struct SignInCode<'a> {
    /// Around the page.
    pub frame: Frame<'a>,
    /// What is asked for.
    pub way: Way,
    /// How many digits the code has.
    pub digits: u32,
    /// Why the last code was not accepted.
    pub problem: Option<CodeProblem>,
    /// What became of "send again".
    pub notice: Option<CodeNotice>,
    /// Whether "trust this device" is ticked: at first, or as the reader left it.
    pub trust_ticked: bool,
    /// How long a device is trusted at most, in days.
    pub trust_days: u32,
}

/// One way to take the second step.
#[derive(Clone)]
pub struct OtherWay {
    /// Sent back in the form.
    pub authenticator_id: String,
    /// What it is.
    pub kind: MethodKind,
    /// For SMS the masked number, else empty.
    pub destination: String,
    /// Whether it is the way that is asked for now.
    pub current: bool,
}

/// `/sign-in/other-ways`.
#[derive(Template)]
#[template(path = "other_ways.html")]
pub struct OtherWays<'a> {
    /// Around the page.
    pub frame: Frame<'a>,
    /// All confirmed methods, the current one included.
    pub ways: Vec<OtherWay>,
}

/// `/sign-out`: asks before it does it, so that a link from elsewhere signs nobody out.
#[derive(Template)]
#[template(path = "sign_out.html")]
pub struct SignOut<'a> {
    /// Around the page.
    pub frame: Frame<'a>,
}
