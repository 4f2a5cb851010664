//! Hashing of passwords: Argon2id in a pool with as many places as cores and a short queue before it.
//!
//! A hash costs 19 MiB and some 25 ms of a core. Whoever sends more sign-ins than the machine can hash gets [`Busy`] at
//! once, and everybody else stays quick (ASVS 15.2.2): above all owners on their known devices, who queue with no stranger.
//! Memory is taken by the first hash on each core and kept, so that a server that was never asked is small.

mod classes;
mod memory;
mod stored;

use memory::Memory;

pub use classes::HashClasses;
pub use stored::{NotImportable, StoredHash};

use std::sync::Arc;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, Version};
use nidan_core::secret::Secret;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::Semaphore;

/// Argon2id as OWASP asks at least and as RFC 9106 allows: memory in KiB, passes, lanes. One lane, for a server works on
/// many requests side by side.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Bytes of salt and tag, as RFC 9106 §4 recommends.
const SALT_BYTES: usize = 16;
const TAG_BYTES: usize = 32;
/// What one hash takes on the machines that were measured (16 to 35 ms), and how long anybody may have to wait for his
/// turn. Together they bound the queue.
const HASH_MS: usize = 25;
const QUEUE_MS_MAX: usize = 1_500;

/// More hashing is asked for than can be done in time. Nothing was hashed; the caller answers 503.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("too many passwords to check at once; try again in {retry_after_seconds} s")]
pub struct Busy {
    /// When the queue that there was is done.
    pub retry_after_seconds: u32,
}

const BUSY: Busy = Busy { retry_after_seconds: QUEUE_MS_MAX.div_ceil(1000) as u32 };

/// What came of checking a password.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verified {
    /// Whether it was the account's password.
    pub ok: bool,
    /// Whether the caller should store a fresh hash: it was right, and its hash is not what [`PasswordHasher::hash`] makes.
    pub rehash_wanted: bool,
}

/// Who asks for a hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comer {
    /// A device on which the owner completed a second step. Has a queue of its own and is served first: at most one hash is
    /// waited for on each core, however many strangers there are.
    KnownDevice,
    /// Everybody else.
    Stranger,
}

/// The pool. Cheap to clone; all clones share it.
#[derive(Clone)]
pub struct PasswordHasher {
    /// Places for strangers who work and who wait.
    strangers: Arc<Semaphore>,
    /// Strangers who may ask for a core: as many as there are cores. The others wait here, behind no known device.
    turns: Arc<Semaphore>,
    /// Places for known devices that work and that wait.
    known: Arc<Semaphore>,
    /// Places for those who work.
    cores: Arc<Semaphore>,
    memory: Memory,
    done: Counter,
}

impl PasswordHasher {
    /// A pool that keeps at most `cores` cores busy, and counts its hashes in `done`.
    pub fn new(cores: usize, done: Counter) -> Self {
        let cores = cores.max(1);
        Self::with_queue(cores, cores * (QUEUE_MS_MAX / HASH_MS), done)
    }

    fn with_queue(cores: usize, queue: usize, done: Counter) -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        let (strangers, known) = (places(cores + queue), places(cores + queue));
        Self { strangers, turns: places(cores), known, cores: places(cores), memory: Memory::default(), done }
    }

    /// Hashes a normalised password under a fresh random salt. The text is stored sealed.
    pub async fn hash(&self, password: Secret<String>, salt: [u8; SALT_BYTES]) -> Result<Secret<String>, Busy> {
        let memory = self.memory.clone();
        self.run(Comer::Stranger, move || {
            let mut tag = [0; TAG_BYTES];
            memory
                .hash(&current(), (password.expose().as_bytes(), &salt), &mut tag)
                .expect("salt and tag have lengths that Argon2 takes, and a password is shorter than 4 GiB");
            Secret::new(write(&salt, &tag))
        })
        .await
    }

    /// Checks a password against a hash: the account's, or where there is none, that of nobody which [`HashClasses`] gives.
    ///
    /// A hash that was imported takes the time of its own parameters until the first sign-in replaces it.
    pub async fn verify(&self, comer: Comer, password: Secret<String>, stored: StoredHash) -> Result<Verified, Busy> {
        let memory = self.memory.clone();
        self.run(comer, move || {
            let ok = stored.is_of(&memory, &password);
            Verified { ok, rehash_wanted: ok && !stored.is_current() }
        })
        .await
    }

    /// Runs `work` when it is its turn. It keeps its places until it is done, even if nobody waits for it any more.
    async fn run<T: Send + 'static>(&self, comer: Comer, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let places = match comer {
            Comer::KnownDevice => &self.known,
            Comer::Stranger => &self.strangers,
        };
        let admitted = places.clone().try_acquire_owned().map_err(|_| BUSY)?;
        let turn = match comer {
            Comer::KnownDevice => None,
            Comer::Stranger => Some(self.turns.clone().acquire_owned().await.map_err(|_| BUSY)?),
        };
        let core = self.cores.clone().acquire_owned().await.map_err(|_| BUSY)?;
        let counter = self.done.clone();
        let job = tokio::task::spawn_blocking(move || {
            let done = work();
            counter.inc();
            drop((core, turn, admitted));
            done
        });
        Ok(job.await.expect("hashing does not panic, and a runtime that shuts down asks no more"))
    }
}

fn current() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(TAG_BYTES)).expect("the numbers above are in range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// The PHC string of a hash with the current parameters.
fn write(salt: &[u8; SALT_BYTES], tag: &[u8; TAG_BYTES]) -> String {
    let fits = "numbers, a salt of 16 and a tag of 32 bytes fit a PHC string";
    PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(current().params()).expect(fits),
        salt: Some(Salt::new(salt).expect(fits)),
        hash: Some(Output::new(tag).expect(fits)),
    }
    .to_string()
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.into())
    }

    fn pool(cores: usize) -> PasswordHasher {
        PasswordHasher::new(cores, Counter::default())
    }

    #[tokio::test]
    async fn a_password_is_right_for_its_own_hash_only() {
        let hasher = pool(1);
        let hash = hasher.hash(secret("正しい馬の電池"), [7; 16]).await.expect("free");
        assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$"));
        let stored = StoredHash::parse(hash.expose()).expect("reads back");
        let right = hasher.verify(Comer::Stranger, secret("正しい馬の電池"), stored.clone()).await;
        assert_eq!(right, Ok(Verified { ok: true, rehash_wanted: false }));
        let wrong = hasher.verify(Comer::Stranger, secret("正しい馬の電地"), stored).await;
        assert_eq!(wrong, Ok(Verified { ok: false, rehash_wanted: false }));
        let other_salt = hasher.hash(secret("正しい馬の電池"), [8; 16]).await.expect("free");
        assert!(!hash.same(&other_salt));
    }

    #[tokio::test]
    async fn nobody_has_a_password_and_it_costs_one_hash() {
        let hasher = pool(1);
        let verdict = hasher.verify(Comer::Stranger, secret("anything"), StoredHash::of_nobody()).await;
        assert_eq!(verdict, Ok(Verified { ok: false, rehash_wanted: false }));
        assert_eq!(hasher.done.get(), 1);
    }

    #[tokio::test]
    async fn an_imported_hash_asks_to_be_replaced_once_it_was_right() {
        let hasher = pool(1);
        let imported =
            StoredHash::parse("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW").expect("bcrypt");
        let right = hasher.verify(Comer::Stranger, secret("U*U"), imported.clone()).await;
        assert_eq!(right, Ok(Verified { ok: true, rehash_wanted: true }));
        let wrong = hasher.verify(Comer::Stranger, secret("U*V"), imported).await;
        assert_eq!(wrong, Ok(Verified { ok: false, rehash_wanted: false }));
    }

    #[tokio::test]
    async fn t48_beyond_the_queue_the_answer_is_busy_at_once_and_places_come_back() {
        let hasher = PasswordHasher::with_queue(1, 1, Counter::default());
        let ask = || hasher.verify(Comer::Stranger, secret("x"), StoredHash::of_nobody());
        let (first, second, third) = tokio::join!(ask(), ask(), ask());
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(third, Err(Busy { retry_after_seconds: 2 }));
        assert!(ask().await.is_ok());
        assert_eq!((hasher.strangers.available_permits(), hasher.cores.available_permits()), (2, 1));
    }

    #[tokio::test]
    async fn who_leaves_the_queue_gives_his_place_back() {
        let hasher = PasswordHasher::with_queue(1, 1, Counter::default());
        let core = hasher.cores.clone().acquire_owned().await.expect("free");
        {
            let waiting = hasher.verify(Comer::Stranger, secret("x"), StoredHash::of_nobody());
            tokio::pin!(waiting);
            assert!(waiting.as_mut().now_or_never().is_none());
            assert_eq!(hasher.strangers.available_permits(), 1);
        }
        assert_eq!(hasher.strangers.available_permits(), 2);
        drop(core);
    }

    #[tokio::test]
    async fn t48_a_known_device_waits_for_no_crowd() {
        let hasher = PasswordHasher::with_queue(1, 3, Counter::default());
        let core = hasher.cores.clone().acquire_owned().await.expect("free");
        let ask = |comer| Box::pin(hasher.verify(comer, secret("x"), StoredHash::of_nobody()));
        let mut crowd: Vec<_> = (0..4).map(|_| ask(Comer::Stranger)).collect();
        assert!(crowd.iter_mut().all(|stranger| stranger.as_mut().now_or_never().is_none()));
        assert!(matches!(ask(Comer::Stranger).now_or_never(), Some(Err(Busy { .. }))), "the queue is full");
        let mut owner = ask(Comer::KnownDevice);
        assert!(owner.as_mut().now_or_never().is_none(), "it has a place");
        drop(core);
        // The one stranger who waited for the core itself; the three behind are not even asked.
        assert!(crowd.remove(0).await.is_ok() && owner.await.is_ok());
        assert_eq!(hasher.done.get(), 2);
        drop(crowd);
        assert_eq!((hasher.strangers.available_permits(), hasher.turns.available_permits()), (4, 1));
    }

    #[test]
    fn the_queue_is_as_long_as_the_wait_allows() {
        let hasher = pool(4);
        assert_eq!(hasher.cores.available_permits(), 4);
        assert_eq!(hasher.strangers.available_permits(), 4 + 4 * 60);
        assert_eq!(pool(0).cores.available_permits(), 1);
    }
}
