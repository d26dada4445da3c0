//! The IDM PATCH: an array of operations over the IDM view (spec/idm.md §1.6).

use serde_json::{Number, Value};

use super::Limits;
use crate::domain::document::{Map, check, idm};
use crate::domain::error::{Fault, Kind, excerpt};
use crate::domain::schema::{IdmForm, IdmProperty, ObjectType, Relationship, Returned};

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Appends at `/list/-`, else sets.
    Add,
    /// Drops the field, or what equals the value.
    Remove,
    /// Sets.
    Replace,
    /// Adds a number.
    Increment,
    /// Sets to what stands at `from`.
    Copy,
    /// As copy, and drops `from`.
    Move,
}

/// One operation of an IDM PATCH.
#[derive(Debug, Clone, PartialEq)]
pub struct IdmOp {
    /// What it does.
    pub verb: Verb,
    /// Where.
    pub field: Pointer,
    /// Whence, for copy and move.
    pub from: Option<Pointer>,
    /// With what; null and absent are one.
    pub value: Value,
}

/// A JSON pointer over IDM properties: at least one token.
#[derive(Debug, Clone, PartialEq)]
pub struct Pointer {
    pub(super) property: String,
    pub(super) rest: Vec<String>,
    pub(super) text: String,
}

/// A change of a relationship property, as the client wrote its references.
#[derive(Debug, Clone, PartialEq)]
pub struct RelationshipOp {
    /// Property name.
    pub property: String,
    /// What changes.
    pub change: RelationshipChange,
}

/// What changes of a relationship property.
#[derive(Debug, Clone, PartialEq)]
pub enum RelationshipChange {
    /// One more reference.
    Add(Value),
    /// This array of references, or this one reference, and no other.
    Replace(Value),
    /// This reference, or for a singleton whatever it is.
    Remove(Option<Value>),
}

/// Reads the body of a PATCH.
///
/// # Errors
/// [`Kind::InvalidSyntax`] when it is no array of operations; [`Kind::TooLarge`] beyond `limits`.
pub fn parse(limits: Limits, body: Value) -> Result<Vec<IdmOp>, Fault> {
    let Value::Array(operations) = body else { return Err(invalid("The request body must be a JSON array of patch operations")) };
    limits.admit(operations.len())?;
    operations.into_iter().map(operation).collect()
}

fn invalid(text: impl Into<String>) -> Fault {
    Fault::new(Kind::InvalidSyntax, text.into())
}

fn operation(value: Value) -> Result<IdmOp, Fault> {
    let Value::Object(mut parts) = value else { return Err(invalid("a patch operation must be a JSON object")) };
    let name = match parts.shift_remove("operation") {
        Some(Value::String(name)) => name,
        _ => return Err(invalid("operation is required and must be a string")),
    };
    let verb = [
        ("add", Verb::Add),
        ("remove", Verb::Remove),
        ("replace", Verb::Replace),
        ("increment", Verb::Increment),
        ("copy", Verb::Copy),
        ("move", Verb::Move),
    ]
    .into_iter()
    .find(|(known, _)| name.eq_ignore_ascii_case(known))
    .map(|(_, verb)| verb)
    .ok_or_else(|| invalid(format!("operation '{}' is not supported", excerpt(&name))))?;
    let mut pointer = |key: &str| match parts.shift_remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Pointer::parse(&text).map(Some),
        Some(_) => Err(invalid(format!("{key} must be a string"))),
    };
    let field = pointer("field")?.ok_or_else(|| invalid("field is required"))?;
    let from = pointer("from")?;
    let value = parts.shift_remove("value").unwrap_or_default();
    let copies = matches!(verb, Verb::Copy | Verb::Move);
    if copies && from.is_none() {
        return Err(invalid(format!("{name} needs 'from'")));
    }
    if copies && !value.is_null() {
        return Err(invalid(format!("{name} takes no value")));
    }
    Ok(IdmOp { verb, field, from, value })
}

impl Pointer {
    fn parse(text: &str) -> Result<Self, Fault> {
        let mut tokens = text.strip_prefix('/').unwrap_or(text).split('/').map(|t| t.replace("~1", "/").replace("~0", "~"));
        let property = tokens.next().filter(|t| !t.is_empty()).ok_or_else(|| invalid("field must name a property"))?;
        let rest: Vec<String> = tokens.collect();
        let out = Self { property, rest, text: text.to_owned() };
        if out.rest.iter().any(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit())) {
            return Err(invalid(format!("Position-based operation is not allowed: {}", excerpt(text))));
        }
        Ok(out)
    }

    // `/list/-`.
    fn appends(&self) -> bool {
        self.rest.len() == 1 && self.rest[0] == "-"
    }
}

/// Applies the operations in order, each seeing the former's result, and checks the whole at the end. Answers what touches
/// relationships, in order.
///
/// # Errors
/// [`Kind::InvalidSyntax`] for an operation that cannot be done, [`Kind::Policy`] for a value or a whole that breaks a policy,
/// [`Kind::Mutability`] for a change of something immutable. The document is then half changed: the caller drops it.
pub fn apply(kind: &ObjectType, doc: &mut Map, operations: Vec<IdmOp>) -> Result<Vec<RelationshipOp>, Fault> {
    let fixed = check::fixed(kind, doc);
    let mut out = Vec::new();
    for operation in operations {
        if let Some(relationship) = kind.relationship(&operation.field.property) {
            let property = relationship.name.clone();
            out.push(RelationshipOp { property, change: related(relationship, operation)? });
        } else {
            stored(kind, doc, operation)?;
        }
    }
    check::unchanged(kind, &fixed, doc)?;
    idm::whole(kind, doc)?;
    Ok(out)
}

fn related(relationship: &Relationship, operation: IdmOp) -> Result<RelationshipChange, Fault> {
    let IdmOp { verb, field, value, .. } = operation;
    let text = excerpt(&field.text);
    if matches!(verb, Verb::Increment | Verb::Copy | Verb::Move) {
        return Err(invalid(format!("a relationship cannot be incremented, copied or moved: {text}")));
    }
    let appends = relationship.many && field.appends();
    if !appends && !field.rest.is_empty() {
        return Err(invalid(format!("a reference is changed through its own endpoint: {text}")));
    }
    if relationship.many && value.is_null() {
        return Err(invalid(format!("Cannot delete collection: /{}", relationship.name)));
    }
    match verb {
        Verb::Add if appends => Ok(RelationshipChange::Add(value)),
        _ if appends => Err(invalid(format!("only add takes '-': {text}"))),
        Verb::Remove => Ok(RelationshipChange::Remove(Some(value).filter(|v| !v.is_null()))),
        _ if value.is_null() => Err(needs_value(&field)),
        _ if relationship.many != value.is_array() => {
            let form = if relationship.many { "an array of references" } else { "one reference" };
            Err(invalid(format!("{} must be {form}", relationship.name)))
        }
        _ => Ok(RelationshipChange::Replace(value)),
    }
}

pub(super) fn needs_value(field: &Pointer) -> Fault {
    invalid(format!("a value is required: {}", excerpt(&field.text)))
}

fn stored(kind: &ObjectType, doc: &mut Map, operation: IdmOp) -> Result<(), Fault> {
    let IdmOp { verb, field, from, value } = operation;
    let property = property(kind, &field)?;
    let mut root = idm::read(kind, doc, property).unwrap_or_default();
    match verb {
        Verb::Add | Verb::Replace if value.is_null() => return Err(needs_value(&field)),
        Verb::Add => put(&mut root, &field, value, verb)?,
        Verb::Replace => put(&mut root, &field, value, verb)?,
        Verb::Remove => remove(&mut root, &field.rest, &value),
        Verb::Increment => increment(&mut root, &field, &value)?,
        Verb::Copy | Verb::Move => {
            let Some(from) = from else { return Ok(()) };
            let source = self::property(kind, &from)?;
            if kind.attribute(source.path).returned == Returned::Never {
                return Err(Fault::new(Kind::Mutability, format!("{} is never read", source.name)));
            }
            let mut origin = idm::read(kind, doc, source).unwrap_or_default();
            let Some(found) = at(&mut origin, &from.rest).filter(|v| !v.is_null()).cloned() else { return Ok(()) };
            if verb == Verb::Move {
                remove(&mut origin, &from.rest, &Value::Null);
                idm::write(kind, doc, source, Some(origin).filter(|v| !v.is_null()))?;
                root = idm::read(kind, doc, property).unwrap_or_default();
            }
            put(&mut root, &field, found, Verb::Add)?;
        }
    }
    idm::write(kind, doc, property, Some(root).filter(|v| !v.is_null()))
}

fn property<'k>(kind: &'k ObjectType, field: &Pointer) -> Result<&'k IdmProperty, Fault> {
    let name = field.property.as_str();
    let found = kind.property(name);
    if found.is_some_and(|property| property.form == IdmForm::Shown) {
        return Err(Fault::new(Kind::Mutability, format!("{name} is readOnly")));
    }
    found.ok_or_else(|| match name {
        "_id" | "_rev" => Fault::new(Kind::Mutability, format!("{name} may not be changed")),
        _ if idm::COMPUTED.contains(&name) => Fault::new(Kind::Mutability, format!("{name} is computed")),
        _ if kind.relationship(name).is_some() => invalid(format!("a relationship cannot be copied or moved: {name}")),
        _ => idm::unknown(name),
    })
}

// Sets the value, making parents on the way; `-` at the end appends.
pub(super) fn put(root: &mut Value, field: &Pointer, value: Value, verb: Verb) -> Result<(), Fault> {
    let wrong = || invalid(format!("the field does not fit what stands there: {}", excerpt(&field.text)));
    let mut place = root;
    for (index, token) in field.rest.iter().enumerate() {
        if token == "-" && index + 1 == field.rest.len() && verb == Verb::Add {
            if place.is_null() {
                *place = Value::Array(Vec::new());
            }
            place.as_array_mut().ok_or_else(wrong)?.push(value);
            return Ok(());
        }
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        place = place.as_object_mut().ok_or_else(wrong)?.entry(token.as_str()).or_insert(Value::Null);
    }
    *place = value;
    Ok(())
}

pub(super) fn at<'v>(root: &'v mut Value, rest: &[String]) -> Option<&'v mut Value> {
    rest.iter().try_fold(root, |place, token| place.as_object_mut()?.get_mut(token))
}

pub(super) fn remove(root: &mut Value, rest: &[String], value: &Value) {
    let Some(place) = at(root, rest) else { return };
    match place {
        Value::Array(items) if !value.is_null() => {
            items.retain(|item| item != value);
            return;
        }
        other if !value.is_null() && other != value => return,
        _ => {}
    }
    match rest.split_last() {
        None => *root = Value::Null,
        Some((last, parents)) => {
            if let Some(Value::Object(parent)) = at(root, parents) {
                parent.shift_remove(last);
            }
        }
    }
}

pub(super) fn increment(root: &mut Value, field: &Pointer, by: &Value) -> Result<(), Fault> {
    let wrong = || invalid(format!("increment takes a number and a numeric field: {}", excerpt(&field.text)));
    let by = by.as_number().ok_or_else(wrong)?;
    let add = |value: &mut Value| {
        let sum = value.as_number().and_then(|number| sum(number, by)).ok_or_else(wrong)?;
        *value = Value::Number(sum);
        Ok(())
    };
    match at(root, &field.rest) {
        Some(Value::Array(items)) => items.iter_mut().try_for_each(add),
        Some(value) => add(value),
        None => Err(wrong()),
    }
}

fn sum(a: &Number, b: &Number) -> Option<Number> {
    match (a.as_i64(), b.as_i64()) {
        (Some(a), Some(b)) => a.checked_add(b).map(Number::from),
        _ => Number::from_f64(a.as_f64()? + b.as_f64()?),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::schema::Registry;

    fn kind(name: &str) -> Arc<ObjectType> {
        Arc::clone(Registry::shipped().unwrap().by_name(name).unwrap())
    }

    fn run(type_name: &str, start: &Value, operations: Value) -> Result<(Value, Vec<RelationshipOp>), Fault> {
        let kind = kind(type_name);
        let mut doc = idm::create(&kind, start.clone()).unwrap().doc;
        let relationships = apply(&kind, &mut doc, parse(Limits::DEFAULT, operations)?)?;
        Ok((Value::Object(idm::to_idm(&kind, &doc)), relationships))
    }

    #[test]
    fn each_row_of_the_table() {
        let user = json!({"userName": "bj", "title": "t", "city": "Rome"});
        let role = json!({"name": "r", "permissions": ["a", "b"]});
        for (name, start, operation, expected) in [
            ("user", &user, json!({"operation": "add", "field": "/mail", "value": "m"}), json!({"mail": "m"})),
            ("user", &user, json!({"operation": "REPLACE", "field": "mail", "value": "m"}), json!({"mail": "m"})),
            ("user", &user, json!({"operation": "replace", "field": "/title", "value": "u"}), json!({"title": "u"})),
            (
                "user",
                &user,
                json!({"operation": "replace", "field": "/accountStatus", "value": "inactive"}),
                json!({"accountStatus": "inactive"}),
            ),
            ("user", &user, json!({"operation": "remove", "field": "/title"}), json!({"title": null})),
            ("user", &user, json!({"operation": "remove", "field": "/title", "value": "t"}), json!({"title": null})),
            ("user", &user, json!({"operation": "remove", "field": "/title", "value": "other"}), json!({"title": "t"})),
            ("user", &user, json!({"operation": "remove", "field": "/mail"}), json!({"mail": null})),
            (
                "user",
                &user,
                json!({"operation": "copy", "from": "/title", "field": "/nickName"}),
                json!({"nickName": "t", "title": "t"}),
            ),
            (
                "user",
                &user,
                json!({"operation": "move", "from": "/title", "field": "/nickName"}),
                json!({"nickName": "t", "title": null}),
            ),
            ("user", &user, json!({"operation": "move", "from": "/title", "field": "/title"}), json!({"title": "t"})),
            (
                "user",
                &user,
                json!({"operation": "move", "from": "/city", "field": "/country"}),
                json!({"country": "Rome", "city": null}),
            ),
            ("user", &user, json!({"operation": "copy", "from": "/mail", "field": "/title"}), json!({"title": "t"})),
            ("user", &user, json!({"operation": "add", "field": "/password", "value": "p"}), json!({"password": null})),
            (
                "role",
                &role,
                json!({"operation": "add", "field": "/permissions/-", "value": "c"}),
                json!({"permissions": ["a", "b", "c"]}),
            ),
            (
                "role",
                &role,
                json!({"operation": "add", "field": "/permissions/-", "value": "a"}),
                json!({"permissions": ["a", "b"]}),
            ),
            ("role", &role, json!({"operation": "add", "field": "/permissions", "value": ["c"]}), json!({"permissions": ["c"]})),
            ("role", &role, json!({"operation": "replace", "field": "/permissions", "value": []}), json!({"permissions": null})),
            ("role", &role, json!({"operation": "remove", "field": "/permissions", "value": "a"}), json!({"permissions": ["b"]})),
            ("role", &role, json!({"operation": "remove", "field": "/permissions"}), json!({"permissions": null})),
        ] {
            let (shown, relationships) = run(name, start, json!([operation])).unwrap_or_else(|e| panic!("{operation}: {e}"));
            assert_eq!(relationships, [], "{operation}");
            for (property, value) in expected.as_object().unwrap() {
                assert_eq!(shown.get(property).unwrap_or(&Value::Null), value, "{operation}");
            }
        }
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        let user = json!({"userName": "bj", "title": "t"});
        for (operations, kind, text) in [
            (json!({}), Kind::InvalidSyntax, "array"),
            (json!([1]), Kind::InvalidSyntax, "object"),
            (json!([{"field": "/a"}]), Kind::InvalidSyntax, "operation is required"),
            (json!([{"operation": "add", "value": 1}]), Kind::InvalidSyntax, "field is required"),
            (json!([{"operation": "add", "field": "/", "value": 1}]), Kind::InvalidSyntax, "name a property"),
            (json!([{"operation": "transform", "field": "/title", "value": {}}]), Kind::InvalidSyntax, "not supported"),
            (json!([{"operation": "add", "field": "/title"}]), Kind::InvalidSyntax, "value is required"),
            (json!([{"operation": "add", "field": "/title", "value": null}]), Kind::InvalidSyntax, "value is required"),
            (json!([{"operation": "replace", "field": "/title", "value": null}]), Kind::InvalidSyntax, "value is required"),
            (json!([{"operation": "add", "field": "/title/-", "value": "x"}]), Kind::InvalidSyntax, "does not fit"),
            (json!([{"operation": "add", "field": "/title/x", "value": "x"}]), Kind::InvalidSyntax, "does not fit"),
            (json!([{"operation": "add", "field": "/mail/-", "value": "x"}]), Kind::Policy, "mail"),
            (json!([{"operation": "increment", "field": "/title", "value": 1}]), Kind::InvalidSyntax, "number"),
            (json!([{"operation": "increment", "field": "/mail", "value": 1}]), Kind::InvalidSyntax, "number"),
            (json!([{"operation": "increment", "field": "/title", "value": "1"}]), Kind::InvalidSyntax, "number"),
            (json!([{"operation": "copy", "field": "/title"}]), Kind::InvalidSyntax, "from"),
            (json!([{"operation": "copy", "from": "/mail", "field": "/title", "value": 1}]), Kind::InvalidSyntax, "no value"),
            (json!([{"operation": "copy", "from": "/manager", "field": "/title"}]), Kind::InvalidSyntax, "relationship"),
            (
                json!([{"operation": "remove", "field": "/roles/0"}]),
                Kind::InvalidSyntax,
                "Position-based operation is not allowed: /roles/0",
            ),
            (
                json!([{"operation": "remove", "field": "/x/10"}]),
                Kind::InvalidSyntax,
                "Position-based operation is not allowed: /x/10",
            ),
            (json!([{"operation": "add", "field": "/nope", "value": 1}]), Kind::InvalidSyntax, "unknown property 'nope'"),
            (json!([{"operation": "replace", "field": "/_id", "value": "x"}]), Kind::Mutability, "_id"),
            (json!([{"operation": "replace", "field": "/effectiveRoles", "value": []}]), Kind::Mutability, "computed"),
            (json!([{"operation": "replace", "field": "/title", "value": 1}]), Kind::Policy, "title"),
            (json!([{"operation": "replace", "field": "/accountStatus", "value": "maybe"}]), Kind::Policy, "accountStatus"),
            (json!([{"operation": "remove", "field": "/userName"}]), Kind::Policy, "userName"),
            (json!([{"operation": "remove", "field": "/roles"}]), Kind::InvalidSyntax, "Cannot delete collection: /roles"),
            (
                json!([{"operation": "replace", "field": "/roles", "value": null}]),
                Kind::InvalidSyntax,
                "Cannot delete collection: /roles",
            ),
            (json!([{"operation": "add", "field": "/roles/-"}]), Kind::InvalidSyntax, "Cannot delete collection: /roles"),
            (json!([{"operation": "add", "field": "/roles", "value": {}}]), Kind::InvalidSyntax, "array of references"),
            (json!([{"operation": "replace", "field": "/manager", "value": []}]), Kind::InvalidSyntax, "one reference"),
            (json!([{"operation": "replace", "field": "/manager"}]), Kind::InvalidSyntax, "value is required"),
            (json!([{"operation": "replace", "field": "/manager/_ref", "value": "x"}]), Kind::InvalidSyntax, "own endpoint"),
            (json!([{"operation": "replace", "field": "/roles/-", "value": {}}]), Kind::InvalidSyntax, "only add"),
            (json!([{"operation": "increment", "field": "/roles", "value": 1}]), Kind::InvalidSyntax, "relationship"),
        ] {
            let fault = run("user", &user, operations.clone()).unwrap_err();
            assert_eq!(fault.kind, kind, "{operations}: {fault}");
            assert!(fault.detail.contains(text), "{operations}: {fault}");
        }
    }

    #[test]
    fn relationships_come_out_in_order() {
        let operations = json!([
            {"operation": "add", "field": "/roles/-", "value": {"_ref": "managed/role/a"}},
            {"operation": "replace", "field": "/title", "value": "x"},
            {"operation": "add", "field": "/roles", "value": [{"_ref": "managed/role/b"}]},
            {"operation": "replace", "field": "/roles", "value": []},
            {"operation": "remove", "field": "/roles", "value": {"_ref": "managed/role/b"}},
            {"operation": "replace", "field": "/manager", "value": {"_ref": "managed/user/m"}},
            {"operation": "remove", "field": "/manager"}
        ]);
        let (shown, relationships) = run("user", &json!({"userName": "u"}), operations).unwrap();
        assert_eq!(shown["title"], "x");
        let changes: Vec<_> = relationships.into_iter().map(|r| (r.property, r.change)).collect();
        let (roles, manager) = ("roles".to_owned(), "manager".to_owned());
        assert_eq!(
            changes,
            [
                (roles.clone(), RelationshipChange::Add(json!({"_ref": "managed/role/a"}))),
                (roles.clone(), RelationshipChange::Replace(json!([{"_ref": "managed/role/b"}]))),
                (roles.clone(), RelationshipChange::Replace(json!([]))),
                (roles, RelationshipChange::Remove(Some(json!({"_ref": "managed/role/b"})))),
                (manager.clone(), RelationshipChange::Replace(json!({"_ref": "managed/user/m"}))),
                (manager, RelationshipChange::Remove(None)),
            ]
        );
    }

    #[test]
    fn numbers_are_incremented() {
        let field = Pointer::parse("/n").unwrap();
        for (start, by, expected) in [
            (json!(1), json!(2), Some(json!(3))),
            (json!([1, 2.5]), json!(1), Some(json!([2, 3.5]))),
            (json!(i64::MAX), json!(1), None),
            (json!([1, "x"]), json!(1), None),
        ] {
            let mut value = start;
            let done = increment(&mut value, &field, &by).is_ok();
            assert_eq!(done.then_some(value), expected);
        }
    }

    proptest! {
        #[test]
        fn no_input_panics(verb in "add|remove|replace|increment|copy|move", field in "/?(mail|title|roles|permissions|x|-|~|/){1,4}", value in "[a-z0-9]{0,3}") {
            let value = serde_json::from_str(&value).unwrap_or(Value::String(value));
            let _ = run("user", &json!({"userName": "u"}), json!([{"operation": verb, "field": field, "from": "/title", "value": value}]));
        }

        #[test]
        fn replacing_twice_is_replacing_once(title in "[^\\x00]{0,20}") {
            let operation = json!({"operation": "replace", "field": "/title", "value": title});
            let start = json!({"userName": "u"});
            prop_assert_eq!(run("user", &start, json!([operation.clone()])), run("user", &start, json!([operation.clone(), operation])));
        }
    }
}
