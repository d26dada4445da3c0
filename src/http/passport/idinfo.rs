//! `GET /passport/idinfo`: who the bearer is (rows P25 to P31).

use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::Result;
use crate::domain::error::{Fault, Kind};
use crate::http::state::State;

/// What the token says of its account, whatever it may do. A service account has no address: its e-mail is empty, not absent.
pub async fn idinfo(state: web::Data<State>, req: HttpRequest) -> Result<HttpResponse> {
    let header = req.headers().get(AUTHORIZATION).and_then(|h| h.to_str().ok());
    let principal = state.auth.authenticate(header).await?;
    let nobody = || Fault::new(Kind::Forbidden, "the token stands for no identity; one of the token endpoint does");
    let claims = principal.claims.as_ref().ok_or_else(nobody)?;
    let info = json!({
        "userId": claims.text("sub"),
        "tenantId": claims.text("tenant_id"),
        "email": "",
        "displayName": claims.text("name"),
        "roles": claims.get("roles"),
        "isServiceAccount": claims.get("is_service_account"),
        "managedIdentityId": claims.text("managed_identity_id"),
    });
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(info))
}
