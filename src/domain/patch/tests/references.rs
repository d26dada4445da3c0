//! Members, managers and roles.

use serde_json::{Value, json};

use super::*;

#[test]
fn members_become_writes_in_order() {
    let group = json!({"displayName": "g"});
    for (operations, expected) in [
        (
            json!([{"op": "Add", "path": "members", "value": [{"$ref": null, "value": "a"}, {"value": "a"}, {"value": "b"}]}]),
            vec!["members add a,b"],
        ),
        (json!([{"op": "add", "path": "members", "value": {"value": "a"}}]), vec!["members add a"]),
        (json!([{"op": "add", "path": "members", "value": ["a", "b"]}]), vec!["members add a,b"]),
        (json!([{"op": "add", "path": "members", "value": [{"$ref": "https://x/Users/a%20b"}]}]), vec!["members add a b"]),
        (json!([{"op": "add", "path": "members", "value": []}]), vec![]),
        (json!([{"op": "add", "value": {"members": [{"value": "a"}]}}]), vec!["members add a"]),
        (json!([{"op": "replace", "path": "members", "value": [{"value": "a"}]}]), vec!["members replace a"]),
        (json!([{"op": "replace", "value": {"members": [{"value": "a"}]}}]), vec!["members replace a"]),
        (json!([{"op": "replace", "path": "members", "value": []}]), vec!["members clear"]),
        (json!([{"op": "replace", "path": "members", "value": null}]), vec!["members clear"]),
        (json!([{"op": "remove", "path": "members"}]), vec!["members clear"]),
        (json!([{"op": "Remove", "path": "members", "value": [{"$ref": null, "value": "a"}]}]), vec!["members remove a"]),
        (json!([{"op": "remove", "path": "members", "value": []}]), vec![]),
        (json!([{"op": "remove", "path": "members[value eq \"a\"]"}]), vec!["members remove a"]),
        (json!([{"op": "remove", "path": "members[VALUE EQ \"a\" or value eq \"b\"]"}]), vec!["members remove a,b"]),
        (json!([{"op": "remove", "path": "members[value eq \"a\" and type eq \"User\"]"}]), vec!["members remove matching"]),
        (json!([{"op": "remove", "path": "members[not (value eq \"a\")]"}]), vec!["members remove matching"]),
        (
            json!([{"op": "add", "path": "members[value eq \"a\"]", "value": {"type": "User"}}]),
            vec![r#"members amend {"type":"User"} from {"value":"a"}"#],
        ),
        (
            json!([{"op": "remove", "path": "members[value eq \"a\"]"}, {"op": "add", "path": "members", "value": [{"value": "b", "display": "B"}]}]),
            vec!["members remove a", "members add b"],
        ),
        (json!([{"op": "replace", "value": {"id": "x", "displayName": "g"}}]), vec![]),
        // Folded to what they come to.
        (
            json!([
                {"op": "add", "path": "members", "value": ["a"]}, {"op": "remove", "path": "members", "value": ["b", "a"]},
                {"op": "add", "path": "members", "value": ["c", "b"]}
            ]),
            vec!["members remove a", "members add b,c"],
        ),
        (
            json!([{"op": "remove", "path": "members"}, {"op": "add", "path": "members", "value": ["a"]}]),
            vec!["members replace a"],
        ),
        (
            json!([{"op": "replace", "path": "members", "value": ["a", "b"]}, {"op": "remove", "path": "members", "value": ["a"]}]),
            vec!["members replace b"],
        ),
        (
            json!([{"op": "replace", "path": "members", "value": ["a"]}, {"op": "remove", "path": "members", "value": ["a"]}]),
            vec!["members clear"],
        ),
        (
            json!([{"op": "add", "path": "members", "value": ["a"]}, {"op": "remove", "path": "members[type eq \"Group\"]"}]),
            vec!["members add a", "members remove matching"],
        ),
        (
            json!([
                {"op": "add", "path": "members", "value": [{"value": "a", "type": "User"}]},
                {"op": "remove", "path": "members", "value": [{"value": "a", "type": "Group"}]}
            ]),
            vec!["members add a", "members remove a"],
        ),
    ] {
        let done = run("group", &Profile::OKTA, &group, operations.clone()).unwrap_or_else(|e| panic!("{operations}: {e}"));
        assert_eq!(summary(&done.writes), expected, "{operations}");
        assert_eq!(done.doc, group);
    }
    for (operation, expected) in [
        (json!({"op": "add", "path": "members", "value": [{"display": "x"}]}), Kind::InvalidValue),
        (json!({"op": "add", "path": "members[value eq \"a\"].display", "value": "x"}), Kind::Mutability),
        (json!({"op": "remove", "path": "members[value eq \"a\"].value"}), Kind::Mutability),
        (json!({"op": "add", "path": "members.type", "value": "User"}), Kind::NoTarget),
        (json!({"op": "add", "path": "urn:provost:scim:schemas:extension:2.0:Group:roles", "value": ["x"]}), Kind::Mutability),
        (json!({"op": "remove", "path": "displayName"}), Kind::Mutability),
    ] {
        assert_eq!(
            run("group", &Profile::OKTA, &group, json!([operation.clone()])).err().map(|f| f.kind),
            Some(expected),
            "{operation}"
        );
    }
}

#[test]
fn references_keep_the_element_as_sent() {
    let operation = json!([{"op": "add", "path": "members", "value": [{"VALUE": "a", "Type": "User", "$ref": "../Users/a", "display": "A"}]}]);
    let done = run("group", &Profile::GENERIC, &json!({"displayName": "g"}), operation).unwrap();
    let ReferenceChange::Add(inputs) = &done.writes[0].change else { panic!("no add") };
    assert_eq!(inputs[0].kind_hint.as_deref(), Some("User"));
    assert_eq!(inputs[0].ref_hint.as_deref(), Some("../Users/a"));
    assert_eq!(Value::Object(inputs[0].element.clone()), json!({"value": "a", "$ref": "../Users/a", "type": "User"}));
}

#[test]
fn the_manager_is_written_in_each_of_its_forms() {
    let urn = |name: &str| format!("{ENTERPRISE}:{name}");
    for (operation, expected) in [
        (json!({"op": "Add", "path": urn("manager"), "value": "m"}), vec!["manager replace m"]),
        (
            json!({"op": "Replace", "path": urn("manager"), "value": {"value": "m", "displayName": "M"}}),
            vec!["manager replace m"],
        ),
        (json!({"op": "Replace", "path": urn("manager.value"), "value": "m"}), vec!["manager replace m"]),
        (json!({"op": "add", "value": {urn("manager.value"): "m", urn("manager.displayName"): "M"}}), vec!["manager replace m"]),
        (json!({"op": "add", "value": {urn("manager"): "m"}}), vec!["manager replace m"]),
        (json!({"op": "add", "value": {ENTERPRISE: {"Manager": {"Value": "m", "$ref": null}}}}), vec!["manager replace m"]),
        (json!({"op": "add", "value": {ENTERPRISE: {"manager.value": "m", "manager.$ref": null}}}), vec!["manager replace m"]),
        (json!({"op": "replace", "path": ENTERPRISE, "value": {"manager": {"value": "m"}}}), vec!["manager replace m"]),
        (json!({"op": "Remove", "path": urn("manager")}), vec!["manager clear"]),
        (json!({"op": "remove", "path": urn("manager.value")}), vec!["manager clear"]),
        (json!({"op": "replace", "path": urn("manager"), "value": null}), vec!["manager clear"]),
        (json!({"op": "replace", "path": urn("manager"), "value": ""}), vec!["manager clear"]),
        (json!({"op": "replace", "path": urn("manager.value"), "value": null}), vec!["manager clear"]),
    ] {
        let done = run("user", &Profile::ENTRA, &user(), json!([operation])).unwrap_or_else(|e| panic!("{operation}: {e}"));
        assert_eq!(summary(&done.writes), expected, "{operation}");
        assert_eq!(done.doc, with(&json!({})));
    }
}

#[test]
fn roles_are_written_in_each_of_their_forms() {
    let document = r#"{"id":"18d1","value":"Admin","displayName":"Administrator"}"#;
    for (operations, expected) in [
        (json!([{"op": "Add", "path": "roles", "value": [{"value": document}]}]), vec!["roles add Admin"]),
        (json!([{"op": "Add", "path": "roles", "value": document}]), vec!["roles add Admin"]),
        (json!([{"op": "add", "path": "roles", "value": [{"primary": "True", "type": "T", "value": "r"}]}]), vec!["roles add r"]),
        (json!([{"op": "replace", "path": "roles", "value": [{"value": "a"}, {"value": "b"}]}]), vec!["roles replace a,b"]),
        (json!([{"op": "replace", "value": {"roles": []}}]), vec!["roles clear"]),
        (json!([{"op": "remove", "path": "roles[value eq \"Admin\"]"}]), vec!["roles remove Admin"]),
        (json!([{"op": "Remove", "path": "roles[primary eq \"True\"].value", "value": "x"}]), vec!["roles remove matching"]),
        (
            json!([
                {"op": "Replace", "path": "roles[primary eq \"True\"].display", "value": "D"},
                {"op": "Replace", "path": "roles[primary eq \"True\"].type", "value": "T"},
                {"op": "Replace", "path": "title", "value": "u"},
                {"op": "Replace", "path": "roles[primary eq \"True\"].value", "value": "Admin"}
            ]),
            vec![r#"roles amend {"display":"D","type":"T","value":"Admin"} from {"primary":true}"#],
        ),
    ] {
        let done = run("user", &Profile::ENTRA, &user(), operations.clone()).unwrap_or_else(|e| panic!("{operations}: {e}"));
        assert_eq!(summary(&done.writes), expected, "{operations}");
    }
    let done =
        run("user", &Profile::ENTRA, &user(), json!([{"op": "Add", "path": "roles", "value": [{"value": document}]}])).unwrap();
    let ReferenceChange::Add(inputs) = &done.writes[0].change else { panic!("no add") };
    assert_eq!(Value::Object(inputs[0].element.clone()), json!({"value": "Admin", "display": "Administrator"}));
}

#[test]
fn an_amendment_is_worked_out_against_the_elements() {
    let amend_of = |type_name: &str, operation: Value| {
        let start = if type_name == "user" { user() } else { json!({"displayName": "g"}) };
        let done = run(type_name, &Profile::ENTRA, &start, json!([operation])).unwrap();
        match done.writes.into_iter().next().unwrap().change {
            ReferenceChange::Amend(amend) => amend,
            other => panic!("{other:?}"),
        }
    };
    let user_type = kind("user");
    let roles = document::reference::attribute_of(&user_type, "roles").unwrap();
    let current =
        [json!({"value": "r1", "display": "One", "type": "direct", "primary": true}), json!({"value": "r2", "type": "direct"})];
    let amend = amend_of("user", json!({"op": "Replace", "path": "roles[primary eq \"True\"].value", "value": "Admin"}));
    let out = document::reference::amend(&user_type, roles, &current, &amend).unwrap();
    assert_eq!((out.removed, values(&out.added)), (vec![0], vec!["Admin"]));
    let out = document::reference::amend(&user_type, roles, &current[1..], &amend).unwrap();
    assert!(out.removed.is_empty());
    assert_eq!(Value::Object(out.added[0].element.clone()), json!({"value": "Admin", "primary": true}));
    let amend = amend_of("user", json!({"op": "Replace", "path": "roles[value eq \"r2\"].type", "value": "T"}));
    let out = document::reference::amend(&user_type, roles, &current, &amend).unwrap();
    assert_eq!((out.removed, values(&out.added)), (vec![], vec!["r2"]));
    assert_eq!(out.added[0].element["type"], "T");
    let amend = amend_of("user", json!({"op": "Replace", "path": "roles[value eq \"r2\"].type", "value": "direct"}));
    assert_eq!(document::reference::amend(&user_type, roles, &current, &amend).unwrap(), document::reference::Amended::default());
    let amend = amend_of("user", json!({"op": "Add", "path": "roles[type co \"x\"].value", "value": "Admin"}));
    assert_eq!(document::reference::amend(&user_type, roles, &current, &amend).unwrap_err().kind, Kind::NoTarget);

    let group = kind("group");
    let members = document::reference::attribute_of(&group, "members").unwrap();
    let current = [json!({"value": "a", "type": "User", "display": "A"})];
    let moved = amend_of("group", json!({"op": "replace", "path": "members[value eq \"a\"].value", "value": "b"}));
    assert_eq!(document::reference::amend(&group, members, &current, &moved).unwrap_err().kind, Kind::Mutability);
    let whole = amend_of("group", json!({"op": "replace", "path": "members[value eq \"a\"]", "value": {"value": "b"}}));
    let out = document::reference::amend(&group, members, &current, &whole).unwrap();
    assert_eq!((out.removed, values(&out.added)), (vec![0], vec!["b"]));
}
