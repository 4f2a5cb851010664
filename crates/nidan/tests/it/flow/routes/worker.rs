//! The worker as a whole: it stops, keeps channels apart, and forgets.

use futures_util::future::join_all;
use nidan::config::Route;
use nidan::config::ways::Way;
use nidan::flow::sign_up::{self, SignUp};
use nidan::send::sweep;
use nidan::send::worker;
use nidan::store::{Db, Sql, sql};
use nidan_core::ledger::State;
use nidan_core::message::Channel;
use nidan_core::route::Cost;
use nidan_core::secret::Secret;
use nidan_core::time::Span;
use tokio::sync::mpsc;

use super::{Flows, changed, nobody, route};
use crate::app::wait_for;
use crate::flow::origin;
use crate::smsc::Smsc;

super::on_both_databases!(
    who_stops_with_a_backlog_loses_nothing
    a_carrier_that_is_away_delays_no_mail
    what_carriers_called_messages_and_cost_is_forgotten
);

sql! {
    NAMES = "SELECT count(*) FROM carrier_message";
    DAYS = "SELECT count(*) FROM route_day";
}

impl Flows {
    async fn count(&self, statement: &'static Sql) -> i64 {
        let count =
            self.app.db.read(statement, |tx, statement| Box::pin(async move { tx.one(statement, &[]).await?.int(0) }));
        count.await.expect("no failure")
    }
}

/// More than it can send before it has to end.
async fn who_stops_with_a_backlog_loses_nothing(db: Db) {
    let (flows, smsc) = (Flows::now(db), Smsc::start_with(&["--fault", "01"]));
    let slow = changed(route("carrier", &smsc, None), |settings| settings.rate_per_second = 4);
    let sign_ins = flows.sign_ins(&flows.owners(100).await).await;
    let (hand, messages) = mpsc::unbounded_channel();
    let worker = worker::start(flows.app.clone(), messages, flows.routes(vec![slow]));
    for sign_in in &sign_ins {
        hand.send(sign_in.leased).expect("a worker");
    }
    smsc.tells("phone", 4).await;
    worker.stop().await;
    let before = smsc.told("phone").len();
    assert!((4..100).contains(&before), "{before}");
    for sign_in in &sign_ins {
        let (entry, got) = (flows.entry(sign_in.leased).await, smsc.phone(&sign_in.number).len());
        assert_eq!(got, usize::from(entry.state != State::Queued), "{entry:?}");
    }
    let (sender, _) = flows.sender_by(vec![route("carrier", &smsc, None)]);
    sender.recover().await;
    for sign_in in &sign_ins {
        assert!(!matches!(flows.entry(sign_in.leased).await.state, State::Queued | State::Leased));
        assert_eq!(smsc.phone(&sign_in.number).len(), 1);
    }
}

async fn a_carrier_that_is_away_delays_no_mail(db: Db) {
    let (flows, smsc) = (Flows::now(db), Smsc::start());
    let away = changed(route("away", &smsc, None), |settings| settings.port = nobody());
    let mail = Route { name: "mail".into(), channel: Channel::Email, countries: None, way: Way::Demo, ..away.clone() };
    let sign_ins = flows.sign_ins(&flows.owners(300).await).await;
    let sign_up = SignUp {
        email: "hanako@example.jp".into(),
        password: Secret::new("kuruma-to-12-no-mikan".into()),
        origin: origin(),
    };
    sign_up::begin(&flows.app, sign_up).await.expect("no failure");
    let [letter] = flows.handed_out().await[..] else { panic!("one letter") };
    let (hand, messages) = mpsc::unbounded_channel();
    let worker = worker::start(flows.app.clone(), messages, flows.routes(vec![away, mail]));
    for leased in sign_ins.iter().map(|sign_in| sign_in.leased).chain([letter]) {
        hand.send(leased).expect("a worker");
    }
    wait_for("the letter", async || flows.phone.list(Some("hanako@example.jp")).pop()).await;
    let states = join_all(sign_ins.iter().map(|sign_in| flows.entry(sign_in.leased))).await;
    assert!(states.iter().all(|entry| entry.state == State::Leased), "the letter waited for the SMS");
    worker.stop().await;
    for sign_in in &sign_ins {
        assert_eq!(flows.entry(sign_in.leased).await.state, State::Queued);
    }
}

async fn what_carriers_called_messages_and_cost_is_forgotten(db: Db) {
    let (flows, smsc) = (Flows::now(db), Smsc::start());
    let cost = Cost { per_message: 1_000, day_max: 100_000 };
    let (sender, _) = flows.sender_by(vec![route("carrier", &smsc, Some(cost))]);
    let leased = flows.message_to("+819012345630").await;
    sender.carry(leased).await;
    flows.comes_to(leased, State::Delivered).await;
    for (later, names, days) in
        [(Span::days(1), 1, 1), (Span::ms(1), 0, 1), (Span::days(91), 0, 1), (Span::days(1), 0, 0)]
    {
        flows.clock.advance(later);
        sweep::everything(&flows.app).await;
        assert_eq!((flows.count(&NAMES).await, flows.count(&DAYS).await), (names, days), "{later:?}");
    }
}
