//! Attribute paths whose rows a job is still making: writes keep them up, and no plan rests on them.

use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::tables::unfinished_paths as table;
use super::types::DbKey;
use crate::domain::key::{Key, TenantId};

/// One path.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = super::tables::unfinished_paths)]
pub struct UnfinishedPath {
    /// Name of the object type.
    pub kind: String,
    /// Text of the path.
    pub path: String,
    /// The job.
    #[diesel(deserialize_as = DbKey)]
    pub job: Key,
}

/// All of a tenant's, by type and path.
pub fn list(conn: &mut Conn, tenant: TenantId) -> Result<Vec<UnfinishedPath>> {
    let here = table::tenant.eq(tenant.0);
    Ok(on!(conn, |c| table::table.filter(here).select(UnfinishedPath::as_select()).order((table::kind, table::path)).load(c))?)
}

/// Notes paths; one that another job was at passes to the new one.
pub fn add(conn: &mut Conn, tenant: TenantId, rows: &[UnfinishedPath]) -> Result<()> {
    for row in rows {
        let values =
            (table::tenant.eq(tenant.0), table::kind.eq(&row.kind), table::path.eq(&row.path), table::job.eq(DbKey(row.job)));
        on!(conn, |c| diesel::insert_into(table::table)
            .values(values)
            .on_conflict((table::tenant, table::kind, table::path))
            .do_update()
            .set(table::job.eq(DbKey(row.job)))
            .execute(c))?;
    }
    Ok(())
}

/// Forgets the paths of a job; how many there were.
pub fn remove_of(conn: &mut Conn, tenant: TenantId, job: Key) -> Result<usize> {
    let same = table::tenant.eq(tenant.0).and(table::job.eq(DbKey(job)));
    Ok(on!(conn, |c| diesel::delete(table::table.filter(same)).execute(c))?)
}
