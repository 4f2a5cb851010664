//! A server without its pages: the flows, the store and the sender as they ship, before a simulated carrier; and people who use it, whose
//! time is the test's.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use nidan::app::{App, Clock, ManualClock, Random};
use nidan::bench::seed;
use nidan::config::Settings;
use nidan::flow::accounts::{Create, Created, NewAccount, Who, create};
use nidan::flow::add_method::{self, AddMethod, Added, NewMeans, confirming};
use nidan::flow::check_code::{CheckCode, Checked, check};
use nidan::flow::messages;
use nidan::flow::resend_code::{ResendCode, Resent, resend};
use nidan::flow::sign_in::{Proof, SignIn, SignInAnswer, begin};
use nidan::flow::{By, Origin};
use nidan::keys::KeyRing;
use nidan::send::lines::{Carrier, Routes};
use nidan::send::worker::Sender;
use nidan::send::{alarm, pumping};
use nidan::store::authenticator::About;
use nidan::store::message::Leased;
use nidan::store::{Db, migrate};
use nidan_core::ceremony::{Holder, Verdict as CodeVerdict};
use nidan_core::email::EmailAddress;
use nidan_core::flood::Verdict;
use nidan_core::id::{self, AccountId, AuthenticatorId, Scoped};
use nidan_core::language::Language;
use nidan_core::methods::Role;
use nidan_core::phone::PhoneNumber;
use nidan_core::secret::Secret;
use nidan_core::sign_in::FirstProof;
use nidan_core::time::{Span, Timestamp};
use nidan_core::token::{Token, TokenKind};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::carrier::{Given, Manners, SimulatedCarrier};
use crate::chance::Chance;

/// When every scenario begins: 2026-11-22 09:00 in Japan.
pub const BEGIN: Timestamp = Timestamp::from_ms(1_795_305_600_000);

/// So many minutes after the beginning.
pub const fn minutes(count: i64) -> Timestamp {
    BEGIN.plus(Span::minutes(count))
}

/// The server and the world around it.
pub struct World {
    /// What flows are given.
    pub app: Arc<App>,
    /// What stands between the server and everybody's phone.
    pub carrier: Arc<SimulatedCarrier>,
    /// What nobody decides.
    pub chance: Chance,
    /// Codes that were compared, as far as answers tell.
    pub guesses: Vec<Guess>,
    /// Messages that were asked for by people, granted or not.
    pub asked: usize,
    /// Steps taken by people.
    pub steps: usize,
    hand: ManualClock,
    settings: Settings,
    nodes: Vec<Node>,
    /// Whether the node that is asked next dies after its answer, before it gives anything to the carrier.
    dies: bool,
    /// When the worker is to look around, and whether at messages that were put back.
    house: BTreeMap<Timestamp, bool>,
    _keys: Directory,
}

/// One process of the server. All have one database and one clock.
struct Node {
    app: Arc<App>,
    routes: Routes,
    sender: Sender,
    outbox: UnboundedReceiver<Leased>,
}

impl Node {
    fn start(settings: &Settings, db: Db, (clock, random): (Clock, Random), carrier: &Arc<SimulatedCarrier>) -> Self {
        let (ring, _) = KeyRing::load_or_create(&settings.keys_file, &random, BEGIN).expect("a key file");
        let (app, outbox) = App::new(settings, (db, ring), (clock, random)).expect("texts");
        let line: Arc<dyn Carrier> = carrier.clone();
        let routes = Routes::to_carrier(&app, &line);
        Self { sender: Sender::new(app.clone(), routes.clone()), app, routes, outbox }
    }
}

/// A code that was compared.
pub struct Guess {
    /// Of which sign-in.
    pub ceremony: Scoped<id::Ceremony>,
    /// Whether it came from an unknown device.
    pub unknown: bool,
    /// When.
    pub at: Timestamp,
    /// Whether its sign-in succeeded in the end: then it is given back.
    pub forgiven: bool,
}

/// Somebody with an account, two methods, and a known device as soon as there was a first sign-in.
pub struct Owner {
    /// The account.
    pub id: AccountId,
    /// The number in E.164.
    pub phone: String,
    /// The address.
    pub email: String,
    /// The method of the number.
    pub sms: AuthenticatorId,
    /// The token of the known device.
    pub device: Option<Secret<String>>,
}

/// Where somebody asks from.
#[derive(Clone)]
pub struct From {
    /// Address.
    pub address: String,
    /// Program.
    pub program: &'static str,
}

impl From {
    /// A place by number, with a browser.
    pub fn place(number: i64) -> Self {
        Self { address: format!("198.51.{}.{}", number / 250, 1 + number % 250), program: "Chrome (Windows)" }
    }

    /// Where an owner is at home.
    pub fn home(owner: usize) -> Self {
        Self { address: format!("203.0.{}.{}", owner / 250, 1 + owner % 250), program: "Safari (iPhone)" }
    }

    /// As flows take it.
    pub fn origin(&self) -> Origin {
        Origin::new(Some(self.address.clone()), Some(self.program.to_owned()), Language::Ja)
    }
}

/// A sign-in that was begun.
#[derive(Clone)]
pub struct Begun {
    /// Which one.
    pub ceremony: Scoped<id::Ceremony>,
    /// Who holds it.
    pub holder: Holder,
    /// Whether it comes from a known device.
    pub known: bool,
    /// From where.
    pub from: From,
    /// The message that went out at once.
    pub message: Option<Given>,
}

impl World {
    /// At [`BEGIN`], with nobody in it.
    pub async fn new(seed: u64, manners: Manners) -> Self {
        let keys = Directory::new();
        let settings = Settings::demo("127.0.0.1:8080".parse().expect("an address"), &keys.0, Language::Ja);
        let db = Db::open(&"sqlite::memory:".parse().expect("a URL")).await.expect("a database");
        migrate::migrate(&db).await.expect("migrated");
        let (clock, hand) = Clock::manual(BEGIN);
        let carrier = Arc::new(SimulatedCarrier::new(clock.clone(), seed, manners));
        let node = Node::start(&settings, db, (clock, Random::seeded(seed)), &carrier);
        Self {
            app: node.app.clone(),
            carrier,
            chance: Chance(seed),
            guesses: Vec::new(),
            asked: 0,
            steps: 0,
            hand,
            settings,
            nodes: vec![node],
            dies: false,
            house: BTreeMap::new(),
            _keys: keys,
        }
    }

    /// One process more on the same database.
    pub fn another_node(&mut self) {
        let node = self.new_node();
        self.nodes.push(node);
    }

    fn new_node(&self) -> Node {
        // Its memory is empty, and its randomness its own.
        let random = Random::seeded(u64::from_be_bytes(self.app.random.bytes()));
        Node::start(&self.settings, self.app.db.clone(), (self.app.clock.clone(), random), &self.carrier)
    }

    /// The node that answers next dies before it gives anything to the carrier, and starts anew.
    pub fn next_dies(&mut self) {
        self.dies = true;
    }

    /// Whether it does.
    pub fn is_dying(&self) -> bool {
        self.dies
    }

    /// The node that is asked.
    fn node(&mut self) -> Arc<App> {
        let which = self.chance.below(self.nodes.len() as i64) as usize;
        self.nodes.swap(0, which);
        self.nodes[0].app.clone()
    }

    /// The present.
    pub fn now(&self) -> Timestamp {
        self.app.clock.now()
    }

    /// Somebody without two-step verification makes an account: now, or long ago.
    pub async fn newcomer(&mut self, number: usize, old: bool) -> AccountId {
        let now = self.now();
        if old {
            self.hand.set(now.minus(Span::days(8)));
        }
        let account = NewAccount {
            email: EmailAddress::parse(&format!("newcomer{number}@example.jp")).expect("an address"),
            email_verified: true,
            external_id: None,
            password: None,
            language: Language::Ja,
            groups: Vec::new(),
            last_seen_at: None,
        };
        let new = Create { account, origin: From::place(0).origin() };
        let created = create(&self.app, new).await.expect("no failure");
        self.hand.set(now);
        let Created::Account(account) = created else { panic!("the address is free") };
        account.id
    }

    /// Somebody sets a number up; with the message that went there, unless it was refused.
    pub async fn set_up(&mut self, account: AccountId, number: &str, from: &From) -> Option<(Begun, Option<Given>)> {
        self.steps += 1;
        let add = AddMethod {
            account,
            role: Role::Primary,
            means: NewMeans::Phone(PhoneNumber::from_e164(number).expect("E.164")),
            about: About::default(),
            holder: Holder::Site,
            first_proof: FirstProof::SitePassword,
            origin: from.origin(),
        };
        self.asked += 1;
        let added = add_method::add(&self.node(), add).await.expect("no failure");
        let message = self.carry().await.into_iter().find(|given| given.to == number);
        match added {
            Added::Pending { id, .. } => {
                let ceremony = Scoped { account, id: confirming(id) };
                let begun = Begun { ceremony, holder: Holder::Site, known: false, from: from.clone(), message: None };
                Some((begun, message))
            }
            Added::Shut(_) => None,
            _ => panic!("a phone may be added"),
        }
    }

    /// Accounts for which two-step verification is turned on now, by SMS and app.
    pub async fn owners(&mut self, count: usize) -> Vec<Owner> {
        let nobodys = Secret::new(PASSWORD_HASH.to_owned());
        let made = seed::owners(&self.app, count, &nobodys).await.expect("no failure");
        let owner = |made: seed::Owner| Owner {
            id: made.account,
            phone: made.phone,
            email: made.email,
            sms: made.sms,
            device: None,
        };
        made.into_iter().map(owner).collect()
    }

    /// Lets time pass: carriers tell, and the worker keeps house, when it is time.
    pub async fn until(&mut self, at: Timestamp) {
        loop {
            let next = [self.carrier.next_receipt(), self.house.first_key_value().map(|(at, _)| *at)];
            let Some(due) = next.into_iter().flatten().min().filter(|due| *due <= at) else { break };
            self.hand.set(due.max(self.now()));
            for receipt in self.carrier.receipts(due) {
                self.node();
                self.nodes[0].routes.receipts().record("simulated-sms", receipt).await.expect("no failure");
            }
            if self.house.first_key_value().is_some_and(|(at, _)| *at <= due) {
                let put_back = self.house.pop_first().is_some_and(|(_, put_back)| put_back);
                self.keep_house(put_back).await;
            }
            self.carry().await;
        }
        self.hand.set(at.max(self.now()));
    }

    /// What the worker does between messages.
    async fn keep_house(&mut self, put_back: bool) {
        let (given, not_taken) = self.carrier.counts();
        for Node { app, routes, sender, .. } in &self.nodes {
            if put_back {
                sender.recover().await;
            }
            sender.judge_routes().await;
            alarm::look(app, routes.all()).await;
            sender.look_at_codes_that_died().await;
        }
        self.plan(given, not_taken);
    }

    /// Carries what was handed out; gives what the carrier has of it.
    pub async fn carry(&mut self) -> Vec<Given> {
        let (given, not_taken) = self.carrier.counts();
        if std::mem::take(&mut self.dies) {
            self.nodes[0] = self.new_node();
            self.house.insert(self.now().plus(self.app.policy.message_lease).plus(Span::seconds(1)), true);
        }
        for Node { sender, outbox, .. } in &mut self.nodes {
            while let Ok(leased) = outbox.try_recv() {
                sender.carry(leased).await;
            }
        }
        self.plan(given, not_taken);
        self.carrier.given(given)
    }

    /// When the worker is to look around because of what went out, and of what did not.
    fn plan(&mut self, given: usize, not_taken: usize) {
        let (now, policy) = (self.now(), &self.app.policy);
        if self.carrier.counts().1 > not_taken {
            self.house.insert(now.plus(policy.message_retry), true);
        }
        if self.carrier.given(given).iter().any(|given| given.code().is_some()) {
            self.house.entry(now.plus(policy.code_life).plus(Span::seconds(1))).or_default();
        }
    }

    /// Somebody signs in with the right password: with the token of a device, if there is one.
    pub async fn begin(&mut self, owner: &mut Owner, known: bool, from: &From) -> Begun {
        self.steps += 1;
        let device_token = owner.device.take_if(|_| known);
        let sign_in = SignIn {
            who: Some(Who::Id(owner.id)),
            proof: Proof::SiteVouches,
            by: By::Browser,
            device_token,
            origin: from.origin(),
        };
        let answer = begin(&self.node(), sign_in).await.expect("no failure");
        let SignInAnswer::CodeRequired(started) = answer else {
            panic!("two-step verification is on, and the device is not trusted: a code is owed")
        };
        self.asked += 1;
        if known {
            owner.device = started.device_token;
        }
        let token = started.token.expect("begun in a browser");
        let token: Token<id::Ceremony> = Token::parse(TokenKind::Ceremony, token.expose()).expect("its form");
        let message = self.carry().await.into_iter().find(|given| given.to == owner.phone && given.code().is_some());
        let holder = Holder::Browser(token.hash());
        Begun { ceremony: started.ceremony, holder, known, from: from.clone(), message }
    }

    /// "Send again" is pressed, or another method is turned to.
    pub async fn press(&mut self, begun: &Begun, way: Option<AuthenticatorId>) -> (Resent, Option<Given>) {
        self.steps += 1;
        let press = ResendCode { ceremony: begun.ceremony, presented: begun.holder, way, origin: begun.from.origin() };
        let resent = resend(&self.node(), press).await.expect("no failure");
        if way.is_none() && matches!(resent, Resent::Done | Resent::Shut(_)) {
            self.asked += 1;
        }
        let message = self.carry().await.into_iter().find(|given| given.code().is_some());
        (resent, message)
    }

    /// A code is typed, with the app's next one if there is a second.
    pub async fn type_code(&mut self, begun: &Begun, typed: &str, next: Option<&str>) -> Checked {
        self.steps += 1;
        let asked = CheckCode {
            ceremony: begun.ceremony,
            presented: begun.holder,
            typed: Secret::new(typed.to_owned()),
            next: next.map(|next| Secret::new(next.to_owned())),
            trust_device: false,
            session: None,
            origin: begun.from.origin(),
        };
        let checked = check(&self.node(), asked).await.expect("no failure");
        if matches!(checked, Checked::Refused(CodeVerdict::Wrong { .. }) | Checked::SignedIn(_)) {
            let (ceremony, at) = (begun.ceremony, self.now());
            self.guesses.push(Guess { ceremony, unknown: !begun.known, at, forgiven: false });
        }
        if matches!(checked, Checked::SignedIn(_)) {
            let same = |guess: &&mut Guess| guess.ceremony.id == begun.ceremony.id;
            self.guesses.iter_mut().filter(same).for_each(|guess| guess.forgiven = true);
        }
        self.carry().await;
        checked
    }

    /// The owner types the code that a message brought; whether that was it.
    pub async fn complete(&mut self, owner: &mut Owner, begun: &Begun, message: &Given) -> bool {
        let code = message.code().expect("a message with a code");
        match self.type_code(begun, code, None).await {
            Checked::SignedIn(granted) => {
                if begun.known || owner.device.is_none() {
                    owner.device = granted.device_token;
                }
                true
            }
            _ => false,
        }
    }

    /// The owner signs in for the first time, at home: from here on the device is known.
    pub async fn gets_known(&mut self, owner: &mut Owner, home: &From) {
        let begun = self.begin(owner, false, home).await;
        let message = begun.message.clone().expect("the first message of all");
        self.until(message.arrives.expect("it arrives").plus(Span::seconds(5))).await;
        assert!(self.complete(owner, &begun, &message).await && owner.device.is_some(), "the first sign-in of all");
    }

    /// What the card of an account says now.
    pub async fn verdict(&self, owner: &Owner) -> Verdict {
        self.ledger(owner).await.verdict
    }

    /// Whether every node looks and finds that messages are pumped, as machines that watch are told.
    pub async fn is_pumped(&self) -> bool {
        let mut all = true;
        for Node { app, routes, .. } in &self.nodes {
            pumping::look(app, routes.all()).await;
            all &= app.metrics.text().lines().any(|line| line == "nidan_setups_pumped 1");
        }
        all
    }

    /// The ledger of an account, as its owner sees it.
    pub async fn ledger(&self, owner: &Owner) -> messages::Ledger {
        messages::look(&self.app, owner.id).await.expect("no failure").expect("an account")
    }
}

/// The stored form of a password that nobody has.
const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What everybody does, in order of time.
pub struct Agenda<T> {
    acts: BTreeMap<(Timestamp, usize), T>,
    entered: usize,
}

impl<T> Agenda<T> {
    /// Nothing is planned.
    pub fn new() -> Self {
        Self { acts: BTreeMap::new(), entered: 0 }
    }

    /// This is to be done then.
    pub fn plan(&mut self, at: Timestamp, act: T) {
        self.acts.insert((at, self.entered), act);
        self.entered += 1;
    }

    /// What comes next.
    pub fn next(&mut self) -> Option<(Timestamp, T)> {
        self.acts.pop_first().map(|((at, _), act)| (at, act))
    }
}

/// A folder for the keys of one server.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("nidan-scenarios-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
