//! The log: lines on standard error, for whoever runs the server. No secret, code or full address goes into a field of it;
//! their types cannot be printed.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// What is told unless asked otherwise: our own doings, and what libraries warn of.
const DEFAULT: &str = "warn,nidan=info";

/// Starts the log. `filter` is what `NIDAN_LOG` says (e.g. `nidan=debug`); `json` writes one JSON object per line. A second
/// start changes nothing.
///
/// # Errors
/// The filter is not one; says what it may be.
pub fn start(filter: Option<&str>, json: bool) -> Result<(), String> {
    let filter = EnvFilter::builder().parse(filter.unwrap_or(DEFAULT)).map_err(|error| {
        format!("NIDAN_LOG is no log filter ({error}): write error, warn, info, debug or trace, or as {DEFAULT}")
    })?;
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = if json { lines.json().try_init() } else { lines.try_init() };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::start;

    #[test]
    fn a_filter_that_is_none_is_told() {
        assert!(start(Some("nidan=loud"), false).is_err_and(|told| told.contains("NIDAN_LOG")));
        assert_eq!(start(None, true), Ok(()));
        assert_eq!(start(Some("debug"), false), Ok(()));
    }
}
