//! Many owners at once, by carriers that are slow, silent or hang up.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use nidan::flow::resend_code::{ResendCode, Resent, resend};
use nidan::send::worker;
use nidan::store::{Db, sql};
use nidan_core::ceremony::Holder;
use nidan_core::ledger::State;
use nidan_core::time::Span;
use tokio::sync::mpsc;

use super::{Flows, SignIn, changed, route};
use crate::flow::{at_once, origin, signed_in};
use crate::smsc::Smsc;

super::on_both_databases!(
    fifty_owners_of_a_silent_carrier_finish_by_a_second_message
    fifty_owners_of_a_carrier_that_hangs_up_finish_by_a_second_message
    three_hundred_at_once_by_a_carrier_of_twenty_a_second
    two_hundred_presses_are_one_message
    strange_receipts_cause_nothing
);

sql! {
    SENT = "SELECT sent FROM challenge WHERE account_id = $1";
}

impl Flows {
    async fn press(&self, sign_in: &SignIn) -> Resent {
        let press = ResendCode { ceremony: sign_in.ceremony, presented: Holder::Site, way: None, origin: origin() };
        resend(&self.app, press).await.expect("no failure")
    }

    /// Messages claimed for the one challenge of an account.
    async fn sent(&self, sign_in: &SignIn) -> i64 {
        let account = sign_in.leased.account;
        let sent = self
            .app
            .db
            .read(account, |tx, account| Box::pin(async move { tx.one(&SENT, &[(*account).into()]).await?.int(0) }));
        sent.await.expect("no failure")
    }
}

async fn fifty_owners_of_a_silent_carrier_finish_by_a_second_message(db: Db) {
    all_finish_by_a_second_message(&Flows::now(db), "07").await;
}

async fn fifty_owners_of_a_carrier_that_hangs_up_finish_by_a_second_message(db: Db) {
    all_finish_by_a_second_message(&Flows::now(db), "08").await;
}

async fn all_finish_by_a_second_message(flows: &Flows, fault: &str) {
    let (bad, good) = (Smsc::start_with(&["--fault", fault]), Smsc::start_with(&["--fault", "01"]));
    let sign_ins = flows.sign_ins(&flows.owners(50).await).await;
    let (sender, _) = flows.sender_by(vec![route("carrier", &bad, None)]);
    join_all(sign_ins.iter().map(|sign_in| sender.carry(sign_in.leased))).await;
    // Whatever may be at a phone is looked for again and again, and never sent again.
    for _ in 0..2 {
        flows.clock.advance(flows.app.policy.message_lease);
        sender.recover().await;
    }
    let mut ambiguous = 0;
    for sign_in in &sign_ins {
        let (entry, got) = (flows.entry(sign_in.leased).await, bad.phone(&sign_in.number).len());
        match entry.state {
            // What was on the wire when the carrier hung up may have got there or not.
            State::Ambiguous => assert!(got <= 1, "{} got {got}", sign_in.number),
            State::Delivered => assert_eq!(got, 1, "by a receipt without an answer"),
            State::Queued => assert_eq!(got, 0, "{entry:?}"),
            _ => panic!("{entry:?}"),
        }
        ambiguous += usize::from(entry.state == State::Ambiguous);
    }
    assert!(ambiguous > 0);

    let (sender, _) = flows.sender_by(vec![route("carrier", &good, None)]);
    flows.clock.advance(Span::seconds(30));
    sender.recover().await;
    for sign_in in &sign_ins {
        if good.phone(&sign_in.number).is_empty() {
            assert_eq!(flows.press(sign_in).await, Resent::Done);
        }
    }
    join_all(flows.handed_out().await.into_iter().map(|leased| sender.carry(leased))).await;
    for sign_in in &sign_ins {
        signed_in(flows.check_as_site(sign_in.ceremony, &sign_in.code(&good)).await);
    }
}

/// By the worker, as a server has it.
async fn three_hundred_at_once_by_a_carrier_of_twenty_a_second(db: Db) {
    let (flows, smsc) = (Flows::now(db), Smsc::start_with(&["--rate", "20", "--fault", "01"]));
    let carrier = changed(route("carrier", &smsc, None), |settings| settings.rate_per_second = 20);
    let owners = flows.owners(300).await;
    let (hand, messages) = mpsc::unbounded_channel();
    let worker = worker::start(flows.app.clone(), messages, flows.routes(vec![carrier]));
    let sign_ins = flows.sign_ins(&owners).await;
    let began = tokio::time::Instant::now();
    for sign_in in &sign_ins {
        hand.send(sign_in.leased).expect("a worker");
    }
    for part in 1..=6 {
        smsc.tells("phone", part * 50).await;
    }
    let took = began.elapsed();
    assert!(took.as_secs_f64() <= 20.0, "{took:?}");
    let throttled = smsc.told("refused").len();
    assert!(throttled <= 15, "{throttled} of 300 were throttled");
    for sign_in in &sign_ins {
        flows.comes_to(sign_in.leased, State::Delivered).await;
        assert_eq!(smsc.phone(&sign_in.number).len(), 1);
    }
    assert_eq!(smsc.told("phone").len(), 300);
    worker.stop().await;
}

async fn two_hundred_presses_are_one_message(db: Db) {
    let (flows, smsc) = (Arc::new(Flows::now(db)), Smsc::start_with(&["--fault", "01"]));
    let (sender, _) = flows.sender_by(vec![route("carrier", &smsc, None)]);
    let [sign_in] = &flows.sign_ins(&flows.owners(1).await).await[..] else { panic!("one owner") };
    sender.carry(sign_in.leased).await;
    flows.comes_to(sign_in.leased, State::Delivered).await;
    flows.clock.advance(Span::seconds(30));
    let presses = at_once(200, |_| {
        let (app, ceremony) = (flows.app.clone(), sign_in.ceremony);
        async move {
            let press = ResendCode { ceremony, presented: Holder::Site, way: None, origin: origin() };
            resend(&app, press).await.expect("no failure")
        }
    });
    let presses = presses.await;
    assert_eq!(presses.iter().filter(|press| **press == Resent::Done).count(), 1, "{presses:?}");
    join_all(flows.handed_out().await.into_iter().map(|leased| sender.carry(leased))).await;
    let texts: BTreeSet<String> = smsc.phone(&sign_in.number).iter().map(|got| got["text"].to_string()).collect();
    assert_eq!(
        (smsc.told("phone").len(), texts.len(), flows.sent(sign_in).await),
        (2, 2, 2),
        "the first and the second"
    );
}

/// Where a message that certainly did not arrive is sent again by itself, no receipt that is another's, comes twice, early or
/// never makes one certain.
async fn strange_receipts_cause_nothing(db: Db) {
    let carriers = [Smsc::start(), Smsc::start_with(&["--fault", "01"])];
    let routes = || vec![route("first", &carriers[0], None), route("second", &carriers[1], None)];
    let flows = Flows::now_with(db, |settings| {
        settings.policy.fallback_automatic = 1;
        settings.routes = routes();
    });
    let (sender, _) = flows.sender_by(routes());
    let owners = flows.owners(24).await;
    let strange: Vec<_> = [9, 10, 11, 12, 13, 14, 22, 23].map(|fault: usize| owners[fault].clone()).to_vec();
    let [undelivered] = &flows.sign_ins(&owners[2..3]).await[..] else { panic!("one owner") };
    let sign_ins = flows.sign_ins(&strange).await;
    join_all(sign_ins.iter().chain([undelivered]).map(|sign_in| sender.carry(sign_in.leased))).await;
    carriers[0].tells("receipt_answer", 10).await;
    for (sign_in, owner) in sign_ins.iter().zip(&strange) {
        let never = owner.phone.ends_with("11") || owner.phone.ends_with("14");
        flows.comes_to(sign_in.leased, if never { State::Accepted } else { State::Delivered }).await;
        assert_eq!((flows.sent(sign_in).await, flows.messages_of(sign_in.leased).await), (1, 1));
        assert_eq!(carriers[0].phone(&sign_in.number).len(), 1);
        signed_in(flows.check_as_site(sign_in.ceremony, &sign_in.code(&carriers[0])).await);
    }
    let again = flows.handed_out().await;
    let [second] = again[..] else { panic!("{} messages are sent again", again.len()) };
    assert_eq!(second.account, undelivered.leased.account, "what certainly did not arrive, and nothing else");
    sender.carry(second).await;
    assert_eq!(flows.comes_to(second, State::Delivered).await.route.as_deref(), Some("second"));
    signed_in(flows.check_as_site(undelivered.ceremony, &undelivered.code(&carriers[1])).await);
}
