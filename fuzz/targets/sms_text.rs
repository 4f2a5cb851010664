//! The room a text takes: never less than one unit a character, and no more for two texts together than for each.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nidan_wire::sms_text::{Alphabet, units};

fuzz_target!(|input: (&str, &str)| {
    let (head, tail) = input;
    let whole = units(&format!("{head}{tail}"));
    let (head_units, tail_units) = (units(head), units(tail));
    assert!(whole.used >= head.chars().count() + tail.chars().count());
    assert_eq!(whole.excess() == 0, whole.fit_one_message());
    assert_eq!(whole.fit_one_message(), whole.used <= whole.limit);
    let both = [head_units, tail_units];
    let is_gsm7 = both.iter().all(|units| units.alphabet == Alphabet::Gsm7);
    assert_eq!(whole.alphabet == Alphabet::Gsm7, is_gsm7);
    if is_gsm7 || both.iter().all(|units| units.alphabet == Alphabet::Ucs2) {
        assert_eq!(whole.used, head_units.used + tail_units.used);
    }
});
