//! The ledger of messages: what may become of one, and what a crash means.

use crate::time::{Span, Timestamp};

/// The state of a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum State {
    /// Waits for a worker.
    Queued,
    /// A worker has it.
    Leased,
    /// The carrier took it.
    Accepted,
    /// The carrier refused it.
    Rejected,
    /// Nobody knows whether the carrier took it. Never sent again by itself.
    Ambiguous,
    /// It reached the phone or mailbox.
    Delivered,
    /// It did not.
    Undelivered,
    /// Its code died before it could be delivered.
    Expired,
    /// The carrier says that it does not know.
    Unknown,
    /// A rule said no; nothing was sent.
    Suppressed,
}

const STATES: [(State, &str); 10] = [
    (State::Queued, "queued"),
    (State::Leased, "leased"),
    (State::Accepted, "accepted"),
    (State::Rejected, "rejected"),
    (State::Ambiguous, "ambiguous"),
    (State::Delivered, "delivered"),
    (State::Undelivered, "undelivered"),
    (State::Expired, "expired"),
    (State::Unknown, "unknown"),
    (State::Suppressed, "suppressed"),
];

impl State {
    /// Its name outside.
    pub fn name(self) -> &'static str {
        STATES[self as usize].1
    }

    /// The number that the database keeps.
    pub const fn stored(self) -> i64 {
        self as i64
    }

    /// Whether it certainly did not arrive and never will, by the word of a carrier.
    pub const fn failed(self) -> bool {
        matches!(self, Self::Rejected | Self::Undelivered | Self::Expired)
    }

    /// From the number that the database keeps.
    pub fn from_stored(stored: i64) -> Option<Self> {
        STATES.get(usize::try_from(stored).ok()?).map(|(state, _)| *state)
    }

    /// Whether no carrier has said anything yet: while this holds, no second message of the same challenge is sent.
    pub const fn is_unanswered(self) -> bool {
        matches!(self, Self::Queued | Self::Leased)
    }

    /// What a receipt makes of it; `None`: nothing changes. Receipts come twice, early, or in the wrong order, so none moves
    /// a message backwards; only a delivery corrects what was said of a message that was taken, since the phone has it.
    ///
    /// A carrier that refuses after having taken (`REJECTD`, SMPP 3.4 §5.2.28) did not deliver: that is no
    /// [`State::Rejected`], which is its answer to the message itself.
    pub const fn after_receipt(self, receipt: Receipt) -> Option<Self> {
        match (self, receipt) {
            (Self::Queued | Self::Rejected | Self::Delivered | Self::Suppressed, _) | (_, Receipt::EnRoute) => None,
            (_, Receipt::Delivered) => Some(Self::Delivered),
            (Self::Undelivered | Self::Expired | Self::Unknown, _) => None,
            (_, Receipt::Undelivered | Receipt::Rejected) => Some(Self::Undelivered),
            (_, Receipt::Expired) => Some(Self::Expired),
            (_, Receipt::Unknown) => Some(Self::Unknown),
        }
    }

    /// What a carrier's word that it took the message makes of it, however late; `None`: nothing changes, because a receipt
    /// was quicker.
    pub const fn after_acceptance(self) -> Option<Self> {
        match self {
            Self::Leased | Self::Ambiguous => Some(Self::Accepted),
            Self::Queued
            | Self::Accepted
            | Self::Rejected
            | Self::Delivered
            | Self::Undelivered
            | Self::Expired
            | Self::Unknown
            | Self::Suppressed => None,
        }
    }
}

/// What a carrier says became of a message it had taken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Receipt {
    /// It is still on its way.
    EnRoute,
    /// It reached the phone or mailbox.
    Delivered,
    /// It did not.
    Undelivered,
    /// Its validity ended before it could be delivered.
    Expired,
    /// The carrier, or the network behind it, refused it after all.
    Rejected,
    /// The carrier does not know.
    Unknown,
}

const RECEIPTS: [(Receipt, &str); 6] = [
    (Receipt::EnRoute, "en_route"),
    (Receipt::Delivered, "delivered"),
    (Receipt::Undelivered, "undelivered"),
    (Receipt::Expired, "expired"),
    (Receipt::Rejected, "rejected"),
    (Receipt::Unknown, "unknown"),
];

impl Receipt {
    /// Its name outside.
    pub fn name(self) -> &'static str {
        RECEIPTS[self as usize].1
    }

    /// The number that the database keeps.
    pub const fn stored(self) -> i64 {
        self as i64
    }

    /// From the number that the database keeps.
    pub fn from_stored(stored: i64) -> Option<Self> {
        RECEIPTS.get(usize::try_from(stored).ok()?).map(|(receipt, _)| *receipt)
    }

    /// Which of two receipts for a message that is not known yet is kept: what happens last in a message's life, and of two
    /// ends the delivery.
    #[must_use]
    pub const fn or_later(self, other: Self) -> Self {
        match (self, other) {
            (Self::EnRoute, _) | (_, Self::Delivered) => other,
            _ => self,
        }
    }
}

/// Why a message is in the state that it is in. Named, never free text: what a carrier writes is not shown to anybody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// No route carries this channel, country or kind of number.
    NoRoute,
    /// The route is not connected.
    RouteDown,
    /// The carrier does not know us by the name and secret that we gave.
    LoginRefused,
    /// The carrier wants us to be slower.
    Throttled,
    /// The carrier's queue is full.
    QueueFull,
    /// The carrier had a fault of its own.
    CarrierFault,
    /// The carrier refuses this number or address.
    DestinationRefused,
    /// The carrier refuses what we sent: sender, text or a setting.
    MessageRefused,
    /// What the route may cost in a day is spent.
    CostCap,
    /// No answer came in time.
    NoAnswer,
    /// The connection was lost before the answer.
    LinkLost,
    /// The node that had it died, or lost its way to the database.
    WorkerLost,
    /// A receipt says so.
    Receipt,
}

const REASONS: [(Reason, &str); 13] = [
    (Reason::NoRoute, "no_route"),
    (Reason::RouteDown, "route_down"),
    (Reason::LoginRefused, "login_refused"),
    (Reason::Throttled, "throttled"),
    (Reason::QueueFull, "queue_full"),
    (Reason::CarrierFault, "carrier_fault"),
    (Reason::DestinationRefused, "destination_refused"),
    (Reason::MessageRefused, "message_refused"),
    (Reason::CostCap, "cost_cap"),
    (Reason::NoAnswer, "no_answer"),
    (Reason::LinkLost, "link_lost"),
    (Reason::WorkerLost, "worker_lost"),
    (Reason::Receipt, "receipt"),
];

impl Reason {
    /// Its name in the database and outside.
    pub fn name(self) -> &'static str {
        REASONS[self as usize].1
    }

    /// From its name.
    pub fn from_name(name: &str) -> Option<Self> {
        REASONS.into_iter().find(|(_, known)| *known == name).map(|(reason, _)| reason)
    }
}

/// What a route answered of one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The carrier has it.
    Accepted,
    /// The phone or mailbox has it.
    Delivered,
    /// The carrier refuses it, and so would every other.
    Rejected(Reason),
    /// It certainly was not taken.
    NotTaken(Reason),
    /// Nobody knows.
    Ambiguous(Reason),
}

/// What is done with a message next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// It is settled as this.
    Settle(State, Option<Reason>),
    /// The next route is tried.
    NextRoute,
    /// It waits in the ledger and is tried again then.
    PutBack {
        /// When.
        retry_at: Timestamp,
        /// What its owner is told meanwhile.
        reason: Reason,
    },
}

/// What follows from a route's answer. Only what certainly was not taken goes to another route, or waits for one: anything
/// else could reach its owner twice.
pub fn after(answer: Answer, routes_left: bool, now: Timestamp, (expires_at, retry): (Timestamp, Span)) -> Step {
    match answer {
        Answer::Accepted => Step::Settle(State::Accepted, None),
        Answer::Delivered => Step::Settle(State::Delivered, None),
        Answer::Rejected(reason) => Step::Settle(State::Rejected, Some(reason)),
        Answer::Ambiguous(reason) => Step::Settle(State::Ambiguous, Some(reason)),
        Answer::NotTaken(reason) if now >= expires_at => Step::Settle(State::Expired, Some(reason)),
        Answer::NotTaken(_) if routes_left => Step::NextRoute,
        Answer::NotTaken(reason @ (Reason::NoRoute | Reason::CostCap)) => Step::Settle(State::Rejected, Some(reason)),
        Answer::NotTaken(reason) => Step::PutBack { retry_at: now.plus(retry).min(expires_at), reason },
    }
}

/// What a message is told of that several routes did not take, each for its own reason: a route that may be back in a moment
/// counts for more than one that is closed for the day.
pub fn weightier(one: Option<Reason>, other: Reason) -> Reason {
    match one {
        None | Some(Reason::NoRoute | Reason::CostCap) => other,
        Some(reason) => match other {
            Reason::NoRoute | Reason::CostCap => reason,
            _ => other,
        },
    }
}

/// A message whose lease has run out: its worker died, or lost its way to the database.
#[derive(Clone, Copy, Debug)]
pub struct Abandoned {
    /// Whether the worker had begun to write to a carrier.
    pub wired: bool,
    /// When the message loses its worth.
    pub expires_at: Timestamp,
}

/// What another worker does with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Takeover {
    /// Nothing was written to the wire: it may be sent.
    Send,
    /// Settle it as this.
    Settle(State),
}

impl Abandoned {
    /// A message that may have left is never sent again; one that certainly did not is sent while it is
    /// worth something.
    pub fn takeover(&self, now: Timestamp) -> Takeover {
        if self.wired {
            Takeover::Settle(State::Ambiguous)
        } else if now >= self.expires_at {
            Takeover::Settle(State::Expired)
        } else {
            Takeover::Send
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_stored_and_named_as_listed() {
        for (place, (state, name)) in STATES.into_iter().enumerate() {
            assert_eq!(state.stored(), place as i64);
            assert_eq!(State::from_stored(place as i64), Some(state));
            assert_eq!(state.name(), name);
        }
        assert_eq!(State::from_stored(10), None);
        assert_eq!(State::from_stored(-1), None);
    }

    #[test]
    fn receipts_are_stored_and_named_as_listed() {
        for (place, (receipt, name)) in RECEIPTS.into_iter().enumerate() {
            assert_eq!(receipt.stored(), place as i64);
            assert_eq!(Receipt::from_stored(place as i64), Some(receipt));
            assert_eq!(receipt.name(), name);
        }
        assert_eq!(Receipt::from_stored(6), None);
        assert_eq!(Receipt::from_stored(-1), None);
    }

    #[test]
    fn reasons_are_named_as_listed() {
        for (place, (reason, name)) in REASONS.into_iter().enumerate() {
            assert_eq!((reason as usize, reason.name(), Reason::from_name(name)), (place, name, Some(reason)));
        }
        assert_eq!(Reason::from_name(""), None);
    }

    /// Every state by every receipt, one line for a state: en route, delivered, undelivered, expired, rejected, unknown.
    #[test]
    fn what_a_receipt_makes_of_a_message() {
        use State::{
            Accepted, Ambiguous, Delivered, Expired, Leased, Queued, Rejected, Suppressed, Undelivered, Unknown,
        };
        let moves = [None, Some(Delivered), Some(Undelivered), Some(Expired), Some(Undelivered), Some(Unknown)];
        let corrected = [None, Some(Delivered), None, None, None, None];
        let table = [
            (Queued, [None; 6]),
            (Leased, moves),
            (Accepted, moves),
            (Rejected, [None; 6]),
            (Ambiguous, moves),
            (Delivered, [None; 6]),
            (Undelivered, corrected),
            (Expired, corrected),
            (Unknown, corrected),
            (Suppressed, [None; 6]),
        ];
        for ((state, after), (listed, _)) in table.into_iter().zip(STATES) {
            assert_eq!(state, listed);
            for ((receipt, _), after) in RECEIPTS.into_iter().zip(after) {
                assert_eq!(state.after_receipt(receipt), after, "{state:?} {receipt:?}");
            }
        }
    }

    /// What a row of receipts makes of a message in the end.
    fn end(state: State, receipts: &[Receipt]) -> State {
        receipts.iter().fold(state, |state, receipt| state.after_receipt(*receipt).unwrap_or(state))
    }

    /// All rows of up to five receipts, from every state.
    #[test]
    fn no_order_of_receipts_changes_the_end_if_one_is_a_delivery() {
        let mut rows: Vec<Vec<Receipt>> = vec![Vec::new()];
        for from in 0.. {
            let Some(row) = rows.get(from).filter(|row| row.len() < 5).cloned() else { break };
            rows.extend(RECEIPTS.map(|(receipt, _)| row.iter().copied().chain([receipt]).collect()));
        }
        assert_eq!(rows.len(), 1 + 6 + 36 + 216 + 1_296 + 7_776);
        for ((state, _), row) in STATES.into_iter().flat_map(|state| rows.iter().map(move |row| (state, row))) {
            let last = end(state, row);
            let moves = !matches!(state, State::Queued | State::Rejected | State::Suppressed);
            if row.contains(&Receipt::Delivered) {
                assert_eq!(last, if moves { State::Delivered } else { state }, "{state:?} {row:?}");
            }
            assert!(!last.is_unanswered() || last == state, "{state:?} {row:?}: moved backwards");
            assert_eq!(end(last, row), last, "{state:?} {row:?}: the same receipts twice change nothing");
        }
    }

    /// A receipt that waits for its message stands for all that came: it ends as they would have, one by one.
    #[test]
    fn of_receipts_that_wait_the_telling_one_is_kept() {
        for (first, _) in RECEIPTS {
            for (second, _) in RECEIPTS {
                let kept = end(State::Accepted, &[first.or_later(second)]);
                assert_eq!(kept, end(State::Accepted, &[first, second]), "{first:?} {second:?}");
            }
        }
    }

    #[test]
    fn a_late_answer_never_undoes_a_receipt() {
        for (state, _) in STATES {
            let accepted = matches!(state, State::Leased | State::Ambiguous).then_some(State::Accepted);
            assert_eq!(state.after_acceptance(), accepted, "{state:?}");
        }
    }

    #[test]
    fn only_what_was_not_taken_is_tried_again() {
        let (now, expires_at, retry) = (Timestamp::from_ms(10_000), Timestamp::from_ms(60_000), Span::seconds(5));
        let after = |answer, left, now| after(answer, left, now, (expires_at, retry));
        for (reason, _) in REASONS {
            for left in [true, false] {
                for (answer, step) in [
                    (Answer::Accepted, Step::Settle(State::Accepted, None)),
                    (Answer::Delivered, Step::Settle(State::Delivered, None)),
                    (Answer::Rejected(reason), Step::Settle(State::Rejected, Some(reason))),
                    (Answer::Ambiguous(reason), Step::Settle(State::Ambiguous, Some(reason))),
                ] {
                    assert_eq!(after(answer, left, now), step);
                    assert_eq!(after(answer, left, expires_at), step, "what a carrier has is no longer ours to end");
                }
                let expired = Step::Settle(State::Expired, Some(reason));
                assert_eq!(after(Answer::NotTaken(reason), left, expires_at), expired);
            }
            assert_eq!(after(Answer::NotTaken(reason), true, now), Step::NextRoute);
            let last = match reason {
                Reason::NoRoute | Reason::CostCap => Step::Settle(State::Rejected, Some(reason)),
                _ => Step::PutBack { retry_at: now.plus(retry), reason },
            };
            assert_eq!(after(Answer::NotTaken(reason), false, now), last);
        }
        let soon = Timestamp::from_ms(59_000);
        let back = Step::PutBack { retry_at: expires_at, reason: Reason::RouteDown };
        assert_eq!(after(Answer::NotTaken(Reason::RouteDown), false, soon), back, "no later than its end");
    }

    #[test]
    fn a_route_that_may_come_back_counts_for_more_than_a_spent_one() {
        for (one, other, told) in [
            (None, Reason::CostCap, Reason::CostCap),
            (Some(Reason::CostCap), Reason::RouteDown, Reason::RouteDown),
            (Some(Reason::RouteDown), Reason::CostCap, Reason::RouteDown),
            (Some(Reason::RouteDown), Reason::Throttled, Reason::Throttled),
        ] {
            assert_eq!(weightier(one, other), told);
        }
    }

    #[test]
    fn what_was_on_the_wire_is_never_sent_again() {
        let now = Timestamp::from_ms(1_000);
        for (wired, expires_ms, takeover) in [
            (true, 2_000, Takeover::Settle(State::Ambiguous)),
            (true, 500, Takeover::Settle(State::Ambiguous)),
            (false, 2_000, Takeover::Send),
            (false, 1_000, Takeover::Settle(State::Expired)),
        ] {
            let abandoned = Abandoned { wired, expires_at: Timestamp::from_ms(expires_ms) };
            assert_eq!(abandoned.takeover(now), takeover);
        }
    }
}
