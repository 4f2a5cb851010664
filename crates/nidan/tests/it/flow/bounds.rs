//! What a code, a method and a session are good for, and nothing else.

use nidan::flow::add_method::confirming;
use nidan::flow::check_code::Checked;
use nidan::flow::resend_code::{ResendCode, Resent, resend};
use nidan::flow::session::{self, End, Ending, end};
use nidan::flow::sign_in::SignInAnswer;
use nidan::store::Db;
use nidan_core::ceremony::{Holder, Verdict};
use nidan_core::id::Scoped;
use nidan_core::methods::Role;
use nidan_core::token::TokenHash;

use super::{Flows, NUMBER, origin, phone};

crate::store::on_every_database!(
    a_code_is_good_for_its_own_sign_in
    a_pending_method_never_authenticates
    a_session_that_was_ended_is_gone_at_once
);

async fn a_code_is_good_for_its_own_sign_in(db: Db) {
    let flows = Flows::new(db);
    let owner = flows.owner().await;
    let first = flows.begun(owner.account).await;
    let firsts_code = flows.delivered_code(NUMBER).await;
    let second = flows.begun(owner.account).await;
    let seconds_code = flows.delivered_code(NUMBER).await;
    assert_ne!(firsts_code, seconds_code);
    let crossed = flows.check_as_site(second, &firsts_code).await;
    assert!(matches!(crossed, Checked::Refused(Verdict::Wrong { tries_left: 4 })));
    let stranger = Holder::Browser(TokenHash::from_bytes([9; 32]));
    assert!(matches!(flows.check((first, stranger), &firsts_code, None).await, Checked::NotFound));
    assert!(matches!(flows.check_as_site(first, "12345").await, Checked::Refused(Verdict::NotACode)));
    assert!(matches!(flows.check_as_site(first, &firsts_code).await, Checked::SignedIn(_)));
    assert!(matches!(flows.check_as_site(first, &firsts_code).await, Checked::Refused(Verdict::AlreadyUsed)));
}

async fn a_pending_method_never_authenticates(db: Db) {
    let flows = Flows::new(db);
    let account = flows.account().await;
    let sms = flows.add_phone(account, Holder::Site).await;
    let code = flows.delivered_code(NUMBER).await;
    let confirming_sms = Scoped { account, id: confirming(sms) };
    assert!(matches!(flows.check_as_site(confirming_sms, &code).await, Checked::MethodConfirmed { .. }));
    let again = flows.check_as_site(confirming_sms, &code).await;
    assert!(matches!(again, Checked::Refused(Verdict::AlreadyUsed)));
    let added = flows.add(account, (Role::Backup, phone("+819011112222")), Holder::Site).await;
    let nidan::flow::add_method::Added::Pending { id: pending, .. } = added else { panic!("it may be added") };
    let pendings_code = flows.delivered_code("+819011112222").await;
    let ceremony = flows.begun(account).await;
    let way = ResendCode { ceremony, presented: Holder::Site, way: Some(pending), origin: origin() };
    assert_eq!(resend(&flows.app, way).await.expect("no failure"), Resent::NoSuchWay);
    let refused = flows.check_as_site(ceremony, &pendings_code).await;
    assert!(matches!(refused, Checked::Refused(Verdict::Wrong { .. })));
}

async fn a_session_that_was_ended_is_gone_at_once(db: Db) {
    let flows = Flows::new(db);
    let account = flows.account().await;
    for _ in 0..20 {
        let SignInAnswer::Granted(granted) = flows.begin(account, None).await else { panic!("let in to set up") };
        let token = granted.session_token.expose();
        let alive = session::check(&flows.app, token).await.expect("no failure").expect("a session");
        let revoke = End { account, what: Ending::Session(alive.session.id), origin: origin() };
        assert!(end(&flows.app, revoke).await.expect("no failure"));
        assert!(session::check(&flows.app, token).await.expect("no failure").is_none());
    }
}
