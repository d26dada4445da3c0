//! The tables of spec/scim.md §4 row by row, and the requests of the clients of §11.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Limits, apply, scim};
use crate::domain::document::{self, ReferenceChange, ReferenceInput, ReferenceWrite};
use crate::domain::error::{Fault, Kind};
use crate::domain::profile::Profile;
use crate::domain::schema::{ObjectType, Registry};

mod clients;
mod properties;
mod references;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PROVOST: &str = "urn:provost:scim:schemas:extension:2.0:User";

fn kind(name: &str) -> Arc<ObjectType> {
    Arc::clone(Registry::shipped().unwrap().by_name(name).unwrap())
}

struct Done {
    doc: Value,
    external_id: Option<String>,
    writes: Vec<ReferenceWrite>,
}

fn run(type_name: &str, profile: &Profile, start: &Value, operations: Value) -> Result<Done, Fault> {
    let kind = kind(type_name);
    let mut doc = document::create(&kind, &Profile::GENERIC, start.clone()).unwrap().doc;
    let mut external_id = Some("e".to_owned());
    let operations = scim::parse(
        profile,
        Limits::DEFAULT,
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}),
    )?;
    let writes = apply(&kind, profile, &mut doc, &mut external_id, operations)?;
    Ok(Done { doc: Value::Object(doc), external_id, writes })
}

fn user() -> Value {
    json!({
        "userName": "bj", "name": {"familyName": "J", "givenName": "B"}, "title": "t", "active": true,
        "emails": [
            {"value": "w@x", "type": "work", "primary": true}, {"value": "h@x", "type": "home"}, {"value": "o@x", "type": "other"}
        ],
        ENTERPRISE: {"department": "d"}
    })
}

// The document with these top-level keys changed; null takes one out.
fn with(changes: &Value) -> Value {
    let mut out = user();
    for (key, value) in changes.as_object().unwrap() {
        out[key] = value.clone();
    }
    let parsed = document::create(&kind("user"), &Profile::GENERIC, out).unwrap();
    Value::Object(parsed.doc)
}

#[test]
fn each_row_of_the_tables() {
    let emails = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut list = user()["emails"].as_array().unwrap().clone();
        change(&mut list);
        json!({"emails": list})
    };
    let urn = |name: &str| format!("{ENTERPRISE}:{name}");
    let core = |name: &str| format!("urn:ietf:params:scim:schemas:core:2.0:User:{name}");
    let cases = [
        // 4.2 add: no path, each key as its own add.
        (json!({"op": "add", "value": {"title": "u", "nickName": "n"}}), json!({"title": "u", "nickName": "n"})),
        (
            json!({"op": "add", "value": {"name.middleName": "M", urn("division"): "v", core("title"): "u"}}),
            json!({"name": {"familyName": "J", "givenName": "B", "middleName": "M"}, "title": "u", ENTERPRISE: {"division": "v", "department": "d"}}),
        ),
        (
            json!({"op": "add", "value": {ENTERPRISE: {"costCenter": "c"}}}),
            json!({ENTERPRISE: {"costCenter": "c", "department": "d"}}),
        ),
        (json!({"op": "add", "value": {"emails": [{"value": "n@x"}]}}), emails(&|l| l.push(json!({"value": "n@x"})))),
        // single simple
        (json!({"op": "add", "path": "title", "value": "u"}), json!({"title": "u"})),
        (json!({"op": "add", "path": "TITLE", "value": "t"}), json!({})),
        (json!({"op": "add", "path": urn("department"), "value": "e"}), json!({ENTERPRISE: {"department": "e"}})),
        // complex single
        (
            json!({"op": "add", "path": "name", "value": {"middleName": "M"}}),
            json!({"name": {"familyName": "J", "givenName": "B", "middleName": "M"}}),
        ),
        (json!({"op": "add", "path": "name.givenName", "value": "C"}), json!({"name": {"familyName": "J", "givenName": "C"}})),
        // multi-valued
        (json!({"op": "add", "path": "emails", "value": [{"value": "n@x"}]}), emails(&|l| l.push(json!({"value": "n@x"})))),
        (json!({"op": "add", "path": "emails", "value": {"value": "n@x"}}), emails(&|l| l.push(json!({"value": "n@x"})))),
        (json!({"op": "add", "path": "emails", "value": "n@x"}), emails(&|l| l.push(json!({"value": "n@x"})))),
        (json!({"op": "add", "path": "emails", "value": [{"value": "h@x", "type": "home"}]}), json!({})),
        (json!({"op": "add", "path": "emails", "value": []}), json!({})),
        (
            json!({"op": "add", "path": "emails", "value": [{"value": "n@x", "primary": true}]}),
            emails(&|l| {
                l[0]["primary"] = json!(false);
                l.push(json!({"value": "n@x", "primary": true}));
            }),
        ),
        // value filter, matched
        (
            json!({"op": "add", "path": "emails[type eq \"home\"].value", "value": "n@x"}),
            emails(&|l| l[1]["value"] = json!("n@x")),
        ),
        (
            json!({"op": "add", "path": "emails[type eq \"home\"]", "value": {"display": "D"}}),
            emails(&|l| {
                l[1] = json!({"value": "h@x", "display": "D", "type": "home"});
            }),
        ),
        (
            json!({"op": "add", "path": "emails[type eq \"home\" or type eq \"other\"].display", "value": "D"}),
            emails(&|l| {
                l[1] = json!({"value": "h@x", "display": "D", "type": "home"});
                l[2] = json!({"value": "o@x", "display": "D", "type": "other"});
            }),
        ),
        // value filter, no match
        (
            json!({"op": "add", "path": "phoneNumbers[type eq \"Mobile\"].value", "value": "1"}),
            json!({"phoneNumbers": [{"value": "1", "type": "Mobile"}]}),
        ),
        (
            json!({"op": "add", "path": "addresses[type eq \"work\" and primary eq \"True\"].locality", "value": "Rome"}),
            json!({"addresses": [{"locality": "Rome", "type": "work", "primary": true}]}),
        ),
        // 4.3 replace: no path
        (
            json!({"op": "replace", "value": {"active": "False", "emails": [{"value": "n@x"}]}}),
            json!({"active": false, "emails": [{"value": "n@x"}]}),
        ),
        (
            json!({"op": "replace", "value": {"id": "x", "meta": {}, "schemas": [], "groups": [], "title": "u"}}),
            json!({"title": "u"}),
        ),
        // unassigned attribute
        (json!({"op": "replace", "path": "nickName", "value": "n"}), json!({"nickName": "n"})),
        // complex single
        (
            json!({"op": "replace", "path": "name", "value": {"givenName": "C"}}),
            json!({"name": {"familyName": "J", "givenName": "C"}}),
        ),
        (json!({"op": "replace", "path": "name", "value": {"givenName": null}}), json!({"name": {"familyName": "J"}})),
        (json!({"op": "replace", "path": "name", "value": null}), json!({"name": null})),
        (
            json!({"op": "replace", "path": ENTERPRISE, "value": {"costCenter": "c"}}),
            json!({ENTERPRISE: {"costCenter": "c", "department": "d"}}),
        ),
        // multi-valued, no filter
        (json!({"op": "replace", "path": "emails", "value": [{"value": "n@x"}]}), json!({"emails": [{"value": "n@x"}]})),
        (json!({"op": "replace", "path": "emails", "value": []}), json!({"emails": null})),
        (json!({"op": "replace", "path": "emails", "value": null}), json!({"emails": null})),
        (json!({"op": "replace", "path": "emails.value", "value": "n@x"}), emails(&|l| l[0]["value"] = json!("n@x"))),
        // value filter, matched
        (
            json!({"op": "replace", "path": "emails[type eq \"home\"].value", "value": "n@x"}),
            emails(&|l| l[1]["value"] = json!("n@x")),
        ),
        (
            json!({"op": "replace", "path": "emails[type eq \"work\"]", "value": {"value": "n@x"}}),
            emails(&|l| {
                l[0] = json!({"value": "n@x", "type": "work"});
            }),
        ),
        (
            json!({"op": "replace", "path": "emails[type eq \"home\"].primary", "value": "True"}),
            emails(&|l| {
                l[0]["primary"] = json!(false);
                l[1]["primary"] = json!(true);
            }),
        ),
        // value filter, no match
        (
            json!({"op": "replace", "path": "emails[type eq \"new\"].value", "value": "n@x"}),
            emails(&|l| l.push(json!({"value": "n@x", "type": "new"}))),
        ),
        // 4.4 remove
        (json!({"op": "remove", "path": "title"}), json!({"title": null})),
        (json!({"op": "remove", "path": "title", "value": "other"}), json!({"title": null})),
        (json!({"op": "remove", "path": "nickName"}), json!({})),
        (json!({"op": "remove", "path": "emails"}), json!({"emails": null})),
        (json!({"op": "remove", "path": "name.givenName"}), json!({"name": {"familyName": "J"}})),
        (json!({"op": "remove", "path": ENTERPRISE}), json!({ENTERPRISE: null})),
        (
            json!({"op": "remove", "path": "emails", "value": [{"value": "H@x"}, {"value": "o@x", "type": "other"}, {"value": "zz"}]}),
            emails(&|l| l.truncate(1)),
        ),
        (json!({"op": "remove", "path": "emails", "value": [{"value": "zz"}]}), json!({})),
        (json!({"op": "remove", "path": "emails", "value": []}), json!({})),
        (
            json!({"op": "remove", "path": "emails[type eq \"home\"]"}),
            emails(&|l| {
                l.remove(1);
            }),
        ),
        (json!({"op": "remove", "path": "emails[value pr]"}), json!({"emails": null})),
        (json!({"op": "remove", "path": "emails[type eq \"none\"]"}), json!({})),
        (
            json!({"op": "remove", "path": "emails[type eq \"home\"].type", "value": "ignored"}),
            emails(&|l| l[1] = json!({"value": "h@x"})),
        ),
        (
            json!({"op": "remove", "path": "emails.type"}),
            emails(&|l| {
                for element in l {
                    element.as_object_mut().unwrap().shift_remove("type");
                }
            }),
        ),
        // discarded
        (json!({"op": "replace", "value": {"password": "secret"}}), json!({})),
        (json!({"op": "remove", "path": "password"}), json!({})),
    ];
    for (operation, expected) in cases {
        let done = run("user", &Profile::GENERIC, &user(), json!([operation])).unwrap_or_else(|e| panic!("{operation}: {e}"));
        assert_eq!(done.doc.to_string(), with(&expected).to_string(), "{operation}");
        // Removing the extension removes the manager with it.
        let expected: &[&str] =
            if operation["path"] == ENTERPRISE && operation["op"] == "remove" { &["manager clear"] } else { &[] };
        assert_eq!(summary(&done.writes), expected, "{operation}");
    }
}

#[test]
fn what_cannot_be_done_is_refused() {
    for (operation, expected) in [
        (json!({"op": "add", "path": "nope", "value": 1}), Kind::InvalidPath),
        (json!({"op": "remove", "path": "department"}), Kind::InvalidPath),
        (json!({"op": "add", "path": "name.nope", "value": 1}), Kind::InvalidPath),
        (json!({"op": "add", "path": "emails[type eq \"work\"].nope", "value": 1}), Kind::InvalidPath),
        (json!({"op": "add", "path": "title[value eq \"a\"]", "value": 1}), Kind::InvalidPath),
        (json!({"op": "add", "path": "name[givenName eq \"a\"].familyName", "value": "x"}), Kind::InvalidPath),
        (json!({"op": "add", "path": "emails[type eq \"work\"", "value": 1}), Kind::InvalidFilter),
        (json!({"op": "add", "path": "emails[type zz \"work\"].value", "value": 1}), Kind::InvalidFilter),
        (json!({"op": "add", "path": "emails[nope eq \"work\"].value", "value": 1}), Kind::InvalidFilter),
        (json!({"op": "add", "path": "emails[primary gt true].value", "value": "x"}), Kind::InvalidFilter),
        (json!({"op": "remove"}), Kind::NoTarget),
        (json!({"op": "add", "path": "emails[type ne \"x\" and value sw \"zz\"].value", "value": "a"}), Kind::NoTarget),
        (json!({"op": "replace", "path": "emails[type eq \"a\" or type eq \"b\"].value", "value": "a"}), Kind::NoTarget),
        (json!({"op": "replace", "path": "id", "value": "x"}), Kind::Mutability),
        (json!({"op": "replace", "path": "meta.version", "value": "x"}), Kind::Mutability),
        (json!({"op": "replace", "path": "groups", "value": []}), Kind::Mutability),
        (json!({"op": "remove", "path": "groups[value eq \"x\"]"}), Kind::Mutability),
        (json!({"op": "replace", "path": format!("{ENTERPRISE}:manager.displayName"), "value": "x"}), Kind::Mutability),
        (json!({"op": "remove", "path": "userName"}), Kind::Mutability),
        (json!({"op": "replace", "path": "userName", "value": null}), Kind::InvalidValue),
        (json!({"op": "replace", "path": "userName", "value": ""}), Kind::InvalidValue),
        (json!({"op": "replace", "path": "active", "value": "maybe"}), Kind::InvalidValue),
        (json!({"op": "replace", "path": "title", "value": 1}), Kind::InvalidValue),
        (json!({"op": "replace", "path": "password", "value": 1}), Kind::InvalidValue),
        (json!({"op": "replace", "path": "name", "value": "x"}), Kind::InvalidValue),
        (json!({"op": "replace", "path": "title", "value": "a\u{0}b"}), Kind::InvalidValue),
        (json!({"op": "replace", "value": "x"}), Kind::InvalidValue),
        (
            json!({"op": "add", "path": "emails", "value": [{"value": "a", "primary": true}, {"value": "b", "primary": true}]}),
            Kind::InvalidValue,
        ),
        (json!({"op": "replace", "path": "emails[value pr].primary", "value": true}), Kind::InvalidValue),
        (json!({"op": "add", "path": format!("{ENTERPRISE}:manager"), "value": ["a"]}), Kind::InvalidValue),
        (json!({"op": "add", "path": "roles", "value": [{"display": "no value"}]}), Kind::InvalidValue),
    ] {
        match run("user", &Profile::GENERIC, &user(), json!([operation.clone()])) {
            Ok(_) => panic!("{operation} was done"),
            Err(fault) => assert_eq!(fault.kind, expected, "{operation}: {fault}"),
        }
    }
}

#[test]
fn profiles_differ() {
    let without_match = json!([{"op": "replace", "path": "emails[type eq \"new\"].value", "value": "n@x"}]);
    let unknown = json!([{"op": "add", "value": {"nope": 1, "title": "u"}}]);
    let coerced = json!([{"op": "replace", "path": "active", "value": "False"}]);
    for (operations, strict) in [(without_match, Kind::NoTarget), (unknown, Kind::InvalidSyntax), (coerced, Kind::InvalidValue)] {
        for lenient in [Profile::GENERIC, Profile::ENTRA, Profile::OKTA] {
            assert!(run("user", &lenient, &user(), operations.clone()).is_ok(), "{operations}");
        }
        assert_eq!(run("user", &Profile::STRICT, &user(), operations).err().unwrap().kind, strict);
    }
}

#[test]
fn each_operation_sees_the_former_and_none_stands_when_one_fails() {
    let five = json!([
        {"op": "Add", "path": "addresses[type eq \"work\"].streetAddress", "value": "s"},
        {"op": "Add", "path": "addresses[type eq \"work\"].locality", "value": "l"},
        {"op": "Add", "path": "addresses[type eq \"work\"].region", "value": "r"},
        {"op": "Replace", "path": "addresses[type eq \"work\"].postalCode", "value": "p"},
        {"op": "Add", "path": "addresses[type eq \"work\"].country", "value": "c"}
    ]);
    let done = run("user", &Profile::ENTRA, &user(), five).unwrap();
    let address =
        json!([{"streetAddress": "s", "locality": "l", "region": "r", "postalCode": "p", "country": "c", "type": "work"}]);
    assert_eq!(done.doc["addresses"].to_string(), address.to_string());
    let twice = json!([{"op": "add", "path": "title", "value": "u"}, {"op": "remove", "path": "nope"}]);
    let fault = run("user", &Profile::GENERIC, &user(), twice).err().unwrap();
    assert!(fault.detail.starts_with("operation 2: "), "{fault}");
}

#[test]
fn the_external_id_is_patched_beside_the_document() {
    for (operation, expected) in [
        (json!({"op": "replace", "path": "externalId", "value": "f"}), Some("f")),
        (json!({"op": "add", "value": {"EXTERNALID": "f"}}), Some("f")),
        (json!({"op": "replace", "path": "externalId", "value": null}), None),
        (json!({"op": "remove", "path": "externalId"}), None),
        (json!({"op": "add", "path": "title", "value": "u"}), Some("e")),
    ] {
        let done = run("user", &Profile::GENERIC, &user(), json!([operation])).unwrap();
        assert_eq!(done.external_id.as_deref(), expected, "{operation}");
    }
}

fn values(inputs: &[ReferenceInput]) -> Vec<&str> {
    inputs.iter().map(|i| i.value.as_str()).collect()
}

fn summary(writes: &[ReferenceWrite]) -> Vec<String> {
    let text = |write: &ReferenceWrite| {
        let change = match &write.change {
            ReferenceChange::Replace(inputs) => format!("replace {}", values(inputs).join(",")),
            ReferenceChange::Add(inputs) => format!("add {}", values(inputs).join(",")),
            ReferenceChange::Remove(inputs) => format!("remove {}", values(inputs).join(",")),
            ReferenceChange::RemoveMatching(_) => "remove matching".to_owned(),
            ReferenceChange::Amend(amend) => {
                let create = amend.create.as_ref().map(|c| Value::Object(c.clone()).to_string()).unwrap_or_default();
                format!("amend {} from {create}", Value::Object(amend.set.clone()))
            }
            ReferenceChange::Clear => "clear".to_owned(),
        };
        format!("{} {change}", write.relationship)
    };
    writes.iter().map(text).collect()
}

#[test]
fn what_is_immutable_is_set_once() {
    let mut kind = (*kind("user")).clone();
    kind.schemas[2].attributes[0].mutability = crate::domain::schema::Mutability::Immutable;
    let path = format!("{PROVOST}:description");
    let run = |start: Value, operation: Value| {
        let mut doc = start.as_object().unwrap().clone();
        let operations = scim::parse(&Profile::GENERIC, Limits::DEFAULT, json!({"Operations": [operation]})).unwrap();
        apply(&kind, &Profile::GENERIC, &mut doc, &mut None, operations).map_err(|f| f.kind)
    };
    let (unset, set) = (json!({"userName": "u"}), json!({"userName": "u", PROVOST: {"description": "d"}}));
    assert_eq!(run(unset, json!({"op": "add", "path": path, "value": "x"})), Ok(vec![]));
    assert_eq!(run(set.clone(), json!({"op": "replace", "path": path, "value": "d"})), Ok(vec![]));
    assert_eq!(run(set.clone(), json!({"op": "replace", "path": path, "value": "x"})), Err(Kind::Mutability));
    assert_eq!(run(set, json!({"op": "remove", "path": path})), Err(Kind::Mutability));
}

#[test]
fn lists_of_simple_values_are_patched_by_value() {
    let mut kind = (*kind("role")).clone();
    let permissions = kind.schemas[0].attributes.iter_mut().find(|a| a.name == "permissions").unwrap();
    permissions.mutability = crate::domain::schema::Mutability::ReadWrite;
    for (operation, expected) in [
        (json!({"op": "add", "path": "permissions", "value": ["b", "c"]}), Some(json!(["a", "b", "c"]))),
        (json!({"op": "remove", "path": "permissions", "value": ["a"]}), Some(json!(["b"]))),
        (json!({"op": "remove", "path": "permissions[value eq \"a\"]"}), Some(json!(["b"]))),
        (json!({"op": "replace", "path": "permissions[value eq \"a\"]", "value": "c"}), Some(json!(["c", "b"]))),
        (json!({"op": "replace", "path": "permissions[value eq \"x\"]", "value": "c"}), None),
        (json!({"op": "replace", "path": "permissions", "value": "c"}), Some(json!(["c"]))),
    ] {
        let mut doc = json!({"name": "r", "permissions": ["a", "b"]}).as_object().unwrap().clone();
        let operations = scim::parse(&Profile::GENERIC, Limits::DEFAULT, json!({"Operations": [operation.clone()]})).unwrap();
        let done = apply(&kind, &Profile::GENERIC, &mut doc, &mut None, operations).is_ok();
        assert_eq!(done.then(|| doc["permissions"].clone()), expected, "{operation}");
    }
}
