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
