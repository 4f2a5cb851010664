//! `nidan migrate`.

use clap::Args;

use super::config::SettingsFile;
use super::{Env, Failure, answer};
use crate::config::Settings;
use crate::store::{Db, migrate};

/// Brings the database to the schema of this version; stop the servers first.
///
/// It is done whole or not at all. `nidan serve` does not start on another schema.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    file: SettingsFile,
}

pub(super) async fn run(arguments: &Arguments, env: &Env) -> Result<(), Failure> {
    let settings = arguments.file.read(env)?;
    answer(&bring_up_to_date(&settings).await?)
}

async fn bring_up_to_date(settings: &Settings) -> Result<String, Failure> {
    let db = Db::open_exclusive(&settings.database).await?;
    let (at, applied) = (migrate::NEWEST, migrate::migrate(&db).await?);
    Ok(match applied {
        0 => format!("{} was at schema version {at} already", settings.database),
        _ => format!("{} is now at schema version {at}", settings.database),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;
    use nidan_core::language::Language;

    #[tokio::test]
    async fn the_first_migrates_and_the_second_finds_nothing_to_do() {
        let scratch = Scratch::new();
        let listen = "127.0.0.1:0".parse().expect("an address");
        let settings = Settings::demo(listen, &scratch.path(""), Language::Ja);
        assert!(bring_up_to_date(&settings).await.is_ok_and(|told| told.contains("is now at")));
        assert!(bring_up_to_date(&settings).await.is_ok_and(|told| told.contains("already")));
    }
}
