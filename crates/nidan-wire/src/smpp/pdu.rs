//! The bodies of PDUs: what we write, and what we read of what others write. SMPP 3.4 §4, §5.2, §5.3.
//!
//! Reading is lenient where leniency is harmless. A string may be longer than the standard has it or miss its NUL at the
//! end of a body, an id may have any octets, an optional parameter that is unknown or whose length lies is left out: a
//! receipt or an id that is thrown away for its form is a message whose owner is told that nobody knows.

use super::address::Address;
use super::encoding::ShortMessage;

pub(super) const GENERIC_NACK: u32 = 0x8000_0000;
pub(super) const BIND_RECEIVER: u32 = 0x01;
pub(super) const BIND_TRANSMITTER: u32 = 0x02;
pub(super) const SUBMIT_SM: u32 = 0x04;
pub(super) const DELIVER_SM: u32 = 0x05;
pub(super) const UNBIND: u32 = 0x06;
pub(super) const BIND_TRANSCEIVER: u32 = 0x09;
pub(super) const OUTBIND: u32 = 0x0b;
pub(super) const ENQUIRE_LINK: u32 = 0x15;
pub(super) const ALERT_NOTIFICATION: u32 = 0x102;
pub(super) const DATA_SM: u32 = 0x103;
/// The bit that makes of a request's id that of its response.
pub(super) const RESPONSE: u32 = 0x8000_0000;

/// interface_version 3.4.
const VERSION: u8 = 0x34;
/// esm_class: short_message begins with a user data header.
pub(super) const ESM_UDHI: u8 = 0x40;
/// esm_class: the bits that say what kind of message it is.
pub(super) const ESM_KIND: u8 = 0b0011_1100;
/// esm_class: a receipt by the short message centre.
pub(super) const ESM_RECEIPT: u8 = 0b0000_0100;
/// esm_class: an intermediate notification by the short message centre.
pub(super) const ESM_INTERMEDIATE: u8 = 0b0010_0000;

const RECEIPTED_MESSAGE_ID: u16 = 0x001e;
const MESSAGE_PAYLOAD: u16 = 0x0424;
const MESSAGE_STATE: u16 = 0x0427;

/// Octets of the longest id that is kept. The standard has 64; beyond this it is no id.
const ID_MAX: usize = 255;

/// A message to be submitted. No `Debug`: it holds number and text.
#[derive(Clone, PartialEq, Eq)]
pub struct SubmitSm {
    /// Who it is from.
    pub source: Address,
    /// The number it goes to.
    pub destination: Address,
    /// Until when it is worth delivering, as [`super::validity()`] writes it; empty: as the carrier has it.
    pub validity_period: String,
    /// Whether the carrier shall tell what became of it.
    pub receipt: bool,
    /// The text, or one part of it.
    pub short_message: ShortMessage,
}

/// Writes the body of a bind: who we are, the version, and no address range.
pub(super) fn put_bind(out: &mut Vec<u8>, system_id: &str, password: &str, system_type: &str) {
    put_c_string(out, system_id);
    put_c_string(out, password);
    put_c_string(out, system_type);
    out.extend_from_slice(&[VERSION, 0, 0]);
    put_c_string(out, "");
}

/// Writes the body of a submit_sm: §4.4.1.
pub(super) fn put_submit(out: &mut Vec<u8>, submit: &SubmitSm) {
    put_c_string(out, "");
    for address in [&submit.source, &submit.destination] {
        out.extend_from_slice(&[address.ton, address.npi]);
        put_c_string(out, &address.digits);
    }
    let message = &submit.short_message;
    // protocol_id and priority_flag are zero, schedule_delivery_time is empty: at once.
    out.extend_from_slice(&[if message.has_header { ESM_UDHI } else { 0 }, 0, 0]);
    put_c_string(out, "");
    put_c_string(out, &submit.validity_period);
    let length = u8::try_from(message.octets.len()).expect("a short message is cut to 160 octets");
    // replace_if_present_flag and sm_default_msg_id are zero.
    out.extend_from_slice(&[u8::from(submit.receipt), 0, message.data_coding, 0, length]);
    out.extend_from_slice(&message.octets);
}

/// A NUL within the text would end the field early and shift all that follows.
fn put_c_string(out: &mut Vec<u8>, text: &str) {
    out.extend(text.bytes().filter(|octet| *octet != 0));
    out.push(0);
}

/// What a deliver_sm or data_sm holds, as far as a receipt may be in it.
pub(super) struct Carried<'a> {
    pub(super) source: &'a [u8],
    pub(super) esm_class: u8,
    /// short_message, or message_payload where there is one.
    pub(super) text: &'a [u8],
    pub(super) receipted_id: Option<String>,
    pub(super) state: Option<u8>,
}

/// Reads the body of a deliver_sm: §4.6.1. `None` if it ends before its fields do.
pub(super) fn read_deliver(body: &[u8]) -> Option<Carried<'_>> {
    let mut fields = Fields(body);
    let (source, esm_class) = fields.envelope()?;
    fields.octets(2)?;
    fields.c_string()?;
    fields.c_string()?;
    fields.octets(4)?;
    let length = fields.octet()?;
    let text = fields.octets(usize::from(length))?;
    Some(carried(source, esm_class, text, fields))
}

/// Reads the body of a data_sm: §4.7.1. `None` if it ends before its fields do.
pub(super) fn read_data(body: &[u8]) -> Option<Carried<'_>> {
    let mut fields = Fields(body);
    let (source, esm_class) = fields.envelope()?;
    fields.octets(2)?;
    Some(carried(source, esm_class, &[], fields))
}

fn carried<'a>(source: &'a [u8], esm_class: u8, text: &'a [u8], mut optional: Fields<'a>) -> Carried<'a> {
    let mut carried = Carried { source, esm_class, text, receipted_id: None, state: None };
    while let Some((tag, value)) = optional.parameter() {
        match (tag, value) {
            (RECEIPTED_MESSAGE_ID, _) => carried.receipted_id = Some(read_id(value)).filter(|id| !id.is_empty()),
            (MESSAGE_STATE, [state]) => carried.state = Some(*state),
            (MESSAGE_PAYLOAD, [_, ..]) => carried.text = value,
            _ => {}
        }
    }
    carried
}

/// An id or name at the start of `bytes`, up to its NUL or their end. Octets are read as Latin-1: none is lost, and the same
/// ones always are the same text. Empty if there is none, or if it is too long to be one.
pub(super) fn read_id(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|octet| *octet == 0).unwrap_or(bytes.len());
    let id = bytes[..end].trim_ascii();
    if id.len() > ID_MAX { String::new() } else { latin(id) }
}

/// Octets as Latin-1.
pub(super) fn latin(octets: &[u8]) -> String {
    octets.iter().copied().map(char::from).collect()
}

/// What is left of a body.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn octets(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn octet(&mut self) -> Option<u8> {
        self.octets(1).map(|octets| octets[0])
    }

    /// A string up to its NUL, without it.
    fn c_string(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|octet| *octet == 0)?;
        let string = self.octets(end)?;
        self.octets(1)?;
        Some(string)
    }

    /// What deliver_sm and data_sm begin with: the source address and esm_class.
    fn envelope(&mut self) -> Option<(&'a [u8], u8)> {
        self.c_string()?;
        self.octets(2)?;
        let source = self.c_string()?;
        self.octets(2)?;
        self.c_string()?;
        Some((source, self.octet()?))
    }

    /// The next optional parameter: tag, length, value. `None` at the end, or where a length goes beyond it.
    fn parameter(&mut self) -> Option<(u16, &'a [u8])> {
        let head = self.octets(4)?;
        let (tag, length) = (u16::from_be_bytes([head[0], head[1]]), u16::from_be_bytes([head[2], head[3]]));
        Some((tag, self.octets(usize::from(length))?))
    }
}
