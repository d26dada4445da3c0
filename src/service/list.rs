//! Lists: the store narrows, the evaluator decides.

use std::sync::Arc;

use super::load::{Needs, limit};
use super::{Context, Result, Service};
use crate::domain::actor::Actor;
use crate::domain::filter::{CompareOp, Filter, eval};
use crate::domain::key::Key;
use crate::domain::resource::Resource;
use crate::domain::schema::{ObjectType, Uniqueness};
use crate::store::query::Predicate;
use crate::store::{Conn, objects, plan, query};

/// How many candidates are read at a time when the evaluator has to decide.
const BATCH: usize = 500;

/// What to list, in the order of creation.
#[derive(Debug, Clone)]
pub struct Query {
    /// The object type.
    pub kind: Arc<ObjectType>,
    /// Who passes; all without.
    pub filter: Option<Filter>,
    /// What the answer holds.
    pub needs: Needs,
    /// What the filter reads.
    pub filter_needs: Needs,
    /// Where the page starts.
    pub start: Start,
    /// How many at the most.
    pub count: usize,
    /// Whether to count all that pass.
    pub total: bool,
}

/// Where a page starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// After this many.
    Offset(usize),
    /// After this object.
    After(Key),
}

/// One page.
#[derive(Debug)]
pub struct Page {
    /// The resources on it.
    pub resources: Vec<Resource>,
    /// How many pass in all, if that was asked.
    pub total: Option<usize>,
    /// Whether more follow.
    pub more: bool,
}

impl Service {
    /// Lists objects of one type.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn list(&self, actor: &Actor, query: Query) -> Result<Page> {
        let ctx = self.context(actor);
        // The look-up before each write of an identity provider: one object at the most.
        let unique = query.filter.as_ref().is_some_and(|filter| names_one(filter, &query.kind));
        let job = move |conn: &mut Conn| ctx.list(conn, &query);
        if unique { self.store().read_short(job).await } else { self.store().read(job).await }
    }

    /// Those of the objects that exist, without relationships, in the order of `keys`.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn by_keys(&self, actor: &Actor, kind: Arc<ObjectType>, keys: Vec<Key>) -> Result<Vec<Resource>> {
        let ctx = self.context(actor);
        self.store()
            .read(move |conn| {
                let rows = objects::many(conn, ctx.actor.tenant, &kind.name, &keys)?;
                ctx.resources(conn, &kind, rows, &Needs::nothing())
            })
            .await
    }
}

fn names_one(filter: &Filter, kind: &ObjectType) -> bool {
    match filter {
        Filter::Compare { target, op: CompareOp::Eq, .. } => kind.leaf(target.path).uniqueness != Uniqueness::None,
        _ => false,
    }
}

impl Context {
    fn list(&self, conn: &mut Conn, wish: &Query) -> Result<Page> {
        let (tenant, kind) = (self.actor.tenant, &wish.kind);
        let paths = self.service.paths(conn, tenant, kind)?;
        let (predicate, exact) = match &wish.filter {
            None => (Predicate::All, true),
            Some(filter) => {
                let plan = plan::plan(filter, kind, &paths, &self.actor.source);
                (plan.predicate, plan.exact)
            }
        };
        let (keys, total, more) = match &wish.filter {
            Some(filter) if !exact => self.sift(conn, wish, filter, &predicate)?,
            _ => {
                let reach = limit(wish.count.saturating_add(1));
                let mut keys = match wish.start {
                    _ if wish.count == 0 => Vec::new(),
                    Start::Offset(offset) => query::page(conn, tenant, &kind.name, &predicate, limit(offset), reach)?,
                    Start::After(key) => query::select(conn, tenant, &kind.name, &predicate, Some(key), reach)?,
                };
                let more = keys.len() > wish.count;
                keys.truncate(wish.count);
                let total = match wish.start {
                    _ if !wish.total => None,
                    // A page that holds all that is left needs no count.
                    Start::Offset(offset) if !more && wish.count > 0 && (offset == 0 || !keys.is_empty()) => {
                        Some(offset + keys.len())
                    }
                    _ => Some(usize::try_from(query::count(conn, tenant, &kind.name, &predicate)?).unwrap_or(0)),
                };
                (keys, total, more)
            }
        };
        let rows = objects::many(conn, tenant, &kind.name, &keys)?;
        let resources = self.resources(conn, kind, rows, &wish.needs)?;
        Ok(Page { resources, total, more })
    }

    /// Reads candidates in order and keeps those that pass.
    fn sift(
        &self,
        conn: &mut Conn,
        wish: &Query,
        filter: &Filter,
        predicate: &Predicate,
    ) -> Result<(Vec<Key>, Option<usize>, bool)> {
        let (tenant, kind) = (self.actor.tenant, &wish.kind);
        let (mut skip, mut after) = match wish.start {
            Start::Offset(offset) => (offset, None),
            Start::After(key) if !wish.total => (0, Some(key)),
            Start::After(_) => (0, None),
        };
        let behind = |key: Key| matches!(wish.start, Start::After(mark) if key <= mark);
        let mut keys = Vec::with_capacity(wish.count.min(BATCH));
        let mut total = 0;
        let mut more = false;
        loop {
            let candidates = query::select(conn, tenant, &kind.name, predicate, after, limit(BATCH))?;
            let Some(last) = candidates.last() else { break };
            after = Some(*last);
            let rows = objects::many(conn, tenant, &kind.name, &candidates)?;
            for resource in self.resources(conn, kind, rows, &wish.filter_needs)? {
                let key = resource.key;
                if !eval::matches(filter, kind, &resource.into_scim("")) {
                    continue;
                }
                total += 1;
                if behind(key) {
                    continue;
                }
                if skip > 0 {
                    skip -= 1;
                } else if keys.len() < wish.count {
                    keys.push(key);
                } else {
                    more = true;
                }
            }
            if more && !wish.total {
                break;
            }
        }
        Ok((keys, wish.total.then_some(total), more))
    }
}
