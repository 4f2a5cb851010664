//! Sealing: AES-256-GCM-SIV, which stays safe even if a nonce should repeat. What is sealed is bound to its account,
//! column and row, so that a value copied to another place in the database does not open there.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use nidan_core::id::AccountId;
use nidan_core::secret::Secret;
use zeroize::Zeroizing;

use crate::app::Random;

/// How sealed bytes are laid out: a version in four bytes (the wrapping root's for data keys, [`LAYOUT`] for values),
/// nonce, ciphertext with tag.
const VERSION_BYTES: usize = 4;
const LAYOUT: u32 = 1;
const WRAPPED_AT: Place<'static> = Place { column: "account.data_key", row: &[] };

/// Where a sealed value lies.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Table and column, e.g. `authenticator.secret`.
    pub column: &'a str,
    /// What tells the row from others of its account; empty where an account has one.
    pub row: &'a [u8],
}

/// Why something sealed does not open. Says nothing about what it holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The key file lacks the version it was sealed under.
    #[error("the key file has no key of version {0}; put back the file that has it")]
    UnknownVersion(u32),
    /// Too short, or of a layout this version does not know.
    #[error("not a sealed value of this version of Nidan")]
    Malformed,
    /// Changed, moved from another place, or sealed under other keys.
    #[error("a sealed value does not open: it was changed or moved, or the key file belongs to another installation")]
    NotAuthentic,
}

/// The key that an account's values are sealed under. It cannot be printed.
pub struct DataKey {
    account: AccountId,
    key: LessSafeKey,
}

impl DataKey {
    pub(super) fn new(account: AccountId, bytes: &[u8; 32]) -> Self {
        Self { account, key: cipher(bytes) }
    }

    /// Seals `plain` for one place.
    pub fn seal(&self, place: Place<'_>, plain: &[u8], random: &Random) -> Vec<u8> {
        seal(&self.key, LAYOUT, &bound_to(self.account, place, LAYOUT), (plain, random))
    }

    /// What [`DataKey::seal`] sealed for this place.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Secret<Vec<u8>>, KeyError> {
        if version_of(sealed)? != LAYOUT {
            return Err(KeyError::Malformed);
        }
        open(&self.key, &bound_to(self.account, place, LAYOUT), sealed)
    }
}

/// Seals a data key under the root of `version`.
pub(super) fn wrap(
    version: u32,
    wrapping: &Secret<[u8; 32]>,
    account: AccountId,
    (bytes, random): (&[u8; 32], &Random),
) -> Vec<u8> {
    seal(&cipher(wrapping.expose()), version, &bound_to(account, WRAPPED_AT, version), (bytes, random))
}

/// Opens what [`wrap`] sealed under the root whose version it names.
pub(super) fn unwrap(wrapping: &Secret<[u8; 32]>, account: AccountId, wrapped: &[u8]) -> Result<DataKey, KeyError> {
    let bound = bound_to(account, WRAPPED_AT, version_of(wrapped)?);
    let bytes = open(&cipher(wrapping.expose()), &bound, wrapped)?;
    let bytes: Zeroizing<[u8; 32]> =
        Zeroizing::new(bytes.expose().as_slice().try_into().map_err(|_| KeyError::Malformed)?);
    Ok(DataKey::new(account, &bytes))
}

/// The version in front of sealed bytes.
pub(super) fn version_of(sealed: &[u8]) -> Result<u32, KeyError> {
    let (version, _) = sealed.split_first_chunk::<VERSION_BYTES>().ok_or(KeyError::Malformed)?;
    Ok(u32::from_be_bytes(*version))
}

pub(super) fn seal(key: &LessSafeKey, version: u32, bound: &[u8], (plain, random): (&[u8], &Random)) -> Vec<u8> {
    let nonce: [u8; NONCE_LEN] = random.bytes();
    // Room for everything, so that no copy of the plain bytes stays behind in a smaller allocation.
    let mut bytes = Vec::with_capacity(plain.len() + AES_256_GCM_SIV.tag_len());
    bytes.extend_from_slice(plain);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound), &mut bytes)
        .expect("AES-GCM-SIV seals whatever fits in memory (2^36 bytes)");
    [&version.to_be_bytes(), nonce.as_slice(), &bytes].concat()
}

pub(super) fn open(key: &LessSafeKey, bound: &[u8], sealed: &[u8]) -> Result<Secret<Vec<u8>>, KeyError> {
    let (nonce, ciphertext) = sealed
        .get(VERSION_BYTES..)
        .and_then(|rest| rest.split_first_chunk::<NONCE_LEN>())
        .ok_or(KeyError::Malformed)?;
    let mut bytes = Zeroizing::new(ciphertext.to_vec());
    let plain = key
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(bound), &mut bytes)
        .map_err(|_| KeyError::NotAuthentic)?;
    Ok(Secret::new(plain.to_vec()))
}

/// The associated data. Lengths stand in front, so that no two places give the same bytes.
fn bound_to(account: AccountId, place: Place<'_>, version: u32) -> Vec<u8> {
    let length = |bytes: &[u8]| (bytes.len() as u64).to_be_bytes();
    let column = place.column.as_bytes();
    [account.as_bytes(), &length(column)[..], column, &length(place.row), place.row, &version.to_be_bytes()].concat()
}

pub(super) fn cipher(bytes: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, bytes).expect("the algorithm takes keys of 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::super::KeyRing;
    use super::*;
    use proptest::prelude::*;

    const PLACE: Place<'static> = Place { column: "authenticator.secret", row: b"row" };

    fn account(n: u8) -> AccountId {
        AccountId::from_bytes([n; 16])
    }

    fn fails(result: Result<Secret<Vec<u8>>, KeyError>) -> KeyError {
        result.err().expect("must not open")
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_and_looks_different_each_time(plain: Vec<u8>, seed: u64) {
            let random = Random::seeded(seed);
            let (key, wrapped) = KeyRing::for_test(1, 1).new_data_key(account(1), &random);
            let sealed = key.seal(PLACE, &plain, &random);
            prop_assert_ne!(&sealed, &key.seal(PLACE, &plain, &random));
            let key = KeyRing::for_test(1, 1).open_data_key(account(1), &wrapped).expect("opens");
            let opened = key.open(PLACE, &sealed).map(|plain| plain.expose().clone());
            prop_assert_eq!(opened, Ok(plain));
        }

        #[test]
        fn any_bytes_are_refused_without_a_panic(bytes: Vec<u8>) {
            let ring = KeyRing::for_test(1, 1);
            prop_assert!(ring.open_data_key(account(1), &bytes).is_err());
            let (key, _) = ring.new_data_key(account(1), &Random::seeded(1));
            prop_assert!(key.open(PLACE, &bytes).is_err());
        }
    }

    #[test]
    fn a_value_opens_in_its_own_place_only() {
        let random = Random::seeded(1);
        let ring = KeyRing::for_test(1, 1);
        let (key, wrapped) = ring.new_data_key(account(1), &random);
        let sealed = key.seal(PLACE, b"JBSWY3DP", &random);
        for (column, row) in [
            ("authenticator.secret", b"raw".as_slice()),
            ("authenticator.about", b"row"),
            ("authenticator.secre", b"trow"),
            ("authenticator.secretrow", b""),
        ] {
            assert_eq!(fails(key.open(Place { column, row }, &sealed)), KeyError::NotAuthentic, "{column}");
        }
        assert_eq!(ring.open_data_key(account(2), &wrapped).err(), Some(KeyError::NotAuthentic));
        let same_key_other_account = DataKey { account: account(2), key: key.key };
        assert_eq!(fails(same_key_other_account.open(PLACE, &sealed)), KeyError::NotAuthentic);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let random = Random::seeded(1);
        let ring = KeyRing::for_test(1, 1);
        let (key, wrapped) = ring.new_data_key(account(1), &random);
        let sealed = key.seal(PLACE, b"+819012345678", &random);
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(key.open(PLACE, &changed).is_err(), "bit {bit}");
        }
        for bit in 0..wrapped.len() * 8 {
            let mut changed = wrapped.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(ring.open_data_key(account(1), &changed).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn an_older_version_still_opens_after_a_newer_key_was_added() {
        let random = Random::seeded(1);
        let (key, wrapped) = KeyRing::for_test(1, 1).new_data_key(account(1), &random);
        let sealed = key.seal(PLACE, b"seed", &random);
        let later = KeyRing::for_test(2, 1);
        let opened = later.open_data_key(account(1), &wrapped).expect("an older version opens").open(PLACE, &sealed);
        assert!(opened.is_ok_and(|plain| plain.expose() == b"seed"));
        let (_, newer) = later.new_data_key(account(1), &random);
        assert_eq!(KeyRing::for_test(1, 1).open_data_key(account(1), &newer).err(), Some(KeyError::UnknownVersion(2)));
        let (_, foreign) = KeyRing::for_test(1, 2).new_data_key(account(1), &random);
        assert_eq!(later.open_data_key(account(1), &foreign).err(), Some(KeyError::NotAuthentic));
    }
}
