//! Lists of one type in the order of creation, with their documents parsed.

use std::sync::Arc;

use super::load::{Needs, parsed};
use super::search::{Most, Order, Part, Search};
use super::{Result, Service};
use crate::domain::actor::Actor;
use crate::domain::cursor::Place;
use crate::domain::filter::Filter;
use crate::domain::key::Key;
use crate::domain::resource::Resource;
use crate::domain::schema::ObjectType;
use crate::service::search;
use crate::store::objects;

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
    /// With what the addresses begin that the filter sees, in `$ref` and `meta.location`.
    pub base: String,
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
        let start = match query.start {
            Start::Offset(offset) => search::Start::Offset(offset),
            Start::After(key) => search::Start::After(Place { kind: query.kind.name.clone(), value: None, key }),
        };
        let part = Part { kind: query.kind, filter: query.filter, sort: None, needs: query.needs, reads: query.filter_needs };
        let (order, most) = (Order::Creation, Most::ANY);
        let wish = Search { parts: vec![part], order, start, count: query.count, total: query.total, most, base: query.base };
        let found = self.search(actor, wish).await?;
        let resources = found.resources.into_iter().map(parsed).collect::<Result<_>>()?;
        Ok(Page { resources, total: found.total, more: found.more })
    }

    /// Those of the objects that exist, with the relationships that are needed, in the order of `keys`.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn by_keys(&self, actor: &Actor, kind: Arc<ObjectType>, keys: Vec<Key>, needs: Needs) -> Result<Vec<Resource>> {
        let ctx = self.context(actor);
        self.store()
            .read(move |conn| {
                let rows = objects::many(conn, ctx.actor.tenant, &kind.name, &keys)?;
                ctx.resources(conn, &kind, rows, &needs)
            })
            .await
    }
}
