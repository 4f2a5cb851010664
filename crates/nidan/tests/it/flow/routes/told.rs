//! What operators are told of a route's costs.

use nidan_core::route::Cost;

use super::{Flows, route};
use crate::log::Log;
use crate::smsc::Smsc;
use crate::store::Store;

/// On one thread, whose log is the test's.
#[tokio::test]
async fn operators_are_told_at_50_80_and_100_percent_of_a_day() {
    let (log, _logging) = Log::of_this_thread();
    let (store, smsc) = (Store::in_memory().await, Smsc::start());
    let flows = Flows::now(store.db.clone());
    let cost = Cost { per_message: 1_000, day_max: 5_000 };
    let (sender, _) = flows.sender_by(vec![route("carrier", &smsc, Some(cost))]);
    let told = || -> Vec<String> {
        let log = log.text();
        let lines = log.lines().filter_map(|line| line.split_once("route: ")?.1.split_once(" of what it may cost"));
        lines.map(|(percent, _)| percent.to_owned()).collect()
    };
    let sign_ins = flows.sign_ins(&flows.owners(38).await[32..]).await;
    let all = ["50 %", "80 %", "100 %"];
    let expected = [&all[..0], &all[..0], &all[..1], &all[..2], &all[..], &all[..]];
    for (sign_in, expected) in sign_ins.iter().zip(expected) {
        sender.carry(sign_in.leased).await;
        assert_eq!(told(), expected);
    }
}
