//! Each data type, single and as a list, with each characteristic: what is written in one dialect is read in the other.

use serde_json::{Map, Value, json};

use super::{ACME, extension};
use crate::harness::gateway::{Client, Gateway, query};

/// A data type with a value, another one, and a filter operand for the first.
fn types() -> Vec<(&'static str, Value, Value, String)> {
    vec![
        ("string", json!("Straße"), json!("b"), "\"STRASSE\"".to_owned()),
        ("boolean", json!(true), json!(false), "true".to_owned()),
        ("integer", json!(-7), json!(8), "-7".to_owned()),
        ("decimal", json!(1.5), json!(2.25), "1.5".to_owned()),
        (
            "dateTime",
            json!("2026-01-31T08:00:00.000000Z"),
            json!("2027-01-31T08:00:00.000000Z"),
            "\"2026-01-31T09:00:00+01:00\"".to_owned(),
        ),
        ("binary", json!("aGk="), json!("aG8="), "\"aGk=\"".to_owned()),
        ("reference", json!("https://a.example/x"), json!("https://a.example/y"), "\"https://a.example/x\"".to_owned()),
        ("complex", json!({ "value": "v", "rank": 1 }), json!({ "value": "w" }), "\"V\"".to_owned()),
    ]
}

fn define(name: &str, kind: &str, multi: bool, characteristics: Value) -> Value {
    let mut out = json!({ "name": name, "type": kind, "multiValued": multi });
    if kind == "complex" {
        out["subAttributes"] = json!([{ "name": "value" }, { "name": "rank", "type": "integer" }]);
    }
    out.as_object_mut().unwrap().extend(characteristics.as_object().unwrap().clone());
    out
}

fn listed(value: &Value, multi: bool) -> Value {
    if multi { json!([value]) } else { value.clone() }
}

async fn hits(client: &Client, filter: &str) -> Value {
    let found = client.get(&query("/scim/v2/Users", &[("filter", filter)])).await;
    assert_eq!(found.status, 200, "{filter}: {}", found.text);
    found.body["totalResults"].clone()
}

async fn patch(client: &Client, id: &str, op: &str, name: &str, value: Option<&Value>) -> crate::harness::gateway::Answer {
    let mut operation = json!({ "op": op, "path": format!("{ACME}:{name}") });
    if let Some(value) = value {
        operation["value"] = value.clone();
    }
    client.patch(&format!("/scim/v2/Users/{id}"), &json!({ "Operations": [operation] })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_data_type_round_trips_in_both_dialects() {
    for gateway in Gateway::both() {
        let client = gateway.tenant("t").await;
        let mut attributes = Vec::new();
        let mut whole = Map::new();
        for (kind, value, ..) in types() {
            for multi in [false, true] {
                let indexed = kind != "complex" && multi;
                let name = format!("{kind}{}", if multi { "s" } else { "" });
                whole.insert(name.clone(), listed(&value, multi));
                attributes.push(define(&name, kind, multi, json!({ "indexed": indexed })));
            }
        }
        let made = client.put("/admin/v1/types/user", &extension(&attributes)).await;
        assert_eq!(made.status, 200, "{}", made.text);
        let user = client.post("/scim/v2/Users", &json!({ "userName": "a", ACME: whole })).await;
        assert_eq!((user.status, &user.body[ACME]), (201, &Value::Object(whole.clone())), "{}", user.text);
        let address = format!("/openidm/managed/user/{}", user.id());
        let seen = client.get(&address).await;
        for (name, value) in &whole {
            assert_eq!(&seen.body[name], value, "{name}");
        }
        // IDM's PUT of what it shows changes nothing; SCIM's neither.
        assert_eq!(client.put(&address, &seen.body).await.body["_rev"], seen.body["_rev"]);
        let scim = format!("/scim/v2/Users/{}", user.id());
        assert_eq!(client.put(&scim, &client.get(&scim).await.body).await.body[ACME], user.body[ACME]);
        for (kind, value, other, operand) in types() {
            for multi in [false, true] {
                let name = format!("{kind}{}", if multi { "s" } else { "" });
                let path = if kind == "complex" { format!("{ACME}:{name}.value") } else { format!("{ACME}:{name}") };
                assert_eq!(hits(&client, &format!("{path} eq {operand}")).await, 1, "{path}");
                assert_eq!(hits(&client, &format!("{path} ne {operand}")).await, 0, "{path}");
                assert_eq!(hits(&client, &format!("not ({path} pr)")).await, 0, "{path}");
                let changed = patch(&client, user.id(), "replace", &name, Some(&listed(&other, multi))).await;
                assert_eq!(changed.status, 200, "{name}: {}", changed.text);
                assert_eq!(hits(&client, &format!("{path} eq {operand}")).await, 0, "{path}");
                let removed = patch(&client, user.id(), "remove", &name, None).await;
                assert_eq!(removed.body[ACME].get(&name), None, "{name}");
                let field = json!([{ "operation": "add", "field": format!("/{name}"), "value": listed(&value, multi) }]);
                let added = client.patch(&address, &field).await;
                assert_eq!((added.status, &added.body[&name]), (200, &listed(&value, multi)), "{name}: {}", added.text);
                assert_eq!(hits(&client, &format!("{path} eq {operand}")).await, 1, "{path}");
                let wrong = if kind == "string" || kind == "reference" { json!({}) } else { json!("?") };
                let refused = patch(&client, user.id(), "replace", &name, Some(&listed(&wrong, multi))).await;
                if kind != "complex" {
                    assert_eq!(refused.status, 400, "{name}: {}", refused.text);
                }
                let restored = patch(&client, user.id(), "replace", &name, Some(&listed(&value, multi))).await;
                assert_eq!(restored.status, 200, "{}", restored.text);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_characteristic_holds_for_every_data_type() {
    for gateway in Gateway::both() {
        for (kind, value, other, operand) in types() {
            for multi in [false, true] {
                let name = format!("{}-{}", kind.to_lowercase(), if multi { "many" } else { "one" });
                let client = gateway.tenant(&name).await;
                characteristics(&gateway, &client, kind, multi, &listed(&value, multi), &listed(&other, multi), &operand).await;
            }
        }
    }
}

async fn characteristics(
    gateway: &Gateway,
    client: &Client,
    kind: &str,
    multi: bool,
    value: &Value,
    other: &Value,
    operand: &str,
) {
    let what = format!("{kind}, {multi}");
    let plain = kind != "complex" && kind != "boolean";
    let mut attributes = vec![
        define("fixed", kind, multi, json!({ "mutability": "immutable" })),
        define("shown", kind, multi, json!({ "mutability": "readOnly" })),
        define("hidden", kind, multi, json!({ "mutability": "writeOnly", "returned": "never" })),
        define("asked", kind, multi, json!({ "returned": "request" })),
        define("needed", kind, multi, json!({ "required": true })),
    ];
    if plain {
        attributes.push(define("own", kind, multi, json!({ "uniqueness": "server" })));
        attributes.push(define("sole", kind, multi, json!({ "uniqueness": "global" })));
    }
    if kind != "complex" {
        attributes.push(define("usual", kind, multi, json!({ "default": value })));
    }
    let made = client.put("/admin/v1/types/user", &extension(&attributes)).await;
    assert_eq!(made.status, 200, "{what}: {}", made.text);
    let bare = client.post("/scim/v2/Users", &json!({ "userName": "x" })).await;
    assert_eq!(bare.status, 400, "{what}: required");
    assert!(bare.body["detail"].as_str().unwrap().contains("needed"), "{what}: {}", bare.text);
    let body = |user: &str, more: Value| {
        let mut all = json!({ "fixed": value, "shown": value, "hidden": value, "asked": value, "needed": value });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "userName": user, ACME: all })
    };
    let held = if plain { json!({ "own": value, "sole": value }) } else { json!({}) };
    let user = client.post("/scim/v2/Users", &body("a", held)).await;
    assert_eq!(user.status, 201, "{what}: {}", user.text);
    let shown = &user.body[ACME];
    for (name, is) in [("fixed", true), ("shown", false), ("hidden", false), ("asked", false), ("needed", true)] {
        assert_eq!(shown.get(name).is_some(), is, "{what}: {name} in {}", user.text);
    }
    let default = if kind == "complex" { None } else { Some(value) };
    assert_eq!(shown.get("usual"), default, "{what}");
    let address = format!("/scim/v2/Users/{}", user.id());
    let idm = format!("/openidm/managed/user/{}", user.id());
    // request, never, and the change log.
    let asked = client.get(&query(&address, &[("attributes", &format!("{ACME}:asked,{ACME}:hidden"))])).await;
    assert_eq!((&asked.body[ACME]["asked"], asked.body[ACME].get("hidden")), (value, None), "{what}: {}", asked.text);
    let seen = client.get(&idm).await;
    assert_eq!((seen.body.get("hidden"), seen.body.get("asked")), (None, None), "{what}: {}", seen.text);
    let seen = client.get(&format!("{idm}?_fields=asked,hidden")).await;
    assert_eq!((seen.body.get("hidden"), &seen.body["asked"]), (None, value), "{what}: {}", seen.text);
    let part = if kind == "complex" { ".value" } else { "" };
    let spied = client.get(&query("/scim/v2/Users", &[("filter", &format!("{ACME}:hidden{part} eq {operand}"))])).await;
    assert_eq!(spied.status, 400, "{what}: {}", spied.text);
    let copied = json!([{ "operation": "copy", "from": "/hidden", "field": "/needed" }]);
    assert_eq!(client.patch(&idm, &copied).await.status, 400, "{what}");
    gateway.sync.drain().await.unwrap();
    let log = client.get("/admin/v1/changes?type=user").await;
    let told = |side: &str, name: &str| {
        let mut changes = log.body["changes"].as_array().unwrap().iter();
        changes.any(|change| change["detail"][side][ACME].get(name).is_some())
    };
    assert!(!told("before", "hidden") && !told("after", "hidden") && told("after", "needed"), "{what}: {}", log.text);
    // immutable.
    for (change, status) in [(value, 200), (other, 400)] {
        assert_eq!(patch(client, user.id(), "replace", "fixed", Some(change)).await.status, status, "{what}: fixed");
    }
    assert_eq!(patch(client, user.id(), "replace", "shown", Some(value)).await.status, 400, "{what}: shown");
    let written = client.patch(&idm, &json!([{ "operation": "add", "field": "/shown", "value": value }])).await;
    assert_eq!((written.status, &written.body["shown"]), (200, value), "{what}: {}", written.text);
    // What is required cannot be taken away.
    assert_eq!(patch(client, user.id(), "remove", "needed", None).await.status, 400, "{what}: needed");
    if plain {
        for name in ["own", "sole"] {
            let twin = client.post("/scim/v2/Users", &body("b", json!({ name: value }))).await;
            assert_eq!((twin.status, &twin.body["scimType"]), (409, &json!("uniqueness")), "{what}: {name}");
        }
        let third = client.post("/scim/v2/Users", &body("c", json!({ "own": other, "sole": other }))).await;
        assert_eq!(third.status, 201, "{what}: {}", third.text);
        assert_eq!(patch(client, third.id(), "replace", "own", Some(value)).await.status, 409, "{what}");
        // Unique within the tenant: through whatever attribute of whatever type.
        let group = json!({
            "schemas": [{ "id": "urn:acme:scim:schemas:extension:2.0:Group", "name": "Acme", "attributes": [
                define("mark", kind, multi, json!({ "uniqueness": "global" }))
            ]}]
        });
        assert_eq!(client.put("/admin/v1/types/group", &group).await.status, 200);
        let group = |value: &Value| json!({ "displayName": "g", "urn:acme:scim:schemas:extension:2.0:Group": { "mark": value } });
        assert_eq!(client.post("/scim/v2/Groups", &group(value)).await.status, 409, "{what}: global");
        assert_eq!(client.delete(&address).await.status, 204);
        assert_eq!(client.post("/scim/v2/Groups", &group(value)).await.status, 201, "{what}: free again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_is_heeded_where_it_is_said_and_suggestions_bind_nobody() {
    let gateway = Gateway::start();
    let client = gateway.tenant("t").await;
    let attributes = [
        json!({ "name": "exact", "caseExact": true, "uniqueness": "server", "indexed": true }),
        json!({ "name": "loose", "uniqueness": "server", "canonicalValues": ["red", "green"] }),
    ];
    assert_eq!(client.put("/admin/v1/types/user", &extension(&attributes)).await.status, 200);
    let user = |name: &str, exact: &str, loose: &str| json!({ "userName": name, ACME: { "exact": exact, "loose": loose } });
    assert_eq!(client.post("/scim/v2/Users", &user("a", "A", "Blue")).await.status, 201);
    assert_eq!(client.post("/scim/v2/Users", &user("b", "a", "BLUE")).await.status, 409);
    assert_eq!(client.post("/scim/v2/Users", &user("b", "a", "red")).await.status, 201);
    assert_eq!(hits(&client, &format!("{ACME}:exact eq \"a\"")).await, 1);
    assert_eq!(hits(&client, &format!("{ACME}:loose eq \"blue\"")).await, 1);
    let schema = client.get(&format!("/scim/v2/Schemas/{ACME}")).await;
    assert_eq!(schema.body["attributes"][1]["canonicalValues"], json!(["red", "green"]));
}
