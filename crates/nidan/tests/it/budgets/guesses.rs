//! Guesses are charged to the device they come from or to the account, whichever sign-in they are typed in.

use futures_util::future::join_all;
use nidan::app::App;
use nidan::bench::seed::Owner;
use nidan::flow::guesses::{self, Charge, ChargedTo};
use nidan::store::account::{self, Account};
use nidan::store::ceremony::{self, Open};
use nidan::store::client::Client;
use nidan::store::message::{self, Cause, CauseKind, NewMessage};
use nidan::store::{Db, StoreError, Tx, device};
use nidan_core::code::challenge_id;
use nidan_core::device::Device;
use nidan_core::id::{self, DeviceId, Scoped};
use nidan_core::ladder::{Barred, DeviceGuesses, Step};
use nidan_core::lane::Lane;
use nidan_core::language::Language;
use nidan_core::ledger::State;
use nidan_core::message::MessageKind;
use nidan_core::password_known::{Arrived, SignIn};
use nidan_core::secret::Secret;
use nidan_core::time::{Span, Timestamp};
use nidan_core::token::TokenHash;

use super::{Node, START};

crate::store::on_every_database!(
    parallel_guesses_in_many_sign_ins_share_the_account_s_day
    a_success_forgives_its_own_and_nothing_else
    a_sign_in_that_the_mailbox_freed_is_charged_all_the_same
    a_known_device_has_guesses_of_its_own_until_its_end
    a_device_that_is_gone_leaves_its_guesses_to_nobody
    guesses_and_closures_outlive_a_restart
    sign_ins_with_the_password_alone_are_told_from_the_ledger
);

impl Node {
    async fn charge(&self, sign_in: Scoped<id::Ceremony>, offered: Step) -> Charge {
        let input = (self.app.clone(), sign_in, offered);
        let charge = self.app.db.transact(input, |tx, (app, sign_in, offered)| {
            Box::pin(async move {
                let (mut account, mut open) = load(app, tx, *sign_in).await?;
                guesses::charge(tx, app, (&mut account, &mut open), *offered, app.clock.now()).await
            })
        });
        charge.await.expect("no failure")
    }

    async fn forgive(&self, sign_in: Scoped<id::Ceremony>) {
        let input = (self.app.clone(), sign_in);
        let forgiven = self.app.db.transact(input, |tx, (app, sign_in)| {
            Box::pin(async move {
                let (mut account, mut open) = load(app, tx, *sign_in).await?;
                guesses::forgive(tx, &mut account, &mut open, app.clock.now()).await
            })
        });
        forgiven.await.expect("no failure");
    }

    async fn seen(&self, sign_in: Scoped<id::Ceremony>) -> (Account, Open) {
        let input = (self.app.clone(), sign_in);
        let seen = self.app.db.read(input, |tx, (app, sign_in)| Box::pin(load(app, tx, *sign_in)));
        seen.await.expect("no failure")
    }

    /// Guesses of the year.
    async fn year(&self, sign_in: Scoped<id::Ceremony>) -> u32 {
        self.seen(sign_in).await.0.guesses.year(self.app.clock.now())
    }

    async fn device(&self, sign_in: Scoped<id::Ceremony>, id: DeviceId) -> Option<DeviceGuesses> {
        let input = (self.app.clone(), sign_in, id);
        let found = self.app.db.read(input, |tx, (app, sign_in, id)| {
            Box::pin(async move {
                let (account, _) = load(app, tx, *sign_in).await?;
                device::find(tx, &account, *id).await
            })
        });
        found.await.expect("no failure").map(|known| known.guesses)
    }

    /// A sign-in from a device that completed a second step before.
    async fn sign_in_from(&self, owner: &Owner, device: DeviceId) -> Scoped<id::Ceremony> {
        let from = self.sign_in(owner).await;
        let input = (self.app.clone(), from, device);
        let opened = self.app.db.transact(input, |tx, (app, from, id)| {
            Box::pin(async move {
                let (account, open) = load(app, tx, *from).await?;
                let now = app.clock.now();
                if device::find(tx, &account, *id).await?.is_none() {
                    let device = Device {
                        token: TokenHash::from_bytes(app.random.bytes()),
                        successor: None,
                        trusted: false,
                        sec_epoch: account.sec_epoch,
                        created_at: now,
                        last_used_at: now,
                    };
                    device::insert(tx, &account, (*id, &device), &Client::default(), 10).await?;
                }
                let open = Open { id: app.new_id(now), device: Some(*id), lane: Lane::K, ..open };
                ceremony::insert(tx, &account, &open).await?;
                Ok(Scoped { account: account.id, id: open.id })
            })
        });
        opened.await.expect("no failure")
    }
}

async fn load(app: &App, tx: &mut Tx<'_>, sign_in: Scoped<id::Ceremony>) -> Result<(Account, Open), StoreError> {
    let account = account::load(tx, app, sign_in.account).await?.expect("an account");
    let open = ceremony::load(tx, &account, sign_in.id).await?.expect("a sign-in");
    Ok((account, open))
}

const TO_ACCOUNT: Charge = Charge { verdict: Ok(ChargedTo::Account), ended: None };
const TO_DEVICE: Charge = Charge { verdict: Ok(ChargedTo::Device), ended: None };

async fn parallel_guesses_in_many_sign_ins_share_the_account_s_day(db: Db) {
    let node = Node::new(db);
    let owners = node.owners(2).await;
    let mut sign_ins = Vec::new();
    for _ in 0..8 {
        sign_ins.push(node.sign_in(&owners[0]).await);
    }
    let node = &node;
    let charges = join_all((0..64).map(|n| node.charge(sign_ins[n % 8], Step::Six))).await;
    assert_eq!(charges.iter().filter(|charge| **charge == TO_ACCOUNT).count(), 10);
    let waits =
        charges.iter().filter(|charge| matches!(charge.verdict, Err(Barred::Wait { .. } | Barred::Stronger(_))));
    assert_eq!((waits.count(), node.year(sign_ins[0]).await), (54, 10));
    let tomorrow = START.plus(Span::days(2));
    node.clock.set(tomorrow);
    assert_eq!(node.charge(sign_ins[0], Step::Six).await.verdict, Err(Barred::Stronger(Step::EightOrPair)));
    assert_eq!(node.charge(sign_ins[0], Step::EightOrPair).await, TO_ACCOUNT);
    let (account, _) = node.seen(sign_ins[0]).await;
    let stranger = guesses::open(&node.app, &account, (false, false), tomorrow);
    assert!(matches!(stranger, Err(Barred::Wait { .. })), "{stranger:?}");
    assert_eq!(
        guesses::open(&node.app, &account, (true, false), tomorrow),
        Ok(Step::Six),
        "a known device waits for nobody"
    );
    assert_eq!(
        guesses::open(&node.app, &account, (false, true), tomorrow),
        Ok(Step::EightOrPair),
        "nor does a released one"
    );
    assert_eq!(node.charge(node.sign_in(&owners[1]).await, Step::Six).await, TO_ACCOUNT, "another account");
}

async fn a_success_forgives_its_own_and_nothing_else(db: Db) {
    let node = Node::new(db);
    let owner = &node.owners(1).await[0];
    let (thief, own) = (node.sign_in(owner).await, node.sign_in(owner).await);
    for sign_in in [thief, own, own, thief, own] {
        assert_eq!(node.charge(sign_in, Step::Six).await, TO_ACCOUNT);
    }
    assert_eq!(node.year(own).await, 5);
    for _ in 0..2 {
        node.forgive(own).await;
        assert_eq!(node.year(own).await, 2, "once");
    }
}

async fn a_sign_in_that_the_mailbox_freed_is_charged_all_the_same(db: Db) {
    let node = Node::new(db);
    let owner = &node.owners(1).await[0];
    let sign_in = node.sign_in(owner).await;
    for guess in 1..=200 {
        let freed = node.sign_in(owner).await;
        let (_, open) = node.seen(freed).await;
        let input = (open, START);
        let released = node.app.db.transact(input, |tx, (open, now)| Box::pin(ceremony::release(tx, open, *now)));
        assert!(released.await.expect("no failure"));
        assert_eq!(node.charge(freed, Step::EightOrPair).await, TO_ACCOUNT);
        assert_eq!(node.year(sign_in).await, guess, "beyond the day's ten");
    }
    assert_eq!(node.charge(sign_in, Step::EightOrPair).await.verdict, Err(Barred::Stronger(Step::StrongOnly)));
}

async fn a_known_device_has_guesses_of_its_own_until_its_end(db: Db) {
    let node = Node::new(db);
    let owner = &node.owners(1).await[0];
    let id = DeviceId::from_bytes([9; 16]);
    let mut sign_in = node.sign_in_from(owner, id).await;
    for day in 0..2 {
        node.clock.set(START.plus(Span::days(day)));
        let charges = join_all((0..16).map(|_| node.charge(sign_in, Step::Six))).await;
        assert_eq!(charges.iter().filter(|charge| **charge == TO_DEVICE).count(), 10);
        assert!(charges.iter().any(|charge| matches!(charge.verdict, Err(Barred::Wait { .. }))) || day == 1);
        sign_in = if day == 0 { node.sign_in_from(owner, id).await } else { sign_in };
    }
    assert_eq!(node.device(sign_in, id).await, None, "twenty are enough for its life");
    let (_, open) = node.seen(sign_in).await;
    assert_eq!((open.device, open.lane), (None, Lane::U), "from here it is as if nobody knew it");
    assert_eq!(u32::from(open.charged), node.year(sign_in).await, "and what it was charged is the account's");
    node.forgive(sign_in).await;
    assert_eq!(node.year(sign_in).await, 0);
}

async fn a_device_that_is_gone_leaves_its_guesses_to_nobody(db: Db) {
    let node = Node::new(db);
    let owner = &node.owners(1).await[0];
    let id = DeviceId::from_bytes([9; 16]);
    let (thief, own) = (node.sign_in(owner).await, node.sign_in_from(owner, id).await);
    assert_eq!(node.charge(thief, Step::Six).await, TO_ACCOUNT);
    for _ in 0..3 {
        assert_eq!(node.charge(own, Step::Six).await, TO_DEVICE);
    }
    let other = node.sign_in_from(owner, id).await;
    assert_eq!(node.charge(other, Step::Six).await, TO_DEVICE);
    node.forgive(other).await;
    assert_eq!(node.device(own, id).await.map(|guesses| guesses.life), Some(3));
    let input = (own.account, id);
    let removed = node.app.db.transact(input, |tx, (account, id)| Box::pin(device::remove(tx, *account, *id)));
    assert!(removed.await.expect("no failure"));
    node.forgive(own).await;
    assert_eq!(node.year(own).await, 1, "the thief's stays");
}

async fn guesses_and_closures_outlive_a_restart(db: Db) {
    let node = Node::new(db.clone());
    let owner = &node.owners(1).await[0];
    let sign_in = node.sign_in(owner).await;
    node.charge(sign_in, Step::Six).await;
    let input = (node.app.clone(), sign_in);
    let closed = node.app.db.transact(input, |tx, (app, sign_in)| {
        Box::pin(async move {
            let (mut account, open) = load(app, tx, *sign_in).await?;
            assert!(!account.closure.is_closed(account.password_changed_at));
            account.closure = account.closure.close(None, app.clock.now()).stopped().stopped();
            account::save_closure(tx, &account).await?;
            assert!(ceremony::release(tx, &open, app.clock.now()).await?);
            ceremony::release(tx, &open, app.clock.now()).await
        })
    });
    assert!(!closed.await.expect("no failure"), "released once");
    let restarted = node.another(db);
    let (account, open) = restarted.seen(sign_in).await;
    assert_eq!((account.guesses.year(START), account.closure.stopped, open.charged), (1, 2, 1));
    assert_eq!((account.closure.closed_at, account.closure.told_at), (Some(START), None));
    assert_eq!((open.released_at, open.lane), (Some(START), Lane::U));
    let later = START.plus(Span::minutes(1));
    let input = (sign_in.account, later);
    let changed = restarted.app.db.transact(input, |tx, (id, now)| Box::pin(account::password_changed(tx, *id, *now)));
    changed.await.expect("no failure");
    let (account, _) = restarted.seen(sign_in).await;
    assert_eq!(account.password_changed_at, Some(later));
    assert!(!account.closure.is_closed(account.password_changed_at));
}

/// Sends the code of a sign-in `n` times; each message becomes what `states` say.
async fn send(node: &Node, owner: &Owner, sign_in: Scoped<id::Ceremony>, states: &'static [State]) {
    let input = (node.app.clone(), sign_in, owner.clone(), states);
    let sent = node.app.db.transact(input, |tx, (app, sign_in, owner, states)| {
        Box::pin(async move {
            let (account, open) = load(app, tx, *sign_in).await?;
            let now = app.clock.now();
            for (n, state) in (1..).zip(*states) {
                let client = Client::default();
                let new = NewMessage {
                    id: app.new_id(now),
                    challenge: Some(challenge_id(open.id, Some(owner.sms))),
                    n,
                    kind: MessageKind::SignInCode,
                    language: Language::Ja,
                    destination: Secret::new(owner.phone.clone()),
                    cause: Cause { kind: CauseKind::SignIn, client, password_right: true },
                    tag: None,
                    serial: 1,
                    slot: 0,
                    lease_until: now,
                    expires_at: now,
                };
                let leased = message::claim(tx, &account, &new, now).await?;
                message::wire(tx, &account, leased, if n == 1 { "tells" } else { "silent" }, now).await?;
                message::settle(tx, leased, *state, None, now).await?;
            }
            Ok(())
        })
    });
    sent.await.expect("no failure");
}

async fn password_only(node: &Node, owner: &Owner, since: Timestamp) -> Vec<SignIn> {
    let input = (node.app.clone(), owner.account, since);
    let found = node.app.db.read(input, |tx, (app, account, since)| {
        Box::pin(ceremony::password_only(tx, app, (*account, |route: &str| route == "tells"), *since))
    });
    found.await.expect("no failure")
}

async fn sign_ins_with_the_password_alone_are_told_from_the_ledger(db: Db) {
    let node = Node::new(db);
    let owner = &node.owners(1).await[0];
    let known = node.sign_in_from(owner, DeviceId::from_bytes([9; 16])).await;
    node.finish(known).await.expect("finished");
    let mut expected = Vec::new();
    for (minute, states, arrived) in [
        (0, &[State::Delivered][..], Arrived::Yes),
        (1, &[State::Accepted], Arrived::NotKnown),
        (2, &[State::Accepted, State::Accepted], Arrived::Yes),
        (3, &[State::Undelivered], Arrived::No),
        (4, &[State::Suppressed, State::Undelivered], Arrived::No),
    ] {
        let opened_at = START.plus(Span::minutes(minute));
        node.clock.set(opened_at);
        let sign_in = node.sign_in(owner).await;
        send(&node, owner, sign_in, states).await;
        let completed = minute == 1;
        if completed {
            node.finish(sign_in).await.expect("finished");
        }
        expected.push(SignIn { opened_at, completed, alive: !completed, arrived });
    }
    // Nothing was sent in these two, so that they tell nothing.
    let suppressed = node.sign_in(owner).await;
    send(&node, owner, suppressed, &[State::Suppressed]).await;
    node.sign_in(owner).await;
    assert_eq!(password_only(&node, owner, START.minus(Span::ms(1))).await, expected);
    assert_eq!(password_only(&node, owner, START).await, expected[1..]);
    node.clock.set(START.plus(Span::minutes(13)));
    let now = password_only(&node, owner, START).await;
    assert_eq!(now.iter().map(|sign_in| sign_in.alive).collect::<Vec<_>>(), [false, false, false, true]);
}
