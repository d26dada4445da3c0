//! Targets: the downstream applications.

use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::tables::targets;
use super::types::{DbKey, DbTime, Maybe};
use crate::domain::key::{Key, TenantId};
use crate::domain::time::Timestamp;

/// One target.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = targets)]
pub struct TargetRow {
    /// Its id.
    #[diesel(deserialize_as = DbKey)]
    pub id: Key,
    /// Its name, unique within the tenant.
    pub name: String,
    /// Name of its connector.
    pub kind: String,
    /// What the connector needs, JSON text without secrets.
    pub config: String,
    /// Its secrets, sealed.
    pub secrets: Option<String>,
    /// Its mappings, JSON text.
    pub mappings: String,
    /// What becomes of an account that is no longer wanted.
    pub deprovision: String,
    /// Limits of the mass-change guard, JSON text; none means the defaults.
    pub guard: Option<String>,
    /// `draft`, `preview`, `active`, `paused`, `quarantined` or `disabled`.
    pub state: String,
    /// Why it is in that state.
    pub state_reason: Option<String>,
    /// Since when.
    #[diesel(deserialize_as = DbTime)]
    pub state_since: Timestamp,
    /// Revision, from 1, of what an administrator sets.
    pub rev: i64,
    /// When it was made.
    #[diesel(deserialize_as = DbTime)]
    pub created: Timestamp,
    /// Number of the last change that was turned into work for it.
    pub dispatched_seq: i64,
    /// No call before this instant (Retry-After, breaker).
    #[diesel(deserialize_as = Maybe<DbTime>)]
    pub not_before: Option<Timestamp>,
    /// Failures in a row.
    pub failures: i32,
    /// Work over many objects that is not yet turned into wishes, with where it stands, JSON text.
    pub backlog: Option<String>,
}

/// Adds a target.
///
/// # Errors
/// [`super::StoreError::Unique`] of `targets` when the name is taken.
pub fn insert(conn: &mut Conn, tenant: TenantId, row: &TargetRow) -> Result<()> {
    let values = (
        targets::tenant.eq(tenant.0),
        targets::id.eq(DbKey(row.id)),
        targets::name.eq(&row.name),
        targets::kind.eq(&row.kind),
        targets::config.eq(&row.config),
        targets::secrets.eq(&row.secrets),
        targets::mappings.eq(&row.mappings),
        targets::deprovision.eq(&row.deprovision),
        targets::guard.eq(&row.guard),
        targets::state.eq(&row.state),
        targets::state_reason.eq(&row.state_reason),
        targets::state_since.eq(DbTime(row.state_since)),
        targets::rev.eq(row.rev),
        targets::created.eq(DbTime(row.created)),
        targets::dispatched_seq.eq(row.dispatched_seq),
        targets::not_before.eq(row.not_before.map(DbTime)),
        targets::failures.eq(row.failures),
        targets::backlog.eq(&row.backlog),
    );
    on!(conn, |c| diesel::insert_into(targets::table).values(values).execute(c))?;
    Ok(())
}

/// Writes what an administrator sets, if the revision still is `expected`. What the engine writes without a new revision
/// (state, health, backlog) stays as it is.
///
/// # Errors
/// [`super::StoreError::Unique`] of `targets` when the name is taken.
pub fn update(conn: &mut Conn, tenant: TenantId, row: &TargetRow, expected: i64) -> Result<bool> {
    let same = targets::tenant.eq(tenant.0).and(targets::id.eq(DbKey(row.id))).and(targets::rev.eq(expected));
    let values = (
        targets::name.eq(&row.name),
        targets::kind.eq(&row.kind),
        targets::config.eq(&row.config),
        targets::secrets.eq(&row.secrets),
        targets::mappings.eq(&row.mappings),
        targets::deprovision.eq(&row.deprovision),
        targets::guard.eq(&row.guard),
        targets::rev.eq(row.rev),
    );
    Ok(on!(conn, |c| diesel::update(targets::table.filter(same)).set(values).execute(c))? == 1)
}

/// Writes what the engine learns of a target: its state, when it may be called, its failures.
pub fn update_health(conn: &mut Conn, tenant: TenantId, row: &TargetRow) -> Result<bool> {
    let same = targets::tenant.eq(tenant.0).and(targets::id.eq(DbKey(row.id)));
    let values = (
        targets::state.eq(&row.state),
        targets::state_reason.eq(&row.state_reason),
        targets::state_since.eq(DbTime(row.state_since)),
        targets::not_before.eq(row.not_before.map(DbTime)),
        targets::failures.eq(row.failures),
    );
    Ok(on!(conn, |c| diesel::update(targets::table.filter(same)).set(values).execute(c))? == 1)
}

/// Notes how far the changes are turned into work; never back.
pub fn dispatched(conn: &mut Conn, tenant: TenantId, id: Key, seq: i64) -> Result<()> {
    let behind = targets::tenant.eq(tenant.0).and(targets::id.eq(DbKey(id))).and(targets::dispatched_seq.lt(seq));
    on!(conn, |c| diesel::update(targets::table.filter(behind)).set(targets::dispatched_seq.eq(seq)).execute(c))?;
    Ok(())
}

/// Notes how far work over many objects has come.
pub fn set_backlog(conn: &mut Conn, tenant: TenantId, id: Key, backlog: Option<&str>) -> Result<()> {
    let same = targets::tenant.eq(tenant.0).and(targets::id.eq(DbKey(id)));
    on!(conn, |c| diesel::update(targets::table.filter(same)).set(targets::backlog.eq(backlog)).execute(c))?;
    Ok(())
}

/// By id.
pub fn get(conn: &mut Conn, tenant: TenantId, id: Key) -> Result<Option<TargetRow>> {
    let same = targets::tenant.eq(tenant.0).and(targets::id.eq(DbKey(id)));
    Ok(on!(conn, |c| targets::table.filter(same).select(TargetRow::as_select()).first(c).optional())?)
}

/// By name.
pub fn by_name(conn: &mut Conn, tenant: TenantId, name: &str) -> Result<Option<TargetRow>> {
    let same = targets::tenant.eq(tenant.0).and(targets::name.eq(name));
    Ok(on!(conn, |c| targets::table.filter(same).select(TargetRow::as_select()).first(c).optional())?)
}

/// All of a tenant's, by name.
pub fn list(conn: &mut Conn, tenant: TenantId) -> Result<Vec<TargetRow>> {
    let of_tenant = targets::tenant.eq(tenant.0);
    Ok(on!(conn, |c| targets::table.filter(of_tenant).select(TargetRow::as_select()).order(targets::name).load(c))?)
}

/// Removes a target; its links, members, waits and attempts are removed by their own families.
pub fn delete(conn: &mut Conn, tenant: TenantId, id: Key) -> Result<bool> {
    let same = targets::tenant.eq(tenant.0).and(targets::id.eq(DbKey(id)));
    Ok(on!(conn, |c| diesel::delete(targets::table.filter(same)).execute(c))? == 1)
}
