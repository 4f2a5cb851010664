//! A driver with a route's settings: from a message to the request that asks for it.

use std::collections::BTreeMap;

use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::{HeaderMap, Request, Uri};
use nidan_core::ledger::Reason;
use nidan_core::secret::Secret;
use nidan_core::time::Timestamp;
use nidan_wire::sms_text::{Alphabet, units};
use url::Url;
use zeroize::Zeroizing;

use super::callback::Signed;
use super::driver::{Auth, Driver, Method, Node, NumberFormat};
use super::sigv4::{self, Signer};
use super::template::{Template, Value, as_it_is, percent_encoded};
use crate::config::is_loopback;
use crate::config::ways::Http;
use crate::send::route::Dispatch;

/// A driver with a route's settings.
pub struct Gateway {
    /// The driver.
    pub driver: Driver,
    /// The gateway's address, without a slash at its end.
    pub base: String,
    /// By which callbacks are known to be the gateway's.
    pub callback_secret: Option<Secret<String>>,
    account: Option<String>,
    secret: Option<Secret<String>>,
    sender: String,
    values: BTreeMap<String, String>,
    /// It may hold the callback secret.
    callback_url: Option<Secret<String>>,
}

/// A request that may be sent more than once.
pub struct Prepared {
    uri: Uri,
    method: hyper::Method,
    headers: HeaderMap,
    body: Bytes,
}

impl Prepared {
    /// The request.
    pub fn request(&self) -> Request<Bytes> {
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// Why there is no request.
#[derive(Debug)]
pub enum Unfit {
    /// The gateway carries no such number.
    Number,
    /// A setting makes it none; says which and what to do.
    Setting(String),
}

impl Unfit {
    /// As the ledger names it.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Number => Reason::NoRoute,
            Self::Setting(_) => Reason::MessageRefused,
        }
    }
}

impl Gateway {
    /// Puts the driver and the settings of route `name` together. `site` is the public address of this server.
    ///
    /// # Errors
    /// Every mistake found, with its remedy.
    pub fn new(name: &str, settings: &Http, site: &Url) -> Result<Self, Vec<String>> {
        let driver = Driver::load(&settings.driver)?;
        let mut mistakes = Vec::new();
        let values = values(&driver, settings, &mut mistakes);
        let base = base(&driver, settings, &values).unwrap_or_else(|mistake| {
            mistakes.push(mistake);
            String::new()
        });
        mistakes.extend(missing(&driver, settings));
        let callback_secret = callback_secret(&driver, settings);
        if driver.callback.is_some() && callback_secret.is_none() {
            mistakes.push("callback_secret is missing: write callback_secret_file = \"…\"; without it callbacks could be anybody's".to_owned());
        }
        let callback_url = driver.callback.as_ref().map(|callback| {
            let mut url = Zeroizing::new(format!("{}/callbacks/", site.as_str().trim_end_matches('/')));
            percent_encoded(name, &mut url);
            if let (Signed::PathSecret, Some(secret)) = (&callback.signed, &callback_secret) {
                url.push('/');
                percent_encoded(secret.expose(), &mut url);
            }
            Secret::new(std::mem::take(&mut *url))
        });
        let gateway = Self {
            base,
            callback_secret,
            account: settings.account.clone(),
            secret: settings.secret.clone(),
            sender: settings.sender.clone(),
            values,
            callback_url,
            driver,
        };
        if mistakes.is_empty()
            && let Err(Unfit::Setting(mistake)) = gateway.prepare(&gateway.probe(), Timestamp::from_ms(0))
        {
            mistakes.push(mistake);
        }
        if mistakes.is_empty() { Ok(gateway) } else { Err(mistakes) }
    }

    /// A message that is never sent: what cannot be written for it cannot be for any.
    fn probe(&self) -> Dispatch {
        let country = self.driver.country.as_deref().unwrap_or("+81");
        Dispatch {
            id: nidan_core::id::MessageId::from_bytes([0; 16]),
            channel: nidan_core::message::Channel::Sms,
            destination: Secret::new(format!("{country}9012345678")),
            language: nidan_core::language::Language::Ja,
            subject: None,
            text: Secret::new("text".to_owned()),
            html: None,
            expires_at: Timestamp::from_ms(0),
        }
    }

    /// The request that asks for `dispatch`.
    ///
    /// # Errors
    /// There is none.
    pub fn prepare(&self, dispatch: &Dispatch, now: Timestamp) -> Result<Prepared, Unfit> {
        let number = self.number(dispatch.destination.expose()).ok_or(Unfit::Number)?;
        let value = |name: &str| self.value(name, dispatch, &number, now);
        let request = &self.driver.request;
        let setting = |what: &str| {
            Unfit::Setting(format!("{what} cannot be written: look for odd characters in the route's settings"))
        };
        let path = request.path.fill(&value, percent_encoded).ok_or_else(|| setting("request.path"))?;
        let dots = |segment: &str| matches!(segment, "." | "..");
        if path.split('/').any(dots) {
            return Err(setting("request.path"));
        }
        let mut address = Zeroizing::new(format!("{}{}", self.base, *path));
        let query = encoded_pairs(&request.query, &value);
        if !query.is_empty() {
            address.push('?');
            address.push_str(&query);
        }
        let uri: Uri = address.parse().map_err(|_| setting("the address"))?;
        let (content_type, body) = self.body(&value);
        let mut headers = HeaderMap::new();
        headers.insert(HOST, header(&host(&uri)).ok_or_else(|| setting("the host"))?);
        headers.insert(CONTENT_TYPE, header(content_type).ok_or_else(|| setting("request.content_type"))?);
        for (name, template) in &request.headers {
            let Some(filled) = template.fill(&value, as_it_is) else { continue };
            let name_read = HeaderName::try_from(name.as_str()).map_err(|_| setting(name))?;
            headers.insert(name_read, header(&filled).ok_or_else(|| setting(name))?);
        }
        let method = match request.method {
            Method::Post => hyper::Method::POST,
            Method::Put => hyper::Method::PUT,
        };
        let mut prepared = Prepared { uri, method, headers, body: Bytes::from_owner(body) };
        self.authenticate(&mut prepared, &value, now).ok_or_else(|| setting("account or secret"))?;
        Ok(prepared)
    }

    fn number(&self, e164: &str) -> Option<Zeroizing<String>> {
        Some(Zeroizing::new(match self.driver.number {
            NumberFormat::E164 => e164.to_owned(),
            NumberFormat::Digits => e164.strip_prefix('+')?.to_owned(),
            NumberFormat::National => format!("0{}", e164.strip_prefix(self.driver.country.as_deref()?)?),
        }))
    }

    fn value(&self, name: &str, dispatch: &Dispatch, number: &str, now: Timestamp) -> Option<Value> {
        let left_s = || {
            let left = dispatch.expires_at.since(now).as_ms() / 1000;
            left.clamp(self.driver.validity.least_seconds, self.driver.validity.most_seconds)
        };
        let hint =
            |hints: &BTreeMap<String, String>, word: &str| Value::text(hints.get(word).map_or(word, String::as_str));
        Some(match name {
            "account" => Value::text(self.account.as_ref()?),
            "secret" => Value::text(self.secret.as_ref()?.expose()),
            "sender" => Value::text(&self.sender),
            "to" => Value::text(number),
            "text" => Value::text(dispatch.text.expose()),
            "id" => Value::text(dispatch.id.to_string()),
            "language" => hint(&self.driver.hints.language, dispatch.language.tag()),
            "alphabet" => {
                let gsm7 = units(dispatch.text.expose()).alphabet == Alphabet::Gsm7;
                hint(&self.driver.hints.alphabet, if gsm7 { "gsm7" } else { "ucs2" })
            }
            "callback_url" => Value::text(self.callback_url.as_ref()?.expose()),
            "expires_at" => Value::text(rfc3339(dispatch.expires_at)),
            "expires_in_seconds" => Value::Number(left_s()),
            "expires_in_minutes" => Value::Number((left_s() / 60).max(1)),
            _ => Value::text(self.values.get(name)?),
        })
    }

    /// The body and its type. A field that names what is not set is left out.
    fn body(&self, value: &dyn Fn(&str) -> Option<Value>) -> (&str, Zeroizing<Vec<u8>>) {
        let request = &self.driver.request;
        if let Some(fields) = &request.form {
            let mut form = encoded_pairs(fields, value);
            return ("application/x-www-form-urlencoded", Zeroizing::new(std::mem::take(&mut *form).into_bytes()));
        }
        let json = request.json.as_ref().and_then(|node| fill_json(node, value)).unwrap_or_default();
        (request.content_type.as_deref().unwrap_or("application/json"), Zeroizing::new(json.to_string().into_bytes()))
    }

    fn authenticate(
        &self,
        prepared: &mut Prepared,
        value: &dyn Fn(&str) -> Option<Value>,
        now: Timestamp,
    ) -> Option<()> {
        let secret = self.secret.as_ref();
        let (name, credentials) = match &self.driver.auth {
            Auth::None => return Some(()),
            Auth::Basic => {
                use base64::Engine;
                let pair = Zeroizing::new(format!("{}:{}", self.account.as_ref()?, secret?.expose()));
                let encoded = base64::engine::general_purpose::STANDARD.encode(pair.as_bytes());
                (AUTHORIZATION, Zeroizing::new(format!("Basic {encoded}")))
            }
            Auth::Bearer => (AUTHORIZATION, Zeroizing::new(format!("Bearer {}", secret?.expose()))),
            Auth::Header { name, prefix } => {
                (name.parse().ok()?, Zeroizing::new(format!("{prefix}{}", secret?.expose())))
            }
            Auth::AwsSigv4 { region, service } => {
                let date = sigv4::date(now);
                prepared.headers.insert("x-amz-date", header(&date)?);
                let region = region.fill(value, as_it_is)?;
                let signer = Signer { access_key: self.account.as_ref()?, secret: secret?, region: &region, service };
                (AUTHORIZATION, Zeroizing::new(signer.authorization(&signed(prepared), &date)))
            }
        };
        let mut credentials = header(&credentials)?;
        credentials.set_sensitive(true);
        prepared.headers.insert(name, credentials);
        Some(())
    }
}

fn signed(prepared: &Prepared) -> sigv4::Signed<'_> {
    let headers =
        prepared.headers.iter().filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
    sigv4::Signed {
        method: prepared.method.as_str(),
        path: prepared.uri.path(),
        query: prepared.uri.query().unwrap_or_default(),
        headers: headers.collect(),
        body: &prepared.body,
    }
}

fn encoded_pairs(pairs: &BTreeMap<String, Template>, value: &dyn Fn(&str) -> Option<Value>) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    for (name, template) in pairs {
        let Some(filled) = template.fill(value, as_it_is) else { continue };
        if !text.is_empty() {
            text.push('&');
        }
        percent_encoded(name, &mut text);
        text.push('=');
        percent_encoded(&filled, &mut text);
    }
    text
}

fn fill_json(node: &Node, value: &dyn Fn(&str) -> Option<Value>) -> Option<serde_json::Value> {
    Some(match node {
        Node::Text(template) => template.fill_json(value)?,
        Node::Fixed(json) => json.clone(),
        Node::Object(members) => {
            members.iter().filter_map(|(name, node)| Some((name.clone(), fill_json(node, value)?))).collect()
        }
        Node::List(items) => items.iter().filter_map(|node| fill_json(node, value)).collect(),
    })
}

fn header(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_bytes(text.as_bytes()).ok()
}

/// What the Host header says: the port only where it is not the scheme's own.
fn host(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    match (uri.scheme_str(), uri.port_u16()) {
        (_, None) | (Some("https"), Some(443)) | (Some("http"), Some(80)) => host.to_owned(),
        (_, Some(port)) => format!("{host}:{port}"),
    }
}

fn rfc3339(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.ms()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What the driver asks for, as set or by default.
fn values(driver: &Driver, settings: &Http, mistakes: &mut Vec<String>) -> BTreeMap<String, String> {
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &settings.values {
        if driver.asks.contains_key(name) {
            values.insert(name.clone(), value.clone());
        } else {
            let known = driver.asks.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let known = if known.is_empty() { "nothing".to_owned() } else { known };
            mistakes.push(format!(
                "{name} is nothing that the driver {} asks for: remove it; it asks for {known}",
                settings.driver
            ));
        }
    }
    for (name, ask) in &driver.asks {
        match &ask.default {
            _ if values.contains_key(name) => {}
            Some(default) => _ = values.insert(name.clone(), default.clone()),
            None if ask.optional => {}
            None => mistakes.push(format!("{name} is missing: write values = {{ {name} = \"…\" }} ({})", ask.what)),
        }
    }
    values
}

fn missing(driver: &Driver, settings: &Http) -> Vec<String> {
    let by_account = matches!(driver.auth, Auth::Basic | Auth::AwsSigv4 { .. }) || driver.names("account");
    let by_secret = !matches!(driver.auth, Auth::None) || driver.names("secret");
    let mut missing = Vec::new();
    if by_account && settings.account.is_none() {
        missing.push(format!("account is missing: write account = \"…\", by which {} knows you", settings.driver));
    }
    if by_secret && settings.secret.is_none() {
        missing.push(format!("secret is missing: write secret_file = \"…\" with what {} gave you", settings.driver));
    }
    missing
}

/// Twilio signs with the same token that we show it.
fn callback_secret(driver: &Driver, settings: &Http) -> Option<Secret<String>> {
    let same = driver.callback.as_ref().is_some_and(|callback| matches!(callback.signed, Signed::Twilio));
    settings.callback_secret.clone().or_else(|| settings.secret.clone().filter(|_| same))
}

fn base(driver: &Driver, settings: &Http, values: &BTreeMap<String, String>) -> Result<String, String> {
    let url = match (&settings.url, &driver.url) {
        (Some(url), _) => url.clone(),
        (None, Some(template)) => {
            let filled = template.fill(&|name| values.get(name).map(Value::text), percent_encoded);
            let parsed = filled.and_then(|text| Url::parse(&text).ok());
            parsed.ok_or("the gateway's address cannot be written with these settings: correct them, or set url")?
        }
        (None, None) => return Err(format!("url is missing: write url = \"https://…\" ({})", driver.about)),
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
        return Err("url is not https: codes must not go over the wire in plain; write https://…".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("url holds more than an address: write account and secret as settings of their own".to_owned());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}
