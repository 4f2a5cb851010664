//! Somebody signs up, and the code comes by mail: pages, ledger, worker, mail server.

use std::time::Duration;

use nidan::config::Route;
use nidan::config::ways::{SmtpTls, Way};
use nidan::store::Engine;
use nidan_core::message::Channel;
use nidan_core::time::Span;
use serde_json::Value;

use super::MailServer;
use crate::app::TestServer;
use crate::client::Client;

/// A server whose e-mails go to `mail_server`.
async fn start(engine: Engine, mail_server: &MailServer) -> TestServer {
    let way = Way::Smtp(mail_server.route("starttls", SmtpTls::Required));
    TestServer::start_with(engine, |settings| {
        settings.routes.retain(|route| route.channel != Channel::Email);
        let name = "mail".to_owned();
        let (channel, countries, number_kinds, cost) = (Channel::Email, None, None, None);
        settings.routes.push(Route { name, channel, countries, number_kinds, cost, way });
    })
    .await
}

async fn ask_for_an_account(server: &TestServer, email: &str) -> Client {
    let browser = server.browser();
    browser.get("/sign-up").await.expect(200);
    let form = [("email", email), ("password", "kuruma-to-12-no-mikan")];
    assert_eq!(browser.post_form("/sign-up", &form).await.status, 303);
    browser.get("/sign-up/code").await.expect(200);
    browser
}

/// Types the code of a mail, and is let in.
async fn type_the_code(browser: &Client, mail: &Value) {
    let text = mail["text"].as_str().expect("a plain part");
    let code = text.lines().find_map(|line| line.strip_prefix("確認コード: ").or(line.strip_prefix("Code: ")));
    let code = code.unwrap_or_else(|| panic!("no code in {text}"));
    assert!(mail["html"].as_str().is_some_and(|html| html.contains(&format!(">{code}</p>"))), "{mail}");
    let answer = browser.post_form("/sign-up/code", &[("code", code)]).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/setup")), "{}", answer.body);
}

async fn the_code_of_a_sign_up_is_in_the_mailbox(engine: Engine) {
    let mut mail_server = MailServer::start().await;
    let server = start(engine, &mail_server).await;
    let browser = ask_for_an_account(&server, "hanako@example.jp").await;
    let mail = mail_server.next().await;
    assert_eq!(mail["to"][0], "hanako@example.jp");
    type_the_code(&browser, &mail).await;
    server.finish().await;
}

/// The server says "come again" first; the worker comes again by itself.
async fn a_greylisted_code_comes_later(engine: Engine) {
    let mut mail_server = MailServer::start().await;
    let server = start(engine, &mail_server).await;
    let browser = ask_for_an_account(&server, "grey@example.jp").await;
    let mut waited = 0;
    let mail = loop {
        match tokio::time::timeout(Duration::from_millis(500), mail_server.next()).await {
            Ok(mail) => break mail,
            Err(_) => {
                waited += 1;
                assert!(waited < 40, "it never came again");
                server.clock.advance(Span::seconds(5));
            }
        }
    };
    type_the_code(&browser, &mail).await;
    server.finish().await;
}

macro_rules! on_both {
    ($($name:ident)+) => { $(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                super::$name(super::Engine::Sqlite).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                super::$name(super::Engine::Postgres).await;
            }
        }
    )+ };
}
on_both! { the_code_of_a_sign_up_is_in_the_mailbox a_greylisted_code_comes_later }
