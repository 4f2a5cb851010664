//! The pace of a route: even, slower when a carrier complains, and itself again.

use std::time::Duration;

use nidan_wire::pace::Pace;
use proptest::prelude::*;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn slots_are_evenly_spaced_without_bursts() {
    let mut pace = Pace::new(20);
    assert_eq!([0, 0, 0, 60].map(|now| pace.slot(ms(now))), [0, 50, 100, 150].map(ms));
    // Idle time is not saved up.
    assert_eq!([10_000, 10_000, 10_000].map(|now| pace.slot(ms(now))), [10_000, 10_050, 10_100].map(ms));
}

#[test]
fn at_least_one_a_second() {
    let mut pace = Pace::new(0);
    assert_eq!([0, 0].map(|now| pace.slot(ms(now))), [0, 1_000].map(ms));
}

#[test]
fn a_complaint_slows_down_and_calm_undoes_it() {
    let mut pace = Pace::new(20);
    assert_eq!(pace.slot(ms(0)), ms(0));
    pace.throttled(ms(20));
    // The 49 others that were on their way say the same.
    for _ in 0..49 {
        pace.throttled(ms(30));
    }
    // One interval of 62.5 ms from the complaint, then one each.
    assert_eq!(pace.slot(ms(30)), Duration::from_micros(82_500));
    assert_eq!(pace.slot(ms(30)), ms(145));
    pace.throttled(ms(300));
    let first = pace.slot(ms(1_000));
    assert_eq!(pace.slot(ms(1_000)) - first, Duration::from_micros(78_125));
    let first = pace.slot(ms(5_300));
    assert_eq!(pace.slot(ms(5_300)) - first, Duration::from_micros(62_500));
    let first = pace.slot(ms(10_300));
    assert_eq!(pace.slot(ms(10_300)) - first, ms(50));
}

#[test]
fn the_slowest_is_a_sixteenth() {
    let mut pace = Pace::new(100);
    for complaint in 0..100 {
        pace.throttled(ms(complaint * 300));
    }
    let first = pace.slot(ms(29_800));
    assert_eq!(pace.slot(ms(29_800)) - first, ms(160));
}

/// A short message centre that throttles by the distance from one message to the next: `sent` messages, of which it is
/// asked again until it takes them. Gives when the last was taken, and how many were refused.
fn carry(mut pace: Pace, apart: Duration, sent: usize, answer_after: Duration) -> (Duration, usize) {
    let (mut now, mut taken, mut refused, mut last) = (Duration::ZERO, 0, 0, None::<Duration>);
    while taken < sent {
        now = pace.slot(now);
        if last.is_none_or(|last| now >= last + apart) {
            taken += 1;
            last = Some(now);
        } else {
            refused += 1;
            pace.throttled(now + answer_after);
        }
    }
    (now, refused)
}

#[test]
fn three_hundred_sign_ins_at_twenty_a_second() {
    let (last, refused) = carry(Pace::new(20), ms(50), 300, ms(5));
    assert_eq!((last, refused), (ms(299 * 50), 0));
}

#[test]
fn a_rate_that_is_set_too_high_finds_its_own() {
    // Asked for 60 a second, where 20 are taken: as the burst that got 60 refusals.
    let (last, refused) = carry(Pace::new(60), ms(50), 300, ms(5));
    assert!(last < ms(25_000), "{last:?}");
    assert!(refused < 30, "{refused}");
}

proptest! {
    #[test]
    fn slots_never_come_closer_than_asked_for(rate in 1u32..500, calls in prop::collection::vec((0u64..300, any::<bool>()), 1..200)) {
        let mut pace = Pace::new(rate);
        let (mut now, mut last) = (Duration::ZERO, None::<Duration>);
        for (wait, complaint) in calls {
            now += ms(wait);
            if complaint {
                pace.throttled(now);
            }
            let slot = pace.slot(now);
            prop_assert!(slot >= now);
            prop_assert!(last.is_none_or(|last| slot - last >= Duration::from_secs(1) / rate));
            last = Some(slot);
        }
    }
}
