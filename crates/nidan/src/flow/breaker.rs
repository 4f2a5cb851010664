//! The breaker: when far more codes than usual are wrong over all accounts, everybody whom no device vouches for types
//! longer ones for a while.
//!
//! A node counts in memory and writes its counts down every few seconds, for ten minutes of UTC into one row; then it looks
//! at what all nodes wrote. So nobody waits for a row that everybody shares. What a node counted itself counts at once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use nidan_core::bucket::Rule;
use nidan_core::budget::median;
use nidan_core::ladder::Breaker;
use nidan_core::policy::Policy;
use nidan_core::time::{Span, Timestamp};

use super::budget::{counted, place};
use crate::app::App;
use crate::keys::Lookup;
use crate::store::StoreError;
use crate::store::rate_counter::{self, RowKey, Step};

/// Over which wrong codes are counted.
const WINDOW: Span = Span::minutes(10);
/// Windows of an hour, and of a day.
const HOUR: i64 = 6;
const DAY: i64 = 24 * HOUR;
/// Days of which the usual is the median.
const DAYS: i64 = 14;
/// How long a count is kept: a day longer than it is looked at.
const KEPT: Span = Span::days(DAYS + 1);

/// Wrong codes from unknown devices, as one node knows them.
#[derive(Default)]
pub struct WrongCodes(Mutex<Seen>);

struct Seen {
    breaker: Breaker,
    /// Counted here and not written yet, each with the number of its window.
    unwritten: Vec<(i64, u32)>,
    /// What all nodes had written down of the last ten minutes.
    written: u32,
    /// What is usual, and of which hour of UTC.
    usual: (i64, u32),
}

impl Default for Seen {
    fn default() -> Self {
        let breaker = Breaker { open_until: Timestamp::from_ms(0) };
        Self { breaker, unwritten: Vec::new(), written: 0, usual: (i64::MIN, 0) }
    }
}

impl Seen {
    fn judge(&mut self, now: Timestamp, policy: &Policy) {
        let own: u32 = self.unwritten.iter().map(|(_, count)| count).sum();
        self.breaker = self.breaker.look(self.written.saturating_add(own), self.usual.1, now, policy);
    }
}

impl WrongCodes {
    /// Whether longer codes are asked for now.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.seen().breaker.is_open(now)
    }

    /// A code from an unknown device was wrong.
    pub fn note(&self, now: Timestamp, policy: &Policy) {
        let mut seen = self.seen();
        let window = place(WINDOW, now);
        match seen.unwritten.last_mut() {
            Some((last, count)) if *last == window => *count = count.saturating_add(1),
            _ => seen.unwritten.push((window, 1)),
        }
        seen.judge(now, policy);
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A count has no limit of its own: what is too many is the breaker's to say.
const COUNT: Rule = Rule::Window { cap: i64::MAX, window: WINDOW };

impl WrongCodes {
    /// Writes down what was counted here, and looks at what all nodes counted. To be called every few seconds.
    ///
    /// # Errors
    /// The database's; what is not written stays counted here.
    pub async fn look(&self, app: &App) -> Result<(), StoreError> {
        let now = app.clock.now();
        self.look_at_usual(app, now).await?;
        self.write_down(app, now).await?;
        let window = place(WINDOW, now);
        let rows = (row(app, window), row(app, window - 1), alarm_row(app));
        let (current, before, alarm) = app
            .db
            .read(rows, |tx, (current, before, alarm)| {
                Box::pin(async move {
                    let current = rate_counter::look(tx, *current).await?.map_or(0, |counter| counter.taken);
                    let before = rate_counter::look(tx, *before).await?.map_or(0, |counter| counter.taken);
                    let alarm = rate_counter::look(tx, *alarm).await?.map_or(0, |counter| counter.blocked_ms);
                    Ok((current, before, Timestamp::from_ms(alarm)))
                })
            })
            .await?;
        // Of the window before, as much as lies within the last ten minutes.
        let within = WINDOW.as_ms() - now.ms().rem_euclid(WINDOW.as_ms());
        let written = current.saturating_add(before.saturating_mul(within) / WINDOW.as_ms());
        let open_until = {
            let mut seen = self.seen();
            seen.written = u32::try_from(written).unwrap_or(u32::MAX);
            seen.breaker.open_until = seen.breaker.open_until.max(alarm);
            seen.judge(now, &app.policy);
            seen.breaker.open_until
        };
        if open_until > alarm {
            tracing::warn!(
                wrong_codes = written,
                "far more codes than usual are wrong: unknown devices type longer ones"
            );
            let input = (alarm_row(app), open_until, now);
            let told =
                app.db.transact(input, |tx, (row, until, now)| Box::pin(rate_counter::block(tx, *row, *until, *now)));
            told.await?;
        }
        Ok(())
    }

    /// Once an hour.
    async fn look_at_usual(&self, app: &App, now: Timestamp) -> Result<(), StoreError> {
        let hour = place(WINDOW, now).div_euclid(HOUR);
        if self.seen().usual.0 == hour {
            return Ok(());
        }
        let windows = (1..=DAYS).flat_map(|day| (0..HOUR).rev().map(move |ten| hour * HOUR - day * DAY + ten));
        let usual = median(&counted(app, windows.map(|window| row(app, window)).collect()).await?);
        self.seen().usual = (hour, usual);
        Ok(())
    }

    async fn write_down(&self, app: &App, now: Timestamp) -> Result<(), StoreError> {
        loop {
            let Some((window, count)) = self.seen().next_to_write() else { return Ok(()) };
            let step = Step { row: row(app, window), rule: COUNT, n: count.into() };
            let input = (step, Timestamp::from_ms(window * WINDOW.as_ms()), now.plus(KEPT));
            let written = app
                .db
                .transact(input, |tx, (step, at, keep_until)| Box::pin(rate_counter::take(tx, step, *keep_until, *at)));
            if let Err(error) = written.await {
                self.seen().unwritten.insert(0, (window, count));
                return Err(error);
            }
        }
    }
}

impl Seen {
    /// Counted as written from here on, until it is read with what the others wrote.
    fn next_to_write(&mut self) -> Option<(i64, u32)> {
        let (window, count) = self.unwritten.pop()?;
        self.written = self.written.saturating_add(count);
        Some((window, count))
    }
}

/// The row of ten minutes.
fn row(app: &App, window: i64) -> RowKey {
    app.keys.lookup(Lookup::WrongCodes, &window.to_be_bytes())
}

/// The row that says until when the breaker is open, for nodes that start and nodes that saw less.
fn alarm_row(app: &App) -> RowKey {
    app.keys.lookup(Lookup::WrongCodes, b"alarm")
}
