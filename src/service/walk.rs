//! A walk through a list, in its order or against it: part after part, or the parts merged by what they are sorted by.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use super::load::limit;
use super::search::{Part, Search};
use super::{Context, Result};
use crate::domain::error::{Fault, Kind};
use crate::domain::filter::{Filter, eval};
use crate::domain::key::Key;
use crate::domain::schema::{AttrPath, Home};
use crate::domain::sort::Sort;
use crate::domain::written::Written;
use crate::store::ordered::{self, By, Stretch};
use crate::store::plan::Plan;
use crate::store::query::{self, Predicate, Test};
use crate::store::{Conn, objects};

/// How many candidates are read at a time when the evaluator has to decide.
const BATCH: usize = 500;

/// An object in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) part: usize,
    pub(super) value: Option<String>,
    pub(super) key: Key,
}

impl Spot {
    // What has no value comes last.
    fn compare(&self, other: &Self) -> Ordering {
        let rank = |spot: &Self| (spot.value.is_none(), spot.key);
        let ((none, key), (other_none, other_key)) = (rank(self), rank(other));
        none.cmp(&other_none).then_with(|| self.value.cmp(&other.value)).then(key.cmp(&other_key))
    }
}

/// A part of a list, and how it is read.
pub(super) struct Planned<'a> {
    pub(super) part: &'a Part,
    pub(super) plan: Plan,
    pub(super) index: Option<(By, bool)>,
    // How many pass, once that is known.
    pub(super) size: Option<usize>,
}

/// A walk through the parts of a list.
pub(super) struct Walk<'a> {
    pub(super) ctx: &'a Context,
    pub(super) conn: &'a mut Conn,
    pub(super) search: &'a Search,
    pub(super) parts: Vec<Planned<'a>>,
    // Whether it walks from the end of the order.
    pub(super) descending: bool,
}

impl Walk<'_> {
    /// The parts one after another, each by key.
    pub(super) fn chained(&mut self, mark: Option<&Spot>, mut skip: usize, reach: usize) -> Result<Vec<Spot>> {
        let mut order: Vec<usize> = (0..self.parts.len()).collect();
        if self.descending {
            order.reverse();
        }
        let first = mark.and_then(|mark| order.iter().position(|at| *at == mark.part)).unwrap_or(0);
        let mut spots = Vec::with_capacity(reach.min(BATCH));
        for at in order.split_off(first) {
            let rest = reach - spots.len();
            if rest == 0 {
                break;
            }
            let after = mark.filter(|mark| mark.part == at).map(|mark| mark.key);
            let keys =
                if self.parts[at].plan.exact { self.keys(at, after, skip, rest)? } else { self.sift(at, after, skip, rest)? };
            if skip > 0 {
                // Asked again only when the page lies beyond this part.
                skip = if keys.is_empty() { skip.saturating_sub(self.size(at)?) } else { 0 };
            }
            spots.extend(keys.into_iter().map(|key| Spot { part: at, value: None, key }));
        }
        Ok(spots)
    }

    /// Keys of a part whose filter the store answers.
    fn keys(&mut self, at: usize, after: Option<Key>, skip: usize, rest: usize) -> Result<Vec<Key>> {
        let all = self.parts[at].plan.predicate == Predicate::All;
        // All that there are is known without counting; it tells the nearer end, and the far half is reached from there.
        if all && skip > 0 && after.is_none() && !self.descending {
            let size = self.size(at)?;
            let end = skip.saturating_add(rest).min(size);
            if skip >= size {
                return Ok(Vec::new());
            }
            if skip > size / 2 {
                let wish =
                    Stretch { by: By::Key, descending: true, after: None, offset: limit(size - end), limit: limit(end - skip) };
                let mut keys: Vec<Key> = self.stretch(at, &Predicate::All, &wish)?.into_iter().map(|place| place.key).collect();
                keys.reverse();
                return Ok(keys);
            }
        }
        let after = after.map(|key| ordered::Place { value: String::new(), key });
        let wish =
            Stretch { by: By::Key, descending: self.descending, after: after.as_ref(), offset: limit(skip), limit: limit(rest) };
        let predicate = self.parts[at].plan.predicate.clone();
        let keys: Vec<Key> = self.stretch(at, &predicate, &wish)?.into_iter().map(|place| place.key).collect();
        // A page that holds all that is left needs no count.
        if after.is_none() && keys.len() < rest && (skip == 0 || !keys.is_empty()) {
            self.parts[at].size = Some(skip + keys.len());
        }
        Ok(keys)
    }

    fn stretch(&mut self, at: usize, predicate: &Predicate, wish: &Stretch<'_>) -> Result<Vec<ordered::Place>> {
        Ok(ordered::stretch(self.conn, self.ctx.actor.tenant, &self.parts[at].part.kind.name, predicate, wish)?)
    }

    /// Reads candidates of a part in the order of keys and keeps those that pass.
    fn sift(&mut self, at: usize, after: Option<Key>, mut skip: usize, rest: usize) -> Result<Vec<Key>> {
        let (total, descending) = (self.search.total, self.descending);
        let behind = |key: Key| after.is_some_and(|mark| if descending { key >= mark } else { key <= mark });
        let mut keys = Vec::with_capacity(rest.min(BATCH));
        let mut size = 0;
        let whole = self.each(at, after.filter(|_| !total), |key, _| {
            size += 1;
            if !behind(key) {
                if skip > 0 {
                    skip -= 1;
                } else if keys.len() < rest {
                    keys.push(key);
                }
            }
            total || keys.len() < rest
        })?;
        if whole && (total || after.is_none()) {
            self.parts[at].size = Some(size);
        }
        Ok(keys)
    }

    /// Calls `visit` with the key of each object of a part that passes, in the order of keys, and with what it is sorted by,
    /// until it says no; whether it saw all.
    fn each(&mut self, at: usize, after: Option<Key>, mut visit: impl FnMut(Key, Option<String>) -> bool) -> Result<bool> {
        let part = self.parts[at].part;
        let predicate = self.parts[at].plan.predicate.clone();
        let filter = part.filter.as_ref().filter(|_| !self.parts[at].plan.exact);
        // What stands in the document can be asked of the document.
        let own = |path: AttrPath| path.home != Home::Common && part.kind.attribute(path).relationship.is_none();
        let stored = part.filter.iter().flat_map(Filter::attributes).chain(part.sort.iter().flat_map(Sort::paths)).all(own);
        let mut after = after.map(|key| ordered::Place { value: String::new(), key });
        let mut read = 0;
        loop {
            let wish =
                Stretch { by: By::Key, descending: self.descending, after: after.as_ref(), offset: 0, limit: limit(BATCH) };
            let candidates = self.stretch(at, &predicate, &wish)?;
            let Some(last) = candidates.last() else { return Ok(true) };
            read += candidates.len();
            if read > self.search.most.scan {
                let text = format!(
                    "more than {} objects would have to be read one by one; use indexed attributes",
                    self.search.most.scan
                );
                return Err(Fault::new(Kind::TooMany, text).into());
            }
            let keys: Vec<Key> = candidates.iter().map(|place| place.key).collect();
            after = Some(last.clone());
            let rows = objects::many(self.conn, self.ctx.actor.tenant, &part.kind.name, &keys)?;
            for resource in self.ctx.resources(self.conn, &part.kind, rows, &part.reads)? {
                let key = resource.key;
                let resource = if stored { resource.doc } else { resource.into_scim(&self.search.base) };
                if filter.is_some_and(|filter| !eval::matches(filter, &part.kind, &resource)) {
                    continue;
                }
                let value = part.sort.as_ref().and_then(|sort| sort.value(&part.kind, &resource));
                if !visit(key, value) {
                    return Ok(false);
                }
            }
            if keys.len() < BATCH {
                return Ok(true);
            }
        }
    }

    /// All parts as one sorted list.
    pub(super) fn merged(&mut self, mark: Option<&Spot>, skip: usize, reach: usize) -> Result<Vec<Spot>> {
        let one = self.parts.len() == 1;
        // Of several parts each may hold all that is left out.
        let (skip_within, skip_after) = if one { (skip, 0) } else { (0, skip) };
        let take = reach.saturating_add(skip_after);
        if skip_after > 0 && take > self.search.most.sort {
            let text = format!("startIndex reaches beyond the {} objects that are sorted; use a cursor", self.search.most.sort);
            return Err(Fault::new(Kind::TooMany, text).into());
        }
        let mut spots = Vec::new();
        for at in 0..self.parts.len() {
            let exact = self.parts[at].plan.exact;
            spots.extend(match self.parts[at].index {
                Some((by, always)) if exact => self.indexed(at, by, always, mark, skip_within, take)?,
                None if exact && self.parts[at].part.sort.is_none() => self.unvalued(at, mark, skip_within, take)?,
                _ => self.ranked(at, mark, skip_within, take)?,
            });
        }
        if !one {
            let descending = self.descending;
            spots.sort_unstable_by(|a, b| if descending { b.compare(a) } else { a.compare(b) });
            spots.drain(..skip_after.min(spots.len()));
            spots.truncate(reach);
        }
        Ok(spots)
    }

    /// A part in the order that the store keeps: those with a value by it, those without by key.
    fn indexed(&mut self, at: usize, by: By, always: bool, mark: Option<&Spot>, skip: usize, take: usize) -> Result<Vec<Spot>> {
        let base = self.parts[at].plan.predicate.clone();
        let By::Indexed(path) = by else { return self.segments(at, vec![(Some(by), base)], mark, skip, take) };
        let present = Predicate::Indexed { path, test: Test::Present };
        let mut segments = vec![(Some(by), base.clone())];
        if !always {
            let absent = Predicate::Not(Box::new(present));
            segments.push((None, if base == Predicate::All { absent } else { Predicate::And(vec![base, absent]) }));
        }
        self.segments(at, segments, mark, skip, take)
    }

    /// A part in which nothing has a value.
    fn unvalued(&mut self, at: usize, mark: Option<&Spot>, skip: usize, take: usize) -> Result<Vec<Spot>> {
        let base = self.parts[at].plan.predicate.clone();
        self.segments(at, vec![(None, base)], mark, skip, take)
    }

    // Segments in ascending order: one with values, in their order, and one without.
    fn segments(
        &mut self,
        at: usize,
        mut segments: Vec<(Option<By>, Predicate)>,
        mark: Option<&Spot>,
        mut skip: usize,
        take: usize,
    ) -> Result<Vec<Spot>> {
        if self.descending {
            segments.reverse();
        }
        let mut spots = Vec::new();
        for (by, predicate) in segments {
            let rest = take - spots.len();
            if rest == 0 {
                break;
            }
            let mut after = None;
            if let Some(mark) = mark {
                let (mark_absent, absent) = (mark.value.is_none(), by.is_none());
                if mark_absent == absent {
                    after = Some(ordered::Place { value: mark.value.clone().unwrap_or_default(), key: mark.key });
                } else if mark_absent != self.descending {
                    // The mark lies beyond this segment.
                    continue;
                }
            }
            let wish = Stretch {
                by: by.unwrap_or(By::Key),
                descending: self.descending,
                after: after.as_ref(),
                offset: limit(skip),
                limit: limit(rest),
            };
            let found = self.stretch(at, &predicate, &wish)?;
            if skip > 0 {
                skip = if found.is_empty() { skip.saturating_sub(self.length(at, by, &predicate)?) } else { 0 };
            }
            let spot = |place: ordered::Place| Spot { part: at, value: by.is_some().then_some(place.value), key: place.key };
            spots.extend(found.into_iter().map(spot));
        }
        Ok(spots)
    }

    fn length(&mut self, at: usize, by: Option<By>, predicate: &Predicate) -> Result<usize> {
        let valued = match by {
            Some(By::Indexed(path)) => Predicate::And(vec![predicate.clone(), Predicate::Indexed { path, test: Test::Present }]),
            _ => predicate.clone(),
        };
        let (tenant, kind) = (self.ctx.actor.tenant, &self.parts[at].part.kind.name);
        Ok(usize::try_from(query::count(self.conn, tenant, kind, &valued)?).unwrap_or(0))
    }

    /// A part that is sorted here.
    fn ranked(&mut self, at: usize, mark: Option<&Spot>, skip: usize, take: usize) -> Result<Vec<Spot>> {
        let (descending, most) = (self.descending, self.search.most.sort);
        let compare = move |a: &Spot, b: &Spot| if descending { b.compare(a) } else { a.compare(b) };
        let mut spots = Vec::new();
        let mut size = 0;
        let whole = self.each(at, None, |key, value| {
            size += 1;
            let spot = Spot { part: at, value, key };
            if mark.is_none_or(|mark| compare(&spot, mark).is_gt()) {
                spots.push(spot);
            }
            size <= most
        })?;
        if !whole {
            let text = format!("more than {most} objects would have to be sorted without an index; narrow the filter");
            return Err(Fault::new(Kind::TooMany, text).into());
        }
        self.parts[at].size = Some(size);
        spots.sort_unstable_by(compare);
        spots.drain(..skip.min(spots.len()));
        spots.truncate(take);
        Ok(spots)
    }

    pub(super) fn total(&mut self) -> Result<usize> {
        (0..self.parts.len()).map(|at| self.size(at)).sum()
    }

    /// How many objects of a part pass.
    fn size(&mut self, at: usize) -> Result<usize> {
        if let Some(size) = self.parts[at].size {
            return Ok(size);
        }
        let Planned { part, plan, .. } = &self.parts[at];
        let size = if !plan.exact {
            let mut size = 0;
            self.each(at, None, |_, _| {
                size += 1;
                true
            })?;
            size
        } else if plan.predicate == Predicate::All {
            usize::try_from(self.ctx.total(self.conn, &part.kind.name)?).unwrap_or(0)
        } else {
            let count = query::count(self.conn, self.ctx.actor.tenant, &part.kind.name, &plan.predicate)?;
            usize::try_from(count).unwrap_or(0)
        };
        self.parts[at].size = Some(size);
        Ok(size)
    }

    /// The resources of a page, in its order.
    pub(super) fn load(&mut self, spots: &[Spot]) -> Result<Vec<Written>> {
        let mut keys: BTreeMap<usize, Vec<Key>> = BTreeMap::new();
        for spot in spots {
            keys.entry(spot.part).or_default().push(spot.key);
        }
        let mut found: HashMap<Key, Written> = HashMap::with_capacity(spots.len());
        for (at, keys) in keys {
            let part = self.parts[at].part;
            let rows = objects::many(self.conn, self.ctx.actor.tenant, &part.kind.name, &keys)?;
            let written = self.ctx.written(self.conn, &part.kind, rows, &part.needs)?;
            found.extend(written.into_iter().map(|written| (written.head.key, written)));
        }
        Ok(spots.iter().filter_map(|spot| found.remove(&spot.key)).collect())
    }
}
