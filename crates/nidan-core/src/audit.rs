//! What is written down of an account: every act that changed it or tried to, with its cause, never with a secret.

/// The kind of an audit event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The account was made.
    AccountCreated,
    /// Its data was changed by a site.
    AccountChanged,
    /// The e-mail address was confirmed by its code.
    EmailConfirmed,
    /// Somebody tried to sign up with this account's address.
    SignUpWithAddressInUse,
    /// A wrong password.
    PasswordWrong,
    /// A right password; a code is owed.
    SignInStarted,
    /// A wrong code.
    CodeWrong,
    /// The owner says that the sign-in is not theirs: it was ended.
    SignInDenied,
    /// Signed in with two steps.
    SignedIn,
    /// Let in to set two-step verification up.
    SetupEntered,
    /// A new method awaits its first code.
    MethodAdded,
    /// A method was confirmed.
    MethodConfirmed,
    /// A method was removed.
    MethodRemoved,
    /// Two methods are confirmed: two-step verification is on.
    TwoStepOn,
    /// A device will be asked for no codes.
    DeviceTrusted,
    /// A device was ended by its owner.
    DeviceRevoked,
    /// An old token of a device was used after its successor: the device was ended.
    DeviceTokenReused,
    /// A device was ended, after too many wrong codes on it.
    DeviceGuessed,
    /// The password was changed by its owner.
    PasswordChanged,
    /// Signed out.
    SignedOut,
    /// A session was ended by its owner.
    SessionRevoked,
    /// Signed out everywhere.
    SignedOutEverywhere,
}

const EVENTS: [(Event, &str); 22] = [
    (Event::AccountCreated, "account_created"),
    (Event::AccountChanged, "account_changed"),
    (Event::EmailConfirmed, "email_confirmed"),
    (Event::SignUpWithAddressInUse, "sign_up_with_address_in_use"),
    (Event::PasswordWrong, "password_wrong"),
    (Event::SignInStarted, "sign_in_started"),
    (Event::CodeWrong, "code_wrong"),
    (Event::SignInDenied, "sign_in_denied"),
    (Event::SignedIn, "signed_in"),
    (Event::SetupEntered, "setup_entered"),
    (Event::MethodAdded, "method_added"),
    (Event::MethodConfirmed, "method_confirmed"),
    (Event::MethodRemoved, "method_removed"),
    (Event::TwoStepOn, "two_step_on"),
    (Event::DeviceTrusted, "device_trusted"),
    (Event::DeviceRevoked, "device_revoked"),
    (Event::DeviceTokenReused, "device_token_reused"),
    (Event::DeviceGuessed, "device_guessed"),
    (Event::PasswordChanged, "password_changed"),
    (Event::SignedOut, "signed_out"),
    (Event::SessionRevoked, "session_revoked"),
    (Event::SignedOutEverywhere, "signed_out_everywhere"),
];

impl Event {
    /// Its name, in the database and outside.
    pub fn name(self) -> &'static str {
        EVENTS[self as usize].1
    }

    /// From its name.
    pub fn from_name(name: &str) -> Option<Self> {
        EVENTS.iter().find(|(_, known)| *known == name).map(|(event, _)| *event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for (event, name) in EVENTS {
            assert_eq!(event.name(), name);
            assert_eq!(Event::from_name(name), Some(event));
        }
    }
}
