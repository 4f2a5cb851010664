//! Lanes: what strangers may use up is kept apart from what the owner needs, by what has been proven. Limits that a stranger
//! can use up would lock the owner out.

/// By what has been proven, whose budgets a message is charged to. Its number is stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Lane {
    /// The right password, on a device that completed the second step before: its token proves it, trusted or not.
    K = 1,
    /// The right password, on an unknown device.
    U = 2,
    /// A number that is not verified yet: setup and change.
    S = 3,
    /// Nothing: sign-up, password forgotten, recovery. Gets e-mails only.
    R = 4,
}

/// What has been proven when a message is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Proven {
    /// The password was right, here or by the word of a site whose key may say so; or a session is asking.
    pub password: bool,
    /// A token was presented of a device that completed the second step before and still stands.
    pub known_device: bool,
    /// The destination was verified before.
    pub destination: bool,
    /// The account's e-mail address was verified, or a site vouches for the account.
    pub address: bool,
}

impl Lane {
    /// Every lane.
    pub const ALL: [Self; 4] = [Self::K, Self::U, Self::S, Self::R];

    /// The lane of a message.
    pub const fn of(proven: &Proven) -> Self {
        match *proven {
            Proven { password: false, .. } => Self::R,
            Proven { destination: false, address, .. } => {
                if address {
                    Self::S
                } else {
                    Self::R
                }
            }
            Proven { known_device, .. } => {
                if known_device {
                    Self::K
                } else {
                    Self::U
                }
            }
        }
    }

    /// Its name in the ledger, in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::K => "known_device",
            Self::U => "password_only",
            Self::S => "unverified_number",
            Self::R => "nothing_proven",
        }
    }

    /// The number in the database.
    pub const fn stored(self) -> i64 {
        self as i64
    }

    /// The lane of a stored number; `None` for one that this version does not know.
    pub fn from_stored(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.stored() == number)
    }

    /// Whether it signs an owner in. Money and reserves are kept for these before all others.
    pub const fn signs_in(self) -> bool {
        matches!(self, Self::K | Self::U)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_of_proofs_has_its_lane() {
        for bits in 0..16_u8 {
            let bit = |place: u8| bits >> place & 1 == 1;
            let proven = Proven { password: bit(0), known_device: bit(1), destination: bit(2), address: bit(3) };
            let expected = match (bit(0), bit(1), bit(2), bit(3)) {
                (false, ..) | (true, _, false, false) => Lane::R,
                (true, _, false, true) => Lane::S,
                (true, true, true, _) => Lane::K,
                (true, false, true, _) => Lane::U,
            };
            assert_eq!(Lane::of(&proven), expected, "{proven:?}");
        }
    }

    #[test]
    fn stored_numbers_stay() {
        assert_eq!(
            Lane::ALL.map(|lane| (lane.stored(), lane.signs_in())),
            [(1, true), (2, true), (3, false), (4, false)]
        );
        for number in -1..=6 {
            let lane = Lane::from_stored(number);
            assert_eq!(lane.map(Lane::stored), (1..=4).contains(&number).then_some(number));
        }
    }
}
