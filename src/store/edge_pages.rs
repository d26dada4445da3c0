//! The edges of one object, filtered and in order, a stretch at a time.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};

use super::conn::{Conn, on};
use super::edges::EdgeRow;
use super::error::Result;
use super::query::{self, Predicate};
use super::sql::Sql;
use super::types::{DbKey, DbTime};
use crate::domain::key::{Key, TenantId};
use crate::domain::relation::CONDITIONAL;
use crate::domain::schema::Side;
use crate::domain::time::Timestamp;

/// Whose edges.
#[derive(Debug, Clone, Copy)]
pub struct EdgesOf<'a> {
    /// The tenant.
    pub tenant: TenantId,
    /// Name of the relation.
    pub relation: &'a str,
    /// The end at which the object stands.
    pub side: Side,
    /// The object.
    pub near: Key,
}

/// A condition on edges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EdgeTest {
    /// Every edge.
    All,
    /// No edge.
    None,
    /// All of them.
    And(Vec<EdgeTest>),
    /// One of them.
    Or(Vec<EdgeTest>),
    /// Not that.
    Not(Box<EdgeTest>),
    /// The edge with this id.
    Id(Key),
    /// A role's condition made it.
    Conditional,
    /// It leads to an object of this type.
    Leads(String),
    /// It leads to an object of this type that meets the predicate.
    Target(String, Predicate),
}

/// What edges are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeOrder {
    /// The far end's key.
    Far,
    /// The far end's value of an indexed path that has one value at most, by its number; edges to objects without are left out.
    Indexed(i32),
}

/// Where an edge stands in an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgePlace {
    /// What it is ordered by, in index form; empty by [`EdgeOrder::Far`].
    pub value: String,
    /// Key of the far end.
    pub far: Key,
    /// Its variant; parallel edges always ascend by it.
    pub variant: String,
}

/// A stretch of an order.
#[derive(Debug, Clone, Copy)]
pub struct EdgeStretch<'a> {
    /// The order.
    pub order: EdgeOrder,
    /// Whether values run from the greatest to the least.
    pub descending: bool,
    /// Whether keys of the far ends do, of equal values.
    pub keys_descending: bool,
    /// Where it begins; that place itself is behind.
    pub after: Option<&'a EdgePlace>,
    /// How many to leave out after that.
    pub offset: i64,
    /// How many at the most.
    pub limit: i64,
}

type Row = (Text, Binary, Binary, Text, Binary, Text, Text, BigInt, BigInt, Nullable<Text>);
type Read = (String, DbKey, DbKey, String, DbKey, String, String, i64, DbTime, Option<String>);

/// The edges that meet the test, on one stretch of an order, each with what it is ordered by.
pub fn stretch(conn: &mut Conn, of: EdgesOf<'_>, test: &EdgeTest, wish: &EdgeStretch<'_>) -> Result<Vec<(String, EdgeRow)>> {
    let mut sql: Sql<'_, Row> = Sql::new("SELECT ");
    sql.push(if wish.order == EdgeOrder::Far { "''" } else { "v.value" });
    sql.push(", e.from_key, e.to_key, e.variant, e.id, e.from_type, e.to_type, e.rev, e.created, e.properties FROM ");
    let from = of.side == Side::From;
    if let EdgeOrder::Indexed(path) = wish.order {
        // The order of the index leads; SQLite keeps to the order of a cross join.
        sql.push(if from {
            "attribute_index AS v CROSS JOIN edges AS e WHERE e.to_key = v.key AND v.tenant = "
        } else {
            "attribute_index AS v CROSS JOIN edges AS e WHERE e.from_key = v.key AND v.tenant = "
        });
        sql.integer(of.tenant.0).push(" AND v.path = ").integer(path).push(" AND ");
        filter(&mut sql, of, test);
        if let Some(after) = wish.after {
            beyond_value(&mut sql, wish, after);
        }
        sql.push(match (wish.descending, wish.keys_descending) {
            (false, false) => " ORDER BY v.value, v.key, e.variant",
            (false, true) => " ORDER BY v.value, v.key DESC, e.variant",
            (true, false) => " ORDER BY v.value DESC, v.key, e.variant",
            (true, true) => " ORDER BY v.value DESC, v.key DESC, e.variant",
        });
    } else {
        sql.push("edges AS e WHERE ");
        filter(&mut sql, of, test);
        if let Some(after) = wish.after {
            let [reach, past] = match (from, wish.keys_descending) {
                (true, false) => [" AND e.to_key >= ", " AND (e.to_key > "],
                (true, true) => [" AND e.to_key <= ", " AND (e.to_key < "],
                (false, false) => [" AND e.from_key >= ", " AND (e.from_key > "],
                (false, true) => [" AND e.from_key <= ", " AND (e.from_key < "],
            };
            sql.push(reach).key(after.far).push(past).key(after.far);
            sql.push(" OR e.variant > ").text(after.variant.as_str()).push(")");
        }
        sql.push(match (from, wish.keys_descending) {
            (true, false) => " ORDER BY e.to_key, e.variant",
            (true, true) => " ORDER BY e.to_key DESC, e.variant",
            (false, false) => " ORDER BY e.from_key, e.variant",
            (false, true) => " ORDER BY e.from_key DESC, e.variant",
        });
    }
    sql.push(" LIMIT ").big(wish.limit);
    if wish.offset > 0 {
        sql.push(" OFFSET ").big(wish.offset);
    }
    let rows: Vec<Read> = on!(conn, |c| sql.load(c))?;
    let row = |(value, from, to, variant, id, from_type, to_type, rev, created, properties): Read| {
        let (relation, created) = (of.relation.to_owned(), Timestamp::from(created));
        let (from_key, to_key, id) = (from.0, to.0, id.0);
        (value, EdgeRow { relation, from_key, to_key, variant, id, from_type, to_type, rev, created, properties })
    };
    Ok(rows.into_iter().map(row).collect())
}

/// How many edges meet the test, counted up to `most`.
pub fn count(conn: &mut Conn, of: EdgesOf<'_>, test: &EdgeTest, most: i64) -> Result<i64> {
    let mut sql: Sql<'_, BigInt> = Sql::new("SELECT count(*) FROM (SELECT 1 FROM edges AS e WHERE ");
    filter(&mut sql, of, test);
    sql.push(" LIMIT ").big(most).push(") AS found");
    Ok(on!(conn, |c| sql.get_result(c))?)
}

// Values that are equal to the last one can be many; where both run one way, the index finds the place among them.
fn beyond_value<'a, ST>(sql: &mut Sql<'a, ST>, wish: &EdgeStretch<'_>, after: &'a EdgePlace) {
    let value = after.value.as_str();
    if wish.descending == wish.keys_descending {
        sql.push(if wish.descending { " AND (v.value, v.key) <= (" } else { " AND (v.value, v.key) >= (" });
        sql.text(value).push(", ").key(after.far);
        sql.push(if wish.descending { ") AND ((v.value, v.key) < (" } else { ") AND ((v.value, v.key) > (" });
        sql.text(value).push(", ").key(after.far).push(") OR e.variant > ").text(after.variant.as_str()).push(")");
        return;
    }
    sql.push(if wish.descending { " AND v.value <= " } else { " AND v.value >= " }).text(value);
    sql.push(if wish.descending { " AND (v.value < " } else { " AND (v.value > " }).text(value);
    sql.push(if wish.keys_descending { " OR v.key < " } else { " OR v.key > " }).key(after.far);
    sql.push(" OR (v.key = ").key(after.far).push(" AND e.variant > ").text(after.variant.as_str()).push("))");
}

fn filter<'a, ST>(sql: &mut Sql<'a, ST>, of: EdgesOf<'a>, test: &'a EdgeTest) {
    sql.push("e.tenant = ").integer(of.tenant.0).push(" AND e.relation = ").text(of.relation);
    sql.push(if of.side == Side::From { " AND e.from_key = " } else { " AND e.to_key = " }).key(of.near);
    if *test != EdgeTest::All {
        sql.varying().push(" AND ");
        compile(sql, of, test);
    }
}

fn compile<'a, ST>(sql: &mut Sql<'a, ST>, of: EdgesOf<'a>, test: &'a EdgeTest) {
    match test {
        EdgeTest::All => _ = sql.push("TRUE"),
        EdgeTest::None => _ = sql.push("FALSE"),
        EdgeTest::And(all) => query::list(sql, all, " AND ", "TRUE", |sql, test| compile(sql, of, test)),
        EdgeTest::Or(any) => query::list(sql, any, " OR ", "FALSE", |sql, test| compile(sql, of, test)),
        EdgeTest::Not(inner) => {
            sql.push("NOT ");
            compile(sql, of, inner);
        }
        EdgeTest::Id(id) => _ = sql.push("(e.id = ").key(*id).push(")"),
        EdgeTest::Conditional => _ = sql.push("(e.variant = ").text(CONDITIONAL).push(")"),
        EdgeTest::Leads(kind) => {
            sql.push(if of.side == Side::From { "(e.to_type = " } else { "(e.from_type = " });
            sql.text(kind.as_str()).push(")");
        }
        EdgeTest::Target(kind, predicate) => {
            sql.push(if of.side == Side::From { "(e.to_key IN (" } else { "(e.from_key IN (" });
            // Paths belong to one type, so the objects need not be asked.
            match predicate {
                Predicate::Indexed { path, test } => query::indexed(sql, of.tenant, *path, test),
                _ => query::matching_into(sql, "SELECT key FROM ", of.tenant, kind, predicate),
            }
            sql.push("))");
        }
    }
}
