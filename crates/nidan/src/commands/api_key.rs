//! `nidan api-key create`, `list`, `revoke`, `resume`.

use clap::Subcommand;
use nidan_core::alarm::Kind;
use nidan_core::api_key::{ApiKey, Scope, Scopes};
use nidan_core::id::ApiKeyId;
use nidan_core::secret::Secret;
use nidan_core::time::Timestamp;

use super::config::SettingsFile;
use super::{Env, Failure, answer, tell};
use crate::app::{Clock, Random};
use crate::store::stop::{self, Stopped};
use crate::store::{Db, StoreError, Tx, api_key, migrate};

/// The keys with which sites use the REST API.
#[derive(Subcommand)]
pub enum Command {
    /// Makes a key and prints it, this once: only its hash is kept.
    Create {
        /// What you will know it by, e.g. the site and what it uses the key for.
        #[arg(value_parser = name)]
        name: String,
        /// What it may do, separated by commas: accounts, sign_in, read, assert_password, support.
        #[arg(long, value_name = "SCOPES", value_delimiter = ',', value_parser = scope, default_value = "accounts,sign_in,read")]
        scopes: Vec<Scope>,
        /// Where the settings are.
        #[command(flatten)]
        file: SettingsFile,
    },
    /// Lists all keys, oldest first: id, state, when made, scopes, name.
    List(SettingsFile),
    /// Revokes a key, at once and for good.
    Revoke {
        /// The key's id (key_…) as `nidan api-key list` shows it, or a name: then every key of that name.
        #[arg(value_name = "ID|NAME")]
        key: String,
        /// Where the settings are.
        #[command(flatten)]
        file: SettingsFile,
    },
    /// Has a key go on that was stopped by itself, because the program that used it repeated its requests.
    ///
    /// Mend that program first. Requests are taken again at once.
    Resume {
        /// The key's id (key_…) as the log and `nidan api-key list` show it.
        #[arg(value_name = "ID")]
        key: ApiKeyId,
        /// Where the settings are.
        #[command(flatten)]
        file: SettingsFile,
    },
}

pub(super) async fn run(command: &Command, env: &Env) -> Result<(), Failure> {
    let now = Clock::system().now();
    match command {
        Command::Create { name, scopes, file } => {
            let db = open(file, env).await?;
            let key = create(&db, name, scopes.iter().copied().collect(), (&Random::system(), now)).await?;
            answer(key.expose())?;
            tell("keep this key safe: it is not shown again");
            Ok(())
        }
        Command::List(file) => {
            let db = open(file, env).await?;
            let keys = db.read((), |tx, ()| Box::pin(api_key::list(tx))).await?;
            let stopped = db.read((), |tx, ()| Box::pin(stop::open(tx))).await?;
            keys.iter().try_for_each(|key| answer(&line(key, &stopped)))
        }
        Command::Resume { key, file } => {
            super::resume(&open(file, env).await?, Kind::ApiKey, &key.to_string(), now).await
        }
        Command::Revoke { key, file } => {
            let db = open(file, env).await?;
            match revoke(&db, key, now).await? {
                0 => Err(Failure(format!("no living key is {key}: `nidan api-key list` shows which there are"))),
                1 => answer("revoked 1 key"),
                count => answer(&format!("revoked {count} keys")),
            }
        }
    }
}

async fn open(file: &SettingsFile, env: &Env) -> Result<Db, Failure> {
    let db = Db::open(&file.read(env)?.database).await?;
    migrate::check(&db).await?;
    Ok(db)
}

async fn create(
    db: &Db,
    name: &str,
    scopes: Scopes,
    (random, now): (&Random, Timestamp),
) -> Result<Secret<String>, StoreError> {
    let (key, row) = new_key(name, scopes, (random, now));
    db.transact(row, |tx, row| Box::pin(api_key::insert(tx, row))).await?;
    Ok(key.reveal())
}

/// Makes a key with all scopes in place of all earlier ones of this name.
pub async fn replace(db: &Db, name: &str, (random, now): (&Random, Timestamp)) -> Result<Secret<String>, StoreError> {
    async fn body(tx: &mut Tx<'_>, row: &api_key::ApiKey) -> Result<(), StoreError> {
        api_key::revoke_named(tx, &row.name, row.created_at).await?;
        api_key::insert(tx, row).await
    }
    let (key, row) = new_key(name, Scopes::all(), (random, now));
    db.transact(row, |tx, row| Box::pin(body(tx, row))).await?;
    Ok(key.reveal())
}

fn new_key(name: &str, scopes: Scopes, (random, now): (&Random, Timestamp)) -> (ApiKey, api_key::ApiKey) {
    let id = ApiKeyId::from_bytes(*uuid::Builder::from_random_bytes(random.bytes()).as_uuid().as_bytes());
    let key = ApiKey::new(id, random.bytes());
    let hash = key.hash();
    (key, api_key::ApiKey { id, name: name.into(), scopes, created_at: now, revoked_at: None, hash })
}

/// How many keys were revoked.
async fn revoke(db: &Db, key: &str, now: Timestamp) -> Result<usize, StoreError> {
    async fn body(tx: &mut Tx<'_>, (key, now): &(String, Timestamp)) -> Result<usize, StoreError> {
        if let Ok(id) = key.parse() {
            return Ok(usize::from(api_key::revoke(tx, id, *now).await?));
        }
        let keys = api_key::list(tx).await?;
        api_key::revoke_named(tx, key, *now).await?;
        Ok(keys.iter().filter(|known| known.name == *key && known.revoked_at.is_none()).count())
    }
    db.transact((key.to_owned(), now), |tx, input| Box::pin(body(tx, input))).await
}

fn line(key: &api_key::ApiKey, stopped: &[Stopped]) -> String {
    let is_stopped = || stopped.iter().any(|one| one.kind == Kind::ApiKey && one.name == key.id.to_string());
    let state = match key.revoked_at {
        Some(_) => "revoked",
        None if is_stopped() => "stopped",
        None => "living",
    };
    let created = jiff::Timestamp::from_second(key.created_at.seconds()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{}  {state:7}  {created}  {}  {}", key.id, key.scopes.to_string().replace(' ', ","), key.name)
}

fn scope(name: &str) -> Result<Scope, String> {
    Scope::from_name(name).ok_or_else(|| "scopes are accounts, sign_in, read, assert_password and support".into())
}

fn name(name: &str) -> Result<String, String> {
    let trimmed = name.trim();
    match trimmed.chars().count() {
        1..=64 if !trimmed.chars().any(char::is_control) => Ok(trimmed.into()),
        _ => Err("a name has 1 to 64 characters and no line breaks".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_795_000_000_000);

    async fn fresh() -> (Db, Random) {
        let db = Db::open(&"sqlite::memory:".parse().expect("a database")).await.expect("opens");
        migrate::migrate(&db).await.expect("migrates");
        (db, Random::seeded(1))
    }

    async fn lines(db: &Db) -> Vec<String> {
        let keys = db.read((), |tx, ()| Box::pin(api_key::list(tx))).await.expect("lists");
        keys.iter().map(|key| line(key, &[])).collect()
    }

    async fn is_kept(db: &Db, key: &Secret<String>) -> bool {
        let presented = ApiKey::parse(key.expose()).expect("a key");
        let kept = db.read(presented.id, |tx, id| Box::pin(api_key::find(tx, *id))).await.expect("reads");
        kept.is_some_and(|kept| kept.hash.same(&presented.hash()) && kept.revoked_at.is_none())
    }

    #[tokio::test]
    async fn a_key_is_made_listed_and_revoked_by_id() {
        let (db, random) = fresh().await;
        let key = create(&db, "shop", Scopes::default(), (&random, NOW)).await.expect("made");
        assert!(is_kept(&db, &key).await);
        let listed = lines(&db).await;
        assert!(listed[0].ends_with("  living   2026-11-18T11:06:40Z  accounts,sign_in,read  shop"), "{listed:?}");
        assert!(!listed[0].contains(&key.expose()[4..20]));
        let id = listed[0].split(' ').next().expect("an id");
        assert_eq!(revoke(&db, id, NOW).await, Ok(1));
        assert_eq!(revoke(&db, id, NOW).await, Ok(0));
        assert!(lines(&db).await[0].contains("  revoked  "));
    }

    #[tokio::test]
    async fn a_name_revokes_every_living_key_of_that_name() {
        let (db, random) = fresh().await;
        for name in ["shop", "shop", "other"] {
            create(&db, name, Scopes::default(), (&random, NOW)).await.expect("made");
        }
        assert_eq!(revoke(&db, "shop", NOW).await, Ok(2));
        assert_eq!(revoke(&db, "shop", NOW).await, Ok(0));
        assert_eq!(lines(&db).await.iter().filter(|line| line.contains("  living ")).count(), 1);
    }

    #[tokio::test]
    async fn replacing_leaves_one_living_key_with_all_scopes() {
        let (db, random) = fresh().await;
        let first = replace(&db, "demo", (&random, NOW)).await.expect("made");
        let second = replace(&db, "demo", (&random, NOW)).await.expect("made");
        assert!(!is_kept(&db, &first).await && is_kept(&db, &second).await);
        assert!(lines(&db).await.iter().any(|line| line.contains("living") && line.contains("support")));
    }

    #[test]
    fn names_and_scopes() {
        assert_eq!(name(" shop "), Ok("shop".into()));
        assert!(name("").is_err() && name("a\nb").is_err() && name(&"x".repeat(65)).is_err());
        assert!(scope("read").is_ok() && scope("all").is_err());
    }
}
