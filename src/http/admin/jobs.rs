//! `/admin/v1/jobs`: work over much data, and how far it is.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Result;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::Key;
use crate::http::caller::{AdminAll, Caller};
use crate::http::path::segment;
use crate::http::query;
use crate::http::state::State;
use crate::service::jobs::Job;

const MOST: usize = 1_000;

#[derive(Deserialize)]
struct Parameters {
    after: Option<String>,
    limit: Option<usize>,
}

/// `GET /jobs`: the newest first.
pub async fn list(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let asked: Parameters = query::read(&req)?;
    let unknown = || Fault::new(Kind::InvalidValue, "'after' is what an answer named as 'next'");
    let after = asked.after.as_deref().map(|text| Key::parse(text).ok_or_else(unknown)).transpose()?;
    let limit = asked.limit.unwrap_or(100).clamp(1, MOST);
    let jobs = state.service.jobs(&caller, after, limit).await?;
    let next = jobs.last().filter(|_| jobs.len() == limit).map(|job| job.id.to_string());
    Ok(HttpResponse::Ok().json(json!({ "jobs": jobs.iter().map(show).collect::<Vec<_>>(), "next": next })))
}

/// `GET /jobs/{id}`.
pub async fn get(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let id = Key::parse(&segment(&req, "id")?).ok_or_else(|| Fault::new(Kind::NotFound, "no such job"))?;
    Ok(HttpResponse::Ok().json(show(&state.service.job(&caller, id).await?)))
}

fn show(job: &Job) -> Value {
    json!({
        "id": job.id.to_string(),
        "kind": job.kind,
        "subject": job.subject,
        "status": job.status,
        "done": job.done,
        "total": job.total,
        "error": job.error,
        "created": job.created.to_string(),
        "modified": job.modified.to_string(),
    })
}
