//! What flows do when much happens at once, and when a server dies in the midst of it: on every database.

mod alarm;
mod at_once;
mod bounds;
mod costs;
mod devices;
mod messages;
mod names;
mod routes;

use std::sync::Arc;

use futures_util::future::join_all;
use nidan::app::{App, Clock, ManualClock, Random};
use nidan::config::Settings;
use nidan::flow::accounts::{Create, Created, NewAccount, Who, create};
use nidan::flow::add_method::{AddMethod, Added, NewMeans, add, confirming};
use nidan::flow::check_code::{CheckCode, Checked, check};
use nidan::flow::grant::Granted;
use nidan::flow::sign_in::{Proof, SignIn, SignInAnswer, Started, begin};
use nidan::flow::{By, FlowError, Origin};
use nidan::keys::KeyRing;
use nidan::send::demo_phone::DemoPhone;
use nidan::send::lines::Routes;
use nidan::send::worker::Sender;
use nidan::store::Db;
use nidan::store::authenticator::About;
use nidan::store::message::Leased;
use nidan_core::ceremony::Holder;
use nidan_core::email::EmailAddress;
use nidan_core::id::{self, AccountId, AuthenticatorId, Scoped, SessionId};
use nidan_core::language::Language;
use nidan_core::methods::Role;
use nidan_core::phone::PhoneNumber;
use nidan_core::secret::Secret;
use nidan_core::sign_in::FirstProof;
use nidan_core::time::{Span, Timestamp};
use nidan_core::totp::{Seed, code_at, step_at};
use tokio::sync::Mutex;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::app::wide;
use crate::store::Directory;

const START: Timestamp = Timestamp::from_ms(1_795_305_600_000);
const NUMBER: &str = "+819012345678";
const EMAIL: &str = "taro@example.jp";

/// The flows of a server, without its pages: time, randomness and the carrying of messages are in the test's hand.
struct Flows {
    app: Arc<App>,
    clock: ManualClock,
    phone: DemoPhone,
    sender: Sender,
    outbox: Mutex<UnboundedReceiver<Leased>>,
    _keys: Directory,
}

/// An account for which two-step verification is on.
struct Owner {
    account: AccountId,
    totp: AuthenticatorId,
    seed: Seed,
}

impl Flows {
    fn new(db: Db) -> Self {
        Self::with(db, |_| {})
    }

    /// Likewise, with settings changed by the test.
    fn with(db: Db, change: impl FnOnce(&mut Settings)) -> Self {
        let keys = Directory::new();
        let data = keys.file().parent().expect("a directory").to_owned();
        let mut settings = Settings::demo("127.0.0.1:8080".parse().expect("an address"), &data, Language::Ja);
        wide(&mut settings.policy);
        change(&mut settings);
        let (clock, hand) = Clock::manual(START);
        let random = Random::seeded(1);
        let ring = KeyRing::create(&settings.keys_file, &random, START).expect("a key file");
        let (app, messages) = App::new(&settings, (db, ring), (clock, random)).expect("texts");
        let phone = DemoPhone::default();
        let sender = Sender::new(app.clone(), Routes::to_demo_phone(&app, &phone));
        Self { app, clock: hand, phone, sender, outbox: Mutex::new(messages), _keys: keys }
    }

    /// The messages that flows handed out and nobody carried yet.
    async fn handed_out(&self) -> Vec<Leased> {
        let mut outbox = self.outbox.lock().await;
        std::iter::from_fn(|| outbox.try_recv().ok()).collect()
    }

    async fn carry(&self) {
        for message in self.handed_out().await {
            self.sender.carry(message).await;
        }
    }

    /// The code that was delivered last.
    async fn delivered_code(&self, to: &str) -> String {
        self.carry().await;
        let text = self.phone.list(Some(to)).first().expect("a message").text.clone();
        let code = text.split(|letter: char| !letter.is_ascii_digit()).find(|digits| digits.len() == 6);
        code.unwrap_or_else(|| panic!("a code in: {text}")).to_owned()
    }

    async fn create(&self, email: &str) -> Created {
        let account = NewAccount {
            email: EmailAddress::parse(email).expect("an address"),
            email_verified: true,
            external_id: None,
            password: None,
            language: Language::Ja,
            groups: Vec::new(),
            last_seen_at: None,
        };
        let new = Create { account, origin: origin() };
        create(&self.app, new).await.expect("no failure")
    }

    async fn account(&self) -> AccountId {
        match self.create(EMAIL).await {
            Created::Account(account) => account.id,
            _ => panic!("the address is free"),
        }
    }

    async fn add(&self, account: AccountId, (role, means): (Role, NewMeans), holder: Holder) -> Added {
        let first_proof = FirstProof::SitePassword;
        let new = AddMethod { account, role, means, about: About::default(), holder, first_proof, origin: origin() };
        add(&self.app, new).await.expect("no failure")
    }

    /// Adds the phone and gives the ceremony that confirms it.
    async fn add_phone(&self, account: AccountId, holder: Holder) -> AuthenticatorId {
        match self.add(account, (Role::Primary, phone(NUMBER)), holder).await {
            Added::Pending { id, .. } => id,
            _ => panic!("it may be added"),
        }
    }

    async fn owner(&self) -> Owner {
        let account = self.account().await;
        let sms = self.add_phone(account, Holder::Site).await;
        let code = self.delivered_code(NUMBER).await;
        let confirmed = self.check_as_site(Scoped { account, id: confirming(sms) }, &code).await;
        assert!(matches!(confirmed, Checked::MethodConfirmed { two_step: false, .. }));
        let Added::Pending { id: totp, seed: Some(seed), .. } =
            self.add(account, (Role::Backup, NewMeans::App), Holder::Site).await
        else {
            panic!("it may be added")
        };
        let code = self.totp_code(&seed);
        let confirmed = self.check_as_site(Scoped { account, id: confirming(totp) }, &code).await;
        assert!(matches!(confirmed, Checked::MethodConfirmed { two_step: true, .. }));
        self.carry().await;
        self.clock.advance(Span::minutes(2));
        Owner { account, totp, seed }
    }

    fn totp_code(&self, seed: &Seed) -> String {
        code_at(seed, step_at(self.app.clock.now())).expose().clone()
    }

    async fn begin(&self, account: AccountId, device_token: Option<&str>) -> SignInAnswer {
        self.try_to_begin(account, device_token).await.expect("no failure")
    }

    async fn try_to_begin(&self, account: AccountId, device_token: Option<&str>) -> Result<SignInAnswer, FlowError> {
        let device_token = device_token.map(|text| Secret::new(text.to_owned()));
        let who = Some(Who::Id(account));
        let sign_in = SignIn { who, proof: Proof::SiteVouches, by: By::Site, device_token, origin: origin() };
        begin(&self.app, sign_in).await
    }

    /// Begins a sign-in from an unknown device.
    async fn begun(&self, account: AccountId) -> Scoped<id::Ceremony> {
        code_required(self.begin(account, None).await).ceremony
    }

    async fn check_as_site(&self, ceremony: Scoped<id::Ceremony>, typed: &str) -> Checked {
        self.check((ceremony, Holder::Site), typed, None).await
    }

    async fn check(
        &self,
        (ceremony, presented): (Scoped<id::Ceremony>, Holder),
        typed: &str,
        session: Option<SessionId>,
    ) -> Checked {
        let typed = Secret::new(typed.to_owned());
        let asked = CheckCode { ceremony, presented, typed, next: None, trust_device: true, session, origin: origin() };
        check(&self.app, asked).await.expect("no failure")
    }

    /// Completes a sign-in and has the device trusted.
    async fn trusted_device(&self, owner: &Owner) -> Granted {
        let ceremony = self.begun(owner.account).await;
        let code = self.delivered_code(NUMBER).await;
        signed_in(self.check_as_site(ceremony, &code).await)
    }
}

fn origin() -> Origin {
    Origin::new(None, None, Language::Ja)
}

fn phone(number: &str) -> NewMeans {
    NewMeans::Phone(PhoneNumber::parse(number, "JP").expect("a number"))
}

fn code_required(answer: SignInAnswer) -> Started {
    match answer {
        SignInAnswer::CodeRequired(started) => started,
        _ => panic!("a code is owed"),
    }
}

fn signed_in(checked: Checked) -> Granted {
    match checked {
        Checked::SignedIn(granted) => granted,
        Checked::Refused(verdict) => panic!("refused: {verdict:?}"),
        _ => panic!("another outcome"),
    }
}

/// A code that is not `code`.
fn wrong(code: &str) -> String {
    let number: u32 = code.parse().expect("digits");
    format!("{:06}", (number + 1) % 1_000_000)
}

/// Runs `count` of them at once, each in a task of its own.
async fn at_once<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    count: usize,
    mut make: impl FnMut(usize) -> F,
) -> Vec<T> {
    let tasks: Vec<_> = (0..count).map(|number| tokio::spawn(make(number))).collect();
    join_all(tasks).await.into_iter().map(|ended| ended.expect("no panic")).collect()
}
