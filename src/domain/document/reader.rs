//! Reads values by the definition of their attribute: the one home of type checks and coercion (spec/scim.md §1.2, §1.17).

use std::fmt;

use serde_json::{Number, Value};

use super::Map;
use super::elements;
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::profile::{Profile, UnknownAttributes};
use crate::domain::schema::{AttrPath, Attribute, AttributeType, Home, Mutability, ObjectType};
use crate::domain::time::Timestamp;

/// Where a value stands, for messages; prints the path's canonical text.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    urn: Option<&'a str>,
    name: &'a str,
    sub: Option<&'a str>,
}

impl<'a> At<'a> {
    /// At a path of an object type.
    pub fn path(kind: &'a ObjectType, path: AttrPath) -> Self {
        let urn = match path.home {
            Home::Schema(index @ 1..) => Some(kind.schemas[index].id.as_str()),
            _ => None,
        };
        Self { urn, name: &kind.attribute(path).name, sub: path.sub.map(|_| kind.leaf(path).name.as_str()) }
    }

    /// At a property of another dialect.
    pub const fn property(name: &'a str) -> Self {
        Self { urn: None, name, sub: None }
    }

    /// At a sub-attribute of this attribute.
    #[must_use]
    pub const fn sub(self, name: &'a str) -> Self {
        Self { sub: Some(name), ..self }
    }

    fn wrong(self, rule: &str) -> Fault {
        Fault::new(Kind::InvalidValue, format!("{self} must be {rule}"))
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urn) = self.urn {
            write!(f, "{urn}:")?;
        }
        f.write_str(self.name)?;
        match self.sub {
            Some(sub) => write!(f, ".{sub}"),
            None => Ok(()),
        }
    }
}

/// How values are read; remembers the names it left out.
#[derive(Debug)]
pub struct Reader {
    /// Whether near misses of a type are taken for it.
    coerce: bool,
    /// Whether an unknown name is an error.
    reject_unknown: bool,
    /// Whether readOnly sub-attributes are left out.
    drop_read_only: bool,
    ignored: Vec<String>,
}

// As many ignored names as a log line bears.
const IGNORED: usize = 20;

impl Reader {
    /// As a SCIM client of this profile is read.
    pub const fn scim(profile: &Profile) -> Self {
        let reject_unknown = matches!(profile.unknown_attributes, UnknownAttributes::Reject);
        Self { coerce: profile.coerce, reject_unknown, drop_read_only: true, ignored: Vec::new() }
    }

    /// As the IDM dialect is read: nothing is coerced, unknown names are errors, what is readOnly in SCIM may be written.
    pub const fn idm() -> Self {
        Self { coerce: false, reject_unknown: true, drop_read_only: false, ignored: Vec::new() }
    }

    /// Whether near misses of a type are taken for it.
    pub const fn coerces(&self) -> bool {
        self.coerce
    }

    /// The names that were left out so far, shortened; twenty at most.
    pub fn into_ignored(self) -> Vec<String> {
        self.ignored
    }

    /// Meets an unknown name.
    ///
    /// # Errors
    /// [`Kind::InvalidSyntax`] where unknown names are errors.
    pub fn unknown(&mut self, name: impl fmt::Display) -> Result<(), Fault> {
        let name = excerpt(&name.to_string());
        if self.reject_unknown {
            return Err(Fault::new(Kind::InvalidSyntax, format!("unknown attribute '{name}'")));
        }
        if self.ignored.len() < IGNORED {
            self.ignored.push(name);
        }
        Ok(())
    }

    /// Reads the whole value of an attribute: a list where it is multi-valued. `None` when that leaves it unassigned.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] naming `at` and the rule.
    pub fn attribute(&mut self, attribute: &Attribute, at: At<'_>, value: Value) -> Result<Option<Value>, Fault> {
        if !attribute.multi_valued {
            return self.single(attribute, at, value);
        }
        let elements = self.list(attribute, at, value)?;
        elements::at_most_one_primary(attribute, &elements, at)?;
        Ok((!elements.is_empty()).then_some(Value::Array(elements)))
    }

    /// Reads the elements of a multi-valued attribute, duplicates dropped.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] naming `at` and the rule.
    pub fn list(&mut self, attribute: &Attribute, at: At<'_>, value: Value) -> Result<Vec<Value>, Fault> {
        let items = self.items(at, value)?;
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            out.extend(self.single(attribute, at, item)?);
        }
        Ok(elements::settle(attribute, out))
    }

    /// The items of a list as sent; null is the empty list, and one value is a list of one where that is coerced.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] when it is no list.
    pub fn items(&self, at: At<'_>, value: Value) -> Result<Vec<Value>, Fault> {
        match value {
            Value::Null => Ok(Vec::new()),
            Value::Array(items) => Ok(items),
            one if self.coerce => Ok(vec![one]),
            _ => Err(at.wrong("an array")),
        }
    }

    /// Reads one value: of a single-valued attribute, or one element of a list.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] naming `at` and the rule.
    pub fn single(&mut self, attribute: &Attribute, at: At<'_>, value: Value) -> Result<Option<Value>, Fault> {
        // null and [] both mean unassigned (spec/scim.md §1.4).
        if value.is_null() || value.as_array().is_some_and(Vec::is_empty) {
            return Ok(None);
        }
        if attribute.kind != AttributeType::Complex {
            return self.simple(attribute, at, value).map(Some);
        }
        let parts = self.complex(attribute, at, value)?;
        Ok((!parts.is_empty()).then_some(Value::Object(parts)))
    }

    /// Reads a complex value into an object with canonical names in schema order.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] naming `at` and the rule.
    pub fn complex(&mut self, attribute: &Attribute, at: At<'_>, value: Value) -> Result<Map, Fault> {
        let mut out = Map::new();
        for (sub, value) in self.parts(attribute, at, value)? {
            if let Some(value) = value {
                out.insert(attribute.sub_attributes[sub].name.clone(), value);
            }
        }
        Ok(out)
    }

    /// Reads a complex value into its parts by index of sub-attribute, ascending; `None` is a part that is to be unassigned.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] naming `at` and the rule.
    pub fn parts(&mut self, attribute: &Attribute, at: At<'_>, value: Value) -> Result<Vec<(usize, Option<Value>)>, Fault> {
        let object = match value {
            Value::Object(object) => object,
            Value::String(_) if self.coerce && attribute.sub("value").is_some() => {
                std::iter::once(("value".to_owned(), value)).collect()
            }
            _ => return Err(at.wrong("an object")),
        };
        let mut parts = Vec::with_capacity(object.len());
        for (key, value) in object {
            let Some((index, sub)) = attribute.sub(&key) else {
                self.unknown(format_args!("{at}.{key}"))?;
                continue;
            };
            let at = at.sub(&sub.name);
            if self.drop_read_only && sub.mutability == Mutability::ReadOnly {
                continue;
            }
            parts.push((index, self.attribute(sub, at, value)?));
        }
        parts.sort_by_key(|(index, _)| *index);
        match parts.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => {
                let name = &attribute.sub_attributes[pair[0].0].name;
                Err(Fault::new(Kind::InvalidSyntax, format!("{} is given twice", at.sub(name))))
            }
            None => Ok(parts),
        }
    }

    fn simple(&self, attribute: &Attribute, at: At<'_>, value: Value) -> Result<Value, Fault> {
        if value.as_str().is_some_and(|text| text.contains('\0')) {
            return Err(nul(at));
        }
        if attribute.json {
            return if holds_nul(&value) { Err(nul(at)) } else { Ok(value) };
        }
        match attribute.kind {
            AttributeType::String | AttributeType::Reference => match value {
                Value::String(_) => Ok(value),
                _ => Err(at.wrong("a string")),
            },
            AttributeType::Boolean => self.boolean(&value).map(Value::Bool).ok_or_else(|| at.wrong("true or false")),
            AttributeType::Integer => {
                let number = self.number(value).and_then(|n| n.as_i64());
                number.map(Value::from).ok_or_else(|| at.wrong("a whole number of 64 bits"))
            }
            AttributeType::Decimal => self.number(value).map(Value::Number).ok_or_else(|| at.wrong("a number")),
            AttributeType::DateTime => {
                let instant = value.as_str().and_then(Timestamp::parse);
                instant.map(|t| Value::String(t.to_string())).ok_or_else(|| at.wrong("a dateTime such as 2026-01-31T08:00:00Z"))
            }
            AttributeType::Binary => match value {
                Value::String(text) if is_base64(&text) => Ok(Value::String(text)),
                _ => Err(at.wrong("base64")),
            },
            AttributeType::Complex => Err(at.wrong("simple: a complex value cannot stand within another")),
        }
    }

    fn boolean(&self, value: &Value) -> Option<bool> {
        match value {
            Value::Bool(value) => Some(*value),
            Value::String(text) if self.coerce => {
                let is = |word| text.eq_ignore_ascii_case(word);
                if is("true") { Some(true) } else { is("false").then_some(false) }
            }
            _ => None,
        }
    }

    fn number(&self, value: Value) -> Option<Number> {
        match value {
            Value::Number(number) => Some(number),
            Value::String(text) if self.coerce => text.parse().ok(),
            _ => None,
        }
    }
}

fn nul(at: At<'_>) -> Fault {
    Fault::new(Kind::InvalidValue, format!("{at} holds U+0000, which is not allowed in text"))
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(parts) => parts.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)),
        _ => false,
    }
}

// RFC 4648 §4 or §5, with or without padding; an odd character is no whole byte.
fn is_base64(text: &str) -> bool {
    let body = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    let padded = body.len() != text.len();
    let of = |extra: [u8; 2]| body.bytes().all(|b| b.is_ascii_alphanumeric() || extra.contains(&b));
    body.len() % 4 != 1 && (!padded || text.len().is_multiple_of(4)) && (of(*b"+/") || of(*b"-_"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(kind: AttributeType) -> Attribute {
        serde_json::from_value(json!({"name": "x", "type": kind})).unwrap()
    }

    fn read(profile: &Profile, kind: AttributeType, value: Value) -> Result<Value, Kind> {
        let attribute = of(kind);
        let read = Reader::scim(profile).single(&attribute, At::property("x"), value);
        read.map(Option::unwrap_or_default).map_err(|f| f.kind)
    }

    #[test]
    fn types_are_checked_and_near_misses_coerced_by_profile() {
        use AttributeType::{Binary, Boolean, DateTime, Decimal, Integer, Reference, String};
        let wrong = Err(Kind::InvalidValue);
        for (kind, value, generic, strict) in [
            (Boolean, json!("True"), Ok(json!(true)), wrong.clone()),
            (Boolean, json!("false"), Ok(json!(false)), wrong.clone()),
            (Boolean, json!("maybe"), wrong.clone(), wrong.clone()),
            (Boolean, json!(""), wrong.clone(), wrong.clone()),
            (Boolean, json!(1), wrong.clone(), wrong.clone()),
            (Boolean, json!(true), Ok(json!(true)), Ok(json!(true))),
            (Integer, json!("12"), Ok(json!(12)), wrong.clone()),
            (Integer, json!(12), Ok(json!(12)), Ok(json!(12))),
            (Integer, json!(1.5), wrong.clone(), wrong.clone()),
            (Integer, json!(u64::MAX), wrong.clone(), wrong.clone()),
            (Integer, json!(""), wrong.clone(), wrong.clone()),
            (Decimal, json!("1.5"), Ok(json!(1.5)), wrong.clone()),
            (Decimal, json!(2), Ok(json!(2)), Ok(json!(2))),
            (String, json!(12), wrong.clone(), wrong.clone()),
            (String, json!(""), Ok(json!("")), Ok(json!(""))),
            (String, json!({"a": 1}), wrong.clone(), wrong.clone()),
            (String, json!("a\u{0}"), wrong.clone(), wrong.clone()),
            (String, json!(null), Ok(json!(null)), Ok(json!(null))),
            (Reference, json!("../Users/1"), Ok(json!("../Users/1")), Ok(json!("../Users/1"))),
            (
                DateTime,
                json!("2026-01-31T09:00:00+01:00"),
                Ok(json!("2026-01-31T08:00:00.000000Z")),
                Ok(json!("2026-01-31T08:00:00.000000Z")),
            ),
            (DateTime, json!(""), wrong.clone(), wrong.clone()),
            (DateTime, json!("2026-01-31"), wrong.clone(), wrong.clone()),
            (Binary, json!("aGk="), Ok(json!("aGk=")), Ok(json!("aGk="))),
            (Binary, json!("aGk"), Ok(json!("aGk")), Ok(json!("aGk"))),
            (Binary, json!("a-_b"), Ok(json!("a-_b")), Ok(json!("a-_b"))),
            (Binary, json!("a"), wrong.clone(), wrong.clone()),
            (Binary, json!("aGk=="), wrong.clone(), wrong.clone()),
            (Binary, json!("a+-b"), wrong.clone(), wrong.clone()),
            (Binary, json!("not base64"), wrong.clone(), wrong),
        ] {
            assert_eq!(read(&Profile::GENERIC, kind, value.clone()), generic, "{kind:?} {value}");
            assert_eq!(read(&Profile::STRICT, kind, value.clone()), strict, "{kind:?} {value}");
        }
    }

    #[test]
    fn complex_values_take_canonical_names_in_schema_order() {
        let attribute: Attribute = serde_json::from_value(json!({
            "name": "emails", "type": "complex", "multiValued": true,
            "subAttributes": [{"name": "value"}, {"name": "display", "mutability": "readOnly"}, {"name": "type"}]
        }))
        .unwrap();
        let at = At::property("emails");
        let mut reader = Reader::scim(&Profile::ENTRA);
        let sent = json!([{"TYPE": "work", "Value": "a", "display": "x", "nope": 1}, "b", null, {}, {"value": null}]);
        let read = reader.attribute(&attribute, at, sent).unwrap().unwrap();
        assert_eq!(read.to_string(), r#"[{"value":"a","type":"work"},{"value":"b"}]"#);
        assert_eq!(reader.into_ignored(), ["emails.nope"]);

        let twice = Reader::scim(&Profile::ENTRA).attribute(&attribute, at, json!([{"value": "a", "VALUE": "b"}]));
        assert_eq!(twice.unwrap_err().to_string(), "emails.value is given twice");
        let strict = |value| Reader::scim(&Profile::STRICT).attribute(&attribute, at, value).unwrap_err().kind;
        assert_eq!(strict(json!({"value": "a"})), Kind::InvalidValue);
        assert_eq!(strict(json!(["a"])), Kind::InvalidValue);
        assert_eq!(strict(json!([{"value": "a", "nope": 1}])), Kind::InvalidSyntax);
    }
}
