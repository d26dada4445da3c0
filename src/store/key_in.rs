//! `column IN (…)` over keys, in few shapes.
//!
//! A list of any length would be another statement for each length, so that none stays prepared. Here it is filled up to the
//! next power of two by repeating its last key.

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, Expression, ValidGrouping};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{Binary, Bool};

use super::types::DbKey;
use crate::domain::key::Key;

/// Whether a column holds one of some keys.
pub(super) struct KeyIn<C> {
    column: C,
    keys: Vec<DbKey>,
}

/// Whether `column` holds one of `keys`, of which there are at most [`super::insert::KEYS`].
pub(super) fn key_in<C: Expression<SqlType = Binary>>(column: C, keys: &[Key]) -> KeyIn<C> {
    let mut padded: Vec<DbKey> = keys.iter().copied().map(DbKey).collect();
    if let Some(last) = padded.last().copied() {
        padded.resize(padded.len().next_power_of_two(), last);
    }
    KeyIn { column, keys: padded }
}

impl<C: Expression> Expression for KeyIn<C> {
    type SqlType = Bool;
}

impl<C, QS> AppearsOnTable<QS> for KeyIn<C> where C: AppearsOnTable<QS> {}

impl<C, GB> ValidGrouping<GB> for KeyIn<C>
where
    C: ValidGrouping<GB>,
{
    type IsAggregate = C::IsAggregate;
}

impl<C> QueryId for KeyIn<C> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C, DB> QueryFragment<DB> for KeyIn<C>
where
    DB: Backend,
    C: QueryFragment<DB>,
    DbKey: ToSql<Binary, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if self.keys.is_empty() {
            out.push_sql("FALSE");
            return Ok(());
        }
        self.column.walk_ast(out.reborrow())?;
        for (place, key) in self.keys.iter().enumerate() {
            out.push_sql(if place == 0 { " IN (" } else { ", " });
            out.push_bind_param::<Binary, _>(key)?;
        }
        out.push_sql(")");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use diesel::QueryDsl;
    use diesel::pg::Pg;
    use diesel::query_builder::debug_query;
    use uuid::Uuid;

    use super::*;
    use crate::store::tables::objects;

    #[test]
    fn lists_of_many_lengths_are_few_statements() {
        let text = |length: u128| {
            let keys: Vec<_> = (0..length).map(|n| Key::new(Uuid::from_u128(n))).collect();
            let query = objects::table.filter(key_in(objects::key, &keys)).select(objects::rev);
            let text = debug_query::<Pg, _>(&query).to_string();
            text.split(" -- ").next().map(str::to_owned)
        };
        let shapes: std::collections::BTreeSet<_> = (1..=500).map(text).collect();
        assert_eq!(shapes.len(), 10);
        assert!(text(0).is_some_and(|text| text.ends_with("WHERE FALSE")), "{:?}", text(0));
    }
}
