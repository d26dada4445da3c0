//! `POST /oauth2/token`, by client credentials (RFC 6749 §4.4) or by a token of a trusted issuer (RFC 7523 §2.1).

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::form::{Form, address};
use super::{Result, unkept};
use crate::domain::error::{Fault, Kind};
use crate::domain::federation::GRANT;
use crate::http::state::State;

/// Gives a service account a token.
pub async fn token(state: web::Data<State>, req: HttpRequest, payload: web::Payload) -> Result<HttpResponse> {
    let form = Form::read(&req, payload).await?;
    let grant = form.need("grant_type")?;
    let (client, refusal) = if grant == GRANT {
        let (client_id, assertion) = form.assertion(&req)?;
        let client = state.auth.federated(&state.issuer, client_id, assertion, address(&req)).await?;
        (client, Kind::InvalidGrant)
    } else {
        let proof = form.proof(&req)?;
        if grant != "client_credentials" {
            return Err(Fault::of(Kind::UnsupportedGrantType).into());
        }
        (state.auth.client(&state.issuer, &proof, address(&req)).await?, Kind::InvalidClient)
    };
    let audience = state.issuer.audience(form.get("resource"))?;
    let used = client.assertion.map(|used| (used.hash, used.expires));
    let account = state.service.account_for_token(client.tenant, &client.tenant_name, client.account, used, refusal).await?;
    let granted = account.grant(form.get("scope"))?;
    let token = state.issuer.grant(&account, &granted, client.ver, audience, state.service.clock().now()).await?;
    let mut answer = json!({ "access_token": token, "token_type": "Bearer", "expires_in": state.issuer.terms().rules.life });
    if !granted.scope.is_empty() {
        answer["scope"] = granted.scope.join(" ").into();
    }
    Ok(unkept(&answer))
}
