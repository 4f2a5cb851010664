//! What becomes of a message, shown while its page is open: server-sent events (HTML Living Standard §9.2) with the parts of
//! the page that have changed.
//!
//! A stream shows what the page itself would show to the same cookies, and nothing more. It ends when the code does, or the
//! server; browsers ask again by themselves. Whoever gets none has a page that works by being reloaded.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use askama::Template;
use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use nidan_core::ceremony::Resend;
use nidan_core::id::{AccountId, CeremonyId, MessageId};
use nidan_core::news::Told;
use tokio::sync::watch;
use tokio::time::sleep;

use super::pages::code::Door;
use super::pages::waiting;
use super::problem::{BUSY, Problem};
use super::session::Held;
use super::view::{CodePage, WaitingOver, WaitingParts};
use super::visit::{Answer, Visit};
use crate::app::App;
use crate::flow::FlowError;
use crate::flow::look::{self, Looked, Standing};
use crate::flow::session::Alive;
use crate::flow::setup::{self, Setup};

/// Streams of one ceremony: a page, and one that was left a moment ago.
const OF_ONE_MAX: usize = 2;
/// Pause between two looks at the ledger, for what another node wrote there.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Looks without news after which a line of nothing is sent, so that no proxy takes the stream for dead: 14 s.
const QUIET_LOOKS_MAX: u32 = 7;

/// On an answer: its body goes on for as long as its connection does, without anything being asked.
#[derive(Clone, Copy)]
pub struct Lasting;

/// The streams that are open.
pub struct Streams {
    open: Mutex<HashMap<(AccountId, CeremonyId), usize>>,
    most: usize,
    closing: watch::Sender<bool>,
}

impl Streams {
    /// Room for so many streams at once.
    pub fn new(most: usize) -> Self {
        Self { open: Mutex::default(), most, closing: watch::Sender::new(false) }
    }

    /// Ends all of them, and lets none begin.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    fn take(self: &Arc<Self>, ceremony: (AccountId, CeremonyId)) -> Option<Place> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_this = open.get(&ceremony).copied().unwrap_or_default();
        if of_this >= OF_ONE_MAX || open.values().sum::<usize>() >= self.most || *self.closing.borrow() {
            return None;
        }
        open.insert(ceremony, of_this + 1);
        Some(Place { streams: self.clone(), ceremony })
    }
}

/// One open stream, until dropped.
struct Place {
    streams: Arc<Streams>,
    ceremony: (AccountId, CeremonyId),
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(left) = open.get_mut(&self.ceremony) {
            *left -= 1;
            if *left == 0 {
                open.remove(&self.ceremony);
            }
        }
    }
}

/// What a stream looks at.
enum Watched {
    /// What a browser holds before there is a session.
    Held(Held, Door),
    /// The phone number that a session sets up.
    Setup(Box<Alive>),
}

impl Watched {
    const fn page(&self) -> CodePage {
        match self {
            Self::Held(_, door) => door.waits_on(),
            Self::Setup(_) => CodePage::SetupPhone,
        }
    }
}

/// What there is to be said.
enum Seen {
    /// Its page asks for the code.
    Open(Box<Looked>),
    /// Nothing is waited for any more; `done`: a right code was given.
    Over { done: bool },
    /// Another page has taken its place.
    Elsewhere,
}

impl Watched {
    async fn look(&self, app: &Arc<App>) -> Result<Seen, FlowError> {
        match self {
            Self::Held(held, door) => match look::look(app, held.ceremony, held.presented).await? {
                Some(looked) if Door::of(&looked) != *door => Ok(Seen::Elsewhere),
                Some(looked) => Ok(seen(Box::new(looked))),
                None => Ok(Seen::Over { done: false }),
            },
            Self::Setup(alive) => Ok(match setup::look(app, alive).await? {
                Some(Setup::ConfirmPhone(looked)) => seen(looked),
                Some(Setup::AddApp | Setup::ConfirmApp(_) | Setup::Done(_)) => Seen::Over { done: true },
                Some(Setup::AddPhone) | None => Seen::Over { done: false },
            }),
        }
    }
}

fn seen(looked: Box<Looked>) -> Seen {
    match looked.standing {
        Standing::Open if looked.message.is_some() => Seen::Open(looked),
        Standing::Open => Seen::Elsewhere,
        Standing::Finished => Seen::Over { done: true },
        Standing::Expired | Standing::UsedUp => Seen::Over { done: false },
    }
}

/// The events of `/sign-up/code` or `/sign-in/code`.
pub async fn code(visit: Visit, door: Door) -> Answer {
    match visit.held() {
        Some(held) => begin(visit, Watched::Held(held, door)).await,
        None => Ok(nothing()),
    }
}

/// The events of `/setup` while the phone number is confirmed.
pub async fn phone(mut visit: Visit) -> Answer {
    match visit.session.take() {
        Some(alive) => begin(visit, Watched::Setup(Box::new(alive))).await,
        None => Ok(nothing()),
    }
}

/// Tells a browser to ask no more.
fn nothing() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

async fn begin(visit: Visit, watched: Watched) -> Answer {
    let Seen::Open(looked) = watched.look(&visit.web.app).await? else { return Ok(nothing()) };
    let Some(place) = visit.web.streams.take((looked.ceremony.account, looked.ceremony.id)) else {
        return Err(Problem::new(&BUSY).into());
    };
    let closing = visit.web.streams.closing.subscribe();
    let account = looked.ceremony.account;
    let stream = Stream { visit, watched, account, told: None, quiet_looks: 0, over: false, closing, _place: place };
    let body = unfold(stream, |mut stream| async move {
        let event = stream.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(event)), stream))
    });
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        // nginx keeps answers back until they are whole, unless told otherwise.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    let mut response = (headers, Body::from_stream(body)).into_response();
    response.extensions_mut().insert(Lasting);
    Ok(response)
}

/// What was told last: nothing is sent while it stays the same.
type Last = (MessageId, Told, Resend, bool);

struct Stream {
    visit: Visit,
    watched: Watched,
    account: AccountId,
    told: Option<Last>,
    quiet_looks: u32,
    over: bool,
    closing: watch::Receiver<bool>,
    _place: Place,
}

impl Stream {
    /// The next event; none: the stream ends.
    async fn next(&mut self) -> Option<String> {
        let app = self.visit.web.app.clone();
        while !self.over && !*self.closing.borrow() {
            // Asked for before the look, so that nothing falls between the two.
            let moved = app.moved.waited_for(self.account);
            match self.event(&app).await {
                Ok(None) if self.quiet_looks < QUIET_LOOKS_MAX => self.quiet_looks += 1,
                Ok(event) => {
                    self.quiet_looks = 0;
                    return Some(event.unwrap_or_else(|| ":\n\n".to_owned()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a page's events end early");
                    return None;
                }
            }
            tokio::select! {
                () = moved => {}
                () = sleep(LOOK_EVERY) => {}
                _ = self.closing.changed() => {}
            }
        }
        None
    }

    /// What is new, if anything is.
    async fn event(&mut self, app: &Arc<App>) -> Result<Option<String>, Unwatchable> {
        let page = self.watched.page();
        let seen = self.watched.look(app).await?;
        let frame = self.visit.frame(page.here());
        let (name, html) = match seen {
            Seen::Open(looked) => {
                let last =
                    looked.message.as_ref().map(|shown| (shown.id, shown.told, shown.resend, shown.carrier_slow));
                if last == self.told {
                    return Ok(None);
                }
                let Some(waiting) = waiting(app, page, &looked) else { return Ok(None) };
                let html = WaitingParts { frame, waiting: &waiting }.render()?;
                self.told = last;
                ("message", html)
            }
            Seen::Over { done } => {
                let html = WaitingOver { frame, page, done }.render()?;
                self.over = true;
                ("over", html)
            }
            Seen::Elsewhere => {
                self.over = true;
                ("over", String::new())
            }
        };
        Ok(Some(event(name, &html)))
    }
}

/// Why a stream cannot go on.
#[derive(Debug, thiserror::Error)]
enum Unwatchable {
    #[error(transparent)]
    Flow(#[from] FlowError),
    #[error(transparent)]
    Template(#[from] askama::Error),
}

/// An event with `data`: its lines, but for the empty ones.
fn event(name: &str, data: &str) -> String {
    let said = data.lines().filter(|line| !line.trim().is_empty());
    let lines: String = said.map(|line| format!("data: {line}\n")).collect();
    format!("event: {name}\n{}\n", if lines.is_empty() { "data:\n" } else { &lines })
}

#[cfg(test)]
mod tests {
    use super::*;
    fn ceremony(number: u16) -> (AccountId, CeremonyId) {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&number.to_be_bytes());
        (AccountId::from_bytes([1; 16]), CeremonyId::from_bytes(id))
    }

    #[test]
    fn one_ceremony_has_two_streams_and_a_place_comes_back() {
        let streams = Arc::new(Streams::new(9));
        let (first, _second) = (streams.take(ceremony(1)).expect("room"), streams.take(ceremony(1)).expect("room"));
        assert!(streams.take(ceremony(1)).is_none());
        assert!(streams.take(ceremony(2)).is_some(), "another has its own");
        drop(first);
        assert!(streams.take(ceremony(1)).is_some());
    }

    #[test]
    fn there_are_so_many_and_none_once_they_are_closed() {
        let streams = Arc::new(Streams::new(5));
        let open: Vec<Place> = (0..).map_while(|number| streams.take(ceremony(number))).collect();
        assert_eq!(open.len(), 5);
        drop(open);
        assert!(streams.open.lock().expect("no panic").is_empty(), "nothing is left behind");
        streams.close();
        assert!(streams.take(ceremony(1)).is_none());
    }

    #[test]
    fn an_event_is_one_whatever_its_lines() {
        assert_eq!(event("message", "<p>\n\n</p>\n"), "event: message\ndata: <p>\ndata: </p>\n\n");
        assert_eq!(event("over", ""), "event: over\ndata:\n\n");
    }
}
