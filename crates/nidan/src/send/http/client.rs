//! One exchange with a gateway, and what is certain when it fails.

use std::error::Error;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::RETRY_AFTER;
use hyper::{Request, Response, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client as Pool, Error as PoolError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use nidan_core::time::Timestamp;
use tokio::time::{Instant, timeout_at};

use crate::tls;

/// Longest body of an answer that is read, in bytes. What gateways answer of one message is a tenth of it.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How long a connection is kept for the next message. Short: a request on a connection that the gateway is just closing may
/// be lost without anybody's knowing.
const IDLE_MAX: Duration = Duration::from_secs(4);
/// The longest silence that a gateway may ask for: after that it is tried whether it meant it.
const SILENCE_MAX: Duration = Duration::from_secs(3600);

/// Speaks to one gateway.
pub struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Gated>,
    answer_within: Duration,
}

/// What came back.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
    /// The body, if it is JSON; none too when it was too long, too slow, or broke off.
    pub json: Option<serde_json::Value>,
}

/// Why nothing came back.
pub enum Failed {
    /// There was no connection; nothing of the request was read by anybody. Says what was wrong, without secrets.
    NotWritten(String),
    /// The time was over.
    NoAnswer,
    /// The connection was lost.
    LinkLost,
}

impl Client {
    /// A client that trusts the certificates in `ca_file`, or the system's.
    ///
    /// # Errors
    /// The certificates cannot be read; says so, with the remedy.
    pub fn new(ca_file: Option<&Path>, answer_within: Duration) -> Result<Self, String> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls::client(ca_file, "ca_file")?)
            .https_or_http()
            .enable_http1();
        let pool = Pool::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_MAX)
            .pool_timer(TokioTimer::new())
            .build(connector.wrap_connector(tcp));
        Ok(Self { pool, answer_within })
    }

    /// Sends a request and waits for its answer. Redirects are answers like any other.
    ///
    /// # Errors
    /// There is none; what is certain then.
    pub async fn ask(&self, request: Request<Bytes>, now: Timestamp) -> Result<Answer, Failed> {
        let gate = Arc::new(Gate::default());
        let request =
            request.map(|bytes| Gated { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()), gate: gate.clone() });
        let deadline = Instant::now() + self.answer_within;
        match timeout_at(deadline, self.pool.request(request)).await {
            Ok(Ok(response)) => Ok(read(response, deadline, now).await),
            Ok(Err(error)) if error.is_connect() || gate.give_up() => Err(Failed::NotWritten(causes(&error))),
            Ok(Err(_)) => Err(Failed::LinkLost),
            Err(_) if gate.give_up() => Err(Failed::NotWritten("nothing came in time".to_owned())),
            Err(_) => Err(Failed::NoAnswer),
        }
    }
}

async fn read(response: Response<Incoming>, deadline: Instant, now: Timestamp) -> Answer {
    let status = response.status();
    let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = header.and_then(|value| retry_after(value, now));
    let body = timeout_at(deadline, Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect()).await;
    let json = body.ok().and_then(Result::ok).and_then(|body| serde_json::from_slice(&body.to_bytes()).ok());
    Answer { status, retry_after, json }
}

/// Seconds, or a date (RFC 9110 §10.2.3).
fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds).min(SILENCE_MAX));
    }
    let then = jiff::fmt::rfc2822::parse(value.trim()).ok()?.timestamp().as_millisecond();
    u64::try_from(then - now.ms()).ok().map(|wait| Duration::from_millis(wait).min(SILENCE_MAX))
}

fn causes(error: &PoolError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// Whether a body was begun to be written, or never will be: one of the two, decided once.
#[derive(Default)]
struct Gate(AtomicU8);

const UNDECIDED: u8 = 0;
const BEGUN: u8 = 1;
const GIVEN_UP: u8 = 2;

impl Gate {
    fn begin(&self) -> bool {
        self.decide(BEGUN)
    }

    /// True if nothing of the body was written, and now never will be.
    fn give_up(&self) -> bool {
        self.decide(GIVEN_UP)
    }

    fn decide(&self, wanted: u8) -> bool {
        let decided = self.0.compare_exchange(UNDECIDED, wanted, Ordering::SeqCst, Ordering::SeqCst);
        decided.unwrap_or_else(|already| already) == wanted || decided.is_ok()
    }
}

/// A body in one piece that goes out through its gate.
struct Gated {
    bytes: Option<Bytes>,
    gate: Arc<Gate>,
}

#[derive(Debug, thiserror::Error)]
#[error("nobody waits for the answer any more")]
struct GaveUp;

impl Body for Gated {
    type Data = Bytes;
    type Error = GaveUp;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, GaveUp>>> {
        if !self.gate.begin() {
            return Poll::Ready(Some(Err(GaveUp)));
        }
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_decided_once() {
        let begun = Gate::default();
        assert!(begun.begin() && begun.begin());
        assert!(!begun.give_up());
        let given_up = Gate::default();
        assert!(given_up.give_up() && given_up.give_up());
        assert!(!given_up.begin());
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Timestamp::from_ms(784_111_777_000);
        assert_eq!(retry_after("7", now), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:47 GMT", now), Some(Duration::from_secs(10)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:27 GMT", now), None);
        assert_eq!(retry_after("soon", now), None);
        assert_eq!(retry_after("18446744073709551615", now), Some(SILENCE_MAX));
        assert_eq!(retry_after("Fri, 31 Dec 2100 23:59:59 GMT", now), Some(SILENCE_MAX));
    }
}
