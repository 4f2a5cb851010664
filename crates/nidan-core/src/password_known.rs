//! When somebody else is taken to know the password, and what follows: lane U of that account sends no more messages.
//!
//! What is judged are the sign-ins of an account that had the right password and came from unknown devices. Those that nobody
//! completed, though their message arrived, are what a thief leaves behind. Guesses typed make no difference: a
//! thief who answers wrongly is no owner.
//!
//! **What is stored** with the account: [`Closure`]. Sign-ins since the last change of the password are read from the
//! account's own rows; nothing is counted twice.
//!
//! **What still works when it is closed:** known devices (lane K), the app, recovery codes, and a secret from the mailbox, which frees one
//! message and the tries of that one sign-in ([`crate::budget::Kind::ReleaseDay`]).
//! **What ends it:** a change of the password; that is also the moment before which nothing is judged.

use crate::ledger::State;
use crate::policy::Policy;
use crate::time::{Span, Timestamp};

/// Bits that a secret from the mailbox has at least.
pub const RELEASE_SECRET_BITS: u32 = 50;
/// Messages that one release frees.
pub const RELEASE_MESSAGES: u8 = 1;

/// A sign-in with the right password from an unknown device, for which a message was asked and not suppressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignIn {
    /// When its challenge was opened.
    pub opened_at: Timestamp,
    /// Whether it was completed, itself: the owner's signing-in elsewhere changes nothing.
    pub completed: bool,
    /// Whether its code still counts.
    pub alive: bool,
    /// Whether a message of it arrived, as far as is known.
    pub arrived: Arrived,
}

/// Whether a message arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrived {
    /// It did, or its route never tells.
    Yes,
    /// Its route tells, and has not yet.
    NotKnown,
    /// It did not.
    No,
}

impl Arrived {
    /// Of one message. A missing receipt is no proof that it did not arrive, and none that it did.
    pub const fn of(state: State, route_tells: bool) -> Self {
        match state {
            State::Delivered => Self::Yes,
            State::Accepted | State::Ambiguous | State::Unknown if !route_tells => Self::Yes,
            State::Queued | State::Leased | State::Accepted | State::Ambiguous | State::Unknown => Self::NotKnown,
            State::Rejected | State::Undelivered | State::Expired | State::Suppressed => Self::No,
        }
    }

    /// Of several messages of one challenge.
    pub fn any(messages: impl IntoIterator<Item = Self>) -> Self {
        messages.into_iter().fold(Self::No, |so_far, one| match (so_far, one) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::NotKnown, _) | (_, Self::NotKnown) => Self::NotKnown,
            (Self::No, Self::No) => Self::No,
        })
    }
}

/// What is kept with the account.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Closure {
    /// Since when the lane is closed, if it is.
    pub closed_at: Option<Timestamp>,
    /// When its owner was last written to about it.
    pub told_at: Option<Timestamp>,
    /// Attempts that were stopped since then.
    pub stopped: u32,
}

/// Whether lane U may open one more sign-in with a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LaneU {
    /// Yes.
    Open,
    /// Not yet: as many as it takes to close the lane are unanswered, and a code of some still counts.
    UnderWay {
        /// When it will be judged again at the latest: no code lives longer.
        until: Timestamp,
    },
    /// No: somebody else has the password.
    Closed,
}

/// What the owner is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notice {
    /// Once, by SMS and e-mail: somebody has your password.
    Alert,
    /// Once a day at most, by e-mail: so many more were stopped.
    Summary {
        /// How many.
        stopped: u32,
    },
}

/// Judges lane U by the sign-ins of the last 7 days, before one more is opened and when a code of one dies. `changed_at` is when
/// the password was last changed.
pub fn judge(
    sign_ins: &[SignIn],
    closure: &Closure,
    changed_at: Option<Timestamp>,
    now: Timestamp,
    policy: &Policy,
) -> LaneU {
    if closure.is_closed(changed_at) {
        return LaneU::Closed;
    }
    let unanswered = |sign_in: &&SignIn| !sign_in.completed && changed_at.is_none_or(|at| sign_in.opened_at > at);
    let over = |sign_in: &&SignIn| !sign_in.alive && sign_in.arrived == Arrived::Yes;
    let pending = |sign_in: &&SignIn| sign_in.alive && sign_in.arrived != Arrived::No;
    let mut under_way = false;
    for (most, days) in [(policy.password_known_day_max, 1), (policy.password_known_week_max, 7)] {
        let since = now.minus(Span::days(days));
        let recent = || sign_ins.iter().filter(unanswered).filter(|sign_in| sign_in.opened_at > since);
        if recent().filter(over).count() >= most.into() {
            return LaneU::Closed;
        }
        under_way |= recent().filter(|sign_in| over(sign_in) || pending(sign_in)).count() >= most.into();
    }
    if under_way { LaneU::UnderWay { until: now.plus(policy.code_life) } } else { LaneU::Open }
}

impl Closure {
    /// Whether the lane is closed: it was, and the password was not changed since.
    pub fn is_closed(&self, changed_at: Option<Timestamp>) -> bool {
        self.closed_at.is_some_and(|closed| changed_at.is_none_or(|changed| changed < closed))
    }

    /// Closes the lane, because [`judge`] says so or the owner ("this was not me").
    #[must_use]
    pub fn close(self, changed_at: Option<Timestamp>, now: Timestamp) -> Self {
        if self.is_closed(changed_at) { self } else { Self { closed_at: Some(now), ..Self::default() } }
    }

    /// Notes an attempt that was stopped.
    #[must_use]
    pub const fn stopped(self) -> Self {
        Self { stopped: self.stopped.saturating_add(1), ..self }
    }

    /// What the owner is to be written now, and the state after that.
    pub fn notice(self, changed_at: Option<Timestamp>, now: Timestamp) -> Option<(Notice, Self)> {
        if !self.is_closed(changed_at) {
            return None;
        }
        let notice = match self.told_at {
            None => Notice::Alert,
            Some(told) if self.stopped > 0 && now.since(told) >= Span::days(1) => {
                Notice::Summary { stopped: self.stopped }
            }
            Some(_) => return None,
        };
        Some((notice, Self { told_at: Some(now), stopped: 0, ..self }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 60;
    const DAY: i64 = 24 * HOUR;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_ms(1_800_000_000_000 + minutes * 60_000)
    }

    /// A sign-in so many minutes ago that arrived, is over, and was not completed.
    fn left(minutes_ago: i64) -> SignIn {
        SignIn { opened_at: at(-minutes_ago), completed: false, alive: minutes_ago < 10, arrived: Arrived::Yes }
    }

    fn lane(sign_ins: &[SignIn]) -> LaneU {
        judge(sign_ins, &Closure::default(), None, at(0), &Policy::default())
    }

    #[test]
    fn three_in_a_day_or_six_in_a_week_close_it() {
        for (minutes_ago, closed) in [
            (&[11, 12][..], false),
            (&[10, 11, 12], true),
            (&[10, 11, DAY - 1], true),
            (&[10, 11, DAY], false),
            (&[10, 11, 2 * DAY, 3 * DAY, 4 * DAY], false),
            (&[10, 11, 2 * DAY, 3 * DAY, 4 * DAY, 5 * DAY], true),
            (&[10, 11, 2 * DAY, 3 * DAY, 4 * DAY, 7 * DAY], false),
            (&[10, 11, 2 * DAY, 3 * DAY, 4 * DAY, 7 * DAY - 1], true),
        ] {
            let sign_ins: Vec<SignIn> = minutes_ago.iter().map(|minutes| left(*minutes)).collect();
            assert_eq!(lane(&sign_ins), if closed { LaneU::Closed } else { LaneU::Open }, "{minutes_ago:?}");
        }
    }

    #[test]
    fn what_is_under_way_sends_no_fourth_message_and_closes_nothing() {
        let until = at(10);
        assert_eq!(lane(&[left(1), left(2), left(3)]), LaneU::UnderWay { until });
        assert_eq!(lane(&[left(1), left(11), left(12)]), LaneU::UnderWay { until });
        assert_eq!(lane(&[left(1), left(2)]), LaneU::Open);
        let on_its_way = SignIn { arrived: Arrived::NotKnown, ..left(1) };
        assert_eq!(lane(&[on_its_way; 3]), LaneU::UnderWay { until });
        let one_completed = SignIn { completed: true, ..left(1) };
        assert_eq!(lane(&[one_completed, left(2), left(3)]), LaneU::Open);
    }

    #[test]
    fn what_did_not_arrive_or_was_completed_or_was_before_the_change_does_not_count() {
        let gone = left(20);
        for spared in [
            SignIn { completed: true, ..gone },
            SignIn { arrived: Arrived::No, ..gone },
            SignIn { arrived: Arrived::NotKnown, ..gone },
            SignIn { arrived: Arrived::No, alive: true, ..gone },
        ] {
            assert_eq!(lane(&[gone, gone, spared]), LaneU::Open, "{spared:?}");
            assert_eq!(lane(&[gone, gone, spared, gone]), LaneU::Closed);
        }
        let changed = |minutes| judge(&[gone; 3], &Closure::default(), Some(at(minutes)), at(0), &Policy::default());
        assert_eq!((changed(-20), changed(-21)), (LaneU::Open, LaneU::Closed));
    }

    #[test]
    fn only_a_change_of_the_password_opens_it_again() {
        let closure = Closure::default().close(None, at(0));
        let lane = |changed, now| judge(&[], &closure, changed, at(now), &Policy::default());
        assert_eq!(lane(None, 400 * DAY), LaneU::Closed, "not by itself");
        assert_eq!(lane(Some(at(-1)), 1), LaneU::Closed);
        assert_eq!(lane(Some(at(0)), 1), LaneU::Open);
        assert_eq!(lane(Some(at(1)), 2), LaneU::Open);
        assert_eq!(closure.close(None, at(5)).closed_at, Some(at(0)), "closed already");
        assert_eq!(closure.close(Some(at(3)), at(5)).closed_at, Some(at(5)), "a new time");
    }

    #[test]
    fn one_alert_and_a_summary_a_day_at_most() {
        let notice = |closure: Closure, minutes| closure.notice(None, at(minutes));
        assert_eq!(notice(Closure::default(), 0), None);
        let (alert, told) = notice(Closure::default().close(None, at(0)).stopped(), 0).expect("closed");
        assert_eq!((alert, told.stopped, told.told_at), (Notice::Alert, 0, Some(at(0))));
        assert_eq!(notice(told, 2 * DAY), None, "nothing was stopped");
        let busy = told.stopped().stopped();
        assert_eq!(notice(busy, DAY - 1), None);
        let (summary, told) = notice(busy, DAY).expect("a day later");
        assert_eq!(summary, Notice::Summary { stopped: 2 });
        assert_eq!(notice(told.stopped(), 2 * DAY - 1), None);
        assert_eq!(told.stopped().notice(Some(at(DAY + 1)), at(3 * DAY)), None, "the password was changed");
    }

    #[test]
    fn receipts_say_whether_it_arrived() {
        for (state, tells, silent) in [
            (State::Queued, Arrived::NotKnown, Arrived::NotKnown),
            (State::Leased, Arrived::NotKnown, Arrived::NotKnown),
            (State::Accepted, Arrived::NotKnown, Arrived::Yes),
            (State::Rejected, Arrived::No, Arrived::No),
            (State::Ambiguous, Arrived::NotKnown, Arrived::Yes),
            (State::Delivered, Arrived::Yes, Arrived::Yes),
            (State::Undelivered, Arrived::No, Arrived::No),
            (State::Expired, Arrived::No, Arrived::No),
            (State::Unknown, Arrived::NotKnown, Arrived::Yes),
            (State::Suppressed, Arrived::No, Arrived::No),
        ] {
            assert_eq!((Arrived::of(state, true), Arrived::of(state, false)), (tells, silent), "{state:?}");
        }
        let any = |all: &[Arrived]| Arrived::any(all.iter().copied());
        assert_eq!(any(&[]), Arrived::No);
        assert_eq!(any(&[Arrived::No, Arrived::NotKnown]), Arrived::NotKnown);
        assert_eq!(any(&[Arrived::NotKnown, Arrived::Yes, Arrived::No]), Arrived::Yes);
    }
}
