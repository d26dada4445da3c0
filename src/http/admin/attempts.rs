//! `/admin/v1/targets/{id}/attempts`: the provisioning log.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Result;
use super::links::cursor;
use super::targets::id;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::Key;
use crate::http::caller::{AdminAll, Caller};
use crate::http::query;
use crate::http::state::State;
use crate::sync::links::{Attempt, AttemptWish};

const MOST: usize = 1_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    object_id: Option<String>,
    outcome: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// `GET /targets/{id}/attempts`: the last first.
pub async fn list(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let asked: Parameters = query::read(&req)?;
    let of = || Fault::new(Kind::InvalidValue, "'objectId' is the key of an object");
    let key = asked.object_id.map(|text| Key::parse(&text).ok_or_else(of)).transpose()?;
    let limit = asked.limit.unwrap_or(100).clamp(1, MOST);
    let wish = AttemptWish { key, outcome: asked.outcome, before: cursor(asked.after.as_deref())?, limit };
    let attempts = state.sync.attempts(&caller, id(&req)?, wish).await?;
    let next = (attempts.len() == limit).then(|| attempts.last().map(|attempt| attempt.id.to_string())).flatten();
    Ok(HttpResponse::Ok().json(json!({ "attempts": attempts.iter().map(show).collect::<Vec<_>>(), "next": next })))
}

/// One call, as it is shown: paths, and no values.
pub fn show(attempt: &Attempt) -> Value {
    json!({
        "id": attempt.id.to_string(),
        "type": attempt.kind,
        "objectId": attempt.key.to_string(),
        "op": attempt.op,
        "outcome": attempt.outcome,
        "status": attempt.status,
        "paths": serde_json::from_str::<Value>(&attempt.paths).unwrap_or(Value::Null),
        "error": attempt.error,
        "at": attempt.at.to_string(),
        "millis": attempt.millis,
    })
}
