//! Answers: one resource with its ETag and Location, or a list.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, ETAG, HeaderValue, LOCATION};
use serde_json::{Map, Value, json};

use crate::domain::projection::Projection;
use crate::domain::resource::{Resource, location};

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/scim+json");

/// A JSON body with the SCIM media type.
pub fn json(status: StatusCode, body: &Value) -> HttpResponse {
    HttpResponse::build(status).insert_header((CONTENT_TYPE, MEDIA_TYPE)).body(body.to_string())
}

/// One resource.
pub fn resource(status: StatusCode, base: &str, resource: Resource, projection: &Projection) -> HttpResponse {
    let version = resource.version();
    let mut answer = HttpResponse::build(status);
    answer.insert_header((CONTENT_TYPE, MEDIA_TYPE)).insert_header((ETAG, version));
    if status == StatusCode::CREATED {
        answer.insert_header((LOCATION, location(base, &resource.kind, &resource.wire_id)));
    }
    answer.body(Value::Object(render(base, resource, projection)).to_string())
}

/// No body, but the version.
pub fn no_content(resource: &Resource) -> HttpResponse {
    HttpResponse::NoContent().insert_header((ETAG, resource.version())).finish()
}

/// A resource as far as the projection shows it.
pub fn render(base: &str, resource: Resource, projection: &Projection) -> Map<String, Value> {
    let kind = resource.kind.clone();
    let mut out = resource.into_scim(base);
    projection.apply(&kind, &mut out);
    out
}

/// A ListResponse (RFC 7644 §3.4.2).
pub fn list(total: usize, start: usize, resources: Vec<Value>) -> HttpResponse {
    let mut body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": resources.len(),
    });
    body["Resources"] = Value::Array(resources);
    json(StatusCode::OK, &body)
}
