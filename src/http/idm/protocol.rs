//! What every request and answer of the IDM dialect has in common (spec/idm.md §1): the method that a POST stands for, the
//! version of the API that is asked for, no caching, and answers for people to read.

use actix_web::body::{self, BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, ResponseError as _};
use serde_json::Value;

use crate::domain::error::{Fault, Kind, excerpt};
use crate::http::failure::{Failure, Idm};
use crate::http::query;

const OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");
const ACCEPTED: HeaderName = HeaderName::from_static("accept-api-version");
const SPOKEN: HeaderName = HeaderName::from_static("content-api-version");

const PRETTY: &str = "_prettyPrint";

/// The version in which `POST` of a collection creates without being told so.
const CREATES: (u32, u32) = (2, 1);

/// The versions that are spoken: of the protocol, and of every resource.
const PROTOCOLS: [(u32, u32); 4] = [(1, 0), (2, 0), CREATES, (2, 2)];
const RESOURCE: (u32, u32) = (1, 0);

/// Marks a request in a version of the protocol in which a create has to be called so.
struct Older;

/// Whether the request speaks a version in which a create has to be called so.
pub fn names_its_creates(req: &HttpRequest) -> bool {
    req.extensions().get::<Older>().is_some()
}

/// Around every request of the dialect.
///
/// # Errors
/// Those of the handlers; they are answers already.
pub async fn speak(mut req: ServiceRequest, next: Next<impl MessageBody + 'static>) -> Result<ServiceResponse<BoxBody>, Error> {
    let asked = req.headers().contains_key(&ACCEPTED);
    let pretty = wants_pretty(req.request());
    let mut answer = match admitted(&mut req) {
        Ok(()) => next.call(req).await?.map_into_boxed_body(),
        Err(fault) => req.into_response(Failure::<Idm>::new(fault).error_response()),
    };
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if asked {
        answer.headers_mut().insert(SPOKEN, HeaderValue::from_static("resource=1.0"));
    }
    if pretty { prettily(answer).await } else { Ok(answer) }
}

fn admitted(req: &mut ServiceRequest) -> Result<(), Fault> {
    if req.method() == Method::POST
        && let Some(method) = req.headers().get(&OVERRIDE)
    {
        let name = method.to_str().unwrap_or_default().trim().to_ascii_uppercase();
        let unknown = |_| Fault::new(Kind::InvalidValue, "X-HTTP-Method-Override names no method");
        req.head_mut().method = Method::from_bytes(name.as_bytes()).map_err(unknown)?;
    }
    if !req.headers().contains_key(&ACCEPTED) {
        return Ok(());
    }
    let lines = req.headers().get_all(&ACCEPTED).map(|line| line.to_str().unwrap_or_default());
    let text = lines.collect::<Vec<_>>().join(",");
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let wrong = || Fault::new(Kind::InvalidValue, format!("Accept-API-Version '{}' is not read", excerpt(part)));
        let (what, version) = part.split_once('=').ok_or_else(wrong)?;
        let version = parse(version.trim()).ok_or_else(wrong)?;
        match what.trim() {
            what if what.eq_ignore_ascii_case("resource") && version == RESOURCE => {}
            what if what.eq_ignore_ascii_case("protocol") && PROTOCOLS.contains(&version) => {
                if version < CREATES {
                    req.extensions_mut().insert(Older);
                }
            }
            what if ["resource", "protocol"].iter().any(|known| what.eq_ignore_ascii_case(known)) => {
                return Err(Fault::new(Kind::NotFound, "Resource '' not found"));
            }
            _ => return Err(wrong()),
        }
    }
    Ok(())
}

fn parse(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn wants_pretty(req: &HttpRequest) -> bool {
    // Some clients encode the line in front, none the letters.
    if !req.query_string().contains(PRETTY.trim_start_matches('_')) {
        return false;
    }
    let pairs = query::read::<Vec<(String, String)>>(req).unwrap_or_default();
    pairs.iter().any(|(name, value)| name == PRETTY && (value.is_empty() || value.eq_ignore_ascii_case("true")))
}

// What is sent while it is made was made for people already.
async fn prettily(answer: ServiceResponse<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    let is_json = answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !is_json || !matches!(answer.response().body().size(), BodySize::Sized(1..)) {
        return Ok(answer);
    }
    let (req, answer) = answer.into_parts();
    let (head, body) = answer.into_parts();
    let bytes = body::to_bytes(body).await.map_err(Error::from)?;
    let text = serde_json::from_slice::<Value>(&bytes).map(|value| format!("{value:#}\n"));
    let body = text.map_or_else(|_| BoxBody::new(bytes), BoxBody::new);
    Ok(ServiceResponse::new(req, head.set_body(body)))
}
