//! A resource whose document is still the text that was stored: most answers show it whole, and it need not be parsed to be
//! printed again.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::document::text;
use super::resource::{Resource, location};

/// A [`Resource`] without its document, and that document as text.
#[derive(Debug, Clone)]
pub struct Written {
    /// All but the document.
    pub head: Resource,
    /// The canonical document, JSON text.
    pub doc: String,
}

impl Written {
    /// The resource with its document parsed.
    ///
    /// # Errors
    /// When the text is no JSON object: the store is damaged.
    pub fn parse(self) -> serde_json::Result<Resource> {
        Ok(Resource { doc: serde_json::from_str(&self.doc)?, ..self.head })
    }

    /// The whole SCIM resource, as [`Resource::into_scim`] makes it.
    ///
    /// # Errors
    /// As [`Written::parse`].
    pub fn into_scim(self, base: &str) -> serde_json::Result<Map<String, Value>> {
        Ok(self.parse()?.into_scim(base))
    }

    /// Appends the whole SCIM resource as JSON text: what [`Written::into_scim`] holds, but for the order of its members.
    ///
    /// # Errors
    /// As [`Written::parse`].
    pub fn write_scim(self, base: &str, out: &mut String) -> serde_json::Result<()> {
        if !self.splice(base, out) {
            out.push_str(&Value::Object(self.into_scim(base)?).to_string());
        }
        Ok(())
    }

    // Puts the stored members between what is known beside them; false, and nothing written, when they cannot be told apart.
    fn splice(&self, base: &str, out: &mut String) -> bool {
        let Some(members) = text::members(&self.doc) else { return false };
        let (head, kind) = (&self.head, &self.head.kind);
        // Each extension in use, with what it holds beside what is stored.
        let extensions: Vec<_> = kind
            .schemas
            .iter()
            .enumerate()
            .skip(1)
            .filter_map(|(index, schema)| {
                let stored = members.iter().find(|(key, _)| *key == schema.id).map(|(_, value)| *value);
                let views: Vec<_> = head.views(base, index).collect();
                (stored.is_some() || !views.is_empty()).then_some((schema.id.as_str(), stored.unwrap_or("{}"), views))
            })
            .collect();
        out.push_str("{\"schemas\":[");
        text::push_string(out, kind.urn());
        for (urn, ..) in &extensions {
            out.push(',');
            text::push_string(out, urn);
        }
        out.push_str("],\"id\":");
        text::push_string(out, &head.wire_id);
        if let Some(id) = &head.external_id {
            member(out, "externalId", |out| text::push_string(out, id));
        }
        for (key, value) in &members {
            if !extensions.iter().any(|(urn, ..)| urn == key) {
                out.push_str(",\"");
                out.push_str(key);
                out.push_str("\":");
                out.push_str(value);
            }
        }
        for (name, value) in head.views(base, 0) {
            member(out, name, |out| print(out, &value));
        }
        for (urn, stored, views) in extensions {
            member(out, urn, |out| {
                out.push_str(stored.strip_suffix('}').unwrap_or(stored));
                for (place, (name, value)) in views.iter().enumerate() {
                    let first = place == 0 && stored == "{}";
                    out.push_str(if first { "" } else { "," });
                    text::push_string(out, name);
                    out.push(':');
                    print(out, value);
                }
                out.push('}');
            });
        }
        member(out, "meta", |out| {
            out.push_str("{\"resourceType\":");
            text::push_string(out, &kind.resource);
            print_member(out, "created", &head.created);
            print_member(out, "lastModified", &head.modified);
            member(out, "location", |out| text::push_string(out, &location(base, kind, &head.wire_id)));
            member(out, "version", |out| text::push_string(out, &head.version()));
            out.push('}');
        });
        out.push('}');
        true
    }
}

fn member(out: &mut String, name: &str, value: impl FnOnce(&mut String)) {
    out.push(',');
    text::push_string(out, name);
    out.push(':');
    value(out);
}

// Writing to a String cannot fail.
fn print(out: &mut String, value: &impl std::fmt::Display) {
    let _ = write!(out, "{value}");
}

// What prints without signs that JSON escapes.
fn print_member(out: &mut String, name: &str, value: &impl std::fmt::Display) {
    member(out, name, |out| {
        out.push('"');
        print(out, value);
        out.push('"');
    });
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::domain::key::Key;
    use crate::domain::resource::{EffectiveRole, Related, RoleWay, Via};
    use crate::domain::schema::Registry;
    use crate::domain::time::Timestamp;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    const PROVOST: &str = "urn:provost:scim:schemas:extension:2.0:User";

    fn written(doc: &str, manager: bool, external_id: Option<&str>) -> Written {
        let registry = Registry::shipped().unwrap();
        let (user, key) = (registry.by_name("user").unwrap(), Key::new(Uuid::from_u128(7)));
        let other = |kind: &str, id: &str| Related {
            edge: None,
            kind: Arc::clone(registry.by_name(kind).unwrap()),
            key,
            wire_id: id.to_owned(),
            label: Some("Ü \"x\"".to_owned()),
            indirect: true,
        };
        let mut related = BTreeMap::from([("groups".to_owned(), vec![other("group", "g"), other("group", "h/ü")])]);
        if manager {
            related.insert("manager".to_owned(), vec![other("user", "m")]);
        }
        let way = RoleWay { grant: key, holder: key, bundles: Vec::new(), since: Timestamp::from_micros(1), until: None };
        let role = |via| EffectiveRole {
            key,
            wire_id: "r".to_owned(),
            name: "R".to_owned(),
            via,
            properties: Map::new(),
            way: way.clone(),
        };
        let head = Resource {
            kind: Arc::clone(user),
            key,
            wire_id: "a \"b\" \u{7f}é".to_owned(),
            rev: 3,
            created: Timestamp::from_micros(1),
            modified: Timestamp::from_micros(2_000_000),
            external_id: external_id.map(str::to_owned),
            doc: Map::new(),
            related,
            effective_roles: Some(vec![role(Via::Direct)]),
            effective_assignments: Vec::new(),
            unresolved_roles: vec![json!({"value": "lost"})],
        };
        Written { head, doc: doc.to_owned() }
    }

    #[test]
    fn text_and_tree_hold_the_same() {
        let extension =
            format!("{{\"userName\":\"a\\\"}}é\",\"emails\":[{{\"value\":\"x\"}}],\"{ENTERPRISE}\":{{\"department\":\"d\"}}}}");
        let empty = format!("{{\"{PROVOST}\":{{\"description\":\"d\"}}}}");
        let spaced = "{ \"userName\" : \"a\" }";
        for doc in ["{}", "{\"userName\":\"a\",\"active\":true}", &extension, &empty, spaced] {
            for (manager, external_id) in [(false, None), (true, Some("é\\1")), (true, None)] {
                let one = written(doc, manager, external_id);
                let mut text = String::from("[");
                one.clone().write_scim("https://id.example/scim/v2", &mut text).unwrap();
                let tree = Value::Object(one.into_scim("https://id.example/scim/v2").unwrap());
                let read: Value = serde_json::from_str(&text[1..]).unwrap_or_else(|e| panic!("{e}: {text}"));
                assert_eq!(read, tree, "{doc}");
            }
        }
    }

    #[test]
    fn what_is_no_document_is_told() {
        for doc in ["", "[]", "{\"a\"", "{\"a\":1"] {
            let mut out = String::new();
            assert!(written(doc, false, None).write_scim("", &mut out).is_err(), "{doc}");
            assert_eq!(out, "");
        }
    }
}
