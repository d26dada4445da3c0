//! Roles whose conditional grants a job is still bringing in line with a condition.

use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::tables::recomputations;
use super::types::DbKey;
use crate::domain::key::{Key, TenantId};

/// Says that a job is at a role, in the place of another.
pub fn put(conn: &mut Conn, tenant: TenantId, role: Key, job: Key) -> Result<()> {
    remove(conn, tenant, role)?;
    let values =
        (recomputations::tenant.eq(tenant.0), recomputations::role_key.eq(DbKey(role)), recomputations::job.eq(DbKey(job)));
    on!(conn, |c| diesel::insert_into(recomputations::table).values(values).execute(c))?;
    Ok(())
}

/// Says that no job is at a role any more; which one was.
pub fn remove(conn: &mut Conn, tenant: TenantId, role: Key) -> Result<Option<Key>> {
    let was = get(conn, tenant, role)?;
    if was.is_some() {
        let same = recomputations::tenant.eq(tenant.0).and(recomputations::role_key.eq(DbKey(role)));
        on!(conn, |c| diesel::delete(recomputations::table.filter(same)).execute(c))?;
    }
    Ok(was)
}

/// The job that is at a role.
pub fn get(conn: &mut Conn, tenant: TenantId, role: Key) -> Result<Option<Key>> {
    let same = recomputations::tenant.eq(tenant.0).and(recomputations::role_key.eq(DbKey(role)));
    let found = on!(conn, |c| recomputations::table.filter(same).select(recomputations::job).first::<DbKey>(c).optional())?;
    Ok(found.map(Key::from))
}

/// Every role that a job is at, in the order of keys.
pub fn roles(conn: &mut Conn, tenant: TenantId) -> Result<Vec<Key>> {
    let here = recomputations::table.filter(recomputations::tenant.eq(tenant.0)).select(recomputations::role_key);
    let keys: Vec<DbKey> = on!(conn, |c| here.order(recomputations::role_key).load(c))?;
    Ok(keys.into_iter().map(Key::from).collect())
}
