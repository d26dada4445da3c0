//! Policies of resources.

use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::insert::KEYS;
use super::key_in::key_in;
use super::tables::policies as table;
use super::types::{DbKey, DbTime};
use crate::domain::key::{Key, TenantId};
use crate::domain::time::Timestamp;

/// One policy as stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = table)]
pub struct PolicyRow {
    /// Its id.
    #[diesel(deserialize_as = DbKey)]
    pub id: Key,
    /// Type of the resource; `*` for every.
    pub resource_type: String,
    /// Id of the resource; `*` for every.
    pub resource_id: String,
    /// Revision, from 1.
    pub rev: i64,
    /// When it was made.
    #[diesel(deserialize_as = DbTime)]
    pub created: Timestamp,
    /// When it last changed.
    #[diesel(deserialize_as = DbTime)]
    pub modified: Timestamp,
    /// As it was written, JSON text.
    pub body: String,
}

/// A policy without what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = table)]
pub struct PolicyHead {
    /// Its id.
    #[diesel(deserialize_as = DbKey)]
    pub id: Key,
    /// Its revision.
    pub rev: i64,
}

/// One page, by id.
pub fn list(conn: &mut Conn, tenant: TenantId, after: Option<Key>, limit: i64) -> Result<Vec<PolicyRow>> {
    let rest = table::tenant.eq(tenant.0).and(table::id.gt(DbKey(after.unwrap_or(Key::new(uuid::Uuid::nil())))));
    Ok(on!(conn, |c| table::table.filter(rest).select(PolicyRow::as_select()).order(table::id).limit(limit).load(c))?)
}

/// One policy.
pub fn get(conn: &mut Conn, tenant: TenantId, id: Key) -> Result<Option<PolicyRow>> {
    let same = table::tenant.eq(tenant.0).and(table::id.eq(DbKey(id)));
    Ok(on!(conn, |c| table::table.filter(same).select(PolicyRow::as_select()).first(c).optional())?)
}

/// Which policies are attached to these places, each a type and an id, by id. One look-up a place: over lists SQLite would
/// rather walk all of the tenant's.
pub fn at(conn: &mut Conn, tenant: TenantId, places: &[(&str, &str)]) -> Result<Vec<PolicyHead>> {
    let mut out: Vec<PolicyHead> = Vec::new();
    for (kind, id) in places {
        let here = table::tenant.eq(tenant.0).and(table::resource_type.eq(kind)).and(table::resource_id.eq(id));
        let found: Vec<PolicyHead> = on!(conn, |c| table::table.filter(here).select(PolicyHead::as_select()).load(c))?;
        out.extend(found);
    }
    out.sort_by_key(|head| head.id);
    Ok(out)
}

/// Those of the policies that exist.
pub fn many(conn: &mut Conn, tenant: TenantId, ids: &[Key]) -> Result<Vec<PolicyRow>> {
    let mut out = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(KEYS) {
        let same = table::tenant.eq(tenant.0).and(key_in(table::id, chunk));
        out.extend(on!(conn, |c| table::table.filter(same).select(PolicyRow::as_select()).load(c))?);
    }
    Ok(out)
}

/// Adds a policy.
pub fn insert(conn: &mut Conn, tenant: TenantId, row: &PolicyRow) -> Result<()> {
    let values = (
        table::tenant.eq(tenant.0),
        table::id.eq(DbKey(row.id)),
        table::resource_type.eq(&row.resource_type),
        table::resource_id.eq(&row.resource_id),
        table::rev.eq(row.rev),
        table::created.eq(DbTime(row.created)),
        table::modified.eq(DbTime(row.modified)),
        table::body.eq(&row.body),
    );
    on!(conn, |c| diesel::insert_into(table::table).values(values).execute(c))?;
    Ok(())
}

/// Writes a policy that is there.
pub fn update(conn: &mut Conn, tenant: TenantId, row: &PolicyRow) -> Result<()> {
    let same = table::tenant.eq(tenant.0).and(table::id.eq(DbKey(row.id)));
    let values = (
        table::resource_type.eq(&row.resource_type),
        table::resource_id.eq(&row.resource_id),
        table::rev.eq(row.rev),
        table::modified.eq(DbTime(row.modified)),
        table::body.eq(&row.body),
    );
    on!(conn, |c| diesel::update(table::table.filter(same)).set(values).execute(c))?;
    Ok(())
}

/// Removes a policy.
pub fn delete(conn: &mut Conn, tenant: TenantId, id: Key) -> Result<()> {
    let same = table::tenant.eq(tenant.0).and(table::id.eq(DbKey(id)));
    on!(conn, |c| diesel::delete(table::table.filter(same)).execute(c))?;
    Ok(())
}
