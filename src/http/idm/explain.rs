//! `managed/{type}/{id}?_action=explainRoles`: why each role is held, and which nearly is.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};

use super::{Result, json as answer, kind, reference};
use crate::domain::actor::Actor;
use crate::domain::condition::Term;
use crate::domain::error::{Fault, Kind};
use crate::domain::schema::Side;
use crate::domain::schema::relationship::GRANT;
use crate::domain::time::Timestamp;
use crate::http::path::segment;
use crate::http::state::State;
use crate::service::provenance::{Explained, Explanation, Named, NearMiss, Way};

/// Name of the action.
pub const EXPLAIN_ROLES: &str = "explainRoles";

/// Answers the action, for what can hold roles.
pub async fn roles(state: &State, req: &HttpRequest, caller: &Actor) -> Result<HttpResponse> {
    let kind = kind(caller, req)?;
    if !kind.relationships.iter().any(|r| r.relation == GRANT && r.side == Side::From) {
        let text = format!("action '{EXPLAIN_ROLES}' is not offered here: a {} holds no roles", kind.name);
        return Err(Fault::new(Kind::NotImplemented, text).into());
    }
    let found = state.service.explain_roles(caller, kind, segment(req, "id")?).await?;
    Ok(answer(StatusCode::OK, &body(&found)))
}

fn body(found: &Explanation) -> Value {
    json!({
        "_id": found.wire_id,
        "at": found.at.to_string(),
        "effectiveRoles": found.roles.iter().map(role).collect::<Vec<_>>(),
        "nearMisses": found.near.iter().map(|miss| near(miss, found.at)).collect::<Vec<_>>(),
        "complete": !found.cut,
    })
}

fn named(object: &Named) -> Map<String, Value> {
    let mut out = reference::head(&object.kind, &object.wire_id);
    if let Some(name) = &object.name {
        out.insert("name".into(), name.clone().into());
    }
    out
}

fn role(explained: &Explained) -> Value {
    let mut out = named(&explained.role);
    out.insert("type".into(), explained.via.as_str().into());
    instant(&mut out, "until", explained.until);
    out.insert("ways".into(), explained.ways.iter().map(|w| Value::Object(way(w))).collect());
    Value::Object(out)
}

fn way(way: &Way) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("type".into(), way.via.as_str().into());
    for (name, list) in [("groups", &way.groups), ("bundles", &way.bundles)] {
        if !list.is_empty() {
            out.insert(name.into(), list.iter().map(|object| Value::Object(named(object))).collect());
        }
    }
    let mut grant = json!({ "_id": way.edge.to_string(), "at": way.since.to_string() });
    if let Some(by) = &way.by {
        grant["by"] = by.clone().into();
    }
    out.insert("grant".into(), grant);
    if let Some(condition) = &way.condition {
        let terms: Vec<Value> = condition.terms.iter().map(|part| Value::Object(term("term", part))).collect();
        out.insert("condition".into(), json!({ "source": condition.source, "matched": terms }));
    }
    instant(&mut out, "from", way.interval.map(|interval| interval.start));
    instant(&mut out, "until", way.interval.map(|interval| interval.end));
    out
}

fn near(miss: &NearMiss, at: Timestamp) -> Value {
    match miss {
        NearMiss::OutOfTime { role, way: missed } => {
            let mut out = named(role);
            let future = missed.interval.is_some_and(|interval| at < interval.start);
            out.insert("reason".into(), if future { "notYet" } else { "expired" }.into());
            out.extend(way(missed));
            Value::Object(out)
        }
        NearMiss::Condition { role, source, failing } => {
            let mut out = named(role);
            out.insert("reason".into(), "condition".into());
            let mut condition = Map::from_iter([("source".to_owned(), source.as_str().into())]);
            condition.extend(term("failing", failing));
            out.insert("condition".into(), Value::Object(condition));
            Value::Object(out)
        }
    }
}

// A part of a condition under a name, with what it read; of an expression also what it came to.
fn term(name: &str, part: &Term) -> Map<String, Value> {
    let values = part.values.iter().map(|(name, list)| (name.clone(), Value::Array(list.clone()))).collect();
    let mut out = Map::from_iter([(name.to_owned(), part.text.as_str().into()), ("values".to_owned(), Value::Object(values))]);
    match &part.outcome {
        Some(Ok(result)) => _ = out.insert("result".to_owned(), (*result).into()),
        Some(Err(error)) => _ = out.insert("error".to_owned(), error.to_string().into()),
        None => {}
    }
    out
}

fn instant(out: &mut Map<String, Value>, name: &str, at: Option<Timestamp>) {
    if let Some(at) = at {
        out.insert(name.into(), at.to_string().into());
    }
}
