//! The ledger as its owner sees it: every message and every refusal with its cause, and above them the verdict on what they
//! are about. Nothing here decides; the facts are put together for [`nidan_core::flood`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nidan_core::audit::Event;
use nidan_core::budget::Suppressed;
use nidan_core::flood::{self, Entry, GotIn, Sent, Verdict};
use nidan_core::id::{AccountId, EventId, MessageId};
use nidan_core::ledger::{Reason, State};
use nidan_core::message::{Channel, MessageKind};
use nidan_core::password_known::Arrived;
use nidan_core::phone::PhoneNumber;
use nidan_core::time::{Span, Timestamp};

use super::{FlowError, Job};
use crate::app::App;
use crate::store::account::{self, Account};
use crate::store::audit::{self, Recorded};
use crate::store::carrier_message;
pub use crate::store::client::Client;
use crate::store::ledger::{self, Listed};
pub use crate::store::message::CauseKind;
use crate::store::request::{self, Kept, NetworkKey};
use crate::store::{StoreError, Tx};

/// What the verdict is about.
const DAY: Span = Span::days(1);
/// How far back the beginning of a series is looked for: as long as sign-ins are kept.
const SERIES: Span = Span::days(7);
/// How far back it is told who got in, and for how long a network counts as seen.
const QUARTER: Span = Span::days(90);
/// Messages, and as many refusals, that are looked at at once.
const LISTED_MAX: usize = 200;
/// One more, which tells that there are more.
const LOOKED_AT: i64 = LISTED_MAX as i64 + 1;
/// Successes that are looked at.
const SUCCESSES_MAX: i64 = 2000;

/// The ledger of one account.
pub struct Ledger {
    /// Which flood it is.
    pub verdict: Verdict,
    /// Did anybody get in?
    pub got_in: GotIn,
    /// Since when unknown devices get no messages, because somebody has the password.
    pub closed_since: Option<Timestamp>,
    /// What was asked for with the right password in the last 24 hours, granted or not, in order of time.
    pub asked: Vec<Asked>,
    /// From where, and with what, the latest got in who is nobody known.
    pub newcomer: Option<Client>,
    /// Messages and refusals, the newest.
    pub lines: Lines,
    /// Messages of the last 24 hours that were sent.
    pub sent_today: usize,
    /// When it was looked at.
    pub now: Timestamp,
}

/// Messages and refusals, newest first.
pub struct Lines {
    /// They.
    pub items: Vec<Item>,
    /// Whether there are older ones.
    pub more: bool,
}

/// Something that was asked for.
pub struct Asked {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: AskedBy,
    /// From where.
    pub client: Client,
}

/// Who asked, as far as an owner can tell them apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum AskedBy {
    /// A device that completed the second step before.
    KnownDevice,
    /// An unknown device in a network from which sign-ins succeeded.
    KnownNetwork,
    /// An unknown device in an unknown network.
    Stranger,
}

/// A line of the ledger.
pub struct Item {
    /// When it was.
    pub at: Timestamp,
    /// What caused it.
    pub cause: CauseKind,
    /// Who asked.
    pub client: Client,
    /// Whether the right password came first.
    pub password_right: bool,
    /// What was done.
    pub done: Done,
}

/// What was done.
pub enum Done {
    /// A message was made.
    Message(Box<Made>),
    /// Nothing: a rule refused it before there was a message.
    Refused {
        /// Which request.
        id: EventId,
        /// Why.
        reason: Suppressed,
    },
}

/// A message that was made.
pub struct Made {
    /// Which one.
    pub id: MessageId,
    /// What it says.
    pub kind: MessageKind,
    /// How it goes.
    pub channel: Channel,
    /// Where it goes, masked.
    pub destination: String,
    /// The two letters that it carries; none: it carries no code.
    pub tag: Option<String>,
    /// Which of the account's messages of the day; none: it carries no code.
    pub serial: Option<i64>,
    /// What became of it.
    pub state: State,
    /// Why.
    pub reason: Option<Why>,
    /// How long after it was given to a route that was told.
    pub told_after: Option<Span>,
}

/// Why a message is in its state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// By the word of a route.
    Route(Reason),
    /// By a rule of ours.
    Rule(Suppressed),
}

impl Item {
    /// Why nothing was sent, if a rule refused it.
    pub fn refused(&self) -> Option<Suppressed> {
        match &self.done {
            Done::Refused { reason, .. } => Some(*reason),
            Done::Message(made) => match (made.state, made.reason) {
                (State::Suppressed, Some(Why::Rule(reason))) => Some(reason),
                _ => None,
            },
        }
    }
}

impl Why {
    fn from_name(name: &str) -> Option<Self> {
        Reason::from_name(name).map(Self::Route).or_else(|| Suppressed::from_name(name).map(Self::Rule))
    }

    /// Its name outside.
    pub fn name(self) -> &'static str {
        match self {
            Self::Route(reason) => reason.name(),
            Self::Rule(reason) => reason.name(),
        }
    }
}

/// Looks at the ledger of an account; `None` if there is none.
pub async fn look(app: &Arc<App>, account: AccountId) -> Result<Option<Ledger>, FlowError> {
    Ok(app.db.read(Job::new(app, account), |tx, job| Box::pin(job.ledger(tx))).await?)
}

/// Looks further back: at what was before `before`. `None` if there is no such account.
pub async fn older(app: &Arc<App>, account: AccountId, before: Timestamp) -> Result<Option<Lines>, FlowError> {
    let job = Job::new(app, (account, before));
    let lines = app.db.read(job, |tx, job| {
        Box::pin(async move {
            let (id, before) = job.input;
            let Some(account) = account::load(tx, &job.app, id).await? else { return Ok(None) };
            let during = (job.now.minus(QUARTER), before);
            let messages = ledger::list(tx, &account, during, LOOKED_AT).await?;
            let refusals = request::refusals(tx, &account, during, LOOKED_AT).await?;
            Ok(Some(Lines::of(messages, refusals)))
        })
    });
    Ok(lines.await?)
}

/// Later than anything that was written down.
const END: Timestamp = Timestamp::from_ms(i64::MAX);

impl Job<AccountId> {
    async fn ledger(&self, tx: &mut Tx<'_>) -> Result<Option<Ledger>, StoreError> {
        let (app, now) = (&*self.app, self.now);
        let Some(account) = account::load(tx, app, self.input).await? else { return Ok(None) };
        let quarter = now.minus(QUARTER);
        let messages = ledger::list(tx, &account, (quarter, END), LOOKED_AT).await?;
        let refusals = request::refusals(tx, &account, (quarter, END), LOOKED_AT).await?;
        // What was refused, however often, hides nothing of what was sent.
        let sent = ledger::sent(tx, &account, now.minus(DAY), LOOKED_AT).await?;
        let surplus = surplus(tx, app, &sent).await?;
        let requests = request::list(tx, &account, now.minus(SERIES)).await?;
        let known = request::on_known_devices(tx, &account, quarter).await?;
        let successes = audit::successes(tx, &account, quarter.minus(QUARTER), SUCCESSES_MAX).await?;
        let history = History::of(app, &successes);
        let facts = Facts { app, now, requests: &requests, messages: &sent, surplus: &surplus, history: &history };
        let entries = facts.entries(&successes, &known);
        let (verdict, got_in) = facts.judged(&account, &entries);
        Ok(Some(Ledger {
            verdict,
            got_in,
            closed_since: account.closure.closed_at.filter(|_| account.closure.is_closed(account.password_changed_at)),
            asked: facts.asked(),
            sent_today: sent.len(),
            newcomer: newcomer(got_in, &successes),
            lines: Lines::of(messages, refusals),
            now,
        }))
    }
}

/// From where, and with what, somebody got in or proved a method: newest first, as the successes are.
struct History(Vec<(Timestamp, Option<NetworkKey>, Option<String>)>);

impl History {
    fn of(app: &App, successes: &[Recorded]) -> Self {
        let seen = successes.iter().map(|recorded| {
            let client = &recorded.facts.client;
            (recorded.at, NetworkKey::of(app, client), client.program.clone())
        });
        Self(seen.collect())
    }

    /// Whether that was from this network, and whether with this program from it, within the 90 days before `at`. The newest
    /// `later` are passed over.
    fn seen(
        &self,
        (network, program): (Option<NetworkKey>, Option<&String>),
        at: Timestamp,
        later: usize,
    ) -> (bool, bool) {
        let before = |when: Timestamp| when <= at && when > at.minus(QUARTER);
        let same = |from: &Option<NetworkKey>| from.is_some() && *from == network;
        let from_here = || self.0.iter().skip(later).filter(|(when, from, _)| before(*when) && same(from));
        (from_here().next().is_some(), from_here().any(|(_, _, with)| with.as_ref() == program))
    }
}

/// Gives each different thing a number of its own.
struct Numbers<K>(BTreeMap<K, u32>);

impl<K: Ord> Numbers<K> {
    fn of(&mut self, key: K) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        *self.0.entry(key).or_insert(next)
    }
}

struct Facts<'a> {
    app: &'a App,
    now: Timestamp,
    requests: &'a [Kept],
    /// Sent in the last 24 hours.
    messages: &'a [Listed],
    /// Ends that carriers told of beyond the messages that they were given, by the newest message to the same number.
    surplus: &'a BTreeMap<MessageId, u8>,
    history: &'a History,
}

impl Facts<'_> {
    fn judged(&self, account: &Account, entries: &[Entry]) -> (Verdict, GotIn) {
        let mut sign_ins = Numbers(BTreeMap::new());
        let all = self.numbered(&mut sign_ins);
        let strange = |request: &&flood::Request| !request.press && request.password_right && !request.device_known;
        let left: Vec<Timestamp> =
            all.iter().filter(strange).filter(|request| !request.completed).map(|request| request.at).collect();
        let day_ago = self.now.minus(DAY);
        let requests: Vec<_> = all.into_iter().filter(|request| request.at > day_ago).collect();
        let messages = self.sent(&mut sign_ins);
        let facts = flood::Facts {
            requests: &requests,
            messages: &messages,
            entries,
            two_step_since: account.two_step_since,
            series_began: flood::series_began(&left, self.now),
        };
        (flood::verdict(&facts), flood::got_in(&facts))
    }

    /// The requests as the rules see them: what is the same has the same number.
    fn numbered(&self, sign_ins: &mut Numbers<[u8; 16]>) -> Vec<flood::Request> {
        let (mut keys, mut networks) = (Numbers(BTreeMap::new()), Numbers(BTreeMap::new()));
        let (mut programs, mut devices) = (Numbers(BTreeMap::new()), Numbers(BTreeMap::new()));
        let number = |kept: &Kept| {
            let by = &kept.request.by;
            let (network_seen, program_seen) =
                self.history.seen((kept.network, by.client.program.as_ref()), kept.at, 0);
            flood::Request {
                at: kept.at,
                // What was refused before it opened a sign-in is one by itself.
                sign_in: sign_ins.of(kept.request.ceremony.map_or(*kept.id.as_bytes(), |id| *id.as_bytes())),
                press: kept.request.press,
                password_right: by.password_right,
                api_key: by.api_key.map(|id| keys.of(*id.as_bytes())),
                network: networks.of(kept.network),
                network_seen,
                program: programs.of(by.client.program.clone()),
                program_seen,
                device: by.device.map(|id| devices.of(*id.as_bytes())),
                device_known: by.device_known,
                tries: kept.tries,
                completed: kept.completed_at.is_some(),
                alive: kept.tries < self.app.policy.code_tries_max
                    && kept.open_until.is_some_and(|until| self.now < until),
            }
        };
        self.requests.iter().filter(|kept| kept.signs_in).map(number).collect()
    }

    /// The codes for sign-ins that were handed to a route in the last 24 hours.
    fn sent(&self, sign_ins: &mut Numbers<[u8; 16]>) -> Vec<Sent> {
        let mut challenges = Numbers(BTreeMap::new());
        let codes = self.messages.iter().filter(|message| message.kind == MessageKind::SignInCode);
        let sent = codes.filter_map(|message| {
            let (challenge, ceremony) = (message.challenge?, message.ceremony?);
            // A message that no route was given yet has not arrived by any.
            let tells = message.route.as_deref().is_none_or(|route| self.app.tells_of_arrival(route));
            let silent = message.wired_at.is_some_and(|at| self.now.since(at) > self.app.policy.route_stalled_after);
            Some(Sent {
                sign_in: sign_ins.of(*ceremony.as_bytes()),
                challenge: challenges.of(*challenge.as_bytes()),
                n: message.n,
                arrived: Arrived::of(message.state, tells),
                overdue: tells && silent,
                deliveries: self.surplus.get(&message.id).map_or(1, |surplus| surplus.saturating_add(1)),
                instead: message.cause.kind == CauseKind::Fallback,
            })
        });
        sent.collect()
    }

    /// Who got in within 90 days; `known`: when that was on a known device.
    fn entries(&self, successes: &[Recorded], known: &BTreeSet<Timestamp>) -> Vec<Entry> {
        let quarter = self.now.minus(QUARTER);
        let entries = successes.iter().enumerate();
        let entries = entries.filter(|(_, recorded)| recorded.event == Event::SignedIn && recorded.at > quarter);
        let entry = |(place, recorded): (usize, &Recorded)| {
            let client = &recorded.facts.client;
            let proofs = recorded.facts.about.as_deref().unwrap_or_default();
            let trusted = proofs.split(' ').any(|proof| proof == "trusted_device");
            let network = NetworkKey::of(self.app, client);
            let (network_seen, _) = self.history.seen((network, client.program.as_ref()), recorded.at, place + 1);
            Entry { at: recorded.at, device_known: trusted || known.contains(&recorded.at), network_seen }
        };
        entries.map(entry).collect()
    }

    fn asked(&self) -> Vec<Asked> {
        let day_ago = self.now.minus(DAY);
        let asked =
            self.requests.iter().filter(|kept| kept.at > day_ago && kept.signs_in && kept.request.by.password_right);
        let asked = asked.map(|kept| {
            let by = &kept.request.by;
            let (network_seen, _) = self.history.seen((kept.network, by.client.program.as_ref()), kept.at, 0);
            let who = match (by.device_known, network_seen) {
                (true, _) => AskedBy::KnownDevice,
                (false, true) => AskedBy::KnownNetwork,
                (false, false) => AskedBy::Stranger,
            };
            Asked { at: kept.at, by: who, client: by.client.clone() }
        });
        asked.collect()
    }
}

/// By how many carriers told of more ends than messages went to a number in the last 24 hours: kept with the newest message there.
async fn surplus(tx: &mut Tx<'_>, app: &App, sent: &[Listed]) -> Result<BTreeMap<MessageId, u8>, StoreError> {
    let (mut found, mut looked_at) = (BTreeMap::new(), BTreeSet::new());
    let since = app.clock.now().minus(DAY);
    for message in sent.iter().filter(|message| message.kind == MessageKind::SignInCode) {
        let Some(route) = message.route.as_deref() else { continue };
        let number = message.destination.expose().as_str();
        if looked_at.insert((route, number)) {
            let surplus = carrier_message::surplus_at(tx, app, (route, number), since).await?;
            found.insert(message.id, u8::try_from(surplus).unwrap_or(u8::MAX));
        }
    }
    Ok(found)
}

/// From where, and with what, the latest got in who is nobody known.
fn newcomer(got_in: GotIn, successes: &[Recorded]) -> Option<Client> {
    let GotIn::NewDevice { last, .. } = got_in else { return None };
    let entry = successes.iter().find(|recorded| recorded.event == Event::SignedIn && recorded.at == last)?;
    Some(entry.facts.client.clone())
}

impl Lines {
    /// Of the newest messages and the newest refusals. Most refusals are in the ledger as a message that was not sent.
    fn of(messages: Vec<Listed>, refusals: Vec<request::Refusal>) -> Self {
        // Where one of the two ends, only the other knows what came before.
        let end = |count: usize, oldest: Option<Timestamp>| oldest.filter(|_| count > LISTED_MAX);
        let known_to = end(messages.len(), messages.last().map(|message| message.at));
        let known_to = known_to.max(end(refusals.len(), refusals.last().map(|refusal| refusal.at)));
        let suppressed = messages.iter().filter(|message| message.state == State::Suppressed);
        let suppressed: BTreeSet<Timestamp> = suppressed.map(|message| message.at).collect();
        let refused = refusals.into_iter().filter(|refusal| !suppressed.contains(&refusal.at)).map(refused);
        let mut items: Vec<Item> = refused.chain(messages.into_iter().map(made)).collect();
        items.retain(|item| known_to.is_none_or(|known_to| item.at > known_to));
        items.sort_by_key(|item| std::cmp::Reverse(item.at));
        Self { items, more: known_to.is_some() }
    }
}

fn refused(refusal: request::Refusal) -> Item {
    Item {
        at: refusal.at,
        cause: if refusal.press { CauseKind::Resend } else { CauseKind::SignIn },
        client: refusal.by.client,
        password_right: refusal.by.password_right,
        done: Done::Refused { id: refusal.id, reason: refusal.reason },
    }
}

fn made(message: Listed) -> Item {
    let destination = message.destination.expose();
    let masked = match message.channel {
        Channel::Sms => PhoneNumber::from_e164(destination).map(|number| number.national_masked()),
        Channel::Email => nidan_core::email::EmailAddress::parse(destination).ok().map(|address| address.masked()),
    };
    let made = Made {
        id: message.id,
        kind: message.kind,
        channel: message.channel,
        destination: masked.unwrap_or_default(),
        tag: message.tag,
        serial: (message.kind.carries_code() && message.serial > 0).then_some(message.serial),
        state: message.state,
        reason: message.reason.as_deref().and_then(Why::from_name),
        told_after: message.wired_at.zip(message.received_at).map(|(wired_at, told_at)| told_at.since(wired_at)),
    };
    Item {
        at: message.at,
        cause: message.cause.kind,
        client: message.cause.client,
        password_right: message.cause.password_right,
        done: Done::Message(Box::new(made)),
    }
}
