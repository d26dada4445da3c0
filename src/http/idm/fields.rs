//! `_fields`: which properties an answer holds, and which references are expanded (spec/idm.md §1.3).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::domain::schema::{ObjectType, Returned};

/// What is wanted of the objects at the far end of a relationship.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expansion {
    /// All their default properties.
    pub all: bool,
    /// These.
    pub named: Vec<String>,
}

/// A parsed `_fields`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fields {
    /// All properties that are stored with the object.
    pub defaults: bool,
    /// These properties.
    pub named: Vec<String>,
    /// Parts of these properties: for each the paths within it, none of them empty.
    pub parts: BTreeMap<String, Vec<Vec<String>>>,
    /// Relationships, each as bare references or with parts of their targets.
    pub relationships: BTreeMap<String, Expansion>,
    /// What is wanted of the roles in effect, where they are shown.
    pub effective_roles: Expansion,
}

/// Property name of the assignments in effect.
pub const EFFECTIVE_ASSIGNMENTS: &str = "effectiveAssignments";

/// Property name of the roles in effect.
pub const EFFECTIVE_ROLES: &str = "effectiveRoles";

impl Fields {
    /// Reads a comma-separated list of JSON pointers; unknown names select nothing.
    pub fn parse(kind: &ObjectType, text: Option<&str>) -> Self {
        let mut out = Self::default();
        let mut any = false;
        for field in text.unwrap_or_default().split(',').map(str::trim).filter(|f| !f.is_empty()) {
            any = true;
            let mut parts = field.trim_start_matches('/').split('/');
            let head = parts.next().unwrap_or_default();
            let rest: Vec<&str> = parts.collect();
            match head {
                "*" => out.defaults = true,
                "*_ref" => {
                    for relationship in &kind.relationships {
                        out.expand(&relationship.name, true, &rest);
                    }
                }
                name => match kind.relationship(name) {
                    Some(relationship) => out.expand(name, relationship.many, &rest),
                    None => {
                        if name == EFFECTIVE_ROLES {
                            out.effective_roles.add(true, &rest);
                        }
                        // All elements of a list are the list.
                        if matches!(rest.as_slice(), [] | ["*"]) || kind.property(name).is_none() {
                            out.named.push(name.to_owned());
                        } else {
                            let path = rest.iter().map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
                            out.parts.entry(name.to_owned()).or_default().push(path);
                        }
                    }
                },
            }
        }
        out.defaults |= !any;
        out
    }

    fn expand(&mut self, name: &str, many: bool, rest: &[&str]) {
        self.relationships.entry(name.to_owned()).or_default().add(many, rest);
    }

    /// Whether a property stored with the object is wanted.
    pub fn wants(&self, property: &str) -> bool {
        self.defaults || self.named.iter().any(|n| n == property)
    }
}

impl Fields {
    /// Whether a property that shows an attribute is wanted, and may be shown: what is returned on request must be named.
    pub fn shows(&self, kind: &ObjectType, name: &str) -> bool {
        match kind.property(name).map(|p| (kind.attribute(p.path).returned, kind.leaf(p.path).returned)) {
            Some((Returned::Never, _) | (_, Returned::Never)) => false,
            Some((Returned::Request, _) | (_, Returned::Request)) => {
                self.named.iter().any(|n| n == name) || self.parts.contains_key(name)
            }
            _ => self.wants(name) || self.parts.contains_key(name),
        }
    }

    /// As much of a property as is wanted; none of it, when what is wanted is not there.
    pub fn cut(&self, name: &str, value: Value) -> Option<Value> {
        match self.parts.get(name) {
            Some(paths) if !self.wants(name) => part(&value, &paths.iter().map(Vec::as_slice).collect::<Vec<_>>()),
            _ => Some(value),
        }
    }
}

// What of a value stands at the paths. A path goes on in each element of a list, with or without `*`.
fn part(value: &Value, paths: &[&[String]]) -> Option<Value> {
    if paths.iter().any(|path| path.is_empty()) {
        return Some(value.clone());
    }
    match value {
        Value::Object(members) => {
            let within = |(name, value): (&String, &Value)| {
                let below: Vec<&[String]> = paths.iter().filter(|path| path[0] == *name).map(|path| &path[1..]).collect();
                Some((name.clone(), part(value, &below).filter(|_| !below.is_empty())?))
            };
            let found: Map<String, Value> = members.iter().filter_map(within).collect();
            (!found.is_empty()).then_some(Value::Object(found))
        }
        Value::Array(items) => {
            let below: Vec<&[String]> = paths.iter().map(|path| path.strip_prefix(&["*".to_owned()]).unwrap_or(path)).collect();
            Some(items.iter().filter_map(|item| part(item, &below)).collect())
        }
        _ => None,
    }
}

impl Expansion {
    // `roles`, `roles/*`, `roles/*/name`; of a singleton also `manager/mail`.
    fn add(&mut self, many: bool, rest: &[&str]) {
        match rest {
            [] => {}
            ["*"] => self.all = true,
            ["*", field, ..] => self.named.push((*field).to_owned()),
            [field, ..] if !many => self.named.push((*field).to_owned()),
            _ => {}
        }
    }

    /// Whether targets have to be loaded.
    pub fn is_wanted(&self) -> bool {
        self.all || !self.named.is_empty()
    }

    /// The same wish as fields of the target.
    pub fn fields(&self) -> Fields {
        Fields { defaults: self.all, named: self.named.clone(), ..Fields::default() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::schema::Registry;

    #[test]
    fn the_table_of_the_specification() {
        let registry = Registry::shipped().unwrap();
        let user = registry.by_name("user").unwrap();
        let parse = |text: &str| Fields::parse(user, Some(text));
        assert!(parse("").defaults && parse("").relationships.is_empty());
        assert!(parse("*").defaults);
        assert_eq!(parse("roles").relationships["roles"], Expansion::default());
        assert!(!parse("roles").defaults);
        assert_eq!(parse("*_ref").relationships.len(), user.relationships.len());
        assert!(parse("*,roles/*").relationships["roles"].all);
        assert_eq!(parse("roles/*/name").relationships["roles"].named, ["name"]);
        assert_eq!(parse("/manager/mail").relationships["manager"].named, ["mail"]);
        assert!(parse("*_ref/*").relationships["manager"].all);
        assert_eq!(parse("effectiveRoles/*/name").effective_roles.named, ["name"]);
        assert!(parse("effectiveRoles/*/name").wants(EFFECTIVE_ROLES) && !parse("effectiveRoles").effective_roles.is_wanted());
        assert!(parse("userName").wants("userName") && !parse("userName").wants("mail"));
    }

    #[test]
    fn pointers_into_a_property_cut_it() {
        let registry = Registry::shipped().unwrap();
        let role = registry.by_name("role").unwrap();
        let value = json!({ "a": { "b": 1, "c": 2 }, "d~/": 3, "list": [{ "x": 1, "y": 2 }, { "y": 3 }, 4] });
        for (fields, expected) in [
            ("condition", value.clone()),
            ("condition/a", json!({ "a": { "b": 1, "c": 2 } })),
            ("condition/a/b", json!({ "a": { "b": 1 } })),
            ("condition/a/b,/condition/d~0~1", json!({ "a": { "b": 1 }, "d~/": 3 })),
            ("condition/a/b,condition", value.clone()),
            ("condition/list/*/x", json!({ "list": [{ "x": 1 }] })),
            ("condition/list/y", json!({ "list": [{ "y": 2 }, { "y": 3 }] })),
            ("condition/nope", Value::Null),
            ("condition/a/b/c", Value::Null),
        ] {
            let parsed = Fields::parse(role, Some(fields));
            assert!(parsed.shows(role, "condition") && !parsed.shows(role, "name"), "{fields}");
            assert_eq!(parsed.cut("condition", value.clone()).unwrap_or_default(), expected, "{fields}");
        }
    }
}
