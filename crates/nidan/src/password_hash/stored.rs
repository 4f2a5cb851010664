//! Password hashes as the database keeps them: our own, and those that came with accounts from other systems.
//!
//! Taken in: PHC strings of Argon2 (i, d, id), scrypt and PBKDF2 (SHA-256, SHA-512), and bcrypt (`$2a$`, `$2b$`, `$2y$`).
//! Whoever may import accounts must not be able to make every sign-in a burden, so costs are bounded:
//!
//! | function | bounds | why so much |
//! | --- | --- | --- |
//! | Argon2 | memory ≤ 128 MiB, memory × passes ≤ 256 MiB, ≤ 16 lanes | Django's default is 100 MiB, 2 passes, 8 lanes |
//! | scrypt | memory 128·N·r ≤ 128 MiB, N·r·p ≤ 2^21 | OWASP's strongest is N = 2^17, r = 8, p = 1 |
//! | PBKDF2 | ≤ 2,000,000 iterations | Django's default has passed 1,000,000 |
//! | bcrypt | cost ≤ 13 | PHP's default is 12 |
//!
//! There is no lower bound: a weak hash is best replaced, and the first sign-in does that.

use std::num::NonZeroU32;

use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::pbkdf2;
use nidan_core::secret::{Secret, same_bytes};
use zeroize::Zeroizing;

use super::memory::Memory;
use super::{LANES, MEMORY_KIB, PASSES, SALT_BYTES, TAG_BYTES};

const TEXT_BYTES_MAX: usize = 512;
const ARGON2_MEMORY_KIB_MAX: u32 = 128 * 1024;
const ARGON2_MEMORY_KIB_TIMES_PASSES_MAX: u32 = 256 * 1024;
const ARGON2_LANES_MAX: u32 = 16;
const SCRYPT_MEMORY_BYTES_MAX: u64 = 128 * 1024 * 1024;
const SCRYPT_WORK_MAX: u64 = 1 << 21;
const PBKDF2_ITERATIONS_MAX: u32 = 2_000_000;
const BCRYPT_COST_MAX: u32 = 13;
/// A tag shorter than this is met by chance too easily, and PHC strings have no longer one.
const TAG_BYTES_MIN: usize = 16;
const TAG_BYTES_MAX: usize = 64;

/// Why a hash is not taken in. Never shows the hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotImportable {
    /// Not one of the forms that are known.
    #[error("not a password hash of a known form: argon2, scrypt or pbkdf2 as a PHC string, or bcrypt")]
    UnknownForm,
    /// Checking it would take too much of the machine.
    #[error("the password hash has cost parameters beyond what is taken in")]
    TooCostly,
}

/// A password hash that can be checked against. It cannot be printed.
#[derive(Clone)]
pub struct StoredHash {
    text: Secret<String>,
    function: Function,
}

#[derive(Clone)]
enum Function {
    Bcrypt,
    Phc(PhcFunction, Box<PasswordHash>),
}

#[derive(Clone)]
enum PhcFunction {
    Argon2(Argon2<'static>),
    Scrypt(scrypt::Params),
    Pbkdf2(pbkdf2::Algorithm, NonZeroU32),
}

impl StoredHash {
    /// Reads what the database keeps or what a site imports; refuses forms that are not known and costs out of bounds.
    pub fn parse(text: &str) -> Result<Self, NotImportable> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(NotImportable::UnknownForm);
        }
        let function = match text.get(..4) {
            Some("$2a$" | "$2b$" | "$2y$") => parse_bcrypt(text)?,
            _ => parse_phc(text)?,
        };
        Ok(Self { text: Secret::new(text.into()), function })
    }

    /// The text to seal and store.
    pub fn text(&self) -> &Secret<String> {
        &self.text
    }

    /// Function and cost, without anything of the password: as the text of a hash like this one whose salt and tag are all
    /// zero. Equal for all hashes that cost the same; [`StoredHash::parse`] makes a hash of nobody's password of it.
    pub fn class(&self) -> String {
        match &self.function {
            // Versions differ in the name alone. A dot is a zero.
            Function::Bcrypt => format!("$2b${}{}", self.text.expose().get(4..7).unwrap_or_default(), ".".repeat(53)),
            Function::Phc(_, phc) => {
                let fits = "what was read has lengths that can be written";
                let zeros = [0; TAG_BYTES_MAX];
                PasswordHash {
                    algorithm: phc.algorithm,
                    version: phc.version,
                    params: phc.params.clone(),
                    salt: phc.salt.map(|salt| Salt::new(&zeros[..salt.len()]).expect(fits)),
                    hash: phc.hash.map(|tag| Output::new(&zeros[..tag.len()]).expect(fits)),
                }
                .to_string()
            }
        }
    }

    /// A hash of nobody's password, of the form that new hashes have.
    pub fn of_nobody() -> Self {
        let written = Self::parse(&super::write(&[0; SALT_BYTES], &[0; TAG_BYTES]));
        written.expect("what this module writes it can read: a test does so")
    }

    /// Whether this is the hash of `password`; constant time over the comparison. Blocks for as long as hashing takes.
    pub(super) fn is_of(&self, memory: &Memory, password: &Secret<String>) -> bool {
        let password = password.expose().as_bytes();
        match &self.function {
            // As every bcrypt does, only the first 72 bytes count.
            Function::Bcrypt => bcrypt::verify(password, self.text.expose()).unwrap_or(false),
            Function::Phc(function, phc) => phc_is_of(memory, (function, phc), password).unwrap_or(false),
        }
    }

    /// Whether it has the form and parameters that new hashes are made with.
    pub fn is_current(&self) -> bool {
        let Function::Phc(PhcFunction::Argon2(argon2), phc) = &self.function else { return false };
        let params = argon2.params();
        phc.algorithm == Algorithm::Argon2id.ident()
            && phc.version == Some(Version::V0x13.into())
            && (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, PASSES, LANES)
            && phc.salt.is_some_and(|salt| salt.len() == SALT_BYTES)
            && phc.hash.is_some_and(|tag| tag.len() == TAG_BYTES)
    }
}

fn phc_is_of(memory: &Memory, (function, phc): (&PhcFunction, &PasswordHash), password: &[u8]) -> Option<bool> {
    let (salt, expected) = (phc.salt?, phc.hash?);
    let mut room = Zeroizing::new([0; TAG_BYTES_MAX]);
    let tag = room.get_mut(..expected.len())?;
    match function {
        PhcFunction::Argon2(argon2) => memory.hash(argon2, (password, &salt), tag).ok()?,
        PhcFunction::Scrypt(params) => scrypt::scrypt(password, &salt, params, tag).ok()?,
        PhcFunction::Pbkdf2(algorithm, iterations) => pbkdf2::derive(*algorithm, *iterations, &salt, password, tag),
    }
    Some(same_bytes(tag, expected.as_bytes()))
}

fn parse_bcrypt(text: &str) -> Result<Function, NotImportable> {
    let parts: bcrypt::HashParts = text.parse().map_err(|_| NotImportable::UnknownForm)?;
    match parts.get_cost() {
        0..4 => Err(NotImportable::UnknownForm),
        4..=BCRYPT_COST_MAX => Ok(Function::Bcrypt),
        _ => Err(NotImportable::TooCostly),
    }
}

fn parse_phc(text: &str) -> Result<Function, NotImportable> {
    let phc = PasswordHash::new(text).map_err(|_| NotImportable::UnknownForm)?;
    let tag_bytes = phc.hash.map_or(0, |tag| tag.len());
    if phc.salt.is_none() || !(TAG_BYTES_MIN..=TAG_BYTES_MAX).contains(&tag_bytes) {
        return Err(NotImportable::UnknownForm);
    }
    let function = match phc.algorithm.as_str() {
        "argon2i" => argon2(Algorithm::Argon2i, &phc, tag_bytes),
        "argon2d" => argon2(Algorithm::Argon2d, &phc, tag_bytes),
        "argon2id" => argon2(Algorithm::Argon2id, &phc, tag_bytes),
        "scrypt" => scrypt_function(&phc),
        "pbkdf2-sha256" => pbkdf2_function(pbkdf2::PBKDF2_HMAC_SHA256, &phc, tag_bytes),
        "pbkdf2-sha512" => pbkdf2_function(pbkdf2::PBKDF2_HMAC_SHA512, &phc, tag_bytes),
        _ => Err(NotImportable::UnknownForm),
    }?;
    Ok(Function::Phc(function, Box::new(phc)))
}

/// The values of the parameters `names`, if the hash has exactly these. So one that also says `keyid` or `data`, which we
/// would have to heed, is refused.
fn numbers<const N: usize>(phc: &PasswordHash, names: [&str; N]) -> Result<[u32; N], NotImportable> {
    let mut values = [0; N];
    for (value, name) in values.iter_mut().zip(names) {
        *value = phc.params.get_decimal(name).ok_or(NotImportable::UnknownForm)?;
    }
    if phc.params.iter().count() != N {
        return Err(NotImportable::UnknownForm);
    }
    Ok(values)
}

fn argon2(algorithm: Algorithm, phc: &PasswordHash, tag_bytes: usize) -> Result<PhcFunction, NotImportable> {
    let [memory_kib, passes, lanes] = numbers(phc, ["m", "t", "p"])?;
    if memory_kib > ARGON2_MEMORY_KIB_MAX
        || memory_kib.saturating_mul(passes) > ARGON2_MEMORY_KIB_TIMES_PASSES_MAX
        || lanes > ARGON2_LANES_MAX
    {
        return Err(NotImportable::TooCostly);
    }
    let version = phc.version.map_or(Ok(Version::V0x10), Version::try_from);
    let params = Params::new(memory_kib, passes, lanes, Some(tag_bytes));
    match (version, params) {
        (Ok(version), Ok(params)) => Ok(PhcFunction::Argon2(Argon2::new(algorithm, version, params))),
        _ => Err(NotImportable::UnknownForm),
    }
}

fn scrypt_function(phc: &PasswordHash) -> Result<PhcFunction, NotImportable> {
    let [log_n, r, p] = numbers(phc, ["ln", "r", "p"])?;
    if phc.version.is_some() || log_n == 0 {
        return Err(NotImportable::UnknownForm);
    }
    let n = 1_u64.checked_shl(log_n).ok_or(NotImportable::TooCostly)?;
    let n_r = n.saturating_mul(r.into());
    if n_r.saturating_mul(128) > SCRYPT_MEMORY_BYTES_MAX || n_r.saturating_mul(p.into()) > SCRYPT_WORK_MAX {
        return Err(NotImportable::TooCostly);
    }
    let params = scrypt::Params::new(log_n as u8, r, p).map_err(|_| NotImportable::UnknownForm)?;
    Ok(PhcFunction::Scrypt(params))
}

fn pbkdf2_function(
    algorithm: pbkdf2::Algorithm,
    phc: &PasswordHash,
    tag_bytes: usize,
) -> Result<PhcFunction, NotImportable> {
    let iterations = match phc.params.get("l") {
        None => numbers(phc, ["i"])?[0],
        Some(_) => match numbers(phc, ["i", "l"])? {
            [iterations, length] if length as usize == tag_bytes => iterations,
            _ => return Err(NotImportable::UnknownForm),
        },
    };
    let iterations = NonZeroU32::new(iterations).filter(|_| phc.version.is_none()).ok_or(NotImportable::UnknownForm)?;
    if iterations.get() > PBKDF2_ITERATIONS_MAX {
        return Err(NotImportable::TooCostly);
    }
    Ok(PhcFunction::Pbkdf2(algorithm, iterations))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Made by others: the Argon2 reference code's tests, Openwall's bcrypt tests, Python's hashlib.
    const FOREIGN: &[(&str, &str)] = &[
        ("password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"),
        ("password", "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8"),
        ("password", "$argon2i$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY"),
        ("correct horse", "$scrypt$ln=10,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$6g3umF+uVrJsObaTZhIbbTlgrvOEFcCItdwSjtPF67M"),
        (
            "correct horse",
            "$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$cBg8D2DungRB9k76szThf5ehfyBz991ay6PT8Srwk4M",
        ),
        (
            "correct horse",
            "$pbkdf2-sha512$i=1000$MDEyMzQ1Njc4OWFiY2RlZg$OM0FAoIqCVK1sWtxDiffVlBejtLa+ks4TP71JiecwuSZCG8iLbnlIEPOMoVX+i2B2wkSxjQ8CRGR9OkNGuIPMQ",
        ),
        ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
        ("U*U", "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ];

    fn stored(text: &str) -> StoredHash {
        StoredHash::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"))
    }

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.into())
    }

    #[test]
    fn hashes_made_elsewhere_are_checked() {
        for (password, text) in FOREIGN {
            let hash = stored(text);
            assert!(hash.is_of(&Memory::default(), &secret(password)), "{text}");
            assert!(!hash.is_of(&Memory::default(), &secret("Password")), "{text}");
            assert!(!hash.is_of(&Memory::default(), &secret("")), "{text}");
            assert!(!hash.is_current(), "{text}");
            assert_eq!(hash.text().expose(), text);
        }
    }

    #[test]
    fn a_class_keeps_function_and_cost_alone() {
        for (_, text) in FOREIGN {
            let class = stored(text).class();
            let of_nobody = stored(&class);
            assert_eq!(of_nobody.class(), class, "{text}");
            assert!(!of_nobody.is_current() && !of_nobody.is_of(&Memory::default(), &secret("password")), "{text}");
        }
        let [u, y] = [FOREIGN[6].1, FOREIGN[7].1].map(|text| stored(text).class());
        assert_eq!((u.as_str(), &u), ("$2b$05$.....................................................", &y));
        assert_eq!(
            stored(FOREIGN[4].1).class(),
            "$pbkdf2-sha256$i=1000,l=32$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        );
        assert!(StoredHash::of_nobody().is_current());
        assert_eq!(StoredHash::of_nobody().class(), StoredHash::of_nobody().text().expose().as_str());
    }

    #[test]
    fn bcrypt_heeds_72_bytes_as_it_does_elsewhere() {
        let hash = stored("$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui");
        let digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        assert!(hash.is_of(&Memory::default(), &secret(&format!("{digits}chars after 72 are ignored"))));
        assert!(!hash.is_of(&Memory::default(), &secret(&digits[..71])));
    }

    #[test]
    fn only_the_parameters_of_today_are_current() {
        let salt_and_tag = "AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let hash = |head: &str| stored(&format!("{head}${salt_and_tag}")).is_current();
        assert!(hash("$argon2id$v=19$m=19456,t=2,p=1"));
        for older in [
            "$argon2i$v=19$m=19456,t=2,p=1",
            "$argon2id$v=16$m=19456,t=2,p=1",
            "$argon2id$v=19$m=19455,t=2,p=1",
            "$argon2id$v=19$m=19456,t=1,p=1",
            "$argon2id$v=19$m=19456,t=2,p=2",
        ] {
            assert!(!hash(older), "{older}");
        }
        assert!(!stored("$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA").is_current());
    }

    #[test]
    fn costs_are_bounded() {
        let salt_and_tag = "AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let read = |head: &str| StoredHash::parse(&format!("{head}${salt_and_tag}")).map(|_| ());
        for bearable in [
            "$argon2id$v=19$m=131072,t=2,p=16",
            "$argon2id$v=19$m=65536,t=4,p=4",
            "$scrypt$ln=17,r=8,p=1",
            "$scrypt$ln=17,r=8,p=2",
            "$pbkdf2-sha256$i=2000000",
        ] {
            assert_eq!(read(bearable), Ok(()), "{bearable}");
        }
        for costly in [
            "$argon2id$v=19$m=131073,t=1,p=1",
            "$argon2id$v=19$m=131072,t=3,p=1",
            "$argon2id$v=19$m=4294967295,t=4294967295,p=1",
            "$argon2id$v=19$m=1024,t=1,p=17",
            "$scrypt$ln=18,r=8,p=1",
            "$scrypt$ln=17,r=8,p=3",
            "$scrypt$ln=10,r=4294967295,p=1",
            "$scrypt$ln=63,r=1,p=1",
            "$scrypt$ln=64,r=1,p=1",
            "$scrypt$ln=4294967295,r=1,p=1",
            "$pbkdf2-sha256$i=2000001",
            "$pbkdf2-sha512$i=4294967295",
        ] {
            assert_eq!(read(costly), Err(NotImportable::TooCostly), "{costly}");
        }
        let bcrypt =
            |cost| StoredHash::parse(&format!("$2b${cost}$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
        assert!(bcrypt("13").is_ok());
        assert_eq!(bcrypt("14").err(), Some(NotImportable::TooCostly));
        assert_eq!(bcrypt("31").err(), Some(NotImportable::TooCostly));
    }

    #[test]
    fn other_forms_are_refused() {
        let tag = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let salt = "AAAAAAAAAAAAAAAAAAAAAA";
        for text in [
            String::new(),
            "password".into(),
            "5f4dcc3b5aa765d61d8327deb882cf99".into(),
            "$1$salt$qJH7.N4xYta3aEG/dfqo/0".into(),
            "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW".into(),
            "$2b$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW".into(),
            "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe".into(),
            format!("$argon2id$v=19$m=1024,t=1,p=1${salt}"),
            format!("$argon2id$v=19$m=1024,t=1,p=1${salt}$AAAAAAAAAAAAAAAAAAAA"),
            format!("$argon2id$v=19$m=1024,t=1,p=1,keyid=AAAA${salt}${tag}"),
            format!("$argon2id$v=18$m=1024,t=1,p=1${salt}${tag}"),
            format!("$argon2id$v=19$m=1024,t=1${salt}${tag}"),
            format!("$argon2id$v=19$m=7,t=1,p=1${salt}${tag}"),
            format!("$argon2id$v=19$m=1024,t=0,p=1${salt}${tag}"),
            format!("$scrypt$ln=0,r=8,p=1${salt}${tag}"),
            format!("$scrypt$ln=10,r=0,p=1${salt}${tag}"),
            format!("$pbkdf2-sha256$i=0${salt}${tag}"),
            format!("$pbkdf2-sha256$i=1000,l=31${salt}${tag}"),
            format!("$pbkdf2$i=1000${salt}${tag}"),
            format!("$argon2id$v=19$m=1024,t=1,p=1${salt}${tag}{}", "A".repeat(600)),
        ] {
            assert_eq!(StoredHash::parse(&text).err(), Some(NotImportable::UnknownForm), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in r"\$?(argon2id|scrypt|pbkdf2-sha256|2b)?\$?(v=19)?\$?[a-z]{0,2}=?[0-9]{0,12}.{0,80}") {
            let _ = StoredHash::parse(&text).is_ok();
        }
    }
}
