//! The wire formats from outside: by bytes that are written here by hand, by another codec, and by chance.

mod chance;
mod encoding;
mod malformed;
mod oracle;
mod pace;
mod peer;
mod receipts;
mod session;
