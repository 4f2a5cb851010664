mod routes;

use super::*;
use crate::scratch::Scratch;
use nidan_core::time::Span;
use proptest::prelude::*;

const SITE: &str = "[site]\nname = \"例社\"\ndomain = \"example.jp\"\nurl = \"https://id.example.jp\"\n";
const LOCAL: &str = "[site]\nname = \"例社\"\ndomain = \"localhost\"\nurl = \"http://127.0.0.1:8080\"\n";

fn read_in(text: &str, env: &[(&str, &str)], base: &Path) -> Result<Settings, Vec<String>> {
    let env = env.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Settings::read(text, &env, base).map_err(|mistakes| mistakes.iter().map(Mistake::to_string).collect())
}

fn read(text: &str) -> Result<Settings, Vec<String>> {
    read_in(text, &[], Path::new("/etc/nidan"))
}

fn good(text: &str) -> Settings {
    read(text).unwrap_or_else(|mistakes| panic!("{text}\n{mistakes:#?}"))
}

/// Asserts that `text` has exactly these mistakes, each beginning as given.
fn bad(text: &str, expected: &[&str]) {
    let mistakes = read(text).map(|_| ()).expect_err(text);
    assert_eq!(mistakes.len(), expected.len(), "{text}\n{mistakes:#?}");
    for (mistake, expected) in mistakes.iter().zip(expected) {
        assert!(mistake.starts_with(expected), "{mistake}\n{expected}");
    }
}

#[test]
fn the_printed_defaults_are_the_defaults() {
    let printed = good(&print_default());
    let least = good(SITE);
    assert_eq!(format!("{printed:?}"), format!("{least:?}"));
    assert_eq!(printed.policy, Policy::default());
    assert_eq!(printed.site.language, Language::Ja);
    assert_eq!(printed.listen.public.to_string(), "127.0.0.1:8080");
    assert_eq!(printed.listen.admin, None);
    assert_eq!(printed.database.to_string(), "sqlite:/etc/nidan/nidan.db");
    assert_eq!(printed.keys_file, Path::new("/etc/nidan/nidan.key"));
    assert!(!printed.demo_phone && printed.routes.is_empty());
    assert_eq!(printed.warnings().len(), 2);
    assert!(print_default().lines().all(|line| line.chars().count() <= 120));
}

#[test]
fn the_printed_file_shows_every_key_with_its_line_of_use() {
    let printed = print_default();
    for section in table::sections() {
        for setting in &section.settings {
            let line = format!("{} = ", setting.key);
            assert!(printed.lines().any(|printed| printed.trim_start_matches("# ").starts_with(&line)), "{line}");
        }
    }
    let uncommented = printed.replace("# admin", "admin");
    assert!(good(&uncommented).listen.admin.is_some());
}

#[test]
fn all_mistakes_are_told_at_once_with_their_lines() {
    bad(
        "[site]\nnmae = \"x\"\nname = \"\"\ndomain = \"https://example.jp\"\nurl = \"http://example.jp\"\nlanguage = \"de\"\ntime_zone = \"Tokyo\"\n\
         [listen]\npublic = \"8080\"\nadmin = 9090\ntrusted_proxies = [\"10.0.0.0/99\"]\n\
         [database]\nurl = \"mysql://x\"\n[keys]\nfile = 1\n[demo_phone]\nenabled = \"yes\"\n\
         [policy]\ncode_life_seconds = 601\nresend_wait_seconds = [30]\ncode_tries_max = \"5\"\n[sits]\nx = 1\n",
        &[
            "line 2: site.nmae is no key that Nidan knows: did you mean name?",
            "line 3: site.name is empty",
            "line 4: site.domain is not a domain",
            "line 5: site.url is http",
            "line 6: site.language is de",
            "line 7: site.time_zone is Tokyo",
            "line 9: listen.public is not an address and port",
            "line 10: listen.admin is not a text",
            "line 11: listen.trusted_proxies has 10.0.0.0/99",
            "line 13: database.url cannot be used",
            "line 15: keys.file is not a text",
            "line 17: demo_phone.enabled is neither true nor false",
            "line 19: policy.code_life_seconds is 601: choose from 60 to 600",
            "line 20: policy.resend_wait_seconds has 1 numbers: write a list of 3",
            "line 21: policy.code_tries_max is not a whole number",
            "line 22: sits is no section that Nidan knows: did you mean site?",
        ],
    );
}

#[test]
fn what_must_be_set_is_missed_and_what_is_not_toml_is_told_by_line() {
    bad("", &["site.name is missing: write name = ", "site.domain is missing", "site.url is missing"]);
    bad("[site]\nname = \n", &["line 2: the file "]);
    bad(&format!("{SITE}[listen]\npublic = \"x\"\n[[[\n"), &["line 6: listen.public", "line 7: the file"]);
    bad(
        &format!("site = 3\n{}", "[policy]\n"),
        &["line 1: site is not written as a section", "site.name", "site.domain", "site.url"],
    );
    bad(&SITE.replace("[site]\n", "[site]\nname = \"other\"\n"), &["line 3: the file is not TOML here (duplicate key"]);
}

#[test]
fn site_addresses() {
    for url in [
        "http://localhost:8080",
        "http://127.0.0.1:8080/",
        "http://[::1]:8080",
        "http://id.localhost",
        "https://127.0.0.1",
    ] {
        good(&LOCAL.replace("http://127.0.0.1:8080", url));
    }
    for url in [
        "http://10.0.0.1",
        "http://127.0.0.1.example.jp",
        "http://localhost.example.jp",
        "ftp://localhost",
        "https://example.jp/id",
        "https://a@example.jp",
        "https://example.jp/?x",
        "example.jp",
    ] {
        bad(&SITE.replace("https://id.example.jp", url), &["line 4: site.url "]);
    }
    for domain in ["example.jp", "id.example.jp", "EXAMPLE.jp"] {
        good(&SITE.replace("\"example.jp\"", &format!("\"{domain}\"")));
    }
    for domain in ["ample.jp", "www.example.jp", "example.com"] {
        bad(&SITE.replace("\"example.jp\"", &format!("\"{domain}\"")), &["line 3: site.domain"]);
    }
    for domain in ["例.jp", "example.jp:443", ".jp", "a b"] {
        bad(&SITE.replace("\"example.jp\"", &format!("\"{domain}\"")), &["line 3: site.domain is not a domain"]);
    }
}

#[test]
fn the_environment_goes_before_the_file() {
    let base = Path::new("/etc/nidan");
    let env = [
        ("NIDAN__SITE__NAME", "123"),
        ("NIDAN__LISTEN__PUBLIC", "0.0.0.0:80"),
        ("NIDAN__LISTEN__TRUSTED_PROXIES", "10.0.0.1, [::1]"),
        ("NIDAN__POLICY__CODE_TRIES_MAX", "3"),
        ("NIDAN__POLICY__RESEND_WAIT_SECONDS", "[10, 20, 30]"),
        ("PATH", "/bin"),
    ];
    let settings = read_in(&SITE.replace("例社", "other"), &[&env[..2], &env[3..]].concat(), base).expect("good");
    assert_eq!(settings.site.name, "123");
    assert_eq!(settings.listen.public.to_string(), "0.0.0.0:80");
    assert_eq!(settings.policy.code_tries_max, 3);
    assert_eq!(settings.policy.resend_wait, [10, 20, 30].map(Span::seconds));
    let mistakes = read_in(SITE, &env[2..3], base).map(|_| ()).expect_err("brackets are no address");
    assert!(mistakes[0].starts_with("NIDAN__LISTEN__TRUSTED_PROXIES has [::1]"), "{mistakes:?}");
    let mistakes = read_in(SITE, &[("NIDAN__SITE__NMAE", "x"), ("NIDAN__ROUTE__NAME", "x")], base)
        .map(|_| ())
        .expect_err("unknown");
    assert!(mistakes.iter().any(|mistake| mistake.ends_with("did you mean NIDAN__SITE__NAME?")), "{mistakes:?}");
    assert_eq!(mistakes.len(), 2);
}

#[test]
fn proxies_are_addresses_or_networks() {
    let settings =
        good(&format!("{SITE}[listen]\ntrusted_proxies = [\"10.0.0.0/8\", \"192.0.2.1\", \"2001:db8::/32\"]\n"));
    let shown: Vec<String> = settings.listen.trusted_proxies.iter().map(IpNet::to_string).collect();
    assert_eq!(shown, ["10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32"]);
}

#[test]
fn a_database_with_a_password_may_stand_in_a_file() {
    let scratch = Scratch::new();
    std::fs::write(scratch.path("database.url"), "sqlite:other.db\n").expect("written");
    let base = scratch.path("");
    let text = format!("{SITE}[database]\nurl_file = \"database.url\"\n");
    let settings = read_in(&text, &[], &base).expect("good");
    assert_eq!(settings.database.to_string(), format!("sqlite:{}", scratch.path("other.db").display()));
    let by_env = read_in(SITE, &[("NIDAN__DATABASE__URL_FILE", "database.url")], &base).expect("good");
    assert_eq!(by_env.database.to_string(), settings.database.to_string());
    let overridden = read_in(&text, &[("NIDAN__DATABASE__URL", "sqlite::memory:")], &base).expect("good");
    assert_eq!(overridden.database.to_string(), "sqlite::memory:");
    bad(&format!("{text}url = \"sqlite:x\"\n"), &["line 7: database.url is set twice"]);
    let mistakes = read_in(&text.replace("database.url", "none"), &[], &base).map(|_| ()).expect_err("not there");
    assert!(mistakes[0].contains("none cannot be read"), "{mistakes:?}");
    bad(&format!("{SITE}name_file = \"x\"\n"), &["line 5: site.name_file is no key"]);
}

#[test]
fn a_password_in_a_database_url_is_in_no_mistake_and_no_debug() {
    let text = format!("{SITE}[database]\nurl = \"postgres://nidan:hunter22@127.0.0.1/nidan?sslmode=disable\"\n");
    assert!(!format!("{:?}", good(&text)).contains("hunter22"));
    for wrong in [text.replace("sslmode", "slmode"), text.replace("postgres", "mysql"), text.replace("127.0.0.1", "")] {
        let mistakes = read(&wrong).map(|_| ()).expect_err("wrong");
        assert!(!mistakes.iter().any(|mistake| mistake.contains("hunter22")), "{mistakes:?}");
    }
}

#[test]
fn the_demo_phone_stays_on_this_machine() {
    let enabled = "[demo_phone]\nenabled = true\n";
    let settings = good(&format!("{LOCAL}{enabled}"));
    assert!(settings.demo_phone && settings.warnings().is_empty());
    assert_eq!(settings.routes.iter().map(|route| route.name.as_str()).collect::<Vec<_>>(), ["demo-sms", "demo-email"]);
    bad(
        &format!("{SITE}{enabled}"),
        &["line 6: demo_phone.enabled would show everybody's codes to strangers, for site.url"],
    );
    let proxies = "[listen]\ntrusted_proxies = [\"10.0.0.1\"]\n";
    bad(&format!("{LOCAL}{enabled}{proxies}"), &["line 6: demo_phone.enabled would show"]);
}

#[test]
fn pauses_are_not_longer_than_lives() {
    bad(
        &format!("{SITE}[policy]\nsession_life_seconds = 300\n"),
        &["line 6: policy.session_idle_seconds is longer than policy.session_life_seconds"],
    );
    bad(&format!("{SITE}[policy]\ndevice_life_seconds = 3600\n"), &["line 6: policy.device_idle_seconds is longer"]);
    bad(&format!("{SITE}[listen]\nadmin = \"127.0.0.1:8080\"\n"), &["line 6: listen.admin is the same address"]);
}

#[test]
fn the_demo_needs_no_settings() {
    let address = "[::1]:8080".parse().expect("an address");
    let demo = Settings::demo(address, Path::new("nidan-demo"), Language::En);
    assert_eq!(demo.site.url.as_str(), "http://[::1]:8080/");
    assert_eq!(demo.database.to_string(), "sqlite:nidan-demo/nidan.db");
    assert!(demo.demo_phone && demo.warnings().is_empty() && is_loopback(&demo.site.url));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in r#"(\[\[?[a-z_]{0,8}\]?\]?|[a-z_]{0,8}( = )?["0-9\[\]a-z\\]{0,8}|\n|.){0,12}"#) {
        let _ = Settings::read(&text, &BTreeMap::new(), Path::new("")).is_ok();
    }
}

#[test]
fn a_brand_too_long_for_a_short_message_is_told_with_its_excess() {
    let with = |name: &str, domain: &str| {
        format!("[site]\nname = \"{name}\"\ndomain = \"{domain}\"\nurl = \"https://id.{domain}\"\n")
    };
    good(&with("Example", "id.example.co.jp"));
    let long = ["line 2: site.name makes an SMS in ja 2 units too long, with site.domain in it: shorten"];
    good(&with("例示商事", "id.example.co.jp"));
    good(&with("例示商事株式会社", "shop.example.co.jp"));
    bad(&with("例示商事株式会社日本本店", "shop.market.example-stores.co.jp"), &long);
    // A carrier that takes UCS-2 alone leaves an English text less room.
    let site = with("Example", "id.markets.example-stores.jp");
    let keys = "name = \"a\"\nchannel = \"sms\"\nkind = \"smpp\"\nhost = \"h\"\nsystem_id = \"n\"\npassword = \"p\"\nsender = \"N\"";
    good(&format!("{site}[[route]]\n{keys}\n"));
    bad(
        &format!("{site}[[route]]\n{keys}\nalphabet = \"ucs2\"\n"),
        &["line 2: site.name makes an SMS in en 1 units too long"],
    );
}
