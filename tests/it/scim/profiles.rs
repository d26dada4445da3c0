//! Client profiles: what a token says of its own, and what `auto` recognises and keeps.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::gateway::{Answer, Client, Gateway};

const SCOPES: [&str; 3] = ["scim.read", "scim.write", "scim.roles"];

async fn token(gateway: &Gateway, profile: &str, overrides: Value) -> (Client, String) {
    let body = json!({ "name": profile, "scopes": SCOPES, "profile": profile, "profileOverrides": overrides });
    let made = gateway.admin().post("/admin/v1/tokens", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    (gateway.client(made.body["token"].as_str().unwrap()), made.id().to_owned())
}

async fn shown(gateway: &Gateway, id: &str) -> Value {
    gateway.admin().get(&format!("/admin/v1/tokens/{id}")).await.body
}

async fn as_agent(client: &Client, agent: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
    client.send(method, path, &[("User-Agent", agent)], body.map(|b| b.to_string())).await
}

const OKTA: &str = "Okta SCIM Client 1.0.0";

#[tokio::test]
async fn profiles_are_shown_with_all_their_keys() {
    let gateway = Gateway::start();
    let shown = gateway.admin().get("/admin/v1/profiles").await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    let profiles = shown.body["profiles"].as_array().unwrap();
    assert_eq!(
        profiles.iter().map(|p| p["name"].as_str().unwrap()).collect::<Vec<_>>(),
        ["generic", "strict", "entra", "okta", "auto"]
    );
    for profile in profiles {
        let keys: Vec<_> = profile["keys"].as_object().unwrap().keys().collect();
        assert_eq!(keys, shown.body["keys"].as_object().unwrap().keys().collect::<Vec<_>>());
    }
    assert_eq!(profiles[1]["keys"]["unknownAttributes"], "reject");
    // The page for operators has the same table.
    let page = include_str!("../../../docs/clients.md");
    for (name, about) in shown.body["keys"].as_object().unwrap() {
        let values: Vec<String> =
            profiles[..4].iter().map(|p| p["keys"][name].to_string().trim_matches('"').to_owned()).collect();
        let row = format!("| `{name}` | {} |", values.join(" | "));
        assert!(page.contains(&row), "docs/clients.md lacks: {row}\n({about})");
    }
}

#[tokio::test]
async fn a_token_may_say_otherwise_for_single_keys() {
    for gateway in Gateway::both() {
        let (okta, id) = token(&gateway, "okta", json!({ "reviveOnPost": false, "unresolvedMembers": "refuse" })).await;
        let listed = shown(&gateway, &id).await;
        assert_eq!(listed["profile"], "okta");
        assert_eq!(listed["profileOverrides"], json!({ "reviveOnPost": false, "unresolvedMembers": "refuse" }));
        assert_eq!((&listed["profileKeys"]["reviveOnPost"], &listed["profileKeys"]["coerce"]), (&json!(false), &json!(true)));
        assert_eq!(listed["recognised"], Value::Null);
        let all = gateway.admin().get("/admin/v1/tokens").await.body;
        let entry = all["tokens"].as_array().unwrap().iter().find(|token| token["id"] == *id).unwrap();
        for part in ["profile", "profileOverrides", "profileKeys", "recognised"] {
            assert_eq!(entry[part], listed[part], "{part} in the list: {entry}");
        }
        let user = json!({ "userName": "a", "externalId": "e" });
        let made = okta.post("/scim/v2/Users", &user).await;
        let off = json!({ "Operations": [{ "op": "replace", "value": { "active": false } }] });
        assert_eq!(okta.patch(&format!("/scim/v2/Users/{}", made.id()), &off).await.status, 200);
        assert_eq!(okta.post("/scim/v2/Users", &user).await.status, 409);
        let group = json!({ "displayName": "g", "members": [{ "value": "nobody" }] });
        assert_eq!(okta.post("/scim/v2/Groups", &group).await.body["scimType"], "invalidValue");
        let (plain, _) = token(&gateway, "okta", json!({})).await;
        let revived = plain.post("/scim/v2/Users", &user).await;
        assert_eq!((revived.id(), &revived.body["active"]), (made.id(), &json!(true)), "revived");
        assert_eq!(plain.post("/scim/v2/Groups", &group).await.status, 201);
    }
}

#[tokio::test]
async fn overrides_that_are_none_are_refused() {
    let gateway = Gateway::start();
    for (overrides, says) in [
        (json!({ "reviveOnPosts": true }), "reviveOnPosts"),
        (json!({ "reviveOnPost": "yes" }), "reviveOnPost"),
        (json!({ "unknownAttributes": "keep" }), "unknownAttributes"),
        (json!({ "name": "x" }), "name"),
        (json!(["reviveOnPost"]), "profileOverrides"),
    ] {
        let body = json!({ "name": "x", "scopes": SCOPES, "profileOverrides": overrides });
        let answer = gateway.admin().post("/admin/v1/tokens", &body).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(answer.text.contains(says) || says == "profileOverrides", "{}", answer.text);
    }
}

#[tokio::test]
async fn each_key_by_itself() {
    let gateway = Gateway::start();
    let generic = gateway.token(&SCOPES, "generic", "default").await;
    let user = generic.post("/scim/v2/Users", &json!({ "userName": "u" })).await.id().to_owned();
    let group = generic.post("/scim/v2/Groups", &json!({ "displayName": "g" })).await.id().to_owned();
    let (user, group) = (format!("/scim/v2/Users/{user}"), format!("/scim/v2/Groups/{group}"));
    let patch = |operations: Value| json!({ "Operations": operations });
    // A request, and what it is answered with the key at one value and at the other.
    for (key, values, method, path, body) in [
        ("unknownAttributes", [("ignore", 200), ("reject", 400)], Method::PUT, &user, json!({ "userName": "u", "shoeSize": 43 })),
        (
            "withoutMatch",
            [("create", 200), ("noTarget", 400)],
            Method::PATCH,
            &user,
            patch(json!([{ "op": "add", "path": "emails[type eq \"q\"].value", "value": "q@x" }])),
        ),
        (
            "unresolvedMembers",
            [("record", 200), ("refuse", 400)],
            Method::PATCH,
            &group,
            patch(json!([{ "op": "add", "path": "members", "value": [{ "value": "nobody" }] }])),
        ),
        ("emptyOperations", [("accept", 200), ("refuse", 400)], Method::PATCH, &user, patch(json!([]))),
        (
            "groupPatchReply",
            [("resource", 200), ("noContent", 204)],
            Method::PATCH,
            &group,
            patch(json!([{ "op": "replace", "path": "displayName", "value": "h" }])),
        ),
    ] {
        // The refusal first, so that it finds what it refuses.
        for (value, status) in values.into_iter().rev() {
            let (client, _) = token(&gateway, "generic", json!({ key: value })).await;
            let answer = client.send(method.clone(), path, &[], Some(body.to_string())).await;
            assert_eq!(answer.status, status, "{key} {value}: {}", answer.text);
        }
    }
    for (key, value, status) in
        [("coerce", false, 400), ("coerce", true, 200), ("schemasRequired", true, 400), ("schemasRequired", false, 200)]
    {
        let (client, _) = token(&gateway, "generic", json!({ key: value })).await;
        let answer = client.patch(&user, &patch(json!([{ "op": "replace", "path": "active", "value": "True" }]))).await;
        assert_eq!(answer.status, status, "{key} {value}: {}", answer.text);
    }
}

#[tokio::test]
async fn auto_recognises_a_client_and_keeps_it() {
    for gateway in Gateway::both() {
        let (client, id) = token(&gateway, "auto", json!({})).await;
        let user = client.post("/scim/v2/Users", &json!({ "userName": "a", "externalId": "e" })).await;
        assert_eq!(shown(&gateway, &id).await["recognised"], Value::Null, "nothing to tell it by");
        assert_eq!(shown(&gateway, &id).await["profileKeys"]["reviveOnPost"], false);
        // A request without a body.
        assert_eq!(as_agent(&client, OKTA, Method::GET, "/scim/v2/Users", None).await.status, 200);
        let listed = shown(&gateway, &id).await;
        assert_eq!((&listed["profile"], &listed["recognised"]), (&json!("auto"), &json!("okta")));
        assert_eq!(listed["profileKeys"]["reviveOnPost"], true);
        let off = json!({ "Operations": [{ "op": "replace", "value": { "active": false } }] });
        client.patch(&format!("/scim/v2/Users/{}", user.id()), &off).await;
        // Told by what was seen before: this request says nothing.
        let again = client.post("/scim/v2/Users", &json!({ "userName": "a", "externalId": "e" })).await;
        assert_eq!((again.id(), &again.body["active"]), (user.id(), &json!(true)), "{}", again.text);
    }
}

#[tokio::test]
async fn a_try_teaches_auto_nothing() {
    let gateway = Gateway::start();
    let (client, id) = token(&gateway, "auto", json!({})).await;
    let group = client.post("/scim/v2/Groups", &json!({ "displayName": "g" })).await;
    let rename = json!({ "Operations": [{ "op": "Replace", "path": "displayName", "value": "h" }] });
    let path = format!("/scim/v2/Groups/{}?dryRun=true", group.id());
    assert_eq!(client.patch(&path, &rename).await.status, 204, "met as what it shows");
    assert_eq!(shown(&gateway, &id).await["recognised"], Value::Null);
}

#[tokio::test]
async fn what_auto_recognises_reaches_the_use_case() {
    let gateway = Gateway::start();
    let (client, id) = token(&gateway, "auto", json!({ "unresolvedMembers": "refuse", "emptyOperations": "refuse" })).await;
    let group = client.post("/scim/v2/Groups", &json!({ "displayName": "g" })).await;
    let path = format!("/scim/v2/Groups/{}", group.id());
    let rename = |op: &str, name: &str| json!({ "Operations": [{ "op": op, "path": "displayName", "value": name }] });
    assert_eq!(client.patch(&path, &rename("replace", "h")).await.status, 200);
    assert_eq!(client.patch(&path, &rename("Replace", "i")).await.status, 204, "recognised by its operation, at once");
    assert_eq!(shown(&gateway, &id).await["recognised"], "entra");
    assert_eq!(client.patch(&path, &rename("replace", "j")).await.status, 204, "and kept");
    // The token's own keys hold over those of the client that was recognised.
    assert_eq!(client.patch(&path, &json!({ "Operations": [] })).await.status, 400);
    let stranger = json!({ "Operations": [{ "op": "Add", "path": "members", "value": [{ "value": "nobody" }] }] });
    assert_eq!(client.patch(&path, &stranger).await.body["scimType"], "invalidValue");
}

#[tokio::test]
async fn entra_is_told_by_its_flag_and_its_own_schema() {
    let gateway = Gateway::start();
    for (method, path, body) in [
        (Method::GET, "/scim/v2/Users?aadOptscim062020&filter=userName%20eq%20%22x%22", None),
        (
            Method::POST,
            "/scim/v2/Groups",
            Some(json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group", "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
                "displayName": "g",
            })),
        ),
    ] {
        let (client, id) = token(&gateway, "auto", json!({})).await;
        let answer = client.send(method, path, &[], body.map(|b| b.to_string())).await;
        assert!(answer.status < 300, "{path}: {}", answer.text);
        assert_eq!(shown(&gateway, &id).await["recognised"], "entra", "{path}");
    }
}

#[tokio::test]
async fn a_named_profile_stays_what_it_is_and_auto_is_never_strict() {
    let gateway = Gateway::start();
    for profile in ["generic", "strict", "entra"] {
        let (client, id) = token(&gateway, profile, json!({})).await;
        as_agent(&client, OKTA, Method::GET, "/scim/v2/Users", None).await;
        let listed = shown(&gateway, &id).await;
        assert_eq!((&listed["recognised"], &listed["profileKeys"]["reviveOnPost"]), (&Value::Null, &json!(false)));
    }
    let (client, id) = token(&gateway, "auto", json!({})).await;
    let schema = "urn:ietf:params:scim:schemas:core:2.0:User";
    as_agent(&client, "scim2-tester/1", Method::POST, "/scim/v2/Users", Some(json!({ "schemas": [schema], "userName": "s" })))
        .await;
    assert_eq!(shown(&gateway, &id).await["recognised"], Value::Null);
}

#[tokio::test]
async fn what_was_recognised_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let gateway = Gateway::with(&data, &[]);
    let (client, id) = token(&gateway, "auto", json!({})).await;
    assert_eq!(as_agent(&client, OKTA, Method::GET, "/scim/v2/Users", None).await.status, 200);
    drop(gateway);
    let gateway = Gateway::with(&data, &[]);
    let listed = shown(&gateway, &id).await;
    assert_eq!((&listed["recognised"], &listed["profileKeys"]["reviveOnPost"]), (&json!("okta"), &json!(true)));
    let client = gateway.client(&client.token);
    let user = client.post("/scim/v2/Users", &json!({ "userName": "a", "externalId": "e", "active": false })).await;
    let again = client.post("/scim/v2/Users", &json!({ "userName": "b", "externalId": "e" })).await;
    assert_eq!(again.id(), user.id(), "met as Okta without another sign: {}", again.text);
}
