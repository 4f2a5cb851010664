//! Mails on their way through a real mail server: `crates/nidan/tests/peers/smtp.mjs`.

mod conversation;
mod encryption;
mod letters;
mod sign_up;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use nidan::app::{Clock, Random};
use nidan::config::ways::{Smtp, SmtpTls};
use nidan::config::{Settings, Site};
use nidan::send::route::{Dispatch, Outcome};
use nidan::send::smtp::SmtpLine;
use nidan::send::text::{Filling, write};
use nidan::texts::Texts;
use nidan_core::id::MessageId;
use nidan_core::language::Language;
use nidan_core::message::{Channel, MessageKind};
use nidan_core::secret::Secret;
use nidan_core::time::Span;
use nidan_wire::sms_text::GSM7_LIMIT;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::app::START;
use crate::store::Directory;

/// How long a test waits for the mail server, in real time.
const PATIENCE: Duration = Duration::from_secs(20);
/// The password of the user `nidan` there.
const PASSWORD: &str = "open sesame";

/// A running mail server, one port for each way in.
pub struct MailServer {
    told: UnboundedReceiver<Value>,
    ports: Value,
    directory: Directory,
    child: Child,
    /// It ends when this is closed.
    _input: Option<ChildStdin>,
}

impl MailServer {
    pub async fn start() -> Self {
        let directory = Directory::new();
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/peers/smtp.mjs");
        let mut command = Command::new("node");
        command.arg(script).arg(directory.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("node runs: apt-get install nodejs");
        let input = child.stdin.take();
        let output = child.stdout.take().expect("piped");
        let (tell, told) = unbounded_channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = tell.send(serde_json::from_str(&line).expect("JSON")); // the test may be over
            }
        });
        let mut server = Self { told, ports: Value::Null, directory, child, _input: input };
        server.ports = server.next().await["ports"].take();
        server
    }

    /// The next mail that reached a mailbox.
    pub async fn next(&mut self) -> Value {
        loop {
            let told = self.told().await;
            if told["closed"].is_null() {
                return told;
            }
        }
    }

    /// Ready when a connection has ended: its number.
    pub async fn closed(&mut self) -> u64 {
        loop {
            if let Some(number) = self.told().await["closed"].as_u64() {
                return number;
            }
        }
    }

    async fn told(&mut self) -> Value {
        let told = tokio::time::timeout(PATIENCE, self.told.recv()).await.expect("a mail in time");
        told.expect("the mail server runs; npm ci --prefix crates/nidan/tests/peers installs what it needs")
    }

    /// The settings of a route to the port of this name, which trust the server's certificate.
    pub fn route(&self, port: &str, tls: SmtpTls) -> Smtp {
        let login = (tls != SmtpTls::Off).then(|| ("nidan".to_owned(), Secret::new(PASSWORD.to_owned())));
        Smtp {
            host: "localhost".to_owned(),
            port: self.port(port),
            tls,
            ca_file: Some(self.certificate("ca")),
            login,
            from: "例社 <no-reply@example.jp>".to_owned(),
            connections: 1,
            answer_within: Span::seconds(10),
        }
    }

    pub fn port(&self, name: &str) -> u16 {
        self.ports[name].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port of this name")
    }

    fn certificate(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("{name}.pem"))
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        drop(self._input.take());
        let _ = self.child.wait();
    }
}

/// The route, its clock standing at [`START`].
fn open(settings: &Smtp) -> SmtpLine {
    SmtpLine::open("mail", settings, "example.jp", Clock::manual(START).0).expect("settings")
}

/// A place and a send, as the worker does them.
async fn send(line: &SmtpLine, dispatch: &Dispatch) -> Outcome {
    let permit = line.ready().await.expect("a connection");
    line.send(permit, dispatch).await
}

fn site() -> Site {
    let listen = "127.0.0.1:8080".parse().expect("an address");
    Settings::demo(listen, std::path::Path::new("."), Language::Ja).site
}

/// A confirmation code for `to`, worded as the server does.
fn mail(to: &str) -> Dispatch {
    mail_of(to, (MessageKind::ConfirmEmailCode, Language::Ja), &Random::system())
}

fn mail_of(to: &str, (kind, language): (MessageKind, Language), random: &Random) -> Dispatch {
    let texts = Texts::load().expect("texts");
    let filling = Filling { code: "482916", tag: "KX", serial: 2, reference: "", sms_units: GSM7_LIMIT };
    let written = write((&texts, &site()), (kind, language), &filling).expect("fits");
    Dispatch {
        id: MessageId::from_bytes(random.bytes()),
        channel: Channel::Email,
        destination: Secret::new(to.to_owned()),
        language,
        subject: written.subject,
        text: written.text,
        html: written.html,
        expires_at: START.plus(Span::minutes(10)),
    }
}

fn accepted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Accepted { .. })
}
