//! Answers: one resource with its ETag and Location, or a list.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETAG, HeaderValue, LOCATION};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde_json::{Map, Value};

use crate::domain::projection::Projection;
use crate::domain::resource::{Resource, location};
use crate::domain::written::Written;
use crate::service::ServiceError;
use crate::service::load::parsed;

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/scim+json");

/// A JSON body with the SCIM media type.
pub fn json(status: StatusCode, body: &Value) -> HttpResponse {
    HttpResponse::build(status).insert_header((CONTENT_TYPE, MEDIA_TYPE)).body(body.to_string())
}

/// One resource. What is shown whole is printed from the text that is stored.
///
/// # Errors
/// When the stored document is damaged.
pub fn resource(
    status: StatusCode,
    base: &str,
    resource: Written,
    projection: &Projection,
) -> Result<HttpResponse, ServiceError> {
    let mut answer = head(status, base, &resource.head);
    let mut body = String::with_capacity(resource.doc.len() + 768);
    print(base, resource, projection, &mut body)?;
    Ok(answer.body(body))
}

/// The head of an answer that shows a resource.
pub fn head(status: StatusCode, base: &str, resource: &Resource) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer.insert_header((CONTENT_TYPE, MEDIA_TYPE)).insert_header((ETAG, resource.version()));
    if status == StatusCode::CREATED {
        answer.insert_header((LOCATION, location(base, &resource.kind, &resource.wire_id)));
    }
    answer
}

/// A resource as far as the projection shows it.
pub fn render(base: &str, resource: Resource, projection: &Projection) -> Map<String, Value> {
    let kind = resource.kind.clone();
    let mut out = resource.into_scim(base);
    projection.apply(&kind, &mut out);
    out
}

/// What a ListResponse says beside the resources.
#[derive(Debug, Default)]
pub struct Listed {
    /// How many pass in all, if that is known.
    pub total: Option<usize>,
    /// Place of the first on the page, from 1, when pages go by index.
    pub start: Option<usize>,
    /// Cursor of the page before.
    pub previous: Option<String>,
    /// Cursor of the page after.
    pub next: Option<String>,
}

/// A ListResponse (RFC 7644 §3.4.2, RFC 9865 §2). What is shown whole is printed from the text that is stored.
pub fn list(
    status: StatusCode,
    base: &str,
    listed: &Listed,
    resources: Vec<(Written, Option<&Projection>)>,
) -> Result<HttpResponse, ServiceError> {
    let mut body = String::with_capacity(256 + resources.iter().map(|(written, _)| written.doc.len() + 768).sum::<usize>());
    body.push_str("{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:ListResponse\"]");
    let numbers = [("totalResults", listed.total), ("startIndex", listed.start), ("itemsPerPage", Some(resources.len()))];
    for (name, number) in numbers {
        if let Some(number) = number {
            body.push_str(&format!(",\"{name}\":{number}"));
        }
    }
    for (name, cursor) in [("previousCursor", &listed.previous), ("nextCursor", &listed.next)] {
        if let Some(cursor) = cursor {
            body.push_str(&format!(",\"{name}\":\"{cursor}\""));
        }
    }
    body.push_str(",\"Resources\":[");
    for (place, (written, projection)) in resources.into_iter().enumerate() {
        if place > 0 {
            body.push(',');
        }
        match projection {
            Some(projection) => print(base, written, projection, &mut body)?,
            None => write(base, written, &mut body)?,
        }
    }
    body.push_str("]}");
    Ok(HttpResponse::build(status).insert_header((CONTENT_TYPE, MEDIA_TYPE)).body(body))
}

/// Appends a resource as JSON text, as far as the projection shows it.
///
/// # Errors
/// When the stored document is damaged.
pub fn print(base: &str, written: Written, projection: &Projection, body: &mut String) -> Result<(), ServiceError> {
    if projection.is_whole(&written.head.kind) {
        return write(base, written, body);
    }
    body.push_str(&Value::Object(render(base, parsed(written)?, projection)).to_string());
    Ok(())
}

fn write(base: &str, written: Written, body: &mut String) -> Result<(), ServiceError> {
    let (kind, key) = (written.head.kind.clone(), written.head.key);
    written.write_scim(base, body).map_err(|e| ServiceError::Damaged(format!("document of {} {key}: {e}", kind.name)))
}
