//! One file for each thing that can happen. A flow loads, lets `nidan-core` decide, and saves, in one transaction; sends
//! after its commit, from the ledger. Pages, API and commands call the same flows.
//!
//! A verdict is not an error: what the rules say is a value that whoever shows it matches exhaustively. [`FlowError`] means
//! that the server could not do its work.

use std::sync::Arc;

use nidan_core::audit::Event;
use nidan_core::id::ApiKeyId;
use nidan_core::language::Language;
use nidan_core::time::Timestamp;

use crate::app::App;
use crate::password_hash::Busy;
use crate::store::account::Account;
use crate::store::audit::{self, Facts};
pub use crate::store::client::Client;
use crate::store::{StoreError, Tx};

pub mod accounts;
pub mod add_method;
pub mod answer_notice;
pub mod api_keys;
pub mod breaker;
pub mod budget;
pub mod change_password;
pub mod check_code;
pub mod deny;
pub mod disown;
pub mod fallback;
pub mod grant;
pub mod guesses;
pub mod lane;
pub mod look;
pub mod messages;
pub(crate) mod notice;
pub mod once;
pub(crate) mod open;
pub mod password_known;
pub mod release;
pub mod remove_method;
pub mod resend_code;
pub mod session;
pub mod setup;
pub mod sign_in;
pub mod sign_up;
pub mod wrong_code;

/// The server could not do its work: logged once at the edge, shown as "try again".
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// More sign-ins at once than this machine can hash passwords for.
    #[error("too many passwords are being checked")]
    Busy(Busy),
}

impl From<Busy> for FlowError {
    fn from(busy: Busy) -> Self {
        Self::Busy(busy)
    }
}

/// Where a request came from and the language it is answered in.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Network address and program.
    pub client: Client,
    /// The language of the page, or that a site asked for.
    pub language: Language,
    /// The site's key that it came through; none: from a browser.
    pub api_key: Option<ApiKeyId>,
}

impl Origin {
    /// From a network address and the name of a program, as far as they are known.
    pub fn new(address: Option<String>, program: Option<String>, language: Language) -> Self {
        Self { client: Client { address, program }, language, api_key: None }
    }
}

/// Who begins a ceremony, and will hold it.
#[derive(Clone, Copy, Debug)]
pub enum By {
    /// A browser: it gets a token.
    Browser,
    /// A site, by its API key.
    Site,
}

/// Writes down that `event` happened to `account`.
async fn record(
    tx: &mut Tx<'_>,
    app: &App,
    account: &Account,
    (event, origin, about): (Event, &Origin, Option<&str>),
    now: Timestamp,
) -> Result<(), StoreError> {
    let facts = Facts { client: origin.client.clone(), about: about.map(str::to_owned) };
    audit::append(tx, account, app.new_event_id(now), (event, &facts), now).await
}

/// Writes down that `event` happened at a name that nobody has.
async fn record_for_nobody(
    tx: &mut Tx<'_>,
    app: &App,
    (event, origin): (Event, &Origin),
    now: Timestamp,
) -> Result<(), StoreError> {
    let facts = Facts { client: origin.client.clone(), about: None };
    audit::append_for_nobody(tx, app, app.new_event_id(now), (event, &facts), now).await
}

/// A flow's input with the server it runs on: what a transaction's body gets.
struct Job<I> {
    app: Arc<App>,
    input: I,
    now: Timestamp,
}

impl<I> Job<I> {
    fn new(app: &Arc<App>, input: I) -> Self {
        Self { app: app.clone(), now: app.clock.now(), input }
    }
}
