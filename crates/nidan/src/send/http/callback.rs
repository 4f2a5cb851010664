//! What gateways tell later: whether it is theirs, and what it says.

use std::collections::BTreeSet;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use nidan_core::ledger::Receipt;
use nidan_core::secret::{Secret, same_bytes};
use serde::Deserialize;
use serde_json::Value;

use super::answer::text;
use super::driver::not_a_pointer;
use super::sigv4::sha256_hex;
use crate::send::route::CarrierReceipt;

/// Where a callback says what, and how it is known to be the gateway's.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallbackMap {
    format: Format,
    /// JSON Pointer to the list of events; none where the body is the list, or the one event.
    events: Option<String>,
    /// Where an event names its message: a field, or a JSON Pointer.
    id: String,
    /// Where it names the number.
    number: Option<String>,
    /// Where it says what became of the message. Of several places the words are joined by a blank.
    status: Places,
    statuses: Statuses,
    pub(super) signed: Signed,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    Form,
    Json,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Places {
    One(String),
    Several(Vec<String>),
}

impl Places {
    fn all(&self) -> &[String] {
        match self {
            Self::One(place) => std::slice::from_ref(place),
            Self::Several(places) => places,
        }
    }
}

/// The gateway's words for each state.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Statuses {
    en_route: Vec<String>,
    delivered: Vec<String>,
    undelivered: Vec<String>,
    expired: Vec<String>,
    rejected: Vec<String>,
    unknown: Vec<String>,
}

impl Statuses {
    fn all(&self) -> [(Receipt, &[String]); 6] {
        [
            (Receipt::EnRoute, &self.en_route),
            (Receipt::Delivered, &self.delivered),
            (Receipt::Undelivered, &self.undelivered),
            (Receipt::Expired, &self.expired),
            (Receipt::Rejected, &self.rejected),
            (Receipt::Unknown, &self.unknown),
        ]
    }

    fn read(&self, word: &str) -> Option<Receipt> {
        self.all().into_iter().find(|(_, words)| words.iter().any(|known| known == word)).map(|(receipt, _)| receipt)
    }
}

/// How a callback is known to be the gateway's.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Signed {
    /// `X-Twilio-Signature`: HMAC-SHA-1 over the address and the sorted fields
    /// (<https://www.twilio.com/docs/usage/webhooks/webhooks-security>).
    Twilio,
    /// HMAC-SHA-256 over the body in a header.
    HmacSha256 {
        /// The header.
        header: String,
        /// What stands before the signature in it.
        #[serde(default)]
        prefix: String,
        /// How the signature is written.
        encoding: Encoding,
    },
    /// A JWT (RFC 7519) in the Authorization header, signed HS256, whose `payload_hash` is the SHA-256 of the body
    /// (<https://developer.vonage.com/en/messages/concepts/signed-webhooks>).
    JwtHs256,
    /// The last segment of the address is the secret, for gateways that sign nothing.
    PathSecret,
}

/// How a signature is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Hexadecimal digits.
    Hex,
    /// Base64 (RFC 4648 §4).
    Base64,
}

/// A callback as it came.
pub struct Callback<'c> {
    /// The segment of the address behind the route's name.
    pub path_secret: Option<&'c Secret<String>>,
    /// The public address that was asked for.
    pub url: &'c str,
    /// The headers.
    pub headers: &'c HeaderMap,
    /// The body.
    pub body: &'c [u8],
}

/// Why a callback is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallbackRefused {
    /// Nothing is told at this address.
    NotHere,
    /// It is not the gateway's.
    Forged,
    /// It is the gateway's, but nothing that its driver can read.
    Unreadable,
}

impl CallbackMap {
    pub(super) fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        if self.format == Format::Json {
            let places = self.events.iter().chain([&self.id]).chain(&self.number).chain(self.status.all());
            mistakes.extend(places.filter(|place| !place.starts_with('/')).map(|place| not_a_pointer(place)));
        } else if self.events.is_some() {
            mistakes.push("callback.events is for JSON: remove it".to_owned());
        }
        let mut seen = BTreeSet::new();
        for word in self.statuses.all().into_iter().flat_map(|(_, words)| words) {
            if !seen.insert(word) {
                mistakes.push(format!("callback.statuses: {word} is there twice: remove one"));
            }
        }
        if self.statuses.delivered.is_empty() {
            mistakes.push(
                "callback.statuses.delivered is empty: write the gateway's word for a delivered message".to_owned(),
            );
        }
        mistakes
    }

    /// Whether it says which number the message went to.
    pub(super) const fn names_number(&self) -> bool {
        self.number.is_some()
    }

    /// Reads a callback that was signed with `secret`.
    ///
    /// # Errors
    /// It is forged or unreadable.
    pub(super) fn read(
        &self,
        callback: &Callback<'_>,
        secret: &Secret<String>,
    ) -> Result<Vec<CarrierReceipt>, CallbackRefused> {
        let in_path = matches!(self.signed, Signed::PathSecret);
        if callback.path_secret.is_some() && !in_path {
            return Err(CallbackRefused::NotHere);
        }
        if !self.signed.holds(callback, secret) {
            return Err(CallbackRefused::Forged);
        }
        let events = self.events(callback.body).ok_or(CallbackRefused::Unreadable)?;
        Ok(events.iter().filter_map(|event| self.receipt(event)).collect())
    }

    /// The events in a body; a form is one, as an object of texts.
    fn events(&self, body: &[u8]) -> Option<Vec<Value>> {
        if self.format == Format::Form {
            let fields =
                url::form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into_owned().into()));
            return Some(vec![Value::Object(fields.collect())]);
        }
        let whole: Value = serde_json::from_slice(body).ok()?;
        let events = match &self.events {
            Some(pointer) => whole.pointer(pointer)?.clone(),
            None => whole,
        };
        match events {
            Value::Array(events) => Some(events),
            event @ Value::Object(_) => Some(vec![event]),
            _ => None,
        }
    }

    /// None for what says nothing that we know: gateways add words, and would send the same one again and again if it
    /// were refused.
    fn receipt(&self, event: &Value) -> Option<CarrierReceipt> {
        let at = |place: &String| match self.format {
            Format::Form => event.get(place).and_then(text),
            Format::Json => event.pointer(place).and_then(text),
        };
        let words: Option<Vec<String>> = self.status.all().iter().map(at).collect();
        let receipt = words.and_then(|words| self.statuses.read(&words.join(" ")));
        match (at(&self.id), receipt) {
            (Some(carrier_id), Some(receipt)) => {
                Some(CarrierReceipt { carrier_id, number: self.number.as_ref().and_then(at), receipt })
            }
            (id, receipt) => {
                let (id, status) = (id.is_some(), receipt.is_some());
                tracing::warn!(id, status, "a gateway told something that its driver cannot read");
                None
            }
        }
    }
}

impl Signed {
    fn holds(&self, callback: &Callback<'_>, secret: &Secret<String>) -> bool {
        let key = secret.expose().as_bytes();
        let header = |name: &str| callback.headers.get(name).and_then(|value| value.to_str().ok());
        let holds = match self {
            Self::Twilio => header("x-twilio-signature").and_then(|given| {
                let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
                let given = STANDARD.decode(given).ok()?;
                hmac::verify(&key, &twilio_text(callback.url, callback.body), &given).ok()
            }),
            Self::HmacSha256 { header: name, prefix, encoding } => header(name).and_then(|given| {
                let given = given.strip_prefix(prefix.as_str())?;
                let given = match encoding {
                    Encoding::Hex => from_hex(given)?,
                    Encoding::Base64 => STANDARD.decode(given).ok()?,
                };
                hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), callback.body, &given).ok()
            }),
            Self::JwtHs256 => header(AUTHORIZATION.as_str()).and_then(|given| jwt_holds(given, key, callback.body)),
            Self::PathSecret => callback.path_secret.filter(|given| given.same(secret)).map(|_| ()),
        };
        holds.is_some()
    }
}

/// What Twilio signs: the address, then the fields by name, each name followed by its value; what is there twice counts once.
fn twilio_text(url: &str, body: &[u8]) -> Vec<u8> {
    let fields: BTreeSet<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
    let mut text = url.as_bytes().to_vec();
    for (name, value) in fields {
        text.extend(name.as_bytes());
        text.extend(value.as_bytes());
    }
    text
}

fn jwt_holds(header: &str, key: &[u8], body: &[u8]) -> Option<()> {
    let (scheme, token) = header.split_once(' ')?;
    let (signed, signature) = token.trim().rsplit_once('.')?;
    let (head, claims) = signed.split_once('.')?;
    let part = |part: &str| -> Option<Value> { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok() };
    if !scheme.eq_ignore_ascii_case("bearer") || part(head)?.get("alg")? != "HS256" {
        return None;
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), signed.as_bytes(), &signature).ok()?;
    let claims = part(claims)?;
    same_bytes(claims.get("payload_hash")?.as_str()?.as_bytes(), sha256_hex(body).as_bytes()).then_some(())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| u8::try_from(digit(high)? * 16 + digit(low)?).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(signed: &Signed, url: &str, header: (&'static str, &str), body: &str) -> bool {
        let headers = HeaderMap::from_iter([(header.0.parse().expect("a name"), header.1.parse().expect("a value"))]);
        let callback = Callback { path_secret: None, url, headers: &headers, body: body.as_bytes() };
        signed.holds(&callback, &Secret::new("12345".to_owned()))
    }

    /// The example of Twilio's documentation, and one of its libraries' for a field that is there three times.
    #[test]
    fn twilios_published_signatures() {
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        let fields =
            "Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309&CallSid=CA1234567890ABCDE";
        let twice = "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234";
        let signed = |signature: &str, url: &str, body: &str| {
            holds(&Signed::Twilio, url, ("x-twilio-signature", signature), body)
        };
        assert!(signed("RSOYDt4T1cUTdK1PDd93/VVr8B8=", url, fields));
        assert!(signed("IK+Dwps556ElfBT0I3Rgjkr1wJU=", url, twice));
        assert!(!signed("RSOYDt4T1cUTdK1PDd93/VVr8B8=", url, twice));
        assert!(!signed("RSOYDt4T1cUTdK1PDd93/VVr8B8=", "https://mycompany.com/myapp.php", fields));
        assert!(!signed("RSOYDt4T1cUTdK1PDd93/VVr8B9=", url, fields));
        assert!(!signed("", url, fields) && !signed("=", url, fields));
    }

    #[test]
    fn a_signature_over_the_body() {
        let signed = |encoding| Signed::HmacSha256 { header: "x-sign".into(), prefix: "sha256=".into(), encoding };
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"12345"), "本文".as_bytes());
        let hex = format!("sha256={}", super::super::sigv4::hex(tag.as_ref()));
        let base64 = format!("sha256={}", STANDARD.encode(tag.as_ref()));
        assert!(holds(&signed(Encoding::Hex), "", ("x-sign", &hex), "本文"));
        assert!(holds(&signed(Encoding::Base64), "", ("x-sign", &base64), "本文"));
        assert!(!holds(&signed(Encoding::Hex), "", ("x-sign", &hex), "本文 "));
        assert!(!holds(&signed(Encoding::Hex), "", ("x-other", &hex), "本文"));
        for wrong in ["", "sha256=", "sha256=zz", "sha256=abc", &hex[..hex.len() - 2], &hex[7..]] {
            assert!(!holds(&signed(Encoding::Hex), "", ("x-sign", wrong), "本文"), "{wrong}");
        }
    }

    fn jwt(head: &str, claims: &str, key: &[u8]) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), signed.as_bytes());
        format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }

    #[test]
    fn a_jwt_is_bound_to_its_body() {
        let claims = format!(r#"{{"payload_hash":"{}"}}"#, sha256_hex(b"{}"));
        let head = r#"{"alg":"HS256","typ":"JWT"}"#;
        let holds = |header: &str, body: &str| holds(&Signed::JwtHs256, "", ("authorization", header), body);
        assert!(holds(&jwt(head, &claims, b"12345"), "{}"));
        assert!(!holds(&jwt(head, &claims, b"12345"), "[]"));
        assert!(!holds(&jwt(head, &claims, b"1234"), "{}"));
        assert!(!holds(&jwt(head, "{}", b"12345"), "{}"));
        let unsigned = jwt(r#"{"alg":"none"}"#, &claims, b"12345");
        assert!(!holds(&unsigned, "{}"));
        let cut = unsigned.rsplit_once('.').map_or("", |(cut, _)| cut);
        assert!(!holds(&format!("{cut}."), "{}") && !holds("Bearer", "{}") && !holds("Bearer a.b", "{}"));
    }
}
