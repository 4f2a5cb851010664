//! Keys for kept replies. Each is made from the `Idempotency-Key` of its request, which is not kept, and from the key ring:
//! neither a copy of the database nor the key file opens a reply.

use aws_lc_rs::aead::LessSafeKey;
use nidan_core::secret::Secret;

use super::data_key::{KeyError, cipher, open, seal, version_of};
use super::{KeyRing, mac, sub_key};
use crate::app::Random;

const SEALING: &str = "sealing of replies";
const HASHING: &str = "hashes of requests";
const LAYOUT: u32 = 1;

/// The key that one request's reply is sealed under. It cannot be printed.
pub struct ReplyKey(LessSafeKey);

impl KeyRing {
    /// The key for the reply to the request that `named` names: a site and its `Idempotency-Key`.
    pub fn reply_key(&self, named: &[u8]) -> ReplyKey {
        ReplyKey(cipher(&mac(&sub_key(&self.lookup, SEALING), named)))
    }

    /// By what the same request is known again. It may hold a password, so its hash is keyed like its reply.
    pub fn request_hash(&self, named: &[u8], request: &[u8]) -> [u8; 32] {
        mac(&Secret::new(mac(&sub_key(&self.lookup, HASHING), named)), request)
    }
}

impl ReplyKey {
    /// Seals a reply for its `row`.
    pub fn seal(&self, row: &[u8; 32], reply: &[u8], random: &Random) -> Vec<u8> {
        seal(&self.0, LAYOUT, row, (reply, random))
    }

    /// Opens what [`ReplyKey::seal`] sealed for this row.
    ///
    /// # Errors
    /// It was changed or moved, or another request's key is tried.
    pub fn open(&self, row: &[u8; 32], sealed: &[u8]) -> Result<Secret<Vec<u8>>, KeyError> {
        match version_of(sealed)? {
            LAYOUT => open(&self.0, row, sealed),
            _ => Err(KeyError::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_opens_with_its_own_key_in_its_own_row_only() {
        let random = Random::seeded(1);
        let ring = KeyRing::for_test(1, 1);
        let sealed = ring.reply_key(b"site key").seal(&[7; 32], b"nds_secret", &random);
        assert!(!sealed.windows(4).any(|part| part == b"nds_"));
        let later = KeyRing::for_test(2, 1);
        let opened = later.reply_key(b"site key").open(&[7; 32], &sealed).map(|reply| reply.expose().clone());
        assert_eq!(opened, Ok(b"nds_secret".to_vec()));
        for (key, row) in [
            (ring.reply_key(b"site kez"), [7; 32]),
            (ring.reply_key(b"site key"), [8; 32]),
            (KeyRing::for_test(1, 2).reply_key(b"site key"), [7; 32]),
        ] {
            assert_eq!(key.open(&row, &sealed).err(), Some(KeyError::NotAuthentic));
        }
        assert_eq!(ring.reply_key(b"site key").open(&[7; 32], b"").err(), Some(KeyError::Malformed));
    }
}
