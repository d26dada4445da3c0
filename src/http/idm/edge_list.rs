//! A query of a relationship: its order, its pages and their cookies (spec/idm.md §2.3).

use actix_web::{HttpResponse, web};
use serde_json::{Map, Value};

use super::envelope::{Batches, Envelope};
use super::query::Parameters;
use super::{Result, cookie, render};
use crate::domain::actor::Actor;
use crate::domain::cursor;
use crate::domain::edge_filter::{EdgeFilter, Part};
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::schema::Relationship;
use crate::http::state::State;
use crate::service::edge_query::{EdgeQuery, Mark, SortBy, SortKey, Start};
use crate::service::relationships::Property;
use crate::service::search::Most;

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
    let name = cursor::query(&[
        Some("idm edges"),
        Some(&property.kind.name),
        Some(&property.wire_id),
        Some(&property.name),
        wish.filter.as_deref(),
        wish.query_id.as_deref(),
        wish.sort.as_deref(),
    ]);
    let start = match &wish.cookie {
        Some(cookie) => Start::After(cookie::take(&state, actor, &name, cookie)?),
        None => Start::Offset(wish.offset.unwrap_or(0)),
    };
    // A filter without an index reads every target, as IDM does; batches keep it from taking more than its share of memory.
    let most = Most { scan: usize::MAX, ..state.limits.lists };
    let sorted = !sort.is_empty();
    let query = EdgeQuery { property, filter: Some(filter), sort, keys_descending, start, count: 0, total: wish.total, most };
    let fields = wish.fields.clone();
    let list = Edges { state, actor: actor.clone(), relationship, fields, query, name, last: None, total: None };
    Envelope::new(list, wish, sorted).answer().await
}

/// A query under way.
struct Edges {
    state: web::Data<State>,
    actor: Actor,
    relationship: Relationship,
    fields: Option<String>,
    query: EdgeQuery,
    // Names the query in cookies.
    name: String,
    last: Option<Mark>,
    total: Option<usize>,
}

impl Batches for Edges {
    async fn batch(&mut self, count: usize) -> Result<Vec<Map<String, Value>>> {
        self.query.count = count;
        if let Some(last) = self.last.take() {
            self.query.start = Start::After(last);
        }
        let page = self.state.service.edges(&self.actor, self.query.clone()).await?;
        if self.query.total {
            self.total = page.total;
            self.query.total = false;
        }
        self.last = page.next;
        render::edges(&self.state, &self.actor, &self.relationship, self.fields.as_deref(), page.linked).await
    }

    fn goes_on(&self) -> bool {
        self.last.is_some()
    }

    fn cookie(&self, page: usize) -> Result<String> {
        cookie::give(&self.state, &self.actor, &self.name, page, &self.last)
    }

    fn total(&self) -> Option<usize> {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
