//! What a call answers when it does not do what was asked.

use axum::response::{IntoResponse, Response};

use crate::flow::FlowError;
use crate::store::StoreError;
use crate::web::error::Failure;
use crate::web::problem::{BUSY, CONFLICT, NOT_ACCEPTABLE_VALUE, NOT_FOUND, Problem};

/// The client's mistake, or ours.
pub(super) enum Refusal {
    /// The client is told what was wrong.
    Problem(Box<Problem>),
    /// Logged at the edge.
    Failure(Failure),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Failure(match error {
            StoreError::Unavailable { .. } => Failure::unavailable(error),
            _ => Failure::internal(error),
        })
    }
}

impl From<FlowError> for Refusal {
    fn from(error: FlowError) -> Self {
        match error {
            FlowError::Store(error) => error.into(),
            FlowError::Busy(busy) => Problem::new(&BUSY).retry_after_s(busy.retry_after_seconds).into(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::Failure(failure) => failure.into_response(),
        }
    }
}

/// There is nothing, or nothing that the caller may know of.
pub(super) fn not_found() -> Problem {
    Problem::new(&NOT_FOUND)
}

/// A well-formed value that the rules refuse; `reason` is a stable word for programs.
pub(super) fn value_refused(field: &str, reason: &str, detail: &str) -> Problem {
    Problem::new(&NOT_ACCEPTABLE_VALUE).detail(detail).member("field", field).member("reason", reason)
}

/// Not possible as things stand; `reason` is a stable word for programs.
pub(super) fn conflict(reason: &str, detail: &str) -> Problem {
    Problem::new(&CONFLICT).detail(detail).member("reason", reason)
}
