//! A message as submit_sm: one, or a part each.

use std::sync::atomic::Ordering;

use nidan_core::ledger::Reason;
use nidan_wire::smpp::encoding::split;
use nidan_wire::smpp::{Address, SubmitSm, validity};

use super::Route;
use crate::config::ways::Smpp;
use crate::send::route::Dispatch;

/// Who messages are from.
///
/// # Errors
/// What is wrong with the settings.
pub(super) fn sender(settings: &Smpp) -> Result<Address, String> {
    let sender = Address::sender(&settings.sender, settings.sender_ton, settings.sender_npi);
    sender.map_err(|invalid| format!("sender {invalid}: write a number, a short code or a short name"))
}

/// The parts of a message, with its absolute validity. One receipt is asked for, that of the last part: when it comes, the
/// text is there.
///
/// # Errors
/// The number is none, or the text has more parts than can be counted.
pub(super) fn parts(route: &Route, dispatch: &Dispatch) -> Result<Vec<SubmitSm>, Reason> {
    let destination = Address::destination(dispatch.destination.expose()).map_err(|_| Reason::DestinationRefused)?;
    // Consecutive, so that no two long texts to one phone are taken for one (3GPP TS 23.040 §9.2.3.24.1).
    let reference = route.reference.fetch_add(1, Ordering::Relaxed);
    let texts = split(dispatch.text.expose(), reference, route.settings.alphabet).ok_or(Reason::MessageRefused)?;
    let last = texts.len() - 1;
    let part = |(place, short_message)| SubmitSm {
        source: route.sender.clone(),
        destination: destination.clone(),
        validity_period: validity(dispatch.expires_at.ms()),
        receipt: route.settings.receipts && place == last,
        short_message,
    };
    Ok(texts.into_iter().enumerate().map(part).collect())
}
