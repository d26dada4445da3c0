//! Work in batches: each batch is one transaction with the cursor it leaves behind, so that a crash loses nothing.

use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::tables::jobs;
use super::types::{DbKey, DbTime};
use crate::domain::key::{Key, TenantId};
use crate::domain::time::Timestamp;

/// How far a job is, as stored.
pub mod status {
    /// It has batches to do.
    pub const OPEN: &str = "open";
    /// It came to its end.
    pub const DONE: &str = "done";
    /// Another one took its place.
    pub const REPLACED: &str = "replaced";
    /// It cannot be done; its error says why.
    pub const FAILED: &str = "failed";
}

/// One job as stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = jobs)]
pub struct JobRow {
    /// Its id.
    #[diesel(deserialize_as = DbKey)]
    pub id: Key,
    /// What it does.
    pub kind: String,
    /// What it works on, for people.
    pub subject: String,
    /// Its cursor, JSON text that its kind reads.
    pub state: String,
    /// One of [`status`].
    pub status: String,
    /// Rows that were worked off.
    pub done: i64,
    /// Rows that there were at its beginning.
    pub total: i64,
    /// Why it failed.
    pub error: Option<String>,
    /// When it was made.
    #[diesel(deserialize_as = DbTime)]
    pub created: Timestamp,
    /// When it last went on.
    #[diesel(deserialize_as = DbTime)]
    pub modified: Timestamp,
}

/// Adds a job.
pub fn insert(conn: &mut Conn, tenant: TenantId, row: &JobRow) -> Result<()> {
    let values = (
        jobs::tenant.eq(tenant.0),
        jobs::id.eq(DbKey(row.id)),
        jobs::kind.eq(&row.kind),
        jobs::subject.eq(&row.subject),
        jobs::state.eq(&row.state),
        jobs::status.eq(&row.status),
        jobs::done.eq(row.done),
        jobs::total.eq(row.total),
        jobs::error.eq(&row.error),
        jobs::created.eq(DbTime(row.created)),
        jobs::modified.eq(DbTime(row.modified)),
    );
    on!(conn, |c| diesel::insert_into(jobs::table).values(values).execute(c))?;
    Ok(())
}

/// Writes cursor, progress, status and error of an open job; false when it is open no more.
pub fn update(conn: &mut Conn, tenant: TenantId, row: &JobRow) -> Result<bool> {
    let same = jobs::tenant.eq(tenant.0).and(jobs::id.eq(DbKey(row.id))).and(jobs::status.eq(status::OPEN));
    let values = (
        jobs::state.eq(&row.state),
        jobs::status.eq(&row.status),
        jobs::done.eq(row.done),
        jobs::total.eq(row.total),
        jobs::error.eq(&row.error),
        jobs::modified.eq(DbTime(row.modified)),
    );
    Ok(on!(conn, |c| diesel::update(jobs::table.filter(same)).set(values).execute(c))? == 1)
}

/// By id.
pub fn get(conn: &mut Conn, tenant: TenantId, id: Key) -> Result<Option<JobRow>> {
    let same = jobs::tenant.eq(tenant.0).and(jobs::id.eq(DbKey(id)));
    Ok(on!(conn, |c| jobs::table.filter(same).select(JobRow::as_select()).first(c).optional())?)
}

/// A tenant's jobs, the newest first, before a job.
pub fn list(conn: &mut Conn, tenant: TenantId, before: Option<Key>, limit: i64) -> Result<Vec<JobRow>> {
    let last = before.unwrap_or(Key::new(uuid::Uuid::max()));
    let here = jobs::tenant.eq(tenant.0).and(jobs::id.lt(DbKey(last)));
    Ok(on!(conn, |c| jobs::table.filter(here).select(JobRow::as_select()).order(jobs::id.desc()).limit(limit).load(c))?)
}

/// The open jobs of all tenants, oldest first in each.
pub fn open(conn: &mut Conn) -> Result<Vec<(TenantId, Key)>> {
    let rows: Vec<(i32, DbKey)> = on!(conn, |c| jobs::table
        .filter(jobs::status.eq(status::OPEN))
        .select((jobs::tenant, jobs::id))
        .order((jobs::tenant, jobs::id))
        .load(c))?;
    Ok(rows.into_iter().map(|(tenant, id)| (TenantId(tenant), id.0)).collect())
}
