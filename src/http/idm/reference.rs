//! References on the wire: `_ref`, `_refResourceCollection`, `_refResourceId`, `_refProperties` (spec/idm.md, 7.2 form).

use std::collections::HashSet;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::revision_text;
use crate::domain::edge;
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::key::Key;
use crate::domain::relation::{CONDITIONAL, Reference, STATIC};
use crate::domain::resource::{EffectiveRole, Related, reference_path};
use crate::domain::schema::relationship::GRANT;
use crate::domain::schema::{ObjectType, Registry, Relationship};

/// Reads a reference for a relationship.
///
/// # Errors
/// [`Kind::InvalidValue`] naming the member and the rule.
pub fn read(registry: &Registry, relationship: &Relationship, value: &Value) -> Result<Reference, Fault> {
    let wrong = |rule: &str| Fault::new(Kind::InvalidValue, format!("'{}': {rule}", relationship.name));
    let object = value.as_object().ok_or_else(|| wrong("a reference is an object with '_ref'"))?;
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let (collection, id) = match (text("_ref"), text("_refResourceCollection"), text("_refResourceId")) {
        (Some(path), ..) => {
            let (collection, id) =
                path.trim_start_matches('/').rsplit_once('/').ok_or_else(|| wrong("'_ref' is 'collection/id'"))?;
            let id = percent_decode_str(id).decode_utf8().map_err(|_| wrong("'_ref' holds an id that is not UTF-8"))?;
            (collection, id.into_owned())
        }
        (None, Some(collection), Some(id)) => (collection, id.to_owned()),
        _ => return Err(wrong("'_ref' is required")),
    };
    if id.contains('\0') {
        return Err(wrong("'_ref' holds U+0000"));
    }
    let kind = registry.by_collection(collection).filter(|k| relationship.types.contains(&k.name));
    let kind = kind.ok_or_else(|| wrong(&format!("'{}' is no collection it may lead to", excerpt(collection))))?;
    let none = Map::new();
    let given = match object.get("_refProperties") {
        None | Some(Value::Null) => &none,
        Some(Value::Object(properties)) => properties,
        Some(_) => return Err(wrong("'_refProperties' must be an object")),
    };
    let mut id_of_edge = None;
    let mut grant_type = STATIC;
    for (name, value) in given {
        match (name.as_str(), value) {
            ("_id", Value::String(id)) => {
                id_of_edge = Some(Key::parse(id).ok_or_else(|| wrong("'_refProperties/_id' names no relationship"))?)
            }
            ("_rev", _) | (_, Value::Null) => {}
            ("_grantType", Value::String(given)) if given.is_empty() => {}
            ("_grantType", Value::String(given)) if given == CONDITIONAL => grant_type = CONDITIONAL,
            ("_grantType", _) => return Err(wrong("'_grantType' is empty or 'conditional'")),
            ("_id", _) => return Err(wrong("'_refProperties/_id' names no relationship")),
            _ => {}
        }
    }
    let properties = edge::properties(given).map_err(|fault| wrong(&fault.detail))?;
    // The edge's own id and revision say nothing of its properties.
    let said = given.keys().any(|name| !["_id", "_rev"].contains(&name.as_str()));
    let properties = said.then_some(properties);
    Ok(Reference::Exact { kind: kind.name.clone(), id, edge: id_of_edge, grant_type: grant_type.to_owned(), properties })
}

/// The three reference keys of an object.
pub fn head(kind: &ObjectType, id: &str) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("_ref".into(), reference_path(kind, id).into());
    out.insert("_refResourceCollection".into(), kind.collection.clone().into());
    out.insert("_refResourceId".into(), id.into());
    out
}

/// The other end of an edge as a reference.
pub fn write(relationship: &Relationship, related: &Related) -> Map<String, Value> {
    let mut out = head(&related.kind, &related.wire_id);
    if let Some(edge) = &related.edge {
        let mut properties = Map::new();
        if relationship.relation == GRANT {
            properties.insert("_grantType".into(), if edge.is_conditional() { CONDITIONAL } else { STATIC }.into());
        }
        properties.extend(edge.properties.clone());
        properties.insert("_id".into(), edge.id.to_string().into());
        properties.insert("_rev".into(), revision_text(edge.rev).into());
        out.insert("_refProperties".into(), Value::Object(properties));
    }
    out
}

/// A role in effect, in the 7.2 shape: the three reference keys.
pub fn effective(role_kind: &ObjectType, role: &EffectiveRole) -> Map<String, Value> {
    head(role_kind, &role.wire_id)
}

/// Whether two of the references ask for the same edge.
pub fn repeat(references: &[Reference]) -> bool {
    let mut seen = HashSet::with_capacity(references.len());
    references.iter().any(|reference| match reference {
        Reference::Exact { kind, id, grant_type, properties, .. } => {
            !seen.insert((kind, id, edge::variant(grant_type, properties.as_ref().unwrap_or(&Map::new()))))
        }
        Reference::Loose { .. } => false,
    })
}
