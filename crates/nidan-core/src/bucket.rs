//! Counters of what was taken, each a row and each step of one a single statement.
//!
//! **The row.** `rate_counter (key_hash, place, taken, completed, taken_before, completed_before, blocked_ms, expires_ms)`, one
//! per [`Counter`]; `key_hash` is the keyed hash of the budget's kind and key, and the shard key. A row whose
//! `expires_ms` is past means nothing and is swept ([`Rule::expires_at`]).
//!
//! **The statement.** [`Rule::take`] is one upsert: where there is no row, the state that a fresh [`Counter`] gives is
//! inserted; on conflict the row is updated under the condition that `take` states, and returns; no row returned means
//! refused. All of it is integer arithmetic on the row and on parameters, with the same text on both databases, so that
//! parallel requests get as much as one after another would. [`Rule::give_back`] and [`Rule::complete`] are one guarded update each.
//! No statement touches two rows: a message that has passed three counters and is refused by the fourth is given back to the
//! three, by statements of their own. A crash between leaves too much counted, never too little.
//!
//! **Refused** is to be remembered in the process until the moment that comes with it: a refused upsert, too, locks its row.

use crate::time::{Span, Timestamp};

/// Slots that a rolling window is cut into. One more is kept, for the part of a slot that is still within the window.
const SLOTS: i64 = 6;
/// Bits of one slot's count.
const SLOT_BITS: i64 = 8;
/// The most that a rolling window may hold: the digit sum of base 256 is the remainder by 255, if it is less.
pub const ROLLING_MAX: u8 = 250;

/// How much may be taken, and when more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// At most `cap` within any stretch of `window`, strictly. `place` is the slot (a sixth of the window) of the latest
    /// take, `taken` the counts of it and the six before, the latest in the lowest eight bits; so their sum is `taken % 255`.
    Rolling {
        /// At most [`ROLLING_MAX`].
        cap: u8,
        /// Its length.
        window: Span,
    },
    /// `burst` at once, and one more after each `every`. `place` is the moment in milliseconds at which all will be back.
    Refilled {
        /// How many at once.
        burst: u8,
        /// How long until one comes back.
        every: Span,
    },
    /// At most `cap` from one full hour (or day, or what `window` is) of UTC to the next. `place` is the number of that
    /// window. For what many share: it can be taken in lots (see [`crate::permits`]).
    Window {
        /// The most.
        cap: i64,
        /// Its length.
        window: Span,
    },
    /// As long as a good share of what is begun is also completed, any number; otherwise at most `cap` that are not
    /// completed, in this window and the one before. So many people behind one address are no obstacle, and a machine is.
    Share {
        /// The most that are not completed.
        cap: i64,
        /// Its length.
        window: Span,
        /// The share of completed ones below which `cap` holds.
        percent: u8,
        /// For how long nothing is given once `cap` was reached, unless enough are completed after all. Zero: as long as the
        /// windows last.
        quarantine: Span,
    },
}

/// The state of one counter. What its fields mean depends on the [`Rule`].
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counter {
    /// Where in time the counts are.
    pub place: i64,
    /// What was taken.
    pub taken: i64,
    /// What of it was completed.
    pub completed: i64,
    /// What was taken in the window before.
    pub taken_before: i64,
    /// What of that was completed.
    pub completed_before: i64,
    /// Until when nothing is given, in milliseconds since the Unix epoch.
    pub blocked_ms: i64,
}

/// What a step comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Take {
    /// Taken: the new state.
    Taken(Counter),
    /// Nothing was taken and nothing changes.
    Refused {
        /// Asking earlier is of no use.
        until: Timestamp,
    },
}

impl Rule {
    /// Takes `n`, all or nothing.
    pub fn take(self, counter: &Counter, n: i64, now: Timestamp) -> Take {
        let moved = self.moved(counter, now);
        match self {
            Self::Rolling { cap, .. } => {
                if moved.taken % 255 + n > i64::from(cap) {
                    return Take::Refused { until: self.rolling_until(&moved, n, now) };
                }
                Take::Taken(Counter { taken: moved.taken + n, ..moved })
            }
            Self::Refilled { burst, every } => {
                let full_at = moved.place + n * every.as_ms();
                let limit = i64::from(burst) * every.as_ms();
                if full_at - now.ms() > limit {
                    return Take::Refused { until: Timestamp::from_ms(full_at - limit) };
                }
                Take::Taken(Counter { place: full_at, ..moved })
            }
            Self::Window { cap, window } => {
                if moved.taken + n > cap {
                    return Take::Refused { until: Timestamp::from_ms((moved.place + 1) * window.as_ms()) };
                }
                Take::Taken(Counter { taken: moved.taken + n, ..moved })
            }
            Self::Share { cap, window, quarantine, .. } => {
                if moved.blocked_ms > now.ms() {
                    return Take::Refused { until: Timestamp::from_ms(moved.blocked_ms) };
                }
                if moved.open() + n > cap && self.few_complete(&moved) {
                    let windows = if moved.taken - moved.completed + n > cap { 2 } else { 1 };
                    return Take::Refused { until: Timestamp::from_ms((moved.place + windows) * window.as_ms()) };
                }
                let taken = Counter { taken: moved.taken + n, ..moved };
                let closes = quarantine > Span::ms(0) && taken.open() >= cap && self.few_complete(&taken);
                let blocked_ms = if closes { now.plus(quarantine).ms() } else { taken.blocked_ms };
                Take::Taken(Counter { blocked_ms, ..taken })
            }
        }
    }

    /// Undoes a take of `n` at `taken_at`: what it was for did not happen. `None`: there is nothing to undo any more.
    pub fn give_back(self, counter: &Counter, n: i64, taken_at: Timestamp, now: Timestamp) -> Option<Counter> {
        let moved = self.moved(counter, now);
        match self {
            Self::Rolling { .. } => {
                let bits = (moved.place - self.place_of(taken_at)) * SLOT_BITS;
                let within = (0..=SLOTS * SLOT_BITS).contains(&bits);
                (within && moved.taken >> bits & 0xff >= n)
                    .then(|| Counter { taken: moved.taken - (n << bits), ..moved })
            }
            // One that came back by itself is not given back again.
            Self::Refilled { every, .. } => (now.since(taken_at) < every && counter.place > now.ms())
                .then(|| Counter { place: counter.place - n * every.as_ms(), ..moved }),
            Self::Window { .. } => (self.place_of(taken_at) == moved.place && moved.taken >= n)
                .then(|| Counter { taken: moved.taken - n, ..moved }),
            Self::Share { .. } => self.with_counts(&moved, taken_at, |taken, completed| {
                (taken - n >= completed).then_some((taken - n, completed))
            }),
        }
    }

    /// Notes that what was taken at `taken_at` was completed. With [`Rule::Share`] it is counted, and may open what was
    /// closed; otherwise it is as if it had not been taken.
    pub fn complete(self, counter: &Counter, n: i64, taken_at: Timestamp, now: Timestamp) -> Option<Counter> {
        let Self::Share { .. } = self else { return self.give_back(counter, n, taken_at, now) };
        let done = self.with_counts(&self.moved(counter, now), taken_at, |taken, completed| {
            (completed + n <= taken).then_some((taken, completed + n))
        })?;
        Some(if self.few_complete(&done) { done } else { Counter { blocked_ms: 0, ..done } })
    }

    /// From when on the row is as good as none.
    pub fn expires_at(self, counter: &Counter, now: Timestamp) -> Timestamp {
        let windows = match self {
            Self::Refilled { .. } => return Timestamp::from_ms(counter.place.max(now.ms())),
            Self::Rolling { .. } => SLOTS + 1,
            Self::Window { .. } => 1,
            Self::Share { .. } => 2,
        };
        Timestamp::from_ms(((counter.place + windows) * self.slot_ms()).max(counter.blocked_ms))
    }

    /// Whether less than the stated share was completed.
    fn few_complete(self, counter: &Counter) -> bool {
        let Self::Share { percent, .. } = self else { return false };
        let (taken, completed) = (counter.taken + counter.taken_before, counter.completed + counter.completed_before);
        completed * 100 < i64::from(percent) * taken.max(1)
    }

    const fn slot_ms(self) -> i64 {
        match self {
            // Rounded up, so that the slots together are never less than the window.
            Self::Rolling { window, .. } => (window.as_ms() + SLOTS - 1) / SLOTS,
            Self::Window { window, .. } | Self::Share { window, .. } => window.as_ms(),
            Self::Refilled { .. } => 1,
        }
    }

    const fn place_of(self, at: Timestamp) -> i64 {
        at.ms().div_euclid(self.slot_ms())
    }

    /// The counter as it is at `now`, with what is over dropped. A clock that went back counts into the latest place.
    fn moved(self, counter: &Counter, now: Timestamp) -> Counter {
        let place = self.place_of(now).max(counter.place);
        let steps = place - counter.place;
        match self {
            Self::Refilled { .. } => Counter { place, ..*counter },
            Self::Rolling { .. } if steps > SLOTS => Counter { place, ..Counter::default() },
            Self::Rolling { .. } => Counter { place, taken: counter.kept(steps) << (steps * SLOT_BITS), ..*counter },
            // A quarantine that is over is a new beginning.
            Self::Share { .. } if (1..=now.ms()).contains(&counter.blocked_ms) => {
                Counter { place, ..Counter::default() }
            }
            _ if steps == 0 => *counter,
            Self::Share { .. } if steps == 1 => Counter {
                place,
                taken_before: counter.taken,
                completed_before: counter.completed,
                blocked_ms: counter.blocked_ms,
                ..Counter::default()
            },
            Self::Window { .. } | Self::Share { .. } => {
                Counter { place, blocked_ms: counter.blocked_ms, ..Counter::default() }
            }
        }
    }

    /// The counts of the window that `taken_at` lies in, changed; `None` if that window is over or `change` says no.
    fn with_counts(
        self,
        counter: &Counter,
        taken_at: Timestamp,
        change: impl Fn(i64, i64) -> Option<(i64, i64)>,
    ) -> Option<Counter> {
        match counter.place - self.place_of(taken_at) {
            0 => change(counter.taken, counter.completed).map(|(taken, completed)| Counter {
                taken,
                completed,
                ..*counter
            }),
            1 => change(counter.taken_before, counter.completed_before)
                .map(|(taken_before, completed_before)| Counter { taken_before, completed_before, ..*counter }),
            _ => None,
        }
    }

    /// When enough slots are out of a rolling window.
    fn rolling_until(self, counter: &Counter, n: i64, now: Timestamp) -> Timestamp {
        let Self::Rolling { cap, .. } = self else { return now };
        let steps = (1..=SLOTS).find(|steps| counter.kept(*steps) % 255 + n <= i64::from(cap)).unwrap_or(SLOTS + 1);
        Timestamp::from_ms((counter.place + steps) * self.slot_ms())
    }
}

impl Counter {
    /// Of the counts of a rolling window, those that are still within it so many slots later.
    const fn kept(&self, steps: i64) -> i64 {
        self.taken & ((1 << ((SLOTS + 1 - steps) * SLOT_BITS)) - 1)
    }

    /// What was begun and not completed, in both windows.
    const fn open(&self) -> i64 {
        self.taken + self.taken_before - self.completed - self.completed_before
    }
}

#[cfg(test)]
mod tests;
