//! Texts as short messages: octets, alphabets, parts.

use nidan_wire::smpp::encoding::{encode, split};
use nidan_wire::smpp::{Coding, ShortMessage};
use nidan_wire::sms_text::units;
use proptest::prelude::*;

/// The GSM 7 bit default alphabet as TS 23.038 has it, row by row of sixteen; `\u{1b}` is the escape.
const BASIC: [&str; 8] = [
    "@£$¥èéùìòÇ\nØø\rÅå",
    "Δ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ",
    " !\"#¤%&'()*+,-./",
    "0123456789:;<=>?",
    "¡ABCDEFGHIJKLMNO",
    "PQRSTUVWXYZÄÖÑÜ§",
    "¿abcdefghijklmno",
    "pqrstuvwxyzäöñüà",
];

fn extended(code: u8) -> char {
    match code {
        0x0a => '\u{c}',
        0x14 => '^',
        0x28 => '{',
        0x29 => '}',
        0x2f => '\\',
        0x3c => '[',
        0x3d => '~',
        0x3e => ']',
        0x40 => '|',
        0x65 => '€',
        _ => panic!("{code:#04x} is not in the extension table"),
    }
}

/// What a phone shows of the octets of one part, which must be whole in themselves.
fn shown(data_coding: u8, octets: &[u8]) -> String {
    if data_coding == 8 {
        let units: Vec<u16> = octets.chunks(2).map(|pair| u16::from_be_bytes(pair.try_into().expect("two"))).collect();
        return String::from_utf16(&units).expect("no surrogate is alone");
    }
    if data_coding == 3 {
        return octets.iter().copied().map(char::from).collect();
    }
    assert_eq!(data_coding, 0);
    let mut octets = octets.iter().copied();
    std::iter::from_fn(|| {
        octets.next().map(|code| match code {
            0x1b => extended(octets.next().expect("an escape is not alone")),
            _ => BASIC[usize::from(code / 16)].chars().nth(usize::from(code % 16)).expect("sixteen in a row"),
        })
    })
    .collect()
}

/// Puts the parts together as a phone does.
fn rejoined(parts: &[ShortMessage], reference: u8) -> String {
    if let [whole] = parts {
        assert!(!whole.has_header());
        return shown(whole.data_coding(), whole.octets());
    }
    let mut text = String::new();
    for (number, part) in (1..=u8::MAX).zip(parts) {
        assert!(part.has_header());
        assert_eq!(part.octets()[..6], [5, 0, 3, reference, parts.len() as u8, number]);
        let room = if part.data_coding() == 0 { 153 } else { 134 };
        assert!(part.octets().len() - 6 <= room, "{}", part.octets().len());
        text += &shown(part.data_coding(), &part.octets()[6..]);
    }
    text
}

#[test]
fn a_text_is_written_as_it_stands() {
    for (text, data_coding, octets) in [
        ("", 0, &b""[..]),
        ("@example.jp #482916", 0, b"\0example.jp #482916"),
        ("a€[", 0, b"a\x1b\x65\x1b\x3c"),
        ("$_", 0, b"\x02\x11"),
        ("確a", 8, &[0x78, 0xba, 0x00, 0x61]),
        ("𠮷", 8, &[0xd8, 0x42, 0xdf, 0xb7]),
    ] {
        let message = encode(text, Coding::Gsm7).expect("it fits");
        assert_eq!((message.data_coding(), message.octets()), (data_coding, octets), "{text}");
        assert!(!message.has_header());
    }
}

/// A carrier whose default alphabet is another gets no 0x00 for `@`.
#[test]
fn a_text_is_written_as_the_carrier_reads_it() {
    for (coding, text, data_coding, octets) in [
        (Coding::Latin1, "@é_\n", 3, &b"@\xe9_\n"[..]),
        // Neither euro nor brackets are one septet on the air; ï is in no GSM alphabet, Δ not in ISO 8859-1.
        (Coding::Latin1, "€", 8, &[0x20, 0xac]),
        (Coding::Latin1, "[", 8, &[0, 0x5b]),
        (Coding::Latin1, "ï", 8, &[0, 0xef]),
        (Coding::Latin1, "Δ", 8, &[0x03, 0x94]),
        (Coding::Latin1, "確", 8, &[0x78, 0xba]),
        (Coding::Ucs2, "@", 8, &[0, 0x40]),
    ] {
        let message = encode(text, coding).expect("it fits");
        assert_eq!((message.data_coding(), message.octets()), (data_coding, octets), "{text}");
    }
    for (coding, text, lengths) in [
        (Coding::Latin1, "a".repeat(140), vec![140]),
        (Coding::Latin1, "a".repeat(141), vec![6 + 134, 6 + 7]),
        (Coding::Ucs2, "a".repeat(70), vec![140]),
        (Coding::Ucs2, "a".repeat(71), vec![6 + 134, 6 + 8]),
    ] {
        let parts = split(&text, 9, coding).expect("few parts");
        assert_eq!(parts.iter().map(|part| part.octets().len()).collect::<Vec<_>>(), lengths);
        assert_eq!(rejoined(&parts, 9), text);
    }
}

#[test]
fn every_character_of_the_alphabet_comes_back() {
    let alphabet: String = BASIC.concat().replace('\u{1b}', "") + "\u{c}^{}\\[~]|€";
    let message = encode(&alphabet, Coding::Gsm7).expect("137 characters, 147 units");
    assert_eq!(message.octets().len(), 127 + 20);
    assert_eq!(shown(message.data_coding(), message.octets()), alphabet);
}

#[test]
fn parts_begin_where_one_message_ends() {
    for (text, lengths) in [
        ("a".repeat(160), vec![160]),
        ("a".repeat(161), vec![6 + 153, 6 + 8]),
        ("a".repeat(306), vec![6 + 153, 6 + 153]),
        ("a".repeat(307), vec![6 + 153, 6 + 153, 6 + 1]),
        // The escaped character does not fit behind the 152nd, so it goes over whole.
        ("a".repeat(152) + "€" + &"b".repeat(7), vec![6 + 152, 6 + 9]),
        ("あ".repeat(70), vec![140]),
        ("あ".repeat(71), vec![6 + 134, 6 + 8]),
        ("あ".repeat(66) + "𠮷" + &"い".repeat(3), vec![6 + 132, 6 + 10]),
    ] {
        let parts = split(&text, 9, Coding::Gsm7).expect("few parts");
        assert_eq!(parts.iter().map(|part| part.octets().len()).collect::<Vec<_>>(), lengths);
        assert_eq!(rejoined(&parts, 9), text);
        assert_eq!(encode(&text, Coding::Gsm7).is_some(), parts.len() == 1);
    }
}

#[test]
fn there_are_255_parts_at_most() {
    let most = "a".repeat(255 * 153);
    assert_eq!(rejoined(&split(&most, 0, Coding::Gsm7).expect("255 parts"), 0), most);
    assert!(split(&(most + "a"), 0, Coding::Gsm7).is_none());
    assert!(split(&"あ".repeat(255 * 67 + 1), 0, Coding::Gsm7).is_none());
}

proptest! {
    #[test]
    fn parts_rejoin(text in prop_oneof!["[ -_a-z{-~€Ωé]{0,600}", "[ -~あ-ん亜-龠𠮷-𠮿]{0,300}", ".{0,200}"], reference: u8) {
        let parts = split(&text, reference, Coding::Gsm7).expect("few parts");
        prop_assert_eq!(rejoined(&parts, reference), text.clone());
        prop_assert_eq!(parts.len() == 1, units(&text).fit_one_message());
        prop_assert!(parts.iter().all(|part| part.octets().len() <= 160));
        for coding in [Coding::Latin1, Coding::Ucs2] {
            let parts = split(&text, reference, coding).expect("few parts");
            prop_assert_eq!(rejoined(&parts, reference), text.clone());
            prop_assert!(parts.iter().all(|part| part.data_coding() != 0 && part.octets().len() <= 140));
        }
    }
}
