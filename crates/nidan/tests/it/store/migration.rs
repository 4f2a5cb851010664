//! The schema: the same on both databases, made once, and refused when it is not this program's.

use std::collections::BTreeMap;

use nidan::store::migrate::{self, NEWEST, SchemaMismatch};
use nidan::store::{Db, Engine, sql};

use super::Directory;
use crate::postgres::TestDatabase;

sql! {
    FORGE = "UPDATE schema_version SET checksum = 'forged' WHERE version = $1";
    ADVANCE = "INSERT INTO schema_version (version, checksum) VALUES ($1, 'from the future')";
    FORGET = "DELETE FROM schema_version WHERE version = $1";
}

async fn run(db: &Db, sql: &'static nidan::store::Sql, version: i64) {
    let input = (sql, version);
    let changed =
        db.transact(input, |tx, (sql, version)| Box::pin(async move { tx.execute(sql, &[(*version).into()]).await }));
    assert_eq!(changed.await, Ok(1));
}

async fn life(db: Db) {
    assert_eq!(migrate::check(&db).await, Err(SchemaMismatch::Older { found: 0, needed: NEWEST }));
    assert_eq!(migrate::migrate(&db).await, Ok(NEWEST));
    assert_eq!(migrate::check(&db).await, Ok(()));
    assert_eq!(migrate::migrate(&db).await, Ok(0), "nothing left to do");

    run(&db, &ADVANCE, NEWEST + 1).await;
    let newer = Err(SchemaMismatch::Newer { found: NEWEST + 1, needed: NEWEST });
    assert_eq!(migrate::check(&db).await, newer);
    assert_eq!(migrate::migrate(&db).await.map(drop), newer);
    run(&db, &FORGET, NEWEST + 1).await;
    assert_eq!(migrate::check(&db).await, Ok(()));

    run(&db, &FORGE, 1).await;
    let altered = Err(SchemaMismatch::Altered { version: 1 });
    assert_eq!(migrate::check(&db).await, altered);
    assert_eq!(migrate::migrate(&db).await.map(drop), altered);
}

#[tokio::test]
async fn a_schema_is_made_once_and_guarded_in_memory() {
    life(Db::open(&"sqlite::memory:".parse().expect("a URL")).await.expect("a database")).await;
}

#[tokio::test]
async fn a_schema_is_made_once_and_guarded_on_postgres() {
    let database = TestDatabase::empty().await;
    life(Db::open(&database.url()).await.expect("a database")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_migrate_at_once_one_does_it() {
    for _ in 0..4 {
        let (directory, database) = (Directory::new(), TestDatabase::empty().await);
        for url in [directory.url(), database.url()] {
            let (one, two) = (Db::open(&url).await.expect("one"), Db::open(&url).await.expect("two"));
            let (a, b) = tokio::join!(migrate::migrate(&one), migrate::migrate(&two));
            assert_eq!(a.expect("one") + b.expect("two"), NEWEST, "{url}");
        }
    }
}

#[test]
fn mismatches_say_what_to_run() {
    let older = SchemaMismatch::Older { found: 0, needed: 1 }.to_string();
    assert!(older.contains("nidan migrate"), "{older}");
    for other in [SchemaMismatch::Newer { found: 2, needed: 1 }, SchemaMismatch::Altered { version: 1 }] {
        assert!(other.to_string().contains("run the"), "{other}");
    }
}

/// What a table is, in words both databases share.
#[derive(Default, PartialEq, Eq, Debug)]
struct Table {
    /// Name, type, whether it may be null.
    columns: Vec<(String, String, bool)>,
    /// Sorted: the order of a primary key's columns differs on purpose.
    primary_key: Vec<String>,
    /// Name, columns, unique, partial.
    indexes: Vec<(String, String, bool, bool)>,
}

type Schema = BTreeMap<String, Table>;

fn sqlite_schema() -> Schema {
    let db = rusqlite::Connection::open_in_memory().expect("a database");
    db.execute_batch(&migrate::schema(Engine::Sqlite)).expect("the schema");
    let mut schema = Schema::new();
    let mut columns = db
        .prepare(
            "SELECT m.name, c.name, c.type, c.\"notnull\", c.pk FROM sqlite_master m JOIN pragma_table_info(m.name) c \
             WHERE m.type = 'table' ORDER BY m.name, c.cid",
        )
        .expect("a query");
    let mut rows = columns.query([]).expect("rows");
    while let Some(row) = rows.next().expect("a row") {
        let table = schema.entry(row.get(0).expect("a table")).or_default();
        let name: String = row.get(1).expect("a column");
        if row.get::<_, i64>(4).expect("pk") > 0 {
            table.primary_key.push(name.clone());
        }
        table.columns.push((name, row.get(2).expect("a type"), row.get::<_, i64>(3).expect("notnull") == 0));
    }
    let mut indexes = db
        .prepare(
            "SELECT m.name, l.name, group_concat(c.name, ','), l.\"unique\", l.partial FROM sqlite_master m \
             JOIN pragma_index_list(m.name) l JOIN pragma_index_info(l.name) c \
             WHERE m.type = 'table' AND l.origin = 'c' GROUP BY m.name, l.name ORDER BY l.name",
        )
        .expect("a query");
    let mut rows = indexes.query([]).expect("rows");
    while let Some(row) = rows.next().expect("a row") {
        let table = schema.entry(row.get(0).expect("a table")).or_default();
        let index = (1..=4).map(|n| row.get_ref(n).expect("a cell")).collect::<Vec<_>>();
        let text = |n: usize| index[n].as_str().expect("text").to_owned();
        let flag = |n: usize| index[n].as_i64().expect("a flag") == 1;
        table.indexes.push((text(0), text(1), flag(2), flag(3)));
    }
    schema
}

async fn postgres_schema() -> Schema {
    let database = TestDatabase::migrated().await;
    let client = database.connect().await;
    let mut schema = Schema::new();
    let columns = "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull, \
                   COALESCE(a.attnum = ANY (i.indkey), false) \
                   FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 \
                   LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary \
                   WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY c.relname, a.attnum";
    for row in client.query(columns, &[]).await.expect("columns") {
        let table = schema.entry(row.get(0)).or_default();
        let (name, ty): (String, String) = (row.get(1), row.get(2));
        if row.get(4) {
            table.primary_key.push(name.clone());
        }
        let class = match ty.as_str() {
            "bigint" => "INTEGER",
            "text" => "TEXT",
            "bytea" => "BLOB",
            other => panic!("{other} has no counterpart in SQLite"),
        };
        table.columns.push((name, class.into(), !row.get::<_, bool>(3)));
    }
    let indexes = "SELECT t.relname::text, c.relname::text, \
                   (SELECT string_agg(a.attname, ',' ORDER BY k.n) FROM unnest(i.indkey) WITH ORDINALITY k (attnum, n) \
                    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum), \
                   i.indisunique, i.indpred IS NOT NULL \
                   FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid \
                   WHERE NOT i.indisprimary AND t.relnamespace = 'public'::regnamespace ORDER BY c.relname";
    for row in client.query(indexes, &[]).await.expect("indexes") {
        let table = schema.entry(row.get(0)).or_default();
        table.indexes.push((row.get(1), row.get(2), row.get(3), row.get(4)));
    }
    schema
}

#[tokio::test]
async fn both_databases_have_the_same_schema() {
    let (mut here, mut there) = (sqlite_schema(), postgres_schema().await);
    for table in here.values_mut().chain(there.values_mut()) {
        table.primary_key.sort_unstable();
    }
    assert_eq!(here, there);
    assert!(here.len() > 5 && here.values().all(|table| !table.primary_key.is_empty() && !table.columns.is_empty()));
    assert!(here.values().any(|table| !table.indexes.is_empty()));
}

#[test]
fn every_script_is_embedded_under_its_number() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .expect("migrations")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    names.sort_unstable();
    for (number, name) in (1..).zip(&names) {
        assert!(name.starts_with(&format!("{number:04}_")), "{name}");
    }
    assert_eq!(names.len() as i64, NEWEST, "{names:?}: list the new one in migrate.rs");
}
