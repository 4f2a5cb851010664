//! What was asked for, as the card about a flood needs it.

use nidan::store::client::Client;
use nidan::store::request::{self, Asker, Kept, Request};
use nidan::store::{Db, account, sql};
use nidan_core::budget::Suppressed;
use nidan_core::id::{ApiKeyId, DeviceId};
use nidan_core::time::Span;

use super::{Node, START};

crate::store::on_every_database!(
    requests_are_kept_as_they_were_asked
    networks_are_told_apart_without_their_addresses
    requests_go_with_their_account_and_their_time
);

sql! {
    STORED = "SELECT network, facts FROM request";
}

fn from(address: &str) -> Asker {
    let client = Client { address: Some(address.to_owned()), program: Some("Firefox".to_owned()) };
    let device = Some(DeviceId::from_bytes([3; 16]));
    Asker { client, password_right: true, device, device_known: true, api_key: Some(ApiKeyId::from_bytes([4; 16])) }
}

fn opened(by: Asker) -> Request {
    Request { ceremony: None, press: false, refused: None, until: None, by }
}

impl Node {
    async fn append(&self, owner: nidan_core::id::AccountId, request: Request) {
        let input = (self.app.clone(), owner, request);
        let appended = self.app.db.transact(input, |tx, (app, owner, request)| {
            Box::pin(async move {
                let account = account::load(tx, app, *owner).await?.expect("an account");
                request::append(tx, app, &account, request, app.clock.now()).await
            })
        });
        appended.await.expect("no failure");
    }

    async fn requests(&self, owner: nidan_core::id::AccountId, since: nidan_core::time::Timestamp) -> Vec<Kept> {
        let input = (self.app.clone(), owner, since);
        let listed = self.app.db.read(input, |tx, (app, owner, since)| {
            Box::pin(async move {
                let account = account::load(tx, app, *owner).await?.expect("an account");
                request::list(tx, &account, *since).await
            })
        });
        listed.await.expect("no failure")
    }
}

async fn requests_are_kept_as_they_were_asked(db: Db) {
    let node = Node::new(db);
    let owner = &node.owners(1).await[0];
    let sign_in = node.sign_in(owner).await;
    let all = [
        Request { ceremony: Some(sign_in.id), ..opened(from("192.0.2.1")) },
        Request { ceremony: Some(sign_in.id), press: true, ..opened(Asker::default()) },
        Request { refused: Some(Suppressed::PasswordKnown), ..opened(from("2001:db8::1")) },
    ];
    for request in &all {
        node.clock.advance(Span::minutes(1));
        node.append(owner.account, request.clone()).await;
    }
    let now = node.app.clock.now();
    for _ in 0..2 {
        let input = (sign_in, now);
        let completed = node
            .app
            .db
            .transact(input, |tx, (sign_in, now)| Box::pin(request::completed(tx, sign_in.account, sign_in.id, *now)));
        completed.await.expect("no failure");
        node.clock.advance(Span::minutes(1));
    }
    let kept = node.requests(owner.account, START).await;
    assert_eq!(kept.iter().map(|kept| kept.request.clone()).collect::<Vec<_>>(), all);
    assert_eq!(kept.iter().map(|kept| kept.completed_at).collect::<Vec<_>>(), [Some(now), Some(now), None]);
    assert_eq!(kept[0].at, START.plus(Span::minutes(1)));
    let later = node.requests(owner.account, START.plus(Span::minutes(2))).await;
    assert_eq!(later, kept[2..]);
}

async fn networks_are_told_apart_without_their_addresses(db: Db) {
    let node = Node::new(db.clone());
    let owner = &node.owners(1).await[0];
    for address in ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "no address"] {
        node.append(owner.account, opened(from(address))).await;
    }
    let networks: Vec<_> = node.requests(owner.account, START.minus(Span::ms(1))).await;
    let networks: Vec<_> = networks.iter().map(|kept| kept.network).collect();
    let [one, written_otherwise, neighbour, line, same_line, none] = networks[..] else { panic!("six requests") };
    assert!(one == written_otherwise && line == same_line);
    assert!(one.is_some() && one != neighbour && neighbour.is_some() && one != line && line.is_some());
    assert_eq!(none, None);
    let stored = db.read((), |tx, ()| Box::pin(async move { tx.rows(&STORED, &[]).await }));
    for row in stored.await.expect("no failure") {
        let bytes = [row.opt_blob(0).expect("bytes").unwrap_or_default(), row.blob(1).expect("bytes")].concat();
        for readable in [&b"192.0.2"[..], b"2001:db8", b"Firefox"] {
            assert!(!bytes.windows(readable.len()).any(|window| window == readable));
        }
    }
}

async fn requests_go_with_their_account_and_their_time(db: Db) {
    let node = Node::new(db.clone());
    let owners = node.owners(2).await;
    for owner in &owners {
        node.append(owner.account, opened(Asker::default())).await;
    }
    let stored = async || {
        let stored = db.read((), |tx, ()| Box::pin(async move { tx.rows(&STORED, &[]).await }));
        stored.await.expect("no failure").len()
    };
    let erased = db.transact(owners[0].account, |tx, id| Box::pin(account::erase(tx, *id)));
    erased.await.expect("erased");
    assert_eq!(stored().await, 1);
    for (before, left) in [(START, 1), (START.plus(Span::ms(1)), 0)] {
        let forgotten = db.transact(before, |tx, before| Box::pin(request::forget(tx, *before)));
        forgotten.await.expect("forgotten");
        assert_eq!(stored().await, left);
    }
}
