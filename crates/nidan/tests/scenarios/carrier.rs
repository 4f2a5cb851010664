//! A carrier as they are: late, losing messages and receipts, doubling both, silent in the middle of a submit. What it does is
//! decided by a seed, when it does it by the virtual clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nidan::app::Clock;
use nidan::send::lines::Carrier;
use nidan::send::route::{CarrierReceipt, Dispatch, Outcome};
use nidan_core::id::MessageId;
use nidan_core::ledger::{Reason, Receipt};
use nidan_core::message::Channel;
use nidan_core::time::{Span, Timestamp};

use crate::chance::Chance;

/// What a carrier is like: how late, and how often in a hundred each of these happens.
#[derive(Clone, Copy)]
pub struct Manners {
    /// From the submit to the phone, at least, and how much longer at most.
    pub delay: (Span, Span),
    /// It never reaches the phone, and the carrier says so.
    pub lost: i64,
    /// The network brings it twice.
    pub doubled: i64,
    /// The receipt comes twice.
    pub receipt_doubled: i64,
    /// The receipt never comes.
    pub receipt_lost: i64,
    /// No answer to the submit; half of these reach the phone.
    pub unanswered: i64,
    /// It does not take the message.
    pub refused: i64,
}

impl Manners {
    /// A good carrier on a good day.
    pub const GOOD: Self = Self {
        delay: (Span::seconds(2), Span::seconds(6)),
        lost: 0,
        doubled: 0,
        receipt_doubled: 0,
        receipt_lost: 0,
        unanswered: 0,
        refused: 0,
    };

    /// One whose faults are drawn.
    pub fn any(chance: &mut Chance) -> Self {
        let mut often = |most: i64| if chance.percent(50) { chance.below(most + 1) } else { 0 };
        let late = often(120);
        Self {
            delay: (Span::seconds(1), Span::seconds(5 + late)),
            lost: often(10),
            doubled: often(10),
            receipt_doubled: often(20),
            receipt_lost: often(20),
            unanswered: often(15),
            refused: often(10),
        }
    }

    /// Whether what is sent arrives, once, and is told of.
    pub fn is_faithful(&self) -> bool {
        self.lost + self.unanswered + self.receipt_lost == 0
    }
}

/// A message that the carrier was given.
#[derive(Clone)]
pub struct Given {
    /// Which one.
    pub id: MessageId,
    /// How.
    pub channel: Channel,
    /// Where to.
    pub to: String,
    /// What it says.
    pub text: String,
    /// When it was given.
    pub at: Timestamp,
    /// When it reaches the phone; none: never.
    pub arrives: Option<Timestamp>,
}

impl Given {
    /// The code in it, if it carries one: the first run of six or eight digits.
    pub fn code(&self) -> Option<&str> {
        let runs = self.text.split(|letter: char| !letter.is_ascii_digit());
        runs.into_iter().find(|run| matches!(run.len(), 6 | 8))
    }
}

/// The carrier.
pub struct SimulatedCarrier {
    clock: Clock,
    state: Mutex<State>,
}

struct State {
    chance: Chance,
    manners: Manners,
    given: Vec<Given>,
    /// Messages that it did not take, or did not say that it took.
    not_taken: usize,
    /// Deliveries at phones, one for each time that a message arrives.
    arrivals: usize,
    told: BTreeSet<MessageId>,
    /// With the message, unless the submit was not answered: then nobody can tell which one is meant.
    receipts: BTreeMap<(Timestamp, usize), (Option<MessageId>, CarrierReceipt)>,
}

impl SimulatedCarrier {
    /// With these manners.
    pub fn new(clock: Clock, seed: u64, manners: Manners) -> Self {
        let state = State {
            chance: Chance(seed ^ 0x5eed),
            manners,
            given: Vec::new(),
            not_taken: 0,
            arrivals: 0,
            told: BTreeSet::new(),
            receipts: BTreeMap::new(),
        };
        Self { clock, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it has these.
    pub fn change(&self, manners: Manners) {
        self.state().manners = manners;
    }

    /// All that it was given, from the `from`-th.
    pub fn given(&self, from: usize) -> Vec<Given> {
        self.state().given.get(from..).unwrap_or_default().to_vec()
    }

    /// How much it was given, and how often it did not say that it took a message.
    pub fn counts(&self) -> (usize, usize) {
        let state = self.state();
        (state.given.len(), state.not_taken)
    }

    /// The messages that it told had arrived.
    pub fn told(&self) -> BTreeSet<MessageId> {
        self.state().told.clone()
    }

    /// How often a phone rang, doubled messages twice.
    pub fn arrivals(&self) -> usize {
        self.state().arrivals
    }

    /// When it next has something to tell.
    pub fn next_receipt(&self) -> Option<Timestamp> {
        self.state().receipts.first_key_value().map(|((at, _), _)| *at)
    }

    /// What it tells until `now`.
    pub fn receipts(&self, now: Timestamp) -> Vec<CarrierReceipt> {
        let mut state = self.state();
        let later = state.receipts.split_off(&(now.plus(Span::ms(1)), 0));
        let due = std::mem::replace(&mut state.receipts, later);
        let mut told = Vec::new();
        for (id, receipt) in due.into_values() {
            if receipt.receipt == Receipt::Delivered {
                state.told.extend(id);
            }
            told.push(receipt);
        }
        told
    }
}

impl Carrier for SimulatedCarrier {
    fn send(&self, dispatch: &Dispatch) -> Outcome {
        self.state().take(dispatch, self.clock.now())
    }
}

impl State {
    fn take(&mut self, dispatch: &Dispatch, now: Timestamp) -> Outcome {
        let Dispatch { id, channel, .. } = *dispatch;
        let (to, text) = (dispatch.destination.expose().clone(), dispatch.text.expose().clone());
        let given = Given { id, channel, to, text, at: now, arrives: Some(now) };
        if channel == Channel::Email {
            self.given.push(given);
            return Outcome::Delivered;
        }
        if self.chance.percent(self.manners.refused) {
            self.not_taken += 1;
            return Outcome::NotTaken(Reason::QueueFull);
        }
        let unanswered = self.chance.percent(self.manners.unanswered);
        self.not_taken += usize::from(unanswered);
        let gone = if unanswered { self.chance.percent(50) } else { self.chance.percent(self.manners.lost) };
        let at = now.plus(self.manners.delay.0).plus(self.chance.within(self.manners.delay.1));
        // Whatever its validity is over for is not brought any more.
        let arrives = Some(at).filter(|at| !gone && *at < dispatch.expires_at);
        let carrier_id = format!("sim-{}", self.given.len());
        let receipt = if arrives.is_some() { Receipt::Delivered } else { Receipt::Undelivered };
        self.tell(&carrier_id, (&given.to, Some(id).filter(|_| !unanswered)), (receipt, at));
        self.arrivals += usize::from(arrives.is_some());
        self.arrivals += usize::from(arrives.is_some() && self.chance.percent(self.manners.doubled));
        self.given.push(Given { arrives, ..given });
        match unanswered {
            true => Outcome::Ambiguous(Reason::NoAnswer),
            false => Outcome::Accepted { carrier_id: Some(carrier_id) },
        }
    }

    fn tell(&mut self, carrier_id: &str, (to, id): (&str, Option<MessageId>), (receipt, at): (Receipt, Timestamp)) {
        if self.chance.percent(self.manners.receipt_lost) {
            return;
        }
        let times = 1 + usize::from(self.chance.percent(self.manners.receipt_doubled));
        for time in 0..times {
            let told = CarrierReceipt { carrier_id: carrier_id.to_owned(), number: Some(to.to_owned()), receipt };
            self.receipts.insert((at, self.given.len() * 2 + time), (id, told));
        }
    }
}
