//! What is too large to be played through a store in every run, played with the rules alone, under a virtual clock: each scenario
//! is a loop over the real rules with a seeded chance, and its bounds are what is promised
//! (docs/decisions/0018-the-starting-values-hold.md). The others run through the server: `crates/nidan/tests/scenarios`. A failure
//! names its seed.

#![expect(clippy::print_stdout, reason = "with --nocapture the figures are shown, each beside its bound")]

mod world;

use nidan_core::budget::Suppressed;
use nidan_core::flood::{self, Setups};
use nidan_core::time::{Span, Timestamp};
use world::{Asks, BEGIN, Chance, Owner, World, network, phone};

fn minutes(count: i64) -> Timestamp {
    BEGIN.plus(Span::minutes(count))
}

/// So many moments within a stretch, in order.
fn moments(chance: &mut Chance, count: usize, within: Span) -> Vec<Timestamp> {
    let mut moments: Vec<Timestamp> = (0..count).map(|_| BEGIN.plus(Span::ms(chance.below(within.as_ms())))).collect();
    moments.sort_unstable();
    moments
}

/// D7: 10,000 setups in three hours from 200 networks, at `blocks` blocks of numbers, among them 60 honest ones.
fn pumping(seed: u64, blocks: i64, opened: bool) -> (usize, usize, Option<Span>) {
    let (mut world, mut chance) = (World::default(), Chance(seed));
    let honest: Vec<Timestamp> = moments(&mut chance, 60, Span::minutes(180));
    let mut events: Vec<(Timestamp, Option<usize>)> =
        moments(&mut chance, 10_000, Span::minutes(180)).into_iter().map(|at| (at, None)).collect();
    events.extend(honest.into_iter().enumerate().map(|(which, at)| (at, Some(which))));
    events.sort_unstable();
    let (mut pumped, mut finished, mut seen) = (0, 0, None);
    // What the operator looks at: numbers asked for in the last hour, whether a message went or not.
    let (mut asked, mut confirmed) = (0_u32, 0_u32);
    for (n, (at, who)) in events.into_iter().enumerate() {
        asked += 1;
        if let Some(which) = who {
            let number = phone(90_000_000 + which as i64 * 10_000 + 77);
            let setup = world.setup((n as u32, true), &number, network(200 + (which % 50) as u8), at);
            if let Ok(taken) = setup {
                world.complete(taken, at.plus(Span::seconds(90)));
                finished += 1;
                confirmed += 1;
            }
        } else {
            let number = phone(10_000_000 + chance.below(blocks) * 10_000 + chance.below(10_000));
            let from = network(chance.below(200) as u8);
            let to = opened.then_some(number);
            pumped += usize::from(to.is_some_and(|number| world.setup((n as u32, false), &number, from, at).is_ok()));
        }
        let setups = Setups { numbers: asked, completed: confirmed, cost: 0, avoided: 0 };
        if seen.is_none() && flood::is_pumping(&setups, false) {
            seen = Some(at.since(BEGIN));
        }
    }
    (pumped, finished, seen)
}

#[test]
fn d7_pumping_is_not_paid() {
    for seed in 0..3 {
        for (blocks, opened, most) in [(500, false, 0), (1, true, 20), (500, true, 200)] {
            let (pumped, finished, seen) = pumping(seed, blocks, opened);
            assert!(pumped <= most, "seed {seed}, {blocks} blocks: {pumped} messages");
            assert!(finished * 100 >= 60 * 95, "seed {seed}, {blocks} blocks: {finished} of 60 honest ones");
            assert!(seen.is_some_and(|after| after <= Span::minutes(5)), "seed {seed}: {seen:?}");
            println!(
                "D7: {blocks} blocks, opened {opened}: {pumped} messages pumped ({most}), {finished} of 60 honest ones"
            );
        }
    }
}

/// D12: 2,000 honest accounts, 40 sign-ins each in 30 days; three in ten on a new device, one in ten is given up.
fn honest_month(seed: u64) -> (usize, usize) {
    const ACCOUNTS: u32 = 2_000;
    let (mut world, mut chance) = (World::default(), Chance(seed));
    let (mut refused, mut closed) = (0, 0);
    for account in 0..ACCOUNTS {
        let mut owner = Owner::new(account);
        let mut times: Vec<Timestamp> = (0..40)
            .map(|_| BEGIN.plus(Span::days(chance.below(30))).plus(Span::ms(chance.below(17 * 3_600_000))))
            .collect();
        times.sort_unstable();
        for at in times {
            let asks = if chance.below(10) < 3 { Asks::stranger() } else { Asks::owner() };
            let Ok(sign_in) = owner.sign_in(&mut world, asks, at) else {
                refused += 1;
                continue;
            };
            let gives_up = chance.below(10) == 0;
            if !asks.known && chance.below(20) == 0 {
                owner.guess_wrong(at);
            }
            if !gives_up && (asks.known || owner.guess_right(at)) {
                owner.complete(&mut world, sign_in, at.plus(Span::seconds(40)));
            }
            owner.look_at_codes_that_died(at.plus(Span::minutes(11)));
        }
        closed += usize::from(owner.is_closed());
        world.forget();
    }
    (refused, closed)
}

#[test]
fn d12_honest_owners_are_left_alone() {
    // Of 2,000 accounts one or two are closed in a month; two months say little about the share.
    const MONTHS: u64 = 5;
    let (refused, closed) = (0..MONTHS).map(honest_month).fold((0, 0), |sum, month| (sum.0 + month.0, sum.1 + month.1));
    println!(
        "D12: {refused} of {} sign-ins refused (0.05 %), {closed} of {} accounts closed (0.1 %)",
        80_000 * MONTHS,
        2_000 * MONTHS
    );
    assert!(refused as f64 <= 80_000.0 * MONTHS as f64 * 0.000_5, "{refused} refused");
    assert!(closed as f64 <= 2_000.0 * MONTHS as f64 * 0.001, "{closed} closed");
}

/// What is refused is refused by name, and the first to refuse is the one that says so.
#[test]
fn refusals_say_why() {
    let (mut world, mut owner) = (World::default(), Owner::new(1));
    for n in 0..3 {
        assert!(owner.sign_in(&mut world, Asks::stranger(), minutes(n)).is_ok());
    }
    let refused =
        |owner: &mut Owner, world: &mut World, minute| owner.sign_in(world, Asks::stranger(), minutes(minute)).err();
    assert_eq!(refused(&mut owner, &mut world, 4), Some(Suppressed::SignInsUnderWay));
    assert_eq!(refused(&mut owner, &mut world, 12), Some(Suppressed::PasswordKnown));
    // An hour later, since the stranger's three count for the number, too.
    for _ in 0..6 {
        assert!(owner.sign_in(&mut world, Asks::owner(), minutes(100)).is_ok());
    }
    assert_eq!(owner.sign_in(&mut world, Asks::owner(), minutes(100)).err(), Some(Suppressed::KnownDeviceFull));
    let (mut other, released) = (Owner::new(2), Asks { released: true, ..Asks::stranger() });
    for _ in 0..3 {
        assert!(other.sign_in(&mut world, released, minutes(0)).is_ok());
    }
    assert_eq!(other.sign_in(&mut world, released, minutes(0)).err(), Some(Suppressed::ReleasesFull));
    let mut housemates: Vec<Owner> = (3..6).map(Owner::new).collect();
    let shared = housemates[0].number.clone();
    let mut refused = Vec::new();
    for mate in &mut housemates {
        mate.number = shared.clone();
        refused.extend((0..3).filter_map(|n| mate.sign_in(&mut world, Asks::stranger(), minutes(n)).err()));
    }
    assert_eq!(refused, [Suppressed::NumberFull; 3], "six an hour for a number's strangers");
}
