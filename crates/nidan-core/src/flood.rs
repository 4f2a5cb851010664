//! Which flood is it? The verdict about the messages of one account in the last 24 hours, from plain facts, with the numbers
//! that the owner is shown beside it; and apart from it, for the operator, whether somebody pumps messages.
//!
//! Every verdict has its signs (`signs`). A fault of ours, and messages that do not arrive, win over the rest: then nothing
//! else can be told. Of the others exactly one has to fit; if two do, or if there are many sign-ins that fit none, the card says
//! that we cannot tell, and that the password is better changed.

use std::collections::BTreeSet;

use crate::password_known::Arrived;
use crate::time::{Span, Timestamp};

/// Sign-ins from unknown devices from which on it is no accident.
const ATTEMPTS_MIN: usize = 3;
/// Messages of them that arrived: before that, it is no flood.
const ARRIVED_MIN: usize = 2;
/// Messages that did not arrive, from which on that is the trouble.
const LOST_MIN: usize = 2;
/// Presses within one sign-in from which on its owner is impatient.
const PRESSES_MIN: usize = 3;
/// Between two presses of somebody who is waiting.
const PRESS_GAP: Span = Span::seconds(60);
/// Between two identical requests of a program that repeats itself.
const RETRY_GAP: Span = Span::seconds(2);
/// After two-step verification was turned on, how soon a program notices that its password no longer does.
const MACHINE_BEGINS: Span = Span::minutes(60);
/// Without an attempt for so long, a series is over.
const SERIES_GAP: Span = Span::days(1);
/// Standard deviation of the intervals over their mean, squared, below which they are regular: 0.3².
const REGULAR_CV_SQUARED: f64 = 0.09;

/// Something that was asked for, whether it was granted or not. Networks, programs, devices, keys and sign-ins are numbered by
/// the caller: only whether two are the same matters here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// When.
    pub at: Timestamp,
    /// Which sign-in it opens or belongs to.
    pub sign_in: u32,
    /// Whether it is a press of "send again", granted or too early; otherwise it opens the sign-in.
    pub press: bool,
    /// Whether the password was right.
    pub password_right: bool,
    /// Through which API key, if it came from a site.
    pub api_key: Option<u32>,
    /// The client's network.
    pub network: u32,
    /// Whether sign-ins from this network succeeded within the 90 days before.
    pub network_seen: bool,
    /// The client's program.
    pub program: u32,
    /// Whether sign-ins with this program from this network succeeded within the 90 days before.
    pub program_seen: bool,
    /// The device whose token came along.
    pub device: Option<u32>,
    /// Whether that device had completed the second step before.
    pub device_known: bool,
    /// Codes typed in the sign-in.
    pub tries: u8,
    /// Whether the sign-in was completed.
    pub completed: bool,
    /// Whether its code still counts.
    pub alive: bool,
}

/// A message that was handed to a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sent {
    /// Which sign-in it belongs to.
    pub sign_in: u32,
    /// Which challenge.
    pub challenge: u32,
    /// Which message of it.
    pub n: u8,
    /// Whether it arrived.
    pub arrived: Arrived,
    /// Whether its route tells of arrivals and has been silent for longer than it should.
    pub overdue: bool,
    /// Ends that the carrier told of, each of its ids once: more than one where it sent the message more often than it was given
    /// it. A receipt that comes twice is one.
    pub deliveries: u8,
    /// Whether it was sent unasked, in place of one that certainly did not arrive.
    pub instead: bool,
}

/// A completed sign-in of the last 90 days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Whether its device had completed the second step before.
    pub device_known: bool,
    /// Whether its network had been seen before.
    pub network_seen: bool,
}

/// All that is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Of the last 24 hours, in order of time.
    pub requests: &'a [Request],
    /// Messages of the last 24 hours.
    pub messages: &'a [Sent],
    /// Completed sign-ins of the last 90 days.
    pub entries: &'a [Entry],
    /// When two-step verification was turned on.
    pub two_step_since: Option<Timestamp>,
    /// When the unbroken series of uncompleted sign-ins from unknown devices began, should that be longer ago than 24 hours.
    pub series_began: Option<Timestamp>,
}

/// The verdict with the numbers that the card shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nothing unusual.
    None,
    /// Our fault, or the site's program: the password is not out.
    OwnBug {
        /// Messages sent.
        messages: usize,
        /// Messages that were asked for.
        wanted: usize,
        /// Identical requests of a program that repeats itself.
        retries: usize,
    },
    /// Somebody has the password.
    PasswordKnown {
        /// Sign-ins with it.
        attempts: usize,
        /// Networks they came from.
        networks: usize,
        /// Messages of them that arrived.
        arrived: usize,
        /// Since when.
        since: Timestamp,
    },
    /// The owner pressed again and again, since the message was slow.
    ImpatientOwner {
        /// How often.
        presses: usize,
    },
    /// A program of the owner's keeps signing in with the stored password.
    OwnMachine {
        /// How often it did.
        attempts: usize,
        /// About how often: the mean interval.
        every: Span,
        /// Since when.
        since: Timestamp,
    },
    /// Messages do not arrive.
    NotArriving {
        /// How many.
        lost: usize,
    },
    /// It could be this or that.
    CannotTell {
        /// Uncompleted sign-ins with the right password from unknown devices.
        attempts: usize,
    },
}

impl Verdict {
    /// Its name outside.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::OwnBug { .. } => "own_bug",
            Self::PasswordKnown { .. } => "password_known",
            Self::ImpatientOwner { .. } => "impatient_owner",
            Self::OwnMachine { .. } => "own_machine",
            Self::NotArriving { .. } => "not_arriving",
            Self::CannotTell { .. } => "cannot_tell",
        }
    }
}

/// Did anybody get in? The first line of the card, from the completed sign-ins of 90 days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GotIn {
    /// Nobody signed in at all.
    Nobody,
    /// Only on devices or from networks that were known.
    OnlyKnown {
        /// How many sign-ins.
        sign_ins: usize,
    },
    /// On a new device from a new network: the owner has to say whether that was them.
    NewDevice {
        /// How many such sign-ins.
        sign_ins: usize,
        /// The latest.
        last: Timestamp,
    },
}

/// The verdict.
pub fn verdict(facts: &Facts<'_>) -> Verdict {
    if let Some(sure) = signs::own_bug(facts).or_else(|| signs::not_arriving(facts)) {
        return sure;
    }
    let fitting = [signs::password_known(facts), signs::own_machine(facts), signs::impatient_owner(facts)];
    let mut fitting = fitting.into_iter().flatten();
    let attempts = || attempts(facts, |_| true).count();
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => one,
        (Some(_), Some(_)) => Verdict::CannotTell { attempts: attempts() },
        (None, _) if attempts() >= ATTEMPTS_MIN => Verdict::CannotTell { attempts: attempts() },
        (None, _) => Verdict::None,
    }
}

/// Did anybody get in?
pub fn got_in(facts: &Facts<'_>) -> GotIn {
    let new = || facts.entries.iter().filter(|entry| !entry.device_known && !entry.network_seen);
    match (new().map(|entry| entry.at).max(), facts.entries.len()) {
        (Some(last), _) => GotIn::NewDevice { sign_ins: new().count(), last },
        (None, 0) => GotIn::Nobody,
        (None, sign_ins) => GotIn::OnlyKnown { sign_ins },
    }
}

/// When the series began that the newest of these sign-ins belongs to, if that is longer ago than 24 hours: `attempts` are
/// the uncompleted ones from unknown devices, in order of time. A series is unbroken while no day passes without one.
pub fn series_began(attempts: &[Timestamp], now: Timestamp) -> Option<Timestamp> {
    let day_ago = now.minus(SERIES_GAP);
    let newest = attempts.last().filter(|newest| **newest > day_ago)?;
    let back = attempts.iter().rev().scan(*newest, |later, at| {
        let unbroken = later.since(*at) < SERIES_GAP;
        *later = *at;
        unbroken.then_some(*at)
    });
    back.last().filter(|first| *first <= day_ago)
}

/// Sign-ins with the right password from unknown devices that nobody completed and that are over.
fn attempts<'a>(facts: &'a Facts<'_>, which: impl Fn(&Request) -> bool + 'a) -> impl Iterator<Item = &'a Request> {
    let strange = |request: &&Request| !request.press && request.password_right && !request.device_known;
    facts
        .requests
        .iter()
        .filter(strange)
        .filter(|request| !request.completed && !request.alive)
        .filter(move |request| which(request))
}

/// The signs of each verdict, for itself.
mod signs {
    use super::*;

    /// More messages than were asked for, one of them twice, more deliveries than messages, or a site's program that
    /// repeats the identical request, of a client that is known, within two seconds.
    pub(super) fn own_bug(facts: &Facts<'_>) -> Option<Verdict> {
        let messages = facts.messages;
        let challenges: BTreeSet<u32> = messages.iter().map(|sent| sent.challenge).collect();
        let distinct: BTreeSet<(u32, u8)> = messages.iter().map(|sent| (sent.challenge, sent.n)).collect();
        let instead = messages.iter().filter(|sent| sent.instead).count();
        let wanted = challenges.len() + facts.requests.iter().filter(|request| request.press).count() + instead;
        let surplus = messages.iter().map(|sent| usize::from(sent.deliveries.saturating_sub(1))).sum::<usize>();
        let retries = retries(facts.requests);
        let ours = messages.len() > wanted || distinct.len() < messages.len() || surplus > 0;
        let messages = messages.len() + surplus;
        (ours || retries > 0).then_some(Verdict::OwnBug { messages, wanted, retries })
    }

    fn retries(requests: &[Request]) -> usize {
        let same = |one: &Request, other: &Request| {
            one.api_key.is_some()
                && one.network_seen
                && (one.api_key, one.network, one.program, one.device, one.press)
                    == (other.api_key, other.network, other.program, other.device, other.press)
        };
        let repeats = |(place, request): (usize, &Request)| {
            let near = requests[..place].iter().rev().take_while(|before| request.at.since(before.at) < RETRY_GAP);
            near.into_iter().any(|before| same(before, request))
        };
        requests.iter().enumerate().filter(|(place, request)| repeats((*place, *request))).count()
    }

    /// Two or more did not arrive, of sign-ins in which nothing was typed. Where one message of a code arrived, the next of it is
    /// late, not lost, as long as the carrier says nothing else.
    pub(super) fn not_arriving(facts: &Facts<'_>) -> Option<Verdict> {
        let typed: BTreeSet<u32> =
            facts.requests.iter().filter(|request| request.tries > 0).map(|request| request.sign_in).collect();
        let came = facts.messages.iter().filter(|sent| sent.arrived == Arrived::Yes);
        let came: BTreeSet<u32> = came.map(|sent| sent.challenge).collect();
        let lost = |sent: &&Sent| sent.arrived == Arrived::No || sent.overdue && !came.contains(&sent.challenge);
        let lost = facts.messages.iter().filter(lost).filter(|sent| !typed.contains(&sent.sign_in)).count();
        (lost >= LOST_MIN).then_some(Verdict::NotArriving { lost })
    }

    /// Three or more, each a sign-in of its own, from networks not seen in 90 days, of which two messages arrived. Whether
    /// wrong codes were typed makes no difference: a thief may guess.
    pub(super) fn password_known(facts: &Facts<'_>) -> Option<Verdict> {
        let strange = || attempts(facts, |request| !request.network_seen);
        let sign_ins: BTreeSet<u32> = strange().map(|request| request.sign_in).collect();
        let networks: BTreeSet<u32> = strange().map(|request| request.network).collect();
        let theirs = facts.messages.iter().filter(|sent| sign_ins.contains(&sent.sign_in));
        let arrived = theirs.filter(|sent| sent.arrived == Arrived::Yes).count();
        let since = facts.series_began.or_else(|| strange().map(|request| request.at).min())?;
        (sign_ins.len() >= ATTEMPTS_MIN && arrived >= ARRIVED_MIN).then_some(Verdict::PasswordKnown {
            attempts: sign_ins.len(),
            networks: networks.len(),
            arrived,
            since,
        })
    }

    /// From a network and program that had signed in before, at regular intervals, since soon after two-step
    /// verification was turned on, and no code was ever typed.
    pub(super) fn own_machine(facts: &Facts<'_>) -> Option<Verdict> {
        let known = || attempts(facts, |request| request.network_seen && request.program_seen);
        let times: Vec<Timestamp> = known().map(|request| request.at).collect();
        let since = facts.series_began.or(times.first().copied())?;
        let on = facts.two_step_since?;
        let soon = since >= on && since.since(on) <= MACHINE_BEGINS;
        let untouched = known().all(|request| request.tries == 0);
        let every = regular(&times)?;
        (times.len() >= ATTEMPTS_MIN && soon && untouched).then_some(Verdict::OwnMachine {
            attempts: times.len(),
            every,
            since,
        })
    }

    /// The mean interval, if the intervals are alike.
    fn regular(times: &[Timestamp]) -> Option<Span> {
        let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1].since(pair[0]).as_ms() as f64).collect();
        let count = gaps.len() as f64;
        let mean = gaps.iter().sum::<f64>() / count;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count;
        // None, or all at the same moment: no interval at all.
        (mean > 0.0 && variance < REGULAR_CV_SQUARED * mean * mean).then_some(Span::ms(mean as i64))
    }

    /// Presses within one sign-in, less than a minute apart, on a device or from a network that is known.
    pub(super) fn impatient_owner(facts: &Facts<'_>) -> Option<Verdict> {
        let presses: Vec<&Request> = facts.requests.iter().filter(|request| request.press).collect();
        let first = presses.first()?;
        let one = presses.iter().all(|press| press.sign_in == first.sign_in);
        let known = presses.iter().all(|press| press.device_known || press.network_seen);
        let quick = presses.windows(2).all(|pair| pair[1].at.since(pair[0].at) < PRESS_GAP);
        (presses.len() >= PRESSES_MIN && one && known && quick)
            .then_some(Verdict::ImpatientOwner { presses: presses.len() })
    }
}

/// Setups at one block of numbers in the last 24 hours, or at all numbers in the last hour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setups {
    /// Different numbers.
    pub numbers: u32,
    /// Of these, confirmed.
    pub completed: u32,
    /// What their messages cost, in the currency's thousandths.
    pub cost: i64,
    /// What the suppressed ones would have cost.
    pub avoided: i64,
}

/// Numbers of one block from which on it may be pumping.
const BLOCK_NUMBERS_MIN: u32 = 20;
/// New numbers in an hour from which on it may be pumping.
const HOUR_NUMBERS_MIN: u32 = 50;
/// How long a message that was sent says nothing: it has to arrive, to be read and to be typed. So a crowd that begins all at once
/// is not taken for a pump. What was refused counts at once: nobody can confirm it.
pub const SETUP_UNDER_WAY: Span = Span::minutes(3);
/// For how long pumping has to rest before it is over.
pub const PUMPING_RESTS: Span = Span::minutes(10);

/// Whether messages are pumped, for the operator: a block with 20 numbers or an hour with 50 new ones, of which fewer than a quarter
/// were confirmed.
pub const fn is_pumping(setups: &Setups, block: bool) -> bool {
    let min = if block { BLOCK_NUMBERS_MIN } else { HOUR_NUMBERS_MIN };
    setups.numbers >= min && setups.completed < setups.numbers.div_ceil(4)
}

#[cfg(test)]
mod tests;
