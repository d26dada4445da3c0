//! `/admin/v1/tenants`, for operators.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Result;
use crate::auth::tokens::NewToken;
use crate::domain::error::{Fault, Kind};
use crate::domain::profile::{Overrides, Profile};
use crate::domain::scope::Scopes;
use crate::domain::secret::HIDDEN;
use crate::http::body;
use crate::http::caller::{Caller, Operate};
use crate::http::state::State;
use crate::service::tenants::Tenant;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    name: String,
}

/// `POST /tenants`: the answer holds the tenant's first admin token, this once.
pub async fn create(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<Operate>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let body = body::json(&req, payload, state.limits).await?;
    let wish: Wish = serde_json::from_value(body).map_err(|e| Fault::new(Kind::InvalidSyntax, e.to_string()))?;
    let first = NewToken {
        name: "admin".to_owned(),
        source: "default".to_owned(),
        profile: &Profile::GENERIC,
        overrides: Overrides::default(),
        scopes: Scopes::parse("admin")?,
        expires: None,
    };
    let (first, secret) = state.auth.draft(first, None)?;
    let dry = caller.rehearsal.is_some();
    let tenant = state.service.create_tenant(&wish.name, first, dry).await?;
    let mut shown = show(&tenant);
    shown["token"] = if dry { HIDDEN } else { secret.expose() }.into();
    Ok(HttpResponse::Created().json(shown))
}

/// `GET /tenants`.
pub async fn list(state: web::Data<State>, _: Caller<Operate>) -> Result<HttpResponse> {
    let all = state.service.tenants().await?;
    Ok(HttpResponse::Ok().json(json!({ "tenants": all.iter().map(show).collect::<Vec<_>>() })))
}

fn show(tenant: &Tenant) -> Value {
    json!({ "name": tenant.name, "created": tenant.created.to_string() })
}
