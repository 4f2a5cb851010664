//! Histories of real sign-ins through the API, guarded as the server ships: what the card makes of them.

use serde_json::json;

use super::history::History;
use super::{NOBODY_NEW, says};
use crate::app::{TestServer, on_both_databases, wait_for};
use crate::client::{Answer, Client};
use crate::pages::person::{EMAIL, PASSWORD, PHONE};

on_both_databases! {
    guarded
    forty_seven_of_fifty_came_from_a_stranger_by_night
    an_owner_who_cannot_wait
    a_site_whose_program_repeats_itself
    a_stranger_is_told_no_word_of_the_carrier
    what_is_not_sent_says_until_when
}

const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 \
                      Mobile/15E148 Safari/604.1";
const WINDOWS: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/144.0.0.0 Safari/537.36";

/// A sign-in with the right password.
async fn sign_in(site: &Client, (ip, user_agent): (&str, &str), device: Option<&str>) -> Answer {
    let client = match device {
        Some(token) => json!({"ip": ip, "user_agent": user_agent, "device_token": token}),
        None => json!({"ip": ip, "user_agent": user_agent}),
    };
    let body = json!({"account": {"email": EMAIL}, "password": PASSWORD, "client": client});
    site.post_json("/api/v1/sign-ins", &body).await.expect(201)
}

/// Types the code that came, and gives the device's token.
async fn complete(server: &TestServer, site: &Client, begun: &Answer) -> String {
    let code = json!({"code": server.phone.sms_code(PHONE).await});
    let done = site.post_json(&format!("/api/v1/sign-ins/{}/code", begun.text("/id")), &code).await.expect(200);
    done.text("/device_token")
}

/// All that came meanwhile is looked at: how many SMS with a code.
async fn codes_that_came(server: &TestServer) -> usize {
    server.settled().await;
    drop(server.phone.take(EMAIL));
    server.phone.take(PHONE).iter().filter(|text| text.contains('#')).count()
}

async fn forty_seven_of_fifty_came_from_a_stranger_by_night(server: &TestServer) {
    let history = History::new(server).await;
    let (site, home) = (&history.site, ("127.0.0.1", IPHONE));
    history.later(60);
    let mut device = complete(server, site, &sign_in(site, home, None).await).await;
    history.later(9 * 60);
    device = complete(server, site, &sign_in(site, home, Some(&device)).await).await;
    history.later(7 * 60 + 12);
    for n in 0..47 {
        let address = format!("198.51.100.{}", 7 + n % 3);
        sign_in(site, (&address, WINDOWS), None).await;
        history.later(if n < 20 { 2 } else { 3 });
    }
    assert_eq!(codes_that_came(server).await, 3);
    history.later(3 * 60);
    complete(server, site, &sign_in(site, home, Some(&device)).await).await;
    let ja = [
        NOBODY_NEW.0,
        "だれかがパスワードを知っています",
        "11月23日 02:12から、見慣れない1か所で、正しいパスワードを使ったログインが47回",
        "コードは3通届きました",
        "見慣れない端末のログインにはコードを送っていません",
        "パスワードを変更してください",
        "href=\"/security/password\">パスワードを変更する</a>",
    ];
    let en = [
        NOBODY_NEW.1,
        "Somebody has your password",
        "tried 47 times to sign in with your right password, from a place",
        "3 codes reached your phone",
        "Change the password</a>",
    ];
    says(&history, "password_known", ("password_known", "only_known"), [&ja, &en]).await;
    let page = history.person.browser.get("/security/messages?lang=ja").await.expect(200).body;
    assert_eq!(page.matches("class=\"button\"").count() + page.matches("<button").count(), 1, "one button: {page}");
    let picture = page.split("<section class=\"flood\"").nth(1).and_then(|rest| rest.split("</section>").next());
    let picture = picture.expect("the picture");
    for told in [
        "合わせて50回ありました。うち47回は、見慣れないところからです（0時から6時に47回）。",
        "<b>47回</b> 見慣れないところ（IPアドレス 198.51.100.x）",
        "<b>2回</b> 使ったことのある端末",
    ] {
        assert!(picture.contains(told), "{told} in {picture}");
    }
    assert!(!page.contains("198.51.100.7"), "the network, not the address");
    let stopped = page.matches("他人の疑いがあるため、送りませんでした").count();
    assert!((1..=2).contains(&stopped), "one line, or two with the alert between them: {page}");
}

async fn an_owner_who_cannot_wait(server: &TestServer) {
    let history = History::new(server).await;
    let (site, home) = (&history.site, ("127.0.0.1", IPHONE));
    history.later(60);
    let begun = sign_in(site, home, None).await;
    let again = format!("/api/v1/sign-ins/{}/resend", begun.text("/id"));
    let mut sent = 0;
    // He clicks twice, each time.
    for _ in 0..10 {
        history.seconds_later(17);
        server.settled().await;
        sent += usize::from(site.post_json(&again, &json!({})).await.status == 202);
        history.seconds_later(1);
        site.post_json(&again, &json!({})).await.expect(429);
    }
    assert_eq!(sent, 2, "each after its pause");
    assert_eq!(codes_that_came(server).await, 3);
    let ja = [NOBODY_NEW.0, "続けて10回、送り直しが押されました", "認証アプリを使ってください"];
    let en = [NOBODY_NEW.1, "pressed 10 times in a row"];
    says(&history, "impatient_owner", ("impatient_owner", "only_known"), [&ja, &en]).await;
    for _ in 0..5 {
        history.seconds_later(5);
        site.post_json(&again, &json!({})).await.expect(429);
    }
    let page = history.person.browser.get("/security/messages?lang=ja").await.expect(200).body;
    assert!(page.contains("続けて10回"), "more of them say no more: {page}");
}

async fn a_site_whose_program_repeats_itself(server: &TestServer) {
    let history = History::new(server).await;
    let (site, home) = (&history.site, ("127.0.0.1", IPHONE));
    history.later(60);
    let device = complete(server, site, &sign_in(site, home, None).await).await;
    history.later(60);
    let verdict = async || history.site.get(&format!("{}/messages", history.at)).await.expect(200).text("/verdict");
    let other = server.site().await;
    sign_in(site, home, Some(&device)).await;
    history.seconds_later(1);
    sign_in(&other, home, Some(&device)).await;
    assert_eq!(verdict().await, "none", "two sites at once are no loop");
    history.later(20);
    for _ in 0..3 {
        sign_in(site, home, Some(&device)).await;
        history.seconds_later(1);
    }
    assert_eq!(codes_that_came(server).await, 5);
    let ja = [NOBODY_NEW.0, "こちらの不具合です", "同じ依頼を2回、自動で繰り返しました", "知られたわけではありません"];
    let en = [NOBODY_NEW.1, "our fault", "repeated the same request 2 times"];
    says(&history, "own_bug_retries", ("own_bug", "only_known"), [&ja, &en]).await;
}

/// Whoever has only the password sees that the message did not arrive; why, its owner alone is told.
async fn a_stranger_is_told_no_word_of_the_carrier(server: &TestServer) {
    let history = History::new(server).await;
    history.later(60);
    let stranger = history.person.with(server.browser());
    assert_eq!(stranger.type_password().await, "/sign-in/code");
    server.phone.last_sms(PHONE).await;
    history.number_is_refused().await;
    for (lang, told, why) in [
        ("ja", "SMSを届けられませんでした", "番号が使えないと、電話会社が答えました"),
        ("en", "The SMS could not be delivered", "The phone company says the number cannot be used"),
    ] {
        let waiting = stranger.browser.get(&format!("/sign-in/code?lang={lang}")).await.expect(200).body;
        assert!(waiting.contains(told), "{waiting}");
        assert!(!waiting.contains(why) && !waiting.contains("destination_refused"), "{waiting}");
        let ledger = history.person.browser.get(&format!("/security/messages?lang={lang}")).await.expect(200).body;
        assert!(ledger.contains(why), "its owner is told: {ledger}");
    }
}

async fn what_is_not_sent_says_until_when(server: &TestServer) {
    let history = History::new(server).await;
    history.later(60);
    for _ in 0..3 {
        let browser = history.person.with(server.browser());
        assert_eq!(browser.type_password().await, "/sign-in/code");
        server.phone.last_sms(PHONE).await;
        history.later(1);
    }
    let fourth = history.person.with(server.browser());
    assert_eq!(fourth.type_password().await, "/sign-in/code");
    let page = async |lang: &str| fourth.browser.get(&format!("/sign-in/code?lang={lang}")).await.expect(200).body;
    let told = page("ja").await;
    assert!(told.contains("このログインには、SMSをお送りできませんでした（10:03）。"), "{told}");
    assert!(told.contains("10:13を過ぎてから、もう一度ログインしてください。"), "{told}");
    assert!(page("en").await.contains("Sign in again after 10:13."), "{told}");
    assert!(!told.contains("5678") && !told.contains("198.51") && !told.contains("Chrome"), "nothing else: {told}");
    history.later(11);
    let later = page("ja").await;
    assert!(!later.contains("10:13"), "what is past is not said: {later}");
    wait_for("codes that died to be looked at", async || {
        server.app.codes_died.are_looked_at(server.app.clock.now()).then_some(())
    })
    .await;
    assert_eq!(codes_that_came(server).await, 0);
}
