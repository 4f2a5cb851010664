//! `/security/messages`: the ledger as its owner sees it, under the card that says what it is about.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use nidan_core::budget::Suppressed;
use nidan_core::flood::{GotIn, Verdict};
use nidan_core::ledger::{Reason, State};
use nidan_core::message::{Channel, MessageKind};
use nidan_core::time::{Span, Timestamp};

use super::sign_in::RAN_OUT;
use crate::flow::disown::{Disown, disown};
use crate::flow::messages::{AskedBy, CauseKind, Client, Done, Item, Ledger, Lines, Made, Why, look, older};
use crate::texts::T;
use crate::web::client::ClientAddress;
use crate::web::form::{Form, NoFields};
use crate::web::moment;
use crate::web::session::SignedIn;
use crate::web::view::{Action, Card, HOURS, MessageRow, Messages, Picture, Strip, Tone};
use crate::web::visit::{Answer, Visit};

const HEARD: &str = "/security/messages?notice=not-me";
const NOT_KNOWN: &str = "/security/messages?notice=not-known";
/// Lines that are shown.
const SHOWN: usize = 50;
/// Unknown places that have a strip of their own.
const PLACES: usize = 3;

/// The page.
pub async fn page(SignedIn(visit, alive): SignedIn) -> Answer {
    let words = Words { visit: &visit, t: visit.web.app.texts.of(visit.origin.language) };
    let before = visit.before.as_deref().and_then(|text| text.parse().ok()).map(Timestamp::from_ms);
    let (now, lines) = match before {
        Some(before) => (None, older(&visit.web.app, alive.account, before).await?),
        None => match look(&visit.web.app, alive.account).await? {
            Some(ledger) => (Some((words.card(&ledger), words.picture(&ledger))), Some(ledger.lines)),
            None => (None, None),
        },
    };
    let Some(lines) = lines else { return visit.go(RAN_OUT) };
    let (rows, end) = words.rows(&lines);
    let (card, picture) = now.unzip();
    let page = Messages {
        frame: visit.frame("/security/messages"),
        heard: visit.notice.as_deref() == Some("not-me"),
        unheard: visit.notice.as_deref() == Some("not-known"),
        card,
        picture: picture.flatten(),
        rows,
        older: end.map(|end| format!("/security/messages?before={}", end.ms())),
    };
    visit.show(StatusCode::OK, &page)
}

/// The owner says that it was somebody else.
pub async fn not_me(SignedIn(visit, alive): SignedIn, _: Form<NoFields>) -> Answer {
    let disowned = Disown { account: alive.account, device: alive.session.device, origin: visit.origin.clone() };
    visit.go(if disown(&visit.web.app, disowned).await? { HEARD } else { NOT_KNOWN })
}

/// What the security page says of the messages, in a line; and whether it is calm.
pub(super) fn summary(visit: &Visit, ledger: &Ledger) -> (String, bool) {
    let words = Words { visit, t: visit.web.app.texts.of(visit.origin.language) };
    let card = words.card(ledger);
    match (card.tone, card.nobody_new) {
        (Tone::Calm, _) => (words.t.with("messages-summary-calm", &[("count", ledger.sent_today.into())]), true),
        (_, true) => (card.title, false),
        (_, false) => (card.answer, false),
    }
}

/// Puts a ledger into words.
struct Words<'a> {
    visit: &'a Visit,
    t: T<'a>,
}

impl Words<'_> {
    fn when(&self, at: Timestamp) -> String {
        moment::lately(&self.visit.web.app, self.visit.origin.language, at)
    }

    fn card(&self, ledger: &Ledger) -> Card {
        let (answer, detail) = self.got_in(ledger);
        let (title, text, advice) = self.verdict(ledger);
        let closed = ledger.closed_since.map(|at| self.t.with("lane-closed", &[("since", (&self.when(at)).into())]));
        let nobody_new = !matches!(ledger.got_in, GotIn::NewDevice { .. });
        let tone = match ledger.verdict {
            _ if !nobody_new => Tone::Alarm,
            Verdict::None if ledger.closed_since.is_none() => Tone::Calm,
            Verdict::OwnBug { .. }
            | Verdict::ImpatientOwner { .. }
            | Verdict::NotArriving { .. }
            | Verdict::OwnMachine { .. } => Tone::Note,
            Verdict::PasswordKnown { .. } | Verdict::CannotTell { .. } | Verdict::None => Tone::Alarm,
        };
        let closed = closed.unwrap_or_default();
        Card { answer, detail, nobody_new, title, text, advice, tone, closed, action: action(ledger) }
    }

    /// Did anybody get in? And how often and from where.
    fn got_in(&self, ledger: &Ledger) -> (String, String) {
        let t = &self.t;
        match ledger.got_in {
            GotIn::Nobody => (t.get("got-in-nobody"), String::new()),
            GotIn::OnlyKnown { sign_ins } => {
                (t.get("got-in-known"), t.with("got-in-known-detail", &[("count", sign_ins.into())]))
            }
            GotIn::NewDevice { sign_ins, last } => {
                let from = ledger.newcomer.as_ref().map(|client| self.from(client)).unwrap_or_default();
                let last = self.when(last);
                let last = [("last", (&last).into()), ("from", (&from).into())];
                (t.with("got-in-new", &[("count", sign_ins.into())]), t.with("got-in-new-detail", &last))
            }
        }
    }

    /// What it is, that with its numbers, and the one thing to do.
    fn verdict(&self, ledger: &Ledger) -> (String, String, String) {
        let t = &self.t;
        let open = ledger.closed_since.is_none();
        let (title, advice, text) = match ledger.verdict {
            Verdict::None if matches!(ledger.got_in, GotIn::NewDevice { .. }) => {
                ("verdict-new-device", "verdict-new-device-advice", t.get("verdict-new-device-text"))
            }
            Verdict::None if !open => {
                let text = t.with("verdict-none-text", &[("count", ledger.sent_today.into())]);
                ("verdict-stopped", "verdict-stopped-advice", text)
            }
            Verdict::None => {
                let text = t.with("verdict-none-text", &[("count", ledger.sent_today.into())]);
                return (t.get("verdict-none"), text, String::new());
            }
            Verdict::OwnBug { messages, wanted, retries } => {
                ("verdict-own-bug", "verdict-own-bug-advice", self.own_bug(messages, wanted, retries))
            }
            Verdict::PasswordKnown { .. } if open => {
                ("verdict-password-known", "verdict-password-known-stop", self.password_known(ledger))
            }
            Verdict::PasswordKnown { .. } => {
                ("verdict-password-known", "verdict-password-known-advice", self.password_known(ledger))
            }
            Verdict::ImpatientOwner { presses } => {
                let title = t.with("verdict-impatient-owner", &[("count", presses.into())]);
                let text = t.get("verdict-impatient-owner-text");
                return (title, text, t.get("verdict-impatient-owner-advice"));
            }
            Verdict::OwnMachine { attempts, every, since } => (
                "verdict-own-machine",
                "verdict-own-machine-advice",
                self.own_machine(ledger, (attempts, every, since)),
            ),
            Verdict::NotArriving { lost } => {
                ("verdict-not-arriving", "verdict-not-arriving-advice", self.not_arriving(ledger, lost))
            }
            Verdict::CannotTell { attempts } => (
                "verdict-cannot-tell",
                if open { "verdict-cannot-tell-stop" } else { "verdict-cannot-tell-advice" },
                t.with("verdict-cannot-tell-text", &[("count", attempts.into())]),
            ),
        };
        (t.get(title), text, t.get(advice))
    }

    fn own_bug(&self, messages: usize, wanted: usize, retries: usize) -> String {
        match retries {
            0 => self.t.with("verdict-own-bug-text", &[("messages", messages.into()), ("wanted", wanted.into())]),
            _ => self.t.with("verdict-own-bug-retries", &[("count", retries.into())]),
        }
    }

    fn password_known(&self, ledger: &Ledger) -> String {
        let Verdict::PasswordKnown { attempts, arrived, since, .. } = ledger.verdict else { return String::new() };
        // As many as the picture shows: addresses of one network are one place to a reader.
        let strangers = ledger.asked.iter().filter(|asked| asked.by == AskedBy::Stranger);
        let places: BTreeSet<_> = strangers.map(|asked| around(&asked.client)).collect();
        let since = self.when(since);
        let numbers = [
            ("attempts", attempts.into()),
            ("places", places.len().into()),
            ("arrived", arrived.into()),
            ("since", (&since).into()),
        ];
        self.t.with("verdict-password-known-text", &numbers)
    }

    /// With what the carrier said of the latest one.
    fn not_arriving(&self, ledger: &Ledger, lost: usize) -> String {
        let text = self.t.with("verdict-not-arriving-text", &[("count", lost.into())]);
        let mut codes = ledger.lines.items.iter().filter_map(|item| match &item.done {
            Done::Message(made) if made.kind == MessageKind::SignInCode && made.state.failed() => Some(became(made)),
            _ => None,
        });
        match codes.next() {
            Some(key) => text + &self.t.with("verdict-not-arriving-answer", &[("answer", (&self.t.get(key)).into())]),
            None => text,
        }
    }

    fn own_machine(&self, ledger: &Ledger, (attempts, every, since): (usize, Span, Timestamp)) -> String {
        let machine = ledger.asked.iter().rev().find(|asked| asked.by == AskedBy::KnownNetwork);
        let client = machine.map(|asked| self.program(&asked.client)).unwrap_or_default();
        let (minutes, since) = (every.as_seconds_up().div_euclid(60).max(1), self.when(since));
        let numbers = [
            ("client", (&client).into()),
            ("attempts", attempts.into()),
            ("every", minutes.into()),
            ("since", (&since).into()),
        ];
        self.t.with("verdict-own-machine-text", &numbers)
    }

    fn picture(&self, ledger: &Ledger) -> Option<Picture> {
        let app = &self.visit.web.app;
        let hour_ago = |back: usize| {
            let now = app.zoned(ledger.now);
            let begun = ledger.now.minus(Span::minutes(i64::from(now.minute())));
            app.zoned(begun.minus(Span::minutes(60 * back as i64)))
        };
        let hours: Vec<_> = (0..HOURS).rev().map(hour_ago).collect();
        // The first hour began up to 24 hours ago; what was before it is not in the picture.
        let place = |at: Timestamp| {
            let minutes = ledger.now.since(at).as_ms() / 60_000;
            let into_hour = i64::from(app.zoned(ledger.now).minute());
            let back = (minutes + 59 - into_hour).div_euclid(60).max(0);
            (HOURS - 1).checked_sub(usize::try_from(back).ok()?)
        };
        let mut strips: BTreeMap<(Reverse<AskedBy>, String), [u32; HOURS]> = BTreeMap::new();
        for asked in &ledger.asked {
            let name = match asked.by {
                AskedBy::KnownDevice => self.t.get("asked-known-device"),
                AskedBy::KnownNetwork => self.t.get("asked-known-network"),
                AskedBy::Stranger => self.stranger(&asked.client),
            };
            if let Some(hour) = place(asked.at) {
                strips.entry((Reverse(asked.by), name)).or_default()[hour] += 1;
            }
        }
        let strips = self.strips(strips);
        let count =
            |which: fn(&Strip) -> bool| strips.iter().filter(|strip| which(strip)).map(Strip::count).sum::<u32>();
        let mut night = [false; HOURS];
        night.iter_mut().zip(&hours).for_each(|(night, begins)| *night = begins.hour() < 6);
        let at_night = strips.iter().filter(|strip| strip.strange).map(|strip| strip.count_in(&night)).sum::<u32>();
        let numbers = [
            ("count", count(|_| true).into()),
            ("strange", count(|strip| strip.strange).into()),
            ("known", count(|strip| !strip.strange).into()),
            ("night", at_night.into()),
        ];
        (!strips.is_empty()).then(|| Picture {
            summary: self.t.with("picture-summary", &numbers),
            clocks: hours.iter().map(|begins| begins.strftime("%-H:00").to_string()).collect(),
            night,
            strips,
        })
    }

    fn stranger(&self, client: &Client) -> String {
        match around(client) {
            Some(network) => self.t.with("asked-stranger", &[("network", (&network).into())]),
            None => self.t.get("asked-stranger-unknown"),
        }
    }

    /// The busiest unknown places each for itself, the others together, then who is known.
    fn strips(&self, counted: BTreeMap<(Reverse<AskedBy>, String), [u32; HOURS]>) -> Vec<Strip> {
        let strip = |((Reverse(by), name), hours)| Strip { name, strange: by == AskedBy::Stranger, hours };
        let (mut strips, known): (Vec<Strip>, Vec<Strip>) =
            counted.into_iter().map(strip).partition(|strip| strip.strange);
        strips.sort_by_key(|strip| Reverse(strip.count()));
        if strips.len() > PLACES + 1 {
            let mut others = Strip { name: self.t.get("asked-strangers"), strange: true, hours: [0; HOURS] };
            for other in strips.drain(PLACES..) {
                others.hours.iter_mut().zip(other.hours).for_each(|(sum, count)| *sum += count);
            }
            strips.push(others);
        }
        strips.into_iter().chain(known).collect()
    }

    /// The newest lines, and where those before them begin; refusals that repeat each other are one.
    fn rows(&self, lines: &Lines) -> (Vec<MessageRow>, Option<Timestamp>) {
        let place = |item: &Item| (around(&item.client), item.client.program.clone());
        let same = |one: &Item, other: &Item| {
            let refused = one.refused().is_some() && one.refused() == other.refused();
            refused && one.cause == other.cause && place(one) == place(other)
        };
        let all: Vec<&[Item]> = lines.items.chunk_by(same).collect();
        let ends = |place: usize| Some(all.get(place)?.last()?.at);
        let mut shown = SHOWN.min(all.len());
        // What happened at the same moment stays together.
        while all.get(shown).and_then(|next| next.first()).is_some_and(|next| Some(next.at) == ends(shown - 1)) {
            shown += 1;
        }
        let end = shown.checked_sub(1).and_then(ends).filter(|_| lines.more || shown < all.len());
        (all[..shown].iter().filter_map(|repeated| self.row(repeated)).collect(), end)
    }

    fn row(&self, repeated: &[Item]) -> Option<MessageRow> {
        let (item, first) = (repeated.first()?, repeated.last()?);
        let mut at = self.when(item.at);
        if repeated.len() > 1 {
            let from = self.when(first.at);
            at += &self.t.with("repeated", &[("count", repeated.len().into()), ("from", (&from).into())]);
        }
        let cause = self.cause(item);
        Some(match &item.done {
            Done::Message(made) => MessageRow {
                at,
                what: self.what(made),
                marks: self.marks(made),
                became: self.became(made),
                look: made.state.failed() || made.state == State::Suppressed,
                cause,
            },
            Done::Refused { reason, .. } => MessageRow {
                at,
                what: self.t.get(if item.cause == CauseKind::Resend {
                    "message-refused-press"
                } else {
                    "message-refused"
                }),
                marks: String::new(),
                became: self.t.get(suppressed(*reason)),
                look: true,
                cause,
            },
        })
    }

    fn what(&self, made: &Made) -> String {
        let channel = match made.channel {
            Channel::Sms => "channel-sms",
            Channel::Email => "channel-email",
        };
        let kind = match made.kind {
            MessageKind::SignInCode => "message-sign-in",
            MessageKind::SetupCode => "message-setup",
            MessageKind::ConfirmEmailCode => "message-email",
            MessageKind::ReleaseSecret => "message-release",
            MessageKind::AddressInUse
            | MessageKind::DeviceReuse
            | MessageKind::TwoStepOn
            | MessageKind::PasswordKnownAlert
            | MessageKind::PasswordKnownLetter
            | MessageKind::PasswordKnownSummary
            | MessageKind::SecondStepMissed
            | MessageKind::SuccessAfterFailures
            | MessageKind::DeviceGuessed
            | MessageKind::PasswordChanged => "message-notice",
        };
        format!("{} · {} {}", self.t.get(kind), self.t.get(channel), made.destination.replace(' ', NO_BREAK))
    }

    /// What became of a message, and how fast.
    fn became(&self, made: &Made) -> String {
        let became = self.t.get(became(made));
        let after = made.told_after.filter(|_| made.state == State::Delivered).map(Span::as_seconds_up);
        match after {
            Some(seconds @ 1..120) => became + &self.t.with("became-after", &[("seconds", seconds.into())]),
            Some(seconds @ 120..) => {
                became + &self.t.with("became-after-minutes", &[("minutes", (seconds / 60).into())])
            }
            _ => became,
        }
    }

    fn marks(&self, made: &Made) -> String {
        match (&made.tag, made.serial) {
            (Some(tag), Some(serial)) => {
                self.t.with("message-marks", &[("tag", tag.into()), ("serial", serial.into())])
            }
            (None, Some(serial)) => self.t.with("message-serial", &[("serial", serial.into())]),
            (_, None) => String::new(),
        }
    }

    /// Who asked, in which network, and on what occasion.
    fn cause(&self, item: &Item) -> String {
        let occasion = match item.cause {
            CauseKind::SignIn if !item.password_right => None,
            CauseKind::SignIn => Some("cause-password"),
            CauseKind::Resend => Some("cause-resend"),
            CauseKind::Fallback => Some("cause-fallback"),
            CauseKind::Setup => Some("cause-setup"),
            CauseKind::SignUp => Some("cause-sign-up"),
            CauseKind::Notice => Some("cause-notice"),
            CauseKind::Release => Some("cause-release"),
        };
        let from = self.from(&item.client);
        let parts = [Some(from), occasion.map(|key| self.t.get(key))];
        parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
    }

    /// With what and in which network, as far as it is known.
    fn from(&self, client: &Client) -> String {
        let network = around(client);
        let network = network.map(|network| self.t.with("client-network", &[("network", (&network).into())]));
        [Some(self.program(client)), network].into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    /// The program as owners call it: `iPhoneのSafari`.
    fn program(&self, client: &Client) -> String {
        program(&self.t, client.program.as_deref())
    }
}

/// A program as owners call it.
pub(super) fn program(t: &T<'_>, name: Option<&str>) -> String {
    match name.map(|name| name.split_once(" (").unwrap_or((name, ""))) {
        None => t.get("client-unknown"),
        Some((program, "")) => program.to_owned(),
        Some((program, system)) => {
            let system = system.trim_end_matches(')');
            t.with("client-on", &[("program", program.into()), ("system", system.into())])
        }
    }
}

/// The network around a client, as owners read it.
fn around(client: &Client) -> Option<String> {
    Some(ClientAddress::named(client.address.as_ref()?.parse().ok()?).neighbourhood())
}

/// In place of a space: a masked number stays on one line.
const NO_BREAK: &str = "\u{a0}";

/// The one button of the card: stop it first, then change the password.
fn action(ledger: &Ledger) -> Action {
    let open = ledger.closed_since.is_none();
    match ledger.verdict {
        Verdict::PasswordKnown { .. } | Verdict::CannotTell { .. } if open => Action::NotMe,
        Verdict::OwnMachine { .. } if open => Action::NotMeIfSo,
        _ if !open => Action::ChangePassword,
        Verdict::None if matches!(ledger.got_in, GotIn::NewDevice { .. }) => Action::ChangePassword,
        _ => Action::None,
    }
}

/// What became of a message.
fn became(made: &Made) -> &'static str {
    match (made.state, made.reason) {
        (State::Suppressed, Some(Why::Rule(reason))) => suppressed(reason),
        (State::Suppressed, _) => "became-suppressed",
        (State::Queued | State::Leased, _) => "became-sending",
        (State::Accepted, _) => "became-accepted",
        (State::Delivered, _) => "became-delivered",
        (State::Rejected, Some(Why::Route(Reason::DestinationRefused))) => "became-refused-number",
        (State::Rejected | State::Undelivered, _) => "became-failed",
        (State::Expired, _) => "became-expired",
        (State::Ambiguous | State::Unknown, _) => "became-unknown",
    }
}

/// Why nothing was sent, as far as it concerns an owner.
fn suppressed(reason: Suppressed) -> &'static str {
    use Suppressed as S;
    match reason {
        S::PasswordKnown => "became-suppressed-known",
        S::GuessWait | S::StrongerProofNeeded | S::PasswordsFull | S::PasswordsSourceFull => "became-suppressed-guess",
        S::KnownDeviceFull
        | S::PasswordOnlyFull
        | S::SignInsUnderWay
        | S::NumberFull
        | S::NumberCeiling
        | S::SetupNumberFull
        | S::SetupAccountFull
        | S::MailAccountFull
        | S::MailAddressFull
        | S::ReleasesFull => "became-suppressed-many",
        _ => "became-suppressed",
    }
}
