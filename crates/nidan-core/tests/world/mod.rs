//! A small world for the scenarios: counters in a map where the server has a table, accounts with what the server keeps of them,
//! and the order in which the server asks the rules.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use nidan_core::bucket::{Counter, Take};
use nidan_core::budget::{Budget, Passage, SetupFacts, Suppressed, To, Wanted, budgets};
use nidan_core::client_network::ClientNetwork;
use nidan_core::id::AccountId;
use nidan_core::ladder::{Circumstances, Guesses, Step};
use nidan_core::lane::Lane;
use nidan_core::password_known::{Arrived, Closure, LaneU, SignIn, judge};
use nidan_core::phone::PhoneNumber;
use nidan_core::policy::Policy;
use nidan_core::time::{Span, Timestamp};

/// When every scenario begins: midnight of some day of UTC.
pub const BEGIN: Timestamp = Timestamp::from_ms(20_000 * 86_400_000);

/// SplitMix64: the same seed, the same chance.
pub struct Chance(pub u64);

impl Chance {
    /// From 0 to below `end`.
    pub fn below(&mut self, end: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ bits >> 31) % end as u64) as i64
    }
}

/// A mobile number by its last eight digits.
pub fn phone(digits: i64) -> PhoneNumber {
    PhoneNumber::from_e164(&format!("+8190{digits:08}")).expect("E.164")
}

/// A network, another for each number.
pub fn network(which: u8) -> ClientNetwork {
    ClientNetwork::of(IpAddr::V4(Ipv4Addr::new(198, 51, which, 1)))
}

/// What was taken for one message, and when.
pub type Taken = (Vec<Budget>, Timestamp);

/// The counters, and the numbers in force.
#[derive(Default)]
pub struct World {
    /// The numbers in force.
    pub policy: Policy,
    counters: HashMap<Vec<u8>, Counter>,
}

impl World {
    /// A message passes its budgets, or is refused.
    fn pass(&mut self, wanted: &Wanted<'_>, now: Timestamp) -> Result<Taken, Suppressed> {
        let mut passage = Passage::new(budgets(wanted, &self.policy)?);
        while let Some(budget) = passage.next() {
            let counter = self.counters.entry(budget.key_material().expose().clone()).or_default();
            match budget.rule.take(counter, budget.n, now) {
                Take::Taken(next) => {
                    *counter = next;
                    passage.taken();
                }
                Take::Refused { until } => {
                    if let Err(refusal) = passage.refused(until) {
                        for budget in &refusal.give_back {
                            self.update(budget, |budget, counter| budget.rule.give_back(counter, budget.n, now, now));
                        }
                        return Err(refusal.reason);
                    }
                }
            }
        }
        Ok((passage.to_complete().collect(), now))
    }

    /// The challenge that a message belonged to was completed.
    pub fn complete(&mut self, (budgets, at): Taken, now: Timestamp) {
        for budget in budgets {
            self.update(&budget, |budget, counter| budget.rule.complete(counter, budget.n, at, now));
        }
    }

    fn update(&mut self, budget: &Budget, change: impl Fn(&Budget, &Counter) -> Option<Counter>) {
        let counter = self.counters.get_mut(budget.key_material().expose()).expect("it was taken from");
        *counter = change(budget, counter).unwrap_or(*counter);
    }

    /// Account `who` sets a number up, which is old or not.
    pub fn setup(
        &mut self,
        (who, old_account): (u32, bool),
        number: &PhoneNumber,
        network: ClientNetwork,
        now: Timestamp,
    ) -> Result<Taken, Suppressed> {
        let wanted = Wanted {
            lane: Lane::S,
            account: account_id(who),
            to: To::Number { number, country: Some("+81") },
            network,
            first: true,
            released: false,
            setup: SetupFacts { old_account, old_campaign: false, usual_this_hour: 20 },
        };
        self.pass(&wanted, now)
    }

    /// Drops all counters: for accounts that share none.
    pub fn forget(&mut self) {
        self.counters.clear();
    }
}

fn account_id(account: u32) -> AccountId {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&account.to_be_bytes());
    AccountId::from_bytes(bytes)
}

/// Who asks for a code, with the right password.
#[derive(Clone, Copy)]
pub struct Asks {
    /// On a known device.
    pub known: bool,
    /// Freed by the mailbox.
    pub released: bool,
}

impl Asks {
    /// The owner on a known device.
    pub fn owner() -> Self {
        Self { known: true, released: false }
    }

    /// Somebody on an unknown device.
    pub fn stranger() -> Self {
        Self { known: false, released: false }
    }
}

/// An account with what the rules look at. Messages arrive at once.
pub struct Owner {
    /// Its number.
    pub number: PhoneNumber,
    policy: Policy,
    id: AccountId,
    guesses: Guesses,
    closure: Closure,
    sign_ins: Vec<Begun>,
    released: bool,
}

/// A sign-in.
struct Begun {
    lane: Lane,
    at: Timestamp,
    /// What was taken for its message, if one went.
    taken: Option<Taken>,
    completed: bool,
}

impl Owner {
    /// One of many, by number.
    pub fn new(which: u32) -> Self {
        Self {
            number: phone(50_000_000 + i64::from(which)),
            policy: Policy::default(),
            id: account_id(u32::MAX - which),
            guesses: Guesses::default(),
            closure: Closure::default(),
            sign_ins: Vec::new(),
            released: false,
        }
    }

    /// Right password: a code is asked for by SMS. The number of the sign-in, or why nothing was sent.
    pub fn sign_in(&mut self, world: &mut World, asks: Asks, now: Timestamp) -> Result<usize, Suppressed> {
        let lane = if asks.known { Lane::K } else { Lane::U };
        self.released = asks.released;
        if lane == Lane::U && !asks.released {
            self.lane_u(now)?;
        }
        if lane == Lane::U {
            self.guesses.open(&self.circumstances(now), &self.policy).map_err(|_| Suppressed::GuessWait)?;
        }
        let wanted = Wanted {
            lane,
            account: self.id,
            to: To::Number { number: &self.number, country: Some("+81") },
            network: network(if asks.known { 250 } else { 1 }),
            first: true,
            released: self.released,
            setup: SetupFacts::default(),
        };
        let taken = Some(world.pass(&wanted, now)?);
        self.sign_ins.push(Begun { lane, at: now, taken, completed: false });
        Ok(self.sign_ins.len() - 1)
    }

    fn lane_u(&mut self, now: Timestamp) -> Result<(), Suppressed> {
        match judge(&self.left(now), &self.closure, None, now, &self.policy) {
            LaneU::Open => Ok(()),
            LaneU::UnderWay { .. } => Err(Suppressed::SignInsUnderWay),
            LaneU::Closed => {
                self.closure = self.closure.close(None, now).stopped();
                Err(Suppressed::PasswordKnown)
            }
        }
    }

    /// What [`judge`] looks at.
    fn left(&self, now: Timestamp) -> Vec<SignIn> {
        let recent = self.sign_ins.iter().rev().take_while(|begun| now.since(begun.at) < Span::days(8));
        let as_sign_in = |begun: &Begun| SignIn {
            opened_at: begun.at,
            completed: begun.completed,
            alive: now < begun.at.plus(self.policy.code_life),
            arrived: Arrived::Yes,
        };
        recent.filter(|begun| begun.lane == Lane::U).map(as_sign_in).collect()
    }

    /// The job that looks at an account when a code of it died.
    pub fn look_at_codes_that_died(&mut self, now: Timestamp) {
        if judge(&self.left(now), &self.closure, None, now, &self.policy) == LaneU::Closed {
            self.closure = self.closure.close(None, now);
        }
    }

    /// A wrong code from an unknown device; whether it was evaluated.
    pub fn guess_wrong(&mut self, now: Timestamp) -> bool {
        let circumstances = self.circumstances(now);
        let offered = self.guesses.step(&circumstances, &self.policy).min(Step::EightOrPair);
        let charged = self.guesses.charge(offered, &circumstances, &self.policy);
        charged.map(|charged| self.guesses = charged).is_ok()
    }

    /// The right code from an unknown device: whether it was evaluated. What it was charged is forgiven.
    pub fn guess_right(&mut self, now: Timestamp) -> bool {
        let evaluated = self.guess_wrong(now);
        if evaluated {
            self.guesses = self.guesses.forgive(1, now);
        }
        evaluated
    }

    /// A sign-in was completed.
    pub fn complete(&mut self, world: &mut World, sign_in: usize, now: Timestamp) {
        let begun = &mut self.sign_ins[sign_in];
        begun.completed = true;
        if let Some(taken) = begun.taken.take() {
            world.complete(taken, now);
        }
    }

    /// Whether lane U is closed.
    pub fn is_closed(&self) -> bool {
        self.closure.is_closed(None)
    }

    fn circumstances(&self, now: Timestamp) -> Circumstances {
        Circumstances { alarm: false, released: self.released, now }
    }
}
