//! Bodies of PATCH.

use serde_json::{Value, json};

use super::{ENDPOINTS, World, refused};

#[tokio::test]
async fn patches_that_do_not_fit() {
    for world in World::each().await {
        patches_that_do_not_fit_in(&world).await;
        world.untouched().await;
    }
}

async fn patches_that_do_not_fit_in(world: &World) {
    let op = |op: &str, path: &str, value: Value| json!({ "Operations": [{ "op": op, "path": path, "value": value }] });
    let long = format!("{}.value", "a".repeat(10_000));
    let deep = format!("emails[{}type eq \"work\"{}].value", "(".repeat(100), ")".repeat(100));
    let everywhere = [
        (json!({}), "invalidSyntax"),
        (json!({ "Operations": [] }), "invalidSyntax"),
        (json!({ "Operations": {} }), "invalidSyntax"),
        (json!({ "Operations": [7] }), "invalidSyntax"),
        (json!({ "Operations": [{ "op": "move", "path": "title" }] }), "invalidSyntax"),
        (json!({ "Operations": [{ "op": 7, "path": "title" }] }), "invalidSyntax"),
        (json!({ "Operations": [{ "op": "add", "path": 7, "value": 7 }] }), "invalidSyntax"),
        (json!({ "Operations": [{ "op": "remove" }] }), "noTarget"),
        (json!({ "Operations": [{ "op": "replace", "value": 7 }] }), "invalidValue"),
        (json!({ "Operations": [{ "op": "add", "value": [] }] }), "invalidValue"),
        (op("add", "nosuch", json!(1)), "invalidPath"),
        (op("add", "no such", json!(1)), "invalidPath"),
        (op("add", "urn:x:y:z", json!(1)), "invalidPath"),
        (op("add", "a..b", json!(1)), "invalidPath"),
        (op("add", ".", json!(1)), "invalidPath"),
        (op("add", "[", json!(1)), "invalidPath"),
        (op("add", "é", json!(1)), "invalidPath"),
        (op("add", &long, json!(1)), "invalidPath"),
        (op("replace", "id", json!("x")), "mutability"),
        (op("replace", "meta.created", json!("2026-01-01T00:00:00Z")), "mutability"),
        (op("remove", "schemas", Value::Null), "mutability"),
    ];
    for (at, id) in world.ids.iter().enumerate() {
        let path = format!("{}/{id}", ENDPOINTS[at]);
        for (body, scim_type) in &everywhere {
            refused(&format!("{path} {body}"), &world.generic.patch(&path, body).await, 400, Some(scim_type));
        }
    }
    let users = [
        (op("remove", "userName", Value::Null), "mutability"),
        (op("replace", "userName", Value::Null), "invalidValue"),
        (op("replace", "userName", json!("")), "invalidValue"),
        (op("replace", "active", json!("maybe")), "invalidValue"),
        (op("add", "groups", json!([{ "value": "x" }])), "mutability"),
        (op("add", "emails[type eq]", json!("x")), "invalidFilter"),
        (op("add", "emails[type eq \"work\"", json!("x")), "invalidFilter"),
        (op("add", "emails[primary gt true].value", json!("x")), "invalidFilter"),
        (op("add", "emails[nosuch eq \"x\"].value", json!("x")), "invalidFilter"),
        (op("replace", "emails[type ne \"work\" or type co \"q\"].nosuch", json!("x")), "invalidPath"),
        (op("replace", "emails[type co \"zzz\"].value", json!("x")), "noTarget"),
        (op("add", &deep, json!("x")), "invalidFilter"),
        (op("add", "title[value eq \"x\"]", json!("x")), "invalidPath"),
        (op("add", "emails", json!([{ "value": "c", "primary": true }, { "value": "d", "primary": true }])), "invalidValue"),
        (op("add", "password", json!({ "a": 1 })), "invalidValue"),
        (op("replace", "name.givenName.x", json!("x")), "invalidPath"),
    ];
    let groups = [
        (op("remove", "displayName", Value::Null), "mutability"),
        (op("add", "members", json!([{ "display": "x" }])), "invalidValue"),
        (op("add", "members", json!([7])), "invalidValue"),
        (op("remove", "members[value eq]", Value::Null), "invalidFilter"),
        (op("add", "urn:provost:scim:schemas:extension:2.0:Group:roles", json!([{ "value": "x" }])), "mutability"),
        (op("add", "members", json!([{ "value": world.ids[1] }])), "invalidValue"),
    ];
    let roles = [
        (op("remove", "name", Value::Null), "mutability"),
        (op("replace", "condition", json!("title eq \"x\"")), "mutability"),
        (op("add", "members", json!([{ "value": world.ids[0] }])), "mutability"),
        (op("add", "permissions", json!(["a.b"])), "mutability"),
    ];
    for (at, table) in [&users[..], &groups[..], &roles[..]].into_iter().enumerate() {
        let path = format!("{}/{}", ENDPOINTS[at], world.ids[at]);
        for (body, scim_type) in table {
            refused(&format!("{path} {body}"), &world.generic.patch(&path, body).await, 400, Some(scim_type));
        }
        // All or nothing: what stood before the operation that fails is undone.
        let mut both = table[0].0.clone();
        let first = json!({ "op": "add", "path": "externalId", "value": "new" });
        both["Operations"].as_array_mut().unwrap().insert(0, first);
        refused(&format!("{path} {both}"), &world.generic.patch(&path, &both).await, 400, None);
    }
    let many: Vec<Value> = (0..1_001).map(|_| json!({ "op": "remove", "path": "title" })).collect();
    let path = format!("{}/{}", ENDPOINTS[0], world.ids[0]);
    refused("1,001 operations", &world.generic.patch(&path, &json!({ "Operations": many })).await, 413, None);
}
