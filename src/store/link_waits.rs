//! Who waits at a target for whom to be linked.

use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::insert::insert_all;
use super::tables::link_waits as waits;
use super::types::DbKey;
use crate::domain::key::{Key, TenantId};

/// Lets an object wait for others; those it already waits for stay.
pub fn add(conn: &mut Conn, tenant: TenantId, target: Key, waiter: Key, on_keys: &[Key]) -> Result<()> {
    let rows: Vec<_> = on_keys
        .iter()
        .map(|on_key| {
            (
                waits::tenant.eq(tenant.0),
                waits::target.eq(DbKey(target)),
                waits::on_key.eq(DbKey(*on_key)),
                waits::waiter_key.eq(DbKey(waiter)),
            )
        })
        .collect();
    insert_all!(conn, rows, |values| diesel::insert_into(waits::table).values(values).on_conflict_do_nothing());
    Ok(())
}

/// Ends the waiting for an object that is now linked, and returns who waited.
pub fn take(conn: &mut Conn, tenant: TenantId, target: Key, on_key: Key) -> Result<Vec<Key>> {
    let same = waits::tenant.eq(tenant.0).and(waits::target.eq(DbKey(target))).and(waits::on_key.eq(DbKey(on_key)));
    let waiters: Vec<DbKey> =
        on!(conn, |c| waits::table.filter(same).select(waits::waiter_key).order(waits::waiter_key).load(c))?;
    on!(conn, |c| diesel::delete(waits::table.filter(same)).execute(c))?;
    Ok(waiters.into_iter().map(Key::from).collect())
}

/// Forgets all waiting at a target; how many rows there were.
pub fn delete_all(conn: &mut Conn, tenant: TenantId, target: Key) -> Result<usize> {
    let here = waits::tenant.eq(tenant.0).and(waits::target.eq(DbKey(target)));
    Ok(on!(conn, |c| diesel::delete(waits::table.filter(here)).execute(c))?)
}
