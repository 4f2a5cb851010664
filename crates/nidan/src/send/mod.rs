//! Carrying messages out.

pub mod demo_phone;
