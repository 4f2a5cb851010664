//! What a mail server's answers mean for the message: RFC 5321 §4.2 and §4.3.2, RFC 4954 §6.
//!
//! Until the server has said yes to the dot that ends the text, it has not taken the mail (RFC 5321 §4.1.1.4). Once the dot
//! may have been written, no answer means that nobody knows.

use nidan_core::ledger::Reason;

use crate::send::route::Outcome;

/// How far the conversation about one mail came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// `MAIL FROM`: who it is from.
    Sender,
    /// `RCPT TO`: who it is for.
    Destination,
    /// `DATA`: may the text come?
    Data,
    /// The text with its dot.
    Text,
}

/// Why there was no yes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The server said so, with this reply code.
    Refused(u16),
    /// It said nothing in time.
    NoAnswer,
    /// The connection ended, or what came was no answer.
    LinkLost,
}

/// A mail that was not said yes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failure {
    /// Where.
    pub step: Step,
    /// Why.
    pub why: Why,
}

impl Failure {
    /// What it means for the message.
    pub fn outcome(self) -> Outcome {
        match (self.why, self.step) {
            (Why::NoAnswer, Step::Text) => Outcome::Ambiguous(Reason::NoAnswer),
            (Why::LinkLost, Step::Text) => Outcome::Ambiguous(Reason::LinkLost),
            (Why::NoAnswer, _) => Outcome::NotTaken(Reason::NoAnswer),
            (Why::LinkLost, _) => Outcome::NotTaken(Reason::LinkLost),
            (Why::Refused(code @ 400..=499), _) => Outcome::NotTaken(for_now(code)),
            // "Authentication required" and what else is about us, not about this mail: another server may know us.
            (Why::Refused(530 | 534 | 535 | 538), _) => Outcome::NotTaken(Reason::LoginRefused),
            (Why::Refused(_), Step::Destination) => Outcome::Rejected(Reason::DestinationRefused),
            (Why::Refused(_), Step::Sender | Step::Data | Step::Text) => Outcome::Rejected(Reason::MessageRefused),
        }
    }

    /// Whether a connection that lay open unused fails like this when the server has had enough of it: then nothing is
    /// known against the mail, and a fresh connection tells more.
    pub fn is_of_a_stale_link(self) -> bool {
        self.step == Step::Sender && matches!(self.why, Why::Refused(421) | Why::NoAnswer | Why::LinkLost)
    }
}

/// Why a server says "not now": with these codes it asks to come again, as one that greylists does.
const fn for_now(code: u16) -> Reason {
    match code {
        451 | 450 | 421 => Reason::Throttled,
        452 => Reason::QueueFull,
        _ => Reason::CarrierFault,
    }
}

/// The name under which the server keeps a mail, if its answer gives one as common servers do: `queued as 4F…` (Postfix),
/// `id=1t…` (Exim). It is what an operator looks for in that server's log.
pub fn queue_id(answer: &str) -> Option<String> {
    let plain = |id: &str| -> Option<String> {
        let id: String = id.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
        (4..=64).contains(&id.len()).then_some(id)
    };
    ["queued as ", "id="].into_iter().find_map(|mark| plain(answer.split_once(mark)?.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: [Step; 4] = [Step::Sender, Step::Destination, Step::Data, Step::Text];

    fn outcome(step: Step, why: Why) -> Outcome {
        Failure { step, why }.outcome()
    }

    #[test]
    fn only_silence_after_the_text_leaves_a_doubt() {
        for step in STEPS {
            for why in (400..600).map(Why::Refused).chain([Why::NoAnswer, Why::LinkLost]) {
                let doubt = matches!(outcome(step, why), Outcome::Ambiguous(_));
                assert_eq!(doubt, step == Step::Text && !matches!(why, Why::Refused(_)), "{step:?} {why:?}");
            }
        }
    }

    #[test]
    fn answers_mean_what_the_standard_says() {
        use Outcome::{NotTaken, Rejected};
        for (step, code, expected) in [
            (Step::Sender, 421, NotTaken(Reason::Throttled)),
            (Step::Sender, 530, NotTaken(Reason::LoginRefused)),
            (Step::Sender, 553, Rejected(Reason::MessageRefused)),
            (Step::Destination, 450, NotTaken(Reason::Throttled)),
            (Step::Destination, 451, NotTaken(Reason::Throttled)),
            (Step::Destination, 452, NotTaken(Reason::QueueFull)),
            (Step::Destination, 455, NotTaken(Reason::CarrierFault)),
            (Step::Destination, 550, Rejected(Reason::DestinationRefused)),
            (Step::Destination, 553, Rejected(Reason::DestinationRefused)),
            (Step::Data, 554, Rejected(Reason::MessageRefused)),
            (Step::Text, 451, NotTaken(Reason::Throttled)),
            (Step::Text, 552, Rejected(Reason::MessageRefused)),
        ] {
            assert_eq!(outcome(step, Why::Refused(code)), expected, "{step:?} {code}");
        }
    }

    #[test]
    fn a_link_is_stale_only_before_anything_was_said() {
        for step in STEPS {
            for why in [Why::Refused(421), Why::NoAnswer, Why::LinkLost] {
                assert_eq!(Failure { step, why }.is_of_a_stale_link(), step == Step::Sender);
            }
        }
        assert!(!Failure { step: Step::Sender, why: Why::Refused(553) }.is_of_a_stale_link());
    }

    #[test]
    fn queue_ids_are_read_where_they_are_plain() {
        for (answer, id) in [
            ("2.0.0 Ok: queued as 4F1xYz2Wq1z3kX", Some("4F1xYz2Wq1z3kX")),
            ("OK id=1tEzXU-000000003k9-2Q4b", Some("1tEzXU-000000003k9-2Q4b")),
            ("queued as <script>", None),
            ("queued as ", None),
            ("2.0.0 Ok", None),
            ("", None),
        ] {
            assert_eq!(queue_id(answer).as_deref(), id, "{answer}");
        }
        assert_eq!(queue_id(&format!("queued as {}", "A".repeat(65))), None);
    }
}
