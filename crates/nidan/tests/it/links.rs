//! No message carries a link: whoever reads mail and SMS is never taught to follow one to a page that asks for a password.

use nidan::config::{Settings, Site};
use nidan::send::text::{Filling, Written, write};
use nidan::texts::Texts;
use nidan_core::language::Language;
use nidan_core::message::{Channel, MessageKind};
use nidan_core::notice::ends;
use nidan_wire::sms_text::GSM7_LIMIT;

const CODE: &str = "482916";
const REFERENCE: &str = "KXRT-MTWH-PHCY";
const DOMAIN: &str = "example.jp";

/// What makes a link, or loads something from elsewhere.
const LEADS_AWAY: [&str; 14] = [
    "http", "://", "www.", "<a", "href", "src=", "srcset", "url(", "@import", "<link", "<form", "mailto:", "tel:",
    "<script",
];

fn site(brand: Language) -> Site {
    let listen = "127.0.0.1:8080".parse().expect("an address");
    let mut site = Settings::demo(listen, std::path::Path::new("."), brand).site;
    site.domain = DOMAIN.to_owned();
    site
}

/// Every message there is: what it is, and each part that somebody reads.
fn every_part(mut check: impl FnMut(MessageKind, &str, &str)) {
    let texts = Texts::load().expect("texts");
    let mut seen = 0;
    for brand in Language::ALL {
        for language in Language::ALL {
            for kind in MessageKind::ALL {
                let reference = if ends(kind).is_some() { REFERENCE } else { "" };
                let filling = Filling { code: CODE, tag: "KX", serial: 2, reference, sms_units: GSM7_LIMIT };
                let written = write((&texts, &site(brand)), (kind, language), &filling).expect("fits");
                let Written { subject, text, html } = written;
                assert_eq!(
                    (subject.is_some(), html.is_some()),
                    match kind.channel() {
                        Channel::Sms => (false, false),
                        Channel::Email => (true, true),
                    }
                );
                let html = html.map(|html| html.expose().clone());
                for (part, said) in [("subject", subject), ("text", Some(text.expose().clone())), ("html", html)] {
                    if let Some(said) = said {
                        check(kind, part, &said);
                        seen += 1;
                    }
                }
            }
        }
    }
    assert!(seen > 4 * MessageKind::ALL.len(), "{seen}");
}

#[test]
fn nothing_leads_away() {
    every_part(|kind, part, said| {
        let lower = said.to_lowercase();
        for leads in LEADS_AWAY {
            assert!(!lower.contains(leads), "{leads} in the {part} of {kind:?}: {said}");
        }
        // Mail programs make a link even of a bare domain; only phones need it, in the last line of an SMS with a code.
        let line = format!("\n@{DOMAIN} #{CODE}");
        match (kind.channel(), kind.carries_code()) {
            (Channel::Sms, true) => {
                let rest = said.strip_suffix(&line).unwrap_or_else(|| panic!("no last line for phones: {said}"));
                // It also stands in for a Japanese brand, with which an English text would not fit.
                assert!(!rest.replace(&format!("your {DOMAIN} "), "").contains(DOMAIN), "{said}");
            }
            // The brand of an English text for a site with a Japanese one.
            (Channel::Sms, false) => assert!(!said.contains('@'), "{said}"),
            (Channel::Email, _) => assert!(
                !said.contains(DOMAIN) && !said.replace("@media", "").contains('@'),
                "the domain in the {part} of {kind:?}: {said}"
            ),
        }
    });
}

/// Whatever is handed to the writer: what tells of something carries no code that a thief could ask for.
#[test]
fn codes_are_where_they_belong() {
    every_part(|kind, part, said| {
        let expected = (kind.carries_code() || kind == MessageKind::ReleaseSecret) && part != "subject";
        assert_eq!(said.contains(CODE), expected, "the {part} of {kind:?}: {said}");
        let visible = said.rsplit_once("</style>").map_or(said, |(_, body)| body);
        let visible: String = visible.split('<').filter_map(|rest| rest.split('>').nth(1).or(Some(rest))).collect();
        let runs = visible.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() >= 4);
        assert!(runs.clone().all(|run| run == CODE), "other digits in the {part} of {kind:?}: {visible}");
    });
}

/// What can be answered says by what, to the eye and to who reads the plain part; nothing else has anything to type.
#[test]
fn references_are_where_something_can_be_answered() {
    every_part(|kind, part, said| {
        let expected = ends(kind).is_some() && part != "subject";
        assert_eq!(said.contains(REFERENCE), expected, "the {part} of {kind:?}: {said}");
    });
}
