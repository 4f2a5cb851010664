//! What the whole server shares, and where time and randomness come from: the only place that reads either, so that a test
//! can own both.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU16, AtomicU64, Ordering};

use aws_lc_rs::hmac;
use nidan_core::code::{Binding, Code, CodeKey, derive};
use nidan_core::id::{AccountId, DeviceId, EventId, Id, Kind};
use nidan_core::policy::Policy;
use nidan_core::route::Carries;
use nidan_core::time::{Span, Timestamp};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::config::ways::Way;
use crate::config::{Settings, Site};
use crate::flow::breaker::WrongCodes;
use crate::flow::budget::Budgets;
use crate::flow::password_known::CodesDied;
use crate::flow::wrong_code::Untold;
use crate::keys::KeyRing;
use crate::metrics::Metrics;
use crate::moved::Moved;
use crate::password_hash::{HashClasses, PasswordHasher};
use crate::send::alarm::Alarm;
use crate::send::health::RoutesHealth;
use crate::send::pumping::Pumping;
use crate::store::message::Leased;
use crate::store::{Db, StoreError};
use crate::texts::{Texts, TextsDamaged};

/// What the whole server shares.
pub struct App {
    /// The database.
    pub db: Db,
    /// The keys that values are sealed, looked up and derived under.
    pub keys: Arc<KeyRing>,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// The numbers in force.
    pub policy: Policy,
    /// Whose accounts these are.
    pub site: Site,
    /// The pool in which passwords are hashed.
    pub passwords: PasswordHasher,
    /// What a password costs that is typed for an address without an account.
    pub hash_classes: HashClasses,
    /// Every sentence that a person reads.
    pub texts: Texts,
    /// What is counted.
    pub metrics: Metrics,
    /// The routes by name, in the order of the settings, and what each carries.
    pub routes: Vec<(String, Carries)>,
    /// How well the routes do.
    pub routes_health: RoutesHealth,
    /// What is stopped because of a fault, and what shows such faults.
    pub alarm: Alarm,
    /// Whether somebody pumps messages, and which blocks of numbers were closed.
    pub pumping: Pumping,
    /// What this node knows of budgets by itself.
    pub budgets: Budgets,
    /// Wrong codes from unknown devices, over all accounts.
    pub wrong_codes: WrongCodes,
    /// Up to when this node has looked at codes that nobody typed.
    pub codes_died: CodesDied,
    /// Wrong codes from unknown devices of which their owners are to be told.
    pub untold: Untold,
    /// The routes whose carriers never tell what became of a message.
    silent_routes: Vec<String>,
    /// Tells who waits for a message that something became of it.
    pub moved: Moved,
    /// Where claimed messages go after their transaction's commit.
    pub outbox: UnboundedSender<Leased>,
    /// Counts the ids made by time.
    made: AtomicU16,
}

impl App {
    /// The server's shared part for `settings`, and what its worker takes messages from ([`crate::send::worker`]).
    ///
    /// # Errors
    /// The built-in texts are damaged.
    pub fn new(
        settings: &Settings,
        (db, keys): (Db, KeyRing),
        (clock, random): (Clock, Random),
    ) -> Result<(Arc<Self>, UnboundedReceiver<Leased>), TextsDamaged> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (outbox, messages) = unbounded_channel();
        let metrics = Metrics::new(db.statements());
        let app = Self {
            db,
            keys: Arc::new(keys),
            clock,
            random,
            policy: settings.policy.clone(),
            site: settings.site.clone(),
            passwords: PasswordHasher::new(cores, metrics.hashes()),
            hash_classes: HashClasses::default(),
            texts: Texts::load()?,
            metrics,
            routes: settings.routes.iter().map(|route| (route.name.clone(), route.carries())).collect(),
            routes_health: RoutesHealth::default(),
            alarm: Alarm::default(),
            pumping: Pumping::default(),
            budgets: Budgets::default(),
            wrong_codes: WrongCodes::default(),
            codes_died: CodesDied::default(),
            untold: Untold::default(),
            silent_routes: settings
                .routes
                .iter()
                .filter(|route| is_silent(&route.way))
                .map(|route| route.name.clone())
                .collect(),
            moved: Moved::default(),
            outbox,
            made: AtomicU16::new(0),
        };
        Ok((Arc::new(app), messages))
    }

    /// An id that sorts by time (UUIDv7): for rows that come and go. Those of one node made in the same millisecond sort in
    /// the order of their making, by a counter in place of the first twelve random bits (RFC 9562 §6.2, method 1).
    pub fn new_id<K: Kind>(&self, now: Timestamp) -> Id<K> {
        let ms = u64::try_from(now.ms()).unwrap_or(0);
        let mut random: [u8; 10] = self.random.bytes();
        random[..2].copy_from_slice(&self.made.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        Id::from_bytes(*uuid::Builder::from_unix_timestamp_millis(ms, &random).as_uuid().as_bytes())
    }

    /// An id for an audit event.
    pub fn new_event_id(&self, now: Timestamp) -> EventId {
        self.new_id(now)
    }

    /// An id that tells nothing (UUIDv4): spreads accounts over shards.
    pub fn new_account_id(&self) -> AccountId {
        self.new_random_id()
    }

    /// An id that cannot be guessed (UUIDv4), since a device's token is known by it.
    pub fn new_device_id(&self) -> DeviceId {
        self.new_random_id()
    }

    fn new_random_id<K: Kind>(&self) -> Id<K> {
        Id::from_bytes(*uuid::Builder::from_random_bytes(self.random.bytes()).as_uuid().as_bytes())
    }

    /// The code that `binding` stands for, under the key of `version`.
    ///
    /// # Errors
    /// The key file lacks that version.
    pub fn code(&self, version: i64, binding: &Binding) -> Result<Code, StoreError> {
        let bytes = self.keys.code_key_bytes(version);
        let bytes =
            bytes.ok_or_else(|| StoreError::corrupt("challenge.key_version", "the key file has no such key"))?;
        Ok(derive(&CodeKey::new(&bytes), binding))
    }

    /// The day of `now` in the site's time zone, as the number YYYYMMDD: what messages are counted by.
    pub fn day(&self, now: Timestamp) -> i64 {
        let date = self.zoned(now).date();
        i64::from(date.year()) * 10_000 + i64::from(date.month()) * 100 + i64::from(date.day())
    }

    /// `now` on the clocks of the site's time zone.
    pub fn zoned(&self, now: Timestamp) -> jiff::Zoned {
        let now = jiff::Timestamp::from_millisecond(now.ms()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        now.to_zoned(self.site.time_zone.clone())
    }

    /// Whether the carrier of a route tells that a message has arrived.
    pub fn tells_of_arrival(&self, route: &str) -> bool {
        !self.silent_routes.iter().any(|silent| silent == route)
    }

    /// Hands claimed messages to the worker. Without a worker, which happens at shutdown, they wait in the ledger for
    /// whoever takes their lease over.
    pub fn dispatch(&self, messages: impl IntoIterator<Item = Leased>) {
        for message in messages {
            if self.outbox.send(message).is_err() {
                tracing::info!("a message waits in the ledger: the worker has stopped");
            }
        }
    }
}

/// A mail server that took a message never says more, nor does a gateway that is given no way to.
const fn is_silent(way: &Way) -> bool {
    match way {
        Way::Demo | Way::Smpp(_) => false,
        Way::Http(gateway) => gateway.callback_secret.is_none(),
        Way::Smtp(_) => true,
    }
}

/// Tells the time. Cheap to clone; all clones tell the same.
#[derive(Clone)]
pub struct Clock(ClockSource);

#[derive(Clone)]
enum ClockSource {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(ClockSource::System)
    }

    /// A clock that stands at `start` until its [`ManualClock`] moves it.
    pub fn manual(start: Timestamp) -> (Self, ManualClock) {
        let ms = Arc::new(AtomicI64::new(start.ms()));
        (Self(ClockSource::Manual(ms.clone())), ManualClock(ms))
    }

    /// The present.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            ClockSource::System => system_now(),
            ClockSource::Manual(ms) => Timestamp::from_ms(ms.load(Ordering::SeqCst)),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
fn system_now() -> Timestamp {
    Timestamp::from_ms(jiff::Timestamp::now().as_millisecond())
}

/// The hand that moves a [`Clock::manual`].
#[derive(Clone)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// Lets so much time pass.
    pub fn advance(&self, span: Span) {
        self.0.fetch_add(span.as_ms(), Ordering::SeqCst);
    }

    /// Sets the clock, back as well as forth.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.ms(), Ordering::SeqCst);
    }
}

/// Gives random bytes. Cheap to clone.
#[derive(Clone)]
pub struct Random(RandomSource);

#[derive(Clone)]
enum RandomSource {
    System,
    Seeded(Arc<Seeded>),
}

/// HMAC-SHA-256 of a counter: the same bytes for the same seed and the same order of calls.
struct Seeded {
    key: hmac::Key,
    next_block: AtomicU64,
}

impl Random {
    /// The machine's generator for cryptography.
    pub fn system() -> Self {
        Self(RandomSource::System)
    }

    /// A generator whose bytes anybody who knows the seed can repeat: for tests alone.
    pub fn seeded(seed: u64) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &seed.to_be_bytes());
        Self(RandomSource::Seeded(Arc::new(Seeded { key, next_block: AtomicU64::new(0) })))
    }

    /// Fills `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) {
        match &self.0 {
            RandomSource::System => system_fill(bytes),
            RandomSource::Seeded(seeded) => {
                for chunk in bytes.chunks_mut(32) {
                    let block = seeded.next_block.fetch_add(1, Ordering::SeqCst);
                    let tag = hmac::sign(&seeded.key, &block.to_be_bytes());
                    chunk.copy_from_slice(&tag.as_ref()[..chunk.len()]);
                }
            }
        }
    }

    /// So many random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the randomness that everything else is given")]
fn system_fill(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).expect("AWS-LC ends the process itself when the system has no randomness");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_clock_moves_only_by_hand() {
        let (clock, hand) = Clock::manual(Timestamp::from_ms(5));
        hand.advance(Span::ms(7));
        assert_eq!(clock.clone().now(), Timestamp::from_ms(12));
        hand.set(Timestamp::from_ms(1));
        assert_eq!(clock.now(), Timestamp::from_ms(1));
    }

    #[test]
    fn a_seed_repeats_its_bytes_and_no_bytes_repeat() {
        let (one, again, other) = (Random::seeded(1), Random::seeded(1), Random::seeded(2));
        let first: [u8; 70] = one.bytes();
        assert_eq!(first, again.bytes());
        assert_ne!(first, other.bytes());
        assert_ne!(first, one.clone().bytes());
        assert_ne!(first[..32], first[32..64]);
    }

    #[test]
    fn the_system_gives_time_and_bytes() {
        assert!(Clock::system().now() > Timestamp::from_ms(1_700_000_000_000));
        assert_ne!(Random::system().bytes::<32>(), Random::system().bytes::<32>());
    }
}
