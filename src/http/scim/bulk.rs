//! `POST /Bulk` (RFC 7644 §3.7): the codec; what becomes of the operations is settled in `service::bulk`.

use std::borrow::Cow;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};

use super::command::Wish;
use super::{Result, answer, kind_at, me, revision};
use crate::domain::actor::Actor;
use crate::domain::bulk::{self, Ids, Method, Operation, references};
use crate::domain::document::json;
use crate::domain::error::{Fault, Kind};
use crate::domain::patch;
use crate::domain::relation::Precondition;
use crate::domain::resource::{Resource, location};
use crate::http::body;
use crate::http::caller::{Caller, ScimWrite};
use crate::http::etag::Tags;
use crate::http::failure::{Scim, Wire};
use crate::http::state::State;
use crate::service::bulk::{Bulk, Plan};
use crate::service::command::Command;

/// How much deeper a resource stands in a bulk than in a body of its own.
const ENVELOPE: usize = 3;

/// The endpoint of the caller himself.
const ME: &str = "Me";

/// Longest idempotency key, in bytes.
const LONGEST_KEY: usize = 255;

/// `POST /Bulk`.
pub async fn run(
    state: web::Data<State>,
    req: HttpRequest,
    caller: Caller<ScimWrite>,
    payload: web::Payload,
) -> Result<HttpResponse> {
    let limits = state.limits;
    let shape = json::Limits { depth: limits.json.depth + ENVELOPE, ..limits.json };
    let too_large = || Fault::new(Kind::TooLarge, format!("the body is larger than maxPayloadSize, {} bytes", limits.bulk_body));
    let body = body::json_within(&req, payload, limits.bulk_body, shape, too_large).await?;
    let caller = caller.having_sent(&state, &body);
    let once = idempotency_key(&req)?.map(|key| (key, body.to_string()));
    let base: Arc<str> = state.scim_base().into();
    let asked = bulk::request::parse(&caller.profile, &base, limits.bulk_operations, body)?;
    let planned = |operation| Planned::new(&caller, &base, limits.patch, operation);
    let plans = asked.operations.into_iter().map(planned).collect();
    let answers = state.service.bulk(&caller, Bulk { plans, fail_on_errors: asked.fail_on_errors, once }).await?;
    let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"], "Operations": answers });
    Ok(answer::json(StatusCode::OK, &body))
}

fn idempotency_key(req: &HttpRequest) -> std::result::Result<Option<String>, Fault> {
    let Some(key) = req.headers().get("Idempotency-Key") else { return Ok(None) };
    let key = key.to_str().map(str::trim).ok().filter(|key| !key.is_empty() && key.len() <= LONGEST_KEY);
    let wrong = || Fault::new(Kind::InvalidValue, format!("Idempotency-Key has 1 to {LONGEST_KEY} visible ASCII characters"));
    key.map(|key| Some(key.to_owned())).ok_or_else(wrong)
}

/// One operation.
struct Planned {
    base: Arc<str>,
    method: Option<String>,
    bulk_id: Option<String>,
    makes: bool,
    // Without its body, once that was read.
    wish: std::result::Result<Wish, Fault>,
    refers: Vec<String>,
    weight: usize,
    // What refers to nothing is read once, before the transaction.
    ready: Option<std::result::Result<Command, Fault>>,
}

impl Planned {
    fn new(caller: &Actor, base: &Arc<str>, limits: patch::Limits, operation: Operation) -> Self {
        let Operation { method, bulk_id, makes, wish } = operation;
        let mut wish = wish.and_then(|asked| {
            let versions = asked.version.map(|version| Tags::parse(&version).revisions(revision));
            let precondition = versions.filter(|_| asked.method != Method::Post).unwrap_or(Precondition::None);
            if asked.endpoint == ME {
                return Err(me::nobody());
            }
            let kind = kind_at(caller, &asked.endpoint)?;
            Ok(Wish { method: asked.method, kind, id: asked.id, precondition, profile: caller.profile, limits, body: asked.data })
        });
        let refers = wish.as_ref().map_or_else(
            |_| Vec::new(),
            |wish| {
                let in_path = wish.id.as_deref().and_then(references::name).map(str::to_owned);
                in_path.into_iter().chain(references::names(&wish.body)).collect()
            },
        );
        let weight = wish.as_ref().map_or(1, |wish| weight(&wish.body));
        let ready = match &mut wish {
            Ok(wish) if refers.is_empty() => Some(Wish { body: std::mem::take(&mut wish.body), ..wish.clone() }.command()),
            Ok(_) => None,
            Err(fault) => Some(Err(fault.clone())),
        };
        Self { base: base.clone(), method, bulk_id, makes, wish, refers, weight, ready }
    }

    fn location(&self, outcome: std::result::Result<&Resource, &Fault>) -> Option<String> {
        match (outcome, &self.wish) {
            (Ok(resource), _) => Some(location(&self.base, &resource.kind, &resource.wire_id)),
            (Err(_), Ok(wish)) if wish.method != Method::Post => {
                let id = wish.id.as_deref().filter(|id| references::name(id).is_none())?;
                Some(location(&self.base, &wish.kind, id))
            }
            (Err(_), _) => None,
        }
    }
}

impl Plan for Planned {
    fn bulk_id(&self) -> Option<&str> {
        self.bulk_id.as_deref().filter(|_| self.makes)
    }

    fn refers(&self) -> &[String] {
        &self.refers
    }

    fn weight(&self) -> usize {
        self.weight
    }

    fn command(&self, ids: &Ids) -> std::result::Result<Cow<'_, Command>, Fault> {
        if let Some(ready) = &self.ready {
            return ready.as_ref().map(Cow::Borrowed).map_err(Fault::clone);
        }
        let mut wish = self.wish.clone()?;
        if let Some(name) = wish.id.as_deref().and_then(references::name) {
            wish.id = ids.wire_id(name)?.map(str::to_owned);
        }
        wish.body = references::resolve(&wish.body, ids)?;
        wish.command().map(Cow::Owned)
    }

    fn completion(&self, made: &Resource, ids: &Ids) -> std::result::Result<Command, Fault> {
        let wish = self.wish.clone()?;
        let body = references::resolve(&wish.body, ids)?;
        Wish { method: Method::Put, id: Some(made.wire_id.clone()), body, ..wish }.command()
    }

    fn answer(&self, outcome: std::result::Result<&Resource, &Fault>) -> Value {
        let mut out = Map::new();
        let mut put = |name: &str, value: Option<Value>| value.map(|value| out.insert(name.to_owned(), value));
        put("method", self.method.clone().map(Value::from));
        put("bulkId", self.bulk_id.clone().map(Value::from));
        put("location", self.location(outcome).map(Value::from));
        match outcome {
            Ok(resource) => {
                let (status, stays) = match self.wish.as_ref().map(|wish| wish.method) {
                    Ok(Method::Post) => ("201", true),
                    Ok(Method::Delete) => ("204", false),
                    _ => ("200", true),
                };
                put("version", stays.then(|| resource.version().into()));
                put("status", Some(status.into()));
            }
            Err(fault) => {
                put("status", Some(Scim::status(fault.kind).to_string().into()));
                put("response", Some(Scim::body(fault)));
            }
        }
        Value::Object(out)
    }
}

// How many single values a body holds, in whatever depth.
fn weight(body: &Value) -> usize {
    match body {
        Value::Array(list) => list.iter().map(weight).sum(),
        Value::Object(object) => object.values().map(weight).sum(),
        _ => 1,
    }
}
