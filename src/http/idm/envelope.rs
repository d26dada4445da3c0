//! The envelope of a query (spec/idm.md §1.5). What is asked for is read in batches, and a list that is longer than one is sent
//! while it is read: however long it is, one batch of it is in memory.
//!
//! What is wrong with a query is found with its first batch, before anything is sent. Should a later one fail, the envelope
//! ends with `error` (spec/idm.md §1.2).

use std::convert::Infallible;
use std::future::Future;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Bytes;
use futures_util::stream;
use serde_json::{Map, Value, json};

use super::query::{Parameters, Policy};
use super::{Result, json as whole};

/// Objects in a batch in the order in which they were made, where the next one goes on at no cost, and of a list that may have to
/// be sorted anew for each.
const BATCH: usize = 500;
const SORTED_BATCH: usize = 5_000;

/// A list that is read in batches.
pub trait Batches: 'static {
    /// The next `count` of it.
    fn batch(&mut self, count: usize) -> impl Future<Output = Result<Vec<Map<String, Value>>>>;

    /// Whether something follows what was read.
    fn goes_on(&self) -> bool;

    /// The cookie of what follows, on pages of so many.
    ///
    /// # Errors
    /// When it cannot be sealed.
    fn cookie(&self, page: usize) -> Result<String>;

    /// How many there are in all, once that is known.
    fn total(&self) -> Option<usize>;
}

/// A query under way.
pub struct Envelope<B> {
    list: B,
    // Objects on a page, how many are still to come, and at a time.
    page: usize,
    left: usize,
    batch: usize,
    policy: Policy,
    pretty: bool,
    sent: usize,
}

/// Some of its rows; and of the last ones the cookie of the next page.
struct Rows {
    rows: Vec<Map<String, Value>>,
    end: Option<Option<String>>,
}

impl<B: Batches> Envelope<B> {
    /// The answer to a query of `list`.
    pub fn new(list: B, wish: &Parameters, sorted: bool) -> Self {
        let page = if wish.count_only { 0 } else { wish.page_size.unwrap_or(usize::MAX) };
        let batch = if sorted { SORTED_BATCH } else { BATCH };
        let policy = if wish.count_only { Policy::Exact } else { wish.policy };
        Self { list, page, left: page, batch, policy, pretty: wish.pretty, sent: 0 }
    }

    /// The answer: whole if it is short, else sent while it is read.
    ///
    /// # Errors
    /// Those of the first batch.
    pub async fn answer(mut self) -> Result<HttpResponse> {
        let Rows { rows, end } = self.next().await?;
        if let Some(cookie) = end {
            let mut envelope = self.tail(cookie.as_deref());
            envelope.insert("result".to_owned(), rows.into_iter().map(Value::Object).collect());
            return Ok(whole(StatusCode::OK, &Value::Object(envelope)));
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
        let mut answer = HttpResponse::Ok();
        Ok(answer.insert_header((CACHE_CONTROL, "no-cache")).content_type("application/json").streaming(feed))
    }

    // The text after what was sent, and whether it is the end.
    async fn more(&mut self) -> (String, bool) {
        let (rows, end) = match self.next().await {
            Ok(Rows { rows, end }) => (rows, end.map(|cookie| self.tail(cookie.as_deref()))),
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

    async fn next(&mut self) -> Result<Rows> {
        let rows = self.list.batch(self.left.min(self.batch)).await?;
        self.left -= rows.len().min(self.left);
        self.sent += rows.len();
        let end = match self.list.goes_on() {
            true if self.left > 0 => None,
            true => Some(Some(self.list.cookie(self.page)?)),
            false => Some(None),
        };
        Ok(Rows { rows, end })
    }

    // The envelope without its rows.
    fn tail(&self, cookie: Option<&str>) -> Map<String, Value> {
        let mut out = Map::new();
        out.insert("resultCount".to_owned(), self.sent.into());
        out.insert("pagedResultsCookie".to_owned(), cookie.into());
        out.insert("totalPagedResultsPolicy".to_owned(), self.policy.name().into());
        out.insert("totalPagedResults".to_owned(), self.list.total().map_or_else(|| json!(-1), |total| json!(total)));
        out.insert("remainingPagedResults".to_owned(), json!(-1));
        out
    }
}
