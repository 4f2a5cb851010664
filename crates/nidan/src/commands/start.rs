//! What `nidan demo` and `nidan serve` do before they answer: the socket, the database with its lock, the keys. A key file
//! is made last, so that a server that cannot start leaves none behind.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::Failure;
use crate::app::{Clock, Random};
use crate::config::Settings;
use crate::keys::KeyRing;
use crate::store::{Db, account, migrate};

/// Everything a server stands on.
pub struct Started {
    /// The settings in force.
    pub settings: Settings,
    /// The database, its schema being this version's.
    pub db: Db,
    /// The keys; made now if there were none.
    pub keys: KeyRing,
    /// Bound to `settings.listen.public`.
    pub listener: TcpListener,
}

/// What to do about a database whose schema is older, or that is new.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Schema {
    /// Bring it up to date: the demo's belongs to nobody else.
    Migrate,
    /// Refuse and say what to run.
    MustFit,
}

/// Opens everything. `listener` is bound already, so that the settings can name its port.
pub async fn start(settings: Settings, listener: TcpListener, schema: Schema) -> Result<Started, Failure> {
    let db = Db::open_exclusive(&settings.database).await?;
    match schema {
        Schema::Migrate => drop(migrate::migrate(&db).await?),
        Schema::MustFit => migrate::check(&db).await?,
    }
    if !settings.keys_file.exists() && db.read((), |tx, ()| Box::pin(account::any(tx))).await? {
        let file = settings.keys_file.display();
        return Err(Failure(format!(
            "the key file {file} is missing and the database holds accounts, which no other key opens: put it back from its \
             copy, or name its place in [keys] file"
        )));
    }
    let (keys, made) = KeyRing::load_or_create(&settings.keys_file, &Random::system(), Clock::system().now())?;
    if made {
        tracing::info!(file = %settings.keys_file.display(), "made the key file: keep a copy apart from the database's");
    }
    Ok(Started { settings, db, keys, listener })
}

/// Binds an address; `remedy` says how to choose another.
pub async fn bind(address: SocketAddr, remedy: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| Failure(format!("cannot listen on {address} ({error}): {remedy}")))
}

/// Is ready when the process is asked to stop, by SIGTERM or Ctrl-C. Signals count from this call on, not from the
/// first poll.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
