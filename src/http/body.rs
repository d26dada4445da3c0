//! Request bodies: limited, of a known media type, parsed once.

use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::{HttpRequest, web};
use futures_util::StreamExt;
use serde_json::Value;

use super::state::Limits;
use crate::domain::document::json;
use crate::domain::error::{Fault, Kind, excerpt};

/// Reads a JSON body.
///
/// # Errors
/// [`Kind::TooLarge`] beyond the limit, before parsing; [`Kind::UnsupportedMediaType`]; [`Kind::InvalidSyntax`].
pub async fn json(req: &HttpRequest, payload: web::Payload, limits: Limits) -> Result<Value, Fault> {
    let body = optional(req, payload, limits).await?;
    body.ok_or_else(empty)
}

/// Reads a JSON body that may be left out.
///
/// # Errors
/// As [`json`], but for an empty body.
pub async fn optional(req: &HttpRequest, payload: web::Payload, limits: Limits) -> Result<Option<Value>, Fault> {
    let too_large = || Fault::new(Kind::TooLarge, format!("the body is larger than {} bytes", limits.body));
    parsed(req, payload, limits.body, limits.json, too_large).await
}

/// As [`json`], with limits of its own and a fault that names them.
///
/// # Errors
/// As [`json`].
pub async fn json_within(
    req: &HttpRequest,
    payload: web::Payload,
    limit: usize,
    shape: json::Limits,
    too_large: impl Fn() -> Fault,
) -> Result<Value, Fault> {
    parsed(req, payload, limit, shape, too_large).await?.ok_or_else(empty)
}

fn empty() -> Fault {
    Fault::new(Kind::InvalidSyntax, "the body is empty; it must be JSON")
}

async fn parsed(
    req: &HttpRequest,
    payload: web::Payload,
    limit: usize,
    shape: json::Limits,
    too_large: impl Fn() -> Fault,
) -> Result<Option<Value>, Fault> {
    check_media_type(req)?;
    let bytes = read(req, payload, limit, too_large).await?;
    if bytes.is_empty() { Ok(None) } else { json::parse(&bytes, shape).map(Some) }
}

/// Reads a body of any form.
///
/// # Errors
/// `too_large` beyond the limit; [`Kind::InvalidSyntax`] when it breaks off.
pub(super) async fn read(
    req: &HttpRequest,
    mut payload: web::Payload,
    limit: usize,
    too_large: impl Fn() -> Fault,
) -> Result<web::BytesMut, Fault> {
    let announced = req.headers().get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut bytes = web::BytesMut::with_capacity(announced.unwrap_or(1024).min(limit));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Fault::new(Kind::InvalidSyntax, "the body could not be read to its end"))?;
        if bytes.len() + chunk.len() > limit {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

// A missing type is taken as JSON; a charset parameter is tolerated (spec/scim.md §2.1).
fn check_media_type(req: &HttpRequest) -> Result<(), Fault> {
    let Some(given) = req.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()) else { return Ok(()) };
    let essence = given.split(';').next().unwrap_or_default().trim();
    let known = ["application/scim+json", "application/json", "*/*"].iter().any(|t| essence.eq_ignore_ascii_case(t));
    if known || essence.is_empty() {
        return Ok(());
    }
    let text = format!("'{}' is not read here; send application/scim+json or application/json", excerpt(essence));
    Err(Fault::new(Kind::UnsupportedMediaType, text))
}
