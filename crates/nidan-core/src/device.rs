//! Devices on which a second step was completed: their tokens rotate, and a token stolen from one gives itself away.
//!
//! Every answer to a presented token returns its successor. The old value lives until the successor is presented once, so
//! that a lost answer locks nobody out; an old value after that means that two hold the token, and the device is ended.

use crate::policy::Policy;
use crate::time::Timestamp;
use crate::token::TokenHash;

/// A device as it is kept.
#[derive(Clone, Copy, Debug)]
pub struct Device {
    /// The token presented last, or handed out first.
    pub token: TokenHash,
    /// Its successor, handed out and not presented yet.
    pub successor: Option<TokenHash>,
    /// Whether its owner chose that codes are skipped on it.
    pub trusted: bool,
    /// The account's security epoch when the device was made.
    pub sec_epoch: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its token was presented last.
    pub last_used_at: Timestamp,
}

/// What a presented device token is worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// The device: the owner completed a second step on it before.
    Known {
        /// Whether the code is skipped.
        trusted: bool,
        /// Whether it was the successor that was presented, so that the old value is dead from now on.
        advanced: bool,
    },
    /// Neither the token nor its successor: an old one whose successor was used. Somebody has a copy.
    Reused,
    /// Too old, unused for too long, or ended by a change of the account: worth nothing.
    Expired,
}

impl Device {
    /// Judges a presented token of this device; `epoch` is the account's security epoch now.
    pub fn present(&self, presented: &TokenHash, epoch: i64, now: Timestamp, policy: &Policy) -> Standing {
        if self.sec_epoch != epoch || !self.is_alive(now, policy) {
            return Standing::Expired;
        }
        let is_token = self.token.same(presented);
        let is_successor = self.successor.is_some_and(|successor| successor.same(presented));
        match (is_token, is_successor) {
            (true, _) => Standing::Known { trusted: self.trusted, advanced: false },
            (_, true) => Standing::Known { trusted: self.trusted, advanced: true },
            (false, false) => Standing::Reused,
        }
    }

    /// Whether it is within both its lives.
    pub fn is_alive(&self, now: Timestamp, policy: &Policy) -> bool {
        now < self.expires_at(policy)
    }

    /// When it expires if it is not used again.
    pub fn expires_at(&self, policy: &Policy) -> Timestamp {
        self.created_at.plus(policy.device_life).min(self.last_used_at.plus(policy.device_idle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

    fn hash(byte: u8) -> TokenHash {
        TokenHash::from_bytes([byte; 32])
    }

    fn device() -> Device {
        Device {
            token: hash(2),
            successor: Some(hash(3)),
            trusted: true,
            sec_epoch: 1,
            created_at: NOW,
            last_used_at: NOW,
        }
    }

    #[test]
    fn token_and_successor_are_known_and_anything_else_is_reuse() {
        let policy = Policy::default();
        let standing = |byte| device().present(&hash(byte), 1, NOW, &policy);
        assert_eq!(standing(2), Standing::Known { trusted: true, advanced: false });
        assert_eq!(standing(3), Standing::Known { trusted: true, advanced: true });
        assert_eq!(standing(1), Standing::Reused);
        let first = Device { successor: None, ..device() };
        assert_eq!(first.present(&hash(3), 1, NOW, &policy), Standing::Reused);
    }

    #[test]
    fn another_epoch_and_either_end_of_life_make_it_worthless() {
        let policy = Policy::default();
        assert_eq!(device().present(&hash(2), 2, NOW, &policy), Standing::Expired);
        for (last_used, now, alive) in [
            (0, policy.device_idle.as_ms() - 1, true),
            (0, policy.device_idle.as_ms(), false),
            (policy.device_life.as_ms() - 1000, policy.device_life.as_ms() - 1, true),
            (policy.device_life.as_ms() - 1000, policy.device_life.as_ms(), false),
        ] {
            let device = Device { last_used_at: NOW.plus(Span::ms(last_used)), ..device() };
            let standing = device.present(&hash(2), 1, NOW.plus(Span::ms(now)), &policy);
            assert_eq!(standing != Standing::Expired, alive, "{last_used} {now}");
        }
    }
}
