//! How an object type is written down: the form of `schema/*.json` and of the admin API.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::attribute::Attribute;
use super::object_type::{IdmForm, IdmProperty, ObjectType, Schema};
use super::path::{AttrPath, Home};
use super::relationship::Relationship;

/// An object type as it is written. What is left out of an addition to a shipped type is as shipped.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Definition {
    /// Internal name.
    pub name: String,
    /// SCIM resource name.
    pub resource: String,
    /// SCIM endpoint with its slash.
    pub endpoint: String,
    /// For people.
    pub description: String,
    /// Path of the attribute that stands for an object among people.
    pub label: String,
    /// Whether writing it takes the scope for roles.
    pub privileged: bool,
    /// Core schema first, then extensions.
    pub schemas: Vec<Schema>,
    /// IDM collection.
    pub collection: String,
    /// IDM properties over attributes.
    pub properties: Vec<Property>,
    /// Relationship properties.
    pub relationships: Vec<Relationship>,
}

/// An IDM property over an attribute, as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Property {
    /// Its name.
    pub name: String,
    /// Path of the attribute.
    pub path: String,
    /// How they relate.
    #[serde(default)]
    pub form: IdmForm,
}

/// Why a definition does not hold: the member at fault and the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {rule}")]
pub struct Problem {
    /// The member, as a path into the definition.
    pub member: String,
    /// The rule that it breaks.
    pub rule: String,
}

impl Problem {
    /// A member and the rule it breaks.
    pub fn new(member: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { member: member.into(), rule: rule.into() }
    }
}

impl Definition {
    /// Reads a definition.
    ///
    /// # Errors
    /// [`Problem`] that names what is no member or of the wrong type.
    pub fn parse(value: &Value) -> Result<Self, Problem> {
        Self::deserialize(value).map_err(|e| Problem::new("body", e.to_string()))
    }

    /// The type it speaks of, with the `common` attributes of every type.
    ///
    /// # Errors
    /// [`Problem`] for a path that leads nowhere.
    pub fn build(self, common: Vec<Attribute>) -> Result<ObjectType, Problem> {
        if self.schemas.is_empty() {
            return Err(Problem::new("schemas", "a type has a core schema"));
        }
        let mut out = ObjectType {
            label: AttrPath { home: Home::Schema(0), attribute: 0, sub: None },
            name: self.name,
            resource: self.resource,
            endpoint: self.endpoint,
            description: self.description,
            privileged: self.privileged,
            version: 0,
            schemas: self.schemas,
            common,
            collection: self.collection,
            properties: Vec::new(),
            relationships: self.relationships,
        };
        let resolve = |member: &str, path: &str| {
            out.resolve_attribute(path).ok_or_else(|| Problem::new(member, format!("there is no attribute '{path}'")))
        };
        let label = resolve("label", &self.label)?;
        let property = |p: Property| {
            let path = resolve(&format!("properties.{}.path", p.name), &p.path)?;
            Ok(IdmProperty { path, name: p.name, form: p.form })
        };
        let properties = self.properties.into_iter().map(property).collect::<Result<_, _>>()?;
        out.label = label;
        out.properties = properties;
        Ok(out)
    }
}

/// An object type in the form in which it is written.
pub fn written(kind: &ObjectType) -> Value {
    let schema = |s: &Schema| {
        json!({
            "id": s.id,
            "name": s.name,
            "description": s.description,
            "attributes": s.attributes.iter().map(attribute).collect::<Vec<_>>(),
        })
    };
    let property = |p: &IdmProperty| Property { name: p.name.clone(), path: kind.path_text(p.path), form: p.form };
    let mut out = json!({
        "name": kind.name,
        "resource": kind.resource,
        "endpoint": kind.endpoint,
        "description": kind.description,
        "label": kind.path_text(kind.label),
        "schemas": kind.schemas.iter().map(schema).collect::<Vec<_>>(),
        "collection": kind.collection,
        "properties": kind.properties.iter().map(property).collect::<Vec<_>>(),
        "relationships": kind.relationships,
    });
    if kind.privileged {
        out["privileged"] = true.into();
    }
    out
}

/// An attribute with what Provost adds to the characteristics of the RFC.
pub fn attribute(attribute: &Attribute) -> Value {
    let mut out = Map::new();
    if let Ok(Value::Object(plain)) = serde_json::to_value(attribute) {
        out = plain;
    }
    for (name, set) in [
        ("indexed", attribute.indexed),
        ("sensitive", attribute.sensitive),
        ("discarded", attribute.discarded),
        ("generated", attribute.generated),
        ("json", attribute.json),
    ] {
        if set {
            out.insert(name.to_owned(), true.into());
        }
    }
    if let Some(default) = &attribute.default {
        out.insert("default".to_owned(), default.clone());
    }
    if let Some(relationship) = &attribute.relationship {
        out.insert("relationship".to_owned(), relationship.clone().into());
    }
    if !attribute.sub_attributes.is_empty() {
        let subs: Vec<Value> = attribute.sub_attributes.iter().map(self::attribute).collect();
        out.insert("subAttributes".to_owned(), subs.into());
    }
    Value::Object(out)
}
