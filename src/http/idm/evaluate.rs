//! `_action=evaluateCondition`: what a condition would do to a role's holders, before it is saved.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};

use super::query::Parameters;
use super::{Result, cookie, json as answer, reference};
use crate::domain::cursor;
use crate::domain::error::{Fault, Kind};
use crate::domain::schema::ObjectType;
use crate::http::body;
use crate::http::caller::{Caller, IdmWrite};
use crate::http::path::segment;
use crate::http::state::State;
use crate::service::evaluate::{Affected, Outcome, Question};
use crate::service::grants::ROLE;

/// The name of the action.
pub const ACTION: &str = "evaluateCondition";

/// `POST managed/role?_action=evaluateCondition` and `POST managed/role/{id}?_action=evaluateCondition`.
///
/// # Errors
/// Those of the use-case; [`Kind::NotImplemented`] for what has no condition.
pub async fn evaluate(
    state: &State,
    req: &HttpRequest,
    caller: &Caller<IdmWrite>,
    kind: Arc<ObjectType>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let Some(property) = kind.property("condition").filter(|_| kind.name == ROLE) else {
        let text = format!("action '{ACTION}' is not offered here: a {} gives nothing by condition", kind.name);
        return Err(Fault::new(Kind::NotImplemented, text).into());
    };
    let mut body = match body::json(req, payload, state.limits).await? {
        Value::Object(body) => body,
        _ => return Err(Fault::new(Kind::InvalidSyntax, "the body must be a JSON object").into()),
    };
    let role = req.match_info().get("id").is_some().then(|| segment(req, "id")).transpose()?;
    let condition = body.shift_remove(&property.name).map(text).transpose()?;
    if let Some(other) = body.keys().next() {
        return Err(crate::domain::document::idm::unknown(other).into());
    }
    if condition.is_none() && role.is_none() {
        return Err(Fault::new(Kind::InvalidValue, "'condition' is missing").into());
    }
    let wish = Parameters::read(req)?;
    let name = cursor::query(&[Some("idm evaluate"), role.as_deref(), Some(&format!("{condition:?}"))]);
    let after = wish.cookie.as_deref().map(|cookie| cookie::take(state, caller, &name, cookie)).transpose()?;
    let limit = wish.page_size.unwrap_or(state.limits.default_page).min(state.limits.max_page);
    let found = state.service.evaluate_condition(caller, Question { role, condition, after, limit }).await?;
    let users = caller.types.by_name("user");
    let show = |one: &Affected| {
        let mut out = users.map_or_else(Map::new, |kind| reference::head(kind, &one.wire_id));
        out.extend(one.name.as_ref().map(|name| ("name".to_owned(), name.as_str().into())));
        let (key, value) = match &one.what {
            Outcome::Gains => ("change", "gains"),
            Outcome::Loses => ("change", "loses"),
            Outcome::Fails(why) => ("error", why.as_str()),
        };
        out.insert(key.to_owned(), value.into());
        Value::Object(out)
    };
    let mut out = Map::new();
    if let Some(counts) = found.counts {
        out.insert("matching".into(), counts.matching.into());
        out.insert("gains".into(), counts.gains.into());
        out.insert("loses".into(), counts.loses.into());
        let first: Vec<Value> = found.failures.iter().map(show).collect();
        out.insert("failures".into(), json!({ "count": counts.failures, "first": first }));
    }
    let shown: Vec<Value> = found.affected.iter().map(show).collect();
    out.insert("resultCount".into(), shown.len().into());
    out.insert("result".into(), shown.into());
    let next = found.next.map(|key| cookie::give(state, caller, &name, limit, key)).transpose()?;
    out.insert("pagedResultsCookie".into(), next.into());
    Ok(answer(StatusCode::OK, &Value::Object(out)))
}

// As a role's own property is read.
fn text(value: Value) -> std::result::Result<Option<String>, Fault> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Object(object) => Ok(Some(Value::Object(object).to_string())),
        _ => Err(Fault::new(Kind::InvalidValue, "'condition' is a filter, an expression object, or null")),
    }
}
