//! `/{Endpoint}` and `/{Endpoint}/{id}`, for every object type alike.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

use super::command::Wish;
use super::query::Parameters;
use super::reply::Reply;
use super::{Result, answer, crowd, kind, revision};
use crate::domain::bulk::Method;
use crate::domain::projection::Projection;
use crate::domain::relation::Precondition;
use crate::domain::resource::Resource;
use crate::domain::schema::ObjectType;
use crate::http::body;
use crate::http::caller::{Caller, ScimRead, ScimWrite};
use crate::http::etag::{self, Tags};
use crate::http::path::segment;
use crate::http::state::State;
use crate::service::load::Needs;

/// Longest list of a resource that is read before the answer begins.
const WHOLE_LIST: usize = 1_000;

/// `POST /{Endpoint}`.
pub async fn create(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<ScimWrite>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    write(Method::Post, state, req, caller, payload).await
}

/// `GET /{Endpoint}/{id}`.
pub async fn get(state: web::Data<State>, req: HttpRequest, caller: Caller<ScimRead>) -> Result<HttpResponse> {
    let kind = kind(&caller, &req)?;
    let projection = Parameters::from_query(&req)?.projection(&kind)?;
    let needs = shown(&kind, &projection);
    let (found, crowds) = state.service.read_crowded(&caller, kind.clone(), segment(&req, "id")?, needs, WHOLE_LIST).await?;
    if unchanged(&req, &kind, &projection, &found.head) {
        let mut answer = HttpResponse::NotModified();
        return Ok(answer.insert_header(("ETag", found.head.version())).finish());
    }
    if crowds.is_empty() {
        return Ok(answer::resource(StatusCode::OK, &state.scim_base(), found, &projection)?);
    }
    crowd::resource(&state, &caller, found, crowds, projection).await
}

/// `PUT /{Endpoint}/{id}`.
pub async fn replace(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<ScimWrite>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    write(Method::Put, state, req, caller, payload).await
}

/// `PATCH /{Endpoint}/{id}`.
pub async fn modify(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<ScimWrite>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    write(Method::Patch, state, req, caller, payload).await
}

/// `DELETE /{Endpoint}/{id}`.
pub async fn delete(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<ScimWrite>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    write(Method::Delete, state, req, caller, payload).await
}

async fn write(
    method: Method,
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<ScimWrite>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let kind = kind(&caller, &req)?;
    let id = if method == Method::Post { None } else { Some(segment(&req, "id")?) };
    let precondition = if method == Method::Post { Precondition::None } else { etag::of_write(&req, revision) };
    let body = if method == Method::Delete { Value::Null } else { body::json(&req, payload, state.limits).await? };
    let caller = caller.having_sent(&state, &body);
    let profile = caller.profile;
    let reply = Reply::new(method, &req, &kind, &profile)?;
    let needs = reply.needs(&kind);
    let command = Wish { method, kind, id, precondition, profile, limits: state.limits.patch, body }.command()?;
    let written = state.service.execute(&caller, command, needs).await?;
    Ok(reply.answer(&state.scim_base(), written)?)
}

/// What the answer needs of relationships.
pub(super) fn shown(kind: &ObjectType, projection: &Projection) -> Needs {
    Needs::scim(kind, |name| projection.needs_relationship(kind, name))
}

// What shows roles or groups may change without the version, so it is never 304 (design: store, revisions).
fn unchanged(req: &HttpRequest, kind: &ObjectType, projection: &Projection, found: &Resource) -> bool {
    let unversioned =
        |name: &str| kind.relationship(name).is_some_and(|r| !r.moves_rev) && projection.needs_relationship(kind, name);
    let names = kind.paths().filter_map(|(_, a)| a.relationship.as_deref());
    match etag::if_none_match(req) {
        Some(Tags::Listed(tags)) => tags.iter().any(|t| revision(t) == Some(found.rev)) && !{ names }.any(unversioned),
        Some(Tags::Any) => !{ names }.any(unversioned),
        None => false,
    }
}
