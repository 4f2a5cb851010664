//! `nidan route test`.

mod trial;

use clap::{Args, Subcommand};
use nidan_core::email::EmailAddress;
use nidan_core::message::Channel;
use nidan_core::phone::{PhoneNumber, PhoneProblem};
use nidan_core::route::{Carries, Health, order};
use serde_json::json;

use self::trial::{Step, Trial};
use super::config::SettingsFile;
use super::{Env, Failure, answer};
use crate::app::{Clock, Random};
use crate::config::{Route, Settings};

/// The ways messages leave by.
#[derive(Subcommand)]
pub enum Command {
    /// Sends one test message and tells what becomes of it. It says that it is a test, and carries no code.
    ///
    /// It goes over a connection of its own, beside those of a running server, and counts toward no limit. Each state is told
    /// with its time. The exit code is 0 once the message was delivered or, where the route gives no receipts, accepted.
    Test(Test),
}

/// What to send a test message to, and how.
#[derive(Args)]
pub struct Test {
    /// A phone number, or an e-mail address.
    #[arg(value_name = "NUMBER|ADDRESS")]
    pub to: String,
    /// Where the settings are.
    #[command(flatten)]
    pub file: SettingsFile,
    /// The name of the route to take; without it the first that carries the message.
    #[arg(long, value_name = "NAME")]
    pub route: Option<String>,
    /// How long a receipt is waited for, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=600))]
    pub wait: u16,
    /// Prints one JSON object at the end in place of lines.
    #[arg(long)]
    pub json: bool,
}

/// Where a message goes.
enum Destination {
    Phone(PhoneNumber),
    Mailbox(EmailAddress),
}

impl Destination {
    fn read(typed: &str) -> Result<Self, Failure> {
        if typed.contains('@') {
            let address = EmailAddress::parse(typed);
            return address.map(Self::Mailbox).map_err(|_| Failure("that is not an e-mail address".into()));
        }
        match PhoneNumber::parse(typed, "JP").and_then(PhoneNumber::must_take_sms) {
            Ok(number) => Ok(Self::Phone(number)),
            Err(PhoneProblem::NoSms(_)) => {
                Err(Failure("that number takes no SMS: name a mobile number (070, 080, 090 or 060)".into()))
            }
            Err(problem) => Err(Failure(format!("{problem}: write it like 090-1234-5678 or +819012345678"))),
        }
    }

    const fn channel(&self) -> Channel {
        match self {
            Self::Phone(_) => Channel::Sms,
            Self::Mailbox(_) => Channel::Email,
        }
    }

    const fn number(&self) -> Option<&PhoneNumber> {
        match self {
            Self::Phone(number) => Some(number),
            Self::Mailbox(_) => None,
        }
    }

    fn address(&self) -> &str {
        match self {
            Self::Phone(number) => number.e164(),
            Self::Mailbox(address) => address.as_str(),
        }
    }

    fn masked(&self) -> String {
        match self {
            Self::Phone(number) => number.national_masked(),
            Self::Mailbox(address) => address.masked(),
        }
    }
}

pub(super) async fn run(command: &Command, env: &Env) -> Result<(), Failure> {
    let Command::Test(test) = command;
    let settings = test.file.read(env)?;
    let destination = Destination::read(&test.to)?;
    let route = chosen(&settings, &destination, test.route.as_deref())?;
    let (clock, random) = (Clock::system(), Random::system());
    let said = |step: &Step| if test.json { Ok(()) } else { answer(&step.line()) };
    let mut trial = Trial::new((&settings, route), &destination, (&clock, &random), Box::new(said))?;
    let ended = trial.run(test.wait.into()).await;
    if test.json {
        let steps: Vec<_> = trial.steps().iter().map(Step::document).collect();
        let document = json!({ "route": route.name, "to": destination.masked(), "ok": ended.is_ok(), "steps": steps });
        answer(&document.to_string())?;
    }
    ended
}

/// The route of that name, or the first that carries the message.
fn chosen<'s>(settings: &'s Settings, to: &Destination, name: Option<&str>) -> Result<&'s Route, Failure> {
    let carries: Vec<Carries> = settings.routes.iter().map(carries).collect();
    let healthy = carries.iter().map(|carries| (carries, Health::Good));
    let carrying = order(healthy, to.channel(), to.number()).into_iter().map(|place| &settings.routes[place]);
    let carrying: Vec<&Route> = carrying.collect();
    let names = |routes: &[&Route]| routes.iter().map(|route| route.name.as_str()).collect::<Vec<_>>().join(", ");
    let channel = to.channel().name();
    match (name, carrying.as_slice()) {
        (None, [first, ..]) => Ok(first),
        (_, []) => {
            Err(Failure(format!("no route carries {channel} there: write a [[route]] for it into the settings")))
        }
        (Some(name), carrying) => carrying.iter().find(|route| route.name == name).copied().ok_or_else(|| {
            Failure(format!("{name} is no route that carries {channel} there: these do: {}", names(carrying)))
        }),
    }
}

fn carries(route: &Route) -> Carries {
    Carries { channel: route.channel, countries: route.countries.clone(), number_kinds: route.number_kinds.clone() }
}
