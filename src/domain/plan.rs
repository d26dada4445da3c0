//! What to do at a target: the difference between what it should hold and what was last written there. Pure, so that a
//! preview and the engine cannot differ.

use aws_lc_rs::digest::{SHA256, digest as sha};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::domain::mapping::DocumentPath;

/// What a target can do; read from it, remembered, and lowered when it turns out otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// Parts of an object can be changed; without it the whole object is sent.
    pub patch: bool,
    /// Objects can be found by attribute.
    pub filter: bool,
    /// Versions are kept and preconditions heeded.
    pub etag: bool,
    /// Most objects in one answer.
    pub max_results: Option<u32>,
    /// Most operations in one bulk request; `None` without bulk.
    pub bulk_operations: Option<u32>,
    /// Most members changed by one request.
    pub max_members: usize,
}

impl Default for Capabilities {
    /// What is assumed of a target that does not say.
    fn default() -> Self {
        Self { patch: true, filter: true, etag: false, max_results: None, bulk_operations: None, max_members: 1000 }
    }
}

/// How a change acts (RFC 7644 §3.5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// Adds elements to a list.
    Add,
    /// Sets a value, whether there was one or not.
    Replace,
    /// Takes a value away.
    Remove,
}

/// One change to an object at the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// How it acts.
    pub op: Op,
    /// Where, as [`DocumentPath`] prints it.
    pub path: String,
    /// The value; none for [`Op::Remove`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

/// What to do with one object.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// It is as it should be.
    Nothing,
    /// It is not there: create it.
    Create(Map<String, Value>),
    /// It is there and differs.
    Update(Vec<Change>),
}

/// Plans one object. `applied` is what was last written, or what the target answered; `None` when it does not hold the object.
/// Only `owned` paths are compared: what others wrote at the target is left alone.
pub fn plan(desired: &Map<String, Value>, owned: &[DocumentPath], applied: Option<&Map<String, Value>>) -> Plan {
    let Some(applied) = applied else { return Plan::Create(desired.clone()) };
    let mut changes = Vec::new();
    let mut elements: Vec<DocumentPath> = Vec::new();
    for path in owned {
        if path.filter.is_none() {
            changes.extend(difference(path, path.get(desired), path.get(applied)));
            continue;
        }
        let element = path.parent();
        match (element.get(desired), element.get(applied)) {
            (Some(_), Some(_)) => changes.extend(difference(path, path.get(desired), path.get(applied))),
            (None, None) => {}
            // A filter that matches nothing creates nothing (RFC 7644 §3.5.2.3), so a new element goes in whole, once.
            (wanted, _) if !elements.contains(&element) => {
                changes.push(match wanted {
                    Some(wanted) => {
                        Change { op: Op::Add, path: element.whole().to_string(), value: Some(Value::Array(vec![wanted.clone()])) }
                    }
                    None => Change { op: Op::Remove, path: element.to_string(), value: None },
                });
                elements.push(element);
            }
            _ => {}
        }
    }
    if changes.is_empty() { Plan::Nothing } else { Plan::Update(changes) }
}

fn difference(path: &DocumentPath, wanted: Option<&Value>, found: Option<&Value>) -> Option<Change> {
    match (wanted, found) {
        (Some(wanted), Some(found)) if same(wanted, found) => None,
        (Some(wanted), _) => Some(Change { op: Op::Replace, path: path.to_string(), value: Some(wanted.clone()) }),
        (None, Some(_)) => Some(Change { op: Op::Remove, path: path.to_string(), value: None }),
        (None, None) => None,
    }
}

/// Whether two values are equal; the order of lists is not significant (RFC 7643 §2.4).
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            let mut rest: Vec<&Value> = b.iter().collect();
            a.len() == b.len()
                && a.iter().all(|a| match rest.iter().position(|b| same(a, b)) {
                    Some(at) => {
                        rest.swap_remove(at);
                        true
                    }
                    None => false,
                })
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

/// The changes as operations of a SCIM PATCH.
pub fn operations(changes: &[Change]) -> Vec<Value> {
    changes.iter().map(|change| json!(change)).collect()
}

/// The whole object after the changes, for targets without PATCH: what the target holds, with ours laid over it.
pub fn overlay(held: &Map<String, Value>, changes: &[Change]) -> Map<String, Value> {
    let mut out = held.clone();
    out.shift_remove("meta");
    for change in changes {
        // Changes print the paths that they were planned from.
        let Ok(path) = DocumentPath::parse(&change.path) else { continue };
        match (change.op, &change.value) {
            (Op::Remove, _) => path.remove(&mut out),
            (Op::Replace, Some(value)) => path.put(&mut out, value.clone()),
            (Op::Add, Some(Value::Array(given))) => {
                let mut elements = path.get(&out).and_then(Value::as_array).cloned().unwrap_or_default();
                elements.extend(given.iter().cloned());
                path.put(&mut out, Value::Array(elements));
            }
            (Op::Add | Op::Replace, _) => {}
        }
    }
    out
}

/// SHA-256 over the document with its keys in order: equal digests, nothing to do.
pub fn digest(document: &Map<String, Value>) -> [u8; 32] {
    let mut text = String::new();
    write_object(document, &mut text);
    let mut out = [0; 32];
    out.copy_from_slice(sha(&SHA256, text.as_bytes()).as_ref());
    out
}

fn write_object(members: &Map<String, Value>, out: &mut String) {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_unstable_by_key(|(name, _)| *name);
    out.push('{');
    for (name, value) in members {
        out.push_str(&Value::from(name.as_str()).to_string());
        out.push(':');
        write(value, out);
        out.push(',');
    }
    out.push('}');
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => write_object(members, out),
        Value::Array(items) => {
            out.push('[');
            for item in items {
                write(item, out);
                out.push(',');
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// The document without some paths: sensitive values are not kept.
pub fn without(document: &Map<String, Value>, paths: &[DocumentPath]) -> Map<String, Value> {
    let mut out = document.clone();
    paths.iter().for_each(|path| path.remove(&mut out));
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn paths(texts: &[&str]) -> Vec<DocumentPath> {
        texts.iter().map(|text| DocumentPath::parse(text).unwrap()).collect()
    }

    fn changes(desired: Value, owned: &[&str], applied: Value) -> Value {
        match plan(&map(desired), &paths(owned), Some(&map(applied))) {
            Plan::Nothing => json!([]),
            Plan::Update(changes) => Value::Array(operations(&changes)),
            Plan::Create(_) => panic!("it is there"),
        }
    }

    #[test]
    fn changes_only_what_it_owns() {
        for (desired, owned, applied, want) in [
            (json!({"a": 1}), vec!["a"], json!({"a": 1, "b": 2}), json!([])),
            (json!({"a": 2}), vec!["a"], json!({"a": 1}), json!([{"op": "replace", "path": "a", "value": 2}])),
            (json!({}), vec!["a"], json!({"a": 1, "b": 2}), json!([{"op": "remove", "path": "a"}])),
            (json!({}), vec![], json!({"a": 1}), json!([])),
            (
                json!({"n": {"g": "x"}}),
                vec!["n.g", "n.f"],
                json!({"n": {"g": "y", "f": "z"}}),
                json!([
                {"op": "replace", "path": "n.g", "value": "x"}, {"op": "remove", "path": "n.f"}]),
            ),
            (json!({"l": [1, {"x": 1, "y": 2}]}), vec!["l"], json!({"l": [{"y": 2, "x": 1}, 1]}), json!([])),
            (json!({"l": [1, 1]}), vec!["l"], json!({"l": [1, 2]}), json!([{"op": "replace", "path": "l", "value": [1, 1]}])),
            (
                json!({"urn:x": {"m": {"value": "r"}}}),
                vec!["urn:x:m"],
                json!({}),
                json!([
                {"op": "replace", "path": "urn:x:m", "value": {"value": "r"}}]),
            ),
        ] {
            assert_eq!(changes(desired, &owned, applied), want);
        }
    }

    #[test]
    fn elements_go_in_and_out_whole() {
        let owned = ["e[type eq \"work\"].value", "e[type eq \"work\"].primary"];
        let work = json!({"e": [{"type": "work", "value": "w", "primary": true}]});
        let other = json!({"type": "home", "value": "h"});
        for (desired, applied, want) in [
            (work.clone(), json!({}), json!([{"op": "add", "path": "e", "value": work["e"]}])),
            (work.clone(), json!({"e": [other]}), json!([{"op": "add", "path": "e", "value": work["e"]}])),
            (json!({}), work.clone(), json!([{"op": "remove", "path": "e[type eq \"work\"]"}])),
            (json!({}), json!({"e": [other]}), json!([])),
            (
                work.clone(),
                json!({"e": [{"type": "work", "value": "x", "primary": true}]}),
                json!([
                {"op": "replace", "path": "e[type eq \"work\"].value", "value": "w"}]),
            ),
            (
                json!({"e": [{"type": "work", "value": "w"}]}),
                work,
                json!([{"op": "remove", "path": "e[type eq \"work\"].primary"}]),
            ),
        ] {
            assert_eq!(changes(desired, &owned, applied), want);
        }
    }

    #[test]
    fn absent_objects_are_created() {
        assert_eq!(plan(&map(json!({"a": 1})), &[], None), Plan::Create(map(json!({"a": 1}))));
    }

    #[test]
    fn an_overlay_keeps_what_is_not_ours() {
        let held = map(json!({"id": "1", "meta": {"version": "x"}, "a": 1, "theirs": 2, "e": [{"type": "home"}]}));
        let changes = [
            Change { op: Op::Replace, path: "a".to_owned(), value: Some(json!(3)) },
            Change { op: Op::Add, path: "e".to_owned(), value: Some(json!([{"type": "work"}])) },
            Change { op: Op::Remove, path: "e[type eq \"home\"]".to_owned(), value: None },
        ];
        assert_eq!(Value::Object(overlay(&held, &changes)), json!({"id": "1", "a": 3, "theirs": 2, "e": [{"type": "work"}]}));
    }

    #[test]
    fn digests_ignore_the_order_of_keys_and_nothing_else() {
        let d = |value: Value| digest(&map(value));
        assert_eq!(d(json!({"a": 1, "b": {"c": [1], "d": "x"}})), d(json!({"b": {"d": "x", "c": [1]}, "a": 1})));
        let apart = [
            json!({"a": 1}),
            json!({"a": "1"}),
            json!({"a": [1]}),
            json!({"a": [[1]]}),
            json!({"a": {"b": 1}}),
            json!({"a": true}),
        ];
        for (at, a) in apart.iter().enumerate() {
            assert!(apart[..at].iter().all(|b| d(a.clone()) != d(b.clone())), "{a}");
        }
        assert_eq!(without(&map(json!({"a": 1, "p": 2})), &paths(&["p"])), map(json!({"a": 1})));
    }

    const OWNED: [&str; 6] = ["a", "n.x", "n.y", "e[type eq \"work\"].value", "e[type eq \"home\"].value", "urn:x:d"];

    fn any_document() -> impl Strategy<Value = Map<String, Value>> {
        proptest::collection::vec(proptest::option::of(0..3), OWNED.len()).prop_map(|values| {
            let mut out = Map::new();
            for (text, value) in OWNED.iter().zip(values) {
                if let Some(value) = value {
                    DocumentPath::parse(text).unwrap().put(&mut out, json!(value));
                }
            }
            out
        })
    }

    proptest! {
        #[test]
        fn applying_the_plan_ends_the_difference(desired in any_document(), applied in any_document()) {
            let owned = paths(&OWNED);
            match plan(&desired, &owned, Some(&applied)) {
                Plan::Nothing => prop_assert!(same(&Value::Object(desired), &Value::Object(applied))),
                Plan::Update(changes) => {
                    let after = overlay(&applied, &changes);
                    prop_assert!(same(&Value::Object(after.clone()), &Value::Object(desired.clone())), "{:?} {:?}", after, changes);
                    prop_assert_eq!(plan(&desired, &owned, Some(&after)), Plan::Nothing);
                }
                Plan::Create(_) => prop_assert!(false),
            }
        }
    }
}
