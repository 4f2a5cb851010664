//! Where a request comes from, as limits count it: by network, in binary, so that no spelling and no wealth of addresses
//! makes one source look like many. Whose word on an address is believed is not decided here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// 64:ff9b::/96, the prefix under which translators show IPv4 addresses (RFC 6052 §2.1).
const TRANSLATED: u128 = 0x0064_ff9b << 96;

/// The network that a client's address lies in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ClientNetwork(IpAddr);

/// A prefix of an address: family, length and the bits before the length. What a counter's key is made of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Prefix([u8; 18]);

impl Prefix {
    /// The bytes, the same for the same network and for no other.
    pub const fn as_bytes(&self) -> &[u8; 18] {
        &self.0
    }

    fn v4(address: Ipv4Addr, bits: u8) -> Self {
        let kept = address.to_bits() & u32::MAX << (32 - u32::from(bits));
        Self::new(4, bits, u128::from(kept) << 96)
    }

    fn v6(address: Ipv6Addr, bits: u8) -> Self {
        Self::new(6, bits, address.to_bits() & u128::MAX << (128 - u32::from(bits)))
    }

    fn new(family: u8, bits: u8, kept: u128) -> Self {
        let mut bytes = [family; 18];
        bytes[1] = bits;
        bytes[2..].copy_from_slice(&kept.to_be_bytes());
        Self(bytes)
    }
}

impl ClientNetwork {
    /// Of a client's address. IPv4 within IPv6 (`::ffff:192.0.2.1`, RFC 4291 §2.5.5.2; `64:ff9b::192.0.2.1`) is IPv4.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) if address.to_bits() >> 32 == TRANSLATED >> 32 => {
                IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() as u32))
            }
            canonical => canonical,
        })
    }

    /// One source: an IPv4 address, or the /64 that one line has all addresses of.
    pub fn source(&self) -> Prefix {
        match self.0 {
            IpAddr::V4(address) => Prefix::v4(address, 32),
            IpAddr::V6(address) => Prefix::v6(address, 64),
        }
    }

    /// The network around it: IPv4 /24, or the /48 that one customer gets.
    pub fn wide(&self) -> Prefix {
        match self.0 {
            IpAddr::V4(address) => Prefix::v4(address, 24),
            IpAddr::V6(address) => Prefix::v6(address, 48),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn network(address: &str) -> ClientNetwork {
        ClientNetwork::of(address.parse().expect("an address"))
    }

    /// T07: whatever is changed behind the prefix, and however it is written, it is one source.
    #[test]
    fn t07_spellings_and_neighbours_are_one_source() {
        for (one, other, source, wide) in [
            ("192.0.2.1", "192.0.2.1", true, true),
            ("192.0.2.1", "192.0.2.2", false, true),
            ("192.0.2.1", "192.0.3.1", false, false),
            ("192.0.2.1", "::ffff:192.0.2.1", true, true),
            ("192.0.2.1", "::FFFF:C000:0201", true, true),
            ("192.0.2.1", "64:ff9b::c000:201", true, true),
            ("192.0.2.1", "64:ff9c::c000:201", false, false),
            ("2001:db8::1", "2001:0DB8:0:0:ffff:ffff:ffff:ffff", true, true),
            ("2001:db8::1", "2001:db8:0:1::1", false, true),
            ("2001:db8::1", "2001:db8:1::1", false, false),
            ("::1", "0.0.0.1", false, false),
            ("0.0.0.0", "::", false, false),
        ] {
            let (one, other) = (network(one), network(other));
            assert_eq!(one.source() == other.source(), source, "{one:?} {other:?}");
            assert_eq!(one.wide() == other.wide(), wide, "{one:?} {other:?}");
        }
    }

    proptest! {
        #[test]
        fn a_prefix_is_its_bits_and_nothing_else(one: u128, other: u128, four: u32, fourth: u32) {
            let v6 = |bits: u128| ClientNetwork::of(Ipv6Addr::from_bits(bits).into());
            let is_plain = |bits: u128| bits >> 32 != 0xffff && bits >> 32 != TRANSLATED >> 32;
            prop_assume!(is_plain(one) && is_plain(other));
            prop_assert_eq!(v6(one).source() == v6(other).source(), one >> 64 == other >> 64);
            prop_assert_eq!(v6(one).wide() == v6(other).wide(), one >> 80 == other >> 80);
            let same_line = one >> 64 << 64 | other & u128::from(u64::MAX);
            prop_assert_eq!(v6(one).source(), v6(same_line).source());
            let v4 = |bits: u32| ClientNetwork::of(Ipv4Addr::from_bits(bits).into());
            prop_assert_eq!(v4(four).source() == v4(fourth).source(), four == fourth);
            prop_assert_eq!(v4(four).wide() == v4(four ^ fourth & 0xff).wide(), true);
            prop_assert_ne!(v4(four).source(), v6(one).source());
            prop_assert_ne!(v4(four).source(), v4(four).wide());
        }
    }
}
