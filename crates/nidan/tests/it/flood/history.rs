//! Histories of an account, written with the store's own hands: who asked when, what was sent, and what became of it.

use nidan::store::account::{self, Account};
use nidan::store::audit::{self, Facts};
use nidan::store::carrier_message::{self, CarrierKey};
use nidan::store::ceremony::{self, Open};
use nidan::store::client::Client as From;
use nidan::store::ledger;
use nidan::store::message::{self, Cause, CauseKind, NewMessage};
use nidan::store::request::{self, Asker, Request};
use nidan::store::{StoreError, Tx, sql};
use nidan_core::audit::Event;
use nidan_core::budget::Suppressed;
use nidan_core::ceremony::{Ceremony, Challenge, Holder, Purpose, Stage};
use nidan_core::code::Digits;
use nidan_core::id::{AccountId, CeremonyId};
use nidan_core::lane::Lane;
use nidan_core::language::Language;
use nidan_core::ledger::{Receipt, State};
use nidan_core::message::{Channel, MessageKind};
use nidan_core::secret::Secret;
use nidan_core::sign_in::FirstProof;
use nidan_core::time::{Span, Timestamp};

use crate::app::TestServer;
use crate::client::Client;
use crate::pages::person::{EMAIL, PHONE, Person};

sql! {
    REFUSED = "UPDATE message SET state = $1, reason = 'destination_refused'";
}

/// An account with two methods, its owner's browser, and a site.
pub struct History<'a> {
    server: &'a TestServer,
    /// The owner.
    pub person: Person,
    /// A site that may read.
    pub site: Client,
    /// `/api/v1/accounts/acc_…`
    pub at: String,
    account: AccountId,
}

/// What is written down of one sign-in or press.
struct Entry<'a> {
    app: std::sync::Arc<nidan::app::App>,
    account: AccountId,
    by: &'a Asker,
    ceremony: Option<CeremonyId>,
    n: u8,
    became: Result<State, Suppressed>,
    pressed: bool,
    route: Option<&'static str>,
}

/// Somebody at this address with this program, who knows the password.
pub fn asker(address: &str, program: &str, known: bool) -> Asker {
    let client = From { address: Some(address.to_owned()), program: Some(program.to_owned()) };
    Asker { client, password_right: true, device: None, device_known: known, api_key: None }
}

impl<'a> History<'a> {
    /// Begins when two-step verification is turned on, at nine in the morning.
    pub async fn new(server: &'a TestServer) -> Self {
        let person = Person::signed_up(server).await;
        let site = server.site().await;
        let found = site.get(&format!("/api/v1/accounts?email={EMAIL}")).await.expect(200);
        let id = found.text("/id");
        Self { server, person, site, at: format!("/api/v1/accounts/{id}"), account: id.parse().expect("an id") }
    }

    /// Lets so many minutes pass.
    pub fn later(&self, minutes: i64) {
        self.server.clock.advance(Span::minutes(minutes));
    }

    /// Lets so many seconds pass.
    pub fn seconds_later(&self, seconds: i64) {
        self.server.clock.advance(Span::seconds(seconds));
    }

    /// A sign-in from here succeeded.
    pub async fn succeeded(&self, by: &Asker) {
        let input = (self.server.app.clone(), self.account, by.client.clone());
        let appended = self.server.app.db.transact(input, |tx, (app, id, client)| {
            Box::pin(async move {
                let account = account::load(tx, app, *id).await?.expect("an account");
                let now = app.clock.now();
                let facts = Facts { client: client.clone(), about: Some("pwd sms mfa".to_owned()) };
                audit::append(tx, &account, app.new_event_id(now), (Event::SignedIn, &facts), now).await
            })
        });
        appended.await.expect("no failure");
    }

    /// A sign-in is begun, and its message becomes this.
    pub async fn sign_in(&self, by: &Asker, became: State) -> CeremonyId {
        self.write(by, (None, 1), Ok(became), false).await
    }

    /// Likewise, delivered by this route.
    pub async fn sign_in_by(&self, by: &Asker, route: &'static str) {
        let input = (self.server.app.clone(), self.account, by.clone(), route);
        let written = self.server.app.db.transact(input, |tx, (app, account, by, route)| {
            let entry = Entry { route: Some(*route), ..Entry::new(app.clone(), *account, by, Ok(State::Delivered)) };
            Box::pin(entry.write(tx))
        });
        written.await.expect("no failure");
    }

    /// One is refused before it begins.
    pub async fn refused(&self, by: &Asker, why: Suppressed) {
        self.write(by, (None, 1), Err(why), false).await;
    }

    /// Another message goes out, and nobody asked for it.
    pub async fn doubled(&self, by: &Asker, ceremony: CeremonyId, n: u8) {
        self.write(by, (Some(ceremony), n), Ok(State::Delivered), false).await;
    }

    /// The carrier says of every message that its number cannot be used.
    pub async fn number_is_refused(&self) {
        let moved = self.server.app.db.transact((), |tx, ()| {
            Box::pin(async move { tx.execute(&REFUSED, &[State::Rejected.stored().into()]).await })
        });
        assert!(moved.await.expect("no failure") > 0);
    }

    /// Sign-ins are kept for some days only: all that are over are forgotten.
    pub async fn sign_ins_are_forgotten(&self) {
        let now = self.server.app.clock.now();
        let forgotten = self.server.app.db.transact(now, |tx, now| Box::pin(ceremony::forget(tx, *now)));
        assert!(forgotten.await.expect("no failure") > 0);
    }

    /// The carrier of a route took the newest message to the owner's number, and tells of so many ends at that number, each under an
    /// id of its own.
    pub async fn carrier_tells(&self, route: &'static str, ends: usize) {
        let input = (self.server.app.clone(), self.account, route, ends);
        let told = self.server.app.db.transact(input, |tx, (app, account, route, ends)| {
            Box::pin(async move {
                let (account, now) = (account::load(tx, app, *account).await?.expect("an account"), app.clock.now());
                let all = (Timestamp::from_ms(0), Timestamp::from_ms(i64::MAX));
                let newest = ledger::list(tx, &account, all, 1).await?.pop().expect("a message").id;
                let key = CarrierKey::of(app, route, "1000", Some(PHONE));
                carrier_message::know(tx, &key, (account.id, newest), now, now).await?;
                for end in 0..*ends {
                    let id = (1000 + end).to_string();
                    let keys = CarrierKey::candidates(app, route, &id, Some(PHONE));
                    match carrier_message::find(tx, &keys).await? {
                        Some(_) => carrier_message::told(tx, &keys).await?,
                        None => drop(carrier_message::wait(tx, &keys[0], Receipt::Delivered, now).await?),
                    }
                }
                Ok(())
            })
        });
        told.await.expect("no failure");
    }

    async fn write(
        &self,
        by: &Asker,
        (ceremony, n): (Option<CeremonyId>, u8),
        became: Result<State, Suppressed>,
        pressed: bool,
    ) -> CeremonyId {
        let by = by.clone();
        let input = (self.server.app.clone(), self.account, by, (ceremony, n), became, pressed);
        let written = self.server.app.db.transact(input, |tx, (app, account, by, (ceremony, n), became, pressed)| {
            let (ceremony, n, became, pressed) = (*ceremony, *n, *became, *pressed);
            Box::pin(Entry { ceremony, n, pressed, ..Entry::new(app.clone(), *account, by, became) }.write(tx))
        });
        written.await.expect("no failure")
    }
}

impl<'a> Entry<'a> {
    /// The beginning of a sign-in.
    fn new(
        app: std::sync::Arc<nidan::app::App>,
        account: AccountId,
        by: &'a Asker,
        became: Result<State, Suppressed>,
    ) -> Self {
        Self { app, account, by, ceremony: None, n: 1, became, pressed: false, route: None }
    }

    async fn write(self, tx: &mut Tx<'_>) -> Result<CeremonyId, StoreError> {
        let (app, now) = (&self.app, self.app.clock.now());
        let account = account::load(tx, app, self.account).await?.expect("an account");
        let open = self.open(&account);
        if let Ok(state) = self.became {
            if self.ceremony.is_none() {
                ceremony::insert(tx, &account, &open).await?;
                ceremony::open_challenge(tx, &open, &self.challenge(&open)).await?;
            }
            let serial = account::next_serial(tx, account.id, Channel::Sms, app.day(now)).await?;
            let leased = message::claim(tx, &account, &self.message(&open, serial), now).await?;
            if let Some(route) = self.route {
                message::wire(tx, &account, leased, route, now).await?;
            }
            message::settle(tx, leased, state, None, now).await?;
        }
        if self.pressed || self.ceremony.is_none() {
            let ceremony = self.became.is_ok().then_some(open.id);
            let request =
                Request { ceremony, press: self.pressed, refused: self.became.err(), until: None, by: self.by.clone() };
            request::append(tx, app, &account, &request, now).await?;
        }
        Ok(open.id)
    }

    fn open(&self, account: &Account) -> Open {
        let now = self.app.clock.now();
        Open {
            account: account.id,
            id: self.ceremony.unwrap_or_else(|| self.app.new_id(now)),
            ceremony: Ceremony {
                purpose: Purpose::SignIn,
                holder: Holder::Site,
                stage: Stage::Open,
                tries: 0,
                sec_epoch: account.sec_epoch,
                expires_at: now.plus(self.app.policy.sign_in_life),
            },
            first_proof: FirstProof::Password,
            authenticator: None,
            device: None,
            client: self.by.client.clone(),
            opened_at: now,
            lane: if self.by.device_known { Lane::K } else { Lane::U },
            charged: 0,
            released_at: None,
        }
    }

    fn challenge(&self, open: &Open) -> ceremony::Sent {
        let now = self.app.clock.now();
        let expires_at = now.plus(self.app.policy.code_life);
        let challenge = Challenge { digits: Digits::Six, sent: 1, last_sent_at: now, expires_at };
        ceremony::Sent { id: open.challenge(), authenticator: None, challenge, key_version: 1, tag: "KX".to_owned() }
    }

    fn message(&self, open: &Open, serial: i64) -> NewMessage {
        let now = self.app.clock.now();
        let kind = if self.pressed { CauseKind::Resend } else { CauseKind::SignIn };
        NewMessage {
            id: self.app.new_id(now),
            challenge: Some(open.challenge()),
            n: self.n,
            kind: MessageKind::SignInCode,
            language: Language::Ja,
            destination: Secret::new(PHONE.to_owned()),
            cause: Cause { kind, client: self.by.client.clone(), password_right: true },
            tag: Some("KX".to_owned()),
            serial,
            slot: 0,
            lease_until: now.plus(self.app.policy.message_lease),
            expires_at: now.plus(self.app.policy.code_life),
        }
    }
}
