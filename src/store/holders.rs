//! Who holds one role through edges of one variant, in the order of keys: what a set-wise recomputation walks and writes.

use diesel::prelude::*;

use super::conn::{Conn, on};
use super::edges::EdgeRow;
use super::error::Result;
use super::insert::KEYS;
use super::key_in::key_in;
use super::tables::edges;
use super::types::DbKey;
use crate::domain::key::{Key, TenantId};

/// The role and the kind of edge.
#[derive(Debug, Clone, Copy)]
pub struct Held<'a> {
    /// Name of the relation.
    pub relation: &'a str,
    /// The role, where the edges end.
    pub to: Key,
    /// Their variant.
    pub variant: &'a str,
}

/// The edges in the order of the holders' keys, after one of them.
pub fn page(conn: &mut Conn, tenant: TenantId, held: Held<'_>, after: Option<Key>, limit: i64) -> Result<Vec<EdgeRow>> {
    let here = edges::tenant.eq(tenant.0).and(edges::relation.eq(held.relation)).and(edges::to_key.eq(DbKey(held.to)));
    let last = DbKey(after.unwrap_or(Key::new(uuid::Uuid::nil())));
    let rest = here.and(edges::from_key.gt(last)).and(edges::variant.eq(held.variant));
    Ok(on!(conn, |c| edges::table.filter(rest).select(EdgeRow::as_select()).order(edges::from_key).limit(limit).load(c))?)
}

/// How many there are.
pub fn count(conn: &mut Conn, tenant: TenantId, held: Held<'_>) -> Result<i64> {
    let here = edges::tenant.eq(tenant.0).and(edges::relation.eq(held.relation)).and(edges::to_key.eq(DbKey(held.to)));
    Ok(on!(conn, |c| edges::table.filter(here.and(edges::variant.eq(held.variant))).count().get_result(c))?)
}

/// Takes the edges of some holders away.
pub fn remove(conn: &mut Conn, tenant: TenantId, held: Held<'_>, from: &[Key]) -> Result<usize> {
    let mut removed = 0;
    for chunk in from.chunks(KEYS) {
        let here = edges::tenant.eq(tenant.0).and(edges::relation.eq(held.relation)).and(edges::to_key.eq(DbKey(held.to)));
        let some = here.and(edges::variant.eq(held.variant)).and(key_in(edges::from_key, chunk));
        removed += on!(conn, |c| diesel::delete(edges::table.filter(some)).execute(c))?;
    }
    Ok(removed)
}
