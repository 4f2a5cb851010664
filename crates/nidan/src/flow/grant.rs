//! What a completed sign-in hands out: a session, and the device it runs on.

use nidan_core::audit::Event;
use nidan_core::device::Device;
use nidan_core::id::{self, AccountId, DeviceId, SessionId};
use nidan_core::secret::Secret;
use nidan_core::sign_in::Grant;
use nidan_core::time::Timestamp;
use nidan_core::token::{Token, TokenKind};

use super::{Origin, record};
use crate::app::App;
use crate::store::account::{self, Account};
use crate::store::session::{self, Session};
use crate::store::{StoreError, Tx, device};

/// A session that was begun.
pub struct Granted {
    /// Whose.
    pub account: AccountId,
    /// Which session.
    pub session: SessionId,
    /// The session's token.
    pub session_token: Secret<String>,
    /// The device's token, or the successor of the one that was presented.
    pub device_token: Option<Secret<String>>,
    /// Whether two steps were taken; else it opens the setting-up only.
    pub two_step: bool,
}

/// Begins a session for what was proven.
pub(super) async fn grant(
    tx: &mut Tx<'_>,
    app: &App,
    account: &Account,
    (grant, device, origin): (Grant, Option<DeviceId>, &Origin),
    now: Timestamp,
) -> Result<Granted, StoreError> {
    let proven = (grant.is_two_step(), grant.amr(), now);
    let granted = begin(tx, app, account, (proven, device, origin), now).await?;
    account::seen(tx, account.id, now).await?;
    let event = if granted.two_step { Event::SignedIn } else { Event::SetupEntered };
    record(tx, app, account, (event, origin, Some(&grant.amr())), now).await?;
    Ok(granted)
}

/// A session goes on under a new token, in the account's epoch of now; nothing else of it changes.
pub(super) async fn go_on(
    tx: &mut Tx<'_>,
    app: &App,
    account: &Account,
    (old, device, origin): (&Session, Option<DeviceId>, &Origin),
    now: Timestamp,
) -> Result<Granted, StoreError> {
    let proven = (old.two_step, old.amr.clone(), old.auth_at);
    begin(tx, app, account, (proven, device, origin), now).await
}

/// Whether two steps were taken, how, and when.
type Proven = (bool, String, Timestamp);

/// The token is new for every session (ASVS 7.2.4).
async fn begin(
    tx: &mut Tx<'_>,
    app: &App,
    account: &Account,
    ((two_step, amr, auth_at), device, origin): (Proven, Option<DeviceId>, &Origin),
    now: Timestamp,
) -> Result<Granted, StoreError> {
    let token: Token<id::Session> = Token::new(TokenKind::Session, account.id, app.new_id(now), app.random.bytes());
    let session = Session {
        id: token.id,
        token: token.hash(),
        device,
        two_step,
        amr,
        sec_epoch: account.sec_epoch,
        auth_at,
        last_used_at: now,
        expires_at: now.plus(app.policy.session_life),
    };
    session::insert(tx, account, &session, &origin.client).await?;
    Ok(Granted {
        account: account.id,
        session: session.id,
        session_token: token.reveal(),
        device_token: None,
        two_step: session.two_step,
    })
}

/// The second step was completed on a device: a known one begins its life anew, another gets its first token. Gives its id
/// and the token it is to present next time.
pub(super) async fn complete_on_device(
    tx: &mut Tx<'_>,
    app: &App,
    account: &Account,
    (known, trusted, origin): (Option<DeviceId>, bool, &Origin),
    now: Timestamp,
) -> Result<(DeviceId, Secret<String>), StoreError> {
    if trusted {
        record(tx, app, account, (Event::DeviceTrusted, origin, None), now).await?;
    }
    if let Some(id) = known {
        device::trust(tx, account.id, id, trusted, now).await?;
        if let Some(known) = device::find(tx, account, id).await? {
            let successor = device::successor(tx, account, &known, app.random.bytes(), now).await?;
            return Ok((id, successor));
        }
    }
    let token: Token<id::Device> = Token::new(TokenKind::Device, account.id, app.new_device_id(), app.random.bytes());
    let device = Device {
        token: token.hash(),
        successor: None,
        trusted,
        sec_epoch: account.sec_epoch,
        created_at: now,
        last_used_at: now,
    };
    device::insert(tx, account, (token.id, &device), &origin.client, app.policy.devices_max).await?;
    Ok((token.id, token.reveal()))
}
