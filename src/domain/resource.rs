//! An object with what is known about it, ready for a dialect to render or a filter to read.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::document::values;
use super::edge::is_conditional;
use super::key::Key;
use super::schema::{Backing, ObjectType};
use super::time::Timestamp;

/// An object of a tenant, seen by one source.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Its type.
    pub kind: Arc<ObjectType>,
    /// Its internal key.
    pub key: Key,
    /// The id clients see.
    pub wire_id: String,
    /// Its revision.
    pub rev: i64,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed.
    pub modified: Timestamp,
    /// `externalId` as the caller's source knows it.
    pub external_id: Option<String>,
    /// The canonical document.
    pub doc: Map<String, Value>,
    /// Related objects by relationship property, as far as they were loaded.
    pub related: BTreeMap<String, Vec<Related>>,
    /// Roles in effect, each once, if they were loaded.
    pub effective_roles: Option<Vec<EffectiveRole>>,
    /// Assignments in effect, each once, if they were loaded.
    pub effective_assignments: Vec<Resource>,
    /// Role elements that a client wrote and that lead nowhere: shown as they were sent, conferring nothing.
    pub unresolved_roles: Vec<Value>,
}

/// The other end of an edge, or a reference that leads nowhere.
#[derive(Debug, Clone)]
pub struct Related {
    /// The edge, unless the reference is unresolved or derived.
    pub edge: Option<Edge>,
    /// The object type at the other end.
    pub kind: Arc<ObjectType>,
    /// Its key.
    pub key: Key,
    /// The id clients see.
    pub wire_id: String,
    /// Its name for people.
    pub label: Option<String>,
    /// Whether it is reached through another group only.
    pub indirect: bool,
}

/// What an edge carries.
#[derive(Debug, Clone)]
pub struct Edge {
    /// Its id, the same from either side.
    pub id: Key,
    /// Its revision.
    pub rev: i64,
    /// Variant: empty for static, `conditional`, or a digest of its properties.
    pub variant: String,
    /// What IDM shows in `_refProperties` beside `_id`, `_rev` and `_grantType`.
    pub properties: Map<String, Value>,
    /// What SCIM keeps beside a direct grant.
    pub kept: Map<String, Value>,
}

impl Edge {
    /// Whether a role's condition made it.
    pub fn is_conditional(&self) -> bool {
        is_conditional(&self.variant)
    }
}

/// A role in effect and the first way it is held.
#[derive(Debug, Clone)]
pub struct EffectiveRole {
    /// Key of the role.
    pub key: Key,
    /// Wire id of the role.
    pub wire_id: String,
    /// Name of the role.
    pub name: String,
    /// How it is held.
    pub via: Via,
    /// What SCIM keeps of the static grant, if it is held directly.
    pub properties: Map<String, Value>,
    /// Where it comes from.
    pub way: RoleWay,
}

/// The first way on which a role is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleWay {
    /// Id of the grant's edge.
    pub grant: Key,
    /// Who holds the grant: the holder itself, or a group it is in.
    pub holder: Key,
    /// The bundles from the granted role down to the one that has this role in it.
    pub bundles: Vec<Key>,
    /// Since when, as far as its steps stand.
    pub since: Timestamp,
    /// Until when, if nothing changes; none without end.
    pub until: Option<Timestamp>,
}

/// How a role is held; the first that applies is shown (spec/types.md, `User.roles`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Via {
    /// A static grant.
    Direct,
    /// A grant to a group.
    Group,
    /// A bundle that is held.
    Bundle,
    /// A condition.
    Conditional,
}

impl Via {
    /// The SCIM `type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Via::Direct => "direct",
            Via::Group => "group",
            Via::Bundle => "bundle",
            Via::Conditional => "conditional",
        }
    }
}

/// The name of an object for people: the value of its type's label attribute.
pub fn label<'d>(kind: &ObjectType, doc: &'d Map<String, Value>) -> Option<&'d str> {
    values::get(kind, doc, kind.label)?.as_str()
}

/// The address of a SCIM resource under `base` (`https://host/scim/v2`), its id percent-encoded.
pub fn location(base: &str, kind: &ObjectType, wire_id: &str) -> String {
    format!("{base}{}/{}", kind.endpoint, encode_segment(wire_id))
}

/// The address of an object among IDM collections, its id percent-encoded: `managed/user/ada`.
pub fn reference_path(kind: &ObjectType, wire_id: &str) -> String {
    format!("{}/{}", kind.collection, encode_segment(wire_id))
}

/// Percent-encodes an id as one path segment: all but RFC 3986 unreserved characters.
pub fn encode_segment(id: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(id, SEGMENT).to_string()
}

impl Resource {
    /// The weak entity tag of a revision (RFC 7644 §3.14).
    pub fn version(&self) -> String {
        format!("W/\"{}\"", self.rev)
    }

    /// The name of the object for people.
    pub fn label(&self) -> Option<&str> {
        label(&self.kind, &self.doc)
    }

    /// The whole SCIM resource: common attributes, document, and the relationships that were loaded. `base` is the address of
    /// the SCIM root, without a slash at its end.
    pub fn into_scim(mut self, base: &str) -> Map<String, Value> {
        let mut doc = std::mem::take(&mut self.doc);
        for (attribute, value) in self.views(base, 0) {
            doc.insert(attribute.to_owned(), value);
        }
        for (index, schema) in self.kind.schemas.iter().enumerate().skip(1) {
            for (attribute, value) in self.views(base, index) {
                let home = doc.entry(schema.id.clone()).or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(home) = home {
                    home.insert(attribute.to_owned(), value);
                }
            }
        }
        let mut out = Map::with_capacity(doc.len() + 4);
        out.insert("schemas".into(), json!(values::schemas_of(&self.kind, &doc, &[])));
        out.insert("id".into(), self.wire_id.clone().into());
        if let Some(id) = &self.external_id {
            out.insert("externalId".into(), id.clone().into());
        }
        out.append(&mut doc);
        out.insert(
            "meta".into(),
            json!({
                "resourceType": self.kind.resource,
                "created": self.created.to_string(),
                "lastModified": self.modified.to_string(),
                "location": location(base, &self.kind, &self.wire_id),
                "version": self.version(),
            }),
        );
        out
    }

    /// The attributes of one schema that show relationships, as far as these were loaded.
    pub(super) fn views(&self, base: &str, schema: usize) -> impl Iterator<Item = (&str, Value)> {
        self.kind.attributes_of(super::schema::Home::Schema(schema)).iter().filter_map(move |attribute| {
            let property = attribute.relationship.as_deref()?;
            Some((attribute.name.as_str(), self.relationship_value(base, property, attribute)?))
        })
    }

    fn relationship_value(&self, base: &str, property: &str, attribute: &super::schema::Attribute) -> Option<Value> {
        let relationship = self.kind.relationship(property)?;
        if relationship.backing == Backing::Grant && relationship.side == super::schema::Side::From {
            let roles = self.effective_roles.as_ref()?.iter().map(EffectiveRole::to_scim);
            let list: Vec<Value> = roles.chain(self.unresolved_roles.iter().cloned()).collect();
            return (!list.is_empty()).then_some(Value::Array(list));
        }
        let mut elements = distinct(self.related.get(property)?).map(|r| r.to_scim(base, attribute));
        if attribute.multi_valued {
            let list: Vec<Value> = elements.collect();
            (!list.is_empty()).then_some(Value::Array(list))
        } else {
            elements.next()
        }
    }
}

/// Each object once: SCIM knows no parallel references.
pub fn distinct(related: &[Related]) -> impl Iterator<Item = &Related> {
    let mut seen = HashSet::with_capacity(related.len());
    related.iter().filter(move |r| seen.insert(r.key))
}

impl EffectiveRole {
    /// Its element of `User.roles`.
    pub fn to_scim(&self) -> Value {
        let mut out = Map::new();
        out.insert("value".into(), self.wire_id.clone().into());
        out.insert("display".into(), self.name.clone().into());
        out.insert("type".into(), self.via.as_str().into());
        // What a client wrote beside a direct grant is echoed (spec/types.md).
        if self.via == Via::Direct {
            for (name, value) in &self.properties {
                out.insert(name.clone(), value.clone());
            }
        }
        Value::Object(out)
    }
}

impl Related {
    /// The element of a list of members, without addresses: what a value filter can ask of it.
    pub fn to_member(&self) -> Value {
        let mut out = Map::new();
        out.insert("value".into(), self.wire_id.clone().into());
        out.insert("type".into(), self.kind.resource.clone().into());
        if let Some(label) = &self.label {
            out.insert("display".into(), label.clone().into());
        }
        Value::Object(out)
    }

    /// Its element of the SCIM attribute that shows the relationship: what the definition has a place for.
    pub fn to_scim(&self, base: &str, attribute: &super::schema::Attribute) -> Value {
        let mut out = Map::new();
        for sub in &attribute.sub_attributes {
            let value = match sub.name.as_str() {
                "value" => Some(self.wire_id.clone()),
                "$ref" => Some(location(base, &self.kind, &self.wire_id)),
                "display" | "displayName" => self.label.clone(),
                // A group's members tell their resource type, a user's groups how they are reached (RFC 7643 §4.1.2, §4.2).
                "type" if sub.canonical_values.iter().any(|v| v == "direct") => {
                    Some(if self.indirect { "indirect" } else { "direct" }.to_owned())
                }
                "type" => Some(self.kind.resource.clone()),
                _ => None,
            };
            // A bundle's order is a property of its edges.
            let position = || self.edge.as_ref()?.properties.get("position").filter(|p| sub.name == "position" && p.is_i64());
            if let Some(value) = value.map(Value::from).or_else(|| position().cloned()) {
                out.insert(sub.name.clone(), value);
            }
        }
        Value::Object(out)
    }
}
