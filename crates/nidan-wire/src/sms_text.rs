//! How much room a text takes in one short message: 3GPP TS 23.038 §6.2 (alphabets) and TS 23.040 §9.2.3.24 (140 octets).
//!
//! A text of the GSM 7 bit default alphabet and its extension table has 160 units of seven bits; a character of the
//! extension table takes two, the escape and its own. One character outside turns the whole text to UCS-2: 70 units of
//! sixteen bits, which phones read as UTF-16, so a character beyond U+FFFF takes two.

/// Units of one message in the GSM 7 bit default alphabet.
pub const GSM7_LIMIT: usize = 160;
/// Units of one message in UCS-2.
pub const UCS2_LIMIT: usize = 70;

/// The GSM 7 bit default alphabet in the order of its codes, without 0x1B, the escape to the extension table.
const GSM7_BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// The code that announces one of the extension table.
const GSM7_ESCAPE: u8 = 0x1b;
/// The extension table with its codes: form feed is its page break.
const GSM7_EXTENSION: [(char, u8); 10] = [
    ('\u{c}', 0x0a),
    ('^', 0x14),
    ('{', 0x28),
    ('}', 0x29),
    ('\\', 0x2f),
    ('[', 0x3c),
    ('~', 0x3d),
    (']', 0x3e),
    ('|', 0x40),
    ('€', 0x65),
];

/// Which alphabet a text needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Alphabet {
    /// The GSM 7 bit default alphabet with its extension table.
    Gsm7,
    /// UCS-2, in practice UTF-16.
    Ucs2,
}

/// The room a text takes, in the units of the alphabet it needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Units {
    /// The alphabet the text needs.
    pub alphabet: Alphabet,
    /// Units the text takes.
    pub used: usize,
    /// Units one message has in that alphabet: 160 or 70.
    pub limit: usize,
}

impl Units {
    /// Units beyond one message; zero if the text fits.
    pub const fn excess(self) -> usize {
        self.used.saturating_sub(self.limit)
    }

    /// Whether one message holds the text.
    pub const fn fit_one_message(self) -> bool {
        self.excess() == 0
    }
}

/// Counts the units of `text` in the smaller alphabet that holds all of it.
pub fn units(text: &str) -> Units {
    match text.chars().map(gsm7_units).sum() {
        Some(used) => Units { alphabet: Alphabet::Gsm7, used, limit: GSM7_LIMIT },
        None => Units { alphabet: Alphabet::Ucs2, used: text.chars().map(char::len_utf16).sum(), limit: UCS2_LIMIT },
    }
}

/// Units of one character in the GSM 7 bit alphabet; `None` if it is in neither table.
fn gsm7_units(character: char) -> Option<usize> {
    gsm7_codes(character).map(|(escape, _)| if escape.is_some() { 2 } else { 1 })
}

/// The codes of one character in the GSM 7 bit alphabet, each of seven bits: its own, after the escape if it is of the
/// extension table. `None` if it is in neither table.
pub(crate) fn gsm7_codes(character: char) -> Option<(Option<u8>, u8)> {
    if let Some(at) = GSM7_BASIC.find(character) {
        let place = u8::try_from(GSM7_BASIC[..at].chars().count()).ok()?;
        return Some((None, if place < GSM7_ESCAPE { place } else { place + 1 }));
    }
    let (_, code) = GSM7_EXTENSION.iter().find(|(extended, _)| *extended == character)?;
    Some((Some(GSM7_ESCAPE), *code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The two tables of TS 23.038 by code point, written down apart from the strings above (after unicode.org's
    /// MAPPINGS/ETSI/GSM0338.TXT).
    fn units_by_code_point(code_point: u32) -> Option<usize> {
        match code_point {
            0x0a | 0x0d | 0x20..=0x23 | 0x25..=0x3f | 0x41..=0x5a | 0x61..=0x7a | 0x24 | 0x40 | 0x5f => Some(1),
            0xa1 | 0xa3 | 0xa4 | 0xa5 | 0xa7 | 0xbf => Some(1),
            0xc4 | 0xc5 | 0xc6 | 0xc7 | 0xc9 | 0xd1 | 0xd6 | 0xd8 | 0xdc | 0xdf => Some(1),
            0xe0 | 0xe4 | 0xe5 | 0xe6 | 0xe8 | 0xe9 | 0xec | 0xf1 | 0xf2 | 0xf6 | 0xf8 | 0xf9 | 0xfc => Some(1),
            0x393 | 0x394 | 0x398 | 0x39b | 0x39e | 0x3a0 | 0x3a3 | 0x3a6 | 0x3a8 | 0x3a9 => Some(1),
            0x0c | 0x5b | 0x5c | 0x5d | 0x5e | 0x7b | 0x7c | 0x7d | 0x7e | 0x20ac => Some(2),
            _ => None,
        }
    }

    #[test]
    fn every_character_takes_what_the_tables_say() {
        let mut buffer = [0; 4];
        let mut in_gsm7 = 0;
        for character in char::MIN..=char::MAX {
            let counted = units(character.encode_utf8(&mut buffer));
            let expected = match units_by_code_point(u32::from(character)) {
                Some(used) => Units { alphabet: Alphabet::Gsm7, used, limit: 160 },
                None => {
                    let used = if u32::from(character) > 0xffff { 2 } else { 1 };
                    Units { alphabet: Alphabet::Ucs2, used, limit: 70 }
                }
            };
            assert_eq!(counted, expected, "U+{:04X}", u32::from(character));
            in_gsm7 += usize::from(counted.alphabet == Alphabet::Gsm7);
        }
        assert_eq!(in_gsm7, 127 + 10, "128 codes less the escape, and ten of the extension table");
    }

    #[test]
    fn limits_are_met_to_the_unit() {
        for (text, alphabet, used, excess) in [
            (String::new(), Alphabet::Gsm7, 0, 0),
            ("a".repeat(160), Alphabet::Gsm7, 160, 0),
            ("a".repeat(161), Alphabet::Gsm7, 161, 1),
            ("€".repeat(80), Alphabet::Gsm7, 160, 0),
            ("[".repeat(81), Alphabet::Gsm7, 162, 2),
            ("あ".repeat(70), Alphabet::Ucs2, 70, 0),
            ("あ".repeat(71), Alphabet::Ucs2, 71, 1),
            ("𠮷".repeat(35), Alphabet::Ucs2, 70, 0),
            ("𠮷".repeat(36), Alphabet::Ucs2, 72, 2),
            // One foreign character, and what took two units takes one.
            ("€`".to_owned(), Alphabet::Ucs2, 2, 0),
            ("a".repeat(70) + "é́", Alphabet::Ucs2, 72, 2),
        ] {
            let units = units(&text);
            assert_eq!((units.alphabet, units.used, units.excess()), (alphabet, used, excess), "{text}");
            assert_eq!(units.fit_one_message(), excess == 0, "{text}");
        }
    }

    proptest! {
        #[test]
        fn one_foreign_character_turns_the_whole_text(text in "[ -_a-z{-~€Ωé]{0,200}", place in 0usize..200) {
            let before = units(&text);
            prop_assert_eq!(before.alphabet, Alphabet::Gsm7);
            let place = text.char_indices().map(|(at, _)| at).nth(place).unwrap_or(text.len());
            let (head, tail) = text.split_at(place);
            let after = units(&format!("{head}段{tail}"));
            prop_assert_eq!(after.alphabet, Alphabet::Ucs2);
            prop_assert_eq!(after.used, text.encode_utf16().count() + 1);
        }

        #[test]
        fn units_add_up_within_an_alphabet(a in "[a-zA-Z€]{0,100}", b in "[0-9|]{0,100}", c in "[あ-ん𠮷]{1,50}", d in "[亜-龠]{1,50}") {
            prop_assert_eq!(units(&format!("{a}{b}")).used, units(&a).used + units(&b).used);
            prop_assert_eq!(units(&format!("{c}{d}")).used, units(&c).used + units(&d).used);
        }
    }
}
