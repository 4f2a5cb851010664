//! PDUs that are wrong in every way that could be thought of: a session survives each.

use std::collections::BTreeSet;

use nidan_wire::smpp::{Event, Why};

use crate::peer::*;

/// Every kind of PDU that a carrier sends, right as it stands. 2 is the sequence number of a message that waits.
fn right() -> Vec<(&'static str, Vec<u8>)> {
    let number = NUMBER.as_bytes();
    let text = receipt_text("a1", "DELIVRD");
    let parameters = [
        parameter(0x1400, b"vendor"),
        parameter(0x0423, &[3, 0, 0]),
        parameter(0x001e, b"a1\0"),
        parameter(0x0427, &[2]),
    ]
    .concat();
    let payload = parameter(0x0424, &text);
    vec![
        ("bind_transceiver_resp", pdu(BIND_TRANSCEIVER | RESPONSE, 0, 1, b"smsc\0\x02\x10\0\x01\x34")),
        ("bind_transmitter_resp", pdu(BIND_TRANSMITTER | RESPONSE, 0, 1, b"smsc\0")),
        ("bind_receiver_resp", pdu(BIND_RECEIVER | RESPONSE, 0x0e, 1, b"")),
        ("submit_sm_resp", pdu(SUBMIT_SM | RESPONSE, 0, 2, b"a1\0")),
        ("submit_sm_resp with parameters", pdu(SUBMIT_SM | RESPONSE, 0, 2, &[b"a1\0", &parameters[..]].concat())),
        ("submit_sm_resp that refuses", pdu(SUBMIT_SM | RESPONSE, 0x58, 2, b"")),
        ("deliver_sm", pdu(DELIVER_SM, 0, 3, &deliver(number, 0, 0, b"STOP", b""))),
        ("deliver_sm with a receipt", pdu(DELIVER_SM, 0, 3, &deliver(number, 4, 0, &text, b""))),
        ("deliver_sm with parameters", pdu(DELIVER_SM, 0, 3, &deliver(number, 4, 0, &text, &parameters))),
        ("deliver_sm with a payload", pdu(DELIVER_SM, 0, 3, &deliver(number, 4, 0, b"", &payload))),
        ("data_sm with a receipt", pdu(DATA_SM, 0, 3, &data(number, 4, 0, &parameters))),
        ("enquire_link", pdu(ENQUIRE_LINK, 0, 3, b"")),
        ("enquire_link_resp", pdu(ENQUIRE_LINK | RESPONSE, 0, 3, b"")),
        ("unbind_resp", pdu(UNBIND | RESPONSE, 0, 3, b"")),
        ("outbind", pdu(OUTBIND, 0, 3, b"smsc\0secret\0")),
        ("alert_notification", pdu(ALERT_NOTIFICATION, 0, 3, b"\x01\x01819012345678\0\x01\x01nidan\0\x04\x22\0\x01\0")),
        ("generic_nack", pdu(GENERIC_NACK, 3, 2, b"")),
        // We ask, they answer: a submit_sm or bind to us is a request of the wrong side.
        ("submit_sm", pdu(SUBMIT_SM, 0, 3, &deliver(number, 0, 0, b"hello", b""))),
        ("bind_transceiver", pdu(BIND_TRANSCEIVER, 0, 3, b"smsc\0secret\0\0\x34\0\0\0")),
        ("query_sm_resp", pdu(0x03 | RESPONSE, 0, 3, b"a1\0\0\x02\0")),
    ]
}

/// The PDU with a body of its own making; its length is right.
fn with_body(bytes: &[u8], body: &[u8]) -> Vec<u8> {
    let mut changed = [&bytes[..16], body].concat();
    let length = changed.len() as u32;
    changed[..4].copy_from_slice(&length.to_be_bytes());
    changed
}

fn with_word(bytes: &[u8], at: usize, word: u32) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[at..at + 4].copy_from_slice(&word.to_be_bytes());
    changed
}

/// Every way in which the header of one PDU may be wrong while its length is right.
fn wrong_headers(right: &[u8]) -> Vec<Vec<u8>> {
    let command = u32::from_be_bytes(right[4..8].try_into().expect("four octets"));
    let ids = (0..32).map(|bit| command ^ (1 << bit)).chain([0, 0x77, 0x0fff_ffff, u32::MAX, 0x8000_0077]);
    let sequences = [0, 1, 2, 0x7fff_ffff, 0x8000_0000, u32::MAX];
    let statuses = [1, 0x58, 0x1234_5678, u32::MAX];
    let wrong = ids.map(|id| (4, id)).chain(statuses.map(|status| (8, status)));
    wrong.chain(sequences.map(|sequence| (12, sequence))).map(|(at, word)| with_word(right, at, word)).collect()
}

/// Every way in which the body of one PDU may be wrong while its length is right.
fn wrong_bodies(right: &[u8]) -> Vec<Vec<u8>> {
    let body = &right[16..];
    let mut wrong: Vec<Vec<u8>> = (0..body.len()).map(|end| body[..end].to_vec()).collect();
    wrong.extend((1..body.len()).map(|start| body[start..].to_vec()));
    // Each octet another one: strings without NUL, strings that end early, lengths of texts and parameters that lie.
    for (at, octet) in body.iter().enumerate() {
        for other in [0, 1, b'A', 0x7f, 0x80, 0xff, octet.wrapping_add(1), octet.wrapping_sub(1)] {
            let mut changed = body.to_vec();
            changed[at] = other;
            wrong.push(changed);
        }
    }
    // Strings far longer than their fields.
    for at in body.iter().enumerate().filter(|(_, octet)| **octet == 0).map(|(at, _)| at) {
        for length in [1, 21, 66, 300, 60_000] {
            wrong.push([&body[..at], &vec![b'A'; length], &body[at..]].concat());
        }
    }
    // Something behind the end.
    for more in [&[0][..], &[0xff; 3], &[0x04, 0x24], &[0x04, 0x24, 0xff, 0xff], &[0x00, 0x1e, 0x00, 0x05, b'a'], body]
    {
        wrong.push([body, more].concat());
    }
    wrong.push(vec![0; 400]);
    wrong.push(vec![0xff; 65_000]);
    wrong.push(b"A".repeat(65_520));
    wrong.into_iter().map(|body| with_body(right, &body)).collect()
}

/// An unbind is not malformed, whatever its status and number: it ends the session as it should.
fn is_unbind(bytes: &[u8]) -> bool {
    bytes.len() == 16 && bytes[4..8] == UNBIND.to_be_bytes()
}

#[test]
fn no_malformed_pdu_ends_a_session() {
    let mut cases = BTreeSet::new();
    for (kind, right) in right() {
        for case in wrong_headers(&right).into_iter().chain(wrong_bodies(&right)) {
            if !is_unbind(&case) && case != right && cases.insert(case.clone()) {
                survives(kind, &case);
            }
        }
    }
    assert!(cases.len() >= 5_000, "{} cases", cases.len());
}

fn survives(kind: &str, case: &[u8]) {
    let what = || format!("{kind}: {:02x?}", &case[..case.len().min(200)]);
    let mut line = Line::bound(10);
    assert_eq!(line.submit(5), 2);
    line.receive(case);
    let events = line.events();
    let fates =
        events.iter().filter(|event| matches!(event, Event::Taken { key: 5, .. } | Event::Refused { key: 5, .. }));
    assert!(fates.count() <= 1, "{}", what());
    let mut answers = line.written();
    for event in &events {
        match event {
            Event::Delivery { sequence, .. } => {
                line.session.answer(*sequence, true);
                answers.extend(line.written());
            }
            Event::Taken { key: 5, .. } | Event::Refused { key: 5, .. } => {}
            event => panic!("{}: {event:?}", what()),
        }
    }
    // A request is answered once, under its number, by its response or generic_nack; a response is never answered.
    let word = |at: usize| u32::from_be_bytes(case[at..at + 4].try_into().expect("four octets"));
    let is_request = word(4) & RESPONSE == 0 && ![OUTBIND, ALERT_NOTIFICATION].contains(&word(4));
    assert_eq!(answers.len(), usize::from(is_request), "{}: {answers:?}", what());
    for answer in answers {
        assert_eq!(answer.sequence, word(12), "{}", what());
        assert!([GENERIC_NACK, word(4) | RESPONSE].contains(&answer.command), "{}", what());
        assert!((answer.command == GENERIC_NACK) == (answer.status != 0), "{}", what());
    }
    line.assert_alive(&what());
}

#[test]
fn what_is_wrong_is_said() {
    for (case, status) in [
        (pdu(0x77, 0, 3, b"?"), 3),
        (pdu(SUBMIT_SM, 0, 3, b""), 3),
        (pdu(DELIVER_SM, 0, 3, b""), 2),
        (pdu(DELIVER_SM, 0, 3, &b"A".repeat(100)), 2),
        (pdu(DATA_SM, 0, 3, b"\0\x01\x01819012345678"), 2),
        (pdu(UNBIND, 0, 3, b"?"), 2),
    ] {
        let mut line = Line::bound(1);
        line.receive(&case);
        assert_eq!(line.written(), [Pdu { command: GENERIC_NACK, status, sequence: 3, body: vec![] }], "{case:02x?}");
        assert_eq!(line.events(), []);
    }
}

/// Where a length lies, what follows is read at the wrong place. Nobody can know; what can be asked for is that it ends in
/// good order if it ends, and that the messages which wait are named.
#[test]
fn a_length_that_lies_about_what_follows_ends_in_good_order() {
    let mut ended = 0;
    for (kind, right) in right() {
        let length = right.len() as u32;
        for lie in (0..length).chain(length + 1..length + 40).chain([65_535, 65_536, 65_537, u32::MAX]) {
            let mut line = Line::bound(10);
            line.submit(5);
            let case = [with_word(&right, 0, lie), pdu(ENQUIRE_LINK, 0, 7, b""), pdu(ENQUIRE_LINK, 0, 8, b"")].concat();
            line.receive(&case);
            let mut events = line.events();
            if line.session.deadline().is_none() {
                ended += 1;
                let named = events
                    .iter()
                    .any(|event| matches!(event, Event::Taken { key: 5, .. } | Event::Refused { key: 5, .. }));
                let unanswered = if named { vec![] } else { vec![5] };
                let Some(Event::Closed { why, unanswered: closed }) = events.pop() else { panic!("{kind} {lie}") };
                assert!(matches!(why, Why::Length(_) | Why::UnboundByPeer), "{kind} {lie}: {why}");
                assert_eq!(closed, unanswered, "{kind} {lie}");
            }
            assert!(!events.iter().any(|event| matches!(event, Event::Closed { .. })), "{kind} {lie}");
        }
    }
    assert!(ended >= 200, "{ended}");
}
