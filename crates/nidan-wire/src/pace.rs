//! How fast messages may go: evenly spaced, since carriers throttle by the distance from one to the next, not by a bucket
//! that a burst may empty. Time is a duration since any start, as long as it never goes back.

use std::time::Duration;

/// How much slower it goes after "too fast", in hundredths of the interval before.
const SLOWER: u32 = 125;
/// The slowest it gets, as a multiple of the first interval.
const SLOWEST: u32 = 16;
/// "Too fast" within this time is about the same haste: what was on its way could not know yet.
const SAME: Duration = Duration::from_millis(250);
/// Time without "too fast" after which it goes one step faster again.
const CALM: Duration = Duration::from_secs(5);

/// The pace of one route. When nobody complains it is the one that was asked for.
#[derive(Debug)]
pub struct Pace {
    /// The interval that was asked for.
    even: Duration,
    /// The interval now.
    interval: Duration,
    /// When the next one may go.
    next: Duration,
    /// When the carrier last complained.
    complained: Option<Duration>,
    /// When it goes one step faster again, if it is slower than was asked for.
    faster_at: Option<Duration>,
}

impl Pace {
    /// So many a second, one at least.
    pub fn new(per_second: u32) -> Self {
        let even = Duration::from_secs(1) / per_second.max(1);
        Self { even, interval: even, next: Duration::ZERO, complained: None, faster_at: None }
    }

    /// When the next one may go, at or after `now`; the one that asks has that moment for itself.
    pub fn slot(&mut self, now: Duration) -> Duration {
        self.recover(now);
        let slot = self.next.max(now);
        self.next = slot + self.interval;
        slot
    }

    /// The carrier said that we are too fast: slower for a while, and one interval of silence first.
    pub fn throttled(&mut self, now: Duration) {
        if self.complained.is_some_and(|before| now < before + SAME) {
            return;
        }
        self.complained = Some(now);
        self.interval = (self.interval * SLOWER / 100).min(self.even * SLOWEST);
        self.faster_at = Some(now + CALM);
        self.next = self.next.max(now + self.interval);
    }

    fn recover(&mut self, now: Duration) {
        while let Some(due) = self.faster_at.filter(|due| *due <= now) {
            self.interval = (self.interval * 100 / SLOWER).max(self.even);
            self.faster_at = (self.interval > self.even).then_some(due + CALM);
        }
    }
}
