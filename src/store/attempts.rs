//! Attempts: the log of calls to targets.

use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::insert::insert_all;
use super::tables::attempts;
use super::types::{DbKey, DbTime};
use crate::domain::key::{Key, TenantId};
use crate::domain::time::Timestamp;

/// One call to a target.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = attempts)]
pub struct AttemptRow {
    /// Its id, ordered by time.
    #[diesel(deserialize_as = DbKey)]
    pub id: Key,
    /// The target.
    #[diesel(deserialize_as = DbKey)]
    pub target: Key,
    /// The object.
    #[diesel(deserialize_as = DbKey)]
    pub key: Key,
    /// Type of the object.
    pub kind: String,
    /// What was to be done.
    pub op: String,
    /// How it went.
    pub outcome: String,
    /// Status that the target answered, when it has such.
    pub status: Option<i32>,
    /// Paths that were sent, JSON array; no values.
    pub paths: String,
    /// What went wrong.
    pub error: Option<String>,
    /// When.
    #[diesel(deserialize_as = DbTime)]
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub millis: i64,
}

/// Which attempts to list; `None` means any.
#[derive(Debug, Clone, Copy, Default)]
pub struct AttemptFilter<'a> {
    /// The target.
    pub target: Option<Key>,
    /// The object.
    pub key: Option<Key>,
    /// How it went.
    pub outcome: Option<&'a str>,
}

/// Adds attempts.
pub fn insert(conn: &mut Conn, tenant: TenantId, rows: &[AttemptRow]) -> Result<()> {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                attempts::tenant.eq(tenant.0),
                attempts::id.eq(DbKey(row.id)),
                attempts::target.eq(DbKey(row.target)),
                attempts::key.eq(DbKey(row.key)),
                attempts::kind.eq(&row.kind),
                attempts::op.eq(&row.op),
                attempts::outcome.eq(&row.outcome),
                attempts::status.eq(row.status),
                attempts::paths.eq(&row.paths),
                attempts::error.eq(&row.error),
                attempts::at.eq(DbTime(row.at)),
                attempts::millis.eq(row.millis),
            )
        })
        .collect();
    insert_all!(conn, rows, |values| diesel::insert_into(attempts::table).values(values));
    Ok(())
}

/// Attempts before an id (none: from the last), the last first.
pub fn list(
    conn: &mut Conn,
    tenant: TenantId,
    filter: AttemptFilter<'_>,
    before: Option<Key>,
    limit: i64,
) -> Result<Vec<AttemptRow>> {
    let of_tenant = attempts::tenant.eq(tenant.0);
    Ok(on!(conn, |c| {
        let mut query = attempts::table.filter(of_tenant).select(AttemptRow::as_select()).into_boxed();
        if let Some(target) = filter.target {
            query = query.filter(attempts::target.eq(DbKey(target)));
        }
        if let Some(key) = filter.key {
            query = query.filter(attempts::key.eq(DbKey(key)));
        }
        if let Some(outcome) = filter.outcome {
            query = query.filter(attempts::outcome.eq(outcome));
        }
        if let Some(before) = before {
            query = query.filter(attempts::id.lt(DbKey(before)));
        }
        query.order(attempts::id.desc()).limit(limit).load(c)
    })?)
}

/// When calls of these kinds were carried out at a target since an instant.
pub fn done_since(conn: &mut Conn, tenant: TenantId, target: Key, ops: &[&str], since: Timestamp) -> Result<Vec<Timestamp>> {
    let here = attempts::tenant
        .eq(tenant.0)
        .and(attempts::target.eq(DbKey(target)))
        .and(attempts::at.ge(DbTime(since)))
        .and(attempts::outcome.eq("done"))
        .and(attempts::op.eq_any(ops.iter().map(|op| (*op).to_owned()).collect::<Vec<_>>()));
    let rows: Vec<DbTime> = on!(conn, |c| attempts::table.filter(here).select(attempts::at).order(attempts::at).load(c))?;
    Ok(rows.into_iter().map(Timestamp::from).collect())
}

/// Deletes up to `limit` attempts of a tenant that are older than an instant; how many.
pub fn prune(conn: &mut Conn, tenant: TenantId, before: Timestamp, limit: i64) -> Result<usize> {
    let old = attempts::tenant.eq(tenant.0).and(attempts::at.lt(DbTime(before)));
    // Ids go by time, so the oldest are first; keys first, then the rows by full key.
    let ids: Vec<DbKey> =
        on!(conn, |c| attempts::table.filter(old).select(attempts::id).order(attempts::id).limit(limit).load(c))?;
    let mut deleted = 0;
    for chunk in ids.chunks(super::insert::KEYS) {
        let chunk = attempts::tenant.eq(tenant.0).and(attempts::id.eq_any(chunk.to_vec()));
        deleted += on!(conn, |c| diesel::delete(attempts::table.filter(chunk)).execute(c))?;
    }
    Ok(deleted)
}
