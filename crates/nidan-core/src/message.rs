//! What kinds of messages there are, and whether a text fits into one.

use nidan_wire::sms_text::{self, Alphabet, Units};

/// The way a message goes. Its number is stored; 2 is kept for calls.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Channel {
    /// Short message.
    Sms = 1,
    /// E-mail.
    Email = 3,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 2] = [Self::Sms, Self::Email];

    /// The number in the database.
    pub const fn stored(self) -> i64 {
        self as i64
    }

    /// The channel of a stored number; `None` for one that this version does not know.
    pub fn from_stored(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.stored() == number)
    }

    /// The name in settings, JSON and file names: `sms`, `email`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }

    /// The channel of a name; `None` for any other text.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }
}

/// What a message says. Its number is stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MessageKind {
    /// The code of a sign-in.
    SignInCode = 1,
    /// The code that confirms a phone number which is being set up.
    SetupCode = 2,
    /// The code that confirms an e-mail address.
    ConfirmEmailCode = 3,
    /// Somebody signed up with the address of an account that there is: its owner is told, and gets no code.
    AddressInUse = 4,
    /// A trusted device's token was used after its successor: the device was removed, the owner is told.
    DeviceReuse = 5,
    /// Two methods are confirmed: two-step verification is on. To the address; carries no code.
    TwoStepOn = 6,
    /// Somebody else has the password: the alert, by SMS. Its serial is how often that was tried.
    PasswordKnownAlert = 7,
    /// The same by e-mail, with the reference that an SMS has no room for.
    PasswordKnownLetter = 8,
    /// So many more attempts with the right password were stopped. Its serial is how many.
    PasswordKnownSummary = 9,
    /// The password was right, and nobody typed the code.
    SecondStepMissed = 10,
    /// Signed in, after attempts of others that failed.
    SuccessAfterFailures = 11,
    /// The secret that frees one message where an unknown device gets none. Belongs to a challenge of its own.
    ReleaseSecret = 12,
    /// A known device was ended, after too many wrong codes on it.
    DeviceGuessed = 13,
    /// The password was changed.
    PasswordChanged = 14,
}

impl MessageKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::SignInCode,
        Self::SetupCode,
        Self::ConfirmEmailCode,
        Self::AddressInUse,
        Self::DeviceReuse,
        Self::TwoStepOn,
        Self::PasswordKnownAlert,
        Self::PasswordKnownLetter,
        Self::PasswordKnownSummary,
        Self::SecondStepMissed,
        Self::SuccessAfterFailures,
        Self::ReleaseSecret,
        Self::DeviceGuessed,
        Self::PasswordChanged,
    ];

    /// The number in the database.
    pub const fn stored(self) -> i64 {
        self as i64
    }

    /// The kind of a stored number; `None` for one that this version does not know.
    pub fn from_stored(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.stored() == number)
    }

    /// Whether the text carries a code, and so a tag and a serial, and belongs to a challenge.
    pub const fn carries_code(self) -> bool {
        match self {
            Self::SignInCode | Self::SetupCode | Self::ConfirmEmailCode => true,
            Self::AddressInUse
            | Self::DeviceReuse
            | Self::TwoStepOn
            | Self::PasswordKnownAlert
            | Self::PasswordKnownLetter
            | Self::PasswordKnownSummary
            | Self::SecondStepMissed
            | Self::SuccessAfterFailures
            | Self::ReleaseSecret
            | Self::DeviceGuessed
            | Self::PasswordChanged => false,
        }
    }

    /// The way it goes.
    pub const fn channel(self) -> Channel {
        match self {
            Self::SignInCode | Self::SetupCode | Self::PasswordKnownAlert => Channel::Sms,
            Self::ConfirmEmailCode
            | Self::AddressInUse
            | Self::DeviceReuse
            | Self::TwoStepOn
            | Self::PasswordKnownLetter
            | Self::PasswordKnownSummary
            | Self::SecondStepMissed
            | Self::SuccessAfterFailures
            | Self::ReleaseSecret
            | Self::DeviceGuessed
            | Self::PasswordChanged => Channel::Email,
        }
    }
}

/// Which of the three wordings was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wording {
    /// The one that explains.
    Full,
    /// The one for long brands and domains.
    Compact,
    /// The one for the longest: nothing but what a message has to have.
    Shortest,
}

/// A text that fits into one short message.
#[derive(Clone, Copy)]
pub struct Fitted<'a> {
    /// The text. It may carry a code.
    pub text: &'a str,
    /// Which wording it is.
    pub wording: Wording,
    /// The room it takes.
    pub units: Units,
}

/// No wording fits: brand and domain are too long for one short message. A mistake of the settings, not of an owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the text is {excess} units too long for one short message")]
pub struct TooLong {
    /// Units that the shortest wording has too many, of 70 (160 without Japanese).
    pub excess: usize,
}

/// Takes the first wording that one short message holds, of the full, the compact and the shortest. Two segments are never
/// sent: they cost twice and arrive apart. `gsm7_units` is how many units a text of the GSM 7 bit alphabet has on its way: 160,
/// less where the carrier takes another alphabet.
///
/// # Errors
/// [`TooLong`] if none fits.
pub fn fit([full, compact, shortest]: [&str; 3], gsm7_units: usize) -> Result<Fitted<'_>, TooLong> {
    let units = |text| match sms_text::units(text) {
        Units { alphabet: Alphabet::Gsm7, used, .. } => Units { alphabet: Alphabet::Gsm7, used, limit: gsm7_units },
        ucs2 => ucs2,
    };
    for (text, wording) in [(full, Wording::Full), (compact, Wording::Compact), (shortest, Wording::Shortest)] {
        let units = units(text);
        if units.fit_one_message() {
            return Ok(Fitted { text, wording, units });
        }
    }
    Err(TooLong { excess: units(shortest).excess() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nidan_wire::sms_text::GSM7_LIMIT;
    use proptest::prelude::*;

    /// Domain and code of a message's last line, `@example.jp #482916`, as a phone reads them to fill the code in on that site
    /// and no other (WICG "Origin-bound one-time codes delivered via SMS"); `None` if a phone would not.
    fn parse_origin_bound(last_line: &str) -> Option<(&str, &str)> {
        let (domain, rest) = last_line.strip_prefix('@')?.split_once(' ')?;
        let code = rest.strip_prefix('#')?.split(' ').next()?;
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        (!domain.is_empty() && domain.bytes().all(is_host) && !code.is_empty()).then_some((domain, code))
    }

    const JA_SIGN_IN: &str =
        "【例社】確認コード 482916\n画面の記号がKXの時だけ入力\n本日2通目・誰にも教えないで\n@example.jp #482916";
    const JA_COMPACT: &str = "【例社】確認コード 482916\n画面がKXの時だけ入力(2通目)\n@example.jp #482916";
    const JA_SHORTEST: &str = "例社 482916\n2通目KX\n@example.jp #482916";
    const JA_SETUP: &str =
        "【例社】2段階認証の設定コード 482916\nお心当たりがなければ破棄してください\n@example.jp #482916";
    const EN_SIGN_IN: &str = "482916 is your Example sign-in code. Enter it only if your screen shows KX. Text 2 today. \
        We never ask for it by phone.\n@example.com #482916";

    /// Counted by hand.
    #[test]
    fn the_texts_take_the_units_that_are_stated() {
        for (text, used, limit) in [
            (JA_SIGN_IN, 66, 70),
            (JA_COMPACT, 53, 70),
            (JA_SHORTEST, 35, 70),
            (JA_SETUP, 61, 70),
            (EN_SIGN_IN, 140, 160),
        ] {
            let units = sms_text::units(text);
            assert_eq!((units.used, units.limit), (used, limit), "{text}");
        }
    }

    #[test]
    fn the_fullest_wording_that_fits_is_taken() {
        let taken = |wordings: [&str; 3]| fit(wordings, GSM7_LIMIT).map(|fitted| (fitted.wording, fitted.units.used));
        let ja = [JA_SIGN_IN, JA_COMPACT, JA_SHORTEST];
        assert_eq!(taken(ja), Ok((Wording::Full, 66)));
        // The domain stands in each once: four units more still fit, five do not.
        for (name, outcome) in [
            ("example.co.jp", Ok((Wording::Full, 69))),
            ("examples.co.jp", Ok((Wording::Full, 70))),
            ("examples1.co.jp", Ok((Wording::Compact, 58))),
            ("id.examples.example.co.jp.j", Ok((Wording::Compact, 70))),
            ("id.examples.example.co.jp.jp", Ok((Wording::Shortest, 53))),
            ("id.examples.example.examples.example.co.jp.jp", Ok((Wording::Shortest, 70))),
            ("id.examples.example.examples.example.co.jp.jp.jp", Err(TooLong { excess: 3 })),
        ] {
            let named = ja.map(|text| text.replace("example.jp", name));
            assert_eq!(taken(named.each_ref().map(String::as_str)), outcome, "{name}");
        }
        // One letter outside GSM-7 in the brand turns the English text to UCS-2, and 160 to 70.
        let foreign = EN_SIGN_IN.replace("Example", "Exāmple");
        assert_eq!(sms_text::units(&foreign).alphabet, Alphabet::Ucs2);
        assert_eq!(taken([&foreign, "482916 (KX)\n@example.com #482916", ""]), Ok((Wording::Compact, 32)));
        assert_eq!(TooLong { excess: 4 }.to_string(), "the text is 4 units too long for one short message");
    }

    /// A carrier that takes no GSM-7 leaves less room for the same text.
    #[test]
    fn less_room_takes_a_shorter_wording() {
        let compact = "482916 is your Example code (KX, text 2).\n@example.com #482916";
        let shortest = "Example: 482916 (KX)\n@example.com #482916";
        let taken = |gsm7_units| fit([EN_SIGN_IN, compact, shortest], gsm7_units).map(|fitted| fitted.wording);
        assert_eq!(taken(140), Ok(Wording::Full));
        assert_eq!(taken(139), Ok(Wording::Compact));
        assert_eq!(taken(60), Ok(Wording::Shortest));
        assert_eq!(taken(40), Err(TooLong { excess: 1 }));
        let japanese = fit([JA_SIGN_IN, JA_COMPACT, JA_COMPACT], 40).map(|fitted| fitted.wording);
        assert_eq!(japanese, Ok(Wording::Full), "what goes in UCS-2 anyway has the room that it had");
    }

    #[test]
    fn phones_read_the_last_line() {
        for text in [JA_SIGN_IN, JA_COMPACT, JA_SHORTEST, JA_SETUP] {
            assert_eq!(text.lines().last().and_then(parse_origin_bound), Some(("example.jp", "482916")));
        }
        assert_eq!(EN_SIGN_IN.lines().last().and_then(parse_origin_bound), Some(("example.com", "482916")));
        assert_eq!(parse_origin_bound("@example.jp #482916 @frame.example"), Some(("example.jp", "482916")));
        for line in [
            "",
            "@",
            "@example.jp",
            "@example.jp ",
            "@example.jp #",
            "@example.jp 482916",
            "@example.jp  #482916",
            "@ #482916",
            "example.jp #482916",
            " @example.jp #482916",
            "@https://example.jp #482916",
            "@example.jp/x #482916",
            "@例社.jp #482916",
        ] {
            assert_eq!(parse_origin_bound(line), None, "{line}");
        }
    }

    /// What is stored once is never given to another.
    #[test]
    fn stored_numbers_stay() {
        let kinds: Vec<_> =
            MessageKind::ALL.iter().map(|kind| (kind.stored(), kind.carries_code(), kind.channel())).collect();
        let expected = [
            (1, true, Channel::Sms),
            (2, true, Channel::Sms),
            (3, true, Channel::Email),
            (4, false, Channel::Email),
            (5, false, Channel::Email),
            (6, false, Channel::Email),
            (7, false, Channel::Sms),
            (8, false, Channel::Email),
            (9, false, Channel::Email),
            (10, false, Channel::Email),
            (11, false, Channel::Email),
            (12, false, Channel::Email),
            (13, false, Channel::Email),
            (14, false, Channel::Email),
        ];
        assert_eq!(kinds, expected);
        for number in -10..100 {
            assert_eq!(
                MessageKind::from_stored(number).map(MessageKind::stored),
                (1..=14).contains(&number).then_some(number)
            );
            assert_eq!(Channel::from_stored(number).map(Channel::stored), [1, 3].contains(&number).then_some(number));
        }
        for channel in Channel::ALL {
            assert_eq!(Channel::from_name(channel.name()), Some(channel));
        }
        assert_eq!(Channel::from_name("voice"), None);
    }

    proptest! {
        #[test]
        fn what_is_taken_fits_and_what_is_refused_does_not(
            full in "\\PC{0,90}", compact in "\\PC{0,90}", shortest in "\\PC{0,90}",
        ) {
            let wordings = [full.as_str(), &compact, &shortest];
            let first = wordings.iter().position(|text| sms_text::units(text).fit_one_message());
            match fit(wordings, GSM7_LIMIT) {
                Ok(fitted) => {
                    prop_assert!(fitted.units.used <= fitted.units.limit);
                    prop_assert_eq!(first, Some(fitted.wording as usize));
                    prop_assert_eq!(fitted.text, wordings[fitted.wording as usize]);
                }
                Err(TooLong { excess }) => {
                    let units = sms_text::units(&shortest);
                    prop_assert_eq!(units.used, units.limit + excess);
                    prop_assert!(excess > 0 && first.is_none());
                }
            }
        }
    }
}
