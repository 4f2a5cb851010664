//! An owner who waits for a message.

use std::collections::BTreeSet;

use nidan_core::flood::Verdict;
use nidan_core::time::Span;

use crate::carrier::{Given, Manners};
use crate::ledger::invariants;
use crate::table::{Figure, Scenario};
use crate::world::{BEGIN, From, World, minutes};

/// D2, and worse.
pub fn scenarios() -> [Scenario; 2] {
    let fury = Scenario {
        name: "fury",
        input: "one sign-in, 200 presses in 3 min",
        seeds: (1, 2),
        play: |seed| Box::pin(a_furious_owner(seed)),
    };
    let impatient = Scenario {
        name: "D2",
        input: "one sign-in, 10 presses in 3 min, the SMS 150 s late",
        seeds: (2, 5),
        play: |seed| Box::pin(an_impatient_owner(seed)),
    };
    [impatient, fury]
}

async fn an_impatient_owner(seed: u64) -> Vec<Figure> {
    let mut world = World::new(seed, Manners::GOOD).await;
    let mut owner = world.owners(1).await.remove(0);
    let home = From::home(0);
    world.gets_known(&mut owner, &home).await;
    world.carrier.change(Manners { delay: (Span::seconds(150), Span::ms(1)), ..Manners::GOOD });
    let begin = minutes(30);
    world.until(begin).await;
    let begun = world.begin(&mut owner, true, &home).await;
    let mut messages: Vec<Given> = begun.message.clone().into_iter().collect();
    for press in 1..=10 {
        world.until(begin.plus(Span::seconds(18 * press))).await;
        messages.extend(world.press(&begun, None).await.1);
    }
    let impatient = matches!(world.verdict(&owner).await, Verdict::ImpatientOwner { presses: 10 });
    let codes: BTreeSet<&str> = messages.iter().filter_map(Given::code).collect();
    // Which of them is typed is left to chance.
    let typed = messages[world.chance.below(messages.len() as i64) as usize].clone();
    world.until(typed.arrives.expect("it arrives").plus(Span::seconds(20))).await;
    let signed_in = world.complete(&mut owner, &begun, &typed).await;
    world.until(BEGIN.plus(Span::days(1))).await;
    let others = world.carrier.given(0).iter().filter(|given| given.code().is_none()).count();
    let mut figures = vec![
        Figure::at_most("SMS", messages.len(), 3),
        Figure::at_most("codes", codes.len(), 1),
        Figure::holds("any of them signs in", signed_in),
        Figure::holds("told as an impatient owner", impatient),
        Figure::at_most("alerts and notices", others, 0),
    ];
    figures.extend(invariants(&world).await);
    figures
}

/// Whoever presses without end fills no table.
async fn a_furious_owner(seed: u64) -> Vec<Figure> {
    let mut world = World::new(seed, Manners::GOOD).await;
    let mut owner = world.owners(1).await.remove(0);
    let begun = world.begin(&mut owner, false, &From::home(0)).await;
    let mut messages = usize::from(begun.message.is_some());
    for press in 1..=200 {
        world.until(BEGIN.plus(Span::ms(900 * press))).await;
        messages += usize::from(world.press(&begun, None).await.1.is_some());
    }
    let written = world.ledger(&owner).await.asked.len();
    let mut figures =
        vec![Figure::at_most("SMS", messages, 3), Figure::at_most("presses that are written down", written - 1, 13)];
    figures.extend(invariants(&world).await);
    figures
}
