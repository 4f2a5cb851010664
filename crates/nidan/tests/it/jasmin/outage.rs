//! A gateway that takes messages while it cannot hand them on, and hands on all of them at once when it can again.

use futures_util::future::join_all;
use nidan::app::Clock;
use nidan_core::ledger::State;
use nidan_core::time::{Span, Timestamp};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep_until};

use super::{Jasmin, Service, arrives, code, international};
use crate::app::wait_for;
use crate::owner::Owner;
use crate::smsc::Smsc;

/// How long the gateway is without its short message centre.
const OUTAGE: Duration = Duration::from_secs(90);
/// When, after the beginning of his sign-in, an owner asks for another message.
const PRESSES: [u64; 5] = [10, 30, 35, 61, 85];

fn number(owner: usize) -> String {
    format!("0901234{owner:02}01")
}

fn expires_at(sign_in: &Value) -> Timestamp {
    let text = sign_in["challenge"]["expires_at"].as_str().expect("a time");
    Timestamp::from_ms(text.parse::<jiff::Timestamp>().expect("RFC 3339").as_millisecond())
}

/// A short message centre that comes back where it was.
fn back(port: u16) -> Smsc {
    Smsc::start_with(&["--port", &port.to_string()])
}

impl Service {
    /// Asks for another message; why there is none, if there is none.
    async fn press(&self, sign_in: &Value) -> Option<String> {
        let path = format!("/api/v1/sign-ins/{}/resend", sign_in["id"].as_str().expect("an id"));
        let answer = self.site.post_json(&path, &json!({})).await;
        match answer.status {
            202 => None,
            _ => Some(answer.expect(429).text("/reason")),
        }
    }

    async fn owners(&self, count: usize, smsc: &Smsc) -> Vec<Owner> {
        let mut owners = Vec::new();
        for n in 0..count {
            owners.push(self.owner(&number(n), smsc).await);
            self.comes_to(&owners[n], State::Delivered).await;
        }
        owners
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs ./check gateways"]
async fn presses_during_an_outage_do_not_arrive_as_a_flood() {
    let smsc = Smsc::start();
    let (jasmin, port) = (Jasmin::start(&smsc, None), smsc.port());
    let service = Service::start(&jasmin, &smsc, |_| {}).await;
    let owners = service.owners(10, &smsc).await;
    drop(smsc);
    let began = Instant::now();
    let sign_ins = join_all(owners.iter().map(|owner| service.sign_in(owner))).await;
    for at in PRESSES {
        sleep_until(began + Duration::from_secs(at)).await;
        let said = join_all(sign_ins.iter().map(|sign_in| service.press(sign_in))).await;
        println!("after {at} s: {said:?}");
        let expected = if at < 30 { "too_early" } else { "held_by_carrier" };
        assert!(said.iter().all(|said| said.as_deref() == Some(expected)), "after {at} s: {said:?}");
    }
    sleep_until(began + OUTAGE).await;
    let smsc = back(port);
    for ((owner, sign_in), n) in owners.iter().zip(&sign_ins).zip(0..) {
        let message = arrives(&smsc, &number(n)).await;
        // The phone's time is in whole seconds; a validity that counted from the hand-over would be a minute and a half off.
        assert_eq!(message["until"].as_i64().map(|ms| ms / 1000), Some(expires_at(sign_in).seconds()));
        service.comes_to(owner, State::Delivered).await;
        assert_eq!(service.states(owner).await.len(), 2, "the one that set the phone up, and one more");
    }
    // The carrier is there again: who asks now gets another, and the code is still good.
    assert_eq!(service.press(&sign_ins[0]).await, None);
    let to = international(&number(0));
    let twice = wait_for("another", async || Some(smsc.phone(&to)).filter(|messages| messages.len() == 2)).await;
    assert_eq!(code(&twice[0]), code(&twice[1]));
    service.comes_to(&owners[0], State::Delivered).await;
    assert_eq!(smsc.told("phone").len(), 11);
    service.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs ./check gateways"]
async fn nothing_arrives_after_its_code_has_expired() {
    let smsc = Smsc::start();
    let (jasmin, port) = (Jasmin::start(&smsc, None), smsc.port());
    let service = Service::start(&jasmin, &smsc, |settings| settings.policy.code_life = Span::seconds(20)).await;
    let owners = service.owners(3, &smsc).await;
    drop(smsc);
    let sign_ins = join_all(owners.iter().map(|owner| service.sign_in(owner))).await;
    let last = sign_ins.iter().map(expires_at).max().expect("three");
    let left = u64::try_from(last.since(Clock::system().now()).as_ms()).expect("alive");
    sleep_until(Instant::now() + Duration::from_millis(left) + Duration::from_secs(1)).await;
    let smsc = back(port);
    // The gateway hands them on all the same; the short message centre keeps to their validity.
    smsc.tells("expired", owners.len()).await;
    for owner in &owners {
        service.comes_to(owner, State::Expired).await;
    }
    let sign_in = service.sign_in(&owners[0]).await;
    let message = arrives(&smsc, &number(0)).await;
    assert_eq!(message["until"].as_i64().map(|ms| ms / 1000), Some(expires_at(&sign_in).seconds()));
    service.comes_to(&owners[0], State::Delivered).await;
    assert_eq!((smsc.told("phone").len(), smsc.told("expired").len()), (1, owners.len()));
    service.finish().await;
}
