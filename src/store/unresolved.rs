//! References that a client wrote and that led nowhere: kept, listed, removable, never bound later.

use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::insert::{KEYS, insert_all};
use super::key_in::key_in;
use super::tables::unresolved_references as references;
use super::types::{DbKey, DbTime};
use crate::domain::key::{Key, TenantId};
use crate::domain::time::Timestamp;

/// A reference that led nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = references)]
pub struct UnresolvedRow {
    /// The object that holds it.
    #[diesel(deserialize_as = DbKey)]
    pub key: Key,
    /// The relation it was written to.
    pub relation: String,
    /// The id it named.
    pub value: String,
    /// The element as written, JSON text.
    pub element: String,
    /// When it was written.
    #[diesel(deserialize_as = DbTime)]
    pub created: Timestamp,
}

/// Keeps references; those already kept stay as they are.
pub fn add(conn: &mut Conn, tenant: TenantId, rows: &[UnresolvedRow]) -> Result<usize> {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                references::tenant.eq(tenant.0),
                references::key.eq(DbKey(row.key)),
                references::relation.eq(&row.relation),
                references::value.eq(&row.value),
                references::element.eq(&row.element),
                references::created.eq(DbTime(row.created)),
            )
        })
        .collect();
    Ok(insert_all!(conn, rows, |values| diesel::insert_into(references::table).values(values).on_conflict_do_nothing()))
}

/// All of one object.
pub fn of(conn: &mut Conn, tenant: TenantId, key: Key) -> Result<Vec<UnresolvedRow>> {
    let same = references::tenant.eq(tenant.0).and(references::key.eq(DbKey(key)));
    Ok(on!(conn, |c| references::table
        .filter(same)
        .select(UnresolvedRow::as_select())
        .order((references::relation, references::value))
        .load(c))?)
}

/// All of several objects, ordered by object, relation and value.
pub fn of_many(conn: &mut Conn, tenant: TenantId, keys: &[Key]) -> Result<Vec<UnresolvedRow>> {
    if let [key] = keys {
        return of(conn, tenant, *key);
    }
    let mut out = Vec::new();
    for chunk in keys.chunks(KEYS) {
        let same = references::tenant.eq(tenant.0).and(key_in(references::key, chunk));
        let rows: Vec<UnresolvedRow> = on!(conn, |c| references::table
            .filter(same)
            .select(UnresolvedRow::as_select())
            .order((references::key, references::relation, references::value))
            .load(c))?;
        out.extend(rows);
    }
    Ok(out)
}

/// One page of a tenant's, ordered by object, relation and value. `after` is the last row of the page before.
pub fn list(conn: &mut Conn, tenant: TenantId, after: Option<&UnresolvedRow>, limit: i64) -> Result<Vec<UnresolvedRow>> {
    let nil = Key::new(uuid::Uuid::nil());
    let (key, relation, value) = after.map_or((nil, "", ""), |r| (r.key, &r.relation, &r.value));
    let key = DbKey(key);
    let rest = references::key.gt(key).or(references::key
        .eq(key)
        .and(references::relation.gt(relation).or(references::relation.eq(relation).and(references::value.gt(value)))));
    let rest = references::tenant.eq(tenant.0).and(references::key.ge(key)).and(rest);
    Ok(on!(conn, |c| references::table
        .filter(rest)
        .select(UnresolvedRow::as_select())
        .order((references::key, references::relation, references::value))
        .limit(limit)
        .load(c))?)
}

/// Forgets one reference; whether there was one.
pub fn remove(conn: &mut Conn, tenant: TenantId, key: Key, relation: &str, value: &str) -> Result<bool> {
    let same = references::tenant
        .eq(tenant.0)
        .and(references::key.eq(DbKey(key)))
        .and(references::relation.eq(relation))
        .and(references::value.eq(value));
    Ok(on!(conn, |c| diesel::delete(references::table.filter(same)).execute(c))? == 1)
}

/// Forgets the references of an object, of one relation or of all; how many there were.
pub fn remove_all(conn: &mut Conn, tenant: TenantId, key: Key, relation: Option<&str>) -> Result<usize> {
    let same = references::tenant.eq(tenant.0).and(references::key.eq(DbKey(key)));
    Ok(match relation {
        Some(relation) => {
            on!(conn, |c| diesel::delete(references::table.filter(same.and(references::relation.eq(relation)))).execute(c))
        }
        None => on!(conn, |c| diesel::delete(references::table.filter(same)).execute(c)),
    }?)
}
