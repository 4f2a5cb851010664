//! The commands, one file each. Answers go to standard output, everything else to standard error; the exit code is 0 for
//! done, 1 for failed, 2 for misused.

pub mod api_key;
pub mod bench;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod key;
pub mod migrate;
pub mod route;
mod running;
pub mod serve;
pub mod start;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Mistake;
use crate::keys::KeyFileError;
use crate::store::StoreError;
use crate::store::migrate::SchemaMismatch;

/// Two-step verification for your site: people sign in with a password and a code from their phone.
///
/// Try `nidan demo`: it needs nothing else.
#[derive(Parser)]
#[command(name = "nidan", version, arg_required_else_help = true, propagate_version = true, after_help = ENVIRONMENT)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const ENVIRONMENT: &str = "\
Environment:
  NIDAN__SECTION__KEY  goes before a key of the settings file, e.g. NIDAN__LISTEN__PUBLIC
  NIDAN_LOG            how much the log tells: error, warn, info, debug, or e.g. warn,nidan=debug
  NIDAN_LOG_FORMAT     json for one JSON object per line of the log";

#[derive(Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Serve(serve::Arguments),
    Migrate(migrate::Arguments),
    #[command(subcommand)]
    Config(config::Command),
    Doctor(doctor::Arguments),
    #[command(subcommand)]
    Route(route::Command),
    #[command(subcommand)]
    Key(key::Command),
    #[command(subcommand)]
    ApiKey(api_key::Command),
    Bench(bench::Arguments),
}

/// Why a command failed: one sentence a person can act on, or several of them, one a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure(pub String);

impl From<KeyFileError> for Failure {
    fn from(error: KeyFileError) -> Self {
        Self(error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { .. } => {
                Self(format!("{error}; see that it runs and that [database] url is right"))
            }
            _ => Self(error.to_string()),
        }
    }
}

impl From<SchemaMismatch> for Failure {
    fn from(mismatch: SchemaMismatch) -> Self {
        match mismatch {
            SchemaMismatch::Store(error) => error.into(),
            _ => Self(mismatch.to_string()),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self(format!("the system refused: {error}"))
    }
}

/// Mistakes of a settings file, one a line.
impl Failure {
    fn of_settings(file: &dyn Display, mistakes: &[Mistake]) -> Self {
        let lines: Vec<String> = mistakes.iter().map(|mistake| format!("{file}: {mistake}")).collect();
        Self(lines.join("\n"))
    }
}

/// The process's environment, as far as it is text.
type Env = BTreeMap<String, String>;

/// Runs the command that `arguments` (the program's name first) ask for.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Asked-for help and version go to standard output and are no misuse.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    let env: Env = std::env::vars_os().filter_map(text).collect();
    match run(cli.command, &env) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(sentence)) => {
            tell(&sentence);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, env: &Env) -> Result<(), Failure> {
    let json = env.get("NIDAN_LOG_FORMAT").is_some_and(|format| format == "json");
    crate::logging::start(env.get("NIDAN_LOG").map(String::as_str), json).map_err(Failure)?;
    match command {
        Command::Demo(arguments) => wait_for(demo::run(&arguments)),
        Command::Serve(arguments) => wait_for(serve::run(&arguments, env)),
        Command::Migrate(arguments) => wait_for(migrate::run(&arguments, env)),
        Command::Config(command) => config::run(&command, env),
        Command::Doctor(arguments) => wait_for(doctor::run(&arguments, env)),
        Command::Route(command) => wait_for(route::run(&command, env)),
        Command::Key(command) => key::run(&command, env),
        Command::ApiKey(command) => wait_for(api_key::run(&command, env)),
        Command::Bench(arguments) => wait_for(bench::run(&arguments)),
    }
}

fn wait_for(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

/// An answer on standard output. Whoever closes it early (`nidan config print | head`) has seen enough.
fn answer(line: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// A word to the operator on standard error.
fn tell(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound_and_says_what_each_part_is_for() {
        let mut command = Cli::command();
        command.clone().debug_assert();
        command.build();
        let mut open = vec![command];
        while let Some(command) = open.pop() {
            assert!(command.get_about().is_some(), "{} says nothing", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
            open.extend(command.get_subcommands().filter(|command| command.get_name() != "help").cloned());
        }
    }

    fn exit_code(line: &str) -> String {
        format!("{:?}", main(line.split(' ').map(OsString::from)))
    }

    #[test]
    fn misuse_help_and_failure_have_their_exit_codes() {
        for misuse in ["nidan", "nidan fly", "nidan migrate", "nidan config check", "nidan key generate --confg x"] {
            assert_eq!(exit_code(misuse), format!("{:?}", ExitCode::from(2)), "{misuse}");
        }
        assert_eq!(exit_code("nidan --version"), format!("{:?}", ExitCode::SUCCESS));
        assert_eq!(exit_code("nidan migrate --config /nowhere"), format!("{:?}", ExitCode::FAILURE));
    }
}
