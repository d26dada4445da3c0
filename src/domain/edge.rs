//! What an edge carries beside its ends, and what tells parallel edges apart (decision 16).

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::error::{Fault, Kind};
use super::normal;
use super::relation::CONDITIONAL;

/// Largest `_refProperties` of an edge, in bytes of JSON.
pub const MAX_BYTES: usize = 16 * 1024;

/// Starts the variant of an edge with properties; no `_grantType` looks like it.
const DIGEST: char = '~';

/// The member of the stored object that holds what IDM shows; the others are what SCIM keeps.
const SHOWN: &str = "_refProperties";

/// The parts of `_refProperties` that are the edge itself and no property of it.
const OWN: [&str; 3] = ["_id", "_rev", "_grantType"];

/// What clients gave an edge.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EdgeProperties {
    /// `_refProperties` of IDM without `_id`, `_rev` and `_grantType`. They are part of what the edge is.
    pub shown: Map<String, Value>,
    /// What SCIM keeps beside a direct grant (`type`, `primary`). IDM never shows it.
    pub kept: Map<String, Value>,
}

impl EdgeProperties {
    /// Reads what is stored.
    ///
    /// # Errors
    /// When it is no JSON object.
    pub fn parse(text: Option<&str>) -> Result<Self, serde_json::Error> {
        let mut kept: Map<String, Value> = text.map_or_else(|| Ok(Map::new()), serde_json::from_str)?;
        let shown = match kept.shift_remove(SHOWN) {
            Some(Value::Object(shown)) => shown,
            _ => Map::new(),
        };
        Ok(Self { shown, kept })
    }

    /// As it is stored; none when there is nothing.
    pub fn to_text(&self) -> Option<String> {
        let mut all = self.kept.clone();
        if !self.shown.is_empty() {
            all.insert(SHOWN.to_owned(), Value::Object(self.shown.clone()));
        }
        (!all.is_empty()).then(|| Value::Object(all).to_string())
    }
}

/// The properties among the members of a `_refProperties`: any JSON; null equals absent.
///
/// # Errors
/// [`Kind::InvalidValue`] when they are too large or hold U+0000.
pub fn properties(given: &Map<String, Value>) -> Result<Map<String, Value>, Fault> {
    let own = |name: &str| OWN.contains(&name);
    let out: Map<String, Value> =
        given.iter().filter(|(name, value)| !own(name) && !value.is_null()).map(|(n, v)| (n.clone(), v.clone())).collect();
    if holds_nul(&out) {
        return Err(Fault::new(Kind::InvalidValue, "'_refProperties' holds U+0000"));
    }
    if !out.is_empty() && Value::Object(out.clone()).to_string().len() > MAX_BYTES {
        return Err(Fault::new(Kind::InvalidValue, format!("'_refProperties' is larger than {MAX_BYTES} bytes")));
    }
    Ok(out)
}

fn holds_nul(members: &Map<String, Value>) -> bool {
    fn inside(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(list) => list.iter().any(inside),
            Value::Object(members) => holds_nul(members),
            _ => false,
        }
    }
    members.iter().any(|(name, value)| name.contains('\0') || inside(value))
}

/// The variant of an edge: its `_grantType`, or a digest of its properties when it has any. Edges between the same ends are
/// the same exactly when their variants are.
pub fn variant(grant_type: &str, shown: &Map<String, Value>) -> String {
    if shown.is_empty() || grant_type == CONDITIONAL {
        return grant_type.to_owned();
    }
    let mut text = String::new();
    canonical(&mut text, shown.iter());
    let mut out = String::from(DIGEST);
    for byte in &normal::hash(&text)[..16] {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// Whether an edge of this variant was made by a role's condition.
pub fn is_conditional(variant: &str) -> bool {
    variant == CONDITIONAL
}

// JSON with the members of objects in the order of their names: that order says nothing.
fn canonical<'v>(out: &mut String, members: impl Iterator<Item = (&'v String, &'v Value)>) {
    fn inside(out: &mut String, value: &Value) {
        match value {
            Value::Object(members) => canonical(out, members.iter()),
            Value::Array(list) => {
                out.push('[');
                for (at, value) in list.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    inside(out, value);
                }
                out.push(']');
            }
            plain => _ = write!(out, "{plain}"),
        }
    }
    let mut sorted: Vec<_> = members.collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    out.push('{');
    for (at, (name, value)) in sorted.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        inside(out, &Value::String(name.clone()));
        out.push(':');
        inside(out, value);
    }
    out.push('}');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::relation::STATIC;

    fn map(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_is_missing_is_empty_is_static() {
        for given in [json!({}), json!({"_grantType": ""}), json!({"_id": "x", "_rev": "y", "note": null})] {
            assert_eq!(variant(STATIC, &properties(&map(given)).unwrap()), STATIC);
        }
        assert_eq!(variant(CONDITIONAL, &Map::new()), CONDITIONAL);
    }

    #[test]
    fn the_order_of_members_says_nothing_and_all_else_does() {
        let digest = |value: Value| variant(STATIC, &map(value));
        assert_eq!(digest(json!({"a": {"x": 1, "y": [2]}, "b": 3})), digest(json!({"b": 3, "a": {"y": [2], "x": 1}})));
        let all = [
            json!({"a": 1}),
            json!({"a": "1"}),
            json!({"a": [1]}),
            json!({"a": {"b": 1}}),
            json!({"a": 1, "b": 1}),
            json!({"a\":1,\"b": 1}),
        ];
        let distinct: std::collections::BTreeSet<String> = all.into_iter().map(digest).collect();
        assert_eq!(distinct.len(), 6);
        assert!(distinct.iter().all(|text| text.is_empty() || text.starts_with(DIGEST) && !is_conditional(text)));
    }

    #[test]
    fn too_large_and_nul_are_refused() {
        let fault = properties(&map(json!({"note": "x".repeat(MAX_BYTES)}))).unwrap_err();
        assert!(fault.to_string().contains("16384 bytes"), "{fault}");
        for bad in [json!({"a\0": 1}), json!({"a": [{"b": "\0"}]}), json!({"a": {"\0": 1}})] {
            assert!(properties(&map(bad)).is_err());
        }
    }

    #[test]
    fn what_scim_keeps_stands_beside() {
        // What earlier versions stored.
        let old = EdgeProperties::parse(Some(r#"{"type":"vip","primary":true}"#)).unwrap();
        assert_eq!((old.shown.len(), old.kept.len()), (0, 2));
        let mut both = old.clone();
        both.shown = map(json!({"type": "other"}));
        assert_eq!(EdgeProperties::parse(both.to_text().as_deref()).unwrap(), both);
        assert_eq!(EdgeProperties::parse(None).unwrap().to_text(), None);
        assert!(EdgeProperties::parse(Some("[]")).is_err());
    }

    proptest! {
        #[test]
        fn equal_properties_have_one_variant(entries in proptest::collection::btree_map("[a-z]{1,3}", -2i64..3, 0..5)) {
            let forward: Map<String, Value> = entries.iter().map(|(n, v)| (n.clone(), json!(v))).collect();
            let backward: Map<String, Value> = entries.iter().rev().map(|(n, v)| (n.clone(), json!(v))).collect();
            prop_assert_eq!(variant(STATIC, &forward), variant(STATIC, &backward));
            let stored = EdgeProperties { shown: forward, kept: Map::new() };
            let read = EdgeProperties::parse(stored.to_text().as_deref()).unwrap();
            prop_assert_eq!(variant(STATIC, &read.shown), variant(STATIC, &backward));
        }
    }
}
