//! What anyone may ask without a token; no answer names a tenant, a target or an identity.

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::state::State;

/// `GET /health`: the process and its background workers.
pub async fn health(state: web::Data<State>) -> HttpResponse {
    let failing = state.workers.failing();
    let body = json!({ "status": if failing.is_empty() { "ok" } else { "failing" }, "failing": failing });
    if failing.is_empty() { HttpResponse::Ok().json(body) } else { HttpResponse::ServiceUnavailable().json(body) }
}

/// `GET /ready`: the database answers.
pub async fn ready(state: web::Data<State>) -> HttpResponse {
    match state.service.ready().await {
        Ok(()) => HttpResponse::Ok().json(json!({ "status": "ready" })),
        Err(error) => {
            log::warn!("not ready: {error}");
            HttpResponse::ServiceUnavailable().json(json!({ "status": "not ready" }))
        }
    }
}

/// `GET /metrics`: Prometheus text.
pub async fn metrics(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(state.metrics.render())
}
