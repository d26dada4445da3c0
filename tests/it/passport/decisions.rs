//! Decisions that hang on another tenant, and on what was decided before.

use serde_json::{Value, json};

use crate::harness::gateway::{Client, Gateway};

const NIGHT: &str = "hour(now()) < 6 || hour(now()) >= 22";

/// A scheduler that may run the payroll, and the policy that shuts the night out.
async fn payroll(admin: &Client) -> String {
    let role = json!({ "name": "payroll-executor", "permissions": ["payroll.run"] });
    assert_eq!(admin.post("/passport/admin/roles", &role).await.status, 201);
    let boss = admin.post("/scim/v2/Users", &json!({ "userName": "boss" })).await;
    let owned = json!({ "name": "scheduler", "owner": { "type": "user", "id": boss.id() } });
    let made = admin.post("/passport/admin/managed-identities", &owned).await;
    let id = made.body["managedIdentityId"].as_str().unwrap().to_owned();
    let roles = json!({ "roles": ["payroll-executor"] });
    assert_eq!(admin.put(&format!("/passport/admin/managed-identities/{id}/roles"), &roles).await.status, 200);
    let policy = json!({ "resourceType": "workflow", "resourceId": "wf-monthly-payroll", "conditions": [
        { "effect": "Deny", "condition": NIGHT, "message": "outside allowed hours" },
    ] });
    assert_eq!(admin.post("/passport/admin/resource-policies", &policy).await.status, 201);
    id
}

async fn run(admin: &Client, id: &str) -> Value {
    let resource = json!({ "type": "workflow", "id": "wf-monthly-payroll" });
    let body = json!({ "caller": { "type": "service_account", "id": id }, "permission": "payroll.run", "resource": resource });
    let answer = admin.post("/passport/check-permission", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

/// A policy acts from the write on, whatever is kept compiled: changed, tried, removed.
#[tokio::test]
async fn what_is_kept_compiled_is_of_the_revision_that_stands() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        let id = payroll(&admin).await;
        let made = admin.post("/passport/admin/resource-policies", &json!({ "effect": "Deny", "condition": "false" })).await;
        let path = format!("/passport/admin/resource-policies/{}", made.id());
        let deny = json!({ "effect": "Deny", "condition": "true", "message": "now" });
        assert_eq!(run(&admin, &id).await["allowed"], true);
        let tried = admin.send(reqwest::Method::PUT, &path, &[("Provost-Dry-Run", "1")], Some(deny.to_string())).await;
        assert_eq!((tried.status, tried.header("etag")), (200, Some("W/\"2\"")));
        assert_eq!(run(&admin, &id).await["allowed"], true, "a policy that was only tried denies");
        assert_eq!(admin.put(&path, &deny).await.status, 200);
        assert_eq!(run(&admin, &id).await["message"], "now");
        let other = json!({ "effect": "Deny", "condition": "true", "message": "later" });
        assert_eq!(admin.put(&path, &other).await.status, 200);
        assert_eq!(run(&admin, &id).await["message"], "later");
        assert_eq!(admin.delete(&path).await.status, 204);
        assert_eq!(run(&admin, &id).await["allowed"], true);
    }
}

/// Every change of a policy is in the change log, whole before and after; what changes nothing is not.
#[tokio::test]
async fn the_change_log_tells_of_policies() {
    for gateway in Gateway::both() {
        let admin = gateway.admin();
        let [first, second] = ["true", "false"].map(|text| json!({ "effect": "Deny", "condition": text }));
        let made = admin.post("/passport/admin/resource-policies", &first).await;
        let path = format!("/passport/admin/resource-policies/{}", made.id());
        for body in [&first, &second] {
            assert_eq!(admin.put(&path, body).await.status, 200);
        }
        assert_eq!(admin.delete(&path).await.status, 204);
        gateway.sync.drain().await.unwrap();
        let listed = admin.get("/admin/v1/changes?type=resource-policy").await;
        let told: Vec<Value> =
            listed.body["changes"].as_array().unwrap().iter().map(|c| json!([c["op"], c["rev"], c["detail"]])).collect();
        let expected = [
            json!(["create", 1, { "after": first }]),
            json!(["update", 2, { "before": first, "after": second }]),
            json!(["delete", 2, { "before": second }]),
        ];
        assert_eq!(told, expected, "{}", listed.text);
        assert_eq!(
            (&listed.body["changes"][0]["objectId"], &listed.body["changes"][0]["dialect"]),
            (&json!(made.id()), &json!("passport"))
        );
    }
}

/// Another tenant's principals are nobody, and its policies deny nothing.
#[tokio::test]
async fn tenants_do_not_meet() {
    for gateway in Gateway::both() {
        let (ours, theirs) = (gateway.admin(), gateway.tenant("other").await);
        let id = payroll(&ours).await;
        let told = run(&theirs, &id).await;
        assert_eq!((&told["allowed"], &told["explanation"]["reason"]), (&json!(false), &json!("unknown_principal")));
        let strict = json!({ "effect": "Deny", "condition": "true" });
        assert_eq!(theirs.post("/passport/admin/resource-policies", &strict).await.status, 201);
        assert_eq!(run(&ours, &id).await["allowed"], true);
    }
}
