//! A group's members are read only when they are shown.

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use serde_json::{Value, json};

use crate::harness::gateway::Gateway;

#[tokio::test]
async fn members_that_are_not_shown_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let gateway = Gateway::with(&data, &[("PROVOST_SYNC__ENABLED", "false")]);
    let scim = gateway.admin();
    let user = scim.post("/scim/v2/Users", &json!({ "userName": "a" })).await;
    let group = json!({ "displayName": "g", "members": [{ "value": user.id() }] });
    let group = format!("/scim/v2/Groups/{}", scim.post("/scim/v2/Groups", &group).await.id());
    assert_eq!(scim.get(&group).await.body["members"][0]["value"], user.id());
    // Behind the server's back: whoever reads a membership now fails.
    let mut file = SqliteConnection::establish(data.join("provost.db").to_str().unwrap()).unwrap();
    file.batch_execute("UPDATE edges SET properties = '{' WHERE relation = 'membership'").unwrap();
    for query in ["excludedAttributes=members", "excludedAttributes=Members,meta", "attributes=displayName"] {
        for path in [&group, "/scim/v2/Groups"] {
            let answer = scim.get(&format!("{path}?{query}")).await;
            assert_eq!(answer.status, 200, "{path} {query}: {}", answer.text);
            assert!(answer.text.contains("displayName\":\"g\"") && !answer.text.contains("members"), "{}", answer.text);
        }
        let find = format!("/scim/v2/Groups?{query}&filter=displayName%20eq%20%22g%22");
        assert_eq!(scim.get(&find).await.body["totalResults"], 1, "{query}");
        let (name, value) = query.split_once('=').unwrap();
        let names: Vec<&str> = value.split(',').collect();
        for path in ["/scim/v2/Groups/.search", "/scim/v2/.search"] {
            let found = scim.post(path, &json!({ name: names, "filter": "displayName eq \"g\"" })).await;
            let list = &found.body["Resources"];
            assert_eq!(
                (found.status, &list[0]["displayName"], list[0].get("members")),
                (200, &json!("g"), None),
                "{}",
                found.text
            );
        }
        let patch = json!({ "Operations": [{ "op": "replace", "path": "externalId", "value": value.len().to_string() }] });
        let patched = scim.patch(&format!("{group}?{query}"), &patch).await;
        assert_eq!((patched.status, &patched.body["displayName"]), (200, &json!("g")), "{query}: {}", patched.text);
        assert_eq!(patched.body.get("members"), None, "{query}");
    }
    let raw = scim.http.get(format!("{}{group}", gateway.url)).bearer_auth(&scim.token).send().await.unwrap();
    assert_eq!((raw.status().as_u16(), &raw.headers()["content-type"]), (500, &"application/scim+json".parse().unwrap()));
    let told: Value = raw.json().await.unwrap();
    assert_eq!((&told["schemas"], &told["status"]), (&json!(["urn:ietf:params:scim:api:messages:2.0:Error"]), &json!("500")));
    let detail = told["detail"].as_str().unwrap().to_lowercase();
    assert!(!detail.is_empty() && told.as_object().unwrap().len() == 3, "{told}");
    for inner in ["edge", "json", "eof", "line", "column", "sql", "provost.db", "properties", "membership"] {
        assert!(!detail.contains(inner), "{inner}: {told}");
    }
    file.batch_execute("UPDATE edges SET properties = NULL").unwrap();
    assert_eq!(scim.get(&group).await.body["members"][0]["value"], user.id());
}

#[tokio::test]
async fn a_large_group_is_sent_as_it_is_read() {
    const MEMBERS: usize = 2_345;
    for gateway in Gateway::both() {
        let scim = gateway.tenant("t").await;
        let users: Vec<Value> = (0..MEMBERS)
            .map(|n| {
                json!({ "method": "POST", "path": "/Users", "bulkId": format!("{n}"),
                "data": { "userName": format!("u{n}"), "displayName": format!("\"{n}\" é") } })
            })
            .collect();
        let mut members = Vec::new();
        for batch in users.chunks(900) {
            let done = scim.post("/scim/v2/Bulk", &json!({ "Operations": batch })).await;
            for made in done.body["Operations"].as_array().unwrap() {
                assert_eq!(made["status"], "201", "{made}");
                let id = made["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
                members.push(json!({ "value": id }));
            }
        }
        let nested = scim.post("/scim/v2/Groups", &json!({ "displayName": "n" })).await;
        members.push(json!({ "value": nested.id() }));
        let made = scim.post("/scim/v2/Groups", &json!({ "displayName": "g", "members": members })).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let group = format!("/scim/v2/Groups/{}", made.id());
        let sorted = |body: &Value| {
            let mut list: Vec<String> = body["members"].as_array().unwrap().iter().map(Value::to_string).collect();
            list.sort();
            list
        };
        let whole = scim.get(&group).await;
        assert_eq!((whole.status, whole.header("content-type")), (200, Some("application/scim+json")));
        assert_eq!((whole.header("transfer-encoding"), whole.header("etag")), (Some("chunked"), made.header("etag")));
        // It is the same resource that a write answers, which is built in one piece.
        assert_eq!(sorted(&whole.body), sorted(&made.body));
        let (mut sent, mut answered) = (whole.body.clone(), made.body.clone());
        assert_eq!(sent["members"].as_array().unwrap().len(), MEMBERS + 1);
        sent["members"].take();
        answered["members"].take();
        assert_eq!(sent, answered);
        let part = scim.get(&format!("{group}?attributes=members.value,members.type")).await;
        let first = part.body["members"][0].as_object().unwrap();
        assert_eq!((first.len(), part.body["members"].as_array().unwrap().len()), (2, MEMBERS + 1), "{first:?}");
        assert!(part.body.get("displayName").is_none() && part.body["id"] == made.body["id"]);
        let without = scim.get(&format!("{group}?excludedAttributes=members.$ref")).await;
        assert!(without.body["members"][MEMBERS].get("$ref").is_none() && without.body["displayName"] == "g");
        let head = scim.http.head(format!("{}{group}", gateway.url)).bearer_auth(&scim.token).send().await.unwrap();
        assert_eq!((head.status().as_u16(), head.headers()["etag"].to_str().ok()), (200, made.header("etag")));
        let same = scim.http.get(format!("{}{group}?attributes=members", gateway.url)).bearer_auth(&scim.token);
        let same = same.header("if-none-match", made.header("etag").unwrap()).send().await.unwrap();
        assert_eq!(same.status(), 304);
        let roles = scim.post("/scim/v2/Roles", &json!({ "name": "r" })).await;
        let grants: Vec<Value> = members
            .iter()
            .take(MEMBERS)
            .map(|m| json!({ "_ref": format!("managed/user/{}", m["value"].as_str().unwrap()) }))
            .collect();
        let role = scim.put(&format!("/openidm/managed/role/{}", roles.id()), &json!({ "name": "r", "members": grants })).await;
        assert_eq!(role.status, 200, "{}", role.text);
        let role = scim.get(&format!("/scim/v2/Roles/{}?attributes=members", roles.id())).await;
        assert_eq!(role.body["members"].as_array().unwrap().len(), MEMBERS);
        assert_eq!(scim.get(&format!("/scim/v2/Roles/{}", roles.id())).await.body.get("members"), None);
    }
}
