//! What one route does not take goes by the next, or waits until one does; what a route may have goes by no other.

use futures_util::future::join;
use nidan::store::Db;
use nidan::store::message::Leased;
use nidan::store::sql;
use nidan_core::ledger::State;
use nidan_core::secret::Secret;
use nidan_core::time::{Span, Timestamp};

use super::{Flows, changed, nobody, route};
use crate::app::wait_for;
use crate::smsc::Smsc;

super::on_both_databases!(
    what_one_route_does_not_take_the_next_does
    what_a_carrier_is_long_too_busy_for_stays_ours_and_goes_by_the_next
    what_a_carrier_refuses_goes_by_no_other
    what_no_route_takes_waits_for_one
    what_no_route_takes_in_time_expires
);

sql! {
    LEASE = "SELECT lease_ms FROM message WHERE account_id = $1 AND message_id = $2";
}

impl Flows {
    async fn lease_of(&self, leased: Leased) -> Timestamp {
        let until = self.app.db.read(leased, |tx, leased| {
            Box::pin(async move { tx.one(&LEASE, &[leased.account.into(), leased.id.into()]).await?.time(0) })
        });
        until.await.expect("no failure")
    }
}

async fn what_one_route_does_not_take_the_next_does(db: Db) {
    let (flows, smsc, strict) = (Flows::now(db), Smsc::start(), Smsc::start());
    let away = changed(route("away", &smsc, None), |settings| settings.port = nobody());
    let stranger =
        changed(route("stranger", &strict, None), |settings| settings.password = Secret::new("guess".into()));
    let faulty = Smsc::start_with(&["--fault", "19"]);
    let (sender, _) =
        flows.sender_by(vec![away, stranger, route("faulty", &faulty, None), route("second", &smsc, None)]);
    strict.tells("bind_refused", 1).await;
    let leased = flows.message_to("+819012345630").await;
    sender.carry(leased).await;
    let entry = flows.comes_to(leased, State::Delivered).await;
    assert_eq!((entry.route.as_deref(), entry.reason), (Some("second"), None));
    assert_eq!(flows.messages_of(leased).await, 1);
    assert_eq!(smsc.phone("819012345630").len(), 1);
    assert_eq!((faulty.told("refused").len(), faulty.told("phone").len()), (1, 0));
}

/// The carrier says for twenty seconds that it is too busy. The clock moves on by more than a lease meanwhile, and another
/// node looks for messages whose worker died.
async fn what_a_carrier_is_long_too_busy_for_stays_ours_and_goes_by_the_next(db: Db) {
    let (flows, busy, idle) = (Flows::now(db), Smsc::start_with(&["--fault", "06"]), Smsc::start());
    let routes = || vec![route("busy", &busy, None), route("idle", &idle, None)];
    let ((sender, _), (other, _)) = (flows.sender_by(routes()), flows.sender_by(routes()));
    let leased = flows.message_to("+819012345630").await;
    let time_passes = async {
        busy.tells("refused", 1).await;
        for _ in 0..2 {
            let before = flows.lease_of(leased).await;
            flows.clock.advance(Span::ms(flows.app.policy.message_lease.as_ms() - 1));
            wait_for("the lease to be renewed", async || (flows.lease_of(leased).await > before).then_some(())).await;
            other.recover().await;
            assert_eq!(flows.entry(leased).await.state, State::Leased, "another node took it over");
        }
    };
    join(sender.carry(leased), time_passes).await;
    let entry = flows.comes_to(leased, State::Delivered).await;
    assert_eq!((entry.route.as_deref(), entry.reason), (Some("idle"), None));
    assert_eq!((busy.told("phone").len(), idle.told("phone").len(), flows.messages_of(leased).await), (0, 1, 1));
}

async fn what_a_carrier_refuses_goes_by_no_other(db: Db) {
    let (flows, carriers) = (Flows::now(db), [Smsc::start(), Smsc::start()]);
    let (sender, _) = flows.sender_by(vec![route("first", &carriers[0], None), route("second", &carriers[1], None)]);
    for (number, reason) in [("+819012345617", "destination_refused"), ("+819012345618", "message_refused")] {
        let leased = flows.message_to(number).await;
        sender.carry(leased).await;
        let entry = flows.entry(leased).await;
        assert_eq!((entry.state, entry.route.as_deref()), (State::Rejected, Some("first")));
        assert_eq!(entry.reason.as_deref(), Some(reason));
    }
    assert_eq!((carriers[0].told("refused").len(), carriers[1].told("refused").len()), (2, 0));
    assert!(carriers.iter().all(|smsc| smsc.told("phone").is_empty()));
}

async fn what_no_route_takes_waits_for_one(db: Db) {
    let flows = Flows::now(db);
    let smsc = Smsc::start();
    let port = smsc.port();
    let settings = route("carrier", &smsc, None);
    drop(smsc);
    let (sender, _) = flows.sender_by(vec![settings]);
    let leased = flows.message_to("+819012345630").await;
    sender.carry(leased).await;
    let entry = flows.entry(leased).await;
    assert_eq!((entry.state, entry.route), (State::Queued, None));
    assert_eq!(entry.reason.as_deref(), Some("route_down"));
    let smsc = Smsc::start_with(&["--port", &port.to_string()]);
    smsc.tells("bound", 1).await;
    sender.recover().await;
    assert!(smsc.told("phone").is_empty(), "it is not time yet");
    flows.clock.advance(flows.app.policy.message_retry);
    sender.recover().await;
    let entry = flows.comes_to(leased, State::Delivered).await;
    assert_eq!((entry.route.as_deref(), smsc.told("phone").len()), (Some("carrier"), 1));
}

async fn what_no_route_takes_in_time_expires(db: Db) {
    let (flows, smsc) = (Flows::now(db), Smsc::start());
    let away = changed(route("away", &smsc, None), |settings| settings.port = nobody());
    let (sender, _) = flows.sender_by(vec![away]);
    let leased = flows.message_to("+819012345630").await;
    sender.carry(leased).await;
    assert_eq!(flows.entry(leased).await.state, State::Queued);
    flows.clock.advance(flows.app.policy.code_life);
    sender.recover().await;
    let entry = flows.entry(leased).await;
    assert_eq!((entry.state, entry.reason.as_deref()), (State::Expired, Some("route_down")));
    sender.recover().await;
    assert!(smsc.told("phone").is_empty());
}
