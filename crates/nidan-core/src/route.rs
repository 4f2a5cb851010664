//! Routes: which of them carry a message, in which order, and how well each does.

use crate::ledger::State;
use crate::message::Channel;
use crate::phone::{NumberKind, PhoneNumber};
use crate::policy::Policy;
use crate::time::{Span, Timestamp};

/// The shares of a route's daily cap, in percent, at which operators are told.
const TOLD_AT: [i64; 3] = [50, 80, 100];

/// What a route carries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Carries {
    /// The channel.
    pub channel: Channel,
    /// The country codes of numbers, as `+81`; none: every country.
    pub countries: Option<Vec<String>>,
    /// The kinds of numbers; none: every kind.
    pub number_kinds: Option<Vec<NumberKind>>,
}

impl Carries {
    /// Whether it carries a message of `channel`, to `number` unless it is e-mail.
    fn takes(&self, channel: Channel, number: Option<&PhoneNumber>) -> bool {
        let country = |number: &PhoneNumber| {
            self.countries.as_ref().is_none_or(|codes| codes.iter().any(|code| number.e164().starts_with(code)))
        };
        let kind = |number: &PhoneNumber| self.number_kinds.as_ref().is_none_or(|kinds| kinds.contains(&number.kind()));
        self.channel == channel && number.is_none_or(|number| country(number) && kind(number))
    }
}

/// How well a route does, the best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Health {
    /// As it should.
    Good,
    /// What it delivers comes late.
    Slow,
    /// It was quick, and of its newest messages nothing has been heard.
    Stalled,
    /// Too little of what it is given arrives.
    Sick,
}

impl Health {
    /// Its name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Slow => "slow",
            Self::Stalled => "stalled",
            Self::Sick => "sick",
        }
    }
}

/// The places in `routes`, which are in the order of the settings, of those that carry the message: as they stand there, but
/// what does badly behind what does well. None is left out: a sick route is better than no message.
pub fn order<'a>(
    routes: impl IntoIterator<Item = (&'a Carries, Health)>,
    channel: Channel,
    number: Option<&PhoneNumber>,
) -> Vec<usize> {
    let routes = routes.into_iter().enumerate();
    let mut carrying: Vec<(usize, Health)> =
        routes.filter(|(_, (carries, _))| carries.takes(channel, number)).map(|(n, (_, health))| (n, health)).collect();
    carrying.sort_by_key(|(_, health)| *health);
    carrying.into_iter().map(|(place, _)| place).collect()
}

/// Leaves out of `routes`, which carry a message, those of `failed`, which could not deliver another with the same code; unless
/// that leaves none.
pub fn spare<T>(routes: Vec<T>, name: impl Fn(&T) -> &str, failed: &[String]) -> Vec<T> {
    let has_failed = |route: &T| failed.iter().any(|failed| failed == name(route));
    if routes.iter().all(has_failed) {
        return routes;
    }
    routes.into_iter().filter(|route| !has_failed(route)).collect()
}

/// One message that a route was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sample {
    /// When it was given to the route.
    pub wired_at: Timestamp,
    /// What became of it there; [`State::Queued`] if the route did not take it.
    pub state: State,
    /// How long after that its first receipt came.
    pub receipt_after: Option<Span>,
}

/// Judges a route by its newest messages, in any order. `was_sick`: it was, not longer ago than
/// [`Policy::route_relapse_span`].
pub fn health(
    samples: &[Sample],
    receipts_expected: bool,
    was_sick: bool,
    (now, policy): (Timestamp, &Policy),
) -> Health {
    match receipts_expected {
        // Before sick: what is held in a queue looks lost after a while, and would arrive after all.
        true if is_stalled(samples, now, policy) => Health::Stalled,
        _ if is_sick(samples, receipts_expected, was_sick, (now, policy)) => Health::Sick,
        true if is_slow(samples, policy) => Health::Slow,
        true | false => Health::Good,
    }
}

fn is_sick(samples: &[Sample], receipts_expected: bool, was_sick: bool, (now, policy): (Timestamp, &Policy)) -> bool {
    let counts =
        |sample: &&Sample| sample.state != State::Leased && now.since(sample.wired_at) >= policy.route_judged_after;
    let did_well = |sample: &&Sample| match receipts_expected {
        true => sample.state == State::Delivered,
        false => !matches!(sample.state, State::Queued | State::Ambiguous),
    };
    let judged: Vec<&Sample> = samples.iter().filter(counts).collect();
    let enough = if was_sick { policy.route_relapse_samples_min } else { policy.route_sick_samples_min };
    let well = judged.iter().copied().filter(did_well).count();
    judged.len() >= usize::from(enough) && well * 100 < judged.len() * usize::from(policy.route_delivered_percent_min)
}

/// Whether the newest messages are stuck at a route whose earlier receipts came soon.
fn is_stalled(samples: &[Sample], now: Timestamp, policy: &Policy) -> bool {
    let mut newest_first: Vec<&Sample> = samples.iter().collect();
    newest_first.sort_by_key(|sample| std::cmp::Reverse(sample.wired_at));
    let heard = newest_first.iter().position(|sample| sample.receipt_after.is_some()).unwrap_or(newest_first.len());
    let (silent, earlier) = newest_first.split_at(heard);
    let stuck =
        |sample: &&&Sample| sample.state == State::Accepted && now.since(sample.wired_at) > policy.route_stalled_after;
    let quick = |sample: &&&Sample| sample.receipt_after.is_some_and(|after| after <= policy.route_stalled_after);
    silent.iter().filter(stuck).count() >= usize::from(policy.route_stalled_samples_min)
        && earlier.iter().filter(quick).count() >= usize::from(policy.route_receipts_min)
}

fn is_slow(samples: &[Sample], policy: &Policy) -> bool {
    let mut delays: Vec<Span> = samples.iter().filter_map(|sample| sample.receipt_after).collect();
    delays.sort_unstable();
    let median = delays.get(delays.len() / 2);
    delays.len() >= usize::from(policy.route_receipts_min)
        && median.is_some_and(|delay| *delay > policy.route_slow_after)
}

/// What a route may cost, in thousandths of the currency's unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// One message.
    pub per_message: i64,
    /// All messages of one day.
    pub day_max: i64,
}

impl Cost {
    /// The share of the cap, in percent, that was passed when a message brought the day's cost to `spent`, and of which
    /// operators are told; 100 as soon as no further message can be paid.
    pub fn passed(&self, spent: i64) -> Option<i64> {
        let share = |spent: i64| match spent.saturating_add(self.per_message) > self.day_max {
            true => 100,
            false => spent.saturating_mul(100) / self.day_max.max(1),
        };
        let (before, now) = (share(spent.saturating_sub(self.per_message)), share(spent));
        TOLD_AT.into_iter().rev().find(|percent| before < *percent && *percent <= now)
    }
}

#[cfg(test)]
mod tests;
