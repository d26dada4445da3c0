//! `managed/{type}/{id}/{property}` and `…/{edge}` (spec/idm.md §2.3).

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};

use super::edge_filter::EdgeFilter;
use super::fields::Fields;
use super::query::{Parameters, foreign_cookie};
use super::{
    Result, json as answer, kind, object, precondition, put_precondition, reference, refuse_preconditions, revision_text,
};
use crate::domain::actor::Actor;
use crate::domain::document::idm::to_idm;
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::filter::idm;
use crate::domain::key::Key;
use crate::domain::relation::{CONDITIONAL, Precondition, STATIC};
use crate::domain::schema::Relationship;
use crate::http::body;
use crate::http::caller::{Caller, IdmRead, IdmWrite};
use crate::http::path::segment;
use crate::http::state::State;
use crate::service::relationships::{Linked, Mark, Property};

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
        return Ok(one(StatusCode::OK, &relationship, &linked, wish.fields.as_deref()));
    }
    let text = match (&wish.filter, wish.query_id.as_deref()) {
        (Some(text), _) => text.as_str(),
        (None, Some("query-all" | "query-all-ids" | "find-relationships-for-resource")) => "true",
        _ => return Err(Fault::new(Kind::InvalidValue, "a query of a relationship needs _queryFilter").into()),
    };
    let filter = EdgeFilter::new(&caller.types, &relationship, idm::parse_within(text, state.limits.filter)?)?;
    let mut after = wish.cookie.as_deref().map(mark).transpose()?;
    let (mut skip, limit) = (wish.offset.unwrap_or(0), wish.page_size.unwrap_or(usize::MAX));
    let mut found: Vec<Linked> = Vec::new();
    let mut total = 0;
    loop {
        let (batch, rest) = state.service.edges(&caller, property.clone(), after, BATCH).await?;
        for linked in batch.into_iter().filter(|l| filter.passes(l)) {
            total += 1;
            if skip > 0 {
                skip -= 1;
            } else if found.len() <= limit {
                found.push(linked);
            }
        }
        after = rest;
        if after.is_none() || (found.len() > limit && !wish.total) {
            break;
        }
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let cookie = found.last().filter(|_| more).map(cookie);
    let fields = wish.fields.as_deref();
    let result: Vec<Value> = found.iter().map(|l| Value::Object(element(&relationship, l, fields))).collect();
    Ok(answer(StatusCode::OK, &envelope(result, cookie, wish.total.then_some(total))))
}

/// How many edges are read at a time.
const BATCH: usize = 500;

// The far end, and which of parallel edges.
fn cookie(last: &Linked) -> String {
    let variant = last.related.edge.as_ref().map_or("", |e| e.variant.as_str());
    format!("{}.{variant}", last.related.key)
}

fn mark(cookie: &str) -> std::result::Result<Mark, Fault> {
    let (far, variant) = cookie.split_once('.').ok_or_else(foreign_cookie)?;
    if ![STATIC, CONDITIONAL].contains(&variant) {
        return Err(foreign_cookie());
    }
    Ok(Mark { far: Key::parse(far).ok_or_else(foreign_cookie)?, variant: variant.to_owned() })
}

/// The envelope of a query (spec/idm.md §1.5).
pub fn envelope(result: Vec<Value>, cookie: Option<String>, total: Option<usize>) -> Value {
    json!({
        "resultCount": result.len(),
        "result": result,
        "pagedResultsCookie": cookie,
        "totalPagedResultsPolicy": if total.is_some() { "EXACT" } else { "NONE" },
        "totalPagedResults": total.map_or(json!(-1), |n| json!(n)),
        "remainingPagedResults": -1,
    })
}

/// `GET …/{property}/{edge}`.
pub async fn get(state: web::Data<State>, req: HttpRequest, caller: Caller<IdmRead>) -> Result<HttpResponse> {
    let (property, relationship) = property(&caller, &req)?;
    let fields = Parameters::read(&req)?.fields;
    let linked = state.service.edge(&caller, property, edge(&req)?).await?;
    Ok(one(StatusCode::OK, &relationship, &linked, fields.as_deref()))
}

/// `POST …/{property}?_action=create`.
pub async fn create(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<IdmWrite>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    refuse_preconditions(&req)?;
    let (property, relationship) = property(&caller, &req)?;
    let wish = Parameters::read(&req)?;
    match wish.action.as_deref() {
        Some("create") | None => {}
        Some(other) => {
            return Err(Fault::new(Kind::NotImplemented, format!("action '{}' is not offered here", excerpt(other))).into());
        }
    }
    let body = body::json(&req, payload, state.limits).await?;
    let wanted = reference::read(&caller.types, &relationship, &body)?;
    let linked = state.service.create_edge(&caller, property, wanted, Precondition::None).await?;
    Ok(one(StatusCode::CREATED, &relationship, &linked, wish.fields.as_deref()))
}

/// `PUT …/{property}` of a singleton.
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
    let linked = state.service.create_edge(&caller, property, wanted, put_precondition(&req)?).await?;
    Ok(one(StatusCode::OK, &relationship, &linked, None))
}

/// `DELETE …/{property}/{edge}`, and `DELETE …/{property}` of a singleton.
pub async fn delete(state: web::Data<State>, req: HttpRequest, caller: Caller<IdmWrite>) -> Result<HttpResponse> {
    let (property, relationship) = property(&caller, &req)?;
    let edge = edge(&req)?;
    if edge.is_none() && relationship.many {
        return Err(Fault::of(Kind::MethodNotAllowed).into());
    }
    let linked = state.service.delete_edge(&caller, property, edge, precondition(&req)).await?;
    Ok(one(StatusCode::OK, &relationship, &linked, None))
}

fn one(status: StatusCode, relationship: &Relationship, linked: &Linked, fields: Option<&str>) -> HttpResponse {
    let rev = linked.related.edge.as_ref().map_or(0, |e| e.rev);
    object(status, rev, element(relationship, linked, fields))
}

/// An edge: the reference, its own id and revision on top, and the fields of the target that were asked for.
fn element(relationship: &Relationship, linked: &Linked, fields: Option<&str>) -> Map<String, Value> {
    let mut out = Map::new();
    if let Some(edge) = &linked.related.edge {
        out.insert("_id".into(), edge.id.to_string().into());
        out.insert("_rev".into(), revision_text(edge.rev).into());
    }
    if let Some(text) = fields {
        let fields = Fields::parse(&linked.target.kind, Some(text));
        out.extend(
            to_idm(&linked.target.kind, &linked.target.doc)
                .into_iter()
                .filter(|(name, _)| fields.shows(&linked.target.kind, name)),
        );
    }
    out.append(&mut reference::write(relationship, &linked.related));
    out
}
