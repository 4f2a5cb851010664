//! Whether a message may go: by what was guessed before, by who else may have the password, and by the budgets of its lane. What
//! is refused is written down for the owner.
//!
//! A flow asks twice: before its transaction, since budgets are taken in transactions of their own, and in it, holding the
//! account, since only that is exact. What was taken for a message that is refused there is given back.

use std::net::{IpAddr, Ipv4Addr};

use nidan_core::budget::{self as budgets, SetupFacts, Suppressed, To, Wanted};
use nidan_core::client_network::ClientNetwork;
use nidan_core::email::EmailAddress;
use nidan_core::id::{AccountId, CeremonyId, DeviceId};
use nidan_core::ladder::{Barred, Step};
use nidan_core::lane::Lane;
use nidan_core::message::{Channel, MessageKind};
use nidan_core::password_known::LaneU;
use nidan_core::phone::PhoneNumber;
use nidan_core::secret::Secret;
use nidan_core::time::Timestamp;

use super::budget::{self, Admission, Admitted};
use super::{FlowError, Origin, guesses, password_known};
use crate::app::App;
use crate::store::account::Account;
use crate::store::client::Client;
use crate::store::message::{self, Cause, Refused};
use crate::store::request::{self, Asker, Request};
use crate::store::{StoreError, Tx, setup_number};

/// Where a message would go.
#[derive(Clone)]
pub(super) enum Destination {
    /// A phone.
    Phone(PhoneNumber),
    /// A mailbox.
    Address(EmailAddress),
}

impl Destination {
    /// As it is kept with the message.
    pub(super) fn text(&self) -> Secret<String> {
        Secret::new(match self {
            Self::Phone(number) => number.e164().to_owned(),
            Self::Address(address) => address.as_str().to_owned(),
        })
    }
}

/// A message that somebody asks for.
pub(super) struct Asked {
    /// By what was proven.
    pub lane: Lane,
    /// For whom.
    pub account: AccountId,
    /// When that account was made.
    pub created_at: Timestamp,
    /// Where to.
    pub to: Destination,
    /// Whether it is the first of its challenge.
    pub first: bool,
    /// Whether a secret from the mailbox freed it.
    pub released: bool,
}

/// Nothing is sent, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shut {
    /// Why.
    pub reason: Suppressed,
    /// Asking earlier is of no use.
    pub until: Timestamp,
}

/// The network of a client. Those that nobody knows are one.
pub(super) fn network(client: &Client) -> ClientNetwork {
    let address = client.address.as_ref().and_then(|text| text.parse().ok());
    ClientNetwork::of(address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
}

/// Takes what the message costs from its budgets.
pub(super) async fn admit(app: &App, asked: &Asked, client: &Client) -> Result<Result<Admitted, Shut>, FlowError> {
    let now = app.clock.now();
    let setup = match asked.lane {
        Lane::S => SetupFacts {
            old_account: now.since(asked.created_at) >= app.policy.setup_old_account,
            old_campaign: false,
            usual_this_hour: budget::usual_setups(app).await?,
        },
        Lane::K | Lane::U | Lane::R => SetupFacts::default(),
    };
    let to = match &asked.to {
        Destination::Phone(number) => To::Number { number, country: country(app, number) },
        Destination::Address(address) => To::Address(address),
    };
    let Asked { lane, account, first, released, .. } = *asked;
    let wanted = Wanted { lane, account, to, network: network(client), first, released, setup };
    let budgets = match budgets::budgets(&wanted, &app.policy) {
        Ok(budgets) => budgets,
        Err(reason) => return Ok(Err(Shut { reason, until: now })),
    };
    Ok(match budget::admit(app, budgets).await? {
        Admission::Admitted(admitted) => Ok(admitted),
        Admission::Refused { reason, until } => {
            if let (Suppressed::BlockClosed, Destination::Phone(number)) = (reason, &asked.to) {
                app.pumping.closed(app, number, now);
            }
            Err(Shut { reason, until })
        }
    })
}

/// The country of a number, if a route carries SMS there.
fn country<'a>(app: &'a App, number: &PhoneNumber) -> Option<&'a str> {
    /// Numbers are Japanese where a route names no countries: no others are read.
    const JAPAN: &str = "+81";
    let mut sms = app.routes.iter().map(|(_, carries)| carries).filter(|carries| carries.channel == Channel::Sms);
    sms.find_map(|carries| match &carries.countries {
        None => number.e164().starts_with(JAPAN).then_some(JAPAN),
        Some(codes) => codes.iter().find(|code| number.e164().starts_with(*code)).map(String::as_str),
    })
}

/// What the gate looks at.
#[derive(Clone, Copy)]
pub(super) struct AtGate {
    /// By what was proven.
    pub lane: Lane,
    /// Whether a secret from the mailbox freed it.
    pub released: bool,
    /// Whether it is a message; else the code of an app, of which nobody is sent anything.
    pub message: bool,
    /// Whether it is the first of its challenge.
    pub first: bool,
}

/// Whether a sign-in may have its code, and how strong that has to be: by guesses, and by who else may have the password.
pub(super) async fn gate(
    tx: &mut Tx<'_>,
    app: &App,
    account: &Account,
    at: AtGate,
    now: Timestamp,
) -> Result<Result<Step, Shut>, StoreError> {
    if at.lane != Lane::U {
        return Ok(Ok(Step::Six));
    }
    let step = match guesses::open(app, account, (false, at.released), now) {
        Ok(step) => step,
        Err(Barred::Wait { .. }) if !at.first => Step::Six,
        Err(Barred::Wait { until }) => return Ok(Err(Shut { reason: Suppressed::GuessWait, until })),
        Err(Barred::Stronger(_)) => {
            return Ok(Err(Shut { reason: Suppressed::StrongerProofNeeded, until: now }));
        }
    };
    if !at.message || at.released {
        return Ok(Ok(step));
    }
    // A message more for the code of a sign-in that has one is no further sign-in.
    let lane = match at.first {
        true => password_known::judge(tx, app, account, now).await?,
        false if account.closure.is_closed(account.password_changed_at) => LaneU::Closed,
        false => LaneU::Open,
    };
    Ok(match lane {
        LaneU::Open => Ok(step),
        LaneU::UnderWay { until } => Err(Shut { reason: Suppressed::SignInsUnderWay, until }),
        LaneU::Closed => Err(Shut { reason: Suppressed::PasswordKnown, until: now }),
    })
}

/// Somebody's wish, as it is written down.
pub(super) struct Wish<'a> {
    /// The sign-in that it opened or belongs to.
    pub ceremony: Option<CeremonyId>,
    /// Whether another message was asked for; otherwise a sign-in.
    pub press: bool,
    /// Whether the right password came along.
    pub password_right: bool,
    /// The known device that it came from.
    pub device: Option<DeviceId>,
    /// Where from.
    pub origin: &'a Origin,
}

/// Writes a wish down, and why it was refused and until when, if it was.
pub(super) async fn note(
    tx: &mut Tx<'_>,
    app: &App,
    account: &Account,
    (wish, refused): (&Wish<'_>, Option<Shut>),
    now: Timestamp,
) -> Result<(), StoreError> {
    let by = Asker {
        client: wish.origin.client.clone(),
        password_right: wish.password_right,
        device: wish.device,
        device_known: wish.device.is_some(),
        api_key: wish.origin.api_key,
    };
    let request = Request {
        ceremony: wish.ceremony,
        press: wish.press,
        refused: refused.map(|shut| shut.reason),
        until: refused.map(|shut| shut.until).filter(|until| *until > now),
        by,
    };
    request::append(tx, app, account, &request, now).await
}

/// Writes down that a message was asked for and is not sent.
pub(super) async fn refuse(
    tx: &mut Tx<'_>,
    app: &App,
    account: &Account,
    (wish, refused): (&Wish<'_>, Refusal<'_>),
    now: Timestamp,
) -> Result<(), StoreError> {
    let shut = refused.shut;
    suppress(tx, app, account, refused, now).await?;
    note(tx, app, account, (wish, Some(shut)), now).await
}

/// Likewise, where it is no request that a sign-in is judged by.
pub(super) async fn suppress(
    tx: &mut Tx<'_>,
    app: &App,
    account: &Account,
    refused: Refusal<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Refusal { kind, to, cause, shut } = refused;
    let id = app.new_id(now);
    if let (MessageKind::SetupCode, Destination::Phone(number)) = (kind, to) {
        setup_number::append(tx, app, (account.id, id), (number, true), now).await?;
    }
    app.metrics.suppressed(shut.reason.name());
    let refused = Refused { kind, destination: to.text(), cause, reason: shut.reason };
    message::suppress(tx, account, (id, &refused), now).await
}

/// A message that is not sent.
pub(super) struct Refusal<'a> {
    /// What it would have said.
    pub kind: MessageKind,
    /// Where it would have gone.
    pub to: &'a Destination,
    /// Who asked for it.
    pub cause: Cause,
    /// Why it is not sent, and until when.
    pub shut: Shut,
}
