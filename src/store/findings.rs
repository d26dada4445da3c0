//! Who stands at the other end of edges, by type: what the rules about least privilege ask.

use std::collections::BTreeSet;

use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::insert::KEYS;
use super::key_in::key_in;
use super::tables::edges;
use super::types::DbKey;
use crate::domain::key::{Key, TenantId};

/// Those of `keys` that edges of a type of object lead to.
pub fn reached_from(conn: &mut Conn, tenant: TenantId, relation: &str, keys: &[Key], from: &str) -> Result<BTreeSet<Key>> {
    let mut out = BTreeSet::new();
    for chunk in keys.chunks(KEYS) {
        let here = edges::tenant.eq(tenant.0).and(edges::relation.eq(relation)).and(key_in(edges::to_key, chunk));
        let rows: Vec<DbKey> =
            on!(conn, |c| edges::table.filter(here.and(edges::from_type.eq(from))).select(edges::to_key).distinct().load(c))?;
        out.extend(rows.into_iter().map(Key::from));
    }
    Ok(out)
}

/// Those of `keys` from which edges lead to a type of object.
pub fn leading_to(conn: &mut Conn, tenant: TenantId, relation: &str, keys: &[Key], to: &str) -> Result<BTreeSet<Key>> {
    let mut out = BTreeSet::new();
    for chunk in keys.chunks(KEYS) {
        let here = edges::tenant.eq(tenant.0).and(edges::relation.eq(relation)).and(key_in(edges::from_key, chunk));
        let rows: Vec<DbKey> =
            on!(conn, |c| edges::table.filter(here.and(edges::to_type.eq(to))).select(edges::from_key).distinct().load(c))?;
        out.extend(rows.into_iter().map(Key::from));
    }
    Ok(out)
}

/// Both ends of the edges that lead from a type of object to `keys`.
pub fn pairs_from(conn: &mut Conn, tenant: TenantId, relation: &str, keys: &[Key], from: &str) -> Result<Vec<(Key, Key)>> {
    let mut out = Vec::new();
    for chunk in keys.chunks(KEYS) {
        let here = edges::tenant.eq(tenant.0).and(edges::relation.eq(relation)).and(key_in(edges::to_key, chunk));
        let rows: Vec<(DbKey, DbKey)> = on!(conn, |c| edges::table
            .filter(here.and(edges::from_type.eq(from)))
            .select((edges::from_key, edges::to_key))
            .order((edges::to_key, edges::from_key))
            .load(c))?;
        out.extend(rows.into_iter().map(|(from, to)| (Key::from(from), Key::from(to))));
    }
    Ok(out)
}
