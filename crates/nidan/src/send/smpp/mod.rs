//! SMPP routes: messages to a carrier's short message centre, and its receipts.
//!
//! A [`SmppLine`] keeps the connections of one route, each in a task around the session of `nidan-wire`. All of them share one
//! pace. A message waits for a place in the window of a bound connection and for its turn, and is submitted once: again only
//! after the carrier said that it did not take it.

mod check;
mod connection;
mod dial;
mod links;
mod message;
mod talk;

pub use check::check;
pub use links::Permit;

use std::sync::atomic::AtomicU8;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use nidan_core::id::MessageId;
use nidan_core::ledger::Reason;
use nidan_core::time::Span;
use nidan_wire::pace::Pace;
use nidan_wire::smpp::{Address, Role, Session, SessionSettings, Status, SubmitSm};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use self::connection::{Connection, doubled};
use self::dial::Dialler;
use self::links::{Answer, Links};
use super::route::{CarrierReceipt, Dispatch, Outcome};
use crate::app::{Clock, Random};
use crate::config::ways::{Bind, Smpp};

/// How long a message is offered again to a carrier that is too busy for it.
const OFFER_FOR: Duration = Duration::from_secs(20);
/// The pauses between offers: the first, doubled each time up to the last.
const OFFER_AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(4));

/// What a carrier tells on its own account.
pub enum News {
    /// What became of a message.
    Receipt(CarrierReceipt),
    /// It took a message after all, whose outcome was [`Outcome::Ambiguous`] since no answer had come in time.
    Late {
        /// The message.
        message: MessageId,
        /// The carrier's id of it.
        carrier_id: String,
    },
}

/// Keeps [`News`], durably, and says whether it did. A carrier whose receipt is not kept is told to send it again.
pub type Tell = Box<dyn Fn(News) -> BoxFuture<'static, bool> + Send + Sync>;

/// An SMPP route.
pub struct SmppLine {
    route: Arc<Route>,
    /// Every connection listens to it to its end.
    stop: watch::Sender<bool>,
}

/// What the connections of a route share.
struct Route {
    name: String,
    settings: Smpp,
    sender: Address,
    dialler: Dialler,
    links: Links,
    pace: Mutex<Pace>,
    /// What joins the parts of the next text.
    reference: AtomicU8,
    /// The origin of the time that sessions and pace are told.
    started: Instant,
    tell: Tell,
    clock: Clock,
    random: Random,
}

impl SmppLine {
    /// Opens the route: its connections are made, and made again, from now on.
    ///
    /// # Errors
    /// What is wrong with the settings, and the remedy.
    pub fn open(name: &str, settings: &Smpp, tell: Tell, given: (Clock, Random)) -> Result<Self, String> {
        let (clock, random) = given;
        let route = Arc::new(Route {
            name: name.to_owned(),
            sender: message::sender(settings)?,
            dialler: Dialler::new(settings)?,
            links: Links::new(),
            pace: Mutex::new(Pace::new(settings.rate_per_second)),
            reference: AtomicU8::new(random.bytes::<1>()[0]),
            started: Instant::now(),
            settings: settings.clone(),
            tell,
            clock,
            random,
        });
        let (stop, stopped) = watch::channel(false);
        for (number, role) in (1..).zip(roles(settings)) {
            tokio::spawn(Connection { route: route.clone(), number, role }.keep(stopped.clone()));
        }
        Ok(Self { route, stop })
    }

    /// Waits for a place in the window of a connection, and for the turn that the pace gives.
    ///
    /// # Errors
    /// [`Reason::LoginRefused`] at once when that is why there is no connection, [`Reason::RouteDown`] when there has been
    /// none for five seconds.
    pub async fn ready(&self) -> Result<Permit, Reason> {
        loop {
            let permit = self.route.links.place().await?;
            self.route.turn().await;
            if permit.is_good() {
                return Ok(permit);
            }
        }
    }

    /// Sends one message: each part of it once, unless the carrier says that it did not take it and may later.
    pub async fn send(&self, permit: Permit, dispatch: &Dispatch) -> Outcome {
        let parts = match message::parts(&self.route, dispatch) {
            Ok(parts) => parts,
            Err(reason) => return Outcome::Rejected(reason),
        };
        let mut outcome = Outcome::Rejected(Reason::MessageRefused);
        for (place, part) in parts.into_iter().enumerate() {
            if place > 0 {
                self.route.turn().await;
            }
            outcome = match self.route.offer(&permit, dispatch, part).await {
                // The beginning of a text that has left is not sent once more by another route.
                Outcome::NotTaken(reason) | Outcome::Rejected(reason) if place > 0 => Outcome::Ambiguous(reason),
                outcome => outcome,
            };
            if !matches!(outcome, Outcome::Accepted { .. }) {
                break;
            }
        }
        outcome
    }

    /// Takes no more messages, waits for the answers that are under way, unbinds, and ends.
    pub async fn close(&self) {
        self.stop.send_replace(true);
        self.stop.closed().await;
    }
}

impl Route {
    /// The time for sessions and pace.
    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Waits for the next turn of the pace.
    async fn turn(&self) {
        let now = self.now();
        let turn = self.pace().slot(now);
        // The runtime's timer counts in milliseconds, and rounds up.
        if turn >= now + Duration::from_millis(1) {
            sleep_until(self.started + turn).await;
        }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Submits one part, and again while the carrier is too busy for it. It keeps its place in the window meanwhile, so that
    /// a carrier too busy for this one is not offered another instead.
    async fn offer(&self, permit: &Permit, dispatch: &Dispatch, part: SubmitSm) -> Outcome {
        let until = Instant::now() + OFFER_FOR;
        let mut tries = 0;
        loop {
            let busy = match permit.link.submit(dispatch.id, part.clone()).await {
                Answer::Taken(id) => return Outcome::Accepted { carrier_id: Some(id).filter(|id| !id.is_empty()) },
                Answer::Silence => return Outcome::Ambiguous(Reason::NoAnswer),
                Answer::Lost => return Outcome::Ambiguous(Reason::LinkLost),
                Answer::NotSent => return Outcome::NotTaken(Reason::RouteDown),
                Answer::Refused(Status::Destination) => return Outcome::Rejected(Reason::DestinationRefused),
                Answer::Refused(Status::Message) => return Outcome::Rejected(Reason::MessageRefused),
                Answer::Refused(Status::Fault | Status::Other) => return Outcome::NotTaken(Reason::CarrierFault),
                Answer::Refused(Status::Throttled) => {
                    self.pace().throttled(self.now());
                    Reason::Throttled
                }
                Answer::Refused(Status::QueueFull) => Reason::QueueFull,
            };
            let pause = self.jittered(doubled(OFFER_AGAIN, tries));
            if Instant::now() + pause >= until {
                return Outcome::NotTaken(busy);
            }
            sleep(pause).await;
            self.turn().await;
            if self.clock.now() >= dispatch.expires_at {
                return Outcome::NotTaken(busy);
            }
            tries += 1;
        }
    }

    /// Between a half of `pause` and all of it, so that those who were refused together do not come again together.
    fn jittered(&self, pause: Duration) -> Duration {
        let share = f64::from(u16::from_be_bytes(self.random.bytes())) / f64::from(u16::MAX);
        pause.mul_f64(0.5 + share / 2.0)
    }
}

/// The connections of a route: each sends, and one more receives where they do not.
fn roles(settings: &Smpp) -> Vec<Role> {
    let connections = usize::from(settings.connections);
    match settings.bind {
        Bind::Transceiver => vec![Role::Transceiver; connections],
        Bind::TransmitterAndReceiver => {
            let mut roles = vec![Role::Transmitter; connections];
            roles.push(Role::Receiver);
            roles
        }
    }
}

/// A session that sends, on a connection of its own: its bind waits to be written.
pub fn bind(settings: &Smpp, now: Duration) -> Session {
    let role = match settings.bind {
        Bind::Transceiver => Role::Transceiver,
        Bind::TransmitterAndReceiver => Role::Transmitter,
    };
    session(settings, role, now)
}

fn session(settings: &Smpp, role: Role, now: Duration) -> Session {
    let settings = SessionSettings {
        role,
        system_id: settings.system_id.clone(),
        password: settings.password.expose().clone().into(),
        system_type: settings.system_type.clone(),
        window: settings.window.into(),
        enquire_after: duration(settings.enquire_after),
        answer_within: duration(settings.answer_within),
    };
    Session::new(settings, now)
}

fn duration(span: Span) -> Duration {
    Duration::from_millis(u64::try_from(span.as_ms()).unwrap_or(0))
}
