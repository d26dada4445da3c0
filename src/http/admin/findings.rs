//! `/admin/v1/findings`: where somebody may do more than he needs (spec/access.md §4.5).

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::Result;
use crate::domain::access::lint::Finding;
use crate::domain::duration;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::Key;
use crate::http::caller::{AdminAll, Caller};
use crate::http::query;
use crate::http::state::State;
use crate::service::findings::After;

const MOST: usize = 1_000;

#[derive(Deserialize)]
struct Parameters {
    after: Option<String>,
    limit: Option<usize>,
    /// For how long what is found as unused was not used.
    unused: Option<String>,
}

/// `GET /findings`: of the next `limit` objects; there are more as long as `next` is told.
pub async fn list(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let asked: Parameters = query::read(&req)?;
    let after = asked.after.as_deref().map_or(Ok(After::Account(None)), place)?;
    let limit = asked.limit.unwrap_or(100).clamp(1, MOST);
    let unused = asked.unused.as_deref().map(duration::parse).transpose()?;
    let (found, next) = state.service.findings(&caller, after, limit, unused).await?;
    let next = next.map(|after| match after {
        After::Account(last) => text("account", last),
        After::Role(last) => text("role", last),
    });
    Ok(HttpResponse::Ok().json(json!({ "findings": found.iter().map(Finding::to_json).collect::<Vec<_>>(), "next": next })))
}

fn text(part: &str, last: Option<Key>) -> String {
    last.map_or_else(|| part.to_owned(), |key| format!("{part}:{key}"))
}

fn place(text: &str) -> Result<After> {
    let unknown = || Fault::new(Kind::InvalidValue, "'after' is what an answer named as 'next'");
    let (part, key) = match text.split_once(':') {
        Some((part, key)) => (part, Some(Key::parse(key).ok_or_else(unknown)?)),
        None => (text, None),
    };
    match part {
        "account" => Ok(After::Account(key)),
        "role" => Ok(After::Role(key)),
        _ => Err(unknown().into()),
    }
}
