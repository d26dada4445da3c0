//! Links: what is known of one object at one target, and the work that is due there.

use std::collections::BTreeMap;

use diesel::dsl::{count_star, min};
use diesel::prelude::*;
use diesel::upsert::excluded;

use super::conn::{Conn, on};
use super::error::Result;
use super::insert::insert_all;
use super::tables::links;
use super::types::{DbKey, DbTime, Maybe};
use crate::domain::key::{Key, TenantId};
use crate::domain::time::Timestamp;

/// Priorities of work, the most urgent first (spec/sync.md §2.4): taking away, accounts, groups and roles, memberships,
/// background.
pub const PRIORITIES: std::ops::RangeInclusive<i32> = 0..=4;

/// One link.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = links)]
pub struct LinkRow {
    /// The target.
    #[diesel(deserialize_as = DbKey)]
    pub target: Key,
    /// The object.
    #[diesel(deserialize_as = DbKey)]
    pub key: Key,
    /// Type of the object.
    pub kind: String,
    /// Its id at the target.
    pub remote_id: Option<String>,
    /// `pending`, `linked`, `uncertain`, `blocked`, `parked`, `held`, `deprovisioned` or `gone`.
    pub status: String,
    /// Raised by every change that may matter.
    pub wanted: i64,
    /// The value of `wanted` that was last brought about.
    pub done: i64,
    /// What is about to be done, written before a call that must not be repeated blindly.
    pub intent: Option<String>,
    /// When that was written.
    #[diesel(deserialize_as = Maybe<DbTime>)]
    pub intent_at: Option<Timestamp>,
    /// What the target was last told, JSON text without secrets.
    pub applied: Option<String>,
    /// Hash of the desired document that was last applied.
    pub applied_hash: Option<Vec<u8>>,
    /// When.
    #[diesel(deserialize_as = Maybe<DbTime>)]
    pub applied_at: Option<Timestamp>,
    /// What it takes to delete at the target after the object is gone here, JSON text.
    pub tombstone: Option<String>,
    /// One of [`PRIORITIES`].
    pub priority: i32,
    /// When to work on it; none when there is nothing to do.
    #[diesel(deserialize_as = Maybe<DbTime>)]
    pub due: Option<Timestamp>,
    /// Failed attempts in a row.
    pub attempts: i32,
    /// Class of the last error.
    pub error_class: Option<String>,
    /// Text of the last error.
    pub error: Option<String>,
    /// Since when it has been failing.
    #[diesel(deserialize_as = Maybe<DbTime>)]
    pub failed_since: Option<Timestamp>,
    /// Epoch of the lease under which it was last written.
    pub epoch: i64,
    /// Assignments that were applied to the account, JSON text; none when there are none.
    pub assigned: Option<String>,
}

/// A wish: that a target look at an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// The object.
    pub key: Key,
    /// Its type.
    pub kind: String,
    /// One of [`PRIORITIES`].
    pub priority: i32,
    /// From when on.
    pub due: Timestamp,
}

/// Which links to list; `None` means any.
#[derive(Debug, Clone, Copy, Default)]
pub struct LinkFilter<'a> {
    /// Type of the object.
    pub kind: Option<&'a str>,
    /// Status.
    pub status: Option<&'a str>,
    /// Class of the last error.
    pub error_class: Option<&'a str>,
    /// What is about to be done; of a link that is held, its batch.
    pub intent: Option<&'a str>,
    /// Failing since this instant or later.
    pub failed_since: Option<Timestamp>,
}

/// Marks links as wanted, making those that are not there: `wanted` rises by one, the link is due as the wish says, and the
/// more urgent priority stands. Links are made with status `pending`.
pub fn want(conn: &mut Conn, tenant: TenantId, target: Key, wants: &[Want]) -> Result<usize> {
    // One statement may not touch a row twice.
    let wants: BTreeMap<Key, &Want> = wants.iter().map(|want| (want.key, want)).collect();
    let rows: Vec<_> = wants
        .into_values()
        .map(|want| {
            (
                links::tenant.eq(tenant.0),
                links::target.eq(DbKey(target)),
                links::key.eq(DbKey(want.key)),
                links::kind.eq(&want.kind),
                links::status.eq("pending"),
                links::wanted.eq(1_i64),
                links::done.eq(0_i64),
                links::priority.eq(want.priority),
                links::due.eq(DbTime(want.due)),
                links::attempts.eq(0),
                links::epoch.eq(0_i64),
            )
        })
        .collect();
    Ok(insert_all!(conn, rows, |values| diesel::insert_into(links::table)
        .values(values)
        .on_conflict((links::tenant, links::target, links::key))
        .do_update()
        .set((
            links::wanted.eq(links::wanted + 1),
            links::due.eq(excluded(links::due)),
            links::priority.eq(diesel::dsl::case_when(
                links::due.is_not_null().and(links::priority.lt(excluded(links::priority))),
                links::priority
            )
            .otherwise(excluded(links::priority))),
        ))))
}

/// Links that are due, the most urgent first, then the longest due.
pub fn due(conn: &mut Conn, tenant: TenantId, target: Key, now: Timestamp, limit: usize) -> Result<Vec<LinkRow>> {
    let mut out: Vec<LinkRow> = Vec::new();
    // One range of the index for each priority: what is not yet due is never stepped over.
    for priority in PRIORITIES {
        let left = i64::try_from(limit - out.len()).unwrap_or(i64::MAX);
        if left == 0 {
            break;
        }
        let due = links::tenant
            .eq(tenant.0)
            .and(links::target.eq(DbKey(target)))
            .and(links::priority.eq(priority))
            .and(links::due.is_not_null())
            .and(links::due.le(DbTime(now)));
        let rows: Vec<LinkRow> = on!(conn, |c| links::table
            .filter(due)
            .select(LinkRow::as_select())
            .order((links::due, links::key))
            .limit(left)
            .load(c))?;
        out.extend(rows);
    }
    Ok(out)
}

/// When the next link of a target will be due.
pub fn next_due(conn: &mut Conn, tenant: TenantId, target: Key) -> Result<Option<Timestamp>> {
    let mut next: Option<Timestamp> = None;
    for priority in PRIORITIES {
        let waiting = links::tenant
            .eq(tenant.0)
            .and(links::target.eq(DbKey(target)))
            .and(links::priority.eq(priority))
            .and(links::due.is_not_null());
        let first: Option<DbTime> = on!(conn, |c| links::table.filter(waiting).select(min(links::due)).get_result(c))?;
        next = first.map(Timestamp::from).into_iter().chain(next).min();
    }
    Ok(next)
}

/// One link.
pub fn get(conn: &mut Conn, tenant: TenantId, target: Key, key: Key) -> Result<Option<LinkRow>> {
    let same = links::tenant.eq(tenant.0).and(links::target.eq(DbKey(target))).and(links::key.eq(DbKey(key)));
    Ok(on!(conn, |c| links::table.filter(same).select(LinkRow::as_select()).first(c).optional())?)
}

/// Those of the links that exist, in no order.
pub fn many(conn: &mut Conn, tenant: TenantId, target: Key, keys: &[Key]) -> Result<Vec<LinkRow>> {
    let mut out = Vec::with_capacity(keys.len());
    for chunk in keys.chunks(super::insert::KEYS) {
        let chunk: Vec<_> = chunk.iter().copied().map(DbKey).collect();
        let same = links::tenant.eq(tenant.0).and(links::target.eq(DbKey(target))).and(links::key.eq_any(chunk));
        let rows: Vec<LinkRow> = on!(conn, |c| links::table.filter(same).select(LinkRow::as_select()).load(c))?;
        out.extend(rows);
    }
    Ok(out)
}

/// The links of one object at all targets.
pub fn of_object(conn: &mut Conn, tenant: TenantId, key: Key) -> Result<Vec<LinkRow>> {
    let same = links::tenant.eq(tenant.0).and(links::key.eq(DbKey(key)));
    Ok(on!(conn, |c| links::table.filter(same).select(LinkRow::as_select()).order(links::target).load(c))?)
}

/// The link that holds a remote id; no two ever do.
pub fn by_remote(conn: &mut Conn, tenant: TenantId, target: Key, kind: &str, remote_id: &str) -> Result<Option<LinkRow>> {
    let same = links::tenant
        .eq(tenant.0)
        .and(links::target.eq(DbKey(target)))
        .and(links::kind.eq(kind))
        .and(links::remote_id.eq(remote_id));
    Ok(on!(conn, |c| links::table.filter(same).select(LinkRow::as_select()).first(c).optional())?)
}

/// One page of a target's links, in the order of keys.
pub fn list(
    conn: &mut Conn,
    tenant: TenantId,
    target: Key,
    filter: LinkFilter<'_>,
    after: Option<Key>,
    limit: i64,
) -> Result<Vec<LinkRow>> {
    let of_target = links::tenant.eq(tenant.0).and(links::target.eq(DbKey(target)));
    Ok(on!(conn, |c| {
        let mut query = links::table.filter(of_target).select(LinkRow::as_select()).into_boxed();
        if let Some(kind) = filter.kind {
            query = query.filter(links::kind.eq(kind));
        }
        if let Some(status) = filter.status {
            query = query.filter(links::status.eq(status));
        }
        if let Some(class) = filter.error_class {
            query = query.filter(links::error_class.eq(class));
        }
        if let Some(intent) = filter.intent {
            query = query.filter(links::intent.eq(intent));
        }
        if let Some(since) = filter.failed_since {
            query = query.filter(links::failed_since.ge(DbTime(since)));
        }
        if let Some(after) = after {
            query = query.filter(links::key.gt(DbKey(after)));
        }
        query.order(links::key).limit(limit).load(c)
    })?)
}

/// Writes all of a link but its key, type and `wanted`, under the lease of `epoch`; false when the link is gone or was
/// written under a later lease. `row.epoch` is not read. Load the row in the same transaction: what else changed it in
/// between is then seen.
///
/// # Errors
/// [`super::StoreError::Unique`] of `links` when another link holds the remote id.
pub fn update(conn: &mut Conn, tenant: TenantId, row: &LinkRow, epoch: i64) -> Result<bool> {
    let same = links::tenant
        .eq(tenant.0)
        .and(links::target.eq(DbKey(row.target)))
        .and(links::key.eq(DbKey(row.key)))
        .and(links::epoch.le(epoch));
    let values = (
        links::remote_id.eq(&row.remote_id),
        links::status.eq(&row.status),
        links::done.eq(row.done),
        links::intent.eq(&row.intent),
        links::intent_at.eq(row.intent_at.map(DbTime)),
        links::applied.eq(&row.applied),
        links::applied_hash.eq(&row.applied_hash),
        links::applied_at.eq(row.applied_at.map(DbTime)),
        links::tombstone.eq(&row.tombstone),
        links::priority.eq(row.priority),
        links::due.eq(row.due.map(DbTime)),
        links::attempts.eq(row.attempts),
        links::error_class.eq(&row.error_class),
        links::error.eq(&row.error),
        links::failed_since.eq(row.failed_since.map(DbTime)),
        links::epoch.eq(epoch),
        links::assigned.eq(&row.assigned),
    );
    Ok(on!(conn, |c| diesel::update(links::table.filter(same)).set(values).execute(c))? == 1)
}

/// Makes existing links due, without a new wish: for waiters whose reference came, and by hand. How many there were.
pub fn wake(conn: &mut Conn, tenant: TenantId, target: Key, keys: &[Key], due: Timestamp) -> Result<usize> {
    let mut woken = 0;
    for key in keys {
        let same = links::tenant.eq(tenant.0).and(links::target.eq(DbKey(target))).and(links::key.eq(DbKey(*key)));
        let values = links::due.eq(Some(DbTime(due)));
        woken += on!(conn, |c| diesel::update(links::table.filter(same)).set(values).execute(c))?;
    }
    Ok(woken)
}

/// Ends the trust in what was last applied: the next work on these links reads the target first. How many there were.
pub fn distrust(conn: &mut Conn, tenant: TenantId, target: Key, keys: &[Key]) -> Result<usize> {
    let mut touched = 0;
    for key in keys {
        let same = links::tenant.eq(tenant.0).and(links::target.eq(DbKey(target))).and(links::key.eq(DbKey(*key)));
        let nothing: Option<Vec<u8>> = None;
        touched += on!(conn, |c| diesel::update(links::table.filter(same)).set(links::applied_hash.eq(nothing)).execute(c))?;
    }
    Ok(touched)
}

/// How many links are held, by batch.
pub fn held(conn: &mut Conn, tenant: TenantId, target: Key) -> Result<BTreeMap<String, i64>> {
    let held = links::tenant.eq(tenant.0).and(links::target.eq(DbKey(target))).and(links::status.eq("held"));
    let rows: Vec<(Option<String>, i64)> =
        on!(conn, |c| links::table.filter(held).group_by(links::intent).select((links::intent, count_star())).load(c))?;
    Ok(rows.into_iter().filter_map(|(batch, count)| Some((batch?, count))).collect())
}

/// Whether assignments were applied to any account at a target.
pub fn any_assigned(conn: &mut Conn, tenant: TenantId, target: Key) -> Result<bool> {
    let assigned = links::tenant.eq(tenant.0).and(links::target.eq(DbKey(target))).and(links::assigned.is_not_null());
    Ok(on!(conn, |c| diesel::select(diesel::dsl::exists(links::table.filter(assigned))).get_result(c))?)
}

/// How many links of a target have each status.
pub fn counts(conn: &mut Conn, tenant: TenantId, target: Key) -> Result<BTreeMap<String, i64>> {
    let of_target = links::tenant.eq(tenant.0).and(links::target.eq(DbKey(target)));
    let rows: Vec<(String, i64)> =
        on!(conn, |c| links::table.filter(of_target).group_by(links::status).select((links::status, count_star())).load(c))?;
    Ok(rows.into_iter().collect())
}

/// Forgets one link; whether there was one.
pub fn delete(conn: &mut Conn, tenant: TenantId, target: Key, key: Key) -> Result<bool> {
    let same = links::tenant.eq(tenant.0).and(links::target.eq(DbKey(target))).and(links::key.eq(DbKey(key)));
    Ok(on!(conn, |c| diesel::delete(links::table.filter(same)).execute(c))? == 1)
}

/// Forgets all links of a target; how many there were.
pub fn delete_all(conn: &mut Conn, tenant: TenantId, target: Key) -> Result<usize> {
    let of_target = links::tenant.eq(tenant.0).and(links::target.eq(DbKey(target)));
    Ok(on!(conn, |c| diesel::delete(links::table.filter(of_target)).execute(c))?)
}
