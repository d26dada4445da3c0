//! Lists: `GET /{Endpoint}`, `POST /{Endpoint}/.search`, and both at the root over all types.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::answer::{self, Listed};
use super::query::Parameters;
use super::resources::shown;
use super::{Result, kind};
use crate::domain::actor::Actor;
use crate::domain::cursor::{self, Cursor, Place};
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::filter::Filter;
use crate::domain::projection::Projection;
use crate::domain::schema::ObjectType;
use crate::domain::sort::{self, Sort};
use crate::http::body;
use crate::http::caller::{Caller, ScimRead};
use crate::http::state::State;
use crate::runtime::random;
use crate::service::load::Needs;
use crate::service::search::{Found, Order, Part, Search, Start};

/// `GET /{Endpoint}`.
pub async fn list(state: web::Data<State>, req: HttpRequest, caller: Caller<ScimRead>) -> Result<HttpResponse> {
    let kinds = vec![kind(&caller, &req)?];
    answer(&state, &caller, kinds, &Parameters::from_query(&req)?).await
}

/// `POST /{Endpoint}/.search`.
pub async fn search(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<ScimRead>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let kinds = vec![kind(&caller, &req)?];
    let body = body::json(&req, payload, state.limits).await?;
    answer(&state, &caller, kinds, &Parameters::from_search(&body)?.within(state.limits.filter)).await
}

/// `GET /`.
pub async fn list_all(state: web::Data<State>, req: HttpRequest, caller: Caller<ScimRead>) -> Result<HttpResponse> {
    answer(&state, &caller, all(&caller), &Parameters::from_query(&req)?).await
}

/// `POST /.search`.
pub async fn search_all(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<ScimRead>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let body = body::json(&req, payload, state.limits).await?;
    answer(&state, &caller, all(&caller), &Parameters::from_search(&body)?.within(state.limits.filter)).await
}

fn all(caller: &Actor) -> Vec<Arc<ObjectType>> {
    // What has no endpoint is not on offer.
    caller.types.types().filter(|kind| !kind.endpoint.is_empty()).cloned().collect()
}

/// What is listed, in which pages.
struct Plan {
    // Names the query in cursors.
    query: String,
    parts: Vec<(Part, Projection)>,
    order: Order,
    count: usize,
    paging: Paging,
}

enum Paging {
    // From 1.
    Index(usize),
    // Where it starts; at the first page nowhere.
    Cursor(Option<Start>),
}

async fn answer(
    state: &State,
    caller: &Caller<ScimRead>,
    kinds: Vec<Arc<ObjectType>>,
    wish: &Parameters,
) -> Result<HttpResponse> {
    let plan = plan(state, caller, &kinds, wish)?;
    let (start, total) = match &plan.paging {
        Paging::Index(from) => (Start::Offset(from - 1), true),
        // To count what a filter lets through may cost more than the page.
        Paging::Cursor(at) => (at.clone().unwrap_or(Start::Offset(0)), at.is_none() || wish.filter.is_none()),
    };
    let parts = plan.parts.iter().map(|(part, _)| part.clone()).collect();
    let search = Search {
        base: state.scim_base(),
        parts,
        order: plan.order,
        start: start.clone(),
        count: plan.count,
        total,
        most: state.limits.lists,
    };
    let mut found = state.service.search(caller, search).await?;
    let mut listed = Listed { total: found.total, ..Listed::default() };
    match plan.paging {
        Paging::Index(from) => listed.start = Some(from),
        Paging::Cursor(_) => (listed.previous, listed.next) = cursors(state, caller, &plan, &start, &found)?,
    }
    let base = state.scim_base();
    let mut resources = Vec::with_capacity(found.resources.len());
    for written in found.resources.drain(..) {
        let projection = plan.parts.iter().find(|(part, _)| part.kind.name == written.head.kind.name).map(|(_, p)| p);
        resources.push((written, projection));
    }
    Ok(answer::list(StatusCode::OK, &base, &listed, resources)?)
}

fn plan(state: &State, caller: &Caller<ScimRead>, kinds: &[Arc<ObjectType>], wish: &Parameters) -> Result<Plan> {
    let mut parts = Vec::with_capacity(kinds.len());
    let mut sorts = false;
    for kind in kinds {
        let projection = wish.projection(kind)?;
        let sort = wish.sort_by.as_deref().map(|by| sort::resolve(kind, by)).transpose()?.flatten().map(Sort::by);
        sorts |= sort.is_some();
        let filter = wish.filter(kind, kinds)?;
        let mut reads = filter.as_ref().map(Filter::attributes).unwrap_or_default();
        reads.extend(sort.iter().flat_map(Sort::paths));
        let reads =
            Needs::scim(kind, |name| reads.iter().any(|path| kind.attribute(*path).relationship.as_deref() == Some(name)));
        let needs = shown(kind, &projection);
        parts.push((Part { kind: kind.clone(), filter, sort, needs, reads }, projection));
    }
    let order = match &wish.sort_by {
        None => Order::Creation,
        Some(_) if sorts => Order::Sorted { descending: wish.descending },
        Some(by) => {
            let text = format!("sortBy: '{}' is no attribute of what is listed", excerpt(by));
            return Err(Fault::new(Kind::InvalidValue, text).into());
        }
    };
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name.as_str()).collect();
    let direction = wish.descending.then_some("descending");
    let query = cursor::query(&[Some(&names.join(",")), wish.filter.as_deref(), wish.sort_by.as_deref(), direction]);
    let (count, paging) = paging(state, caller, wish, &query)?;
    Ok(Plan { query, parts, order, count, paging })
}

fn paging(state: &State, caller: &Caller<ScimRead>, wish: &Parameters, query: &str) -> Result<(usize, Paging)> {
    let limits = &state.limits;
    let Some(text) = &wish.cursor else {
        let count = wish.count.unwrap_or(limits.default_page).min(limits.max_page);
        return Ok((count, Paging::Index(wish.start.unwrap_or(1))));
    };
    if wish.start.is_some() {
        return Err(Fault::new(Kind::InvalidValue, "cursor and startIndex exclude one another").into());
    }
    if wish.count.is_some_and(|count| count > limits.max_page) {
        let text = format!("'count' must be at most {} with a cursor", limits.max_page);
        return Err(Fault::new(Kind::InvalidCount, text).into());
    }
    if text.is_empty() {
        return Ok((wish.count.unwrap_or(limits.default_page), Paging::Cursor(None)));
    }
    let Cursor { count, back, place, .. } = state.cursors.take(caller, text, query, wish.count, state.service.clock().now())?;
    Ok((count, Paging::Cursor(Some(if back { Start::Before(place) } else { Start::After(place) }))))
}

/// The cursors of the pages before and after this one.
fn cursors(
    state: &State,
    caller: &Caller<ScimRead>,
    plan: &Plan,
    start: &Start,
    found: &Found,
) -> Result<(Option<String>, Option<String>)> {
    let issued = state.service.clock().now().micros();
    let give = |back: bool, place: &Place| -> Result<String> {
        let cursor = Cursor { query: plan.query.clone(), count: plan.count, issued, back, place: place.clone() };
        let sealed = random::bytes().ok().and_then(|nonce| state.cursors.give(caller, nonce, &cursor).ok());
        Ok(sealed.ok_or_else(|| Fault::of(Kind::Internal))?)
    };
    let Some((first, last)) = &found.ends else {
        // Nothing is left on this side; the way back begins with the object where the page would have begun.
        let descending = plan.order == Order::Sorted { descending: true };
        let with = |place: &Place, up: bool| Place { key: place.key.beside(up), ..place.clone() };
        return Ok(match start {
            Start::After(place) => (Some(give(true, &with(place, !descending))?), None),
            Start::Before(place) => (None, Some(give(false, &with(place, descending))?)),
            Start::Offset(_) => (None, None),
        });
    };
    let (before, after) = match start {
        Start::Offset(_) => (false, found.more),
        Start::After(_) => (true, found.more),
        Start::Before(_) => (found.more, true),
    };
    let previous = before.then(|| give(true, first)).transpose()?;
    let next = after.then(|| give(false, last)).transpose()?;
    Ok((previous, next))
}
