//! SCIM 2.0 over HTTP (RFC 7644): the codec between requests and use-cases.

pub mod answer;
pub mod discovery;
pub mod query;
pub mod resources;
pub mod search;

use std::sync::Arc;

use actix_web::{HttpRequest, web};

use super::failure::{Failure, Scim};
use super::path::segment;
use super::state::State;
use crate::domain::error::{Fault, Kind};
use crate::domain::schema::ObjectType;

/// A handler's outcome.
pub type Result<T> = std::result::Result<T, Failure<Scim>>;

/// The object type that the endpoint in the path names.
fn kind(state: &web::Data<State>, req: &HttpRequest) -> Result<Arc<ObjectType>> {
    let endpoint = segment(req, "endpoint")?;
    let found = state.service.registry().by_endpoint(&endpoint).cloned();
    Ok(found.ok_or_else(|| Fault::new(Kind::NotFound, "no such endpoint"))?)
}

/// For addresses that nothing answers at.
pub async fn unknown() -> Result<actix_web::HttpResponse> {
    Err(Fault::new(Kind::NotFound, "no such address").into())
}

/// The number in an entity tag `W/"n"`.
fn revision(tag: &str) -> Option<i64> {
    tag.parse().ok()
}
