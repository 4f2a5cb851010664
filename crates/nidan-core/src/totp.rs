//! Codes of authenticator apps: TOTP (RFC 6238) with SHA-1, six digits and steps of 30 s, which is what every app can do.
//!
//! Two steps are accepted at any moment, the current one and the one before, by the server's clock moved by what was learnt
//! about the app's clock; so two guesses of a million hit. A step is accepted once, and none before it ever again
//! (RFC 6238 §5.2).
//!
//! **Learning the clock** (RFC 6238 §6). The window stays two steps wide and is moved instead. Only a code at the edge of
//! the window says something about the app's clock, and what it says may as well come from a slow person; so one success
//! moves the offset by five seconds, not by a whole step. A whole step down after one slow sign-in would refuse
//! every fresh code from then on.

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::policy::Policy;
use crate::secret::{Secret, same_bytes};
use crate::time::Timestamp;

/// Length of a step in seconds (RFC 6238 §5.2).
pub const STEP_SECONDS: i64 = 30;
/// Digits of a code.
pub const DIGITS: usize = 6;

/// Steps that are accepted at any moment: the current one and the one before.
pub const WINDOW_STEPS: i64 = 2;

/// Steps to either side that are searched once, when an app is enrolled and nothing is known about its clock.
const ENROLMENT_STEPS: i64 = 2;
/// Seconds by which one success moves the learnt offset at most.
const LEARNT_SECONDS: i64 = 5;
/// Seconds after its step began before which nobody has read and typed six digits.
const EARLY_SECONDS: i64 = 5;
/// Seconds after its step began after which a code is typed late: the app stopped showing it 15 s ago.
const LATE_SECONDS: i64 = 45;
/// Seconds after its step began at which a code is typed, as a rule: the middle of its step, and five to type.
const USUAL_SECONDS: i64 = 20;

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The secret that app and server share: 160 bits, as RFC 4226 §4 R6 recommends.
#[derive(Clone)]
pub struct Seed(Secret<[u8; 20]>);

impl Seed {
    /// From 160 fresh random bits.
    pub fn new(random: [u8; 20]) -> Self {
        Self(Secret::new(random))
    }

    /// From what was stored; `None` unless it is 20 bytes.
    pub fn from_slice(stored: &[u8]) -> Option<Self> {
        Some(Self(Secret::new(stored.try_into().ok()?)))
    }

    /// The bytes, to be stored sealed.
    pub fn as_bytes(&self) -> &[u8; 20] {
        self.0.expose()
    }

    /// The key as people type it into an app: base32 (RFC 4648 §6), 32 letters in groups of four.
    pub fn display_key(&self) -> Secret<String> {
        let key = self.base32();
        let mut grouped = Zeroizing::new(String::with_capacity(40));
        for (place, letter) in key.chars().enumerate() {
            if place > 0 && place % 4 == 0 {
                grouped.push(' ');
            }
            grouped.push(letter);
        }
        Secret::new(std::mem::take(&mut *grouped))
    }

    fn base32(&self) -> Zeroizing<String> {
        let mut key = Zeroizing::new(String::with_capacity(32));
        for five_bytes in self.as_bytes().chunks_exact(5) {
            let bits = five_bytes.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
            key.extend((0..8).rev().map(|place| char::from(BASE32[(bits >> (5 * place) & 31) as usize])));
        }
        key
    }
}

/// What the successes so far have taught about one app; stored with its authenticator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Learnt {
    /// Seconds by which the app's clock is ahead of the server's; negative: behind.
    pub drift: i64,
    /// The greatest step ever accepted.
    pub last_step: i64,
}

impl Default for Learnt {
    /// Nothing yet: any step is a later one.
    fn default() -> Self {
        Self { drift: 0, last_step: -1 }
    }
}

/// What the check of a code says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TotpVerdict {
    /// Right, and for the first time: to be stored as the new [`Learnt`] in the same transaction, guarded by the step that
    /// was stored before.
    Accepted {
        /// The step of the code.
        step: i64,
        /// The app's clock by what this success teaches, in seconds.
        drift: i64,
    },
    /// Right, but this code or a later one was accepted before.
    AlreadyUsed,
    /// No code of this moment.
    Wrong,
}

/// The step that `now` lies in by the server's clock.
pub const fn step_at(now: Timestamp) -> i64 {
    now.seconds().div_euclid(STEP_SECONDS)
}

/// The six digits of one step.
pub fn code_at(seed: &Seed, step: i64) -> Secret<String> {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed.as_bytes());
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    // Dynamic truncation, RFC 4226 §5.3: four bytes from where the last half byte says, without the top bit.
    let offset = usize::from(tag[tag.len() - 1] & 0xf);
    let four_bytes = tag[offset..offset + 4].iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    let mut rest = (four_bytes & 0x7fff_ffff) % 1_000_000;
    let mut digits = Zeroizing::new([0; DIGITS]);
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    Secret::new(digits.iter().map(|digit| char::from(*digit)).collect())
}

/// Checks a typed code: `typed` is folded already, six ASCII digits; anything else is [`TotpVerdict::Wrong`]. Every
/// candidate is computed and compared, whichever is right.
pub fn verify(seed: &Seed, typed: &str, now: Timestamp, learnt: Learnt, policy: &Policy) -> TotpVerdict {
    let drift_max = i64::from(policy.totp_drift_steps_max) * STEP_SECONDS;
    let drift = learnt.drift.clamp(-drift_max, drift_max);
    let app_seconds = now.seconds() + drift;
    let current = app_seconds.div_euclid(STEP_SECONDS);
    let is_code_of = |step| same_bytes(code_at(seed, step).expose().as_bytes(), typed.as_bytes());
    // The code accepted last is told from a wrong one even when its time is over.
    let mut verdict = if is_code_of(learnt.last_step) { TotpVerdict::AlreadyUsed } else { TotpVerdict::Wrong };
    for step in current - WINDOW_STEPS + 1..=current {
        let drift = relearnt(drift, app_seconds - step * STEP_SECONDS).clamp(-drift_max, drift_max);
        verdict = match (is_code_of(step), step > learnt.last_step) {
            (true, true) => TotpVerdict::Accepted { step, drift },
            (true, false) => TotpVerdict::AlreadyUsed,
            (false, _) => verdict,
        };
    }
    verdict
}

/// Checks two codes of an app that follow each other, for when one is too little: `first` and then `next`, folded already. One
/// joint verdict, so that nothing is learnt from half a guess; of 10^12 pairs two are accepted. The second code is held
/// against the steps that [`verify`] accepts, the first against the one before; neither may have been used. Every candidate
/// is computed and compared.
pub fn verify_pair(
    seed: &Seed,
    [first, next]: [&str; 2],
    now: Timestamp,
    learnt: Learnt,
    policy: &Policy,
) -> TotpVerdict {
    let drift_max = i64::from(policy.totp_drift_steps_max) * STEP_SECONDS;
    let drift = learnt.drift.clamp(-drift_max, drift_max);
    let app_seconds = now.seconds() + drift;
    let current = app_seconds.div_euclid(STEP_SECONDS);
    let is_code_of = |step, typed: &str| same_bytes(code_at(seed, step).expose().as_bytes(), typed.as_bytes());
    let mut verdict = TotpVerdict::Wrong;
    for step in current - WINDOW_STEPS + 1..=current {
        let drift = relearnt(drift, app_seconds - step * STEP_SECONDS).clamp(-drift_max, drift_max);
        let is_pair = is_code_of(step - 1, first) & is_code_of(step, next);
        verdict = match (is_pair, step - 1 > learnt.last_step) {
            (true, true) => TotpVerdict::Accepted { step, drift },
            (true, false) => TotpVerdict::AlreadyUsed,
            (false, _) => verdict,
        };
    }
    verdict
}

/// Checks the code that confirms a new app, whose clock is not known yet: two steps to either side are accepted, this
/// once. Fresh seeds only, so no step was used.
pub fn enrol(seed: &Seed, typed: &str, now: Timestamp) -> TotpVerdict {
    let current = step_at(now);
    let mut verdict = TotpVerdict::Wrong;
    for distance in [-ENROLMENT_STEPS, ENROLMENT_STEPS, -1, 1, 0] {
        let step = current + distance;
        if same_bytes(code_at(seed, step).expose().as_bytes(), typed.as_bytes()) {
            // Should two steps have the same code, the nearest decides: it comes last.
            verdict = TotpVerdict::Accepted { step, drift: first_drift(now.seconds() - step * STEP_SECONDS) };
        }
    }
    verdict
}

/// The offset after a success, `age` seconds after the code's step began by the app's clock as known: 0 to 59.
const fn relearnt(drift: i64, age: i64) -> i64 {
    if age < EARLY_SECONDS {
        drift + LEARNT_SECONDS // ahead, or a program types: it loses nothing by it
    } else if age >= LATE_SECONDS {
        drift - LEARNT_SECONDS // behind, or a slow person: he has to wait with a fresh code for five seconds at most
    } else {
        drift
    }
}

/// What the first code says about a clock of which nothing is known, `age` seconds after its step began by the server's
/// clock: -60 to 89.
const fn first_drift(age: i64) -> i64 {
    if age < 0 {
        // From the future, so the app is ahead, by as much as usually lies between a step's beginning and a typed code.
        let drift = USUAL_SECONDS - age;
        if drift > ENROLMENT_STEPS * STEP_SECONDS { ENROLMENT_STEPS * STEP_SECONDS } else { drift }
    } else if age < 2 * STEP_SECONDS {
        // Within the window of a right clock.
        0
    } else {
        // Behind, or a slow person: no further than needed.
        LATE_SECONDS - age
    }
}

/// The address that a QR code carries to an app (the "Key URI format" of Google Authenticator). `issuer` is the site's
/// brand, `account_label` what tells the owner's accounts apart; a colon separates them and is dropped from both.
pub fn otpauth_uri(issuer: &str, account_label: &str, seed: &Seed) -> Secret<String> {
    let (issuer, label) = (percent_encoded(issuer), percent_encoded(account_label));
    let key = seed.base32();
    let parts = [
        "otpauth://totp/",
        &issuer,
        ":",
        &label,
        "?secret=",
        &key,
        "&issuer=",
        &issuer,
        "&algorithm=SHA1&digits=6&period=30",
    ];
    let mut uri = Zeroizing::new(String::with_capacity(parts.iter().map(|part| part.len()).sum()));
    parts.iter().for_each(|part| uri.push_str(part));
    Secret::new(std::mem::take(&mut *uri))
}

/// Everything but the unreserved characters of RFC 3986 §2.3 as `%XX`, colons dropped.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes().filter(|byte| *byte != b':') {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => {
                encoded.push('%');
                for half in [byte >> 4, byte & 0xf] {
                    encoded.push(char::from(b"0123456789ABCDEF"[usize::from(half)]));
                }
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests;
