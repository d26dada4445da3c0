//! Issuers whose tokens tenants take.

use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::tables::{issuer_audiences as audiences, issuers as table, tenants};
use super::types::{DbKey, DbTime};
use crate::domain::key::{Key, TenantId};
use crate::domain::time::Timestamp;

/// One issuer as stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = table)]
pub struct IssuerRow {
    /// Its id.
    #[diesel(deserialize_as = DbKey)]
    pub id: Key,
    /// Its name in tokens, `iss`.
    pub issuer: String,
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

/// All of a tenant's, by id.
pub fn list(conn: &mut Conn, tenant: TenantId) -> Result<Vec<IssuerRow>> {
    let of = table::tenant.eq(tenant.0);
    Ok(on!(conn, |c| table::table.filter(of).select(IssuerRow::as_select()).order(table::id).load(c))?)
}

/// One of a tenant's.
pub fn get(conn: &mut Conn, tenant: TenantId, id: Key) -> Result<Option<IssuerRow>> {
    let same = table::tenant.eq(tenant.0).and(table::id.eq(DbKey(id)));
    Ok(on!(conn, |c| table::table.filter(same).select(IssuerRow::as_select()).first(c).optional())?)
}

/// The one of a tenant's that tokens call so.
pub fn named(conn: &mut Conn, tenant: TenantId, issuer: &str) -> Result<Option<IssuerRow>> {
    let same = table::tenant.eq(tenant.0).and(table::issuer.eq(issuer));
    Ok(on!(conn, |c| table::table.filter(same).select(IssuerRow::as_select()).first(c).optional())?)
}

/// Whose the tokens are that an issuer makes for these audiences, with the name of the tenant; each once. The one query that
/// learns the tenant.
pub fn meant(conn: &mut Conn, issuer: &str, for_whom: &[&str]) -> Result<Vec<(TenantId, String, Key)>> {
    let same = audiences::issuer.eq(issuer).and(audiences::audience.eq_any(for_whom));
    let rows: Vec<(i32, String, DbKey)> = on!(conn, |c| audiences::table
        .inner_join(tenants::table.on(tenants::id.eq(audiences::tenant)))
        .filter(same)
        .select((audiences::tenant, tenants::name, audiences::id))
        .distinct()
        .load(c))?;
    Ok(rows.into_iter().map(|(tenant, name, id)| (TenantId(tenant), name, id.0)).collect())
}

/// Adds an issuer, for tokens that are meant for these audiences.
///
/// # Errors
/// [`super::StoreError::Unique`] of `issuers` when the tenant has it, of `issuer_audiences` when its tokens for one of the
/// audiences are somebody's.
pub fn insert(conn: &mut Conn, tenant: TenantId, row: &IssuerRow, for_whom: &[String]) -> Result<()> {
    let values = (
        table::tenant.eq(tenant.0),
        table::id.eq(DbKey(row.id)),
        table::issuer.eq(&row.issuer),
        table::rev.eq(row.rev),
        table::created.eq(DbTime(row.created)),
        table::modified.eq(DbTime(row.modified)),
        table::body.eq(&row.body),
    );
    on!(conn, |c| diesel::insert_into(table::table).values(values).execute(c))?;
    claim(conn, tenant, row, for_whom)
}

/// Writes an issuer that is there.
///
/// # Errors
/// As [`insert`].
pub fn update(conn: &mut Conn, tenant: TenantId, row: &IssuerRow, for_whom: &[String]) -> Result<()> {
    let same = table::tenant.eq(tenant.0).and(table::id.eq(DbKey(row.id)));
    let values = (
        table::issuer.eq(&row.issuer),
        table::rev.eq(row.rev),
        table::modified.eq(DbTime(row.modified)),
        table::body.eq(&row.body),
    );
    on!(conn, |c| diesel::update(table::table.filter(same)).set(values).execute(c))?;
    release(conn, tenant, row.id)?;
    claim(conn, tenant, row, for_whom)
}

/// Removes an issuer.
pub fn delete(conn: &mut Conn, tenant: TenantId, id: Key) -> Result<()> {
    release(conn, tenant, id)?;
    let same = table::tenant.eq(tenant.0).and(table::id.eq(DbKey(id)));
    on!(conn, |c| diesel::delete(table::table.filter(same)).execute(c))?;
    Ok(())
}

fn claim(conn: &mut Conn, tenant: TenantId, row: &IssuerRow, for_whom: &[String]) -> Result<()> {
    for audience in for_whom {
        let values = (
            audiences::issuer.eq(&row.issuer),
            audiences::audience.eq(audience),
            audiences::tenant.eq(tenant.0),
            audiences::id.eq(DbKey(row.id)),
        );
        on!(conn, |c| diesel::insert_into(audiences::table).values(values).execute(c))?;
    }
    Ok(())
}

fn release(conn: &mut Conn, tenant: TenantId, id: Key) -> Result<()> {
    let of = audiences::tenant.eq(tenant.0).and(audiences::id.eq(DbKey(id)));
    on!(conn, |c| diesel::delete(audiences::table.filter(of)).execute(c))?;
    Ok(())
}
