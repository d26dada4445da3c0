//! Writes to attributes that are views of edges: members, manager, roles. They leave the document as a list of changes, in
//! order, so that adding one member is one row whatever the size of the group (spec/scim.md §4.6).

use std::collections::HashSet;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::reader::{At, Reader};
use super::{Map, check, elements, json};
use crate::domain::error::{Fault, Kind};
use crate::domain::filter::{Filter, eval};
use crate::domain::schema::{AttrPath, Attribute, Backing, Home, Mutability, ObjectType, Relationship};

/// One change of one relationship.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferenceWrite {
    /// IDM name of the relationship on the written type: `members`, `manager`, `roles`.
    pub relationship: String,
    /// What changes.
    pub change: ReferenceChange,
}

/// What changes of a relationship.
#[derive(Debug, Clone, PartialEq)]
pub enum ReferenceChange {
    /// These and no others; never empty.
    Replace(Vec<ReferenceInput>),
    /// These too.
    Add(Vec<ReferenceInput>),
    /// These no more; what is not there is no error.
    Remove(Vec<ReferenceInput>),
    /// Every element that the filter matches goes; none is no error. Ask [`eval::matches_element`].
    RemoveMatching(Filter),
    /// Matching elements are changed in place; ask [`amend`].
    Amend(Amend),
    /// None at all.
    Clear,
}

/// A reference as a client wrote it, not yet resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferenceInput {
    /// Wire id; of a role also its name.
    pub value: String,
    /// SCIM resource name from `type`, where the elements are plain references.
    pub kind_hint: Option<String>,
    /// `$ref` as sent.
    pub ref_hint: Option<String>,
    /// The whole element as sent, with canonical names, to be kept where it does not resolve.
    pub element: Map,
}

/// A change of the elements that a filter matches.
#[derive(Debug, Clone, PartialEq)]
pub struct Amend {
    /// Which elements.
    pub filter: Filter,
    /// Sub-attributes to set, by canonical name; null unassigns.
    pub set: Map,
    /// What the element is made from when none matches; `None` makes that 400 noTarget.
    pub create: Option<Map>,
    /// Whether the element is replaced, so that what `set` does not name goes and immutable parts may differ.
    pub whole: bool,
}

/// What an [`Amend`] comes to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Amended {
    /// Indexes into the current elements of those that go.
    pub removed: Vec<usize>,
    /// What comes, or is written anew with another `type` or `display`.
    pub added: Vec<ReferenceInput>,
}

impl ReferenceInput {
    /// From an element with canonical names. `None` when it names nothing: no `value`, and no `$ref` to take it from.
    pub fn new(mut element: Map, backing: Backing) -> Option<Self> {
        let text =
            |element: &Map, name: &str| element.get(name).and_then(Value::as_str).filter(|t| !t.is_empty()).map(str::to_owned);
        let ref_hint = text(&element, "$ref");
        let value = text(&element, "value").or_else(|| ref_hint.as_deref().and_then(last_segment))?;
        if !element.contains_key("value") {
            element.shift_insert(0, "value".to_owned(), value.clone().into());
        }
        let kind_hint = if backing == Backing::Reference { text(&element, "type") } else { None };
        Some(Self { value, kind_hint, ref_hint, element })
    }
}

fn last_segment(address: &str) -> Option<String> {
    let segment = address.trim_end_matches('/').rsplit('/').next().filter(|s| !s.is_empty())?;
    let text = percent_decode_str(segment).decode_utf8().ok()?;
    (!text.contains('\0')).then(|| text.into_owned())
}

/// The relationship behind an attribute.
pub fn relationship_of<'k>(kind: &'k ObjectType, attribute: &Attribute) -> Option<&'k Relationship> {
    kind.relationship(attribute.relationship.as_deref()?)
}

/// The attribute that shows a relationship, and so the extension that it puts in use.
pub fn attribute_of(kind: &ObjectType, relationship: &str) -> Option<AttrPath> {
    kind.paths()
        .find(|(path, a)| path.home != Home::Common && a.relationship.as_deref() == Some(relationship))
        .map(|(path, _)| path)
}

/// Reads what was written to the attribute at `path`: a list, one element or a bare id. Each `value` once. A single reference
/// with an empty id is none at all.
///
/// # Errors
/// [`Kind::InvalidValue`] naming the attribute and the rule.
pub fn inputs(reader: &mut Reader, kind: &ObjectType, path: AttrPath, value: Value) -> Result<Vec<ReferenceInput>, Fault> {
    let (attribute, at) = (kind.attribute(path), At::path(kind, path.parent()));
    let backing = relationship_of(kind, attribute).map(|r| r.backing).unwrap_or_default();
    let items = match value {
        Value::Array(_) if !attribute.multi_valued => {
            return Err(Fault::new(Kind::InvalidValue, format!("{at} must be one object, not an array")));
        }
        value if attribute.multi_valued => reader.items(at, value)?,
        value => vec![value],
    };
    let mut seen = HashSet::with_capacity(items.len());
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        if item.is_null() {
            continue;
        }
        let item = if backing == Backing::Grant && reader.coerces() { unwrap_role(item) } else { item };
        let element = reader.complex(attribute, at, item)?;
        match ReferenceInput::new(element, backing) {
            Some(input) => {
                if seen.insert(input.value.clone()) {
                    out.push(input);
                }
            }
            None if !attribute.multi_valued => {}
            None => return Err(Fault::new(Kind::InvalidValue, format!("{} is required", at.sub("value")))),
        }
    }
    Ok(out)
}

// Entra sends a role as a JSON document in a string: {"id":…,"value":"Admin","displayName":"Admin"} (spec/scim.md §11.1).
fn unwrap_role(item: Value) -> Value {
    let text = match &item {
        Value::String(text) => Some(text),
        Value::Object(parts) => parts.iter().find(|(k, _)| k.eq_ignore_ascii_case("value")).and_then(|(_, v)| match v {
            Value::String(text) => Some(text),
            _ => None,
        }),
        _ => None,
    };
    let read = |text: &String| json::parse(text.as_bytes(), json::Limits::DEFAULT).ok();
    let Some(role) = text.filter(|t| t.starts_with('{')).and_then(read) else { return item };
    let Some(value) = role.get("value").or_else(|| role.get("id")).filter(|v| v.is_string()).cloned() else { return item };
    let mut out = match item {
        Value::Object(parts) => parts,
        _ => Map::new(),
    };
    out.retain(|key, _| !key.eq_ignore_ascii_case("value"));
    if let Some(display) = role.get("displayName").filter(|v| v.is_string())
        && !out.keys().any(|key| key.eq_ignore_ascii_case("display"))
    {
        out.insert("display".to_owned(), display.clone());
    }
    out.insert("value".to_owned(), value);
    Value::Object(out)
}

/// Works out an [`Amend`] against the current elements of the relationship shown by the attribute at `path`.
///
/// # Errors
/// [`Kind::NoTarget`] when nothing matches and nothing can be made; [`Kind::Mutability`] when an immutable part of an element
/// would change; [`Kind::InvalidValue`] when an element would lose its `value`.
pub fn amend(kind: &ObjectType, path: AttrPath, current: &[Value], amend: &Amend) -> Result<Amended, Fault> {
    let (attribute, at) = (kind.attribute(path), At::path(kind, path.parent()));
    let backing = relationship_of(kind, attribute).map(|r| r.backing).unwrap_or_default();
    let input = |mut parts: Map| {
        parts.extend(amend.set.clone());
        let parts = elements::ordered(attribute, parts.into_iter().filter(|(_, v)| !v.is_null()).collect());
        ReferenceInput::new(parts, backing)
            .ok_or_else(|| Fault::new(Kind::InvalidValue, format!("{} is required", at.sub("value"))))
    };
    let mut out = Amended::default();
    let mut matched = false;
    for (index, element) in current.iter().enumerate() {
        let Value::Object(parts) = element else { continue };
        if !eval::matches_element(&amend.filter, kind, path.parent(), element) {
            continue;
        }
        matched = true;
        let changes = |name: &str| amend.set.get(name).is_some_and(|value| parts.get(name).unwrap_or(&Value::Null) != value);
        let changed: Vec<_> = attribute.sub_attributes.iter().filter(|sub| changes(&sub.name)).collect();
        let fixed = changed.iter().find(|sub| sub.mutability == Mutability::Immutable && parts.contains_key(&sub.name));
        match fixed {
            _ if changed.is_empty() => continue,
            Some(sub) if !amend.whole => return Err(check::mutability(at.sub(&sub.name), "is immutable")),
            _ => {}
        }
        if changes("value") {
            out.removed.push(index);
        }
        out.added.push(input(if amend.whole { Map::new() } else { parts.clone() })?);
    }
    if !matched {
        let Some(parts) = amend.create.clone() else {
            return Err(Fault::new(Kind::NoTarget, format!("no element of {at} matches the filter")));
        };
        out.added.push(input(parts)?);
    }
    Ok(out)
}
