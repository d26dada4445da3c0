//! `POST /oauth2/token`, by client credentials (RFC 6749 §4.4).

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::form::{Form, address};
use super::{Result, unkept};
use crate::domain::error::{Fault, Kind};
use crate::http::state::State;

/// Gives a service account a token.
pub async fn token(state: web::Data<State>, req: HttpRequest, payload: web::Payload) -> Result<HttpResponse> {
    let form = Form::read(&req, payload).await?;
    let grant = form.need("grant_type")?;
    let proof = form.proof(&req)?;
    if grant != "client_credentials" {
        return Err(Fault::of(Kind::UnsupportedGrantType).into());
    }
    let client = state.auth.client(&state.issuer, &proof, address(&req)).await?;
    let audience = state.issuer.audience(form.get("resource"))?;
    let used = client.assertion.map(|used| (used.hash, used.expires));
    let account = state.service.account_for_token(client.tenant, &client.tenant_name, client.account, used).await?;
    let granted = account.grant(form.get("scope"))?;
    let token = state.issuer.grant(&account, &granted, client.ver, audience, state.service.clock().now()).await?;
    let mut answer = json!({ "access_token": token, "token_type": "Bearer", "expires_in": state.issuer.terms().rules.life });
    if !granted.scope.is_empty() {
        answer["scope"] = granted.scope.join(" ").into();
    }
    Ok(unkept(&answer))
}
