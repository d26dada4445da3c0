//! `/ServiceProviderConfig`, `/ResourceTypes`, `/Schemas` (RFC 7644 §4).

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

use super::{Result, answer};
use crate::domain::discovery;
use crate::domain::error::{Fault, Kind};
use crate::http::caller::{Caller, ScimRead};
use crate::http::path::segment;
use crate::http::state::State;

/// `GET /ServiceProviderConfig`.
pub async fn provider(state: web::Data<State>, _: Caller<ScimRead>) -> Result<HttpResponse> {
    let limits = &state.limits;
    let bulk = discovery::Bulk { max_operations: limits.bulk_operations, max_payload_size: limits.bulk_body };
    let pagination = discovery::Pagination {
        default_page_size: limits.default_page,
        max_page_size: limits.max_page,
        cursor_timeout: limits.cursor_timeout.as_secs(),
    };
    let offer = discovery::Offer { max_results: limits.max_page, sort: true, bulk: Some(bulk), pagination: Some(pagination) };
    Ok(answer::json(StatusCode::OK, &discovery::service_provider_config(&offer, &state.scim_base())))
}

/// `GET /ResourceTypes`.
pub async fn resource_types(state: web::Data<State>, req: HttpRequest, caller: Caller<ScimRead>) -> Result<HttpResponse> {
    refuse_filter(&req)?;
    Ok(answer::json(StatusCode::OK, &discovery::resource_types(&caller.types, &state.scim_base())))
}

/// `GET /ResourceTypes/{name}`.
pub async fn resource_type(state: web::Data<State>, req: HttpRequest, caller: Caller<ScimRead>) -> Result<HttpResponse> {
    one(discovery::resource_type(&caller.types, &segment(&req, "name")?, &state.scim_base()))
}

/// `GET /Schemas`.
pub async fn schemas(state: web::Data<State>, req: HttpRequest, caller: Caller<ScimRead>) -> Result<HttpResponse> {
    refuse_filter(&req)?;
    Ok(answer::json(StatusCode::OK, &discovery::schemas(&caller.types, &state.scim_base())))
}

/// `GET /Schemas/{urn}`.
pub async fn schema(state: web::Data<State>, req: HttpRequest, caller: Caller<ScimRead>) -> Result<HttpResponse> {
    one(discovery::schema(&caller.types, &segment(&req, "name")?, &state.scim_base()))
}

// RFC 7644 §4.
fn refuse_filter(req: &HttpRequest) -> Result<()> {
    match super::query::Parameters::from_query(req)?.filter {
        Some(_) => Err(Fault::new(Kind::Forbidden, "discovery takes no filter").into()),
        None => Ok(()),
    }
}

fn one(found: Option<Value>) -> Result<HttpResponse> {
    let found = found.ok_or_else(|| Fault::of(Kind::NotFound))?;
    Ok(answer::json(StatusCode::OK, &found))
}
