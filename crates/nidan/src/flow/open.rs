//! Opening a ceremony and claiming its messages: what every sign-in, sign-up and setup begins with.

use nidan_core::ceremony::{Ceremony, Challenge, Holder, Purpose, Stage};
use nidan_core::code::Digits;
use nidan_core::id::{self, AuthenticatorId, CeremonyId, DeviceId};
use nidan_core::ladder::Step;
use nidan_core::lane::{Lane, Proven};
use nidan_core::language::Language;
use nidan_core::message::MessageKind;
use nidan_core::phone::PhoneNumber;
use nidan_core::secret::Secret;
use nidan_core::sign_in::FirstProof;
use nidan_core::tag::Tag;
use nidan_core::time::{Span, Timestamp};
use nidan_core::token::{Token, TokenKind};

use super::Origin;
use super::budget::Admitted;
use crate::app::App;
use crate::store::account::{self, Account};
use crate::store::ceremony::{self, Open, Sent};
use crate::store::message::{self, Cause, Leased, NewMessage, SLOTS};
use crate::store::{StoreError, Tx, setup_number};

/// What a ceremony is opened with.
pub(super) struct NewCeremony<'a> {
    /// Which one.
    pub id: CeremonyId,
    /// What a right code will do.
    pub purpose: Purpose,
    /// Who will go on with it.
    pub holder: Holder,
    /// What was proven before.
    pub first_proof: FirstProof,
    /// The method whose code is awaited; none: the e-mail address.
    pub authenticator: Option<AuthenticatorId>,
    /// The known device it comes from.
    pub device: Option<DeviceId>,
    /// Where it comes from.
    pub origin: &'a Origin,
}

/// Adds the ceremony.
pub(super) async fn ceremony(
    tx: &mut Tx<'_>,
    app: &App,
    account: &Account,
    new: NewCeremony<'_>,
    now: Timestamp,
) -> Result<Open, StoreError> {
    let open = Open {
        account: account.id,
        id: new.id,
        ceremony: Ceremony {
            purpose: new.purpose,
            holder: new.holder,
            stage: Stage::Open,
            tries: 0,
            sec_epoch: account.sec_epoch,
            expires_at: now.plus(life(app, new.purpose)),
        },
        first_proof: new.first_proof,
        authenticator: new.authenticator,
        device: new.device,
        client: new.origin.client.clone(),
        opened_at: now,
        lane: lane(account, new.purpose, new.device.is_some()),
        charged: 0,
        released_at: None,
    };
    ceremony::insert(tx, account, &open).await?;
    Ok(open)
}

/// The lane of a ceremony's messages.
pub(super) fn lane(account: &Account, purpose: Purpose, known_device: bool) -> Lane {
    Lane::of(&Proven {
        password: purpose != Purpose::ConfirmEmail,
        known_device,
        destination: purpose == Purpose::SignIn,
        address: account.active,
    })
}

fn life(app: &App, purpose: Purpose) -> Span {
    match purpose {
        Purpose::SignIn => app.policy.sign_in_life,
        Purpose::ConfirmEmail | Purpose::ConfirmAuthenticator => app.policy.setup_life,
    }
}

/// A ceremony's id and, for a browser, the token that holds it.
pub(super) fn new_holder(
    app: &App,
    account: &Account,
    browser: bool,
    now: Timestamp,
) -> (CeremonyId, Holder, Option<Secret<String>>) {
    let id = app.new_id(now);
    if !browser {
        return (id, Holder::Site, None);
    }
    let token: Token<id::Ceremony> = Token::new(TokenKind::Ceremony, account.id, id, app.random.bytes());
    (id, Holder::Browser(token.hash()), Some(token.reveal()))
}

/// A message with a code, before it is claimed.
pub(super) struct CodeMessage {
    /// What it says.
    pub kind: MessageKind,
    /// Where it goes.
    pub destination: Secret<String>,
    /// The language it is written in.
    pub language: Language,
    /// What caused it.
    pub cause: Cause,
}

/// A challenge with a code of its own for the method that `open` awaits.
pub(crate) fn sent(app: &App, open: &Open, digits: Digits, now: Timestamp) -> Sent {
    Sent {
        id: open.challenge(),
        authenticator: open.authenticator,
        challenge: Challenge::open(digits, now, &app.policy),
        key_version: app.keys.newest(),
        tag: Tag::new(app.random.bytes()).to_string(),
    }
}

/// What a message with a code is sent on.
pub(super) struct Allowed<'a> {
    /// What was taken for it.
    pub admitted: &'a Admitted,
    /// How strong its code has to be.
    pub step: Step,
}

/// Opens the challenge of the method that `open` awaits and claims its first message. `None`: the challenge is there
/// already, and nothing was claimed.
pub(super) async fn challenge(
    tx: &mut Tx<'_>,
    app: &App,
    (account, open): (&Account, &Open),
    (message, allowed): (CodeMessage, Allowed<'_>),
    now: Timestamp,
) -> Result<Option<Leased>, StoreError> {
    let digits = match allowed.step {
        Step::Six => Digits::Six,
        Step::EightOrPair | Step::StrongOnly => Digits::Eight,
    };
    let sent = sent(app, open, digits, now);
    if !ceremony::open_challenge(tx, open, &sent).await? {
        return Ok(None);
    }
    ceremony::keep_budgets(tx, account.id, sent.id, allowed.admitted).await?;
    code_message(tx, app, (account, &sent), message, now).await.map(Some)
}

/// Claims the message number `sent.challenge.sent` of a challenge, valid until its code dies.
pub(super) async fn code_message(
    tx: &mut Tx<'_>,
    app: &App,
    (account, sent): (&Account, &Sent),
    message: CodeMessage,
    now: Timestamp,
) -> Result<Leased, StoreError> {
    let new = NewMessage {
        id: app.new_id(now),
        challenge: Some(sent.id),
        n: sent.challenge.sent,
        kind: message.kind,
        language: message.language,
        destination: message.destination,
        cause: message.cause,
        tag: Some(sent.tag.clone()),
        serial: account::next_serial(tx, account.id, message.kind.channel(), app.day(now)).await?,
        slot: app.random.bytes::<1>()[0] % SLOTS,
        lease_until: now.plus(app.policy.message_lease),
        expires_at: sent.challenge.expires_at,
    };
    if let (MessageKind::SetupCode, Some(number)) = (new.kind, PhoneNumber::from_e164(new.destination.expose())) {
        setup_number::append(tx, app, (account.id, new.id), (&number, false), now).await?;
    }
    message::claim(tx, account, &new, now).await
}

/// Claims the `n`-th message of a challenge, which the rules allow.
pub(super) async fn again(
    tx: &mut Tx<'_>,
    app: &App,
    (account, sent, n): (&Account, Sent, u8),
    (message, admitted): (CodeMessage, &Admitted),
    now: Timestamp,
) -> Result<Leased, StoreError> {
    if !ceremony::send_again(tx, account.id, sent.id, n, now).await? {
        return Err(StoreError::corrupt("challenge.sent", "its gate and its rule differ"));
    }
    ceremony::keep_budgets(tx, account.id, sent.id, admitted).await?;
    let challenge = Challenge { sent: n, last_sent_at: now, ..sent.challenge };
    code_message(tx, app, (account, &Sent { challenge, ..sent }), message, now).await
}
