//! What a gateway's answer means: as its driver says, and where that is silent, as HTTP says (RFC 9110 §15).

use std::time::Duration;

use hyper::StatusCode;
use nidan_core::ledger::Reason;
use serde_json::Value;

use super::client::Answer;
use super::driver::{AnswerMap, Meaning};
use crate::send::route::Outcome;

/// Longest code of an error that is logged; what is longer, or looks like a phone number, is none.
const CODE_LETTERS_MAX: usize = 60;
const CODE_DIGITS_MAX: usize = 6;
/// Longest id, code or status that is read, in bytes; those that are documented have less than a hundred.
const TEXT_BYTES_MAX: usize = 255;

/// What is to be done about an answer.
pub enum Verdict {
    /// The message is settled.
    Settled(Outcome),
    /// The same message is to come again, after so long if it says so.
    Throttled(Option<Duration>),
}

/// Reads an answer.
pub fn judge(map: &AnswerMap, answer: &Answer) -> Verdict {
    let codes: Vec<String> =
        map.code.iter().filter_map(|pointer| answer.json.as_ref()?.pointer(pointer)).filter_map(code).collect();
    let said = map.when.iter().find(|when| {
        (when.status.is_empty() || when.status.contains(&answer.status.as_u16()))
            && (when.code.is_empty() || when.code.iter().any(|known| codes.contains(known)))
    });
    let meaning = said.map_or_else(|| by_status(answer.status), |when| when.means);
    if meaning != Meaning::Accepted {
        let codes = codes.iter().filter(|code| may_be_logged(code)).map(String::as_str).collect::<Vec<_>>().join(" ");
        tracing::info!(status = answer.status.as_u16(), codes, ?meaning, "a gateway did not take a message");
    }
    Verdict::Settled(match meaning {
        Meaning::Accepted => accepted(map, answer),
        Meaning::DestinationRefused => Outcome::Rejected(Reason::DestinationRefused),
        Meaning::MessageRefused => Outcome::Rejected(Reason::MessageRefused),
        Meaning::LoginRefused => Outcome::NotTaken(Reason::LoginRefused),
        Meaning::QueueFull => Outcome::NotTaken(Reason::QueueFull),
        Meaning::NotTaken => Outcome::NotTaken(Reason::CarrierFault),
        Meaning::Ambiguous => Outcome::Ambiguous(Reason::CarrierFault),
        Meaning::Throttled => return Verdict::Throttled(answer.retry_after),
    })
}

/// Taken; but where an id was promised and none is there, something else answered than the gateway we know.
fn accepted(map: &AnswerMap, answer: &Answer) -> Outcome {
    let Some(pointer) = &map.id else { return Outcome::Accepted { carrier_id: None } };
    match answer.json.as_ref().and_then(|json| json.pointer(pointer)).and_then(text) {
        Some(id) => Outcome::Accepted { carrier_id: Some(id) },
        None => Outcome::Ambiguous(Reason::CarrierFault),
    }
}

fn by_status(status: StatusCode) -> Meaning {
    match status.as_u16() {
        200..=299 => Meaning::Accepted,
        // To be asked for elsewhere: whoever answers so has done nothing. 301 to 303 are answered after the deed as well.
        307 | 308 => Meaning::NotTaken,
        401 | 403 | 407 => Meaning::LoginRefused,
        402 | 404 | 405 | 410 | 421 => Meaning::NotTaken,
        429 => Meaning::Throttled,
        408 | 409 | 425 => Meaning::Ambiguous,
        400..=499 => Meaning::MessageRefused,
        _ => Meaning::Ambiguous,
    }
}

/// A code without what stands before its last `#`: problem types (RFC 9457) and Smithy's error shapes have a namespace there.
fn code(value: &Value) -> Option<String> {
    let code = text(value)?;
    Some(code.rsplit('#').next().unwrap_or(&code).to_owned())
}

/// A JSON text or number as a text; anything else, and a text that is empty or longer than any id, is none.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| (1..=TEXT_BYTES_MAX).contains(&text.len())),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn may_be_logged(code: &str) -> bool {
    code.len() <= CODE_LETTERS_MAX
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        && code.bytes().filter(u8::is_ascii_digit).count() <= CODE_DIGITS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send::http::driver::Driver;
    use serde_json::json;

    fn judged(driver: &str, status: u16, json: Option<Value>) -> Option<Outcome> {
        let map = Driver::load(driver).expect("shipped").answer;
        let answer = Answer { status: StatusCode::from_u16(status).expect("a status"), retry_after: None, json };
        match judge(&map, &answer) {
            Verdict::Settled(outcome) => Some(outcome),
            Verdict::Throttled(_) => None,
        }
    }

    #[test]
    fn what_the_driver_says_goes_before_the_status() {
        use Outcome::{Accepted, Ambiguous, NotTaken, Rejected};
        let infobip = |name: &str, group: &str| json!({"messages": [{"messageId": "7", "status": {"name": name, "groupName": group}}]});
        let aws = |kind: &str, reason: &str| json!({"__type": kind, "Reason": reason});
        for (driver, status, body, outcome) in [
            ("twilio", 201, json!({"sid": "SM1"}), Some(Accepted { carrier_id: Some("SM1".into()) })),
            ("twilio", 400, json!({"code": 21211}), Some(Rejected(Reason::DestinationRefused))),
            ("twilio", 400, json!({"code": 21603}), Some(Rejected(Reason::MessageRefused))),
            ("twilio", 401, json!({"code": 20003}), Some(NotTaken(Reason::LoginRefused))),
            ("twilio", 429, json!({"code": 20429}), None),
            ("twilio", 429, json!({"code": 21611}), Some(NotTaken(Reason::QueueFull))),
            ("twilio", 500, json!({"code": 20500}), Some(Ambiguous(Reason::CarrierFault))),
            ("twilio", 503, json!({"code": 20503}), Some(Ambiguous(Reason::CarrierFault))),
            ("twilio", 403, json!({"code": 10001}), Some(NotTaken(Reason::LoginRefused))),
            ("aws", 200, json!({"MessageId": "m-1"}), Some(Accepted { carrier_id: Some("m-1".into()) })),
            ("aws", 400, json!({"__type": "com.amazonaws.pinpointsmsvoicev2#ThrottlingException"}), None),
            ("aws", 400, json!({"__type": "AccessDeniedException"}), Some(NotTaken(Reason::LoginRefused))),
            (
                "aws",
                400,
                aws("ConflictException", "DESTINATION_PHONE_NUMBER_OPTED_OUT"),
                Some(Rejected(Reason::DestinationRefused)),
            ),
            ("aws", 400, json!({"__type": "ValidationException"}), Some(Rejected(Reason::MessageRefused))),
            ("aws", 400, aws("ValidationException", "SENDER_ID_NOT_REGISTERED"), Some(NotTaken(Reason::CarrierFault))),
            (
                "aws",
                400,
                aws("ConflictException", "DESTINATION_PHONE_NUMBER_NOT_VERIFIED"),
                Some(NotTaken(Reason::CarrierFault)),
            ),
            ("vonage", 202, json!({"message_uuid": "u"}), Some(Accepted { carrier_id: Some("u".into()) })),
            (
                "vonage",
                422,
                json!({"type": "https://developer.vonage.com/api-errors/messages#1050"}),
                Some(Rejected(Reason::DestinationRefused)),
            ),
            ("infobip", 200, infobip("PENDING_ACCEPTED", "PENDING"), Some(Accepted { carrier_id: Some("7".into()) })),
            ("infobip", 200, infobip("REJECTED_DESTINATION", "REJECTED"), Some(Rejected(Reason::DestinationRefused))),
            ("infobip", 200, infobip("REJECTED_X", "REJECTED"), Some(Rejected(Reason::MessageRefused))),
            ("infobip", 200, infobip("REJECTED_NOT_ENOUGH_CREDITS", "REJECTED"), Some(NotTaken(Reason::CarrierFault))),
            (
                "infobip",
                200,
                infobip("REJECTED_DESTINATION_BLOCKLISTED", "REJECTED"),
                Some(Rejected(Reason::DestinationRefused)),
            ),
            ("infobip", 200, infobip("REJECTED_SENDER", "REJECTED"), Some(NotTaken(Reason::CarrierFault))),
            ("karaden", 400, json!({"code": "invalid_tenant"}), Some(NotTaken(Reason::LoginRefused))),
            ("karaden", 400, json!({"code": "invalid_version"}), Some(NotTaken(Reason::CarrierFault))),
            ("karaden", 422, json!({"code": "validation_error"}), Some(Rejected(Reason::MessageRefused))),
            ("karaden", 200, json!({"id": "k"}), Some(Accepted { carrier_id: Some("k".into()) })),
        ] {
            assert_eq!(judged(driver, status, Some(body.clone())), outcome, "{driver} {status} {body}");
        }
    }

    #[test]
    fn what_the_driver_does_not_know_is_read_as_http() {
        use Outcome::{Ambiguous, NotTaken, Rejected};
        for (status, outcome) in [
            (200, Some(Ambiguous(Reason::CarrierFault))), // no id: not the gateway we know
            (302, Some(Ambiguous(Reason::CarrierFault))),
            (307, Some(NotTaken(Reason::CarrierFault))),
            (400, Some(Rejected(Reason::MessageRefused))),
            (401, Some(NotTaken(Reason::LoginRefused))),
            (404, Some(NotTaken(Reason::CarrierFault))),
            (408, Some(Ambiguous(Reason::CarrierFault))),
            (429, None),
            (500, Some(Ambiguous(Reason::CarrierFault))),
            (503, Some(Ambiguous(Reason::CarrierFault))),
        ] {
            assert_eq!(judged("twilio", status, None), outcome, "{status}");
        }
    }

    #[test]
    fn no_number_is_logged_as_a_code() {
        assert!(may_be_logged("21211") && may_be_logged("ThrottlingException"));
        assert!(!may_be_logged("819012345678") && !may_be_logged("+81 90") && !may_be_logged("コード"));
    }
}
