//! One connection to a short message centre, without its socket: SMPP 3.4 §2, §4.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use zeroize::Zeroizing;

use super::frame::{Cut, Header, cut, put};
use super::pdu::*;
use super::receipt::{ReceiptPdu, receipt};
use super::status::*;

/// Sequence numbers go from 1 to this one and begin anew: SMPP 3.4 §3.2.
const SEQUENCE_MAX: u32 = 0x7fff_ffff;
/// Messages whose answer did not come in time and is still known when it comes late.
const OVERDUE_MAX: usize = 1024;

/// What the connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Sends and receives.
    Transceiver,
    /// Sends.
    Transmitter,
    /// Receives.
    Receiver,
}

/// How a session is held. No `Debug`: it has the password.
#[derive(Clone)]
pub struct SessionSettings {
    /// What the connection is for.
    pub role: Role,
    /// The name we bind by, at most 15 characters.
    pub system_id: String,
    /// The password we bind by, at most 8 characters.
    pub password: Zeroizing<String>,
    /// What kind of system we are, at most 12 characters; mostly empty.
    pub system_type: String,
    /// Messages without an answer at once, at most.
    pub window: usize,
    /// Silence of the other side after which it is asked whether it lives.
    pub enquire_after: Duration,
    /// How long an answer is waited for: to a bind, a message, an enquire_link, an unbind.
    pub answer_within: Duration,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The carrier let us in.
    Bound {
        /// What it calls itself.
        system_id: String,
    },
    /// It did not. [`Event::Closed`] follows.
    BindRefused {
        /// Its command_status.
        status: u32,
    },
    /// It took a message.
    Taken {
        /// The message.
        key: u64,
        /// Its id of the message, by which receipts name it; empty if it gave none.
        message_id: String,
    },
    /// It certainly did not take a message.
    Refused {
        /// The message.
        key: u64,
        /// What its command_status means.
        status: Status,
        /// Its command_status.
        code: u32,
    },
    /// No answer came in time: nobody knows whether it took the message.
    NoAnswer {
        /// The message.
        key: u64,
    },
    /// It took a message after all, after [`Event::NoAnswer`].
    Late {
        /// The message.
        key: u64,
        /// As in [`Event::Taken`].
        message_id: String,
    },
    /// It delivered something. It waits for [`Session::answer`].
    Delivery {
        /// What the answer names.
        sequence: DeliverySequence,
        /// What was delivered.
        delivery: Delivery,
    },
    /// It is over. The last event, and there is exactly one; what [`Session::output`] still has may be written.
    Closed {
        /// Why.
        why: Why,
        /// The messages that had neither answer nor [`Event::NoAnswer`], in the order they were submitted: nobody knows
        /// whether they were taken.
        unanswered: Vec<u64>,
    },
}

/// What a carrier delivers to us.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// What became of a message.
    Receipt(ReceiptPdu),
    /// Anything else: somebody wrote to our number, or a receipt that cannot be understood. Nothing of it is kept.
    Unsolicited,
}

/// Names a delivery that is to be answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeliverySequence {
    sequence: u32,
    command: u32,
}

/// Why a session is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Why {
    /// The carrier did not let us in.
    #[error("the carrier refused the bind")]
    BindRefused,
    /// It did not answer whether it lets us in.
    #[error("the carrier did not answer the bind")]
    BindUnanswered,
    /// Nothing came from it any more, not even an answer to enquire_link.
    #[error("the carrier is silent")]
    Silent,
    /// It ended the session.
    #[error("the carrier ended the session")]
    UnboundByPeer,
    /// We did.
    #[error("we ended the session")]
    Unbound,
    /// It sent a PDU of so many octets, which cannot be. Nobody knows where the next one begins.
    #[error("the carrier sent a PDU whose length is given as {0}")]
    Length(u32),
    /// The connection broke.
    #[error("the connection was lost")]
    Lost,
}

/// Why a message cannot be submitted at the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotNow {
    /// Not bound for sending: not yet, no more, or as a receiver.
    #[error("not bound for sending")]
    NotBound,
    /// As many messages wait for their answers as may.
    #[error("the window is full")]
    WindowFull,
}

#[derive(Clone, Copy)]
enum State {
    Binding {
        sequence: u32,
        until: Duration,
    },
    Bound,
    /// We want to end it, and wait for the answers that are due.
    Draining,
    Unbinding {
        until: Duration,
    },
    Closed,
}

/// A message without its answer.
struct Waiting {
    sequence: u32,
    key: u64,
    until: Duration,
}

/// One connection to a short message centre, from bind to unbind. See [`crate::smpp`] for how it is driven.
pub struct Session {
    role: Role,
    window: usize,
    enquire_after: Duration,
    answer_within: Duration,
    state: State,
    sequence: u32,
    /// In the order they were submitted, which is that of `until`.
    waiting: VecDeque<Waiting>,
    /// Sequence and key of those that got no answer in time.
    overdue: VecDeque<(u32, u64)>,
    /// When the last PDU came.
    heard: Duration,
    /// Until when a sign of life has to come, once one was asked for.
    enquired: Option<Duration>,
    input: Zeroizing<Vec<u8>>,
    output: Zeroizing<Vec<u8>>,
    events: VecDeque<Event>,
}

impl Session {
    /// A session whose bind waits in [`Session::output`].
    pub fn new(settings: SessionSettings, now: Duration) -> Self {
        let SessionSettings { role, system_id, password, system_type, window, enquire_after, answer_within } = settings;
        let mut session = Self {
            role,
            window,
            enquire_after,
            answer_within,
            state: State::Binding { sequence: 1, until: now + answer_within },
            sequence: 1,
            waiting: VecDeque::new(),
            overdue: VecDeque::new(),
            heard: now,
            enquired: None,
            input: Zeroizing::default(),
            output: Zeroizing::default(),
            events: VecDeque::new(),
        };
        let command = match role {
            Role::Transceiver => BIND_TRANSCEIVER,
            Role::Transmitter => BIND_TRANSMITTER,
            Role::Receiver => BIND_RECEIVER,
        };
        session.put(command, ESME_ROK, 1, |out| put_bind(out, &system_id, &password, &system_type));
        session
    }

    /// Takes in bytes that were read, in pieces of any size.
    pub fn receive(&mut self, bytes: &[u8], now: Duration) {
        if self.is_closed() {
            return;
        }
        let mut input = mem::take(&mut self.input);
        input.extend_from_slice(bytes);
        let mut rest = &input[..];
        while !self.is_closed() {
            match cut(rest) {
                Cut::Frame { header, body, rest: after } => {
                    rest = after;
                    self.frame(header, body, now);
                }
                Cut::Part => break,
                Cut::Unbelievable(length) => {
                    self.nack(ESME_RINVCMDLEN, 0);
                    self.close(Why::Length(length));
                }
            }
        }
        let read = input.len() - rest.len();
        input.drain(..read);
        self.input = input;
        self.unbind_if_drained(now);
    }

    /// Does what is due by now: gives up waiting, asks whether the other side lives.
    pub fn advance(&mut self, now: Duration) {
        match self.state {
            State::Closed => return,
            State::Binding { until, .. } if until <= now => return self.close(Why::BindUnanswered),
            State::Unbinding { until } if until <= now => return self.close(Why::Unbound),
            _ => {}
        }
        while let Some(Waiting { sequence, key, .. }) = self.waiting.pop_front_if(|first| first.until <= now) {
            self.overdue.truncate(OVERDUE_MAX - 1);
            self.overdue.push_front((sequence, key));
            self.events.push_back(Event::NoAnswer { key });
        }
        if matches!(self.state, State::Bound) {
            match self.enquired {
                Some(until) if until <= now => return self.close(Why::Silent),
                None if self.heard + self.enquire_after <= now => self.enquire(now),
                _ => {}
            }
        }
        self.unbind_if_drained(now);
    }

    /// When [`Session::advance`] has something to do, if nothing comes before; none once it is over.
    pub fn deadline(&self) -> Option<Duration> {
        let own = match self.state {
            State::Closed => return None,
            State::Binding { until, .. } | State::Unbinding { until } => Some(until),
            State::Bound => Some(self.enquired.unwrap_or(self.heard + self.enquire_after)),
            State::Draining => None,
        };
        own.into_iter().chain(self.waiting.front().map(|first| first.until)).min()
    }

    /// The bytes to be written now; empty if there are none.
    pub fn output(&mut self) -> Zeroizing<Vec<u8>> {
        mem::take(&mut self.output)
    }

    /// What happened, in its order.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether [`Session::submit`] would take a message.
    pub fn can_submit(&self) -> bool {
        self.place().is_ok()
    }

    /// Submits a message. Until one event names `key` — `Taken`, `Refused`, `NoAnswer` or `Closed` — it has a place in the window.
    ///
    /// # Errors
    /// If it cannot be sent at the moment; then nothing of it went out.
    pub fn submit(&mut self, key: u64, submit: &SubmitSm, now: Duration) -> Result<(), NotNow> {
        self.place()?;
        let sequence = self.next_sequence();
        self.waiting.push_back(Waiting { sequence, key, until: now + self.answer_within });
        self.put(SUBMIT_SM, ESME_ROK, sequence, |out| put_submit(out, submit));
        Ok(())
    }

    /// Answers a delivery: kept for good, or to be sent again. Nothing once the session is over: the carrier sends it again.
    pub fn answer(&mut self, delivery: DeliverySequence, kept: bool) {
        if !self.is_closed() {
            self.answer_with(delivery, if kept { ESME_ROK } else { ESME_RX_T_APPN });
        }
    }

    /// Ends the session in good order: no more messages, the answers that are due, unbind. [`Event::Closed`] tells when it
    /// is done, after twice `answer_within` at the latest.
    pub fn unbind(&mut self, now: Duration) {
        match self.state {
            State::Binding { .. } => self.close(Why::Unbound),
            State::Bound => {
                self.state = State::Draining;
                self.unbind_if_drained(now);
            }
            State::Draining | State::Unbinding { .. } | State::Closed => {}
        }
    }

    /// The connection broke, or was closed by the other side.
    pub fn lost(&mut self) {
        match self.state {
            State::Closed => {}
            State::Unbinding { .. } => self.close(Why::Unbound),
            _ => self.close(Why::Lost),
        }
    }

    fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    fn place(&self) -> Result<(), NotNow> {
        match self.state {
            State::Bound if self.role != Role::Receiver && self.waiting.len() < self.window => Ok(()),
            State::Bound if self.role != Role::Receiver => Err(NotNow::WindowFull),
            _ => Err(NotNow::NotBound),
        }
    }

    /// The next number that no message goes by whose answer may still come.
    fn next_sequence(&mut self) -> u32 {
        loop {
            self.sequence = if self.sequence < SEQUENCE_MAX { self.sequence + 1 } else { 1 };
            let is_used = self.waiting.iter().any(|waiting| waiting.sequence == self.sequence)
                || self.overdue.iter().any(|(sequence, _)| *sequence == self.sequence);
            if !is_used {
                return self.sequence;
            }
        }
    }

    fn frame(&mut self, header: Header, body: &[u8], now: Duration) {
        // Whatever it is, whoever sends it lives.
        self.heard = now;
        self.enquired = None;
        let Header { command, status, sequence } = header;
        match command {
            DELIVER_SM | DATA_SM => self.delivered(header, body),
            ENQUIRE_LINK => self.put(ENQUIRE_LINK | RESPONSE, ESME_ROK, sequence, |_| {}),
            UNBIND if body.is_empty() => {
                self.put(UNBIND | RESPONSE, ESME_ROK, sequence, |_| {});
                self.close(Why::UnboundByPeer);
            }
            // What ends a session has to be right in itself.
            UNBIND => self.nack(ESME_RINVCMDLEN, sequence),
            OUTBIND | ALERT_NOTIFICATION => {}
            GENERIC_NACK => self.refused(header),
            _ if command & RESPONSE == 0 => self.nack(ESME_RINVCMDID, sequence),
            _ => match command & !RESPONSE {
                BIND_RECEIVER | BIND_TRANSMITTER | BIND_TRANSCEIVER if status == ESME_ROK => self.bound(sequence, body),
                SUBMIT_SM if status == ESME_ROK => self.taken(sequence, read_id(body)),
                BIND_RECEIVER | BIND_TRANSMITTER | BIND_TRANSCEIVER | SUBMIT_SM => self.refused(header),
                UNBIND if matches!(self.state, State::Unbinding { .. }) => self.close(Why::Unbound),
                // A response is never answered, however odd.
                _ => {}
            },
        }
    }

    fn bound(&mut self, answered: u32, body: &[u8]) {
        match self.state {
            State::Binding { sequence, .. } if sequence == answered => {
                self.state = State::Bound;
                self.events.push_back(Event::Bound { system_id: read_id(body) });
            }
            _ => {}
        }
    }

    fn taken(&mut self, sequence: u32, message_id: String) {
        if let Some(key) = self.answered(sequence) {
            self.events.push_back(Event::Taken { key, message_id });
        } else if let Some(place) = self.overdue.iter().position(|(overdue, _)| *overdue == sequence)
            && let Some((_, key)) = self.overdue.remove(place)
        {
            self.events.push_back(Event::Late { key, message_id });
        }
    }

    /// An answer that says no to our bind or to a message; a generic_nack may say it as well.
    fn refused(&mut self, Header { status, sequence, .. }: Header) {
        if matches!(self.state, State::Binding { sequence: bind, .. } if bind == sequence) {
            self.events.push_back(Event::BindRefused { status });
            self.close(Why::BindRefused);
        } else if let Some(key) = self.answered(sequence) {
            let meaning = if status == ESME_ROK { Status::Fault } else { Status::of(status) };
            self.events.push_back(Event::Refused { key, status: meaning, code: status });
        } else {
            // Late, and refused: whoever has it as ambiguous may go on doing so.
            self.overdue.retain(|(overdue, _)| *overdue != sequence);
        }
    }

    /// The message that waits for the answer `sequence`; it waits no more.
    fn answered(&mut self, sequence: u32) -> Option<u64> {
        let place = self.waiting.iter().position(|waiting| waiting.sequence == sequence)?;
        self.waiting.remove(place).map(|waiting| waiting.key)
    }

    fn delivered(&mut self, Header { command, sequence, .. }: Header, body: &[u8]) {
        let name = DeliverySequence { sequence, command };
        if matches!(self.state, State::Binding { .. }) {
            return self.answer_with(name, ESME_RINVBNDSTS);
        }
        let carried = if command == DATA_SM { read_data(body) } else { read_deliver(body) };
        match carried {
            Some(carried) => {
                let delivery = receipt(&carried).map_or(Delivery::Unsolicited, Delivery::Receipt);
                self.events.push_back(Event::Delivery { sequence: name, delivery });
            }
            None => self.nack(ESME_RINVCMDLEN, sequence),
        }
    }

    /// deliver_sm_resp and data_sm_resp have an unused message_id: one NUL.
    fn answer_with(&mut self, delivery: DeliverySequence, status: u32) {
        self.put(delivery.command | RESPONSE, status, delivery.sequence, |out| out.push(0));
    }

    fn nack(&mut self, status: u32, sequence: u32) {
        self.put(GENERIC_NACK, status, sequence, |_| {});
    }

    fn enquire(&mut self, now: Duration) {
        let sequence = self.next_sequence();
        self.put(ENQUIRE_LINK, ESME_ROK, sequence, |_| {});
        self.enquired = Some(now + self.answer_within);
    }

    fn unbind_if_drained(&mut self, now: Duration) {
        if matches!(self.state, State::Draining) && self.waiting.is_empty() {
            let sequence = self.next_sequence();
            self.put(UNBIND, ESME_ROK, sequence, |_| {});
            self.state = State::Unbinding { until: now + self.answer_within };
        }
    }

    fn close(&mut self, why: Why) {
        self.state = State::Closed;
        self.input.clear();
        let unanswered = self.waiting.drain(..).map(|waiting| waiting.key).collect();
        self.events.push_back(Event::Closed { why, unanswered });
    }

    fn put(&mut self, command: u32, status: u32, sequence: u32, body: impl FnOnce(&mut Vec<u8>)) {
        put(&mut self.output, Header { command, status, sequence }, body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_begin_anew_and_pass_over_those_in_use() {
        let settings = SessionSettings {
            role: Role::Transceiver,
            system_id: String::new(),
            password: Zeroizing::default(),
            system_type: String::new(),
            window: 1,
            enquire_after: Duration::ZERO,
            answer_within: Duration::ZERO,
        };
        let mut session = Session::new(settings, Duration::ZERO);
        session.sequence = SEQUENCE_MAX - 1;
        session.waiting.push_back(Waiting { sequence: 1, key: 1, until: Duration::ZERO });
        session.overdue.push_front((3, 2));
        assert_eq!([(); 3].map(|()| session.next_sequence()), [SEQUENCE_MAX, 2, 4]);
    }
}
