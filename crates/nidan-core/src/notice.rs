//! Notices: what tells an owner that something happened, the reference by which it is found again from whatever browser, and
//! what follows when it was somebody else.
//!
//! Nobody signs in to answer a notice: an owner who cannot get in has to be heard as well. So a reference opens nothing; all that it
//! can do is to end and to close, and the owner's known devices keep working through most of that.

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::id::MessageId;
use crate::message::MessageKind;
use crate::release::folded;
use crate::secret::Secret;
use crate::time::Timestamp;

/// Letters only, so that nobody takes a reference for a code, no vowels, so that none is a word, and none that is taken for another.
const LETTERS: &[u8; 16] = b"CDFHJKMNPRTVWXYZ";
/// Letters of a reference, four bits each: 48 bits.
const LENGTH: usize = 12;
/// Letters between two hyphens.
const GROUP: usize = 4;

/// Bits of a reference.
pub const REFERENCE_BITS: u32 = LENGTH as u32 * 4;

/// What an owner types to say something about a notice: `KXRT-MTWH-PHCY`.
pub struct Reference(Zeroizing<[u8; LENGTH]>);

impl Reference {
    /// The reference of the notice that was sent as `message`.
    pub fn derive(key: &Secret<[u8; 32]>, message: MessageId) -> Self {
        let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()));
        mac.update(b"nidan notice 1");
        mac.update(message.as_bytes());
        let tag = mac.sign();
        let mut letters = Zeroizing::new([0; LENGTH]);
        for (letter, byte) in letters.iter_mut().zip(tag.as_ref()) {
            *letter = LETTERS[usize::from(byte & 15)];
        }
        Self(letters)
    }

    /// Reads what was typed, whatever the case, width and grouping; `None` for what can be no reference.
    pub fn read(typed: &str) -> Option<Self> {
        let letters: [u8; LENGTH] = folded(typed).as_slice().try_into().ok()?;
        letters.iter().all(|letter| LETTERS.contains(letter)).then(|| Self(Zeroizing::new(letters)))
    }

    /// As it is written, in groups.
    pub fn reveal(&self) -> Secret<String> {
        let mut text = String::with_capacity(LENGTH + LENGTH / GROUP);
        for (place, letter) in self.0.iter().enumerate() {
            if place > 0 && place % GROUP == 0 {
                text.push('-');
            }
            text.push(char::from(*letter));
        }
        Secret::new(text)
    }

    /// The letters alone: what its keyed hash is made of.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }
}

/// What an owner says of a notice. Its number is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Said {
    /// "That was me." Changes nothing.
    Me = 1,
    /// "That was not me."
    NotMe = 2,
}

impl Said {
    /// The number in the database.
    pub const fn stored(self) -> i64 {
        self as i64
    }

    /// From the number in the database.
    pub const fn from_stored(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::Me),
            2 => Some(Self::NotMe),
            _ => None,
        }
    }

    /// Whether this may be said after `before`. Once each, and "not me" has the last word: whoever reads the owner's mail must not be
    /// able to say "that was me" in the owner's place and silence him.
    pub const fn may_follow(self, before: Option<Self>) -> bool {
        match before {
            None => true,
            Some(before) => before.stored() < self.stored(),
        }
    }
}

/// What ends when an owner says "that was not me". Whatever it is, sign-ins from unknown devices that are under way end too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ends {
    /// Nothing else: nobody got in by it.
    UnderWay,
    /// The session that it let in, and the device that it was on.
    LetIn,
    /// All sessions and devices: whoever did that is in already.
    Everything,
}

/// What an owner's "that was not me" ends; none: there is nothing to answer in a message of this kind.
pub const fn ends(kind: MessageKind) -> Option<Ends> {
    match kind {
        MessageKind::PasswordKnownLetter
        | MessageKind::PasswordKnownSummary
        | MessageKind::SecondStepMissed
        | MessageKind::DeviceReuse
        | MessageKind::DeviceGuessed => Some(Ends::UnderWay),
        MessageKind::SuccessAfterFailures => Some(Ends::LetIn),
        MessageKind::TwoStepOn | MessageKind::PasswordChanged => Some(Ends::Everything),
        // Without an account's password nothing happened; a code's page has its own button; an SMS has no room for a reference.
        MessageKind::SignInCode
        | MessageKind::SetupCode
        | MessageKind::ConfirmEmailCode
        | MessageKind::AddressInUse
        | MessageKind::ReleaseSecret
        | MessageKind::PasswordKnownAlert => None,
    }
}

/// Whether what a notice of `at` tells of shows that somebody knows the password as it is now.
pub fn tells_of_password(at: Timestamp, changed_at: Option<Timestamp>) -> bool {
    changed_at.is_none_or(|changed| changed <= at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn reference(byte: u8) -> Reference {
        Reference::derive(&Secret::new([7; 32]), MessageId::from_bytes([byte; 16]))
    }

    #[test]
    fn references_differ_and_read_back_however_they_are_typed() {
        let texts: BTreeSet<String> = (0..=255).map(|byte| reference(byte).reveal().expose().clone()).collect();
        assert_eq!(texts.len(), 256);
        let used: BTreeSet<u8> = texts.iter().flat_map(|text| text.bytes()).filter(|letter| *letter != b'-').collect();
        assert_eq!(used, LETTERS.iter().copied().collect());
        let other_key = Reference::derive(&Secret::new([8; 32]), MessageId::from_bytes([1; 16]));
        assert_ne!(other_key.as_bytes(), reference(1).as_bytes());
        let text = reference(1).reveal().expose().clone();
        assert_eq!(text.len(), 14);
        let wide: String =
            text.chars().map(|letter| char::from_u32(letter as u32 + 0xfee0).expect("a full-width letter")).collect();
        for typed in [text.clone(), text.to_lowercase(), text.replace('-', " "), text.replace('-', ""), wide] {
            assert_eq!(Reference::read(&typed).expect("a reference").as_bytes(), reference(1).as_bytes(), "{typed}");
        }
        for typed in ["", "482916", "KXRT-MTWH", "KXRT-MTWH-PHCA", "KXRT-MTWH-PHC1", &format!("{text}K"), "番号"] {
            assert!(Reference::read(typed).is_none(), "{typed}");
        }
    }

    /// Whoever guesses as fast as the budget of all allows, where 100,000 notices a day are sent, closes the lane of one account
    /// in four years.
    #[test]
    fn guessing_is_hopeless() {
        let policy = crate::policy::Policy::default();
        let alive = 1e5 * policy.reference_life.as_ms() as f64 / 86_400_000.0;
        let guesses_a_year = f64::from(policy.reference_hour_max) * 24.0 * 365.0;
        let hits_a_year = guesses_a_year * alive / 2_f64.powi(REFERENCE_BITS as i32);
        assert!(hits_a_year < 0.25, "{hits_a_year}");
    }

    #[test]
    fn not_me_has_the_last_word_and_only_one() {
        use Said::{Me, NotMe};
        for (before, said, may) in [
            (None, Me, true),
            (None, NotMe, true),
            (Some(Me), Me, false),
            (Some(Me), NotMe, true),
            (Some(NotMe), Me, false),
            (Some(NotMe), NotMe, false),
        ] {
            assert_eq!(said.may_follow(before), may, "{before:?} {said:?}");
        }
        for number in -2..10 {
            let said = Said::from_stored(number);
            assert_eq!(said.map(Said::stored), (1..=2).contains(&number).then_some(number));
        }
    }

    #[test]
    fn a_changed_password_is_known_to_nobody_by_what_was_before() {
        let at = Timestamp::from_ms;
        assert!(tells_of_password(at(5), None));
        assert!(tells_of_password(at(5), Some(at(5))), "the notice of the change itself");
        assert!(tells_of_password(at(5), Some(at(4))));
        assert!(!tells_of_password(at(5), Some(at(6))));
    }
}
