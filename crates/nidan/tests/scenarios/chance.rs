//! Seeded chance.

use nidan_core::time::{Span, Timestamp};

/// SplitMix64: the same seed, the same chance.
pub struct Chance(pub u64);

impl Chance {
    /// From 0 to below `end`.
    pub fn below(&mut self, end: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ bits >> 31) % end.max(1) as u64) as i64
    }

    /// Whether it comes true that is likely to so many percent.
    pub fn percent(&mut self, likely: i64) -> bool {
        self.below(100) < likely
    }

    /// A span shorter than this.
    pub fn within(&mut self, span: Span) -> Span {
        Span::ms(self.below(span.as_ms()))
    }

    /// So many moments within a stretch that begins at `begin`, in order.
    pub fn moments(&mut self, count: usize, (begin, stretch): (Timestamp, Span)) -> Vec<Timestamp> {
        let mut moments: Vec<Timestamp> = (0..count).map(|_| begin.plus(self.within(stretch))).collect();
        moments.sort_unstable();
        moments
    }
}
