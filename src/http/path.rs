//! Path segments, percent-decoded once.

use actix_web::HttpRequest;
use percent_encoding::percent_decode_str;

use crate::domain::error::{Fault, Kind};

/// The segment that the route calls `name`. The router leaves `%2F`, `%25` and `%2B` encoded, so that an id may hold them.
///
/// # Errors
/// [`Kind::NotFound`] when it is not UTF-8: no object has such an id; [`Kind::InvalidValue`] when it holds U+0000.
pub fn segment(req: &HttpRequest, name: &str) -> Result<String, Fault> {
    let raw = req.match_info().get(name).unwrap_or_default();
    let text = percent_decode_str(raw).decode_utf8().map_err(|_| Fault::of(Kind::NotFound))?;
    if text.contains('\0') {
        return Err(Fault::new(Kind::InvalidValue, "U+0000 is not allowed in an address"));
    }
    Ok(text.into_owned())
}
