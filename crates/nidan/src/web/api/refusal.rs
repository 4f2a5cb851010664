//! Problems that more than one call answers.

use crate::web::problem::{CONFLICT, NOT_ACCEPTABLE_VALUE, NOT_FOUND, Problem};

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
