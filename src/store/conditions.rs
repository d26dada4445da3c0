//! Conditions of roles, found by what they can match.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::insert::{KEYS, insert_all};
use super::key_in::key_in;
use super::tables::{condition_anchors as anchored, conditions};
use super::types::DbKey;
use crate::domain::key::{Key, TenantId};

/// The condition of one role.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = conditions)]
pub struct ConditionRow {
    /// The role.
    #[diesel(deserialize_as = DbKey)]
    pub role_key: Key,
    /// The condition as written.
    pub source: String,
    /// The attributes it reads: their paths, one a line.
    pub reads: String,
}

/// Sets the condition of a role. An object can only match when it has one of the anchors; `*` stands for every object.
pub fn put(conn: &mut Conn, tenant: TenantId, row: &ConditionRow, anchors: &[String]) -> Result<()> {
    remove(conn, tenant, row.role_key)?;
    let values = (
        conditions::tenant.eq(tenant.0),
        conditions::role_key.eq(DbKey(row.role_key)),
        conditions::source.eq(&row.source),
        conditions::reads.eq(&row.reads),
    );
    on!(conn, |c| diesel::insert_into(conditions::table).values(values).execute(c))?;
    let rows: Vec<_> = anchors
        .iter()
        .map(|anchor| (anchored::tenant.eq(tenant.0), anchored::anchor.eq(anchor), anchored::role_key.eq(DbKey(row.role_key))))
        .collect();
    insert_all!(conn, rows, |values| diesel::insert_into(anchored::table).values(values).on_conflict_do_nothing());
    Ok(())
}

/// Removes the condition of a role; whether there was one.
pub fn remove(conn: &mut Conn, tenant: TenantId, role: Key) -> Result<bool> {
    let anchors = anchored::tenant.eq(tenant.0).and(anchored::role_key.eq(DbKey(role)));
    on!(conn, |c| diesel::delete(anchored::table.filter(anchors)).execute(c))?;
    let same = conditions::tenant.eq(tenant.0).and(conditions::role_key.eq(DbKey(role)));
    Ok(on!(conn, |c| diesel::delete(conditions::table.filter(same)).execute(c))? == 1)
}

/// The condition of a role.
pub fn get(conn: &mut Conn, tenant: TenantId, role: Key) -> Result<Option<ConditionRow>> {
    let same = conditions::tenant.eq(tenant.0).and(conditions::role_key.eq(DbKey(role)));
    Ok(on!(conn, |c| conditions::table.filter(same).select(ConditionRow::as_select()).first(c).optional())?)
}

/// The conditions of several roles, in the order of roles.
pub fn many(conn: &mut Conn, tenant: TenantId, roles: &[Key]) -> Result<Vec<ConditionRow>> {
    let mut out = Vec::new();
    for chunk in roles.chunks(KEYS) {
        let here = conditions::tenant.eq(tenant.0).and(key_in(conditions::role_key, chunk));
        let rows: Vec<ConditionRow> =
            on!(conn, |c| conditions::table.filter(here).select(ConditionRow::as_select()).order(conditions::role_key).load(c))?;
        out.extend(rows);
    }
    Ok(out)
}

/// The conditions that have one of the anchors, each once, in the order of roles. `*` is an anchor like the others.
pub fn by_anchors(conn: &mut Conn, tenant: TenantId, anchors: &[String]) -> Result<Vec<ConditionRow>> {
    let mut out = BTreeMap::new();
    for chunk in anchors.chunks(KEYS) {
        let here = anchored::tenant.eq(tenant.0).and(anchored::anchor.eq_any(chunk));
        let joined = conditions::tenant.eq(anchored::tenant).and(conditions::role_key.eq(anchored::role_key));
        let rows: Vec<ConditionRow> = on!(conn, |c| anchored::table
            .inner_join(conditions::table.on(joined))
            .filter(here)
            .select(ConditionRow::as_select())
            .load(c))?;
        out.extend(rows.into_iter().map(|row| (row.role_key, row)));
    }
    Ok(out.into_values().collect())
}

/// Whether any role has a condition.
pub fn any(conn: &mut Conn, tenant: TenantId) -> Result<bool> {
    let here = conditions::table.filter(conditions::tenant.eq(tenant.0)).select(conditions::tenant);
    Ok(on!(conn, |c| here.first::<i32>(c).optional())?.is_some())
}

/// How many roles have a condition.
pub fn count(conn: &mut Conn, tenant: TenantId) -> Result<i64> {
    Ok(on!(conn, |c| conditions::table.filter(conditions::tenant.eq(tenant.0)).count().get_result(c))?)
}
