//! A walk through the edges of one property, in the order that is asked for.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::edge_query::{EdgeQuery, FEW, Mark, SortBy, Start, all, any, is_narrow, size};
use super::load::{Needs, edge, far_end, limit};
use super::{Context, Result};
use crate::domain::document::idm;
use crate::domain::edge_filter::{Node, Part, Seen};
use crate::domain::error::{Fault, Kind as FaultKind};
use crate::domain::filter::{Filter, Operand, eval};
use crate::domain::key::Key;
use crate::domain::normal;
use crate::domain::resource::Resource;
use crate::domain::schema::{Home, IdmForm, ObjectType, Relationship};
use crate::store::edge_pages::{self, EdgeOrder, EdgePlace, EdgeStretch, EdgeTest, EdgesOf};
use crate::store::edges::EdgeRow;
use crate::store::query::{Predicate, Test};
use crate::store::{Conn, objects};

/// How many edges are read at a time when the evaluator has to decide.
const BATCH: usize = 500;

/// An edge in a list, with what it is sorted by.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    pub(super) values: Vec<Option<String>>,
    pub(super) far: Key,
    pub(super) row: EdgeRow,
}

impl Spot {
    pub(super) fn mark(&self) -> Mark {
        Mark { values: self.values.clone(), far: self.far, variant: self.row.variant.clone() }
    }
}

/// A type that edges lead to.
pub(super) struct Kind<'a> {
    pub(super) kind: Arc<ObjectType>,
    /// What edges to it have to meet.
    pub(super) node: Option<&'a Node>,
    /// What that reads.
    pub(super) needs: Needs,
    /// The index that keeps the order, and whether every object has a value there.
    pub(super) indexed: Option<(i32, bool)>,
}

/// A walk through the edges of one property.
pub(super) struct Walk<'a> {
    pub(super) ctx: &'a Context,
    pub(super) conn: &'a mut Conn,
    pub(super) relationship: &'a Relationship,
    pub(super) of: EdgesOf<'a>,
    pub(super) query: &'a EdgeQuery,
    pub(super) kinds: BTreeMap<String, Kind<'a>>,
    /// What the store answers of the filter, and whether that is all of it.
    pub(super) test: EdgeTest,
    pub(super) exact: bool,
    /// How many pass, once that is known.
    pub(super) size: Option<usize>,
}

/// An order that the store keeps, and the edges in it.
struct Lane {
    order: EdgeOrder,
    test: EdgeTest,
}

impl Walk<'_> {
    /// The spots of the page and one more, if there is one; and how many pass, if that is asked.
    pub(super) fn page(&mut self) -> Result<(Vec<Spot>, Option<usize>)> {
        let (mark, skip) = match &self.query.start {
            Start::Offset(skip) => (None, *skip),
            Start::After(mark) => (Some(mark), 0),
        };
        let reach = if self.query.count == 0 { 0 } else { self.query.count.saturating_add(1) };
        let spots = if reach == 0 {
            Vec::new()
        } else if self.query.sort.is_empty() {
            let lane = Lane { order: EdgeOrder::Far, test: self.test.clone() };
            self.gather(&lane, mark, skip, reach)?.0
        } else {
            match self.lanes()? {
                Some((valued, rest)) => self.merged(&valued, rest, mark, skip, reach)?,
                None => self.ranked(mark, skip, reach)?,
            }
        };
        let total = if self.query.total { Some(self.total()?) } else { None };
        Ok((spots, total))
    }

    fn total(&mut self) -> Result<usize> {
        if let Some(size) = self.size {
            return Ok(size);
        }
        if self.exact {
            return size(self.conn, self.of, &self.test, None);
        }
        let mut count = 0;
        let lane = Lane { order: EdgeOrder::Far, test: self.test.clone() };
        self.each(&lane, None, |_| {
            count += 1;
            true
        })?;
        Ok(count)
    }

    /// The lanes that together are the order, if the store keeps it and there is more to walk than to read: those with
    /// values, one for each type, and what has none.
    fn lanes(&mut self) -> Result<Option<(Vec<Lane>, Option<Lane>)>> {
        let kept = |kind: &Kind<'_>| match &self.query.sort[..] {
            [key] => match &key.by {
                SortBy::Property(name) => kind.indexed.is_some() || kind.kind.property(name).is_none(),
                SortBy::Part(_) => false,
            },
            _ => false,
        };
        if !self.kinds.values().all(kept) || is_narrow(&self.test) {
            return Ok(None);
        }
        let few = usize::try_from(FEW).unwrap_or(usize::MAX);
        if size(self.conn, self.of, &EdgeTest::All, Some(FEW + 1))? <= few {
            return Ok(None);
        }
        let (mut valued, mut rest) = (Vec::new(), Vec::new());
        for (name, kind) in &self.kinds {
            let leads = EdgeTest::Leads(name.clone());
            let Some((path, always)) = kind.indexed else {
                rest.push(leads);
                continue;
            };
            valued.push(Lane { order: EdgeOrder::Indexed(path), test: self.test.clone() });
            if !always {
                let present = Predicate::Indexed { path, test: Test::Present };
                let absent = EdgeTest::Not(Box::new(EdgeTest::Target(name.clone(), present)));
                rest.push(all(vec![leads, absent]));
            }
        }
        let rest = (!rest.is_empty()).then(|| Lane { order: EdgeOrder::Far, test: all(vec![self.test.clone(), any(rest)]) });
        Ok(Some((valued, rest)))
    }

    fn merged(
        &mut self,
        valued: &[Lane],
        rest: Option<Lane>,
        mark: Option<&Mark>,
        skip: usize,
        reach: usize,
    ) -> Result<Vec<Spot>> {
        let one = valued.len() == 1;
        // Of several lanes each may hold all that is left out.
        let (within, after) = if one { (skip, 0) } else { (0, skip) };
        let take = reach.saturating_add(after);
        self.bounded(take)?;
        let mut spots = Vec::new();
        let mut left = skip;
        if mark.is_none_or(|mark| matches!(mark.values[..], [Some(_)])) {
            let mut passed = 0;
            for lane in valued {
                let (found, skipped) = self.gather(lane, mark, within, take)?;
                passed += skipped;
                spots.extend(found);
            }
            if !one {
                spots.sort_unstable_by(|a, b| self.compare(a, b));
                passed = after.min(spots.len());
                spots.drain(..passed);
                spots.truncate(reach);
            }
            left -= passed.min(left);
        }
        if let Some(lane) = rest.filter(|_| spots.len() < reach) {
            let mark = mark.filter(|mark| matches!(mark.values[..], [None]));
            let reach = reach - spots.len();
            spots.extend(self.gather(&lane, mark, left, reach)?.0.into_iter().map(|spot| Spot { values: vec![None], ..spot }));
        }
        Ok(spots)
    }

    /// Spots of a lane after a mark, beyond `skip` of them; and how many of these there were, as far as they were left out.
    fn gather(&mut self, lane: &Lane, mark: Option<&Mark>, skip: usize, reach: usize) -> Result<(Vec<Spot>, usize)> {
        let after = mark.map(place);
        if !self.exact {
            let (mut spots, mut skipped) = (Vec::new(), 0);
            self.each(lane, after, |spot| {
                if skipped < skip {
                    skipped += 1;
                } else {
                    spots.push(spot);
                }
                spots.len() < reach
            })?;
            return Ok((spots, skipped));
        }
        let spots = self.stretch(lane, after.as_ref(), skip, reach)?;
        let skipped = if skip > 0 && spots.is_empty() {
            let present = match lane.order {
                EdgeOrder::Far => EdgeTest::All,
                EdgeOrder::Indexed(path) => self.present(path),
            };
            size(self.conn, self.of, &all(vec![lane.test.clone(), present]), None)?
        } else {
            skip
        };
        Ok((spots, skipped))
    }

    fn present(&self, path: i32) -> EdgeTest {
        let of_kind = self.kinds.iter().find(|(_, kind)| kind.indexed.is_some_and(|(own, _)| own == path));
        of_kind
            .map_or(EdgeTest::None, |(name, _)| EdgeTest::Target(name.clone(), Predicate::Indexed { path, test: Test::Present }))
    }

    fn stretch(&mut self, lane: &Lane, after: Option<&EdgePlace>, offset: usize, reach: usize) -> Result<Vec<Spot>> {
        let wish = EdgeStretch {
            order: lane.order,
            descending: self.query.sort.first().is_some_and(|key| key.descending),
            keys_descending: self.query.keys_descending,
            after,
            offset: limit(offset),
            limit: limit(reach),
        };
        let valued = lane.order != EdgeOrder::Far;
        let rows = edge_pages::stretch(self.conn, self.of, &lane.test, &wish)?;
        let side = self.relationship.side;
        let spot = |(value, row): (String, EdgeRow)| Spot {
            values: if valued { vec![Some(value)] } else { Vec::new() },
            far: row.other(side),
            row,
        };
        Ok(rows.into_iter().map(spot).collect())
    }

    /// Calls `visit` with each spot of a lane that passes, in its order, until it says no; whether it saw all.
    fn each(&mut self, lane: &Lane, mut after: Option<EdgePlace>, mut visit: impl FnMut(Spot) -> bool) -> Result<bool> {
        let mut read = 0;
        loop {
            let batch = self.stretch(lane, after.as_ref(), 0, BATCH)?;
            let (full, last) = (batch.len() == BATCH, batch.last().map(|spot| place(&spot.mark())));
            read += batch.len();
            if read > self.query.most.scan {
                let text = format!("more than {} targets would have to be read one by one", self.query.most.scan);
                return Err(Fault::new(FaultKind::TooMany, text).into());
            }
            for spot in self.passing(batch)? {
                if !visit(spot) {
                    return Ok(false);
                }
            }
            if !full {
                return Ok(true);
            }
            after = last;
        }
    }

    // Those that pass. Where the store keeps no order, with what they are sorted by.
    fn passing(&mut self, batch: Vec<Spot>) -> Result<Vec<Spot>> {
        let unvalued = batch.first().is_some_and(|spot| spot.values.is_empty());
        let reads = !self.exact || unvalued && !self.query.sort.is_empty();
        let targets = if reads { self.targets(&batch)? } else { HashMap::new() };
        let mut out = Vec::with_capacity(batch.len());
        for mut spot in batch {
            let (name, _) = far_end(&spot.row, self.relationship.side);
            let Some(kind) = self.kinds.get(&name) else { continue };
            let edge = edge(&spot.row)?;
            let target = targets.get(&spot.far);
            if reads && target.is_none() {
                continue;
            }
            let wire_id = target.map_or("", |target| target.wire_id.as_str());
            let seen = Seen { relation: self.of.relation, edge: &edge, kind: &kind.kind, wire_id };
            if !self.exact
                && let (Some(node), Some(target)) = (kind.node, target)
                && !holds(node, &seen, target)
            {
                continue;
            }
            if spot.values.is_empty() {
                let doc = target.map(|target| &target.doc);
                spot.values = self.query.sort.iter().map(|key| sort_value(&key.by, &seen, doc)).collect();
            }
            out.push(spot);
        }
        Ok(out)
    }

    fn targets(&mut self, batch: &[Spot]) -> Result<HashMap<Key, Resource>> {
        let mut out = HashMap::with_capacity(batch.len());
        for (name, kind) in &self.kinds {
            let ends = batch.iter().map(|spot| far_end(&spot.row, self.relationship.side));
            let keys: Vec<Key> = ends.filter(|(end, _)| end == name).map(|(_, key)| key).collect();
            let rows = objects::many(self.conn, self.of.tenant, name, &keys)?;
            let found = self.ctx.resources(self.conn, &kind.kind, rows, &kind.needs)?;
            out.extend(found.into_iter().map(|resource| (resource.key, resource)));
        }
        Ok(out)
    }

    /// All that pass, sorted here; no more of them are kept than the page reaches.
    fn ranked(&mut self, mark: Option<&Mark>, skip: usize, reach: usize) -> Result<Vec<Spot>> {
        let take = reach.saturating_add(skip);
        let lane = Lane { order: EdgeOrder::Far, test: self.test.clone() };
        let query = self.query;
        let compare = |a: &Spot, b: &Spot| order(query, (&a.values, a.far, &a.row.variant), (&b.values, b.far, &b.row.variant));
        let past = |spot: &Spot, mark: &Mark| {
            order(query, (&spot.values, spot.far, &spot.row.variant), (&mark.values, mark.far, &mark.variant)).is_gt()
        };
        let (most, mut count, mut open) = (query.most.sort, 0, 0);
        let keep = take.min(most);
        let room = keep.saturating_mul(2).max(BATCH);
        let mut spots = Vec::new();
        self.each(&lane, None, |spot| {
            count += 1;
            if mark.is_none_or(|mark| past(&spot, mark)) {
                open += 1;
                spots.push(spot);
                if spots.len() >= room {
                    spots.sort_unstable_by(compare);
                    spots.truncate(keep);
                }
            }
            take <= most || open <= most
        })?;
        self.bounded(take.min(open))?;
        self.size = Some(count);
        spots.sort_unstable_by(compare);
        spots.drain(..skip.min(spots.len()));
        spots.truncate(reach);
        Ok(spots)
    }

    fn bounded(&self, kept: usize) -> Result<()> {
        if kept > self.query.most.sort {
            let text = format!("the page reaches beyond the {} edges that are sorted; use a cookie", self.query.most.sort);
            return Err(Fault::new(FaultKind::TooMany, text).into());
        }
        Ok(())
    }

    fn compare(&self, a: &Spot, b: &Spot) -> Ordering {
        order(self.query, (&a.values, a.far, &a.row.variant), (&b.values, b.far, &b.row.variant))
    }
}

fn place(mark: &Mark) -> EdgePlace {
    let value = mark.values.first().cloned().flatten().unwrap_or_default();
    EdgePlace { value, far: mark.far, variant: mark.variant.clone() }
}

// What has no value comes last in either direction.
fn order(query: &EdgeQuery, a: (&[Option<String>], Key, &str), b: (&[Option<String>], Key, &str)) -> Ordering {
    let turned = |order: Ordering, descending: bool| if descending { order.reverse() } else { order };
    for (at, key) in query.sort.iter().enumerate() {
        let [a, b] = [a.0, b.0].map(|values| values.get(at).and_then(Option::as_deref));
        let found = match (a, b) {
            (Some(a), Some(b)) => turned(a.cmp(b), key.descending),
            (a, b) => a.is_none().cmp(&b.is_none()),
        };
        if found.is_ne() {
            return found;
        }
    }
    turned(a.1.cmp(&b.1), query.keys_descending).then_with(|| a.2.cmp(b.2))
}

fn holds(node: &Node, seen: &Seen<'_>, target: &Resource) -> bool {
    let mut whole: Option<Map<String, Value>> = None;
    node.holds(seen, &mut |filter: &Filter| {
        // What stands in the document can be asked of the document.
        let own = filter
            .attributes()
            .iter()
            .all(|path| path.home != Home::Common && target.kind.attribute(*path).relationship.is_none());
        if own {
            return eval::matches(filter, &target.kind, &target.doc);
        }
        eval::matches(filter, &target.kind, whole.get_or_insert_with(|| target.clone().into_scim("")))
    })
}

fn sort_value(by: &SortBy, seen: &Seen<'_>, doc: Option<&Map<String, Value>>) -> Option<String> {
    match by {
        SortBy::Property(name) => {
            let property = seen.kind.property(name)?;
            let value = idm::read(seen.kind, doc?, property)?;
            if property.form == IdmForm::Status {
                return value.as_str().map(str::to_owned);
            }
            let leaf = seen.kind.leaf(property.path);
            Some(Operand::of_value(leaf.kind, leaf.compares_exactly(), &value)?.index_form())
        }
        SortBy::Part(part) => part_value(part, seen),
    }
}

fn part_value(part: &Part, seen: &Seen<'_>) -> Option<String> {
    match part.value(seen)? {
        Value::String(text) => Some(normal::index_text(&text)),
        Value::Number(number) => number.as_f64().map(normal::decimal),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::super::edge_query::SortKey;
    use super::super::relationships::Property;
    use super::*;
    use crate::domain::schema::Registry;

    fn query(directions: &[bool], keys_descending: bool) -> EdgeQuery {
        let kind = Arc::clone(Registry::shipped().unwrap().by_name("role").unwrap());
        let property = Property { kind, wire_id: String::new(), name: String::new() };
        let by = || SortBy::Property(String::new());
        let sort = directions.iter().map(|descending| SortKey { by: by(), descending: *descending }).collect();
        EdgeQuery { sort, keys_descending, ..EdgeQuery::all(property) }
    }

    #[test]
    fn what_has_no_value_comes_last_either_way() {
        let key = |n| Key::new(Uuid::from_u128(n));
        let (a, b, none) = ([Some("a".to_owned())], [Some("b".to_owned())], [None]);
        for descending in [false, true] {
            let query = query(&[descending], false);
            let compare = |x: &[Option<String>], y: &[Option<String>]| order(&query, (x, key(1), ""), (y, key(1), ""));
            assert_eq!(compare(&a, &b).is_lt(), !descending);
            assert!(compare(&a, &none).is_lt() && compare(&none, &b).is_gt());
        }
        assert!(order(&query(&[], true), (&[], key(2), ""), (&[], key(1), "")).is_lt());
        assert!(order(&query(&[], true), (&[], key(1), ""), (&[], key(1), "~")).is_lt());
    }

    proptest! {
        #[test]
        fn the_order_is_total(
            spots in proptest::collection::vec((proptest::collection::vec(proptest::option::of("[ab]"), 2), 0u128..3, "[~]?"), 1..12),
            first: bool, second: bool, keys: bool,
        ) {
            let query = query(&[first, second], keys);
            let at = |spot: &(Vec<Option<String>>, u128, String)| (spot.0.clone(), Key::new(Uuid::from_u128(spot.1)), spot.2.clone());
            let compare = |a: &(Vec<Option<String>>, Key, String), b: &(Vec<Option<String>>, Key, String)| {
                order(&query, (&a.0, a.1, &a.2), (&b.0, b.1, &b.2))
            };
            let mut all: Vec<_> = spots.iter().map(at).collect();
            all.sort_by(compare);
            for (i, a) in all.iter().enumerate() {
                for b in &all[i..] {
                    prop_assert!(compare(a, b).is_le() && compare(b, a) == compare(a, b).reverse());
                    prop_assert_eq!(compare(a, b).is_eq(), a == b);
                }
            }
        }
    }
}
