//! What owners, thieves, programs and pumping fraudsters do to a server, under a virtual clock: the real flows, the real store (SQLite in
//! memory) and the real sender, before a carrier that is late, loses and doubles. Only passwords are not hashed: a site vouches for them,
//! as it may.
//!
//! `cargo test -p nidan --test scenarios -- [NAME…]` plays the scenarios of these names, each on several seeds, and prints what it
//! found beside each bound. `NIDAN_SEEDS=N` plays N seeds of each, `NIDAN_SEED=N` that one alone: what a failure says to
//! run. `NIDAN_SCENARIOS=full` plays what takes minutes in its full size.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "its purpose is the table that it prints, and what broke"
)]
#![expect(clippy::large_enum_variant, reason = "what is planned lies in a list, a few hundred entries long")]

mod carrier;
mod chance;
mod ledger;
mod mixed;
mod month;
mod pumping;
mod table;
mod thief;
mod waiting;
mod world;

use std::process::ExitCode;

use table::{Asked, Scenario, play};

fn main() -> ExitCode {
    let asked = Asked::by_whoever_runs_it();
    let mut scenarios: Vec<Scenario> = Vec::new();
    scenarios.extend(thief::scenarios());
    scenarios.extend(waiting::scenarios());
    scenarios.extend(pumping::scenarios(asked.full));
    scenarios.extend(month::scenarios(asked.full));
    scenarios.extend(mixed::scenarios());
    play(&scenarios, &asked)
}
