//! Which attributes an answer shows (RFC 7644 §3.9, RFC 7643 §7, spec/scim.md §3.5).

use serde_json::Value;

use crate::domain::document::Map;
use crate::domain::error::{Fault, Kind};
use crate::domain::schema::path::Resolved;
use crate::domain::schema::{AttrPath, Attribute, Home, ObjectType, Returned};

/// A choice of attributes of one object type.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    mode: Mode,
    // What the type never shows, or shows only when named; a discarded attribute is in no document.
    hidden: Vec<AttrPath>,
}

#[derive(Debug, Clone, PartialEq)]
enum Mode {
    Default,
    Only(Names),
    Without(Names),
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Names {
    paths: Vec<AttrPath>,
    schemas: Vec<usize>,
}

impl Projection {
    /// What is shown when nothing is asked for.
    pub fn all(kind: &ObjectType) -> Self {
        Self { mode: Mode::Default, hidden: hidden(kind) }
    }

    /// From the query parameters `attributes` and `excludedAttributes`: names separated by commas.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] when both are given.
    pub fn parse(kind: &ObjectType, attributes: Option<&str>, excluded: Option<&str>) -> Result<Self, Fault> {
        let split =
            |text: &'_ str| text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        Self::from_lists(kind, &attributes.map(split).unwrap_or_default(), &excluded.map(split).unwrap_or_default())
    }

    /// From the lists of a SearchRequest. Names compare without case; unknown ones are ignored, and an empty list asks for
    /// nothing.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] when both are given.
    pub fn from_lists<S: AsRef<str>>(kind: &ObjectType, attributes: &[S], excluded: &[S]) -> Result<Self, Fault> {
        let mode = match (attributes, excluded) {
            ([], []) => Mode::Default,
            (names, []) => Mode::Only(Names::resolve(kind, names)),
            ([], names) => Mode::Without(Names::resolve(kind, names)),
            _ => return Err(Fault::new(Kind::InvalidValue, "attributes and excludedAttributes exclude one another")),
        };
        Ok(Self { mode, hidden: hidden(kind) })
    }

    /// Whether the attribute or sub-attribute at `path` is shown, or some part of it.
    pub fn wants(&self, kind: &ObjectType, path: AttrPath) -> bool {
        let attribute = kind.attribute(path);
        let Some(_) = path.sub else {
            let own = |returned| match returned {
                Returned::Always => true,
                Returned::Never => false,
                Returned::Default => self.by_default(path),
                Returned::Request => matches!(&self.mode, Mode::Only(names) if names.name(path)),
            };
            // A part that was named brings its parent.
            return own(attribute.returned)
                || matches!(&self.mode, Mode::Only(names) if attribute.returned != Returned::Never && names.name_part(path));
        };
        if !self.wants(kind, path.parent()) {
            return false;
        }
        match kind.leaf(path).returned {
            Returned::Always => true,
            Returned::Never => false,
            Returned::Default => match &self.mode {
                Mode::Only(names) => !names.name_part(path.parent()) || names.name(path.parent()) || names.paths.contains(&path),
                Mode::Without(names) => !names.paths.contains(&path),
                Mode::Default => true,
            },
            Returned::Request => matches!(&self.mode, Mode::Only(names) if names.paths.contains(&path)),
        }
    }

    fn by_default(&self, path: AttrPath) -> bool {
        match &self.mode {
            Mode::Default => true,
            Mode::Only(names) => names.name(path),
            Mode::Without(names) => !names.name(path),
        }
    }

    /// Whether the view of a relationship, by its IDM name, is shown, so that it has to be loaded.
    pub fn needs_relationship(&self, kind: &ObjectType, name: &str) -> bool {
        kind.paths().any(|(path, a)| path.sub.is_none() && a.relationship.as_deref() == Some(name) && self.wants(kind, path))
    }

    /// Whether all that a document holds is shown; relationships that are not were not loaded ([`Projection::needs_relationship`]).
    pub fn is_whole(&self, kind: &ObjectType) -> bool {
        self.mode == Mode::Default && self.hidden.iter().all(|path| kind.attribute(*path).relationship.is_some())
    }

    /// Takes out of a whole resource what is not shown.
    pub fn apply(&self, kind: &ObjectType, resource: &mut Map) {
        if self.mode == Mode::Default {
            for path in &self.hidden {
                remove(kind, resource, *path);
            }
            return;
        }
        let extensions = kind.schemas.iter().enumerate().skip(1);
        for (index, schema) in extensions {
            if let Some(Value::Object(extension)) = resource.get_mut(&schema.id) {
                self.retain(kind, Home::Schema(index), extension);
                if extension.is_empty() {
                    resource.shift_remove(&schema.id);
                }
            }
        }
        self.retain(kind, Home::Schema(0), resource);
        self.retain(kind, Home::Common, resource);
    }

    fn retain(&self, kind: &ObjectType, home: Home, object: &mut Map) {
        for (attribute, definition) in kind.attributes_of(home).iter().enumerate() {
            let path = AttrPath { home, attribute, sub: None };
            let Some(value) = object.get_mut(&definition.name) else { continue };
            let left = self.wants(kind, path) && {
                self.narrow(kind, path, definition, value);
                !matches!(value, Value::Object(parts) if parts.is_empty())
                    && !matches!(value, Value::Array(items) if items.is_empty())
            };
            if !left {
                object.shift_remove(&definition.name);
            }
        }
    }

    fn narrow(&self, kind: &ObjectType, path: AttrPath, attribute: &Attribute, value: &mut Value) {
        let subs = (0..attribute.sub_attributes.len()).map(|sub| AttrPath { sub: Some(sub), ..path });
        let unwanted: Vec<&str> = subs.filter(|p| !self.wants(kind, *p)).map(|p| kind.leaf(p).name.as_str()).collect();
        if unwanted.is_empty() {
            return;
        }
        let strip = |value: &mut Value| {
            if let Value::Object(parts) = value {
                parts.retain(|name, _| !unwanted.contains(&name.as_str()));
            }
        };
        match value {
            Value::Array(items) => {
                items.iter_mut().for_each(strip);
                items.retain(|item| !matches!(item, Value::Object(parts) if parts.is_empty()));
            }
            one => strip(one),
        }
    }
}

impl Names {
    fn resolve<S: AsRef<str>>(kind: &ObjectType, names: &[S]) -> Self {
        let mut out = Self::default();
        for name in names {
            match kind.resolve(name.as_ref()) {
                Some(Resolved::Attribute(path)) => out.paths.push(path),
                Some(Resolved::Extension(index)) => out.schemas.push(index),
                None if name.as_ref().eq_ignore_ascii_case(kind.urn()) => out.schemas.push(0),
                None => {}
            }
        }
        out
    }

    // The whole attribute, by itself or through its schema.
    fn name(&self, path: AttrPath) -> bool {
        self.paths.contains(&path) || matches!(path.home, Home::Schema(index) if self.schemas.contains(&index))
    }

    fn name_part(&self, path: AttrPath) -> bool {
        self.paths.iter().any(|p| p.sub.is_some() && p.parent() == path)
    }
}

fn hidden(kind: &ObjectType) -> Vec<AttrPath> {
    let hidden = |a: &Attribute| matches!(a.returned, Returned::Never | Returned::Request) && !a.discarded;
    kind.paths().filter(|(_, a)| hidden(a)).map(|(path, _)| path).collect()
}

fn remove(kind: &ObjectType, resource: &mut Map, path: AttrPath) {
    let object = match path.home {
        Home::Schema(index @ 1..) => resource.get_mut(&kind.schemas[index].id).and_then(Value::as_object_mut),
        _ => Some(resource),
    };
    let Some(object) = object else { return };
    let attribute = kind.attribute(path);
    if path.sub.is_none() {
        object.shift_remove(&attribute.name);
        return;
    }
    let name = &kind.leaf(path).name;
    match object.get_mut(&attribute.name) {
        Some(Value::Object(parts)) => {
            parts.shift_remove(name);
        }
        Some(Value::Array(items)) => items.iter_mut().filter_map(Value::as_object_mut).for_each(|parts| {
            parts.shift_remove(name);
        }),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::schema::Registry;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn resource() -> Value {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE], "id": "1", "externalId": "e",
            "userName": "bj", "name": {"familyName": "J", "givenName": "B"},
            "emails": [{"value": "a@x", "type": "work"}, {"value": "b@x"}],
            "groups": [{"value": "g", "display": "G"}],
            ENTERPRISE: {"department": "d", "manager": {"value": "m", "displayName": "M"}},
            "meta": {"resourceType": "User", "version": "W/\"1\""}
        })
    }

    fn keys(value: &Value) -> Vec<String> {
        value.as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn attributes_and_exclusions() {
        let registry = Registry::shipped().unwrap();
        let user = registry.by_name("user").unwrap();
        let always = ["schemas", "id"];
        for (attributes, excluded, expected) in [
            (Some("userName"), None, vec!["userName"]),
            (Some("USERNAME, meta , nope"), None, vec!["userName", "meta"]),
            (Some("urn:ietf:params:scim:schemas:core:2.0:User:userName"), None, vec!["userName"]),
            (Some("emails.value"), None, vec!["emails"]),
            (Some("emails.display"), None, vec![]),
            (Some("nope"), None, vec![]),
            (Some("password"), None, vec![]),
            (Some(ENTERPRISE), None, vec![ENTERPRISE]),
            (Some("urn:ietf:params:scim:schemas:core:2.0:User"), None, vec!["userName", "name", "emails", "groups"]),
            (Some("meta.version"), None, vec!["meta"]),
            (None, Some("id,schemas,name,emails,groups,meta,externalId"), vec!["userName", ENTERPRISE]),
            (None, Some(ENTERPRISE), vec!["externalId", "userName", "name", "emails", "groups", "meta"]),
            (Some(" "), Some(""), vec!["externalId", "userName", "name", "emails", "groups", ENTERPRISE, "meta"]),
        ] {
            let mut shown = resource();
            Projection::parse(user, attributes, excluded).unwrap().apply(user, shown.as_object_mut().unwrap());
            let expected: Vec<String> = always.iter().chain(&expected).map(|s| (*s).to_owned()).collect();
            assert_eq!(keys(&shown), expected, "{attributes:?} {excluded:?}");
        }
        let fault = Projection::parse(user, Some("userName"), Some("emails")).unwrap_err();
        assert_eq!(fault.kind, Kind::InvalidValue);
    }

    #[test]
    fn sub_attributes_are_picked() {
        let registry = Registry::shipped().unwrap();
        let user = registry.by_name("user").unwrap();
        let show = |attributes: Option<&str>, excluded: Option<&str>| {
            let mut shown = resource();
            Projection::parse(user, attributes, excluded).unwrap().apply(user, shown.as_object_mut().unwrap());
            shown
        };
        assert_eq!(show(Some("emails.type"), None)["emails"], json!([{"type": "work"}]));
        assert_eq!(show(Some("emails,emails.type"), None)["emails"], resource()["emails"]);
        assert_eq!(show(None, Some("emails.type"))["emails"], json!([{"value": "a@x"}, {"value": "b@x"}]));
        assert_eq!(show(None, Some("name.givenName"))["name"], json!({"familyName": "J"}));
        let manager = show(Some(&format!("{ENTERPRISE}:manager.value")), None);
        assert_eq!(manager[ENTERPRISE], json!({"manager": {"value": "m"}}));
    }

    #[test]
    fn the_default_shows_all_but_the_hidden() {
        let registry = Registry::shipped().unwrap();
        let (user, role) = (registry.by_name("user").unwrap(), registry.by_name("role").unwrap());
        assert!(Projection::all(user).hidden.is_empty());
        assert!(Projection::all(user).is_whole(user) && Projection::all(role).is_whole(role));
        assert!(!Projection::parse(user, Some("userName"), None).unwrap().is_whole(user));
        assert!(!Projection::parse(user, None, Some("nope")).unwrap().is_whole(user));
        let mut shown = resource();
        Projection::all(user).apply(user, shown.as_object_mut().unwrap());
        assert_eq!(shown, resource());
        let whole = json!({"id": "1", "name": "r", "members": [{"value": "u"}]});
        let mut shown = whole.clone();
        Projection::all(role).apply(role, shown.as_object_mut().unwrap());
        assert_eq!(shown, json!({"id": "1", "name": "r"}));
        let mut shown = whole;
        Projection::parse(role, Some("members"), None).unwrap().apply(role, shown.as_object_mut().unwrap());
        assert_eq!(shown, json!({"id": "1", "members": [{"value": "u"}]}));
    }

    #[test]
    fn relationships_are_loaded_only_when_shown() {
        let registry = Registry::shipped().unwrap();
        for (kind, attributes, excluded, name, expected) in [
            ("group", None, None, "members", true),
            ("group", None, Some("members"), "members", false),
            ("group", None, Some("Members.display"), "members", true),
            ("group", Some("displayName"), None, "members", false),
            ("group", Some("members.value"), None, "members", true),
            ("group", None, None, "groups", false),
            ("role", None, None, "members", false),
            ("role", None, Some("name"), "members", false),
            ("role", Some("members"), None, "members", true),
            ("role", Some("members.value"), None, "members", true),
            ("user", Some(ENTERPRISE), None, "manager", true),
            ("user", None, Some(ENTERPRISE), "manager", false),
            ("user", None, None, "reports", false),
        ] {
            let kind = registry.by_name(kind).unwrap();
            let projection = Projection::parse(kind, attributes, excluded).unwrap();
            assert_eq!(projection.needs_relationship(kind, name), expected, "{attributes:?} {excluded:?} {name}");
        }
    }
}
