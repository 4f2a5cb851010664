//! The shipped program is killed with kill -9 at every step of a send by a carrier, and what it left is taken over: by itself,
//! started again, or by another server on the same database. No phone has the same message twice.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use nidan::app::Random;
use nidan::store::Engine;
use nidan_core::ledger::State;
use serde_json::json;

use super::installation::{Entry, Installation, Ledger, wait_for};
use super::{ALLOW_TO_SETTLE, ALLOW_TO_WIRE, Plan, REFUSE, REFUSE_TO_SETTLE, REFUSE_TO_WIRE, begin, code_in, text};
use crate::smsc::{self, Smsc};

/// Two of each that the short message centre treats in its own way.
const OWNERS: usize = 200;
/// Longer than a lease, and than the pause before a second message.
const PAUSE: i64 = 31;
/// What a message costs, in thousandths.
const COST: i64 = 1_000;

fn carrier(smsc: &Smsc, rate_per_second: u32) -> String {
    let (port, password) = (smsc.port(), smsc::PASSWORD);
    format!(
        "[[route]]\nname = \"carrier\"\nchannel = \"sms\"\nkind = \"smpp\"\nhost = \"localhost\"\nport = {port}\n\
         system_id = \"nidan\"\npassword = \"{password}\"\nsender = \"Example\"\nrate_per_second = {rate_per_second}\n\
         answer_seconds = 2\ncost_per_message = 1\ncost_per_day_max = 100000\n"
    )
}

/// A sign-in that was begun.
struct Begun {
    id: String,
    /// The owner's number, without a plus.
    number: String,
}

impl Begun {
    /// What the short message centre does to it.
    fn fault(&self) -> &str {
        &self.number[self.number.len() - 2..]
    }
}

/// Sign-ins by the id of their first message.
type SignIns = BTreeMap<String, Begun>;

async fn all_begin(site: &Installation, sign_ins: &mut SignIns) {
    let plan = Plan { by_password: false, wrong_codes: 0, finishes: false };
    let begun = join_all(site.owners.iter().map(async |owner| {
        let begun = site.post("/api/v1/sign-ins", &begin(owner, &plan, None)).await.expect("an answer").json();
        let number = owner.phone[1..].to_owned();
        (text(&begun, "/challenge/message_id"), Begun { id: text(&begun, "/id"), number })
    }));
    sign_ins.extend(begun.await);
}

/// How many messages the phone of each number has. None is there twice: number, code, tag and serial tell messages apart.
fn phones(carriers: &[&Smsc]) -> BTreeMap<String, usize> {
    let told = || carriers.iter().flat_map(|smsc| smsc.told("phone"));
    let mut phones = BTreeMap::new();
    let mut messages = BTreeMap::new();
    for message in told() {
        *phones.entry(text(&message, "/to")).or_insert(0) += 1;
        let again = messages.insert((text(&message, "/to"), text(&message, "/text")), message.clone());
        assert!(again.is_none(), "the same message twice: {again:?} {message}");
    }
    phones
}

/// Waits until all that a dead server had written has been read.
async fn has_read_all(smsc: &Smsc) {
    wait_for("the connections of the dead server to end", async || {
        (smsc.told("closed").len() >= smsc.told("bound").len()).then_some(())
    })
    .await;
}

/// Whether a message stays under way for as long as this short message centre is asked.
fn is_put_off(sign_in: &Begun) -> bool {
    matches!(sign_in.fault(), "06" | "19")
}

/// Kills the server and starts it anew when all leases have run out: what certainly had not left is sent, what may have is not,
/// and nothing is forgotten that was counted.
async fn killed_and_started_again(site: &Installation, smsc: &Smsc, sign_ins: &SignIns, meanwhile: impl AsyncFnOnce()) {
    site.kill();
    has_read_all(smsc).await;
    let (left, before) = (site.ledger_left().await, phones(&[smsc]));
    meanwhile().await;
    let (sent, spent) = site.counters().await;
    assert!(spent >= COST * before.values().sum::<usize>() as i64, "{spent} for {before:?}");
    site.wait(PAUSE);
    site.start();
    let settled = wait_for("every message to be settled", async || {
        let ledger = site.ledger().await;
        // What was on the wire is never put off again: nobody knows what became of it.
        let was_wired = |id: &String| left.get(id).is_some_and(|entry| entry.is_due() && entry.wired);
        let put_off = |id: &String| is_put_off(&sign_ins[id]) && !was_wired(id);
        ledger.iter().all(|(id, entry)| !entry.is_due() || put_off(id)).then_some(ledger)
    });
    let settled = settled.await;
    let after = phones(&[smsc]);
    for (number, (certain, possible)) in owed(&left, &settled, sign_ins) {
        let of = |phones: &BTreeMap<String, usize>| phones.get(&number).copied().unwrap_or_default();
        let added = of(&after) - of(&before);
        assert!((certain..=possible).contains(&added), "{number}: {added} of {certain} to {possible}");
    }
    for (id, entry) in left.iter().filter(|(_, entry)| entry.is_due() && entry.wired) {
        let told = settled[id].state;
        let by_receipt = matches!(told, State::Delivered | State::Undelivered | State::Expired);
        assert!(told == State::Ambiguous || by_receipt, "{entry:?} became {told:?}");
    }
    let (sent_after, spent_after) = site.counters().await;
    assert_eq!(sent_after, sent, "messages of a challenge are counted again");
    assert!(spent_after >= spent && spent_after >= COST * after.values().sum::<usize>() as i64, "{spent_after}");
}

/// For each number, how many messages it certainly has yet to get, and how many at most.
fn owed(left: &Ledger, settled: &Ledger, sign_ins: &SignIns) -> BTreeMap<String, (usize, usize)> {
    let mut owed = BTreeMap::new();
    for (id, entry) in left {
        let (certain, possible) = owed.entry(sign_ins[id].number.clone()).or_insert((0, 0));
        let unsent = entry.is_due() && !entry.wired;
        let taken = |entry: &Entry| !matches!(entry.state, State::Ambiguous | State::Rejected) && !entry.is_due();
        *certain += usize::from(unsent && taken(&settled[id]));
        *possible += usize::from(unsent);
    }
    owed
}

/// Everybody signs in: who may have got nothing, by a second message.
async fn all_finish(site: &Installation, sign_ins: &SignIns, carriers: &[&Smsc]) {
    let ledger = site.ledger().await;
    join_all(sign_ins.iter().map(async |(message, sign_in)| {
        let Begun { id, number, .. } = sign_in;
        let had = phones(carriers).get(number).copied().unwrap_or_default();
        let state = ledger[message].state;
        if state == State::Ambiguous || state.failed() {
            let pressed = site.post(&format!("/api/v1/sign-ins/{id}/resend"), &json!({})).await.expect("an answer");
            assert_eq!(pressed.status, 202, "{state:?} {}", pressed.json());
            wait_for("a second message", async || (phones(carriers).get(number) > Some(&had)).then_some(())).await;
        }
        let newest = carriers.iter().rev().find_map(|smsc| smsc.phone(number).pop()).expect("a message");
        let path = format!("/api/v1/sign-ins/{id}/code");
        let done = site.post(&path, &json!({"code": code_in(&text(&newest, "/text"))})).await.expect("an answer");
        assert_eq!(done.status, 200, "{}", done.json());
    }))
    .await;
}

/// The steps that are too short to be hit are made long: the database refuses to mark some messages as on the wire, and to
/// settle others; the short message centre puts off, hangs up, and says nothing, and tells some receipts late.
async fn killed_at_every_step_of_a_send(engine: Engine) {
    let mut smsc = Smsc::start_with(&["--late-ms", "8000"]);
    let site = Installation::with(engine, OWNERS, &carrier(&smsc, 1_000)).await;
    let function = (engine == Engine::Postgres).then_some(&REFUSE);
    site.alter(function.into_iter().chain([&REFUSE_TO_WIRE, &REFUSE_TO_SETTLE]).collect()).await;
    site.start();
    let mut sign_ins = SignIns::new();
    all_begin(&site, &mut sign_ins).await;
    wait_for("all that can be sent to be sent", async || {
        let stands = |(id, entry): (&String, &Entry)| match entry.slot {
            0..4 => true,
            4..8 => entry.wired || sign_ins[id].fault() == "19",
            _ => !entry.is_due() || is_put_off(&sign_ins[id]),
        };
        site.ledger().await.iter().all(stands).then_some(())
    })
    .await;
    killed_and_started_again(&site, &smsc, &sign_ins, async || {
        site.alter(vec![&ALLOW_TO_WIRE, &ALLOW_TO_SETTLE]).await;
    })
    .await;
    wait_for("the late receipts", async || {
        let ledger = site.ledger().await;
        let late = |(id, entry): (&String, &Entry)| {
            let is_late = sign_ins[id].fault() == "15" && !(4..8).contains(&entry.slot);
            is_late && entry.state == State::Accepted
        };
        (!ledger.iter().any(late)).then_some(())
    })
    .await;

    site.kill();
    has_read_all(&smsc).await;
    let before = phones(&[&smsc]);
    smsc.stop();
    let good = Smsc::start_with(&["--port", &smsc.port().to_string(), "--fault", "01"]);
    site.wait(PAUSE);
    site.start();
    wait_for("every message to be settled", async || {
        site.ledger().await.values().all(|entry| !entry.is_due()).then_some(())
    })
    .await;
    assert!(before.values().all(|count| *count == 1));
    all_finish(&site, &sign_ins, &[&smsc, &good]).await;
    let pressed = phones(&[&smsc, &good]).values().filter(|count| **count == 2).count();
    assert!(pressed > 0, "nobody needed a second message");
    site.kill();
}

/// Kills, one after another, of the same installation: each after as many messages as chance says.
async fn killed_at_any_moment_of_sending(engine: Engine) {
    let smsc = Smsc::start_with(&["--fault", "01"]);
    let site = Installation::with(engine, OWNERS, &carrier(&smsc, 200)).await;
    let random = Random::seeded(3);
    let mut sign_ins = SignIns::new();
    site.start();
    for _ in 0..super::KILLS {
        let before = smsc.told("phone").len();
        all_begin(&site, &mut sign_ins).await;
        let some = 1 + u16::from_be_bytes(random.bytes()) as usize % (OWNERS - 20);
        wait_for("some messages to arrive", async || (smsc.told("phone").len() >= before + some).then_some(())).await;
        killed_and_started_again(&site, &smsc, &sign_ins, async || ()).await;
    }
    site.kill();
}

super::on_both_databases! { killed_at_every_step_of_a_send killed_at_any_moment_of_sending }

/// A node has more messages than it can send for longer than a lease, while another looks for those whose worker died. It
/// keeps them as long as it lives; then the other sends the rest, each once, and takes the receipts for what the first sent.
#[tokio::test]
async fn a_node_that_dies_leaves_its_messages_to_another() {
    const ACCOUNTS: usize = 100;
    /// Messages on one connection that have no answer yet, at most.
    const WINDOW: usize = 10;
    let smsc = Smsc::start_with(&["--receipt-ms", "4000", "--fault", "01"]);
    let settings = |rate| format!("message_lease_seconds = 10\n{}", carrier(&smsc, rate));
    let site = Installation::with(Engine::Postgres, ACCOUNTS, &settings(4)).await;
    let twin = site.twin(&settings(1_000));
    site.start();
    wait_for("the first node's connection", async || (!smsc.told("bound").is_empty()).then_some(())).await;
    twin.start();
    let mut sign_ins = SignIns::new();
    all_begin(&site, &mut sign_ins).await;
    wait_for("a half to be sent", async || (smsc.told("phone").len() >= ACCOUNTS / 2).then_some(())).await;
    assert!(smsc.told("phone").iter().all(|message| message["session"] == 1), "taken from a node that lives");
    site.kill();
    wait_for("the dead node's connection to end", async || (!smsc.told("closed").is_empty()).then_some(())).await;
    let (left, before) = (site.ledger().await, phones(&[&smsc]));
    let settled = wait_for("every message to be settled", async || {
        let ledger = site.ledger().await;
        ledger.values().all(|entry| !entry.is_due() && entry.state != State::Accepted).then_some(ledger)
    });
    let (settled, after) = (settled.await, phones(&[&smsc]));
    let ambiguous = settled.values().filter(|entry| entry.state == State::Ambiguous).count();
    assert!(ambiguous <= WINDOW, "{ambiguous} were on the wire");
    for (id, entry) in settled {
        let number = &sign_ins[&id].number;
        let by_other = smsc.phone(number).iter().any(|message| message["session"] == 2);
        match entry.state {
            State::Ambiguous => assert!(!by_other, "what may have left was sent again"),
            State::Delivered => assert_eq!((after[number], by_other), (1, !before.contains_key(number))),

            _ => panic!("{entry:?}"),
        }
    }
    assert!(left.values().any(|entry| entry.state == State::Accepted), "no receipt was left to the other node");
    twin.kill();
}
