//! `POST /oauth2/introspect` (RFC 7662) and `POST /oauth2/revoke` (RFC 7009).

use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::form::{Form, address};
use super::{Result, unkept};
use crate::domain::dialect::Dialect;
use crate::domain::error::{Fault, Kind};
use crate::domain::key::TenantId;
use crate::domain::scope::{Action, Permission};
use crate::http::state::State;

/// Tells about a token: what it says, and which of the roles that its account holds now it gives. Of any token that is not good, is not known, or
/// is another tenant's, it tells that it is not active, and nothing else.
pub async fn introspect(state: web::Data<State>, req: HttpRequest, payload: web::Payload) -> Result<HttpResponse> {
    let form = Form::read(&req, payload).await?;
    let tenant = asker(&state, &req, &form).await?;
    let dead = || unkept(&json!({ "active": false }));
    let Some(access) = state.auth.any_access(form.need("token")?).await?.filter(|access| access.tenant == tenant) else {
        return Ok(dead());
    };
    let claims = access.claims;
    let Some(account) = state.service.account(tenant, claims.text("tenant_id"), access.account).await? else {
        return Ok(dead());
    };
    let named: Vec<&str> = claims.get("roles").as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let roles = account.within(&named, &claims.text("scope").split(' ').collect());
    let mut answer = json!({ "active": true, "token_type": "Bearer", "username": account.name, "roles": roles });
    for name in ["iss", "aud", "sub", "client_id", "iat", "exp", "jti", "scope", "tenant_id"] {
        if !claims.get(name).is_null() {
            answer[name] = claims.get(name).clone();
        }
    }
    answer["is_service_account"] = true.into();
    answer["managed_identity_id"] = account.id.into();
    Ok(unkept(&answer))
}

/// Ends a token of the client that asks. What is no token, or no good one, needs no ending.
pub async fn revoke(state: web::Data<State>, req: HttpRequest, payload: web::Payload) -> Result<HttpResponse> {
    let form = Form::read(&req, payload).await?;
    let proof = form.proof(&req)?;
    let client = state.auth.client(&state.issuer, &proof, address(&req)).await?;
    state.service.use_assertion(client.tenant, client.account, client.assertion.map(|used| (used.hash, used.expires))).await?;
    if let Some(access) = state.auth.any_access(form.need("token")?).await?.filter(|access| access.tenant == client.tenant) {
        if access.account != client.account {
            return Err(Fault::new(Kind::UnauthorizedClient, "the token was given to another client").into());
        }
        if let Some(expires) = access.claims.expires() {
            let jti = access.claims.text("jti");
            state.service.revoke_token(client.tenant, client.account, &client.client_id, jti, expires).await?;
        }
    }
    Ok(HttpResponse::Ok().finish())
}

// A client, or a bearer that may ask for access decisions.
async fn asker(state: &State, req: &HttpRequest, form: &Form) -> Result<TenantId> {
    let header = req.headers().get(AUTHORIZATION).and_then(|h| h.to_str().ok());
    if header.is_some_and(|text| text.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer "))) {
        let principal = state.principal(header).await?;
        principal.scopes.require(Permission::new(Dialect::Access, Action::Evaluate))?;
        return Ok(principal.tenant);
    }
    let proof = form.proof(req)?;
    let client = state.auth.client(&state.issuer, &proof, address(req)).await?;
    state.service.use_assertion(client.tenant, client.account, client.assertion.map(|used| (used.hash, used.expires))).await?;
    Ok(client.tenant)
}
