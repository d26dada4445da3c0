//! SCIM 2.0 over HTTP (RFC 7644): the codec between requests and use-cases.

pub mod answer;
pub mod bulk;
pub mod command;
pub mod crowd;
pub mod discovery;
pub mod me;
pub mod query;
pub mod reply;
pub mod resources;
pub mod search;

use std::sync::Arc;

use actix_web::HttpRequest;

use super::failure::{Failure, Scim};
use super::path::segment;
use crate::domain::actor::Actor;
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::schema::ObjectType;

/// A handler's outcome.
pub type Result<T> = std::result::Result<T, Failure<Scim>>;

/// The object type that the endpoint in the path names.
fn kind(caller: &Actor, req: &HttpRequest) -> Result<Arc<ObjectType>> {
    Ok(kind_at(caller, &segment(req, "endpoint")?)?)
}

/// The object type of an endpoint.
fn kind_at(caller: &Actor, endpoint: &str) -> std::result::Result<Arc<ObjectType>, Fault> {
    let found = caller.types.by_endpoint(endpoint).cloned();
    found.ok_or_else(|| Fault::new(Kind::NotFound, "no such endpoint"))
}

/// For addresses that nothing answers at.
pub async fn unknown() -> Result<actix_web::HttpResponse> {
    Err(Fault::new(Kind::NotFound, "no such address").into())
}

/// For versions of the protocol beside `/v2` (RFC 7644 §3.13).
pub async fn other_version(req: HttpRequest) -> Result<actix_web::HttpResponse> {
    let version = req.path().split('/').nth(2).unwrap_or_default();
    let number = version.strip_prefix(['v', 'V']).is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit()));
    if number {
        let text = format!("version '{}' is not spoken here; use /scim/v2", excerpt(version));
        return Err(Fault::new(Kind::InvalidVersion, text).into());
    }
    unknown().await
}

/// The number in an entity tag `W/"n"`.
fn revision(tag: &str) -> Option<i64> {
    tag.parse().ok()
}
