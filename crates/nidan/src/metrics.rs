//! What is counted, for machines that watch: totals since the start, never about a person.

use nidan_core::route::Health;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// Totals by the value of one label.
type ByLabel = Family<[(&'static str, String); 1], Counter>;

/// How often each statement of the database was run, by its name.
pub type ByStatement = Family<[(&'static str, &'static str); 1], Counter>;
/// Totals by the values of two labels, the first being the route.
type ByRoute = Family<[(&'static str, String); 2], Counter>;
/// What holds now, by route.
type NowByRoute = Family<[(&'static str, String); 1], Gauge>;
/// What holds now, by the value of one label that never changes.
type NowByLabel = Family<[(&'static str, &'static str); 1], Gauge>;
/// What holds now, by kind and name.
type NowByName = Family<[(&'static str, String); 2], Gauge>;

/// The counts of one process.
pub struct Metrics {
    registry: Registry,
    requests: ByLabel,
    codes: ByLabel,
    messages: ByLabel,
    suppressed: ByLabel,
    sendings: ByRoute,
    receipts: ByRoute,
    route_health: NowByRoute,
    route_spent: NowByRoute,
    stopped: NowByName,
    setups: NowByLabel,
    setups_cost: NowByLabel,
    setups_pumped: Gauge,
    setups_blocks_closed: Gauge,
    hashes: Counter,
}

/// The setups of the last hour, over all accounts and nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetupsNow {
    /// Whether messages are pumped.
    pub pumped: bool,
    /// Numbers asked for.
    pub numbers: u32,
    /// Of these, confirmed.
    pub confirmed: u32,
    /// Messages that were not sent.
    pub refused: u32,
    /// What those that were sent cost, in thousandths of the currency.
    pub cost: i64,
    /// What the others would have cost, likewise.
    pub avoided: i64,
    /// Blocks of numbers at which this node refused setups because they are closed.
    pub blocks_closed: usize,
}

impl Metrics {
    /// Nothing is counted yet, but for what the database says of itself.
    pub fn new(statements: ByStatement) -> Self {
        let (requests, codes, messages) = (ByLabel::default(), ByLabel::default(), ByLabel::default());
        let mut registry = Registry::with_prefix("nidan");
        registry.register("build", "The program", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        registry.register("requests", "Requests answered, by HTTP status", requests.clone());
        registry.register("codes", "Codes checked, by verdict", codes.clone());
        registry.register("messages", "Messages settled, by state", messages.clone());
        let suppressed = ByLabel::default();
        registry.register("suppressed", "Messages not sent and passwords not looked at, by reason", suppressed.clone());
        let (sendings, receipts) = (ByRoute::default(), ByRoute::default());
        let (route_health, route_spent) = (NowByRoute::default(), NowByRoute::default());
        registry.register("sendings", "Messages given to a route, by what it answered", sendings.clone());
        registry.register("receipts", "Receipts of a route, by what they say", receipts.clone());
        let about = "How a route does: 0 well, 1 slow, 2 stalled, 3 sick";
        registry.register("route_health", about, route_health.clone());
        let about = "What a route has cost today, in thousandths of the currency";
        registry.register("route_spent", about, route_spent.clone());
        registry.register("statements", "Statements of the database, by name", statements);
        let hashes = Counter::default();
        registry.register("hashes", "Passwords hashed, to keep them or to check them", hashes.clone());
        let stopped = NowByName::default();
        let about = "What was stopped by itself because of a fault: 1, and 0 once an operator had it go on";
        registry.register("stopped", about, stopped.clone());
        let (setups, setups_cost) = (NowByLabel::default(), NowByLabel::default());
        let (setups_pumped, setups_blocks_closed) = (Gauge::default(), Gauge::default());
        let about = "Setups of the last hour: numbers asked for, of these confirmed, messages refused";
        registry.register("setups", about, setups.clone());
        let about =
            "What messages of setups cost in the last hour, and refused ones did not, in thousandths of the currency";
        registry.register("setups_cost", about, setups_cost.clone());
        registry.register("setups_pumped", "Whether somebody pumps messages: 1, else 0", setups_pumped.clone());
        let about = "Blocks of numbers at which this node refused setups in the last hour because they are closed";
        registry.register("setups_blocks_closed", about, setups_blocks_closed.clone());
        Self {
            setups,
            setups_cost,
            setups_pumped,
            setups_blocks_closed,
            stopped,
            hashes,
            registry,
            requests,
            codes,
            messages,
            suppressed,
            sendings,
            receipts,
            route_health,
            route_spent,
        }
    }

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

    /// A message was not sent, or a password not looked at.
    pub fn suppressed(&self, reason: &str) {
        self.suppressed.get_or_create(&[("reason", reason.to_owned())]).inc();
    }

    /// A route was given a message and answered.
    pub fn sending(&self, route: &str, outcome: &str) {
        self.sendings.get_or_create(&[("route", route.to_owned()), ("outcome", outcome.to_owned())]).inc();
    }

    /// A route told what became of a message.
    pub fn receipt(&self, route: &str, receipt: &str) {
        self.receipts.get_or_create(&[("route", route.to_owned()), ("receipt", receipt.to_owned())]).inc();
    }

    /// How a route does now.
    pub fn route_health(&self, route: &str, health: Health) {
        self.route_health.get_or_create(&[("route", route.to_owned())]).set(health as i64);
    }

    /// What a route has cost today.
    pub fn route_spent(&self, route: &str, spent: i64) {
        self.route_spent.get_or_create(&[("route", route.to_owned())]).set(spent);
    }

    /// Counts passwords hashed.
    pub fn hashes(&self) -> Counter {
        self.hashes.clone()
    }

    /// Whether a route or an API key is stopped.
    pub fn stopped(&self, kind: &str, name: &str, stopped: bool) {
        self.stopped.get_or_create(&[("kind", kind.to_owned()), ("name", name.to_owned())]).set(stopped.into());
    }

    /// What setups there were in the last hour.
    pub fn setups(&self, now: &SetupsNow) {
        let counts = [("numbers", now.numbers), ("confirmed", now.confirmed), ("refused", now.refused)];
        for (what, count) in counts {
            self.setups.get_or_create(&[("what", what)]).set(count.into());
        }
        for (what, cost) in [("spent", now.cost), ("avoided", now.avoided)] {
            self.setups_cost.get_or_create(&[("what", what)]).set(cost);
        }
        self.setups_pumped.set(now.pumped.into());
        self.setups_blocks_closed.set(i64::try_from(now.blocks_closed).unwrap_or(i64::MAX));
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
        let metrics = Metrics::new(ByStatement::default());
        metrics.request(200);
        metrics.request(200);
        metrics.code("wrong");
        metrics.message("delivered");
        metrics.sending("carrier", "accepted");
        metrics.receipt("carrier", "delivered");
        metrics.route_health("carrier", Health::Sick);
        metrics.route_spent("carrier", 8_000);
        metrics.stopped("route", "carrier", true);
        let (numbers, confirmed, refused, cost, avoided) = (60, 2, 40, 160_000, 320_000);
        metrics.setups(&SetupsNow { pumped: true, numbers, confirmed, refused, cost, avoided, blocks_closed: 1 });
        let text = metrics.text();
        for line in [
            "nidan_requests_total{status=\"200\"} 2",
            "nidan_codes_total{verdict=\"wrong\"} 1",
            "nidan_messages_total{state=\"delivered\"} 1",
            "nidan_sendings_total{route=\"carrier\",outcome=\"accepted\"} 1",
            "nidan_receipts_total{route=\"carrier\",receipt=\"delivered\"} 1",
            "nidan_route_health{route=\"carrier\"} 3",
            "nidan_route_spent{route=\"carrier\"} 8000",
            "nidan_stopped{kind=\"route\",name=\"carrier\"} 1",
            "nidan_setups{what=\"numbers\"} 60",
            "nidan_setups{what=\"confirmed\"} 2",
            "nidan_setups{what=\"refused\"} 40",
            "nidan_setups_cost{what=\"spent\"} 160000",
            "nidan_setups_cost{what=\"avoided\"} 320000",
            "nidan_setups_pumped 1",
            "nidan_setups_blocks_closed 1",
            "# EOF",
        ] {
            assert!(text.lines().any(|told| told == line), "{line}: {text}");
        }
        assert!(text.contains("nidan_build_info{version="), "{text}");
    }
}
