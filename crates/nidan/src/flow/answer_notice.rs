//! An owner answers a notice, from whatever browser, by the reference that it carries: "that was me", or "that was not me", which
//! ends what the notice tells of and closes the lane of unknown devices.
//!
//! Nobody is signed in for that, so whoever has the reference learns no address, number or method of the account, and can do nothing
//! but end and close.

use std::sync::Arc;

use nidan_core::audit::Event;
use nidan_core::budget::of_reference;
use nidan_core::id::MessageId;
use nidan_core::message::MessageKind;
use nidan_core::notice::{Ends, Reference, Said, ends, tells_of_password};
use nidan_core::secret::Secret;
use nidan_core::time::{Span, Timestamp};

use super::budget::{self, Admission};
use super::lane::{self, Shut};
use super::{FlowError, Job, Origin, password_known, record};
use crate::app::App;
use crate::store::account::{self, Account};
use crate::store::message::Leased;
use crate::store::notice::{self, LetIn, Named, Notice, ReferenceKey};
use crate::store::request::NetworkKey;
use crate::store::{StoreError, Tx, audit, ceremony, device, session};

/// For how long a network counts as one that was seen before.
const QUARTER: Span = Span::days(90);
/// Successes that are looked at.
const SUCCESSES_MAX: i64 = 500;

/// A reference that was typed.
pub struct Ask {
    /// As it was typed.
    pub typed: Secret<String>,
    /// Where from, and in which language.
    pub origin: Origin,
}

/// What a reference leads to.
pub enum Found<T> {
    /// This.
    Notice(T),
    /// No notice that is to be answered still: there never was one, or its time is over.
    Unknown,
    /// Too many wrong references: none is looked at for now.
    Later(Shut),
}

/// A notice as whoever has its reference sees it.
pub struct Shown {
    /// Which one.
    pub id: MessageId,
    /// What it tells of.
    pub kind: MessageKind,
    /// When it was written.
    pub at: Timestamp,
    /// The program that it was done with.
    pub program: Option<String>,
    /// Whether that came from a network from which the owner had signed in before.
    pub network_seen: bool,
    /// What was said of it already, and when.
    pub said: Option<(Said, Timestamp)>,
    /// Whether the account's password is kept here, and not by the site.
    pub keeps_password: bool,
}

/// Looks a notice up.
///
/// # Errors
/// The database's.
pub async fn find(app: &Arc<App>, ask: &Ask) -> Result<Found<Shown>, FlowError> {
    let named = match resolve(app, ask).await? {
        Found::Notice(named) => named,
        Found::Unknown => return Ok(Found::Unknown),
        Found::Later(shut) => return Ok(Found::Later(shut)),
    };
    let shown = app.db.read(Job::new(app, named), |tx, job| Box::pin(job.shown(tx))).await?;
    Ok(shown.map_or(Found::Unknown, Found::Notice))
}

/// What a reference names. A wrong one costs whoever typed it, before it is looked up; a right one nothing.
async fn resolve(app: &Arc<App>, ask: &Ask) -> Result<Found<Named>, FlowError> {
    let budgets = of_reference(lane::network(&ask.origin.client), &app.policy);
    let admitted = match budget::admit(app, budgets).await? {
        Admission::Admitted(admitted) => admitted,
        Admission::Refused { reason, until } => {
            app.metrics.suppressed(reason.name());
            return Ok(Found::Later(Shut { reason, until }));
        }
    };
    let Some(reference) = Reference::read(ask.typed.expose()) else { return Ok(Found::Unknown) };
    let job = Job::new(app, ReferenceKey::of(app, &reference));
    let named = app.db.read(job, |tx, job| Box::pin(notice::find(tx, job.input, job.now))).await?;
    let Some(named) = named else { return Ok(Found::Unknown) };
    budget::give_back(app, admitted).await?;
    Ok(Found::Notice(named))
}

async fn load(tx: &mut Tx<'_>, app: &App, (account, id): Named) -> Result<Option<(Account, Notice, Ends)>, StoreError> {
    let Some(account) = account::load(tx, app, account).await? else { return Ok(None) };
    let Some(notice) = notice::load(tx, &account, id).await? else { return Ok(None) };
    Ok(ends(notice.kind).map(|ends| (account, notice, ends)))
}

impl Job<Named> {
    async fn shown(&self, tx: &mut Tx<'_>) -> Result<Option<Shown>, StoreError> {
        let Some((account, notice, _)) = load(tx, &self.app, self.input).await? else { return Ok(None) };
        let client = &notice.cause.client;
        let network = NetworkKey::of(&self.app, client);
        let before = audit::successes(tx, &account, notice.at.minus(QUARTER), SUCCESSES_MAX).await?;
        let before = before.iter().filter(|recorded| recorded.at < notice.at);
        let network_seen = network.is_some()
            && before.map(|recorded| NetworkKey::of(&self.app, &recorded.facts.client)).any(|seen| seen == network);
        Ok(Some(Shown {
            id: self.input.1,
            kind: notice.kind,
            at: notice.at,
            program: client.program.clone(),
            network_seen,
            said: notice.said,
            keeps_password: account.password()?.is_some(),
        }))
    }
}

/// What an owner says of a notice.
pub struct Answer {
    /// The reference.
    pub ask: Ask,
    /// The notice that was shown.
    pub notice: MessageId,
    /// What is said of it.
    pub said: Said,
}

/// Takes an answer. [`Found::Notice`] also where it was answered before: then nothing more is done.
///
/// # Errors
/// The database's.
pub async fn answer(app: &Arc<App>, answer: Answer) -> Result<Found<()>, FlowError> {
    let named = match resolve(app, &answer.ask).await? {
        Found::Notice(named) if named.1 == answer.notice => named,
        Found::Notice(_) | Found::Unknown => return Ok(Found::Unknown),
        Found::Later(shut) => return Ok(Found::Later(shut)),
    };
    let job = Job::new(app, (named, answer.said, answer.ask.origin));
    match app.db.transact(job, |tx, job| Box::pin(job.run(tx))).await? {
        Some(messages) => {
            app.dispatch(messages);
            Ok(Found::Notice(()))
        }
        None => Ok(Found::Unknown),
    }
}

impl Job<(Named, Said, Origin)> {
    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Vec<Leased>>, StoreError> {
        let (app, now, (named, said, origin)) = (&*self.app, self.now, &self.input);
        let Some((mut account, notice, ends)) = load(tx, app, *named).await? else { return Ok(None) };
        let before = notice.said.map(|(said, _)| said);
        if !said.may_follow(before) || !notice::say(tx, *named, *said, now).await? || *said == Said::Me {
            return Ok(Some(Vec::new()));
        }
        record(tx, app, &account, (Event::SignInDenied, origin, None), now).await?;
        ceremony::end_unknown(tx, account.id, now).await?;
        match (ends, notice.let_in) {
            (Ends::Everything, _) => {
                account::bump_epoch(tx, account.id).await?;
                session::remove_all(tx, account.id).await?;
                device::remove_all(tx, account.id).await?;
            }
            (Ends::LetIn, Some(let_in)) => end(tx, &account, let_in).await?,
            (Ends::LetIn | Ends::UnderWay, _) => {}
        }
        if !tells_of_password(notice.at, account.password_changed_at) {
            return Ok(Some(Vec::new()));
        }
        password_known::close(tx, app, (&mut account, &notice.cause.client), false, now).await.map(Some)
    }
}

/// Ends what a sign-in has let in, and what was begun on the same device since.
async fn end(tx: &mut Tx<'_>, account: &Account, LetIn { session, device }: LetIn) -> Result<(), StoreError> {
    session::remove(tx, account.id, session).await?;
    if let Some(device) = device {
        session::remove_of_device(tx, account.id, device).await?;
        device::remove(tx, account.id, device).await?;
    }
    Ok(())
}
