//! Carrying messages out: what the ledger holds is written, handed to a route, and settled.

pub mod alarm;
mod compose;
pub mod demo_phone;
pub mod health;
pub mod html;
pub mod http;
mod lease;
pub mod lines;
mod money;
pub mod pumping;
pub mod receipts;
pub mod route;
pub mod smpp;
pub mod smtp;
pub mod sweep;
pub mod text;
pub mod worker;
