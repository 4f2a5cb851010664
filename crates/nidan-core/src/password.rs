//! Passwords: what is taken, and what is refused when one is chosen (ASVS 5.0 6.2, SP 800-63B §3.1.1.2).
//!
//! Length, a list of common passwords and an estimate of the guesses needed. No rule about kinds of characters, no cutting
//! off, no forced change. Passwords are brought to NFKC, so that what a Japanese keyboard writes full-width and what a
//! phone writes half-width is the same password.

use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::policy::Policy;
use crate::secret::Secret;

/// Bytes of a typed password beyond which nobody looks at it. Four times the 1,024 bytes of [`Policy::password_bytes_max`],
/// for NFKC makes up to four bytes one; a site cannot set more than this.
pub const TYPED_BYTES_MAX: usize = 4096;

/// Characters that the estimate looks at. Its work grows with their square, times the readings of `4` for `a` and the like:
/// a hostile password of 100 characters takes a second. What follows can only make a password harder.
const ESTIMATED_CHARACTERS_MAX: usize = 32;
/// Shortest piece of the owner's address or the brand that counts as a known word; shorter ones are in every password.
const KNOWN_PIECE_CHARACTERS_MIN: usize = 3;

/// Sorted, NFKC, lower case; where they come from is said in data/README.md.
static COMMON: LazyLock<Vec<&str>> = LazyLock::new(|| include_str!("../data/common_passwords.txt").lines().collect());
/// Words that zxcvbn does not know, commonest first.
static JAPANESE_WORDS: LazyLock<Vec<&str>> =
    LazyLock::new(|| include_str!("../data/japanese_words.txt").lines().collect());

/// Why a password is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PasswordProblem {
    /// Fewer bytes than the site's least.
    #[error("the password is too short")]
    TooShort,
    /// More bytes than the site's greatest, or than anybody looks at.
    #[error("the password is too long")]
    TooLong,
    /// One of the passwords that many people have.
    #[error("the password is a common one")]
    Common,
    /// Too few guesses lead to it.
    #[error("the password is easy to guess")]
    Guessable,
}

/// The password as it is hashed and compared: NFKC. For sign-in and for choosing alike.
///
/// # Errors
/// [`PasswordProblem::TooLong`] beyond [`TYPED_BYTES_MAX`], before any work is done on it and after. Nothing is too short
/// here: an imported password may be, and still signs in.
pub fn normalise(typed: &str) -> Result<Secret<String>, PasswordProblem> {
    if typed.len() > TYPED_BYTES_MAX {
        return Err(PasswordProblem::TooLong);
    }
    // Room enough beforehand: a growing string leaves copies behind that nobody wipes.
    let mut normalised = Zeroizing::new(String::with_capacity(TYPED_BYTES_MAX + 4));
    for character in typed.nfkc() {
        normalised.push(character);
        if normalised.len() > TYPED_BYTES_MAX {
            return Err(PasswordProblem::TooLong);
        }
    }
    Ok(Secret::new(std::mem::take(&mut *normalised)))
}

/// Whether a password that somebody chooses is good enough. `about` is what a guesser would try first for this owner: the
/// e-mail address, the site's brand.
///
/// # Errors
/// The first of: length, common, guessable.
pub fn judge(normalised: &Secret<String>, about: &[&str], policy: &Policy) -> Result<(), PasswordProblem> {
    let password = normalised.expose().as_str();
    if password.len() < policy.password_bytes_min {
        return Err(PasswordProblem::TooShort);
    }
    if password.len() > policy.password_bytes_max {
        return Err(PasswordProblem::TooLong);
    }
    let lower = Zeroizing::new(password.to_lowercase());
    if COMMON.binary_search(&lower.as_str()).is_ok() {
        return Err(PasswordProblem::Common);
    }
    let about: Vec<String> = about.iter().map(|text| text.nfkc().collect::<String>().to_lowercase()).collect();
    let mut known: Vec<&str> = about.iter().flat_map(|text| known_pieces(text)).collect();
    if known.contains(&lower.as_str()) {
        return Err(PasswordProblem::Guessable);
    }
    let end = password.char_indices().nth(ESTIMATED_CHARACTERS_MAX).map_or(password.len(), |(at, _)| at);
    let estimated = &password[..end];
    known.extend(japanese_words_in(estimated));
    let score = u8::from(zxcvbn::zxcvbn(estimated, &known).score());
    if score < policy.password_score_min { Err(PasswordProblem::Guessable) } else { Ok(()) }
}

/// A text about the owner as a guesser takes it apart: whole, at the `@`, at the dots as well, and word by word.
fn known_pieces(text: &str) -> impl Iterator<Item = &str> {
    let at_and_dots = text.split(['@', '.']);
    let words = text.split(|character: char| !character.is_alphanumeric());
    let pieces = [text].into_iter().chain(text.split('@')).chain(at_and_dots).chain(words);
    pieces.filter(|piece| piece.chars().count() >= KNOWN_PIECE_CHARACTERS_MIN)
}

/// The Japanese words, with an empty text in the place of each that cannot be found in `password`: zxcvbn takes the place
/// in the list for the word's rank, and copies the words that are not empty a thousand times over.
fn japanese_words_in(password: &str) -> impl Iterator<Item = &str> {
    let forward = Zeroizing::new(password.chars().map(blurred).collect::<String>());
    let backward = Zeroizing::new(forward.chars().rev().collect::<String>());
    JAPANESE_WORDS.iter().map(move |word| {
        let blurred: String = word.chars().map(blurred).collect();
        if forward.contains(&blurred) || backward.contains(&blurred) { *word } else { "" }
    })
}

/// One letter for all that zxcvbn may read as each other: `@` as `a`, `1` as `i` or `l`, `7` as `l` or `t`.
const fn blurred(character: char) -> char {
    match character.to_ascii_lowercase() {
        '4' | '@' => 'a',
        '8' => 'b',
        '(' | '{' | '[' | '<' => 'c',
        '3' => 'e',
        '6' | '9' => 'g',
        'l' | 't' | '1' | '!' | '|' | '7' | '+' => 'i',
        '0' => 'o',
        '$' | '5' => 's',
        '%' => 'x',
        '2' => 'z',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ABOUT: [&str; 2] = ["taro.yamashiro@sakaba-shop.jp", "例社マーケット"];

    fn judged(typed: &str) -> Result<(), PasswordProblem> {
        judge(&normalise(typed)?, &ABOUT, &Policy::default())
    }

    #[test]
    fn the_list_is_what_its_readme_says() {
        assert!(COMMON.len() >= 3000, "ASVS 6.2.4");
        assert!(COMMON.is_sorted_by(|a, b| a < b), "sorted, each once");
        for password in COMMON.iter() {
            assert!(password.len() >= 8, "{password}");
            assert_eq!(password.nfkc().collect::<String>().to_lowercase(), **password);
        }
        assert!(JAPANESE_WORDS.len() >= 3000);
        for password in COMMON.iter().step_by(7) {
            assert_eq!(judged(password), Err(PasswordProblem::Common), "{password}");
            assert_eq!(judged(&password.to_uppercase()), Err(PasswordProblem::Common), "{password}");
        }
    }

    #[test]
    fn passwords_are_judged() {
        let common = Err(PasswordProblem::Common);
        let guessable = Err(PasswordProblem::Guessable);
        for (typed, verdict) in [
            ("", Err(PasswordProblem::TooShort)),
            ("kU7#x2q", Err(PasswordProblem::TooShort)),
            ("さく", Err(PasswordProblem::TooShort)),
            ("さくら", guessable),
            ("password", common),
            ("ＰａｓｓＷｏｒｄ", common),
            ("12345678", common),
            ("1qaz2wsx", common),
            ("qazwsxedc", common),
            ("Yamato123", common),
            ("aishiteru", common),
            ("sakura0000", common),
            ("パスワード", common),
            ("ﾊﾟｽﾜｰﾄﾞ", common),
            ("aaaaaaaaaaaaaaaaaaaa", guessable),
            ("abcdefghijklmnop", guessable),
            ("takahashi1987", guessable),
            ("7akah4sh11987", guessable),
            ("ihsahakat1987", guessable),
            ("Yamamoto2003", guessable),
            ("taro.yamashiro", guessable),
            ("yamashiro1", guessable),
            ("TARO.YAMASHIRO@sakaba-shop.jp", guessable),
            ("sakaba-shop", guessable),
            ("例社マーケット", guessable),
            ("例社マーケット1", guessable),
            ("mV7-pLq2-tR", Ok(())),
            ("correct horse battery staple", Ok(())),
            ("うちの猫は毎朝六時に鳴きます", Ok(())),
            ("gyoza to biiru de kanpai", Ok(())),
            ("𠮷野家のぎゅうどん😀", Ok(())),
            ("kU7#x2qw", Ok(())),
        ] {
            assert_eq!(judged(typed), verdict, "{typed}");
        }
    }

    #[test]
    fn a_stricter_site_is_stricter() {
        let strict = Policy { password_score_min: 4, password_bytes_min: 12, ..Policy::default() };
        let judged = |typed| judge(&normalise(typed).expect("short"), &ABOUT, &strict);
        assert_eq!(judged("kU7#x2qw"), Err(PasswordProblem::TooShort));
        assert_eq!(judged("takahashi1987!!"), Err(PasswordProblem::Guessable));
        assert_eq!(judged("kU7#x2qw+Zr4m"), Ok(()));
    }

    #[test]
    fn length_counts_in_bytes_after_nfkc_and_before() {
        let text: String = (0..2048).map(|n| char::from(b'!' + (n * n % 89) as u8)).collect();
        assert_eq!(judged(&text[..1024]), Ok(()));
        assert_eq!(judged(&text[..1025]), Err(PasswordProblem::TooLong));
        // Full-width letters: three bytes typed, one hashed.
        let wide: String = text[..1024].chars().filter_map(|c| char::from_u32(u32::from(c) - 0x21 + 0xff01)).collect();
        assert_eq!(wide.len(), 3 * 1024);
        assert_eq!(judged(&wide), Ok(()));
        assert_eq!(normalise(&wide).expect("short").expose(), &text[..1024]);
        let beyond = Err(PasswordProblem::TooLong);
        assert_eq!(normalise(&"x".repeat(TYPED_BYTES_MAX)).map(drop), Ok(()));
        assert_eq!(normalise(&"x".repeat(TYPED_BYTES_MAX + 1)).map(drop), beyond);
        // Refused by what was typed, before NFKC makes 1,366 bytes of it.
        assert_eq!(normalise(&"ａ".repeat(1365)).map(|short| short.expose().len()), Ok(1365));
        assert_eq!(normalise(&"ａ".repeat(1366)).map(drop), beyond);
        assert_eq!(normalise(&"x".repeat(1 << 20)).map(drop), beyond);
        // U+FDFA becomes 18 characters of 33 bytes.
        assert_eq!(normalise(&"\u{fdfa}".repeat(TYPED_BYTES_MAX / 3)).map(drop), beyond);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_text_is_judged_and_normalising_is_stable(typed in "\\PC{0,60}", about in "\\PC{0,30}") {
            let normalised = normalise(&typed).expect("short");
            let again = normalise(normalised.expose()).expect("short");
            prop_assert!(normalised.same(&again));
            let _ = judge(&normalised, &[&about], &Policy::default());
        }

        #[test]
        fn a_password_that_holds_the_address_is_no_better_than_the_rest_of_it(tail in "[0-9]{0,2}") {
            prop_assert_eq!(judged(&format!("taro.yamashiro{tail}")), Err(PasswordProblem::Guessable));
        }
    }
}
