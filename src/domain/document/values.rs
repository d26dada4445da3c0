//! Getting and setting at a path of a canonical document.

use serde_json::Value;

use super::{Map, elements};
use crate::domain::schema::{AttrPath, Attribute, Home, ObjectType};

/// The object that holds the attributes of `home`: the document itself, or the extension's object.
pub fn home<'d>(kind: &ObjectType, doc: &'d Map, home: Home) -> Option<&'d Map> {
    match home {
        Home::Common | Home::Schema(0) => Some(doc),
        Home::Schema(index) => doc.get(&kind.schemas[index].id)?.as_object(),
    }
}

/// The value at a path; a sub-attribute of a multi-valued attribute has no one value and is `None`.
pub fn get<'d>(kind: &ObjectType, doc: &'d Map, path: AttrPath) -> Option<&'d Value> {
    let value = home(kind, doc, path.home)?.get(&kind.attribute(path).name)?;
    match path.sub {
        Some(_) => value.get(&kind.leaf(path).name),
        None => Some(value),
    }
}

/// The elements of a multi-valued attribute.
pub fn list<'d>(kind: &ObjectType, doc: &'d Map, path: AttrPath) -> &'d [Value] {
    get(kind, doc, path.parent()).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Takes the elements of a multi-valued attribute out of the document.
pub fn take_list(kind: &ObjectType, doc: &mut Map, path: AttrPath) -> Vec<Value> {
    match set(kind, doc, path.parent(), None) {
        Some(Value::Array(elements)) => elements,
        _ => Vec::new(),
    }
}

/// Sets the value at a path, or unassigns it with `None`, and answers what stood there. Parents are made as needed and go when
/// they are empty; `[]` and `{}` unassign. The path names no sub-attribute of a multi-valued attribute.
pub fn set(kind: &ObjectType, doc: &mut Map, path: AttrPath, value: Option<Value>) -> Option<Value> {
    let value = value.filter(|v| !is_empty(v));
    let Home::Schema(index @ 1..) = path.home else { return set_in(kind.attributes_of(path.home), doc, path, value) };
    let urn = &kind.schemas[index].id;
    if value.is_some() && !doc.contains_key(urn) {
        // Extensions follow the core attributes, in the order of the type.
        let later = kind.schemas[index + 1..].iter().filter(|s| doc.contains_key(&s.id)).count();
        doc.shift_insert(doc.len() - later, urn.clone(), Value::Object(Map::new()));
    }
    let extension = doc.get_mut(urn)?.as_object_mut()?;
    let before = set_in(&kind.schemas[index].attributes, extension, path, value);
    if extension.is_empty() {
        doc.shift_remove(urn);
    }
    before
}

fn set_in(attributes: &[Attribute], object: &mut Map, path: AttrPath, value: Option<Value>) -> Option<Value> {
    let Some(sub) = path.sub else { return put(attributes, object, path.attribute, value) };
    let attribute = &attributes[path.attribute];
    if value.is_some() && !object.contains_key(&attribute.name) {
        put(attributes, object, path.attribute, Some(Value::Object(Map::new())));
    }
    let parts = object.get_mut(&attribute.name)?.as_object_mut()?;
    let before = put(&attribute.sub_attributes, parts, sub, value);
    if parts.is_empty() {
        object.shift_remove(&attribute.name);
    }
    before
}

/// Sets or removes the entry of one attribute in an object whose keys are in the order of `attributes`.
pub fn put(attributes: &[Attribute], object: &mut Map, index: usize, value: Option<Value>) -> Option<Value> {
    let name = &attributes[index].name;
    match value {
        None => object.shift_remove(name),
        Some(value) => {
            if let Some(slot) = object.get_mut(name) {
                return Some(std::mem::replace(slot, value));
            }
            let place = attributes[..index].iter().filter(|a| object.contains_key(&a.name)).count();
            object.shift_insert(place, name.clone(), value)
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(parts) => parts.is_empty(),
        _ => false,
    }
}

/// Gives attributes that have a default and were left out what they have in `current`, else the default: an account that
/// nobody disabled is active, and a replace that does not speak of it neither disables nor revives it.
pub fn default_absent(kind: &ObjectType, current: Option<&Map>, doc: &mut Map) {
    for (path, attribute) in kind.paths().filter(|(path, _)| path.sub.is_none()) {
        if let Some(default) = &attribute.default
            && get(kind, doc, path).is_none()
        {
            let known = current.and_then(|current| get(kind, current, path));
            set(kind, doc, path, Some(known.unwrap_or(default).clone()));
        }
    }
}

/// The value of `schemas`: the core URN and the extensions in use. `extra` are extensions, by index, that are in use through
/// what does not stand in the document (a manager).
pub fn schemas_of<'k>(kind: &'k ObjectType, doc: &Map, extra: &[usize]) -> Vec<&'k str> {
    let extensions = kind.schemas.iter().enumerate().skip(1);
    let used = extensions.filter(|(index, schema)| extra.contains(index) || doc.contains_key(&schema.id));
    std::iter::once(kind.urn()).chain(used.map(|(_, schema)| schema.id.as_str())).collect()
}

/// Reads a sub-attribute of the preferred element of a multi-valued attribute (spec/types.md).
pub fn preferred<'d>(kind: &ObjectType, doc: &'d Map, path: AttrPath) -> Option<&'d Value> {
    let elements = list(kind, doc, path);
    elements[elements::preferred(elements)?].get(&kind.leaf(path).name)
}

/// Writes a sub-attribute of the preferred element, or makes a `work` element with it. `None` unassigns it there, and the
/// element goes when nothing but its `type` and `primary` is left.
pub fn set_preferred(kind: &ObjectType, doc: &mut Map, path: AttrPath, value: Option<Value>) {
    let Some(sub) = path.sub else { return };
    let attribute = kind.attribute(path);
    let mut elements = take_list(kind, doc, path);
    match elements::preferred(&elements) {
        Some(index) => {
            if let Some(parts) = elements[index].as_object_mut() {
                put(&attribute.sub_attributes, parts, sub, value);
            }
            if elements::is_hollow(&elements[index]) {
                elements.remove(index);
            }
        }
        None => {
            if let Some(value) = value {
                let mut parts = Map::new();
                if attribute.sub("type").is_some() {
                    parts.insert("type".to_owned(), "work".into());
                }
                put(&attribute.sub_attributes, &mut parts, sub, Some(value));
                elements.push(Value::Object(elements::ordered(attribute, parts)));
            }
        }
    }
    let elements = elements::settle(attribute, elements);
    set(kind, doc, path.parent(), Some(Value::Array(elements)));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::schema::Registry;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    const PROVOST: &str = "urn:provost:scim:schemas:extension:2.0:User";

    #[test]
    fn what_is_set_stands_in_schema_order_and_empty_parents_go() {
        let registry = Registry::shipped().unwrap();
        let user = registry.by_name("user").unwrap();
        let mut doc = Map::new();
        let at = |path: &str| user.resolve_attribute(path).unwrap();
        for (path, value) in [
            (format!("{PROVOST}:description"), json!("d")),
            ("active".to_owned(), json!(true)),
            (format!("{ENTERPRISE}:department"), json!("dep")),
            ("name.givenName".to_owned(), json!("g")),
            (format!("{ENTERPRISE}:employeeNumber"), json!("1")),
            ("userName".to_owned(), json!("u")),
            ("name.familyName".to_owned(), json!("f")),
        ] {
            assert_eq!(set(user, &mut doc, at(&path), Some(value.clone())), None);
            assert_eq!(get(user, &doc, at(&path)), Some(&value));
        }
        let expected = json!({
            "userName": "u", "name": {"familyName": "f", "givenName": "g"}, "active": true,
            ENTERPRISE: {"employeeNumber": "1", "department": "dep"}, PROVOST: {"description": "d"}
        });
        assert_eq!(Value::Object(doc.clone()).to_string(), expected.to_string());
        assert_eq!(schemas_of(user, &doc, &[]), [user.urn(), ENTERPRISE, PROVOST]);

        assert_eq!(set(user, &mut doc, at("name.givenName"), None), Some(json!("g")));
        set(user, &mut doc, at("name.familyName"), None);
        set(user, &mut doc, at(&format!("{ENTERPRISE}:employeeNumber")), None);
        set(user, &mut doc, at(&format!("{ENTERPRISE}:department")), Some(json!(null)));
        set(user, &mut doc, at("title"), None);
        assert_eq!(Value::Object(doc.clone()), json!({"userName": "u", "active": true, PROVOST: {"description": "d"}}));
        assert_eq!(schemas_of(user, &doc, &[1]), [user.urn(), ENTERPRISE, PROVOST]);
    }

    #[test]
    fn the_preferred_element_is_read_and_written() {
        let registry = Registry::shipped().unwrap();
        let user = registry.by_name("user").unwrap();
        let at = |path: &str| user.resolve_attribute(path).unwrap();
        let (city, country) = (at("addresses.locality"), at("addresses.country"));
        let mut doc = Map::new();
        set_preferred(user, &mut doc, city, Some(json!("Rome")));
        set_preferred(user, &mut doc, country, Some(json!("IT")));
        assert_eq!(Value::Object(doc.clone()), json!({"addresses": [{"locality": "Rome", "country": "IT", "type": "work"}]}));
        assert_eq!(preferred(user, &doc, city), Some(&json!("Rome")));
        set_preferred(user, &mut doc, city, None);
        set_preferred(user, &mut doc, country, None);
        assert!(doc.is_empty());
        set_preferred(user, &mut doc, country, None);
        assert!(doc.is_empty());
    }
}
