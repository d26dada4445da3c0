//! The Passport form: managed identities, their roles, resource policies, permission checks (spec/access.md §1.1, §7.2).

pub mod check;
pub mod credentials;
pub mod federations;
pub mod identities;
pub mod idinfo;
pub mod policies;
pub mod roles;

use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, LOCATION};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::etag;
use super::failure::{Failure, Passport};
use super::query;
use super::state::State;
use crate::domain::document::{idm, values};
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::key::Key;
use crate::domain::relation::Precondition;
use crate::domain::resource::Resource;
use crate::domain::schema::ObjectType;
use crate::service::list::{Query, Start};
use crate::service::load::Needs;
use crate::telemetry::request;

/// A handler's outcome.
pub type Result<T> = std::result::Result<T, Failure<Passport>>;

/// For addresses that nothing answers at.
pub async fn unknown() -> Result<HttpResponse> {
    Err(Fault::new(Kind::NotFound, "no such address").into())
}

/// Most entries of a page.
const MOST: usize = 1_000;

/// Where a page starts, and how long it is.
struct Page {
    after: Option<Key>,
    limit: usize,
}

impl Page {
    fn read(req: &HttpRequest) -> Result<Self> {
        #[derive(Deserialize)]
        struct Parameters {
            after: Option<String>,
            limit: Option<usize>,
        }
        let asked: Parameters = query::read(req)?;
        let unknown = || Fault::new(Kind::InvalidValue, "'after' is what an answer named as 'next'");
        let after = asked.after.as_deref().map(|text| Key::parse(text).ok_or_else(unknown)).transpose()?;
        Ok(Self { after, limit: asked.limit.unwrap_or(100).clamp(1, MOST) })
    }

    fn query(self, kind: std::sync::Arc<ObjectType>, needs: Needs) -> Query {
        let start = self.after.map_or(Start::Offset(0), Start::After);
        let (filter, filter_needs, base) = (None, Needs::nothing(), String::new());
        Query { kind, filter, needs, filter_needs, base, start, count: self.limit, total: false }
    }
}

/// What a write demands of the revision: `If-Match` with what an answer gave as `ETag`.
fn precondition(req: &HttpRequest) -> Precondition {
    etag::precondition(req, |tag| tag.parse().ok())
}

fn answer(status: StatusCode, rev: i64, body: Value) -> HttpResponse {
    HttpResponse::build(status).insert_header((ETAG, format!("W/\"{rev}\""))).json(warned(body))
}

/// An answer with what its writing was warned of, if it was.
fn warned(mut body: Value) -> Value {
    let warnings = request::warnings();
    if !warnings.is_empty() {
        body["warnings"] = warnings.into();
    }
    body
}

/// The answer to a creation, with where the new thing is.
fn created(state: &State, place: &str, rev: i64, body: Value) -> HttpResponse {
    let mut out = answer(StatusCode::CREATED, rev, body);
    if let Ok(address) = format!("{}/passport/admin/{place}", state.public_url).parse() {
        out.headers_mut().insert(LOCATION, address);
    }
    out
}

/// A body that is an object and has none but these members.
fn members(body: Value, known: &[&str]) -> std::result::Result<Map<String, Value>, Fault> {
    let Value::Object(members) = body else {
        return Err(Fault::new(Kind::InvalidSyntax, "the body must be a JSON object"));
    };
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(other) => Err(Fault::new(Kind::InvalidSyntax, format!("unknown member '{}'", excerpt(other)))),
        None => Ok(members),
    }
}

/// Writes those properties of an object that a body has, in the order of `names`; with `whole` also those it lacks, which go.
fn write(
    kind: &ObjectType,
    current: &Map<String, Value>,
    body: &Map<String, Value>,
    names: &[&str],
    whole: bool,
) -> std::result::Result<Map<String, Value>, Fault> {
    let mut doc = current.clone();
    for property in names.iter().filter_map(|name| kind.property(name)) {
        if whole || body.contains_key(&property.name) {
            idm::write(kind, &mut doc, property, body.get(&property.name).filter(|value| !value.is_null()).cloned())?;
        }
    }
    values::default_absent(kind, Some(current), &mut doc);
    idm::whole(kind, &doc)?;
    Ok(doc)
}

/// What is told of an object: its id under the name `id`, those of its properties, and its times.
fn show(resource: &Resource, id: &str, names: &[&str]) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert(id.to_owned(), resource.wire_id.as_str().into());
    for property in names.iter().filter_map(|name| resource.kind.property(name)) {
        out.extend(idm::read(&resource.kind, &resource.doc, property).map(|value| (property.name.clone(), value)));
    }
    out.insert("createdAt".to_owned(), resource.created.to_string().into());
    out.insert("updatedAt".to_owned(), resource.modified.to_string().into());
    out
}
