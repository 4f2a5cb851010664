//! The ladder: how proof gets stronger as guesses are used up, so that a stranger gets a handful for life and the owner is never
//! locked out. What it comes to is computed in [`crate::guess_bound`].
//!
//! **Who counts where.** Guesses of devices that nobody knows count per account, over a year, whatever the method, channel,
//! entrance or spelling. A known device has a bucket of its own ([`DeviceGuesses`]); neither touches the other.
//!
//! **Charged before comparing.** [`Guesses::charge`] and the comparing are one transaction that holds the account's row, and what was
//! charged is stored whatever the verdict. A success forgives what its own sign-in was charged, and nothing else
//! ([`Guesses::forgive`]): a thief's sign-ins never succeed, so it gives him nothing.
//!
//! **What is stored** is one value per account: the moment of the last charge, and for each day of UTC of the last 365 that had
//! any, its number and its count, three bytes. Since the year's cap bounds the charges, it bounds the length: at most
//! 608 bytes, none for most accounts.

use crate::policy::Policy;
use crate::time::{Span, Timestamp};

/// Days over which guesses are counted.
const DAYS: i64 = 365;
/// Days of the month's cap.
const MONTH_DAYS: i64 = 30;
const DAY_MS: i64 = 86_400_000;
/// Bytes of the moment of the last charge.
const LAST_BYTES: usize = 8;
/// Bytes of one day: its number, big-endian, and its count.
const DAY_BYTES: usize = 3;

/// How strong a proof has to be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Step {
    /// Six digits: a sent code, or one of an app.
    Six,
    /// Eight digits of a sent code, or two consecutive codes of an app with one joint verdict.
    EightOrPair,
    /// No codes any more: a recovery code, a passkey, a known device, or two channels and a day's wait.
    StrongOnly,
}

/// The guesses of an account's unknown devices.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Guesses {
    /// Days since the Unix epoch with their counts, ascending.
    days: Vec<(u16, u8)>,
    /// The last charge, in milliseconds since the Unix epoch.
    last_ms: i64,
}

/// Why a guess is not evaluated, or a sign-in not opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Barred {
    /// What was offered is too weak by now: at least this is needed. Costs nothing.
    Stronger(Step),
    /// Not before then. A secret from the mailbox lifts it.
    Wait {
        /// When the next is to be had.
        until: Timestamp,
    },
}

/// What the rules of the ladder look at beside the guesses.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// Whether the breaker is open: six digits are too few for everybody unknown.
    pub alarm: bool,
    /// Whether a secret from the mailbox freed this sign-in. The year's cap holds all the same.
    pub released: bool,
    /// Now.
    pub now: Timestamp,
}

impl Guesses {
    /// From what was stored; `None` if it never was that. No bytes: no guesses.
    pub fn from_stored(stored: &[u8]) -> Option<Self> {
        if stored.is_empty() {
            return Some(Self::default());
        }
        let (last, days) = stored.split_first_chunk::<LAST_BYTES>()?;
        let (days, []) = days.as_chunks::<DAY_BYTES>() else { return None };
        let days: Vec<_> = days.iter().map(|[high, low, count]| (u16::from_be_bytes([*high, *low]), *count)).collect();
        days.is_sorted_by(|a, b| a.0 < b.0).then_some(Self { days, last_ms: i64::from_be_bytes(*last) })
    }

    /// To be stored; days that no longer count are left out.
    pub fn to_stored(&self, now: Timestamp) -> Vec<u8> {
        let counting: Vec<_> = self.within(now, DAYS).collect();
        if counting.is_empty() {
            return Vec::new();
        }
        let mut stored = self.last_ms.to_be_bytes().to_vec();
        for (day, count) in counting {
            stored.extend(day.to_be_bytes());
            stored.push(count);
        }
        stored
    }

    /// Guesses of the last 365 days.
    pub fn year(&self, now: Timestamp) -> u32 {
        self.sum(now, DAYS)
    }

    /// How strong a proof has to be for the next guess.
    pub fn step(&self, circumstances: &Circumstances, policy: &Policy) -> Step {
        let year = self.year(circumstances.now);
        if year >= policy.ladder_year_max.into() {
            Step::StrongOnly
        } else if year >= policy.ladder_six_max.into() || circumstances.alarm {
            Step::EightOrPair
        } else {
            Step::Six
        }
    }

    /// Whether a sign-in from an unknown device may ask for a code now, and how strong it has to be. The wait is counted
    /// from the last charge: none at first, then 30 s, doubling with each guess of the year, to an hour while six digits
    /// do, then from an hour to a day.
    ///
    /// # Errors
    /// [`Barred`]: until when to wait, or that no code will do.
    pub fn open(&self, circumstances: &Circumstances, policy: &Policy) -> Result<Step, Barred> {
        let step = self.step(circumstances, policy);
        if step == Step::StrongOnly {
            return Err(Barred::Stronger(step));
        }
        if !circumstances.released {
            let wait = self.wait(circumstances.now, policy);
            let until = Timestamp::from_ms(self.last_ms).plus(wait);
            // Without a wait a clock that went back makes none.
            if wait.as_ms() > 0 && circumstances.now < until {
                return Err(Barred::Wait { until });
            }
            self.room(circumstances.now, policy)?;
        }
        Ok(step)
    }

    /// Charges a guess at what is `offered`: at [`Step::Six`] for a code of six digits, [`Step::EightOrPair`] for the longer ones.
    ///
    /// # Errors
    /// [`Barred`], and nothing is charged or evaluated.
    pub fn charge(&self, offered: Step, circumstances: &Circumstances, policy: &Policy) -> Result<Self, Barred> {
        let (needed, now) = (self.step(circumstances, policy), circumstances.now);
        if offered < needed || needed == Step::StrongOnly {
            return Err(Barred::Stronger(needed));
        }
        if !circumstances.released {
            self.room(now, policy)?;
        }
        let mut charged = Self { last_ms: self.last_ms.max(now.ms()), days: self.within(now, DAYS).collect() };
        let today = day_of(now);
        match charged.days.last_mut() {
            // A clock that went back counts into the latest day.
            Some((day, count)) if *day >= today => *count = count.saturating_add(1),
            _ => charged.days.push((today, 1)),
        }
        Ok(charged)
    }

    /// Takes back the `charges` of one sign-in that succeeded, opened at `opened_at`: its own wrong codes and the right one.
    /// From the earliest of its days first, so that what is left of others' guesses counts at least as long.
    #[must_use]
    pub fn forgive(&self, charges: u8, opened_at: Timestamp) -> Self {
        let (mut left, first) = (charges, day_of(opened_at));
        let mut days = self.days.clone();
        for (_, count) in days.iter_mut().filter(|(day, _)| *day >= first) {
            let forgiven = left.min(*count);
            *count -= forgiven;
            left -= forgiven;
        }
        days.retain(|(_, count)| *count > 0);
        Self { days, ..*self }
    }

    /// The wait between the last charge and the next sign-in from an unknown device.
    pub fn wait(&self, now: Timestamp, policy: &Policy) -> Span {
        let (year, six) = (self.year(now), u32::from(policy.ladder_six_max));
        let doubled = |first: Span, times: u32, most: Span| {
            let most = most.as_ms();
            Span::ms(first.as_ms().saturating_mul(1_i64 << times.min(30)).min(most))
        };
        match year {
            0 => Span::ms(0),
            _ if year <= six => doubled(policy.ladder_wait_first, year - 1, policy.ladder_wait_six_max),
            _ => doubled(policy.ladder_wait_six_max, year - six, policy.ladder_wait_max),
        }
    }

    /// The caps of day and month. The day before counts as well, up to one challenge's tries more: so no 24 hours hold more than
    /// a day's cap and one challenge, wherever midnight is.
    fn room(&self, now: Timestamp, policy: &Policy) -> Result<(), Barred> {
        let (day, tries) = (u32::from(policy.ladder_day_max), u32::from(policy.code_tries_max));
        let full = |now| {
            self.sum(now, 1) >= day
                || self.sum(now, 2) >= day + tries
                || self.sum(now, MONTH_DAYS) >= policy.ladder_month_max.into()
        };
        if !full(now) {
            return Ok(());
        }
        let begins = |later: i64| Timestamp::from_ms((now.ms().div_euclid(DAY_MS) + later) * DAY_MS);
        let later = (1..=MONTH_DAYS).find(|later| !full(begins(*later))).unwrap_or(MONTH_DAYS);
        Err(Barred::Wait { until: begins(later) })
    }

    fn sum(&self, now: Timestamp, days: i64) -> u32 {
        self.within(now, days).map(|(_, count)| u32::from(count)).sum()
    }

    /// The counts of today and the days before, `days` in all; and of days to come, should the clock have gone back.
    fn within(&self, now: Timestamp, days: i64) -> impl Iterator<Item = (u16, u8)> {
        let today = i64::from(day_of(now));
        self.days.iter().copied().filter(move |(day, _)| i64::from(*day) > today - days)
    }
}

/// The day of UTC since the Unix epoch. 16 bits last until the year 2149.
fn day_of(at: Timestamp) -> u16 {
    u16::try_from(at.ms().div_euclid(DAY_MS).max(0)).unwrap_or(u16::MAX)
}

/// The wrong codes of one known device, for as long as its token lives.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct DeviceGuesses {
    /// Charges of its life.
    pub life: u8,
    /// Charges since `since_ms`.
    pub day: u8,
    /// When these 24 hours began, in milliseconds since the Unix epoch.
    pub since_ms: i64,
}

/// What the charge of a known device comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeviceCharge {
    /// Charged: to be stored, then the code may be compared.
    Charged(DeviceGuesses),
    /// Enough for these 24 hours.
    Wait {
        /// When they end.
        until: Timestamp,
    },
    /// Enough for its life: the device is to be ended, and its owner told. It counts as unknown from here.
    Revoke,
}

impl DeviceGuesses {
    /// Charges a guess.
    pub fn charge(self, now: Timestamp, policy: &Policy) -> DeviceCharge {
        let until = Timestamp::from_ms(self.since_ms).plus(Span::days(1));
        let day = if self.day == 0 || now >= until { 0 } else { self.day };
        if self.life >= policy.device_guesses_life_max {
            DeviceCharge::Revoke
        } else if day >= policy.device_guesses_day_max {
            DeviceCharge::Wait { until }
        } else {
            let since_ms = if day == 0 { now.ms() } else { self.since_ms };
            DeviceCharge::Charged(Self { life: self.life + 1, day: day + 1, since_ms })
        }
    }

    /// Takes back the `charges` of a sign-in that succeeded.
    #[must_use]
    pub const fn forgive(self, charges: u8) -> Self {
        Self { life: self.life.saturating_sub(charges), day: self.day.saturating_sub(charges), ..self }
    }
}

/// The breaker: when far more codes than usual are wrong over all accounts, everybody unknown types longer ones for a while.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Breaker {
    /// Until when.
    pub open_until: Timestamp,
}

impl Breaker {
    /// Looks at the wrong codes from unknown devices in the last 10 minutes, and at the median of the same for this hour of
    /// the day over 14 days.
    #[must_use]
    pub fn look(self, wrong: u32, usual: u32, now: Timestamp, policy: &Policy) -> Self {
        let limit = policy.breaker_failures_min.max(usual.saturating_mul(policy.breaker_median_times));
        let open_until = if wrong > limit { now.plus(policy.breaker_calm) } else { self.open_until };
        Self { open_until: open_until.max(self.open_until) }
    }

    /// Whether longer codes are asked for now.
    pub fn is_open(self, now: Timestamp) -> bool {
        now < self.open_until
    }
}

#[cfg(test)]
mod tests;
