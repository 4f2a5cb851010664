//! Every key of a route, once: those that all kinds share, and those of each kind.

use nidan_core::message::Channel;

use super::table::Setting;

/// A kind of route, as the settings name it.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// What it can carry.
    pub(super) carries: &'static [Channel],
    /// The keys that it has beside those of every kind.
    pub(super) settings: Vec<Setting>,
    /// Name and channel in the printed example.
    pub(super) example: (&'static str, Channel),
}

/// All kinds in the order they are printed in.
pub(super) fn kinds() -> [Kind; 4] {
    [demo(), smpp(), http(), smtp()]
}

/// The keys of every kind.
pub(super) fn shared() -> Vec<Setting> {
    vec![
        Setting::required(
            "name",
            "\"carrier-a\"",
            "What records and metrics call it: letters, digits, - and _. Each name once.",
        ),
        Setting::required("channel", "\"sms\"", "What it carries: sms or email."),
        Setting::required("kind", "\"smpp\"", "How it is reached: demo, smpp, http or smtp."),
        Setting::optional(
            "countries",
            "[\"+81\"]",
            "SMS: calling codes of the countries that it serves. Without it [\"+81\"]; this version sends to no other.",
        ),
        Setting::optional(
            "number_kinds",
            "[\"mobile\"]",
            "SMS: kinds of numbers that it serves, of mobile, fixed_line, ip_phone, toll_free, premium, shared_cost and other. \
             Without it all that the channel serves.",
        ),
        Setting::optional(
            "cost_per_message",
            "8.5",
            "What a message costs, in your currency, with at most three places.",
        ),
        Setting::optional(
            "cost_per_day_max",
            "20000",
            "What the route may cost in a day, in the same currency. What would cost more takes another route, or is not sent.",
        ),
    ]
}

fn demo() -> Kind {
    Kind {
        name: "demo",
        about: "kind demo: the page /demo/phone. It needs [demo_phone] enabled = true, and has no keys but those of every kind:",
        carries: &Channel::ALL,
        settings: Vec::new(),
        example: ("demo-sms", Channel::Sms),
    }
}

fn smpp() -> Kind {
    let settings = [smpp_login(), smpp_sending()].concat();
    let about = "kind smpp: a carrier's short message centre that speaks SMPP 3.4.";
    Kind { name: "smpp", about, carries: &[Channel::Sms], settings, example: ("carrier-a", Channel::Sms) }
}

fn smpp_login() -> Vec<Setting> {
    vec![
        Setting::required(
            "host",
            "\"smsc.example.net\"",
            "Host name or address of the carrier's short message centre.",
        ),
        Setting::whole("port", 2775, 1..=65_535, "TCP port."),
        Setting::default(
            "tls",
            "false",
            "TLS from the first byte. Without it codes can be read on the way: then use a VPN.",
        ),
        Setting::optional(
            "ca_file",
            "\"carrier-ca.pem\"",
            "Certificates (PEM) to trust in place of the system's. With tls only.",
        ),
        Setting::required("system_id", "\"nidan\"", "The name we bind by. At most 15 characters."),
        Setting::required("password", "\"secret\"", "The password we bind by. At most 8 characters.").secret(),
    ]
}

fn smpp_sending() -> Vec<Setting> {
    vec![
        Setting::optional(
            "system_type",
            "\"VMA\"",
            "What kind of system we are: only where the carrier asks for it. At most 12 characters.",
        ),
        Setting::default(
            "bind",
            "\"transceiver\"",
            "transceiver, or transmitter_and_receiver where the carrier wants a connection of its own for receipts.",
        ),
        Setting::whole("connections", 1, 1..=16, "Connections that send."),
        Setting::whole("window", 10, 1..=1_000, "Messages on one connection that have no answer yet, at most."),
        Setting::whole(
            "rate_per_second",
            10,
            1..=1_000,
            "Messages a second over all connections, evenly spaced: what the carrier allows.",
        ),
        Setting::required(
            "sender",
            "\"00051234567\"",
            "Who the message is from: a number or short code of at most 20 digits, or a name of at most 11 letters and digits.",
        ),
        Setting::optional(
            "sender_ton",
            "0",
            "Type of number of the sender, where the carrier asks for one. From 0 to 6.",
        )
        .within(0..=6),
        Setting::optional("sender_npi", "1", "Numbering plan of the sender, likewise. From 0 to 18.").within(0..=18),
        Setting::default(
            "alphabet",
            "\"gsm7\"",
            "How texts are written that do not need UCS-2: gsm7 (data_coding 0), or, where messages arrive without their @, \
             latin1 (data_coding 3) or ucs2 (always 8). They leave 140 and 70 characters, \
             for which a shorter wording is taken.",
        ),
        Setting::whole(
            "enquire_link_seconds",
            30,
            5..=600,
            "Quiet after which the carrier is asked whether it is there.",
        ),
        answer_seconds(),
        Setting::default("receipts", "true", "Whether the carrier tells what became of a message."),
    ]
}

/// Of carriers and gateways.
fn answer_seconds() -> Setting {
    let about = "How long an answer is waited for. Without one nobody knows whether the message was sent.";
    Setting::whole("answer_seconds", 10, 2..=60, about)
}

fn http() -> Kind {
    let settings = vec![
        Setting::required(
            "driver",
            "\"twilio\"",
            "How the gateway is spoken to: the name of a shipped driver, or the path of a driver file (.toml).",
        ),
        Setting::optional(
            "url",
            "\"https://gateway.example.net/\"",
            "The gateway's address, where it is not the driver's.",
        ),
        Setting::optional("account", "\"AC0123\"", "The account, user or key name by which the gateway knows us."),
        Setting::optional("secret", "\"secret\"", "The token, password or key by which the gateway knows us.").secret(),
        Setting::optional(
            "callback_secret",
            "\"secret\"",
            "The secret by which callbacks are known to be the gateway's.",
        )
        .secret(),
        Setting::required("sender", "\"+815012345678\"", "Who the message is from, as the gateway wants it written."),
        Setting::optional(
            "values",
            "{ region = \"ap-northeast-1\" }",
            "Further values that the driver asks for by name.",
        ),
        Setting::optional("ca_file", "\"gateway-ca.pem\"", "Certificates (PEM) to trust in place of the system's."),
        Setting::whole("rate_per_second", 10, 1..=1_000, "Messages a second, evenly spaced: what the gateway allows."),
        Setting::whole("window", 10, 1..=1_000, "Requests under way at once, at most."),
        answer_seconds(),
    ];
    let about = "kind http: a gateway that is spoken to by HTTP, as a driver says.";
    Kind { name: "http", about, carries: &[Channel::Sms], settings, example: ("gateway", Channel::Sms) }
}

fn smtp() -> Kind {
    let settings = vec![
        Setting::required(
            "url",
            "\"smtp://mail.example.jp:587?tls=required\"",
            "The mail server: smtp://HOST:PORT?tls=required (STARTTLS, or no mail) or smtps://HOST:PORT (TLS from the first byte). \
             ?tls=off for a relay in a closed network; on this machine it goes without saying.",
        ),
        Setting::optional(
            "user",
            "\"nidan\"",
            "The user, where the server asks for one; or in url as smtp://USER:PASSWORD@HOST.",
        ),
        Setting::optional("password", "\"secret\"", "The user's password.").secret(),
        Setting::required("from", "\"例社 <no-reply@example.jp>\"", "The sender."),
        Setting::optional(
            "ca_file",
            "\"mail-ca.pem\"",
            "Certificates (PEM) to trust in place of the system's. With TLS only.",
        ),
        Setting::whole("connections", 4, 1..=64, "Connections at once, at most."),
        Setting::whole(
            "answer_seconds",
            30,
            2..=300,
            "How long an answer is waited for. Without one nobody knows whether the mail was taken.",
        ),
    ];
    let about = "kind smtp: a mail server that takes mail for everybody. It signs the mail (DKIM): Nidan does not.";
    Kind { name: "smtp", about, carries: &[Channel::Email], settings, example: ("mail", Channel::Email) }
}
