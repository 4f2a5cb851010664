//! What is said over one connection: a [`Session`] moved by its socket, by messages to send and by time.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Cursor};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use nidan_core::id::MessageId;
use nidan_core::ledger::Receipt;
use nidan_wire::smpp::{Delivery, DeliverySequence, Event, MessageState, ReceiptPdu, Role, Session};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use zeroize::Zeroizing;

use super::connection::{Connection, Stop, stopped};
use super::dial::Stream;
use super::links::{Answer, Link, Order};
use super::{News, Route};
use crate::send::route::CarrierReceipt;

/// Read at once.
const READ_BYTES: usize = 16 * 1024;
/// Receipts being kept at once; a carrier that sends more is told to come again.
const RECEIPTS_AT_ONCE: usize = 500;
/// Messages without an answer that are remembered in case it comes late.
const LATE_MAX: usize = 1000;
/// Where nothing has a deadline.
const IDLE: Duration = Duration::from_secs(3600);

/// How long the last words may take.
const FAREWELL: Duration = Duration::from_secs(1);

type Reader = ReadHalf<Box<dyn Stream>>;
type Writer = WriteHalf<Box<dyn Stream>>;
/// What is being written.
type Unsent = Cursor<Zeroizing<Vec<u8>>>;

/// How a connection ended.
pub(super) enum Ended {
    /// We closed it.
    Stopped,
    /// It was lost, or never came about.
    Lost {
        why: String,
        /// None if it never was bound.
        bound_for: Option<Duration>,
    },
    /// The carrier does not know us by our name and password.
    LoginRefused { status: u32 },
}

/// A connection with its session.
pub(super) struct Talk<'a> {
    connection: &'a Connection,
    route: &'a Route,
    session: Session,
    /// While bound, unless it only receives.
    link: Option<Arc<Link>>,
    orders: Option<mpsc::UnboundedReceiver<Order>>,
    bound_at: Option<Duration>,
    /// Counts the messages of this connection.
    next_key: u64,
    unanswered: HashMap<u64, (MessageId, oneshot::Sender<Answer>)>,
    silent: BTreeMap<u64, MessageId>,
    receipts: JoinSet<(DeliverySequence, bool)>,
    /// Whether it ends because we want it to.
    stopping: bool,
}

impl<'a> Talk<'a> {
    pub(super) fn new(connection: &'a Connection, session: Session) -> Self {
        Self {
            connection,
            route: &connection.route,
            session,
            link: None,
            orders: None,
            bound_at: None,
            next_key: 0,
            unanswered: HashMap::new(),
            silent: BTreeMap::new(),
            receipts: JoinSet::new(),
            stopping: false,
        }
    }

    /// Speaks until the connection ends.
    pub(super) async fn run(mut self, stream: Box<dyn Stream>, stop: Stop) -> Ended {
        let (reader, mut writer) = split(stream);
        let mut unsent = Cursor::default();
        let ended = self.speak((reader, &mut writer), &mut unsent, stop).await;
        self.leave();
        for (_, (_, answer)) in self.unanswered.drain() {
            let _ = answer.send(Answer::Lost);
        }
        // What is being kept is kept, though the carrier does not learn it and sends it again.
        self.receipts.detach_all();
        // A session without a deadline is over in good order; after a broken one nothing more is to leave.
        if self.session.deadline().is_none() {
            let farewell = async {
                write(&mut writer, &mut unsent).await?;
                write(&mut writer, &mut Cursor::new(self.session.output())).await?;
                writer.shutdown().await
            };
            // Politeness alone: the other side may be gone.
            let _ = timeout(FAREWELL, farewell).await;
        }
        ended
    }

    async fn speak(
        &mut self,
        (mut reader, writer): (Reader, &mut Writer),
        unsent: &mut Unsent,
        mut stop: Stop,
    ) -> Ended {
        let mut read = vec![0; READ_BYTES];
        let mut flushed = true;
        let (mut alarm, mut stopped) = (pin!(sleep_until(self.deadline())), pin!(stopped(&mut stop)));
        loop {
            while let Some(event) = self.session.event() {
                if let Some(ended) = self.on_event(event) {
                    return ended;
                }
            }
            if flushed {
                *unsent = Cursor::new(self.session.output());
                flushed = unsent.get_ref().is_empty();
            }
            // Nearly every message puts the deadline off: an alarm that goes too early costs less than setting it each time.
            let deadline = self.deadline();
            if deadline < alarm.deadline() || alarm.is_elapsed() {
                alarm.as_mut().reset(deadline);
            }
            let broken = tokio::select! {
                // What was read comes before what is to be sent: no message goes into a connection known to be over.
                biased;
                () = &mut alarm => {
                    self.session.advance(self.route.now());
                    None
                }
                written = write(writer, unsent), if !flushed => {
                    flushed = true;
                    written.err().map(|error| error.to_string())
                }
                length = reader.read(&mut read) => self.received(length.map(|length| &read[..length])),
                Some(kept) = self.receipts.join_next() => {
                    self.answer(kept);
                    None
                }
                () = &mut stopped, if !self.stopping => {
                    self.stop();
                    None
                }
                Some(order) = next(&mut self.orders), if self.session.can_submit() => {
                    self.submit_all(order);
                    None
                }
            };
            if let Some(why) = broken {
                return self.ended(why);
            }
        }
    }

    /// When the session has something to do, if nothing comes before.
    fn deadline(&self) -> Instant {
        self.route.started + self.session.deadline().unwrap_or(IDLE)
    }

    /// Takes in what was read; why the connection is over, if it is.
    fn received(&mut self, read: io::Result<&[u8]>) -> Option<String> {
        match read {
            Ok([]) => Some("the carrier closed the connection".into()),
            Ok(bytes) => {
                self.session.receive(bytes, self.route.now());
                None
            }
            Err(error) => Some(error.to_string()),
        }
    }

    fn on_event(&mut self, event: Event) -> Option<Ended> {
        match event {
            Event::Bound { .. } => self.bound(),
            Event::BindRefused { status } if is_login(status) => return Some(Ended::LoginRefused { status }),
            Event::BindRefused { status } => return Some(self.ended(format!("bind refused with status {status:#x}"))),
            Event::Taken { key, message_id } => self.settle(key, Answer::Taken(message_id)),
            Event::Refused { key, status, .. } => self.settle(key, Answer::Refused(status)),
            Event::NoAnswer { key } => self.silence(key),
            Event::Late { key, message_id } => self.late(key, message_id),
            Event::Delivery { sequence, delivery: Delivery::Receipt(receipt) } => self.keep(sequence, receipt),
            Event::Delivery { sequence, delivery: Delivery::Unsolicited } => self.session.answer(sequence, true),
            Event::Closed { why, .. } => return Some(self.ended(why.to_string())),
        }
        None
    }

    fn bound(&mut self) {
        self.bound_at = Some(self.route.now());
        let (route, connection) = (&self.route.name, self.connection.number);
        tracing::info!(route, connection, "bound to the carrier");
        if self.connection.role != Role::Receiver && !self.stopping {
            let (link, orders) = Link::new(self.route.settings.window.into());
            self.route.links.add(link.clone());
            (self.link, self.orders) = (Some(link), Some(orders));
        }
    }

    /// Submits what is waiting, so that it leaves in one write.
    fn submit_all(&mut self, first: Order) {
        self.submit(first);
        while self.session.can_submit() {
            let Some(order) = self.waiting_order() else { break };
            self.submit(order);
        }
    }

    fn waiting_order(&mut self) -> Option<Order> {
        self.orders.as_mut()?.try_recv().ok()
    }

    fn submit(&mut self, order: Order) {
        self.next_key += 1;
        let Order { id, submit, answer } = order;
        match self.session.submit(self.next_key, &submit, self.route.now()) {
            Ok(()) => drop(self.unanswered.insert(self.next_key, (id, answer))),
            Err(_) => drop(answer.send(Answer::NotSent)),
        }
    }

    fn settle(&mut self, key: u64, settled: Answer) {
        if let Some((_, answer)) = self.unanswered.remove(&key) {
            // Who does not wait any more does not want to know.
            let _ = answer.send(settled);
        }
    }

    fn silence(&mut self, key: u64) {
        let Some((id, answer)) = self.unanswered.remove(&key) else { return };
        let _ = answer.send(Answer::Silence);
        self.silent.insert(key, id);
        if self.silent.len() > LATE_MAX {
            self.silent.pop_first();
        }
    }

    fn late(&mut self, key: u64, carrier_id: String) {
        if let Some(message) = self.silent.remove(&key) {
            let told = (self.route.tell)(News::Late { message, carrier_id });
            tokio::spawn(told);
        }
    }

    /// Has a receipt kept before it is answered.
    fn keep(&mut self, sequence: DeliverySequence, receipt: ReceiptPdu) {
        if self.receipts.len() >= RECEIPTS_AT_ONCE {
            return self.session.answer(sequence, false);
        }
        let kept = (self.route.tell)(News::Receipt(carrier_receipt(receipt)));
        self.receipts.spawn(async move { (sequence, kept.await) });
    }

    fn answer(&mut self, kept: Result<(DeliverySequence, bool), JoinError>) {
        match kept {
            Ok((sequence, kept)) => self.session.answer(sequence, kept),
            // Without an answer the carrier sends it again.
            Err(error) => tracing::error!(route = self.route.name, %error, "a receipt could not be kept"),
        }
    }

    /// Takes no new messages; the session waits for the answers that are due before it unbinds.
    fn stop(&mut self) {
        self.stopping = true;
        self.leave();
        self.session.unbind(self.route.now());
    }

    /// Nobody gets a place here any more, and whose message has not left learns it.
    fn leave(&mut self) {
        if let Some(link) = self.link.take() {
            self.route.links.remove(&link);
        }
        if let Some(orders) = &mut self.orders {
            orders.close();
        }
        while let Some(order) = self.waiting_order() {
            let _ = order.answer.send(Answer::NotSent);
        }
    }

    fn ended(&self, why: String) -> Ended {
        match self.stopping {
            true => Ended::Stopped,
            false => Ended::Lost { why, bound_for: self.bound_at.map(|at| self.route.now().saturating_sub(at)) },
        }
    }
}

/// Whether a bind was refused for its name or password, and not for what will pass: ESME_RBINDFAIL, RINVPASWD, RINVSYSID
/// (SMPP 3.4 §5.1.3).
pub(super) const fn is_login(status: u32) -> bool {
    matches!(status, 0x0d..=0x0f)
}

/// Writes and flushes all of it. What is not written when the future is dropped is still in `unsent`.
async fn write(writer: &mut Writer, unsent: &mut Unsent) -> io::Result<()> {
    writer.write_all_buf(unsent).await?;
    writer.flush().await
}

/// The next order; waits for ever where none can come.
async fn next(orders: &mut Option<mpsc::UnboundedReceiver<Order>>) -> Option<Order> {
    match orders {
        Some(orders) => orders.recv().await,
        None => std::future::pending().await,
    }
}

fn carrier_receipt(receipt: ReceiptPdu) -> CarrierReceipt {
    let said = match receipt.state {
        MessageState::EnRoute | MessageState::Accepted => Receipt::EnRoute,
        MessageState::Delivered => Receipt::Delivered,
        MessageState::Expired => Receipt::Expired,
        MessageState::Undeliverable | MessageState::Deleted => Receipt::Undelivered,
        MessageState::Rejected => Receipt::Rejected,
        MessageState::Unknown => Receipt::Unknown,
    };
    CarrierReceipt { carrier_id: receipt.id, number: Some(receipt.number), receipt: said }
}
