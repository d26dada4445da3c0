//! Tokens for service accounts: the token endpoint, introspection and revocation, and what tells about them.

mod form;
pub mod metadata;
pub mod token;
pub mod tokens;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, PRAGMA};
use serde_json::Value;

use super::failure::{Failure, OAuth};

/// A handler's outcome.
pub type Result<T> = std::result::Result<T, Failure<OAuth>>;

/// An answer that nobody keeps.
fn unkept(body: &Value) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).insert_header((PRAGMA, "no-cache")).json(body)
}
