//! `GET managed/{type}`: a query (spec/idm.md §1.4, §1.5).

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value};

use super::envelope::{Batches, Envelope};
use super::fields::Fields;
use super::query::Parameters;
use super::{Result, cookie, descriptor, kind, render};
use crate::domain::actor::Actor;
use crate::domain::cursor::{self, Place};
use crate::domain::filter::Filter;
use crate::domain::schema::ObjectType;
use crate::domain::sort::Sort;
use crate::http::caller::{Caller, IdmRead};
use crate::http::state::State;
use crate::service;
use crate::service::load::{Needs, parsed};
use crate::service::search::{Most, Order, Part, Search, Start};

/// `GET managed/{type}`.
pub async fn query(state: web::Data<State>, req: HttpRequest, caller: Caller<IdmRead>) -> Result<HttpResponse> {
    let kind = kind(&caller, &req)?;
    let wish = Parameters::read(&req)?;
    if let Some(form) = wish.describe {
        return Ok(descriptor::answer(form, &kind, &state.public_url));
    }
    let listing = Listing::new(state, &caller, kind, &wish)?;
    Envelope::new(listing, &wish, wish.sort.is_some()).answer().await
}

/// What a filter makes of a type's objects, and what it reads.
pub fn part(kind: &Arc<ObjectType>, filter: Option<Filter>, sort: Option<Sort>, needs: Needs) -> Part {
    let mut reads = filter.as_ref().map(Filter::attributes).unwrap_or_default();
    reads.extend(sort.iter().flat_map(Sort::paths));
    let reads = Needs::scim(kind, |name| reads.iter().any(|path| kind.attribute(*path).relationship.as_deref() == Some(name)));
    Part { kind: kind.clone(), filter, sort, needs, reads }
}

/// A query under way.
struct Listing {
    state: web::Data<State>,
    actor: Actor,
    fields: Fields,
    search: Search,
    // Names the query in cookies.
    name: String,
    last: Option<Place>,
    total: Option<usize>,
}

impl Listing {
    fn new(state: web::Data<State>, caller: &Caller<IdmRead>, kind: Arc<ObjectType>, wish: &Parameters) -> Result<Self> {
        let filter = wish.question(&kind, state.limits.filter)?;
        let sort = wish.sort.as_deref().map(|keys| Sort::idm(&kind, keys)).transpose()?;
        let fields = Fields::parse(&kind, if wish.ids_only() { Some("_id") } else { wish.fields.as_deref() });
        let order = sort.as_ref().map_or(Order::Creation, |(_, descending)| Order::Sorted { descending: *descending });
        let name = cursor::query(&[
            Some("idm"),
            Some(&kind.name),
            wish.filter.as_deref(),
            wish.query_id.as_deref(),
            wish.sort.as_deref(),
        ]);
        let start = match &wish.cookie {
            Some(cookie) => Start::After(cookie::take(&state, caller, &name, cookie)?),
            None => Start::Offset(wish.offset.unwrap_or(0)),
        };
        let search = Search {
            parts: vec![part(&kind, filter, sort.map(|(sort, _)| sort), render::needs(&kind, &fields))],
            order,
            start,
            count: 0,
            total: wish.total,
            // An unindexed filter reads everything, as IDM does; batches keep it from taking more than its share of memory.
            most: Most { scan: usize::MAX, ..state.limits.lists },
            base: String::new(),
        };
        Ok(Self { actor: Actor::clone(caller), state, fields, search, name, last: None, total: None })
    }
}

impl Batches for Listing {
    async fn batch(&mut self, count: usize) -> Result<Vec<Map<String, Value>>> {
        self.search.count = count;
        if let Some(last) = self.last.take() {
            self.search.start = Start::After(last);
        }
        let found = self.state.service.search(&self.actor, self.search.clone()).await?;
        if self.search.total {
            self.total = found.total;
            self.search.total = false;
        }
        self.last = found.ends.map(|(_, last)| last).filter(|_| found.more);
        let resources = found.resources.into_iter().map(parsed).collect::<service::Result<Vec<_>>>()?;
        render::objects(&self.state, &self.actor, &self.fields, &resources).await
    }

    fn goes_on(&self) -> bool {
        self.last.is_some()
    }

    fn cookie(&self, page: usize) -> Result<String> {
        cookie::give(&self.state, &self.actor, &self.name, page, &self.last)
    }

    fn total(&self) -> Option<usize> {
        self.total
    }
}
