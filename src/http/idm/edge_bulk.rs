//! The body of `_action=bulk` on a relationship: `{"add": [references], "remove": [references or edge ids]}`.

use serde_json::Value;

use super::reference;
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::key::Key;
use crate::domain::schema::{Registry, Relationship};
use crate::service::edge_bulk::{Bulk, Named};

/// Reads it.
///
/// # Errors
/// [`Kind::InvalidValue`] naming the member and the rule; [`Kind::TooLarge`] beyond `most` references.
pub fn read(registry: &Registry, relationship: &Relationship, body: &Value, most: usize) -> Result<Bulk, Fault> {
    let wrong = |rule: String| Fault::new(Kind::InvalidValue, rule);
    let members = body.as_object().ok_or_else(|| wrong("a bulk is an object with 'add' and 'remove'".to_owned()))?;
    if let Some(other) = members.keys().find(|name| !["add", "remove"].contains(&name.as_str())) {
        return Err(wrong(format!("a bulk has no '{}'", excerpt(other))));
    }
    let list = |name: &str| match members.get(name) {
        None | Some(Value::Null) => Ok(&[][..]),
        Some(Value::Array(list)) => Ok(list.as_slice()),
        Some(_) => Err(wrong(format!("'{name}' must be an array"))),
    };
    let (add, remove) = (list("add")?, list("remove")?);
    if add.len() + remove.len() > most {
        return Err(Fault::new(Kind::TooLarge, format!("a bulk holds at most {most} references")));
    }
    let gone = |value: &Value| match value {
        Value::String(id) => {
            let key = Key::parse(id).ok_or_else(|| wrong(format!("'remove': '{}' is no id of an edge", excerpt(id))))?;
            Ok(Named::Edge(key))
        }
        value => reference::read(registry, relationship, value).map(Named::Reference),
    };
    Ok(Bulk {
        add: add.iter().map(|value| reference::read(registry, relationship, value)).collect::<Result<_, _>>()?,
        remove: remove.iter().map(gone).collect::<Result<_, _>>()?,
    })
}
