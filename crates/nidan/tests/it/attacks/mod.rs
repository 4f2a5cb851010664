//! What was done to comparable servers, done to this one: each test tells what a thief does, and how far he gets. Through
//! HTTP alone, on both databases, at the site's door and at the browser's. `t12` and so on are the names that
//! docs/pitfalls.md calls the attacks by.

mod again;
mod carriers;
mod chance;
mod cross_site;
mod crowd_of_passwords;
mod crowds;
mod devices;
mod gateway_input;
mod guesses;
mod half_way;
mod headers;
mod names;
mod nothing_to_learn;
mod odd_input;
mod other_peoples;
mod pumping;
mod same_answers;
mod sources;
mod store_failures;
pub mod story;
mod time;
mod traces;
