//! Behind a proxy, with a path in its public address: what is told starts with it.

use serde_json::{Value, json};

use crate::harness::gateway::Gateway;

const PUBLIC: &str = "https://id.example/base";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

#[tokio::test]
async fn every_address_starts_with_the_public_one() {
    let folder = tempfile::tempdir().unwrap();
    for given in [PUBLIC.to_owned(), format!("{PUBLIC}/")] {
        let gateway = Gateway::with(&folder.path().join(given.len().to_string()), &[("PROVOST_PUBLIC_URL", &given)]);
        let scim = gateway.admin();
        let at = |kind: &str, id: &str| json!(format!("{PUBLIC}/scim/v2/{kind}/{id}"));
        let role = scim.post("/scim/v2/Roles", &json!({ "name": "r" })).await;
        let boss = scim.post("/scim/v2/Users", &json!({ "userName": "boss" })).await;
        let body = json!({
            "userName": "u", "roles": [{ "value": role.id() }], ENTERPRISE: { "manager": { "value": boss.id() } },
        });
        let user = scim.post("/scim/v2/Users", &body).await;
        assert_eq!(user.status, 201, "{}", user.text);
        assert_eq!(user.header("location").map(Value::from), Some(at("Users", user.id())));
        let group = json!({ "displayName": "g", "members": [{ "value": user.id() }] });
        let group = scim.post("/scim/v2/Groups", &group).await;
        assert_eq!(group.header("location").map(Value::from), Some(at("Groups", group.id())));
        let outer = json!({ "displayName": "o", "members": [{ "value": group.id() }] });
        let outer = scim.post("/scim/v2/Groups", &outer).await;

        let read = scim.get(&format!("/scim/v2/Users/{}", user.id())).await.body;
        let listed = scim.get("/scim/v2/Users?filter=userName%20eq%20%22u%22").await.body["Resources"][0].clone();
        let found = scim.post("/scim/v2/.search", &json!({ "filter": "userName eq \"u\"" })).await.body["Resources"][0].clone();
        for seen in [read, listed, found] {
            assert_eq!(seen["meta"]["location"], at("Users", user.id()), "{seen}");
            assert_eq!(seen[ENTERPRISE]["manager"]["$ref"], at("Users", boss.id()), "{seen}");
            assert_eq!(seen["groups"][0]["$ref"], at("Groups", seen["groups"][0]["value"].as_str().unwrap()), "{seen}");
            assert_eq!(seen["roles"][0]["value"], role.id());
        }
        let members = [(&group, at("Users", user.id())), (&outer, at("Groups", group.id()))];
        for (group, expected) in members {
            let seen = scim.get(&format!("/scim/v2/Groups/{}", group.id())).await;
            assert_eq!(seen.body["members"][0]["$ref"], expected, "{}", seen.text);
            assert_eq!(seen.body["meta"]["location"], at("Groups", group.id()));
        }
        let operations = json!([
            { "method": "POST", "path": "/Users", "bulkId": "n", "data": { "userName": "n" } },
            { "method": "DELETE", "path": format!("/Users/{}", boss.id()) },
        ]);
        let bulk = scim.post("/scim/v2/Bulk", &json!({ "Operations": operations })).await;
        let made = scim.get("/scim/v2/Users?filter=userName%20eq%20%22n%22").await.body["Resources"][0]["id"].clone();
        assert_eq!(bulk.body["Operations"][0]["location"], at("Users", made.as_str().unwrap()), "{}", bulk.text);
        assert_eq!(bulk.body["Operations"][1]["location"], at("Users", boss.id()), "{}", bulk.text);
        let idm = scim.post("/openidm/managed/user?_action=create", &json!({ "userName": "i" })).await;
        let expected = format!("{PUBLIC}/openidm/managed/user/{}", idm.id());
        assert_eq!(idm.header("location"), Some(expected.as_str()));
        // Discovery too; and nothing tells where it really listens.
        for path in ["ServiceProviderConfig", "ResourceTypes", "Schemas", "Users", "Groups"] {
            let seen = scim.get(&format!("/scim/v2/{path}")).await;
            assert!(seen.text.contains(&format!("\"{PUBLIC}/scim/v2/{path}")), "{path}: {}", seen.text);
            assert!(!seen.text.contains("127.0.0.1"), "{path}: {}", seen.text);
        }
    }
}
