//! Somebody else has the password, or it looks as if.

use nidan::flow::check_code::Checked;
use nidan::flow::release::{Freed, Release, Wrote, free, write};
use nidan::flow::resend_code::Resent;
use nidan::store::account;
use nidan::store::audit::{self, Facts};
use nidan_core::audit::Event;
use nidan_core::ceremony::Verdict as CodeVerdict;
use nidan_core::flood::Verdict;
use nidan_core::id::AuthenticatorId;
use nidan_core::message::MessageKind;
use nidan_core::secret::Secret;
use nidan_core::time::{Span, Timestamp};

use crate::carrier::{Given, Manners};
use crate::ledger::{invariants, lines, most_in_a_day};
use crate::table::{Figure, Scenario};
use crate::world::{Agenda, BEGIN, Begun, From, Owner, World, minutes};

/// D1, D16, D10, D11.
pub fn scenarios() -> [Scenario; 4] {
    [
        Scenario {
            name: "D1",
            input: "right password, 100 strange sign-ins in 12 h; the owner signs in 24 times",
            seeds: (2, 20),
            play: |seed| Box::pin(somebody_has_the_password(seed, false)),
        },
        Scenario {
            name: "D16",
            input: "the same, with a wrong code typed in each",
            seeds: (2, 20),
            play: |seed| Box::pin(somebody_has_the_password(seed, true)),
        },
        Scenario {
            name: "D10",
            input: "the owner's program signs in every 7 min ± 5 s for 12 h, from where 30 days of sign-ins came",
            seeds: (2, 20),
            play: |seed| Box::pin(a_program_of_the_owner(seed)),
        },
        Scenario {
            name: "D11",
            input: "1,000 wrong codes over 200 sign-ins in 36 h, by SMS or app; then the owner on a new device",
            seeds: (2, 20),
            play: |seed| Box::pin(a_thief_who_guesses(seed)),
        },
    ]
}

const HALF_A_DAY: Span = Span::minutes(720);

enum Act {
    Stranger,
    Owner,
    Types(Begun, Given),
    /// Somebody looks at the card.
    Look,
}

/// A code of the same length that is not the one that was sent; without one, any six digits.
pub fn wrong(message: Option<&Given>) -> String {
    let code = message.and_then(Given::code).unwrap_or("000000");
    let number: u32 = code.parse().expect("digits");
    format!("{:0width$}", (number + 1) % 10_u32.pow(code.len() as u32), width = code.len())
}

/// How many of these were written to owners.
async fn written(world: &World, kind: MessageKind) -> usize {
    lines(world).await.iter().filter(|line| line.kind == kind && line.was_made()).count()
}

async fn somebody_has_the_password(seed: u64, guesses: bool) -> Vec<Figure> {
    let mut world = World::new(seed, Manners::GOOD).await;
    let mut owner = world.owners(1).await.remove(0);
    let home = From::home(0);
    world.gets_known(&mut owner, &home).await;
    let mut agenda = Agenda::new();
    for at in world.chance.moments(100, (minutes(1), HALF_A_DAY)) {
        agenda.plan(at, Act::Stranger);
    }
    for at in world.chance.moments(24, (minutes(1), HALF_A_DAY)) {
        agenda.plan(at, Act::Owner);
    }
    let (mut strange, mut to_stranger, mut in_at_first) = (0, 0, 0);
    let (mut third, mut told) = (None, None);
    while let Some((at, act)) = agenda.next() {
        world.until(at).await;
        match act {
            Act::Stranger => {
                strange += 1;
                if strange == 3 {
                    third = Some(at);
                    agenda.plan(at.plus(Span::minutes(1)), Act::Look);
                }
                let from = From::place(world.chance.below(40) * 256);
                let begun = world.begin(&mut owner, false, &from).await;
                to_stranger += usize::from(begun.message.is_some());
                if guesses {
                    world.type_code(&begun, &wrong(begun.message.as_ref()), None).await;
                }
            }
            Act::Owner => {
                let begun = world.begin(&mut owner, true, &home).await;
                if let Some(message) = begun.message.clone() {
                    agenda
                        .plan(message.arrives.expect("it arrives").plus(Span::seconds(20)), Act::Types(begun, message));
                }
            }
            Act::Types(begun, message) => {
                in_at_first += usize::from(world.complete(&mut owner, &begun, &message).await);
            }
            Act::Look if matches!(world.verdict(&owner).await, Verdict::PasswordKnown { .. }) => told = Some(at),
            Act::Look => agenda.plan(at.plus(Span::minutes(1)), Act::Look),
        }
    }
    world.until(BEGIN.plus(Span::days(2))).await;
    let after = |told: Timestamp, third: Timestamp| told.since(third).as_ms() as usize / 60_000;
    let wait = told.zip(third).map_or(usize::MAX, |(told, third)| after(told, third));
    let mut figures = vec![
        Figure::at_most("SMS to the stranger", to_stranger, 3),
        Figure::at_least("owner in at the first message, of 24", in_at_first, 24),
        Figure::at_most("minutes from the third until the card says it", wait, 40),
    ];
    figures.extend(told_to_the_owner(&world).await);
    figures.extend(invariants(&world).await);
    figures
}

/// One alert, by SMS and e-mail, and at most one summary after it.
async fn told_to_the_owner(world: &World) -> [Figure; 4] {
    let alerts = written(world, MessageKind::PasswordKnownAlert).await;
    let letters = written(world, MessageKind::PasswordKnownLetter).await;
    let summaries = written(world, MessageKind::PasswordKnownSummary).await;
    [
        Figure::holds("the owner is alerted", alerts + letters > 0),
        Figure::at_most("alerts by SMS", alerts, 1),
        Figure::at_most("alerts by e-mail", letters, 1),
        Figure::at_most("summaries", summaries, 1),
    ]
}

/// Thirty days of sign-ins from one place, before two-step verification: by the store's own hand.
async fn signed_in_before(world: &World, owner: &Owner, from: &From) {
    for day in 1..=30 {
        let at = BEGIN.minus(Span::days(day));
        let input = (world.app.clone(), owner.id, from.origin().client, at);
        let appended = world.app.db.transact(input, |tx, (app, id, client, at)| {
            Box::pin(async move {
                let account = account::load(tx, app, *id).await?.expect("an account");
                let facts = Facts { client: client.clone(), about: Some("pwd".to_owned()) };
                audit::append(tx, &account, app.new_event_id(*at), (Event::SetupEntered, &facts), *at).await
            })
        });
        appended.await.expect("no failure");
    }
}

async fn a_program_of_the_owner(seed: u64) -> Vec<Figure> {
    let mut world = World::new(seed, Manners::GOOD).await;
    let mut owner = world.owners(1).await.remove(0);
    let from = From { program: "Moneybook", ..From::home(0) };
    signed_in_before(&world, &owner, &from).await;
    let mut at = minutes(3);
    let mut messages = 0;
    while at < BEGIN.plus(HALF_A_DAY) {
        world.until(at).await;
        messages += usize::from(world.begin(&mut owner, false, &from).await.message.is_some());
        at = at.plus(Span::ms(415_000 + world.chance.below(10_001)));
    }
    world.until(at).await;
    let verdict = world.verdict(&owner).await;
    let mut figures = vec![
        Figure::at_most("SMS", messages, 3),
        Figure::holds("told as the owner's own program", matches!(verdict, Verdict::OwnMachine { attempts: 90.., .. })),
    ];
    figures.extend(invariants(&world).await);
    figures
}

/// The method of the app.
async fn app_of(world: &World, owner: &Owner) -> AuthenticatorId {
    let seen = nidan::flow::accounts::overview(&world.app, owner.id).await.expect("no failure").expect("an account");
    let mut ids = seen.authenticators.iter().map(|known| known.method.id);
    ids.find(|id| *id != owner.sms).expect("an app")
}

async fn a_thief_who_guesses(seed: u64) -> Vec<Figure> {
    let mut world = World::new(seed, Manners::GOOD).await;
    let mut owner = world.owners(1).await.remove(0);
    let app = app_of(&world, &owner).await;
    for at in world.chance.moments(200, (minutes(1), Span::minutes(36 * 60))) {
        world.until(at).await;
        let from = From::place(world.chance.below(40) * 256);
        let mut begun = world.begin(&mut owner, false, &from).await;
        if world.chance.percent(50) {
            world.press(&begun, Some(app)).await;
            begun.message = None;
        }
        let typed = wrong(begun.message.as_ref());
        for _ in 0..5 {
            let checked = world.type_code(&begun, &typed, None).await;
            // Whoever is asked for two codes of the app types two.
            if matches!(checked, Checked::Refused(CodeVerdict::StrongerProofNeeded)) {
                world.type_code(&begun, &typed, Some("111111")).await;
            }
        }
    }
    world.until(minutes(36 * 60 + 1)).await;
    let evaluated = world.guesses.len();
    let most = most_in_a_day(&world);
    let owner_in = by_the_mailbox(&mut world, &mut owner).await;
    let mut figures = vec![
        Figure::at_most("guesses compared in any 24 h", most, 15),
        Figure::shown("of 1,000 in all", evaluated),
        Figure::holds("the owner gets in on a new device, by a secret from the mailbox", owner_in),
        Figure::holds(
            "and then on that device by its first message",
            on_the_known_device(&mut world, &mut owner).await,
        ),
    ];
    figures.extend(invariants(&world).await);
    figures
}

/// The owner on a new device: what the mailbox gets frees a message.
async fn by_the_mailbox(world: &mut World, owner: &mut Owner) -> bool {
    let from = From::place(9_999);
    let begun = world.begin(owner, false, &from).await;
    let message = match begun.message.clone() {
        Some(message) => message,
        None => match freed(world, owner, &begun).await {
            Some(message) => message,
            None => return false,
        },
    };
    world.until(message.arrives.expect("it arrives").plus(Span::seconds(20))).await;
    world.complete(owner, &begun, &message).await
}

/// The message that a secret from the mailbox frees; none: no letter came, or it freed none.
pub async fn freed(world: &mut World, owner: &Owner, begun: &Begun) -> Option<Given> {
    let release = Release { ceremony: begun.ceremony, presented: begun.holder, origin: begun.from.origin() };
    let wrote = write(&world.app, release.clone()).await.expect("no failure");
    if !matches!(wrote, Wrote::Sent) {
        return None;
    }
    let mail = world.carry().await;
    let letter = mail.iter().find(|given| given.to == owner.email)?;
    let secret = secret_in(&letter.text).expect("a secret in the letter");
    let freed = free(&world.app, release, Secret::new(secret)).await.expect("no failure");
    let message = world.carry().await.into_iter().find(|given| given.to == owner.phone && given.code().is_some());
    match freed {
        Freed::Freed(Resent::Done | Resent::Shut(_)) => world.asked += 1,
        Freed::Freed(_) | Freed::Wrong | Freed::Shut(_) | Freed::NotFound => {}
    }
    message
}

/// Groups of letters and digits with dashes between them.
fn secret_in(text: &str) -> Option<String> {
    let is_secret =
        |word: &&str| word.matches('-').count() >= 2 && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let words = text.split(|c: char| c.is_whitespace() || !c.is_ascii());
    words.into_iter().find(is_secret).map(str::to_owned)
}

async fn on_the_known_device(world: &mut World, owner: &mut Owner) -> bool {
    let begun = world.begin(owner, true, &From::home(0)).await;
    let Some(message) = begun.message.clone() else { return false };
    world.until(message.arrives.expect("it arrives").plus(Span::seconds(20))).await;
    world.complete(owner, &begun, &message).await
}
