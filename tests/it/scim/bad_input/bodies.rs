//! Bodies of creates and replaces.

use serde_json::json;

use super::{ENDPOINTS, World, raw, refused};

#[tokio::test]
async fn bodies_that_are_no_json_object() {
    for world in World::each().await {
        bodies_that_are_no_json_object_in(&world).await;
        world.untouched().await;
    }
}

async fn bodies_that_are_no_json_object_in(world: &World) {
    let nested = |open: &str, close: &str, n: usize| format!("{}1{}", open.repeat(n), close.repeat(n)).into_bytes();
    let bodies: Vec<(&str, Vec<u8>, Option<&str>)> = vec![
        ("empty", b"".to_vec(), Some("invalidSyntax")),
        ("cut off", b"{\"userName\": \"x\"".to_vec(), Some("invalidSyntax")),
        ("trailing text", b"{} x".to_vec(), Some("invalidSyntax")),
        ("not quoted", b"{userName: 1}".to_vec(), Some("invalidSyntax")),
        ("an array", b"[]".to_vec(), Some("invalidSyntax")),
        ("a string", b"\"x\"".to_vec(), Some("invalidSyntax")),
        ("null", b"null".to_vec(), Some("invalidSyntax")),
        ("a number", b"7".to_vec(), Some("invalidSyntax")),
        ("XML", b"<user/>".to_vec(), Some("invalidSyntax")),
        ("not UTF-8", b"{\"userName\":\"\xff\xfe\"}".to_vec(), Some("invalidSyntax")),
        ("a lone surrogate", b"{\"userName\":\"\\ud800\"}".to_vec(), Some("invalidSyntax")),
        ("a raw control character", b"{\"userName\":\"\x01\"}".to_vec(), Some("invalidSyntax")),
        ("U+0000", b"{\"userName\":\"a\\u0000\"}".to_vec(), Some("invalidValue")),
        ("U+0000 in a name", b"{\"a\\u0000\":1}".to_vec(), Some("invalidValue")),
        ("a name twice", b"{\"x\":1,\"x\":2}".to_vec(), Some("invalidSyntax")),
        ("a name twice, deeper", b"{\"name\":{\"x\":1,\"x\":2}}".to_vec(), Some("invalidSyntax")),
        ("a number beyond all", b"{\"x\":1e999}".to_vec(), None),
        ("300 arrays deep", nested("[", "]", 300), Some("invalidSyntax")),
        ("300 objects deep", nested("{\"name\":", "}", 300), Some("invalidSyntax")),
        ("20,000 arrays deep", nested("[", "]", 20_000), Some("invalidSyntax")),
        ("a byte order mark", b"\xef\xbb\xbf{}".to_vec(), Some("invalidSyntax")),
    ];
    for (method, path) in world.writes() {
        for (what, body, scim_type) in &bodies {
            for media_type in ["application/scim+json", "application/json; charset=utf-8"] {
                let answer = raw(&world.generic, method.clone(), &path, media_type, body.clone()).await;
                refused(&format!("{method} {path}: {what}"), &answer, 400, *scim_type);
            }
        }
        for media_type in ["text/plain", "application/xml", "multipart/form-data; boundary=x", "application/jsonx"] {
            let answer = raw(&world.generic, method.clone(), &path, media_type, b"{}".to_vec()).await;
            refused(&format!("{method} {path} as {media_type}"), &answer, 415, None);
        }
        let large = format!("{{\"userName\":\"{}\"}}", "x".repeat(70_000)).into_bytes();
        refused(
            &format!("{method} {path}: large"),
            &raw(&world.generic, method, &path, "application/json", large).await,
            413,
            None,
        );
    }
}

#[tokio::test]
async fn a_body_far_beyond_the_limit_is_answered() {
    for world in World::each().await {
        a_body_far_beyond_the_limit_is_answered_in(&world).await;
        world.untouched().await;
    }
}

async fn a_body_far_beyond_the_limit_is_answered_in(world: &World) {
    for (method, path) in world.writes() {
        let large = vec![b' '; 9 << 20];
        let answer = raw(&world.generic, method.clone(), &path, "application/json", large).await;
        refused(&format!("{method} {path}"), &answer, 413, None);
    }
}

#[tokio::test]
async fn values_that_do_not_fit() {
    for world in World::each().await {
        values_that_do_not_fit_in(&world).await;
        world.untouched().await;
    }
}

async fn values_that_do_not_fit_in(world: &World) {
    let two = json!([{ "value": "a", "primary": true }, { "value": "b", "primary": true }]);
    let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    // By endpoint: bodies for POST and PUT, with the scimType.
    let users = [
        (json!({}), "invalidValue"),
        (json!({ "userName": null }), "invalidValue"),
        (json!({ "userName": "" }), "invalidValue"),
        (json!({ "userName": 7 }), "invalidValue"),
        (json!({ "userName": ["a"] }), "invalidValue"),
        (json!({ "userName": { "value": "a" } }), "invalidValue"),
        (json!({ "userName": "x", "active": "maybe" }), "invalidValue"),
        (json!({ "userName": "x", "active": 1 }), "invalidValue"),
        (json!({ "userName": "x", "active": [] , "name": "Ada" }), "invalidValue"),
        (json!({ "userName": "x", "name": [{ "givenName": "a" }, { "givenName": "b" }] }), "invalidValue"),
        (json!({ "userName": "x", "name": { "givenName": 1 } }), "invalidValue"),
        (json!({ "userName": "x", "emails": "a@x" , "title": 5 }), "invalidValue"),
        (json!({ "userName": "x", "emails": [1] }), "invalidValue"),
        (json!({ "userName": "x", "emails": [["a"]] }), "invalidValue"),
        (json!({ "userName": "x", "emails": two }), "invalidValue"),
        (json!({ "userName": "x", "phoneNumbers": [{ "value": "1", "primary": "perhaps" }] }), "invalidValue"),
        (json!({ "userName": "x", "x509Certificates": [{ "value": "not base64!" }] }), "invalidValue"),
        (json!({ "userName": "x", "password": 5 }), "invalidValue"),
        (json!({ "userName": "x", "schemas": "urn:x" }), "invalidSyntax"),
        (json!({ "userName": "x", "schemas": [1] }), "invalidSyntax"),
        (json!({ "userName": "x", "userNAME": "y" }), "invalidSyntax"),
        (json!({ "userName": "x", manager: "Sales" }), "invalidValue"),
        (json!({ "userName": "x", manager: { "manager": ["a"] } }), "invalidValue"),
        (json!({ "userName": "x", "externalId": 7 }), "invalidValue"),
        (json!({ "userName": "x", "roles": [{ "display": "no value" }] }), "invalidValue"),
    ];
    let groups = [
        (json!({}), "invalidValue"),
        (json!({ "displayName": "" }), "invalidValue"),
        (json!({ "displayName": 7 }), "invalidValue"),
        (json!({ "displayName": "x", "members": [{}] }), "invalidValue"),
        (json!({ "displayName": "x", "members": [{ "value": 7 }] }), "invalidValue"),
        (json!({ "displayName": "x", "members": 7 }), "invalidValue"),
        (json!({ "displayName": "x", "members": [["a"]] }), "invalidValue"),
    ];
    let roles = [
        (json!({}), "invalidValue"),
        (json!({ "name": "" }), "invalidValue"),
        (json!({ "name": false }), "invalidValue"),
        (json!({ "name": "x", "serviceAccountRole": "sometimes" }), "invalidValue"),
    ];
    for (at, table) in [&users[..], &groups[..], &roles[..]].into_iter().enumerate() {
        let (endpoint, id) = (ENDPOINTS[at], &world.ids[at]);
        for (body, scim_type) in table {
            let what = format!("{endpoint} {body}");
            refused(&what, &world.generic.post(endpoint, body).await, 400, Some(scim_type));
            refused(&what, &world.generic.put(&format!("{endpoint}/{id}"), body).await, 400, Some(scim_type));
        }
    }
}

#[tokio::test]
async fn unknown_attributes_go_by_the_profile() {
    for world in World::each().await {
        unknown_attributes_go_by_the_profile_in(&world).await;
        world.untouched().await;
    }
}

async fn unknown_attributes_go_by_the_profile_in(world: &World) {
    let schema = ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:core:2.0:Group"];
    let bodies = [
        json!({ "schemas": [schema[0]], "userName": "b", "shoeSize": 43 }),
        json!({ "schemas": [schema[0]], "userName": "b", "name": { "petName": "x" } }),
        json!({ "schemas": [schema[0]], "userName": "b", "emails": [{ "value": "x", "colour": "red" }] }),
        json!({ "schemas": [schema[0]], "userName": "b", "urn:example:params:scim:extension": { "a": 1 } }),
        json!({ "schemas": [schema[0], "urn:example:unknown"], "userName": "b" }),
    ];
    for body in &bodies {
        let made = world.generic.post(ENDPOINTS[0], body).await;
        assert_eq!(made.status, 201, "{body}: {}", made.text);
        for name in ["shoeSize", "petName", "colour", "urn:example"] {
            assert!(!made.text.contains(name), "{name} in {}", made.text);
        }
        assert_eq!(world.generic.delete(&format!("{}/{}", ENDPOINTS[0], made.id())).await.status, 204);
    }
    for body in &bodies[..4] {
        refused(&body.to_string(), &world.strict.post(ENDPOINTS[0], body).await, 400, Some("invalidSyntax"));
        let path = format!("{}/{}", ENDPOINTS[0], world.ids[0]);
        refused(&body.to_string(), &world.strict.put(&path, body).await, 400, Some("invalidSyntax"));
    }
    let strict = [
        (json!({ "userName": "b" }), "invalidSyntax"),
        (json!({ "schemas": [], "userName": "b" }), "invalidSyntax"),
        (json!({ "schemas": [schema[0]], "userName": "b", "active": "True" }), "invalidValue"),
        (json!({ "schemas": [schema[0]], "userName": "b", "roles": [{ "value": "nobody" }] }), "invalidValue"),
    ];
    for (body, scim_type) in &strict {
        refused(&body.to_string(), &world.strict.post(ENDPOINTS[0], body).await, 400, Some(scim_type));
    }
    let stranger = json!({ "schemas": [schema[1]], "displayName": "x", "members": [{ "value": "nobody" }] });
    refused("a member nobody knows", &world.strict.post(ENDPOINTS[1], &stranger).await, 400, Some("invalidValue"));
}
