//! The admin API (spec/admin.md).

pub mod attempts;
pub mod changes;
pub mod findings;
pub mod inbound;
pub mod issuers;
pub mod jobs;
pub mod links;
pub mod profiles;
pub mod signing_keys;
pub mod targets;
pub mod tenants;
pub mod tokens;
pub mod types;

use actix_web::HttpResponse;

use super::failure::{Admin, Failure};
use crate::domain::error::{Fault, Kind};

/// A handler's outcome.
pub type Result<T> = std::result::Result<T, Failure<Admin>>;

/// For addresses that nothing answers at.
pub async fn unknown() -> Result<HttpResponse> {
    Err(Fault::new(Kind::NotFound, "no such address").into())
}
