//! Every row of every table as text, to show that nothing was written.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::Text;
use provost::store::{Conn, Result, Store, StoreError};

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    a: String,
}

fn ask(conn: &mut Conn, sql: &str) -> Vec<String> {
    #[expect(clippy::disallowed_methods, reason = "asks the catalogue and whole tables, each engine in its own words")]
    let rows: Vec<Row> = match conn {
        Conn::Sqlite(c) => diesel::sql_query(sql).load(c).unwrap(),
        Conn::Postgres(c) => diesel::sql_query(sql).load(c).unwrap(),
    };
    rows.into_iter().map(|row| row.a).collect()
}

/// The rows of each table, in order. When a token was last used is left out: that is written in the background.
pub fn dump(store: &Store) -> BTreeMap<String, Vec<String>> {
    let read: Result<_, StoreError> = store.read_blocking(|conn| {
        let sqlite = conn.is_sqlite();
        let tables = ask(
            conn,
            if sqlite {
                "SELECT name AS a FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            } else {
                "SELECT table_name::text AS a FROM information_schema.tables WHERE table_schema = 'public'"
            },
        );
        let mut out = BTreeMap::new();
        for table in tables {
            let columns = ask(
                conn,
                &if sqlite {
                    format!("SELECT name AS a FROM pragma_table_info('{table}') WHERE name <> 'last_used'")
                } else {
                    format!(
                        "SELECT column_name::text AS a FROM information_schema.columns WHERE table_schema = 'public' \
                         AND table_name = '{table}' AND column_name <> 'last_used'"
                    )
                },
            );
            let quoted: Vec<String> = columns
                .iter()
                .map(|name| if sqlite { format!("quote(\"{name}\")") } else { format!("quote_nullable(\"{name}\"::text)") })
                .collect();
            let sql = format!("SELECT {} AS a FROM \"{table}\" ORDER BY 1", quoted.join(" || '|' || "));
            out.insert(table, ask(conn, &sql));
        }
        Ok(out)
    });
    read.unwrap()
}
