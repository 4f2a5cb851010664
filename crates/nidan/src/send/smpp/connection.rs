//! One connection of a route, kept: dialled, bound, spoken over, and dialled again when it is lost.

use std::sync::Arc;
use std::time::Duration;

use nidan_wire::smpp::Role;
use tokio::sync::watch;
use tokio::time::sleep;

use super::talk::{Ended, Talk};
use super::{Route, session};

/// The pauses before connecting again: the first, doubled each time up to the last.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// The same after the carrier refused our name or password: some lock an account that tries too often.
const AGAIN_REFUSED: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(600));

/// A connection that was bound for so long was a good one: the next is tried for soon.
const STEADY: Duration = Duration::from_secs(10);

/// Tells the tasks of a route that it is closed.
pub(super) type Stop = watch::Receiver<bool>;

/// Ready when the route is closed, or given up without that.
pub(super) async fn stopped(stop: &mut Stop) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// One connection of a route.
pub(super) struct Connection {
    pub(super) route: Arc<Route>,
    /// Its number among the connections of the route, for the log.
    pub(super) number: usize,
    pub(super) role: Role,
}

impl Connection {
    /// Keeps the connection until the route is closed.
    pub(super) async fn keep(self, mut stop: Stop) {
        let (mut tries, mut told) = (0, String::new());
        loop {
            let (why, again, bound_for) = match self.once(stop.clone()).await {
                Ended::Stopped => return,
                Ended::Lost { why, bound_for } => (why, AGAIN, bound_for),
                Ended::LoginRefused { status } => {
                    self.route.links.refuse_login();
                    (format!("the carrier refuses our name or password (status {status:#x})"), AGAIN_REFUSED, None)
                }
            };
            if bound_for.is_some_and(|time| time >= STEADY) {
                tries = 0;
            }
            // Told when it changes: a carrier that is away for a night is one line in the log.
            if bound_for.is_some() || why != told {
                tracing::warn!(route = self.route.name, connection = self.number, why, "no connection to the carrier");
            }
            told = why;
            let pause = self.route.jittered(doubled(again, tries));
            tries += 1;
            tokio::select! {
                () = sleep(pause) => {}
                () = stopped(&mut stop) => return,
            }
        }
    }

    async fn once(&self, mut stop: Stop) -> Ended {
        let dialled = tokio::select! {
            dialled = self.route.dialler.dial() => dialled,
            () = stopped(&mut stop) => return Ended::Stopped,
        };
        match dialled {
            Ok(stream) => {
                let session = session(&self.route.settings, self.role, self.route.now());
                Talk::new(self, session).run(stream, stop).await
            }
            Err(why) => Ended::Lost { why, bound_for: None },
        }
    }
}

/// `first`, doubled so many times, `last` at most.
pub(super) fn doubled((first, last): (Duration, Duration), times: u32) -> Duration {
    first.saturating_mul(1 << times.min(16)).min(last)
}
