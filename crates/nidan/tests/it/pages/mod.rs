//! The pages, as a browser without JavaScript uses them.

mod bad_input;
mod limits;
mod order;
pub mod person;
mod sign_in;
mod waiting;
