//! Actions of the IDM dialect: what each takes and answers, with an example.

use serde_json::{Value, json};

use super::components::{closed, managed, object, reference};
use crate::domain::schema::relationship::GRANT;
use crate::domain::schema::{ObjectType, Side};

/// One action at an address.
pub struct Action {
    /// Its name.
    pub name: &'static str,
    /// Component of its body, if it has one, with an example.
    takes: Option<(String, Option<Value>)>,
    status: &'static str,
    /// Component of its answer, with an example.
    answers: (String, Option<Value>),
}

/// Name of the action that asks what a condition would do; it pages.
pub const EVALUATE: &str = "evaluateCondition";

/// Those of `POST` on a collection.
pub fn of_list(kind: &ObjectType) -> Vec<Action> {
    let mut out = vec![
        Action { name: "create", takes: Some((managed(kind), None)), status: "201", answers: (managed(kind), None) },
        patch(kind),
        Action {
            name: "triggerSyncCheck",
            takes: None,
            status: "200",
            answers: ("Any".to_owned(), Some(json!({ "status": "OK" }))),
        },
    ];
    out.extend(evaluate(kind));
    out
}

/// Those of `POST` on an object.
pub fn of_one(kind: &ObjectType) -> Vec<Action> {
    let mut out =
        vec![patch(kind), Action { name: "triggerSyncCheck", takes: None, status: "200", answers: (managed(kind), None) }];
    out.extend(explain(kind));
    out.extend(evaluate(kind));
    out
}

/// Those of `GET` on an object.
pub fn of_read(kind: &ObjectType) -> Vec<Action> {
    explain(kind).into_iter().collect()
}

/// Those of `POST` on a relationship that is a list.
pub fn of_edges() -> Vec<Action> {
    let bulk = json!({
        "remove": ["019ca9b2-5f0c-7cc0-8000-6d1f5f3b2a11", { "_ref": "managed/user/bjensen" }],
        "add": [{ "_ref": "managed/user/scarter", "_refProperties": { "note": "x" } }],
    });
    let counts = json!({ "added": 1, "already": 0, "removed": 1, "absent": 1 });
    let one = json!({ "_ref": "managed/user/scarter" });
    vec![
        Action {
            name: "create",
            takes: Some(("Reference".to_owned(), Some(one))),
            status: "201",
            answers: ("Any".to_owned(), None),
        },
        Action {
            name: "bulk",
            takes: Some(("EdgeBulk".to_owned(), Some(bulk))),
            status: "200",
            answers: ("EdgeBulkCounts".to_owned(), Some(counts)),
        },
    ]
}

fn patch(kind: &ObjectType) -> Action {
    let body = json!([{ "operation": "replace", "field": "/description", "value": "x" }]);
    Action { name: "patch", takes: Some(("IdmPatch".to_owned(), Some(body))), status: "200", answers: (managed(kind), None) }
}

fn explain(kind: &ObjectType) -> Option<Action> {
    let holds = kind.relationships.iter().any(|r| r.relation == GRANT && r.side == Side::From);
    holds.then(|| Action {
        name: "explainRoles",
        takes: None,
        status: "200",
        answers: ("RoleExplanation".to_owned(), Some(explained())),
    })
}

fn evaluate(kind: &ObjectType) -> Option<Action> {
    (kind.collection == "managed/role").then(|| Action {
        name: EVALUATE,
        takes: Some(("ConditionQuestion".to_owned(), Some(json!({ "condition": "/manager/title eq \"boss\"" })))),
        status: "200",
        answers: ("ConditionEvaluation".to_owned(), Some(evaluated())),
    })
}

/// The statuses of success of some actions, each once.
pub fn statuses(actions: &[Action]) -> Vec<&'static str> {
    let mut out: Vec<_> = actions.iter().map(|action| action.status).collect();
    out.sort_unstable();
    out.dedup();
    out
}

/// What some actions answer with a status; `plain` is what is answered without an action.
pub fn answers(actions: &[Action], status: &str, plain: Option<&str>) -> Value {
    let of: Vec<&Action> = actions.iter().filter(|action| action.status == status).collect();
    let components = plain.into_iter().chain(of.iter().map(|action| action.answers.0.as_str()));
    media(components, of.iter().map(|action| (action.name, action.answers.1.as_ref())))
}

/// What some actions take; whether there is always a body.
pub fn bodies(actions: &[Action]) -> (Value, bool) {
    let taken: Vec<_> = actions.iter().filter_map(|action| Some((action.name, action.takes.as_ref()?))).collect();
    let components = taken.iter().map(|(_, (component, _))| component.as_str());
    let body = media(components, taken.iter().map(|(name, (_, example))| (*name, example.as_ref())));
    (body, taken.len() == actions.len())
}

fn media<'a>(components: impl Iterator<Item = &'a str>, examples: impl Iterator<Item = (&'a str, Option<&'a Value>)>) -> Value {
    let mut named: Vec<&str> = Vec::new();
    for component in components {
        if !named.contains(&component) {
            named.push(component);
        }
    }
    let mut all: Vec<Value> = named.into_iter().map(|component| json!({ "$ref": reference(component) })).collect();
    let schema = if all.len() == 1 { all.swap_remove(0) } else { json!({ "anyOf": all }) };
    let mut out = json!({ "schema": schema });
    for (name, example) in examples {
        if let Some(example) = example {
            out["examples"][name] = json!({ "value": example });
        }
    }
    out
}

/// The components that actions name.
pub fn components() -> [(&'static str, Value); 5] {
    let text = || json!({ "type": "string" });
    let count = || json!({ "type": "integer", "minimum": 0 });
    let list = |item: Value| json!({ "type": "array", "items": item });
    let instant = || json!({ "type": "string", "format": "date-time" });
    let named = json!({ "_ref": text(), "_refResourceCollection": text(), "_refResourceId": text(), "name": text() });
    let with = |parts: Value, required: &[&str]| {
        let mut all = named.clone();
        if let (Some(all), Value::Object(parts)) = (all.as_object_mut(), parts) {
            all.extend(parts);
        }
        closed(all, &[&["_ref", "_refResourceCollection", "_refResourceId"], required].concat())
    };
    let name = || with(json!({}), &[]);
    let values = || json!({ "type": "object", "additionalProperties": { "type": "array" } });
    let term = |what: &str, more: Value, required: &[&str]| {
        let mut parts = json!({ what: text(), "values": values(), "result": { "type": "boolean" }, "error": text() });
        if let (Some(parts), Value::Object(more)) = (parts.as_object_mut(), more) {
            parts.extend(more);
        }
        closed(parts, &[&[what, "values"], required].concat())
    };
    let matched = closed(json!({ "source": text(), "matched": list(term("term", json!({}), &[])) }), &["source", "matched"]);
    let kinds = json!({ "type": "string", "enum": ["direct", "group", "bundle", "conditional"] });
    let grant = closed(json!({ "_id": text(), "at": instant(), "by": text() }), &["_id", "at"]);
    let way = json!({
        "type": kinds, "grant": grant, "groups": list(name()), "bundles": list(name()), "condition": matched,
        "from": instant(), "until": instant(),
    });
    let role = with(
        json!({ "type": kinds, "until": instant(), "ways": list(closed(way.clone(), &["type", "grant"])) }),
        &["type", "ways"],
    );
    let mut near = way;
    near["reason"] = json!({ "type": "string", "enum": ["notYet", "expired", "condition"] });
    near["condition"] = json!({ "anyOf": [matched, term("failing", json!({ "source": text() }), &["source"])] });
    let affected = || with(json!({ "change": { "type": "string", "enum": ["gains", "loses"] }, "error": text() }), &[]);
    [
        (
            "RoleExplanation",
            closed(
                json!({
                    "_id": text(), "at": instant(), "effectiveRoles": list(role), "nearMisses": list(with(near, &["reason"])),
                    "complete": { "type": "boolean" },
                }),
                &["_id", "at", "effectiveRoles", "nearMisses", "complete"],
            ),
        ),
        ("ConditionQuestion", closed(json!({ "condition": { "type": ["string", "object", "null"] } }), &[])),
        (
            "ConditionEvaluation",
            closed(
                json!({
                    "matching": count(), "gains": count(), "loses": count(),
                    "failures": closed(json!({ "count": count(), "first": list(affected()) }), &["count", "first"]),
                    "resultCount": count(), "result": list(affected()), "pagedResultsCookie": { "type": ["string", "null"] },
                }),
                &["resultCount", "result", "pagedResultsCookie"],
            ),
        ),
        (
            "EdgeBulk",
            closed(
                json!({
                    "add": list(json!({ "$ref": reference("Reference") })),
                    "remove": list(json!({ "anyOf": [text(), { "$ref": reference("Reference") }] })),
                }),
                &[],
            ),
        ),
        (
            "EdgeBulkCounts",
            object(
                json!({ "added": count(), "already": count(), "removed": count(), "absent": count() }),
                &["added", "already", "removed", "absent"],
            ),
        ),
    ]
}

fn explained() -> Value {
    let role = |id: &str| json!({ "_ref": format!("managed/role/{id}"), "_refResourceCollection": "managed/role", "_refResourceId": id, "name": id });
    let (mut held, mut near) = (role("lead"), role("auditor"));
    held["type"] = "conditional".into();
    held["ways"] = json!([{
        "type": "conditional",
        "grant": { "_id": "019ca9b2-5f0c-7cc0-8000-6d1f5f3b2a11", "at": "2026-03-01T00:00:00.000Z" },
        "condition": {
            "source": "/manager/title eq \"boss\"",
            "matched": [{
                "term": "manager/title eq \"boss\"",
                "values": { "manager": ["managed/user/bjensen"], "manager/title": ["boss"] },
            }],
        },
    }]);
    near["reason"] = "condition".into();
    near["condition"] = json!({
        "source": "{\"type\":\"rhai\",\"source\":\"user.country == \\\"FR\\\"\"}",
        "failing": "user.country == \"FR\"", "values": { "addresses.country": ["DE"] }, "result": false,
    });
    json!({ "_id": "ada", "at": "2026-03-02T00:00:00.000Z", "effectiveRoles": [held], "nearMisses": [near], "complete": true })
}

fn evaluated() -> Value {
    json!({
        "matching": 1, "gains": 1, "loses": 0, "failures": { "count": 0, "first": [] }, "resultCount": 1,
        "result": [{
            "_ref": "managed/user/ada", "_refResourceCollection": "managed/user", "_refResourceId": "ada", "name": "Ada",
            "change": "gains",
        }],
        "pagedResultsCookie": null,
    })
}
