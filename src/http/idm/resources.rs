//! `managed/{type}` and `managed/{type}/{id}` (spec/idm.md §1.1).

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};

use super::acting::Acting;
use super::evaluate;
use super::explain::{self, EXPLAIN_ROLES};
use super::fields::Fields;
use super::protocol::names_its_creates;
use super::query::Parameters;
use super::{
    Result, descriptor, json as answer, kind, listing, not_offered, object, precondition, put_precondition, reference,
    refuse_preconditions, render, revision, revision_text,
};
use crate::domain::document::idm;
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::patch::idm::{self as patch, RelationshipOp};
use crate::domain::relation::{RelationshipChange, RelationshipWrite};
use crate::domain::resource::{Resource, reference_path};
use crate::domain::schema::{ObjectType, Registry};
use crate::http::body;
use crate::http::caller::{Caller, IdmRead, IdmWrite};
use crate::http::etag::{self, Tags};
use crate::http::path::segment;
use crate::http::state::State;
use crate::service::load::Needs;
use crate::service::objects::{Address, Change, Draft};

/// `POST managed/{type}`: create, or an action on what a query finds.
pub async fn act(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<IdmWrite>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    refuse_preconditions(&req)?;
    let kind = kind(&caller, &req)?;
    let wish = Parameters::read(&req)?;
    match wish.action.as_deref() {
        None if names_its_creates(&req) => {
            Err(Fault::new(Kind::InvalidValue, "before protocol version 2.1 a create is called _action=create").into())
        }
        None | Some("create") => {
            let body = body::json(&req, payload, state.limits).await?;
            create(&state, &caller, &kind, &wish, body).await
        }
        Some(evaluate::ACTION) => evaluate::evaluate(&state, &req, &caller, kind, payload).await,
        Some("patch") => {
            let body = body::json(&req, payload, state.limits).await?;
            patch_found(&state, &caller, &kind, &wish, body).await
        }
        Some("triggerSyncCheck") => {
            state.sync.check_all(&caller, &kind).await?;
            Ok(answer(StatusCode::OK, &json!({ "status": "OK" })))
        }
        other => Err(not_offered(other)),
    }
}

async fn create(
    state: &State,
    caller: &Caller<IdmWrite>,
    kind: &Arc<ObjectType>,
    wish: &Parameters,
    body: Value,
) -> Result<HttpResponse> {
    let id = match body.get("_id") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) => Some(id.clone()),
        Some(_) => return Err(Fault::new(Kind::InvalidValue, "'_id' must be a string").into()),
    };
    let draft = fresh(&caller.types, kind, body)?;
    let fields = Fields::parse(kind, wish.fields.as_deref());
    let made = state.service.create(caller, kind.clone(), id, draft, render::needs(kind, &fields)).await?;
    created(state, caller, &fields, &made).await
}

/// `POST managed/{type}?_action=patch` with a query that finds one object.
async fn patch_found(
    state: &State,
    caller: &Caller<IdmWrite>,
    kind: &Arc<ObjectType>,
    wish: &Parameters,
    body: Value,
) -> Result<HttpResponse> {
    let filter = wish.question(kind, state.limits.filter)?;
    let change = change(state, caller, kind, body)?;
    let fields = Fields::parse(kind, wish.fields.as_deref());
    let part = listing::part(kind, filter, None, Needs::nothing());
    let written = state.service.update_only(caller, part, change, render::needs(kind, &fields)).await?;
    shown(state, caller, &fields, &written).await
}

/// `GET managed/{type}/{id}`.
pub async fn get(state: web::Data<State>, req: HttpRequest, caller: Caller<IdmRead>) -> Result<HttpResponse> {
    if etag::if_match(&req).is_some() || etag::if_none_match(&req) == Some(Tags::Any) {
        return Err(Fault::of(Kind::PreconditionFailed).into());
    }
    let kind = kind(&caller, &req)?;
    let wish = Parameters::read(&req)?;
    if wish.action.as_deref() == Some(EXPLAIN_ROLES) {
        return explain::roles(&state, &req, &caller).await;
    }
    if let Some(form) = wish.describe {
        return Ok(descriptor::answer(form, &kind, &state.public_url));
    }
    let fields = Fields::parse(&kind, wish.fields.as_deref());
    let needs = render::needs(&kind, &fields);
    // What shows roles or groups may change without the revision, so it is never 304.
    let versioned = needs == Needs::nothing();
    let found = state.service.get(&caller, kind, segment(&req, "id")?, needs).await?;
    if let Some(Tags::Listed(tags)) = etag::if_none_match(&req)
        && versioned
        && tags.iter().any(|t| revision(t) == Some(found.rev))
    {
        let tag = format!("\"{}\"", revision_text(found.rev));
        return Ok(HttpResponse::NotModified().insert_header((ETAG, tag)).finish());
    }
    let body = render::object(&state, &caller, &fields, &found).await?;
    Ok(object(StatusCode::OK, found.rev, body))
}

/// `PUT managed/{type}/{id}`: create, replace, or either.
pub async fn put(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<IdmWrite>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let precondition = put_precondition(&req)?;
    let kind = kind(&caller, &req)?;
    let wish = Parameters::read(&req)?;
    let body = body::json(&req, payload, state.limits).await?;
    let draft = fresh(&caller.types, &kind, body.clone())?;
    let (of, registry) = (kind.clone(), caller.types.clone());
    let change: Change = Arc::new(move |now: &Resource| {
        let parsed = idm::replace(&of, &now.doc, body.clone())?;
        let relationships = replaced(&registry, &of, parsed.relationships)?;
        Ok(Draft { doc: parsed.doc, external_id: now.external_id.clone(), relationships })
    });
    let fields = Fields::parse(&kind, wish.fields.as_deref());
    let needs = render::needs(&kind, &fields);
    let address = Address { kind, wire_id: segment(&req, "id")?, precondition };
    let written = state.service.upsert(&caller, address, draft, change, Needs::nothing(), needs).await?;
    if written.created {
        return created(&state, &caller, &fields, &written.resource).await;
    }
    shown(&state, &caller, &fields, &written.resource).await
}

/// `PATCH managed/{type}/{id}`.
pub async fn modify(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<IdmWrite>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    if etag::if_none_match(&req).is_some() {
        return Err(Fault::of(Kind::PreconditionFailed).into());
    }
    patch_one(&state, &req, &caller, payload).await
}

/// `POST managed/{type}/{id}`: an action on one object.
pub async fn act_on(state: web::Data<State>, req: HttpRequest, acting: Acting, payload: web::Payload) -> Result<HttpResponse> {
    refuse_preconditions(&req)?;
    let caller = match acting {
        Acting::Reads(caller) => return explain::roles(&state, &req, &caller).await,
        Acting::Writes(caller) => caller,
    };
    let wish = Parameters::read(&req)?;
    match wish.action.as_deref() {
        Some("patch") => patch_one(&state, &req, &caller, payload).await,
        Some(evaluate::ACTION) => evaluate::evaluate(&state, &req, &caller, kind(&caller, &req)?, payload).await,
        Some("triggerSyncCheck") => {
            let kind = kind(&caller, &req)?;
            let fields = Fields::parse(&kind, wish.fields.as_deref());
            let needs = render::needs(&kind, &fields);
            let checked = state.service.check(&caller, kind, segment(&req, "id")?, needs).await?;
            shown(&state, &caller, &fields, &checked).await
        }
        other => Err(not_offered(other)),
    }
}

async fn patch_one(state: &State, req: &HttpRequest, caller: &Caller<IdmWrite>, payload: web::Payload) -> Result<HttpResponse> {
    let kind = kind(caller, req)?;
    let fields = Fields::parse(&kind, Parameters::read(req)?.fields.as_deref());
    let needs = render::needs(&kind, &fields);
    let change = change(state, caller, &kind, body::json(req, payload, state.limits).await?)?;
    let address = Address { kind, wire_id: segment(req, "id")?, precondition: precondition(req) };
    let written = state.service.update(caller, address, change, Needs::nothing(), needs).await?;
    shown(state, caller, &fields, &written).await
}

// What a PATCH makes of an object.
fn change(state: &State, caller: &Caller<IdmWrite>, kind: &Arc<ObjectType>, body: Value) -> Result<Change> {
    let operations = patch::parse(state.limits.patch, body)?;
    let (of, registry) = (kind.clone(), caller.types.clone());
    Ok(Arc::new(move |now: &Resource| {
        let mut doc = now.doc.clone();
        let writes = patch::apply(&of, &mut doc, operations.clone())?;
        let relationships = writes.into_iter().map(|w| patched(&registry, &of, w)).collect::<std::result::Result<_, _>>()?;
        Ok(Draft { doc, external_id: now.external_id.clone(), relationships })
    }))
}

/// `DELETE managed/{type}/{id}`: answers what it was.
pub async fn delete(state: web::Data<State>, req: HttpRequest, caller: Caller<IdmWrite>) -> Result<HttpResponse> {
    let kind = kind(&caller, &req)?;
    let fields = Fields { defaults: true, ..Fields::default() };
    let address = Address { kind, wire_id: segment(&req, "id")?, precondition: precondition(&req) };
    let gone = state.service.delete(&caller, address).await?;
    shown(&state, &caller, &fields, &gone).await
}

async fn shown(state: &State, caller: &Caller<IdmWrite>, fields: &Fields, written: &Resource) -> Result<HttpResponse> {
    let body = render::object(state, caller, fields, written).await?;
    Ok(object(StatusCode::OK, written.rev, body))
}

async fn created(state: &State, caller: &Caller<IdmWrite>, fields: &Fields, made: &Resource) -> Result<HttpResponse> {
    let body: Map<String, Value> = render::object(state, caller, fields, made).await?;
    let mut answer = object(StatusCode::CREATED, made.rev, body);
    let address = format!("{}/openidm/{}", state.public_url, reference_path(&made.kind, &made.wire_id));
    if let Ok(address) = address.parse() {
        answer.headers_mut().insert(LOCATION, address);
    }
    Ok(answer)
}

fn fresh(registry: &Registry, kind: &ObjectType, body: Value) -> std::result::Result<Draft, Fault> {
    let parsed = idm::create(kind, body)?;
    let relationships = replaced(registry, kind, parsed.relationships)?;
    Ok(Draft { doc: parsed.doc, external_id: None, relationships })
}

fn replaced(
    registry: &Registry,
    kind: &ObjectType,
    given: Vec<(String, Value)>,
) -> std::result::Result<Vec<RelationshipWrite>, Fault> {
    let write = |(property, value): (String, Value)| {
        let change = RelationshipChange::Replace(references(registry, kind, &property, &value)?);
        Ok(RelationshipWrite { property, change })
    };
    given.into_iter().map(write).collect()
}

fn patched(registry: &Registry, kind: &ObjectType, op: RelationshipOp) -> std::result::Result<RelationshipWrite, Fault> {
    use patch::RelationshipChange as Asked;
    let read = |value: &Value| references(registry, kind, &op.property, value);
    let change = match &op.change {
        Asked::Add(value) => RelationshipChange::Add(read(value)?),
        Asked::Replace(value) => RelationshipChange::Replace(read(value)?),
        Asked::Remove(Some(value)) => RelationshipChange::Remove(read(value)?),
        Asked::Remove(None) => RelationshipChange::Clear,
    };
    Ok(RelationshipWrite { property: op.property, change })
}

/// The references in a property's value: a list, one, or none.
fn references(
    registry: &Registry,
    kind: &ObjectType,
    property: &str,
    value: &Value,
) -> std::result::Result<Vec<crate::domain::relation::Reference>, Fault> {
    let missing = || Fault::new(Kind::InvalidValue, format!("unknown property '{}'", excerpt(property)));
    let relationship = kind.relationship(property).ok_or_else(missing)?;
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(list) if relationship.many => {
            let read: Vec<_> =
                list.iter().map(|v| reference::read(registry, relationship, v)).collect::<std::result::Result<_, _>>()?;
            if reference::repeat(&read) {
                let text = "Duplicate relationship specified in relationship collection.";
                return Err(Fault::new(Kind::PreconditionFailed, text));
            }
            Ok(read)
        }
        Value::Array(_) => Err(Fault::new(Kind::InvalidValue, format!("'{property}' is one reference, not a list"))),
        one => Ok(vec![reference::read(registry, relationship, one)?]),
    }
}
