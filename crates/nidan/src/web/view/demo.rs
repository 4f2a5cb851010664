//! Pages of the demo: what to do first, and the phone that all messages reach.

use askama::Template;

use super::Frame;

/// `/demo`: what to do first.
#[derive(Template)]
#[template(path = "demo_start.html")]
pub struct DemoStart<'a> {
    /// Around the page.
    pub frame: Frame<'a>,
}

/// How a message travelled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum DemoChannel {
    /// SMS.
    Sms,
    /// E-mail.
    Email,
}

impl DemoChannel {
    fn key(self) -> &'static str {
        match self {
            Self::Sms => "channel-sms",
            Self::Email => "channel-email",
        }
    }
}

/// One message on the demo phone. Shows codes: that is what it is for.
pub struct DemoMessage {
    /// How it travelled.
    pub channel: DemoChannel,
    /// The whole number or address.
    pub to: String,
    /// The text, an e-mail's subject first.
    pub text: String,
    /// When, for the reader.
    pub at: String,
    /// The language of the text, as a tag.
    pub language: String,
}

/// `/demo/phone`.
#[derive(Template)]
#[template(path = "demo_phone.html")]
pub struct DemoPhone<'a> {
    /// Around the page.
    pub frame: Frame<'a>,
    /// Newest first.
    pub messages: Vec<DemoMessage>,
}
