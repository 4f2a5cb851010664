//! Routes: what each kind is read as, and every mistake with its line.

use super::super::ways::{Bind, Smtp, SmtpTls, Way};
use super::*;
use nidan_core::message::Channel;
use nidan_core::phone::NumberKind;
use nidan_core::route::Cost;
use nidan_wire::smpp::Coding;

const DEMO: &str = "[demo_phone]\nenabled = true\n[[route]]\nname = \"a\"\nchannel = \"sms\"\nkind = \"demo\"\n";
const SMPP: &str = "[[route]]\nname = \"carrier-a\"\nchannel = \"sms\"\nkind = \"smpp\"\nhost = \"127.0.0.1\"\n\
                    system_id = \"nidan\"\npassword = \"hunter22\"\nsender = \"00051234567\"\n";
const HTTP: &str =
    "[[route]]\nname = \"gateway\"\nchannel = \"sms\"\nkind = \"http\"\ndriver = \"twilio\"\nsender = \"+8150\"\n";
const SMTP: &str = "[[route]]\nname = \"mail\"\nchannel = \"email\"\nkind = \"smtp\"\nurl = \"smtps://mail.example.jp\"\n\
                    from = \"例社 <no-reply@example.jp>\"\n";

/// The one route of a file.
fn one(route: &str) -> Route {
    let routes = good(&format!("{SITE}{route}")).routes;
    assert_eq!(routes.len(), 1);
    routes.into_iter().next().expect("one")
}

/// Asserts that a route has one mistake, at `line` of the route itself.
fn wrong(route: &str, line: usize, expected: &str) {
    bad(&format!("{SITE}{route}"), &[&format!("line {}: {expected}", line + SITE.lines().count())]);
}

fn smtp(route: &str) -> Smtp {
    match one(route).way {
        Way::Smtp(smtp) => smtp,
        other => panic!("{}", other.name()),
    }
}

/// What the example of a kind says once its first `#` are gone.
fn example(kind: &str) -> String {
    let printed = print_default();
    let blocks = printed.split("# [[route]]\n").skip(1);
    let own = blocks.into_iter().find(|block| block.contains(&format!("# kind = \"{kind}\"\n")));
    let lines = own.expect("each kind has an example").lines().take_while(|line| line.starts_with("# "));
    lines.fold("[[route]]\n".into(), |text, line| format!("{text}{}\n", &line[2..]))
}

#[test]
fn the_printed_examples_are_read() {
    for kind in ["smpp", "http", "smtp"] {
        assert_eq!(one(&example(kind)).way.name(), kind);
        // With what is optional too, and the files that are named.
        let scratch = Scratch::new();
        for file in ["carrier-ca.pem", "gateway-ca.pem", "mail-ca.pem"] {
            std::fs::write(scratch.path(file), "").expect("written");
        }
        let all: String = example(kind)
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(optional) if optional.contains(" = ") => format!("{optional}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let all = all.replace("tls = false", "tls = true");
        let read = read_in(&format!("{SITE}{all}"), &[], &scratch.path(""));
        assert_eq!(read.map(|settings| settings.routes.len()), Ok(1), "{all}");
        for key in route_table::kinds().iter().filter(|known| known.name == kind).flat_map(|kind| &kind.settings) {
            assert!(all.contains(&format!("\n{} = ", key.key)), "{kind} {}", key.key);
        }
    }
    let demo = good(&format!("{LOCAL}[demo_phone]\nenabled = true\n{}", example("demo")));
    assert_eq!(demo.routes[0].way.name(), "demo");
}

/// The examples of a document, with the files of secrets that they name.
fn settings_in(document: &str) -> Vec<Settings> {
    let scratch = Scratch::new();
    for file in ["smpp.secret", "mail.secret", "twilio.secret"] {
        std::fs::write(scratch.path(file), "hunter22\n").expect("written");
    }
    let examples = document.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let whole = |example: &str| if example.contains("[site]") { example.into() } else { format!("{SITE}{example}") };
    let read = |example| read_in(&whole(example), &[], &scratch.path("")).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
    examples.map(read).collect()
}

#[test]
fn the_examples_in_the_documents_are_read() {
    let [readme] = settings_in(include_str!("../../../../../README.md")).try_into().expect("one");
    let kinds: Vec<&str> = readme.routes.iter().map(|route| route.way.name()).collect();
    assert_eq!(kinds, ["smpp", "smtp"]);
    assert!(readme.warnings().iter().all(|warning| warning.contains("is the only route")), "{:?}", readme.warnings());
    let [gateway] = settings_in(include_str!("../../../../../docs/operations.md")).try_into().expect("one");
    assert_eq!(gateway.routes[0].way.name(), "http");
}

#[test]
fn a_short_message_centre() {
    let route = one(SMPP);
    assert_eq!((route.name.as_str(), route.channel), ("carrier-a", Channel::Sms));
    assert_eq!(route.countries, Some(vec!["+81".to_owned()]));
    assert!(route.number_kinds.is_none() && route.cost.is_none());
    let Way::Smpp(least) = route.way else { panic!("smpp") };
    assert_eq!((least.host.as_str(), least.port, least.tls), ("127.0.0.1", 2775, false));
    assert_eq!((least.system_id.as_str(), least.password.expose().as_str()), ("nidan", "hunter22"));
    assert_eq!((least.connections, least.window, least.rate_per_second), (1, 10, 10));
    assert_eq!((least.bind, least.system_type.as_str(), least.receipts), (Bind::Transceiver, "", true));
    assert_eq!((least.enquire_after, least.answer_within), (Span::seconds(30), Span::seconds(10)));
    assert_eq!((least.sender.as_str(), least.sender_ton, least.sender_npi), ("00051234567", None, None));
    assert_eq!(least.alphabet, Coding::Gsm7);
    let route = one(&format!(
        "{SMPP}port = 3550\ntls = true\nsystem_type = \"VMA\"\nbind = \"transmitter_and_receiver\"\nconnections = 2\n\
         window = 50\nrate_per_second = 100\nalphabet = \"latin1\"\nsender_ton = 0\nsender_npi = 1\nenquire_link_seconds = 60\nanswer_seconds = 5\n\
         receipts = false\ncountries = [\"+81\"]\nnumber_kinds = [\"mobile\", \"ip_phone\"]\ncost_per_message = 8.25\n\
         cost_per_day_max = 20000\n"
    ));
    assert_eq!(route.number_kinds, Some(vec![NumberKind::Mobile, NumberKind::IpPhone]));
    assert_eq!(route.cost, Some(Cost { per_message: 8_250, day_max: 20_000_000 }));
    let Way::Smpp(all) = route.way else { panic!("smpp") };
    assert_eq!((all.port, all.tls, all.connections, all.window, all.rate_per_second), (3550, true, 2, 50, 100));
    assert_eq!((all.bind, all.system_type.as_str(), all.receipts), (Bind::TransmitterAndReceiver, "VMA", false));
    assert_eq!((all.sender_ton, all.sender_npi, all.alphabet), (Some(0), Some(1), Coding::Latin1));
    let Way::Smpp(ucs2) = one(&format!("{SMPP}alphabet = \"ucs2\"\n")).way else { panic!("smpp") };
    assert_eq!(ucs2.alphabet, Coding::Ucs2);
    wrong(&format!("{SMPP}alphabet = \"ascii\"\n"), 9, "route.alphabet");
    assert_eq!((all.enquire_after, all.answer_within), (Span::seconds(60), Span::seconds(5)));
}

#[test]
fn a_gateway() {
    let Way::Http(least) = one(HTTP).way else { panic!("http") };
    assert_eq!((least.driver.as_str(), least.sender.as_str()), ("twilio", "+8150"));
    assert!(least.url.is_none() && least.secret.is_none() && least.values.is_empty());
    let scratch = Scratch::new();
    std::fs::write(scratch.path("own.toml"), "").expect("written");
    std::fs::write(scratch.path("token"), "t0ken\n").expect("written");
    let text = HTTP.replace("twilio", "own.toml");
    let text = format!(
        "{SITE}{text}url = \"http://127.0.0.1:1/send\"\naccount = \"AC1\"\nsecret_file = \"token\"\n\
                        values = {{ region = \"ap\", pool = \"p\" }}\n"
    );
    let settings = read_in(&text, &[], &scratch.path("")).expect("good");
    let Way::Http(all) = &settings.routes[0].way else { panic!("http") };
    assert_eq!(Path::new(&all.driver), scratch.path("own.toml"));
    assert_eq!(all.secret.as_ref().map(|secret| secret.expose().as_str()), Some("t0ken"));
    assert_eq!(all.values, [("pool".into(), "p".into()), ("region".into(), "ap".into())]);
    assert_eq!(all.url.as_ref().map(Url::as_str), Some("http://127.0.0.1:1/send"));
}

#[test]
fn a_mail_server() {
    let with = |url: &str| smtp(&SMTP.replace("smtps://mail.example.jp", url));
    for (url, host, port, tls) in [
        ("smtps://mail.example.jp", "mail.example.jp", 465, SmtpTls::Implicit),
        ("smtps://mail.example.jp:1465/", "mail.example.jp", 1465, SmtpTls::Implicit),
        ("smtp://mail.example.jp?tls=required", "mail.example.jp", 587, SmtpTls::Required),
        ("smtp://192.0.2.1:2525?tls=off", "192.0.2.1", 2525, SmtpTls::Off),
        ("smtp://127.0.0.1:2525", "127.0.0.1", 2525, SmtpTls::Off),
        ("smtp://[::1]", "::1", 25, SmtpTls::Off),
        ("smtp://localhost", "localhost", 25, SmtpTls::Off),
    ] {
        let smtp = with(url);
        assert_eq!((smtp.host.as_str(), smtp.port, smtp.tls), (host, port, tls), "{url}");
        assert!(smtp.login.is_none());
    }
    let login = |smtp: Smtp| smtp.login.map(|(user, password)| (user, password.expose().clone()));
    let expected = Some(("a+b@example.jp".to_owned(), "p&=%".to_owned()));
    assert_eq!(login(with("smtps://a+b%40example.jp:p&=%25@mail.example.jp")), expected);
    assert_eq!(login(smtp(&format!("{SMTP}user = \"a+b@example.jp\"\npassword = \"p&=%\"\n"))), expected);
    let route = one(SMTP);
    assert_eq!((route.channel, route.countries), (Channel::Email, None));
}

#[test]
fn secrets_are_in_no_mistake_and_no_debug() {
    let all = format!(
        "{SMPP}{HTTP}secret = \"hunter22\"\ncallback_secret = \"hunter22\"\n{SMTP}user = \"u\"\npassword = \"hunter22\"\n"
    );
    assert!(!format!("{:?}", good(&format!("{SITE}{all}"))).contains("hunter22"));
    let twice = "url = \"smtp://u:hunter22@mail.example.jp\"\n";
    for text in [
        all.replace("hunter22", "hunter22-too-long"),
        all.replace("hunter22", "hunter22 \u{3042}"),
        SMTP.replace("smtps://", "smtp://u:hunter22@"),
        SMTP.replace("smtps://", "http://u:hunter22@"),
        SMTP.replace("smtps://mail.example.jp", "smtps://u:hunter22@:x"),
        format!("{SMTP}{twice}"),
    ] {
        let mistakes = read(&format!("{SITE}{text}")).map(|_| ()).expect_err("wrong");
        assert!(!mistakes.iter().any(|mistake| mistake.contains("hunter22")), "{mistakes:?}");
    }
}

#[test]
fn mistakes_of_any_route() {
    let settings = good(&format!("{LOCAL}{DEMO}"));
    assert_eq!(settings.routes[0].way.name(), "demo");
    assert_eq!(settings.warnings(), ["no route carries email: what should go out by it is never sent"]);
    let head = format!("{LOCAL}{DEMO}");
    bad(
        &format!("{head}[[route]]\nname = \"a\"\nchannel = \"email\"\nkind = \"demo\"\n"),
        &["line 12: route.name a is the name of two routes"],
    );
    bad(&format!("{head}nmae = 1\n"), &["line 11: route.nmae is no key that Nidan knows: did you mean name?"]);
    bad(&head.replace("\"sms\"", "\"voice\""), &["line 9: route.channel is voice, but this version"]);
    bad(&head.replace("\"sms\"", "\"fax\""), &["line 9: route.channel is fax"]);
    bad(&head.replace("\"sms\"", "1"), &["line 9: route.channel is not a text"]);
    bad(&head.replace("\"demo\"", "\"pigeon\""), &["line 10: route.kind is pigeon"]);
    bad(&head.replace("\"demo\"", "\"sip\""), &["line 10: route.kind is sip, but this version makes no calls"]);
    bad(
        &head.replace("kind = \"demo\"\n", ""),
        &["line 7: route.kind is missing: write kind = \"smpp\" under this [[route]]"],
    );
    bad(
        &head.replace("enabled = true", "enabled = false"),
        &["line 10: route.kind is demo, but the demo phone is not enabled"],
    );
    bad(&head.replace("[[route]]", "[route]"), &["line 7: route is not written as a list"]);
    wrong(&SMPP.replace("carrier-a", "carrier a"), 2, "route.name is not a plain name");
    for (key, problem) in [
        ("countries = [\"+82\"]", "countries has +82, but this version sends to numbers in Japan only"),
        ("countries = []", "countries is empty"),
        ("countries = \"+81\"", "countries is not a list"),
        ("number_kinds = [\"mobile\", \"moblie\"]", "number_kinds has moblie, which is no kind of number"),
        ("number_kinds = [\"premium\"]", "number_kinds lacks mobile"),
        ("cost_per_message = 8.5", "cost_per_message is set without cost_per_day_max"),
        ("cost_per_day_max = 8", "cost_per_day_max is set without cost_per_message"),
    ] {
        wrong(&format!("{SMPP}{key}\n"), 9, &format!("route.{problem}"));
    }
    for amount in ["\"8\"", "8.1234", "-8", "1e3", "0"] {
        wrong(&format!("{SMPP}cost_per_day_max = 8\ncost_per_message = {amount}\n"), 10, "route.cost_per_message is ");
    }
    wrong(&format!("{SMPP}cost_per_message = 8\ncost_per_day_max = 7.9\n"), 10, "route.cost_per_day_max is less");
    wrong(&format!("{SMTP}countries = [\"+81\"]\n"), 7, "route.countries is for routes that carry sms");
}

#[test]
fn a_real_route_and_the_demo_phone_do_not_live_together() {
    let enabled = "[demo_phone]\nenabled = true\n";
    bad(
        &format!("{LOCAL}{enabled}{SMPP}{SMTP}"),
        &["line 6: demo_phone.enabled would show everybody's codes to strangers, for a real"],
    );
    bad(
        &format!("{LOCAL}{enabled}{}", SMPP.replace("\"127.0.0.1\"", "\"a b\"")),
        &["line 6: demo_phone.enabled", "line 11: route.host is not a host"],
    );
}

#[test]
fn keys_belong_to_kinds() {
    wrong(
        &format!("{SMPP}url = \"https://x\"\n"),
        9,
        "route.url is a key of http and smtp, and this route is smpp: remove it",
    );
    wrong(&format!("{HTTP}system_id = \"x\"\n"), 7, "route.system_id is a key of smpp, and this route is http");
    wrong(&format!("{SMPP}windw = 1\n"), 9, "route.windw is no key that Nidan knows: did you mean window?");
    wrong(&format!("{SMPP}sender_file = \"x\"\n"), 9, "route.sender_file is no key");
    wrong(
        &SMPP.replace("\"sms\"", "\"email\""),
        3,
        "route.channel is email, which routes of kind smpp do not carry: write sms",
    );
    wrong(
        &SMTP.replace("\"email\"", "\"sms\""),
        3,
        "route.channel is sms, which routes of kind smtp do not carry: write email",
    );
    for (key, route) in [
        ("host", SMPP),
        ("system_id", SMPP),
        ("password", SMPP),
        ("sender", SMPP),
        ("driver", HTTP),
        ("sender", HTTP),
        ("url", SMTP),
        ("from", SMTP),
    ] {
        let without: String =
            route.lines().filter(|line| !line.starts_with(key)).map(|line| format!("{line}\n")).collect();
        wrong(&without, 1, &format!("route.{key} is missing: write {key} = "));
    }
    bad(
        &format!("{SITE}[[route]]\nkind = \"smpp\"\n[[route]]\nchannel = \"fax\"\nhost = 1\n"),
        &[
            "line 5: route.name is missing",
            "line 5: route.channel is missing",
            "line 5: route.host is missing",
            "line 5: route.system_id is missing",
            "line 5: route.password is missing",
            "line 5: route.sender is missing",
            "line 7: route.kind is missing",
            "line 7: route.name is missing",
            "line 8: route.channel is fax",
        ],
    );
}

#[test]
fn values_out_of_range() {
    for (key, least, most) in [
        ("port", 1, 65_535),
        ("connections", 1, 16),
        ("window", 1, 1_000),
        ("rate_per_second", 1, 1_000),
        ("sender_ton", 0, 6),
        ("sender_npi", 0, 18),
        ("enquire_link_seconds", 5, 600),
        ("answer_seconds", 2, 60),
    ] {
        for good in [least, most] {
            one(&format!("{SMPP}{key} = {good}\n"));
        }
        for value in [least - 1, most + 1, i64::MAX] {
            let expected = format!("route.{key} is {value}: choose from {least} to {most}");
            wrong(&format!("{SMPP}{key} = {value}\n"), 9, &expected);
        }
    }
}

#[test]
fn texts_that_smpp_has_no_room_for() {
    let with = |key: &str, value: &str| {
        let other = SMPP.lines().filter(|line| !line.starts_with(&format!("{key} ")));
        format!("{}\n{key} = \"{value}\"\n", other.collect::<Vec<_>>().join("\n"))
    };
    for (key, value) in [
        ("host", "smsc.example:2775"),
        ("host", "smpp://smsc.example"),
        ("system_id", "sixteen-letters-"),
        ("system_id", "two words"),
        ("password", "ninechars"),
        ("password", "\u{3042}"),
        ("sender", "123456789012345678901"),
        ("sender", "TwelveLetter"),
        ("sender", "例社"),
        ("bind", "receiver"),
        ("system_type", "thirteenchars"),
    ] {
        let route = with(key, value);
        wrong(&route, route.lines().count(), &format!("route.{key} "));
    }
    for (key, value) in [
        ("host", "smsc.example"),
        ("host", "::1"),
        ("system_id", "fifteen-letters"),
        ("password", "8letters"),
        ("sender", "12345678901234567890"),
        ("sender", "+815012345678"),
        ("sender", "ElevenLette"),
    ] {
        one(&with(key, value));
    }
}

#[test]
fn values_of_another_type_and_files_that_are_not_there() {
    wrong(&format!("{SMPP}tls = \"yes\"\n"), 9, "route.tls is neither true nor false");
    wrong(&format!("{SMPP}window = [1, 2]\n"), 9, "route.window is a list");
    wrong(
        &format!("{SMPP}tls = true\nca_file = \"none.pem\"\n"),
        10,
        "route.ca_file the file /etc/nidan/none.pem cannot be read",
    );
    wrong(
        &SMPP.replace("password =", "password_file ="),
        7,
        "route.password_file the file /etc/nidan/hunter22 cannot be read",
    );
    wrong(
        &format!("{SMPP}password_file = \"x\"\n"),
        7,
        "route.password is set twice, as password and as password_file",
    );
}

#[test]
fn addresses_of_gateways_and_mail_servers() {
    for (url, problem) in [
        ("http://gateway.example.net/", "is http, which anybody on the way"),
        ("ftp://gateway.example.net/", "is neither https nor http"),
        ("gateway.example.net", "is not an address"),
        ("https://u:p@gateway.example.net/", "has a user or password in it"),
    ] {
        wrong(&format!("{HTTP}url = \"{url}\"\n"), 7, &format!("route.url {problem}"));
    }
    wrong(&HTTP.replace("twilio", "none.toml"), 5, "route.driver the file /etc/nidan/none.toml cannot be read");
    wrong(&HTTP.replace("twilio", "a/b"), 5, "route.driver is neither a driver's name nor");
    wrong(&format!("{HTTP}values = [\"x\"]\n"), 7, "route.values is not a list of names and texts");
    wrong(&format!("{HTTP}values = {{ region = 1 }}\n"), 7, "route.values has region, which is not a text");
    for (url, problem) in [
        (
            "smtp://mail.example.jp:587",
            "says nothing of TLS, and the server is not on this machine: add ?tls=required; or",
        ),
        ("smtp://mail.example.jp?tls=maybe", "has an option"),
        ("smtps://mail.example.jp?tls=off", "has an option"),
        ("https://mail.example.jp", "is neither smtp nor smtps"),
        ("smtp:///x", "has no host"),
        ("smtps://mail.example.jp/inbox", "has more than"),
        ("mail.example.jp", "is no address"),
    ] {
        wrong(&SMTP.replace("smtps://mail.example.jp", url), 5, &format!("route.url {problem}"));
    }
    for from in ["", "例社", "no-reply", "例社 <no-reply>", "<a@example.jp> b"] {
        wrong(&SMTP.replace("例社 <no-reply@example.jp>", from), 6, "route.from ");
    }
    for from in ["no-reply@example.jp", "Example Inc. <no-reply@example.jp>", "\\\"例社, KK\\\" <a@example.jp>"] {
        smtp(&SMTP.replace("例社 <no-reply@example.jp>", from));
    }
    wrong(&format!("{SMTP}user = \"u\"\n"), 7, "route.user is set without password");
    wrong(&format!("{SMTP}password = \"p\"\n"), 7, "route.password is set without user");
    let with_user = SMTP.replace("smtps://", "smtps://u:p@");
    wrong(&format!("{with_user}user = \"u\"\n"), 7, "route.user is in url too");
    wrong(&format!("{with_user}password = \"p\"\n"), 7, "route.password is in url too");
    let plain = SMTP.replace("smtps://mail.example.jp", "smtp://127.0.0.1");
    let scratch = Scratch::new();
    std::fs::write(scratch.path("ca.pem"), "").expect("written");
    let file = scratch.path("ca.pem");
    wrong(
        &format!("{plain}ca_file = \"{}\"\n", file.display()),
        7,
        "route.ca_file is set, but the connection is without TLS",
    );
    wrong(
        &format!("{SMPP}ca_file = \"{}\"\n", file.display()),
        9,
        "route.ca_file is set, but the connection is without TLS",
    );
}

#[test]
fn what_will_surprise_is_warned_of() {
    let warnings = |routes: &str| good(&format!("{SITE}{routes}")).warnings();
    let two = format!("{SMPP}{HTTP}{SMTP}");
    assert_eq!(warnings(&two), Vec::<String>::new());
    assert_eq!(
        warnings(SMPP),
        [
            "no route carries email: what should go out by it is never sent",
            "carrier-a is the only route for sms: while it is down, nobody gets a code",
        ]
    );
    let blind = two.replace("sender = \"0005", "receipts = false\nsender = \"0005");
    assert_eq!(warnings(&blind), ["route carrier-a gives no receipts: nobody sees whether its messages arrive"]);
    let open = two.replace("127.0.0.1", "192.0.2.1").replace("smtps://mail.example.jp", "smtp://192.0.2.2?tls=off");
    let [smsc, mail] = warnings(&open).try_into().expect("two");
    assert!(smsc.starts_with("route carrier-a reaches 192.0.2.1 without TLS"), "{smsc}");
    assert!(mail.starts_with("route mail reaches 192.0.2.2 without TLS"), "{mail}");
    let tls = two.replace("\"127.0.0.1\"", "\"192.0.2.1\"\ntls = true");
    assert_eq!(warnings(&tls), Vec::<String>::new());
}
