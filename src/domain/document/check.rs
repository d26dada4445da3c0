//! What must hold of a whole document, however it came about.

use serde_json::Value;

use super::{Map, elements, reader::At, reader::Reader, values};
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::schema::{AttrPath, Attribute, Home, Mutability, ObjectType};

/// Checks that what is required is set and that no list has two primaries.
///
/// # Errors
/// [`Kind::InvalidValue`] naming the attributes, with a requirement `REQUIRED` for each.
pub fn document(kind: &ObjectType, doc: &Map) -> Result<(), Fault> {
    let mut missing = Vec::new();
    for (path, attribute) in stored(kind) {
        match values::get(kind, doc, path) {
            Some(Value::Object(parts)) => missing.extend(lacking(path, attribute, parts)),
            Some(Value::Array(list)) => {
                elements::at_most_one_primary(attribute, list, At::path(kind, path))?;
                let parts = list.iter().filter_map(Value::as_object);
                missing.extend(parts.flat_map(|parts| lacking(path, attribute, parts)));
            }
            value if attribute.required && !is_given(value) => missing.push(path),
            _ => {}
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    missing.dedup();
    let names: Vec<_> = missing.iter().map(|path| kind.path_text(*path)).collect();
    let text = format!("{} {} required", names.join(", "), if names.len() == 1 { "is" } else { "are" });
    let fault = Fault::new(Kind::InvalidValue, text);
    Err(missing.iter().fold(fault, |fault, path| fault.requirement(property_of(kind, *path), "REQUIRED")))
}

/// Checks that a stored document is a canonical one: attributes of the type under their own names, values of their types, and
/// what [`document`] asks.
///
/// # Errors
/// [`Kind::InvalidValue`] or [`Kind::InvalidSyntax`] naming the attribute.
pub fn canonical(kind: &ObjectType, doc: &Map) -> Result<(), Fault> {
    let mut reader = Reader::idm();
    let mut again = Map::new();
    for (name, value) in doc {
        match (kind.schemas.iter().skip(1).position(|s| s.id == *name), value) {
            (Some(index), Value::Object(extension)) => {
                for (name, value) in extension {
                    reread(&mut reader, kind, Home::Schema(index + 1), name, value, &mut again)?;
                }
            }
            _ => reread(&mut reader, kind, Home::Schema(0), name, value, &mut again)?,
        }
    }
    if again != *doc {
        return Err(Fault::new(Kind::InvalidValue, "the document is not in its canonical form"));
    }
    document(kind, doc)
}

fn reread(reader: &mut Reader, kind: &ObjectType, home: Home, name: &str, value: &Value, again: &mut Map) -> Result<(), Fault> {
    let found = kind.attributes_of(home).iter().position(|a| a.name == name && a.relationship.is_none() && !a.discarded);
    let Some(attribute) = found else {
        return Err(Fault::new(Kind::InvalidSyntax, format!("'{}' is no stored attribute of {}", excerpt(name), kind.name)));
    };
    let path = AttrPath { home, attribute, sub: None };
    let value = reader.attribute(kind.attribute(path), At::path(kind, path), value.clone())?;
    values::set(kind, again, path, value);
    Ok(())
}

// Whole attributes that a document can hold.
fn stored(kind: &ObjectType) -> impl Iterator<Item = (AttrPath, &Attribute)> {
    let homes = (0..kind.schemas.len()).map(Home::Schema);
    homes
        .flat_map(|home| {
            let attributes = kind.attributes_of(home).iter().enumerate();
            attributes.map(move |(attribute, definition)| (AttrPath { home, attribute, sub: None }, definition))
        })
        .filter(|(_, a)| a.relationship.is_none() && !a.discarded)
}

fn lacking(path: AttrPath, attribute: &Attribute, parts: &Map) -> impl Iterator<Item = AttrPath> {
    let subs = attribute.sub_attributes.iter().enumerate();
    subs.filter(|(_, sub)| sub.required && !is_given(parts.get(&sub.name)))
        .map(move |(sub, _)| AttrPath { sub: Some(sub), ..path })
}

fn is_given(value: Option<&Value>) -> bool {
    value.is_some_and(|v| v.as_str() != Some(""))
}

/// The IDM property over an attribute, else the attribute's own name.
pub fn property_of(kind: &ObjectType, path: AttrPath) -> String {
    match kind.properties.iter().find(|p| p.path == path) {
        Some(property) => property.name.clone(),
        None => kind.path_text(path),
    }
}

/// The values that may not change any more: immutable and set (RFC 7643 §2.2).
pub fn fixed(kind: &ObjectType, doc: &Map) -> Vec<(AttrPath, Value)> {
    // Within a list there is no telling which element a value was of; `values::get` has none there.
    let immutable = kind.paths().filter(|(_, a)| a.mutability == Mutability::Immutable);
    immutable.filter_map(|(path, _)| values::get(kind, doc, path).map(|value| (path, value.clone()))).collect()
}

/// Checks that what was [`fixed`] is still as it was.
///
/// # Errors
/// [`Kind::Mutability`] naming the attribute.
pub fn unchanged(kind: &ObjectType, fixed: &[(AttrPath, Value)], doc: &Map) -> Result<(), Fault> {
    match fixed.iter().find(|(path, value)| values::get(kind, doc, *path) != Some(value)) {
        Some((path, _)) => Err(mutability(At::path(kind, *path), "is immutable")),
        None => Ok(()),
    }
}

/// A [`Kind::Mutability`] fault that names the attribute and the rule.
pub fn mutability(at: At<'_>, rule: &str) -> Fault {
    Fault::new(Kind::Mutability, format!("{at} {rule}"))
}
