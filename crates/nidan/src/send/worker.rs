//! The worker: takes messages from the ledger, hands each to a route at most once, and writes down what became of it.
//!
//! Before the first byte goes to a carrier the message is marked, durably. So after a crash a message that may have left
//! is never sent again, and one that certainly has not is sent by whoever takes its lease over.

use std::sync::Arc;

use nidan_core::ceremony::Purpose;
use nidan_core::code::Binding;
use nidan_core::ledger::{State, Takeover};
use nidan_core::message::{Channel, MessageKind};
use nidan_core::time::{Span, Timestamp};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio::time::{Duration, MissedTickBehavior, interval};

use super::demo_phone::{Delivery, DemoChannel, DemoPhone};
use super::text::{Filling, Written, write};
use crate::app::App;
use crate::store::message::{self, Leased, Outgoing, SLOTS};
use crate::store::{Body, StoreError, Tx, account, ceremony, idempotency, session};

/// Messages on their way at once.
const AT_ONCE: usize = 64;
/// Pause between two looks for messages whose worker died.
const RECOVER_EVERY: Duration = Duration::from_secs(5);
/// Pause between two sweeps of what has expired.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Batches of one kind in a sweep, at most: more than a machine can make anew until the next.
const BATCHES: usize = 100;

/// The ways out that are configured.
#[derive(Clone, Default)]
pub struct Routes {
    /// The demo phone, which takes every channel.
    pub demo: Option<DemoPhone>,
}

/// Ready when it is to end.
type Stopped = tokio::sync::oneshot::Receiver<()>;

/// A running worker.
pub struct Worker {
    task: tokio::task::JoinHandle<()>,
    stop: tokio::sync::oneshot::Sender<()>,
}

impl Worker {
    /// Takes no new messages, carries those it was given, and ends.
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
    let task = tokio::spawn(run(Sender { app, routes: Arc::new(routes) }, messages, stopped));
    Worker { task, stop }
}

async fn run(sender: Sender, messages: UnboundedReceiver<Leased>, stopped: Stopped) {
    let (close, closed) = tokio::sync::oneshot::channel();
    let house = tokio::spawn(keep_house(sender.clone(), closed));
    carry_all(sender, messages, stopped).await;
    drop(close);
    if let Err(error) = house.await {
        tracing::error!(%error, "the worker's housekeeping ended by a mistake of its own");
    }
}

/// Beside the carrying, so that neither waits for the other.
async fn keep_house(sender: Sender, mut closed: Stopped) {
    let (mut recover, mut sweep) = (every(RECOVER_EVERY), every(SWEEP_EVERY));
    loop {
        tokio::select! {
            biased;
            _ = &mut closed => break,
            _ = recover.tick() => sender.recover().await,
            _ = sweep.tick() => sender.sweep().await,
        }
    }
}

async fn carry_all(sender: Sender, mut messages: UnboundedReceiver<Leased>, mut stopped: Stopped) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
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
        let Ok(place) = places.clone().acquire_owned().await else { break };
        let sender = sender.clone();
        under_way.spawn(async move {
            sender.carry(message).await;
            drop(place);
        });
    }
    while under_way.join_next().await.is_some() {}
}

fn every(pause: Duration) -> tokio::time::Interval {
    let mut interval = interval(pause);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Carries messages from the ledger to the routes.
#[derive(Clone)]
pub struct Sender {
    app: Arc<App>,
    routes: Arc<Routes>,
}

/// A message with what its text needs, marked as on the wire.
struct Ready {
    outgoing: Outgoing,
    written: Written,
}

struct Job {
    app: Arc<App>,
    leased: Leased,
    route: &'static str,
}

impl Sender {
    /// A sender without a worker of its own: for tests that own the time.
    pub fn new(app: Arc<App>, routes: Routes) -> Self {
        Self { app, routes: Arc::new(routes) }
    }

    /// Sends one message that this node has the lease of. Errors are logged: the ledger keeps the message, and recovery
    /// comes back to it.
    pub async fn carry(&self, leased: Leased) {
        if let Err(error) = self.try_to_carry(leased).await {
            tracing::error!(%error, message = %leased.id, "a message could not be carried; it stays in the ledger");
        }
    }

    async fn try_to_carry(&self, leased: Leased) -> Result<(), StoreError> {
        let Some(demo) = &self.routes.demo else {
            return self.settle(leased, State::Rejected, Some("no_route")).await;
        };
        let job = Job { app: self.app.clone(), leased, route: "demo" };
        let Some(ready) = self.app.db.transact(job, |tx, job| Box::pin(job.ready(tx))).await? else { return Ok(()) };
        if self.app.clock.now() >= ready.outgoing.expires_at {
            return self.settle(leased, State::Expired, None).await;
        }
        let Ready { outgoing, written } = ready;
        demo.deliver(Delivery {
            id: leased.id.to_string(),
            to: outgoing.destination.expose().clone(),
            channel: match outgoing.channel {
                Channel::Sms => DemoChannel::Sms,
                Channel::Email => DemoChannel::Email,
            },
            subject: written.subject,
            text: written.text.expose().clone(),
            language: outgoing.language.tag(),
            at: self.app.clock.now(),
        });
        self.settle(leased, State::Delivered, None).await
    }

    async fn settle(&self, leased: Leased, state: State, reason: Option<&'static str>) -> Result<(), StoreError> {
        let now = self.app.clock.now();
        let settled = self.app.db.transact((leased, state, reason, now), |tx, (leased, state, reason, now)| {
            Box::pin(message::settle(tx, *leased, *state, *reason, *now))
        });
        match settled.await? {
            true => {
                self.app.metrics.message(state.name());
                self.app.moved.notify(leased.account);
            }
            false => tracing::warn!(message = %leased.id, "a message was settled by another worker"),
        }
        Ok(())
    }

    /// Looks for messages whose worker died and takes them over, slot by slot.
    pub async fn recover(&self) {
        for slot in 0..SLOTS {
            if let Err(error) = self.recover_slot(slot).await {
                tracing::error!(%error, "abandoned messages could not be looked for");
            }
        }
    }

    async fn recover_slot(&self, slot: u8) -> Result<(), StoreError> {
        let now = self.app.clock.now();
        let found = self.app.db.read((slot, now), |tx, (slot, now)| Box::pin(message::abandoned(tx, *slot, *now)));
        for (leased, abandoned) in found.await? {
            let lease_until = now.plus(self.app.policy.message_lease);
            let taken = self.app.db.transact((leased, lease_until), |tx, (leased, until)| {
                Box::pin(message::take_over(tx, *leased, *until))
            });
            let Some(taken) = taken.await? else { continue };
            match abandoned.takeover(now) {
                Takeover::Send => self.carry(taken).await,
                Takeover::Settle(state) => self.settle(taken, state, Some("worker_lost")).await?,
            }
        }
        Ok(())
    }

    /// Forgets what has expired, in batches, so that nobody waits long behind one.
    pub async fn sweep(&self) {
        if let Err(error) = self.try_to_sweep().await {
            tracing::error!(%error, "what has expired could not be swept");
        }
    }

    async fn try_to_sweep(&self) -> Result<(), StoreError> {
        let app = &self.app;
        let now = app.clock.now();
        // A day's grace: who comes late is told that it is over, not that it never was.
        let over = now.minus(Span::days(1));
        self.forget(over, |tx, before| Box::pin(ceremony::forget(tx, *before))).await?;
        self.forget(over, |tx, before| Box::pin(session::forget(tx, *before))).await?;
        let over = now.minus(app.policy.idempotency_life);
        self.forget(over, |tx, before| Box::pin(idempotency::forget(tx, *before))).await?;
        let over = now.minus(app.policy.unconfirmed_account_life);
        for _ in 0..BATCHES {
            let pending = app.db.read(over, |tx, before| Box::pin(account::pending_before(tx, *before))).await?;
            if pending.is_empty() {
                break;
            }
            for account in pending {
                app.db.transact(account, |tx, account| Box::pin(account::erase_pending(tx, *account))).await?;
            }
        }
        Ok(())
    }

    /// Repeats `batch` until nothing is left.
    async fn forget(&self, before: Timestamp, batch: Body<Timestamp, u64>) -> Result<(), StoreError> {
        for _ in 0..BATCHES {
            if self.app.db.transact(before, batch).await? == 0 {
                break;
            }
        }
        Ok(())
    }
}

impl Job {
    /// Marks the message as on the wire and writes its text; `None` if it is not ours to send any more.
    async fn ready(&self, tx: &mut Tx<'_>) -> Result<Option<Ready>, StoreError> {
        let (app, leased) = (&*self.app, self.leased);
        let Some(account) = account::load(tx, app, leased.account).await? else { return Ok(None) };
        let wired = message::wire(tx, &account, leased, self.route, app.clock.now()).await?;
        let Some(outgoing) = wired else { return Ok(None) };
        let sent = match outgoing.challenge {
            Some(id) if outgoing.kind.carries_code() => ceremony::challenge(tx, account.id, id).await?,
            _ => None,
        };
        if sent.is_none() && outgoing.kind.carries_code() {
            return Err(StoreError::corrupt("message.challenge_id", "no challenge for a message with a code"));
        }
        let (mut code, mut tag) = (None, String::new());
        if let Some(sent) = sent {
            let binding = Binding {
                challenge: sent.id,
                purpose: purpose(outgoing.kind),
                authenticator: sent.authenticator,
                digits: sent.challenge.digits,
            };
            code = Some(app.code(sent.key_version, &binding)?);
            tag = sent.tag;
        }
        let code = code.as_ref().map_or("", |code| code.expose());
        let filling = Filling { code, tag: &tag, serial: outgoing.serial };
        let written = write((&app.texts, &app.site), (outgoing.kind, outgoing.language), &filling);
        let written = written.map_err(|_| StoreError::corrupt("message.kind", "its text does not fit one segment"))?;
        Ok(Some(Ready { outgoing, written }))
    }
}

/// What the code of a message is for.
const fn purpose(kind: MessageKind) -> Purpose {
    match kind {
        MessageKind::SignInCode => Purpose::SignIn,
        MessageKind::SetupCode => Purpose::ConfirmAuthenticator,
        MessageKind::ConfirmEmailCode
        | MessageKind::AddressInUse
        | MessageKind::DeviceReuse
        | MessageKind::TwoStepOn => Purpose::ConfirmEmail,
    }
}
