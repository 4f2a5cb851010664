//! The budgets of notices and of what is typed about them.

use super::{Budget, HOUR, Kind, Suppressed, rolling};
use crate::bucket::Rule;
use crate::client_network::ClientNetwork;
use crate::id::AccountId;
use crate::policy::Policy;

/// The budget of a letter about a right password without a code: one an hour is enough to be warned by.
pub fn of_notice(account: AccountId) -> Budget {
    Budget::new(Kind::NoticeHour, &[account.as_bytes()], rolling(1, HOUR), Suppressed::MailAccountFull).staying()
}

/// The budgets of a reference, taken *before* it is looked up and given back when there is such a notice.
pub fn of_reference(network: ClientNetwork, policy: &Policy) -> Vec<Budget> {
    let (source, wide) = (network.source(), network.wide());
    let of = |kind, key: &[u8], rule| Budget::new(kind, &[key], rule, Suppressed::ReferencesFull);
    vec![
        of(Kind::ReferencesSource, source.as_bytes(), rolling(policy.reference_source_hour_max, HOUR)),
        of(Kind::ReferencesNetwork, wide.as_bytes(), rolling(policy.reference_network_hour_max, HOUR)),
        of(Kind::References, &[], Rule::Window { cap: policy.reference_hour_max.into(), window: HOUR }),
    ]
}
