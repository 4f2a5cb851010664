//! Phone numbers as people in Japan type them, and what each can be used for.
//!
//! The numbering plan is libphonenumber's; the folding of what keyboards write, the refusal of what could be read in two
//! ways, and the policy (+81 only, SMS to mobile numbers only) are ours.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber as Parsed, PhoneNumberFormat, PhoneNumberType, Region};

use crate::secret::Secret;
use crate::time::Timestamp;

/// Characters of typed text beyond which nobody looks at it: the longest number has 15 digits (E.164).
const TYPED_CHARACTERS_MAX: usize = 40;
/// Digits cut off a number to name its block.
const BLOCK_DIGITS: usize = 4;
/// Digits that are shown of a number, so that the owner knows which of two it is.
const SHOWN_DIGITS: usize = 4;
/// Japan's country code.
const JAPAN: &str = "+81";

/// The numbering plan that this version knows: libphonenumber's, as the library below brings it.
pub struct Plan {
    /// The version of libphonenumber.
    pub version: &'static str,
    /// The version of `rlibphonenumber` that holds it.
    pub library: &'static str,
    /// When that was published.
    pub published: Timestamp,
}

/// Numbers that are given out later are refused, so it must not grow old.
pub const PLAN: Plan = Plan { version: "9.0.42", library: "2.2.15", published: Timestamp::from_ms(1_792_996_028_000) };

/// Why a typed number is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PhoneProblem {
    /// No phone number, or one with too few or too many digits, or one that nobody was given.
    #[error("not a phone number")]
    NotANumber,
    /// Two different numbers could be meant.
    #[error("the number can be read in two ways")]
    Ambiguous,
    /// A number outside Japan.
    #[error("only numbers in Japan are taken")]
    ForeignCountry,
    /// A number that can be called but takes no SMS, with the kind that it is of.
    #[error("the number takes no SMS")]
    NoSms(NumberKind),
}

/// What kind of number it is, for the table of what each may be used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NumberKind {
    /// Mobile phones: 070, 080, 090, 060.
    Mobile,
    /// Fixed lines with an area code.
    FixedLine,
    /// IP phones: 050. Calls only, in Japan no SMS.
    IpPhone,
    /// Free to the caller: 0120, 0800.
    TollFree,
    /// Dear to the caller: 0990.
    Premium,
    /// Paid in part by the caller.
    SharedCost,
    /// Everything else: 0570, pagers, numbers for machines.
    Other,
}

/// A valid phone number in E.164.
///
/// It is a [`Secret`] inside and so has no `Debug`; what may be shown is [`PhoneNumber::national_masked`].
#[derive(Clone)]
pub struct PhoneNumber(Secret<String>);

impl PhoneNumber {
    /// Reads a number as people type it: full-width digits, any space, dash, dot, bracket or slash between them, with or
    /// without the country code, with the `(0)` of business cards. `default_region` is the ISO 3166 code of the country
    /// whose national numbers are meant where no country code is typed: `"JP"`.
    ///
    /// # Errors
    /// [`PhoneProblem::NotANumber`], [`PhoneProblem::Ambiguous`] and [`PhoneProblem::ForeignCountry`]. Whether SMS can go
    /// there is another question: [`PhoneNumber::must_take_sms`].
    pub fn parse(typed: &str, default_region: &str) -> Result<Self, PhoneProblem> {
        let region: Region = default_region.parse().map_err(|_| PhoneProblem::NotANumber)?;
        let folded = fold(typed)?;
        let mut readings = readings(&folded, region);
        let number = readings.next().ok_or(PhoneProblem::NotANumber)?;
        if readings.any(|other| !other.0.same(&number.0)) {
            return Err(PhoneProblem::Ambiguous);
        }
        if number.e164().starts_with(JAPAN) { Ok(number) } else { Err(PhoneProblem::ForeignCountry) }
    }

    /// A number that was stored as [`PhoneNumber::e164`] gave it; `None` if it never was one. Numbering plans change: a
    /// number that the plan of this version no longer knows is still its owner's, so none is asked.
    pub fn from_e164(stored: &str) -> Option<Self> {
        let digits = stored.strip_prefix('+')?;
        let is_e164 = (2..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
        is_e164.then(|| Self(Secret::new(stored.to_owned())))
    }

    /// The number in E.164, `+819012345678`: for carriers and for the look-up key.
    pub fn e164(&self) -> &str {
        self.0.expose()
    }

    /// The block of numbers that it lies in: itself without its last four digits, `+81901234`. Carriers are given numbers, and
    /// pumping pays, by such ranges.
    pub fn block(&self) -> &str {
        let digits = self.e164();
        digits.get(..digits.len().saturating_sub(BLOCK_DIGITS)).unwrap_or_default()
    }

    /// What may be shown of it: `•••• 5678`.
    pub fn national_masked(&self) -> String {
        let digits = self.e164();
        format!("•••• {}", digits.get(digits.len().saturating_sub(SHOWN_DIGITS)..).unwrap_or_default())
    }

    /// What kind of number it is, by the numbering plan of this version.
    pub fn kind(&self) -> NumberKind {
        PHONE_NUMBER_UTIL.parse(self.e164(), None).map_or(NumberKind::Other, |parsed| kind_of(&parsed))
    }

    /// Whether SMS can be sent there: mobile numbers only.
    pub fn can_take_sms(&self) -> bool {
        self.kind() == NumberKind::Mobile
    }

    /// The number, if SMS can be sent there.
    ///
    /// # Errors
    /// [`PhoneProblem::NoSms`] with the kind, so that the page can say why: an 050 number can take calls only.
    pub fn must_take_sms(self) -> Result<Self, PhoneProblem> {
        if self.can_take_sms() { Ok(self) } else { Err(PhoneProblem::NoSms(self.kind())) }
    }
}

/// Digits, and a plus if one is typed first: what is left when everything is dropped that people put between digits.
fn fold(typed: &str) -> Result<String, PhoneProblem> {
    if typed.chars().count() > TYPED_CHARACTERS_MAX {
        return Err(PhoneProblem::NotANumber);
    }
    let mut folded = String::with_capacity(TYPED_CHARACTERS_MAX);
    for character in typed.chars() {
        match character {
            '0'..='9' => folded.push(character),
            '０'..='９' => folded.extend(char::from_digit(u32::from(character) - u32::from('０'), 10)),
            '+' | '＋' if folded.is_empty() => folded.push('+'),
            _ if is_separator(character) => {}
            _ => return Err(PhoneProblem::NotANumber),
        }
    }
    Ok(folded)
}

/// What people, keyboards, telephone books and copied contacts put between digits. No wave (`1234~7` is a range), no letter.
const fn is_separator(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}') // spaces
        || matches!(character, '-' | '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}') // dashes
        || matches!(character, '\u{fe58}' | '\u{fe63}' | '－' | 'ー' | 'ｰ' | '─' | '━') // dashes of Japanese keyboards
        || matches!(character, '(' | ')' | '（' | '）' | '[' | ']' | '［' | '］' | '.' | '．' | '・' | '･' | '/' | '／')
        // Marks of writing direction, which telephones put around a copied number.
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Every valid number that the folded text may mean, the likeliest first.
fn readings(folded: &str, region: Region) -> impl Iterator<Item = PhoneNumber> {
    // +81 (0)90 …: the zero of national numbers, which does not belong behind the country code.
    let without_zero = folded.strip_prefix("+810").map(|rest| format!("+81{rest}"));
    // 81 90 …: the country code typed without its plus. After a zero it would be another country's way to dial abroad.
    let with_plus = (!folded.starts_with(['+', '0'])).then(|| format!("+{folded}"));
    [Some(folded.to_owned()), without_zero, with_plus].into_iter().flatten().filter_map(move |text| {
        let parsed = PHONE_NUMBER_UTIL.parse(&text, Some(region)).ok()?;
        let e164 = PHONE_NUMBER_UTIL.format(&parsed, PhoneNumberFormat::E164);
        if PHONE_NUMBER_UTIL.is_valid_number(&parsed) { PhoneNumber::from_e164(&e164) } else { None }
    })
}

fn kind_of(parsed: &Parsed) -> NumberKind {
    match PHONE_NUMBER_UTIL.get_number_type(parsed) {
        PhoneNumberType::Mobile => NumberKind::Mobile,
        PhoneNumberType::FixedLine => NumberKind::FixedLine,
        PhoneNumberType::VoIP => NumberKind::IpPhone,
        PhoneNumberType::TollFree => NumberKind::TollFree,
        PhoneNumberType::PremiumRate => NumberKind::Premium,
        PhoneNumberType::SharedCost => NumberKind::SharedCost,
        _ => NumberKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(typed: &str) -> Result<String, PhoneProblem> {
        PhoneNumber::parse(typed, "JP").map(|number| number.e164().to_owned())
    }

    #[test]
    fn the_plan_is_the_one_that_the_library_brings() {
        let lock = include_str!("../../../Cargo.lock");
        let locked = lock.split("[[package]]").find(|package| package.contains("name = \"rlibphonenumber\"\n"));
        let line = format!("\nversion = \"{}\"\n", PLAN.library);
        assert!(locked.is_some_and(|package| package.contains(&line)), "its readme names the version of the plan");
    }

    #[test]
    fn one_number_however_it_is_typed() {
        for typed in [
            "09012345678",
            "090-1234-5678",
            "０９０－１２３４－５６７８",
            "０９０ー１２３４ー５６７８",
            "090　1234　5678",
            "090 1234 5678",
            "(090)1234-5678",
            "090（1234）5678",
            "090.1234.5678",
            "090‐1234–5678",
            "090−1234―5678",
            "090/1234/5678",
            "+819012345678",
            "+81 90 1234 5678",
            "+81-90-1234-5678",
            "＋８１　９０　１２３４　５６７８",
            "+81 (0)90-1234-5678",
            "+81(090)1234-5678",
            "(+81) 90 1234 5678",
            "81 90 1234 5678",
            "9012345678",
            "010 81 90 1234 5678",
            "\u{202d}090-1234-5678\u{202c}",
            " 090-1234-5678\n",
            "0-9-0-1-2-3-4-5-6-7-8",
        ] {
            assert_eq!(read(typed).as_deref(), Ok("+819012345678"), "{typed}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let none = Err(PhoneProblem::NotANumber);
        for (typed, verdict) in [
            ("", none),
            ("+", none),
            ("abc", none),
            ("090-1234-567", none),
            ("090-1234-56789", none),
            ("000-0000-0000", none),
            ("110", none),
            ("119", none),
            ("1234-5678", none),
            ("090-1234-5678 ext. 9", none),
            ("tel:090-1234-5678", none),
            ("090-1234-5678,03-1234-5678", none),
            ("090-1234-5678/03-1234-5678", none),
            ("090-1234-567~8", none),
            ("090一1234一5678", none),
            ("٠٩٠١٢٣٤٥٦٧٨", none),
            ("०९०१२३४५६७८", none),
            ("①90-1234-5678", none),
            ("090+12345678", none),
            ("++819012345678", none),
            ("0081 90 1234 5678", none),
            ("+81 90 1234 567", none),
            ("+999 1234 5678", none),
            ("+1 415 555 2671", Err(PhoneProblem::ForeignCountry)),
            ("+44 7400 123456", Err(PhoneProblem::ForeignCountry)),
            ("+82 10 1234 5678", Err(PhoneProblem::ForeignCountry)),
            ("010 1 415 555 2671", Err(PhoneProblem::ForeignCountry)),
        ] {
            assert_eq!(read(typed).map(drop), verdict, "{typed}");
        }
        assert_eq!(read(&"0".repeat(1_000_000)).map(drop), none);
        assert_eq!(PhoneNumber::parse("09012345678", "Nippon").map(drop), none);
    }

    #[test]
    fn numbers_are_of_a_kind() {
        for (typed, kind, takes_sms) in [
            ("060-1234-5678", NumberKind::Mobile, true),
            ("070-1234-5678", NumberKind::Mobile, true),
            ("080-1234-5678", NumberKind::Mobile, true),
            ("090-1234-5678", NumberKind::Mobile, true),
            ("03-1234-5678", NumberKind::FixedLine, false),
            ("0166-12-3456", NumberKind::FixedLine, false),
            ("050-1234-5678", NumberKind::IpPhone, false),
            ("0120-123-456", NumberKind::TollFree, false),
            ("0800-123-4567", NumberKind::TollFree, false),
            ("0990-123-456", NumberKind::Premium, false),
            ("0570-012-345", NumberKind::Other, false),
        ] {
            let number = PhoneNumber::parse(typed, "JP").expect("a number");
            assert_eq!((number.kind(), number.can_take_sms()), (kind, takes_sms), "{typed}");
            let verdict = if takes_sms { Ok(()) } else { Err(PhoneProblem::NoSms(kind)) };
            assert_eq!(number.must_take_sms().map(drop), verdict, "{typed}");
        }
    }

    /// Without its zero a number of Japan may look like another country's without its plus.
    #[test]
    fn what_could_be_two_numbers_is_refused() {
        for (typed, in_japan, abroad) in [
            ("6089214793", "060-8921-4793", "+60 89 214 793"),
            ("352518858", "0352-51-8858", "+352 518 858"),
            ("955825606", "0955-82-5606", "+95 5 825 606"),
        ] {
            assert_eq!(read(typed).map(drop), Err(PhoneProblem::Ambiguous), "{typed}");
            assert_eq!(read(in_japan), Ok(format!("+81{typed}")));
            assert_eq!(read(abroad).map(drop), Err(PhoneProblem::ForeignCountry), "{abroad}");
        }
        assert_eq!(read("312345678").as_deref(), Ok("+81312345678"), "nothing abroad");
        assert_eq!(read("441234567890").map(drop), Err(PhoneProblem::ForeignCountry), "nothing in Japan");
        assert_eq!(read("4912345678").map(drop), Err(PhoneProblem::NotANumber), "nothing anywhere");
    }

    #[test]
    fn four_digits_are_shown_or_cut_off() {
        let number = PhoneNumber::parse("090-1234-5678", "JP").expect("a number");
        assert_eq!(number.national_masked(), "•••• 5678");
        assert_eq!(number.block(), "+81901234");
    }

    #[test]
    fn stored_numbers_are_read_back() {
        for stored in
            ["+819012345678", "+81312345678", "+811012345678" /* given to nobody today */, "+14155552671"]
        {
            assert_eq!(PhoneNumber::from_e164(stored).map(|number| number.e164() == stored), Some(true), "{stored}");
        }
        for text in ["", "09012345678", "+81 90 1234 5678", "+819012345678 ", "819012345678", "+x"] {
            assert!(PhoneNumber::from_e164(text).is_none(), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn separators_and_widths_change_nothing(
            number in "0[6-9]0[1-9][0-9]{7}",
            separators in proptest::collection::vec("[ 　()（）.・ー－−‐-]{0,1}", 11),
            wide in proptest::collection::vec(any::<bool>(), 11),
        ) {
            let typed: String = number.chars().zip(separators.iter().zip(wide)).map(|(digit, (separator, wide))| {
                let shown = if wide { char::from_u32(u32::from(digit) + 0xfee0).unwrap_or(digit) } else { digit };
                format!("{shown}{separator}")
            }).collect();
            prop_assert_eq!(read(&typed), read(&number));
        }

        #[test]
        fn what_is_read_is_e164_and_reads_as_itself(typed in "[+＋]?[0-9０-９ ()-]{1,20}") {
            if let Ok(number) = read(&typed) {
                prop_assert!(number.starts_with("+81") && number[1..].bytes().all(|digit| digit.is_ascii_digit()));
                prop_assert_eq!(read(&number), Ok(number.clone()));
                prop_assert!(PhoneNumber::from_e164(&number).is_some());
            }
        }

        #[test]
        fn any_text_is_read_or_refused(typed: String) {
            let _ = read(&typed);
        }
    }
}
