//! Whether somebody pumps messages: has us send, by setups at numbers that pay him for each. About once a minute each node looks
//! at the setups of the last hour over all accounts, granted and refused, and tells operators when pumping begins and when it is
//! over: never a number, an address or an account.
//!
//! A block of numbers that was closed is told of too, once, by its digits without the last four. They stand for ten thousand
//! numbers, and a block is closed only after many of them were asked for: they name nobody, and without them an operator could
//! ask no carrier what that range is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nidan_core::flood::{PUMPING_RESTS, SETUP_UNDER_WAY, Setups, is_pumping};
use nidan_core::message::Channel;
use nidan_core::phone::PhoneNumber;
use nidan_core::time::{Span, Timestamp};

use super::lines::Route;
use crate::app::App;
use crate::metrics::SetupsNow;
use crate::store::StoreError;
use crate::store::setup_number::{self, BlockKey, Counted};

/// Between two looks.
const LOOK_EVERY: Span = Span::minutes(1);
/// What is looked at over all numbers.
const HOUR: Span = Span::minutes(60);
/// What is looked at of a block, and so for how long it is kept which numbers were asked for.
pub(super) const LOOKED_AT: Span = Span::days(1);

/// What this node knows of pumping.
#[derive(Default)]
pub struct Pumping(Mutex<Known>);

#[derive(Default)]
struct Known {
    looked_at: Option<Timestamp>,
    /// When messages were last found to be pumped; none: they are not.
    pumped_at: Option<Timestamp>,
    /// Blocks at which setups were refused here because they are closed.
    closed: BTreeMap<BlockKey, Closed>,
}

#[derive(Clone)]
struct Closed {
    digits: String,
    refused_at: Timestamp,
    told: bool,
}

/// What became of a verdict.
#[derive(PartialEq, Eq)]
enum News {
    None,
    Begins,
    Over,
}

impl Pumping {
    /// A setup at `number` was refused: its block is closed.
    pub fn closed(&self, app: &App, number: &PhoneNumber, now: Timestamp) {
        let first = || Closed { digits: number.block().to_owned(), refused_at: now, told: false };
        self.known().closed.entry(BlockKey::of(app, number)).or_insert_with(first).refused_at = now;
    }

    /// Whether it is time to look; then it counts as done. A clock that was set back is no reason to wait.
    fn is_due(&self, now: Timestamp) -> bool {
        let mut known = self.known();
        let waits = known.looked_at.is_some_and(|at| (Span::ms(0)..LOOK_EVERY).contains(&now.since(at)));
        if !waits {
            known.looked_at = Some(now);
        }
        !waits
    }

    /// The blocks at which setups were refused in the last hour. What is a day old is forgotten, and told anew should it come
    /// again.
    fn closed_lately(&self, now: Timestamp) -> Vec<(BlockKey, Closed)> {
        let closed = &mut self.known().closed;
        closed.retain(|_, block| now.since(block.refused_at) < LOOKED_AT);
        let lately = closed.iter().filter(|(_, block)| now.since(block.refused_at) < HOUR);
        lately.map(|(key, block)| (*key, block.clone())).collect()
    }

    fn told(&self, block: BlockKey) {
        if let Some(block) = self.known().closed.get_mut(&block) {
            block.told = true;
        }
    }

    /// Takes a verdict in. What rests for a while only is not over.
    fn judged(&self, pumped: bool, now: Timestamp) -> News {
        let mut known = self.known();
        match (pumped, known.pumped_at) {
            (true, before) => {
                known.pumped_at = Some(now);
                if before.is_none() { News::Begins } else { News::None }
            }
            (false, Some(last)) if now.since(last) >= PUMPING_RESTS => {
                known.pumped_at = None;
                News::Over
            }
            (false, _) => News::None,
        }
    }

    fn is_pumped(&self) -> bool {
        self.known().pumped_at.is_some()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks whether messages are pumped, if that is about a minute ago, and tells operators what is news. The worker asks every few
/// seconds.
pub async fn look(app: &App, routes: &[Arc<Route>]) {
    let now = app.clock.now();
    if app.pumping.is_due(now)
        && let Err(error) = try_to_look(app, routes, now).await
    {
        tracing::error!(%error, "setups could not be looked at");
    }
}

async fn try_to_look(app: &App, routes: &[Arc<Route>], now: Timestamp) -> Result<(), StoreError> {
    let (blocks_closed, block_pumped) = look_at_blocks(app, routes, now).await?;
    let times = (now.minus(HOUR), now.minus(SETUP_UNDER_WAY));
    let counted = app.db.read(times, |tx, times| Box::pin(setup_number::count(tx, *times, None))).await?;
    let (setups, refused) = (priced(&counted, routes), counted.refused);
    let news = app.pumping.judged(block_pumped || is_pumping(&setups, false), now);
    let Setups { numbers, completed: confirmed, cost, avoided } = setups;
    match news {
        News::Begins => {
            let why = "many numbers are asked for, and few confirmed";
            tracing::warn!(numbers, confirmed, refused, cost, avoided, "messages are pumped: {why}");
        }
        News::Over => {
            tracing::info!(numbers, confirmed, refused, cost, avoided, "messages are no longer pumped");
        }
        News::None => {}
    }
    let pumped = app.pumping.is_pumped();
    app.metrics.setups(&SetupsNow { pumped, numbers, confirmed, refused, cost, avoided, blocks_closed });
    Ok(())
}

/// Looks at the blocks that are closed, and tells of those that are news; gives how many there are, and whether messages to one of
/// them are pumped. Nothing is under way to a closed block.
async fn look_at_blocks(app: &App, routes: &[Arc<Route>], now: Timestamp) -> Result<(usize, bool), StoreError> {
    let closed = app.pumping.closed_lately(now);
    let (count, mut any_pumped) = (closed.len(), false);
    for (key, Closed { digits, told, .. }) in closed {
        let input = ((now.minus(LOOKED_AT), now), key);
        let counted =
            app.db.read(input, |tx, (times, key)| Box::pin(setup_number::count(tx, *times, Some(*key)))).await?;
        let setups = priced(&counted, routes);
        let pumped = is_pumping(&setups, true);
        any_pumped |= pumped;
        if !told {
            let Setups { numbers, completed: confirmed, cost, avoided } = setups;
            let (block, refused) = (digits, counted.refused);
            let why = if pumped { "messages to it are pumped" } else { "few of its setups are finished" };
            tracing::warn!(block, numbers, confirmed, refused, cost, avoided, "a block of numbers is closed: {why}");
            app.pumping.told(key);
        }
    }
    Ok((count, any_pumped))
}

/// With what messages cost by the routes' settings, 0 where those say nothing. What was refused would have gone by the first route
/// for SMS that has a price: an estimate, since for other countries there may be no route at all.
fn priced(counted: &Counted, routes: &[Arc<Route>]) -> Setups {
    let price = |route: &Route| route.cost.map(|cost| cost.per_message);
    let of = |name: &str| routes.iter().find(|route| route.name == name).and_then(|route| price(route)).unwrap_or(0);
    let sms = routes.iter().filter(|route| route.carries.channel == Channel::Sms).find_map(|route| price(route));
    let cost = counted.handed.iter().map(|(route, times)| times.saturating_mul(of(route))).sum();
    let avoided = i64::from(counted.refused).saturating_mul(sms.unwrap_or(0));
    Setups { numbers: counted.numbers, completed: counted.confirmed, cost, avoided }
}
