//! Reading JSON from outside: one pass that builds the value and refuses what must not come in (spec/scim.md §2.8).

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

use super::Map;
use crate::domain::error::{Fault, Kind, excerpt};

/// How large a JSON value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Deepest nesting of arrays and objects.
    pub depth: usize,
    /// Elements of all its arrays together.
    pub elements: usize,
}

impl Limits {
    /// What holds unless the configuration says otherwise.
    pub const DEFAULT: Self = Self { depth: 32, elements: 100_000 };
}

/// Reads one JSON value from UTF-8 `bytes` within `limits`.
///
/// # Errors
/// [`Kind::InvalidSyntax`] for what is not JSON (a byte order mark too), is nested too deep or has a key twice in one object;
/// [`Kind::TooLarge`] for too many elements; [`Kind::InvalidValue`] for U+0000. The text says where.
pub fn parse(bytes: &[u8], limits: Limits) -> Result<Value, Fault> {
    let (refused, elements) = (RefCell::new(None), Cell::new(0));
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let read = Guard { limits, left: limits.depth, elements: &elements, refused: &refused }
        .deserialize(&mut deserializer)
        .and_then(|v| deserializer.end().map(|()| v));
    read.map_err(|error| match refused.into_inner() {
        Some(refusal) => refusal.fault(),
        None if bytes.iter().all(u8::is_ascii_whitespace) => Fault::new(Kind::InvalidSyntax, "the body is empty"),
        None => Fault::new(Kind::InvalidSyntax, format!("the body is not JSON: {error}")),
    })
}

// What was refused, with the way to it, innermost first.
struct Refusal {
    kind: Kind,
    what: Cow<'static, str>,
    way: Vec<String>,
}

impl Refusal {
    fn fault(mut self) -> Fault {
        if self.way.is_empty() {
            return Fault::new(self.kind, self.what);
        }
        self.way.reverse();
        Fault::new(self.kind, format!("{}: {}", excerpt(&self.way.join(".")), self.what))
    }
}

#[derive(Clone, Copy)]
struct Guard<'a> {
    limits: Limits,
    left: usize,
    elements: &'a Cell<usize>,
    refused: &'a RefCell<Option<Refusal>>,
}

impl Guard<'_> {
    fn refuse<E: serde::de::Error>(&self, kind: Kind, what: impl Into<Cow<'static, str>>) -> E {
        let what = what.into();
        let error = E::custom(&what);
        *self.refused.borrow_mut() = Some(Refusal { kind, what, way: Vec::new() });
        error
    }

    fn deeper<E: serde::de::Error>(&self) -> Result<Self, E> {
        match self.left.checked_sub(1) {
            Some(left) => Ok(Self { left, ..*self }),
            None => {
                let text = format!("the JSON is nested too deep, beyond {} levels", self.limits.depth);
                Err(self.refuse(Kind::InvalidSyntax, text))
            }
        }
    }

    fn text<E: serde::de::Error>(&self, text: String) -> Result<String, E> {
        if text.contains('\0') { Err(self.refuse(Kind::InvalidValue, "U+0000 is not allowed in text")) } else { Ok(text) }
    }
}

impl<'de> DeserializeSeed<'de> for Guard<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Guard<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| self.refuse(Kind::InvalidValue, "the number is out of range"))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.text(value.to_owned()).map(Value::String)
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<Value, E> {
        self.text(value).map(Value::String)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(inner)? {
            self.elements.set(self.elements.get() + 1);
            if self.elements.get() > self.limits.elements {
                let text = format!("the arrays of the body hold more than {} elements together", self.limits.elements);
                return Err(self.refuse(Kind::TooLarge, text));
            }
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut out = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let key = self.text(key)?;
            let value = access.next_value_seed(inner).inspect_err(|_| {
                if let Some(refusal) = &mut *self.refused.borrow_mut() {
                    refusal.way.push(key.clone());
                }
            })?;
            if out.contains_key(&key) {
                let error = self.refuse(Kind::InvalidSyntax, "the key is given twice");
                if let Some(refusal) = &mut *self.refused.borrow_mut() {
                    refusal.way.push(key);
                }
                return Err(error);
            }
            out.insert(key, value);
        }
        Ok(Value::Object(out))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_what_serde_json_reads() {
        for text in ["null", "[1,-2,3.5,1e3,18446744073709551615]", r#"{"a":{"b":[true,"é\n\ud83d\ude00"]},"c":{}}"#, " {} "] {
            assert_eq!(parse(text.as_bytes(), Limits::DEFAULT).unwrap(), serde_json::from_str::<Value>(text).unwrap());
        }
    }

    #[test]
    fn refuses_and_says_where() {
        let deep = format!("{}{}", "[".repeat(33), "]".repeat(33));
        for (body, kind, text) in [
            ("", Kind::InvalidSyntax, "empty"),
            ("\u{feff}{}", Kind::InvalidSyntax, "not JSON"),
            ("{} {}", Kind::InvalidSyntax, "trailing"),
            ("{\"a\":", Kind::InvalidSyntax, "line 1"),
            (r#"{"a":1,"a":2}"#, Kind::InvalidSyntax, "a: the key is given twice"),
            (r#"{"name":{"x":[{"y":1,"y":1}]}}"#, Kind::InvalidSyntax, "name.x.y: "),
            (r#"{"name":{"givenName":"a\u0000b"}}"#, Kind::InvalidValue, "name.givenName: U+0000"),
            (r#"{"a\u0000":1}"#, Kind::InvalidValue, "U+0000"),
            (r#"["\ud800"]"#, Kind::InvalidSyntax, "not JSON"),
            (deep.as_str(), Kind::InvalidSyntax, "too deep"),
        ] {
            let fault = parse(body.as_bytes(), Limits::DEFAULT).unwrap_err();
            assert_eq!(fault.kind, kind, "{body}");
            assert!(fault.detail.contains(text), "{body}: {fault}");
        }
        assert_eq!(parse(&[b'"', 0xff, b'"'], Limits::DEFAULT).unwrap_err().kind, Kind::InvalidSyntax);
        let shallow = format!("{}{}", "[".repeat(32), "]".repeat(32));
        assert!(parse(shallow.as_bytes(), Limits::DEFAULT).is_ok());
        assert_eq!(
            parse(&b"[".repeat(100_000), Limits { depth: 1000, ..Limits::DEFAULT }).unwrap_err().kind,
            Kind::InvalidSyntax
        );
        assert_eq!(parse(br#"{"a":[]}"#, Limits { depth: 2, ..Limits::DEFAULT }).unwrap(), json!({"a": []}));
    }

    #[test]
    fn elements_of_all_arrays_count_together() {
        let limits = Limits { elements: 4, ..Limits::DEFAULT };
        assert!(parse(br#"{"a":[1,2],"b":[[3]]}"#, limits).is_ok());
        for body in [r#"{"a":[1,2],"b":[[3],4]}"#, "[1,2,3,4,5]"] {
            let fault = parse(body.as_bytes(), limits).unwrap_err();
            assert_eq!(fault.kind, Kind::TooLarge, "{body}");
            assert!(fault.detail.contains("more than 4 elements"), "{fault}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes, Limits::DEFAULT);
        }

        #[test]
        fn agrees_with_serde_json(text in r#"[\[\]{}",:0-9a-c \\u]{0,40}"#) {
            if let Ok(value) = parse(text.as_bytes(), Limits::DEFAULT) {
                prop_assert_eq!(value, serde_json::from_str::<Value>(&text).unwrap());
            }
        }
    }
}
