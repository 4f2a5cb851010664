//! Accounts and challenges to measure with, made through the flows and the store, without messages.

use std::net::Ipv4Addr;
use std::sync::Arc;

use futures_util::future::try_join_all;
use nidan_core::ceremony::{Ceremony, Holder, Purpose, Stage};
use nidan_core::code::{Binding, Code, Digits};
use nidan_core::email::EmailAddress;
use nidan_core::id::{self, AccountId, AuthenticatorId, Scoped};
use nidan_core::lane::Lane;
use nidan_core::language::Language;
use nidan_core::methods::{Kind, Method, Role};
use nidan_core::phone::PhoneNumber;
use nidan_core::secret::Secret;
use nidan_core::sign_in::FirstProof;
use nidan_core::totp::{Learnt, Seed};

use crate::app::App;
use crate::flow::accounts::{Create, Created, NewAccount, create};
use crate::flow::open::sent;
use crate::flow::{FlowError, Origin};
use crate::keys::Lookup;
use crate::store::account::{self, Account};
use crate::store::authenticator::{self, About, Authenticator, Means};
use crate::store::ceremony::{self, Open};
use crate::store::client::Client;
use crate::store::{StoreError, Tx};

/// How many are made at once.
const AT_ONCE: usize = 256;

/// Somebody with two confirmed methods: SMS, which is asked for first, and an app.
#[derive(Clone)]
pub struct Owner {
    /// The account.
    pub account: AccountId,
    /// Its e-mail address.
    pub email: String,
    /// Its phone number in E.164.
    pub phone: String,
    /// The method of that number.
    pub sms: AuthenticatorId,
    /// The address that it signs in from, one of those set aside for such measurements (RFC 2544).
    pub ip: Ipv4Addr,
}

/// Makes so many accounts, all with the password that `hash` is of.
///
/// # Errors
/// Those of the flows and the store; [`StoreError::Conflict`] if they are there already.
pub async fn owners(app: &Arc<App>, count: usize, hash: &Secret<String>) -> Result<Vec<Owner>, FlowError> {
    let mut owners = Vec::with_capacity(count);
    for first in (0..count).step_by(AT_ONCE) {
        let some = first..count.min(first + AT_ONCE);
        owners.extend(try_join_all(some.map(|n| owner(app, n, hash))).await?);
    }
    Ok(owners)
}

async fn owner(app: &Arc<App>, n: usize, hash: &Secret<String>) -> Result<Owner, FlowError> {
    let (email, phone) = (format!("owner{n}@bench.example"), format!("+8190{:08}", 10_000_000 + n));
    let unusable = |_| StoreError::corrupt("account.email", "the bench made up an address that is none");
    let account = NewAccount {
        email: EmailAddress::parse(&email).map_err(unusable)?,
        email_verified: true,
        external_id: None,
        password: Some(hash.clone()),
        language: Language::Ja,
        groups: Vec::new(),
        last_seen_at: None,
    };
    let new = Create { account, origin: Origin::new(None, None, Language::Ja) };
    let Created::Account(account) = create(app, new).await? else {
        return Err(StoreError::corrupt("login_key", "the bench's accounts are there already").into());
    };
    let (id, input) = (account.id, (app.clone(), account, phone.clone()));
    let sms = app.db.transact(input, |tx, (app, account, phone)| Box::pin(methods(tx, app, account, phone))).await?;
    let ip = Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 18, 0, 0)) + n as u32 % (1 << 17));
    Ok(Owner { account: id, email, phone, sms, ip })
}

async fn methods(tx: &mut Tx<'_>, app: &App, account: &Account, phone: &str) -> Result<AuthenticatorId, StoreError> {
    let now = app.clock.now();
    let number = PhoneNumber::from_e164(phone).ok_or_else(|| StoreError::corrupt("authenticator", "no number"))?;
    let key = app.keys.lookup(Lookup::Phone, phone.as_bytes());
    let seed = Means::App { seed: Seed::new(app.random.bytes()), learnt: Learnt::default() };
    let (sms, totp) = (app.new_id(now), app.new_id(now));
    for (id, kind, role, means) in
        [(sms, Kind::Sms, Role::Primary, Means::Phone { number, key }), (totp, Kind::Totp, Role::Backup, seed)]
    {
        let method = Method { id, kind, role, confirmed: false };
        let new = Authenticator { method, means, about: About::default(), created_at: now, confirmed_at: None };
        authenticator::insert(tx, account, &new).await?;
        authenticator::confirm(tx, account.id, id, now).await?;
    }
    account::set_two_step(tx, account.id, now).await?;
    Ok(sms)
}

/// Opens a sign-in for each owner that awaits the code of an SMS.
///
/// # Errors
/// The store's.
pub async fn challenges(app: &Arc<App>, owners: &[Owner]) -> Result<Vec<Scoped<id::Ceremony>>, StoreError> {
    let mut opened = Vec::with_capacity(owners.len());
    for some in owners.chunks(AT_ONCE) {
        let each = some.iter().map(|owner| {
            app.db.transact((app.clone(), owner.clone()), |tx, (app, owner)| Box::pin(challenge(tx, app, owner)))
        });
        opened.extend(try_join_all(each).await?);
    }
    Ok(opened)
}

async fn challenge(tx: &mut Tx<'_>, app: &App, owner: &Owner) -> Result<Scoped<id::Ceremony>, StoreError> {
    let now = app.clock.now();
    let account = account::load(tx, app, owner.account).await?;
    let account = account.ok_or_else(|| StoreError::corrupt("account", "gone while the bench runs"))?;
    let open = Open {
        account: account.id,
        id: app.new_id(now),
        ceremony: Ceremony {
            purpose: Purpose::SignIn,
            holder: Holder::Site,
            stage: Stage::Open,
            tries: 0,
            sec_epoch: account.sec_epoch,
            expires_at: now.plus(app.policy.sign_in_life),
        },
        first_proof: FirstProof::Password,
        authenticator: Some(owner.sms),
        device: None,
        client: Client::default(),
        opened_at: now,
        lane: Lane::U,
        charged: 0,
        released_at: None,
    };
    ceremony::insert(tx, &account, &open).await?;
    ceremony::open_challenge(tx, &open, &sent(app, &open, Digits::Six, now)).await?;
    Ok(Scoped { account: account.id, id: open.id })
}

/// The code that an owner's SMS of this sign-in says.
///
/// # Errors
/// As [`App::code`].
pub fn code(app: &App, sign_in: Scoped<id::Ceremony>, sms: AuthenticatorId) -> Result<Code, StoreError> {
    let challenge = nidan_core::code::challenge_id(sign_in.id, Some(sms));
    let binding = Binding { challenge, purpose: Purpose::SignIn, authenticator: Some(sms), digits: Digits::Six };
    app.code(app.keys.newest(), &binding)
}
