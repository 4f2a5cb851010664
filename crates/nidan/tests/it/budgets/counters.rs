//! Budgets on one node: exactly as much as one request after another would get.

use nidan::flow::budget::{Admission, Admitted, complete, give_back, usual_setups};
use nidan::store::{Db, ceremony, rate_counter, sql};
use nidan_core::bucket::Rule;
use nidan_core::budget::{Budget, Gate, Kind, Suppressed};
use nidan_core::secret::Secret;
use nidan_core::time::Span;

use super::{HOUR, Node, START, admitted, budget, refused_until, rolling, rules};

crate::store::on_every_database!(
    parallel_takes_get_exactly_the_cap
    a_message_passes_all_its_budgets_or_takes_from_none
    what_was_counted_already_is_passed_over
    a_completed_challenge_refunds_its_messages_once
    what_stays_is_not_refunded
    what_refills_or_rolls_comes_back
    counts_outlive_a_restart
    whoever_hangs_up_between_two_steps_has_no_more
    the_usual_is_the_median_of_the_same_hours
    only_what_has_expired_is_swept
);

sql! {
    ROWS = "SELECT COUNT(*) AS n FROM rate_counter";
}

async fn rows(db: &Db) -> i64 {
    let counted = db.read((), |tx, ()| Box::pin(async move { tx.one(&ROWS, &[]).await?.int(0) }));
    counted.await.expect("no failure")
}

async fn parallel_takes_get_exactly_the_cap(db: Db) {
    let node = Node::new(db);
    for rule in rules(5) {
        let budget = [budget(&format!("{rule:?}"), rule)];
        assert_eq!(node.at_once(&budget, 64).await, 5, "{rule:?}");
        let Admission::Refused { reason, until } = node.admit(&budget).await else { panic!("{rule:?}") };
        assert!(reason == Suppressed::NumberFull && until > START, "{rule:?}: {until:?}");
    }
}

async fn a_message_passes_all_its_budgets_or_takes_from_none(db: Db) {
    let node = Node::new(db);
    let [first, narrow, last] =
        [("first", 10), ("narrow", 2), ("last", 10)].map(|(key, cap)| budget(key, rolling(cap)));
    let all = [first.clone(), narrow, last.clone()];
    assert_eq!(node.at_once(&all, 64).await, 2);
    for wide in [first, last] {
        assert_eq!(node.at_once(&[wide], 64).await, 8, "two are taken and the others were given back");
    }
}

async fn what_was_counted_already_is_passed_over(db: Db) {
    let node = Node::new(db);
    let source = budget("source", rolling(3));
    let account = |name: &str| {
        let once = Budget { gate: Gate::OncePer, stays: true, ..budget(&format!("source {name}"), rolling(1)) };
        [once, source.clone()]
    };
    assert_eq!(node.at_once(&account("taro"), 20).await, 20, "one account alone counts once");
    for name in ["jiro", "saburo"] {
        node.admitted(&account(name)).await;
    }
    assert!(matches!(node.admit(&account("shiro")).await, Admission::Refused { .. }));
    node.admitted(&account("taro")).await;
}

async fn a_completed_challenge_refunds_its_messages_once(db: Db) {
    let node = Node::new(db);
    let owner = &node.owners(1).await[0];
    let sign_in = node.sign_in(owner).await;
    let challenge = nidan_core::code::challenge_id(sign_in.id, Some(owner.sms));
    for rule in rules(2) {
        let one = budget(&format!("{rule:?}"), rule);
        let stays = Budget { stays: true, ..budget(&format!("stays {rule:?}"), rolling(9)) };
        for _ in 0..2 {
            let taken = node.admitted(&[one.clone(), stays.clone()]).await;
            let input = (sign_in.account, challenge, taken);
            let kept = node.app.db.transact(input, |tx, (account, challenge, taken)| {
                Box::pin(ceremony::keep_budgets(tx, *account, *challenge, taken))
            });
            kept.await.expect("kept");
        }
        assert_eq!(node.at_once(&[one], 8).await, 0, "{rule:?}");
    }
    let taken = node.finish(sign_in).await.expect("finished once");
    assert_ne!(taken, Admitted::default());
    assert_eq!(node.finish(sign_in).await, None);
    complete(&node.app, taken).await.expect("completed");
    for rule in rules(2) {
        // As long as half of five are completed: three more.
        let more = if matches!(rule, Rule::Share { .. }) { 3 } else { 2 };
        assert_eq!(node.at_once(&[budget(&format!("{rule:?}"), rule)], 8).await, more, "{rule:?}");
    }
}

async fn what_stays_is_not_refunded(db: Db) {
    let node = Node::new(db);
    let ceiling = [Budget { stays: true, ..budget("ceiling", rolling(2)) }];
    let taken = node.admitted(&ceiling).await;
    assert!(taken.to_stored().is_empty(), "nothing to be completed is kept");
    complete(&node.app, taken).await.expect("completed");
    let taken = node.admitted(&ceiling).await;
    assert_eq!(node.at_once(&ceiling, 4).await, 0);
    give_back(&node.app, taken).await.expect("given back");
    assert_eq!(node.at_once(&ceiling, 4).await, 1, "what came to nothing is");
}

async fn what_refills_or_rolls_comes_back(db: Db) {
    let node = Node::new(db);
    for rule in rules(2) {
        let one = [budget(&format!("{rule:?}"), rule)];
        let began = node.app.clock.now();
        assert_eq!(node.at_once(&one, 4).await, 2);
        let until = refused_until(&node.admit(&one).await);
        node.clock.set(until.minus(Span::ms(1)));
        assert_eq!(refused_until(&node.admit(&one).await), until, "{rule:?}");
        node.clock.set(until);
        node.admitted(&one).await;
        assert!(until.since(began) <= Span::minutes(120), "{rule:?}");
        node.clock.advance(Span::days(1));
        node.clock.set(nidan_core::time::Timestamp::from_ms(node.app.clock.now().ms() / 3_600_000 * 3_600_000));
    }
}

async fn counts_outlive_a_restart(db: Db) {
    let mut node = Node::new(db.clone());
    for rule in rules(5) {
        let one = [budget(&format!("{rule:?}"), rule)];
        for _ in 0..5 {
            node.admitted(&one).await;
            node = node.another(db.clone());
        }
        assert_eq!(node.at_once(&one, 8).await, 0, "{rule:?}");
    }
}

/// Dropped at every step in turn: what was taken stays taken or was not taken, and nobody gets more by it.
async fn whoever_hangs_up_between_two_steps_has_no_more(db: Db) {
    let node = Node::new(db);
    let both = [budget("first", rolling(40)), budget("second", rolling(40))];
    let mut got = 0;
    for polls in 1..60 {
        let taking = node.admit(&both);
        let left_after = async {
            for _ in 0..polls {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            admission = taking => got += usize::from(matches!(admission, Admission::Admitted(_))),
            () = left_after => {}
        }
    }
    let rest = node.at_once(&both, 64).await;
    assert!(got + rest <= 40, "{got} and {rest}");
    assert_eq!(node.at_once(&both, 8).await, 0);
}

async fn the_usual_is_the_median_of_the_same_hours(db: Db) {
    let node = Node::new(db.clone());
    let setups = Budget {
        kind: Kind::SetupHour,
        key: Secret::new(Vec::new()),
        rule: Rule::Window { cap: 1000, window: HOUR },
        stays: true,
        ..budget("", rolling(1))
    };
    assert_eq!(usual_setups(&node.app).await.expect("no failure"), 0, "nothing is usual yet");
    // Seven days ago there were none, and another hour does not count. Whoever takes one a minute leases one at a time.
    for (days, count) in [(0, 3), (1, 4), (2, 5), (4, 9), (5, 1)] {
        for (hours, count) in [(0, count), (1, 7)] {
            for minute in 0..count {
                let at = START.plus(Span::days(days)).plus(Span::minutes(60 * hours + minute));
                node.clock.set(at);
                node.admitted(std::slice::from_ref(&setups)).await;
            }
        }
    }
    node.clock.set(START.plus(Span::days(6)));
    // 1, 9, 0, 5, 4, 3, the latest first.
    assert_eq!(usual_setups(&node.app).await.expect("no failure"), 3);
    node.clock.set(START.plus(Span::days(6)).plus(HOUR));
    assert_eq!(usual_setups(&node.app).await.expect("no failure"), 7);
    let restarted = node.another(db);
    restarted.clock.set(START.plus(Span::days(12)));
    forget_expired(&restarted).await;
    // Six more days without any.
    assert_eq!(usual_setups(&restarted.app).await.expect("no failure"), 0);
    restarted.clock.set(START.plus(Span::days(6)));
    assert_eq!(usual_setups(&restarted.app).await.expect("no failure"), 3, "swept with the others");
}

async fn forget_expired(node: &Node) -> u64 {
    let now = node.app.clock.now();
    let forgotten = node.app.db.transact(now, |tx, now| Box::pin(rate_counter::forget(tx, *now)));
    forgotten.await.expect("no failure")
}

async fn only_what_has_expired_is_swept(db: Db) {
    let node = Node::new(db.clone());
    let all = rules(1).map(|rule| [budget(&format!("{rule:?}"), rule)]);
    for one in &all {
        admitted(node.admit(one).await);
    }
    assert_eq!((rows(&db).await, forget_expired(&node).await), (3, 0));
    node.clock.advance(Span::ms(HOUR.as_ms() - 1));
    assert_eq!(forget_expired(&node).await, 0);
    for one in &all {
        assert_eq!(node.at_once(one, 2).await, 0);
    }
    node.clock.advance(Span::minutes(121));
    assert_eq!(forget_expired(&node).await, 3);
    assert_eq!(rows(&db).await, 0);
}
