//! Trusted devices: their tokens, and what gives a copied one away.

use std::sync::Arc;

use nidan::flow::accounts::overview;
use nidan::flow::grant::Granted;
use nidan::flow::session::{self, End, Ending, end};
use nidan::flow::sign_in::SignInAnswer;
use nidan::store::Db;
use nidan_core::time::Span;

use super::{EMAIL, Flows, NUMBER, at_once, code_required, origin, signed_in};

crate::store::on_every_database!(
    a_successor_is_handed_out_until_it_is_presented
    a_copied_token_ends_the_device_and_tells_the_owner
    one_token_presented_16_times_at_once_has_one_successor
    a_device_that_is_revoked_asks_for_a_code
    a_device_that_went_away_during_a_sign_in_is_a_new_one
    an_eleventh_device_lets_the_one_unused_longest_go
);

fn granted(answer: SignInAnswer) -> Granted {
    match answer {
        SignInAnswer::Granted(granted) => granted,
        _ => panic!("a trusted device is asked for no code"),
    }
}

fn token(granted: &Granted) -> String {
    granted.device_token.as_ref().expect("a device token").expose().clone()
}

async fn a_successor_is_handed_out_until_it_is_presented(db: Db) {
    let flows = Flows::new(db);
    let owner = flows.owner().await;
    let first = token(&flows.trusted_device(&owner).await);
    let second = token(&granted(flows.begin(owner.account, Some(&first)).await));
    assert_ne!(first, second);
    let again = token(&granted(flows.begin(owner.account, Some(&first)).await));
    assert_eq!(second, again, "the answer was lost: the same successor");
    let third = token(&granted(flows.begin(owner.account, Some(&second)).await));
    assert!(third != first && third != second);
    flows.clock.advance(Span::days(30));
    code_required(flows.begin(owner.account, Some(&third)).await);
}

async fn a_copied_token_ends_the_device_and_tells_the_owner(db: Db) {
    let flows = Flows::new(db);
    let owner = flows.owner().await;
    let first = token(&flows.trusted_device(&owner).await);
    let second = token(&granted(flows.begin(owner.account, Some(&first)).await));
    let begun = granted(flows.begin(owner.account, Some(&second)).await);
    let third = token(&begun);
    flows.carry().await;
    let told = || flows.phone.list(Some(EMAIL)).len();
    let before = told();
    code_required(flows.begin(owner.account, Some(&first)).await);
    flows.carry().await;
    assert_eq!(told(), before + 1, "the owner is told");
    let session = session::check(&flows.app, begun.session_token.expose()).await.expect("no failure");
    assert!(session.is_none(), "what was begun with the device ends");
    code_required(flows.begin(owner.account, Some(&third)).await);
    flows.carry().await;
    assert_eq!(told(), before + 1, "once");
}

async fn one_token_presented_16_times_at_once_has_one_successor(db: Db) {
    let flows = Arc::new(Flows::new(db));
    let owner = flows.owner().await;
    let first = token(&flows.trusted_device(&owner).await);
    let successors = at_once(16, |_| {
        let (flows, first, account) = (flows.clone(), first.clone(), owner.account);
        async move { token(&granted(flows.begin(account, Some(&first)).await)) }
    });
    let mut successors = successors.await;
    successors.dedup();
    assert_eq!(successors.len(), 1);
    let second = successors.remove(0);
    let thirds = at_once(16, |_| {
        let (flows, second, account) = (flows.clone(), second.clone(), owner.account);
        async move { token(&granted(flows.begin(account, Some(&second)).await)) }
    });
    let mut thirds = thirds.await;
    thirds.dedup();
    assert_eq!(thirds.len(), 1);
}

/// Revoked while it is signed in with: no failure, and no code skipped afterwards.
async fn a_device_that_is_revoked_asks_for_a_code(db: Db) {
    let flows = Arc::new(Flows::new(db));
    let owner = flows.owner().await;
    for _ in 0..8 {
        let first = token(&flows.trusted_device(&owner).await);
        let seen = overview(&flows.app, owner.account).await.expect("no failure").expect("an account");
        let device = seen.devices.first().expect("a device").id;
        at_once(4, |number| {
            let (flows, first, account) = (flows.clone(), first.clone(), owner.account);
            async move {
                if number == 1 {
                    let revoke = End { account, what: Ending::Device(device), origin: origin() };
                    assert!(end(&flows.app, revoke).await.expect("no failure"));
                } else {
                    flows.try_to_begin(account, Some(&first)).await.expect("no failure");
                }
            }
        })
        .await;
        code_required(flows.begin(owner.account, Some(&first)).await);
        flows.carry().await;
        flows.clock.advance(Span::seconds(1));
    }
}

async fn a_device_that_went_away_during_a_sign_in_is_a_new_one(db: Db) {
    let flows = Flows::new(db);
    let owner = flows.owner().await;
    let first = token(&flows.trusted_device(&owner).await);
    let seen = overview(&flows.app, owner.account).await.expect("no failure").expect("an account");
    let device = seen.devices.first().expect("a device").id;
    // Not trusted any more, so that it is known and a code is owed.
    flows
        .app
        .db
        .transact((owner.account, device, flows.app.clock.now()), |tx, (account, device, now)| {
            Box::pin(nidan::store::device::trust(tx, *account, *device, false, *now))
        })
        .await
        .expect("no failure");
    let started = code_required(flows.begin(owner.account, Some(&first)).await);
    assert!(started.device_token.is_some(), "it is known");
    let revoke = End { account: owner.account, what: Ending::Device(device), origin: origin() };
    assert!(end(&flows.app, revoke).await.expect("no failure"));
    let code = flows.delivered_code(NUMBER).await;
    let begun = signed_in(flows.check_as_site(started.ceremony, &code).await);
    let seen = overview(&flows.app, owner.account).await.expect("no failure").expect("an account");
    let made: Vec<_> = seen.devices.iter().map(|known| known.id).collect();
    assert!(made.len() == 1 && made[0] != device);
    assert!(seen.sessions.iter().any(|listed| listed.session.device == Some(made[0])));
    granted(flows.begin(owner.account, Some(&token(&begun))).await);
}

async fn an_eleventh_device_lets_the_one_unused_longest_go(db: Db) {
    let flows = Flows::new(db);
    let owner = flows.owner().await;
    let mut tokens = Vec::new();
    for _ in 0..11 {
        tokens.push(token(&flows.trusted_device(&owner).await));
        flows.clock.advance(Span::seconds(1));
    }
    code_required(flows.begin(owner.account, Some(&tokens[0])).await);
    for kept in &tokens[1..] {
        granted(flows.begin(owner.account, Some(kept)).await);
    }
}
