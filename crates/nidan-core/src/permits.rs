//! Leasing of permits: a counter that everybody takes from (a country's day, a route's money) would be one busy row. So a node
//! takes a lot of permits at once, and spends them in memory: 1 first, then twice as many each time while they are used up
//! quickly, 64 at most. What is leased is counted as taken, so the cap is never exceeded; what is not spent when the window
//! ends is lost, which is at most one lot per node.
//!
//! Only for [`crate::bucket::Rule::Window`]: with any other rule a permit has to be judged when it is spent.

use crate::time::{Span, Timestamp};

/// The largest lot.
const LOT_MAX: i64 = 64;
/// A lot that lasted longer than this was large enough.
const LASTED: Span = Span::seconds(10);

/// What one node has of one counter. In memory only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Permits {
    left: i64,
    lot: i64,
    leased_at: Timestamp,
    /// When the window ends that the permits are of, or until when there are none.
    until: Timestamp,
}

/// What has to be done for one permit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spend {
    /// Nothing: it was spent in memory.
    Spent(Permits),
    /// Take so many from the counter, then [`Permits::leased`] or [`Permits::refused`].
    Lease {
        /// How many.
        lot: i64,
    },
    /// There is none before then; the counter need not be asked.
    Refused {
        /// When the next window begins.
        until: Timestamp,
    },
}

impl Permits {
    /// Nothing leased yet.
    pub const fn none() -> Self {
        let long_ago = Timestamp::from_ms(i64::MIN);
        Self { left: 0, lot: 0, leased_at: long_ago, until: long_ago }
    }

    /// Spends one.
    pub fn spend(self, now: Timestamp) -> Spend {
        if now >= self.until {
            return Spend::Lease { lot: 1 };
        }
        match self {
            Self { left: 1.., .. } => Spend::Spent(Self { left: self.left - 1, ..self }),
            Self { lot: 0, until, .. } => Spend::Refused { until },
            Self { lot, leased_at, .. } if now.since(leased_at) < LASTED => {
                Spend::Lease { lot: (lot * 2).min(LOT_MAX) }
            }
            Self { lot, .. } => Spend::Lease { lot },
        }
    }

    /// The counter gave a lot, of which the first is spent now. `until` is when its window ends.
    #[must_use]
    pub const fn leased(self, lot: i64, now: Timestamp, until: Timestamp) -> Self {
        // What another task of this node leased meanwhile, in the same window, is kept.
        let kept = if self.until.ms() == until.ms() { self.left } else { 0 };
        Self { left: kept + lot - 1, lot, leased_at: now, until }
    }

    /// The counter did not give the lot: a smaller one is to be asked for, or none is left until the window ends.
    pub const fn refused(self, lot: i64, until: Timestamp) -> Result<i64, Self> {
        if lot > 1 { Ok(lot / 2) } else { Err(Self { lot: 0, until, ..self }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bucket::{Counter, Rule, Take};
    use proptest::prelude::*;

    const BEGIN: Timestamp = Timestamp::from_ms(20_000 * 86_400_000);
    const WINDOW: Span = Span::minutes(60);

    /// Spends one on a node, with the counter that all nodes share; whether there was one, and how often the counter was asked.
    fn spend(permits: &mut Permits, counter: &mut Counter, cap: i64, now: Timestamp) -> (bool, u32) {
        let mut lot = match permits.spend(now) {
            Spend::Spent(left) => {
                *permits = left;
                return (true, 0);
            }
            Spend::Refused { .. } => return (false, 0),
            Spend::Lease { lot } => lot,
        };
        let until = Timestamp::from_ms((now.ms().div_euclid(WINDOW.as_ms()) + 1) * WINDOW.as_ms());
        let mut asked = 0;
        loop {
            asked += 1;
            if let Take::Taken(next) = (Rule::Window { cap, window: WINDOW }).take(counter, lot, now) {
                *counter = next;
                *permits = permits.leased(lot, now, until);
                return (true, asked);
            }
            match permits.refused(lot, until) {
                Ok(smaller) => lot = smaller,
                Err(none) => {
                    *permits = none;
                    return (false, asked);
                }
            }
        }
    }

    #[test]
    fn lots_double_and_the_last_permit_is_found() {
        let (mut permits, mut counter) = (Permits::none(), Counter::default());
        let results: Vec<_> = (0..1100).map(|_| spend(&mut permits, &mut counter, 1000, BEGIN)).collect();
        assert_eq!(results.iter().filter(|(given, _)| *given).count(), 1000);
        assert!(results[..1000].iter().all(|(given, _)| *given), "none is refused while there is one");
        // 1 + 2 + … + 64, then 64 at a time, then down to what is left; after that nobody asks.
        assert!(results.iter().map(|(_, asked)| asked).sum::<u32>() <= 7 + 14 + 14);
        assert_eq!(spend(&mut permits, &mut counter, 1000, BEGIN.plus(WINDOW)), (true, 1));
    }

    #[test]
    fn a_quiet_node_leases_one_at_a_time() {
        let (mut permits, mut counter) = (Permits::none(), Counter::default());
        for minute in 0..60 {
            assert_eq!(spend(&mut permits, &mut counter, 1000, BEGIN.plus(Span::minutes(minute))), (true, 1));
        }
        assert_eq!(counter.taken, 60);
    }

    proptest! {
        /// Nodes in any order, pauses of any length: never over the cap in a window, and little is lost.
        #[test]
        fn never_over_the_cap(steps in proptest::collection::vec((0..4_usize, 0..60_000_i64), 1..2000), cap in 1..500_i64) {
            let (mut nodes, mut counter, mut now) = ([Permits::none(); 4], Counter::default(), BEGIN);
            let mut given = std::collections::BTreeMap::<i64, i64>::new();
            for (node, wait) in steps {
                now = now.plus(Span::ms(wait));
                let place = now.ms().div_euclid(WINDOW.as_ms());
                if spend(&mut nodes[node], &mut counter, cap, now).0 {
                    *given.entry(place).or_default() += 1;
                } else {
                    prop_assert!(given.get(&place).copied().unwrap_or_default() + 3 * LOT_MAX >= cap);
                }
            }
            prop_assert!(given.values().all(|given| *given <= cap));
        }
    }
}
