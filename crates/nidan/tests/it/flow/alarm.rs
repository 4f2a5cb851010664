//! What is at fault is stopped by itself, on all nodes, until an operator has it go on; and nothing else is.

use futures_util::future::join_all;
use nidan::send::alarm;
use nidan::store::message::Leased;
use nidan::store::stop::{self, Stopped};
use nidan::store::{Db, sql};
use nidan_core::alarm::{Kind, Stop, Why};
use nidan_core::ledger::State;
use nidan_core::time::Span;

use super::Flows;
use super::routes::route;
use crate::smsc::Smsc;

crate::store::on_every_database!(
    a_route_that_delivers_twice_is_stopped_until_an_operator_has_it_go_on
    a_message_that_is_sent_twice_stops_its_route
    carriers_with_their_usual_faults_are_not_stopped
);

sql! {
    FORGET = "UPDATE message SET wired_ms = NULL, state = 1 WHERE account_id = $1 AND message_id = $2";
}

impl Flows {
    async fn stopped(&self) -> Vec<Stopped> {
        self.app.db.read((), |tx, ()| Box::pin(stop::open(tx))).await.expect("no failure")
    }

    async fn message_ending(&self, n: usize, fault: &str) -> Leased {
        self.message_to(&format!("+819012{n:04}{fault}")).await
    }
}

async fn a_route_that_delivers_twice_is_stopped_until_an_operator_has_it_go_on(db: Db) {
    let (flows, carriers) = (Flows::now(db.clone()), [Smsc::start(), Smsc::start()]);
    let routes = vec![route("doubles", &carriers[0], None), route("sound", &carriers[1], None)];
    let (sender, routes) = flows.sender_by(routes);
    let goes_by = async |n| {
        let leased = flows.message_ending(n, "01").await;
        sender.carry(leased).await;
        flows.comes_to(leased, State::Delivered).await.route.expect("a route")
    };
    for n in 0..10 {
        assert_eq!(goes_by(n).await, "doubles");
    }
    let mut twice = Vec::new();
    for n in 10..15 {
        alarm::look(&flows.app, routes.all()).await;
        assert_eq!(flows.stopped().await, [], "{n}");
        let leased = flows.message_ending(n, "25").await;
        sender.carry(leased).await;
        twice.push(leased);
        carriers[0].tells("receipt_answer", 10 + 2 * twice.len()).await;
    }
    alarm::look(&flows.app, routes.all()).await;
    let stop = Stop { why: Why::MoreReceipts, counted: 20, of: 15 };
    let at = flows.app.clock.now();
    assert_eq!(flows.stopped().await, [Stopped { kind: Kind::Route, name: "doubles".into(), stop, at }]);
    assert_eq!(goes_by(15).await, "sound");
    assert!(flows.app.metrics.text().contains("nidan_stopped{kind=\"route\",name=\"doubles\"} 1\n"));

    let other_node = Flows::now(db);
    assert!(other_node.app.alarm.route_goes("doubles"), "it has not looked yet");
    alarm::look(&other_node.app, &[]).await;
    assert!(!other_node.app.alarm.route_goes("doubles"));

    flows.clock.advance(Span::seconds(1));
    let input = flows.app.clock.now();
    let resumed =
        flows.app.db.transact(input, |tx, now| Box::pin(stop::resume(tx, Kind::Route, "doubles", *now))).await;
    assert_eq!(resumed, Ok(true));
    for node in [&flows, &other_node] {
        alarm::look(&node.app, routes.all()).await;
        assert!(node.app.alarm.route_goes("doubles"), "what was before counts no more");
    }
    flows.clock.advance(Span::seconds(1));
    assert_eq!(goes_by(16).await, "doubles");
    assert!(flows.app.metrics.text().contains("nidan_stopped{kind=\"route\",name=\"doubles\"} 0\n"));
}

async fn a_message_that_is_sent_twice_stops_its_route(db: Db) {
    let (flows, smsc) = (Flows::now(db), Smsc::start());
    let (sender, routes) = flows.sender_by(vec![route("carrier", &smsc, None)]);
    for n in 0..3 {
        let leased = flows.message_ending(n, "01").await;
        sender.carry(leased).await;
        flows.comes_to(leased, State::Delivered).await;
    }
    let leased = flows.message_ending(3, "11").await;
    sender.carry(leased).await;
    alarm::look(&flows.app, routes.all()).await;
    assert_eq!(flows.stopped().await, []);
    // A fault of ours: that it has been sent is forgotten.
    let forgotten = flows.app.db.transact(leased, |tx, leased| {
        Box::pin(async move { tx.execute(&FORGET, &[leased.account.into(), leased.id.into()]).await })
    });
    assert_eq!(forgotten.await, Ok(1));
    sender.carry(leased).await;
    assert_eq!(smsc.phone("819012000311").len(), 2);
    alarm::look(&flows.app, routes.all()).await;
    let [stopped] = &flows.stopped().await[..] else { panic!("one is stopped") };
    assert_eq!(stopped.stop, Stop { why: Why::SentTwice, counted: 5, of: 4 });
}

/// Receipts twice, early, late, never, in hex, with somebody else's id; messages that a full queue put off.
async fn carriers_with_their_usual_faults_are_not_stopped(db: Db) {
    let (flows, smsc) = (Flows::now(db), Smsc::start());
    let (sender, routes) = flows.sender_by(vec![route("carrier", &smsc, None)]);
    let mut messages = Vec::new();
    for n in 0..8 {
        for fault in ["01", "02", "03", "04", "05", "09", "10", "11", "12", "13", "14", "15", "17", "22"] {
            messages.push(flows.message_ending(n, fault).await);
        }
    }
    for some in messages.chunks(28) {
        join_all(some.iter().map(|leased| sender.carry(*leased))).await;
        alarm::look(&flows.app, routes.all()).await;
    }
    // Of each eight: one answered thrice, two twice, one never, one refused.
    smsc.tells("receipt_answer", 8 * 14).await;
    alarm::look(&flows.app, routes.all()).await;
    assert_eq!(flows.stopped().await, []);
}
