//! Everybody at once: owners, thieves, programs, pumping bots, two nodes that die now and then, and a carrier with drawn faults. No
//! script: what happens is drawn from the seed, and whatever happens, the invariants hold.

use nidan::flow::disown::{Disown, disown};
use nidan_core::flood::Verdict;
use nidan_core::time::{Span, Timestamp};

use crate::carrier::{Given, Manners};
use crate::ledger::invariants;
use crate::table::{Figure, Scenario};
use crate::thief::{freed, wrong};
use crate::world::{Agenda, BEGIN, Begun, From, Owner, World, minutes};

/// The random simulation.
pub fn scenarios() -> [Scenario; 1] {
    [Scenario {
        name: "mixed",
        input: "owners, thieves, programs, bots, two nodes that die, a faulty carrier: all drawn",
        seeds: (40, 200),
        play: |seed| Box::pin(anything(seed)),
    }]
}

#[derive(Clone)]
enum Act {
    /// The owner, on the known device or another.
    Owner { known: bool },
    /// Whoever holds the sign-in waits no longer and presses.
    Press(Begun, Option<Given>),
    /// A code is typed: the right one, or first a wrong one.
    Types { begun: Begun, message: Given, wrong: bool },
    /// Somebody with the password.
    Thief,
    /// A program of the owner's.
    Program,
    /// "That was not me", said by the owner.
    Disowns,
    /// A bot sets up a number: the owner's, or any.
    Bot { at_owner: bool },
}

/// What an account goes through, as far as its card depends on it.
#[derive(Default)]
struct Story {
    strange: Vec<Timestamp>,
    reached: usize,
    programs: usize,
    unclear: bool,
}

/// An account, and who is after it.
struct Account {
    owner: Owner,
    home: From,
    story: Story,
    /// On the known device: when, and whether it came to nothing.
    known: Vec<(Timestamp, bool)>,
}

/// What is counted.
#[derive(Default)]
struct Found {
    kept_out: usize,
    mistaken: usize,
    wrong_verdicts: usize,
    verdicts: usize,
}

struct Play {
    world: World,
    accounts: Vec<Account>,
    agenda: Agenda<(usize, Act)>,
    found: Found,
    manners: Manners,
    newcomers: usize,
}

const STRETCH: Span = Span::minutes(20 * 60);

async fn anything(seed: u64) -> Vec<Figure> {
    let mut play = Play::new(seed).await;
    play.draw();
    while let Some((at, (which, act))) = play.agenda.next() {
        play.world.until(at).await;
        play.act(which, act).await;
    }
    let end = play.world.now().max(BEGIN.plus(STRETCH)).plus(Span::minutes(25));
    play.world.until(end).await;
    play.judge().await;
    let Play { world, found, .. } = play;
    let mut figures = vec![
        Figure::counted("steps", world.steps),
        Figure::counted("SMS at phones, doubled ones twice", world.carrier.arrivals()),
        Figure::at_most("owners kept out on known devices", found.kept_out, 0),
        Figure::at_most("right codes that did not sign in", found.mistaken, 0),
        Figure::at_most("wrong verdicts", found.wrong_verdicts, 0),
        Figure::counted("verdicts that were clear", found.verdicts),
    ];
    figures.extend(invariants(&world).await);
    figures
}

impl Play {
    async fn new(seed: u64) -> Self {
        let mut world = World::new(seed, Manners::GOOD).await;
        world.another_node();
        let count = 1 + world.chance.below(4) as usize;
        let mut accounts = Vec::new();
        for (n, mut owner) in world.owners(count).await.into_iter().enumerate() {
            let home = From::home(n);
            world.gets_known(&mut owner, &home).await;
            accounts.push(Account { owner, home, story: Story::default(), known: Vec::new() });
        }
        let manners = if world.chance.percent(40) { Manners::GOOD } else { Manners::any(&mut world.chance) };
        world.carrier.change(manners);
        Self { world, accounts, agenda: Agenda::new(), found: Found::default(), manners, newcomers: 0 }
    }

    /// Who comes when.
    fn draw(&mut self) {
        for which in 0..self.accounts.len() {
            let chance = &mut self.world.chance;
            let mut plan = |likely: i64, most: i64, act: Act, chance: &mut crate::chance::Chance| {
                let count = if chance.percent(likely) { 1 + chance.below(most) } else { 0 };
                for at in chance.moments(count as usize, (minutes(5), STRETCH)) {
                    self.agenda.plan(at, (which, act.clone()));
                }
            };
            plan(90, 8, Act::Owner { known: true }, chance);
            plan(30, 3, Act::Owner { known: false }, chance);
            plan(50, 30, Act::Thief, chance);
            plan(10, 1, Act::Disowns, chance);
            plan(20, 10, Act::Bot { at_owner: true }, chance);
            plan(20, 20, Act::Bot { at_owner: false }, chance);
            if chance.percent(20) {
                let (every, mut at) = (4 + chance.below(25), minutes(3));
                for _ in 0..3 + chance.below(20) {
                    self.agenda.plan(at, (which, Act::Program));
                    at = at.plus(Span::minutes(every)).plus(chance.within(Span::seconds(10)));
                }
            }
        }
    }

    async fn act(&mut self, which: usize, act: Act) {
        if self.world.chance.percent(3) {
            self.world.next_dies();
            self.accounts[which].story.unclear = true;
        }
        match act {
            Act::Owner { known } => self.owner(which, known).await,
            Act::Press(begun, before) => {
                let (_, message) = self.world.press(&begun, None).await;
                self.accounts[which].story.unclear = true;
                self.goes_on(which, begun, message.or(before));
            }
            Act::Types { begun, message, wrong: mistypes } => self.types(which, (begun, message), mistypes).await,
            Act::Thief => self.thief(which).await,
            Act::Program => {
                let Account { owner, home, story, .. } = &mut self.accounts[which];
                self.world.begin(owner, false, home).await;
                story.programs += 1;
            }
            Act::Disowns => {
                let Account { owner, home, story, .. } = &mut self.accounts[which];
                story.unclear = true;
                let said = Disown { account: owner.id, device: None, origin: home.origin() };
                disown(&self.world.app, said).await.expect("no failure");
            }
            Act::Bot { at_owner } => self.bot(which, at_owner).await,
        }
    }

    async fn owner(&mut self, which: usize, known: bool) {
        let now = self.world.now();
        let Account { owner, home, story, known: before, .. } = &mut self.accounts[which];
        if known {
            // What is kept for known devices, with the sixth of a window that a refusal may last longer.
            let lately = |span: Span, all: bool| {
                before.iter().filter(|(at, open)| now.since(*at) < span && (all || *open)).count()
            };
            let may = lately(Span::minutes(70), false) < 2
                && lately(Span::minutes(28 * 60), false) < 4
                && lately(Span::minutes(28 * 60), true) < 10;
            let quiet = self.world.carrier.counts().1;
            let dying = self.world.is_dying();
            let begun = self.world.begin(owner, true, home).await;
            before.push((now, true));
            let taken = self.world.carrier.counts().1 == quiet;
            self.found.kept_out += usize::from(may && taken && !dying && begun.message.is_none());
            self.goes_on(which, begun.clone(), begun.message);
            return;
        }
        story.unclear = true;
        let from = From::place(self.world.chance.below(200) * 250);
        let begun = self.world.begin(owner, false, &from).await;
        let message = match begun.message.clone() {
            None if self.world.chance.percent(50) => freed(&mut self.world, owner, &begun).await,
            message => message,
        };
        self.goes_on(which, begun, message);
    }

    /// The owner waits for the message, or does not.
    fn goes_on(&mut self, which: usize, begun: Begun, message: Option<Given>) {
        let now = self.world.now();
        let chance = &mut self.world.chance;
        let arrives = message.as_ref().and_then(|message| message.arrives);
        let impatient = arrives.is_none_or(|at| at > now.plus(Span::seconds(30)));
        if impatient && chance.percent(60) {
            let at = now.plus(Span::seconds(20)).plus(chance.within(Span::seconds(60)));
            self.agenda.plan(at, (which, Act::Press(begun.clone(), message.clone())));
            return;
        }
        if let (Some(message), Some(arrives)) = (message, arrives)
            && !chance.percent(10)
        {
            let at = arrives.max(now).plus(Span::seconds(5)).plus(chance.within(Span::seconds(30)));
            let wrong = chance.percent(10);
            self.agenda.plan(at, (which, Act::Types { begun, message, wrong }));
        }
    }

    async fn types(&mut self, which: usize, (begun, message): (Begun, Given), mistypes: bool) {
        let account = &mut self.accounts[which];
        if mistypes {
            self.world.type_code(&begun, &wrong(Some(&message)), None).await;
        }
        let in_time = self.world.now() < message.at.plus(Span::minutes(8));
        let done = self.world.complete(&mut account.owner, &begun, &message).await;
        // On a device that nobody knows, a thief's guesses may have come before; and the owner may have said that it was not him.
        self.found.mistaken += usize::from(begun.known && in_time && !done);
        if done && begun.known {
            account.known.iter_mut().rev().take(1).for_each(|(_, open)| *open = false);
        }
    }

    async fn thief(&mut self, which: usize) {
        let from = From::place(1_000 + self.world.chance.below(10) * 256);
        let account = &mut self.accounts[which];
        let begun = self.world.begin(&mut account.owner, false, &from).await;
        account.story.strange.push(self.world.now());
        account.story.reached += usize::from(begun.message.is_some());
        let guesses = if self.world.chance.percent(40) { self.world.chance.below(8) } else { 0 };
        for _ in 0..guesses {
            self.world.type_code(&begun, &wrong(begun.message.as_ref()), None).await;
        }
        if self.world.chance.percent(10) {
            self.agenda.plan(self.world.now().plus(Span::seconds(40)), (which, Act::Press(begun, None)));
        }
    }

    async fn bot(&mut self, which: usize, at_owner: bool) {
        self.newcomers += 1;
        let any = format!("+8190{:08}", 90_000_000 + self.world.chance.below(30_000));
        let number = if at_owner { self.accounts[which].owner.phone.clone() } else { any };
        let old = self.world.chance.percent(30);
        let account = self.world.newcomer(self.newcomers, old).await;
        let from = From::place(2_000 + self.world.chance.below(5) * 256);
        self.world.set_up(account, &number, &from).await;
    }

    /// The card, where what happened is clear enough for it to be.
    async fn judge(&mut self) {
        let now = self.world.now();
        for account in &self.accounts {
            let Story { strange, reached, programs, unclear } = &account.story;
            if *unclear || !self.manners.is_faithful() || self.manners.refused > 0 {
                continue;
            }
            let verdict = self.world.verdict(&account.owner).await;
            let today = strange.iter().filter(|at| now.since(**at) < Span::days(1)).count();
            let fits = match (today, *programs) {
                (0, 0) => matches!(verdict, Verdict::None),
                (3.., 0) if *reached >= 2 => {
                    matches!(verdict, Verdict::PasswordKnown { attempts, .. } if attempts == today)
                }
                (0, 3..) => matches!(verdict, Verdict::OwnMachine { attempts, .. } if attempts == *programs),
                _ => continue,
            };
            self.found.verdicts += 1;
            self.found.wrong_verdicts += usize::from(!fits);
            if !fits {
                eprintln!(
                    "{verdict:?} after {today} strange sign-ins, {reached} messages of them, {programs} of a program"
                );
            }
        }
    }
}
