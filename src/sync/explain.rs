//! Why an object is, or is not, at a target, and what will happen next.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::decide::{load, wanted};
use super::links::{Attempt, Link, object_key};
use super::put::applied;
use super::session::Session;
use super::targets::find;
use super::{Engine, Result};
use crate::domain::actor::Actor;
use crate::domain::assignment::Assigned;
use crate::domain::filter::eval;
use crate::domain::key::Key;
use crate::domain::mapping::{Output, Step};
use crate::domain::plan::without;
use crate::service::Service;
use crate::store::attempts::AttemptFilter;
use crate::store::links::LinkRow;
use crate::store::{Conn, attempts, links};

const ATTEMPTS: i64 = 10;

/// An explanation.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The object's key.
    pub key: Key,
    /// The link, if there is one.
    pub link: Option<Link>,
    /// Whether the object belongs at the target.
    pub in_scope: bool,
    /// Why, in a sentence.
    pub why: String,
    /// The parts of the scope, each with whether it holds.
    pub clauses: Vec<(String, bool)>,
    /// What each rule did.
    pub steps: Vec<Step>,
    /// What assignments bring on top of the mapping.
    pub assigned: Vec<Assigned>,
    /// What the target should hold; sensitive values left out.
    pub desired: Option<Map<String, Value>>,
    /// What it was last told.
    pub applied: Option<Value>,
    /// What is wrong with the mapping.
    pub error: Option<String>,
    /// The last calls, the last first.
    pub attempts: Vec<Attempt>,
}

impl Engine {
    /// Explains one object at one target.
    ///
    /// # Errors
    /// `NotFound` of the target or the object.
    pub async fn explain(&self, actor: &Actor, target: Key, kind: &str, id: &str) -> Result<Explanation> {
        let tenant = actor.tenant;
        let row = self.store().read(move |conn| find(conn, tenant, target)).await?;
        let session = self.session(tenant, &row).await?;
        let (service, kind, id) = (self.0.service.clone(), kind.to_owned(), id.to_owned());
        self.store()
            .read(move |conn| {
                let key = object_key(conn, tenant, target, &kind, &id)?;
                explain(&service, conn, &session, &kind, key)
            })
            .await
    }
}

fn explain(service: &Service, conn: &mut Conn, session: &Session, kind: &str, key: Key) -> Result<Explanation> {
    let (tenant, target) = (session.tenant, session.target);
    let link = links::get(conn, tenant, target, key)?;
    let filter = AttemptFilter { target: Some(target), key: Some(key), outcome: None };
    let mut out = Explanation {
        key,
        in_scope: false,
        why: String::new(),
        clauses: Vec::new(),
        steps: Vec::new(),
        assigned: Vec::new(),
        desired: None,
        applied: link.as_ref().and_then(|link| link.applied.as_deref()).and_then(|text| serde_json::from_str(text).ok()),
        error: None,
        attempts: attempts::list(conn, tenant, filter, None, ATTEMPTS)?,
        link,
    };
    let Some(plan) = session.plans.get(kind) else {
        out.why = format!("objects of type '{kind}' have no mapping at this target");
        return Ok(out);
    };
    let ctx = service.context(&session.actor());
    let Some(source) = load(&ctx, conn, session, plan, &[key])?.remove(&key) else {
        out.why = "the object was deleted".to_owned();
        return Ok(out);
    };
    out.in_scope = plan.admits(&source.resource);
    if let Some(scope) = &plan.scope {
        let holds = |filter| eval::matches(filter, &plan.kind, &source.resource);
        out.clauses = scope.clauses.iter().map(|(text, filter)| (text.clone(), holds(filter))).collect();
    }
    out.why = match (&plan.scope, out.in_scope) {
        (None, _) => "every object of the type is in scope".to_owned(),
        (Some(_), true) => "the scope holds".to_owned(),
        (Some(_), false) => {
            let failing: Vec<&str> = out.clauses.iter().filter(|(_, holds)| !holds).map(|(text, _)| text.as_str()).collect();
            format!("the scope does not hold: {}", failing.join("; "))
        }
    };
    let row = out.link.clone().unwrap_or_else(|| nothing(target, key, kind));
    out.assigned = source.assigned.clone();
    out.steps = plan.mapping.explain(&source.resource, row.remote_id.is_none()).1;
    let referred: Vec<Key> = source.references.values().copied().collect();
    let known: HashMap<Key, LinkRow> =
        links::many(conn, tenant, target, &referred)?.into_iter().map(|link| (link.key, link)).collect();
    match wanted(&row, plan, &source, &known, false) {
        Ok(wanted) => {
            let desired = wanted.over(&row, &applied(&row));
            out.desired = Some(without(&desired.document, &desired.sensitive));
        }
        Err(error) => out.error = Some(error.to_string()),
    }
    Ok(out)
}

fn nothing(target: Key, key: Key, kind: &str) -> LinkRow {
    LinkRow {
        target,
        key,
        kind: kind.to_owned(),
        remote_id: None,
        status: "pending".to_owned(),
        wanted: 0,
        done: 0,
        intent: None,
        intent_at: None,
        applied: None,
        assigned: None,
        applied_hash: None,
        applied_at: None,
        tombstone: None,
        priority: 0,
        due: None,
        attempts: 0,
        error_class: None,
        error: None,
        failed_since: None,
        epoch: 0,
    }
}

/// What came of a rule, for people.
pub fn output(step: &Step) -> Value {
    match &step.output {
        Output::Value(value) => json!({"value": value}),
        Output::Hidden => json!({"value": crate::domain::secret::HIDDEN}),
        Output::Reference(relationship) => json!({"reference": relationship}),
        Output::Cleared => json!({"nothing": "cleared"}),
        Output::Ignored => json!({"nothing": "left as it is"}),
        Output::NotNow => json!({"skipped": "its condition is false"}),
        Output::CreateOnly => json!({"skipped": "it applies when the object is created"}),
        Output::Decided => json!({"skipped": "a rule before it gave the value"}),
    }
}
