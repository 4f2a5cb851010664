//! `nidan config print` and `nidan config check`; and reading the settings for every other command.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{Env, Failure, answer, tell};
use crate::config::{Settings, print_default};

/// The settings: what there is, and what is wrong with yours.
#[derive(Subcommand)]
pub enum Command {
    /// Prints the default settings with comments: the beginning of a file of your own.
    Print,
    /// Tells every mistake of a settings file at once, each with its line and what to do.
    Check(SettingsFile),
}

/// The option that names the settings file.
#[derive(Args)]
pub struct SettingsFile {
    /// The settings file; `nidan config print` makes one to start from.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

pub(super) fn run(command: &Command, env: &Env) -> Result<(), Failure> {
    match command {
        Command::Print => answer(print_default().trim_end()),
        Command::Check(file) => {
            let settings = file.read(env)?;
            settings.warnings().iter().for_each(|warning| tell(&format!("{}: {warning}", file.config.display())));
            answer(&format!("{} has no mistakes", file.config.display()))
        }
    }
}

impl SettingsFile {
    /// The settings, or all their mistakes.
    pub(super) fn read(&self, env: &Env) -> Result<Settings, Failure> {
        let file = self.config.display();
        let text = fs::read_to_string(&self.config).map_err(|error| {
            let remedy = "name a file that this user may read; `nidan config print` makes one to start from";
            Failure(format!("the settings file {file} cannot be read ({error}): {remedy}"))
        })?;
        let base = self.config.parent().unwrap_or(Path::new(""));
        Settings::read(&text, env, base).map_err(|mistakes| Failure::of_settings(&file, &mistakes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn the_printed_settings_are_read_and_mistakes_come_one_a_line() {
        let scratch = Scratch::new();
        let file = SettingsFile { config: scratch.path("nidan.toml") };
        fs::write(&file.config, print_default()).expect("written");
        let settings = file.read(&Env::new()).expect("good");
        assert_eq!(settings.keys_file, scratch.path("nidan.key"));
        fs::write(&file.config, "[site]\nname = 1\n[policy]\ncode_tries_max = 0\n").expect("written");
        let Failure(told) = file.read(&Env::new()).expect_err("mistakes");
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines.len(), 4, "{told}");
        assert!(lines[0].ends_with("nidan.toml: line 2: site.name is not a text: put it in quotation marks"), "{told}");
        assert!(run(&Command::Check(file), &Env::new()).is_err());
    }
}
