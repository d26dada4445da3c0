//! Relationships between objects, each an edge with an id, a revision and properties of its own.

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::{Binary, Integer, Text};

use super::conn::{Conn, on};
use super::error::Result;
use super::insert::{KEYS, insert_all};
use super::key_in::key_in;
use super::sql::Sql;
use super::tables::edges;
use super::types::{DbKey, DbTime};
use crate::domain::edge::is_conditional;
use crate::domain::key::{Key, TenantId};
use crate::domain::schema::Side;
use crate::domain::time::Timestamp;

/// One edge as stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = edges)]
pub struct EdgeRow {
    /// Name of the relation (`membership`, `grant`, …).
    pub relation: String,
    /// Where it starts.
    #[diesel(deserialize_as = DbKey)]
    pub from_key: Key,
    /// Where it ends.
    #[diesel(deserialize_as = DbKey)]
    pub to_key: Key,
    /// Tells parallel edges apart (`domain::edge::variant`): empty, `conditional`, or a digest of the properties.
    pub variant: String,
    /// Its own id (`_refResourceRel`, IDM's `_id`).
    #[diesel(deserialize_as = DbKey)]
    pub id: Key,
    /// Object type at the start.
    pub from_type: String,
    /// Object type at the end.
    pub to_type: String,
    /// Revision, from 1.
    pub rev: i64,
    /// When it was made.
    #[diesel(deserialize_as = DbTime)]
    pub created: Timestamp,
    /// JSON object of properties (`domain::edge::EdgeProperties`); none when there are none.
    pub properties: Option<String>,
}

/// The full key of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EdgeKey<'a> {
    /// Name of the relation.
    pub relation: &'a str,
    /// Where it starts.
    pub from_key: Key,
    /// Where it ends.
    pub to_key: Key,
    /// Tells parallel edges apart.
    pub variant: &'a str,
}

impl EdgeRow {
    /// Its full key.
    pub fn edge_key(&self) -> EdgeKey<'_> {
        EdgeKey { relation: &self.relation, from_key: self.from_key, to_key: self.to_key, variant: &self.variant }
    }

    /// Whether a role's condition made it.
    pub fn is_conditional(&self) -> bool {
        is_conditional(&self.variant)
    }

    /// The object at the other end, seen from `side`.
    pub const fn other(&self, side: Side) -> Key {
        match side {
            Side::From => self.to_key,
            Side::To => self.from_key,
        }
    }
}

/// An object reached over edges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// The object.
    pub key: Key,
    /// Its type.
    pub kind: String,
    /// Length of the shortest way to it, from 1.
    pub depth: i32,
}

/// Adds edges and leaves those that exist as they are; how many are new.
pub fn insert_many(conn: &mut Conn, tenant: TenantId, rows: &[EdgeRow]) -> Result<usize> {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                edges::tenant.eq(tenant.0),
                edges::relation.eq(&row.relation),
                edges::from_key.eq(DbKey(row.from_key)),
                edges::to_key.eq(DbKey(row.to_key)),
                edges::variant.eq(&row.variant),
                edges::id.eq(DbKey(row.id)),
                edges::from_type.eq(&row.from_type),
                edges::to_type.eq(&row.to_type),
                edges::rev.eq(row.rev),
                edges::created.eq(DbTime(row.created)),
                edges::properties.eq(&row.properties),
            )
        })
        .collect();
    Ok(insert_all!(conn, rows, |values| diesel::insert_into(edges::table)
        .values(values)
        .on_conflict((edges::tenant, edges::relation, edges::from_key, edges::to_key, edges::variant))
        .do_nothing()))
}

/// By id.
pub fn get(conn: &mut Conn, tenant: TenantId, id: Key) -> Result<Option<EdgeRow>> {
    let same = edges::tenant.eq(tenant.0).and(edges::id.eq(DbKey(id)));
    Ok(on!(conn, |c| edges::table.filter(same).select(EdgeRow::as_select()).first(c).optional())?)
}

/// Those with these ids, in no order.
pub fn by_ids(conn: &mut Conn, tenant: TenantId, ids: &[Key]) -> Result<Vec<EdgeRow>> {
    let mut out: Vec<EdgeRow> = Vec::new();
    for chunk in ids.chunks(KEYS) {
        let these = edges::tenant.eq(tenant.0).and(key_in(edges::id, chunk));
        out.extend(on!(conn, |c| edges::table.filter(these).select(EdgeRow::as_select()).load(c))?);
    }
    Ok(out)
}

/// All parallel edges between two objects.
pub fn find(conn: &mut Conn, tenant: TenantId, relation: &str, from: Key, to: Key) -> Result<Vec<EdgeRow>> {
    let same = edges::tenant
        .eq(tenant.0)
        .and(edges::relation.eq(relation))
        .and(edges::from_key.eq(DbKey(from)))
        .and(edges::to_key.eq(DbKey(to)));
    Ok(on!(conn, |c| edges::table.filter(same).select(EdgeRow::as_select()).order(edges::variant).load(c))?)
}

/// The edges between one object and others, in no order.
pub fn between(conn: &mut Conn, tenant: TenantId, relation: &str, side: Side, key: Key, others: &[Key]) -> Result<Vec<EdgeRow>> {
    let key = DbKey(key);
    let mut out = Vec::new();
    for chunk in others.chunks(KEYS) {
        let here = edges::tenant.eq(tenant.0).and(edges::relation.eq(relation));
        let rows: Vec<EdgeRow> = match side {
            Side::From => on!(conn, |c| edges::table
                .filter(here.and(edges::from_key.eq(key)).and(key_in(edges::to_key, chunk)))
                .select(EdgeRow::as_select())
                .load(c)),
            Side::To => on!(conn, |c| edges::table
                .filter(here.and(edges::to_key.eq(key)).and(key_in(edges::from_key, chunk)))
                .select(EdgeRow::as_select())
                .load(c)),
        }?;
        out.extend(rows);
    }
    Ok(out)
}

/// Edges of one object, ordered by the other end and variant. `after` is the last edge of the page before.
pub fn of(
    conn: &mut Conn,
    tenant: TenantId,
    relation: &str,
    side: Side,
    key: Key,
    after: Option<&EdgeRow>,
    limit: i64,
) -> Result<Vec<EdgeRow>> {
    let key = DbKey(key);
    let here = edges::tenant.eq(tenant.0).and(edges::relation.eq(relation));
    // A range over the index and, at its start, the parallel edges that were already seen.
    let (last, variant) = after.map_or((DbKey(Key::new(uuid::Uuid::nil())), ""), |e| (DbKey(e.other(side)), &e.variant));
    Ok(match side {
        Side::From => {
            let rest = edges::to_key.ge(last).and(edges::to_key.gt(last).or(edges::variant.gt(variant)));
            on!(conn, |c| edges::table
                .filter(here.and(edges::from_key.eq(key)).and(rest))
                .select(EdgeRow::as_select())
                .order((edges::to_key, edges::variant))
                .limit(limit)
                .load(c))
        }
        Side::To => {
            let rest = edges::from_key.ge(last).and(edges::from_key.gt(last).or(edges::variant.gt(variant)));
            on!(conn, |c| edges::table
                .filter(here.and(edges::to_key.eq(key)).and(rest))
                .select(EdgeRow::as_select())
                .order((edges::from_key, edges::variant))
                .limit(limit)
                .load(c))
        }
    }?)
}

/// All edges of several objects, ordered by object, other end and variant.
pub fn of_many(conn: &mut Conn, tenant: TenantId, relation: &str, side: Side, keys: &[Key]) -> Result<Vec<EdgeRow>> {
    if let [key] = keys {
        return of(conn, tenant, relation, side, *key, None, i64::MAX);
    }
    let mut out = Vec::new();
    for chunk in keys.chunks(KEYS) {
        let here = edges::tenant.eq(tenant.0).and(edges::relation.eq(relation));
        let rows: Vec<EdgeRow> = match side {
            Side::From => on!(conn, |c| edges::table
                .filter(here.and(key_in(edges::from_key, chunk)))
                .select(EdgeRow::as_select())
                .order((edges::from_key, edges::to_key, edges::variant))
                .load(c)),
            Side::To => on!(conn, |c| edges::table
                .filter(here.and(key_in(edges::to_key, chunk)))
                .select(EdgeRow::as_select())
                .order((edges::to_key, edges::from_key, edges::variant))
                .load(c)),
        }?;
        out.extend(rows);
    }
    Ok(out)
}

/// How many edges one object has.
pub fn count_of(conn: &mut Conn, tenant: TenantId, relation: &str, side: Side, key: Key) -> Result<i64> {
    let here = edges::tenant.eq(tenant.0).and(edges::relation.eq(relation));
    Ok(match side {
        Side::From => on!(conn, |c| edges::table.filter(here.and(edges::from_key.eq(DbKey(key)))).count().get_result(c)),
        Side::To => on!(conn, |c| edges::table.filter(here.and(edges::to_key.eq(DbKey(key)))).count().get_result(c)),
    }?)
}

/// Whether an object has an edge at all.
pub fn has_any(conn: &mut Conn, tenant: TenantId, relation: &str, side: Side, key: Key) -> Result<bool> {
    let here = edges::tenant.eq(tenant.0).and(edges::relation.eq(relation));
    Ok(match side {
        Side::From => {
            on!(conn, |c| { diesel::select(exists(edges::table.filter(here.and(edges::from_key.eq(DbKey(key)))))).get_result(c) })
        }
        Side::To => {
            on!(conn, |c| { diesel::select(exists(edges::table.filter(here.and(edges::to_key.eq(DbKey(key)))))).get_result(c) })
        }
    }?)
}

/// Removes edges by full key; how many there were.
pub fn delete(conn: &mut Conn, tenant: TenantId, keys: &[EdgeKey<'_>]) -> Result<usize> {
    let mut deleted = 0;
    for key in keys {
        let same = edges::tenant
            .eq(tenant.0)
            .and(edges::relation.eq(key.relation))
            .and(edges::from_key.eq(DbKey(key.from_key)))
            .and(edges::to_key.eq(DbKey(key.to_key)))
            .and(edges::variant.eq(key.variant));
        deleted += on!(conn, |c| diesel::delete(edges::table.filter(same)).execute(c))?;
    }
    Ok(deleted)
}

/// Removes edges by id; how many there were.
pub fn delete_by_ids(conn: &mut Conn, tenant: TenantId, ids: &[Key]) -> Result<usize> {
    let mut deleted = 0;
    for chunk in ids.chunks(KEYS) {
        let these = edges::tenant.eq(tenant.0).and(key_in(edges::id, chunk));
        deleted += on!(conn, |c| diesel::delete(edges::table.filter(these)).execute(c))?;
    }
    Ok(deleted)
}

/// Removes every edge at an object, whatever the relation and the end, and returns them.
pub fn delete_all_of(conn: &mut Conn, tenant: TenantId, key: Key) -> Result<Vec<EdgeRow>> {
    let mut removed = Vec::new();
    for relation in relations(conn, tenant)? {
        removed.extend(of_many(conn, tenant, &relation, Side::From, &[key])?);
        // An edge from an object to itself is already among them.
        let ending = of_many(conn, tenant, &relation, Side::To, &[key])?;
        removed.extend(ending.into_iter().filter(|edge| edge.from_key != key));
    }
    let keys: Vec<_> = removed.iter().map(EdgeRow::edge_key).collect();
    delete(conn, tenant, &keys)?;
    Ok(removed)
}

// Few relations, many edges: each step is one look-up in the index.
fn relations(conn: &mut Conn, tenant: TenantId) -> Result<Vec<String>> {
    let mut out: Vec<String> = Vec::new();
    loop {
        let last = out.last().map_or("", String::as_str);
        let rest = edges::tenant.eq(tenant.0).and(edges::relation.gt(last));
        let next = on!(conn, |c| edges::table.filter(rest).select(edges::relation).order(edges::relation).first(c).optional())?;
        match next {
            Some(relation) => out.push(relation),
            None => return Ok(out),
        }
    }
}

/// Replaces the properties of an edge and raises its revision; false when it is gone or its revision is not `expected`. What
/// changes its variant makes it anew, with the same id.
pub fn update_properties(conn: &mut Conn, tenant: TenantId, id: Key, expected: i64, properties: Option<&str>) -> Result<bool> {
    let same = edges::tenant.eq(tenant.0).and(edges::id.eq(DbKey(id))).and(edges::rev.eq(expected));
    let values = (edges::properties.eq(properties), edges::rev.eq(expected + 1));
    Ok(on!(conn, |c| diesel::update(edges::table.filter(same)).set(values).execute(c))? == 1)
}

/// What lies above: from `key` as the end of edges to their starts, and on, at most `max_depth` steps. Nearest first.
pub fn ancestors(conn: &mut Conn, tenant: TenantId, relation: &str, key: Key, max_depth: i32) -> Result<Vec<Reached>> {
    let mut sql = Sql::new(
        "WITH RECURSIVE reached(key, kind, depth) AS (\
         SELECT from_key, from_type, 1 FROM edges WHERE tenant = ",
    );
    sql.integer(tenant.0).push(" AND relation = ").text(relation).push(" AND to_key = ").key(key);
    sql.push(
        " UNION SELECT e.from_key, e.from_type, r.depth + 1 FROM reached AS r \
         JOIN edges AS e ON e.to_key = r.key WHERE e.tenant = ",
    );
    walk(conn, sql, tenant, relation, max_depth)
}

/// What lies below: from `key` as the start of edges to their ends, and on, at most `max_depth` steps. Nearest first.
pub fn descendants(conn: &mut Conn, tenant: TenantId, relation: &str, key: Key, max_depth: i32) -> Result<Vec<Reached>> {
    let mut sql = Sql::new(
        "WITH RECURSIVE reached(key, kind, depth) AS (\
         SELECT to_key, to_type, 1 FROM edges WHERE tenant = ",
    );
    sql.integer(tenant.0).push(" AND relation = ").text(relation).push(" AND from_key = ").key(key);
    sql.push(
        " UNION SELECT e.to_key, e.to_type, r.depth + 1 FROM reached AS r \
         JOIN edges AS e ON e.from_key = r.key WHERE e.tenant = ",
    );
    walk(conn, sql, tenant, relation, max_depth)
}

fn walk<'a>(
    conn: &mut Conn,
    mut sql: Sql<'a, (Binary, Text, Integer)>,
    tenant: TenantId,
    relation: &'a str,
    max_depth: i32,
) -> Result<Vec<Reached>> {
    sql.integer(tenant.0).push(" AND e.relation = ").text(relation).push(" AND r.depth < ").integer(max_depth);
    sql.push(") SELECT key, kind, min(depth) FROM reached GROUP BY key, kind ORDER BY 3, 1");
    let rows: Vec<(DbKey, String, i32)> = on!(conn, |c| sql.load(c))?;
    Ok(rows.into_iter().map(|(key, kind, depth)| Reached { key: key.0, kind, depth }).collect())
}

/// How many edges a relation has whose ends are of these types; none means any.
pub fn count_between(conn: &mut Conn, tenant: TenantId, relation: &str, from: Option<&str>, to: Option<&str>) -> Result<i64> {
    let mut sql: Sql<'_, diesel::sql_types::BigInt> = Sql::new("SELECT count(*) FROM edges WHERE tenant = ");
    sql.integer(tenant.0).push(" AND relation = ").text(relation);
    if let Some(from) = from {
        sql.push(" AND from_type = ").text(from);
    }
    if let Some(to) = to {
        sql.push(" AND to_type = ").text(to);
    }
    Ok(on!(conn, |c| sql.get_result(c))?)
}
