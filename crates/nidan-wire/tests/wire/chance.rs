//! Bytes by chance, in pieces by chance.

use std::time::Duration;

use nidan_wire::smpp::{Event, receipt};
use proptest::prelude::*;

use crate::peer::*;

/// What came of `pieces`: events and what was written.
fn told(pieces: &[&[u8]]) -> (Vec<Event>, Vec<u8>) {
    let mut line = Line::bound(10);
    for key in 0..3 {
        line.submit(key);
    }
    for piece in pieces {
        line.receive(piece);
    }
    let written = line.session.output().to_vec();
    (line.events(), written)
}

/// A PDU that is right in its length, and mostly in the rest.
fn some_pdu() -> impl Strategy<Value = Vec<u8>> {
    let command = prop_oneof![
        Just(DELIVER_SM),
        Just(DATA_SM),
        Just(SUBMIT_SM | RESPONSE),
        Just(ENQUIRE_LINK),
        Just(GENERIC_NACK),
        Just(UNBIND),
        any::<u32>(),
    ];
    let text = "(id:[0-9a-f]{1,8}|stat:[A-Z]{7}|text:[ -~]{0,9}| ){0,6}";
    let body = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        (any::<u8>(), any::<u8>(), text, prop::collection::vec(any::<u8>(), 0..12))
            .prop_map(|(esm, coding, text, rest)| { deliver(NUMBER.as_bytes(), esm, coding, text.as_bytes(), &rest) }),
        "[0-9]{0,12}\0?".prop_map(String::into_bytes),
    ];
    (command, 0u32..4, 0u32..8, body)
        .prop_map(|(command, status, sequence, body)| pdu(command, status, sequence, &body))
}

/// Cuts `bytes` behind each of `sizes`, taken over and over.
fn pieces<'a>(mut bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        let (piece, rest) = bytes.split_at((*size).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
        if bytes.is_empty() {
            break;
        }
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn pieces_do_not_matter(pdus in prop::collection::vec(some_pdu(), 0..8), end in prop::collection::vec(any::<u8>(), 0..40), sizes in prop::collection::vec(1usize..50, 1..10)) {
        let bytes = [pdus.concat(), end].concat();
        let whole = told(&[&bytes]);
        prop_assert_eq!(&told(&pieces(&bytes, &sizes)), &whole);
        prop_assert_eq!(&told(&pieces(&bytes, &[1])), &whole);
    }

    #[test]
    fn no_bytes_and_no_time_break_a_session(steps in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..64), some_pdu(), 0u64..60_000, any::<u8>()), 0..12)) {
        let mut line = Line::bound(2);
        let mut open = std::collections::BTreeSet::new();
        let (mut key, mut closed) = (0, 0);
        for (noise, pdu, wait, choice) in steps {
            key += 1;
            if line.try_submit(key).is_ok() {
                open.insert(key);
            }
            line.receive(&pdu);
            if choice < 16 {
                line.receive(&noise);
            }
            if choice > 250 {
                line.unbind();
            }
            line.session.advance(Duration::from_millis(line.now));
            line.pass(wait);
            for event in line.events() {
                match event {
                    Event::Taken { key, .. } | Event::Refused { key, .. } | Event::NoAnswer { key } => prop_assert!(open.remove(&key)),
                    Event::Closed { unanswered, .. } => {
                        closed += 1;
                        prop_assert_eq!(unanswered.into_iter().collect::<std::collections::BTreeSet<_>>(), std::mem::take(&mut open));
                    }
                    Event::Delivery { sequence, .. } => line.session.answer(sequence, choice % 2 == 0),
                    Event::Late { key: late, .. } => prop_assert!(late <= key),
                    event => prop_assert!(false, "{:?}", event),
                }
            }
            read(&line.session.output());
        }
        prop_assert_eq!(closed, usize::from(line.session.deadline().is_none()));
        prop_assert!(open.len() <= 2);
    }

    #[test]
    fn no_text_breaks_the_reading_of_receipts(octets in prop_oneof![prop::collection::vec(any::<u8>(), 0..200), "(id:|stat:|text:|ID: |date:|[ -é]|\0){0,40}".prop_map(String::into_bytes)]) {
        let read = receipt::read(&octets);
        prop_assert!(read.id.is_none_or(|id| !id.is_empty() && !id.contains(char::is_whitespace)));
    }
}
