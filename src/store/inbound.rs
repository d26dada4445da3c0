//! The guard for what comes in: what sources took away of late, what they were refused, and what an approval allows.

use diesel::dsl::{count_star, exists, min, not};
use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::tables::{inbound_allowances as allowances, inbound_held as held, inbound_removals as removals, objects};
use super::types::{DbKey, DbTime, Maybe};
use crate::domain::key::{Key, TenantId};
use crate::domain::time::Timestamp;

/// A removal that the ceiling refused.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = held)]
pub struct HeldRow {
    /// The source that asked.
    pub source: String,
    /// Type of the object.
    pub kind: String,
    /// The object.
    #[diesel(deserialize_as = DbKey)]
    pub key: Key,
    /// The id that clients see.
    pub wire_id: String,
    /// Its name.
    pub name: Option<String>,
    /// `deactivate` or `delete`.
    pub op: String,
    /// When it was last refused.
    #[diesel(deserialize_as = DbTime)]
    pub at: Timestamp,
    /// How often it was refused.
    pub tries: i64,
    /// The name of the token that asked last.
    pub actor: String,
    /// Its id.
    #[diesel(deserialize_as = Maybe<DbKey>)]
    pub token: Option<Key>,
    /// The request that asked last.
    pub request_id: String,
    /// Until when it may be done after all.
    #[diesel(deserialize_as = Maybe<DbTime>)]
    pub approved_until: Option<Timestamp>,
}

/// How much more than the ceiling a source may take away.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = allowances)]
pub struct AllowanceRow {
    /// The source.
    pub source: String,
    /// Until when.
    #[diesel(deserialize_as = DbTime)]
    pub until: Timestamp,
    /// How many more.
    pub remaining: i64,
    /// Who gave it.
    pub actor: String,
}

/// Forgets what a source took away before an instant.
pub fn forget(conn: &mut Conn, tenant: TenantId, source: &str, kind: &str, before: Timestamp) -> Result<()> {
    let old = removals::tenant
        .eq(tenant.0)
        .and(removals::source.eq(source))
        .and(removals::kind.eq(kind))
        .and(removals::at.le(DbTime(before)));
    on!(conn, |c| diesel::delete(removals::table.filter(old)).execute(c))?;
    Ok(())
}

/// How many objects a source has taken away without approval, as far as they are not forgotten, and when the first of them.
pub fn taken(conn: &mut Conn, tenant: TenantId, source: &str, kind: &str) -> Result<(i64, Option<Timestamp>)> {
    let mine = || removals::tenant.eq(tenant.0).and(removals::source.eq(source));
    let of = || mine().and(removals::kind.eq(kind)).and(removals::approved.eq(false));
    let count: i64 = on!(conn, |c| removals::table.filter(of()).select(count_star()).get_result(c))?;
    let first: Option<DbTime> = on!(conn, |c| removals::table.filter(of()).select(min(removals::at)).get_result(c))?;
    Ok((count, first.map(Timestamp::from)))
}

/// Notes that a source takes an object away; false when it was noted before.
pub fn take(conn: &mut Conn, tenant: TenantId, source: &str, kind: &str, key: Key, at: Timestamp) -> Result<bool> {
    let values = (
        removals::tenant.eq(tenant.0),
        removals::source.eq(source),
        removals::kind.eq(kind),
        removals::key.eq(DbKey(key)),
        removals::at.eq(DbTime(at)),
        removals::approved.eq(false),
    );
    Ok(on!(conn, |c| diesel::insert_into(removals::table).values(values).on_conflict_do_nothing().execute(c))? == 1)
}

/// Says that what a source takes away was approved, so that it does not count.
pub fn excuse(conn: &mut Conn, tenant: TenantId, source: &str, kind: &str, key: Key) -> Result<()> {
    let same = removals::tenant
        .eq(tenant.0)
        .and(removals::source.eq(source))
        .and(removals::kind.eq(kind))
        .and(removals::key.eq(DbKey(key)));
    on!(conn, |c| diesel::update(removals::table.filter(same)).set(removals::approved.eq(true)).execute(c))?;
    Ok(())
}

/// How many objects of a type there were before a source took away what it did: those that are there, and those it deleted.
pub fn population(conn: &mut Conn, tenant: TenantId, source: &str, kind: &str) -> Result<i64> {
    let of = objects::tenant.eq(tenant.0).and(objects::kind.eq(kind));
    let here: i64 = on!(conn, |c| objects::table.filter(of).select(count_star()).get_result(c))?;
    let mine = removals::tenant.eq(tenant.0).and(removals::source.eq(source)).and(removals::kind.eq(kind));
    let same = of.and(objects::key.eq(removals::key));
    let gone: i64 = on!(conn, |c| removals::table
        .filter(mine.and(not(exists(objects::table.filter(same)))))
        .select(count_star())
        .get_result(c))?;
    Ok(here + gone)
}

/// Notes that a removal was refused; one that was refused before counts on, and what was approved of it is void: it was not
/// this.
pub fn hold(conn: &mut Conn, tenant: TenantId, row: &HeldRow) -> Result<()> {
    let values = (
        held::tenant.eq(tenant.0),
        held::source.eq(&row.source),
        held::kind.eq(&row.kind),
        held::key.eq(DbKey(row.key)),
        held::wire_id.eq(&row.wire_id),
        held::name.eq(&row.name),
        held::op.eq(&row.op),
        held::at.eq(DbTime(row.at)),
        held::tries.eq(row.tries),
        held::actor.eq(&row.actor),
        held::token.eq(row.token.map(DbKey)),
        held::request_id.eq(&row.request_id),
        held::approved_until.eq(row.approved_until.map(DbTime)),
    );
    let again = (
        held::op.eq(&row.op),
        held::at.eq(DbTime(row.at)),
        held::tries.eq(held::tries + 1),
        held::actor.eq(&row.actor),
        held::token.eq(row.token.map(DbKey)),
        held::request_id.eq(&row.request_id),
        held::approved_until.eq(row.approved_until.map(DbTime)),
    );
    on!(conn, |c| diesel::insert_into(held::table)
        .values(values)
        .on_conflict((held::tenant, held::source, held::kind, held::key))
        .do_update()
        .set(again)
        .execute(c))?;
    Ok(())
}

/// What a source was refused about one object.
pub fn held(conn: &mut Conn, tenant: TenantId, source: &str, kind: &str, key: Key) -> Result<Option<HeldRow>> {
    let same = held::tenant.eq(tenant.0).and(held::source.eq(source)).and(held::kind.eq(kind)).and(held::key.eq(DbKey(key)));
    Ok(on!(conn, |c| held::table.filter(same).select(HeldRow::as_select()).first(c).optional())?)
}

/// How many removals of each source are held, by source.
pub fn held_counts(conn: &mut Conn, tenant: TenantId) -> Result<Vec<(String, i64)>> {
    let of = held::tenant.eq(tenant.0);
    Ok(on!(conn, |c| held::table
        .filter(of)
        .group_by(held::source)
        .select((held::source, count_star()))
        .order(held::source)
        .load(c))?)
}

/// What a source was refused, by type and object, at most `limit`.
pub fn held_of(conn: &mut Conn, tenant: TenantId, source: &str, limit: i64) -> Result<Vec<HeldRow>> {
    let of = held::tenant.eq(tenant.0).and(held::source.eq(source));
    Ok(on!(conn, |c| held::table.filter(of).select(HeldRow::as_select()).order((held::kind, held::key)).limit(limit).load(c))?)
}

/// Lets what a source was refused be done until an instant; how many.
pub fn approve(conn: &mut Conn, tenant: TenantId, source: &str, until: Timestamp) -> Result<usize> {
    let of = held::tenant.eq(tenant.0).and(held::source.eq(source));
    let values = held::approved_until.eq(Some(DbTime(until)));
    Ok(on!(conn, |c| diesel::update(held::table.filter(of)).set(values).execute(c))?)
}

/// Forgets what a source was refused about one object; whether there was anything.
pub fn release(conn: &mut Conn, tenant: TenantId, source: &str, kind: &str, key: Key) -> Result<bool> {
    let same = held::tenant.eq(tenant.0).and(held::source.eq(source)).and(held::kind.eq(kind)).and(held::key.eq(DbKey(key)));
    Ok(on!(conn, |c| diesel::delete(held::table.filter(same)).execute(c))? == 1)
}

/// Forgets everything that a source was refused, with its allowance; how many.
pub fn reject(conn: &mut Conn, tenant: TenantId, source: &str) -> Result<usize> {
    let allowed = allowances::tenant.eq(tenant.0).and(allowances::source.eq(source));
    on!(conn, |c| diesel::delete(allowances::table.filter(allowed)).execute(c))?;
    let of = held::tenant.eq(tenant.0).and(held::source.eq(source));
    Ok(on!(conn, |c| diesel::delete(held::table.filter(of)).execute(c))?)
}

/// Sets the allowance of a source.
pub fn allow(conn: &mut Conn, tenant: TenantId, row: &AllowanceRow) -> Result<()> {
    let changing =
        (allowances::until.eq(DbTime(row.until)), allowances::remaining.eq(row.remaining), allowances::actor.eq(&row.actor));
    let values = (allowances::tenant.eq(tenant.0), allowances::source.eq(&row.source), changing);
    on!(conn, |c| diesel::insert_into(allowances::table)
        .values(values)
        .on_conflict((allowances::tenant, allowances::source))
        .do_update()
        .set(changing)
        .execute(c))?;
    Ok(())
}

/// The allowance of a source.
pub fn allowance(conn: &mut Conn, tenant: TenantId, source: &str) -> Result<Option<AllowanceRow>> {
    let same = allowances::tenant.eq(tenant.0).and(allowances::source.eq(source));
    Ok(on!(conn, |c| allowances::table.filter(same).select(AllowanceRow::as_select()).first(c).optional())?)
}
