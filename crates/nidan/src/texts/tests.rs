//! Both languages say the same things, everything said exists, and nothing is written that is never said.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};
use fluent_syntax::parser::parse;

use super::*;

type Variables = BTreeSet<String>;

fn defined(language: Language) -> BTreeMap<String, Variables> {
    let mut texts = BTreeMap::new();
    for source in sources(language) {
        for entry in parse(source).expect("the files parse").body {
            let Entry::Message(message) = entry else { continue };
            assert!(message.attributes.is_empty(), "{}: attributes are not used here", message.id.name);
            let mut variables = Variables::new();
            collect(&message.value.expect("every key has a text"), &mut variables);
            assert!(texts.insert(message.id.name.to_owned(), variables).is_none(), "{} twice", message.id.name);
        }
    }
    texts
}

fn collect(pattern: &Pattern<&str>, variables: &mut Variables) {
    for element in &pattern.elements {
        let PatternElement::Placeable { expression } = element else { continue };
        match expression {
            Expression::Inline(inline) => collect_inline(inline, variables),
            Expression::Select { selector, variants } => {
                collect_inline(selector, variables);
                variants.iter().for_each(|variant| collect(&variant.value, variables));
            }
        }
    }
}

fn collect_inline(inline: &InlineExpression<&str>, variables: &mut Variables) {
    match inline {
        InlineExpression::VariableReference { id } => {
            variables.insert(id.name.to_owned());
        }
        InlineExpression::StringLiteral { .. } => {}
        other => panic!("{other:?}: the tests do not know this part of Fluent"),
    }
}

fn files(folder: &str, ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("folder is there") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) && !path.ends_with("tests.rs") {
                let text = fs::read_to_string(&path).expect("UTF-8");
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "nothing in {folder}");
    found
}

/// `(key, variables)` of every `get("…")` and `with("…", &[("…", …)])` in a source text.
fn calls(source: &str) -> Vec<(String, Variables)> {
    let mut calls = Vec::new();
    for opening in ["get(\"", "with(\""] {
        for (start, _) in source.match_indices(opening) {
            let rest = &source[start + opening.len()..];
            let key = rest.split('"').next().unwrap_or_default();
            let arguments = match opening {
                "with(\"" => rest.split("])").next().unwrap_or_default(),
                _ => "",
            };
            let variables = arguments.split("(\"").skip(1).filter_map(|part| part.split('"').next());
            calls.push((key.to_owned(), variables.map(str::to_owned).collect()));
        }
    }
    calls
}

#[test]
fn both_languages_have_the_same_keys_and_variables() {
    let (ja, en) = (defined(Language::Ja), defined(Language::En));
    for (key, variables) in &ja {
        assert_eq!(Some(variables), en.get(key), "{key}");
    }
    assert_eq!(ja.len(), en.len(), "only English: {:?}", en.keys().filter(|key| !ja.contains_key(*key)));
}

#[test]
fn templates_use_texts_that_exist_with_exactly_their_variables() {
    let texts = defined(Language::Ja);
    for (path, source) in files("templates", ".html") {
        for (key, variables) in calls(&source) {
            assert_eq!(texts.get(&key), Some(&variables), "{key} in {}", path.display());
        }
    }
}

#[test]
fn no_text_is_unused() {
    let sources = [files("templates", ".html"), files("src", ".rs")].concat();
    let unused: Vec<_> = defined(Language::Ja)
        .into_keys()
        .filter(|key| !sources.iter().any(|(_, source)| source.contains(&format!("\"{key}\""))))
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
}

fn sms(key: &str, language: Language, brand: &str, domain: &str) -> String {
    let args: [(&str, Arg<'_>); 5] = [
        ("brand", brand.into()),
        ("domain", domain.into()),
        ("code", "482916".into()),
        ("tag", "KX".into()),
        ("serial", 2_u32.into()),
    ];
    Texts::load().expect("texts are valid").get(language, key, &args)
}

#[test]
fn sms_are_the_texts_that_were_decided_and_fit_one_segment() {
    for (text, wording, decided, units) in [
        (
            SmsText::SignIn,
            0,
            "【例社】確認コード 482916\n画面の記号がKXの時だけ入力\n本日2通目・誰にも教えないで\n@example.jp #482916",
            66,
        ),
        (SmsText::SignIn, 1, "【例社】確認コード 482916\n画面がKXの時だけ入力(2通目)\n@example.jp #482916", 53),
        (SmsText::SignIn, 2, "例社 482916\n2通目KX\n@example.jp #482916", 35),
        (
            SmsText::Setup,
            0,
            "【例社】2段階認証の設定コード 482916\nお心当たりがなければ破棄してください\n@example.jp #482916",
            61,
        ),
        (SmsText::Setup, 1, "【例社】設定コード 482916\n心当たりがなければ破棄を\n@example.jp #482916", 49),
        (SmsText::Setup, 2, "【例社】設定コード 482916\n@example.jp #482916", 36),
        (
            SmsText::PasswordKnown,
            0,
            "【例社】正しいパスワードでのログインを2回止めました。お心当たりがなければ、いつもの方法で例社を開き、パスワードを変更してください",
            65,
        ),
        (
            SmsText::PasswordKnown,
            1,
            "【例社】正しいパスワードでのログインを2回止めました。お心当たりがなければパスワードを変更してください",
            51,
        ),
        (SmsText::PasswordKnown, 2, "【例社】不審なログインを止めました。パスワードの変更を", 27),
    ] {
        let shown = sms(text.wordings()[wording], Language::Ja, "例社", "example.jp");
        assert_eq!(shown, decided);
        assert_eq!(shown.encode_utf16().count(), units, "{shown}");
    }
    assert_eq!(
        sms("sms-sign-in", Language::En, "Example", "example.com"),
        "482916 is your Example sign-in code. Enter it only if your screen shows KX. Text 2 today. \
         We never ask for it by phone.\n@example.com #482916"
    );
    assert_eq!(
        sms("sms-password-known", Language::En, "Example", "example.com"),
        "Example: someone has your right password and tried to sign in 2 times. All stopped. Not you? \
         Open Example the usual way and change it."
    );
}

#[test]
fn english_sms_need_no_more_than_the_short_alphabet_and_one_segment() {
    for text in [SmsText::SignIn, SmsText::Setup, SmsText::PasswordKnown] {
        for key in text.wordings() {
            let shown = sms(key, Language::En, "Example", "example.com");
            assert!(shown.chars().count() <= 160, "{} {shown}", shown.chars().count());
            // ASCII without the characters that GSM 03.38 lacks or counts twice.
            let plain = |c: char| c == '\n' || (' '..='~').contains(&c) && !"[]{}\\^|~`".contains(c);
            assert!(shown.chars().all(plain), "{shown}");
        }
    }
}

#[test]
#[should_panic(expected = "no such text")]
fn a_text_that_does_not_exist_stops_the_tests() {
    Texts::load().expect("texts are valid").of(Language::Ja).get("no-such-text");
}

#[test]
#[should_panic(expected = "a variable is missing")]
fn a_variable_that_is_missing_stops_the_tests() {
    Texts::load().expect("texts are valid").of(Language::Ja).get("sms-setup");
}
