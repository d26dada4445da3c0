//! `/admin/v1/targets`: downstream applications.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::Result;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::Key;
use crate::http::body;
use crate::http::caller::{AdminAll, Caller};
use crate::http::path::segment;
use crate::http::state::State;
use crate::sync::targets::Target;

/// Statuses that counts always name.
const STATUSES: [&str; 6] = ["linked", "pending", "parked", "held", "uncertain", "blocked"];

/// `POST /targets`.
pub async fn create(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<AdminAll>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let body = body::json(&req, payload, state.limits).await?;
    let target = state.sync.create_target(&caller, &body).await?;
    Ok(HttpResponse::Created().json(show(&target)))
}

/// `GET /targets`.
pub async fn list(state: web::Data<State>, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let all = state.sync.targets(&caller).await?;
    Ok(HttpResponse::Ok().json(json!({ "targets": all.iter().map(show).collect::<Vec<_>>() })))
}

/// `GET /targets/{id}`.
pub async fn get(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let target = state.sync.target(&caller, id(&req)?).await?;
    Ok(HttpResponse::Ok().json(show(&target)))
}

/// `PUT /targets/{id}`.
pub async fn replace(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<AdminAll>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let body = body::json(&req, payload, state.limits).await?;
    let target = state.sync.replace_target(&caller, id(&req)?, &body).await?;
    Ok(HttpResponse::Ok().json(show(&target)))
}

/// `PATCH /targets/{id}`: a merge patch (RFC 7396).
pub async fn modify(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<AdminAll>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let body = body::json(&req, payload, state.limits).await?;
    let target = state.sync.patch_target(&caller, id(&req)?, &body).await?;
    Ok(HttpResponse::Ok().json(show(&target)))
}

/// `DELETE /targets/{id}`: its accounts stay as they are.
pub async fn delete(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    state.sync.delete_target(&caller, id(&req)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /targets/{id}/probe`: what it answers, whatever that is.
pub async fn probe(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let shown = match state.sync.probe_target(&caller, id(&req)?).await? {
        Ok(capabilities) => json!({ "ok": true, "capabilities": capabilities }),
        Err(failure) => {
            json!({ "ok": false, "class": failure.class.name(), "status": failure.status, "error": failure.text })
        }
    };
    Ok(HttpResponse::Ok().json(shown))
}

/// `POST /targets/{id}/pause`.
pub async fn pause(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let target = state.sync.pause_target(&caller, id(&req)?).await?;
    Ok(HttpResponse::Ok().json(show(&target)))
}

/// `POST /targets/{id}/resume`.
pub async fn resume(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let target = state.sync.resume_target(&caller, id(&req)?).await?;
    Ok(HttpResponse::Ok().json(show(&target)))
}

/// `POST /targets/{id}/resync`: every object is compared with what the target holds.
pub async fn resync(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let target = state.sync.resync_target(&caller, id(&req)?).await?;
    Ok(HttpResponse::Accepted().json(show(&target)))
}

/// The target that the address names.
///
/// # Errors
/// [`Kind::NotFound`] when no target can have this id.
pub fn id(req: &HttpRequest) -> std::result::Result<Key, Fault> {
    Key::parse(&segment(req, "id")?).ok_or_else(|| Fault::new(Kind::NotFound, "no such target"))
}

fn show(target: &Target) -> Value {
    let mut out = json!({ "id": target.id.to_string() });
    for (key, value) in &target.spec {
        out[key] = value.clone();
    }
    out["state"] = target.state.as_str().into();
    out["stateReason"] = json!(target.state_reason);
    out["stateSince"] = target.state_since.to_string().into();
    out["notBefore"] = json!(target.not_before.map(|at| at.to_string()));
    out["rev"] = target.rev.into();
    out["created"] = target.created.to_string().into();
    let mut counts = json!(target.counts);
    for status in STATUSES {
        if counts.get(status).is_none() {
            counts[status] = 0.into();
        }
    }
    out["counts"] = counts;
    out
}
