//! A session under whatever a carrier may send, in whatever pieces, with whatever we do meanwhile.
#![no_main]

use std::collections::BTreeSet;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use nidan_wire::smpp::{Address, Event, Role, Session, SessionSettings, SubmitSm, encoding, validity};

/// Commands that are worth more than chance gives them; the last is taken from the input.
const COMMANDS: [u32; 12] = [
    0x8000_0000,
    0x8000_0009,
    0x8000_0004,
    0x05,
    0x8000_0005,
    0x06,
    0x8000_0006,
    0x15,
    0x8000_0015,
    0x103,
    0x102,
    0x0b,
];

/// What is done, by its first octet; the rest of the input is what it is done with.
fn step<'a>(run: &mut Run, input: &'a [u8]) -> Option<&'a [u8]> {
    let (what, input) = input.split_first()?;
    match what % 8 {
        0 => run.now += Duration::from_millis(u64::from(*what) * 100),
        1 => run.submit(),
        2 => run.session.unbind(run.now),
        3 => {
            let (size, input) = input.split_first()?;
            let (bytes, input) = input.split_at(usize::from(*size).min(input.len()));
            run.receive(bytes);
            return Some(input);
        }
        _ => {
            let (head, input) = input.split_at_checked(4)?;
            let (body, input) = input.split_at(usize::from(head[3]).min(input.len()));
            let command = COMMANDS.get(usize::from(head[0])).copied().unwrap_or_else(|| u32::from(head[0]));
            let mut bytes = (16 + body.len() as u32).to_be_bytes().to_vec();
            for word in [command, u32::from(head[1]), u32::from(head[2])] {
                bytes.extend(word.to_be_bytes());
            }
            bytes.extend(body);
            run.receive(&bytes);
            return Some(input);
        }
    }
    run.session.advance(run.now);
    Some(input)
}

/// A session, and what has to hold of it.
struct Run {
    session: Session,
    /// Octets that are received at once.
    piece: usize,
    now: Duration,
    key: u64,
    open: BTreeSet<u64>,
    told: Vec<Event>,
    written: Vec<u8>,
}

impl Run {
    fn new(piece: usize) -> Self {
        let settings = SessionSettings {
            role: Role::Transceiver,
            system_id: "nidan".into(),
            password: "secret".to_owned().into(),
            system_type: String::new(),
            window: 3,
            enquire_after: Duration::from_secs(30),
            answer_within: Duration::from_secs(10),
        };
        let session = Session::new(settings, Duration::ZERO);
        let (told, written) = (Vec::new(), Vec::new());
        Self { session, piece, now: Duration::ZERO, key: 0, open: BTreeSet::new(), told, written }
    }

    fn submit(&mut self) {
        self.key += 1;
        let submit = SubmitSm {
            source: Address::sender("Example", None, None).expect("a name"),
            destination: Address::destination("819012345678").expect("a number"),
            validity_period: validity(0),
            receipt: true,
            short_message: encoding::encode("482916", encoding::Coding::Gsm7).expect("short"),
        };
        if self.session.submit(self.key, &submit, self.now).is_ok() {
            self.open.insert(self.key);
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(self.piece) {
            self.session.receive(piece, self.now);
        }
    }

    /// Takes out what happened, and checks that it may.
    fn take(&mut self) {
        while let Some(event) = self.session.event() {
            assert!(!matches!(self.told.last(), Some(Event::Closed { .. })), "nothing follows the end");
            match &event {
                Event::Taken { key, .. } | Event::Refused { key, .. } | Event::NoAnswer { key } => {
                    assert!(self.open.remove(key), "a message ends once");
                }
                Event::Delivery { sequence, .. } => self.session.answer(*sequence, self.key % 2 == 0),
                Event::Closed { unanswered, .. } => {
                    assert!(unanswered.iter().eq(std::mem::take(&mut self.open).iter()), "the end names the rest");
                }
                Event::Bound { .. } | Event::BindRefused { .. } | Event::Late { .. } => {}
            }
            self.told.push(event);
        }
        let over = matches!(self.told.last(), Some(Event::Closed { .. }));
        assert_eq!(self.session.deadline().is_none(), over && self.open.is_empty());
        self.written.extend_from_slice(&self.session.output());
    }
}

/// Everything that is written is whole PDUs.
fn assert_framed(mut written: &[u8]) {
    while let Some(length) = written.first_chunk() {
        written = &written[u32::from_be_bytes(*length) as usize..];
    }
    assert!(written.is_empty());
}

fuzz_target!(|input: &[u8]| {
    let Some((piece, input)) = input.split_first() else { return };
    let mut runs = [usize::MAX, usize::from(*piece) + 1].map(Run::new);
    for run in &mut runs {
        let mut rest = Some(input);
        while let Some(input) = rest {
            rest = step(run, input);
            run.take();
        }
        assert_framed(&run.written);
    }
    let [whole, pieces] = runs;
    assert_eq!(whole.told, pieces.told, "pieces do not matter");
    assert_eq!(whole.written, pieces.written, "pieces do not matter");
});
