//! Every sentence that a person reads: pages and messages, in Japanese and English.
//!
//! The texts are Fluent files under `locales/`, built into the program. Both languages have the same keys and variables;
//! the tests of this module hold them to that, and to being used.

use std::borrow::Cow;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use nidan_core::language::Language;
use unic_langid::LanguageIdentifier;

/// The Fluent files of a language.
fn sources(language: Language) -> [&'static str; 2] {
    match language {
        Language::Ja => [include_str!("../locales/ja/pages.ftl"), include_str!("../locales/ja/messages.ftl")],
        Language::En => [include_str!("../locales/en/pages.ftl"), include_str!("../locales/en/messages.ftl")],
    }
}

/// The texts that are built in are not valid. [`Texts::load`] fails only if a file was changed without running the tests.
#[derive(Debug, thiserror::Error)]
#[error("the built-in texts for \"{language}\" are damaged: {problem}; build Nidan again from unchanged sources")]
pub struct TextsDamaged {
    language: &'static str,
    problem: String,
}

/// What a text is filled with: words or a number. Numbers choose the plural form.
#[derive(Clone)]
pub struct Arg<'a>(FluentValue<'a>);

impl<'a> From<&'a str> for Arg<'a> {
    fn from(words: &'a str) -> Self {
        Self(FluentValue::String(Cow::Borrowed(words)))
    }
}

impl<'a> From<&'a String> for Arg<'a> {
    fn from(words: &'a String) -> Self {
        Self(FluentValue::String(Cow::Borrowed(words)))
    }
}

macro_rules! arg_from_numbers {
    ($($number:ty),*) => { $(
        impl From<$number> for Arg<'_> {
            fn from(number: $number) -> Self {
                Self(FluentValue::from(number))
            }
        }
        impl From<&$number> for Arg<'_> {
            fn from(number: &$number) -> Self {
                Self(FluentValue::from(*number))
            }
        }
    )* };
}
arg_from_numbers!(u8, u32, u64, i64, usize);

/// All texts in all languages.
pub struct Texts {
    ja: FluentBundle<FluentResource>,
    en: FluentBundle<FluentResource>,
}

impl Texts {
    /// Reads the built-in texts.
    ///
    /// # Errors
    /// [`TextsDamaged`] if a file does not parse or defines a key twice.
    pub fn load() -> Result<Self, TextsDamaged> {
        Ok(Self { ja: bundle(Language::Ja)?, en: bundle(Language::En)? })
    }

    /// The texts in one language, as templates use them.
    pub fn of(&self, language: Language) -> T<'_> {
        T { texts: self, language }
    }

    /// One text, filled in. Lines are separated by `\n`.
    ///
    /// A key or variable that does not exist is a mistake in the program: tests stop on it; in production the key itself is
    /// shown and the mistake logged, since half a page helps more than none.
    pub fn get(&self, language: Language, key: &str, args: &[(&str, Arg<'_>)]) -> String {
        let bundle = match language {
            Language::Ja => &self.ja,
            Language::En => &self.en,
        };
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            return mistake(key, "no such text");
        };
        let mut filled = FluentArgs::with_capacity(args.len());
        for (name, value) in args {
            filled.set(*name, value.0.clone());
        }
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, Some(&filled), &mut errors).into_owned();
        if errors.is_empty() { text } else { mistake(key, "a variable is missing") }
    }
}

fn mistake(key: &str, problem: &str) -> String {
    debug_assert!(false, "text {key}: {problem}");
    tracing::error!(key, problem, "text cannot be shown");
    key.to_owned()
}

fn bundle(language: Language) -> Result<FluentBundle<FluentResource>, TextsDamaged> {
    let damaged = |problem: String| TextsDamaged { language: language.tag(), problem };
    let id: LanguageIdentifier = language.tag().parse().map_err(|error| damaged(format!("{error:?}")))?;
    let mut bundle = FluentBundle::new_concurrent(vec![id]);
    // The marks around arguments that Fluent adds by default would end up in SMS, where each costs a unit of 70.
    bundle.set_use_isolating(false);
    for source in sources(language) {
        let resource =
            FluentResource::try_new(source.to_owned()).map_err(|(_, errors)| damaged(format!("{errors:?}")))?;
        bundle.add_resource(resource).map_err(|errors| damaged(format!("{errors:?}")))?;
    }
    Ok(bundle)
}

/// The texts in one language.
#[derive(Clone, Copy)]
pub struct T<'a> {
    texts: &'a Texts,
    /// The language that is spoken.
    pub language: Language,
}

impl T<'_> {
    /// A text without variables.
    pub fn get(&self, key: &str) -> String {
        self.texts.get(self.language, key, &[])
    }

    /// A text filled in.
    pub fn with(&self, key: &str, args: &[(&str, Arg<'_>)]) -> String {
        self.texts.get(self.language, key, args)
    }
}

/// The SMS that Nidan sends. Every wording takes `brand`, `domain`, `code`, `tag` and `serial`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmsText {
    /// The second step of a sign-in.
    SignIn,
    /// Confirming a phone number.
    Setup,
    /// Somebody else has the password.
    PasswordKnown,
}

impl SmsText {
    /// Keys of its wordings, the fullest first. The first that fits one segment is sent.
    pub fn wordings(self) -> [&'static str; 3] {
        match self {
            Self::SignIn => ["sms-sign-in", "sms-sign-in-compact", "sms-sign-in-shortest"],
            Self::Setup => ["sms-setup", "sms-setup-compact", "sms-setup-shortest"],
            Self::PasswordKnown => ["sms-password-known", "sms-password-known-compact", "sms-password-known-shortest"],
        }
    }
}

/// The e-mails that Nidan sends. Texts take `brand`, those of them that need it also `code`, `tag` and `serial`.
/// A line of a text is a paragraph's line, as long as it may be; an empty line ends the paragraph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailText {
    /// The code that confirms an address.
    ConfirmAddress,
    /// Somebody tried to sign up with an address that has an account. Carries no code.
    AddressInUse,
    /// An old token of a trusted device was used again and the device was signed out.
    DeviceReuse,
    /// Two methods are confirmed: two-step verification is on.
    TwoStepOn,
    /// Somebody else has the password.
    PasswordKnown,
    /// Somebody with the password was stopped so many times more.
    PasswordKnownSummary,
    /// The password was right, and nobody typed the code.
    SecondStepMissed,
    /// Signed in, after attempts of others that failed.
    SuccessAfterFailures,
    /// The secret that frees a message.
    Release,
    /// A known device was ended, after too many wrong codes on it.
    DeviceGuessed,
    /// The password was changed.
    PasswordChanged,
}

impl EmailText {
    /// Key of what it is about; `email-subject` makes the subject of it.
    pub fn title(self) -> &'static str {
        match self {
            Self::ConfirmAddress => "email-confirm-title",
            Self::AddressInUse => "email-address-in-use-title",
            Self::DeviceReuse => "email-device-reuse-title",
            Self::TwoStepOn => "email-two-step-on-title",
            Self::PasswordKnown => "email-password-known-title",
            Self::PasswordKnownSummary => "email-password-known-summary-title",
            Self::SecondStepMissed => "email-second-step-missed-title",
            Self::SuccessAfterFailures => "email-success-after-failures-title",
            Self::Release => "email-release-title",
            Self::DeviceGuessed => "email-device-guessed-title",
            Self::PasswordChanged => "email-password-changed-title",
        }
    }

    /// Key of the text.
    pub fn body(self) -> &'static str {
        match self {
            Self::ConfirmAddress => "email-confirm-body",
            Self::AddressInUse => "email-address-in-use-body",
            Self::DeviceReuse => "email-device-reuse-body",
            Self::TwoStepOn => "email-two-step-on-body",
            Self::PasswordKnown => "email-password-known-body",
            Self::PasswordKnownSummary => "email-password-known-summary-body",
            Self::SecondStepMissed => "email-second-step-missed-body",
            Self::SuccessAfterFailures => "email-success-after-failures-body",
            Self::Release => "email-release-body",
            Self::DeviceGuessed => "email-device-guessed-body",
            Self::PasswordChanged => "email-password-changed-body",
        }
    }
}

#[cfg(test)]
mod tests;
