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
    let text = req.headers().get(name)?.to_str().unwrap_or_default();
    if text.trim() == "*" {
        return Some(Tags::Any);
    }
    let bare = |tag: &str| {
        let tag = tag.trim();
        tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"').to_owned()
    };
    Some(Tags::Listed(text.split(',').map(bare).collect()))
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
