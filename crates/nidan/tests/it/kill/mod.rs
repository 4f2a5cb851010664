//! The shipped program is killed with kill -9 while 200 people sign in, and started again: what was answered stays true, no
//! try is given back, no message goes out twice. Here messages go to the demo phone; in `sending` to a carrier.

mod guesses;
mod installation;
mod sending;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use futures_util::future::{join_all, try_join, try_join_all};
use nidan::app::Random;
use nidan::bench::seed::Owner;
use nidan::store::{Engine, sql};
use nidan_core::ledger::State;
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};

use installation::{Entry, Installation, Ledger, PASSWORD, PATIENCE, Phone, wait_for};

/// Makes each `async fn name(engine: Engine)` a test on SQLite and on PostgreSQL.
macro_rules! on_both_databases {
    ($($name:ident)+) => {
        mod on_sqlite {
            $(#[tokio::test] async fn $name() { super::$name(nidan::store::Engine::Sqlite).await; })+
        }
        mod on_postgres {
            $(#[tokio::test] async fn $name() { super::$name(nidan::store::Engine::Postgres).await; })+
        }
    };
}
use on_both_databases;

const SIGN_INS: usize = 200;
/// Kills, one after another, of the same installation.
const KILLS: usize = 3;
/// Codes judged in one sign-in.
const TRIES: u8 = 5;
/// A little more than the lease of a message.
const LEASE_AND_A_SECOND: i64 = 16;

/// What somebody means to do.
struct Plan {
    /// Else the site has checked the password.
    by_password: bool,
    wrong_codes: u8,
    /// Whether the right code follows.
    finishes: bool,
}

/// The last thing that was asked. It is known to be done once the next thing is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Asked {
    #[default]
    Begin,
    WrongCode,
    RightCode,
}

/// What the server has answered to somebody so far.
#[derive(Default)]
struct Heard {
    sign_in: Option<String>,
    message: Option<String>,
    code: Option<String>,
    /// Wrong codes that were answered as such.
    wrong_codes: u8,
    asked: Asked,
    /// Whether an answer to it is owed.
    owed: bool,
    tokens: Option<Tokens>,
}

/// What a finished sign-in gave.
#[derive(Clone)]
struct Tokens {
    session: String,
    device: String,
}

/// One run of the server until it is killed.
struct Run<'a> {
    site: &'a Installation,
    phone: watch::Receiver<Phone>,
    answers: Cell<usize>,
    answered: Notify,
}

impl Run<'_> {
    async fn post(&self, path: &str, body: &Value, heard: &RefCell<Heard>, asked: Asked) -> io::Result<(u16, Value)> {
        {
            let mut heard = heard.borrow_mut();
            (heard.asked, heard.owed) = (asked, true);
        }
        let answer = self.site.post(path, body).await?;
        heard.borrow_mut().owed = false;
        self.answers.set(self.answers.get() + 1);
        self.answered.notify_one();
        Ok((answer.status, answer.json()))
    }

    /// One sign-in as planned, as far as the server lives; what was heard stays in `heard`.
    async fn sign_in(&self, owner: &Owner, plan: &Plan, heard: &RefCell<Heard>) -> io::Result<()> {
        let (status, begun) = self.post("/api/v1/sign-ins", &begin(owner, plan, None), heard, Asked::Begin).await?;
        assert_eq!((status, &begun["status"]), (201, &json!("code_required")), "{begun}");
        let (id, message) = (text(&begun, "/id"), text(&begun, "/challenge/message_id"));
        heard.borrow_mut().sign_in = Some(id.clone());
        heard.borrow_mut().message = Some(message.clone());
        let code = self.code(owner, &message).await?;
        heard.borrow_mut().code = Some(code.clone());
        let path = format!("/api/v1/sign-ins/{id}/code");
        for left in (TRIES - plan.wrong_codes..TRIES).rev() {
            let (status, verdict) = self.post(&path, &json!({"code": wrong(&code)}), heard, Asked::WrongCode).await?;
            let told = (status, &verdict["verdict"], &verdict["tries_left"]);
            assert_eq!(told, (422, &json!("wrong"), &json!(left)), "{verdict}");
            heard.borrow_mut().wrong_codes += 1;
        }
        if plan.finishes {
            let right = json!({"code": code, "trust_device": true});
            let (status, done) = self.post(&path, &right, heard, Asked::RightCode).await?;
            assert_eq!((status, &done["status"]), (200, &json!("signed_in")), "{done}");
            heard.borrow_mut().tokens = Some(tokens(&done));
        }
        Ok(())
    }

    async fn code(&self, owner: &Owner, message: &str) -> io::Result<String> {
        let mut phone = self.phone.clone();
        let phone = phone.wait_for(|phone| phone.contains_key(message)).await.expect("somebody watches the phone");
        let (to, text) = &phone[message];
        assert_eq!(*to, owner.phone);
        Ok(code_in(text))
    }

    /// Looks at the phone again and again.
    async fn watch_phone(&self, phone: &watch::Sender<Phone>) -> io::Result<()> {
        loop {
            let seen = self.site.phone().await?;
            phone.send_modify(|phone| phone.extend(seen));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn answers(&self, count: usize) {
        while self.answers.get() < count {
            self.answered.notified().await;
        }
    }
}

/// Has owners sign in as planned, and kills the server after so many answers. What was heard, and what the phone showed.
async fn crash((site, owners): (&Installation, &[Owner]), plans: &[Plan], answers: usize) -> (Vec<Heard>, Phone) {
    let (seen, phone) = watch::channel(Phone::new());
    let run = Run { site, phone, answers: Cell::default(), answered: Notify::new() };
    let heard: Vec<RefCell<Heard>> = plans.iter().map(|_| RefCell::default()).collect();
    let everybody = owners.iter().zip(plans).zip(&heard).map(|((owner, plan), heard)| run.sign_in(owner, plan, heard));
    let work = try_join(try_join_all(everybody), run.watch_phone(&seen));
    tokio::select! {
        ended = work => panic!("no server: {:?}", ended.err()),
        () = run.answers(answers) => site.kill(),
        () = tokio::time::sleep(PATIENCE) => panic!("{} answers of {answers} so far", run.answers.get()),
    }
    (heard.into_iter().map(RefCell::into_inner).collect(), seen.borrow().clone())
}

/// Starts the server anew when all leases have run out: what was only claimed is delivered now, what may have been on the
/// wire is not, and nothing else is. What is delivered.
async fn start_again(site: &Installation, seen: &Phone, left: &Ledger) -> Phone {
    assert!(seen.keys().all(|id| left[id].wired), "delivered before the ledger knew");
    site.wait(LEASE_AND_A_SECOND);
    site.start();
    let settled = wait_for("every message to be settled", async || {
        let ledger = site.ledger().await;
        ledger.values().all(|entry| !entry.is_due()).then_some(ledger)
    });
    let settled = settled.await;
    let claimed = |entry: &Entry| entry.is_due() && !entry.wired;
    for (id, entry) in left {
        let expected = match entry.is_due() {
            true if entry.wired => State::Ambiguous,
            true => State::Delivered,
            false => entry.state,
        };
        assert_eq!(settled[id].state, expected, "{entry:?}");
    }
    let delivered = site.phone().await.expect("an answer");
    let due: BTreeSet<&String> = left.iter().filter(|(_, entry)| claimed(entry)).map(|(id, _)| id).collect();
    assert_eq!(delivered.keys().collect::<BTreeSet<_>>(), due);
    let texts: BTreeSet<_> = seen.values().chain(delivered.values()).collect();
    assert_eq!(texts.len(), seen.len() + delivered.len(), "number, code, tag and serial are the same twice");
    delivered
}

/// No try is given back; a code that was accepted is not accepted again.
async fn tries_are_kept(site: &Installation, heard: &Heard) {
    let Some(sign_in) = &heard.sign_in else { return };
    let path = format!("/api/v1/sign-ins/{sign_in}/code");
    if heard.asked == Asked::RightCode {
        let again = site.post(&path, &json!({"code": heard.code})).await.expect("an answer");
        let verdict = again.json();
        // Without an answer it may have been accepted or not; then it is accepted now.
        let accepted_now = heard.owed && again.status == 200;
        assert!(accepted_now || (again.status, &verdict["verdict"]) == (422, &json!("already_used")), "{verdict}");
        return;
    }
    let code = heard.code.as_deref().map_or("000000".to_owned(), wrong);
    let mut judged = 0;
    loop {
        let verdict = site.post(&path, &json!({"code": code})).await.expect("an answer").json();
        match verdict["verdict"].as_str() {
            Some("wrong") => judged += 1,
            Some("used_up") => break,
            _ => panic!("{verdict}"),
        }
    }
    let left = TRIES - heard.wrong_codes;
    let unanswered = u8::from(heard.owed && heard.asked == Asked::WrongCode);
    assert!((left - unanswered..=left).contains(&judged), "{judged} of {left} tries were left");
}

/// Who was signed in is signed in, and the trusted device is one.
async fn promises_are_kept(site: &Installation, owner: &Owner, tokens: &Tokens) {
    let session = json!({"session_token": tokens.session});
    let checked = site.post("/api/v1/sessions/check", &session).await.expect("an answer");
    let document = checked.json();
    assert_eq!((checked.status, &document["two_step"]), (200, &json!(true)), "{document}");
    let plan = Plan { by_password: false, wrong_codes: 0, finishes: false };
    let begun = site.post("/api/v1/sign-ins", &begin(owner, &plan, Some(&tokens.device))).await.expect("an answer");
    assert_eq!(begun.json()["status"], json!("signed_in"), "{}", begun.json());
}

async fn killed_at_any_point(engine: Engine) {
    let site = Installation::new(engine, SIGN_INS * KILLS).await;
    let random = Random::seeded(2);
    let below = |limit: usize| u32::from_be_bytes(random.bytes()) as usize % limit;
    let mut promised: Vec<(&Owner, Tokens)> = Vec::new();
    site.start();
    for (round, owners) in site.owners.chunks(SIGN_INS).enumerate() {
        let plan =
            |n: usize| Plan { by_password: n.is_multiple_of(4), wrong_codes: below(5) as u8, finishes: below(2) == 0 };
        let plans: Vec<Plan> = (0..SIGN_INS).map(plan).collect();
        let answers: usize =
            plans.iter().map(|plan| 1 + usize::from(plan.wrong_codes) + usize::from(plan.finishes)).sum();
        let part = answers / KILLS;
        let (heard, seen) = crash((&site, owners), &plans, part * round + 1 + below(part - 1)).await;
        start_again(&site, &seen, &site.ledger_left().await).await;
        join_all(heard.iter().map(|heard| tries_are_kept(&site, heard))).await;
        let finished = owners.iter().zip(heard);
        promised.extend(finished.filter_map(|(owner, heard)| Some((owner, heard.tokens?))));
        join_all(promised.iter().map(|(owner, tokens)| promises_are_kept(&site, owner, tokens))).await;
    }
    assert!(!promised.is_empty(), "nobody was signed in");
    site.kill();
}

sql! {
    REFUSE = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''refused''; END'";
    REFUSE_TO_WIRE = sqlite "CREATE TRIGGER no_wire BEFORE UPDATE OF wired_ms ON message WHEN NEW.slot < 4
                             BEGIN SELECT RAISE(ABORT, 'refused'); END",
        postgres "CREATE TRIGGER no_wire BEFORE UPDATE OF wired_ms ON message FOR EACH ROW WHEN (NEW.slot < 4)
                  EXECUTE FUNCTION refuse()";
    REFUSE_TO_SETTLE = sqlite "CREATE TRIGGER no_settle BEFORE UPDATE OF settled_ms ON message WHEN NEW.slot BETWEEN 4 AND 7
                               BEGIN SELECT RAISE(ABORT, 'refused'); END",
        postgres "CREATE TRIGGER no_settle BEFORE UPDATE OF settled_ms ON message FOR EACH ROW WHEN (NEW.slot BETWEEN 4 AND 7)
                  EXECUTE FUNCTION refuse()";
    ALLOW_TO_WIRE = sqlite "DROP TRIGGER no_wire", postgres "DROP TRIGGER no_wire ON message";
    ALLOW_TO_SETTLE = sqlite "DROP TRIGGER no_settle", postgres "DROP TRIGGER no_settle ON message";
}

/// The moments before and after the wire are too short to be hit, so the database makes them long: some messages cannot be
/// marked as wired, some that are delivered cannot be settled.
async fn killed_while_sending(engine: Engine) {
    let site = Installation::new(engine, SIGN_INS).await;
    let function = (engine == Engine::Postgres).then_some(&REFUSE);
    site.alter(function.into_iter().chain([&REFUSE_TO_WIRE, &REFUSE_TO_SETTLE]).collect()).await;
    site.start();
    let plan = Plan { by_password: false, wrong_codes: 0, finishes: false };
    let begun = join_all(site.owners.iter().map(async |owner| {
        let begun = site.post("/api/v1/sign-ins", &begin(owner, &plan, None)).await.expect("an answer").json();
        (text(&begun, "/challenge/message_id"), text(&begun, "/id"))
    }));
    let sign_ins: BTreeMap<String, String> = begun.await.into_iter().collect();
    let seen = wait_for("all that can be sent to be settled", async || {
        let (phone, ledger) = (site.phone().await.expect("an answer"), site.ledger().await);
        let sent = |(id, entry): (&String, &Entry)| match entry.slot {
            0..4 => true,
            4..8 => phone.contains_key(id),
            _ => entry.state == State::Delivered,
        };
        ledger.iter().all(sent).then_some(phone)
    });
    let seen = seen.await;
    site.kill();
    let left = site.ledger_left().await;
    site.alter(vec![&ALLOW_TO_WIRE, &ALLOW_TO_SETTLE]).await;
    let delivered = start_again(&site, &seen, &left).await;
    let ambiguous = site.ledger().await.values().filter(|entry| entry.state == State::Ambiguous).count();
    assert!(!delivered.is_empty() && ambiguous > 0, "{} and {ambiguous}", delivered.len());
    for (message, (_, text)) in &delivered {
        let path = format!("/api/v1/sign-ins/{}/code", sign_ins[message]);
        let done = site.post(&path, &json!({"code": code_in(text)})).await.expect("an answer");
        assert_eq!(done.status, 200, "{}", done.json());
    }
    site.kill();
}

fn begin(owner: &Owner, plan: &Plan, device: Option<&str>) -> Value {
    let mut client = json!({"ip": "192.0.2.7", "user_agent": "a browser"});
    if let Some(device) = device {
        client["device_token"] = json!(device);
    }
    let mut body = json!({"account": {"email": owner.email}, "client": client});
    match plan.by_password {
        true => body["password"] = json!(PASSWORD),
        false => body["password_verified"] = json!(true),
    }
    body
}

fn tokens(done: &Value) -> Tokens {
    Tokens { session: text(done, "/session_token"), device: text(done, "/device_token") }
}

fn text(document: &Value, pointer: &str) -> String {
    let text = document.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_else(|| panic!("no text at {pointer}: {document}")).to_owned()
}

/// The one run of six digits in a message, which its last line repeats.
fn code_in(message: &str) -> String {
    let runs: BTreeSet<&str> =
        message.split(|letter: char| !letter.is_ascii_digit()).filter(|run| run.len() == 6).collect();
    assert_eq!(runs.len(), 1, "one code in: {message}");
    runs.first().copied().unwrap_or_default().to_owned()
}

fn wrong(code: &str) -> String {
    let number: u32 = code.parse().expect("digits");
    format!("{:06}", (number + 1) % 1_000_000)
}

on_both_databases! { killed_at_any_point killed_while_sending }
