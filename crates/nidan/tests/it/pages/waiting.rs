//! What becomes of a message is shown while its page is open, and by reloading; what may be asked for meanwhile.

use nidan::config::Route;
use nidan::flow::fallback;
use nidan::store::{Engine, sql};
use nidan_core::id::{AccountId, MessageId};
use nidan_core::ledger::State;
use nidan_core::message::Channel;
use nidan_core::route::Cost;
use nidan_core::time::{Span, Timestamp};
use serde_json::json;

use super::person::{PHONE, Person, confirmed_email, leads_to};
use crate::app::{TestServer, on_both_databases};
use crate::owner::{Owner, PHONE as OWNERS_PHONE};

sql! {
    BECOMES = "UPDATE message SET state = $1, reason = $2, lease_ms = $3
                WHERE message_id = (SELECT message_id FROM message WHERE challenge_id IS NOT NULL
                                     ORDER BY message_id DESC LIMIT 1)
            RETURNING account_id, message_id";
    SENT = "SELECT COUNT(*) FROM message WHERE challenge_id = (SELECT challenge_id FROM message WHERE challenge_id IS NOT NULL
                                                                 ORDER BY message_id DESC LIMIT 1)";
    ROUTE = "SELECT route FROM message WHERE challenge_id IS NOT NULL ORDER BY message_id DESC LIMIT 1";
}

on_both_databases! {
    what_becomes_of_a_message_is_told_while_its_page_is_open
    without_a_script_the_page_says_the_same_when_it_is_reloaded
    nothing_follows_a_message_that_has_no_answer_yet
    who_does_not_hold_the_sign_in_is_told_nothing
    another_way_or_the_end_ends_the_events
    a_phone_that_is_set_up_is_told_of_too
    a_site_is_told_the_state_and_the_reason
}

/// Lets the newest message with a code be in `state`, as another node would have it. Nobody takes it over.
async fn set(server: &TestServer, state: State, reason: Option<&'static str>) -> (AccountId, MessageId) {
    let changed = server.app.db.transact((state, reason), |tx, (state, reason)| {
        Box::pin(async move {
            let far = Timestamp::from_ms(i64::MAX / 2);
            let row = tx.optional(&BECOMES, &[state.stored().into(), (*reason).into(), far.into()]).await?;
            let row = row.expect("a message");
            Ok((row.id(0)?, row.id(1)?))
        })
    });
    changed.await.expect("no failure")
}

/// Likewise, once this node has done with it.
async fn becomes(server: &TestServer, state: State, reason: Option<&'static str>) -> (AccountId, MessageId) {
    server.settled().await;
    set(server, state, reason).await
}

async fn what_becomes_of_a_message_is_told_while_its_page_is_open(server: &TestServer) {
    let person = Person::signed_out(server).await;
    person.type_password().await;
    let code = server.phone.sms_code(PHONE).await;
    let (account, _) = becomes(server, State::Accepted, None).await;
    let mut events = person.browser.events("/sign-in/code/events").await;
    let first = events.next().await.expect("what is known");
    assert!(first.starts_with("event: message\n") && first.contains("携帯電話会社に渡しました"), "{first}");
    assert!(first.contains("あと") && !first.contains("name=\"authenticator_id\""), "calm: {first}");

    becomes(server, State::Delivered, Some("receipt")).await;
    server.app.moved.notify(account);
    let delivered = events.next().await.expect("news");
    assert!(delivered.contains("届きました。SMSをご確認ください"), "{delivered}");
    // Nobody tells this process: another node got the receipt.
    becomes(server, State::Undelivered, Some("receipt")).await;
    let failed = events.next().await.expect("found by looking");
    assert!(failed.contains("SMSを届けられませんでした") && failed.contains("name=\"authenticator_id\""), "{failed}");
    assert!(!failed.contains("data-wait"), "it may be sent again at once: {failed}");
    assert!(!failed.contains("receipt"), "no word of the carrier: {failed}");

    assert_eq!(leads_to(&person.type_code(&code, false).await), "/security");
    let over = events.next().await.expect("the end");
    assert!(over.starts_with("event: over\n") && over.contains("確認が済みました"), "{over}");
    assert_eq!(events.next().await, None);
}

async fn without_a_script_the_page_says_the_same_when_it_is_reloaded(server: &TestServer) {
    let person = Person::signed_out(server).await;
    person.type_password().await;
    server.phone.last_sms(PHONE).await;
    becomes(server, State::Accepted, None).await;
    let page = async || person.browser.get("/sign-in/code").await.expect(200).body;
    let calm = page().await;
    assert!(
        calm.contains("携帯電話会社に渡しました") && calm.contains("<a href=\"/sign-in/code\" data-reload>"),
        "{calm}"
    );
    assert!(calm.contains("<noscript><p class=\"hint\">09:01:30から、もう一度送れます。"), "{calm}");
    server.clock.advance(Span::seconds(44));
    assert!(!page().await.contains("name=\"authenticator_id\""));
    server.clock.advance(Span::seconds(1));
    let late = page().await;
    assert!(late.contains("到着の知らせが、まだありません") && late.contains("name=\"authenticator_id\""), "{late}");
    becomes(server, State::Ambiguous, Some("no_answer")).await;
    assert!(page().await.contains("届いたか、まだ分かりません"));
    becomes(server, State::Rejected, Some("destination_refused")).await;
    let failed = page().await;
    assert!(failed.contains("SMSを届けられませんでした") && failed.contains("認証アプリで確認する"), "{failed}");
    assert!(!failed.contains("destination"), "{failed}");
}

async fn nothing_follows_a_message_that_has_no_answer_yet(server: &TestServer) {
    let person = Person::signed_out(server).await;
    person.type_password().await;
    let code = server.phone.sms_code(PHONE).await;
    let press = async || leads_to(&person.browser.post_form("/sign-in/resend", &[]).await);
    becomes(server, State::Delivered, None).await;
    assert_eq!(press().await, "/sign-in/code?notice=not-sent");
    let page = person.browser.get("/sign-in/code?notice=not-sent").await.expect(200).body;
    let said = "09:01に送ったばかりです（記号";
    assert!(page.contains(said) && page.contains("・本日2通目）。もう一度送るには、あと30秒お待ちください"), "{page}");
    server.clock.advance(Span::minutes(2));
    for state in [State::Queued, State::Leased] {
        set(server, state, None).await;
        assert_eq!(press().await, "/sign-in/code?notice=not-sent");
        let page = person.browser.get("/sign-in/code?notice=not-sent").await.expect(200).body;
        assert!(page.contains("二重に届かないよう") && !page.contains("action=\"/sign-in/resend\""), "{page}");
    }
    set(server, State::Delivered, None).await;
    assert_eq!(press().await, "/sign-in/code?notice=sent-again");
    assert_eq!(server.phone.sms_code(PHONE).await, code);
    becomes(server, State::Undelivered, Some("receipt")).await;
    assert_eq!(press().await, "/sign-in/code?notice=sent-again", "at once, since it certainly failed");
    assert_eq!(server.phone.sms_code(PHONE).await, code);
    becomes(server, State::Rejected, Some("message_refused")).await;
    assert_eq!(press().await, "/sign-in/code?notice=not-sent", "three are all, whatever became of them");
}

async fn who_does_not_hold_the_sign_in_is_told_nothing(server: &TestServer) {
    const EVENTS: [&str; 3] = ["/sign-in/code/events", "/sign-up/code/events", "/setup/phone/code/events"];
    let person = Person::signed_out(server).await;
    person.type_password().await;
    server.phone.last_sms(PHONE).await;
    let stranger = server.browser();
    stranger.get("/sign-in").await.expect(200);
    for path in EVENTS {
        stranger.get(path).await.expect(204);
    }
    person.browser.get("/sign-up/code/events").await.expect(204);
    let flow = person.browser.cookie("__Host-nidan_flow").expect("a sign-in under way");
    let forged: String = flow.chars().rev().collect();
    stranger.set_cookie("__Host-nidan_flow", &forged);
    stranger.get("/sign-in/code/events").await.expect(204);

    let (mut first, second) =
        (person.browser.events("/sign-in/code/events").await, person.browser.events("/sign-in/code/events").await);
    let refused = person.browser.get("/sign-in/code/events").await.expect(503);
    assert_eq!(refused.header("content-type"), Some("application/problem+json"), "a script asks");
    drop(second);
    crate::app::wait_for("the place of a window that was closed", async || {
        let again = person.browser.ask("HEAD", "/sign-in/code/events", &[], b"").await;
        (again.status == 200).then_some(())
    })
    .await;
    assert!(first.next().await.is_some(), "and the other goes on");
}

async fn another_way_or_the_end_ends_the_events(server: &TestServer) {
    let person = Person::signed_out(server).await;
    person.type_password().await;
    server.phone.last_sms(PHONE).await;
    server.settled().await;
    let mut events = person.browser.events("/sign-in/code/events").await;
    events.next().await.expect("what is known");
    let choice = person.browser.get("/sign-in/other-ways").await.expect(200).body;
    let (_, app) = choice.rsplit_once("value=\"aut_").expect("the app comes last");
    let app = format!("aut_{}", app.split('"').next().unwrap_or_default());
    assert_eq!(
        leads_to(&person.browser.post_form("/sign-in/other-ways", &[("authenticator_id", &app)]).await),
        "/sign-in/code"
    );
    assert_eq!(events.next().await.as_deref(), Some("event: over\ndata:"));
    assert_eq!(events.next().await, None);

    person.type_password().await;
    server.phone.last_sms(PHONE).await;
    server.settled().await;
    let mut events = person.browser.events("/sign-in/code/events").await;
    events.next().await.expect("what is known");
    server.clock.advance(server.app.policy.code_life);
    let over = events.next().await.expect("the end");
    assert!(over.starts_with("event: over\n") && over.contains("この確認は終了しました"), "{over}");
    let missed = server.phone.last_email("hanako@example.jp").await;
    assert!(missed.text.contains("確認コードは入力されませんでした"));
    assert_eq!(events.next().await, None);
}

async fn a_phone_that_is_set_up_is_told_of_too(server: &TestServer) {
    let browser = confirmed_email(server).await;
    browser.get("/setup").await.expect(200);
    assert_eq!(leads_to(&browser.post_form("/setup/phone", &[("phone", "090-1234-5678")]).await), "/setup");
    let code = server.phone.sms_code(PHONE).await;
    becomes(server, State::Undelivered, Some("receipt")).await;
    let mut events = browser.events("/setup/phone/code/events").await;
    let failed = events.next().await.expect("what is known");
    assert!(
        failed.contains("SMSを届けられませんでした") && failed.contains("action=\"/setup/phone/change\""),
        "{failed}"
    );
    assert_eq!(leads_to(&browser.post_form("/setup/phone/code", &[("code", &code)]).await), "/setup");
    let over = events.next().await.expect("the end");
    assert!(over.starts_with("event: over\n") && over.contains("確認が済みました"), "{over}");
}

async fn a_site_is_told_the_state_and_the_reason(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::with_two_methods(server, &site).await;
    let begun = owner.sign_in(&site).await.expect(201);
    server.phone.last_sms(OWNERS_PHONE).await;
    becomes(server, State::Rejected, Some("destination_refused")).await;
    let path = format!("/api/v1/sign-ins/{}", begun.text("/id"));
    let shown = site.get(&path).await.expect(200);
    assert_eq!(shown.text("/challenge/state"), "rejected");
    assert_eq!(shown.text("/challenge/reason"), "destination_refused");
    site.post_json(&format!("{path}/resend"), &json!({})).await.expect(202);
    server.phone.last_sms(OWNERS_PHONE).await;
    server.settled().await;
    assert_eq!(site.get(&path).await.expect(200).text("/challenge/state"), "delivered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_ends_the_events() {
    let server = TestServer::start(Engine::Sqlite).await;
    let person = Person::signed_out(&server).await;
    person.type_password().await;
    server.phone.last_sms(PHONE).await;
    server.settled().await;
    let mut events = person.browser.events("/sign-in/code/events").await;
    events.next().await.expect("what is known");
    server.finish().await;
    assert_eq!(events.next().await, None);
}

/// The route that the newest message with a code went by.
async fn route_of_newest(server: &TestServer) -> String {
    let route = server.app.db.read((), |tx, ()| {
        Box::pin(async move { tx.optional(&ROUTE, &[]).await?.expect("a message").text(0).map(str::to_owned) })
    });
    route.await.expect("no failure")
}

async fn what_failed_is_sent_over_another_route(engine: Engine) {
    for (automatic, routes, messages) in [(false, 2, 1), (true, 1, 1), (true, 2, 2)] {
        let server = TestServer::start_with(engine, |settings| {
            settings.policy.fallback_automatic = automatic.into();
            let sms = settings.routes.iter().find(|route| route.channel == Channel::Sms).expect("a route").clone();
            let more = (1..routes).map(|number| Route { name: format!("other-{number}"), ..sms.clone() });
            settings.routes.extend(more);
        })
        .await;
        let person = Person::signed_out(&server).await;
        person.type_password().await;
        let code = server.phone.sms_code(PHONE).await;
        let (account, first) = becomes(&server, State::Undelivered, None).await;
        assert_eq!(route_of_newest(&server).await, "demo-sms");
        fallback::after_failure(&server.app, account, first).await;
        if messages == 2 {
            assert_eq!(server.phone.sms_code(PHONE).await, code, "the same code");
            // Told twice, or late, the same failure sends nothing more.
            fallback::after_failure(&server.app, account, first).await;
            let (_, second) = becomes(&server, State::Rejected, None).await;
            assert_eq!(route_of_newest(&server).await, "other-1", "not the one that failed");
            fallback::after_failure(&server.app, account, second).await;
        }
        server.settled().await;
        assert_eq!(leads_to(&person.type_code(&code, false).await), "/security");
        server.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_is_sent_over_another_route_on_sqlite() {
    what_failed_is_sent_over_another_route(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_is_sent_over_another_route_on_postgres() {
    what_failed_is_sent_over_another_route(Engine::Postgres).await;
}

/// The day's money is spent by the setting-up: what no route was given is not asked of the same route again, and the owner
/// keeps his presses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_route_was_given_is_not_sent_again_by_itself() {
    let server = TestServer::start_with(Engine::Sqlite, |settings| {
        settings.policy.fallback_automatic = 1;
        let sms = settings.routes.iter_mut().find(|route| route.channel == Channel::Sms).expect("a route");
        sms.cost = Some(Cost { per_message: 1, day_max: 1 });
    })
    .await;
    let person = Person::signed_out(&server).await;
    person.type_password().await;
    server.settled().await;
    let sent = server.app.db.read((), |tx, ()| Box::pin(async move { tx.one(&SENT, &[]).await?.int(0) }));
    assert_eq!(sent.await.expect("no failure"), 1);
    server.finish().await;
}
