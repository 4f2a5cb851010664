//! The server's tests against real databases: one program, so that it is linked once.
//!
//! `NIDAN_TEST_POSTGRES` must hold the URL of a PostgreSQL server where databases may be created;
//! `crates/nidan/tests/postgres start DIR` makes one and prints it.

mod api;
mod app;
mod attacks;
mod bench;
mod budgets;
mod client;
mod commands;
mod flood;
mod flow;
mod gateways;
mod guard;
mod jasmin;
mod kill;
mod links;
mod log;
mod mail;
mod mutations;
mod owner;
mod pages;
mod parallel;
mod postgres;
mod segments;
mod smpp;
mod smsc;
mod store;
mod tidy;
