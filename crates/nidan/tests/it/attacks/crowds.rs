//! Many at once: whatever is raced, one try is one try and one success is one success.

use futures_util::future::join_all;
use serde_json::json;

use super::story::{DOORS, Door, Owner, Said, SignIn, World, copy_of, sign_in_body};
use crate::app::{TestServer, on_both_databases, wrong};
use crate::client::Client;

const CROWD: usize = 64;

on_both_databases! {
    t14_of_many_right_codes_at_once_one_opens
    t14_of_many_right_codes_for_an_address_at_once_one_opens
    t14_of_many_sign_ins_with_one_apps_code_one_opens
    t03_of_many_codes_at_once_five_are_compared
    t03_two_hundred_guesses_at_once_are_five
    t14_a_method_is_confirmed_once
}

/// The same sign-in in `CROWD` browsers with the same cookies, or calls of one site, at once.
async fn crowd(sign_in: &SignIn<'_>, codes: &[String]) -> Vec<Said> {
    if sign_in.door == Door::Site {
        return join_all(codes.iter().map(|code| sign_in.v(code))).await;
    }
    let copies = join_all(codes.iter().map(|_| sign_in.copied())).await;
    join_all(copies.iter().zip(codes).map(|(copy, code)| copy.v(code))).await
}

fn count(said: &[Said], wanted: impl Fn(&Said) -> bool) -> usize {
    said.iter().filter(|said| wanted(said)).count()
}

async fn t14_of_many_right_codes_at_once_one_opens(server: &TestServer) {
    let world = World::new(server).await;
    for door in DOORS {
        let owner = world.owner(&format!("{door:?}")).await;
        let sign_in = world.p(door, &owner).await;
        let said = crowd(&sign_in, &vec![sign_in.sms_code.clone(); CROWD]).await;
        assert_eq!(count(&said, Said::is_in), 1, "{door:?} {said:?}");
        assert_eq!(sessions(&world, &owner).await, 1, "{door:?}");
    }
}

async fn sessions(world: &World<'_>, owner: &Owner) -> usize {
    let path = format!("/api/v1/accounts/{}/sessions", owner.account);
    let listed = world.site.get(&path).await.expect(200).json();
    listed["sessions"].as_array().expect("a list").len()
}

async fn t14_of_many_right_codes_for_an_address_at_once_one_opens(server: &TestServer) {
    let world = World::new(server).await;
    let browser = world.browser();
    browser.get("/sign-up").await.expect(200);
    let fields = [("email", "new@example.jp"), ("password", "a quite different set of words")];
    browser.post_form("/sign-up", &fields).await.expect(303);
    let code = server.phone.email_code("new@example.jp").await;
    let copies: Vec<Client> = join_all((0..CROWD).map(|_| copy_of(server, &browser, "/sign-up/code"))).await;
    let typed = [("code", code.as_str())];
    let answers = join_all(copies.iter().map(|copy| copy.post_form("/sign-up/code", &typed))).await;
    let opened = answers.iter().filter(|answer| answer.new_cookie("__Host-nidan_session").is_some()).count();
    assert_eq!(opened, 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
}

async fn t14_of_many_sign_ins_with_one_apps_code_one_opens(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("app").await;
    let mut sign_ins = Vec::new();
    for _ in 0..CROWD {
        sign_ins.push(world.p_app(Door::Site, &owner).await);
    }
    let code = owner.app_code(world.next_step());
    let said = join_all(sign_ins.iter().map(|sign_in| sign_in.v(&code))).await;
    assert_eq!(count(&said, Said::is_in), 1, "{said:?}");
    assert_eq!(count(&said, |said| *said == Said::AlreadyUsed), CROWD - 1, "{said:?}");
    assert_eq!(sessions(&world, &owner).await, 1);
}

async fn t03_of_many_codes_at_once_five_are_compared(server: &TestServer) {
    let world = World::new(server).await;
    for door in DOORS {
        let owner = world.owner(&format!("{door:?}")).await;
        let sign_in = world.p(door, &owner).await;
        let said = crowd(&sign_in, &vec![wrong(&sign_in.sms_code); CROWD]).await;
        // Who types the fifth in a browser is told that it was the last.
        let told_as_wrong = if door == Door::Site { 5 } else { 4 };
        assert_eq!(evaluated(&said), told_as_wrong, "{door:?} {said:?}");
        assert!(!sign_in.v(&sign_in.sms_code).await.is_in(), "{door:?}: the right one comes too late");
    }
}

/// Codes of which it was told that they were compared.
fn evaluated(said: &[Said]) -> usize {
    count(said, Said::is_evaluated)
}

/// The right code lies hidden among wrong ones: how often it is found says how many are compared, whatever is answered. What stops
/// the thief are the tries of one sign-in; guesses of the account are as many as there can be (`wide`).
async fn t03_two_hundred_guesses_at_once_are_five(server: &TestServer) {
    const GUESSES: usize = 200;
    const ROUNDS: usize = 25; // on each of the two databases
    let world = World::new(server).await;
    let owner = world.owner("hidden").await;
    let mut found = 0;
    for _ in 0..ROUNDS {
        let sign_in = world.p(Door::Site, &owner).await;
        let first: usize = sign_in.sms_code.parse().expect("digits");
        let mut codes: Vec<String> = (1..=GUESSES).map(|n| format!("{:06}", (first + n) % 1_000_000)).collect();
        codes[usize::from(server.app.random.bytes::<1>()[0]) % GUESSES].clone_from(&sign_in.sms_code);
        let said = sign_in.v_at_once(&codes).await;
        let opened = count(&said, Said::is_in);
        assert!(opened <= 1 && evaluated(&said) <= 5, "{said:?}");
        assert!(opened == 1 || evaluated(&said) == 5, "{said:?}");
        found += opened;
    }
    // Its owner was told of each that followed others' wrong codes.
    server.settled().await;
    server.phone.take(&owner.email);
    // Five of 200 find it in every fortieth round; more than five times, once in 20,000 runs.
    assert!(found <= 5, "found in {found} of {ROUNDS} rounds");
}

async fn t14_a_method_is_confirmed_once(server: &TestServer) {
    let world = World::new(server).await;
    let (account, email) = world.newcomer("confirming").await;
    let phone = world.new_number();
    let sms = world.add(&account, json!({"type": "sms", "role": "primary", "phone": phone})).await.text("/id");
    let code = server.phone.sms_code(&phone).await;
    let answers = join_all((0..CROWD).map(|_| world.confirm(&account, &sms, &code))).await;
    let confirmed = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(confirmed, 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
    // It is asked from now on, and a setting-up begun with the password alone is over.
    let begun = world.site.post_json("/api/v1/sign-ins", &sign_in_body(&email)).await.expect(201);
    assert_eq!(begun.text("/status"), "code_required");
    server.phone.sms_code(&phone).await;
}
