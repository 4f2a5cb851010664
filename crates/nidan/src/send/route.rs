//! What every kind of route is given, and what it answers.

use nidan_core::id::MessageId;
use nidan_core::language::Language;
use nidan_core::ledger::{Answer, Reason, Receipt};
use nidan_core::message::Channel;
use nidan_core::secret::Secret;
use nidan_core::time::Timestamp;

/// One message for a route, rendered. No `Debug`: the text holds the code.
pub struct Dispatch {
    /// Its id: the idempotency key where a gateway takes one.
    pub id: MessageId,
    /// How it goes.
    pub channel: Channel,
    /// A phone number in E.164, or an e-mail address.
    pub destination: Secret<String>,
    /// The language of the text.
    pub language: Language,
    /// The subject of an e-mail.
    pub subject: Option<String>,
    /// The text. It may carry a code.
    pub text: Secret<String>,
    /// The HTML part of an e-mail.
    pub html: Option<Secret<String>>,
    /// Its absolute validity: the code's expiry.
    pub expires_at: Timestamp,
}

/// What a route answers of one message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It was taken; the carrier's id of it, by which receipts name it.
    Accepted {
        /// As the carrier wrote it; none where it gives none.
        carrier_id: Option<String>,
    },
    /// It was delivered: known at once by the demo phone alone.
    Delivered,
    /// It was refused, and would be by every route.
    Rejected(Reason),
    /// It certainly was not taken: another route may be tried.
    NotTaken(Reason),
    /// Nobody knows. It is never sent again by itself.
    Ambiguous(Reason),
}

impl Outcome {
    /// As far as the ledger minds.
    pub const fn answer(&self) -> Answer {
        match self {
            Self::Accepted { .. } => Answer::Accepted,
            Self::Delivered => Answer::Delivered,
            Self::Rejected(reason) => Answer::Rejected(*reason),
            Self::NotTaken(reason) => Answer::NotTaken(*reason),
            Self::Ambiguous(reason) => Answer::Ambiguous(*reason),
        }
    }

    /// Its name in metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Delivered => "delivered",
            Self::Rejected(_) => "rejected",
            Self::NotTaken(_) => "not_taken",
            Self::Ambiguous(_) => "ambiguous",
        }
    }
}

/// A receipt as a carrier sent it, not yet matched with a message. No `Debug`: the number is its owner's.
pub struct CarrierReceipt {
    /// The carrier's id of the message, as written.
    pub carrier_id: String,
    /// The number that the message went to, as written; none where the gateway names none.
    pub number: Option<String>,
    /// What it says.
    pub receipt: Receipt,
}
