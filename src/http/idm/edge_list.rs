//! A query of a relationship: its order, its pages and their cookies (spec/idm.md §2.3).
//!
//! What is asked for is read in batches, and a list that is longer than one is sent while it is read. What is wrong with a
//! query is found with its first batch; should a later one fail, the envelope ends with `error` (spec/idm.md §1.2).

use std::convert::Infallible;

use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use futures_util::stream;
use serde_json::Value;

use super::query::{Parameters, foreign_cookie};
use super::relationships::{element, envelope};
use super::{Result, json as whole};
use crate::domain::actor::Actor;
use crate::domain::edge::is_variant;
use crate::domain::edge_filter::{EdgeFilter, Part};
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::schema::Relationship;
use crate::http::state::State;
use crate::service::edge_query::{EdgeQuery, Mark, SortBy, SortKey, Start};
use crate::service::relationships::Property;
use crate::service::search::Most;

/// Edges in a batch: where the next one goes on at no cost, and where it may have to be sorted anew.
const BATCH: usize = 500;
const SORTED_BATCH: usize = 5_000;

/// Most keys of one `_sortKeys`.
const MOST_KEYS: usize = 8;

/// Reads `_sortKeys`: properties of the target and parts of the reference, and at the end `_id`, the order in which the
/// targets were made. Answers the keys, and whether that order is reversed.
///
/// # Errors
/// [`Kind::InvalidValue`] naming the rule.
pub fn sort_keys(text: Option<&str>) -> std::result::Result<(Vec<SortKey>, bool), Fault> {
    let wrong = |rule: String| Fault::new(Kind::InvalidValue, format!("_sortKeys: {rule}"));
    let (mut keys, mut ids) = (Vec::new(), None);
    for given in text.unwrap_or_default().split(',').map(str::trim).filter(|key| !key.is_empty()) {
        if ids.is_some() {
            return Err(wrong("nothing can follow '_id', which is unique".to_owned()));
        }
        let descending = given.starts_with('-');
        // A plus in a query string is a space.
        let name = given.trim_start_matches(['-', '+']).trim().trim_start_matches('/');
        match (name, Part::parse(name)) {
            ("_id", _) => ids = Some(descending),
            ("", _) => return Err(wrong(format!("'{}' names nothing", excerpt(given)))),
            (_, Some(part)) => keys.push(SortKey { by: SortBy::Part(part), descending }),
            (name, None) => keys.push(SortKey { by: SortBy::Property(name.to_owned()), descending }),
        }
    }
    if keys.len() > MOST_KEYS {
        return Err(wrong(format!("at most {MOST_KEYS} keys")));
    }
    // The exact reverse is what an index can be read in.
    let reversed = matches!(&keys[..], [key] if key.descending);
    Ok((keys, ids.unwrap_or(reversed)))
}

/// The cookie of the page after a place.
pub fn cookie(mark: &Mark) -> String {
    let text = serde_json::json!(mark).to_string();
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

/// The place that a cookie names, in an order by so many keys.
///
/// # Errors
/// [`Kind::InvalidValue`] for what this server did not give.
pub fn mark(cookie: &str, keys: usize) -> std::result::Result<Mark, Fault> {
    let text = BASE64_URL_SAFE_NO_PAD.decode(cookie).ok();
    let read: Option<Mark> = text.and_then(|text| serde_json::from_slice(&text).ok());
    let whole = |mark: &Mark| {
        let plain = mark.values.iter().flatten().all(|value| !value.contains('\0'));
        mark.values.len() == keys && is_variant(&mark.variant) && plain
    };
    read.filter(whole).ok_or_else(foreign_cookie)
}

/// The answer to a query of a relationship.
///
/// # Errors
/// Those of the query's parts and of its first batch.
pub async fn answer(
    state: web::Data<State>,
    actor: &Actor,
    property: Property,
    relationship: Relationship,
    filter: EdgeFilter,
    wish: &Parameters,
) -> Result<HttpResponse> {
    let (sort, keys_descending) = sort_keys(wish.sort.as_deref())?;
    let start = match &wish.cookie {
        Some(cookie) => Start::After(mark(cookie, sort.len())?),
        None => Start::Offset(wish.offset.unwrap_or(0)),
    };
    let batch = if sort.is_empty() { BATCH } else { SORTED_BATCH };
    let left = if wish.count_only { 0 } else { wish.page_size.unwrap_or(usize::MAX) };
    // A filter without an index reads every target, as IDM does; batches keep it from taking more than its share of memory.
    let most = Most { scan: usize::MAX, ..state.limits.lists };
    let query = EdgeQuery { property, filter: Some(filter), sort, keys_descending, start, count: 0, total: wish.total, most };
    let listing = Listing {
        state,
        actor: actor.clone(),
        relationship,
        fields: wish.fields.clone(),
        query,
        left,
        batch,
        sent: 0,
        total: None,
    };
    listing.answer().await
}

/// A query under way.
struct Listing {
    state: web::Data<State>,
    actor: Actor,
    relationship: Relationship,
    fields: Option<String>,
    query: EdgeQuery,
    // How many are still to come, and at a time.
    left: usize,
    batch: usize,
    sent: usize,
    total: Option<usize>,
}

/// Some of its rows, and whether it is over, with the cookie of the next page.
struct Rows {
    rows: Vec<Value>,
    end: Option<Option<String>>,
}

impl Listing {
    async fn answer(mut self) -> Result<HttpResponse> {
        let Rows { rows, end } = self.next().await?;
        if let Some(cookie) = end {
            return Ok(whole(StatusCode::OK, &envelope(rows, cookie, self.total)));
        }
        let first = Bytes::from(format!("{{\"result\":[{}", joined(&rows)));
        let feed = stream::unfold(Some((Some(first), self)), |feed| async move {
            let (first, mut listing) = feed?;
            if let Some(first) = first {
                return Some((Ok::<_, Infallible>(first), Some((None, listing))));
            }
            let (text, over) = listing.more().await;
            Some((Ok(Bytes::from(text)), (!over).then_some((None, listing))))
        });
        let mut answer = HttpResponse::Ok();
        Ok(answer.insert_header((CACHE_CONTROL, "no-cache")).content_type("application/json").streaming(feed))
    }

    // The text after what was sent, and whether it is the end.
    async fn more(&mut self) -> (String, bool) {
        let (rows, end) = match self.next().await {
            Ok(Rows { rows, end }) => (rows, end.map(|cookie| envelope(Vec::new(), cookie, self.total))),
            Err(failure) => {
                let mut tail = envelope(Vec::new(), None, self.total);
                tail["error"] = failure.body();
                (Vec::new(), Some(tail))
            }
        };
        let mut text = String::new();
        if !rows.is_empty() {
            text.push(',');
            text.push_str(&joined(&rows));
        }
        let over = end.is_some();
        if let Some(Value::Object(mut tail)) = end {
            tail.shift_remove("result");
            tail.insert("resultCount".to_owned(), self.sent.into());
            // The members of the envelope, without the brace that is already there.
            text.push_str("],");
            text.push_str(&Value::Object(tail).to_string()[1..]);
        }
        (text, over)
    }

    async fn next(&mut self) -> Result<Rows> {
        self.query.count = self.left.min(self.batch);
        let page = self.state.service.edges(&self.actor, self.query.clone()).await?;
        if self.query.total {
            self.total = page.total;
            self.query.total = false;
        }
        let fields = self.fields.as_deref();
        let rows: Vec<Value> =
            page.linked.iter().map(|linked| Value::Object(element(&self.relationship, linked, fields))).collect();
        self.left -= self.query.count;
        self.sent += rows.len();
        let end = match page.next {
            Some(mark) if self.left > 0 => {
                self.query.start = Start::After(mark);
                None
            }
            next => Some(next.as_ref().map(cookie)),
        };
        Ok(Rows { rows, end })
    }
}

fn joined(rows: &[Value]) -> String {
    rows.iter().map(Value::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::key::Key;

    #[test]
    fn keys_and_their_directions() {
        let property = |name: &str, descending| SortKey { by: SortBy::Property(name.to_owned()), descending };
        for (text, keys, reversed) in [
            ("", vec![], false),
            ("_id", vec![], false),
            ("-_id", vec![], true),
            ("sn", vec![property("sn", false)], false),
            ("-sn", vec![property("sn", true)], true),
            ("-sn,_id", vec![property("sn", true)], false),
            ("+sn, -/givenName,-_id", vec![property("sn", false), property("givenName", true)], true),
        ] {
            assert_eq!(sort_keys(Some(text)).unwrap(), (keys, reversed), "{text}");
        }
        let (keys, _) = sort_keys(Some("_refProperties/note")).unwrap();
        assert_eq!(keys, [SortKey { by: SortBy::Part(Part::Property(vec!["note".to_owned()])), descending: false }]);
        for bad in ["_id,sn", "-", "a,b,c,d,e,f,g,h,i"] {
            assert!(sort_keys(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_cookie_reads_back_for_the_same_order_only() {
        let given = Mark { values: vec![Some("ä".to_owned()), None], far: Key::new(Uuid::from_u128(3)), variant: String::new() };
        let text = cookie(&given);
        assert_eq!(mark(&text, 2).unwrap(), given);
        for (bad, keys) in [(text.as_str(), 1), ("", 0), ("x", 0), (&text[1..], 2)] {
            assert!(mark(bad, keys).is_err(), "{bad}");
        }
        let odd = Mark { variant: "other".to_owned(), ..given.clone() };
        let nul = Mark { values: vec![Some("\0".to_owned()), None], ..given };
        assert!(mark(&cookie(&odd), 2).is_err() && mark(&cookie(&nul), 2).is_err());
    }
}
