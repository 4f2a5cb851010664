//! What a submit comes to.

use futures_util::future::join_all;
use nidan::send::route::Outcome;
use nidan_core::ledger::Reason;
use nidan_core::time::Span;
use nidan_wire::smpp::Coding;

use super::{Carrier, News, TEXT, accepted, message, send};
use crate::app::wait_for;

#[tokio::test]
async fn a_message_arrives_as_it_was_written() {
    let carrier = Carrier::start().await;
    let gsm = "Code 482916 [KX] {~} €";
    for (number, text, data_coding) in [("+819000000001", TEXT, 8), ("+819000000101", gsm, 0)] {
        let dispatch = message(number, text);
        let id = accepted(send(&carrier.line, &dispatch).await);
        let got = carrier.smsc.tells("phone", 1).await.pop().expect("told");
        assert_eq!(got["id"], id);
        assert_eq!((&got["to"], &got["to_ton"]), (&number[1..].into(), &1.into()));
        assert_eq!((&got["from"], &got["from_ton"]), (&"Example".into(), &5.into()));
        assert_eq!((&got["text"], &got["data_coding"]), (&text.into(), &data_coding.into()));
        // The code's own end, to the second that SMPP counts in: never later, and never counted anew by a hop.
        assert_eq!(got["until"], dispatch.expires_at.seconds() * 1000);
    }
    carrier.finish().await;
}

/// The last line is what phones fill in from: its `@` has to arrive, whatever the carrier takes data_coding 0 for.
#[tokio::test]
async fn a_text_arrives_in_the_alphabet_that_the_carrier_reads() {
    let latin = "482916 is your Café code (KX).\n@example.com #482916";
    for (alphabet, text, data_coding) in [
        (Coding::Latin1, latin, 3),
        (Coding::Latin1, "482916 [KX]", 8),
        (Coding::Latin1, TEXT, 8),
        (Coding::Ucs2, latin, 8),
    ] {
        let carrier = Carrier::start_with(&[], |settings| settings.alphabet = alphabet).await;
        accepted(send(&carrier.line, &message("+819000000001", text)).await);
        let got = carrier.smsc.tells("phone", 1).await.pop().expect("told");
        assert_eq!((&got["text"], &got["data_coding"]), (&text.into(), &data_coding.into()));
        carrier.finish().await;
    }
}

#[tokio::test]
async fn a_long_text_arrives_in_parts_and_is_receipted_once() {
    let carrier = Carrier::start().await;
    let text = TEXT.repeat(3);
    let id = accepted(send(&carrier.line, &message("+819000000001", &text)).await);
    let parts = carrier.smsc.phone("819000000001");
    let texts: String = parts.iter().filter_map(|part| part["text"].as_str()).collect();
    assert_eq!(texts, text);
    let headers: Vec<&str> = parts.iter().filter_map(|part| part["udh"].as_str()).collect();
    let reference = &headers[0][4..6];
    assert_eq!(
        headers,
        [format!("0003{reference}0301"), format!("0003{reference}0302"), format!("0003{reference}0303")]
    );
    assert_eq!(carrier.receives(1).await[0].0, id);
    assert_eq!(carrier.smsc.told("receipt_answer").len(), 1);
    carrier.finish().await;
}

#[tokio::test]
async fn what_the_carrier_says_no_to_is_certain() {
    let carrier = Carrier::start().await;
    for (number, outcome) in [
        ("+819000000017", Outcome::Rejected(Reason::DestinationRefused)),
        ("+819000000018", Outcome::Rejected(Reason::MessageRefused)),
        ("+819000000019", Outcome::NotTaken(Reason::CarrierFault)),
        ("+8190000000000000000001", Outcome::Rejected(Reason::DestinationRefused)),
    ] {
        assert_eq!(carrier.send(number).await, outcome, "{number}");
    }
    assert_eq!(carrier.smsc.told("refused").len(), 3);
    assert!(carrier.smsc.told("phone").is_empty());
    carrier.finish().await;
}

#[tokio::test]
async fn a_throttled_message_goes_again_and_arrives_once() {
    let carrier = Carrier::start().await;
    let id = accepted(carrier.send("+819000000005").await);
    assert_eq!(carrier.smsc.told("refused").iter().filter(|refused| refused["status"] == 0x58).count(), 2);
    let got = carrier.smsc.tells("phone", 1).await;
    assert_eq!((got.len(), &got[0]["id"]), (1, &id.into()));
    carrier.finish().await;
}

#[tokio::test]
async fn a_full_queue_is_asked_again_until_the_message_has_lost_its_worth() {
    let carrier = Carrier::start().await;
    let mut dispatch = message("+819000000006", TEXT);
    dispatch.expires_at = dispatch.expires_at.minus(Span::minutes(10)).plus(Span::ms(1500));
    assert_eq!(send(&carrier.line, &dispatch).await, Outcome::NotTaken(Reason::QueueFull));
    let refused = carrier.smsc.told("refused");
    assert!((2..5).contains(&refused.len()), "{refused:?}");
    assert!(refused.iter().all(|refused| refused["at"].as_i64() <= Some(dispatch.expires_at.ms())), "{refused:?}");
    assert!(carrier.smsc.told("phone").is_empty());
    carrier.finish().await;
}

#[tokio::test]
async fn silence_is_ambiguous_and_a_late_answer_is_told() {
    let carrier = Carrier::start_with(&["--late-ms", "1500"], |_| {}).await;
    assert_eq!(carrier.send("+819000000007").await, Outcome::Ambiguous(Reason::NoAnswer));
    let dispatch = message("+819000000020", TEXT);
    assert_eq!(send(&carrier.line, &dispatch).await, Outcome::Ambiguous(Reason::NoAnswer));
    let told = wait_for("the late answer", async || {
        let news = carrier.heard.news.lock().expect("no panic");
        news.iter().find_map(|news| match news {
            News::Late { message, carrier_id } => Some((*message, carrier_id.clone())),
            News::Receipt(_) => None,
        })
    });
    let (late, carrier_id) = told.await;
    assert_eq!(late, dispatch.id);
    assert_eq!(carrier.smsc.phone("819000000020")[0]["id"], carrier_id);
    // The session went on, and nothing went out twice.
    accepted(carrier.send("+819000000001").await);
    wait_for("the third message", async || (carrier.smsc.told("phone").len() >= 3).then_some(())).await;
    assert_eq!(carrier.smsc.told("phone").len(), 3);
    carrier.finish().await;
}

#[tokio::test]
async fn an_answer_without_an_id_is_an_answer() {
    let carrier = Carrier::start().await;
    assert_eq!(carrier.send("+819000000024").await, Outcome::Accepted { carrier_id: None });
    carrier.finish().await;
}

/// Fifty owners at a carrier that says nothing, then fifty at one that hangs up: whatever was told, no phone has two, none
/// has what certainly was not taken, and each has what certainly was.
#[tokio::test]
async fn a_bad_carrier_doubles_nothing() {
    let carrier = Carrier::start_with(&[], |settings| settings.connections = 2).await;
    for (fault, reason) in [("07", Reason::NoAnswer), ("08", Reason::LinkLost)] {
        let number = |owner: usize| format!("+8190000{fault}{owner:02}{}", ["01", fault, "19"][owner % 3]);
        let numbers: Vec<String> = (0..50).map(number).collect();
        let outcomes = join_all(numbers.iter().map(|number| carrier.send(number))).await;
        assert!(outcomes.contains(&Outcome::Ambiguous(reason)), "{outcomes:?}");
        for (number, outcome) in numbers.iter().zip(outcomes) {
            let got = carrier.smsc.phone(&number[1..]).len();
            match outcome {
                Outcome::Accepted { .. } => assert_eq!(got, 1, "{number}"),
                Outcome::NotTaken(_) => assert_eq!(got, 0, "{number}"),
                Outcome::Ambiguous(_) => assert!(got <= 1, "{number} got {got}"),
                other => panic!("{other:?}"),
            }
        }
    }
    carrier.line.close().await;
}
