//! `/passport/admin/managed-identities/{id}/federations`: workloads of elsewhere that an account trusts.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Result;
use crate::domain::federation::Federation;
use crate::http::caller::{Caller, PassportRead, PassportRoles};
use crate::http::path::segment;
use crate::http::state::State;
use crate::http::{body, query};
use crate::service::credentials::{Credential, FEDERATION};

#[derive(Deserialize)]
struct Removal {
    #[serde(default)]
    compromised: bool,
}

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

/// `DELETE …/federations/{fid}`; with `compromised=true` every token of the account ends as well.
pub async fn remove(state: web::Data<State>, req: HttpRequest, caller: Caller<PassportRoles>) -> Result<HttpResponse> {
    let asked: Removal = query::read(&req)?;
    let (id, name) = (segment(&req, "id")?, segment(&req, "fid")?);
    state.service.remove_credential(&caller, id, FEDERATION, name, asked.compromised).await?;
    Ok(HttpResponse::NoContent().finish())
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
