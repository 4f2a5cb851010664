//! Boundaries by tables; what must hold under any order of events by property.

use super::*;
use proptest::prelude::*;

const DAY: Span = Span::days(1);
const HOUR: Span = Span::minutes(60);
/// A moment at which a day of UTC begins.
const BEGIN: i64 = 20_000 * 86_400_000;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_ms(BEGIN + minutes * 60_000)
}

/// Takes one after another; the minutes at which each was refused until, or nothing where it was taken.
fn takes(rule: Rule, minutes: &[i64]) -> Vec<Option<i64>> {
    let mut counter = Counter::default();
    let mut take = |minute: &i64| match rule.take(&counter, 1, at(*minute)) {
        Take::Taken(next) => {
            counter = next;
            None
        }
        Take::Refused { until } => Some((until.ms() - BEGIN) / 60_000),
    };
    minutes.iter().map(&mut take).collect()
}

#[test]
fn each_rule_refuses_at_its_cap_and_says_until_when() {
    let rolling = Rule::Rolling { cap: 3, window: HOUR };
    // Slots of ten minutes: what was taken at 5 leaves at 70, what was taken at 15 at 80.
    assert_eq!(
        takes(rolling, &[5, 6, 15, 16, 69, 70, 71, 72]),
        [None, None, None, Some(70), Some(70), None, None, Some(80)]
    );
    assert_eq!(takes(Rule::Rolling { cap: 0, window: HOUR }, &[5]), [Some(70)]);
    let refilled = Rule::Refilled { burst: 3, every: HOUR };
    assert_eq!(takes(refilled, &[0, 55, 58, 59, 60, 61, 600]), [None, None, None, Some(60), None, Some(120), None]);
    let window = Rule::Window { cap: 2, window: HOUR };
    assert_eq!(takes(window, &[1, 59, 59, 60, 60, 60]), [None, None, Some(60), None, None, Some(120)]);
    let share = Rule::Share { cap: 2, window: HOUR, percent: 50, quarantine: Span::ms(0) };
    // Of an hour and the one before.
    assert_eq!(
        takes(share, &[58, 59, 59, 61, 119, 120, 121, 122]),
        [None, None, Some(120), Some(120), Some(120), None, None, Some(240)]
    );
    let block = Rule::Share { cap: 2, window: DAY, percent: 25, quarantine: DAY };
    assert_eq!(takes(block, &[5, 7, 8, 1446, 1447]), [None, None, Some(1447), Some(1447), None]);
}

#[test]
fn several_are_taken_all_or_not_at_all() {
    for rule in [
        Rule::Rolling { cap: 10, window: DAY },
        Rule::Refilled { burst: 10, every: HOUR },
        Rule::Window { cap: 10, window: DAY },
    ] {
        let Take::Taken(counter) = rule.take(&Counter::default(), 8, at(0)) else { panic!("eight of ten") };
        assert!(matches!(rule.take(&counter, 3, at(1)), Take::Refused { .. }));
        assert!(matches!(rule.take(&counter, 2, at(1)), Take::Taken(_)));
    }
}

#[test]
fn where_enough_complete_nothing_is_refused_and_a_quarantine_ends() {
    let rule = Rule::Share { cap: 4, window: HOUR, percent: 50, quarantine: DAY };
    let mut counter = Counter::default();
    for _ in 0..4 {
        let Take::Taken(next) = rule.take(&counter, 1, at(1)) else { panic!("the first four") };
        counter = next;
    }
    assert!(matches!(rule.take(&counter, 1, at(2)), Take::Refused { until } if until == at(1).plus(DAY)));
    counter = rule.complete(&counter, 1, at(1), at(3)).expect("open");
    assert!(matches!(rule.take(&counter, 1, at(3)), Take::Refused { .. }), "one of four");
    counter = rule.complete(&counter, 1, at(1), at(4)).expect("open");
    for n in 0..1000 {
        let Take::Taken(next) = rule.take(&counter, 1, at(5)) else { panic!("two of four, {n}") };
        counter = rule.complete(&next, 1, at(5), at(5)).expect("open");
    }
    assert_eq!(rule.complete(&counter, 3, at(5), at(5)), None, "more completed than begun");
}

#[test]
fn what_is_over_is_neither_given_back_nor_completed() {
    for (rule, lives_minutes) in [
        (Rule::Rolling { cap: 3, window: HOUR }, 70),
        (Rule::Refilled { burst: 3, every: HOUR }, 60),
        (Rule::Window { cap: 3, window: HOUR }, 60),
        (Rule::Share { cap: 3, window: HOUR, percent: 50, quarantine: Span::ms(0) }, 120),
    ] {
        let Take::Taken(counter) = rule.take(&Counter::default(), 1, at(0)) else { panic!("the first") };
        assert_eq!(rule.expires_at(&counter, at(0)), at(lives_minutes), "{rule:?}");
        for (minute, there) in [(0, true), (lives_minutes - 1, true), (lives_minutes, false)] {
            assert_eq!(rule.give_back(&counter, 1, at(0), at(minute)).is_some(), there, "{rule:?} {minute}");
            assert_eq!(rule.complete(&counter, 1, at(0), at(minute)).is_some(), there, "{rule:?} {minute}");
        }
        let back = rule.give_back(&counter, 1, at(0), at(0)).expect("there");
        assert_eq!(rule.give_back(&back, 1, at(0), at(0)), None, "twice: {rule:?}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Take(i64),
    GiveBack(usize),
    Complete(usize),
    Wait(i64),
    ClockBack(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..3_i64).prop_map(Step::Take),
        1 => any::<usize>().prop_map(Step::GiveBack),
        2 => any::<usize>().prop_map(Step::Complete),
        3 => (1..2_000_000_i64).prop_map(Step::Wait),
        1 => (1..5_000_i64).prop_map(Step::ClockBack),
    ]
}

/// What was taken and neither given back nor completed, with its moment by the latest clock; refunded at most once each.
fn run(rule: Rule, steps: &[Step], mut holds: impl FnMut(&[(i64, Timestamp)], &Counter)) {
    let (mut counter, mut now, mut latest) = (Counter::default(), at(0), at(0));
    let mut out: Vec<(i64, Timestamp)> = Vec::new();
    let mut taken_at = Vec::new();
    for step in steps {
        latest = latest.max(now);
        match *step {
            Step::Take(n) => match rule.take(&counter, n, now) {
                Take::Taken(next) => {
                    counter = next;
                    out.push((n, latest));
                    taken_at.push(now);
                }
                Take::Refused { until } => assert!(until > now, "a refusal that is over already"),
            },
            Step::GiveBack(which) | Step::Complete(which) if !out.is_empty() => {
                let taken_at = taken_at.swap_remove(which % out.len());
                let (n, _) = out.swap_remove(which % out.len());
                let gives = matches!(step, Step::GiveBack(_));
                let next = if gives { Rule::give_back } else { Rule::complete }(rule, &counter, n, taken_at, now);
                counter = next.unwrap_or(counter);
            }
            Step::Wait(ms) => now = now.plus(Span::ms(ms)),
            Step::ClockBack(ms) => now = now.minus(Span::ms(ms)),
            Step::GiveBack(_) | Step::Complete(_) => {}
        }
        holds(&out, &counter);
    }
}

proptest! {
    /// Whatever is taken, given back and completed in whatever order: in no stretch of the window is more out than the cap.
    #[test]
    fn a_rolling_window_never_holds_more_than_its_cap(steps in proptest::collection::vec(step(), 1..200), cap in 1..20_u8) {
        let rule = Rule::Rolling { cap, window: HOUR };
        run(rule, &steps, |out, counter| {
            for (_, from) in out {
                let within = out.iter().filter(|(_, at)| at >= from && at.ms() < from.ms() + HOUR.as_ms());
                assert!(within.map(|(n, _)| n).sum::<i64>() <= i64::from(cap));
            }
            assert!(counter.taken >= 0 && counter.taken % 255 <= i64::from(cap));
        });
    }

    #[test]
    fn a_window_never_holds_more_than_its_cap(steps in proptest::collection::vec(step(), 1..200), cap in 1..20_i64) {
        let rule = Rule::Window { cap, window: HOUR };
        run(rule, &steps, |_, counter| assert!((0..=cap).contains(&counter.taken)));
    }

    /// In any stretch of time, no more than the burst and what comes back in it.
    #[test]
    fn a_refilled_bucket_gives_its_burst_and_its_rate(steps in proptest::collection::vec(step(), 1..200), burst in 1..10_u8) {
        let rule = Rule::Refilled { burst, every: HOUR };
        let only_takes: Vec<Step> = steps.into_iter().filter(|step| matches!(step, Step::Take(_) | Step::Wait(_))).collect();
        run(rule, &only_takes, |out, _| {
            for (place, (_, from)) in out.iter().enumerate() {
                for (until, (_, to)) in out.iter().enumerate().skip(place) {
                    let taken: i64 = out[place..=until].iter().map(|(n, _)| n).sum();
                    assert!((taken - i64::from(burst)) * HOUR.as_ms() <= to.since(*from).as_ms());
                }
            }
        });
    }

    /// Where nothing is completed, a share is a strict cap; what is completed never exceeds what was taken.
    #[test]
    fn a_share_without_completion_is_a_cap(steps in proptest::collection::vec(step(), 1..200), cap in 1..20_i64) {
        let rule = Rule::Share { cap, window: HOUR, percent: 50, quarantine: DAY };
        let none: Vec<Step> = steps.iter().filter(|step| !matches!(step, Step::Complete(_))).cloned().collect();
        run(rule, &none, |out, counter| {
            let within = |from: &Timestamp| out.iter().filter(|(_, at)| at >= from && at.since(*from) < HOUR).map(|(n, _)| n).sum::<i64>();
            assert!(out.iter().all(|(_, from)| within(from) <= cap));
            assert!(counter.open() <= cap);
        });
        run(rule, &steps, |_, counter| {
            assert!(0 <= counter.completed && counter.completed <= counter.taken);
            assert!(0 <= counter.completed_before && counter.completed_before <= counter.taken_before);
        });
    }

    /// After the moment that a refusal names, one is to be had.
    #[test]
    fn a_refusal_says_when(cap in 1..10_u8, waits in proptest::collection::vec(1..4_000_000_i64, 1..60)) {
        for rule in [
            Rule::Rolling { cap, window: HOUR },
            Rule::Refilled { burst: cap, every: HOUR },
            Rule::Window { cap: cap.into(), window: HOUR },
            Rule::Share { cap: cap.into(), window: HOUR, percent: 50, quarantine: Span::ms(0) },
            Rule::Share { cap: cap.into(), window: HOUR, percent: 50, quarantine: DAY },
        ] {
            let (mut counter, mut now) = (Counter::default(), at(0));
            for wait in &waits {
                match rule.take(&counter, 1, now) {
                    Take::Taken(next) => counter = next,
                    Take::Refused { until } => {
                        prop_assert!(matches!(rule.take(&counter, 1, until), Take::Taken(_)), "{:?}", rule);
                        prop_assert!(matches!(rule.take(&counter, 1, until.minus(Span::ms(1))), Take::Refused { .. }), "{:?}", rule);
                    }
                }
                now = now.plus(Span::ms(*wait));
            }
        }
    }
}
