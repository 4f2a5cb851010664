//! A text as short_message: the alphabet, and the parts it is sent in.
//!
//! The GSM 7 bit default alphabet goes unpacked, one septet in one octet, under data_coding 0, "the default alphabet of
//! the short message centre": packing it, as GSM does on the air, is the carrier's work. UCS-2 goes big endian under 8.
//! Which of the two a text needs, and how many units it takes, is [`crate::sms_text`]'s to say.

use zeroize::Zeroizing;

use crate::sms_text::{Alphabet, GSM7_LIMIT, gsm7_codes, units};

/// The user data header of a part: its own length, information element 0 (8-bit reference), three octets, then reference,
/// parts, and which part it is, from 1: 3GPP TS 23.040 §9.2.3.24.1.
const HEADER: usize = 6;
/// Units that the header leaves of the 140 octets.
const GSM7_PART: usize = 153;
const UCS2_PART: usize = 67;

/// One short_message. No `Debug`: it is the text.
#[derive(Clone, PartialEq, Eq)]
pub struct ShortMessage {
    /// data_coding: 0 or 8.
    pub(super) data_coding: u8,
    /// Whether it begins with a user data header.
    pub(super) has_header: bool,
    /// The octets of it, at most 160.
    pub(super) octets: Zeroizing<Vec<u8>>,
}

impl ShortMessage {
    /// data_coding: 0 for the GSM 7 bit default alphabet, 8 for UCS-2.
    pub const fn data_coding(&self) -> u8 {
        self.data_coding
    }

    /// Whether it is one part of several, and begins with a user data header that says which.
    pub const fn has_header(&self) -> bool {
        self.has_header
    }

    /// What goes on the wire.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }
}

/// `text` as one short_message, in the smaller alphabet that holds all of it; `None` if it needs several.
pub fn encode(text: &str) -> Option<ShortMessage> {
    let needed = units(text);
    needed.fit_one_message().then(|| {
        let mut octets = Zeroizing::new(Vec::with_capacity(GSM7_LIMIT));
        for character in text.chars() {
            put(&mut octets, needed.alphabet, character);
        }
        ShortMessage { data_coding: data_coding(needed.alphabet), has_header: false, octets }
    })
}

/// `text` as short messages: one where it fits, else parts that the phone puts together again by `reference`, which has to
/// differ from that of other messages to the same phone at the same time. Neither an escaped character nor a surrogate pair
/// is torn apart. `None` if 255 parts do not hold it.
pub fn split(text: &str, reference: u8) -> Option<Vec<ShortMessage>> {
    if let Some(whole) = encode(text) {
        return Some(vec![whole]);
    }
    let alphabet = units(text).alphabet;
    let room = HEADER + part_octets(alphabet);
    let mut parts = vec![part(room)];
    let mut one = Zeroizing::new(Vec::with_capacity(4));
    for character in text.chars() {
        one.clear();
        put(&mut one, alphabet, character);
        if parts.last().is_none_or(|last| last.len() + one.len() > room) {
            parts.push(part(room));
        }
        if let Some(last) = parts.last_mut() {
            last.extend_from_slice(&one);
        }
    }
    let total = u8::try_from(parts.len()).ok()?;
    let numbered = parts.into_iter().zip(1..=total).map(|(mut octets, number)| {
        octets[..HEADER].copy_from_slice(&[5, 0, 3, reference, total, number]);
        ShortMessage { data_coding: data_coding(alphabet), has_header: true, octets }
    });
    Some(numbered.collect())
}

/// An empty part, its header left blank.
fn part(room: usize) -> Zeroizing<Vec<u8>> {
    let mut octets = Zeroizing::new(Vec::with_capacity(room));
    octets.resize(HEADER, 0);
    octets
}

const fn data_coding(alphabet: Alphabet) -> u8 {
    match alphabet {
        Alphabet::Gsm7 => 0,
        Alphabet::Ucs2 => 8,
    }
}

const fn part_octets(alphabet: Alphabet) -> usize {
    match alphabet {
        Alphabet::Gsm7 => GSM7_PART,
        Alphabet::Ucs2 => 2 * UCS2_PART,
    }
}

/// Appends one character in an alphabet that has it.
fn put(octets: &mut Vec<u8>, alphabet: Alphabet, character: char) {
    match (alphabet, gsm7_codes(character)) {
        (Alphabet::Gsm7, Some((escape, code))) => {
            octets.extend(escape);
            octets.push(code);
        }
        _ => {
            let mut units = [0; 2];
            octets.extend(character.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
}
