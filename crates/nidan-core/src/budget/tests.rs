//! Which budgets each lane has to pass, with caps and keys; and that what a stranger can use up is not the owner's.

use super::*;
use std::collections::BTreeSet;

const ACCOUNT: AccountId = AccountId::from_bytes([1; 16]);

fn number(typed: &str) -> PhoneNumber {
    PhoneNumber::parse(typed, "JP").unwrap_or_else(|_| panic!("{typed} is a number"))
}

fn network(address: &str) -> ClientNetwork {
    ClientNetwork::of(address.parse().expect("an address"))
}

fn wanted(lane: Lane, number: &PhoneNumber) -> Wanted<'_> {
    Wanted {
        lane,
        account: ACCOUNT,
        to: To::Number { number, country: Some("+81") },
        network: network("192.0.2.1"),
        first: true,
        released: false,
        setup: SetupFacts::default(),
    }
}

fn of(wanted: Wanted<'_>) -> Vec<Budget> {
    budgets(&wanted, &Policy::default()).unwrap_or_else(|reason| panic!("{reason:?}"))
}

fn kinds(wanted: Wanted<'_>) -> Vec<Kind> {
    of(wanted).iter().map(|budget| budget.kind).collect()
}

fn rule(wanted: Wanted<'_>, kind: Kind) -> Rule {
    of(wanted).into_iter().find(|budget| budget.kind == kind).expect("it has this budget").rule
}

#[test]
fn each_lane_passes_its_budgets_in_order() {
    let phone = number("090-1234-5678");
    let every_number = [Kind::NumberHour, Kind::NumberDay, Kind::NumberCeiling];
    let expect = |wanted: Wanted<'_>, own: &[Kind], rest: &[Kind]| {
        assert_eq!(kinds(wanted), [own, &every_number, rest, &[Kind::CountryDay]].concat());
    };
    expect(wanted(Lane::K, &phone), &[Kind::KnownHour, Kind::KnownDay], &[]);
    let lane_u = [Kind::PasswordBurst, Kind::PasswordDay, Kind::SourceAccount, Kind::SourceHour];
    expect(wanted(Lane::U, &phone), &lane_u, &[]);
    expect(Wanted { first: false, ..wanted(Lane::U, &phone) }, &lane_u[..2], &[]);
    expect(Wanted { released: true, ..wanted(Lane::U, &phone) }, &[Kind::ReleaseDay], &[]);
    let own = [Kind::SetupNumberDay, Kind::SetupNewNumber, Kind::SetupAccountDay];
    let crowd = [Kind::Block, Kind::SetupNetworkHour, Kind::SetupHour];
    let setup = wanted(Lane::S, &phone);
    expect(setup, &[], &[own, crowd].concat());
    expect(Wanted { first: false, ..setup }, &[], &[&own[..], &[Kind::SetupHour]].concat());
    let campaign = SetupFacts { old_campaign: true, ..SetupFacts::default() };
    expect(Wanted { setup: campaign, ..setup }, &[], &[&own[..], &[Kind::Block]].concat());
    let address = EmailAddress::parse("taro@example.jp").unwrap_or_else(|_| panic!("an address"));
    let mail = [Kind::MailAccountHour, Kind::MailAccountDay, Kind::MailAddressHour, Kind::MailAddressDay];
    for lane in Lane::ALL {
        assert_eq!(kinds(Wanted { lane, to: To::Address(&address), ..setup }), mail);
    }
}

#[test]
fn what_no_counter_is_asked_about() {
    let phone = number("090-1234-5678");
    let refused = |wanted: Wanted<'_>| budgets(&wanted, &Policy::default()).err();
    assert_eq!(refused(wanted(Lane::R, &phone)), Some(Suppressed::NothingProven));
    let closed = To::Number { number: &phone, country: None };
    for lane in [Lane::K, Lane::U, Lane::S] {
        assert_eq!(refused(Wanted { to: closed, ..wanted(lane, &phone) }), Some(Suppressed::CountryClosed));
        assert_eq!(refused(wanted(lane, &phone)), None);
    }
}

#[test]
fn known_devices_have_more_of_a_number_than_everybody_else() {
    let phone = number("090-1234-5678");
    for (kind, known, others, window) in
        [(Kind::NumberHour, 8, 6, HOUR), (Kind::NumberDay, 15, 11, DAY), (Kind::NumberCeiling, 30, 20, DAY)]
    {
        for (lane, cap) in [(Lane::K, known), (Lane::U, others), (Lane::S, others)] {
            assert_eq!(rule(wanted(lane, &phone), kind), Rule::Rolling { cap, window }, "{kind:?} {lane:?}");
        }
    }
}

#[test]
fn the_hours_setups_grow_with_the_usual_and_half_is_kept_for_old_accounts() {
    let phone = number("090-1234-5678");
    for (usual_this_hour, old_account, cap) in
        [(0, false, 30), (0, true, 60), (20, true, 60), (21, true, 63), (21, false, 31), (1000, true, 3000)]
    {
        let setup = SetupFacts { old_account, usual_this_hour, ..SetupFacts::default() };
        let wanted = Wanted { setup, ..wanted(Lane::S, &phone) };
        assert_eq!(rule(wanted, Kind::SetupHour), Rule::Window { cap, window: HOUR });
    }
}

/// Counters of other lanes, accounts, numbers, blocks and networks are other rows, and those of the same are the same.
#[test]
fn keys_tell_apart_what_counts_apart() {
    let (one, near, far) = (number("090-1234-5678"), number("090-1234-0000"), number("090-1235-5678"));
    let key = |wanted: Wanted<'_>, kind: Kind| {
        let budgets = of(wanted);
        let budget = budgets.iter().find(|budget| budget.kind == kind).expect("it has this budget");
        budget.key_material().expose().clone()
    };
    let setup = |number| wanted(Lane::S, number);
    assert_eq!(key(setup(&one), Kind::Block), key(setup(&near), Kind::Block));
    assert_ne!(key(setup(&one), Kind::Block), key(setup(&far), Kind::Block));
    assert_ne!(key(setup(&one), Kind::NumberDay), key(setup(&near), Kind::NumberDay));
    assert_eq!(key(setup(&one), Kind::NumberDay), key(wanted(Lane::K, &one), Kind::NumberDay));
    let other = Wanted { account: AccountId::from_bytes([2; 16]), ..setup(&one) };
    assert_ne!(key(setup(&one), Kind::SetupAccountDay), key(other, Kind::SetupAccountDay));
    assert_eq!(key(setup(&one), Kind::SetupNumberDay), key(other, Kind::SetupNumberDay));
    let neighbour = Wanted { network: network("192.0.2.99"), ..setup(&one) };
    assert_eq!(key(setup(&one), Kind::SetupNetworkHour), key(neighbour, Kind::SetupNetworkHour));
    let password = |address| Wanted { network: network(address), ..wanted(Lane::U, &one) };
    assert_ne!(key(password("192.0.2.1"), Kind::SourceHour), key(password("192.0.2.99"), Kind::SourceHour));
    let all = [of(setup(&one)), of(wanted(Lane::K, &one)), of(wanted(Lane::U, &one))].concat();
    let kinds: BTreeSet<Kind> = all.iter().map(|budget| budget.kind).collect();
    let keys: BTreeSet<Vec<u8>> = all.iter().map(|budget| budget.key_material().expose().clone()).collect();
    assert_eq!(keys.len(), kinds.len(), "one row for each kind, whichever lane");
}

#[test]
fn completion_refunds_the_unanswered_and_leaves_ceilings() {
    let phone = number("090-1234-5678");
    let staying = |lane| {
        let budgets = of(wanted(lane, &phone));
        budgets.iter().filter(|budget| budget.stays).map(|budget| budget.kind).collect::<Vec<_>>()
    };
    assert_eq!(staying(Lane::K), [Kind::NumberCeiling, Kind::CountryDay]);
    assert_eq!(staying(Lane::U), [Kind::SourceAccount, Kind::NumberCeiling, Kind::CountryDay]);
    let setup = [Kind::NumberCeiling, Kind::SetupNewNumber, Kind::SetupAccountDay, Kind::SetupHour, Kind::CountryDay];
    assert_eq!(staying(Lane::S), setup);
}

/// 20 of five accounts: one alone never counts for more than its part.
#[test]
fn a_source_needs_several_accounts() {
    let phone = number("090-1234-5678");
    let each = rule(wanted(Lane::U, &phone), Kind::SourceAccount);
    assert_eq!(each, Rule::Rolling { cap: 4, window: HOUR });
    let policy = Policy { source_hour_max: 3, source_accounts_min: 5, ..Policy::default() };
    let few = budgets(&wanted(Lane::U, &phone), &policy).unwrap_or_else(|reason| panic!("{reason:?}"));
    assert_eq!(few[2].rule, Rule::Rolling { cap: 1, window: HOUR });
}

#[test]
fn money_is_kept_for_sign_ins() {
    let policy = Policy::default();
    for kind in MessageKind::ALL {
        let setup = matches!(kind, MessageKind::SetupCode | MessageKind::ConfirmEmailCode | MessageKind::AddressInUse);
        assert_eq!(money_cap(kind, 1001, &policy), if setup { 501 } else { 1001 }, "{kind:?}");
    }
}

#[test]
fn passwords_are_counted_by_name_and_source_and_devices_apart() {
    let policy = Policy::default();
    let kinds =
        |device| of_password(b"taro", network("192.0.2.1"), device, &policy).iter().map(|b| b.kind).collect::<Vec<_>>();
    let stage = [Kind::PasswordsHour, Kind::PasswordsDay, Kind::PasswordsMonth];
    assert_eq!(kinds(None), [&stage[..], &[Kind::PasswordsSourceAccount, Kind::PasswordsSource]].concat());
    assert_eq!(kinds(Some(DeviceId::from_bytes([7; 16]))), stage);
    let key = |name: &[u8], device| {
        of_password(name, network("192.0.2.1"), device, &policy)[0].key_material().expose().clone()
    };
    let device = |byte| Some(DeviceId::from_bytes([byte; 16]));
    assert_ne!(key(b"taro", None), key(b"jiro", None));
    assert_ne!(key(b"taro", None), key(b"taro", device(7)));
    assert_ne!(key(b"taro", device(8)), key(b"taro", device(7)));
    assert_ne!(key(&[7; 16], None), key(b"taro", device(7)), "no name is a device's key");
    for (place, cap) in [10, 30, 100].into_iter().enumerate() {
        let budget = &of_password(b"taro", network("192.0.2.1"), None, &policy)[place];
        assert!(matches!(budget.rule, Rule::Rolling { cap: this, .. } if this == cap));
    }
}

#[test]
fn a_message_passes_all_of_its_budgets_or_none() {
    let until = Timestamp::from_ms(7);
    let kinds = |budgets: &[Budget]| budgets.iter().map(|budget| budget.kind).collect::<Vec<_>>();
    let phone = number("090-1234-5678");
    let all = of(wanted(Lane::U, &phone));
    // Each budget in turn refuses: those before it are given back, and nobody behind it is asked.
    for refuses in 0..all.len() {
        let mut passage = Passage::new(all.clone());
        let mut taken = Vec::new();
        let refusal = loop {
            let Some(budget) = passage.next() else { break None };
            let kind = budget.kind;
            if kind == all[refuses].kind {
                match passage.refused(until) {
                    Err(refusal) => break Some(refusal),
                    Ok(()) => continue,
                }
            }
            taken.push(kind);
            passage.taken();
        };
        match (all[refuses].gate, refusal) {
            (Gate::Refuse(reason), Some(refusal)) => {
                assert_eq!((refusal.reason, refusal.until), (reason, until));
                assert_eq!(kinds(&refusal.give_back), kinds(&all[..refuses]));
            }
            (Gate::OncePer, None) => {
                let passed: Vec<Kind> = kinds(&all)
                    .into_iter()
                    .filter(|kind| !matches!(kind, Kind::SourceAccount | Kind::SourceHour))
                    .collect();
                assert_eq!(taken, passed, "the one after it is passed over");
                let complete: Vec<Budget> = passage.to_complete().collect();
                assert_eq!(
                    kinds(&complete),
                    [Kind::PasswordBurst, Kind::PasswordDay, Kind::NumberHour, Kind::NumberDay]
                );
            }
            (gate, _) => panic!("{gate:?}"),
        }
    }
}

#[test]
fn reasons_are_named_and_never_the_end() {
    for (place, (reason, name, ways)) in REASONS.into_iter().enumerate() {
        assert_eq!(reason as usize, place, "{name}");
        assert_eq!((reason.name(), Suppressed::from_name(name)), (name, Some(reason)));
        assert!(!ways.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
        assert_eq!(reason.still_possible(), ways);
    }
    assert_eq!(Suppressed::from_name("full"), None);
}

#[test]
fn the_median_is_the_middle() {
    for (counts, middle) in [(&[][..], 0), (&[7], 7), (&[9, 1], 1), (&[5, 1, 9], 5), (&[4, 1, 3, 2], 2)] {
        assert_eq!(median(counts), middle, "{counts:?}");
    }
}
