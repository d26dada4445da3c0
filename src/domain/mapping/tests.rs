use serde_json::json;

use super::*;

fn mapping(rules: Value) -> Result<CompiledMapping, Fault> {
    CompiledMapping::compile(&Mapping::from_json(&json!({"rules": rules}))?, "user")
}

fn source() -> Map<String, Value> {
    let value = json!({
        "userName": "ann", "active": true, "name": {"givenName": "Ann", "familyName": null}, "userType": "staff",
        "emails": [{"value": "w@x", "type": "work", "primary": true, "display": null}], "addresses": [],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Sales"},
    });
    value.as_object().unwrap().clone()
}

fn document(desired: &Desired) -> Value {
    Value::Object(desired.document.clone())
}

fn texts(paths: &[DocumentPath]) -> Vec<String> {
    paths.iter().map(ToString::to_string).collect()
}

#[test]
fn the_standard_rules_copy_a_user() {
    let compiled = CompiledMapping::compile(&Mapping::default(), "user").unwrap();
    let desired = compiled.apply(&source(), true).unwrap();
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    assert_eq!(
        document(&desired),
        json!({
            "userName": "ann", "name": {"givenName": "Ann"}, "userType": "staff", "active": true,
            "emails": [{"value": "w@x", "type": "work", "primary": true}], enterprise: {"department": "Sales"},
        })
    );
    let owned = texts(&desired.owned);
    for path in ["name.familyName", "addresses", "title", &format!("{enterprise}:manager"), &format!("{enterprise}:costCenter")] {
        assert!(owned.iter().any(|known| known == path), "{path}");
    }
    assert_eq!(desired.matches, [(DocumentPath::parse("userName").unwrap(), json!("ann"))]);
    let [manager] = desired.references.as_slice() else { panic!("one reference") };
    assert_eq!(manager.relationship, "manager");
    let mut resolved = desired.clone();
    resolved.resolve(manager, Some("r1"));
    assert_eq!(resolved.document[enterprise], json!({"department": "Sales", "manager": {"value": "r1"}}));
    let mut waiting = desired.clone();
    waiting.withhold(manager);
    assert_eq!(waiting.owned.len() + 1, desired.owned.len());

    let group = CompiledMapping::compile(&Mapping::default(), "group").unwrap();
    let source = json!({"displayName": "G", "members": [{"value": "x"}]});
    assert_eq!(document(&group.apply(source.as_object().unwrap(), true).unwrap()), json!({"displayName": "G"}));
    assert!(CompiledMapping::compile(&Mapping::default(), "role").is_err());
}

#[test]
fn rules_do_what_they_say() {
    let compiled = mapping(json!([
        {"target": "userName", "expr": "lower(user.userName) + \"@corp\"", "match": 2},
        {"target": "emails[type eq \"work\"].value", "from": "emails.value", "match": 1},
        {"target": "emails[type eq \"work\"].primary", "constant": true},
        {"target": "urn:x:y:dept", "from": "department", "when": "user.userType == \"staff\""},
        {"target": "title", "from": "title", "default": "none"},
        {"target": "nickName", "from": "nickName"},
        {"target": "locale", "from": "locale", "null": "ignore"},
        {"target": "password", "expr": "\"pw-\" + user.userName", "on": "create", "sensitive": true},
        {"target": "userType", "constant": "S", "when": "user.userType == \"service\""},
        {"target": "userType", "constant": "E"},
        {"target": "timezone", "from": "timezone", "when": "false", "null": "ignore"},
        {"target": "profileUrl", "from": "profileUrl", "when": "false"},
    ]))
    .unwrap();
    let created = compiled.apply(&source(), true).unwrap();
    assert_eq!(
        document(&created),
        json!({
            "userName": "ann@corp", "emails": [{"type": "work", "value": "w@x", "primary": true}], "urn:x:y": {"dept": "Sales"},
            "title": "none", "password": "pw-ann", "userType": "E",
        })
    );
    assert_eq!(created.matches.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>(), [json!("w@x"), json!("ann@corp")]);
    assert_eq!(texts(&created.create_only), ["password"]);
    assert_eq!(texts(&created.sensitive), ["password"]);
    let owned = [
        "userName",
        "emails[type eq \"work\"].value",
        "emails[type eq \"work\"].primary",
        "urn:x:y:dept",
        "title",
        "nickName",
        "userType",
        "profileUrl",
    ];
    assert_eq!(texts(&created.owned), owned);
    let updated = compiled.apply(&source(), false).unwrap();
    assert_eq!(updated.document.get("password"), None);
    assert_eq!(updated.owned, created.owned);

    let (outcome, steps) = compiled.explain(&source(), true);
    assert_eq!(outcome, Ok(created));
    let outputs: Vec<_> = steps.iter().map(|step| (step.rule, step.output.clone())).collect();
    assert_eq!(
        outputs[3..],
        [
            (3, Output::Value(json!("Sales"))),
            (4, Output::Value(json!("none"))),
            (5, Output::Cleared),
            (6, Output::Ignored),
            (7, Output::Hidden),
            (8, Output::NotNow),
            (9, Output::Value(json!("E"))),
            (10, Output::NotNow),
            (11, Output::NotNow),
        ]
    );
    assert_eq!(steps[1].input, "emails.value");
}

#[test]
fn a_failing_rule_names_itself_and_no_secret() {
    let compiled = mapping(json!([
        {"target": "userName", "from": "userName"},
        {"target": "title", "expr": "req(user.title)"},
    ]))
    .unwrap();
    let error = compiled.apply(&source(), true).unwrap_err();
    assert_eq!(error.to_string(), "rules[1] (title): line 1, column 1: a required value is missing");
    assert_eq!(compiled.explain(&source(), true).1.len(), 1);
    let hidden = mapping(json!([{"target": "x", "expr": "lower(user.emails)", "sensitive": true}])).unwrap();
    assert_eq!(hidden.apply(&source(), true).unwrap_err().text, "the rule failed");
}

#[test]
fn faults_name_rule_and_key() {
    let a = json!({"target": "a", "constant": 1});
    for (rules, text) in [
        (json!([a, {"target": "b"}]), "rules[1].target: exactly one"),
        (json!([{"target": "b", "from": "x", "constant": 1}]), "rules[0].target: exactly one"),
        (json!([{"target": "b[", "from": "x"}]), "rules[0].target: 'b['"),
        (json!([{"target": "b", "from": "x y"}]), "rules[0].from: 'x y'"),
        (json!([{"target": "b", "expr": "1 +"}]), "rules[0].expr: line 1"),
        (json!([{"target": "b", "from": "x", "when": ")"}]), "rules[0].when: line 1"),
        (json!([{"target": "b", "constant": []}]), "rules[0].constant"),
        (json!([{"target": "b", "from": "c", "default": null, "match": 0}]), "rules[0].match"),
        (json!([{"target": "b", "ref": "manager", "default": 1}]), "rules[0].ref"),
        (json!([a, {"target": "a.b", "constant": 1}]), "rules[1].target: it overlaps 'a'"),
        (json!([{"target": "ExternalID", "constant": 1}]), "rules[0].target: 'ExternalID' is not"),
        (json!([{"target": "a", "form": "x"}]), "rules[0]: unknown field `form`"),
        (json!([{"target": "a", "from": "x", "merge": "add_only"}]), "rules[0]: unknown variant `add_only`"),
        (json!([{"from": "x"}]), "rules[0]: missing field `target`"),
        (json!({}), "rules is a list"),
    ] {
        let fault = mapping(rules).unwrap_err();
        assert!(fault.detail.starts_with(text), "{text}: {fault}");
    }
    assert!(Mapping::from_json(&json!({"scopes": "x"})).is_err());
    assert!(Mapping::from_json(&json!([])).is_err());
    let text = json!({"scope": "active eq true", "rules": [{"target": "a", "ref": "manager", "on": "create"}]});
    assert_eq!(serde_json::to_value(Mapping::from_json(&text).unwrap()).unwrap(), text);
}
