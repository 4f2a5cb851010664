//! The server: everything that waits. The rules are in `nidan_core`.

pub mod app;
pub mod commands;
pub mod config;
pub mod keys;
pub mod logging;
pub mod password_hash;
pub mod store;
pub mod texts;

#[cfg(test)]
mod scratch;
