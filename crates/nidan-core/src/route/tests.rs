//! Which routes carry what, and what makes one sick.

use super::*;

const NOW: Timestamp = Timestamp::from_ms(1_000_000_000);

fn carries(channel: Channel, countries: Option<&[&str]>, number_kinds: Option<&[NumberKind]>) -> Carries {
    let countries = countries.map(|codes| codes.iter().map(|code| (*code).to_owned()).collect());
    Carries { channel, countries, number_kinds: number_kinds.map(<[_]>::to_vec) }
}

fn number(e164: &str) -> PhoneNumber {
    PhoneNumber::from_e164(e164).expect("a number")
}

#[test]
fn routes_carry_by_channel_country_and_kind_in_the_order_of_the_settings() {
    let routes = [
        carries(Channel::Sms, Some(&["+81"]), Some(&[NumberKind::Mobile])),
        carries(Channel::Email, None, None),
        carries(Channel::Sms, Some(&["+1", "+44"]), None),
        carries(Channel::Sms, None, None),
        carries(Channel::Sms, Some(&["+81"]), Some(&[NumberKind::IpPhone])),
        carries(Channel::Sms, Some(&[]), None),
    ];
    let order = |channel, number: Option<&PhoneNumber>| {
        order(routes.iter().map(|carries| (carries, Health::Good)), channel, number)
    };
    assert_eq!(order(Channel::Sms, Some(&number("+819012345678"))), [0, 3]);
    assert_eq!(order(Channel::Sms, Some(&number("+815012345678"))), [3, 4]);
    assert_eq!(order(Channel::Sms, Some(&number("+12025550123"))), [2, 3]);
    assert_eq!(order(Channel::Email, None), [1]);
}

/// All ways in which three routes can do.
#[test]
fn what_does_badly_stands_behind_and_is_never_left_out() {
    let all = [Health::Good, Health::Slow, Health::Stalled, Health::Sick];
    let sms = carries(Channel::Sms, None, None);
    for n in 0..64 {
        let states = [all[n / 16], all[n / 4 % 4], all[n % 4]];
        let order = order(states.map(|health| (&sms, health)), Channel::Sms, Some(&number("+819012345678")));
        assert_eq!(order.len(), 3);
        for pair in order.windows(2) {
            let (first, second) = (states[pair[0]], states[pair[1]]);
            assert!(first < second || first == second && pair[0] < pair[1], "{states:?} {order:?}");
        }
    }
}

/// `count` messages, so many seconds old, of which the receipt came after so many seconds.
fn samples(count: usize, age: i64, state: State, receipt_after: Option<i64>) -> Vec<Sample> {
    let wired_at = NOW.minus(Span::seconds(age));
    vec![Sample { wired_at, state, receipt_after: receipt_after.map(Span::seconds) }; count]
}

fn judge(parts: &[Vec<Sample>], receipts_expected: bool, was_sick: bool) -> Health {
    health(&parts.concat(), receipts_expected, was_sick, (NOW, &Policy::default()))
}

#[test]
fn a_route_without_messages_does_well() {
    for (receipts_expected, was_sick) in [(true, true), (true, false), (false, true), (false, false)] {
        assert_eq!(judge(&[], receipts_expected, was_sick), Health::Good);
    }
}

#[test]
fn a_route_is_sick_of_which_less_than_half_arrives() {
    let delivered = |count| samples(count, 60, State::Delivered, Some(2));
    let lost = |count| samples(count, 60, State::Undelivered, Some(2));
    for (delivered_of, lost_of, was_sick, expected) in [
        (9, 11, false, Health::Sick),
        (10, 10, false, Health::Good),
        (9, 10, false, Health::Good),
        (1, 2, true, Health::Sick),
        (1, 1, true, Health::Good),
        (2, 2, true, Health::Good),
        (400, 600, false, Health::Sick),
    ] {
        let health = judge(&[delivered(delivered_of), lost(lost_of)], true, was_sick);
        assert_eq!(health, expected, "{delivered_of} of {}", delivered_of + lost_of);
    }
    for state in [State::Accepted, State::Ambiguous, State::Rejected, State::Expired, State::Unknown, State::Queued] {
        assert_eq!(judge(&[samples(20, 60, state, None)], true, false), Health::Sick, "{state:?}");
    }
    assert_eq!(judge(&[samples(20, 59, State::Ambiguous, None)], true, false), Health::Good, "too young to tell");
    assert_eq!(judge(&[samples(20, 60, State::Leased, None)], true, false), Health::Good, "no answer yet");
}

#[test]
fn without_receipts_what_was_taken_counts_as_well_done() {
    let taken = |count| samples(count, 60, State::Accepted, None);
    for state in [State::Queued, State::Ambiguous] {
        assert_eq!(judge(&[taken(9), samples(11, 60, state, None)], false, false), Health::Sick, "{state:?}");
        assert_eq!(judge(&[taken(10), samples(10, 60, state, None)], false, false), Health::Good, "{state:?}");
    }
    let refused = samples(20, 60, State::Rejected, None);
    assert_eq!(judge(&[refused], false, false), Health::Good, "a number that nobody has is no fault of the route");
}

#[test]
fn a_route_is_slow_by_the_median_of_its_receipts() {
    let after = |count, seconds| samples(count, 300, State::Delivered, Some(seconds));
    assert_eq!(judge(&[after(5, 46)], true, false), Health::Slow);
    assert_eq!(judge(&[after(5, 45)], true, false), Health::Good);
    assert_eq!(judge(&[after(4, 100)], true, false), Health::Good, "too few");
    assert_eq!(judge(&[after(3, 100), after(2, 1)], true, false), Health::Slow);
    assert_eq!(judge(&[after(2, 100), after(3, 1)], true, false), Health::Good);
    assert_eq!(judge(&[after(5, 46)], false, false), Health::Good);
}

#[test]
fn a_route_is_stalled_whose_newest_messages_wait_unlike_the_earlier() {
    let early = |count| samples(count, 120, State::Delivered, Some(3));
    let stuck = |count| samples(count, 21, State::Accepted, None);
    assert_eq!(judge(&[early(5), stuck(3)], true, false), Health::Stalled);
    assert_eq!(judge(&[early(5), stuck(2)], true, false), Health::Good);
    assert_eq!(judge(&[early(4), stuck(3)], true, false), Health::Good);
    assert_eq!(judge(&[early(5), samples(3, 20, State::Accepted, None)], true, false), Health::Good);
    let young = samples(4, 5, State::Accepted, None);
    assert_eq!(judge(&[young, stuck(3), early(5)], true, false), Health::Stalled, "those to come do not hide it");
    let answered = samples(1, 10, State::Delivered, Some(1));
    assert_eq!(judge(&[early(5), stuck(3), answered], true, false), Health::Good, "a newer one arrived");
    let outage = samples(20, 90, State::Accepted, None);
    assert_eq!(judge(&[early(5), outage.clone()], true, false), Health::Stalled, "they are held, not lost");
    assert_eq!(judge(&[outage], true, false), Health::Sick);
    let never_quick = samples(5, 120, State::Delivered, Some(21));
    assert_eq!(judge(&[never_quick, stuck(3)], true, false), Health::Good);
}

#[test]
fn operators_are_told_of_each_share_once_as_the_cost_grows() {
    let told = |cost: Cost| {
        let spent = (1..1_000).map(|n| n * cost.per_message).take_while(|spent| *spent <= cost.day_max);
        spent.filter_map(|spent| cost.passed(spent).map(|percent| (spent, percent))).collect::<Vec<_>>()
    };
    assert_eq!(told(Cost { per_message: 10, day_max: 1_000 }), [(500, 50), (800, 80), (1_000, 100)]);
    assert_eq!(told(Cost { per_message: 30, day_max: 100 }), [(60, 50), (90, 100)], "a fourth would be too much");
    assert_eq!(told(Cost { per_message: 100, day_max: 100 }), [(100, 100)]);
    assert_eq!(told(Cost { per_message: 0, day_max: 100 }), []);
}

#[test]
fn what_failed_is_left_out_while_there_is_another() {
    let spared = |failed: &[&str]| {
        let failed: Vec<String> = failed.iter().map(|name| (*name).to_owned()).collect();
        spare(vec!["a", "b", "c"], |name| name, &failed)
    };
    assert_eq!(spared(&[]), ["a", "b", "c"]);
    assert_eq!(spared(&["b", "elsewhere"]), ["a", "c"]);
    assert_eq!(spared(&["a", "b", "c"]), ["a", "b", "c"]);
}
