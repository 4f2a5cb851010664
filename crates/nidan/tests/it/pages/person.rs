//! Somebody with a browser, a phone, a mailbox and an authenticator app.

use nidan_core::time::Span;
use nidan_core::totp::{Seed, code_at};

use crate::app::TestServer;
use crate::client::{Answer, Client};
use crate::owner::seed_of;

/// The phone number in E.164.
pub const PHONE: &str = "+819012345678";
/// The e-mail address.
pub const EMAIL: &str = "hanako@example.jp";
/// The password.
pub const PASSWORD: &str = "kuruma-to-12-no-mikan";

/// Somebody who has an account.
pub struct Person {
    /// The browser.
    pub browser: Client,
    app: Seed,
}

/// Where an answer leads.
#[track_caller]
pub fn leads_to(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.header("location").expect("an address").to_owned()
}

/// Signs up as far as the page that asks for a phone number.
pub async fn confirmed_email(server: &TestServer) -> Client {
    let browser = server.browser();
    browser.get("/sign-up").await.expect(200);
    let answer = browser.post_form("/sign-up", &[("email", EMAIL), ("password", PASSWORD)]).await;
    assert_eq!(leads_to(&answer), "/sign-up/code");
    browser.get("/sign-up/code").await.expect(200);
    let code = server.phone.email_code(EMAIL).await;
    assert_eq!(leads_to(&browser.post_form("/sign-up/code", &[("code", &code)]).await), "/setup");
    browser
}

/// Gives the phone number and confirms it.
pub async fn confirm_phone(server: &TestServer, browser: &Client) {
    assert_eq!(leads_to(&browser.post_form("/setup/phone", &[("phone", "090-1234-5678")]).await), "/setup");
    let code = server.phone.sms_code(PHONE).await;
    assert_eq!(leads_to(&browser.post_form("/setup/phone/code", &[("code", &code)]).await), "/setup");
}

impl Person {
    /// Signed up with two methods, and signed in by that.
    pub async fn signed_up(server: &TestServer) -> Self {
        let browser = confirmed_email(server).await;
        browser.get("/setup").await.expect(200);
        confirm_phone(server, &browser).await;
        let page = browser.get("/setup").await.expect(200).body;
        let (_, uri) = page.split_once("href=\"otpauth://").expect("an address for the app");
        let uri = uri.split('"').next().unwrap_or_default().replace("&#38;", "&").replace("&amp;", "&");
        let person = Self { browser, app: seed_of(&uri) };
        let answer = person.browser.post_form("/setup/app", &[("code", &person.app_code(server))]).await;
        assert_eq!(leads_to(&answer), "/setup");
        assert!(person.browser.get("/setup").await.expect(200).body.contains("href=\"/security\""));
        server.phone.last_email(EMAIL).await;
        person
    }

    /// Likewise, and signed out.
    pub async fn signed_out(server: &TestServer) -> Self {
        let person = Self::signed_up(server).await;
        person.sign_out().await;
        // The app's code of this half minute is spent.
        server.clock.advance(Span::seconds(60));
        person
    }

    /// The same, or somebody who knows as much, with another browser.
    pub fn with(&self, browser: Client) -> Self {
        Self { browser, app: self.app.clone() }
    }

    /// What the app shows.
    pub fn app_code(&self, server: &TestServer) -> String {
        code_at(&self.app, server.app.clock.now().seconds() / 30).expose().clone()
    }

    /// Signs out.
    pub async fn sign_out(&self) {
        self.browser.get("/sign-out").await.expect(200);
        assert_eq!(leads_to(&self.browser.post_form("/sign-out", &[]).await), "/sign-in?notice=signed-out");
    }

    /// The first page of a sign-in; gives where it leads.
    pub async fn type_password(&self) -> String {
        self.browser.get("/sign-in").await.expect(200);
        leads_to(&self.browser.post_form("/sign-in", &[("email", EMAIL), ("password", PASSWORD)]).await)
    }

    /// The second page.
    pub async fn type_code(&self, code: &str, trust: bool) -> Answer {
        let mut fields = vec![("code", code)];
        if trust {
            fields.push(("trust_device", "yes"));
        }
        self.browser.post_form("/sign-in/code", &fields).await
    }
}
