//! The REST API, as a site uses it.

mod main_job;
