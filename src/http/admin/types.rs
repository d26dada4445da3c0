//! `/admin/v1/types`: object types, and what the tenant adds to them.

use actix_web::http::StatusCode;
use actix_web::http::header::ETAG;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::Result;
use crate::domain::error::{Fault, Kind};
use crate::domain::relation::Precondition;
use crate::domain::schema::definition;
use crate::http::body;
use crate::http::caller::{AdminAll, Caller};
use crate::http::etag::{self, Tags};
use crate::http::path::segment;
use crate::http::state::State;
use crate::service::types::TypeView;

/// The header that names the job that a write put up.
pub const JOB: &str = "Provost-Job";

/// `GET /types`.
pub async fn list(state: web::Data<State>, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let all = state.service.types(&caller).await?;
    Ok(HttpResponse::Ok().json(json!({ "types": all.iter().map(show).collect::<Vec<_>>() })))
}

/// `GET /types/{type}`.
pub async fn get(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let found = state.service.object_type(&caller, &segment(&req, "type")?).await?;
    Ok(answer(StatusCode::OK, &found, None))
}

/// `PUT /types/{type}`: an addition to a shipped type, or a type of the tenant's own.
pub async fn put(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<AdminAll>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let precondition = precondition(&req)?;
    let mut body = body::json(&req, payload, state.limits).await?;
    let Some(members) = body.as_object_mut() else {
        return Err(Fault::new(Kind::InvalidSyntax, "the body must be a JSON object").into());
    };
    // What GET tells beyond the definition.
    for name in ["rev", "shipped"] {
        members.shift_remove(name);
    }
    let written = state.service.put_type(&caller, &segment(&req, "type")?, body, precondition).await?;
    if written.job.is_some() && caller.rehearsal.is_none() {
        state.sync.wake_jobs();
    }
    let status = if written.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok(answer(status, &written.view, written.job.map(|job| job.to_string())))
}

/// `DELETE /types/{type}`: a type of the tenant's own, or what it added to a shipped one.
pub async fn delete(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    state.service.delete_type(&caller, &segment(&req, "type")?, precondition(&req)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn precondition(req: &HttpRequest) -> Result<Precondition> {
    match (etag::precondition(req, |tag| tag.parse().ok()), etag::if_none_match(req)) {
        (found, None) => Ok(found),
        (Precondition::None, Some(Tags::Any)) => Ok(Precondition::Absent),
        _ => Err(Fault::new(Kind::InvalidValue, "If-None-Match is '*', and without If-Match").into()),
    }
}

fn answer(status: StatusCode, view: &TypeView, job: Option<String>) -> HttpResponse {
    let mut out = HttpResponse::build(status);
    out.insert_header((ETAG, format!("W/\"{}\"", view.rev)));
    if let Some(job) = job {
        out.insert_header((JOB, job));
    }
    out.json(show(view))
}

fn show(view: &TypeView) -> Value {
    let mut out = definition::written(&view.kind);
    out["rev"] = view.rev.into();
    out["shipped"] = view.shipped.into();
    out
}
