//! Sessions: who is this, and the ways out.

use std::sync::Arc;

use nidan_core::audit::Event;
use nidan_core::id::{self, AccountId, SessionId};
use nidan_core::language::Language;
use nidan_core::time::{Span, Timestamp};
use nidan_core::token::{Token, TokenHash, TokenKind};

use super::{FlowError, Job, Origin, record};
use crate::app::App;
use crate::store::account::{self, Account};
use crate::store::client::Client;
use crate::store::session::{self, Session};
use crate::store::{StoreError, Tx, device};

/// Uses are written down so seldom, since a session is checked on every request.
const TOUCH_EVERY: Span = Span::minutes(10);

/// A session that is alive.
pub struct Alive {
    /// Whose.
    pub account: AccountId,
    /// What it is.
    pub session: Session,
    /// The hash of the token that was presented.
    pub token: TokenHash,
    /// The account's language.
    pub language: Language,
}

/// The session of a presented token; `None` if there is none that is alive.
pub async fn check(app: &Arc<App>, token: &str) -> Result<Option<Alive>, FlowError> {
    let Some(token) = Token::<id::Session>::parse(TokenKind::Session, token) else { return Ok(None) };
    let (account, hash) = (token.account, token.hash());
    let job = Job::new(app, (account, token.id));
    let found = app.db.read(job, |tx, job| Box::pin(session::find(tx, job.input.0, job.input.1))).await?;
    let now = app.clock.now();
    let alive = found.filter(|found| found.session.token.same(&hash) && found.is_alive(now, app.policy.session_idle));
    let Some(found) = alive else { return Ok(None) };
    if now.since(found.session.last_used_at) >= TOUCH_EVERY {
        let job = Job::new(app, (account, found.session.id));
        app.db.transact(job, |tx, job| Box::pin(session::touch(tx, job.input.0, job.input.1, job.now))).await?;
    }
    Ok(Some(Alive { account, session: found.session, token: hash, language: found.language }))
}

/// A way out, or the end of somebody's session or device.
pub struct End {
    /// Whose.
    pub account: AccountId,
    /// What ends.
    pub what: Ending,
    /// Where from, and in which language.
    pub origin: Origin,
}

/// What ends.
#[derive(Clone, Copy, Debug)]
pub enum Ending {
    /// The session in which it was asked for.
    ThisSession(SessionId),
    /// Another session.
    Session(SessionId),
    /// A device.
    Device(id::DeviceId),
    /// All sessions and devices, and everything that is under way.
    Everything,
}

/// Ends it; `false` if there was no such thing.
pub async fn end(app: &Arc<App>, end: End) -> Result<bool, FlowError> {
    Ok(app.db.transact(Job::new(app, end), |tx, job| Box::pin(job.run(tx))).await?)
}

impl Job<End> {
    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let Some(account) = account::load(tx, &self.app, self.input.account).await? else { return Ok(false) };
        let (ended, event) = match self.input.what {
            Ending::ThisSession(id) => (session::remove(tx, account.id, id).await?, Event::SignedOut),
            Ending::Session(id) => (session::remove(tx, account.id, id).await?, Event::SessionRevoked),
            Ending::Device(id) => (device::remove(tx, account.id, id).await?, Event::DeviceRevoked),
            Ending::Everything => {
                account::bump_epoch(tx, account.id).await?;
                session::remove_all(tx, account.id).await?;
                device::remove_all(tx, account.id).await?;
                (true, Event::SignedOutEverywhere)
            }
        };
        if ended {
            record(tx, &self.app, &account, (event, &self.input.origin, None), self.now).await?;
        }
        Ok(ended)
    }
}

/// A session in a list.
pub struct Listed {
    /// What it is.
    pub session: Session,
    /// Where it was signed in from.
    pub client: Client,
    /// When it ends if it is not used again.
    pub ends_at: Timestamp,
}

/// The sessions of an account that are alive, the one used last first.
pub(super) async fn list(
    tx: &mut Tx<'_>,
    app: &App,
    account: &Account,
    now: Timestamp,
) -> Result<Vec<Listed>, StoreError> {
    let idle = app.policy.session_idle;
    let alive = session::list(tx, account.id).await?.into_iter().filter(|found| found.is_alive(now, idle));
    alive
        .map(|found| {
            let client = found.client(account)?;
            let ends_at = found.session.expires_at.min(found.session.last_used_at.plus(idle));
            Ok(Listed { session: found.session, client, ends_at })
        })
        .collect()
}
