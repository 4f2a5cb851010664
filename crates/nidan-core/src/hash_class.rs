//! What an unknown address costs. Accounts that came from other systems have password hashes of another cost until their
//! owners sign in, so an address without an account is given a kind of hash as well: always the same for the same address,
//! and over all addresses in the proportion in which the accounts have them.

/// Which of `kinds`, each with the number of accounts that have it, an address gets. `draw` is a keyed hash of address and
/// kind, as a number. `None` if there are no accounts.
///
/// Each kind draws a lot and the best one, weighted, wins (weighted rendezvous hashing). So when accounts move from one kind
/// to another, addresses only leave the shrinking kind or join the growing one: as accounts do, when their owners sign in.
pub fn of_unknown<'k, K: ?Sized>(
    kinds: impl IntoIterator<Item = (&'k K, u64)>,
    draw: impl Fn(&K) -> u64,
) -> Option<&'k K> {
    let lots = kinds.into_iter().filter(|(_, accounts)| *accounts > 0).map(|(kind, accounts)| {
        // In (0, 1): 53 bits fit a float exactly.
        let uniform = ((draw(kind) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        (kind, -uniform.ln() / accounts as f64)
    });
    lots.min_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(kind, _)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Anything that mixes well: splitmix64.
    fn draw(address: u64, kind: &str) -> u64 {
        let seed = kind.bytes().fold(address.wrapping_mul(0x9E37_79B9_7F4A_7C15), |sum, b| {
            (sum ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3)
        });
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn of(address: u64, kinds: &[(&'static str, u64)]) -> Option<&'static str> {
        of_unknown(kinds.iter().copied(), |kind| draw(address, kind))
    }

    #[test]
    fn kinds_come_in_their_proportion() {
        let kinds = [("own", 600), ("bcrypt", 300), ("scrypt", 100), ("gone", 0)];
        let mut counts = [0_i64; 4];
        for address in 0..100_000 {
            let got = of(address, &kinds).expect("there are accounts");
            let place = kinds.iter().position(|(kind, _)| *kind == got).expect("one of them");
            counts[place] += 1;
        }
        for (count, expected) in counts.into_iter().zip([60_000, 30_000, 10_000, 0]) {
            assert!((count - expected).abs() < 800, "{counts:?}"); // five standard deviations
        }
    }

    #[test]
    fn only_addresses_of_a_shrinking_kind_change() {
        let (before, after) =
            ([("own", 500), ("bcrypt", 300), ("scrypt", 200)], [("own", 600), ("bcrypt", 200), ("scrypt", 200)]);
        let mut moved = 0;
        for address in 0..20_000 {
            let (was, is) = (of(address, &before), of(address, &after));
            assert!(was == is || was == Some("bcrypt") || is == Some("own"), "{address}: {was:?} to {is:?}");
            moved += usize::from(was != is);
        }
        assert!(moved > 1_000, "{moved}");
    }

    #[test]
    fn without_accounts_there_is_none() {
        assert_eq!(of(1, &[]), None);
        assert_eq!(of(1, &[("own", 0)]), None);
    }
}
