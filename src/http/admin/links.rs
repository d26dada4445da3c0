//! `/admin/v1/targets/{id}/links`, `/held` and `/retry`: single objects at a target.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Result;
use super::attempts;
use super::targets::id;
use crate::domain::assignment::Assigned;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::Key;
use crate::domain::time::Timestamp;
use crate::http::body;
use crate::http::caller::{AdminAll, Caller};
use crate::http::path::segment;
use crate::http::query;
use crate::http::state::State;
use crate::sync::explain::{Explanation, output};
use crate::sync::links::{Link, Selection};

const MOST: usize = 1_000;

#[derive(Deserialize)]
struct Parameters {
    #[serde(rename = "type")]
    kind: Option<String>,
    status: Option<String>,
    class: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// `GET /targets/{id}/links`.
pub async fn list(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let asked: Parameters = query::read(&req)?;
    let after = cursor(asked.after.as_deref())?;
    let limit = asked.limit.unwrap_or(100).clamp(1, MOST);
    let wish = Selection { kind: asked.kind, status: asked.status, class: asked.class, since: None };
    let links = state.sync.links(&caller, id(&req)?, wish, after, limit).await?;
    let next = (links.len() == limit).then(|| links.last().map(|link| link.key.to_string())).flatten();
    Ok(HttpResponse::Ok().json(json!({ "links": links.iter().map(show).collect::<Vec<_>>(), "next": next })))
}

/// Reads `after`, which a page before gave as `next`.
///
/// # Errors
/// [`Kind::InvalidValue`].
pub fn cursor(text: Option<&str>) -> std::result::Result<Option<Key>, Fault> {
    let wrong = || Fault::new(Kind::InvalidValue, "'after' is what a page before gave as 'next'");
    text.map(|text| Key::parse(text).ok_or_else(wrong)).transpose()
}

/// `GET /targets/{id}/links/{type}/{objectId}`: why, and what next.
pub async fn explain(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let (kind, object) = object(&req)?;
    let found = state.sync.explain(&caller, id(&req)?, &kind, &object).await?;
    Ok(HttpResponse::Ok().json(show_explanation(&kind, &found)))
}

/// `POST /targets/{id}/links/{type}/{objectId}/retry`.
pub async fn retry(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let (kind, object) = object(&req)?;
    state.sync.retry_link(&caller, id(&req)?, &kind, &object).await?;
    Ok(HttpResponse::Accepted().json(json!({ "retried": 1 })))
}

/// `POST /targets/{id}/links/{type}/{objectId}/unlink`.
pub async fn unlink(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let (kind, object) = object(&req)?;
    state.sync.unlink(&caller, id(&req)?, &kind, &object).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Adoption {
    remote_id: String,
}

/// `POST /targets/{id}/links/{type}/{objectId}/adopt` with `{"remoteId": …}`.
pub async fn adopt(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<AdminAll>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let body = body::json(&req, payload, state.limits).await?;
    let wish: Adoption = serde_json::from_value(body).map_err(|e| Fault::new(Kind::InvalidSyntax, e.to_string()))?;
    let (kind, object) = object(&req)?;
    state.sync.adopt(&caller, id(&req)?, &kind, &object, &wish.remote_id).await?;
    Ok(HttpResponse::Accepted().json(json!({ "adopted": wish.remote_id })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replay {
    class: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    status: Option<String>,
    since: Option<String>,
}

/// `POST /targets/{id}/retry` with `{class?, type?, status?, since?}`.
pub async fn retry_all(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<AdminAll>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let body = body::json(&req, payload, state.limits).await?;
    let wish: Replay = serde_json::from_value(body).map_err(|e| Fault::new(Kind::InvalidSyntax, e.to_string()))?;
    let wrong = || Fault::new(Kind::InvalidValue, "'since' is an instant, as 2026-03-01T12:00:00Z");
    let since = wish.since.map(|text| Timestamp::parse(&text).ok_or_else(wrong)).transpose()?;
    let which = Selection { kind: wish.kind, status: wish.status, class: wish.class, since };
    let count = state.sync.retry_links(&caller, id(&req)?, which).await?;
    Ok(HttpResponse::Accepted().json(json!({ "retried": count })))
}

/// `GET /targets/{id}/held`: what the mass-change guard holds.
pub async fn held(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let batches = state.sync.held(&caller, id(&req)?).await?;
    let batches: Vec<Value> = batches.into_iter().map(|(batch, count)| json!({ "batch": batch, "count": count })).collect();
    Ok(HttpResponse::Ok().json(json!({ "held": batches })))
}

/// `POST /targets/{id}/held/{batch}/approve`.
pub async fn approve(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let count = state.sync.approve(&caller, id(&req)?, &segment(&req, "batch")?).await?;
    Ok(HttpResponse::Accepted().json(json!({ "approved": count })))
}

/// `POST /targets/{id}/held/{batch}/reject`.
pub async fn reject(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let count = state.sync.reject(&caller, id(&req)?, &segment(&req, "batch")?).await?;
    Ok(HttpResponse::Ok().json(json!({ "rejected": count })))
}

fn object(req: &HttpRequest) -> std::result::Result<(String, String), Fault> {
    Ok((segment(req, "type")?, segment(req, "object")?))
}

fn show(link: &Link) -> Value {
    let at = |t: Option<Timestamp>| t.map(|t| t.to_string());
    json!({
        "type": link.kind,
        "objectId": link.key.to_string(),
        "remoteId": link.remote_id,
        "status": link.status,
        "class": link.error_class,
        "error": link.error,
        "attempts": link.attempts,
        "failingSince": at(link.failed_since),
        "appliedAt": at(link.applied_at),
        "nextAttempt": at(link.due),
    })
}

fn assigned(one: &Assigned) -> Value {
    json!({ "by": one.by, "target": one.name, "value": one.value, "operation": one.assign })
}

fn show_explanation(kind: &str, found: &Explanation) -> Value {
    let mut out = match &found.link {
        Some(link) => show(link),
        None => json!({ "type": kind, "objectId": found.key.to_string(), "status": null, "nextAttempt": null }),
    };
    out["inScope"] = found.in_scope.into();
    out["why"] = found.why.as_str().into();
    out["scope"] = found.clauses.iter().map(|(clause, holds)| json!({ "clause": clause, "holds": holds })).collect();
    let step = |step| {
        let mut shown = output(step);
        shown["rule"] = step.rule.into();
        shown["target"] = step.target.as_str().into();
        shown["input"] = step.input.as_str().into();
        shown
    };
    out["mapping"] = found.steps.iter().map(step).collect();
    out["assigned"] = found.assigned.iter().map(assigned).collect();
    out["mappingError"] = json!(found.error);
    out["desired"] = json!(found.desired);
    out["applied"] = json!(found.applied);
    out["lastAttempts"] = found.attempts.iter().map(attempts::show).collect();
    out
}
