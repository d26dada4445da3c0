//! Leases: who does a piece of work that only one may do. No clock is compared between machines.
//!
//! The holder renews by raising a counter. Who wants the lease [`observe`]s the row, and must have seen the same counter for
//! the whole term on its own monotonic clock before it may [`take`]; the counter it saw is its ticket. Every taking raises
//! the epoch, which fences what the former holder still writes ([`holds`]).

use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::tables::leases;
use crate::domain::key::TenantId;

/// A lease as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = leases)]
pub struct Lease {
    /// Who holds it; empty when it was given back and may be taken at once.
    pub owner: String,
    /// Raised by every renewal and taking.
    pub counter: i64,
    /// Raised by every taking.
    pub epoch: i64,
}

/// The lease as it stands; none when nobody ever held it.
pub fn observe(conn: &mut Conn, tenant: TenantId, name: &str) -> Result<Option<Lease>> {
    let same = leases::tenant.eq(tenant.0).and(leases::name.eq(name));
    Ok(on!(conn, |c| leases::table.filter(same).select(Lease::as_select()).first(c).optional())?)
}

/// Takes the lease if its counter still is the one observed (none: if nobody ever held it). The new epoch, or none when
/// another was faster or the holder lives.
pub fn take(conn: &mut Conn, tenant: TenantId, name: &str, owner: &str, observed: Option<i64>) -> Result<Option<i64>> {
    let Some(counter) = observed else {
        let values = (
            leases::tenant.eq(tenant.0),
            leases::name.eq(name),
            leases::owner.eq(owner),
            leases::counter.eq(1_i64),
            leases::epoch.eq(1_i64),
        );
        let first = on!(conn, |c| diesel::insert_into(leases::table).values(values).on_conflict_do_nothing().execute(c))?;
        return Ok((first == 1).then_some(1));
    };
    let Some(lease) = observe(conn, tenant, name)?.filter(|lease| lease.counter == counter) else { return Ok(None) };
    let epoch = lease.epoch + 1;
    let same = leases::tenant.eq(tenant.0).and(leases::name.eq(name)).and(leases::counter.eq(counter));
    let values = (leases::owner.eq(owner), leases::counter.eq(counter + 1), leases::epoch.eq(epoch));
    let taken = on!(conn, |c| diesel::update(leases::table.filter(same)).set(values).execute(c))?;
    Ok((taken == 1).then_some(epoch))
}

/// Shows that the holder lives; false when the lease is lost.
pub fn renew(conn: &mut Conn, tenant: TenantId, name: &str, epoch: i64) -> Result<bool> {
    let same = leases::tenant.eq(tenant.0).and(leases::name.eq(name)).and(leases::epoch.eq(epoch));
    let raise = leases::counter.eq(leases::counter + 1);
    Ok(on!(conn, |c| diesel::update(leases::table.filter(same)).set(raise).execute(c))? == 1)
}

/// Gives the lease back, so that another may take it at once; false when it was already lost.
pub fn release(conn: &mut Conn, tenant: TenantId, name: &str, epoch: i64) -> Result<bool> {
    let same = leases::tenant.eq(tenant.0).and(leases::name.eq(name)).and(leases::epoch.eq(epoch));
    let values = (leases::owner.eq(""), leases::counter.eq(leases::counter + 1));
    Ok(on!(conn, |c| diesel::update(leases::table.filter(same)).set(values).execute(c))? == 1)
}

/// Gives back every lease of a tenant, whoever holds it: for a process that knows that it is alone. How many were held.
pub fn release_all(conn: &mut Conn, tenant: TenantId) -> Result<usize> {
    let held = leases::tenant.eq(tenant.0).and(leases::owner.ne(""));
    let values = (leases::owner.eq(""), leases::counter.eq(leases::counter + 1));
    Ok(on!(conn, |c| diesel::update(leases::table.filter(held)).set(values).execute(c))?)
}

/// Whether the lease is still of this epoch: asked in the transaction of every write that rests on holding it.
pub fn holds(conn: &mut Conn, tenant: TenantId, name: &str, epoch: i64) -> Result<bool> {
    Ok(observe(conn, tenant, name)?.is_some_and(|lease| lease.epoch == epoch))
}
