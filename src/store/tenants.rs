//! Tenants.

use diesel::dsl::max;
use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::tables::tenants;
use super::types::DbTime;
use crate::domain::key::TenantId;
use crate::domain::time::Timestamp;

/// One tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRow {
    /// Its number.
    pub id: TenantId,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
}

impl From<(i32, String, DbTime)> for TenantRow {
    fn from((id, name, created): (i32, String, DbTime)) -> Self {
        Self { id: TenantId(id), name, created: created.0 }
    }
}

/// Adds a tenant and gives it a number.
///
/// # Errors
/// [`super::StoreError::Unique`] of `tenants` when the name is taken.
pub fn insert(conn: &mut Conn, name: &str, created: Timestamp) -> Result<TenantId> {
    let highest: Option<i32> = on!(conn, |c| tenants::table.select(max(tenants::id)).get_result(c))?;
    let id = highest.unwrap_or(0) + 1;
    let values = (tenants::id.eq(id), tenants::name.eq(name), tenants::created.eq(DbTime(created)));
    on!(conn, |c| diesel::insert_into(tenants::table).values(values).execute(c))?;
    Ok(TenantId(id))
}

/// By name.
pub fn by_name(conn: &mut Conn, name: &str) -> Result<Option<TenantRow>> {
    let row: Option<(i32, String, DbTime)> = on!(conn, |c| tenants::table.filter(tenants::name.eq(name)).first(c).optional())?;
    Ok(row.map(TenantRow::from))
}

/// All of them, oldest first.
pub fn list(conn: &mut Conn) -> Result<Vec<TenantRow>> {
    let rows: Vec<(i32, String, DbTime)> = on!(conn, |c| tenants::table.order(tenants::id).load(c))?;
    Ok(rows.into_iter().map(TenantRow::from).collect())
}
