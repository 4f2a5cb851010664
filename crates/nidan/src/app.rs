//! Where time and randomness come from: the only place that reads either, so that a test can own both.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use aws_lc_rs::hmac;
use nidan_core::time::{Span, Timestamp};

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
