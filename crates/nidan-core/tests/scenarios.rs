//! What owners, thieves, programs and pumping fraudsters do to the rules, under a virtual clock: each scenario is a loop over the
//! real rules with a seeded chance, and its bounds are what is promised. This is what the starting values of the policy
//! rest on (docs/decisions/0018-the-starting-values-hold.md). A failure names its seed.

#![expect(clippy::print_stdout, reason = "with --nocapture the figures are shown, each beside its bound")]

mod world;

use nidan_core::budget::Suppressed;
use nidan_core::ceremony::{Challenge, Newest, Resend};
use nidan_core::code::Digits;
use nidan_core::flood::{self, Setups, Verdict};
use nidan_core::lane::Lane;
use nidan_core::ledger::State;
use nidan_core::message::Channel;
use nidan_core::password_known::Notice;
use nidan_core::time::{Span, Timestamp};
use world::{Asks, BEGIN, Chance, Owner, World, network, phone};

const SEEDS: u64 = 20;

fn minutes(count: i64) -> Timestamp {
    BEGIN.plus(Span::minutes(count))
}

/// So many moments within a stretch, in order.
fn moments(chance: &mut Chance, count: usize, within: Span) -> Vec<Timestamp> {
    let mut moments: Vec<Timestamp> = (0..count).map(|_| BEGIN.plus(Span::ms(chance.below(within.as_ms())))).collect();
    moments.sort_unstable();
    moments
}

/// D1 and D16: the right password from strange networks, 100 times in 12 hours, and codes guessed or not. The owner signs in
/// 24 times meanwhile. Messages to the stranger, his evaluated guesses, minutes until the card says it.
fn somebody_has_the_password(seed: u64, guesses: u8) -> [i64; 3] {
    let (mut world, mut chance) = (World::default(), Chance(seed));
    let mut owner = Owner::new(1);
    let mut events: Vec<(Timestamp, bool)> =
        moments(&mut chance, 100, Span::minutes(720)).into_iter().map(|at| (at, true)).collect();
    events.extend(moments(&mut chance, 24, Span::minutes(720)).into_iter().map(|at| (at, false)));
    events.sort_unstable();
    let (mut evaluated, mut owner_in, mut third, mut told_after) = (0, 0, None, None);
    let mut strange = 0;
    for (at, stranger) in events {
        if stranger {
            strange += 1;
            if strange == 3 {
                third = Some(at);
            }
            let asks = Asks { from: chance.below(40) as u8, ..Asks::stranger() };
            if owner.sign_in(&mut world, asks, at).is_ok() {
                evaluated += (0..guesses).filter(|_| owner.guess_wrong(at)).count();
            }
        } else if let Ok(sign_in) = owner.sign_in(&mut world, Asks::owner(), at) {
            owner.complete(&mut world, sign_in, at.plus(Span::seconds(20)));
            owner_in += 1;
        }
        owner.write_notices(at);
    }
    for minute in 0..48 * 60 {
        owner.write_notices(minutes(minute));
        if told_after.is_none() && matches!(owner.verdict(minutes(minute)), Verdict::PasswordKnown { .. }) {
            told_after = Some(minutes(minute));
        }
    }
    assert!(owner.messages(Lane::U) <= 3, "seed {seed}: {} to the stranger", owner.messages(Lane::U));
    assert_eq!(owner_in, 24, "seed {seed}: the owner was refused");
    assert_eq!(owner.notices.iter().filter(|notice| **notice == Notice::Alert).count(), 1, "seed {seed}");
    assert!(owner.notices.len() <= 2, "seed {seed}: {:?}", owner.notices);
    assert!(evaluated <= 15, "seed {seed}: {evaluated} guesses");
    let wait = told_after.zip(third).map(|(told, third)| told.since(third));
    let wait = wait.unwrap_or_else(|| panic!("seed {seed}: no verdict"));
    assert!(wait <= Span::minutes(40), "seed {seed}: {wait}");
    [owner.messages(Lane::U) as i64, evaluated as i64, wait.as_seconds_up() / 60]
}

/// The greatest of each figure over all seeds.
fn worst<const N: usize>(figures: impl Iterator<Item = [i64; N]>) -> [i64; N] {
    figures.fold([i64::MIN; N], |worst, one| std::array::from_fn(|place| worst[place].max(one[place])))
}

#[test]
fn d1_a_stranger_with_the_password_gets_three_messages() {
    let [messages, _, minutes] = worst((0..SEEDS).map(|seed| somebody_has_the_password(seed, 0)));
    println!("D1: {messages} messages to the stranger (3), told after {minutes} min (40), owner 24 of 24");
}

#[test]
fn d16_wrong_codes_do_not_keep_the_lane_open() {
    let [messages, guesses, minutes] = worst((0..SEEDS).map(|seed| somebody_has_the_password(seed, 1)));
    println!("D16: {messages} messages to the stranger (3), {guesses} guesses (15), told after {minutes} min (40)");
}

/// D2: ten presses in three minutes, and the message is 150 s late.
#[test]
fn d2_an_impatient_owner_gets_three_messages_with_one_code() {
    let (mut world, mut owner) = (World::default(), Owner::new(1));
    let sign_in = owner.sign_in(&mut world, Asks::owner(), BEGIN).expect("the first");
    let mut challenge = Challenge::open(Digits::Six, BEGIN, &world.policy);
    let late = Newest { state: State::Accepted, channel: Channel::Sms, stalled: false };
    for press in 1..=10 {
        let at = BEGIN.plus(Span::seconds(18 * press));
        owner.press(sign_in, at);
        if let Resend::Send { n } = challenge.resend(&late, at, &world.policy)
            && owner.another(&mut world, sign_in, n, at).is_ok()
        {
            challenge = Challenge { sent: n, last_sent_at: at, ..challenge };
        }
    }
    assert_eq!(owner.messages(Lane::K), 3);
    assert_eq!(owner.verdict(BEGIN.plus(Span::seconds(181))), Verdict::ImpatientOwner { presses: 10 });
    assert!(challenge.is_alive(BEGIN.plus(Span::seconds(150 + 180))), "one code, good for each of them");
    owner.complete(&mut world, sign_in, BEGIN.plus(Span::seconds(200)));
    owner.write_notices(BEGIN.plus(Span::minutes(60)));
    assert_eq!(owner.notices, []);
    // Whatever he asked for is as if it had not been.
    for n in 0..6 {
        assert!(owner.sign_in(&mut world, Asks::owner(), BEGIN.plus(Span::seconds(201 + n))).is_ok());
    }
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

/// D8: 500 strangers set the owner's number up as theirs; he signs in every hour.
#[test]
fn d8_a_number_is_not_used_up_by_strangers() {
    let mut most = 0;
    for seed in 0..SEEDS {
        let (mut world, mut chance, mut owner) = (World::default(), Chance(seed), Owner::new(1));
        let mut events: Vec<(Timestamp, Option<u32>)> = moments(&mut chance, 500, Span::minutes(480))
            .into_iter()
            .enumerate()
            .map(|(n, at)| (at, Some(n as u32)))
            .collect();
        events.extend((0..8).map(|hour| (minutes(hour * 60 + 30), None)));
        events.sort_unstable();
        let (mut strangers, mut owner_in) = (0, 0);
        for (at, who) in events {
            match who {
                Some(n) => {
                    let old = chance.below(2) == 0;
                    strangers += usize::from(world.setup((n, old), &owner.number, network(n as u8), at).is_ok());
                }
                None => {
                    let sign_in = owner.sign_in(&mut world, Asks::owner(), at);
                    owner_in += usize::from(sign_in.map(|it| owner.complete(&mut world, it, at)).is_ok());
                }
            }
        }
        assert!(strangers <= 3, "seed {seed}: {strangers}");
        assert_eq!(owner_in, 8, "seed {seed}");
        most = most.max(strangers);
    }
    println!("D8: {most} messages from strangers (3), owner 8 of 8");
}

/// D10: a program signs in with the stored password every 7 minutes for 12 hours, from where its owner always did.
#[test]
fn d10_the_owners_own_program_is_told_as_such() {
    let mut most = 0;
    for seed in 0..SEEDS {
        let (mut world, mut chance, mut owner) = (World::default(), Chance(seed), Owner::new(1));
        let mut at = minutes(3);
        while at < minutes(720) {
            let _refused = owner.sign_in(&mut world, Asks::machine(), at);
            owner.write_notices(at);
            at = at.plus(Span::ms(415_000 + chance.below(10_000)));
        }
        assert!(owner.messages(Lane::U) <= 3, "seed {seed}: {}", owner.messages(Lane::U));
        let verdict = owner.verdict(minutes(720));
        assert!(matches!(verdict, Verdict::OwnMachine { attempts: 90.., .. }), "seed {seed}: {verdict:?}");
        assert!(owner.notices.len() <= 2, "seed {seed}: {:?}", owner.notices);
        most = most.max(owner.messages(Lane::U));
    }
    println!("D10: {most} messages (3), told as the owner's own program");
}

/// D11: a thief opens 200 sign-ins within a day and a half, over a midnight, by SMS or app, and types 1,000 wrong codes; then the owner has a new device.
#[test]
fn d11_a_thief_gets_fifteen_guesses_a_day_and_locks_nobody_out() {
    let mut worst = 0;
    for seed in 0..SEEDS {
        let (mut world, mut chance, mut owner) = (World::default(), Chance(seed), Owner::new(1));
        let mut evaluated: Vec<Timestamp> = Vec::new();
        for at in moments(&mut chance, 200, Span::minutes(36 * 60)) {
            // With the app no message limits him: only the ladder.
            let begun = if chance.below(2) == 0 {
                owner.open_app(at)
            } else {
                owner.sign_in(&mut world, Asks::stranger(), at).is_ok()
            };
            evaluated.extend((0..5).filter(|_| begun && owner.guess_wrong(at)).map(|_| at));
        }
        let most =
            |from: &Timestamp| evaluated.iter().filter(|at| *at >= from && at.since(*from) < Span::days(1)).count();
        assert!(evaluated.iter().all(|from| most(from) <= 15), "seed {seed}: {}", evaluated.len());
        worst = worst.max(evaluated.iter().map(most).max().unwrap_or_default());
        let at = minutes(36 * 60);
        let released = Asks { released: true, ..Asks::stranger() };
        let sign_in = owner.sign_in(&mut world, released, at).unwrap_or_else(|why| panic!("seed {seed}: {why:?}"));
        assert!(owner.guess_right(at), "seed {seed}");
        owner.complete(&mut world, sign_in, at);
        assert!(owner.sign_in(&mut world, Asks::owner(), at).is_ok(), "no lock, seed {seed}");
    }
    println!("D11: {worst} guesses of 1,000 evaluated in 24 h (15), owner in");
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
            owner.write_notices(at.plus(Span::minutes(11)));
        }
        closed += usize::from(owner.is_closed());
        world.forget();
    }
    (refused, closed)
}

#[test]
fn d12_honest_owners_are_left_alone() {
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
