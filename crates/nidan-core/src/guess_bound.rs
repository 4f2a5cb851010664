//! How likely a stranger is to guess his way in within a year: computed from the policy, so that the published figures
//! (docs/decisions/0017-what-a-guess-can-win.md) are those of the rules in force.
//!
//! A guess at one of N codes, of which w are accepted at the moment, hits with w/N. So n guesses, of which none is
//! given back but by a success, hit with 1 − (1 − w/N)ⁿ. Assumed is the worst: the password is known, and the thief uses every guess
//! the ladder leaves him, in the year in which he gets most, each where it is most likely to hit.

use crate::code::Digits;
use crate::policy::Policy;
use crate::totp;

/// What a guess is held against.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Against {
    /// A code that was sent: one counts.
    Sent,
    /// A code of an authenticator app: as many steps count as the window is wide, and later on two in a row have to be right.
    App,
}

impl Against {
    /// The chance of a guess while six digits do, and after that.
    fn chances(self) -> (f64, f64) {
        let codes = |digits: Digits| 10_f64.powi(digits.count() as i32);
        let window = totp::WINDOW_STEPS as f64;
        match self {
            Self::Sent => (1.0 / codes(Digits::Six), 1.0 / codes(Digits::Eight)),
            Self::App => (window / codes(Digits::Six), window / codes(Digits::Six).powi(2)),
        }
    }
}

/// The probability that a stranger who knows the password gets into one account within a year.
pub fn yearly(against: Against, policy: &Policy) -> f64 {
    let (six, longer) = against.chances();
    let six_guesses = policy.ladder_six_max.min(policy.ladder_year_max);
    at_least_one(&[(six, six_guesses), (longer, policy.ladder_year_max - six_guesses)])
}

/// The same for somebody who also holds the token of a known device, in the life of that token: its own bucket, and six digits.
pub fn with_device(against: Against, policy: &Policy) -> f64 {
    at_least_one(&[(against.chances().0, policy.device_guesses_life_max)])
}

/// The probability that at least one hits, of so many guesses at each chance.
fn at_least_one(guesses: &[(f64, u8)]) -> f64 {
    let none_hits: f64 = guesses.iter().map(|(chance, count)| f64::from(*count) * (-chance).ln_1p()).sum();
    -none_hits.exp_m1()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = include_str!("../../../docs/decisions/0017-what-a-guess-can-win.md");

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() < other * 0.001
    }

    #[test]
    fn the_bound_is_its_formula() {
        let policy = Policy::default();
        assert!(close(yearly(Against::Sent, &policy), 10e-6 + 190e-8));
        assert!(close(yearly(Against::App, &policy), 20e-6 + 380e-12));
        assert!(close(with_device(Against::Sent, &policy), 20e-6));
        assert!(close(with_device(Against::App, &policy), 40e-6));
        let all_six = Policy { ladder_six_max: 200, ..Policy::default() };
        assert!(yearly(Against::Sent, &all_six) > 0.000_199);
        let none = Policy { ladder_six_max: 0, ladder_year_max: 0, ..Policy::default() };
        assert_eq!(yearly(Against::App, &none), 0.0);
        assert!((at_least_one(&[(0.5, 2)]) - 0.75).abs() < 1e-12);
    }

    /// Each row of the page's table is what the code computes: probability and accounts of ten million.
    #[test]
    fn the_published_figures_are_those_of_the_rules() {
        let policy = Policy::default();
        let document = DOCUMENT.split_whitespace().collect::<Vec<_>>().join(" ");
        for (row, chance) in [
            ("code by SMS, call or e-mail", yearly(Against::Sent, &policy)),
            ("code of the app", yearly(Against::App, &policy)),
            ("with a stolen device token, code by SMS", with_device(Against::Sent, &policy)),
            ("with a stolen device token, code of the app", with_device(Against::App, &policy)),
        ] {
            let expected = format!("| {row} | {:.5} % | {:.0} |", chance * 100.0, chance * 1e7);
            assert!(document.contains(&expected), "{expected}");
        }
        for number in [
            format!("{} guesses at six digits", policy.ladder_six_max),
            format!("{} in all", policy.ladder_year_max),
            format!("{} in the life of a device's token", policy.device_guesses_life_max),
        ] {
            assert!(document.contains(&number), "{number}");
        }
    }
}
