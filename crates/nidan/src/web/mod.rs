//! What speaks HTTP: the edge (server, limits, headers, errors) and the handlers behind it. No rules live here.

pub mod api;
pub mod body;
pub mod callbacks;
pub mod client;
pub mod cookies;
pub mod csrf;
pub mod edge;
pub mod error;
pub mod events;
pub mod form;
pub mod headers;
pub mod json;
pub mod lang;
mod moment;
pub mod pages;
pub mod problem;
pub mod room;
pub mod routes;
pub mod server;
pub mod session;
mod shut;
pub mod state;
pub mod view;
pub mod visit;

pub use routes::{service, watching};
