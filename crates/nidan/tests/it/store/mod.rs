//! The store on every database it runs on.

mod file;
mod migration;
mod on_postgres;
mod seam;
mod statements;

use std::any::Any;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use nidan::store::{DatabaseUrl, Db, migrate};

use crate::postgres::TestDatabase;

/// An open, migrated database that is gone after the test.
pub struct Store {
    pub db: Db,
    /// What removes the rest when dropped; after the database itself, hence below it.
    _place: Option<Box<dyn Any + Send>>,
}

impl Store {
    pub async fn in_memory() -> Self {
        Self::at("sqlite::memory:".parse().expect("a URL"), None).await
    }

    pub async fn in_a_file() -> Self {
        let directory = Directory::new();
        Self::at(directory.url(), Some(Box::new(directory))).await
    }

    pub async fn on_postgres() -> Self {
        let database = TestDatabase::migrated().await;
        let db = Db::open(&database.url()).await.expect("a database");
        Self { db, _place: Some(Box::new(database)) }
    }

    async fn at(url: DatabaseUrl, place: Option<Box<dyn Any + Send>>) -> Self {
        let db = Db::open(&url).await.expect("a database");
        migrate::migrate(&db).await.expect("migrated");
        Self { db, _place: place }
    }
}

/// A directory for the files of one test.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("nidan-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    pub fn path(&self) -> PathBuf {
        self.0.clone()
    }

    pub fn file(&self) -> PathBuf {
        self.0.join("nidan.db")
    }

    pub fn url(&self) -> DatabaseUrl {
        format!("sqlite:{}", self.file().display()).parse().expect("a URL")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Makes each `async fn name(db: Db)` a test in memory, in a file and on PostgreSQL.
macro_rules! on_every_database {
    ($($name:ident)+) => {
        crate::store::on_every_database!(@on in_memory: $($name)+);
        crate::store::on_every_database!(@on in_a_file: $($name)+);
        crate::store::on_every_database!(@on on_postgres: $($name)+);
    };
    (@on $place:ident: $($name:ident)+) => {
        mod $place {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let store = crate::store::Store::$place().await;
                    super::$name(store.db.clone()).await;
                }
            )+
        }
    };
}
pub(crate) use on_every_database;
