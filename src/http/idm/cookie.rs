//! `_pagedResultsCookie`: where a page ends, sealed for the token and the query that it was given to, for a limited time.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Result;
use super::query::foreign_cookie;
use crate::domain::actor::Actor;
use crate::domain::cursor::Cursor;
use crate::domain::error::{Fault, Kind};
use crate::http::state::State;
use crate::runtime::random;

/// The cookie of the page after `place` in the query of this name.
///
/// # Errors
/// [`Kind::Internal`] when there is no randomness to seal it with.
pub fn give<P: Serialize>(state: &State, actor: &Actor, query: &str, page: usize, place: P) -> Result<String> {
    let issued = state.service.clock().now().micros();
    let cursor = Cursor { query: query.to_owned(), count: page, issued, back: false, place };
    let sealed = random::bytes().ok().and_then(|nonce| state.cursors.give(actor, nonce, &cursor).ok());
    Ok(sealed.ok_or_else(|| Fault::of(Kind::Internal))?)
}

/// The place that a cookie names, to its holder and for the query that it was given for.
///
/// # Errors
/// [`Kind::InvalidValue`] for any other, and for one that has expired.
pub fn take<P: DeserializeOwned>(state: &State, actor: &Actor, query: &str, cookie: &str) -> Result<P> {
    let taken = state.cursors.take(actor, cookie, query, None, state.service.clock().now());
    let cursor: Cursor<P> = taken.map_err(|fault| match fault.kind {
        Kind::ExpiredCursor => Fault::new(Kind::InvalidValue, "_pagedResultsCookie has expired; begin again without it"),
        _ => foreign_cookie(),
    })?;
    Ok(cursor.place)
}
