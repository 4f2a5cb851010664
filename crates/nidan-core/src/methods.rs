//! An account's methods: which may be added, when two of them make two-step verification, and what is set up next.

use crate::id::AuthenticatorId;
use crate::message::Channel;

/// The kind of an authenticator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Codes by SMS to a phone number.
    Sms,
    /// Codes of an authenticator app (RFC 6238).
    Totp,
}

impl Kind {
    /// Its name outside: the `type` of the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Totp => "totp",
        }
    }

    /// From its name outside.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Sms, Self::Totp].into_iter().find(|kind| kind.name() == name)
    }

    /// The number that the database keeps.
    pub const fn stored(self) -> i64 {
        match self {
            Self::Sms => 1,
            Self::Totp => 2,
        }
    }

    /// From the number that the database keeps.
    pub const fn from_stored(stored: i64) -> Option<Self> {
        match stored {
            1 => Some(Self::Sms),
            2 => Some(Self::Totp),
            _ => None,
        }
    }

    /// The channel that its codes are sent by; none: nothing is sent, the owner's app makes them.
    pub const fn channel(self) -> Option<Channel> {
        match self {
            Self::Sms => Some(Channel::Sms),
            Self::Totp => None,
        }
    }
}

/// Which of the two methods that everybody has a method is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Asked for first: a phone number.
    Primary,
    /// For when the first is not at hand.
    Backup,
}

impl Role {
    /// Its name outside.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Backup => "backup",
        }
    }

    /// From its name outside.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Primary, Self::Backup].into_iter().find(|role| role.name() == name)
    }

    /// The number that the database keeps.
    pub const fn stored(self) -> i64 {
        match self {
            Self::Primary => 1,
            Self::Backup => 2,
        }
    }

    /// From the number that the database keeps.
    pub const fn from_stored(stored: i64) -> Option<Self> {
        match stored {
            1 => Some(Self::Primary),
            2 => Some(Self::Backup),
            _ => None,
        }
    }
}

/// One method, as far as the rules need it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Method {
    /// Which one.
    pub id: AuthenticatorId,
    /// Its kind.
    pub kind: Kind,
    /// Its role.
    pub role: Role,
    /// Whether its owner has shown that it works. A pending method never authenticates.
    pub confirmed: bool,
}

/// Authenticator apps an account may have: their windows add up.
const TOTP_MAX: usize = 2;
/// Methods an account may have in all, pending ones included.
const METHODS_MAX: usize = 6;

/// Why a method cannot be added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CannotAdd {
    /// A primary method is a phone number.
    PrimaryIsAPhone,
    /// There is a confirmed primary method already.
    PrimaryExists,
    /// No more methods of this kind, or in all.
    TooMany,
}

/// Whether a method may be added to `methods`. A pending one of the same role and kind does not count: it is replaced.
///
/// # Errors
/// The rule that forbids it.
pub fn may_add(methods: &[Method], kind: Kind, role: Role) -> Result<(), CannotAdd> {
    let kept = || methods.iter().filter(|method| !is_replaced(method, kind, role));
    if role == Role::Primary && kind != Kind::Sms {
        return Err(CannotAdd::PrimaryIsAPhone);
    }
    if role == Role::Primary && kept().any(|method| method.role == Role::Primary) {
        return Err(CannotAdd::PrimaryExists);
    }
    let same_kind = kept().filter(|method| method.kind == kind).count();
    if (kind == Kind::Totp && same_kind >= TOTP_MAX) || kept().count() >= METHODS_MAX {
        return Err(CannotAdd::TooMany);
    }
    Ok(())
}

/// Whether a new method of `kind` and `role` takes the place of `method`: a pending one that was never confirmed.
pub fn is_replaced(method: &Method, kind: Kind, role: Role) -> bool {
    !method.confirmed && method.kind == kind && method.role == role
}

/// Whether two-step verification is on: a primary and a backup method, both confirmed.
pub fn two_step_ready(methods: &[Method]) -> bool {
    let confirmed = |role| methods.iter().any(|method| method.confirmed && method.role == role);
    confirmed(Role::Primary) && confirmed(Role::Backup)
}

/// The confirmed methods in the order in which they are offered: primary first.
pub fn ways(methods: &[Method]) -> Vec<Method> {
    let mut ways: Vec<Method> = methods.iter().copied().filter(|method| method.confirmed).collect();
    ways.sort_by_key(|method| method.role.stored());
    ways
}

/// What is set up next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetupStep {
    /// A phone number is to be given.
    AddPrimary,
    /// The code sent to this phone number is to be typed.
    ConfirmPrimary(AuthenticatorId),
    /// The authenticator app is to be connected: nothing is pending yet.
    AddBackup,
    /// The code of this method is to be typed.
    ConfirmBackup(AuthenticatorId),
    /// Two methods are confirmed.
    Done,
}

/// The step at which setup stands, so that it resumes where it was left.
pub fn setup_step(methods: &[Method]) -> SetupStep {
    let has = |role| methods.iter().any(|method| method.confirmed && method.role == role);
    let pending = |role| methods.iter().find(|method| !method.confirmed && method.role == role).map(|method| method.id);
    if !has(Role::Primary) {
        pending(Role::Primary).map_or(SetupStep::AddPrimary, SetupStep::ConfirmPrimary)
    } else if !has(Role::Backup) {
        pending(Role::Backup).map_or(SetupStep::AddBackup, SetupStep::ConfirmBackup)
    } else {
        SetupStep::Done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(n: u8, kind: Kind, role: Role, confirmed: bool) -> Method {
        Method { id: AuthenticatorId::from_bytes([n; 16]), kind, role, confirmed }
    }

    #[test]
    fn two_step_needs_a_confirmed_primary_and_a_confirmed_backup() {
        for primary in [None, Some(false), Some(true)] {
            for backup in [None, Some(false), Some(true)] {
                let methods: Vec<Method> = primary
                    .map(|confirmed| method(1, Kind::Sms, Role::Primary, confirmed))
                    .into_iter()
                    .chain(backup.map(|confirmed| method(2, Kind::Totp, Role::Backup, confirmed)))
                    .collect();
                assert_eq!(two_step_ready(&methods), primary == Some(true) && backup == Some(true));
                assert_eq!(ways(&methods).len(), [primary, backup].iter().filter(|c| **c == Some(true)).count());
            }
        }
        let both_backup = [method(1, Kind::Sms, Role::Backup, true), method(2, Kind::Totp, Role::Backup, true)];
        assert!(!two_step_ready(&both_backup));
    }

    #[test]
    fn setup_resumes_where_it_was_left() {
        let pending_phone = method(1, Kind::Sms, Role::Primary, false);
        let phone = method(1, Kind::Sms, Role::Primary, true);
        let pending_app = method(2, Kind::Totp, Role::Backup, false);
        let app = method(2, Kind::Totp, Role::Backup, true);
        for (methods, step) in [
            (vec![], SetupStep::AddPrimary),
            (vec![pending_phone], SetupStep::ConfirmPrimary(pending_phone.id)),
            (vec![pending_phone, app], SetupStep::ConfirmPrimary(pending_phone.id)),
            (vec![phone], SetupStep::AddBackup),
            (vec![phone, pending_app], SetupStep::ConfirmBackup(app.id)),
            (vec![phone, app], SetupStep::Done),
        ] {
            assert_eq!(setup_step(&methods), step, "{methods:?}");
        }
    }

    #[test]
    fn a_pending_method_is_replaced_and_a_confirmed_one_is_not() {
        assert_eq!(may_add(&[], Kind::Totp, Role::Primary), Err(CannotAdd::PrimaryIsAPhone));
        assert_eq!(may_add(&[method(1, Kind::Sms, Role::Primary, false)], Kind::Sms, Role::Primary), Ok(()));
        assert_eq!(
            may_add(&[method(1, Kind::Sms, Role::Primary, true)], Kind::Sms, Role::Primary),
            Err(CannotAdd::PrimaryExists)
        );
        let apps = [method(1, Kind::Totp, Role::Backup, true), method(2, Kind::Totp, Role::Backup, true)];
        assert_eq!(may_add(&apps, Kind::Totp, Role::Backup), Err(CannotAdd::TooMany));
        assert_eq!(may_add(&apps[..1], Kind::Totp, Role::Backup), Ok(()));
        let phones: Vec<Method> = (0..6).map(|n| method(n, Kind::Sms, Role::Backup, true)).collect();
        assert_eq!(may_add(&phones, Kind::Sms, Role::Backup), Err(CannotAdd::TooMany));
    }
}
