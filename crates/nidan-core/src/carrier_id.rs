//! The ids that carriers give to messages. Many a carrier writes one id in two ways: in hexadecimal when it takes the message
//! and in decimal in the receipt, or the other way round, with or without leading zeros, in capitals or not.

/// Digits by which numbers are compared: carriers write them with the country code, with a zero, or with a plus.
const NUMBER_DIGITS: usize = 8;

/// The one spelling under which a message is kept.
pub fn folded(id: &str) -> String {
    let id = id.trim().to_ascii_lowercase();
    match id.trim_start_matches('0') {
        "" => id.get(..1).unwrap_or_default().to_owned(),
        rest => rest.to_owned(),
    }
}

/// The spellings under which a receipt's message may be kept, in the order to look: as it is written, then in the other
/// radix. Ids of more than 128 bits are no numbers.
pub fn spellings(id: &str) -> Vec<String> {
    let literal = folded(id);
    let other = |radix| u128::from_str_radix(&literal, radix).ok().filter(|_| !literal.starts_with('+'));
    let in_hex = other(10).map(|number| format!("{number:x}"));
    let in_decimal = other(16).map(|number| number.to_string());
    let mut spellings = vec![literal];
    for spelling in [in_hex, in_decimal].into_iter().flatten() {
        if !spellings.contains(&spelling) {
            spellings.push(spelling);
        }
    }
    spellings
}

/// The end of a number, as all carriers write it.
pub fn number_end(number: &str) -> String {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    digits[digits.len().saturating_sub(NUMBER_DIGITS)..].iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_in_either_radix() {
        for (taken_as, told_as) in [
            ("1a2b3c", "1715004"),
            ("1715004", "1A2B3C"),
            ("00000017", "17"),
            ("17", "0000000017"),
            ("FFFFFFFFFFFFFFFF", "18446744073709551615"),
            ("18446744073709551615", "ffffffffffffffff"),
            ("5C9A7F42-18D4-4FCE-9B17-0E1A3E1C9E10", "5c9a7f42-18d4-4fce-9b17-0e1a3e1c9e10"),
            ("0", "0000"),
            (" 42 ", "42"),
        ] {
            assert!(spellings(told_as).contains(&folded(taken_as)), "{taken_as} {told_as}");
        }
    }

    #[test]
    fn as_written_comes_first() {
        assert_eq!(spellings("0010"), ["10", "a", "16"]);
        assert_eq!(spellings("9"), ["9"]);
        assert_eq!(spellings("7F"), ["7f", "127"]);
        assert_eq!(spellings("SM7f"), ["sm7f"]);
        assert_eq!(spellings(""), [""]);
        assert_eq!(spellings("+7"), ["+7"]);
        let long = "f".repeat(33);
        assert_eq!(spellings(&long), [long.as_str()]);
    }

    #[test]
    fn another_id_is_another() {
        for (one, other) in [("10", "11"), ("a", "b"), ("1a2b3c", "1715005"), ("", "0")] {
            assert!(!spellings(one).contains(&folded(other)), "{one} {other}");
        }
    }

    #[test]
    fn numbers_are_compared_by_their_end() {
        for number in ["+819012345678", "09012345678", "819012345678", "0081 90-1234-5678", "12345678"] {
            assert_eq!(number_end(number), "12345678");
        }
        assert_eq!(number_end("110"), "110");
        assert_eq!(number_end("a name"), "");
    }
}
