//! Limits for a load that comes from one place.

use nidan_core::bucket::ROLLING_MAX;
use nidan_core::policy::Policy;
use nidan_core::time::Span;

/// Opens budgets, waits and guesses as wide as they can be. All are still counted: what counting costs is measured, and nobody is
/// turned away because a whole crowd is one machine.
pub fn wide(policy: &mut Policy) {
    let many = ROLLING_MAX;
    for cap in [
        &mut policy.lane_known_hour_max,
        &mut policy.lane_known_day_max,
        &mut policy.lane_password_burst,
        &mut policy.lane_password_day_max,
        &mut policy.mail_hour_max,
        &mut policy.mail_day_max,
        &mut policy.number_hour_max,
        &mut policy.number_day_max,
        &mut policy.number_ceiling,
        &mut policy.setup_number_day_max,
        &mut policy.setup_account_day_max,
        &mut policy.password_hour_max,
        &mut policy.password_day_max,
        &mut policy.password_month_max,
    ] {
        *cap = many;
    }
    for cap in [
        &mut policy.password_known_day_max,
        &mut policy.password_known_week_max,
        &mut policy.ladder_six_max,
        &mut policy.ladder_year_max,
        &mut policy.ladder_day_max,
        &mut policy.ladder_month_max,
        &mut policy.device_guesses_day_max,
        &mut policy.device_guesses_life_max,
    ] {
        *cap = u8::MAX;
    }
    for cap in [
        &mut policy.setup_network_hour_max,
        &mut policy.setup_hour_min,
        &mut policy.block_messages_max,
        &mut policy.source_hour_max,
        &mut policy.password_network_max,
        &mut policy.breaker_failures_min,
    ] {
        *cap = 100_000;
    }
    policy.wrong_code_told_after = Span::days(365);
    for wait in [&mut policy.ladder_wait_first, &mut policy.ladder_wait_six_max, &mut policy.ladder_wait_max] {
        *wait = Span::ms(0);
    }
}
