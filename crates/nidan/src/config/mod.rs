//! The settings of an installation: one TOML file, each key of which a variable `NIDAN__SECTION__KEY` may override.
//!
//! Relative paths are seen from the directory of the file, so that every command finds the same database wherever it is
//! run. All mistakes are told at once, each with its line and what to do.

mod carriers;
mod given;
mod print;
mod route_table;
mod routes;
mod table;
pub mod ways;

pub use print::print_default;
pub use routes::Route;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ipnet::IpNet;
use jiff::tz::TimeZone;
use nidan_core::language::Language;
use nidan_core::message::TooLong;
use nidan_core::policy::Policy;
use nidan_wire::sms_text::GSM7_LIMIT;
use url::{Host, Url};

use crate::send;
use crate::store::DatabaseUrl;
use crate::texts::Texts;
use given::{Given, Reader, Wrong};
use table::{NUMBERS, Number};

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who speaks to the owners of accounts.
    pub site: Site,
    /// The addresses that are answered on.
    pub listen: Listen,
    /// Where everything is kept.
    pub database: DatabaseUrl,
    /// The key file.
    pub keys_file: PathBuf,
    /// The ways messages leave by, in order of preference within a channel.
    pub routes: Vec<Route>,
    /// Whether messages are shown at `/demo/phone`.
    pub demo_phone: bool,
    /// The numbers of the rules.
    pub policy: Policy,
}

/// Who speaks to the owners of accounts, and where.
#[derive(Clone, Debug)]
pub struct Site {
    /// The brand.
    pub name: String,
    /// The domain of the origin-bound line.
    pub domain: String,
    /// Scheme, host and port of the pages; the path is `/`.
    pub url: Url,
    /// The language of whoever has not chosen one.
    pub language: Language,
    /// The zone that times are shown in and that days begin in.
    pub time_zone: TimeZone,
}

/// The addresses that are answered on.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Pages and API.
    pub public: SocketAddr,
    /// Metrics; none unless set.
    pub admin: Option<SocketAddr>,
    /// Whose word on a client's address is believed.
    pub trusted_proxies: Vec<IpNet>,
}

/// One thing wrong with the settings, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line of the file, from 1; none if it is not in the file.
    pub line: Option<usize>,
    /// `section.key`, or the variable of the environment.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{} {}: {}", self.key, self.problem, self.remedy)
    }
}

impl Settings {
    /// Reads the text of a settings file. `env` holds the process's variables, `base` is the directory of the file.
    ///
    /// # Errors
    /// Every mistake there is, in the order of lines.
    pub fn read(text: &str, env: &BTreeMap<String, String>, base: &Path) -> Result<Self, Vec<Mistake>> {
        let mut reader = Reader::new(text, env, base);
        let settings = read_all(&mut reader);
        let mut mistakes = reader.mistakes;
        mistakes.sort_by_key(|mistake| mistake.line.unwrap_or(usize::MAX));
        match settings {
            Some(settings) if mistakes.is_empty() => Ok(settings),
            _ => Err(mistakes),
        }
    }

    /// The settings of `nidan demo`: everything below `data`, messages to the demo phone.
    pub fn demo(listen: SocketAddr, data: &Path, language: Language) -> Self {
        let name = match language {
            Language::Ja => "例社",
            Language::En => "Example",
        };
        let url = Url::parse(&format!("http://{listen}")).expect("a socket's address is the authority of a URL");
        let database = format!("sqlite:{}", data.join("nidan.db").display());
        Self {
            site: Site {
                name: name.into(),
                domain: "localhost".into(),
                url,
                language,
                time_zone: TimeZone::get("Asia/Tokyo").expect("jiff brings the zone database with it"),
            },
            listen: Listen { public: listen, admin: None, trusted_proxies: Vec::new() },
            database: DatabaseUrl::from_str(&database).expect("a path with a file name is a database"),
            keys_file: data.join("nidan.key"),
            routes: routes::to_the_demo_phone(),
            demo_phone: true,
            policy: Policy::default(),
        }
    }

    /// What is allowed and yet will surprise, each in one sentence for the operator.
    pub fn warnings(&self) -> Vec<String> {
        routes::warnings(&self.routes)
    }
}

fn read_all(reader: &mut Reader<'_>) -> Option<Settings> {
    let site = read_site(reader);
    let listen = read_listen(reader);
    let base = reader.resolve("");
    let database = reader.value("database", "url", |given| database(given, &base));
    let keys_file = reader.value("keys", "file", |given| given.text());
    let demo_phone = reader.value("demo_phone", "enabled", |given| given.truth());
    let routes = routes::read(reader, demo_phone == Some(true));
    let policy = read_policy(reader);
    let (site, listen) = (site?, listen?);
    refuse_long_messages(reader, &site, &routes);
    if demo_phone? {
        refuse_public_demo_phone(reader, &site, &listen);
    }
    Some(Settings {
        site,
        listen,
        database: database?,
        keys_file: reader.resolve(&keys_file?),
        routes,
        demo_phone: demo_phone?,
        policy,
    })
}

fn read_site(reader: &mut Reader<'_>) -> Option<Site> {
    let name = reader.value("site", "name", brand);
    let domain = reader.value("site", "domain", domain);
    let url = reader.value("site", "url", site_url);
    let language = reader.value("site", "language", language);
    let time_zone = reader.value("site", "time_zone", time_zone);
    let (domain, url) = (domain?, url?);
    if !is_loopback(&url) && !is_within(&url, &domain) {
        let problem = format!("{domain} is not the domain of site.url, so phones would offer the code nowhere");
        let remedy = "set it to the host of site.url or to a domain above it";
        let line = reader.line("site", "domain");
        reader.mistake(line, "site.domain", Wrong::new(problem, remedy));
    }
    let site = Site { name: name?, domain, url, language: language?, time_zone: time_zone? };
    Some(site)
}

/// A brand and a domain with which some short message cannot be sent are found out now, not when its owner waits for it.
fn refuse_long_messages(reader: &mut Reader<'_>, site: &Site, routes: &[Route]) {
    // Texts that are damaged stop the server by themselves.
    let Ok(texts) = Texts::load() else { return };
    let sms_units = routes.iter().map(Route::sms_units).fold(GSM7_LIMIT, usize::min);
    let too_long = send::text::mistakes(&texts, site, sms_units);
    if let Some((language, TooLong { excess })) = too_long.into_iter().max_by_key(|(_, too_long)| too_long.excess) {
        let problem = format!("makes an SMS in {} {excess} units too long, with site.domain in it", language.tag());
        let line = reader.line("site", "name");
        reader.mistake(line, "site.name", Wrong::new(problem, "shorten the brand or the domain"));
    }
}

fn read_listen(reader: &mut Reader<'_>) -> Option<Listen> {
    let public = reader.value("listen", "public", socket);
    let admin = reader.value("listen", "admin", socket);
    let trusted_proxies = reader.value("listen", "trusted_proxies", networks);
    let public = public?;
    if admin == Some(public) {
        let line = reader.line("listen", "admin");
        let wrong = Wrong::new("is the same address as listen.public", "give it a port of its own");
        reader.mistake(line, "listen.admin", wrong);
    }
    Some(Listen { public, admin, trusted_proxies: trusted_proxies? })
}

fn read_policy(reader: &mut Reader<'_>) -> Policy {
    let mut policy = Policy::default();
    for number in NUMBERS {
        let count = (number.get)(&policy).len();
        if let Some(values) = reader.value("policy", number.key, |given| in_range(given, number, count)) {
            (number.set)(&mut policy, &values);
        }
    }
    for (idle, life, idle_key, life_key) in [
        (policy.session_idle, policy.session_life, "session_idle_seconds", "session_life_seconds"),
        (policy.device_idle, policy.device_life, "device_idle_seconds", "device_life_seconds"),
    ] {
        if idle > life {
            let line = reader.line("policy", idle_key).or(reader.line("policy", life_key));
            let wrong =
                Wrong::new(format!("is longer than policy.{life_key}"), "make the pause the shorter of the two");
            reader.mistake(line, format!("policy.{idle_key}"), wrong);
        }
    }
    policy
}

/// Whoever opens the demo phone reads everybody's codes.
fn refuse_public_demo_phone(reader: &mut Reader<'_>, site: &Site, listen: &Listen) {
    let reasons = [
        (!is_loopback(&site.url), "site.url is not on this machine"),
        (!listen.trusted_proxies.is_empty(), "listen.trusted_proxies is set"),
    ];
    for (_, reason) in reasons.into_iter().filter(|(applies, _)| *applies) {
        let line = reader.line("demo_phone", "enabled");
        let problem = format!("would show everybody's codes to strangers, for {reason}");
        reader.mistake(line, "demo_phone.enabled", Wrong::new(problem, "set it to false"));
    }
}

fn in_range(given: &Given<'_>, number: &Number, count: usize) -> Result<Vec<i64>, Wrong> {
    let values = given.integers()?;
    let (least, most) = (number.range.start(), number.range.end());
    if values.len() != count {
        let remedy = if number.list { format!("write a list of {count}") } else { "write one number".into() };
        return Err(Wrong::new(format!("has {} numbers", values.len()), remedy));
    }
    match values.iter().find(|value| !number.range.contains(value)) {
        Some(value) => Err(Wrong::new(format!("is {value}"), format!("choose from {least} to {most}"))),
        None => Ok(values),
    }
}

fn brand(given: &Given<'_>) -> Result<String, Wrong> {
    let name = given.text()?;
    if name.chars().count() > 40 || name.chars().any(char::is_control) {
        return Err(Wrong::new("is too long or has control characters", "write the brand in at most 40 characters"));
    }
    Ok(name)
}

fn domain(given: &Given<'_>) -> Result<String, Wrong> {
    let domain = given.text()?;
    let label = |label: &str| {
        !label.is_empty() && label.len() <= 63 && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if domain.len() > 253 || !domain.split('.').all(label) {
        let remedy = "write a host name as example.jp, without scheme, port or path (xn--… for other letters)";
        return Err(Wrong::new("is not a domain", remedy));
    }
    Ok(domain.to_ascii_lowercase())
}

fn site_url(given: &Given<'_>) -> Result<Url, Wrong> {
    let remedy = "write scheme and host as https://id.example.jp";
    let url = Url::parse(&given.text()?).map_err(|error| Wrong::new(format!("is not an address ({error})"), remedy))?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !bare || !url.username().is_empty() || url.password().is_some() {
        return Err(Wrong::new("has more than scheme, host and port", remedy));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(Wrong::new("is http, which anybody on the way can read and change", "write it with https://")),
        _ => Err(Wrong::new("is neither https nor http", remedy)),
    }
}

/// Whether an address is on this machine, so that nobody on the way reads what is said there.
pub(crate) fn is_loopback(url: &Url) -> bool {
    url.host().is_some_and(|host| is_here(&host))
}

/// Whether it is this machine.
fn is_here<S: AsRef<str>>(host: &Host<S>) -> bool {
    match host {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
        Host::Domain(name) => name.as_ref() == "localhost" || name.as_ref().ends_with(".localhost"),
    }
}

/// A host name or an address without brackets.
fn host_of(text: &str) -> Option<Host> {
    match text.parse() {
        Ok(IpAddr::V4(address)) => Some(Host::Ipv4(address)),
        Ok(IpAddr::V6(address)) => Some(Host::Ipv6(address)),
        Err(_) => Host::parse(text).ok().filter(|host| matches!(host, Host::Domain(_))),
    }
}

fn is_within(url: &Url, domain: &str) -> bool {
    let host = url.host_str().unwrap_or_default();
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn language(given: &Given<'_>) -> Result<Language, Wrong> {
    let tag = given.text()?;
    Language::from_tag(&tag)
        .ok_or_else(|| Wrong::new(format!("is {tag}, which Nidan does not speak"), "write ja or en"))
}

fn time_zone(given: &Given<'_>) -> Result<TimeZone, Wrong> {
    let name = given.text()?;
    TimeZone::get(&name).map_err(|_| Wrong::new(format!("is {name}, which is no time zone"), "write one as Asia/Tokyo"))
}

fn socket(given: &Given<'_>) -> Result<SocketAddr, Wrong> {
    given
        .text()?
        .parse()
        .map_err(|_| Wrong::new("is not an address and port", "write it as 127.0.0.1:8080 or [::1]:8080"))
}

fn networks(given: &Given<'_>) -> Result<Vec<IpNet>, Wrong> {
    let network = |text: String| {
        let read = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        read.map_err(|_| Wrong::new(format!("has {text}, which is no network"), "write each as 10.0.0.0/8 or 10.0.0.1"))
    };
    given.texts()?.into_iter().map(network).collect()
}

fn database(given: &Given<'_>, base: &Path) -> Result<DatabaseUrl, Wrong> {
    let text = given.text()?;
    let url = match text.strip_prefix("sqlite:").filter(|path| !path.is_empty() && *path != ":memory:") {
        Some(path) => format!("sqlite:{}", base.join(path).display()),
        None => text,
    };
    url.parse().map_err(|problem| {
        let remedy = "write sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME?sslmode=verify-full";
        Wrong::new(format!("cannot be used ({problem})"), remedy)
    })
}

#[cfg(test)]
mod tests;
