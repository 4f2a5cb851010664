//! Codes that people type: how they are read, derived and compared.
//!
//! A code is never stored. It is an HMAC over what it is bound to, computed when it is sent and when it is checked, so
//! that the database alone reveals none (docs/decisions/0005-codes-are-derived.md), and so that a resend repeats it.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;

use crate::ceremony::Purpose;
use crate::id::{AuthenticatorId, CeremonyId, ChallengeId};
use crate::secret::{Secret, same_bytes};

/// How long a code is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Digits {
    /// 20 bits: enough behind a right password with five tries.
    Six,
    /// 27 bits.
    Eight,
}

impl Digits {
    /// The number of digits, which is also how the database keeps it.
    pub const fn count(self) -> usize {
        match self {
            Self::Six => 6,
            Self::Eight => 8,
        }
    }

    /// From the number of digits.
    pub const fn from_count(count: i64) -> Option<Self> {
        match count {
            6 => Some(Self::Six),
            8 => Some(Self::Eight),
            _ => None,
        }
    }

    const fn codes(self) -> u32 {
        10u32.pow(self.count() as u32)
    }
}

/// A code: as many ASCII digits as its [`Digits`] says.
pub struct Code(Secret<String>);

impl Code {
    /// The digits, to be put into a message.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Whether this is the code that was typed; in constant time.
    pub fn matches(&self, typed: &Typed) -> bool {
        same_bytes(self.expose().as_bytes(), typed.expose().as_bytes())
    }
}

/// A typed code after folding: as many ASCII digits as asked for.
pub struct Typed(Secret<String>);

impl Typed {
    /// Folds what was typed: full-width digits become ASCII; white space (also
    /// U+3000), hyphens and dashes of all kinds are dropped. `None`, which costs no try, unless exactly `digits` ASCII
    /// digits are left: no other script's digits, no sign, no zero-width character. The one way in for every code, before
    /// counting, comparing and the check for replay.
    pub fn fold(typed: &str, digits: Digits) -> Option<Self> {
        let mut folded = String::with_capacity(digits.count());
        for character in typed.chars() {
            match character {
                '0'..='9' => folded.push(character),
                '０'..='９' => folded.push(char::from(b'0' + (character as u32 - '０' as u32) as u8)),
                _ if character.is_whitespace() || is_dash(character) => continue,
                _ => return None,
            }
            if folded.len() > digits.count() {
                return None;
            }
        }
        (folded.len() == digits.count()).then(|| Self(Secret::new(folded)))
    }

    /// The digits.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// Hyphens and dashes that keyboards and copied texts put between groups of digits, the Japanese prolonged sound mark
/// among them.
pub const fn is_dash(character: char) -> bool {
    matches!(
        character,
        '-' | '\u{00AD}' | '\u{2010}'
            ..='\u{2015}' | '\u{2212}' | '\u{2043}' | '\u{30FC}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}' | '\u{FF70}'
    )
}

/// The key that codes are derived under, of one version.
pub struct CodeKey(hmac::Key);

impl CodeKey {
    /// From 256 bits of key material.
    pub fn new(bytes: &Secret<[u8; 32]>) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes.expose()))
    }
}

/// All that a code is bound to: it is another code for anything else.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// The challenge, and with it account, ceremony and destination.
    pub challenge: ChallengeId,
    /// What a right code will do.
    pub purpose: Purpose,
    /// The method it goes to; none: the account's e-mail address.
    pub authenticator: Option<AuthenticatorId>,
    /// How long it is.
    pub digits: Digits,
}

/// The code for `binding` under `key`: HMAC-SHA-256, rejection-sampled so that every code is equally likely.
pub fn derive(key: &CodeKey, binding: &Binding) -> Code {
    let codes = binding.digits.codes();
    let fair = u32::MAX - u32::MAX % codes;
    let word = (0u32..)
        .flat_map(|round| words(key, binding, round))
        .find(|word| *word < fair)
        .expect("an endless stream of words has one below the limit");
    Code(Secret::new(format!("{:0width$}", word % codes, width = binding.digits.count())))
}

fn words(key: &CodeKey, binding: &Binding, round: u32) -> [u32; 8] {
    let mut mac = hmac::Context::with_key(&key.0);
    mac.update(b"nidan code 1");
    mac.update(binding.challenge.as_bytes());
    mac.update(&[
        binding.purpose.stored() as u8,
        binding.digits.count() as u8,
        u8::from(binding.authenticator.is_some()),
    ]);
    mac.update(binding.authenticator.as_ref().map_or(&[0; 16], |id| id.as_bytes()));
    mac.update(&round.to_be_bytes());
    let tag = mac.sign();
    let mut words = [0; 8];
    for (word, bytes) in words.iter_mut().zip(tag.as_ref().chunks_exact(4)) {
        *word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    words
}

/// The id of the challenge that sends a code of `ceremony` to `authenticator` (none: to the e-mail address). Derived, so
/// that going back to a way tried before finds the same challenge with the same code. Keeps the ceremony's leading time
/// bits, so that challenges lie in the database in the order of their making.
pub fn challenge_id(ceremony: CeremonyId, authenticator: Option<AuthenticatorId>) -> ChallengeId {
    let mut bytes = [0; 33];
    bytes[..16].copy_from_slice(ceremony.as_bytes());
    if let Some(authenticator) = authenticator {
        bytes[16..32].copy_from_slice(authenticator.as_bytes());
        bytes[32] = 1;
    }
    let hash = digest(&SHA256, &bytes);
    let mut id = *ceremony.as_bytes();
    id[6..].copy_from_slice(&hash.as_ref()[..10]);
    ChallengeId::from_bytes(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn binding(challenge: u64) -> Binding {
        let mut id = [0; 16];
        id[8..].copy_from_slice(&challenge.to_be_bytes());
        Binding {
            challenge: ChallengeId::from_bytes(id),
            purpose: Purpose::SignIn,
            authenticator: Some(AuthenticatorId::from_bytes([7; 16])),
            digits: Digits::Six,
        }
    }

    fn key(byte: u8) -> CodeKey {
        CodeKey::new(&Secret::new([byte; 32]))
    }

    #[test]
    fn what_people_type_is_folded() {
        for typed in [
            "482916",
            " 482 916 ",
            "482-916",
            "４８２９１６",
            "４８２－９１６",
            "482\u{3000}916",
            "482ー916",
            "482–916",
            "482−916",
            "482916\n",
            "4 8 2 9 1 6",
        ] {
            assert_eq!(Typed::fold(typed, Digits::Six).expect(typed).expose(), "482916");
        }
    }

    #[test]
    fn anything_else_is_not_a_code() {
        for typed in [
            "",
            " ",
            "48291",
            "4829160",
            "0482916",
            "+482916",
            "48291a",
            "٤٨٢٩١٦",
            "४८२९१६",
            "①②③④⑤⑥",
            "482\u{200B}916",
            "4829１6\u{301}",
            "null",
            "482916;",
            "482.916",
        ] {
            assert!(Typed::fold(typed, Digits::Six).is_none(), "{typed:?}");
        }
        assert!(Typed::fold(&"1".repeat(1_000_000), Digits::Six).is_none());
        assert!(Typed::fold("48291600", Digits::Eight).is_some());
    }

    #[test]
    fn every_character_alone_is_a_digit_dropped_or_refused() {
        for character in (0..=0x10FFFF).filter_map(char::from_u32) {
            let accepted = Typed::fold(&format!("48291{character}6"), Digits::Six).is_some();
            let dropped = character.is_whitespace() || is_dash(character);
            assert_eq!(accepted, dropped, "{character:?}");
            let digit = Typed::fold(&format!("48291{character}"), Digits::Six).is_some();
            assert_eq!(digit, character.is_ascii_digit() || ('０'..='９').contains(&character), "{character:?}");
        }
    }

    #[test]
    fn a_code_is_bound_to_all_of_its_binding() {
        let code = |key: CodeKey, binding: &Binding| derive(&key, binding).expose().to_owned();
        let one = binding(1);
        let first = code(key(1), &one);
        assert_eq!(first, code(key(1), &one), "a resend repeats the code");
        // Each could coincide once in a million; these fixed inputs do not.
        assert_ne!(first, code(key(2), &one));
        assert_ne!(first, code(key(1), &binding(2)));
        assert_ne!(first, code(key(1), &Binding { purpose: Purpose::ConfirmAuthenticator, ..one }));
        assert_ne!(first, code(key(1), &Binding { authenticator: None, ..one }));
        assert_ne!(first, code(key(1), &Binding { authenticator: Some(AuthenticatorId::from_bytes([8; 16])), ..one }));
        assert!(!code(key(1), &Binding { digits: Digits::Eight, ..one }).starts_with(&first));
    }

    /// T43: the codes of a million challenges are spread evenly, and one does not foretell the next.
    #[test]
    fn t43_codes_are_evenly_spread() {
        let key = key(3);
        let codes: Vec<u32> =
            (0..1_000_000).map(|n| derive(&key, &binding(n)).expose().parse().expect("digits")).collect();
        let chi_squared = |counts: &[u32]| {
            let expected = codes.len() as f64 / counts.len() as f64;
            counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum::<f64>()
        };
        let mut thousands = vec![0; 1000];
        let mut serial = vec![0; 100];
        for pair in codes.windows(2) {
            thousands[(pair[0] / 1000) as usize] += 1;
            serial[(pair[0] % 10 * 10 + pair[1] % 10) as usize] += 1;
        }
        // p > 10^-4 for 999 and 99 degrees of freedom.
        assert!(chi_squared(&thousands) < 1173.0, "{}", chi_squared(&thousands));
        assert!(chi_squared(&serial) < 161.0, "{}", chi_squared(&serial));
    }

    proptest! {
        #[test]
        fn a_derived_code_is_its_own_folding(challenge: u64, eight: bool) {
            let digits = if eight { Digits::Eight } else { Digits::Six };
            let code = derive(&key(9), &Binding { digits, ..binding(challenge) });
            let typed = Typed::fold(code.expose(), digits).expect("a code");
            prop_assert!(code.matches(&typed));
        }

        #[test]
        fn folding_never_panics_and_gives_digits_only(typed: String) {
            if let Some(folded) = Typed::fold(&typed, Digits::Six) {
                prop_assert!(folded.expose().len() == 6 && folded.expose().bytes().all(|b| b.is_ascii_digit()));
            }
        }

        #[test]
        fn challenge_ids_differ_by_ceremony_and_method(ceremony: [u8; 16], other: [u8; 16], method: [u8; 16]) {
            prop_assume!(ceremony != other);
            let (one, two) = (CeremonyId::from_bytes(ceremony), CeremonyId::from_bytes(other));
            let method = Some(AuthenticatorId::from_bytes(method));
            prop_assert_ne!(challenge_id(one, method), challenge_id(two, method));
            prop_assert_ne!(challenge_id(one, method), challenge_id(one, None));
            let id = challenge_id(one, method);
            prop_assert_eq!(&id.as_bytes()[..6], &ceremony[..6]);
        }
    }
}
