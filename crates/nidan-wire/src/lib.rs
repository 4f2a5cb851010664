//! Wire formats that no well-kept crate gives.
//!
//! Bytes and texts in, bytes, texts and numbers out: no sockets, no clock, no settings, no rules of two-step verification.
//! What is here could serve any program that talks to a carrier; `nidan-core` asks it how much room a text takes, `nidan`
//! what to put on the wire.

pub mod pace;
pub mod smpp;
pub mod sms_text;
