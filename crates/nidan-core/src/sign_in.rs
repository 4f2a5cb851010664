//! What a password and a second proof open: the rule that nobody is signed in without two proofs of different kinds.

use crate::id::{AuthenticatorId, DeviceId};
use crate::methods::{Kind, Method, two_step_ready, ways};

/// The first proof of a sign-in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FirstProof {
    /// The password, checked here.
    Password,
    /// The password, checked by a site whose key may say so.
    SitePassword,
}

impl FirstProof {
    /// Its value in `amr` (RFC 8176; the second is our own).
    pub const fn amr(self) -> &'static str {
        match self {
            Self::Password => "pwd",
            Self::SitePassword => "site_password",
        }
    }

    /// The number that the database keeps.
    pub const fn stored(self) -> i64 {
        match self {
            Self::Password => 1,
            Self::SitePassword => 2,
        }
    }

    /// From the number that the database keeps.
    pub const fn from_stored(stored: i64) -> Option<Self> {
        match stored {
            1 => Some(Self::Password),
            2 => Some(Self::SitePassword),
            _ => None,
        }
    }
}

/// The second proof of a sign-in: always of another kind than the first, something the owner has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SecondProof {
    /// A code of a confirmed method.
    Code(AuthenticatorId, Kind),
    /// The token of a device that its owner has chosen to trust.
    TrustedDevice(DeviceId),
}

impl SecondProof {
    /// Its value in `amr` (RFC 8176; the last is our own). None is ever called phishing-resistant (SP 800-63B-4).
    pub const fn amr(self) -> &'static str {
        match self {
            Self::Code(_, Kind::Sms) => "sms",
            Self::Code(_, Kind::Totp) => "otp",
            Self::TrustedDevice(_) => "trusted_device",
        }
    }
}

/// Two proofs of different kinds. There is no other way to build it, and no session with two steps without it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Authenticated {
    first: FirstProof,
    second: SecondProof,
}

impl Authenticated {
    /// Out of the two proofs.
    pub const fn new(first: FirstProof, second: SecondProof) -> Self {
        Self { first, second }
    }
}

/// What a session opens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grant {
    /// The setting-up of two-step verification, and nothing else: it is not finished, so nothing counts as two steps.
    Setup {
        /// What was proven first.
        first: FirstProof,
        /// The one confirmed method, if there is one.
        second: Option<SecondProof>,
    },
    /// Everything.
    TwoStep(Authenticated),
}

impl Grant {
    /// What the proofs open, for an account with `methods`.
    pub fn new(first: FirstProof, second: Option<SecondProof>, methods: &[Method]) -> Self {
        match second {
            Some(second) if two_step_ready(methods) => Self::TwoStep(Authenticated::new(first, second)),
            _ => Self::Setup { first, second },
        }
    }

    /// Whether it counts as two-step verification.
    pub const fn is_two_step(&self) -> bool {
        matches!(self, Self::TwoStep(_))
    }

    /// `amr`: how its owner was authenticated, separated by spaces.
    pub fn amr(&self) -> String {
        let (first, second) = match self {
            Self::Setup { first, second } => (first, second.as_ref()),
            Self::TwoStep(Authenticated { first, second }) => (first, Some(second)),
        };
        let mut amr = String::from(first.amr());
        if let Some(second) = second {
            amr.push(' ');
            amr.push_str(second.amr());
        }
        if self.is_two_step() {
            amr.push_str(" mfa");
        }
        amr
    }
}

/// What follows the first proof.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Signed in, or let in to set up.
    Granted(Grant),
    /// A code of this method is owed.
    CodeRequired(Method),
    /// Nothing is set up, and the e-mail address is not confirmed: its code is owed.
    ConfirmEmail,
}

/// What follows a right password, for an account with `methods` on a device that is `trusted` or not. Where nothing is
/// confirmed yet, the setting-up begins with the e-mail address, unless a site vouches for the owner.
pub fn after_first_proof(
    first: FirstProof,
    methods: &[Method],
    email_confirmed: bool,
    trusted: Option<DeviceId>,
) -> Next {
    match (ways(methods).first(), trusted) {
        (None, _) if !email_confirmed && first == FirstProof::Password => Next::ConfirmEmail,
        (None, _) => Next::Granted(Grant::new(first, None, methods)),
        (Some(_), Some(device)) if two_step_ready(methods) => {
            Next::Granted(Grant::new(first, Some(SecondProof::TrustedDevice(device)), methods))
        }
        (Some(way), _) => Next::CodeRequired(*way),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::Role;

    fn methods(primary: bool, backup: bool) -> Vec<Method> {
        let method =
            |n, kind, role, confirmed| Method { id: AuthenticatorId::from_bytes([n; 16]), kind, role, confirmed };
        vec![method(2, Kind::Totp, Role::Backup, backup), method(1, Kind::Sms, Role::Primary, primary)]
    }

    #[test]
    fn only_two_confirmed_methods_and_a_second_proof_count_as_two_step() {
        let device = DeviceId::from_bytes([9; 16]);
        for (primary, backup) in [(false, false), (false, true), (true, false), (true, true)] {
            for trusted in [None, Some(device)] {
                let methods = methods(primary, backup);
                match after_first_proof(FirstProof::Password, &methods, true, trusted) {
                    Next::Granted(Grant::TwoStep(_)) => assert!(primary && backup && trusted.is_some()),
                    Next::Granted(Grant::Setup { second, .. }) => assert!(!primary && !backup && second.is_none()),
                    Next::CodeRequired(method) => {
                        assert!(method.confirmed, "a pending method never authenticates");
                        assert!(!(primary && backup && trusted.is_some()));
                        let second = Some(SecondProof::Code(method.id, method.kind));
                        let grant = Grant::new(FirstProof::Password, second, &methods);
                        assert_eq!(grant.is_two_step(), primary && backup);
                    }
                    Next::ConfirmEmail => panic!("the address is confirmed"),
                }
            }
        }
    }

    #[test]
    fn the_primary_method_is_asked_first() {
        let Next::CodeRequired(method) = after_first_proof(FirstProof::Password, &methods(true, true), true, None)
        else {
            panic!("a code is owed")
        };
        assert_eq!(method.kind, Kind::Sms);
    }

    #[test]
    fn an_unconfirmed_address_comes_before_any_method_and_asks_for_no_more_after_one() {
        let next = |first, methods: &[Method]| after_first_proof(first, methods, false, None);
        assert_eq!(next(FirstProof::Password, &[]), Next::ConfirmEmail);
        assert_eq!(next(FirstProof::Password, &methods(false, false)), Next::ConfirmEmail);
        assert!(matches!(next(FirstProof::Password, &methods(true, false)), Next::CodeRequired(_)));
        assert!(matches!(next(FirstProof::SitePassword, &[]), Next::Granted(Grant::Setup { .. })));
    }

    #[test]
    fn amr_names_both_proofs() {
        let sms = SecondProof::Code(AuthenticatorId::from_bytes([1; 16]), Kind::Sms);
        for (second, methods, amr) in [
            (None, methods(false, false), "pwd"),
            (Some(sms), methods(true, false), "pwd sms"),
            (Some(sms), methods(true, true), "pwd sms mfa"),
            (
                Some(SecondProof::TrustedDevice(DeviceId::from_bytes([1; 16]))),
                methods(true, true),
                "pwd trusted_device mfa",
            ),
        ] {
            assert_eq!(Grant::new(FirstProof::Password, second, &methods).amr(), amr);
        }
    }
}
