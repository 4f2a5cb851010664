//! Messages by real carriers' routes: what a short message centre does to them, and what the ledger makes of it.

mod crowds;
mod failover;
mod told;
mod worker;

use std::collections::BTreeMap;
use std::net::TcpListener;

use futures_util::future::join_all;
use nidan::app::{App, Clock};
use nidan::bench::seed;
use nidan::config::ways::{Smpp, Way};
use nidan::config::{Route, Settings};
use nidan::send::lines::Routes;
use nidan::send::route::CarrierReceipt;
use nidan::send::worker::Sender;
use nidan::store::message::Leased;
use nidan::store::{Db, sql};
use nidan_core::ceremony::Holder;
use nidan_core::id::{self, Scoped};
use nidan_core::language::Language;
use nidan_core::ledger::{Receipt, State};
use nidan_core::message::Channel;
use nidan_core::methods::Role;
use nidan_core::route::{Cost, Health};
use nidan_core::secret::Secret;
use nidan_core::time::Span;

use super::{Added, Flows, code_required, phone};
use crate::app::wait_for;
use crate::smsc::Smsc;

crate::store::on_every_database!(
    what_a_carrier_does_is_what_the_ledger_says
    a_second_worker_sends_what_the_first_did_not_begin
    what_a_route_may_cost_is_never_passed
    a_sick_route_stands_behind_and_comes_back
);

sql! {
    ENTRY = "SELECT state, reason, route, carrier_id FROM message WHERE account_id = $1 AND message_id = $2";
    MESSAGES = "SELECT count(*) FROM message WHERE account_id = $1";
    SPENT = "SELECT CAST(SUM(spent) AS BIGINT) AS spent FROM route_day WHERE route = $1";
}

/// As [`crate::store::on_every_database`], without the one in memory: for what takes its time.
macro_rules! on_both_databases {
    ($($name:ident)+) => {
        crate::store::on_every_database!(@on in_a_file: $($name)+);
        crate::store::on_every_database!(@on on_postgres: $($name)+);
    };
}
use on_both_databases;

/// What the ledger says of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) state: State,
    reason: Option<String>,
    pub(super) route: Option<String>,
    carrier_id: Option<String>,
}

/// A sign-in that awaits the code of an SMS.
struct SignIn {
    ceremony: Scoped<id::Ceremony>,
    /// The number, without a plus.
    number: String,
    leased: Leased,
}

impl SignIn {
    /// The code that the one message says which a short message centre has for the number.
    fn code(&self, smsc: &Smsc) -> String {
        let [message] = &smsc.phone(&self.number)[..] else { panic!("one message to {}", self.number) };
        let text = message["text"].as_str().expect("text");
        let code = text.split(|letter: char| !letter.is_ascii_digit()).find(|digits| digits.len() == 6);
        code.unwrap_or_else(|| panic!("a code in: {text}")).to_owned()
    }
}

/// A route for SMS.
pub(super) fn route(name: &str, smsc: &Smsc, cost: Option<Cost>) -> Route {
    let way = Way::Smpp(smsc.settings());
    Route {
        name: name.into(),
        channel: Channel::Sms,
        countries: Some(vec!["+81".into()]),
        number_kinds: None,
        cost,
        way,
    }
}

/// A port that nobody listens at.
fn nobody() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

fn changed(mut route: Route, change: impl FnOnce(&mut Smpp)) -> Route {
    if let Way::Smpp(settings) = &mut route.way {
        change(settings);
    }
    route
}

impl Flows {
    /// A server's flows at the present time, since the short message centre has a clock of its own.
    pub(in crate::flow) fn now(db: Db) -> Self {
        Self::now_with(db, |_| {})
    }

    fn now_with(db: Db, change: impl FnOnce(&mut Settings)) -> Self {
        let flows = Self::with(db, change);
        flows.clock.set(Clock::system().now());
        flows
    }

    /// A sender with these routes, as another node has it.
    pub(in crate::flow) fn sender_by(&self, routes: Vec<Route>) -> (Sender, Routes) {
        let routes = self.routes(routes);
        (Sender::new(self.app.clone(), routes.clone()), routes)
    }

    fn routes(&self, routes: Vec<Route>) -> Routes {
        let here = std::path::Path::new(".");
        let mut settings = Settings::demo("127.0.0.1:8080".parse().expect("an address"), here, Language::Ja);
        settings.routes = routes;
        Routes::open(&settings, &self.app, Some(&self.phone)).expect("good settings")
    }

    /// Owners with two methods. The last two digits of their numbers count from 00.
    async fn owners(&self, count: usize) -> Vec<seed::Owner> {
        seed::owners(&self.app, count, &Secret::new(crate::app::PASSWORD_HASH.to_owned())).await.expect("accounts")
    }

    /// Begins a sign-in of each, and gives it with its message.
    async fn sign_ins(&self, owners: &[seed::Owner]) -> Vec<SignIn> {
        let begun = join_all(owners.iter().map(|owner| self.begin(owner.account, None))).await;
        let messages = self.handed_out().await;
        assert_eq!(messages.len(), owners.len());
        let of = |owner: &seed::Owner| *messages.iter().find(|it| it.account == owner.account).expect("its message");
        let both = owners.iter().zip(begun);
        both.map(|(owner, begun)| SignIn {
            ceremony: code_required(begun).ceremony,
            number: owner.phone[1..].to_owned(),
            leased: of(owner),
        })
        .collect()
    }

    /// How many messages the ledger has for the account of this one.
    async fn messages_of(&self, leased: Leased) -> i64 {
        let count = self.app.db.read(leased, |tx, leased| {
            Box::pin(async move { tx.one(&MESSAGES, &[leased.account.into()]).await?.int(0) })
        });
        count.await.expect("no failure")
    }

    /// Claims a message with a code for this number, of an account of its own.
    pub(super) async fn message_to(&self, number: &str) -> Leased {
        let name = format!("owner{}@example.jp", &number[1..]);
        let nidan::flow::accounts::Created::Account(account) = self.create(&name).await else { panic!("it is free") };
        let added = self.add(account.id, (Role::Primary, phone(number)), Holder::Site).await;
        assert!(matches!(added, Added::Pending { .. }));
        let [leased] = self.handed_out().await[..] else { panic!("one message") };
        leased
    }

    pub(super) async fn entry(&self, leased: Leased) -> Entry {
        entry(&self.app, leased).await
    }

    /// Waits until the ledger says this of a message.
    pub(super) async fn comes_to(&self, leased: Leased, state: State) -> Entry {
        wait_for(&format!("a message to be {}", state.name()), async || {
            Some(self.entry(leased).await).filter(|entry| entry.state == state)
        })
        .await
    }
}

async fn entry(app: &App, leased: Leased) -> Entry {
    let row = app.db.read(leased, |tx, leased| {
        Box::pin(async move {
            let row = tx.one(&ENTRY, &[leased.account.into(), leased.id.into()]).await?;
            let text = |place| Ok::<_, nidan::store::StoreError>(row.opt_text(place)?.map(str::to_owned));
            let state = State::from_stored(row.int(0)?).expect("a state");
            Ok(Entry { state, reason: text(1)?, route: text(2)?, carrier_id: text(3)? })
        })
    });
    row.await.expect("no failure")
}

/// By the last two digits of the number, which tell the short message centre what to do: what the ledger says in the end, and
/// how often the short message centre had the message.
const FAULTS: [(&str, State, Option<&str>, usize); 16] = [
    ("01", State::Delivered, None, 1),
    ("02", State::Undelivered, Some("receipt"), 1),
    ("03", State::Expired, Some("receipt"), 1),
    ("04", State::Undelivered, Some("receipt"), 1),
    ("05", State::Delivered, None, 1),
    ("07", State::Ambiguous, Some("no_answer"), 1),
    ("09", State::Delivered, None, 1),
    ("10", State::Delivered, None, 1),
    ("11", State::Accepted, None, 1),
    ("12", State::Delivered, None, 1),
    ("13", State::Delivered, None, 1),
    ("14", State::Accepted, None, 1),
    ("15", State::Delivered, None, 1),
    ("17", State::Rejected, Some("destination_refused"), 0),
    ("20", State::Delivered, None, 1),
    ("22", State::Delivered, None, 1),
];

async fn what_a_carrier_does_is_what_the_ledger_says(db: Db) {
    let (flows, smsc) = (Flows::now(db), Smsc::start());
    let (sender, routes) = flows.sender_by(vec![route("carrier", &smsc, None)]);
    let number = |fault: &str| format!("+8190123456{fault}");
    let mut messages = BTreeMap::new();
    for (fault, ..) in FAULTS {
        messages.insert(fault, flows.message_to(&number(fault)).await);
    }
    join_all(messages.values().map(|leased| sender.carry(*leased))).await;
    for (fault, state, reason, got) in FAULTS {
        let entry = flows.comes_to(messages[fault], state).await;
        assert_eq!(entry.reason.as_deref(), reason, "{fault}");
        assert_eq!(entry.route.as_deref(), Some("carrier"), "{fault}");
        assert_eq!(smsc.phone(&number(fault)[1..]).len(), got, "{fault}");
    }

    let said = async |fault: &str, to: Option<&str>, receipt| {
        let carrier_id = flows.entry(messages[fault]).await.carrier_id.expect("an id");
        let receipt = CarrierReceipt { carrier_id, number: to.map(str::to_owned), receipt };
        routes.receipts().record("carrier", receipt).await.expect("kept");
    };
    for (fault, to, receipt, state) in [
        ("01", Some("09012345601"), Receipt::Undelivered, State::Delivered),
        ("11", Some("+819012345699"), Receipt::Delivered, State::Accepted), // another's number
        ("11", None, Receipt::Delivered, State::Accepted),                  // this carrier names numbers
        ("11", Some("819012345611"), Receipt::EnRoute, State::Accepted),
        ("11", Some("819012345611"), Receipt::Undelivered, State::Undelivered),
        ("11", Some("819012345611"), Receipt::Expired, State::Undelivered),
        ("11", Some("819012345611"), Receipt::Delivered, State::Delivered),
    ] {
        said(fault, to, receipt).await;
        assert_eq!(flows.entry(messages[fault]).await.state, state, "{fault} {receipt:?}");
    }
}

async fn a_second_worker_sends_what_the_first_did_not_begin(db: Db) {
    let (flows, smsc) = (Flows::now(db), Smsc::start());
    let (leased, begun) = (flows.message_to("+819012345601").await, flows.message_to("+819012345631").await);
    let job = (flows.app.clone(), begun);
    let wired = flows.app.db.transact(job, |tx, (app, leased)| {
        Box::pin(async move {
            let account = nidan::store::account::load(tx, app, leased.account).await?.expect("an account");
            nidan::store::message::wire(tx, &account, *leased, "carrier", app.clock.now()).await
        })
    });
    assert!(wired.await.expect("no failure").is_some());
    flows.clock.advance(flows.app.policy.message_lease);
    let nodes = [(); 2].map(|()| flows.sender_by(vec![route("carrier", &smsc, None)]));
    join_all(nodes.iter().map(|(sender, _)| sender.recover())).await;
    flows.comes_to(leased, State::Delivered).await;
    let lost = flows.comes_to(begun, State::Ambiguous).await;
    assert_eq!(lost.reason.as_deref(), Some("worker_lost"));
    nodes[0].0.carry(leased).await; // the first wakes up
    nodes[0].0.carry(begun).await;
    assert_eq!((smsc.phone("819012345601").len(), smsc.phone("819012345631").len()), (1, 0));
}

async fn what_a_route_may_cost_is_never_passed(db: Db) {
    let (flows, smsc) = (Flows::now(db), Smsc::start());
    let cost = Cost { per_message: 1_000, day_max: 10_500 };
    let (sender, _) = flows.sender_by(vec![route("carrier", &smsc, Some(cost))]);
    let refused = flows.message_to("+819012345617").await;
    sender.carry(refused).await;
    assert_eq!(flows.entry(refused).await.state, State::Rejected);
    let mut setups = Vec::new();
    for n in 0..32 {
        setups.push(flows.message_to(&format!("+819012{n:04}01")).await);
    }
    // Numbers of which the short message centre takes each message once.
    let sign_ins = flows.sign_ins(&flows.owners(44).await[32..]).await;
    let sign_ins: Vec<Leased> = sign_ins.iter().map(|sign_in| sign_in.leased).collect();
    for messages in [setups, sign_ins] {
        let before = smsc.told("phone").len();
        join_all(messages.iter().map(|leased| sender.carry(*leased))).await;
        let entries = join_all(messages.iter().map(|leased| flows.entry(*leased))).await;
        let capped = entries.iter().filter(|entry| entry.reason.as_deref() == Some("cost_cap")).count();
        let sent = (messages.len() - capped, smsc.told("phone").len() - before);
        assert_eq!(sent, (5, 5), "half is kept for sign-ins: {entries:?}");
    }
    let spent =
        flows.app.db.read((), |tx, ()| Box::pin(async move { tx.one(&SPENT, &["carrier".into()]).await?.int(0) }));
    assert_eq!(spent.await, Ok(10_000), "what was refused is not paid");
    flows.clock.advance(Span::days(1));
    let next_day = flows.message_to("+819012345630").await;
    sender.carry(next_day).await;
    assert_eq!(flows.entry(next_day).await.reason, None);
}

async fn a_sick_route_stands_behind_and_comes_back(db: Db) {
    let (flows, carriers) = (Flows::now(db), [Smsc::start(), Smsc::start()]);
    let routes = vec![route("first", &carriers[0], None), route("second", &carriers[1], None)];
    let (sender, _) = flows.sender_by(routes);
    let health = async || {
        sender.judge_routes().await;
        flows.app.routes_health.of("first")
    };
    let mut messages = Vec::new();
    for n in 0..20 {
        messages.push(flows.message_to(&format!("+819012{n:04}02")).await);
    }
    join_all(messages.iter().map(|leased| sender.carry(*leased))).await;
    for leased in messages {
        assert_eq!(flows.comes_to(leased, State::Undelivered).await.route.as_deref(), Some("first"));
    }
    assert_eq!(health().await, Health::Good, "too young to tell");
    flows.clock.advance(Span::seconds(60));
    assert_eq!(health().await, Health::Sick);
    assert_eq!(flows.app.routes_health.of("second"), Health::Good);
    let goes_by = async |number: &str| {
        let leased = flows.message_to(number).await;
        sender.carry(leased).await;
        flows.entry(leased).await.route.expect("a route")
    };
    assert_eq!(goes_by("+819012345602").await, "second");
    flows.clock.advance(Span::minutes(10));
    assert_eq!(health().await, Health::Good);
    for number in ["+819012345702", "+819012345802", "+819012345902"] {
        assert_eq!(goes_by(number).await, "first");
    }
    flows.clock.advance(Span::seconds(60));
    assert_eq!(health().await, Health::Sick, "it has to prove itself");
}
