//! A text as short messages: the parts are within their limits and hold all of it, in its order.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nidan_wire::smpp::encoding::{Coding, encode, split};
use nidan_wire::sms_text::units;

fuzz_target!(|input: (u8, &str)| {
    let (reference, text) = input;
    let needed = units(text);
    assert_eq!(encode(text, Coding::Gsm7).is_some(), needed.fit_one_message());
    let Some(parts) = split(text, reference, Coding::Gsm7) else {
        assert!(needed.used > 255 * 66);
        return;
    };
    assert_eq!(parts.len() == 1, needed.fit_one_message());
    let mut octets = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let header = if part.has_header() { 6 } else { 0 };
        let (head, rest) = part.octets().split_at(header);
        assert!(part.octets().len() <= 160 && (part.data_coding() == 0 || part.octets().len() <= 140));
        if header > 0 {
            assert_eq!(head, [5, 0, 3, reference, parts.len() as u8, at as u8 + 1]);
        }
        if part.data_coding() == 0 {
            assert!(rest.iter().all(|octet| *octet < 0x80));
            assert_ne!(rest.last(), Some(&0x1b), "an escape is not torn off");
        } else {
            let units = rest.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            assert!(char::decode_utf16(units).all(|character| character.is_ok()), "no surrogate is alone");
        }
        octets.extend_from_slice(rest);
    }
    if parts.first().is_some_and(|part| part.data_coding() == 8) {
        assert!(octets.into_iter().eq(text.encode_utf16().flat_map(u16::to_be_bytes)));
    } else {
        assert_eq!(octets.len(), needed.used);
    }
});
