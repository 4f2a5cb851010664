//! The words that the stories are told in.
//!
//! An [`Owner`] has an account with both methods. Whoever knows the password [`World::p`]resents it, at one of two
//! [`Door`]s, and holds a [`SignIn`], where codes are [`SignIn::v`]erified.

use std::sync::atomic::{AtomicU32, Ordering};

use nidan::app::ManualClock;
use nidan_core::time::{Span, Timestamp};
use nidan_core::totp::{STEP_SECONDS, Seed, code_at, step_at};
use serde_json::{Value, json};

use crate::app::TestServer;
use crate::client::{Answer, Client};

pub const PASSWORD: &str = "correct horse battery staple";

/// Where somebody comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Through a site that calls the REST API.
    Site,
    /// Through the pages, with a browser.
    Browser,
}

pub const DOORS: [Door; 2] = [Door::Site, Door::Browser];

/// What was said to a typed code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Signed in, with this session.
    In(String),
    /// Let in to set up, and no further.
    Setup(String),
    Wrong,
    AlreadyUsed,
    Expired,
    UsedUp,
    NotACode,
    /// Not compared: it would be too weak a proof by now.
    TooWeak,
    /// Sent away with this status, and no word about the code.
    Away(u16),
}

impl Said {
    /// Whether it opened anything at all.
    pub fn is_in(&self) -> bool {
        matches!(self, Self::In(_) | Self::Setup(_))
    }

    /// Whether a code was compared.
    pub fn is_evaluated(&self) -> bool {
        self.is_in() || *self == Self::Wrong
    }

    /// The session's token.
    pub fn session(self) -> String {
        match self {
            Self::In(token) | Self::Setup(token) => token,
            other => panic!("not let in: {other:?}"),
        }
    }

    fn at_site(answer: &Answer) -> Self {
        if answer.status == 200 {
            let token = answer.text("/session_token");
            return match answer.text("/status").as_str() {
                "signed_in" => Self::In(token),
                "setup_required" => Self::Setup(token),
                other => panic!("a status after a code: {other}"),
            };
        }
        if answer.status != 422 {
            return Self::Away(answer.status);
        }
        match answer.text("/verdict").as_str() {
            "wrong" => Self::Wrong,
            "already_used" => Self::AlreadyUsed,
            "expired" => Self::Expired,
            "used_up" => Self::UsedUp,
            "not_a_code" => Self::NotACode,
            "stronger_proof_needed" => Self::TooWeak,
            other => panic!("no verdict: {other}"),
        }
    }

    fn in_browser(answer: &Answer) -> Self {
        let session = answer.new_cookie("__Host-nidan_session");
        match (answer.header("location"), session) {
            (Some("/security"), Some(token)) => return Self::In(token),
            (Some("/setup"), Some(token)) => return Self::Setup(token),
            (_, Some(_)) => panic!("a session that leads nowhere: {answer:?}"),
            (_, None) => {}
        }
        let alerts = [
            ("This code is wrong", Self::Wrong),
            ("This code has been used", Self::AlreadyUsed),
            ("The time for this code is over", Self::Expired),
            ("too many wrong codes", Self::UsedUp),
            ("Enter the 6 digits of the code.", Self::NotACode),
            ("this code is not enough any more", Self::TooWeak),
        ];
        let said = alerts.into_iter().find(|(text, _)| answer.status == 422 && answer.body.contains(text));
        said.map_or(Self::Away(answer.status), |(_, said)| said)
    }
}

impl Answer {
    /// The value of a cookie that this answer sets.
    pub fn new_cookie(&self, name: &str) -> Option<String> {
        let lines = self.headers.iter().filter(|(header, _)| header == "set-cookie");
        let pairs = lines.filter_map(|(_, line)| line.split(';').next()?.split_once('='));
        let mut values = pairs.filter(|(known, value)| *known == name && !value.is_empty());
        values.next().map(|(_, value)| value.to_owned())
    }
}

/// Everybody and everything in one story.
pub struct World<'a> {
    pub server: &'a TestServer,
    /// The marketplace, whose key may do everything.
    pub site: Client,
    born: AtomicU32,
}

/// Somebody with an account, a phone and an authenticator app.
pub struct Owner {
    pub email: String,
    pub phone: String,
    pub account: String,
    /// The phone as a method.
    pub sms: String,
    /// The app as a method.
    pub app: String,
    pub seed: Seed,
    /// The code that confirmed the app.
    pub first_app_code: String,
}

impl Owner {
    /// What the app shows at `now`.
    pub fn app_code(&self, now: Timestamp) -> String {
        code_at(&self.seed, step_at(now)).expose().clone()
    }
}

impl<'a> World<'a> {
    pub async fn new(server: &'a TestServer) -> Self {
        Self { server, site: server.site().await, born: AtomicU32::new(0) }
    }

    pub fn clock(&self) -> &ManualClock {
        &self.server.clock
    }

    pub fn now(&self) -> Timestamp {
        self.server.app.clock.now()
    }

    /// Turns the clock to the beginning of the next step of all apps.
    pub fn next_step(&self) -> Timestamp {
        let begin = Timestamp::from_ms((step_at(self.now()) + 1) * STEP_SECONDS * 1000);
        self.clock().set(begin);
        begin
    }

    /// An account without methods, its address confirmed.
    pub async fn newcomer(&self, name: &str) -> (String, String) {
        let email = format!("{name}@example.jp");
        let body = json!({"email": email, "email_verified": true, "password": PASSWORD, "language": "en"});
        let account = self.site.post_json("/api/v1/accounts", &body).await.expect(201).text("/id");
        (account, email)
    }

    /// A number that nobody has.
    pub fn new_number(&self) -> String {
        format!("+8190{:08}", 12_340_000 + self.born.fetch_add(1, Ordering::Relaxed))
    }

    /// Somebody who has set up both methods. The clock stands at the beginning of a step that no code was used of.
    pub async fn owner(&self, name: &str) -> Owner {
        let (account, email) = self.newcomer(name).await;
        let phone = self.new_number();
        let sms = self.add(&account, json!({"type": "sms", "role": "primary", "phone": phone})).await.text("/id");
        let code = self.server.phone.sms_code(&phone).await;
        self.confirm(&account, &sms, &code).await.expect(200);
        let added = self.add(&account, json!({"type": "totp", "role": "backup"})).await;
        let (app, seed) = (added.text("/id"), seed_in(&added.text("/otpauth_uri")));
        let first_app_code = code_at(&seed, step_at(self.now())).expose().clone();
        self.confirm(&account, &app, &first_app_code).await.expect(200);
        self.server.phone.last_email(&email).await; // two-step verification is on
        self.next_step();
        Owner { email, phone, account, sms, app, seed, first_app_code }
    }

    /// A method is added.
    pub async fn add(&self, account: &str, method: Value) -> Answer {
        self.site.post_json(&format!("/api/v1/accounts/{account}/authenticators"), &method).await.expect(201)
    }

    /// A pending method is confirmed.
    pub async fn confirm(&self, account: &str, method: &str, code: &str) -> Answer {
        let path = format!("/api/v1/accounts/{account}/authenticators/{method}/confirm");
        self.site.post_json(&path, &json!({"code": code})).await
    }

    /// The password is presented: what the site is answered.
    pub async fn ask_site(&self, owner: &Owner, device_token: Option<&str>) -> Answer {
        let mut body = sign_in_body(&owner.email);
        if let Some(token) = device_token {
            body["client"]["device_token"] = json!(token);
        }
        self.site.post_json("/api/v1/sign-ins", &body).await
    }

    /// A browser that shows the pages in English.
    pub fn browser(&self) -> Client {
        let browser = self.server.browser();
        browser.set_cookie("__Host-nidan_lang", "en");
        browser
    }

    /// **P**: somebody who knows the password presents it, and a code goes to the owner's phone.
    pub async fn p(&self, door: Door, owner: &Owner) -> SignIn<'_> {
        self.p_with(door, owner, self.browser()).await
    }

    /// Likewise, with a browser that was used before.
    pub async fn p_with(&self, door: Door, owner: &Owner, browser: Client) -> SignIn<'_> {
        let begun = self.p_unseen(door, owner, browser).await;
        SignIn { sms_code: self.server.phone.sms_code(&owner.phone).await, ..begun }
    }

    /// Likewise, by somebody who does not see the phone.
    pub async fn p_unseen(&self, door: Door, owner: &Owner, browser: Client) -> SignIn<'_> {
        let id = match door {
            Door::Site => {
                let begun = self.ask_site(owner, None).await.expect(201);
                assert_eq!(begun.text("/status"), "code_required");
                begun.text("/id")
            }
            Door::Browser => {
                browser.get("/sign-in").await.expect(200);
                let begun = browser.post_form("/sign-in", &[("email", &owner.email), ("password", PASSWORD)]).await;
                assert_eq!((begun.status, begun.header("location")), (303, Some("/sign-in/code")), "{}", begun.body);
                browser.get("/sign-in/code").await.expect(200);
                String::new()
            }
        };
        SignIn { world: self, door, browser, id, sms_code: String::new() }
    }

    /// Likewise, and guesses at the app's code.
    pub async fn p_guessing(&self, door: Door, owner: &Owner) -> SignIn<'_> {
        let sign_in = self.p_unseen(door, owner, self.browser()).await;
        sign_in.turn_to(&owner.app).await;
        sign_in
    }

    /// Likewise, with a browser that may hold anything.
    pub async fn p_from_anywhere(&self, owner: &Owner, browser: Client) -> SignIn<'_> {
        browser.get("/sign-up").await;
        browser.get("/security").await;
        let begun = browser.post_form("/sign-in", &[("email", &owner.email), ("password", PASSWORD)]).await;
        assert_eq!((begun.status, begun.header("location")), (303, Some("/sign-in/code")), "{}", begun.body);
        browser.get("/sign-in/code").await.expect(200);
        let sms_code = self.server.phone.sms_code(&owner.phone).await;
        SignIn { world: self, door: Door::Browser, browser, id: String::new(), sms_code }
    }

    /// Likewise, and the app's code is asked for instead.
    pub async fn p_app(&self, door: Door, owner: &Owner) -> SignIn<'_> {
        let sign_in = self.p(door, owner).await;
        sign_in.turn_to(&owner.app).await;
        sign_in
    }

    /// Signs the owner in with the code from the phone.
    pub async fn signed_in(&self, door: Door, owner: &Owner) -> (SignIn<'_>, String) {
        let sign_in = self.p(door, owner).await;
        let session = sign_in.v(&sign_in.sms_code).await;
        assert!(matches!(session, Said::In(_)), "{session:?}");
        (sign_in, session.session())
    }

    /// **W**: what a session is worth: `None`, or whether two steps were taken.
    pub async fn w(&self, session: &str) -> Option<bool> {
        let answer = self.site.post_json("/api/v1/sessions/check", &json!({"session_token": session})).await;
        match answer.status {
            200 => answer.json()["two_step"].as_bool(),
            404 => None,
            other => panic!("{other}: {}", answer.body),
        }
    }
}

/// What a site sends to begin a sign-in.
pub fn sign_in_body(email: &str) -> Value {
    json!({
        "account": {"email": email},
        "password": PASSWORD,
        "client": {"ip": "203.0.113.9", "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Firefox/128.0"},
    })
}

/// A sign-in whose second step is owed.
pub struct SignIn<'w> {
    world: &'w World<'w>,
    pub door: Door,
    /// The browser's cookie jar.
    pub browser: Client,
    /// Its name for the site.
    pub id: String,
    /// The code that went to the owner's phone.
    pub sms_code: String,
}

impl SignIn<'_> {
    /// **V**: a code is typed.
    pub async fn v(&self, code: &str) -> Said {
        self.v_trusting(code, false).await.0
    }

    /// Likewise, with or without the wish that this device be trusted; gives the device token as well.
    pub async fn v_trusting(&self, code: &str, trust: bool) -> (Said, Option<String>) {
        match self.door {
            Door::Site => {
                let path = format!("/api/v1/sign-ins/{}/code", self.id);
                let body = json!({"code": code, "trust_device": trust});
                let answer = self.world.site.post_json(&path, &body).await;
                let device = answer.json()["device_token"].as_str().map(str::to_owned);
                (Said::at_site(&answer), device)
            }
            Door::Browser => {
                let mut fields = vec![("code", code)];
                fields.extend(trust.then_some(("trust_device", "yes")));
                let answer = self.browser.post_form("/sign-in/code", &fields).await;
                (Said::in_browser(&answer), answer.new_cookie("__Host-nidan_device"))
            }
        }
    }

    /// Likewise, two codes of the app that follow each other.
    pub async fn v_pair(&self, [code, next]: [&str; 2]) -> Said {
        match self.door {
            Door::Site => {
                let path = format!("/api/v1/sign-ins/{}/code", self.id);
                Said::at_site(&self.world.site.post_json(&path, &json!({"code": code, "next_code": next})).await)
            }
            Door::Browser => {
                let fields = [("code", code), ("next_code", next)];
                Said::in_browser(&self.browser.post_form("/sign-in/code", &fields).await)
            }
        }
    }

    /// Likewise, many codes at a site's door, each on a connection of its own and all in the same moment.
    pub async fn v_at_once(&self, codes: &[String]) -> Vec<Said> {
        let bodies: Vec<Value> = codes.iter().map(|code| json!({"code": code})).collect();
        let path = format!("/api/v1/sign-ins/{}/code", self.id);
        self.world.site.post_json_at_once(&path, &bodies).await.iter().map(Said::at_site).collect()
    }

    /// What the site is answered when it passes a code on.
    pub async fn post_code(&self, code: &str) -> Answer {
        self.world.site.post_json(&format!("/api/v1/sign-ins/{}/code", self.id), &json!({"code": code})).await
    }

    /// Another method is to be used.
    pub async fn turn_to(&self, method: &str) {
        match self.door {
            Door::Site => {
                let path = format!("/api/v1/sign-ins/{}/resend", self.id);
                self.world.site.post_json(&path, &json!({"authenticator_id": method})).await.expect(202);
            }
            Door::Browser => {
                self.browser.get("/sign-in/other-ways").await.expect(200);
                self.browser.post_form("/sign-in/other-ways", &[("authenticator_id", method)]).await.expect(303);
                self.browser.get("/sign-in/code").await.expect(200);
            }
        }
    }

    /// The same sign-in in a copy of the browser.
    pub async fn copied(&self) -> Self {
        let browser = self.copied_browser().await;
        Self { world: self.world, door: self.door, browser, id: self.id.clone(), sms_code: self.sms_code.clone() }
    }

    /// A copy of the browser that has lost its session.
    pub async fn copied_browser_without_session(&self) -> Client {
        let copy = self.copied_browser().await;
        copy.set_cookie("__Host-nidan_session", "");
        copy
    }

    /// A copy of the browser with all its cookies, as a thief makes one who reads its disk.
    pub async fn copied_browser(&self) -> Client {
        copy_of(self.world.server, &self.browser, "/sign-in/code").await
    }
}

/// A copy of a browser with all its cookies, which has looked at the page `path`.
pub async fn copy_of(server: &TestServer, browser: &Client, path: &str) -> Client {
    let copy = server.browser();
    for name in ["session", "flow", "device", "browser", "lang"] {
        let name = format!("__Host-nidan_{name}");
        if let Some(value) = browser.cookie(&name) {
            copy.set_cookie(&name, &value);
        }
    }
    copy.get(path).await;
    copy
}

/// The seed in the address of a QR code.
pub fn seed_in(uri: &str) -> Seed {
    let (_, rest) = uri.split_once("secret=").expect("a secret");
    let letters = rest.split('&').next().expect("a secret");
    Seed::from_slice(&base32(letters)).expect("160 bits")
}

fn base32(letters: &str) -> Vec<u8> {
    let mut bits = Vec::new();
    for letter in letters.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => panic!("not base32"),
        };
        bits.extend((0..5).rev().map(|place| value >> place & 1));
    }
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | bit)).collect()
}

/// Seconds after `begin`.
pub fn after(begin: Timestamp, seconds: i64) -> Timestamp {
    begin.plus(Span::seconds(seconds))
}
