//! Messages and crashes: what may have left is never sent again, what certainly has not is sent once.

use futures_util::future::join_all;
use nidan::send::demo_phone::DemoPhone;
use nidan::send::lines::Routes;
use nidan::send::worker::Sender;
use nidan::store::{Db, account, ceremony, message};
use nidan_core::id::{self, Scoped};
use nidan_core::ledger::State;
use nidan_core::time::{Span, Timestamp};

use super::{Flows, NUMBER, START};

crate::store::on_every_database!(
    what_was_on_the_wire_becomes_ambiguous
    what_was_not_is_sent_once_by_whoever_takes_it_over
    two_workers_with_one_message_send_it_once
    what_comes_too_late_expires
    the_day_counts_messages_with_codes
);

impl Flows {
    /// Another worker, with a phone of its own to count by.
    fn other_sender(&self) -> (Sender, DemoPhone) {
        let phone = DemoPhone::default();
        (Sender::new(self.app.clone(), Routes::to_demo_phone(&self.app, &phone)), phone)
    }

    /// What became of the newest message of a sign-in.
    async fn state(&self, sign_in: Scoped<id::Ceremony>) -> State {
        let app = self.app.clone();
        let found = self.app.db.read((app, sign_in), |tx, (app, sign_in)| {
            Box::pin(async move {
                let account = account::load(tx, app, sign_in.account).await?.expect("an account");
                let open = ceremony::load(tx, &account, sign_in.id).await?.expect("a ceremony");
                message::newest(tx, account.id, open.challenge()).await
            })
        });
        found.await.expect("no failure").expect("a message").state
    }
}

async fn what_was_on_the_wire_becomes_ambiguous(db: Db) {
    let flows = Flows::new(db);
    let owner = flows.owner().await;
    let before = flows.phone.list(None).len();
    let sign_in = flows.begun(owner.account).await;
    for leased in flows.handed_out().await {
        let job = (flows.app.clone(), leased);
        let wired = flows.app.db.transact(job, |tx, (app, leased)| {
            Box::pin(async move {
                let account = account::load(tx, app, leased.account).await?.expect("an account");
                message::wire(tx, &account, *leased, "demo", app.clock.now()).await
            })
        });
        assert!(wired.await.expect("no failure").is_some());
    }
    assert_eq!(flows.state(sign_in).await, State::Leased);
    flows.sender.recover().await;
    assert_eq!(flows.state(sign_in).await, State::Leased, "its lease has not run out");
    flows.clock.advance(flows.app.policy.message_lease);
    flows.sender.recover().await;
    assert_eq!(flows.state(sign_in).await, State::Ambiguous);
    flows.clock.advance(Span::minutes(1));
    flows.sender.recover().await;
    assert_eq!(flows.phone.list(None).len(), before, "nothing was sent");
}

async fn what_was_not_is_sent_once_by_whoever_takes_it_over(db: Db) {
    let flows = Flows::new(db);
    let owner = flows.owner().await;
    let sign_in = flows.begun(owner.account).await;
    let lost = flows.handed_out().await;
    flows.clock.advance(flows.app.policy.message_lease);
    let others: Vec<_> = (0..4).map(|_| flows.other_sender()).collect();
    join_all(others.iter().map(|(sender, _)| sender.recover())).await;
    let sent: usize = others.iter().map(|(_, phone)| phone.list(Some(NUMBER)).len()).sum();
    assert_eq!((sent, flows.state(sign_in).await), (1, State::Delivered));
    let before = flows.phone.list(None).len();
    for leased in lost {
        flows.sender.carry(leased).await; // the worker that was thought dead wakes up
    }
    assert_eq!(flows.phone.list(None).len(), before);
    assert_eq!(flows.state(sign_in).await, State::Delivered);
}

async fn two_workers_with_one_message_send_it_once(db: Db) {
    let flows = Flows::new(db);
    let owner = flows.owner().await;
    for _ in 0..8 {
        let sign_in = flows.begun(owner.account).await;
        let [leased] = flows.handed_out().await[..] else { panic!("one message") };
        let others: Vec<_> = (0..8).map(|_| flows.other_sender()).collect();
        join_all(others.iter().map(|(sender, _)| sender.carry(leased))).await;
        let sent: usize = others.iter().map(|(_, phone)| phone.list(None).len()).sum();
        assert_eq!((sent, flows.state(sign_in).await), (1, State::Delivered));
    }
}

async fn what_comes_too_late_expires(db: Db) {
    let flows = Flows::new(db);
    let owner = flows.owner().await;
    let before = flows.phone.list(None).len();
    let abandoned = flows.begun(owner.account).await;
    flows.handed_out().await;
    let late = flows.begun(owner.account).await;
    let held = flows.handed_out().await;
    flows.clock.advance(flows.app.policy.code_life);
    for leased in held {
        flows.sender.carry(leased).await;
    }
    flows.sender.recover().await;
    assert_eq!((flows.state(late).await, flows.state(abandoned).await), (State::Expired, State::Expired));
    assert_eq!(flows.phone.list(None).len(), before);
}

async fn the_day_counts_messages_with_codes(db: Db) {
    let flows = Flows::new(db);
    let owner = flows.owner().await; // one message with a code, and the notice that two-step verification is on
    let newest = async || {
        flows.begun(owner.account).await;
        flows.carry().await;
        flows.phone.list(Some(NUMBER)).first().expect("a message").text.clone()
    };
    assert!(newest().await.contains("本日2通目"));
    assert!(newest().await.contains("本日3通目"));
    flows.clock.set(Timestamp::from_ms(START.ms() + Span::minutes(15 * 60 - 1).as_ms()));
    assert!(newest().await.contains("本日4通目"), "a minute before midnight in Tokyo");
    flows.clock.advance(Span::minutes(1));
    assert!(newest().await.contains("本日1通目"));
}
