//! Additions to shipped types and types of a tenant's own: at once in every dialect, and in no other tenant.

use std::path::Path;

use provost::domain::secret::MasterKey;
use reqwest::Method;
use serde_json::{Value, json};

use super::{ACME, extension};
use crate::harness::gateway::{Client, Gateway, query};
use crate::harness::postgres;
use crate::scim::attributes;

fn badge() -> Value {
    json!({ "name": "badge", "type": "string", "uniqueness": "server", "indexed": true })
}

fn level() -> Value {
    json!({ "name": "level", "type": "integer", "indexed": true })
}

/// A device with an owner among users and a parent among devices.
pub fn device() -> Value {
    json!({
        "resource": "Device",
        "endpoint": "/Devices",
        "description": "A thing with a serial number",
        "label": "serial",
        "schemas": [{
            "id": "urn:acme:scim:schemas:core:2.0:Device",
            "name": "Device",
            "attributes": [
                { "name": "serial", "required": true, "uniqueness": "server", "caseExact": true, "indexed": true },
                { "name": "ports", "type": "complex", "multiValued": true, "subAttributes": [
                    { "name": "value", "type": "integer", "indexed": true }, { "name": "type", "canonicalValues": ["usb", "lan"] }
                ]},
                { "name": "owner", "type": "complex", "relationship": "owner", "subAttributes": [
                    { "name": "value", "caseExact": true }, { "name": "$ref", "type": "reference", "referenceTypes": ["User"] },
                    { "name": "display", "mutability": "readOnly" }
                ]}
            ]
        }],
        "properties": [{ "name": "serial", "path": "serial" }, { "name": "ports", "path": "ports" }],
        "relationships": [
            { "name": "owner", "reverse": "devices", "types": ["user"], "many": false, "scimWritable": true, "movesRev": true },
            { "name": "parts", "reverse": "partOf", "types": ["device"], "reverseMany": false, "acyclic": true }
        ]
    })
}

async fn total(client: &Client, list: &str, filter: &str) -> u64 {
    let found = client.get(&query(&format!("/scim/v2/{list}"), &[("filter", filter)])).await;
    assert_eq!(found.status, 200, "{filter}: {}", found.text);
    found.body["totalResults"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_is_there_at_once_in_every_dialect_and_in_no_other_tenant() {
    for gateway in Gateway::both() {
        let (ours, theirs) = (gateway.tenant("ours").await, gateway.tenant("theirs").await);
        let before = ours.get("/admin/v1/types/user").await;
        assert_eq!((before.status, before.header("etag"), &before.body["shipped"]), (200, Some("W/\"0\""), &json!(true)));
        let made = ours.put("/admin/v1/types/user", &extension(&[badge(), level()])).await;
        assert_eq!((made.status, made.header("etag")), (200, Some("W/\"1\"")), "{}", made.text);
        let user = json!({ "userName": "a", ACME: { "badge": "B-1", "level": "7", "unknown": 1 } });
        let user = ours.post("/scim/v2/Users", &user).await;
        assert_eq!((user.status, &user.body[ACME]), (201, &json!({ "badge": "B-1", "level": 7 })), "{}", user.text);
        assert!(user.body["schemas"].as_array().unwrap().contains(&json!(ACME)));
        for (filter, hits) in [
            ("badge eq \"b-1\"", 1),
            ("level gt 6", 1),
            ("level gt 7", 0),
            ("badge sw \"b\" and level pr", 1),
            ("badge co \"z\"", 0),
        ] {
            let filter = filter.replace("badge", &format!("{ACME}:badge")).replace("level", &format!("{ACME}:level"));
            assert_eq!(total(&ours, "Users", &filter).await, hits, "{filter}");
        }
        let taken = ours.post("/scim/v2/Users", &json!({ "userName": "b", ACME: { "badge": "b-1" } })).await;
        assert_eq!((taken.status, &taken.body["scimType"]), (409, &json!("uniqueness")));
        // IDM reads and writes the same.
        let address = format!("/openidm/managed/user/{}", user.id());
        let seen = ours.get(&address).await;
        assert_eq!((&seen.body["badge"], &seen.body["level"]), (&json!("B-1"), &json!(7)));
        let patch = json!([{ "operation": "replace", "field": "/level", "value": 8 }]);
        assert_eq!(ours.patch(&address, &patch).await.status, 200);
        let patch = json!({ "Operations": [{ "op": "replace", "path": format!("{ACME}:badge"), "value": "B-2" }] });
        let patched = ours.patch(&format!("/scim/v2/Users/{}", user.id()), &patch).await;
        assert_eq!(patched.body[ACME], json!({ "badge": "B-2", "level": 8 }), "{}", patched.text);
        let found = ours.get(&query("/openidm/managed/user", &[("_queryFilter", "/level ge 8 and /badge eq \"b-2\"")])).await;
        assert_eq!(found.body["resultCount"], 1, "{}", found.text);
        // Discovery tells, to this tenant alone.
        let schema = ours.get(&format!("/scim/v2/Schemas/{ACME}")).await;
        assert_eq!((schema.status, &schema.body["attributes"][0]["name"]), (200, &json!("badge")));
        assert!(schema.body["attributes"][0].get("indexed").is_none());
        let kind = ours.get("/scim/v2/ResourceTypes/User").await;
        assert!(kind.body["schemaExtensions"].as_array().unwrap().contains(&json!({ "schema": ACME, "required": false })));
        assert_eq!(theirs.get(&format!("/scim/v2/Schemas/{ACME}")).await.status, 404);
        let other = theirs.post("/scim/v2/Users", &json!({ "userName": "a", ACME: { "badge": "B-2" } })).await;
        assert_eq!((other.status, other.body.get(ACME)), (201, None));
        assert_eq!(theirs.get(&format!("/openidm/managed/user/{}", other.id())).await.body.get("badge"), None);
        // The log tells of it.
        gateway.sync.drain().await.unwrap();
        let log = ours.get("/admin/v1/changes?type=object-type").await;
        assert_eq!(log.body["changes"][0]["detail"]["name"], "user", "{}", log.text);
        assert_eq!(theirs.get("/admin/v1/changes?type=object-type").await.body["changes"], json!([]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_of_its_own_with_relationships() {
    for gateway in Gateway::both() {
        let (ours, theirs) = (gateway.tenant("ours").await, gateway.tenant("theirs").await);
        let made = ours.put("/admin/v1/types/device", &device()).await;
        assert_eq!((made.status, &made.body["collection"]), (201, &json!("managed/device")), "{}", made.text);
        // What GET tells can be PUT again, for the type and for the one at the other end.
        for name in ["device", "user"] {
            let seen = ours.get(&format!("/admin/v1/types/{name}")).await;
            let again = ours.put(&format!("/admin/v1/types/{name}"), &seen.body).await;
            assert_eq!(again.status, 200, "{}", again.text);
            let mut told = ours.get(&format!("/admin/v1/types/{name}")).await.body;
            told["rev"] = seen.body["rev"].clone();
            assert_eq!(told, seen.body);
        }
        let user = ours.post("/scim/v2/Users", &json!({ "userName": "u", "displayName": "U" })).await;
        let body = json!({ "serial": "X1", "ports": [{ "value": 3, "type": "usb" }], "owner": { "value": user.id() } });
        let one = ours.post("/scim/v2/Devices", &body).await;
        assert_eq!((one.status, &one.body["owner"]["display"]), (201, &json!("U")), "{}", one.text);
        assert_eq!(one.body["meta"]["resourceType"], "Device");
        assert_eq!(total(&ours, "Devices", "ports[value gt 2 and type eq \"USB\"]").await, 1);
        assert_eq!(total(&ours, "Devices", &format!("owner.value eq \"{}\"", user.id())).await, 1);
        let reverse = format!("/openidm/managed/user/{}/devices?_queryFilter=true", user.id());
        assert_eq!(ours.get(&reverse).await.body["result"][0]["_refResourceCollection"], "managed/device");
        // A tree of parts: no cycle, and one whole for each part.
        let two = ours.post("/openidm/managed/device?_action=create", &json!({ "_id": "two", "serial": "X2" })).await;
        assert_eq!(two.status, 201, "{}", two.text);
        let parts = format!("/openidm/managed/device/{}/parts?_action=create", one.id());
        assert_eq!(ours.post(&parts, &json!({ "_ref": "managed/device/two" })).await.status, 201);
        let cycle = json!({ "_ref": format!("managed/device/{}", one.id()) });
        assert_eq!(ours.post("/openidm/managed/device/two/parts?_action=create", &cycle).await.status, 400);
        ours.post("/openidm/managed/device?_action=create", &json!({ "_id": "three", "serial": "X3" })).await;
        let second =
            ours.post("/openidm/managed/device/three/parts?_action=create", &json!({ "_ref": "managed/device/two" })).await;
        assert_eq!(second.status, 400, "{}", second.text);
        // Nobody else has it.
        assert_eq!(theirs.get("/scim/v2/Devices").await.status, 404);
        assert_eq!(theirs.get("/openidm/managed/device?_queryFilter=true").await.status, 404);
        assert_eq!(theirs.get("/admin/v1/types/device").await.status, 404);
        // With objects it stays; without, it goes.
        let held = ours.delete("/admin/v1/types/device").await;
        assert_eq!(held.status, 409);
        assert!(held.body["detail"].as_str().unwrap().contains("3 objects"), "{}", held.text);
        for id in [one.id(), "two", "three"] {
            assert_eq!(ours.delete(&format!("/scim/v2/Devices/{id}")).await.status, 204);
        }
        assert_eq!(ours.delete("/admin/v1/types/device").await.status, 204);
        assert_eq!(ours.get("/scim/v2/Devices").await.status, 404);
        assert_eq!(ours.get(&reverse).await.status, 404);
    }
}

/// Some of every kind of attribute.
fn of_every_kind() -> Vec<Value> {
    let parts = json!([
        { "name": "value", "required": true }, { "name": "type", "canonicalValues": ["gate", "door"] },
        { "name": "since", "type": "dateTime" }, { "name": "primary", "type": "boolean" }
    ]);
    vec![
        badge(),
        level(),
        json!({ "name": "remote", "type": "boolean", "indexed": true }),
        json!({ "name": "share", "type": "decimal" }),
        json!({ "name": "hired", "type": "dateTime", "indexed": true }),
        json!({ "name": "scan", "type": "binary" }),
        json!({ "name": "page", "type": "reference", "referenceTypes": ["external"] }),
        json!({ "name": "code", "caseExact": true, "indexed": true }),
        json!({ "name": "tag", "multiValued": true }),
        json!({ "name": "seat", "type": "complex", "subAttributes": [{ "name": "floor", "type": "integer" }, { "name": "room" }] }),
        json!({ "name": "keys", "type": "complex", "multiValued": true, "subAttributes": parts }),
    ]
}

async fn walked(gateway: Gateway) {
    let client = gateway.tenant("walked").await;
    let made = client.put("/admin/v1/types/user", &extension(&of_every_kind())).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let made = client.put("/admin/v1/types/device", &device()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let mut types = attributes::types::described(&client).await;
    types.retain(|kind| ["User", "Device"].contains(&kind.name.as_str()));
    let user = types.iter_mut().find(|kind| kind.name == "User").unwrap();
    // The shipped ones are walked elsewhere.
    user.schemas[0].attributes.retain(|attribute| attribute.required);
    user.schemas.retain(|schema| schema.id == ACME || schema.id.contains(":core:"));
    assert_eq!(user.schemas[1].attributes.len(), of_every_kind().len());
    assert_eq!(types.len(), 2);
    let held = attributes::walk(&client, &types).await;
    assert!(held >= FEWEST, "only {held} cells");
}

/// Fewer cells than these for an extension and a type: something was left out.
const FEWEST: usize = 1_600;

#[tokio::test]
async fn attributes_made_at_run_time_keep_to_their_characteristics_on_sqlite() {
    walked(Gateway::start()).await;
}

#[tokio::test]
async fn attributes_made_at_run_time_keep_to_their_characteristics_on_postgres() {
    walked(Gateway::on_postgres()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_of_writing_and_reading_knows_them() {
    for gateway in Gateway::both() {
        let client = gateway.tenant("t").await;
        assert_eq!(client.put("/admin/v1/types/user", &extension(&[badge(), level()])).await.status, 200);
        assert_eq!(client.put("/admin/v1/types/device", &device()).await.status, 201);
        // Bulk: to one another by bulkId, whatever the order.
        let mut operations: Vec<Value> = (0..5)
            .map(|n| {
                let body = json!({ "serial": format!("s{n}"), "owner": { "value": "bulkId:u" } });
                json!({ "method": "POST", "path": "/Devices", "bulkId": format!("d{n}"), "data": body })
            })
            .collect();
        let user = json!({ "userName": "u", ACME: { "badge": "B", "level": 3 } });
        operations.extend([
            json!({ "method": "POST", "path": "/Users", "bulkId": "u", "data": user }),
            json!({ "method": "POST", "path": "/Users", "bulkId": "v", "data": { "userName": "v", ACME: { "badge": "b" } } }),
            json!({ "method": "PATCH", "path": "/Devices/bulkId:d0", "data": {
                "Operations": [{ "op": "replace", "path": "serial", "value": "s9" }]
            } }),
        ]);
        let done = client.post("/scim/v2/Bulk", &json!({ "Operations": operations })).await;
        let told = done.body["Operations"].as_array().unwrap();
        let statuses: Vec<&Value> = told.iter().map(|o| &o["status"]).collect();
        assert_eq!(statuses, ["201", "201", "201", "201", "201", "201", "409", "200"], "{}", done.text);
        let owner = told[5]["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        assert_eq!(total(&client, "Devices", &format!("owner.value eq \"{owner}\"")).await, 5);
        // A walk by cursor, sorted by an attribute of its own.
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let pairs = [("sortBy", "serial"), ("sortOrder", "descending"), ("count", "2"), ("cursor", cursor.as_str())];
            let page = client.get(&query("/scim/v2/Devices", &pairs)).await;
            assert_eq!(page.status, 200, "{}", page.text);
            let list = page.body["Resources"].as_array().unwrap();
            seen.extend(list.iter().map(|d| d["serial"].as_str().unwrap().to_owned()));
            let Some(next) = page.body.get("nextCursor") else { break };
            cursor = next.as_str().unwrap().to_owned();
            assert!(seen.len() < 5, "{}", page.text);
        }
        assert_eq!(seen, ["s9", "s4", "s3", "s2", "s1"]);
        // From the root.
        for (filter, hits) in [
            ("meta.resourceType eq \"Device\"".to_owned(), 5),
            ("serial sw \"s\"".to_owned(), 5),
            (format!("{ACME}:level eq 3"), 1),
        ] {
            let found = client.post("/scim/v2/.search", &json!({ "filter": filter, "sortBy": "id" })).await;
            assert_eq!((found.status, &found.body["totalResults"]), (200, &json!(hits)), "{filter}: {}", found.text);
        }
        // Tried, then done.
        let device = client.get(&query("/scim/v2/Devices", &[("filter", "serial eq \"s1\"")])).await.body["Resources"][0].clone();
        let path = format!("/scim/v2/Devices/{}", device["id"].as_str().unwrap());
        let patch = json!({ "Operations": [
            { "op": "add", "path": "ports", "value": [{ "value": 1, "type": "usb" }, { "value": 2, "type": "lan" }] },
            { "op": "replace", "path": "ports[type eq \"lan\"].value", "value": 7 },
            { "op": "remove", "path": "owner" },
        ] });
        let dry = client.send(Method::PATCH, &path, &[("Provost-Dry-Run", "1")], Some(patch.to_string())).await;
        assert_eq!((dry.status, dry.header("provost-effects").is_some()), (200, true), "{}", dry.text);
        assert_eq!(client.get(&path).await.body, device, "only tried");
        let done = client.patch(&path, &patch).await;
        assert_eq!((done.status, done.header("etag")), (200, dry.header("etag")), "{}", done.text);
        for answer in [dry, done] {
            let ports = json!([{ "value": 1, "type": "usb" }, { "value": 7, "type": "lan" }]);
            assert_eq!((&answer.body["ports"], answer.body.get("owner")), (&ports, None), "{}", answer.text);
        }
        let patch = json!({ "Operations": [{ "op": "replace", "value": { ACME: { "level": 4 } } }] });
        let patched = client.patch(&format!("/scim/v2/Users/{owner}"), &patch).await;
        assert_eq!((patched.status, &patched.body[ACME]), (200, &json!({ "badge": "B", "level": 4 })), "{}", patched.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_orphan_or_invalidate_data_is_refused_with_the_count() {
    for gateway in Gateway::both() {
        let client = gateway.tenant("t").await;
        let tag = json!({ "name": "tag", "multiValued": true });
        let attributes = [badge(), level(), tag, json!({ "name": "site" })];
        assert_eq!(client.put("/admin/v1/types/user", &extension(&attributes)).await.status, 200);
        assert_eq!(client.put("/admin/v1/types/device", &device()).await.status, 201);
        for n in 0..3 {
            let body = json!({ "userName": format!("u{n}"), ACME: { "badge": format!("b{n}"), "tag": ["x"] } });
            let user = client.post("/scim/v2/Users", &body).await;
            client.post("/scim/v2/Devices", &json!({ "serial": format!("s{n}"), "owner": { "value": user.id() } })).await;
        }
        let role = json!({ "name": "r", "condition": format!("{ACME}:level gt 5") });
        assert_eq!(client.post("/openidm/managed/role?_action=create", &role).await.status, 201);
        let target = json!({
            "name": "crm",
            "kind": "scim",
            "config": { "baseUrl": "http://127.0.0.1:9/", "allowPrivateNetwork": true, "auth": { "type": "none" } },
            "mappings": { "user": { "scope": format!("{ACME}:site pr") } }
        });
        let target = client.post("/admin/v1/targets", &target).await;
        assert_eq!(target.status, 201, "{}", target.text);
        let with = |index: usize, attribute: Value| {
            let mut attributes = attributes.to_vec();
            attributes[index] = attribute;
            extension(&attributes)
        };
        let mut one_device = device();
        one_device["relationships"][0]["reverseMany"] = json!(false);
        let mut no_owner = device();
        no_owner["relationships"] = json!([]);
        no_owner["schemas"][0]["attributes"].as_array_mut().unwrap().pop();
        let mut moved = device();
        moved["endpoint"] = json!("/Things");
        for (what, kind, body, says) in [
            ("removed", "user", json!({}), "3 objects have a value"),
            ("another type", "user", with(0, json!({ "name": "badge", "type": "integer" })), "3 objects"),
            ("one value", "user", with(2, json!({ "name": "tag" })), "3 objects"),
            ("caseExact", "user", with(0, json!({ "name": "badge", "caseExact": true })), "3 objects"),
            ("required", "user", with(1, json!({ "name": "level", "type": "integer", "required": true })), "3 objects"),
            (
                "a condition reads it",
                "user",
                extension(&[attributes[0].clone(), attributes[2].clone(), attributes[3].clone()]),
                "1 role",
            ),
            ("a target reads it", "user", extension(&attributes[..3]), "target 'crm'"),
            ("another address", "device", moved, "3 objects"),
            ("an edge", "device", no_owner, "3 edges"),
        ] {
            let refused = client.put(&format!("/admin/v1/types/{kind}"), &body).await;
            assert_eq!(refused.status, 409, "{what}: {}", refused.text);
            assert!(refused.body["detail"].as_str().unwrap().contains(says), "{what}: {}", refused.text);
            assert_eq!(refused.header("content-type"), Some("application/problem+json"));
        }
        // Each user has one device, so this is as it may be.
        assert_eq!(client.put("/admin/v1/types/device", &one_device).await.status, 200);
        let seen = client.get("/admin/v1/types/user").await;
        assert_eq!(seen.body["rev"], 1, "what is refused leaves no trace");
    }
}

/// A property that moves would leave conditions with their old meaning, or with none.
#[tokio::test(flavor = "multi_thread")]
async fn a_property_that_a_condition_reads_stays_where_it_is() {
    for gateway in Gateway::both() {
        let client = gateway.admin();
        let with = |properties: Value| {
            let mut body = extension(&[json!({ "name": "badge" }), json!({ "name": "level" })]);
            body["properties"] = properties;
            body
        };
        let at = |name: &str, attribute: &str| json!({ "name": name, "path": format!("{ACME}:{attribute}") });
        let first = with(json!([at("badge", "badge"), at("level", "level")]));
        assert_eq!(client.put("/admin/v1/types/user", &first).await.status, 200);
        let conditions = [json!("/badge eq \"x\""), json!({ "type": "rhai", "source": "get(user, \"badge\", \"\") == \"x\"" })];
        for (role, condition) in ["filter", "expression"].iter().zip(conditions) {
            let made =
                client.put(&format!("/openidm/managed/role/{role}"), &json!({ "name": role, "condition": condition })).await;
            assert_eq!(made.status, 201, "{}", made.text);
        }
        for refused in [json!([at("number", "badge"), at("level", "level")]), json!([at("badge", "level"), at("level", "badge")])]
        {
            let answer = client.put("/admin/v1/types/user", &with(refused)).await;
            assert_eq!(answer.status, 409, "{}", answer.text);
            assert!(answer.text.contains("the conditions of 2 roles"), "{}", answer.text);
        }
        // What no condition reads may move, and another may come.
        let moved = with(json!([at("badge", "badge"), at("grade", "level")]));
        assert_eq!(client.put("/admin/v1/types/user", &moved).await.status, 200);
        let user = client.put("/openidm/managed/user/u", &json!({ "userName": "u", "badge": "x", "grade": "g" })).await;
        assert_eq!(user.status, 201, "{}", user.text);
        let roles = client.get("/openidm/managed/user/u/roles?_queryFilter=true").await;
        assert_eq!(roles.body["resultCount"], 2, "{}", roles.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_has_a_revision() {
    let gateway = Gateway::start();
    let client = gateway.tenant("t").await;
    let (path, body) = ("/admin/v1/types/user", extension(&[badge()]).to_string());
    let send = async |method: Method, tag: &[(&str, &str)]| client.send(method, path, tag, Some(body.clone())).await.status;
    assert_eq!(send(Method::PUT, &[("If-Match", "W/\"1\"")]).await, 412);
    assert_eq!(send(Method::PUT, &[("If-Match", "W/\"0\"")]).await, 200);
    assert_eq!(send(Method::PUT, &[("If-Match", "W/\"0\"")]).await, 412);
    assert_eq!(send(Method::PUT, &[("If-None-Match", "*")]).await, 412);
    assert_eq!(send(Method::DELETE, &[("If-Match", "W/\"9\"")]).await, 412);
    assert_eq!(send(Method::DELETE, &[("If-Match", "W/\"1\"")]).await, 204);
    let device = device().to_string();
    let made = client.send(Method::PUT, "/admin/v1/types/device", &[("If-None-Match", "*")], Some(device)).await;
    assert_eq!(made.status, 201);
}

/// Objects that are written while an attribute comes and goes: none keeps a value that the type does not know.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_type_and_a_write_do_not_miss_one_another() {
    const WRITERS: usize = 3;
    let plain = extension(&[json!({ "name": "badge", "type": "string" })]);
    for gateway in Gateway::both() {
        let client = gateway.tenant("t").await;
        for round in 0..25 {
            let with = client.put("/admin/v1/types/user", &plain).await;
            assert_eq!(with.status, 200, "{}", with.text);
            let writes: Vec<_> = (0..WRITERS)
                .map(|n| {
                    let (writer, body) = (client.clone(), json!({ "userName": format!("u{round}-{n}"), ACME: { "badge": "b" } }));
                    tokio::spawn(async move { writer.post("/scim/v2/Users", &body).await })
                })
                .collect();
            let without = client.put("/admin/v1/types/user", &json!({})).await;
            assert!(matches!(without.status, 200 | 409), "{}", without.text);
            let mut told = 0;
            for write in writes {
                let made = write.await.unwrap();
                assert!(matches!(made.status, 201 | 503), "{}", made.text);
                told += usize::from(made.status == 201 && made.body.get(ACME).is_some());
                if made.status == 201 {
                    client.delete(&format!("/scim/v2/Users/{}", made.id())).await;
                }
            }
            // A refusal may rest on a write that is then answered; an attribute that went has no value anywhere.
            assert!(without.status == 409 || told == 0, "round {round}: {told} values of what is gone");
            assert!(without.status == 200 || told > 0, "round {round}: {}", without.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_is_a_principal() {
    for gateway in Gateway::both() {
        let client = gateway.tenant("t").await;
        let owner = client.post("/scim/v2/Users", &json!({ "userName": "o", "displayName": "O" })).await;
        let body = json!({ "name": "sync-job", "clientId": "chosen", "tags": ["x"], "owner": { "value": owner.id() } });
        let made = client.post("/scim/v2/ServiceAccounts", &body).await;
        assert_eq!((made.status, &made.body["active"], made.body.get("owner")), (201, &json!(true), None), "{}", made.text);
        let client_id = made.body["clientId"].as_str().unwrap().to_owned();
        assert!(client_id != "chosen" && made.body.get("tags").is_none());
        let address = format!("/openidm/managed/service_account/{}", made.id());
        let seen = client.get(&address).await;
        assert_eq!((&seen.body["clientId"], &seen.body["accountStatus"]), (&json!(client_id), &json!("active")));
        let put = json!({ "name": "sync-job", "clientId": "other", "tags": ["x"], "authenticationMethod": "private_key_jwt" });
        let put = client.put(&address, &put).await;
        assert_eq!((put.status, &put.body["clientId"], put.body.get("tags")), (200, &json!(client_id), None), "{}", put.text);
        let patch = json!([{ "operation": "replace", "field": "/clientId", "value": "other" }]);
        assert_eq!(client.patch(&address, &patch).await.status, 400);
        let owned = json!({ "_ref": format!("managed/user/{}", owner.id()) });
        assert_eq!(client.put(&format!("{address}/owner"), &owned).await.status, 200);
        let role = client.post("/scim/v2/Roles", &json!({ "name": "r" })).await;
        let group = json!({ "displayName": "g", "members": [{ "value": made.id() }] });
        let group = client.post("/scim/v2/Groups", &group).await;
        assert_eq!(group.body["members"][0]["type"], "ServiceAccount", "{}", group.text);
        let grant = json!({ "_ref": format!("managed/role/{}", role.id()) });
        let through = format!("/openidm/managed/group/{}/roles?_action=create", group.id());
        assert_eq!(client.post(&through, &grant).await.status, 201);
        let seen = client.get(&format!("/scim/v2/ServiceAccounts/{}", made.id())).await;
        assert_eq!(seen.body["roles"][0]["type"], "group", "{}", seen.text);
        assert_eq!((&seen.body["owner"]["display"], &seen.body["groups"][0]["display"]), (&json!("O"), &json!("g")));
        let second = client.post("/scim/v2/ServiceAccounts", &json!({ "name": "SYNC-JOB" })).await;
        assert_eq!((second.status, &second.body["scimType"]), (409, &json!("uniqueness")));
        let plain = gateway.token(&["scim.write", "scim.read"], "generic", "s").await;
        assert_eq!(plain.post("/scim/v2/ServiceAccounts", &json!({ "name": "n" })).await.status, 403);
    }
}

/// Two processes on one database: the other one takes notice, and a write by the former types is not made.
#[tokio::test(flavor = "multi_thread")]
async fn another_process_takes_notice() {
    let (url, key) = (postgres::fresh_database(), MasterKey::from_bytes([7; 32]).to_text());
    let shared = [("PROVOST_DATABASE_URL", url.as_str()), ("PROVOST_MASTER_KEY", key.expose())];
    let (here, there) = (Gateway::with(Path::new(""), &shared), Gateway::with(Path::new(""), &shared));
    let ours = here.tenant("t").await;
    let theirs = there.client(&ours.token);
    let schema = format!("/scim/v2/Schemas/{ACME}");
    assert_eq!(theirs.get(&schema).await.status, 404);
    assert_eq!(ours.put("/admin/v1/types/user", &extension(&[badge()])).await.status, 200);
    let body = json!({ "userName": "a", ACME: { "badge": "B" } });
    let moved = theirs.post("/scim/v2/Users", &body).await;
    assert_eq!((moved.status, moved.header("retry-after")), (503, Some("1")), "{}", moved.text);
    let made = theirs.post("/scim/v2/Users", &body).await;
    assert_eq!((made.status, &made.body[ACME]["badge"]), (201, &json!("B")), "{}", made.text);
    // Without a write it is the time that tells.
    assert_eq!(ours.put("/admin/v1/types/device", &device()).await.status, 201);
    there.clock.set(there.clock.now().plus_seconds(1));
    assert_eq!(theirs.get("/scim/v2/Devices").await.status, 200);
}
