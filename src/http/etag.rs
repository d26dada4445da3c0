//! Preconditions: `If-Match` and `If-None-Match` (RFC 9110 §13, RFC 7644 §3.14).

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};

use crate::domain::relation::Precondition;

/// What a header lists.
#[derive(Debug, PartialEq, Eq)]
pub enum Tags {
    /// `*`.
    Any,
    /// Entity tags without weakness mark and quotes.
    Listed(Vec<String>),
}

fn tags(req: &HttpRequest, name: &HeaderName) -> Option<Tags> {
    // A list may be spread over several lines (RFC 9110 §5.3).
    let lines: Vec<&str> = req.headers().get_all(name).map(|line| line.to_str().unwrap_or_default()).collect();
    (!lines.is_empty()).then(|| Tags::parse(&lines.join(",")))
}

/// `If-Match`.
pub fn if_match(req: &HttpRequest) -> Option<Tags> {
    tags(req, &IF_MATCH)
}

/// `If-None-Match`.
pub fn if_none_match(req: &HttpRequest) -> Option<Tags> {
    tags(req, &IF_NONE_MATCH)
}

impl Tags {
    /// Reads a list of entity tags, or `*`.
    pub fn parse(text: &str) -> Self {
        if text.trim() == "*" {
            return Self::Any;
        }
        let bare = |tag: &str| {
            let tag = tag.trim();
            tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"').to_owned()
        };
        Self::Listed(text.split(',').map(bare).collect())
    }

    /// The revisions they name, read by the dialect's `parse`; what is no revision matches nothing.
    pub fn revisions(&self, parse: impl Fn(&str) -> Option<i64>) -> Precondition {
        match self {
            Tags::Any => Precondition::Exists,
            Tags::Listed(list) => Precondition::Revision(list.iter().filter_map(|t| parse(t)).collect()),
        }
    }
}

/// The precondition of a write with `If-Match`.
pub fn precondition(req: &HttpRequest, parse: impl Fn(&str) -> Option<i64>) -> Precondition {
    if_match(req).map_or(Precondition::None, |tags| tags.revisions(parse))
}

/// The precondition of a write in a dialect that knows both headers; `If-Match` goes first (RFC 9110 §13.2.2).
pub fn of_write(req: &HttpRequest, parse: impl Fn(&str) -> Option<i64>) -> Precondition {
    match (if_match(req), if_none_match(req)) {
        (Some(tags), _) => tags.revisions(parse),
        (None, Some(Tags::Any)) => Precondition::Absent,
        (None, Some(Tags::Listed(list))) => Precondition::Unlike(list.iter().filter_map(|t| parse(t)).collect()),
        (None, None) => Precondition::None,
    }
}
