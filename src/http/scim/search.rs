//! Lists: `GET /{Endpoint}`, `POST /{Endpoint}/.search`, and both at the root over all types.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

use super::query::Parameters;
use super::resources::shown;
use super::{Result, answer, kind};
use crate::domain::filter::Filter;
use crate::domain::schema::ObjectType;
use crate::http::body;
use crate::http::caller::{Caller, ScimRead};
use crate::http::state::State;
use crate::service::list::{Query, Start};
use crate::service::load::Needs;

/// `GET /{Endpoint}`.
pub async fn list(state: web::Data<State>, req: HttpRequest, caller: Caller<ScimRead>) -> Result<HttpResponse> {
    let kinds = vec![kind(&state, &req)?];
    answer(&state, &caller, kinds, &Parameters::from_query(&req)?).await
}

/// `POST /{Endpoint}/.search`.
pub async fn search(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<ScimRead>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let kinds = vec![kind(&state, &req)?];
    let body = body::json(&req, payload, state.limits).await?;
    answer(&state, &caller, kinds, &Parameters::from_search(&body)?).await
}

/// `GET /`.
pub async fn list_all(state: web::Data<State>, req: HttpRequest, caller: Caller<ScimRead>) -> Result<HttpResponse> {
    answer(&state, &caller, all(&state), &Parameters::from_query(&req)?).await
}

/// `POST /.search`.
pub async fn search_all(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<ScimRead>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let body = body::json(&req, payload, state.limits).await?;
    answer(&state, &caller, all(&state), &Parameters::from_search(&body)?).await
}

fn all(state: &State) -> Vec<Arc<ObjectType>> {
    state.service.registry().types().cloned().collect()
}

/// Types follow one another, each in the order of creation.
async fn answer(
    state: &State,
    caller: &Caller<ScimRead>,
    kinds: Vec<Arc<ObjectType>>,
    wish: &Parameters,
) -> Result<HttpResponse> {
    let start = wish.start.unwrap_or(1);
    let count = wish.count.unwrap_or(state.limits.default_page).min(state.limits.max_page);
    let base = state.scim_base();
    let (mut total, mut out) = (0, Vec::new());
    let several = kinds.len() > 1;
    for kind in kinds {
        let projection = wish.projection(&kind)?;
        let filter = match wish.filter(&kind) {
            // Over several types an attribute may be unknown to some: those hold nothing that matches (RFC 7644 §3.4.2.1).
            Err(_) if several && wish.parses() => continue,
            filter => filter?,
        };
        let reads = filter.as_ref().map(Filter::attributes).unwrap_or_default();
        let filter_needs =
            Needs::scim(&kind, |name| reads.iter().any(|path| kind.attribute(*path).relationship.as_deref() == Some(name)));
        let query = Query {
            needs: shown(&kind, &projection),
            filter,
            filter_needs,
            start: Start::Offset((start - 1).saturating_sub(total)),
            count: count - out.len(),
            total: true,
            kind,
        };
        let page = state.service.list(caller, query).await?;
        total += page.total.unwrap_or_default();
        out.extend(page.resources.into_iter().map(|r| Value::Object(answer::render(&base, r, &projection))));
    }
    Ok(answer::list(total, start, out))
}
