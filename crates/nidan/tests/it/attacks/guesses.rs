//! A thief has the password and guesses at codes: in ever new sign-ins, over months, with old cookies, through every entrance.
//!
//! Only the number of guesses is limited here (`start_laddered`), neither how many sign-ins, messages or passwords there may be
//! nor how quickly they follow: so what stops the thief is that guesses are counted for the account.

use nidan_core::time::Span;
use nidan_core::totp::STEP_SECONDS;
use serde_json::json;

use super::half_way::{calls, pages};
use super::story::{DOORS, Door, Owner, PASSWORD, Said, SignIn, World, after, sign_in_body};
use crate::app::{TestServer, on_both_databases};
use crate::client::Client;

on_both_databases! {
    by start_laddered:
    t01_forty_jars_share_ten_guesses
    t01_after_ten_guesses_a_sent_code_has_eight_digits
    t02_no_success_of_the_owner_gives_a_thief_a_guess_back
    t05_an_older_cookie_jar_has_no_tries_left
    t07_guesses_from_ever_new_addresses_share_ten
    t10_what_is_used_up_at_one_entrance_is_used_up_at_all
    t10_every_entrance_for_codes_is_known_here
    t12_a_pair_of_an_apps_codes_opens_once
}

/// Guesses of a year against six digits.
const SIX: usize = 10;
/// Codes judged in one sign-in.
const TRIES: usize = 5;

/// The `n`th code that is not `code`.
fn other(code: &str, n: usize) -> String {
    let (number, digits): (u64, _) = (code.parse().expect("digits"), code.len());
    format!("{:0digits$}", (number + 1 + n as u64) % 10_u64.pow(digits as u32))
}

/// A browser that holds nothing but the device of another.
fn with_device_of(world: &World<'_>, browser: &Client) -> Client {
    let copy = world.browser();
    copy.set_cookie("__Host-nidan_device", &browser.cookie("__Host-nidan_device").expect("a device"));
    copy
}

/// Looks at all that was sent to an owner.
async fn look_at_all(world: &World<'_>, owner: &Owner) -> Vec<String> {
    world.server.settled().await;
    [world.server.phone.take(&owner.phone), world.server.phone.take(&owner.email)].concat()
}

/// What the app shows now and next, each used by nobody so far.
fn pair(world: &World<'_>, owner: &Owner) -> [String; 2] {
    let begin = world.next_step();
    let next = after(begin, STEP_SECONDS);
    world.clock().set(next);
    [owner.app_code(begin), owner.app_code(next)]
}

/// Uses up what six digits are worth, by guesses at the app's code.
async fn use_up(world: &World<'_>, owner: &Owner) {
    for _ in 0..SIX / TRIES {
        let thief = world.p_guessing(Door::Site, owner).await;
        for n in 0..TRIES {
            assert_eq!(thief.v(&other(&owner.app_code(world.now()), n)).await, Said::Wrong);
        }
    }
}

async fn t01_forty_jars_share_ten_guesses(server: &TestServer) {
    const JARS: usize = 40;
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let known = world.p(Door::Browser, &owner).await;
    assert!(known.v_trusting(&known.sms_code, true).await.0.is_in());
    world.next_step();
    for jar in 0..JARS {
        let thief = world.p_guessing(DOORS[jar % 2], &owner).await;
        let mut said = Vec::new();
        for n in 0..10 {
            said.push(thief.v(&other(&owner.app_code(world.now()), n)).await);
        }
        let expected = match jar {
            0 => [vec![Said::Wrong; 5], vec![Said::UsedUp; 5]],
            // Who types the fifth in a browser is told that it was the last.
            1 => [vec![Said::Wrong; 4], vec![Said::UsedUp; 6]],
            _ => [vec![Said::TooWeak; 5], vec![Said::TooWeak; 5]],
        };
        assert_eq!(said, expected.concat(), "jar {jar}");
    }
    for door in DOORS {
        let thief = world.p_guessing(door, &owner).await;
        assert_eq!(thief.v(&owner.app_code(world.next_step())).await, Said::TooWeak, "{door:?}: right, and too late");
    }
    let trusted = with_device_of(&world, &known.browser);
    trusted.get("/sign-in").await.expect(200);
    let entered = trusted.post_form("/sign-in", &[("email", &owner.email), ("password", PASSWORD)]).await;
    assert_eq!((entered.status, entered.header("location")), (303, Some("/security")), "{}", entered.body);
    for door in DOORS {
        let unknown = world.p_guessing(door, &owner).await;
        let [code, next] = pair(&world, &owner);
        assert!(unknown.v_pair([&code, &next]).await.is_in(), "{door:?}: stronger proof is enough for anybody");
    }
    look_at_all(&world, &owner).await;
}

/// The code that went to the phone, with as many digits as it has.
async fn sent_code(world: &World<'_>, owner: &Owner) -> String {
    let sent = world.server.phone.last_sms(&owner.phone).await.whole_text();
    let mut runs = sent.split(|letter: char| !letter.is_ascii_digit()).filter(|run| matches!(run.len(), 6 | 8));
    runs.next().unwrap_or_else(|| panic!("no code in: {sent}")).to_owned()
}

async fn t01_after_ten_guesses_a_sent_code_has_eight_digits(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    for _ in 0..SIX / TRIES {
        let thief = world.p(Door::Site, &owner).await;
        for n in 0..TRIES {
            assert_eq!(thief.v(&other(&thief.sms_code, n)).await, Said::Wrong);
        }
    }
    for door in DOORS {
        let sign_in = world.p_unseen(door, &owner, world.browser()).await;
        let code = sent_code(&world, &owner).await;
        assert_eq!(code.len(), 8, "{door:?}");
        assert!(!sign_in.v(&code[..6]).await.is_evaluated(), "{door:?}: a part of it is no code");
        assert_eq!(sign_in.v(&other(&code, 0)).await, Said::Wrong, "{door:?}");
        assert!(sign_in.v(&code).await.is_in(), "{door:?}");
    }
    look_at_all(&world, &owner).await;
}

/// The owner signs in on a device that nobody knows, with a slip, and has it trusted; gives its token.
async fn owner_on_a_new_device(world: &World<'_>, owner: &Owner) -> String {
    look_at_all(world, owner).await;
    let own = world.p_unseen(Door::Site, owner, world.browser()).await;
    let code = sent_code(world, owner).await;
    assert_eq!(own.v(&other(&code, 0)).await, Said::Wrong);
    let (said, device) = own.v_trusting(&code, true).await;
    assert!(said.is_in(), "{said:?}");
    device.expect("a device")
}

async fn t02_no_success_of_the_owner_gives_a_thief_a_guess_back(server: &TestServer) {
    const DAYS: i64 = 100;
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let mut device = owner_on_a_new_device(&world, &owner).await;
    let (first, mut evaluated) = (world.next_step(), 0);
    let day = |day: i64| first.plus(Span::days(day));
    for today in 0..DAYS {
        world.clock().set(day(today));
        let thief = world.p_guessing(Door::Site, &owner).await;
        for n in 0..4 {
            let said = thief.v(&other(&owner.app_code(world.now()), n)).await;
            assert!(said.is_evaluated() || said == Said::TooWeak, "{said:?} on day {today}");
            evaluated += usize::from(said.is_evaluated());
        }
        let entered = world.ask_site(&owner, Some(&device)).await.expect(201);
        assert_eq!(entered.text("/status"), "signed_in", "the owner on day {today}");
        device = entered.text("/device_token");
        if today % 10 == 9 {
            device = owner_on_a_new_device(&world, &owner).await;
        }
    }
    assert_eq!(evaluated, SIX);
    let thief = world.p_guessing(Door::Site, &owner).await;
    assert_eq!(thief.v(&owner.app_code(world.next_step())).await, Said::TooWeak);
    look_at_all(&world, &owner).await;
}

async fn t05_an_older_cookie_jar_has_no_tries_left(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let begun = world.p(Door::Browser, &owner).await;
    let mut saved = Vec::new();
    for _ in 0..2 * TRIES {
        saved.push(begun.copied().await);
    }
    for (n, jar) in saved.iter().enumerate() {
        let said = jar.v(&other(&begun.sms_code, n)).await;
        assert_eq!(said, if n < TRIES - 1 { Said::Wrong } else { Said::UsedUp });
    }
    for jar in saved.iter().chain([&begun]) {
        assert_eq!(jar.v(&begun.sms_code).await, Said::UsedUp, "right, and too late");
    }
    look_at_all(&world, &owner).await;
}

async fn t07_guesses_from_ever_new_addresses_share_ten(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    let mut evaluated = 0;
    for n in 0..30 {
        let address = match n % 3 {
            0 => format!("198.51.{n}.9"),
            1 => format!("2001:db8:0:1:{n:x}::{n:X}"),
            _ => format!("::ffff:198.51.100.{n}"),
        };
        let mut body = sign_in_body(&owner.email);
        body["client"]["ip"] = json!(address);
        let begun = world.site.post_json("/api/v1/sign-ins", &body).await.expect(201);
        let at = format!("/api/v1/sign-ins/{}", begun.text("/id"));
        let app = json!({"authenticator_id": owner.app});
        world.site.post_json(&format!("{at}/resend"), &app).await.expect(202);
        let guess = json!({"code": other(&owner.app_code(world.now()), n)});
        let said = world.site.post_json(&format!("{at}/code"), &guess).await.expect(422).text("/verdict");
        assert!(said == "wrong" || said == "stronger_proof_needed", "{said} at {address}");
        evaluated += usize::from(said == "wrong");
    }
    assert_eq!(evaluated, SIX);
    look_at_all(&world, &owner).await;
}

/// Where a code is typed, and which.
const ENTRANCES: [(Door, bool); 4] =
    [(Door::Site, false), (Door::Site, true), (Door::Browser, false), (Door::Browser, true)];

/// A sign-in at an entrance, with the code that would be right there.
async fn at<'w>(world: &'w World<'w>, owner: &Owner, (door, app): (Door, bool)) -> (SignIn<'w>, String) {
    let sign_in = world.p(door, owner).await;
    let code = sign_in.sms_code.clone();
    if !app {
        return (sign_in, code);
    }
    sign_in.turn_to(&owner.app).await;
    (sign_in, owner.app_code(world.now()))
}

async fn t10_what_is_used_up_at_one_entrance_is_used_up_at_all(server: &TestServer) {
    let world = World::new(server).await;
    for (n, used_up) in ENTRANCES.into_iter().enumerate() {
        let owner = world.owner(&format!("owner{n}")).await;
        // Begun before, when one code was enough: that too is over.
        let mut others = Vec::new();
        for entrance in ENTRANCES {
            others.push((entrance, at(&world, &owner, entrance).await));
        }
        for _ in 0..SIX / TRIES {
            let (thief, right) = at(&world, &owner, used_up).await;
            for n in 0..TRIES {
                let said = thief.v(&other(&right, n)).await;
                assert!(matches!(said, Said::Wrong | Said::UsedUp), "{said:?} at {used_up:?}");
            }
        }
        for (entrance, (sign_in, right)) in others {
            assert_eq!(sign_in.v(&right).await, Said::TooWeak, "{entrance:?} after {used_up:?}");
            let (said, _) = sign_in.v_trusting(&right, true).await;
            assert_eq!(said, Said::TooWeak, "{entrance:?} after {used_up:?}");
        }
        look_at_all(&world, &owner).await;
    }
}

/// Whoever adds an entrance where codes are typed has to add it above, unless nobody is signed in by it.
async fn t10_every_entrance_for_codes_is_known_here(server: &TestServer) {
    let world = World::new(server).await;
    let for_codes = |path: &&str| path.starts_with("/s") && (path.ends_with("code") || path.ends_with("app"));
    let for_codes: Vec<&str> = pages().into_iter().filter(for_codes).collect();
    assert_eq!(for_codes, ["/setup/app", "/setup/phone/code", "/sign-in/code", "/sign-up/code"]);
    let document = world.site.get("/api/v1/openapi.json").await.expect(200).json();
    let mut takes_codes = Vec::new();
    for (method, path) in calls(&world, &[]).await {
        let body = &document["paths"][path.trim_start_matches("/api/v1")][method.to_lowercase()]["requestBody"];
        let schema = body["content"]["application/json"]["schema"]["$ref"].as_str().unwrap_or("#/none");
        let described = document.pointer(&schema[1..]).unwrap_or(body);
        if described.to_string().contains("\"code\"") {
            takes_codes.push(format!("{method} {path}"));
        }
    }
    takes_codes.sort();
    let confirm = "POST /api/v1/accounts/{id}/authenticators/{authenticator_id}/confirm";
    assert_eq!(takes_codes, [confirm, "POST /api/v1/sign-ins/{id}/code"]);
}

async fn t12_a_pair_of_an_apps_codes_opens_once(server: &TestServer) {
    let world = World::new(server).await;
    let owner = world.owner("owner").await;
    use_up(&world, &owner).await;
    for door in DOORS {
        let [code, next] = pair(&world, &owner);
        let late = world.p_guessing(door, &owner).await;
        assert!(world.p_guessing(door, &owner).await.v_pair([&code, &next]).await.is_in(), "{door:?}");
        assert!(!late.v_pair([&code, &next]).await.is_in(), "{door:?}: the same again");
        world.clock().advance(Span::seconds(STEP_SECONDS));
        let after_next = owner.app_code(world.now());
        let thief = world.p_guessing(door, &owner).await;
        assert!(!thief.v_pair([&next, &after_next]).await.is_in(), "{door:?}: half of it was used");
    }
    look_at_all(&world, &owner).await;
}
