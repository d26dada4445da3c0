//! `/admin/v1/inbound`: what the guard over what comes in holds.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Result;
use crate::domain::error::{Fault, Kind};
use crate::http::body;
use crate::http::caller::{AdminAll, Caller};
use crate::http::path::segment;
use crate::http::state::State;
use crate::service::inbound::{HeldRemoval, HeldSource};

/// Longest approval: a week.
const LONGEST: u32 = 7 * 24 * 3600;

/// Most others that an approval lets pass.
const MOST: u32 = 1_000_000;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Approval {
    /// How many removals pass besides those that are held.
    more: u32,
    /// How long it lasts; without it as configured.
    seconds: Option<u32>,
}

/// `GET /inbound/held`: by source.
pub async fn held(state: web::Data<State>, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let sources = state.service.held_removals(&caller).await?;
    Ok(HttpResponse::Ok().json(json!({ "held": sources.iter().map(show).collect::<Vec<_>>() })))
}

/// `POST /inbound/held/{source}/approve` with `{more?, seconds?}` or nothing: what is held passes when it is sent again.
pub async fn approve(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<AdminAll>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let wish: Approval = match body::optional(&req, payload, state.limits).await? {
        Some(body) => serde_json::from_value(body).map_err(|e| Fault::new(Kind::InvalidSyntax, e.to_string()))?,
        None => Approval::default(),
    };
    if wish.more > MOST || wish.seconds.is_some_and(|seconds| !(1..=LONGEST).contains(&seconds)) {
        let text = format!("'more' is at most {MOST}, and 'seconds' is 1 to {LONGEST}");
        return Err(Fault::new(Kind::InvalidValue, text).into());
    }
    let source = segment(&req, "source")?;
    let (approved, until) = state.service.approve_removals(&caller, source, wish.more, wish.seconds).await?;
    Ok(HttpResponse::Accepted().json(json!({ "approved": approved, "more": wish.more, "until": until.to_string() })))
}

/// `POST /inbound/held/{source}/reject`: what is held stays as it is, and approvals end.
pub async fn reject(state: web::Data<State>, req: HttpRequest, caller: Caller<AdminAll>) -> Result<HttpResponse> {
    let count = state.service.reject_removals(&caller, segment(&req, "source")?).await?;
    Ok(HttpResponse::Ok().json(json!({ "rejected": count })))
}

fn show(held: &HeldSource) -> Value {
    json!({
        "source": held.source,
        "count": held.count,
        "allowance": held.allowance.map(|(more, until)| json!({ "more": more, "until": until.to_string() })),
        "removals": held.removals.iter().map(removal).collect::<Vec<_>>(),
    })
}

fn removal(held: &HeldRemoval) -> Value {
    json!({
        "type": held.kind,
        "objectId": held.key.to_string(),
        "id": held.wire_id,
        "name": held.name,
        "op": held.op,
        "at": held.at.to_string(),
        "tries": held.tries,
        "actor": held.actor,
        "tokenId": held.token.map(|id| id.to_string()),
        "requestId": held.request_id,
        "approvedUntil": held.approved_until.map(|at| at.to_string()),
    })
}
