//! One object type: its schemas, its IDM view, its relationships.

use serde::{Deserialize, Serialize};

use super::attribute::{Attribute, Uniqueness};
use super::path::{AttrPath, Home};
use super::relationship::Relationship;

/// A SCIM schema: a URN and its attributes.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Schema {
    /// URN.
    pub id: String,
    /// Name for people.
    #[serde(default)]
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// Whether a resource must carry this extension.
    #[serde(default)]
    pub required: bool,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
}

/// How an IDM property relates to the attribute behind it (spec/types.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub enum IdmForm {
    /// The value as it is.
    #[default]
    Plain,
    /// A scalar over a multi-valued attribute: the primary element, else the `work` one, else the first.
    Element,
    /// `active` / `inactive` over a boolean.
    Status,
    /// Text, or an object kept as its JSON text (`condition`).
    Source,
    /// Shown as it is; what a body says of it is ignored.
    Shown,
    /// Accepted, type-checked, discarded.
    Discarded,
}

/// One IDM property that shows an attribute.
#[derive(Debug, Clone)]
pub struct IdmProperty {
    /// Property name.
    pub name: String,
    /// The attribute behind it.
    pub path: AttrPath,
    /// How they relate.
    pub form: IdmForm,
}

/// An object type, as data says.
#[derive(Debug, Clone)]
pub struct ObjectType {
    /// Internal name: `user`, `group`, `role`.
    pub name: String,
    /// SCIM resource name and `meta.resourceType`.
    pub resource: String,
    /// SCIM endpoint with its slash, e.g. `/Users`.
    pub endpoint: String,
    /// For people.
    pub description: String,
    /// Whether writing it takes the scope for roles.
    pub privileged: bool,
    /// Version of the registry it belongs to; 0 for the shipped one.
    pub version: i64,
    /// Core schema first, then extensions.
    pub schemas: Vec<Schema>,
    /// id, externalId, schemas, meta.
    pub common: Vec<Attribute>,
    /// IDM collection, e.g. `managed/user`.
    pub collection: String,
    /// IDM properties over attributes.
    pub properties: Vec<IdmProperty>,
    /// Relationship properties.
    pub relationships: Vec<Relationship>,
    /// Attribute whose value stands for the object among people (`displayName`, `name`).
    pub label: AttrPath,
}

impl ObjectType {
    /// URN of the core schema.
    pub fn urn(&self) -> &str {
        &self.schemas[0].id
    }

    /// The relationship with this IDM property name.
    pub fn relationship(&self, name: &str) -> Option<&Relationship> {
        self.relationships.iter().find(|r| r.name == name)
    }

    /// The IDM property of this name.
    pub fn property(&self, name: &str) -> Option<&IdmProperty> {
        self.properties.iter().find(|p| p.name == name)
    }

    /// Every path down to sub-attributes, with its definition; complex attributes come before their parts.
    pub fn paths(&self) -> impl Iterator<Item = (AttrPath, &Attribute)> {
        let homes = (0..self.schemas.len()).map(Home::Schema);
        homes.flat_map(move |home| {
            self.attributes_of(home).iter().enumerate().flat_map(move |(attribute, definition)| {
                let whole = AttrPath { home, attribute, sub: None };
                let subs = definition.sub_attributes.iter().enumerate();
                std::iter::once((whole, definition)).chain(subs.map(move |(sub, d)| (AttrPath { sub: Some(sub), ..whole }, d)))
            })
        })
    }

    /// Paths that the attribute index covers, in schema order.
    pub fn indexed(&self) -> impl Iterator<Item = (AttrPath, &Attribute)> {
        self.paths().filter(|(_, a)| a.indexed)
    }

    /// Paths whose values are unique.
    pub fn unique(&self) -> impl Iterator<Item = (AttrPath, &Attribute)> {
        self.paths().filter(|(_, a)| a.uniqueness != Uniqueness::None)
    }
}
