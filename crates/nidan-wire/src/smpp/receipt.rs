//! What became of a message, as carriers write it: SMPP 3.4 §2.11, §5.2.12, Appendix B.
//!
//! The standard has two forms, optional parameters and a text, and calls the text "vendor specific". So it is: fields are
//! missing, change places and case, come in UCS-2 or in message_payload. Two things are asked for, the message's id and
//! its state; whatever else is written is not read, least of all `text:`, which repeats what was sent.

use std::fmt;

use zeroize::Zeroizing;

use super::pdu::{Carried, ESM_INTERMEDIATE, ESM_KIND, ESM_RECEIPT, ESM_UDHI, latin, read_id};

/// message_state: SMPP 3.4 §5.2.28.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageState {
    /// On its way.
    EnRoute,
    /// It reached the phone.
    Delivered,
    /// Its validity ended first.
    Expired,
    /// Somebody deleted it.
    Deleted,
    /// It cannot be delivered.
    Undeliverable,
    /// Customer service read it in the phone's place.
    Accepted,
    /// The carrier does not know, or says what nobody understands.
    Unknown,
    /// It was refused.
    Rejected,
}

impl MessageState {
    /// From the optional parameter; SCHEDULED and SKIPPED are of SMPP 5.0.
    const fn of(code: u8) -> Option<Self> {
        Some(match code {
            0 | 1 => Self::EnRoute,
            2 => Self::Delivered,
            3 => Self::Expired,
            4 => Self::Deleted,
            5 => Self::Undeliverable,
            6 => Self::Accepted,
            7 => Self::Unknown,
            8 | 9 => Self::Rejected,
            _ => return None,
        })
    }

    /// From the word after `stat:`. The standard's words have seven letters; some write them out, others write the code.
    fn of_word(word: &str) -> Self {
        const WORDS: [(&str, MessageState); 14] = [
            ("DELIV", MessageState::Delivered),
            ("UNDEL", MessageState::Undeliverable),
            ("EXPIR", MessageState::Expired),
            ("DELET", MessageState::Deleted),
            ("ENROU", MessageState::EnRoute),
            ("EN_RO", MessageState::EnRoute),
            ("SCHED", MessageState::EnRoute),
            ("BUFFE", MessageState::EnRoute),
            ("ACCEP", MessageState::Accepted),
            ("REJEC", MessageState::Rejected),
            ("SKIPP", MessageState::Rejected),
            ("FAIL", MessageState::Undeliverable),
            ("UNKNO", MessageState::Unknown),
            ("NO_RO", MessageState::Undeliverable),
        ];
        if let Some(state) = word.parse().ok().and_then(Self::of) {
            return state;
        }
        let word = word.to_ascii_uppercase();
        WORDS.iter().find(|(start, _)| word.starts_with(start)).map_or(Self::Unknown, |(_, state)| *state)
    }
}

/// A receipt.
#[derive(Clone, PartialEq, Eq)]
pub struct ReceiptPdu {
    /// The carrier's id of the message, as written here: gateways write it in hex in one place and in decimal in another.
    pub id: String,
    /// The number that the message went to, as written.
    pub number: String,
    /// What it says.
    pub state: MessageState,
}

impl fmt::Debug for ReceiptPdu {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, number: _, state } = self;
        out.debug_struct("ReceiptPdu").field("id", id).field("state", state).finish_non_exhaustive()
    }
}

/// The receipt in a deliver_sm or data_sm; `None` if there is none that can be understood.
///
/// Optional parameters go before text, each on its own. Text counts only where esm_class says that the short message centre
/// wrote it: anybody can send us "id:… stat:DELIVRD" from a phone. An intermediate notification tells of one attempt, so
/// that a failure in it is not the end.
pub(super) fn receipt(carried: &Carried<'_>) -> Option<ReceiptPdu> {
    let kind = carried.esm_class & ESM_KIND;
    let is_final = kind & ESM_RECEIPT != 0;
    let by_centre = is_final || kind & ESM_INTERMEDIATE != 0;
    let text = if by_centre { read(without_header(carried)) } else { ReceiptText::default() };
    if !by_centre && carried.receipted_id.is_none() {
        return None;
    }
    let stated = carried.state.and_then(MessageState::of).or(text.state);
    let state = match stated.or(carried.state.map(|_| MessageState::Unknown))? {
        state if is_final || !by_centre => state,
        MessageState::Delivered => MessageState::Delivered,
        _ => MessageState::EnRoute,
    };
    let id = carried.receipted_id.clone().or(text.id)?;
    Some(ReceiptPdu { id, number: read_id(carried.source), state })
}

/// The text behind its user data header, if there is one.
fn without_header<'a>(carried: &Carried<'a>) -> &'a [u8] {
    match carried.text {
        [length, rest @ ..] if carried.esm_class & ESM_UDHI != 0 => {
            rest.get(usize::from(*length)..).unwrap_or_default()
        }
        text => text,
    }
}

/// What a receipt's text says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReceiptText {
    /// After `id:`.
    pub id: Option<String>,
    /// After `stat:`.
    pub state: Option<MessageState>,
}

/// Reads the text of a receipt, in whatever alphabet it came: what is asked for is ASCII in each of them, so the octets tell
/// more reliably than data_coding, which is often wrong here. Of two fields of one name the first counts: `text:` comes last,
/// and behind it anything may stand.
pub fn read(octets: &[u8]) -> ReceiptText {
    let text = Zeroizing::new(characters(octets));
    ReceiptText { id: word(&text, "id").map(str::to_owned), state: word(&text, "stat").map(MessageState::of_word) }
}

/// The text, read as UCS-2 if it begins like ASCII in UCS-2, of either byte order; else as the GSM 7 bit alphabet where that
/// has a character that ids are made of, and ASCII a control character.
fn characters(octets: &[u8]) -> String {
    let octets = octets.strip_prefix(&[0xfe, 0xff]).or(octets.strip_prefix(&[0xff, 0xfe])).unwrap_or(octets);
    match octets {
        [0, 1..=255, ..] => wide(octets, u16::from_be_bytes),
        [1..=255, 0, ..] => wide(octets, u16::from_le_bytes),
        _ => latin(octets).replace('\0', "@").replace('\u{11}', "_"),
    }
}

fn wide(octets: &[u8], unit: impl Fn([u8; 2]) -> u16) -> String {
    let units = octets.as_chunks().0.iter().map(|pair| unit(*pair));
    char::decode_utf16(units).map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// The word after the first `name:`; none if there is none.
fn word<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let value = text[field(text, name)? + name.len() + 1..].trim_start_matches([' ', '\t']);
    let end = value.find(|c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | ';' | '|'));
    let value = &value[..end.unwrap_or(value.len())];
    let is_field = NAMES.iter().any(|other| field(value, other) == Some(0));
    (!value.is_empty() && value.len() <= 255 && !is_field).then_some(value)
}

/// The fields of Appendix B, the dates by their last word.
const NAMES: [&str; 7] = ["id", "sub", "dlvrd", "date", "stat", "err", "text"];

/// Where `name:` stands as a word of its own, in any case.
fn field(text: &str, name: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let is_here = |at: &usize| {
        let (before, here) = bytes.split_at(*at);
        before.last().is_none_or(|octet| !octet.is_ascii_alphanumeric() && *octet != b'_' && octet.is_ascii())
            && here.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
            && here.get(name.len()) == Some(&b':')
    };
    (0..bytes.len()).find(is_here)
}
