//! Nidan: a two-step verification server.

pub mod send;
pub mod web;
