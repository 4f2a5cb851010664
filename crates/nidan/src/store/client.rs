//! Where a request came from, as it is kept: sealed, since it tells of a person.

use serde::{Deserialize, Serialize};

use super::StoreError;
use super::account::Account;

/// Where a request came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// The network address, if known.
    pub address: Option<String>,
    /// The program, in a few words.
    pub program: Option<String>,
}

/// Seals it for a column of a row.
pub(super) fn seal(account: &Account, column: &'static str, row: &[u8], client: &Client) -> Vec<u8> {
    account.sealing().seal(column, row, &serde_json::to_vec(client).unwrap_or_default())
}

/// Opens what [`seal`] made.
pub(super) fn open(account: &Account, column: &'static str, row: &[u8], sealed: &[u8]) -> Result<Client, StoreError> {
    let bytes = account.sealing().open(column, row, sealed)?;
    serde_json::from_slice(bytes.expose()).map_err(|_| StoreError::corrupt(column, "not readable"))
}
