//! The secret from the mailbox: frees one message for one sign-in from an unknown device, where it gets none. It proves nothing:
//! the code that the message brings is asked for all the same.

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::id::ChallengeId;
use crate::password_known::RELEASE_SECRET_BITS;
use crate::secret::Secret;

/// Crockford's base32: no I, L, O, U.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Letters of a secret, five bits each.
const LENGTH: usize = 12;
/// Letters between two hyphens.
const GROUP: usize = 4;

const _: () = assert!(LENGTH as u32 * 5 >= RELEASE_SECRET_BITS);

/// The secret of the challenge that it was written for, in groups: `7K3M-Q9TX-2ABC`. Derived, never stored.
pub fn derive(key: &Secret<[u8; 32]>, challenge: ChallengeId) -> Secret<String> {
    let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()));
    mac.update(b"nidan release 1");
    mac.update(challenge.as_bytes());
    let tag = mac.sign();
    let mut text = String::with_capacity(LENGTH + LENGTH / GROUP);
    for (place, byte) in tag.as_ref().iter().take(LENGTH).enumerate() {
        if place > 0 && place % GROUP == 0 {
            text.push('-');
        }
        text.push(char::from(LETTERS[usize::from(byte & 31)]));
    }
    Secret::new(text)
}

/// Whether `typed` is `secret`, whatever the case, width and grouping, with O read as 0 and I and L as 1. Takes as long for
/// every text of the right length.
pub fn matches(secret: &Secret<String>, typed: &str) -> bool {
    let (secret, typed) = (folded(secret.expose()), folded(typed));
    secret.len() == typed.len() && secret.iter().zip(typed.iter()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// A secret as it is compared: capital letters and digits, without what groups them.
pub(crate) fn folded(text: &str) -> Zeroizing<Vec<u8>> {
    let narrow = |letter: char| match letter {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(letter as u32 - 0xfee0).unwrap_or(letter),
        other => other,
    };
    let letters = text.chars().filter(|letter| !letter.is_whitespace() && !crate::code::is_dash(*letter));
    let folded = letters.map(narrow).filter(|letter| *letter != '-').map(|letter| match letter.to_ascii_uppercase() {
        'O' => b'0',
        'I' | 'L' => b'1',
        letter if letter.is_ascii() => letter as u8,
        _ => b'?', // in no secret
    });
    Zeroizing::new(folded.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_read_back_however_they_are_typed() {
        let key = Secret::new([7; 32]);
        let secret = |byte| derive(&key, ChallengeId::from_bytes([byte; 16]));
        let one = secret(1);
        assert_eq!(one.expose().len(), 14);
        assert_ne!(one.expose(), secret(2).expose());
        assert_ne!(one.expose(), derive(&Secret::new([8; 32]), ChallengeId::from_bytes([1; 16])).expose());
        let text = one.expose().as_str();
        let wide: String =
            text.chars().map(|letter| char::from_u32(letter as u32 + 0xfee0).expect("a full-width letter")).collect();
        for typed in [text.to_owned(), text.to_lowercase(), text.replace('-', " "), text.replace('-', ""), wide] {
            assert!(matches(&one, &typed), "{typed}");
        }
        for typed in ["", "0", secret(2).expose(), &text[1..], &format!("{text}0")] {
            assert!(!matches(&one, typed), "{typed}");
        }
        assert!(matches(&Secret::new("01".to_owned()), "oI"));
        assert!(matches(&Secret::new("11".to_owned()), "lL"));
    }
}
