//! The setting-up of two methods, in a session: where it stands, and its steps. What is confirmed is bound to the session
//! that began it.

use std::sync::Arc;

use nidan_core::audit::Event;
use nidan_core::ceremony::Holder;
use nidan_core::email::EmailAddress;
use nidan_core::id::{AccountId, Scoped};
use nidan_core::methods::{Kind, Role, SetupStep, setup_step};
use nidan_core::phone::PhoneNumber;
use nidan_core::secret::Secret;
use nidan_core::sign_in::FirstProof;
use nidan_core::totp::otpauth_uri;

use super::add_method::{self, AddMethod, Added, NewMeans, confirming};
use super::check_code::{self, CheckCode, Checked};
use super::look::{self, Looked, Standing, Way};
use super::resend_code::{self, ResendCode, Resent};
use super::session::{self, Alive};
use super::{FlowError, Job, Origin, record};
use crate::app::App;
use crate::store::account;
use crate::store::authenticator::{self, About, Authenticator, Means};

/// Where the setting-up stands.
pub enum Setup {
    /// A phone number is to be given.
    AddPhone,
    /// The code sent to the phone number is awaited, or its time is over.
    ConfirmPhone(Box<Looked>),
    /// The app is to be connected, and nothing for it is there yet.
    AddApp,
    /// The code of the app is awaited, or its time is over.
    ConfirmApp(Box<Pairing>),
    /// Two methods are confirmed.
    Done(Vec<Way>),
}

/// What an app is connected with.
pub struct Pairing {
    /// The key as people type it.
    pub key: Secret<String>,
    /// The address that a QR code carries.
    pub uri: Secret<String>,
    /// Whether its code is still awaited.
    pub standing: Standing,
}

struct Found {
    email: EmailAddress,
    authenticators: Vec<Authenticator>,
}

async fn find(app: &Arc<App>, account: AccountId) -> Result<Option<Found>, FlowError> {
    let found = app.db.read(Job::new(app, account), |tx, job| {
        Box::pin(async move {
            let Some(account) = account::load(tx, &job.app, job.input).await? else { return Ok(None) };
            let authenticators = authenticator::list(tx, &account).await?;
            Ok(Some(Found { email: account.email, authenticators }))
        })
    });
    Ok(found.await?)
}

fn holder(alive: &Alive) -> Holder {
    Holder::Browser(alive.token)
}

/// Where the setting-up of the session's account stands; `None` if there is no such account any more.
pub async fn look(app: &Arc<App>, alive: &Alive) -> Result<Option<Setup>, FlowError> {
    let Some(found) = find(app, alive.account).await? else { return Ok(None) };
    let (role, otherwise) = match setup_step(&authenticator::methods(&found.authenticators)) {
        SetupStep::AddPrimary | SetupStep::ConfirmPrimary(_) => (Role::Primary, Setup::AddPhone),
        SetupStep::AddBackup | SetupStep::ConfirmBackup(_) => (Role::Backup, Setup::AddApp),
        SetupStep::Done => {
            let confirmed = found.authenticators.iter().filter(|method| method.method.confirmed);
            return Ok(Some(Setup::Done(confirmed.map(Way::of).collect())));
        }
    };
    let pending = |method: &&Authenticator| !method.method.confirmed && method.method.role == role;
    for method in found.authenticators.iter().filter(pending) {
        let ceremony = Scoped { account: alive.account, id: confirming(method.method.id) };
        // What a site began is not for this session to go on with.
        let Some(looked) = look::look(app, ceremony, holder(alive)).await? else { continue };
        return Ok(Some(match &method.means {
            Means::Phone { .. } => Setup::ConfirmPhone(Box::new(looked)),
            Means::App { seed, .. } => Setup::ConfirmApp(Box::new(Pairing {
                key: seed.display_key(),
                uri: otpauth_uri(&app.site.name, found.email.as_str(), seed),
                standing: looked.standing,
            })),
        }));
    }
    Ok(Some(otherwise))
}

/// A phone number is given: a code goes there.
pub async fn add_phone(app: &Arc<App>, alive: &Alive, number: PhoneNumber, origin: Origin) -> Result<Added, FlowError> {
    add(app, alive, (Role::Primary, NewMeans::Phone(number)), origin).await
}

/// An authenticator app is to be connected.
pub async fn add_app(app: &Arc<App>, alive: &Alive, origin: Origin) -> Result<Added, FlowError> {
    add(app, alive, (Role::Backup, NewMeans::App), origin).await
}

async fn add(
    app: &Arc<App>,
    alive: &Alive,
    (role, means): (Role, NewMeans),
    origin: Origin,
) -> Result<Added, FlowError> {
    let first_proof = match alive.session.amr.split(' ').any(|proof| proof == FirstProof::SitePassword.amr()) {
        true => FirstProof::SitePassword,
        false => FirstProof::Password,
    };
    let about = About::default();
    let account = alive.account;
    add_method::add(app, AddMethod { account, role, means, about, holder: holder(alive), first_proof, origin }).await
}

/// The ceremony of the pending method of this kind that the session began.
async fn awaited(
    app: &Arc<App>,
    alive: &Alive,
    kind: Kind,
) -> Result<Option<Scoped<nidan_core::id::Ceremony>>, FlowError> {
    let Some(found) = find(app, alive.account).await? else { return Ok(None) };
    for method in found.authenticators.iter().filter(|method| !method.method.confirmed && method.method.kind == kind) {
        let ceremony = Scoped { account: alive.account, id: confirming(method.method.id) };
        if look::look(app, ceremony, holder(alive)).await?.is_some() {
            return Ok(Some(ceremony));
        }
    }
    Ok(None)
}

/// A code is typed for the pending method of this kind. After the phone's, the app is begun with at once.
pub async fn confirm(
    app: &Arc<App>,
    alive: &Alive,
    (kind, typed): (Kind, Secret<String>),
    origin: Origin,
) -> Result<Checked, FlowError> {
    let Some(ceremony) = awaited(app, alive, kind).await? else { return Ok(Checked::NotFound) };
    let check = CheckCode {
        ceremony,
        presented: holder(alive),
        typed,
        next: None,
        trust_device: false,
        session: Some(alive.session.id),
        origin: origin.clone(),
    };
    let checked = check_code::check(app, check).await?;
    if let Checked::MethodConfirmed { session: Some(granted), two_step: false } = &checked
        && let Some(alive) = session::check(app, granted.session_token.expose()).await?
    {
        add_app(app, &alive, origin).await?;
    }
    Ok(checked)
}

/// The code for the phone is asked for again.
pub async fn resend(app: &Arc<App>, alive: &Alive, origin: Origin) -> Result<Resent, FlowError> {
    let Some(ceremony) = awaited(app, alive, Kind::Sms).await? else { return Ok(Resent::NotFound) };
    resend_code::resend(app, ResendCode { ceremony, presented: holder(alive), way: None, origin }).await
}

/// The phone number was mistaken: it is dropped before it was confirmed.
pub async fn drop_phone(app: &Arc<App>, alive: &Alive, origin: Origin) -> Result<(), FlowError> {
    let Some(ceremony) = awaited(app, alive, Kind::Sms).await? else { return Ok(()) };
    let dropped = app.db.transact(Job::new(app, (ceremony, origin)), |tx, job| {
        Box::pin(async move {
            let (ceremony, origin) = &job.input;
            let Some(account) = account::load(tx, &job.app, ceremony.account).await? else { return Ok(()) };
            let pending = authenticator::list(tx, &account).await?.into_iter();
            let mut pending = pending.filter(|method| !method.method.confirmed);
            let Some(method) = pending.find(|method| confirming(method.method.id) == ceremony.id) else {
                return Ok(());
            };
            authenticator::remove(tx, account.id, method.method.id).await?;
            let about = Some(method.method.kind.name());
            record(tx, &job.app, &account, (Event::MethodRemoved, origin, about), job.now).await
        })
    });
    Ok(dropped.await?)
}
