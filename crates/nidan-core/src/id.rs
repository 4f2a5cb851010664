//! Ids as the outside sees them: typed, prefixed, e.g. `acc_01h2xcejqtf2nbrexx3vqjhp41`.
//!
//! Sixteen bytes in 26 characters of Crockford base32 (lower case). Rows that belong to an account are found by the
//! account's id first (the shard key); where the outside names such a row alone, its public name is a
//! [`Scoped`] id which carries both.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

/// What an id names.
pub trait Kind {
    /// The letters before the underscore.
    const PREFIX: &'static str;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $id:ident $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum $kind {}
        impl Kind for $kind { const PREFIX: &'static str = $prefix; }
        $(#[$doc])*
        pub type $id = Id<$kind>;
    )*};
}

kinds! {
    /// An account.
    Account AccountId "acc";
    /// One enrolled method of an account.
    Authenticator AuthenticatorId "aut";
    /// One bounded attempt to prove something with codes: a sign-in, a step-up, the confirming of an address or method.
    Ceremony CeremonyId "sgn";
    /// One code for one destination within a ceremony.
    Challenge ChallengeId "chl";
    /// One SMS, call or e-mail.
    Message MessageId "msg";
    /// A browser or program on which a second step was completed.
    Device DeviceId "dev";
    /// A signed-in session.
    Session SessionId "ses";
    /// An audit event.
    Event EventId "evt";
    /// A site's API key.
    ApiKey ApiKeyId "key";
}

/// A typed id of sixteen bytes.
pub struct Id<K: Kind>([u8; 16], PhantomData<K>);

impl<K: Kind> Id<K> {
    /// From the bytes the database keeps.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes, PhantomData)
    }

    /// The bytes the database keeps.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl<K: Kind> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K: Kind> Copy for Id<K> {}
impl<K: Kind> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K: Kind> Eq for Id<K> {}
impl<K: Kind> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K: Kind> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K: Kind> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", K::PREFIX, base32_encode(&self.0))
    }
}
impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no id of that kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an id of this kind")]
pub struct NotAnId;

impl<K: Kind> FromStr for Id<K> {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let digits = text.strip_prefix(K::PREFIX).and_then(|rest| rest.strip_prefix('_')).ok_or(NotAnId)?;
        Ok(Self::from_bytes(base32_decode(digits).ok_or(NotAnId)?))
    }
}

/// The public name of a row that belongs to an account: both ids in one text, `sgn_` and 52 characters.
#[derive(Debug)]
pub struct Scoped<K: Kind> {
    /// Whose it is.
    pub account: AccountId,
    /// Which row.
    pub id: Id<K>,
}

impl<K: Kind> Clone for Scoped<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K: Kind> Copy for Scoped<K> {}
impl<K: Kind> PartialEq for Scoped<K> {
    fn eq(&self, other: &Self) -> bool {
        self.account == other.account && self.id == other.id
    }
}
impl<K: Kind> Eq for Scoped<K> {}

impl<K: Kind> fmt::Display for Scoped<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}{}", K::PREFIX, base32_encode(self.account.as_bytes()), base32_encode(self.id.as_bytes()))
    }
}

impl<K: Kind> FromStr for Scoped<K> {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let digits = text.strip_prefix(K::PREFIX).and_then(|rest| rest.strip_prefix('_')).ok_or(NotAnId)?;
        let (account, id) = digits.split_at_checked(LENGTH).ok_or(NotAnId)?;
        Ok(Self {
            account: Id::from_bytes(base32_decode(account).ok_or(NotAnId)?),
            id: Id::from_bytes(base32_decode(id).ok_or(NotAnId)?),
        })
    }
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 26;

fn base32_encode(bytes: &[u8; 16]) -> String {
    let value = u128::from_be_bytes(*bytes);
    (0..LENGTH).rev().map(|place| char::from(ALPHABET[(value >> (5 * place) & 31) as usize])).collect()
}

fn base32_decode(digits: &str) -> Option<[u8; 16]> {
    if digits.len() != LENGTH {
        return None;
    }
    let mut value: u128 = 0;
    for (place, digit) in digits.bytes().enumerate() {
        let five = ALPHABET.iter().position(|letter| *letter == digit)? as u128;
        if place == 0 && five > 7 {
            return None; // 26 digits hold 130 bits: the first may use three of its five
        }
        value = value << 5 | five;
    }
    Some(value.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ids_read_back(bytes: [u8; 16], other: [u8; 16]) {
            let id = AccountId::from_bytes(bytes);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            let scoped = Scoped { account: id, id: CeremonyId::from_bytes(other) };
            prop_assert_eq!(scoped.to_string().parse(), Ok(scoped));
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            if let Ok(id) = text.parse::<AccountId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn other_kinds_and_spellings_are_refused() {
        let account = AccountId::from_bytes([0xff; 16]).to_string();
        for text in
            [account.replace("acc", "dev"), account.to_uppercase(), account.replacen('7', "8", 1), account[..10].into()]
        {
            assert_eq!(text.parse::<AccountId>(), Err(NotAnId), "{text}");
        }
    }
}
