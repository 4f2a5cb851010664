//! The budgets of a message, one by one: how many are sent, what is refused after that, and that the owner's ledger says so.

use std::net::Ipv4Addr;

use futures_util::future::join_all;
use nidan::store::Engine;
use nidan_core::time::Span;
use serde_json::{Value, json};

use super::Scene;
use crate::app::{TestServer, on_both_databases};
use crate::client::{Answer, Client};
use crate::owner::{Owner, PHONE};

on_both_databases! {
    guarded
    a_known_device_gets_six_an_hour_and_twelve_a_day
    of_many_sign_ins_at_once_six_get_a_message
    an_unknown_device_gets_three_then_one_an_hour_and_six_a_day
    an_address_gets_three_mails_an_hour_and_six_a_day
    a_number_is_not_used_up_by_any_number_of_accounts
    a_number_gets_thirty_a_day_whatever_happens
    a_number_that_is_not_verified_gets_three_a_day
    an_account_sets_up_three_numbers_a_day
    a_network_sets_up_ten_numbers_an_hour_of_which_few_are_finished
    a_block_of_numbers_of_which_few_are_finished_is_closed_for_a_day
    a_source_begins_twenty_sign_ins_an_hour_of_which_few_are_finished
}

/// More than an hour, and than the sixth of one that a refusal may last longer.
const HOUR: Span = Span::minutes(71);

/// Lets time pass once everything is sent: a code that dies on its way is not.
pub(super) async fn later(server: &TestServer, span: Span) {
    server.settled().await;
    server.clock.advance(span);
}

/// Why a sign-in was begun without a message; none: it was not.
pub(super) fn refused(begun: &Answer) -> Option<String> {
    let document = begun.json();
    assert_eq!(
        document["status"],
        if document["reason"].is_null() { "code_required" } else { "refused" },
        "{document}"
    );
    document["reason"].as_str().map(str::to_owned)
}

/// What the ledger of an account says of its newest message: why it was not sent.
pub(super) async fn newest(site: &Client, at: &str) -> Value {
    let listed = site.get(&format!("{at}/messages")).await.expect(200).json();
    let message = &listed["messages"][0];
    assert!(message["destination"].is_string(), "it says where it would have gone: {message}");
    json!([message["state"], message["reason"], message["cause"]["kind"]])
}

pub(super) fn suppressed(reason: &str, cause: &str) -> Value {
    json!(["suppressed", reason, cause])
}

async fn a_known_device_gets_six_an_hour_and_twelve_a_day(server: &TestServer) {
    let mut scene = Scene::new(server).await;
    let begin = async |scene: &Scene<'_>| {
        let mut body = scene.owner.password();
        body["client"]["device_token"] = Value::from(scene.device.as_str());
        scene.site.post_json("/api/v1/sign-ins", &body).await.expect(201)
    };
    for _ in 0..5 {
        assert_eq!(refused(&begin(&scene).await), None);
    }
    server.settled().await;
    scene.arrived();
    let sixth = begin(&scene).await;
    assert_eq!(refused(&begin(&scene).await).as_deref(), Some("known_device_full"));
    assert_eq!(newest(&scene.site, &scene.owner.at).await, suppressed("known_device_full", "sign_in"));
    scene.device = scene.complete(&sixth).await.text("/device_token");
    assert_eq!(refused(&begin(&scene).await), None, "who completes a sign-in has its message back");
    assert_eq!(refused(&begin(&scene).await).as_deref(), Some("known_device_full"));
    later(server, HOUR).await;
    for _ in 0..6 {
        assert_eq!(refused(&begin(&scene).await), None);
    }
    later(server, HOUR).await;
    assert_eq!(refused(&begin(&scene).await).as_deref(), Some("known_device_full"), "twelve a day");
    server.settled().await;
    assert_eq!(scene.arrived().0, 7);
}

async fn of_many_sign_ins_at_once_six_get_a_message(server: &TestServer) {
    let scene = Scene::new(server).await;
    let begun = join_all((0..10).map(|_| scene.owner.sign_in_from(&scene.site, &scene.device))).await;
    assert_eq!(begun.iter().filter(|begun| refused(begun).is_none()).count(), 6);
    server.settled().await;
    assert_eq!(scene.arrived().0, 6);
}

/// Presses "send again" as soon as it may be.
async fn press_twice(scene: &Scene<'_>, begun: &Answer) {
    for wait in [30, 60] {
        scene.server.phone.last_sms(PHONE).await;
        scene.server.clock.advance(Span::seconds(wait));
        let resend = format!("/api/v1/sign-ins/{}/resend", begun.text("/id"));
        scene.site.post_json(&resend, &json!({})).await.expect(202);
    }
    scene.server.phone.last_sms(PHONE).await;
}

async fn an_unknown_device_gets_three_then_one_an_hour_and_six_a_day(server: &TestServer) {
    let scene = Scene::new(server).await;
    press_twice(&scene, &scene.thief().await).await;
    assert_eq!(refused(&scene.thief().await).as_deref(), Some("password_only_full"));
    assert_eq!(newest(&scene.site, &scene.owner.at).await, suppressed("password_only_full", "sign_in"));
    later(server, Span::minutes(60)).await;
    let begun = scene.thief().await;
    assert_eq!(refused(&begun), None, "one came back");
    scene.complete(&begun).await;
    later(server, Span::minutes(180)).await;
    press_twice(&scene, &scene.thief().await).await;
    later(server, Span::minutes(180)).await;
    assert_eq!(refused(&scene.thief().await).as_deref(), Some("password_only_full"), "six of this day are unanswered");
    server.settled().await;
    scene.arrived();
}

async fn an_address_gets_three_mails_an_hour_and_six_a_day(server: &TestServer) {
    let sign_up = async || {
        let browser = server.browser();
        browser.get("/sign-up").await.expect(200);
        let fields = [("email", "new@example.jp"), ("password", "a quite different set of words")];
        browser.post_form("/sign-up", &fields).await.status
    };
    for _ in 0..2 {
        for _ in 0..3 {
            assert_eq!(sign_up().await, 303);
        }
        assert_eq!(sign_up().await, 429);
        later(server, HOUR).await;
    }
    assert_eq!(sign_up().await, 429, "six a day");
    server.settled().await;
    assert_eq!(server.phone.take("new@example.jp").len(), 6);
}

/// Owners of accounts of their own who all use [`PHONE`].
async fn sharing_a_number(server: &TestServer, site: &Client, count: usize) -> Vec<Owner> {
    let mut owners = Vec::new();
    for n in 0..count {
        let account = json!({"email": address(n), "email_verified": true, "password": crate::owner::PASSWORD});
        let mut owner = Owner::of(site, account).await;
        owner.add_phone(server, site).await;
        owner.add_app(server, site).await;
        owners.push(owner);
    }
    owners
}

fn address(n: usize) -> String {
    format!("owner{n}@example.jp")
}

/// Everything that came to the shared number and its owners counts as looked at.
async fn look_away(server: &TestServer, accounts: usize) {
    server.settled().await;
    server.phone.take(PHONE);
    for n in 0..accounts {
        server.phone.take(&address(n));
    }
}

impl Owner {
    /// The password from a device that completed the second step before.
    pub(super) async fn sign_in_from(&self, site: &Client, device: &str) -> Answer {
        let mut body = self.password();
        body["client"]["device_token"] = Value::from(device);
        site.post_json("/api/v1/sign-ins", &body).await.expect(201)
    }

    /// Types the code that came by SMS; gives the device's token.
    async fn finish(&self, server: &TestServer, site: &Client, begun: &Answer) -> String {
        let code = server.phone.sms_code(PHONE).await;
        let path = format!("/api/v1/sign-ins/{}/code", begun.text("/id"));
        site.post_json(&path, &json!({"code": code})).await.expect(200).text("/device_token")
    }
}

async fn a_number_is_not_used_up_by_any_number_of_accounts(server: &TestServer) {
    let site = server.site().await;
    let owners = sharing_a_number(server, &site, 6).await;
    let begun = owners[0].sign_in(&site).await;
    let device = owners[0].finish(server, &site, &begun).await;
    let strange = async |owner: &Owner| refused(&owner.sign_in(&site).await.expect(201));
    for owner in &owners[1..4] {
        for _ in 0..2 {
            assert_eq!(strange(owner).await, None);
        }
    }
    assert_eq!(strange(&owners[4]).await.as_deref(), Some("number_full"), "six of eight an hour");
    assert_eq!(newest(&site, &owners[4].at).await, suppressed("number_full", "sign_in"));
    for _ in 0..2 {
        assert_eq!(refused(&owners[0].sign_in_from(&site, &device).await), None, "two are the known device's");
    }
    assert_eq!(refused(&owners[0].sign_in_from(&site, &device).await).as_deref(), Some("number_full"));
    later(server, HOUR).await;
    for owner in [&owners[4], &owners[4], &owners[5]] {
        assert_eq!(strange(owner).await, None);
    }
    assert_eq!(strange(&owners[5]).await.as_deref(), Some("number_full"), "eleven of fifteen a day");
    for _ in 0..4 {
        assert_eq!(refused(&owners[0].sign_in_from(&site, &device).await), None, "four are the known device's");
    }
    assert_eq!(refused(&owners[0].sign_in_from(&site, &device).await).as_deref(), Some("number_full"));
    look_away(server, owners.len()).await;
}

async fn a_number_gets_thirty_a_day_whatever_happens(server: &TestServer) {
    let site = server.site().await;
    let owners = sharing_a_number(server, &site, 1).await;
    let owner = &owners[0];
    let mut device = String::new();
    // The one that set it up counts as well.
    for _ in 1..20 {
        let begun = owner.sign_in(&site).await.expect(201);
        assert_eq!(refused(&begun), None);
        device = owner.finish(server, &site, &begun).await;
        later(server, Span::seconds(1)).await; // so that it is known which of the devices is the latest
    }
    let refusal = owner.sign_in(&site).await.expect(201);
    assert_eq!(refused(&refusal).as_deref(), Some("number_ceiling"));
    for _ in 20..30 {
        let begun = owner.sign_in_from(&site, &device).await;
        device = owner.finish(server, &site, &begun).await;
    }
    assert_eq!(refused(&owner.sign_in_from(&site, &device).await).as_deref(), Some("number_ceiling"));
    look_away(server, owners.len()).await;
}

/// A new account, at its address in the API.
async fn newcomer(site: &Client, n: usize) -> String {
    Owner::of(site, json!({"email": address(n), "email_verified": true})).await.at
}

/// Sets a phone up, asked from `ip`, and leaves it at that; why nothing is sent, if nothing is.
async fn set_up(site: &Client, at: &str, number: &str, ip: Ipv4Addr) -> Option<String> {
    let client = json!({"ip": ip, "user_agent": ""});
    let phone = json!({"type": "sms", "role": "primary", "phone": number, "client": client});
    let answer = site.post_json(&format!("{at}/authenticators"), &phone).await;
    match answer.status {
        201 => None,
        _ => Some(answer.expect(429).text("/reason")),
    }
}

pub(super) const HERE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);

async fn a_number_that_is_not_verified_gets_three_a_day(server: &TestServer) {
    let site = server.site().await;
    let [one, other] = [newcomer(&site, 1).await, newcomer(&site, 2).await];
    for at in [&one, &one, &other] {
        assert_eq!(set_up(&site, at, PHONE, HERE).await, None);
        later(server, HOUR).await;
    }
    assert_eq!(set_up(&site, &other, PHONE, HERE).await.as_deref(), Some("setup_number_full"));
    assert_eq!(newest(&site, &other).await, suppressed("setup_number_full", "setup"));
    server.settled().await;
    assert_eq!(server.phone.take(PHONE).len(), 3);
}

async fn an_account_sets_up_three_numbers_a_day(server: &TestServer) {
    let site = server.site().await;
    let at = newcomer(&site, 1).await;
    let numbers = ["+819022220001", "+819022230001", "+819022240001", "+819022250001"];
    for number in &numbers[..3] {
        assert_eq!(set_up(&site, &at, number, HERE).await, None);
    }
    assert_eq!(set_up(&site, &at, numbers[3], HERE).await.as_deref(), Some("setup_account_full"));
    assert_eq!(newest(&site, &at).await, suppressed("setup_account_full", "setup"));
    assert_eq!(set_up(&site, &at, numbers[0], HERE).await, None, "one of the three");
    server.settled().await;
    assert_eq!(numbers.map(|number| server.phone.take(number).len()), [2, 1, 1, 0]);
}

async fn a_network_sets_up_ten_numbers_an_hour_of_which_few_are_finished(server: &TestServer) {
    let site = server.site().await;
    let number = |n: usize| format!("+8190{:04}1111", 2000 + n);
    for n in 0..10 {
        let from = Ipv4Addr::new(198, 51, 100, n as u8);
        assert_eq!(set_up(&site, &newcomer(&site, n).await, &number(n), from).await, None);
    }
    let at = newcomer(&site, 10).await;
    assert_eq!(set_up(&site, &at, &number(10), HERE).await.as_deref(), Some("setup_network_full"));
    assert_eq!(newest(&site, &at).await, suppressed("setup_network_full", "setup"));
    assert_eq!(set_up(&site, &at, &number(10), Ipv4Addr::new(198, 51, 101, 7)).await, None);
    server.settled().await;
    assert_eq!((0..11).map(|n| server.phone.take(&number(n)).len()).sum::<usize>(), 11);
}

async fn a_block_of_numbers_of_which_few_are_finished_is_closed_for_a_day(server: &TestServer) {
    let site = server.site().await;
    let number = |n: usize| format!("+819033{n:06}");
    let from = |n: usize| Ipv4Addr::new(198, 51, n as u8, 7);
    for n in 0..20 {
        assert_eq!(set_up(&site, &newcomer(&site, n).await, &number(n), from(n)).await, None);
    }
    let at = newcomer(&site, 20).await;
    assert_eq!(set_up(&site, &at, &number(20), from(20)).await.as_deref(), Some("block_closed"));
    assert_eq!(newest(&site, &at).await, suppressed("block_closed", "setup"));
    assert_eq!(set_up(&site, &at, &number(10_020), from(20)).await, None, "the next block");
    later(server, Span::minutes(23 * 60)).await;
    let at = newcomer(&site, 21).await;
    assert_eq!(set_up(&site, &at, &number(21), from(21)).await.as_deref(), Some("block_closed"));
    later(server, Span::minutes(61)).await;
    assert_eq!(set_up(&site, &at, &number(21), from(21)).await, None);
    server.settled().await;
    let sent = (0..22).chain([10_020]).map(|n| server.phone.take(&number(n)).len());
    assert_eq!(sent.sum::<usize>(), 22);
}

/// Sign-ins of accounts that came with their numbers, whose passwords the site checks.
pub(super) struct Crowd<'a> {
    server: &'a TestServer,
    site: Client,
    owners: Vec<nidan::bench::seed::Owner>,
}

impl<'a> Crowd<'a> {
    pub(super) async fn new(server: &'a TestServer, count: usize) -> Self {
        let hash = nidan_core::secret::Secret::new(crate::app::PASSWORD_HASH.to_owned());
        let owners = nidan::bench::seed::owners(&server.app, count, &hash).await.expect("owners");
        Self { server, site: server.site().await, owners }
    }

    /// Why a sign-in was begun without a message, if it was.
    async fn begin(&self, n: usize, ip: Ipv4Addr) -> Option<String> {
        refused(&self.ask(n, ip).await)
    }

    /// Begins a sign-in from an unknown device.
    pub(super) async fn ask(&self, n: usize, ip: Ipv4Addr) -> Answer {
        let account = json!({"id": self.owners[n].account.to_string()});
        let client = json!({"ip": ip, "user_agent": ""});
        let body = json!({"account": account, "password_verified": true, "client": client});
        self.site.post_json("/api/v1/sign-ins", &body).await.expect(201)
    }

    /// How many SMS with a code there were.
    pub(super) async fn sent(&self) -> usize {
        self.server.settled().await;
        for owner in &self.owners {
            self.server.phone.take(&owner.email);
        }
        self.owners.iter().map(|owner| self.server.phone.take(&owner.phone).len()).sum()
    }
}

async fn a_source_begins_twenty_sign_ins_an_hour_of_which_few_are_finished(server: &TestServer) {
    let crowd = Crowd::new(server, 8).await;
    for n in 0..20 {
        assert_eq!(crowd.begin(n % 7, HERE).await, None, "{n}");
    }
    assert_eq!(crowd.begin(6, HERE).await.as_deref(), Some("source_full"));
    let at = format!("/api/v1/accounts/{}", crowd.owners[6].account);
    assert_eq!(newest(&crowd.site, &at).await, suppressed("source_full", "sign_in"));
    assert_eq!(crowd.begin(7, HERE).await.as_deref(), Some("source_full"));
    assert_eq!(crowd.begin(7, Ipv4Addr::new(198, 51, 100, 8)).await, None, "its neighbour");
    assert_eq!(crowd.sent().await, 21);
}

/// One server on each database, with a policy of its own.
pub(super) async fn with_policy(change: impl Fn(&mut nidan_core::policy::Policy), test: impl AsyncFn(&TestServer)) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let server = TestServer::start_with(engine, |settings| change(&mut settings.policy)).await;
        test(&server).await;
        server.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_of_an_hours_setups_is_kept_for_older_accounts() {
    with_policy(
        |policy| policy.setup_hour_min = 4,
        async |server| {
            let site = server.site().await;
            let number = |n: usize| format!("+8190{:04}1111", 2000 + n);
            let old = newcomer(&site, 0).await;
            later(server, Span::days(7)).await;
            for n in 1..3 {
                assert_eq!(set_up(&site, &newcomer(&site, n).await, &number(n), HERE).await, None);
            }
            let at = newcomer(&site, 3).await;
            assert_eq!(set_up(&site, &at, &number(3), HERE).await.as_deref(), Some("setups_full"));
            assert_eq!(newest(&site, &at).await, suppressed("setups_full", "setup"));
            for n in 4..6 {
                assert_eq!(set_up(&site, &old, &number(n), HERE).await, None);
            }
            assert_eq!(set_up(&site, &old, &number(4), HERE).await.as_deref(), Some("setups_full"));
            server.settled().await;
            assert_eq!((1..6).map(|n| server.phone.take(&number(n)).len()).sum::<usize>(), 4);
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_of_a_countrys_day_is_kept_for_sign_ins() {
    with_policy(
        |policy| policy.country_day_max = 4,
        async |server| {
            let crowd = Crowd::new(server, 3).await;
            let at = newcomer(&crowd.site, 0).await;
            for _ in 0..2 {
                assert_eq!(set_up(&crowd.site, &at, PHONE, HERE).await, None);
            }
            assert_eq!(set_up(&crowd.site, &at, PHONE, HERE).await.as_deref(), Some("country_full"));
            assert_eq!(newest(&crowd.site, &at).await, suppressed("country_full", "setup"));
            assert_eq!((crowd.begin(0, HERE).await, crowd.begin(1, HERE).await), (None, None));
            assert_eq!(crowd.begin(2, HERE).await.as_deref(), Some("country_full"));
            assert_eq!(crowd.sent().await, 2);
            assert_eq!(server.phone.take(PHONE).len(), 2);
        },
    )
    .await;
}

/// No route carries SMS to Japan.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_country_that_no_route_carries_to_gets_nothing() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let server = TestServer::start_with(engine, |settings| {
            for route in &mut settings.routes {
                route.countries = Some(vec!["+82".to_owned()]);
            }
        })
        .await;
        let site = server.site().await;
        let at = newcomer(&site, 0).await;
        assert_eq!(set_up(&site, &at, PHONE, HERE).await.as_deref(), Some("country_closed"));
        assert_eq!(newest(&site, &at).await, suppressed("country_closed", "setup"));
        server.finish().await;
    }
}
