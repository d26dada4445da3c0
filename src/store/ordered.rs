//! Objects of a type in some order, a stretch at a time: by keyset, so that the last stretch costs what the first does.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};

use super::conn::{Conn, on};
use super::error::Result;
use super::query::{self, Predicate};
use super::sql::Sql;
use super::types::DbKey;
use crate::domain::key::{Key, TenantId};
use crate::domain::normal;
use crate::domain::time::Timestamp;

/// What objects are ordered by; equal ones follow one another by key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The key alone, which is the order of creation.
    Key,
    /// The id that clients see.
    WireId,
    /// When they were made.
    Created,
    /// When they last changed.
    Modified,
    /// The value of an indexed path, by its number; objects without a value are left out.
    Indexed(i32),
}

/// Where an object stands in an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// What it is ordered by, in index form (`domain::normal`); empty by [`By::Key`].
    pub value: String,
    /// Its key.
    pub key: Key,
}

/// A stretch of an order.
#[derive(Debug, Clone, Copy)]
pub struct Stretch<'a> {
    /// The order.
    pub by: By,
    /// Whether it runs from the greatest to the least.
    pub descending: bool,
    /// Where it begins; that place itself is behind.
    pub after: Option<&'a Place>,
    /// How many to leave out after that.
    pub offset: i64,
    /// How many at the most.
    pub limit: i64,
}

// Column, and the comparison of it and the key with a place, ascending and descending.
const WIRE_ID: [&str; 4] = ["wire_id, key", " AND (wire_id, key) > (", " AND (wire_id, key) < (", "wire_id"];
const CREATED: [&str; 4] = ["created, key", " AND (created, key) > (", " AND (created, key) < (", "created"];
const MODIFIED: [&str; 4] = ["modified, key", " AND (modified, key) > (", " AND (modified, key) < (", "modified"];

/// The objects of a type that meet the predicate, on one stretch of an order.
pub fn stretch(conn: &mut Conn, tenant: TenantId, kind: &str, predicate: &Predicate, wish: &Stretch<'_>) -> Result<Vec<Place>> {
    match wish.by {
        By::Key => by_key(conn, tenant, kind, predicate, wish),
        By::Indexed(path) => by_index(conn, tenant, kind, predicate, path, wish),
        By::WireId => by_id(conn, tenant, kind, predicate, wish),
        By::Created => by_time(conn, tenant, kind, predicate, wish, "SELECT created, key FROM ", CREATED),
        By::Modified => by_time(conn, tenant, kind, predicate, wish, "SELECT modified, key FROM ", MODIFIED),
    }
}

fn by_key(conn: &mut Conn, tenant: TenantId, kind: &str, predicate: &Predicate, wish: &Stretch<'_>) -> Result<Vec<Place>> {
    let mut sql: Sql<'_, Binary> = query::matching("SELECT key FROM ", tenant, kind, predicate);
    if let Some(after) = wish.after {
        sql.push(if wish.descending { " AND key < " } else { " AND key > " }).key(after.key);
    }
    sql.push(if wish.descending { " ORDER BY key DESC" } else { " ORDER BY key" });
    limited(&mut sql, wish);
    let keys: Vec<DbKey> = on!(conn, |c| sql.load(c))?;
    Ok(keys.into_iter().map(|key| Place { value: String::new(), key: key.0 }).collect())
}

fn by_index(
    conn: &mut Conn,
    tenant: TenantId,
    kind: &str,
    predicate: &Predicate,
    path: i32,
    wish: &Stretch<'_>,
) -> Result<Vec<Place>> {
    let mut sql: Sql<'_, (Text, Binary)> = Sql::new("SELECT v.value, v.key FROM attribute_index AS v WHERE v.tenant = ");
    sql.integer(tenant.0).push(" AND v.path = ").integer(path);
    if *predicate != Predicate::All {
        // The predicate is asked of each object in turn, until the stretch is full.
        sql.push(" AND EXISTS (SELECT 1 FROM ");
        query::over_objects(&mut sql, tenant, kind, predicate);
        sql.push(" AND key = v.key)");
    }
    if let Some(after) = wish.after {
        sql.push(if wish.descending { " AND (v.value, v.key) < (" } else { " AND (v.value, v.key) > (" });
        sql.text(after.value.as_str()).push(", ").key(after.key).push(")");
    }
    sql.push(if wish.descending { " ORDER BY v.value DESC, v.key DESC" } else { " ORDER BY v.value, v.key" });
    limited(&mut sql, wish);
    let rows: Vec<(String, DbKey)> = on!(conn, |c| sql.load(c))?;
    Ok(rows.into_iter().map(|(value, key)| Place { value, key: key.0 }).collect())
}

fn by_id(conn: &mut Conn, tenant: TenantId, kind: &str, predicate: &Predicate, wish: &Stretch<'_>) -> Result<Vec<Place>> {
    let mut sql: Sql<'_, (Text, Binary)> = Sql::new("SELECT wire_id, key FROM ");
    query::over_objects(&mut sql, tenant, kind, predicate);
    if let Some(after) = wish.after {
        sql.push(beyond(wish, WIRE_ID)).text(after.value.as_str()).push(", ").key(after.key).push(")");
    }
    ordered(&mut sql, wish, WIRE_ID);
    let rows: Vec<(String, DbKey)> = on!(conn, |c| sql.load(c))?;
    Ok(rows.into_iter().map(|(value, key)| Place { value, key: key.0 }).collect())
}

fn by_time(
    conn: &mut Conn,
    tenant: TenantId,
    kind: &str,
    predicate: &Predicate,
    wish: &Stretch<'_>,
    head: &'static str,
    column: [&'static str; 4],
) -> Result<Vec<Place>> {
    let mut sql: Sql<'_, (BigInt, Binary)> = Sql::new(head);
    query::over_objects(&mut sql, tenant, kind, predicate);
    if let Some(after) = wish.after {
        // What is no time is before all times.
        let at = normal::parse_instant(&after.value).map_or(i64::MIN, Timestamp::micros);
        sql.push(beyond(wish, column)).big(at).push(", ").key(after.key).push(")");
    }
    ordered(&mut sql, wish, column);
    let rows: Vec<(i64, DbKey)> = on!(conn, |c| sql.load(c))?;
    let place = |(at, key): (i64, DbKey)| Place { value: normal::instant(Timestamp::from_micros(at)), key: key.0 };
    Ok(rows.into_iter().map(place).collect())
}

fn beyond(wish: &Stretch<'_>, [_, greater, less, _]: [&'static str; 4]) -> &'static str {
    if wish.descending { less } else { greater }
}

fn ordered<ST>(sql: &mut Sql<'_, ST>, wish: &Stretch<'_>, [both, _, _, first]: [&'static str; 4]) {
    sql.push(" ORDER BY ");
    if wish.descending {
        sql.push(first).push(" DESC, key DESC");
    } else {
        sql.push(both);
    }
    limited(sql, wish);
}

fn limited<ST>(sql: &mut Sql<'_, ST>, wish: &Stretch<'_>) {
    sql.push(" LIMIT ").big(wish.limit);
    if wish.offset > 0 {
        sql.push(" OFFSET ").big(wish.offset);
    }
}
