//! Elements of multi-valued attributes: duplicates, primaries, the preferred one (spec/scim.md §1.10, spec/types.md).

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_json::Value;

use super::Map;
use super::reader::At;
use crate::domain::error::{Fault, Kind};
use crate::domain::filter::eval;
use crate::domain::normal;
use crate::domain::schema::{Attribute, AttributeType};

/// Drops nulls and empty objects, and folds elements of one `(type, value)` into the first of them: what a later one says
/// stands. Elements without `value` are the same only when they are wholly equal. The order stays.
pub fn settle(attribute: &Attribute, elements: Vec<Value>) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::with_capacity(elements.len());
    if elements.len() < 2 {
        out.extend(elements.into_iter().filter(is_set));
        return out;
    }
    let mut seen: HashMap<String, usize> = HashMap::with_capacity(elements.len());
    for element in elements.into_iter().filter(is_set) {
        match seen.entry(identity(attribute, &element)) {
            Entry::Vacant(place) => {
                place.insert(out.len());
                out.push(element);
            }
            Entry::Occupied(place) => {
                if !attribute.json
                    && let (Value::Object(first), Value::Object(later)) = (&mut out[*place.get()], element)
                {
                    first.extend(later);
                    *first = ordered(attribute, std::mem::take(first));
                }
            }
        }
    }
    out
}

fn is_set(element: &Value) -> bool {
    match element {
        Value::Null => false,
        Value::Object(parts) => !parts.is_empty(),
        _ => true,
    }
}

// What makes an element itself. The tags keep the three forms apart.
fn identity(attribute: &Attribute, element: &Value) -> String {
    let text = |name: &str, value: &Value| match value {
        Value::String(text) => normal::text(text, attribute.sub(name).is_none_or(|(_, sub)| sub.compares_exactly())),
        other => other.to_string(),
    };
    match element {
        whole if attribute.json => format!("j{whole}"),
        Value::Object(parts) => match parts.get("value") {
            Some(value) => {
                format!("v{}\0{}", parts.get("type").map(|t| text("type", t)).unwrap_or_default(), text("value", value))
            }
            None => format!("o{element}"),
        },
        Value::String(text) => format!("s{}", normal::text(text, attribute.compares_exactly())),
        other => format!("j{other}"),
    }
}

/// Whether `listed` names `element` for a removal: by `value` (and `type`, where both have one), else by all that it says.
pub fn names(attribute: &Attribute, listed: &Value, element: &Value) -> bool {
    let same = |name: &str, a: &Value, b: &Value| match (a, b) {
        (Value::String(a), Value::String(b)) => {
            let exact = attribute.sub(name).map_or(attribute, |(_, sub)| sub).compares_exactly();
            normal::text(a, exact) == normal::text(b, exact)
        }
        (a, b) => a == b,
    };
    let (Value::Object(listed), Value::Object(element)) = (listed, element) else { return same("", listed, element) };
    let agrees = |name: &str| match (listed.get(name), element.get(name)) {
        (Some(a), Some(b)) => same(name, a, b),
        (None, _) | (_, None) => true,
    };
    match (listed.get("value"), element.get("value")) {
        (Some(a), Some(b)) => same("value", a, b) && agrees("type"),
        (Some(_), None) => false,
        (None, _) => !listed.is_empty() && listed.iter().all(|(name, a)| element.get(name).is_some_and(|b| same(name, a, b))),
    }
}

/// The same parts in the order of the schema.
pub fn ordered(attribute: &Attribute, mut parts: Map) -> Map {
    let subs = attribute.sub_attributes.iter();
    subs.filter_map(|sub| parts.remove(&sub.name).map(|value| (sub.name.clone(), value))).collect()
}

/// Whether this element is marked as the primary one.
pub fn is_primary(element: &Value) -> bool {
    element.get("primary").and_then(Value::as_bool) == Some(true)
}

/// Whether nothing but `type` and `primary` is left of this element.
pub fn is_hollow(element: &Value) -> bool {
    element.as_object().is_some_and(|parts| parts.keys().all(|key| key == "type" || key == "primary"))
}

/// Refuses a list with two primaries.
///
/// # Errors
/// [`Kind::InvalidValue`] naming `at`.
pub fn at_most_one_primary(attribute: &Attribute, elements: &[Value], at: At<'_>) -> Result<(), Fault> {
    let complex = attribute.kind == AttributeType::Complex;
    if complex && elements.iter().filter(|e| is_primary(e)).count() > 1 {
        return Err(Fault::new(Kind::InvalidValue, format!("{at}: more than one element is primary")));
    }
    Ok(())
}

/// Where the element stands that a scalar over a multi-valued attribute means ([`eval::preferred`]).
pub fn preferred(elements: &[Value]) -> Option<usize> {
    let chosen = eval::preferred(elements)?;
    elements.iter().position(|element| std::ptr::eq(element, chosen))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn emails() -> Attribute {
        serde_json::from_value(json!({
            "name": "emails", "type": "complex", "multiValued": true,
            "subAttributes": [{"name": "value"}, {"name": "display"}, {"name": "type"}, {"name": "primary", "type": "boolean"}]
        }))
        .unwrap()
    }

    fn list(value: Value) -> Vec<Value> {
        value.as_array().unwrap().clone()
    }

    #[test]
    fn one_element_for_each_type_and_value() {
        let given = json!([
            {"value": "A@x", "type": "work"}, {"value": "a@x", "type": "home"}, {}, null,
            {"value": "a@X", "display": "d", "type": "Work", "primary": true}, {"type": "work"}, {"type": "work"}
        ]);
        let settled = Value::Array(settle(&emails(), list(given)));
        let expected = json!([
            {"value": "a@X", "display": "d", "type": "Work", "primary": true}, {"value": "a@x", "type": "home"}, {"type": "work"}
        ]);
        assert_eq!(settled.to_string(), expected.to_string());
        let plain: Attribute = serde_json::from_value(json!({"name": "p", "multiValued": true, "caseExact": true})).unwrap();
        assert_eq!(settle(&plain, list(json!(["a", "A", "a"]))), list(json!(["a", "A"])));
    }

    #[test]
    fn a_listed_value_names_elements() {
        let attribute = emails();
        for (listed, element, expected) in [
            (json!({"value": "A"}), json!({"value": "a", "type": "work"}), true),
            (json!({"value": "a", "type": "home"}), json!({"value": "a", "type": "work"}), false),
            (json!({"value": "a", "type": "home"}), json!({"value": "a"}), true),
            (json!({"value": "a"}), json!({"type": "work"}), false),
            (json!({"type": "Work"}), json!({"value": "a", "type": "work"}), true),
            (json!({}), json!({"value": "a"}), false),
        ] {
            assert_eq!(names(&attribute, &listed, &element), expected, "{listed} {element}");
        }
    }

    #[test]
    fn the_preferred_element() {
        for (elements, expected) in [
            (json!([]), None),
            (json!([{"value": "a"}, {"type": "Work"}]), Some(1)),
            (json!([{"type": "work"}, {"primary": true}]), Some(1)),
            (json!([{"primary": false}, {"type": "home"}]), Some(0)),
        ] {
            assert_eq!(preferred(&list(elements)), expected);
        }
    }
}
