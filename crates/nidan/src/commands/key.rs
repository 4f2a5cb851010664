//! `nidan key generate`.

use clap::Subcommand;

use super::config::SettingsFile;
use super::{Env, Failure, answer};
use crate::app::{Clock, Random};
use crate::config::Settings;
use crate::keys::{KeyFileError, KeyRing};

/// The keys that the database is encrypted with.
#[derive(Subcommand)]
pub enum Command {
    /// Makes the key file; or, if there is one, adds a newer key to it.
    ///
    /// What was encrypted under older keys stays readable, for they stay in the file; new accounts use the newest.
    /// Servers read the file when they start. Keep a copy of it, apart from copies of the database.
    Generate(SettingsFile),
}

pub(super) fn run(command: &Command, env: &Env) -> Result<(), Failure> {
    let Command::Generate(file) = command;
    answer(&generate(&file.read(env)?)?)
}

fn generate(settings: &Settings) -> Result<String, Failure> {
    let (path, random, now) = (&settings.keys_file, Random::system(), Clock::system().now());
    let shown = path.display();
    match KeyRing::create(path, &random, now) {
        Ok(_) => Ok(format!("made the key file {shown}: keep a copy of it, apart from copies of the database")),
        Err(KeyFileError::Exists(_)) => {
            let ring = KeyRing::add_version(path, &random, now)?;
            let next = "copy the file to every server of this site, then restart them one by one";
            Ok(format!("added key {} to {shown}: {next}", ring.newest()))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;
    use nidan_core::language::Language;

    #[test]
    fn the_first_makes_the_file_and_the_next_adds_to_it() {
        let scratch = Scratch::new();
        let listen = "127.0.0.1:0".parse().expect("an address");
        let settings = Settings::demo(listen, &scratch.path(""), Language::Ja);
        assert!(generate(&settings).is_ok_and(|told| told.starts_with("made the key file")));
        assert!(generate(&settings).is_ok_and(|told| told.starts_with("added key 2")));
        assert_eq!(KeyRing::load(&settings.keys_file).map(|ring| ring.newest()).ok(), Some(2));
    }
}
