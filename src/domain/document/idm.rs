//! The IDM view of a document: flat properties over attributes (spec/types.md, spec/idm.md §1).

use serde_json::Value;

use super::reader::{At, Reader};
use super::{Map, check, values};
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::schema::{Attribute, AttributeType, IdmForm, IdmProperty, ObjectType, Returned};

/// Properties that are worked out on reading; a body may carry them and they are ignored.
pub const COMPUTED: [&str; 2] = ["effectiveRoles", "effectiveAssignments"];

/// What an IDM body says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parsed {
    /// The canonical document.
    pub doc: Map,
    /// Relationship properties as sent, in order; null and `[]` clear, and what is absent is untouched.
    pub relationships: Vec<(String, Value)>,
}

/// Reads the body of a create.
///
/// # Errors
/// [`Kind::InvalidSyntax`] for what is no object or names an unknown property; [`Kind::Policy`] with the requirement
/// (`REQUIRED`, `VALID_TYPE`) that is not met.
pub fn create(kind: &ObjectType, body: Value) -> Result<Parsed, Fault> {
    replace(kind, &Map::new(), body)
}

/// Reads the body of a PUT over the `current` document. It replaces every property that IDM shows; an attribute without
/// property stays as it is.
///
/// # Errors
/// As [`create`], with every requirement that is not met; [`Kind::Mutability`] when something immutable would change.
pub fn replace(kind: &ObjectType, current: &Map, body: Value) -> Result<Parsed, Fault> {
    let Value::Object(body) = body else {
        return Err(Fault::new(Kind::InvalidSyntax, "the body must be a JSON object"));
    };
    let Weighed { parsed, failed } = weigh(kind, current, body)?;
    failed.map_or(Ok(parsed), Err)
}

/// A body against the policies of its type.
#[derive(Debug, Clone, PartialEq)]
pub struct Weighed {
    /// What it says, as far as it can be read.
    pub parsed: Parsed,
    /// The policies that are not met ([`Kind::Policy`]).
    pub failed: Option<Fault>,
}

/// Weighs the body of a PUT over the `current` document, or of a create over an empty one.
///
/// # Errors
/// What is not a matter of policy: [`Kind::InvalidSyntax`], [`Kind::Mutability`].
pub fn weigh(kind: &ObjectType, current: &Map, body: Map) -> Result<Weighed, Fault> {
    weighed(kind, current, body, |_| true)
}

/// Weighs the properties that are given, over the `current` document.
///
/// # Errors
/// As [`weigh`].
pub fn weigh_given(kind: &ObjectType, current: &Map, body: Map) -> Result<Weighed, Fault> {
    let given: Vec<String> = body.keys().cloned().collect();
    weighed(kind, current, body, |name| given.iter().any(|given| given == name))
}

fn weighed(kind: &ObjectType, current: &Map, mut body: Map, replaces: impl Fn(&str) -> bool) -> Result<Weighed, Fault> {
    let mut parsed = Parsed { doc: current.clone(), relationships: Vec::new() };
    let mut failed: Option<Fault> = None;
    // In the order of the type, so that the outcome does not hang on the order of the body.
    for property in kind.properties.iter().filter(|property| replaces(&property.name)) {
        let value = body.shift_remove(&property.name).filter(|v| !v.is_null());
        match write(kind, &mut parsed.doc, property, value) {
            Err(fault) if fault.kind == Kind::Policy => {
                // What cannot be read is not missing too.
                failed = Some(match failed {
                    Some(known) => known.with(fault),
                    None => fault,
                });
            }
            outcome => outcome?,
        }
    }
    for (name, value) in body {
        if kind.relationship(&name).is_some() {
            parsed.relationships.push((name, value));
        } else if name != "_id" && name != "_rev" && !COMPUTED.contains(&name.as_str()) {
            return Err(unknown(&name));
        }
    }
    values::default_absent(kind, Some(current), &mut parsed.doc);
    check::unchanged(kind, &check::fixed(kind, current), &parsed.doc)?;
    if let Err(mut fault) = whole(kind, &parsed.doc) {
        let known = failed.as_ref().map(|failed| failed.requirements.as_slice()).unwrap_or_default();
        let all = fault.requirements.len();
        fault.requirements.retain(|missing| known.iter().all(|known| known.property != missing.property));
        if all == 0 || !fault.requirements.is_empty() {
            failed = Some(match failed {
                Some(known) => known.with(fault),
                None => fault,
            });
        }
    }
    Ok(Weighed { parsed, failed })
}

/// An unknown property.
pub fn unknown(name: &str) -> Fault {
    Fault::new(Kind::InvalidSyntax, format!("unknown property '{}'", excerpt(name)))
}

/// Checks a whole document, as IDM reports it.
///
/// # Errors
/// [`Kind::Policy`] with the requirements that are not met.
pub fn whole(kind: &ObjectType, doc: &Map) -> Result<(), Fault> {
    check::document(kind, doc).map_err(|fault| Fault { kind: Kind::Policy, ..fault })
}

/// The properties that a document shows, in the order of the type.
pub fn to_idm(kind: &ObjectType, doc: &Map) -> Map {
    kind.properties.iter().filter_map(|p| Some((p.name.clone(), open(kind.leaf(p.path), read(kind, doc, p)?)))).collect()
}

// A whole without the parts that are never returned.
fn open(attribute: &Attribute, mut value: Value) -> Value {
    let hidden: Vec<&str> =
        attribute.sub_attributes.iter().filter(|a| a.returned == Returned::Never).map(|a| a.name.as_str()).collect();
    if !hidden.is_empty() {
        let one = std::slice::from_mut(&mut value);
        let elements = match one {
            [Value::Array(list)] => list.as_mut_slice(),
            other => other,
        };
        for parts in elements.iter_mut().filter_map(Value::as_object_mut) {
            hidden.iter().for_each(|name| _ = parts.shift_remove(*name));
        }
    }
    value
}

/// The value of one property.
pub fn read(kind: &ObjectType, doc: &Map, property: &IdmProperty) -> Option<Value> {
    match property.form {
        IdmForm::Plain | IdmForm::Shown => values::get(kind, doc, property.path).cloned(),
        IdmForm::Element => values::preferred(kind, doc, property.path).cloned(),
        IdmForm::Status => {
            let active = values::get(kind, doc, property.path)?.as_bool()?;
            Some(if active { "active" } else { "inactive" }.into())
        }
        IdmForm::Source => values::get(kind, doc, property.path).map(|source| match source.as_str().and_then(object) {
            Some(object) => Value::Object(object),
            None => source.clone(),
        }),
        IdmForm::Discarded => None,
    }
}

// No filter begins with a brace.
fn object(source: &str) -> Option<Map> {
    if source.starts_with('{') { serde_json::from_str(source).ok() } else { None }
}

/// Writes one property; `None` unassigns it.
///
/// # Errors
/// [`Kind::Policy`] with the requirement `VALID_TYPE`; [`Kind::InvalidSyntax`] for an unknown name within it.
pub fn write(kind: &ObjectType, doc: &mut Map, property: &IdmProperty, value: Option<Value>) -> Result<(), Fault> {
    let (path, leaf) = (property.path, kind.leaf(property.path));
    let sent = sent(value.as_ref());
    let types = || types(leaf, property.form, sent);
    let wrong = |rule: &str| {
        let text = format!("{} must be {rule}", property.name);
        Fault::new(Kind::Policy, text).requirement_with(property.name.as_str(), "VALID_TYPE", types())
    };
    let typed = |value: Option<Value>| {
        let read = Reader::idm().attribute(leaf, At::property(&property.name), value.unwrap_or_default());
        read.map_err(|fault| match fault.kind {
            Kind::InvalidValue => {
                let fault = Fault { kind: Kind::Policy, ..fault };
                fault.requirement_with(property.name.as_str(), "VALID_TYPE", types())
            }
            _ => fault,
        })
    };
    let value = match property.form {
        IdmForm::Plain => typed(value)?,
        IdmForm::Shown => return Ok(()),
        IdmForm::Element => {
            values::set_preferred(kind, doc, path, typed(value)?);
            return Ok(());
        }
        IdmForm::Status => match value.as_ref().map(|v| v.as_str()) {
            None => None,
            Some(Some("active")) => Some(Value::Bool(true)),
            Some(Some("inactive")) => Some(Value::Bool(false)),
            Some(_) => return Err(wrong("'active' or 'inactive'")),
        },
        IdmForm::Source => match value {
            Some(Value::Object(object)) => Some(Value::String(Value::Object(object).to_string())),
            value => typed(value)?,
        },
        IdmForm::Discarded => {
            typed(value)?;
            return Ok(());
        }
    };
    values::set(kind, doc, path, value);
    Ok(())
}

const fn sent(value: Option<&Value>) -> &'static str {
    match value {
        None | Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Object(_)) => "object",
    }
}

// What the policy VALID_TYPE says of itself: what was sent, and what is valid.
fn types(attribute: &Attribute, form: IdmForm, sent: &str) -> Map {
    let mut out = Map::new();
    out.insert("invalidType".to_owned(), sent.into());
    out.insert("validTypes".to_owned(), Value::Array(vec![json_type(attribute, form).into()]));
    out
}

/// The JSON type of a property.
pub const fn json_type(attribute: &Attribute, form: IdmForm) -> &'static str {
    match (form, attribute.kind) {
        (IdmForm::Status, _) => "string",
        (IdmForm::Plain | IdmForm::Shown, _) if attribute.multi_valued => "array",
        (_, AttributeType::Boolean) => "boolean",
        (_, AttributeType::Integer) => "integer",
        (_, AttributeType::Decimal) => "number",
        (_, AttributeType::Complex) => "object",
        _ => "string",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::domain::schema::Registry;

    fn kind(name: &str) -> Arc<ObjectType> {
        Arc::clone(Registry::shipped().unwrap().by_name(name).unwrap())
    }

    #[test]
    fn properties_become_attributes_and_back() {
        let user = kind("user");
        let body = json!({
            "_id": "x", "_rev": "1", "userName": "bj", "givenName": "Barbara", "sn": "Jensen", "mail": "b@x.com", "city": "Rome",
            "country": "IT", "accountStatus": "inactive", "department": "sales", "description": "d", "password": "secret",
            "displayName": null, "effectiveRoles": [],
            "manager": {"_ref": "managed/user/a"}, "roles": [{"_ref": "managed/role/r"}]
        });
        let parsed = create(&user, body.clone()).unwrap();
        let expected = json!({
            "userName": "bj", "name": {"familyName": "Jensen", "givenName": "Barbara"}, "active": false,
            "emails": [{"value": "b@x.com", "type": "work"}], "addresses": [{"locality": "Rome", "country": "IT", "type": "work"}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "sales"},
            "urn:provost:scim:schemas:extension:2.0:User": {"description": "d"}
        });
        assert_eq!(Value::Object(parsed.doc.clone()).to_string(), expected.to_string());
        assert_eq!(parsed.relationships.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), ["manager", "roles"]);
        let shown = to_idm(&user, &parsed.doc);
        for (name, value) in body.as_object().unwrap() {
            let hidden =
                ["_id", "_rev", "password", "displayName", "effectiveRoles", "manager", "roles"].contains(&name.as_str());
            assert_eq!(shown.get(name), (!hidden).then_some(value), "{name}");
        }
        assert_eq!(replace(&user, &parsed.doc, Value::Object(shown)).unwrap().doc, parsed.doc);
    }

    #[test]
    fn a_put_keeps_what_idm_does_not_show() {
        let user = kind("user");
        let current = json!({
            "userName": "bj", "name": {"familyName": "J", "middleName": "M"}, "title": "t", "active": false,
            "emails": [{"value": "home@x", "type": "home"}, {"value": "w@x", "type": "work", "display": "W"}]
        });
        let parsed = replace(&user, current.as_object().unwrap(), json!({"userName": "bj2", "mail": "n@x"})).unwrap();
        let expected = json!({
            "userName": "bj2", "name": {"middleName": "M"}, "active": false,
            "emails": [{"value": "home@x", "type": "home"}, {"value": "n@x", "display": "W", "type": "work"}]
        });
        assert_eq!(Value::Object(parsed.doc), expected);
    }

    #[test]
    fn a_role_holds_lists_and_conditions() {
        let role = kind("role");
        let body = json!({
            "name": "r", "permissions": ["a.b", "c.d", "a.b"], "isServiceAccountRole": true,
            "condition": {"type": "rhai", "source": "user.x == 1"}
        });
        let doc = create(&role, body).unwrap().doc;
        assert_eq!(doc["permissions"], json!(["a.b", "c.d"]));
        assert_eq!(doc["condition"], json!(r#"{"type":"rhai","source":"user.x == 1"}"#));
        assert_eq!(to_idm(&role, &doc)["condition"], json!({"type": "rhai", "source": "user.x == 1"}));
        let plain = create(&role, json!({"name": "r", "condition": "/country eq \"FR\""})).unwrap().doc;
        assert_eq!(to_idm(&role, &plain)["condition"], "/country eq \"FR\"");
    }

    #[test]
    fn faults_name_the_property_and_the_policy() {
        let user = kind("user");
        for (body, kind, property, policy) in [
            (json!({}), Kind::Policy, "userName", "REQUIRED"),
            (json!({"userName": ""}), Kind::Policy, "userName", "REQUIRED"),
            (json!({"userName": 1}), Kind::Policy, "userName", "VALID_TYPE"),
            (json!({"userName": "a", "mail": ["a@x"]}), Kind::Policy, "mail", "VALID_TYPE"),
            (json!({"userName": "a", "accountStatus": true}), Kind::Policy, "accountStatus", "VALID_TYPE"),
            (json!({"userName": "a", "password": 1}), Kind::Policy, "password", "VALID_TYPE"),
        ] {
            let fault = create(&user, body.clone()).unwrap_err();
            assert_eq!(fault.kind, kind, "{body}");
            let failed = &fault.requirements[0];
            assert_eq!((failed.property.as_str(), failed.policy), (property, policy), "{body}");
        }
        assert_eq!(create(&user, json!({"userName": "a", "nope": 1})).unwrap_err().detail, "unknown property 'nope'");
        assert_eq!(create(&user, json!([])).unwrap_err().kind, Kind::InvalidSyntax);
    }
}
