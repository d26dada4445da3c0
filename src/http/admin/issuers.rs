//! `/admin/v1/issuers`: issuers whose tokens the tenant takes.

use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::Result;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::Key;
use crate::domain::relation::Precondition;
use crate::domain::trusted::Trusted;
use crate::http::caller::{AdminAll, Caller};
use crate::http::path::segment;
use crate::http::state::State;
use crate::http::{body, etag};
use crate::service::issuers::IssuerView;

/// `GET /issuers`.
pub async fn list(state: web::Data<State>, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let all = state.service.issuers(&caller).await?;
    Ok(HttpResponse::Ok().json(json!({ "issuers": all.iter().map(show).collect::<Vec<_>>() })))
}

/// `POST /issuers`.
pub async fn create(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<AdminAll>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let body = body::json(&req, payload, state.limits).await?;
    let made = state.service.create_issuer(&caller, Trusted::parse(&body, &state.issuer.terms().name)?).await?;
    let mut answer = answer(StatusCode::CREATED, &made);
    if let Ok(address) = format!("{}/admin/v1/issuers/{}", state.public_url, made.id).parse() {
        answer.headers_mut().insert(LOCATION, address);
    }
    Ok(answer)
}

/// `GET /issuers/{id}`.
pub async fn get(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    Ok(answer(StatusCode::OK, &state.service.issuer(&caller, id(&req)?).await?))
}

/// `PUT /issuers/{id}`.
pub async fn replace(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<AdminAll>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let body = bare(body::json(&req, payload, state.limits).await?);
    let trusted = Trusted::parse(&body, &state.issuer.terms().name)?;
    let written = state.service.replace_issuer(&caller, id(&req)?, trusted, precondition(&req)).await?;
    Ok(answer(StatusCode::OK, &written))
}

/// `DELETE /issuers/{id}`.
pub async fn delete(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    state.service.delete_issuer(&caller, id(&req)?, precondition(&req)).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn id(req: &HttpRequest) -> Result<Key> {
    Ok(Key::parse(&segment(req, "id")?).ok_or_else(|| Fault::new(Kind::NotFound, "no such issuer"))?)
}

fn precondition(req: &HttpRequest) -> Precondition {
    etag::precondition(req, |tag| tag.parse().ok())
}

// What GET tells beyond the record may be sent back.
fn bare(mut body: Value) -> Value {
    if let Some(members) = body.as_object_mut() {
        for name in ["id", "created", "modified"] {
            members.shift_remove(name);
        }
    }
    body
}

fn answer(status: StatusCode, view: &IssuerView) -> HttpResponse {
    HttpResponse::build(status).insert_header((ETAG, format!("W/\"{}\"", view.rev))).json(show(view))
}

fn show(view: &IssuerView) -> Value {
    let mut out = json!({ "id": view.id.to_string() });
    if let (Some(out), Value::Object(record)) = (out.as_object_mut(), view.trusted.to_json()) {
        out.extend(record);
    }
    out["created"] = view.created.to_string().into();
    out["modified"] = view.modified.to_string().into();
    out
}
