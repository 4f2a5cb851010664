//! Every statement of the server is prepared on both databases, and must mean the same on both.

use nidan::store::{Engine, Sql, migrate, statements};
use tokio_postgres::types::Type;

use crate::postgres::TestDatabase;

/// Statements with a text of their own for one database. Each needs a reason where it is declared.
const WITH_TWO_TEXTS: [&str; 3] =
    ["nidan::store::account::HOLD", "nidan::store::db::CLOCK", "nidan::store::migrate::KNOWN"];

#[tokio::test]
async fn all_are_understood_by_both_databases_with_the_same_parameters_and_columns() {
    let sqlite = rusqlite::Connection::open_in_memory().expect("a database");
    sqlite.execute_batch(&migrate::schema(Engine::Sqlite)).expect("the schema");
    let database = TestDatabase::migrated().await;
    let postgres = database.connect().await;
    let mut wrong = Vec::new();
    for sql in statements() {
        match (sqlite.prepare(sql.text(Engine::Sqlite)), postgres.prepare(sql.text(Engine::Postgres)).await) {
            (Ok(here), Ok(there)) => wrong.extend(difference(sql, &here, &there)),
            (Err(error), _) => wrong.push(format!("{}: SQLite: {error}", sql.name())),
            (_, Err(error)) => wrong.push(format!("{}: PostgreSQL: {error:?}", sql.name())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn difference(sql: &Sql, here: &rusqlite::Statement<'_>, there: &tokio_postgres::Statement) -> Option<String> {
    let name = sql.name();
    if here.parameter_count() != there.params().len() {
        return Some(format!("{name}: {} parameters and {}", here.parameter_count(), there.params().len()));
    }
    let columns: Vec<_> = there.columns().iter().map(tokio_postgres::Column::name).collect();
    let own: Vec<_> = here.column_names().collect();
    if own != columns {
        return Some(format!("{name}: columns {own:?} and {columns:?}"));
    }
    let types = there.params().iter().chain(there.columns().iter().map(tokio_postgres::Column::type_));
    let foreign: Vec<_> = types.filter(|ty| ![Type::INT8, Type::TEXT, Type::BYTEA].contains(ty)).collect();
    if foreign.is_empty() { None } else { Some(format!("{name}: {foreign:?} in PostgreSQL, write a CAST")) }
}

#[test]
fn names_are_unique_and_two_texts_the_exception() {
    let mut names: Vec<_> = statements().map(Sql::name).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    let two: Vec<_> = statements()
        .filter(|sql| sql.text(Engine::Sqlite) != sql.text(Engine::Postgres).replace('$', "?"))
        .map(Sql::name)
        .collect();
    assert_eq!(two, WITH_TWO_TEXTS);
}

#[test]
fn no_module_is_left_out_of_the_list() {
    let names: Vec<_> = statements().map(Sql::name).collect();
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store");
    for entry in std::fs::read_dir(directory).expect("src/store") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("source");
        let declares = text.lines().any(|line| line.trim_end() == "sql! {" || line.trim_end() == "super::sql! {");
        let module = format!("::{}::", path.file_stem().expect("a name").to_string_lossy());
        if declares {
            assert!(names.iter().any(|name| name.contains(&module)), "add {module} to store::statements()");
        }
    }
}

/// The look at setups comes every minute, on every node.
#[test]
fn looking_at_setups_goes_by_indexes() {
    let sqlite = rusqlite::Connection::open_in_memory().expect("a database");
    sqlite.execute_batch(&migrate::schema(Engine::Sqlite)).expect("the schema");
    let of_setups =
        statements().filter(|sql| sql.name().contains("::setup_number::") && !sql.name().ends_with("APPEND"));
    let mut steps = Vec::new();
    for sql in of_setups {
        let text = format!("EXPLAIN QUERY PLAN {}", sql.text(Engine::Sqlite));
        let mut plan = sqlite.prepare(&text).expect("a statement");
        let parameters = rusqlite::params_from_iter(vec![0; plan.parameter_count()]);
        let rows = plan.query_map(parameters, |row| row.get::<_, String>(3)).expect("a plan");
        steps.extend(rows.map(|step| (sql.name(), step.expect("a step"))));
    }
    assert!(steps.iter().filter(|(_, step)| step.starts_with("SEARCH")).count() >= 9, "{steps:?}");
    assert!(!steps.iter().any(|(_, step)| step.starts_with("SCAN")), "{steps:?}");
}
