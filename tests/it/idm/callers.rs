//! Who may do what: scopes, tenants, and the form of a refusal.

use serde_json::json;

use crate::harness::gateway::Gateway;

#[tokio::test]
async fn roles_and_grants_need_their_scope() {
    let gateway = Gateway::start();
    let admin = gateway.admin();
    admin.put("/openidm/managed/role/r", &json!({ "name": "r" })).await;
    admin.put("/openidm/managed/role/c", &json!({ "name": "c", "condition": "/country eq \"FR\"" })).await;
    admin.put("/openidm/managed/group/plain", &json!({ "name": "plain" })).await;
    admin.put("/openidm/managed/group/holder", &json!({ "name": "holder", "roles": [{ "_ref": "managed/role/r" }] })).await;
    let outer = json!({ "name": "outer", "roles": [], "members": [{ "_ref": "managed/group/plain" }] });
    admin.put("/openidm/managed/group/outer", &outer).await;
    let writer = gateway.token(&["idm.read", "idm.write"], "generic", "hr").await;
    let made = writer.put("/openidm/managed/user/u", &json!({ "userName": "u", "country": "FR" })).await;
    assert_eq!((made.status, &made.body["effectiveRoles"][0]["_refResourceId"]), (201, &json!("c")), "{}", made.text);
    let role = json!({ "_ref": "managed/role/r" });
    let user = json!({ "_ref": "managed/user/u" });
    for refused in [
        writer.post("/openidm/managed/role", &json!({ "name": "x" })).await,
        writer.put("/openidm/managed/role/r", &json!({ "name": "r", "condition": "true" })).await,
        writer.delete("/openidm/managed/role/r").await,
        writer.post("/openidm/managed/user/u/roles?_action=create", &role).await,
        writer.post("/openidm/managed/role/r/members?_action=create", &user).await,
        writer.put("/openidm/managed/user/v", &json!({ "userName": "v", "roles": [role] })).await,
        writer.post("/openidm/managed/group/holder/members?_action=create", &user).await,
        writer.post("/openidm/managed/user/u/groups?_action=create", &json!({ "_ref": "managed/group/holder" })).await,
    ] {
        assert_eq!((refused.status, &refused.body["reason"]), (403, &json!("Forbidden")), "{}", refused.text);
        assert!(refused.body["message"].as_str().unwrap().contains("idm.roles"), "{}", refused.text);
    }
    assert_eq!(writer.post("/openidm/managed/group/plain/members?_action=create", &user).await.status, 201);
    admin.post("/openidm/managed/group/outer/roles?_action=create", &role).await;
    let refused = writer.put("/openidm/managed/group/plain", &json!({ "name": "plain", "members": [] })).await;
    assert_eq!(refused.status, 403, "a group above it holds a role: {}", refused.text);
    assert_eq!(writer.get("/openidm/managed/user/v").await.status, 404);
    let reader = gateway.token(&["idm.read"], "generic", "audit").await;
    assert_eq!(reader.get("/openidm/managed/user/u").await.status, 200);
    assert_eq!(reader.delete("/openidm/managed/user/u").await.status, 403);
    let wrong = gateway.client("nobody").get("/openidm/managed/user/u").await;
    assert_eq!((wrong.status, &wrong.body["code"]), (401, &json!(401)));
    assert!(wrong.header("www-authenticate").is_some_and(|text| text.starts_with("Bearer ")), "{:?}", wrong.headers);
}

/// Another method by header is that method, also in what it takes.
#[tokio::test]
async fn a_method_by_header_needs_its_scope() {
    let gateway = Gateway::start();
    let admin = gateway.admin();
    admin.put("/openidm/managed/user/u", &json!({ "userName": "u" })).await;
    let reader = gateway.token(&["idm.read"], "generic", "audit").await;
    let post = |path: &'static str, method: &'static str| {
        let reader = reader.clone();
        async move {
            let headers = [("X-HTTP-Method-Override", method)];
            reader.send(reqwest::Method::POST, path, &headers, Some(json!([]).to_string())).await.status
        }
    };
    assert_eq!(post("/openidm/managed/user/u", "DELETE").await, 403);
    assert_eq!(post("/openidm/managed/user/u", "PUT").await, 403);
    assert_eq!(post("/openidm/managed/user/u", "PATCH").await, 403);
    assert_eq!(post("/openidm/managed/user/u", "GET").await, 200);
    // Of other dialects it is no header.
    assert_eq!(post("/scim/v2/Users/u", "GET").await, 405);
    assert_eq!(admin.get("/openidm/managed/user/u").await.status, 200);
}

#[tokio::test]
async fn tenants_do_not_meet() {
    let gateway = Gateway::start();
    let (ours, theirs) = (gateway.tenant("ours").await, gateway.tenant("theirs").await);
    let role = json!({ "name": "r", "condition": "/country eq \"FR\"" });
    assert_eq!(theirs.put("/openidm/managed/role/r", &role).await.status, 201);
    assert_eq!(theirs.put("/openidm/managed/user/t", &json!({ "userName": "t" })).await.status, 201);
    assert_eq!(theirs.put("/openidm/managed/group/g", &json!({ "name": "g" })).await.status, 201);
    let made = ours.put("/openidm/managed/user/u", &json!({ "userName": "u", "country": "FR" })).await;
    assert_eq!((made.status, &made.body["effectiveRoles"]), (201, &json!([])));
    let edge = theirs.post("/openidm/managed/group/g/members?_action=create", &json!({ "_ref": "managed/user/t" })).await;
    let edge = edge.id().to_owned();
    for path in [
        "/openidm/managed/role/r".to_owned(),
        "/openidm/managed/role/r/members?_queryFilter=true".to_owned(),
        format!("/openidm/managed/group/g/members/{edge}"),
        format!("/openidm/managed/user/u/groups/{edge}"),
    ] {
        assert_eq!(ours.get(&path).await.status, 404, "{path}");
    }
    assert_eq!(ours.delete(&format!("/openidm/managed/user/u/groups/{edge}")).await.status, 404);
    assert_eq!(ours.delete("/openidm/managed/role/r").await.status, 404);
    let role = json!({ "_ref": "managed/role/r" });
    assert_eq!(ours.post("/openidm/managed/user/u/roles?_action=create", &role).await.status, 400);
    assert_eq!(ours.put("/openidm/managed/user/u/manager", &json!({ "_ref": "managed/user/t" })).await.status, 400);
    let seen = ours.get("/openidm/managed/user?_queryFilter=true").await;
    assert_eq!((&seen.body["resultCount"], &seen.body["result"][0]["_id"]), (&json!(1), &json!("u")));
    assert_eq!(ours.put("/openidm/managed/role/r", &json!({ "name": "r" })).await.status, 201, "an id of its own");
}
