//! A refusal by the budgets and guards, as an answer: why, when asking again is of use, and what is possible meanwhile.

use serde_json::Value;

use super::problem::{Problem, TOO_MANY};
use crate::app::App;
use crate::flow::lane::Shut;

/// The refusal as a problem.
pub fn too_many(app: &App, shut: &Shut) -> Problem {
    let wait = shut.until.since(app.clock.now()).as_seconds_up();
    let possible: Vec<Value> =
        shut.reason.still_possible().iter().map(|possible| Value::from(possible.name())).collect();
    Problem::new(&TOO_MANY)
        .member("reason", shut.reason.name())
        .member("still_possible", possible)
        .retry_after_s(u32::try_from(wait).unwrap_or(u32::MAX))
}
