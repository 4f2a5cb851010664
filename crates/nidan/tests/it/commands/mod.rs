//! What an operator asks in a shell, with the shipped program or as close to it as a clock in the test's hand allows.

mod doctor;
mod route_test;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use nidan::commands::config::SettingsFile;
use nidan::config::ways::{Smpp, Smtp, SmtpTls};
use serde_json::Value;

use crate::store::Directory;

/// A deployment: a directory with its settings.
struct Deployment {
    directory: Directory,
    settings: String,
}

impl Deployment {
    /// On SQLite beside the settings, without a route.
    fn new() -> Self {
        let settings = "[site]\nname = \"例社\"\ndomain = \"example.jp\"\nurl = \"https://id.example.jp\"\n";
        Self { directory: Directory::new(), settings: settings.to_owned() }
    }

    fn add(&mut self, text: &str) {
        self.settings += text;
    }

    /// A route to a short message centre.
    fn add_smpp(&mut self, name: &str, smpp: &Smpp) {
        let Smpp { host, port, system_id, .. } = smpp;
        let password = smpp.password.expose();
        let _ = write!(
            self.settings,
            "[[route]]\nname = \"{name}\"\nchannel = \"sms\"\nkind = \"smpp\"\nhost = \"{host}\"\nport = {port}\n\
             system_id = \"{system_id}\"\npassword = \"{password}\"\nsender = \"Example\"\nanswer_seconds = 5\n"
        );
    }

    /// A route to a mail server by STARTTLS.
    fn add_smtp(&mut self, name: &str, smtp: &Smtp) {
        assert_eq!(smtp.tls, SmtpTls::Required);
        let (user, password) = smtp.login.as_ref().expect("a login");
        let ca_file = smtp.ca_file.as_ref().expect("a certificate");
        let _ = write!(
            self.settings,
            "[[route]]\nname = \"{name}\"\nchannel = \"email\"\nkind = \"smtp\"\nurl = \"smtp://{}:{}?tls=required\"\n\
             user = \"{user}\"\npassword = \"{}\"\nca_file = \"{}\"\nfrom = \"{}\"\n",
            smtp.host,
            smtp.port,
            password.expose(),
            ca_file.display(),
            smtp.from
        );
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Its settings, written.
    fn file(&self) -> SettingsFile {
        let config = self.path("nidan.toml");
        std::fs::write(&config, &self.settings).expect("written");
        SettingsFile { config }
    }

    /// Runs the program on it.
    async fn nidan(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nidan"));
        command.args(arguments).arg("--config").arg(self.file().config);
        tokio::task::spawn_blocking(move || command.output().expect("the program")).await.expect("no panic")
    }
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", out(output)))
}
