//! QR codes as SVG, drawn with presentation attributes only, so that the Content-Security-Policy needs no exception.

use std::fmt::Write;

use fast_qr::{ECL, QRBuilder};

/// Modules of white around a code that readers need (ISO/IEC 18004).
const QUIET: usize = 4;

/// The text does not fit a QR code.
#[derive(Debug, thiserror::Error)]
#[error("the text is too long for a QR code")]
pub struct TooLongForQr;

/// A QR code, black on white in every colour scheme, hidden from screen readers: whoever shows it says what it is.
///
/// # Errors
/// [`TooLongForQr`] beyond some 2,300 bytes.
pub fn svg(text: &str) -> Result<String, TooLongForQr> {
    let code = QRBuilder::new(text).ecl(ECL::M).build().map_err(|_| TooLongForQr)?;
    let side = code.size + 2 * QUIET;
    let mut path = String::new();
    for y in 0..code.size {
        let mut x = 0;
        while x < code.size {
            let run = (x..code.size).take_while(|&column| code[y][column].value()).count();
            if run > 0 {
                // Writing to a String cannot fail.
                let _ = write!(path, "M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET);
            }
            x += run + 1;
        }
    }
    Ok(format!(
        "<svg viewBox=\"0 0 {side} {side}\" aria-hidden=\"true\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path d=\"{path}\"/></svg>"
    ))
}
