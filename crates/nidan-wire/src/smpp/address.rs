//! Who a message is from and to: an address with type of number (TON) and numbering plan (NPI), SMPP 3.4 §5.2.5, §5.2.6.

use zeroize::Zeroizing;

/// TON and NPI of an address whose kind nobody knows.
const UNKNOWN: (u8, u8) = (0, 0);
/// An international number of E.164, without its plus.
const INTERNATIONAL: (u8, u8) = (1, 1);
/// A number as it is dialled within the country.
const NATIONAL: (u8, u8) = (2, 1);
/// A short code: "network specific", the plan of no standard.
const SHORT_CODE: (u8, u8) = (3, 0);
/// A name.
const ALPHANUMERIC: (u8, u8) = (5, 0);

/// Octets of an address, without its NUL: SMPP 3.4 §5.2.8.
const LENGTH_MAX: usize = 20;

/// An address of a message. No `Debug`: it may be somebody's number.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    pub(super) ton: u8,
    pub(super) npi: u8,
    pub(super) digits: Zeroizing<String>,
}

/// Why something is no address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddressInvalid {
    /// Nothing is left of it.
    #[error("is empty")]
    Empty,
    /// It has more than the 20 octets that SMPP leaves it.
    #[error("has more than 20 characters")]
    Long,
    /// It has a character that its kind has not: a destination other than a digit, a sender other than a printable one of
    /// ASCII, since the alphabets of carriers differ in the rest.
    #[error("has a character that cannot be sent")]
    Character,
}

impl Address {
    /// The phone number a message goes to: E.164, with or without its plus, which SMPP does not carry.
    pub fn destination(e164: &str) -> Result<Self, AddressInvalid> {
        Self::checked(INTERNATIONAL, e164.strip_prefix('+').unwrap_or(e164), |octet| octet.is_ascii_digit())
    }

    /// Who a message is from, with the TON and NPI that the carrier asks for; none: what the look of it says, as
    /// [`guess`] has it.
    pub fn sender(sender: &str, ton: Option<u8>, npi: Option<u8>) -> Result<Self, AddressInvalid> {
        let kind = guess(sender);
        let written = if kind == ALPHANUMERIC { sender } else { sender.strip_prefix('+').unwrap_or(sender) };
        let kind = (ton.unwrap_or(kind.0), npi.unwrap_or(kind.1));
        Self::checked(kind, written, |octet| (b' '..=b'~').contains(&octet))
    }

    fn checked((ton, npi): (u8, u8), written: &str, has: fn(u8) -> bool) -> Result<Self, AddressInvalid> {
        match written {
            "" => Err(AddressInvalid::Empty),
            _ if !written.bytes().all(has) => Err(AddressInvalid::Character),
            _ if written.len() > LENGTH_MAX => Err(AddressInvalid::Long),
            _ => Ok(Self { ton, npi, digits: Zeroizing::new(written.to_owned()) }),
        }
    }
}

/// TON and NPI of a sender by its look, as carriers mostly want them; the standard leaves it to them.
///
/// A name is (5, 0). A plus, or nine digits and more that do not begin with zero, is an international number (1, 1). A
/// leading zero is the trunk prefix of a national number (2, 1). Three to eight digits are a short code: (3, 0), as Telin,
/// Voxox and most aggregators have it; those who call it abbreviated (6) need it in the settings.
pub fn guess(sender: &str) -> (u8, u8) {
    let digits = sender.strip_prefix('+').unwrap_or(sender);
    if digits.is_empty() || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return ALPHANUMERIC;
    }
    match digits.len() {
        _ if digits.len() < sender.len() => INTERNATIONAL,
        3..=8 if !digits.starts_with('0') => SHORT_CODE,
        9.. if !digits.starts_with('0') => INTERNATIONAL,
        5.. => NATIONAL,
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_known_by_its_look() {
        for (sender, kind) in [
            ("Example", ALPHANUMERIC),
            ("1-2-Step", ALPHANUMERIC),
            ("+", ALPHANUMERIC),
            ("+819012345678", INTERNATIONAL),
            ("819012345678", INTERNATIONAL),
            ("+1234", INTERNATIONAL),
            ("123456789", INTERNATIONAL),
            ("09012345678", NATIONAL),
            ("0312345678", NATIONAL),
            ("00112", NATIONAL),
            ("184", SHORT_CODE),
            ("241624", SHORT_CODE),
            ("20404040", SHORT_CODE),
            ("12", UNKNOWN),
            ("012", UNKNOWN),
        ] {
            assert_eq!(guess(sender), kind, "{sender}");
        }
    }

    #[test]
    fn an_address_is_written_without_its_plus() {
        let read = |address: Result<Address, _>| address.map(|a| (a.ton, a.npi, a.digits.to_string()));
        assert_eq!(read(Address::destination("+819012345678")), Ok((1, 1, "819012345678".into())));
        assert_eq!(read(Address::sender("+819012345678", None, None)), Ok((1, 1, "819012345678".into())));
        assert_eq!(read(Address::sender("A+", None, None)), Ok((5, 0, "A+".into())));
        assert_eq!(read(Address::sender("241624", Some(6), None)), Ok((6, 0, "241624".into())));
        assert_eq!(read(Address::sender("241624", None, Some(8))), Ok((3, 8, "241624".into())));
    }

    #[test]
    fn what_does_not_go_into_the_field_is_refused() {
        for (written, error) in [
            ("+", AddressInvalid::Empty),
            ("", AddressInvalid::Empty),
            ("+81901234\u{0}5678", AddressInvalid::Character),
            ("８１９０", AddressInvalid::Character),
            ("+81-90-1234-5678", AddressInvalid::Character),
            ("++819012345678", AddressInvalid::Character),
            ("123456789012345678901", AddressInvalid::Long),
        ] {
            assert_eq!(Address::destination(written).err(), Some(error), "{written:?}");
        }
        assert_eq!(Address::sender("例社", None, None).err(), Some(AddressInvalid::Character));
        assert!(Address::sender("12345678901234567890", None, None).is_ok());
    }
}
