//! The key file: TOML, mode 0400, written whole and never changed in place.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nidan_core::secret::Secret;
use nidan_core::time::Timestamp;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::{KeyRing, Root};
use crate::app::Random;

/// Why the key file cannot be used. Each says what to do; none shows what is in the file.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is none.
    #[error("there is no key file {}: put the installation's key file there, or make a first one with `nidan key generate`", .0.display())]
    Missing(PathBuf),
    /// There is one already, and it stays as it is.
    #[error("the key file {} exists already: it was left as it is, for whatever was sealed with it needs it", .0.display())]
    Exists(PathBuf),
    /// Others may read it.
    #[error("the key file {} may be read by others (mode {mode:04o}): run `chmod 0400 {}`", path.display(), path.display())]
    TooOpen {
        /// Where it is.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not written as a key file.
    #[error("the key file {} is damaged: {problem}; put back a copy that works", path.display())]
    Damaged {
        /// Where it is.
        path: PathBuf,
        /// What is wrong, without what is in it.
        problem: String,
    },
    /// The system did not let us.
    #[error("the key file {} cannot be {attempt}: {source}", path.display())]
    Io {
        /// Where it is.
        path: PathBuf,
        /// `read` or `written`.
        attempt: &'static str,
        /// The system's word.
        source: io::Error,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    key: Vec<WrittenRoot>,
    lookup: WrittenLookup,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRoot {
    version: u32,
    created: String,
    #[serde(deserialize_with = "wiped")]
    secret: Zeroizing<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLookup {
    #[serde(deserialize_with = "wiped")]
    secret: Zeroizing<String>,
}

fn wiped<'de, D: Deserializer<'de>>(written: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(written).map(Zeroizing::new)
}

const HEAD: &str = "\
# Nidan's keys. Keep a copy apart from the database: without this file nothing in the database can be read,
# and with both everything can. Do not change it by hand.
";

impl KeyRing {
    /// Reads the file. Refused when anybody but its owner may read or write it.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => KeyFileError::Missing(path.into()),
            _ => KeyFileError::Io { path: path.into(), attempt: "read", source },
        };
        let file = File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::TooOpen { path: path.into(), mode });
        }
        let text = Zeroizing::new(io::read_to_string(file).map_err(failed)?);
        parse(&text).map_err(|problem| KeyFileError::Damaged { path: path.into(), problem })
    }

    /// Makes the first key and writes the file, which must not exist yet.
    pub fn create(path: &Path, random: &Random, now: Timestamp) -> Result<Self, KeyFileError> {
        let ring = Self { roots: vec![Root::new(1, random, now)], lookup: Secret::new(random.bytes()) };
        write_new(path, &ring.to_toml()).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => KeyFileError::Exists(path.into()),
            _ => KeyFileError::Io { path: path.into(), attempt: "written", source },
        })?;
        Ok(ring)
    }

    /// Reads the file, or makes the first key if there is no file. Tells which: `true` for newly made.
    pub fn load_or_create(path: &Path, random: &Random, now: Timestamp) -> Result<(Self, bool), KeyFileError> {
        match Self::load(path) {
            Err(KeyFileError::Missing(_)) => Ok((Self::create(path, random, now)?, true)),
            read => Ok((read?, false)),
        }
    }

    /// Adds a newer key to an existing file; the older ones stay, for what was sealed with them. The file is replaced as
    /// a whole, so that a crash leaves the old or the new one. Two at a time: the second is refused.
    pub fn add_version(path: &Path, random: &Random, now: Timestamp) -> Result<Self, KeyFileError> {
        let mut ring = Self::load(path)?;
        let version = ring.newest_root().version.checked_add(1).ok_or_else(|| KeyFileError::Damaged {
            path: path.into(),
            problem: "its newest version is the last there can be".into(),
        })?;
        ring.roots.push(Root::new(version, random, now));
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        write_new(&beside, &ring.to_toml())
            .and_then(|()| fs::rename(&beside, path))
            .and_then(|()| sync_directory(path))
            .map_err(|source| match source.kind() {
                io::ErrorKind::AlreadyExists => KeyFileError::Exists(beside.clone()),
                _ => KeyFileError::Io { path: path.into(), attempt: "written", source },
            })?;
        Ok(ring)
    }

    fn to_toml(&self) -> Zeroizing<String> {
        // Room for everything, so that growing leaves no copies behind.
        let mut text = Zeroizing::new(String::with_capacity(HEAD.len() + 200 * (self.roots.len() + 1)));
        text.push_str(HEAD);
        for root in &self.roots {
            let secret = Zeroizing::new(STANDARD.encode(root.secret.expose()));
            let (version, created) = (root.version, &root.created);
            let _ = write!(text, "\n[[key]]\nversion = {version}\ncreated = \"{created}\"\nsecret = \"{}\"\n", *secret);
        }
        let secret = Zeroizing::new(STANDARD.encode(self.lookup.expose()));
        let _ = write!(text, "\n[lookup]\nsecret = \"{}\"\n", *secret);
        text
    }
}

impl Root {
    fn new(version: u32, random: &Random, now: Timestamp) -> Self {
        let created = jiff::Timestamp::from_second(now.seconds()).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string();
        Self { version, created, secret: Secret::new(random.bytes()) }
    }
}

fn parse(text: &str) -> Result<KeyRing, String> {
    // The parser's own message quotes the line, and the line may hold a key: only its number goes out.
    let written: Written = toml::from_str(text).map_err(|error| match error.span() {
        Some(span) => format!("line {} is not as it should be", 1 + text[..span.start].matches('\n').count()),
        None => "a part is missing".into(),
    })?;
    let mut roots = Vec::with_capacity(written.key.len());
    for root in written.key {
        let secret = secret(&root.secret).ok_or_else(|| format!("key {} has no secret of 32 bytes", root.version))?;
        if root.created.parse::<jiff::Timestamp>().is_err() {
            return Err(format!("key {} has no time it was created at", root.version));
        }
        roots.push(Root { version: root.version, created: root.created, secret });
    }
    roots.sort_by_key(|root| root.version);
    let distinct = roots.windows(2).all(|pair| pair[0].version != pair[1].version);
    if !distinct || roots.first().is_none_or(|root| root.version == 0) {
        return Err("its versions are not distinct numbers from 1".into());
    }
    let lookup = secret(&written.lookup.secret).ok_or("the look-up secret does not have 32 bytes")?;
    Ok(KeyRing { roots, lookup })
}

fn secret(text: &str) -> Option<Secret<[u8; 32]>> {
    let bytes = Zeroizing::new(STANDARD.decode(text).ok()?);
    Some(Secret::new(bytes.as_slice().try_into().ok()?))
}

/// Writes a file that must not exist, so that it survives a loss of power.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    sync_directory(path)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::super::Lookup;
    use super::*;
    use crate::scratch::Scratch;

    const NOW: Timestamp = Timestamp::from_ms(1_795_000_000_123);

    fn created(scratch: &Scratch) -> PathBuf {
        let path = scratch.path("nidan.key");
        KeyRing::create(&path, &Random::seeded(1), NOW).expect("created");
        path
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode set");
    }

    fn refused(path: &Path) -> String {
        KeyRing::load(path).err().expect("must be refused").to_string()
    }

    #[test]
    fn a_created_file_is_readable_by_its_owner_only_and_reads_back() {
        let scratch = Scratch::new();
        let path = created(&scratch);
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o400);
        let made = KeyRing::create(&scratch.path("same.key"), &Random::seeded(1), NOW).expect("created");
        let read = KeyRing::load(&path).expect("loads");
        assert_eq!(read.newest(), 1);
        assert_eq!(read.lookup(Lookup::Phone, b"x"), made.lookup(Lookup::Phone, b"x"));
        assert!(read.code_key_bytes(1).expect("a key").same(&made.code_key_bytes(1).expect("a key")));
    }

    #[test]
    fn an_existing_file_is_never_overwritten() {
        let scratch = Scratch::new();
        let path = created(&scratch);
        let before = fs::read(&path).expect("read");
        let error = KeyRing::create(&path, &Random::seeded(2), NOW).err().expect("refused");
        assert!(matches!(error, KeyFileError::Exists(_)));
        let (_, new) = KeyRing::load_or_create(&path, &Random::seeded(2), NOW).expect("loads");
        assert!(!new);
        assert_eq!(fs::read(&path).expect("read"), before);
    }

    #[test]
    fn a_file_others_may_read_is_refused_with_the_remedy() {
        let scratch = Scratch::new();
        let path = created(&scratch);
        for mode in [0o440, 0o404, 0o644, 0o402, 0o410] {
            set_mode(&path, mode);
            assert!(refused(&path).contains("chmod 0400"), "{mode:o}");
        }
        set_mode(&path, 0o600);
        assert!(KeyRing::load(&path).is_ok());
    }

    #[test]
    fn a_newer_version_keeps_the_older_ones_and_the_lookups() {
        let scratch = Scratch::new();
        let path = created(&scratch);
        let before = KeyRing::load(&path).expect("loads");
        KeyRing::add_version(&path, &Random::seeded(9), NOW).expect("added");
        let after = KeyRing::load(&path).expect("loads");
        assert_eq!(after.newest(), 2);
        assert!(after.code_key_bytes(1).expect("kept").same(&before.code_key_bytes(1).expect("a key")));
        assert!(!after.code_key_bytes(2).expect("new").same(&before.code_key_bytes(1).expect("a key")));
        assert_eq!(after.lookup(Lookup::Email, b"x"), before.lookup(Lookup::Email, b"x"));
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o400);
        assert!(!scratch.path("nidan.key.new").exists());
    }

    #[test]
    fn damage_is_told_without_the_secret() {
        let scratch = Scratch::new();
        let text = fs::read_to_string(created(&scratch)).expect("read");
        let secret = text.lines().find_map(|line| line.strip_prefix("secret = ")).expect("a secret").trim_matches('"');
        let twice = text.replace(
            "[lookup]",
            &format!("[[key]]\nversion = 1\ncreated = \"2026-01-01T00:00:00Z\"\nsecret = \"{secret}\"\n[lookup]"),
        );
        let cases = [
            (text.replace(secret, &secret[1..]), "key 1 has no secret of 32 bytes"),
            (text.replace("version = 1", "version = 0"), "distinct numbers from 1"),
            (twice, "distinct numbers from 1"),
            (text.replacen("secret = ", "secert = ", 1), "line 7 is not as it should be"),
            (text.replacen("secret = \"", "secret = ", 1), "line 7 is not as it should be"),
            (text.replace("[lookup]", "[other]"), "line"),
            (text.replace("created = \"", "created = \"yesterday"), "no time it was created"),
            (String::new(), "is damaged"),
        ];
        for (n, (damaged, expected)) in cases.into_iter().enumerate() {
            let path = scratch.path(&n.to_string());
            write_new(&path, &damaged).expect("written");
            let told = refused(&path);
            assert!(told.contains(expected) && !told.contains(&secret[1..9]), "{n}: {told}");
        }
        assert!(refused(&scratch.path("none")).contains("nidan key generate"));
    }
}
