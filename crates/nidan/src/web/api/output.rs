//! What answers have in common.

use std::net::IpAddr;

use nidan_core::time::Timestamp;

use crate::flow::Client;
use crate::web::client::ClientAddress;

/// RFC 3339, in UTC.
pub(super) fn time(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.ms()).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}

/// The network that a client's address is in, as far as it is told to others: not the address itself.
pub(super) fn network(client: &Client) -> Option<String> {
    let ip: IpAddr = client.address.as_deref()?.parse().ok()?;
    Some(ClientAddress::named(ip).network())
}
