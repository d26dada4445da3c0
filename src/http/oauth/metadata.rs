//! What anyone may read of the issuer: its keys (RFC 7517), its endpoints (RFC 8414), and how the APIs are guarded (RFC 9728).

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::Result;
use crate::auth::Refusal;
use crate::domain::client::Method;
use crate::domain::federation;
use crate::domain::jwt::ALGORITHMS;
use crate::domain::normal;
use crate::domain::scope::Scope;
use crate::domain::signing::CACHE;
use crate::http::state::State;

/// `GET /.well-known/jwks.json`.
pub async fn keys(state: web::Data<State>, req: HttpRequest) -> Result<HttpResponse> {
    let keys = state.issuer.keys().published().await.map_err(Refusal::from)?;
    Ok(kept(&req, &keys))
}

/// `GET /.well-known/oauth-authorization-server`.
pub async fn server(state: web::Data<State>, req: HttpRequest) -> HttpResponse {
    let at = |path: &str| format!("{}{path}", state.public_url);
    let methods: Vec<&str> = state.issuer.methods().map(Method::name).collect();
    let metadata = json!({
        "issuer": state.issuer.terms().name,
        "token_endpoint": at("/oauth2/token"),
        "introspection_endpoint": at("/oauth2/introspect"),
        "revocation_endpoint": at("/oauth2/revoke"),
        "jwks_uri": at("/.well-known/jwks.json"),
        "grant_types_supported": ["client_credentials", federation::GRANT],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "introspection_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "scopes_supported": scopes(),
    });
    kept(&req, &metadata)
}

/// `GET /.well-known/oauth-protected-resource`.
pub async fn resource(state: web::Data<State>, req: HttpRequest) -> HttpResponse {
    let metadata = json!({
        "resource": &*state.public_url,
        "authorization_servers": [state.issuer.terms().name],
        "jwks_uri": format!("{}/.well-known/jwks.json", state.public_url),
        "bearer_methods_supported": ["header"],
        "scopes_supported": scopes(),
    });
    kept(&req, &metadata)
}

// Those that a role can give.
fn scopes() -> Vec<&'static str> {
    Scope::all().filter(|scope| ![Scope::ADMIN, Scope::OPERATOR].contains(scope)).map(Scope::name).collect()
}

fn kept(req: &HttpRequest, body: &Value) -> HttpResponse {
    let text = body.to_string();
    let tag: String = normal::hash(&text).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let known = req.headers().get_all(IF_NONE_MATCH).filter_map(|v| v.to_str().ok()).any(|given| given.contains(&tag));
    let status = if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let mut answer = HttpResponse::build(status);
    answer.insert_header((CACHE_CONTROL, format!("max-age={CACHE}"))).insert_header((ETAG, tag));
    if known { answer.finish() } else { answer.content_type("application/json").body(text) }
}
