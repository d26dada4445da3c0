//! Both migrated schemas hold the same tables, columns and indexes, and text compares by bytes.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use provost::store::{Conn, Options, Store};
use tempfile::TempDir;

use super::read;
use crate::harness::postgres;

type Column = (String, String, bool);

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    a: String,
    #[diesel(sql_type = Text)]
    b: String,
    #[diesel(sql_type = Bool)]
    c: bool,
}

fn rows(conn: &mut Conn, sqlite: &str, postgres: &str) -> BTreeSet<Column> {
    #[expect(clippy::disallowed_methods, reason = "asks the catalogues of both engines, each in its own words")]
    let rows: Vec<Row> = match conn {
        Conn::Sqlite(c) => diesel::sql_query(sqlite).load(c).unwrap(),
        Conn::Postgres(c) => diesel::sql_query(postgres).load(c).unwrap(),
    };
    rows.into_iter().map(|row| (row.a, row.b, row.c)).collect()
}

fn both(sqlite: &str, postgres: &str) -> [BTreeSet<Column>; 2] {
    let folder = TempDir::new().unwrap();
    let embedded = Store::open_sqlite(folder.path(), &Options::default()).unwrap();
    let server = Store::open_postgres(&postgres::fresh_database(), &Options::default()).unwrap();
    [embedded, server].map(|store| read(&store, |c| Ok(rows(c, sqlite, postgres))))
}

#[test]
fn the_columns_are_the_same() {
    let [sqlite, postgres] = both(
        "SELECT m.name AS a, c.name || ' ' || replace(upper(c.type), 'BLOB', 'BYTEA') AS b, c.\"notnull\" AS c \
         FROM sqlite_master AS m, pragma_table_info(m.name) AS c \
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE '\\_\\_%' ESCAPE '\\'",
        "SELECT table_name::text AS a, column_name || ' ' || upper(data_type) AS b, is_nullable = 'NO' AS c \
         FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_%'",
    );
    assert!(sqlite.len() > 100);
    assert_eq!(sqlite, postgres);
}

#[test]
fn the_indexes_are_the_same() {
    let [sqlite, postgres] = both(
        "SELECT tbl_name AS a, name AS b, sql LIKE '% WHERE %' AS c FROM sqlite_master \
         WHERE type = 'index' AND name NOT LIKE 'sqlite_%'",
        "SELECT tablename::text AS a, indexname::text AS b, indexdef LIKE '% WHERE %' AS c FROM pg_indexes \
         WHERE schemaname = 'public' AND indexname !~ '_(pkey|key|[a-z_]*_key)$' AND tablename NOT LIKE '\\_\\_%' \
         UNION SELECT 'changes', 'changes_by_key', false UNION SELECT 'links', 'links_by_key', false \
         UNION SELECT 'attempts', 'attempts_by_key', false",
    );
    assert!(sqlite.len() > 8);
    assert_eq!(sqlite, postgres);
}

#[test]
fn text_compares_by_bytes_on_both() {
    let [_, wrong] = both(
        "SELECT '' AS a, '' AS b, 1 AS c WHERE 0",
        "SELECT table_name::text AS a, column_name::text AS b, true AS c FROM information_schema.columns \
         WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_%' AND data_type = 'text' \
         AND collation_name IS DISTINCT FROM 'C'",
    );
    assert_eq!(wrong, BTreeSet::new());
}
