//! The ledger of messages: what may become of one, and what a crash means.

use crate::time::Timestamp;

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
}

/// What a carrier says became of a message it had taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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
