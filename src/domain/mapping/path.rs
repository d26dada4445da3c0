//! Paths of mappings: where in a SCIM-shaped document a value is read or written.
//!
//! Unlike `schema::AttrPath` they are not resolved against an object type: the target's schema is its own.

use std::fmt;

use serde_json::{Map, Value};

use crate::domain::error::excerpt;

/// `a`, `a.b`, `a[type eq "work"]` or `a[type eq "work"].b`, each with or without `URN:` in front. Names compare without case.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentPath {
    /// URN of the extension the attribute stands in.
    pub urn: Option<String>,
    /// Name of the attribute.
    pub attribute: String,
    /// Which element of a list: sub-attribute and the value it equals.
    pub filter: Option<(String, Value)>,
    /// Name of the sub-attribute.
    pub sub: Option<String>,
}

impl DocumentPath {
    /// Reads a path.
    ///
    /// # Errors
    /// A text that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("'{}' is no path: {why}", excerpt(text)));
        let (head, filter, tail) = match text.split_once('[') {
            None => (text, None, None),
            Some((head, rest)) => {
                let Some((filter, tail)) = rest.rsplit_once(']') else { return wrong("the bracket is not closed") };
                let Some(filter) = parse_filter(filter) else { return wrong("the bracket takes name eq \"value\"") };
                let tail = match tail.strip_prefix('.') {
                    Some(sub) => Some(sub),
                    None if tail.is_empty() => None,
                    None => return wrong("after the bracket comes a dot and a name"),
                };
                (head, Some(filter), tail)
            }
        };
        // A URN holds colons and dots; an attribute name holds neither.
        let (urn, name) = match head.rsplit_once(':') {
            Some((urn, name)) if is_urn(urn) => (Some(urn.to_owned()), name),
            Some(_) => return wrong("what stands before the colon is no URN"),
            None => (None, head),
        };
        let (attribute, sub) = match name.split_once('.') {
            Some(_) if filter.is_some() => return wrong("a bracket stands behind an attribute, not a sub-attribute"),
            Some((attribute, sub)) => (attribute, Some(sub)),
            None => (name, tail),
        };
        if !is_name(attribute) || !sub.is_none_or(is_name) {
            return wrong("a name is letters, digits, - and _");
        }
        Ok(Self { urn, attribute: attribute.to_owned(), filter, sub: sub.map(str::to_owned) })
    }

    /// The value that stands exactly there.
    pub fn get<'a>(&self, document: &'a Map<String, Value>) -> Option<&'a Value> {
        let holder = match &self.urn {
            Some(urn) => member(document, urn)?.as_object()?,
            None => document,
        };
        self.within(holder, |_| None)
    }

    /// Reads from one of our resources: as [`DocumentPath::get`], and an extension's attribute is found without its URN, and
    /// `emails.value` is that of the primary, else the `work`, else the first element (spec/types.md).
    pub fn read<'a>(&self, document: &'a Map<String, Value>) -> Option<&'a Value> {
        if self.urn.is_some() {
            let holder = member(document, self.urn.as_deref()?)?.as_object()?;
            return self.within(holder, preferred);
        }
        if member(document, &self.attribute).is_some() {
            return self.within(document, preferred);
        }
        let extensions = document.iter().filter(|(name, _)| is_urn(name)).filter_map(|(_, value)| value.as_object());
        extensions.filter(|holder| member(holder, &self.attribute).is_some()).find_map(|holder| self.within(holder, preferred))
    }

    fn within<'a>(&self, holder: &'a Map<String, Value>, pick: fn(&'a [Value]) -> Option<&'a Value>) -> Option<&'a Value> {
        let mut value = member(holder, &self.attribute)?;
        if let Some(filter) = &self.filter {
            value = value.as_array()?.iter().find(|element| matches(element, filter))?;
        }
        if let Some(sub) = &self.sub {
            if let Value::Array(elements) = value {
                value = pick(elements)?;
            }
            value = member(value.as_object()?, sub)?;
        }
        (!value.is_null()).then_some(value)
    }

    /// Writes a value there, making what is missing on the way.
    pub fn put(&self, document: &mut Map<String, Value>, value: Value) {
        match &self.urn {
            Some(urn) => with_object(entry(document, urn), |holder| self.put_within(holder, value)),
            None => self.put_within(document, value),
        }
    }

    fn put_within(&self, holder: &mut Map<String, Value>, value: Value) {
        let slot = entry(holder, &self.attribute);
        match &self.filter {
            Some(filter) => with_element(slot, filter, |members| match (&self.sub, value) {
                (Some(sub), value) => *entry(members, sub) = value,
                // The element keeps what the filter says of it.
                (None, Value::Object(given)) => members.extend(given),
                (None, value) => *entry(members, "value") = value,
            }),
            None => match &self.sub {
                Some(sub) => with_object(slot, |members| *entry(members, sub) = value),
                None => *slot = value,
            },
        }
    }

    /// Takes away what stands there, and what is empty after it.
    pub fn remove(&self, document: &mut Map<String, Value>) {
        match &self.urn {
            Some(urn) => {
                let Some(name) = key(document, urn) else { return };
                if let Some(Value::Object(holder)) = document.get_mut(&name) {
                    self.remove_within(holder);
                    if holder.is_empty() {
                        document.shift_remove(&name);
                    }
                }
            }
            None => self.remove_within(document),
        }
    }

    fn remove_within(&self, holder: &mut Map<String, Value>) {
        let Some(name) = key(holder, &self.attribute) else { return };
        let Some(value) = holder.get_mut(&name) else { return };
        let cut = |value: &mut Value| match (&self.sub, value.as_object_mut()) {
            (Some(sub), Some(members)) => {
                if let Some(name) = key(members, sub) {
                    members.shift_remove(&name);
                }
                members.is_empty()
            }
            _ => true,
        };
        let empty = match (&self.filter, value) {
            (Some(filter), Value::Array(elements)) => {
                elements.retain_mut(|element| !matches(element, filter) || !cut(element));
                elements.is_empty()
            }
            (Some(_), _) => false,
            (None, value) => cut(value),
        };
        if empty {
            holder.shift_remove(&name);
        }
    }

    /// The same path without its sub-attribute: the whole element or complex value.
    #[must_use]
    pub fn parent(&self) -> Self {
        Self { sub: None, ..self.clone() }
    }

    /// The whole attribute.
    #[must_use]
    pub fn whole(&self) -> Self {
        Self { sub: None, filter: None, ..self.clone() }
    }

    /// Whether writing one would touch what the other writes, when they are not the same.
    pub fn overlaps(&self, other: &Self) -> bool {
        let same = |a: &Option<String>, b: &Option<String>| match (a, b) {
            (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
            (None, None) => true,
            _ => false,
        };
        if !same(&self.urn, &other.urn) || !self.attribute.eq_ignore_ascii_case(&other.attribute) {
            return false;
        }
        match (&self.filter, &other.filter) {
            (Some(a), Some(b)) if a != b => false,
            (Some(_), None) | (None, Some(_)) => true,
            _ => same(&self.sub, &other.sub) || self.sub.is_none() || other.sub.is_none(),
        }
    }
}

impl fmt::Display for DocumentPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urn) = &self.urn {
            write!(f, "{urn}:")?;
        }
        f.write_str(&self.attribute)?;
        if let Some((name, value)) = &self.filter {
            write!(f, "[{name} eq {value}]")?;
        }
        if let Some(sub) = &self.sub {
            write!(f, ".{sub}")?;
        }
        Ok(())
    }
}

fn parse_filter(text: &str) -> Option<(String, Value)> {
    let (name, rest) = text.trim().split_once(' ')?;
    let (operator, value) = rest.trim_start().split_once(' ')?;
    let value: Value = serde_json::from_str(value.trim()).ok()?;
    let simple = !value.is_array() && !value.is_object() && !value.is_null();
    (operator.eq_ignore_ascii_case("eq") && is_name(name) && simple).then(|| (name.to_owned(), value))
}

fn is_urn(text: &str) -> bool {
    text.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("urn:")) && text.len() > 4
}

// RFC 7643 §2.1, and `$ref`.
fn is_name(text: &str) -> bool {
    let text = text.strip_prefix('$').unwrap_or(text);
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

fn key(members: &Map<String, Value>, name: &str) -> Option<String> {
    if members.contains_key(name) {
        return Some(name.to_owned());
    }
    members.keys().find(|known| known.eq_ignore_ascii_case(name)).cloned()
}

fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.get(name).or_else(|| members.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

fn entry<'a>(members: &'a mut Map<String, Value>, name: &str) -> &'a mut Value {
    let name = key(members, name).unwrap_or_else(|| name.to_owned());
    members.entry(name).or_insert(Value::Null)
}

// Whatever else stood in the slot gives way.
fn with_object(slot: &mut Value, change: impl FnOnce(&mut Map<String, Value>)) {
    let mut members = match slot.take() {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    change(&mut members);
    *slot = Value::Object(members);
}

fn with_element(slot: &mut Value, filter: &(String, Value), change: impl FnOnce(&mut Map<String, Value>)) {
    let mut elements = match slot.take() {
        Value::Array(elements) => elements,
        _ => Vec::new(),
    };
    match elements.iter_mut().find(|element| matches(element, filter)) {
        Some(element) => with_object(element, change),
        None => {
            let mut members = Map::from_iter([filter.clone()]);
            change(&mut members);
            elements.push(Value::Object(members));
        }
    }
    *slot = Value::Array(elements);
}

fn matches(element: &Value, (name, wanted): &(String, Value)) -> bool {
    let found = element.as_object().and_then(|members| member(members, name));
    match (found, wanted) {
        (Some(Value::String(found)), Value::String(wanted)) => found.eq_ignore_ascii_case(wanted),
        (found, wanted) => found == Some(wanted),
    }
}

fn preferred(elements: &[Value]) -> Option<&Value> {
    let primary = ("primary".to_owned(), Value::Bool(true));
    let work = ("type".to_owned(), Value::from("work"));
    [primary, work].iter().find_map(|filter| elements.iter().find(|element| matches(element, filter))).or(elements.first())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const URN: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn path(text: &str) -> DocumentPath {
        DocumentPath::parse(text).unwrap()
    }

    #[test]
    fn reads_and_prints() {
        for text in [
            "userName".to_owned(),
            "name.givenName".to_owned(),
            "emails[type eq \"work\"]".to_owned(),
            "emails[type eq \"work\"].value".to_owned(),
            "x[primary eq true].$ref".to_owned(),
            format!("{URN}:department"),
            format!("{URN}:manager.value"),
            format!("{URN}:list[a eq \"b:c]\"].d"),
        ] {
            assert_eq!(path(&text).to_string(), text);
        }
        for wrong in [
            "",
            ".",
            "a.",
            ".a",
            "a.b.c",
            "a[",
            "a[]",
            "a[b]",
            "a[b ne \"c\"]",
            "a[b eq c]",
            "a[b eq \"c\"]d",
            "a.b[c eq \"d\"]",
            "a b",
            "x:y",
            "urn:",
            "a[b eq null]",
            "1a",
            "a[b eq [1]]",
        ] {
            assert!(DocumentPath::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn finds_what_stands_there() {
        let document = json!({
            "userName": "u", "name": {"givenName": "G", "middleName": null},
            "emails": [{"value": "h", "type": "home"}, {"value": "w", "type": "Work"}],
            URN: {"department": "D", "manager": {"value": "m"}},
        });
        let document = document.as_object().unwrap();
        for (text, get, read) in [
            ("USERNAME", Some("u"), Some("u")),
            ("name.givenname", Some("G"), Some("G")),
            ("name.middleName", None, None),
            ("emails[type eq \"work\"].value", Some("w"), Some("w")),
            ("emails[type eq \"other\"].value", None, None),
            ("emails.value", None, Some("w")),
            ("department", None, Some("D")),
            ("manager.value", None, Some("m")),
            (&format!("{URN}:department"), Some("D"), Some("D")),
            ("urn:x:department", None, None),
        ] {
            assert_eq!(path(text).get(document).and_then(Value::as_str), get, "get {text}");
            assert_eq!(path(text).read(document).and_then(Value::as_str), read, "read {text}");
        }
    }

    #[test]
    fn writes_and_takes_away() {
        let mut document = Map::new();
        let texts = ["userName", "name.givenName", "emails[type eq \"work\"].value", "emails[type eq \"home\"].value"];
        for text in texts {
            path(text).put(&mut document, json!("v"));
        }
        path("emails[type eq \"work\"]").put(&mut document, json!({"primary": true}));
        path(&format!("{URN}:manager.value")).put(&mut document, json!("m"));
        let work = json!({"type": "work", "value": "v", "primary": true});
        assert_eq!(
            Value::Object(document.clone()),
            json!({"userName": "v", "name": {"givenName": "v"}, "emails": [work, {"type": "home", "value": "v"}], URN: {"manager": {"value": "m"}}})
        );
        path("emails[type eq \"home\"]").remove(&mut document);
        path("name.givenName").remove(&mut document);
        path(&format!("{URN}:manager")).remove(&mut document);
        path("nope.nope").remove(&mut document);
        assert_eq!(Value::Object(document), json!({"userName": "v", "emails": [work]}));
    }

    #[test]
    fn knows_what_overlaps() {
        for (a, b, want) in [
            ("name", "name.givenName", true),
            ("name.familyName", "name.givenName", false),
            ("emails", "emails[type eq \"work\"].value", true),
            ("emails[type eq \"home\"].value", "emails[type eq \"work\"].value", false),
            ("emails[type eq \"work\"]", "emails[type eq \"work\"].value", true),
            ("department", "urn:x:department", false),
            ("A", "a", true),
        ] {
            assert_eq!(path(a).overlaps(&path(b)), want, "{a} {b}");
            assert_eq!(path(b).overlaps(&path(a)), want, "{b} {a}");
        }
    }
}
