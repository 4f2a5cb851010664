//! E-mail by SMTP (RFC 5321): a mail server that takes mail for everybody.
//!
//! A few connections are kept open and used in turn. What happened to a mail is told from the step at which it failed
//! (`answer.rs`).

mod answer;
mod letter;
mod link;
mod one_line;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use nidan_core::ledger::Reason;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};

use self::letter::Writer;
use self::link::{Link, Server};
use super::route::{Dispatch, Outcome};
use crate::app::Clock;
use crate::config::ways::Smtp;

/// How long a mail waits for a connection that others use; then the route counts as down, and another may be tried.
const PLACE_WITHIN: Duration = Duration::from_secs(5);
/// How long a connection lies open unused: a burst shares its handshakes, and we take leave before the servers that end
/// such connections after ten seconds.
const IDLE: Duration = Duration::from_secs(8);

/// A route by SMTP.
pub struct SmtpLine(Arc<Line>);

struct Line {
    name: String,
    server: Server,
    writer: Writer,
    connections: u32,
    places: Arc<Semaphore>,
    idle: Mutex<Vec<(Link, Instant)>>,
    /// Whether the last attempt to connect failed: told once, not with every mail.
    down: AtomicBool,
}

/// Leave to send one mail, on a connection that is open.
pub struct Permit {
    link: Link,
    reused: bool,
    _place: OwnedSemaphorePermit,
}

impl SmtpLine {
    /// Opens the route `name` without connecting yet; `domain` is the site's, under which mails are named.
    ///
    /// # Errors
    /// A setting cannot be used, in words for the operator.
    pub fn open(name: &str, settings: &Smtp, domain: &str, clock: Clock) -> Result<Self, String> {
        let connections = u32::from(settings.connections.max(1));
        let line = Line {
            name: name.to_owned(),
            server: Server::new(settings)?,
            writer: Writer::new(&settings.from, domain, clock)?,
            connections,
            places: Arc::new(Semaphore::new(connections as usize)),
            idle: Mutex::default(),
            down: AtomicBool::new(false),
        };
        Ok(Self(Arc::new(line)))
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// There is none to be had: nothing was sent.
    pub async fn ready(&self) -> Result<Permit, Reason> {
        let place = timeout(PLACE_WITHIN, self.0.places.clone().acquire_owned()).await;
        let Ok(Ok(place)) = place else { return Err(Reason::RouteDown) };
        let (link, reused) = match self.0.take_idle() {
            Some(link) => (link, true),
            None => (self.0.connect().await?, false),
        };
        Ok(Permit { link, reused, _place: place })
    }

    /// Sends one mail.
    pub async fn send(&self, permit: Permit, dispatch: &Dispatch) -> Outcome {
        let Permit { mut link, reused, _place } = permit;
        let letter = match self.0.writer.write(dispatch) {
            Ok(letter) => letter,
            Err(reason) => {
                self.0.keep(link);
                return Outcome::Rejected(reason);
            }
        };
        let mut said = link.carry(&letter).await;
        if reused && said.as_ref().is_err_and(|failure| failure.is_of_a_stale_link()) {
            link = match self.0.connect().await {
                Ok(fresh) => fresh,
                Err(reason) => return Outcome::NotTaken(reason),
            };
            said = link.carry(&letter).await;
        }
        match said {
            Ok(carrier_id) => {
                self.0.keep(link);
                Outcome::Accepted { carrier_id }
            }
            Err(failure) => {
                tracing::info!(route = self.0.name, message = %dispatch.id, ?failure, "a mail was not taken");
                tokio::spawn(link.quit());
                failure.outcome()
            }
        }
    }

    /// Waits for the mails that are under way, and takes leave of the server.
    pub async fn close(&self) {
        let all = self.0.places.acquire_many(self.0.connections).await;
        self.0.places.close();
        drop(all);
        while let Some(link) = self.0.take_idle() {
            link.quit().await;
        }
    }
}

impl Line {
    async fn connect(&self) -> Result<Link, Reason> {
        let connected = self.server.connect().await;
        let was_down = self.down.swap(connected.is_err(), Ordering::Relaxed);
        match &connected {
            Err(trouble) if !was_down => tracing::warn!(route = self.name, "the mail server {trouble}"),
            Ok(_) if was_down => tracing::info!(route = self.name, "the mail server serves us again"),
            _ => {}
        }
        connected.map_err(|trouble| trouble.reason())
    }

    /// The connection that was used last.
    fn take_idle(&self) -> Option<Link> {
        self.idle().pop().map(|(link, _)| link)
    }

    /// Keeps a connection for the next mail, for a while.
    fn keep(self: &Arc<Self>, link: Link) {
        self.idle().push((link, Instant::now() + IDLE));
        tokio::spawn(end_idle(Arc::downgrade(self)));
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Link, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes leave on what has lain unused too long.
async fn end_idle(line: Weak<Line>) {
    sleep(IDLE).await;
    let Some(line) = line.upgrade() else { return };
    let now = Instant::now();
    let over: Vec<Link> = line.idle().extract_if(.., |(_, until)| *until <= now).map(|(link, _)| link).collect();
    for link in over {
        link.quit().await;
    }
}

/// Whether the server of a route takes mail from us: connects, logs in and leaves. One line for the operator.
///
/// # Errors
/// What is wrong and what to do, likewise.
pub async fn check(settings: &Smtp) -> Result<String, String> {
    let (host, port) = (&settings.host, settings.port);
    letter::sender(&settings.from)?;
    let server = Server::new(settings)?;
    let link = server.connect().await.map_err(|trouble| format!("{host}:{port} {trouble}"))?;
    link.quit().await;
    Ok(format!("{host}:{port} takes mail from {}", settings.from))
}
