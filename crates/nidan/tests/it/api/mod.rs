//! The REST API, as a site uses it.

mod accounts;
mod description;
mod main_job;
mod malformed;
mod methods;
mod once;
mod repeats;
mod sign_ins;
