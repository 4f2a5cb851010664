//! The rules of Nidan, and nothing else.
//!
//! Everything here is a function of its arguments: time comes in as a [`time::Timestamp`], randomness as bytes, and what
//! must be saved or sent goes out as a value. Whoever calls carries it out. So every rule can be tested by tables and by
//! exhaustion, and none can be had in two versions.

pub mod alarm;
pub mod api_key;
pub mod audit;
pub mod bucket;
pub mod budget;
pub mod carrier_id;
pub mod ceremony;
pub mod client_network;
pub mod code;
pub mod device;
pub mod email;
pub mod fate;
pub mod flood;
pub mod guess_bound;
pub mod hash_class;
pub mod id;
pub mod ladder;
pub mod lane;
pub mod language;
pub mod ledger;
pub mod message;
pub mod methods;
pub mod news;
pub mod notice;
pub mod password;
pub mod password_known;
pub mod permits;
pub mod phone;
pub mod policy;
pub mod release;
pub mod route;
pub mod secret;
pub mod sign_in;
pub mod tag;
pub mod time;
pub mod token;
pub mod totp;
