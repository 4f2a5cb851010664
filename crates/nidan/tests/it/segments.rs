//! Every SMS is one segment, whoever the site is; a site with which one is not is told before it starts.

use std::collections::BTreeMap;
use std::path::Path;

use nidan::config::{Settings, Site};
use nidan::send::text::{Filling, mistakes, write};
use nidan::texts::Texts;
use nidan_core::language::Language;
use nidan_core::message::{Channel, MessageKind};
use nidan_wire::sms_text::GSM7_LIMIT;

const CODES: [&str; 2] = ["482916", "48291673"];

/// Brands of 1 to 12 characters: Japanese, English, and the one of which each character takes two units.
fn brands() -> impl Iterator<Item = String> {
    let of = |letters: &'static str| (1..=12).map(move |length| letters.chars().take(length).collect());
    of("例社総合通販株式会社本店").chain(of("Example Shop")).chain(of("𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷𠮷"))
}

/// Domains of 4 to 30 characters.
fn domains() -> impl Iterator<Item = String> {
    (4..=30).map(|length| format!("{}.jp", "a".repeat(length - 3)))
}

fn site(name: String, domain: String) -> Site {
    let listen = "127.0.0.1:8080".parse().expect("an address");
    Site { name, domain, ..Settings::demo(listen, Path::new("."), Language::Ja).site }
}

/// Whether one message holds it, counted apart from the program: here every letter outside ASCII is in no short alphabet.
fn is_one_segment(text: &str) -> bool {
    let limit = if text.is_ascii() { 160 } else { 70 };
    text.encode_utf16().count() <= limit
}

/// Writes every SMS of a site and looks at each; how many did not fit.
fn too_long(texts: &Texts, site: &Site, serials: &[i64]) -> usize {
    let mut too_long = 0;
    for kind in MessageKind::ALL.into_iter().filter(|kind| kind.channel() == Channel::Sms) {
        for language in Language::ALL {
            for (code, serial) in CODES.iter().flat_map(|code| serials.iter().map(move |serial| (code, *serial))) {
                let filling = Filling { code, tag: "WM", serial, reference: "", sms_units: GSM7_LIMIT };
                let Ok(written) = write((texts, site), (kind, language), &filling) else {
                    too_long += 1;
                    continue;
                };
                let text = written.text.expose();
                assert!(is_one_segment(text), "{text}");
                let for_phones = format!("\n@{} #{code}", site.domain);
                assert_eq!(text.ends_with(&for_phones), kind.carries_code(), "what phones fill in: {text}");
                assert_eq!(text.matches(code).count(), if kind.carries_code() { 2 } else { 0 }, "{text}");
            }
        }
    }
    too_long
}

/// The shortest wording leaves brand and domain 42 units. Of brands whose characters take one unit each every one fits with
/// every domain; what is refused are 42 pairs of seven and more characters that take two.
#[test]
fn every_text_of_every_site_fits_or_is_refused_beforehand() {
    let texts = Texts::load().expect("texts");
    let (mut fit, mut refused) = (0, 0);
    for brand in brands() {
        for domain in domains() {
            let site = site(brand.clone(), domain);
            // What a serial takes depends on how many digits it has.
            let too_long = too_long(&texts, &site, &[0, 1, 9, 10, 30]);
            let mistakes = mistakes(&texts, &site, GSM7_LIMIT);
            assert_eq!(too_long > 0, !mistakes.is_empty(), "{} {}: {mistakes:?}", site.name, site.domain);
            let units = site.name.encode_utf16().count() + site.domain.len();
            assert_eq!(units <= 42, mistakes.is_empty(), "{} {}: {mistakes:?}", site.name, site.domain);
            *(if mistakes.is_empty() { &mut fit } else { &mut refused }) += 1;
        }
    }
    assert_eq!((fit, refused), (930, 42));
}

#[test]
fn no_serial_of_a_day_changes_that() {
    let texts = Texts::load().expect("texts");
    let serials: Vec<i64> = (1..=30).collect();
    for (brand, domain) in [("例社", "example.jp"), ("𠮷野", "id.yoshino.example"), ("Example", "example.com")] {
        assert_eq!(too_long(&texts, &site(brand.to_owned(), domain.to_owned()), &serials), 0, "{brand}");
    }
}

/// Shortened by the units that are named, it fits; by one less, it does not.
#[test]
fn the_settings_are_refused_with_the_excess() {
    let read = |name: &str, domain: &str| {
        let settings = nidan::config::print_default();
        let env: BTreeMap<String, String> = [("NAME", name), ("DOMAIN", domain), ("URL", &format!("https://{domain}"))]
            .map(|(key, value)| (format!("NIDAN__SITE__{key}"), value.to_owned()))
            .into();
        Settings::read(&settings, &env, Path::new("."))
    };
    let domain = |length: usize| format!("{}.example.jp", "a".repeat(length));
    let brand = "例社総合通販株式会社";
    let mistakes = read(brand, &domain(40)).expect_err("too long");
    let said = mistakes.iter().map(ToString::to_string).find(|said| said.contains("units too long"));
    let said = said.unwrap_or_else(|| panic!("{mistakes:?}"));
    let excess: usize = said.split(' ').find_map(|word| word.parse().ok()).expect("a number");
    assert!(read(brand, &domain(40 - excess)).is_ok(), "{said}");
    assert!(read(brand, &domain(40 - excess + 1)).is_err(), "{said}");
}
