//! The worker: takes messages from the ledger, hands each to a route at most once, and writes down what became of it.
//!
//! Before the first byte goes to a carrier the message is marked, durably. So after a crash a message that may have left
//! is never sent again, and one that certainly has not is sent by whoever takes its lease over.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use nidan_core::code::Binding;
use nidan_core::ceremony::Purpose;
use nidan_core::ledger::{State, Takeover};
use nidan_core::message::Channel;
use nidan_core::time::Span;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio::time::{Duration, MissedTickBehavior, interval};

use super::demo_phone::{Delivery, DemoChannel, DemoPhone};
use super::text::{Filling, Written, write};
use crate::app::App;
use crate::store::message::{self, Leased, Outgoing, SLOTS};
use crate::store::{StoreError, Tx, account, ceremony, idempotency, session};

/// Messages on their way at once.
const AT_ONCE: usize = 64;
/// Pause between two looks for messages whose worker died.
const RECOVER_EVERY: Duration = Duration::from_secs(5);
