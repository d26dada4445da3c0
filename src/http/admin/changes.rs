//! `/admin/v1/changes`: who changed what.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Result;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::Key;
use crate::http::caller::{AdminAll, Caller};
use crate::http::query;
use crate::http::state::State;
use crate::service::changes::{Change, Wish};

const MOST: usize = 1_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    #[serde(default)]
    after: i64,
    #[serde(rename = "type")]
    kind: Option<String>,
    object_id: Option<String>,
    actor: Option<String>,
    limit: Option<usize>,
}

/// `GET /changes`: in order, after the sequence number `after`.
pub async fn list(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let asked: Parameters = query::read(&req)?;
    let key = match &asked.object_id {
        None => None,
        Some(id) => Some(Key::parse(id).ok_or_else(|| Fault::new(Kind::InvalidValue, "'objectId' is the key of an object"))?),
    };
    let limit = asked.limit.unwrap_or(100).clamp(1, MOST);
    let wish = Wish { after: asked.after, kind: asked.kind, key, actor: asked.actor, limit };
    let changes = state.service.changes(&caller, wish).await?;
    let next = (changes.len() == limit).then(|| changes.last().and_then(|c| c.seq)).flatten();
    Ok(HttpResponse::Ok().json(json!({ "changes": changes.iter().map(show).collect::<Vec<_>>(), "next": next })))
}

fn show(change: &Change) -> Value {
    json!({
        "seq": change.seq,
        "at": change.at.to_string(),
        "type": change.kind,
        "objectId": change.key.to_string(),
        "op": change.op,
        "rev": change.rev,
        "otherId": change.other_key.map(|k| k.to_string()),
        "actor": change.actor,
        "tokenId": change.token.map(|id| id.to_string()),
        "source": change.source,
        "dialect": change.dialect,
        "requestId": change.request_id,
        "detail": serde_json::from_str::<Value>(&change.detail).unwrap_or(Value::Null),
    })
}
