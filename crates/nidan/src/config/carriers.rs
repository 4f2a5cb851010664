//! Reading how carriers, gateways and mail servers are reached.

use std::path::{Path, PathBuf};

use lettre::message::Mailbox;
use nidan_core::secret::Secret;
use nidan_core::time::Span;
use nidan_wire::smpp::Coding;
use url::Url;

use super::given::{Given, Wrong, unreadable};
use super::routes::Written;
use super::ways::{Bind, Http, Smpp, Smtp, SmtpTls};
use super::{host_of, is_here, is_loopback};

/// A short message centre. Lengths: SMPP 3.4 §4.1.1, §5.2.
pub(super) fn smpp(route: &mut Written<'_, '_>) -> Option<Smpp> {
    let host = route.value("host", host);
    let port = route.whole("port");
    let tls = route.value("tls", |given| given.truth());
    let ca_file = ca_file(route, tls != Some(false));
    let system_id = route.value("system_id", |given| ascii(given, 15));
    let password = route.value("password", |given| ascii(given, 8).map(Secret::new));
    let system_type = route.value("system_type", |given| ascii(given, 12)).unwrap_or_default();
    let bind = route.value("bind", bind);
    let (connections, window, rate_per_second) =
        (route.whole("connections"), route.whole("window"), route.whole("rate_per_second"));
    let sender = route.value("sender", sender);
    let (sender_ton, sender_npi) = (route.whole("sender_ton"), route.whole("sender_npi"));
    let alphabet = route.value("alphabet", alphabet);
    let (enquire_after, answer_within) = (seconds(route, "enquire_link_seconds"), seconds(route, "answer_seconds"));
    let receipts = route.value("receipts", |given| given.truth());
    Some(Smpp {
        host: host?,
        port: port?,
        tls: tls?,
        ca_file,
        system_id: system_id?,
        password: password?,
        system_type,
        bind: bind?,
        connections: connections?,
        window: window?,
        rate_per_second: rate_per_second?,
        sender: sender?,
        sender_ton,
        sender_npi,
        alphabet: alphabet?,
        enquire_after: enquire_after?,
        answer_within: answer_within?,
        receipts: receipts?,
    })
}

/// A gateway that is spoken to by HTTP.
pub(super) fn http(route: &mut Written<'_, '_>) -> Option<Http> {
    let directory = route.resolve("");
    let driver = route.value("driver", |given| driver(given, &directory));
    let url = route.value("url", gateway_url);
    let account = route.value("account", |given| given.text());
    let secret = route.value("secret", secret_text);
    let callback_secret = route.value("callback_secret", secret_text);
    let sender = route.value("sender", gateway_sender);
    let values = route.value("values", |given| given.named_texts()).unwrap_or_default();
    let ca_file = ca_file(route, true);
    let (rate_per_second, window) = (route.whole("rate_per_second"), route.whole("window"));
    let answer_within = seconds(route, "answer_seconds");
    Some(Http {
        driver: driver?,
        url,
        account,
        secret,
        callback_secret,
        sender: sender?,
        values,
        ca_file,
        rate_per_second: rate_per_second?,
        window: window?,
        answer_within: answer_within?,
    })
}

/// A mail server.
pub(super) fn smtp(route: &mut Written<'_, '_>) -> Option<Smtp> {
    let server = route.value("url", mail_server);
    let login = login(route, server.as_ref());
    let from = route.value("from", from);
    let ca_file = ca_file(route, server.as_ref().is_none_or(|server| server.tls != SmtpTls::Off));
    let connections = route.whole("connections");
    let answer_within = seconds(route, "answer_seconds");
    let MailServer { host, port, tls, .. } = server?;
    Some(Smtp {
        host,
        port,
        tls,
        ca_file,
        login,
        from: from?,
        connections: connections?,
        answer_within: answer_within?,
    })
}

/// What the URL of a mail server says.
struct MailServer {
    host: String,
    port: u16,
    tls: SmtpTls,
    user: Option<String>,
    password: Option<Secret<String>>,
}

/// Its mistakes do not repeat the URL: a password may be in it.
fn mail_server(given: &Given<'_>) -> Result<MailServer, Wrong> {
    let remedy = "write it as smtp://HOST:PORT?tls=required or smtps://HOST:PORT";
    let wrong = |problem: &str| Wrong::new(problem, remedy);
    let url = Url::parse(&given.text()?).map_err(|error| Wrong::new(format!("is no address ({error})"), remedy))?;
    let host = url.host_str().map(|host| host.trim_start_matches('[').trim_end_matches(']').to_owned());
    let host = host.filter(|host| host_of(host).is_some()).ok_or_else(|| wrong("has no host"))?;
    if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
        return Err(wrong("has more than a host, a port and how to use TLS"));
    }
    let (tls, port) = match (url.scheme(), url.query()) {
        ("smtps", None) => (SmtpTls::Implicit, 465),
        ("smtp", Some("tls=required")) => (SmtpTls::Required, 587),
        ("smtp", Some("tls=off")) => (SmtpTls::Off, 25),
        ("smtp", None) if host_of(&host).is_some_and(|host| is_here(&host)) => (SmtpTls::Off, 25),
        ("smtp", None) => {
            let remedy = "add ?tls=required; or ?tls=off for a relay in a closed network";
            return Err(Wrong::new("says nothing of TLS, and the server is not on this machine", remedy));
        }
        ("smtp" | "smtps", Some(_)) => return Err(wrong("has an option that is not known")),
        _ => return Err(wrong("is neither smtp nor smtps")),
    };
    let user = Some(decoded(url.username())).filter(|user| !user.is_empty());
    let password = url.password().map(|password| Secret::new(decoded(password)));
    Ok(MailServer { host, port: url.port().unwrap_or(port), tls, user, password })
}

fn decoded(part: &str) -> String {
    let field = part.replace('+', "%2B").replace('&', "%26");
    url::form_urlencoded::parse(format!("x={field}").as_bytes()).map(|(_, value)| value.into_owned()).collect()
}

fn login(route: &mut Written<'_, '_>, server: Option<&MailServer>) -> Option<(String, Secret<String>)> {
    let user = route.value("user", |given| given.text());
    let password = route.value("password", secret_text);
    let in_url = |what: fn(&MailServer) -> bool| server.is_some_and(what);
    if user.is_some() && in_url(|server| server.user.is_some()) {
        route.mistake("user", Wrong::new("is in url too", "remove one of the two"));
    }
    if password.is_some() && in_url(|server| server.password.is_some()) {
        route.mistake("password", Wrong::new("is in url too", "remove one of the two"));
    }
    let user = user.or_else(|| server?.user.clone());
    let password = password.or_else(|| server?.password.clone());
    match (user, password) {
        (Some(user), Some(password)) => Some((user, password)),
        (Some(_), None) => route.lacks("user", "password"),
        (None, Some(_)) => route.lacks("password", "user"),
        (None, None) => None,
    }
}

fn ca_file(route: &mut Written<'_, '_>, tls: bool) -> Option<PathBuf> {
    let directory = route.resolve("");
    let file = route.value("ca_file", |given| readable(&given.text()?, &directory));
    if file.is_some() && !tls {
        let wrong = Wrong::new("is set, but the connection is without TLS", "turn TLS on, or remove it");
        route.mistake("ca_file", wrong);
    }
    file
}

fn readable(path: &str, directory: &Path) -> Result<PathBuf, Wrong> {
    let path = directory.join(path);
    match std::fs::File::open(&path) {
        Ok(_) => Ok(path),
        Err(error) => Err(unreadable(&path, &error)),
    }
}

fn seconds(route: &mut Written<'_, '_>, key: &str) -> Option<Span> {
    route.whole(key).map(Span::seconds)
}

fn secret_text(given: &Given<'_>) -> Result<Secret<String>, Wrong> {
    given.text().map(Secret::new)
}

/// Printable ASCII without spaces; the mistake does not repeat it, for it may be a password.
fn ascii(given: &Given<'_>, characters_max: usize) -> Result<String, Wrong> {
    let text = given.text()?;
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let remedy = "write it with letters, digits and signs of ASCII alone";
        return Err(Wrong::new("has other characters than carriers take", remedy));
    }
    match text.len() {
        length if length > characters_max => {
            let problem = format!("has {length} characters, and SMPP has room for {characters_max}");
            Err(Wrong::new(problem, "ask the carrier for a shorter one"))
        }
        _ => Ok(text),
    }
}

fn host(given: &Given<'_>) -> Result<String, Wrong> {
    let host = given.text()?;
    match host_of(&host) {
        Some(_) => Ok(host),
        None => {
            Err(Wrong::new("is not a host", "write a name or address as smsc.example.net, without scheme and port"))
        }
    }
}

fn bind(given: &Given<'_>) -> Result<Bind, Wrong> {
    match given.text()?.as_str() {
        "transceiver" => Ok(Bind::Transceiver),
        "transmitter_and_receiver" => Ok(Bind::TransmitterAndReceiver),
        other => Err(Wrong::new(
            format!("is {other}, which is no way to bind"),
            "write transceiver or transmitter_and_receiver",
        )),
    }
}

fn alphabet(given: &Given<'_>) -> Result<Coding, Wrong> {
    match given.text()?.as_str() {
        "gsm7" => Ok(Coding::Gsm7),
        "latin1" => Ok(Coding::Latin1),
        "ucs2" => Ok(Coding::Ucs2),
        other => Err(Wrong::new(format!("is {other}, which is not known"), "write gsm7, latin1 or ucs2")),
    }
}

/// A number or short code, or a name (3GPP TS 23.040 §9.1.2.5: 11 characters of 7 bits).
fn sender(given: &Given<'_>) -> Result<String, Wrong> {
    let sender = given.text()?;
    let digits = sender.strip_prefix('+').unwrap_or(&sender);
    let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let name = sender.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    match sender.len() {
        ..=20 if number => Ok(sender),
        ..=11 if name => Ok(sender),
        _ => {
            let remedy =
                "write a number or short code of at most 20 digits, or a name of at most 11 letters and digits";
            Err(Wrong::new("is too long, or is neither a number nor a plain name", remedy))
        }
    }
}

fn gateway_sender(given: &Given<'_>) -> Result<String, Wrong> {
    let sender = given.text()?;
    match sender.len() <= 256 && !sender.chars().any(char::is_control) {
        true => Ok(sender),
        false => Err(Wrong::new("is too long or has control characters", "write it as the gateway wants it")),
    }
}

fn gateway_url(given: &Given<'_>) -> Result<Url, Wrong> {
    let remedy = "write it as https://gateway.example.net/";
    let url = Url::parse(&given.text()?).map_err(|error| Wrong::new(format!("is not an address ({error})"), remedy))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Wrong::new("has a user or password in it", "write them as account and secret"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(Wrong::new("is http, which anybody on the way can read and change", "write it with https://")),
        _ => Err(Wrong::new("is neither https nor http", remedy)),
    }
}

/// The name of a shipped driver as it is, or the path of a driver file.
fn driver(given: &Given<'_>, directory: &Path) -> Result<String, Wrong> {
    let driver = given.text()?;
    if driver.ends_with(".toml") {
        return Ok(readable(&driver, directory)?.display().to_string());
    }
    match driver.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
        true => Ok(driver),
        false => Err(Wrong::new("is neither a driver's name nor a .toml file", "write a name as twilio, or a path")),
    }
}

fn from(given: &Given<'_>) -> Result<String, Wrong> {
    let from = given.text()?;
    match from.parse::<Mailbox>() {
        Ok(_) => Ok(from),
        Err(_) => Err(Wrong::new("is not a sender", "write it as 例社 <no-reply@example.jp>")),
    }
}
