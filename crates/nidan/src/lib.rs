//! The server: everything that waits. Rules live in `nidan-core`.

pub mod app;
pub mod keys;
pub mod password_hash;
pub mod texts;
pub mod web;

#[cfg(test)]
mod scratch;
