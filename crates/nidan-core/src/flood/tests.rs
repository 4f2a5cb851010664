//! Every sign at its boundary, and who wins when several fit.

use super::*;

const BEGIN: i64 = 1_800_000_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_ms(BEGIN + seconds * 1000)
}

/// A stranger's sign-in that was left alone.
fn strange(sign_in: u32, seconds: i64) -> Request {
    Request {
        at: at(seconds),
        sign_in,
        press: false,
        password_right: true,
        api_key: None,
        network: sign_in,
        network_seen: false,
        program: 1,
        program_seen: false,
        device: None,
        device_known: false,
        tries: 0,
        completed: false,
        alive: false,
    }
}

fn machine(sign_in: u32, seconds: i64) -> Request {
    Request { network: 1, network_seen: true, program_seen: true, ..strange(sign_in, seconds) }
}

fn owner(sign_in: u32, seconds: i64) -> Request {
    Request { device: Some(1), device_known: true, ..machine(sign_in, seconds) }
}

fn press(sign_in: u32, seconds: i64) -> Request {
    Request { press: true, ..owner(sign_in, seconds) }
}

/// A message that arrived.
fn sent(sign_in: u32, n: u8) -> Sent {
    Sent { sign_in, challenge: sign_in, n, arrived: Arrived::Yes, overdue: false, deliveries: 1, instead: false }
}

fn judged(requests: &[Request], messages: &[Sent]) -> Verdict {
    verdict(&Facts { requests, messages, entries: &[], two_step_since: Some(at(0)), series_began: None })
}

fn name(requests: &[Request], messages: &[Sent]) -> &'static str {
    judged(requests, messages).name()
}

#[test]
fn a_quiet_day_has_no_verdict() {
    assert_eq!(judged(&[], &[]), Verdict::None);
    let done = Request { completed: true, tries: 1, ..owner(1, 0) };
    assert_eq!(name(&[done, Request { sign_in: 2, at: at(600), ..done }], &[sent(1, 1), sent(2, 1)]), "none");
    let two_left = [strange(1, 0), strange(2, 700)];
    assert_eq!(name(&two_left, &[sent(1, 1), sent(2, 1)]), "none", "two are no flood");
}

#[test]
fn our_own_faults_are_told_by_counts() {
    let one = [owner(1, 0)];
    let doubled = Verdict::OwnBug { messages: 2, wanted: 1, retries: 0 };
    assert_eq!(judged(&one, &[sent(1, 1), sent(1, 2)]), doubled, "nobody pressed");
    assert_eq!(name(&[owner(1, 0), press(1, 30)], &[sent(1, 1), sent(1, 2)]), "none", "somebody did");
    assert_eq!(judged(&one, &[sent(1, 1), sent(1, 1)]), doubled, "one message twice");
    let twice = [owner(1, 0), press(1, 30)];
    assert_eq!(name(&twice, &[sent(1, 1), sent(1, 1)]), "own_bug", "twice, however often somebody pressed");
    assert_eq!(judged(&one, &[Sent { deliveries: 2, ..sent(1, 1) }]), doubled, "delivered twice");
    let in_its_place =
        [Sent { arrived: Arrived::No, deliveries: 0, ..sent(1, 1) }, Sent { instead: true, ..sent(1, 2) }];
    assert_eq!(name(&one, &in_its_place), "none", "in place of one that did not arrive");
}

#[test]
fn a_sites_retry_loop_is_no_thief() {
    let call = |sign_in, ms| Request {
        api_key: Some(1),
        device: Some(1),
        at: Timestamp::from_ms(BEGIN + ms),
        ..machine(sign_in, 0)
    };
    let retried = |other: Request| name(&[call(1, 0), other], &[]) == "own_bug";
    assert!(retried(call(2, 1999)));
    assert!(!retried(call(2, 2000)));
    for other in [
        Request { network: 2, ..call(2, 1000) },
        Request { program: 2, ..call(2, 1000) },
        Request { device: Some(2), ..call(2, 1000) },
        Request { api_key: Some(2), ..call(2, 1000) },
        Request { api_key: None, ..call(2, 1000) },
        Request { press: true, ..call(2, 1000) },
    ] {
        assert!(!retried(other), "{other:?}");
    }
    // That all requests come through one key says nothing, nor that a stranger repeats himself.
    let unseen = |sign_in, ms| Request { network_seen: false, ..call(sign_in, ms) };
    assert_eq!(name(&[unseen(1, 0), unseen(2, 100)], &[]), "none");
    let loop_of_ten: Vec<Request> = (0..10).map(|n| call(n, i64::from(n) * 500)).collect();
    assert_eq!(judged(&loop_of_ten, &[sent(0, 1)]), Verdict::OwnBug { messages: 1, wanted: 1, retries: 9 });
}

#[test]
fn three_strange_sign_ins_are_somebody_with_the_password() {
    let attempts = [strange(1, 0), strange(2, 1000), strange(3, 5000)];
    let messages = [sent(1, 1), sent(2, 1), sent(3, 1)];
    let known = Verdict::PasswordKnown { attempts: 3, networks: 3, arrived: 3, since: at(0) };
    assert_eq!(judged(&attempts, &messages), known);
    assert_eq!(name(&attempts[..2], &messages), "none");
    assert_eq!(name(&attempts, &messages[..2]), "password_known");
    assert_eq!(name(&attempts, &messages[..1]), "cannot_tell", "too few arrived");
    let changed = |request: Request| name(&[attempts[0], attempts[1], request], &messages);
    for (request, verdict) in [
        (Request { tries: 5, ..attempts[2] }, "password_known"),
        (Request { alive: true, ..attempts[2] }, "none"),
        (Request { completed: true, ..attempts[2] }, "none"),
        (Request { password_right: false, ..attempts[2] }, "none"),
        (Request { device_known: true, ..attempts[2] }, "none"),
        (Request { network_seen: true, ..attempts[2] }, "cannot_tell"),
        (Request { sign_in: 2, ..attempts[2] }, "cannot_tell"),
    ] {
        assert_eq!(changed(request), verdict, "{request:?}");
    }
}

#[test]
fn one_who_presses_and_presses_is_the_owner() {
    let presses = |gap: i64| [owner(1, 0), press(1, 10), press(1, 10 + gap), press(1, 10 + 2 * gap)];
    assert_eq!(judged(&presses(59), &[sent(1, 1)]), Verdict::ImpatientOwner { presses: 3 });
    assert_eq!(name(&presses(60), &[sent(1, 1)]), "none");
    assert_eq!(name(&presses(59)[..3], &[sent(1, 1)]), "none");
    let strangers =
        presses(18).map(|request| Request { device_known: false, network_seen: false, alive: true, ..request });
    assert_eq!(name(&strangers, &[sent(1, 1)]), "none");
    let mut two_sign_ins = presses(18);
    two_sign_ins[3].sign_in = 2;
    assert_eq!(name(&two_sign_ins, &[sent(1, 1)]), "none");
}

#[test]
fn what_is_regular_and_known_and_began_with_two_steps_is_a_machine() {
    let series = |gaps: &[i64], first: i64| {
        let mut time = first;
        let mut requests = vec![machine(0, time)];
        for (n, gap) in gaps.iter().enumerate() {
            time += gap;
            requests.push(machine(n as u32 + 1, time));
        }
        requests
    };
    let messages = [sent(0, 1), sent(1, 1), sent(2, 1)];
    let found = Verdict::OwnMachine { attempts: 4, every: Span::seconds(420), since: at(180) };
    assert_eq!(judged(&series(&[420, 415, 425], 180), &messages), found);
    for (gaps, first, verdict) in [
        (&[420, 420][..], 3600, "own_machine"),
        (&[420, 420], 3601, "cannot_tell"),
        (&[420], 180, "none"),
        // Standard deviation over mean: 0.29 and 0.31.
        (&[710, 1290], 180, "own_machine"),
        (&[690, 1310], 180, "cannot_tell"),
    ] {
        assert_eq!(name(&series(gaps, first), &messages), verdict, "{gaps:?} {first}");
    }
    let mut typed = series(&[420, 420], 180);
    typed[1].tries = 1;
    assert_eq!(name(&typed, &messages), "cannot_tell");
    let mut other_program = series(&[420, 420], 180);
    other_program[1].program_seen = false;
    assert_eq!(name(&other_program, &messages), "cannot_tell");
    // On the second day, too, it is known when it began.
    let requests = series(&[420, 420], 2 * 86_400);
    let facts = |series_began| Facts {
        requests: &requests,
        messages: &[],
        entries: &[],
        two_step_since: Some(at(0)),
        series_began,
    };
    assert_eq!(verdict(&facts(Some(at(180)))).name(), "own_machine");
    assert_eq!(verdict(&facts(None)).name(), "cannot_tell");
    assert_eq!(verdict(&Facts { two_step_since: None, ..facts(Some(at(180))) }).name(), "cannot_tell");
}

#[test]
fn messages_that_do_not_arrive_are_the_trouble_itself() {
    let lost = |n| Sent { arrived: Arrived::No, deliveries: 0, ..sent(1, n) };
    let silent = |n| Sent { arrived: Arrived::NotKnown, overdue: true, deliveries: 0, ..sent(1, n) };
    let pressed = [owner(1, 0), press(1, 30), press(1, 95)];
    assert_eq!(judged(&pressed, &[lost(1), silent(2), lost(3)]), Verdict::NotArriving { lost: 3 });
    assert_eq!(name(&pressed, &[lost(1), silent(2)]), "not_arriving");
    assert_eq!(name(&pressed, &[lost(1), sent(1, 2)]), "none");
    assert_eq!(name(&pressed, &[sent(1, 1), silent(2), silent(3)]), "none", "late, not lost: one of them arrived");
    assert_eq!(name(&pressed, &[sent(1, 1), lost(2), lost(3)]), "not_arriving", "by the carrier's word");
    assert_eq!(name(&pressed, &[lost(1), Sent { overdue: false, ..silent(2) }]), "none");
    let typed = pressed.map(|request| Request { tries: 1, ..request });
    assert_eq!(name(&typed, &[lost(1), lost(2)]), "none", "something was typed, so one arrived");
}

#[test]
fn our_faults_and_lost_messages_win_and_of_the_others_two_cannot_be_told_apart() {
    let thief: Vec<Request> = (1..=3).map(|n| strange(n, i64::from(n) * 1000)).collect();
    let machines: Vec<Request> = (11..=14).map(|n| machine(n, 60 + i64::from(n - 10) * 420)).collect();
    let mut both = [thief.clone(), machines].concat();
    both.sort_by_key(|request| request.at);
    let arrived: Vec<Sent> = (1..=3).map(|n| sent(n, 1)).collect();
    assert_eq!(judged(&both, &arrived), Verdict::CannotTell { attempts: 7 });
    let lost = |n| Sent { arrived: Arrived::No, deliveries: 0, ..sent(n, 1) };
    assert_eq!(name(&both, &[&arrived[..], &[lost(11), lost(12)]].concat()), "not_arriving");
    assert_eq!(name(&both, &[&arrived[..], &[lost(11), lost(11)]].concat()), "own_bug");
    let presses = [owner(20, 0), press(20, 10), press(20, 20), press(20, 30)];
    let with_presses = [&presses[..], &thief].concat();
    assert_eq!(judged(&with_presses, &arrived), Verdict::CannotTell { attempts: 3 });
}

#[test]
fn did_anybody_get_in() {
    let entry = |days: i64, device_known, network_seen| Entry { at: at(days * 86_400), device_known, network_seen };
    let of = |entries: &[Entry]| {
        got_in(&Facts { requests: &[], messages: &[], entries, two_step_since: None, series_began: None })
    };
    assert_eq!(of(&[]), GotIn::Nobody);
    let known = [entry(1, true, true), entry(2, true, false), entry(3, false, true)];
    assert_eq!(of(&known), GotIn::OnlyKnown { sign_ins: 3 });
    let new = [known[0], entry(5, false, false), entry(4, false, false)];
    assert_eq!(of(&new), GotIn::NewDevice { sign_ins: 2, last: at(5 * 86_400) });
}

#[test]
fn pumping_is_many_numbers_and_few_confirmed() {
    for (numbers, completed, block, hour) in [
        (19, 0, false, false),
        (20, 0, true, false),
        (20, 4, true, false),
        (20, 5, false, false),
        (49, 0, true, false),
        (50, 12, true, true),
        (50, 13, false, false),
        (10_000, 2499, true, true),
        (10_000, 2500, false, false),
    ] {
        let setups = Setups { numbers, completed, cost: 0, avoided: 0 };
        assert_eq!((is_pumping(&setups, true), is_pumping(&setups, false)), (block, hour), "{numbers} {completed}");
    }
}

#[test]
fn a_series_goes_back_until_a_day_without_an_attempt() {
    const HOUR: i64 = 3600;
    let began = |hours: &[i64]| {
        let times: Vec<Timestamp> = hours.iter().map(|hours| at(-hours * HOUR)).collect();
        series_began(&times, at(0))
    };
    assert_eq!(began(&[]), None);
    assert_eq!(began(&[3, 2, 1]), None, "all of them today");
    assert_eq!(began(&[30, 20, 1]), Some(at(-30 * HOUR)));
    assert_eq!(began(&[60, 30, 20, 1]), Some(at(-30 * HOUR)), "a day without one");
    assert_eq!(began(&[53, 30, 20, 1]), Some(at(-53 * HOUR)));
    assert_eq!(began(&[30, 25]), None, "it is over");
}
