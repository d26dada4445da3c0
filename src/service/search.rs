//! Lists over one type or several, filtered, sorted and in pages (RFC 7644 §3.4.2, RFC 9865). The store narrows and orders,
//! the evaluator decides.
//!
//! Unsorted, types follow one another, each in the order of creation. Sorted, all are one list; equal ones follow one another
//! by key, and descending is the exact reverse. A page that begins at a place costs the same wherever that is, unless the
//! filter or the sort has to read each object.

use std::sync::Arc;

use super::load::Needs;
use super::walk::{Planned, Spot, Walk};
use super::{Context, PathIds, Result, Service};
use crate::domain::actor::Actor;
use crate::domain::cursor::{self, Place};
use crate::domain::filter::{CompareOp, Filter};
use crate::domain::schema::{AttrPath, Home, ObjectType, Uniqueness};
use crate::domain::sort::{self, Sort};
use crate::domain::written::Written;
use crate::store::Conn;
use crate::store::ordered::By;
use crate::store::plan::{self, Plan};
use crate::store::query::Predicate;

/// What to list.
#[derive(Debug, Clone)]
pub struct Search {
    /// The types, in the order in which they follow one another.
    pub parts: Vec<Part>,
    /// Whether the parts are sorted as one list, and from the greatest.
    pub order: Order,
    /// Where the page starts.
    pub start: Start,
    /// How many at the most.
    pub count: usize,
    /// Whether to count all that pass.
    pub total: bool,
    /// What it may cost.
    pub most: Most,
    /// With what the addresses begin that the filter sees, in `$ref` and `meta.location`.
    pub base: String,
}

/// What to list of one type.
#[derive(Debug, Clone)]
pub struct Part {
    /// The type.
    pub kind: Arc<ObjectType>,
    /// Who passes; all without.
    pub filter: Option<Filter>,
    /// What it is sorted by; without, it has no value to sort by.
    pub sort: Option<Sort>,
    /// What the answer holds.
    pub needs: Needs,
    /// What filter and sort read.
    pub reads: Needs,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As the objects were made.
    Creation,
    /// By the parts' sort attributes.
    Sorted {
        /// Whether from the greatest to the least.
        descending: bool,
    },
}

/// Where a page starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// After this many.
    Offset(usize),
    /// After this place.
    After(Place),
    /// So that it ends before this place.
    Before(Place),
}

/// What a list may cost: beyond, it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Most {
    /// Objects read one by one, because no index answers the filter.
    pub scan: usize,
    /// Objects sorted in memory, because no index has their order.
    pub sort: usize,
}

impl Most {
    /// No limit.
    pub const ANY: Self = Self { scan: usize::MAX, sort: usize::MAX };
}

/// One page.
#[derive(Debug)]
pub struct Found {
    /// The resources on it.
    pub resources: Vec<Written>,
    /// How many pass in all, if that was asked.
    pub total: Option<usize>,
    /// Where the first and the last stand.
    pub ends: Option<(Place, Place)>,
    /// Whether more follow in the direction of the walk: after the page, or before it when it was to end before a place.
    pub more: bool,
}

impl Service {
    /// One page of a list.
    ///
    /// # Errors
    /// [`TooMany`](crate::domain::error::Kind::TooMany) beyond [`Most`]; [`InvalidCursor`](crate::domain::error::Kind::InvalidCursor) for a place in a type that is not listed; those of the store.
    pub async fn search(&self, actor: &Actor, search: Search) -> Result<Found> {
        let ctx = self.context(actor);
        // The look-up before each write of an identity provider: one object at the most.
        let unique = matches!(&search.parts[..], [part] if part.filter.as_ref().is_some_and(|f| names_one(f, &part.kind)));
        let job = move |conn: &mut Conn| ctx.search(conn, &search);
        if unique { self.store().read_short(job).await } else { self.store().read(job).await }
    }
}

fn names_one(filter: &Filter, kind: &ObjectType) -> bool {
    match filter {
        Filter::Compare { target, op: CompareOp::Eq, .. } => kind.leaf(target.path).uniqueness != Uniqueness::None,
        _ => false,
    }
}

impl Context {
    pub(crate) fn search(&self, conn: &mut Conn, search: &Search) -> Result<Found> {
        // A plan by types that have changed might rest on an index that is no more, and find nobody.
        if search.order != Order::Creation || search.parts.iter().any(|part| part.filter.is_some()) {
            self.hold_types(conn)?;
        }
        let mut parts = Vec::with_capacity(search.parts.len());
        for part in &search.parts {
            let paths = self.service.paths(conn, self.actor.tenant, &part.kind)?;
            let plan = match &part.filter {
                None => Plan { predicate: Predicate::All, exact: true },
                Some(filter) => plan::plan(filter, &part.kind, &paths, &self.actor.source),
            };
            let index = part.sort.as_ref().and_then(Sort::single).and_then(|path| index(part, path, &paths));
            parts.push(Planned { part, plan, index, size: None });
        }
        let (mark, offset, back) = match &search.start {
            Start::Offset(offset) => (None, *offset, false),
            Start::After(place) => (Some(place), 0, false),
            Start::Before(place) => (Some(place), 0, true),
        };
        let mark = match mark {
            None => None,
            Some(place) => {
                let at = parts.iter().position(|p| p.part.kind.name == place.kind).ok_or_else(cursor::foreign)?;
                Some(Spot { part: at, value: place.value.clone(), key: place.key })
            }
        };
        let descending = back ^ matches!(search.order, Order::Sorted { descending: true });
        let mut walk = Walk { ctx: self, conn, search, parts, descending };
        let reach = if search.count == 0 { 0 } else { search.count.saturating_add(1) };
        let mut spots = match search.order {
            _ if reach == 0 => Vec::new(),
            Order::Creation => walk.chained(mark.as_ref(), offset, reach)?,
            Order::Sorted { .. } => walk.merged(mark.as_ref(), offset, reach)?,
        };
        let total = if search.total { Some(walk.total()?) } else { None };
        let more = spots.len() > search.count;
        spots.truncate(search.count);
        if back {
            spots.reverse();
        }
        let resources = walk.load(&spots)?;
        let place =
            |spot: &Spot| Place { kind: search.parts[spot.part].kind.name.clone(), value: spot.value.clone(), key: spot.key };
        let ends = spots.first().zip(spots.last()).map(|(first, last)| (place(first), place(last)));
        Ok(Found { resources, total, ends, more })
    }
}

/// The order in which the store keeps what a part is sorted by, and whether every object has a value there.
fn index(part: &Part, path: AttrPath, paths: &PathIds) -> Option<(By, bool)> {
    let (kind, attribute, leaf) = (&part.kind, part.kind.attribute(path), part.kind.leaf(path));
    if path.home == Home::Common {
        return match (attribute.name.as_str(), leaf.name.as_str()) {
            _ if sort::is_id(kind, path) => Some((By::WireId, true)),
            ("meta", "created") => Some((By::Created, true)),
            ("meta", "lastModified") => Some((By::Modified, true)),
            _ => None,
        };
    }
    let number = paths
        .get(&path)
        .filter(|_| plan::covered(leaf) && leaf.is_searchable() && !attribute.multi_valued && !leaf.multi_valued)?;
    Some((By::Indexed(*number), path.home == Home::Schema(0) && path.sub.is_none() && leaf.required))
}
