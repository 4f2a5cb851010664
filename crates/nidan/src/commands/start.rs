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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::App;
    use crate::flow::Origin;
    use crate::flow::sign_up::{self, SignUp, SignUpAnswer};
    use crate::scratch::Scratch;
    use nidan_core::language::Language;
    use nidan_core::secret::Secret;

    async fn start_in(scratch: &Scratch) -> Result<Started, Failure> {
        let listener = bind("127.0.0.1:0".parse().expect("an address"), "").await?;
        let settings = Settings::demo(listener.local_addr()?, &scratch.path(""), Language::Ja);
        start(settings, listener, Schema::Migrate).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn accounts_without_their_keys_are_not_served() {
        let scratch = Scratch::new();
        let first = start_in(&scratch).await.expect("starts");
        let key_file = first.settings.keys_file.clone();
        std::fs::remove_file(&key_file).expect("removed");
        drop(first);
        let Started { settings, db, keys, .. } = start_in(&scratch).await.expect("nothing was lost");
        let (app, _messages) = App::new(&settings, (db, keys), (Clock::system(), Random::system())).expect("texts");
        let sign_up = SignUp {
            email: "hanako@example.jp".into(),
            password: Secret::new("kuruma-to-12-no-mikan".into()),
            origin: Origin::new(None, None, Language::Ja),
        };
        assert!(matches!(sign_up::begin(&app, sign_up).await, Ok(SignUpAnswer::CodeSent { .. })));
        drop(app);
        std::fs::remove_file(&key_file).expect("removed");
        let told = loop {
            let Failure(told) = start_in(&scratch).await.map(drop).expect_err("refused");
            // The thread that writes holds the database for a moment longer than its answer.
            if !told.contains("another nidan") {
                break told;
            }
        };
        assert!(told.contains("nidan.key is missing"), "{told}");
        assert!(!key_file.exists(), "and no other key is made");
    }
}
