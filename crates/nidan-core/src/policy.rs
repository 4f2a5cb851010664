//! Every number that a site may tune, each with its unit and the reason for its default. `nidan config print` shows them
//! under `[policy]` by the names they have here.

use crate::time::Span;

/// The numbers in force. [`Policy::default`] is what ships.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long a code sent by SMS, call or e-mail is accepted. 10 minutes is the most that ASVS 6.5.5 and SP 800-63B allow.
    pub code_life: Span,
    /// Wrong codes evaluated in one sign-in, whatever the method. 5 of 10^6 keeps one sign-in at 5 in a million.
    pub code_tries_max: u8,
    /// Wait before the 2nd, 3rd and 4th message of one challenge, from the message before. 30 s is when people start to
    /// press again; doubling keeps an impatient hour at three messages.
    pub resend_wait: [Span; 3],
    /// SMS in one challenge; a further message may only be a call.
    pub sms_per_challenge_max: u8,
    /// How long whoever waits for an SMS hears nothing before another way is put before him: most arrive within 10 s, and few
    /// that take longer than this arrive at all.
    pub news_wait: Span,
    /// 1: a code whose SMS a carrier refused, or could not deliver, is sent once more over another route, without being asked
    /// for. 0: its owner is offered that. Off, since it costs a message that he may not want.
    pub fallback_automatic: u8,
    /// How long a sign-in stays open after the right password: the life of a code, and as much again for one change of method.
    pub sign_in_life: Span,
    /// How long a sign-up, or the confirming of a method, stays open.
    pub setup_life: Span,
    /// Session: longest pause between two uses. A marketplace's choice, longer than SP 800-63B's 30 minutes; risky actions
    /// ask for the second step again (ASVS 7.3).
    pub session_idle: Span,
    /// Session: longest life.
    pub session_life: Span,
    /// Trusted device: longest pause between two sign-ins.
    pub device_idle: Span,
    /// Trusted device: longest life.
    pub device_life: Span,
    /// Trusted devices an account may have; the one unused longest goes first.
    pub devices_max: u8,
    /// Steps of 30 s by which an authenticator app's clock may be off in the end, learnt a few seconds at a time (RFC 6238 §6).
    pub totp_drift_steps_max: u8,
    /// Password: least length in bytes after NFKC (ASVS 6.2.1).
    pub password_bytes_min: usize,
    /// Password: greatest length in bytes after NFKC. More buys nothing and costs hashing time.
    pub password_bytes_max: usize,
    /// Password: least zxcvbn score, 0 to 4. 2 refuses what falls to 10^6 guesses.
    pub password_score_min: u8,
    /// How long an account is kept whose e-mail address was never confirmed.
    pub unconfirmed_account_life: Span,
    /// How long a worker holds a message before another may take it over.
    pub message_lease: Span,
    /// Wait before a message is tried again that no route took: short, for its code is dying meanwhile.
    pub message_retry: Span,
    /// Route health: how far back messages count. Older ones are forgotten, which is how a route comes back.
    pub route_window: Span,
    /// Route health: messages of a route that are looked at, the newest. Enough for a share, little for a database.
    pub route_samples_max: u16,
    /// Route health: the age from which a message counts. By then most carriers have told what became of it.
    pub route_judged_after: Span,
    /// Route health: messages from which a route is judged. With fewer, chance makes routes sick.
    pub route_sick_samples_min: u16,
    /// Route health: messages from which a route is judged that was sick lately: it has to prove itself.
    pub route_relapse_samples_min: u16,
    /// Route health: for how long a route was sick lately.
    pub route_relapse_span: Span,
    /// Route health: percentage of messages below which a route is sick. Half: a carrier loses some receipts.
    pub route_delivered_percent_min: u8,
    /// Route health: median of the time to a receipt above which a route is slow: when another way is offered to who waits.
    pub route_slow_after: Span,
    /// Route health: time to a receipt above which a message of a quick route counts as stuck. Less than the
    /// first `resend_wait` by more than the pause between two verdicts: what a carrier only holds is not doubled by a press.
    pub route_stalled_after: Span,
    /// Route health: newest messages that must be stuck before a route counts as stalled.
    pub route_stalled_samples_min: u16,
    /// Route health: receipts that a route must have given before its speed is judged.
    pub route_receipts_min: u16,
    /// How long the reply to a request with an `Idempotency-Key` is kept.
    pub idempotency_life: Span,
    /// Messages in an hour that were not answered, from devices that completed the second step before. Nobody presses
    /// more often.
    pub lane_known_hour_max: u8,
    /// The same in a day.
    pub lane_known_day_max: u8,
    /// Unanswered messages at once with the right password on an unknown device: what closes this lane, see
    /// `password_known_day_max`.
    pub lane_password_burst: u8,
    /// After how long one more of them may go. An hour: whoever made three mistakes is not kept out all day.
    pub lane_password_refill: Span,
    /// The same in a day: twice the burst.
    pub lane_password_day_max: u8,
    /// E-mails in an hour where nothing is proven yet, per account and per address. Whoever is not served by three
    /// looks into another mailbox.
    pub mail_hour_max: u8,
    /// The same in a day.
    pub mail_day_max: u8,
    /// Unanswered messages in an hour to one number, whichever accounts they are for: more than one lane, less than a
    /// nuisance.
    pub number_hour_max: u8,
    /// Of these, so many are kept for known devices, so that strangers cannot use a number up.
    pub number_hour_known: u8,
    /// Unanswered messages in a day to one number.
    pub number_day_max: u8,
    /// Of these, so many are kept for known devices.
    pub number_day_known: u8,
    /// Messages in a day to one number, answered or not: the ceiling that no mistake of anybody's lifts.
    pub number_ceiling: u8,
    /// Of these, so many are kept for known devices.
    pub number_ceiling_known: u8,
    /// Messages in a day to a number that is not verified and does not answer. Three, since a stranger may have typed
    /// it.
    pub setup_number_day_max: u8,
    /// Unverified numbers in a day that one account may have messages sent to: the right one and two slips.
    pub setup_account_day_max: u8,
    /// Unfinished setups in an hour from one network (IPv4 /24, IPv6 /48) of which few are ever finished.
    pub setup_network_hour_max: u32,
    /// Few: less than this share. Carriers put thousands of honest people behind one address, and those finish.
    pub setup_network_completed_percent: u8,
    /// Messages in an hour to unverified numbers, over all accounts, that are always allowed. A small site's busiest
    /// hour.
    pub setup_hour_min: u32,
    /// How many times the usual of this hour of the day is allowed, where that is more: honest days differ by less.
    pub setup_median_times: u32,
    /// Half of that is kept for accounts of this age: who pumps messages makes fresh ones.
    pub setup_old_account: Span,
    /// Unfinished setups at the numbers of one block (the last four digits cut off), of which very few are finished,
    /// before it is closed. Pumping pays by ranges.
    pub block_messages_max: u32,
    /// Very few: less than this share.
    pub block_completed_percent: u8,
    /// For how long it is closed to setups.
    pub block_quarantine: Span,
    /// Messages in a day to numbers of one country. A million accounts send about 20,000.
    pub country_day_max: u32,
    /// Share of what a route may cost in a day that is kept for sign-ins, so that setups cannot spend it.
    pub money_kept_percent: u8,
    /// Unfinished sign-ins in an hour from one source (IPv4 address, IPv6 /64) over several accounts, where few are
    /// finished, before it has to type an e-mailed secret first.
    pub source_hour_max: u32,
    /// Several: at least so many. One household's accounts are fewer.
    pub source_accounts_min: u32,
    /// Few: less than this share.
    pub source_completed_percent: u8,
    /// Unanswered sign-ins with the right password from unknown devices in 24 hours, after which somebody else is taken
    /// to know it. An owner who asks for a code three times and never types one is rarer than a thief.
    pub password_known_day_max: u8,
    /// The same in 7 days: for a thief who takes his time.
    pub password_known_week_max: u8,
    /// Times in a day that a secret from the owner's mailbox frees a message all the same.
    pub releases_day_max: u8,
    /// How long the reference of a notice is good for: long enough for who was on holiday.
    pub reference_life: Span,
    /// Wrong references in an hour from one source (IPv4 address, IPv6 /64).
    pub reference_source_hour_max: u8,
    /// The same from the network around it (IPv4 /24, IPv6 /48).
    pub reference_network_hour_max: u8,
    /// The same from everybody: far more than people mistype, far too few to hit one by.
    pub reference_hour_max: u32,
    /// Guesses from unknown devices in a year that are evaluated against six digits. At 10 in a million, 100 of 10
    /// million accounts whose passwords are all known fall in a year.
    pub ladder_six_max: u8,
    /// Guesses from unknown devices in a year that are evaluated at all. The other 190 are against eight digits and add
    /// a fiftieth.
    pub ladder_year_max: u8,
    /// The same in a day.
    pub ladder_day_max: u8,
    /// The same in 30 days, so that one bad week does not use the year up.
    pub ladder_month_max: u8,
    /// After the first wrong guess of an unknown device, how long until the next sign-in from one. Doubles with each.
    pub ladder_wait_first: Span,
    /// What it grows to while six digits are asked for.
    pub ladder_wait_six_max: Span,
    /// What it grows to after that. Waits that end at an hour would leave a thief 8,770 guesses a year.
    pub ladder_wait_max: Span,
    /// Wrong codes in 24 hours on one known device. They count for nobody else, and nobody else's count here.
    pub device_guesses_day_max: u8,
    /// Wrong codes in the life of its token, after which it is forgotten: its copy may be at work.
    pub device_guesses_life_max: u8,
    /// After a wrong code of an unknown device, how long until its owner is told, unless the sign-in was completed by then: long
    /// enough to type it again, and less than the minute in which a thief tries five.
    pub wrong_code_told_after: Span,
    /// Wrong codes from unknown devices in 10 minutes, over all accounts, that are never an alarm.
    pub breaker_failures_min: u32,
    /// How many times the usual of this hour is no alarm, where that is more. Beyond it everybody unknown types eight
    /// digits.
    pub breaker_median_times: u32,
    /// How long it has to be calm again.
    pub breaker_calm: Span,
    /// Wrong passwords in an hour for one account from unknown devices.
    pub password_hour_max: u8,
    /// The same in a day.
    pub password_day_max: u8,
    /// The same in 30 days: of a password that falls to 10^6 guesses, one in 10,000. Then the mailbox or a known device
    /// has to agree.
    pub password_month_max: u8,
    /// Accounts in an hour that one source (IPv4 address, IPv6 /64) may give wrong passwords for: whoever tries a
    /// stolen list has more.
    pub password_network_max: u32,
    /// Own-bug alarm: how far back is looked. Long enough for receipts, short enough that a fault is stopped while it is
    /// small.
    pub alarm_window: Span,
    /// Own-bug alarm: messages or receipts too many, from which a route is stopped. Carriers double one now and then.
    pub alarm_surplus_min: u16,
    /// Own-bug alarm: what is too many must also be this share of the messages. A fault of ours doubles all of them.
    pub alarm_surplus_percent: u8,
    /// Own-bug alarm: identical requests through one API key, each less than two seconds after the one before. Two dozen
    /// owners who click twice come to fewer.
    pub alarm_repeats_min: u16,
    /// Own-bug alarm: different requests that were repeated. One owner with a stuck key, or one account used for mischief,
    /// must not stop a site.
    pub alarm_repeated_min: u16,
    /// Own-bug alarm: share of the key's requests that must be repetitions. At a peak many owners click twice, but most do
    /// not; a program in a loop mostly repeats.
    pub alarm_repeats_percent: u8,
}

/// What ships.
const DEFAULT: Policy = Policy {
    code_life: Span::minutes(10),
    code_tries_max: 5,
    resend_wait: [Span::seconds(30), Span::seconds(60), Span::seconds(120)],
    sms_per_challenge_max: 3,
    news_wait: Span::seconds(45),
    fallback_automatic: 0,
    sign_in_life: Span::minutes(20),
    setup_life: Span::minutes(60),
    session_idle: Span::days(14),
    session_life: Span::days(90),
    device_idle: Span::days(30),
    device_life: Span::days(90),
    devices_max: 10,
    totp_drift_steps_max: 2,
    password_bytes_min: 8,
    password_bytes_max: 1024,
    password_score_min: 2,
    unconfirmed_account_life: Span::days(1),
    message_lease: Span::seconds(15),
    message_retry: Span::seconds(5),
    route_window: Span::minutes(10),
    route_samples_max: 1000,
    route_judged_after: Span::seconds(60),
    route_sick_samples_min: 20,
    route_relapse_samples_min: 3,
    route_relapse_span: Span::minutes(60),
    route_delivered_percent_min: 50,
    route_slow_after: Span::seconds(45),
    route_stalled_after: Span::seconds(20),
    route_stalled_samples_min: 3,
    route_receipts_min: 5,
    idempotency_life: Span::days(1),
    lane_known_hour_max: 6,
    lane_known_day_max: 12,
    lane_password_burst: 3,
    lane_password_refill: Span::minutes(60),
    lane_password_day_max: 6,
    mail_hour_max: 3,
    mail_day_max: 6,
    number_hour_max: 8,
    number_hour_known: 2,
    number_day_max: 15,
    number_day_known: 4,
    number_ceiling: 30,
    number_ceiling_known: 10,
    setup_number_day_max: 3,
    setup_account_day_max: 3,
    setup_network_hour_max: 10,
    setup_network_completed_percent: 50,
    setup_hour_min: 60,
    setup_median_times: 3,
    setup_old_account: Span::days(7),
    block_messages_max: 20,
    block_completed_percent: 25,
    block_quarantine: Span::days(1),
    country_day_max: 50_000,
    money_kept_percent: 50,
    source_hour_max: 20,
    source_accounts_min: 5,
    source_completed_percent: 50,
    password_known_day_max: 3,
    password_known_week_max: 6,
    releases_day_max: 3,
    reference_life: Span::days(7),
    reference_source_hour_max: 10,
    reference_network_hour_max: 50,
    reference_hour_max: 10_000,
    ladder_six_max: 10,
    ladder_year_max: 200,
    ladder_day_max: 10,
    ladder_month_max: 40,
    ladder_wait_first: Span::seconds(30),
    ladder_wait_six_max: Span::minutes(60),
    ladder_wait_max: Span::days(1),
    device_guesses_day_max: 10,
    device_guesses_life_max: 20,
    wrong_code_told_after: Span::seconds(30),
    breaker_failures_min: 500,
    breaker_median_times: 5,
    breaker_calm: Span::minutes(60),
    password_hour_max: 10,
    password_day_max: 30,
    password_month_max: 100,
    password_network_max: 20,
    alarm_window: Span::minutes(10),
    alarm_surplus_min: 5,
    alarm_surplus_percent: 10,
    alarm_repeats_min: 30,
    alarm_repeated_min: 5,
    alarm_repeats_percent: 50,
};

impl Default for Policy {
    fn default() -> Self {
        DEFAULT
    }
}
