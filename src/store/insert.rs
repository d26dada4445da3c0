//! Inserting many rows.

/// Most rows of one statement; with it no table comes near PostgreSQL's 65,535 bound values.
const ROWS: usize = 1000;

/// Most keys of one `IN` list.
pub(super) const KEYS: usize = 500;

/// Cuts rows into chunks of the size of one statement.
pub(super) fn chunks<T>(rows: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || Some(rows.by_ref().take(ROWS).collect::<Vec<_>>()).filter(|chunk| !chunk.is_empty()))
}

/// Runs an insert for all of `rows` and sums up the rows written: `insert_all!(conn, rows, |v| insert_into(t).values(v))`.
///
/// SQLite takes them one by one, because a prepared statement that is kept costs less than a long one made anew;
/// PostgreSQL takes many at once, because each statement is a round trip.
macro_rules! insert_all {
    ($conn:expr, $rows:expr, |$values:ident| $statement:expr) => {{
        let mut written = 0;
        match $conn {
            $crate::store::conn::Conn::Sqlite(c) => {
                for $values in $rows {
                    written += $statement.execute(c)?;
                }
            }
            $crate::store::conn::Conn::Postgres(c) => {
                for $values in $crate::store::insert::chunks($rows) {
                    written += $statement.execute(c)?;
                }
            }
        }
        written
    }};
}
pub(super) use insert_all;
