//! What is left behind on the way to carriers: the shipped server with its log turned up to the last detail sends through a
//! short message centre, an HTTP gateway and a mail server, and is told receipts, true and forged.

use std::fmt::Write as _;
use std::path::Path;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nidan::config::ways::SmtpTls;
use serde_json::json;

use super::traces::{Anything, IN_ADDRESSES, IN_NUMBERS, IN_PASSWORDS, Running, Secrets, nidan, nothing};
use crate::app::wait_for;
use crate::client::Client;
use crate::gateways::stub::{Reply, Stub};
use crate::mail::MailServer;
use crate::smsc::Smsc;
use crate::store::Directory;

/// What the carriers know us by: eight letters at most, as SMPP has it.
const SMPP_PASSWORD: &str = "Zilpzalp";
const GATEWAY_SECRET: &str = "Rotkehlchen";
const SMTP_PASSWORD: &str = "open sesame";

struct Carriers {
    smsc: Smsc,
    gateway: Stub,
    mail: MailServer,
}

impl Carriers {
    async fn start() -> Self {
        let taken = Reply::Json(201, json!({"sid": "SM1"}));
        Self {
            smsc: Smsc::start_with(&["--password", SMPP_PASSWORD]),
            gateway: Stub::start(vec![taken]).await,
            mail: MailServer::start().await,
        }
    }

    fn settings(&self) -> String {
        let mail = self.mail.route("starttls", SmtpTls::Required);
        let ca_file = mail.ca_file.expect("a certificate");
        format!(
            "[[route]]\nname = \"centre\"\nchannel = \"sms\"\nkind = \"smpp\"\nhost = \"localhost\"\nport = {}\n\
             system_id = \"nidan\"\npassword = \"{SMPP_PASSWORD}\"\nsender = \"Example\"\n\
             [[route]]\nname = \"gateway\"\nchannel = \"sms\"\nkind = \"http\"\ndriver = \"twilio\"\nurl = \"{}\"\n\
             account = \"AC1\"\nsecret = \"{GATEWAY_SECRET}\"\nsender = \"+815012345678\"\n\
             [[route]]\nname = \"mail\"\nchannel = \"email\"\nkind = \"smtp\"\nurl = \"smtp://localhost:{}?tls=required\"\n\
             user = \"nidan\"\npassword = \"{SMTP_PASSWORD}\"\nca_file = \"{}\"\nfrom = \"Shop <no-reply@example.jp>\"\n",
            self.smsc.port(),
            self.gateway.url(),
            mail.port,
            ca_file.display(),
        )
    }

    /// Somebody signs up with this number; the codes of the mail and of the SMS.
    async fn sign_up(&mut self, running: &Running, number: &str) -> [String; 2] {
        let browser = Client::browser(running.address);
        browser.get("/sign-up").await.expect(200);
        let (email, password) =
            (format!("{IN_ADDRESSES}.{}@example.jp", &number[6..]), format!("{IN_PASSWORDS} im Berg"));
        let answer = browser.post_form("/sign-up", &[("email", &email), ("password", &password)]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let mail = code_in(self.mail.next().await["text"].as_str().expect("a text"));
        browser.post_form("/sign-up/code", &[("code", &mail)]).await.expect(303);
        browser.post_form("/setup/phone", &[("phone", number)]).await.expect(303);
        let sms = code_in(&self.sms(number).await);
        browser.post_form("/setup/phone/code", &[("code", &sms)]).await.expect(303);
        [mail, sms]
    }

    /// The text for this number, by whichever of the two brought it.
    async fn sms(&self, number: &str) -> String {
        let plain = number.trim_start_matches('+');
        wait_for("an SMS", async || {
            let by_centre = self.smsc.phone(plain).first().and_then(|sms| sms["text"].as_str().map(str::to_owned));
            by_centre.or_else(|| {
                let asked = self.gateway.asked();
                let mut fields = asked.first().map(|asked| url::form_urlencoded::parse(&asked.body))?;
                fields.find(|(name, _)| name == "Body").map(|(_, text)| text.into_owned())
            })
        })
        .await
    }
}

fn code_in(text: &str) -> String {
    text.split(|c: char| !c.is_ascii_digit()).find(|run| run.len() == 6).expect("a code").to_owned()
}

/// The gateway tells what became of its message; somebody else tries to.
async fn call_back(running: &Running, number: &str) {
    let teller = Client::browser(running.address);
    let fields = [("MessageSid", "SM1"), ("MessageStatus", "delivered"), ("To", number)];
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let mut signed = format!("http://{}/callbacks/gateway", running.address);
    fields.iter().for_each(|(name, value)| write!(signed, "{name}{value}").expect("a text"));
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, GATEWAY_SECRET.as_bytes());
    let good = STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
    let in_path = format!("/callbacks/gateway/{GATEWAY_SECRET}");
    for (path, signature, status) in
        [("/callbacks/gateway", good.as_str(), 200), ("/callbacks/gateway", "forged", 403), (&in_path, "", 404)]
    {
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("x-twilio-signature", signature)];
        let answer = teller.ask("POST", path, &headers, body.as_bytes()).await;
        assert_eq!(answer.status, status, "{path} {}", answer.body);
    }
}

/// What the two commands that touch carriers print, and log.
fn printed(directory: &Directory, number: &str) -> String {
    let run = |arguments: &[&str]| {
        let output = nidan(directory).args(arguments).args(["--config", "nidan.toml"]).output().expect("it runs");
        let (out, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let log: Vec<&str> = log.lines().map(|line| line.split_once(' ').map_or(line, |(_, said)| said)).collect();
        format!("{out}\n{}\n", log.join("\n"))
    };
    let (doctor, test) = (run(&["doctor"]), run(&["route", "test", number, "--json"]));
    assert!(["centre", "gateway", "mail"].iter().all(|route| doctor.contains(route)), "{doctor}");
    assert!(test.contains("\"delivered\""), "{test}");
    doctor + &test
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t42_nothing_secret_is_left_behind_on_the_way_to_carriers() {
    let (directory, mut carriers) = (Directory::new(), Carriers::start().await);
    let url = format!("sqlite:{}", directory.file().display());
    let running = Running::start(&directory, &url, &carriers.settings());
    // The centre takes the first, and has a fault of its own with the second, which goes to the gateway.
    let (by_centre, by_gateway) = (format!("{IN_NUMBERS}00001"), format!("{IN_NUMBERS}00019"));
    let mut secrets = Secrets::default();
    secrets.codes.extend(carriers.sign_up(&running, &by_centre).await);
    carriers.smsc.tells("receipt_answer", 1).await;
    secrets.codes.extend(carriers.sign_up(&running, &by_gateway).await);
    assert_eq!((carriers.smsc.told("refused").len(), carriers.gateway.asked().len()), (1, 1));
    call_back(&running, &by_gateway).await;
    let printed = printed(&directory, &by_centre);
    let log = running.stop();
    for sign in ["bound to the carrier", "hyper", "a callback was refused"] {
        assert!(log.contains(sign), "the log tells of {sign}");
    }
    let hunt = secrets.hunt();
    let kept = kept(&directory.path());
    for (bytes, place) in
        [(log.as_bytes(), "the log"), (printed.as_bytes(), "what is printed"), (&kept, "the database")]
    {
        nothing(hunt.find(bytes, Anything), place);
        let text = String::from_utf8_lossy(bytes);
        for secret in [SMPP_PASSWORD, GATEWAY_SECRET, SMTP_PASSWORD] {
            assert_eq!(
                super::traces::disguises(secret.as_bytes()).into_iter().find(|one| text.contains(one)),
                None,
                "{place}"
            );
        }
    }
}

fn kept(directory: &Path) -> Vec<u8> {
    let files = ["nidan.db", "nidan.db-wal"].map(|name| std::fs::read(directory.join(name)).unwrap_or_default());
    let kept = files.concat();
    assert!(kept.len() > 100_000);
    kept
}
