//! The change log: who, by which token and dialect, what before and after.

use serde_json::{Value, json};

use crate::harness::gateway::{Client, Gateway, query};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

struct World {
    gateway: Gateway,
    admin: Client,
    hr: Client,
    hr_id: String,
}

impl World {
    async fn on(gateway: Gateway) -> Self {
        let admin = gateway.admin();
        let scopes = ["scim.write", "scim.read", "scim.roles", "idm.write", "idm.read", "idm.roles"];
        let wish = json!({ "name": "hr push", "scopes": scopes, "source": "workday" });
        let made = admin.post("/admin/v1/tokens", &wish).await;
        let hr = gateway.client(made.body["token"].as_str().unwrap());
        Self { hr_id: made.id().to_owned(), gateway, admin, hr }
    }

    async fn changes(&self, pairs: &[(&str, &str)]) -> Vec<Value> {
        // On PostgreSQL rows get their number from the engine.
        self.gateway.sync.drain().await.unwrap();
        let read = self.admin.get(&query("/admin/v1/changes", pairs)).await;
        assert_eq!(read.status, 200, "{}", read.text);
        read.body["changes"].as_array().unwrap().clone()
    }

    /// The rows that one request made.
    async fn of_request(&self, id: &str) -> Vec<Value> {
        self.changes(&[("limit", "1000")]).await.into_iter().filter(|row| row["requestId"] == id).collect()
    }

    async fn send(&self, id: &str, method: &str, path: &str, body: &Value) -> String {
        let body = (!body.is_null()).then(|| body.to_string());
        let done = self.hr.send(method.parse().unwrap(), path, &[("X-Request-Id", id)], body).await;
        assert!(done.status < 300, "{id}: {} {}", done.status, done.text);
        done.body["id"].as_str().or(done.body["_id"].as_str()).unwrap_or_default().to_owned()
    }
}

async fn each_kind_of_write_is_told(world: World) {
    let user = json!({
        "userName": "ann", "title": "x", "externalId": "e1", "password": "hunter2-hunter2",
        ENTERPRISE: { "department": "d", "costCenter": "c" },
    });
    let ann = world.send("made", "POST", "/scim/v2/Users", &user).await;
    let path = format!("/scim/v2/Users/{ann}");
    let rows = world.of_request("made").await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    let row = &rows[0];
    let who = |row: &Value| json!([row["actor"], row["tokenId"], row["source"], row["dialect"]]);
    assert_eq!(who(row), json!(["hr push", world.hr_id, "workday", "scim"]));
    assert_eq!(
        (&row["type"], &row["objectId"], &row["op"], &row["rev"]),
        (&json!("user"), &json!(ann), &json!("create"), &json!(1))
    );
    assert_eq!(row["at"], "2026-03-01T12:00:00.000000Z");
    let after = json!({
        "userName": "ann", "title": "x", "active": true, "externalId": "e1", ENTERPRISE: { "department": "d", "costCenter": "c" },
    });
    assert_eq!(row["detail"], json!({ "after": after }));

    let patch = json!({ "Operations": [
        { "op": "replace", "path": "title", "value": "y" },
        { "op": "replace", "path": format!("{ENTERPRISE}:department"), "value": "e" },
        { "op": "add", "path": "nickName", "value": "n" },
        { "op": "replace", "path": "password", "value": "hunter3-hunter3" },
    ] });
    world.send("patched", "PATCH", &path, &patch).await;
    let detail = &world.of_request("patched").await[0]["detail"];
    let expected = json!({
        "before": { "title": "x", ENTERPRISE: { "department": "d" } },
        "after": { "title": "y", "nickName": "n", ENTERPRISE: { "department": "e" } },
    });
    assert_eq!(detail, &expected);

    world.send("put", "PUT", &path, &json!({ "userName": "ann", "externalId": "e2", "title": "y" })).await;
    let detail = &world.of_request("put").await[0]["detail"];
    let expected = json!({
        "before": { "nickName": "n", "externalId": "e1", ENTERPRISE: { "department": "e", "costCenter": "c" } },
        "after": { "externalId": "e2" },
    });
    assert_eq!(detail, &expected);

    let field = json!([{ "operation": "replace", "field": "/sn", "value": "Berg" }]);
    world.send("idm", "PATCH", &format!("/openidm/managed/user/{ann}"), &field).await;
    let row = &world.of_request("idm").await[0];
    assert_eq!(who(row), json!(["hr push", world.hr_id, "workday", "idm"]));
    assert_eq!(row["detail"], json!({ "after": { "name": { "familyName": "Berg" } } }));

    // Relationships name both ends.
    let wish = json!({ "name": "seller", "condition": "/title eq \"s\"" });
    let role = world.send("role", "POST", "/openidm/managed/role?_action=create", &wish).await;
    let group = world.send("group", "POST", "/scim/v2/Groups", &json!({ "displayName": "all" })).await;
    let ends = |row: &Value| {
        json!([row["op"], row["detail"]["relation"], row["detail"]["variant"], row["detail"]["from"], row["detail"]["to"]])
    };
    let (person, job, club) = (
        json!({ "type": "user", "id": ann, "name": null }),
        json!({ "type": "role", "id": role, "name": "seller" }),
        json!({ "type": "group", "id": group, "name": "all" }),
    );
    let join = json!({ "Operations": [{ "op": "add", "path": "members", "value": [{ "value": ann }] }] });
    world.send("join", "PATCH", &format!("/scim/v2/Groups/{group}"), &join).await;
    let rows = world.of_request("join").await;
    assert_eq!(rows.iter().map(ends).collect::<Vec<_>>(), [json!(["edge_add", "membership", "", club, person])]);
    assert_eq!(
        (&rows[0]["objectId"], &rows[0]["otherId"], who(&rows[0])),
        (&json!(group), &json!(ann), who(row).as_array().map(|w| json!([w[0], w[1], w[2], "scim"])).unwrap())
    );
    let grant = json!({ "_ref": format!("managed/role/{role}") });
    let edge = world.send("grant", "POST", &format!("/openidm/managed/user/{ann}/roles?_action=create"), &grant).await;
    let rows = world.of_request("grant").await;
    assert_eq!(rows.iter().map(ends).collect::<Vec<_>>(), [json!(["edge_add", "grant", "", person, job])]);
    assert_eq!(rows[0]["detail"]["edge"], edge);
    let note = json!([{ "operation": "add", "field": "/_refProperties/note", "value": "x" }]);
    world.send("note", "PATCH", &format!("/openidm/managed/user/{ann}/roles/{edge}"), &note).await;
    let rows = world.of_request("note").await;
    let properties = |row: &Value| json!([row["op"], row["rev"], row["detail"]["propertiesBefore"], row["detail"]["properties"]]);
    assert_eq!(rows.iter().map(properties).collect::<Vec<_>>(), [json!(["edge_update", 2, {}, { "note": "x" }])]);
    assert_eq!(rows[0]["detail"]["edge"], edge);
    world.send("revoke", "DELETE", &format!("/openidm/managed/user/{ann}/roles/{edge}"), &Value::Null).await;
    let rows = world.of_request("revoke").await;
    assert_eq!(
        rows.iter().map(ends).collect::<Vec<_>>(),
        [json!(["edge_remove", "grant", rows[0]["detail"]["variant"], person, job])]
    );
    let title = json!({ "Operations": [{ "op": "replace", "path": "title", "value": "s" }] });
    world.send("condition", "PATCH", &path, &title).await;
    let rows = world.of_request("condition").await;
    let granted: Vec<Value> = rows.iter().filter(|r| r["op"] == "edge_add").map(ends).collect();
    assert_eq!(granted, [json!(["edge_add", "grant", "conditional", person, job])]);

    world.send("gone", "DELETE", &path, &Value::Null).await;
    let rows = world.of_request("gone").await;
    let removed: Vec<Value> = rows.iter().filter(|r| r["op"] == "edge_remove").map(ends).collect();
    assert!(removed.contains(&json!(["edge_remove", "membership", "", club, person])), "{removed:?}");
    assert!(removed.contains(&json!(["edge_remove", "grant", "conditional", person, job])), "{removed:?}");
    let last = rows.iter().find(|r| r["op"] == "delete").unwrap();
    assert_eq!(
        (&last["op"], &last["detail"]["before"]["userName"], last["detail"].get("after")),
        (&json!("delete"), &json!("ann"), None)
    );
    let everything = json!(world.changes(&[("limit", "1000")]).await).to_string();
    assert!(!everything.contains("hunter"), "a password in the log");

    // A token that is gone still stands there, by name and by id.
    assert_eq!(world.admin.delete(&format!("/admin/v1/tokens/{}", world.hr_id)).await.status, 204);
    for actor in ["hr push", world.hr_id.as_str()] {
        let rows = world.changes(&[("actor", actor), ("limit", "1000")]).await;
        assert!(rows.len() > 10 && rows.iter().all(|row| row["actor"] == "hr push" && row["tokenId"] == world.hr_id), "{actor}");
    }
    assert_eq!(world.changes(&[("actor", "somebody else")]).await, Vec::<Value>::new());
    let rows = world.changes(&[("objectId", ann.as_str()), ("type", "user"), ("limit", "1000")]).await;
    assert!(rows.len() > 5 && rows.iter().all(|row| row["objectId"] == ann));
    let first = world.changes(&[("limit", "2")]).await;
    let second = world.changes(&[("after", &first[1]["seq"].to_string()), ("limit", "1")]).await;
    assert_eq!(second[0]["seq"], 3);
    let none = world.changes(&[("type", "robot")]).await;
    assert_eq!(none, Vec::<Value>::new());
    assert_eq!(world.admin.get("/admin/v1/changes?objectId=x").await.status, 400);
}

#[tokio::test]
async fn each_kind_of_write_is_told_on_sqlite() {
    each_kind_of_write_is_told(World::on(Gateway::start()).await).await;
}

#[tokio::test]
async fn each_kind_of_write_is_told_on_postgres() {
    // Whoever works in the background may just be numbering.
    let gateway = Gateway::on_postgres_with(&[("PROVOST_SYNC__ENABLED", "false")]);
    each_kind_of_write_is_told(World::on(gateway).await).await;
}
