//! A session's life: bind, messages and their answers, deliveries, silence, end.

use nidan_wire::smpp::{Delivery, Event, NotNow, Role, Status, Why};

use crate::peer::*;

fn taken(key: u64, id: &str) -> Event {
    Event::Taken { key, message_id: id.into() }
}

fn closed(why: Why, unanswered: &[u64]) -> Event {
    Event::Closed { why, unanswered: unanswered.to_vec() }
}

#[test]
fn each_role_binds_as_3_4() {
    for (role, command) in
        [(Role::Transceiver, BIND_TRANSCEIVER), (Role::Transmitter, BIND_TRANSMITTER), (Role::Receiver, BIND_RECEIVER)]
    {
        let mut session = nidan_wire::smpp::Session::new(settings(role, 1), Default::default());
        let body = b"nidan\0pa55w0rd\0OTP\0\x34\0\0\0".to_vec();
        assert_eq!(read(&session.output()), [Pdu { command, status: 0, sequence: 1, body }]);
        assert!(!session.can_submit());
        session.receive(&pdu(command | RESPONSE, 0, 1, b"smsc\0\x02\x10\0\x01\x34"), Default::default());
        assert_eq!(session.event(), Some(Event::Bound { system_id: "smsc".into() }));
        assert_eq!(session.can_submit(), role != Role::Receiver);
    }
}

#[test]
fn a_bind_is_refused_or_unanswered() {
    let mut line = Line::binding(Role::Transceiver, 1);
    line.receive(&pdu(BIND_TRANSCEIVER | RESPONSE, 0x0e, 1, b""));
    assert_eq!(line.events(), [Event::BindRefused { status: 0x0e }, closed(Why::BindRefused, &[])]);
    assert_eq!(line.session.deadline(), None);

    let mut line = Line::binding(Role::Transceiver, 1);
    line.receive(&pdu(GENERIC_NACK, 0x03, 1, b""));
    assert_eq!(line.events(), [Event::BindRefused { status: 0x03 }, closed(Why::BindRefused, &[])]);

    let mut line = Line::binding(Role::Transceiver, 1);
    line.receive(&pdu(BIND_TRANSCEIVER | RESPONSE, 0, 2, b"smsc\0"));
    line.receive(&pdu(OUTBIND, 0, 1, b"smsc\0secret\0"));
    line.pass(9_999);
    assert_eq!(line.events(), []);
    line.pass(1);
    assert_eq!(line.events(), [closed(Why::BindUnanswered, &[])]);
}

#[test]
fn nothing_is_delivered_before_the_bind() {
    let mut line = Line::binding(Role::Transceiver, 1);
    line.receive(&pdu(DELIVER_SM, 0, 9, &deliver(b"1", 0, 0, b"", b"")));
    assert_eq!(line.events(), []);
    assert_eq!(line.written(), [Pdu { command: DELIVER_SM | RESPONSE, status: 4, sequence: 9, body: vec![0] }]);
}

#[test]
fn a_bind_without_its_body_binds() {
    let mut line = Line::binding(Role::Transceiver, 1);
    line.receive(&pdu(BIND_TRANSCEIVER | RESPONSE, 0, 1, b""));
    assert_eq!(line.events(), [Event::Bound { system_id: String::new() }]);
}

#[test]
fn a_message_goes_out_as_the_standard_has_it() {
    let mut line = Line::bound(1);
    line.try_submit(1).expect("bound");
    let body = [
        b"\0\x05\0Example\0\x01\x01819012345678\0\0\0\0\x00261122233045000+\0\x01\0\0\0".to_vec(),
        vec![TEXT.len() as u8],
        TEXT.into(),
    ]
    .concat();
    assert_eq!(line.written(), [Pdu { command: SUBMIT_SM, status: 0, sequence: 2, body }]);
}

#[test]
fn answers_find_their_messages_in_any_order() {
    let mut line = Line::bound(3);
    let sequences: Vec<u32> = [10, 11, 12].map(|key| line.submit(key)).into();
    assert_eq!(line.try_submit(13), Err(NotNow::WindowFull));
    assert_eq!(line.answer(sequences[1], 0, b"eleven\0"), [taken(11, "eleven")]);
    assert!(line.session.can_submit());
    assert_eq!(line.answer(sequences[1], 0, b"again\0"), [], "an answer counts once");
    assert_eq!(line.answer(sequences[2], 0, b"twelve"), [taken(12, "twelve")], "without its NUL");
    assert_eq!(line.answer(sequences[0], 0, b""), [taken(10, "")], "without its body");
    assert_eq!(line.answer(9_999, 0, b"x\0"), []);
    assert_eq!(line.answer(0, 0, b"x\0"), []);
}

#[test]
fn ids_are_kept_as_they_are() {
    for (body, id) in [
        (&b"2e9F-00.7@smsc/1\0"[..], "2e9F-00.7@smsc/1"),
        (b"  7 \0", "7"),
        (b"\xe9\xff\0", "éÿ"),
        (&[b'7'; 255], &"7".repeat(255)),
        (&[b'7'; 256], ""),
    ] {
        let mut line = Line::bound(1);
        let sequence = line.submit(1);
        assert_eq!(line.answer(sequence, 0, body), [taken(1, id)]);
    }
}

#[test]
fn a_refusal_says_what_it_means() {
    for (code, status) in [
        (0x58, Status::Throttled),
        (0x14, Status::QueueFull),
        (0x0b, Status::Destination),
        (0x01, Status::Message),
        (0x08, Status::Fault),
        (0x4ff, Status::Other),
    ] {
        for body in [&b""[..], b"\0", b"id\0"] {
            let mut line = Line::bound(1);
            let sequence = line.submit(1);
            assert_eq!(line.answer(sequence, code, body), [Event::Refused { key: 1, status, code }]);
            assert!(line.session.can_submit());
        }
    }
}

#[test]
fn a_nack_of_ours_refuses_the_message() {
    let mut line = Line::bound(2);
    let (first, second) = (line.submit(1), line.submit(2));
    line.receive(&pdu(GENERIC_NACK, 0x02, first, b""));
    line.receive(&pdu(GENERIC_NACK, 0, second, b""));
    line.receive(&pdu(GENERIC_NACK, 0x03, 0, b""));
    let refused = |key, code| Event::Refused { key, status: Status::Fault, code };
    assert_eq!(line.events(), [refused(1, 2), refused(2, 0)]);
    line.assert_alive("after a nack");
}

#[test]
fn an_answer_comes_late_or_never() {
    let mut line = Line::bound(1);
    let first = line.submit(1);
    line.pass(9_999);
    assert_eq!(line.events(), []);
    line.pass(1);
    assert_eq!(line.events(), [Event::NoAnswer { key: 1 }]);
    let second = line.submit(2);
    assert_eq!(line.answer(first, 0, b"one\0"), [Event::Late { key: 1, message_id: "one".into() }]);
    assert_eq!(line.answer(first, 0, b"one\0"), [], "once");
    assert_eq!(line.answer(second, 0, b"two\0"), [taken(2, "two")]);

    let third = line.submit(3);
    line.pass(10_000);
    assert_eq!(line.answer(third, 0x58, b""), [Event::NoAnswer { key: 3 }], "a late refusal changes nothing");
    assert_eq!(line.answer(third, 0, b"three\0"), []);
}

#[test]
fn a_receipt_may_come_before_the_answer() {
    let mut line = Line::bound(1);
    let sequence = line.submit(1);
    line.receive(&pdu(DELIVER_SM, 0, 1, &deliver(NUMBER.as_bytes(), 4, 0, &receipt_text("one", "DELIVRD"), b"")));
    line.receive(&pdu(SUBMIT_SM | RESPONSE, 0, sequence, b"one\0"));
    let events = line.events();
    assert!(matches!(events[0], Event::Delivery { delivery: Delivery::Receipt(_), .. }), "{events:?}");
    assert_eq!(events[1..], [taken(1, "one")]);
}

#[test]
fn deliveries_are_answered_when_they_are_kept() {
    let mut line = Line::bound(1);
    line.receive(&pdu(DELIVER_SM, 0, 5, &deliver(b"818011112222", 0, 0, b"STOP", b"")));
    line.receive(&pdu(DATA_SM, 0, 6, &data(b"818011112222", 0, 0, b"")));
    assert_eq!(line.written(), []);
    let answers = [(DELIVER_SM, 5, true, 0), (DATA_SM, 6, false, 0x64)];
    for (event, (command, number, kept, status)) in line.events().into_iter().zip(answers) {
        let Event::Delivery { sequence, delivery: Delivery::Unsolicited } = event else { panic!("{event:?}") };
        line.session.answer(sequence, kept);
        assert_eq!(line.written(), [Pdu { command: command | RESPONSE, status, sequence: number, body: vec![0] }]);
    }
}

#[test]
fn silence_is_asked_and_then_believed() {
    let mut line = Line::bound(1);
    line.pass(29_999);
    assert_eq!(line.written(), []);
    line.pass(1);
    let asked = line.written();
    assert_eq!((asked.len(), asked[0].command), (1, ENQUIRE_LINK));
    line.receive(&pdu(ENQUIRE_LINK | RESPONSE, 0, asked[0].sequence, b""));
    line.pass(30_000);
    line.try_submit(7).expect("bound");
    line.pass(9_999);
    assert_eq!(line.events(), []);
    line.pass(1);
    assert_eq!(line.events(), [Event::NoAnswer { key: 7 }, closed(Why::Silent, &[])]);
    line.pass(100_000);
    assert_eq!(line.events(), []);
}

#[test]
fn whatever_comes_is_a_sign_of_life() {
    for sign in [
        pdu(ENQUIRE_LINK, 0, 4, b""),
        pdu(ALERT_NOTIFICATION, 0, 4, b""),
        pdu(GENERIC_NACK, 3, 0, b""),
        pdu(0x77, 0, 4, b"?"),
    ] {
        let mut line = Line::bound(1);
        line.pass(35_000);
        line.receive(&sign);
        line.pass(29_999);
        assert_eq!(line.events(), []);
    }
    let mut line = Line::bound(1);
    line.pass(35_000);
    line.receive(&pdu(ENQUIRE_LINK, 0, 4, b"")[..15]);
    line.pass(5_000);
    assert_eq!(line.events(), [closed(Why::Silent, &[])], "a part of a PDU is none");
}

#[test]
fn the_peer_ends_it() {
    let mut line = Line::bound(3);
    let (_, second, _) = (line.submit(1), line.submit(2), line.submit(3));
    line.receive(&[pdu(SUBMIT_SM | RESPONSE, 0, second, b"two\0"), pdu(UNBIND, 0, 8, b"")].concat());
    assert_eq!(line.events(), [taken(2, "two"), closed(Why::UnboundByPeer, &[1, 3])]);
    assert_eq!(line.written(), [Pdu { command: UNBIND | RESPONSE, status: 0, sequence: 8, body: Vec::new() }]);
    assert_over(line);
}

#[test]
fn we_end_it_when_the_answers_are_there() {
    let mut line = Line::bound(2);
    let sequence = line.submit(1);
    line.unbind();
    assert_eq!(line.written(), []);
    assert_eq!(line.try_submit(2), Err(NotNow::NotBound));
    assert_eq!(line.answer(sequence, 0, b"one\0"), [taken(1, "one")]);
    let unbind = line.written();
    assert_eq!((unbind.len(), unbind[0].command), (1, UNBIND));
    line.receive(&pdu(UNBIND | RESPONSE, 0, unbind[0].sequence, b""));
    assert_eq!(line.events(), [closed(Why::Unbound, &[])]);
    assert_over(line);
}

#[test]
fn ending_takes_no_longer_than_two_answers() {
    let mut line = Line::bound(2);
    line.submit(1);
    line.unbind();
    line.pass(10_000);
    assert_eq!(line.events(), [Event::NoAnswer { key: 1 }]);
    assert_eq!(line.written()[0].command, UNBIND);
    line.pass(10_000);
    assert_eq!(line.events(), [closed(Why::Unbound, &[])]);

    let mut line = Line::binding(Role::Receiver, 1);
    line.unbind();
    assert_eq!(line.events(), [closed(Why::Unbound, &[])]);
}

#[test]
fn a_lost_connection_names_what_is_unanswered() {
    let mut line = Line::bound(3);
    for key in [5, 4, 9] {
        line.submit(key);
    }
    line.session.lost();
    line.session.lost();
    assert_eq!(line.events(), [closed(Why::Lost, &[5, 4, 9])]);
    assert_over(line);

    let mut line = Line::bound(1);
    line.unbind();
    line.session.lost();
    assert_eq!(line.events(), [closed(Why::Unbound, &[])], "that is one way to answer an unbind");
}

#[test]
fn a_length_that_cannot_be_true_ends_it() {
    for length in [0u32, 4, 15, 65_537, u32::MAX] {
        let mut line = Line::bound(2);
        line.submit(1);
        let poison = [&length.to_be_bytes()[..], &[0xff; 100]].concat();
        line.receive(&[pdu(ENQUIRE_LINK, 0, 3, b""), poison].concat());
        let commands: Vec<_> = line.written().into_iter().map(|pdu| (pdu.command, pdu.status, pdu.sequence)).collect();
        assert_eq!(commands, [(ENQUIRE_LINK | RESPONSE, 0, 3), (GENERIC_NACK, 2, 0)]);
        assert_eq!(line.events(), [closed(Why::Length(length), &[1])]);
        assert_over(line);
    }
}

#[test]
fn nothing_that_is_shown_has_a_secret() {
    let mut line = Line::bound(1);
    line.receive(&pdu(DELIVER_SM, 0, 1, &deliver(NUMBER.as_bytes(), 4, 0, &receipt_text("one", "DELIVRD"), b"")));
    line.receive(&pdu(DELIVER_SM, 0, 2, &deliver(NUMBER.as_bytes(), 0, 0, TEXT.as_bytes(), b"")));
    let shown = format!("{:?}", line.events());
    assert!(shown.contains("one"), "{shown}");
    for secret in [NUMBER, "482916", PASSWORD] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// A session that is over does nothing any more.
fn assert_over(mut line: Line) {
    line.receive(&pdu(ENQUIRE_LINK, 0, 3, b""));
    line.unbind();
    line.pass(1_000_000);
    assert_eq!((line.written(), line.events(), line.session.deadline()), (vec![], vec![], None));
    assert_eq!(line.try_submit(1), Err(NotNow::NotBound));
}
