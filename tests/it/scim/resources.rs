//! The life of a resource.

use serde_json::json;

use crate::harness::gateway::Gateway;

#[tokio::test]
async fn a_user_lives_and_dies() {
    let gateway = Gateway::start();
    let scim = gateway.admin();
    let made = scim.post("/scim/v2/Users", &json!({ "userName": "bjensen", "externalId": "e1", "active": true })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let path = format!("/scim/v2/Users/{}", made.id());
    assert_eq!(made.header("location"), Some(format!("{}{path}", gateway.url).as_str()));
    assert_eq!(made.header("etag"), Some("W/\"1\""));
    assert_eq!(made.body["meta"]["created"], "2026-03-01T12:00:00.000000Z");
    let again = scim.post("/scim/v2/Users", &json!({ "userName": "BJENSEN" })).await;
    assert_eq!((again.status, again.body["scimType"].as_str()), (409, Some("uniqueness")), "{}", again.text);
    let read = scim.get(&path).await;
    assert_eq!((read.status, &read.body), (200, &made.body));
    let patch = json!({ "Operations": [{ "op": "Replace", "path": "active", "value": "False" }] });
    let patched = scim.patch(&path, &patch).await;
    assert_eq!((patched.status, &patched.body["active"]), (200, &json!(false)), "{}", patched.text);
    assert_eq!(patched.header("etag"), Some("W/\"2\""));
    assert_eq!(scim.patch(&path, &patch).await.header("etag"), Some("W/\"2\""), "no change, no new version");
    assert_eq!(scim.delete(&path).await.status, 204);
    assert_eq!(scim.get(&path).await.status, 404);
    assert_eq!(scim.post("/scim/v2/Users", &json!({ "userName": "bjensen" })).await.status, 201);
}

#[tokio::test]
async fn a_group_has_members_by_edges() {
    let gateway = Gateway::start();
    let scim = gateway.admin();
    let user = scim.post("/scim/v2/Users", &json!({ "userName": "a", "displayName": "Anna" })).await;
    let group = scim.post("/scim/v2/Groups", &json!({ "displayName": "g", "members": [{ "value": user.id() }] })).await;
    assert_eq!(group.status, 201, "{}", group.text);
    assert_eq!(group.body["members"][0]["display"], "Anna");
    let path = format!("/scim/v2/Groups/{}", group.id());
    let read = scim.get(&format!("/scim/v2/Users/{}", user.id())).await;
    assert_eq!(read.body["groups"][0]["value"], group.id());
    let remove = json!({ "Operations": [{ "op": "Remove", "path": format!("members[value eq \"{}\"]", user.id()) }] });
    let left = scim.patch(&path, &remove).await;
    assert_eq!(left.status, 200, "{}", left.text);
    assert_eq!(left.body.get("members"), None);
    assert_eq!(left.header("etag"), Some("W/\"2\""));
}
