//! What `provost doctor` asks: which rows are missing, and pages of whole tables in the order of their keys, to find those
//! that should not be there.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use diesel::dsl::{count, count_star, max, min};
use diesel::prelude::*;
use diesel::sql_types::Binary;

use super::conditions::ConditionRow;
use super::conn::{Conn, on};
use super::edges::EdgeRow;
use super::error::Result;
use super::index::{IndexRow, external_form};
use super::insert::KEYS;
use super::sql::Sql;
use super::tables::{attribute_index, changes, condition_anchors, conditions, edges, external_ids, objects, unique_values};
use super::types::DbKey;
use crate::domain::key::{Key, TenantId};
use crate::domain::schema::Side;

const NIL: Key = Key::new(uuid::Uuid::nil());

/// A unique value: number of the path, hash, and the object that holds it.
pub type UniqueRow = (i32, Vec<u8>, Key);

/// An external id: type, source, stored form of the value, object.
pub type ExternalRow = (String, String, String, Key);

/// A condition and the anchors it is found by.
pub type Anchored = (ConditionRow, BTreeSet<String>);

/// How the changes of a tenant are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbering {
    /// All changes.
    pub changes: i64,
    /// Those that have a number.
    pub numbered: i64,
    /// The lowest and the highest number.
    pub range: Option<(i64, i64)>,
}

/// The object types that a tenant has objects of.
pub fn kinds(conn: &mut Conn, tenant: TenantId) -> Result<Vec<String>> {
    let here = objects::tenant.eq(tenant.0);
    Ok(on!(conn, |c| objects::table.filter(here).select(objects::kind).distinct().order(objects::kind).load(c))?)
}

/// Those of the keys that objects of a type have.
pub fn existing(conn: &mut Conn, tenant: TenantId, kind: &str, keys: &BTreeSet<Key>) -> Result<HashSet<Key>> {
    let keys: Vec<DbKey> = keys.iter().copied().map(DbKey).collect();
    let mut out = HashSet::with_capacity(keys.len());
    for chunk in keys.chunks(KEYS) {
        let here = objects::tenant.eq(tenant.0).and(objects::kind.eq(kind)).and(objects::key.eq_any(chunk.to_vec()));
        let found: Vec<DbKey> = on!(conn, |c| objects::table.filter(here).select(objects::key).load(c))?;
        out.extend(found.into_iter().map(Key::from));
    }
    Ok(out)
}

/// Those of the wanted rows, values with their objects, that the index lacks at a path.
pub fn missing_index_rows(
    conn: &mut Conn,
    tenant: TenantId,
    path: i32,
    wanted: &BTreeSet<(String, Key)>,
) -> Result<Vec<(String, Key)>> {
    let values: BTreeSet<&String> = wanted.iter().map(|(value, _)| value).collect();
    let values: Vec<&String> = values.into_iter().collect();
    let keys = || wanted.iter().map(|(_, key)| *key);
    let (first, last) = (DbKey(keys().min().unwrap_or(NIL)), DbKey(keys().max().unwrap_or(NIL)));
    let mut found = HashSet::with_capacity(wanted.len());
    for chunk in values.chunks(KEYS) {
        let here = attribute_index::tenant
            .eq(tenant.0)
            .and(attribute_index::path.eq(path))
            .and(attribute_index::value.eq_any(chunk.to_vec()))
            .and(attribute_index::key.ge(first))
            .and(attribute_index::key.le(last));
        let rows: Vec<(String, DbKey)> =
            on!(conn, |c| attribute_index::table.filter(here).select((attribute_index::value, attribute_index::key)).load(c))?;
        found.extend(rows.into_iter().map(|(value, key)| (value, key.0)));
    }
    Ok(wanted.iter().filter(|row| !found.contains(*row)).cloned().collect())
}

/// How many rows the index has.
pub fn index_rows(conn: &mut Conn, tenant: TenantId) -> Result<i64> {
    let here = attribute_index::tenant.eq(tenant.0);
    Ok(on!(conn, |c| attribute_index::table.filter(here).count().get_result(c))?)
}

/// A page of the index.
pub fn index_page(conn: &mut Conn, tenant: TenantId, after: Option<&IndexRow>, limit: i64) -> Result<Vec<IndexRow>> {
    let (path, value, key) = after.map_or((0, "", NIL), |row| (row.path, &row.value, row.key));
    let rest = attribute_index::path.gt(path).or(attribute_index::path
        .eq(path)
        .and(attribute_index::value.gt(value).or(attribute_index::value.eq(value).and(attribute_index::key.gt(DbKey(key))))));
    let rest = attribute_index::tenant.eq(tenant.0).and(attribute_index::path.ge(path)).and(rest);
    let rows: Vec<(i32, String, DbKey)> = on!(conn, |c| attribute_index::table
        .filter(rest)
        .select((attribute_index::path, attribute_index::value, attribute_index::key))
        .order((attribute_index::path, attribute_index::value, attribute_index::key))
        .limit(limit)
        .load(c))?;
    Ok(rows.into_iter().map(|(path, value, key)| IndexRow { path, value, key: key.0 }).collect())
}

/// Those of the wanted unique values, hashes with their objects, that are not held by their object.
pub fn missing_unique_values(
    conn: &mut Conn,
    tenant: TenantId,
    path: i32,
    wanted: &BTreeSet<([u8; 32], Key)>,
) -> Result<Vec<([u8; 32], Key)>> {
    let hashes: Vec<&[u8]> = wanted.iter().map(|(hash, _)| hash.as_slice()).collect();
    let mut found: HashSet<(Vec<u8>, Key)> = HashSet::with_capacity(wanted.len());
    for chunk in hashes.chunks(KEYS) {
        let here =
            unique_values::tenant.eq(tenant.0).and(unique_values::path.eq(path)).and(unique_values::hash.eq_any(chunk.to_vec()));
        let rows: Vec<(Vec<u8>, DbKey)> =
            on!(conn, |c| unique_values::table.filter(here).select((unique_values::hash, unique_values::key)).load(c))?;
        found.extend(rows.into_iter().map(|(hash, key)| (hash, key.0)));
    }
    Ok(wanted.iter().filter(|(hash, key)| !found.contains(&(hash.to_vec(), *key))).copied().collect())
}

/// How many unique values are held.
pub fn unique_values(conn: &mut Conn, tenant: TenantId) -> Result<i64> {
    let here = unique_values::tenant.eq(tenant.0);
    Ok(on!(conn, |c| unique_values::table.filter(here).count().get_result(c))?)
}

/// A page of the unique values.
pub fn unique_page(conn: &mut Conn, tenant: TenantId, after: Option<&UniqueRow>, limit: i64) -> Result<Vec<UniqueRow>> {
    let (path, hash) = after.map_or((0, [].as_slice()), |row| (row.0, row.1.as_slice()));
    let rest = unique_values::path.gt(path).or(unique_values::path.eq(path).and(unique_values::hash.gt(hash)));
    let rest = unique_values::tenant.eq(tenant.0).and(unique_values::path.ge(path)).and(rest);
    let rows: Vec<(i32, Vec<u8>, DbKey)> = on!(conn, |c| unique_values::table
        .filter(rest)
        .select((unique_values::path, unique_values::hash, unique_values::key))
        .order((unique_values::path, unique_values::hash))
        .limit(limit)
        .load(c))?;
    Ok(rows.into_iter().map(|(path, hash, key)| (path, hash, key.0)).collect())
}

/// Those of the wanted external ids of one source, with their objects, that are not in the table.
pub fn missing_external_ids(
    conn: &mut Conn,
    tenant: TenantId,
    kind: &str,
    source: &str,
    wanted: &BTreeSet<(String, Key)>,
) -> Result<Vec<(String, Key)>> {
    let forms: BTreeMap<(String, Key), &(String, Key)> = wanted.iter().map(|row| ((external_form(&row.0), row.1), row)).collect();
    let values: Vec<&String> = forms.keys().map(|(value, _)| value).collect();
    let mut found = HashSet::with_capacity(forms.len());
    for chunk in values.chunks(KEYS) {
        let here = external_ids::tenant
            .eq(tenant.0)
            .and(external_ids::kind.eq(kind))
            .and(external_ids::source.eq(source))
            .and(external_ids::value.eq_any(chunk.to_vec()));
        let rows: Vec<(String, DbKey)> =
            on!(conn, |c| external_ids::table.filter(here).select((external_ids::value, external_ids::key)).load(c))?;
        found.extend(rows.into_iter().map(|(value, key)| (value, key.0)));
    }
    Ok(forms.into_iter().filter(|(form, _)| !found.contains(form)).map(|(_, row)| row.clone()).collect())
}

/// How many external ids there are.
pub fn external_ids(conn: &mut Conn, tenant: TenantId) -> Result<i64> {
    let here = external_ids::tenant.eq(tenant.0);
    Ok(on!(conn, |c| external_ids::table.filter(here).count().get_result(c))?)
}

/// A page of the external ids.
pub fn external_page(conn: &mut Conn, tenant: TenantId, after: Option<&ExternalRow>, limit: i64) -> Result<Vec<ExternalRow>> {
    let (kind, source, value, key) = after.map_or(("", "", "", NIL), |row| (&row.0, &row.1, &row.2, row.3));
    let same_value = external_ids::value.eq(value).and(external_ids::key.gt(DbKey(key)));
    let same_source = external_ids::source.eq(source).and(external_ids::value.gt(value).or(same_value));
    let same_kind = external_ids::kind.eq(kind).and(external_ids::source.gt(source).or(same_source));
    let rest = external_ids::kind.gt(kind).or(same_kind);
    let rest = external_ids::tenant.eq(tenant.0).and(external_ids::kind.ge(kind)).and(rest);
    let rows: Vec<(String, String, String, DbKey)> = on!(conn, |c| external_ids::table
        .filter(rest)
        .select((external_ids::kind, external_ids::source, external_ids::value, external_ids::key))
        .order((external_ids::kind, external_ids::source, external_ids::value, external_ids::key))
        .limit(limit)
        .load(c))?;
    Ok(rows.into_iter().map(|(kind, source, value, key)| (kind, source, value, key.0)).collect())
}

/// Whether a stored external id stands for this value.
pub fn is_external_form(stored: &str, value: &str) -> bool {
    stored == external_form(value)
}

/// A page of the edges.
pub fn edge_page(conn: &mut Conn, tenant: TenantId, after: Option<&EdgeRow>, limit: i64) -> Result<Vec<EdgeRow>> {
    let (relation, from, to, variant) =
        after.map_or(("", NIL, NIL, ""), |row| (&row.relation, row.from_key, row.to_key, &row.variant));
    let same_to = edges::to_key.eq(DbKey(to)).and(edges::variant.gt(variant));
    let same_from = edges::from_key.eq(DbKey(from)).and(edges::to_key.gt(DbKey(to)).or(same_to));
    let same_relation = edges::relation.eq(relation).and(edges::from_key.gt(DbKey(from)).or(same_from));
    let rest = edges::relation.gt(relation).or(same_relation);
    let rest = edges::tenant.eq(tenant.0).and(edges::relation.ge(relation)).and(rest);
    Ok(on!(conn, |c| edges::table
        .filter(rest)
        .select(EdgeRow::as_select())
        .order((edges::relation, edges::from_key, edges::to_key, edges::variant))
        .limit(limit)
        .load(c))?)
}

/// The objects that stand at one end of several edges of a relation.
pub fn crowded(conn: &mut Conn, tenant: TenantId, relation: &str, side: Side) -> Result<Vec<Key>> {
    let (select, group) = match side {
        Side::From => ("SELECT from_key FROM edges WHERE tenant = ", " GROUP BY from_key HAVING count(*) > 1"),
        Side::To => ("SELECT to_key FROM edges WHERE tenant = ", " GROUP BY to_key HAVING count(*) > 1"),
    };
    let mut sql: Sql<'_, Binary> = Sql::new(select);
    sql.integer(tenant.0).push(" AND relation = ").text(relation).push(group);
    let rows: Vec<DbKey> = on!(conn, |c| sql.load(c))?;
    Ok(rows.into_iter().map(Key::from).collect())
}

/// The conditions of roles, with their anchors.
pub fn conditions_of(conn: &mut Conn, tenant: TenantId, roles: &[Key]) -> Result<HashMap<Key, Anchored>> {
    let mut out = HashMap::new();
    for chunk in roles.chunks(KEYS) {
        let chunk: Vec<DbKey> = chunk.iter().copied().map(DbKey).collect();
        let here = conditions::tenant.eq(tenant.0).and(conditions::role_key.eq_any(chunk.clone()));
        let rows: Vec<ConditionRow> = on!(conn, |c| conditions::table.filter(here).select(ConditionRow::as_select()).load(c))?;
        out.extend(rows.into_iter().map(|row| (row.role_key, (row, BTreeSet::new()))));
        let here = condition_anchors::tenant.eq(tenant.0).and(condition_anchors::role_key.eq_any(chunk));
        let anchors: Vec<(DbKey, String)> = on!(conn, |c| condition_anchors::table
            .filter(here)
            .select((condition_anchors::role_key, condition_anchors::anchor))
            .load(c))?;
        for (role, anchor) in anchors {
            if let Some((_, anchors)) = out.get_mut(&role.0) {
                anchors.insert(anchor);
            }
        }
    }
    Ok(out)
}

/// A page of the conditions, in the order of roles.
pub fn condition_page(conn: &mut Conn, tenant: TenantId, after: Option<Key>, limit: i64) -> Result<Vec<ConditionRow>> {
    let rest = conditions::tenant.eq(tenant.0).and(conditions::role_key.gt(DbKey(after.unwrap_or(NIL))));
    Ok(on!(conn, |c| conditions::table
        .filter(rest)
        .select(ConditionRow::as_select())
        .order(conditions::role_key)
        .limit(limit)
        .load(c))?)
}

/// How the changes are numbered.
pub fn numbering(conn: &mut Conn, tenant: TenantId) -> Result<Numbering> {
    let here = changes::tenant.eq(tenant.0);
    let row: (i64, i64, Option<i64>, Option<i64>) = on!(conn, |c| changes::table
        .filter(here)
        .select((count_star(), count(changes::seq), min(changes::seq), max(changes::seq)))
        .get_result(c))?;
    Ok(Numbering { changes: row.0, numbered: row.1, range: row.2.zip(row.3) })
}

/// Ids of targets that links speak of and that do not exist.
pub fn lost_targets(conn: &mut Conn, tenant: TenantId) -> Result<BTreeSet<Key>> {
    const TABLES: [&str; 3] = [
        "SELECT DISTINCT target FROM links AS l WHERE l.tenant = ",
        "SELECT DISTINCT target FROM link_members AS l WHERE l.tenant = ",
        "SELECT DISTINCT target FROM link_waits AS l WHERE l.tenant = ",
    ];
    const NO_TARGET: &str = " AND NOT EXISTS (SELECT 1 FROM targets AS t WHERE t.tenant = l.tenant AND t.id = l.target)";
    let mut out = BTreeSet::new();
    for select in TABLES {
        let mut sql: Sql<'_, Binary> = Sql::new(select);
        sql.integer(tenant.0).push(NO_TARGET);
        let rows: Vec<DbKey> = on!(conn, |c| sql.load(c))?;
        out.extend(rows.into_iter().map(Key::from));
    }
    Ok(out)
}
