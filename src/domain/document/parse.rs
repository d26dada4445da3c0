//! SCIM bodies of POST and PUT (RFC 7644 §3.3, §3.5.1).

use serde_json::Value;

use super::reader::{At, Reader};
use super::reference::{self, ReferenceChange, ReferenceWrite};
use super::{Map, check, values};
use crate::domain::error::{Fault, Kind};
use crate::domain::profile::Profile;
use crate::domain::schema::path::Resolved;
use crate::domain::schema::{AttrPath, Backing, Home, Mutability, ObjectType};

/// What a body says.
#[derive(Debug, Clone, Default)]
pub struct Parsed {
    /// The canonical document.
    pub doc: Map,
    /// The client's own identifier: absent, unassigned (null, or the empty text, which identifies nothing) or given. What
    /// absence means on PUT is for the caller, who knows the source.
    pub external_id: Option<Option<String>>,
    /// Writes to relationships.
    pub references: Vec<ReferenceWrite>,
    /// Unknown names that were left out, for the log.
    pub ignored: Vec<String>,
}

/// Reads the body of a POST.
///
/// # Errors
/// [`Kind::InvalidSyntax`] when the body does not have the form of a resource, [`Kind::InvalidValue`] naming the attribute and
/// the rule that it breaks.
pub fn create(kind: &ObjectType, profile: &Profile, body: Value) -> Result<Parsed, Fault> {
    let Slots { mut doc, external_id, references, ignored } = read(kind, profile, body)?;
    let references = references.into_iter().filter(|(_, w)| w.change != ReferenceChange::Clear).map(|(_, w)| w).collect();
    values::default_absent(kind, None, &mut doc);
    check::document(kind, &doc)?;
    Ok(Parsed { doc, external_id, references, ignored })
}

/// Reads the body of a PUT over the `current` document: what is not given is cleared, what is readOnly stays as it is. A
/// relationship that is not given is cleared too, but for role grants, which only `[]` or null clears (spec/types.md).
///
/// # Errors
/// As [`create`]; [`Kind::Mutability`] when something immutable would change.
pub fn replace(kind: &ObjectType, profile: &Profile, current: &Map, body: Value) -> Result<Parsed, Fault> {
    let Slots { mut doc, external_id, references, ignored } = read(kind, profile, body)?;
    let given: Vec<_> = references.iter().map(|(path, _)| *path).collect();
    let mut references: Vec<_> = references.into_iter().map(|(_, write)| write).collect();
    for (path, attribute) in kind.paths().filter(|(path, _)| path.sub.is_none() && path.home != Home::Common) {
        match reference::relationship_of(kind, attribute) {
            Some(relationship) => {
                let clears = writable(kind, path) && relationship.backing == Backing::Reference && !given.contains(&path);
                if clears {
                    references.push(ReferenceWrite { relationship: relationship.name.clone(), change: ReferenceChange::Clear });
                }
            }
            None if attribute.mutability == Mutability::ReadOnly => {
                values::set(kind, &mut doc, path, values::get(kind, current, path).cloned());
            }
            None => {}
        }
    }
    values::default_absent(kind, Some(current), &mut doc);
    check::document(kind, &doc)?;
    check::unchanged(kind, &check::fixed(kind, current), &doc)?;
    Ok(Parsed { doc, external_id, references, ignored })
}

/// Whether a SCIM client may write the attribute at `path`.
pub fn writable(kind: &ObjectType, path: AttrPath) -> bool {
    let attribute = kind.attribute(path);
    attribute.mutability != Mutability::ReadOnly
        && (attribute.relationship.is_none() || reference::relationship_of(kind, attribute).is_some_and(|r| r.scim_writable))
}

struct Slots {
    doc: Map,
    external_id: Option<Option<String>>,
    references: Vec<(AttrPath, ReferenceWrite)>,
    ignored: Vec<String>,
}

fn read(kind: &ObjectType, profile: &Profile, body: Value) -> Result<Slots, Fault> {
    let Value::Object(body) = body else {
        return Err(Fault::new(Kind::InvalidSyntax, "the body must be a JSON object"));
    };
    let mut reader = Reader::scim(profile);
    let mut found: Vec<(AttrPath, Value)> = Vec::with_capacity(body.len());
    let mut schemas = None;
    for (key, value) in body {
        match kind.resolve(&key) {
            Some(Resolved::Attribute(path @ AttrPath { sub: None, .. })) => {
                if path.home == Home::Common && kind.attribute(path).name == "schemas" {
                    schemas = Some(value);
                } else {
                    found.push((path, value));
                }
            }
            Some(Resolved::Extension(index)) => extension(kind, &mut reader, index, value, &mut found)?,
            _ => reader.unknown(&key)?,
        }
    }
    check_schemas(kind, profile, schemas.as_ref())?;
    // Sorted paths are schema order, so that building the document only appends.
    found.sort_by_key(|(path, _)| *path);
    if let Some(pair) = found.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(Fault::new(Kind::InvalidSyntax, format!("{} is given twice", At::path(kind, pair[0].0))));
    }
    let mut out = Slots { doc: Map::new(), external_id: None, references: Vec::new(), ignored: Vec::new() };
    for (path, value) in found {
        let (attribute, at) = (kind.attribute(path), At::path(kind, path));
        if path.home == Home::Common {
            if attribute.mutability != Mutability::ReadOnly {
                out.external_id = Some(external_id(&mut reader, kind, path, value)?);
            }
        } else if !writable(kind, path) {
            // readOnly is ignored (RFC 7643 §2.2).
        } else if let Some(relationship) = reference::relationship_of(kind, attribute) {
            let inputs = reference::inputs(&mut reader, kind, path, value)?;
            let change = if inputs.is_empty() { ReferenceChange::Clear } else { ReferenceChange::Replace(inputs) };
            out.references.push((path, ReferenceWrite { relationship: relationship.name.clone(), change }));
        } else if let Some(value) = reader.attribute(attribute, at, value)?
            && !attribute.discarded
        {
            append(kind, &mut out.doc, path, value);
        }
    }
    out.ignored = reader.into_ignored();
    Ok(out)
}

// As `values::set`, for paths that come in order.
fn append(kind: &ObjectType, doc: &mut Map, path: AttrPath, value: Value) {
    let name = kind.attribute(path).name.clone();
    let Home::Schema(index @ 1..) = path.home else {
        doc.insert(name, value);
        return;
    };
    let extension = doc.entry(kind.schemas[index].id.as_str()).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(extension) = extension {
        extension.insert(name, value);
    }
}

fn extension(
    kind: &ObjectType,
    reader: &mut Reader,
    index: usize,
    value: Value,
    found: &mut Vec<(AttrPath, Value)>,
) -> Result<(), Fault> {
    let schema = &kind.schemas[index];
    let object = match value {
        Value::Null => return Ok(()),
        Value::Object(object) => object,
        _ => return Err(Fault::new(Kind::InvalidValue, format!("{} must be an object", schema.id))),
    };
    for (key, value) in object {
        match schema.attributes.iter().position(|a| a.name.eq_ignore_ascii_case(&key)) {
            Some(attribute) => found.push((AttrPath { home: Home::Schema(index), attribute, sub: None }, value)),
            None => reader.unknown(format_args!("{}:{key}", schema.id))?,
        }
    }
    Ok(())
}

/// Reads an `externalId`; the empty text identifies nothing and is none.
///
/// # Errors
/// [`Kind::InvalidValue`] when it is no text.
pub fn external_id(reader: &mut Reader, kind: &ObjectType, path: AttrPath, value: Value) -> Result<Option<String>, Fault> {
    match reader.single(kind.attribute(path), At::path(kind, path), value)? {
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        _ => Ok(None),
    }
}

fn check_schemas(kind: &ObjectType, profile: &Profile, schemas: Option<&Value>) -> Result<(), Fault> {
    let wrong = |rule: String| Err(Fault::new(Kind::InvalidSyntax, rule));
    let urns = match schemas {
        None | Some(Value::Null) if profile.schemas_required => {
            return wrong(format!("schemas is required and names {}", kind.urn()));
        }
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(urns)) if urns.iter().all(Value::is_string) => urns,
        Some(_) => return wrong("schemas must be an array of strings".to_owned()),
    };
    // A body of SCIM 1.1, in which names mean other things (RFC 7644 §3.13).
    let old = |urn: &Value| urn.as_str().is_some_and(|urn| urn.to_ascii_lowercase().starts_with("urn:scim:schemas:"));
    if !urns.is_empty() && urns.iter().all(old) {
        return Err(Fault::new(Kind::InvalidVersion, format!("schemas are of SCIM 1.1; version 2.0 names {}", kind.urn())));
    }
    let core = urns.iter().filter_map(Value::as_str).any(|urn| urn.eq_ignore_ascii_case(kind.urn()));
    if profile.schemas_required && !core {
        return wrong(format!("schemas must name {}", kind.urn()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::domain::schema::Registry;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

    fn kind(name: &str) -> Arc<ObjectType> {
        Arc::clone(Registry::shipped().unwrap().by_name(name).unwrap())
    }

    fn change(parsed: &Parsed, relationship: &str) -> Option<Vec<String>> {
        parsed.references.iter().find(|w| w.relationship == relationship).map(|w| match &w.change {
            ReferenceChange::Replace(inputs) => inputs.iter().map(|i| i.value.clone()).collect(),
            ReferenceChange::Clear => Vec::new(),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn an_entra_user_is_read() {
        let body = json!({
            "schemas": [USER, ENTERPRISE], "externalId": "58342554", "userName": "Test_User", "active": "True", "roles": [],
            "displayName": "lennay", "meta": {"resourceType": "User"}, "id": "x", "groups": [{"value": "g"}], "password": "secret",
            "emails": [{"primary": "True", "type": "work", "value": "T@x"}, {"type": "WORK", "value": "t@x"}],
            "NAME": {"FamilyName": "f", "formatted": null},
            format!("{ENTERPRISE}:department"): "d", ENTERPRISE: {"Manager": "m", "costCenter": ""},
            "nope": 1, "urn:x:y": {"a": 1}
        });
        let parsed = create(&kind("user"), &Profile::ENTRA, body).unwrap();
        let expected = json!({
            "userName": "Test_User", "name": {"familyName": "f"}, "displayName": "lennay", "active": true,
            "emails": [{"value": "t@x", "type": "WORK", "primary": true}], ENTERPRISE: {"costCenter": "", "department": "d"}
        });
        assert_eq!(Value::Object(parsed.doc.clone()).to_string(), expected.to_string());
        assert_eq!(parsed.external_id, Some(Some("58342554".to_owned())));
        assert_eq!(parsed.ignored, ["nope", "urn:x:y"]);
        assert_eq!(change(&parsed, "manager"), Some(vec!["m".to_owned()]));
        assert_eq!(change(&parsed, "roles"), None);
    }

    #[test]
    fn a_group_collapses_its_members() {
        let urn = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";
        let body =
            json!({"schemas": [urn], "displayName": "g", "members": [{"value": "a"}, "b", {"value": "a", "display": "A"}]});
        let parsed = create(&kind("group"), &Profile::ENTRA, body).unwrap();
        assert_eq!(change(&parsed, "members"), Some(vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn a_put_clears_what_is_not_given_but_grants() {
        let current = json!({"displayName": "g"});
        let put = |body: Value| replace(&kind("group"), &Profile::OKTA, current.as_object().unwrap(), body).unwrap();
        assert_eq!(change(&put(json!({"displayName": "h"})), "members"), Some(vec![]));
        assert_eq!(change(&put(json!({"displayName": "h", "members": null})), "members"), Some(vec![]));
        assert_eq!(change(&put(json!({"displayName": "h", "members": [{"value": "a"}]})), "members"), Some(vec!["a".to_owned()]));

        let current = json!({"userName": "u", "title": "t", "active": false});
        let put = |body: Value| replace(&kind("user"), &Profile::OKTA, current.as_object().unwrap(), body).unwrap();
        let parsed = put(json!({"userName": "u", "title": []}));
        assert_eq!(Value::Object(parsed.doc.clone()), json!({"userName": "u", "active": false}), "a leaver stays one");
        let fresh = create(&kind("user"), &Profile::GENERIC, json!({"userName": "u"})).unwrap();
        assert_eq!(Value::Object(fresh.doc), json!({"userName": "u", "active": true}));
        assert_eq!((change(&parsed, "roles"), change(&parsed, "manager")), (None, Some(vec![])));
        assert_eq!(change(&put(json!({"userName": "u", "roles": []})), "roles"), Some(vec![]));
        assert_eq!(parsed.external_id, None);
        assert_eq!(put(json!({"userName": "u", "externalId": null})).external_id, Some(None));
    }

    #[test]
    fn a_put_keeps_what_is_read_only() {
        let current = json!({"name": "r", "description": "d", "permissions": ["a.b"], "condition": "true"});
        let body = json!({"name": "s", "permissions": ["all"]});
        let parsed = replace(&kind("role"), &Profile::GENERIC, current.as_object().unwrap(), body).unwrap();
        let expected = json!({"name": "s", "permissions": ["a.b"], "condition": "true"});
        assert_eq!(Value::Object(parsed.doc).to_string(), expected.to_string());
        assert_eq!(parsed.references, []);
    }

    #[test]
    fn faults_name_the_attribute_and_the_rule() {
        for (body, kind_of, text) in [
            (json!([]), Kind::InvalidSyntax, "object"),
            (json!({"schemas": USER, "userName": "u"}), Kind::InvalidSyntax, "schemas must be"),
            (json!({"schemas": [1], "userName": "u"}), Kind::InvalidSyntax, "schemas must be"),
            (json!({}), Kind::InvalidValue, "userName is required"),
            (json!({"userName": ""}), Kind::InvalidValue, "userName is required"),
            (json!({"userName": null}), Kind::InvalidValue, "userName is required"),
            (json!({"userName": "u", "USERNAME": "u"}), Kind::InvalidSyntax, "userName is given twice"),
            (
                json!({"userName": "u", ENTERPRISE: {"department": "a"}, format!("{ENTERPRISE}:department"): "b"}),
                Kind::InvalidSyntax,
                "twice",
            ),
            (json!({"userName": "u", "active": "maybe"}), Kind::InvalidValue, "active must be true or false"),
            (json!({"userName": "u", "active": ""}), Kind::InvalidValue, "active must be"),
            (json!({"userName": "u", "password": {}}), Kind::InvalidValue, "password must be a string"),
            (json!({"userName": "u", "title": "a\u{0}"}), Kind::InvalidValue, "title holds U+0000"),
            (json!({"userName": "u", "name": {"givenName": 1}}), Kind::InvalidValue, "name.givenName must be a string"),
            (json!({"userName": "u", ENTERPRISE: "x"}), Kind::InvalidValue, "must be an object"),
            (json!({"userName": "u", ENTERPRISE: {"department": 1}}), Kind::InvalidValue, "User:department must be a string"),
            (
                json!({"userName": "u", "x509Certificates": [{"value": "?"}]}),
                Kind::InvalidValue,
                "x509Certificates.value must be base64",
            ),
            (
                json!({"userName": "u", "emails": [{"value": "a", "primary": true}, {"value": "b", "primary": true}]}),
                Kind::InvalidValue,
                "more than one element is primary",
            ),
            (json!({"userName": "u", "roles": [{"type": "x"}]}), Kind::InvalidValue, "roles.value is required"),
        ] {
            let fault = create(&kind("user"), &Profile::GENERIC, body.clone()).unwrap_err();
            assert_eq!(fault.kind, kind_of, "{body}: {fault}");
            assert!(fault.detail.contains(text), "{body}: {fault}");
        }
        let fault = create(&kind("user"), &Profile::GENERIC, json!({})).unwrap_err();
        assert_eq!((fault.requirements[0].property.as_str(), fault.requirements[0].policy), ("userName", "REQUIRED"));
        let fault = create(&kind("group"), &Profile::GENERIC, json!({})).unwrap_err();
        assert_eq!(fault.requirements[0].property, "name");
    }

    #[test]
    fn the_strict_profile_keeps_to_the_text() {
        let strict = |body: Value| create(&kind("user"), &Profile::STRICT, body).map_err(|f| f.kind).map(|_| ());
        assert_eq!(strict(json!({"schemas": [USER], "userName": "u"})), Ok(()));
        assert_eq!(strict(json!({"schemas": [USER, "urn:other"], "userName": "u"})), Ok(()));
        for body in [
            json!({"userName": "u"}),
            json!({"schemas": ["urn:other"], "userName": "u"}),
            json!({"schemas": [USER], "userName": "u", "nope": 1}),
            json!({"schemas": [USER], "userName": "u", "name": {"nope": 1}}),
            json!({"schemas": [USER], "userName": "u", ENTERPRISE: {"nope": 1}}),
        ] {
            assert_eq!(strict(body.clone()), Err(Kind::InvalidSyntax), "{body}");
        }
        assert_eq!(strict(json!({"schemas": [USER], "userName": "u", "active": "True"})), Err(Kind::InvalidValue));
        assert_eq!(strict(json!({"schemas": [USER], "userName": "u", ENTERPRISE: {"manager": "m"}})), Err(Kind::InvalidValue));
    }
}
