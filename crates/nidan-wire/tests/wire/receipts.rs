//! Receipts in the forms that carriers have been seen to write.

use nidan_wire::smpp::receipt::{self, ReceiptText};
use nidan_wire::smpp::{Delivery, Event, MessageState};

use crate::peer::*;

const RECEIPT: u8 = 0x04;
const INTERMEDIATE: u8 = 0x20;
const UDHI: u8 = 0x40;

fn id(id: &str) -> Vec<u8> {
    parameter(0x001e, &[id.as_bytes(), b"\0"].concat())
}

fn state(state: u8) -> Vec<u8> {
    parameter(0x0427, &[state])
}

fn payload(text: &[u8]) -> Vec<u8> {
    parameter(0x0424, text)
}

/// What a session makes of a delivery: id and state of a receipt.
fn delivered(command: u32, body: &[u8]) -> Option<(String, MessageState)> {
    let mut line = Line::bound(1);
    line.receive(&pdu(command, 0, 1, body));
    let [Event::Delivery { delivery, .. }] = &line.events()[..] else { panic!("one delivery") };
    match delivery {
        Delivery::Receipt(receipt) => {
            assert_eq!(receipt.number, NUMBER);
            Some((receipt.id.clone(), receipt.state))
        }
        Delivery::Unsolicited => None,
    }
}

fn by_deliver(esm_class: u8, text: &[u8], parameters: &[u8]) -> Option<(String, MessageState)> {
    delivered(DELIVER_SM, &deliver(NUMBER.as_bytes(), esm_class, 0, text, parameters))
}

#[test]
fn states_are_known_by_word_and_by_code() {
    for (word, code, state) in [
        ("ENROUTE", 1, MessageState::EnRoute),
        ("DELIVRD", 2, MessageState::Delivered),
        ("EXPIRED", 3, MessageState::Expired),
        ("DELETED", 4, MessageState::Deleted),
        ("UNDELIV", 5, MessageState::Undeliverable),
        ("ACCEPTD", 6, MessageState::Accepted),
        ("UNKNOWN", 7, MessageState::Unknown),
        ("REJECTD", 8, MessageState::Rejected),
    ] {
        let expected = Some(("a1".to_owned(), state));
        assert_eq!(by_deliver(RECEIPT, &receipt_text("a1", word), b""), expected, "{word}");
        assert_eq!(by_deliver(RECEIPT, &receipt_text("a1", &code.to_string()), b""), expected, "{code}");
        let parameters = [id("a1"), self::state(code)].concat();
        assert_eq!(by_deliver(RECEIPT, b"", &parameters), expected, "{code}");
    }
    for (word, state) in [
        ("Delivered", MessageState::Delivered),
        ("delivrd", MessageState::Delivered),
        ("UNDELIVERABLE", MessageState::Undeliverable),
        ("Accepted", MessageState::Accepted),
        ("REJECTED", MessageState::Rejected),
        ("FAILED", MessageState::Undeliverable),
        ("EN_ROUTE", MessageState::EnRoute),
        ("BUFFERED", MessageState::EnRoute),
        ("0", MessageState::EnRoute),
        ("9", MessageState::Rejected),
        ("10", MessageState::Unknown),
        ("QQ", MessageState::Unknown),
    ] {
        assert_eq!(by_deliver(RECEIPT, &receipt_text("a1", word), b""), Some(("a1".into(), state)), "{word}");
    }
}

#[test]
fn parameters_go_before_text() {
    use MessageState::*;
    let text = receipt_text("text", "UNDELIV");
    for (parameters, id, state) in [
        (vec![id("tlv"), state(2)], "tlv", Delivered),
        (vec![state(2), id("tlv")], "tlv", Delivered),
        (vec![id("tlv")], "tlv", Undeliverable),
        (vec![state(2)], "text", Delivered),
        (vec![state(77)], "text", Undeliverable),
        (vec![parameter(0x0427, &[2, 2])], "text", Undeliverable),
        (vec![parameter(0x001e, b"\0"), state(2)], "text", Delivered),
        (vec![parameter(0x001e, b"no-nul"), state(2)], "no-nul", Delivered),
        (vec![parameter(0x1400, b"vendor"), parameter(0x0423, &[3, 0, 0]), id("tlv"), state(8)], "tlv", Rejected),
    ] {
        let found = by_deliver(RECEIPT, &text, &parameters.concat());
        assert_eq!(found, Some((id.to_owned(), state)), "{parameters:?}");
    }
    assert_eq!(by_deliver(RECEIPT, b"", &[id("tlv"), state(77)].concat()), Some(("tlv".into(), Unknown)));
}

#[test]
fn a_receipt_comes_in_short_message_payload_or_data_sm() {
    let expected = Some(("a1".to_owned(), MessageState::Delivered));
    let text = receipt_text("a1", "DELIVRD");
    assert_eq!(by_deliver(RECEIPT, &text, b""), expected);
    assert_eq!(by_deliver(RECEIPT, b"", &payload(&text)), expected);
    assert_eq!(by_deliver(RECEIPT | UDHI, &[&[5, 0, 3, 1, 1, 1][..], &text].concat(), b""), expected);
    assert_eq!(by_deliver(RECEIPT, &text, &payload(b"")), expected, "an empty payload is none");
    for parameters in [payload(&text), [id("a1"), state(2)].concat()] {
        assert_eq!(delivered(DATA_SM, &data(NUMBER.as_bytes(), RECEIPT, 0, &parameters)), expected);
    }
}

#[test]
fn the_text_comes_in_any_alphabet() {
    let text = String::from_utf8(receipt_text("a_1", "DELIVRD")).expect("ASCII");
    let wide = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    let gsm7: Vec<u8> = text.bytes().map(|octet| if octet == b'_' { 0x11 } else { octet }).collect();
    let forms = [
        text.clone().into_bytes(),
        gsm7,
        wide(u16::to_be_bytes),
        wide(u16::to_le_bytes),
        [&[0xfe, 0xff][..], &wide(u16::to_be_bytes)].concat(),
        [&[0xff, 0xfe][..], &wide(u16::to_le_bytes)].concat(),
    ];
    for form in forms {
        for data_coding in [0, 1, 3, 8] {
            let body = deliver(NUMBER.as_bytes(), RECEIPT, data_coding, b"", &payload(&form));
            assert_eq!(delivered(DELIVER_SM, &body), Some(("a_1".into(), MessageState::Delivered)), "{form:?}");
        }
    }
}

#[test]
fn the_text_is_read_however_it_is_written() {
    use MessageState::*;
    for (text, id, state) in [
        // Seen at Clickatell, Infobip, Jasmin, Melrose and others, as their users report it.
        (
            "id:1526758174 submit date:1701240904 done date:1701240904 stat:DELIVRD err:000 text:hellow",
            "1526758174",
            Delivered,
        ),
        (
            "id:a29f6845555647139e5c8f3b817f2c9a sub:001 dlvrd:001 submit date:141023215253 done date:141023215259 stat:DELIVRD err:000 text:",
            "a29f6845555647139e5c8f3b817f2c9a",
            Delivered,
        ),
        (
            "id:rdwjwxns18krxr9936ey96ymcw sub:000 dlvrd:000 submit date:180711070003912+ done date:180711070000012+ stat:UNDELIV err:000",
            "rdwjwxns18krxr9936ey96ymcw",
            Undeliverable,
        ),
        (
            "id:123A456B sub:1 dlvrd:1 submit date:1702281424 done date:1702281424 stat:DELIVRD err:0 text: hello",
            "123A456B",
            Delivered,
        ),
        // Case, order, missing fields, other white space and separators.
        ("ID:7 STAT:EXPIRED", "7", Expired),
        ("Id: 7  Stat: EXPIRED  Err: 0", "7", Expired),
        ("stat:EXPIRED id:7", "7", Expired),
        ("err:000 stat:REJECTD done date:2611222331 submit date:2611222330 id:7", "7", Rejected),
        ("id:7\r\nsub:001\r\nstat:EXPIRED\r\n", "7", Expired),
        ("id:7,sub:001,stat:EXPIRED", "7", Expired),
        ("id:7;stat:EXPIRED;", "7", Expired),
        ("\tid:7\tstat:EXPIRED", "7", Expired),
        ("id:ab:cd-12.3/x stat:EXPIRED", "ab:cd-12.3/x", Expired),
        // What was sent is read only for what stands nowhere else.
        ("id:7 stat:EXPIRED text:id:8 stat:DELIVRD", "7", Expired),
        ("id:7 stat:EXPIRED Text:id:8 stat:DELIVRD", "7", Expired),
        ("text:482916 is your code id:7 stat:EXPIRED", "7", Expired),
        // No field is part of another's name.
        ("userid:9 id:7 mystat:DELIVRD stat:EXPIRED", "7", Expired),
    ] {
        let expected = ReceiptText { id: Some(id.into()), state: Some(state) };
        assert_eq!(receipt::read(text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn what_is_missing_is_not_made_up() {
    for (text, expected) in [
        ("", (None, None)),
        ("hello", (None, None)),
        ("id:", (None, None)),
        ("id: stat:", (None, None)),
        ("id: sub:001 stat:DELIVRD", (None, Some(MessageState::Delivered))),
        ("id:7 stat: err:000", (Some("7"), None)),
        ("id:7 sub:001", (Some("7"), None)),
        ("id:7 stat: text:stat:DELIVRD", (Some("7"), None)),
        ("idx:7 stat DELIVRD", (None, None)),
    ] {
        let read = receipt::read(text.as_bytes());
        assert_eq!((read.id.as_deref(), read.state), expected, "{text}");
        let both = expected.0.zip(expected.1).map(|(id, state)| (id.to_owned(), state));
        assert_eq!(by_deliver(RECEIPT, text.as_bytes(), b""), both, "{text}");
    }
    let long = format!("id:{} stat:DELIVRD", "7".repeat(256));
    assert_eq!(receipt::read(long.as_bytes()).id, None);
}

#[test]
fn a_phone_cannot_write_receipts() {
    let text = receipt_text("a1", "DELIVRD");
    // A message of a phone, its delivery acknowledgement and its manual one: whoever has the phone chose the text.
    for esm_class in [0x00, 0x08, 0x10, 0x18, 0x03, UDHI] {
        assert_eq!(by_deliver(esm_class, &text, b""), None, "{esm_class:#04x}");
        assert_eq!(by_deliver(esm_class, b"", &payload(&text)), None, "{esm_class:#04x}");
        assert_eq!(by_deliver(esm_class, &text, &state(2)), None, "{esm_class:#04x}");
    }
    // The parameter is the centre's: some leave esm_class zero beside it.
    assert_eq!(by_deliver(0, b"", &[id("a1"), state(2)].concat()), Some(("a1".into(), MessageState::Delivered)));
    assert_eq!(by_deliver(0, &text, &id("a1")), None, "no state but the text's");
}

#[test]
fn an_intermediate_notification_ends_nothing_but_well() {
    for (word, state) in [
        ("ENROUTE", MessageState::EnRoute),
        ("UNDELIV", MessageState::EnRoute),
        ("REJECTD", MessageState::EnRoute),
        ("DELIVRD", MessageState::Delivered),
    ] {
        assert_eq!(by_deliver(INTERMEDIATE, &receipt_text("a1", word), b""), Some(("a1".into(), state)), "{word}");
    }
    let both = by_deliver(INTERMEDIATE | RECEIPT, &receipt_text("a1", "UNDELIV"), b"");
    assert_eq!(both, Some(("a1".into(), MessageState::Undeliverable)));
}
