//! Sites' API keys: `nsk_` and base64url of the key's id and 256 random bits; kept as a hash only.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::id::ApiKeyId;
use crate::secret::Secret;
use crate::token::TokenHash;

/// What an API key may do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Scope {
    /// Make, change and erase accounts and their methods.
    Accounts,
    /// Sign people in.
    SignIn,
    /// Read accounts, devices and sessions.
    Read,
    /// Say that it has checked the password itself.
    AssertPassword,
    /// Act on methods without a second step of the owner.
    Support,
}

const SCOPES: [(Scope, &str); 5] = [
    (Scope::Accounts, "accounts"),
    (Scope::SignIn, "sign_in"),
    (Scope::Read, "read"),
    (Scope::AssertPassword, "assert_password"),
    (Scope::Support, "support"),
];

impl Scope {
    /// Its name outside.
    pub fn name(self) -> &'static str {
        SCOPES[self as usize].1
    }

    /// From its name outside.
    pub fn from_name(name: &str) -> Option<Self> {
        SCOPES.iter().find(|(_, known)| *known == name).map(|(scope, _)| *scope)
    }
}

/// A set of scopes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// Every scope there is.
    pub fn all() -> Self {
        SCOPES.iter().map(|(scope, _)| *scope).collect()
    }

    /// Whether it holds `scope`.
    pub fn allow(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }
}

impl Default for Scopes {
    /// What a new key has unless asked otherwise.
    fn default() -> Self {
        [Scope::Accounts, Scope::SignIn, Scope::Read].into_iter().collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut scopes: Vec<Scope> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|scope| scope.name()).collect();
        f.write_str(&names.join(" "))
    }
}

/// An API key as its holder presents it.
pub struct ApiKey {
    /// Which key it claims to be.
    pub id: ApiKeyId,
    random: Secret<[u8; 32]>,
}

const PREFIX: &str = "nsk_";
const BYTES: usize = 48;

impl ApiKey {
    /// A new key out of 256 fresh random bits.
    pub fn new(id: ApiKeyId, random: [u8; 32]) -> Self {
        Self { id, random: Secret::new(random) }
    }

    /// Reads a presented key; `None` for anything that is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        let read = URL_SAFE_NO_PAD.decode_slice(text.strip_prefix(PREFIX)?, bytes.as_mut_slice()).ok()?;
        if read != BYTES {
            return None;
        }
        let (id, random) = bytes.split_at(16);
        Some(Self { id: ApiKeyId::from_bytes(id.try_into().ok()?), random: Secret::new(random.try_into().ok()?) })
    }

    /// The text that the site keeps.
    pub fn reveal(&self) -> Secret<String> {
        let mut text = String::from(PREFIX);
        URL_SAFE_NO_PAD.encode_string(self.bytes().as_slice(), &mut text);
        Secret::new(text)
    }

    /// What the database keeps.
    pub fn hash(&self) -> TokenHash {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, self.bytes().as_slice()).as_ref());
        TokenHash::from_bytes(hash)
    }

    fn bytes(&self) -> Zeroizing<[u8; BYTES]> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        bytes[..16].copy_from_slice(self.id.as_bytes());
        bytes[16..].copy_from_slice(self.random.expose());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_and_another_text_is_none() {
        let key = ApiKey::new(ApiKeyId::from_bytes([3; 16]), [4; 32]);
        let text = key.reveal();
        let read = ApiKey::parse(text.expose()).expect("a key");
        assert!(read.id == key.id && read.hash().same(&key.hash()));
        for other in ["", "nsk_", "nsk_AAAA", &text.expose()[1..], &format!("{}A", text.expose())] {
            assert!(ApiKey::parse(other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_new_key_may_not_assert_passwords_or_support() {
        assert_eq!(Scopes::default().to_string(), "accounts sign_in read");
        for (scope, name) in SCOPES {
            assert_eq!(Scope::from_name(name), Some(scope));
            assert!(Scopes::all().allow(scope));
        }
    }
}
