//! The append-only log of changes.
//!
//! Readers go by `seq` alone. The one writer of SQLite numbers changes as it appends them; on PostgreSQL, where the order of
//! allocation is not the order of commit, the dispatcher numbers what is committed.

use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::conn::{Conn, on};
use super::error::Result;
use super::insert::{KEYS, insert_all};
use super::key_in::key_in;
use super::sql::Sql;
use super::tables::changes;
use super::types::{DbKey, DbTime, Maybe};
use crate::domain::key::{Key, TenantId};
use crate::domain::time::Timestamp;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = changes)]
pub struct ChangeRow {
    /// Its id.
    #[diesel(deserialize_as = DbKey)]
    pub id: Key,
    /// Its number within the tenant, from 1 and without gaps; none until it has one. Ignored when appended.
    pub seq: Option<i64>,
    /// When it was made.
    #[diesel(deserialize_as = DbTime)]
    pub at: Timestamp,
    /// Type of the object that changed.
    pub kind: String,
    /// The object that changed.
    #[diesel(deserialize_as = DbKey)]
    pub key: Key,
    /// What happened: `create`, `update`, `delete`, `link`, `unlink`, …
    pub op: String,
    /// The object's revision afterwards.
    pub rev: i64,
    /// The object at the other end, when an edge changed.
    #[diesel(deserialize_as = Maybe<DbKey>)]
    pub other_key: Option<Key>,
    /// Who did it: the name of the token.
    pub actor: String,
    /// The id of that token; none for the program itself.
    #[diesel(deserialize_as = Maybe<DbKey>)]
    pub token: Option<Key>,
    /// The upstream that it came from.
    pub source: String,
    /// The dialect that it was said in.
    pub dialect: String,
    /// The request that it belongs to.
    pub request_id: String,
    /// What changed, JSON text; never a secret.
    pub detail: String,
}

/// Which changes to read; `None` means any.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChangeFilter<'a> {
    /// Type of the object.
    pub kind: Option<&'a str>,
    /// The object.
    pub key: Option<Key>,
    /// Who did it: the id or the name of a token.
    pub actor: Option<&'a str>,
}

/// Appends changes, numbered at once on SQLite.
pub fn append(conn: &mut Conn, tenant: TenantId, rows: &[ChangeRow]) -> Result<()> {
    let next = if conn.is_sqlite() { Some(last_seq(conn, tenant)? + 1) } else { None };
    let rows: Vec<_> = rows
        .iter()
        .zip(0_i64..)
        .map(|(row, place)| {
            (
                changes::tenant.eq(tenant.0),
                changes::id.eq(DbKey(row.id)),
                changes::seq.eq(next.map(|next| next + place)),
                changes::at.eq(DbTime(row.at)),
                changes::kind.eq(&row.kind),
                changes::key.eq(DbKey(row.key)),
                changes::op.eq(&row.op),
                changes::rev.eq(row.rev),
                changes::other_key.eq(row.other_key.map(DbKey)),
                changes::actor.eq(&row.actor),
                changes::token.eq(row.token.map(DbKey)),
                changes::source.eq(&row.source),
                changes::dialect.eq(&row.dialect),
                changes::request_id.eq(&row.request_id),
                changes::detail.eq(&row.detail),
            )
        })
        .collect();
    insert_all!(conn, rows, |values| diesel::insert_into(changes::table).values(values));
    Ok(())
}

/// The number of the last numbered change; 0 when there is none. Pruning keeps the last row, so numbers never return.
pub fn last_seq(conn: &mut Conn, tenant: TenantId) -> Result<i64> {
    let numbered = changes::tenant.eq(tenant.0).and(changes::seq.is_not_null());
    let last: Option<i64> = on!(conn, |c| changes::table.filter(numbered).select(max(changes::seq)).get_result(c))?;
    Ok(last.unwrap_or(0))
}

/// How the changes since one affect the number of objects of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    /// How many changes were looked at.
    pub changes: i64,
    /// Objects made, less objects deleted.
    pub objects: i64,
}

/// What the numbered changes after `seq` did to the number of objects of a type; `changes` counts those of all types.
pub fn growth(conn: &mut Conn, tenant: TenantId, kind: &str, seq: i64) -> Result<Growth> {
    let mut sql = Sql::new("SELECT count(*), coalesce(sum(CASE WHEN type <> ");
    sql.text(kind).push(" THEN 0 WHEN op = 'create' THEN 1 WHEN op = 'delete' THEN -1 ELSE 0 END), 0)");
    sql.push(" FROM changes WHERE tenant = ").integer(tenant.0).push(" AND seq > ").big(seq);
    of_growth(conn, sql)
}

/// As [`growth`], of up to `limit` changes without a number.
pub fn growth_of_open(conn: &mut Conn, tenant: TenantId, kind: &str, limit: i64) -> Result<Growth> {
    let mut sql = Sql::new("SELECT count(*), coalesce(sum(CASE WHEN type <> ");
    sql.text(kind).push(" THEN 0 WHEN op = 'create' THEN 1 WHEN op = 'delete' THEN -1 ELSE 0 END), 0)");
    sql.push(" FROM (SELECT type, op FROM changes WHERE tenant = ").integer(tenant.0);
    sql.push(" AND seq IS NULL LIMIT ").big(limit).push(") AS open");
    of_growth(conn, sql)
}

fn of_growth(conn: &mut Conn, sql: Sql<'_, (BigInt, BigInt)>) -> Result<Growth> {
    let (changes, objects): (i64, i64) = on!(conn, |c| sql.get_result(c))?;
    Ok(Growth { changes, objects })
}

/// Whether changes wait for their number.
pub fn has_open(conn: &mut Conn, tenant: TenantId) -> Result<bool> {
    let open = changes::tenant.eq(tenant.0).and(changes::seq.is_null());
    let first: Option<DbKey> = on!(conn, |c| changes::table.filter(open).select(changes::id).first(c).optional())?;
    Ok(first.is_some())
}

/// Numbers up to `limit` changes that have no number; how many. Only the holder of the dispatcher's lease calls it.
///
/// They are taken by id, which is by time; changes of one object among them stay in the order of its revisions, whatever
/// the clocks of the replicas said.
pub fn number(conn: &mut Conn, tenant: TenantId, limit: i64) -> Result<usize> {
    let open = changes::tenant.eq(tenant.0).and(changes::seq.is_null());
    let rows: Vec<(DbKey, DbKey, i64)> = on!(conn, |c| changes::table
        .filter(open)
        .select((changes::id, changes::key, changes::rev))
        .order(changes::id)
        .limit(limit)
        .load(c))?;
    if rows.is_empty() {
        return Ok(0);
    }
    let next = last_seq(conn, tenant)? + 1;
    let numbered: Vec<_> = in_order(rows).into_iter().zip(next..).collect();
    for chunk in numbered.chunks(KEYS) {
        let mut sql: Sql<'_> = Sql::new("WITH numbered(id, seq) AS (VALUES ");
        for (place, (id, seq)) in chunk.iter().enumerate() {
            sql.push(if place == 0 { "(" } else { ", (" }).key(*id).push(", ").big(*seq).push(")");
        }
        sql.push(") UPDATE changes SET seq = numbered.seq FROM numbered WHERE changes.tenant = ").integer(tenant.0);
        sql.push(" AND changes.id = numbered.id").varying();
        on!(conn, |c| sql.execute(c))?;
    }
    Ok(numbered.len())
}

// The places that an object's changes have stay; who stands at which goes by revision.
fn in_order(rows: Vec<(DbKey, DbKey, i64)>) -> Vec<Key> {
    let mut by_object: Vec<usize> = (0..rows.len()).collect();
    by_object.sort_by_key(|&place| (rows[place].1.0, place));
    let mut by_rev = by_object.clone();
    by_rev.sort_by_key(|&place| (rows[place].1.0, rows[place].2, place));
    let mut out: Vec<Key> = rows.iter().map(|row| row.0.0).collect();
    for (place, row) in by_object.into_iter().zip(by_rev) {
        out[place] = rows[row].0.0;
    }
    out
}

/// Numbered changes after a number, in order.
pub fn after(conn: &mut Conn, tenant: TenantId, seq: i64, limit: i64, filter: ChangeFilter<'_>) -> Result<Vec<ChangeRow>> {
    let rest = changes::tenant.eq(tenant.0).and(changes::seq.gt(seq));
    Ok(on!(conn, |c| {
        let mut query = changes::table.filter(rest).select(ChangeRow::as_select()).into_boxed();
        if let Some(kind) = filter.kind {
            query = query.filter(changes::kind.eq(kind));
        }
        if let Some(key) = filter.key {
            query = query.filter(changes::key.eq(DbKey(key)));
        }
        if let Some(actor) = filter.actor {
            query = match Key::parse(actor) {
                Some(token) => query.filter(changes::token.eq(DbKey(token))),
                None => query.filter(changes::actor.eq(actor)),
            };
        }
        query.order(changes::seq).limit(limit).load(c)
    })?)
}

/// What happened to edges that start from some objects and end at some others, whether numbered or not, in no order.
pub fn of_edges(conn: &mut Conn, tenant: TenantId, op: &str, from: &[Key], to: &[Key]) -> Result<Vec<ChangeRow>> {
    let mut out = Vec::new();
    for from in from.chunks(KEYS) {
        for to in to.chunks(KEYS) {
            let to: Vec<DbKey> = to.iter().copied().map(DbKey).collect();
            let these = changes::tenant.eq(tenant.0).and(changes::op.eq(op)).and(changes::other_key.eq_any(to));
            let rows: Vec<ChangeRow> = on!(conn, |c| changes::table
                .filter(these.and(key_in(changes::key, from)))
                .select(ChangeRow::as_select())
                .load(c))?;
            out.extend(rows);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_one_object_keep_the_order_of_its_revisions() {
        let key = |n: u8| DbKey(Key::from_slice(&[n; 16]).unwrap());
        let rows = vec![(key(1), key(8), 2), (key(2), key(9), 1), (key(3), key(8), 1), (key(4), key(8), 1)];
        let order: Vec<_> = in_order(rows).into_iter().map(DbKey).collect();
        assert_eq!(order, [key(3), key(2), key(4), key(1)]);
    }
}
