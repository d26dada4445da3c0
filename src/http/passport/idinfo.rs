//! `GET /passport/idinfo`: who the bearer is (rows P25 to P31).

use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::Result;
use crate::domain::error::{Fault, Kind};
use crate::http::state::State;

/// What is known of the bearer, whatever he may do, with the same members for a service account and for a user. A service account
/// has no address: its e-mail is empty, not absent; a user is no managed identity.
pub async fn idinfo(state: web::Data<State>, req: HttpRequest) -> Result<HttpResponse> {
    let header = req.headers().get(AUTHORIZATION).and_then(|h| h.to_str().ok());
    let principal = state.principal(header).await?;
    let nobody = || {
        Fault::new(
            Kind::Forbidden,
            "the token stands for no identity; one of the token endpoint does, and one of an issuer that is trusted",
        )
    };
    let claims = principal.claims.as_ref().ok_or_else(nobody)?;
    let info = json!({
        "userId": claims.text("sub"),
        "tenantId": claims.text("tenant_id"),
        "email": claims.text("email"),
        "displayName": claims.text("name"),
        "roles": claims.get("roles"),
        "isServiceAccount": claims.get("is_service_account"),
        "managedIdentityId": claims.get("managed_identity_id"),
    });
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(info))
}
