//! What messages say: the texts of the locale files, filled in, and for SMS fitted into one segment.

use nidan_core::language::Language;
use nidan_core::message::{MessageKind, TooLong, fit};
use nidan_core::secret::Secret;

use crate::config::Site;
use crate::texts::{Arg, EmailText, SmsText, Texts};

/// What a message's text is filled with.
pub struct Filling<'a> {
    /// The code; empty where the message carries none.
    pub code: &'a str,
    /// The challenge's two letters; empty likewise.
    pub tag: &'a str,
    /// Which of the account's messages of the day.
    pub serial: i64,
}

/// A message ready for a route.
pub struct Written {
    /// The subject of an e-mail.
    pub subject: Option<String>,
    /// The text. It may carry a code.
    pub text: Secret<String>,
}

enum Wording {
    Sms(SmsText),
    Email(EmailText),
}

const fn wording(kind: MessageKind) -> Wording {
    match kind {
        MessageKind::SignInCode => Wording::Sms(SmsText::SignIn),
        MessageKind::SetupCode => Wording::Sms(SmsText::Setup),
        MessageKind::ConfirmEmailCode => Wording::Email(EmailText::ConfirmAddress),
        MessageKind::AddressInUse => Wording::Email(EmailText::AddressInUse),
        MessageKind::DeviceReuse => Wording::Email(EmailText::DeviceReuse),
        MessageKind::TwoStepOn => Wording::Email(EmailText::TwoStepOn),
    }
}

/// Writes a message.
///
/// # Errors
/// An SMS does not fit one segment: [`mistakes`] finds that out before the server starts.
pub fn write(
    (texts, site): (&Texts, &Site),
    (kind, language): (MessageKind, Language),
    filling: &Filling<'_>,
) -> Result<Written, TooLong> {
    let args: [(&str, Arg<'_>); 5] = [
        ("brand", Arg::from(&site.name)),
        ("domain", Arg::from(&site.domain)),
        ("code", Arg::from(filling.code)),
        ("tag", Arg::from(filling.tag)),
        ("serial", Arg::from(filling.serial)),
    ];
    match wording(kind) {
        Wording::Sms(sms) => {
            let full = Secret::new(texts.get(language, sms.full(), &args));
            let compact = Secret::new(texts.get(language, sms.compact(), &args));
            let fitted = fit(full.expose(), compact.expose())?;
            Ok(Written { subject: None, text: Secret::new(fitted.text.to_owned()) })
        }
        Wording::Email(email) => Ok(Written {
            subject: Some(texts.get(language, email.subject(), &args)),
            text: Secret::new(texts.get(language, email.body(), &args)),
        }),
    }
}

/// The texts that do not fit one segment for this site, with eight digits and a two-digit serial, the longest there are:
/// name of the language and units too many. Empty for a site whose messages can be sent.
pub fn mistakes(texts: &Texts, site: &Site) -> Vec<(Language, TooLong)> {
    let filling = Filling { code: "00000000", tag: "KX", serial: 30 };
    let sms = MessageKind::ALL.into_iter().filter(|kind| matches!(wording(*kind), Wording::Sms(_)));
    let pairs = sms.flat_map(|kind| Language::ALL.into_iter().map(move |language| (kind, language)));
    pairs
        .filter_map(|(kind, language)| {
            write((texts, site), (kind, language), &filling).err().map(|too_long| (language, too_long))
        })
        .collect()
}
