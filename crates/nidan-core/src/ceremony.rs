//! A ceremony: one bounded attempt to prove something with codes. A sign-in is one; so is the confirming of an e-mail
//! address or of a new method.
//!
//! Its tries are counted here, whatever method the codes are for, and taken *before* a code is compared. The store carries
//! [`Ceremony::charge`] out as one guarded update whose limits come from [`Policy`], so that a thousand parallel requests
//! get as many evaluated guesses as one after another would.

use crate::code::{Code, Digits, Typed};
use crate::ladder::Step;
use crate::ledger::State;
use crate::message::Channel;
use crate::policy::Policy;
use crate::time::Timestamp;
use crate::token::TokenHash;
use crate::totp::{self, Learnt, Seed, TotpVerdict};

/// What a right code will do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// Complete a sign-in.
    SignIn,
    /// Confirm the account's e-mail address.
    ConfirmEmail,
    /// Confirm a new method.
    ConfirmAuthenticator,
}

impl Purpose {
    /// The number that the database keeps, and that codes are bound to.
    pub const fn stored(self) -> i64 {
        match self {
            Self::SignIn => 1,
            Self::ConfirmEmail => 2,
            Self::ConfirmAuthenticator => 3,
        }
    }

    /// From the number that the database keeps.
    pub const fn from_stored(stored: i64) -> Option<Self> {
        match stored {
            1 => Some(Self::SignIn),
            2 => Some(Self::ConfirmEmail),
            3 => Some(Self::ConfirmAuthenticator),
            _ => None,
        }
    }
}

/// Where a ceremony stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// A code is awaited.
    Open,
    /// A right code was given; it can do nothing more.
    Finished,
    /// Given up: another took its place, or its account forbids it.
    Ended,
}

impl Stage {
    /// The number that the database keeps.
    pub const fn stored(self) -> i64 {
        match self {
            Self::Open => 0,
            Self::Finished => 1,
            Self::Ended => 2,
        }
    }

    /// From the number that the database keeps.
    pub const fn from_stored(stored: i64) -> Option<Self> {
        match stored {
            0 => Some(Self::Open),
            1 => Some(Self::Finished),
            2 => Some(Self::Ended),
            _ => None,
        }
    }
}

/// Who may go on with a ceremony: it is bound to where it was begun.
#[derive(Clone, Copy, Debug)]
pub enum Holder {
    /// The browser that keeps the token of this hash.
    Browser(TokenHash),
    /// A site, by its API key.
    Site,
}

impl Holder {
    /// Whether what is `presented` now is what began the ceremony.
    pub fn admits(&self, presented: &Self) -> bool {
        match (self, presented) {
            (Self::Browser(kept), Self::Browser(presented)) => kept.same(presented),
            (Self::Site, Self::Site) => true,
            (Self::Browser(_), Self::Site) | (Self::Site, Self::Browser(_)) => false,
        }
    }
}

/// The state of one ceremony.
#[derive(Clone, Copy, Debug)]
pub struct Ceremony {
    /// What a right code will do.
    pub purpose: Purpose,
    /// Who may go on with it.
    pub holder: Holder,
    /// Where it stands.
    pub stage: Stage,
    /// Codes evaluated so far.
    pub tries: u8,
    /// The account's security epoch when it was opened; any later epoch ends it.
    pub sec_epoch: i64,
    /// When it closes by itself.
    pub expires_at: Timestamp,
}

/// What a check of a code says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The right code; what it was for is done.
    Accepted,
    /// Not the code.
    Wrong {
        /// How many more will be evaluated.
        tries_left: u8,
    },
    /// The code, or what it was for, is over. Also: given up, ended from elsewhere.
    Expired,
    /// Too many wrong codes; no more are evaluated.
    UsedUp,
    /// The code was accepted once already.
    AlreadyUsed,
    /// Not as many digits as asked for: costs no try.
    NotACode,
    /// After many wrong codes this one is too short: a longer one, two of an app, or another way. Costs no try.
    StrongerProofNeeded,
}

impl Verdict {
    /// Its name outside.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Wrong { .. } => "wrong",
            Self::Expired => "expired",
            Self::UsedUp => "used_up",
            Self::AlreadyUsed => "already_used",
            Self::NotACode => "not_a_code",
            Self::StrongerProofNeeded => "stronger_proof_needed",
        }
    }
}

impl Ceremony {
    /// Takes one try, or says why none is to be had. `epoch` is the account's security epoch now.
    ///
    /// # Errors
    /// The verdict to give instead of evaluating a code.
    pub fn charge(self, epoch: i64, now: Timestamp, policy: &Policy) -> Result<Self, Verdict> {
        match self.stage {
            Stage::Finished => Err(Verdict::AlreadyUsed),
            Stage::Ended => Err(Verdict::Expired),
            Stage::Open if self.sec_epoch != epoch || now >= self.expires_at => Err(Verdict::Expired),
            Stage::Open if self.tries >= policy.code_tries_max => Err(Verdict::UsedUp),
            Stage::Open => Ok(Self { tries: self.tries + 1, ..self }),
        }
    }

    /// How many more codes would be evaluated.
    pub fn tries_left(&self, policy: &Policy) -> u8 {
        policy.code_tries_max.saturating_sub(self.tries)
    }

    /// Closes with a right code.
    #[must_use]
    pub fn finish(self) -> Self {
        Self { stage: Stage::Finished, ..self }
    }
}

/// The code of one destination within a ceremony: how long it lives and how often it was sent.
#[derive(Clone, Copy, Debug)]
pub struct Challenge {
    /// How long the code is.
    pub digits: Digits,
    /// When the code dies.
    pub expires_at: Timestamp,
    /// Messages sent for it.
    pub sent: u8,
    /// When the last of them was sent.
    pub last_sent_at: Timestamp,
}

/// The newest message of a challenge, as far as the next one depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Newest {
    /// What became of it so far.
    pub state: State,
    /// How it goes.
    pub channel: Channel,
    /// Whether its route takes messages and brings none to an end: what it holds comes all at once when it recovers.
    pub stalled: bool,
}

/// Whether one more message may be sent for a challenge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resend {
    /// Yes: the `n`-th.
    Send {
        /// Which message of the challenge it is.
        n: u8,
    },
    /// Not before then.
    TooEarly {
        /// When it may be asked for.
        at: Timestamp,
    },
    /// The newest is being sent: nobody has answered for it yet, and a second one might double it.
    OnItsWay {
        /// When it may be asked for, if there is an answer by then.
        at: Timestamp,
    },
    /// The carrier holds the newest back: more of them would arrive as a flood.
    Held {
        /// How long what is held is still worth something.
        until: Timestamp,
    },
    /// No more messages for this challenge.
    NoMore,
    /// The code is dead; a resend would repeat it.
    Expired,
}

impl Challenge {
    /// A challenge whose first message is claimed now.
    pub fn open(digits: Digits, now: Timestamp, policy: &Policy) -> Self {
        Self { digits, expires_at: now.plus(policy.code_life), sent: 1, last_sent_at: now }
    }

    /// Whether its code still counts.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    /// Whether another message may be sent: three at most, spaced 30, 60, 120 s unless the newest has certainly failed, and
    /// none while the newest may still become two.
    pub fn resend(&self, newest: &Newest, now: Timestamp, policy: &Policy) -> Resend {
        if !self.is_alive(now) {
            return Resend::Expired;
        }
        let Some(at) = self.resend_at(newest, policy) else { return Resend::NoMore };
        match newest.state {
            State::Queued | State::Leased => Resend::OnItsWay { at },
            State::Accepted if newest.stalled && newest.channel == Channel::Sms => {
                Resend::Held { until: self.expires_at }
            }
            _ if now < at => Resend::TooEarly { at },
            _ => Resend::Send { n: self.sent + 1 },
        }
    }

    /// The earliest time at which another message may be asked for, if nothing else is in its way; none: no more are sent.
    pub fn resend_at(&self, newest: &Newest, policy: &Policy) -> Option<Timestamp> {
        if self.sent >= policy.sms_per_challenge_max {
            return None;
        }
        let wait = policy.resend_wait.get(usize::from(self.sent.saturating_sub(1)))?;
        Some(if newest.state.failed() { self.last_sent_at } else { self.last_sent_at.plus(*wait) })
    }
}

/// The code that a ceremony awaits.
pub enum Awaited<'a> {
    /// One that was sent.
    Sent(&'a Challenge, &'a Code),
    /// One of a confirmed authenticator app.
    App(&'a Seed, Learnt),
    /// The first one of an app that is being set up.
    NewApp(&'a Seed),
    /// None any more: its method is gone, or it was never sent.
    Nothing,
}

/// What was typed, by whom, and when.
pub struct Attempt<'a> {
    /// Who presents the code.
    pub presented: &'a Holder,
    /// What was typed.
    pub typed: &'a str,
    /// The app's following code, where it was typed as well.
    pub next: Option<&'a str>,
    /// The account's security epoch now.
    pub epoch: i64,
    /// Now.
    pub now: Timestamp,
}

/// What a check of a code came to: to be stored before anybody is told the verdict.
pub struct Checked {
    /// What the ceremony has become. A try more than before: a code was evaluated.
    pub ceremony: Ceremony,
    /// What the success of an app's code teaches.
    pub learnt: Option<Learnt>,
    /// What to tell.
    pub verdict: Verdict,
}

/// What is to be compared: the ceremony with the try taken, and the one or two codes as they are read.
struct ToCompare {
    charged: Ceremony,
    typed: Typed,
    next: Option<Typed>,
}

/// Everything but the comparing. `None` where the ceremony is not the presenter's.
fn to_compare(
    ceremony: Ceremony,
    awaited: &Awaited<'_>,
    attempt: &Attempt<'_>,
    policy: &Policy,
) -> Option<Result<ToCompare, Verdict>> {
    if !ceremony.holder.admits(attempt.presented) {
        return None;
    }
    let digits = match awaited {
        Awaited::Sent(challenge, _) => challenge.digits,
        // Until it is known what is awaited, both lengths are taken.
        Awaited::Nothing if Typed::fold(attempt.typed, Digits::Eight).is_some() => Digits::Eight,
        Awaited::App(..) | Awaited::NewApp(_) | Awaited::Nothing => Digits::Six,
    };
    let may_be_pair = matches!(awaited, Awaited::App(..) | Awaited::Nothing);
    let next = attempt.next.map(|next| Typed::fold(next, Digits::Six).filter(|_| may_be_pair));
    let (Some(typed), None | Some(Some(_))) = (Typed::fold(attempt.typed, digits), &next) else {
        return Some(Err(Verdict::NotACode));
    };
    Some(match ceremony.charge(attempt.epoch, attempt.now, policy) {
        Err(verdict) => Err(verdict),
        Ok(charged) => match awaited {
            Awaited::Nothing => Err(Verdict::Expired),
            Awaited::Sent(challenge, _) if !challenge.is_alive(attempt.now) => Err(Verdict::Expired),
            _ => Ok(ToCompare { charged, typed, next: next.flatten() }),
        },
    })
}

/// How strong a proof [`check`] would compare: what [`crate::ladder::Guesses::charge`] is to be asked for before. `None`: nothing
/// would be compared.
pub fn offered(ceremony: Ceremony, awaited: &Awaited<'_>, attempt: &Attempt<'_>, policy: &Policy) -> Option<Step> {
    let to_compare = to_compare(ceremony, awaited, attempt, policy)?.ok()?;
    Some(match awaited {
        Awaited::Sent(Challenge { digits: Digits::Eight, .. }, _) => Step::EightOrPair,
        Awaited::App(..) if to_compare.next.is_some() => Step::EightOrPair,
        _ => Step::Six,
    })
}

/// Checks a code. `None` where the ceremony is not the presenter's, who is told nothing.
pub fn check(ceremony: Ceremony, awaited: &Awaited<'_>, attempt: &Attempt<'_>, policy: &Policy) -> Option<Checked> {
    let ToCompare { charged, typed, next } = match to_compare(ceremony, awaited, attempt, policy)? {
        Ok(to_compare) => to_compare,
        Err(verdict) => return Some(Checked { ceremony, learnt: None, verdict }),
    };
    let wrong =
        Checked { ceremony: charged, learnt: None, verdict: Verdict::Wrong { tries_left: charged.tries_left(policy) } };
    let right = |learnt| Checked { ceremony: charged.finish(), learnt, verdict: Verdict::Accepted };
    let of_app = match (awaited, &next) {
        (Awaited::Nothing, _) => return Some(Checked { ceremony, learnt: None, verdict: Verdict::Expired }),
        (Awaited::Sent(_, code), _) => return Some(if code.matches(&typed) { right(None) } else { wrong }),
        (Awaited::App(seed, learnt), Some(next)) => {
            totp::verify_pair(seed, [typed.expose(), next.expose()], attempt.now, *learnt, policy)
        }
        (Awaited::App(seed, learnt), None) => totp::verify(seed, typed.expose(), attempt.now, *learnt, policy),
        (Awaited::NewApp(seed), _) => totp::enrol(seed, typed.expose(), attempt.now),
    };
    Some(match of_app {
        TotpVerdict::Accepted { step, drift } => right(Some(Learnt { last_step: step, drift })),
        TotpVerdict::AlreadyUsed => Checked { verdict: Verdict::AlreadyUsed, ..wrong },
        TotpVerdict::Wrong => wrong,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

    fn open() -> Ceremony {
        Ceremony {
            purpose: Purpose::SignIn,
            holder: Holder::Site,
            stage: Stage::Open,
            tries: 0,
            sec_epoch: 1,
            expires_at: NOW.plus(Span::minutes(20)),
        }
    }

    fn typed<'a>(typed: &'a str, now: Timestamp) -> Attempt<'a> {
        Attempt { presented: &Holder::Site, typed, next: None, epoch: 1, now }
    }

    #[test]
    fn a_code_of_an_app_is_taken_once_and_a_repeated_one_costs_a_try() {
        let (policy, seed) = (Policy::default(), Seed::new([7; 20]));
        let code = totp::code_at(&seed, totp::step_at(NOW));
        let attempt = typed(code.expose(), NOW);
        let first = check(open(), &Awaited::App(&seed, Learnt::default()), &attempt, &policy).expect("the site's");
        assert_eq!((first.verdict, first.ceremony.stage), (Verdict::Accepted, Stage::Finished));
        let learnt = first.learnt.expect("a step");
        assert_eq!(learnt.last_step, totp::step_at(NOW));
        let again = check(open(), &Awaited::App(&seed, learnt), &attempt, &policy).expect("the site's");
        assert_eq!((again.verdict, again.ceremony.stage), (Verdict::AlreadyUsed, Stage::Open));
        assert_eq!((again.ceremony.tries, again.learnt), (1, None));
    }

    #[test]
    fn why_a_ceremony_is_over_is_told_whatever_became_of_its_method() {
        let policy = Policy::default();
        let finished = Ceremony { stage: Stage::Finished, ..open() };
        let used_up = Ceremony { tries: policy.code_tries_max, ..open() };
        for (ceremony, epoch, verdict) in [
            (open(), 1, Verdict::Expired),
            (finished, 1, Verdict::AlreadyUsed),
            (used_up, 1, Verdict::UsedUp),
            (used_up, 2, Verdict::Expired),
        ] {
            let attempt = Attempt { epoch, ..typed("000000", NOW) };
            let checked = check(ceremony, &Awaited::Nothing, &attempt, &policy).expect("the site's");
            assert_eq!((checked.verdict, checked.ceremony.tries), (verdict, ceremony.tries));
        }
    }

    #[test]
    fn another_message_waits_for_the_answer_to_the_newest() {
        use Resend::{Held, NoMore, OnItsWay, Send, TooEarly};
        let policy = Policy::default();
        let first = Challenge::open(Digits::Six, NOW, &policy);
        let (at, until) = (NOW.plus(Span::seconds(30)), first.expires_at);
        let (early, waits, holds, again) = (TooEarly { at }, OnItsWay { at }, Held { until }, Send { n: 2 });
        for (state, at_once, spaced, stalled) in [
            (State::Queued, waits, waits, waits),
            (State::Leased, waits, waits, waits),
            (State::Accepted, early, again, holds),
            (State::Delivered, early, again, again),
            (State::Ambiguous, early, again, again),
            (State::Unknown, early, again, again),
            (State::Suppressed, early, again, again),
            (State::Rejected, again, again, again),
            (State::Undelivered, again, again, again),
            (State::Expired, again, again, again),
        ] {
            let newest = |stalled| Newest { state, channel: Channel::Sms, stalled };
            assert_eq!(first.resend(&newest(false), NOW, &policy), at_once, "{}", state.name());
            assert_eq!(first.resend(&newest(false), at, &policy), spaced, "{}", state.name());
            assert_eq!(first.resend(&newest(true), at, &policy), stalled, "{}", state.name());
            let mail = Newest { channel: Channel::Email, ..newest(true) };
            assert_eq!(first.resend(&mail, at, &policy), spaced, "{}: only SMS are held back", state.name());
            let last = Challenge { sent: policy.sms_per_challenge_max, ..first };
            assert_eq!(last.resend(&newest(false), at, &policy), NoMore, "{}", state.name());
            assert_eq!(first.resend(&newest(false), until, &policy), Resend::Expired, "{}", state.name());
        }
    }
}
