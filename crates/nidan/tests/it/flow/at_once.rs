//! Many requests for one sign-in or one account at the same moment.

use std::sync::Arc;

use nidan::flow::accounts::{Created, overview};
use nidan::flow::add_method::confirming;
use nidan::flow::check_code::Checked;
use nidan::flow::resend_code::{ResendCode, Resent, resend};
use nidan::flow::session::{self, End, Ending, end};
use nidan::flow::sign_in::SignInAnswer;
use nidan::store::Db;
use nidan_core::ceremony::{Holder, Verdict};
use nidan_core::id::Scoped;
use nidan_core::methods::Role;
use nidan_core::time::Span;

use super::{Flows, NUMBER, at_once, origin, phone, wrong};

crate::store::on_every_database!(
    of_64_wrong_codes_5_are_evaluated
    of_64_right_codes_one_signs_in
    of_64_presses_one_sends
    one_code_of_an_app_opens_one_of_16_sign_ins
    a_method_added_8_times_waits_once
    nothing_survives_the_way_out_of_everything
);

async fn of_64_wrong_codes_5_are_evaluated(db: Db) {
    let flows = Arc::new(Flows::new(db));
    let owner = flows.owner().await;
    let ceremony = flows.begun(owner.account).await;
    let code = flows.delivered_code(NUMBER).await;
    let verdicts = at_once(64, |_| {
        let (flows, wrong) = (flows.clone(), wrong(&code));
        async move { flows.check_as_site(ceremony, &wrong).await }
    });
    let mut left = Vec::new();
    for verdict in verdicts.await {
        match verdict {
            Checked::Refused(Verdict::Wrong { tries_left }) => left.push(tries_left),
            Checked::Refused(Verdict::UsedUp) => {}
            _ => panic!("a wrong code is wrong"),
        }
    }
    left.sort_unstable();
    assert_eq!(left, [0, 1, 2, 3, 4]);
    let late = flows.check_as_site(ceremony, &code).await;
    assert!(matches!(late, Checked::Refused(Verdict::UsedUp)), "the right code comes too late");
}

async fn of_64_right_codes_one_signs_in(db: Db) {
    let flows = Arc::new(Flows::new(db));
    let owner = flows.owner().await;
    let ceremony = flows.begun(owner.account).await;
    let code = flows.delivered_code(NUMBER).await;
    let outcomes = at_once(64, |_| {
        let (flows, code) = (flows.clone(), code.clone());
        async move { flows.check_as_site(ceremony, &code).await }
    });
    let mut sessions = 0;
    for outcome in outcomes.await {
        match outcome {
            Checked::SignedIn(_) => sessions += 1,
            Checked::Refused(verdict) => assert_eq!(verdict, Verdict::AlreadyUsed),
            _ => panic!("a sign-in's code"),
        }
    }
    assert_eq!(sessions, 1);
    let seen = overview(&flows.app, owner.account).await.expect("no failure").expect("an account");
    assert_eq!((seen.sessions.len(), seen.devices.len()), (1, 1));
}

async fn of_64_presses_one_sends(db: Db) {
    let flows = Arc::new(Flows::new(db));
    let owner = flows.owner().await;
    let ceremony = flows.begun(owner.account).await;
    flows.carry().await;
    let before = flows.phone.list(Some(NUMBER)).len();
    flows.clock.advance(Span::seconds(30));
    let presses = at_once(64, |_| {
        let app = flows.app.clone();
        async move {
            let press = ResendCode { ceremony, presented: Holder::Site, way: None, origin: origin() };
            resend(&app, press).await.expect("no failure")
        }
    });
    let presses = presses.await;
    assert_eq!(presses.iter().filter(|press| **press == Resent::Done).count(), 1);
    let on_its_way = presses.iter().filter(|press| matches!(press, Resent::OnItsWay { .. })).count();
    assert_eq!(on_its_way, 63, "{presses:?}");
    flows.carry().await;
    assert_eq!(flows.phone.list(Some(NUMBER)).len(), before + 1);
}

async fn one_code_of_an_app_opens_one_of_16_sign_ins(db: Db) {
    let flows = Arc::new(Flows::new(db));
    let owner = flows.owner().await;
    let mut ceremonies = Vec::new();
    for _ in 0..16 {
        let ceremony = flows.begun(owner.account).await;
        let way = Some(owner.totp);
        let turned = ResendCode { ceremony, presented: Holder::Site, way, origin: origin() };
        assert_eq!(resend(&flows.app, turned).await.expect("no failure"), Resent::Done);
        ceremonies.push(ceremony);
    }
    let code = flows.totp_code(&owner.seed);
    let outcomes = at_once(16, |number| {
        let (flows, code, ceremony) = (flows.clone(), code.clone(), ceremonies[number]);
        async move { flows.check_as_site(ceremony, &code).await }
    });
    let mut sessions = 0;
    for outcome in outcomes.await {
        match outcome {
            Checked::SignedIn(_) => sessions += 1,
            Checked::Refused(verdict) => assert_eq!(verdict, Verdict::AlreadyUsed),
            _ => panic!("a sign-in's code"),
        }
    }
    assert_eq!(sessions, 1);
}

async fn a_method_added_8_times_waits_once(db: Db) {
    let flows = Arc::new(Flows::new(db));
    let account = flows.account().await;
    let added = at_once(8, |number| {
        let flows = flows.clone();
        async move {
            let number = format!("+8190123456{number:02}");
            flows.add(account, (Role::Primary, phone(&number)), Holder::Site).await
        }
    });
    added.await;
    let seen = overview(&flows.app, account).await.expect("no failure").expect("an account");
    assert_eq!(seen.authenticators.len(), 1);
}

/// A method is confirmed in a session while its owner signs out everywhere: whichever came first, nobody is signed in.
async fn nothing_survives_the_way_out_of_everything(db: Db) {
    let flows = Arc::new(Flows::new(db));
    for round in 0..16 {
        let Created::Account(account) = flows.create(&format!("taro{round}@example.jp")).await else {
            panic!("the address is free")
        };
        let account = account.id;
        let SignInAnswer::Granted(granted) = flows.begin(account, None).await else { panic!("let in to set up") };
        let alive = session::check(&flows.app, granted.session_token.expose()).await.expect("no failure");
        let alive = alive.expect("a session");
        let method = flows.add_phone(account, Holder::Browser(alive.token)).await;
        let code = flows.delivered_code(NUMBER).await;
        let everything = {
            let app = flows.app.clone();
            let end = async move { end(&app, End { account, what: Ending::Everything, origin: origin() }).await };
            tokio::spawn(end)
        };
        let held = (Scoped { account, id: confirming(method) }, Holder::Browser(alive.token));
        let checked = flows.check(held, &code, Some(alive.session.id)).await;
        assert!(everything.await.expect("no panic").expect("no failure"));
        match checked {
            Checked::MethodConfirmed { session: Some(granted), .. } => {
                let survived = session::check(&flows.app, granted.session_token.expose()).await.expect("no failure");
                assert!(survived.is_none(), "a session outlived the way out of everything");
            }
            Checked::Refused(verdict) => assert_eq!(verdict, Verdict::Expired),
            _ => panic!("the session was there, or everything was over"),
        }
    }
}
