//! An honest month.

use nidan_core::time::Span;

use crate::carrier::{Given, Manners};
use crate::ledger::invariants;
use crate::table::{Figure, Scenario};
use crate::thief::wrong;
use crate::world::{Agenda, BEGIN, Begun, From, World};

/// D12: through the store a part of it; in its whole size in `nidan-core`.
pub fn scenarios(full: bool) -> [Scenario; 1] {
    [match full {
        true => Scenario {
            name: "D12",
            input: "an honest month: 50 accounts with 40 sign-ins each, 10 % given up, 30 % new devices",
            seeds: (1, 4),
            play: |seed| Box::pin(honest_month(seed, 50)),
        },
        false => Scenario {
            name: "D12",
            input: "an honest month: 20 accounts with 40 sign-ins each, 10 % given up, 30 % new devices",
            seeds: (1, 1),
            play: |seed| Box::pin(honest_month(seed, 20)),
        },
    }]
}

enum Act {
    Begins(usize),
    Types(usize, Begun, Given),
}

async fn honest_month(seed: u64, accounts: usize) -> Vec<Figure> {
    const EACH: usize = 40;
    let mut world = World::new(seed, Manners::GOOD).await;
    let mut owners = world.owners(accounts).await;
    let mut agenda = Agenda::new();
    for owner in 0..accounts {
        for _ in 0..EACH {
            // By day, on any day.
            let day = Span::days(world.chance.below(30));
            agenda.plan(BEGIN.plus(day).plus(world.chance.within(Span::minutes(17 * 60))), Act::Begins(owner));
        }
    }
    let (mut refused, mut mistaken) = (0, 0);
    while let Some((at, act)) = agenda.next() {
        world.until(at).await;
        match act {
            Act::Begins(which) => {
                let known = owners[which].device.is_some() && world.chance.percent(70);
                let from = if known { From::home(which) } else { From::place(world.chance.below(200) * 250) };
                let begun = world.begin(&mut owners[which], known, &from).await;
                let Some(message) = begun.message.clone() else {
                    refused += 1;
                    continue;
                };
                if !world.chance.percent(10) {
                    agenda.plan(
                        message.arrives.expect("it arrives").plus(Span::seconds(30)),
                        Act::Types(which, begun, message),
                    );
                }
            }
            Act::Types(which, begun, message) => {
                if world.chance.percent(2) {
                    world.type_code(&begun, &wrong(Some(&message)), None).await;
                }
                mistaken += usize::from(!world.complete(&mut owners[which], &begun, &message).await);
            }
        }
    }
    world.until(BEGIN.plus(Span::days(31))).await;
    let mut closed = 0;
    for owner in &owners {
        closed += usize::from(world.ledger(owner).await.closed_since.is_some());
    }
    let mut figures = vec![
        Figure::share("refused", (refused, accounts * EACH), 5),
        Figure::share("wrongly closed accounts", (closed, accounts), 10),
        Figure::at_most("right codes that did not sign in", mistaken, 0),
    ];
    figures.extend(invariants(&world).await);
    figures
}
