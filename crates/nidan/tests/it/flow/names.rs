//! Addresses: one account for each, whatever happens in between.

use std::sync::Arc;

use nidan::flow::accounts::{Created, Who, erase, find};
use nidan::flow::check_code::Checked;
use nidan::flow::sign_up::{self, SignUp, SignUpAnswer};
use nidan::send::sweep;
use nidan::store::Db;
use nidan::store::account::{self, LoginKey};
use nidan_core::ceremony::{Holder, Verdict};
use nidan_core::email::EmailAddress;
use nidan_core::id::{self, AccountId, Scoped};
use nidan_core::secret::Secret;
use nidan_core::time::Span;
use nidan_core::token::{Token, TokenKind};

use super::{EMAIL, Flows, at_once, origin};

crate::store::on_every_database!(
    an_address_wanted_16_times_at_once_goes_to_one
    an_erased_account_gives_its_address_back_though_the_server_died
    a_confirmed_address_is_not_lost_to_a_crash
    of_16_right_codes_for_an_address_one_lets_in
    a_sweep_takes_only_what_was_never_confirmed
);

fn key(flows: &Flows) -> LoginKey {
    LoginKey::email(&flows.app, &EmailAddress::parse(EMAIL).expect("an address"))
}

impl Flows {
    /// Signs up and gives the ceremony with its holder.
    async fn sign_up(&self) -> (Scoped<id::Ceremony>, Holder) {
        let password = Secret::new("墨田の花火は八月の夜に".to_owned());
        let answer = sign_up::begin(&self.app, SignUp { email: EMAIL.to_owned(), password, origin: origin() });
        let SignUpAnswer::CodeSent { token } = answer.await.expect("no failure") else { panic!("all is well typed") };
        let token = Token::<id::Ceremony>::parse(TokenKind::Ceremony, token.expose()).expect("a token");
        (Scoped { account: token.account, id: token.id }, Holder::Browser(token.hash()))
    }

    async fn claim(&self, account: AccountId) -> bool {
        let input = (key(self), account, self.app.clock.now());
        let claimed =
            self.app.db.transact(input, |tx, (key, account, now)| Box::pin(account::claim(tx, *key, *account, *now)));
        claimed.await.expect("no failure")
    }
}

async fn an_address_wanted_16_times_at_once_goes_to_one(db: Db) {
    let flows = Arc::new(Flows::new(db));
    let made = at_once(16, |_| {
        let flows = flows.clone();
        async move { matches!(flows.create(EMAIL).await, Created::Account(_)) }
    });
    assert_eq!(made.await.into_iter().filter(|made| *made).count(), 1);
    assert!(find(&flows.app, Who::Key(key(&flows))).await.expect("no failure").is_some());
}

async fn an_erased_account_gives_its_address_back_though_the_server_died(db: Db) {
    let flows = Flows::new(db);
    let account = flows.account().await;
    assert!(erase(&flows.app, account).await.expect("no failure"));
    assert!(!erase(&flows.app, account).await.expect("no failure"));
    let account = flows.account().await;
    // The server dies before the name is given back.
    let erased = flows.app.db.transact(account, |tx, account| Box::pin(account::erase(tx, *account)));
    erased.await.expect("no failure");
    assert!(matches!(flows.create(EMAIL).await, Created::EmailInUse), "it may be that it is just being made");
    flows.clock.advance(Span::minutes(10));
    assert!(matches!(flows.create(EMAIL).await, Created::Account(_)));
    flows.clock.advance(Span::minutes(10));
    assert!(matches!(flows.create(EMAIL).await, Created::EmailInUse), "an active account keeps its address");
}

async fn a_confirmed_address_is_not_lost_to_a_crash(db: Db) {
    let flows = Flows::new(db);
    let (ceremony, holder) = flows.sign_up().await;
    let code = flows.delivered_code(EMAIL).await;
    // The server died after the address was claimed; the owner types the code again, in the last minute of its life.
    assert!(flows.claim(ceremony.account).await);
    flows.clock.advance(Span::minutes(9));
    let (rival, rival_holder) = flows.sign_up().await;
    let rivals_code = flows.delivered_code(EMAIL).await;
    assert!(matches!(flows.check((ceremony, holder), &code, None).await, Checked::SignedIn(_)));
    let again = flows.check((ceremony, holder), &code, None).await;
    assert!(matches!(again, Checked::Refused(Verdict::AlreadyUsed)));
    flows.clock.advance(Span::minutes(2));
    let refused = flows.check((rival, rival_holder), &rivals_code, None).await;
    assert!(matches!(refused, Checked::Refused(Verdict::Expired)), "the address is taken by now");
}

async fn of_16_right_codes_for_an_address_one_lets_in(db: Db) {
    let flows = Arc::new(Flows::new(db));
    let (ceremony, holder) = flows.sign_up().await;
    let code = flows.delivered_code(EMAIL).await;
    let outcomes = at_once(16, |_| {
        let (flows, code) = (flows.clone(), code.clone());
        async move { matches!(flows.check((ceremony, holder), &code, None).await, Checked::SignedIn(_)) }
    });
    assert_eq!(outcomes.await.into_iter().filter(|let_in| *let_in).count(), 1);
}

async fn a_sweep_takes_only_what_was_never_confirmed(db: Db) {
    let flows = Flows::new(db);
    let (forgotten, forgotten_holder) = flows.sign_up().await;
    let forgotten_code = flows.delivered_code(EMAIL).await;
    let (ceremony, holder) = flows.sign_up().await;
    let code = flows.delivered_code(EMAIL).await;
    assert!(matches!(flows.check((ceremony, holder), &code, None).await, Checked::SignedIn(_)));
    flows.clock.advance(Span::days(1).max(flows.app.policy.unconfirmed_account_life));
    flows.clock.advance(Span::ms(1));
    sweep::everything(&flows.app).await;
    let found = find(&flows.app, Who::Key(key(&flows))).await.expect("no failure");
    assert_eq!(found.expect("it was confirmed").id, ceremony.account);
    let gone = flows.check((forgotten, forgotten_holder), &forgotten_code, None).await;
    assert!(matches!(gone, Checked::NotFound));
    let pending = flows.app.db.transact(ceremony.account, |tx, account| Box::pin(account::erase_pending(tx, *account)));
    pending.await.expect("no failure");
    assert!(find(&flows.app, Who::Id(ceremony.account)).await.expect("no failure").is_some());
}
