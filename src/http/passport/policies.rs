//! `/passport/admin/resource-policies`: rules that deny on a resource, in the literal forms (rows P51 to P66).

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::{Page, Result, answer, created, precondition};
use crate::domain::error::{Fault, Kind};
use crate::domain::key::Key;
use crate::http::body;
use crate::http::caller::{Caller, PassportRead, PassportRoles};
use crate::http::path::segment;
use crate::http::state::State;
use crate::service::policies::PolicyView;

/// `GET /resource-policies`.
pub async fn list(state: web::Data<State>, req: HttpRequest, caller: Caller<PassportRead>) -> Result<HttpResponse> {
    let page = Page::read(&req)?;
    let limit = page.limit;
    let found = state.service.policies(&caller, page.after, limit).await?;
    let next = found.last().filter(|_| found.len() == limit).map(|view| view.id.to_string());
    Ok(HttpResponse::Ok().json(json!({ "policies": found.iter().map(show).collect::<Vec<_>>(), "next": next })))
}

/// `POST /resource-policies`: a policy, or a rule alone.
pub async fn create(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<PassportRoles>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let body = bare(body::json(&req, payload, state.limits).await?);
    let made = state.service.create_policy(&caller, &body).await?;
    Ok(created(&state, &format!("resource-policies/{}", made.id), made.rev, show(&made)))
}

/// `GET /resource-policies/{id}`.
pub async fn get(state: web::Data<State>, req: HttpRequest, caller: Caller<PassportRead>) -> Result<HttpResponse> {
    let found = state.service.policy(&caller, id(&req)?).await?;
    Ok(answer(StatusCode::OK, found.rev, show(&found)))
}

/// `PUT /resource-policies/{id}`.
pub async fn replace(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<PassportRoles>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let body = bare(body::json(&req, payload, state.limits).await?);
    let written = state.service.replace_policy(&caller, id(&req)?, &body, precondition(&req)).await?;
    Ok(answer(StatusCode::OK, written.rev, show(&written)))
}

/// `DELETE /resource-policies/{id}`.
pub async fn delete(state: web::Data<State>, req: HttpRequest, caller: Caller<PassportRoles>) -> Result<HttpResponse> {
    state.service.delete_policy(&caller, id(&req)?, precondition(&req)).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn id(req: &HttpRequest) -> Result<Key> {
    Ok(Key::parse(&segment(req, "id")?).ok_or_else(|| Fault::new(Kind::NotFound, "no such policy"))?)
}

// What GET tells beyond the policy may be sent back.
fn bare(mut body: Value) -> Value {
    if let Some(members) = body.as_object_mut() {
        for name in ["id", "createdAt", "updatedAt"] {
            members.shift_remove(name);
        }
    }
    body
}

fn show(view: &PolicyView) -> Value {
    let mut out = json!({ "id": view.id.to_string() });
    if let (Some(out), Value::Object(policy)) = (out.as_object_mut(), view.policy.to_json()) {
        out.extend(policy);
    }
    out["createdAt"] = view.created.to_string().into();
    out["updatedAt"] = view.modified.to_string().into();
    out
}
