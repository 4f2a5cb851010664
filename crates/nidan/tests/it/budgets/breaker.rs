//! Far more wrong codes than usual, over all accounts and nodes.

use nidan::store::Db;
use nidan_core::time::{Span, Timestamp};

use super::{Node, START};

crate::store::on_every_database!(
    wrong_codes_of_all_nodes_open_the_breaker_for_all
    it_stays_open_until_it_has_been_calm_for_an_hour
    what_is_usual_for_the_hour_is_no_alarm
);

impl Node {
    fn wrong_codes(&self, count: u32) {
        for _ in 0..count {
            self.app.wrong_codes.note(self.app.clock.now(), &self.app.policy);
        }
    }

    async fn look(&self) {
        self.app.wrong_codes.look(&self.app).await.expect("no failure");
    }

    fn is_open(&self) -> bool {
        self.app.wrong_codes.is_open(self.app.clock.now())
    }

    fn set(&self, now: Timestamp) {
        self.clock.set(now);
    }
}

async fn wrong_codes_of_all_nodes_open_the_breaker_for_all(db: Db) {
    let one = Node::new(db.clone());
    let other = one.another(db.clone());
    one.wrong_codes(300);
    one.look().await;
    other.wrong_codes(200);
    other.look().await;
    other.look().await;
    assert!(!one.is_open() && !other.is_open(), "500 are no alarm, however often they are looked at");
    other.wrong_codes(1);
    assert!(!other.is_open() || !one.is_open());
    other.look().await;
    assert!(other.is_open());
    one.look().await;
    assert!(one.is_open());
    let restarted = one.another(db);
    assert!(!restarted.is_open());
    restarted.look().await;
    assert!(restarted.is_open());
}

async fn it_stays_open_until_it_has_been_calm_for_an_hour(db: Db) {
    let node = Node::new(db.clone());
    node.wrong_codes(501);
    assert!(node.is_open(), "what a node saw itself counts at once");
    node.look().await;
    // Half of the ten minutes before still counts five minutes into the next.
    node.set(START.plus(Span::minutes(15)));
    node.wrong_codes(251);
    node.look().await;
    let calm = START.plus(Span::minutes(75));
    node.set(calm.minus(Span::ms(1)));
    node.look().await;
    assert!(node.is_open());
    node.set(calm);
    node.look().await;
    assert!(!node.is_open());
    let restarted = node.another(db);
    restarted.look().await;
    assert!(!restarted.is_open());
}

async fn what_is_usual_for_the_hour_is_no_alarm(db: Db) {
    let node = Node::new(db.clone());
    for day in 0..3 {
        for window in 0..6 {
            node.set(START.plus(Span::days(day)).plus(Span::minutes(10 * window)));
            node.wrong_codes(200);
            node.look().await;
        }
    }
    let node = node.another(db);
    for (minutes, count, open) in [(30, 1000, false), (31, 1, true)] {
        node.set(START.plus(Span::days(3)).plus(Span::minutes(minutes)));
        node.look().await;
        node.wrong_codes(count);
        assert_eq!(node.is_open(), open, "five times 200");
    }
    // An hour without a usual: 500.
    node.set(START.plus(Span::days(3)).plus(Span::minutes(150)));
    node.look().await;
    assert!(!node.is_open());
    node.wrong_codes(501);
    assert!(node.is_open());
}
