//! The bound connections of a route: who wants to send waits here for a place in one of their windows.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select_all;
use nidan_core::id::MessageId;
use nidan_core::ledger::Reason;
use nidan_wire::smpp::{Status, SubmitSm};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};

/// How long a route may be without a connection before its messages go elsewhere: a reconnect takes less.
const PATIENCE: Duration = Duration::from_secs(5);

/// One message to submit, and where the answer goes.
pub(super) struct Order {
    pub(super) id: MessageId,
    pub(super) submit: SubmitSm,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// What became of an [`Order`].
pub(super) enum Answer {
    /// The carrier took it, under this id.
    Taken(String),
    /// The carrier refused it.
    Refused(Status),
    /// The carrier said nothing in time.
    Silence,
    /// The connection was lost, and the message may have left by then.
    Lost,
    /// The connection was lost, and the message had certainly not left.
    NotSent,
}

/// A bound connection.
pub(super) struct Link {
    places: Arc<Semaphore>,
    orders: mpsc::UnboundedSender<Order>,
}

impl Link {
    /// A link with so many places, and the end where its orders come out.
    pub(super) fn new(window: usize) -> (Arc<Self>, mpsc::UnboundedReceiver<Order>) {
        let (orders, ordered) = mpsc::unbounded_channel();
        (Arc::new(Self { places: Arc::new(Semaphore::new(window)), orders }), ordered)
    }

    /// Submits and waits for what becomes of it.
    pub(super) async fn submit(&self, id: MessageId, submit: SubmitSm) -> Answer {
        let (answer, answered) = oneshot::channel();
        match self.orders.send(Order { id, submit, answer }) {
            // A connection that ends answers what it did not send; one that died of a mistake of ours says nothing.
            Ok(()) => answered.await.unwrap_or(Answer::Lost),
            Err(_) => Answer::NotSent,
        }
    }
}

/// A place in the window of a bound connection, until dropped.
pub struct Permit {
    pub(super) link: Arc<Link>,
    _place: OwnedSemaphorePermit,
}

impl Permit {
    /// Whether its connection still takes orders.
    pub(super) fn is_good(&self) -> bool {
        !self.link.orders.is_closed()
    }
}

/// The links of a route.
pub(super) struct Links(watch::Sender<State>);

struct State {
    bound: Vec<Arc<Link>>,
    down_since: Instant,
    login_refused: bool,
}

impl Links {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(State { bound: Vec::new(), down_since: Instant::now(), login_refused: false }))
    }

    /// A connection is bound.
    pub(super) fn add(&self, link: Arc<Link>) {
        self.0.send_modify(|state| {
            state.login_refused = false;
            state.bound.push(link);
        });
    }

    /// It no longer is. Who waits for a place of it looks for another.
    pub(super) fn remove(&self, link: &Arc<Link>) {
        self.0.send_modify(|state| {
            state.bound.retain(|other| !Arc::ptr_eq(other, link));
            if state.bound.is_empty() {
                state.down_since = Instant::now();
            }
        });
        link.places.close();
    }

    /// The carrier does not know us by our name and password. While another connection is bound it does: it may mean that
    /// there are too many.
    pub(super) fn refuse_login(&self) {
        self.0.send_modify(|state| state.login_refused = state.bound.is_empty());
    }

    /// Waits for a place: as long as it takes while a connection is bound, else for so long as a reconnect may take.
    ///
    /// # Errors
    /// There is no connection, and why.
    pub(super) async fn place(&self) -> Result<Permit, Reason> {
        let mut changes = self.0.subscribe();
        loop {
            let (bound, down_since, login_refused) = {
                let state = changes.borrow_and_update();
                (state.bound.clone(), state.down_since, state.login_refused)
            };
            if bound.is_empty() {
                if login_refused {
                    return Err(Reason::LoginRefused);
                }
                // The sender of the changes is in `self`, so that what comes here is a change or the end of patience.
                let changed = timeout_at(down_since + PATIENCE, changes.changed()).await;
                changed.map_err(|_| Reason::RouteDown)?.map_err(|_| Reason::RouteDown)?;
                continue;
            }
            if let Some(permit) = free_place(&bound) {
                return Ok(permit);
            }
            tokio::select! {
                Some(permit) = place_of(bound) => return Ok(permit),
                _ = changes.changed() => {}
            }
        }
    }
}

/// A place of the connection that has most to give, if any has one.
fn free_place(bound: &[Arc<Link>]) -> Option<Permit> {
    let link = bound.iter().max_by_key(|link| link.places.available_permits())?;
    let place = link.places.clone().try_acquire_owned().ok()?;
    Some(Permit { link: link.clone(), _place: place })
}

/// A place of the connection that has one first; `None` if all of them ended.
async fn place_of(bound: Vec<Arc<Link>>) -> Option<Permit> {
    let wanted = bound.into_iter().map(|link| {
        Box::pin(async move {
            let place = link.places.clone().acquire_owned().await.ok()?;
            Some(Permit { link, _place: place })
        })
    });
    let (permit, _, _) = select_all(wanted).await;
    permit
}
