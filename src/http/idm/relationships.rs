//! `managed/{type}/{id}/{property}` and `…/{edge}` (spec/idm.md §2.3).

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::query::Parameters;
use super::{
    Result, edge_bulk, edge_list, json as answer, kind, object, precondition, put_precondition, reference, refuse_preconditions,
    render,
};
use crate::domain::actor::Actor;
use crate::domain::edge_filter::EdgeFilter;
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::filter::idm;
use crate::domain::key::Key;
use crate::domain::patch::{edge as patch_edge, idm as patch};
use crate::domain::relation::Precondition;
use crate::domain::schema::Relationship;
use crate::http::body;
use crate::http::caller::{Caller, IdmRead, IdmWrite};
use crate::http::etag;
use crate::http::path::segment;
use crate::http::state::State;
use crate::service::relationships::{EdgeChange, Linked, Property};

fn property(caller: &Actor, req: &HttpRequest) -> Result<(Property, Relationship)> {
    let kind = kind(caller, req)?;
    let name = segment(req, "property")?;
    let relationship = kind.relationship(&name).cloned();
    let relationship = relationship.ok_or_else(|| Fault::new(Kind::NotFound, "no such relationship"))?;
    Ok((Property { kind, wire_id: segment(req, "id")?, name }, relationship))
}

fn edge(req: &HttpRequest) -> Result<Option<Key>> {
    match req.match_info().get("edge") {
        None => Ok(None),
        Some(id) => Ok(Some(Key::parse(id).ok_or_else(|| Fault::new(Kind::NotFound, "no such relationship"))?)),
    }
}

/// `GET …/{property}`: the edges of a list, or the one of a singleton.
pub async fn list(state: web::Data<State>, req: HttpRequest, caller: Caller<IdmRead>) -> Result<HttpResponse> {
    let (property, relationship) = property(&caller, &req)?;
    let wish = Parameters::read(&req)?;
    if !relationship.many {
        let linked = state.service.edge(&caller, property, None).await?;
        return one(&state, &caller, StatusCode::OK, &relationship, linked, wish.fields.as_deref()).await;
    }
    let text = match (&wish.filter, wish.query_id.as_deref()) {
        (Some(text), _) => text.as_str(),
        (None, Some("query-all" | "query-all-ids" | "find-relationships-for-resource")) => "true",
        _ => return Err(Fault::new(Kind::InvalidValue, "a query of a relationship needs _queryFilter").into()),
    };
    let filter = EdgeFilter::new(&caller.types, &relationship, &idm::parse_within(text, state.limits.filter)?)?;
    edge_list::answer(state, &caller, property, relationship, filter, &wish).await
}

/// `GET …/{property}/{edge}`.
pub async fn get(state: web::Data<State>, req: HttpRequest, caller: Caller<IdmRead>) -> Result<HttpResponse> {
    let (property, relationship) = property(&caller, &req)?;
    let fields = Parameters::read(&req)?.fields;
    let linked = state.service.edge(&caller, property, edge(&req)?).await?;
    one(&state, &caller, StatusCode::OK, &relationship, linked, fields.as_deref()).await
}

/// `POST …/{property}?_action=create`, and `?_action=bulk`.
pub async fn act(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<IdmWrite>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    refuse_preconditions(&req)?;
    let (property, relationship) = property(&caller, &req)?;
    let wish = Parameters::read(&req)?;
    match wish.action.as_deref() {
        Some("create") | None => {
            let body = body::json(&req, payload, state.limits).await?;
            let wanted = reference::read(&caller.types, &relationship, &body)?;
            let linked = state.service.create_edge(&caller, property, wanted, Precondition::None).await?;
            one(&state, &caller, StatusCode::CREATED, &relationship, linked, wish.fields.as_deref()).await
        }
        Some("bulk") => {
            let body = body::json(&req, payload, state.limits).await?;
            let wanted = edge_bulk::read(&caller.types, &relationship, &body, state.limits.bulk_references)?;
            let counts = state.service.bulk_edges(&caller, property, wanted).await?;
            Ok(answer(StatusCode::OK, &json!(counts)))
        }
        Some(other) => Err(Fault::new(Kind::NotImplemented, format!("action '{}' is not offered here", excerpt(other))).into()),
    }
}

/// `PUT …/{property}` of a singleton: the edge that is there leads elsewhere, or one is made.
pub async fn put(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<IdmWrite>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let (property, relationship) = property(&caller, &req)?;
    if relationship.many {
        return Err(Fault::of(Kind::MethodNotAllowed).into());
    }
    let body = body::json(&req, payload, state.limits).await?;
    let wanted = reference::read(&caller.types, &relationship, &body)?;
    let linked = state.service.put_edge(&caller, property, wanted, put_precondition(&req)?).await?;
    one(&state, &caller, StatusCode::OK, &relationship, linked, Parameters::read(&req)?.fields.as_deref()).await
}

/// `PUT …/{property}/{edge}`: it leads there from now on, with these properties.
pub async fn change(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<IdmWrite>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let precondition = put_precondition(&req)?;
    let (property, relationship) = property(&caller, &req)?;
    let body = body::json(&req, payload, state.limits).await?;
    let wanted = reference::read(&caller.types, &relationship, &body)?;
    let change: EdgeChange = Arc::new(move |_| Ok(wanted.clone()));
    let linked = state.service.change_edge(&caller, property, edge(&req)?, change, precondition).await?;
    one(&state, &caller, StatusCode::OK, &relationship, linked, Parameters::read(&req)?.fields.as_deref()).await
}

/// `PATCH …/{property}/{edge}`, and `PATCH …/{property}` of a singleton.
pub async fn modify(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<IdmWrite>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    if etag::if_none_match(&req).is_some() {
        return Err(Fault::of(Kind::PreconditionFailed).into());
    }
    let (property, relationship) = property(&caller, &req)?;
    let edge = edge(&req)?;
    if edge.is_none() && relationship.many {
        return Err(Fault::of(Kind::MethodNotAllowed).into());
    }
    let operations = patch::parse(state.limits.patch, body::json(&req, payload, state.limits).await?)?;
    let (registry, of) = (caller.types.clone(), relationship.clone());
    let change: EdgeChange = Arc::new(move |now: &Linked| {
        let shown = reference::write(&of, &now.related);
        // What follows from `_ref` would contradict it.
        let parts = shown.into_iter().filter(|(name, _)| ["_ref", "_refProperties"].contains(&name.as_str())).collect();
        reference::read(&registry, &of, &patch_edge::apply(parts, operations.clone())?)
    });
    let linked = state.service.change_edge(&caller, property, edge, change, precondition(&req)).await?;
    one(&state, &caller, StatusCode::OK, &relationship, linked, Parameters::read(&req)?.fields.as_deref()).await
}

/// `DELETE …/{property}/{edge}`, and `DELETE …/{property}` of a singleton.
pub async fn delete(state: web::Data<State>, req: HttpRequest, caller: Caller<IdmWrite>) -> Result<HttpResponse> {
    let (property, relationship) = property(&caller, &req)?;
    let edge = edge(&req)?;
    if edge.is_none() && relationship.many {
        return Err(Fault::of(Kind::MethodNotAllowed).into());
    }
    let linked = state.service.delete_edge(&caller, property, edge, precondition(&req)).await?;
    one(&state, &caller, StatusCode::OK, &relationship, linked, None).await
}

async fn one(
    state: &State,
    actor: &Actor,
    status: StatusCode,
    relationship: &Relationship,
    linked: Linked,
    fields: Option<&str>,
) -> Result<HttpResponse> {
    let rev = linked.related.edge.as_ref().map_or(0, |e| e.rev);
    let shown = render::edges(state, actor, relationship, fields, vec![linked]).await?.pop();
    Ok(object(status, rev, shown.unwrap_or_default()))
}
