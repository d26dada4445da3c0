//! Lists of the edges of one property: filtered by target and reference, sorted, in pages (spec/idm.md §2.3).
//!
//! As in `search`, the store narrows and orders and the evaluator decides. A page that begins at a place costs the same
//! wherever that is and however many edges there are, unless filter or sort have to read each target; then they are read in
//! batches, and no more is kept than the page reaches.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::edge_walk::{Kind, Spot, Walk};
use super::load::Needs;
use super::relationships::{Linked, Property};
use super::search::Most;
use super::{Context, PathIds, Result, Service};
use crate::domain::actor::Actor;
use crate::domain::edge_filter::{EdgeFilter, Node, Part, edge_id};
use crate::domain::error::{Fault, Kind as FaultKind, excerpt};
use crate::domain::filter::ast::{Literal, Op};
use crate::domain::key::Key;
use crate::domain::relation::{CONDITIONAL, STATIC};
use crate::domain::resource::encode_segment;
use crate::domain::schema::relationship::GRANT;
use crate::domain::schema::{AttrPath, Home, IdmForm, ObjectType, Relationship, Returned};
use crate::store::edge_pages::{self, EdgeTest, EdgesOf};
use crate::store::query::{self, Predicate};
use crate::store::{Conn, plan};

/// Up to so many edges, or hits of a filter, are read rather than asked for in the order of an index.
pub(super) const FEW: i64 = 1000;

/// What to list.
#[derive(Debug, Clone)]
pub struct EdgeQuery {
    /// Whose edges.
    pub property: Property,
    /// Which pass; all without.
    pub filter: Option<EdgeFilter>,
    /// What they are sorted by. What has no value comes last; equal ones follow one another by the key of the target, which
    /// is the order in which targets were made.
    pub sort: Vec<SortKey>,
    /// Whether those keys run from the greatest.
    pub keys_descending: bool,
    /// Where the page starts.
    pub start: Start,
    /// How many at the most.
    pub count: usize,
    /// Whether to count all that pass.
    pub total: bool,
    /// What it may cost.
    pub most: Most,
}

impl EdgeQuery {
    /// All edges of a property, as they come.
    pub const fn all(property: Property) -> Self {
        let (start, count, most) = (Start::Offset(0), usize::MAX, Most::ANY);
        Self { property, filter: None, sort: Vec::new(), keys_descending: false, start, count, total: false, most }
    }
}

/// One of the things that edges are sorted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    /// What.
    pub by: SortBy,
    /// Whether from the greatest to the least.
    pub descending: bool,
}

/// What edges are sorted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SortBy {
    /// An IDM property of the target.
    Property(String),
    /// A part of the reference.
    Part(Part),
}

/// Where a page starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// After this many.
    Offset(usize),
    /// After this place.
    After(Mark),
}

/// A place in the order of an object's edges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// What the edge is sorted by, in index form.
    #[serde(rename = "v", default)]
    pub values: Vec<Option<String>>,
    /// The far end.
    #[serde(rename = "k")]
    pub far: Key,
    /// The variant of the edge.
    #[serde(rename = "e", default)]
    pub variant: String,
}

/// One page.
#[derive(Debug)]
pub struct EdgePage {
    /// The edges on it.
    pub linked: Vec<Linked>,
    /// Where the last stands, if more follow.
    pub next: Option<Mark>,
    /// How many pass in all, if that was asked.
    pub total: Option<usize>,
}

impl Service {
    /// One page of the edges of a property.
    ///
    /// # Errors
    /// [`NotFound`](FaultKind::NotFound) for an unknown object or property, [`InvalidValue`](FaultKind::InvalidValue) for an
    /// unknown sort key, [`TooMany`](FaultKind::TooMany) beyond [`Most`].
    pub async fn edges(&self, actor: &Actor, query: EdgeQuery) -> Result<EdgePage> {
        let ctx = self.context(actor);
        self.store().read(move |conn| ctx.edge_page(conn, &query)).await
    }
}

impl Context {
    fn edge_page(&self, conn: &mut Conn, query: &EdgeQuery) -> Result<EdgePage> {
        let (relationship, near) = self.property(conn, &query.property)?;
        // A plan by types that have changed might rest on an index that is no more.
        if query.filter.is_some() || !query.sort.is_empty() {
            self.hold_types(conn)?;
        }
        let of = EdgesOf { tenant: self.actor.tenant, relation: &relationship.relation, side: relationship.side, near };
        let filter = query.filter.as_ref().filter(|filter| !filter.is_true(&relationship));
        let (mut kinds, mut tests, mut exact) = (BTreeMap::new(), Vec::new(), true);
        for name in &relationship.types {
            let kind = self.kind(name)?;
            let node = match filter.map(|filter| filter.kinds.get(name)) {
                Some(None) => continue,
                Some(Some(node)) => Some(node),
                None => None,
            };
            let paths = self.service.paths(conn, self.actor.tenant, &kind)?;
            let (test, whole) = match node {
                None => (EdgeTest::All, true),
                Some(node) => {
                    Planner { ctx: self, kind: &kind, paths: &paths, relation: &relationship.relation }.plan(conn, node)?
                }
            };
            exact &= whole;
            tests.push(if relationship.types.len() == 1 { test } else { all(vec![EdgeTest::Leads(name.clone()), test]) });
            let indexed = match &query.sort[..] {
                [SortKey { by: SortBy::Property(property), .. }] => indexed(&kind, property, &paths),
                _ => None,
            };
            kinds.insert(name.clone(), Kind { node, indexed, needs: needs(&kind, node), kind });
        }
        refuse_unknown(query, &kinds)?;
        let test = if filter.is_none() { EdgeTest::All } else { any(tests) };
        let mut walk = Walk { ctx: self, conn, relationship: &relationship, of, query, kinds, test, exact, size: None };
        let (mut spots, total) = walk.page()?;
        let more = spots.len() > query.count;
        spots.truncate(query.count);
        let next = spots.last().filter(|_| more).map(Spot::mark);
        let linked = self.linked(conn, &relationship, spots.into_iter().map(|spot| spot.row).collect())?;
        Ok(EdgePage { linked, next, total })
    }
}

fn needs(kind: &ObjectType, node: Option<&Node>) -> Needs {
    let reads: Vec<AttrPath> =
        node.map(Node::filters).unwrap_or_default().into_iter().flat_map(crate::domain::filter::Filter::attributes).collect();
    Needs::scim(kind, |name| reads.iter().any(|path| kind.attribute(*path).relationship.as_deref() == Some(name)))
}

// A key that no target has is a mistake; an order would tell what is never shown.
fn refuse_unknown(query: &EdgeQuery, kinds: &BTreeMap<String, Kind<'_>>) -> Result<()> {
    for key in &query.sort {
        let SortBy::Property(name) = &key.by else { continue };
        let shown = |kind: &Kind<'_>| {
            let property = kind.kind.property(name);
            property.is_some_and(|p| {
                let parts = [kind.kind.attribute(p.path), kind.kind.leaf(p.path)];
                p.form != IdmForm::Discarded && parts.iter().all(|a| !a.discarded && a.returned != Returned::Never)
            })
        };
        if !kinds.is_empty() && !kinds.values().any(shown) {
            let text = format!("_sortKeys: '{}' is no property to sort these by", excerpt(name));
            return Err(Fault::new(FaultKind::InvalidValue, text).into());
        }
    }
    Ok(())
}

/// The number of the index that keeps the order of a property, and whether every object has a value there.
fn indexed(kind: &ObjectType, property: &str, paths: &PathIds) -> Option<(i32, bool)> {
    let property = kind.property(property).filter(|p| p.form == IdmForm::Plain && p.path.home != Home::Common)?;
    let (attribute, leaf) = (kind.attribute(property.path), kind.leaf(property.path));
    let single = plan::covered(leaf) && leaf.is_searchable() && !attribute.multi_valued && !leaf.multi_valued;
    let number = paths.get(&property.path).filter(|_| single)?;
    Some((*number, property.path.home == Home::Schema(0) && property.path.sub.is_none() && leaf.required))
}

/// Whether few edges at the most meet a test, so that it should lead.
pub(super) fn is_narrow(test: &EdgeTest) -> bool {
    match test {
        EdgeTest::None | EdgeTest::Id(_) | EdgeTest::Target(..) => true,
        EdgeTest::And(parts) => parts.iter().any(is_narrow),
        EdgeTest::Or(parts) => parts.iter().all(is_narrow),
        EdgeTest::All | EdgeTest::Not(_) | EdgeTest::Conditional | EdgeTest::Leads(_) => false,
    }
}

/// All of `tests`.
pub(super) fn all(tests: Vec<EdgeTest>) -> EdgeTest {
    let mut out: Vec<EdgeTest> = tests.into_iter().filter(|test| *test != EdgeTest::All).collect();
    match out.len() {
        0 => EdgeTest::All,
        _ if out.contains(&EdgeTest::None) => EdgeTest::None,
        1 => out.swap_remove(0),
        _ => EdgeTest::And(out),
    }
}

/// One of `tests`.
pub(super) fn any(tests: Vec<EdgeTest>) -> EdgeTest {
    let mut out: Vec<EdgeTest> = tests.into_iter().filter(|test| *test != EdgeTest::None).collect();
    match out.len() {
        0 => EdgeTest::None,
        _ if out.contains(&EdgeTest::All) => EdgeTest::All,
        1 => out.swap_remove(0),
        _ => EdgeTest::Or(out),
    }
}

/// What of a filter the store answers: a test that selects a superset, and whether it selects no more.
struct Planner<'a> {
    ctx: &'a Context,
    kind: &'a ObjectType,
    paths: &'a PathIds,
    relation: &'a str,
}

impl Planner<'_> {
    fn plan(&self, conn: &mut Conn, node: &Node) -> Result<(EdgeTest, bool)> {
        Ok(match node {
            Node::And(parts) => {
                let (tests, exact) = self.parts(conn, parts)?;
                (all(tests), exact)
            }
            Node::Or(parts) => {
                let (tests, exact) = self.parts(conn, parts)?;
                (any(tests), exact)
            }
            Node::Not(inner) => match self.plan(conn, inner)? {
                (EdgeTest::All, true) => (EdgeTest::None, true),
                (EdgeTest::None, true) => (EdgeTest::All, true),
                (test, true) => (EdgeTest::Not(Box::new(test)), true),
                _ => (EdgeTest::All, false),
            },
            Node::Target(filter) => {
                let planned = plan::plan(filter, self.kind, self.paths, &self.ctx.actor.source);
                self.target(conn, planned.predicate, planned.exact)?
            }
            Node::Part { part, op: Op::Eq, value } => self.part(conn, part, value)?,
            Node::Part { .. } | Node::Has(_) => (EdgeTest::All, false),
        })
    }

    fn parts(&self, conn: &mut Conn, parts: &[Node]) -> Result<(Vec<EdgeTest>, bool)> {
        let (mut tests, mut exact) = (Vec::with_capacity(parts.len()), true);
        for part in parts {
            let (test, whole) = self.plan(conn, part)?;
            tests.push(test);
            exact &= whole;
        }
        Ok((tests, exact))
    }

    // What many objects meet is asked of the targets of a page rather than listed for each page.
    fn target(&self, conn: &mut Conn, predicate: Predicate, exact: bool) -> Result<(EdgeTest, bool)> {
        Ok(match predicate {
            Predicate::All => (EdgeTest::All, exact),
            Predicate::None => (EdgeTest::None, exact),
            predicate if query::count_up_to(conn, self.ctx.actor.tenant, &self.kind.name, &predicate, FEW + 1)? > FEW => {
                (EdgeTest::All, false)
            }
            predicate => (EdgeTest::Target(self.kind.name.clone(), predicate), exact),
        })
    }

    fn part(&self, conn: &mut Conn, part: &Part, value: &Literal) -> Result<(EdgeTest, bool)> {
        let Literal::Text(text) = value else { return Ok((EdgeTest::All, false)) };
        let wire_id = match part {
            Part::Id => Some(text.clone()),
            Part::Ref => {
                let id = text.strip_prefix(self.kind.collection.as_str()).and_then(|rest| rest.strip_prefix('/'));
                let id = id.and_then(|id| percent_encoding::percent_decode_str(id).decode_utf8().ok());
                // A reference has one spelling.
                match id.filter(|id| format!("{}/{}", self.kind.collection, encode_segment(id)) == *text) {
                    Some(id) => Some(id.into_owned()),
                    None => return Ok((EdgeTest::None, true)),
                }
            }
            Part::Collection | Part::Property(_) => None,
        };
        if let Some(id) = wire_id {
            return self.target(conn, Predicate::WireId(id), true);
        }
        let Part::Property(names) = part else { return Ok((EdgeTest::All, false)) };
        Ok(match names.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["_id"] => (edge_id(value).map_or(EdgeTest::None, EdgeTest::Id), true),
            ["_grantType"] if self.relation == GRANT => match text.as_str() {
                CONDITIONAL => (EdgeTest::Conditional, true),
                STATIC => (EdgeTest::Not(Box::new(EdgeTest::Conditional)), true),
                _ => (EdgeTest::None, true),
            },
            _ => (EdgeTest::All, false),
        })
    }
}

/// How many edges there are, counted up to a bound.
pub(super) fn size(conn: &mut Conn, of: EdgesOf<'_>, test: &EdgeTest, most: Option<i64>) -> Result<usize> {
    let found = edge_pages::count(conn, of, test, most.unwrap_or(i64::MAX))?;
    Ok(usize::try_from(found).unwrap_or(usize::MAX))
}

impl Context {
    /// The relationship that a property is, and the key of its object.
    pub(super) fn property(&self, conn: &mut Conn, property: &Property) -> Result<(Relationship, Key)> {
        let row = self.find(conn, &property.kind, &property.wire_id)?;
        let relationship = property.kind.relationship(&property.name).cloned();
        let missing = || Fault::new(FaultKind::NotFound, format!("{} has no such relationship", property.kind.name));
        Ok((relationship.ok_or_else(missing)?, row.key))
    }
}
