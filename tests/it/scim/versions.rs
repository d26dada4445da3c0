//! Versions, preconditions, and writers that meet.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::gateway::{Answer, Client, Gateway};

fn op(op: &str, path: &str, value: &Value) -> Value {
    json!({ "Operations": [{ "op": op, "path": path, "value": value }] })
}

async fn with(client: &Client, method: Method, path: &str, header: (&str, &str), body: Option<&Value>) -> Answer {
    client.send(method, path, &[header], body.map(Value::to_string)).await
}

#[tokio::test]
async fn the_etag_is_the_version_everywhere() {
    let gateway = Gateway::start();
    let scim = gateway.admin();
    for (endpoint, body) in [
        ("/scim/v2/Users", json!({ "userName": "a" })),
        ("/scim/v2/Groups", json!({ "displayName": "g" })),
        ("/scim/v2/Roles", json!({ "name": "r" })),
    ] {
        let made = scim.post(endpoint, &body).await;
        let path = format!("{endpoint}/{}", made.id());
        let patch = op("add", "externalId", &json!("x"));
        let answers =
            [made, scim.get(&path).await, scim.put(&path, &body).await, scim.patch(&path, &patch).await, scim.get(&path).await];
        let versions: Vec<_> = answers.iter().map(|a| a.header("etag").unwrap()).collect();
        assert_eq!(versions, ["W/\"1\"", "W/\"1\"", "W/\"1\"", "W/\"2\"", "W/\"2\""], "{endpoint}");
        for answer in &answers {
            assert_eq!(answer.body["meta"]["version"].as_str(), answer.header("etag"), "{}", answer.text);
        }
        let prefer = ("Prefer", "return=minimal");
        let brief = with(&scim, Method::PATCH, &path, prefer, Some(&op("remove", "externalId", &Value::Null))).await;
        assert_eq!((brief.status, brief.text.as_str(), brief.header("etag")), (204, "", Some("W/\"3\"")));
        let head = scim.send(Method::HEAD, &path, &[], None).await;
        assert_eq!((head.status, head.header("etag"), head.text.as_str()), (200, Some("W/\"3\""), ""));
    }
}

#[tokio::test]
async fn if_match_guards_every_write() {
    let gateway = Gateway::start();
    let scim = gateway.admin();
    for (endpoint, body) in [
        ("/scim/v2/Users", json!({ "userName": "a" })),
        ("/scim/v2/Groups", json!({ "displayName": "g" })),
        ("/scim/v2/Roles", json!({ "name": "r" })),
    ] {
        let path = format!("{endpoint}/{}", scim.post(endpoint, &body).await.id());
        let patch = op("add", "externalId", &json!("x"));
        for (method, body) in [(Method::PUT, Some(&body)), (Method::PATCH, Some(&patch)), (Method::DELETE, None)] {
            for stale in ["W/\"7\"", "\"0\"", "W/\"x\"", "W/\"2\", W/\"3\"", ""] {
                let refused = with(&scim, method.clone(), &path, ("If-Match", stale), body).await;
                assert_eq!((refused.status, &refused.body["status"]), (412, &json!("412")), "{method} {stale}: {}", refused.text);
                assert_eq!(refused.body.get("scimType"), None);
            }
        }
        assert_eq!(scim.get(&path).await.header("etag"), Some("W/\"1\""));
        for (good, version) in [("W/\"1\"", "x"), ("*", "y"), ("W/\"9\", W/\"3\"", "z"), ("\"4\"", "ä")] {
            let patch = op("replace", "externalId", &json!(version));
            let done = with(&scim, Method::PATCH, &path, ("If-Match", good), Some(&patch)).await;
            assert_eq!(done.status, 200, "{good}: {}", done.text);
        }
        let put = with(&scim, Method::PUT, &path, ("If-Match", "W/\"5\""), Some(&body)).await;
        assert_eq!((put.status, put.header("etag")), (200, Some("W/\"6\"")), "{}", put.text);
        assert_eq!(with(&scim, Method::DELETE, &path, ("If-Match", "W/\"6\""), None).await.status, 204);
        let gone = with(&scim, Method::PUT, &path, ("If-Match", "*"), Some(&body)).await;
        assert_eq!(gone.status, 404, "{}", gone.text);
    }
}

#[tokio::test]
async fn if_none_match_spares_the_body_where_nothing_else_can_change() {
    let gateway = Gateway::start();
    let scim = gateway.admin();
    let user = scim.post("/scim/v2/Users", &json!({ "userName": "a" })).await;
    let group = scim.post("/scim/v2/Groups", &json!({ "displayName": "g" })).await;
    let role = scim.post("/scim/v2/Roles", &json!({ "name": "r" })).await;
    let (user, role) = (format!("/scim/v2/Users/{}", user.id()), format!("/scim/v2/Roles/{}", role.id()));
    let group_path = format!("/scim/v2/Groups/{}", group.id());
    for (path, status) in [
        (role.as_str(), 304),
        // They show roles or groups, which may change without the version.
        (user.as_str(), 200),
        (&format!("{user}?excludedAttributes=roles"), 200),
        (&format!("{user}?attributes=userName"), 304),
        (&format!("{user}?excludedAttributes=roles,groups"), 304),
    ] {
        let read = with(&scim, Method::GET, path, ("If-None-Match", "W/\"1\""), None).await;
        assert_eq!(read.status, status, "{path}");
        assert_eq!(read.header("etag"), Some("W/\"1\""), "{path}");
        assert_eq!(read.text.is_empty(), status == 304, "{path}");
        assert_eq!(with(&scim, Method::GET, path, ("If-None-Match", "W/\"2\""), None).await.status, 200, "{path}");
    }
    let member = op("add", "members", &json!([{ "value": user.rsplit('/').next().unwrap() }]));
    assert_eq!(scim.patch(&group_path, &member).await.header("etag"), Some("W/\"2\""));
    assert_eq!(scim.get(&user).await.header("etag"), Some("W/\"1\""), "a membership moves the group alone");
}

#[tokio::test]
async fn parallel_patches_of_one_group_lose_nothing() {
    for gateway in Gateway::both() {
        parallel_patches_of_one_group_lose_nothing_on(&gateway).await;
    }
}

async fn parallel_patches_of_one_group_lose_nothing_on(gateway: &Gateway) {
    const WRITERS: usize = 10;
    let scim = gateway.admin();
    let group = scim.post("/scim/v2/Groups", &json!({ "displayName": "g" })).await;
    let path = format!("/scim/v2/Groups/{}", group.id());
    let mut users = Vec::new();
    for n in 0..2 * WRITERS {
        users.push(scim.post("/scim/v2/Users", &json!({ "userName": format!("u{n}") })).await.id().to_owned());
    }
    let add = |ids: &[String]| {
        let members: Vec<Value> = ids.iter().map(|id| json!({ "value": id })).collect();
        op("add", "members", &json!(members))
    };
    assert_eq!(scim.patch(&path, &add(&users[..WRITERS])).await.status, 200);
    // Each takes one out and puts one in.
    let writes = (0..WRITERS).map(|n| {
        let (scim, path) = (scim.clone(), path.clone());
        let (out, new) = (users[n].clone(), users[WRITERS + n].clone());
        let body = json!({ "Operations": [
            { "op": "remove", "path": format!("members[value eq \"{out}\"]") },
            { "op": "add", "path": "members", "value": [{ "value": new }] },
        ] });
        tokio::spawn(async move { scim.patch(&path, &body).await.status })
    });
    for write in writes.collect::<Vec<_>>() {
        assert_eq!(write.await.unwrap(), 200);
    }
    let read = scim.get(&path).await;
    let mut members: Vec<&str> = read.body["members"].as_array().unwrap().iter().map(|m| m["value"].as_str().unwrap()).collect();
    members.sort_unstable();
    let mut expected: Vec<&str> = users[WRITERS..].iter().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(members, expected);
    assert_eq!(read.header("etag"), Some(format!("W/\"{}\"", 2 + WRITERS).as_str()));
}

#[tokio::test]
async fn of_parallel_writers_with_one_version_one_wins() {
    let gateway = Gateway::start();
    let scim = gateway.admin();
    let path = format!("/scim/v2/Users/{}", scim.post("/scim/v2/Users", &json!({ "userName": "a" })).await.id());
    let writes = (0..10).map(|n| {
        let (scim, path, body) = (scim.clone(), path.clone(), op("replace", "title", &json!(format!("t{n}"))));
        tokio::spawn(async move { with(&scim, Method::PATCH, &path, ("If-Match", "W/\"1\""), Some(&body)).await.status })
    });
    let mut statuses = Vec::new();
    for write in writes.collect::<Vec<_>>() {
        statuses.push(write.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![200], vec![412; 9]].concat());
    let same = (0..10).map(|_| {
        let (scim, body) = (scim.clone(), json!({ "userName": "taken" }));
        tokio::spawn(async move { scim.post("/scim/v2/Users", &body).await.status })
    });
    let mut statuses = Vec::new();
    for write in same.collect::<Vec<_>>() {
        statuses.push(write.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![201], vec![409; 9]].concat());
}
