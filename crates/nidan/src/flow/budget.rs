//! The budgets of a message: taken before it is claimed, completed with its challenge, given back if it came to nothing.
//!
//! Every counter is a row of its own, every step on it a transaction of its own. So nothing here holds an account's row,
//! and a crash between two steps leaves too much counted, never too little. What a node knows by itself it does not ask
//! the database for: permits of what many share, and counters that refused a moment ago.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nidan_core::bucket::{Rule, Take};
use nidan_core::budget::{Budget, Kind, Passage, Suppressed, median};
use nidan_core::permits::{Permits, Spend};
use nidan_core::time::{Span, Timestamp};

use futures_util::future::try_join_all;

use super::FlowError;
use crate::app::App;
use crate::keys::Lookup;
use crate::store::rate_counter::{self, RowKey, Step};
use crate::store::{Body, StoreError};

/// What was taken for a message, or a password.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Admitted(Vec<Taken>);

/// What was taken from one counter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Taken {
    step: Step,
    at: Timestamp,
    /// Whether it stays taken when the challenge is completed.
    stays: bool,
}

/// Whether something may be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Admission {
    /// It may, and was counted.
    Admitted(Admitted),
    /// It may not; nothing stays taken.
    Refused {
        /// Why.
        reason: Suppressed,
        /// Asking earlier is of no use.
        until: Timestamp,
    },
}

/// Takes from `budgets` in their order: from all, or from none.
///
/// # Errors
/// The database failed: what was taken before that stays taken.
pub async fn admit(app: &App, budgets: Vec<Budget>) -> Result<Admission, FlowError> {
    let mut passage = Passage::new(budgets);
    let mut admitted = Admitted::default();
    while let Some(budget) = passage.next() {
        let now = app.clock.now();
        let taken = Taken { step: step(app, budget, now), at: now, stays: budget.stays };
        match take(app, &taken, keep_until(budget, now)).await? {
            Ok(()) => {
                admitted.0.push(taken);
                passage.taken();
            }
            Err(until) => {
                if let Err(refusal) = passage.refused(until) {
                    give_back(app, admitted).await?;
                    return Ok(Admission::Refused { reason: refusal.reason, until: refusal.until });
                }
            }
        }
    }
    Ok(Admission::Admitted(admitted))
}

/// Notes that the challenge was completed for which this was taken. Once: see [`crate::store::ceremony::take_budgets`].
///
/// # Errors
/// The database failed: what is not completed stays counted.
pub async fn complete(app: &App, admitted: Admitted) -> Result<(), FlowError> {
    let completed = admitted.0.into_iter().filter(|taken| !taken.stays);
    reopen(app, completed, |tx, (taken, now)| Box::pin(rate_counter::complete(tx, &taken.step, taken.at, *now))).await
}

/// Gives everything back: what it was taken for was not done.
///
/// # Errors
/// The database failed: what is not given back stays counted.
pub async fn give_back(app: &App, admitted: Admitted) -> Result<(), FlowError> {
    let all = admitted.0.into_iter();
    reopen(app, all, |tx, (taken, now)| Box::pin(rate_counter::give_back(tx, &taken.step, taken.at, *now))).await
}

/// Does `step` on each row, and forgets that it refused.
async fn reopen(
    app: &App,
    taken: impl Iterator<Item = Taken>,
    step: Body<(Taken, Timestamp), ()>,
) -> Result<(), FlowError> {
    let now = app.clock.now();
    let steps = taken.map(async |taken| {
        app.db.transact((taken, now), step).await?;
        app.budgets.reopened(&taken.step.row, now);
        Ok(())
    });
    try_join_all(steps).await.map(drop)
}

/// How many messages to unverified numbers there usually are in this hour of the day: the median of 14 days, or of what
/// there is of them.
///
/// # Errors
/// The database's.
pub async fn usual_setups(app: &App) -> Result<u32, FlowError> {
    let hour = place(HOUR, app.clock.now());
    if let Some(usual) = app.budgets.usual_setups(hour) {
        return Ok(usual);
    }
    let rows = (1..=DAYS).map(|day| row_of_hour(app, Kind::SetupHour, hour - day * HOURS)).collect();
    let usual = median(&counted(app, rows).await?);
    app.budgets.memory().usual_setups = Some((hour, usual));
    Ok(usual)
}

/// What was taken in each of `rows`, the latest first, back to the first that was ever counted: where there is none
/// between, nothing happened.
pub(super) async fn counted(app: &App, rows: Vec<RowKey>) -> Result<Vec<u32>, StoreError> {
    let counted = app.db.read(rows, |tx, rows| {
        Box::pin(async move {
            let mut counted = Vec::with_capacity(rows.len());
            for row in rows {
                let counter = rate_counter::look(tx, *row).await?;
                counted.push(counter.map(|counter| u32::try_from(counter.taken).unwrap_or(u32::MAX)));
            }
            Ok(counted)
        })
    });
    let mut counted = counted.await?;
    counted.truncate(counted.iter().rposition(Option::is_some).map_or(0, |first| first + 1));
    Ok(counted.into_iter().map(Option::unwrap_or_default).collect())
}

const HOUR: Span = Span::minutes(60);
/// Hours of a day.
const HOURS: i64 = 24;
/// Days of which the usual is the median.
const DAYS: i64 = 14;
/// How long the counts of an hour are kept: a day longer than they are looked at.
const HOURS_KEPT: Span = Span::days(DAYS + 1);

/// The number of the stretch of time that `now` lies in.
pub(super) const fn place(length: Span, now: Timestamp) -> i64 {
    now.ms().div_euclid(length.as_ms())
}

/// The row that counts `kind` in one hour. Each hour has a row of its own, so that earlier ones stay to be compared with.
fn row_of_hour(app: &App, kind: Kind, hour: i64) -> RowKey {
    app.keys.lookup(Lookup::Counter, &[&[kind as u8][..], &hour.to_be_bytes()].concat())
}

fn step(app: &App, budget: &Budget, now: Timestamp) -> Step {
    let row = match budget.kind {
        Kind::SetupHour => row_of_hour(app, budget.kind, place(HOUR, now)),
        _ => app.keys.lookup(Lookup::Counter, budget.key_material().expose()),
    };
    Step { row, rule: budget.rule, n: budget.n }
}

fn keep_until(budget: &Budget, now: Timestamp) -> Timestamp {
    if budget.kind == Kind::SetupHour { now.plus(HOURS_KEPT) } else { now }
}

/// Takes, or gives the moment before which asking is of no use.
async fn take(app: &App, taken: &Taken, keep_until: Timestamp) -> Result<Result<(), Timestamp>, StoreError> {
    let (asked, now) = (Asked::of(&taken.step), taken.at);
    if let Some(until) = app.budgets.refused(&asked, now) {
        return Ok(Err(until));
    }
    if let Rule::Window { window, .. } = taken.step.rule {
        return lease(app, taken, (window, keep_until)).await;
    }
    let reopenings = app.budgets.reopenings(&asked.row);
    match take_from_row(app, taken.step, keep_until, now).await? {
        Take::Taken(_) => Ok(Ok(())),
        Take::Refused { until } => {
            app.budgets.remember(asked, reopenings, (now, until));
            Ok(Err(until))
        }
    }
}

async fn take_from_row(app: &App, step: Step, keep_until: Timestamp, now: Timestamp) -> Result<Take, StoreError> {
    let input = (step, keep_until, now);
    app.db
        .transact(input, |tx, (step, keep_until, now)| Box::pin(rate_counter::take(tx, step, *keep_until, *now)))
        .await
}

/// Spends a permit of this node, leasing a lot of them when there is none.
async fn lease(
    app: &App,
    taken: &Taken,
    (window, keep_until): (Span, Timestamp),
) -> Result<Result<(), Timestamp>, StoreError> {
    let (asked, now) = (Asked::of(&taken.step), taken.at);
    let mut lot = match app.budgets.spend(asked, now) {
        Spend::Spent(_) => return Ok(Ok(())),
        Spend::Refused { until } => return Ok(Err(until)),
        Spend::Lease { lot } => lot,
    };
    loop {
        let reopenings = app.budgets.reopenings(&asked.row);
        let step = Step { n: lot.saturating_mul(taken.step.n), ..taken.step };
        match take_from_row(app, step, keep_until, now).await? {
            Take::Taken(counter) => {
                let until = Timestamp::from_ms((counter.place + 1) * window.as_ms());
                app.budgets.leased(asked, lot, (now, until));
                return Ok(Ok(()));
            }
            Take::Refused { until } => match app.budgets.not_leased(asked, (lot, reopenings), (now, until)) {
                Next::Ask(smaller) => lot = smaller,
                Next::Spent => return Ok(Ok(())),
                Next::Refused => return Ok(Err(until)),
            },
        }
    }
}

/// What is asked of a counter: another cap, as other lanes have it, or another amount may get another answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Asked {
    row: RowKey,
    cap: i64,
    n: i64,
}

impl Asked {
    const fn of(step: &Step) -> Self {
        let cap = match step.rule {
            Rule::Rolling { cap, .. } => cap as i64,
            Rule::Refilled { burst, .. } => burst as i64,
            Rule::Window { cap, .. } | Rule::Share { cap, .. } => cap,
        };
        Self { row: step.row, cap, n: step.n }
    }
}

/// For how long a node takes a refusal for granted. Completions on another node may open a counter earlier than it said.
const REMEMBERED: Span = Span::seconds(10);
/// Counters whose refusal is remembered at once, at most.
const REFUSALS_MAX: usize = 65_536;
/// Counters of which permits are held, before those that are over are dropped.
const PERMITS_MANY: usize = 1_024;

/// What one node knows of budgets by itself.
#[derive(Default)]
pub struct Budgets(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    /// With the end of their window.
    permits: HashMap<Asked, (Permits, Timestamp)>,
    refusals: HashMap<RowKey, Vec<Refusal>>,
    /// How often something came back to a row, by its first byte: another row's costs a question to the database, and no more.
    /// A refusal that was decided before is not taken for granted after.
    reopenings: HashMap<u8, u64>,
    /// Of which hour, and how many.
    usual_setups: Option<(i64, u32)>,
}

impl Memory {
    fn reopenings_of(&self, row: &RowKey) -> u64 {
        self.reopenings.get(&row[0]).copied().unwrap_or_default()
    }
}

struct Refusal {
    asked: Asked,
    until: Timestamp,
    forget_at: Timestamp,
}

/// What follows a lot that was not given.
enum Next {
    /// Nothing: there was a permit after all.
    Spent,
    /// To ask for so many.
    Ask(i64),
    /// To come back later.
    Refused,
}

impl Budgets {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn usual_setups(&self, hour: i64) -> Option<u32> {
        self.memory().usual_setups.filter(|(of, _)| *of == hour).map(|(_, usual)| usual)
    }

    fn refused(&self, asked: &Asked, now: Timestamp) -> Option<Timestamp> {
        let memory = self.memory();
        let refusal = memory.refusals.get(&asked.row)?.iter().find(|refusal| refusal.asked == *asked)?;
        (now < refusal.forget_at).then_some(refusal.until)
    }

    fn reopenings(&self, row: &RowKey) -> u64 {
        self.memory().reopenings_of(row)
    }

    /// Takes a refusal for granted that was asked for when the row had been reopened so often.
    fn remember(&self, asked: Asked, reopenings: u64, (now, until): (Timestamp, Timestamp)) {
        let forget_at = until.min(now.plus(REMEMBERED));
        let mut memory = self.memory();
        if memory.reopenings_of(&asked.row) != reopenings {
            return;
        }
        let refusals = &mut memory.refusals;
        if refusals.len() >= REFUSALS_MAX {
            refusals.retain(|_, of_row| of_row.iter().any(|refusal| now < refusal.forget_at));
        }
        if refusals.len() < REFUSALS_MAX {
            let of_row = refusals.entry(asked.row).or_default();
            of_row.retain(|refusal| refusal.asked != asked && now < refusal.forget_at);
            of_row.push(Refusal { asked, until, forget_at });
        }
    }

    /// Something came back to a counter.
    fn reopened(&self, row: &RowKey, now: Timestamp) {
        let mut memory = self.memory();
        memory.refusals.remove(row);
        *memory.reopenings.entry(row[0]).or_default() += 1;
        memory
            .permits
            .retain(|asked, (permits, _)| asked.row != *row || !matches!(permits.spend(now), Spend::Refused { .. }));
    }

    fn spend(&self, asked: Asked, now: Timestamp) -> Spend {
        let mut memory = self.memory();
        let Some((permits, _)) = memory.permits.get_mut(&asked) else { return Permits::none().spend(now) };
        let spend = permits.spend(now);
        if let Spend::Spent(left) = spend {
            *permits = left;
        }
        spend
    }

    fn leased(&self, asked: Asked, lot: i64, (now, until): (Timestamp, Timestamp)) {
        let permits = &mut self.memory().permits;
        if permits.len() >= PERMITS_MANY {
            permits.retain(|_, (_, until)| now < *until);
        }
        let (held, ends) = permits.entry(asked).or_insert((Permits::none(), until));
        (*held, *ends) = (held.leased(lot, now, until), until);
    }

    /// What follows when the counter did not give a lot, for which it was asked when it had been reopened so often.
    fn not_leased(&self, asked: Asked, (lot, reopenings): (i64, u64), (now, until): (Timestamp, Timestamp)) -> Next {
        let mut memory = self.memory();
        let stale = memory.reopenings_of(&asked.row) != reopenings;
        let (held, ends) = memory.permits.entry(asked).or_insert((Permits::none(), until));
        // Somebody else of this node may have been given one meanwhile.
        if let Spend::Spent(left) = held.spend(now) {
            *held = left;
            return Next::Spent;
        }
        match held.refused(lot, until) {
            Ok(smaller) => Next::Ask(smaller),
            Err(_) if stale => Next::Refused,
            Err(none) => {
                (*held, *ends) = (none, until);
                Next::Refused
            }
        }
    }
}

/// Bytes of one counter in [`Admitted::to_stored`].
const STORED: usize = 32 + 8 + 8 + 1 + 8 + 8 + 1 + 8;

impl Admitted {
    /// Both together.
    #[must_use]
    pub fn and(mut self, more: Self) -> Self {
        self.0.extend(more.0);
        self
    }

    /// What is to be completed, for the challenge's row. Without the rest, which can no longer be given back.
    pub fn to_stored(&self) -> Vec<u8> {
        self.0.iter().filter(|taken| !taken.stays).flat_map(stored).collect()
    }

    /// From [`Admitted::to_stored`], also of several one after the other; `None` if it never was that.
    pub fn from_stored(stored: &[u8]) -> Option<Self> {
        let (all, []) = stored.as_chunks::<STORED>() else { return None };
        all.iter().map(read).collect::<Option<_>>().map(Self)
    }
}

fn stored(taken: &Taken) -> Vec<u8> {
    let (kind, cap, window, percent, quarantine) = match taken.step.rule {
        Rule::Rolling { cap, window } => (0_u8, cap.into(), window, 0, Span::ms(0)),
        Rule::Refilled { burst, every } => (1, burst.into(), every, 0, Span::ms(0)),
        Rule::Window { cap, window } => (2, cap, window, 0, Span::ms(0)),
        Rule::Share { cap, window, percent, quarantine } => (3, cap, window, percent, quarantine),
    };
    let mut bytes = taken.step.row.to_vec();
    bytes.extend(taken.step.n.to_be_bytes());
    bytes.extend(taken.at.ms().to_be_bytes());
    bytes.push(kind);
    bytes.extend(cap.to_be_bytes());
    bytes.extend(window.as_ms().to_be_bytes());
    bytes.push(percent);
    bytes.extend(quarantine.as_ms().to_be_bytes());
    bytes
}

fn read(bytes: &[u8; STORED]) -> Option<Taken> {
    let number = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(i64::from_be_bytes);
    let (cap, window) = (number(49)?, Span::ms(number(57)?));
    let (row, [kind, percent]) = (*bytes.first_chunk()?, [bytes[48], bytes[65]]);
    let rule = match kind {
        0 => Rule::Rolling { cap: cap.try_into().ok()?, window },
        1 => Rule::Refilled { burst: cap.try_into().ok()?, every: window },
        2 => Rule::Window { cap, window },
        3 => Rule::Share { cap, window, percent, quarantine: Span::ms(number(66)?) },
        _ => return None,
    };
    let step = Step { row, rule, n: number(32)? };
    Some(Taken { step, at: Timestamp::from_ms(number(40)?), stays: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_from_before_a_reopening_is_not_remembered() {
        let (budgets, row) = (Budgets::default(), [7; 32]);
        let (asked, now) = (Asked { row, cap: 3, n: 1 }, Timestamp::from_ms(0));
        let until = now.plus(HOUR);
        let before = budgets.reopenings(&row);
        budgets.reopened(&row, now);
        budgets.remember(asked, before, (now, until));
        assert_eq!(budgets.refused(&asked, now), None);
        budgets.remember(asked, budgets.reopenings(&row), (now, until));
        assert_eq!(budgets.refused(&asked, now), Some(until));
    }

    #[test]
    fn a_node_that_was_given_no_permit_before_a_reopening_asks_again() {
        let (budgets, row) = (Budgets::default(), [7; 32]);
        let (asked, now) = (Asked { row, cap: 3, n: 1 }, Timestamp::from_ms(0));
        let until = now.plus(HOUR);
        let before = budgets.reopenings(&row);
        budgets.reopened(&row, now);
        assert!(matches!(budgets.not_leased(asked, (1, before), (now, until)), Next::Refused));
        assert!(matches!(budgets.spend(asked, now), Spend::Lease { .. }));
        let after = budgets.reopenings(&row);
        assert!(matches!(budgets.not_leased(asked, (1, after), (now, until)), Next::Refused));
        assert!(matches!(budgets.spend(asked, now), Spend::Refused { .. }));
    }
}
