//! Which budgets a message has to pass, in which order, and what a refusal means. How a budget counts: [`crate::bucket`].
//!
//! A message passes all of its budgets or none ([`Passage`]): they are taken from in order, the cheapest and nearest first, and
//! when one refuses, those before it are given back. With [`Gate::OncePer`] a refusal only means "counted already". When the
//! challenge is completed, its budgets are completed ([`crate::bucket::Rule::complete`]) once, by whoever completed it, after that commit,
//! unless [`Budget::stays`]. So *unanswered* is: not completed in that same sign-in, whatever was typed.

use crate::bucket::Rule;
use crate::client_network::ClientNetwork;
use crate::email::EmailAddress;
use crate::id::{AccountId, CeremonyId, DeviceId};
use crate::lane::Lane;
use crate::message::MessageKind;
use crate::phone::PhoneNumber;
use crate::policy::Policy;
use crate::secret::Secret;
use crate::time::{Span, Timestamp};

mod of_notices;
pub use of_notices::{of_notice, of_reference};

const HOUR: Span = Span::minutes(60);
const DAY: Span = Span::days(1);
const MONTH: Span = Span::days(30);

/// What a counter counts. Its number is part of the key and so never given to another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Lane K of an account, by the hour.
    KnownHour = 1,
    /// Lane K of an account, by the day.
    KnownDay = 2,
    /// Lane U of an account, at once.
    PasswordBurst = 3,
    /// Lane U of an account, by the day.
    PasswordDay = 4,
    /// E-mails of an account, by the hour.
    MailAccountHour = 5,
    /// E-mails of an account, by the day.
    MailAccountDay = 6,
    /// E-mails to an address, by the hour.
    MailAddressHour = 7,
    /// E-mails to an address, by the day.
    MailAddressDay = 8,
    /// Messages to a number, by the hour.
    NumberHour = 9,
    /// Messages to a number, by the day.
    NumberDay = 10,
    /// All messages to a number, by the day.
    NumberCeiling = 11,
    /// Messages to an unverified number, by the day.
    SetupNumberDay = 12,
    /// Whether this number is new today for this account.
    SetupNewNumber = 13,
    /// New numbers of an account, by the day.
    SetupAccountDay = 14,
    /// Setups from a network, by the hour.
    SetupNetworkHour = 15,
    /// Messages to unverified numbers, by the hour. Each hour's count is kept for the median.
    SetupHour = 16,
    /// Setups at the numbers of a block.
    Block = 17,
    /// Messages to a country, by the day.
    CountryDay = 18,
    // 19 was what a route has cost: `route_day` keeps that.
    /// How often this account counts toward its source.
    SourceAccount = 20,
    /// Sign-ins with the password alone from a source, by the hour.
    SourceHour = 21,
    /// Messages that the mailbox freed, by the day.
    ReleaseDay = 22,
    /// Wrong passwords for a name or on a device, by the hour.
    PasswordsHour = 23,
    /// Wrong passwords for a name or on a device, by the day.
    PasswordsDay = 24,
    /// Wrong passwords for a name or on a device, in 30 days.
    PasswordsMonth = 25,
    /// Whether this name is new in this hour from this source.
    PasswordsSourceAccount = 26,
    /// Names that a source gave wrong passwords for, by the hour.
    PasswordsSource = 27,
    /// Letters to an owner about right passwords without a code, by the hour.
    NoticeHour = 28,
    /// Secrets of a letter that were typed in one sign-in.
    ReleaseTries = 29,
    /// Wrong references from a source, by the hour.
    ReferencesSource = 40,
    /// Wrong references from the network around it, by the hour.
    ReferencesNetwork = 41,
    /// Wrong references from everybody, by the hour.
    References = 42,
}

/// Why a message was not sent, or a password not looked at. Its name is the reason of the `suppressed` message in the ledger.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Suppressed {
    /// Too many unanswered messages on the account's known devices.
    KnownDeviceFull,
    /// Too many unanswered messages with the right password on unknown devices.
    PasswordOnlyFull,
    /// Three sign-ins with the right password are under way already on unknown devices.
    SignInsUnderWay,
    /// A stranger has the password: this lane is closed.
    PasswordKnown,
    /// After wrong guesses the next sign-in from an unknown device has to wait.
    GuessWait,
    /// After very many wrong guesses codes no longer do.
    StrongerProofNeeded,
    /// Nothing is proven: no SMS and no call.
    NothingProven,
    /// Enough e-mails for this account.
    MailAccountFull,
    /// Enough e-mails to this address.
    MailAddressFull,
    /// Too many unanswered messages to this number.
    NumberFull,
    /// The most that one number gets in a day.
    NumberCeiling,
    /// Enough messages to a number that is not verified and does not answer.
    SetupNumberFull,
    /// Enough different numbers of one account in a day.
    SetupAccountFull,
    /// Too few setups from this network are finished.
    SetupNetworkFull,
    /// More setups than this hour ever had.
    SetupsFull,
    /// The number's block is in quarantine.
    BlockClosed,
    /// The operator has not opened this country.
    CountryClosed,
    /// Enough messages to this country today.
    CountryFull,
    /// Too few sign-ins from this source are finished.
    SourceFull,
    /// The mailbox has freed enough messages today.
    ReleasesFull,
    /// Too many wrong passwords for this account.
    PasswordsFull,
    /// Wrong passwords for too many accounts from this source.
    PasswordsSourceFull,
    /// Too many wrong references of notices.
    ReferencesFull,
}

/// What is still possible for an owner.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StillPossible {
    /// To wait until the moment that came with the refusal.
    Wait,
    /// To finish a sign-in that is under way.
    Finish,
    /// The authenticator app, a recovery code: whatever needs no message.
    WithoutMessage,
    /// A device that completed the second step before.
    KnownDevice,
    /// A secret from the mailbox, typed.
    MailSecret,
    /// Another number.
    OtherNumber,
}

impl StillPossible {
    /// Its name outside; never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Finish => "finish",
            Self::WithoutMessage => "without_message",
            Self::KnownDevice => "known_device",
            Self::MailSecret => "mail_secret",
            Self::OtherNumber => "other_number",
        }
    }
}

/// Every reason with its stable name and what is still possible.
const REASONS: [(Suppressed, &str, &[StillPossible]); 23] = {
    use StillPossible::{Finish, KnownDevice, MailSecret, OtherNumber, Wait, WithoutMessage};
    use Suppressed as S;
    [
        (S::KnownDeviceFull, "known_device_full", &[Wait, Finish, WithoutMessage]),
        (S::PasswordOnlyFull, "password_only_full", &[Wait, WithoutMessage, KnownDevice, MailSecret]),
        (S::SignInsUnderWay, "sign_ins_under_way", &[Finish, Wait, WithoutMessage, KnownDevice, MailSecret]),
        (S::PasswordKnown, "password_known", &[WithoutMessage, KnownDevice, MailSecret]),
        (S::GuessWait, "guess_wait", &[Wait, KnownDevice, MailSecret]),
        (S::StrongerProofNeeded, "stronger_proof_needed", &[WithoutMessage, KnownDevice]),
        (S::NothingProven, "nothing_proven", &[MailSecret]),
        (S::MailAccountFull, "mail_account_full", &[Wait]),
        (S::MailAddressFull, "mail_address_full", &[Wait]),
        (S::NumberFull, "number_full", &[Wait, WithoutMessage, KnownDevice]),
        (S::NumberCeiling, "number_ceiling", &[Wait, WithoutMessage, KnownDevice]),
        (S::SetupNumberFull, "setup_number_full", &[Wait, OtherNumber]),
        (S::SetupAccountFull, "setup_account_full", &[Wait]),
        (S::SetupNetworkFull, "setup_network_full", &[Wait]),
        (S::SetupsFull, "setups_full", &[Wait]),
        (S::BlockClosed, "block_closed", &[Wait, OtherNumber]),
        (S::CountryClosed, "country_closed", &[OtherNumber]),
        (S::CountryFull, "country_full", &[Wait, OtherNumber, WithoutMessage]),
        (S::SourceFull, "source_full", &[MailSecret, WithoutMessage, KnownDevice]),
        (S::ReleasesFull, "releases_full", &[Wait, WithoutMessage, KnownDevice]),
        (S::PasswordsFull, "passwords_full", &[MailSecret, KnownDevice]),
        (S::PasswordsSourceFull, "passwords_source_full", &[Wait, KnownDevice]),
        (S::ReferencesFull, "references_full", &[Wait, KnownDevice]),
    ]
};

impl Suppressed {
    /// Its name in the ledger and outside; never changes.
    pub const fn name(self) -> &'static str {
        REASONS[self as usize].1
    }

    /// From its name.
    pub fn from_name(name: &str) -> Option<Self> {
        REASONS.into_iter().find(|(_, known, _)| *known == name).map(|(reason, ..)| reason)
    }

    /// Whether it is said only where something is set up.
    pub const fn is_of_setup(self) -> bool {
        matches!(
            self,
            Self::SetupNumberFull
                | Self::SetupAccountFull
                | Self::SetupNetworkFull
                | Self::SetupsFull
                | Self::BlockClosed
        )
    }

    /// What is still possible for the owner, the most useful first; never nothing.
    pub const fn still_possible(self) -> &'static [StillPossible] {
        REASONS[self as usize].2
    }
}

/// What a refusal by a budget means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gate {
    /// The message is not sent, for this reason.
    Refuse(Suppressed),
    /// It was counted already: the budget after this one is passed over. Nothing is refused.
    OncePer,
}

/// One budget of one message.
#[derive(Clone)]
pub struct Budget {
    /// What is counted.
    pub kind: Kind,
    /// For whom: bytes of which, with the kind, a keyed hash is the row's key. They may be a number or an address.
    pub key: Secret<Vec<u8>>,
    /// How it counts.
    pub rule: Rule,
    /// How much is taken: 1, or an amount of money.
    pub n: i64,
    /// What a refusal means.
    pub gate: Gate,
    /// Whether it stays taken when the challenge is completed.
    pub stays: bool,
}

impl Budget {
    fn new(kind: Kind, key: &[&[u8]], rule: Rule, reason: Suppressed) -> Self {
        Self { kind, key: Secret::new(key.concat()), rule, n: 1, gate: Gate::Refuse(reason), stays: false }
    }

    fn staying(self) -> Self {
        Self { stays: true, ..self }
    }

    fn once_per(self) -> Self {
        Self { gate: Gate::OncePer, stays: true, ..self }
    }

    /// What the row's key is the keyed hash of.
    pub fn key_material(&self) -> Secret<Vec<u8>> {
        Secret::new([&[self.kind as u8], self.key.expose().as_slice()].concat())
    }
}

/// The way of one message through its budgets: which counter to ask next, and what to give back when one refuses.
pub struct Passage {
    /// Those that were not asked yet, the next one last.
    ahead: Vec<Budget>,
    taken: Vec<Budget>,
}

/// A message that may not be sent.
pub struct Refusal {
    /// Why.
    pub reason: Suppressed,
    /// Asking earlier is of no use.
    pub until: Timestamp,
    /// What was taken already, each to be given back.
    pub give_back: Vec<Budget>,
}

impl Passage {
    /// Before the first of `budgets`.
    pub fn new(mut budgets: Vec<Budget>) -> Self {
        budgets.reverse();
        Self { ahead: budgets, taken: Vec::new() }
    }

    /// The budget to take from next; none: the message may be sent.
    pub fn next(&self) -> Option<&Budget> {
        self.ahead.last()
    }

    /// It was taken from [`Passage::next`].
    pub fn taken(&mut self) {
        self.taken.extend(self.ahead.pop());
    }

    /// [`Passage::next`] refused.
    ///
    /// # Errors
    /// The message may not be sent. Otherwise it only was counted already, and the way goes on.
    pub fn refused(&mut self, until: Timestamp) -> Result<(), Refusal> {
        match self.ahead.pop().map(|budget| budget.gate) {
            Some(Gate::Refuse(reason)) => Err(Refusal { reason, until, give_back: std::mem::take(&mut self.taken) }),
            Some(Gate::OncePer) => {
                self.ahead.pop();
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// What was taken and is to be completed when the challenge is.
    pub fn to_complete(self) -> impl Iterator<Item = Budget> {
        self.taken.into_iter().filter(|budget| !budget.stays)
    }
}

/// Where a message would go.
#[derive(Clone, Copy)]
pub enum To<'a> {
    /// A phone.
    Number {
        /// Its number.
        number: &'a PhoneNumber,
        /// Its country's code, with the plus, if the operator has opened the country.
        country: Option<&'a str>,
    },
    /// A mailbox.
    Address(&'a EmailAddress),
}

/// A message that is asked for.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// By what has been proven.
    pub lane: Lane,
    /// For whom.
    pub account: AccountId,
    /// Where to.
    pub to: To<'a>,
    /// Where the wish comes from.
    pub network: ClientNetwork,
    /// Whether it is the first message of its challenge.
    pub first: bool,
    /// Whether a secret from the mailbox freed it.
    pub released: bool,
    /// What lane S needs to know.
    pub setup: SetupFacts,
}

/// What is known of an account that sets a number up, and of the hour.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SetupFacts {
    /// Whether the account is older than [`Policy::setup_old_account`].
    pub old_account: bool,
    /// Whether it was asked by a campaign that began that long ago: a deadline brings crowds.
    pub old_campaign: bool,
    /// The median, over 14 days, of what [`Kind::SetupHour`] counted in this hour of the day.
    pub usual_this_hour: u32,
}

/// The budgets that `wanted` has to pass, in order.
///
/// # Errors
/// Why it is not sent whatever the counters say.
pub fn budgets(wanted: &Wanted<'_>, policy: &Policy) -> Result<Vec<Budget>, Suppressed> {
    let (number, country) = match (wanted.to, wanted.lane) {
        (To::Address(address), _) => return Ok(of_mail(wanted.account, address, policy)),
        (To::Number { .. }, Lane::R) => return Err(Suppressed::NothingProven),
        (To::Number { number, country }, _) => (number, country.ok_or(Suppressed::CountryClosed)?),
    };
    let mut budgets = of_lane(wanted, policy);
    budgets.extend(of_number(wanted.lane, number, policy));
    if wanted.lane == Lane::S {
        budgets.extend(of_setup(wanted, number, policy));
    }
    let day = Rule::Window { cap: left_to(wanted.lane, policy.country_day_max.into(), policy), window: DAY };
    budgets.push(Budget::new(Kind::CountryDay, &[country.as_bytes()], day, Suppressed::CountryFull).staying());
    Ok(budgets)
}

const fn rolling(cap: u8, window: Span) -> Rule {
    Rule::Rolling { cap, window }
}

fn of_mail(account: AccountId, address: &EmailAddress, policy: &Policy) -> Vec<Budget> {
    let (hour, day) = (rolling(policy.mail_hour_max, HOUR), rolling(policy.mail_day_max, DAY));
    let (account, address) = (account.as_bytes().as_slice(), address.as_str().as_bytes());
    let of = |kind, key: &[u8], rule, reason| Budget::new(kind, &[key], rule, reason).staying();
    vec![
        of(Kind::MailAccountHour, account, hour, Suppressed::MailAccountFull),
        of(Kind::MailAccountDay, account, day, Suppressed::MailAccountFull),
        of(Kind::MailAddressHour, address, hour, Suppressed::MailAddressFull),
        of(Kind::MailAddressDay, address, day, Suppressed::MailAddressFull),
    ]
}

fn of_lane(wanted: &Wanted<'_>, policy: &Policy) -> Vec<Budget> {
    let account = wanted.account.as_bytes().as_slice();
    let of = |kind, rule, reason| Budget::new(kind, &[account], rule, reason);
    match wanted.lane {
        Lane::K => vec![
            of(Kind::KnownHour, rolling(policy.lane_known_hour_max, HOUR), Suppressed::KnownDeviceFull),
            of(Kind::KnownDay, rolling(policy.lane_known_day_max, DAY), Suppressed::KnownDeviceFull),
        ],
        Lane::U if wanted.released => {
            let day = rolling(policy.releases_day_max, DAY);
            vec![of(Kind::ReleaseDay, day, Suppressed::ReleasesFull).staying()]
        }
        Lane::U => {
            let burst = Rule::Refilled { burst: policy.lane_password_burst, every: policy.lane_password_refill };
            let mut budgets = vec![
                of(Kind::PasswordBurst, burst, Suppressed::PasswordOnlyFull),
                of(Kind::PasswordDay, rolling(policy.lane_password_day_max, DAY), Suppressed::PasswordOnlyFull),
            ];
            if wanted.first {
                budgets.extend(of_source(account, wanted.network, policy));
            }
            budgets
        }
        Lane::S | Lane::R => Vec::new(),
    }
}

/// An account counts only so often toward its source that it takes several to reach the cap.
fn of_source(account: &[u8], network: ClientNetwork, policy: &Policy) -> [Budget; 2] {
    let source = network.source();
    let each = policy.source_hour_max.div_ceil(policy.source_accounts_min).clamp(1, u32::from(u8::MAX));
    // Counted up to `each`, then passed over.
    let account_once = rolling((each as u8).min(crate::bucket::ROLLING_MAX), HOUR);
    let share = Rule::Share {
        cap: policy.source_hour_max.into(),
        window: HOUR,
        percent: policy.source_completed_percent,
        quarantine: Span::ms(0),
    };
    let reason = Suppressed::SourceFull;
    [
        Budget::new(Kind::SourceAccount, &[source.as_bytes(), account], account_once, reason).once_per(),
        Budget::new(Kind::SourceHour, &[source.as_bytes()], share, reason),
    ]
}

/// Over all accounts. What is kept for known devices is left over by everybody else.
fn of_number(lane: Lane, number: &PhoneNumber, policy: &Policy) -> [Budget; 3] {
    let cap = |all: u8, known: u8| if lane == Lane::K { all } else { all.saturating_sub(known) };
    let of = |kind, cap, window, reason| Budget::new(kind, &[number.e164().as_bytes()], rolling(cap, window), reason);
    let hour = cap(policy.number_hour_max, policy.number_hour_known);
    let day = cap(policy.number_day_max, policy.number_day_known);
    let ceiling = cap(policy.number_ceiling, policy.number_ceiling_known);
    [
        of(Kind::NumberHour, hour, HOUR, Suppressed::NumberFull),
        of(Kind::NumberDay, day, DAY, Suppressed::NumberFull),
        of(Kind::NumberCeiling, ceiling, DAY, Suppressed::NumberCeiling).staying(),
    ]
}

fn of_setup(wanted: &Wanted<'_>, number: &PhoneNumber, policy: &Policy) -> Vec<Budget> {
    let prefix = number.block().as_bytes();
    let (account, number) = (wanted.account.as_bytes().as_slice(), number.e164().as_bytes());
    let mut budgets = vec![Budget::new(
        Kind::SetupNumberDay,
        &[number],
        rolling(policy.setup_number_day_max, DAY),
        Suppressed::SetupNumberFull,
    )];
    let (full, day) = (Suppressed::SetupAccountFull, rolling(policy.setup_account_day_max, DAY));
    budgets.push(Budget::new(Kind::SetupNewNumber, &[account, number], rolling(1, DAY), full).once_per());
    budgets.push(Budget::new(Kind::SetupAccountDay, &[account], day, full).staying());
    if wanted.first {
        let block = Rule::Share {
            cap: policy.block_messages_max.into(),
            window: DAY,
            percent: policy.block_completed_percent,
            quarantine: policy.block_quarantine,
        };
        budgets.push(Budget::new(Kind::Block, &[prefix], block, Suppressed::BlockClosed));
    }
    if !wanted.setup.old_campaign {
        budgets.extend(of_crowd(wanted, policy));
    }
    budgets
}

/// What everybody who sets a number up shares with many.
fn of_crowd(wanted: &Wanted<'_>, policy: &Policy) -> Vec<Budget> {
    let mut budgets = Vec::new();
    if wanted.first {
        let share = Rule::Share {
            cap: policy.setup_network_hour_max.into(),
            window: HOUR,
            percent: policy.setup_network_completed_percent,
            quarantine: Span::ms(0),
        };
        let wide = wanted.network.wide();
        budgets.push(Budget::new(Kind::SetupNetworkHour, &[wide.as_bytes()], share, Suppressed::SetupNetworkFull));
    }
    let usual = i64::from(policy.setup_median_times) * i64::from(wanted.setup.usual_this_hour);
    let all = usual.max(policy.setup_hour_min.into());
    let hour = Rule::Window { cap: if wanted.setup.old_account { all } else { all / 2 }, window: HOUR };
    budgets.push(Budget::new(Kind::SetupHour, &[], hour, Suppressed::SetupsFull).staying());
    budgets
}

/// How far a message of this kind may bring what its route has cost on a day, of the `day_max` that it may cost. What
/// strangers cause without a password, or at numbers that nobody has verified, leaves what is kept for those who sign in,
/// and for the warnings to them.
pub const fn money_cap(kind: MessageKind, day_max: i64, policy: &Policy) -> i64 {
    let lane = match kind {
        MessageKind::SetupCode => Lane::S,
        MessageKind::ConfirmEmailCode | MessageKind::AddressInUse => Lane::R,
        _ => Lane::U,
    };
    left_to(lane, day_max, policy)
}

/// What of a day's cap a lane may use: sign-ins all of it, everything else what is not kept for them.
const fn left_to(lane: Lane, day_max: i64, policy: &Policy) -> i64 {
    let kept = day_max.saturating_mul(policy.money_kept_percent as i64) / 100;
    if lane.signs_in() { day_max } else { day_max - kept }
}

/// The budget of a typed secret of a letter, taken *before* it is looked at: a sign-in takes as many as it takes codes.
pub fn of_release(sign_in: CeremonyId, policy: &Policy) -> Budget {
    let tries = rolling(policy.code_tries_max, HOUR);
    Budget::new(Kind::ReleaseTries, &[sign_in.as_bytes()], tries, Suppressed::ReleasesFull).staying()
}

/// The budgets of a password, taken *before* it is looked at and completed when it was right. `name` is what was typed
/// as the account's name, normalised, whether there is such an account or not.
pub fn of_password(name: &[u8], network: ClientNetwork, device: Option<DeviceId>, policy: &Policy) -> Vec<Budget> {
    let stage = |key: &[&[u8]]| {
        let of = |kind, cap, window| Budget::new(kind, key, rolling(cap, window), Suppressed::PasswordsFull);
        vec![
            of(Kind::PasswordsHour, policy.password_hour_max, HOUR),
            of(Kind::PasswordsDay, policy.password_day_max, DAY),
            of(Kind::PasswordsMonth, policy.password_month_max, MONTH),
        ]
    };
    // A known device has its own, so that strangers cannot use up what the owner needs.
    if let Some(device) = device {
        return stage(&[&[1], device.as_bytes()]);
    }
    let source = network.source();
    let accounts = Rule::Share {
        cap: policy.password_network_max.into(),
        window: HOUR,
        percent: policy.source_completed_percent,
        quarantine: Span::ms(0),
    };
    let reason = Suppressed::PasswordsSourceFull;
    let mut budgets = stage(&[&[0], name]);
    budgets.push(
        Budget::new(Kind::PasswordsSourceAccount, &[source.as_bytes(), name], rolling(1, HOUR), reason).once_per(),
    );
    budgets.push(Budget::new(Kind::PasswordsSource, &[source.as_bytes()], accounts, reason));
    budgets
}

/// The median, of the hours of 14 days or what there is of them; the lower one of two.
pub fn median(counts: &[u32]) -> u32 {
    let mut sorted = counts.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
