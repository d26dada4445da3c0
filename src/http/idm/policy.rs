//! `policy/managed/{type}` and `policy/managed/{type}/{id}`: whether the policies of a type would be met, and nothing written
//! (spec/idm.md §1.2).

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::query::Parameters;
use super::{Result, json as answer, kind, not_offered, refuse_preconditions};
use crate::http::body;
use crate::http::caller::{Caller, IdmRead};
use crate::http::failure::failed_requirements;
use crate::http::path::segment;
use crate::http::state::State;
use crate::service::policy::Extent;

/// What stands for the object that is yet to be made.
const NOBODY: &str = "*";

/// `POST policy/managed/{type}/{id}?_action=validateObject` or `validateProperty`.
pub async fn validate(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<IdmRead>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    refuse_preconditions(&req)?;
    let kind = kind(&caller, &req)?;
    let wish = Parameters::read(&req)?;
    let extent = match wish.action.as_deref() {
        Some("validateObject") => Extent::Object,
        Some("validateProperty") => Extent::Given,
        other => return Err(not_offered(other)),
    };
    let id = match req.match_info().get("id") {
        None | Some(NOBODY) => None,
        Some(_) => Some(segment(&req, "id")?),
    };
    let body = body::json(&req, payload, state.limits).await?;
    let failed = failed_requirements(&state.service.validate(&caller, kind, id, body, extent).await?);
    Ok(answer(StatusCode::OK, &json!({ "result": failed.is_empty(), "failedPolicyRequirements": failed })))
}
