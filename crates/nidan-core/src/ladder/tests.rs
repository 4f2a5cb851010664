//! Boundaries by tables; that it only ever grows stronger, and that forgiveness helps no thief, by property.

use super::*;
use proptest::prelude::*;

/// Noon of some day of UTC.
const NOON: i64 = 20_000 * DAY_MS + DAY_MS / 2;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_ms(NOON + seconds * 1000)
}

fn calm(now: Timestamp) -> Circumstances {
    Circumstances { alarm: false, released: false, now }
}

fn released(now: Timestamp) -> Circumstances {
    Circumstances { released: true, ..calm(now) }
}

/// So many guesses, the last at noon, spread over earlier days so that neither day nor month is full.
fn after(guesses: u32) -> Guesses {
    let first = 20_000 - 360;
    let mut days: Vec<(u16, u8)> = (0..guesses.saturating_sub(1)).map(|n| (first + (n % 178 * 2) as u16, 0)).collect();
    days.dedup();
    days.sort_unstable();
    days.dedup();
    for n in 0..guesses.saturating_sub(1) {
        let place = n as usize % days.len();
        days[place].1 += 1;
    }
    if guesses > 0 {
        days.push((20_000, 1));
    }
    Guesses { days, last_ms: at(0).ms() }
}

#[test]
fn the_steps_and_the_waits_are_those_of_the_ladder() {
    const HOUR: i64 = 3_600;
    let policy = Policy::default();
    for (guesses, step, wait) in [
        (0, Step::Six, 0),
        (1, Step::Six, 30),
        (2, Step::Six, 60),
        (3, Step::Six, 120),
        (5, Step::Six, 480),
        (7, Step::Six, 1920),
        (8, Step::Six, HOUR),
        (9, Step::Six, HOUR),
        (10, Step::EightOrPair, HOUR),
        (11, Step::EightOrPair, 2 * HOUR),
        (12, Step::EightOrPair, 4 * HOUR),
        (14, Step::EightOrPair, 16 * HOUR),
        (15, Step::EightOrPair, 24 * HOUR),
        (16, Step::EightOrPair, 24 * HOUR),
        (199, Step::EightOrPair, 24 * HOUR),
        (200, Step::StrongOnly, 24 * HOUR),
    ] {
        let state = after(guesses);
        assert_eq!(state.year(at(0)), guesses);
        assert_eq!(state.step(&calm(at(0)), &policy), step, "{guesses}");
        assert_eq!(state.wait(at(0), &policy), Span::seconds(wait), "{guesses}");
        let open = |seconds| state.open(&calm(at(seconds)), &policy);
        match step {
            Step::StrongOnly => assert_eq!(open(wait), Err(Barred::Stronger(step))),
            _ if wait > 0 => {
                assert_eq!(open(wait - 1), Err(Barred::Wait { until: at(wait) }), "{guesses}");
                assert_eq!(open(wait), Ok(step), "{guesses}");
                assert_eq!(state.open(&released(at(0)), &policy), Ok(step), "the mailbox lifts the wait");
            }
            _ => assert_eq!(open(0), Ok(step)),
        }
    }
}

#[test]
fn a_weaker_proof_than_needed_is_neither_evaluated_nor_charged() {
    let policy = Policy::default();
    for (guesses, alarm, needed) in [
        (9, false, Step::Six),
        (9, true, Step::EightOrPair),
        (10, false, Step::EightOrPair),
        (199, false, Step::EightOrPair),
        (200, false, Step::StrongOnly),
        (200, true, Step::StrongOnly),
    ] {
        for offered in [Step::Six, Step::EightOrPair] {
            for freed in [false, true] {
                let circumstances = Circumstances { alarm, released: freed, now: at(0) };
                let charged = after(guesses).charge(offered, &circumstances, &policy);
                if offered >= needed {
                    assert_eq!(charged.map(|charged| charged.year(at(0))), Ok(guesses + 1), "{guesses} {offered:?}");
                } else {
                    assert_eq!(charged, Err(Barred::Stronger(needed)), "{guesses} {offered:?}");
                }
            }
        }
    }
}

#[test]
fn day_and_month_are_full_and_the_mailbox_frees() {
    let policy = Policy::default();
    let midnight = |days: i64| Timestamp::from_ms((20_000 + days) * DAY_MS);
    for (days, full_until) in [
        (vec![(20_000, 9)], None),
        (vec![(20_000, 10)], Some(1)),
        (vec![(19_999, 10), (20_000, 4)], None),
        (vec![(19_999, 10), (20_000, 5)], Some(1)),
        (vec![(19_998, 10), (20_000, 9)], None),
        (vec![(19_971, 10), (19_980, 10), (19_985, 10), (20_000, 9)], None),
        (vec![(19_971, 10), (19_980, 10), (19_985, 10), (19_990, 10)], Some(1)),
        (vec![(19_972, 10), (19_980, 10), (19_985, 10), (19_990, 10)], Some(2)),
        (vec![(19_970, 10), (19_980, 10), (19_985, 10), (19_990, 10)], None),
    ] {
        let state = Guesses { days: days.clone(), last_ms: 0 };
        let charged = state.charge(Step::EightOrPair, &calm(at(0)), &policy);
        match full_until {
            None => assert!(charged.is_ok(), "{days:?}"),
            Some(later) => assert_eq!(charged, Err(Barred::Wait { until: midnight(later) }), "{days:?}"),
        }
        assert!(state.charge(Step::EightOrPair, &released(at(0)), &policy).is_ok());
    }
}

#[test]
fn guesses_are_forgotten_after_a_year() {
    let state = Guesses { days: vec![(20_000, 7)], last_ms: at(0).ms() };
    for (days, year) in [(0, 7), (364, 7), (365, 0)] {
        let now = at(days * 86_400);
        assert_eq!(state.year(now), year);
        assert_eq!(state.to_stored(now).len(), if year > 0 { 11 } else { 0 });
    }
}

#[test]
fn only_what_was_stored_reads_back() {
    for stored in [vec![], at(0).ms().to_be_bytes().to_vec(), after(200).to_stored(at(0))] {
        assert!(Guesses::from_stored(&stored).is_some());
    }
    assert!(after(200).to_stored(at(0)).len() <= 608);
    let last = 0_i64.to_be_bytes();
    for broken in [&last[..7], &[&last[..], &[0]].concat(), &[&last[..], &[0, 2, 1, 0, 1, 1]].concat()] {
        assert_eq!(Guesses::from_stored(broken), None);
    }
}

/// T02: a hundred days on which a thief guesses four times and the owner then signs in with a mistype of his own.
#[test]
fn t02_the_owners_success_gives_the_thief_nothing() {
    let policy = Policy::default();
    let mut state = Guesses::default();
    let mut evaluated = (0, 0);
    for day in 0..100 {
        for n in 0..4 {
            let now = at(day * 86_400 + n);
            for (offered, count) in [(Step::Six, &mut evaluated.0), (Step::EightOrPair, &mut evaluated.1)] {
                if let Ok(charged) = state.charge(offered, &calm(now), &policy) {
                    state = charged;
                    *count += 1;
                    break;
                }
            }
        }
        let (before, opened) = (state.year(at(day * 86_400 + 10)), at(day * 86_400 + 7200));
        for n in 0..2 {
            let own = released(opened.plus(Span::seconds(n)));
            state = state.charge(Step::EightOrPair, &own, &policy).expect("the mailbox frees");
        }
        state = state.forgive(2, opened);
        assert_eq!(state.year(opened), before);
    }
    assert_eq!(evaluated.0, 10);
    assert!(evaluated.1 <= 190 && evaluated.1 > 100, "{evaluated:?}");
}

#[test]
fn devices_have_buckets_of_their_own() {
    let policy = Policy::default();
    let mut device = DeviceGuesses::default();
    for n in 0..10 {
        let DeviceCharge::Charged(next) = device.charge(at(n), &policy) else { panic!("the first ten") };
        device = next;
    }
    assert_eq!(device.charge(at(86_399), &policy), DeviceCharge::Wait { until: at(86_400) });
    assert!(matches!(device.forgive(1).charge(at(20), &policy), DeviceCharge::Charged(_)), "one of them was right");
    for n in 0..10 {
        let DeviceCharge::Charged(next) = device.charge(at(86_400 + n), &policy) else { panic!("ten more") };
        device = next;
    }
    for later in [86_410, 2 * 86_400, 50 * 86_400] {
        assert_eq!(device.charge(at(later), &policy), DeviceCharge::Revoke);
    }
}

#[test]
fn the_breaker_opens_above_its_limit_and_closes_after_an_hour_of_calm() {
    let policy = Policy::default();
    let closed = Breaker { open_until: at(0) };
    for (wrong, usual, open) in
        [(500, 0, false), (501, 0, true), (501, 101, false), (505, 101, false), (506, 101, true)]
    {
        assert_eq!(closed.look(wrong, usual, at(0), &policy).is_open(at(0)), open, "{wrong} {usual}");
    }
    let open = closed.look(501, 0, at(0), &policy);
    assert!(open.is_open(at(3599)) && !open.is_open(at(3600)));
    let again = open.look(501, 0, at(600), &policy).look(3, 0, at(1200), &policy);
    assert!(again.is_open(at(4199)) && !again.is_open(at(4200)));
}

#[derive(Clone, Debug)]
enum Act {
    /// A guess of a thief, offered at a step.
    Guess(bool),
    /// The owner signs in with so many guesses, the last one right.
    Owner(u8),
    Wait(i64),
}

proptest! {
    /// In whatever order: never more than 10 guesses against six digits and 200 in all within a year, never more than 15 in
    /// 24 hours or 40 in 30 days; and it reads back as it was stored.
    #[test]
    fn a_thief_never_gets_more_than_the_caps(acts in proptest::collection::vec(
        prop_oneof![4 => any::<bool>().prop_map(Act::Guess), 1 => (1..5_u8).prop_map(Act::Owner), 2 => (0..3_000_000_i64).prop_map(Act::Wait)],
        1..600,
    )) {
        let (policy, mut now, mut state) = (Policy::default(), at(0), Guesses::default());
        let mut six: Vec<i64> = Vec::new();
        let mut all: Vec<i64> = Vec::new();
        for act in acts {
            match act {
                Act::Wait(seconds) => now = now.plus(Span::seconds(seconds)),
                Act::Guess(longer) => {
                    let offered = if longer { Step::EightOrPair } else { Step::Six };
                    if let Ok(charged) = state.charge(offered, &calm(now), &policy) {
                        state = charged;
                        all.push(now.ms());
                        if !longer { six.push(now.ms()); }
                    }
                }
                Act::Owner(guesses) => {
                    let mut tried = state.clone();
                    let mut charges = 0;
                    for _ in 0..guesses {
                        if let Ok(charged) = tried.charge(Step::EightOrPair, &released(now), &policy) {
                            tried = charged;
                            charges += 1;
                        }
                    }
                    let before = state.year(now);
                    state = tried.forgive(charges, now);
                    prop_assert_eq!(state.year(now), before);
                }
            }
            prop_assert_eq!(Guesses::from_stored(&state.to_stored(now)).map(|read| read.year(now)), Some(state.year(now)));
        }
        let most = |times: &[i64], days: i64| {
            times.iter().map(|from| times.iter().filter(|at| (*from..from + days * DAY_MS).contains(at)).count()).max().unwrap_or(0)
        };
        prop_assert!(most(&six, 364) <= 10 && most(&all, 364) <= 200);
        prop_assert!(most(&all, 1) <= 15 && most(&all, 29) <= 40);
    }

    /// More guesses never make anything easier.
    #[test]
    fn the_ladder_only_grows_stronger(guesses in 0..220_u32, later in 0..100_000_i64, alarm: bool) {
        let (policy, now) = (Policy::default(), at(later));
        let circumstances = Circumstances { alarm, ..calm(now) };
        let (fewer, more) = (after(guesses), after(guesses + 1));
        prop_assert!(fewer.step(&circumstances, &policy) <= more.step(&circumstances, &policy));
        prop_assert!(fewer.wait(now, &policy) <= more.wait(now, &policy));
        prop_assert!(fewer.open(&circumstances, &policy).is_ok() || more.open(&circumstances, &policy).is_err());
    }

    /// Whatever others did meanwhile, forgiving takes back no more than was charged, and leaves the latest of theirs.
    #[test]
    fn forgiving_leaves_others_guesses(before in 0..5_u8, meanwhile in 0..5_u8, own in 1..5_u8, crosses_midnight: bool) {
        let policy = Policy::default();
        let opened = if crosses_midnight { at(43_200 - 60) } else { at(0) };
        let mut state = Guesses::default();
        let mut guess = |now: Timestamp| state = state.charge(Step::EightOrPair, &released(now), &policy).expect("below the year's cap");
        (0..before).for_each(|_| guess(opened));
        (0..own).for_each(|_| guess(opened.plus(Span::seconds(120))));
        (0..meanwhile).for_each(|_| guess(opened.plus(Span::seconds(121))));
        let now = opened.plus(Span::seconds(130));
        let forgiven = state.forgive(own, opened);
        prop_assert_eq!(forgiven.year(now), u32::from(before + meanwhile));
        prop_assert!(forgiven.sum(now, 1) >= u32::from(meanwhile), "today's of others all count today");
    }
}
