//! The ways messages leave by.

use std::fmt;

use nidan_core::message::Channel;
use nidan_core::phone::NumberKind;
use nidan_core::route::{Carries, Cost};
use nidan_wire::sms_text::GSM7_LIMIT;

use super::carriers;
use super::given::{Given, Reader, Repeated, Wrong, unknown};
use super::host_of;
use super::route_table::{Kind, kinds, shared};
use super::table::Setting;
use super::ways::{SmtpTls, Way};

/// A way messages leave by.
#[derive(Clone)]
pub struct Route {
    /// What records and metrics call it; each name once.
    pub name: String,
    /// What it carries.
    pub channel: Channel,
    /// Calling codes of the countries that it serves, as `+81`; none: every country.
    pub countries: Option<Vec<String>>,
    /// Kinds of numbers that it serves; none: every kind.
    pub number_kinds: Option<Vec<NumberKind>>,
    /// What it costs, if anybody counts.
    pub cost: Option<Cost>,
    /// How it is reached.
    pub way: Way,
}

impl Route {
    /// Units that an SMS without Japanese has on this route.
    pub fn sms_units(&self) -> usize {
        match &self.way {
            Way::Smpp(smpp) => smpp.alphabet.gsm7_units(),
            Way::Demo | Way::Http(_) | Way::Smtp(_) => GSM7_LIMIT,
        }
    }

    /// What the rules ask of it.
    pub fn carries(&self) -> Carries {
        Carries { channel: self.channel, countries: self.countries.clone(), number_kinds: self.number_kinds.clone() }
    }
}

/// The way holds passwords: its kind alone is shown.
impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("name", &self.name)
            .field("channel", &self.channel)
            .field("countries", &self.countries)
            .field("number_kinds", &self.number_kinds)
            .field("cost", &self.cost)
            .field("way", &self.way.name())
            .finish()
    }
}

/// Japan's calling code, the only one that numbers are taken from today.
const JAPAN: &str = "+81";

const NUMBER_KINDS: [(&str, NumberKind); 7] = [
    ("mobile", NumberKind::Mobile),
    ("fixed_line", NumberKind::FixedLine),
    ("ip_phone", NumberKind::IpPhone),
    ("toll_free", NumberKind::TollFree),
    ("premium", NumberKind::Premium),
    ("shared_cost", NumberKind::SharedCost),
    ("other", NumberKind::Other),
];

/// One route for each channel, to the demo phone.
pub(super) fn to_the_demo_phone() -> Vec<Route> {
    let route = |channel: Channel| Route {
        name: format!("demo-{}", channel.name()),
        channel,
        countries: countries_unless_set(channel),
        number_kinds: None,
        cost: None,
        way: Way::Demo,
    };
    Channel::ALL.map(route).to_vec()
}

fn countries_unless_set(channel: Channel) -> Option<Vec<String>> {
    (channel == Channel::Sms).then(|| vec![JAPAN.to_owned()])
}

/// Reads the routes. Without any, and with the demo phone on, everything goes there.
pub(super) fn read(reader: &mut Reader<'_>, demo_phone: bool) -> Vec<Route> {
    let tables = reader.repeated("route");
    if tables.is_empty() && demo_phone {
        return to_the_demo_phone();
    }
    let (mut routes, mut names, mut real) = (Vec::new(), Vec::new(), false);
    for one in &tables {
        let mut written = Written { reader, one, settings: shared() };
        let kind = written.value("kind", |given| kind(given, demo_phone));
        real |= kind.as_ref().is_some_and(|kind| kind.name != "demo");
        routes.extend(written.read(kind, &mut names));
    }
    if real && demo_phone {
        let problem = "would show everybody's codes to strangers, for a real route exists";
        let line = reader.line("demo_phone", "enabled");
        reader.mistake(line, "demo_phone.enabled", Wrong::new(problem, "set it to false"));
    }
    routes
}

/// A route under reading.
pub(super) struct Written<'r, 't> {
    reader: &'r mut Reader<'t>,
    one: &'r Repeated<'t>,
    /// The keys that it may have.
    settings: Vec<Setting>,
}

impl Written<'_, '_> {
    /// The value of a key. None if it is optional and not set, or if a mistake was noted.
    pub(super) fn value<T>(&mut self, key: &str, read: impl Fn(&Given<'_>) -> Result<T, Wrong>) -> Option<T> {
        self.reader.value_in(self.one, setting(&self.settings, key), read)
    }

    /// A whole number, of a type that holds its range.
    pub(super) fn whole<T: TryFrom<i64>>(&mut self, key: &str) -> Option<T> {
        let setting = setting(&self.settings, key);
        let range = setting.range.clone().unwrap_or(i64::MIN..=i64::MAX);
        let read = |given: &Given<'_>| match given.integers()?.as_slice() {
            [value] if range.contains(value) => T::try_from(*value).map_err(|_| Wrong::new("is too large", "lower it")),
            [value] => {
                Err(Wrong::new(format!("is {value}"), format!("choose from {} to {}", range.start(), range.end())))
            }
            _ => Err(Wrong::new("is a list", "write one number")),
        };
        self.reader.value_in(self.one, setting, read)
    }

    /// Notes a mistake, at the line of `key` or else of the route.
    pub(super) fn mistake(&mut self, key: &str, wrong: Wrong) {
        let line = self.reader.line_in(self.one, key);
        self.reader.mistake(line, format!("route.{key}"), wrong);
    }

    /// A path, seen from where the settings file is.
    pub(super) fn resolve(&self, path: &str) -> std::path::PathBuf {
        self.reader.resolve(path)
    }

    fn read(mut self, kind: Option<Kind>, names: &mut Vec<String>) -> Option<Route> {
        self.refuse_unknown(kind.as_ref());
        let name = self.value("name", name);
        if let Some(name) = name.as_ref() {
            if names.contains(name) {
                let problem = format!("{name} is the name of two routes");
                self.mistake("name", Wrong::new(problem, "give each a name of its own"));
            }
            names.push(name.clone());
        }
        let channel = self.value("channel", channel);
        let countries = self.only_for_sms("countries", channel, countries);
        let number_kinds = self.only_for_sms("number_kinds", channel, number_kinds);
        let cost = self.cost();
        let Kind { name: kind, carries, settings, .. } = kind?;
        if let Some(channel) = channel.filter(|channel| !carries.contains(channel)) {
            let carried: Vec<&str> = carries.iter().map(|channel| channel.name()).collect();
            let problem = format!("is {}, which routes of kind {kind} do not carry", channel.name());
            self.mistake(
                "channel",
                Wrong::new(problem, format!("write {}, or take another kind", carried.join(" or "))),
            );
        }
        self.settings.extend(settings);
        let way = match kind {
            "smpp" => carriers::smpp(&mut self).map(Way::Smpp),
            "http" => carriers::http(&mut self).map(Way::Http),
            "smtp" => carriers::smtp(&mut self).map(Way::Smtp),
            _ => Some(Way::Demo),
        };
        let (name, channel, way) = (name?, channel?, way?);
        Some(Route { name, channel, countries: countries.or(countries_unless_set(channel)), number_kinds, cost, way })
    }

    /// Keys that no route has, and keys of other kinds than this route's. Where the kind is not known, the keys of all.
    fn refuse_unknown(&mut self, kind: Option<&Kind>) {
        let all = kinds();
        let names = |settings: &[Setting]| settings.iter().flat_map(Setting::names).collect::<Vec<_>>();
        let own: Vec<String> = all
            .iter()
            .filter(|other| kind.is_none_or(|kind| kind.name == other.name))
            .fold(names(&self.settings), |known, kind| [known, names(&kind.settings)].concat());
        for (line, key) in self.reader.keys_in(self.one) {
            if own.contains(&key) {
                continue;
            }
            let others: Vec<&str> =
                all.iter().filter(|kind| names(&kind.settings).contains(&key)).map(|kind| kind.name).collect();
            let wrong = match (kind, others.as_slice()) {
                (Some(kind), [_, ..]) => {
                    let problem = format!("is a key of {}, and this route is {}", others.join(" and "), kind.name);
                    Wrong::new(problem, "remove it")
                }
                _ => unknown("key", &key, &own),
            };
            self.reader.mistake(Some(line), format!("route.{key}"), wrong);
        }
    }

    fn only_for_sms<T>(
        &mut self,
        key: &str,
        channel: Option<Channel>,
        read: fn(&Given<'_>) -> Result<T, Wrong>,
    ) -> Option<T> {
        let value = self.value(key, read);
        if value.is_some() && channel == Some(Channel::Email) {
            self.mistake(key, Wrong::new("is for routes that carry sms", "remove it"));
        }
        value
    }

    fn cost(&mut self) -> Option<Cost> {
        let per_message = self.value("cost_per_message", amount);
        let day_max = self.value("cost_per_day_max", amount);
        let (per_message, day_max) = match (per_message, day_max) {
            (Some(per_message), Some(day_max)) => (per_message, day_max),
            (None, None) => return None,
            (Some(_), None) => return self.lacks("cost_per_message", "cost_per_day_max"),
            (None, Some(_)) => return self.lacks("cost_per_day_max", "cost_per_message"),
        };
        if per_message > day_max {
            let wrong = Wrong::new("is less than cost_per_message, so nothing would ever be sent", "raise it");
            self.mistake("cost_per_day_max", wrong);
        }
        Some(Cost { per_message, day_max })
    }

    /// Notes that `key` means nothing without `other`; not if `other` is there and wrong.
    pub(super) fn lacks<T>(&mut self, key: &str, other: &str) -> Option<T> {
        let names: Vec<String> = setting(&self.settings, other).names().collect();
        if !self.reader.keys_in(self.one).iter().any(|(_, written)| names.contains(written)) {
            self.mistake(key, Wrong::new(format!("is set without {other}"), format!("set {other} too, or remove it")));
        }
        None
    }
}

fn setting<'s>(settings: &'s [Setting], key: &str) -> &'s Setting {
    settings.iter().find(|known| known.key == key).expect("what is asked for is in the table: a test asks for all")
}

fn name(given: &Given<'_>) -> Result<String, Wrong> {
    let name = given.text()?;
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    match plain && name.len() <= 32 {
        true => Ok(name),
        false => Err(Wrong::new("is not a plain name", "write at most 32 letters (a to z), digits, - and _")),
    }
}

fn channel(given: &Given<'_>) -> Result<Channel, Wrong> {
    let text = given.text()?;
    let remedy = "write sms or email";
    Channel::from_name(&text).ok_or_else(|| match text.as_str() {
        "voice" => Wrong::new("is voice, but this version sends sms and email only", remedy),
        _ => Wrong::new(format!("is {text}, which is no channel"), remedy),
    })
}

fn kind(given: &Given<'_>, demo_phone: bool) -> Result<Kind, Wrong> {
    let text = given.text()?;
    match kinds().into_iter().find(|kind| kind.name == text) {
        Some(Kind { name: "demo", .. }) if !demo_phone => {
            let remedy = "set enabled = true under [demo_phone], or remove the route";
            Err(Wrong::new("is demo, but the demo phone is not enabled", remedy))
        }
        Some(kind) => Ok(kind),
        None if text == "sip" => Err(Wrong::new("is sip, but this version makes no calls", "remove the route")),
        None => Err(Wrong::new(format!("is {text}, which is no kind of route"), "write smpp, http, smtp or demo")),
    }
}

fn countries(given: &Given<'_>) -> Result<Vec<String>, Wrong> {
    let countries = given.texts()?;
    let remedy = "write [\"+81\"]";
    match countries.iter().find(|country| *country != JAPAN) {
        Some(other) => Err(Wrong::new(format!("has {other}, but this version sends to numbers in Japan only"), remedy)),
        None if countries.is_empty() => Err(Wrong::new("is empty, so the route would serve nobody", remedy)),
        None => Ok(countries),
    }
}

fn number_kinds(given: &Given<'_>) -> Result<Vec<NumberKind>, Wrong> {
    let kind = |text: String| {
        let known = NUMBER_KINDS.into_iter().find(|(name, _)| *name == text);
        let names = NUMBER_KINDS.map(|(name, _)| name).join(", ");
        known.map(|(_, kind)| kind).ok_or_else(|| {
            Wrong::new(format!("has {text}, which is no kind of number"), format!("choose from {names}"))
        })
    };
    let kinds = given.texts()?.into_iter().map(kind).collect::<Result<Vec<_>, _>>()?;
    match kinds.contains(&NumberKind::Mobile) {
        true => Ok(kinds),
        // Which numbers take SMS: nidan_core::phone.
        false => Err(Wrong::new("lacks mobile, the one kind that takes SMS", "write [\"mobile\"]")),
    }
}

fn amount(given: &Given<'_>) -> Result<i64, Wrong> {
    match given.thousandths()? {
        0 => Err(Wrong::new("is nothing", "write what it costs, or remove it")),
        amount => Ok(amount),
    }
}

/// What is allowed of routes and yet will surprise, each in one sentence.
pub(super) fn warnings(routes: &[Route]) -> Vec<String> {
    let carrying = |channel: Channel| routes.iter().filter(move |route| route.channel == channel);
    let without = Channel::ALL.into_iter().filter(|channel| carrying(*channel).next().is_none());
    let mut warnings: Vec<String> = without
        .map(|channel| format!("no route carries {}: what should go out by it is never sent", channel.name()))
        .collect();
    let mut sms = carrying(Channel::Sms);
    if let (Some(Route { name, way: Way::Smpp(_) | Way::Http(_), .. }), None) = (sms.next(), sms.next()) {
        warnings.push(format!("{name} is the only route for sms: while it is down, nobody gets a code"));
    }
    warnings.extend(routes.iter().flat_map(warnings_of));
    warnings
}

fn warnings_of(Route { name, way, .. }: &Route) -> Vec<String> {
    let open = |host: &str| {
        let what = "what is sent can be read on the way, codes and password too";
        format!("route {name} reaches {host} without TLS: {what}, unless that is a closed network")
    };
    let away = |host: &str| !host_of(host).is_some_and(|host| super::is_here(&host));
    match way {
        Way::Demo | Way::Http(_) => Vec::new(),
        Way::Smpp(smpp) => {
            let blind = format!("route {name} gives no receipts: nobody sees whether its messages arrive");
            let open = (!smpp.tls && away(&smpp.host)).then(|| open(&smpp.host));
            (!smpp.receipts).then_some(blind).into_iter().chain(open).collect()
        }
        Way::Smtp(smtp) => {
            let open = (smtp.tls == SmtpTls::Off && away(&smtp.host)).then(|| open(&smtp.host));
            open.into_iter().collect()
        }
    }
}
