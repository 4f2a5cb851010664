//! The ways messages leave by.

use std::fmt;

use super::given::{Reader, Repeated, Wrong, unknown};

/// What a route carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Channel {
    /// Short messages.
    Sms,
    /// E-mail.
    Email,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 2] = [Self::Sms, Self::Email];

    const fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a route is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RouteKind {
    /// The page `/demo/phone`.
    Demo,
}

/// A way messages leave by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// What records and metrics call it; each name once.
    pub name: String,
    /// What it carries.
    pub channel: Channel,
    /// How it is reached.
    pub kind: RouteKind,
}

/// The contract's kinds that this version does not have.
const KINDS_OF_LATER_VERSIONS: [&str; 4] = ["smpp", "http", "sip", "smtp"];

/// One route for each channel, to the demo phone.
pub(super) fn to_the_demo_phone() -> Vec<Route> {
    let route = |channel: Channel| Route { name: format!("demo-{channel}"), channel, kind: RouteKind::Demo };
    Channel::ALL.map(route).to_vec()
}

/// Reads the routes. Without any, and with the demo phone on, everything goes there.
pub(super) fn read(reader: &mut Reader<'_>, demo_phone: bool) -> Vec<Route> {
    let written = reader.repeated("route");
    if written.is_empty() && demo_phone {
        return to_the_demo_phone();
    }
    let mut routes: Vec<Route> = Vec::new();
    for table in written {
        let Some(route) = read_one(reader, &table, demo_phone) else { continue };
        if routes.iter().any(|other| other.name == route.name) {
            let wrong = Wrong::new(format!("{} is the name of two routes", route.name), "give each a name of its own");
            reader.mistake(table.values.get("name").map(|(line, _)| *line), "route.name", wrong);
        }
        routes.push(route);
    }
    routes
}

fn read_one(reader: &mut Reader<'_>, table: &Repeated, demo_phone: bool) -> Option<Route> {
    let value = |key: &str| table.values.get(key).and_then(|(line, text)| Some((*line, text.as_deref().ok()?)));
    if let Some((line, kind)) = value("kind").filter(|(_, kind)| KINDS_OF_LATER_VERSIONS.contains(kind)) {
        refuse_real(reader, line, kind, demo_phone);
        return None;
    }
    let known = reader.keys_of("route");
    for (key, (line, text)) in &table.values {
        match text {
            _ if !known.contains(key) => {
                reader.mistake(Some(*line), format!("route.{key}"), unknown("key", key, &known))
            }
            Err(wrong) => reader.mistake(Some(*line), format!("route.{key}"), wrong.clone()),
            Ok(_) => {}
        }
    }
    for key in known.iter().filter(|key| !table.values.contains_key(*key)) {
        let remedy = format!("write {key} = \"…\" under this [[route]]");
        reader.mistake(Some(table.line), format!("route.{key}"), Wrong::new("is missing", remedy));
    }
    let channel = value("channel").and_then(|(line, text)| channel(reader, line, text));
    let kind = value("kind").and_then(|(line, text)| kind(reader, line, text, demo_phone));
    Some(Route { name: value("name")?.1.into(), channel: channel?, kind: kind? })
}

fn refuse_real(reader: &mut Reader<'_>, line: usize, kind: &str, demo_phone: bool) {
    let problem = format!("is {kind}, but this version sends through the demo phone only");
    let remedy = "remove the route, or try the server out with kind = \"demo\"";
    reader.mistake(Some(line), "route.kind", Wrong::new(problem, remedy));
    if demo_phone {
        let problem = "would show everybody's codes to strangers, for a real route exists";
        let line = reader.line("demo_phone", "enabled");
        reader.mistake(line, "demo_phone.enabled", Wrong::new(problem, "set it to false"));
    }
}

fn channel(reader: &mut Reader<'_>, line: usize, text: &str) -> Option<Channel> {
    let channel = Channel::ALL.into_iter().find(|channel| channel.name() == text);
    if channel.is_none() {
        let problem = match text {
            "voice" => "is voice, but this version sends sms and email only".into(),
            _ => format!("is {text}, which is no channel"),
        };
        reader.mistake(Some(line), "route.channel", Wrong::new(problem, "write sms or email"));
    }
    channel
}

fn kind(reader: &mut Reader<'_>, line: usize, text: &str, demo_phone: bool) -> Option<RouteKind> {
    if text != "demo" {
        let wrong = Wrong::new(format!("is {text}, which is no kind of route"), "write demo");
        reader.mistake(Some(line), "route.kind", wrong);
        return None;
    }
    if !demo_phone {
        let remedy = "set enabled = true under [demo_phone], or remove the route";
        reader.mistake(Some(line), "route.kind", Wrong::new("is demo, but the demo phone is not enabled", remedy));
    }
    Some(RouteKind::Demo)
}
