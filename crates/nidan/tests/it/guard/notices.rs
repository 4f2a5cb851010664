//! "This was not me": by the reference of a notice, in a browser that nobody signed in with, and by the button on a known device.

use nidan_core::time::Span;
use serde_json::{Value, json};

use super::Scene;
use crate::app::{TestServer, on_both_databases, wrong};
use crate::client::{Answer, Client};
use crate::owner::{EMAIL, PASSWORD, PHONE};

on_both_databases! {
    guarded
    a_missed_code_is_answered_from_any_browser
    what_a_success_let_in_is_thrown_out
    an_unknown_reference_and_one_that_is_over_are_the_same
    wrong_references_cost_who_types_them
    a_notice_from_before_a_change_of_the_password_closes_nothing
    nobody_answers_in_the_name_of_another_site
    a_device_that_was_guessed_on_is_told_of
    the_button_on_a_known_device_closes_and_tells_once
    the_button_on_a_device_that_was_ended_does_nothing
}

/// The reference in a text.
pub fn reference_in(text: &str) -> String {
    let is_reference = |word: &&str| {
        let letters = word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
        letters && word.len() == 14 && word.matches('-').count() == 2
    };
    let word = text.split_whitespace().find(is_reference);
    word.unwrap_or_else(|| panic!("a reference in: {text}")).to_owned()
}

/// Types a reference; where that leads.
async fn look_up(browser: &Client, reference: &str) -> Answer {
    browser.get("/notice").await.expect(200);
    browser.post_form("/notice", &[("reference", reference)]).await
}

/// Types it and gives one of the two answers; the page after that.
pub async fn answer(browser: &Client, reference: &str, said: &str) -> Answer {
    let at = leads_to(&look_up(browser, reference).await);
    browser.get(&at).await.expect(200);
    assert_eq!(leads_to(&browser.post_form(&at, &[("answer", said)]).await), at);
    browser.get(&at).await.expect(200)
}

fn leads_to(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.header("location").expect("an address").to_owned()
}

/// A stranger has the password and types no code: the reference of the letter about that.
async fn missed(scene: &Scene<'_>) -> String {
    scene.thief().await;
    scene.server.phone.sms_code(PHONE).await;
    scene.codes_die().await;
    let letter = scene.server.phone.last_email(EMAIL).await.whole_text();
    assert!(letter.contains("完了しなかったログインがあります"), "{letter}");
    reference_in(&letter)
}

/// The lane of unknown devices is closed, and its owner was told of that once, with how often it was tried.
async fn closed_and_told_once(scene: &Scene<'_>, times: u8) {
    scene.server.settled().await;
    let (sms, letters) = (scene.server.phone.take(PHONE), scene.server.phone.take(EMAIL));
    let stopped = format!("正しいパスワードでのログインを{times}回止めました");
    assert!(sms.len() == 1 && sms[0].contains(&stopped), "{sms:?}");
    let tried = format!("正しいパスワードでのログインが{times}回試みられました");
    assert!(letters.len() == 1 && letters[0].contains(&tried), "{letters:?}");
    reference_in(&letters[0]);
    assert_eq!(scene.thief().await.text("/reason"), "password_known");
}

async fn a_missed_code_is_answered_from_any_browser(server: &TestServer) {
    let mut scene = Scene::new(server).await;
    scene.arrived();
    let reference = missed(&scene).await;
    let browser = server.browser();
    let at = leads_to(&look_up(&browser, &reference.to_lowercase().replace('-', " ")).await);
    let page = browser.get(&at).await.expect(200).body;
    assert!(page.contains("正しい確認コードは入力されませんでした") && page.contains("Firefox"), "{page}");
    for secret in [EMAIL, "taro", "5678", "203.0.113", "認証アプリ", "iPhone", reference.as_str()] {
        assert!(!page.contains(secret), "{secret} is nobody's business: {page}");
    }
    assert!(!at.contains(&reference) && !at.contains(&scene.owner.id), "{at}");
    // It was me: nothing changes, and that can be taken back by who is not silenced by it.
    let page = answer(&browser, &reference, "me").await.body;
    assert!(page.contains("ご本人との回答を受け付けました") && page.contains("value=\"not_me\""), "{page}");
    assert!(!page.contains("value=\"me\""), "{page}");
    let begun = scene.thief().await;
    assert_eq!(begun.text("/status"), "code_required");
    let code = server.phone.sms_code(PHONE).await;
    // It was not.
    let page = answer(&server.browser(), &reference, "not_me").await.body;
    assert!(page.contains("途中のログインを終わらせ") && page.contains("href=\"/sign-in\""), "{page}");
    assert!(!page.contains("name=\"answer\""), "{page}");
    assert_eq!(scene.type_code(&begun, &code).await.expect(422).text("/verdict"), "expired");
    closed_and_told_once(&scene, 2).await;
    // Nothing more comes of saying it again, whatever is said.
    let at = leads_to(&look_up(&browser, &reference).await);
    for said in ["me", "not_me"] {
        assert_eq!(leads_to(&browser.post_form(&at, &[("answer", said)]).await), at);
        assert!(browser.get(&at).await.expect(200).body.contains("途中のログインを終わらせ"));
    }
    server.settled().await;
    assert_eq!(scene.arrived(), (0, 0, vec![]));
    // A known device is what it was.
    scene.owner_signs_in().await;
    server.settled().await;
    scene.arrived();
}

async fn what_a_success_let_in_is_thrown_out(server: &TestServer) {
    let mut scene = Scene::new(server).await;
    scene.arrived();
    let begun = scene.thief().await;
    let code = server.phone.sms_code(PHONE).await;
    scene.type_code(&begun, &wrong(&code)).await.expect(422);
    server.clock.advance(Span::minutes(5));
    let got_in = scene.complete(&scene.thief().await).await;
    let letter = server.phone.last_email(EMAIL).await.whole_text();
    assert!(letter.contains("失敗したログインのあとに、ログインがありました"), "{letter}");
    let count = async |what: &str| {
        let list = scene.site.get(&format!("{}/{what}", scene.owner.at)).await.expect(200).json();
        list[what].as_array().expect("a list").len()
    };
    let before = (count("devices").await, count("sessions").await);
    let page = answer(&server.browser(), &reference_in(&letter), "not_me").await.body;
    assert!(page.contains("このときにログインした端末をログアウトし"), "{page}");
    assert_eq!((count("devices").await, count("sessions").await), (before.0 - 1, before.1 - 1));
    server.clock.advance(Span::days(1));
    let mut body = scene.owner.password();
    body["client"]["device_token"] = Value::from(got_in.text("/device_token"));
    let with_its_token = scene.site.post_json("/api/v1/sign-ins", &body).await.expect(201);
    assert_eq!(with_its_token.text("/reason"), "password_known", "it is as unknown as any");
    server.settled().await;
    scene.arrived();
    scene.owner_signs_in().await;
    server.settled().await;
    scene.arrived();
}

/// A page without what is new each time.
fn shown(answer: &Answer) -> String {
    let (before, rest) = answer.body.split_once("name=\"csrf\" value=\"").expect("a form");
    format!("{} {before} {}", answer.status, rest.split_once('"').expect("a token").1)
}

async fn an_unknown_reference_and_one_that_is_over_are_the_same(server: &TestServer) {
    let scene = Scene::new(server).await;
    scene.arrived();
    let reference = missed(&scene).await;
    let browser = server.browser();
    let at = leads_to(&look_up(&browser, &reference).await);
    server.clock.advance(Span::minutes(7 * 24 * 60 - 2));
    assert_eq!(leads_to(&look_up(&browser, &reference).await), at);
    server.clock.advance(Span::minutes(2));
    let over = look_up(&browser, &reference).await.expect(422);
    let unknown = look_up(&browser, "CDFH-JKMN-PRTV").await.expect(422);
    let nonsense = look_up(&browser, "482916").await.expect(422);
    assert_eq!(shown(&over), shown(&unknown));
    assert_eq!(shown(&over), shown(&nonsense));
    assert!(over.body.contains("この照会番号のお知らせはないか"), "{}", over.body);
    assert_eq!(leads_to(&browser.get(&at).await), "/notice?notice=again");
    assert_eq!(leads_to(&browser.post_form(&at, &[("answer", "not_me")]).await), "/notice?notice=again");
    assert_eq!(scene.thief().await.text("/status"), "code_required", "nothing was closed");
    server.settled().await;
    scene.arrived();
}

async fn wrong_references_cost_who_types_them(server: &TestServer) {
    let scene = Scene::new(server).await;
    scene.arrived();
    let reference = missed(&scene).await;
    let browser = server.browser();
    // A right one is free, however often it is looked at.
    for _ in 0..12 {
        look_up(&browser, &reference).await.expect(303);
    }
    for guess in 0..10 {
        let typed = if guess % 2 == 0 { "CDFH-JKMN-PRTV" } else { "no reference" };
        look_up(&server.browser(), typed).await.expect(422);
    }
    // From the same place even the right one is not looked up, typed or in a cookie, signed in or not.
    look_up(&server.browser(), &reference).await.expect(429);
    let thief = server.browser();
    thief.set_cookie("__Host-nidan_notice", "CDFH-JKMN-PRTV");
    thief.get("/notice/msg_00000000000000000000000000").await.expect(429);
    server.clock.advance(Span::minutes(80));
    look_up(&server.browser(), &reference).await.expect(303);
    // A cookie that was made up is a guess as well.
    for _ in 0..10 {
        assert_eq!(leads_to(&thief.get("/notice/msg_00000000000000000000000000").await), "/notice?notice=again");
    }
    thief.get("/notice/msg_00000000000000000000000000").await.expect(429);
    server.settled().await;
    scene.arrived();
}

async fn a_notice_from_before_a_change_of_the_password_closes_nothing(server: &TestServer) {
    let scene = Scene::new(server).await;
    scene.arrived();
    let reference = missed(&scene).await;
    server.clock.advance(Span::minutes(1));
    let now = jiff::Timestamp::from_millisecond(server.app.clock.now().ms()).expect("a time").to_string();
    scene.site.send_json("PATCH", &scene.owner.at, &json!({"password_changed_at": now})).await.expect(200);
    answer(&server.browser(), &reference, "not_me").await;
    let begun = scene.thief().await;
    assert_eq!(begun.text("/status"), "code_required", "{}", begun.body);
    server.phone.sms_code(PHONE).await;
    server.settled().await;
    assert_eq!(scene.arrived(), (0, 0, vec![]));
}

/// Nor whoever gets the owner's browser to send the form from elsewhere.
async fn nobody_answers_in_the_name_of_another_site(server: &TestServer) {
    let scene = Scene::new(server).await;
    scene.arrived();
    let reference = missed(&scene).await;
    let browser = server.browser();
    let at = leads_to(&look_up(&browser, &reference).await);
    browser.get(&at).await.expect(200);
    browser.post_form(&at, &[("answer", "not_me"), ("csrf", "of another browser")]).await.expect(403);
    let foreign = [("content-type", "application/x-www-form-urlencoded"), ("origin", "https://evil.example")];
    let form = format!("answer=not_me&csrf={}", browser.csrf().expect("a token"));
    browser.ask("POST", &at, &foreign, form.as_bytes()).await.expect(403);
    browser.post_form(&at, &[("answer", "perhaps")]).await.expect(400);
    assert_eq!(scene.thief().await.text("/status"), "code_required");
    server.settled().await;
    scene.arrived();
}

async fn a_device_that_was_guessed_on_is_told_of(server: &TestServer) {
    let scene = Scene::new(server).await;
    scene.arrived();
    let mut body = scene.owner.password();
    body["client"]["device_token"] = Value::from(scene.device.as_str());
    let mut left = 20;
    while left > 0 {
        let begun = scene.site.post_json("/api/v1/sign-ins", &body).await.expect(201);
        let code = server.phone.sms_code(PHONE).await;
        for _ in 0..5 {
            scene.type_code(&begun, &wrong(&code)).await.expect(422);
            left -= 1;
        }
        server.clock.advance(Span::days(1));
    }
    server.settled().await;
    let (_, _, letters) = scene.arrived();
    assert!(!letters.iter().any(|letter| letter.contains("登録を外しました")), "{letters:?}");
    let begun = scene.site.post_json("/api/v1/sign-ins", &body).await.expect(201);
    let code = server.phone.sms_code(PHONE).await;
    scene.type_code(&begun, &wrong(&code)).await;
    let letter = server.phone.last_email(EMAIL).await.whole_text();
    assert!(letter.contains("以前ログインした端末の登録を外しました"), "{letter}");
    let page = answer(&server.browser(), &reference_in(&letter), "not_me").await.body;
    assert!(page.contains("以前ログインした端末で、まちがった確認コードが何度も入力されました"), "{page}");
    server.clock.advance(Span::days(1));
    assert_eq!(scene.thief().await.text("/reason"), "password_known");
    server.settled().await;
    scene.arrived();
}

/// A browser in which the owner is signed in, on a device that is known from then on.
pub async fn signed_in(server: &TestServer) -> Client {
    let browser = server.browser();
    browser.get("/sign-in").await.expect(200);
    let begun = browser.post_form("/sign-in", &[("email", EMAIL), ("password", PASSWORD)]).await;
    assert_eq!(leads_to(&begun), "/sign-in/code");
    browser.get("/sign-in/code").await.expect(200);
    let code = server.phone.sms_code(PHONE).await;
    let entered = browser.post_form("/sign-in/code", &[("code", &code), ("trust_device", "yes")]).await;
    assert_eq!(leads_to(&entered), "/security");
    browser
}

async fn the_button_on_a_known_device_closes_and_tells_once(server: &TestServer) {
    let scene = Scene::new(server).await;
    let owner = signed_in(server).await;
    server.settled().await;
    scene.arrived();
    let begun = scene.thief().await;
    let code = server.phone.sms_code(PHONE).await;
    owner.get("/security/messages").await.expect(200);
    for _ in 0..2 {
        let heard = owner.post_form("/security/messages/not-me", &[]).await;
        assert_eq!(leads_to(&heard), "/security/messages?notice=not-me");
    }
    assert_eq!(scene.type_code(&begun, &code).await.expect(422).text("/verdict"), "expired");
    closed_and_told_once(&scene, 1).await;
    let page = owner.get("/security/messages?notice=not-me").await.expect(200).body;
    assert!(page.contains("href=\"/security/password\""), "the one thing to do: {page}");
}

async fn the_button_on_a_device_that_was_ended_does_nothing(server: &TestServer) {
    let scene = Scene::new(server).await;
    let owner = signed_in(server).await;
    server.settled().await;
    scene.arrived();
    let page = owner.get("/security").await.expect(200).body;
    let (_, device) = page.split_once("name=\"device_id\" value=\"").expect("a trusted device");
    let device = device.split('"').next().unwrap_or_default().to_owned();
    owner.post_form("/security/devices/revoke", &[("device_id", &device)]).await.expect(303);
    owner.get("/security/messages").await.expect(200);
    let unheard = owner.post_form("/security/messages/not-me", &[]).await;
    assert_eq!(leads_to(&unheard), "/security/messages?notice=not-known");
    let page = owner.get("/security/messages?notice=not-known").await.expect(200).body;
    assert!(page.contains("受け付けられませんでした"), "{page}");
    assert_eq!(scene.thief().await.text("/status"), "code_required");
    server.settled().await;
    let (codes, alerts, letters) = scene.arrived();
    assert_eq!((codes, alerts, letters), (1, 0, vec![]));
}
