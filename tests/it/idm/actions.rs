//! Actions: the document names those that are offered and no other, and answers are as it says.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::gateway::{Client, Gateway};

const KNOWN: [&str; 9] = [
    "create",
    "patch",
    "triggerSyncCheck",
    "explainRoles",
    "evaluateCondition",
    "bulk",
    "validateObject",
    "listPrivileges",
    "command",
];

async fn made(client: &Client, path: &str, body: &Value) {
    let made = client.put(path, body).await;
    assert!(made.status == 200 || made.status == 201, "{path}: {}", made.text);
}

fn named(operation: &Value) -> BTreeSet<String> {
    let action = operation["parameters"].as_array().into_iter().flatten().find(|parameter| parameter["name"] == "_action");
    let names = action.map(|action| action["schema"]["enum"].as_array().unwrap().clone()).unwrap_or_default();
    names.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_document_names_what_is_offered() {
    let gateway = Gateway::start();
    let client = gateway.admin();
    let document = client.get("/openapi.json").await.body;
    for (kind, body) in [
        ("managed/user", json!({ "userName": "x" })),
        ("managed/group", json!({ "name": "x" })),
        ("managed/role", json!({ "name": "x" })),
        ("managed/organization", json!({ "name": "x" })),
        ("managed/service_account", json!({ "name": "x" })),
        ("internal/role", json!({ "name": "x" })),
    ] {
        made(&client, &format!("/openidm/{kind}/x"), &body).await;
    }
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let of = |methods: &Value, method: &str| methods[method].is_object().then(|| named(&methods[method]));
        let Some(said) = of(methods, "post").filter(|_| path.starts_with("/openidm/") && !path.contains("assignment")) else {
            continue;
        };
        let mut offered = BTreeSet::new();
        for action in KNOWN {
            let address = path.replace("{id}", "x");
            let answer = client.post(&format!("{address}?_action={action}&dryRun=true"), &json!({})).await;
            assert!(answer.status < 500 || answer.status == 501, "{address} {action}: {}", answer.text);
            if answer.status != 501 {
                offered.insert(action.to_owned());
            }
        }
        assert_eq!(
            said.iter().filter(|name| KNOWN.contains(&name.as_str())).cloned().collect::<BTreeSet<_>>(),
            offered,
            "{path}"
        );
        asked += 1;
    }
    assert!(asked > 20, "{asked}");
    let of_user = &document["paths"]["/openidm/managed/user/{id}"];
    assert_eq!(named(&of_user["get"]), BTreeSet::from(["explainRoles".to_owned()]));
    let bodies = &document["paths"]["/openidm/managed/role/{id}"]["post"]["requestBody"]["content"]["application/json"];
    assert!(bodies["examples"]["evaluateCondition"]["value"]["condition"].is_string(), "{bodies}");
}

/// Whether a value is as a component says; of schemas it knows what the components of actions use.
fn fits(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return fits(document, document.pointer(&reference[1..]).unwrap(), value, at);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let fits = any.iter().any(|schema| fits(document, schema, value, at).is_ok());
        return if fits { Ok(()) } else { Err(format!("{at}: {value}")) };
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds = schema["type"].as_array().cloned().unwrap_or_else(|| vec![schema["type"].clone()]);
    if !kinds.contains(&json!(kind)) || schema["enum"].as_array().is_some_and(|known| !known.contains(value)) {
        return Err(format!("{at}: {value} is not {schema}"));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        value.get(name.as_str().unwrap()).ok_or_else(|| format!("{at}: no {name}"))?;
    }
    for (name, part) in value.as_object().into_iter().flatten() {
        let at = format!("{at}/{name}");
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(false)) => return Err(format!("{at} is not described")),
            (Value::Null, Value::Null) => {}
            (Value::Null, other) | (other, _) => fits(document, other, part, &at)?,
        }
    }
    for item in value.as_array().into_iter().flatten().filter(|_| schema["items"].is_object()) {
        fits(document, &schema["items"], item, at)?;
    }
    Ok(())
}

#[tokio::test]
async fn answers_and_examples_are_as_described() {
    let gateway = Gateway::start();
    let client = gateway.admin();
    let document = client.get("/openapi.json").await.body;
    made(&client, "/openidm/managed/user/m", &json!({ "userName": "m", "title": "boss" })).await;
    for (role, condition) in [
        ("a", json!("/manager/title eq \"boss\"")),
        ("b", json!({ "type": "rhai", "source": "user.title == \"x\"" })),
        ("c", json!({ "type": "rhai", "source": "user.manager.title == \"boss\"" })),
        ("d", json!("/title eq \"x\"")),
    ] {
        made(&client, &format!("/openidm/managed/role/{role}"), &json!({ "name": role, "condition": condition })).await;
    }
    let spans = |span: &str| json!({ "temporalConstraints": [{ "duration": span }] });
    made(&client, "/openidm/managed/role/e", &json!({ "name": "e" })).await;
    let roles = json!([
        { "_ref": "managed/role/e", "_refProperties": spans("2026-01-01/2027-01-01") },
        { "_ref": "managed/role/d", "_refProperties": spans("2020-01-01/2021-01-01") },
    ]);
    let user = json!({ "userName": "u", "roles": roles, "manager": { "_ref": "managed/user/m" } });
    made(&client, "/openidm/managed/user/u", &user).await;
    made(&client, "/openidm/managed/group/g", &json!({ "name": "g", "members": [{ "_ref": "managed/user/u" }] })).await;
    let post = |path: &str| document["paths"][path]["post"].clone();
    for (path, action, body) in [
        ("/openidm/managed/user/{id}", "explainRoles", json!({})),
        ("/openidm/managed/role/{id}", "evaluateCondition", json!({ "condition": "/manager pr" })),
        (
            "/openidm/managed/role",
            "evaluateCondition",
            json!({ "condition": { "type": "rhai", "source": "user.title == \"x\"" } }),
        ),
        ("/openidm/managed/role/{id}/members", "bulk", json!({ "add": [{ "_ref": "managed/user/u" }], "remove": [] })),
    ] {
        let id = if path.contains("user") { "u" } else { "a" };
        let answer = client.post(&format!("{}?_action={action}", path.replace("{id}", id)), &body).await;
        assert_eq!(answer.status, 200, "{path} {action}: {}", answer.text);
        let said = &post(path)["responses"]["200"]["content"]["application/json"];
        // The one component of those listed that is this action's own.
        let component = match action {
            "explainRoles" => "RoleExplanation",
            "evaluateCondition" => "ConditionEvaluation",
            _ => "EdgeBulkCounts",
        };
        assert!(said.to_string().contains(&format!("schemas/{component}\"")), "{said}");
        let schema = &document["components"]["schemas"][component];
        fits(&document, schema, &answer.body, action).unwrap();
        fits(&document, schema, &said["examples"][action]["value"], "example").unwrap();
        if action != "explainRoles" {
            let taken = &post(path)["requestBody"]["content"]["application/json"];
            let component = if action == "bulk" { "EdgeBulk" } else { "ConditionQuestion" };
            let schema = &document["components"]["schemas"][component];
            fits(&document, schema, &body, action).unwrap();
            fits(&document, schema, &taken["examples"][action]["value"], "example").unwrap();
        }
    }
}

/// What writes nothing takes no more than reading does.
#[tokio::test]
async fn explaining_takes_the_scope_to_read() {
    for gateway in Gateway::both() {
        made(&gateway.admin(), "/openidm/managed/user/u", &json!({ "userName": "u" })).await;
        let reader = gateway.token(&["idm.read"], "generic", "audit").await;
        let path = "/openidm/managed/user/u?_action=explainRoles";
        assert_eq!(reader.get(path).await.status, 200);
        assert_eq!(reader.post(path, &json!({})).await.status, 200);
        assert_eq!(reader.post("/openidm/managed/user/u?_action=patch", &json!([])).await.status, 403);
        assert_eq!(reader.post("/openidm/managed/user/u?_action=explainRoles&_action=patch", &json!([])).await.status, 403);
        let writer = gateway.token(&["idm.write"], "generic", "hr").await;
        assert_eq!(writer.post(path, &json!({})).await.status, if writer.get(path).await.status == 200 { 200 } else { 403 });
    }
}
