//! Carrying messages out: what the ledger holds is written, handed to a route, and settled.

pub mod demo_phone;
pub mod http;
pub mod route;
pub mod text;
pub mod worker;
