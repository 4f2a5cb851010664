//! Guesses: charged in the transaction that holds the account, before a code is compared, and given back when the sign-in
//! that they belong to succeeds. How many there may be, and how strong a proof has to be: [`nidan_core::ladder`].
//!
//! A device that completed a second step before has guesses of its own, and strangers' count for the account; neither
//! touches the other.

use nidan_core::id::{self, DeviceId, Scoped};
use nidan_core::ladder::{Barred, Circumstances, DeviceCharge, Step};
use nidan_core::time::Timestamp;

use crate::app::App;
use crate::store::account::{self, Account};
use crate::store::ceremony::{self, Open};
use crate::store::{StoreError, Tx, device};

/// What a guess was charged to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChargedTo {
    /// The known device it came from.
    Device,
    /// The account's unknown devices. If it is wrong, [`wrong`] is to hear of it.
    Account,
}

/// What the charge of a guess came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Charge {
    /// Whether the code may be compared.
    pub verdict: Result<ChargedTo, Barred>,
    /// The device that was ended by too many wrong codes in its life: its owner is to be told. It counts as unknown from here.
    pub ended: Option<DeviceId>,
}

/// Whether a sign-in may ask for a code, and how strong it has to be. `known_device`: whether it comes from a device that
/// completed a second step before; `released`: whether a secret from the mailbox freed it.
///
/// # Errors
/// [`Barred`]: until when to wait, or that no code will do.
pub fn open(
    app: &App,
    account: &Account,
    (known_device, released): (bool, bool),
    now: Timestamp,
) -> Result<Step, Barred> {
    if known_device {
        return Ok(Step::Six);
    }
    account.guesses.open(&circumstances(app, released, now), &app.policy)
}

/// How strong the proof of an unknown device has to be now.
pub(super) fn step(app: &App, account: &Account, now: Timestamp) -> Step {
    account.guesses.step(&circumstances(app, false, now), &app.policy)
}

fn circumstances(app: &App, released: bool, now: Timestamp) -> Circumstances {
    Circumstances { alarm: app.wrong_codes.is_open(now), released, now }
}

/// Charges a guess of the sign-in `open` at a code as strong as `offered`, before it is compared and whatever it turns out to
/// be. In the transaction that loaded `account` to write.
///
/// # Errors
/// The database's; then nothing may be compared.
pub async fn charge(
    tx: &mut Tx<'_>,
    app: &App,
    (account, open): (&mut Account, &mut Open),
    offered: Step,
    now: Timestamp,
) -> Result<Charge, StoreError> {
    let mut ended = None;
    if let Some(id) = open.device {
        let guesses = device::find(tx, account, id).await?.map(|known| known.guesses.charge(now, &app.policy));
        match guesses {
            Some(DeviceCharge::Charged(guesses)) => {
                device::save_guesses(tx, account.id, id, guesses).await?;
                charged(tx, open, open.charged.saturating_add(1)).await?;
                return Ok(Charge { verdict: Ok(ChargedTo::Device), ended });
            }
            Some(DeviceCharge::Wait { until }) => return Ok(Charge { verdict: Err(Barred::Wait { until }), ended }),
            Some(DeviceCharge::Revoke) => {
                device::remove(tx, account.id, id).await?;
                ended = Some(id);
            }
            None => {}
        }
        ceremony::forget_device(tx, open).await?;
    }
    let circumstances = circumstances(app, open.released_at.is_some(), now);
    let verdict = match account.guesses.charge(offered, &circumstances, &app.policy) {
        Ok(guesses) => {
            account.guesses = guesses;
            account::save_guesses(tx, account, now).await?;
            charged(tx, open, open.charged.saturating_add(1)).await?;
            Ok(ChargedTo::Account)
        }
        Err(barred) => Err(barred),
    };
    Ok(Charge { verdict, ended })
}

/// The sign-in `open` succeeded: what it was charged is given back, its wrong codes and the right one, and nothing else. In the
/// transaction that finishes it.
///
/// # Errors
/// The database's.
pub async fn forgive(
    tx: &mut Tx<'_>,
    account: &mut Account,
    open: &mut Open,
    now: Timestamp,
) -> Result<(), StoreError> {
    if open.charged == 0 {
        return Ok(());
    }
    if let Some(id) = open.device {
        // If it was ended meanwhile, its guesses went with it.
        if let Some(known) = device::find(tx, account, id).await? {
            device::save_guesses(tx, account.id, id, known.guesses.forgive(open.charged)).await?;
        }
    } else {
        account.guesses = account.guesses.forgive(open.charged, open.opened_at);
        account::save_guesses(tx, account, now).await?;
    }
    charged(tx, open, 0).await
}

/// A code of `sign_in` was wrong that was charged to `to`, and that is committed.
pub fn wrong(app: &App, (sign_in, to): (Scoped<id::Ceremony>, ChargedTo), now: Timestamp) {
    if to == ChargedTo::Account {
        app.wrong_codes.note(now, &app.policy);
        app.untold.note(sign_in, now);
    }
}

async fn charged(tx: &mut Tx<'_>, open: &mut Open, charged: u8) -> Result<(), StoreError> {
    open.charged = charged;
    ceremony::save_charged(tx, open).await
}
