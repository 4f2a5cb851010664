//! Which flood is it? Histories as they happen, through the store, to the page and the API.

mod history;
mod lines;
mod sign_ins;

use nidan_core::budget::Suppressed;
use nidan_core::ledger::State;
use serde_json::json;

use self::history::{History, asker};
use crate::app::{TestServer, on_both_databases};
use crate::pages::person::{EMAIL, PHONE, leads_to};

on_both_databases! {
    a_quiet_day
    our_own_fault
    somebody_has_the_password
    a_machine_of_the_owners
    messages_that_do_not_arrive
    a_machine_or_a_thief
    somebody_got_in
    a_message_is_listed_with_its_cause
    what_was_not_me_ends
    the_ledger_is_its_owners
}

/// What the API and the page say of a history; the page is kept to be looked at.
async fn says(history: &History<'_>, name: &str, (verdict, got_in): (&str, &str), [ja, en]: [&[&str]; 2]) {
    let answer = history.site.get(&format!("{}/messages", history.at)).await.expect(200).json();
    assert_eq!(answer["verdict"], verdict, "{name}");
    assert_eq!(answer["did_anybody_get_in"], got_in, "{name}");
    for (language, said) in [("ja", ja), ("en", en)] {
        let page = history.person.browser.get(&format!("/security/messages?lang={language}")).await.expect(200).body;
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/pages/flood");
        std::fs::create_dir_all(folder).expect("target can be written");
        std::fs::write(format!("{folder}/{name}.{language}.html"), &page).expect("target can be written");
        let card = page.split("<section").nth(1).expect("the card");
        for words in said {
            assert!(card.contains(words), "{name}: {words} in {card}");
        }
    }
}

const OWNERS: (&str, &str) = ("127.0.0.1", "Safari (iPhone)");
const NOBODY_NEW: (&str, &str) = ("見覚えのないログインはありません", "Nobody unknown got in");

async fn a_quiet_day(server: &TestServer) {
    let history = History::new(server).await;
    let ja = [NOBODY_NEW.0, "いつもどおりです"];
    says(&history, "none", ("none", "only_known"), [&ja, &[NOBODY_NEW.1, "All as usual"]]).await;
    let security = history.person.browser.get("/security?lang=ja").await.expect(200).body;
    assert!(security.contains("変わったことはありません") && security.contains("\"/security/messages\""), "{security}");
}

async fn our_own_fault(server: &TestServer) {
    let history = History::new(server).await;
    let owner = asker(OWNERS.0, OWNERS.1, true);
    let sign_in = history.sign_in(&owner, State::Delivered).await;
    for n in 2..=3 {
        history.seconds_later(1);
        history.doubled(&owner, sign_in, n).await;
    }
    let ja = [NOBODY_NEW.0, "こちらの不具合です", "1回の依頼に対して、3通", "パスワードを知られたわけではありません"];
    let en = [NOBODY_NEW.1, "our fault", "3 messages were sent where 1 was asked for"];
    says(&history, "own_bug", ("own_bug", "only_known"), [&ja, &en]).await;
}

/// Whose lane nothing has closed yet.
async fn somebody_has_the_password(server: &TestServer) {
    let history = History::new(server).await;
    history.later(15 * 60);
    for n in 0..4 {
        let stranger = asker(&format!("198.51.10{n}.7"), "Chrome (Windows)", false);
        history.later(11);
        history.sign_in(&stranger, State::Delivered).await;
    }
    history.later(11);
    let ja = [
        NOBODY_NEW.0,
        "だれかがパスワードを知っています",
        "見慣れない4か所",
        "下のボタンで止めてから",
        "これは自分ではありません",
    ];
    let en = [NOBODY_NEW.1, "Somebody has your password", "from 4 places", "That was not me"];
    says(&history, "password_known_open", ("password_known", "only_known"), [&ja, &en]).await;
}

async fn a_machine_of_the_owners(server: &TestServer) {
    let history = History::new(server).await;
    let machine = asker(OWNERS.0, "Chrome (Windows)", false);
    history.succeeded(&machine).await;
    for n in 0..8 {
        history.later(7);
        let became = if n < 6 { Ok(State::Delivered) } else { Err(Suppressed::PasswordKnown) };
        match became {
            Ok(state) => drop(history.sign_in(&machine, state).await),
            Err(why) => history.refused(&machine, why).await,
        }
    }
    history.later(20);
    let ja = [
        NOBODY_NEW.0,
        "自動でログインしようとしています",
        "WindowsのChromeが",
        "およそ7分おきに8回",
        "保存したパスワード",
    ];
    let en =
        [NOBODY_NEW.1, "A device of yours", "Chrome on Windows has tried to sign in 8 times, about every 7 minutes"];
    says(&history, "own_machine", ("own_machine", "only_known"), [&ja, &en]).await;
}

async fn messages_that_do_not_arrive(server: &TestServer) {
    let history = History::new(server).await;
    let owner = asker(OWNERS.0, OWNERS.1, true);
    for state in [State::Undelivered, State::Expired] {
        history.later(15);
        history.sign_in(&owner, state).await;
    }
    let ja = [
        NOBODY_NEW.0,
        "コードが届いていません",
        "2通が届かないか",
        "直近の1通：期限までに届きませんでした。",
        "認証アプリでログインし",
    ];
    let en = [NOBODY_NEW.1, "Codes do not arrive", "2 messages did not arrive"];
    says(&history, "not_arriving", ("not_arriving", "only_known"), [&ja, &en]).await;
}

async fn a_machine_or_a_thief(server: &TestServer) {
    let history = History::new(server).await;
    let somebody = asker(OWNERS.0, "Firefox (Linux)", false);
    for wait in [600, 11, 95, 30] {
        history.later(wait);
        history.sign_in(&somebody, State::Delivered).await;
    }
    history.later(20);
    let ja = [NOBODY_NEW.0, "区別できません", "4回", "念のためパスワードを変更"];
    let en = [NOBODY_NEW.1, "we cannot tell", "4 sign-ins with the right password", "stop it with this button"];
    says(&history, "cannot_tell", ("cannot_tell", "only_known"), [&ja, &en]).await;
}

async fn somebody_got_in(server: &TestServer) {
    let history = History::new(server).await;
    history.later(60);
    history.succeeded(&asker("203.0.113.9", "Chrome (Windows)", false)).await;
    let ja = [
        "ご確認ください",
        "ログインが1回ありました",
        "最後は11月22日 10:00（WindowsのChrome · IPアドレス 203.0.113.x）です",
        "このログインは、あなたですか",
        "パスワードを変更する</a>",
    ];
    let en = ["Please check", "there was 1 sign-in", "22 November, 10:00, Chrome on Windows", "Was that you?"];
    says(&history, "got_in", ("none", "new_device"), [&ja, &en]).await;
    let security = history.person.browser.get("/security?lang=ja").await.expect(200).body;
    assert!(security.contains("<p class=\"ask\">ご確認ください"), "{security}");
}

async fn a_message_is_listed_with_its_cause(server: &TestServer) {
    let history = History::new(server).await;
    history.later(10);
    let stranger = asker("203.0.113.9", "Chrome (Windows)", false);
    history.sign_in(&stranger, State::Undelivered).await;
    history.seconds_later(1);
    history.refused(&stranger, Suppressed::SignInsUnderWay).await;
    let answer = history.site.get(&format!("{}/messages", history.at)).await.expect(200).json();
    let (refused, sent) = (&answer["messages"][0], &answer["messages"][1]);
    let cause = json!({
        "kind": "sign_in", "client": "Chrome (Windows)", "network": "203.0.113.9", "password_right": true
    });
    assert!(refused["id"].as_str().is_some_and(|id| id.starts_with("evt_")), "{refused}");
    let told = json!({
        "id": refused["id"], "at": "2026-11-22T00:10:01Z", "cause": cause, "state": "suppressed",
        "reason": "sign_ins_under_way",
    });
    assert_eq!(*refused, told);
    let told = json!({
        "id": sent["id"], "at": "2026-11-22T00:10:00Z", "channel": "sms", "destination": "•••• 5678", "tag": "KX",
        "serial": 2, "cause": cause, "state": "undelivered",
    });
    assert_eq!(*sent, told);
    let page = history.person.browser.get("/security/messages?lang=ja").await.expect(200).body;
    for words in [
        "ログインのコード · SMS ••••\u{a0}5678",
        "届きませんでした",
        "記号KX・その日の2通目",
        "WindowsのChrome · IPアドレス 203.0.113.x · 正しいパスワードのあと",
        "続きすぎたため、送りませんでした",
        "登録のコード · SMS ••••\u{a0}5678",
        "メールアドレス確認のコード · メール h",
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }
    assert!(!page.contains("12345678") && !page.contains("hanako"), "numbers and addresses are masked: {page}");
}

async fn what_was_not_me_ends(server: &TestServer) {
    let history = History::new(server).await;
    let stranger = asker("203.0.113.9", "Chrome (Windows)", false);
    for _ in 0..3 {
        history.later(11);
        history.sign_in(&stranger, State::Delivered).await;
    }
    history.later(11);
    let page = async || history.person.browser.get("/security/messages?lang=ja").await.expect(200).body;
    assert!(page().await.contains("action=\"/security/messages/not-me\""));
    assert!(page().await.contains("action=\"/security/messages/not-me\""), "looking changes nothing");
    let answer = history.person.browser.post_form("/security/messages/not-me", &[]).await;
    assert_eq!(leads_to(&answer), "/security/messages?notice=not-me");
    let heard = page().await;
    assert!(heard.contains("11月22日 09:44から、見慣れない端末のログインにはコードを送っていません"), "{heard}");
    assert!(!heard.contains("/not-me\""), "said once: {heard}");
    let noticed = history.person.browser.get("/security/messages?notice=not-me").await.expect(200).body;
    assert!(noticed.contains("role=\"status\">途中のログインを終わらせ"), "{noticed}");
    assert!(noticed.contains("href=\"/security/password\""), "the one thing to do: {noticed}");
    assert!(server.phone.last_sms(PHONE).await.text.contains("正しいパスワードでのログインを3回止めました"));
    assert!(server.phone.last_email(EMAIL).await.whole_text().contains("照会番号"));
}

async fn the_ledger_is_its_owners(server: &TestServer) {
    let history = History::new(server).await;
    let stranger = server.browser();
    assert_eq!(leads_to(&stranger.get("/security/messages").await), "/sign-in");
    let foreign = history.person.browser.post_form("/security/messages/not-me", &[("csrf", "x")]).await;
    assert_eq!(foreign.status, 403);
    let page = history.person.browser.get("/security/messages?lang=ja").await.expect(200).body;
    assert!(!page.contains("見慣れない端末のログインにはコードを送っていません"), "{page}");
}
