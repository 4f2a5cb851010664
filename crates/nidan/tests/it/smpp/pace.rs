//! How fast messages go.

use futures_util::future::join_all;

use super::{Carrier, accepted};

/// Three hundred owners at once, at a carrier that takes twenty in any second.
#[tokio::test]
async fn a_carriers_limit_is_kept_without_losing_or_doubling() {
    let carrier = Carrier::start_with(&["--rate", "20"], |settings| settings.rate_per_second = 20).await;
    let numbers: Vec<String> = (0..300).map(|owner| format!("+81900000{owner:03}00")).collect();
    let began = tokio::time::Instant::now();
    for outcome in join_all(numbers.iter().map(|number| carrier.send(number))).await {
        accepted(outcome);
    }
    let took = began.elapsed();
    let throttled = u32::try_from(carrier.smsc.told("refused").len()).expect("few");
    assert!(throttled <= 15, "{throttled} of 300 were throttled");
    // A complaint makes it a quarter slower for five seconds. On a busy machine there are some.
    let slower = std::time::Duration::from_millis(1_250) * throttled;
    assert!(took.saturating_sub(slower).as_secs() < 20, "{took:?}, {throttled} throttled");
    assert_eq!(carrier.smsc.tells("phone", 300).await.len(), 300);
    for number in &numbers {
        assert_eq!(carrier.smsc.phone(&number[1..]).len(), 1, "{number}");
    }
    carrier.finish().await;
}
