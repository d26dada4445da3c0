//! A dry run foretells what targets will be told, and then it happens so.

use serde_json::{Value, json};

use super::Bench;

async fn foretold(bench: &Bench, method: &str, path: &str, body: Value) -> Value {
    let headers = [("Provost-Dry-Run", "1"), ("Accept", "application/vnd.provost.effects+json")];
    let body = (!body.is_null()).then(|| body.to_string());
    let told = bench.admin.send(method.parse().unwrap(), path, &headers, body).await;
    assert!(told.status == 200 || told.status == 201, "{}", told.text);
    told.body["targets"].clone()
}

async fn happened(bench: &Bench, target: &str, id: &str) -> Value {
    bench.drain().await;
    let log = bench.admin.get(&format!("/admin/v1/targets/{target}/attempts?objectId={id}&limit=1")).await;
    json!({ "op": log.body["attempts"][0]["op"], "paths": log.body["attempts"][0]["paths"] })
}

async fn it_happens_as_foretold(bench: Bench) {
    let wish = json!({ "mappings": { "user": { "scope": "active eq true" }, "group": {} }, "deprovision": "disable" });
    let target = bench.target(wish).await;
    let (ann, bob) = (bench.add_user("ann").await, bench.add_user("bob").await);
    let group = bench.make("/scim/v2/Groups", json!({ "displayName": "g", "members": [{ "value": ann }] })).await;
    bench.settle().await;
    let path = format!("/scim/v2/Users/{ann}");
    let patch = |name: &str, value: Value| json!({ "Operations": [{ "op": "replace", "path": name, "value": value }] });

    let body = patch("displayName", json!("Ann"));
    let told = foretold(&bench, "PATCH", &path, body.clone()).await;
    assert_eq!((&told[0]["id"], &told[0]["name"], &told[0]["state"]), (&json!(target), &json!("crm"), &json!("active")));
    let call = &told[0]["calls"]["list"][0];
    assert_eq!((&call["type"], &call["id"], &call["action"]), (&json!("user"), &json!(ann), &json!("update")), "{told}");
    assert_eq!(call["changes"], json!([{ "op": "replace", "path": "displayName", "value": "Ann" }]), "{told}");
    bench.drain().await;
    assert_eq!(bench.user("ann").await.unwrap().get("displayName"), None, "only foretold");
    assert_eq!(bench.admin.patch(&path, &body).await.status, 200);
    assert_eq!(happened(&bench, &target, &ann).await, json!({ "op": "update", "paths": ["displayName"] }));

    // What a target does not hold it is not told.
    let told = foretold(&bench, "PATCH", &path, patch("profileUrl", json!("https://x.example/"))).await;
    assert_eq!(told, json!([]));

    let member = json!({ "Operations": [{ "op": "add", "path": "members", "value": [{ "value": bob }] }] });
    let told = foretold(&bench, "PATCH", &format!("/scim/v2/Groups/{group}"), member).await;
    let call = &told[0]["calls"]["list"][0];
    assert_eq!((&call["id"], &call["action"], &call["membersAdded"]), (&json!(group), &json!("members"), &json!(1)), "{told}");

    let told = foretold(&bench, "POST", "/scim/v2/Users", json!({ "userName": "new", "active": false })).await;
    assert_eq!(told, json!([]), "out of scope");
    let made = foretold(&bench, "POST", "/scim/v2/Users", json!({ "userName": "new" })).await;
    let call = &made[0]["calls"]["list"][0];
    assert_eq!(call["action"], "create", "{made}");
    assert!(call["changes"].as_array().unwrap().contains(&json!({ "op": "add", "path": "userName", "value": "new" })), "{call}");

    let body = patch("active", json!(false));
    let told = foretold(&bench, "PATCH", &path, body.clone()).await;
    assert_eq!(told[0]["calls"]["list"][0]["action"], "disable", "{told}");
    assert_eq!(bench.admin.patch(&path, &body).await.status, 200);
    assert_eq!(happened(&bench, &target, &ann).await["op"], "disable");
    let told = foretold(&bench, "DELETE", &format!("/scim/v2/Groups/{group}"), Value::Null).await;
    assert_eq!(told[0]["calls"]["list"][0]["action"], "delete", "{told}");
    assert_eq!(told[0]["calls"]["list"][0]["reason"], "the object was deleted", "{told}");
    assert_eq!(bench.held("Groups").await.len(), 1);
}

#[tokio::test]
async fn it_happens_as_foretold_on_sqlite() {
    it_happens_as_foretold(Bench::start()).await;
}

#[tokio::test]
async fn it_happens_as_foretold_on_postgres() {
    it_happens_as_foretold(Bench::on_postgres()).await;
}

#[tokio::test]
async fn sensitive_values_stay_hidden() {
    let bench = Bench::start();
    let rules = json!([
        { "target": "userName", "from": "userName", "match": 1 },
        { "target": "nickName", "expr": "\"secret-\" + user.userName", "sensitive": true },
        { "target": "title", "from": "title" },
    ]);
    bench.target(json!({ "mappings": { "user": { "rules": rules } } })).await;
    let headers = [("Provost-Dry-Run", "1"), ("Accept", "application/vnd.provost.effects+json")];
    let body = json!({ "userName": "ann", "title": "t" }).to_string();
    let made = bench.admin.send(reqwest::Method::POST, "/scim/v2/Users", &headers, Some(body)).await;
    let changes = &made.body["targets"][0]["calls"]["list"][0]["changes"];
    assert!(changes.as_array().unwrap().contains(&json!({ "op": "add", "path": "nickName", "value": "•••" })), "{}", made.text);
    assert!(!made.text.contains("secret-"), "{}", made.text);
    let user = bench.add_user("bob").await;
    bench.settle().await;
    let patch = json!({ "Operations": [{ "op": "replace", "path": "title", "value": "u" }] }).to_string();
    let path = format!("/scim/v2/Users/{user}");
    let told = bench.admin.send(reqwest::Method::PATCH, &path, &headers, Some(patch)).await;
    let changes = told.body["targets"][0]["calls"]["list"][0]["changes"].to_string();
    assert!(changes.contains("\"title\"") && !told.text.contains("secret-"), "{}", told.text);
}
