//! `nidan demo`.

use std::fs::DirBuilder;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use clap::Args;
use nidan_core::language::Language;
use nidan_core::secret::Secret;

use super::start::{Schema, Started, bind, start};
use super::{Failure, answer, api_key, running};
use crate::app::{Clock, Random};
use crate::config::Settings;

/// Runs everything on this machine, with nothing to set up: for looking around.
///
/// SMS and e-mail are shown at /demo/phone. Prints `api-key …`, a key for the REST API that is good until the next start,
/// and `ready …`, the address to open. Nothing here is for the public: it answers on this machine only.
#[derive(Args)]
pub struct Arguments {
    /// Where to answer: an address of this machine only; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = loopback)]
    pub listen: SocketAddr,
    /// Where accounts and keys are kept; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = "./nidan-demo")]
    pub data: PathBuf,
    /// The language of whoever has not chosen one: ja or en.
    #[arg(long, value_name = "LANG", default_value = "ja", value_parser = language)]
    pub lang: Language,
}

/// Runs the demo until it is asked to stop.
pub(super) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (started, key) = prepare(arguments).await?;
    answer(&format!("api-key {}", key.expose()))?;
    running::until_stopped(started).await
}

/// Prepares the demo: all a server stands on, and the key for the REST API to print.
pub async fn prepare(arguments: &Arguments) -> Result<(Started, Secret<String>), Failure> {
    let data = &arguments.data;
    DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(|error| {
        Failure(format!("cannot make {} ({error}): name another directory with --data", data.display()))
    })?;
    let listener = bind(arguments.listen, "stop what listens there, or choose another port with --listen").await?;
    let settings = Settings::demo(listener.local_addr()?, data, arguments.lang);
    let started = start(settings, listener, Schema::Migrate).await?;
    let key = api_key::replace(&started.db, "demo", (&Random::system(), Clock::system().now())).await?;
    Ok((started, key))
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "write it as 127.0.0.1:8080 or [::1]:8080")?;
    match address.ip().is_loopback() {
        true => Ok(address),
        false => {
            Err("the demo shows every code, so it answers on this machine only: 127.0.0.1:PORT or [::1]:PORT".into())
        }
    }
}

fn language(tag: &str) -> Result<Language, String> {
    Language::from_tag(tag).ok_or_else(|| "write ja or en".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn a_demo_starts_from_nothing_and_again_with_the_same_keys() {
        let scratch = Scratch::new();
        let listen = "127.0.0.1:0".parse().expect("an address");
        let arguments = Arguments { listen, data: scratch.path("new/demo"), lang: Language::En };
        let (first, first_key) = prepare(&arguments).await.expect("starts");
        let port = first.listener.local_addr().expect("bound").port();
        assert_eq!(first.settings.site.url.as_str(), format!("http://127.0.0.1:{port}/"));
        let mode = std::fs::metadata(&arguments.data).expect("made").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let browser = first.keys.csrf_token(b"browser");
        let second = prepare(&arguments).await;
        assert!(second.is_err(), "two demos on one directory");
        drop(first);
        let (again, again_key) = prepare(&arguments).await.expect("starts again");
        assert_eq!(again.keys.csrf_token(b"browser"), browser);
        assert!(first_key.expose().starts_with("nsk_") && !first_key.same(&again_key));
    }

    #[test]
    fn only_this_machine_is_listened_on() {
        assert!(loopback("127.0.0.1:8080").is_ok() && loopback("[::1]:0").is_ok());
        for address in ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:80", "localhost:8080", "8080"] {
            assert!(loopback(address).is_err(), "{address}");
        }
    }

    #[tokio::test]
    async fn a_taken_port_is_told_with_the_remedy() {
        let scratch = Scratch::new();
        let taken = bind("127.0.0.1:0".parse().expect("an address"), "").await.expect("a free port");
        let listen = taken.local_addr().expect("bound");
        let told = prepare(&Arguments { listen, data: scratch.path("demo"), lang: Language::Ja }).await;
        assert!(told.is_err_and(|Failure(told)| told.contains("--listen")));
    }
}
