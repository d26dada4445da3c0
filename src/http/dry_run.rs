//! Dry runs, for every dialect alike: how they are asked for, and how their effects are told.

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::{HttpMessage as _, HttpRequest};
use serde_json::json;

use super::query;
use crate::domain::effects::Rehearsal;
use crate::domain::error::{Fault, Kind, excerpt};

/// The parameter that asks for a dry run.
const PARAMETER: &str = "dryRun";

/// The header that asks for a dry run.
const HEADER: HeaderName = HeaderName::from_static("provost-dry-run");

/// The header that sums up the effects.
const EFFECTS: HeaderName = HeaderName::from_static("provost-effects");

/// The media type of the whole list of effects.
const MEDIA_TYPE: &str = "application/vnd.provost.effects+json";

/// Whether a write is to be tried only: by parameter, by header, or by both; if they differ, it is. Methods that write nothing
/// are what they are.
///
/// # Errors
/// [`Kind::InvalidValue`] for any value but true, 1, false and 0.
pub fn wish(req: &HttpRequest) -> Result<Option<Rehearsal>, Fault> {
    if req.method().is_safe() {
        return Ok(None);
    }
    let mut asked = false;
    for value in req.headers().get_all(&HEADER) {
        asked |= flag("Provost-Dry-Run", value.to_str().unwrap_or_default())?;
    }
    if !req.query_string().is_empty() {
        for (name, value) in query::read::<Vec<(String, String)>>(req)? {
            if name.eq_ignore_ascii_case(PARAMETER) {
                asked |= flag(PARAMETER, &value)?;
            }
        }
    }
    if !asked {
        return Ok(None);
    }
    let rehearsal = Rehearsal::default();
    req.extensions_mut().insert(rehearsal.clone());
    Ok(Some(rehearsal))
}

fn flag(name: &str, value: &str) -> Result<bool, Fault> {
    match value.trim() {
        yes if yes.eq_ignore_ascii_case("true") || yes == "1" => Ok(true),
        no if no.eq_ignore_ascii_case("false") || no == "0" => Ok(false),
        other => Err(Fault::new(Kind::InvalidValue, format!("'{name}' is true, 1, false or 0, not '{}'", excerpt(other)))),
    }
}

/// Whether the request was a dry run.
pub fn was_dry<B>(answer: &ServiceResponse<B>) -> bool {
    answer.request().extensions().get::<Rehearsal>().is_some()
}

/// Adds the effects to the answer of a dry run that succeeded: the sum in a header, and the list as the body where it was asked
/// for. Any other answer is left as it is.
pub fn finish<B: MessageBody>(answer: ServiceResponse<B>) -> ServiceResponse<EitherBody<B>> {
    let rehearsal = answer.request().extensions().get::<Rehearsal>().cloned();
    let Some(rehearsal) = rehearsal.filter(|_| answer.status().is_success()) else { return answer.map_into_left_body() };
    let effects = rehearsal.effects();
    let whole = wants_list(answer.request());
    let mut answer = if whole {
        let body = BoxBody::new(json!(effects).to_string());
        answer.map_body(|_, _| EitherBody::right(body))
    } else {
        answer.map_into_left_body()
    };
    if whole {
        // What had no content has some now.
        if answer.status() == StatusCode::NO_CONTENT {
            *answer.response_mut().status_mut() = StatusCode::OK;
        }
        answer.headers_mut().remove(CONTENT_LENGTH);
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    }
    if let Ok(sum) = HeaderValue::from_str(&effects.to_string()) {
        answer.headers_mut().insert(EFFECTS, sum);
    }
    answer
}

fn wants_list(req: &HttpRequest) -> bool {
    let accepted = req.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
    { accepted }.any(|range| range.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(MEDIA_TYPE))
}
