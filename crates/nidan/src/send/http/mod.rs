//! Routes that speak HTTP to a gateway, each as its driver file says.

mod answer;
mod callback;
mod client;
mod driver;
mod gateway;
mod sigv4;
mod template;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::Request;
use hyper::body::Bytes;
use hyper::header::HOST;
use nidan_core::ledger::Reason;
use nidan_core::time::{Span, Timestamp};
use nidan_wire::pace::Pace;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};
use url::Url;

use self::answer::{Verdict, judge};
use self::callback::CallbackMap;
use self::client::{Client, Failed};
use self::gateway::{Gateway, Prepared};
use crate::app::Clock;
use crate::config::ways::Http;
use crate::send::route::{CarrierReceipt, Dispatch, Outcome};

pub use self::callback::{Callback, CallbackRefused};
pub use self::driver::Declares;

/// How long a message waits for a gateway that has asked for silence, before another route is tried.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// How long at least the same message waits when the gateway wants us to be slower.
const THROTTLED_LEAST: Duration = Duration::from_millis(500);
/// How often an unanswered request is repeated where the gateway knows it by its key.
const REPEATS: u32 = 2;

/// A route to an HTTP gateway.
pub struct HttpLine {
    name: String,
    gateway: Gateway,
    client: Client,
    clock: Clock,
    window: Arc<Semaphore>,
    places: u32,
    answer_within: Duration,
    started: Instant,
    pace: Mutex<Paced>,
}

struct Paced {
    pace: Pace,
    /// The gateway wants to hear nothing before; since the line's start.
    silent_until: Duration,
}

/// A place among the requests under way.
pub struct Permit(#[expect(dead_code, reason = "held until the request is done")] OwnedSemaphorePermit);

impl HttpLine {
    /// The line of route `name`. `site` is the public address of this server, by which the gateway calls back.
    ///
    /// # Errors
    /// Driver and settings do not go together; every mistake with its remedy.
    pub fn open(name: &str, settings: &Http, site: &Url, clock: Clock) -> Result<Self, String> {
        let gateway = Gateway::new(name, settings, site).map_err(|mistakes| mistakes.join("; "))?;
        let answer_within = duration(settings.answer_within);
        Ok(Self {
            name: name.to_owned(),
            gateway,
            client: Client::new(settings.ca_file.as_deref(), answer_within)?,
            clock,
            window: Arc::new(Semaphore::new(usize::from(settings.window))),
            places: u32::from(settings.window),
            answer_within,
            started: Instant::now(),
            pace: Mutex::new(Paced { pace: Pace::new(settings.rate_per_second), silent_until: Duration::ZERO }),
        })
    }

    /// What the gateway does.
    pub fn declares(&self) -> Declares {
        self.gateway.driver.declares
    }

    /// Whether what it tells later names the number that the message went to.
    pub fn names_number(&self) -> bool {
        self.gateway.driver.callback.as_ref().is_some_and(CallbackMap::names_number)
    }

    /// Waits until a message may go.
    ///
    /// # Errors
    /// The line is closed, or the gateway has asked for a longer silence.
    pub async fn ready(&self) -> Result<Permit, Reason> {
        let place = Arc::clone(&self.window).acquire_owned().await.map_err(|_| Reason::RouteDown)?;
        let slot = {
            let mut paced = self.paced();
            let now = self.started.elapsed();
            if paced.silent_until > now + SILENCE_MAX {
                return Err(Reason::Throttled);
            }
            paced.pace.slot(now).max(paced.silent_until)
        };
        sleep_until(self.started + slot).await;
        Ok(Permit(place))
    }

    /// Asks the gateway for a message, and again as long as it wants us to be slower: for `answer_within` in all, and not
    /// beyond the message's worth.
    pub async fn send(&self, permit: Permit, dispatch: &Dispatch) -> Outcome {
        let patience = Instant::now() + self.answer_within;
        let outcome = loop {
            let prepared = match self.gateway.prepare(dispatch, self.clock.now()) {
                Ok(prepared) => prepared,
                Err(unfit) => break Outcome::NotTaken(unfit.reason()),
            };
            let asked = match self.exchange(&prepared).await {
                Verdict::Settled(outcome) => break outcome,
                Verdict::Throttled(asked) => asked,
            };
            let wait = self.slow_down(asked);
            let ends = self.clock.now().plus(Span::ms(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)));
            if Instant::now() + wait > patience || ends >= dispatch.expires_at {
                break Outcome::NotTaken(Reason::Throttled);
            }
            tokio::time::sleep(wait).await;
        };
        drop(permit);
        outcome
    }

    async fn exchange(&self, prepared: &Prepared) -> Verdict {
        let mut repeats = if self.declares().idempotency { REPEATS } else { 0 };
        loop {
            let verdict = match self.client.ask(prepared.request(), self.clock.now()).await {
                Ok(answer) => judge(&self.gateway.driver.answer, &answer),
                Err(Failed::NotWritten(why)) => {
                    tracing::warn!(route = self.name, why, "a gateway cannot be reached");
                    Verdict::Settled(Outcome::NotTaken(Reason::RouteDown))
                }
                Err(Failed::NoAnswer) => Verdict::Settled(Outcome::Ambiguous(Reason::NoAnswer)),
                Err(Failed::LinkLost) => Verdict::Settled(Outcome::Ambiguous(Reason::LinkLost)),
            };
            match verdict {
                Verdict::Settled(Outcome::Ambiguous(_)) if repeats > 0 => repeats -= 1,
                verdict => return verdict,
            }
        }
    }

    /// Slows the whole line down; how long this message has to wait.
    fn slow_down(&self, asked: Option<Duration>) -> Duration {
        let mut paced = self.paced();
        let now = self.started.elapsed();
        paced.pace.throttled(now);
        let slot = paced.pace.slot(now).saturating_sub(now);
        let wait = asked.unwrap_or_default().max(slot).max(THROTTLED_LEAST);
        paced.silent_until = paced.silent_until.max(now.saturating_add(asked.unwrap_or_default()));
        wait
    }

    fn paced(&self) -> std::sync::MutexGuard<'_, Paced> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what the gateway tells later.
    ///
    /// # Errors
    /// It tells nothing here, or it is not the gateway's, or it cannot be read.
    pub fn callback(&self, callback: &Callback<'_>) -> Result<Vec<CarrierReceipt>, CallbackRefused> {
        let map = self.gateway.driver.callback.as_ref().ok_or(CallbackRefused::NotHere)?;
        let secret = self.gateway.callback_secret.as_ref().ok_or(CallbackRefused::NotHere)?;
        map.read(callback, secret)
    }

    /// Takes no more messages, and is ready when those under way have their answers.
    pub async fn close(&self) {
        let _ = self.window.acquire_many(self.places).await;
        self.window.close();
    }
}

/// Asks the gateway's address for anything, and sends no message. One line on what was found.
///
/// # Errors
/// The settings are wrong, or nothing answers there; one line with the remedy.
pub async fn check(settings: &Http) -> Result<String, String> {
    let site = Url::parse("https://localhost").map_err(|error| error.to_string())?;
    let gateway = Gateway::new("route", settings, &site).map_err(|mistakes| mistakes.join("; "))?;
    let client = Client::new(settings.ca_file.as_deref(), duration(settings.answer_within))?;
    let address = Url::parse(&gateway.base).map_err(|error| error.to_string())?;
    let host = address.host_str().unwrap_or_default();
    let request = Request::head(format!("{}/", gateway.base)).header(HOST, host).body(Bytes::new());
    let request = request.map_err(|error| error.to_string())?;
    // The time matters to Retry-After alone, which is not looked at.
    match client.ask(request, Timestamp::from_ms(0)).await {
        Ok(answer) => Ok(format!("{host} answers ({})", answer.status.as_u16())),
        Err(failed) => {
            let why = match failed {
                Failed::NotWritten(why) => why,
                Failed::NoAnswer => "no answer in time".to_owned(),
                Failed::LinkLost => "the connection was lost".to_owned(),
            };
            Err(format!(
                "{host} cannot be reached ({why}): check url, name service, firewall, ca_file and answer_seconds"
            ))
        }
    }
}

fn duration(span: Span) -> Duration {
    Duration::from_millis(u64::try_from(span.as_ms()).unwrap_or(0))
}
