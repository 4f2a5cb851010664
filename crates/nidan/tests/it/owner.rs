//! The owner of an account, as a site sees it through the API.

use nidan_core::time::Timestamp;
use nidan_core::totp::{Seed, code_at};
use serde_json::{Value, json};

use crate::app::TestServer;
use crate::client::{Answer, Client};

/// The owner's number in E.164.
pub const PHONE: &str = "+819012345678";
/// The owner's e-mail address.
pub const EMAIL: &str = "taro@example.jp";
/// The owner's password.
pub const PASSWORD: &str = "correct horse battery";

/// An owner with an account.
pub struct Owner {
    /// `/api/v1/accounts/acc_…`
    pub at: String,
    /// The account's id.
    pub id: String,
    /// The app's secret, if there is an app.
    pub app: Option<App>,
}

/// An authenticator app.
pub struct App {
    /// The method's id.
    pub id: String,
    seed: Seed,
}

impl App {
    /// Connects to what the server showed.
    pub fn connect(added: &Answer) -> Self {
        Self { id: added.text("/id"), seed: seed_of(&added.text("/otpauth_uri")) }
    }

    /// What it shows at this time.
    pub fn code(&self, now: Timestamp) -> String {
        code_at(&self.seed, now.seconds() / 30).expose().clone()
    }
}

/// The secret in what a QR code says.
pub fn seed_of(otpauth_uri: &str) -> Seed {
    let (_, rest) = otpauth_uri.split_once("secret=").expect("a secret");
    let key = rest.split('&').next().unwrap_or_default();
    let mut bits = 0_u64;
    let mut bytes = Vec::new();
    for (place, letter) in key.bytes().enumerate() {
        let value = if letter.is_ascii_digit() { letter - b'2' + 26 } else { letter - b'A' };
        bits = bits << 5 | u64::from(value);
        if place % 8 == 7 {
            bytes.extend_from_slice(&bits.to_be_bytes()[3..]);
            bits = 0;
        }
    }
    Seed::from_slice(&bytes).expect("160 bits")
}

impl Owner {
    /// With an account and nothing else.
    pub async fn new(site: &Client) -> Self {
        Self::of(site, json!({"email": EMAIL, "email_verified": true, "password": PASSWORD})).await
    }

    /// Of an account made of this.
    pub async fn of(site: &Client, account: Value) -> Self {
        let made = site.post_json("/api/v1/accounts", &account).await.expect(201);
        Self { at: made.header("location").expect("its address").to_owned(), id: made.text("/id"), app: None }
    }

    /// With an account, a phone and an app.
    pub async fn with_two_methods(server: &TestServer, site: &Client) -> Self {
        let mut owner = Self::new(site).await;
        owner.add_phone(server, site).await;
        owner.add_app(server, site).await;
        server.phone.last_email(EMAIL).await;
        owner
    }

    /// Adds a phone and confirms it; gives the method's id.
    pub async fn add_phone(&self, server: &TestServer, site: &Client) -> String {
        let phone = json!({"type": "sms", "role": "primary", "phone": "090-1234-5678", "lives_on": "iPhone"});
        let added = site.post_json(&format!("{}/authenticators", self.at), &phone).await.expect(201);
        let code = server.phone.sms_code(PHONE).await;
        self.confirm(site, &added.text("/id"), &code).await.expect(200);
        added.text("/id")
    }

    /// Adds an app and confirms it.
    pub async fn add_app(&mut self, server: &TestServer, site: &Client) {
        let app = json!({"type": "totp", "role": "backup"});
        let added = site.post_json(&format!("{}/authenticators", self.at), &app).await.expect(201);
        let app = App::connect(&added);
        self.confirm(site, &app.id, &app.code(server.app.clock.now())).await.expect(200);
        self.app = Some(app);
    }

    /// Confirms a method by a code.
    pub async fn confirm(&self, site: &Client, method: &str, code: &str) -> Answer {
        let path = format!("{}/authenticators/{method}/confirm", self.at);
        site.post_json(&path, &json!({"code": code})).await
    }

    /// Begins a sign-in with the password.
    pub async fn sign_in(&self, site: &Client) -> Answer {
        site.post_json("/api/v1/sign-ins", &self.password()).await
    }

    /// What a sign-in begins with.
    pub fn password(&self) -> Value {
        json!({
            "account": {"id": self.id},
            "password": PASSWORD,
            "client": {"ip": "203.0.113.9", "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"},
        })
    }
}
