//! The server: everything that waits. Rules live in `nidan-core`.

pub mod app;
pub mod keys;

#[cfg(test)]
mod scratch;
