//! Query strings, read in one way for every dialect.

use actix_web::{HttpRequest, web};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use crate::domain::error::{Fault, Kind};

/// The query string as a `T`; as a list of pairs it is what was written, in its order.
///
/// # Errors
/// [`Kind::InvalidValue`] when it is not UTF-8, holds U+0000, which no store takes, or is no `T`.
pub fn read<T: DeserializeOwned>(req: &HttpRequest) -> Result<T, Fault> {
    let wrong = |text: String| Fault::new(Kind::InvalidValue, text);
    let text = req.query_string();
    // The decoder would put a replacement character and go on: another filter than was meant.
    let plain = percent_decode_str(text).decode_utf8();
    let plain = plain.map_err(|_| wrong("the query string is not form-encoded UTF-8".to_owned()))?;
    if plain.contains('\0') {
        return Err(wrong("U+0000 is not allowed in a query".to_owned()));
    }
    web::Query::from_query(text).map(web::Query::into_inner).map_err(|e| wrong(e.to_string()))
}
