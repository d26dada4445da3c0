//! `GET managed/{type}`: a query (spec/idm.md §1.4, §1.5). What is asked for is read in batches, and a list that is longer than
//! one is sent while it is read: however long it is, one batch of it is in memory.
//!
//! What is wrong with a query is found with its first batch, before anything is sent. Should a later one fail, the envelope
//! ends with `error` (spec/idm.md §1.2).

use std::convert::Infallible;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::query::{Parameters, Policy, foreign_cookie};
use super::{Result, descriptor, json as answer, kind, render};
use crate::domain::actor::Actor;
use crate::domain::cursor::{self, Cursor, Place};
use crate::domain::error::{Fault, Kind};
use crate::domain::filter::Filter;
use crate::domain::schema::ObjectType;
use crate::domain::sort::Sort;
use crate::http::caller::{Caller, IdmRead};
use crate::http::failure::Failure;
use crate::http::state::State;
use crate::runtime::random;
use crate::service;
use crate::service::load::{Needs, parsed};
use crate::service::search::{Most, Order, Part, Search, Start};

/// Objects in a batch in the order of creation, where the next one goes on at no cost, and of a list that may have to be sorted
/// anew for each.
const BATCH: usize = 500;
const SORTED_BATCH: usize = 5_000;

/// `GET managed/{type}`.
pub async fn query(state: web::Data<State>, req: HttpRequest, caller: Caller<IdmRead>) -> Result<HttpResponse> {
    let kind = kind(&caller, &req)?;
    let wish = Parameters::read(&req)?;
    if let Some(form) = wish.describe {
        return Ok(descriptor::answer(form, &kind, &state.public_url));
    }
    Listing::new(state, &caller, kind, &wish)?.answer().await
}

/// What a filter makes of a type's objects, and what it reads.
pub fn part(kind: &Arc<ObjectType>, filter: Option<Filter>, sort: Option<Sort>, needs: Needs) -> Part {
    let mut reads = filter.as_ref().map(Filter::attributes).unwrap_or_default();
    reads.extend(sort.iter().flat_map(Sort::paths));
    let reads = Needs::scim(kind, |name| reads.iter().any(|path| kind.attribute(*path).relationship.as_deref() == Some(name)));
    Part { kind: kind.clone(), filter, sort, needs, reads }
}

/// A query under way.
struct Listing {
    state: web::Data<State>,
    actor: Actor,
    fields: Fields,
    search: Search,
    // Names the query in cookies.
    name: String,
    // Objects on a page, and how many are still to come.
    page: usize,
    left: usize,
    batch: usize,
    policy: Policy,
    pretty: bool,
    sent: usize,
    total: Option<usize>,
}

/// Some objects of it, and what follows.
struct Batch {
    rows: Vec<Map<String, Value>>,
    next: Next,
}

enum Next {
    /// More of them.
    More,
    /// The end of the page, with the cookie of the next one.
    End(Option<String>),
}

impl Listing {
    fn new(state: web::Data<State>, caller: &Caller<IdmRead>, kind: Arc<ObjectType>, wish: &Parameters) -> Result<Self> {
        let filter = wish.question(&kind, state.limits.filter)?;
        let sort = wish.sort.as_deref().map(|keys| Sort::idm(&kind, keys)).transpose()?;
        let fields = Fields::parse(&kind, if wish.ids_only() { Some("_id") } else { wish.fields.as_deref() });
        let (order, batch) = match &sort {
            None => (Order::Creation, BATCH),
            Some((_, descending)) => (Order::Sorted { descending: *descending }, SORTED_BATCH),
        };
        let name = cursor::query(&[
            Some("idm"),
            Some(&kind.name),
            wish.filter.as_deref(),
            wish.query_id.as_deref(),
            wish.sort.as_deref(),
        ]);
        let start = match &wish.cookie {
            Some(cookie) => Start::After(place(&state, caller, cookie, &name)?),
            None => Start::Offset(wish.offset.unwrap_or(0)),
        };
        let page = if wish.count_only { 0 } else { wish.page_size.unwrap_or(usize::MAX) };
        let search = Search {
            parts: vec![part(&kind, filter, sort.map(|(sort, _)| sort), render::needs(&kind, &fields))],
            order,
            start,
            count: 0,
            total: wish.total,
            // An unindexed filter reads everything, as IDM does; batches keep it from taking more than its share of memory.
            most: Most { scan: usize::MAX, ..state.limits.lists },
            base: String::new(),
        };
        let policy = if wish.count_only { Policy::Exact } else { wish.policy };
        let actor = Actor::clone(caller);
        let pretty = wish.pretty;
        Ok(Self { state, actor, fields, search, name, page, left: page, batch, policy, pretty, sent: 0, total: None })
    }

    async fn answer(mut self) -> Result<HttpResponse> {
        let Batch { rows, next } = self.batch().await?;
        if let Next::End(cookie) = next {
            let mut envelope = self.tail(cookie.as_deref());
            envelope.insert("result".to_owned(), rows.into_iter().map(Value::Object).collect());
            return Ok(answer(StatusCode::OK, &Value::Object(envelope)));
        }
        let first = Bytes::from(format!("{{\"result\":[{}", self.text(&rows)));
        let feed = stream::unfold(Some((Some(first), self)), |feed| async move {
            let (first, mut listing) = feed?;
            if let Some(first) = first {
                return Some((Ok::<_, Infallible>(first), Some((None, listing))));
            }
            let (text, over) = listing.more().await;
            Some((Ok(Bytes::from(text)), (!over).then_some((None, listing))))
        });
        Ok(HttpResponse::Ok().content_type("application/json").streaming(feed))
    }

    // The text after what was sent, and whether it is the end.
    async fn more(&mut self) -> (String, bool) {
        let (rows, end) = match self.batch().await {
            Ok(Batch { rows, next: Next::More }) => (rows, None),
            Ok(Batch { rows, next: Next::End(cookie) }) => {
                let tail = self.tail(cookie.as_deref());
                (rows, Some(tail))
            }
            Err(failure) => {
                let mut tail = self.tail(None);
                tail.insert("error".to_owned(), failure.body());
                (Vec::new(), Some(tail))
            }
        };
        let mut text = String::new();
        if !rows.is_empty() {
            text.push(',');
            text.push_str(&self.text(&rows));
        }
        let over = end.is_some();
        if let Some(tail) = end {
            // The members of the envelope, without the brace that is already there.
            text.push_str("],");
            text.push_str(&Value::Object(tail).to_string()[1..]);
        }
        (text, over)
    }

    fn text(&self, rows: &[Map<String, Value>]) -> String {
        let mut text = String::new();
        for row in rows {
            if !text.is_empty() {
                text.push(',');
            }
            let row = json!(row);
            text.push_str(&if self.pretty { format!("\n{row:#}") } else { row.to_string() });
        }
        text
    }

    async fn batch(&mut self) -> Result<Batch> {
        self.search.count = self.left.min(self.batch);
        let found = self.state.service.search(&self.actor, self.search.clone()).await?;
        if self.search.total {
            self.total = found.total;
            self.search.total = false;
        }
        let resources = found.resources.into_iter().map(parsed).collect::<service::Result<Vec<_>>>()?;
        let rows = render::objects(&self.state, &self.actor, &self.fields, &resources).await?;
        self.left -= rows.len().min(self.left);
        self.sent += rows.len();
        let last = found.ends.map(|(_, last)| last).filter(|_| found.more);
        let next = match last {
            Some(last) if self.left > 0 => {
                self.search.start = Start::After(last);
                Next::More
            }
            Some(last) => Next::End(Some(self.cookie(last)?)),
            None => Next::End(None),
        };
        Ok(Batch { rows, next })
    }

    fn cookie(&self, place: Place) -> Result<String> {
        let issued = self.state.service.clock().now().micros();
        let cursor = Cursor { query: self.name.clone(), count: self.page, issued, back: false, place };
        let sealed = random::bytes().ok().and_then(|nonce| self.state.cursors.give(&self.actor, nonce, &cursor).ok());
        Ok(sealed.ok_or_else(|| Fault::of(Kind::Internal))?)
    }

    // The envelope without its rows.
    fn tail(&self, cookie: Option<&str>) -> Map<String, Value> {
        let mut out = Map::new();
        out.insert("resultCount".to_owned(), self.sent.into());
        out.insert("pagedResultsCookie".to_owned(), cookie.into());
        out.insert("totalPagedResultsPolicy".to_owned(), self.policy.name().into());
        out.insert("totalPagedResults".to_owned(), self.total.map_or_else(|| json!(-1), |total| json!(total)));
        out.insert("remainingPagedResults".to_owned(), json!(-1));
        out
    }
}

fn place(state: &State, actor: &Actor, cookie: &str, name: &str) -> Result<Place> {
    let taken = state.cursors.take(actor, cookie, name, None, state.service.clock().now());
    let cursor = taken.map_err(|fault| match fault.kind {
        Kind::ExpiredCursor => Fault::new(Kind::InvalidValue, "_pagedResultsCookie has expired; begin again without it"),
        _ => foreign_cookie(),
    });
    Ok(cursor.map_err(Failure::new)?.place)
}
