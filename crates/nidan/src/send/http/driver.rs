//! What a driver file says of a gateway: how a message is asked for, what answers mean, what comes back later. All of it is
//! data; what cannot be said here cannot be done.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;
use serde_json::Value as Json;

use super::callback::CallbackMap;
use super::template::Template;

/// The drivers that are shipped.
pub const SHIPPED: [(&str, &str); 5] = [
    ("twilio", include_str!("../../../drivers/twilio.toml")),
    ("aws", include_str!("../../../drivers/aws.toml")),
    ("vonage", include_str!("../../../drivers/vonage.toml")),
    ("infobip", include_str!("../../../drivers/infobip.toml")),
    ("karaden", include_str!("../../../drivers/karaden.toml")),
];

/// Names that stand for something of the message or of the route; a driver may ask for more by `asks`.
const KNOWN: [&str; 12] = [
    "account",
    "secret",
    "sender",
    "to",
    "text",
    "id",
    "language",
    "alphabet",
    "callback_url",
    "expires_at",
    "expires_in_seconds",
    "expires_in_minutes",
];
/// What may stand in a body only: addresses and headers end up in logs.
const IN_BODIES_ONLY: [&str; 3] = ["secret", "to", "text"];

/// A driver.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Driver {
    /// Which interface of whom it speaks to, and where that is documented.
    pub about: String,
    /// The gateway's address; none where each customer has one of his own, given by the route's `url`.
    pub url: Option<Template>,
    /// How a phone number is written.
    pub number: NumberFormat,
    /// The country code of national numbers, as `+81`.
    pub country: Option<String>,
    /// What the gateway does.
    pub declares: Declares,
    /// Further settings of the route, by name.
    #[serde(default)]
    pub asks: BTreeMap<String, Ask>,
    /// Bounds of a relative validity.
    #[serde(default)]
    pub validity: Validity,
    /// What `{language}` and `{alphabet}` stand for.
    #[serde(default)]
    pub hints: Hints,
    /// How a message is asked for.
    pub request: Request,
    /// How the gateway knows us.
    pub auth: Auth,
    /// What its answers mean.
    pub answer: AnswerMap,
    /// What it tells later.
    pub callback: Option<CallbackMap>,
}

/// How a phone number is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberFormat {
    /// `+819012345678`.
    E164,
    /// `819012345678`.
    Digits,
    /// `09012345678`, within the driver's `country`.
    National,
}

/// What the gateway does, which decides what may be done with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declares {
    /// The same `{id}` twice is one message: an unanswered request may be repeated.
    pub idempotency: bool,
    /// It can be told when a message loses its worth.
    pub expiry: bool,
    /// It tells what became of a message.
    pub receipts: bool,
    /// It may tell several times of one message.
    pub several_receipts: bool,
}

/// A further setting of the route.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// What it is, for whoever has to set it.
    pub what: String,
    /// Without it, what names it is left out.
    #[serde(default)]
    pub optional: bool,
    /// What it is unless set.
    pub default: Option<String>,
}

/// Bounds of a relative validity in seconds, as the gateway takes it.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validity {
    /// The shortest it takes.
    #[serde(default = "one")]
    pub least_seconds: i64,
    /// The longest it takes.
    #[serde(default = "a_day")]
    pub most_seconds: i64,
}

impl Default for Validity {
    fn default() -> Self {
        Self { least_seconds: one(), most_seconds: a_day() }
    }
}

const fn one() -> i64 {
    1
}

const fn a_day() -> i64 {
    86_400
}

/// What `{language}` and `{alphabet}` stand for; `ja`, `en`, `gsm7`, `ucs2` unless said here.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hints {
    /// By `ja` and `en`.
    #[serde(default)]
    pub language: BTreeMap<String, String>,
    /// By `gsm7` and `ucs2`.
    #[serde(default)]
    pub alphabet: BTreeMap<String, String>,
}

/// How a message is asked for. GET is not among the methods: number and code would stand in the address.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The method.
    #[serde(default)]
    pub method: Method,
    /// The path below the gateway's address.
    pub path: Template,
    /// The query.
    #[serde(default)]
    pub query: BTreeMap<String, Template>,
    /// Headers besides those of content and authentication.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
    /// The body as a form.
    pub form: Option<BTreeMap<String, Template>>,
    /// The body as JSON; its texts are templates.
    pub json: Option<Node>,
    /// The body's type, where JSON has another than `application/json`.
    pub content_type: Option<String>,
}

/// The methods that carry a body.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// POST.
    #[default]
    Post,
    /// PUT.
    Put,
}

/// A JSON body whose texts are templates.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Json")]
pub enum Node {
    /// A text, or a number that is a name.
    Text(Template),
    /// Anything that stays as it is.
    Fixed(Json),
    /// An object.
    Object(Vec<(String, Node)>),
    /// A list.
    List(Vec<Node>),
}

impl TryFrom<Json> for Node {
    type Error = String;

    fn try_from(json: Json) -> Result<Self, String> {
        Ok(match json {
            Json::String(text) => Self::Text(Template::try_from(text)?),
            Json::Object(members) => Self::Object(
                members
                    .into_iter()
                    .map(|(name, value)| Ok((name, Self::try_from(value)?)))
                    .collect::<Result<_, String>>()?,
            ),
            Json::Array(items) => Self::List(items.into_iter().map(Self::try_from).collect::<Result<_, String>>()?),
            fixed => Self::Fixed(fixed),
        })
    }
}

impl Node {
    fn templates<'n>(&'n self, found: &mut Vec<&'n Template>) {
        match self {
            Self::Text(template) => found.push(template),
            Self::Fixed(_) => {}
            Self::Object(members) => members.iter().for_each(|(_, node)| node.templates(found)),
            Self::List(items) => items.iter().for_each(|node| node.templates(found)),
        }
    }
}

/// How the gateway knows us. There is no way to put a secret into an address.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// Not at all, or by the body.
    None,
    /// The route's account and secret (RFC 7617).
    Basic,
    /// The route's secret (RFC 6750).
    Bearer,
    /// The route's secret in a header of that name, behind a prefix.
    Header {
        /// The header.
        name: String,
        /// What stands before the secret.
        #[serde(default)]
        prefix: String,
    },
    /// AWS Signature Version 4; the account is the access key's id.
    AwsSigv4 {
        /// The region.
        region: Template,
        /// The service's name in signatures.
        service: String,
    },
}

/// What answers mean.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerMap {
    /// JSON Pointer (RFC 6901) to the gateway's id of the message.
    pub id: Option<String>,
    /// JSON Pointers to where codes of errors may be.
    #[serde(default)]
    pub code: Vec<String>,
    /// What an answer means; the first that fits counts.
    #[serde(default)]
    pub when: Vec<When>,
}

/// An answer of one of these statuses with one of these codes. What is not said is any.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// HTTP statuses.
    #[serde(default)]
    pub status: Vec<u16>,
    /// Codes of errors.
    #[serde(default)]
    pub code: Vec<String>,
    /// What it means.
    pub means: Meaning,
}

/// What an answer means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// The message was taken.
    Accepted,
    /// This number is refused, and would be elsewhere.
    DestinationRefused,
    /// What we sent is refused, and would be elsewhere.
    MessageRefused,
    /// The gateway does not know us, or will not serve us; not taken.
    LoginRefused,
    /// We are to be slower; not taken.
    Throttled,
    /// Its queue is full; not taken.
    QueueFull,
    /// A fault or limit of its own; certainly not taken.
    NotTaken,
    /// Nobody knows whether it was taken.
    Ambiguous,
}

impl Driver {
    /// The shipped driver of that name, or the one in that file.
    ///
    /// # Errors
    /// Every mistake found, with its remedy.
    pub fn load(name: &str) -> Result<Self, Vec<String>> {
        if let Some((_, text)) = SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
            return Self::read(text);
        }
        if !name.ends_with(".toml") {
            let shipped = SHIPPED.map(|(name, _)| name).join(", ");
            return Err(vec![format!("{name} is no driver: write {shipped}, or the path of a driver file (*.toml)")]);
        }
        let text = fs::read_to_string(name)
            .map_err(|error| vec![format!("{name} cannot be read ({error}): name a file that this user may read")])?;
        Self::read(&text).map_err(|mistakes| mistakes.into_iter().map(|mistake| format!("{name}: {mistake}")).collect())
    }

    /// Reads a driver.
    ///
    /// # Errors
    /// Every mistake found, with its remedy.
    pub fn read(text: &str) -> Result<Self, Vec<String>> {
        let driver: Self = toml::from_str(text).map_err(|error| {
            vec![format!("{}: see docs/operations.md for what a driver may say", error.to_string().trim_end())]
        })?;
        let mistakes = driver.mistakes();
        if mistakes.is_empty() { Ok(driver) } else { Err(mistakes) }
    }

    /// Whether some template names `name`.
    pub fn names(&self, name: &str) -> bool {
        let all = self.templates();
        all.iter().any(|(_, template)| template.names().any(|known| known == name))
    }

    /// Every template, and whether it is part of the body.
    fn templates(&self) -> Vec<(bool, &Template)> {
        let request = &self.request;
        let mut open: Vec<&Template> = vec![&request.path];
        open.extend(&self.url);
        open.extend(request.query.values().chain(request.headers.values()));
        if let Auth::AwsSigv4 { region, .. } = &self.auth {
            open.push(region);
        }
        let mut body: Vec<&Template> = request.form.iter().flat_map(BTreeMap::values).collect();
        if let Some(json) = &request.json {
            json.templates(&mut body);
        }
        open.into_iter()
            .map(|template| (false, template))
            .chain(body.into_iter().map(|template| (true, template)))
            .collect()
    }

    fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        let mut when = |wrong: bool, mistake: &str| {
            if wrong {
                mistakes.push(mistake.to_owned());
            }
        };
        let request = &self.request;
        when(
            request.form.is_some() == request.json.is_some(),
            "request: write either [request.form] or [request.json]",
        );
        when(
            request.content_type.is_some() && request.json.is_none(),
            "request.content_type is for JSON: remove it, or write [request.json]",
        );
        when(!self.names("text") || !self.names("to"), "request: the body must hold {text} and {to}");
        let national = self.number == NumberFormat::National;
        when(
            national != self.country.is_some(),
            "country belongs to number = \"national\": write both, as country = \"+81\", or neither",
        );
        let country = self.country.as_deref().unwrap_or("+81").strip_prefix('+').unwrap_or_default();
        when(
            country.is_empty() || !country.bytes().all(|byte| byte.is_ascii_digit()),
            "country is a plus and digits: write country = \"+81\"",
        );
        let expiry = ["expires_at", "expires_in_seconds", "expires_in_minutes"].iter().any(|name| self.names(name));
        when(
            self.declares.expiry && !expiry,
            "declares.expiry is true: write {expires_at} or {expires_in_seconds} into the request",
        );
        when(
            !self.declares.expiry && expiry,
            "the request says when the message expires: write declares.expiry = true",
        );
        when(
            self.declares.idempotency && !self.names("id"),
            "declares.idempotency is true: write {id} into the request",
        );
        when(
            self.declares.receipts != self.callback.is_some(),
            "declares.receipts goes with a section [callback]: write both or neither",
        );
        when(
            self.declares.several_receipts && !self.declares.receipts,
            "declares.several_receipts needs declares.receipts = true",
        );
        let Validity { least_seconds, most_seconds } = self.validity;
        when(!(1..=most_seconds).contains(&least_seconds), "validity: write 1 <= least_seconds <= most_seconds");
        let pointers = self.answer.id.iter().chain(&self.answer.code);
        mistakes.extend(pointers.filter(|pointer| !pointer.starts_with('/')).map(|pointer| not_a_pointer(pointer)));
        mistakes.extend(self.callback.iter().flat_map(CallbackMap::mistakes));
        mistakes.extend(self.misplaced_names());
        mistakes
    }

    fn misplaced_names(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        for (in_body, template) in self.templates() {
            for name in template.names() {
                if !KNOWN.contains(&name) && !self.asks.contains_key(name) {
                    let known = KNOWN.join(", ");
                    mistakes.push(format!(
                        "{{{name}}} is not known: write one of {known}, or ask the route for it by [asks.{name}]"
                    ));
                } else if !in_body && IN_BODIES_ONLY.contains(&name) {
                    mistakes.push(format!(
                        "{{{name}}} would end up in logs: write it into the body, a secret under [auth]"
                    ));
                }
            }
        }
        for name in self.asks.keys().filter(|name| KNOWN.contains(&name.as_str())) {
            mistakes.push(format!("asks.{name} is something else already: give it another name"));
        }
        for name in self.asks.keys().filter(|name| !self.names(name)) {
            mistakes.push(format!("asks.{name} is not used: write {{{name}}} somewhere, or remove it"));
        }
        mistakes
    }
}

/// The mistake of a JSON Pointer that is none.
pub(super) fn not_a_pointer(text: &str) -> String {
    format!("{text} is no JSON Pointer: write it with a slash first, as \"/messages/0/id\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        about = "a gateway"
        url = "https://gateway.example"
        number = "e164"
        [declares]
        idempotency = false
        expiry = false
        receipts = false
        several_receipts = false
        [request]
        path = "/send"
        [request.form]
        to = "{to}"
        text = "{text}"
        [auth]
        kind = "bearer"
        [answer]
    "#;

    #[test]
    fn the_shipped_drivers_are_without_mistake() {
        for (name, _) in SHIPPED {
            assert_eq!(Driver::load(name).map(|_| ()), Ok(()), "{name}");
        }
        assert_eq!(Driver::read(GOOD).map(|_| ()), Ok(()));
    }

    #[test]
    fn mistakes_are_all_told_with_a_remedy() {
        for (from, to, told) in [
            ("path = ", "paht = ", "paht"),
            ("\"bearer\"", "\"query\"", "query"),
            ("\"/send\"", "\"/send/{to}\"", "{to} would end up in logs"),
            ("\"/send\"", "\"/send?key={secret}\"", "{secret} would end up in logs"),
            ("\"/send\"", "\"/send/{reigon}\"", "[asks.reigon]"),
            ("\"/send\"", "\"/send/{\"", "brace"),
            ("[request.form]", "method = \"GET\"\n[request.form]", "GET"),
            ("text = \"{text}\"", "", "must hold {text}"),
            ("\"e164\"", "\"national\"", "country"),
            ("expiry = false", "expiry = true", "{expires_at}"),
            ("idempotency = false", "idempotency = true", "{id}"),
            ("receipts = false", "receipts = true", "[callback]"),
            ("[answer]", "[answer]\nid = \"sid\"", "JSON Pointer"),
            ("[answer]", "[answer]\n[asks.region]\nwhat = \"region\"", "asks.region is not used"),
            ("[request.form]", "[request.json]\nto = 1\n[request.form]", "either"),
        ] {
            let mistakes = Driver::read(&GOOD.replacen(from, to, 1)).map(|_| ()).expect_err(to);
            assert!(mistakes.iter().any(|mistake| mistake.contains(told)), "{to}: {mistakes:?}");
        }
        let two = GOOD.replacen("expiry = false", "expiry = true", 1).replacen(
            "idempotency = false",
            "idempotency = true",
            1,
        );
        assert_eq!(Driver::read(&two).map(|_| ()).expect_err("two mistakes").len(), 2);
        assert!(Driver::load("twillio").is_err_and(|told| told[0].contains("twilio, aws")));
        assert!(Driver::load("/nowhere/driver.toml").is_err_and(|told| told[0].contains("cannot be read")));
    }
}
