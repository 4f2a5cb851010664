//! The server: everything that waits. The rules are in `nidan_core`.

pub mod store;
