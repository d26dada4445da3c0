//! References by `bulkId:` to what the same bulk makes (RFC 7644 §3.7.2).
//!
//! A text that is `bulkId:` and a name is one wherever it stands; so is the last segment of a `$ref`, and a quoted text in
//! the filter of a PATCH path.

use std::collections::HashMap;
use std::ops::Range;

use serde_json::Value;

use crate::domain::document::Map;
use crate::domain::error::{Fault, Kind, excerpt};

/// What marks a reference.
pub const PREFIX: &str = "bulkId:";

/// The name that a whole text refers to.
pub fn name(text: &str) -> Option<&str> {
    text.strip_prefix(PREFIX).filter(|name| !name.is_empty())
}

/// What became of the operations that make something.
#[derive(Debug, Clone, Default)]
pub struct Ids(HashMap<String, State>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Made(String),
    Failed,
    ToCome,
}

impl Ids {
    /// The operation made an object with this wire id, or failed.
    pub fn settle(&mut self, name: &str, wire_id: Option<&str>) {
        self.0.insert(name.to_owned(), wire_id.map_or(State::Failed, |id| State::Made(id.to_owned())));
    }

    /// The operation stands in a circle and has not run yet.
    pub fn announce(&mut self, name: &str) {
        self.0.insert(name.to_owned(), State::ToCome);
    }

    /// Whether it was announced and nothing came of it yet.
    pub fn is_to_come(&self, name: &str) -> bool {
        self.0.get(name) == Some(&State::ToCome)
    }

    /// The wire id; `None` for what is still to come.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] for a name that no operation makes known, [`Kind::Conflict`] when its operation failed.
    pub fn wire_id(&self, name: &str) -> Result<Option<&str>, Fault> {
        match self.0.get(name) {
            Some(State::Made(id)) => Ok(Some(id)),
            Some(State::ToCome) => Ok(None),
            Some(State::Failed) => {
                Err(Fault::new(Kind::Conflict, format!("it refers to bulkId '{}', whose operation failed", excerpt(name))))
            }
            None => {
                let text = format!("it refers to bulkId '{}', which no POST of this bulk has", excerpt(name));
                Err(Fault::new(Kind::InvalidValue, text))
            }
        }
    }
}

// Where references stand in a text: each with its mark and name.
fn places(key: &str, text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    if name(text).is_some() {
        out.push(0..text.len());
    } else if key == "$ref" {
        out.extend(text.rfind('/').map(|slash| slash + 1..text.len()).filter(|place| name(&text[place.clone()]).is_some()));
    } else if key.eq_ignore_ascii_case("path") {
        let mut from = 0;
        while let Some(quote) = text[from..].find('"').map(|at| from + at + 1) {
            let end = text[quote..].find('"').map_or(text.len(), |at| quote + at);
            out.extend(Some(quote..end).filter(|place| name(&text[place.clone()]).is_some()));
            from = text.len().min(end + 1);
        }
    }
    out
}

/// The names that a body refers to, each once, in the order in which they stand.
pub fn names(body: &Value) -> Vec<String> {
    fn walk(key: &str, value: &Value, out: &mut Vec<String>) {
        match value {
            Value::String(text) => {
                for place in places(key, text) {
                    let name = text[place.start + PREFIX.len()..place.end].to_owned();
                    if !out.contains(&name) {
                        out.push(name);
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|item| walk("", item, out)),
            Value::Object(object) => object.iter().for_each(|(key, item)| walk(key, item, out)),
            _ => {}
        }
    }
    let mut out = Vec::new();
    walk("", body, &mut out);
    out
}

/// Puts ids in the place of references. What refers to something that is still to come is left out: the element of a list,
/// or the attribute.
///
/// # Errors
/// As [`Ids::wire_id`].
pub fn resolve(body: &Value, ids: &Ids) -> Result<Value, Fault> {
    Ok(resolved("", body, ids)?.unwrap_or_default())
}

fn resolved(key: &str, value: &Value, ids: &Ids) -> Result<Option<Value>, Fault> {
    Ok(Some(match value {
        Value::String(text) => {
            let mut out = text.clone();
            for place in places(key, text).into_iter().rev() {
                let Some(id) = ids.wire_id(&text[place.start + PREFIX.len()..place.end])? else { return Ok(None) };
                out.replace_range(place, id);
            }
            out.into()
        }
        Value::Array(list) => {
            let mut out = Vec::with_capacity(list.len());
            for item in list {
                out.extend(resolved("", item, ids)?);
            }
            out.into()
        }
        Value::Object(object) => {
            let mut out = Map::new();
            for (key, item) in object {
                match resolved(key, item, ids)? {
                    Some(item) => _ = out.insert(key.clone(), item),
                    // What the element is about is missing.
                    None if matches!(key.as_str(), "value" | "$ref") => return Ok(None),
                    None => {}
                }
            }
            out.into()
        }
        other => other.clone(),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ids() -> Ids {
        let mut ids = Ids::default();
        ids.settle("a", Some("1"));
        ids.settle("b", Some("2"));
        ids.settle("lost", None);
        ids.announce("later");
        ids
    }

    #[test]
    fn references_are_found_where_values_stand() {
        for (body, found, becomes) in [
            (
                json!({"members": [{"value": "bulkId:a"}, {"value": "x"}]}),
                "a",
                json!({"members": [{"value": "1"}, {"value": "x"}]}),
            ),
            (json!({"manager": "bulkId:b"}), "b", json!({"manager": "2"})),
            (json!({"members": ["bulkId:a", "bulkId:b", "bulkId:a"]}), "a b", json!({"members": ["1", "2", "1"]})),
            (json!({"$ref": "../Users/bulkId:a"}), "a", json!({"$ref": "../Users/1"})),
            (json!({"$ref": "bulkId:a"}), "a", json!({"$ref": "1"})),
            (
                json!({"path": "members[value eq \"bulkId:a\" or value eq \"bulkId:b\"]"}),
                "a b",
                json!({"path": "members[value eq \"1\" or value eq \"2\"]"}),
            ),
            (json!({"PATH": "x[value eq \"bulkId:a"}), "a", json!({"PATH": "x[value eq \"1"})),
            (
                json!({"title": "a bulkId:a", "x": "bulkid:a", "y": "bulkId:"}),
                "",
                json!({"title": "a bulkId:a", "x": "bulkid:a", "y": "bulkId:"}),
            ),
            (
                json!({"a": [{"value": "bulkId:later", "type": "User"}, "bulkId:later"], "b": "bulkId:later"}),
                "later",
                json!({"a": []}),
            ),
            (json!({"x": {"manager": {"value": "bulkId:later"}}, "y": 1}), "later", json!({"x": {}, "y": 1})),
        ] {
            assert_eq!(names(&body).join(" "), found, "{body}");
            assert_eq!(resolve(&body, &ids()).unwrap(), becomes, "{body}");
        }
    }

    #[test]
    fn what_cannot_be_resolved_is_named() {
        for (name, kind) in [("nowhere", Kind::InvalidValue), ("lost", Kind::Conflict)] {
            let fault = resolve(&json!([{"value": format!("bulkId:{name}")}]), &ids()).unwrap_err();
            assert_eq!(fault.kind, kind);
            assert!(fault.detail.contains(&format!("'{name}'")), "{fault}");
        }
    }
}
