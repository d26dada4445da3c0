//! When roles and grants hold, and which instants are due: each start and each end is given out once, in order.

use diesel::dsl::min;
use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::insert::{KEYS, insert_all};
use super::key_in::key_in;
use super::tables::temporal;
use super::types::{DbKey, DbTime, Maybe};
use crate::domain::key::{Key, TenantId};
use crate::domain::temporal::Interval;
use crate::domain::time::Timestamp;

/// One constraint as stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = temporal)]
pub struct TemporalRow {
    /// The role, or the edge by its id.
    #[diesel(deserialize_as = DbKey)]
    pub key: Key,
    /// Whether it is an edge.
    pub edge: bool,
    /// The first instant inside.
    #[diesel(deserialize_as = DbTime)]
    pub starts: Timestamp,
    /// The first instant after it.
    #[diesel(deserialize_as = DbTime)]
    pub ends: Timestamp,
    /// Which of them comes next; none when both are past.
    #[diesel(deserialize_as = Maybe<DbTime>)]
    pub due: Option<Timestamp>,
}

impl TemporalRow {
    /// The row of a constraint that is written at `now`: what is past already is never due.
    pub fn new(key: Key, edge: bool, interval: Interval, now: Timestamp) -> Self {
        let Interval { start, end } = interval;
        Self { key, edge, starts: start, ends: end, due: [start, end].into_iter().find(|at| *at > now) }
    }

    /// The constraint.
    pub const fn interval(&self) -> Interval {
        Interval { start: self.starts, end: self.ends }
    }
}

/// Sets constraints in the place of those that the same objects and edges had.
pub fn put(conn: &mut Conn, tenant: TenantId, rows: &[TemporalRow]) -> Result<()> {
    let keys: Vec<Key> = rows.iter().map(|row| row.key).collect();
    remove(conn, tenant, &keys)?;
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                temporal::tenant.eq(tenant.0),
                temporal::key.eq(DbKey(row.key)),
                temporal::edge.eq(row.edge),
                temporal::starts.eq(DbTime(row.starts)),
                temporal::ends.eq(DbTime(row.ends)),
                temporal::due.eq(row.due.map(DbTime)),
            )
        })
        .collect();
    insert_all!(conn, rows, |values| diesel::insert_into(temporal::table).values(values).on_conflict_do_nothing());
    Ok(())
}

/// Removes constraints; how many there were.
pub fn remove(conn: &mut Conn, tenant: TenantId, keys: &[Key]) -> Result<usize> {
    let mut removed = 0;
    for chunk in keys.chunks(KEYS) {
        let these = temporal::tenant.eq(tenant.0).and(key_in(temporal::key, chunk));
        removed += on!(conn, |c| diesel::delete(temporal::table.filter(these)).execute(c))?;
    }
    Ok(removed)
}

/// The constraints of roles or edges, in no order.
pub fn of_many(conn: &mut Conn, tenant: TenantId, keys: &[Key]) -> Result<Vec<TemporalRow>> {
    let mut out = Vec::new();
    for chunk in keys.chunks(KEYS) {
        let these = temporal::tenant.eq(tenant.0).and(key_in(temporal::key, chunk));
        let rows: Vec<TemporalRow> = on!(conn, |c| temporal::table.filter(these).select(TemporalRow::as_select()).load(c))?;
        out.extend(rows);
    }
    Ok(out)
}

/// All constraints, by key, after a key.
pub fn page(conn: &mut Conn, tenant: TenantId, after: Option<Key>, limit: i64) -> Result<Vec<TemporalRow>> {
    let after = DbKey(after.unwrap_or(Key::new(uuid::Uuid::nil())));
    let rest = temporal::tenant.eq(tenant.0).and(temporal::key.gt(after));
    Ok(on!(conn, |c| temporal::table.filter(rest).select(TemporalRow::as_select()).order(temporal::key).limit(limit).load(c))?)
}

/// What is due at an instant, in order.
pub fn due(conn: &mut Conn, tenant: TenantId, now: Timestamp, limit: i64) -> Result<Vec<TemporalRow>> {
    let due = temporal::tenant.eq(tenant.0).and(temporal::due.le(DbTime(now)));
    Ok(on!(conn, |c| temporal::table
        .filter(due)
        .select(TemporalRow::as_select())
        .order((temporal::due, temporal::key))
        .limit(limit)
        .load(c))?)
}

/// Goes on from an instant to the next; false when it is not due any more.
pub fn advance(conn: &mut Conn, tenant: TenantId, key: Key, from: Timestamp, to: Option<Timestamp>) -> Result<bool> {
    let same = temporal::tenant.eq(tenant.0).and(temporal::key.eq(DbKey(key))).and(temporal::due.eq(DbTime(from)));
    let next = temporal::due.eq(to.map(DbTime));
    Ok(on!(conn, |c| diesel::update(temporal::table.filter(same)).set(next).execute(c))? == 1)
}

/// The tenants for which something is due at an instant.
pub fn tenants_due(conn: &mut Conn, now: Timestamp) -> Result<Vec<TenantId>> {
    let due = temporal::due.le(DbTime(now));
    let tenants: Vec<i32> =
        on!(conn, |c| temporal::table.filter(due).select(temporal::tenant).distinct().order(temporal::tenant).load(c))?;
    Ok(tenants.into_iter().map(TenantId).collect())
}

/// The next instant that is due for any tenant.
pub fn next(conn: &mut Conn) -> Result<Option<Timestamp>> {
    let waiting = temporal::due.is_not_null();
    let first: Option<DbTime> = on!(conn, |c| temporal::table.filter(waiting).select(min(temporal::due)).get_result(c))?;
    Ok(first.map(Timestamp::from))
}
