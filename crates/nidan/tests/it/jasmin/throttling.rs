//! A gateway that refuses what follows too closely on the message before, however few there were.

use futures_util::future::join_all;
use nidan::config::ways::Smpp;
use nidan::send::smpp::bind;
use nidan_wire::smpp::encoding::encode;
use nidan_wire::smpp::{Address, Coding, Event, Status, SubmitSm, validity};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant};

use super::Jasmin;
use crate::smpp::{TEXT, accepted, message, open, send};
use crate::smsc::Smsc;

/// What the gateway takes, and what the route is set to: less, since the same distance is too short half of the time.
const PER_SECOND: (u32, u32) = (20, 15);
const MESSAGES: usize = 100;
/// What it writes down of a message that it refuses.
const REFUSED: &str = "submit_sm_event is faster";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs ./check gateways"]
async fn an_even_pace_is_let_through_where_a_burst_is_refused() {
    let smsc = Smsc::start();
    let jasmin = Jasmin::start(&smsc, Some(PER_SECOND.0));
    let settings = Smpp { rate_per_second: PER_SECOND.1, window: 100, ..jasmin.settings(&smsc) };
    let line = open(&settings, Default::default());
    let numbers: Vec<String> = (0..MESSAGES).map(|n| format!("+81901234{n:02}01")).collect();
    let (sent, began) = (numbers.iter().map(async |number| send(&line, &message(number, TEXT)).await), Instant::now());
    for outcome in join_all(sent).await {
        accepted(outcome);
    }
    let (took, refused) = (began.elapsed(), jasmin.noted(REFUSED));
    line.close().await;
    let taken = burst(&settings, MESSAGES).await;
    println!("paced: {MESSAGES} in {took:?}, {refused} refused; in one burst: {} refused", MESSAGES - taken);
    // On a machine that does nothing else none or a few; where others hold the gateway up, what came evenly is read in a lump.
    assert!(refused * 3 <= MESSAGES, "{refused} of {MESSAGES} were refused");
    assert!(taken * 10 <= MESSAGES, "{taken} of {MESSAGES} were taken");
    assert_eq!(jasmin.noted(REFUSED), refused + MESSAGES - taken);
    smsc.tells("phone", MESSAGES + taken).await;
    for number in &numbers {
        assert_eq!(smsc.phone(&number[1..]).len(), 1, "{number}");
    }
}

/// Sends so many messages to one number at once; how many are taken.
async fn burst(settings: &Smpp, count: usize) -> usize {
    let mut stream = TcpStream::connect((settings.host.as_str(), settings.port)).await.expect("there");
    let mut session = bind(settings, Duration::ZERO);
    let (mut taken, mut refused, mut read) = (0, 0, [0; 4096]);
    while taken + refused < count {
        stream.write_all(&session.output()).await.expect("written");
        let length = stream.read(&mut read).await.expect("read");
        session.receive(&read[..length], Duration::ZERO);
        while let Some(event) = session.event() {
            match event {
                Event::Bound { .. } => {
                    for key in 0..count as u64 {
                        session.submit(key, &submit_sm(settings), Duration::ZERO).expect("a place");
                    }
                }
                Event::Taken { .. } => taken += 1,
                Event::Refused { status: Status::Throttled, .. } => refused += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    taken
}

fn submit_sm(settings: &Smpp) -> SubmitSm {
    let expires_at = nidan::app::Clock::system().now().plus(nidan_core::time::Span::minutes(10));
    SubmitSm {
        source: Address::sender(&settings.sender, None, None).expect("a sender"),
        destination: Address::destination("+819099999901").expect("a number"),
        validity_period: validity(expires_at.ms()),
        receipt: false,
        short_message: encode(TEXT, Coding::Gsm7).expect("one message"),
    }
}
