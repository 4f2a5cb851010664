//! Receipts: twice, early, in hex, of somebody else, never. The route passes on what the carrier says, as it says it; what
//! belongs to which message is the ledger's business.

use std::sync::atomic::Ordering;

use nidan_core::ledger::Receipt;

use super::{Carrier, accepted};

/// What is heard of one message sent to each number: the id as it was accepted, or otherwise.
#[tokio::test]
async fn receipts_are_passed_on_as_they_come() {
    use Receipt::{Delivered, EnRoute, Expired, Rejected, Undelivered};
    let same = |id: i64| id.to_string();
    let hex = |id: i64| format!("{id:X}");
    let other = |id: i64| (id - 1).to_string();
    type Written = fn(i64) -> String;
    let cases: [(&str, Written, &[Receipt]); 12] = [
        ("819000000001", same, &[Delivered]),
        ("819000000002", same, &[Undelivered]),
        ("819000000003", same, &[Expired]),
        ("819000000004", same, &[Rejected]),
        ("819000000009", same, &[Delivered, Delivered]),
        ("819000000010", same, &[Delivered]),
        ("819000000011", same, &[]),
        ("819000000012", hex, &[Delivered]),
        ("819000000013", same, &[EnRoute, Delivered]),
        ("819000000014", other, &[Undelivered]),
        ("819000000022", same, &[Delivered]),
        ("819000000023", same, &[Delivered]),
    ];
    for (number, written, receipts) in cases {
        let carrier = Carrier::start().await;
        let id = accepted(carrier.send(&format!("+{number}")).await);
        let written = written(id.parse().expect("the SMSC's ids are numbers"));
        let heard = carrier.receives(receipts.len()).await;
        let expected: Vec<_> = receipts.iter().map(|said| (written.clone(), number.to_owned(), *said)).collect();
        assert_eq!(heard, expected, "{number}");
        assert_eq!(carrier.smsc.phone(number).len(), 1, "{number}");
        carrier.finish().await;
    }
}

#[tokio::test]
async fn a_late_receipt_comes_after_others() {
    let carrier = Carrier::start_with(&["--late-ms", "300"], |_| {}).await;
    let late = accepted(carrier.send("+819000000015").await);
    let soon = accepted(carrier.send("+819000000001").await);
    let ids: Vec<_> = carrier.receives(2).await.into_iter().map(|(id, _, _)| id).collect();
    assert_eq!(ids, [soon, late]);
    carrier.finish().await;
}

#[tokio::test]
async fn a_receipt_that_cannot_be_kept_comes_again() {
    let carrier = Carrier::start().await;
    carrier.heard.fails.store(2, Ordering::SeqCst);
    let id = accepted(carrier.send("+819000000001").await);
    let answers = carrier.smsc.tells("receipt_answer", 3).await;
    let answers: Vec<_> = answers.iter().map(|answer| answer["status"].as_i64().expect("a number")).collect();
    assert_eq!(answers, [0x64, 0x64, 0]);
    assert_eq!(carrier.receipts(), [(id, "819000000001".to_owned(), Receipt::Delivered)]);
    carrier.finish().await;
}

#[tokio::test]
async fn what_nobody_asked_for_disturbs_nothing() {
    let carrier = Carrier::start().await;
    let id = accepted(carrier.send("+819000000021").await);
    assert_eq!(carrier.smsc.tells("unsolicited_answer", 1).await[0]["status"], 0);
    assert_eq!(carrier.receives(1).await, [(id, "819000000021".to_owned(), Receipt::Delivered)]);
    carrier.finish().await;
}

#[tokio::test]
async fn malformed_pdus_do_not_end_the_session() {
    let carrier = Carrier::start().await;
    for _ in 0..3 {
        accepted(carrier.send("+819000000016").await);
    }
    carrier.receives(3).await;
    // Each of the six groups has two requests that are answered, and a response that is not.
    carrier.smsc.tells("nack", 12).await;
    assert_eq!(carrier.smsc.told("bound").len(), 1);
    assert!(carrier.smsc.told("closed").is_empty());
    carrier.finish().await;
}
