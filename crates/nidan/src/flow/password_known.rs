//! Somebody else may have the password: judged before each message to an unknown device and when a code dies untyped, told to
//! the owner once, and over when the password is changed. The rule: [`nidan_core::password_known`].

use std::sync::Arc;

use nidan_core::message::MessageKind;
use nidan_core::password_known::{self as rule, LaneU, Notice};
use nidan_core::secret::Secret;
use nidan_core::time::{Span, Timestamp};

use super::budget::{self, Admission};
use super::notice::{self, About};
use super::{FlowError, Job};
use crate::app::App;
use crate::store::account::{self, Account};
use crate::store::authenticator;
use crate::store::ceremony::{self, Left};
use crate::store::client::Client;
use crate::store::message::Leased;
use crate::store::{StoreError, Tx};

/// How far back sign-ins are looked at.
const WEEK: Span = Span::days(7);

/// Whether unknown devices may have one more sign-in with a message.
pub(super) async fn judge(tx: &mut Tx<'_>, app: &App, account: &Account, now: Timestamp) -> Result<LaneU, StoreError> {
    let tells = |route: &str| app.tells_of_arrival(route);
    let sign_ins = ceremony::password_only(tx, app, (account.id, tells), now.minus(WEEK)).await?;
    Ok(rule::judge(&sign_ins, &account.closure, account.password_changed_at, now, &app.policy))
}

/// How many sign-ins with the right password on unknown devices nobody completed in the last week, since the password is what it is.
async fn left_so_far(tx: &mut Tx<'_>, app: &App, account: &Account, now: Timestamp) -> Result<i64, StoreError> {
    let tells = |route: &str| app.tells_of_arrival(route);
    let sign_ins = ceremony::password_only(tx, app, (account.id, tells), now.minus(WEEK)).await?;
    let since = account.password_changed_at;
    let left = sign_ins.iter().filter(|sign_in| !sign_in.completed && since.is_none_or(|at| sign_in.opened_at > at));
    Ok(i64::try_from(left.count()).unwrap_or(i64::MAX))
}

/// Closes the lane, unless it is closed, and writes to the owner what is to be written now. `stopped`: an attempt was stopped.
pub(super) async fn close(
    tx: &mut Tx<'_>,
    app: &App,
    (account, client): (&mut Account, &Client),
    stopped: bool,
    now: Timestamp,
) -> Result<Vec<Leased>, StoreError> {
    let changed_at = account.password_changed_at;
    let closed = account.closure.close(changed_at, now);
    account.closure = if stopped { closed.stopped() } else { closed };
    tell(tx, app, (account, client), now).await
}

async fn tell(
    tx: &mut Tx<'_>,
    app: &App,
    (account, client): (&mut Account, &Client),
    now: Timestamp,
) -> Result<Vec<Leased>, StoreError> {
    let notice = account.closure.notice(account.password_changed_at, now);
    if let Some((_, told)) = notice {
        account.closure = told;
    }
    account::save_closure(tx, account).await?;
    let letter = |kind, count| About { kind, to: Secret::new(account.email.as_str().to_owned()), count };
    let mut told = Vec::new();
    match notice {
        None => {}
        Some((Notice::Alert, _)) => {
            let count = left_so_far(tx, app, account, now).await?;
            for phone in authenticator::list(tx, account).await?.iter().filter(|method| method.method.confirmed) {
                told.extend(phone.phone().map(|number| About {
                    kind: MessageKind::PasswordKnownAlert,
                    to: Secret::new(number.e164().to_owned()),
                    count,
                }));
            }
            told.push(letter(MessageKind::PasswordKnownLetter, count));
        }
        Some((Notice::Summary { stopped }, _)) => {
            told.push(letter(MessageKind::PasswordKnownSummary, stopped.into()));
        }
    }
    let mut messages = Vec::new();
    for about in told {
        messages.push(notice::claim_about(tx, app, account, (about, client), now).await?);
    }
    Ok(messages)
}

/// Looks at the sign-ins from unknown devices whose codes died since the last look: closes what is to be closed, and tells
/// owners that somebody had the right password and no code.
pub async fn look(app: &Arc<App>) -> Result<(), FlowError> {
    let now = app.clock.now();
    let Some(after) = app.codes_died.since(now) else { return Ok(()) };
    let left = app.db.read((after, now), |tx, (after, now)| Box::pin(ceremony::left(tx, *after, *now))).await?;
    for left in &left {
        look_at(app, *left).await?;
        app.codes_died.looked(left.died_at);
    }
    if left.len() < ceremony::LEFT_MAX {
        app.codes_died.looked(now);
    }
    Ok(())
}

async fn look_at(app: &Arc<App>, left: Left) -> Result<(), FlowError> {
    let job = Job::new(app, left);
    let (missed, messages) = app.db.transact(job, |tx, job| Box::pin(job.run(tx))).await?;
    app.dispatch(messages);
    if missed { tell_missed(app, left).await } else { Ok(()) }
}

/// Tells the owner that somebody had the right password and no code, unless that was told within the hour.
pub(super) async fn tell_missed(app: &Arc<App>, left: Left) -> Result<(), FlowError> {
    let budgets = vec![nidan_core::budget::of_notice(left.account)];
    if let Admission::Admitted(_) = budget::admit(app, budgets).await? {
        let claimed = app.db.transact(Job::new(app, left), |tx, job| Box::pin(job.missed(tx))).await?;
        app.dispatch(claimed);
    }
    Ok(())
}

impl Job<Left> {
    /// Whether the owner is to be told of a code that nobody typed: not beside the alert.
    async fn run(&self, tx: &mut Tx<'_>) -> Result<(bool, Vec<Leased>), StoreError> {
        let (app, now) = (&*self.app, self.now);
        let Some(mut account) = account::load(tx, app, self.input.account).await? else {
            return Ok((false, Vec::new()));
        };
        if account.closure.is_closed(account.password_changed_at) {
            return Ok((false, Vec::new()));
        }
        if judge(tx, app, &account, now).await? != LaneU::Closed {
            return Ok((true, Vec::new()));
        }
        let open = ceremony::load(tx, &account, self.input.ceremony).await?;
        let client = open.map(|open| open.client).unwrap_or_default();
        Ok((false, close(tx, app, (&mut account, &client), false, now).await?))
    }

    async fn missed(&self, tx: &mut Tx<'_>) -> Result<Option<Leased>, StoreError> {
        let (app, now) = (&*self.app, self.now);
        let Some(account) = account::load(tx, app, self.input.account).await? else { return Ok(None) };
        let open = ceremony::load(tx, &account, self.input.ceremony).await?;
        let Some(open) = open else { return Ok(None) };
        let to = Secret::new(account.email.as_str().to_owned());
        let about = About { kind: MessageKind::SecondStepMissed, to, count: 0 };
        notice::claim_about(tx, app, &account, (about, &open.client), now).await.map(Some)
    }
}

/// Up to when this node has looked at codes that died.
#[derive(Default)]
pub struct CodesDied(std::sync::Mutex<Option<Timestamp>>);

impl CodesDied {
    /// What is older when a node begins is judged when somebody asks for the next message.
    const LOOKED_BACK: Span = Span::minutes(60);

    fn memory(&self) -> std::sync::MutexGuard<'_, Option<Timestamp>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Since when to look; none: the clock has not moved.
    fn since(&self, now: Timestamp) -> Option<Timestamp> {
        let since = self.memory().unwrap_or_else(|| now.minus(Self::LOOKED_BACK));
        (since < now).then_some(since)
    }

    /// Whether what died up to `at` was looked at.
    pub fn are_looked_at(&self, at: Timestamp) -> bool {
        self.memory().is_some_and(|until| until >= at)
    }

    fn looked(&self, until: Timestamp) {
        *self.memory() = Some(until);
    }
}
