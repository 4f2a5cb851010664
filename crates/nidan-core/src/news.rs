//! What the owner of an account is told of the message that brings a code, while it is waited for: honest words, and when
//! another way is put before him.

use crate::ledger::State;
use crate::message::Channel;
use crate::policy::Policy;
use crate::time::Span;

/// What is known of a message, in the words of whoever waits for it. The carrier's own are shown to nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum News {
    /// It is being sent.
    Sending,
    /// The carrier, or the mail server, has it.
    HandedOver,
    /// It reached the phone or mailbox.
    Delivered,
    /// It did not, and will not.
    Failed,
    /// Nobody knows whether it went out or arrived.
    Unknown,
    /// It should have arrived by now, and nothing says that it did.
    Silence,
}

/// What whoever waits is told, and offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Told {
    /// What is known.
    pub news: News,
    /// Whether another way is put before him, instead of being there to be found.
    pub other_way_due: bool,
}

impl Told {
    /// Of a message in `state` that is waited for since `waited`. Silence is said of SMS alone: a mail server that took a
    /// message never says more.
    pub fn of(state: State, channel: Channel, waited: Span, policy: &Policy) -> Self {
        let long = waited >= policy.news_wait;
        let news = match state {
            State::Accepted if channel == Channel::Email => News::HandedOver,
            State::Queued | State::Leased | State::Accepted if long => News::Silence,
            State::Queued | State::Leased => News::Sending,
            State::Accepted => News::HandedOver,
            State::Delivered => News::Delivered,
            State::Rejected | State::Undelivered | State::Expired | State::Suppressed => News::Failed,
            State::Ambiguous | State::Unknown => News::Unknown,
        };
        let other_way_due = match news {
            News::Failed => true,
            News::Delivered => false,
            News::Sending | News::HandedOver | News::Unknown | News::Silence => long,
        };
        Self { news, other_way_due }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_honest_and_another_way_comes_at_once_or_after_45_s() {
        use News::{Delivered, Failed, HandedOver, Sending, Silence, Unknown};
        let policy = Policy::default();
        for (state, at_once, after_44, after_45) in [
            (State::Queued, (Sending, false), (Sending, false), (Silence, true)),
            (State::Leased, (Sending, false), (Sending, false), (Silence, true)),
            (State::Accepted, (HandedOver, false), (HandedOver, false), (Silence, true)),
            (State::Delivered, (Delivered, false), (Delivered, false), (Delivered, false)),
            (State::Ambiguous, (Unknown, false), (Unknown, false), (Unknown, true)),
            (State::Unknown, (Unknown, false), (Unknown, false), (Unknown, true)),
            (State::Rejected, (Failed, true), (Failed, true), (Failed, true)),
            (State::Undelivered, (Failed, true), (Failed, true), (Failed, true)),
            (State::Expired, (Failed, true), (Failed, true), (Failed, true)),
            (State::Suppressed, (Failed, true), (Failed, true), (Failed, true)),
        ] {
            for (seconds, (news, other_way_due)) in [(0, at_once), (44, after_44), (45, after_45)] {
                let told = Told::of(state, Channel::Sms, Span::seconds(seconds), &policy);
                assert_eq!(told, Told { news, other_way_due }, "{} after {seconds} s", state.name());
            }
        }
        let mail = Told::of(State::Accepted, Channel::Email, Span::minutes(5), &policy);
        assert_eq!(mail, Told { news: HandedOver, other_way_due: true });
    }
}
