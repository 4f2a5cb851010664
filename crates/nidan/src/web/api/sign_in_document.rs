//! How sign-ins are shown.

use nidan_core::ceremony::Purpose;
use nidan_core::ledger::Reason;
use serde::Serialize;
use utoipa::ToSchema;

use super::output;
use crate::flow::grant::Granted;
use crate::flow::look::{Looked, Standing, Way};

/// A sign-in as it stands.
#[derive(Serialize, ToSchema)]
#[schema(as = SignIn)]
pub(super) struct SignInDocument {
    /// Its id, as long as something is to be done with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// `code_required`, `signed_in`, `setup_required` (let in to set two-step verification up, and no more) or `refused`.
    #[schema(example = "code_required")]
    status: &'static str,
    /// The code that is awaited.
    #[serde(skip_serializing_if = "Option::is_none")]
    challenge: Option<Challenge>,
    /// Why nothing was sent, where the status is `refused` for that: `password_known`, `password_only_full` …
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// What the owner still can do then: `without_message` (the app), `known_device`, `mail_secret`, `wait`, `finish`.
    #[serde(skip_serializing_if = "Option::is_none")]
    still_possible: Option<Vec<&'static str>>,
    /// What else the owner may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    other_ways: Option<Vec<OtherWay>>,
    /// Of a sign-in that needed no code: opens the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_token: Option<String>,
    /// The successor of the device token that came along; to be kept in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) device_token: Option<String>,
}

impl SignInDocument {
    /// A sign-in that was looked at.
    pub(super) fn of(looked: &Looked) -> Self {
        let awaits = looked.standing == Standing::Open;
        Self {
            id: Some(looked.ceremony.to_string()),
            status: status(looked),
            challenge: (awaits && looked.refused.is_none()).then(|| Challenge::of(looked)),
            reason: looked.refused.map(|refused| refused.reason.name()),
            still_possible: looked
                .refused
                .map(|refused| refused.reason.still_possible().iter().map(|possible| possible.name()).collect()),
            other_ways: awaits.then(|| other_ways(looked)),
            session_token: None,
            device_token: None,
        }
    }

    /// Likewise, with what became of its message.
    pub(super) fn with_state(looked: &Looked) -> Self {
        let mut document = Self::of(looked);
        if let Some(challenge) = &mut document.challenge {
            challenge.state = looked.message.as_ref().map(|message| message.state.name());
            challenge.reason = looked.message.as_ref().and_then(|message| message.reason).map(Reason::name);
        }
        document
    }

    /// A sign-in that needed no code.
    pub(super) fn granted(granted: &Granted) -> Self {
        let Proven { status, session_token, device_token } = Proven::of(granted);
        Self {
            id: None,
            status,
            challenge: None,
            reason: None,
            still_possible: None,
            other_ways: None,
            session_token: Some(session_token),
            device_token,
        }
    }
}

fn status(looked: &Looked) -> &'static str {
    match looked.standing {
        Standing::Open if looked.refused.is_some() => "refused",
        Standing::Open => "code_required",
        Standing::Finished if looked.purpose == Purpose::SignIn && looked.two_step => "signed_in",
        Standing::Finished => "setup_required",
        Standing::Expired | Standing::UsedUp => "refused",
    }
}

/// The code that is awaited.
#[derive(Serialize, ToSchema)]
pub(super) struct Challenge {
    /// `sms` or `email`: it is sent; `totp`: the owner's app makes it.
    channel: &'static str,
    /// The method; not there for `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    authenticator_id: Option<String>,
    /// Where it is sent, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "•••• 5678")]
    destination: Option<String>,
    /// How many digits it has.
    digits: usize,
    /// Two letters that stand in its messages, to be shown beside the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "KX")]
    tag: Option<String>,
    /// Which of the account's messages of the day the newest is.
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<i64>,
    /// When the code dies.
    #[schema(format = "date-time")]
    expires_at: String,
    /// When another message may be asked for, if the newest has an answer by then; not there: no more are sent this way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time")]
    resend_at: Option<String>,
    /// The newest message.
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    /// What became of it, where the sign-in is looked at: `leased`, `delivered`, `undelivered` …
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    /// Why, beside `state` where something is known: `destination_refused`, `no_answer`, `receipt` … For the site,
    /// not for its page: whoever has only the password learns something of the owner's phone by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl Challenge {
    /// The code that a sign-in awaits.
    pub(super) fn of(looked: &Looked) -> Self {
        let (method, message) = (looked.method.as_ref(), looked.message.as_ref());
        Self {
            channel: method.map_or("email", |way| way.kind.name()),
            authenticator_id: method.map(|way| way.id.to_string()),
            destination: method.map_or_else(|| Some(looked.email.clone()), destination),
            digits: looked.digits.count(),
            tag: message.map(|message| message.tag.clone()),
            serial: message.map(|message| message.serial),
            expires_at: output::time(looked.expires_at),
            resend_at: message.and_then(|message| message.resend_at).map(output::time),
            message_id: message.map(|message| message.id.to_string()),
            state: None,
            reason: None,
        }
    }
}

fn destination(way: &Way) -> Option<String> {
    Some(way.destination.clone()).filter(|destination| !destination.is_empty())
}

/// The answer to a wish for another message or way.
#[derive(Serialize, ToSchema)]
pub(super) struct Challenged {
    /// The code that is awaited now.
    pub(super) challenge: Challenge,
}

/// Another way to get a code.
#[derive(Serialize, ToSchema)]
pub(super) struct OtherWay {
    /// The method.
    authenticator_id: String,
    /// `sms` or `totp`.
    channel: &'static str,
    /// Where it is sent, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<String>,
    /// The owner's name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
}

/// The other ways of a sign-in.
pub(super) fn other_ways(looked: &Looked) -> Vec<OtherWay> {
    let way = |way: &Way| OtherWay {
        authenticator_id: way.id.to_string(),
        channel: way.kind.name(),
        destination: destination(way),
        label: way.label.clone(),
    };
    looked.other_ways.iter().map(way).collect()
}

/// What was proven, and the tokens that it gives.
#[derive(Serialize, ToSchema)]
pub(super) struct Proven {
    /// `signed_in`, or `setup_required`: let in to set two-step verification up, and no more.
    #[schema(example = "signed_in")]
    status: &'static str,
    /// Opens the session: for `/sessions/check`.
    #[schema(example = "nds_…")]
    session_token: String,
    /// To be kept on the owner's device and sent along with its next sign-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ndd_…")]
    device_token: Option<String>,
}

impl Proven {
    /// A session that was begun.
    pub(super) fn of(granted: &Granted) -> Self {
        Self {
            status: if granted.two_step { "signed_in" } else { "setup_required" },
            session_token: granted.session_token.expose().clone(),
            device_token: granted.device_token.as_ref().map(|token| token.expose().clone()),
        }
    }
}
