//! SMPP 3.4, the side of the one who sends (ESME): what goes to a carrier's short message centre and what comes back.
//!
//! [`Session`] is one connection without its socket. Whoever drives it writes what [`Session::output`] gives, hands in
//! what was read by [`Session::receive`], calls [`Session::advance`] at [`Session::deadline`], and takes out
//! [`Event`]s after each of the three. Time is a duration since any start, as long as it never goes back.
//!
//! ```
//! use std::time::Duration;
//! use nidan_wire::smpp::{Event, Role, Session, SessionSettings};
//!
//! let mut session = Session::new(
//!     SessionSettings {
//!         role: Role::Transceiver,
//!         system_id: "example".into(),
//!         password: String::from("secret").into(),
//!         system_type: String::new(),
//!         window: 10,
//!         enquire_after: Duration::from_secs(30),
//!         answer_within: Duration::from_secs(10),
//!     },
//!     Duration::ZERO,
//! );
//! assert!(!session.output().is_empty(), "bind_transceiver");
//! // bind_transceiver_resp, ESME_ROK, by "smsc"
//! session.receive(b"\0\0\0\x15\x80\0\0\x09\0\0\0\0\0\0\0\x01smsc\0", Duration::from_millis(20));
//! assert_eq!(session.event(), Some(Event::Bound { system_id: "smsc".into() }));
//! assert!(session.can_submit());
//! ```
//!
//! Nothing here can be made to panic or to end by bytes of the peer, but for a length that cannot be true: after it nobody
//! knows where the next PDU begins. Nothing that holds a password, number or text has a `Debug` that shows it.

pub mod address;
pub mod encoding;
mod frame;
mod pdu;
pub mod receipt;
mod session;
mod status;
mod validity;

pub use address::{Address, AddressInvalid};
pub use encoding::{Coding, ShortMessage};
pub use pdu::SubmitSm;
pub use receipt::{MessageState, ReceiptPdu};
pub use session::{Delivery, DeliverySequence, Event, NotNow, Role, Session, SessionSettings, Why};
pub use status::Status;
pub use validity::validity;
