//! The worker: takes messages from the ledger, hands each to a route at most once, and writes down what became of it.
//!
//! Before the first byte goes to a carrier the message is marked, durably. So after a crash a message that may have left
//! is never sent again, and one that certainly has not is sent by whoever takes its lease over. While a message waits, for
//! its turn or for the carrier's answer, its lease is renewed.

use std::pin::pin;
use std::sync::Arc;

use nidan_core::ledger::{Answer, Reason, State, Step, Takeover, after, weightier};
use nidan_core::message::Channel;
use nidan_core::phone::PhoneNumber;
use nidan_core::route::spare;
use nidan_core::time::Timestamp;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, Interval, MissedTickBehavior, interval, interval_at, timeout};

use super::compose::Job;
use super::lease::Renewals;
use super::lines::{Permit, Route, Routes};
use super::money::Money;
use super::receipts::Given;
use super::route::{Dispatch, Outcome};
use super::{alarm, health, pumping, sweep};

use crate::app::App;
use crate::flow::{accounts, fallback, notice, password_known, wrong_code};
use crate::store::StoreError;
use crate::store::message::{self, Leased, Left, Letter, SLOTS};

/// Messages of one channel on their way at once.
const AT_ONCE: usize = 256;
/// Pause between two looks for messages whose worker died, or that wait to be tried again.
const RECOVER_EVERY: Duration = Duration::from_secs(5);
/// Pause between two verdicts on the routes, and two looks for faults of our own.
const JUDGE_EVERY: Duration = Duration::from_secs(5);
/// Pause between two sweeps of what has expired.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Pause between two looks at the wrong codes of all nodes.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// How long a worker that stops waits for what it was given, before it leaves what has not begun to the ledger.
const DRAIN_FOR: Duration = Duration::from_secs(10);

/// Ready when it is to end.
type Stopped = tokio::sync::oneshot::Receiver<()>;

/// A running worker.
pub struct Worker {
    task: tokio::task::JoinHandle<()>,
    stop: tokio::sync::oneshot::Sender<()>,
}

impl Worker {
    /// Takes no new messages, carries those it was given, closes the routes, and ends. What waits for a route longer than a
    /// few seconds stays in the ledger.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the worker ended by a mistake of its own");
        }
    }
}

/// Starts the worker on the messages that flows hand out.
pub fn start(app: Arc<App>, messages: UnboundedReceiver<Leased>, routes: Routes) -> Worker {
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let task = tokio::spawn(run(Sender::new(app, routes), messages, stopped));
    Worker { task, stop }
}

async fn run(sender: Sender, messages: UnboundedReceiver<Leased>, stopped: Stopped) {
    let (close, closed) = tokio::sync::oneshot::channel();
    alarm::look_at_stops(&sender.app).await; // before the first message goes
    let house = tokio::spawn(keep_house(sender.clone(), closed));
    carry_all(&sender, messages, stopped).await;
    drop(close);
    if let Err(error) = house.await {
        tracing::error!(%error, "the worker's housekeeping ended by a mistake of its own");
    }
    sender.routes.close().await;
}

/// Beside the carrying, so that neither waits for the other.
async fn keep_house(sender: Sender, mut closed: Stopped) {
    let (mut recover, mut judge, mut sweep) = (every(RECOVER_EVERY), every(JUDGE_EVERY), every(SWEEP_EVERY));
    let mut look = every(LOOK_EVERY);
    loop {
        tokio::select! {
            biased;
            _ = &mut closed => break,
            _ = recover.tick() => sender.hand_out_abandoned().await,
            _ = judge.tick() => {
                sender.judge_routes().await;
                alarm::look(&sender.app, sender.routes.all()).await;
            }
            _ = look.tick() => {
                sender.look_at_wrong_codes().await;
                sender.look_at_codes_that_died().await;
                pumping::look(&sender.app, sender.routes.all()).await;
            }
            _ = sweep.tick() => {
                accounts::count_hash_classes(&sender.app).await;
                sweep::everything(&sender.app).await;
            }
        }
    }
}

async fn carry_all(sender: &Sender, mut messages: UnboundedReceiver<Leased>, mut stopped: Stopped) {
    let mut under_way = JoinSet::new();
    loop {
        let message = tokio::select! {
            biased;
            _ = &mut stopped, if !messages.is_closed() => {
                messages.close(); // what is in it already still comes out
                continue;
            }
            Some(_) = under_way.join_next(), if !under_way.is_empty() => continue,
            message = messages.recv() => message,
        };
        let Some(message) = message else { break };
        let sender = sender.clone();
        under_way.spawn(async move { sender.carry(message).await });
    }
    let drained = async { while under_way.join_next().await.is_some() {} };
    if timeout(DRAIN_FOR, drained).await.is_err() {
        sender.leave.send_replace(true);
        while under_way.join_next().await.is_some() {}
    }
}

fn every(pause: Duration) -> Interval {
    let mut interval = interval(pause);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Carries messages from the ledger to the routes.
#[derive(Clone)]
pub struct Sender {
    app: Arc<App>,
    routes: Routes,
    renewals: Renewals,
    /// Places by channel, so that a route that hangs holds up no other channel.
    places: Arc<[(Channel, Semaphore); Channel::ALL.len()]>,
    /// Whether what has not begun is left to the ledger.
    leave: Arc<watch::Sender<bool>>,
    money: Money,
}

/// What comes of waiting under a lease.
enum Waited<T> {
    Done(T),
    /// Another worker has the message.
    Lost,
    /// The worker stops.
    Stopping,
}

/// What comes of trying a route.
enum Tried {
    /// The route answered, or could not be asked.
    Answered(Outcome),
    /// Another worker has the message.
    Lost,
    /// The worker stops.
    Stopping,
}

/// A message under way: its lease, its address, and the number in it if it is one.
struct Carried {
    leased: Leased,
    letter: Letter,
    number: Option<PhoneNumber>,
}

impl Sender {
    /// A sender without a worker of its own: for tests that own the time.
    pub fn new(app: Arc<App>, routes: Routes) -> Self {
        Self {
            renewals: Renewals::new(app.clone()),
            money: Money::new(app.clone()),
            app,
            routes,
            places: Arc::new(Channel::ALL.map(|channel| (channel, Semaphore::new(AT_ONCE)))),
            leave: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Sends one message that this node has the lease of. Errors are logged: the ledger keeps the message, and recovery
    /// comes back to it.
    pub async fn carry(&self, leased: Leased) {
        if let Err(error) = self.try_to_carry(leased).await {
            tracing::error!(%error, message = %leased.id, "a message could not be carried; it stays in the ledger");
        }
    }

    async fn try_to_carry(&self, leased: Leased) -> Result<(), StoreError> {
        let of_channel = self.places.iter().find(|(channel, _)| *channel == leased.channel);
        let Some((_, places)) = of_channel else { return Ok(()) };
        let _place = match self.waiting(leased, places.acquire()).await {
            Waited::Done(place) => place,
            Waited::Lost => return Ok(()),
            Waited::Stopping => return self.put_back(leased, self.app.clock.now(), None).await,
        };
        let job = Job { app: self.app.clone(), leased, route: None };
        let letter = self.app.db.read(job, |tx, job| Box::pin(job.letter(tx))).await?;
        let Some(letter) = letter else { return Ok(()) };
        if self.app.clock.now() >= letter.expires_at {
            return self.settle(leased, State::Expired, None).await;
        }
        notice::keep_reference(&self.app, leased, letter.kind).await?;
        let number = (letter.channel == Channel::Sms).then(|| PhoneNumber::from_e164(letter.destination.expose()));
        self.by_any_route(&Carried { leased, letter, number: number.flatten() }).await
    }

    /// Tries the routes, one after the other, until one has it or may have it.
    async fn by_any_route(&self, carried: &Carried) -> Result<(), StoreError> {
        let (leased, expires_at) = (carried.leased, carried.letter.expires_at);
        let routes = self.routes.carrying(&self.app, carried.letter.channel, carried.number.as_ref());
        let mut routes = spare(routes, |route| &route.name, &carried.letter.failed_routes).into_iter();
        let mut why = None;
        loop {
            let answer = match routes.next() {
                None => Answer::NotTaken(why.unwrap_or(Reason::NoRoute)),
                Some(route) => match self.try_route(&route, carried).await? {
                    Tried::Answered(outcome) => outcome.answer(),
                    Tried::Lost => return Ok(()),
                    Tried::Stopping => return self.put_back(leased, self.app.clock.now(), why).await,
                },
            };
            let answer = match answer {
                Answer::NotTaken(reason) => Answer::NotTaken(*why.insert(weightier(why, reason))),
                answer => answer,
            };
            let (now, retry) = (self.app.clock.now(), self.app.policy.message_retry);
            match after(answer, routes.len() > 0, now, (expires_at, retry)) {
                Step::NextRoute => {}
                Step::Settle(State::Accepted, _) => return Ok(()), // written down together with the carrier's id
                Step::Settle(state, reason) => return self.settle(leased, state, reason).await,
                Step::PutBack { retry_at, reason } => return self.put_back(leased, retry_at, Some(reason)).await,
            }
        }
    }

    async fn try_route(&self, route: &Arc<Route>, carried: &Carried) -> Result<Tried, StoreError> {
        let permit = match self.waiting(carried.leased, route.ready()).await {
            Waited::Done(Ok(permit)) => permit,
            Waited::Done(Err(reason)) => return Ok(Tried::Answered(Outcome::NotTaken(reason))),
            Waited::Lost => return Ok(Tried::Lost),
            Waited::Stopping => return Ok(Tried::Stopping),
        };
        if self.app.clock.now() >= carried.letter.expires_at {
            return Ok(Tried::Answered(Outcome::NotTaken(Reason::RouteDown)));
        }
        let day = self.app.day(self.app.clock.now());
        if !self.money.pay(route, carried.letter.kind, day).await? {
            return Ok(Tried::Answered(Outcome::NotTaken(Reason::CostCap)));
        }
        let job = Job { app: self.app.clone(), leased: carried.leased, route: Some(route.clone()) };
        let dispatch = match self.app.db.transact(job, |tx, job| Box::pin(job.ready(tx))).await {
            Ok(Some(dispatch)) => dispatch,
            not_ours => {
                self.money.refund(route, day).await;
                return not_ours.map(|_| Tried::Lost);
            }
        };
        let outcome = self.give(route, carried, (permit, dispatch)).await?;
        if matches!(outcome, Outcome::NotTaken(_) | Outcome::Rejected(_)) {
            self.money.refund(route, day).await;
        }
        if matches!(outcome, Outcome::NotTaken(_)) {
            let unwired = self.app.db.transact(carried.leased, |tx, leased| Box::pin(message::unwire(tx, *leased)));
            if !unwired.await? {
                return Ok(Tried::Lost);
            }
        }
        Ok(Tried::Answered(outcome))
    }

    /// Gives a message that is marked as on the wire to the route. That it was taken is written down here, together with
    /// what the carrier calls it.
    async fn give(
        &self,
        route: &Arc<Route>,
        carried: &Carried,
        (permit, dispatch): (Permit, Dispatch),
    ) -> Result<Outcome, StoreError> {
        let leased = carried.leased;
        let number = carried.number.is_some().then(|| dispatch.destination.clone());
        let given = Given::new(leased, route.clone(), number, self.app.clock.now());
        self.routes.receipts().give(given.clone());
        let outcome = self.holding(leased, route.send(permit, &dispatch)).await;
        self.app.metrics.sending(&route.name, outcome.name());
        if !matches!(outcome, Outcome::Ambiguous(_)) {
            self.routes.receipts().answered(leased.id);
        }
        if let Outcome::Accepted { carrier_id } = &outcome {
            self.routes.receipts().accepted(&given, carrier_id.as_deref()).await?;
        }
        Ok(outcome)
    }

    /// Awaits `work`, which may be given up at any time, under the lease.
    async fn waiting<T>(&self, leased: Leased, work: impl Future<Output = T>) -> Waited<T> {
        let mut leave = self.leave.subscribe();
        let leaving = async { drop(leave.wait_for(|leave| *leave).await) };
        let (mut work, mut renew, mut leaving) = (pin!(work), self.renewal_times(), pin!(leaving));
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Waited::Done(done),
                () = &mut leaving => return Waited::Stopping,
                _ = renew.tick() => if !self.renewals.renew(leased).await { return Waited::Lost },
            }
        }
    }

    /// Awaits the end of `work`, whoever has the lease then.
    async fn holding<T>(&self, leased: Leased, work: impl Future<Output = T>) -> T {
        let (mut work, mut renew) = (pin!(work), self.renewal_times());
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                _ = renew.tick() => drop(self.renewals.renew(leased).await),
            }
        }
    }

    fn renewal_times(&self) -> Interval {
        let pause = Duration::from_millis(u64::try_from(self.app.policy.message_lease.as_ms() / 3).unwrap_or(1).max(1));
        let mut renewals = interval_at(Instant::now() + pause, pause);
        renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        renewals
    }

    async fn put_back(&self, leased: Leased, at: Timestamp, reason: Option<Reason>) -> Result<(), StoreError> {
        let put_back = self.app.db.transact((leased, at, reason), |tx, (leased, at, reason)| {
            Box::pin(message::put_back(tx, *leased, *at, *reason))
        });
        if put_back.await? {
            self.app.moved.notify(leased.account);
        }
        Ok(())
    }

    async fn settle(&self, leased: Leased, state: State, reason: Option<Reason>) -> Result<(), StoreError> {
        let now = self.app.clock.now();
        let settled = self.app.db.transact((leased, state, reason, now), |tx, (leased, state, reason, now)| {
            Box::pin(message::settle(tx, *leased, *state, *reason, *now))
        });
        match settled.await? {
            true => {
                self.app.metrics.message(state.name());
                self.app.moved.notify(leased.account);
                if state.failed() {
                    fallback::after_failure(&self.app, leased.account, leased.id).await;
                }
            }
            false => tracing::warn!(message = %leased.id, "a message was settled by another worker"),
        }
        Ok(())
    }

    /// Takes over the messages whose worker died, and those that are to be tried again, and carries them.
    pub async fn recover(&self) {
        let mut taken = Vec::new();
        for slot in 0..SLOTS {
            taken.extend(self.take_over(slot).await);
        }
        futures_util::future::join_all(taken.into_iter().map(|leased| self.carry(leased))).await;
    }

    /// The same for a worker. One that stops takes none: nobody would carry them before their leases run out.
    async fn hand_out_abandoned(&self) {
        for slot in 0..SLOTS {
            if self.app.outbox.is_closed() {
                break;
            }
            self.app.dispatch(self.take_over(slot).await);
        }
    }

    /// Takes over those of a slot; gives what is to be sent.
    async fn take_over(&self, slot: u8) -> Vec<Leased> {
        let mut to_send = Vec::new();
        if let Err(error) = self.try_to_take_over(slot, &mut to_send).await {
            tracing::error!(%error, "abandoned messages could not be looked for");
        }
        to_send
    }

    async fn try_to_take_over(&self, slot: u8, to_send: &mut Vec<Leased>) -> Result<(), StoreError> {
        let now = self.app.clock.now();
        let found = self.app.db.read((slot, now), |tx, (slot, now)| Box::pin(message::abandoned(tx, *slot, *now)));
        for Left { leased, abandoned, reason } in found.await? {
            let lease_until = now.plus(self.app.policy.message_lease);
            let taken = self.app.db.transact((leased, lease_until), |tx, (leased, until)| {
                Box::pin(message::take_over(tx, *leased, *until))
            });
            let Some(taken) = taken.await? else { continue };
            match abandoned.takeover(now) {
                Takeover::Send => to_send.push(taken),
                Takeover::Settle(State::Ambiguous) => {
                    self.settle(taken, State::Ambiguous, Some(Reason::WorkerLost)).await?;
                }
                Takeover::Settle(state) => self.settle(taken, state, reason).await?,
            }
        }
        Ok(())
    }

    /// Judges every route by its newest messages.
    pub async fn judge_routes(&self) {
        for route in self.routes.all() {
            if let Err(error) = health::judge(&self.app, route).await {
                tracing::error!(%error, route = route.name, "a route could not be judged");
            }
        }
    }

    async fn look_at_wrong_codes(&self) {
        if let Err(error) = self.app.wrong_codes.look(&self.app).await {
            tracing::error!(%error, "wrong codes of all nodes could not be counted");
        }
    }

    /// Looks at what was not typed, or not rightly: whether somebody else has a password, and whom to tell.
    pub async fn look_at_codes_that_died(&self) {
        if let Err(error) = password_known::look(&self.app).await.and(wrong_code::tell(&self.app).await) {
            tracing::error!(%error, "codes that nobody typed could not be looked at");
        }
    }
}
