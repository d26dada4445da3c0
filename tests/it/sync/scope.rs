//! Who belongs at a target.

use serde_json::json;

use super::Bench;

#[tokio::test]
async fn a_conditional_role_brings_a_user_in_and_out() {
    in_and_out(&Bench::start()).await;
}

#[tokio::test]
async fn a_conditional_role_brings_a_user_in_and_out_on_postgres() {
    in_and_out(&Bench::on_postgres()).await;
}

async fn in_and_out(bench: &Bench) {
    let role = json!({"name": "crm", "description": "uses the CRM", "condition": "/country eq \"FR\""});
    let role = bench.make("/openidm/managed/role?_action=create", role).await;
    let scope = format!("active eq true and roles.value eq \"{role}\"");
    let target = bench.target(json!({"mappings": {"user": {"scope": scope}}})).await;
    let user = json!({"userName": "mover", "country": "DE", "accountStatus": "active"});
    let user = bench.make("/openidm/managed/user?_action=create", user).await;
    bench.drain().await;
    assert_eq!(bench.user("mover").await, None);
    let out = bench.link(&target, "user", &user).await;
    assert_eq!((&out["inScope"], &out["status"]), (&json!(false), &json!(null)), "{out}");
    assert_eq!(out["scope"][0], json!({"clause": "active eq true", "holds": true}), "{out}");
    assert_eq!(out["scope"][1]["holds"], false, "{out}");

    let path = format!("/openidm/managed/user/{user}");
    let moved = |country: &str| json!([{"operation": "replace", "field": "/country", "value": country}]);
    assert_eq!(bench.admin.patch(&path, &moved("FR")).await.status, 200);
    bench.drain().await;
    assert_eq!(bench.user("mover").await.unwrap()["active"], true);
    assert_eq!(bench.link(&target, "user", &user).await["inScope"], true);

    assert_eq!(bench.admin.patch(&path, &moved("DE")).await.status, 200);
    bench.drain().await;
    assert_eq!(bench.user("mover").await.unwrap()["active"], false);
    assert_eq!(bench.link(&target, "user", &user).await["status"], "deprovisioned");

    assert_eq!(bench.admin.patch(&path, &moved("FR")).await.status, 200);
    bench.drain().await;
    assert_eq!(bench.user("mover").await.unwrap()["active"], true);

    // The role's condition changes, and with it everybody's place.
    let condition = json!([{"operation": "replace", "field": "/condition", "value": "/country eq \"IT\""}]);
    let changed = bench.admin.patch(&format!("/openidm/managed/role/{role}"), &condition).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    bench.drain().await;
    assert_eq!(bench.user("mover").await.unwrap()["active"], false);
}

#[tokio::test]
async fn a_role_of_a_group_reaches_its_members() {
    let bench = Bench::start();
    let role = bench.make("/openidm/managed/role?_action=create", json!({"name": "r", "description": "d"})).await;
    let scope = format!("roles.value eq \"{role}\"");
    bench.target(json!({"mappings": {"user": {"scope": scope}}, "deprovision": "delete"})).await;
    let user = bench.add_user("inner").await;
    let inner = bench.make("/scim/v2/Groups", json!({"displayName": "inner", "members": [{"value": user}]})).await;
    let outer = bench.make("/scim/v2/Groups", json!({"displayName": "outer", "members": [{"value": inner}]})).await;
    bench.drain().await;
    assert_eq!(bench.user("inner").await, None);
    let grant = json!({"_ref": format!("managed/group/{outer}")});
    let granted = bench.admin.post(&format!("/openidm/managed/role/{role}/members?_action=create"), &grant).await;
    assert_eq!(granted.status, 201, "{}", granted.text);
    bench.drain().await;
    assert!(bench.user("inner").await.is_some(), "through two groups");
    bench.patch(&format!("/scim/v2/Groups/{outer}"), json!([{"op": "remove", "path": "members"}])).await;
    bench.drain().await;
    assert_eq!(bench.user("inner").await, None);
}

#[tokio::test]
async fn another_scope_moves_whom_it_concerns() {
    let bench = Bench::start();
    let target = bench.target(json!({"deprovision": "delete"})).await;
    for name in ["a1", "a2", "b1"] {
        bench.add_user(name).await;
    }
    bench.drain().await;
    assert_eq!(bench.held("Users").await.len(), 3);
    let path = format!("/admin/v1/targets/{target}");
    let changed = bench.admin.patch(&path, &json!({"mappings": {"user": {"scope": "userName sw \"a\""}}})).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    bench.proxy.clear();
    bench.drain().await;
    assert_eq!((bench.held("Users").await.len(), bench.user("b1").await), (2, None));
    assert_eq!(bench.proxy.passed("PATCH"), 0, "who stays is not written again");
}
