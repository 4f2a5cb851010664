//! What many share is leased by nodes in lots: never over the cap, and what a node holds it spends.

use nidan::flow::budget::give_back;
use nidan::store::Db;
use nidan_core::bucket::Rule;
use nidan_core::budget::Budget;
use nidan_core::time::Span;

use super::{HOUR, Node, budget};

crate::store::on_every_database!(
    two_nodes_together_give_the_cap_and_no_more
    lanes_with_a_lower_cap_do_not_spend_what_was_leased_for_others
    amounts_are_leased_whole
    what_is_given_back_is_there_again
    a_new_window_begins_anew
);

fn window(cap: i64) -> Budget {
    budget("japan", Rule::Window { cap, window: HOUR })
}

async fn two_nodes_together_give_the_cap_and_no_more(db: Db) {
    let one = Node::new(db.clone());
    let other = one.another(db.clone());
    let country = [window(150)];
    let (mut given, mut rounds) = (0, 0);
    loop {
        let (here, there) = tokio::join!(one.at_once(&country, 16), other.at_once(&country, 16));
        given += here + there;
        rounds += 1;
        if here + there == 0 {
            break;
        }
        assert!(rounds < 100, "it never ends");
    }
    assert_eq!(given, 150);
    // A node that died with permits takes them along: less, never more.
    let restarted = one.another(db);
    assert_eq!(restarted.at_once(&country, 64).await, 0);
}

async fn lanes_with_a_lower_cap_do_not_spend_what_was_leased_for_others(db: Db) {
    let node = Node::new(db);
    let (sign_ins, setups) = ([window(20)], [window(10)]);
    for _ in 0..8 {
        node.admitted(&sign_ins).await; // 1 + 2 + 4 + 8 leased, of which 7 are left
    }
    assert_eq!(node.at_once(&setups, 20).await, 0, "15 are gone, and these may go to 10");
    assert_eq!(node.at_once(&sign_ins, 64).await + node.at_once(&sign_ins, 8).await, 12);
}

async fn amounts_are_leased_whole(db: Db) {
    let node = Node::new(db);
    let money = [Budget { n: 8, ..window(100) }];
    let given: usize =
        [node.at_once(&money, 5).await, node.at_once(&money, 64).await, node.at_once(&money, 64).await].iter().sum();
    assert_eq!(given, 12, "96 of 100");
    let cheap = [Budget { n: 2, ..window(100) }];
    assert_eq!(node.at_once(&cheap, 8).await, 2, "the other four");
}

async fn what_is_given_back_is_there_again(db: Db) {
    let node = Node::new(db);
    let country = [window(1)];
    let taken = node.admitted(&country).await;
    assert_eq!(node.at_once(&country, 8).await, 0);
    give_back(&node.app, taken).await.expect("given back");
    assert_eq!(node.at_once(&country, 8).await, 1);
}

async fn a_new_window_begins_anew(db: Db) {
    let node = Node::new(db);
    let country = [window(40)];
    for _ in 0..3 {
        let given: usize = node.at_once(&country, 64).await + node.at_once(&country, 64).await;
        assert_eq!(given, 40);
        node.clock.advance(Span::ms(HOUR.as_ms() - 1));
        assert_eq!(node.at_once(&country, 8).await, 0);
        node.clock.advance(Span::ms(1));
    }
}
