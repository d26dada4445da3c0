//! What lists are sorted by (RFC 7644 §3.4.2.3).
//!
//! Values are compared in their index form, so that the attribute index and the sort in memory agree: text is folded unless
//! `caseExact`, ordered by its bytes, and beyond the first 253 of them by a hash; numbers, instants and booleans (false first)
//! by value. Ids are ordered by their bytes. What has no value comes last; descending is the exact reverse.

use serde_json::{Map, Value};

use super::document::values;
use super::error::{Fault, Kind, excerpt};
use super::filter::Operand;
use super::schema::{AttrPath, AttributeType, Home, ObjectType, Returned};

/// The attribute behind a `sortBy`; a complex one stands for its `value`. None when the type has no such attribute.
///
/// # Errors
/// [`Kind::InvalidValue`] for what has no order of its own, or may not be asked for.
pub fn resolve(kind: &ObjectType, text: &str) -> Result<Option<AttrPath>, Fault> {
    let refused = |rule: &str| Err(Fault::new(Kind::InvalidValue, format!("sortBy: '{}' {rule}", excerpt(text))));
    let Some(mut path) = kind.resolve_attribute(text) else { return Ok(None) };
    let attribute = kind.attribute(path);
    if path.sub.is_none() && attribute.kind == AttributeType::Complex {
        let Some((sub, _)) = attribute.sub("value") else { return refused("is complex; name a sub-attribute") };
        path.sub = Some(sub);
    }
    // An order would tell what is never shown.
    if [attribute, kind.leaf(path)].iter().any(|a| a.discarded || a.returned == Returned::Never) {
        return refused("may not be sorted by");
    }
    Ok(Some(path))
}

/// What a resource is sorted by: the value at `path`, of a list that of the primary element, else of the first.
pub fn value(kind: &ObjectType, path: AttrPath, resource: &Map<String, Value>) -> Option<String> {
    let (attribute, leaf) = (kind.attribute(path), kind.leaf(path));
    let mut value = values::home(kind, resource, path.home)?.get(&attribute.name)?;
    if let Value::Array(elements) = value {
        let primary = |element: &&Value| element.get("primary") == Some(&Value::Bool(true));
        value = elements.iter().find(primary).or_else(|| elements.first())?;
    }
    if path.sub.is_some() {
        value = value.get(&leaf.name)?;
    }
    if is_id(kind, path) {
        return value.as_str().map(str::to_owned);
    }
    Some(Operand::of_value(leaf.kind, leaf.compares_exactly(), value)?.index_form())
}

/// Whether a path is that of the id.
pub fn is_id(kind: &ObjectType, path: AttrPath) -> bool {
    path.home == Home::Common && path.sub.is_none() && kind.attribute(path).name == "id"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::normal;
    use crate::domain::schema::Registry;
    use crate::domain::time::Timestamp;

    #[test]
    fn one_value_stands_for_a_resource() {
        const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let registry = Registry::shipped().unwrap();
        let user = registry.by_name("user").unwrap();
        let resource = json!({
            "id": "Ab", "userName": "Straße", "active": false, "title": "",
            "emails": [{"value": "First@x"}, {"value": "P@x", "primary": true}],
            "phoneNumbers": [{"value": "2"}, {"value": "1"}], "ims": [{"type": "x"}, {"value": "y"}], "photos": [],
            "meta": {"lastModified": "1970-01-01T01:00:00.000005+01:00"},
            ENTERPRISE: {"manager": {"displayName": "M"}}
        });
        let manager = format!("{ENTERPRISE}:MANAGER.displayname");
        let time = normal::instant(Timestamp::from_micros(5));
        for (path, expected) in [
            ("id", Some("Ab")),
            ("USERNAME", Some("strasse")),
            ("urn:ietf:params:scim:schemas:core:2.0:User:userName", Some("strasse")),
            ("active", Some("false")),
            ("title", Some("")),
            ("emails", Some("p@x")),
            ("emails.value", Some("p@x")),
            ("emails.type", None),
            ("phoneNumbers.value", Some("2")),
            ("ims.value", None),
            ("photos", None),
            ("nickName", None),
            ("meta.lastModified", Some(time.as_str())),
            (&manager, Some("m")),
        ] {
            let resolved = resolve(user, path).unwrap().unwrap_or_else(|| panic!("{path}"));
            assert_eq!(value(user, resolved, resource.as_object().unwrap()).as_deref(), expected, "{path}");
        }
        for refused in ["name", "addresses", "password", "meta"] {
            assert_eq!(resolve(user, refused).unwrap_err().kind, Kind::InvalidValue, "{refused}");
        }
        for unknown in ["nope", "name.nope", "urn:nope:x", ""] {
            assert_eq!(resolve(user, unknown), Ok(None), "{unknown}");
        }
    }
}
