//! Access decisions in the form of the AuthZEN Authorization API 1.0 (spec/access.md §7.4).

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};

use super::body;
use super::caller::{AccessEvaluate, Caller};
use super::failure::{Access, Failure, Wire as _};
use super::state::State;
use crate::domain::access::Asked;
use crate::domain::error::{Fault, Kind, excerpt};
use crate::service::access::{Answer, Until, Wish};

/// A handler's outcome.
pub type Result<T> = std::result::Result<T, Failure<Access>>;

/// Most evaluations of one request.
const MOST: usize = 1_000;

/// For addresses that nothing answers at.
pub async fn unknown() -> Result<HttpResponse> {
    Err(Fault::new(Kind::NotFound, "no such address").into())
}

/// `GET /.well-known/authzen-configuration`.
pub async fn configuration(state: web::Data<State>) -> HttpResponse {
    let base = &state.public_url;
    HttpResponse::Ok().json(json!({
        "policy_decision_point": base.as_ref(),
        "access_evaluation_endpoint": format!("{base}/access/v1/evaluation"),
        "access_evaluations_endpoint": format!("{base}/access/v1/evaluations"),
    }))
}

/// `POST /access/v1/evaluation`: 200 whatever was decided.
pub async fn evaluation(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<AccessEvaluate>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let body = object(body::json(&req, payload, state.limits).await?)?;
    one(&state, &caller, &body).await
}

/// `POST /access/v1/evaluations`: many questions with common defaults; what is wrong with one stands in its place.
pub async fn evaluations(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<AccessEvaluate>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let body = object(body::json(&req, payload, state.limits).await?)?;
    let wrong = || Fault::new(Kind::InvalidValue, format!("'evaluations' is a list of at most {MOST}"));
    let items = match body.get("evaluations") {
        None | Some(Value::Null) => return one(&state, &caller, &body).await,
        Some(Value::Array(items)) if items.len() <= MOST => items,
        Some(_) => return Err(wrong().into()),
    };
    if items.is_empty() {
        return one(&state, &caller, &body).await;
    }
    let asker = caller.asker();
    let read = |item: &Value| -> Wish {
        let item = item.as_object().ok_or_else(|| Fault::new(Kind::InvalidSyntax, "an evaluation is a JSON object"))?;
        Asked::authzen(item, &body, &asker)
    };
    let until = until(body.get("options"))?;
    let answers = state.service.decide(&caller, items.iter().map(read).collect(), until).await?;
    let told = |answer: &std::result::Result<Answer, Fault>| match answer {
        Ok(answer) => decision(answer),
        Err(fault) => {
            json!({ "decision": false, "context": { "error": { "status": Access::status(fault.kind), "message": fault.detail } } })
        }
    };
    Ok(HttpResponse::Ok().json(json!({ "evaluations": answers.iter().map(told).collect::<Vec<_>>() })))
}

async fn one(state: &State, caller: &Caller<AccessEvaluate>, body: &Map<String, Value>) -> Result<HttpResponse> {
    let asked = Asked::authzen(body, &Map::new(), &caller.asker())?;
    let mut answers = state.service.decide(caller, vec![Ok(asked)], Until::End).await?;
    let answer = answers.pop().ok_or_else(|| Fault::of(Kind::Internal))??;
    Ok(HttpResponse::Ok().json(decision(&answer)))
}

fn object(body: Value) -> Result<Map<String, Value>> {
    match body {
        Value::Object(members) => Ok(members),
        _ => Err(Fault::new(Kind::InvalidSyntax, "the body must be a JSON object").into()),
    }
}

fn until(options: Option<&Value>) -> Result<Until> {
    match options.and_then(|options| options.get("evaluations_semantic")).map(|name| name.as_str().unwrap_or_default()) {
        None | Some("execute_all") => Ok(Until::End),
        Some("deny_on_first_deny") => Ok(Until::Deny),
        Some("permit_on_first_permit") => Ok(Until::Permit),
        Some(other) => {
            let text = format!(
                "'options.evaluations_semantic' is execute_all, deny_on_first_deny or permit_on_first_permit, not '{}'",
                excerpt(other)
            );
            Err(Fault::new(Kind::InvalidValue, text).into())
        }
    }
}

fn decision(answer: &Answer) -> Value {
    let admin = answer.explanation.as_ref().map(|explanation| ("reason_admin".to_owned(), explanation.clone()));
    let user = answer.message.as_ref().map(|message| ("reason_user".to_owned(), json!({ "en": message })));
    let context: Map<String, Value> = admin.into_iter().chain(user).collect();
    json!({ "decision": answer.allowed, "context": context })
}
