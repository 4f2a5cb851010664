//! A text as short_message: the alphabet, and the parts it is sent in.
//!
//! The GSM 7 bit default alphabet goes unpacked, one septet in one octet, under data_coding 0, "the default alphabet of
//! the short message centre" (SMPP 3.4 §5.2.19): packing it, as GSM does on the air, is the carrier's work. Where a carrier's
//! default is another, 0x00 is no `@`, so there [`Coding`] says to write ISO 8859-1 under 3, or UCS-2 always. UCS-2 goes big
//! endian under 8. How many units a text takes on the air is [`crate::sms_text`]'s to say.

use zeroize::Zeroizing;

use crate::sms_text::{GSM7_LIMIT, UCS2_LIMIT, gsm7_codes};

/// The user data header of a part: its own length, information element 0 (8-bit reference), three octets, then reference,
/// parts, and which part it is, from 1: 3GPP TS 23.040 §9.2.3.24.1.
const HEADER: usize = 6;

/// How a carrier is written to where a text does not need UCS-2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coding {
    /// data_coding 0, the GSM 7 bit default alphabet: 160 octets, as the phone gets 160 septets.
    Gsm7,
    /// data_coding 3, ISO 8859-1: 140 octets, since some carriers count no more. Only for characters that GSM-7 has too, in one
    /// septet: phones know no ISO 8859-1, so the carrier turns it into GSM-7.
    Latin1,
    /// data_coding 8, UCS-2: 140 octets, 70 units.
    Ucs2,
}

impl Coding {
    /// How `text` is written to a carrier of this coding.
    fn of(self, text: &str) -> Self {
        let fits = |character| match (self, gsm7_codes(character)) {
            (Self::Gsm7, codes) => codes.is_some(),
            (Self::Latin1, codes) => matches!(codes, Some((None, _))) && u8::try_from(character).is_ok(),
            (Self::Ucs2, _) => true,
        };
        if text.chars().all(fits) { self } else { Self::Ucs2 }
    }

    /// Units that one message has for a text of the GSM 7 bit alphabet.
    pub const fn gsm7_units(self) -> usize {
        match self {
            Self::Gsm7 => GSM7_LIMIT,
            Self::Latin1 => 140,
            Self::Ucs2 => UCS2_LIMIT,
        }
    }

    const fn data_coding(self) -> u8 {
        match self {
            Self::Gsm7 => 0,
            Self::Latin1 => 3,
            Self::Ucs2 => 8,
        }
    }

    /// Octets of one message.
    const fn whole(self) -> usize {
        match self {
            Self::Gsm7 => 160,
            Self::Latin1 | Self::Ucs2 => 140,
        }
    }

    /// Octets that the header leaves to a part.
    const fn part(self) -> usize {
        match self {
            Self::Gsm7 => 153,
            Self::Latin1 | Self::Ucs2 => 134,
        }
    }

    /// Appends one character of a text that is written so.
    fn put(self, octets: &mut Vec<u8>, character: char) {
        match (self, gsm7_codes(character), u8::try_from(character)) {
            (Self::Gsm7, Some((escape, code)), _) => {
                octets.extend(escape);
                octets.push(code);
            }
            (Self::Latin1, _, Ok(code)) => octets.push(code),
            _ => {
                let mut units = [0; 2];
                octets.extend(character.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()));
            }
        }
    }
}

/// One short_message. No `Debug`: it is the text.
#[derive(Clone, PartialEq, Eq)]
pub struct ShortMessage {
    /// data_coding: 0, 3 or 8.
    pub(super) data_coding: u8,
    /// Whether it begins with a user data header.
    pub(super) has_header: bool,
    /// The octets of it, at most 160.
    pub(super) octets: Zeroizing<Vec<u8>>,
}

impl ShortMessage {
    /// data_coding: 0 for the GSM 7 bit default alphabet, 3 for ISO 8859-1, 8 for UCS-2.
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

/// `text` as one short_message to a carrier of this coding, in UCS-2 if it needs it; `None` if it takes several.
pub fn encode(text: &str, coding: Coding) -> Option<ShortMessage> {
    let coding = coding.of(text);
    let mut octets = Zeroizing::new(Vec::with_capacity(4 * text.len()));
    text.chars().for_each(|character| coding.put(&mut octets, character));
    let fits = octets.len() <= coding.whole();
    fits.then_some(ShortMessage { data_coding: coding.data_coding(), has_header: false, octets })
}

/// `text` as short messages: one where it fits, else parts that the phone puts together again by `reference`, which has to
/// differ from that of other messages to the same phone at the same time. Neither an escaped character nor a surrogate pair
/// is torn apart. `None` if 255 parts do not hold it.
pub fn split(text: &str, reference: u8, coding: Coding) -> Option<Vec<ShortMessage>> {
    if let Some(whole) = encode(text, coding) {
        return Some(vec![whole]);
    }
    let coding = coding.of(text);
    let room = HEADER + coding.part();
    let mut parts = vec![part(room)];
    let mut one = Zeroizing::new(Vec::with_capacity(4));
    for character in text.chars() {
        one.clear();
        coding.put(&mut one, character);
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
        ShortMessage { data_coding: coding.data_coding(), has_header: true, octets }
    });
    Some(numbered.collect())
}

/// An empty part, its header left blank.
fn part(room: usize) -> Zeroizing<Vec<u8>> {
    let mut octets = Zeroizing::new(Vec::with_capacity(room));
    octets.resize(HEADER, 0);
    octets
}
