//! The text of a receipt: nothing breaks its reading, and nothing is found that is not there.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nidan_wire::smpp::receipt;

fuzz_target!(|octets: &[u8]| {
    let read = receipt::read(octets);
    assert_eq!(receipt::read(octets), read);
    if let Some(id) = read.id {
        assert!(!id.is_empty() && id.len() <= 255);
        assert!(!id.chars().any(|c| c.is_whitespace() || c.is_control()));
    }
    let has = |name: &[u8]| {
        let plain: Vec<u8> = octets.iter().copied().filter(|octet| *octet != 0).collect();
        plain.windows(name.len()).any(|window| window.eq_ignore_ascii_case(name))
    };
    assert!(read.state.is_none() || has(b"stat:"));
});
