//! Cursors of lists (RFC 9865): where a page ends, sealed so that a client can neither read nor make one.
//!
//! A cursor is of use to the token that it was given to, for the query that it was given for, and for a limited time. It
//! confers nothing: each page is authorised anew.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::actor::Actor;
use super::error::{Fault, Kind};
use super::key::Key;
use super::normal;
use super::secret::{MasterKey, SecretError};
use super::time::Timestamp;

/// Where an object stands in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its type.
    #[serde(rename = "t")]
    pub kind: String,
    /// What it is sorted by (`domain::sort`), if the list is sorted and it has a value.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Its key.
    #[serde(rename = "k")]
    pub key: Key,
}

/// What a cursor says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor<P = Place> {
    /// The query ([`query`]).
    #[serde(rename = "q")]
    pub query: String,
    /// Resources on a page.
    #[serde(rename = "n")]
    pub count: usize,
    /// Microseconds since the epoch at which it was given.
    #[serde(rename = "i")]
    pub issued: i64,
    /// Whether the page ends before the place; otherwise it begins after it.
    #[serde(rename = "b", default)]
    pub back: bool,
    /// The place.
    #[serde(rename = "p")]
    pub place: P,
}

/// What names a query among others: a hash of its parts.
pub fn query(parts: &[Option<&str>]) -> String {
    let hash = normal::hash(&Value::from_iter(parts.iter().copied()).to_string());
    hash[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Gives cursors and takes them back.
#[derive(Debug, Clone)]
pub struct Cursors {
    key: MasterKey,
    micros: i64,
}

impl Cursors {
    /// Cursors sealed by `key`, of use for so many microseconds.
    pub const fn new(key: MasterKey, micros: i64) -> Self {
        Self { key, micros }
    }

    /// The text of a cursor, of RFC 3986 unreserved characters alone. `nonce` must be fresh random bytes.
    ///
    /// # Errors
    /// When the cipher refuses.
    pub fn give<P: Serialize>(&self, actor: &Actor, nonce: [u8; 12], cursor: &Cursor<P>) -> Result<String, SecretError> {
        let plain = serde_json::to_vec(cursor).map_err(|_| SecretError::SealedForm)?;
        self.key.seal(nonce, &holder(actor), &plain)
    }

    /// What a cursor's text says, to its holder, for the query and the count that it was given for.
    ///
    /// # Errors
    /// [`Kind::InvalidCursor`] when it was changed, given to another token or for another query; [`Kind::ExpiredCursor`];
    /// [`Kind::InvalidCount`] when another `count` is asked for.
    pub fn take<P: DeserializeOwned>(
        &self,
        actor: &Actor,
        text: &str,
        query: &str,
        count: Option<usize>,
        now: Timestamp,
    ) -> Result<Cursor<P>, Fault> {
        let opened = self.key.open(&holder(actor), text).ok().and_then(|plain| serde_json::from_slice::<Cursor<P>>(&plain).ok());
        let known = opened.filter(|cursor| cursor.query == query).ok_or_else(foreign)?;
        if now.micros().saturating_sub(known.issued) > self.micros {
            return Err(Fault::of(Kind::ExpiredCursor));
        }
        if count.is_some_and(|count| count != known.count) {
            let text = format!("'count' must stay {} with this cursor, or be left out", known.count);
            return Err(Fault::new(Kind::InvalidCount, text));
        }
        Ok(known)
    }
}

/// The fault of a cursor that is of no use here.
pub fn foreign() -> Fault {
    Fault::of(Kind::InvalidCursor)
}

fn holder(actor: &Actor) -> String {
    let who = actor.token.map_or_else(|| actor.name.to_string(), |id| id.to_string());
    format!("cursor:{}:{who}", actor.tenant.0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::domain::dialect::Dialect;
    use crate::domain::key::TenantId;
    use crate::domain::profile::Profile;
    use crate::domain::schema::Registry;
    use crate::domain::scope::Scopes;

    fn actor(tenant: i32, token: u128) -> Actor {
        Actor {
            tenant: TenantId(tenant),
            name: Arc::from("hr sync"),
            token: Some(Key::new(Uuid::from_u128(token))),
            types: Arc::new(Registry::shipped().unwrap()),
            source: Arc::from("hr"),
            profile: Profile::GENERIC,
            scopes: Scopes::parse("scim.read").unwrap(),
            dialect: Dialect::Scim,
            request_id: Arc::from(""),
            rehearsal: None,
        }
    }

    fn cursor(query: &str) -> Cursor {
        let place = Place { kind: "user".to_owned(), value: Some("é\"".to_owned()), key: Key::new(Uuid::from_u128(9)) };
        Cursor { query: query.to_owned(), count: 10, issued: 1_000, back: false, place }
    }

    #[test]
    fn a_cursor_is_of_use_to_its_holder_for_its_query_and_its_time() {
        let cursors = Cursors::new(MasterKey::from_bytes([3; 32]), 500);
        let (me, query) = (actor(1, 1), query(&[Some("user"), None, Some("a")]));
        let text = cursors.give(&me, [1; 12], &cursor(&query)).unwrap();
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)), "{text}");
        let take = |actor: &Actor, text: &str, query: &str, count, now| {
            cursors.take::<Place>(actor, text, query, count, Timestamp::from_micros(now)).map_err(|fault| fault.kind)
        };
        for count in [None, Some(10)] {
            assert_eq!(take(&me, &text, &query, count, 1_500), Ok(cursor(&query)));
        }
        assert_eq!(take(&me, &text, &query, None, 0), Ok(cursor(&query)), "a clock that was turned back");
        assert_eq!(take(&me, &text, &query, None, 1_501), Err(Kind::ExpiredCursor));
        assert_eq!(take(&me, &text, &query, Some(11), 1_000), Err(Kind::InvalidCount));
        for other in [actor(2, 1), actor(1, 2)] {
            assert_eq!(take(&other, &text, &query, None, 1_000), Err(Kind::InvalidCursor));
        }
        assert_eq!(take(&me, &text, "other", None, 1_000), Err(Kind::InvalidCursor));
        for damaged in ["", "x", "v1.", &text[1..], &text[..text.len() - 1], &format!("{text}A")] {
            assert_eq!(take(&me, damaged, &query, None, 1_000), Err(Kind::InvalidCursor), "{damaged}");
        }
        let other_key = Cursors::new(MasterKey::from_bytes([4; 32]), 500).give(&me, [1; 12], &cursor(&query)).unwrap();
        assert_eq!(take(&me, &other_key, &query, None, 1_000), Err(Kind::InvalidCursor));
    }

    #[test]
    fn queries_have_names_of_their_own() {
        let names = [query(&[]), query(&[None]), query(&[Some("")]), query(&[Some("a"), None]), query(&[None, Some("a")])];
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
    }
}
