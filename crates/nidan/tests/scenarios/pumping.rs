//! Messages are pumped, or a number is used up by strangers.

use nidan::flow::check_code::Checked;
use nidan_core::time::Span;

use crate::carrier::Manners;
use crate::ledger::invariants;
use crate::table::{Figure, Scenario};
use crate::world::{Agenda, BEGIN, Begun, From, World, minutes};

/// D7 in its full size or a tenth of it, and D8.
pub fn scenarios(full: bool) -> Vec<Scenario> {
    let abroad = "10,000 setups in 3 h from 200 networks: numbers abroad; 60 honest ones among them";
    let block = "10,000 setups in 3 h from 200 networks: numbers of one block; 60 honest ones among them";
    let blocks = "10,000 setups in 3 h from 200 networks: numbers of 500 blocks; 60 honest ones among them";
    let pumping = match full {
        true => [
            Scenario { name: "D7a", input: abroad, seeds: (1, 1), play: |seed| Box::pin(pumped(seed, (0, 10_000))) },
            Scenario { name: "D7b", input: block, seeds: (1, 1), play: |seed| Box::pin(pumped(seed, (1, 10_000))) },
            Scenario { name: "D7c", input: blocks, seeds: (1, 1), play: |seed| Box::pin(pumped(seed, (500, 10_000))) },
        ],
        false => [
            Scenario {
                name: "D7a",
                input: "a tenth of: numbers abroad",
                seeds: (1, 1),
                play: |seed| Box::pin(pumped(seed, (0, 1_000))),
            },
            Scenario {
                name: "D7b",
                input: "a tenth of: numbers of one block",
                seeds: (1, 1),
                play: |seed| Box::pin(pumped(seed, (1, 1_000))),
            },
            Scenario {
                name: "D7c",
                input: "a tenth of: numbers of 500 blocks",
                seeds: (1, 1),
                play: |seed| Box::pin(pumped(seed, (500, 1_000))),
            },
        ],
    };
    let one_number = Scenario {
        name: "D8",
        input: "500 strangers set one number up in 8 h; its owner signs in hourly",
        seeds: (1, 5),
        play: |seed| Box::pin(one_number(seed)),
    };
    pumping.into_iter().chain([one_number]).collect()
}

enum Act {
    Pump(usize),
    Honest(usize),
    Confirm(Begun, String),
    Look,
}

/// `count` setups at `blocks` blocks of numbers, at the pace of 10,000 in three hours; none: abroad.
async fn pumped(seed: u64, (blocks, count): (i64, usize)) -> Vec<Figure> {
    let mut world = World::new(seed, Manners::GOOD).await;
    let stretch = Span::ms(3 * 3_600_000 * count as i64 / 10_000);
    let honest = count * 60 / 10_000;
    let mut agenda = Agenda::new();
    for (n, at) in world.chance.moments(count, (BEGIN, stretch)).into_iter().enumerate() {
        agenda.plan(at, Act::Pump(n));
    }
    for (n, at) in world.chance.moments(honest, (BEGIN, stretch)).into_iter().enumerate() {
        agenda.plan(at, Act::Honest(n));
    }
    for minute in 1..=5 {
        agenda.plan(minutes(minute), Act::Look);
    }
    let (mut sent, mut finished, mut seen) = (0, 0, false);
    while let Some((at, act)) = agenda.next() {
        world.until(at).await;
        match act {
            Act::Pump(n) => {
                let digits = world.chance.below(blocks.max(1)) * 10_000 + world.chance.below(10_000);
                let number =
                    if blocks == 0 { format!("+3246{digits:07}") } else { format!("+8190{:08}", 10_000_000 + digits) };
                let from = From::place(world.chance.below(200) * 250);
                let account = world.newcomer(n, false).await;
                sent += usize::from(world.set_up(account, &number, &from).await.is_some());
            }
            Act::Honest(n) => {
                let number = format!("+8170{:08}", 10_000_000 + n * 10_000 + 77);
                let account = world.newcomer(count + n, true).await;
                let set_up = world.set_up(account, &number, &From::home(250 * (n % 50))).await;
                if let Some((begun, Some(message))) = set_up {
                    let code = message.code().expect("a code").to_owned();
                    agenda.plan(at.plus(Span::seconds(90)), Act::Confirm(begun, code));
                }
            }
            Act::Confirm(begun, code) => {
                let confirmed = world.type_code(&begun, &code, None).await;
                finished += usize::from(matches!(confirmed, Checked::MethodConfirmed { .. }));
            }
            Act::Look => seen |= world.is_pumped().await,
        }
    }
    let most = [0, 20, 200][usize::from(blocks > 0) + usize::from(blocks > 1)];
    let mut figures = vec![
        Figure::at_most("SMS pumped", sent, most),
        Figure::at_least("honest ones who finish", finished, (honest as i64 * 95 + 99) / 100),
        Figure::holds("told as pumping within 5 min", seen),
    ];
    figures.extend(invariants(&world).await);
    figures
}

enum AtOne {
    Stranger(usize),
    Owner,
    Types(Begun, crate::carrier::Given),
}

async fn one_number(seed: u64) -> Vec<Figure> {
    let mut world = World::new(seed, Manners::GOOD).await;
    let mut owner = world.owners(1).await.remove(0);
    let home = From::home(0);
    world.gets_known(&mut owner, &home).await;
    let mut agenda = Agenda::new();
    for (n, at) in world.chance.moments(500, (minutes(1), Span::minutes(479))).into_iter().enumerate() {
        agenda.plan(at, AtOne::Stranger(n));
    }
    for hour in 0..8 {
        agenda.plan(minutes(hour * 60 + 30), AtOne::Owner);
    }
    let (mut strangers, mut owner_in) = (0, 0);
    while let Some((at, act)) = agenda.next() {
        world.until(at).await;
        match act {
            AtOne::Stranger(n) => {
                let old = world.chance.percent(50);
                let account = world.newcomer(n, old).await;
                let from = From::place(n as i64 * 250 % 60_000);
                strangers += usize::from(world.set_up(account, &owner.phone, &from).await.is_some());
            }
            AtOne::Owner => {
                let begun = world.begin(&mut owner, true, &home).await;
                if let Some(message) = begun.message.clone() {
                    agenda.plan(
                        message.arrives.expect("it arrives").plus(Span::seconds(20)),
                        AtOne::Types(begun, message),
                    );
                }
            }
            AtOne::Types(begun, message) => owner_in += usize::from(world.complete(&mut owner, &begun, &message).await),
        }
    }
    let mut figures = vec![
        Figure::holds("one number is no pumping", !world.is_pumped().await),
        Figure::at_most("SMS from strangers", strangers, 3),
        Figure::at_least("owner in at the first message, of 8", owner_in, 8),
    ];
    figures.extend(invariants(&world).await);
    figures
}
