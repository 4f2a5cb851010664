//! Every setting, once: its name, what it is for, and what holds without it. Reading a file, taking in the environment,
//! `nidan config print` and the search for misspelt names all go by these tables.

use std::ops::RangeInclusive;

use nidan_core::policy::Policy;
use nidan_core::time::Span;

/// A part of the file between two headings.
pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// Written `[[name]]`, as often as wanted; none of it comes from the environment.
    pub(super) repeated: bool,
    pub(super) settings: Vec<Setting>,
}

/// One key of a section.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) key: &'static str,
    pub(super) about: String,
    pub(super) fallback: Fallback,
    /// Whether `key_file` may name a file that holds the value.
    pub(super) secret: bool,
    /// What a number may be.
    pub(super) range: Option<RangeInclusive<i64>>,
}

/// What holds if the key is not set; all in TOML.
#[derive(Clone)]
pub(super) enum Fallback {
    /// This value.
    Default(String),
    /// It must be set, like this for example.
    Required(&'static str),
    /// Nothing; it would be set like this.
    Optional(&'static str),
}

impl Setting {
    fn new(key: &'static str, fallback: Fallback, about: &str) -> Self {
        Self { key, about: about.into(), fallback, secret: false, range: None }
    }

    pub(super) fn default(key: &'static str, value: &str, about: &str) -> Self {
        Self::new(key, Fallback::Default(value.into()), about)
    }

    pub(super) fn required(key: &'static str, example: &'static str, about: &str) -> Self {
        Self::new(key, Fallback::Required(example), about)
    }

    pub(super) fn optional(key: &'static str, example: &'static str, about: &str) -> Self {
        Self::new(key, Fallback::Optional(example), about)
    }

    /// A whole number, with what it may be.
    pub(super) fn whole(key: &'static str, value: i64, range: RangeInclusive<i64>, about: &str) -> Self {
        let about = format!("{about} From {} to {}.", range.start(), range.end());
        Self::default(key, &value.to_string(), &about).within(range)
    }

    pub(super) fn within(self, range: RangeInclusive<i64>) -> Self {
        Self { range: Some(range), ..self }
    }

    pub(super) fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// What may be written: the key and, for a secret, the key of the file that holds it.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let file = self.secret.then(|| format!("{}_file", self.key));
        [Some(self.key.to_owned()), file].into_iter().flatten()
    }
}

/// All sections in the order they are printed in.
pub(super) fn sections() -> Vec<Section> {
    vec![site(), listen(), database(), keys(), route(), demo_phone(), policy()]
}

fn section(name: &'static str, about: &'static str, settings: Vec<Setting>) -> Section {
    Section { name, about, repeated: false, settings }
}

fn site() -> Section {
    let settings = vec![
        Setting::required("name", "\"例社\"", "The brand, as pages and messages name it. At most 40 characters."),
        Setting::required(
            "domain",
            "\"example.jp\"",
            "The domain in the last line of an SMS (@example.jp #123456), by which phones offer the code on no other site.",
        ),
        Setting::required(
            "url",
            "\"https://id.example.jp\"",
            "The public address of the pages. Browsers must reach it by https; http is taken on this machine only.",
        ),
        Setting::default("language", "\"ja\"", "The language of whoever has not chosen one: ja or en."),
        Setting::default("time_zone", "\"Asia/Tokyo\"", "The zone that times are shown in and that days begin in."),
    ];
    section("site", "Who speaks to the owners of accounts, and where.", settings)
}

fn listen() -> Section {
    let settings = vec![
        Setting::default("public", "\"127.0.0.1:8080\"", "Pages and API. Put a TLS-terminating proxy before it."),
        Setting::optional("admin", "\"127.0.0.1:9090\"", "Metrics, for machines that watch. Off unless set."),
        Setting::default(
            "trusted_proxies",
            "[]",
            "The proxies whose word on a client's address is believed: addresses or networks, e.g. [\"10.0.0.0/8\"].",
        ),
    ];
    section("listen", "The addresses that the server answers on.", settings)
}

fn database() -> Section {
    let url = Setting::default(
        "url",
        "\"sqlite:nidan.db\"",
        "sqlite:PATH, or postgres://USER:PASSWORD@HOST/NAME?sslmode=verify-full.",
    );
    section("database", "Where everything is kept.", vec![url.secret()])
}

fn keys() -> Section {
    let about = "The key file, mode 0400. Made on first start. Keep a copy of it apart from copies of the database.";
    section("keys", "What the database is encrypted with.", vec![Setting::default("file", "\"nidan.key\"", about)])
}

fn route() -> Section {
    let about = "The ways messages leave by, in order of preference within a channel: those that serve a number or address are tried \
                 from the first to the last, ailing ones after the others. Passwords and secrets may stand in a file of their own, \
                 named by key_file. An example of each kind, to be freed of its first # and filled in:";
    Section { name: "route", about, repeated: true, settings: super::route_table::shared() }
}

fn demo_phone() -> Section {
    let about = "Shows every message at /demo/phone to whoever opens it, and takes the place of routes that are not set. \
                 Only where site.url is on this machine, no proxy is trusted and no real route exists.";
    let enabled = Setting::default("enabled", "false", about);
    section("demo_phone", "A phone and mailbox for trying the server out.", vec![enabled])
}

fn policy() -> Section {
    let policy = Policy::default();
    let settings = NUMBERS.iter().map(|number| {
        let values = (number.get)(&policy);
        let range = format!("From {} to {}.", number.range.start(), number.range.end());
        let about = match number.in_words(&values) {
            Some(words) => format!("{} {range} The default is {words}.", number.about),
            None => format!("{} {range}", number.about),
        };
        Setting::default(number.key, &number.in_toml(&values), &about)
    });
    let about = "The numbers of the rules. Spans of time are in seconds.";
    section("policy", about, settings.collect())
}

/// One number of the policy, or a row of numbers.
pub(super) struct Number {
    pub(super) key: &'static str,
    pub(super) range: RangeInclusive<i64>,
    about: &'static str,
    /// Written as a list even if it has one number.
    pub(super) list: bool,
    pub(super) get: fn(&Policy) -> Vec<i64>,
    /// Takes as many numbers as `get` gives, each within `range`.
    pub(super) set: fn(&mut Policy, &[i64]),
}

impl Number {
    fn in_toml(&self, values: &[i64]) -> String {
        let values: Vec<String> = values.iter().map(i64::to_string).collect();
        if self.list { format!("[{}]", values.join(", ")) } else { values.join(", ") }
    }

    /// Seconds as a person says them, where they make whole minutes or more.
    fn in_words(&self, values: &[i64]) -> Option<String> {
        let &[seconds] = values else { return None };
        let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
        let (length, unit) = units.into_iter().find(|(length, _)| seconds >= *length && seconds % length == 0)?;
        let count = seconds / length;
        self.key.ends_with("_seconds").then(|| format!("{count} {unit}{}", if count == 1 { "" } else { "s" }))
    }
}

fn in_seconds(span: Span) -> i64 {
    span.as_ms() / 1000
}

/// `seconds` is a [`Span`] written in seconds, `number` any integer whose type holds the range.
macro_rules! numbers {
    ($($kind:ident $field:ident $key:literal $range:expr, $about:literal;)*) => {
        &[$(numbers!(@$kind $field $key $range, $about)),*]
    };
    (@seconds $field:ident $key:literal $range:expr, $about:literal) => {
        Number {
            key: $key, range: $range, about: $about, list: false,
            get: |policy| vec![in_seconds(policy.$field)],
            set: |policy, values| policy.$field = Span::seconds(values[0]),
        }
    };
    (@number $field:ident $key:literal $range:expr, $about:literal) => {
        Number {
            key: $key, range: $range, about: $about, list: false,
            get: |policy| vec![policy.$field as i64],
            set: |policy, values| policy.$field = values[0] as _,
        }
    };
    (@list_of_seconds $field:ident $key:literal $range:expr, $about:literal) => {
        Number {
            key: $key, range: $range, about: $about, list: true,
            get: |policy| policy.$field.iter().copied().map(in_seconds).collect(),
            set: |policy, values| for (span, value) in policy.$field.iter_mut().zip(values) { *span = Span::seconds(*value) },
        }
    };
}

const DAY: i64 = 86_400;

/// The fields of [`Policy`] by the names they have there, spans in seconds.
pub(super) const NUMBERS: &[Number] = numbers! {
    seconds code_life "code_life_seconds" 60..=600, "How long a code is accepted. Standards allow 10 minutes at most.";
    number code_tries_max "code_tries_max" 1..=10, "Wrong codes evaluated in one sign-in, whatever the method.";
    list_of_seconds resend_wait "resend_wait_seconds" 10..=3_600, "Wait before the 2nd, 3rd and 4th message of one code.";
    number sms_per_challenge_max "sms_per_challenge_max" 1..=10, "SMS sent with one code.";
    seconds news_wait "news_wait_seconds" 10..=300, "How long an SMS may be silent before another way is put before its owner.";
    number fallback_automatic "fallback_automatic" 0..=1,
        "1: a code whose SMS failed is sent once more over another route, without being asked for.";
    seconds sign_in_life "sign_in_life_seconds" 60..=3_600, "How long a sign-in stays open after the right password.";
    seconds setup_life "setup_life_seconds" 300..=DAY, "How long a sign-up, or confirming a method, stays open.";
    seconds session_idle "session_idle_seconds" 300..=90 * DAY, "Session: longest pause between two uses.";
    seconds session_life "session_life_seconds" 300..=365 * DAY, "Session: longest life.";
    seconds device_idle "device_idle_seconds" 3_600..=90 * DAY, "Trusted device: longest pause between two sign-ins.";
    seconds device_life "device_life_seconds" 3_600..=365 * DAY, "Trusted device: longest life.";
    number devices_max "devices_max" 1..=100, "Trusted devices of an account; the one unused longest goes first.";
    number totp_drift_steps_max "totp_drift_steps_max" 0..=2, "Steps of 30 s that an authenticator app's clock may be off.";
    number password_bytes_min "password_bytes_min" 8..=64, "Password: least length in bytes.";
    number password_bytes_max "password_bytes_max" 64..=1_024, "Password: greatest length in bytes.";
    number password_score_min "password_score_min" 0..=4, "Password: least zxcvbn score. 2 refuses what falls to 10^6 guesses.";
    seconds unconfirmed_account_life "unconfirmed_account_life_seconds" 3_600..=30 * DAY,
        "How long an account is kept whose e-mail address was never confirmed.";
    seconds message_lease "message_lease_seconds" 5..=300, "How long a worker holds a message before another may take it over.";
    seconds message_retry "message_retry_seconds" 1..=60, "Wait before a message is tried again that no route took.";
    seconds route_window "route_window_seconds" 60..=3_600, "Route health: how far back messages count.";
    number route_samples_max "route_samples_max" 100..=10_000, "Route health: newest messages of a route that are looked at.";
    seconds route_judged_after "route_judged_after_seconds" 10..=600, "Route health: the age from which a message counts.";
    number route_sick_samples_min "route_sick_samples_min" 5..=1_000, "Route health: messages from which a route is judged.";
    number route_relapse_samples_min "route_relapse_samples_min" 1..=1_000,
        "Route health: messages from which a route is judged that was sick lately.";
    seconds route_relapse_span "route_relapse_span_seconds" 60..=DAY, "Route health: for how long a route was sick lately.";
    number route_delivered_percent_min "route_delivered_percent_min" 1..=99,
        "Route health: percentage of messages delivered below which a route is sick.";
    seconds route_slow_after "route_slow_after_seconds" 5..=600, "Route health: median time to a receipt above which a route is slow.";
    seconds route_stalled_after "route_stalled_after_seconds" 5..=600,
        "Route health: time without a receipt after which a message of a quick route is stuck.";
    number route_stalled_samples_min "route_stalled_samples_min" 1..=100,
        "Route health: newest messages that must be stuck before a route is stalled.";
    number route_receipts_min "route_receipts_min" 1..=1_000, "Route health: receipts from which a route's speed is judged.";
    seconds idempotency_life "idempotency_life_seconds" 3_600..=7 * DAY, "How long replies are kept for an Idempotency-Key.";
    number lane_known_hour_max "lane_known_hour_max" 1..=100,
        "Unanswered messages an hour, asked for on known devices of one account.";
    number lane_known_day_max "lane_known_day_max" 1..=200, "The same a day.";
    number lane_password_burst "lane_password_burst" 1..=20,
        "Unanswered messages at once with the right password on an unknown device.";
    seconds lane_password_refill "lane_password_refill_seconds" 60..=DAY, "After how long one more of them may go.";
    number lane_password_day_max "lane_password_day_max" 1..=100, "The same a day.";
    number mail_hour_max "mail_hour_max" 1..=50, "E-mails an hour to an address where nothing is proven yet.";
    number mail_day_max "mail_day_max" 1..=100, "The same a day.";
    number number_hour_max "number_hour_max" 1..=100, "Unanswered messages an hour to one number over all accounts.";
    number number_hour_known "number_hour_known" 0..=100, "Of these, kept for known devices.";
    number number_day_max "number_day_max" 1..=200, "Unanswered messages a day to one number.";
    number number_day_known "number_day_known" 0..=200, "Of these, kept for known devices.";
    number number_ceiling "number_ceiling" 1..=250, "Messages a day to one number, answered or not.";
    number number_ceiling_known "number_ceiling_known" 0..=250, "Of these, kept for known devices.";
    number setup_number_day_max "setup_number_day_max" 1..=50,
        "Unanswered messages a day to a number that is not verified yet.";
    number setup_account_day_max "setup_account_day_max" 1..=50, "Unverified numbers a day of one account.";
    number setup_network_hour_max "setup_network_hour_max" 1..=100_000,
        "Unfinished setups an hour from one network, where few are finished.";
    number setup_network_completed_percent "setup_network_completed_percent" 0..=100, "Few: less than this percentage.";
    number setup_hour_min "setup_hour_min" 1..=1_000_000,
        "Messages an hour to unverified numbers of all accounts that are always allowed.";
    number setup_median_times "setup_median_times" 1..=100, "How many times the usual of this hour is allowed.";
    seconds setup_old_account "setup_old_account_seconds" 0..=365 * DAY,
        "Half of that is kept for accounts of this age.";
    number block_messages_max "block_messages_max" 1..=10_000,
        "Unfinished setups at one block of 10,000 numbers, where very few are finished, before it is closed.";
    number block_completed_percent "block_completed_percent" 0..=100, "Very few: less than this percentage.";
    seconds block_quarantine "block_quarantine_seconds" 3_600..=30 * DAY, "For how long it is closed to setups.";
    number country_day_max "country_day_max" 1..=10_000_000, "Messages a day to numbers of one country.";
    number money_kept_percent "money_kept_percent" 0..=100,
        "Percentage of a route's daily cost that is kept for sign-ins.";
    number source_hour_max "source_hour_max" 1..=100_000,
        "Unfinished sign-ins an hour from one source over several accounts, where few are finished, before an e-mailed secret is asked.";
    number source_accounts_min "source_accounts_min" 1..=1_000, "Several: at least so many.";
    number source_completed_percent "source_completed_percent" 0..=100, "Few: less than this percentage.";
    number password_known_day_max "password_known_day_max" 1..=50,
        "Unanswered sign-ins with the right password in 24 hours, after which a stranger is taken to know it.";
    number password_known_week_max "password_known_week_max" 1..=100, "The same in 7 days.";
    number releases_day_max "releases_day_max" 0..=20,
        "Times a day that an e-mailed secret frees a message all the same.";
    seconds reference_life "reference_life_seconds" 3600..=30 * DAY,
        "How long the reference of a notice is good for.";
    number reference_source_hour_max "reference_source_hour_max" 3..=250,
        "Wrong references of notices in an hour from one source (IPv4 address, IPv6 /64).";
    number reference_network_hour_max "reference_network_hour_max" 3..=250,
        "The same from the network around it (IPv4 /24, IPv6 /48).";
    number reference_hour_max "reference_hour_max" 100..=1_000_000, "The same from everybody.";
    number ladder_six_max "ladder_six_max" 1..=50,
        "Guesses a year, from unknown devices, against six digits; then eight digits or two codes of the app.";
    number ladder_year_max "ladder_year_max" 10..=250,
        "Guesses a year, from unknown devices, that are evaluated at all.";
    number ladder_day_max "ladder_day_max" 5..=100, "The same a day.";
    number ladder_month_max "ladder_month_max" 5..=250, "The same in 30 days.";
    seconds ladder_wait_first "ladder_wait_first_seconds" 1..=3_600,
        "Wait after the first wrong guess from an unknown device; doubles with each.";
    seconds ladder_wait_six_max "ladder_wait_six_max_seconds" 60..=DAY,
        "What it grows to while six digits are asked for.";
    seconds ladder_wait_max "ladder_wait_max_seconds" 3_600..=7 * DAY, "What it grows to after that.";
    number device_guesses_day_max "device_guesses_day_max" 5..=50, "Wrong codes in 24 hours on one known device.";
    number device_guesses_life_max "device_guesses_life_max" 5..=250,
        "Wrong codes in the life of a known device, after which it is forgotten.";
    seconds wrong_code_told_after "wrong_code_told_after_seconds" 0..=DAY,
        "After a wrong code of an unknown device, how long until its owner is told, unless signed in by then.";
    number breaker_failures_min "breaker_failures_min" 10..=1_000_000,
        "Wrong codes from unknown devices in 10 minutes, over all accounts, that are never an alarm.";
    number breaker_median_times "breaker_median_times" 1..=100,
        "How many times the usual is no alarm. Beyond it, unknown devices need eight digits.";
    seconds breaker_calm "breaker_calm_seconds" 600..=DAY, "How long it has to be calm again.";
    number password_hour_max "password_hour_max" 3..=100,
        "Wrong passwords an hour for one account, from unknown devices.";
    number password_day_max "password_day_max" 3..=250, "The same a day.";
    number password_month_max "password_month_max" 10..=250,
        "The same in 30 days; then the mailbox or a known device has to agree.";
    number password_network_max "password_network_max" 1..=100_000,
        "Accounts an hour that one source may give wrong passwords for.";
    seconds alarm_window "alarm_window_seconds" 60..=3_600, "Own-bug alarm: how far back is looked.";
    number alarm_surplus_min "alarm_surplus_min" 1..=1_000,
        "Own-bug alarm: messages or receipts too many, from which a route is stopped.";
    number alarm_surplus_percent "alarm_surplus_percent" 1..=100,
        "Own-bug alarm: percentage of the messages that these must also be.";
    number alarm_repeats_min "alarm_repeats_min" 5..=10_000,
        "Own-bug alarm: identical requests less than 2 s apart, from which an API key is stopped.";
    number alarm_repeated_min "alarm_repeated_min" 1..=1_000, "Own-bug alarm: different requests that these must repeat.";
    number alarm_repeats_percent "alarm_repeats_percent" 1..=100,
        "Own-bug alarm: percentage of the key's requests that these must also be.";
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_the_policy_can_be_set_and_only_it_changes() {
        for number in NUMBERS {
            let mut policy = Policy::default();
            let mut values = (number.get)(&policy);
            for value in &values {
                assert!(number.range.contains(value), "{}: its default is out of range", number.key);
            }
            let (first, last) = (*number.range.start(), *number.range.end());
            let other = if values[0] == last { first } else { last };
            values.fill(other);
            (number.set)(&mut policy, &values);
            assert_eq!((number.get)(&policy), values, "{}", number.key);
            let changed = NUMBERS.iter().filter(|other| (other.get)(&policy) != (other.get)(&Policy::default()));
            assert_eq!(changed.map(|other| other.key).collect::<Vec<_>>(), [number.key]);
        }
    }

    #[test]
    fn no_field_of_the_policy_is_forgotten() {
        // Built through `Debug`, which names each field once: `field: value`.
        let shown = format!("{:#?}", Policy::default());
        let fields =
            shown.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     ") && line.contains(": "));
        let fields: Vec<&str> = fields.filter_map(|line| line.trim().split(':').next()).collect();
        let keys: Vec<&str> = NUMBERS.iter().map(|number| number.key.trim_end_matches("_seconds")).collect();
        assert_eq!(fields, keys);
    }

    #[test]
    fn keys_are_unique() {
        for section in sections() {
            let mut keys: Vec<&str> = section.settings.iter().map(|setting| setting.key).collect();
            let all = keys.len();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), all, "{}", section.name);
        }
    }
}
