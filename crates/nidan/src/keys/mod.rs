//! The keys of an installation and what is made with them.
//!
//! A key file holds numbered roots of 32 bytes and one root for look-ups. Nothing is ever encrypted under a root itself:
//! HKDF-SHA-256 makes one sub-key per purpose, so that no purpose can stand in for another. Each account has a data key
//! of its own, wrapped under the newest root; whoever destroys it has erased the account's sealed values. The root for
//! look-ups stays the same for the life of an installation, for what it makes are database keys.

mod data_key;
mod file;
mod reply;

pub use data_key::{DataKey, KeyError, Place};
pub use file::KeyFileError;
pub use reply::ReplyKey;

use aws_lc_rs::{hkdf, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nidan_core::id::AccountId;
use nidan_core::secret::{Secret, same_bytes};
use zeroize::Zeroizing;

use crate::app::Random;

/// What a value is looked up as. The same text looked up as two things gives two hashes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lookup {
    /// A normalised e-mail address.
    Email,
    /// A phone number in E.164.
    Phone,
    /// A block of phone numbers.
    NumberBlock,
    /// A site's own name for an account.
    ExternalId,
    /// An API key together with an `Idempotency-Key`.
    Idempotency,
    /// What a counter counts, and for whom.
    Counter,
    /// The network of a client.
    Network,
    /// Ten minutes in which wrong codes are counted.
    WrongCodes,
    /// A route, what its carrier calls a message, and the end of the number it went to.
    CarrierMessage,
    /// A route and the end of a number that it carried a message to.
    CarrierNumber,
    /// A request through an API key.
    Repeat,
    /// What is typed to sign in, and a kind of password hash.
    HashClass,
    /// The reference of a notice.
    NoticeReference,
}

impl Lookup {
    const fn purpose(self) -> &'static str {
        match self {
            Self::Email => "look-up of e-mail addresses",
            Self::Phone => "look-up of phone numbers",
            Self::NumberBlock => "look-up of blocks of phone numbers",
            Self::ExternalId => "look-up of external ids",
            Self::Idempotency => "look-up of idempotency keys",
            Self::Counter => "look-up of counters",
            Self::Network => "look-up of networks",
            Self::WrongCodes => "look-up of counts of wrong codes",
            Self::CarrierMessage => "look-up of messages at carriers",
            Self::CarrierNumber => "look-up of numbers at carriers",
            Self::Repeat => "fingerprints of requests",
            Self::HashClass => "kinds of password hashes",
            Self::NoticeReference => "look-up of notices",
        }
    }
}

/// The keys of an installation, read once at start. It cannot be printed.
pub struct KeyRing {
    /// By growing version; never empty.
    roots: Vec<Root>,
    lookup: Secret<[u8; 32]>,
}

struct Root {
    version: u32,
    /// RFC 3339, as the file says; for people.
    created: String,
    secret: Secret<[u8; 32]>,
}

const WRAPPING: &str = "wrapping of data keys";
const CODES: &str = "codes";
const CSRF: &str = "csrf";

impl KeyRing {
    /// The version that new things are made under.
    pub fn newest(&self) -> i64 {
        i64::from(self.newest_root().version)
    }

    /// The key that codes of a challenge are derived under; none if the file has no such version (any more).
    pub fn code_key_bytes(&self, version: i64) -> Option<Secret<[u8; 32]>> {
        Some(sub_key(&self.root(version)?.secret, CODES))
    }

    /// What the database keeps in place of `value`, to find it again.
    pub fn lookup(&self, what: Lookup, value: &[u8]) -> [u8; 32] {
        mac(&sub_key(&self.lookup, what.purpose()), value)
    }

    /// The token that forms of this browser carry. `browser` is the random value of its CSRF cookie.
    pub fn csrf_token(&self, browser: &[u8]) -> String {
        csrf_token_under(self.newest_root(), browser)
    }

    /// Whether `token` was made for this browser, under any version in the file: pages opened before a newer key came
    /// still work.
    pub fn csrf_token_is_right(&self, browser: &[u8], token: &str) -> bool {
        self.roots.iter().any(|root| same_bytes(csrf_token_under(root, browser).as_bytes(), token.as_bytes()))
    }

    /// A data key for a new account, and what the database keeps of it.
    pub fn new_data_key(&self, account: AccountId, random: &Random) -> (DataKey, Vec<u8>) {
        let root = self.newest_root();
        let bytes = Zeroizing::new(random.bytes::<32>());
        let wrapped = data_key::wrap(root.version, &sub_key(&root.secret, WRAPPING), account, (&bytes, random));
        (DataKey::new(account, &bytes), wrapped)
    }

    /// The account's data key out of what [`KeyRing::new_data_key`] gave the database.
    pub fn open_data_key(&self, account: AccountId, wrapped: &[u8]) -> Result<DataKey, KeyError> {
        let version = data_key::version_of(wrapped)?;
        let root = self.root(i64::from(version)).ok_or(KeyError::UnknownVersion(version))?;
        data_key::unwrap(&sub_key(&root.secret, WRAPPING), account, wrapped)
    }

    fn newest_root(&self) -> &Root {
        self.roots.last().expect("a ring is only built from one root or more")
    }

    fn root(&self, version: i64) -> Option<&Root> {
        self.roots.iter().find(|root| i64::from(root.version) == version)
    }
}

fn csrf_token_under(root: &Root, browser: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(mac(&sub_key(&root.secret, CSRF), browser))
}

/// The key for one purpose (HKDF-SHA-256, RFC 5869).
fn sub_key(root: &Secret<[u8; 32]>, purpose: &str) -> Secret<[u8; 32]> {
    let mut bytes = [0; 32];
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"nidan")
        .extract(root.expose())
        .expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256)
        .and_then(|key| key.fill(&mut bytes))
        .expect("HKDF gives up to 255 blocks, and one is asked for");
    Secret::new(bytes)
}

fn mac(key: &Secret<[u8; 32]>, value: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()), value);
    tag.as_ref().try_into().expect("HMAC-SHA-256 gives 32 bytes")
}

#[cfg(test)]
impl KeyRing {
    /// A ring with the versions 1 to `count`; rings of the same seed share their first versions.
    pub(crate) fn for_test(count: u32, seed: u64) -> Self {
        let random = Random::seeded(seed);
        let lookup = Secret::new(random.bytes());
        let root =
            |version| Root { version, created: "2026-11-22T00:00:00Z".into(), secret: Secret::new(random.bytes()) };
        Self { roots: (1..=count).map(root).collect(), lookup }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookups_are_stable_over_newer_keys_and_differ_by_kind_and_installation() {
        let (one, later, other) = (KeyRing::for_test(1, 1), KeyRing::for_test(3, 1), KeyRing::for_test(1, 2));
        let hash = one.lookup(Lookup::Email, b"taro@example.jp");
        assert_eq!(hash, later.lookup(Lookup::Email, b"taro@example.jp"));
        assert_ne!(hash, one.lookup(Lookup::ExternalId, b"taro@example.jp"));
        assert_ne!(hash, one.lookup(Lookup::Email, b"taro@example.jq"));
        assert_ne!(hash, other.lookup(Lookup::Email, b"taro@example.jp"));
    }

    #[test]
    fn code_keys_belong_to_their_version() {
        let ring = KeyRing::for_test(2, 1);
        let key = |version| ring.code_key_bytes(version);
        assert_eq!(ring.newest(), 2);
        assert!(key(0).is_none() && key(3).is_none() && key(-1).is_none() && key(i64::MAX).is_none());
        let (first, second) = (key(1).expect("a key"), key(2).expect("a key"));
        assert!(!first.same(&second));
        assert!(first.same(&KeyRing::for_test(1, 1).code_key_bytes(1).expect("a key")));
    }

    #[test]
    fn csrf_tokens_belong_to_one_browser_and_outlive_a_newer_key() {
        let (ring, later, other) = (KeyRing::for_test(1, 1), KeyRing::for_test(2, 1), KeyRing::for_test(1, 2));
        let token = ring.csrf_token(b"browser");
        assert!(ring.csrf_token_is_right(b"browser", &token));
        assert!(later.csrf_token_is_right(b"browser", &token));
        assert_ne!(later.csrf_token(b"browser"), token);
        assert!(!ring.csrf_token_is_right(b"another", &token));
        assert!(!other.csrf_token_is_right(b"browser", &token));
        assert!(!ring.csrf_token_is_right(b"browser", ""));
    }
}
