//! The mail itself: RFC 5322, with a plain and an HTML part (RFC 2046 §5.1.4).
//!
//! Only whoever this system writes to on its own account gets mail: nobody is subscribed to anything, so there are no
//! `List-` fields. RFC 3834 §5 asks for `Auto-Submitted`, which keeps other machines from answering.

use std::time::{Duration, SystemTime};

use lettre::address::{Address, Envelope};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};
use nidan_core::email::EmailAddress;
use nidan_core::ledger::Reason;
use nidan_core::secret::Secret;

use crate::app::Clock;
use crate::send::route::Dispatch;

/// Writes mails in the name of a site.
pub struct Writer {
    from: Mailbox,
    domain: String,
    clock: Clock,
}

/// A mail as a mail server takes it.
pub struct Letter {
    /// Who it is from.
    pub from: Address,
    /// Who it is for.
    pub to: Address,
    /// Fields and parts, ASCII alone. It may carry a code.
    pub bytes: Secret<Vec<u8>>,
}

impl Writer {
    /// For a sender as `Name <address>`; `domain` is the site's, under which mails are named.
    ///
    /// # Errors
    /// The sender is no address, in words for the operator.
    pub fn new(from: &str, domain: &str, clock: Clock) -> Result<Self, String> {
        Ok(Self { from: sender(from)?, domain: domain.to_owned(), clock })
    }

    /// The mail that says what `dispatch` says. The same message is named the same however often it is written, so that a
    /// mailbox that got it twice can tell.
    ///
    /// # Errors
    /// The destination is no address that mail can be sent to, or what is to be said is no mail.
    pub fn write(&self, dispatch: &Dispatch) -> Result<Letter, Reason> {
        let to = address(dispatch.destination.expose()).ok_or(Reason::DestinationRefused)?;
        let (Some(subject), Some(html)) = (&dispatch.subject, &dispatch.html) else {
            return Err(Reason::MessageRefused);
        };
        let envelope = Envelope::new(Some(self.from.email.clone()), vec![to.clone()]);
        let envelope = envelope.map_err(|_| Reason::MessageRefused)?;
        let now = u64::try_from(self.clock.now().ms()).unwrap_or(0);
        // "=_" stands in no part: neither base64 nor quoted-printable (RFC 2045 §6.7) can produce it.
        let parts = MultiPart::alternative().boundary(format!("=_{}", dispatch.id));
        let parts = parts
            .singlepart(SinglePart::plain(dispatch.text.expose().clone()))
            .singlepart(SinglePart::html(html.expose().clone()));
        let mail = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to.clone()))
            .envelope(envelope)
            .subject(on_one_line(subject))
            .date(SystemTime::UNIX_EPOCH + Duration::from_millis(now))
            .message_id(Some(format!("<{}@{}>", dispatch.id, self.domain)))
            .raw_header(field("Content-Language", dispatch.language.tag()))
            .raw_header(field("Auto-Submitted", "auto-generated"))
            .raw_header(field("X-Auto-Response-Suppress", "All"))
            .multipart(parts)
            .map_err(|_| Reason::MessageRefused)?;
        let bytes = Secret::new(mail.formatted());
        if !bytes.expose().is_ascii() {
            return Err(Reason::MessageRefused); // no server would be asked whether it takes more
        }
        Ok(Letter { from: self.from.email.clone(), to, bytes })
    }
}

/// Reads a sender as `Name <address>`.
///
/// # Errors
/// It is none, in words for the operator.
pub fn sender(text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|_| format!("\"{text}\" is no sender (from): write it like \"Name <name@example.jp>\""))
}

fn field(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// A field's text as one line, whatever a brand holds.
fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The address as mail servers take it. What stands before the `@` of old Japanese mobile addresses is no dot-atom
/// (`da..me.@docomo.ne.jp`): it goes out in quotes, which mean the same mailbox (RFC 5321 §4.1.2).
fn address(text: &str) -> Option<Address> {
    let address = EmailAddress::parse(text).ok()?;
    let (local, domain) = address.as_str().split_once('@')?;
    Address::new(local, domain).or_else(|_| Address::new(format!("\"{local}\""), domain)).ok()
}
