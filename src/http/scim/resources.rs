//! `/{Endpoint}` and `/{Endpoint}/{id}`, for every object type alike.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

use super::query::Parameters;
use super::{Result, answer, kind, revision};
use crate::domain::document::parse::{self, Parsed};
use crate::domain::patch;
use crate::domain::profile::{GroupPatchReply, Profile};
use crate::domain::projection::Projection;
use crate::domain::resource::Resource;
use crate::domain::schema::ObjectType;
use crate::domain::schema::relationship::MEMBERSHIP;
use crate::http::body;
use crate::http::caller::{Caller, ScimRead, ScimWrite};
use crate::http::etag::{self, Tags};
use crate::http::path::segment;
use crate::http::state::State;
use crate::service::load::Needs;
use crate::service::objects::{Address, Change, Draft};

/// Largest group that a PATCH answers whole, unless attributes are asked for (spec/scim.md §2.5).
const WHOLE_GROUP: usize = 100;

/// `POST /{Endpoint}`.
pub async fn create(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<ScimWrite>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let kind = kind(&state, &req)?;
    let projection = Parameters::from_query(&req)?.projection(&kind)?;
    let body = body::json(&req, payload, state.limits).await?;
    let profile = profile(&caller, &req, &body);
    let needs = shown(&kind, &projection);
    let made = if profile.revive_on_post {
        let fresh = draft(parse::create(&kind, profile, body.clone())?);
        state.service.create_or_revive(&caller, kind.clone(), fresh, replacement(kind, profile, body), needs).await?
    } else {
        let fresh = draft(parse::create(&kind, profile, body)?);
        state.service.create(&caller, kind, None, fresh, needs).await?
    };
    Ok(answer::resource(StatusCode::CREATED, &state.scim_base(), made, &projection))
}

/// `GET /{Endpoint}/{id}`.
pub async fn get(state: web::Data<State>, req: HttpRequest, caller: Caller<ScimRead>) -> Result<HttpResponse> {
    let kind = kind(&state, &req)?;
    let projection = Parameters::from_query(&req)?.projection(&kind)?;
    let found = state.service.get(&caller, kind.clone(), segment(&req, "id")?, shown(&kind, &projection)).await?;
    if unchanged(&req, &kind, &projection, &found) {
        let mut answer = HttpResponse::NotModified();
        return Ok(answer.insert_header(("ETag", found.version())).finish());
    }
    Ok(answer::resource(StatusCode::OK, &state.scim_base(), found, &projection))
}

/// `PUT /{Endpoint}/{id}`.
pub async fn replace(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<ScimWrite>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let kind = kind(&state, &req)?;
    let projection = Parameters::from_query(&req)?.projection(&kind)?;
    let body = body::json(&req, payload, state.limits).await?;
    let profile = profile(&caller, &req, &body);
    let change = replacement(kind.clone(), profile, body);
    let address = Address { kind: kind.clone(), wire_id: segment(&req, "id")?, precondition: etag::precondition(&req, revision) };
    let written = state.service.update(&caller, address, change, Needs::nothing(), shown(&kind, &projection)).await?;
    Ok(answer::resource(StatusCode::OK, &state.scim_base(), written, &projection))
}

/// `PATCH /{Endpoint}/{id}`.
pub async fn modify(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<ScimWrite>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let kind = kind(&state, &req)?;
    let parameters = Parameters::from_query(&req)?;
    let projection = parameters.projection(&kind)?;
    let body = body::json(&req, payload, state.limits).await?;
    let profile = profile(&caller, &req, &body);
    let operations = patch::scim::parse(profile, body)?;
    let of = kind.clone();
    let change: Change = Arc::new(move |now: &Resource| {
        let mut doc = now.doc.clone();
        let mut external_id = now.external_id.clone();
        let references = patch::apply::apply(&of, profile, &mut doc, &mut external_id, operations.clone())?;
        Ok(Draft { doc, external_id, relationships: references.into_iter().map(Into::into).collect() })
    });
    let address = Address { kind: kind.clone(), wire_id: segment(&req, "id")?, precondition: etag::precondition(&req, revision) };
    let minimal = prefers_minimal(&req) && !parameters.projects();
    let group = kind.relationships.iter().find(|r| r.relation == MEMBERSHIP && r.moves_rev);
    let brief = group.is_some() && profile.group_patch_reply == GroupPatchReply::NoContent && !parameters.projects();
    if minimal || brief {
        let written = state.service.update(&caller, address, change, Needs::nothing(), Needs::nothing()).await?;
        return Ok(answer::no_content(&written));
    }
    let mut needs = shown(&kind, &projection);
    if let Some(members) = group
        && !parameters.projects()
    {
        needs = needs.at_most(&members.name, WHOLE_GROUP);
    }
    let written = state.service.update(&caller, address, change, Needs::nothing(), needs).await?;
    if let Some(members) = group
        && !parameters.projects()
        && !written.related.contains_key(&members.name)
    {
        return Ok(answer::no_content(&written));
    }
    Ok(answer::resource(StatusCode::OK, &state.scim_base(), written, &projection))
}

/// `DELETE /{Endpoint}/{id}`.
pub async fn delete(state: web::Data<State>, req: HttpRequest, caller: Caller<ScimWrite>) -> Result<HttpResponse> {
    let kind = kind(&state, &req)?;
    let address = Address { kind, wire_id: segment(&req, "id")?, precondition: etag::precondition(&req, revision) };
    state.service.delete(&caller, address).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn profile(caller: &Caller<ScimWrite>, req: &HttpRequest, body: &Value) -> &'static Profile {
    let agent = req.headers().get("User-Agent").and_then(|v| v.to_str().ok());
    caller.profile.for_request(agent, Some(body))
}

/// What the answer needs of relationships.
pub(super) fn shown(kind: &ObjectType, projection: &Projection) -> Needs {
    Needs::scim(kind, |name| projection.needs_relationship(kind, name))
}

/// What a PUT of `body` makes of an object.
fn replacement(kind: Arc<ObjectType>, profile: &'static Profile, body: Value) -> Change {
    Arc::new(move |now: &Resource| Ok(draft(parse::replace(&kind, profile, &now.doc, body.clone())?)))
}

fn draft(parsed: Parsed) -> Draft {
    Draft {
        doc: parsed.doc,
        external_id: parsed.external_id.flatten(),
        relationships: parsed.references.into_iter().map(Into::into).collect(),
    }
}

// What shows roles or groups may change without the version, so it is never 304 (design: store, revisions).
fn unchanged(req: &HttpRequest, kind: &ObjectType, projection: &Projection, found: &Resource) -> bool {
    let unversioned =
        |name: &str| kind.relationship(name).is_some_and(|r| !r.moves_rev) && projection.needs_relationship(kind, name);
    let names = kind.paths().filter_map(|(_, a)| a.relationship.as_deref());
    match etag::if_none_match(req) {
        Some(Tags::Listed(tags)) => tags.iter().any(|t| revision(t) == Some(found.rev)) && !{ names }.any(unversioned),
        _ => false,
    }
}

fn prefers_minimal(req: &HttpRequest) -> bool {
    let prefer = req.headers().get("Prefer").and_then(|v| v.to_str().ok()).unwrap_or_default();
    prefer.split(',').any(|p| p.trim().eq_ignore_ascii_case("return=minimal"))
}
