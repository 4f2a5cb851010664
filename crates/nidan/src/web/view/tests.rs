//! Renders every page in both languages, in every state that it has, and holds them to what browsers and readers need.
//! Writes them to `target/pages/`, to be looked at.

use std::collections::BTreeSet;
use std::path::Path;

use askama::Template;
use nidan_core::language::Language;
use nidan_core::message::MessageKind;
use nidan_core::news::{News, Told};
use nidan_core::notice::{Said, ends};

use super::*;
use crate::texts::Texts;

const KEY: &str = "JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP";
const URI: &str = "otpauth://totp/%E4%BE%8B%E7%A4%BE:hanako%40example.jp?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=%E4%BE%8B%E7%A4%BE";

/// A page by the name of its file.
type Page = (String, String);

struct Sample<'a> {
    t: T<'a>,
    pages: Vec<Page>,
}

impl<'a> Sample<'a> {
    fn frame(&self, here: &'static str) -> Frame<'a> {
        let brand = if self.t.language == Language::Ja { "例社" } else { "Example" };
        let signed_in = here.starts_with("/security") || here == "/sign-out" || here == "/setup";
        Frame { t: self.t, brand, here, csrf: "c5rf-t0ken", signed_in, demo_phone: here.starts_with("/demo") }
    }

    fn add(&mut self, name: impl Into<String>, page: &impl Template) {
        self.pages.push((name.into(), page.render().expect("pages render")));
    }
}

fn way(id: &str, kind: MethodKind, destination: &str, current: bool) -> OtherWay {
    OtherWay { authenticator_id: id.into(), kind, destination: destination.into(), current }
}

fn waiting(page: CodePage, told: Told, resend: Resend) -> Waiting {
    let destination = if page == CodePage::SignUp { "hanako@example.jp" } else { "•••• 5678" };
    let sent = Sent { destination: destination.into(), at: "09:41".into(), tag: "KX".into(), serial: 2 };
    let ways = match page {
        CodePage::SignIn => vec![way("aut_2", MethodKind::App, "", false)],
        CodePage::SignUp | CodePage::SetupPhone => vec![],
    };
    let slow = told.news == News::Silence;
    Waiting { page, sent, told, slow, resend, ways }
}

const ON_ITS_WAY: Told = Told { news: News::HandedOver, other_way_due: false };

/// A state by its name: what is wrong, what was done, what is known of the message and whether it can be sent again.
type CodeState = (&'static str, Option<CodeProblem>, Option<CodeNotice>, (Told, Resend));

/// Every state that a page asking for a code can be in.
fn code_states() -> Vec<CodeState> {
    let in_s = |seconds| Resend::In { seconds, at: "09:41:30".into() };
    let held = Resend::Held { until: "09:51".into() };
    let told = |news, other_way_due| Told { news, other_way_due };
    let refused = Some(CodeNotice::NotSentAgain);
    vec![
        ("", None, None, (ON_ITS_WAY, in_s(22))),
        ("-wrong", Some(CodeProblem::Wrong { tries_left: 3 }), None, (ON_ITS_WAY, Resend::Now)),
        ("-last", Some(CodeProblem::Wrong { tries_left: 1 }), None, (ON_ITS_WAY, in_s(1))),
        ("-not-a-code", Some(CodeProblem::NotACode), None, (ON_ITS_WAY, Resend::Now)),
        ("-expired", Some(CodeProblem::Expired), None, (ON_ITS_WAY, Resend::Now)),
        ("-too-short", Some(CodeProblem::TooShort), None, (ON_ITS_WAY, Resend::Now)),
        ("-already-used", Some(CodeProblem::AlreadyUsed), None, (ON_ITS_WAY, Resend::Now)),
        ("-used-up", Some(CodeProblem::UsedUp), None, (ON_ITS_WAY, Resend::Now)),
        ("-sent-again", None, Some(CodeNotice::SentAgain), (ON_ITS_WAY, Resend::NoMore)),
        ("-not-sent", None, refused, (ON_ITS_WAY, in_s(22))),
        ("-not-sent-on-its-way", None, refused, (told(News::Sending, false), Resend::OnItsWay)),
        ("-not-sent-held", None, refused, (told(News::Silence, true), held.clone())),
        ("-not-sent-no-more", None, refused, (told(News::Silence, true), Resend::NoMore)),
        ("-sending", None, None, (told(News::Sending, false), Resend::OnItsWay)),
        ("-delivered", None, None, (told(News::Delivered, false), in_s(22))),
        ("-failed", None, None, (told(News::Failed, true), Resend::Now)),
        ("-unknown", None, None, (told(News::Unknown, false), in_s(22))),
        ("-unknown-long", None, None, (told(News::Unknown, true), Resend::Now)),
        ("-silence", None, None, (told(News::Silence, true), Resend::Now)),
        ("-held", None, None, (told(News::Silence, true), held)),
    ]
}

fn sign_up_pages(s: &mut Sample<'_>) {
    for (state, email, email_problem, password_problem) in [
        ("", "", None, None),
        ("-email-missing", "", Some(EmailProblem::Missing), None),
        ("-email", "hanako.example.jp", Some(EmailProblem::NotAnAddress), None),
        ("-password-missing", "a@example.jp", None, Some(PasswordProblem::Missing)),
        ("-password-short", "a@example.jp", None, Some(PasswordProblem::TooShort)),
        ("-password-long", "a@example.jp", None, Some(PasswordProblem::TooLong)),
        ("-password-common", "a@example.jp", None, Some(PasswordProblem::Common)),
        ("-password-easy", "a@example.jp", None, Some(PasswordProblem::TooEasy)),
    ] {
        let frame = s.frame("/sign-up");
        let page = SignUp { frame, email, email_problem, password_problem, password_length_min: 8 };
        s.add(format!("sign-up{state}"), &page);
    }
    for (state, problem, notice, (told, resend)) in code_states() {
        let waiting = waiting(CodePage::SignUp, told, resend);
        let page = SignUpCode { frame: s.frame("/sign-up/code"), waiting, problem, notice };
        s.add(format!("sign-up-code{state}"), &page);
    }
}

fn sign_in_pages(s: &mut Sample<'_>) {
    for (state, problem, notice) in [
        ("", None, None),
        ("-wrong", Some(SignInProblem::Wrong), None),
        ("-missing", Some(SignInProblem::Missing), None),
        ("-signed-out", None, Some(SignInNotice::SignedOut)),
        ("-signed-out-everywhere", None, Some(SignInNotice::SignedOutEverywhere)),
        ("-ran-out", None, Some(SignInNotice::RanOut)),
    ] {
        let email = if problem.is_some() { "hanako@example.jp" } else { "" };
        s.add(format!("sign-in{state}"), &SignIn { frame: s.frame("/sign-in"), email, problem, notice });
    }
    for (state, problem, notice, (told, resend)) in code_states() {
        let by_sms = Way::Sent(waiting(CodePage::SignIn, told, resend.clone()));
        let only_way = Way::Sent(Waiting { ways: vec![], ..waiting(CodePage::SignIn, told, resend) });
        for (kind, way) in
            [("sms", by_sms), ("only-sms", only_way), ("app", Way::App { other_ways: true, pair: false })]
        {
            let frame = s.frame("/sign-in/code");
            let page =
                SignInCode { frame, way, digits: 6, problem, notice, trust_ticked: problem.is_none(), trust_days: 90 };
            s.add(format!("sign-in-code-{kind}{state}"), &page);
        }
    }
    let ways = vec![way("aut_1", MethodKind::Sms, "•••• 5678", true), way("aut_2", MethodKind::App, "", false)];
    s.add("other-ways", &OtherWays { frame: s.frame("/sign-in/other-ways"), ways });
    let ways = vec![way("aut_1", MethodKind::Sms, "•••• 5678", false), way("aut_2", MethodKind::App, "", true)];
    s.add("other-ways-app", &OtherWays { frame: s.frame("/sign-in/other-ways"), ways });
    for (state, digits, way) in [
        ("-pair", 6, Way::App { other_ways: true, pair: true }),
        ("-long", 8, Way::Sent(waiting(CodePage::SignIn, ON_ITS_WAY, Resend::NoMore))),
        ("-closed", 6, Way::NotSent(not_sent(true))),
        ("-later", 6, Way::NotSent(not_sent(false))),
    ] {
        let frame = s.frame("/sign-in/code");
        let page = SignInCode { frame, way, digits, problem: None, notice: None, trust_ticked: true, trust_days: 90 };
        s.add(format!("sign-in-code{state}"), &page);
    }
    for (state, notice) in [
        ("", None),
        ("-sent", Some(ReleaseNotice::Sent)),
        ("-wrong", Some(ReleaseNotice::Wrong)),
        ("-too-many", Some(ReleaseNotice::TooMany)),
    ] {
        let page = Release { frame: s.frame("/sign-in/release"), email: "h•••@example.jp", notice };
        s.add(format!("release{state}"), &page);
    }
    s.add("sign-out", &SignOut { frame: s.frame("/sign-out") });
}

/// Everything that may be possible where nothing was sent; `closed`: waiting does not help.
fn not_sent(closed: bool) -> NotSent {
    let ways = vec![way("aut_2", MethodKind::App, "", false)];
    let again = (!closed).then(|| "10:12".to_owned());
    NotSent {
        closed,
        at: "09:41".to_owned(),
        ways,
        known_device: true,
        release: true,
        wait: !closed,
        again,
        finish: !closed,
    }
}

fn setup_pages(s: &mut Sample<'_>) {
    for (state, phone, problem) in [
        ("", "", None),
        ("-missing", "", Some(PhoneProblem::Missing)),
        ("-not-a-number", "0901234", Some(PhoneProblem::NotANumber)),
        ("-ambiguous", "6089214793", Some(PhoneProblem::Ambiguous)),
        ("-foreign", "+44 7400 123456", Some(PhoneProblem::Foreign)),
        ("-ip", "050-1234-5678", Some(PhoneProblem::IpPhone)),
        ("-no-sms", "03-1234-5678", Some(PhoneProblem::NoSms)),
        ("-too-many", "090-1234-5678", Some(PhoneProblem::TooMany)),
    ] {
        s.add(format!("setup-phone{state}"), &SetupPhone { frame: s.frame("/setup"), phone, problem });
    }
    let qr_svg = &qr::svg(URI).expect("fits");
    for (state, problem, notice, (told, resend)) in code_states() {
        let waiting = waiting(CodePage::SetupPhone, told, resend);
        let page = SetupPhoneCode { frame: s.frame("/setup"), waiting, problem, notice };
        s.add(format!("setup-phone-code{state}"), &page);
        let page = SetupApp { frame: s.frame("/setup"), qr_svg, key: KEY, otpauth_uri: URI, problem };
        s.add(format!("setup-app{state}"), &page);
    }
    let methods = vec![(MethodKind::Sms, "•••• 5678".into()), (MethodKind::App, String::new())];
    s.add("setup-app-start", &SetupAppStart { frame: s.frame("/setup") });
    s.add("setup-done", &SetupDone { frame: s.frame("/setup"), methods });
}

fn activity(ja: bool) -> Vec<ActivityRow> {
    let all = [
        Activity::SignedOutEverywhere,
        Activity::SignedOut,
        Activity::SessionEnded,
        Activity::DeviceReused,
        Activity::DeviceGuessed,
        Activity::PasswordChanged,
        Activity::DeviceRemoved,
        Activity::DeviceTrusted,
        Activity::SignInDenied,
        Activity::WrongCode,
        Activity::SignedInTrusted,
        Activity::SignedIn(MethodKind::App),
        Activity::SignedIn(MethodKind::Sms),
        Activity::TwoStepOn,
        Activity::MethodAdded(MethodKind::App),
        Activity::MethodAdded(MethodKind::Sms),
        Activity::EmailConfirmed,
        Activity::SignedUp,
    ];
    let at = if ja { "11月22日 09:41" } else { "22 Nov 09:41" };
    let row = |what| ActivityRow { what, at: at.into(), client: "Chrome (Windows) · 203.0.113.9".into() };
    all.map(row).into()
}

fn security_pages(s: &mut Sample<'_>) {
    let ja = s.t.language == Language::Ja;
    let (day, time) = if ja { ("2026年11月22日", "11月22日 09:41") } else { ("22 Nov 2026", "22 Nov 09:41") };
    for (state, notice, empty) in [
        ("", None, false),
        ("-removed", Some(SecurityNotice::DeviceRemoved), true),
        ("-ended", Some(SecurityNotice::SessionEnded), false),
        ("-password", Some(SecurityNotice::PasswordChanged), true),
    ] {
        let method = |kind, role, destination: &str| MethodRow {
            kind,
            role,
            destination: destination.into(),
            since: day.into(),
        };
        let device = |name: &str, this| DeviceRow {
            device_id: "dev_1".into(),
            name: name.into(),
            this,
            last_used: time.into(),
            until: day.into(),
        };
        let session = |name: &str, this| SessionRow {
            session_id: "ses_1".into(),
            name: name.into(),
            this,
            signed_in: time.into(),
            last_used: time.into(),
        };
        let page = Security {
            frame: s.frame("/security"),
            email: "hanako@example.jp",
            two_step_since: day,
            methods: vec![
                method(MethodKind::Sms, MethodRole::Primary, "•••• 5678"),
                method(MethodKind::App, MethodRole::Backup, ""),
            ],
            devices: if empty { vec![] } else { vec![device("Chrome (Windows)", true), device("", false)] },
            sessions: vec![session("Chrome (Windows)", true), session("Safari (iPhone)", false)],
            activity: activity(ja),
            password_changed: if empty { day.into() } else { String::new() },
            messages: (s.t.with("messages-summary-calm", &[("count", 2_u32.into())]), empty),
            notice,
        };
        s.add(format!("security{state}"), &page);
    }
}

/// A quiet day, and one on which a stranger has the password: one place by night, and others.
fn messages_pages(s: &mut Sample<'_>) {
    let when = if s.t.language == Language::Ja { "2026年11月22日 02:12" } else { "22 November 2026, 02:12" };
    for (state, calm) in [("", true), ("-alarm", false)] {
        let frame = s.frame("/security/messages");
        let t = &frame.t;
        let text = match calm {
            true => t.with("verdict-none-text", &[("count", 0_u32.into())]),
            false => t.with("verdict-cannot-tell-text", &[("count", 47_u32.into())]),
        };
        let card = Card {
            answer: t.get("got-in-known"),
            detail: t.with("got-in-known-detail", &[("count", 12_u32.into())]),
            nobody_new: true,
            title: t.get(if calm { "verdict-none" } else { "verdict-cannot-tell" }),
            text,
            advice: if calm { String::new() } else { t.get("verdict-cannot-tell-advice") },
            tone: if calm { Tone::Calm } else { Tone::Alarm },
            closed: if calm { t.with("lane-closed", &[("since", when.into())]) } else { String::new() },
            action: if calm { Action::None } else { Action::NotMe },
        };
        let mut hours = [0; HOURS];
        (hours[5], hours[6], hours[20]) = (12, 35, 1);
        let strip = |network: &str| Strip {
            name: t.with("asked-stranger", &[("network", network.into())]),
            strange: true,
            hours,
        };
        let mut night = [false; HOURS];
        night[3..9].fill(true);
        let numbers =
            [("count", 50_u32.into()), ("strange", 47_u32.into()), ("known", 3_u32.into()), ("night", 47_u32.into())];
        let picture = Picture {
            summary: t.with("picture-summary", &numbers),
            strips: vec![strip("203.0.113.x"), strip("2001:db8:1:…")],
            clocks: (0..HOURS).map(|hour| format!("{}:00", (hour + 21) % 24)).collect(),
            night,
        };
        let row = |look: bool, became: &str| MessageRow {
            at: when.into(),
            what: format!("{} · SMS •••• 5678", t.get("message-sign-in")),
            marks: t.with("message-marks", &[("tag", "KX".into()), ("serial", 2_u32.into())]),
            became: t.get(became),
            look,
            cause: "Chrome (Windows) · 203.0.113.x".into(),
        };
        let rows =
            if calm { vec![] } else { vec![row(false, "became-delivered"), row(true, "became-suppressed-known")] };
        let page = Messages {
            frame: frame.clone(),
            heard: calm,
            unheard: !calm,
            card: Some(card),
            picture: (!calm).then_some(picture),
            rows,
            older: (!calm).then(|| "/security/messages?before=1795305600000".to_owned()),
        };
        s.add(format!("messages{state}"), &page);
    }
}

/// Every kind of notice, before and after each answer, to whoever is signed in and to whoever is not.
fn notice_pages(s: &mut Sample<'_>) {
    let at = if s.t.language == Language::Ja { "2026年11月22日 02:12" } else { "22 November 2026, 02:12" };
    for (state, problem) in
        [("", None), ("-unknown", Some(NoticeProblem::Unknown)), ("-again", Some(NoticeProblem::Again))]
    {
        s.add(format!("notice{state}"), &NoticeForm { frame: s.frame("/notice"), problem });
    }
    let answers = [("", None), ("-me", Some(Said::Me)), ("-not-me", Some(Said::NotMe))];
    for kind in MessageKind::ALL {
        let Some(ends) = ends(kind) else { continue };
        for (state, said) in answers {
            for (here, keeps_password) in [("/notice/msg_1", true), ("/security", true), ("/notice/msg_2", false)] {
                let page = NoticeEvent {
                    frame: s.frame(here),
                    kind,
                    ends,
                    at,
                    program: "Chrome (Windows)",
                    network_seen: !keeps_password,
                    said: said.map(|said| (said, at.into())),
                    keeps_password,
                };
                let signed_in = if page.frame.signed_in { "-signed-in" } else { "" };
                let elsewhere = if keeps_password { "" } else { "-elsewhere" };
                s.add(format!("notice-{}{state}{signed_in}{elsewhere}", kind.stored()), &page);
            }
        }
    }
}

fn password_pages(s: &mut Sample<'_>) {
    for (state, kept_here, problem) in [
        ("", true, None),
        ("-current", true, Some(ChangeProblem::Current)),
        ("-same", true, Some(ChangeProblem::Same)),
        ("-common", true, Some(ChangeProblem::New(PasswordProblem::Common))),
        ("-elsewhere", false, None),
    ] {
        let frame = s.frame("/security/password");
        s.add(format!("password{state}"), &Password { frame, kept_here, problem, password_length_min: 8 });
    }
}

fn remaining_pages(s: &mut Sample<'_>) {
    for (state, kind) in [
        ("not-found", ErrorKind::NotFound),
        ("stale-form", ErrorKind::StaleForm),
        ("bad-request", ErrorKind::BadRequest),
        ("ended", ErrorKind::Ended),
        ("busy", ErrorKind::Busy { seconds: 2 }),
        ("too-many", ErrorKind::TooMany { minutes: 20 }),
        ("broken", ErrorKind::Broken),
    ] {
        let reference = (kind == ErrorKind::Broken).then_some("7F3K-Q2");
        s.add(format!("error-{state}"), &ErrorPage { frame: s.frame("/"), kind, reference });
    }
    s.add("demo-start", &DemoStart { frame: s.frame("/demo") });
    s.add("demo-phone-empty", &DemoPhone { frame: s.frame("/demo/phone"), messages: vec![] });
    let message = |channel, to: &str, text: &str, language: &str| DemoMessage {
        channel,
        to: to.into(),
        text: text.into(),
        at: "09:41:07".into(),
        language: language.into(),
    };
    let sms = "【例社】確認コード 482916\n画面の記号がKXの時だけ入力\n本日2通目・誰にも教えないで\n@example.jp #482916";
    let mail = "Example: your code to confirm this address\n\nCode: 482916\n<b>not markup</b>";
    let messages = vec![
        message(DemoChannel::Sms, "+819012345678", sms, "ja"),
        message(DemoChannel::Email, "hanako@example.jp", mail, "en"),
    ];
    s.add("demo-phone", &DemoPhone { frame: s.frame("/demo/phone"), messages });
}

fn pages(texts: &Texts, language: Language) -> Vec<Page> {
    let mut sample = Sample { t: texts.of(language), pages: Vec::new() };
    sign_up_pages(&mut sample);
    sign_in_pages(&mut sample);
    setup_pages(&mut sample);
    security_pages(&mut sample);
    messages_pages(&mut sample);
    notice_pages(&mut sample);
    password_pages(&mut sample);
    remaining_pages(&mut sample);
    sample.pages
}

fn for_every_page(check: impl Fn(&str, &str)) {
    let texts = Texts::load().expect("texts are valid");
    for language in Language::ALL {
        for (name, html) in pages(&texts, language) {
            check(&format!("{name} {}", language.tag()), &html);
        }
    }
}

/// The values of an attribute, in the order of the page.
fn values<'p>(html: &'p str, attribute: &str) -> Vec<&'p str> {
    let opening = format!(" {attribute}=\"");
    html.split(&opening).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn pages_can_be_looked_at() {
    let texts = Texts::load().expect("texts are valid");
    for language in Language::ALL {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/pages").join(language.tag());
        std::fs::create_dir_all(&folder).expect("target can be written");
        for (name, html) in pages(&texts, language) {
            std::fs::write(folder.join(format!("{name}.html")), html).expect("target can be written");
        }
    }
}

#[test]
fn nothing_in_a_page_needs_an_exception_from_the_content_security_policy() {
    for_every_page(|name, html| {
        let markup = html.replace(STYLE, "");
        for forbidden in [" style=", " onclick", " onload", "javascript:", "data:", "http:", "<script>"] {
            assert!(!markup.contains(forbidden), "{name}: {forbidden}");
        }
        assert!(html.contains(&format!("<style>{STYLE}</style>")), "{name}: the hash would not match");
    });
}

#[test]
fn every_post_form_carries_the_token_and_posts_here() {
    for_every_page(|name, html| {
        for form in html.split("<form ").skip(1) {
            assert!(form.starts_with("method=\"post\" action=\"/"), "{name}");
            let form = form.split("</form>").next().expect("forms end");
            assert_eq!(form.matches("name=\"csrf\" value=\"c5rf-t0ken\"").count(), 1, "{name}");
        }
    });
}

#[test]
fn ids_are_unique_and_whatever_refers_to_one_finds_it() {
    for_every_page(|name, html| {
        let ids = values(html, "id");
        let unique: BTreeSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), unique.len(), "{name}: {ids:?}");
        for attribute in ["for", "aria-describedby", "aria-labelledby", "data-copy"] {
            for id in values(html, attribute).into_iter().flat_map(str::split_whitespace) {
                assert!(unique.contains(&id), "{name}: {attribute} {id}");
            }
        }
        for fragment in values(html, "href").into_iter().filter_map(|href| href.strip_prefix('#')) {
            assert!(unique.contains(&fragment), "{name}: #{fragment}");
        }
    });
}

#[test]
fn titles_name_the_state() {
    let texts = Texts::load().expect("texts are valid");
    for (name, html) in pages(&texts, Language::Ja) {
        let title = html.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next()).expect("a title");
        assert!(title.ends_with(" | 例社"), "{name}: {title}");
        let wrong = html.contains("role=\"alert\"");
        assert_eq!(title.starts_with("エラー："), wrong, "{name}: {title}");
        assert_eq!(html.matches("<h1").count(), 1, "{name}");
    }
}

#[test]
fn what_people_typed_cannot_become_markup() {
    let texts = Texts::load().expect("texts are valid");
    let sample = Sample { t: texts.of(Language::En), pages: Vec::new() };
    let frame = sample.frame("/sign-in");
    let page = SignIn { frame, email: "\"><script>alert(1)</script>", problem: None, notice: None };
    let html = page.render().expect("renders");
    assert!(!html.contains("<script>alert"), "{html}");
}

#[test]
fn pages_are_small() {
    assert!(STYLE.len() <= 7_600, "style {}", STYLE.len());
    assert!(SCRIPT.len() <= 4_000, "script {}", SCRIPT.len());
    for_every_page(|name, html| {
        let most = if name.starts_with("security") { 24_000 } else { 15_000 };
        assert!(html.len() <= most || name.starts_with("setup-app"), "{name}: {}", html.len());
    });
}

#[test]
fn a_qr_code_has_its_corner_and_its_white_border() {
    let svg = qr::svg("a").expect("fits");
    assert!(svg.contains("viewBox=\"0 0 29 29\""), "{svg}");
    assert!(svg.contains("d=\"M4 4h7v1h-7z"), "{svg}");
    assert!(qr::svg(&"a".repeat(4_000)).is_err());
}

#[test]
fn what_is_sent_after_a_page_are_parts_of_it() {
    let texts = Texts::load().expect("texts are valid");
    let sample = Sample { t: texts.of(Language::Ja), pages: Vec::new() };
    for page in [CodePage::SignUp, CodePage::SignIn, CodePage::SetupPhone] {
        let frame = sample.frame(page.here());
        for (state, .., (told, resend)) in code_states() {
            let waiting = waiting(page, told, resend);
            let parts = WaitingParts { frame: frame.clone(), waiting: &waiting }.render().expect("renders");
            assert_eq!(values(&parts, "id").iter().filter(|id| ["sent", "news", "help"].contains(id)).count(), 3);
            assert_eq!(values(&parts, "data-events"), [page.events()], "{state}");
            for part in parts.split_inclusive("</form>").filter(|part| part.contains("<form")) {
                assert!(part.contains("name=\"csrf\" value=\"c5rf-t0ken\""), "{state}: {part}");
            }
        }
        for done in [false, true] {
            let over = WaitingOver { frame: frame.clone(), page, done }.render().expect("renders");
            assert_eq!(values(&over, "id"), ["news"]);
        }
    }
}

#[test]
fn a_failure_puts_another_way_before_the_reader_and_names_no_carrier() {
    for_every_page(|name, html| {
        let failed = name.starts_with("sign-in-code-sms-failed") || name.starts_with("sign-in-code-sms-held");
        let button = html.contains("<button name=\"authenticator_id\" value=\"aut_2\">");
        if name.starts_with("sign-in-code-sms") && !html.contains("href=\"/sign-in\"") {
            let due = ["failed", "silence", "held", "unknown-long", "no-more"].iter().any(|state| name.contains(state));
            assert_eq!(button, due, "{name}");
            assert_eq!(html.contains("class=\"after\""), !due, "{name}: else it is there quietly");
        }
        assert!(!failed || html.contains("<p><a href=\"/sign-in/other-ways\">"), "{name}");
    });
}
