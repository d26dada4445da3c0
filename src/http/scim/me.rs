//! `/Me` (RFC 7644 §3.11). A token stands for a source, which is no resource, so there is nothing that `/Me` could be an
//! alias of.

use actix_web::HttpResponse;

use super::Result;
use crate::domain::error::{Fault, Kind};
use crate::http::caller::{Caller, ScimRead, ScimWrite};

/// `GET /Me`.
pub async fn read(_: Caller<ScimRead>) -> Result<HttpResponse> {
    Err(nobody().into())
}

/// `POST`, `PUT`, `PATCH` and `DELETE /Me`.
pub async fn write(_: Caller<ScimWrite>) -> Result<HttpResponse> {
    Err(nobody().into())
}

/// Why there is nothing at `/Me`.
pub fn nobody() -> Fault {
    Fault::new(Kind::NotImplemented, "a token stands for a source, not for a resource that /Me could mean")
}
