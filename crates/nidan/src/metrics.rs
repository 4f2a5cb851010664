//! What is counted, for machines that watch: totals since the start, never about a person.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// Totals by the value of one label.
type ByLabel = Family<[(&'static str, String); 1], Counter>;

/// The counts of one process.
pub struct Metrics {
    registry: Registry,
    requests: ByLabel,
    codes: ByLabel,
    messages: ByLabel,
}

impl Default for Metrics {
    fn default() -> Self {
        let (requests, codes, messages) = (ByLabel::default(), ByLabel::default(), ByLabel::default());
        let mut registry = Registry::with_prefix("nidan");
        registry.register("build", "The program", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        registry.register("requests", "Requests answered, by HTTP status", requests.clone());
        registry.register("codes", "Codes checked, by verdict", codes.clone());
        registry.register("messages", "Messages settled, by state", messages.clone());
        Self { registry, requests, codes, messages }
    }
}

impl Metrics {
    /// A request was answered.
    pub fn request(&self, status: u16) {
        self.requests.get_or_create(&[("status", status.to_string())]).inc();
    }

    /// A code was checked.
    pub fn code(&self, verdict: &str) {
        self.codes.get_or_create(&[("verdict", verdict.to_owned())]).inc();
    }

    /// A message's way ended.
    pub fn message(&self, state: &str) {
        self.messages.get_or_create(&[("state", state.to_owned())]).inc();
    }

    /// Everything in the OpenMetrics text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_told() {
        let metrics = Metrics::default();
        metrics.request(200);
        metrics.request(200);
        metrics.code("wrong");
        metrics.message("delivered");
        let text = metrics.text();
        for line in [
            "nidan_requests_total{status=\"200\"} 2",
            "nidan_codes_total{verdict=\"wrong\"} 1",
            "nidan_messages_total{state=\"delivered\"} 1",
            "# EOF",
        ] {
            assert!(text.lines().any(|told| told == line), "{line}: {text}");
        }
        assert!(text.contains("nidan_build_info{version="), "{text}");
    }
}
