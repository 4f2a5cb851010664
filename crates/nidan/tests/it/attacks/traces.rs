//! What is left behind: a whole server with its log turned up to the last detail, and then a search of its answers, its log
//! and its database for everything that is nobody else's business.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use nidan_core::totp::{Seed, code_at};
use serde_json::{Value, json};

use super::story::seed_in;
use crate::app::wait_for;
use crate::client::{Answer, Client};
use crate::postgres::TestDatabase;
use crate::store::Directory;

/// In every password, e-mail address and number, so that one search finds any.
pub(super) const IN_PASSWORDS: &str = "Kanarienvogel";
pub(super) const IN_ADDRESSES: &str = "uguisu.mejiro";
pub(super) const IN_NUMBERS: &str = "+8190777";
const OWNERS: usize = 12;
const SIGN_INS: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t42_nothing_secret_is_left_behind_on_sqlite() {
    let directory = Directory::new();
    let url = format!("sqlite:{}", directory.file().display());
    let left = live(&directory, &url).await;
    let hunt = left.hunt();
    for name in ["nidan.db", "nidan.db-wal"] {
        let Ok(bytes) = std::fs::read(directory.path().join(name)) else { continue };
        nothing(hunt.find(&bytes, Anything), name);
    }
    assert!(std::fs::metadata(directory.file()).expect("a database").len() > 100_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t42_nothing_secret_is_left_behind_on_postgres() {
    let (directory, database) = (Directory::new(), TestDatabase::migrated().await);
    let left = live(&directory, &database.url_text()).await;
    let admin = database.connect().await;
    let tables = admin.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", &[]).await.expect("tables");
    assert!(tables.len() > 10);
    let mut dump = String::new();
    for table in tables {
        let name: String = table.get(0);
        let rows = admin.query(&format!("SELECT t::text FROM {name} t"), &[]).await.expect("rows");
        rows.iter().for_each(|row| dump = format!("{dump}{}\n", row.get::<_, String>(0)));
    }
    assert!(dump.len() > 100_000);
    nothing(left.hunt().find(dump.as_bytes(), Anything), "the dump");
}

/// Where something may be shown: an answer gives an owner's address back, and a token to whom it was made for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowed {
    Anything,
    InAnAnswer,
}
pub(super) use Allowed::{Anything, InAnAnswer};

/// Everything that must not be found.
#[derive(Default)]
pub(super) struct Secrets {
    pub(super) codes: HashSet<String>,
    pub(super) tokens: HashSet<String>,
    seeds: Vec<Seed>,
}

impl Secrets {
    fn tokens_in(&mut self, answer: &Answer) {
        for text in [&answer.body].into_iter().chain(answer.headers.iter().map(|(_, value)| value)) {
            let tokens = words(text).filter(|word| ["nds_", "ndd_", "ndf_"].iter().any(|kind| word.starts_with(kind)));
            self.tokens.extend(tokens.map(str::to_owned));
        }
    }

    pub(super) fn hunt(&self) -> Hunt<'_> {
        let mut parts = Vec::new();
        for (what, marker) in [("a password", IN_PASSWORDS), (ADDRESS, IN_ADDRESSES), ("a number", IN_NUMBERS)] {
            parts.extend(disguises(marker.as_bytes()).into_iter().map(|disguise| (what, disguise)));
        }
        for seed in &self.seeds {
            parts.push(("a seed", seed.display_key().expose().clone()));
            parts.extend(disguises(seed.as_bytes()).into_iter().map(|disguise| ("a seed", disguise)));
        }
        let codes = self.codes.iter().flat_map(|code| disguises(code.as_bytes())).collect();
        let tokens = self.tokens.iter().take(200).flat_map(|token| disguises(token.as_bytes())).collect();
        Hunt { secrets: self, parts, codes, tokens }
    }
}

const ADDRESS: &str = "an address";

/// What is looked for: each secret as it is and in every usual disguise.
pub(super) struct Hunt<'s> {
    secrets: &'s Secrets,
    parts: Vec<(&'static str, String)>,
    codes: HashSet<String>,
    tokens: Vec<String>,
}

impl Hunt<'_> {
    /// What kind of secret lies in `bytes`, if any.
    pub(super) fn find(&self, bytes: &[u8], allowed: Allowed) -> Option<String> {
        let text = String::from_utf8_lossy(bytes);
        let part = self
            .parts
            .iter()
            .find(|(what, part)| !(allowed == InAnAnswer && *what == ADDRESS) && text.contains(part.as_str()));
        if let Some((what, disguise)) = part {
            return Some(format!("{what} as {disguise}"));
        }
        if self.secrets.seeds.iter().any(|seed| bytes.windows(20).any(|window| window == seed.as_bytes())) {
            return Some("a seed".to_owned());
        }
        let runs = text.split(|c: char| !c.is_ascii_alphanumeric());
        let code = runs.into_iter().find(|run| self.codes.contains(*run));
        let token = || words(&text).find(|word| self.secrets.tokens.contains(*word)).map(str::to_owned);
        let disguised = || self.tokens.iter().find(|disguise| text.contains(disguise.as_str())).cloned();
        match (code, allowed) {
            (Some(code), _) => Some(format!("the code {code}")),
            (None, InAnAnswer) => None,
            (None, Anything) => token().or_else(disguised).map(|token| format!("the token {token}")),
        }
    }
}

/// What may be a token.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
}

#[track_caller]
pub(super) fn nothing(found: Option<String>, place: &str) {
    assert_eq!(found, None, "in {place}");
}

#[test]
fn t42_the_search_finds_what_is_planted() {
    let secrets = Secrets {
        codes: HashSet::from(["482916".to_owned()]),
        tokens: HashSet::from([format!("nds_{}", "Ab-_9xYz".repeat(10))]),
        seeds: vec![Seed::new(*b"seed of twenty bytes")],
    };
    let hunt = secrets.hunt();
    let token = secrets.tokens.iter().next().expect("one").clone();
    let planted: [&[u8]; 6] = [
        format!("der {IN_PASSWORDS} im Bergwerk").as_bytes().to_vec().leak(),
        format!("<{IN_ADDRESSES}.1@example.jp>").as_bytes().to_vec().leak(),
        b"to +819077711000.",
        b"code=482916;",
        token.as_bytes().to_vec().leak(),
        b"\0\xffseed of twenty bytes\0",
    ];
    for plain in planted {
        assert!(hunt.find(plain, Anything).is_some(), "{plain:?}");
        for (name, encoded) in [
            ("base64", STANDARD_NO_PAD.encode(plain)),
            ("base64 for addresses", URL_SAFE_NO_PAD.encode(plain)),
            ("a list of numbers", format!("{plain:?}")),
            ("hexadecimal", plain.iter().map(|byte| format!("{byte:02x}")).collect()),
        ] {
            // A code is six letters: hidden in something longer it is nobody's to find.
            let encoded = if plain.starts_with(b"code") { STANDARD_NO_PAD.encode(b"482916") } else { encoded };
            assert!(hunt.find(format!("row {encoded} row").as_bytes(), Anything).is_some(), "{name} of {plain:?}");
        }
    }
    assert_eq!(hunt.find(b"1482916 482917 nds_ Kanarie uguisu", Anything), None);
    assert_eq!(hunt.find(format!("{token} {IN_ADDRESSES}").as_bytes(), InAnAnswer), None);
}

/// `bytes` in hexadecimal, base32, URL-encoded, as a list of numbers, and in base64 of whatever stands before and after.
pub(super) fn disguises(bytes: &[u8]) -> Vec<String> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
    let list = bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    let mut disguises = vec![hex.to_uppercase(), hex, percent, list, base32(bytes)];
    if let Ok(text) = std::str::from_utf8(bytes) {
        disguises.push(text.to_owned());
        disguises.extend([text.replace('+', "%2B"), text.replace('@', "%40")]);
    }
    for offset in 0..3 {
        let shifted = [&[0; 3][..offset], bytes].concat();
        let (start, end) = ((offset * 8).div_ceil(6), (shifted.len() * 8) / 6);
        for encoded in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            disguises.push(encoded[start..end].to_owned());
        }
    }
    disguises
}

fn base32(bytes: &[u8]) -> String {
    let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |place| byte >> place & 1)).collect();
    let letter = |five: &[u8]| {
        char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[five.iter().fold(0, |sum, bit| sum * 2 + usize::from(*bit))])
    };
    bits.chunks_exact(5).map(letter).collect()
}

/// The real server in a process of its own.
pub(super) struct Running {
    child: Child,
    pub(super) address: SocketAddr,
    key: String,
    log: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The shipped program, its log turned up to the last detail.
pub(super) fn nidan(directory: &Directory) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nidan"));
    command.current_dir(directory.path()).env("NIDAN_LOG", "trace");
    command
}

impl Running {
    /// On the database at `url`, with these further settings.
    pub(super) fn start(directory: &Directory, url: &str, further: &str) -> Self {
        Self::logging("trace", directory, url, further)
    }

    /// Likewise, with a log of this level.
    pub(super) fn logging(level: &str, directory: &Directory, url: &str, further: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("bound");
        drop(free);
        let settings = format!(
            "[site]\nname = \"Shop\"\ndomain = \"example.jp\"\nurl = \"http://{address}\"\nlanguage = \"en\"\n\
             [listen]\npublic = \"{address}\"\n[database]\nurl = \"{url}\"\n[keys]\nfile = \"nidan.key\"\n{further}"
        );
        std::fs::write(directory.path().join("nidan.toml"), settings).expect("written");
        let run = |arguments: &[&str]| {
            let output = nidan(directory).args(arguments).args(["--config", "nidan.toml"]).output().expect("it runs");
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).expect("text")
        };
        run(&["migrate"]);
        let printed = run(&["api-key", "create", "shop"]);
        let key = printed.split_whitespace().find(|word| word.starts_with("nsk_")).expect("a key").to_owned();
        let log = directory.path().join("log");
        let mut serve = nidan(directory);
        serve.env("NIDAN_LOG", level).args(["serve", "--config", "nidan.toml"]).stdout(Stdio::piped());
        let mut child = serve.stderr(std::fs::File::create(&log).expect("a file")).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("a line");
        assert!(line.starts_with("ready http://"), "{line} {}", std::fs::read_to_string(&log).unwrap_or_default());
        Self { child, address, key, log }
    }

    /// Its process.
    pub(super) fn process(&self) -> u32 {
        self.child.id()
    }

    /// A key that may do everything.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// A site whose key may do everything.
    pub(super) fn site(&self) -> Client {
        Client::site(self.address, &self.key)
    }

    /// Asks it to stop, as an operator does, and gives its log without the times: six digits behind a dot.
    pub(super) fn stop(mut self) -> String {
        let told = Command::new("kill").arg(self.child.id().to_string()).status().expect("kill");
        assert!(told.success() && self.child.wait().expect("it ends").success());
        let mut log = Vec::new();
        std::fs::File::open(&self.log).expect("a log").read_to_end(&mut log).expect("readable");
        let lines = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = lines.lines().filter_map(|line| Some(line.split_once(' ')?.1)).collect();
        lines.join("\n")
    }
}

/// One life of a server; its answers and log are searched already.
async fn live(directory: &Directory, url: &str) -> Secrets {
    let running = Running::start(directory, url, "[demo_phone]\nenabled = true\n");
    let mut life = Life { site: running.site(), running, secrets: Secrets::default(), answers: vec![] };
    for n in 0..OWNERS {
        life.owner(n).await;
    }
    let Life { running, mut secrets, answers, .. } = life;
    assert!(secrets.codes.len() > OWNERS * SIGN_INS && secrets.seeds.len() == OWNERS);
    secrets.tokens.insert(running.key.clone());
    let log = running.stop();
    let hunt = secrets.hunt();
    for (place, answer) in &answers {
        nothing(hunt.find(format!("{:?}\n{}", answer.headers, answer.body).as_bytes(), InAnAnswer), place);
    }
    assert!(log.contains("nidan"), "a log");
    nothing(hunt.find(log.as_bytes(), Anything), "the log");
    secrets
}

struct Life {
    running: Running,
    site: Client,
    secrets: Secrets,
    answers: Vec<(String, Answer)>,
}

impl Life {
    /// A call whose answer is searched later.
    async fn call(&mut self, path: &str, body: Value) -> Value {
        let answer = self.site.post_json(&format!("/api/v1{path}"), &body).await;
        self.secrets.tokens_in(&answer);
        let json = serde_json::from_str(&answer.body).unwrap_or_default();
        self.answers.push((path.to_owned(), answer));
        json
    }

    /// The code in the newest message to somebody.
    async fn code(&mut self, to: &str, messages: usize) -> String {
        let path = format!("/demo/phone.json?to={}", to.trim_start_matches('+').replace('@', "%40"));
        let reader = Client::browser(self.running.address);
        let text = wait_for("a message", async || {
            let shown = reader.get(&path).await.expect(200).json();
            let all = shown.as_array().expect("a list");
            (all.len() == messages).then(|| all[0]["text"].as_str().unwrap_or_default().to_owned())
        });
        let text = text.await;
        let digits = text.split(|c: char| !c.is_ascii_digit()).find(|run| run.len() == 6).expect("a code").to_owned();
        self.secrets.codes.insert(digits.clone());
        digits
    }

    /// Somebody's whole life with the server: by the pages into it, by the site from then on.
    async fn owner(&mut self, n: usize) {
        let (email, password) = (format!("{IN_ADDRESSES}.{n}@example.jp"), format!("{IN_PASSWORDS} im Bergwerk {n}"));
        let phone = format!("{IN_NUMBERS}{:05}", 11_000 + n);
        let browser = Client::browser(self.running.address);
        browser.get("/sign-up").await.expect(200);
        let credentials = [("email", email.as_str()), ("password", password.as_str())];
        self.page(&browser, "/sign-up", &credentials).await;
        let code = self.code(&email, 1).await;
        self.page(&browser, "/sign-up/code", &[("code", &wrong(&code))]).await;
        self.page(&browser, "/sign-up/code", &[("code", &code)]).await;
        self.page(&browser, "/setup/phone", &[("phone", &phone)]).await;
        let code = self.code(&phone, 1).await;
        self.page(&browser, "/setup/phone/code", &[("code", &code)]).await;
        let seed = self.seed(&browser).await;
        let shown = code_at(&seed, step_now() - 1).expose().clone();
        self.secrets.seeds.push(seed);
        self.secrets.codes.insert(shown.clone());
        self.page(&browser, "/setup/app", &[("code", &shown)]).await;
        let done = browser.get("/security").await.expect(200);
        self.answers.push(("/security".to_owned(), done));
        self.signs_in(&email, &password, &phone).await;
    }

    /// A form is sent, and the page after it is looked at. Both are searched later, but for the page with the key to type.
    async fn page(&mut self, browser: &Client, path: &str, fields: &[(&str, &str)]) {
        let answer = browser.post_form(path, fields).await;
        assert!(matches!(answer.status, 303 | 422), "{path}: {} {}", answer.status, answer.body);
        self.secrets.tokens_in(&answer);
        let next = answer.header("location").map(str::to_owned);
        self.answers.push((path.to_owned(), answer));
        let Some(next) = next else { return };
        let shown = browser.get(&next).await.expect(200);
        if !shown.body.contains("otpauth://") {
            self.answers.push((next, shown));
        }
    }

    /// The key that the setting-up shows to be typed.
    async fn seed(&mut self, browser: &Client) -> Seed {
        let shown = browser.get("/setup").await.expect(200);
        let (_, uri) = shown.body.split_once("otpauth://").expect("an address for the app");
        seed_in(&uri.replace("&amp;", "&"))
    }

    async fn signs_in(&mut self, email: &str, password: &str, phone: &str) {
        let client =
            json!({"ip": "203.0.113.9", "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Firefox/128.0"});
        let mut device = None;
        for n in 0..SIGN_INS {
            let mut body = json!({"account": {"email": email}, "password": password, "client": client});
            body["password"] = json!(format!("{password}!"));
            self.call("/sign-ins", body.clone()).await;
            body["password"] = json!(password);
            let begun = self.call("/sign-ins", body.clone()).await;
            let path = format!("/sign-ins/{}/code", begun["id"].as_str().expect("a sign-in"));
            let code = self.code(phone, n + 2).await;
            self.call(&path, json!({"code": wrong(&code)})).await;
            self.call(&path, json!({"code": format!("{code}0")})).await;
            let done = self.call(&path, json!({"code": code, "trust_device": true})).await;
            assert_eq!(done["status"], "signed_in", "{done}");
            self.call("/sessions/check", json!({"session_token": done["session_token"]})).await;
            if let Some(token) = device.replace(done["device_token"].clone()) {
                body["client"]["device_token"] = token;
                let again = self.call("/sign-ins", body).await;
                assert_eq!(again["status"], "signed_in", "{again}");
            }
        }
    }
}

fn wrong(code: &str) -> String {
    crate::app::wrong(code)
}

/// The step of all apps by the machine's clock, which the real server goes by.
fn step_now() -> i64 {
    nidan_core::totp::step_at(nidan::app::Clock::system().now())
}
