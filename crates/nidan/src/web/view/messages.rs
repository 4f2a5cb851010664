//! `/security/messages`: which flood it is, the picture of it, and every message.

use askama::Template;

use super::Frame;

/// The card: what happened, in words. Its first line always answers whether anybody got in.
pub struct Card {
    /// Whether anybody got in.
    pub answer: String,
    /// That, with its numbers.
    pub detail: String,
    /// Whether that answer is a calm one.
    pub nobody_new: bool,
    /// What it is, in a few words.
    pub title: String,
    /// That, with its numbers.
    pub text: String,
    /// The one thing to do.
    pub advice: String,
    /// How much it is to worry about.
    pub tone: Tone,
    /// That codes for unknown devices are stopped, and since when; empty: they are not.
    pub closed: String,
    /// The one button.
    pub action: Action,
}

/// How much something is to worry about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Not at all.
    Calm,
    /// It is good to know.
    Note,
    /// Something is to be done.
    Alarm,
}

impl Tone {
    /// As the style sheet calls it.
    fn class(self) -> &'static str {
        match self {
            Self::Calm => "",
            Self::Note => " note",
            Self::Alarm => " alarm",
        }
    }
}

/// The one button of the card.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// There is nothing to press.
    None,
    /// To the change of the password.
    ChangePassword,
    /// "That was not me": the thing to do.
    NotMe,
    /// Likewise, for the less likely case.
    NotMeIfSo,
}

/// Hours that the picture shows, the present one the last.
pub const HOURS: usize = 24;
/// Width of an hour in the picture's own units.
const WIDE: usize = 10;
/// Height of the highest bar in the picture's own units.
const HIGH: u32 = 40;

/// Requests of the last 24 hours, by who asked: a strip for each, all to one scale, one above the other, so that neither
/// colours nor a legend have to be told apart.
pub struct Picture {
    /// What it says, in a sentence.
    pub summary: String,
    /// A strip for each who asked, the busiest strangers first.
    pub strips: Vec<Strip>,
    /// The clock at the beginning of every hour, `21:00`.
    pub clocks: Vec<String>,
    /// Which of the hours are at night.
    pub night: [bool; HOURS],
}

/// The requests of one who asked.
pub struct Strip {
    /// Who.
    pub name: String,
    /// Whether that is somebody unknown.
    pub strange: bool,
    /// How many in each hour.
    pub hours: [u32; HOURS],
}

impl Strip {
    /// How many.
    pub fn count(&self) -> u32 {
        self.hours.iter().sum()
    }

    /// How many in these hours.
    pub fn count_in(&self, hours: &[bool; HOURS]) -> u32 {
        self.hours.iter().zip(hours).filter(|(_, within)| **within).map(|(count, _)| count).sum()
    }
}

impl Picture {
    /// The most requests of one strip in an hour.
    pub fn most(&self) -> u32 {
        self.strips.iter().flat_map(|strip| strip.hours).max().unwrap_or(0)
    }

    /// The nights, as an outline.
    fn nights(&self) -> String {
        let nights = (0..HOURS).filter(|hour| self.night[*hour]);
        nights.map(|hour| format!("M{} 0h{WIDE}v{HIGH}h-{WIDE}z", hour * WIDE)).collect()
    }

    /// The bars of a strip, as an outline. What happened once is still seen.
    fn bars(&self, strip: &Strip) -> String {
        let most = self.most().max(1);
        let bars = strip.hours.iter().enumerate().filter(|(_, count)| **count > 0);
        bars.map(|(hour, count)| {
            let high = (count * HIGH / most).max(3);
            format!("M{} {HIGH}v-{high}h{}v{high}z", hour * WIDE + 1, WIDE - 2)
        })
        .collect()
    }

    /// The hours in which something was asked for.
    fn rows(&self) -> Vec<(&str, Vec<u32>)> {
        let row = |hour: usize| {
            let counts: Vec<u32> = self.strips.iter().map(|strip| strip.hours[hour]).collect();
            Some((self.clocks.get(hour)?.as_str(), counts)).filter(|(_, counts)| counts.iter().any(|count| *count > 0))
        };
        (0..HOURS).filter_map(row).collect()
    }
}

/// A line of the ledger.
pub struct MessageRow {
    /// When, for the reader.
    pub at: String,
    /// What it was: `SMS •••• 5678`, or what was asked for.
    pub what: String,
    /// Tag and serial; empty: it carries no code.
    pub marks: String,
    /// What became of it.
    pub became: String,
    /// Whether it is worth a second look.
    pub look: bool,
    /// Who asked, and where.
    pub cause: String,
}

/// `/security/messages`.
#[derive(Template)]
#[template(path = "messages.html")]
pub struct Messages<'a> {
    /// Around the page.
    pub frame: Frame<'a>,
    /// That the owner's "that was not me" was heard.
    pub heard: bool,
    /// That it was not, since the device is none that is known any more.
    pub unheard: bool,
    /// Which flood it is; none: the page goes on with what was before.
    pub card: Option<Card>,
    /// The picture; none: nothing was asked for.
    pub picture: Option<Picture>,
    /// Messages and refusals, newest first.
    pub rows: Vec<MessageRow>,
    /// The address of those before; none: these are the first.
    pub older: Option<String>,
}
