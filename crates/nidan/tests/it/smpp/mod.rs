//! The SMPP route against a short message centre whose codec is not ours, with every fault it can have.

mod connections;
mod outcomes;
mod pace;
mod receipts;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use nidan::app::{Clock, Random};
use nidan::config::ways::Smpp;
use nidan::send::route::{CarrierReceipt, Dispatch, Outcome};
use nidan::send::smpp::{News, SmppLine};
use nidan_core::id::MessageId;
use nidan_core::language::Language;
use nidan_core::ledger::Receipt;
use nidan_core::message::Channel;
use nidan_core::secret::Secret;
use nidan_core::time::Span;

use crate::app::wait_for;
use crate::smsc::Smsc;

/// A text of the kind that is sent, in UCS-2.
pub const TEXT: &str = "【例社】確認コード 482916\n画面の記号がKXの時だけ入力\n@example.jp #482916";

/// A route to a carrier, and what the carrier told by it.
struct Carrier {
    smsc: Smsc,
    line: SmppLine,
    heard: Arc<Heard>,
}

/// What was told, and how many receipts cannot be kept at first.
#[derive(Default)]
pub struct Heard {
    news: Mutex<Vec<News>>,
    fails: AtomicU32,
}

impl Carrier {
    async fn start() -> Self {
        Self::start_with(&[], |_| {}).await
    }

    async fn start_with(arguments: &[&str], change: impl FnOnce(&mut Smpp)) -> Self {
        let smsc = Smsc::start_with(arguments);
        let mut settings = smsc.settings();
        change(&mut settings);
        let heard = Arc::<Heard>::default();
        let line = open(&settings, heard.clone());
        Self { smsc, line, heard }
    }

    async fn send(&self, number: &str) -> Outcome {
        send(&self.line, &message(number, TEXT)).await
    }

    /// What receipts said so far, in their order, with the carrier's id and the number.
    fn receipts(&self) -> Vec<(String, String, Receipt)> {
        let news = self.heard.news.lock().unwrap_or_else(PoisonError::into_inner);
        let receipts = news.iter().filter_map(|news| match news {
            News::Receipt(CarrierReceipt { carrier_id, number, receipt }) => {
                Some((carrier_id.clone(), number.clone().unwrap_or_default(), *receipt))
            }
            News::Late { .. } => None,
        });
        receipts.collect()
    }

    /// Waits for so many receipts and the carrier's learning that they are kept.
    async fn receives(&self, count: usize) -> Vec<(String, String, Receipt)> {
        let receipts = wait_for("receipts", async || Some(self.receipts()).filter(|heard| heard.len() >= count)).await;
        let answers = self.smsc.tells("receipt_answer", count).await;
        assert!(answers.iter().all(|answer| answer["status"] == 0), "{answers:?}");
        receipts
    }

    /// Closes the route, and checks that the carrier was taken leave of.
    async fn finish(&self) {
        self.line.close().await;
        self.smsc.tells("unbound", 1).await;
    }
}

/// A route whose news are heard.
pub fn open(settings: &Smpp, heard: Arc<Heard>) -> SmppLine {
    let tell = move |news| -> futures_util::future::BoxFuture<'static, bool> {
        let heard = heard.clone();
        Box::pin(async move {
            let fails = |left: u32| left.checked_sub(1);
            if heard.fails.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails).is_ok() {
                return false;
            }
            heard.news.lock().unwrap_or_else(PoisonError::into_inner).push(news);
            true
        })
    };
    SmppLine::open("carrier", settings, Box::new(tell), (Clock::system(), Random::system())).expect("good settings")
}

/// Sends a message as soon as there is a place.
pub async fn send(line: &SmppLine, dispatch: &Dispatch) -> Outcome {
    match line.ready().await {
        Ok(permit) => line.send(permit, dispatch).await,
        Err(reason) => Outcome::NotTaken(reason),
    }
}

/// A message to this number.
pub fn message(number: &str, text: &str) -> Dispatch {
    Dispatch {
        id: MessageId::from_bytes(Random::system().bytes()),
        channel: Channel::Sms,
        destination: Secret::new(number.into()),
        language: Language::Ja,
        subject: None,
        text: Secret::new(text.into()),
        html: None,
        expires_at: Clock::system().now().plus(Span::minutes(10)),
    }
}

/// The carrier's id of a message that it took.
pub fn accepted(outcome: Outcome) -> String {
    match outcome {
        Outcome::Accepted { carrier_id } => carrier_id.expect("an id"),
        other => panic!("{other:?} where a message was to be taken"),
    }
}
