//! What operators are told of a route's costs.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use nidan_core::route::Cost;

use super::{Flows, route};
use crate::smsc::Smsc;
use crate::store::Store;

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// On one thread, whose log is the test's.
#[tokio::test]
async fn operators_are_told_at_50_80_and_100_percent_of_a_day() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let (store, smsc) = (Store::in_memory().await, Smsc::start());
    let flows = Flows::now(store.db.clone());
    let cost = Cost { per_message: 1_000, day_max: 5_000 };
    let (sender, _) = flows.sender_by(vec![route("carrier", &smsc, Some(cost))]);
    let told = || -> Vec<String> {
        let log = String::from_utf8(log.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).expect("UTF-8");
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
