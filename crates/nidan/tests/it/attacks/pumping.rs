//! Somebody makes us send: setup messages to numbers that pay him for each, in ranges and in many countries.

use nidan::config::Settings;
use nidan::store::Engine;
use nidan_core::message::Channel;
use nidan_core::route::Cost;
use nidan_core::time::Span;
use serde_json::json;

use super::story::World;
use crate::app::{TestServer, wait_for, wide};
use crate::log::Log;

/// A number of each of thirty countries where messages cost much or numbers are for hire.
const ABROAD: [&str; 30] = [
    "+12025550123",
    "+14165550123",
    "+18765550123",
    "+18095550123",
    "+442079460123",
    "+447911123456",
    "+4915112345678",
    "+33612345678",
    "+34612345678",
    "+393123456789",
    "+79161234567",
    "+77011234567",
    "+998901234567",
    "+992917123456",
    "+996700123456",
    "+994401234567",
    "+37360123456",
    "+35799123456",
    "+21612345678",
    "+2348021234567",
    "+256712345678",
    "+263712345678",
    "+923012345678",
    "+8801812345678",
    "+94712345678",
    "+6281234567890",
    "+639171234567",
    "+84912345678",
    "+8613123456789",
    "+821012345678",
];

/// What became of many wishes.
#[derive(Default)]
struct Tally {
    taken: usize,
    refused: Vec<String>,
}

impl Tally {
    fn because(&self, reason: &str) -> usize {
        self.refused.iter().filter(|refused| *refused == reason).count()
    }
}

/// Accounts without end, three numbers each, every one from a network of its own.
struct Pump<'a> {
    world: &'a World<'a>,
    asked: usize,
    account: String,
}

impl<'a> Pump<'a> {
    const fn new(world: &'a World<'a>) -> Self {
        Self { world, asked: 0, account: String::new() }
    }

    async fn all(&mut self, numbers: impl IntoIterator<Item = String>) -> Tally {
        let mut tally = Tally::default();
        for number in numbers {
            if self.asked.is_multiple_of(3) {
                self.account = self.world.newcomer(&format!("pump{}", self.asked)).await.0;
            }
            self.asked += 1;
            let client = json!({"ip": format!("10.{}.{}.9", self.asked / 250, self.asked % 250), "user_agent": "x"});
            let method = json!({"type": "sms", "role": "primary", "phone": number, "client": client});
            let path = format!("/api/v1/accounts/{}/authenticators", self.account);
            let answer = self.world.site.post_json(&path, &method).await;
            match answer.status {
                201 => tally.taken += 1,
                422 | 429 => tally.refused.push(answer.text("/reason")),
                other => panic!("{other}: {}", answer.body),
            }
        }
        self.world.server.settled().await;
        tally
    }

    /// How many messages arrived at these numbers; they count as looked at.
    fn arrived(&self, numbers: impl IntoIterator<Item = String>) -> usize {
        numbers.into_iter().map(|number| self.world.server.phone.take(&number).len()).sum()
    }
}

fn adjacent(block: usize, count: usize) -> impl Iterator<Item = String> + Clone {
    (0..count).map(move |number| format!("+8190{block:04}{number:04}"))
}

async fn t47_a_range_of_numbers_is_closed_after_twenty(server: &TestServer) {
    let world = World::new(server).await;
    let mut pump = Pump::new(&world);
    let ten_thousand = (0..240).map(|step| format!("+81901234{:04}", step * 41)); // spread over the block's ten thousand
    let tally = pump.all(ten_thousand.clone()).await;
    assert_eq!(pump.arrived(ten_thousand.clone()), tally.taken);
    assert!((1..=20).contains(&tally.taken), "{} of 240", tally.taken);
    assert_eq!(tally.because("block_closed"), 240 - tally.taken, "{:?}", tally.refused);
    // Not even an hour later, at the next night's prices.
    world.clock().advance(Span::minutes(23 * 60));
    let later = pump.all(ten_thousand.clone().take(30)).await;
    assert_eq!(later.taken, 0, "{:?}", later.refused);
}

async fn t47_many_ranges_are_no_way_around(server: &TestServer) {
    let world = World::new(server).await;
    let mut pump = Pump::new(&world);
    let ranges = (0..60).flat_map(|block| adjacent(1000 + block, 3));
    let tally = pump.all(ranges.clone()).await;
    assert_eq!(pump.arrived(ranges), tally.taken);
    // Half of an hour's sixty: the other half is kept for accounts that were not made for this.
    assert!((20..=30).contains(&tally.taken), "{} of 180", tally.taken);
    assert_eq!(tally.because("setups_full"), 180 - tally.taken, "{:?}", tally.refused);
}

async fn t47_no_other_country_unless_it_was_opened(server: &TestServer) {
    let world = World::new(server).await;
    let mut pump = Pump::new(&world);
    let tally = pump.all(ABROAD.map(str::to_owned)).await;
    assert_eq!((tally.taken, tally.refused.len()), (0, ABROAD.len()), "{:?}", tally.refused);
    assert_eq!(pump.arrived(ABROAD.map(str::to_owned)), 0);
}

async fn t47_a_country_has_its_cap(engine: Engine) {
    let server = TestServer::start_with(engine, |settings| settings.policy.country_day_max = 16).await;
    let world = World::new(&server).await;
    let mut pump = Pump::new(&world);
    let ranges = (0..12).flat_map(|block| adjacent(1000 + block, 2));
    let tally = pump.all(ranges.clone()).await;
    assert_eq!(pump.arrived(ranges), tally.taken);
    assert!((1..=8).contains(&tally.taken), "{} where half of 16 is for setups", tally.taken);
    assert_eq!(tally.because("country_full"), 24 - tally.taken, "{:?}", tally.refused);
    server.finish().await;
}

fn costly(settings: &mut Settings) {
    let sms = settings.routes.iter_mut().find(|route| route.channel == Channel::Sms).expect("a route");
    sms.cost = Some(Cost { per_message: 9_000, day_max: 180_000 });
}

async fn t47_the_days_money_is_the_end_of_it(engine: Engine) {
    let server = TestServer::start_with(engine, costly).await;
    let world = World::new(&server).await;
    let mut pump = Pump::new(&world);
    let ranges = (0..12).flat_map(|block| adjacent(1000 + block, 2));
    pump.all(ranges.clone()).await;
    let arrived = pump.arrived(ranges);
    assert!((1..=10).contains(&arrived), "{arrived} of 24: of twenty that are paid for, half are kept for sign-ins");
    server.finish().await;
}

fn priced(settings: &mut Settings) {
    let sms = settings.routes.iter_mut().find(|route| route.channel == Channel::Sms).expect("a route");
    sms.cost = Some(Cost { per_message: 8_000, day_max: 8_000_000 });
}

/// What machines that watch are told of setups.
fn gauge(server: &TestServer, name: &str) -> i64 {
    let text = server.app.metrics.text();
    let told = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    told.map_or(0, |told| told.parse().expect("a number"))
}

/// Lets so much time pass, until the server looks at all setups again; at closed blocks it has looked then.
async fn looks_again(server: &TestServer, after: Span) {
    const LOOKS: &str = "nidan_statements_total{statement=\"nidan::store::setup_number::COUNT\"}";
    let before = gauge(server, LOOKS);
    server.clock.advance(after);
    wait_for("a look at setups", async || (gauge(server, LOOKS) > before).then_some(())).await;
}

/// Whose log is the test's: on one thread.
async fn t47_operators_are_told_of_pumping_once(engine: Engine) {
    let (log, _logging) = Log::of_this_thread();
    let server = TestServer::start_with(engine, priced).await;
    let world = World::new(&server).await;
    let mut pump = Pump::new(&world);
    let ranges = (0..20).flat_map(|block| adjacent(1000 + block, 3));
    let tally = pump.all(ranges.clone()).await;
    assert_eq!((tally.taken, pump.arrived(ranges)), (30, 30));
    server.clock.advance(Span::minutes(2));
    wait_for("a metric", async || (gauge(&server, "nidan_setups{what=\"numbers\"}") == 30).then_some(())).await;
    assert_eq!(gauge(&server, "nidan_setups_pumped"), 0, "thirty may still be typing");
    server.clock.advance(Span::minutes(1));
    let begins = "messages are pumped: many numbers are asked for, and few confirmed \
                  numbers=60 confirmed=0 refused=30 cost=240000 avoided=240000";
    wait_for("a line of the log", async || log.text().contains(begins).then_some(())).await;
    wait_for("a metric", async || (gauge(&server, "nidan_setups_pumped") == 1).then_some(())).await;
    for (name, told) in [
        ("nidan_setups{what=\"numbers\"}", 60),
        ("nidan_setups{what=\"confirmed\"}", 0),
        ("nidan_setups{what=\"refused\"}", 30),
        ("nidan_setups_cost{what=\"spent\"}", 240_000),
        ("nidan_setups_cost{what=\"avoided\"}", 240_000),
        ("nidan_setups_blocks_closed", 0),
    ] {
        assert_eq!(gauge(&server, name), told, "{name}");
    }
    looks_again(&server, Span::minutes(2)).await;
    assert!(!log.text().contains("no longer"));
    server.clock.advance(Span::minutes(61));
    wait_for("the end", async || {
        log.text().contains(" INFO nidan::send::pumping: messages are no longer pumped").then_some(())
    })
    .await;
    wait_for("a metric", async || (gauge(&server, "nidan_setups_pumped") == 0).then_some(())).await;
    let log = log.text();
    assert_eq!(log.matches(" WARN nidan::send::pumping: ").count(), 1, "{log}");
    assert!(!log.contains("8190") && !log.contains("acc_") && !log.contains("10.0."), "{log}");
    server.finish().await;
}

/// Likewise.
async fn t47_operators_are_told_which_block_is_closed(engine: Engine) {
    let (log, _logging) = Log::of_this_thread();
    let server = TestServer::start_with(engine, priced).await;
    let world = World::new(&server).await;
    let mut pump = Pump::new(&world);
    let numbers = adjacent(1234, 30);
    let tally = pump.all(numbers.clone()).await;
    assert_eq!(pump.arrived(numbers), tally.taken);
    let refused = 30 - tally.taken;
    assert_eq!((tally.because("block_closed"), refused >= 10), (refused, true));
    server.clock.advance(Span::minutes(1));
    let (cost, avoided) = (8_000 * tally.taken, 8_000 * refused);
    let closed = format!(
        "a block of numbers is closed: messages to it are pumped block=\"+81901234\" \
         numbers=30 confirmed=0 refused={refused} cost={cost} avoided={avoided}"
    );
    wait_for("a line of the log", async || log.text().contains(&closed).then_some(())).await;
    wait_for("a metric", async || (gauge(&server, "nidan_setups_pumped") == 1).then_some(())).await;
    assert_eq!(gauge(&server, "nidan_setups_blocks_closed"), 1);
    looks_again(&server, Span::minutes(2)).await;
    let log = log.text();
    assert_eq!(log.matches("a block of numbers is closed").count(), 1, "{log}");
    let told = log.split("+81901234").skip(1);
    assert!(told.into_iter().all(|rest| !rest.starts_with(|next: char| next.is_ascii_digit())), "{log}");
    server.finish().await;
}

/// Likewise.
async fn t47_an_honest_hour_is_no_pumping(engine: Engine) {
    let (log, _logging) = Log::of_this_thread();
    let server = TestServer::start_with(engine, |settings| wide(&mut settings.policy)).await;
    let world = World::new(&server).await;
    for n in 0..15 {
        let account = world.newcomer(&format!("honest{n}")).await.0;
        let number = format!("+819055{n:02}0000");
        let method = world.add(&account, json!({"type": "sms", "role": "primary", "phone": number})).await.text("/id");
        let code = server.phone.sms_code(&number).await;
        world.confirm(&account, &method, &code).await.expect(200);
    }
    let mut pump = Pump::new(&world);
    let ranges = (0..15).flat_map(|block| adjacent(1000 + block, 3));
    pump.all(ranges.clone()).await;
    assert_eq!(pump.arrived(ranges), 45);
    server.clock.advance(Span::minutes(3));
    let numbers = "nidan_setups{what=\"numbers\"}";
    wait_for("a metric", async || (gauge(&server, numbers) == 60).then_some(())).await;
    assert_eq!(gauge(&server, "nidan_setups{what=\"confirmed\"}"), 15, "a quarter");
    assert_eq!((gauge(&server, "nidan_setups_pumped"), log.text().contains("pump")), (0, false), "{}", log.text());
    // One more that nobody confirms is too many.
    pump.all(adjacent(1015, 1)).await;
    assert_eq!(pump.arrived(adjacent(1015, 1)), 1);
    server.clock.advance(Span::minutes(3));
    wait_for("a metric", async || (gauge(&server, "nidan_setups_pumped") == 1).then_some(())).await;
    assert_eq!(gauge(&server, numbers), 61);
    server.finish().await;
}

crate::app::on_both_databases! {
    guarded
    t47_a_range_of_numbers_is_closed_after_twenty
    t47_many_ranges_are_no_way_around
    t47_no_other_country_unless_it_was_opened
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t47_a_country_has_its_cap_on_sqlite() {
    t47_a_country_has_its_cap(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t47_a_country_has_its_cap_on_postgres() {
    t47_a_country_has_its_cap(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t47_the_days_money_is_the_end_of_it_on_sqlite() {
    t47_the_days_money_is_the_end_of_it(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t47_the_days_money_is_the_end_of_it_on_postgres() {
    t47_the_days_money_is_the_end_of_it(Engine::Postgres).await;
}

#[tokio::test]
async fn t47_operators_are_told_of_pumping_once_on_sqlite() {
    t47_operators_are_told_of_pumping_once(Engine::Sqlite).await;
}

#[tokio::test]
async fn t47_operators_are_told_of_pumping_once_on_postgres() {
    t47_operators_are_told_of_pumping_once(Engine::Postgres).await;
}

#[tokio::test]
async fn t47_operators_are_told_which_block_is_closed_on_sqlite() {
    t47_operators_are_told_which_block_is_closed(Engine::Sqlite).await;
}

#[tokio::test]
async fn t47_operators_are_told_which_block_is_closed_on_postgres() {
    t47_operators_are_told_which_block_is_closed(Engine::Postgres).await;
}

#[tokio::test]
async fn t47_an_honest_hour_is_no_pumping_on_sqlite() {
    t47_an_honest_hour_is_no_pumping(Engine::Sqlite).await;
}

#[tokio::test]
async fn t47_an_honest_hour_is_no_pumping_on_postgres() {
    t47_an_honest_hour_is_no_pumping(Engine::Postgres).await;
}
