//! A PostgreSQL database of its own for each test, copied from a migrated one and dropped at the end.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU32, Ordering};

use nidan::store::{DatabaseUrl, Db, Engine, migrate};
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};

/// Dropped with its database, whoever is still connected.
pub struct TestDatabase {
    name: String,
}

impl TestDatabase {
    /// With the schema in it.
    pub async fn migrated() -> Self {
        static TEMPLATE: OnceCell<String> = OnceCell::const_new();
        let template = TEMPLATE.get_or_init(template).await;
        Self::copy_of(template).await
    }

    /// With nothing in it.
    pub async fn empty() -> Self {
        Self::copy_of("template0").await
    }

    async fn copy_of(template: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("nidan_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let admin = connect(&server()).await;
        admin.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await.expect("drop");
        admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await.expect("create");
        Self { name }
    }

    /// Its URL as text, to be parsed or added to.
    pub fn url_text(&self) -> String {
        url_of(&self.name)
    }

    /// Its URL.
    pub fn url(&self) -> DatabaseUrl {
        self.url_text().parse().expect("a URL")
    }

    /// A plain connection, for what Nidan itself never does.
    pub async fn connect(&self) -> Client {
        connect(&self.url_text()).await
    }

    /// Sets a default for all sessions that begin from now on.
    pub async fn set_default(&self, setting: &str) {
        let text = format!("ALTER DATABASE {} SET {setting}", self.name);
        connect(&server()).await.batch_execute(&text).await.expect("a setting");
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let text = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // A thread with a runtime of its own, since the test's may be shutting down and cannot be waited on here.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async { connect(&server()).await.batch_execute(&text).await })
        });
        let outcome = dropped.join();
        if !std::thread::panicking() {
            outcome.expect("no panic").expect("the test's database is dropped");
        }
    }
}

/// Throws everybody out of a database and lets nobody in, or lets in again.
pub async fn let_in(database: &str, everybody: bool) {
    let admin = connect(&server()).await;
    admin.batch_execute(&format!("ALTER DATABASE {database} ALLOW_CONNECTIONS {everybody}")).await.expect("a setting");
    if !everybody {
        let terminate = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1";
        admin.execute(terminate, &[&database]).await.expect("nobody connected");
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has no settings file")]
fn server() -> String {
    std::env::var("NIDAN_TEST_POSTGRES").unwrap_or_else(|_| {
        panic!("set NIDAN_TEST_POSTGRES to the URL of a PostgreSQL server for tests: crates/nidan/tests/postgres start DIR prints one")
    })
}

fn url_of(name: &str) -> String {
    let server = server();
    let (base, query) = server.split_once('?').unwrap_or((&server, ""));
    let (host, _) = base.rsplit_once('/').expect("a database in the URL");
    if query.is_empty() { format!("{host}/{name}") } else { format!("{host}/{name}?{query}") }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("PostgreSQL at NIDAN_TEST_POSTGRES");
    tokio::spawn(connection);
    client
}

/// A migrated database that is kept on the server and named after its schema, so that the next run finds it made.
async fn template() -> String {
    let mut hasher = DefaultHasher::new();
    migrate::schema(Engine::Postgres).hash(&mut hasher);
    let template = format!("nidan_template_{:x}", hasher.finish());
    let admin = connect(&server()).await;
    let known = admin.query("SELECT 1 FROM pg_database WHERE datname = $1", &[&template]).await.expect("an answer");
    if !known.is_empty() {
        return template;
    }
    let made = TestDatabase::empty().await;
    let db = Db::open(&made.url()).await.expect("a database");
    migrate::migrate(&db).await.expect("migrated");
    drop(db);
    let terminate = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1";
    admin.execute(terminate, &[&made.name]).await.expect("nobody connected");
    // Fails if another run was faster, with the same result.
    let _ = admin.batch_execute(&format!("ALTER DATABASE {} RENAME TO {template}", made.name)).await;
    template
}
