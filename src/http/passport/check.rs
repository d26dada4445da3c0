//! `POST /passport/check-permission` (rows P46 to P50).

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::Result;
use crate::domain::access::Asked;
use crate::domain::error::{Fault, Kind};
use crate::http::body;
use crate::http::caller::{Caller, PassportEvaluate};
use crate::http::state::State;
use crate::service::access::Until;

/// 200 whatever was decided: the application answers Forbidden, not this.
pub async fn check(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<PassportEvaluate>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let asked = Asked::passport(&body::json(&req, payload, state.limits).await?, &caller.asker())?;
    let mut answers = state.service.decide(&caller, vec![Ok(asked)], Until::End).await?;
    let answer = answers.pop().ok_or_else(|| Fault::of(Kind::Internal))??;
    let mut body = json!({ "allowed": answer.allowed, "isServiceAccount": answer.managed_identity.is_some() });
    if let Some(message) = answer.message {
        body["message"] = message.into();
    }
    if let Some(id) = answer.managed_identity {
        body["managedIdentityId"] = id.into();
    }
    if let Some(explanation) = answer.explanation {
        body["explanation"] = explanation;
    }
    Ok(HttpResponse::Ok().json(body))
}
