//! What tenants add to the shipped object types, their own types, and the version that tells when any of it changed.

use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::tables::{object_types, type_versions};
use super::types::DbTime;
use crate::domain::key::TenantId;
use crate::domain::time::Timestamp;

/// One definition as stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = object_types)]
pub struct TypeRow {
    /// Name of the object type.
    pub name: String,
    /// Revision, from 1.
    pub rev: i64,
    /// When it was made.
    #[diesel(deserialize_as = DbTime)]
    pub created: Timestamp,
    /// When it last changed.
    #[diesel(deserialize_as = DbTime)]
    pub modified: Timestamp,
    /// The definition, JSON text in the form of `schema/*.json`.
    pub definition: String,
}

/// A tenant's definitions, by name.
pub fn list(conn: &mut Conn, tenant: TenantId) -> Result<Vec<TypeRow>> {
    let here = object_types::tenant.eq(tenant.0);
    Ok(on!(conn, |c| object_types::table.filter(here).select(TypeRow::as_select()).order(object_types::name).load(c))?)
}

/// Writes a definition, new or in place of the one of that name.
pub fn put(conn: &mut Conn, tenant: TenantId, row: &TypeRow) -> Result<()> {
    let changed = (
        object_types::rev.eq(row.rev),
        object_types::modified.eq(DbTime(row.modified)),
        object_types::definition.eq(&row.definition),
    );
    let values = (
        object_types::tenant.eq(tenant.0),
        object_types::name.eq(&row.name),
        object_types::created.eq(DbTime(row.created)),
        changed,
    );
    on!(conn, |c| diesel::insert_into(object_types::table)
        .values(values)
        .on_conflict((object_types::tenant, object_types::name))
        .do_update()
        .set(changed)
        .execute(c))?;
    Ok(())
}

/// Removes a definition; false when there is none.
pub fn remove(conn: &mut Conn, tenant: TenantId, name: &str) -> Result<bool> {
    let same = object_types::tenant.eq(tenant.0).and(object_types::name.eq(name));
    Ok(on!(conn, |c| diesel::delete(object_types::table.filter(same)).execute(c))? > 0)
}

/// How often a tenant's types were changed.
pub fn version(conn: &mut Conn, tenant: TenantId) -> Result<i64> {
    let found: Option<i64> =
        on!(conn, |c| type_versions::table.find(tenant.0).select(type_versions::version).first(c).optional())?;
    Ok(found.unwrap_or(0))
}

/// Raises the version: every process takes notice, and writes that rest on the former types are refused.
pub fn raise(conn: &mut Conn, tenant: TenantId) -> Result<i64> {
    let next = version(conn, tenant)? + 1;
    let values = (type_versions::tenant.eq(tenant.0), type_versions::version.eq(next));
    on!(conn, |c| diesel::insert_into(type_versions::table)
        .values(values)
        .on_conflict(type_versions::tenant)
        .do_update()
        .set(type_versions::version.eq(next))
        .execute(c))?;
    Ok(next)
}
