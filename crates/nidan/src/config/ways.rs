//! How a route is reached: what each kind of route is told by the settings.

use std::path::PathBuf;

use nidan_core::secret::Secret;
use nidan_core::time::Span;
use nidan_wire::smpp::Coding;
use url::Url;

/// How a route is reached.
#[derive(Clone)]
pub enum Way {
    /// The page `/demo/phone`.
    Demo,
    /// A carrier's short message centre.
    Smpp(Smpp),
    /// A gateway that is spoken to by HTTP.
    Http(Http),
    /// A mail server.
    Smtp(Smtp),
}

impl Way {
    /// The name in settings.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Smpp(_) => "smpp",
            Self::Http(_) => "http",
            Self::Smtp(_) => "smtp",
        }
    }
}

/// A short message centre that speaks SMPP 3.4.
#[derive(Clone)]
pub struct Smpp {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether the connection is TLS from its first byte.
    pub tls: bool,
    /// A file with the certificates (PEM) that are trusted in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// The name we bind by, at most 15 characters.
    pub system_id: String,
    /// The password we bind by, at most 8 characters.
    pub password: Secret<String>,
    /// What kind of system we are, as some carriers want it; mostly empty.
    pub system_type: String,
    /// Whether one connection sends and receives, or two share the work.
    pub bind: Bind,
    /// Connections that send, each with its own window.
    pub connections: u8,
    /// Messages on one connection that have no answer yet, at most.
    pub window: u16,
    /// Messages a second over all connections, evenly spaced.
    pub rate_per_second: u32,
    /// Who the message is from: a number, a short code or a name.
    pub sender: String,
    /// Type of number of the sender; none: found by how the sender looks.
    pub sender_ton: Option<u8>,
    /// Numbering plan of the sender; none: found by how the sender looks.
    pub sender_npi: Option<u8>,
    /// How texts are written that do not need UCS-2.
    pub alphabet: Coding,
    /// Quiet after which the connection is asked whether it lives.
    pub enquire_after: Span,
    /// How long an answer is waited for. No answer to a message by then is ambiguous.
    pub answer_within: Span,
    /// Whether the carrier tells what became of a message.
    pub receipts: bool,
}

/// How connections to a short message centre are bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bind {
    /// Each connection sends and receives.
    Transceiver,
    /// Each connection sends, and one more receives.
    TransmitterAndReceiver,
}

/// A gateway that is spoken to by HTTP, as its driver says.
#[derive(Clone)]
pub struct Http {
    /// A shipped driver's name, or the path of a driver file.
    pub driver: String,
    /// The address of the gateway; none: as the driver says.
    pub url: Option<Url>,
    /// The account, user or key name by which the gateway knows us.
    pub account: Option<String>,
    /// The token, password or key by which the gateway knows us.
    pub secret: Option<Secret<String>>,
    /// The secret by which callbacks are known to be the gateway's.
    pub callback_secret: Option<Secret<String>>,
    /// Who the message is from.
    pub sender: String,
    /// Further values that the driver asks for by name, e.g. `region`.
    pub values: Vec<(String, String)>,
    /// A file with the certificates (PEM) that are trusted in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// Messages a second, evenly spaced.
    pub rate_per_second: u32,
    /// Requests under way at once, at most.
    pub window: u16,
    /// How long an answer is waited for.
    pub answer_within: Span,
}

/// A mail server that takes mail for everybody.
#[derive(Clone)]
pub struct Smtp {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the connection is kept from others.
    pub tls: SmtpTls,
    /// A file with the certificates (PEM) that are trusted in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// User and password, where the server asks for them.
    pub login: Option<(String, Secret<String>)>,
    /// The sender as `Name <address>`.
    pub from: String,
    /// Connections at once, at most.
    pub connections: u8,
    /// How long an answer is waited for.
    pub answer_within: Span,
}

/// How the connection to a mail server is kept from others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SmtpTls {
    /// Not at all: a relay on this machine or in a closed network.
    Off,
    /// STARTTLS, or no mail.
    Required,
    /// TLS from the first byte (`smtps://`).
    Implicit,
}
