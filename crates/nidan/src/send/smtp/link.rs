//! One connection to a mail server, and the conversation on it.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::{Response, Severity};
use nidan_core::ledger::Reason;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::answer::{Failure, Step, Why, queue_id};
use super::letter::Letter;
use super::one_line::OneLine;
use crate::config::ways::{Smtp, SmtpTls};

/// How long the way to a server may take until its greeting is waited for.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A mail server, and how it is spoken to.
pub struct Server {
    settings: Smtp,
    tls: TlsParameters,
    within: Duration,
}

/// Why no mail can be given to a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// No connection to it.
    Unreachable(String),
    /// It does not answer.
    Silent,
    /// It answers, and not as a mail server that is at our service. Its reply code, if it gave one.
    Unfit(Option<u16>),
    /// It does not offer STARTTLS.
    NoStartTls,
    /// Its certificate or its TLS is not to be trusted.
    Tls(String),
    /// It takes no name and password in a way that we know.
    NoLogin,
    /// It does not know us by the name and password that we gave. Its reply code.
    LoginRefused(u16),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "cannot be reached ({why}): check host and port, and that it runs"),
            Self::Silent => {
                f.write_str("does not answer: check host and port, and whether TLS begins at once (smtps://)")
            }
            Self::Unfit(Some(code)) => write!(f, "does not serve us (it answers {code}): see its log"),
            Self::Unfit(None) => f.write_str("does not answer as a mail server: check host and port"),
            Self::NoStartTls => {
                f.write_str("does not offer STARTTLS, and no mail goes without: use smtps://, or another relay")
            }
            Self::Tls(why) => write!(
                f,
                "is not to be trusted ({why}): check the name in its certificate, or name its authority's in ca_file"
            ),
            Self::NoLogin => f.write_str("takes no password on this connection: check whether it wants TLS first"),
            Self::LoginRefused(code) => write!(f, "refuses the user or the password (it answers {code}): check both"),
        }
    }
}

impl Trouble {
    /// What it is for a message that waits.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::NoLogin | Self::LoginRefused(_) => Reason::LoginRefused,
            Self::Unfit(Some(421 | 450 | 451)) => Reason::Throttled,
            _ => Reason::RouteDown,
        }
    }

    /// From an error before the first mail.
    fn of(error: &Error) -> Self {
        if let Some(code) = error.status() {
            return Self::Unfit(Some(code.into()));
        }
        let mut causes = std::iter::successors(error.source(), |cause: &&(dyn StdError + 'static)| (*cause).source());
        let Some(cause) = causes.find_map(|cause| cause.downcast_ref::<io::Error>()) else {
            return Self::Unfit(None);
        };
        match cause.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(tls) => Self::Tls(tls.to_string()),
            None => Self::Unreachable(cause.to_string()),
        }
    }
}

impl Server {
    /// The server of a route.
    ///
    /// # Errors
    /// `ca_file` cannot be read, in words for the operator.
    pub fn new(settings: &Smtp) -> Result<Self, String> {
        let tls = TlsParameters::builder(settings.host.clone());
        let tls = match &settings.ca_file {
            Some(file) => tls.certificate_store(CertificateStore::None).add_root_certificate(certificates(file)?),
            None => tls,
        };
        let tls = tls.build_rustls().map_err(|error| format!("TLS cannot be prepared: {error}"))?;
        let within = Duration::from_millis(u64::try_from(settings.answer_within.as_ms()).unwrap_or(0));
        Ok(Self { settings: settings.clone(), tls, within })
    }

    /// A connection that is ready for mail: encrypted as the settings want it, and logged in. Encryption that the settings
    /// want is never done without.
    ///
    /// # Errors
    /// What is in the way.
    pub async fn connect(&self) -> Result<Link, Trouble> {
        let mut link = match self.settings.tls {
            SmtpTls::Implicit => self.connect_by_tls().await?,
            SmtpTls::Off => self.connect_plainly().await?,
            SmtpTls::Required => {
                let mut link = self.connect_plainly().await?;
                if !link.connection.can_starttls() {
                    return Err(Trouble::NoStartTls);
                }
                let hello = ClientId::default();
                self.answered(link.connection.starttls(self.tls.clone(), &hello)).await?;
                link
            }
        };
        if let Some((user, password)) = &self.settings.login {
            let login = Credentials::new(user.clone(), password.expose().clone());
            let offers = |mechanism| link.connection.server_info().supports_auth_mechanism(mechanism);
            if !DEFAULT_MECHANISMS.iter().any(|mechanism| offers(*mechanism)) {
                return Err(Trouble::NoLogin);
            }
            let said = self.answered(link.connection.auth(DEFAULT_MECHANISMS, &login)).await;
            said.map_err(|trouble| match trouble {
                Trouble::Unfit(Some(code @ 500..)) => Trouble::LoginRefused(code),
                other => other,
            })?;
        }
        Ok(link)
    }

    async fn connect_plainly(&self) -> Result<Link, Trouble> {
        let (host, port) = (self.settings.host.as_str(), self.settings.port);
        let unreachable = |error: io::Error| Trouble::Unreachable(error.to_string());
        let connecting = timeout(CONNECT_WITHIN, TcpStream::connect((host, port))).await;
        let stream = connecting.map_err(|_| Trouble::Unreachable("no connection in time".to_owned()))?;
        let stream = stream.map_err(unreachable)?;
        // The dot that ends a text is a write of its own: it is not to wait for the text's acknowledgement.
        stream.set_nodelay(true).map_err(unreachable)?;
        let hello = ClientId::default();
        let greeting = AsyncSmtpConnection::connect_with_transport(Box::new(OneLine::new(stream)), &hello);
        Ok(self.link(self.answered(greeting).await?))
    }

    async fn connect_by_tls(&self) -> Result<Link, Trouble> {
        let address = (self.settings.host.as_str(), self.settings.port);
        let hello = ClientId::default();
        let tls = Some(self.tls.clone());
        let connecting = AsyncSmtpConnection::connect_tokio1(address, Some(CONNECT_WITHIN), &hello, tls, None);
        Ok(self.link(self.answered(connecting).await?))
    }

    /// What came of a step that the server has to answer.
    async fn answered<T>(&self, step: impl Future<Output = Result<T, Error>>) -> Result<T, Trouble> {
        let answer = timeout(self.within, step).await.map_err(|_| Trouble::Silent)?;
        answer.map_err(|error| Trouble::of(&error))
    }

    fn link(&self, connection: AsyncSmtpConnection) -> Link {
        Link { connection: Box::new(connection), within: self.within }
    }
}

fn certificates(file: &Path) -> Result<Certificate, String> {
    let unreadable = |why: String| format!("{} (ca_file) holds no readable certificate: {why}", file.display());
    let pem = std::fs::read(file).map_err(|error| unreadable(error.to_string()))?;
    Certificate::from_pem(&pem).map_err(|error| unreadable(error.to_string()))
}

/// An open connection that takes one mail at a time.
pub struct Link {
    connection: Box<AsyncSmtpConnection>, // large, and moved often
    within: Duration,
}

impl Link {
    /// Gives a mail to the server, step by step; the name under which the server keeps it, if it said one. After a failure
    /// the connection is in no state to be used again.
    ///
    /// # Errors
    /// Where it failed, and why.
    pub async fn carry(&mut self, letter: &Letter) -> Result<Option<String>, Failure> {
        self.say(Step::Sender, Mail::new(Some(letter.from.clone()), Vec::new())).await?;
        self.say(Step::Destination, Rcpt::new(letter.to.clone(), Vec::new())).await?;
        let go_on = self.say(Step::Data, Data).await?;
        if !go_on.has_code(354) {
            return Err(Failure { step: Step::Data, why: Why::LinkLost });
        }
        let said = timeout(self.within, self.connection.message(letter.bytes.expose())).await;
        let taken = heard(Step::Text, said)?;
        if taken.code().severity != Severity::PositiveCompletion {
            return Err(Failure { step: Step::Text, why: Why::LinkLost });
        }
        Ok(taken.first_line().and_then(queue_id))
    }

    async fn say(&mut self, step: Step, command: impl fmt::Display) -> Result<Response, Failure> {
        heard(step, timeout(self.within, self.connection.command(command)).await)
    }

    /// Takes leave and closes.
    pub async fn quit(mut self) {
        let _ = timeout(self.within, self.connection.abort()).await; // the server may have left before us
    }
}

fn heard(step: Step, said: Result<Result<Response, Error>, tokio::time::error::Elapsed>) -> Result<Response, Failure> {
    let why = match said {
        Ok(Ok(response)) => return Ok(response),
        Ok(Err(error)) => error.status().map_or(Why::LinkLost, |code| Why::Refused(code.into())),
        Err(_) => Why::NoAnswer,
    };
    Err(Failure { step, why })
}
