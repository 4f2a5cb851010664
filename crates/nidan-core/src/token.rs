//! Bearer tokens: opaque to who holds them, found by us without an index, kept by us only as a hash.
//!
//! `nds_` and base64url of account id, row id and 256 random bits. The ids say where to look (on a sharded database too);
//! only the hash of the whole decides. The prefix names the kind for secret scanners, and one kind never serves as
//! another: each has a table of its own.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::id::{AccountId, Id, Kind};
use crate::secret::{Secret, same_bytes};

/// What a token is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenKind {
    /// A signed-in session.
    Session,
    /// The browser's hold on a ceremony that is under way.
    Ceremony,
    /// A device on which a second step was completed.
    Device,
}

impl TokenKind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Session => "nds_",
            Self::Ceremony => "ndf_",
            Self::Device => "ndd_",
        }
    }
}

/// The hash of a token, as the database keeps it.
#[derive(Clone, Copy, Debug)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// From the bytes the database keeps.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes the database keeps.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Constant-time comparison.
    pub fn same(&self, other: &Self) -> bool {
        same_bytes(&self.0, &other.0)
    }
}

/// A bearer token for the row `id` of `account`.
pub struct Token<K: Kind> {
    kind: TokenKind,
    /// Whose it is.
    pub account: AccountId,
    /// Which row it opens.
    pub id: Id<K>,
    random: Secret<[u8; 32]>,
}

const BYTES: usize = 64;

impl<K: Kind> Token<K> {
    /// A new token out of 256 fresh random bits.
    pub fn new(kind: TokenKind, account: AccountId, id: Id<K>, random: [u8; 32]) -> Self {
        Self { kind, account, id, random: Secret::new(random) }
    }

    /// Reads a presented token; `None` for anything that is not one of this kind.
    pub fn parse(kind: TokenKind, text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        let read = URL_SAFE_NO_PAD.decode_slice(text.strip_prefix(kind.prefix())?, bytes.as_mut_slice()).ok()?;
        if read != BYTES {
            return None;
        }
        let (account, rest) = bytes.split_at(16);
        let (id, random) = rest.split_at(16);
        Some(Self {
            kind,
            account: Id::from_bytes(account.try_into().ok()?),
            id: Id::from_bytes(id.try_into().ok()?),
            random: Secret::new(random.try_into().ok()?),
        })
    }

    /// The text that the holder keeps: 90 characters fit for a cookie or header.
    pub fn reveal(&self) -> Secret<String> {
        let mut text = String::from(self.kind.prefix());
        URL_SAFE_NO_PAD.encode_string(self.bytes().as_slice(), &mut text);
        Secret::new(text)
    }

    /// What the database keeps.
    pub fn hash(&self) -> TokenHash {
        let hash = digest(&SHA256, self.bytes().as_slice());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hash.as_ref());
        TokenHash(bytes)
    }

    fn bytes(&self) -> Zeroizing<[u8; BYTES]> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        bytes[..16].copy_from_slice(self.account.as_bytes());
        bytes[16..32].copy_from_slice(self.id.as_bytes());
        bytes[32..].copy_from_slice(self.random.expose());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SessionId;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tokens_read_back_as_their_own_kind_only(account: [u8; 16], id: [u8; 16], random: [u8; 32]) {
            let token = Token::new(TokenKind::Session, AccountId::from_bytes(account), SessionId::from_bytes(id), random);
            let text = token.reveal();
            let read = Token::<crate::id::Session>::parse(TokenKind::Session, text.expose()).expect("a token");
            prop_assert!(read.hash().same(&token.hash()));
            prop_assert!(Token::<crate::id::Session>::parse(TokenKind::Device, text.expose()).is_none());
        }

        #[test]
        fn one_changed_letter_is_another_token_or_none(random: [u8; 32], place in 4usize..90, letter in "[A-Za-z0-9_-]") {
            let token = Token::new(TokenKind::Session, AccountId::from_bytes([1; 16]), SessionId::from_bytes([2; 16]), random);
            let mut text = token.reveal().expose().clone();
            prop_assume!(text[place..=place] != letter);
            text.replace_range(place..=place, &letter);
            if let Some(read) = Token::<crate::id::Session>::parse(TokenKind::Session, &text) {
                prop_assert!(!read.hash().same(&token.hash()));
            }
        }
    }
}
