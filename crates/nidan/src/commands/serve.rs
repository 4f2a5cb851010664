//! `nidan serve`.

use clap::Args;

use super::config::SettingsFile;
use super::start::{Schema, Started, bind, start};
use super::{Env, Failure, running};

/// Runs the server until SIGTERM or Ctrl-C, then finishes what is under way.
///
/// The database must have this version's schema: `nidan migrate` brings it there. The key file is made on first start.
#[derive(Args)]
pub struct Arguments {
    /// Where the settings are.
    #[command(flatten)]
    pub file: SettingsFile,
}

/// Runs the server until it is asked to stop.
pub(super) async fn run(arguments: &Arguments, env: &Env) -> Result<(), Failure> {
    running::until_stopped(prepare(arguments, env).await?).await
}

/// Prepares the server.
pub async fn prepare(arguments: &Arguments, env: &Env) -> Result<Started, Failure> {
    let settings = arguments.file.read(env)?;
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    let remedy = "stop what listens there, or set [listen] public to another address";
    let listener = bind(settings.listen.public, remedy).await?;
    start(settings, listener, Schema::MustFit).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::print_default;
    use crate::scratch::Scratch;
    use crate::store::{Db, migrate};

    #[tokio::test]
    async fn a_server_starts_only_on_the_schema_it_knows() {
        let scratch = Scratch::new();
        let file = SettingsFile { config: scratch.path("nidan.toml") };
        std::fs::write(&file.config, print_default()).expect("written");
        let env = Env::from([("NIDAN__LISTEN__PUBLIC".into(), "127.0.0.1:0".into())]);
        let database = file.read(&env).expect("good").database;
        let arguments = Arguments { file };
        let told = prepare(&arguments, &env).await;
        assert!(told.is_err_and(|Failure(told)| told.contains("nidan migrate")));
        assert!(!scratch.path("nidan.key").exists(), "a server that does not start makes no key");
        migrate::migrate(&Db::open(&database).await.expect("opens")).await.expect("migrates");
        assert!(prepare(&arguments, &env).await.is_ok());
        assert!(scratch.path("nidan.key").exists());
    }
}
