//! The other side: PDUs put together by hand from SMPP 3.4 §4, and a session to try them on.

use std::time::Duration;

use nidan_wire::smpp::{Address, Event, NotNow, Role, Session, SessionSettings, SubmitSm, encoding, validity};

pub const GENERIC_NACK: u32 = 0x8000_0000;
pub const BIND_RECEIVER: u32 = 0x01;
pub const BIND_TRANSMITTER: u32 = 0x02;
pub const SUBMIT_SM: u32 = 0x04;
pub const DELIVER_SM: u32 = 0x05;
pub const UNBIND: u32 = 0x06;
pub const BIND_TRANSCEIVER: u32 = 0x09;
pub const OUTBIND: u32 = 0x0b;
pub const ENQUIRE_LINK: u32 = 0x15;
pub const ALERT_NOTIFICATION: u32 = 0x102;
pub const DATA_SM: u32 = 0x103;
pub const RESPONSE: u32 = 0x8000_0000;

pub const PASSWORD: &str = "pa55w0rd";
pub const NUMBER: &str = "819012345678";
pub const TEXT: &str = "482916 is your Example sign-in code.";

/// One PDU, as read from what a session wrote.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pdu {
    pub command: u32,
    pub status: u32,
    pub sequence: u32,
    pub body: Vec<u8>,
}

pub fn pdu(command: u32, status: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = (16 + body.len() as u32).to_be_bytes().to_vec();
    for word in [command, status, sequence] {
        bytes.extend(word.to_be_bytes());
    }
    bytes.extend(body);
    bytes
}

pub fn read(mut bytes: &[u8]) -> Vec<Pdu> {
    let mut read = Vec::new();
    while !bytes.is_empty() {
        let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four octets"));
        let length = word(0) as usize;
        let body = bytes[16..length].to_vec();
        read.push(Pdu { command: word(4), status: word(8), sequence: word(12), body });
        bytes = &bytes[length..];
    }
    read
}

pub fn parameter(tag: u16, value: &[u8]) -> Vec<u8> {
    [&tag.to_be_bytes()[..], &(value.len() as u16).to_be_bytes(), value].concat()
}

/// The body of a deliver_sm from `source`.
pub fn deliver(source: &[u8], esm_class: u8, data_coding: u8, text: &[u8], parameters: &[u8]) -> Vec<u8> {
    let addresses = [b"\0\x01\x01", source, b"\0\x05\0Example\0"].concat();
    let flags = [esm_class, 0, 0, 0, 0, 0, 0, data_coding, 0, text.len() as u8];
    [&addresses, &flags[..], text, parameters].concat()
}

/// The body of a data_sm from `source`.
pub fn data(source: &[u8], esm_class: u8, data_coding: u8, parameters: &[u8]) -> Vec<u8> {
    [b"\0\x01\x01", source, b"\0\x05\0Example\0", &[esm_class, 0, data_coding], parameters].concat()
}

/// A receipt as most carriers write it.
pub fn receipt_text(id: &str, stat: &str) -> Vec<u8> {
    format!(
        "id:{id} sub:001 dlvrd:001 submit date:2611222330 done date:2611222331 stat:{stat} err:000 text:482916 is you"
    )
    .into_bytes()
}

pub fn settings(role: Role, window: usize) -> SessionSettings {
    SessionSettings {
        role,
        system_id: "nidan".into(),
        password: PASSWORD.to_owned().into(),
        system_type: "OTP".into(),
        window,
        enquire_after: Duration::from_secs(30),
        answer_within: Duration::from_secs(10),
    }
}

pub fn message(text: &str) -> SubmitSm {
    SubmitSm {
        source: Address::sender("Example", None, None).expect("a name"),
        destination: Address::destination(&format!("+{NUMBER}")).expect("a number"),
        validity_period: validity(1_795_390_245_000),
        receipt: true,
        short_message: encoding::encode(text, encoding::Coding::Gsm7).expect("it fits"),
    }
}

/// A session and the time that passes for it, in milliseconds.
pub struct Line {
    pub session: Session,
    pub now: u64,
}

impl Line {
    /// The bind has been written.
    pub fn binding(role: Role, window: usize) -> Self {
        let mut line = Self { session: Session::new(settings(role, window), Duration::ZERO), now: 0 };
        assert_eq!(line.written().len(), 1, "the bind");
        line
    }

    /// Bound as a transceiver, all that led to it taken out.
    pub fn bound(window: usize) -> Self {
        let mut line = Self::binding(Role::Transceiver, window);
        line.receive(&pdu(BIND_TRANSCEIVER | RESPONSE, 0, 1, b"smsc\0"));
        assert_eq!(line.events(), [Event::Bound { system_id: "smsc".into() }]);
        line
    }

    pub fn receive(&mut self, bytes: &[u8]) {
        self.session.receive(bytes, Duration::from_millis(self.now));
    }

    /// Lets time pass, and does what is due whenever it is.
    pub fn pass(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds;
        while let Some(due) = self.session.deadline().filter(|due| *due <= Duration::from_millis(end)) {
            let due = due.as_millis() as u64;
            assert!(due > self.now || self.now == 0, "what was due is done: no deadline in the past");
            self.now = due;
            self.session.advance(Duration::from_millis(due));
        }
        self.now = end;
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.session.event()).collect()
    }

    pub fn written(&mut self) -> Vec<Pdu> {
        read(&self.session.output())
    }

    /// Submits and gives the sequence number it went out by.
    pub fn submit(&mut self, key: u64) -> u32 {
        self.try_submit(key).expect("there is a place in the window");
        let written = self.written();
        assert_eq!(written.len(), 1);
        assert_eq!(written[0].command, SUBMIT_SM);
        written[0].sequence
    }

    pub fn try_submit(&mut self, key: u64) -> Result<(), NotNow> {
        self.session.submit(key, &message(TEXT), Duration::from_millis(self.now))
    }

    /// Answers a submit_sm, and gives what came of it.
    pub fn answer(&mut self, sequence: u32, status: u32, body: &[u8]) -> Vec<Event> {
        self.receive(&pdu(SUBMIT_SM | RESPONSE, status, sequence, body));
        self.events()
    }

    pub fn unbind(&mut self) {
        self.session.unbind(Duration::from_millis(self.now));
    }

    /// Fails unless the session does what a bound one does: answers enquire_link, matches an answer with its message.
    pub fn assert_alive(&mut self, what: &str) {
        self.receive(&pdu(ENQUIRE_LINK, 0, 0x0102_0304, b""));
        let answer = Pdu { command: ENQUIRE_LINK | RESPONSE, status: 0, sequence: 0x0102_0304, body: Vec::new() };
        assert_eq!(self.written(), [answer], "{what}: enquire_link is answered");
        let sequence = self.submit(77);
        let taken = Event::Taken { key: 77, message_id: "id-77".into() };
        assert_eq!(self.answer(sequence, 0, b"id-77\0"), [taken], "{what}: an answer finds its message");
    }
}
