//! What differs between two documents of an object, attribute by attribute, without what may never be shown.

use serde_json::{Map, Value};

use super::schema::{Attribute, Mutability, ObjectType, Returned};

/// The attributes that differ, each side by itself; an extension's stand in an object under its URN.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Difference {
    /// As they were; what is missing had no value.
    pub before: Map<String, Value>,
    /// As they are; what is missing has no value.
    pub after: Map<String, Value>,
    /// Paths of attributes that differ and are never shown.
    pub hidden: Vec<String>,
}

/// Compares two documents of a type; `None` is an object that is not there.
pub fn difference(kind: &ObjectType, before: Option<&Map<String, Value>>, after: Option<&Map<String, Value>>) -> Difference {
    let empty = Map::new();
    let (before, after) = (before.unwrap_or(&empty), after.unwrap_or(&empty));
    let mut out = Difference::default();
    for name in names(before, after) {
        let (was, is) = (before.get(name), after.get(name));
        if was == is {
            continue;
        }
        if kind.schemas.iter().skip(1).any(|schema| schema.id == *name) {
            let (was, is) = (was.and_then(Value::as_object).unwrap_or(&empty), is.and_then(Value::as_object).unwrap_or(&empty));
            for sub in names(was, is) {
                out.compare(kind, Some(name), sub, was.get(sub), is.get(sub));
            }
        } else {
            out.compare(kind, None, name, was, is);
        }
    }
    out
}

/// Every name of either, each once.
fn names<'a>(a: &'a Map<String, Value>, b: &'a Map<String, Value>) -> impl Iterator<Item = &'a String> {
    a.keys().chain(b.keys().filter(|name| !a.contains_key(*name)))
}

impl Difference {
    fn compare(&mut self, kind: &ObjectType, urn: Option<&str>, name: &str, was: Option<&Value>, is: Option<&Value>) {
        if was == is {
            return;
        }
        let path = urn.map_or_else(|| name.to_owned(), |urn| format!("{urn}:{name}"));
        // What no schema knows any more may have been sensitive.
        let shown = kind.resolve_attribute(&path).map(|at| kind.attribute(at)).filter(|attribute| !is_secret(attribute));
        let Some(attribute) = shown else { return self.hidden.push(path) };
        let (was, is) = (was.map(|value| open(attribute, value)), is.map(|value| open(attribute, value)));
        if attribute.sub_attributes.iter().any(is_secret) && was == is {
            return self.hidden.push(path);
        }
        for (side, value) in [(&mut self.before, was), (&mut self.after, is)] {
            let Some(value) = value else { continue };
            match urn {
                None => _ = side.insert(name.to_owned(), value),
                Some(urn) => {
                    if let Value::Object(members) = side.entry(urn).or_insert_with(|| Map::new().into()) {
                        members.insert(name.to_owned(), value);
                    }
                }
            }
        }
    }
}

/// Whether a value may stand in no log and no answer.
fn is_secret(attribute: &Attribute) -> bool {
    attribute.sensitive
        || attribute.discarded
        || attribute.returned == Returned::Never
        || attribute.mutability == Mutability::WriteOnly
}

/// A value without its secret parts.
fn open(attribute: &Attribute, value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| open(attribute, item)).collect(),
        Value::Object(members) => {
            let keep = |name: &str| attribute.sub(name).is_none_or(|(_, sub)| !is_secret(sub));
            Value::Object(members.iter().filter(|(name, _)| keep(name)).map(|(n, v)| (n.clone(), v.clone())).collect())
        }
        scalar => scalar.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::schema::Registry;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn names_what_differs_and_no_secret() {
        let registry = Registry::shipped().unwrap();
        let mut kind = (**registry.by_name("user").unwrap()).clone();
        for schema in &mut kind.schemas {
            for attribute in &mut schema.attributes {
                attribute.sensitive |= ["nickName", "division"].contains(&attribute.name.as_str());
                for sub in &mut attribute.sub_attributes {
                    sub.sensitive |= attribute.name == "phoneNumbers" && sub.name == "value";
                }
            }
        }
        let before = map(json!({
            "userName": "a", "title": "x", "nickName": "s1", "password": "p1", "gone": 1,
            "phoneNumbers": [{"type": "work", "value": "s2"}], "name": {"givenName": "A"},
            ENTERPRISE: {"department": "d", "division": "s3", "costCenter": "c"},
        }));
        let after = map(json!({
            "userName": "a", "nickName": "s4", "password": "p2",
            "phoneNumbers": [{"type": "work", "value": "s5"}], "name": {"givenName": "B"},
            ENTERPRISE: {"department": "e", "division": "s6", "costCenter": "c"},
        }));
        let found = difference(&kind, Some(&before), Some(&after));
        assert_eq!(
            Value::Object(found.before),
            json!({"title": "x", "name": {"givenName": "A"}, ENTERPRISE: {"department": "d"}})
        );
        assert_eq!(Value::Object(found.after), json!({"name": {"givenName": "B"}, ENTERPRISE: {"department": "e"}}));
        let division = format!("{ENTERPRISE}:division");
        assert_eq!(found.hidden, ["nickName", "password", "gone", "phoneNumbers", division.as_str()]);
        let made = difference(&kind, None, Some(&before));
        assert!(made.before.is_empty());
        assert_eq!(made.after["phoneNumbers"], json!([{"type": "work"}]));
        assert_eq!(difference(&kind, Some(&before), Some(&before)), Difference::default());
    }
}
