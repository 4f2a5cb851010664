//! What a password costs tells nobody whether there is an account, though some accounts came with hashes of another cost.

use nidan::flow::By;
use nidan::flow::accounts::{Create, NewAccount, Who, count_hash_classes, create};
use nidan::flow::sign_in::{Proof, SignIn, SignInAnswer, begin};
use nidan::password_hash::StoredHash;
use nidan::store::Db;
use nidan::store::account::LoginKey;
use nidan_core::email::EmailAddress;
use nidan_core::language::Language;
use nidan_core::secret::Secret;

use super::{Flows, origin};

crate::store::on_every_database!(a_password_costs_the_same_with_an_account_and_without);

/// By Openwall, of the letters below: bcrypt at the lowest cost that sites have.
const BCRYPT: &str = "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui";
const BCRYPT_PASSWORD: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

fn address(name: &str) -> EmailAddress {
    EmailAddress::parse(&format!("{name}@example.jp")).expect("an address")
}

impl Flows {
    async fn import(&self, name: &str, password: Option<&str>) {
        let account = NewAccount {
            email: address(name),
            email_verified: true,
            external_id: None,
            password: password.map(|hash| Secret::new(hash.to_owned())),
            language: Language::Ja,
            groups: Vec::new(),
            last_seen_at: None,
        };
        create(&self.app, Create { account, origin: origin() }).await.expect("no failure");
    }

    /// Whether the password lets in, and how many hashes it cost to find out.
    async fn tries(&self, name: &str, password: &str) -> (bool, u64) {
        let who = Some(Who::email(&self.app, &address(name)));
        let proof = Proof::Password(Secret::new(password.to_owned()));
        let before = self.app.metrics.hashes().get();
        let sign_in = SignIn { who, proof, by: By::Site, device_token: None, origin: origin() };
        let answer = begin(&self.app, sign_in).await.expect("no failure");
        (!matches!(answer, SignInAnswer::InvalidCredentials), self.app.metrics.hashes().get() - before)
    }

    /// What an address without an account costs.
    fn class_of_unknown(&self, name: &str) -> String {
        let key = LoginKey::email(&self.app, &address(name));
        self.app.hash_classes.of_unknown(&self.app.keys, key.as_bytes()).class()
    }
}

async fn a_password_costs_the_same_with_an_account_and_without(db: Db) {
    let flows = Flows::new(db);
    let (ours, bcrypt) = (StoredHash::of_nobody(), StoredHash::parse(BCRYPT).expect("bcrypt"));
    assert_eq!(flows.class_of_unknown("nobody"), ours.class(), "nothing is known of any account");
    for n in 0..10 {
        flows.import(&format!("ours{n}"), Some(ours.text().expose())).await;
        flows.import(&format!("bcrypt{n}"), Some(BCRYPT)).await;
    }
    flows.import("at-its-site", None).await;
    count_hash_classes(&flows.app).await;

    let names: Vec<String> = (0..200).map(|n| format!("nobody{n}")).collect();
    let like = |hash: &StoredHash| -> Vec<&String> {
        names.iter().filter(|name| flows.class_of_unknown(name) == hash.class()).collect()
    };
    let (like_ours, like_bcrypt) = (like(&ours), like(&bcrypt));
    assert_eq!(like_ours.len() + like_bcrypt.len(), names.len());
    assert!((70..=130).contains(&like_bcrypt.len()), "half of 200, within four standard deviations");

    let wide = "ｐａｓｓｗｏｒｄ１２３４"; // its normal form has other bytes
    for (password, of_imported) in [("password1234", 1), (wide, 2)] {
        for (name, hashes) in [
            ("ours0", 1),
            (like_ours[0].as_str(), 1),
            (like_ours[1].as_str(), 1),
            ("bcrypt0", of_imported),
            (like_bcrypt[0].as_str(), of_imported),
            (like_bcrypt[1].as_str(), of_imported),
        ] {
            assert_eq!(flows.tries(name, password).await, (false, hashes), "{name}, {password}");
        }
        let at_its_site = if flows.class_of_unknown("at-its-site") == ours.class() { 1 } else { of_imported };
        assert_eq!(flows.tries("at-its-site", password).await, (false, at_its_site));
    }

    for n in 0..10 {
        let first = flows.tries(&format!("bcrypt{n}"), BCRYPT_PASSWORD).await;
        assert_eq!(first, (true, 2), "checked, and kept as ours");
    }
    count_hash_classes(&flows.app).await;
    assert_eq!(like(&bcrypt), Vec::<&String>::new(), "no account costs that any more");
}
