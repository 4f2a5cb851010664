//! What must hold at the end of whatever happened: read from the database, and held against what the carrier was given.

use std::collections::{BTreeMap, BTreeSet};

use nidan::store::{StoreError, sql};
use nidan_core::id::{AccountId, MessageId};
use nidan_core::lane::Lane;
use nidan_core::ledger::State;
use nidan_core::message::{Channel, MessageKind};
use nidan_core::policy::Policy;
use nidan_core::time::{Span, Timestamp};

use crate::carrier::Given;
use crate::table::Figure;
use crate::world::World;

sql! {
    MESSAGES = "SELECT m.message_id, m.account_id, m.kind, m.channel, m.state, m.reason, m.wires, m.created_ms, m.n, m.challenge_id,
                       c.lane, c.released_ms, a.lane_closed_ms,
                       (SELECT MIN(r.completed_ms) FROM request r
                         WHERE r.account_id = m.account_id AND r.ceremony_id = c.ceremony_id) AS completed_ms
                  FROM message m
                  JOIN account a ON a.account_id = m.account_id
             LEFT JOIN challenge h ON h.account_id = m.account_id AND h.challenge_id = m.challenge_id
             LEFT JOIN ceremony c ON c.account_id = h.account_id AND c.ceremony_id = h.ceremony_id
                 ORDER BY m.created_ms, m.message_id";
}

/// A row of the ledger.
pub struct Line {
    id: MessageId,
    account: AccountId,
    /// What it says.
    pub kind: MessageKind,
    sms: bool,
    state: State,
    reason: Option<String>,
    wires: i64,
    /// When it was asked for.
    pub at: Timestamp,
    challenge: Option<([u8; 16], i64)>,
    lane: Option<Lane>,
    released: bool,
    closed_at: Option<Timestamp>,
    completed_at: Option<Timestamp>,
}

impl Line {
    fn carries_code(&self) -> bool {
        self.sms && matches!(self.kind, MessageKind::SignInCode | MessageKind::SetupCode)
    }

    /// Whether it was made, not refused.
    pub fn was_made(&self) -> bool {
        self.state != State::Suppressed
    }
}

/// The whole ledger.
pub async fn lines(world: &World) -> Vec<Line> {
    let lines = world.app.db.read((), |tx, ()| {
        Box::pin(async move {
            let rows = tx.rows(&MESSAGES, &[]).await?;
            let line = |row: &nidan::store::Row| {
                let challenge = row.opt_array(9)?;
                let n = row.int(8)?;
                Ok::<_, StoreError>(Line {
                    id: row.id(0)?,
                    account: row.id(1)?,
                    kind: MessageKind::from_stored(row.int(2)?).expect("a kind"),
                    sms: row.int(3)? == Channel::Sms.stored(),
                    state: State::from_stored(row.int(4)?).expect("a state"),
                    reason: row.opt_text(5)?.map(str::to_owned),
                    wires: row.int(6)?,
                    at: row.time(7)?,
                    challenge: challenge.map(|id| (id, n)),
                    lane: row.opt_int(10)?.and_then(Lane::from_stored),
                    released: row.opt_time(11)?.is_some(),
                    closed_at: row.opt_time(12)?,
                    completed_at: row.opt_time(13)?,
                })
            };
            rows.iter().map(line).collect::<Result<Vec<_>, _>>()
        })
    });
    lines.await.expect("no failure")
}

/// What must hold whatever happened.
pub async fn invariants(world: &World) -> Vec<Figure> {
    let lines = lines(world).await;
    let given = world.carrier.given(0);
    let sms: Vec<&Given> = given.iter().filter(|given| given.channel == Channel::Sms).collect();
    let figures = dispatches(&lines, &sms).into_iter().chain(refusals(world, &lines)).chain(guesses(world)).chain([
        Figure::at_most("messages to closed lanes", to_closed_lanes(&lines), 0),
        Figure::at_most("messages beyond a budget", beyond_budgets(&lines, &sms, &world.app.policy), 0),
        Figure::holds("the ledger knows what phones got", world.carrier.told() == delivered(&lines)),
    ]);
    figures.map(Figure::everywhere).collect()
}

fn delivered(lines: &[Line]) -> BTreeSet<MessageId> {
    lines.iter().filter(|line| line.sms && line.state == State::Delivered).map(|line| line.id).collect()
}

/// No message is given to the carrier twice, nor is one of a challenge, nor one that the ledger does not know.
fn dispatches(lines: &[Line], sms: &[&Given]) -> [Figure; 2] {
    let given: BTreeSet<MessageId> = sms.iter().map(|given| given.id).collect();
    let made: Vec<_> = lines.iter().filter_map(|line| line.challenge).collect();
    let distinct: BTreeSet<_> = made.iter().collect();
    let twice = sms.len() - given.len() + made.len() - distinct.len();
    let wired: BTreeSet<MessageId> =
        lines.iter().filter(|line| line.sms && line.wires > 0).map(|line| line.id).collect();
    let once = lines.iter().all(|line| line.wires <= 1);
    [
        Figure::at_most("dispatched twice", twice, 0),
        Figure::holds("the ledger counts what the carrier was given", given == wired && once),
    ]
}

/// Who asked for a message has one in the ledger, or a refusal with its reason.
fn refusals(world: &World, lines: &[Line]) -> [Figure; 2] {
    let codes = || lines.iter().filter(|line| line.carries_code());
    let unexplained = codes().filter(|line| !line.was_made() && line.reason.is_none()).count();
    [
        Figure::at_most("refused without a reason", unexplained, 0),
        Figure::holds("whatever was asked for is in the ledger", codes().count() == world.asked),
    ]
}

/// A lane that is closed and stayed so.
fn to_closed_lanes(lines: &[Line]) -> usize {
    let in_lane_u = |line: &&Line| line.lane == Some(Lane::U) && line.carries_code() && !line.released;
    let late = |line: &&Line| line.was_made() && line.closed_at.is_some_and(|closed| line.at > closed);
    lines.iter().filter(in_lane_u).filter(late).count()
}

/// A message that went to a number.
struct Gone<'a> {
    line: &'a Line,
    to: &'a str,
}

impl Gone<'_> {
    /// Whether it counted when `later` was asked for, within so long.
    fn counts_at(&self, later: &Line, window: Span) -> bool {
        self.line.at <= later.at && later.at.since(self.line.at) < window
    }

    fn unanswered_at(&self, later: &Line) -> bool {
        self.line.completed_at.is_none_or(|completed| completed > later.at)
    }
}

/// Every budget of a message is counted anew at each message, from the ledger itself.
fn beyond_budgets(lines: &[Line], sms: &[&Given], policy: &Policy) -> usize {
    let destinations: BTreeMap<MessageId, &str> = sms.iter().map(|given| (given.id, given.to.as_str())).collect();
    let codes = lines.iter().filter(|line| line.carries_code() && line.was_made());
    let gone: Vec<Gone<'_>> = codes.filter_map(|line| Some(Gone { line, to: destinations.get(&line.id)? })).collect();
    let since = |place: usize| gone.partition_point(|one| gone[place].line.at.since(one.line.at) >= DAY);
    (0..gone.len()).filter(|place| is_beyond(&gone[since(*place)..=*place], policy)).count()
}

const HOUR: Span = Span::minutes(60);
const DAY: Span = Span::days(1);

/// Whether the last of these is one too many.
fn is_beyond(gone: &[Gone<'_>], policy: &Policy) -> bool {
    let Some(Gone { line, to }) = gone.last() else { return false };
    let known = line.lane == Some(Lane::K);
    let of_number = |window: Span, all: bool| {
        let there = gone.iter().filter(|one| one.to == *to && one.counts_at(line, window));
        there.filter(|one| all || one.unanswered_at(line)).count()
    };
    let of_lane = |window: Span| {
        let there = gone.iter().filter(|one| one.line.account == line.account && one.counts_at(line, window));
        there
            .filter(|one| one.line.lane == line.lane && one.line.released == line.released)
            .filter(|one| one.unanswered_at(line))
            .count()
    };
    let left = |all: u8, kept: u8| usize::from(if known { all } else { all - kept });
    let lane = match line.lane {
        Some(Lane::K) => {
            of_lane(HOUR) > policy.lane_known_hour_max.into() || of_lane(DAY) > policy.lane_known_day_max.into()
        }
        Some(Lane::U) if line.released => of_lane(DAY) > policy.releases_day_max.into(),
        Some(Lane::U) => of_lane(DAY) > policy.lane_password_day_max.into(),
        None | Some(Lane::R) => false,
        Some(Lane::S) => {
            let there = gone.iter().filter(|one| one.to == *to && one.line.lane == line.lane);
            let unanswered = there.filter(|one| one.counts_at(line, DAY) && one.unanswered_at(line)).count();
            unanswered > policy.setup_number_day_max.into()
        }
    };
    lane || of_number(HOUR, false) > left(policy.number_hour_max, policy.number_hour_known)
        || of_number(DAY, false) > left(policy.number_day_max, policy.number_day_known)
        || of_number(DAY, true) > left(policy.number_ceiling, policy.number_ceiling_known)
}

/// At most five in a sign-in; of unknown devices, no more of an account than the ladder has, of those that no success
/// gave back.
fn guesses(world: &World) -> [Figure; 2] {
    let mut by_sign_in: BTreeMap<[u8; 16], usize> = BTreeMap::new();
    for guess in &world.guesses {
        *by_sign_in.entry(*guess.ceremony.id.as_bytes()).or_default() += 1;
    }
    let most = by_sign_in.values().copied().max().unwrap_or_default();
    [
        Figure::at_most("codes compared in a sign-in", most, world.app.policy.code_tries_max.into()),
        Figure::at_most("strangers' codes compared in 24 h", most_in_a_day(world), 15),
    ]
}

/// The most codes of one account that were compared for unknown devices within 24 hours.
pub fn most_in_a_day(world: &World) -> usize {
    let unknown: Vec<_> = world.guesses.iter().filter(|guess| guess.unknown && !guess.forgiven).collect();
    let within = |first: &Timestamp, account: AccountId| {
        let same = unknown.iter().filter(|guess| guess.ceremony.account == account);
        same.filter(|guess| guess.at >= *first && guess.at.since(*first) < DAY).count()
    };
    unknown.iter().map(|guess| within(&guess.at, guess.ceremony.account)).max().unwrap_or_default()
}
