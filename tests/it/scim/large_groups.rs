//! A group's members are read only when they are shown.

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use serde_json::json;

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
    }
    let raw = scim.http.get(format!("{}{group}", gateway.url)).bearer_auth(&scim.token).send().await.unwrap();
    assert!(raw.status().is_server_error(), "{}", raw.status());
    file.batch_execute("UPDATE edges SET properties = NULL").unwrap();
    assert_eq!(scim.get(&group).await.body["members"][0]["value"], user.id());
}
