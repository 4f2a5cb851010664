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
}

impl Default for Policy {
    fn default() -> Self {
        Self {
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
        }
    }
}
