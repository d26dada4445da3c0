//! `/passport/admin/managed-identities/{id}/federations`: workloads of elsewhere that an account trusts.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::{Result, credentials};
use crate::domain::federation::Federation;
use crate::http::body;
use crate::http::caller::{Caller, PassportRead, PassportRoles};
use crate::http::path::segment;
use crate::http::state::State;
use crate::service::credentials::{Credential, FEDERATION};

/// `GET …/federations`.
pub async fn list(state: web::Data<State>, req: HttpRequest, caller: Caller<PassportRead>) -> Result<HttpResponse> {
    let found = state.service.credentials(&caller, segment(&req, "id")?, FEDERATION).await?;
    Ok(HttpResponse::Ok().json(json!({ "federations": found.iter().map(show).collect::<Vec<_>>() })))
}

/// `POST …/federations`.
pub async fn add(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<PassportRoles>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let body = body::json(&req, payload, state.limits).await?;
    let federation = Federation::parse(&body, &state.issuer.terms().name)?;
    let made = state.service.add_federation(&caller, segment(&req, "id")?, &federation).await?;
    Ok(HttpResponse::Created().json(show(&made)))
}

/// `DELETE …/federations/{fid}`.
pub async fn remove(state: web::Data<State>, req: HttpRequest, caller: Caller<PassportRoles>) -> Result<HttpResponse> {
    credentials::remove(&state, &req, &caller, FEDERATION, "fid").await
}

fn show(row: &Credential) -> Value {
    let mut out = json!({ "id": row.name });
    if let (Some(out), Ok(Value::Object(record))) = (out.as_object_mut(), serde_json::from_str(&row.material)) {
        out.extend(record);
    }
    out["created"] = row.created.to_string().into();
    out["lastUsed"] = row.last_used.map(|at| at.to_string()).into();
    out
}
