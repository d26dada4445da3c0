//! The IDM REST form of managed objects and relationships (spec/idm.md, 7.2 on the wire).

pub mod acting;
pub mod cookie;
pub mod descriptor;
pub mod edge_bulk;
pub mod edge_list;
pub mod envelope;
pub mod evaluate;
pub mod explain;
pub mod fields;
pub mod listing;
pub mod policy;
pub mod privileges;
pub mod protocol;
pub mod query;
pub mod reference;
pub mod relationships;
pub mod render;
pub mod resources;

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ETAG};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value};

use super::etag::{self, Tags};
use super::failure::{Failure, Idm};
use super::path::segment;
use crate::domain::actor::Actor;
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::relation::Precondition;
use crate::domain::schema::ObjectType;

/// A handler's outcome.
pub type Result<T> = std::result::Result<T, Failure<Idm>>;

/// `_rev`: 16 hexadecimal digits.
pub fn revision_text(rev: i64) -> String {
    format!("{rev:016x}")
}

/// For addresses that nothing answers at.
pub async fn unknown() -> Result<HttpResponse> {
    Err(Fault::new(Kind::NotFound, "no such address").into())
}

/// The number in a `_rev`.
fn revision(text: &str) -> Option<i64> {
    let digits = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if digits { i64::from_str_radix(text, 16).ok() } else { None }
}

/// The object type of the collection in the path.
fn kind(caller: &Actor, req: &HttpRequest) -> Result<Arc<ObjectType>> {
    let space = if req.match_pattern().is_some_and(|at| at.starts_with("/openidm/internal/")) { "internal" } else { "managed" };
    let collection = format!("{space}/{}", segment(req, "type")?);
    let found = caller.types.by_collection(&collection).cloned();
    Ok(found.ok_or_else(|| Fault::new(Kind::NotFound, "no such collection"))?)
}

/// The precondition of a PATCH, PUT or DELETE by `If-Match`; `*` means no check (spec/idm.md §1.1).
fn precondition(req: &HttpRequest) -> Precondition {
    match etag::precondition(req, revision) {
        Precondition::Exists => Precondition::None,
        other => other,
    }
}

/// The precondition of a PUT: `If-Match`, or `If-None-Match: *`, not both (spec/idm.md §1.1).
fn put_precondition(req: &HttpRequest) -> Result<Precondition> {
    match (etag::if_match(req), etag::if_none_match(req)) {
        (Some(_), Some(_)) => Err(Fault::of(Kind::PreconditionFailed).into()),
        (Some(tags), None) => Ok(tags.revisions(revision)),
        (None, Some(Tags::Any)) => Ok(Precondition::Absent),
        (None, Some(Tags::Listed(_))) => Err(Fault::new(Kind::InvalidValue, "If-None-Match on PUT is '*' alone").into()),
        (None, None) => Ok(Precondition::None),
    }
}

// POST takes no preconditions (spec/idm.md §1.1).
fn refuse_preconditions(req: &HttpRequest) -> Result<()> {
    if etag::if_match(req).is_some() || etag::if_none_match(req).is_some() {
        return Err(Fault::of(Kind::PreconditionFailed).into());
    }
    Ok(())
}

/// An action that the address does not know.
fn not_offered(action: Option<&str>) -> Failure<Idm> {
    match action {
        Some(action) => Fault::new(Kind::NotImplemented, format!("action '{}' is not offered here", excerpt(action))).into(),
        None => Fault::new(Kind::InvalidValue, "name an _action").into(),
    }
}

/// A JSON body that is never to be cached.
fn json(status: StatusCode, body: &Value) -> HttpResponse {
    HttpResponse::build(status).insert_header((CACHE_CONTROL, "no-cache")).content_type("application/json").body(body.to_string())
}

/// An object with its `_rev` as ETag.
fn object(status: StatusCode, rev: i64, body: Map<String, Value>) -> HttpResponse {
    let mut answer = json(status, &Value::Object(body));
    if let Ok(tag) = format!("\"{}\"", revision_text(rev)).parse() {
        answer.headers_mut().insert(ETAG, tag);
    }
    answer
}
