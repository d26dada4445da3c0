//! JSON to Rhai's values and back.

use rhai::{Array, Dynamic, Map as RhaiMap};
use serde_json::{Map, Number, Value};

/// Null members of objects are left out: null equals absent.
pub(super) fn to_dynamic(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(b) => (*b).into(),
        Value::Number(n) => match n.as_i64() {
            Some(n) => n.into(),
            None => n.as_f64().map_or(Dynamic::UNIT, Dynamic::from),
        },
        Value::String(s) => s.as_str().into(),
        Value::Array(items) => Dynamic::from_array(items.iter().map(to_dynamic).collect::<Array>()),
        Value::Object(members) => Dynamic::from_map(object(members)),
    }
}

/// A resource: extension attributes are members of the resource too, unless the core schema has the name.
pub(super) fn resource(document: &Map<String, Value>) -> Dynamic {
    let mut out = object(document);
    for extension in document.iter().filter(|(name, _)| is_urn(name)).filter_map(|(_, value)| value.as_object()) {
        for (name, value) in extension.iter().filter(|(_, value)| !value.is_null()) {
            out.entry(name.as_str().into()).or_insert_with(|| to_dynamic(value));
        }
    }
    Dynamic::from_map(out)
}

fn is_urn(name: &str) -> bool {
    name.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("urn:"))
}

fn object(members: &Map<String, Value>) -> RhaiMap {
    members.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.as_str().into(), to_dynamic(value))).collect()
}

/// What has no JSON form (functions, ranges, infinities) is an error that names it.
pub(super) fn to_json(value: &Dynamic) -> Result<Value, String> {
    if value.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(b) = value.as_bool() {
        return Ok(b.into());
    }
    if let Ok(n) = value.as_int() {
        return Ok(n.into());
    }
    if let Ok(n) = value.as_float() {
        return Number::from_f64(n).map(Value::Number).ok_or_else(|| "the value is no finite number".to_owned());
    }
    if let Ok(s) = value.as_immutable_string_ref() {
        return Ok(s.as_str().into());
    }
    if let Ok(c) = value.as_char() {
        return Ok(c.to_string().into());
    }
    if let Ok(items) = value.as_array_ref() {
        return items.iter().map(to_json).collect::<Result<_, _>>().map(Value::Array);
    }
    if let Ok(members) = value.as_map_ref() {
        let members = members.iter().map(|(name, value)| Ok((name.to_string(), to_json(value)?)));
        return members.collect::<Result<_, String>>().map(Value::Object);
    }
    Err(format!("{} is no value that can be stored", super::strict::type_name(value.type_name())))
}
