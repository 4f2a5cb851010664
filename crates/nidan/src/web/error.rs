//! The one policy for errors.
//!
//! * A verdict is not an error: wrong, expired, used up are answers, and handlers show them as such.
//! * What the client did wrong is a [`Problem`] and tells him what.
//! * What failed here (database, carrier, a fault of ours) is a [`Failure`]. A handler passes it on with `?`. At the edge
//!   it gets a reference, is logged once with all its causes, and the client sees the reference and nothing else.
//!
//! Nothing is logged where it happens and again where it ends up, and no text of an inner error reaches a client.

use std::error::Error;
use std::fmt::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::response::{IntoResponse, Response};

use super::problem::{BUSY, INTERNAL, Kind, Problem, UNAVAILABLE};
use crate::flow::FlowError;

/// Something failed on our side; see the policy above.
#[derive(Clone)]
pub struct Failure {
    kind: &'static Kind,
    source: Arc<dyn Error + Send + Sync>,
}

impl Failure {
    /// A fault of ours: 500.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: &INTERNAL, source: Arc::from(source.into()) }
    }

    /// Something that we depend on does not answer: 503.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: &UNAVAILABLE, source: Arc::from(source.into()) }
    }

    /// Logs it under `reference` and gives what the client may see. Called once, by the edge; `request` is method and path,
    /// never the query.
    pub(super) fn report(&self, reference: &str, request: &str) -> Problem {
        tracing::error!(reference, request, cause = %Causes(&*self.source), "request failed");
        Problem::new(self.kind).member("reference", reference)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = Problem::new(self.kind).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Why a handler has no answer of its own: the edge shows it.
pub enum Refused {
    /// The client did something wrong.
    Problem(Problem),
    /// We did.
    Failure(Failure),
    /// It is answered by being sent elsewhere.
    Elsewhere(Box<Response>),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::Failure(failure) => failure.into_response(),
            Self::Elsewhere(response) => *response,
        }
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<FlowError> for Refused {
    fn from(error: FlowError) -> Self {
        match error {
            FlowError::Busy(busy) => Self::Problem(Problem::new(&BUSY).retry_after_s(busy.retry_after_seconds)),
            FlowError::Store(error) if error.may_pass() => Self::Failure(Failure::unavailable(error)),
            FlowError::Store(error) => Self::Failure(Failure::internal(error)),
        }
    }
}

/// An error with the errors behind it, on one line.
struct Causes<'e>(&'e (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0, f)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

/// Makes the references under which failures are logged: ten letters and digits, never twice in the life of a process.
pub struct References {
    seed: u64,
    count: AtomicU64,
}

impl References {
    /// `seed` is random, so that references of different runs and nodes differ.
    pub fn new(seed: [u8; 8]) -> Self {
        Self { seed: u64::from_be_bytes(seed), count: AtomicU64::new(0) }
    }

    /// The next one.
    pub fn next(&self) -> String {
        const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        const BITS: u64 = (1 << 50) - 1;
        // An odd factor maps the numbers below 2^50 onto themselves: consecutive ones look unlike, none comes twice.
        let number = self.count.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.seed;
        let mut text = String::with_capacity(10);
        for place in (0..10).rev() {
            let _ = text.write_char(char::from(LETTERS[((number & BITS) >> (5 * place) & 31) as usize]));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn references_do_not_repeat() {
        let references = References::new([7; 8]);
        let made: BTreeSet<_> = (0..5_000).map(|_| references.next()).collect();
        assert_eq!(made.len(), 5_000);
        assert!(made.iter().all(|reference| reference.len() == 10));
        assert_ne!(References::new([1; 8]).next(), References::new([2; 8]).next());
    }

    #[test]
    fn a_failure_shows_its_causes_to_the_log_only() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::io::Error);
        let failure = Failure::unavailable(Outer(std::io::Error::other("inner")));
        assert_eq!(Causes(&*failure.source).to_string(), "outer: inner");
        let shown = failure.report("0123456789", "GET /").document().to_string();
        assert!(!shown.contains("outer") && !shown.contains("inner"), "{shown}");
        assert!(shown.contains("0123456789"));
        assert_eq!(failure.into_response().status(), 503);
    }
}
