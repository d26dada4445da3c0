//! `/passport/admin/roles`: roles by their names (rows P38 to P45).

use std::sync::Arc;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};

use super::{Page, Result, answer, created, members, precondition, write};
use crate::domain::actor::Actor;
use crate::domain::error::{Fault, Kind};
use crate::domain::resource::{Resource, encode_segment};
use crate::domain::schema::ObjectType;
use crate::http::body;
use crate::http::caller::{Caller, PassportRead, PassportRoles};
use crate::http::path::segment;
use crate::http::state::State;
use crate::service::load::Needs;
use crate::service::objects::{Address, Change, Draft};

/// What is written of a role here; its condition and whatever else it has is left as it is.
const PROPERTIES: [&str; 4] = ["name", "description", "permissions", "isServiceAccountRole"];

/// What is only read.
const READ: [&str; 3] = ["id", "createdAt", "updatedAt"];

/// `GET /roles`.
pub async fn list(state: web::Data<State>, req: HttpRequest, caller: Caller<PassportRead>) -> Result<HttpResponse> {
    let query = Page::read(&req)?.query(kind(&caller)?, Needs::nothing());
    let page = state.service.list(&caller, query).await?;
    let next = page.resources.last().filter(|_| page.more).map(|role| role.key.to_string());
    Ok(HttpResponse::Ok().json(json!({ "roles": page.resources.iter().map(show).collect::<Vec<_>>(), "next": next })))
}

/// `POST /roles`.
pub async fn create(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<PassportRoles>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let kind = kind(&caller)?;
    let body = members(body::json(&req, payload, state.limits).await?, &PROPERTIES)?;
    let draft = Draft { doc: write(&kind, &Map::new(), &body, &PROPERTIES, true)?, external_id: None, relationships: Vec::new() };
    let made = state.service.create(&caller, kind, None, draft, Needs::nothing()).await?;
    let place = format!("roles/{}", encode_segment(made.label().unwrap_or_default()));
    Ok(created(&state, &place, made.rev, show(&made)))
}

/// `GET /roles/{name}`.
pub async fn get(state: web::Data<State>, req: HttpRequest, caller: Caller<PassportRead>) -> Result<HttpResponse> {
    let id = state.service.role_named(&caller, segment(&req, "name")?).await?;
    let found = state.service.get(&caller, kind(&caller)?, id, Needs::nothing()).await?;
    Ok(answer(StatusCode::OK, found.rev, show(&found)))
}

/// `PUT /roles/{name}`, the whole; `PATCH /roles/{name}`, the members that are sent. The name stays as it is.
pub async fn modify(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<PassportRoles>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let (kind, name, whole) = (kind(&caller)?, segment(&req, "name")?, req.method() == Method::PUT);
    let mut body = members(body::json(&req, payload, state.limits).await?, &[&PROPERTIES[..], &READ[..]].concat())?;
    if body.insert("name".to_owned(), name.as_str().into()).is_some_and(|sent| sent != name.as_str()) {
        return Err(Fault::new(Kind::Mutability, "'name' is that of the address and does not change").into());
    }
    let id = state.service.role_named(&caller, name).await?;
    let of = kind.clone();
    let change: Change = Arc::new(move |now: &Resource| {
        let doc = write(&of, &now.doc, &body, &PROPERTIES, whole)?;
        Ok(Draft { doc, external_id: now.external_id.clone(), relationships: Vec::new() })
    });
    let address = Address { kind, wire_id: id, precondition: precondition(&req) };
    let written = state.service.update(&caller, address, change, Needs::nothing(), Needs::nothing()).await?;
    Ok(answer(StatusCode::OK, written.rev, show(&written)))
}

/// `DELETE /roles/{name}`; one that is held stays, with 409.
pub async fn delete(state: web::Data<State>, req: HttpRequest, caller: Caller<PassportRoles>) -> Result<HttpResponse> {
    let wire_id = state.service.role_named(&caller, segment(&req, "name")?).await?;
    state.service.delete(&caller, Address { kind: kind(&caller)?, wire_id, precondition: precondition(&req) }).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn kind(caller: &Actor) -> Result<Arc<ObjectType>> {
    Ok(caller.types.by_name("role").cloned().ok_or_else(|| Fault::of(Kind::Internal))?)
}

fn show(role: &Resource) -> Value {
    let mut out = super::show(role, "id", &PROPERTIES);
    // Always there, so that a reader need not know what absence means.
    out.entry("permissions").or_insert_with(|| json!([]));
    out.entry("isServiceAccountRole").or_insert_with(|| false.into());
    Value::Object(out)
}
