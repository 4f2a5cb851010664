//! The server: everything that waits. Rules live in `nidan-core`.

pub mod app;
pub mod bench;
pub mod commands;
pub mod config;
pub mod flow;
pub mod keys;
pub mod logging;
pub mod metrics;
pub mod moved;
pub mod password_hash;
pub mod send;
pub mod store;
pub mod texts;
pub mod tls;
pub mod web;

#[cfg(test)]
mod scratch;
