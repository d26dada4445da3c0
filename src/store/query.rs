//! Which objects meet a predicate: a filter as far as the database can answer it.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary};

use super::conn::{Conn, on};
use super::error::Result;
use super::index::external_form;
use super::sql::Sql;
use super::types::DbKey;
use crate::domain::key::{Key, TenantId};
use crate::domain::normal::INDEX_BYTES;
use crate::domain::schema::Side;
use crate::domain::time::Timestamp;

/// A condition on objects of one type. Each leaf is true or false of every object, never unknown, so `Not` keeps objects
/// without the attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Predicate {
    /// Every object.
    All,
    /// No object.
    None,
    /// All of them.
    And(Vec<Predicate>),
    /// One of them.
    Or(Vec<Predicate>),
    /// Not that.
    Not(Box<Predicate>),
    /// Some value of an indexed attribute passes a test.
    Indexed {
        /// Number of the path.
        path: i32,
        /// The test.
        test: Test,
    },
    /// A source gave it this externalId.
    External {
        /// The source.
        source: String,
        /// The externalId.
        value: String,
    },
    /// It is one of these.
    Keys(Vec<Key>),
    /// It has this id.
    WireId(String),
    /// It has an edge to an object.
    Edge {
        /// Name of the relation.
        relation: String,
        /// The end at which the object itself stands.
        side: Side,
        /// The object at the other end.
        other: Key,
    },
    /// It has an edge to an object of this id.
    EdgeToId {
        /// Name of the relation.
        relation: String,
        /// The end at which the object itself stands.
        side: Side,
        /// Object types that may stand at the other end.
        kinds: Vec<String>,
        /// Wire id of the object at the other end.
        wire_id: String,
        /// Whether edges on from there count too, through objects of these types: a member of a group in that group.
        through: bool,
    },
    /// It has an edge to an object of a type that meets a predicate.
    EdgeTo {
        /// Name of the relation.
        relation: String,
        /// The end at which the object itself stands.
        side: Side,
        /// Type of the object at the other end.
        kind: String,
        /// What that one meets.
        predicate: Box<Predicate>,
        /// Whether edges on from there count too.
        through: bool,
    },
    /// It was made within a range.
    Created(Bounds<Timestamp>),
    /// It last changed within a range.
    Modified(Bounds<Timestamp>),
}

/// A test of a value in index form (`domain::normal`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// It is this.
    Eq(String),
    /// It starts with this.
    Prefix(String),
    /// It holds this, or was cut so that this cannot be told.
    Contains(String),
    /// It lies within a range.
    Range(Bounds<String>),
    /// It is there.
    Present,
}

/// A range, open where an end is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds<T> {
    /// The lower end and whether it belongs to the range.
    pub lower: Option<(T, bool)>,
    /// The upper end and whether it belongs to the range.
    pub upper: Option<(T, bool)>,
}

/// Keys of the objects of a type that meet the predicate, in order, after a key.
pub fn select(
    conn: &mut Conn,
    tenant: TenantId,
    kind: &str,
    predicate: &Predicate,
    after: Option<Key>,
    limit: i64,
) -> Result<Vec<Key>> {
    let mut sql = matching("SELECT key FROM ", tenant, kind, predicate);
    if let Some(after) = after {
        sql.push(" AND key > ").key(after);
    }
    sql.push(" ORDER BY key LIMIT ").big(limit);
    keys(conn, sql)
}

/// How many objects of a type meet the predicate.
pub fn count(conn: &mut Conn, tenant: TenantId, kind: &str, predicate: &Predicate) -> Result<i64> {
    let sql: Sql<'_, BigInt> = matching("SELECT count(*) FROM ", tenant, kind, predicate);
    Ok(on!(conn, |c| sql.get_result(c))?)
}

/// How many objects of a type meet the predicate, counted up to `most`.
pub fn count_up_to(conn: &mut Conn, tenant: TenantId, kind: &str, predicate: &Predicate, most: i64) -> Result<i64> {
    let mut sql: Sql<'_, BigInt> = matching("SELECT count(*) FROM (SELECT key FROM ", tenant, kind, predicate);
    sql.push(" LIMIT ").big(most).push(") AS found");
    Ok(on!(conn, |c| sql.get_result(c))?)
}

fn keys(conn: &mut Conn, sql: Sql<'_, Binary>) -> Result<Vec<Key>> {
    let keys: Vec<DbKey> = on!(conn, |c| sql.load(c))?;
    Ok(keys.into_iter().map(Key::from).collect())
}

// One value of one path, and one externalId, are ranges of their tables in the order of keys: no detour over the objects.
pub(super) fn matching<'a, ST>(head: &'static str, tenant: TenantId, kind: &'a str, predicate: &'a Predicate) -> Sql<'a, ST> {
    let mut sql = Sql::new("");
    matching_into(&mut sql, head, tenant, kind, predicate);
    sql
}

/// [`matching`] within another statement.
pub(super) fn matching_into<'a, ST>(
    sql: &mut Sql<'a, ST>,
    head: &'static str,
    tenant: TenantId,
    kind: &'a str,
    predicate: &'a Predicate,
) {
    sql.push(head);
    match predicate {
        Predicate::Indexed { path, test: Test::Eq(value) } => {
            sql.push("attribute_index WHERE tenant = ").integer(tenant.0).push(" AND path = ").integer(*path);
            sql.push(" AND value = ").text(value.as_str());
        }
        Predicate::External { source, value } => {
            sql.push("external_ids WHERE tenant = ").integer(tenant.0).push(" AND type = ").text(kind);
            sql.push(" AND source = ").text(source.as_str()).push(" AND value = ").text(external_form(value));
        }
        _ => over_objects(sql, tenant, kind, predicate),
    }
}

/// `objects WHERE …`, for a statement that names its columns.
pub(super) fn over_objects<'a, ST>(sql: &mut Sql<'a, ST>, tenant: TenantId, kind: &'a str, predicate: &'a Predicate) {
    sql.push("objects WHERE tenant = ").integer(tenant.0).push(" AND type = ").text(kind);
    if *predicate != Predicate::All {
        sql.varying().push(" AND ");
        compile(sql, tenant, kind, predicate);
    }
}

fn compile<'a, ST>(sql: &mut Sql<'a, ST>, tenant: TenantId, kind: &'a str, predicate: &'a Predicate) {
    match predicate {
        Predicate::All => {
            sql.push("TRUE");
        }
        Predicate::None => {
            sql.push("FALSE");
        }
        Predicate::And(all) => list(sql, all, " AND ", "TRUE", |sql, p| compile(sql, tenant, kind, p)),
        Predicate::Or(any) => list(sql, any, " OR ", "FALSE", |sql, p| compile(sql, tenant, kind, p)),
        Predicate::Not(inner) => {
            sql.push("NOT ");
            compile(sql, tenant, kind, inner);
        }
        Predicate::Indexed { path, test } => {
            sql.push("(key IN (");
            indexed(sql, tenant, *path, test);
            sql.push("))");
        }
        Predicate::External { source, value } => {
            sql.push("(key IN (SELECT x.key FROM external_ids AS x WHERE x.tenant = ").integer(tenant.0);
            sql.push(" AND x.type = ").text(kind).push(" AND x.source = ").text(source.as_str());
            sql.push(" AND x.value = ").text(external_form(value)).push("))");
        }
        Predicate::Keys(keys) if keys.is_empty() => {
            sql.push("FALSE");
        }
        Predicate::Keys(keys) => {
            sql.push("(key IN ");
            list(sql, keys, ", ", "", |sql, key| {
                sql.key(*key);
            });
            sql.push(")");
        }
        Predicate::WireId(id) => {
            sql.push("(wire_id = ").text(id.as_str()).push(")");
        }
        Predicate::Edge { relation, side, other } => {
            edges(sql, tenant, relation, *side);
            sql.push(" = ").key(*other).push("))");
        }
        Predicate::EdgeToId { relation, side, kinds, wire_id, through } => {
            edges(sql, tenant, relation, *side);
            sql.push(if *through { " IN (WITH RECURSIVE r (key) AS (SELECT o.key" } else { " IN (SELECT o.key" });
            sql.push(" FROM objects AS o WHERE o.tenant = ").integer(tenant.0);
            sql.push(" AND o.wire_id = ").text(wire_id.as_str()).push(" AND o.type IN ");
            list(sql, kinds, ", ", "''", |sql, kind| {
                sql.text(kind.as_str());
            });
            if *through {
                onwards(sql, tenant, relation, *side);
            }
            sql.push(")))");
        }
        Predicate::EdgeTo { relation, side, kind, predicate, through } => {
            edges(sql, tenant, relation, *side);
            sql.push(if *through { " IN (WITH RECURSIVE r (key) AS (SELECT key FROM " } else { " IN (SELECT key FROM " });
            over_objects(sql, tenant, kind, predicate);
            if *through {
                onwards(sql, tenant, relation, *side);
            }
            sql.push(")))");
        }
        Predicate::Created(bounds) => instants(sql, bounds, ["created > ", "created >= ", "created < ", "created <= "]),
        Predicate::Modified(bounds) => {
            instants(sql, bounds, ["modified > ", "modified >= ", "modified < ", "modified <= "]);
        }
    }
}

/// The keys with a value at an indexed path that passes a test; not each once.
pub(super) fn indexed<'a, ST>(sql: &mut Sql<'a, ST>, tenant: TenantId, path: i32, test: &'a Test) {
    sql.push("SELECT i.key FROM attribute_index AS i WHERE i.tenant = ").integer(tenant.0);
    sql.push(" AND i.path = ").integer(path);
    compile_test(sql, test);
}

// Relations that lead on have no cycles; were there one, UNION would end it.
fn onwards<'a, ST>(sql: &mut Sql<'a, ST>, tenant: TenantId, relation: &'a str, side: Side) {
    sql.push(match side {
        Side::From => " UNION SELECT s.from_key FROM edges AS s JOIN r ON s.to_key = r.key",
        Side::To => " UNION SELECT s.to_key FROM edges AS s JOIN r ON s.from_key = r.key",
    });
    sql.push(" WHERE s.tenant = ").integer(tenant.0).push(" AND s.relation = ").text(relation);
    sql.push(") SELECT r.key FROM r");
}

fn edges<'a, ST>(sql: &mut Sql<'a, ST>, tenant: TenantId, relation: &'a str, side: Side) {
    sql.push(match side {
        Side::From => "(key IN (SELECT e.from_key FROM edges AS e WHERE e.tenant = ",
        Side::To => "(key IN (SELECT e.to_key FROM edges AS e WHERE e.tenant = ",
    });
    sql.integer(tenant.0).push(" AND e.relation = ").text(relation);
    sql.push(match side {
        Side::From => " AND e.to_key",
        Side::To => " AND e.from_key",
    });
}

pub(super) fn list<'a, ST, T>(
    sql: &mut Sql<'a, ST>,
    items: &'a [T],
    between: &'static str,
    when_empty: &'static str,
    mut each: impl FnMut(&mut Sql<'a, ST>, &'a T),
) {
    sql.push("(");
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            sql.push(between);
        }
        each(sql, item);
    }
    if items.is_empty() {
        sql.push(when_empty);
    }
    sql.push(")");
}

fn compile_test<'a, ST>(sql: &mut Sql<'a, ST>, test: &'a Test) {
    match test {
        Test::Present => {}
        Test::Eq(value) => {
            sql.push(" AND i.value = ").text(value.as_str());
        }
        // A range finds its place in the index where LIKE does not.
        Test::Prefix(prefix) => {
            sql.push(" AND i.value >= ").text(prefix.as_str());
            if let Some(end) = after_prefix(prefix) {
                sql.push(" AND i.value < ").text(end);
            }
        }
        // LIKE folds ASCII on SQLite and needs escapes; replace() is exact on both engines.
        Test::Contains(part) => {
            sql.push(" AND (replace(i.value, ").text(part.as_str()).push(", '') <> i.value OR octet_length(i.value) > ");
            sql.integer(INDEX_BYTES as i32).push(")");
        }
        Test::Range(Bounds { lower, upper }) => {
            if let Some((value, inclusive)) = lower {
                sql.push(if *inclusive { " AND i.value >= " } else { " AND i.value > " }).text(value.as_str());
            }
            if let Some((value, inclusive)) = upper {
                sql.push(if *inclusive { " AND i.value <= " } else { " AND i.value < " }).text(value.as_str());
            }
        }
    }
}

fn instants<ST>(sql: &mut Sql<'_, ST>, bounds: &Bounds<Timestamp>, [gt, ge, lt, le]: [&'static str; 4]) {
    sql.push("(TRUE");
    if let Some((at, inclusive)) = bounds.lower {
        sql.push(" AND ").push(if inclusive { ge } else { gt }).big(at.micros());
    }
    if let Some((at, inclusive)) = bounds.upper {
        sql.push(" AND ").push(if inclusive { le } else { lt }).big(at.micros());
    }
    sql.push(")");
}

/// The least text above every text with this prefix, in the order of bytes, which for UTF-8 is that of code points. None
/// when there is no such text.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut out = prefix.to_owned();
    while let Some(last) = out.pop() {
        // U+D800 to U+DFFF are no characters.
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            out.push(next);
            return Some(out);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_end_of_a_prefix_skips_what_is_no_character() {
        for (prefix, end) in [
            ("ab", Some("ac")),
            ("", None),
            ("a\u{7f}", Some("a\u{80}")),
            ("\u{d7ff}", Some("\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
        ] {
            assert_eq!(after_prefix(prefix).as_deref(), end, "{prefix:?}");
        }
    }

    proptest! {
        #[test]
        fn a_prefix_is_a_range(prefix: String, other: String, tail: String) {
            for text in [&other, &format!("{prefix}{tail}")] {
                let above = after_prefix(&prefix).is_none_or(|end| *text < end);
                prop_assert_eq!(*text >= prefix && above, text.starts_with(&prefix));
            }
        }
    }
}
