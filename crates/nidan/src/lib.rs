//! The server: everything that waits.

pub mod texts;
pub mod web;
