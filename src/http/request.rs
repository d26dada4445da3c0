//! Around every request: an id on each log line and in the answer, a count, a line when something went wrong.

use std::collections::BTreeSet;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue, USER_AGENT, WWW_AUTHENTICATE};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, web};

use super::dry_run;
use super::state::State;
use crate::runtime::random;
use crate::telemetry::request::{self, RequestId, with_id};

/// What the client calls itself.
pub fn user_agent(req: &HttpRequest) -> Option<&str> {
    req.headers().get(USER_AGENT)?.to_str().ok()
}

// Of a request that writes nothing, whatever its method.
struct OnlyReads;

/// Says that the request writes nothing: nobody need look for what it wrote.
pub fn only_reads(req: &HttpRequest) {
    req.extensions_mut().insert(OnlyReads);
}

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The header that names a job which goes on with what a write began.
const JOB: HeaderName = HeaderName::from_static("provost-job");

/// The header that names the rules about least privilege that what was written is at odds with.
const WARNINGS: HeaderName = HeaderName::from_static("provost-warnings");

/// Runs the rest under the request's id: the client's, if it is one, else a new one.
///
/// # Errors
/// Those of the handlers; they are answers already.
pub async fn with_request_id(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let given = req.headers().get(&HEADER).and_then(|v| v.to_str().ok()).and_then(RequestId::parse);
    let id = given.unwrap_or_else(|| RequestId::from_uuid(random::key()));
    with_id(id.clone(), async move {
        let began = Instant::now();
        let method = req.method().clone();
        let state = req.app_data::<web::Data<State>>().cloned();
        let mut answer = dry_run::finish(next.call(req).await?);
        for job in request::jobs() {
            if let Ok(value) = HeaderValue::from_str(&job) {
                answer.headers_mut().append(JOB, value);
            }
            if let Some(state) = &state {
                state.sync.wake_jobs();
            }
        }
        let warnings = request::warnings();
        let rules: BTreeSet<&str> = warnings.iter().filter_map(|warning| warning["rule"].as_str()).collect();
        if !rules.is_empty()
            && answer.status().is_success()
            && let Ok(value) = HeaderValue::from_str(&rules.into_iter().collect::<Vec<_>>().join(", "))
        {
            answer.headers_mut().insert(WARNINGS, value);
        }
        if let Some(state) = &state {
            state.metrics.request(method.as_str(), answer.status().as_u16(), began.elapsed());
            // What was written may concern targets.
            let reads = method.is_safe() || answer.request().extensions().get::<OnlyReads>().is_some();
            if !reads && answer.status().is_success() && !dry_run::was_dry(&answer) {
                state.sync.wake();
            }
        }
        if let (Some(state), Some("Bearer")) = (&state, challenge(&answer)) {
            let text = format!("Bearer resource_metadata=\"{}/.well-known/oauth-protected-resource\"", state.public_url);
            if let Ok(value) = HeaderValue::from_str(&text) {
                answer.headers_mut().insert(WWW_AUTHENTICATE, value);
            }
        }
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            answer.headers_mut().insert(HEADER, value);
        }
        log::debug!(method = method.as_str(), path = answer.request().path(), status = answer.status().as_u16(); "request");
        Ok(answer)
    })
    .await
}

// What an answer asks for; who is refused learns where to find how the APIs are guarded (RFC 9728 §5.1).
fn challenge<B>(answer: &ServiceResponse<B>) -> Option<&str> {
    answer.headers().get(WWW_AUTHENTICATE)?.to_str().ok()
}
