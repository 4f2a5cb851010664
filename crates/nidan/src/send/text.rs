//! What messages say: the texts of the locale files, filled in, and for SMS fitted into one segment.

use nidan_core::language::Language;
use nidan_core::message::{MessageKind, TooLong, fit};
use nidan_core::secret::Secret;
use nidan_wire::sms_text::{Alphabet, units};

use super::html::{self, Said};
use crate::config::Site;
use crate::texts::{Arg, EmailText, SmsText, Texts};

/// What a message's text is filled with.
pub struct Filling<'a> {
    /// The code; empty where the message carries none.
    pub code: &'a str,
    /// The challenge's two letters; empty likewise.
    pub tag: &'a str,
    /// Which of the account's messages of the day; of a notice, how many of what it tells of.
    pub serial: i64,
    /// What its owner types to answer it; empty where there is nothing to answer.
    pub reference: &'a str,
    /// Units that an SMS without Japanese has on its way.
    pub sms_units: usize,
}

/// A message ready for a route.
pub struct Written {
    /// The subject of an e-mail.
    pub subject: Option<String>,
    /// The text, of an e-mail its plain part. It may carry a code.
    pub text: Secret<String>,
    /// The HTML part of an e-mail, with the same code.
    pub html: Option<Secret<String>>,
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
        MessageKind::PasswordKnownAlert => Wording::Sms(SmsText::PasswordKnown),
        MessageKind::PasswordKnownLetter => Wording::Email(EmailText::PasswordKnown),
        MessageKind::PasswordKnownSummary => Wording::Email(EmailText::PasswordKnownSummary),
        MessageKind::SecondStepMissed => Wording::Email(EmailText::SecondStepMissed),
        MessageKind::SuccessAfterFailures => Wording::Email(EmailText::SuccessAfterFailures),
        MessageKind::ReleaseSecret => Wording::Email(EmailText::Release),
        MessageKind::DeviceGuessed => Wording::Email(EmailText::DeviceGuessed),
        MessageKind::PasswordChanged => Wording::Email(EmailText::PasswordChanged),
    }
}

/// Writes a message. In an English SMS with a code the domain stands for a brand that is not in GSM-7: one Japanese letter leaves
/// the text 70 units in place of 160. One without a code names no domain, of which phones would make a link.
///
/// # Errors
/// An SMS does not fit one segment: [`mistakes`] finds that out before the server starts.
pub fn write(
    (texts, site): (&Texts, &Site),
    (kind, language): (MessageKind, Language),
    filling: &Filling<'_>,
) -> Result<Written, TooLong> {
    match wording(kind) {
        Wording::Sms(sms) => {
            let brand = match (language, units(&site.name).alphabet) {
                (Language::En, Alphabet::Ucs2) if kind.carries_code() => &site.domain,
                (Language::En | Language::Ja, _) => &site.name,
            };
            let text = write_sms((texts, language, sms), (brand, &site.domain), filling)?;
            Ok(Written { subject: None, text, html: None })
        }
        Wording::Email(email) => Ok(write_email((texts, language, email), &site.name, filling)),
    }
}

fn write_sms(
    (texts, language, sms): (&Texts, Language, SmsText),
    (brand, domain): (&str, &str),
    filling: &Filling<'_>,
) -> Result<Secret<String>, TooLong> {
    let args: [(&str, Arg<'_>); 5] = [
        ("brand", brand.into()),
        ("domain", domain.into()),
        ("code", filling.code.into()),
        ("tag", filling.tag.into()),
        ("serial", filling.serial.into()),
    ];
    let wordings = sms.wordings().map(|key| Secret::new(texts.get(language, key, &args)));
    let fitted = fit(wordings.each_ref().map(|wording| wording.expose().as_str()), filling.sms_units);
    fitted.map(|fitted| Secret::new(fitted.text.to_owned()))
}

fn write_email((texts, language, email): (&Texts, Language, EmailText), brand: &str, filling: &Filling<'_>) -> Written {
    let args: [(&str, Arg<'_>); 4] = [
        ("brand", brand.into()),
        ("code", filling.code.into()),
        ("tag", filling.tag.into()),
        ("serial", filling.serial.into()),
    ];
    let title = texts.get(language, email.title(), &[]);
    let subject = texts.get(language, "email-subject", &[("brand", brand.into()), ("title", (&title).into())]);
    let mut body = texts.get(language, email.body(), &args);
    if !filling.reference.is_empty() {
        let reference = [("brand", brand.into()), ("reference", filling.reference.into())];
        body = format!("{body}\n\n{}", texts.get(language, "email-reference", &reference));
    }
    let body = Secret::new(body);
    let footer = texts.get(language, "email-footer", &[("brand", brand.into())]);
    let said = Said {
        language,
        brand,
        subject: &subject,
        title: &title,
        body: body.expose(),
        footer: &footer,
        code: if filling.reference.is_empty() { filling.code } else { filling.reference },
    };
    let html = Some(html::page(&said));
    let text = Secret::new(format!("{}\n\n---\n{footer}\n", body.expose()));
    Written { subject: Some(subject), text, html }
}

/// The texts that do not fit one segment for this site, with eight digits and a two-digit serial, the longest there are:
/// name of the language and units too many. Empty for a site whose messages can be sent, with so many
/// units in an SMS without Japanese.
pub fn mistakes(texts: &Texts, site: &Site, sms_units: usize) -> Vec<(Language, TooLong)> {
    let filling = Filling { code: "00000000", tag: "KX", serial: 30, reference: "", sms_units };
    let sms = MessageKind::ALL.into_iter().filter(|kind| matches!(wording(*kind), Wording::Sms(_)));
    let pairs = sms.flat_map(|kind| Language::ALL.into_iter().map(move |language| (kind, language)));
    pairs
        .filter_map(|(kind, language)| {
            write((texts, site), (kind, language), &filling).err().map(|too_long| (language, too_long))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use nidan_wire::sms_text::GSM7_LIMIT;

    #[test]
    fn a_site_with_a_japanese_brand_writes_to_those_who_read_english() {
        let listen = "127.0.0.1:8080".parse().expect("an address");
        let site = Settings::demo(listen, std::path::Path::new("."), Language::Ja).site;
        let texts = Texts::load().expect("texts");
        assert_eq!(mistakes(&texts, &site, GSM7_LIMIT), []);
        let filling = Filling { code: "482916", tag: "KX", serial: 2, reference: "", sms_units: GSM7_LIMIT };
        let text = |language| {
            let written = write((&texts, &site), (MessageKind::SignInCode, language), &filling).expect("fits");
            written.text.expose().lines().next().map(str::to_owned)
        };
        assert!(text(Language::Ja).is_some_and(|line| line.starts_with("【例社】")));
        assert!(text(Language::En).is_some_and(|line| line.starts_with("482916 is your localhost sign-in code.")));
    }

    #[test]
    fn a_domain_that_is_too_long_is_a_mistake() {
        let listen = "127.0.0.1:8080".parse().expect("an address");
        let mut site = Settings::demo(listen, std::path::Path::new("."), Language::Ja).site;
        site.domain = format!("{}.example.jp", "id".repeat(30));
        let mistakes = mistakes(&Texts::load().expect("texts"), &site, GSM7_LIMIT);
        assert!(mistakes.iter().any(|(language, _)| *language == Language::Ja), "{mistakes:?}");
    }
}
