//! What conditions of roles read of what edges lead to.

use std::collections::BTreeSet;

use diesel::prelude::*;

use super::conn::{Conn, on};
use super::error::Result;
use super::insert::{KEYS, insert_all};
use super::tables::condition_watches as watches;
use super::types::DbKey;
use crate::domain::key::{Key, TenantId};

/// Sets what the condition of a role reads: what a write asks for, and the route that leads there.
pub fn put<'a>(conn: &mut Conn, tenant: TenantId, role: Key, rows: impl Iterator<Item = (&'a str, &'a str)>) -> Result<()> {
    remove(conn, tenant, role)?;
    let row = |(subject, route)| {
        (watches::tenant.eq(tenant.0), watches::subject.eq(subject), watches::route.eq(route), watches::role_key.eq(DbKey(role)))
    };
    let rows: Vec<_> = rows.collect::<BTreeSet<_>>().into_iter().map(row).collect();
    insert_all!(conn, rows, |values| diesel::insert_into(watches::table).values(values));
    Ok(())
}

/// Forgets what the condition of a role reads.
pub fn remove(conn: &mut Conn, tenant: TenantId, role: Key) -> Result<()> {
    let same = watches::tenant.eq(tenant.0).and(watches::role_key.eq(DbKey(role)));
    on!(conn, |c| diesel::delete(watches::table.filter(same)).execute(c))?;
    Ok(())
}

/// Which of `subjects` are read, each with the routes that lead there.
pub fn of(conn: &mut Conn, tenant: TenantId, subjects: &[String]) -> Result<BTreeSet<(String, String)>> {
    let mut out = BTreeSet::new();
    for chunk in subjects.chunks(KEYS) {
        let here = watches::tenant.eq(tenant.0).and(watches::subject.eq_any(chunk));
        let columns = (watches::subject, watches::route);
        let rows: Vec<(String, String)> = on!(conn, |c| watches::table.filter(here).select(columns).distinct().load(c))?;
        out.extend(rows);
    }
    Ok(out)
}

/// The roles whose conditions read one of `subjects`, in the order of their keys, after one of them.
pub fn roles(conn: &mut Conn, tenant: TenantId, subjects: &[String], after: Option<Key>, limit: i64) -> Result<Vec<Key>> {
    let last = DbKey(after.unwrap_or(Key::new(uuid::Uuid::nil())));
    let here = watches::tenant.eq(tenant.0).and(watches::subject.eq_any(subjects)).and(watches::role_key.gt(last));
    let keys: Vec<DbKey> = on!(conn, |c| watches::table
        .filter(here)
        .select(watches::role_key)
        .distinct()
        .order(watches::role_key)
        .limit(limit)
        .load(c))?;
    Ok(keys.into_iter().map(Key::from).collect())
}

/// Every route that a condition of the tenant reads along: few, each one look-up in the index.
pub fn routes(conn: &mut Conn, tenant: TenantId) -> Result<BTreeSet<String>> {
    let mut out: BTreeSet<String> = BTreeSet::new();
    loop {
        let last = out.last().map_or("", String::as_str);
        let rest = watches::tenant.eq(tenant.0).and(watches::route.gt(last));
        let next = on!(conn, |c| watches::table.filter(rest).select(watches::route).order(watches::route).first(c).optional())?;
        match next {
            Some(route) => _ = out.insert(route),
            None => return Ok(out),
        }
    }
}
