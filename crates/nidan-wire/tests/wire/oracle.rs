//! Another codec, rusmpp-core's, reads what we write and writes what we read.

use nidan_wire::smpp::{Delivery, Event, MessageState, Role, Session, encoding};
use rusmpp_core::command::borrowed::Command;
use rusmpp_core::decode::borrowed::DecodeWithLength;
use rusmpp_core::encode::{Encode, Length};
use rusmpp_core::pdus::borrowed::{BindTransceiverResp, DeliverSm, Pdu, SubmitSm, SubmitSmResp};
use rusmpp_core::tlvs::borrowed::MessageDeliveryRequestTlvValue;
use rusmpp_core::types::borrowed::{COctetString, OctetString};
use rusmpp_core::values::{DataCoding, EsmClass, InterfaceVersion, Npi, Ton};
use rusmpp_core::{CommandId, CommandStatus};

use crate::peer::*;

type Read<'a> = Command<'a, 8>;

/// Reads one PDU; it must be used up.
fn understood(bytes: &[u8]) -> Read<'_> {
    let (command, size) =
        <Read<'_> as DecodeWithLength<'_>>::decode(&bytes[4..], bytes.len() - 4).expect("it is right");
    assert_eq!(size, bytes.len() - 4);
    command
}

fn written<'a>(status: CommandStatus, sequence: u32, pdu: impl Into<Pdu<'a, 8>>) -> Vec<u8> {
    let command = Read::new(status, sequence, pdu);
    let mut bytes = vec![0; 4 + command.length()];
    let length = bytes.len() as u32;
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    command.encode(&mut bytes[4..]);
    bytes
}

fn c<const MAX: usize>(bytes: &[u8]) -> COctetString<'_, 1, MAX> {
    COctetString::new(bytes).expect("it ends with NUL")
}

#[test]
fn our_binds_are_understood() {
    for (role, id) in [
        (Role::Transceiver, CommandId::BindTransceiver),
        (Role::Transmitter, CommandId::BindTransmitter),
        (Role::Receiver, CommandId::BindReceiver),
    ] {
        let mut session = Session::new(settings(role, 1), Default::default());
        let bytes = session.output();
        let command = understood(&bytes);
        assert_eq!((command.id(), command.sequence_number), (id, 1));
        if let Some(Pdu::BindTransceiver(bind)) = command.pdu() {
            assert_eq!((bind.system_id.as_str(), bind.password.as_str()), ("nidan", PASSWORD));
            assert_eq!(bind.interface_version, InterfaceVersion::Smpp3_4);
        }
    }
}

fn submitted<'a, 'b>(command: &'b Read<'a>) -> &'b SubmitSm<'a, 8> {
    match command.pdu() {
        Some(Pdu::SubmitSm(submit)) => submit,
        other => panic!("a submit_sm, not {other:?}"),
    }
}

#[test]
fn our_messages_are_understood() {
    let long = "あ".repeat(100);
    let parts = encoding::split(&long, 7, encoding::Coding::Gsm7).expect("two parts");
    let texts = [
        encoding::encode("@ 482916", encoding::Coding::Gsm7).expect("short"),
        encoding::encode("確認コード", encoding::Coding::Gsm7).expect("short"),
    ];
    for short_message in texts.into_iter().chain(parts) {
        let mut line = Line::bound(1);
        let submit = nidan_wire::smpp::SubmitSm { short_message: short_message.clone(), ..message(TEXT) };
        line.session.submit(1, &submit, Default::default()).expect("bound");
        let bytes = line.session.output();
        let command = understood(&bytes);
        let read = submitted(&command);
        assert_eq!(read.short_message().bytes(), short_message.octets());
        assert_eq!(u8::from(read.data_coding), short_message.data_coding());
        assert_eq!(u8::from(read.esm_class), if short_message.has_header() { 0x40 } else { 0 });
        assert_eq!((read.source_addr.as_str(), read.destination_addr.as_str()), ("Example", NUMBER));
        assert_eq!((read.source_addr_ton, read.source_addr_npi), (Ton::Alphanumeric, Npi::Unknown));
        assert_eq!((read.dest_addr_ton, read.dest_addr_npi), (Ton::International, Npi::Isdn));
        assert_eq!(read.validity_period.as_str(), "261122233045000+");
        assert_eq!(u8::from(read.registered_delivery), 1);
    }
}

#[test]
fn our_answers_are_understood() {
    let mut line = Line::bound(1);
    let deliver = deliver(NUMBER.as_bytes(), 0, 0, b"STOP", b"");
    line.receive(&[pdu(DELIVER_SM, 0, 5, &deliver), pdu(ENQUIRE_LINK, 0, 6, b""), pdu(0x77, 0, 7, b"")].concat());
    let Some(Event::Delivery { sequence, .. }) = line.session.event() else { panic!("a delivery") };
    line.session.answer(sequence, false);
    line.unbind();
    let bytes = line.session.output();
    let mut ids = Vec::new();
    for pdu in read(&bytes) {
        let bytes = self::pdu(pdu.command, pdu.status, pdu.sequence, &pdu.body);
        let command = understood(&bytes);
        ids.push((command.id(), command.status, command.sequence_number));
    }
    assert_eq!(
        ids,
        [
            (CommandId::EnquireLinkResp, CommandStatus::EsmeRok, 6),
            (CommandId::GenericNack, CommandStatus::EsmeRinvcmdid, 7),
            (CommandId::DeliverSmResp, CommandStatus::EsmeRxTAppn, 5),
            (CommandId::Unbind, CommandStatus::EsmeRok, 2),
        ]
    );
}

#[test]
fn a_carrier_is_understood() {
    let mut line = Line::binding(Role::Transceiver, 1);
    let resp = BindTransceiverResp::new(c(b"smsc\0"), Some(InterfaceVersion::Smpp3_4));
    line.receive(&written(CommandStatus::EsmeRok, 1, resp));
    let sequence = line.submit(1);
    let resp = SubmitSmResp::new(c(b"2e9f\0"), Default::default());
    line.receive(&written(CommandStatus::EsmeRok, sequence, resp));
    let receipt = DeliverSm::builder()
        .source_addr(c(b"819012345678\0"))
        .esm_class(EsmClass::from(4))
        .data_coding(DataCoding::McSpecific)
        .short_message(OctetString::new(b"id:2e9f stat:UNDELIV err:001").expect("short"))
        .push_tlv(MessageDeliveryRequestTlvValue::ReceiptedMessageId(c(b"11935\0")))
        .and_then(|builder| {
            builder.push_tlv(MessageDeliveryRequestTlvValue::MessageState(rusmpp_core::values::MessageState::Expired))
        })
        .expect("two parameters")
        .build();
    line.receive(&written(CommandStatus::EsmeRok, 9, receipt));
    let events = line.events();
    assert_eq!(events[0], Event::Bound { system_id: "smsc".into() });
    assert_eq!(events[1], Event::Taken { key: 1, message_id: "2e9f".into() });
    let Event::Delivery { delivery: Delivery::Receipt(receipt), .. } = &events[2] else { panic!("{events:?}") };
    assert_eq!((&*receipt.id, &*receipt.number, receipt.state), ("11935", NUMBER, MessageState::Expired));
}

/// Why the server does not use that codec: a little is wrong, and it refuses the whole.
#[test]
fn what_another_codec_refuses_is_read() {
    let taken = |id: &str| Event::Taken { key: 1, message_id: id.into() };
    let long = "7".repeat(80);
    for (what, body, id) in [
        ("an id without its NUL", b"2e9f".to_vec(), "2e9f"),
        ("an id outside ASCII", b"\xe9\0".to_vec(), "é"),
        ("an id beyond 64 octets", [long.as_bytes(), b"\0"].concat(), &long),
        ("a parameter that ends early", b"2e9f\0\x14\0\0".to_vec(), "2e9f"),
    ] {
        let mut line = Line::bound(1);
        let sequence = line.submit(1);
        let bytes = pdu(SUBMIT_SM | RESPONSE, 0, sequence, &body);
        let other = <Read<'_> as DecodeWithLength<'_>>::decode(&bytes[4..], bytes.len() - 4);
        assert!(other.is_err(), "{what}: {other:?}");
        line.receive(&bytes);
        assert_eq!(line.events(), [taken(id)], "{what}");
    }
    let text = receipt_text("2e9f", "DELIVRD");
    for (what, parameters) in [
        ("an id without its NUL", parameter(0x001e, b"2e9f")),
        ("a text in place of a number", parameter(0x0427, b"2\0")),
        ("a parameter that ends early", vec![0x14, 0x00, 0x00]),
    ] {
        let bytes = pdu(DELIVER_SM, 0, 3, &deliver(NUMBER.as_bytes(), 4, 0, &text, &parameters));
        let other = <Read<'_> as DecodeWithLength<'_>>::decode(&bytes[4..], bytes.len() - 4);
        assert!(other.is_err(), "{what}: {other:?}");
        let mut line = Line::bound(1);
        line.receive(&bytes);
        let [Event::Delivery { delivery: Delivery::Receipt(receipt), .. }] = &line.events()[..] else {
            panic!("{what}")
        };
        assert_eq!((&*receipt.id, receipt.state), ("2e9f", MessageState::Delivered), "{what}");
    }
}
