//! The alarm about faults of our own, and of sites' programs: a route that carries more than was asked for, a program that
//! repeats its requests. What is at fault is stopped by itself; an operator has it go on.

use std::collections::HashMap;

use crate::policy::Policy;
use crate::time::{Span, Timestamp};

/// Two identical requests less than this apart are one that was repeated: nobody types that fast.
const REPEAT_GAP: Span = Span::seconds(2);
/// Requests of one key that are remembered for half a window. What is beyond is not compared, so that memory is bounded.
const REMEMBERED_MAX: usize = 10_000;

/// What was stopped, or is to be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// A route: it is given no messages.
    Route,
    /// A site's API key: its requests are refused.
    ApiKey,
}

impl Kind {
    /// Its name, in the database and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::ApiKey => "api_key",
        }
    }

    /// From its name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Route, Self::ApiKey].into_iter().find(|kind| kind.name() == name)
    }
}

/// Why it was stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// A message was given to a route twice.
    SentTwice,
    /// The route was given more messages than were asked for.
    MoreThanAsked,
    /// Its carrier delivered more messages than it was given.
    MoreReceipts,
    /// A program repeats its requests.
    Repeats,
}

const WHYS: [(Why, &str, &str); 4] = [
    (Why::SentTwice, "sent_twice", "the same message was given to it twice"),
    (Why::MoreThanAsked, "more_than_asked", "it was given more messages than were asked for"),
    (Why::MoreReceipts, "more_receipts", "it delivered more messages than it was given"),
    (Why::Repeats, "repeats", "identical requests are repeated within two seconds"),
];

impl Why {
    /// Its name, in the database and outside.
    pub fn name(self) -> &'static str {
        WHYS[self as usize].1
    }

    /// From its name.
    pub fn from_name(name: &str) -> Option<Self> {
        WHYS.iter().find(|(_, known, _)| *known == name).map(|(why, ..)| *why)
    }

    /// In words, to follow "because".
    pub fn in_words(self) -> &'static str {
        WHYS[self as usize].2
    }
}

/// Something is to be stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stop {
    /// Why.
    pub why: Why,
    /// How many there were: messages, receipts, repetitions.
    pub counted: u64,
    /// Of how many there should have been: messages; of a key, all its requests.
    pub of: u64,
}

/// What a route did lately.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct RouteCounts {
    /// Messages that it was given by the ledger.
    pub messages: u64,
    /// How often it was given one.
    pub handed: u64,
    /// Messages that it was given more than once.
    pub twice: u64,
    /// Messages behind which a request stands: a sign-in, a press, another way after a failure, a notice.
    pub wanted: u64,
    /// By number, the deliveries and failures that its carrier told of under different ids, beyond the messages that went
    /// there.
    pub surplus: u64,
}

/// Whether a route is to be stopped.
pub fn judge_route(counts: &RouteCounts, policy: &Policy) -> Option<Stop> {
    let RouteCounts { messages, handed, twice, wanted, surplus } = *counts;
    if twice > 0 {
        return Some(Stop { why: Why::SentTwice, counted: handed, of: messages });
    }
    let too_many = |surplus: u64| {
        surplus >= policy.alarm_surplus_min.into()
            && surplus.saturating_mul(100) >= messages.saturating_mul(policy.alarm_surplus_percent.into())
    };
    if too_many(handed.saturating_sub(wanted)) {
        return Some(Stop { why: Why::MoreThanAsked, counted: handed, of: wanted });
    }
    too_many(surplus).then(|| Stop { why: Why::MoreReceipts, counted: messages.saturating_add(surplus), of: messages })
}

/// The requests of one API key, by fingerprint, over the last [`Policy::alarm_window`]. A repetition counts only of a
/// request that was granted before: what is refused costs nobody a message.
#[derive(Clone, Debug)]
pub struct Requests {
    current: Half,
    before: Half,
}

/// Half a window.
#[derive(Clone, Debug)]
struct Half {
    began: Timestamp,
    requests: u64,
    repeats: u64,
    seen: HashMap<[u8; 32], Seen>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    last: Timestamp,
    granted: bool,
    repeats: u64,
}

impl Half {
    fn new(began: Timestamp) -> Self {
        Self { began, requests: 0, repeats: 0, seen: HashMap::new() }
    }
}

impl Requests {
    /// None yet.
    pub fn new(now: Timestamp) -> Self {
        Self { current: Half::new(now), before: Half::new(now) }
    }

    fn turn(&mut self, now: Timestamp, policy: &Policy) {
        let half = Span::ms(policy.alarm_window.as_ms() / 2);
        let age = now.since(self.current.began);
        if age >= policy.alarm_window {
            *self = Self::new(now);
        } else if age >= half {
            self.before = std::mem::replace(&mut self.current, Half::new(now));
        }
    }

    /// A request came.
    pub fn came(&mut self, request: [u8; 32], now: Timestamp, policy: &Policy) {
        self.turn(now, policy);
        let known = self.current.seen.get(&request).copied();
        let earlier = known.or_else(|| self.before.seen.get(&request).copied());
        let repeats = known.map_or(0, |known| known.repeats);
        let is_repeat = earlier.is_some_and(|seen| seen.granted && now.since(seen.last) < REPEAT_GAP);
        self.current.requests += 1;
        self.current.repeats += u64::from(is_repeat);
        if known.is_some() || self.current.seen.len() < REMEMBERED_MAX {
            let granted = earlier.is_some_and(|seen| seen.granted);
            let seen = Seen { last: now, granted, repeats: repeats + u64::from(is_repeat) };
            self.current.seen.insert(request, seen);
        }
    }

    /// A request that came was granted.
    pub fn granted(&mut self, request: &[u8; 32]) {
        if let Some(seen) = self.current.seen.get_mut(request) {
            seen.granted = true;
        }
    }

    /// Whether the key is to be stopped.
    pub fn judge(&mut self, now: Timestamp, policy: &Policy) -> Option<Stop> {
        self.turn(now, policy);
        let halves = [&self.current, &self.before];
        let requests: u64 = halves.iter().map(|half| half.requests).sum();
        let repeats: u64 = halves.iter().map(|half| half.repeats).sum();
        let repeated = |half: &Half| half.seen.values().filter(|seen| seen.repeats > 0).count();
        let repeated = halves.iter().map(|half| repeated(half)).max().unwrap_or(0);
        let many = repeats >= policy.alarm_repeats_min.into()
            && repeated >= policy.alarm_repeated_min.into()
            && repeats.saturating_mul(100) >= requests.saturating_mul(policy.alarm_repeats_percent.into());
        many.then_some(Stop { why: Why::Repeats, counted: repeats, of: requests })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_795_000_000_000);

    fn stop(counts: RouteCounts) -> Option<Why> {
        judge_route(&counts, &Policy::default()).map(|stop| stop.why)
    }

    /// A route that was given so many messages, each once and asked for.
    fn sound(messages: u64) -> RouteCounts {
        RouteCounts { messages, handed: messages, wanted: messages, twice: 0, surplus: 0 }
    }

    #[test]
    fn names_read_back() {
        for (why, name, _) in WHYS {
            assert_eq!((why.name(), Why::from_name(name)), (name, Some(why)));
        }
        for kind in [Kind::Route, Kind::ApiKey] {
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
        }
    }

    #[test]
    fn a_sound_route_goes_on_however_busy() {
        for messages in [0, 1, 100, 1_000_000] {
            assert_eq!(stop(sound(messages)), None);
        }
    }

    #[test]
    fn one_message_twice_is_enough() {
        assert_eq!(stop(RouteCounts { handed: 1_001, twice: 1, ..sound(1_000) }), Some(Why::SentTwice));
    }

    #[test]
    fn what_is_too_many_must_be_many_and_a_share() {
        for (messages, surplus, stops) in
            [(4, 4, false), (5, 5, true), (50, 5, true), (51, 5, false), (1_000, 99, false), (1_000, 100, true)]
        {
            let told = stop(RouteCounts { surplus, ..sound(messages) });
            assert_eq!(told, stops.then_some(Why::MoreReceipts), "{surplus} of {messages}");
            let unasked = RouteCounts { wanted: messages - surplus, ..sound(messages) };
            assert_eq!(stop(unasked), stops.then_some(Why::MoreThanAsked), "{surplus} of {messages}");
        }
    }

    /// Each of `requests` comes `times`, so many milliseconds apart.
    fn comes(requests: u32, times: u32, (gap_ms, granted): (i64, bool)) -> Option<Stop> {
        let policy = Policy::default();
        let mut heard = Requests::new(NOW);
        let mut at = NOW;
        for _ in 0..times {
            for request in 0..requests {
                let mut print = [0; 32];
                print[..4].copy_from_slice(&request.to_be_bytes());
                heard.came(print, at, &policy);
                if granted {
                    heard.granted(&print);
                }
            }
            at = at.plus(Span::ms(gap_ms));
        }
        heard.judge(at, &policy)
    }

    #[test]
    fn a_program_in_a_loop_is_stopped() {
        let looping = comes(5, 7, (1_999, true));
        assert_eq!(looping, Some(Stop { why: Why::Repeats, counted: 30, of: 35 }));
        assert_eq!(comes(5, 6, (1_999, true)), None, "25 repetitions");
        assert_eq!(comes(4, 60, (500, true)), None, "four owners alone");
        assert_eq!(comes(5, 7, (2_000, true)), None, "slower than a program");
        assert_eq!(comes(5, 7, (1_999, false)), None, "refused, which costs nobody a message");
    }

    #[test]
    fn owners_who_click_twice_stop_nobody() {
        let policy = Policy::default();
        let mut heard = Requests::new(NOW);
        for owner in 0_u32..20_000 {
            let mut print = [1; 32];
            print[..4].copy_from_slice(&owner.to_be_bytes());
            let at = NOW.plus(Span::ms(i64::from(owner) * 10));
            for again in 0..1 + u32::from(owner % 5 == 0) {
                heard.came(print, at.plus(Span::ms(i64::from(again) * 200)), &policy);
                heard.granted(&print);
            }
            assert_eq!(heard.judge(at, &policy), None, "{owner}");
        }
    }

    #[test]
    fn what_is_longer_ago_than_the_window_is_forgotten() {
        let policy = Policy::default();
        let mut heard = Requests::new(NOW);
        for again in 0..100 {
            for request in 0..5 {
                heard.came([request; 32], NOW.plus(Span::ms(again * 100)), &policy);
                heard.granted(&[request; 32]);
            }
        }
        assert!(heard.judge(NOW.plus(Span::seconds(10)), &policy).is_some());
        assert!(heard.judge(NOW.plus(Span::minutes(6)), &policy).is_some(), "half a window later");
        assert_eq!(heard.judge(NOW.plus(Span::minutes(20)), &policy), None);
    }
}
