//! What lists are sorted by (RFC 7644 §3.4.2.3).
//!
//! Values are compared in their index form, so that the attribute index and the sort in memory agree: text is folded unless
//! `caseExact`, ordered by its bytes, and beyond the first 253 of them by a hash; numbers, instants and booleans (false first)
//! by value. Ids are ordered by their bytes. What has no value comes last; descending is the exact reverse.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::document::values;
use super::error::{Fault, Kind, excerpt};
use super::filter::{Operand, Pick};
use super::schema::{AttrPath, AttributeType, Home, IdmForm, ObjectType, Returned};

/// Most keys of one order.
const MOST: usize = 8;

/// What a list is sorted by: one attribute, whose direction is that of the list, or several, each in its own direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    // At least one.
    keys: Vec<SortKey>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SortKey {
    path: AttrPath,
    pick: Pick,
    descending: bool,
}

impl Sort {
    /// By one attribute.
    pub fn by(path: AttrPath) -> Self {
        Self { keys: vec![SortKey { path, pick: Pick::Any, descending: false }] }
    }

    /// What `_sortKeys` says (spec/idm.md §1.5), and whether the list runs from the greatest to the least. Of several keys each
    /// has its direction within, and the list ascends.
    ///
    /// # Errors
    /// [`Kind::InvalidValue`] for what is no property, has no order of its own, or may not be asked for.
    pub fn idm(kind: &ObjectType, text: &str) -> Result<(Self, bool), Fault> {
        let mut keys = text.split(',').map(|key| idm_key(kind, key.trim())).collect::<Result<Vec<_>, _>>()?;
        match keys.as_mut_slice() {
            [only] => {
                let descending = std::mem::take(&mut only.descending);
                Ok((Self { keys }, descending))
            }
            keys if keys.len() > MOST => Err(refused(text, &format!("are more than {MOST} keys"))),
            _ => Ok((Self { keys }, false)),
        }
    }

    /// The attributes that it reads.
    pub fn paths(&self) -> impl Iterator<Item = AttrPath> + '_ {
        self.keys.iter().map(|key| key.path)
    }

    /// The attribute, if it is one alone: the store may have its order.
    pub fn single(&self) -> Option<AttrPath> {
        match self.keys.as_slice() {
            [only] => Some(only.path),
            _ => None,
        }
    }

    /// What a resource is sorted by. Several keys make one text, whose bytes are in their order.
    pub fn value(&self, kind: &ObjectType, resource: &Map<String, Value>) -> Option<String> {
        if let [only] = self.keys.as_slice() {
            return only.value(kind, resource);
        }
        let mut bytes = Vec::new();
        for key in &self.keys {
            let start = bytes.len();
            match key.value(kind, resource) {
                // No text holds U+0000, so it ends before whatever it begins.
                Some(value) => bytes.extend(std::iter::once(1).chain(value.bytes()).chain(std::iter::once(0))),
                None => bytes.push(2),
            }
            if key.descending {
                bytes[start..].iter_mut().for_each(|byte| *byte = !*byte);
            }
        }
        let mut text = String::with_capacity(2 * bytes.len());
        // Writing to a String cannot fail.
        bytes.iter().for_each(|byte| _ = write!(text, "{byte:02x}"));
        Some(text)
    }
}

impl SortKey {
    fn value(self, kind: &ObjectType, resource: &Map<String, Value>) -> Option<String> {
        if self.pick == Pick::Any {
            return value(kind, self.path, resource);
        }
        let leaf = kind.leaf(self.path);
        let value = values::preferred(kind, resource, self.path)?;
        Some(Operand::of_value(leaf.kind, leaf.compares_exactly(), value)?.index_form())
    }
}

fn refused(text: &str, rule: &str) -> Fault {
    Fault::new(Kind::InvalidValue, format!("_sortKeys: '{}' {rule}", excerpt(text)))
}

fn idm_key(kind: &ObjectType, text: &str) -> Result<SortKey, Fault> {
    let (descending, pointer) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        // A plus sign that was not encoded arrives as a space, and is gone.
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let name = pointer.strip_prefix('/').unwrap_or(pointer);
    let missing = || refused(text, &format!("is no property of {}", kind.collection));
    if name == "_id" {
        let path = kind.resolve_attribute("id").ok_or_else(missing)?;
        return Ok(SortKey { path, pick: Pick::Any, descending });
    }
    let (name, sub) = name.split_once('/').map_or((name, None), |(name, sub)| (name, Some(sub)));
    let property = kind.property(name).ok_or_else(missing)?;
    let mut path = property.path;
    if let Some(sub) = sub {
        let (index, _) = kind.leaf(path).sub(sub).filter(|_| path.sub.is_none()).ok_or_else(missing)?;
        path.sub = Some(index);
    }
    let (attribute, leaf) = (kind.attribute(path), kind.leaf(path));
    if property.form == IdmForm::Discarded || [attribute, leaf].iter().any(|a| a.discarded || a.returned == Returned::Never) {
        return Err(refused(text, "may not be sorted by"));
    }
    if leaf.kind == AttributeType::Complex {
        return Err(refused(text, "has parts; name one of them"));
    }
    Ok(match property.form {
        IdmForm::Element => SortKey { path, pick: Pick::Preferred, descending },
        // As text 'active' comes before 'inactive', as booleans false before true.
        IdmForm::Status => SortKey { path, pick: Pick::Any, descending: !descending },
        _ => SortKey { path, pick: Pick::Any, descending },
    })
}

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

    #[test]
    fn keys_of_idm_are_properties() {
        let registry = Registry::shipped().unwrap();
        let user = registry.by_name("user").unwrap();
        for (text, descending, first) in [
            ("userName", false, "userName"),
            ("-userName", true, "userName"),
            ("+/userName", false, "userName"),
            ("_id", false, "id"),
            ("-/_id", true, "id"),
            ("sn,-givenName", false, "name.familyName"),
            ("accountStatus", true, "active"),
            ("-accountStatus", false, "active"),
            ("mail", false, "emails.value"),
        ] {
            let (sort, down) = Sort::idm(user, text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!((down, user.path_text(sort.paths().next().unwrap()).as_str()), (descending, first), "{text}");
        }
        for refused in ["", "nope", "-", "userName,", "password", "manager", "roles", "userName/x", "_rev", "a,b,c,d,e,f,g,h,i"] {
            assert_eq!(Sort::idm(user, refused).unwrap_err().kind, Kind::InvalidValue, "{refused}");
        }
    }

    fn pair(sn: Option<&str>, title: Option<&str>) -> Map<String, Value> {
        let body = json!({ "userName": "u", "name": { "familyName": sn }, "title": title });
        body.as_object().unwrap().clone()
    }

    proptest::proptest! {
        /// Several keys in one text order as the keys do one after another.
        #[test]
        fn several_keys_order_as_one_after_another(
            a in (proptest::option::of("[a-cß]{0,3}"), proptest::option::of("[a-c]{0,2}")),
            b in (proptest::option::of("[a-cß]{0,3}"), proptest::option::of("[a-c]{0,2}")),
            down in (proptest::bool::ANY, proptest::bool::ANY),
        ) {
            let registry = Registry::shipped().unwrap();
            let user = registry.by_name("user").unwrap();
            let sign = |down| if down { "-" } else { "" };
            let both = Sort::idm(user, &format!("{}sn,{}title", sign(down.0), sign(down.1))).unwrap().0;
            let docs = [&a, &b].map(|(sn, title)| pair(sn.as_deref(), title.as_deref()));
            let [left, right] = [&docs[0], &docs[1]].map(|doc| both.value(user, doc));
            let by = |name: &str, down: bool| {
                let sort = Sort::idm(user, name).unwrap().0;
                let [left, right] = [&docs[0], &docs[1]].map(|doc| sort.value(user, doc));
                let order = left.is_none().cmp(&right.is_none()).then(left.cmp(&right));
                if down { order.reverse() } else { order }
            };
            proptest::prop_assert_eq!(left.cmp(&right), by("sn", down.0).then(by("title", down.1)));
        }
    }
}
